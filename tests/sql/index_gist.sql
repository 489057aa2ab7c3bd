--
-- GiST indexes, with ordered scans
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int, p point, r int4range, b box)');
SELECT twin.run('CREATE INDEX t_p ON t USING gist (p)');
SELECT twin.run('CREATE INDEX t_r ON t USING gist (r) WHERE a % 2 = 0');
SELECT twin.run('CREATE INDEX t_b ON t USING gist (b) INCLUDE (a)');
SELECT twin.run('CREATE INDEX t_e ON t USING gist (circle(p, 10))');
SELECT twin.run('INSERT INTO t SELECT g, point(g % 101, g % 97), int4range(g % 1000, g % 1000 + g % 13), box(point(g % 101, g % 89), point(g % 101 + 3, g % 89 + 2)) FROM generate_series(1, 5000) g');
BEGIN;
INSERT INTO on_events.t SELECT g, point(50, 50), '[1,5)', box(point(1, 1), point(2, 2)) FROM generate_series(1, 2000) g;
ROLLBACK;
SELECT twin.run('INSERT INTO t VALUES (-1, NULL, NULL, NULL), (-2, ''(1000,1000)'', ''empty'', ''(5,5),(0,0)'')');
CREATE FUNCTION pg_temp.check() RETURNS TABLE (query text, scans text, n bigint, wrong bigint) LANGUAGE sql AS $$
	SELECT * FROM twin.paths('SELECT * FROM t WHERE p <@ box ''(10,10),(13,14)''', 'SELECT * FROM t WHERE p ~= ''(50,50)''', 'SELECT p FROM t WHERE p <@ box ''(30,30),(31,33)''',
		'SELECT * FROM t WHERE r @> 500 AND a % 2 = 0', 'SELECT * FROM t WHERE r && ''[998,1000]'' AND a % 2 = 0', 'SELECT b, a FROM t WHERE b && ''(5,5),(4,4)''',
		'SELECT * FROM t WHERE circle(p, 10) @> circle(point(3, 3), 1)',
		'SELECT * FROM (SELECT p <-> ''(20,20)'' AS d FROM t WHERE p IS NOT NULL ORDER BY p <-> ''(20,20)'' LIMIT 50) x') $$;
SELECT * FROM pg_temp.check();
SET enable_seqscan = off;
SET enable_sort = off;
SELECT * FROM twin.plan('SELECT a FROM on_events.t ORDER BY p <-> ''(999,999)'' LIMIT 3');
SELECT a, p FROM on_events.t ORDER BY p <-> '(999,999)' LIMIT 2;
RESET enable_seqscan;
RESET enable_sort;
SELECT twin.run('DROP INDEX t_p, t_r, t_b, t_e');
SELECT twin.run('CREATE INDEX t_p ON t USING gist (p)');
SELECT twin.run('CREATE INDEX t_r ON t USING gist (r) WHERE a % 2 = 0');
SELECT twin.run('CREATE INDEX t_b ON t USING gist (b) INCLUDE (a)');
SELECT twin.run('CREATE INDEX t_e ON t USING gist (circle(p, 10)) WITH (buffering = on)');
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
DROP INDEX on_events.t_p, on_events.t_r, on_events.t_b, on_events.t_e;
CREATE INDEX CONCURRENTLY t_p ON on_events.t USING gist (p);
CREATE INDEX CONCURRENTLY t_r ON on_events.t USING gist (r) WHERE a % 2 = 0;
CREATE INDEX CONCURRENTLY t_b ON on_events.t USING gist (b) INCLUDE (a);
CREATE INDEX CONCURRENTLY t_e ON on_events.t USING gist (circle(p, 10));
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
REINDEX TABLE on_events.t;
REINDEX TABLE CONCURRENTLY on_events.t;
VACUUM on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
