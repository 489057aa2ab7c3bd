# Compaction on a primary server and on its standby: replay with every page
# compared, readers there that live through compaction and the reuse of what it
# freed, without being cancelled and without seeing later rows; a slot that sends
# the rows and nothing else; a standby that is promoted with a compaction half
# done; a dump and what is restored from it.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_server('primary', allows_streaming => 1, conf => q{
wal_level = logical
wal_consistency_checking = 'eventstore'
shared_buffers = 1MB
max_wal_size = 32MB
restart_after_crash = on
});
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	CREATE FUNCTION filler(k int) RETURNS text IMMUTABLE LANGUAGE sql AS
		$$ SELECT string_agg(md5((k * 100 + i)::text), '') FROM generate_series(1, 20) i $$;
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL DEFAULT 'e', k int, filler text) USING eventstore;
	CREATE INDEX t_k ON t (k);
	INSERT INTO t (k, filler) SELECT g, filler(g) FROM generate_series(1, 2000) g;
	SELECT pg_create_logical_replication_slot('changes', 'test_decoding');
	SET eventstore.batch_rows = 100;
	SELECT eventstore.compact('t');
});
$primary->backup('start');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'start', has_streaming => 1);
$standby->append_conf('postgresql.conf', q{
max_standby_streaming_delay = 100ms
hot_standby_feedback = off
});
$standby->start;

my $last = 2000;
my @committed = (1 .. $last);

sub catch_up
{
	$primary->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, 'test', '')});
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush'));
	return;
}

# every way to the rows, and that each is what its number says
my $answers = q{
	SELECT count(*), sum(k), sum(position), count(*) FILTER (WHERE filler = filler(k)) FROM t;
	SET enable_seqscan = off;
	SELECT count(*), sum(k), count(*) FILTER (WHERE filler = filler(k)) FROM t WHERE k > 0;
	SET enable_indexscan = off;
	SELECT count(*), sum(k), count(*) FILTER (WHERE filler = filler(k)) FROM t WHERE k % 3 = 0 AND k > 0;
	SELECT k FROM t WHERE ctid = '(1,7)';
	RESET enable_seqscan;
	RESET enable_indexscan};

# ---- readers on the standby ----

my $reader = $standby->background_psql('postgres');
my $cursor = $standby->background_psql('postgres');

$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $then = $reader->query_safe($answers);
$cursor->query_safe(q{BEGIN; DECLARE c SCROLL CURSOR FOR SELECT k || CASE WHEN filler = filler(k) THEN '' ELSE ' differs' END FROM t});
my @seen = split /\n/, $cursor->query_safe('FETCH 130 FROM c');

my @batch_rows = (1000, 100, 10000, 100, 65536);
foreach my $round (0 .. $#batch_rows)
{
	my ($first, $end) = ($last + 1, $last + 300);
	my ($undone, $undone_end) = ($end + 1, $end + 50);

	# many transactions, rows that are undone, rows of one that is open
	my $open = $primary->background_psql('postgres');
	$open->query_safe(qq{BEGIN; INSERT INTO t (k, filler) SELECT g, filler(g) FROM generate_series($undone_end + 1, $undone_end + 5) g});
	$primary->safe_psql('postgres', qq{
		INSERT INTO t (k, filler) SELECT g, filler(g) FROM generate_series($first, $end - 20) g;
		BEGIN;
		INSERT INTO t (k, filler) SELECT g, filler(g) FROM generate_series($undone, $undone_end) g;
		ROLLBACK;
		SELECT 'INSERT INTO t (k, filler) VALUES (' || g || ', filler(' || g || '))' FROM generate_series($end - 19, $end) g \\gexec
		SET eventstore.batch_rows = $batch_rows[$round];
		SELECT eventstore.compact('t');
	});
	catch_up();
	is($standby->safe_psql('postgres', $answers), $primary->safe_psql('postgres', $answers),
		"round $round: the standby answers as the primary does");
	is($reader->query_safe($answers), $then, "round $round: a snapshot of before sees what it saw");
	push @seen, split /\n/, $cursor->query_safe('FETCH 130 FROM c');

	$open->query_safe($round % 2 == 0 ? 'COMMIT' : 'ROLLBACK');
	$open->quit;
	$primary->safe_psql('postgres', q{SELECT eventstore.compact('t'); VACUUM (TRUNCATE off) t; SELECT eventstore.compact('t')});
	catch_up();
	is($reader->query_safe($answers), $then, "round $round: also after VACUUM, and when blocks were used again");
	push @seen, split /\n/, $cursor->query_safe('FETCH 130 FROM c');
	push @committed, $first .. $end;
	push @committed, $undone_end + 1 .. $undone_end + 5 if $round % 2 == 0;
	$last = $undone_end + 5;
}
push @seen, split /\n/, $cursor->query_safe('FETCH ALL FROM c');
is("@seen", join(' ', 1 .. 2000), 'a cursor has gone through all of it');
is(join(' ', split /\n/, $cursor->query_safe('FETCH BACKWARD ALL FROM c')), join(' ', reverse 1 .. 2000), 'and back');
$_->query_safe('COMMIT') foreach $reader, $cursor;
$_->quit foreach $reader, $cursor;
is($standby->safe_psql('postgres', q{SELECT sum(confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock) FROM pg_stat_database_conflicts}),
	'0', 'nobody was cancelled');

$primary->safe_psql('postgres', 'VACUUM t');
catch_up();
is($standby->safe_psql('postgres', $answers), $primary->safe_psql('postgres', $answers), 'after the file was cut');
is_sound($primary, 'postgres', 'primary');
is_sound($standby, 'postgres', 'standby');
is($primary->safe_psql('postgres', q{
		SELECT count(*) FROM t WHERE position <> (split_part(trim('()' FROM ctid::text), ',', 1)::bigint << 8) + split_part(trim('()' FROM ctid::text), ',', 2)::bigint - 1}),
	'0', 'positions are TIDs');
is($primary->safe_psql('postgres', 'SELECT string_agg(k::text, \' \' ORDER BY k) FROM t'), "@committed", 'all rows are there, once');

# ---- decoding: the rows, once, and nothing of compaction ----

my @changes = grep { !/^(BEGIN|COMMIT)/ } split /\n/,
  $primary->safe_psql('postgres', q{SELECT substr(data, 1, 100) FROM pg_logical_slot_get_changes('changes', NULL, NULL) WHERE data NOT LIKE 'message:%'});
my @decoded = map { /^table public\.t: INSERT: "position"\[bigint\]:(\d+) entity_id\[text\]:'e' k\[integer\]:(\d+) / ? "$2 at $1" : "'$_'" } @changes;
is(join("\n", sort @decoded), join("\n", sort split /\n/, $primary->safe_psql('postgres', q{SELECT k || ' at ' || position FROM t WHERE k > 2000})),
	'a slot sends each row once, and nothing else');

# ---- few buffers: a batch is read in pieces, by scans that change their minds ----

# a sample of some blocks reads through a ring of buffers, those of hardly any do without
$primary->safe_psql('postgres', q{SELECT eventstore.compact('t')});
my $samples = q{
	SELECT count(n) FILTER (WHERE p < 1) > 5, count(n) FILTER (WHERE p = 30), bool_and(n = s) FROM (SELECT i, CASE i WHEN 1 THEN 30 ELSE 0.99 END AS p FROM generate_series(1, 200) i) x,
		LATERAL (SELECT sum(k) AS n, sum(k) FILTER (WHERE filler = filler(k)) AS s FROM t TABLESAMPLE SYSTEM (p) REPEATABLE (i)) y};
is($primary->safe_psql('postgres', $samples), q{t|1|t}, 'samples that are scanned again with other rings');

# ---- promotion, with batches that were written and not published ----

SKIP:
{
	skip 'no stop points in this build', 4 if !has_stop_points($primary);
	my $gate = $primary->background_psql('postgres');
	my $compaction = $primary->background_psql('postgres', on_error_stop => 0);

	$primary->safe_psql('postgres', qq{INSERT INTO t (k, filler) SELECT g, filler(g) FROM generate_series($last + 1, $last + 500) g});
	push @committed, $last + 1 .. $last + 500;
	$gate->query_safe('SELECT pg_advisory_lock(6543210)');
	$compaction->query_safe(q{SET eventstore.stop_point = 'compact-before-publish=pause'});
	$compaction->query_until(qr/begun/, qq{\\echo begun\nSELECT eventstore.compact('t');\n});
	$primary->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
	  or die 'compaction does not come to its stop point';
	catch_up();
	$primary->stop('immediate');
	$compaction->{run}->finish;
	$gate->{run}->finish;
	$standby->promote;
	is($standby->safe_psql('postgres', 'SELECT string_agg(k::text, \' \' ORDER BY k) FROM t'), "@committed", 'all rows are there after promotion');
	is_sound($standby, 'postgres', 'with a compaction half done');
	my $size = $standby->safe_psql('postgres', q{SELECT eventstore.compact('t') IS NOT NULL; SELECT pg_relation_size('t')});
	is_sound($standby, 'postgres', 'compacted again');
	is($standby->safe_psql('postgres', 'SELECT string_agg(k::text, \' \' ORDER BY k) FROM t'), "@committed", 'all rows are there then, too');
}

# ---- a dump of batches ----

my $node = $standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()') eq 'f' ? $standby : $primary;
my $dump = PostgreSQL::Test::Utils::tempdir . '/dump';
my $rows = rows_of($node, 'postgres', 't');

$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'pg_dump');
$node->command_ok([ 'pg_restore', '-d', 'restored', '--exit-on-error', $dump ], 'pg_restore');
is(rows_of($node, 'restored', 't'), $rows, 'the rows are restored, with their positions');
$node->safe_psql('restored', q{SELECT eventstore.compact('t')});
is(rows_of($node, 'restored', 't'), $rows, 'and stay so in batches');
is_sound($node, 'restored', 'restored and compacted');

foreach my $server ($primary, $standby)
{
	ok(slurp_file($server->logfile) !~ /PANIC:|TRAP:|inconsistent page found|was terminated by signal/, $server->name . ': no page differed, nobody died');
}
$standby->stop;
$primary->stop;
done_testing();
