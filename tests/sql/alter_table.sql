--
-- ALTER TABLE in its forms: as on heap.
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int, b text, c numeric)');
SELECT twin.run('INSERT INTO t SELECT g, repeat(''b'', g % 50), g / 3.0 FROM generate_series(1, 2000) g');

-- Columns come and go.
SELECT twin.run('ALTER TABLE t ADD COLUMN d int');
SELECT twin.run('ALTER TABLE t ADD COLUMN e text DEFAULT ''constant'', ADD COLUMN f timestamptz DEFAULT ''2020-01-01 00:00+00''');
SELECT twin.run('INSERT INTO t (a, d, e) VALUES (2001, 1, NULL), (2002, 2, ''given'')');
SELECT twin.run('SELECT * FROM t WHERE a IN (1, 2000, 2001, 2002)');
SELECT twin.run('ALTER TABLE t ALTER e SET DEFAULT ''another''');
SELECT twin.run('INSERT INTO t (a) VALUES (2003) RETURNING *');
SELECT twin.run('SELECT e, count(*) FROM t GROUP BY e ORDER BY e');
SELECT twin.run('ALTER TABLE t DROP COLUMN b');
SELECT twin.run('INSERT INTO t VALUES (2004, 1.5, 7, ''e'', ''2021-01-01 00:00+00'') RETURNING *');
SELECT twin.run('ALTER TABLE t ADD COLUMN b text DEFAULT ''again''');
SELECT twin.run('SELECT * FROM t WHERE a IN (1, 2004)');
SELECT twin.run('ALTER TABLE t ADD COLUMN g int NOT NULL DEFAULT 9, ADD COLUMN h int GENERATED ALWAYS AS (a + 1) STORED');
SELECT twin.run('SELECT sum(g), sum(h) FROM t');
SELECT twin.run('ALTER TABLE t ADD COLUMN i int NOT NULL');
SELECT twin.run('ALTER TABLE t RENAME COLUMN g TO gee');
SELECT twin.run('ALTER TABLE t RENAME TO tee');
SELECT twin.run('ALTER TABLE tee RENAME TO t');
SELECT twin.run('SELECT sum(gee) FROM t');
SELECT twin.differs('SELECT * FROM t');

-- Types: without a rewrite, and with one.
SELECT twin.run('ALTER TABLE t ALTER e TYPE varchar');
SELECT twin.run('ALTER TABLE t ALTER h DROP EXPRESSION, ALTER a TYPE bigint');
SELECT twin.run('ALTER TABLE t ALTER c TYPE int USING c::int * 2');
SELECT twin.run('ALTER TABLE t ALTER gee TYPE text, ALTER d TYPE numeric(5, 1), ADD COLUMN j int DEFAULT 3, DROP COLUMN f');
SELECT twin.run('ALTER TABLE t ALTER e TYPE int USING e::int');
SELECT twin.run('INSERT INTO t (a, c, d) VALUES (1099511627776, 1, 12.34) RETURNING *');
SELECT twin.run('SELECT count(*), sum(a), sum(c), sum(d), min(gee), sum(j) FROM t');
SELECT twin.differs('SELECT * FROM t');

-- Volatile defaults rewrite the table.
SELECT twin.run('ALTER TABLE t ADD COLUMN k float8 DEFAULT random()');
SELECT twin.run('SELECT count(*), count(DISTINCT k) > 1990 FROM t');
SELECT twin.run('ALTER TABLE t DROP COLUMN k');
SELECT twin.run('ALTER TABLE t ADD COLUMN l serial');
SELECT twin.run('SELECT count(*), min(l), max(l), count(DISTINCT l) FROM t');
SELECT twin.run('ALTER TABLE t DROP COLUMN l');
SELECT twin.differs('SELECT * FROM t');

-- NOT NULL, checks, storage, statistics, options of the table.
SELECT twin.run('ALTER TABLE t ALTER d SET NOT NULL');
SELECT twin.run('ALTER TABLE t ALTER a SET NOT NULL');
SELECT twin.run('INSERT INTO t (a) VALUES (NULL)');
SELECT twin.run('ALTER TABLE t ALTER b SET STORAGE EXTERNAL, ALTER b SET STATISTICS 10, ALTER a SET (n_distinct = -1)');
SELECT twin.run('ALTER TABLE t SET (autovacuum_enabled = off)');
SELECT twin.run('ALTER TABLE t RESET (autovacuum_enabled)');
SELECT twin.run('ALTER TABLE t REPLICA IDENTITY FULL');
SELECT twin.run('COMMENT ON TABLE t IS ''told''');
SELECT twin.run('SELECT obj_description(''t''::regclass)');

-- Places, persistence, access methods.
SELECT twin.run('CREATE INDEX t_a ON t (a)');
SELECT twin.run('ALTER TABLE t SET TABLESPACE pg_default');
SELECT twin.run('ALTER TABLE t SET UNLOGGED');
SELECT twin.run('SELECT relpersistence, count(*) FROM pg_class, t WHERE oid = ''t''::regclass GROUP BY 1');
SELECT twin.run('INSERT INTO t (a, c) VALUES (3000, 1)');
SELECT twin.run('ALTER TABLE t SET LOGGED');
SELECT twin.run('SELECT relpersistence, count(*) FROM pg_class, t WHERE oid = ''t''::regclass GROUP BY 1');
SELECT twin.run('INSERT INTO t (a, c) VALUES (3001, 1)');
SELECT twin.differs('SELECT * FROM t');
CREATE TABLE on_events.back AS TABLE on_events.t;
ALTER TABLE on_events.t SET ACCESS METHOD heap;
SELECT twin.diff('TABLE on_events.t', 'TABLE on_events.back');
UPDATE on_events.t SET c = 5 WHERE a = 1;
ALTER TABLE on_events.t SET ACCESS METHOD eventstore;
SELECT amname FROM pg_class c JOIN pg_am m ON relam = m.oid WHERE c.oid = 'on_events.t'::regclass;
SELECT count(*), sum(c) FROM on_events.t;
SELECT twin.diff('SELECT * FROM on_events.t WHERE a <> 1', 'SELECT * FROM on_events.back WHERE a <> 1');
INSERT INTO on_events.t (a, c) VALUES (3002, 1) RETURNING ctid, a;
SET enable_seqscan = off;
SELECT a, c FROM on_events.t WHERE a IN (1, 3000, 3002) ORDER BY a;
RESET enable_seqscan;
SELECT * FROM eventstore.verify('on_events.t');

-- A tablespace of its own: the file is copied as it is.
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_space LOCATION '';
CREATE TABLE on_events.places AS SELECT ctid AS place, * FROM on_events.t;
ALTER TABLE on_events.t SET TABLESPACE regress_space;
SELECT twin.diff('SELECT ctid, * FROM on_events.t', 'TABLE on_events.places');
INSERT INTO on_events.t (a, c) VALUES (3003, 1);
SELECT spcname, (SELECT count(*) FROM on_events.t) FROM pg_tablespace s JOIN pg_class c ON c.reltablespace = s.oid WHERE c.oid = 'on_events.t'::regclass;
SELECT * FROM eventstore.verify('on_events.t');
BEGIN;
ALTER TABLE on_events.t SET TABLESPACE pg_default;
INSERT INTO on_events.t (a, c) VALUES (3004, 1);
ROLLBACK;
SELECT count(*) FROM on_events.t WHERE a >= 3003;
TRUNCATE on_events.t;
INSERT INTO on_events.t SELECT (x).* FROM (SELECT t AS x FROM on_heap.t) y;
ALTER TABLE on_events.t SET UNLOGGED, SET TABLESPACE pg_default;
ALTER TABLE on_events.t SET LOGGED;
SELECT twin.diff('TABLE on_heap.t', 'TABLE on_events.t');
DROP TABLESPACE regress_space;
RESET allow_in_place_tablespaces;

-- CLUSTER: a mark may be set; the order of events is their number.
SELECT twin.run('ALTER TABLE t CLUSTER ON t_a');
SELECT twin.run('ALTER TABLE t SET WITHOUT CLUSTER');

-- Several in one transaction, with rows between, and undone.
CREATE TABLE on_events.tx (a int) USING eventstore;
INSERT INTO on_events.tx SELECT generate_series(1, 300);
BEGIN;
INSERT INTO on_events.tx SELECT generate_series(301, 400);
ALTER TABLE on_events.tx ADD COLUMN b int DEFAULT 1;
INSERT INTO on_events.tx VALUES (401, 2);
SELECT count(*), sum(a), sum(b) FROM on_events.tx;
ALTER TABLE on_events.tx ALTER a TYPE bigint;
INSERT INTO on_events.tx VALUES (402, 3);
SELECT count(*), sum(a), sum(b) FROM on_events.tx;
SAVEPOINT s;
ALTER TABLE on_events.tx DROP COLUMN b, ADD COLUMN c float8 DEFAULT random();
INSERT INTO on_events.tx VALUES (403, 0);
SELECT count(*), sum(a), count(c) FROM on_events.tx;
ROLLBACK TO s;
SELECT count(*), sum(a), sum(b) FROM on_events.tx;
INSERT INTO on_events.tx VALUES (404, 4);
COMMIT;
SELECT count(*), sum(a), sum(b) FROM on_events.tx;
BEGIN;
ALTER TABLE on_events.tx ALTER b TYPE text;
INSERT INTO on_events.tx VALUES (405, 'text');
TRUNCATE on_events.tx;
INSERT INTO on_events.tx VALUES (406, 'text');
ALTER TABLE on_events.tx SET ACCESS METHOD heap;
TABLE on_events.tx;
ROLLBACK;
SELECT count(*), sum(a), sum(b) FROM on_events.tx;
INSERT INTO on_events.tx VALUES (407, 5);
SELECT count(*), sum(a), sum(b) FROM on_events.tx;

-- A rewrite in the transaction that made the rows.
BEGIN;
CREATE TABLE on_events.new (a int, b text) USING eventstore;
INSERT INTO on_events.new SELECT g, g::text FROM generate_series(1, 1000) g;
SAVEPOINT s;
INSERT INTO on_events.new VALUES (-1, 'undone');
ROLLBACK TO s;
ALTER TABLE on_events.new ALTER b TYPE int USING b::int;
INSERT INTO on_events.new VALUES (1001, 1001);
ALTER TABLE on_events.new ADD COLUMN c int;
INSERT INTO on_events.new VALUES (1002, 1002, 1002);
COMMIT;
SELECT count(*), sum(a) = sum(b) AS same, sum(c) FROM on_events.new;

-- Positions stay through a rewrite, gaps included.
CREATE TABLE on_events.p (position bigint NOT NULL DEFAULT 0, entity_id text, n int) USING eventstore;
INSERT INTO on_events.p (entity_id, n) SELECT 'a', g FROM generate_series(1, 300) g;
BEGIN;
INSERT INTO on_events.p (entity_id, n) SELECT 'undone', g FROM generate_series(1, 300) g;
ROLLBACK;
INSERT INTO on_events.p (entity_id, n) SELECT 'b', g FROM generate_series(1, 300) g;
INSERT INTO on_events.p VALUES (5000, 'c', 1);
CREATE TABLE on_events.p_before AS SELECT ctid AS place, * FROM on_events.p;
ALTER TABLE on_events.p ALTER n TYPE bigint;
SELECT twin.diff('SELECT ctid, * FROM on_events.p', 'TABLE on_events.p_before');
ALTER TABLE on_events.p SET UNLOGGED;
SELECT twin.diff('SELECT ctid, * FROM on_events.p', 'TABLE on_events.p_before');
ALTER TABLE on_events.p SET LOGGED;
ALTER TABLE on_events.p SET ACCESS METHOD heap;
SELECT twin.diff('SELECT * FROM on_events.p', 'SELECT position, entity_id, n FROM on_events.p_before');
ALTER TABLE on_events.p SET ACCESS METHOD eventstore;
SELECT twin.diff('SELECT ctid, * FROM on_events.p', 'TABLE on_events.p_before');
INSERT INTO on_events.p (entity_id) VALUES ('d') RETURNING position;
-- From a heap table whose positions do not ascend: refused, and nothing is lost.
CREATE TABLE on_events.jumble (position bigint NOT NULL DEFAULT 0, entity_id text) USING heap;
INSERT INTO on_events.jumble VALUES (3, 'a'), (1, 'b'), (2, 'c');
\set VERBOSITY sqlstate
ALTER TABLE on_events.jumble SET ACCESS METHOD eventstore;
\set VERBOSITY default
TABLE on_events.jumble;

-- What a function that was prepared before sees after.
CREATE FUNCTION on_events.total() RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT sum(a) FROM on_events.new); END $$;
PREPARE total AS SELECT count(*), max(b) FROM on_events.new;
SELECT on_events.total();
EXECUTE total;
ALTER TABLE on_events.new ALTER a TYPE bigint, DROP COLUMN c;
SELECT on_events.total();
EXECUTE total;
DEALLOCATE total;

SELECT twin.run('DROP TABLE t');
SELECT * FROM twin.verify('on_events');
SELECT twin.close();
