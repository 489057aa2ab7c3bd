--
-- What changes rows.
--
CREATE TABLE t (a int PRIMARY KEY, b text);
INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 3) g;
UPDATE t SET b = 'changed' WHERE a = 1;
DELETE FROM t
	WHERE a = 2;
SELECT * FROM t ORDER BY a;
COPY t FROM STDIN;
10	ten
11	eleven
\.
SELECT count(*) FROM t;
INSERT INTO t VALUES (10, 'x');
