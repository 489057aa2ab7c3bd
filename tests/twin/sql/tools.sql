--
-- What the tools say that look into files: of event tables little or nothing,
-- but of their indexes and of their TOAST tables what they say of others.
--
-- Needs: pageinspect pgstattuple pg_visibility pg_freespacemap pgrowlocks pg_surgery amcheck pg_prewarm pg_buffercache
--
CREATE EXTENSION pageinspect;
CREATE EXTENSION pgstattuple;
CREATE EXTENSION pg_visibility;
CREATE EXTENSION pg_freespacemap;
CREATE EXTENSION pgrowlocks;
CREATE EXTENSION pg_surgery;
CREATE EXTENSION amcheck;
CREATE EXTENSION pg_prewarm;
CREATE EXTENSION pg_buffercache;
CREATE TABLE t (id int PRIMARY KEY, c int[], b text);
INSERT INTO t SELECT g, ARRAY[g, g % 10], repeat('large ', CASE WHEN g % 100 = 0 THEN 10000 ELSE 1 END) FROM generate_series(1, 2000) g;
INSERT INTO t VALUES (0, '{}', (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 1000) g));
CREATE INDEX t_gin ON t USING gin (c);
CREATE INDEX t_hash ON t USING hash (b);
VACUUM ANALYZE t;
-- the table
\set VERBOSITY sqlstate
SELECT tuple_count, dead_tuple_count FROM pgstattuple('t');
SELECT approx_tuple_count FROM pgstattuple_approx('t');
SELECT pg_relpages('t') > 0;
SELECT count(*) FROM pgrowlocks('t');
SELECT count(*) FROM verify_heapam('t');
SELECT heap_force_freeze('t', ARRAY['(0,1)']::tid[]);
SELECT heap_force_kill('t', ARRAY['(4000000,1)']::tid[]);
SELECT count(*) > 0 FROM pg_visibility_map('t');
SELECT all_visible > 0 FROM pg_visibility_map_summary('t');
SELECT count(*) > 0 FROM pg_visibility('t');
SELECT count(*) FROM pg_check_visible('t');
SELECT count(*) FROM pg_check_frozen('t');
SELECT pg_truncate_visibility_map('t');
SELECT count(*) > 0, max(avail) > 8192 FROM pg_freespace('t');
SELECT pg_prewarm('t', 'buffer') > 0, pg_prewarm('t', 'read') > 0, pg_prewarm('t', 'prefetch') > 0;
SELECT count(*) > 0 FROM pg_buffercache WHERE relfilenode = pg_relation_filenode('t') AND relforknumber = 0;
SELECT length(get_raw_page('t', 0)), lower > 0, pagesize FROM page_header(get_raw_page('t', 0));
SELECT length(get_raw_page('t', 'fsm', 0));
\set VERBOSITY verbose
-- its TOAST table
SELECT reltoastrelid::regclass AS toast FROM pg_class WHERE relname = 't' \gset
SELECT tuple_count > 0, dead_tuple_count FROM pgstattuple(:'toast');
SELECT count(*) FROM verify_heapam(:'toast');
SELECT count(*) > 0 FROM pg_visibility_map(:'toast');
SELECT amname FROM pg_am a JOIN pg_class c ON a.oid = c.relam WHERE c.oid = :'toast'::regclass;
-- its indexes
SELECT bt_index_check('t_pkey', true), bt_index_parent_check('t_pkey', true, true);
SELECT tree_level > 0, leaf_pages > 0, deleted_pages FROM pgstatindex('t_pkey');
SELECT pending_tuples FROM pgstatginindex('t_gin');
SELECT live_items, dead_items FROM pgstathashindex('t_hash');
SELECT type, live_items > 0 FROM bt_page_stats('t_pkey', 1);
SELECT magic FROM bt_metap('t_pkey');
\d t
SELECT pg_describe_object('pg_class'::regclass, 't'::regclass, 0), (pg_identify_object('pg_class'::regclass, 't'::regclass, 2)).identity;
SELECT refclassid::regclass, deptype FROM pg_depend WHERE objid = 't'::regclass AND refclassid = 'pg_extension'::regclass;
SELECT has_table_privilege('t', 'UPDATE'), has_table_privilege('t', 'DELETE'), pg_relation_is_updatable('t', false);
SELECT twin.damage('t');
