--
-- Queries over many rows: joins of every kind, aggregates, windows, samples,
-- and the plans that are chosen for them after ANALYZE.
--
CREATE TABLE t (id int PRIMARY KEY, k int, r float8, v text, nul int);
INSERT INTO t SELECT g, g % 50, sin(g), md5(g::text), CASE WHEN g % 4 = 0 THEN g END FROM generate_series(1, 5000) g;
CREATE TABLE u (id int PRIMARY KEY, t_id int, what text);
INSERT INTO u SELECT g, g * 3, 'u' || g % 7 FROM generate_series(1, 3000) g;
CREATE INDEX t_k ON t (k);
CREATE INDEX u_t ON u (t_id);
VACUUM ANALYZE t, u;
-- joins
SELECT count(*), sum(t.id) FROM t JOIN u ON u.t_id = t.id;
SET enable_mergejoin = off;
SET enable_nestloop = off;
SET work_mem = '64kB';
SELECT count(*), sum(t.id), min(v) FROM t JOIN u ON u.t_id = t.id;
SELECT count(*), count(u.id) FROM t LEFT JOIN u ON u.t_id = t.id;
SELECT count(*), count(u.id), count(t.id) FROM t FULL JOIN u ON u.t_id = t.id;
SELECT count(*) FROM t a JOIN t b ON a.k = b.k AND a.id < b.id WHERE a.id < 500;
SET enable_mergejoin = on;
SET enable_hashjoin = off;
SELECT count(*), sum(t.id), min(v) FROM t JOIN u ON u.t_id = t.id;
SELECT count(*), sum(a.id) FROM (SELECT * FROM t ORDER BY k) a JOIN (SELECT * FROM t ORDER BY k) b ON a.k = b.k WHERE a.k < 5;
SET enable_sort = off;
SET enable_material = off;
SELECT count(*), sum(a.id + b.id) FROM t a JOIN t b ON a.k = b.k WHERE a.k < 3;
RESET enable_sort;
RESET enable_material;
SET enable_mergejoin = off;
SET enable_nestloop = on;
SELECT count(*), sum(t.id) FROM t JOIN u ON u.t_id = t.id;
SELECT count(*) FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.t_id = t.id);
SELECT count(*) FROM t WHERE id IN (SELECT t_id FROM u WHERE what = 'u3');
SELECT count(*), sum(l.n) FROM t, LATERAL (SELECT count(*) AS n FROM u WHERE u.t_id BETWEEN t.id AND t.id + 9) l WHERE t.k = 7;
SELECT t.id, l.id FROM t LEFT JOIN LATERAL (SELECT id FROM u WHERE u.t_id > t.id ORDER BY t_id LIMIT 1) l ON true WHERE t.id % 1000 = 0 ORDER BY 1;
RESET ALL;
-- aggregates, windows, sets
SELECT k % 5 AS five, count(*), count(nul), round(sum(r)::numeric, 6), max(v) FROM t GROUP BY 1 ORDER BY 1;
SELECT k, k % 2, grouping(k, k % 2), count(*) FROM t WHERE k < 4 GROUP BY CUBE (k, k % 2) ORDER BY 1, 2, 3;
SELECT k, count(*) FROM t GROUP BY ROLLUP (k) HAVING count(*) > 100 ORDER BY k NULLS FIRST LIMIT 2;
SELECT id, rank() OVER w, lag(id, 2) OVER w, sum(id) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)
	FROM t WHERE k < 2 WINDOW w AS (PARTITION BY k ORDER BY v) ORDER BY id LIMIT 8;
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id), mode() WITHIN GROUP (ORDER BY k), count(DISTINCT k) FROM t;
SELECT count(*) FROM (SELECT id FROM t EXCEPT SELECT t_id FROM u) s;
SELECT count(*) FROM (SELECT id FROM t INTERSECT ALL SELECT t_id FROM u) s;
SELECT count(*) FROM (SELECT k FROM t UNION SELECT t_id FROM u) s;
SELECT DISTINCT ON (k) k, id FROM t ORDER BY k, id DESC LIMIT 3;
SELECT id FROM t ORDER BY id OFFSET 10 FETCH FIRST 3 ROWS ONLY;
SELECT k FROM t ORDER BY k FETCH FIRST 1 ROW WITH TIES OFFSET 99;
WITH RECURSIVE path AS (SELECT id, t_id FROM u WHERE id = 1 UNION ALL SELECT u.id, u.t_id FROM u JOIN path ON u.id = path.t_id)
	SELECT count(*), max(t_id) FROM path;
WITH a AS MATERIALIZED (SELECT * FROM t WHERE k = 1), b AS (SELECT * FROM a WHERE id < 1000) SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);
WITH added AS (INSERT INTO u VALUES (9001, 9001, 'added') RETURNING id) SELECT (SELECT count(*) FROM u WHERE id = 9001), (SELECT id FROM added);
SELECT count(*) FROM u WHERE id = 9001;
INSERT INTO u SELECT id + 100000, t_id, what FROM u WHERE id < 4 RETURNING id % 1000, xmin = pg_current_xact_id()::xid, tableoid::regclass, cmin;
SELECT count(*) FROM t TABLESAMPLE BERNOULLI (100);
SELECT count(*) FROM t TABLESAMPLE SYSTEM (100) REPEATABLE (7);
SELECT count(*) FROM t TABLESAMPLE BERNOULLI (0);
SELECT count(*) BETWEEN 1 AND 5000 FROM t TABLESAMPLE BERNOULLI (50);
SELECT count(*) FROM t TABLESAMPLE BERNOULLI (-1);
SELECT count(*) FROM t a TABLESAMPLE SYSTEM (100), t b TABLESAMPLE BERNOULLI (100) WHERE a.id = b.id AND a.k = 3;
EXPLAIN (COSTS OFF) SELECT * FROM t TABLESAMPLE SYSTEM (10) REPEATABLE (2);
SELECT count(*) FROM t TABLESAMPLE BERNOULLI (30) REPEATABLE (3) WHERE false;
SELECT (SELECT md5(string_agg(id::text, ',')) FROM t TABLESAMPLE SYSTEM (30) REPEATABLE (3)) = (SELECT md5(string_agg(id::text, ',')) FROM t TABLESAMPLE SYSTEM (30) REPEATABLE (3));
SELECT (SELECT md5(string_agg(id::text, ',')) FROM t TABLESAMPLE BERNOULLI (30) REPEATABLE (3)) = (SELECT md5(string_agg(id::text, ',')) FROM t TABLESAMPLE BERNOULLI (30) REPEATABLE (3));
SELECT count(*) FROM t WHERE id IN (SELECT id FROM t TABLESAMPLE BERNOULLI (50) REPEATABLE (1)) AND id IN (SELECT id FROM t TABLESAMPLE BERNOULLI (0) REPEATABLE (1));
SELECT l.n FROM generate_series(1, 2) g, LATERAL (SELECT count(*) AS n FROM t TABLESAMPLE SYSTEM (100) REPEATABLE (g)) l;
CREATE EXTENSION tsm_system_rows;
CREATE EXTENSION tsm_system_time;
SELECT count(*) FROM t TABLESAMPLE SYSTEM_ROWS (100);
SELECT count(*) FROM t TABLESAMPLE SYSTEM_ROWS (10000);
SELECT count(*) FROM t TABLESAMPLE SYSTEM_TIME (60000);
-- whole rows, rows compared, rows from nowhere
SELECT t FROM t WHERE id = 5;
SELECT (t).v FROM t WHERE (t.id, t.k) = (7, 7);
SELECT count(*) FROM t a JOIN t b ON a = b WHERE a.id < 100;
SELECT count(*) FROM t WHERE (id, k) > (4990, 45);
SELECT count(*) FROM t WHERE (k, id) IN ((1, 1), (1, 51), (2, 3));
SELECT json_agg(t ORDER BY id) FROM t WHERE id IN (1, 4);
SELECT count(DISTINCT t) FROM t WHERE id < 10;
SELECT count(*) FROM t RIGHT JOIN (VALUES (1), (-1)) v (id) USING (id) WHERE t IS NULL;
-- what a scan reads
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT id FROM t WHERE id < 10;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT * FROM t WHERE id < 10 AND k > 5;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) INSERT INTO u SELECT id + 300000, k, v FROM t WHERE id < 10;
-- compiled
SET jit = on;
SET jit_above_cost = 0;
SET jit_inline_above_cost = 0;
SET jit_optimize_above_cost = 0;
SELECT count(*), sum(id), count(nul), min(v) FROM t WHERE k < 25 AND r > 0;
SELECT count(*), sum(t.id) FROM t JOIN u ON u.t_id = t.id WHERE t.v > 'a';
CREATE TABLE w AS SELECT id, k, v FROM t WHERE id < 100;
INSERT INTO w SELECT * FROM w;
SELECT count(*), max(v) FROM w WHERE id > 10;
RESET ALL;
-- plans
EXPLAIN (COSTS OFF) SELECT * FROM t;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE id = 5;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE id BETWEEN 5 AND 20;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k = 5;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k > 5;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k = 5 OR id = 7;
EXPLAIN (COSTS OFF) SELECT max(id) FROM t;
EXPLAIN (COSTS OFF) SELECT * FROM t ORDER BY id LIMIT 10;
EXPLAIN (COSTS OFF) SELECT * FROM t ORDER BY v LIMIT 10;
EXPLAIN (COSTS OFF) SELECT count(*) FROM t;
EXPLAIN (COSTS OFF) SELECT k, count(*) FROM t GROUP BY k;
EXPLAIN (COSTS OFF) SELECT * FROM t JOIN u ON u.t_id = t.id;
EXPLAIN (COSTS OFF) SELECT * FROM t JOIN u ON u.t_id = t.id WHERE t.id < 20;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE id IN (SELECT t_id FROM u WHERE id < 10);
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE ctid = '(0,1)';
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE ctid < '(2,1)';
EXPLAIN (COSTS OFF) INSERT INTO u SELECT id, id, v FROM t WHERE false;
EXPLAIN (COSTS OFF) UPDATE u SET what = '';
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE id < 10 FOR UPDATE;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE id < 10;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT count(*) FROM t;
EXPLAIN (COSTS OFF) SELECT t.k, count(*) FROM t JOIN u ON u.t_id = t.id GROUP BY t.k;
SELECT sum(n) FROM (SELECT t.k, count(*) AS n FROM t JOIN u ON u.t_id = t.id GROUP BY t.k) s;
SELECT twin.damage('t'), twin.damage('u');
