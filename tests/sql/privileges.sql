--
-- Privileges on tables and columns, and on the functions.
--
SELECT twin.open();
CREATE ROLE regress_user;
CREATE ROLE regress_owner;
GRANT USAGE ON SCHEMA on_heap, on_events TO regress_user, regress_owner;
SELECT twin.run('CREATE TABLE t (a int, b text, c int DEFAULT 7)');
SELECT twin.run('INSERT INTO t VALUES (1, ''one'')');
SET ROLE regress_user;
SELECT twin.run('SELECT * FROM t');
SELECT twin.run('INSERT INTO t VALUES (2)');
SELECT twin.run('TRUNCATE t');
RESET ROLE;
SELECT twin.run('GRANT INSERT (a, b), SELECT (a) ON t TO regress_user');
SET ROLE regress_user;
SELECT twin.run('INSERT INTO t (a, b) VALUES (2, ''two'')');
SELECT twin.run('INSERT INTO t (a, c) VALUES (3, 3)');
SELECT twin.run('INSERT INTO t (a) VALUES (3) RETURNING a');
SELECT twin.run('INSERT INTO t (a) VALUES (3) RETURNING b');
SELECT twin.run('SELECT a FROM t');
SELECT twin.run('SELECT b FROM t');
SELECT twin.run('SELECT ctid FROM t');
SELECT twin.run('SELECT count(*) FROM t');
RESET ROLE;
-- A column that the storage fills needs no privilege.
CREATE TABLE on_events.r (position bigint NOT NULL DEFAULT 0, entity_id text, event_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000') USING eventstore;
GRANT INSERT (entity_id), SELECT (entity_id) ON on_events.r TO regress_user;
SET ROLE regress_user;
INSERT INTO on_events.r (entity_id) VALUES ('a') RETURNING entity_id;
INSERT INTO on_events.r (entity_id) VALUES ('a') RETURNING position;
INSERT INTO on_events.r (position, entity_id) VALUES (0, 'a');
COPY on_events.r (entity_id) FROM STDIN;
by copy
\.
\copy on_events.r FROM /dev/null
RESET ROLE;
SELECT position, entity_id FROM on_events.r;

-- verify() is the owner's.
SET ROLE regress_user;
SELECT * FROM eventstore.verify('on_events.t');
RESET ROLE;
ALTER TABLE on_events.t OWNER TO regress_owner;
SET ROLE regress_owner;
SELECT * FROM eventstore.verify('on_events.t');
RESET ROLE;
GRANT regress_owner TO regress_user;
SET ROLE regress_user;
SELECT * FROM eventstore.verify('on_events.t');
RESET ROLE;
REVOKE regress_owner FROM regress_user;
-- Anybody may make tables of the kind, where they may make tables.
SET ROLE regress_user;
CREATE TABLE on_events.refused (a int) USING eventstore;
CREATE TEMP TABLE mine (a int) USING eventstore;
INSERT INTO mine VALUES (1);
SELECT * FROM eventstore.verify('mine');
-- Settings for developers are the superuser's.
SET eventstore.run_pages = 1;
RESET ROLE;

SELECT * FROM twin.verify('on_events');
DROP TABLE pg_temp.mine;
SELECT twin.close();
DROP ROLE regress_user, regress_owner;
