--
-- VACUUM, VACUUM FULL, CLUSTER
--
CREATE SCHEMA vacuums;
SET search_path = vacuums, public;
CREATE TABLE e (position bigint NOT NULL DEFAULT 0, entity_id text, b text) USING eventstore WITH (autovacuum_enabled = off);
CREATE TABLE empty (a int, b text) USING eventstore WITH (autovacuum_enabled = off);
CREATE TABLE undone (a int) USING eventstore WITH (autovacuum_enabled = off);
INSERT INTO e (entity_id, b) SELECT 'a', repeat('x', g % 200) FROM generate_series(1, 1000) g;
BEGIN;
INSERT INTO e (entity_id, b) SELECT 'undone', repeat('x', g % 200) FROM generate_series(1, 1000) g;
INSERT INTO undone SELECT generate_series(1, 2000);
ROLLBACK;
DO $$
BEGIN
	FOR i IN 1..300 LOOP
		BEGIN
			INSERT INTO e (entity_id, b) VALUES ('single', i::text);
			IF i % 2 = 0 THEN
				RAISE 'no';
			END IF;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END $$;
CREATE INDEX e_b ON e (b);
CREATE TABLE copy AS SELECT ctid AS place, * FROM e;
SELECT count(*) FROM copy;
CREATE FUNCTION same() RETURNS bigint LANGUAGE sql AS
	$$ SELECT twin.diff('SELECT ctid, * FROM vacuums.e', 'TABLE vacuums.copy') $$;
SELECT relfrozenxid AS e_xid, relminmxid AS e_mxid FROM pg_class WHERE oid = 'e'::regclass \gset
SELECT relfrozenxid AS empty_xid FROM pg_class WHERE oid = 'empty'::regclass \gset

-- Plainly: nothing that is committed changes.
VACUUM e;
SELECT same();
VACUUM e;
SELECT same();
VACUUM empty, undone;
SELECT count(*) FROM undone;
SELECT same() FROM (SELECT set_config('enable_seqscan', 'off', false)) x;
SELECT count(*) FROM e WHERE b = '7';
RESET enable_seqscan;

-- With FREEZE the horizon of the table advances; on an empty table too.
VACUUM (FREEZE) e, empty, undone;
SELECT same();
SELECT age(relfrozenxid) < age(:'e_xid'::xid) AS "xid advanced", age(relfrozenxid) < 1000 AS young, mxid_age(relminmxid) <= mxid_age(:'e_mxid'::xid) AS "mxid kept up"
FROM pg_class WHERE oid = 'e'::regclass;
SELECT age(relfrozenxid) < age(:'empty_xid'::xid) AS "xid advanced", mxid_age(relminmxid) = 0 AS "mxid current" FROM pg_class WHERE oid = 'empty'::regclass;
-- Frozen rows answer xmin and are everybody's.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*), count(DISTINCT xmin::text) > 1 AS xmins FROM e;
COMMIT;
-- Rows that are still open are left alone.
BEGIN;
INSERT INTO e (entity_id, b) SELECT 'prepared', g::text FROM generate_series(1, 500) g;
PREPARE TRANSACTION 'regress_es_vacuum';
SELECT relfrozenxid AS before FROM pg_class WHERE oid = 'e'::regclass \gset
VACUUM (FREEZE) e;
SELECT same();
SELECT age(relfrozenxid) > 0 AS "held back", age(relfrozenxid) <= age(:'before'::xid) AS "not further" FROM pg_class WHERE oid = 'e'::regclass;
COMMIT PREPARED 'regress_es_vacuum';
SELECT count(*) FROM e WHERE entity_id = 'prepared';
VACUUM (FREEZE) e;
DROP TABLE copy;
CREATE TABLE copy AS SELECT ctid AS place, * FROM e;
SELECT count(*) FROM copy;

-- Its options.
VACUUM (DISABLE_PAGE_SKIPPING, SKIP_LOCKED, INDEX_CLEANUP off, TRUNCATE off) e;
VACUUM (INDEX_CLEANUP on, TRUNCATE on, PARALLEL 2, PROCESS_TOAST on) e;
SELECT pg_stat_force_next_flush();
VACUUM (ANALYZE) e (b);
SELECT reltuples = (SELECT count(*) FROM e) AS exact FROM pg_class WHERE oid = 'e'::regclass;
BEGIN;
VACUUM e;
ROLLBACK;
SELECT same();
SELECT pg_stat_force_next_flush();
SELECT vacuum_count > 0 AS vacuumed, n_live_tup > 0 AS live, n_dead_tup FROM pg_stat_user_tables WHERE relid = 'e'::regclass;

-- What a rolled back transaction left at the end is given back, but for the rest
-- of a run of pages that committed rows begin; unless told not to.
CREATE TABLE tail (a int) USING eventstore WITH (autovacuum_enabled = off);
INSERT INTO tail SELECT generate_series(1, 1000);
BEGIN;
INSERT INTO tail SELECT generate_series(1, 100000);
ROLLBACK;
SELECT pg_relation_size('tail') / 8192 > 400 AS grown;
VACUUM (TRUNCATE off) tail;
SELECT pg_relation_size('tail') / 8192 > 400 AS "still large";
VACUUM tail;
SELECT pg_relation_size('tail') / 8192 < 140 AS "given back";
INSERT INTO tail VALUES (1001) RETURNING ctid;
SELECT count(*), sum(a) FROM tail;
SELECT * FROM eventstore.verify('tail');
-- Before rows that are committed it is used again: the table grows by less.
BEGIN;
INSERT INTO tail SELECT generate_series(1, 100000);
ROLLBACK;
INSERT INTO tail SELECT generate_series(1002, 2000);
VACUUM tail;
SELECT pg_relation_size('tail') / 8192 AS pages \gset
INSERT INTO tail SELECT generate_series(2001, 40000);
SELECT pg_relation_size('tail') / 8192 - :pages < 100 AS "used again";
SELECT count(*), sum(a), count(DISTINCT ctid) FROM tail;
SELECT * FROM eventstore.verify('tail');

-- VACUUM FULL keeps every row and its number, and the numbers that are to come.
SELECT pg_relation_size('e') AS size, pg_relation_filenode('e') AS node \gset
INSERT INTO e (entity_id) VALUES ('next') RETURNING position AS next \gset
DELETE FROM copy WHERE entity_id = 'next';
INSERT INTO copy SELECT ctid, * FROM e WHERE entity_id = 'next';
BEGIN;
INSERT INTO e (entity_id, b) SELECT 'last undone', 'x' FROM generate_series(1, 10);
ROLLBACK;
VACUUM FULL e;
SELECT same();
SELECT pg_relation_filenode('e') <> :node AS "new file", pg_relation_size('e') < :size AS smaller;
SELECT * FROM eventstore.verify('e');
INSERT INTO e (entity_id) VALUES ('next') RETURNING position - :next AS "11 later";
SELECT count(*) FROM e WHERE b = '7';
SET enable_seqscan = off;
SELECT count(*) FROM e WHERE b = '7';
RESET enable_seqscan;
VACUUM (FULL, FREEZE, ANALYZE) e;
VACUUM FULL empty;
VACUUM FULL undone;
INSERT INTO undone VALUES (1) RETURNING ctid;
SELECT count(*) FROM e;
TABLE empty;

-- CLUSTER: the order of events is their number, whatever the index.
DROP TABLE copy;
CREATE TABLE copy AS SELECT ctid AS place, * FROM e;
CLUSTER e USING e_b;
SELECT same();
SELECT indisclustered FROM pg_index WHERE indexrelid = 'e_b'::regclass;
SELECT count(*) FROM (SELECT position < lag(position) OVER (ORDER BY ctid) AS back FROM e) x WHERE back;
BEGIN;
INSERT INTO e (entity_id, b) VALUES ('own', '7');
SAVEPOINT s;
INSERT INTO e (entity_id, b) VALUES ('own, undone', '7');
ROLLBACK TO s;
CLUSTER e;
INSERT INTO e (entity_id, b) VALUES ('own', '8');
SELECT entity_id, b FROM e WHERE entity_id LIKE 'own%';
ROLLBACK;
SELECT same();
BEGIN;
INSERT INTO e (entity_id, b) SELECT 'own', g::text FROM generate_series(1, 1000) g;
SAVEPOINT s;
INSERT INTO e (entity_id, b) SELECT 'own, undone', g::text FROM generate_series(1, 1000) g;
ROLLBACK TO s;
CLUSTER e USING e_b;
SELECT count(*) FROM e WHERE entity_id LIKE 'own%';
COMMIT;
SELECT count(*), count(DISTINCT position) FROM e WHERE entity_id = 'own';
SELECT twin.diff('SELECT ctid, * FROM vacuums.e WHERE entity_id <> ''own''', 'TABLE vacuums.copy');

-- VACUUM FULL of a table with large values and a dropped column.
CREATE TABLE large (a int, gone text, b text) USING eventstore;
INSERT INTO large SELECT g, 'gone', repeat(md5(g::text), g * 20) FROM generate_series(1, 100) g;
ALTER TABLE large DROP COLUMN gone, ADD COLUMN c int DEFAULT 3;
VACUUM FULL large;
SELECT count(*), sum(c) FROM large WHERE b = repeat(md5(a::text), a * 20);
SELECT count(*) FROM large WHERE ctid = format('(%s,%s)', a >> 8, (a & 255) + 1)::tid;

-- Anti-wraparound VACUUM of rows that are young enough leaves their age.
SET vacuum_freeze_min_age = 1000000;
SET vacuum_freeze_table_age = 0;
INSERT INTO e (entity_id) VALUES ('young');
VACUUM e;
SELECT age(relfrozenxid) >= 0 AS sane FROM pg_class WHERE oid = 'e'::regclass;
RESET vacuum_freeze_min_age;
RESET vacuum_freeze_table_age;

SELECT * FROM twin.verify('vacuums');
SET client_min_messages = warning;
DROP SCHEMA vacuums CASCADE;
