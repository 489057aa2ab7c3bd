--
-- Bitmap scans: exact and lossy, combined, with and without prefetching.
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int, b int, c int, filler text)');
SELECT twin.run('INSERT INTO t SELECT g, g * 7919 % 1000, g * 104729 % 500, repeat(''x'', g % 40) FROM generate_series(1, 40000::bigint) g');
BEGIN;
INSERT INTO on_events.t SELECT g, 7, 7, 'undone' FROM generate_series(1, 5000) g;
ROLLBACK;
SELECT twin.run('INSERT INTO t SELECT g, g % 1000, g % 500, NULL FROM generate_series(40001, 45000) g');
SELECT twin.run('CREATE INDEX ON t (b)');
SELECT twin.run('CREATE INDEX ON t (c)');
SET enable_seqscan = off;
SET enable_indexscan = off;
SET max_parallel_workers_per_gather = 0;
SELECT * FROM twin.plan('SELECT a FROM on_events.t WHERE b = 7');
SELECT * FROM twin.plan('SELECT a FROM on_events.t WHERE b < 100 AND c < 50');
CREATE FUNCTION pg_temp.check() RETURNS TABLE (differs text) LANGUAGE sql AS $$
	SELECT twin.differs('SELECT * FROM t WHERE b = 7') UNION ALL
	SELECT twin.differs('SELECT * FROM t WHERE b < 300') UNION ALL
	SELECT twin.differs('SELECT * FROM t WHERE b < 100 AND c < 50') UNION ALL
	SELECT twin.differs('SELECT * FROM t WHERE b < 10 OR c < 5 OR c = 499') UNION ALL
	SELECT twin.differs('SELECT * FROM t WHERE b IN (1, 3, 5, 7, 9, 5000)') UNION ALL
	SELECT twin.differs('SELECT count(*), sum(a), sum(length(filler)) FROM t WHERE c > 100') UNION ALL
	SELECT twin.differs('SELECT * FROM t WHERE b < 500 LIMIT 10') UNION ALL
	SELECT twin.differs('SELECT x.a, y.a FROM t x CROSS JOIN LATERAL (SELECT a FROM t WHERE b = x.c LIMIT 2) y WHERE x.b = 3') $$;
SELECT * FROM pg_temp.check();
-- With little memory whole blocks of 256 numbers are read and checked again.
CREATE FUNCTION pg_temp.lossy(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	lossy boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		lossy := lossy OR line LIKE '%lossy=%';
	END LOOP;
	RETURN lossy;
END $$;
SET work_mem = '64kB';
SELECT twin.run('CREATE TABLE many (a int, b int)');
SELECT twin.run('INSERT INTO many SELECT g, g % 2 FROM generate_series(1, 300000) g');
SELECT twin.run('CREATE INDEX ON many (b)');
SELECT twin.run('CREATE INDEX ON many (a)');
SELECT pg_temp.lossy('SELECT count(*) FROM on_events.many WHERE b = 1') AS lossy;
SELECT twin.run('SELECT count(*), sum(a) FROM many WHERE b = 1');
SELECT twin.run('SELECT count(*), sum(a) FROM many WHERE b = 1 AND a > 250000');
SELECT twin.run('SELECT count(*), sum(a) FROM many WHERE b = 1 OR a BETWEEN 1000 AND 1999');
SELECT * FROM pg_temp.check();
RESET work_mem;
SET effective_io_concurrency = 0;
SELECT * FROM pg_temp.check();
SET effective_io_concurrency = 100;
SELECT * FROM pg_temp.check();
-- In parallel, prefetching.
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
ALTER TABLE on_events.many SET (parallel_workers = 2);
ANALYZE on_events.many;
SELECT * FROM twin.plan('SELECT count(*) FROM on_events.many WHERE b = 1 AND a > 1000');
SELECT twin.run('SELECT count(*), sum(a) FROM many WHERE b = 1 AND a > 1000');
SET work_mem = '64kB';
SELECT twin.run('SELECT count(*), sum(a) FROM many WHERE b = 1 AND a > 1000');
RESET work_mem;
SET effective_io_concurrency = 0;
SELECT twin.run('SELECT count(*), sum(a) FROM many WHERE b = 1 AND a > 1000');
RESET effective_io_concurrency;
RESET max_parallel_workers_per_gather;
RESET min_parallel_table_scan_size;
RESET min_parallel_index_scan_size;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
-- Numbers far beyond the pages of the file, wherever in a plan the scan is: what
-- is prefetched must not be taken for blocks of the file.
CREATE TABLE on_events.far (position bigint NOT NULL DEFAULT 0, entity_id text, n int) USING eventstore WITH (parallel_workers = 2);
INSERT INTO on_events.far SELECT g * 1000000007, 'a', g % 3 FROM generate_series(1, 1000::bigint) g;
CREATE INDEX ON on_events.far (n);
ANALYZE on_events.far;
SET effective_io_concurrency = 50;
SELECT count(*), sum(g * 1000000007) FROM generate_series(1, 1000::bigint) g WHERE g % 3 = 1;
SELECT count(*), sum(position) FROM on_events.far WHERE n = 1;
SELECT n, (SELECT count(*) FROM on_events.far f WHERE f.n = x.n) FROM generate_series(0, 2) x (n);
WITH f AS MATERIALIZED (SELECT * FROM on_events.far WHERE n = 1) SELECT count(*) FROM f;
SELECT count(*) FROM (SELECT * FROM on_events.far WHERE n = 1 UNION ALL SELECT * FROM on_events.far WHERE n = 2) x;
CREATE FUNCTION pg_temp.far(int) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM on_events.far WHERE n = $1); END';
SELECT pg_temp.far(1), pg_temp.far(2);
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT position FROM on_events.far WHERE n = 1;
FETCH LAST FROM c;
FETCH BACKWARD 2 FROM c;
COMMIT;
SELECT count(*) FROM (SELECT FROM on_events.far WHERE n = 1 FOR UPDATE) x;
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET cpu_tuple_cost = 100;
SELECT trim(plan) AS plan FROM twin.plan('SELECT count(*), sum(position) FROM on_events.far WHERE n = 1') plan WHERE plan LIKE '%Heap Scan%';
SELECT count(*), sum(position) FROM on_events.far WHERE n = 1;
RESET max_parallel_workers_per_gather;
RESET min_parallel_table_scan_size;
RESET min_parallel_index_scan_size;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET cpu_tuple_cost;
RESET effective_io_concurrency;
-- With row locks, and in a data-modifying query.
SELECT count(*) FROM (SELECT FROM on_events.t WHERE b = 7 FOR UPDATE) x;
WITH w AS (INSERT INTO on_events.t SELECT 50000, 7, 7 FROM on_events.t WHERE b = 7 RETURNING 1) SELECT count(*) FROM w;
SELECT count(*) FROM on_events.t WHERE b = 7;

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
