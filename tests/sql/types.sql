--
-- Every type, in rows of all shapes.
--
CREATE DOMAIN natural_number AS int CHECK (VALUE > 0);
CREATE DOMAIN short_name AS text NOT NULL CHECK (length(VALUE) < 10);
CREATE DOMAIN some_numbers AS int[] CHECK (cardinality(VALUE) < 5);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE nested AS (p pair, ps pair[], m mood);
CREATE TYPE float_range AS RANGE (subtype = float8);

SELECT twin.open();
SELECT twin.run('CREATE TABLE t (
	n int, bo bool, ch "char", ch1 char, ch9 char(9), vc varchar, vc9 varchar(9), tx text, na name, by bytea,
	i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, nu numeric, nu9 numeric(9, 3), mo money, oi oid,
	da date, ti time, tz timetz, ts timestamp, tt timestamptz, t3 timestamptz(3), iv interval, uu uuid,
	js json, jb jsonb, jp jsonpath, tv tsvector, tq tsquery,
	bi bit(9), vb varbit, ine inet, cid cidr, mac macaddr, ma8 macaddr8, lsn pg_lsn, xi xid8, rc regclass, rt regtype,
	pt point, ln line, ls lseg, bx box, pa path, pg polygon, ci circle,
	ir int4range, nr numrange, tr tstzrange, dr daterange, im int4multirange, tm tstzmultirange, fr float_range,
	nn natural_number, so some_numbers, md mood, pr pair, ne nested,
	ai int[], ai2 int[][], at text[], ad date[], aj jsonb[], ap pair[], am mood[], an numeric[])');

-- Nothing, and what a literal of ordinary size is.
SELECT twin.run('INSERT INTO t (n) VALUES (1)');
SELECT twin.run($$INSERT INTO t VALUES (2,
	true, 'c', 'x', 'nine', 'varchar', 'varchar9', 'text', 'name', '\x00ff',
	-2, -4, -8, 0.5, 1.0 / 3, 12345.6789, 1.5, 12.5, 42,
	'2020-02-29', '12:34:56.789', '12:34:56+02', '2020-02-29 12:34:56.789', '2020-02-29 12:34:56.789+00', '2020-02-29 12:34:56.7899+00',
	'1 year 2 mons 3 days 04:05:06.7', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
	'{"b" : 1, "a": [1, 2.50, null]}', '{"b" : 1, "a": [1, 2.50, null]}', '$.a[*] ? (@ > 1)', 'a:1A b:2 ''c d''', 'a & (b | !c)',
	'101010101', '1', '192.168.0.1/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '16/B374D848', '12345678901', 'pg_class', 'int4',
	'(1,2)', '{1,2,3}', '[(0,0),(1,1)]', '(1,1),(0,0)', '((0,0),(1,1),(2,0))', '((0,0),(1,1),(2,0))', '<(0,0),1>',
	'[1,10)', '(,5.5]', '[2020-01-01,infinity]', 'empty', '{[1,3),[5,7)}', '{}', '[0.5,1.5]',
	5, '{1,2}', 'ok', '(1,"a,b")', '("(1,x)","{""(2,y)"",NULL}",sad)',
	'{1,NULL,3}', '{{1,2},{3,4}}', '{a,"b c",NULL,""}', '[0:1]={2020-01-01,infinity}', ARRAY['{"x": 1}', 'null']::jsonb[], ARRAY[(1, 'a'), NULL]::pair[], '{sad,happy}', '{1.50,NaN}')$$);
-- The ends of what they hold.
SELECT twin.run($$INSERT INTO t (n, i2, i4, i8, f4, f8, nu, mo, da, ts, tt, iv, oi, xi, tx, vc, by, na, ch9, js, at, ai, ir, bi, vb, uu, ti) VALUES
	(3, -32768, -2147483648, -9223372036854775808, '-infinity', '-infinity', 'NaN', '-92233720368547758.08', '-infinity', '-infinity', '-infinity',
	 '-178000000 years', 0, '0', '', '', '', '', '', '""', '{}', '{}', '(,)', '000000000', '', '00000000-0000-0000-0000-000000000000', '00:00'),
	(4, 32767, 2147483647, 9223372036854775807, 'infinity', 'NaN', 'Infinity', '92233720368547758.07', 'infinity', 'infinity', 'infinity',
	 '178000000 years', 4294967295, '18446744073709551615', repeat('€', 3000), repeat('x', 10000), decode(repeat('ff', 5000), 'hex'),
	 repeat('n', 63), repeat('c', 9), to_json(repeat('j', 5000)), array_fill('x'::text, '{5000}'), array_fill(NULL::int, '{5000}'), 'empty', '111111111',
	 repeat('10', 5000)::varbit, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '24:00'),
	(5, 0, 0, 0, '-0', '-0', ('1' || repeat('0', 200) || '.' || repeat('0', 99) || '1')::numeric, 0, '4713-01-01 BC', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999+00',
	 '-0.000001 s', 2147483648, '1', E'\t\n\\', ' ', '\x5c', ' ', ' ', ' [ ] ', '{NULL}', '{NULL}', '[,5)', '100000000', '0', NULL, '23:59:59.999999')$$);
SELECT twin.run('SELECT count(*) FROM t');
SELECT twin.differs('SELECT * FROM t');
-- Each column by itself, so that a wrong offset shows where.
SELECT attname FROM pg_attribute
WHERE attrelid = 'on_events.t'::regclass AND attnum > 0 AND
	twin.diff(format('SELECT n, %I FROM on_heap.t', attname), format('SELECT n, %I FROM on_events.t', attname)) <> 0;
SELECT twin.run('SELECT n, octet_length(tx), length(vc), length(by), cardinality(at), cardinality(ai), length(vb), ch9 || ''|'' FROM t WHERE n > 2');
-- What a column returns can be computed with.
SELECT twin.run('SELECT js->''a''->>1, jb @> ''{"b": 1}'', jb @? jp, tv @@ tq, ine << cid, pt <@ bx, ir * ''[5,20)'', tr @> now(), ((ne).ps)[1], (pr).b, ai[3], ai2[2][1], ad[0], md > ''sad'', nu9 + 1, mo * 2 FROM t WHERE n = 2');
-- The same from compiled code, where the server can compile.
SET jit = on;
SET jit_above_cost = 0;
SET jit_inline_above_cost = 0;
SET jit_optimize_above_cost = 0;
SELECT twin.differs('SELECT * FROM t');
SELECT twin.run('SELECT n, i2 + 1 > 0, i8, md, ni FROM (SELECT *, n * i4 AS ni FROM t) t WHERE n < 3 AND vc9 = ''varchar9''');
RESET jit;
-- The checks of domains, enums and lengths.
SELECT twin.run('INSERT INTO t (nn) VALUES (0)');
SELECT twin.run('INSERT INTO t (so) VALUES (''{1,2,3,4,5}'')');
SELECT twin.run('INSERT INTO t (md) VALUES (''angry'')');
SELECT twin.run('INSERT INTO t (vc9) VALUES (''more than nine'')');
SELECT twin.run('INSERT INTO t (nu9) VALUES (1234567)');
SELECT twin.run('INSERT INTO t (js) VALUES (''{"a": }'')');
SELECT twin.run('CREATE TABLE d (s short_name)');
SELECT twin.run('INSERT INTO d DEFAULT VALUES');
SELECT twin.run('INSERT INTO d VALUES (''long enough'')');
SELECT twin.run('INSERT INTO d VALUES (''ok'') RETURNING s');

-- NULLs at every place.
SELECT twin.run('CREATE TABLE nulls (a int, b text, c int8, d bool, e text, f int2, g numeric, h "char", i timestamptz)');
SELECT twin.run($$INSERT INTO nulls SELECT
	CASE WHEN g & 1 > 0 THEN g END, CASE WHEN g & 2 > 0 THEN repeat('b', g % 11) END, CASE WHEN g & 4 > 0 THEN g::int8 << 33 END,
	CASE WHEN g & 8 > 0 THEN g % 3 = 0 END, CASE WHEN g & 16 > 0 THEN repeat('e', g % 7) END, CASE WHEN g & 32 > 0 THEN g::int2 END,
	CASE WHEN g & 64 > 0 THEN g / 7.0 END, CASE WHEN g & 128 > 0 THEN 'h'::"char" END, CASE WHEN g & 256 > 0 THEN to_timestamp(g) END
	FROM generate_series(0, 511) g$$);
SELECT twin.run('SELECT count(*), count(a), count(b), count(c), count(d), count(e), count(f), count(g), count(h), count(i) FROM nulls');
SELECT twin.differs('SELECT * FROM nulls');
SELECT twin.differs('SELECT i, g, e, c, a FROM nulls WHERE h IS NOT NULL');
SET jit = on;
SELECT twin.differs('SELECT i, g, e, c, a FROM nulls WHERE h IS NOT NULL');
SELECT twin.run('SELECT count(*), sum(a), sum(c), count(g), min(e) FROM nulls WHERE a % 3 = 1 OR f > 100');
RESET jit;

-- No columns.
SELECT twin.run('CREATE TABLE none ()');
SELECT twin.run('INSERT INTO none DEFAULT VALUES');
SELECT twin.run('INSERT INTO none SELECT FROM generate_series(1, 1000)');
SELECT twin.run('SELECT count(*) FROM none');
SELECT twin.run('ALTER TABLE none ADD COLUMN a int DEFAULT 5');
SELECT twin.run('INSERT INTO none VALUES (6)');
SELECT twin.run('SELECT a, count(*) FROM none GROUP BY a ORDER BY a');
SELECT twin.run('ALTER TABLE none DROP COLUMN a');
SELECT twin.run('INSERT INTO none DEFAULT VALUES');
SELECT twin.run('SELECT count(*) FROM none');

-- As many columns as there can be.
SELECT twin.run((SELECT format('CREATE TABLE wide (%s)', string_agg(format('c%s int', g), ', ')) FROM generate_series(1, 1600) g));
SELECT twin.run((SELECT format('INSERT INTO wide SELECT %s FROM generate_series(1, 50) r', string_agg(format('CASE WHEN r %% %s > 0 THEN r * %s END', g % 7 + 1, g), ', ')) FROM generate_series(1, 1600) g));
SELECT twin.run('INSERT INTO wide (c1600) VALUES (1)');
SELECT twin.run('INSERT INTO wide (c1, c8, c9) VALUES (1, 8, 9)');
SELECT twin.diff('TABLE on_heap.wide', 'TABLE on_events.wide');
SELECT twin.run('SELECT count(c1), sum(c9), sum(c800), sum(c1599), sum(c1600) FROM wide');
SELECT twin.run((SELECT format('CREATE TABLE wider (%s)', string_agg(format('c%s int', g), ', ')) FROM generate_series(1, 1601) g));
-- So many that the row is too big; the sizes differ, the code does not.
SELECT twin.run((SELECT format('CREATE TABLE big (%s)', string_agg(format('c%s int8', g), ', ')) FROM generate_series(1, 1600) g));
\set VERBOSITY sqlstate
SELECT format('INSERT INTO on_events.big VALUES (%s)', string_agg(g::text, ', ')) AS insert_big FROM generate_series(1, 1600) g \gset
:insert_big ;
\set VERBOSITY default
SELECT twin.run('SELECT count(*) FROM big');

SELECT * FROM twin.verify('on_events');
SELECT twin.close();
DROP TYPE nested, pair, mood, float_range;
DROP DOMAIN natural_number, short_name, some_numbers;
