# wal_level = minimal: what a transaction writes into a file that it has made
# itself is not logged, but flushed or logged when it commits.  It survives a
# crash all the same, whatever happened to the file in between.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => q{
wal_level = minimal
max_wal_senders = 0
});
my $columns = 'position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text';
my $create = "CREATE TABLE t ($columns) USING eventstore;";
my $copy = "COPY t (entity_id, k) FROM STDIN;\n" . join('', map { "e\t$_\n" } 1 .. 20) . "\\.\n";
my $insert = q{INSERT INTO t (entity_id, k, filler) SELECT 'e', g, repeat('x', 100) FROM generate_series(101, 400) g;};
my $one = q{INSERT INTO t (entity_id, k) VALUES ('e', 1000);};
my $large = q{INSERT INTO t (entity_id, filler) SELECT 'e', string_agg(md5(g::text), '') FROM generate_series(1, 500) g;};
my $ignore = q{INSERT INTO t (entity_id, k) SELECT 'e', g FROM generate_series(390, 410) g ON CONFLICT DO NOTHING;};

# name, what is committed before, the transaction, rows afterwards
my @cases = (
	[ 'CREATE TABLE, COPY', '', "BEGIN; $create\n$copy COMMIT;", 20 ],
	[ 'CREATE TABLE, INSERT, COPY', '', "BEGIN; $create $insert\n$copy $large COMMIT;", 321 ],
	[ 'CREATE TABLE, index, rows', '', "BEGIN; $create CREATE UNIQUE INDEX ON t (k); $insert $ignore COMMIT;", 310 ],
	[ 'CREATE TABLE, rows in many runs', '', "SET eventstore.run_pages = 1; BEGIN; $create INSERT INTO t (entity_id, filler) SELECT 'e', repeat('x', 1900) FROM generate_series(1, 400); COMMIT;", 400 ],
	[ 'CREATE TABLE AS', '', "CREATE TABLE t USING eventstore AS SELECT 'e'::text AS entity_id, g AS k FROM generate_series(1, 500) g;", 500 ],
	[ 'TRUNCATE, COPY', "$create $insert", "BEGIN; TRUNCATE t;\n$copy COMMIT;", 20 ],
	[ 'TRUNCATE alone', "$create $insert", 'BEGIN; TRUNCATE t; COMMIT;', 0 ],
	[ 'INSERT, TRUNCATE, INSERT', "$create $insert", "BEGIN; $one TRUNCATE t; $insert $one COMMIT;", 301 ],
	[ 'TRUNCATE twice', "$create $insert", "BEGIN; TRUNCATE t; $insert TRUNCATE t; $one COMMIT;", 1 ],
	[ 'TRUNCATE in a savepoint, undone', "$create $insert", "BEGIN; $one SAVEPOINT a; TRUNCATE t; $one ROLLBACK TO a; $one COMMIT;", 302 ],
	[ 'TRUNCATE in a savepoint, kept', "$create $insert", "BEGIN; $one SAVEPOINT a; TRUNCATE t; $one RELEASE a; $one COMMIT;", 2 ],
	[ 'TRUNCATE of a new table', '', "BEGIN; $create $insert SAVEPOINT a; TRUNCATE t; $one COMMIT;", 1 ],
	[ 'rewrite', "$create $insert", "BEGIN; ALTER TABLE t ALTER k TYPE bigint; $one COMMIT;", 301 ],
	[ 'CLUSTER', "$create CREATE INDEX t_k ON t (k); $insert", "BEGIN; CLUSTER t USING t_k; $one COMMIT;", 301 ],
	[ 'VACUUM FULL', "$create BEGIN; $insert ROLLBACK; $insert $large", "VACUUM FULL t;", 301 ],
	[ 'SET TABLESPACE', "$create $insert", "BEGIN; ALTER TABLE t SET TABLESPACE other; $one COMMIT;", 301 ],
	[ 'SET LOGGED', "CREATE UNLOGGED TABLE t ($columns) USING eventstore; $insert", "BEGIN; ALTER TABLE t SET LOGGED; $one COMMIT;", 301 ],
	[ 'rolled back', "$create $insert", "BEGIN; TRUNCATE t; $one ROLLBACK;", 300 ],
);

my $tablespace = PostgreSQL::Test::Utils::tempdir;

$node->start;
$node->safe_psql('postgres', "CREATE EXTENSION eventstore; CREATE TABLESPACE other LOCATION '$tablespace'");

# everything in the WAL at commit, and everything in the file
foreach my $threshold ('1GB', '0')
{
	my %before;
	my $number = 0;

	foreach my $case (@cases)
	{
		my ($name, $setup, $transaction, $rows) = @$case;
		my $schema = 's_' . ++$number . '_' . lc $threshold;
		my $settings = "SET search_path = $schema; SET wal_skip_threshold = '$threshold';\n";

		$node->safe_psql('postgres', "CREATE SCHEMA $schema;\n$settings $setup");
		$node->safe_psql('postgres', "$settings $transaction");
		is(count_of($node, 'postgres', "$schema.t"), $rows, "$name, threshold $threshold: rows before the crash");
		$before{$schema} = rows_of($node, 'postgres', "$schema.t");
	}
	$node->stop('immediate');
	$node->start;

	$number = 0;
	foreach my $case (@cases)
	{
		my $schema = 's_' . ++$number . '_' . lc $threshold;
		my $what = "$case->[0], threshold $threshold";

		is(rows_of($node, 'postgres', "$schema.t"), $before{$schema}, "$what: rows after the crash");
		is($node->safe_psql('postgres', "SET search_path = $schema; $one SELECT count(*) FROM t"),
			$case->[3] + 1, "$what: rows go on");
	}
	is_sound($node, 'postgres', "threshold $threshold, after the crash");
}

# a crash in the middle of such a transaction
$node->safe_psql('postgres', "$create $insert");
my $before = rows_of($node, 'postgres', 't');
my $open = $node->background_psql('postgres');
$open->query_safe("BEGIN; TRUNCATE t; $insert CREATE TABLE u ($columns) USING eventstore");
$node->stop('immediate');
eval { $open->{run}->finish; };
$node->start;
is(rows_of($node, 'postgres', 't'), $before, 'an open TRUNCATE is undone');
is_sound($node, 'postgres', 'after an open TRUNCATE');

$node->stop;
done_testing();
