--
-- Every subcommand of ALTER TABLE, each three times on a table of its own: in a
-- transaction that is rolled back, after a savepoint that is rolled back, and in
-- a transaction that commits, with rows added before and after it in the same
-- transaction.  What a version of the server does not know is an error there on
-- both sides.
--
CREATE SEQUENCE numbers;
CREATE SCHEMA elsewhere;
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE twin_space LOCATION '';
CREATE ROLE twin_owner;
CREATE ROLE twin_superuser SUPERUSER;
CREATE TYPE row_type AS (id int, a int, b text);
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.b := NEW.b || '!'; RETURN NEW; END $$;

-- What is in t: how many rows, a hash of them, by a sequential scan and by the
-- index, if it is still there.
CREATE FUNCTION state() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	by_index bigint;
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_bitmapscan = off;
	BEGIN
		EXECUTE 'SELECT count(*) FROM t WHERE id > 0' INTO by_index;
	EXCEPTION WHEN undefined_column OR undefined_function THEN
	END;
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_bitmapscan = on;
	answer := twin.hash('t') || ', by index ' || coalesce(by_index::text, '-') ||
		coalesce(', damaged: ' || (SELECT string_agg(d, '; ') FROM twin.damage('t') d), '');
	RETURN answer || ', ' || (SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped) || ' columns';
END $$;

CREATE FUNCTION add() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'INSERT INTO t DEFAULT VALUES';
	RETURN 'row added';
EXCEPTION WHEN OTHERS THEN
	-- the largest size is documented to differ; sizes.sql has it
	RETURN regexp_replace(SQLERRM, '(row is too big): .*', '\1');
END $$;

CREATE PROCEDURE fresh() LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL client_min_messages = warning;
	DROP TABLE IF EXISTS t, elsewhere.t, parent, other_child CASCADE;
	PERFORM setval('numbers', 1000);
	CREATE TABLE parent (id int, a int, b text);
	CREATE TABLE t (id int DEFAULT nextval('numbers'), a int DEFAULT 3, b text DEFAULT 'default',
		big text DEFAULT repeat('large ', 2000), g int GENERATED ALWAYS AS (a * 2) STORED);
	INSERT INTO t SELECT i, i % 10, 'row ' || lpad(i::text, 3, '0'), CASE WHEN i > 295 THEN repeat(i::text || ' ', 3000) END
		FROM generate_series(1, 300) i;
	CREATE INDEX t_id ON t (id);
	ALTER TABLE t ADD CONSTRAINT t_a CHECK (a >= 0);
	CREATE TRIGGER t_noted BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION noted();
END $$;

CREATE PROCEDURE attempt(subcommand text, preparation text DEFAULT 'SELECT 1', compare bool DEFAULT true) LANGUAGE plpgsql AS $$
DECLARE
	said text;
	before text;
BEGIN
	CALL fresh();
	EXECUTE preparation;
	COMMIT;
	before := state();
	-- rolled back
	PERFORM add();
	BEGIN
		EXECUTE 'ALTER TABLE t ' || subcommand;
		said := 'done';
	EXCEPTION WHEN OTHERS THEN
		said := SQLSTATE || ': ' || SQLERRM;
	END;
	RAISE NOTICE '% -> %', subcommand, said;
	IF said = 'done' AND compare THEN
		RAISE NOTICE 'inside:   %, %', add(), state();
		ROLLBACK;
		RAISE NOTICE 'rolled back: %', CASE WHEN before = state() THEN 'as before' ELSE state() END;
		-- rolled back to a savepoint
		PERFORM add();
		BEGIN
			PERFORM add();
			EXECUTE 'ALTER TABLE t ' || subcommand;
			PERFORM add();
			RAISE EXCEPTION 'enough' USING ERRCODE = 'ZZ001';
		EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
			NULL;
		END;
		RAISE NOTICE 'savepoint: %, %', add(), state();
		COMMIT;
		RAISE NOTICE 'committed: %', state();
		-- committed
		PERFORM add();
		EXECUTE 'ALTER TABLE t ' || subcommand;
		PERFORM add();
		COMMIT;
		RAISE NOTICE 'after:    %, %', add(), state();
	END IF;
	COMMIT;
END $$;

-- columns
CALL attempt('ADD COLUMN c int');
CALL attempt('ADD COLUMN c int DEFAULT 7');
CALL attempt('ADD COLUMN c text DEFAULT repeat(''c'', 3000)');
CALL attempt('ADD COLUMN c int NOT NULL');
CALL attempt('ADD COLUMN c int NOT NULL DEFAULT 8');
CALL attempt('ADD COLUMN c bigint DEFAULT nextval(''numbers'')');
CALL attempt('ADD COLUMN c int GENERATED ALWAYS AS (a + 1) STORED');
CALL attempt('ADD COLUMN c int GENERATED ALWAYS AS (a + 1)');
CALL attempt('ADD COLUMN c int GENERATED ALWAYS AS IDENTITY');
CALL attempt('ADD COLUMN c serial');
CALL attempt('ADD COLUMN c positive');
CALL attempt('ADD COLUMN c positive DEFAULT 5');
CALL attempt('ADD COLUMN c positive DEFAULT -5');
CALL attempt('ADD COLUMN c row_type DEFAULT ''(1,2,x)''');
CALL attempt('ADD COLUMN c int[] DEFAULT ''{1,2}'' CHECK (c[1] = 1)');
CALL attempt('ADD COLUMN c int UNIQUE');
CALL attempt('ADD COLUMN c int DEFAULT 1 UNIQUE');
CALL attempt('ADD COLUMN c int PRIMARY KEY DEFAULT nextval(''numbers'')');
CALL attempt('ADD COLUMN IF NOT EXISTS a int');
CALL attempt('ADD COLUMN a int');
CALL attempt('ADD COLUMN c text COLLATE "C" DEFAULT ''c'', ADD COLUMN d numeric DEFAULT 1.5, DROP COLUMN big');
CALL attempt('DROP COLUMN b', 'DROP TRIGGER t_noted ON t');
CALL attempt('DROP COLUMN big');
CALL attempt('DROP COLUMN id');
CALL attempt('DROP COLUMN id CASCADE', 'CREATE VIEW v AS SELECT id FROM t');
CALL attempt('DROP COLUMN a');
CALL attempt('DROP COLUMN g, DROP COLUMN a');
CALL attempt('DROP COLUMN a CASCADE');
CALL attempt('DROP COLUMN IF EXISTS nothing');
CALL attempt('DROP COLUMN nothing');
CALL attempt('DROP COLUMN id, DROP COLUMN a CASCADE, DROP COLUMN b, DROP COLUMN big', 'DROP TRIGGER t_noted ON t');
CALL attempt('DROP COLUMN ctid');
CALL attempt('RENAME COLUMN a TO aa');
CALL attempt('RENAME COLUMN a TO b');
CALL attempt('RENAME CONSTRAINT t_a TO t_aa');
CALL attempt('ALTER COLUMN id TYPE bigint');
CALL attempt('ALTER COLUMN id TYPE bigint', 'CREATE RULE t_rule AS ON INSERT TO t WHERE NEW.id = -5 DO INSTEAD NOTHING');
CALL attempt('ALTER COLUMN id TYPE bigint', 'CREATE VIEW v AS SELECT id FROM t');
CALL attempt('ALTER COLUMN id TYPE text');
CALL attempt('ALTER COLUMN id TYPE text, ALTER COLUMN id SET DEFAULT ''1000''', 'ALTER TABLE t ALTER id DROP DEFAULT');
CALL attempt('ALTER COLUMN b TYPE varchar', 'DROP TRIGGER t_noted ON t');
CALL attempt('ALTER COLUMN b TYPE varchar(9)', 'DROP TRIGGER t_noted ON t');
CALL attempt('ALTER COLUMN b TYPE varchar(3)');
CALL attempt('ALTER COLUMN b TYPE int USING length(b)');
CALL attempt('ALTER COLUMN b DROP DEFAULT, ALTER COLUMN b TYPE int USING length(b)', 'DROP TRIGGER t_noted ON t');
CALL attempt('ALTER COLUMN b TYPE text COLLATE "C"');
CALL attempt('ALTER COLUMN a TYPE bigint');
CALL attempt('ALTER COLUMN g TYPE numeric');
CALL attempt('DROP COLUMN g, ALTER COLUMN a TYPE bigint');
CALL attempt('ALTER COLUMN a TYPE int USING a + 1', 'ALTER TABLE t DROP g');
CALL attempt('ALTER COLUMN a TYPE int USING id', 'ALTER TABLE t DROP g');
CALL attempt('ALTER COLUMN g SET EXPRESSION AS (a * 3)');
CALL attempt('ALTER COLUMN id TYPE positive');
CALL attempt('ALTER COLUMN id TYPE numeric USING 1 / (id - 250)');
CALL attempt('ALTER COLUMN big TYPE bytea USING convert_to(big, ''UTF8''), ALTER COLUMN big SET DEFAULT ''\x00''', 'ALTER TABLE t ALTER big DROP DEFAULT');
CALL attempt('ALTER COLUMN b SET DEFAULT ''other''');
CALL attempt('ALTER COLUMN b DROP DEFAULT');
CALL attempt('ALTER COLUMN b SET NOT NULL');
CALL attempt('ALTER COLUMN big SET NOT NULL');
CALL attempt('ADD CONSTRAINT c NOT NULL a NOT VALID');
CALL attempt('ALTER COLUMN b DROP NOT NULL', 'ALTER TABLE t ALTER b SET NOT NULL');
CALL attempt('ALTER COLUMN g DROP EXPRESSION');
CALL attempt('ALTER COLUMN a DROP EXPRESSION');
CALL attempt('ALTER COLUMN a DROP EXPRESSION IF EXISTS');
CALL attempt('ALTER COLUMN id DROP DEFAULT, ALTER COLUMN id SET NOT NULL, ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (START 5000)');
CALL attempt('ALTER COLUMN id SET GENERATED ALWAYS SET START 10 RESTART', 'ALTER TABLE t ALTER id DROP DEFAULT, ALTER id SET NOT NULL, ALTER id ADD GENERATED BY DEFAULT AS IDENTITY');
CALL attempt('ALTER COLUMN id DROP IDENTITY', 'ALTER TABLE t ALTER id DROP DEFAULT, ALTER id SET NOT NULL, ALTER id ADD GENERATED BY DEFAULT AS IDENTITY');
CALL attempt('ALTER COLUMN a SET STATISTICS 500');
CALL attempt('ALTER COLUMN a SET (n_distinct = 5)');
CALL attempt('ALTER COLUMN a RESET (n_distinct)');
CALL attempt('ALTER COLUMN big SET STORAGE EXTERNAL');
CALL attempt('ALTER COLUMN big SET STORAGE PLAIN');
CALL attempt('ALTER COLUMN big SET STORAGE MAIN');
CALL attempt('ALTER COLUMN a SET STORAGE EXTERNAL');
CALL attempt('ALTER COLUMN big SET COMPRESSION pglz');
CALL attempt('ALTER COLUMN big SET COMPRESSION lz4');
CALL attempt('ALTER COLUMN big SET COMPRESSION default');
-- constraints
CALL attempt('ADD CONSTRAINT c CHECK (a < 100)');
CALL attempt('ADD CONSTRAINT c CHECK (a < 3)');
CALL attempt('ADD CONSTRAINT c CHECK (a < 5) NOT VALID');
CALL attempt('VALIDATE CONSTRAINT c', 'ALTER TABLE t ADD CONSTRAINT c CHECK (a < 100) NOT VALID');
CALL attempt('VALIDATE CONSTRAINT c', 'ALTER TABLE t ADD CONSTRAINT c CHECK (a < 5) NOT VALID');
CALL attempt('ADD CONSTRAINT c CHECK (a < 100) NO INHERIT');
CALL attempt('ADD CONSTRAINT c CHECK (a < 0) NOT ENFORCED');
CALL attempt('ADD CONSTRAINT c UNIQUE (id)');
CALL attempt('ADD CONSTRAINT c UNIQUE (a)');
CALL attempt('ADD CONSTRAINT c UNIQUE (id) DEFERRABLE INITIALLY DEFERRED');
CALL attempt('ADD CONSTRAINT c PRIMARY KEY (id) INCLUDE (a)');
CALL attempt('ADD CONSTRAINT c PRIMARY KEY (big)');
CALL attempt('ADD CONSTRAINT c UNIQUE NULLS NOT DISTINCT (big)');
CALL attempt('ADD CONSTRAINT c EXCLUDE USING btree (id WITH =)');
CALL attempt('ADD CONSTRAINT c EXCLUDE USING btree (a WITH =)');
CALL attempt('ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES parent (id)', 'ALTER TABLE parent ADD PRIMARY KEY (id); INSERT INTO parent SELECT generate_series(0, 9)');
CALL attempt('ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES parent (id)', 'ALTER TABLE parent ADD PRIMARY KEY (id)');
CALL attempt('ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES parent (id) NOT VALID', 'ALTER TABLE parent ADD PRIMARY KEY (id)');
CALL attempt('ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES parent (id) NOT ENFORCED', 'ALTER TABLE parent ADD PRIMARY KEY (id)');
CALL attempt('VALIDATE CONSTRAINT c', 'ALTER TABLE parent ADD PRIMARY KEY (id); INSERT INTO parent SELECT generate_series(0, 9); ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES parent (id) NOT VALID');
CALL attempt('ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES parent (id) ON DELETE CASCADE', 'ALTER TABLE parent ADD PRIMARY KEY (id); INSERT INTO parent SELECT generate_series(0, 9)', false);
CALL attempt('ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES parent (id) ON DELETE SET NULL', 'ALTER TABLE parent ADD PRIMARY KEY (id); INSERT INTO parent SELECT generate_series(0, 9)', false);
CALL attempt('ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES parent (id) ON UPDATE CASCADE', 'ALTER TABLE parent ADD PRIMARY KEY (id); INSERT INTO parent SELECT generate_series(0, 9)', false);
CALL attempt('ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES parent (id) ON UPDATE SET DEFAULT', 'ALTER TABLE parent ADD PRIMARY KEY (id); INSERT INTO parent SELECT generate_series(0, 9)', false);
CALL attempt('ALTER CONSTRAINT c DEFERRABLE INITIALLY DEFERRED', 'ALTER TABLE parent ADD PRIMARY KEY (id); INSERT INTO parent SELECT generate_series(0, 9); ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES parent (id)');
CALL attempt('ALTER CONSTRAINT t_a DEFERRABLE');
CALL attempt('DROP CONSTRAINT t_a');
CALL attempt('DROP CONSTRAINT IF EXISTS nothing');
CALL attempt('ADD CONSTRAINT c UNIQUE USING INDEX t_u', 'CREATE UNIQUE INDEX t_u ON t (id)');
CALL attempt('ADD CONSTRAINT c PRIMARY KEY USING INDEX t_u', 'CREATE UNIQUE INDEX t_u ON t (id)');
-- triggers, rules, policies
CALL attempt('DISABLE TRIGGER t_noted');
CALL attempt('DISABLE TRIGGER ALL');
CALL attempt('DISABLE TRIGGER USER');
CALL attempt('ENABLE TRIGGER t_noted', 'ALTER TABLE t DISABLE TRIGGER t_noted');
CALL attempt('ENABLE REPLICA TRIGGER t_noted');
CALL attempt('ENABLE ALWAYS TRIGGER t_noted');
CALL attempt('DISABLE RULE t_rule', 'CREATE RULE t_rule AS ON INSERT TO t WHERE NEW.id = -5 DO INSTEAD NOTHING');
CALL attempt('ENABLE REPLICA RULE t_rule', 'CREATE RULE t_rule AS ON INSERT TO t WHERE NEW.id = -5 DO INSTEAD NOTHING');
CALL attempt('ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY');
CALL attempt('NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY');
-- storage
CALL attempt('SET (fillfactor = 50)');
CALL attempt('SET (autovacuum_enabled = off, toast_tuple_target = 256, parallel_workers = 3, toast.autovacuum_enabled = off)');
CALL attempt('RESET (fillfactor)');
CALL attempt('SET (user_catalog_table = true)', compare => false);
CALL attempt('SET (nothing = 1)');
CALL attempt('SET UNLOGGED');
CALL attempt('SET LOGGED', 'ALTER TABLE t SET UNLOGGED');
CALL attempt('SET LOGGED, ALTER COLUMN id TYPE bigint', 'ALTER TABLE t SET UNLOGGED');
CALL attempt('CLUSTER ON t_id');
CALL attempt('SET WITHOUT CLUSTER', 'ALTER TABLE t CLUSTER ON t_id');
CALL attempt('SET WITHOUT OIDS');
CALL attempt('SET TABLESPACE pg_default');
-- An index that stays would keep entries of the file that is given up, and they
-- would lead to rows that are added later: on a heap table too.
CALL attempt('SET TABLESPACE twin_space; ALTER INDEX t_id SET TABLESPACE twin_space');
CALL attempt('SET TABLESPACE twin_space', 'DROP INDEX t_id');
CALL attempt('SET TABLESPACE pg_default, ALTER COLUMN id TYPE bigint', 'ALTER TABLE t SET TABLESPACE twin_space; ALTER INDEX t_id SET TABLESPACE twin_space');
CALL attempt('SET TABLESPACE pg_global');
CALL attempt('SET ACCESS METHOD heap');
CALL attempt('SET ACCESS METHOD eventstore');
CALL attempt('SET ACCESS METHOD DEFAULT');
CALL attempt('SET ACCESS METHOD heap, ALTER COLUMN id TYPE bigint, ADD COLUMN c int DEFAULT 3');
CALL attempt('SET ACCESS METHOD eventstore, ALTER COLUMN id TYPE bigint, ADD COLUMN c int DEFAULT 3');
CALL attempt('SET ACCESS METHOD eventstore, SET UNLOGGED');
CALL attempt('SET ACCESS METHOD heap', 'ALTER TABLE t DROP COLUMN g; ALTER TABLE t ADD COLUMN c int DEFAULT 3');
CALL attempt('SET ACCESS METHOD eventstore', 'ALTER TABLE t DROP COLUMN g; ALTER TABLE t ADD COLUMN c int DEFAULT 3');
CALL attempt('SET ACCESS METHOD btree');
CALL attempt('REPLICA IDENTITY FULL');
CALL attempt('REPLICA IDENTITY NOTHING');
CALL attempt('REPLICA IDENTITY USING INDEX t_u', 'CREATE UNIQUE INDEX t_u ON t (id); ALTER TABLE t ALTER id SET NOT NULL');
-- relations to others
CALL attempt('INHERIT parent');
CALL attempt('INHERIT t');
CALL attempt('NO INHERIT parent', 'ALTER TABLE t INHERIT parent');
CALL attempt('OF row_type', 'ALTER TABLE t DROP COLUMN g, DROP COLUMN big');
CALL attempt('NOT OF', 'ALTER TABLE t DROP COLUMN g, DROP COLUMN big; ALTER TABLE t OF row_type');
CALL attempt('OWNER TO twin_owner');
CALL attempt('OWNER TO twin_superuser');
-- all kinds at once
CALL attempt('ADD COLUMN c int DEFAULT 1, ALTER COLUMN id TYPE bigint, DROP COLUMN b, ADD CONSTRAINT c CHECK (c = 1), ALTER COLUMN a SET NOT NULL, SET (fillfactor = 70)', 'DROP TRIGGER t_noted ON t');
CALL attempt('ADD COLUMN c int DEFAULT 1, ALTER COLUMN id TYPE bigint, ADD CONSTRAINT d CHECK (c = 2)');
CALL attempt('SET UNLOGGED, ALTER COLUMN id TYPE bigint');
-- names
CALL fresh();
ALTER TABLE t RENAME TO tt;
SELECT count(*) FROM tt;
ALTER TABLE tt RENAME TO t;
BEGIN;
INSERT INTO t (id) VALUES (1);
ALTER TABLE t SET SCHEMA elsewhere;
INSERT INTO elsewhere.t (id) VALUES (2);
SELECT count(*) FROM elsewhere.t;
ROLLBACK;
SELECT count(*) FROM t;
ALTER TABLE t SET SCHEMA elsewhere;
SELECT count(*) FROM elsewhere.t;
ALTER TABLE IF EXISTS nowhere.t ADD COLUMN x int;
ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE pg_default NOWAIT;
-- a table that is in use
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM elsewhere.t;
FETCH 1 FROM c;
ALTER TABLE elsewhere.t ADD COLUMN x int;
ROLLBACK;
BEGIN;
CREATE TABLE deferred (a int UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO deferred VALUES (1);
ALTER TABLE deferred ADD COLUMN b int DEFAULT 1;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE deferred ADD COLUMN b int DEFAULT 1;
COMMIT;
DROP TABLE elsewhere.t, parent;
DROP TABLESPACE twin_space;
DROP ROLE twin_owner, twin_superuser;
