# The extension as an object of a database: who may make and drop it, what goes
# with it, and what other sessions see of that.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => 'wal_level = replica');
my $message;

# All names that the extension and its tables have put into the catalogs.
my $catalog = q{
	SELECT string_agg(what || ' ' || name, ', ' ORDER BY what, name) FROM (
		SELECT 'extension' AS what, extname::text AS name FROM pg_extension WHERE extname <> 'plpgsql'
		UNION ALL SELECT 'access method', amname FROM pg_am WHERE oid >= 16384
		UNION ALL SELECT 'schema', nspname FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_'
		UNION ALL SELECT 'function', proname FROM pg_proc WHERE oid >= 16384
		UNION ALL SELECT 'relation', relname FROM pg_class WHERE oid >= 16384 AND relnamespace = 'public'::regnamespace) x};

sub is_refused
{
	my ($db, $sql, $sqlstate, $regexp, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(sqlstate_of($node, $db, $sql, \$message), $sqlstate, "$what: refused");
	like($message, $regexp, "$what: says why");
	return;
}

$node->start;
$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN; CREATE ROLE clerk LOGIN; CREATE DATABASE store OWNER keeper');

# ---- who may make it ----

is_refused('store', 'SET ROLE keeper; CREATE EXTENSION eventstore', '42501',
	qr/permission denied to create extension "eventstore"/, 'CREATE EXTENSION by the owner of the database');
is_refused('store', 'CREATE EXTENSION eventstore SCHEMA public', '0A000',
	qr/must be installed in schema "eventstore"/, 'CREATE EXTENSION in another schema');
$node->safe_psql('store', 'SET ROLE keeper; CREATE SCHEMA eventstore');
is_refused('store', 'CREATE EXTENSION eventstore', '42501',
	qr/schema "eventstore" belongs to role "keeper".*HINT:  Drop or rename the schema/s, 'CREATE EXTENSION in a schema of somebody else');
is($node->safe_psql('store', $catalog), 'schema eventstore', 'nothing is left behind');
$node->safe_psql('store', 'SET ROLE keeper; ALTER SCHEMA eventstore RENAME TO mine; CREATE TABLE mine.t (n int)');
$node->safe_psql('store', 'CREATE EXTENSION eventstore');
my $empty = $node->safe_psql('store', $catalog);
is($empty,
	'access method eventstore, extension eventstore, function batches, function column_stats, function compact, function compaction_progress, function create_store, function ingest, function store_stats, function table_handler, function verify, schema eventstore, schema mine',
	'what the extension consists of');

# ---- what may be done with it ----

is_refused('store', 'CREATE EXTENSION eventstore', '42710', qr/already exists/, 'a second CREATE EXTENSION');
is_refused('store', 'ALTER EXTENSION eventstore SET SCHEMA public', '0A000', qr/does not support SET SCHEMA/, 'SET SCHEMA');
is_refused('store', 'DROP ACCESS METHOD eventstore', '2BP01', qr/extension eventstore requires it/, 'DROP ACCESS METHOD');
is_refused('store', 'DROP FUNCTION eventstore.table_handler', '2BP01', qr/extension eventstore requires it/, 'DROP FUNCTION');
is_refused('store', 'DROP SCHEMA eventstore', '2BP01', qr/extension eventstore depends on schema eventstore/, 'DROP SCHEMA');
is_refused('store', 'SET ROLE keeper; DROP EXTENSION eventstore', '42501', qr/must be owner of extension eventstore/, 'DROP EXTENSION by somebody else');
is($node->psql('store', 'ALTER EXTENSION eventstore UPDATE', stderr => \$message), 0, 'UPDATE to the same version');
like($message, qr/NOTICE: +version "[0-9.]+" of extension "eventstore" is already installed/, 'says that there is nothing to do');
is($node->safe_psql('store', 'CREATE EXTENSION IF NOT EXISTS eventstore; ' . $catalog), $empty, 'nothing has changed');

# without a privilege that is not everybody's
my $as_clerk = [ '-U', 'clerk' ];
$node->safe_psql('store', 'CREATE SCHEMA clerk AUTHORIZATION clerk');
is( $node->safe_psql('store', q{
		SELECT eventstore.create_store('orders');
		SELECT stored FROM eventstore.ingest('orders', '{"entity_id": "o", "event_type": "x"}');
		SELECT count(*) FROM eventstore.verify('orders');
		DROP TABLE orders}, extra_params => $as_clerk),
	"orders\n1\n0", 'everybody may use it');

# ---- DROP EXTENSION with tables ----

my $tables = q{
	SELECT eventstore.create_store('orders');
	CREATE INDEX orders_type ON orders (event_type);
	INSERT INTO orders (entity_id, event_type) SELECT 'o' || g % 3, 'x' FROM generate_series(1, 100) g;
	CREATE TABLE keys (k int PRIMARY KEY, filler text) USING eventstore;
	INSERT INTO keys SELECT g, repeat('x', g) FROM generate_series(1, 50) g;
	CREATE TABLE notes (k int REFERENCES keys, note text) USING heap;
	INSERT INTO notes VALUES (1, 'one'), (50, 'fifty');
	CREATE VIEW late AS SELECT entity_id FROM orders WHERE position > 50;
	CREATE MATERIALIZED VIEW totals USING eventstore AS SELECT entity_id, count(*) FROM orders GROUP BY 1;
	CREATE UNIQUE INDEX ON totals (entity_id);
	CREATE MATERIALIZED VIEW heap_totals USING heap AS SELECT count(*) FROM orders;
	CREATE TABLE parts (k int) PARTITION BY LIST (k);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1) USING eventstore;
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2) USING heap;
	INSERT INTO parts VALUES (1), (2);
	CREATE FUNCTION count_orders() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM orders';
	CREATE TABLE moved (k int) USING eventstore;
	ALTER TABLE moved SET ACCESS METHOD heap;
	INSERT INTO moved VALUES (1)};
my $left = 'relation moved, relation notes, relation parts, relation parts_2, schema clerk, schema eventstore, schema mine';

$node->safe_psql('store', $tables);
my $full = $node->safe_psql('store', $catalog);
is_refused('store', 'DROP EXTENSION eventstore', '2BP01',
	qr/other objects depend on it.*table orders depends on access method eventstore.*HINT:  Use DROP \.\.\. CASCADE/s, 'DROP EXTENSION with tables');
is_refused('store', 'DROP EXTENSION eventstore RESTRICT', '2BP01', qr/other objects depend on it/, 'DROP EXTENSION RESTRICT');
is($node->safe_psql('store', $catalog), $full, 'everything is there');

# undone
is( $node->safe_psql('store', qq{
		SET client_min_messages = warning;
		BEGIN;
		INSERT INTO orders (entity_id, event_type) VALUES ('o', 'undone');
		SAVEPOINT a;
		DROP EXTENSION eventstore CASCADE;
		SELECT count(*) FROM pg_class WHERE relname IN ('orders', 'keys', 'totals', 'late', 'heap_totals');
		SELECT count(*) FROM notes;
		ROLLBACK TO a;
		INSERT INTO orders (entity_id, event_type) VALUES ('o', 'undone, too');
		SELECT count(*) FROM orders;
		DROP EXTENSION eventstore CASCADE;
		ROLLBACK;
		SELECT count(*), max(position) FROM orders;
		INSERT INTO orders (entity_id, event_type) VALUES ('o', 'kept') RETURNING position}),
	"0\n2\n102\n100|100\n103", 'DROP EXTENSION CASCADE is undone');
is($node->safe_psql('store', $catalog), $full, 'everything is there again');
is_sound($node, 'store', 'after DROP EXTENSION was undone');

# sessions that know the tables, and one with a temporary event table
my $other = $node->background_psql('store', on_error_stop => 0);
$other->query_safe(q{PREPARE all_orders AS SELECT count(*) FROM orders; EXECUTE all_orders; CREATE TEMP TABLE mine (k int) USING eventstore; INSERT INTO mine VALUES (1)});
my $reader = $node->background_psql('store');
$reader->query_safe(q{BEGIN; SELECT count(*) FROM keys});
is_refused('store', q{SET lock_timeout = '100ms'; SET client_min_messages = warning; DROP EXTENSION eventstore CASCADE},
	'55P03', qr/lock timeout/, 'DROP EXTENSION CASCADE while a table is read');
is($reader->query_safe('SELECT count(*) FROM keys'), '50', 'and the reader goes on');
$reader->query_safe('COMMIT');
$reader->quit;

is($node->psql('store', 'DROP EXTENSION eventstore CASCADE', stderr => \$message), 0, 'DROP EXTENSION CASCADE');
like($message, qr/drop cascades to table $_/, "says that it drops $_") foreach qw(orders keys parts_1);
like($message, qr/drop cascades to constraint notes_k_fkey on table notes/, 'and a foreign key');
$other->query('EXECUTE all_orders');
like($other->{stderr}, qr/relation "orders" does not exist/, 'a session that knew the table gets an error');
$other->{stderr} = '';
$other->query('SELECT * FROM mine');
like($other->{stderr}, qr/relation "mine" does not exist/, 'temporary tables of sessions go, too');
$other->{stderr} = '';
my $rest = $node->safe_psql('store', $catalog);
like($rest, qr/^function count_orders, \Q$left\E$/, 'what is left');
is($node->safe_psql('store', 'SELECT count(*) FROM notes UNION ALL SELECT count(*) FROM parts UNION ALL SELECT count(*) FROM moved'),
	"2\n1\n1", 'rows of heap tables are left');
is_refused('store', 'CREATE TABLE t (n int) USING eventstore', '42704', qr/access method "eventstore" does not exist/, 'without the extension');
is_refused('store', 'SET default_table_access_method = eventstore', '22023', qr/access method "eventstore" does not exist/, 'as a default');

# ---- once more ----

# into the schema that was left, which is a superuser's
$node->safe_psql('store', 'CREATE EXTENSION eventstore');
$node->safe_psql('store', 'DROP TABLE notes, parts, moved; DROP FUNCTION count_orders; ' . $tables);
is($node->safe_psql('store', $catalog), $full, 'made again, with its tables');
$other->query_safe('CREATE TEMP TABLE mine (k int) USING eventstore; INSERT INTO mine VALUES (1), (2)');
is($other->query_safe('SELECT count(*) FROM mine'), '2', 'a session that knew the old one uses the new one');
is($other->query_safe(q{INSERT INTO orders (entity_id, event_type) VALUES ('o', 'x') RETURNING position}), '101', 'and its tables');
is(sqlstate_of($node, 'store', 'DELETE FROM orders'), '0A000', 'rules hold for them');
$other->quit;
is_sound($node, 'store', 'made again');

# a name is a name
$node->safe_psql('store', q{
	ALTER SCHEMA eventstore RENAME TO events;
	ALTER TABLE orders RENAME TO purchases;
	ALTER TABLE purchases SET SCHEMA clerk;
	ALTER TABLE clerk.purchases OWNER TO clerk});
is( $node->safe_psql('store', q{
		SELECT stored FROM events.ingest('purchases', '{"entity_id": "o", "event_type": "x"}');
		SELECT count(*), max(position) FROM purchases;
		INSERT INTO purchases (position, entity_id, event_type) VALUES (500, 'o', 'x') RETURNING position;
		SELECT count(*) FROM events.verify('purchases')}, extra_params => $as_clerk),
	"1\n102|102\n500\n0", 'other names, another schema, another owner');
is(sqlstate_of($node, 'store', 'UPDATE clerk.purchases SET event_type = 1'), '0A000', 'rules hold under other names');

# with a prepared transaction that has rows of a table
$node->safe_psql('store', q{BEGIN; INSERT INTO keys VALUES (1000); PREPARE TRANSACTION 'holder'});
is_refused('store', q{SET lock_timeout = '100ms'; SET client_min_messages = warning; DROP EXTENSION eventstore CASCADE},
	'55P03', qr/lock timeout/, 'DROP EXTENSION CASCADE beside a prepared transaction');
$node->safe_psql('store', q{COMMIT PREPARED 'holder'});
$node->safe_psql('store', q{SET client_min_messages = warning; DROP EXTENSION eventstore CASCADE});

# a crash after it
$node->stop('immediate');
$node->start;
like($node->safe_psql('store', $catalog), qr/^function count_orders, relation moved, relation notes, relation parts, relation parts_2, /, 'dropped, after a crash');
$node->safe_psql('postgres', 'DROP DATABASE store');

$node->stop;
done_testing();
