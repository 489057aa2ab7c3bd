# pg_dump and pg_restore, in every format, by a superuser and by the tables'
# owner: rows come back with their positions, holes included, and the next row
# gets the next position.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => 'wal_level = replica');
my $folder = PostgreSQL::Test::Utils::tempdir;
my @tables = qw(orders clicks ledger lines parts_1 parts_2 totals);

$node->start;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;

sub as_owner
{
	my ($db, $sql) = @_;

	return $node->safe_psql($db, $sql, extra_params => [ '-U', 'keeper' ]);
}

sub new_database
{
	my ($db, @extension) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER keeper");
	$node->safe_psql($db, 'CREATE EXTENSION eventstore') if @extension;
	return;
}

$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN; CREATE ROLE clerk LOGIN');
new_database('source', 1);
as_owner('source', q{
	SELECT eventstore.create_store('orders', 'jsonb');
	INSERT INTO orders (entity_id, event_type, payload, metadata)
		SELECT 'order-' || g % 10, 'placed', jsonb_build_object('n', g), '{"k":   1}' FROM generate_series(1, 300) g;
	BEGIN; INSERT INTO orders (entity_id, event_type) SELECT 'gone', 'x' FROM generate_series(1, 500); ROLLBACK;
	INSERT INTO orders (entity_id, event_type) VALUES ('order-1', 'after a hole');
	INSERT INTO orders (position, entity_id, event_type) VALUES (5000, 'order-1', 'after a jump');
	INSERT INTO orders (position, entity_id, event_type) VALUES (5020, 'order-1', 'after a small jump');
	INSERT INTO orders (entity_id, event_type, payload) SELECT 'big', 'large', jsonb_build_object('v', string_agg(md5(g::text), '')) FROM generate_series(1, 2000) g;
	CREATE INDEX ON orders (entity_id, position);

	CREATE TABLE clicks (entity_id uuid PRIMARY KEY, n int, tags text[], at timestamptz DEFAULT now()) USING eventstore;
	INSERT INTO clicks SELECT md5(g::text)::uuid, g, array['a', g::text, NULL], '2026-01-01'::timestamptz + g * interval '1 s' FROM generate_series(1, 200) g;

	-- without an entity_id, "position" is a column as any other
	CREATE TABLE ledger (position bigint, amount numeric) USING eventstore;
	INSERT INTO ledger SELECT 100 - g, g / 3.0 FROM generate_series(1, 50) g;

	CREATE TABLE lines (click uuid REFERENCES clicks, line int) USING eventstore;
	INSERT INTO lines SELECT md5(g::text)::uuid, g FROM generate_series(1, 20) g;

	CREATE TABLE parts (at date, entity_id text, position bigint NOT NULL DEFAULT 0) PARTITION BY RANGE (at);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') USING eventstore;
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') USING eventstore;
	INSERT INTO parts SELECT '2026-01-01'::date + g % 59, 'e' FROM generate_series(1, 200) g;

	CREATE MATERIALIZED VIEW totals USING eventstore AS SELECT entity_id, count(*) FROM orders GROUP BY 1 ORDER BY 1;
	GRANT SELECT, INSERT ON orders TO clerk;
});

# What a restored database has to look like.
sub check_restored
{
	my ($db, $what, @which) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	@which = @tables if !@which;
	is(rows_of($node, $db, $_), rows_of($node, 'source', $_), "$what: rows of $_")
	  foreach @which;
	is( $node->safe_psql($db, q{SELECT md5(string_agg(ctid::text, ',' ORDER BY ctid)) FROM orders}),
		$node->safe_psql('source', q{SELECT md5(string_agg(ctid::text, ',' ORDER BY ctid)) FROM orders}),
		"$what: positions are row numbers");
	is( $node->safe_psql($db, q{
			SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
			WHERE a.amname = 'eventstore'}),
		join(' ', sort @which),
		"$what: the tables are event tables");
	is_sound($node, $db, $what);
	is( $node->safe_psql($db, q{
			INSERT INTO orders (entity_id, event_type) VALUES ('order-1', 'later')
			RETURNING position > (SELECT max(position) FROM orders)}),
		't', "$what: positions go on");
	return;
}

sub file_like
{
	my ($file, $regexp, $what) = @_;

	return like(slurp_file($file), $regexp, $what);
}

# plain, by a superuser: nothing is there before
command_ok([ 'pg_dump', '-f', "$folder/plain.sql", 'source' ], 'plain dump');
file_like("$folder/plain.sql", qr/default_table_access_method = eventstore/,
	'the dump names the access method');
new_database('plain');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/plain.sql", 'plain' ],
	'plain restore');
check_restored('plain', 'plain');

command_ok([ 'pg_dump', '-f', "$folder/inserts.sql", '--rows-per-insert=7', 'source' ],
	'dump as INSERT statements');
new_database('inserts');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/inserts.sql", 'inserts' ],
	'restore by INSERT statements');
check_restored('inserts', 'INSERT statements');

# custom and directory, also in parallel
command_ok([ 'pg_dump', '-Fc', '-f', "$folder/custom", 'source' ], 'custom dump');
new_database('custom');
command_ok([ 'pg_restore', '--exit-on-error', '-j2', '-d', 'custom', "$folder/custom" ],
	'custom restore, in parallel');
check_restored('custom', 'custom');

command_ok([ 'pg_dump', '-Fd', '-j2', '-f', "$folder/directory", 'source' ],
	'directory dump, in parallel');
new_database('directory');
command_ok([ 'pg_restore', '--exit-on-error', '-j2', '-d', 'directory', "$folder/directory" ],
	'directory restore, in parallel');
check_restored('directory', 'directory');

# by sections, into tables that exist
new_database('sections');
command_ok([ 'pg_restore', '--exit-on-error', '--section=pre-data', '-d', 'sections', "$folder/custom" ],
	'tables only');
command_ok([ 'pg_restore', '--exit-on-error', '--section=data', '-d', 'sections', "$folder/custom" ],
	'data into tables that exist');
command_ok([ 'pg_restore', '--exit-on-error', '--section=post-data', '-d', 'sections', "$folder/custom" ],
	'indexes and the rest');
check_restored('sections', 'by sections');

# the same data once more: refused, and nothing changes
my $before = rows_of($node, 'sections', 'orders');
command_fails_like(
	[ 'pg_restore', '--data-only', '-t', 'orders', '-d', 'sections', "$folder/custom" ],
	qr/position 1 of relation "orders" has already passed/,
	'positions that have passed are refused');
is(rows_of($node, 'sections', 'orders'), $before, 'and nothing changes');

# by the owner of the tables, who is no superuser
command_ok([ 'pg_dump', '-U', 'keeper', '-Fc', '-t', 'public.*', '-f', "$folder/owner", 'source' ],
	'dump by the owner');
new_database('owner', 1);
command_ok([ 'pg_restore', '-U', 'keeper', '--exit-on-error', '-j2', '-d', 'owner', "$folder/owner" ],
	'restore by the owner');
check_restored('owner', 'by the owner');

# who may insert, but does not own the table, chooses no positions
new_database('clerk', 1);
command_ok([ 'pg_restore', '-U', 'keeper', '--exit-on-error', '--schema-only', '-d', 'clerk', "$folder/owner" ],
	'tables for somebody else');
my ($stdout, $stderr) = run_command(
	[ 'pg_restore', '-U', 'clerk', '--data-only', '-t', 'orders', '-d', 'clerk', "$folder/owner" ]);
like($stderr, qr/must be owner of relation "orders" to choose a position/,
	'only the owner chooses positions');
is(count_of($node, 'clerk', 'orders'), '0', 'and nothing is stored');

# a whole cluster
command_ok([ 'pg_dumpall', '-f', "$folder/all.sql" ], 'pg_dumpall');
file_like("$folder/all.sql", qr/CREATE EXTENSION IF NOT EXISTS eventstore/,
	'pg_dumpall has the extension');

$node->stop;
done_testing();
