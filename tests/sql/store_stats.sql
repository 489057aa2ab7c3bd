--
-- What event tables are made of, and who sees it
--
CREATE TABLE s (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, n int, kind text, dropped int, empty text) USING eventstore WITH (autovacuum_enabled = off);
SELECT store, row_count, tail_rows, batches, free_bytes, file_bytes, oldest_undecided FROM eventstore.store_stats WHERE store = 's'::regclass;
INSERT INTO s (entity_id, n, kind) SELECT 'e' || g, g, 'kind ' || g % 3 FROM generate_series(1, 12000) g;
SELECT row_count, tail_rows, tail_bytes > 0 AS tail, batches, batch_rows, oldest_undecided FROM eventstore.store_stats WHERE store = 's'::regclass;
SELECT compacted, batches FROM eventstore.compact('s');
ALTER TABLE s DROP dropped;
SELECT row_count, tail_rows, tail_bytes, batches, load_batches, batch_rows, batch_bytes < batch_bytes_raw AS smaller, free_bytes > 0 AS some_free FROM eventstore.store_stats WHERE store = 's'::regclass;
SELECT first_row, last_row, row_count, bytes_stored = pages * 8192 AS whole_pages, newest_transaction > 0 AS has_transaction FROM eventstore.batches('s');
SELECT column_name, encoding, codec, batches, row_count, null_count FROM eventstore.column_stats('s');
-- The parts are the whole.
SELECT sum(bytes_stored) = (SELECT sum(bytes_stored) FROM eventstore.batches('s')) AS adds_up FROM eventstore.column_stats('s');

-- A row of a transaction that is open.
BEGIN;
INSERT INTO s (entity_id, n) VALUES ('late', 12001);
SELECT row_count, tail_rows, oldest_undecided FROM eventstore.store_stats WHERE store = 's'::regclass;
ROLLBACK;

-- COPY's batches are to be compacted.
COPY s (entity_id, n) FROM PROGRAM 'seq -f "copied	%.0f" 20001 22000';
SELECT batches - 2 = load_batches AS loaded, load_batches > 0 AS some, row_count - tail_rows = batch_rows AS fits FROM eventstore.store_stats WHERE store = 's'::regclass;
SELECT DISTINCT codec FROM eventstore.column_stats('s') WHERE codec IS NOT NULL ORDER BY 1;

-- Nothing runs.
SELECT count(*) FROM eventstore.compaction_progress;

-- Who sees what.
CREATE ROLE regress_user;
CREATE ROLE regress_monitor IN ROLE pg_read_all_stats;
SET ROLE regress_user;
SELECT count(*) FROM eventstore.store_stats WHERE store::text = 's';
SELECT * FROM eventstore.batches('s');
SELECT * FROM eventstore.column_stats('s');
RESET ROLE;
SET ROLE regress_monitor;
SELECT count(*) FROM eventstore.store_stats WHERE store::text = 's';
SELECT * FROM eventstore.batches('s');
RESET ROLE;
GRANT SELECT ON s TO regress_user;
SET ROLE regress_user;
SELECT count(*) FROM eventstore.store_stats WHERE store::text = 's';
SELECT count(*) > 0 AS some FROM eventstore.batches('s');
RESET ROLE;
-- Row-level security hides rows, whose bounds these functions would show.
ALTER TABLE s ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON s FOR SELECT USING (n < 10);
SET ROLE regress_user;
SELECT * FROM eventstore.batches('s');
SELECT * FROM eventstore.column_stats('s');
RESET ROLE;
SELECT count(*) > 0 AS some FROM eventstore.batches('s');
SELECT * FROM eventstore.batches('pg_class');
SELECT * FROM eventstore.column_stats(NULL);

-- Damaged batches are skipped on demand only, and never compacted away.
CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SET eventstore.skip_damaged_batches = on;
RESET ROLE;
SET eventstore.skip_damaged_batches = on;
SELECT count(*) FROM s;
SELECT eventstore.compact('s');
RESET eventstore.skip_damaged_batches;

DROP TABLE s;
DROP ROLE regress_user, regress_monitor, regress_nobody;
