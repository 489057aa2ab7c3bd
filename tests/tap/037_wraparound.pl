# Transaction numbers wrap around: rows stay visible, aborted ones stay away for
# ever, VACUUM freezes and advances relfrozenxid and relminmxid, and a cluster
# that refuses new transactions is saved by a single-user server.
#
# pg_resetwal turns the counter.  It is set to the first number of a page of
# pg_xact, which the server then makes by itself, or pg_xact gets a file.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => q{
wal_level = replica
restart_after_crash = on
autovacuum_freeze_max_age = 2000000000
autovacuum_multixact_freeze_max_age = 2000000000
vacuum_freeze_min_age = 0
});
my @tables = qw(plain large parts_1 parts_2 totals frozen compacted copied);
my $columns = 'position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text';
my $ages = q{
	SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c
	WHERE (c.relam = (SELECT oid FROM pg_am WHERE amname = 'eventstore')
		OR c.oid IN (SELECT t.reltoastrelid FROM pg_class t JOIN pg_am a ON a.oid = t.relam WHERE a.amname = 'eventstore'))
	AND c.relkind IN ('r', 'm', 't')
	AND };

# Stop, turn the counters, start.
sub turn
{
	my ($what, @options) = @_;

	$node->stop;
	command_ok([ 'pg_resetwal', @options, '-D', $node->data_dir ], $what);
	return;
}

# Rows of every table, committed ones and aborted ones, named after a time.
sub fill
{
	my ($name, $k) = @_;

	$node->safe_psql('postgres', qq{
		BEGIN;
		INSERT INTO plain (entity_id, k) SELECT 'aborted $name', g FROM generate_series($k, $k + 9) g;
		INSERT INTO parts (entity_id, k) SELECT 'aborted $name', g % 2 FROM generate_series($k, $k + 9) g;
		ROLLBACK;
		INSERT INTO plain (entity_id, k) SELECT '$name', g FROM generate_series($k, $k + 9) g;
		BEGIN;
		INSERT INTO plain (entity_id, k) SELECT 'aborted $name', g FROM generate_series($k + 10, $k + 19) g;
		ROLLBACK;
		INSERT INTO large (entity_id, k, filler) SELECT '$name', $k, string_agg(md5(g::text), '') FROM generate_series($k, $k + 999) g;
		INSERT INTO parts (entity_id, k) SELECT '$name', g % 2 FROM generate_series($k, $k + 9) g;
		REFRESH MATERIALIZED VIEW totals;
		BEGIN;
		INSERT INTO compacted (entity_id, k) SELECT 'aborted $name', g FROM generate_series($k, $k + 9) g;
		ROLLBACK;
		INSERT INTO compacted (entity_id, k) SELECT '$name', g FROM generate_series($k, $k + 9) g;
		INSERT INTO copied (entity_id, k) VALUES ('$name', $k);
		INSERT INTO copied (entity_id, k) VALUES ('$name', $k + 1);
		SELECT eventstore.compact('compacted'), eventstore.compact('copied');
	});
	return;
}

# What the tables hold, in one question: servers are slow to ask often.
my $state = join ' UNION ALL ', map {
	"SELECT '$_', count(*), md5(string_agg(t::text, chr(10) ORDER BY ctid)) FROM $_ t"
} @tables;
my $problems = q{
	SELECT 'problem: ' || c.relname, v.block, concat_ws(' ', v.row_number, v.rule, v.problem)
	FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'eventstore', eventstore.verify(c.oid) v
	WHERE c.relkind IN ('r', 'm')
	UNION ALL
	SELECT 'aborted rows: ' || tableoid::regclass, count(*), min(entity_id) FROM (
		SELECT tableoid, entity_id FROM plain UNION ALL SELECT tableoid, entity_id FROM compacted UNION ALL SELECT tableoid, entity_id FROM parts) x
	WHERE entity_id LIKE 'aborted%' GROUP BY tableoid};
my $by_index = q{
	SET enable_seqscan = off;
	SET enable_bitmapscan = off;
	SELECT 'by index', count(*), '' FROM plain WHERE k >= 0};
my $rows;

sub remember
{
	$rows = $node->safe_psql('postgres', "$state; $by_index");
	return;
}

# The rows are those that were remembered, none is an aborted one, and verify
# finds nothing.
sub check
{
	my ($what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('postgres', "$state UNION ALL $problems; $by_index"),
		$rows, "$what: the rows are as they were, and sound");
	return;
}

sub vacuum_all
{
	my ($what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->command_ok([ 'vacuumdb', '--all', '--quiet' ], "$what: VACUUM of every database");
	is($node->safe_psql('postgres', "$ages age(c.relfrozenxid) > 1000"), '', "$what: relfrozenxid advances");
	check("$what, after VACUUM");
	return;
}

$node->start;
$node->safe_psql('postgres', qq{
	CREATE EXTENSION eventstore;
	UPDATE pg_database SET datallowconn = true WHERE datname = 'template0';
	CREATE TABLE plain ($columns) USING eventstore;
	CREATE UNIQUE INDEX ON plain (k);
	CREATE TABLE large ($columns) USING eventstore;
	CREATE TABLE frozen ($columns) USING eventstore;
	CREATE TABLE nothing ($columns) USING eventstore;
	CREATE TABLE compacted ($columns) USING eventstore;
	CREATE TABLE copied ($columns) USING eventstore;
	CREATE TABLE parts ($columns) PARTITION BY LIST (k);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (0) USING eventstore;
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (1) USING eventstore;
	CREATE MATERIALIZED VIEW totals USING eventstore AS SELECT entity_id, count(*) FROM plain GROUP BY 1 ORDER BY 1;
	CREATE TABLE used_up (n int);
	CREATE PROCEDURE use_up(n int) LANGUAGE plpgsql AS \$\$
	BEGIN
		FOR i IN 1..n LOOP
			BEGIN
				INSERT INTO used_up VALUES (i);
			EXCEPTION WHEN division_by_zero THEN NULL;
			END;
		END LOOP;
	END \$\$;
	INSERT INTO frozen (entity_id, k) SELECT 'frozen', g FROM generate_series(1, 500) g;
	VACUUM (FREEZE) frozen});
fill('first', 100);
remember();
check('before');

# ---- a quarter of the numbers later ----

my $aborted_xid = 0x40000000;

turn('a thousand million transactions', '-x', $aborted_xid, '-m', '536870912,1');
$node->start;
check('a quarter later');
is( $node->safe_psql('postgres', q{
		BEGIN;
		INSERT INTO plain (entity_id, k) VALUES ('aborted number', 9999) RETURNING xmin;
		ROLLBACK}),
	$aborted_xid, 'a row of a certain transaction is undone');
fill('quarter', 200);
remember();
check('a quarter later, with more rows');
is( $node->safe_psql('postgres', "$ages mxid_age(c.relminmxid) > 500000000 AND c.relkind = 'r'"),
	'compacted copied frozen large nothing parts_1 parts_2 plain', 'relminmxid is old');
$node->safe_psql('postgres', 'VACUUM nothing; VACUUM frozen');
is( $node->safe_psql('postgres', q{SELECT mxid_age(relminmxid) FROM pg_class WHERE relname IN ('nothing', 'frozen')}),
	"0\n0", 'VACUUM advances relminmxid');
$node->stop('immediate');
$node->start;
check('a quarter later, after a crash');

# ---- no numbers left ----

# runs statements in a single-user server, and returns what it printed
sub single_user
{
	my ($db, @statements) = @_;
	my ($stdout, $stderr) = ('', '');
	my @command = ('postgres', '--single', '-F', '-D', $node->data_dir, '-c', 'log_statement=none', $db);

	IPC::Run::run(\@command, '<', \join('', map { "$_\n" } @statements), '>', \$stdout, '2>', \$stderr);
	return $stdout . $stderr;
}

# autovacuum comes at once, whatever the settings are, and saves the cluster by
# itself; a stop point keeps it from doing so
my $stop_points = has_stop_points($node);
$node->safe_psql('postgres', q{ALTER DATABASE postgres SET eventstore.stop_point = 'vacuum-after-page=error'})
  if $stop_points;
turn('too many transactions', '-x', 0x7FE00000);
$node->start;
check('no numbers left');
SKIP:
{
	skip 'no stop points in this build', 4 if !$stop_points;
	my $message;
	is(sqlstate_of($node, 'postgres', q{INSERT INTO plain (entity_id, k) VALUES ('refused', 1)}, \$message),
		'54000', 'new transactions are refused');
	like($message, qr/to avoid wraparound data loss/, 'for the right reason');
	$node->wait_for_log(qr/stopped at "vacuum-after-page"/);
	is(sqlstate_of($node, 'postgres', q{INSERT INTO plain (entity_id, k) VALUES ('refused', 1)}),
		'54000', 'and still are when autovacuum was kept from helping');
	is( $node->safe_psql('postgres', "$ages age(c.relfrozenxid) > 2100000000 AND c.relname = 'plain'"),
		'plain', 'a table is as old as can be');
}
$node->stop;
my $output = join '', map { single_user($_, "SET eventstore.stop_point = '';", 'VACUUM;') } qw(template0 template1);
$output .= single_user('postgres', $stop_points ? "SET eventstore.stop_point = '';" : (), 'VACUUM;',
	'SELECT count(*) AS problems FROM eventstore.verify(\'plain\');');
like($output, qr/problems = "0"/, 'verify in a single-user server');
unlike($output, qr/(?:ERROR|FATAL|PANIC):/, 'VACUUM in a single-user server');
$node->start;
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET ALL');
check('saved');
is($node->safe_psql('postgres', "$ages (age(c.relfrozenxid) > 1000 OR mxid_age(c.relminmxid) > 1000)"),
	'', 'saved: relfrozenxid and relminmxid have advanced');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE age(datfrozenxid) > 1000}),
	'0', 'saved: datfrozenxid, too');
fill('half', 300);
remember();
check('saved, with more rows');

# ---- around the end of the numbers ----

turn('three quarters', '-x', 0xE0000000);
$node->start;
check('three quarters');
fill('three quarters', 400);
remember();
vacuum_all('three quarters');

# rows of batches keep 64 bits of their transactions' numbers; in the tail they
# have 32
$node->safe_psql('postgres', 'VACUUM FULL copied');
check('three quarters, copied');

$node->stop;
append_to_file($node->data_dir . '/pg_xact/0FFF', "\0" x (32 * 8192));
command_ok([ 'pg_resetwal', '-x', 0xFFFFFF00, '-D', $node->data_dir ], 'the last transactions');
$node->start;
check('the last numbers');
fill('last', 500);
my $epoch = q{SELECT pg_current_xact_id()::text::bigint >> 32};
is($node->safe_psql('postgres', $epoch), '0', 'the last numbers');
my $over = $node->background_psql('postgres');
$over->query_safe(q{BEGIN; INSERT INTO plain (entity_id, k) SELECT 'over', g FROM generate_series(600, 609) g});
my $never = $node->background_psql('postgres');
$never->query_safe(q{BEGIN; INSERT INTO plain (entity_id, k) SELECT 'aborted over', g FROM generate_series(700, 709) g});
$node->safe_psql('postgres', 'CALL use_up(400)');
is($node->safe_psql('postgres', $epoch), '1', 'the first numbers again');
$node->safe_psql('postgres', 'VACUUM plain; VACUUM parts');
is($node->safe_psql('postgres', q{SELECT count(*) FROM plain WHERE entity_id LIKE '%over'}),
	'0', 'open transactions of the last numbers are not seen');
fill('over', 620);
$over->query_safe('COMMIT');
$over->quit;
$never->query_safe('ROLLBACK');
$never->quit;
is($node->safe_psql('postgres', q{SELECT count(*) FROM plain WHERE k BETWEEN 600 AND 609}), '10', 'when they commit they are');
is( $node->safe_psql('postgres', q{
		SELECT string_agg(DISTINCT entity_id, ', ' ORDER BY entity_id) FROM plain WHERE xmin::text::bigint < 5000 AND xmin::text::bigint > 2}),
	'first, over', 'rows of numbers that come twice');
remember();
check('around the end');
$node->stop('immediate');
$node->start;
check('around the end, after a crash');
vacuum_all('around the end');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname = 'plain' AND relfrozenxid::text::bigint < 5000}),
	'1', 'relfrozenxid has gone around, too');

# ---- the same numbers again ----

turn('a quarter again', '-x', $aborted_xid, '-e', 1);
$node->start;
is( $node->safe_psql('postgres', q{INSERT INTO plain (entity_id, k) VALUES ('again', 800) RETURNING xmin}),
	$aborted_xid, 'the number of an aborted transaction commits in the next epoch');
remember();
check('the same numbers again');
is($node->safe_psql('postgres', q{SELECT count(*) FROM plain WHERE k = 9999}), '0', 'the aborted row stays away');
fill('again', 810);
remember();
vacuum_all('the same numbers again');
is( $node->safe_psql('postgres', q{
		INSERT INTO plain (entity_id, k) VALUES ('end', 900);
		SELECT count(*), max(position) = (SELECT max((split_part(trim('()' FROM ctid::text), ',', 1)::bigint << 8)
			+ split_part(trim('()' FROM ctid::text), ',', 2)::bigint - 1) FROM plain) FROM plain}),
	($rows =~ /^plain\|(\d+)/)[0] + 1 . '|t', 'rows go on');

$node->stop;
done_testing();
