--
-- GIN indexes
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int, ints int[], doc jsonb, words tsvector)');
SELECT twin.run('CREATE INDEX t_ints ON t USING gin (ints)');
SELECT twin.run('CREATE INDEX t_doc ON t USING gin (doc)');
SELECT twin.run('CREATE INDEX t_path ON t USING gin (doc jsonb_path_ops) WITH (fastupdate = off)');
SELECT twin.run('CREATE INDEX t_words ON t USING gin (words) WHERE a > 100');
SELECT twin.run($$INSERT INTO t SELECT g, ARRAY[g % 50, g % 70, g % 90], jsonb_build_object('type', 't' || g % 20, 'n', g % 100, 'tags', jsonb_build_array(g % 7, 'x')),
	to_tsvector('simple', 'all w' || g % 60 || ' v' || g % 40) FROM generate_series(1, 2500) g$$);
BEGIN;
INSERT INTO on_events.t SELECT g, ARRAY[1, 2, 3], '{"type": "t1", "n": 1}', 'w1 v1' FROM generate_series(1, 1000) g;
ROLLBACK;
SELECT twin.run('INSERT INTO t VALUES (7001, NULL, NULL, NULL), (7002, ''{}'', ''{}'', ''''), (7003, ''{7}'', ''{"type": "rare"}'', ''rare'')');
CREATE FUNCTION pg_temp.check() RETURNS TABLE (query text, scans text, n bigint, wrong bigint) LANGUAGE sql AS $$
	SELECT * FROM twin.paths('SELECT a FROM t WHERE ints @> ''{7}''', 'SELECT a FROM t WHERE ints && ''{1,69,89}''', 'SELECT a FROM t WHERE ints = ''{}''',
		'SELECT a FROM t WHERE ints @> ''{1,2,3}''',
		'SELECT a FROM t WHERE doc @> ''{"type": "t3", "n": 23}''', 'SELECT a FROM t WHERE doc @> ''{"tags": [3]}''', 'SELECT a FROM t WHERE doc ? ''type'' AND a < 10',
		'SELECT a FROM t WHERE doc @> ''{"type": "rare"}''', 'SELECT a FROM t WHERE doc @@ ''$.n > 97''',
		'SELECT a FROM t WHERE words @@ ''w5 & v5''::tsquery AND a > 100', 'SELECT a FROM t WHERE words @@ ''rare | w7''::tsquery AND a > 100',
		'SELECT a FROM t WHERE words @@ ''all & !w1''::tsquery AND a > 100 AND ints @> ''{3}''') $$;
-- From the pending list, and after it was moved.
SELECT * FROM pg_temp.check();
SELECT gin_clean_pending_list('on_events.t_ints') > 0 AS cleaned;
VACUUM on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
SELECT twin.run('DROP INDEX t_ints, t_doc, t_path, t_words');
SELECT twin.run('CREATE INDEX t_ints ON t USING gin (ints)');
SELECT twin.run('CREATE INDEX t_doc ON t USING gin (doc)');
SELECT twin.run('CREATE INDEX t_path ON t USING gin (doc jsonb_path_ops)');
SELECT twin.run('CREATE INDEX t_words ON t USING gin (words) WHERE a > 100');
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
DROP INDEX on_events.t_ints, on_events.t_doc, on_events.t_path, on_events.t_words;
CREATE INDEX CONCURRENTLY t_ints ON on_events.t USING gin (ints);
CREATE INDEX CONCURRENTLY t_doc ON on_events.t USING gin (doc);
CREATE INDEX CONCURRENTLY t_path ON on_events.t USING gin (doc jsonb_path_ops);
CREATE INDEX CONCURRENTLY t_words ON on_events.t USING gin (words) WHERE a > 100;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
REINDEX TABLE on_events.t;
REINDEX TABLE CONCURRENTLY on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
-- Built by several workers (from 18 on).
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 2;
ALTER TABLE on_events.t SET (parallel_workers = 2);
REINDEX TABLE on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Bitmap%';
RESET min_parallel_table_scan_size;
RESET max_parallel_maintenance_workers;
-- An expression, of many rows with one key.
SELECT twin.run('CREATE TABLE u (payload json)');
SELECT twin.run('CREATE INDEX ON u USING gin ((payload::jsonb))');
SELECT twin.run($$INSERT INTO u SELECT json_build_object('k', 'same', 'n', g) FROM generate_series(1, 5000) g$$);
SELECT * FROM twin.paths('SELECT count(*) FROM u WHERE payload::jsonb @> ''{"k": "same"}''', 'SELECT payload FROM u WHERE payload::jsonb @> ''{"n": 4999}''');

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
