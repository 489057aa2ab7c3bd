# Changes of definitions between rows, and in their transactions: what slots say
# of event tables is what they say of heap tables.  Once read at once, and once at
# the end, when the tables have changed again or are gone.
use strict;
use warnings;

use DecodingTest;
use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_decoding_server('main', conf => 'allow_in_place_tablespaces = on');

$node->safe_psql('postgres', q{
	CREATE FUNCTION noise(seed int, kb int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
		SELECT string_agg(md5(seed::text || ':' || g), '') FROM generate_series(1, kb * 32) g $$});
$node->safe_psql('postgres', q{CREATE TABLESPACE elsewhere LOCATION ''});

# --- rows written before there could be a slot ---

$node->append_conf('postgresql.conf', 'wal_level = replica');
$node->restart;
$node->safe_psql('postgres', q{
	CREATE TABLE event_early (k int, a text) USING eventstore; INSERT INTO event_early VALUES (1, noise(1, 9)), (2, 'b')});
$node->append_conf('postgresql.conf', 'wal_level = logical');
$node->restart;
create_slots($node);
$node->safe_psql('postgres', q{INSERT INTO event_early VALUES (3, noise(3, 9))});
is(changes_of($node, 'now') =~ s/a\[text\]:'.*'/.../r, "BEGIN\ntable public.event_early: INSERT: k[integer]:3 ...\nCOMMIT",
	'a table with rows of wal_level = replica');

# --- columns ---

my $t = q{CREATE TABLE t (k int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'one'), (2, noise(2, 9));};

same_changes($node, 'columns added and dropped', 15, qq{$t
	ALTER TABLE t ADD b int DEFAULT 7;
	INSERT INTO t VALUES (3, 'three'); INSERT INTO t VALUES (4, noise(4, 9), 8);
	ALTER TABLE t ADD c text NOT NULL DEFAULT 'missing', ADD d int;
	INSERT INTO t VALUES (5, 'five'); INSERT INTO t VALUES (6, noise(6, 9), 9, noise(60, 9), 10);
	ALTER TABLE t DROP a;
	INSERT INTO t VALUES (7, 1); INSERT INTO t VALUES (8, 2, noise(8, 9), 3);
	ALTER TABLE t ADD a text DEFAULT noise(9, 1);
	INSERT INTO t VALUES (9);
	ALTER TABLE t ADD e float DEFAULT random() * 0;
	INSERT INTO t VALUES (10);
	ALTER TABLE t DROP b, DROP c, DROP d, DROP a, DROP e;
	INSERT INTO t VALUES (11);
	ALTER TABLE t DROP k;
	INSERT INTO t DEFAULT VALUES;
	ALTER TABLE t ADD z text;
	INSERT INTO t VALUES (noise(1, 9)), ('z'), (NULL);
});

same_changes($node, 'a table that has no TOAST table at first', 4, q{
	CREATE TABLE t (k int);
	INSERT INTO t VALUES (1);
	ALTER TABLE t ADD a text;
	INSERT INTO t VALUES (2, noise(2, 9));
	BEGIN; ALTER TABLE t ADD b text DEFAULT 'b'; INSERT INTO t VALUES (3, noise(3, 9), noise(4, 9)), (4, NULL, NULL); COMMIT;
});

same_changes($node, 'types changed, columns and tables renamed', 14, qq{$t
	ALTER TABLE t ALTER k TYPE bigint;
	INSERT INTO t VALUES (3, noise(3, 9));
	ALTER TABLE t ALTER a TYPE varchar(100000);
	INSERT INTO t VALUES (4, 'four');
	ALTER TABLE t ALTER k TYPE text USING 'key ' || k;
	INSERT INTO t VALUES ('key 5', noise(5, 9));
	ALTER TABLE t RENAME k TO key;
	INSERT INTO t VALUES ('key 6', 'six');
	ALTER TABLE t RENAME TO u;
	INSERT INTO u VALUES ('key 7', 'seven');
	BEGIN;
	INSERT INTO u VALUES ('key 8', noise(8, 9));
	ALTER TABLE u ALTER key TYPE int USING substr(key, 5)::int;
	INSERT INTO u VALUES (9, noise(9, 9));
	ALTER TABLE u RENAME key TO k; ALTER TABLE u ADD b int DEFAULT 3; ALTER TABLE u RENAME TO t;
	INSERT INTO t VALUES (10, 'ten');
	SAVEPOINT a;
	ALTER TABLE t ALTER a TYPE int USING length(a);
	INSERT INTO t VALUES (11, 11);
	ROLLBACK TO a;
	INSERT INTO t VALUES (11, noise(11, 9), 4);
	SAVEPOINT b;
	ALTER TABLE t ALTER a TYPE int USING length(a);
	INSERT INTO t VALUES (12, 12);
	RELEASE b;
	ALTER TABLE t DROP a;
	INSERT INTO t VALUES (13, 13);
	COMMIT;
	INSERT INTO t VALUES (14, 14);
});

same_changes($node, 'definitions rolled back', 5, qq{$t
	BEGIN; ALTER TABLE t ADD b int DEFAULT 7; INSERT INTO t VALUES (3, 'three', 4); ROLLBACK;
	INSERT INTO t VALUES (3, 'three');
	BEGIN; ALTER TABLE t ALTER k TYPE text; INSERT INTO t VALUES ('four', noise(4, 9)); ROLLBACK;
	BEGIN; INSERT INTO t VALUES (4, noise(4, 9)); SAVEPOINT a; DROP TABLE t; CREATE TABLE t (x text); INSERT INTO t VALUES (noise(5, 9));
	ROLLBACK TO a; INSERT INTO t VALUES (5, 'five'); COMMIT;
	BEGIN; CREATE TABLE u (k int); INSERT INTO u VALUES (1); ROLLBACK;
	BEGIN; DROP TABLE t; ROLLBACK;
});

# --- the file is another one ---

same_changes($node, 'VACUUM, CLUSTER, access method, tablespace, logging', 20, qq{$t
	SET client_min_messages = warning;
	VACUUM (FREEZE) t; VACUUM FULL t;
	INSERT INTO t VALUES (3, noise(3, 9));
	CLUSTER t USING t_pkey;
	INSERT INTO t VALUES (4, noise(4, 9));
	ALTER TABLE t SET TABLESPACE elsewhere;
	INSERT INTO t VALUES (5, noise(5, 9));
	ALTER TABLE t SET TABLESPACE pg_default;
	INSERT INTO t VALUES (6, noise(6, 9));
	ALTER TABLE t SET UNLOGGED;
	INSERT INTO t VALUES (7, noise(7, 9));
	ALTER TABLE t SET LOGGED;
	INSERT INTO t VALUES (8, noise(8, 9));
	ALTER TABLE t SET ACCESS METHOD :other;
	INSERT INTO t VALUES (9, noise(9, 9));
	ALTER TABLE t SET ACCESS METHOD :own;
	INSERT INTO t VALUES (10, noise(10, 9));
	REINDEX TABLE t;
	INSERT INTO t VALUES (10), (11) ON CONFLICT DO NOTHING;
	BEGIN;
	INSERT INTO t VALUES (12, noise(12, 9));
	CLUSTER t USING t_pkey;
	INSERT INTO t VALUES (13, noise(13, 9));
	ALTER TABLE t SET TABLESPACE elsewhere;
	INSERT INTO t VALUES (14, noise(14, 9));
	ALTER TABLE t SET ACCESS METHOD :other;
	INSERT INTO t VALUES (15, noise(15, 9));
	ALTER TABLE t SET ACCESS METHOD :own;
	INSERT INTO t VALUES (16, noise(16, 9));
	ALTER TABLE t SET UNLOGGED;
	INSERT INTO t VALUES (17, noise(17, 9));
	ALTER TABLE t SET LOGGED;
	INSERT INTO t VALUES (18, noise(18, 9));
	TRUNCATE t;
	INSERT INTO t VALUES (19, noise(19, 9));
	SAVEPOINT a;
	CLUSTER t USING t_pkey;
	INSERT INTO t VALUES (20, noise(20, 9));
	ROLLBACK TO a;
	INSERT INTO t VALUES (20, noise(21, 9));
	COMMIT;
	BEGIN; INSERT INTO t VALUES (21, 'x'); CLUSTER t USING t_pkey; ROLLBACK;
	INSERT INTO t VALUES (21, 'twenty-one');
});

# --- tables made of queries ---

same_changes($node, 'CREATE TABLE AS, SELECT INTO, LIKE', 42, qq{$t
	CREATE TABLE a AS SELECT * FROM t ORDER BY k;
	SELECT * INTO b FROM a ORDER BY k;
	CREATE TABLE c (LIKE t INCLUDING ALL);
	INSERT INTO c TABLE a;
	BEGIN; CREATE TABLE d AS SELECT g AS k, noise(g, 3) AS x FROM generate_series(1, 30) g; INSERT INTO d VALUES (31); COMMIT;
	BEGIN; CREATE TABLE e AS SELECT * FROM d; ROLLBACK;
	CREATE TABLE f AS SELECT * FROM t WITH NO DATA;
	INSERT INTO f VALUES (1, noise(1, 9));
	DROP TABLE f;
	CREATE TABLE f AS SELECT 'another' AS one;
	CREATE TABLE g AS SELECT FROM f;
});

# from 17 on CREATE MATERIALIZED VIEW fills it as REFRESH does, which is not decoded
same_changes($node, 'materialised views', $node->pg_version >= 17 ? 4 : 6, qq{$t
	CREATE MATERIALIZED VIEW m AS SELECT * FROM t ORDER BY k;
	INSERT INTO t VALUES (3, noise(3, 9));
	REFRESH MATERIALIZED VIEW m;
	CREATE MATERIALIZED VIEW empty AS SELECT * FROM t ORDER BY k WITH NO DATA;
	REFRESH MATERIALIZED VIEW empty;
	REFRESH MATERIALIZED VIEW empty WITH NO DATA;
	BEGIN; INSERT INTO t VALUES (4); REFRESH MATERIALIZED VIEW m; SAVEPOINT a; REFRESH MATERIALIZED VIEW m; ROLLBACK TO a; COMMIT;
	SELECT count(*) FROM m;
});

# --- partitions, inheritance, other things that belong to tables ---

same_changes($node, 'partitions that come and go', 10, q{
	CREATE TABLE p (k int, a text) PARTITION BY LIST (k);
	CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
	INSERT INTO p VALUES (1, noise(1, 9));
	CREATE TABLE x (gone int, a text, k int);
	INSERT INTO x VALUES (1, 'x', 2);
	ALTER TABLE x DROP gone;
	ALTER TABLE p ATTACH PARTITION x FOR VALUES IN (2);
	INSERT INTO p VALUES (2, noise(2, 9)), (1, 'one');
	ALTER TABLE p ADD b int DEFAULT 5;
	INSERT INTO p VALUES (2, 'two'), (1, noise(3, 9));
	BEGIN; INSERT INTO p VALUES (2, 'before'); ALTER TABLE p DETACH PARTITION x; INSERT INTO x VALUES ('after', 9); COMMIT;
	TRUNCATE p;
	INSERT INTO x VALUES (noise(4, 9), 10);
});

same_changes($node, 'identities, schemas, other definitions', 10, qq{$t
	ALTER TABLE t REPLICA IDENTITY FULL;
	INSERT INTO t VALUES (3, noise(3, 9));
	ALTER TABLE t REPLICA IDENTITY NOTHING;
	INSERT INTO t VALUES (4, noise(4, 9));
	ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey;
	CREATE INDEX ON t USING hash (a); CREATE STATISTICS ON k, a FROM t; ANALYZE t; COMMENT ON TABLE t IS 'one';
	INSERT INTO t VALUES (5, noise(5, 9));
	ALTER TABLE t CLUSTER ON t_pkey; ALTER TABLE t SET (autovacuum_enabled = off); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
	INSERT INTO t VALUES (6, noise(6, 9));
	ALTER TABLE t ALTER a SET STORAGE EXTERNAL;
	INSERT INTO t VALUES (7, repeat('seven', 1000));
	ALTER TABLE t DROP CONSTRAINT t_pkey;
	INSERT INTO t VALUES (7, 'twice');
	CREATE TABLE u (LIKE t);
	CREATE RULE r AS ON INSERT TO t WHERE NEW.k = 8 DO ALSO INSERT INTO u VALUES (NEW.k, 'by a rule');
	INSERT INTO t VALUES (8, 'eight');
});

# --- what is read late ---

same_changes($node, 'tables that go and come', 16, qq{$t
	DROP TABLE t;
	CREATE TABLE t (a text, k text);
	INSERT INTO t VALUES (noise(1, 9), 'one');
	TRUNCATE t;
	INSERT INTO t VALUES (noise(2, 9), 'two');
	BEGIN; INSERT INTO t VALUES (noise(3, 9), 'three'); DROP TABLE t; CREATE TABLE t (k int); INSERT INTO t VALUES (1); COMMIT;
	BEGIN; CREATE TABLE u (a text); INSERT INTO u VALUES (noise(4, 9)); TRUNCATE u; INSERT INTO u VALUES (noise(5, 9)); DROP TABLE u; COMMIT;
	BEGIN; CREATE TABLE u (a text); INSERT INTO u VALUES (noise(4, 9)); SAVEPOINT a; DROP TABLE u; ROLLBACK TO a;
	INSERT INTO u VALUES (noise(6, 9)); COMMIT;
	BEGIN; INSERT INTO u VALUES (noise(7, 9)); TRUNCATE u; INSERT INTO u VALUES (noise(8, 9)); ALTER TABLE u ADD k int; INSERT INTO u VALUES ('x', 1);
	PREPARE TRANSACTION 'definitions';
	COMMIT PREPARED 'definitions';
	DROP TABLE u;
});

my %late = changes_by_side($node, 'late', q{SET logical_decoding_work_mem = '64kB';});
is_same_text($late{event_side}, $late{heap_side}, 'read late, spilled and in two phases: the same');
cmp_ok(row_changes($late{event_side}), '>=', 130, 'they are many');
is($node->safe_psql('postgres', q{SELECT spill_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = 'late'}),
	't', 'and spilled');
drop_slots($node);

$node->stop;
done_testing();
