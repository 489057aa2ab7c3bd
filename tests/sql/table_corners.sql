-- Corners of the access method: each of these once gave a wrong answer.
CREATE SCHEMA corners;
SET search_path = corners, public;

-- CREATE TABLE AS and REFRESH hand in a slot that a plan's node still compares
-- the next row with: what the storage supplies must not be written into it.
CREATE TABLE staging (position bigint DEFAULT 0, entity_id text, event_id uuid DEFAULT '00000000-0000-0000-0000-000000000000', event_type text);
INSERT INTO staging (entity_id, event_type) SELECT 'e' || g % 10, 't' FROM generate_series(1, 1000) g;
SET enable_hashagg = off;
CREATE TABLE made USING eventstore AS SELECT DISTINCT * FROM staging;
SELECT count(*), min(position), max(position), count(DISTINCT event_id) FROM made;
CREATE MATERIALIZED VIEW viewed USING eventstore AS SELECT DISTINCT * FROM staging;
SELECT count(*) FROM viewed;
UPDATE staging SET position = NULL;
REFRESH MATERIALIZED VIEW viewed;
SELECT count(*), min(position), max(position) FROM viewed;
RESET enable_hashagg;

-- A partition key does not become a column that the storage supplies by way of
-- a new name, at any depth.
CREATE TABLE parts (entity_id text, pos bigint NOT NULL DEFAULT 0) PARTITION BY RANGE (pos);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (10) USING eventstore;
ALTER TABLE parts RENAME pos TO position;
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (10) TO (20) PARTITION BY LIST (entity_id);
CREATE TABLE parts_high_a PARTITION OF parts_high FOR VALUES IN ('a') USING eventstore;
ALTER TABLE parts RENAME pos TO position;
INSERT INTO parts VALUES ('a', 1), ('a', 11);
SELECT tableoid::regclass, * FROM parts ORDER BY pos;

-- Rows that VACUUM knows to be aborted are no work for the next one.
CREATE TABLE half (a int) USING eventstore WITH (autovacuum_enabled = off);
INSERT INTO half SELECT generate_series(1, 1000);
BEGIN;
INSERT INTO half SELECT generate_series(1, 1000);
ROLLBACK;
SELECT pg_stat_force_next_flush();
VACUUM half;
ANALYZE half;
SELECT n_live_tup, n_dead_tup FROM pg_stat_user_tables WHERE relid = 'half'::regclass;
SELECT reltuples FROM pg_class WHERE oid = 'half'::regclass;

-- A sample of a table with a long gap between its numbers does not ask for each.
CREATE TABLE gap (entity_id text, position bigint DEFAULT 0) USING eventstore;
INSERT INTO gap VALUES ('e', 1), ('e', 1000000000000);
SET statement_timeout = '60s';
SELECT position FROM gap TABLESAMPLE BERNOULLI (100);
RESET statement_timeout;

-- Sharing many rows shuts nobody out who shares, too; see isolation tests for
-- those who do not.
CREATE TABLE shared (a int) USING eventstore;
INSERT INTO shared SELECT generate_series(1, 1500);
BEGIN;
SELECT count(*) FROM (SELECT a FROM shared FOR SHARE) s;
SELECT mode, count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'shared'::regclass GROUP BY mode ORDER BY mode;
SELECT count(*) FROM (SELECT a FROM shared FOR UPDATE) s;
SELECT mode, count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'shared'::regclass GROUP BY mode ORDER BY mode;
COMMIT;

DROP SCHEMA corners CASCADE;
