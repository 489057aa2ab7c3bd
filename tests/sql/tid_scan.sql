--
-- By ctid: row number n is ctid (n / 256, n % 256 + 1).
--
CREATE SCHEMA tids;
SET search_path = tids, public;
CREATE TABLE e (n int, b text) USING eventstore;
INSERT INTO e SELECT g, 'b' || g FROM generate_series(1, 1000) g;
BEGIN;
INSERT INTO e SELECT -1, 'undone' FROM generate_series(1, 100) g;
ROLLBACK;
INSERT INTO e SELECT g, 'b' || g FROM generate_series(1101, 1300) g;

SELECT * FROM twin.plan('SELECT * FROM tids.e WHERE ctid = ''(0,2)''');
SELECT ctid, * FROM e WHERE ctid = '(0,2)';
SELECT ctid, * FROM e WHERE ctid = '(1,1)';
SELECT ctid, * FROM e WHERE ctid = '(0,256)';
SELECT ctid, * FROM e WHERE ctid = ANY (ARRAY['(0,2)', '(3,1)', '(5,21)', '(0,2)', '(1,256)']::tid[]);
SELECT ctid, * FROM e WHERE ctid = '(2,3)' OR ctid = '(0,3)' OR n = 5;
-- Numbers there are none of: 0, rolled back, not drawn yet, offsets that no number has.
SELECT ctid, * FROM e WHERE ctid IN ('(0,1)', '(4,15)', '(5,22)', '(100,1)', '(4294967295,1)', '(4294967294,256)', '(0,0)', '(0,257)', '(0,65535)', '(4294967295,0)');
SELECT n FROM e x WHERE ctid = (SELECT ctid FROM e y WHERE y.n = x.n + 1);
SELECT a.n FROM e a JOIN e b ON a.ctid = b.ctid WHERE a.n < 4;
SELECT count(*) FROM e a JOIN e b ON a.ctid = b.ctid AND a.n = b.n;

-- Ranges.
SELECT * FROM twin.plan('SELECT * FROM tids.e WHERE ctid >= ''(0,2)'' AND ctid < ''(0,4)''');
SELECT ctid, * FROM e WHERE ctid >= '(0,2)' AND ctid < '(0,4)';
SELECT ctid, * FROM e WHERE ctid > '(0,255)' AND ctid <= '(1,2)';
SELECT count(*), min(n), max(n) FROM e WHERE ctid < '(1,0)';
SELECT count(*), min(n), max(n) FROM e WHERE ctid >= '(1,0)' AND ctid <= '(1,256)';
SELECT count(*), min(n), max(n) FROM e WHERE ctid > '(1,256)' AND ctid < '(3,0)';
SELECT count(*), min(n), max(n) FROM e WHERE ctid > '(1,1000)' AND ctid < '(2,65535)';
SELECT count(*), min(n), max(n) FROM e WHERE ctid > '(5,0)';
SELECT count(*) FROM e WHERE ctid > '(5,21)';
SELECT count(*) FROM e WHERE ctid > '(100,1)';
SELECT count(*) FROM e WHERE ctid > '(3,1)' AND ctid < '(2,1)';
SELECT count(*) FROM e WHERE ctid >= '(0,0)' AND ctid <= '(4294967295,65535)';
SELECT count(*) FROM e WHERE ctid > '(4294967295,65535)';
SELECT count(*) FROM e WHERE ctid < '(0,0)';
-- Every cut in two parts leaves all rows in one of them.
SELECT count(*) FROM e cut WHERE n % 50 = 0 AND
	(SELECT count(*) FROM e WHERE ctid < cut.ctid) + (SELECT count(*) FROM e WHERE ctid >= cut.ctid) <> 1200;
SELECT count(*) FROM generate_series(0, 6) block, generate_series(0, 300, 20) "offset" WHERE
	(SELECT count(*) FROM e WHERE ctid <= format('(%s,%s)', block, "offset")::tid) <>
	(SELECT count(*) FROM e WHERE (n >> 8, (n & 255) + 1) <= (block, "offset"));
-- A cursor, back and forth.
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT n FROM e WHERE ctid >= '(0,254)' AND ctid < '(1,5)';
FETCH 5 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH LAST FROM c;
FETCH NEXT FROM c;
FETCH PRIOR FROM c;
MOVE BACKWARD ALL IN c;
FETCH NEXT FROM c;
COMMIT;

-- The newest version of a row is the row.
SELECT currtid2('tids.e', '(0,2)'), currtid2('tids.e', '(5,21)');
SELECT currtid2('tids.e', '(100,1)');
-- WHERE CURRENT OF a cursor over it, in another table, and the other way round.
CREATE TABLE h (n int, b text) USING heap;
INSERT INTO h SELECT g, 'h' || g FROM generate_series(1, 3) g;
BEGIN;
DECLARE c CURSOR FOR SELECT e.n, h.b FROM e JOIN h USING (n) FOR UPDATE OF h;
FETCH 2 FROM c;
UPDATE h SET b = 'current' WHERE CURRENT OF c;
FETCH 1 FROM c;
DELETE FROM h WHERE CURRENT OF c;
COMMIT;
SELECT * FROM h ORDER BY n;
SELECT * FROM eventstore.verify('e');
SET client_min_messages = warning;
DROP SCHEMA tids CASCADE;
