--
-- Compaction: rows go from the tail to batches and stay what they are
--
CREATE TABLE b (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, n int, ts timestamptz, ok boolean, f float8, u uuid, note text, j jsonb, a int[], nothing text) USING eventstore WITH (autovacuum_enabled = off);
CREATE INDEX b_n ON b (n);
CREATE TABLE h (LIKE b) USING heap;
CREATE FUNCTION fill(first int, last int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO b (entity_id, n, ts, ok, f, u, note, j, a)
	SELECT 'e' || g % 7, g, '2026-01-01'::timestamptz + g * interval '1 s', g % 3 = 0, sqrt(g), md5(g::text)::uuid,
		CASE WHEN g % 5 > 0 THEN repeat(md5(g::text), g % 4) END, jsonb_build_object('n', g), CASE WHEN g % 2 = 0 THEN ARRAY[g, NULL, g + 1] END
	FROM generate_series(first, last) g
$$;
CREATE FUNCTION keep() RETURNS void LANGUAGE sql AS $$ TRUNCATE h; INSERT INTO h SELECT * FROM b $$;
-- Rows that heap has and this table has not, or the other way round.
CREATE VIEW differ AS (TABLE b EXCEPT ALL TABLE h) UNION ALL (TABLE h EXCEPT ALL TABLE b);

-- An empty table, and one row.
SELECT * FROM eventstore.compact('b');
SELECT fill(1, 1);
SELECT compacted, batches FROM eventstore.compact('b');
TABLE b;
SELECT ctid, xmin <> '0' AS has_xmin, xmax, cmin, cmax, tableoid::regclass FROM b;

-- Many rows, among them rolled back ones, which leave.
SELECT fill(2, 12000);
BEGIN;
SELECT fill(20001, 20500);
ROLLBACK;
SELECT fill(12001, 12100);
SELECT keep();
SELECT compacted, batches, bytes_after < bytes_before AS smaller FROM eventstore.compact('b');
TABLE differ;
SELECT count(*), sum(n), min(position), max(position), count(note), count(nothing) FROM b;
SELECT * FROM eventstore.verify('b');
-- Nothing is left to do.
SELECT compacted, batches FROM eventstore.compact('b');

-- By index, TID, bitmap, backwards, sample; the row's number is its TID.
SET enable_seqscan = off;
SELECT position, n, note, j, a FROM b WHERE n = 11111;
SELECT count(*), sum(n) FROM b WHERE n BETWEEN 5000 AND 6000;
RESET enable_seqscan;
SELECT position, n FROM b WHERE ctid = (SELECT ctid FROM b WHERE n = 256);
SELECT position, n FROM b WHERE ctid = '(100000,1)';
SELECT n FROM b WHERE n BETWEEN 100 AND 103 FOR UPDATE;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT n FROM b;
MOVE 11000 FROM c;
FETCH 2 FROM c;
FETCH BACKWARD 3 FROM c;
MOVE ABSOLUTE 1 FROM c;
FETCH BACKWARD ALL FROM c;
ROLLBACK;
SELECT count(*) BETWEEN 1 AND 12100 FROM b TABLESAMPLE SYSTEM (50) REPEATABLE (1);

-- More rows, and the small batch becomes a larger one.
SELECT fill(12101, 13000);
SELECT keep();
SELECT compacted, batches FROM eventstore.compact('b');
TABLE differ;

-- Rows of a transaction that is still open stay; those beside them go.
BEGIN;
SELECT fill(13001, 13010);
SELECT compacted > 0 AS some FROM eventstore.compact('b');
SELECT count(*) FROM b WHERE n > 13000;
SAVEPOINT s;
SELECT fill(13011, 13020);
SELECT eventstore.compact('b') IS NOT NULL;
ROLLBACK TO s;
COMMIT;
SELECT keep();
SELECT compacted FROM eventstore.compact('b');
TABLE differ;
SELECT * FROM eventstore.verify('b');

-- Columns that come and go.
DROP VIEW differ;
ALTER TABLE b ADD c text DEFAULT 'new', DROP note;
SELECT n, c, nothing FROM b WHERE n IN (1, 13000) ORDER BY n;
SELECT eventstore.compact('b') IS NOT NULL;
INSERT INTO b (entity_id, n, c) VALUES ('e', 13100, 'own');
SELECT compacted, batches FROM eventstore.compact('b');
SELECT n, c FROM b WHERE n IN (1, 13000, 13100) ORDER BY n;
ALTER TABLE b ALTER n TYPE bigint;
SELECT count(*), sum(n) FROM b;
SELECT compacted FROM eventstore.compact('b');
SELECT count(*), sum(n) FROM b;
VACUUM FULL b;
SELECT count(*), sum(n) FROM b;
SELECT * FROM eventstore.verify('b');

-- Small batches: a setting.
SET eventstore.batch_rows = 100;
SELECT batches > 100 AS many FROM eventstore.compact('b');
RESET eventstore.batch_rows;
SELECT batches FROM eventstore.compact('b');
SELECT count(*), sum(n) FROM b;
SELECT * FROM eventstore.verify('b');

-- Values out of line, long and empty ones.
CREATE TABLE large (n int, v text, w bytea) USING eventstore;
ALTER TABLE large ALTER v SET STORAGE EXTERNAL;
INSERT INTO large SELECT g, repeat(md5(g::text), g * 50), decode(repeat(md5(g::text), 30), 'hex') FROM generate_series(0, 60) g;
CREATE TABLE large_h AS SELECT n, md5(v) v, length(v), md5(w) w FROM large;
SELECT compacted FROM eventstore.compact('large');
SELECT count(*) FROM (SELECT n, md5(v), length(v), md5(w) FROM large EXCEPT TABLE large_h) x;
SELECT * FROM eventstore.verify('large');

-- A deferred constraint is checked when rows of a batch are looked at again.
CREATE TABLE keys (k int, v text, UNIQUE (k) DEFERRABLE INITIALLY DEFERRED) USING eventstore;
COPY keys (k, v) FROM PROGRAM 'seq -f "%.0f	a value that takes some room" 1 2000';
BEGIN;
COPY keys (k, v) FROM PROGRAM 'seq -f "%.0f	a value that takes some room" 2000 3000';
COMMIT;
BEGIN;
COPY keys (k, v) FROM PROGRAM 'seq -f "%.0f	a value that takes some room" 2001 3000';
COMMIT;
SELECT count(*), count(DISTINCT k) FROM keys;
DROP TABLE keys;

-- A table without columns.
CREATE TABLE bare () USING eventstore;
INSERT INTO bare DEFAULT VALUES;
INSERT INTO bare DEFAULT VALUES;
SELECT compacted FROM eventstore.compact('bare');
SELECT count(*) FROM bare;

-- Temporary and unlogged tables.
CREATE TEMP TABLE temporary (n int) USING eventstore;
INSERT INTO temporary SELECT g FROM generate_series(1, 3000) g;
SELECT compacted, batches FROM eventstore.compact('temporary');
SELECT sum(n) FROM temporary;
CREATE UNLOGGED TABLE unlogged (n int) USING eventstore;
INSERT INTO unlogged SELECT g FROM generate_series(1, 3000) g;
SELECT compacted, batches FROM eventstore.compact('unlogged');
SELECT sum(n) FROM unlogged;

-- Who may, and what.
CREATE ROLE regress_user;
GRANT SELECT, INSERT ON b TO regress_user;
SET ROLE regress_user;
SELECT eventstore.compact('b');
RESET ROLE;
DROP OWNED BY regress_user;
DROP ROLE regress_user;
SELECT eventstore.compact('h');
SELECT eventstore.compact(0);
SELECT eventstore.compact(NULL);
CREATE TABLE parts (n int) PARTITION BY RANGE (n);
SELECT eventstore.compact('parts');

DROP TABLE b, h, large, large_h, bare, temporary, unlogged, parts;
DROP FUNCTION fill, keep;
