--
-- Triggers of every kind, event triggers, rules and views.
--
CREATE TABLE t (a int, b text, g int GENERATED ALWAYS AS (a + 1) STORED);
CREATE TABLE log (id serial, line text) USING heap;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log (line) VALUES (concat_ws(' ', TG_NAME, TG_WHEN, TG_LEVEL, TG_OP, TG_TABLE_NAME, TG_ARGV[0],
		CASE WHEN TG_LEVEL = 'ROW' AND TG_OP <> 'DELETE' THEN NEW::text END));
	RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER b_row BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION note('x');
CREATE TRIGGER a_row AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER when_row AFTER INSERT ON t FOR EACH ROW WHEN (NEW.a > 2 AND NEW.g > 0) EXECUTE FUNCTION note('when');
CREATE TRIGGER b_st BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON t FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE TRIGGER a_st AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON t FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE TRIGGER u_of AFTER UPDATE OF a ON t FOR EACH ROW WHEN (OLD.a <> NEW.a) EXECUTE FUNCTION note();
CREATE CONSTRAINT TRIGGER c_row AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note('deferred');
INSERT INTO t VALUES (1, 'one'), (3, 'three');
SELECT line FROM log ORDER BY id;
TRUNCATE log;
BEGIN;
INSERT INTO t VALUES (4, 'four');
SAVEPOINT s;
INSERT INTO t VALUES (5, 'five');
ROLLBACK TO s;
SET CONSTRAINTS c_row IMMEDIATE;
INSERT INTO t VALUES (6, 'six');
COMMIT;
SELECT line FROM log ORDER BY id;
TRUNCATE log;
INSERT INTO t SELECT 1, 'none' WHERE false;
BEGIN;
UPDATE t SET a = 9 WHERE a = 77;
ROLLBACK;
BEGIN;
DELETE FROM t WHERE a = 77;
ROLLBACK;
SELECT line FROM log ORDER BY id;
TRUNCATE log;
TRUNCATE t;
SELECT line FROM log ORDER BY id;
TRUNCATE log;
-- a trigger that changes the row, one that drops it, one that fails, one that inserts
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.a = 10 THEN RETURN NULL; END IF;
	IF NEW.a = 11 THEN RAISE EXCEPTION 'eleven'; END IF;
	IF NEW.a = 12 THEN INSERT INTO t VALUES (120, 'from a trigger'); END IF;
	NEW.b := upper(NEW.b);
	RETURN NEW;
END $$;
CREATE TRIGGER zz_change BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION change();
INSERT INTO t VALUES (9, 'nine'), (10, 'ten'), (12, 'twelve') RETURNING *;
INSERT INTO t VALUES (13, 'lost'), (11, 'eleven');
SELECT * FROM t ORDER BY a;
SELECT count(*) FROM log;
-- transition tables
CREATE FUNCTION transitions() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% new: %', TG_OP, (SELECT string_agg(n::text, ' ' ORDER BY n::text) FROM n); RETURN NULL; END $$;
CREATE TRIGGER tr AFTER INSERT ON t REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION transitions();
CREATE TRIGGER tr_row AFTER INSERT ON t REFERENCING NEW TABLE AS n FOR EACH ROW EXECUTE FUNCTION transitions();
INSERT INTO t VALUES (20, 'twenty'), (21, 'more');
WITH x AS (INSERT INTO t VALUES (22, 'x') RETURNING a) INSERT INTO t SELECT a + 1, 'y' FROM x;
CREATE TRIGGER tr_old AFTER UPDATE ON t REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION transitions();
ALTER TABLE t DISABLE TRIGGER ALL;
INSERT INTO t VALUES (30, 'quiet');
ALTER TABLE t ENABLE REPLICA TRIGGER zz_change;
ALTER TABLE t ENABLE ALWAYS TRIGGER tr;
SET session_replication_role = replica;
INSERT INTO t VALUES (31, 'replica');
RESET session_replication_role;
INSERT INTO t VALUES (32, 'origin');
SELECT * FROM t WHERE a >= 30 ORDER BY a;
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 't'::regclass ORDER BY tgname;
-- on partitions
CREATE TABLE p (a int, b text) PARTITION BY RANGE (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20) USING heap;
CREATE TRIGGER p_row AFTER INSERT ON p FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER p_before BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER p_new AFTER INSERT ON p REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION transitions();
TRUNCATE log;
INSERT INTO p VALUES (1, 'x'), (11, 'y');
SELECT line FROM log ORDER BY id;

-- event triggers
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	IF TG_EVENT = 'sql_drop' THEN
		FOR r IN SELECT * FROM pg_event_trigger_dropped_objects() WHERE object_type NOT IN ('type', 'toast table', 'toast table column') AND object_identity !~ 'pg_toast' LOOP
			RAISE NOTICE 'dropped % %', r.object_type, r.object_identity;
		END LOOP;
	ELSIF TG_EVENT = 'table_rewrite' THEN
		RAISE NOTICE 'rewrite of %, reason %', pg_event_trigger_table_rewrite_oid()::regclass, pg_event_trigger_table_rewrite_reason();
	ELSIF TG_EVENT = 'ddl_command_end' THEN
		FOR r IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_identity !~ 'pg_toast' LOOP
			RAISE NOTICE '% % %', r.command_tag, r.object_type, r.object_identity;
		END LOOP;
	ELSE
		RAISE NOTICE '% %', TG_EVENT, TG_TAG;
	END IF;
END $$;
CREATE EVENT TRIGGER e1 ON ddl_command_start EXECUTE FUNCTION ddl();
CREATE EVENT TRIGGER e2 ON ddl_command_end EXECUTE FUNCTION ddl();
CREATE EVENT TRIGGER e3 ON sql_drop EXECUTE FUNCTION ddl();
CREATE EVENT TRIGGER e4 ON table_rewrite EXECUTE FUNCTION ddl();
CREATE TABLE ev (id serial PRIMARY KEY, a int DEFAULT 1, b text);
INSERT INTO ev (b) VALUES ('x'), ('y');
ALTER TABLE ev ADD COLUMN c int DEFAULT 5;
ALTER TABLE ev ADD COLUMN d float8 DEFAULT random();
ALTER TABLE ev ALTER a TYPE bigint;
ALTER TABLE ev ALTER b TYPE varchar;
ALTER TABLE ev SET UNLOGGED;
ALTER TABLE ev SET LOGGED;
ALTER TABLE ev SET ACCESS METHOD :other;
ALTER TABLE ev SET ACCESS METHOD :am;
ALTER TABLE ev DROP COLUMN d;
CREATE INDEX CONCURRENTLY ev_a ON ev (a);
REINDEX TABLE CONCURRENTLY ev;
VACUUM FULL ev;
CREATE TABLE ev2 AS SELECT * FROM ev;
SELECT * INTO ev3 FROM ev;
CREATE MATERIALIZED VIEW ev4 AS SELECT * FROM ev;
REFRESH MATERIALIZED VIEW ev4;
TRUNCATE ev;
DROP TABLE ev CASCADE;
DROP TABLE ev2, ev3;
DROP EVENT TRIGGER e1, e2, e3, e4;
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no rewrites'; END $$;
CREATE EVENT TRIGGER e5 ON table_rewrite EXECUTE FUNCTION refuse();
BEGIN;
INSERT INTO t VALUES (200, 'before');
ALTER TABLE t ADD COLUMN d float8 DEFAULT random();
ROLLBACK;
SELECT count(*) FROM t WHERE a = 200;
DROP EVENT TRIGGER e5;

-- rules
CREATE TABLE r (a int, b text);
CREATE RULE also AS ON INSERT TO r DO ALSO INSERT INTO log (line) VALUES ('rule ' || NEW.a);
CREATE RULE not_this AS ON INSERT TO r WHERE NEW.a = 13 DO INSTEAD NOTHING;
CREATE RULE no_update AS ON UPDATE TO r DO INSTEAD INSERT INTO r VALUES (NEW.a, 'instead of an update');
CREATE RULE no_delete AS ON DELETE TO r DO INSTEAD NOTHING;
TRUNCATE log;
INSERT INTO r VALUES (1, 'one'), (13, 'thirteen');
UPDATE r SET a = a + 100 WHERE a = 1;
DELETE FROM r;
SELECT * FROM r ORDER BY a;
SELECT line FROM log ORDER BY id;
CREATE RULE back AS ON INSERT TO log WHERE NEW.line = 'go' DO ALSO UPDATE t SET b = '' WHERE a = 9;
BEGIN;
INSERT INTO log (line) VALUES ('go');
ROLLBACK;
DROP RULE back ON log;

-- a table that becomes a view, which versions until 15 allow
CREATE TABLE to_view (a int);
INSERT INTO to_view VALUES (1);
CREATE RULE "_RETURN" AS ON SELECT TO to_view DO INSTEAD SELECT 7 AS a;
TRUNCATE to_view;
CREATE RULE "_RETURN" AS ON SELECT TO to_view DO INSTEAD SELECT 7 AS a;
SELECT * FROM to_view;
SELECT relam FROM pg_class WHERE relname = 'to_view' AND relkind = 'v';

-- views
CREATE VIEW v AS SELECT a, b FROM r WHERE a > 0 WITH CHECK OPTION;
INSERT INTO v VALUES (5, 'five') RETURNING *;
INSERT INTO v VALUES (5, 'five');
INSERT INTO v VALUES (-5, 'minus five');
UPDATE v SET b = 'x' WHERE a = 5;
DELETE FROM v WHERE a = 5;
CREATE VIEW w AS SELECT a, b FROM t WHERE a < 1000 WITH LOCAL CHECK OPTION;
INSERT INTO w VALUES (500, 'w');
INSERT INTO w VALUES (1500, 'w');
BEGIN;
UPDATE w SET b = 'x' WHERE a = 500;
ROLLBACK;
BEGIN;
DELETE FROM w WHERE a = 500;
ROLLBACK;
CREATE VIEW joined AS SELECT t.a, r.b FROM t JOIN r USING (a);
INSERT INTO joined VALUES (1, 'x');
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO r VALUES (coalesce(NEW.a, OLD.a), TG_OP || ' instead');
	RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER instead INSTEAD OF INSERT OR UPDATE OR DELETE ON joined FOR EACH ROW EXECUTE FUNCTION instead();
INSERT INTO joined VALUES (9, 'nine') RETURNING *;
UPDATE joined SET b = 'x' WHERE a = 9;
DELETE FROM joined WHERE a = 9;
SELECT * FROM r WHERE a = 9 ORDER BY b;
CREATE VIEW guarded WITH (security_barrier) AS SELECT * FROM t WHERE a % 2 = 0;
SELECT * FROM guarded WHERE b <> 'x' ORDER BY a;
INSERT INTO guarded (a, b) VALUES (7, 'odd');
CREATE VIEW invoked WITH (security_invoker) AS SELECT * FROM t;
SELECT count(*) FROM invoked;
SELECT is_insertable_into, table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 2;
SELECT is_updatable, is_insertable_into, table_name FROM information_schema.views WHERE table_schema = 'public' ORDER BY 3;
SELECT pg_relation_is_updatable('r', true), pg_relation_is_updatable('t', true), pg_relation_is_updatable('w', true);
SELECT twin.damage(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace;
