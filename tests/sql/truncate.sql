--
-- TRUNCATE, in and out of the transaction that made the table or its rows.
--
CREATE SCHEMA truncates;
SET search_path = truncates, public;
CREATE TABLE e (position bigint NOT NULL DEFAULT 0, entity_id text, s serial, b text) USING eventstore;
CREATE UNIQUE INDEX ON e (position);
INSERT INTO e (entity_id, b) SELECT 'a', repeat(md5(g::text), g % 300) FROM generate_series(1, 1000) g;
TRUNCATE e;
SELECT count(*), pg_relation_size('e') AS size FROM e;
SELECT pg_relation_size(reltoastrelid) AS toast FROM pg_class WHERE oid = 'e'::regclass;
-- The numbers begin again.
INSERT INTO e (entity_id, b) SELECT 'b', 'x' FROM generate_series(1, 500);
SELECT min(position), max(position), min(s) FROM e;
TRUNCATE e RESTART IDENTITY;
INSERT INTO e (entity_id) VALUES ('c') RETURNING position, s, ctid;

-- Rolled back: as if it had not been.
BEGIN;
INSERT INTO e (entity_id) VALUES ('before') RETURNING position;
TRUNCATE e;
SELECT count(*) FROM e;
INSERT INTO e (entity_id) VALUES ('between') RETURNING position;
TRUNCATE e RESTART IDENTITY;
INSERT INTO e (entity_id) VALUES ('after') RETURNING position, s;
ROLLBACK;
SELECT * FROM e;
INSERT INTO e (entity_id) VALUES ('d') RETURNING position > 2 AS "numbers are not reused", s;
-- To a savepoint.
BEGIN;
INSERT INTO e (entity_id) VALUES ('kept');
SAVEPOINT s;
TRUNCATE e;
INSERT INTO e (entity_id) VALUES ('undone');
ROLLBACK TO s;
SELECT entity_id FROM e;
SAVEPOINT s2;
TRUNCATE e;
INSERT INTO e (entity_id) VALUES ('new');
RELEASE s2;
SELECT entity_id FROM e;
COMMIT;
SELECT position, entity_id FROM e;
SET enable_seqscan = off;
SELECT entity_id FROM e WHERE position = 1;
RESET enable_seqscan;

-- In the transaction that made the table: the file is cut in place.
BEGIN;
CREATE TABLE own (a int PRIMARY KEY, b text) USING eventstore;
INSERT INTO own SELECT g, repeat(md5(g::text), g % 300) FROM generate_series(1, 1000) g;
TRUNCATE own;
SELECT count(*) FROM own;
INSERT INTO own SELECT g, 'again' FROM generate_series(1, 600) g;
SELECT count(*), max(a) FROM own;
SAVEPOINT s;
TRUNCATE own;
INSERT INTO own VALUES (1, 'undone');
ROLLBACK TO s;
SELECT count(*), max(a) FROM own;
TRUNCATE own;
INSERT INTO own SELECT g, repeat('y', g * 10) FROM generate_series(1, 1000) g;
COMMIT;
SELECT count(*), sum(length(b)) FROM own;
BEGIN;
CREATE TABLE gone (a int) USING eventstore;
INSERT INTO gone SELECT generate_series(1, 1000);
TRUNCATE gone;
INSERT INTO gone VALUES (1);
ROLLBACK;
SELECT to_regclass('gone');

-- A cursor is in the way, as on heap.
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM own;
FETCH 1 FROM c;
TRUNCATE own;
ROLLBACK;
-- COPY FREEZE after it, another TRUNCATE after that.
BEGIN;
TRUNCATE own;
COPY own FROM STDIN (FREEZE);
1	frozen
\.
SELECT * FROM own;
TRUNCATE own;
SELECT * FROM own;
COPY own FROM STDIN (FREEZE);
2	frozen
\.
COMMIT;
SELECT * FROM own;
-- Several tables, keys, partitions, an empty table twice.
CREATE TABLE ref (a int REFERENCES own) USING eventstore;
INSERT INTO ref VALUES (2);
TRUNCATE own;
TRUNCATE own, ref;
SELECT count(*) FROM own;
INSERT INTO own VALUES (1);
INSERT INTO ref VALUES (1);
TRUNCATE own CASCADE;
SELECT count(*) FROM ref;
TRUNCATE own, ref;
TRUNCATE own, ref;
CREATE TABLE p (a int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) USING eventstore;
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) USING heap;
INSERT INTO p VALUES (1), (2);
TRUNCATE p;
SELECT count(*) FROM p;
-- Only with the privilege.
DROP TABLE ref;
CREATE ROLE regress_other;
GRANT USAGE ON SCHEMA truncates TO regress_other;
GRANT INSERT, SELECT ON own TO regress_other;
SET ROLE regress_other;
TRUNCATE own;
RESET ROLE;
GRANT TRUNCATE ON own TO regress_other;
SET ROLE regress_other;
TRUNCATE own;
RESET ROLE;

SELECT * FROM twin.verify('truncates');
SET client_min_messages = warning;
DROP SCHEMA truncates CASCADE;
DROP ROLE regress_other;
