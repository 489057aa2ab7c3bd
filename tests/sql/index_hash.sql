--
-- hash indexes
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int, b text, u uuid)');
SELECT twin.run('CREATE INDEX t_a ON t USING hash (a)');
SELECT twin.run('CREATE INDEX t_b ON t USING hash (b) WHERE a > 100');
SELECT twin.run('CREATE INDEX t_e ON t USING hash ((a % 1000))');
SELECT twin.run('INSERT INTO t SELECT g % 2000, ''b'' || g % 500, md5((g % 3000)::text)::uuid FROM generate_series(1, 6000) g');
BEGIN;
INSERT INTO on_events.t SELECT g % 2000, 'b' || g % 500 FROM generate_series(1, 2000) g;
ROLLBACK;
SELECT twin.run('INSERT INTO t VALUES (NULL, NULL, NULL), (-1, ''b7'', NULL)');
CREATE FUNCTION pg_temp.check() RETURNS TABLE (query text, scans text, n bigint, wrong bigint) LANGUAGE sql AS $$
	SELECT * FROM twin.paths('SELECT * FROM t WHERE a = 42', 'SELECT * FROM t WHERE a = 2001',
		'SELECT * FROM t WHERE b = ''b7'' AND a > 100', 'SELECT * FROM t WHERE a % 1000 = 5', 'SELECT count(*) FROM t x JOIN t y ON x.a = y.a WHERE x.b = ''b3'' AND x.a > 100') $$;
SELECT * FROM pg_temp.check();
SELECT twin.run('DROP INDEX t_a, t_b, t_e');
SELECT twin.run('CREATE INDEX t_a ON t USING hash (a)');
SELECT twin.run('CREATE INDEX t_b ON t USING hash (b) WHERE a > 100');
SELECT twin.run('CREATE INDEX t_e ON t USING hash ((a % 1000))');
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
DROP INDEX on_events.t_a, on_events.t_b, on_events.t_e;
CREATE INDEX CONCURRENTLY t_a ON on_events.t USING hash (a);
CREATE INDEX CONCURRENTLY t_b ON on_events.t USING hash (b) WHERE a > 100;
CREATE INDEX CONCURRENTLY t_e ON on_events.t USING hash ((a % 1000));
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
REINDEX TABLE on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
REINDEX TABLE CONCURRENTLY on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
VACUUM on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
-- An exclusion constraint makes it unique.
SELECT twin.run('CREATE TABLE x (u uuid, EXCLUDE USING hash (u WITH =))');
SELECT twin.run('INSERT INTO x SELECT md5(g::text)::uuid FROM generate_series(1, 1000) g');
SELECT twin.run('INSERT INTO x VALUES (md5(''500'')::uuid)');
SELECT twin.run('INSERT INTO x VALUES (md5(''500'')::uuid) ON CONFLICT DO NOTHING');

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
