--
-- CREATE TABLE AS, SELECT INTO, materialised views.
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE src (a int, b text)');
SELECT twin.run('INSERT INTO src SELECT g, repeat(md5(g::text), g % 130) FROM generate_series(1, 3000) g');
SELECT twin.run('CREATE TABLE c1 AS SELECT * FROM src WHERE a % 2 = 0');
SELECT twin.run('CREATE TABLE c2 AS TABLE src WITH NO DATA');
SELECT twin.run('CREATE TABLE c3 (x, y) AS SELECT a, count(*) FROM src GROUP BY a');
SET default_table_access_method = eventstore;
SELECT a + 1 AS n, b INTO on_events.c4 FROM on_events.src;
RESET default_table_access_method;
SELECT a + 1 AS n, b INTO on_heap.c4 FROM on_heap.src;
SELECT twin.run('CREATE TABLE c5 AS VALUES (1, ''a''), (2, NULL)');
SELECT twin.run('CREATE TABLE c6 AS SELECT');
SELECT twin.run('CREATE TABLE c7 AS SELECT 1 / (a - 2000) FROM src');
SELECT twin.run('CREATE TABLE c1 AS SELECT 1');
SELECT twin.run('CREATE TABLE IF NOT EXISTS c1 AS SELECT 1');
PREPARE p AS SELECT g FROM generate_series(1, 700) g;
SELECT twin.run('CREATE TABLE c8 AS EXECUTE p');
DEALLOCATE p;
CREATE TABLE on_events.explicit USING eventstore AS SELECT g AS a FROM generate_series(1, 600) g;
SELECT relname, amname FROM pg_class c JOIN pg_am m ON m.oid = relam WHERE relnamespace = 'on_events'::regnamespace AND relkind = 'r' ORDER BY relname;
SELECT relname, twin.diff('TABLE on_heap.' || relname, 'TABLE on_events.' || relname) FROM pg_class
WHERE relnamespace = 'on_heap'::regnamespace AND relkind = 'r' ORDER BY relname;
-- Each may be written to after.
SELECT twin.run('INSERT INTO c1 VALUES (5000, ''new''), (5001, ''new'')');
SELECT twin.run('INSERT INTO c2 SELECT * FROM src');
SELECT twin.differs('SELECT * FROM c1');
SELECT twin.differs('SELECT * FROM c2');
-- Names with roles get them.
CREATE TABLE on_events.named USING eventstore AS
	SELECT 0::bigint AS position, 'e' || g AS entity_id, '00000000-0000-0000-0000-000000000000'::uuid AS event_id FROM generate_series(1, 300) g;
SELECT count(*), min(position), max(position), count(DISTINCT event_id) FROM on_events.named;
-- In one transaction.
BEGIN;
CREATE TABLE on_events.tx USING eventstore AS TABLE on_events.src;
INSERT INTO on_events.tx SELECT * FROM on_events.tx;
SAVEPOINT s;
CREATE TABLE on_events.tx2 USING eventstore AS TABLE on_events.tx;
ROLLBACK TO s;
SELECT count(*) FROM on_events.tx;
COMMIT;
SELECT count(*) FROM on_events.tx;

-- Materialised views.
SELECT twin.run('CREATE MATERIALIZED VIEW m AS SELECT a % 10 AS k, count(*) AS n, max(b) AS b FROM src GROUP BY 1');
SELECT twin.run('CREATE MATERIALIZED VIEW empty AS SELECT * FROM src WITH NO DATA');
SELECT twin.run('CREATE UNIQUE INDEX ON m (k)');
SELECT twin.run('SELECT count(*), sum(n) FROM m');
SELECT twin.run('SELECT * FROM empty');
SELECT twin.run('INSERT INTO src SELECT g, ''more'' FROM generate_series(3001, 4000) g');
SELECT twin.run('SELECT count(*), sum(n) FROM m');
SELECT twin.run('REFRESH MATERIALIZED VIEW m');
SELECT twin.run('REFRESH MATERIALIZED VIEW empty');
SELECT twin.run('SELECT count(*), sum(n) FROM m');
SELECT twin.differs('SELECT * FROM m');
SELECT twin.differs('SELECT * FROM empty');
SELECT twin.run('SELECT n FROM m WHERE k = 3');
SELECT twin.run('REFRESH MATERIALIZED VIEW empty WITH NO DATA');
SELECT twin.run('SELECT * FROM empty');
SELECT twin.run('INSERT INTO m VALUES (1)');
SELECT twin.run('ALTER MATERIALIZED VIEW m RENAME n TO total');
SELECT twin.run('SELECT sum(total) FROM m');
-- Refreshing one concurrently would delete rows: refused before any work.
REFRESH MATERIALIZED VIEW CONCURRENTLY on_events.m;
REFRESH MATERIALIZED VIEW CONCURRENTLY on_heap.m;
ALTER MATERIALIZED VIEW on_events.m SET ACCESS METHOD heap;
REFRESH MATERIALIZED VIEW CONCURRENTLY on_events.m;
ALTER MATERIALIZED VIEW on_events.m SET ACCESS METHOD eventstore;
SELECT twin.differs('SELECT * FROM m');
-- Rolled back.
BEGIN;
INSERT INTO on_events.src SELECT g, 'more' FROM generate_series(4001, 5000) g;
REFRESH MATERIALIZED VIEW on_events.m;
SELECT sum(total) FROM on_events.m;
ROLLBACK;
SELECT sum(total) FROM on_events.m;

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
