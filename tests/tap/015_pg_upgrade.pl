# pg_upgrade takes the files of event tables as they are: rows, positions, TIDs,
# ids and indexes are the same in the new cluster, and rows go on.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old = new_server('old', conf => 'wal_level = replica');
my @tables = qw(orders t totals);

$old->start;
$old->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	SELECT eventstore.create_store('orders', 'jsonb');
	INSERT INTO orders (entity_id, event_type, payload) SELECT 'o' || g % 5, 'x', jsonb_build_object('n', g) FROM generate_series(1, 300) g;
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text, k int UNIQUE, filler text) USING eventstore;
	SET eventstore.run_pages = 1;
	INSERT INTO t (entity_id, k, filler) SELECT 'e', g, repeat('x', 1900) FROM generate_series(1, 600) g;
	BEGIN; INSERT INTO t (entity_id, k) SELECT 'gone', g FROM generate_series(1001, 1400) g; ROLLBACK;
	INSERT INTO t (entity_id, k, filler) SELECT 'large', 2000, string_agg(md5(g::text), '') FROM generate_series(1, 1000) g;
	INSERT INTO t VALUES (90000, 'jump', 3000);
	ALTER TABLE t ADD COLUMN added int DEFAULT 7;
	INSERT INTO t (entity_id, k) VALUES ('e', 4000);
	ALTER TABLE t DROP COLUMN added;
	CREATE MATERIALIZED VIEW totals USING eventstore AS SELECT entity_id, count(*) FROM orders GROUP BY 1 ORDER BY 1;
	CREATE UNLOGGED TABLE scratch (entity_id text) USING eventstore;
	INSERT INTO scratch VALUES ('e');
});
my %rows = map { $_ => rows_of($old, 'postgres', $_) } @tables;
my $tids = $old->safe_psql('postgres', q{SELECT md5(string_agg(ctid::text, ',' ORDER BY ctid)) FROM t});

$old->stop;

my $new = new_server('new', conf => 'wal_level = replica');
my $bin = $new->config_data('--bindir');

chdir PostgreSQL::Test::Utils::tempdir;
command_ok(
	[
		'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir,
		'-b', $bin, '-B', $bin, '-s', $new->host,
		'-p', $old->port, '-P', $new->port
	],
	'pg_upgrade');
$new->start;
is(rows_of($new, 'postgres', $_), $rows{$_}, "rows of $_") foreach @tables;
is( $new->safe_psql('postgres', q{SELECT md5(string_agg(ctid::text, ',' ORDER BY ctid)) FROM t}),
	$tids, 'TIDs are the same');
is( $new->safe_psql('postgres', q{SET enable_seqscan = off; SELECT count(*) FROM t WHERE k > 0}),
	'603', 'rows by index');
is_sound($new, 'postgres', 'in the new cluster');
is( $new->safe_psql('postgres', q{
		INSERT INTO t (entity_id, k) VALUES ('new', 5000) RETURNING position;
		INSERT INTO orders (entity_id, event_type) VALUES ('new', 'x') RETURNING position;
		INSERT INTO scratch VALUES ('new')}),
	"90002\n301", 'rows go on');
$new->safe_psql('postgres', 'VACUUM (FREEZE)');
is_sound($new, 'postgres', 'in the new cluster, after more rows');

$new->stop;
done_testing();
