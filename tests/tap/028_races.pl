# Clients insert in every way there is into the same few tables, while they are
# cancelled at random moments and others vacuum, index, rewrite and truncate.  Each
# transaction writes down in heap tables what it puts into event tables, so in the
# end both sides say the same; positions ascend as each client inserted, every index
# finds every row, and neither verify nor amcheck finds anything.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;
use Time::HiRes qw(usleep);

my $clients = 6;
my $transactions = 60;
my $seed = $ENV{RACES_SEED} || int(rand(1 << 30));

srand($seed);
note("RACES_SEED=$seed repeats the same statements");

my $node = new_server(
	'main', conf => q{
shared_buffers = 512kB
autovacuum = on
autovacuum_naptime = 1s
autovacuum_vacuum_insert_threshold = 200
max_prepared_transactions = 20
log_min_messages = fatal
log_min_error_statement = panic
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	ALTER DATABASE postgres SET eventstore.run_pages = 1;
	CREATE TABLE events (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL,
		client int DEFAULT current_setting('race.client')::int, batch int DEFAULT current_setting('race.batch')::int,
		n int, payload text) USING eventstore;
	CREATE UNIQUE INDEX events_n ON events (client, batch, n);
	CREATE INDEX events_hash ON events USING hash (client);
	CREATE INDEX events_brin ON events USING brin (batch);
	CREATE TABLE events_log (client int, batch int, count int, length bigint);
	CREATE TABLE keys (k int PRIMARY KEY, client int, payload text) USING eventstore;
	CREATE TABLE keys_log (k int, client int);
	CREATE TABLE apart (r int4range, client int, EXCLUDE USING gist (r WITH &&)) USING eventstore;
	CREATE TABLE apart_log (r int4range, client int);
	CREATE TABLE later (k int UNIQUE DEFERRABLE INITIALLY DEFERRED, client int) USING eventstore;
	CREATE TABLE later_log (k int, client int);
});

sub any { return $_[ int(rand(@_)) ]; }

# one way to insert, and the note that is taken of it
sub statement
{
	my ($client, $batch) = @_;
	my $k = 1 + int(rand(500));
	my $payload = any("'p'", "repeat('p', 500)", "repeat('p', 1900)",
		"(SELECT string_agg(md5(h::text), '') FROM generate_series(1, 300) h)");
	my $kind = int(rand(6));

	if ($kind == 0)
	{
		my $count = any(1, 1, 3, 30);
		return "SET race.batch = $batch;\n"
		  . "WITH i AS (INSERT INTO events (entity_id, n, payload) SELECT 'e', g, $payload FROM generate_series(1, $count) g"
		  . ' RETURNING length(payload)) INSERT INTO events_log'
		  . " SELECT $client, $batch, count(*), sum(length) FROM i;\n";
	}
	if ($kind == 1)
	{
		my $count = any(1, 20, 200);
		return "SET race.batch = $batch;\n"
		  . "COPY events (entity_id, n, payload) FROM PROGRAM 'seq -f \"e,%g,copy\" $count' (FORMAT csv);\n"
		  . "INSERT INTO events_log VALUES ($client, $batch, $count, 4 * $count);\n";
	}
	return "WITH i AS (INSERT INTO apart VALUES (int4range($k, $k + 3), $client) "
	  . any('', 'ON CONFLICT DO NOTHING')
	  . " RETURNING *) INSERT INTO apart_log SELECT * FROM i;\n"
	  if $kind == 2;
	return "WITH i AS (INSERT INTO later VALUES ($k, $client) RETURNING *) INSERT INTO later_log SELECT * FROM i;\n"
	  if $kind == 3;
	return "WITH i AS (INSERT INTO keys SELECT ($k + g) % 500, $client, $payload FROM generate_series(1, 3) g"
	  . ' ON CONFLICT DO NOTHING RETURNING k, client) INSERT INTO keys_log SELECT * FROM i;' . "\n";
}

sub script
{
	my ($client) = @_;
	my $script = "SET race.client = $client;\nSET deadlock_timeout = '50ms';\n";
	my $batch = 0;

	foreach my $number (1 .. $transactions)
	{
		$script .= 'BEGIN ISOLATION LEVEL '
		  . any('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE') . ";\n";
		foreach (1 .. any(1, 2, 3))
		{
			my $savepoint = rand() < 0.4;

			$script .= "SAVEPOINT a;\n" if $savepoint;
			$script .= statement($client, ++$batch);
			$script .= any("ROLLBACK TO a;\n", "RELEASE a;\n") if $savepoint;
		}
		my $gid = "race_${client}_$number";
		$script .= any(
			("COMMIT;\n") x 6, "ROLLBACK;\n",
			"PREPARE TRANSACTION '$gid';\nCOMMIT PREPARED '$gid';\n",
			"PREPARE TRANSACTION '$gid';\nROLLBACK PREPARED '$gid';\n");
		# where a cancelled COMMIT PREPARED left it
		$script .= "COMMIT PREPARED '$gid';\n";
	}
	return $script;
}

# psql goes on after errors, and so does a transaction that was not begun
sub start_psql
{
	my ($name, $script) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/script.sql';
	my $connection = $node->connstr('postgres') . " application_name='race $name'";
	my $pid;

	append_to_file($file, $script);
	$pid = fork();
	die "fork: $!" unless defined $pid;
	return $pid if $pid;
	open(STDOUT, '>', '/dev/null') or POSIX::_exit(1);
	open(STDERR, '>', '/dev/null') or POSIX::_exit(1);
	{ exec('psql', '-XAtq', '-d', $connection, '-f', $file); }
	POSIX::_exit(1);
}

# VACUUM and the like fail when they are cancelled, or meet a deadlock
my @upkeep = (
	'VACUUM (FREEZE, INDEX_CLEANUP ON) events', 'VACUUM events, keys, apart, later', 'ANALYZE',
	'REINDEX INDEX CONCURRENTLY events_n', 'REINDEX TABLE CONCURRENTLY keys', 'VACUUM FULL keys',
	'CREATE INDEX CONCURRENTLY extra ON events (n)', 'DROP INDEX CONCURRENTLY IF EXISTS extra',
	'CLUSTER events USING events_n', 'CHECKPOINT',
	'BEGIN; TRUNCATE apart, apart_log; COMMIT', 'BEGIN; TRUNCATE keys, keys_log; ROLLBACK');
my $upkeep_script = "SET lock_timeout = '5s'; SET deadlock_timeout = '50ms';\n"
  . join('', map { any(@upkeep) . ";\n" } 1 .. 2000);
my $upkeep = start_psql('upkeep', $upkeep_script);
my @running = map { start_psql("client $_", script($_)) } (1 .. $clients);
my $control = $node->background_psql('postgres');
my $cancels = 0;

while (@running)
{
	usleep(int(rand(100_000)));
	$cancels += $control->query_safe(q{
		SELECT count(pg_cancel_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
			WHERE application_name LIKE 'race %' AND state = 'active' ORDER BY random() LIMIT 1) a});
	@running = grep { waitpid($_, POSIX::WNOHANG) == 0 } @running;
}
kill('KILL', $upkeep);
waitpid($upkeep, 0);
$control->query_safe(q{SELECT pg_terminate_backend(pid, 600000) FROM pg_stat_activity WHERE application_name = 'race upkeep'});
$control->quit;
note("$cancels statements cancelled");

# what is still prepared is as good as committed
$node->safe_psql('postgres', "COMMIT PREPARED '$_'")
  foreach split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts');

sub nothing
{
	my ($query, $what) = @_;

	is($node->safe_psql('postgres', $query), '', $what);
	return;
}

my $by_batch = 'SELECT client, batch, count(*), sum(length(payload)) FROM events GROUP BY 1, 2';
nothing("($by_batch EXCEPT ALL SELECT * FROM events_log) UNION ALL (SELECT * FROM events_log EXCEPT ALL $by_batch)",
	'every committed row once, and no other: events');
foreach my $twin ([ 'keys', 'k' ], [ 'apart', 'r' ], [ 'later', 'k' ])
{
	my ($table, $column) = @{$twin};
	my ($ours, $theirs) = ("SELECT $column, client FROM $table", "SELECT * FROM ${table}_log");

	nothing("($ours EXCEPT ALL $theirs) UNION ALL ($theirs EXCEPT ALL $ours)",
		"every committed row once, and no other: $table");
}
nothing('SELECT k FROM keys GROUP BY 1 HAVING count(*) > 1 UNION ALL SELECT k FROM later GROUP BY 1 HAVING count(*) > 1',
	'no key twice');
nothing('SELECT a.r FROM apart a JOIN apart b ON a.r && b.r AND a.ctid < b.ctid', 'no ranges overlap');
nothing(q{SELECT position FROM (SELECT position, lag(position) OVER (PARTITION BY client ORDER BY batch, n) AS before FROM events) p
	WHERE before >= position}, 'positions ascend as each client inserted');
nothing(q{SELECT position FROM events WHERE ctid <> format('(%s,%s)', position / 256, position % 256 + 1)::tid},
	'positions are row numbers');

my $count = count_of($node, 'postgres', 'events');
cmp_ok($count, '>', 100, 'there were events');
foreach my $condition ('client > 0 AND batch > 0 AND n > 0', 'batch > 0')
{
	is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*) FROM events WHERE $condition"),
		$count, "by index: $condition");
}
is($node->safe_psql('postgres',
		'SET enable_seqscan = off; SELECT sum((SELECT count(*) FROM events WHERE client = g)) FROM generate_series(1, 6) g'),
	$count, 'by index: client');

SKIP:
{
	skip 'no amcheck', 1
	  unless $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'});
	$node->safe_psql('postgres', 'CREATE EXTENSION amcheck');
	is($node->safe_psql('postgres', q{
			SELECT count(bt_index_parent_check(indexrelid, true, true)) > 0 FROM pg_index i
			JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
			WHERE a.amname = 'btree' AND i.indisvalid AND i.indisready
			AND i.indrelid IN ('events'::regclass, 'keys'::regclass, 'later'::regclass)}),
		't', 'amcheck finds nothing');
}
is_sound($node, 'postgres', 'after the races');
$node->stop;
done_testing();
