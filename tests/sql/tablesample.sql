--
-- TABLESAMPLE
--
CREATE SCHEMA sample;
SET search_path = sample, public;
CREATE TABLE e (a int, b text) USING eventstore;
INSERT INTO e SELECT g, repeat('x', g % 100) FROM generate_series(1, 10000) g;
BEGIN;
INSERT INTO e SELECT -g, 'undone' FROM generate_series(1, 3000) g;
ROLLBACK;
INSERT INTO e SELECT g, 'more' FROM generate_series(10001, 20000) g;

-- 100 percent is all, 0 none.
SELECT count(*), count(DISTINCT a), sum(a) FROM e TABLESAMPLE BERNOULLI (100);
SELECT count(*), count(DISTINCT a), sum(a) FROM e TABLESAMPLE SYSTEM (100);
SELECT count(*) FROM e TABLESAMPLE BERNOULLI (0);
SELECT count(*) FROM e TABLESAMPLE SYSTEM (0);
-- A part is about that part: rows of BERNOULLI, blocks of SYSTEM.
SELECT count(*) BETWEEN 1600 AND 2400 AS tenth, min(a) > 0 AS committed FROM e TABLESAMPLE BERNOULLI (10) REPEATABLE (1);
SELECT count(*) BETWEEN 5000 AND 15000 AS half, min(a) > 0 AS committed FROM e TABLESAMPLE SYSTEM (50) REPEATABLE (1);
SELECT count(*) FROM (SELECT a >> 8 FROM e TABLESAMPLE SYSTEM (50) REPEATABLE (1) WHERE a <= 9983 AND a > 255 GROUP BY 1 HAVING count(*) <> 256) x;
-- Repeatable.
SELECT count(*) > 0 AS some FROM e TABLESAMPLE BERNOULLI (20) REPEATABLE (7);
SELECT count(*) FROM (SELECT a FROM e TABLESAMPLE BERNOULLI (20) REPEATABLE (7) EXCEPT SELECT a FROM e TABLESAMPLE BERNOULLI (20) REPEATABLE (7)) x;
SELECT count(*) FROM (SELECT a FROM e TABLESAMPLE SYSTEM (30) REPEATABLE (7) EXCEPT SELECT a FROM e TABLESAMPLE SYSTEM (30) REPEATABLE (7)) x;
SELECT count(*) > 0 AS "another seed, other rows" FROM (SELECT a FROM e TABLESAMPLE BERNOULLI (20) REPEATABLE (7) EXCEPT SELECT a FROM e TABLESAMPLE BERNOULLI (20) REPEATABLE (8)) x;
-- Adding rows does not move those that were chosen.
CREATE TABLE chosen AS SELECT a FROM e TABLESAMPLE BERNOULLI (20) REPEATABLE (7);
INSERT INTO e SELECT g, 'later' FROM generate_series(20001, 25000) g;
SELECT count(*) FROM (TABLE chosen EXCEPT SELECT a FROM e TABLESAMPLE BERNOULLI (20) REPEATABLE (7)) x;
-- Where the numbers have jumped.
CREATE TABLE jumps (position bigint NOT NULL DEFAULT 0, entity_id text) USING eventstore;
INSERT INTO jumps SELECT g * 1000, 'a' FROM generate_series(1, 200) g;
SELECT count(*), sum(position) FROM jumps TABLESAMPLE SYSTEM (100);
SELECT count(*), sum(position) FROM jumps TABLESAMPLE BERNOULLI (100);
SELECT count(*) BETWEEN 50 AND 150 AS half FROM jumps TABLESAMPLE SYSTEM (50) REPEATABLE (3);
-- Begun again for every outer row; bad arguments; empty tables; cursors.
SELECT pct, count(a), count(DISTINCT a) FROM (VALUES (0), (100)) v (pct), LATERAL (SELECT * FROM e TABLESAMPLE BERNOULLI (pct)) x GROUP BY pct;
SELECT * FROM e TABLESAMPLE BERNOULLI (101);
SELECT * FROM e TABLESAMPLE SYSTEM (-1);
CREATE TABLE empty (a int) USING eventstore;
SELECT count(*) FROM empty TABLESAMPLE BERNOULLI (100);
SELECT count(*) FROM empty TABLESAMPLE SYSTEM (100);
BEGIN;
DECLARE c CURSOR FOR SELECT a FROM e TABLESAMPLE SYSTEM (100);
FETCH 2 FROM c;
INSERT INTO e VALUES (30000, 'after');
MOVE ALL IN c;
ROLLBACK;

SELECT * FROM twin.verify('sample');
SET client_min_messages = warning;
DROP SCHEMA sample CASCADE;
