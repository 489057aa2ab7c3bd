--
-- Index-only scans: planned as on heap; each row is looked up, as there is no
-- visibility map, so the answer is right whatever was rolled back.
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE t (a int, b text, c int)');
SELECT twin.run('CREATE INDEX t_ab ON t (a, b)');
SELECT twin.run('CREATE INDEX t_c ON t (c) INCLUDE (a)');
SELECT twin.run('INSERT INTO t SELECT g, ''b'' || g % 10, g % 100 FROM generate_series(1, 5000) g');
VACUUM (ANALYZE) on_heap.t;
VACUUM (ANALYZE) on_events.t;
BEGIN;
INSERT INTO on_events.t SELECT g, 'undone', -1 FROM generate_series(1, 2000) g;
ROLLBACK;
SET enable_seqscan = off;
SET enable_indexscan = on;
SET enable_bitmapscan = off;
SELECT * FROM twin.plan('SELECT a, b FROM on_events.t WHERE a BETWEEN 10 AND 12');
SELECT * FROM twin.plan('SELECT a FROM on_events.t WHERE c = 7 ORDER BY c');
SELECT twin.run('SELECT a, b FROM t WHERE a BETWEEN 10 AND 12');
SELECT twin.run('SELECT count(*), sum(a) FROM t WHERE c = 7');
SELECT twin.run('SELECT count(*) FROM t WHERE c = -1');
SELECT twin.run('SELECT a FROM t WHERE a < 4 ORDER BY a DESC, b DESC');
SELECT twin.run('SELECT DISTINCT c FROM t WHERE c < 4 ORDER BY c');
SELECT twin.run('SELECT x.a FROM t x WHERE x.c = 3 AND EXISTS (SELECT FROM t y WHERE y.a = x.a + 1 AND y.b = ''b4'') ORDER BY x.a LIMIT 3');
SELECT twin.differs('SELECT a, b FROM t ORDER BY a, b');
-- Own rows, rows of this command, rows undone.
BEGIN;
INSERT INTO on_events.t VALUES (6000, 'mine', 500);
SELECT a FROM on_events.t WHERE c = 500;
WITH new AS (INSERT INTO on_events.t VALUES (6001, 'mine', 500) RETURNING a) SELECT a, (SELECT count(a) FROM on_events.t WHERE c = 500) FROM new;
SAVEPOINT s;
INSERT INTO on_events.t VALUES (6002, 'mine', 500);
SELECT a FROM on_events.t WHERE c = 500;
ROLLBACK TO s;
SELECT a FROM on_events.t WHERE c = 500;
-- Forward and back.
DECLARE c SCROLL CURSOR FOR SELECT c, a FROM on_events.t WHERE c IN (99, 500) ORDER BY c;
FETCH ABSOLUTE 50 FROM c;
FETCH 3 FROM c;
FETCH BACKWARD 3 FROM c;
ROLLBACK;
VACUUM (FREEZE) on_events.t;
SELECT twin.run('SELECT count(*), sum(a) FROM t WHERE c = 7');
SELECT twin.differs('SELECT a, b FROM t ORDER BY a, b');
-- Nothing is marked all-visible, and no fork says otherwise.
SELECT relallvisible, pg_relation_size(oid, 'vm') AS vm FROM pg_class WHERE oid = 'on_events.t'::regclass;
RESET enable_seqscan;
RESET enable_bitmapscan;

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
