--
-- Events do not change: UPDATE, DELETE and what needs them are refused.
--
CREATE SCHEMA refused;
SET search_path = refused, public;
CREATE TABLE e (a int PRIMARY KEY, b text) USING eventstore;
CREATE TABLE h (a int PRIMARY KEY, b text) USING heap;
INSERT INTO e VALUES (1, 'one'), (2, 'two');
INSERT INTO h VALUES (2, 'zwei'), (3, 'drei');

UPDATE e SET b = 'x';
DELETE FROM e;
-- The rest of the messages is the same.
\set VERBOSITY terse
UPDATE e SET b = 'x' WHERE a = 1 RETURNING *;
UPDATE e SET b = 'x' WHERE a = 100;
UPDATE e SET b = 'x' WHERE false;
UPDATE ONLY e SET b = h.b FROM h WHERE e.a = h.a;
DELETE FROM e WHERE a = 1 RETURNING *;
DELETE FROM e WHERE a = 100;
DELETE FROM e WHERE false;
DELETE FROM e USING h WHERE e.a = h.a;
WITH gone AS (DELETE FROM e RETURNING *) INSERT INTO h SELECT * FROM gone;
WITH changed AS (UPDATE e SET b = 'x' RETURNING *) SELECT 1;
EXPLAIN (COSTS OFF) UPDATE e SET b = 'x';
EXPLAIN (COSTS OFF) DELETE FROM e;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) DELETE FROM e WHERE false;
-- As a source it may be used.
UPDATE h SET b = e.b FROM e WHERE e.a = h.a RETURNING *;
DELETE FROM h USING e WHERE e.a = h.a RETURNING h.*;
INSERT INTO h VALUES (2, 'zwei');

-- MERGE: into it only INSERT.
MERGE INTO e USING h ON e.a = h.a WHEN MATCHED THEN UPDATE SET b = h.b;
MERGE INTO e USING h ON e.a = h.a WHEN MATCHED THEN DELETE;
MERGE INTO e USING h ON e.a = h.a WHEN MATCHED AND false THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (h.a, h.b);
MERGE INTO e USING h ON e.a = h.a WHEN NOT MATCHED THEN INSERT VALUES (h.a, h.b);
TABLE e;
MERGE INTO e USING h ON e.a = h.a WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED THEN INSERT VALUES (h.a, h.b);
TABLE e;
MERGE INTO h USING e ON e.a = h.a WHEN MATCHED THEN UPDATE SET b = e.b WHEN NOT MATCHED THEN INSERT VALUES (e.a, e.b);
SELECT * FROM h ORDER BY a;

-- From 17 on it has more ways.
SELECT current_setting('server_version_num')::int >= 170000 AS has_by_source \gset
\if :has_by_source
DO $$
BEGIN
	MERGE INTO e USING h ON e.a = h.a WHEN NOT MATCHED BY SOURCE THEN DELETE;
	RAISE 'not refused';
EXCEPTION WHEN feature_not_supported THEN
END $$;
DO $$
BEGIN
	MERGE INTO e USING h ON false WHEN NOT MATCHED BY SOURCE AND false THEN UPDATE SET b = 'x' WHEN NOT MATCHED THEN INSERT VALUES (h.a + 100, h.b);
	RAISE 'not refused';
EXCEPTION WHEN feature_not_supported THEN
END $$;
\endif

-- ON CONFLICT DO UPDATE.
INSERT INTO e VALUES (1, 'new') ON CONFLICT (a) DO UPDATE SET b = excluded.b;
INSERT INTO e VALUES (10, 'new') ON CONFLICT (a) DO UPDATE SET b = excluded.b;
EXPLAIN (COSTS OFF) INSERT INTO e VALUES (10, 'new') ON CONFLICT (a) DO UPDATE SET b = excluded.b;

-- Prepared, in functions, through views, rules and cursors.
PREPARE u AS UPDATE e SET b = 'x';
EXECUTE u;
CREATE FUNCTION wipe() RETURNS void LANGUAGE sql AS 'DELETE FROM refused.e';
SELECT wipe();
DO $$ BEGIN UPDATE e SET b = 'x'; EXCEPTION WHEN feature_not_supported THEN RAISE NOTICE 'not supported'; END $$;
CREATE VIEW v AS SELECT * FROM e;
UPDATE v SET b = 'x';
DELETE FROM v;
CREATE RULE r AS ON INSERT TO h WHERE NEW.a = 50 DO ALSO DELETE FROM e;
INSERT INTO h VALUES (51, 'no rule');
INSERT INTO h VALUES (50, 'rule');
DROP RULE r ON h;
CREATE RULE r AS ON UPDATE TO e DO INSTEAD INSERT INTO h VALUES (NEW.a + 100, NEW.b);
UPDATE e SET b = 'by rule' WHERE a = 1;
SELECT * FROM h WHERE a > 100;
CREATE RULE r2 AS ON DELETE TO e DO INSTEAD NOTHING;
DELETE FROM e;
DROP RULE r ON e;
DROP RULE r2 ON e;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM e;
FETCH c;
DELETE FROM e WHERE CURRENT OF c;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM e FOR UPDATE;
FETCH c;
UPDATE e SET b = 'x' WHERE CURRENT OF c;
ROLLBACK;

-- Through a parent: partitions and children are refused if any may be touched.
CREATE TABLE p (a int, b text) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) USING eventstore;
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) USING heap;
INSERT INTO p VALUES (1, 'e'), (2, 'h');
UPDATE p SET b = 'x';
UPDATE p SET b = 'x' WHERE a = 1;
DELETE FROM p;
DELETE FROM p WHERE a = 1;
-- What the planner leaves out does not count.
UPDATE p SET b = 'new h' WHERE a = 2 RETURNING *;
DELETE FROM p WHERE a = 2 RETURNING *;
INSERT INTO p VALUES (2, 'h');
-- A row moved into an events partition would be an insert there, but its source
-- must be deleted first: from heap that works.
UPDATE p2 SET a = 1 WHERE a = 2;
UPDATE p SET a = 1 WHERE a = 2 RETURNING tableoid::regclass, *;
MERGE INTO p USING (VALUES (1), (2)) s (a) ON p.a = s.a WHEN MATCHED THEN DELETE;
MERGE INTO p USING (VALUES (1), (2)) s (a) ON p.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.a, 'merged');
SELECT tableoid::regclass, * FROM p ORDER BY a, b;
INSERT INTO p VALUES (2, 'h2'), (2, 'h3');
CREATE TABLE parent (a int, b text) USING heap;
CREATE TABLE child () INHERITS (parent) USING eventstore;
INSERT INTO parent VALUES (1, 'parent');
INSERT INTO child VALUES (2, 'child');
UPDATE parent SET b = 'x';
DELETE FROM parent WHERE a = 1;
UPDATE ONLY parent SET b = 'x' RETURNING *;
TABLE parent;

-- Nothing has happened, and nothing was done before the refusal.
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'trigger'; RETURN NULL; END $$;
CREATE TRIGGER tell BEFORE UPDATE OR DELETE ON e FOR EACH STATEMENT EXECUTE FUNCTION tell();
UPDATE e SET b = 'x';
DELETE FROM e;
CREATE SEQUENCE s;
UPDATE e SET b = nextval('s')::text;
DELETE FROM e WHERE nextval('s') > 0;
SELECT is_called FROM s;
TABLE e;
-- What is not the event itself may change: TRUNCATE and DROP work.
TRUNCATE e;
SELECT count(*) FROM e;
-- Privileges come first.
CREATE ROLE regress_nobody;
GRANT USAGE ON SCHEMA refused TO regress_nobody;
SET ROLE regress_nobody;
UPDATE e SET b = 'x';
DELETE FROM e;
RESET ROLE;

SELECT * FROM twin.verify('refused');
SET client_min_messages = warning;
DROP SCHEMA refused CASCADE;
DROP ROLE regress_nobody;
