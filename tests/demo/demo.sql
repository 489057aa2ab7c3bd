--
-- What can be asked of the events that tests/demo/run has loaded.
--
SET client_min_messages = warning;
\set ECHO none

SELECT entity_id AS longest FROM events
GROUP BY entity_id ORDER BY count(*) DESC, entity_id LIMIT 1
\gset
SELECT date_trunc('hour', recorded_at) AS busiest FROM events
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1
\gset

\echo
\echo '== Events and streams'
\set ECHO queries
SELECT count(*) AS events, count(DISTINCT entity_id) AS streams,
	min(recorded_at) AS first, max(recorded_at) AS last
FROM events;
\set ECHO none

\echo
\echo '== The longest stream, its latest events:' :longest
\set ECHO queries
SELECT position, event_type, recorded_at, left(payload::text, 60) AS payload
FROM (SELECT * FROM events WHERE entity_id = :'longest'
	  ORDER BY position DESC LIMIT 12) latest
ORDER BY position;
\set ECHO none

\echo
\echo '== One hour, the busiest'
\set ECHO queries
SELECT count(*) AS events, count(DISTINCT entity_id) AS streams,
	min(position) AS first_position, max(position) AS last_position
FROM events
WHERE recorded_at >= :'busiest' AND recorded_at < :'busiest'::timestamptz + interval '1 hour';
\set ECHO none

\echo
\echo '== Events by type'
\set ECHO queries
SELECT event_type, count(*) AS events, round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent
FROM events
GROUP BY event_type ORDER BY count(*) DESC, event_type LIMIT 10;
\set ECHO none

CREATE TABLE events_heap (LIKE events INCLUDING DEFAULTS) USING heap;
INSERT INTO events_heap SELECT * FROM events;
VACUUM events_heap;

\echo
\echo '== Size on disk, beside the same events in a heap table'
\set ECHO queries
SELECT c.oid::regclass AS table, a.amname AS access_method,
	pg_size_pretty(pg_table_size(c.oid)) AS size,
	round(pg_table_size(c.oid) / (SELECT count(*) FROM events)::numeric, 1) AS bytes_per_event
FROM pg_class c JOIN pg_am a ON a.oid = c.relam
WHERE c.oid IN ('events'::regclass, 'events_heap'::regclass)
ORDER BY c.oid;
\set ECHO none

\echo
\echo '== Is the store sound? (no rows: yes)'
\set ECHO queries
SELECT * FROM eventstore.verify('events');
