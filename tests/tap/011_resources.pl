# Something runs out in the middle of everything: time, the user's patience, the
# size of files, memory, room for locks.  It is an error, and the table is as
# before.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

# one-megabyte WAL segments, so that a limit of the size of files can be small
my $node = new_server('main',
	extra => ['--wal-segsize=1'],
	conf => q{
wal_level = replica
restart_after_crash = on
max_wal_size = 32MB
min_wal_size = 2MB
max_locks_per_transaction = 64
max_connections = 20
max_prepared_transactions = 0
autovacuum = off
});

sub create
{
	my ($table, $rows) = @_;

	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS $table;
		CREATE TABLE $table (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, k int, filler text) USING eventstore;
		CREATE UNIQUE INDEX ${table}_k ON $table (k);
		INSERT INTO $table (entity_id, k, filler) SELECT 'e', g, repeat('x', 500) FROM generate_series(1, $rows) g});
	return;
}

# Nothing that failed may have changed this.
sub is_as_before
{
	my ($table, $before, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(rows_of($node, 'postgres', $table), $before, "$what: the table is as before");
	is_sound($node, 'postgres', $what);
	$node->safe_psql('postgres', qq{
		INSERT INTO $table (entity_id, k) SELECT 'after', coalesce(max(k), 0) + 1 FROM $table});
	is( $node->safe_psql('postgres', qq{
			SET enable_seqscan = off;
			SELECT entity_id FROM $table WHERE k = (SELECT max(k) FROM $table)}),
		'after', "$what: rows go on");
	return;
}

# ---- statement_timeout, at many moments of many statements ----

$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION eventstore');
create('t', 12000);
$node->safe_psql('postgres', q{
	CREATE TABLE copied (position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text) USING eventstore;
	CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.0005); RETURN $1; END $$;
});
my $file = PostgreSQL::Test::Utils::tempdir . '/rows';
# what does not get smaller by being compressed
my @words = map { sprintf('%08x', int(rand(2**32))) } 1 .. 100000;
append_to_file($file, join('', map { "0\tcopy\t" . (100000 + $_) . "\t" . join('', map { $words[ rand(@words) ] } 1 .. 50) . "\n" } 1 .. 60000));
chmod 0644, $file;
my $lines = PostgreSQL::Test::Utils::tempdir . '/events';
append_to_file($lines, join('', map { qq({"entity_id":"i","event_type":"x","payload":{"n":$_}}\n) } 1 .. 60000));
chmod 0644, $lines;
$node->safe_psql('postgres', q{SELECT eventstore.create_store('store')});

my @slow = (
	[ 'COPY', "COPY t FROM '$file'" ],
	[ 'INSERT', q{INSERT INTO t (entity_id, k, filler) SELECT 'i', g, repeat('i', 900) FROM generate_series(100001, 400000) g} ],
	[ 'ON CONFLICT', q{INSERT INTO t (entity_id, k) SELECT 'i', g FROM generate_series(10000, 400000) g ON CONFLICT DO NOTHING} ],
	[ 'CREATE INDEX', 'CREATE INDEX t_slow ON t (slow(k))' ],
	[ 'VACUUM FULL', 'VACUUM FULL t' ],
	[ 'CLUSTER', 'CLUSTER t USING t_k' ],
	[ 'ALTER TABLE', 'ALTER TABLE t ALTER k TYPE bigint USING slow(k)' ],
	[ 'sequential scan', 'SELECT count(*) FROM t a, t b WHERE a.k < b.k' ],
	[ 'index scan', 'SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT sum(slow(k)) FROM t WHERE k > 0' ],
	[ 'ANALYZE', 'SET default_statistics_target = 10000; ANALYZE t' ],
	[ 'verify', q{SELECT count(*) FROM generate_series(1, 1000), LATERAL eventstore.verify('t')} ],
	[ 'ingest', "SELECT eventstore.ingest('store', pg_read_file('$lines'))" ],
);
foreach my $case (@slow)
{
	my ($name, $sql) = @$case;
	my $table = $name eq 'ingest' ? 'store' : 't';
	my $before = rows_of($node, 'postgres', $table);
	my %states;

	$states{ sqlstate_of($node, 'postgres', "SET statement_timeout = ${_};\n$sql") }++ foreach (2, 7, 20, 60);
	ok($states{57014}, "$name: statement_timeout ends it") or diag(join ' ', %states);
	delete $states{57014};
	delete $states{''} if $name =~ /^(VACUUM FULL|CLUSTER|ANALYZE)$/;
	is(join(' ', keys %states), '', "$name: and nothing else does");
	if ($name eq 'ingest')
	{
		is(rows_of($node, 'postgres', 'store'), $before, 'ingest: the store is as before');
		is_sound($node, 'postgres', 'ingest');
		next;
	}
	is_as_before('t', $before, "$name, timed out");
}

# ---- cancel, and death of the client's backend by pg_terminate_backend ----

foreach my $way ('pg_cancel_backend', 'pg_terminate_backend')
{
	my $before = rows_of($node, 'postgres', 't');
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$session->query_until(qr/started/, "\\echo started\nCOPY t FROM PROGRAM 'cat $file; sleep 60';\n");
	$node->poll_query_until('postgres', q{
		SELECT count(*) = 1 FROM pg_stat_progress_copy WHERE tuples_processed >= 5000})
	  or die 'COPY does not go on';
	$node->safe_psql('postgres', "SELECT $way(pid) FROM pg_stat_progress_copy");
	$node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_stat_progress_copy')
	  or die 'COPY does not end';
	eval { $session->quit; };
	is_as_before('t', $before, $way);
}

# ---- room for locks ----

my $before = rows_of($node, 'postgres', 't');
my $other = $node->background_psql('postgres');

$other->query_safe('BEGIN; SELECT k FROM t WHERE k = 11999 FOR UPDATE');
is(sqlstate_of($node, 'postgres', 'SELECT count(*) FROM (SELECT * FROM t WHERE k < 11000 FOR UPDATE) x'),
	'53200', 'more row locks than there is room for');
$other->query_safe('COMMIT');
is($node->safe_psql('postgres', 'BEGIN; SELECT count(*) FROM (SELECT * FROM t WHERE k < 11000 FOR UPDATE) x'),
	'10999', 'the same without the other session');
$other->quit;
is_as_before('t', $before, 'row locks');

# ---- memory ----

$node->stop;
start_limited($node, '-v 500000');
$before = rows_of($node, 'postgres', 't');
is(sqlstate_of($node, 'postgres', q{INSERT INTO t (entity_id, k, filler) SELECT 'm', 500001, string_agg(repeat('m', 1000000), '') FROM generate_series(1, 500)}),
	'53200', 'a row that there is no memory for');
is_as_before('t', $before, 'out of memory in an INSERT');
$before = rows_of($node, 'postgres', 'store');
like(sqlstate_of($node, 'postgres', q{SELECT eventstore.ingest('store', string_agg('{"entity_id":"m","event_type":"x","payload":{"n":"' || repeat('m', 1000000) || '"}}', chr(10))) FROM generate_series(1, 300)}),
	qr/^(53200|54000)$/, 'more events at once than there is memory for');
is(rows_of($node, 'postgres', 'store'), $before, 'out of memory in ingest: the store is as before');
is_sound($node, 'postgres', 'out of memory in ingest');

# ---- the size of files: the disk is full ----

$node->stop;
# in units of 512 bytes
start_limited($node, '-f 16384');
$node->safe_psql('postgres', 'DROP TABLE t');
create('t', 2000);
foreach my $case (
	[ 'INSERT', q{INSERT INTO t (entity_id, k, filler) SELECT 'i', g, repeat('i', 900) FROM generate_series(100001, 120000) g} ],
	[ 'COPY', "COPY t FROM '$file'" ],
	[ 'CREATE TABLE AS', q{CREATE TABLE big USING eventstore AS SELECT repeat('x', 900) FROM generate_series(1, 20000)} ],
	[ 'INSERT of large values', q{INSERT INTO t (entity_id, k, filler) SELECT 'l', 100000 + g, (SELECT string_agg(md5(g::text || h), '') FROM generate_series(1, 1000) h) FROM generate_series(1, 400) g} ],
  )
{
	my ($name, $sql) = @$case;
	my $message;

	$before = rows_of($node, 'postgres', 't');
	isnt(sqlstate_of($node, 'postgres', $sql, \$message), '', "$name: fails");
	like($message, qr/could not (extend|write).*(File too large|wrote only)/s, "$name: because the file cannot grow");
	is(rows_of($node, 'postgres', 't'), $before, "$name: the table is as before");
	is_sound($node, 'postgres', "$name, no room");
	$node->safe_psql('postgres', 'VACUUM t');
	cmp_ok($node->safe_psql('postgres', q{SELECT pg_relation_size('t')}), '<', 4_000_000,
		"$name: VACUUM gives back what it took");
	is_as_before('t', $before, "$name, no room, after VACUUM");
}

# with room again, the same statements work
$before = count_of($node, 'postgres', 't');
$node->stop;
$node->start;
$node->safe_psql('postgres', q{INSERT INTO t (entity_id, k, filler) SELECT 'i', g, repeat('i', 900) FROM generate_series(200001, 220000) g});
is_sound($node, 'postgres', 'with room again');
is(count_of($node, 'postgres', 't'), $before + 20000, 'with room again');

# ---- buffers: COPY uses a ring, an eighth of them, and leaves others their pages ----

SKIP:
{
	skip 'no pg_buffercache', 2
	  unless $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_buffercache'});
	$node->safe_psql('postgres', qq{
		CREATE EXTENSION pg_buffercache;
		CREATE TABLE ring (LIKE t INCLUDING DEFAULTS) USING eventstore;
		COPY ring FROM '$file'});
	cmp_ok($node->safe_psql('postgres', q{SELECT pg_relation_size('ring')}), '>', 24_000_000, 'more rows than the buffers hold');
	is($node->safe_psql('postgres', q{
			SELECT count(*) * 4 < pg_size_bytes(current_setting('shared_buffers')) / 8192 FROM pg_buffercache WHERE relfilenode = pg_relation_filenode('ring')
			AND reldatabase = (SELECT oid FROM pg_database WHERE datname = current_database())}),
		't', 'COPY used a ring of buffers');
}

$node->stop;
done_testing();
