--
-- What a statement sees: savepoints, cursors, a statement's own rows.
-- h is a heap table and e its eventstore twin.
--
CREATE SCHEMA visibility;
SET search_path = visibility, public;
CREATE TABLE h (a int, b text) USING heap;
CREATE TABLE e (a int, b text) USING eventstore;
CREATE VIEW both_sides AS
	SELECT (SELECT count(*) FROM h) AS heap, (SELECT count(*) FROM e) AS events,
		twin.diff('TABLE visibility.h', 'TABLE visibility.e') AS diff;

-- A rolled back transaction.
BEGIN;
INSERT INTO h SELECT g, 'rolled back' FROM generate_series(1, 1000) g;
INSERT INTO e SELECT g, 'rolled back' FROM generate_series(1, 1000) g;
TABLE both_sides;
ROLLBACK;
TABLE both_sides;

-- Savepoints.
BEGIN;
INSERT INTO h VALUES (1, 'kept');
INSERT INTO e VALUES (1, 'kept');
SAVEPOINT one;
INSERT INTO h SELECT g, 'undone' FROM generate_series(2, 700) g;
INSERT INTO e SELECT g, 'undone' FROM generate_series(2, 700) g;
SAVEPOINT two;
INSERT INTO h VALUES (701, 'undone');
INSERT INTO e VALUES (701, 'undone');
RELEASE two;
TABLE both_sides;
ROLLBACK TO one;
TABLE both_sides;
INSERT INTO h VALUES (2, 'kept');
INSERT INTO e VALUES (2, 'kept');
SAVEPOINT three;
INSERT INTO h VALUES (3, 'released');
INSERT INTO e VALUES (3, 'released');
RELEASE three;
ROLLBACK TO one;
INSERT INTO h VALUES (4, 'kept');
INSERT INTO e VALUES (4, 'kept');
RELEASE one;
TABLE both_sides;
COMMIT;
TABLE both_sides;
TABLE e;

-- An error in a subtransaction of a function.
CREATE FUNCTION fill(store regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	FOR i IN 1..20 LOOP
		BEGIN
			EXECUTE format('INSERT INTO %s SELECT %s, ''function'' FROM generate_series(1, 30)', store, i);
			IF i % 3 = 0 THEN
				RAISE EXCEPTION 'no';
			END IF;
		EXCEPTION WHEN raise_exception THEN
			EXECUTE format('INSERT INTO %s VALUES (-1, ''handler'')', store);
		END;
	END LOOP;
	EXECUTE format('SELECT count(*) FROM %s WHERE b IN (''function'', ''handler'')', store) INTO n;
	RETURN n;
END $$;
SELECT fill('h'), fill('e');
TABLE both_sides;

-- A statement does not see the rows it inserts.
INSERT INTO h SELECT a, 'copy' FROM h;
INSERT INTO e SELECT a, 'copy' FROM e;
TABLE both_sides;
WITH new AS (INSERT INTO e VALUES (1, 'with') RETURNING 1)
SELECT (SELECT count(*) FROM e WHERE b = 'with') AS seen, (SELECT count(*) FROM new) AS inserted;
INSERT INTO h VALUES (1, 'with');
-- A volatile function sees them row by row, a stable one does not.
CREATE FUNCTION seen_volatile(t regclass) RETURNS bigint VOLATILE LANGUAGE plpgsql AS $$
DECLARE n bigint; BEGIN EXECUTE format('SELECT count(*) FROM %s WHERE b = ''seen''', t) INTO n; RETURN n; END $$;
CREATE FUNCTION seen_stable(t regclass) RETURNS bigint STABLE LANGUAGE plpgsql AS $$
DECLARE n bigint; BEGIN EXECUTE format('SELECT count(*) FROM %s WHERE b = ''seen''', t) INTO n; RETURN n; END $$;
INSERT INTO h SELECT 1, 'seen' FROM generate_series(1, 3) RETURNING seen_volatile('h'), seen_stable('h');
INSERT INTO e SELECT 1, 'seen' FROM generate_series(1, 3) RETURNING seen_volatile('e'), seen_stable('e');
TABLE both_sides;

-- Cursors keep to what was there when they were declared.
TRUNCATE h, e;
INSERT INTO h SELECT g, 'before' FROM generate_series(1, 500) g;
INSERT INTO e SELECT g, 'before' FROM generate_series(1, 500) g;
BEGIN;
INSERT INTO h VALUES (501, 'mine, before');
INSERT INTO e VALUES (501, 'mine, before');
DECLARE ch SCROLL CURSOR FOR SELECT * FROM h;
DECLARE ce SCROLL CURSOR FOR SELECT * FROM e;
INSERT INTO h VALUES (502, 'mine, after');
INSERT INTO e VALUES (502, 'mine, after');
FETCH 2 FROM ch;
FETCH 2 FROM ce;
FETCH LAST FROM ch;
FETCH LAST FROM ce;
FETCH NEXT FROM ch;
FETCH NEXT FROM ce;
FETCH PRIOR FROM ch;
FETCH PRIOR FROM ce;
FETCH BACKWARD 2 FROM ch;
FETCH BACKWARD 2 FROM ce;
FETCH ABSOLUTE 257 FROM ch;
FETCH ABSOLUTE 257 FROM ce;
FETCH RELATIVE -250 FROM ch;
FETCH RELATIVE -250 FROM ce;
MOVE BACKWARD ALL IN ch;
MOVE BACKWARD ALL IN ce;
MOVE FORWARD ALL IN ch;
MOVE FORWARD ALL IN ce;
FETCH FIRST FROM ce;
FETCH PRIOR FROM ce;
FETCH NEXT FROM ce;
SELECT count(*) FROM e;
COMMIT;

-- Wherever a cursor goes, it finds the row that is there; between the rows are
-- some that were undone.
CREATE TABLE steps (a int, pad text) USING eventstore;
DO $$
DECLARE
	n int := 0;
BEGIN
	FOR i IN 1..200 LOOP
		BEGIN
			INSERT INTO steps SELECT n + g, repeat('x', g * 37 % 900) FROM generate_series(1, 1 + i * 7 % 40) g;
			IF i % 5 = 0 THEN
				RAISE 'no';
			END IF;
			n := n + 1 + i * 7 % 40;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END $$;
SELECT count(*), max(a) FROM steps;
CREATE FUNCTION walk(low tid, high tid) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	c refcursor;
	rows int[] := ARRAY(SELECT a FROM steps WHERE ctid >= low AND ctid < high);
	at int := 0;
	step int;
	found_row int;
BEGIN
	PERFORM setseed(0.5);
	OPEN c SCROLL FOR SELECT a FROM steps WHERE ctid >= low AND ctid < high;
	FOR i IN 1..3000 LOOP
		step := CASE WHEN random() < 0.7 THEN (random() * 6)::int - 3 ELSE (random() * 400)::int - 200 END;
		FETCH RELATIVE step FROM c INTO found_row;
		at := greatest(0, least(cardinality(rows) + 1, at + step));
		IF found_row IS DISTINCT FROM rows[at] THEN
			RAISE 'step %: row %, not %', i, found_row, rows[at];
		END IF;
	END LOOP;
	RETURN cardinality(rows);
END $$;
SELECT walk('(0,0)', '(1000,0)'), walk('(3,7)', '(14,1)');
-- A procedure that commits and rolls back while it reads.
CREATE PROCEDURE double() LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT a FROM steps WHERE a <= 600 LOOP
		INSERT INTO steps VALUES (10000 + r.a);
		IF r.a % 3 = 0 THEN
			ROLLBACK;
		ELSE
			COMMIT;
		END IF;
	END LOOP;
END $$;
CALL double();
SELECT count(*), sum(a) FROM steps WHERE a > 10000;

-- A cursor outlives the rollback to a savepoint, and its transaction if held.
BEGIN;
DECLARE ch CURSOR WITH HOLD FOR SELECT a FROM h ORDER BY a DESC;
DECLARE ce CURSOR WITH HOLD FOR SELECT a FROM e ORDER BY a DESC;
DECLARE c2 CURSOR FOR SELECT a FROM e;
FETCH 1 FROM c2;
SAVEPOINT s;
INSERT INTO h VALUES (600, 'undone');
INSERT INTO e VALUES (600, 'undone');
DECLARE c3 CURSOR FOR SELECT a FROM e WHERE a >= 502;
FETCH c3;
ROLLBACK TO s;
FETCH 2 FROM c2;
FETCH c3;
ROLLBACK TO s;
INSERT INTO h VALUES (601, 'later');
INSERT INTO e VALUES (601, 'later');
COMMIT;
FETCH 2 FROM ch;
FETCH 2 FROM ce;
CLOSE ALL;
TABLE both_sides;

-- A cursor sees rows of a savepoint that is rolled back later only until then.
BEGIN;
SAVEPOINT s;
INSERT INTO e SELECT g, 'undone' FROM generate_series(701, 704) g;
SELECT count(*) FROM e WHERE a > 700;
ROLLBACK TO s;
DECLARE c CURSOR FOR SELECT a FROM e WHERE a > 600;
INSERT INTO e VALUES (705, 'after');
FETCH ALL FROM c;
ROLLBACK;

-- One snapshot in REPEATABLE READ, own rows included.
BEGIN ISOLATION LEVEL REPEATABLE READ;
TABLE both_sides;
INSERT INTO e VALUES (800, 'own');
INSERT INTO h VALUES (800, 'own');
TABLE both_sides;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO e SELECT 801, 'serializable' FROM e LIMIT 300;
INSERT INTO h SELECT 801, 'serializable' FROM h LIMIT 300;
TABLE both_sides;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE;
TABLE both_sides;
COMMIT;

-- A read-only transaction.
BEGIN READ ONLY;
INSERT INTO e VALUES (1, 'refused');
ROLLBACK;
TABLE both_sides;

SELECT * FROM eventstore.verify('e');
SET client_min_messages = warning;
DROP SCHEMA visibility CASCADE;
