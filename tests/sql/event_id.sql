--
-- The role event_id: the storage makes a UUID version 7 for the nil one.
--
CREATE SCHEMA ids;
SET search_path = ids, public;
SET timezone = 'UTC';
CREATE VIEW nil AS SELECT '00000000-0000-0000-0000-000000000000'::uuid AS id;
CREATE FUNCTION ms(id uuid) RETURNS bigint IMMUTABLE LANGUAGE sql AS
	$$ SELECT ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint $$;
CREATE FUNCTION ms(at timestamptz) RETURNS bigint IMMUTABLE LANGUAGE sql AS
	$$ SELECT floor(extract(epoch FROM at) * 1000)::bigint $$;
-- Version 7, variant 10 (RFC 9562).
CREATE FUNCTION is_v7(id uuid) RETURNS boolean IMMUTABLE LANGUAGE sql AS
	$$ SELECT get_byte(uuid_send(id), 6) >> 4 = 7 AND get_byte(uuid_send(id), 8) >> 6 = 2 $$;

CREATE TABLE t (
	entity_id text,
	event_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
	recorded_at timestamptz DEFAULT now()
) USING eventstore;
CREATE UNIQUE INDEX t_event_id ON t (event_id);

INSERT INTO t SELECT 'a' FROM generate_series(1, 5000);
INSERT INTO t (entity_id, recorded_at)
	SELECT 'b', '2024-02-29 12:00:00.123456+00'::timestamptz + g * interval '1.7 ms' FROM generate_series(1, 3000) g;
COPY t (entity_id, event_id, recorded_at) FROM STDIN;
c	00000000-0000-0000-0000-000000000000	2001-01-01 00:00:00.999999+00
c	00000000-0000-0000-0000-000000000000	2001-01-01 00:00:01+00
\.
SELECT count(*), count(DISTINCT event_id), bool_and(is_v7(event_id)) AS v7, bool_and(ms(event_id) = ms(recorded_at)) AS "at ms of recorded_at" FROM t;
SELECT left(event_id::text, 15), recorded_at FROM t WHERE entity_id = 'c' ORDER BY event_id;
-- Sorted by id is sorted by millisecond.
SELECT count(*) FROM (SELECT ms(recorded_at) < lag(ms(recorded_at)) OVER (ORDER BY event_id) AS back FROM t) x WHERE back;
-- The rest of it is no counter: both halves of the bits are about half ones.
SELECT count(DISTINCT substr(uuid_send(event_id), 7, 4)) > 4990 AS high, count(DISTINCT substr(uuid_send(event_id), 11, 6)) AS low
FROM t WHERE entity_id = 'a';
-- The index finds each by the id that was made.
SET enable_seqscan = off;
SELECT count(*) FROM t a WHERE EXISTS (SELECT FROM t b WHERE b.event_id = a.event_id);
RESET enable_seqscan;

-- RETURNING says the id that is stored.
INSERT INTO t VALUES ('d') RETURNING event_id AS id \gset
SELECT entity_id, is_v7(event_id) FROM t WHERE event_id = :'id';

-- Ids that are given stay.
INSERT INTO t VALUES ('e', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), ('e', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
	('e', '00000000-0000-0000-0000-000000000001') RETURNING event_id;
INSERT INTO t VALUES ('e', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
SELECT event_id FROM t WHERE entity_id = 'e' ORDER BY event_id;
-- NULL is a value of a column that allows it.
CREATE TABLE nullable (entity_id text, event_id uuid) USING eventstore;
INSERT INTO nullable VALUES ('a', NULL) RETURNING event_id IS NULL AS "is null";

-- Times outside the 48 bits of milliseconds: the time of the insert stands in.
CREATE FUNCTION is_now(id uuid) RETURNS boolean LANGUAGE sql AS
	$$ SELECT is_v7(id) AND ms(id) BETWEEN ms(now()) AND ms(clock_timestamp()) $$;
BEGIN;
INSERT INTO t (entity_id, recorded_at) VALUES
	('f', '4713-01-01 00:00:00+00 BC'), ('f', '-infinity'), ('f', 'infinity'), ('f', NULL),
	('f', '1969-12-31 23:59:59.999999+00'), ('f', '10889-08-02 05:31:50.656+00'), ('f', '294276-12-31 23:59:59+00')
	RETURNING recorded_at, is_now(event_id);
COMMIT;
INSERT INTO t (entity_id, recorded_at) VALUES ('f', '1970-01-01 00:00:00+00'), ('f', '1970-01-01 00:00:00.001+00'),
	('f', '10889-08-02 05:31:50.655999+00') RETURNING recorded_at, left(event_id::text, 15), is_v7(event_id);

-- Without recorded_at, or with one of another type: the time of the insert.
CREATE TABLE no_time (entity_id text, event_id uuid DEFAULT '00000000-0000-0000-0000-000000000000') USING eventstore;
CREATE TABLE other_time (entity_id text, event_id uuid DEFAULT '00000000-0000-0000-0000-000000000000', recorded_at date DEFAULT '2001-01-01') USING eventstore;
BEGIN;
INSERT INTO no_time VALUES ('a'), ('a') RETURNING is_now(event_id);
INSERT INTO other_time VALUES ('a') RETURNING is_now(event_id);
COMMIT;

-- The bits come from a key of the table's own: no two tables agree.
CREATE TABLE twin1 (LIKE t INCLUDING DEFAULTS) USING eventstore;
CREATE TABLE twin2 (LIKE t INCLUDING DEFAULTS) USING eventstore;
INSERT INTO twin1 (entity_id, recorded_at) SELECT 'a', '2024-01-01' FROM generate_series(1, 100);
INSERT INTO twin2 (entity_id, recorded_at) SELECT 'a', '2024-01-01' FROM generate_series(1, 100);
SELECT count(*) FROM twin1 JOIN twin2 USING (event_id);

-- Without an entity_id, or of another type, it is a column like others.
CREATE TABLE e1 (event_id uuid, note text) USING eventstore;
CREATE TABLE e2 (event_id text, entity_id text) USING eventstore;
INSERT INTO e1 SELECT id FROM nil RETURNING *;
INSERT INTO e2 SELECT id::text FROM nil RETURNING *;

-- It is made once: rewriting, clustering and dumping the table keep it.
CREATE TABLE before AS SELECT * FROM t;
VACUUM FULL t;
SELECT twin.diff('TABLE ids.t', 'TABLE ids.before');
ALTER TABLE t ALTER COLUMN entity_id TYPE varchar;
SELECT twin.diff('TABLE ids.t', 'TABLE ids.before');
CREATE TABLE reloaded USING eventstore AS TABLE t;
SELECT twin.diff('TABLE ids.reloaded', 'TABLE ids.before');
ALTER TABLE t SET ACCESS METHOD heap;
SELECT twin.diff('TABLE ids.t', 'TABLE ids.before');
-- heap makes no ids.
INSERT INTO t VALUES ('g') RETURNING event_id;

SELECT * FROM twin.verify('ids');
SET client_min_messages = warning;
DROP SCHEMA ids CASCADE;
