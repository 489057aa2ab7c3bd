# pg_upgrade with links, of several databases: rows, positions, TIDs, ids and
# indexes of every kind of event table are the same in the new cluster, key for
# key, and rows go on, in the runs and pages that the old server has left.
# A prepared transaction has to end before.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old = new_server('old', conf => 'wal_level = replica');
my @databases = qw(postgres second template1);
my @tables = qw(orders runs large parts_1 parts_2 totals child unlogged changed);
my $state = join ' UNION ALL ', map {
	"SELECT '$_', count(*), md5(string_agg(ctid::text || xmin::text || t::text, chr(10) ORDER BY ctid)) FROM $_ t"
} @tables;
my $by_index = q{
	SET enable_seqscan = off;
	SET enable_bitmapscan = off;
	SELECT 'btree', count(*), md5(string_agg(ctid::text, ' ' ORDER BY k)) FROM runs WHERE k > 0;
	SELECT 'unique', count(*), '' FROM (SELECT event_id FROM orders) o, LATERAL (SELECT FROM orders x WHERE x.event_id = o.event_id OFFSET 0) x;
	SELECT 'hash', count(*), '' FROM runs WHERE entity_id = 'r7';
	SET enable_bitmapscan = on;
	SELECT 'gin', count(*), '' FROM orders WHERE payload @> '{"n": 7}';
	SELECT 'brin', count(*), '' FROM runs WHERE position BETWEEN 100 AND 300};
my $problems = q{
	SELECT 'problem: ' || c.relname, v.block, concat_ws(' ', v.row_number, v.rule, v.problem)
	FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'eventstore', eventstore.verify(c.oid) v
	WHERE c.relkind IN ('r', 'm')};

sub state_of
{
	my ($node, $db) = @_;

	return $node->safe_psql($db, "$state UNION ALL $problems; $by_index");
}

$old->start;
$old->safe_psql('postgres', 'CREATE DATABASE second');
foreach my $db (@databases)
{
	$old->safe_psql($db, q{
		CREATE EXTENSION eventstore;
		SELECT eventstore.create_store('orders', 'jsonb');
		CREATE UNIQUE INDEX ON orders (event_id);
		CREATE INDEX ON orders USING gin (payload);
		INSERT INTO orders (entity_id, event_type, payload) SELECT 'o' || g % 5, 'x', jsonb_build_object('n', g) FROM generate_series(1, 300) g;
		INSERT INTO orders (position, entity_id, event_type) VALUES (400, 'o1', 'a small jump'), (7000, 'o1', 'a jump');
		CREATE TABLE runs (position bigint NOT NULL DEFAULT 0, entity_id text, k int PRIMARY KEY, filler text) USING eventstore;
		CREATE INDEX ON runs USING hash (entity_id);
		CREATE INDEX ON runs USING brin (position) WITH (pages_per_range = 1);
		SET eventstore.run_pages = 1;
		INSERT INTO runs (entity_id, k, filler) SELECT 'r' || g % 10, g, repeat('x', 1900) FROM generate_series(1, 800) g;
		BEGIN; INSERT INTO runs (entity_id, k, filler) SELECT 'gone', g, repeat('x', 1900) FROM generate_series(1001, 1100) g; ROLLBACK;
		CREATE TABLE large (entity_id text, filler text, packed text) USING eventstore;
		ALTER TABLE large ALTER filler SET STORAGE EXTERNAL;
		INSERT INTO large SELECT 'large', string_agg(md5(g::text), ''), repeat('packed', 100000) FROM generate_series(1, 1000) g;
		CREATE TABLE parts (entity_id text, k int) PARTITION BY LIST (k);
		CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1) USING eventstore;
		CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2) USING eventstore;
		INSERT INTO parts SELECT 'p', 1 + g % 2 FROM generate_series(1, 100) g;
		CREATE TABLE child (more int) INHERITS (large) USING eventstore;
		INSERT INTO child VALUES ('child', 'x', 'x', 1);
		CREATE MATERIALIZED VIEW totals USING eventstore AS SELECT entity_id, count(*) FROM orders GROUP BY 1 ORDER BY 1;
		CREATE UNIQUE INDEX ON totals (entity_id);
		CREATE UNLOGGED TABLE unlogged (entity_id text) USING eventstore;
		INSERT INTO unlogged VALUES ('u');
		CREATE TABLE empty (entity_id text) USING eventstore;
		CREATE TABLE changed (position bigint NOT NULL DEFAULT 0, entity_id text, dropped int) USING eventstore;
		INSERT INTO changed (entity_id, dropped) SELECT 'c', g FROM generate_series(1, 50) g;
		ALTER TABLE changed ADD COLUMN added int DEFAULT 7;
		ALTER TABLE changed DROP COLUMN dropped;
		INSERT INTO changed (entity_id, added) VALUES ('c', 8)});
	$old->safe_psql($db, 'VACUUM runs');
	$old->safe_psql($db, q{INSERT INTO runs (entity_id, k) VALUES ('r7', 900)});
}
$old->safe_psql('second', q{
	INSERT INTO orders (entity_id, event_type) VALUES ('o1', 'of the second');
	BEGIN; INSERT INTO runs (entity_id, k) VALUES ('prepared', 901); PREPARE TRANSACTION 'open'});
$old->stop;

my $new = new_server('new', conf => 'wal_level = replica');
my $bin = $new->config_data('--bindir');
my @upgrade = (
	'pg_upgrade', '--no-sync', '--link', '-d', $old->data_dir, '-D', $new->data_dir,
	'-b', $bin, '-B', $bin, '-s', $new->host, '-p', $old->port, '-P', $new->port
);

chdir PostgreSQL::Test::Utils::tempdir;
command_checks_all([ @upgrade, '--check' ], 1, [qr/source cluster contains prepared transactions/i], [],
	'a prepared transaction is found');
$old->start;
$old->safe_psql('second', q{COMMIT PREPARED 'open'});
my %state = map { $_ => state_of($old, $_) } @databases;
unlike(join('', values %state), qr/problem/, 'the old cluster is sound');
$old->stop;

# without the library the new server cannot take the old one's tables
$new->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
command_checks_all([ @upgrade, '--check' ], 1, [qr/presence of required libraries +fatal/], [], 'the new server needs the library');
$new->append_conf('postgresql.conf', q{shared_preload_libraries = 'eventstore'});

command_ok([@upgrade], 'pg_upgrade --link');
$new->start;
foreach my $db (@databases)
{
	is(state_of($new, $db), $state{$db}, "$db: everything is the same");
	is( $new->safe_psql($db, q{
			INSERT INTO orders (entity_id, event_type) SELECT 'new', 'x' FROM generate_series(1, 3) RETURNING position;
			INSERT INTO runs (entity_id, k, filler) SELECT 'new', g, repeat('n', 1900) FROM generate_series(2001, 2100) g;
			INSERT INTO large SELECT 'new', string_agg(md5(g::text), ''), repeat('packed', 100000) FROM generate_series(1, 1000) g;
			INSERT INTO parts VALUES ('new', 1), ('new', 2);
			INSERT INTO empty VALUES ('new');
			INSERT INTO unlogged VALUES ('new');
			INSERT INTO changed (entity_id) VALUES ('new') RETURNING position, added;
			REFRESH MATERIALIZED VIEW totals;
			SELECT count(*), count(DISTINCT event_id) = count(*) FROM orders;
			SELECT count(*), max(position) = max(position) FILTER (WHERE entity_id = 'new') FROM runs}),
		($db eq 'second' ? "7002\n7003\n7004" : "7001\n7002\n7003") . "\n52|7\n"
		  . ($db eq 'second' ? "306|t\n902|t" : "305|t\n901|t"), "$db: rows go on");
	is($new->safe_psql($db, $problems), '', "$db: verify finds nothing");
}
$new->safe_psql('postgres', 'CREATE DATABASE third');
is($new->safe_psql('third', "$problems; SELECT count(*) FROM runs"), '901', 'a new database from template1');
$new->command_ok([ 'vacuumdb', '--all', '--freeze', '--quiet' ], 'VACUUM (FREEZE)');
$new->stop('immediate');
$new->start;
foreach my $db (@databases, 'third')
{
	is($new->safe_psql($db, "$problems; SELECT count(*) FROM runs"), $db eq 'second' ? '902' : '901', "$db: after VACUUM (FREEZE) and a crash");
}

$new->stop;
done_testing();
