--
-- Rows and tables at the limits: as many columns as there can be, none at all,
-- nothing but NULL, columns that were dropped, large rows.
--
SELECT 'CREATE TABLE wide (' || string_agg(format('c%s int', g), ', ') || ')' FROM generate_series(1, 1600) g \gexec
INSERT INTO wide (c1, c800, c1600) VALUES (1, 800, 1600);
INSERT INTO wide DEFAULT VALUES;
SELECT 'INSERT INTO wide VALUES (' || string_agg(g::text, ', ') || ')' FROM generate_series(1, 1600) g \gexec
SELECT c1, c2, c800, c1599, c1600 FROM wide ORDER BY c2, c1;
ALTER TABLE wide ADD COLUMN c1601 int;
SELECT md5(string_agg(w::text, ';' ORDER BY w::text)) FROM wide w;
ALTER TABLE wide DROP COLUMN c1;
ALTER TABLE wide ADD COLUMN c1601 int;
CREATE INDEX ON wide (c1600);
SELECT * FROM twin.scans('SELECT * FROM wide WHERE c1600 = 1600');
SELECT 'CREATE TABLE wider (' || string_agg(format('c%s int', g), ', ') || ')' FROM generate_series(1, 1601) g \gexec
SELECT 'CREATE TABLE wide_text (' || string_agg(format('c%s text', g), ', ') || ')' FROM generate_series(1, 1600) g \gexec
SELECT 'INSERT INTO wide_text VALUES (' || string_agg(quote_literal(repeat('x', 5000)), ', ') || ')' FROM generate_series(1, 400) g \gexec
SELECT length(c1), length(c400), c401 FROM wide_text;

-- no columns
CREATE TABLE none ();
INSERT INTO none DEFAULT VALUES;
INSERT INTO none DEFAULT VALUES;
INSERT INTO none SELECT FROM generate_series(1, 10000);
SELECT count(*) FROM none;
SELECT * FROM none LIMIT 1;
SELECT current_setting('data_directory') || '/twin_sizes.txt' AS file \gset
COPY none TO :'file';
COPY none FROM :'file';
SELECT count(*), count(DISTINCT ctid), count(DISTINCT none) FROM none;
COPY none TO :'file' WITH (FORMAT binary);
BEGIN;
COPY none FROM :'file' WITH (FORMAT binary);
ROLLBACK;
COPY none FROM STDIN;

\.
SELECT count(*) FROM none;
ALTER TABLE none ADD COLUMN a int;
INSERT INTO none VALUES (1);
SELECT a, count(*) FROM none GROUP BY a ORDER BY a;
ALTER TABLE none ADD COLUMN b int DEFAULT 3;
SELECT a, b, count(*) FROM none GROUP BY a, b ORDER BY a;
ALTER TABLE none DROP COLUMN a, DROP COLUMN b;
SELECT count(*) FROM none;
INSERT INTO none DEFAULT VALUES;
VACUUM FULL none;
SELECT count(*) FROM none;

-- NULL, and values of no bytes
CREATE TABLE empty (a int, b text, c int[], d bytea);
INSERT INTO empty SELECT FROM generate_series(1, 1000);
INSERT INTO empty SELECT NULL, '', '{}', '' FROM generate_series(1, 1000);
SELECT count(*), count(a), count(b), count(c), count(d) FROM empty;
CREATE INDEX ON empty (b);
SELECT * FROM twin.scans('SELECT * FROM empty WHERE b = ''''');
SELECT * FROM twin.scans('SELECT * FROM empty WHERE b IS NULL');
SELECT a FROM empty ORDER BY a LIMIT 1;

-- dropped one after another
CREATE TABLE shrinking (a int, b text, c numeric, d text DEFAULT 'd');
INSERT INTO shrinking SELECT g, g::text, g FROM generate_series(1, 10) g;
ALTER TABLE shrinking DROP COLUMN a;
INSERT INTO shrinking VALUES ('11', 11);
ALTER TABLE shrinking DROP COLUMN d, ADD COLUMN e int DEFAULT 5;
INSERT INTO shrinking VALUES ('12', 12, 6);
SELECT * FROM shrinking ORDER BY c;
ALTER TABLE shrinking DROP COLUMN b;
ALTER TABLE shrinking DROP COLUMN c;
SELECT e, count(*) FROM shrinking GROUP BY e ORDER BY e;
ALTER TABLE shrinking DROP COLUMN e;
SELECT count(*) FROM shrinking;
INSERT INTO shrinking DEFAULT VALUES;
SELECT count(*), count(s) FROM shrinking s;
ALTER TABLE shrinking ADD COLUMN f text DEFAULT 'again';
SELECT f, count(*) FROM shrinking GROUP BY f;

-- as large as a row can be in line
CREATE TABLE plain (id int, a text);
ALTER TABLE plain ALTER a SET STORAGE PLAIN;
INSERT INTO plain VALUES (1, repeat('x', 8090));
INSERT INTO plain VALUES (2, repeat('x', 8096));
INSERT INTO plain VALUES (3, repeat('x', 8097));
INSERT INTO plain VALUES (4, repeat('x', 8128));
-- too large for heap as well
\set VERBOSITY sqlstate
INSERT INTO plain VALUES (5, repeat('x', 8129));
INSERT INTO plain SELECT 6, repeat('x', g) FROM generate_series(8090, 8200, 10) g;
\set VERBOSITY verbose
INSERT INTO plain SELECT 10 + g, repeat('y', 4000 + g) FROM generate_series(1, 20) g;
SELECT id, length(a), md5(a) FROM plain WHERE id < 3 ORDER BY id;
SELECT count(*), sum(length(a)) FROM plain WHERE id > 10;
DROP TABLE plain;
CREATE TABLE fixed (a char(8000), b int);
INSERT INTO fixed VALUES ('x', 1), (NULL, 2), (repeat('y', 8000), 3);
SELECT b, length(a), octet_length(a) FROM fixed ORDER BY b;

-- out of line, in each way of storage
CREATE TABLE big (id int, ext text, extd text, main text, lz text COMPRESSION pglz);
ALTER TABLE big ALTER ext SET STORAGE EXTERNAL, ALTER extd SET STORAGE EXTENDED, ALTER main SET STORAGE MAIN;
INSERT INTO big SELECT g, repeat(md5(g::text), g * 20), repeat(md5(g::text), g * 20), repeat(md5(g::text), g * 10), repeat('a', g * 1000)
	FROM generate_series(1, 40) g;
SELECT count(*), md5(string_agg(ext || extd || main || lz, '' ORDER BY id)) FROM big;
SELECT substr(ext, 1000, 10), substr(extd, 1000, 10), length(main) FROM big WHERE id = 40;
INSERT INTO big (id, ext) VALUES (100, repeat('0123456789', 200000));
SELECT length(ext), md5(ext), substr(ext, 1999990) FROM big WHERE id = 100;
SELECT length(ext) FROM big WHERE id = 100 AND ext LIKE '%9';
BEGIN;
INSERT INTO big (id, ext) SELECT 101, ext FROM big WHERE id = 40;
SAVEPOINT s;
INSERT INTO big (id, ext) SELECT 102, ext FROM big WHERE id = 39;
ROLLBACK TO s;
SELECT id, length(ext) FROM big WHERE id > 100;
COMMIT;
CREATE TABLE copy_of_big AS SELECT * FROM big WHERE id <> 100;
SELECT count(*), md5(string_agg(ext || extd || main || lz, '' ORDER BY id)) FROM copy_of_big;
INSERT INTO copy_of_big SELECT * FROM copy_of_big;
VACUUM FULL copy_of_big;
SELECT count(*), md5(string_agg(ext || extd || main || lz, '' ORDER BY id)) FROM copy_of_big;
DROP TABLE big;
SELECT count(*), md5(string_agg(ext || extd || main || lz, '' ORDER BY id)) FROM copy_of_big;
-- values out of line in indexes, built by workers
SET max_parallel_maintenance_workers = 2;
SET min_parallel_table_scan_size = 0;
SET maintenance_work_mem = '128MB';
CREATE INDEX big_md5 ON copy_of_big (md5(ext));
CREATE INDEX CONCURRENTLY big_left ON copy_of_big (left(extd, 100), id) WHERE length(main) > 1000;
CREATE INDEX big_gin ON copy_of_big USING gin (to_tsvector('simple', left(lz, 2000)));
CREATE INDEX big_hash ON copy_of_big USING hash (ext);
SELECT * FROM twin.scans('SELECT id, md5(ext) FROM copy_of_big WHERE md5(ext) = md5(repeat(md5(''7''), 140))');
SELECT * FROM twin.scans('SELECT id FROM copy_of_big WHERE left(extd, 100) > ''e'' AND length(main) > 1000');
SELECT * FROM twin.scans('SELECT id FROM copy_of_big WHERE ext = repeat(md5(''9''), 180)');
INSERT INTO copy_of_big (id, ext) VALUES (1, repeat('x', 1073741823));
-- rows of many megabytes: of 10 by default, of up to the limits with PG_TEST_EXTRA=long
\if :long
\set mb 900
\else
\set mb 10
\endif
CREATE TABLE huge (id int, a text, b text);
ALTER TABLE huge ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
INSERT INTO huge VALUES (1, repeat('0123456789', :mb * 100000), 'small');
SELECT id, octet_length(a) = :mb * 1000000, right(a, 12), substr(a, :mb * 500000, 12) FROM huge;
SELECT md5(a) = md5(repeat('0123456789', :mb * 100000)) FROM huge;
COPY huge TO :'file';
BEGIN;
COPY huge FROM :'file';
SELECT count(*), count(DISTINCT md5(a)) FROM huge;
ROLLBACK;
BEGIN;
INSERT INTO huge SELECT 2, a, 'rolled back' FROM huge;
ROLLBACK;
-- both values in one text are too large, when each has 900 megabytes
INSERT INTO huge SELECT 2, a, a FROM huge;
SELECT id, octet_length(a) = octet_length(b), octet_length(a) = :mb * 1000000 FROM huge ORDER BY id;
SELECT length(h::text) > 0 FROM huge h WHERE id = 2;
VACUUM huge;
SELECT count(*) FROM huge;
SELECT twin.damage(c.oid) FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace;
