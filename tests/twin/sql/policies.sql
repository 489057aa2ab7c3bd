--
-- Who may: policies, privileges by table and column, views and functions of
-- others, locks, and what else is said about a table.
--
CREATE ROLE twin_alice;
CREATE ROLE twin_bob;
GRANT CREATE, USAGE ON SCHEMA public TO twin_alice;
CREATE TABLE t (id int PRIMARY KEY, owner name, secret text, n int);
INSERT INTO t SELECT g, CASE WHEN g % 2 = 0 THEN 'twin_alice' ELSE 'twin_bob' END, 'secret ' || g, g FROM generate_series(1, 10) g;
GRANT SELECT, INSERT, UPDATE, DELETE ON t TO twin_alice;
GRANT SELECT (id, owner), INSERT (id, owner) ON t TO twin_bob;
CREATE POLICY own ON t FOR SELECT USING (owner = current_user);
CREATE POLICY small ON t AS RESTRICTIVE USING (n < 9);
CREATE POLICY add ON t FOR INSERT WITH CHECK (owner = current_user AND id > 10);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION leak(text) RETURNS bool COST 0.0001 LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN true; END $$;
SELECT count(*) FROM t;
SET ROLE twin_alice;
SELECT * FROM t ORDER BY id;
SELECT id FROM t WHERE leak(secret) ORDER BY id;
INSERT INTO t VALUES (20, 'twin_alice', 'x', 1) RETURNING id;
INSERT INTO t VALUES (21, 'twin_bob', 'x', 1);
INSERT INTO t VALUES (5, 'twin_alice', 'x', 1);
INSERT INTO t VALUES (22, 'twin_alice', 'x', 9);
INSERT INTO t VALUES (22, 'twin_alice', 'x', 10) RETURNING id;
INSERT INTO t VALUES (1, 'twin_alice', 'x', 1) ON CONFLICT DO NOTHING;
INSERT INTO t VALUES (20, 'twin_alice', 'x', 1) ON CONFLICT DO NOTHING;
COPY t TO STDOUT;
COPY t FROM STDIN;
30	twin_alice	x	1
31	twin_bob	x	1
\.
UPDATE t SET n = 1;
DELETE FROM t WHERE id = 20;
MERGE INTO t USING (VALUES (2), (23), (5)) s (id) ON t.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id + 100, 'twin_alice', 'merged', 1);
TRUNCATE t;
SELECT count(*) FROM t FOR UPDATE;
SELECT id FROM t ORDER BY id FOR UPDATE;
ALTER TABLE t ADD COLUMN x int;
CREATE INDEX ON t (n);
ANALYZE t;
CREATE TABLE referring (id int REFERENCES t);
BEGIN;
LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE t IN ACCESS EXCLUSIVE MODE;
ROLLBACK;
RESET ROLE;
SET ROLE twin_bob;
SELECT id FROM t ORDER BY id;
SELECT * FROM t;
SELECT secret FROM t;
SELECT ctid FROM t;
INSERT INTO t (id, owner) VALUES (40, 'twin_bob') RETURNING id;
INSERT INTO t (id, owner, n) VALUES (40, 'twin_bob', 1);
INSERT INTO t (id, owner) VALUES (1, 'x');
UPDATE t SET owner = '';
DELETE FROM t;
SELECT id FROM t FOR UPDATE;
TABLE t;
RESET ROLE;
GRANT UPDATE (owner) ON t TO twin_bob;
CREATE POLICY change ON t FOR UPDATE USING (owner = current_user);
SET ROLE twin_bob;
SELECT id FROM t ORDER BY id FOR UPDATE;
UPDATE t SET n = 0;
RESET ROLE;
ALTER TABLE t OWNER TO twin_alice;
SET ROLE twin_alice;
SELECT count(*) FROM t;
ALTER TABLE t FORCE ROW LEVEL SECURITY;
SELECT count(*) FROM t;
SET row_security = off;
SELECT count(*) FROM t;
RESET row_security;
CREATE FUNCTION counted() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*) FROM t';
CREATE VIEW v AS SELECT id, owner FROM t;
GRANT SELECT, INSERT ON v TO twin_bob;
RESET ROLE;
SET ROLE twin_bob;
SELECT counted();
SELECT count(*) FROM v;
INSERT INTO v VALUES (50, 'twin_alice');
RESET ROLE;
SELECT polname, polcmd, polpermissive FROM pg_policy ORDER BY polname;
SELECT has_table_privilege('twin_bob', 't', 'SELECT'), has_column_privilege('twin_bob', 't', 'id', 'SELECT'), has_any_column_privilege('twin_bob', 't', 'INSERT');

-- said about a table
COMMENT ON TABLE t IS 'a table';
COMMENT ON COLUMN t.secret IS 'a column';
COMMENT ON CONSTRAINT t_pkey ON t IS 'a constraint';
COMMENT ON POLICY own ON t IS 'a policy';
SELECT obj_description('t'::regclass), col_description('t'::regclass, 3);
SECURITY LABEL ON TABLE t IS 'label';
\d+ v
\dp t
SELECT pg_get_viewdef('v'), pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname = 'own';
-- locks of tables
BEGIN;
LOCK TABLE t, v IN ACCESS SHARE MODE;
LOCK TABLE t IN ROW SHARE MODE;
LOCK TABLE ONLY t IN ROW EXCLUSIVE MODE;
LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE t IN SHARE MODE;
LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE NOWAIT;
LOCK TABLE t IN EXCLUSIVE MODE;
LOCK TABLE t IN ACCESS EXCLUSIVE MODE;
SELECT relation::regclass, mode FROM pg_locks WHERE relation = 't'::regclass ORDER BY mode;
INSERT INTO t VALUES (60, 'x', 'y', 1);
ROLLBACK;
-- locks of rows: each strength, with what they forbid
SELECT id FROM t WHERE id < 3 ORDER BY id FOR UPDATE;
SELECT id FROM t WHERE id < 3 ORDER BY id FOR NO KEY UPDATE;
SELECT id FROM t WHERE id < 3 ORDER BY id FOR SHARE;
SELECT id FROM t WHERE id < 3 ORDER BY id FOR KEY SHARE;
SELECT id FROM t WHERE id < 3 ORDER BY id FOR UPDATE OF t NOWAIT;
SELECT id FROM t WHERE id < 3 ORDER BY id FOR SHARE SKIP LOCKED;
SELECT id FROM (SELECT * FROM t WHERE id < 3 FOR UPDATE) s ORDER BY id;
SELECT t.id, l.n FROM t, LATERAL (SELECT count(*) AS n FROM t i WHERE i.id < t.id) l WHERE t.id < 3 ORDER BY 1 FOR UPDATE OF t;
SELECT t.id FROM t LEFT JOIN t u ON u.id = t.id + 1 WHERE t.id < 3 FOR UPDATE;
SELECT count(*) FROM t FOR UPDATE;
SELECT DISTINCT n FROM t FOR SHARE;
SELECT id FROM t UNION SELECT 1 FOR SHARE;
WITH w AS (SELECT id FROM t FOR UPDATE) SELECT count(*) FROM w;
-- nothing is written
BEGIN READ ONLY;
INSERT INTO t VALUES (70);
ROLLBACK;
BEGIN READ ONLY;
SELECT id FROM t WHERE id = 1 FOR UPDATE;
ROLLBACK;
SET default_transaction_read_only = on;
INSERT INTO t VALUES (70);
CREATE TABLE not_made (a int);
VACUUM t;
ANALYZE t;
TRUNCATE t;
COPY t FROM STDIN;
\.
SELECT count(*) FROM t;
RESET default_transaction_read_only;
DROP TABLE t CASCADE;
DROP FUNCTION counted;
DROP OWNED BY twin_alice, twin_bob;
DROP ROLE twin_alice, twin_bob;
