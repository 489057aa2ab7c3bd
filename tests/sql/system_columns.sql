--
-- System columns: as heap's, but for ctid.
--
CREATE SCHEMA syscols;
SET search_path = syscols, public;
CREATE TABLE h (a int, b text) USING heap;
CREATE TABLE e (a int, b text) USING eventstore;
INSERT INTO h VALUES (1, 'one');
INSERT INTO e VALUES (1, 'one');
BEGIN;
INSERT INTO h VALUES (2, 'two');
INSERT INTO h VALUES (3, 'three'), (4, repeat('x', 100000));
SAVEPOINT s;
INSERT INTO h VALUES (5, 'five');
SELECT a, cmin, cmax, xmax, xmin = pg_current_xact_id()::xid AS mine FROM h;
ROLLBACK;
BEGIN;
INSERT INTO e VALUES (2, 'two');
INSERT INTO e VALUES (3, 'three'), (4, repeat('x', 100000));
SAVEPOINT s;
INSERT INTO e VALUES (5, 'five');
SELECT a, cmin, cmax, xmax, xmin = pg_current_xact_id()::xid AS mine FROM e;
COMMIT;
SELECT ctid, a, tableoid::regclass, xmax FROM e;
-- xmin tells rows of one transaction from another's; a subtransaction has its own.
SELECT count(DISTINCT xmin::text) FROM e;
SELECT a FROM e WHERE xmin::text = (SELECT xmin::text FROM e WHERE a = 3);
SELECT pg_xact_status((xmin::text)::xid8) FROM e WHERE a = 1 AND txid_current() < 4294967296;
-- By any path: index, ctid, bitmap, join, subquery, RETURNING, triggers.
CREATE INDEX ON e (a);
SET enable_seqscan = off;
SELECT ctid, tableoid::regclass, xmin::text <> '0' AS xmin, xmax, length(b) FROM e WHERE a = 4;
SET enable_indexscan = off;
SELECT ctid, tableoid::regclass, xmin::text <> '0' AS xmin, xmax FROM e WHERE a BETWEEN 2 AND 3;
RESET enable_indexscan;
RESET enable_seqscan;
SELECT ctid, tableoid::regclass, xmin::text <> '0' AS xmin FROM e WHERE ctid = '(0,4)';
SELECT x.ctid, y.ctid, x.tableoid = y.tableoid AS same FROM e x JOIN e y ON x.a = y.a + 1 ORDER BY x.a;
SELECT x.ctid, x.tableoid::regclass FROM (SELECT ctid, tableoid, a FROM e ORDER BY a DESC LIMIT 2) x;
SELECT min(ctid), max(ctid) FROM e;
SELECT ctid, row_number() OVER (ORDER BY ctid DESC) FROM e;
INSERT INTO e VALUES (6, 'six') RETURNING ctid, tableoid::regclass, xmin::text <> '0' AS xmin, cmin, xmax;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '% of %', NEW.a, TG_RELID::regclass;
	RETURN NULL;
END $$;
CREATE TRIGGER t AFTER INSERT ON e FOR EACH ROW EXECUTE FUNCTION tell();
INSERT INTO e VALUES (7, 'seven') RETURNING ctid;
-- There are no others, and their names are taken.
SELECT oid FROM e;
CREATE TABLE bad (ctid int) USING eventstore;
ALTER TABLE e ADD COLUMN xmin int;
-- Through views, partitions, inheritance.
CREATE TABLE p (a int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) USING eventstore;
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) USING heap;
INSERT INTO p VALUES (1), (2);
SELECT tableoid::regclass, ctid, xmin::text <> '0' AS xmin, a FROM p ORDER BY a;
-- After freezing and a rewrite they still answer.
VACUUM (FREEZE) e;
SELECT count(*), count(xmin), count(DISTINCT ctid) FROM e WHERE xmax::text = '0';
VACUUM FULL e;
SELECT count(*), count(xmin), min(ctid), max(ctid) FROM e;
BEGIN;
ALTER TABLE e ALTER a TYPE bigint;
SELECT count(*), count(xmin), min(ctid), max(ctid) FROM e;
COMMIT;

SELECT * FROM twin.verify('syscols');
SET client_min_messages = warning;
DROP SCHEMA syscols CASCADE;
