--
-- INSERT ... ON CONFLICT
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int PRIMARY KEY, b text UNIQUE, c int)');
SELECT twin.run('INSERT INTO t SELECT g, ''b'' || g, g FROM generate_series(1, 500) g');
SELECT twin.run('INSERT INTO t VALUES (1, ''new'', 0) ON CONFLICT DO NOTHING RETURNING *');
SELECT twin.run('INSERT INTO t VALUES (501, ''b1'', 0) ON CONFLICT DO NOTHING RETURNING *');
SELECT twin.run('INSERT INTO t VALUES (501, ''b501'', 0) ON CONFLICT DO NOTHING RETURNING *');
SELECT twin.run('INSERT INTO t VALUES (501, ''new'', 0) ON CONFLICT (a) DO NOTHING RETURNING *');
SELECT twin.run('INSERT INTO t VALUES (502, ''b501'', 0) ON CONFLICT (a) DO NOTHING RETURNING *');
SELECT twin.run('INSERT INTO t VALUES (502, ''b502'', 0) ON CONFLICT ON CONSTRAINT t_b_key DO NOTHING RETURNING *');
SELECT twin.run('INSERT INTO t SELECT g, ''b'' || g, 1 FROM generate_series(490, 520) g ON CONFLICT DO NOTHING RETURNING a');
-- The same key twice in one command.
SELECT twin.run('INSERT INTO t VALUES (600, ''x'', 1), (600, ''y'', 2), (601, ''x'', 3), (602, ''z'', 4) ON CONFLICT DO NOTHING RETURNING *');
SELECT twin.run('INSERT INTO t VALUES (1, ''one'') ON CONFLICT (c) DO NOTHING');
SELECT twin.run('INSERT INTO t VALUES (NULL, ''one'') ON CONFLICT DO NOTHING');
-- Against what was rolled back there is no conflict.
BEGIN;
INSERT INTO on_events.t VALUES (700, 'undone', 1) ON CONFLICT DO NOTHING;
SAVEPOINT s;
INSERT INTO on_events.t VALUES (701, 'undone too', 1) ON CONFLICT DO NOTHING;
ROLLBACK TO s;
INSERT INTO on_events.t VALUES (700, 'conflicts', 2), (701, 'does not', 2) ON CONFLICT DO NOTHING RETURNING *;
ROLLBACK;
SELECT twin.run('INSERT INTO t VALUES (700, ''undone'', 3), (701, ''undone too'', 3) ON CONFLICT DO NOTHING RETURNING *');
-- Partial and expression indexes, exclusion constraints.
SELECT twin.run('CREATE UNIQUE INDEX ON t ((c % 1000)) WHERE c > 10000');
SELECT twin.run('INSERT INTO t VALUES (801, ''801'', 10001), (802, ''802'', 11001), (803, ''803'', 1001) ON CONFLICT ((c % 1000)) WHERE c > 10000 DO NOTHING RETURNING a');
SELECT twin.run('CREATE TABLE x (r int4range, EXCLUDE USING gist (r WITH &&))');
SELECT twin.run('INSERT INTO x VALUES (''[1,5)''), (''[4,8)''), (''[8,9)''), (''[2,3)''), (''[5,8)'') ON CONFLICT DO NOTHING RETURNING *');
SELECT twin.run('INSERT INTO x VALUES (''[6,7)'') ON CONFLICT ON CONSTRAINT x_r_excl DO NOTHING');
SELECT twin.run('SELECT * FROM x');
-- Without anything to conflict with.
SELECT twin.run('CREATE TABLE free (a int)');
SELECT twin.run('INSERT INTO free VALUES (1), (1) ON CONFLICT DO NOTHING');
SELECT twin.run('INSERT INTO free VALUES (1) ON CONFLICT (a) DO NOTHING');
-- Large values.
SELECT twin.run('INSERT INTO t VALUES (900, repeat(''x'', 2000), 1) ON CONFLICT DO NOTHING');
SELECT twin.run('CREATE TABLE large (a int PRIMARY KEY, b text)');
ALTER TABLE on_events.large ALTER b SET STORAGE EXTERNAL;
SELECT twin.run('INSERT INTO large SELECT g % 20, repeat(md5(g::text), 2000) FROM generate_series(1, 40) g ON CONFLICT DO NOTHING RETURNING a');
-- In a deferrable constraint's table it is refused by the core.
SELECT twin.run('CREATE TABLE def (a int UNIQUE DEFERRABLE)');
SELECT twin.run('INSERT INTO def VALUES (1) ON CONFLICT (a) DO NOTHING');
-- With triggers: AFTER ones fire for what was inserted.
SELECT twin.run('CREATE TABLE log (a int)');
CREATE FUNCTION twin_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I.log SELECT $1', TG_TABLE_SCHEMA) USING NEW.a;
	RETURN NEW;
END $$;
SELECT twin.run('CREATE TRIGGER l AFTER INSERT ON large FOR EACH ROW EXECUTE FUNCTION public.twin_log()');
SELECT twin.run('INSERT INTO large VALUES (1, ''a''), (100, ''b''), (100, ''c''), (101, ''d'') ON CONFLICT DO NOTHING');
SELECT twin.run('TABLE log');

SELECT relname, twin.diff('TABLE on_heap.' || relname, 'TABLE on_events.' || relname) FROM pg_class
WHERE relnamespace = 'on_events'::regnamespace AND relkind = 'r' ORDER BY relname;

-- DO UPDATE is refused, conflict or not.
INSERT INTO on_events.t VALUES (1, 'new', 0) ON CONFLICT (a) DO UPDATE SET c = 7;
INSERT INTO on_events.t VALUES (5000, 'new', 0) ON CONFLICT (a) DO UPDATE SET c = 7;
INSERT INTO on_events.t VALUES (5000, 'new', 0) ON CONFLICT (a) DO UPDATE SET c = 7 WHERE false;
SELECT count(*) FROM on_events.t WHERE a = 5000 OR c = 7 AND a <> 7;

-- With roles: the number and the id are given when the row goes in.
CREATE TABLE on_events.r (
	position bigint NOT NULL DEFAULT 0, entity_id text,
	event_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', key int UNIQUE
) USING eventstore;
CREATE UNIQUE INDEX ON on_events.r (position);
CREATE UNIQUE INDEX ON on_events.r (event_id);
INSERT INTO on_events.r (entity_id, key) VALUES ('a', 1), ('a', 1), ('a', 2), ('a', 2), ('b', 3) ON CONFLICT DO NOTHING
RETURNING key, event_id <> '00000000-0000-0000-0000-000000000000' AS id;
INSERT INTO on_events.r (entity_id, key) VALUES ('a', 3), ('b', 4) ON CONFLICT (key) DO NOTHING RETURNING key, position >= 4 AS position;
INSERT INTO on_events.r (position, entity_id, key) VALUES (100, 'a', 3), (100, 'c', 5), (200, 'c', 6) ON CONFLICT (key) DO NOTHING RETURNING position, key;
INSERT INTO on_events.r (position, entity_id, key) VALUES (100, 'd', 7) ON CONFLICT (key) DO NOTHING;
INSERT INTO on_events.r (entity_id, event_id, key) SELECT 'd', event_id, 8 FROM on_events.r WHERE key = 6 ON CONFLICT (event_id) DO NOTHING RETURNING key;
SET enable_seqscan = off;
SELECT count(*) FROM on_events.r a JOIN on_events.r b USING (event_id) JOIN on_events.r c ON c.position = a.position;
SELECT count(*) FROM on_events.r WHERE ctid <> format('(%s,%s)', position >> 8, (position & 255) + 1)::tid;
RESET enable_seqscan;

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
DROP FUNCTION twin_log();
