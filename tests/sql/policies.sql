--
-- Row-level security on SELECT and INSERT.
--
SELECT twin.open();
CREATE ROLE regress_alice;
CREATE ROLE regress_bob;
CREATE ROLE regress_audit BYPASSRLS;
GRANT USAGE ON SCHEMA on_heap, on_events TO regress_alice, regress_bob, regress_audit;
SELECT twin.run('CREATE TABLE t (a int, who text DEFAULT current_user, b text)');
SELECT twin.run('INSERT INTO t SELECT g, CASE WHEN g % 2 = 0 THEN ''regress_alice'' ELSE ''regress_bob'' END, ''b'' || g FROM generate_series(1, 1000) g');
SELECT twin.run('CREATE INDEX ON t (a)');
SELECT twin.run('ALTER TABLE t ENABLE ROW LEVEL SECURITY');
SELECT twin.run('GRANT SELECT, INSERT ON t TO PUBLIC');
SELECT twin.run('CREATE POLICY see ON t FOR SELECT USING (who = current_user)');
SELECT twin.run('CREATE POLICY add ON t FOR INSERT WITH CHECK (who = current_user)');
SELECT twin.run('CREATE POLICY small ON t AS RESTRICTIVE FOR INSERT WITH CHECK (a < 5000)');
SET ROLE regress_alice;
SELECT twin.run('SELECT count(*), min(who), max(who) FROM t');
SELECT twin.run('SELECT a FROM t WHERE a IN (1, 2)');
SELECT twin.run('INSERT INTO t (a) VALUES (2000) RETURNING *');
SELECT twin.run('INSERT INTO t (a, who) VALUES (2001, ''regress_bob'')');
SELECT twin.run('INSERT INTO t (a) VALUES (6000)');
SELECT twin.run('INSERT INTO t (a) SELECT g FROM generate_series(4990, 5010) g');
SELECT twin.run('SELECT count(*) FROM t');
SET enable_seqscan = off;
SELECT twin.run('SELECT a, who FROM t WHERE a BETWEEN 1 AND 4');
RESET enable_seqscan;
SET ROLE regress_bob;
SELECT twin.run('SELECT count(*), min(who), max(who) FROM t');
SET row_security = off;
SELECT twin.run('SELECT count(*) FROM t');
RESET row_security;
\copy on_events.t (a) FROM /dev/null
SET ROLE regress_audit;
SELECT twin.run('SELECT count(*) FROM t');
RESET ROLE;
SELECT twin.run('SELECT count(*) FROM t');
-- FORCE, for owners too; a policy that is not leakproof sees no more rows.
ALTER TABLE on_events.t OWNER TO regress_bob;
SET ROLE regress_bob;
SELECT count(*) FROM on_events.t;
ALTER TABLE on_events.t FORCE ROW LEVEL SECURITY;
SELECT count(*) FROM on_events.t;
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean COST 0.0001 LANGUAGE plpgsql AS $$ BEGIN IF $1 NOT LIKE 'b%' THEN RAISE NOTICE 'leak %', $1; END IF; IF right($1, 1) IN ('0', '2', '4', '6', '8') THEN RAISE NOTICE 'leaked %', $1; END IF; RETURN true; END $$;
SELECT count(*) FROM on_events.t WHERE pg_temp.leak(b) AND a < 10;
RESET ROLE;
DROP FUNCTION pg_temp.leak;
-- A policy sees the values that were given, not those that the storage gives.
CREATE TABLE on_events.r (position bigint DEFAULT 0, entity_id text) USING eventstore;
ALTER TABLE on_events.r ENABLE ROW LEVEL SECURITY;
CREATE POLICY given ON on_events.r FOR INSERT WITH CHECK (position = 0);
CREATE POLICY see ON on_events.r FOR SELECT USING (position % 2 = 0);
GRANT SELECT, INSERT ON on_events.r TO regress_alice;
SET ROLE regress_alice;
INSERT INTO on_events.r (entity_id) SELECT 'a' FROM generate_series(1, 4);
INSERT INTO on_events.r VALUES (5, 'a');
SELECT * FROM on_events.r;
RESET ROLE;

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
DROP ROLE regress_alice, regress_bob, regress_audit;
