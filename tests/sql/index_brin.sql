--
-- BRIN indexes: their ranges are of blocks of 256 row numbers, which are more
-- blocks, or fewer, than the file has pages.
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int, c timestamptz, filler text)');
SELECT twin.run('CREATE INDEX t_a ON t USING brin (a) WITH (pages_per_range = 2)');
SELECT twin.run('CREATE INDEX t_c ON t USING brin (c timestamptz_minmax_multi_ops) WITH (pages_per_range = 4, autosummarize = off)');
SELECT twin.run('CREATE INDEX t_b ON t USING brin (a int4_bloom_ops) WITH (pages_per_range = 1)');
SELECT twin.run('INSERT INTO t SELECT g, timestamptz ''2020-01-01 00:00+00'' + g * interval ''1 min'', repeat(''f'', g % 50) FROM generate_series(1, 10000) g');
BEGIN;
INSERT INTO on_events.t SELECT -g, '2000-01-01 00:00+00', NULL FROM generate_series(1, 3000) g;
ROLLBACK;
SELECT twin.run('INSERT INTO t SELECT g, timestamptz ''2020-01-01 00:00+00'' + g * interval ''1 min'', NULL FROM generate_series(10001, 15000) g');
SELECT twin.run('INSERT INTO t VALUES (NULL, NULL, NULL), (7500, ''2020-01-02 00:00+00'', ''late'')');
CREATE FUNCTION pg_temp.check() RETURNS TABLE (query text, scans text, n bigint, wrong bigint) LANGUAGE sql AS $$
	SELECT * FROM twin.paths('SELECT * FROM t WHERE a = 7500', 'SELECT a FROM t WHERE a BETWEEN 9990 AND 10010', 'SELECT a FROM t WHERE a > 14990', 'SELECT * FROM t WHERE a IS NULL', 'SELECT a FROM t WHERE a < 5',
		'SELECT a FROM t WHERE c BETWEEN ''2020-01-02 00:00+00'' AND ''2020-01-02 00:10+00''', 'SELECT a FROM t WHERE c < ''2010-01-01''', 'SELECT * FROM t WHERE c IS NULL') $$;
-- Not summarised, summarised by VACUUM, by hand.
SELECT * FROM pg_temp.check();
VACUUM on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
SELECT brin_desummarize_range('on_events.t_a', 4);
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
SELECT brin_summarize_range('on_events.t_a', 4);
SELECT twin.run('INSERT INTO t SELECT g, timestamptz ''2020-01-01 00:00+00'' + g * interval ''1 min'', NULL FROM generate_series(15001, 20000) g');
SELECT brin_summarize_new_values('on_events.t_a') > 0 AS summarised;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
-- Every range that has rows is summarised: a scan for few rows reads few blocks.
SELECT count(*) FROM on_events.t WHERE a = 19999;
CREATE FUNCTION pg_temp.lossy(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	line text;
	n int;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		n := coalesce(n, substring(line FROM 'lossy=(\d+)')::int);
	END LOOP;
	RETURN n;
END $$;
BEGIN;
SET LOCAL enable_seqscan = off;
DROP INDEX on_events.t_b;
SELECT pg_temp.lossy('SELECT FROM on_events.t WHERE a BETWEEN 15000 AND 15010') <= 6 AS few, pg_temp.lossy('SELECT FROM on_events.t WHERE a > 0') > 75 AS all;
ROLLBACK;

-- Made after the rows, concurrently, again.
SELECT twin.run('DROP INDEX t_a, t_c, t_b');
SELECT twin.run('CREATE INDEX t_a ON t USING brin (a) WITH (pages_per_range = 2)');
SELECT twin.run('CREATE INDEX t_c ON t USING brin (c) WITH (pages_per_range = 128)');
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
DROP INDEX on_events.t_a, on_events.t_c;
CREATE INDEX CONCURRENTLY t_a ON on_events.t USING brin (a) WITH (pages_per_range = 2);
CREATE INDEX CONCURRENTLY t_c ON on_events.t USING brin (c) WHERE a > 10 OR a IS NULL;
CREATE INDEX CONCURRENTLY t_c2 ON on_events.t USING brin (c);
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
REINDEX TABLE on_events.t;
REINDEX TABLE CONCURRENTLY on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 2;
ALTER TABLE on_events.t SET (parallel_workers = 2);
REINDEX TABLE on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
RESET min_parallel_table_scan_size;
RESET max_parallel_maintenance_workers;

-- Far more blocks than pages: the numbers jump, so few rows lie in a wide space.
CREATE TABLE on_events.far (position bigint NOT NULL DEFAULT 0, entity_id text, n int) USING eventstore;
INSERT INTO on_events.far (entity_id, n) SELECT 'a', g FROM generate_series(1, 1000) g;
INSERT INTO on_events.far SELECT 100000 + g * 10000, 'b', 1000 + g FROM generate_series(1, 20) g;
CREATE INDEX far_n ON on_events.far USING brin (n) WITH (pages_per_range = 4);
CREATE INDEX far_p ON on_events.far USING brin (position);
INSERT INTO on_events.far VALUES (1000000, 'c', 1021), (0, 'c', 1022);
CREATE TABLE on_heap.far (LIKE on_events.far) USING heap;
INSERT INTO on_heap.far SELECT * FROM on_events.far;
SELECT pg_relation_size('on_events.far') / 8192 < 1000001 / 256 AS "fewer pages than blocks";
SELECT * FROM twin.paths('SELECT * FROM far WHERE n = 500', 'SELECT * FROM far WHERE n > 995', 'SELECT * FROM far WHERE n = 1022', 'SELECT * FROM far WHERE position >= 200000', 'SELECT * FROM far WHERE position = 1000001');
VACUUM on_events.far;
SELECT brin_summarize_new_values('on_events.far_n') AS "all done by vacuum";
SELECT * FROM twin.paths('SELECT * FROM far WHERE n = 1022', 'SELECT * FROM far WHERE position = 1000001');
-- ANALYZE with more blocks than pages, and with fewer.
ANALYZE on_events.far;
SELECT reltuples FROM pg_class WHERE oid = 'on_events.far'::regclass;
ANALYZE on_events.t;
SELECT reltuples BETWEEN 18000 AND 22000 AS near FROM pg_class WHERE oid = 'on_events.t'::regclass;

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
