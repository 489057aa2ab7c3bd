# Subscriptions with event tables on either side and on both: the subscriber has
# exactly the publisher's rows, with each option, through crashes of both servers
# and of the apply worker.  An UPDATE or DELETE that arrives stops with a clear
# error, and SKIP goes on.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $pub = new_server('pub', allows_streaming => 'logical', conf => q{
logical_decoding_work_mem = 64kB
});
my $sub = new_server('sub', allows_streaming => 'logical', conf => q{
max_logical_replication_workers = 20
max_worker_processes = 30
max_sync_workers_per_subscription = 2
wal_retrieve_retry_interval = 100ms
restart_after_crash = on
});
$_->start for ($pub, $sub);
my $version = $pub->safe_psql('postgres', 'SHOW server_version_num');
my $from = $pub->connstr . ' dbname=postgres';

# All tables of the publisher are of columns that say it all.
my $columns = 'entity_id text NOT NULL, event_id uuid NOT NULL DEFAULT \'00000000-0000-0000-0000-000000000000\', n int, a text, j jsonb';
my $store = "position bigint NOT NULL DEFAULT 0, $columns";
$pub->safe_psql('postgres', qq{
	CREATE EXTENSION eventstore;
	CREATE FUNCTION noise(seed int, kb int) RETURNS text LANGUAGE sql IMMUTABLE AS \$\$
		SELECT string_agg(md5(seed::text || ':' || g), '') FROM generate_series(1, kb * 32) g \$\$;
	CREATE TABLE events ($store) USING eventstore;
	CREATE UNIQUE INDEX events_n ON events (n);
	CREATE TABLE rows ($columns);
	CREATE UNIQUE INDEX rows_n ON rows (n);
	CREATE TABLE split ($store) PARTITION BY RANGE (n);
	CREATE TABLE split1 PARTITION OF split FOR VALUES FROM (MINVALUE) TO (1000) USING eventstore;
	CREATE TABLE split2 PARTITION OF split FOR VALUES FROM (1000) TO (MAXVALUE) USING eventstore;
	CREATE SCHEMA apart;
	CREATE TABLE apart.events ($store) USING eventstore});

# Rows for every table that is published: with large values, savepoints, conflicts.
my @published = ('events', 'rows', 'split', 'apart.events');
my $next = 1;
sub load
{
	my ($rows) = @_;
	my $sql = '';

	foreach my $table (@published)
	{
		my ($first, $last) = ($next, $next + $rows - 1);
		my $insert = "INSERT INTO $table (entity_id, event_id, n, a, j)";
		my $select = sub {
			qq{SELECT 'e' || g % 7, md5('$table' || g)::uuid, g, CASE WHEN g % 10 = 0 THEN noise(g, 9) ELSE 'row ' || g END,
				jsonb_build_object('n', g) FROM generate_series($_[0], $_[1]) g}
		};
		$sql .= "BEGIN; $insert " . $select->($first, $last) . ';';
		$sql .= "SAVEPOINT a; $insert " . $select->($last + 1, $last + $rows) . '; ROLLBACK TO a;';
		$sql .= "SAVEPOINT b; $insert " . $select->($last + 1, $last + 2) . " ON CONFLICT DO NOTHING; RELEASE b; COMMIT;\n";
		$sql .= "BEGIN; $insert " . $select->($last + 3, $last + 9) . "; ROLLBACK;\n";
		$sql .= "COPY $table (entity_id, event_id, n) FROM STDIN;\n"
		  . join('', map { sprintf "copied\t%08d-0000-0000-0000-%012d\t%d\n", $_, $_, $_ } $last + 10 .. $last + 12) . "\\.\n";
		$sql .= "$insert " . $select->($last + 13, $last + 13) . ";\n";
	}
	$next += 2 * $rows + 20;
	$pub->safe_psql('postgres', $sql);
	return;
}

my $every = 'entity_id, event_id, n, a, j';
sub digest
{
	my ($server, $db, $table, $what, $where) = @_;

	return $server->safe_psql($db, "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY n, t::text)) FROM (SELECT $what FROM $table WHERE $where) t");
}

# name, publication, further options of the subscription, tables there by columns,
# and for each: what to compare
my %databases = (
	every => [
		'FOR ALL TABLES', 'streaming = on, binary = true',
		qq{CREATE TABLE events ($store) USING eventstore; CREATE TABLE rows ($columns) USING eventstore;
			CREATE SCHEMA apart; CREATE TABLE apart.events ($store);
			CREATE TABLE split1 ($store) USING eventstore; CREATE TABLE split2 ($store)},
		[ 'events', $every ], [ 'rows', $every ], [ 'apart.events', $every ], [ 'split1', $every ], [ 'split2', $every ]
	],
	heap => [
		'FOR TABLE events, rows', 'streaming = off',
		qq{CREATE TABLE events ($store); CREATE TABLE rows ($columns)},
		[ 'events', "position, $every" ], [ 'rows', $every ]
	],
	chosen => [
		q{FOR TABLE events (n, event_id) WHERE (entity_id = 'e3' AND position > 5 AND event_id <> '00000000-0000-0000-0000-000000000001' AND j ? 'n' AND n % 2 = 1),
			rows (n, a) WHERE (a LIKE 'row %') WITH (publish = 'insert')},
		'streaming = on, two_phase = true',
		qq{CREATE TABLE events (event_id uuid, n int) USING eventstore; CREATE TABLE rows (position bigint NOT NULL DEFAULT 0, entity_id text, n int, a text) USING eventstore},
		[ 'events', 'n, event_id', q{entity_id = 'e3' AND position > 5 AND event_id <> '00000000-0000-0000-0000-000000000001' AND j ? 'n' AND n % 2 = 1}, 'true' ],
		[ 'rows', 'n, a', q{a LIKE 'row %'}, 'true' ]
	],
	schema => [
		'FOR TABLES IN SCHEMA apart', 'streaming = on',
		qq{CREATE SCHEMA apart; CREATE TABLE apart.events ($store) USING eventstore},
		[ 'apart.events', $every ]
	],
	root => [
		'FOR TABLE split WITH (publish_via_partition_root)', 'streaming = on, two_phase = true',
		qq{CREATE TABLE split ($store) USING eventstore},
		[ 'split', $every ]
	],
);

sub is_replicated
{
	my ($what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $db (sort keys %databases)
	{
		my (undef, undef, undef, @tables) = @{ $databases{$db} };

		$pub->wait_for_catchup("sub_$db");
		foreach my $table (@tables)
		{
			my ($name, $compared, $where, $there) = @$table;

			is( digest($sub, $db, $name, $compared, $there // 'true'),
				digest($pub, 'postgres', $name, $compared, $where // 'true'),
				"$what: $db, $name");
		}
	}
	return;
}

# --- the initial copy, and what comes while it runs ---

load(20);
foreach my $db (sort keys %databases)
{
	my ($what, $options, $tables) = @{ $databases{$db} };

	$options .= ', origin = none' if $version >= 160000;
	$pub->safe_psql('postgres', "CREATE PUBLICATION pub_$db $what");
	$sub->safe_psql('postgres', "CREATE DATABASE $db");
	$sub->safe_psql($db, "CREATE EXTENSION eventstore; $tables");
	$sub->safe_psql($db, "CREATE SUBSCRIPTION sub_$db CONNECTION '$from' PUBLICATION pub_$db WITH ($options)");
	load(5);
}
$sub->wait_for_subscription_sync($pub, "sub_$_", $_) for sort keys %databases;
is_replicated('after the initial copy');
cmp_ok(count_of($sub, 'chosen', 'events'), '>', 2, 'the filter lets rows pass');
is($sub->safe_psql('every', 'SELECT count(*) = count(DISTINCT position) FROM events'), 't', 'positions of the subscriber are its own');

# --- large transactions, prepared ones ---

load(200);
foreach my $table (@published)
{
	$pub->safe_psql('postgres', qq{
		BEGIN;
		INSERT INTO $table (entity_id, event_id, n, a) SELECT 'e3', md5('$table' || g)::uuid, g, 'row' || noise(g, 9) FROM generate_series($next, $next + 1) g;
		PREPARE TRANSACTION 'p';
		INSERT INTO $table (entity_id, event_id, n) VALUES ('e3', md5('$table')::uuid, $next + 2);
		COMMIT PREPARED 'p';
		BEGIN; INSERT INTO $table (entity_id, n, a) VALUES ('e3', $next + 3, noise($next, 9)); PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'});
}
$next += 10;
$pub->safe_psql('postgres', qq{
	BEGIN;
	INSERT INTO events (entity_id, n, a) SELECT 'e3', g, noise(g, g % 5) FROM generate_series($next, $next + 60) g ON CONFLICT DO NOTHING;
	SAVEPOINT a;
	INSERT INTO events (entity_id, n, a) SELECT 'e3', g, noise(g, g % 5) FROM generate_series($next, $next + 90) g ON CONFLICT DO NOTHING;
	ROLLBACK TO a;
	INSERT INTO events (entity_id, n, a) SELECT 'e3', g, noise(g, g % 5) FROM generate_series($next, $next + 75) g ON CONFLICT DO NOTHING;
	COMMIT});
$next += 400;
is_replicated('large and prepared transactions');
is($pub->safe_psql('postgres', q{
		SELECT string_agg(DISTINCT slot_name, ' ' ORDER BY slot_name) FROM pg_stat_replication_slots WHERE stream_txns > 0}),
	'sub_chosen sub_every sub_root sub_schema', 'they were streamed where that is on');

# --- disturbances, each in the middle of what arrives ---

load(100);
$pub->stop('immediate');
$pub->start;
load(10);
is_replicated('a crash of the publisher');

load(100);
$sub->stop('immediate');
load(10);
$sub->start;
is_replicated('a crash of the subscriber');

for (1 .. 3)
{
	load(60);
	$sub->safe_psql('postgres', q{
		SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%worker'});
}
load(3);
is_replicated('apply workers ended');

# --- TRUNCATE, and columns that come later ---

$pub->safe_psql('postgres', qq{TRUNCATE apart.events; INSERT INTO apart.events (entity_id, n, a) VALUES ('new', 1, noise(1, 9))});
$sub->safe_psql($_, q{ALTER TABLE events ADD later int DEFAULT 3}) for ('every', 'heap');
$pub->safe_psql('postgres', q{ALTER TABLE events ADD later int DEFAULT 5; INSERT INTO events (entity_id, n) VALUES ('later', 0)});
load(20);
is_replicated('TRUNCATE, and another column');
is($sub->safe_psql($_, 'SELECT later FROM events WHERE n = 0'), '5', "the new column arrives, $_") for ('every', 'heap');

# --- changes that an event table cannot take ---

foreach my $case (
	[ 'an UPDATE', q{UPDATE rows SET a = 'changed' WHERE n = 1}, qr/cannot update event table "rows"/ ],
	[ 'a DELETE', q{DELETE FROM rows WHERE n IN (2, 3)}, qr/cannot delete from event table "rows"/ ])
{
	my ($what, $change, $error) = @$case;
	my $log = -s $sub->logfile;

	$pub->safe_psql('postgres', "ALTER TABLE rows REPLICA IDENTITY FULL; $change");
	$pub->safe_psql('postgres', q{INSERT INTO events (entity_id, n) VALUES ('behind', (SELECT min(n) - 1 FROM events))});
	$sub->wait_for_log($error, $log);
	$sub->wait_for_log(qr/processing remote data .* finished at (\S+)/, $log);
	my ($lsn) = slurp_file($sub->logfile, $log) =~ /for replication target relation "public.rows" in transaction \d+,? finished at ([0-9A-F\/]+)/;
	ok(defined $lsn, "$what stops with the error, which names its place");
	$sub->safe_psql('every', "ALTER SUBSCRIPTION sub_every SKIP (lsn = '$lsn')");
	$pub->wait_for_catchup('sub_every');
	is( $sub->safe_psql('every', 'SELECT min(n) FROM events'),
		$pub->safe_psql('postgres', 'SELECT min(n) FROM events'),
		"$what is skipped, and what comes behind it arrives");
}
is($sub->safe_psql('every', 'SELECT a FROM rows WHERE n IN (1, 2, 3) ORDER BY n'), "row 1\nrow 2\nrow 3", 'the rows are as they were');

# of rows that are not there, nothing has to be changed
$pub->safe_psql('postgres', q{
	INSERT INTO rows (entity_id, n, a) VALUES ('x', -1, 'here only')});
$pub->wait_for_catchup('sub_every');
$sub->safe_psql('every', 'TRUNCATE rows');
$pub->safe_psql('postgres', q{UPDATE rows SET a = 'changed' WHERE n = -1; DELETE FROM rows WHERE n = -1; INSERT INTO rows (entity_id, n) VALUES ('x', -2)});
$pub->wait_for_catchup('sub_every');
is($sub->safe_psql('every', 'SELECT string_agg(n::text, $$ $$) FROM rows'), '-2', 'changes of rows that are not there');

is_sound($pub, 'postgres', 'publisher');
is_sound($sub, $_, "subscriber, $_") for sort keys %databases;
$sub->stop;
$pub->stop;
done_testing();
