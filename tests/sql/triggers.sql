--
-- Triggers of every kind.
--
SELECT twin.open();
CREATE SCHEMA triggers;
-- Every call leaves a line in the log of its side.
CREATE FUNCTION triggers.tell() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	line text := format('%s %s %s', TG_WHEN, TG_OP, TG_LEVEL);
BEGIN
	IF TG_LEVEL = 'ROW' THEN
		line := line || ' ' || NEW::text;
	END IF;
	EXECUTE format('INSERT INTO %I.log (line) VALUES ($1)', TG_TABLE_SCHEMA) USING TG_NAME || ': ' || line;
	RETURN NEW;
END $$;
CREATE FUNCTION triggers.tell_new() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	line text := (SELECT format('%s rows, %s', count(*), left(string_agg(new_rows::text, ' '), 200)) FROM new_rows);
BEGIN
	EXECUTE format('INSERT INTO %I.log (line) VALUES ($1)', TG_TABLE_SCHEMA) USING TG_NAME || ': ' || line;
	RETURN NULL;
END $$;
SELECT twin.run('CREATE TABLE log (n serial, line text)');
SELECT twin.run('CREATE TABLE t (a int, b text DEFAULT ''b'', c int)');
SELECT twin.run('CREATE TRIGGER t1 BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION triggers.tell()');
SELECT twin.run('CREATE TRIGGER t2 AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION triggers.tell()');
SELECT twin.run('CREATE TRIGGER t3 BEFORE INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION triggers.tell()');
SELECT twin.run('CREATE TRIGGER t4 AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION triggers.tell()');
SELECT twin.run('CREATE TRIGGER t5 AFTER INSERT ON t REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION triggers.tell_new()');
SELECT twin.run('CREATE TRIGGER t6 AFTER INSERT ON t FOR EACH ROW WHEN (NEW.a > 2) EXECUTE FUNCTION triggers.tell()');
SELECT twin.run('CREATE CONSTRAINT TRIGGER t7 AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION triggers.tell()');
SELECT twin.run('INSERT INTO t VALUES (1, DEFAULT, DEFAULT), (2, NULL, 5)');
SELECT twin.run('INSERT INTO t SELECT g FROM generate_series(3, 4) g RETURNING *');
SELECT twin.run('INSERT INTO t SELECT 1 WHERE false');
SELECT twin.run('SELECT line FROM log ORDER BY n');
SELECT twin.run('TRUNCATE log');
SELECT twin.run('SET CONSTRAINTS ALL IMMEDIATE');
BEGIN;
SELECT twin.run('INSERT INTO t VALUES (5)');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT twin.run('SELECT line FROM log ORDER BY n');
COMMIT;

-- A BEFORE trigger may change the row, and may leave it out.
SELECT twin.run('DROP TRIGGER t1 ON t');
CREATE FUNCTION triggers.change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.a % 5 = 0 THEN
		RETURN NULL;
	END IF;
	NEW.b := repeat('changed', NEW.a % 1500);
	NEW.c := (SELECT count(*) FROM pg_class WHERE relname = 'no_such');
	RETURN NEW;
END $$;
SELECT twin.run('CREATE TRIGGER c1 BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.a < 5000) EXECUTE FUNCTION triggers.change()');
SELECT twin.run('INSERT INTO t SELECT g FROM generate_series(1001, 1010) g RETURNING a, length(b), c');
SELECT twin.run('INSERT INTO t SELECT g FROM generate_series(2001, 2500) g');
SELECT twin.run('INSERT INTO t VALUES (5005) RETURNING *');
SELECT twin.run('SELECT count(*), count(b), sum(length(b)), sum(c) FROM t');
SELECT twin.run('SELECT line FROM log WHERE line LIKE ''t5%'' OR line LIKE ''%5005%'' ORDER BY n');

-- One that fails undoes its command; one that writes the same table is seen.
CREATE FUNCTION triggers.fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.a = 6007 THEN
		RAISE EXCEPTION 'no % here', NEW.a;
	END IF;
	RETURN NULL;
END $$;
SELECT twin.run('CREATE TRIGGER f AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION triggers.fail()');
SELECT twin.run('INSERT INTO t SELECT g FROM generate_series(6001, 6009) g');
SELECT twin.run('SELECT count(*) FROM t WHERE a > 6000');
CREATE FUNCTION triggers.again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.a BETWEEN 7001 AND 7999 THEN
		EXECUTE format('INSERT INTO %I.t VALUES ($1 + 10, (SELECT count(*)::text FROM %1$I.t WHERE a > 7000))', TG_TABLE_SCHEMA) USING NEW.a;
	END IF;
	RETURN NEW;
END $$;
SELECT twin.run('CREATE TABLE u (LIKE t)');
SELECT twin.run('DROP TRIGGER c1 ON t');
SELECT twin.run('CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW WHEN (NEW.a < 7040) EXECUTE FUNCTION triggers.again()');
SELECT twin.run('CREATE TRIGGER h BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.a < 7020) EXECUTE FUNCTION triggers.again()');
SELECT twin.run('INSERT INTO t VALUES (7001), (7002) RETURNING a');
SELECT twin.run('SELECT a, b FROM t WHERE a > 7000');

-- Off, replica, always.
SELECT twin.run('TRUNCATE log');
SELECT twin.run('ALTER TABLE t DISABLE TRIGGER USER');
SELECT twin.run('ALTER TABLE t ENABLE REPLICA TRIGGER t2');
SELECT twin.run('INSERT INTO t VALUES (8001)');
SET session_replication_role = replica;
SELECT twin.run('INSERT INTO t VALUES (8002)');
RESET session_replication_role;
SELECT twin.run('SELECT line FROM log ORDER BY n');
SELECT twin.run('ALTER TABLE t ENABLE TRIGGER USER');

-- TRUNCATE triggers; triggers of a view; those that could never fire may be made.
CREATE FUNCTION triggers.on_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I.log (line) SELECT TG || '' '' || count(*) FROM (SELECT $1 AS tg) x, %1$I.u GROUP BY tg', TG_TABLE_SCHEMA) USING TG_WHEN;
	RETURN NULL;
END $$;
SELECT twin.run('INSERT INTO u VALUES (1), (2)');
SELECT twin.run('TRUNCATE log');
SELECT twin.run('CREATE TRIGGER b BEFORE TRUNCATE ON u FOR EACH STATEMENT EXECUTE FUNCTION triggers.on_truncate()');
SELECT twin.run('TRUNCATE u');
SELECT twin.run('SELECT line FROM log ORDER BY n');
CREATE FUNCTION triggers.instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I.u (a, b) VALUES ($1, ''by view'')', TG_TABLE_SCHEMA) USING NEW.a;
	RETURN NEW;
END $$;
SELECT twin.run('CREATE VIEW v AS SELECT a FROM u');
SELECT twin.run('CREATE TRIGGER i INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION triggers.instead()');
SELECT twin.run('INSERT INTO v VALUES (1), (2) RETURNING a');
SELECT twin.run('SELECT a, b FROM u');
SELECT twin.run('CREATE TRIGGER never BEFORE UPDATE OR DELETE ON u FOR EACH ROW EXECUTE FUNCTION triggers.tell()');
-- A statement trigger of a command that is refused does not run.
SELECT twin.run('CREATE TRIGGER s BEFORE UPDATE OR DELETE ON u FOR EACH STATEMENT EXECUTE FUNCTION triggers.tell()');
TRUNCATE on_events.log;
UPDATE on_events.u SET a = 1;
DELETE FROM on_events.u;
SELECT line FROM on_events.log;

-- A row of 100 kB and many rows in a transition table.
SELECT twin.run('CREATE TABLE w (a int, b text)');
SELECT twin.run('CREATE TABLE w_sum (n bigint, bytes bigint)');
CREATE FUNCTION triggers.sum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I.w_sum SELECT count(*), sum(length(b)) FROM new_rows', TG_TABLE_SCHEMA);
	RETURN NULL;
END $$;
CREATE TRIGGER s AFTER INSERT ON on_heap.w REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION triggers.sum();
CREATE TRIGGER s AFTER INSERT ON on_events.w REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION triggers.sum();
SELECT twin.run('INSERT INTO w SELECT g, repeat(''x'', g) FROM generate_series(1, 5000) g');
SELECT twin.run('INSERT INTO w SELECT 0, string_agg(md5(g::text), '''') FROM generate_series(1, 3200) g');
SELECT twin.run('TABLE w_sum');
-- AFTER ROW triggers read the row back, also when it was deferred over a savepoint.
SELECT twin.run('CREATE TABLE x (a int, b text)');
SELECT twin.run('CREATE CONSTRAINT TRIGGER d AFTER INSERT ON x DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION triggers.tell()');
SELECT twin.run('TRUNCATE log RESTART IDENTITY');
BEGIN;
INSERT INTO on_events.x VALUES (1, repeat('large', 3000));
SAVEPOINT s;
INSERT INTO on_events.x VALUES (2, 'undone');
ROLLBACK TO s;
SAVEPOINT s2;
INSERT INTO on_events.x VALUES (3, 'kept');
RELEASE s2;
COMMIT;
SELECT n, length(line), left(line, 40) FROM on_events.log ORDER BY n;

SELECT relname, twin.diff('SELECT a, b FROM on_heap.' || relname, 'SELECT a, b FROM on_events.' || relname) FROM pg_class
WHERE relnamespace = 'on_events'::regnamespace AND relname IN ('t', 'u', 'w') ORDER BY relname;
SELECT * FROM twin.verify('on_events');
SELECT twin.close();
SET client_min_messages = warning;
DROP SCHEMA triggers CASCADE;
