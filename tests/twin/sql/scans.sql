--
-- Every kind of scan: rows, their order where it has one, backwards, from the
-- middle, again.
--
CREATE TABLE t (id int, k int, txt text);
INSERT INTO t SELECT g, g % 100, rpad(g::text, 90, 'x') FROM generate_series(1, 10000) g;
BEGIN;
INSERT INTO t SELECT g, g % 100, 'gone' FROM generate_series(10001, 11000) g;
ROLLBACK;
INSERT INTO t SELECT g, g % 100, rpad(g::text, 90, 'y') FROM generate_series(11001, 12000) g;
CREATE INDEX t_id ON t (id);
CREATE INDEX t_k ON t (k);
VACUUM ANALYZE t;
SELECT * FROM twin.scans('SELECT * FROM t WHERE id BETWEEN 9900 AND 11100');
SELECT * FROM twin.scans('SELECT * FROM t WHERE k = 7');
SELECT * FROM twin.scans('SELECT id, k, length(txt) FROM t WHERE k > 20 AND k < 95');
SELECT * FROM twin.scans('SELECT k FROM t WHERE k IN (1, 5, 99)');
-- order
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY id DESC LIMIT 5) s;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id <= 11003 ORDER BY id DESC LIMIT 5) s;
SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY id OFFSET 9998 LIMIT 5) s;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id > 9998 ORDER BY id LIMIT 5) s;
RESET ALL;
-- rows come in the order in which they were inserted, here on heap too
SELECT count(*) FROM (SELECT id, lag(id) OVER () AS before FROM t) s WHERE id <= before;
-- bitmaps that forget rows
SET work_mem = '64kB';
SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT count(*), sum(id), sum(length(txt)) FROM t WHERE k < 50;
SELECT count(*), sum(id) FROM t WHERE k < 50 AND id > 5000;
SELECT count(*), sum(id) FROM t WHERE k = 3 OR id BETWEEN 100 AND 11500;
SET effective_io_concurrency = 100;
SELECT count(*), sum(id) FROM t WHERE k < 50 AND id > 5000;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SELECT count(*), sum(id) FROM t WHERE k < 50;
SET enable_indexscan = on;
SET enable_bitmapscan = off;
SELECT count(*), sum(id), sum(length(txt)) FROM t WHERE id > 10;
-- its name until 15, and since 16
SET force_parallel_mode = on;
SET debug_parallel_query = on;
SELECT count(*), sum(id), min(txt), max(k) FROM t;
SELECT k, count(*) FROM t WHERE id > 11900 GROUP BY k ORDER BY k LIMIT 3;
SET parallel_leader_participation = off;
SELECT count(*), sum(id), min(txt), max(k) FROM t;
RESET ALL;
-- TIDs: what they are is not the same, that they lead to their row is
SELECT count(*) FROM t a JOIN t b ON a.ctid = b.ctid WHERE a.id = b.id;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT count(*) FROM t a JOIN t b ON a.ctid = b.ctid WHERE a.id = b.id AND a.id < 300;
RESET enable_hashjoin;
RESET enable_mergejoin;
SELECT ctid AS first FROM t WHERE id = 1 \gset
SELECT ctid AS last FROM t WHERE id = 12000 \gset
SELECT ctid AS middle FROM t WHERE id = 5000 \gset
SELECT id FROM t WHERE ctid = :'first';
SELECT id FROM t WHERE ctid = ANY (ARRAY[:'last', :'first', :'middle', :'first', '(0,0)', '(4294967295,1)', NULL]::tid[]) ORDER BY 1;
SELECT id FROM t WHERE ctid = '(999999,1)' OR ctid = :'last' OR id = 3 ORDER BY 1;
SELECT id FROM t WHERE ctid = '(0,0)';
SELECT id FROM t WHERE ctid = '(4294967295,65535)';
SELECT id FROM t WHERE ctid = NULL;
SELECT id FROM t WHERE ctid <> ALL (ARRAY[:'first']::tid[]) ORDER BY id LIMIT 1;
SELECT count(*), min(id), max(id) FROM t WHERE ctid >= :'middle';
SELECT count(*), min(id), max(id) FROM t WHERE ctid > :'middle' AND ctid < :'last';
SELECT count(*), min(id), max(id) FROM t WHERE ctid <= :'middle';
SELECT count(*) FROM t WHERE ctid < :'first';
SELECT count(*) FROM t WHERE ctid > :'last';
SELECT count(*) FROM t WHERE ctid > '(4294967295,0)';
SELECT count(*) FROM t WHERE ctid >= '(0,0)' AND ctid < '(4294967295,65535)';
SELECT count(*) FROM t WHERE ctid > :'last' AND ctid < :'first';
SELECT count(*) FROM t WHERE ctid < NULL;
SELECT count(*) FROM t WHERE ctid BETWEEN :'middle' AND :'last' AND id <= 10000;
SELECT max(ctid) = :'last', min(ctid) = :'first' FROM t;
SELECT id FROM t WHERE ctid = (SELECT ctid FROM t WHERE id = 77);
SELECT o.id, (SELECT i.id FROM t i WHERE i.ctid = o.ctid) FROM t o WHERE o.id IN (1, 300, 11500) ORDER BY 1;
SELECT o.id, l.n FROM t o, LATERAL (SELECT count(*) AS n FROM t i WHERE i.ctid < o.ctid AND i.id <= 10000) l WHERE o.id IN (1, 300, 9999) ORDER BY 1;
SELECT count(*) FROM t WHERE ctid IN (SELECT ctid FROM t WHERE k = 7);
SELECT currtid2('t'::text, :'middle'::tid) = :'middle'::tid;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM t WHERE ctid >= :'middle' AND ctid < :'last';
FETCH 2 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH LAST FROM c;
FETCH PRIOR FROM c;
MOVE FIRST FROM c;
FETCH NEXT FROM c;
DECLARE d SCROLL CURSOR FOR SELECT id FROM t WHERE ctid IN (:'first', :'middle', :'last');
FETCH ALL FROM d;
FETCH BACKWARD ALL FROM d;
COMMIT;
-- a scan again and again
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SET enable_material = off;
SELECT count(*), sum(a.id) FROM t a JOIN t b ON b.id = a.id + 1 WHERE a.k < 3;
SET enable_indexscan = off;
SELECT count(*), sum(a.id) FROM t a JOIN t b ON b.id = a.id + 1 WHERE a.k = 3 AND a.id < 700;
SET enable_bitmapscan = off;
SELECT count(*), sum(a.id) FROM t a JOIN t b ON b.id = a.id + 1 WHERE a.k = 3 AND a.id < 700;
SELECT (SELECT count(*) FROM t b WHERE b.id < a.id) FROM t a WHERE a.id IN (5, 10000, 11001) ORDER BY 1;
-- many rows by many workers
CREATE TABLE many (id int, k int, v text);
INSERT INTO many SELECT g, g % 1000, md5(g::text) FROM generate_series(1, 100000) g;
CREATE INDEX many_id ON many (id);
CREATE INDEX many_k ON many (k);
VACUUM ANALYZE many;
RESET ALL;
SET max_parallel_workers_per_gather = 4;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SELECT count(*), sum(id), sum(hashtext(v)) FROM many;
SELECT count(*), sum(m.id) FROM many m JOIN many n ON n.id = m.id + 1 WHERE n.v < '8';
SELECT count(*), sum(c) FROM (SELECT k, count(*) AS c FROM many GROUP BY k) s;
SET enable_seqscan = off;
SELECT count(*), sum(id) FROM many WHERE id BETWEEN 20000 AND 80000 AND v > '8';
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SELECT count(*), sum(id) FROM many WHERE k BETWEEN 200 AND 300;
SET work_mem = '64kB';
SELECT count(*), sum(id) FROM many WHERE k BETWEEN 200 AND 800;
SELECT count(*), sum(id) FROM (SELECT * FROM many WHERE k < 100 ORDER BY v OFFSET 100) s;
RESET ALL;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
INSERT INTO many SELECT g, 0, 'own' FROM generate_series(100001, 100100) g;
SAVEPOINT s;
INSERT INTO many SELECT g, 0, 'gone' FROM generate_series(100101, 100200) g;
ROLLBACK TO s;
SELECT count(*), sum(id) FROM many;
COMMIT;
SELECT twin.damage('t'), twin.damage('many');
