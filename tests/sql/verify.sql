--
-- eventstore.verify()
--
CREATE SCHEMA sound;
SET search_path = sound, public;
CREATE TABLE empty (a int) USING eventstore;
SELECT * FROM eventstore.verify('empty');
CREATE TABLE e (position bigint NOT NULL DEFAULT 0, entity_id text, b text) USING eventstore;
INSERT INTO e (entity_id, b) SELECT 'a', repeat('x', g % 100) FROM generate_series(1, 3000) g;
BEGIN;
INSERT INTO e (entity_id, b) SELECT 'undone', repeat('x', g % 100) FROM generate_series(1, 3000) g;
SELECT * FROM eventstore.verify('e');
ROLLBACK;
INSERT INTO e VALUES (100000, 'jump', repeat('large', 10000));
SELECT * FROM eventstore.verify('e');
VACUUM (FREEZE) e;
SELECT * FROM eventstore.verify('e');
-- In every kind of table that stores rows itself.
CREATE MATERIALIZED VIEW m USING eventstore AS SELECT * FROM e;
CREATE UNLOGGED TABLE u USING eventstore AS SELECT * FROM e;
CREATE TEMP TABLE temp_e USING eventstore AS SELECT * FROM e;
CREATE TABLE p (a int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p DEFAULT USING eventstore;
INSERT INTO p VALUES (1);
SELECT * FROM eventstore.verify('m');
SELECT * FROM eventstore.verify('u');
SELECT * FROM eventstore.verify('temp_e');
SELECT * FROM eventstore.verify('p1');
-- It may run in a transaction that has written, in a read-only one, in a cursor.
BEGIN READ ONLY;
SELECT * FROM eventstore.verify('e');
COMMIT;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM eventstore.verify('e');
FETCH c;
COMMIT;
SELECT count(*) FROM pg_class, LATERAL eventstore.verify(oid) WHERE relname IN ('e', 'm', 'u', 'p1') AND relnamespace = 'sound'::regnamespace;
-- Other things are refused.
CREATE TABLE h (a int) USING heap;
CREATE VIEW v AS SELECT 1;
CREATE INDEX e_b ON e (b);
CREATE SEQUENCE s;
SELECT * FROM eventstore.verify('h');
SELECT * FROM eventstore.verify('v');
SELECT * FROM eventstore.verify('e_b');
SELECT * FROM eventstore.verify('s');
SELECT * FROM eventstore.verify('p');
SELECT * FROM eventstore.verify('pg_class');
SELECT * FROM eventstore.verify('no_such');
SELECT * FROM eventstore.verify(0);
SELECT * FROM eventstore.verify(4294967295);
SELECT * FROM eventstore.verify(NULL);
SET client_min_messages = warning;
DROP SCHEMA sound CASCADE;
