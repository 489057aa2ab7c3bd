--
-- COPY in both directions and all formats.
-- h is a heap table and e its eventstore twin.
--
\getenv builddir PG_ABS_BUILDDIR
\set text_file :builddir '/results/copy.text'
\set csv_file :builddir '/results/copy.csv'
\set binary_file :builddir '/results/copy.binary'
CREATE SCHEMA copies;
SET search_path = copies, public;
CREATE TABLE h (a int, b text DEFAULT 'default', c float8, d timestamptz) USING heap;
CREATE TABLE e (a int, b text DEFAULT 'default', c float8, d timestamptz) USING eventstore;

-- By hand.
COPY e FROM STDIN;
1	one	1.5	2020-01-01 00:00:00+00
2	\N	\N	infinity
3	tab\tnewline\nbackslash\\	-0	-infinity
\.
COPY e FROM STDIN (FORMAT csv, HEADER);
a,b,c,d
4,"comma, ""quote""
newline",NaN,2020-02-29 12:00:00+00
5,,,
6,"",1e300,2020-01-01 00:00:00+00
\.
COPY e (c, a) FROM STDIN (DELIMITER ';', NULL 'nothing');
7.5;7
nothing;8
\.
COPY e FROM STDIN (FORMAT csv, QUOTE '''', ESCAPE '\', FORCE_NULL (b)) WHERE a <> 10;
9,'it\'s',1,
10,left out,,
11,'',1,
\.
TABLE e;
COPY e TO STDOUT;
COPY e (b, a) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *);
COPY (SELECT a, d FROM e WHERE a < 4 ORDER BY a DESC) TO STDOUT (NULL '?');

-- An error leaves nothing of the command.
COPY e FROM STDIN;
100	fine	1	\N
101	fine	1	\N
one hundred and two	bad	1	\N
\.
COPY e FROM STDIN;
100	fine	1	\N
101	too	many	\N	columns
\.
SELECT count(*) FROM e WHERE a >= 100;

-- Many rows, in every format, there and back; nothing in them is random.
TRUNCATE e;
INSERT INTO h SELECT g, repeat(md5(g::text), g % 40), g / 7.0, timestamptz '2020-01-01 00:00+00' + g * interval '1 min'
	FROM generate_series(1, 10000) g;
COPY (SELECT * FROM h ORDER BY a) TO :'text_file';
COPY (SELECT * FROM h ORDER BY a) TO :'csv_file' (FORMAT csv);
COPY (SELECT * FROM h ORDER BY a) TO :'binary_file' (FORMAT binary);
COPY e FROM :'text_file';
SELECT twin.diff('TABLE copies.h', 'TABLE copies.e');
TRUNCATE e;
COPY e FROM :'csv_file' (FORMAT csv);
SELECT twin.diff('TABLE copies.h', 'TABLE copies.e');
TRUNCATE e;
COPY e FROM :'binary_file' (FORMAT binary);
SELECT twin.diff('TABLE copies.h', 'TABLE copies.e');
-- In the order of the file, and out again in the same bytes.
SELECT count(*) FROM (SELECT a < lag(a) OVER (ORDER BY ctid) AS back FROM e) x WHERE back;
SELECT pg_read_binary_file(:'binary_file') AS was \gset
COPY e TO :'binary_file' (FORMAT binary);
SELECT pg_read_binary_file(:'binary_file') = :'was'::bytea AS same;
COPY e TO :'text_file';
TRUNCATE h;
COPY h FROM :'text_file';
SELECT twin.diff('TABLE copies.h', 'TABLE copies.e');
SELECT * FROM eventstore.verify('e');

-- WHERE, and part of the columns.
TRUNCATE h, e;
COPY h FROM :'text_file' WHERE a % 3 = 0;
COPY e FROM :'text_file' WHERE a % 3 = 0;
SELECT count(*), twin.diff('TABLE copies.h', 'TABLE copies.e') FROM e;
COPY (SELECT a, d FROM h) TO :'csv_file' (FORMAT csv);
TRUNCATE h, e;
COPY h (a, d) FROM :'csv_file' (FORMAT csv);
COPY e (a, d) FROM :'csv_file' (FORMAT csv);
SELECT count(*), count(b), count(c), twin.diff('TABLE copies.h', 'TABLE copies.e') FROM e;

-- With an index, a constraint that fails late and one that does not.
CREATE UNIQUE INDEX ON h (a);
CREATE UNIQUE INDEX ON e (a);
ALTER TABLE e ADD CONSTRAINT small CHECK (a < 10000);
TRUNCATE h, e;
COPY e FROM :'text_file';
SELECT count(*) FROM e;
ALTER TABLE e DROP CONSTRAINT small;
COPY h FROM :'text_file';
COPY e FROM :'text_file';
COPY e FROM :'text_file';
SELECT twin.diff('TABLE copies.h', 'TABLE copies.e');
SET enable_seqscan = off;
SELECT count(*) FROM h JOIN e USING (a, b, c, d);
RESET enable_seqscan;

-- Row by row: a volatile default, a trigger.
TRUNCATE h, e;
ALTER TABLE h ADD COLUMN r float8 DEFAULT random();
ALTER TABLE e ADD COLUMN r float8 DEFAULT random();
COPY h (a, b, c, d) FROM :'text_file';
COPY e (a, b, c, d) FROM :'text_file';
SELECT count(*), count(DISTINCT r) > 9990 AS random, twin.diff('SELECT a, b, c, d FROM copies.h', 'SELECT a, b, c, d FROM copies.e') FROM e;
ALTER TABLE h DROP COLUMN r;
ALTER TABLE e DROP COLUMN r;
TRUNCATE h, e;
CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.a % 2 = 0 THEN
		RETURN NULL;
	END IF;
	NEW.b := 'odd';
	RETURN NEW;
END $$;
CREATE TRIGGER odd BEFORE INSERT ON h FOR EACH ROW EXECUTE FUNCTION odd();
CREATE TRIGGER odd BEFORE INSERT ON e FOR EACH ROW EXECUTE FUNCTION odd();
COPY h FROM :'text_file';
COPY e FROM :'text_file';
SELECT count(*), min(b), twin.diff('TABLE copies.h', 'TABLE copies.e') FROM e;
DROP TRIGGER odd ON h;
DROP TRIGGER odd ON e;

-- FREEZE.
COPY e FROM :'text_file' FREEZE;
BEGIN;
TRUNCATE h, e;
COPY h FROM :'text_file' FREEZE;
COPY e FROM :'text_file' FREEZE;
SELECT count(*) FROM e;
SAVEPOINT s;
COPY e FROM :'text_file' FREEZE;
ROLLBACK TO s;
SELECT count(*) FROM e;
COMMIT;
SELECT twin.diff('TABLE copies.h', 'TABLE copies.e');
BEGIN;
CREATE TABLE frozen (LIKE e) USING eventstore;
COPY frozen FROM :'text_file' FREEZE;
ROLLBACK;
BEGIN;
CREATE TABLE frozen (LIKE e) USING eventstore;
COPY frozen FROM :'text_file' (FREEZE);
INSERT INTO frozen VALUES (0);
COMMIT;
SELECT count(*), min(a), max(a) FROM frozen;
SELECT twin.diff('SELECT * FROM copies.frozen WHERE a > 0', 'TABLE copies.e');

-- In a subtransaction that is undone, and in one that is not.
DROP INDEX e_a_idx;
TRUNCATE h, e;
BEGIN;
SAVEPOINT one;
COPY e FROM :'text_file';
ROLLBACK TO one;
COPY e FROM :'text_file';
SAVEPOINT two;
COPY e FROM :'text_file';
RELEASE two;
SELECT count(*) FROM e;
ROLLBACK TO one;
COPY e FROM :'text_file' WHERE a <= 10;
COMMIT;
SELECT count(*), sum(a) FROM e;

-- No columns, no rows.
CREATE TABLE none () USING eventstore;
COPY none FROM STDIN;


\.
COPY none TO STDOUT;
SELECT count(*) FROM none;
COPY e FROM STDIN;
\.
SELECT count(*) FROM e;

-- Many rows become a batch.  A column that counts the lines is what it is, although
-- the rows have no other numbers yet when they are encoded.
\set counted_file :builddir '/results/copy.counted'
COPY (SELECT g, repeat(md5(g::text), 16) FROM generate_series(1, 300) g) TO :'counted_file';
CREATE TABLE counted (n bigint, v text) USING eventstore;
COPY counted FROM :'counted_file';
SELECT count(*), min(n), max(n), sum(n) FROM counted;
COPY counted FROM :'counted_file';
COPY counted FROM :'counted_file';
SELECT count(*), min(n), max(n), sum(n) FROM counted;
SELECT compacted FROM eventstore.compact('counted');
SELECT count(*), min(n), max(n), sum(n) FROM counted;

SELECT * FROM twin.verify('copies');
SET client_min_messages = warning;
DROP SCHEMA copies CASCADE;
