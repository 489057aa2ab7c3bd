--
-- ingest(): data that it refuses, with the error's position; nothing is stored.
--
CREATE SCHEMA bad_input;
SET search_path = bad_input, public;
SELECT eventstore.create_store('orders');
CREATE TABLE typed (entity_id bigint, event_type varchar(3), recorded_at timestamptz, payload jsonb, metadata bytea, event_id uuid) USING eventstore;

-- What an error says: state, message, detail (but not the row that a constraint
-- refuses: it has ids and times), and our line of context.
CREATE FUNCTION attempt(store regclass, data text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	message text;
	detail text;
	context text;
BEGIN
	PERFORM eventstore.ingest(store, data);
	RETURN 'stored';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
	detail := regexp_replace(detail, '^Failing row .*', '');
	RETURN concat_ws(' | ', state, message, nullif(detail, ''),
		substring(context FROM '(?n)^ingest into.*$'));
END $$;

-- The error as it is shown.
SELECT * FROM eventstore.ingest('orders', E'{"entity_id":"a","event_type":"t"}\n\n{"entity_id":"a","event_type":"t","payload":{"a":1,}}');
SELECT * FROM eventstore.ingest('orders', E'{"entity_id":"a","event_type":"t"}\n{"entity_id":"a","event_type":"t","timestamp":"yesterday-ish"}');
SELECT * FROM eventstore.ingest('orders', '{"entity_id":"a","event_typ":"t"}');

-- Not JSON.  Each is line 3 of four.
CREATE TABLE cases (n serial, line text);
COPY cases (line) FROM STDIN WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
{
{"entity_id"
{"entity_id":
{"entity_id":"a
{"entity_id":"a"
{"entity_id":"a",
{"entity_id":"a","payload":{"x":[1,2
{"entity_id":"a","payload":"half a str
{entity_id:"a"}
{'entity_id':"a"}
{"entity_id" "a"}
{"entity_id":}
{"entity_id":"a",}
{"entity_id":"a";"event_type":"t"}
{"entity_id":"a"}}
{"entity_id":"a"}{"entity_id":"b"}
{"entity_id":"a"} # comment
{"payload":[1,2,]}
{"payload":[1 2]}
{"payload":{"a":1]}
{"payload":[1}
{"payload":{1:1}}
{"payload":{"a" 1}}
{"payload":01}
{"payload":1.}
{"payload":.1}
{"payload":+1}
{"payload":1e}
{"payload":0x1F}
{"payload":NaN}
{"payload":Infinity}
{"payload":TRUE}
{"payload":nul}
{"payload":undefined}
{"payload":'a'}
{"payload":"\x41"}
{"payload":"\u12"}
{"payload":"\u12G4"}
{"payload":"tab	in a string"}
{"payload":{"nested":["\q"]}}
{"payload":/* comment */1}
\.
SELECT line, attempt('orders', E'{"entity_id":"before","event_type":"t"}\n\n' || line || E'\n{"entity_id":"after","event_type":"t"}') FROM cases ORDER BY n;
-- As the last line, without a line end, and with CR LF, the answers are the same.
SELECT line FROM cases
WHERE attempt('orders', line || E'\n{"entity_id":"after","event_type":"t"}') NOT IN (attempt('orders', line), attempt('orders', line || E'\r\n'));
SELECT attempt('orders', E'{"entity_id":"a",\n"event_type":"t"}');
SELECT attempt('orders', E'{"entity_id":"a\nb","event_type":"t"}');
SELECT attempt('orders', E'\ufeff{"entity_id":"a","event_type":"t"}');
SELECT attempt('orders', E'{"entity_id":"a","event_type":"t"}\r{"entity_id":"b","event_type":"t"}');

-- JSON, but no event.
SELECT attempt('orders', '[{"entity_id":"a","event_type":"t"}]');
SELECT attempt('orders', '"event"');
SELECT attempt('orders', 'null');
SELECT attempt('orders', '{"entity_id":"a","event_type":"t","event_type":"u"}');
SELECT attempt('orders', '{"entity_id":"a","payload":1,"\u0070ayload":1}');
SELECT attempt('orders', '{"entity_id":"a","Payload":1}');
SELECT attempt('orders', '{"position":1,"entity_id":"a"}');
SELECT attempt('orders', '{"version":1,"entity_id":"a"}');
SELECT attempt('orders', '{"":1}');
SELECT attempt('orders', format('{"%s":1}', repeat('ä', 1000)));
SELECT attempt('orders', '{"entity_id":"a","timestamp":"2024-01-01","recorded_at":"2024-01-01"}');

-- Fields of the wrong kind.
SELECT attempt('orders', '{"event_type":"t","entity_id":1}');
SELECT attempt('orders', '{"event_type":"t","entity_id":true}');
SELECT attempt('orders', '{"event_type":"t","entity_id":["a"]}');
SELECT attempt('orders', '{"event_type":{"t":1},"entity_id":"a"}');
SELECT attempt('orders', '{"entity_id":"a","event_type":"t","timestamp":1714557600}');
SELECT attempt('orders', '{"entity_id":"a","event_type":"t","timestamp":"2024-02-30T00:00:00Z"}');
SELECT attempt('orders', '{"entity_id":"a","event_type":"t","timestamp":"\u0032024-13-01"}');
SELECT attempt('orders', '{"entity_id":"a","event_type":"t","timestamp":""}');
SELECT attempt('orders', '{"entity_id":"a","event_type":"t","event_id":"not a uuid"}');
SELECT attempt('orders', '{"entity_id":"a","event_type":"t","event_id":null}');
SELECT attempt('orders', '{"entity_id":null,"event_type":"t"}');
SELECT attempt('orders', '{"entity_id":"a"}');
SELECT attempt('orders', '{}');
SELECT attempt('typed', '{"entity_id":1.5}');
SELECT attempt('typed', '{"entity_id":"one"}');
SELECT attempt('typed', '{"entity_id":99999999999999999999}');
SELECT attempt('typed', '{"entity_id":false}');
SELECT attempt('typed', '{"event_type":"long"}');
SELECT attempt('typed', '{"event_type":3}');
SELECT attempt('typed', '{"metadata":{}}');

-- What text cannot hold.
SELECT attempt('orders', '{"entity_id":"a\u0000b","event_type":"t"}');
SELECT attempt('orders', '{"entity_id":"\ud83dx","event_type":"t"}');
SELECT attempt('orders', '{"entity_id":"a","event_type":"\ude00\ud83d"}');
-- json holds it, jsonb does not; nor any number, nor any depth.
SELECT attempt('orders', '{"entity_id":"a","event_type":"t","payload":"\u0000 \ud800"}');
SELECT split_part(attempt('typed', '{"payload":"\u0000"}'), ' ', 1);
SELECT split_part(attempt('typed', '{"payload":"\ud800"}'), ' ', 1);
SELECT split_part(attempt('typed', '{"payload":1e999999}'), ' ', 1);
SELECT split_part(attempt('orders', format('{"payload":%s%s}', repeat('[', 100000), repeat(']', 100000))), ' ', 1);
SELECT split_part(attempt('typed', format('{"payload":%s%s}', repeat('[', 100000), repeat(']', 100000))), ' ', 1);
SELECT split_part(attempt('orders', format('{"payload":%s%s}', repeat('[', 100000), repeat(']', 99999))), ' ', 1);
SELECT attempt('orders', format('{"entity_id":"deep","event_type":"t","payload":%s%s}', repeat('[', 500), repeat(']', 500)));

-- What went through above is what is there; everything else left nothing, not
-- even the good lines before it.
SELECT entity_id, count(*) FROM orders GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM typed;
SELECT attempt('orders', (SELECT string_agg('{"entity_id":"many","event_type":"t"}', E'\n') FROM generate_series(1, 5000)) || E'\n{"entity_id":"many","event_type":"t"');
SELECT count(*) FROM orders WHERE entity_id = 'many';

SELECT * FROM twin.verify('bad_input');
SET client_min_messages = warning;
DROP SCHEMA bad_input CASCADE;
