/* sql/eventstore.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION eventstore" to load this file. \quit

--
-- The schema
--

-- Whoever owns the schema may put functions into it that match a call better
-- than ours do, so it must be the installing role's, or a superuser's.
DO LANGUAGE plpgsql $$
DECLARE
	owner text := (
		SELECT pg_catalog.pg_get_userbyid(n.nspowner)
		FROM pg_catalog.pg_namespace n
			JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
		WHERE n.nspname OPERATOR(pg_catalog.=) 'eventstore'::pg_catalog.name AND
			r.rolname OPERATOR(pg_catalog.<>) current_user AND NOT r.rolsuper);
BEGIN
	IF owner IS NOT NULL THEN
		RAISE EXCEPTION 'schema "eventstore" belongs to role "%"', owner
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = 'Its owner could add functions that are called instead of the extension''s.',
				HINT = 'Drop or rename the schema; CREATE EXTENSION makes a new one.';
	END IF;
END $$;

GRANT USAGE ON SCHEMA eventstore TO PUBLIC;

--
-- The access method
--

CREATE FUNCTION table_handler(internal) RETURNS table_am_handler
LANGUAGE C STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'eventstore_table_handler';

COMMENT ON FUNCTION table_handler(internal) IS
	'handler of the table access method "eventstore"';

CREATE ACCESS METHOD eventstore TYPE TABLE HANDLER table_handler;

COMMENT ON ACCESS METHOD eventstore IS
	'append-only tables for events';

--
-- Stores
--

CREATE FUNCTION create_store(name text, payload text DEFAULT 'json')
RETURNS regclass
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'eventstore_create_store';

COMMENT ON FUNCTION create_store(text, text) IS
	'creates an event table with the canonical columns';

CREATE FUNCTION ingest(store regclass, data text,
	OUT stored bigint, OUT first_position bigint, OUT last_position bigint)
RETURNS record
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'eventstore_ingest';

COMMENT ON FUNCTION ingest(regclass, text) IS
	'stores events, one JSON object a line: entity_id, event_type, timestamp, payload, metadata, event_id';

CREATE FUNCTION verify(store regclass)
RETURNS TABLE (block bigint, row_number bigint, rule text, problem text)
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'eventstore_verify';

COMMENT ON FUNCTION verify(regclass) IS
	'checks an event table; every problem is a row';

--
-- Compaction
--

CREATE FUNCTION compact(store regclass,
	OUT compacted bigint, OUT batches bigint,
	OUT bytes_before bigint, OUT bytes_after bigint)
RETURNS record
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'eventstore_compact';

COMMENT ON FUNCTION compact(regclass) IS
	'moves committed rows of an event table into batches';

CREATE FUNCTION batches(store regclass)
RETURNS TABLE (first_row bigint, last_row bigint, row_count bigint,
	block bigint, pages bigint, bytes_raw bigint, bytes_stored bigint,
	newest_transaction bigint)
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'eventstore_batches';

COMMENT ON FUNCTION batches(regclass) IS
	'the batches of an event table, in order';

CREATE FUNCTION column_stats(store regclass)
RETURNS TABLE (column_name text, encoding text, codec text, batches bigint,
	row_count bigint, null_count bigint, bytes_raw bigint, bytes_stored bigint)
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'eventstore_column_stats';

COMMENT ON FUNCTION column_stats(regclass) IS
	'how the columns of an event table''s batches are encoded, and how large they are';

CREATE FUNCTION store_stats()
RETURNS TABLE (store regclass, row_count bigint, tail_rows bigint,
	tail_bytes bigint, batches bigint, load_batches bigint, batch_rows bigint,
	batch_bytes_raw bigint, batch_bytes bigint, free_bytes bigint,
	file_bytes bigint, oldest_undecided bigint)
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'eventstore_store_stats';

COMMENT ON FUNCTION store_stats() IS
	'the event tables of the database that one may read, and what they are made of';

CREATE VIEW store_stats AS SELECT * FROM store_stats();
GRANT SELECT ON store_stats TO PUBLIC;

COMMENT ON VIEW store_stats IS
	'the event tables of the database that one may read, and what they are made of';

CREATE FUNCTION compaction_progress()
RETURNS TABLE (pid int, datid oid, relid oid, phase text, rows_total bigint,
	rows_read bigint, batches bigint, started_at timestamptz,
	rows_per_second double precision)
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE ROWS 5
AS 'MODULE_PATHNAME', 'eventstore_compaction_progress';

COMMENT ON FUNCTION compaction_progress() IS
	'the compactions that run now';

CREATE VIEW compaction_progress AS SELECT * FROM compaction_progress();
GRANT SELECT ON compaction_progress TO PUBLIC;

COMMENT ON VIEW compaction_progress IS
	'the compactions that run now';
