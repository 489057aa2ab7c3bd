--
-- Parallel scans: every row once.
--
CREATE SCHEMA parallel;
SET search_path = parallel, public;
CREATE TABLE e (a int, b text) USING eventstore WITH (parallel_workers = 3);
INSERT INTO e SELECT g, repeat('x', g % 100) FROM generate_series(1, 40000) g;
BEGIN;
INSERT INTO e SELECT -g, 'undone' FROM generate_series(1, 10000) g;
ROLLBACK;
INSERT INTO e SELECT g, 'more' FROM generate_series(40001, 50000) g;
ANALYZE e;

SET max_parallel_workers_per_gather = 3;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT * FROM twin.plan('SELECT count(*) FROM parallel.e');
SELECT count(*), sum(a), sum(length(b)), count(DISTINCT a), count(DISTINCT ctid) FROM e;
SELECT count(*), sum(a) FROM e WHERE b = 'more';
SELECT count(*) FROM e WHERE a < 0;
SELECT length(b), count(*) FROM e WHERE a <= 300 GROUP BY 1 ORDER BY 1 LIMIT 3;
SELECT count(*) FROM (SELECT * FROM e LIMIT 1234) x;
SELECT a FROM e WHERE a > 49995 ORDER BY a;
-- Without the leader, and with more workers than there are.
SET parallel_leader_participation = off;
SELECT count(*), sum(a) FROM e;
RESET parallel_leader_participation;
SET max_parallel_workers = 0;
SELECT count(*), sum(a) FROM e;
RESET max_parallel_workers;
-- Joins: a parallel hash, and a scan that is begun again for each outer row.
SET enable_mergejoin = off;
SELECT count(*), sum(x.a) FROM e x JOIN e y ON x.a = y.a;
SET enable_hashjoin = off;
SET enable_material = off;
SET enable_memoize = off;
SELECT count(*) FROM generate_series(1, 3) g LEFT JOIN LATERAL (SELECT count(*) AS n FROM e WHERE a % 4 = g) x ON true WHERE n = 12500;
SELECT count(*) FROM (SELECT * FROM e WHERE a <= 20) x WHERE (SELECT count(*) FROM e y WHERE y.a <= x.a) = x.a;
-- A Gather that is begun again.
SELECT * FROM twin.plan('SELECT * FROM (SELECT count(a) FROM parallel.e WHERE a > 10) x RIGHT JOIN (VALUES (1), (2), (3)) v (y) ON true');
SELECT * FROM (SELECT count(a), sum(a) FROM e WHERE a > 10) x RIGHT JOIN (VALUES (1), (2), (3)) v (y) ON true;
RESET enable_mergejoin;
RESET enable_hashjoin;
RESET enable_material;
RESET enable_memoize;
-- In parallel over partitions, with heap's among them.
CREATE TABLE p (a int, b text) PARTITION BY RANGE (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (20000) USING eventstore WITH (parallel_workers = 2);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (20000) TO (40000) USING heap WITH (parallel_workers = 2);
CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (40000) TO (60000) USING eventstore WITH (parallel_workers = 2);
INSERT INTO p SELECT a, b FROM e;
SELECT count(*), sum(a), sum(length(b)) FROM p;
-- Own rows of the transaction are seen by the workers, later ones not by a cursor.
BEGIN;
INSERT INTO e SELECT g, 'own' FROM generate_series(60001, 62000) g;
SAVEPOINT s;
INSERT INTO e SELECT g, 'undone' FROM generate_series(62001, 64000) g;
ROLLBACK TO s;
SELECT count(*), sum(a) FROM e WHERE a > 60000;
DECLARE c NO SCROLL CURSOR FOR SELECT a FROM e WHERE a > 61995;
INSERT INTO e VALUES (70000, 'after');
SELECT count(*) FROM e WHERE a > 61995;
MOVE ALL IN c;
ROLLBACK;
-- Large values and index scans.
CREATE TABLE t (a int, b text) USING eventstore WITH (parallel_workers = 2);
INSERT INTO t SELECT g, repeat(md5(g::text), 300) FROM generate_series(1, 500) g;
SELECT count(*), sum(length(b)), md5(string_agg(md5(b), '' ORDER BY a)) = (SELECT md5(string_agg(md5(repeat(md5(g::text), 300)), '' ORDER BY g)) FROM generate_series(1, 500) g) AS same FROM t;
CREATE INDEX e_a ON e (a);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET min_parallel_index_scan_size = 0;
SELECT * FROM twin.plan('SELECT count(b) FROM parallel.e WHERE a BETWEEN 1000 AND 30000');
SELECT count(b), sum(a) FROM e WHERE a BETWEEN 1000 AND 30000;
SELECT count(a), sum(a) FROM e WHERE a BETWEEN 1000 AND 30000;
RESET enable_seqscan;
RESET enable_bitmapscan;
RESET min_parallel_index_scan_size;
-- Every plan in parallel (the setting's name changed in 16).
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT count(*), sum(a) FROM e;
SELECT a, b FROM e WHERE a IN (5, 49999) ORDER BY a;
SELECT count(*) FROM e WHERE ctid < '(3,0)';
SELECT count(*) FROM e TABLESAMPLE BERNOULLI (100);

SELECT * FROM twin.verify('parallel');
SET client_min_messages = warning;
DROP SCHEMA parallel CASCADE;
