# Data checksums, base backups, and the server's own checkers: none of them finds
# anything in event tables, and a backup taken under load recovers.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;

my $node = new_server('main', allows_streaming => 1,
	extra => ['--data-checksums'], conf => 'wal_level = logical');
my $stop = PostgreSQL::Test::Utils::tempdir . '/stop';

$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text) USING eventstore;
	CREATE UNIQUE INDEX t_k ON t (k);
	CREATE INDEX t_entity ON t (entity_id, position);
	SET eventstore.run_pages = 1;
	INSERT INTO t (entity_id, k, filler) SELECT 'e' || g % 9, g, repeat('x', 1900) FROM generate_series(1, 800) g;
	BEGIN; INSERT INTO t (entity_id, k, filler) SELECT 'gone', g, repeat('x', 1900) FROM generate_series(1001, 1400) g; ROLLBACK;
	INSERT INTO t (entity_id, k, filler) SELECT 'large', 2000, string_agg(md5(g::text), '') FROM generate_series(1, 1000) g;
	INSERT INTO t VALUES (90000, 'jump', 3000), (90020, 'jump', 3001);
});
$node->safe_psql('postgres', 'VACUUM (FREEZE) t');
$node->safe_psql('postgres', q{INSERT INTO t (entity_id, k) SELECT 'late', g FROM generate_series(4001, 4400) g});

# a base backup while rows are added
my $pid = fork() // die "fork: $!";
if ($pid == 0)
{
	my $n = 10000;

	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	open(STDERR, '>', '/dev/null');
	while (!-e $stop)
	{
		$n += 100;
		system('psql', '-XAtq', '-d', 'postgres', '-c',
			"INSERT INTO t (entity_id, k, filler) SELECT 'load', g, repeat('l', 500) FROM generate_series($n, $n + 99) g");
	}
	POSIX::_exit(0);
}
$node->poll_query_until('postgres', q{SELECT count(*) > 100 FROM t WHERE entity_id = 'load'});
$node->backup('under_load');
append_to_file($stop, '');
waitpid($pid, 0);
command_ok([ 'pg_verifybackup', $node->backup_dir . '/under_load' ], 'pg_verifybackup');

my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'under_load');
$copy->start;
is( $copy->safe_psql('postgres', q{SELECT count(*) FROM t WHERE entity_id NOT IN ('load')}),
	$node->safe_psql('postgres', q{SELECT count(*) FROM t WHERE entity_id NOT IN ('load')}),
	'the backup has the rows of before');
is( $copy->safe_psql('postgres', q{SELECT count(*) % 100 FROM t WHERE entity_id = 'load'}),
	'0', 'and transactions are whole');
is_sound($copy, 'postgres', 'in the backup');
$copy->safe_psql('postgres', q{INSERT INTO t (entity_id, k) SELECT 'copy', g FROM generate_series(5001, 5100) g});
is_sound($copy, 'postgres', 'in the backup, after more rows');
$copy->stop;
command_ok([ 'pg_checksums', '--check', '-D', $copy->data_dir ], 'checksums of the backup');

# amcheck looks at the indexes and leaves the tables alone
SKIP:
{
	skip 'amcheck is not installed', 2
	  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'}) eq '0';
	$node->safe_psql('postgres', 'CREATE EXTENSION amcheck');
	is( $node->safe_psql('postgres', q{
			SELECT count(*) FROM pg_class c, LATERAL (SELECT bt_index_parent_check(c.oid, true)) x
			WHERE c.relname IN ('t_k', 't_entity')}),
		'2', 'every row is in the indexes');
	$node->command_ok([ 'pg_amcheck', '--heapallindexed', '-d', 'postgres' ], 'pg_amcheck of the database');
}

$node->stop;
command_ok([ 'pg_checksums', '--check', '-D', $node->data_dir ], 'checksums after a clean stop');

# a damaged block is found by its checksum, and by verify, which goes on
my $file = $node->data_dir . '/';
$node->start;
$file .= $node->safe_psql('postgres', q{SELECT pg_relation_filepath('t')});
$node->stop;
open(my $handle, '+<', $file) or die $!;
seek($handle, 20 * 8192 + 4000, 0);
print $handle 'damage';
close $handle;
command_fails([ 'pg_checksums', '--check', '-D', $node->data_dir ], 'checksums of a damaged table');
$node->start;
is(sqlstate_of($node, 'postgres', 'SELECT sum(length(filler)) FROM t'), 'XX001', 'reading the damaged block');
is( $node->safe_psql('postgres', q{SELECT block FROM eventstore.verify('t') GROUP BY 1}),
	'20', 'verify names the block, and only that');
$node->stop;
done_testing();
