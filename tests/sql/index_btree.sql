--
-- btree indexes: of every kind, built in every way.
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int, b text, c timestamptz, d int[], e numeric)');
-- Made before the rows.
SELECT twin.run('CREATE INDEX t_a ON t (a)');
SELECT twin.run('CREATE INDEX t_b ON t (b COLLATE "C" DESC NULLS LAST)');
SELECT twin.run('CREATE UNIQUE INDEX t_ca ON t (c, a)');
SELECT twin.run('CREATE INDEX t_expr ON t (lower(b), (a % 100))');
SELECT twin.run('CREATE INDEX t_part ON t (e) WHERE a % 10 = 0');
SELECT twin.run('CREATE INDEX t_incl ON t (a) INCLUDE (e)');
SELECT twin.run($$INSERT INTO t SELECT g * 7919 % 5003, CASE WHEN g % 13 > 0 THEN 'B' || g % 301 END, timestamptz '2020-01-01 00:00+00' + g * interval '1 min', ARRAY[g % 5, g % 3], g / 4.0 FROM generate_series(1, 5000) g$$);
-- Rows that were undone are in the index and in no answer.
BEGIN;
INSERT INTO on_events.t SELECT g % 100, 'B1', timestamptz '2020-01-01 00:00+00' + g * interval '1 sec' - interval '1 day', NULL, g FROM generate_series(1, 1000) g;
ROLLBACK;
SELECT twin.run($$INSERT INTO t SELECT g % 100, 'more', timestamptz '2021-01-01 00:00+00' + g * interval '1 min', NULL, -g FROM generate_series(1, 1000) g$$);
CREATE FUNCTION pg_temp.check() RETURNS TABLE (query text, scans text, n bigint, wrong bigint) LANGUAGE sql AS $$
	SELECT * FROM twin.paths(
		'SELECT * FROM t WHERE a = 42',
		'SELECT a FROM t WHERE a BETWEEN 100 AND 120',
		'SELECT a, e FROM t WHERE a IN (1, 17, 4000, 6000)',
		'SELECT * FROM t WHERE b COLLATE "C" = ''B77''',
		'SELECT * FROM t WHERE b COLLATE "C" IS NULL',
		'SELECT b COLLATE "C" FROM t WHERE b COLLATE "C" > ''B98''',
		'SELECT * FROM t WHERE c >= ''2021-01-01 16:00+00''',
		'SELECT c, a FROM t WHERE c < ''2020-01-01 00:30+00'' AND a > 1000',
		'SELECT * FROM t WHERE lower(b) = ''b5'' AND a % 100 < 50',
		'SELECT e FROM t WHERE e < 100 AND a % 10 = 0',
		'SELECT x.a, y.c FROM t x JOIN t y ON x.a = y.a AND x.c > y.c WHERE x.a BETWEEN 90 AND 95',
		'SELECT * FROM (SELECT a, c FROM t WHERE a < 50 ORDER BY a DESC, c LIMIT 20) x',
		'SELECT max(c) FROM t',
		'SELECT min(a) FROM t WHERE a > 99') $$;
SELECT * FROM pg_temp.check();
-- In index order, both ways, and with a cursor that turns round.
SET enable_seqscan = off;
SET enable_sort = off;
SELECT twin.run('SELECT c, a FROM t WHERE c > ''2021-01-01 16:35+00'' ORDER BY c');
SELECT twin.run('SELECT c, a FROM t WHERE c > ''2021-01-01 16:35+00'' ORDER BY c DESC');
BEGIN;
DECLARE e SCROLL CURSOR FOR SELECT a, e FROM on_events.t ORDER BY c;
FETCH 3 FROM e;
FETCH LAST FROM e;
FETCH BACKWARD 2 FROM e;
FETCH ABSOLUTE 5000 FROM e;
FETCH RELATIVE 1 FROM e;
COMMIT;
RESET enable_seqscan;
RESET enable_sort;

-- Made after the rows.
SELECT twin.run('DROP INDEX t_a, t_b, t_ca, t_expr, t_part, t_incl');
SELECT twin.run('CREATE INDEX t_a ON t (a)');
SELECT twin.run('CREATE INDEX t_b ON t (b COLLATE "C" DESC NULLS LAST)');
SELECT twin.run('CREATE UNIQUE INDEX t_ca ON t (c, a)');
SELECT twin.run('CREATE INDEX t_expr ON t (lower(b), (a % 100))');
SELECT twin.run('CREATE INDEX t_part ON t (e) WHERE a % 10 = 0');
SELECT twin.run('CREATE INDEX t_incl ON t (a) INCLUDE (e)');
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
-- Concurrently.
DROP INDEX on_events.t_a, on_events.t_b, on_events.t_ca, on_events.t_expr, on_events.t_part, on_events.t_incl;
CREATE INDEX CONCURRENTLY t_a ON on_events.t (a);
CREATE INDEX CONCURRENTLY t_b ON on_events.t (b COLLATE "C" DESC NULLS LAST);
CREATE UNIQUE INDEX CONCURRENTLY t_ca ON on_events.t (c, a);
CREATE INDEX CONCURRENTLY t_expr ON on_events.t (lower(b), (a % 100));
CREATE INDEX CONCURRENTLY t_part ON on_events.t (e) WHERE a % 10 = 0;
CREATE INDEX CONCURRENTLY t_incl ON on_events.t (a) INCLUDE (e);
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
SELECT count(*) FROM pg_index WHERE indrelid = 'on_events.t'::regclass AND indisvalid AND indisready;
REINDEX TABLE on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
REINDEX TABLE CONCURRENTLY on_events.t;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
REINDEX INDEX on_events.t_ca;
REINDEX INDEX CONCURRENTLY on_events.t_part;
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
-- In parallel.
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 2;
SET maintenance_work_mem = '128MB';
ALTER TABLE on_events.t SET (parallel_workers = 2);
DROP INDEX on_events.t_a, on_events.t_b, on_events.t_ca, on_events.t_expr, on_events.t_part, on_events.t_incl;
CREATE INDEX t_a ON on_events.t (a);
CREATE INDEX t_b ON on_events.t (b COLLATE "C" DESC NULLS LAST);
CREATE UNIQUE INDEX t_ca ON on_events.t (c, a);
CREATE INDEX t_expr ON on_events.t (lower(b), (a % 100));
CREATE INDEX t_part ON on_events.t (e) WHERE a % 10 = 0;
CREATE INDEX CONCURRENTLY t_incl ON on_events.t (a) INCLUDE (e);
SELECT query, wrong FROM pg_temp.check() WHERE wrong > 0 OR scans NOT LIKE '%Index%';
RESET min_parallel_table_scan_size;
RESET max_parallel_maintenance_workers;
RESET maintenance_work_mem;
ALTER TABLE on_events.t RESET (parallel_workers);

-- A build that fails, plainly and concurrently.
SELECT twin.run('CREATE TABLE dup AS SELECT CASE g WHEN 700 THEN 300 ELSE g END AS a FROM generate_series(1, 1000) g');
SELECT twin.run('CREATE UNIQUE INDEX dup_a ON dup (a)');
SELECT twin.run('CREATE INDEX t_bad ON t ((1 / (a - 42)))');
\set VERBOSITY terse
CREATE UNIQUE INDEX CONCURRENTLY t_bad ON on_events.t ((e > 0));
\set VERBOSITY default
SELECT indisvalid FROM pg_index WHERE indexrelid = 'on_events.t_bad'::regclass;
DROP INDEX on_events.t_bad;
-- In the transaction that made the rows, some of which it has undone.
BEGIN;
CREATE TABLE on_events.own (a int) USING eventstore;
INSERT INTO on_events.own SELECT generate_series(1, 500);
SAVEPOINT s;
INSERT INTO on_events.own SELECT generate_series(1, 500);
ROLLBACK TO s;
CREATE UNIQUE INDEX own_a ON on_events.own (a);
INSERT INTO on_events.own VALUES (501);
SET LOCAL enable_seqscan = off;
SELECT count(*) FROM on_events.own WHERE a > 490;
SAVEPOINT s;
INSERT INTO on_events.own VALUES (500);
ROLLBACK TO s;
COMMIT;
-- A unique key may come again after it was rolled back, however often.
DO $$
BEGIN
	FOR i IN 1..2000 LOOP
		BEGIN
			INSERT INTO on_events.own VALUES (1000);
			RAISE 'no';
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
	INSERT INTO on_events.own VALUES (1000);
END $$;
SELECT count(*) FROM on_events.own WHERE a = 1000;
VACUUM on_events.own;
SELECT count(*) FROM on_events.own WHERE a = 1000;
INSERT INTO on_events.own VALUES (1000);

-- Many equal keys (posting lists), many columns, large keys.
SELECT twin.run('CREATE TABLE same (a int, b text, c int, d int, e int)');
SELECT twin.run('CREATE INDEX ON same (a)');
SELECT twin.run('CREATE INDEX ON same (a, b, c, d, e)');
SELECT twin.run('CREATE INDEX ON same (b)');
SELECT twin.run('INSERT INTO same SELECT g % 3, repeat(''k'', g % 200 * 10), g % 5, g % 7, g FROM generate_series(1, 20000) g');
SELECT * FROM twin.paths('SELECT e FROM same WHERE a = 1', 'SELECT e FROM same WHERE a = 2 AND c = 3',
	'SELECT count(*), sum(e) FROM same WHERE b = repeat(''k'', 500)', 'SELECT a, b, c, d, e FROM same WHERE a = 0 AND b = repeat(''k'', 30) AND e > 10000');
SELECT twin.run('INSERT INTO same VALUES (1, (SELECT string_agg(md5(g::text), '''') FROM generate_series(1, 300) g))');

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
