# What slots say of rows of event tables is what they say of the rows of heap
# tables: the same scripts on both, and the same changes, line by line, after
# every kind of statement and transaction.  Once read at once, and once at the
# end, when the tables are gone, with transactions spilled to disk and prepared
# ones read when they are prepared.
use strict;
use warnings;

use DecodingTest;
use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_decoding_server('main');
my $folder = PostgreSQL::Test::Utils::tempdir;

# bytes that do not compress, the same in both runs
$node->safe_psql('postgres', q{
	CREATE FUNCTION noise(seed int, kb int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
		SELECT string_agg(md5(seed::text || ':' || g), '') FROM generate_series(1, kb * 32) g $$});

# Compared by its digest only, before the slots that the others use.
my $large = q{(VALUES (1, 'before'), (2, repeat('0123456789', 1677721)), (3, 'after')) v (k, a)};
$node->safe_psql('postgres', qq{
	SELECT pg_create_logical_replication_slot('large', 'test_decoding');
	CREATE TABLE t (k int, a text) USING eventstore;
	ALTER TABLE t ALTER a SET STORAGE EXTERNAL;
	INSERT INTO t SELECT * FROM $large});
is( $node->safe_psql('postgres', q{
		SELECT md5(data) FROM pg_logical_slot_get_changes('large', NULL, NULL, 'include-xids', '0') WHERE data LIKE 'table%'}),
	$node->safe_psql('postgres', qq{
		SELECT md5(format('table public.t: INSERT: k[integer]:%s a[text]:%s', k, quote_literal(a))) FROM $large}),
	'a value of 16 MB');
$node->safe_psql('postgres', q{DROP TABLE t; SELECT pg_drop_replication_slot('large')});
create_slots($node);

my $t = 'CREATE TABLE t (k int PRIMARY KEY, a text, b text, c text);';

# --- statements ---

same_changes($node, 'rows one by one', 9, qq{$t
	INSERT INTO t VALUES (1);
	INSERT INTO t VALUES (2, 'a', NULL, 'c'), (3, '', 'b', '');
	INSERT INTO t SELECT g, 'x' FROM generate_series(4, 6) g RETURNING k, a;
	INSERT INTO t (c, k) VALUES ('only c', 7);
	MERGE INTO t USING (VALUES (7), (8)) v (k) ON t.k = v.k WHEN NOT MATCHED THEN INSERT VALUES (v.k, 'merged');
	WITH x AS (INSERT INTO t VALUES (9, 'in WITH') RETURNING k) SELECT * FROM x;
	INSERT INTO t VALUES (9);
	INSERT INTO t SELECT 10 WHERE false;
	SELECT k FROM t WHERE k = 1 FOR UPDATE;
});

same_changes($node, 'COPY', 25, qq{$t
	CREATE TABLE u (LIKE t);
	COPY t FROM STDIN;
1	a	b	c
2	\\N	\\N	\\N
3	back\\\\slash	tab\\there	line\\nfeed
\\.
	COPY t (k, c) FROM STDIN (FORMAT csv);
4,"a ""quoted"" one"
5,
\\.
	COPY t (k) FROM STDIN;
6
6
\\.
	COPY t (k) FROM STDIN;
7
not a number
\\.
	INSERT INTO t SELECT g, noise(g, 3), repeat('b', 100 * g) FROM generate_series(11, 15) g;
	COPY t TO '$folder/copy' (FORMAT binary);
	COPY u FROM '$folder/copy' (FORMAT binary);
	SELECT count(*), count(DISTINCT a) FROM u;
	COPY u FROM '$folder/copy' WITH (FORMAT binary) WHERE k < 6;
});

# Rows that are written at once, to several pages: the chunks of all of them come first.
same_changes($node, 'COPY of large values to several pages', 24, qq{
	CREATE TABLE t (k int, a text, b text);
	ALTER TABLE t ALTER b SET STORAGE PLAIN;
	CREATE TABLE u (LIKE t INCLUDING STORAGE);
	INSERT INTO t SELECT g, noise(g, 3), repeat('b', 1800) FROM generate_series(1, 12) g;
	COPY t TO '$folder/large';
	COPY u FROM '$folder/large';
});

same_changes($node, 'COPY FREEZE of a new table and of a truncated one', 9, q{
	BEGIN;
	CREATE TABLE t (k int, a text);
	COPY t FROM STDIN (FREEZE);
1	one
2	two
\.
	INSERT INTO t VALUES (3, 'three');
	COMMIT;
	BEGIN;
	TRUNCATE t;
	COPY t FROM STDIN (FREEZE);
4	four
5	five
6	six
\.
	SAVEPOINT a;
	INSERT INTO t VALUES (7, 'seven');
	RELEASE a;
	INSERT INTO t SELECT 8;
	COMMIT;
});

same_changes($node, 'rows of many pages and runs', 6800, q{
	SET eventstore.run_pages = 2;
	CREATE TABLE t (k int, a text);
	INSERT INTO t SELECT g, repeat('x', g % 300) FROM generate_series(1, 5000) g;
	BEGIN;
	INSERT INTO t SELECT g, repeat('y', 1500) FROM generate_series(1, 900) g;
	INSERT INTO t SELECT g, repeat('z', 1500) FROM generate_series(1, 900) g;
	COMMIT;
});

same_changes($node, 'every shape of a row', 331, q{
	CREATE TYPE mood AS ENUM ('calm', 'angry');
	CREATE TYPE pair AS (a int, b text);
	CREATE DOMAIN small AS int CHECK (VALUE < 10);
	CREATE TABLE none ();
	INSERT INTO none DEFAULT VALUES;
	INSERT INTO none SELECT FROM generate_series(1, 3);
	CREATE TABLE types (a bool, b "char", c name, d int2, e int4, f int8, g float4, h float8, i numeric, j money,
		k char(5), l varchar(9), m bytea, n date, o time, p timestamp, q timestamptz, r interval, s uuid, t json,
		u jsonb, v xml, w inet, x macaddr, y bit(3), z varbit, aa tsvector, ab int4range, ac int8multirange, ad point,
		ae mood, af pair, ag small, ah int[], ai pair[], aj text);
	INSERT INTO types DEFAULT VALUES;
	INSERT INTO types VALUES (true, 'x', 'name', -1, 2, 3, 1.5, 2.5, 1e40, 5, 'abc', 'def', '\x00ff', '2020-02-29', '12:00',
		'2020-01-01 00:00:01', '2020-01-01 00:00:01+00', '1 month', '00000000-0000-0000-0000-00000000000f', '{"a": 1}',
		'{"a": [1, 2]}', '<a/>', '10.0.0.1/8', '08:00:2b:01:02:03', '101', '10101', 'a b:1', '[1,5)', '{[1,2),[5,6)}', '(1,2)',
		'angry', '(1,x)', 9, '{1,NULL,3}', '{"(1,y)"}', '');
	CREATE TABLE made (k int GENERATED ALWAYS AS IDENTITY, a serial, b int DEFAULT 7, c int GENERATED ALWAYS AS (b * 2) STORED,
		d text DEFAULT 'x' COLLATE "C");
	INSERT INTO made (b) VALUES (1), (DEFAULT), (NULL);
	INSERT INTO made DEFAULT VALUES;
	SELECT format('CREATE TABLE wide (%s)', string_agg(format('c%s int', g), ',')) FROM generate_series(1, 1600) g \gexec
	INSERT INTO wide (c1600) VALUES (1);
	INSERT INTO wide (c1) SELECT generate_series(1, 20);
	CREATE TABLE nulls (a int, b text, c int, d int, e int, f int, g int, h int, i int);
	INSERT INTO nulls SELECT CASE WHEN g & 1 > 0 THEN g END, CASE WHEN g & 2 > 0 THEN 'b' END, CASE WHEN g & 4 > 0 THEN g END,
		NULL, CASE WHEN g & 8 > 0 THEN g END, CASE WHEN g & 16 > 0 THEN g END, CASE WHEN g & 32 > 0 THEN g END,
		CASE WHEN g & 64 > 0 THEN g END, CASE WHEN g & 128 > 0 THEN g END FROM generate_series(0, 299) g;
});

same_changes($node, 'triggers and foreign keys', 23, q{
	CREATE TABLE t (k int PRIMARY KEY, a text);
	CREATE TABLE u (k int REFERENCES t DEFERRABLE INITIALLY DEFERRED, a text);
	CREATE FUNCTION before_t() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.k = 3 THEN RETURN NULL; END IF; NEW.a := NEW.a || '!'; RETURN NEW; END $$;
	CREATE FUNCTION after_t() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO u VALUES (NEW.k, 'of ' || NEW.a); RETURN NULL; END $$;
	CREATE FUNCTION all_t() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO u SELECT NULL, string_agg(k::text, ',' ORDER BY k) FROM n; RETURN NULL; END $$;
	CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION before_t();
	CREATE TRIGGER b AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION after_t();
	CREATE TRIGGER c AFTER INSERT ON t REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION all_t();
	INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 5) g;
	INSERT INTO t VALUES (6, repeat('large', 2000)), (7, noise(7, 9));
	COPY t FROM STDIN;
8	copied
9	too
\.
	BEGIN; INSERT INTO u VALUES (20, 'nobody'); COMMIT;
	BEGIN; INSERT INTO u VALUES (10, 'somebody'); INSERT INTO t VALUES (10, 'is it'); COMMIT;
});

# --- large values ---

same_changes($node, 'large values', 89, qq{$t
	CREATE TABLE external (k int, a text STORAGE EXTERNAL, b text STORAGE EXTENDED, c text STORAGE MAIN, d text STORAGE PLAIN);
} =~ s/ STORAGE \w+//gr . q{
	ALTER TABLE external ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTENDED, ALTER c SET STORAGE MAIN,
		ALTER d SET STORAGE PLAIN;
	INSERT INTO t VALUES (1, noise(1, 30));
	INSERT INTO t VALUES (2, repeat('compressed in line ', 150));
	INSERT INTO t VALUES (3, repeat('compressed, out of line ', 50000));
	INSERT INTO t VALUES (4, noise(2, 10), noise(3, 11), noise(4, 12)), (5, 'small', noise(5, 20), 'small'),
		(6, 'small', 'small', 'small'), (7, NULL, NULL, noise(6, 5));
	INSERT INTO t SELECT g, noise(g, 1), noise(g + 1, 1), repeat('c', g) FROM generate_series(11, 30) g;
	INSERT INTO t SELECT g, noise(g, 4 + g % 3), NULL, noise(g + 1, 4) FROM generate_series(31, 50) g;
	INSERT INTO external VALUES (1, repeat('a', 5000), repeat('b', 50000), noise(7, 3), repeat('d', 1000)),
		(2, noise(8, 5), noise(9, 5), repeat('c', 20000), repeat('d', 4000)), (3, 'a', 'b', 'c', 'd');
	INSERT INTO external SELECT k + 10, a, b, c FROM t WHERE k < 20 ORDER BY k;
	INSERT INTO t SELECT k + 1000, b, a, c FROM external ORDER BY k;
	SELECT string_agg(format('%s %s %s', k, length(a), length(c)), ', ' ORDER BY k) FROM t WHERE k > 1000;
	CREATE TABLE squeezed (k int, a text COMPRESSION pglz);
	INSERT INTO squeezed SELECT k, a FROM t WHERE k < 5 ORDER BY k;
});

same_changes($node, 'large values by COPY', 80, qq{$t
	COPY t FROM STDIN;
} . join('', map { "$_\t" . "a$_ " x 3000 . "\tb\t" . ($_ % 3 ? '\N' : "c$_ " x 4000) . "\n" } 1 .. 40) . qq{\\.
	COPY t TO '$folder/large' (FORMAT binary);
	BEGIN;
	SAVEPOINT a;
	TRUNCATE t;
	COPY t FROM '$folder/large' (FORMAT binary);
	ROLLBACK TO a;
	CREATE TABLE u (LIKE t);
	COPY u FROM '$folder/large' (FORMAT binary, FREEZE);
	COMMIT;
});

# --- transactions ---

same_changes($node, 'savepoints', 19, qq{$t
	BEGIN;
	INSERT INTO t VALUES (1);
	SAVEPOINT a; INSERT INTO t VALUES (2); RELEASE a;
	SAVEPOINT a; INSERT INTO t VALUES (3); ROLLBACK TO a; INSERT INTO t VALUES (4);
	SAVEPOINT b; INSERT INTO t VALUES (5, noise(5, 10));
	SAVEPOINT c; INSERT INTO t VALUES (6, noise(6, 10)); ROLLBACK TO c; INSERT INTO t VALUES (6, noise(7, 10));
	RELEASE b;
	SAVEPOINT d; SAVEPOINT e; INSERT INTO t VALUES (7); RELEASE e; ROLLBACK TO d;
	SAVEPOINT f; INSERT INTO t VALUES (6);
	ROLLBACK TO f;
	INSERT INTO t VALUES (8);
	COMMIT;
	BEGIN; SAVEPOINT a; INSERT INTO t VALUES (9); SAVEPOINT b; INSERT INTO t VALUES (10); COMMIT;
	BEGIN; SAVEPOINT a; INSERT INTO t VALUES (11); ROLLBACK;
	BEGIN; INSERT INTO t VALUES (11); SAVEPOINT a; ROLLBACK TO a; COMMIT;
	BEGIN; INSERT INTO t SELECT 12; INSERT INTO t VALUES (12); COMMIT;
	DO \$\$ BEGIN
		FOR i IN 21 .. 30 LOOP
			BEGIN
				INSERT INTO t VALUES (i, noise(i, 3 + i % 2));
				IF i % 3 = 0 THEN RAISE EXCEPTION 'no %', i; END IF;
				INSERT INTO t VALUES (i - i % 2);
			EXCEPTION WHEN unique_violation THEN NULL; WHEN raise_exception THEN INSERT INTO t VALUES (i + 100);
			END;
		END LOOP;
	END \$\$;
	SELECT k, length(a) FROM t ORDER BY k;
});

same_changes($node, 'many savepoints with large values', 300, q{
	CREATE TABLE t (k int, a text);
	BEGIN;
	SELECT format('SAVEPOINT s%s; INSERT INTO t VALUES (%s, noise(%s, %s)); %s',
		g, g, g, 1 + g % 7, CASE WHEN g % 4 = 0 THEN 'ROLLBACK TO s' || g WHEN g % 4 = 1 THEN 'RELEASE s' || g ELSE '' END)
	FROM generate_series(1, 400) g \gexec
	COMMIT;
	SELECT count(*) FROM t;
});

same_changes($node, 'two phases', 6, qq{$t
	BEGIN; INSERT INTO t (k, a) VALUES (1, 'a'), (2, noise(2, 9)); PREPARE TRANSACTION 'one';
	BEGIN; SAVEPOINT a; INSERT INTO t VALUES (3); ROLLBACK TO a; INSERT INTO t VALUES (4); PREPARE TRANSACTION 'two';
	INSERT INTO t VALUES (5);
	BEGIN; INSERT INTO t VALUES (6); PREPARE TRANSACTION 'three';
	ROLLBACK PREPARED 'three';
	COMMIT PREPARED 'two';
	COMMIT PREPARED 'one';
	BEGIN; TRUNCATE t; INSERT INTO t VALUES (7); PREPARE TRANSACTION 'four';
	COMMIT PREPARED 'four';
	BEGIN; CREATE TABLE u (k int); INSERT INTO u VALUES (8); PREPARE TRANSACTION 'five';
	ROLLBACK PREPARED 'five';
});

same_changes($node, 'messages between rows', 4, q{
	CREATE TABLE t (k int);
	BEGIN; INSERT INTO t VALUES (1); SELECT count(pg_logical_emit_message(true, 'here', 'a')); INSERT INTO t VALUES (2);
	SAVEPOINT s; SELECT count(pg_logical_emit_message(true, 'here', 'gone')); INSERT INTO t VALUES (3); ROLLBACK TO s;
	SELECT count(pg_logical_emit_message(false, 'here', 'stays'));
	INSERT INTO t VALUES (4), (5); COMMIT;
});

# --- ON CONFLICT ---

same_changes($node, 'ON CONFLICT DO NOTHING', 24, qq{$t
	CREATE UNIQUE INDEX ON t (a);
	INSERT INTO t VALUES (1, 'one') ON CONFLICT DO NOTHING;
	INSERT INTO t VALUES (1, 'two'), (2, 'one'), (3, 'three'), (3, 'four') ON CONFLICT DO NOTHING RETURNING k;
	INSERT INTO t VALUES (4, 'four', noise(4, 20), noise(5, 30)) ON CONFLICT (k) DO NOTHING;
	INSERT INTO t SELECT g, g::text, noise(g, 5) FROM generate_series(1, 20) g ON CONFLICT (k) DO NOTHING;
	INSERT INTO t VALUES (50, 'one', noise(4, 20)) ON CONFLICT (k) DO NOTHING;
	INSERT INTO t VALUES (51, 'fifty-one', noise(5, 20)) ON CONFLICT (k) DO NOTHING;
	BEGIN;
	SAVEPOINT a; INSERT INTO t VALUES (60, 'sixty', noise(6, 20)) ON CONFLICT DO NOTHING; ROLLBACK TO a;
	SAVEPOINT b; INSERT INTO t VALUES (61, 'one', noise(6, 20)) ON CONFLICT (k) DO NOTHING; ROLLBACK TO b;
	SAVEPOINT c; INSERT INTO t VALUES (62, 'sixty-two', noise(6, 20)) ON CONFLICT DO NOTHING; RELEASE c;
	INSERT INTO t VALUES (63, 'sixty-three'), (62, 'again') ON CONFLICT DO NOTHING;
	COMMIT;
	BEGIN; INSERT INTO t VALUES (70) ON CONFLICT DO NOTHING; ROLLBACK;
	BEGIN; INSERT INTO t VALUES (71, noise(7, 1)) ON CONFLICT DO NOTHING; PREPARE TRANSACTION 'spec'; COMMIT PREPARED 'spec';
	SELECT count(*) FROM t;
});

# A speculative row is withdrawn because somebody else is quicker, who then
# commits, or does not, so that it is inserted again.  The function waits at its
# second call of those that are counted, when the row is there and not yet
# indexed.
sub withdraw
{
	my ($server, $side, $end, $in_savepoint) = @_;

	$server->safe_psql('postgres', on_side($side) . qq{
		CREATE SEQUENCE calls;
		CREATE FUNCTION slow_key(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS \$\$
		BEGIN
			IF coalesce(current_setting('test.slow', true), '') = 'on' AND nextval('$side.calls') = 2 THEN
				PERFORM pg_advisory_xact_lock(7);
			END IF;
			RETURN \$1;
		END \$\$;
		$t
		CREATE UNIQUE INDEX t_slow ON t (slow_key(k));
		ALTER TABLE t DROP CONSTRAINT t_pkey;
		INSERT INTO t VALUES (1, noise(1, 9))});
	my $winner = $server->background_psql('postgres');
	my $loser = $server->background_psql('postgres');

	$_->query_safe(on_side($side)) for ($winner, $loser);
	$winner->query_safe('SELECT pg_advisory_lock(7)');
	$loser->query_safe("BEGIN; INSERT INTO t VALUES (0, 'first') ON CONFLICT DO NOTHING;
		SET test.slow = on; SELECT setval('calls', 1, false);" . ($in_savepoint ? 'SAVEPOINT a;' : ''));
	$loser->query_until(qr/started/,
		"\\echo started\nINSERT INTO t VALUES (10, noise(2, 9), 'loser', noise(3, 3)), (11, noise(4, 9), 'loser', NULL)"
		  . " ON CONFLICT (slow_key(k)) DO NOTHING;\n");
	$server->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
	  or die 'the speculative insert did not wait';
	$winner->query_safe(q{BEGIN; INSERT INTO t VALUES (10, noise(5, 9), 'winner'); SELECT pg_advisory_unlock(7)});
	$server->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted})
	  or die 'it did not wait for the winner';
	$winner->query_safe($end);
	$loser->query_safe(($in_savepoint ? 'RELEASE a;' : '') . "INSERT INTO t VALUES (20, 'last'); COMMIT");
	$winner->quit;
	$loser->quit;
	return;
}
same_changes($node, 'a speculative row withdrawn', 5, sub { withdraw(@_, 'COMMIT', 0) });
same_changes($node, 'a speculative row withdrawn and inserted again', 5, sub { withdraw(@_, 'ROLLBACK', 0) });
same_changes($node, 'a speculative row withdrawn in a savepoint', 5, sub { withdraw(@_, 'COMMIT', 1) });

# --- TRUNCATE ---

same_changes($node, 'TRUNCATE', 17, q{
	CREATE TABLE t (k int PRIMARY KEY, a text, s serial);
	CREATE TABLE u (k int REFERENCES t);
	CREATE TABLE v (k int);
	INSERT INTO t VALUES (1, noise(1, 9));
	INSERT INTO u VALUES (1);
	TRUNCATE t;
	TRUNCATE t CASCADE;
	INSERT INTO t VALUES (1, NULL), (2, noise(2, 9));
	BEGIN;
	INSERT INTO t VALUES (3, noise(3, 9));
	INSERT INTO v VALUES (3);
	TRUNCATE t, u, v RESTART IDENTITY;
	INSERT INTO t VALUES (4, noise(4, 9));
	SAVEPOINT a;
	TRUNCATE v;
	INSERT INTO v VALUES (4);
	ROLLBACK TO a;
	INSERT INTO v VALUES (5);
	SAVEPOINT b;
	TRUNCATE v;
	TRUNCATE v;
	INSERT INTO v VALUES (6);
	RELEASE b;
	COMMIT;
	BEGIN; TRUNCATE v; ROLLBACK;
	BEGIN; CREATE TABLE w (k int); INSERT INTO w VALUES (1); TRUNCATE w; INSERT INTO w VALUES (2); COMMIT;
	TRUNCATE w;
	SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM u), (SELECT count(*) FROM v);
});

# --- tables that are more than one, or less ---

same_changes($node, 'partitions', 21, q{
	CREATE TABLE p (k int PRIMARY KEY, a text) PARTITION BY RANGE (k);
	CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
	CREATE TABLE p2 (a text, k int NOT NULL);
	ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
	CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (20) TO (30) USING heap;
	CREATE TABLE p4 PARTITION OF p FOR VALUES FROM (30) TO (40) PARTITION BY LIST (k);
	CREATE TABLE p5 PARTITION OF p4 DEFAULT;
	INSERT INTO p SELECT g, 'row ' || g FROM generate_series(1, 35, 3) g;
	INSERT INTO p2 VALUES ('itself', 11), (noise(1, 9), 12);
	COPY p FROM STDIN;
2	copied
15	copied
24	copied
\.
	INSERT INTO p VALUES (2, 'again'), (27, 'new') ON CONFLICT DO NOTHING;
	UPDATE p SET k = 5 WHERE k = 22;
	ALTER TABLE p DETACH PARTITION p2;
	INSERT INTO p2 VALUES ('alone', 100);
});

same_changes($node, 'parents, temporary and unlogged tables', 6, q{
	CREATE TABLE mother (k int, a text);
	CREATE TABLE child (b text) INHERITS (mother);
	INSERT INTO mother VALUES (1); INSERT INTO child VALUES (2, 'a', 'b');
	CREATE TEMPORARY TABLE passing (k int, a text);
	CREATE UNLOGGED TABLE careless (k int, a text);
	INSERT INTO passing VALUES (1, noise(1, 9)); INSERT INTO careless VALUES (1, noise(1, 9));
	COPY passing FROM STDIN;
2	b
\.
	COPY careless FROM STDIN;
2	b
\.
	TRUNCATE passing, careless;
	BEGIN; INSERT INTO careless VALUES (3, 'c'); INSERT INTO child VALUES (3); INSERT INTO passing VALUES (3); COMMIT;
	ALTER TABLE careless SET LOGGED; INSERT INTO careless VALUES (4, noise(4, 9)), (5, 'e');
	ALTER TABLE careless SET UNLOGGED; INSERT INTO careless VALUES (6, noise(6, 9));
	ALTER TABLE careless SET LOGGED; INSERT INTO careless VALUES (7);
});

# Both sides are given the values that the storage would supply.
same_changes($node, 'given positions and ids, gaps', 13, q{
	CREATE TABLE t (position bigint NOT NULL, entity_id text, event_id uuid, a text);
	INSERT INTO t VALUES (1, 'e', md5('1')::uuid, 'one'), (2, 'e', md5('2')::uuid, noise(2, 9));
	INSERT INTO t VALUES (10, 'e', NULL, 'a short gap');
	INSERT INTO t VALUES (1000, 'e', md5('1000')::uuid, 'a long gap'), (1001, 'f', md5('1001')::uuid, noise(3, 9));
	INSERT INTO t VALUES (1500, 'f', md5('1500')::uuid, noise(3, 20)) ON CONFLICT DO NOTHING;
	BEGIN; INSERT INTO t VALUES (1501, 'g'), (1502, 'g'); ROLLBACK;
	BEGIN; INSERT INTO t VALUES (1510, 'g'); SAVEPOINT a; INSERT INTO t VALUES (1511, 'g'); ROLLBACK TO a;
	INSERT INTO t VALUES (1600, 'h'); COMMIT;
	COPY t FROM STDIN;
1700	i	\N	copied
1701	i	00000000-0000-0000-0000-000000000001	copied
1800	i	\N	copied
1900	i	\N	copied
99999999999	i	\N	far
\.
});

# Where the storage supplies values, the decoded row has those that are stored:
# also a row that was withdrawn, and one that had to be inserted again.
$node->safe_psql('postgres', q{
	SELECT pg_logical_emit_message(false, 'case', '0 neither');
	CREATE TABLE nothing ();
	SELECT count(*) FROM pg_logical_slot_get_changes('now', NULL, NULL);
	SELECT eventstore.create_store('orders');
	INSERT INTO orders (entity_id, event_type, payload) SELECT 'o', 'plain', to_json(noise(g, g)) FROM generate_series(1, 12) g;
	SELECT count(*) FROM eventstore.ingest('orders', (SELECT string_agg(format('{"entity_id": "o", "event_type": "ingested", "payload": %s}',
		to_json(noise(g, g))), chr(10)) FROM generate_series(1, 12) g));
	CREATE UNIQUE INDEX orders_type ON orders (event_type) WHERE entity_id = 'unique';
	INSERT INTO orders (entity_id, event_type, payload) SELECT 'unique', g % 3, to_json(noise(g, 9)) FROM generate_series(1, 6) g ON CONFLICT DO NOTHING;
	BEGIN; INSERT INTO orders (entity_id, event_type) VALUES ('o', 'undone'); ROLLBACK;
	COPY orders (entity_id, event_type) FROM STDIN;
o	copied
o	copied too
\.
	BEGIN; SAVEPOINT a; INSERT INTO orders (entity_id, event_type) VALUES ('o', 'undone'); ROLLBACK TO a;
	INSERT INTO orders (entity_id, event_type) VALUES ('o', 'done'); COMMIT;
	INSERT INTO orders (position, entity_id, event_type, event_id) VALUES (100, 'o', 'given', md5('given')::uuid)});
my @decoded = changes_of($node, 'now') =~
	/^table public.orders: INSERT: "position"\[bigint\]:(\d+) .*event_id\[uuid\]:'([^']+)' .*event_type\[text\]:'([^']+)'/mg;
is( join('|', @decoded),
	$node->safe_psql('postgres', q{
		SELECT string_agg(format('%s|%s|%s', position, event_id, event_type), '|' ORDER BY position) FROM orders}),
	'the values that the storage supplied');
is(scalar @decoded, 3 * 31, 'of every row');

# --- origins ---

$node->safe_psql('postgres', q{SELECT pg_replication_origin_create('elsewhere')});
my $from_elsewhere = qq{$t
	CREATE UNIQUE INDEX t_a ON t (a);
	INSERT INTO t VALUES (1, 'here');
	SELECT pg_replication_origin_session_setup('elsewhere');
	INSERT INTO t VALUES (2, 'elsewhere', noise(2, 9)), (3, 'elsewhere too', NULL);
	COPY t (k) FROM STDIN;
4
5
\\.
	INSERT INTO t VALUES (5, NULL), (6, noise(6, 1)) ON CONFLICT DO NOTHING;
	BEGIN; INSERT INTO t VALUES (7, 'of another transaction', noise(7, 9)); SAVEPOINT a; INSERT INTO t VALUES (8);
	SELECT pg_replication_origin_xact_setup('0/AABBCC', '2020-01-01 00:00+00'); COMMIT;
	TRUNCATE t;
	SELECT pg_replication_origin_session_reset();
	INSERT INTO t VALUES (9, 'here again', noise(9, 9)) ON CONFLICT DO NOTHING;
	BEGIN; INSERT INTO t VALUES (10, 'of both, here');
	SELECT pg_replication_origin_session_setup('elsewhere');
	INSERT INTO t VALUES (11, 'of both, elsewhere', noise(11, 9)), (12, NULL, NULL);
	SELECT pg_replication_origin_session_reset();
	INSERT INTO t VALUES (13); COMMIT;
};
same_changes($node, 'rows of another origin', 14, $from_elsewhere);
same_changes($node, 'rows of another origin, only local ones wanted', 4,
	$from_elsewhere, q{'only-local', '1'});

# --- at the end ---

my %late = changes_by_side($node, 'late', q{SET logical_decoding_work_mem = '64kB';});
is_same_text($late{event_side}, $late{heap_side}, 'read late, spilled and in two phases: the same');
cmp_ok(row_changes($late{event_side}), '>=', 500, 'they are many');
cmp_ok(scalar(() = $late{event_side} =~ /^PREPARE TRANSACTION/mg), '>', 2, 'and some prepared');
is($node->safe_psql('postgres', q{SELECT spill_txns > 10 FROM pg_stat_replication_slots WHERE slot_name = 'late'}),
	't', 'and spilled');
drop_slots($node);

$node->stop;
done_testing();
