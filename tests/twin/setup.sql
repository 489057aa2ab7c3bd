--
-- What the scripts share; in each of their databases, in schema twin.
--
CREATE SCHEMA twin;

-- The scan that a plan begins with, from its JSON: the first node below others.
CREATE FUNCTION twin.scan_of(query text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (COSTS OFF, FORMAT JSON) ' || query INTO plan;
	plan := plan -> 0 -> 'Plan';
	WHILE plan -> 'Plans' -> 0 IS NOT NULL AND plan ->> 'Node Type' !~ 'Scan' LOOP
		plan := plan -> 'Plans' -> 0;
	END LOOP;
	RETURN concat_ws(' ', CASE WHEN (plan ->> 'Parallel Aware')::bool THEN 'Parallel' END,
					 plan ->> 'Node Type', CASE WHEN plan ->> 'Scan Direction' = 'Backward' THEN 'Backward' END);
END $$;

-- The rows of a query, under each kind of scan that can be had for it: how
-- many, and a hash of them, in any order.
CREATE FUNCTION twin.scans(query text) RETURNS TABLE (scan text, n bigint, hash text)
LANGUAGE plpgsql AS $$
DECLARE
	kinds text[] := '{seqscan,indexscan,indexonlyscan,bitmapscan,tidscan}';
	kind text;
BEGIN
	FOREACH kind IN ARRAY kinds || '{parallel seqscan,lossy bitmapscan}'::text[] LOOP
		DECLARE
			other text;
		BEGIN
			FOREACH other IN ARRAY kinds LOOP
				PERFORM set_config('enable_' || other, (kind LIKE '%' || other)::text, true);
			END LOOP;
			-- an index-only scan is tried only if index scans may be
			IF kind = 'indexonlyscan' THEN
				PERFORM set_config('enable_indexscan', 'on', true);
			END IF;
			PERFORM set_config('work_mem', CASE WHEN kind LIKE 'lossy%' THEN '64kB' ELSE '4MB' END, true);
			PERFORM set_config('max_parallel_workers_per_gather',
							   CASE WHEN kind LIKE 'parallel%' THEN '2' ELSE '0' END, true);
			PERFORM set_config('parallel_setup_cost', '0', true);
			PERFORM set_config('parallel_tuple_cost', '0', true);
			PERFORM set_config('min_parallel_table_scan_size', '0', true);
			scan := twin.scan_of(query);
			-- one that cannot be had gives way to any other
			CONTINUE WHEN replace(lower(scan), ' ', '') NOT LIKE
				'%' || replace(replace(replace(kind, ' ', ''), 'bitmap', 'bitmapheap'), 'lossy', '') || '%';
			EXECUTE format('SELECT count(*), md5(string_agg(h, '''' ORDER BY h))
				FROM (SELECT md5(q::text) AS h FROM (%s) q) rows', query) INTO n, hash;
			RETURN NEXT;
		END;
	END LOOP;
END $$;

-- The rows of a table, in any order, as one hash.
CREATE FUNCTION twin.hash(name regclass) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('SELECT count(*) || '' rows, '' || coalesce(md5(string_agg(h, '''' ORDER BY h)), ''-'')
		FROM (SELECT md5(t::text) AS h FROM %s t) rows', name) INTO answer;
	RETURN answer;
END $$;

-- What eventstore.verify() finds, which is nothing, and nothing on heap.
CREATE FUNCTION twin.damage(name regclass) RETURNS SETOF text
LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = name) = 'eventstore' THEN
		RETURN QUERY SELECT v::text FROM eventstore.verify(name) v;
	END IF;
END $$;

-- Whether a statement that changes rows works, in a subtransaction that is rolled
-- back.  A server that is older than the statement answers what newer ones shall,
-- so that the differences are the same in every version.
CREATE FUNCTION twin.change(statement text, since int) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('server_version_num')::int < since THEN
		RETURN CASE current_setting('default_table_access_method') WHEN 'heap' THEN 'works' ELSE 'refused' END;
	END IF;
	EXECUTE statement;
	RAISE EXCEPTION 'enough' USING ERRCODE = 'ZZ001';
EXCEPTION
	WHEN SQLSTATE 'ZZ001' THEN
		RETURN 'works';
	WHEN feature_not_supported THEN
		RETURN 'refused';
END $$;
