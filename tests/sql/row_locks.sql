--
-- Row locks, in one session.  (What two sessions do is an isolation test.)
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int PRIMARY KEY, b text)');
SELECT twin.run('INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 3000) g');

-- Every strength and way of waiting returns the rows.
SELECT twin.run('SELECT a FROM t WHERE a < 4 FOR UPDATE');
SELECT twin.run('SELECT a FROM t WHERE a < 4 FOR NO KEY UPDATE');
SELECT twin.run('SELECT a FROM t WHERE a < 4 FOR SHARE');
SELECT twin.run('SELECT a FROM t WHERE a < 4 FOR KEY SHARE');
SELECT twin.run('SELECT a FROM t WHERE a < 4 FOR UPDATE NOWAIT');
SELECT twin.run('SELECT a FROM t WHERE a < 4 FOR SHARE SKIP LOCKED');
SELECT twin.run('SELECT t.a, u.a FROM t JOIN t u ON t.a = u.a + 1 WHERE t.a < 4 ORDER BY 1 FOR UPDATE OF t FOR SHARE OF u');
SELECT twin.run('SELECT a FROM t ORDER BY b LIMIT 5 FOR UPDATE SKIP LOCKED');
SELECT twin.run('SELECT a FROM (SELECT * FROM t WHERE a < 4 FOR UPDATE) x WHERE b IS NOT NULL');
SELECT twin.run('WITH x AS (SELECT a FROM t WHERE a < 4 FOR UPDATE) SELECT sum(a) FROM x');
SELECT twin.run('SELECT a FROM t WHERE a = 4000 FOR UPDATE');
SELECT twin.run('SELECT count(*) FROM t FOR UPDATE');

-- A transaction may lock a row again, weaker or stronger, and its own new rows.
BEGIN;
INSERT INTO on_events.t VALUES (3001, 'mine');
SELECT a FROM on_events.t WHERE a IN (1, 3001) FOR SHARE;
SELECT a FROM on_events.t WHERE a IN (1, 3001) FOR UPDATE NOWAIT;
SELECT a FROM on_events.t WHERE a IN (1, 3001) FOR KEY SHARE NOWAIT;
SAVEPOINT s;
SELECT a FROM on_events.t WHERE a = 2 FOR UPDATE;
INSERT INTO on_events.t VALUES (3002, 'undone');
SELECT a FROM on_events.t WHERE a = 3002 FOR UPDATE;
ROLLBACK TO s;
SELECT a FROM on_events.t WHERE a > 2999 FOR UPDATE;
ROLLBACK;
SELECT a FROM on_events.t WHERE a > 2998 FOR UPDATE;

-- Another transaction's locks, kept by preparing it, conflict with what they
-- conflict with on heap.
CREATE FUNCTION pg_temp.wants(store regclass, strength text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	skipped text;
BEGIN
	EXECUTE format('SELECT string_agg(a::text, '','') FROM (SELECT a FROM %s WHERE a BETWEEN 10 AND 15 FOR %s SKIP LOCKED) x', store, strength) INTO skipped;
	BEGIN
		EXECUTE format('SELECT FROM %s WHERE a = 12 FOR %s NOWAIT', store, strength);
	EXCEPTION WHEN lock_not_available THEN
		RETURN skipped || ' and ' || SQLERRM;
	END;
	RETURN skipped;
END $$;
BEGIN;
SELECT a FROM on_events.t WHERE a = 12 FOR SHARE;
SELECT a FROM on_heap.t WHERE a = 12 FOR SHARE;
PREPARE TRANSACTION 'regress_es_lock';
SELECT strength, pg_temp.wants('on_events.t', strength), pg_temp.wants('on_heap.t', strength) IS NOT DISTINCT FROM pg_temp.wants('on_events.t', strength) AS "as heap"
FROM unnest('{KEY SHARE,SHARE,NO KEY UPDATE,UPDATE}'::text[]) strength;
COMMIT PREPARED 'regress_es_lock';
BEGIN;
SELECT a FROM on_events.t WHERE a = 12 FOR NO KEY UPDATE;
SELECT a FROM on_heap.t WHERE a = 12 FOR NO KEY UPDATE;
PREPARE TRANSACTION 'regress_es_lock';
SELECT strength, pg_temp.wants('on_events.t', strength), pg_temp.wants('on_heap.t', strength) IS NOT DISTINCT FROM pg_temp.wants('on_events.t', strength) AS "as heap"
FROM unnest('{KEY SHARE,SHARE,NO KEY UPDATE,UPDATE}'::text[]) strength;
ROLLBACK PREPARED 'regress_es_lock';
-- FOR KEY SHARE protects keys, and they do not change: it conflicts with nothing.
BEGIN;
SELECT a FROM on_events.t WHERE a = 12 FOR UPDATE;
SELECT a FROM on_heap.t WHERE a = 12 FOR UPDATE;
PREPARE TRANSACTION 'regress_es_lock';
SELECT strength, pg_temp.wants('on_events.t', strength), pg_temp.wants('on_heap.t', strength) IS NOT DISTINCT FROM pg_temp.wants('on_events.t', strength) AS "as heap"
FROM unnest('{KEY SHARE,SHARE,NO KEY UPDATE,UPDATE}'::text[]) strength;
ROLLBACK PREPARED 'regress_es_lock';

-- A job queue: each transaction gets other rows.
BEGIN;
SELECT a FROM on_events.t WHERE a > 20 ORDER BY a LIMIT 3 FOR UPDATE SKIP LOCKED;
PREPARE TRANSACTION 'regress_es_job1';
BEGIN;
SELECT a FROM on_events.t WHERE a > 20 ORDER BY a LIMIT 3 FOR UPDATE SKIP LOCKED;
PREPARE TRANSACTION 'regress_es_job2';
SELECT a FROM on_events.t WHERE a > 20 ORDER BY a LIMIT 3 FOR UPDATE SKIP LOCKED;
ROLLBACK PREPARED 'regress_es_job1';
SELECT a FROM on_events.t WHERE a > 20 ORDER BY a LIMIT 5 FOR UPDATE SKIP LOCKED;
COMMIT PREPARED 'regress_es_job2';

-- Locking more rows than the lock table has room for.
CREATE TABLE on_events.many (a int) USING eventstore;
INSERT INTO on_events.many SELECT generate_series(1, 120000);
BEGIN;
SELECT count(*) FROM (SELECT a FROM on_events.many FOR UPDATE) x;
SELECT count(*) < 5000 AS few FROM pg_locks WHERE relation = 'on_events.many'::regclass;
SELECT count(*) FROM (SELECT a FROM on_events.many FOR SHARE NOWAIT) x;
SAVEPOINT s;
SELECT count(*) FROM (SELECT a FROM on_events.many FOR UPDATE) x;
ROLLBACK TO s;
SELECT count(*) FROM (SELECT a FROM on_events.many LIMIT 10 FOR UPDATE) x;
COMMIT;
SELECT count(*) FROM pg_locks WHERE relation = 'on_events.many'::regclass;
-- Who has locked it all keeps others from any row of it, but not from adding.
BEGIN;
SELECT count(*) FROM (SELECT a FROM on_events.many FOR UPDATE) x;
PREPARE TRANSACTION 'regress_es_all';
SELECT a FROM on_events.many FOR UPDATE SKIP LOCKED;
SELECT a FROM on_events.many WHERE a = 120000 FOR SHARE NOWAIT;
SELECT a FROM on_events.many WHERE a = 120000 FOR KEY SHARE NOWAIT;
INSERT INTO on_events.many VALUES (0);
SELECT count(*) FROM on_events.many;
COMMIT PREPARED 'regress_es_all';
SELECT a FROM on_events.many WHERE a = 120000 FOR SHARE NOWAIT;
-- One who holds a row first is not passed over.
BEGIN;
SELECT a FROM on_events.many WHERE a = 60000 FOR UPDATE;
PREPARE TRANSACTION 'regress_es_one';
BEGIN;
SELECT count(*), count(*) FILTER (WHERE a = 60000) AS held FROM (SELECT a FROM on_events.many WHERE a BETWEEN 59001 AND 61000 FOR UPDATE SKIP LOCKED) x;
COMMIT;
ROLLBACK PREPARED 'regress_es_one';

-- In other isolation levels, in a read-only transaction.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT a FROM on_events.t WHERE a = 5 FOR UPDATE;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT a FROM on_events.t WHERE a = 5 FOR UPDATE;
COMMIT;
BEGIN READ ONLY;
SELECT a FROM on_events.t WHERE a = 5 FOR UPDATE;
ROLLBACK;
-- Privileges as on heap: locking needs more than SELECT.
CREATE ROLE regress_reader;
GRANT USAGE ON SCHEMA on_events, on_heap TO regress_reader;
GRANT SELECT ON on_events.t, on_heap.t TO regress_reader;
SET ROLE regress_reader;
SELECT a FROM on_events.t WHERE a = 5 FOR UPDATE;
RESET ROLE;
GRANT UPDATE (b) ON on_events.t TO regress_reader;
SET ROLE regress_reader;
SELECT a FROM on_events.t WHERE a = 5 FOR UPDATE;
RESET ROLE;

SELECT twin.diff('TABLE on_heap.t', 'TABLE on_events.t');
SELECT * FROM twin.verify('on_events');
SELECT twin.close();
DROP ROLE regress_reader;
