--
-- Logical decoding: the same statements give the same stream.
--
CREATE TABLE t (id int PRIMARY KEY, b text, big text);
ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
CREATE TABLE u (a int, b text);
SELECT 'made' FROM pg_create_logical_replication_slot('twin_decoding', 'test_decoding', false, true);
CREATE FUNCTION stream() RETURNS TABLE (change text) LANGUAGE sql AS $$
	SELECT CASE WHEN length(data) > 200 THEN left(data, 200) || ' ... ' || md5(data) ELSE regexp_replace(data, 'txid \d+', 'txid') END
		FROM pg_logical_slot_get_changes('twin_decoding', NULL, NULL, 'include-xids', 'off', 'skip-empty-xacts', 'on');
$$;
INSERT INTO t VALUES (1, 'one'), (2, NULL);
INSERT INTO t SELECT 3, 'large', repeat('0123456789', 1000) RETURNING id;
COPY u FROM STDIN;
1	copied
2	\N
\.
SELECT * FROM stream();
-- savepoints and what is rolled back
BEGIN;
INSERT INTO t VALUES (10, 'top');
SAVEPOINT a;
INSERT INTO t VALUES (11, 'rolled back', repeat('x', 10000));
ROLLBACK TO a;
INSERT INTO u VALUES (11, 'another table');
SAVEPOINT b;
INSERT INTO t VALUES (12, 'released');
RELEASE b;
COMMIT;
BEGIN;
INSERT INTO t VALUES (13, 'never');
ROLLBACK;
INSERT INTO t VALUES (1, 'a conflict') ON CONFLICT DO NOTHING;
INSERT INTO t VALUES (1, 'a conflict'), (14, 'none') ON CONFLICT DO NOTHING;
INSERT INTO t VALUES (15, 'fails'), (1, 'fails');
SELECT * FROM stream();
-- prepared transactions
BEGIN;
INSERT INTO t VALUES (20, 'prepared');
PREPARE TRANSACTION 'twin decoding 1';
SELECT * FROM stream();
COMMIT PREPARED 'twin decoding 1';
BEGIN;
INSERT INTO t VALUES (21, 'prepared');
PREPARE TRANSACTION 'twin decoding 2';
ROLLBACK PREPARED 'twin decoding 2';
SELECT * FROM stream();
-- definitions between rows
BEGIN;
INSERT INTO u VALUES (30, 'before');
ALTER TABLE u ADD COLUMN c int DEFAULT 7;
INSERT INTO u VALUES (31, 'after', 8);
ALTER TABLE u ALTER a TYPE bigint;
INSERT INTO u VALUES (32, 'rewritten', 9);
ALTER TABLE u DROP COLUMN b;
INSERT INTO u VALUES (33, 10);
TRUNCATE u, t;
INSERT INTO t VALUES (1, 'after TRUNCATE');
COMMIT;
SELECT * FROM stream();
CREATE TABLE made AS SELECT g AS a, repeat('made', 3) AS b FROM generate_series(1, 3) g;
VACUUM FULL made;
CREATE MATERIALIZED VIEW mv AS SELECT * FROM made;
REFRESH MATERIALIZED VIEW mv;
ALTER TABLE made SET ACCESS METHOD :other;
INSERT INTO made VALUES (4, 'other');
ALTER TABLE made SET ACCESS METHOD :am;
INSERT INTO made VALUES (5, 'back');
CREATE UNLOGGED TABLE unlogged (a int);
INSERT INTO unlogged VALUES (1);
CREATE TEMP TABLE temporary (a int);
INSERT INTO temporary VALUES (1);
CREATE TABLE p (a int, b text) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
INSERT INTO p VALUES (1, 'routed');
ALTER TABLE t REPLICA IDENTITY FULL;
INSERT INTO t VALUES (2, 'identity');
MERGE INTO t USING (VALUES (2), (3)) s (id) ON t.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'merged');
SELECT * FROM stream();
-- more than fits in memory
SET logical_decoding_work_mem = '64kB';
BEGIN;
INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1000, 2999) g;
SAVEPOINT s;
INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(3000, 3999) g;
ROLLBACK TO s;
INSERT INTO t SELECT g, 'end' FROM generate_series(4000, 4001) g;
COMMIT;
SELECT count(*), min(change), md5(string_agg(change, '' ORDER BY n)) FROM (SELECT change, row_number() OVER () AS n FROM stream()) s;
RESET logical_decoding_work_mem;
-- publications
CREATE PUBLICATION twin_pub FOR TABLE t (id, b) WHERE (id > 1), TABLE p WITH (publish_via_partition_root);
SELECT pubname, tablename, attnames, rowfilter FROM pg_publication_tables ORDER BY tablename;
INSERT INTO t VALUES (5000, 'published');
INSERT INTO p VALUES (1, 'published');
SELECT count(*) > 3 FROM pg_logical_slot_get_changes('twin_decoding', NULL, NULL);
ALTER PUBLICATION twin_pub SET TABLE u, made;
ALTER PUBLICATION twin_pub SET (publish = 'insert, truncate');
\d u
DROP PUBLICATION twin_pub;
SELECT pg_drop_replication_slot('twin_decoding');
SELECT twin.damage('t'), twin.damage('u'), twin.damage('made');
