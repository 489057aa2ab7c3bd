--
-- INSERT in its forms
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int, b text DEFAULT ''none'', c numeric)');
SELECT twin.run('INSERT INTO t VALUES (1, ''one'', 1.5)');
SELECT twin.run('INSERT INTO t (c, a) VALUES (2.5, 2), (3.5, 3)');
SELECT twin.run('INSERT INTO t VALUES (4, DEFAULT, DEFAULT) RETURNING *');
SELECT twin.run('INSERT INTO t DEFAULT VALUES RETURNING a, b, c');
SELECT twin.run('INSERT INTO t SELECT g, g::text, g / 2.0 FROM generate_series(6, 5000) g');
SELECT twin.run('INSERT INTO t SELECT a, b, c FROM t WHERE a < 3 RETURNING b');
SELECT twin.run('WITH new AS (INSERT INTO t VALUES (7000, ''x'') RETURNING *) SELECT new.*, (SELECT count(*) FROM t) FROM new');
SELECT twin.run('INSERT INTO t (b, a) WITH v AS (VALUES (''w'', 1)) TABLE v');
SELECT twin.run('INSERT INTO t AS alias VALUES (8000) RETURNING alias.a + 1, upper(b)');
SELECT twin.run('SELECT count(*), count(a), sum(a), sum(c), md5(string_agg(b, '','')) FROM t');

-- Errors leave nothing behind.
SELECT twin.run('INSERT INTO t VALUES (1, ''x'', 1, 2)');
SELECT twin.run('INSERT INTO t SELECT 10 / (100 - g) FROM generate_series(1, 200) g');
SELECT twin.run('INSERT INTO t VALUES (''x'')');
SELECT twin.run('INSERT INTO t (a, a) VALUES (1, 1)');
SELECT twin.run('INSERT INTO t (tableoid) VALUES (1)');
SELECT twin.run('SELECT count(*), sum(a) FROM t');

-- A select list wider or narrower than the table after changes of it.
SELECT twin.run('ALTER TABLE t DROP COLUMN b');
SELECT twin.run('ALTER TABLE t ADD COLUMN d date DEFAULT ''2020-02-29''');
SELECT twin.run('INSERT INTO t VALUES (9000, 1, DEFAULT), (9001, NULL, NULL) RETURNING *');
SELECT twin.run('SELECT d, count(*) FROM t GROUP BY d ORDER BY d');
SELECT twin.diff('TABLE on_heap.t', 'TABLE on_events.t');

-- What RETURNING says about a row is what a scan finds.
CREATE TABLE on_events.s (a int) USING eventstore;
WITH new AS (INSERT INTO on_events.s SELECT generate_series(1, 600)
			 RETURNING a, ctid, tableoid, xmin, xmax, cmin)
SELECT a, ctid, tableoid::regclass, xmin = pg_current_xact_id()::xid AS "my xmin", xmax, cmin
FROM new WHERE a IN (1, 2, 254, 255, 256, 511, 512, 600);
BEGIN;
INSERT INTO on_events.s VALUES (601) RETURNING ctid, xmin::text <> '0' AS xmin, cmin;
INSERT INTO on_events.s VALUES (602) RETURNING ctid, xmin::text <> '0' AS xmin, cmin;
SELECT a, ctid, cmin, xmin = pg_current_xact_id()::xid AS "my xmin" FROM on_events.s WHERE a > 600;
COMMIT;
SELECT min(ctid), max(ctid), count(DISTINCT ctid), count(DISTINCT xmin::text) FROM on_events.s;

-- In a function, by a prepared statement, through a view.
CREATE FUNCTION on_events.add(n int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..n LOOP
		INSERT INTO on_events.s VALUES (1000 + i);
	END LOOP;
	RETURN (SELECT count(*) FROM on_events.s WHERE a > 1000);
END $$;
SELECT on_events.add(300);
PREPARE add AS INSERT INTO on_events.s VALUES ($1) RETURNING a;
EXECUTE add(2000);
EXECUTE add(NULL);
DEALLOCATE add;
CREATE VIEW on_events.v AS SELECT a FROM on_events.s WHERE a > 1999 WITH CHECK OPTION;
INSERT INTO on_events.v VALUES (2001) RETURNING *;
INSERT INTO on_events.v VALUES (1999);
TABLE on_events.v;

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
