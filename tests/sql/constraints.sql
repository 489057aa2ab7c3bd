--
-- Constraints: each command does on an eventstore table what it does on heap.
--
SELECT twin.open();

-- NOT NULL and CHECK.
SELECT twin.run('CREATE TABLE t (a int NOT NULL, b text CHECK (b <> ''bad''), c int CONSTRAINT c_small CHECK (c < 100), CHECK (a < c))');
SELECT twin.run('INSERT INTO t VALUES (1, ''x'', 2), (2, NULL, 3), (3, ''x'', NULL)');
SELECT twin.run('INSERT INTO t VALUES (NULL, ''x'', 2)');
SELECT twin.run('INSERT INTO t VALUES (1, ''bad'', 2)');
SELECT twin.run('INSERT INTO t VALUES (1, ''x'', 100)');
SELECT twin.run('INSERT INTO t VALUES (5, ''x'', 4)');
SELECT twin.run('INSERT INTO t SELECT g, ''x'', 50 FROM generate_series(1, 60) g');
SELECT twin.run('SELECT * FROM t');
SELECT twin.run('ALTER TABLE t ADD CONSTRAINT a_big CHECK (a > 1)');
SELECT twin.run('ALTER TABLE t ADD CONSTRAINT a_big CHECK (a > 1) NOT VALID');
SELECT twin.run('INSERT INTO t VALUES (1, ''x'', 2)');
SELECT twin.run('ALTER TABLE t VALIDATE CONSTRAINT a_big');
SELECT twin.run('ALTER TABLE t DROP CONSTRAINT a_big');
SELECT twin.run('ALTER TABLE t ALTER c SET NOT NULL');
SELECT twin.run('ALTER TABLE t ALTER a DROP NOT NULL');
SELECT twin.run('INSERT INTO t VALUES (NULL, ''x'', 4)');

-- PRIMARY KEY and UNIQUE.
SELECT twin.run('CREATE TABLE u (a int PRIMARY KEY, b text UNIQUE, c int, d int, UNIQUE (c, d))');
SELECT twin.run('INSERT INTO u SELECT g, g::text, g / 10, g % 10 FROM generate_series(1, 1000) g');
SELECT twin.run('INSERT INTO u VALUES (500, ''new'', 1000, 0)');
SELECT twin.run('INSERT INTO u VALUES (1001, ''500'', 1000, 0)');
SELECT twin.run('INSERT INTO u VALUES (1001, ''new'', 50, 0)');
SELECT twin.run('INSERT INTO u VALUES (NULL, ''new'', 1000, 0)');
SELECT twin.run('INSERT INTO u VALUES (1001, NULL, NULL, 1), (1002, NULL, NULL, 1)');
SELECT twin.run('INSERT INTO u SELECT g, NULL, NULL, NULL FROM generate_series(2000, 1, -1) g');
SELECT twin.run('INSERT INTO u VALUES (3000, ''same'', NULL, NULL), (3001, ''same'', NULL, NULL)');
SELECT twin.run('SELECT count(*), max(a) FROM u');
SELECT twin.run('CREATE TABLE nd (a int, UNIQUE NULLS NOT DISTINCT (a))');
SELECT twin.run('INSERT INTO nd VALUES (NULL)');
SELECT twin.run('INSERT INTO nd VALUES (NULL)');
-- A key that a rolled back transaction used is free.
SELECT twin.run('DO $d$ BEGIN INSERT INTO u VALUES (5000, ''5000''); RAISE ''no''; EXCEPTION WHEN raise_exception THEN NULL; END $d$');
SELECT twin.run('INSERT INTO u VALUES (5000, ''5000'')');
-- Added to rows that are there.
SELECT twin.run('CREATE TABLE later (a int, b int)');
SELECT twin.run('INSERT INTO later SELECT g, CASE g WHEN 700 THEN 300 ELSE g END FROM generate_series(1, 1000) g');
SELECT twin.run('ALTER TABLE later ADD UNIQUE (b)');
SELECT twin.run('ALTER TABLE later ADD PRIMARY KEY (a)');
SELECT twin.run('ALTER TABLE later ADD UNIQUE (a, b)');
SELECT twin.run('INSERT INTO later VALUES (1, 700)');
SELECT twin.run('ALTER TABLE later DROP CONSTRAINT later_pkey');
SELECT twin.run('CREATE UNIQUE INDEX later_idx ON later (a)');
SELECT twin.run('ALTER TABLE later ADD CONSTRAINT later_pkey PRIMARY KEY USING INDEX later_idx');

-- Deferrable.
SELECT twin.run('CREATE TABLE def (a int UNIQUE DEFERRABLE INITIALLY DEFERRED, b int UNIQUE DEFERRABLE)');
SELECT twin.run('INSERT INTO def SELECT g, g FROM generate_series(1, 300) g');
SELECT twin.run('INSERT INTO def VALUES (301, 1)');
BEGIN;
INSERT INTO on_events.def VALUES (1, 400);
SELECT count(*) FROM on_events.def WHERE a = 1;
COMMIT;
BEGIN;
INSERT INTO on_events.def VALUES (1, 400);
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
BEGIN;
INSERT INTO on_events.def VALUES (400, 400);
SAVEPOINT s;
INSERT INTO on_events.def VALUES (400, 401);
ROLLBACK TO s;
INSERT INTO on_events.def VALUES (402, 402);
COMMIT;
INSERT INTO on_heap.def VALUES (400, 400), (402, 402);
SELECT count(*), max(a) FROM on_events.def;

-- EXCLUDE.
SELECT twin.run('CREATE TABLE ex (room int, during int4range, EXCLUDE USING gist (during WITH &&) WHERE (room = 1), EXCLUDE USING btree (room WITH =, during WITH =))');
SELECT twin.run('INSERT INTO ex SELECT 1, int4range(g * 10, g * 10 + 10) FROM generate_series(1, 200) g');
SELECT twin.run('INSERT INTO ex VALUES (1, ''[1995,1997)'')');
SELECT twin.run('INSERT INTO ex VALUES (2, ''[1995,1997)'')');
SELECT twin.run('INSERT INTO ex VALUES (2, ''[1995,1997)'')');
SELECT twin.run('INSERT INTO ex VALUES (1, ''[3000,3010)''), (1, ''[3005,3006)'')');
SELECT twin.run('CREATE TABLE exd (c circle, EXCLUDE USING gist (c WITH &&) DEFERRABLE INITIALLY DEFERRED)');
SELECT twin.run('INSERT INTO exd VALUES (''<(0,0),1>''), (''<(5,5),1>'')');
BEGIN;
INSERT INTO on_events.exd VALUES ('<(0,0),2>');
COMMIT;
SELECT twin.run('SELECT count(*) FROM exd');

-- Domains are checked as anywhere.
CREATE DOMAIN positive AS int NOT NULL CHECK (VALUE > 0);
SELECT twin.run('CREATE TABLE dom (a positive)');
SELECT twin.run('INSERT INTO dom VALUES (1), (2)');
SELECT twin.run('INSERT INTO dom VALUES (0)');
SELECT twin.run('INSERT INTO dom VALUES (NULL)');
DROP TABLE on_heap.dom;
ALTER DOMAIN positive ADD CHECK (VALUE < 2);
ALTER DOMAIN positive ADD CHECK (VALUE < 3);
INSERT INTO on_events.dom VALUES (3);
INSERT INTO on_events.dom VALUES (2);

SELECT relname, twin.diff('TABLE on_heap.' || relname, 'TABLE on_events.' || relname) FROM pg_class
WHERE relnamespace = 'on_events'::regnamespace AND relkind = 'r' AND relname <> 'dom' ORDER BY relname;
SELECT * FROM twin.verify('on_events');
SELECT twin.close();
DROP DOMAIN positive;
