--
-- Sizes and forks.
--
CREATE SCHEMA sizes;
SET search_path = sizes, public;
CREATE TABLE e (a int, b text) USING eventstore;
CREATE TABLE h (a int, b text) USING heap;
-- An empty table has no blocks.
SELECT pg_relation_size('e') AS main, pg_table_size('e') = pg_table_size('h') AS "table as heap", pg_total_relation_size('e') = pg_total_relation_size('h') AS "all as heap";
INSERT INTO e VALUES (1, 'one');
-- One row: the block of the table's own and one of rows.
SELECT pg_relation_size('e') >= 2 * 8192 AS main;
-- 1000 commits of one row take heap's room and a page.
CREATE PROCEDURE fill(store regclass, n int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..n LOOP
		EXECUTE format('INSERT INTO %s VALUES ($1, $2)', store) USING i, 'event ' || i;
		COMMIT;
	END LOOP;
END $$;
TRUNCATE e, h;
CALL fill('e', 1000);
CALL fill('h', 1000);
VACUUM e, h;
SELECT pg_total_relation_size('e') <= pg_total_relation_size('h') + 8192 AS "no more than heap and a page";
-- No free space map and no visibility map, ever.
INSERT INTO e SELECT g, repeat('x', g % 500) FROM generate_series(1, 20000) g;
VACUUM (FREEZE, ANALYZE) e;
SELECT pg_relation_size('e', 'fsm') AS fsm, pg_relation_size('e', 'vm') AS vm, pg_relation_size('e', 'init') AS init;
INSERT INTO h SELECT g, repeat('x', g % 500) FROM generate_series(1, 20000) g;
SELECT pg_relation_size('e') <= 1.15 * pg_relation_size('h') AS "about as heap";
SELECT pg_relation_size('e') % 8192 AS rest, relpages * 8192::bigint = pg_relation_size('e') AS relpages FROM pg_class WHERE oid = 'e'::regclass;
SELECT pg_relation_filepath('e') = pg_relation_filepath('e'::regclass::oid) AS path, pg_size_pretty(pg_total_relation_size('e')) <> '' AS pretty;
-- Indexes and large values count as anywhere.
CREATE INDEX e_a ON e (a);
INSERT INTO e SELECT 0, string_agg(md5(g::text), '') FROM generate_series(1, 10000) g;
SELECT pg_indexes_size('e') = pg_relation_size('e_a') AS indexes, pg_table_size('e') > pg_relation_size('e') + 300000 AS large,
	pg_total_relation_size('e') = pg_table_size('e') + pg_indexes_size('e') AS total;
-- Rolled back rows have their room; TRUNCATE gives all back; VACUUM FULL the unused.
SELECT pg_relation_size('e') AS size \gset
BEGIN;
INSERT INTO e SELECT g, repeat('x', g % 500) FROM generate_series(1, 10000) g;
ROLLBACK;
SELECT pg_relation_size('e') > :size AS larger;
VACUUM FULL e;
VACUUM e;
SELECT pg_relation_size('e') <= :size AS "as before";
TRUNCATE e;
SELECT pg_relation_size('e') AS main;
-- A table that was only rolled back into.
CREATE TABLE undone (a int) USING eventstore;
BEGIN;
INSERT INTO undone SELECT generate_series(1, 100000);
ROLLBACK;
VACUUM FULL undone;
SELECT pg_relation_size('undone') <= 2 * 8192 AS small;

SELECT * FROM twin.verify('sizes');
SET client_min_messages = warning;
DROP SCHEMA sizes CASCADE;
