--
-- Every kind of index, in every form, over rows that committed, aborted, were
-- prepared, and came before and after it; each query by every kind of scan.
--
CREATE EXTENSION bloom;
CREATE EXTENSION btree_gist;
CREATE EXTENSION btree_gin;
CREATE EXTENSION pg_trgm;
CREATE TABLE t (a int, b text, c int[], p point, r int4range, d date, n numeric, big text);
CREATE FUNCTION fill(first int, last int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO t SELECT g, CASE WHEN g % 11 <> 0 THEN 'row ' || g % 97 END, ARRAY[g % 7, g % 13], point(g % 50, g % 31),
		int4range(g, g + g % 5), date '2020-01-01' + g % 400, g / 7.0, repeat(g::text, g % 20)
	FROM generate_series(first, last) g;
$$;
SELECT fill(1, 2000);
BEGIN;
SELECT fill(2001, 3000);
ROLLBACK;
BEGIN;
SELECT fill(3001, 3500);
SAVEPOINT a;
SELECT fill(3501, 4000);
ROLLBACK TO a;
SELECT fill(4001, 4100);
RELEASE a;
COMMIT;
BEGIN;
SELECT fill(4101, 4150);
PREPARE TRANSACTION 'committed before';
BEGIN;
SELECT fill(4151, 4160);
PREPARE TRANSACTION 'rolled back before';
COMMIT PREPARED 'committed before';
ROLLBACK PREPARED 'rolled back before';

-- btree
CREATE INDEX t_a ON t (a);
CREATE INDEX t_a_desc ON t (a DESC NULLS LAST, b);
CREATE INDEX t_b_part ON t (b) WHERE a % 2 = 0;
CREATE INDEX t_expr ON t ((a / 10), upper(b));
CREATE INDEX t_incl ON t (d) INCLUDE (a, n);
CREATE UNIQUE INDEX t_a_unique ON t (a);
CREATE UNIQUE INDEX t_n_unique ON t (n) INCLUDE (b) WITH (fillfactor = 60, deduplicate_items = off);
CREATE INDEX t_b_pattern ON t (b text_pattern_ops);
BEGIN;
SELECT fill(4161, 4200);
PREPARE TRANSACTION 'committed later';
BEGIN;
SELECT fill(4201, 4300);
PREPARE TRANSACTION 'rolled back later';
SELECT * FROM twin.scans('SELECT a FROM t WHERE a > 4100');
COMMIT PREPARED 'committed later';
ROLLBACK PREPARED 'rolled back later';
SELECT fill(4301, 4500);
ANALYZE t;
SELECT count(*), sum(a) FROM t;
SELECT * FROM twin.scans('SELECT * FROM t WHERE a BETWEEN 1990 AND 4250');
SELECT * FROM twin.scans('SELECT a FROM t WHERE a > 2900');
SELECT * FROM twin.scans('SELECT a, b FROM t WHERE a = ANY (''{1,77,2500,3400,3600,4150,4250,4400}'')');
SELECT * FROM twin.scans('SELECT * FROM t WHERE b = ''row 5'' AND a % 2 = 0');
SELECT * FROM twin.scans('SELECT a / 10, upper(b) FROM t WHERE a / 10 BETWEEN 200 AND 430');
SELECT * FROM twin.scans('SELECT d, a, n FROM t WHERE d < ''2020-02-01''');
SELECT * FROM twin.scans('SELECT n, b FROM t WHERE n < 300');
SELECT * FROM twin.scans('SELECT * FROM t WHERE b LIKE ''row 1%''');
SELECT * FROM twin.scans('SELECT a FROM t WHERE b IS NULL AND a > 100');
SELECT * FROM twin.scans('SELECT a FROM t WHERE (a, b) < (100, ''row 5'')');
SELECT a FROM t ORDER BY a DESC LIMIT 3;
SELECT min(a), max(a), min(n), max(n), min(d), max(d) FROM t;
INSERT INTO t (a) VALUES (2000);
INSERT INTO t (a) VALUES (2500) RETURNING a, b;
INSERT INTO t (a, n) VALUES (-1, 10 / 7.0);

CREATE UNIQUE INDEX t_nulls ON t (big) NULLS NOT DISTINCT WHERE a IN (-2, -3);
INSERT INTO t (a, n) VALUES (-2, NULL);
INSERT INTO t (a, n) VALUES (-3, NULL);
INSERT INTO t (a, n) VALUES (-4, NULL);
SELECT * FROM twin.scans('SELECT a FROM t WHERE n IS NULL');
SELECT a FROM t ORDER BY a DESC NULLS LAST, b OFFSET 2890 LIMIT 2;

-- hash
CREATE INDEX t_hash ON t USING hash (b);
CREATE INDEX t_hash_part ON t USING hash (a) WHERE a < 1000;
SELECT fill(4501, 4600);
SELECT * FROM twin.scans('SELECT * FROM t WHERE b = ''row 5''');
SELECT * FROM twin.scans('SELECT * FROM t WHERE a = 77 AND a < 1000');

-- GIN
CREATE INDEX t_gin ON t USING gin (c);
CREATE INDEX t_gin_trgm ON t USING gin (b gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX t_gin_btree ON t USING gin (a, c);
BEGIN;
SELECT fill(5000, 5400);
ROLLBACK;
SELECT fill(4601, 4700);
SELECT * FROM twin.scans('SELECT * FROM t WHERE c @> ''{3,4}''');
SELECT * FROM twin.scans('SELECT * FROM t WHERE c && ''{6,12}'' AND b LIKE ''%w 9%''');
SELECT * FROM twin.scans('SELECT * FROM t WHERE c = ''{1,1}''');
SELECT * FROM twin.scans('SELECT * FROM t WHERE b ILIKE ''%OW 33%'' OR b = ''row 1''');
VACUUM t;
SELECT gin_clean_pending_list('t_gin');
SELECT * FROM twin.scans('SELECT * FROM t WHERE c @> ''{3,4}''');

-- GiST
CREATE INDEX t_gist_point ON t USING gist (p);
CREATE INDEX t_gist_range ON t USING gist (r) INCLUDE (a);
CREATE INDEX t_gist_trgm ON t USING gist (b gist_trgm_ops);
CREATE INDEX t_gist_buffered ON t USING gist (p) WITH (buffering = on);
SELECT fill(4701, 4800);
SELECT * FROM twin.scans('SELECT * FROM t WHERE p <@ box ''(10,10),(12,14)''');
SELECT * FROM twin.scans('SELECT r, a FROM t WHERE r && int4range(1990, 3010)');
SELECT * FROM twin.scans('SELECT a FROM t WHERE r @> 4444');
SELECT p <-> point '3,3' AS distance, count(*) FROM
	(SELECT p FROM t ORDER BY p <-> point '3,3' LIMIT 200) near GROUP BY 1 ORDER BY 1;
SELECT round((b <-> 'row 42')::numeric, 4) FROM t ORDER BY b <-> 'row 42' LIMIT 3;

-- SP-GiST
DROP INDEX t_gist_point, t_gist_buffered, t_gist_range;
CREATE INDEX t_spgist_point ON t USING spgist (p);
CREATE INDEX t_spgist_kd ON t USING spgist (p kd_point_ops) INCLUDE (a);
CREATE INDEX t_spgist_text ON t USING spgist (b);
CREATE INDEX t_spgist_range ON t USING spgist (r);
SELECT fill(4801, 4900);
SELECT * FROM twin.scans('SELECT * FROM t WHERE p <@ box ''(10,10),(12,14)''');
SELECT * FROM twin.scans('SELECT p, a FROM t WHERE p <@ box ''(1,1),(2,4)''');
SELECT * FROM twin.scans('SELECT * FROM t WHERE b ^@ ''row 2''');
SELECT * FROM twin.scans('SELECT r FROM t WHERE r @> 1234');
SELECT p <-> point '40,3' AS distance FROM t ORDER BY p <-> point '40,3' LIMIT 5;

-- BRIN
CREATE INDEX t_brin ON t USING brin (a) WITH (pages_per_range = 2);
CREATE INDEX t_brin_multi ON t USING brin (a int4_minmax_multi_ops, d date_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX t_brin_bloom ON t USING brin (b text_bloom_ops) WITH (pages_per_range = 1);
CREATE INDEX t_brin_range ON t USING brin (r range_inclusion_ops);
DROP INDEX t_a, t_a_desc, t_a_unique, t_gin_btree, t_expr, t_spgist_text, t_b_pattern, t_gin_trgm, t_gist_trgm, t_hash, t_b_part,
	t_spgist_range, t_incl;
SELECT fill(4901, 6000);
SELECT * FROM twin.scans('SELECT * FROM t WHERE a BETWEEN 1990 AND 4250');
SELECT * FROM twin.scans('SELECT * FROM t WHERE b = ''row 5''');
SELECT * FROM twin.scans('SELECT * FROM t WHERE r @> 1234');
SELECT * FROM twin.scans('SELECT * FROM t WHERE d = ''2020-03-03''');
SELECT brin_summarize_new_values('t_brin') IS NOT NULL;
SELECT brin_summarize_new_values('t_brin');
SELECT brin_desummarize_range('t_brin', 0);
SELECT brin_summarize_range('t_brin', 0);
SELECT brin_summarize_range('t_brin', 4294967295);
SELECT * FROM twin.scans('SELECT * FROM t WHERE a BETWEEN 1990 AND 4250');

-- bloom
CREATE INDEX t_bloom ON t USING bloom (a, b) WITH (length = 64);
SELECT fill(6001, 6100);
SELECT * FROM twin.scans('SELECT * FROM t WHERE a = 3333');
SELECT * FROM twin.scans('SELECT * FROM t WHERE b = ''row 5''');
SELECT * FROM twin.scans('SELECT * FROM t WHERE a = 6042 AND b = ''row 28''');

-- Several at once: ANDed and ORed bitmaps.
CREATE INDEX t_a ON t (a);
CREATE INDEX t_d ON t (d);
SELECT * FROM twin.scans('SELECT * FROM t WHERE a < 3000 AND d < ''2020-03-01'' AND c @> ''{1}''');
SELECT * FROM twin.scans('SELECT * FROM t WHERE a < 100 OR d = ''2020-03-01'' OR c @> ''{6,12}''');

-- What each index is afterwards.
VACUUM ANALYZE t;
SELECT indexrelid::regclass, indisvalid, indisready, indislive, indcheckxmin FROM pg_index WHERE indrelid = 't'::regclass ORDER BY indexrelid::regclass::text;
SELECT relname, reltuples FROM pg_class WHERE relname ~ '^t(_a|_d|_n_unique|_gin)?$' ORDER BY 1;
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1;
REINDEX TABLE t;
SELECT * FROM twin.scans('SELECT a FROM t WHERE a > 2900');
SELECT * FROM twin.scans('SELECT * FROM t WHERE c @> ''{3,4}''');
SELECT twin.hash('t');
SELECT twin.damage('t');
