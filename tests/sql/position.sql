--
-- The role position: the row's number, given by the storage.
--
CREATE SCHEMA positions;
SET search_path = positions, public;
CREATE TABLE t (position bigint, entity_id text, note text) USING eventstore;

-- Left out, 0 and NULL: the next number.
INSERT INTO t (entity_id) VALUES ('a') RETURNING position, ctid;
INSERT INTO t VALUES (0, 'a') RETURNING position, ctid;
INSERT INTO t VALUES (NULL, 'a'), (DEFAULT, 'a') RETURNING position, ctid;
-- Given as the next number: nothing special.
INSERT INTO t VALUES (5, 'a'), (6, 'a') RETURNING position, ctid;
INSERT INTO t SELECT 0, 'b' FROM generate_series(1, 600);
-- The number is the tuple's place, 256 to a block, and what any scan finds.
SELECT position, ctid FROM t WHERE position IN (1, 254, 255, 256, 257, 511, 512, 606) ORDER BY position;
SELECT count(*) FROM t WHERE ctid <> format('(%s,%s)', position >> 8, (position & 255) + 1)::tid;
SELECT count(*), min(position), max(position), count(DISTINCT position) FROM t;

-- Rolled back rows leave a gap.
BEGIN;
INSERT INTO t (entity_id) VALUES ('undone'), ('undone') RETURNING position;
ROLLBACK;
INSERT INTO t (entity_id) VALUES ('c') RETURNING position, ctid;

-- Higher than the next: the numbers jump to it, for the owner.
INSERT INTO t VALUES (1000, 'd') RETURNING position, ctid;
INSERT INTO t VALUES (0, 'd'), (1050, 'd'), (NULL, 'd'), (1060, 'd') RETURNING position, ctid;
INSERT INTO t SELECT 2000 + 10 * g, 'd' FROM generate_series(1, 5) g RETURNING position;
BEGIN;
INSERT INTO t VALUES (3000, 'undone') RETURNING position;
ROLLBACK;
INSERT INTO t VALUES (0, 'e') RETURNING position;

-- Lower: it has passed.
INSERT INTO t VALUES (3001, 'f');
INSERT INTO t VALUES (1, 'f');
INSERT INTO t VALUES (700, 'f');
INSERT INTO t VALUES (-1, 'f');
INSERT INTO t VALUES ((-9223372036854775808), 'f');
INSERT INTO t VALUES (0, 'f'), (5000, 'f'), (5000, 'f');
INSERT INTO t SELECT * FROM t;
-- A failed jump has used up its numbers, and no others.
INSERT INTO t VALUES (0, 'f') RETURNING position > 5000 AND position < 5100 AS "right behind";
SELECT count(*), count(DISTINCT position), count(*) FILTER (WHERE entity_id = 'f') AS f FROM t;

-- Others than the owner may take the next number only.
CREATE ROLE regress_writer;
CREATE ROLE regress_keeper;
GRANT USAGE, CREATE ON SCHEMA positions TO regress_writer, regress_keeper;
CREATE TABLE kept (position bigint NOT NULL DEFAULT 0, entity_id text) USING eventstore;
ALTER TABLE kept OWNER TO regress_keeper;
GRANT INSERT, SELECT ON kept TO regress_writer;
SET ROLE regress_writer;
INSERT INTO kept VALUES (0, 'a'), (2, 'a'), (3, 'a') RETURNING position;
INSERT INTO kept VALUES (5, 'a');
INSERT INTO kept VALUES (3, 'a');
INSERT INTO kept VALUES (0, 'a'), (6, 'a');
SET ROLE regress_keeper;
INSERT INTO kept VALUES (50, 'a') RETURNING position;
RESET ROLE;
GRANT regress_keeper TO regress_writer;
SET ROLE regress_writer;
INSERT INTO kept VALUES (60, 'a') RETURNING position;
-- The role must be usable without SET ROLE; through a function of the owner's it is.
RESET ROLE;
REVOKE regress_keeper FROM regress_writer;
CREATE FUNCTION jump(p bigint) RETURNS bigint SECURITY DEFINER LANGUAGE sql
	AS 'INSERT INTO positions.kept VALUES (p, ''a'') RETURNING position';
ALTER FUNCTION jump OWNER TO regress_keeper;
SET ROLE regress_writer;
SELECT jump(70);
INSERT INTO kept VALUES (80, 'a');
RESET ROLE;
TABLE kept;

-- Applying another server's changes: a number that has passed is replaced.
SET session_replication_role = replica;
INSERT INTO kept VALUES (3, 'replica'), (0, 'replica') RETURNING position;
INSERT INTO kept VALUES (100, 'replica') RETURNING position;
INSERT INTO kept VALUES (100, 'replica') RETURNING position;
INSERT INTO kept VALUES (-5, 'replica') RETURNING position;
RESET session_replication_role;
INSERT INTO kept VALUES (100, 'a');

-- There is a last number.
CREATE TABLE full_up (position bigint NOT NULL DEFAULT 0, entity_id text) USING eventstore;
INSERT INTO full_up VALUES (0, 'first') RETURNING position, ctid;
INSERT INTO full_up VALUES (9223372036854775807, 'beyond');
INSERT INTO full_up VALUES (1099511627520, 'beyond');
INSERT INTO full_up VALUES (1099511627518, 'last but one') RETURNING position, ctid;
INSERT INTO full_up (entity_id) VALUES ('last') RETURNING position, ctid;
INSERT INTO full_up (entity_id) VALUES ('beyond');
INSERT INTO full_up VALUES (1099511627520, 'beyond');
\set SHOW_CONTEXT never
COPY full_up (entity_id) FROM STDIN;
beyond
\.
\set SHOW_CONTEXT errors
SELECT ctid, * FROM full_up;
CREATE INDEX ON full_up (position);
SET enable_seqscan = off;
SELECT ctid, * FROM full_up WHERE position > 1000;
SELECT * FROM full_up WHERE ctid = '(4294967294,255)';
SELECT * FROM full_up WHERE ctid > '(4000000000,0)';
SELECT * FROM full_up WHERE ctid < '(4000000000,0)';
RESET enable_seqscan;
VACUUM FULL full_up;
SELECT ctid, * FROM full_up;
SELECT * FROM eventstore.verify('full_up');

-- Without an entity_id, or of another type, it is a column like others.
CREATE TABLE p1 (position bigint, note text) USING eventstore;
CREATE TABLE p2 (position int, entity_id text) USING eventstore;
CREATE TABLE p3 (position bigint, entity_id int) USING eventstore;
CREATE TABLE p4 (position numeric, entity_id text) USING eventstore;
CREATE TABLE p5 ("Position" bigint, entity_id text) USING eventstore;
INSERT INTO p1 VALUES (7), (7), (0), (NULL), (-1) RETURNING position;
INSERT INTO p2 VALUES (7), (7), (0), (NULL) RETURNING position;
INSERT INTO p3 VALUES (7), (7), (0), (NULL) RETURNING position;
INSERT INTO p4 VALUES (7), (7), (0), (NULL) RETURNING position;
INSERT INTO p5 VALUES (7), (7), (0), (NULL) RETURNING "Position";
-- The types that entity_id may have.
CREATE TABLE q1 (position bigint, entity_id varchar(10)) USING eventstore;
CREATE TABLE q2 (position bigint, entity_id uuid) USING eventstore;
CREATE TABLE q3 (position bigint, entity_id bigint) USING eventstore;
CREATE TABLE q4 (entity_id varchar, position bigint) USING eventstore;
INSERT INTO q1 VALUES (0), (9) RETURNING position;
INSERT INTO q2 VALUES (0), (9) RETURNING position;
INSERT INTO q3 VALUES (0), (9) RETURNING position;
INSERT INTO q4 (entity_id) VALUES ('a'), ('b') RETURNING position;

-- Behind columns of every length, null or not, large or not, the number and the
-- id find their place.
CREATE TABLE mixed (
	b bool, payload text, n numeric, js json, position bigint, c "char", x text,
	event_id uuid DEFAULT '00000000-0000-0000-0000-000000000000', na name, entity_id text, v int
) USING eventstore;
ALTER TABLE mixed ALTER x SET STORAGE EXTERNAL;
CREATE VIEW mixed_source AS
	SELECT g % 2 = 0 AS b, CASE WHEN g % 3 > 0 THEN repeat('p', g * 37 % 300) END AS payload, CASE WHEN g % 5 > 0 THEN g / 7.0 END AS n,
		CASE WHEN g % 7 > 0 THEN to_json(repeat('j', g % 150)) END AS js, 'c'::"char" AS c,
		CASE WHEN g % 11 = 0 THEN repeat(md5(g::text), 300 + g % 50) WHEN g % 4 > 0 THEN repeat('x', g % 130) END AS x,
		('n' || g)::name AS na, 'e' || g AS entity_id, g AS v
	FROM generate_series(1, 3000) g;
WITH new AS (INSERT INTO mixed (b, payload, n, js, c, x, na, entity_id, v) TABLE mixed_source RETURNING *)
SELECT count(*), count(*) FILTER (WHERE position = v) AS numbered, count(DISTINCT event_id) AS ids FROM new;
SELECT count(*), count(*) FILTER (WHERE position = v) AS numbered, count(DISTINCT event_id) AS ids FROM mixed;
SELECT twin.diff('SELECT b, payload, n, js, c, x, na, entity_id, v FROM positions.mixed', 'TABLE positions.mixed_source');

-- Everything after the insert sees the number: indexes, AFTER triggers,
-- transition tables; a BEFORE trigger and a WITH CHECK policy see what was given.
CREATE TABLE seen (position bigint NOT NULL DEFAULT 0, entity_id text) USING eventstore;
CREATE UNIQUE INDEX seen_key ON seen (position);
CREATE INDEX ON seen ((position * 2));
CREATE TABLE log (n serial, what text);
CREATE FUNCTION log_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log (what) VALUES (format('%s row %s', lower(TG_WHEN), NEW.position));
	RETURN NEW;
END $$;
CREATE FUNCTION log_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log (what) SELECT format('statement %s', string_agg(position::text, ' ')) FROM new;
	RETURN NULL;
END $$;
CREATE TRIGGER b BEFORE INSERT ON seen FOR EACH ROW EXECUTE FUNCTION log_row();
CREATE TRIGGER a AFTER INSERT ON seen FOR EACH ROW EXECUTE FUNCTION log_row();
CREATE CONSTRAINT TRIGGER c AFTER INSERT ON seen DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION log_row();
CREATE TRIGGER s AFTER INSERT ON seen REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION log_statement();
INSERT INTO seen (entity_id) VALUES ('a'), ('b');
COPY seen (entity_id) FROM STDIN;
c
d
\.
COPY seen FROM STDIN;
0	e
6	f
90	g
0	h
\.
SELECT what FROM log ORDER BY n;
DROP TRIGGER b ON seen;
INSERT INTO seen SELECT 0, 'x' FROM generate_series(1, 3000);
COPY seen (entity_id) FROM STDIN;
i
j
\.
SET enable_seqscan = off;
SELECT * FROM twin.plan('SELECT * FROM positions.seen WHERE position = 91');
SELECT ctid, * FROM seen WHERE position IN (3, 5, 90, 91) ORDER BY position;
SELECT count(*) FROM seen WHERE position BETWEEN 92 AND 3091;
SELECT ctid, * FROM seen WHERE position * 2 = 182;
SELECT * FROM seen WHERE position > 3091;
RESET enable_seqscan;
SELECT count(*), count(DISTINCT position), count(*) FILTER (WHERE ctid <> format('(%s,%s)', position >> 8, (position & 255) + 1)::tid) FROM seen;

-- A copy made with the positions keeps them, gaps included; one made without
-- numbers its rows anew.
CREATE TABLE copied (LIKE seen INCLUDING ALL) USING eventstore;
INSERT INTO copied SELECT * FROM seen ORDER BY position;
SELECT twin.diff('SELECT ctid, * FROM positions.copied', 'SELECT ctid, * FROM positions.seen');
CREATE TABLE made USING eventstore AS SELECT * FROM seen;
SELECT twin.diff('SELECT ctid, * FROM positions.made', 'SELECT ctid, * FROM positions.seen');
TRUNCATE copied;
INSERT INTO copied (entity_id) SELECT entity_id FROM seen ORDER BY position;
SELECT min(position), max(position), count(*) FROM copied;
-- In descending order it cannot.
TRUNCATE copied;
INSERT INTO copied SELECT * FROM seen ORDER BY position DESC;

-- DML in one statement: every row gets its own.
WITH a AS (INSERT INTO copied (entity_id) VALUES ('a') RETURNING position),
	b AS (INSERT INTO copied (entity_id) VALUES ('b') RETURNING position)
SELECT (SELECT position FROM a) <> (SELECT position FROM b) AS differ;

SELECT * FROM twin.verify('positions');
SET client_min_messages = warning;
DROP SCHEMA positions CASCADE;
DROP ROLE regress_writer, regress_keeper;
