--
-- PREPARE TRANSACTION.  (The server needs max_prepared_transactions.)
-- h is a heap table and e its eventstore twin.
--
CREATE SCHEMA two_phase;
SET search_path = two_phase, public;
CREATE TABLE h (a int PRIMARY KEY, b text) USING heap;
CREATE TABLE e (a int PRIMARY KEY, b text) USING eventstore;
CREATE VIEW both_sides AS
	SELECT (SELECT count(*) FROM h) AS heap, (SELECT count(*) FROM e) AS events,
		twin.diff('TABLE two_phase.h', 'TABLE two_phase.e') AS diff;

-- Committed later.
BEGIN;
INSERT INTO h SELECT g, 'first' FROM generate_series(1, 700) g;
INSERT INTO e SELECT g, 'first' FROM generate_series(1, 700) g;
SAVEPOINT s;
INSERT INTO h SELECT g, 'undone' FROM generate_series(701, 800) g;
INSERT INTO e SELECT g, 'undone' FROM generate_series(701, 800) g;
ROLLBACK TO s;
INSERT INTO h VALUES (801, repeat('large', 10000));
INSERT INTO e VALUES (801, repeat('large', 10000));
PREPARE TRANSACTION 'regress_es_one';
TABLE both_sides;

-- Rolled back later, its rows between others'.
BEGIN;
INSERT INTO e SELECT g, 'second' FROM generate_series(1001, 1700) g;
INSERT INTO h SELECT g, 'second' FROM generate_series(1001, 1700) g;
PREPARE TRANSACTION 'regress_es_two';
INSERT INTO h SELECT g, 'third' FROM generate_series(2001, 2500) g;
INSERT INTO e SELECT g, 'third' FROM generate_series(2001, 2500) g;
TABLE both_sides;
SELECT * FROM eventstore.verify('e');
COMMIT PREPARED 'regress_es_one';
TABLE both_sides;
ROLLBACK PREPARED 'regress_es_two';
TABLE both_sides;
INSERT INTO e SELECT g, 'second again' FROM generate_series(1001, 1010) g;
INSERT INTO h SELECT g, 'second again' FROM generate_series(1001, 1010) g;
TABLE both_sides;

-- Row locks go with it.
BEGIN;
SELECT a FROM e WHERE a IN (1, 2, 801) FOR UPDATE;
SELECT count(*) FROM (SELECT FROM e FOR SHARE) x;
PREPARE TRANSACTION 'regress_es_three';
SELECT a FROM e WHERE a < 5 FOR UPDATE SKIP LOCKED;
SELECT a FROM e WHERE a < 5 FOR UPDATE NOWAIT;
-- (Nothing can change a key, so FOR KEY SHARE conflicts with nothing.)
SELECT a FROM e WHERE a = 1 FOR KEY SHARE NOWAIT;
COMMIT PREPARED 'regress_es_three';
SELECT a FROM e WHERE a < 5 FOR UPDATE NOWAIT;

-- VACUUM and ANALYZE meet undecided rows.
BEGIN;
INSERT INTO e SELECT g, 'prepared' FROM generate_series(3001, 3600) g;
PREPARE TRANSACTION 'regress_es_four';
VACUUM (FREEZE) e;
ANALYZE e;
SELECT count(*) FROM e WHERE a > 3000;
COMMIT PREPARED 'regress_es_four';
SELECT count(*) FROM e WHERE a > 3000;
VACUUM (FREEZE) e;
SELECT count(*) FROM e WHERE a > 3000;

-- A table that is made, and one that is emptied.
BEGIN;
CREATE TABLE made (a int) USING eventstore;
INSERT INTO made SELECT generate_series(1, 500);
TRUNCATE e;
INSERT INTO e VALUES (1, 'new');
PREPARE TRANSACTION 'regress_es_five';
COMMIT PREPARED 'regress_es_five';
SELECT count(*) FROM made;
TABLE e;

SELECT * FROM twin.verify('two_phase');
SET client_min_messages = warning;
DROP SCHEMA two_phase CASCADE;
