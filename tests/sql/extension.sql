--
-- The extension: what it consists of, who may use it, how it goes.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS eventstore;
RESET client_min_messages;

-- The library must be preloaded.
SELECT current_setting('shared_preload_libraries') ~ '\yeventstore\y' AS preloaded;

-- The objects.
CREATE VIEW members AS
	SELECT d.classid, d.objid
	FROM pg_depend d JOIN pg_extension x ON d.refobjid = x.oid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND
		x.extname = 'eventstore';
SELECT pg_describe_object(classid, objid, 0) AS member FROM members
ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";

-- Every one of them has a comment.
SELECT pg_describe_object(classid, objid, 0) AS without_comment FROM members
WHERE NOT EXISTS (SELECT FROM pg_description
				  WHERE (classoid, objoid, objsubid) = (classid, objid, 0));

-- They live in one schema, which everybody may use and nobody else may fill.
SELECT DISTINCT n.nspname FROM members JOIN pg_proc p
	ON classid = 'pg_proc'::regclass AND objid = p.oid JOIN pg_namespace n ON n.oid = pronamespace;
SELECT has_schema_privilege('public', 'eventstore', 'USAGE') AS usage,
	has_schema_privilege('public', 'eventstore', 'CREATE') AS "create";

-- No function runs with its owner's rights; each says whether it may run in
-- parallel workers.
SELECT p.proname, p.provolatile, p.proparallel, p.prosecdef, p.proisstrict,
	has_function_privilege('public', p.oid, 'EXECUTE') AS public
FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid
ORDER BY p.proname COLLATE "C";

SELECT amname, amtype FROM pg_am WHERE amname = 'eventstore';

-- The schema is fixed.
ALTER EXTENSION eventstore SET SCHEMA public;
DROP VIEW members;
DROP EXTENSION eventstore;
CREATE EXTENSION eventstore SCHEMA public;

-- A schema that another role made could hold better matching functions.
DROP SCHEMA IF EXISTS eventstore;
CREATE ROLE regress_other;
CREATE SCHEMA eventstore AUTHORIZATION regress_other;
\set SHOW_CONTEXT never
CREATE EXTENSION eventstore;
\set SHOW_CONTEXT errors
DROP SCHEMA eventstore;
DROP ROLE regress_other;
CREATE EXTENSION eventstore;

-- It stays while there are tables, unless asked to take them with it.
CREATE TABLE events (a int) USING eventstore;
CREATE TABLE plain (a int) USING heap;
INSERT INTO events VALUES (1);
INSERT INTO plain VALUES (1);
DROP EXTENSION eventstore;
TABLE events;
BEGIN;
DROP EXTENSION eventstore CASCADE;
ROLLBACK;
TABLE events;
DROP EXTENSION eventstore CASCADE;
SELECT to_regclass('events');
TABLE plain;
CREATE TABLE events (a int) USING eventstore;
DROP TABLE plain;
CREATE EXTENSION eventstore;
CREATE TABLE events (a int) USING eventstore;
INSERT INTO events VALUES (2);
TABLE events;
DROP TABLE events;
