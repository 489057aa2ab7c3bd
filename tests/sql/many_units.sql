--
-- Many units: the directory is a tree of several pages, and every way to a row
-- goes through it.
--
SET eventstore.run_pages = 1;
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int, b text, filler text)');
ALTER TABLE on_events.t ALTER filler SET STORAGE PLAIN;
ALTER TABLE on_heap.t ALTER filler SET STORAGE PLAIN;
SELECT twin.run('CREATE INDEX t_a ON t (a)');
-- About two rows a page, some of them rolled back: a page is a unit.
DO $$
DECLARE
	am text;
BEGIN
	FOR i IN 1..20 LOOP
		FOREACH am IN ARRAY '{on_heap,on_events}'::text[] LOOP
			BEGIN
				EXECUTE format('INSERT INTO %I.t SELECT g, ''b'' || g %% 7, repeat(''f'', 3000) FROM generate_series($1, $2) g', am) USING i * 100 - 99, i * 100;
				IF i % 4 = 0 THEN
					RAISE 'no';
				END IF;
			EXCEPTION WHEN raise_exception THEN NULL;
			END;
		END LOOP;
	END LOOP;
END $$;
SELECT twin.run('INSERT INTO t SELECT g, ''more'', repeat(''f'', 3000) FROM generate_series(2001, 2500) g');
SELECT pg_relation_size('on_events.t') / 8192 > 1000 AS "more than 1000 pages";
SELECT twin.run('SELECT count(*), sum(a), sum(length(filler)) FROM t');
SELECT twin.diff('TABLE on_heap.t', 'TABLE on_events.t');
SELECT count(*) FROM (SELECT a < lag(a) OVER (ORDER BY ctid) AS back FROM on_events.t) x WHERE back;
-- Index, bitmap, TID, TID range, in order and out of it.
CREATE FUNCTION pg_temp.check() RETURNS TABLE (query text, n bigint, wrong bigint) LANGUAGE sql AS $$
	SELECT query, n, wrong FROM twin.paths('SELECT a, b FROM t WHERE a = 1', 'SELECT a, b FROM t WHERE a IN (1, 300, 301, 1000, 1999, 2500)', 'SELECT a, length(filler) FROM t WHERE a BETWEEN 290 AND 520',
		'SELECT a, b FROM t WHERE a > 2490', 'SELECT count(*), sum(a) FROM t WHERE a % 10 = 3', 'SELECT x.a, y.b FROM t x JOIN t y ON y.a = 2501 - x.a WHERE x.a % 50 = 0') $$;
SELECT * FROM pg_temp.check();
SELECT count(*) FROM on_events.t WHERE ctid = ANY (ARRAY(SELECT ctid FROM on_events.t ORDER BY md5(a::text)));
SELECT count(*), min(a), max(a) FROM on_events.t WHERE ctid >= '(1,0)' AND ctid < '(2,0)';
-- (Every row is either before or after another.)
SELECT count(*) FROM (SELECT ctid FROM on_events.t WHERE a % 250 = 0) cut WHERE
	(SELECT count(*) FROM on_events.t WHERE ctid <= cut.ctid) + (SELECT count(*) FROM on_events.t WHERE ctid > cut.ctid) <> 2000;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT a FROM on_events.t;
MOVE FORWARD ALL IN c;
FETCH BACKWARD 2 FROM c;
FETCH ABSOLUTE 1000 FROM c;
FETCH RELATIVE -700 FROM c;
MOVE BACKWARD ALL IN c;
FETCH NEXT FROM c;
COMMIT;
SELECT count(*), count(DISTINCT a) FROM on_events.t TABLESAMPLE BERNOULLI (100);
SELECT count(*), count(DISTINCT a) FROM on_events.t TABLESAMPLE SYSTEM (100);
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*), count(DISTINCT a), sum(a) FROM on_events.t;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
CREATE INDEX CONCURRENTLY t_b ON on_events.t (b, a);
CREATE INDEX t_h ON on_events.t USING hash (a);
SELECT * FROM pg_temp.check() WHERE wrong > 0;
ANALYZE on_events.t;
SELECT reltuples BETWEEN 1900 AND 2100 AS near FROM pg_class WHERE oid = 'on_events.t'::regclass;
SELECT * FROM eventstore.verify('on_events.t');
-- Settled, and run on with.
VACUUM (FREEZE) on_events.t;
SELECT * FROM pg_temp.check() WHERE wrong > 0;
SELECT * FROM eventstore.verify('on_events.t');
SELECT twin.run('INSERT INTO t SELECT g, ''after'', repeat(''f'', 3000) FROM generate_series(2501, 2750) g');
SELECT twin.diff('TABLE on_heap.t', 'TABLE on_events.t');
-- Copied with units of another length.
CREATE TABLE on_events.places AS SELECT ctid AS place, a FROM on_events.t;
SET eventstore.run_pages = 3;
VACUUM FULL on_events.t;
SELECT twin.diff('SELECT ctid, a FROM on_events.t', 'TABLE on_events.places');
SELECT * FROM pg_temp.check() WHERE wrong > 0;
SELECT twin.run('INSERT INTO t SELECT g, ''after'', repeat(''f'', 3000) FROM generate_series(2751, 2850) g');
SELECT twin.diff('TABLE on_heap.t', 'TABLE on_events.t');
RESET eventstore.run_pages;
SELECT twin.run('INSERT INTO t SELECT g, ''after'', repeat(''f'', 3000) FROM generate_series(2851, 3050) g');
SELECT twin.diff('TABLE on_heap.t', 'TABLE on_events.t');
SELECT * FROM eventstore.verify('on_events.t');

-- Jumps: each begins a new page and a new unit, however few rows that has.
CREATE TABLE on_events.jumps (position bigint NOT NULL DEFAULT 0, entity_id text) USING eventstore;
INSERT INTO on_events.jumps SELECT g * g * 10, 'jump ' || g FROM generate_series(1, 1500) g;
CREATE UNIQUE INDEX ON on_events.jumps (position);
SELECT count(*), sum(position) FROM on_events.jumps;
SELECT sum(g * g * 10) FROM generate_series(1, 1500::bigint) g;
SET enable_seqscan = off;
SELECT count(*) FROM generate_series(1, 1500) g, LATERAL (SELECT entity_id FROM on_events.jumps WHERE position = g * g * 10 LIMIT 1) x WHERE entity_id = 'jump ' || g;
RESET enable_seqscan;
SELECT position FROM on_events.jumps WHERE ctid > '(87000,0)' AND ctid < '(87200,0)';
SELECT count(*) FROM on_events.jumps WHERE ctid = '(5,100)';
INSERT INTO on_events.jumps (entity_id) VALUES ('next') RETURNING position;
VACUUM FULL on_events.jumps;
SELECT count(*), sum(position), bool_and(ctid = format('(%s,%s)', position >> 8, (position & 255) + 1)::tid) AS places FROM on_events.jumps;
SELECT * FROM twin.verify('on_events');

-- In one transaction, with savepoints: rows of many subtransactions in one unit.
CREATE TABLE on_events.subs (a int) USING eventstore;
DO $$
BEGIN
	FOR i IN 1..3000 LOOP
		BEGIN
			INSERT INTO on_events.subs VALUES (i);
			IF i % 3 = 0 THEN
				RAISE 'no';
			END IF;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END $$;
SELECT count(*), sum(a) FROM on_events.subs;
VACUUM on_events.subs;
SELECT count(*), sum(a) FROM on_events.subs;
SELECT * FROM twin.verify('on_events');
SELECT twin.close();
