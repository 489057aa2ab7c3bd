--
-- ANALYZE, and what the planner knows without it.
--
CREATE SCHEMA stats;
SET search_path = stats, public;
CREATE FUNCTION estimated(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
CREATE FUNCTION near(n numeric, truth numeric, part numeric DEFAULT 0.1) RETURNS boolean LANGUAGE sql AS
	$$ SELECT n BETWEEN truth * (1 - part) - 1 AND truth * (1 + part) + 1 $$;

-- Before ANALYZE the number of rows is already about right, narrow or wide.
CREATE TABLE narrow (a int) USING eventstore WITH (autovacuum_enabled = off);
CREATE TABLE wide (a int, b text) USING eventstore WITH (autovacuum_enabled = off);
SELECT estimated('SELECT * FROM stats.narrow') < 3000 AS empty;
INSERT INTO narrow SELECT generate_series(1, 50000);
INSERT INTO wide SELECT g, repeat(md5(g::text), 40) FROM generate_series(1, 5000) g;
SELECT near(estimated('SELECT * FROM stats.narrow'), 50000) AS narrow, near(estimated('SELECT * FROM stats.wide'), 5000) AS wide;
SELECT reltuples FROM pg_class WHERE oid = 'narrow'::regclass;

-- ANALYZE: the number of rows, with and without rows that were undone.
ANALYZE narrow, wide;
SELECT relname, near(reltuples::numeric, CASE relname WHEN 'narrow' THEN 50000 ELSE 5000 END) AS near,
	relpages = pg_relation_size(oid) / 8192 AS pages
FROM pg_class WHERE oid IN ('narrow'::regclass, 'wide'::regclass) ORDER BY 1;
-- More rows come: the estimate grows with the table.
INSERT INTO narrow SELECT generate_series(50001, 100000);
SELECT near(estimated('SELECT * FROM stats.narrow'), 100000) AS near;
-- Rows that were undone do not count once that is known.
BEGIN;
INSERT INTO narrow SELECT -generate_series(1, 50000);
ROLLBACK;
ANALYZE narrow;
SELECT near(reltuples::numeric, 100000) AS near FROM pg_class WHERE oid = 'narrow'::regclass;
SELECT near(estimated('SELECT * FROM stats.narrow'), 100000) AS all,
	near(estimated('SELECT * FROM stats.narrow WHERE a BETWEEN 10000 AND 20000'), 10000, 0.2) AS part,
	estimated('SELECT * FROM stats.narrow WHERE a < 0') < 100 AS undone;
VACUUM narrow;
SELECT near(estimated('SELECT * FROM stats.narrow'), 100000) AS "after VACUUM";

-- What it finds out about columns, from a table larger than its sample too.
CREATE TABLE cols (asc_ int, desc_ int, mixed int, few int, one text, nulls int, arr int[], wide text) USING eventstore;
INSERT INTO cols SELECT g, -g, g * 7919 % 10007, g % 5, 'same', CASE WHEN g % 4 = 0 THEN g END, ARRAY[g % 3], repeat('w', 1000 + g % 100)
FROM generate_series(1, 10000) g;
SET default_statistics_target = 10;
ANALYZE cols;
SELECT attname, CASE WHEN attname <> 'few' THEN round(correlation::numeric, 1) END AS correlation, near(null_frac::numeric * 100, CASE attname WHEN 'nulls' THEN 75 ELSE 0 END) AS nulls,
	CASE WHEN n_distinct < -0.5 THEN 'many' WHEN n_distinct BETWEEN 1 AND 5 THEN n_distinct::text ELSE 'some' END AS "distinct",
	CASE WHEN attname IN ('few', 'one') THEN cardinality(most_common_freqs) END AS common
FROM pg_stats WHERE schemaname = 'stats' AND tablename = 'cols' AND attname NOT IN ('arr', 'mixed', 'wide') ORDER BY attname;
SELECT abs(correlation) < 0.3 AS mixed FROM pg_stats WHERE tablename = 'cols' AND attname = 'mixed';
SELECT avg_width BETWEEN 1000 AND 1110 AS width FROM pg_stats WHERE tablename = 'cols' AND attname = 'wide';
SELECT most_common_elems FROM pg_stats WHERE tablename = 'cols' AND attname = 'arr';
-- The whole range is sampled, not its beginning.
SELECT (histogram_bounds::text::int[])[1] < 1000 AS first, (histogram_bounds::text::int[])[11] > 9000 AS last FROM pg_stats WHERE tablename = 'cols' AND attname = 'asc_';
RESET default_statistics_target;

-- Part of the columns, extended statistics, an expression index, a partitioned table, own rows.
CREATE STATISTICS s (dependencies, ndistinct, mcv) ON few, mixed FROM cols;
CREATE INDEX ON cols ((mixed % 7));
ANALYZE cols (few, mixed);
ANALYZE cols;
SELECT stxdndistinct IS NOT NULL AS made FROM pg_statistic_ext_data d JOIN pg_statistic_ext x ON d.stxoid = x.oid WHERE stxname = 's';
SELECT n_distinct FROM pg_stats WHERE tablename = 'cols_expr_idx';
CREATE TABLE p (a int, b int) PARTITION BY LIST (b);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) USING eventstore;
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) USING heap;
INSERT INTO p SELECT g, g % 2 + 1 FROM generate_series(1, 5000) g;
ANALYZE p;
SELECT inherited, n_distinct FROM pg_stats WHERE tablename = 'p' AND attname = 'b';
SELECT relname, reltuples FROM pg_class WHERE relname IN ('p', 'p1') AND relnamespace = 'stats'::regnamespace ORDER BY 1;
BEGIN;
CREATE TABLE own (a int) USING eventstore;
INSERT INTO own SELECT generate_series(1, 3000);
SAVEPOINT s;
INSERT INTO own SELECT generate_series(1, 3000);
ROLLBACK TO s;
ANALYZE own;
SELECT reltuples FROM pg_class WHERE oid = 'own'::regclass;
SELECT near(estimated('SELECT * FROM stats.own WHERE a <= 300'), 300, 0.2) AS near;
COMMIT;
-- Nothing to see.
CREATE TABLE empty (a int) USING eventstore;
ANALYZE empty;
SELECT relpages, reltuples FROM pg_class WHERE oid = 'empty'::regclass;
CREATE TABLE undone (a int) USING eventstore;
BEGIN;
INSERT INTO undone SELECT generate_series(1, 3000);
ROLLBACK;
ANALYZE undone;
SELECT reltuples FROM pg_class WHERE oid = 'undone'::regclass;
-- What was counted for autovacuum.
SELECT pg_stat_force_next_flush();
SELECT n_tup_ins, n_tup_upd, n_tup_del, n_dead_tup >= 0 AS dead FROM pg_stat_user_tables WHERE relid = 'wide'::regclass;

SELECT * FROM twin.verify('stats');
SET client_min_messages = warning;
DROP SCHEMA stats CASCADE;
