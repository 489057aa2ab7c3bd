--
-- eventstore.create_store()
--
CREATE SCHEMA shop;
CREATE SCHEMA sales;
SET search_path = shop, public;

CREATE VIEW columns AS
	SELECT c.oid::regclass AS store, attnum AS n, attname, format_type(atttypid, atttypmod) AS type,
		attnotnull AS "not null", pg_get_expr(adbin, adrelid) AS "default"
	FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid
		LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
	WHERE attnum > 0 AND relkind = 'r' AND relnamespace IN ('shop'::regnamespace, 'sales'::regnamespace);

SELECT eventstore.create_store('orders');
SELECT * FROM columns WHERE store = 'orders'::regclass ORDER BY n;
SELECT relkind, relpersistence, amname, relnamespace::regnamespace, relowner = current_user::regrole AS mine
FROM pg_class c JOIN pg_am m ON m.oid = relam WHERE c.oid = 'orders'::regclass;

-- payload is json or jsonb.
SELECT eventstore.create_store('orders_b', 'jsonb');
SELECT eventstore.create_store('orders_j', payload => 'json');
SELECT store, attname, type, "default" FROM columns WHERE attname IN ('payload', 'metadata') ORDER BY store::text COLLATE "C", n;
SELECT eventstore.create_store('orders_t', payload => 'text');
SELECT eventstore.create_store('orders_t', payload => '');

-- Enough is supplied that an event needs two columns.
INSERT INTO orders (entity_id, event_type) VALUES ('order-1', 'OrderPlaced')
RETURNING position, entity_id, version >= 0 AS versioned, event_type, recorded_at = now() AS now, payload, metadata;
INSERT INTO orders_b (entity_id, event_type, payload) VALUES ('order-1', 'OrderPlaced', '{"b": 1, "a": 2}') RETURNING payload;
\set VERBOSITY terse
INSERT INTO orders (entity_id) VALUES ('order-1');
INSERT INTO orders (event_type) VALUES ('OrderPlaced');
\set VERBOSITY default

-- Names are read as in SQL.
SELECT eventstore.create_store('sales.orders');
SELECT eventstore.create_store('"Mixed Case"');
SELECT eventstore.create_store('Folded');
SELECT eventstore.create_store('"dots.and ""quotes"""');
SELECT eventstore.create_store('sales."Mixed"');
SELECT eventstore.create_store(current_database() || '.sales.third');
SELECT eventstore.create_store('no_such_database.sales.fourth');
SELECT eventstore.create_store('no_such_schema.orders');
SELECT eventstore.create_store('');
SELECT eventstore.create_store('two words');
SELECT eventstore.create_store('"unfinished');
SELECT eventstore.create_store('a.b.c.d');
SELECT eventstore.create_store('orders''; DROP TABLE orders; --');
SELECT store FROM columns GROUP BY store ORDER BY store::text COLLATE "C";

-- What is there stays.
SELECT eventstore.create_store('orders');
SELECT eventstore.create_store('columns');
SELECT count(*) FROM orders;

-- A temporary store.
SELECT eventstore.create_store('pg_temp.scratch');
INSERT INTO pg_temp.scratch (entity_id, event_type) VALUES ('a', 'b') RETURNING position;
SELECT relpersistence FROM pg_class WHERE oid = 'pg_temp.scratch'::regclass;

-- The path decides where a plain name goes, and nothing else.
SET search_path = '';
SELECT eventstore.create_store('nowhere');
SELECT eventstore.create_store('sales.pathless');
SET search_path = sales, shop;
SELECT eventstore.create_store('by_path');
SET search_path = shop, public;
SELECT relname, relnamespace::regnamespace FROM pg_class WHERE relname IN ('by_path', 'pathless') ORDER BY 1;

-- It does what the caller could do with CREATE TABLE.
CREATE ROLE regress_clerk;
GRANT USAGE ON SCHEMA sales, shop TO regress_clerk;
SET ROLE regress_clerk;
SELECT eventstore.create_store('sales.clerks');
RESET ROLE;
GRANT CREATE ON SCHEMA sales TO regress_clerk;
SET ROLE regress_clerk;
SELECT eventstore.create_store('sales.clerks');
INSERT INTO sales.clerks (entity_id, event_type) VALUES ('a', 'b') RETURNING position;
RESET ROLE;
SELECT relowner::regrole FROM pg_class WHERE oid = 'sales.clerks'::regclass;
BEGIN READ ONLY;
SELECT eventstore.create_store('read_only');
ROLLBACK;

-- It is transactional.
BEGIN;
SELECT eventstore.create_store('gone');
INSERT INTO gone (entity_id, event_type) VALUES ('a', 'b');
ROLLBACK;
SELECT to_regclass('gone');

SELECT * FROM eventstore.verify('orders');
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA shop, sales CASCADE;
DROP ROLE regress_clerk;
