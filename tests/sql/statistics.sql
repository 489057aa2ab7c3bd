--
-- What the statistics collector counts: as for heap.
-- h is a heap table and e its eventstore twin.
--
CREATE SCHEMA statistics;
SET search_path = statistics, public;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE h (a int, b text) USING heap WITH (autovacuum_enabled = off);
CREATE TABLE e (a int, b text) USING eventstore WITH (autovacuum_enabled = off);
CREATE INDEX h_a ON h (a);
CREATE INDEX e_a ON e (a);
-- Counted in this session and not told to others yet: when that happens is a
-- matter of time, so only the sides are compared.
CREATE FUNCTION counts(t regclass) RETURNS bigint[] LANGUAGE sql AS $$
	SELECT ARRAY[pg_stat_get_xact_numscans(t), pg_stat_get_xact_tuples_returned(t), pg_stat_get_xact_tuples_fetched(t),
		pg_stat_get_xact_tuples_inserted(t), pg_stat_get_xact_tuples_deleted(t)] $$;
CREATE VIEW as_heap AS
	SELECT counts('h') = counts('e') AS "table", counts('h_a') = counts('e_a') AS index;

BEGIN;
INSERT INTO h SELECT g, 'x' FROM generate_series(1, 1000) g;
INSERT INTO e SELECT g, 'x' FROM generate_series(1, 1000) g;
TABLE as_heap;
COMMIT;
-- Sequential scans, read through or not.
BEGIN;
SELECT count(*) FROM h;
SELECT count(*) FROM e;
SELECT a FROM h LIMIT 3;
SELECT a FROM e LIMIT 3;
TABLE as_heap;
COMMIT;
-- Index scans, bitmap scans, TID scans.
SET enable_seqscan = off;
BEGIN;
SET LOCAL enable_bitmapscan = off;
SELECT count(b) FROM h WHERE a BETWEEN 10 AND 19;
SELECT count(b) FROM e WHERE a BETWEEN 10 AND 19;
TABLE as_heap;
COMMIT;
BEGIN;
SET LOCAL enable_indexscan = off;
SELECT count(b) FROM h WHERE a BETWEEN 10 AND 19;
SELECT count(b) FROM e WHERE a BETWEEN 10 AND 19;
TABLE as_heap;
COMMIT;
RESET enable_seqscan;
BEGIN;
SELECT a FROM h WHERE ctid = (SELECT min(ctid) FROM h);
SELECT a FROM e WHERE ctid = (SELECT min(ctid) FROM e);
TABLE as_heap;
COMMIT;
-- COPY, a speculative insertion, rolled back rows.
BEGIN;
COPY h FROM STDIN;
1001	copied
1002	copied
\.
COPY e FROM STDIN;
1001	copied
1002	copied
\.
INSERT INTO h VALUES (1003) ON CONFLICT DO NOTHING;
INSERT INTO e VALUES (1003) ON CONFLICT DO NOTHING;
SAVEPOINT s;
INSERT INTO h VALUES (1004);
INSERT INTO e VALUES (1004);
ROLLBACK TO s;
TABLE as_heap;
ROLLBACK;
-- Totals.
SELECT pg_stat_force_next_flush();
SELECT relname, n_tup_ins, n_tup_upd, n_tup_del, n_live_tup, n_dead_tup, n_ins_since_vacuum FROM pg_stat_user_tables WHERE schemaname = 'statistics' ORDER BY relname;
-- Blocks are counted as they are read.
SELECT heap_blks_read + heap_blks_hit > 0 AS blocks FROM pg_statio_user_tables WHERE relid = 'e'::regclass;

SET client_min_messages = warning;
DROP SCHEMA statistics CASCADE;
