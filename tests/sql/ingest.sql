--
-- ingest(): lines of JSON become rows, as INSERT would make them.
--
CREATE SCHEMA ingests;
SET search_path = ingests, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT eventstore.create_store('orders');

-- Every field, then as few as there may be; what is absent gets its column's
-- default.  Columns that the storage fills are filled.
SELECT * FROM eventstore.ingest('orders',
'{"entity_id":"order-1","event_type":"Placed","timestamp":"2024-05-01T10:00:00.25+02:00","payload":{"amount": 10},"metadata":{"by":"me"},"event_id":"8e6ce2c7-0f5c-4b33-9d3a-d1d3c9a3b3c1"}
{"event_type":"Paid","entity_id":"order-1"}');
SELECT position, ctid, entity_id, version, event_type, payload, metadata FROM orders ORDER BY position;
SELECT event_id, recorded_at FROM orders WHERE position = 1;
SELECT substr(event_id::text, 15, 1) AS uuid_version, recorded_at BETWEEN now() - interval '1 hour' AND now() AS "now", event_id <> '00000000-0000-0000-0000-000000000000' AS "made" FROM orders WHERE position = 2;

-- timestamp and recorded_at are the same field, and take what timestamptz does.
SELECT * FROM eventstore.ingest('orders',
'{"entity_id":"t","event_type":"t","timestamp":"2024-05-01T10:00:00Z"}
{"entity_id":"t","event_type":"t","recorded_at":"2024-05-01T10:00:00.123456-07:00"}
{"entity_id":"t","event_type":"t","timestamp":"2024-05-01 10:00"}
{"entity_id":"t","event_type":"t","timestamp":"infinity"}');
SELECT recorded_at FROM orders WHERE entity_id = 't' ORDER BY position;

-- Lines end with LF or CR LF, or not at all; blank ones count for nothing.
SELECT * FROM eventstore.ingest('orders', E'\n{"entity_id":"l","event_type":"1"}\r\n\r\n \t\n  { "entity_id" : "l" , "event_type" : "2" }  \n{"entity_id":"l","event_type":"3"}');
SELECT array_agg(event_type ORDER BY position) FROM orders WHERE entity_id = 'l';
SELECT * FROM eventstore.ingest('orders', '');
SELECT * FROM eventstore.ingest('orders', E' \n\r\n\t');
SELECT * FROM eventstore.ingest('orders', NULL);
SELECT * FROM eventstore.ingest(NULL, '');

-- Payload and metadata come back byte for byte, null as JSON's null.
SELECT * FROM eventstore.ingest('orders',
'{"entity_id":"p","event_type":"p","payload" :  { "b" : 1,  "a":[ ],"b":1.50e+0 } ,"metadata":null}
{"entity_id":"p","event_type":"p","payload":"text\ud800\u0000","metadata":[[1e999999, -0.0]]}
{"entity_id":"p","event_type":"p","payload":  12345678901234567890123456789  ,"metadata":true}
{"payload":null,"entity_id":"p","event_type":"p","metadata":{}}');
SELECT payload, metadata FROM orders WHERE entity_id = 'p' ORDER BY position;

-- Escapes in text, and in the names of fields.
SELECT * FROM eventstore.ingest('orders',
'{"\u0065ntity_id":"e","event_type":"q\"b\\s\/ \b\f\n\r\t \u0041\u00e4\u20ac\ud83d\ude00"}');
SELECT event_type = E'q"b\\s/ \b\f\n\r\t Aä€😀' AS same FROM orders WHERE entity_id = 'e';

-- Rows keep the order of their lines, also where the fields change from line to
-- line, and through many batches.
SELECT eventstore.create_store('many');
SELECT * FROM eventstore.ingest('many', (
	SELECT string_agg(CASE WHEN n % 10 < 7
		THEN format('{"entity_id":"e-%s","event_type":"n","payload":%s}', n % 7, n)
		ELSE format('{"payload":%s,"event_type":"n","metadata":{"n":%s},"entity_id":"e-%s"}', n, n, n % 7) END, E'\n' ORDER BY n)
	FROM generate_series(1, 12345) n));
SELECT count(*), count(*) FILTER (WHERE position <> payload::text::bigint) AS misplaced, count(*) FILTER (WHERE metadata::text <> '{}') AS other FROM many;
-- A line that is larger than a batch.
SELECT * FROM eventstore.ingest('many', format(E'{"entity_id":"a","event_type":"t"}\n{"entity_id":"big","event_type":"t","payload":"%s"}\n{"entity_id":"z","event_type":"t"}', repeat('0123456789', 300000)));
SELECT entity_id, length(payload::text) FROM many WHERE position > 12345 ORDER BY position;

-- Columns of other types: what COPY could put there.
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN small_json AS json CHECK (length(value::text) < 10);
CREATE TABLE by_number (entity_id bigint, event_type mood, recorded_at date, payload jsonb, metadata text, event_id varchar(4)) USING eventstore;
SELECT * FROM eventstore.ingest('by_number',
'{"entity_id":42,"event_type":"happy","timestamp":"2024-02-29","payload":{"b":1.50,"a":"\u00e4","b":2},"metadata":{"a" : 1},"event_id":"abcd"}
{"entity_id":"-43","event_type":"sad","timestamp":"epoch","payload":null,"metadata":"x","event_id":"ab"}');
SELECT * FROM by_number;
CREATE TABLE by_uuid (payload small_json, entity_id uuid, event_type char(5)) USING eventstore;
SELECT * FROM eventstore.ingest('by_uuid', '{"entity_id":"8E6CE2C7-0f5c-4b33-9d3a-d1d3c9a3b3c1","event_type":"abc","payload":[1, 2]}');
SELECT *, event_type::bytea FROM by_uuid;
-- null is NULL, except as JSON.
SELECT * FROM eventstore.ingest('by_number', '{"entity_id":null,"event_type":null,"recorded_at":null,"payload":null,"metadata":null,"event_id":null}');
SELECT * FROM by_number WHERE entity_id IS NULL;

-- Some columns, names that need quotes, none of the fields.
CREATE SCHEMA "Odd ""schema";
CREATE TABLE "Odd ""schema"."Odd table" (note text DEFAULT 'd', dropped int, payload json) USING eventstore;
ALTER TABLE "Odd ""schema"."Odd table" DROP COLUMN dropped;
SELECT * FROM eventstore.ingest('"Odd ""schema"."Odd table"', E'{"payload":1}\n{}\n{}\n{"payload":[]}');
SELECT ctid, * FROM "Odd ""schema"."Odd table";
CREATE TABLE defaults (n serial, entity_id text DEFAULT 'd' || lastval()) USING eventstore;
SELECT * FROM eventstore.ingest('defaults', E'{}\n{"entity_id":"x"}\n{}\n{}');
SELECT * FROM defaults ORDER BY n;
CREATE TEMP TABLE temporary (entity_id text) USING eventstore;
SELECT * FROM eventstore.ingest('temporary', E'{"entity_id":"x"}');
CREATE UNLOGGED TABLE unlogged (entity_id text) USING eventstore;
SELECT * FROM eventstore.ingest('unlogged', E'{"entity_id":"x"}');

-- A relation of the name that ingest gives its rows is not in the way.
CREATE TEMP TABLE eventstore_batch_1 AS SELECT 'wrong' AS entity_id;
CREATE TABLE eventstore_batch_1 AS SELECT 'wrong' AS entity_id;
SELECT * FROM eventstore.ingest('temporary', E'{"entity_id":"y"}');
TABLE temporary;

-- Triggers of every kind; rows that a trigger leaves out are not stored.
CREATE TABLE triggered (position bigint DEFAULT 0, entity_id text, event_type text) USING eventstore;
CREATE TABLE log (n serial, what text);
CREATE FUNCTION before_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.entity_id = 'skip' THEN RETURN NULL; END IF;
	NEW.event_type := 'seen ' || coalesce(NEW.event_type, '?');
	RETURN NEW;
END $$;
CREATE FUNCTION after_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log (what) VALUES (format('row %s %s', NEW.position, NEW.entity_id));
	RETURN NULL;
END $$;
CREATE FUNCTION after_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log (what) SELECT format('statement of %s', count(*)) FROM new;
	RETURN NULL;
END $$;
CREATE TRIGGER b BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION before_row();
CREATE TRIGGER a AFTER INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION after_row();
CREATE TRIGGER s AFTER INSERT ON triggered REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION after_statement();
SELECT * FROM eventstore.ingest('triggered', '{"entity_id":"a"}
{"entity_id":"skip"}
{"entity_id":"b"}
{"entity_id":"c","event_type":"t"}');
SELECT * FROM eventstore.ingest('triggered', '{"entity_id":"skip"}');
TABLE triggered;
SELECT what FROM log ORDER BY n;
-- A trigger that ingests, too: each call counts what went into its own table.
CREATE TABLE copies (entity_id text) USING eventstore;
CREATE FUNCTION ingest_again() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	SELECT * INTO r FROM eventstore.ingest('copies', format(E'{"entity_id":%s}\n{"entity_id":"more"}', to_json(NEW.entity_id)));
	INSERT INTO log (what) VALUES (format('copied %s: %s-%s', r.stored, r.first_position, r.last_position));
	RETURN NULL;
END $$;
TRUNCATE log;
CREATE TRIGGER z AFTER INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION ingest_again();
SELECT * FROM eventstore.ingest('triggered', E'{"entity_id":"d"}\n{"entity_id":"e"}');
SELECT what FROM log WHERE what LIKE 'copied%' ORDER BY n;

-- The table cannot change under the lines.
CREATE FUNCTION add_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE copies ADD COLUMN late int;
	RETURN NULL;
END $$;
CREATE TRIGGER l AFTER INSERT ON copies FOR EACH STATEMENT EXECUTE FUNCTION add_column();
SELECT * FROM eventstore.ingest('copies', '{"entity_id":"x"}');
DROP TRIGGER l ON copies;

-- Rules.
CREATE TABLE ruled (entity_id text) USING eventstore;
CREATE RULE also AS ON INSERT TO ruled DO ALSO INSERT INTO log (what) VALUES ('rule: ' || NEW.entity_id);
SELECT * FROM eventstore.ingest('ruled', E'{"entity_id":"r1"}\n{"entity_id":"r2"}');
SELECT what FROM log WHERE what LIKE 'rule%' ORDER BY n;
DROP RULE also ON ruled;
CREATE RULE nothing AS ON INSERT TO ruled DO INSTEAD NOTHING;
SELECT * FROM eventstore.ingest('ruled', '{"entity_id":"r3"}');
SELECT count(*) FROM ruled;

-- Constraints, with the lines that they are about; nothing is stored.
CREATE TABLE parent (id text PRIMARY KEY);
INSERT INTO parent VALUES ('known');
CREATE TABLE constrained (entity_id text NOT NULL REFERENCES parent, event_type text CHECK (event_type <> 'bad'), payload json) USING eventstore;
CREATE UNIQUE INDEX ON constrained (event_type);
SELECT * FROM eventstore.ingest('constrained', E'{"entity_id":"known","event_type":"1"}\n\n{"entity_id":"known","event_type":"bad"}');
SELECT * FROM eventstore.ingest('constrained', E'{"entity_id":"known","event_type":"1"}\n{"payload":1,"event_type":"x"}');
SELECT * FROM eventstore.ingest('constrained', E'{"entity_id":"known","event_type":"1"}\n{"entity_id":"known","event_type":"1"}');
SELECT * FROM eventstore.ingest('constrained', E'{"entity_id":"known","event_type":"1"}\n{"entity_id":"stranger","event_type":"2"}');
SELECT count(*) FROM constrained;
SELECT * FROM eventstore.ingest('constrained', E'{"entity_id":"known","event_type":"1"}');

-- Generated columns.
CREATE TABLE generated (entity_id text, event_type text GENERATED ALWAYS AS (upper(entity_id)) STORED, metadata json) USING eventstore;
SELECT * FROM eventstore.ingest('generated', '{"entity_id":"a"}');
TABLE generated;
SELECT * FROM eventstore.ingest('generated', '{"entity_id":"a","event_type":"b"}');

-- Privileges: INSERT on the columns given is needed, and enough.
CREATE ROLE regress_ingester;
GRANT USAGE ON SCHEMA ingests TO regress_ingester;
CREATE TABLE guarded (entity_id text, event_type text DEFAULT 'd', payload json) USING eventstore;
SET ROLE regress_ingester;
SELECT * FROM eventstore.ingest('guarded', '{"entity_id":"a"}');
SELECT * FROM eventstore.ingest('guarded', '');
RESET ROLE;
GRANT INSERT (entity_id, payload) ON guarded TO regress_ingester;
SET ROLE regress_ingester;
SELECT * FROM eventstore.ingest('guarded', E'{"entity_id":"a"}\n{"payload":1}');
SELECT * FROM eventstore.ingest('guarded', E'{"entity_id":"b"}\n{"entity_id":"b","event_type":"t"}');
SELECT * FROM guarded;
RESET ROLE;
-- Row-level security.
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON guarded FOR INSERT TO regress_ingester WITH CHECK (entity_id LIKE 'own-%');
SET ROLE regress_ingester;
SELECT * FROM eventstore.ingest('guarded', '{"entity_id":"own-1"}');
SELECT * FROM eventstore.ingest('guarded', E'{"entity_id":"own-2"}\n{"entity_id":"other"}');
RESET ROLE;
SELECT * FROM guarded;

-- A partitioned table takes lines, but has no positions.
CREATE TABLE parts (position bigint DEFAULT 0, entity_id text, recorded_at timestamptz) PARTITION BY RANGE (recorded_at);
CREATE TABLE parts_2023 PARTITION OF parts FOR VALUES FROM ('2023-01-01') TO ('2024-01-01') USING eventstore;
CREATE TABLE parts_2024 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') USING eventstore;
SELECT * FROM eventstore.ingest('parts', '{"entity_id":"a","timestamp":"2024-01-01T00:00:00Z"}
{"entity_id":"b","timestamp":"2023-01-01T00:00:00Z"}
{"entity_id":"c","timestamp":"2024-12-31T23:59:59Z"}');
SELECT tableoid::regclass, * FROM parts ORDER BY tableoid::regclass::text, position;
SELECT * FROM eventstore.ingest('parts', '{"entity_id":"a","timestamp":"2022-01-01T00:00:00Z"}');

-- Nothing else.
CREATE TABLE plain (entity_id text) USING heap;
CREATE VIEW viewed AS TABLE plain;
CREATE INDEX plain_key ON plain (entity_id);
SELECT * FROM eventstore.ingest('plain', '{"entity_id":"a"}');
SELECT * FROM eventstore.ingest('viewed', '{"entity_id":"a"}');
SELECT * FROM eventstore.ingest('plain_key', '{"entity_id":"a"}');
SELECT * FROM eventstore.ingest(0, '{"entity_id":"a"}');

-- In transactions: savepoints, several calls in one statement, read only.
CREATE TABLE moved (position bigint NOT NULL DEFAULT 0, entity_id text, event_type text) USING eventstore;
BEGIN;
SELECT * FROM eventstore.ingest('moved', '{"entity_id":"a","event_type":"1"}');
SAVEPOINT s;
SELECT * FROM eventstore.ingest('moved', '{"entity_id":"a","event_type":"2"}');
ROLLBACK TO s;
SELECT * FROM eventstore.ingest('moved', '{"entity_id":"a","event_type":"3"}');
COMMIT;
SELECT i.* FROM generate_series(1, 3) n, LATERAL eventstore.ingest('moved', format('{"entity_id":"b","event_type":"%s"}', n)) i;
SELECT position, entity_id, event_type FROM moved ORDER BY position;
BEGIN READ ONLY;
SELECT * FROM eventstore.ingest('moved', '{"entity_id":"a","event_type":"t"}');
ROLLBACK;

SELECT * FROM twin.verify('ingests');
SET client_min_messages = warning;
DROP SCHEMA ingests, "Odd ""schema" CASCADE;
DROP ROLE regress_ingester;
