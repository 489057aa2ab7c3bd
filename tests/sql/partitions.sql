--
-- Partitions: of every kind, mixed with heap.
--
SELECT twin.open();
-- By list.
SELECT twin.run('CREATE TABLE l (a int, b text, c int) PARTITION BY LIST (b)');
SELECT twin.run('CREATE TABLE l_x PARTITION OF l FOR VALUES IN (''x'')');
SELECT twin.run('CREATE TABLE l_yz PARTITION OF l FOR VALUES IN (''y'', ''z'')');
SELECT twin.run('CREATE TABLE l_heap PARTITION OF l FOR VALUES IN (''heap'') USING heap');
SELECT twin.run('INSERT INTO l SELECT g, (''{x,y,z,heap}''::text[])[g % 4 + 1], g FROM generate_series(1, 2000) g');
SELECT twin.run('INSERT INTO l VALUES (1, ''none'', 1)');
SELECT twin.run('INSERT INTO l VALUES (1, ''x'', 1), (2, ''heap'', 2) RETURNING tableoid::regclass::text, *');
SELECT twin.run('INSERT INTO l_x VALUES (1, ''y'', 1)');
SELECT twin.run('SELECT tableoid::regclass::text, count(*), sum(a) FROM l GROUP BY 1 ORDER BY 1');
SELECT twin.run('CREATE TABLE l_default PARTITION OF l DEFAULT');
SELECT twin.run('INSERT INTO l VALUES (1, ''none'', 1), (2, NULL, 2) RETURNING tableoid::regclass::text');
SELECT twin.run('CREATE TABLE l_none PARTITION OF l FOR VALUES IN (''none'')');
-- By range, with partitions of a partition and other column orders.
SELECT twin.run('CREATE TABLE r (a int, b text, t timestamptz) PARTITION BY RANGE (t)');
SELECT twin.run('CREATE TABLE r_2020 PARTITION OF r FOR VALUES FROM (''2020-01-01'') TO (''2021-01-01'')');
SELECT twin.run('CREATE TABLE r_2021 PARTITION OF r FOR VALUES FROM (''2021-01-01'') TO (''2022-01-01'') PARTITION BY HASH (a)');
SELECT twin.run('CREATE TABLE r_2021_0 PARTITION OF r_2021 FOR VALUES WITH (MODULUS 2, REMAINDER 0)');
SELECT twin.run('CREATE TABLE r_2021_1 PARTITION OF r_2021 FOR VALUES WITH (MODULUS 2, REMAINDER 1)');
SELECT twin.run('CREATE TABLE r_2022 (t timestamptz, dropped int, b text, a int)');
SELECT twin.run('INSERT INTO r_2022 SELECT ''2022-06-01'', 1, ''before'', g FROM generate_series(1, 100) g');
SELECT twin.run('ALTER TABLE r_2022 DROP COLUMN dropped');
SELECT twin.run('ALTER TABLE r ATTACH PARTITION r_2022 FOR VALUES FROM (''2022-01-01'') TO (''2022-03-01'')');
SELECT twin.run('ALTER TABLE r ATTACH PARTITION r_2022 FOR VALUES FROM (''2022-01-01'') TO (''2023-01-01'')');
SELECT twin.run('INSERT INTO r SELECT g, repeat(''r'', g % 100), timestamptz ''2020-01-01'' + g * interval ''8 hours'' FROM generate_series(1, 3200) g');
SELECT twin.run('SELECT tableoid::regclass::text, count(*), sum(a), sum(length(b)) FROM r GROUP BY 1 ORDER BY 1');
SELECT twin.run('SELECT count(*), sum(a) FROM r WHERE t BETWEEN ''2020-12-01'' AND ''2021-02-01''');
-- Indexes, unique keys, foreign keys and triggers of the parent.
SELECT twin.run('CREATE INDEX ON r (a)');
SELECT twin.run('CREATE UNIQUE INDEX ON r (a, t)');
SET enable_seqscan = off;
SELECT twin.run('SELECT tableoid::regclass::text, a, t FROM r WHERE a BETWEEN 98 AND 102 ORDER BY a, t');
RESET enable_seqscan;
SELECT twin.run('INSERT INTO r VALUES (50, ''twice'', ''2022-06-01'')');
SELECT twin.run('INSERT INTO r VALUES (50, ''twice'', ''2022-06-01'') ON CONFLICT DO NOTHING');
SELECT twin.run('CREATE TABLE ref (a int, t timestamptz, FOREIGN KEY (a, t) REFERENCES r (a, t))');
SELECT twin.run('INSERT INTO ref VALUES (1, ''2022-06-01'')');
SELECT twin.run('INSERT INTO ref VALUES (1, ''2022-06-02'')');
-- Detach, attach again, drop.
SELECT twin.run('ALTER TABLE l DETACH PARTITION l_x');
SELECT twin.run('SELECT count(*) FROM l');
SELECT twin.run('INSERT INTO l_x VALUES (5000, ''x'', 1)');
SELECT twin.run('ALTER TABLE l ATTACH PARTITION l_x FOR VALUES IN (''x'')');
SELECT twin.run('SELECT count(*) FROM l');
SELECT twin.run('DROP TABLE l_yz');
SELECT twin.run('TRUNCATE l_heap');
SELECT twin.run('SELECT tableoid::regclass::text, count(*), sum(a) FROM l GROUP BY 1 ORDER BY 1');
-- A column for all.
SELECT twin.run('ALTER TABLE r ADD COLUMN n int DEFAULT 3');
SELECT twin.run('ALTER TABLE r ALTER a TYPE bigint');
SELECT twin.run('INSERT INTO r (a, t, n) VALUES (7000, ''2020-05-05'', 1), (7001, ''2022-05-05'', 2) RETURNING *');
SELECT twin.run('SELECT tableoid::regclass::text, count(*), sum(a), sum(n) FROM r GROUP BY 1 ORDER BY 1');
SELECT twin.diff('TABLE on_heap.r', 'TABLE on_events.r');
-- COPY, whose rows alternate between partitions.
COPY on_events.r (a, b, t) FROM STDIN;
8000	c	2020-07-07
8001	c	2021-07-07
8002	c	2022-07-07
8003	c	2020-07-07
8004	c	2021-07-07
\.
SELECT tableoid::regclass, a, t FROM on_events.r WHERE a >= 8000 ORDER BY a;
COPY on_events.r (a, b, t) FROM STDIN;
8005	c	2020-07-07
8006	c	2030-07-07
\.
SELECT count(*) FROM on_events.r WHERE a > 8004;
\getenv builddir PG_ABS_BUILDDIR
\set file :builddir '/results/partitions.data'
COPY (SELECT a, b, t FROM on_heap.r ORDER BY (a * 7919) % 3000) TO :'file';
TRUNCATE on_events.r, on_events.ref, on_heap.r, on_heap.ref;
COPY on_events.r (a, b, t) FROM :'file';
COPY on_heap.r (a, b, t) FROM :'file';
SELECT tableoid::regclass, count(*) FROM on_events.r GROUP BY 1 ORDER BY 1;
SELECT twin.diff('TABLE on_heap.r', 'TABLE on_events.r');

-- Each partition has positions of its own.
CREATE TABLE on_events.p (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, n int) PARTITION BY HASH (entity_id);
CREATE TABLE on_events.p0 PARTITION OF on_events.p FOR VALUES WITH (MODULUS 2, REMAINDER 0) USING eventstore;
CREATE TABLE on_events.p1 PARTITION OF on_events.p FOR VALUES WITH (MODULUS 2, REMAINDER 1) USING eventstore;
INSERT INTO on_events.p (entity_id, n) SELECT 'stream-' || g % 20, g FROM generate_series(1, 1000) g;
SELECT tableoid::regclass, count(*) = max(position) AND min(position) = 1 AS "1 to count" FROM on_events.p GROUP BY 1 ORDER BY 1;
INSERT INTO on_events.p (entity_id, n) VALUES ('stream-1', 0) RETURNING position > 400 AS position, n;
-- The number and the id reach columns that the parent has elsewhere, from rows
-- that were made for the parent.
CREATE TABLE on_events.o (x text, position bigint, entity_id text, event_id uuid DEFAULT '00000000-0000-0000-0000-000000000000', big text, v int)
	PARTITION BY HASH (entity_id);
CREATE TABLE on_events.o0 (v int, big text, gone int, event_id uuid DEFAULT '00000000-0000-0000-0000-000000000000', x text, entity_id text, position bigint) USING eventstore;
ALTER TABLE on_events.o0 DROP COLUMN gone;
ALTER TABLE on_events.o ATTACH PARTITION on_events.o0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE on_events.o1 PARTITION OF on_events.o FOR VALUES WITH (MODULUS 2, REMAINDER 1) USING eventstore;
CREATE INDEX ON on_events.o (position);
CREATE UNIQUE INDEX ON on_events.o0 (event_id);
CREATE UNIQUE INDEX ON on_events.o1 (event_id);
WITH new AS (
	INSERT INTO on_events.o (x, position, entity_id, big, v)
		SELECT repeat('x', g % 200), NULL, 'e' || g, repeat(md5(g::text), g % 400), g FROM generate_series(1, 1000) g RETURNING *)
SELECT count(position), count(DISTINCT event_id) AS ids, count(*) FILTER (WHERE x = repeat('x', v % 200) AND big = repeat(md5(v::text), v % 400)) AS same FROM new;
SET enable_seqscan = off;
SELECT count(*) FROM on_events.o WHERE position BETWEEN 1 AND 1000;
RESET enable_seqscan;
COPY (SELECT * FROM on_events.o ORDER BY position) TO :'file';
CREATE TABLE on_events.loaded AS TABLE on_events.o;
TRUNCATE on_events.o;
COPY on_events.o FROM :'file';
SELECT twin.diff('TABLE on_events.o', 'TABLE on_events.loaded');
-- A row that an UPDATE moves here from a heap partition gets a number and an id,
-- in its indexes and in RETURNING too, whatever kind of slot it comes in.
CREATE TABLE on_events.m (k int, position bigint, entity_id text, event_id uuid DEFAULT '00000000-0000-0000-0000-000000000000') PARTITION BY LIST (k);
CREATE TABLE on_events.m_heap PARTITION OF on_events.m FOR VALUES IN (0) USING heap;
CREATE TABLE on_events.m_same PARTITION OF on_events.m FOR VALUES IN (1) USING eventstore;
CREATE TABLE on_events.m_other (event_id uuid, entity_id text, k int, position bigint) USING eventstore;
ALTER TABLE on_events.m ATTACH PARTITION on_events.m_other FOR VALUES IN (2);
CREATE INDEX ON on_events.m (position);
CREATE INDEX ON on_events.m (event_id);
INSERT INTO on_events.m SELECT 0, CASE g % 2 WHEN 0 THEN 0 END, 'e' || g FROM generate_series(1, 6) g;
UPDATE on_events.m SET k = 1 WHERE k = 0 AND entity_id <= 'e3'
	RETURNING tableoid::regclass, position, entity_id, event_id <> '00000000-0000-0000-0000-000000000000' AS has_id;
UPDATE on_events.m SET k = 2 WHERE k = 0 AND entity_id >= 'e4'
	RETURNING tableoid::regclass, position, entity_id, event_id <> '00000000-0000-0000-0000-000000000000' AS has_id;
SET enable_seqscan = off;
SELECT tableoid::regclass, position, entity_id FROM on_events.m WHERE position >= 0 ORDER BY 1, 2;
SELECT count(*) FROM on_events.m WHERE event_id > '00000000-0000-0000-0000-000000000000';
RESET enable_seqscan;
-- Rows of a partitioned table through the parent's order.
CREATE INDEX ON on_events.p (position);
SELECT count(*) FROM (SELECT position < lag(position) OVER (PARTITION BY tableoid ORDER BY n) AS back FROM on_events.p WHERE n > 0) x WHERE back;

-- A partitioned table itself may name the access method from 17 on, and its
-- partitions take it; before, they take the default.
SELECT current_setting('server_version_num')::int >= 170000 AS has_am \gset
\if :has_am
CREATE TABLE on_events.q (a int) PARTITION BY RANGE (a) USING eventstore;
\else
CREATE TABLE on_events.q (a int) PARTITION BY RANGE (a);
SET default_table_access_method = eventstore;
\endif
CREATE TABLE on_events.q1 PARTITION OF on_events.q FOR VALUES FROM (0) TO (10);
RESET default_table_access_method;
SELECT amname FROM pg_class c JOIN pg_am m ON relam = m.oid WHERE c.oid = 'on_events.q1'::regclass;
INSERT INTO on_events.q SELECT g % 10 FROM generate_series(1, 300) g;
ALTER TABLE on_events.q DETACH PARTITION on_events.q1 CONCURRENTLY;
SELECT (SELECT count(*) FROM on_events.q) AS parent, (SELECT count(*) FROM on_events.q1) AS detached;

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
