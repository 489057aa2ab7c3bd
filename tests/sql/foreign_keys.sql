--
-- Foreign keys from and to eventstore tables.
--
SELECT twin.open();
SELECT twin.run('CREATE TABLE p (a int PRIMARY KEY, b text UNIQUE)');
SELECT twin.run('INSERT INTO p SELECT g, ''b'' || g FROM generate_series(1, 1000) g');
SELECT twin.run('CREATE TABLE c (n int, a int REFERENCES p, b text REFERENCES p (b) DEFERRABLE INITIALLY DEFERRED)');
SELECT twin.run('INSERT INTO c SELECT g, g, ''b'' || (1001 - g) FROM generate_series(1, 1000) g');
SELECT twin.run('INSERT INTO c VALUES (1001, 1001, NULL)');
SELECT twin.run('INSERT INTO c VALUES (1001, NULL, NULL), (1002, 1, NULL)');
SELECT twin.run('INSERT INTO c SELECT g, g, NULL FROM generate_series(900, 1100) g');
-- Each of the four mixtures.
SELECT twin.run('CREATE TABLE to_heap (a int REFERENCES on_heap.p)');
SELECT twin.run('CREATE TABLE to_events (a int REFERENCES on_events.p)');
SELECT twin.run('INSERT INTO to_heap VALUES (1), (1000), (NULL)');
SELECT twin.run('INSERT INTO to_heap VALUES (0)');
SELECT twin.run('INSERT INTO to_events VALUES (1), (1000), (NULL)');
SELECT twin.run('INSERT INTO to_events VALUES (0)');
-- A parent and its child in one transaction, one statement, and undone.
BEGIN;
INSERT INTO on_events.p VALUES (2001, 'b2001');
INSERT INTO on_events.to_events VALUES (2001);
SAVEPOINT s;
INSERT INTO on_events.p VALUES (2002, 'b2002');
ROLLBACK TO s;
INSERT INTO on_events.to_events VALUES (2002);
ROLLBACK;
WITH parent AS (INSERT INTO on_events.p VALUES (2003, 'b2003') RETURNING a)
INSERT INTO on_events.to_events SELECT a FROM parent RETURNING a;
INSERT INTO on_heap.p VALUES (2003, 'b2003');
-- Deferred: the child first.
BEGIN;
INSERT INTO on_events.c VALUES (2004, NULL, 'b2004');
INSERT INTO on_events.p VALUES (2004, 'b2004');
COMMIT;
INSERT INTO on_heap.p VALUES (2004, 'b2004');
INSERT INTO on_heap.c VALUES (2004, NULL, 'b2004');
BEGIN;
INSERT INTO on_events.c VALUES (2005, NULL, 'b2005');
COMMIT;
BEGIN;
INSERT INTO on_events.c VALUES (2005, NULL, 'b2005');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
-- Added to rows that are there, and validated later.
SELECT twin.run('CREATE TABLE d (a int)');
SELECT twin.run('INSERT INTO d VALUES (1), (2), (0)');
SELECT twin.run('ALTER TABLE d ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES p');
SELECT twin.run('ALTER TABLE d ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES p NOT VALID');
SELECT twin.run('ALTER TABLE d VALIDATE CONSTRAINT fk');
SELECT twin.run('INSERT INTO p VALUES (0, NULL)');
SELECT twin.run('ALTER TABLE d VALIDATE CONSTRAINT fk');
SELECT twin.run('INSERT INTO d VALUES (-1)');
-- To itself.
SELECT twin.run('CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree)');
SELECT twin.run('INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 3), (4, 5), (5, 4)');
SELECT twin.run('INSERT INTO tree VALUES (6, 7)');
-- Two columns, MATCH FULL.
SELECT twin.run('CREATE TABLE p2 (a int, b int, PRIMARY KEY (a, b))');
SELECT twin.run('CREATE TABLE c2 (a int, b int, FOREIGN KEY (a, b) REFERENCES p2 MATCH FULL)');
SELECT twin.run('INSERT INTO p2 VALUES (1, 1), (1, 2)');
SELECT twin.run('INSERT INTO c2 VALUES (1, 2), (NULL, NULL)');
SELECT twin.run('INSERT INTO c2 VALUES (1, 3)');
SELECT twin.run('INSERT INTO c2 VALUES (1, NULL)');

-- A heap parent's rows that events refer to cannot go.
CREATE TABLE on_heap.strict (a int PRIMARY KEY, b int UNIQUE);
CREATE TABLE on_events.of_strict (a int REFERENCES on_heap.strict, b int REFERENCES on_heap.strict (b) ON DELETE RESTRICT) USING eventstore;
INSERT INTO on_heap.strict VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO on_events.of_strict VALUES (1, NULL), (NULL, 3);
DELETE FROM on_heap.strict WHERE a = 1;
UPDATE on_heap.strict SET a = 4 WHERE a = 1;
DELETE FROM on_heap.strict WHERE a = 2;
DO $$
BEGIN
	DELETE FROM on_heap.strict WHERE a = 3;
EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
	RAISE NOTICE 'restricted';
END $$;
TRUNCATE on_heap.strict;
TABLE on_heap.strict;


-- Actions that would change or delete events are refused when the key is made.
CREATE TABLE on_events.bad (a int REFERENCES on_heap.strict ON DELETE CASCADE) USING eventstore;
CREATE TABLE on_events.bad (a int REFERENCES on_heap.strict ON DELETE SET NULL) USING eventstore;
CREATE TABLE on_events.bad (a int DEFAULT 1 REFERENCES on_heap.strict ON DELETE SET DEFAULT) USING eventstore;
CREATE TABLE on_events.bad (a int REFERENCES on_heap.strict ON UPDATE CASCADE) USING eventstore;
CREATE TABLE on_events.bad (a int REFERENCES on_heap.strict ON UPDATE SET NULL) USING eventstore;
CREATE TABLE on_events.bad (a int DEFAULT 1 REFERENCES on_heap.strict ON UPDATE SET DEFAULT) USING eventstore;
SELECT to_regclass('on_events.bad');
ALTER TABLE on_events.of_strict ADD FOREIGN KEY (a) REFERENCES on_heap.strict ON DELETE CASCADE;
-- Nor do they come with a parent, a partition or another access method.
CREATE TABLE on_heap.cascading (a int REFERENCES on_heap.strict ON DELETE CASCADE) USING heap;
ALTER TABLE on_heap.cascading SET ACCESS METHOD eventstore;
CREATE TABLE on_events.parted (a int REFERENCES on_heap.strict ON DELETE CASCADE, b int) PARTITION BY LIST (b);
CREATE TABLE on_events.bad PARTITION OF on_events.parted FOR VALUES IN (1) USING eventstore;
CREATE TABLE on_events.part (a int, b int) USING eventstore;
ALTER TABLE on_events.parted ATTACH PARTITION on_events.part FOR VALUES IN (2);
ALTER TABLE on_events.parted DROP CONSTRAINT parted_a_fkey;
ALTER TABLE on_events.parted ATTACH PARTITION on_events.part FOR VALUES IN (2);
ALTER TABLE on_events.parted ADD FOREIGN KEY (a) REFERENCES on_heap.strict ON DELETE SET NULL;
ALTER TABLE on_events.parted ADD FOREIGN KEY (a) REFERENCES on_heap.strict;
INSERT INTO on_events.parted VALUES (1, 2);
INSERT INTO on_events.parted VALUES (7, 2);
-- A heap child may follow an events parent in any way, since that never changes.
CREATE TABLE on_heap.follows (a int REFERENCES on_events.p ON DELETE CASCADE ON UPDATE CASCADE) USING heap;
INSERT INTO on_heap.follows VALUES (1);
INSERT INTO on_heap.follows VALUES (-1);

SELECT relname, twin.diff('TABLE on_heap.' || relname, 'TABLE on_events.' || relname) FROM pg_class
WHERE relnamespace = 'on_events'::regnamespace AND relkind = 'r' AND relname NOT IN ('of_strict', 'bad', 'to_events', 'part') ORDER BY relname;
-- TRUNCATE knows of the keys.
TRUNCATE on_events.p2;
TRUNCATE on_events.p2 CASCADE;
SELECT count(*) FROM on_events.c2;

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
