--
-- How indexes are built: in parallel, CONCURRENTLY, again, and what stops it.
--
CREATE TABLE t (a int, b text, c int[], d float8);
INSERT INTO t SELECT g, md5(g::text), ARRAY[g % 10, g % 100], g / 3.0 FROM generate_series(1, 6000) g;
BEGIN;
INSERT INTO t SELECT g, md5(g::text), ARRAY[g % 10, g % 100], g / 3.0 FROM generate_series(6001, 7000) g;
ROLLBACK;
INSERT INTO t SELECT g, md5(g::text), ARRAY[g % 10, g % 100], g / 3.0 FROM generate_series(7001, 9000) g;
SET max_parallel_maintenance_workers = 4;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET maintenance_work_mem = '128MB';
CREATE INDEX t_a ON t (a);
CREATE UNIQUE INDEX t_b ON t (b) INCLUDE (a);
CREATE UNIQUE INDEX t_part ON t ((a % 7000)) WHERE a > 8000 OR a < 900;
CREATE INDEX t_brin ON t USING brin (a);
CREATE INDEX t_hash ON t USING hash (b);
CREATE INDEX t_gin ON t USING gin (c);
-- which of the keys that are not unique is found first is chance
\set VERBOSITY sqlstate
CREATE UNIQUE INDEX fails ON t ((a / 2));
\set VERBOSITY verbose
CREATE UNIQUE INDEX fails ON t ((1 / (a - 8500)));
SET maintenance_work_mem = '1MB';
CREATE INDEX t_disk ON t (b, a, d);
RESET maintenance_work_mem;
SELECT * FROM twin.scans('SELECT a FROM t WHERE a BETWEEN 5990 AND 7010');
SELECT * FROM twin.scans('SELECT * FROM t WHERE b > ''f0'' AND b < ''f1''');
SELECT * FROM twin.scans('SELECT count(*) FROM t WHERE c @> ''{42}''');
-- in the transaction that made the table, and a row of it
BEGIN;
CREATE TABLE own (a int, b text);
INSERT INTO own SELECT g, g::text FROM generate_series(1, 5000) g;
SAVEPOINT x;
INSERT INTO own SELECT g, g::text FROM generate_series(5001, 6000) g;
ROLLBACK TO x;
CREATE UNIQUE INDEX own_a ON own (a);
INSERT INTO own VALUES (5001, 'again');
CREATE UNIQUE INDEX own_b ON own (b) WHERE a > 100;
SELECT * FROM twin.scans('SELECT a, b FROM own WHERE a > 4990');
COMMIT;
SELECT * FROM twin.scans('SELECT a, b FROM own WHERE a > 4990');
SELECT indexrelid::regclass, indcheckxmin, indisvalid FROM pg_index WHERE indrelid = 'own'::regclass ORDER BY indexrelid::regclass::text;

-- CONCURRENTLY
CREATE INDEX CONCURRENTLY t_c1 ON t (d);
CREATE UNIQUE INDEX CONCURRENTLY t_c2 ON t (a, b);
CREATE INDEX CONCURRENTLY t_c3 ON t USING gin (c) WHERE a > 100;
CREATE INDEX CONCURRENTLY IF NOT EXISTS t_c3 ON t USING gin (c) WHERE a > 100;
\set VERBOSITY sqlstate
CREATE UNIQUE INDEX CONCURRENTLY t_bad ON t ((c[1]));
\set VERBOSITY verbose
CREATE INDEX CONCURRENTLY t_bad2 ON t ((1 / (a - 777)));
BEGIN;
CREATE INDEX CONCURRENTLY t_c4 ON t (d);
ROLLBACK;
SELECT indexrelid::regclass, indisvalid, indisready FROM pg_index WHERE indrelid = 't'::regclass ORDER BY indexrelid::regclass::text;
INSERT INTO t VALUES (9001, 'x', '{1,2}', 1);
INSERT INTO t VALUES (777, 'y', '{1,2}', 1);
DROP INDEX CONCURRENTLY t_bad, t_bad2;
DROP INDEX CONCURRENTLY t_bad;
DROP INDEX CONCURRENTLY t_bad2;
INSERT INTO t VALUES (9001, 'x', '{1,2}', 1);
SELECT * FROM twin.scans('SELECT d FROM t WHERE d BETWEEN 1800 AND 2900');

-- each kind, CONCURRENTLY and again
CREATE EXTENSION bloom;
CREATE TABLE kinds (a int, b text, c int[], p point, r int4range);
INSERT INTO kinds SELECT g, 'row ' || g % 50, ARRAY[g % 9, g % 7], point(g % 50, g % 31), int4range(g, g + 3) FROM generate_series(1, 1500) g;
BEGIN;
INSERT INTO kinds SELECT g, 'gone', '{1}', point(1, 1), int4range(g, g + 3) FROM generate_series(1501, 1800) g;
ROLLBACK;
SELECT format('CREATE INDEX CONCURRENTLY kinds_%s ON kinds USING %1$s (%s)', am, what)
	FROM (VALUES ('hash', 'b'), ('gin', 'c'), ('gist', 'p'), ('spgist', 'r'), ('brin', 'a'), ('bloom', 'a')) k (am, what) \gexec
INSERT INTO kinds SELECT g, 'row ' || g % 50, ARRAY[g % 9, g % 7], point(g % 50, g % 31), int4range(g, g + 3) FROM generate_series(1801, 1900) g;
REINDEX TABLE CONCURRENTLY kinds;
SELECT * FROM twin.scans('SELECT a FROM kinds WHERE b = ''row 5''');
SELECT * FROM twin.scans('SELECT a FROM kinds WHERE c @> ''{3,4}''');
SELECT * FROM twin.scans('SELECT a FROM kinds WHERE p <@ box ''(10,10),(12,14)''');
SELECT * FROM twin.scans('SELECT a FROM kinds WHERE r @> 1850');
SELECT * FROM twin.scans('SELECT a FROM kinds WHERE a BETWEEN 1400 AND 1850');
SELECT * FROM twin.scans('SELECT a FROM kinds WHERE a = 1850');
VACUUM kinds;
SELECT twin.damage('kinds');

-- again
REINDEX INDEX t_a;
REINDEX INDEX CONCURRENTLY t_b;
REINDEX TABLE CONCURRENTLY t;
REINDEX SCHEMA public;
REINDEX (VERBOSE, TABLESPACE twin_no_such) TABLE own;
BEGIN;
INSERT INTO t VALUES (9500, 'in a transaction', '{5,5}', 1);
REINDEX TABLE t;
SELECT * FROM twin.scans('SELECT a FROM t WHERE a > 8999');
ROLLBACK;
BEGIN;
REINDEX INDEX t_a;
SAVEPOINT s;
INSERT INTO t VALUES (9501, 'after a savepoint', '{5,5}', 1);
ROLLBACK TO s;
INSERT INTO t VALUES (9502, 'after it was rolled back', '{5,5}', 1);
COMMIT;
SELECT * FROM twin.scans('SELECT a FROM t WHERE a > 8999');
REINDEX (CONCURRENTLY, TABLESPACE pg_default) INDEX t_c1;
SELECT indexrelid::regclass, indisvalid, indisready FROM pg_index WHERE indrelid = 't'::regclass ORDER BY indexrelid::regclass::text;
SELECT * FROM twin.scans('SELECT a FROM t WHERE a BETWEEN 5990 AND 7010');
SELECT * FROM twin.scans('SELECT * FROM t WHERE b > ''f0'' AND b < ''f1''');
ALTER INDEX t_a RENAME TO t_a_again;
ALTER INDEX t_a_again SET (fillfactor = 50);
ALTER INDEX t_a_again ALTER COLUMN 1 SET STATISTICS 10;
ALTER INDEX t_disk ALTER COLUMN 1 SET STATISTICS 10;
CREATE INDEX t_e ON t ((a * 2));
ALTER INDEX t_e ALTER COLUMN 1 SET STATISTICS 1000;
ALTER TABLE t CLUSTER ON t_a_again;
ALTER TABLE t ADD CONSTRAINT t_unique UNIQUE USING INDEX t_c2;
ALTER TABLE t ADD PRIMARY KEY USING INDEX t_b;
\d t
VACUUM (PARALLEL 2, INDEX_CLEANUP ON) t;
VACUUM FULL t;
SELECT * FROM twin.scans('SELECT a FROM t WHERE a BETWEEN 5990 AND 7010');
SELECT * FROM twin.scans('SELECT count(*) FROM t WHERE c @> ''{42}''');
-- pages that amcheck knows
CREATE EXTENSION amcheck;
SELECT c.relname, bt_index_parent_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
	WHERE a.amname = 'btree' AND c.relname ~ '^(t|own)_' ORDER BY 1;
-- errors in expressions, and functions that look at the table
CREATE FUNCTION rows_of_t(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT count(*)::int FROM t WHERE a < $1';
CREATE TABLE few (a int);
INSERT INTO few SELECT generate_series(1, 20);
CREATE INDEX ON few ((rows_of_t(a % 10)));
SELECT count(*) FROM few WHERE rows_of_t(a % 10) = 3;
CREATE INDEX ON t USING gist (a);
CREATE INDEX ON t USING nothing (a);
CREATE INDEX ON t (ctid);
CREATE INDEX ON t (tableoid);
CREATE INDEX ON t (a) WITH (fillfactor = 5);
CREATE INDEX ON t ((random()));
CREATE INDEX ON t USING hash (a, b);
SELECT twin.hash('t'), twin.hash('own');
SELECT twin.damage('t'), twin.damage('own');
