--
-- COPY in every format and with every option, both ways, and errors in its
-- middle.
--
CREATE TABLE t (a int, b text DEFAULT 'default', c numeric, CHECK (a <> 13));
COPY t FROM STDIN;
1	one	1.5
2	\N	\N
3	tab\there\\ and\nthere	3
\.
COPY t (a, c) FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ';', NULL 'nothing');
a;c
4;4.4
5;nothing
\.
COPY t FROM STDIN WITH (FORMAT csv, QUOTE '''', ESCAPE '\', FORCE_NULL (b), FORCE_NOT_NULL (c));
6,'it\'s',6
7,'',7
\.
COPY t (a, b) FROM STDIN WITH (FORMAT csv, HEADER MATCH);
a,b
8,eight
\.
COPY t (a, b) FROM STDIN WITH (FORMAT csv, HEADER MATCH);
b,a
8,eight
\.
COPY t FROM STDIN WHERE a % 2 = 0 AND b IS NOT NULL;
20	twenty	20
21	odd	21
22	\N	22
\.
-- nothing of a COPY that fails
COPY t FROM STDIN;
100	x	1
101	x	not a number
102	x	1
\.
COPY t FROM STDIN;
100	x	1
13	x	1
\.
COPY t FROM STDIN;
100	x
\.
COPY t FROM STDIN;
100	x	1	extra
\.
COPY t (a, nothing) FROM '/dev/null';
COPY t (a, a) FROM '/dev/null';
SELECT * FROM t ORDER BY a;
-- out
COPY (SELECT * FROM t ORDER BY a) TO STDOUT;
COPY (SELECT * FROM t ORDER BY a) TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE *);
COPY (SELECT a FROM t WHERE a < 3 ORDER BY a) TO STDOUT WITH (FORMAT csv, HEADER, ENCODING 'latin1');
COPY (INSERT INTO t VALUES (50) RETURNING a, b) TO STDOUT;
COPY t TO STDOUT WITH (FORMAT csv, HEADER);
COPY t (b) TO STDOUT WITH (DELIMITER '|', NULL '-');
-- binary, through a file
SELECT current_setting('data_directory') || '/twin_copy.bin' AS file \gset
COPY t TO :'file' WITH (FORMAT binary);
CREATE TABLE u (LIKE t INCLUDING ALL);
COPY u FROM :'file' WITH (FORMAT binary);
COPY u FROM :'file' WITH (FORMAT binary) WHERE a > 20;
SELECT count(*), sum(a) FROM u;
COPY u (a) FROM :'file' WITH (FORMAT binary);
COPY t TO PROGRAM 'cat >/dev/null';
COPY u FROM PROGRAM 'echo "77	program	7"';
SELECT * FROM u WHERE a = 77;
-- what later versions have; others say alike that they have not
SELECT current_setting('data_directory') || '/twin_copy.txt' AS file \gset
COPY (VALUES ('60', 'sixty', '1'), ('x', 'not a number', '1'), ('13', 'not allowed', '1'), ('61', 'sixty-one', 'y'), ('62', '\D', '2')) TO :'file';
COPY u FROM :'file' WITH (ON_ERROR ignore);
COPY u FROM :'file' WITH (ON_ERROR ignore, LOG_VERBOSITY verbose) WHERE a <> 13;
COPY u FROM :'file' WITH (ON_ERROR ignore, REJECT_LIMIT 1) WHERE a <> 13;
COPY u FROM :'file' WITH (ON_ERROR ignore, LOG_VERBOSITY silent, REJECT_LIMIT 2, DEFAULT '\D') WHERE a <> 13;
COPY (SELECT 63, '', '""') TO :'file' WITH (FORMAT csv);
COPY u FROM :'file' WITH (FORMAT csv, FORCE_NULL *);
COPY u FROM :'file' WITH (FORMAT csv, FORCE_NOT_NULL *);
SELECT * FROM u WHERE a >= 60 ORDER BY a, b;
-- FREEZE
COPY u FROM '/dev/null' WITH (FREEZE);
BEGIN;
CREATE TABLE f (a int);
COPY f FROM STDIN WITH (FREEZE);
1
2
\.
SELECT * FROM f;
SAVEPOINT s;
COPY f FROM '/dev/null' WITH (FREEZE);
ROLLBACK TO s;
COMMIT;
SELECT * FROM f;
BEGIN;
TRUNCATE f;
COPY f FROM STDIN WITH (FREEZE);
4
\.
COMMIT;
SELECT * FROM f;
BEGIN;
TRUNCATE f;
SAVEPOINT s;
COPY f FROM '/dev/null' WITH (FREEZE);
COMMIT;
BEGIN;
TRUNCATE f;
COPY f FROM STDIN WITH (FREEZE);
7
\.
ROLLBACK;
SELECT * FROM f;
BEGIN;
TRUNCATE f;
COPY (SELECT generate_series(1, 3000)) TO :'file';
CREATE INDEX f_a ON f (a);
COPY f FROM :'file' WITH (FREEZE);
INSERT INTO f VALUES (3001);
SELECT count(*), sum(a), count(*) FILTER (WHERE xmin = pg_current_xact_id()::xid), max(cmin::text) FROM f;
COMMIT;
SELECT * FROM twin.scans('SELECT a FROM f WHERE a > 2900');
VACUUM f;
SELECT * FROM twin.scans('SELECT a FROM f WHERE a > 2900');
CREATE TABLE pf (a int) PARTITION BY LIST (a);
BEGIN;
CREATE TABLE pf1 PARTITION OF pf DEFAULT;
COPY pf FROM '/dev/null' WITH (FREEZE);
ROLLBACK;
-- many rows, large ones, with triggers, into partitions, in one transaction with others
COPY (SELECT g, repeat('x', g % 1000), g FROM generate_series(1, 5000) g WHERE g <> 13) TO :'file';
TRUNCATE u;
BEGIN;
COPY u FROM :'file';
SAVEPOINT s;
COPY u FROM :'file';
ROLLBACK TO s;
COPY u FROM :'file' WHERE a > 4990;
COMMIT;
SELECT count(*), sum(length(b)) FROM u;
CREATE FUNCTION odd_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.a % 2 = 0 THEN RETURN NULL; END IF; NEW.b := length(NEW.b); RETURN NEW; END $$;
CREATE TRIGGER odd_only BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION odd_only();
TRUNCATE u;
COPY u FROM :'file';
SELECT count(*), sum(b::int) FROM u;
DROP TRIGGER odd_only ON u;
CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% rows, % bytes', (SELECT count(*) FROM new), (SELECT sum(length(b)) FROM new); RETURN NULL; END $$;
CREATE TRIGGER counted AFTER INSERT ON u REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION counted();
COPY u FROM :'file';
CREATE TABLE parts (a int, b text, c numeric) PARTITION BY RANGE (a);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (2000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (2000) TO (4000) USING heap;
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (4000) TO (5000) USING eventstore;
COPY parts FROM :'file';
CREATE TABLE parts_4 PARTITION OF parts DEFAULT;
COPY parts FROM :'file';
SELECT tableoid::regclass, count(*), sum(length(b)) FROM parts GROUP BY 1 ORDER BY count(*);
TRUNCATE u;
ALTER TABLE u ADD UNIQUE (a);
COPY u FROM :'file';
COPY u FROM :'file';
SELECT count(*) FROM u;
CREATE VIEW v AS SELECT a, b FROM u;
COPY v FROM '/dev/null';
COPY v TO STDOUT;
COPY (SELECT * FROM v WHERE a = 7) TO STDOUT;
COPY parts TO STDOUT;
CREATE FUNCTION to_u() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO u (a, b) VALUES (NEW.a, NEW.b); RETURN NEW; END $$;
CREATE TRIGGER to_u INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION to_u();
COPY v FROM STDIN;
6001	through a view
6002	through a view
\.
SELECT * FROM u WHERE a > 6000 ORDER BY a;
-- values out of line, and more of them in one batch than fit its memory
CREATE TABLE large (a int, b text, c text);
ALTER TABLE large ALTER c SET STORAGE EXTERNAL;
COPY (SELECT g, repeat(md5(g::text), 1000), repeat('x', 50000) FROM generate_series(1, 40) g) TO :'file';
COPY large FROM :'file';
COPY large FROM :'file' WHERE a % 2 = 0;
SELECT count(*), sum(a), md5(string_agg(b, '' ORDER BY a)), sum(length(c)) FROM large;
SELECT twin.damage(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace;
