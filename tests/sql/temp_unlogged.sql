--
-- Temporary and unlogged tables.
--
SET temp_buffers = 100;
CREATE TEMP TABLE h (a int PRIMARY KEY, b text) USING heap;
CREATE TEMP TABLE e (a int PRIMARY KEY, b text) USING eventstore;
INSERT INTO h SELECT g, repeat(md5(g::text), g % 70) FROM generate_series(1, 3000) g;
INSERT INTO e SELECT g, repeat(md5(g::text), g % 70) FROM generate_series(1, 3000) g;
SELECT twin.diff('TABLE h', 'TABLE e');
INSERT INTO e VALUES (1, 'twice');
INSERT INTO e VALUES (1, 'twice') ON CONFLICT DO NOTHING;
BEGIN;
INSERT INTO e VALUES (3001, repeat('x', 100000));
SAVEPOINT s;
INSERT INTO e VALUES (3002, 'y');
ROLLBACK TO s;
SELECT count(*), max(length(b)) FROM e;
ROLLBACK;
SET enable_seqscan = off;
SELECT length(b) FROM e WHERE a = 69;
RESET enable_seqscan;
SELECT count(*) FROM e WHERE ctid >= '(2,0)' AND ctid < '(3,0)';
CREATE INDEX CONCURRENTLY ON e (b text_pattern_ops) WHERE a < 50;
VACUUM (ANALYZE) e;
VACUUM (FULL, FREEZE) e;
SELECT twin.diff('TABLE h', 'TABLE e');
ALTER TABLE e ADD COLUMN c int DEFAULT 5, ALTER a TYPE bigint;
TRUNCATE e;
INSERT INTO e SELECT g, '', g FROM generate_series(1, 10) g;
SELECT sum(a), sum(c) FROM e;
UPDATE e SET c = 1;
SELECT * FROM eventstore.verify('e');
SELECT pg_relation_size('e') > 0 AS size, relpersistence FROM pg_class WHERE oid = 'e'::regclass;

-- ON COMMIT.
CREATE TEMP TABLE dr (a int, b text) USING eventstore ON COMMIT DELETE ROWS;
BEGIN;
INSERT INTO dr SELECT g, repeat('x', 5000) FROM generate_series(1, 1000) g;
SELECT count(*) FROM dr;
COMMIT;
SELECT count(*) FROM dr;
BEGIN;
INSERT INTO dr VALUES (1);
SAVEPOINT s;
INSERT INTO dr VALUES (2);
ROLLBACK TO s;
INSERT INTO dr VALUES (3);
SELECT a FROM dr;
COMMIT;
SELECT count(*), pg_relation_size('dr') AS size FROM dr;
BEGIN;
CREATE TEMP TABLE dropped (a int) USING eventstore ON COMMIT DROP;
INSERT INTO dropped SELECT generate_series(1, 500);
SELECT count(*) FROM dropped;
COMMIT;
SELECT to_regclass('dropped');
CREATE TEMP TABLE kept USING eventstore ON COMMIT PRESERVE ROWS AS SELECT g AS a FROM generate_series(1, 500) g;
SELECT count(*) FROM kept;
-- With roles.
CREATE TEMP TABLE r (position bigint DEFAULT 0, entity_id text, event_id uuid DEFAULT '00000000-0000-0000-0000-000000000000') USING eventstore;
INSERT INTO r (entity_id) VALUES ('a'), ('b') RETURNING position, entity_id, event_id <> '00000000-0000-0000-0000-000000000000' AS id;
-- More pages than the session has buffers for.
CREATE TEMP TABLE large (a int, b text) USING eventstore;
INSERT INTO large SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g;
SELECT count(*), sum(a), sum(length(b)) FROM large;
CREATE INDEX ON large (a);
SET enable_seqscan = off;
SELECT count(*), sum(a) FROM large WHERE a % 100 = 0 AND a < 10000;
RESET enable_seqscan;
SELECT * FROM eventstore.verify('large');
SELECT count(*) FROM pg_class WHERE relname IN ('large', 'kept', 'r', 'e', 'h') AND relpersistence = 't';
-- A temporary table's rows are gone with DISCARD.
DISCARD TEMP;
SELECT to_regclass('large');

-- Unlogged.
CREATE SCHEMA unlogged;
CREATE UNLOGGED TABLE unlogged.h (a int PRIMARY KEY, b text) USING heap;
CREATE UNLOGGED TABLE unlogged.e (a int PRIMARY KEY, b text) USING eventstore;
INSERT INTO unlogged.h SELECT g, repeat(md5(g::text), g % 70) FROM generate_series(1, 3000) g;
INSERT INTO unlogged.e SELECT g, repeat(md5(g::text), g % 70) FROM generate_series(1, 3000) g;
SELECT twin.diff('TABLE unlogged.h', 'TABLE unlogged.e');
SELECT pg_relation_size('unlogged.e', 'init') = pg_relation_size('unlogged.h', 'init') AS "init fork as heap's";
CHECKPOINT;
INSERT INTO unlogged.e VALUES (3001, 'after'), (3002, 'after');
INSERT INTO unlogged.h VALUES (3001, 'after'), (3002, 'after');
TRUNCATE unlogged.h, unlogged.e;
INSERT INTO unlogged.e SELECT g FROM generate_series(1, 3000) g;
INSERT INTO unlogged.h SELECT g FROM generate_series(1, 3000) g;
VACUUM (FREEZE) unlogged.e;
VACUUM FULL unlogged.e;
SELECT twin.diff('TABLE unlogged.h', 'TABLE unlogged.e');
ALTER TABLE unlogged.e SET LOGGED;
SELECT twin.diff('TABLE unlogged.h', 'TABLE unlogged.e');
ALTER TABLE unlogged.e SET UNLOGGED;
INSERT INTO unlogged.e VALUES (5000), (5001);
INSERT INTO unlogged.h VALUES (5000), (5001);
SELECT twin.diff('TABLE unlogged.h', 'TABLE unlogged.e');
SELECT * FROM twin.verify('unlogged');
SET client_min_messages = warning;
DROP SCHEMA unlogged CASCADE;
