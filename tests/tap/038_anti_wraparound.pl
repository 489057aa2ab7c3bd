# Autovacuum alone keeps every table young: with rows and without, in use and not,
# their toast tables, materialised views, partitions, unlogged ones, and those for
# which it is switched off.  A transaction that stays open holds it back as on
# heap, and it comes again when that has ended, and then no more.
#
# Transaction and multixact numbers are used up by pg_resetwal.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => q{
wal_level = replica
autovacuum = on
autovacuum_naptime = 1s
autovacuum_vacuum_cost_delay = 0
autovacuum_max_workers = 3
autovacuum_vacuum_insert_threshold = -1
autovacuum_freeze_max_age = 100000
autovacuum_multixact_freeze_max_age = 10000
log_autovacuum_min_duration = 0
});
my @tables = qw(idle empty busy large off_switch parts_1 parts_2 totals unlogged heap);
my $names = join ', ', map { "'$_'" } @tables;
my $rows = join ' UNION ALL ', map {
	"SELECT '$_', count(*), md5(string_agg(t::text, chr(10) ORDER BY ctid)) FROM $_ t"
} grep { $_ ne 'busy' } @tables;
my $columns = 'position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text';

# the tables, and what of them is out of line
my $all = qq{
	SELECT c.oid, c.relname, age(c.relfrozenxid) AS age, mxid_age(c.relminmxid) AS mxid_age FROM pg_class c
	WHERE c.relname IN ($names)
		OR c.oid IN (SELECT reltoastrelid FROM pg_class WHERE relname IN ($names))};
my $stop = PostgreSQL::Test::Utils::tempdir . '/stop';

# Numbers move on by a whole number of pages of pg_xact, and of pg_multixact.
my ($xid, $mxid) = (0, 0);

sub use_up
{
	my ($what) = @_;

	$node->stop;
	command_ok(
		[
			'pg_resetwal', '-x', 32768 * ($xid += 5), '-m', 2048 * ($mxid += 10) . ',1',
			'-D', $node->data_dir
		],
		$what);
	$node->start;
	return;
}

sub becomes_young
{
	my ($what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok( $node->poll_query_until('postgres', "SELECT count(*) = 0 FROM ($all) x WHERE age > 100000 OR mxid_age > 10000"),
		"$what: all tables become young")
	  or diag($node->safe_psql('postgres', $all));
	ok( $node->poll_query_until('postgres', q{
			SELECT bool_and(age(datfrozenxid) < 100000 AND mxid_age(datminmxid) < 10000) FROM pg_database}),
		"$what: and so do the databases");
	return;
}

$node->start;
$node->safe_psql('postgres', qq{
	CREATE EXTENSION eventstore;
	CREATE TABLE idle ($columns) USING eventstore;
	INSERT INTO idle (entity_id, k) SELECT 'idle', g FROM generate_series(1, 500) g;
	BEGIN; INSERT INTO idle (entity_id, k) VALUES ('gone', 1); ROLLBACK;
	INSERT INTO idle (entity_id, k) VALUES ('idle', 501);
	BEGIN; INSERT INTO idle (entity_id, k) VALUES ('gone', 2); ROLLBACK;
	CREATE TABLE empty ($columns) USING eventstore;
	BEGIN; INSERT INTO empty (entity_id) VALUES ('gone'); ROLLBACK;
	CREATE TABLE busy ($columns) USING eventstore;
	CREATE UNIQUE INDEX ON busy (k);
	CREATE TABLE large ($columns) USING eventstore;
	INSERT INTO large (entity_id, filler) SELECT 'large', string_agg(md5(g::text), '') FROM generate_series(1, 1000) g;
	CREATE TABLE off_switch ($columns) USING eventstore WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off);
	INSERT INTO off_switch SELECT * FROM large;
	CREATE TABLE parts ($columns) PARTITION BY LIST (k);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1) USING eventstore;
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2) USING eventstore;
	INSERT INTO parts (entity_id, k) VALUES ('parts', 1);
	CREATE MATERIALIZED VIEW totals USING eventstore AS SELECT k, count(*) FROM idle GROUP BY 1 ORDER BY 1;
	CREATE UNLOGGED TABLE unlogged ($columns) USING eventstore;
	INSERT INTO unlogged (entity_id) VALUES ('unlogged');
	CREATE TABLE heap ($columns) USING heap;
	INSERT INTO heap (entity_id, k) SELECT 'heap', g FROM generate_series(1, 500) g;
	CREATE TABLE marks (n int) USING heap WITH (autovacuum_vacuum_insert_threshold = 0, autovacuum_vacuum_insert_scale_factor = 0)});
my $before = $node->safe_psql('postgres', $rows);

# ---- with a session that stores rows all the time ----

use_up('numbers are used up');
my $pid = fork() // die "fork: $!";
if ($pid == 0)
{
	my $sql = join '', map {
		"INSERT INTO busy (entity_id, k) VALUES ('busy', $_), ('busy', -$_);\n"
		  . "BEGIN; INSERT INTO busy (entity_id) VALUES ('gone'); ROLLBACK;\n"
	} 1 .. 100000;

	append_to_file("$stop.sql", $sql);
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	exec('psql', '-Xq', '-d', 'postgres', '-o', '/dev/null', '-f', "$stop.sql");
}
becomes_young('beside a writer');
$node->poll_query_until('postgres', 'SELECT count(*) > 100 FROM busy') or die 'no load';
kill 'TERM', $pid;
waitpid($pid, 0);
is($node->safe_psql('postgres', $rows), $before, 'the rows are there');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FILTER (WHERE k IS NULL), sum(k) FROM busy}),
	'0|0', 'rows of the writer, too');
is_sound($node, 'postgres', 'after autovacuum');

# ---- a transaction that stays open ----

$node->safe_psql('postgres', q{
	BEGIN;
	INSERT INTO busy (entity_id, k) VALUES ('held', 1000001);
	INSERT INTO heap (entity_id, k) VALUES ('held', 1000001);
	PREPARE TRANSACTION 'holder'});
$before = $node->safe_psql('postgres', $rows);
my $log_end = -s $node->logfile;
use_up('numbers are used up beside an open transaction');
$node->wait_for_log(qr/automatic (?:aggressive )?vacuum (?:to prevent wraparound )?of table "postgres\.public\.$_"/, $log_end)
  foreach qw(idle busy heap);
is( $node->safe_psql('postgres', "SELECT string_agg(relname, ' ' ORDER BY relname) FROM ($all) x WHERE age > 100000 AND relname IN ('busy', 'heap')"),
	'busy heap', 'an open transaction holds relfrozenxid back, as on heap');
is($node->safe_psql('postgres', $rows), $before, 'its rows are not seen');
is_sound($node, 'postgres', 'beside an open transaction');
$node->safe_psql('postgres', q{COMMIT PREPARED 'holder'});
becomes_young('after the open transaction');
is($node->safe_psql('postgres', q{SELECT position IS NOT NULL FROM busy WHERE k = 1000001}), 't', 'its row is there');
is_sound($node, 'postgres', 'after the open transaction');

# ---- and then there is nothing to do ----

$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'});
my $counts = qq{SELECT string_agg(s.relname || ' ' || s.autovacuum_count, ', ' ORDER BY s.relname)
	FROM pg_stat_all_tables s JOIN ($all) x ON x.oid = s.relid};
my $count = $node->safe_psql('postgres', $counts);

# another table's vacuums show that autovacuum has looked at all of them
foreach my $round (1 .. 3)
{
	my $vacuums = $node->safe_psql('postgres', q{
		SELECT autovacuum_count FROM pg_stat_user_tables WHERE relname = 'marks';
		INSERT INTO marks SELECT generate_series(1, 100)});
	$node->poll_query_until('postgres', "SELECT autovacuum_count > $vacuums FROM pg_stat_user_tables WHERE relname = 'marks'")
	  or die 'autovacuum does not come';
}
is($node->safe_psql('postgres', $counts), $count, 'autovacuum does not come without a reason');

$node->stop;
done_testing();
