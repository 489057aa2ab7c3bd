-- Makes the table whose pages are kept in tests/golden, and prints them; run by
-- tests/golden/make, in a fresh database of a server with data checksums.
--
-- Runs are short, so that a few hundred rows fill a leaf of the directory.
CREATE EXTENSION eventstore;
SET eventstore.run_pages = 3;
CREATE TABLE golden (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, n int, note text)
USING eventstore WITH (autovacuum_enabled = off);

-- The first page: two rows, the second with NULLs; a number whose row was rolled
-- back; numbers that were passed over; a row behind them.
INSERT INTO golden (entity_id, n, note) VALUES ('order-1', 7, 'first');
INSERT INTO golden (entity_id) VALUES ('order-2');
BEGIN;
INSERT INTO golden (entity_id) VALUES ('undone');
ROLLBACK;
INSERT INTO golden (position, entity_id, n) VALUES (10, 'order-3', -1);

-- A unit of three pages, then units of one page with one row each.
INSERT INTO golden (position, entity_id, note)
SELECT 1000 + g, 'filler', repeat('x', 3000) FROM generate_series(0, 7) g;
INSERT INTO golden (position, entity_id, n) SELECT 1000 * g, 'jump', g FROM generate_series(2, 60) g;

-- Units that VACUUM takes away, in three places; what it freezes is settled.
BEGIN;
INSERT INTO golden (position, entity_id, n) SELECT 1000 * g, 'undone', g FROM generate_series(61, 70) g;
ROLLBACK;
INSERT INTO golden (position, entity_id, n) SELECT 1000 * g, 'jump', g FROM generate_series(71, 120) g;
BEGIN;
INSERT INTO golden (position, entity_id, n) SELECT 1000 * g, 'undone', g FROM generate_series(121, 124) g;
ROLLBACK;
INSERT INTO golden (position, entity_id, n) SELECT 1000 * g, 'jump', g FROM generate_series(125, 220) g;
BEGIN;
INSERT INTO golden (position, entity_id, n) SELECT 1000 * g, 'undone', g FROM generate_series(221, 223) g;
ROLLBACK;
INSERT INTO golden (position, entity_id, n) SELECT 1000 * g, 'jump', g FROM generate_series(224, 230) g;
VACUUM (FREEZE) golden;

-- The current page, in blocks that are used again.
INSERT INTO golden (position, entity_id, n) VALUES (231000, 'order-1', 8);
INSERT INTO golden (entity_id, n) VALUES ('order-4', 1);
DO $$
BEGIN
	IF EXISTS (SELECT FROM eventstore.verify('golden')) THEN
		RAISE EXCEPTION 'the table is not sound';
	END IF;
END $$;
CHECKPOINT;

-- Pages as they are in the file, with what their last bytes say of them.
CREATE TEMP TABLE pages USING heap AS
SELECT block, page, get_byte(page, 8188) AS kind, get_byte(page, 8189) AS flags
FROM (SELECT block, pg_read_binary_file(pg_relation_filepath('golden'), block * 8192, 8192) AS page
	FROM generate_series(0, pg_relation_size('golden') / 8192 - 1) block) x;

-- One line for 32 bytes that are not all zero: their offset, and they.
CREATE FUNCTION pg_temp.dump(page bytea) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT lpad(to_hex(at), 4, '0') || ' ' || encode(substr(page, at + 1, 32), 'hex')
	FROM generate_series(0, 8160, 32) at
	WHERE substr(page, at + 1, 32) <> decode(repeat('00', 32), 'hex')
	ORDER BY at
$$;

\pset tuples_only on
\pset format unaligned
\o meta.hex
SELECT '# the metapage, block ' || block FROM pages WHERE kind = 1;
SELECT pg_temp.dump(page) FROM pages WHERE kind = 1;
\o tail.hex
SELECT '# a tail page, settled, block ' || block FROM pages WHERE block = 1;
SELECT pg_temp.dump(page) FROM pages WHERE block = 1;
\o tail_current.hex
SELECT '# the current tail page, block ' || block FROM pages WHERE kind = 2 AND flags = 1;
SELECT pg_temp.dump(page) FROM pages WHERE kind = 2 AND flags = 1;
\o leaf.hex
SELECT '# the first leaf, block ' || min(block) FROM pages WHERE kind = 3;
SELECT pg_temp.dump(page) FROM pages WHERE block = (SELECT min(block) FROM pages WHERE kind = 3);
\o inner.hex
SELECT '# the root, an inner page, block ' || block FROM pages WHERE kind = 4;
SELECT pg_temp.dump(page) FROM pages WHERE kind = 4;
\o
