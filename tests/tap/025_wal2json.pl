# Another output plugin, wal2json: the same of event tables as of heap tables.
use strict;
use warnings;

use DecodingTest;
use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_decoding_server('main', conf => 'logical_decoding_work_mem = 64kB');

plan skip_all => 'wal2json is not installed'
  if $node->safe_psql('postgres', q{
	SELECT count(*) FROM pg_ls_dir((SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR')) f WHERE f LIKE 'wal2json.%'}) eq '0';

# since the minor releases of November 2026 servers have a list of plugins
$node->safe_psql('postgres', q{
	ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, wal2json;
	SELECT pg_reload_conf()})
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'}) ne '0';
$node->poll_query_until('postgres', q{
	SELECT coalesce(current_setting('output_plugin_libraries', true) LIKE '%wal2json%', true)});

$node->safe_psql('postgres', q{
	CREATE FUNCTION noise(seed int, kb int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
		SELECT string_agg(md5(seed::text || ':' || g), '') FROM generate_series(1, kb * 32) g $$;
	SELECT pg_create_logical_replication_slot('now', 'wal2json')});

my $script = q{
	CREATE TABLE t (k int PRIMARY KEY, a text, j jsonb, d timestamptz, b bytea, n numeric);
	INSERT INTO t VALUES (1, 'one', '{"a": 1}', '2020-01-01', '\x00ff', 1.50), (2, noise(2, 9), NULL, NULL, NULL, 'NaN');
	BEGIN; INSERT INTO t (k) VALUES (3); SAVEPOINT a; INSERT INTO t (k) VALUES (4); ROLLBACK TO a; INSERT INTO t (k, a) VALUES (5, noise(5, 9)); COMMIT;
	COPY t (k, a) FROM STDIN;
6	six
7	"quoted" \\\\
\.
	INSERT INTO t (k) VALUES (7), (8) ON CONFLICT DO NOTHING;
	ALTER TABLE t ADD c int DEFAULT 5; INSERT INTO t (k) VALUES (9);
	TRUNCATE t;
	BEGIN; INSERT INTO t (k, a) SELECT g, noise(g, 1) FROM generate_series(1, 200) g; COMMIT;
	BEGIN; INSERT INTO t (k) VALUES (1000); ROLLBACK;
};

# In format 2 each change is a line; row_changes counts them by another pattern.
foreach my $case ([ 'format 2', q{'format-version', '2', 'include-lsn', '0'} ], [ 'format 1', q{'include-lsn', '0', 'pretty-print', '1'} ])
{
	my ($what, $options) = @$case;
	my $changes = '';

	same_changes($node, $what, 0, sub {
		my ($server, $side) = @_;

		$server->safe_psql('postgres', on_side($side) . $script);
		$changes = $server->safe_psql('postgres', qq{
			SELECT data FROM pg_logical_slot_peek_changes('now', NULL, NULL, $options)});
	}, $options);
	my @inserts = $changes =~ /"(?:action":"I"|kind": "insert")/g;
	is(scalar @inserts, 208, "$what: number of rows");
}

# A store has no columns that the plugin takes for others.
$node->safe_psql('postgres', q{
	SELECT eventstore.create_store('orders');
	SELECT count(*) FROM pg_logical_slot_get_changes('now', NULL, NULL);
	SELECT * FROM eventstore.ingest('orders', '{"entity_id": "o1", "event_type": "placed", "payload": {"a": 1}}' || chr(10)
		|| '{"entity_id": "o2", "event_type": "paid"}')});
is( $node->safe_psql('postgres', q{
		SELECT string_agg(c ->> 'value', '|' ORDER BY n, m)
		FROM pg_logical_slot_get_changes('now', NULL, NULL, 'format-version', '2') WITH ORDINALITY x (l, i, data, n),
			LATERAL json_array_elements(data::json -> 'columns') WITH ORDINALITY y (c, m)
		WHERE data::json ->> 'action' = 'I' AND c ->> 'name' IN ('position', 'entity_id', 'event_id', 'event_type')}),
	$node->safe_psql('postgres', q{
		SELECT string_agg(format('%s|%s|%s|%s', position, entity_id, event_id, event_type), '|' ORDER BY position) FROM orders}),
	'what the storage supplied');

$node->stop;
done_testing();
