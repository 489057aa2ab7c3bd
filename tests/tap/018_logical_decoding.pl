# Each committed row is decoded exactly once, as an ordinary INSERT, whatever
# the transaction was like and whatever happened in between; and a subscriber
# with an event table or with a heap table has the publisher's rows.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', allows_streaming => 'logical', conf => <<'CONF');
logical_decoding_work_mem = 64kB
CONF
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	CREATE TABLE t (k int UNIQUE, b text) USING eventstore;
	SELECT pg_create_logical_replication_slot('s', 'test_decoding')});

# What the slot has to say since it was asked last: the keys inserted, in order.
sub decoded_keys
{
	return $node->safe_psql('postgres', q{
		SELECT string_agg(substring(data FROM 'k\[integer\]:(\d+)'), ' ' ORDER BY n)
		FROM pg_logical_slot_get_changes('s', NULL, NULL, 'include-xids', '0')
			WITH ORDINALITY AS c (lsn, xid, data, n)
		WHERE data LIKE 'table public.t: INSERT:%'});
}

sub decodes
{
	my ($sql, $keys, $what) = @_;

	$node->safe_psql('postgres', $sql);
	is(decoded_keys(), $keys, $what);
	return;
}

decodes('INSERT INTO t VALUES (1)', '1', 'one row');
decodes('INSERT INTO t VALUES (2), (3)', '2 3', 'two rows');
decodes("COPY t FROM STDIN;\n4\tx\n5\ty\n\\.\n", '4 5', 'COPY');
decodes('BEGIN; INSERT INTO t VALUES (6); ROLLBACK', '', 'a rollback');
decodes(q{BEGIN; INSERT INTO t VALUES (7); SAVEPOINT a; INSERT INTO t VALUES (8);
	ROLLBACK TO a; INSERT INTO t VALUES (9); SAVEPOINT b; INSERT INTO t VALUES (10);
	RELEASE b; COMMIT}, '7 9 10', 'savepoints');
decodes('INSERT INTO t VALUES (1), (11) ON CONFLICT DO NOTHING', '11', 'a conflict');
decodes(q{BEGIN; INSERT INTO t VALUES (12); PREPARE TRANSACTION 'p'}, '', 'prepared');
decodes(q{COMMIT PREPARED 'p'}, '12', 'and committed');
decodes(q{BEGIN; INSERT INTO t VALUES (13); PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'},
	'', 'prepared and rolled back');
decodes('ALTER TABLE t ADD COLUMN c int DEFAULT 5; INSERT INTO t VALUES (14)', '14',
	'a column added');
decodes('VACUUM (FREEZE) t; VACUUM FULL t; CLUSTER t USING t_k_key', '', 'VACUUM and CLUSTER');
decodes(q{INSERT INTO t SELECT g, repeat(md5(g::text), 400) FROM generate_series(101, 103) g;},
	'101 102 103', 'values out of line');
$node->safe_psql('postgres', q{BEGIN; INSERT INTO t SELECT g, repeat('x', 500) FROM generate_series(1001, 4000) g;
	SAVEPOINT a; INSERT INTO t SELECT g, repeat('x', 500) FROM generate_series(5001, 6000) g;
	ROLLBACK TO a; COMMIT});
ok(decoded_keys() eq join(' ', 1001 .. 4000), 'a transaction that is spilled');

# Rows of several pages with values out of line, in one COPY.
my $rows = join '', map { "$_\t" . ("v$_ " x 3000) . "\n" } 7001 .. 7020;
$node->safe_psql('postgres', "COPY t (k, b) FROM STDIN;\n$rows\\.\n");
is($node->safe_psql('postgres', q{
		SELECT count(*), count(*) FILTER (WHERE data LIKE '%v70__ v70__ %' AND length(data) > 15000)
		FROM pg_logical_slot_get_changes('s', NULL, NULL) WHERE data LIKE 'table%INSERT%'}),
	'20|20', 'COPY of values out of line');

# The slot goes on after a crash where its last checkpoint left it.
$node->safe_psql('postgres', 'CHECKPOINT');
$node->safe_psql('postgres', 'INSERT INTO t VALUES (8001)');
$node->stop('immediate');
$node->start;
decodes('INSERT INTO t VALUES (8002)', '8001 8002', 'across a crash');

# Publication and subscriptions: event table to event table and to heap, with
# the rows that were there before, and back.
my $other = new_server('other', conf => 'wal_level = logical');
$other->start;
$node->safe_psql('postgres', q{
	SELECT eventstore.create_store('orders');
	INSERT INTO orders (entity_id, event_type, payload) SELECT 'o' || g % 7, 'before', format('{"n":%s}', g)::json FROM generate_series(1, 50) g;
	CREATE PUBLICATION pub FOR TABLE orders (entity_id, event_id, event_type, recorded_at, payload, metadata)});
my $connstr = $node->connstr . ' dbname=postgres';
$other->safe_psql('postgres', q{CREATE EXTENSION eventstore; CREATE DATABASE asheap});
$other->safe_psql('postgres', q{SELECT eventstore.create_store('orders')});
$other->safe_psql('asheap', q{CREATE TABLE orders (entity_id text, event_id uuid, event_type text,
	recorded_at timestamptz, payload json, metadata json)});
for my $db ('postgres', 'asheap')
{
	$other->safe_psql($db, "CREATE SUBSCRIPTION sub_$db CONNECTION '$connstr' PUBLICATION pub");
	$other->wait_for_subscription_sync($node, "sub_$db", $db);
}
$node->safe_psql('postgres', q{
	INSERT INTO orders (entity_id, event_type, payload) SELECT 'o' || g % 7, 'after', format('{"n":%s}', g)::json FROM generate_series(51, 120) g;
	BEGIN; INSERT INTO orders (entity_id, event_type) VALUES ('o1', 'undone'); ROLLBACK;
	INSERT INTO orders (entity_id, event_type, payload) VALUES ('o1', 'large', to_json(repeat('y', 50000)))});
my $digest = q{SELECT count(*), md5(string_agg(concat_ws('|', entity_id, event_id, event_type, recorded_at, payload, metadata), ',' ORDER BY event_id)) FROM orders};
my $expected = $node->safe_psql('postgres', $digest);
like($expected, qr/^121\|/, 'the publisher has its rows');
for my $db ('postgres', 'asheap')
{
	$node->wait_for_catchup("sub_$db");
	is($other->safe_psql($db, $digest), $expected, "so has the subscriber in $db");
}
is($other->safe_psql('postgres', 'SELECT count(DISTINCT position), min(position), max(position) FROM orders'),
	'121|1|121', 'which gives numbers of its own');
is_sound($node, 'postgres', 'publisher');
is_sound($other, 'postgres', 'subscriber');

$other->stop;
$node->stop;
done_testing();
