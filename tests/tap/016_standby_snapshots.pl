# Snapshots on a standby: what is frozen, dropped or cut on the primary while they
# are open does not change what they see.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_server('primary', allows_streaming => 1,
	conf => "wal_level = logical\nwal_consistency_checking = 'eventstore'");
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	CREATE TABLE other (n int);
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text) USING eventstore;
	CREATE INDEX t_k ON t (k);
	INSERT INTO t (entity_id, k) SELECT 'e', g FROM generate_series(1, 100) g;
	CREATE UNLOGGED TABLE scratch (n int) USING eventstore;
	INSERT INTO scratch VALUES (1);
});
$primary->backup('start');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'start', has_streaming => 1);
$standby->append_conf('postgresql.conf', q{
max_standby_streaming_delay = -1
hot_standby_feedback = off
wal_receiver_status_interval = 1
});
$standby->start;

my $count = 'SELECT count(*) FROM t';
my $by_index = 'SET enable_seqscan = off; SELECT count(*) FROM t WHERE k > 0; RESET enable_seqscan';

sub catch_up
{
	$primary->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, 'test', '')});
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush'));
	return;
}

catch_up();

# an unlogged table has no file there that could be looked at
my ($code, undef, $refusal) = $standby->psql('postgres', q{SELECT * FROM eventstore.verify('scratch')});
like($refusal, qr/cannot access temporary or unlogged relations during recovery/,
	'verify() refuses an unlogged table');

# rows that come after the snapshot are frozen: replay waits for the snapshot
my $reader = $standby->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM other');
$primary->safe_psql('postgres', q{INSERT INTO t (entity_id, k) SELECT 'late', g FROM generate_series(101, 200) g});
catch_up();
is($reader->query_safe($count), '100', 'the snapshot does not see later rows');
is($standby->safe_psql('postgres', $count), '200', 'others do');
$primary->safe_psql('postgres', 'VACUUM (FREEZE) t');
$primary->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, 'test', '')});
my $lsn = $primary->lsn('flush');
$standby->poll_query_until('postgres', qq{SELECT pg_last_wal_receive_lsn() >= '$lsn'})
  or die 'the standby does not receive';
is($standby->poll_query_until('postgres', q{
		SELECT wait_event = 'RecoveryConflictSnapshot' FROM pg_stat_activity WHERE backend_type = 'startup'}),
	1, 'replay has come to a conflict with the snapshot');
is($reader->query_safe($count), '100', 'nor after they were frozen on the primary');
is($reader->query_safe($by_index), '100', 'nor by index');
is($standby->safe_psql('postgres', "SELECT pg_last_wal_replay_lsn() < '$lsn'"),
	't', 'replay waits');
$reader->query_safe('COMMIT');
catch_up();
is($reader->query_safe($count), '200', 'a new snapshot sees them');

# the same with a limit of patience: the reader is cancelled, never wrong
$standby->append_conf('postgresql.conf', 'max_standby_streaming_delay = 100ms');
$standby->reload;
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM other');
$primary->safe_psql('postgres', q{INSERT INTO t (entity_id, k) SELECT 'later', g FROM generate_series(201, 300) g});
$primary->safe_psql('postgres', 'VACUUM (FREEZE) t');
catch_up();
my $answer = eval { $reader->query($count) } // '';
ok($answer eq '' || $answer eq '200', 'the reader is cancelled, or right');
eval { $reader->quit; };
$standby->append_conf('postgresql.conf', 'max_standby_streaming_delay = -1');
$standby->reload;

# units of aborted rows go, and their blocks are used again, under sessions that
# have looked at them
$primary->safe_psql('postgres', q{
	SET eventstore.run_pages = 1;
	BEGIN; INSERT INTO t (entity_id, k, filler) SELECT 'gone', g, repeat('g', 1900) FROM generate_series(1001, 1400) g; ROLLBACK;
	INSERT INTO t (entity_id, k, filler) SELECT 'kept', g, repeat('k', 1900) FROM generate_series(2001, 2040) g;
});
catch_up();
$reader = $standby->background_psql('postgres');
my $cursor = $standby->background_psql('postgres');
is($reader->query_safe($count), '340', 'a session knows the table');
$cursor->query_safe(q{BEGIN; DECLARE c CURSOR FOR SELECT k FROM t; FETCH 150 FROM c});
is($cursor->query_safe('MOVE 100 FROM c'), '', 'and a cursor is in its middle');
$primary->safe_psql('postgres', 'VACUUM (TRUNCATE OFF) t');
$primary->safe_psql('postgres', q{
	SET eventstore.run_pages = 1;
	INSERT INTO t (entity_id, k, filler) SELECT 'again', g, repeat('a', 1900) FROM generate_series(3001, 3400) g;
});
catch_up();
is($reader->query_safe($count), '740', 'the session sees the new rows in the old blocks');
is($reader->query_safe($by_index), '740', 'by index, too');
is($cursor->query_safe('FETCH ALL FROM c') =~ tr/\n//, 89, 'the cursor sees its rows');
$cursor->query_safe('COMMIT');
is(problems_of($standby, 'postgres'), '', 'verify finds nothing on the standby');

# the file is cut: replay needs the table for itself
$primary->safe_psql('postgres', q{
	SET eventstore.run_pages = 1;
	BEGIN; INSERT INTO t (entity_id, k, filler) SELECT 'gone', g, repeat('g', 1900) FROM generate_series(5001, 6000) g; ROLLBACK});
catch_up();
is($reader->query_safe($count), '740', 'before the file is cut');
my $size = $primary->safe_psql('postgres', q{SELECT pg_relation_size('t')});
$primary->safe_psql('postgres', 'VACUUM t');
cmp_ok($primary->safe_psql('postgres', q{SELECT pg_relation_size('t')}), '<', $size, 'the file is cut');
$primary->safe_psql('postgres', q{INSERT INTO t (entity_id, k, filler) SELECT 'more', g, repeat('m', 1900) FROM generate_series(7001, 7100) g});
catch_up();
is($reader->query_safe($count), '840', 'the session goes on after the file was cut');
cmp_ok($standby->safe_psql('postgres', q{SELECT pg_relation_size('t')}), '<', $size, 'on the standby, too');

# VACUUM FULL, TRUNCATE, DROP under a session
$primary->safe_psql('postgres', 'VACUUM FULL t');
catch_up();
is($reader->query_safe($count), '840', 'after VACUUM FULL');
is(rows_of($standby, 'postgres', 't'), rows_of($primary, 'postgres', 't'), 'the same rows');
$primary->safe_psql('postgres', q{TRUNCATE t; INSERT INTO t (entity_id, k) VALUES ('new', 1)});
catch_up();
is($reader->query_safe($count), '1', 'after TRUNCATE');
is_sound($standby, 'postgres', 'at the end');

$reader->quit;
$cursor->quit;
$standby->stop;
$primary->stop;
done_testing();
