# A standby replays the whole SQL suite, comparing every page with the
# primary's image of it, and answers the same queries.
use strict;
use warnings;

use Cwd qw(abs_path);
use EventStoreTest;
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tests = dirname(dirname(abs_path(__FILE__)));
my $schedule = "$tests/regress_schedule";

plan skip_all => 'there is no SQL suite' if !-e $schedule;

my $primary = new_server(
	'primary',
	allows_streaming => 1,
	extra => ['--data-checksums'],
	conf => q{
wal_level = logical
wal_consistency_checking = 'eventstore'
max_wal_size = 1GB
synchronize_seqscans = off
});
$primary->start;

# Every record carries an image of its page to be compared with: compress them,
# and keep them until the standby has them.
$primary->safe_psql('postgres', q{
	SELECT CASE WHEN 'lz4' = ANY (enumvals) THEN 'lz4' ELSE 'on' END AS way
	FROM pg_settings WHERE name = 'wal_compression' \gset
	ALTER SYSTEM SET wal_compression = :'way';
	SELECT pg_reload_conf();
	SELECT pg_create_physical_replication_slot('standby', true)});
$primary->backup('start');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'start', has_streaming => 1);
$standby->append_conf('postgresql.conf', q{
primary_slot_name = 'standby'
max_standby_streaming_delay = 600s
});
$standby->start;

# The suite, as the runner calls it: pg_regress looks for sql/ and expected/
# side by side.
my $output = PostgreSQL::Test::Utils::tempdir;
my $input = $ENV{REGRESS_INPUTDIR};
if (!defined $input)
{
	$input = "$output/input";
	mkdir $input;
	symlink("$tests/sql", "$input/sql") or die $!;
	symlink(dirname($tests) . '/expected', "$input/expected") or die $!;
}
my @command = (
	$ENV{PG_REGRESS}, '--bindir=', '--use-existing',
	'--host=' . $primary->host, '--port=' . $primary->port,
	'--dbname=regression', "--schedule=$schedule",
	"--inputdir=$input", "--outputdir=$output");
push @command, "--expecteddir=$input" if $primary->pg_version >= 16;

$primary->safe_psql('postgres', 'CREATE DATABASE regression');
my $rc = system(@command);
if ($rc != 0 && -e "$output/regression.diffs")
{
	diag(substr(slurp_file("$output/regression.diffs"), 0, 4000));
}
is($rc, 0, 'the SQL suite passes on the primary');

# What the suite may have left out: every shape of page there is.
$primary->safe_psql('regression', q{
	CREATE EXTENSION IF NOT EXISTS eventstore;
	CREATE TABLE shapes (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, k int, filler text) USING eventstore;
	CREATE UNIQUE INDEX shapes_k ON shapes (k);
	CREATE INDEX shapes_brin ON shapes USING brin (k);
	CREATE INDEX shapes_hash ON shapes USING hash (entity_id);
	SET eventstore.run_pages = 1;
	INSERT INTO shapes (entity_id, k, filler) SELECT 'e' || g % 7, g, repeat('x', 1900) FROM generate_series(1, 1500) g;
	BEGIN; INSERT INTO shapes (entity_id, k, filler) SELECT 'a', g, repeat('x', 1900) FROM generate_series(2001, 2300) g; ROLLBACK;
	INSERT INTO shapes (entity_id, k) SELECT 's', g FROM generate_series(1, 3000, 100) g ON CONFLICT DO NOTHING;
	INSERT INTO shapes VALUES (1000000, 'jump', 1000000), (1000010, 'jump', 1000010);
	INSERT INTO shapes (entity_id, k, filler) SELECT 'toast', 2000000, string_agg(md5(g::text), '') FROM generate_series(1, 1000) g;
});
$primary->safe_psql('regression', 'VACUUM (FREEZE) shapes');
$primary->safe_psql('regression', q{INSERT INTO shapes (entity_id, k) SELECT 'late', g FROM generate_series(3000001, 3000400) g});

$primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush'));

# Statements that read every permanent table of a server, and every btree index
# on a plain column.
my $tables = q{
	FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'eventstore'
	WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' AND c.relispopulated
};
my $read_tables = qq{
	SELECT format('SELECT %L, count(*), md5(string_agg(t::text, chr(10) ORDER BY ctid)) FROM ONLY %s t', c.oid::regclass, c.oid::regclass)
	$tables ORDER BY c.oid};
my $read_indexes = qq{
	SELECT format('SELECT %L, %L, count(*), md5(string_agg(t.%3\$I::text, chr(10) ORDER BY ctid)) FROM ONLY %4\$s t WHERE t.%3\$I IS NOT NULL',
		i.indexrelid::regclass, 'index', att.attname, c.oid::regclass)
	FROM (SELECT c.oid $tables) c
	JOIN pg_index i ON i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] <> 0
	JOIN pg_class ic ON ic.oid = i.indexrelid
	JOIN pg_am ia ON ia.oid = ic.relam AND ia.amname = 'btree'
	JOIN pg_attribute att ON att.attrelid = c.oid AND att.attnum = i.indkey[0]
	ORDER BY i.indexrelid};

sub answers
{
	my ($node, $statements, $settings) = @_;

	return $node->safe_psql('regression', "$settings\n$statements \\gexec\n");
}

my $on_primary = answers($primary, $read_tables, '');
like($on_primary, qr/shapes\|/, 'there are tables');
is(answers($standby, $read_tables, ''), $on_primary, 'the same rows on the standby');
my $by_index = 'SET enable_seqscan = off; SET enable_bitmapscan = off;';
is( answers($standby, $read_indexes, $by_index),
	answers($primary, $read_indexes, $by_index),
	'the same rows by index on the standby');
is_sound($primary, 'regression', 'on the primary');
is_sound($standby, 'regression', 'on the standby');

# Each page is as far as its record, which the comparison of pages leaves out.
SKIP:
{
	skip 'no pageinspect', 1
	  unless $primary->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pageinspect'});
	$primary->safe_psql('regression', 'CREATE EXTENSION pageinspect');
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	my $blocks = $standby->safe_psql('regression', q{SELECT pg_relation_size('shapes') / 8192});
	my $lsns = qq{
		SELECT string_agg(lsn::text, ' ' ORDER BY b), min(nullif(lsn, '0/0'::pg_lsn)) IS NOT NULL
		FROM generate_series(0, $blocks - 1) b, page_header(get_raw_page('shapes', b::int))};
	is($standby->safe_psql('regression', $lsns), $primary->safe_psql('regression', $lsns), 'pages have the same LSNs on the standby');
}

$standby->stop;
$primary->stop;
command_ok([ 'pg_checksums', '--check', '-D', $_->data_dir ],
	'checksums of ' . $_->name)
  foreach $primary, $standby;
done_testing();
