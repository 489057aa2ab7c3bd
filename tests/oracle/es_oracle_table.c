/*-------------------------------------------------------------------------
 *
 * es_oracle_table.c
 *	  Tables as the generator knows them: names and what may be done with them.
 *	  Columns are asked of the server, as the session sees them at that moment,
 *	  so that definitions may change and be rolled back.
 *
 * Every table has a column n, given by the generator: the number of the row
 * among all rows of the round, in the order of writing; never used twice.  All
 * values of a row follow from n and a constant of the statement.  k is a column to
 * collide in.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_table.c
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "es_oracle.h"

#define ORDERED		(METHOD_BTREE | METHOD_HASH | METHOD_BRIN)

#define WORD		"substr(md5(($i + $c)::text), 1, (($i + $c) % 33)::integer)"
#define NOISE		"left((SELECT string_agg(md5($i::text || j), '') " \
					"FROM generate_series(0, $s / 32) j), $s)"

static const Type types[] =
{
	{"smallint", "(($i * 31 + $c) % 100)::smallint", "$x < 10", ORDERED},
	{"integer", "(($i * 7919 + $c) % 1000)::integer", "$x = $v", ORDERED},
	{"bigint", "$i * 1000003 + $c", "$x = $v", ORDERED},
	{"numeric", "(($i * 10007 + $c) % 100000 / 100.0)::numeric", "$x > $v",
	ORDERED},
	{"numeric(30,10)", "($i * 1234567890.12345)::numeric(30,10)", "$x <= $v",
	ORDERED},
	{"double precision", "(($i + $c) % 4096 / 4.0)::double precision",
	"$x BETWEEN 3 AND 70.5", ORDERED},
	{"real", "(($i + $c) % 512 / 4.0)::real", "$x = $v", ORDERED},
	{"boolean", "(($i + $c) % 3 = 0)", "$x", METHOD_BTREE | METHOD_HASH},
	{"text", WORD " || repeat(md5($i::text), $s / 32)", "$x = $v",
	METHOD_HASH | METHOD_SPGIST | METHOD_BTREE},
	{"text", WORD " || " NOISE, "$x = $v", METHOD_HASH},
	{"character varying(40)", WORD, "$x >= $v", ORDERED | METHOD_SPGIST},
	{"character(8)", "substr(md5($i::text), 1, 8)::character(8)", "$x = $v",
	ORDERED},
	{"bytea", "decode(repeat(md5($i::text), 1 + $s / 32), 'hex')", "$x = $v",
	METHOD_HASH},
	{"bytea", "decode(md5($i::text) || repeat(" NOISE ", 2), 'hex')", "$x = $v", METHOD_HASH},
	{"uuid", "md5(($i + $c)::text)::uuid", "$x = $v", ORDERED},
	{"date", "date '2020-01-01' + (($i + $c) % 1000)::integer", "$x = $v",
	ORDERED},
	{"timestamp with time zone",
		"timestamptz '2024-01-01' + $i * interval '1 second'", "$x < $v",
	ORDERED},
	{"interval", "($i % 1000) * interval '1 minute'", "$x = $v", ORDERED},
	{"json", "json_build_object('n', $i, 'c', $c, 's', repeat('y', $s))",
	"$x ->> 'c' = '1'", 0},
	{"jsonb", "jsonb_build_object('n', $i % 50, 'c', $c, 's', repeat('y', $s))",
	"$x @> '{\"n\": 7}'", METHOD_GIN | METHOD_BTREE},
	{"integer[]", "ARRAY[($i % 10)::integer, $c, ($i % 7)::integer]",
	"$x @> ARRAY[3]", METHOD_GIN | METHOD_BTREE},
	{"inet", "('10.' || $i % 256 || '.' || $c || '.1')::inet",
	"$x << inet '10.7.0.0/16'", METHOD_BTREE | METHOD_SPGIST},
	{"point", "point($i % 100, $c)", "$x <@ box '(0,0),(20,2)'",
	METHOD_GIST | METHOD_SPGIST},
	{"int4range", "int4range(($i % 1000)::integer, ($i % 1000 + 5)::integer)",
	"$x && int4range(10, 40)", METHOD_GIST | METHOD_SPGIST | METHOD_BTREE},
	{"tsvector", "to_tsvector('simple', 'w' || $i % 20 || ' w' || $c)",
	"$x @@ to_tsquery('simple', 'w7')", METHOD_GIN | METHOD_GIST},
	{"name", "('name' || $i % 50)::name", "$x = $v", ORDERED},
	{"\"char\"", "chr((65 + $i % 26)::integer)::\"char\"", "$x = 'C'",
	METHOD_BTREE | METHOD_HASH},
	{"bit varying", "($i % 256)::integer::bit(8)::varbit", "$x = $v",
	METHOD_BTREE},
	{"bit(5)", "($i % 32)::integer::bit(5)", "$x = $v", METHOD_BTREE},
	{"timestamp without time zone",
		"timestamp '2024-01-01' + $i * interval '1 minute'", "$x < $v",
	ORDERED},
	{"timestamp(0) with time zone",
		"timestamptz '2024-01-01' + $i * interval '0.7 second'", "$x < $v",
	ORDERED},
	{"time without time zone", "time '00:00' + $i * interval '1 minute'",
	"$x = $v", ORDERED},
	{"time with time zone",
		"timetz '00:00+01' + $i * interval '1 minute'", "$x = $v", ORDERED},
	{"money", "(($i + $c) % 1000)::integer::money", "$x = $v", METHOD_BTREE},
	{"oid", "($i % 100000)::oid", "$x = $v", ORDERED},
	{"cidr", "('10.' || $i % 256 || '.' || $c || '.0/24')::cidr",
	"$x << inet '10.7.0.0/16'", METHOD_BTREE | METHOD_SPGIST},
	{"macaddr", "('08:00:2b:01:02:' || lpad(to_hex($i % 256), 2, '0'))::macaddr",
	"$x = $v", ORDERED},
	{"macaddr8",
		"('08:00:2b:01:02:03:04:' || lpad(to_hex($i % 256), 2, '0'))::macaddr8",
	"$x = $v", ORDERED},
	{"box", "box(point($i % 100, $c), point($i % 90, 5))",
	"$x && box '(0,0),(20,2)'", METHOD_GIST | METHOD_SPGIST},
	{"circle", "circle(point($i % 100, $c), 1 + $i % 5)",
	"$x && circle '<(10,0),5>'", METHOD_GIST},
	{"lseg", "lseg(point($i % 100, $c), point(1, $i % 9))", NULL, 0},
	{"line", "line(point($i % 100, 0), point(1 + $i % 100, 1))", NULL, 0},
	{"path", "('[' || repeat('(1,2),', $s / 16) || '(0,' || $i % 50 || ')]')::path",
	NULL, 0},
	{"polygon", "polygon(box(point($i % 100, $c), point($i % 90, 5)))",
	"$x && polygon '((0,0),(20,0),(20,2))'", METHOD_GIST | METHOD_SPGIST},
	{"text[]", "ARRAY[" WORD ", NULL, repeat(md5($i::text), $s / 32)]", "$x @> ARRAY['a']", METHOD_GIN},
	{"numeric[]", "ARRAY[[$i / 3.0, $c], [1, $i]]", NULL, METHOD_BTREE},
	{"numrange", "numrange($i % 50, $i % 50 + 0.5)", "$x && numrange(3, 7)",
	METHOD_GIST | METHOD_SPGIST | METHOD_BTREE},
	{"tstzrange", "tstzrange(timestamptz '2024-01-01' + $i * interval '1 hour', "
		"NULL)", "$x @> timestamptz '2024-01-09'",
	METHOD_GIST | METHOD_SPGIST},
	{"daterange", "daterange('2024-01-01', date '2024-01-02' + "
		"($i % 300)::integer)", "$x @> date '2024-05-05'",
	METHOD_GIST | METHOD_SPGIST},
	{"int4multirange", "int4multirange(int4range(($i % 50)::integer, "
		"($i % 50 + 2)::integer), int4range(60, 70))", "$x @> 7", METHOD_GIST},
	{"tsquery", "to_tsquery('simple', 'w' || $i % 20 || ' & w' || $c)", NULL,
	METHOD_GIST},
	{"jsonpath", "($i % 10 || ' == 5')::jsonpath", NULL, 0},
	{"pg_lsn", "('0/' || to_hex($i))::pg_lsn", "$x < $v", ORDERED},
	{"regtype", "'bigint'::regtype", NULL, ORDERED},
	{"mood", "(ARRAY['sad', 'ok', 'happy'])[1 + ($i + $c) % 3]::mood",
	"$x = 'ok'", METHOD_BTREE | METHOD_HASH},
	{"positive", "(1 + $i % 100)::positive", "$x = $v", ORDERED},
	{"pair", "ROW(($i % 100)::integer, " WORD ")::pair", NULL, METHOD_BTREE},
};

#define NTYPES	((int) (sizeof(types) / sizeof(types[0])))

static const int sizes[] = {32, 500, 1900, 2100, 4000, 7000, 20000, 100000,
400000};

/*
 * Where something happens: values are moved out of rows above 2 kB on heap and
 * above 4 kB in event tables, into pieces of 1996 bytes, and a page takes a row
 * of 8160 and of 8128 bytes.
 */
static const int edges[] = {1996, 2032, 4040, 8128, 8160, 3992};

#define EDGE_WIDTH	120

/* A table that the session is about to create; NULL: enough of them. */
Table *
table_add(int session)
{
	Table	   *table;

	if (round_state.ntables == MAX_TABLES)
		return NULL;
	table = &round_state.tables[round_state.ntables++];
	memset(table, 0, sizeof(*table));
	table->creator = session;
	table->owner = -1;
	sprintf(table->name, "t%d", ++round_state.next_table);
	return table;
}

/* The bound of partition number i. */
const char *
partition_bound(const Table *table, int i)
{
	static const char *const bounds[][3] = {
		{"FROM (MINVALUE) TO (700)", "FROM (700) TO (5000)", NULL},
		{"WITH (MODULUS 3, REMAINDER 0)", "WITH (MODULUS 3, REMAINDER 1)",
		"WITH (MODULUS 3, REMAINDER 2)"},
		{"IN (1, 2, 3, 4, 5, 6, 7)", "IN (8, 9, 10, NULL)", NULL},
	};
	const char *bound = bounds[table->partitioning][i];

	return bound == NULL ? "DEFAULT" : text("FOR VALUES %s", bound);
}

/* Forget a table.  Pointers to others may change. */
void
table_drop(Table *table)
{
	*table = round_state.tables[--round_state.ntables];
}

/* Some table that the session may see; NULL: none. */
Table *
table_pick(int session)
{
	for (int i = 0; i < 10 && round_state.ntables > 0; i++)
	{
		Table	   *table =
		&round_state.tables[random_below(round_state.ntables)];

		if (table->owner < 0 || table->owner == session)
			return table;
	}
	return NULL;
}

/* By name; some have a variant with values that do not compress. */
static const Type *
type_find(const char *name, bool noise)
{
	const Type *found[NTYPES];
	int			n = 0;

	for (int i = 0; i < NTYPES; i++)
		if (strcmp(types[i].name, name) == 0 &&
			(noise || strstr(types[i].value, NOISE) == NULL))
			found[n++] = &types[i];
	return n > 0 ? found[random_below(n)] : NULL;
}

const Type *
type_pick(void)
{
	return &types[random_below(NTYPES)];
}

static void
parse_column(char *row, Column *column)
{
	char	   *name = strtok(row, "\t");
	char	   *type = strtok(NULL, "\t");
	char	   *required = strtok(NULL, "\t");
	char	   *computed = strtok(NULL, "\t");
	char	   *numbered = strtok(NULL, "\t");
	char	   *plain = strtok(NULL, "\t");

	strncpy(column->name, name, sizeof(column->name) - 1);
	column->type = type_find(type, true);
	column->required = required[0] == 't';
	column->computed = computed[0] == 't';
	column->numbered = numbered[0] == 't';
	column->plain = plain[0] == 't';
}

/*
 * The columns that both sides have, as the session sees them.  false: the
 * session does not see the table, or cannot look.  A table whose creator does
 * not see it, with no transaction open, is gone for good, and forgotten.
 */
bool
table_columns(int session, Table *table, Columns *columns)
{
	const Answer *answer;

	answer = ask(session, COMPARE_ORDER,
				 text("SELECT attname, format_type(atttypid, atttypmod), "
					  "attnotnull, attgenerated <> '' OR attidentity <> '', "
					  "attidentity <> '', attstorage = 'p' "
					  "FROM pg_attribute "
					  "WHERE attrelid = to_regclass('%s') AND attnum > 0 "
					  "AND NOT attisdropped AND attname <> 'position' "
					  "ORDER BY attnum", table->name));
	memset(columns, 0, sizeof(*columns));
	for (int i = 0; i < answer->nrows && i < MAX_COLUMNS; i++)
		parse_column(answer->rows[i], &columns->column[columns->n++]);
	if (columns->n == 0 && session == table->creator &&
		answer->status == PQTRANS_IDLE)
		table_drop(table);
	return columns->n > 0;
}

/* Some column but n and k; "own": none that has a meaning.  NULL: none found. */
const Column *
column_pick(const Columns *columns, bool own)
{
	for (int i = 0; i < 10; i++)
	{
		const Column *column = &columns->column[random_below(columns->n)];

		if (column->type == NULL || column->name[1] == '\0')
			continue;
		if (!own || column->name[0] == 'c')
			return column;
	}
	return NULL;
}

/*
 * $i row, $c constant, $s size, $x column, $v the value of row $i with the
 * constant 1.
 */
static void
expand(PQExpBuffer out, const char *template, const Type *type, const char *i,
	   int c, int s, const char *x)
{
	for (const char *p = template; *p != '\0'; p++)
	{
		if (*p != '$')
		{
			appendPQExpBufferChar(out, *p);
			continue;
		}
		switch (*++p)
		{
			case 'i':
				appendPQExpBufferStr(out, i);
				break;
			case 'c':
				appendPQExpBuffer(out, "%d", c);
				break;
			case 's':
				appendPQExpBuffer(out, "%d", s);
				break;
			case 'x':
				appendPQExpBufferStr(out, x);
				break;
			case 'v':
				expand(out, type->value, type, i, 1, 0, x);
				break;
		}
	}
}

/* An expression for a value of the type; valid as that of text() is. */
static const char *
type_value(const Type *type, const char *i, int c, int s)
{
	PQExpBufferData out;
	const char *result;

	initPQExpBuffer(&out);
	expand(&out, type->value, type, i, c, s, "");
	result = text("%s", out.data);
	termPQExpBuffer(&out);
	return result;
}

/* The same value for every row, and no subquery, as a default has to be. */
const char *
type_default(const Type *type)
{
	return type_value(type_find(type->name, false), "7::bigint", 1, 0);
}

/* A condition on a column of the type that some rows meet; as above. */
const char *
type_probe(const Type *type, const char *column, int64_t i)
{
	PQExpBufferData out;
	const char *result;

	initPQExpBuffer(&out);
	expand(&out, type->probe, type, text("%lld::bigint", (long long) i), 1, 0,
		   column);
	result = text("%s", out.data);
	termPQExpBuffer(&out);
	return result;
}

/* n of some row that may exist; recent ones are likelier. */
int64_t
some_n(void)
{
	int64_t		n = round_state.next_n;

	if (n < 2)
		return 1;
	if (chance(50) && n > 500)
		return n - 1 - random_below(500);
	return 1 + random_below(n - 1);
}

/* Choose columns for rows to be written, and what their values are like. */
void
values_choose(Values *values, const Columns *columns)
{
	static const int ks[] = {20, 1000, 1000003, 1000003, 1000003};

	memset(values, 0, sizeof(*values));
	initPQExpBuffer(&values->columns);
	values->c = random_below(3);
	values->s = chance(25) ?
		sizes[random_below(sizeof(sizes) / sizeof(sizes[0]))] :
		chance(15) ? edges[random_below(sizeof(edges) / sizeof(edges[0]))] +
		20 - random_below(EDGE_WIDTH) : 0;
	values->k = ks[random_below(5)];
	values->nulls = chance(50);
	values->given = chance(40);
	values->referenced = some_n();

	for (int i = 0; i < columns->n; i++)
	{
		const Column *column = &columns->column[i];

		if (column->computed || column->type == NULL)
			continue;
		if (strcmp(column->name, "event_id") == 0 && !values->given)
			continue;
		if (!column->required && column->name[1] != '\0' && chance(10))
			continue;			/* but n and k have a meaning */
		appendPQExpBuffer(&values->columns, "%s%s",
						  values->nchosen > 0 ? ", " : "", column->name);
		if (strstr(column->type->value, "$s") != NULL &&
			(values->large == NULL || chance(50)))
			values->large = column;
		values->chosen[values->nchosen++] = column;
	}

	/* A row of a size that one side's page takes and the other's does not. */
	if (values->large != NULL && values->large->plain && values->s > 7000 &&
		values->s < 9000)
		values->s = 7000;
}

static void
append_value(PQExpBuffer out, const Values *values, int at, const char *i)
{
	const Column *column = values->chosen[at];
	const char *name = column->name;

	if (strcmp(name, "n") == 0)
		appendPQExpBufferStr(out, i);
	else if (strcmp(name, "k") == 0 && values->k == 0)
		appendPQExpBufferStr(out, "NULL::integer");
	else if (strcmp(name, "k") == 0)
		appendPQExpBuffer(out, "((%s * 7919 + %d) %% %d)::integer", i,
						  values->c, values->k);
	else if (strcmp(name, "given") == 0)
		appendPQExpBufferStr(out, values->given ? "true" : "false");
	else if (strncmp(name, "ref_", 4) == 0)
		appendPQExpBuffer(out, "(SELECT max(n) FROM %s WHERE n <= %lld)",
						  name + 4, (long long) values->referenced);
	else
	{
		int			s = column == values->large ? values->s : 0;

		if (values->nulls && !column->required)
			appendPQExpBuffer(out, "CASE WHEN (%s + %d) %% 9 > 0 THEN ", i, at);
		expand(out, column->type->value, column->type, i, values->c, s, "");
		if (values->nulls && !column->required)
			appendPQExpBufferStr(out, " END");
	}
}

/* The expressions of a row with n = i, separated by commas; as text(). */
const char *
values_row(const Values *values, const char *i)
{
	PQExpBufferData out;
	const char *result;

	initPQExpBuffer(&out);
	for (int at = 0; at < values->nchosen; at++)
	{
		if (at > 0)
			appendPQExpBufferStr(&out, ", ");
		append_value(&out, values, at, i);
	}
	result = text("%s", out.data);
	termPQExpBuffer(&out);
	return result;
}

void
values_free(Values *values)
{
	termPQExpBuffer(&values->columns);
}
