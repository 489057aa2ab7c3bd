-- Corners of the storage: each of these once lost a row, a number or a table.
CREATE SCHEMA corners;
SET search_path = corners, public;

-- A jump closes a run without rows while its blocks are about to be taken.
CREATE TABLE empty_run (entity_id text, position bigint DEFAULT 0, filler text) USING eventstore WITH (autovacuum_enabled = off);
BEGIN;
INSERT INTO empty_run SELECT 'e', 0, repeat(md5(g::text), 60) FROM generate_series(1, 30) g;
ROLLBACK;
VACUUM (TRUNCATE false) empty_run;
INSERT INTO empty_run VALUES ('e', 100000, 'x');
INSERT INTO empty_run SELECT 'e', 0, repeat(md5(g::text), 60) FROM generate_series(1, 30) g;
SELECT count(*), min(position), max(position) FROM empty_run;
SELECT * FROM eventstore.verify('empty_run');

-- VACUUM FULL freezes rows whose commit is not on disk yet, too.
CREATE TABLE asynchronous (a int) USING eventstore;
SET synchronous_commit = off;
INSERT INTO asynchronous SELECT generate_series(1, 3);
VACUUM FULL asynchronous;
RESET synchronous_commit;
SELECT * FROM eventstore.verify('asynchronous');

-- A rewrite does not give the numbers of aborted last rows again.
CREATE TABLE rewritten (entity_id text, position bigint DEFAULT 0, n int) USING eventstore;
INSERT INTO rewritten SELECT 'e', 0, g FROM generate_series(1, 10) g;
BEGIN;
INSERT INTO rewritten SELECT 'e', 0, g FROM generate_series(1, 10) g;
ROLLBACK;
ALTER TABLE rewritten ALTER n TYPE bigint;
INSERT INTO rewritten VALUES ('e', 0, 11) RETURNING position;
TRUNCATE rewritten;
INSERT INTO rewritten VALUES ('e', 0, 1) RETURNING position;
SELECT * FROM eventstore.verify('rewritten');

-- The last number of all, and what comes after it.
CREATE TABLE last_number (entity_id text, position bigint DEFAULT 0) USING eventstore;
INSERT INTO last_number VALUES ('e', 1099511627519) RETURNING position, ctid;
INSERT INTO last_number VALUES ('e', 0);
VACUUM FULL last_number;
INSERT INTO last_number VALUES ('e', 0);
SELECT position FROM last_number;
SELECT * FROM eventstore.verify('last_number');

-- VACUUM FULL knows the values of columns that were added with a default.
CREATE TABLE added (a int) USING eventstore;
INSERT INTO added SELECT generate_series(1, 3);
ALTER TABLE added ADD COLUMN b int DEFAULT 7, ADD COLUMN c text DEFAULT 'x';
VACUUM FULL added;
SELECT * FROM added ORDER BY a;

-- Rolled back loads leave no space behind, whatever the directory holds.
CREATE TABLE loaded (a int, filler text) USING eventstore WITH (autovacuum_enabled = off);
SET eventstore.run_pages = 1;
INSERT INTO loaded SELECT g, repeat('x', 1900) FROM generate_series(1, 600) g;
SELECT pg_relation_size('loaded') AS size \gset
BEGIN;
INSERT INTO loaded SELECT g, repeat('x', 1900) FROM generate_series(1, 3000) g;
ROLLBACK;
SELECT pg_relation_size('loaded') > 3 * :size AS grown;
VACUUM loaded;
SELECT pg_relation_size('loaded') <= :size AS shrunk, count(*), sum(a) FROM loaded;
INSERT INTO loaded SELECT g, repeat('x', 1900) FROM generate_series(601, 1000) g;
SELECT count(*), sum(a) FROM loaded;
SELECT * FROM eventstore.verify('loaded');
RESET eventstore.run_pages;

DROP SCHEMA corners CASCADE;
