--
-- ingest() in databases whose encoding is not UTF-8.
--
SELECT current_database() AS regression \gset
CREATE DATABASE regress_latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE regress_sql_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';

\c regress_latin1
SET client_encoding = 'UTF8';
CREATE EXTENSION eventstore;
CREATE TABLE t (entity_id text, event_type text, payload json, metadata jsonb) USING eventstore;
-- Characters as they are and as escapes, alone and together.
SELECT * FROM eventstore.ingest('t',
'{"entity_id":"plain ä","payload":{"ö" : "ü ÿ"},"metadata":{"ö":"ü \u00ff"}}
{"entity_id":"esc \u00e4 \" é","payload":["\u00e4\u20ac"]}');
SELECT entity_id, convert_to(entity_id, 'LATIN1'), payload, convert_to(payload::text, 'LATIN1'), metadata FROM t;
-- Positions count bytes of the database's encoding.
SELECT * FROM eventstore.ingest('t', '{"entity_id":"äöü","payload":[1,]}');
SELECT * FROM eventstore.ingest('t', '{"entity_id":"äöü","payload":ä}');
SELECT * FROM eventstore.ingest('t', '{"entity_id":"äöü","höhe":1}');
SELECT * FROM eventstore.ingest('t', '{"entity_id":"äöü \u0000"}');
-- Characters that the encoding does not have.
SELECT * FROM eventstore.ingest('t', '{"entity_id":"ä \u20ac"}');
SELECT count(*) FROM t;

\c regress_sql_ascii
SET client_encoding = 'SQL_ASCII';
CREATE EXTENSION eventstore;
CREATE TABLE t (entity_id text, event_type text, payload json) USING eventstore;
-- Any byte beyond ASCII is a character, as it is for json.
SELECT * FROM eventstore.ingest('t', convert_from('\x7b22656e746974795f6964223a22e4ff20222c227061796c6f6164223a5b22fe225d7d', 'SQL_ASCII'));
SELECT convert_to(entity_id, 'SQL_ASCII'), convert_to(payload::text, 'SQL_ASCII') FROM t;
-- What is escaped becomes UTF-8.
SELECT * FROM eventstore.ingest('t', '{"entity_id":"a\n\u00e4"}');
SELECT convert_to(entity_id, 'SQL_ASCII') FROM t WHERE entity_id LIKE 'a%';
SELECT * FROM eventstore.ingest('t', convert_from('\x7b22656e746974795f6964223ae47d', 'SQL_ASCII'));

\c :regression
DROP DATABASE regress_latin1;
DROP DATABASE regress_sql_ascii;
