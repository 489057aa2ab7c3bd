--
-- Transactions: savepoints in each other and more than fit a cache, commands
-- that see what earlier ones did, isolation levels, errors in the middle.
--
CREATE TABLE t (id int PRIMARY KEY, k int, b text);
-- rows of commands before, not of the command itself
BEGIN;
INSERT INTO t SELECT g, g % 10, 'first' FROM generate_series(1, 100) g;
INSERT INTO t SELECT id + 100, k, 'doubled' FROM t;
INSERT INTO t SELECT id + 1000, (SELECT count(*) FROM t), 'counted' FROM t WHERE id <= 2;
SELECT k, count(*) FROM t WHERE id > 1000 GROUP BY k;
SELECT * FROM twin.scans('SELECT id, b FROM t WHERE id > 90');
COMMIT;
CREATE FUNCTION seen_volatile() RETURNS bigint VOLATILE LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM t); END $$;
CREATE FUNCTION seen_stable() RETURNS bigint STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM t); END $$;
INSERT INTO t SELECT 2000 + g, seen_volatile() - 202, seen_stable()::text FROM generate_series(1, 3) g RETURNING *;
WITH a AS (INSERT INTO t VALUES (2010, 0, 'a') RETURNING id), b AS (INSERT INTO t VALUES (2011, 0, 'b') RETURNING id)
	SELECT (SELECT count(*) FROM t WHERE id IN (2010, 2011)), (SELECT count(*) FROM a), (SELECT count(*) FROM b);
SELECT count(*) FROM t;
-- savepoints in each other
BEGIN;
INSERT INTO t VALUES (3000, 0, 'top');
SAVEPOINT a;
INSERT INTO t VALUES (3001, 0, 'a');
SAVEPOINT b;
INSERT INTO t VALUES (3002, 0, 'b');
SAVEPOINT c;
INSERT INTO t VALUES (3003, 0, 'c');
RELEASE c;
SELECT id FROM t WHERE id >= 3000 ORDER BY id;
ROLLBACK TO b;
INSERT INTO t VALUES (3003, 0, 'again');
SAVEPOINT b;
INSERT INTO t VALUES (3004, 0, 'a second b');
ROLLBACK TO b;
RELEASE b;
SELECT * FROM twin.scans('SELECT id, b FROM t WHERE id >= 3000');
INSERT INTO t VALUES (3001, 0, 'not again');
ROLLBACK TO a;
INSERT INTO t VALUES (3001, 0, 'again');
SELECT id, b FROM t WHERE id >= 3000 ORDER BY id;
COMMIT;
SELECT id, b FROM t WHERE id >= 3000 ORDER BY id;
-- more of them than a session's cache holds, every third rolled back
CREATE FUNCTION many_savepoints(first int, last int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN first .. last LOOP
		BEGIN
			INSERT INTO t VALUES (i, 0, 'many');
			IF i % 3 = 0 THEN RAISE EXCEPTION USING ERRCODE = 'ZZ003'; END IF;
		EXCEPTION WHEN SQLSTATE 'ZZ003' THEN
			NULL;
		END;
	END LOOP;
END $$;
BEGIN;
SELECT many_savepoints(10000, 10299);
SELECT * FROM twin.scans('SELECT id FROM t WHERE id >= 10000');
SAVEPOINT s;
SELECT many_savepoints(10300, 10599);
ROLLBACK TO s;
SELECT many_savepoints(10600, 10699);
SELECT count(*) FROM t WHERE id >= 10000;
CREATE INDEX t_k ON t (k, id);
COMMIT;
SELECT * FROM twin.scans('SELECT id FROM t WHERE id >= 10000');
SELECT * FROM twin.scans('SELECT k, id FROM t WHERE k = 0');
BEGIN;
SELECT many_savepoints(20000, 20199);
ROLLBACK;
SELECT count(*) FROM t WHERE id >= 20000;
-- an error at the last row, at a constraint, at a check that is deferred
INSERT INTO t SELECT g, 0, 'x' FROM generate_series(30000, 30999) g UNION ALL SELECT 1, 0, 'x';
INSERT INTO t SELECT g, 1 / (30500 - g), 'x' FROM generate_series(30000, 30999) g;
SELECT count(*) FROM t WHERE id >= 30000;
SELECT count(*) FROM t WHERE 1 / (id - id) = 1;
-- statements of which only some work, in one message
INSERT INTO t VALUES (40000, 0, 'x')\; INSERT INTO t VALUES (40001, 0, 'x')\; INSERT INTO t VALUES (40000, 0, 'x');
SELECT count(*) FROM t WHERE id >= 40000;
INSERT INTO t VALUES (40000, 0, 'x')\; COMMIT\; INSERT INTO t VALUES (40001, 0, 'x')\; INSERT INTO t VALUES (40000, 0, 'x');
SELECT id FROM t WHERE id >= 40000;
-- isolation levels, with rows and without
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM t WHERE id >= 50000;
INSERT INTO t VALUES (50000, 0, 'x');
SELECT count(*) FROM t WHERE id >= 50000;
SAVEPOINT s;
INSERT INTO t VALUES (50000, 0, 'x') ON CONFLICT DO NOTHING;
INSERT INTO t VALUES (50001, 0, 'x');
ROLLBACK TO s;
SELECT id FROM t WHERE id >= 50000 FOR UPDATE;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO t SELECT max(id) + 1, 0, 'x' FROM t;
SELECT count(*) FROM t WHERE id >= 50000;
SELECT id FROM t WHERE id >= 50000 ORDER BY id FOR SHARE;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT count(*) FROM t WHERE id >= 50000;
INSERT INTO t VALUES (50002, 0, 'x');
COMMIT;
BEGIN ISOLATION LEVEL READ UNCOMMITTED;
INSERT INTO t VALUES (50003, 0, 'x');
COMMIT AND CHAIN;
INSERT INTO t VALUES (50004, 0, 'x');
ROLLBACK AND CHAIN;
SHOW transaction_isolation;
COMMIT;
SELECT id FROM t WHERE id >= 50000 ORDER BY id;
-- a snapshot of a time before
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM t;
SELECT pg_export_snapshot() IS NOT NULL;
SELECT age(backend_xmin) >= 0 FROM pg_stat_activity WHERE pid = pg_backend_pid();
COMMIT;
-- a procedure that commits, in a loop over the rows that it adds to
CREATE PROCEDURE steps() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 60000 .. 60020 LOOP
		INSERT INTO t VALUES (i, 0, 'step');
		IF i % 2 = 0 THEN COMMIT; ELSE ROLLBACK; END IF;
	END LOOP;
	INSERT INTO t VALUES (60000, 0, 'twice');
END $$;
CALL steps();
SELECT count(*), sum(id) FROM t WHERE id >= 60000;
DO $$
BEGIN
	INSERT INTO t VALUES (61000, 0, 'do');
	COMMIT;
	INSERT INTO t VALUES (61001, 0, 'do');
	ROLLBACK;
	INSERT INTO t VALUES (61002, 0, 'do');
END $$;
SELECT id FROM t WHERE id >= 61000 ORDER BY id;
-- what is done to a table that was made in the same transaction
BEGIN;
CREATE TABLE made (a int PRIMARY KEY, b text);
INSERT INTO made SELECT g, repeat('made ', g * 20) FROM generate_series(1, 200) g;
SAVEPOINT s;
INSERT INTO made VALUES (201);
CREATE INDEX made_b ON made (md5(b));
ROLLBACK TO s;
ALTER TABLE made ADD COLUMN c int DEFAULT 5;
INSERT INTO made VALUES (201, 'x', 6);
CREATE INDEX made_c ON made (c);
SAVEPOINT s;
DROP TABLE made;
ROLLBACK TO s;
SELECT * FROM twin.scans('SELECT a, c FROM made WHERE a > 150');
TRUNCATE made;
INSERT INTO made VALUES (1, 'after', 1);
COMMIT;
SELECT * FROM made;
BEGIN;
CREATE TABLE gone AS SELECT * FROM t;
INSERT INTO gone SELECT * FROM t;
ROLLBACK;
SELECT count(*) FROM gone;
SELECT twin.damage('t'), twin.damage('made');
