# A slot on a standby (PostgreSQL 16 and later) says what one on the primary
# server says, across vacuuming of what its snapshots still need, and after the
# standby has become the primary.
use strict;
use warnings;

use DecodingTest;
use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_decoding_server('primary', conf => 'autovacuum = off');
plan skip_all => 'slots on standbys came with PostgreSQL 16'
  if $node->safe_psql('postgres', 'SHOW server_version_num') < 160000;

$node->safe_psql('postgres', q{
	CREATE TABLE h (k int PRIMARY KEY, a text);
	CREATE TABLE e (k int PRIMARY KEY, a text) USING eventstore;
	SELECT pg_create_physical_replication_slot('standby');
	SELECT pg_create_logical_replication_slot('here', 'test_decoding')});
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "primary_slot_name = 'standby'\nhot_standby_feedback = on\n");
$standby->start;

sub add
{
	my ($from, $to) = @_;

	return join '', map {
		"INSERT INTO $_ SELECT g, CASE WHEN g % 3 = 0 THEN (SELECT string_agg(md5(g || ':' || i), '') FROM generate_series(1, 90) i) END
			FROM generate_series($from, $to) g;\n"
	} ('h', 'e');
}

sub is_decoded
{
	my ($server, $slot, $keys, $what) = @_;
	my $text = changes_of($server, $slot);
	my %of = map { $_ => join("\n", $text =~ /^table public\.$_: (.*)$/mg) } ('h', 'e');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_same_text($of{e}, $of{h}, "$what: the same of both tables");
	is(join(' ', $of{e} =~ /^INSERT: k\[integer\]:(\d+) /mg), $keys, "$what: these rows");
	return;
}

$standby->create_logical_slot_on_standby($node, 'there', 'postgres');
$node->safe_psql('postgres', q{SELECT count(*) FROM pg_logical_slot_get_changes('here', NULL, NULL)});
$node->safe_psql('postgres', add(1, 5) . 'BEGIN;' . add(6, 7) . 'SAVEPOINT a;' . add(8, 9) . 'ROLLBACK TO a;' . add(10, 10) . 'COMMIT');
$node->safe_psql('postgres', 'ALTER TABLE h ADD b int DEFAULT 1; ALTER TABLE e ADD b int DEFAULT 1;' . add(11, 12)
	  . 'VACUUM (FREEZE) e; VACUUM (FREEZE) h; VACUUM pg_class; VACUUM FULL e; VACUUM FULL h;' . add(13, 13));
$node->safe_psql('postgres', 'COPY e FROM STDIN;' . "\n14\tx\t1\n15\ty\t1\n\\.\n" . 'COPY h FROM STDIN;' . "\n14\tx\t1\n15\ty\t1\n\\.\n");
$node->wait_for_replay_catchup($standby);
my $keys = '1 2 3 4 5 6 7 10 11 12 13 14 15';
is_decoded($node, 'here', $keys, 'on the primary server');
is_decoded($standby, 'there', $keys, 'on the standby');

$node->safe_psql('postgres', add(21, 22) . 'TRUNCATE e, h;' . add(23, 23));
$node->wait_for_replay_catchup($standby);
$standby->promote;
$standby->safe_psql('postgres', add(24, 25));
is_decoded($standby, 'there', '21 22 23 24 25', 'after it became the primary');
is_sound($standby, 'postgres', 'at the end');

$standby->stop;
$node->stop;
done_testing();
