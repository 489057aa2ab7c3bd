# A backend dies at every named point, in every way to add or move rows.  After
# the restart what was committed is there, what was not is not, verify finds
# nothing, and new rows get numbers that nobody has had.
use strict;
use warnings;

use EventStoreLoad;
use EventStoreTest;
use EventStoreWorker;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server(
	'main', conf => q{
restart_after_crash = on
wal_level = replica
wal_consistency_checking = 'eventstore'
checkpoint_timeout = 1h
});
$node->start;
plan skip_all => 'no stop points in this build' if !has_stop_points($node);
$node->safe_psql('postgres', 'CREATE EXTENSION eventstore');

# Rows of this filler fill a page by four.
my $create = q{
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL,
		k int, filler text) USING eventstore;
	ALTER TABLE t ALTER filler SET STORAGE EXTERNAL;
	CREATE UNIQUE INDEX t_k ON t (k);
};

sub add
{
	my ($n, $from, $size) = @_;

	$size = 1900 if !defined $size;
	return qq{INSERT INTO t (entity_id, k, filler)
		SELECT 'e', g, repeat('x', $size) FROM generate_series($from, $from + $n - 1) g;
	};
}

sub copy
{
	my ($n, $from) = @_;

	return "COPY t (entity_id, k, filler) FROM STDIN;\n"
	  . join('', map { "copy\t$_\t" . ('y' x 1000) . "\n" } $from .. $from + $n - 1)
	  . "\\.\n";
}

my $one_page_units = "SET eventstore.run_pages = 1;\n";
my $aborted_units =
  $one_page_units . 'BEGIN;' . add(20, 1000) . 'ROLLBACK;' . add(3, 1);

# name, stop points, what is committed before, what dies
my @cases = (
	[ 'first row', [ 'meta', 'advance', 'tail' ], '', add(1, 1) ],
	[ 'first rows by COPY', [ 'meta', 'advance', 'multi' ], '', copy(3, 1) ],
	[ 'one row', [ 'tail', 'tail-before-lock' ], add(2, 1), add(1, 10) ],
	[
		'one row in a savepoint', ['tail'], add(2, 1),
		'BEGIN; SAVEPOINT a;' . add(1, 10) . 'COMMIT;'
	],
	[
		'one row with a value out of line', ['tail'], add(2, 1),
		add(1, 10, 30000)
	],
	[ 'rows by COPY', ['multi'], add(1, 1), copy(6, 10) ],
	[ 'first rows, as a batch', [ 'meta', 'load', 'load-before-lock' ], '', copy(100, 10) ],
	[ 'rows by COPY, as a batch', ['load'], add(3, 1), copy(100, 10) ],
	[ 'a batch after a batch', ['load'], copy(100, 1), copy(100, 200) ],
	[
		'a batch in a savepoint', ['load'], add(2, 1),
		'BEGIN; SAVEPOINT a;' . copy(50, 10) . 'COMMIT;'
	],
	[
		'a batch when recent units are flushed', [ 'flush', 'load' ],
		$one_page_units . add(240, 1),
		$one_page_units . copy(50, 1000)
	],
	[
		'compaction of batches that were loaded', [ 'reserve', 'batch', 'replace' ],
		add(3, 1) . copy(100, 10) . 'BEGIN;' . copy(100, 1000) . 'ROLLBACK;' . copy(50, 200),
		q{SELECT eventstore.compact('t')}
	],
	[
		'VACUUM of batches that were loaded', [ 'settle', 'replace' ],
		add(3, 1) . copy(100, 10) . 'BEGIN;' . copy(100, 1000) . 'ROLLBACK;',
		'VACUUM (FREEZE) t'
	],
	[ 'next page of a run', ['advance'], add(4, 1), add(1, 10) ],
	[ 'next page of a run by COPY', ['advance'], add(1, 1), copy(12, 10) ],
	[
		'next run', [ 'advance', 'advance-before-lock' ],
		$one_page_units . add(4, 1),
		$one_page_units . add(1, 10)
	],
	[
		'a position ahead', ['tail'], add(2, 1),
		q{INSERT INTO t VALUES (10, 'e', 10)}
	],
	[
		'a position far ahead', ['advance'], add(2, 1),
		q{INSERT INTO t VALUES (1000, 'e', 10)}
	],
	[
		'first directory page', ['flush'],
		$one_page_units . add(240, 1),
		$one_page_units . add(20, 1000)
	],
	[
		'more of a directory page', ['flush'],
		$one_page_units . add(440, 1),
		$one_page_units . add(260, 1000)
	],
	[
		'second directory page', ['flush'],
		$one_page_units . add(720, 1),
		$one_page_units . add(260, 1000)
	],
	[
		'a lookup in a directory page', ['lookup-before-tree'],
		$one_page_units . add(400, 1),
		'SET enable_seqscan = off; SELECT k FROM t WHERE k = 1'
	],
	[
		'ON CONFLICT', [ 'tail', 'spec' ],
		add(2, 1),
		q{INSERT INTO t (entity_id, k) VALUES ('e', 10) ON CONFLICT DO NOTHING}
	],
	[
		'freezing', [ 'settle', 'vacuum-after-page' ],
		add(6, 1) . 'BEGIN;' . add(3, 10) . 'ROLLBACK;' . add(3, 20),
		'VACUUM (FREEZE) t'
	],
	[
		'a unit of aborted rows', ['replace'], $aborted_units,
		$one_page_units . 'VACUUM t'
	],
	[
		'a unit of aborted rows in the directory', ['replace'],
		$aborted_units . add(400, 2000), $one_page_units . 'VACUUM t'
	],
	[
		'an open run of aborted rows', [ 'advance', 'replace' ],
		'BEGIN;' . add(8, 1000) . 'ROLLBACK;',
		'VACUUM t'
	],
	[
		'cutting the file', ['truncate', 'truncate-after-unlock'],
		add(8, 1) . 'BEGIN;' . $one_page_units . add(400, 1000)
		  . 'ROLLBACK; RESET eventstore.run_pages;',
		$one_page_units . 'VACUUM t'
	],
	[
		'VACUUM FULL',
		[ 'copy-after-page', 'advance', 'meta' ],
		add(30, 1) . 'BEGIN;' . add(6, 100) . 'ROLLBACK;' . add(1, 200),
		'VACUUM FULL t'
	],
	[
		'CLUSTER', ['copy-after-page'],
		add(30, 1) . 'BEGIN;' . add(6, 100) . 'ROLLBACK;' . add(1, 200),
		'CLUSTER t USING t_k'
	],
	[
		'ALTER TABLE', [ 'meta', 'advance', 'tail' ],
		add(30, 1) . 'BEGIN;' . add(6, 100) . 'ROLLBACK;' . add(1, 200),
		'ALTER TABLE t ALTER k TYPE bigint'
	],
	[
		'compaction',
		[
			'advance', 'flush', 'compact-after-unit', 'reserve', 'batch',
			'compact-before-publish', 'replace', 'compact-after-publish'
		],
		add(30, 1) . 'BEGIN;' . add(6, 100) . 'ROLLBACK;' . add(1, 200),
		q{SELECT eventstore.compact('t')}
	],
	[
		'compaction of batches and the tail',
		[ 'flush', 'reserve', 'batch', 'replace', 'compact-after-publish' ],
		add(30, 1) . q{SELECT eventstore.compact('t');} . add(20, 100) . copy(9, 200),
		q{SELECT eventstore.compact('t')}
	],
	[
		'more batches than are published together',
		[ 'reserve', 'batch', 'replace' ],
		copy(2000, 1),
		q{SET eventstore.batch_rows = 100; SELECT eventstore.compact('t')}
	],
	[
		'a leaf that is split, and becomes two below a root', ['split'],
		add(14000, 1, 0),
		q{SET eventstore.batch_rows = 100; SELECT eventstore.compact('t')}
	],
	[
		'a leaf that is split, below a root', ['split'],
		add(14000, 1, 0) . q{SET eventstore.batch_rows = 100; SELECT eventstore.compact('t');} . add(14000, 20000, 0),
		q{SET eventstore.batch_rows = 100; SELECT eventstore.compact('t')}
	],
	[
		'rows after a compaction', [ 'advance', 'tail' ],
		add(30, 1) . q{SELECT eventstore.compact('t');}, add(1, 100)
	],
	[
		'row after TRUNCATE', [ 'meta', 'tail' ], add(10, 1),
		'BEGIN; TRUNCATE t;' . add(1, 1) . 'COMMIT;'
	],
);

# What every crash must leave behind.
sub check_after
{
	my ($what, $before, $highest) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(rows_of($node, 'postgres', 't'), $before,
		"$what: what was committed is there, and nothing else");
	my $sound = is_sound($node, 'postgres', "$what, after the restart");

	$node->safe_psql('postgres',
		add(1, 1000001) . copy(2, 1000002) . add(3, 1000004));
	is( $node->safe_psql(
			'postgres', qq{
			SELECT count(*), count(DISTINCT position), min(position) > $highest
			FROM t WHERE k > 1000000}),
		'6|6|t', "$what: new rows have numbers of their own");
	is( $node->safe_psql(
			'postgres', q{
			SELECT count(*) = count(DISTINCT position) FROM t}),
		't', "$what: no number twice");
	is( $node->safe_psql(
			'postgres', q{
			SET enable_seqscan = off;
			SELECT count(*) FROM t WHERE k > 1000000}),
		'6', "$what: the index has the new rows");
	is_sound($node, 'postgres', "$what, after more rows") if $sound;
	return;
}

sub highest_position
{
	return $node->safe_psql('postgres', 'SELECT coalesce(max(position), 0) FROM t');
}

my %died_at;

foreach my $case (@cases)
{
	my ($name, $points, $setup, $victim) = @$case;
	my @points = map { /-/ ? $_ : ("$_-before-wal", "$_-after-wal") } @$points;

	foreach my $point (@points)
	{
		my $what = "$name, $point";

		$node->safe_psql('postgres', "DROP TABLE IF EXISTS t;\n$create\n$setup");
		my $before = rows_of($node, 'postgres', 't');
		my $highest = highest_position();
		crash_with($node, 'postgres',
			"SET eventstore.stop_point = '$point=crash';\n$victim", $what);
		$died_at{$point}++;
		check_after($what, $before, $highest);
	}
}

# The background worker is killed inside a table.
{
	$node->safe_psql('postgres', "DROP TABLE IF EXISTS t;\n$create\n" . add(20000, 1, 10));
	my $before = rows_of($node, 'postgres', 't');
	my $highest = highest_position();
	hold_worker($node, 'postgres');
	$node->safe_psql('postgres', 'ALTER SYSTEM SET eventstore.worker = on');
	$node->reload;
	my ($pid) = inside($node, 'postgres', 't');
	my $log_end = -s $node->logfile;
	kill('KILL', $pid);
	wait_until_up($node, 'postgres', $log_end);
	$died_at{'worker-before-duty'}++;
	check_after('the worker', $before, $highest);
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET eventstore.worker');
	$node->reload;
	release_worker($node, 'postgres');
}

is(join(' ', grep { !$died_at{$_} } @EventStoreLoad::STOP_POINTS), '', 'a backend has died at every stop point');

# The records of a transaction that was never decided reach the disk and are
# replayed: its rows stay away, and their numbers are not used again.
my @open = (
	[ 'one row', '', add(1, 10) ],
	[ 'rows in pages and runs', $one_page_units, add(30, 10) ],
	[ 'rows by COPY', '', copy(30, 10) ],
	[ 'values out of line', '', add(3, 10, 30000) ],
	[
		'ON CONFLICT', '',
		q{INSERT INTO t (entity_id, k) SELECT 'e', g FROM generate_series(1, 20) g ON CONFLICT DO NOTHING;}
	],
	[ 'a jump', '', q{INSERT INTO t VALUES (5000, 'e', 10), (5010, 'e', 11);} ],
	[ 'directory pages', $one_page_units, add(800, 10) ],
	[ 'a savepoint', '', 'SAVEPOINT a;' . add(9, 10) . 'RELEASE a; SAVEPOINT b;' . add(9, 30) . 'ROLLBACK TO b;' . add(1, 50) ],
	[ 'TRUNCATE', '', 'TRUNCATE t;' . add(30, 10), 0 ],
	[ 'a rewrite', '', 'ALTER TABLE t ALTER k TYPE bigint;' . add(9, 10), 0 ],
	[ 'CLUSTER', '', 'CLUSTER t USING t_k;' . add(9, 10), 0 ],
);
foreach my $setup ('', add(6, 1))
{
	foreach my $case (@open)
	{
		my ($name, $settings, $victim, $keeps_file) = @$case;
		my $what = "open transaction, $name, " . ($setup ? 'some rows' : 'empty table');

		$node->safe_psql('postgres', "DROP TABLE IF EXISTS t;\n$create\n$setup");
		my $before = rows_of($node, 'postgres', 't');
		my $printed = crash_with(
			$node, 'postgres', qq{
			$settings BEGIN; $victim
			SELECT max(position) FROM t;
			SELECT pg_switch_wal() IS NOT NULL;
			SET eventstore.stop_point = 'tail-before-lock=crash';
			INSERT INTO t (entity_id) VALUES ('e');}, $what);
		my ($highest) = $printed =~ /^(\d+)\nt/m;

		$highest = highest_position() if !($keeps_file // 1);
		check_after($what, $before, $highest);
	}
}

# A speculative row is taken back, because somebody else was quicker; the crash is
# there, or when the transaction has committed.
foreach my $point ('spec-before-wal', 'spec-after-wal', 'later')
{
	my $what = "a speculative row taken back, $point";

	$node->safe_psql(
		'postgres', qq{
		DROP TABLE IF EXISTS t;
		$create
		CREATE SEQUENCE IF NOT EXISTS calls;
		CREATE OR REPLACE FUNCTION slow_key(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS \$\$
		BEGIN
			IF coalesce(current_setting('test.slow', true), '') = 'on' AND nextval('calls') = 2 THEN
				PERFORM pg_advisory_xact_lock(7);
			END IF;
			RETURN \$1;
		END \$\$;
		SELECT setval('calls', 1, false);
		DROP INDEX t_k;
		CREATE UNIQUE INDEX t_slow ON t (slow_key(k));
		@{[ add(2, 1) ]}});
	my $before = rows_of($node, 'postgres', 't');
	my $winner = $node->background_psql('postgres');
	my $loser = $node->background_psql('postgres', on_error_stop => 0);
	my $log_end = -s $node->logfile;

	$winner->query_safe('SELECT pg_advisory_lock(7)');
	$loser->query_safe("SET test.slow = on");
	$loser->query_safe("SET eventstore.stop_point = '$point=crash'") if $point ne 'later';
	$loser->query_until(qr/started/,
		"\\echo started\nINSERT INTO t (entity_id, k) VALUES ('loser', 10) ON CONFLICT (slow_key(k)) DO NOTHING;\n");
	$node->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
	  or die 'the speculative insert did not wait';
	$winner->query_safe(q{INSERT INTO t (entity_id, k) VALUES ('winner', 10)});
	$winner->query('SELECT pg_advisory_unlock(7)');
	if ($point eq 'later')
	{
		$loser->query_safe('SELECT');
		eval { $loser->query("SET eventstore.stop_point = 'tail-before-lock=crash'; INSERT INTO t (entity_id, k) VALUES ('lost', 11)"); };
	}
	eval { $loser->{run}->finish; };
	eval { $winner->{run}->finish; };
	wait_until_up($node, 'postgres', $log_end);
	is($node->safe_psql('postgres', q{SELECT entity_id FROM t WHERE k = 10}),
		'winner', "$what: the winner's row is there");
	$node->safe_psql('postgres', 'DROP INDEX t_slow; CREATE UNIQUE INDEX t_k ON t (k)');
	check_after($what, rows_of($node, 'postgres', 't'), highest_position());
	isnt(rows_of($node, 'postgres', 't'), $before, "$what: the table goes on");
}

is_sound($node, 'postgres', 'at the end');
$node->stop;
done_testing();
