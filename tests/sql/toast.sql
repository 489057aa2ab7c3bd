--
-- Large values.  h is a heap table and e its eventstore twin.
--
CREATE SCHEMA toast;
SET search_path = toast, public;

-- n bytes that do not compress, and n that do.
CREATE FUNCTION dense(n int) RETURNS text IMMUTABLE LANGUAGE sql AS $$
	SELECT left(string_agg(translate(encode(sha512(g::text::bytea), 'base64'), E'\n', ''), '' ORDER BY g), n)
	FROM generate_series(0, n / 86) g $$;
CREATE FUNCTION thin(n int) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT repeat('thin', n / 4) || left('thin', n % 4) $$;

CREATE TABLE sizes (n int);
INSERT INTO sizes VALUES (0), (1), (2), (100), (125), (126), (127), (128), (129), (500), (1000), (1990), (2000), (2030),
	(2040), (2100), (3000), (4000), (4030), (4060), (4090), (4100), (5000), (8000), (8080), (8100), (8160), (8200),
	(10000), (65535), (65536), (100000), (2097152);

CREATE TABLE h (n int, storage text, dense text, thin text, bytes bytea) USING heap;
CREATE TABLE e (n int, storage text, dense text, thin text, bytes bytea) USING eventstore;
SELECT reltoastrelid <> 0 AS "has a toast table", t.relkind
FROM pg_class c JOIN LATERAL (SELECT relkind FROM pg_class WHERE oid = c.reltoastrelid) t ON true WHERE c.oid = 'e'::regclass;

-- Every size, by INSERT, in every way of storing.  (Not all columns go as far,
-- for the sake of time.)
CREATE FUNCTION fill(storage text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	store text;
BEGIN
	FOREACH store IN ARRAY '{h,e}'::text[] LOOP
		EXECUTE format('ALTER TABLE %1$s ALTER dense SET STORAGE %2$s, ALTER thin SET STORAGE %2$s, ALTER bytes SET STORAGE %2$s', store, storage);
		EXECUTE format('INSERT INTO %s SELECT n, $1, dense(n), thin(least(n, 500000)), decode(md5(n::text), ''hex'') || convert_to(dense(least(n, 70000)), ''UTF8'')
			FROM sizes WHERE n < CASE $1 WHEN ''PLAIN'' THEN 2500 WHEN ''MAIN'' THEN 200000 ELSE 3000000 END', store) USING storage;
	END LOOP;
	RETURN twin.diff('TABLE toast.h', 'TABLE toast.e');
END $$;
SELECT fill('EXTENDED');
SELECT fill('EXTERNAL');
SELECT fill('MAIN');
SELECT fill('PLAIN');
ALTER TABLE h ALTER dense SET STORAGE EXTENDED, ALTER thin SET STORAGE EXTENDED, ALTER bytes SET STORAGE EXTENDED;
ALTER TABLE e ALTER dense SET STORAGE EXTENDED, ALTER thin SET STORAGE EXTENDED, ALTER bytes SET STORAGE EXTENDED;
SELECT storage, count(*), sum(length(dense)), sum(length(thin)), sum(length(bytes)) FROM e GROUP BY storage ORDER BY storage;
SELECT count(*) FROM e WHERE dense <> dense(n) OR thin <> thin(least(n, 500000)) OR length(bytes) <> least(n, 70000) + 16;
SELECT pg_relation_size(reltoastrelid) > 2 * 2097152 AS "large values are apart" FROM pg_class WHERE oid = 'e'::regclass;

-- Slices, of values in the row and of values apart.
SELECT count(*) FROM (
	SELECT n, storage, substr(dense, n / 2, 10), substr(dense, n - 5), left(thin, 7), right(thin, 7), substring(bytes FROM n FOR 17),
		get_byte(bytes, least(n, 70000)), length(dense), octet_length(thin) FROM e
	EXCEPT ALL
	SELECT n, storage, substr(dense, n / 2, 10), substr(dense, n - 5), left(thin, 7), right(thin, 7), substring(bytes FROM n FOR 17),
		get_byte(bytes, least(n, 70000)), length(dense), octet_length(thin) FROM h) x;

-- A page takes a little less than heap's: values of storage MAIN leave a row that is only just too large.
CREATE TABLE main_h (n int, a text, b text, c text) USING heap;
CREATE TABLE main_e (n int, a text, b text, c text) USING eventstore;
ALTER TABLE main_h ALTER a SET STORAGE MAIN, ALTER b SET STORAGE MAIN;
ALTER TABLE main_e ALTER a SET STORAGE MAIN, ALTER b SET STORAGE MAIN;
INSERT INTO main_h SELECT g, dense(g), CASE g % 3 WHEN 0 THEN 'short' WHEN 1 THEN dense(300) END, CASE g % 2 WHEN 0 THEN dense(9000) END FROM generate_series(7740, 8180) g;
INSERT INTO main_e TABLE main_h;
SELECT twin.diff('TABLE toast.main_h', 'TABLE toast.main_e');
VACUUM FULL main_e;
SELECT twin.diff('TABLE toast.main_h', 'TABLE toast.main_e');
INSERT INTO main_e TABLE main_e;
SELECT count(*), count(DISTINCT n), sum(length(a)), sum(length(b)), sum(length(c)) FROM main_e;

-- What cannot be split must fit a page.
CREATE TABLE wide (n int, v text) USING eventstore;
ALTER TABLE wide ALTER v SET STORAGE PLAIN;
INSERT INTO wide SELECT g, repeat('x', g) FROM generate_series(7900, 8080) g;
SELECT count(*) FROM wide WHERE v <> repeat('x', n);
-- (The size it names depends on the page, so only the code is shown.)
\set VERBOSITY sqlstate
INSERT INTO wide VALUES (9000, repeat('x', 9000));
COPY wide FROM PROGRAM 'head -c 9000 /dev/zero | tr "\0" x | sed "s/^/1,/"' (FORMAT csv);
\set VERBOSITY default
SELECT count(*) FROM wide;

-- Many columns, each small enough to stay, together too large.
DO $$
DECLARE
	am text;
BEGIN
	FOREACH am IN ARRAY '{heap,eventstore}'::text[] LOOP
		EXECUTE (SELECT format('CREATE TABLE many_%1$s (%2$s) USING %1$s', am, string_agg(format('c%s text', g), ', '))
				 FROM generate_series(1, 200) g);
		EXECUTE (SELECT format('INSERT INTO many_%s SELECT %s FROM generate_series(1, 20) r', am,
							   string_agg(format('dense(%s + r)', 10 * g % 350), ', '))
				 FROM generate_series(1, 200) g);
	END LOOP;
END $$;
SELECT count(*), twin.diff('TABLE toast.many_heap', 'TABLE toast.many_eventstore') FROM many_eventstore;

-- From table to table, out of a composite, an array and a function.
CREATE TABLE h2 (LIKE h) USING heap;
CREATE TABLE e2 (LIKE e) USING eventstore;
INSERT INTO h2 SELECT * FROM e;
INSERT INTO e2 SELECT * FROM h;
SELECT twin.diff('TABLE toast.h2', 'TABLE toast.e2');
CREATE TABLE nested_h (a text[], r sizes[], c h) USING heap;
CREATE TABLE nested_e (a text[], r sizes[], c h) USING eventstore;
INSERT INTO nested_h SELECT ARRAY[dense, thin, dense], ARRAY[ROW(n)::sizes], h FROM h WHERE n < 70000;
INSERT INTO nested_e SELECT ARRAY[dense, thin, dense], ARRAY[ROW(n)::sizes], ROW(e.*)::h FROM e WHERE n < 70000;
SELECT count(*), twin.diff('TABLE toast.nested_h', 'TABLE toast.nested_e') FROM nested_e;
DO $$
DECLARE
	a int[] := '{}';
BEGIN
	FOR i IN 1..30000 LOOP
		a[i] := i;
	END LOOP;
	CREATE TABLE expanded (a int[]) USING eventstore;
	INSERT INTO expanded VALUES (a), (a[100:200]), (a || 7);
END $$;
SELECT cardinality(a), (SELECT sum(u) FROM unnest(a) u) FROM expanded;

-- By COPY.
\getenv builddir PG_ABS_BUILDDIR
\set file :builddir '/results/toast.data'
COPY h TO :'file' (FORMAT binary);
TRUNCATE e;
COPY e FROM :'file' (FORMAT binary);
SELECT twin.diff('TABLE toast.h', 'TABLE toast.e');
COPY h TO :'file';
TRUNCATE e;
COPY e FROM :'file';
SELECT twin.diff('TABLE toast.h', 'TABLE toast.e');

-- Large values of rolled back rows are nobody's, and VACUUM leaves the others.
BEGIN;
INSERT INTO e SELECT * FROM h;
SAVEPOINT s;
INSERT INTO e SELECT * FROM h WHERE n > 1000;
ROLLBACK;
BEGIN;
INSERT INTO e SELECT -n, storage, dense, thin, bytes FROM h WHERE n > 8000;
SAVEPOINT s;
INSERT INTO e SELECT * FROM h WHERE n > 1000;
ROLLBACK TO s;
COMMIT;
VACUUM e;
SELECT twin.diff('TABLE toast.h UNION ALL SELECT -n, storage, dense, thin, bytes FROM toast.h WHERE n > 8000', 'TABLE toast.e');

-- Rewrites carry them.
VACUUM FULL e;
SELECT twin.diff('TABLE toast.h UNION ALL SELECT -n, storage, dense, thin, bytes FROM toast.h WHERE n > 8000', 'TABLE toast.e');
ALTER TABLE e ALTER n TYPE bigint;
SELECT twin.diff('TABLE toast.h UNION ALL SELECT -n, storage, dense, thin, bytes FROM toast.h WHERE n > 8000', 'TABLE toast.e');
DELETE FROM h WHERE n > 1000;
INSERT INTO h SELECT * FROM e WHERE n > 1000 OR n < 0;
SELECT twin.diff('TABLE toast.h', 'TABLE toast.e');

-- An index over part of a large value.
CREATE INDEX ON e (md5(dense));
CREATE INDEX ON e (left(dense, 20), n);
SET enable_seqscan = off;
SELECT n, storage FROM e WHERE md5(dense) = md5(dense(2097152)) ORDER BY storage;
RESET enable_seqscan;

SELECT * FROM twin.verify('toast');
SET client_min_messages = warning;
DROP SCHEMA toast CASCADE;
