--
-- Columns with roles under DDL: free while a table has no rows, fixed after.
--
CREATE SCHEMA roles;
SET search_path = roles, public;
-- Every change that gives a role, takes one or gives it to another column.
CREATE TABLE changes (n serial, command text);
INSERT INTO changes (command) VALUES
	('RENAME COLUMN position TO place'),
	('RENAME COLUMN entity_id TO customer'),
	('RENAME COLUMN version TO revision'),
	('RENAME COLUMN event_id TO id'),
	('RENAME COLUMN recorded_at TO happened_at'),
	('RENAME COLUMN other TO name'),
	('DROP COLUMN position'),
	('DROP COLUMN entity_id'),
	('DROP COLUMN version'),
	('DROP COLUMN event_id'),
	('DROP COLUMN recorded_at'),
	('DROP COLUMN other'),
	('ALTER position TYPE int'),
	('ALTER entity_id TYPE varchar'),
	('ALTER entity_id TYPE int USING 1'),
	('ALTER version TYPE int'),
	('ALTER event_id TYPE text'),
	('ALTER recorded_at TYPE date'),
	('ALTER other TYPE varchar'),
	('ADD COLUMN extra bigint'),
	('ALTER position SET DEFAULT 7'),
	('ALTER position DROP DEFAULT'),
	('ALTER position SET NOT NULL'),
	('ALTER entity_id SET STATISTICS 100');
CREATE FUNCTION try(store regclass) RETURNS TABLE (command text, result text) LANGUAGE plpgsql AS $$
BEGIN
	FOR command IN SELECT c.command FROM changes c ORDER BY n LOOP
		BEGIN
			EXECUTE format('ALTER TABLE %s %s', store, command);
			RAISE SQLSTATE 'ZZZZZ';
		EXCEPTION
			WHEN SQLSTATE 'ZZZZZ' THEN result := 'ok';
			WHEN OTHERS THEN result := format('%s %s', SQLSTATE, SQLERRM);
		END;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE TABLE t (
	position bigint DEFAULT 0, entity_id text, version bigint DEFAULT 0,
	event_id uuid DEFAULT '00000000-0000-0000-0000-000000000000', recorded_at timestamptz DEFAULT now(), other text
) USING eventstore;
SELECT * FROM try('t') WHERE result <> 'ok';
INSERT INTO t (entity_id) VALUES ('a');
SELECT * FROM try('t');
-- The whole message once.
ALTER TABLE t RENAME COLUMN entity_id TO customer;
-- A heap table of the same columns is free.
CREATE TABLE h (LIKE t INCLUDING ALL) USING heap;
INSERT INTO h (entity_id) VALUES ('a');
SELECT * FROM try('h') WHERE result <> 'ok';
-- A table whose rows are gone is free again; one whose rows were rolled back keeps its numbers.
TRUNCATE t;
SELECT * FROM try('t') WHERE result <> 'ok';
ALTER TABLE t RENAME COLUMN position TO place;
INSERT INTO t (place, entity_id) VALUES (7, 'a'), (7, 'b') RETURNING place;
ALTER TABLE t RENAME COLUMN place TO position;
TRUNCATE t;
ALTER TABLE t RENAME COLUMN place TO position;
INSERT INTO t (entity_id) VALUES ('a') RETURNING position;

-- A column that would gain a role.
CREATE TABLE g (entity_id text, n bigint, u uuid, other text) USING eventstore;
INSERT INTO g VALUES ('a', 7, NULL);
ALTER TABLE g RENAME COLUMN n TO position;
ALTER TABLE g RENAME COLUMN n TO version;
ALTER TABLE g RENAME COLUMN u TO event_id;
ALTER TABLE g ADD COLUMN position bigint;
ALTER TABLE g ADD COLUMN version bigint DEFAULT 0;
ALTER TABLE g ADD COLUMN event_id uuid;
ALTER TABLE g ADD COLUMN position int;
ALTER TABLE g ALTER position TYPE bigint;
ALTER TABLE g DROP COLUMN position;
CREATE TABLE no_entity (n bigint, position bigint, name text) USING eventstore;
INSERT INTO no_entity VALUES (1, 7, 'a'), (2, 7, 'b');
ALTER TABLE no_entity RENAME COLUMN name TO entity_id;
ALTER TABLE no_entity ADD COLUMN entity_id text;
ALTER TABLE no_entity RENAME COLUMN n TO version;
ALTER TABLE no_entity RENAME COLUMN position TO place;
TABLE no_entity;

-- In the transaction that made the table, and through a parent.
BEGIN;
CREATE TABLE tx (position bigint, entity_id text) USING eventstore;
ALTER TABLE tx RENAME COLUMN position TO place;
ALTER TABLE tx RENAME COLUMN place TO position;
INSERT INTO tx VALUES (0, 'a') RETURNING position;
ALTER TABLE tx RENAME COLUMN position TO place;
ROLLBACK;
CREATE TABLE parent (position bigint, entity_id text) PARTITION BY LIST (entity_id);
CREATE TABLE part PARTITION OF parent FOR VALUES IN ('a') USING eventstore;
ALTER TABLE parent RENAME COLUMN position TO place;
ALTER TABLE parent RENAME COLUMN place TO position;
INSERT INTO parent VALUES (0, 'a') RETURNING position;
ALTER TABLE parent RENAME COLUMN position TO place;
ALTER TABLE parent DROP COLUMN position;
ALTER TABLE parent ADD COLUMN version bigint;
ALTER TABLE parent ADD COLUMN plain bigint;
SELECT * FROM parent;

-- CHECKs, generated columns and partition keys would see the value that was
-- given, not the one that is stored: they are refused.
CREATE TABLE bad (position bigint CHECK (position > 0), entity_id text) USING eventstore;
CREATE TABLE bad (position bigint, entity_id text, CHECK (entity_id <> '' AND position < 100)) USING eventstore;
CREATE TABLE bad (version bigint CHECK (version > 0), entity_id text) USING eventstore;
CREATE TABLE bad (event_id uuid, entity_id text, CHECK (event_id IS NOT NULL)) USING eventstore;
CREATE TABLE bad (position bigint, entity_id text, twice bigint GENERATED ALWAYS AS (position * 2) STORED) USING eventstore;
CREATE TABLE bad (event_id uuid, entity_id text, short text GENERATED ALWAYS AS (left(event_id::text, 8)) STORED) USING eventstore;
CREATE TABLE bad (position bigint GENERATED ALWAYS AS (7) STORED, entity_id text) USING eventstore;
CREATE TABLE empty (position bigint, entity_id text, version bigint, event_id uuid, recorded_at timestamptz) USING eventstore;
ALTER TABLE empty ADD CHECK (position > 0);
ALTER TABLE empty ADD CHECK (position > 0) NOT VALID;
ALTER TABLE empty ADD CHECK (version > 0);
ALTER TABLE empty ADD CHECK (event_id > '00000000-0000-0000-0000-000000000000');
ALTER TABLE empty ADD COLUMN twice bigint GENERATED ALWAYS AS (position * 2) STORED;
-- Whole-row references include them.
ALTER TABLE empty ADD CHECK (empty IS NOT NULL);
-- Nor can a default count what the storage counts; ids may come from a function.
CREATE TABLE bad (position bigserial, entity_id text) USING eventstore;
CREATE TABLE bad (position bigint GENERATED BY DEFAULT AS IDENTITY, entity_id text) USING eventstore;
ALTER TABLE empty ALTER position SET DEFAULT (random() * 100)::bigint;
ALTER TABLE empty ALTER position ADD GENERATED ALWAYS AS IDENTITY;
CREATE TABLE own_ids (event_id uuid DEFAULT gen_random_uuid(), entity_id text) USING eventstore;
INSERT INTO own_ids (entity_id) VALUES ('a') RETURNING substr(event_id::text, 15, 1) AS version;
-- Where there is no role, and on the other columns, they are as on heap.
CREATE TABLE good (position bigint CHECK (position > 0), note text) USING eventstore;
ALTER TABLE empty ADD CHECK (entity_id <> '');
ALTER TABLE empty ADD CHECK (recorded_at > '2000-01-01');
ALTER TABLE empty ADD COLUMN day text GENERATED ALWAYS AS (left(entity_id, 3)) STORED;
INSERT INTO empty (entity_id, recorded_at) VALUES ('', '2020-01-01');
INSERT INTO empty (entity_id, recorded_at) VALUES ('order-1', '1999-01-01');
INSERT INTO empty (entity_id, recorded_at) VALUES ('order-1', '2020-01-01') RETURNING position, day;
-- A constraint does not come in by the back door of a new role, a parent or LIKE.
CREATE TABLE back1 (place bigint CHECK (place > 0), entity_id text) USING eventstore;
ALTER TABLE back1 RENAME COLUMN place TO position;
CREATE TABLE back2 (position bigint CHECK (position > 0), name text) USING eventstore;
ALTER TABLE back2 RENAME COLUMN name TO entity_id;
ALTER TABLE back2 ADD COLUMN entity_id text;
CREATE TABLE checked (position bigint CHECK (position > 0), entity_id text) USING heap;
CREATE TABLE back3 (LIKE checked INCLUDING ALL) USING eventstore;
CREATE TABLE back4 () INHERITS (checked) USING eventstore;
ALTER TABLE checked SET ACCESS METHOD eventstore;
CREATE TABLE by_position (position bigint, entity_id text) PARTITION BY RANGE (position);
CREATE TABLE bad PARTITION OF by_position FOR VALUES FROM (1) TO (100) USING eventstore;
CREATE TABLE bad (position bigint, entity_id text) USING eventstore;
ALTER TABLE by_position ATTACH PARTITION bad FOR VALUES FROM (1) TO (100);
-- A domain's check is the type's.
CREATE DOMAIN counted AS bigint CHECK (VALUE > 0);
CREATE TABLE domains (position counted, entity_id text) USING eventstore;
INSERT INTO domains VALUES (7, 'a'), (7, 'b') RETURNING position;

SELECT * FROM twin.verify('roles');
SET client_min_messages = warning;
DROP SCHEMA roles CASCADE;
