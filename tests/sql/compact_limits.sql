--
-- Compaction: what a rolled back definition and a full leaf must not do
--
-- A table that this transaction has defined anew is not compacted: the batches
-- would stay when the definition is rolled back.
CREATE TABLE defined (k int, v text) USING eventstore;
INSERT INTO defined SELECT g, 'v' || g FROM generate_series(1, 1000) g;
BEGIN;
ALTER TABLE defined DROP v;
SELECT eventstore.compact('defined');
ROLLBACK;
BEGIN;
SAVEPOINT s;
ALTER TABLE defined ADD x int DEFAULT 7;
ROLLBACK TO s;
SELECT compacted FROM eventstore.compact('defined');
ROLLBACK;
SELECT count(*), min(v), max(v) FROM defined;
BEGIN;
ALTER TABLE defined ADD x int DEFAULT 7;
SELECT eventstore.compact('defined');
ROLLBACK;
ALTER TABLE defined ADD x text DEFAULT 'of later';
SELECT compacted FROM eventstore.compact('defined');
SELECT count(*), min(v), min(x), max(x) FROM defined;
SELECT * FROM eventstore.verify('defined');

-- More batches than a leaf of the directory has room for.
CREATE TABLE leaf (k int) USING eventstore;
INSERT INTO leaf SELECT g FROM generate_series(1, 40000) g;
SET eventstore.batch_rows = 100;
SELECT compacted >= 40000 AS all, bytes_before < 3 * size AS about_the_table
FROM pg_relation_size('leaf') size, eventstore.compact('leaf');
SELECT compacted FROM eventstore.compact('leaf');
SELECT count(*) > 300 AS many, sum(row_count) FROM eventstore.batches('leaf');
RESET eventstore.batch_rows;
SELECT count(*), sum(k), count(DISTINCT ctid) FROM leaf;
SELECT * FROM eventstore.verify('leaf');
SELECT compacted FROM eventstore.compact('leaf');
SELECT count(*), sum(k), count(DISTINCT ctid) FROM leaf;

-- The planner knows how many rows few blocks hold, without ANALYZE.
CREATE FUNCTION estimated(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
CREATE TABLE few (k int) USING eventstore WITH (autovacuum_enabled = off);
INSERT INTO few SELECT g FROM generate_series(1, 20000) g;
SELECT compacted, bytes_after < 80000 AS small FROM eventstore.compact('few');
SELECT estimated('TABLE few');

DROP TABLE defined, leaf, few;
DROP FUNCTION estimated;
