--
-- What is known of a table: statistics of columns, numbers of rows, counters,
-- sizes, system columns, functions of the catalogs.
--
CREATE TABLE t (id int, k int, n int, c text, w text) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT g, g % 10, CASE WHEN g % 4 = 0 THEN g END, 'c' || g % 3, repeat('w', g % 40) FROM generate_series(1, 2000) g;
BEGIN;
INSERT INTO t SELECT g FROM generate_series(1, 500) g;
ROLLBACK;
SELECT reltuples FROM pg_class WHERE relname = 't';
CREATE STATISTICS t_kc (dependencies, ndistinct, mcv) ON k, c FROM t;
CREATE STATISTICS t_ex ON (k % 2), (id / 100) FROM t;
ANALYZE t;
SELECT attname, null_frac, avg_width, n_distinct, most_common_vals::text, most_common_freqs, correlation > 0.99 AS sorted FROM pg_stats WHERE tablename = 't' ORDER BY attname;
SELECT attname, left(histogram_bounds::text, 40) FROM pg_stats WHERE tablename = 't' ORDER BY attname;
SELECT statistics_name, n_distinct, dependencies, array_length(most_common_vals, 1) FROM pg_stats_ext ORDER BY 1;
SELECT expr, n_distinct FROM pg_stats_ext_exprs ORDER BY expr;
SELECT reltuples FROM pg_class WHERE relname = 't';
VACUUM t;
SELECT reltuples FROM pg_class WHERE relname = 't';
INSERT INTO t SELECT g, g % 10 FROM generate_series(2001, 2500) g;
VACUUM t;
SELECT reltuples FROM pg_class WHERE relname = 't';
CREATE INDEX t_id ON t (id);
SELECT relname, reltuples FROM pg_class WHERE relname ~ '^t(_id)?$' ORDER BY 1;
VACUUM FULL t;
SELECT relname, reltuples FROM pg_class WHERE relname ~ '^t(_id)?$' ORDER BY 1;
ANALYZE t (id, k);
ANALYZE t (nothing);
VACUUM (ANALYZE, DISABLE_PAGE_SKIPPING, SKIP_LOCKED, TRUNCATE OFF, INDEX_CLEANUP OFF, PROCESS_TOAST OFF) t;
VACUUM (FREEZE) t;
SELECT age(relfrozenxid) < 10, relfrozenxid <> 0, relminmxid <> 0 FROM pg_class WHERE relname = 't';
TRUNCATE t;
SELECT reltuples FROM pg_class WHERE relname = 't';
VACUUM t;
SELECT reltuples FROM pg_class WHERE relname = 't';
CREATE TABLE empty (a int);
VACUUM ANALYZE empty;
SELECT reltuples FROM pg_class WHERE relname = 'empty';
-- how many rows are expected
CREATE FUNCTION expected(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
INSERT INTO t SELECT g, g % 10, CASE WHEN g % 4 = 0 THEN g END, 'c' || g % 3, repeat('w', g % 40) FROM generate_series(1, 2000) g;
VACUUM ANALYZE t;
SELECT expected('SELECT * FROM t'), expected('SELECT * FROM t WHERE k = 3'), expected('SELECT * FROM t WHERE id < 500'),
	expected('SELECT * FROM t WHERE n IS NULL'), expected('SELECT k, c FROM t GROUP BY 1, 2'), expected('SELECT * FROM t WHERE k = 3 AND c = ''c1''');
BEGIN;
INSERT INTO t SELECT g FROM generate_series(1, 3000) g;
ROLLBACK;
VACUUM ANALYZE t;
SELECT expected('SELECT * FROM t'), expected('SELECT * FROM t WHERE id < 500');
-- counters
CREATE TABLE s (id int PRIMARY KEY, b text) WITH (autovacuum_enabled = off);
SELECT pg_stat_reset_single_table_counters('s'::regclass);
INSERT INTO s SELECT g, 'x' FROM generate_series(1, 100) g;
BEGIN;
INSERT INTO s SELECT g, 'x' FROM generate_series(101, 150) g;
SAVEPOINT a;
INSERT INTO s SELECT g, 'x' FROM generate_series(151, 160) g;
ROLLBACK TO a;
COMMIT;
BEGIN;
INSERT INTO s SELECT g, 'x' FROM generate_series(201, 230) g;
ROLLBACK;
INSERT INTO s VALUES (1, 'x') ON CONFLICT DO NOTHING;
SELECT count(*) FROM s;
SET enable_seqscan = off;
SELECT count(b) FROM s WHERE id < 11;
SET enable_indexscan = off;
SELECT count(b) FROM s WHERE id < 11;
RESET enable_seqscan;
RESET enable_indexscan;
SELECT pg_stat_force_next_flush();
SELECT seq_scan, seq_tup_read, idx_scan, idx_tup_fetch, n_tup_ins, n_tup_upd, n_tup_del, n_live_tup, n_dead_tup, n_mod_since_analyze, n_ins_since_vacuum FROM pg_stat_user_tables WHERE relname = 's';
SELECT idx_scan, idx_tup_read, idx_tup_fetch FROM pg_stat_user_indexes WHERE relname = 's';
VACUUM ANALYZE s;
SELECT pg_stat_force_next_flush();
SELECT n_live_tup, n_dead_tup, n_mod_since_analyze, n_ins_since_vacuum, vacuum_count, analyze_count FROM pg_stat_user_tables WHERE relname = 's';
TRUNCATE s;
SELECT pg_stat_force_next_flush();
SELECT n_live_tup, n_dead_tup, n_tup_ins FROM pg_stat_user_tables WHERE relname = 's';
-- sizes: not the same, but of the same kind
SELECT pg_relation_size('t') > 8192, pg_table_size('t') >= pg_relation_size('t'), pg_total_relation_size('t') > pg_table_size('t'), pg_indexes_size('t') > 0;
SELECT pg_relation_size('t', 'main') = pg_relation_size('t'), pg_relation_size('t', 'init'), pg_relation_size('empty');
SELECT pg_relation_size('t', 'vm') > 0, pg_relation_size('t', 'fsm') > 0;
SELECT pg_relation_filepath('t') IS NOT NULL, pg_filenode_relation(0, pg_relation_filenode('t'));
SELECT pg_column_size(id), pg_column_size(c), pg_column_size(w) FROM t WHERE id = 5;
SELECT pg_column_size(t) FROM t WHERE id = 5;
CREATE TABLE small (a bigint, b text);
DO $$ BEGIN FOR i IN 1 .. 1000 LOOP INSERT INTO small VALUES (i, 'row ' || i); COMMIT; END LOOP; END $$;
SELECT pg_relation_size('small') < 100000;
-- system columns
BEGIN;
CREATE TABLE sys (a int);
INSERT INTO sys VALUES (1);
INSERT INTO sys VALUES (2), (3);
SELECT a, xmin = pg_current_xact_id()::xid, xmax, cmin, cmax, tableoid::regclass FROM sys ORDER BY a;
SAVEPOINT a;
INSERT INTO sys VALUES (4);
RELEASE a;
SELECT a, xmin = pg_current_xact_id()::xid, cmin FROM sys ORDER BY a;
COMMIT;
SELECT count(DISTINCT xmin::text), count(DISTINCT ctid), max(xmax::text) FROM sys;
SELECT pg_xact_status(xmin::text::xid8) FROM sys WHERE a = 1;
SELECT a FROM sys WHERE xmin = (SELECT xmin FROM sys WHERE a = 4);
VACUUM FREEZE sys;
SELECT count(*) FROM sys WHERE xmin = 0;
-- what a row lock leaves: marks in the row, or entries of the lock table
BEGIN;
SELECT a FROM sys WHERE a < 3 ORDER BY a FOR UPDATE;
SELECT count(*) FROM sys WHERE xmax <> 0;
SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'object' AND classid = 'sys'::regclass;
ROLLBACK;
SELECT oid FROM sys;
SELECT count(*) FROM sys WHERE ctid IS NULL;
SELECT (SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum < 0);
-- for tools
SELECT pg_get_serial_sequence('t', 'id'), row_security_active('t'), pg_table_is_visible('t'::regclass);
SELECT relkind, relpersistence, relhasindex, relispopulated, relreplident FROM pg_class WHERE relname = 't';
SELECT table_type, is_insertable_into FROM information_schema.tables WHERE table_name = 't';
\d+ t
SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass;
SELECT txid_current_if_assigned() IS NULL;
SELECT twin.damage('t'), twin.damage('s'), twin.damage('sys');
