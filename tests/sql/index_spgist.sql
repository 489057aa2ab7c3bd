--
-- SP-GiST indexes
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int, p point, s text, n inet)');
SELECT twin.run('CREATE INDEX t_p ON t USING spgist (p)');
SELECT twin.run('CREATE INDEX t_k ON t USING spgist (p kd_point_ops) WHERE a % 2 = 0');
SELECT twin.run('CREATE INDEX t_s ON t USING spgist (s)');
SELECT twin.run('CREATE INDEX t_n ON t USING spgist (n) INCLUDE (a)');
SELECT twin.run('CREATE INDEX t_e ON t USING spgist ((s || ''!''))');
SELECT twin.run('INSERT INTO t SELECT g, point(g % 101, g % 97), ''stream-'' || g % 700, ''10.0.0.0''::inet + g % 3000 FROM generate_series(1, 5000) g');
BEGIN;
INSERT INTO on_events.t SELECT g, point(50, 50), 'stream-5', '10.0.0.5' FROM generate_series(1, 2000) g;
ROLLBACK;
SELECT twin.run('INSERT INTO t VALUES (-1, NULL, NULL, NULL), (-2, ''(1000,1000)'', '''', ''::1'')');
CREATE FUNCTION pg_temp.check() RETURNS TABLE (query text, scans text, n bigint, wrong bigint) LANGUAGE sql AS $$
	SELECT * FROM twin.paths('SELECT * FROM t WHERE p <@ box ''(10,10),(13,14)''', 'SELECT * FROM t WHERE p ~= ''(50,50)'' AND a % 2 = 0', 'SELECT p FROM t WHERE p <@ box ''(30,30),(31,33)''',
		'SELECT * FROM t WHERE s = ''stream-5''', 'SELECT s FROM t WHERE s ^@ ''stream-69''', 'SELECT * FROM t WHERE s IS NULL', 'SELECT n, a FROM t WHERE n <<= ''10.0.11.0/26''',
		'SELECT * FROM t WHERE s || ''!'' = ''stream-7!''',
		'SELECT * FROM (SELECT p <-> ''(20,20)'' AS d FROM t WHERE p IS NOT NULL ORDER BY p <-> ''(20,20)'' LIMIT 50) x') $$;
SELECT * FROM pg_temp.check();
SELECT twin.run('DROP INDEX t_p, t_k, t_s, t_n, t_e');
SELECT twin.run('CREATE INDEX t_p ON t USING spgist (p)');
SELECT twin.run('CREATE INDEX t_k ON t USING spgist (p kd_point_ops) WHERE a % 2 = 0');
SELECT twin.run('CREATE INDEX t_s ON t USING spgist (s)');
SELECT twin.run('CREATE INDEX t_n ON t USING spgist (n) INCLUDE (a)');
SELECT twin.run('CREATE INDEX t_e ON t USING spgist ((s || ''!''))');
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
DROP INDEX on_events.t_p, on_events.t_k, on_events.t_s, on_events.t_n, on_events.t_e;
CREATE INDEX CONCURRENTLY t_p ON on_events.t USING spgist (p);
CREATE INDEX CONCURRENTLY t_k ON on_events.t USING spgist (p kd_point_ops) WHERE a % 2 = 0;
CREATE INDEX CONCURRENTLY t_s ON on_events.t USING spgist (s);
CREATE INDEX CONCURRENTLY t_n ON on_events.t USING spgist (n) INCLUDE (a);
CREATE INDEX CONCURRENTLY t_e ON on_events.t USING spgist ((s || '!'));
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
REINDEX TABLE on_events.t;
REINDEX TABLE CONCURRENTLY on_events.t;
VACUUM on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
