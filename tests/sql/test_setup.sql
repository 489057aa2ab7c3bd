--
-- Helpers of the other tests, in schema twin: they compare what an
-- eventstore table does with what heap does.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS eventstore;
RESET client_min_messages;

-- Plans that are forced look so expensive that every query would be compiled.
SELECT current_database() AS database \gset
ALTER DATABASE :"database" SET jit = off;
SET jit = off;

CREATE SCHEMA twin;
GRANT USAGE ON SCHEMA twin TO PUBLIC;

-- How many rows one query returns and the other does not.  Rows are compared
-- as text, since json, xml and point have no equality, and the text by a hash.
CREATE FUNCTION twin.diff(a text, b text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT coalesce(sum(abs(excess)), 0) FROM (
			SELECT sum(side) AS excess FROM (
				SELECT md5(one_row::text) AS hash, 1 AS side FROM (%s) one_row
				UNION ALL
				SELECT md5(one_row::text), -1 FROM (%s) one_row) both_sides
			GROUP BY hash) hashes', a, b) INTO n;
	RETURN n;
END $$;

-- What a command does, one line of text per row that it returns, or its row
-- count, or its error.
CREATE FUNCTION twin.outcome(command text) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
	lines text[] := '{}';
	r record;
	n bigint;
	state text;
	detail text;
	hint text;
BEGIN
	IF command ~* '^\s*(select|table|values|with|explain|show)\y' OR
	   command ~* '\yreturning\y' THEN
		FOR r IN EXECUTE command LOOP
			lines := lines || r::text;
		END LOOP;
		RETURN lines || format('(%s rows)', cardinality(lines));
	END IF;
	EXECUTE command;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN ARRAY[format('(%s rows affected)', n)];
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT;
	RETURN ARRAY[concat_ws(' | ', format('ERROR %s: %s', state, SQLERRM),
						   nullif(detail, ''), nullif(hint, ''))];
END $$;

-- Two schemas for tables of the same names: on_heap's are heap tables,
-- on_events' are eventstore tables.
CREATE FUNCTION twin.open() RETURNS void
LANGUAGE sql AS $$
	CREATE SCHEMA on_heap;
	CREATE SCHEMA on_events;
$$;

CREATE FUNCTION twin.close() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL client_min_messages = warning;
	DROP SCHEMA on_heap, on_events CASCADE;
END $$;

-- Runs a command in both schemas and returns what it did, once if that is the
-- same in both.
CREATE FUNCTION twin.run(command text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	h text[];
	e text[];
	path text := current_setting('search_path');
BEGIN
	PERFORM set_config('search_path', 'on_heap, ' || path, true),
			set_config('default_table_access_method', 'heap', true);
	h := twin.outcome(command);
	PERFORM set_config('search_path', 'on_events, ' || path, true),
			set_config('default_table_access_method', 'eventstore', true);
	e := twin.outcome(command);
	PERFORM set_config('search_path', path, true),
			set_config('default_table_access_method', 'heap', true);
	IF h IS NOT DISTINCT FROM e THEN
		RETURN QUERY SELECT unnest(h);
	ELSE
		RETURN QUERY SELECT 'DIFFERENT, heap: ' || unnest(h);
		RETURN QUERY SELECT 'DIFFERENT, eventstore: ' || unnest(e);
	END IF;
END $$;

-- The lines that a command gives in one schema only, at most ten of each, in
-- whatever order it gives them: heap puts rows where there is room.
CREATE FUNCTION twin.differs(command text) RETURNS SETOF text
LANGUAGE sql AS $$
	WITH lines AS MATERIALIZED (SELECT * FROM twin.run(command) line WHERE line LIKE 'DIFFERENT%'),
		h AS (SELECT substr(line, 18) AS line FROM lines WHERE line LIKE 'DIFFERENT, heap: %'),
		e AS (SELECT substr(line, 24) AS line FROM lines WHERE line LIKE 'DIFFERENT, eventstore: %')
	(SELECT 'heap: ' || line FROM (TABLE h EXCEPT ALL TABLE e) x LIMIT 10)
	UNION ALL
	(SELECT 'eventstore: ' || line FROM (TABLE e EXCEPT ALL TABLE h) x LIMIT 10)
$$;

-- What verify() finds wrong in the eventstore tables of a schema.
CREATE FUNCTION twin.verify(schema text)
RETURNS TABLE (store text, block bigint, row_number bigint, rule text, problem text)
LANGUAGE sql AS $$
	SELECT c.oid::regclass::text, v.block, v.row_number, v.rule, v.problem
	FROM pg_class c, LATERAL eventstore.verify(c.oid::regclass) v
	WHERE c.relnamespace = schema::regnamespace AND c.relkind IN ('r', 'm') AND
		c.relam = (SELECT oid FROM pg_am WHERE amname = 'eventstore')
$$;

-- The plan of a query without costs, as text.
CREATE FUNCTION twin.plan(query text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query;
END $$;

-- Runs queries in schema on_events once for every kind of scan that the planner
-- is left with, and says for each query which scans those were, how many rows
-- on_heap's tables gave, and how many of the runs did not give the same rows.
-- (Index-only scans are tried too, but whether the planner takes them depends on
-- costs too close to show.)
CREATE FUNCTION twin.paths(VARIADIC queries text[])
RETURNS TABLE (query text, scans text, n bigint, wrong bigint)
LANGUAGE plpgsql
SET max_parallel_workers_per_gather = 0
SET enable_seqscan = on SET enable_indexscan = on SET enable_indexonlyscan = on SET enable_bitmapscan = on
AS $$
DECLARE
	path text := current_setting('search_path');
	kind text;
	line text;
	scan text;
	collect text;
	truth text[];
	found text[];
BEGIN
	FOREACH query IN ARRAY queries LOOP
		collect := format('SELECT array_agg(r::text ORDER BY r::text COLLATE "C") FROM (%s) r', query);
		PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true),
				set_config('enable_bitmapscan', 'off', true), set_config('search_path', 'on_heap, ' || path, true);
		EXECUTE collect INTO truth;
		PERFORM set_config('search_path', 'on_events, ' || path, true);
		scans := '';
		wrong := 0;
		FOREACH kind IN ARRAY '{seqscan,indexscan,bitmapscan,indexonlyscan}'::text[] LOOP
			PERFORM set_config('enable_seqscan', (kind = 'seqscan')::text, true),
					set_config('enable_indexscan', (kind IN ('indexscan', 'indexonlyscan'))::text, true),
					set_config('enable_indexonlyscan', (kind = 'indexonlyscan')::text, true),
					set_config('enable_bitmapscan', (kind = 'bitmapscan')::text, true);
			scan := NULL;
			IF kind <> 'indexonlyscan' THEN
				FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
					scan := coalesce(scan, substring(line FROM '(Seq|Index Only|Index|Bitmap Heap|Tid|Tid Range) Scan'));
				END LOOP;
			END IF;
			IF scan IS NOT NULL AND position(scan || ',' IN scans || ',') = 0 THEN
				scans := scans || CASE WHEN scans = '' THEN '' ELSE ', ' END || scan;
			END IF;
			EXECUTE collect INTO found;
			wrong := wrong + (found IS DISTINCT FROM truth)::int;
		END LOOP;
		PERFORM set_config('search_path', path, true);
		n := coalesce(cardinality(truth), 0);
		RETURN NEXT;
	END LOOP;
END $$;
