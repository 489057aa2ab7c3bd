-- Turns lines of NDJSON (:source) into rows as COPY reads them (:target).
-- A JSON line has neither of the two control characters in it.
CREATE TEMPORARY TABLE lines (line json);
COPY lines FROM :'source' (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02');
COPY (
	SELECT line ->> 'entity_id', line ->> 'event_type', (line ->> 'timestamp')::timestamptz, line -> 'payload'
	FROM lines
) TO :'target';
