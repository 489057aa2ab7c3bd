--
-- Inheritance between eventstore and heap tables.
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE parent (a int, b text DEFAULT ''parent'')');
SELECT twin.run('CREATE TABLE child (c int) INHERITS (parent)');
SELECT twin.run('CREATE TABLE other (d int) INHERITS (parent) USING heap');
SELECT twin.run('CREATE TABLE grandchild (e int) INHERITS (child, other)');
SELECT twin.run('INSERT INTO parent SELECT g FROM generate_series(1, 500) g');
SELECT twin.run('INSERT INTO child SELECT g, ''child'', g FROM generate_series(501, 1000) g');
SELECT twin.run('INSERT INTO other SELECT g, ''other'', g FROM generate_series(1001, 1500) g');
SELECT twin.run('INSERT INTO grandchild (a, c, d, e) VALUES (1501, 1, 2, 3) RETURNING *');
SELECT twin.run('SELECT tableoid::regclass::text, count(*), sum(a), min(b) FROM parent GROUP BY 1 ORDER BY 1');
SELECT twin.run('SELECT count(*) FROM ONLY parent');
SELECT twin.run('SELECT count(*), sum(a), sum(c) FROM child');
SELECT twin.differs('SELECT * FROM parent');
-- DDL reaches the children.
SELECT twin.run('ALTER TABLE parent ADD COLUMN n int DEFAULT 5');
SELECT twin.run('ALTER TABLE parent ALTER a TYPE bigint');
SELECT twin.run('ALTER TABLE parent RENAME b TO bee');
SELECT twin.run('ALTER TABLE parent ADD CHECK (a > 0)');
SELECT twin.run('INSERT INTO grandchild (a) VALUES (0)');
SELECT twin.run('SELECT tableoid::regclass::text, count(*), sum(a), sum(n), min(bee) FROM parent GROUP BY 1 ORDER BY 1');
SELECT twin.run('ALTER TABLE other NO INHERIT parent');
SELECT twin.run('SELECT count(*) FROM parent');
SELECT twin.run('ALTER TABLE other INHERIT parent');
-- Ordered scans over all, by an index of each.
SELECT twin.run('CREATE INDEX ON parent (a)');
SELECT twin.run('CREATE INDEX ON child (a)');
SELECT twin.run('CREATE INDEX ON other (a)');
SELECT twin.run('CREATE INDEX ON grandchild (a)');
SET enable_seqscan = off;
SET enable_sort = off;
SELECT twin.run('SELECT a, tableoid::regclass::text FROM parent WHERE a BETWEEN 499 AND 502 OR a > 1499 ORDER BY a');
SELECT twin.run('SELECT min(a), max(a) FROM parent');
RESET enable_seqscan;
RESET enable_sort;
-- Rows and their conversion to the parent's type.
SELECT twin.run('SELECT child::parent FROM child WHERE a = 501');
-- Of a type, and dropped with the parent.
CREATE TYPE pair AS (x int, y text);
SELECT twin.run('CREATE TABLE typed OF pair (x NOT NULL)');
SELECT twin.run('INSERT INTO typed VALUES (1, ''a'') RETURNING *');
ALTER TYPE pair ADD ATTRIBUTE z int CASCADE;
SELECT twin.run('INSERT INTO typed VALUES (2, ''b'', 3)');
SELECT twin.run('TABLE typed');
SELECT twin.run('TRUNCATE ONLY parent');
SELECT twin.run('SELECT count(*) FROM parent');
SELECT twin.run('TRUNCATE parent');
SELECT twin.run('SELECT count(*) FROM parent');
SELECT twin.run('DROP TABLE parent, child, other, grandchild');

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
DROP TYPE pair;
