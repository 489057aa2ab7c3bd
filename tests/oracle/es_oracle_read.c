/*-------------------------------------------------------------------------
 *
 * es_oracle_read.c
 *	  Actions that read: queries under all kinds of plans, row locks, cursors;
 *	  and checks of what only event tables promise.
 *
 * Such a check has a query for the heap's side that takes the same locks and
 * gives the answer that the check must give.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_read.c
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "es_oracle.h"

#define MAX_CURSORS		6

typedef struct Cursor
{
	int			name;			/* "cu<name>"; 0: none */
	bool		ordered;		/* by n */
	bool		scroll;
	int			depth;			/* savepoints when it was opened, or HELD */
} Cursor;

/* Opened outside a transaction block, WITH HOLD. */
#define HELD	(-2)

static Cursor cursors[MAX_SESSIONS][MAX_CURSORS];

/* ----------------------------------------------------------------
 * Queries
 * ----------------------------------------------------------------
 */

/* A column's value as both sides have it; ids that the storage made do not. */
static const char *
shown(const Column *column)
{
	if (strcmp(column->name, "event_id") == 0)
		return "CASE WHEN given THEN event_id END";
	return column->name;
}

/* "n, c1, c5": n and some columns, or all; valid as text() is */
const char *
select_list(const Columns *columns, bool all)
{
	PQExpBufferData list;
	const char *result;

	initPQExpBuffer(&list);
	appendPQExpBufferStr(&list, "n");
	for (int i = 0; i < columns->n; i++)
		if (strcmp(columns->column[i].name, "n") != 0 && (all || chance(20)))
			appendPQExpBuffer(&list, ", %s", shown(&columns->column[i]));
	result = text("%s", list.data);
	termPQExpBuffer(&list);
	return result;
}

/* A range of n, "width" wide at most. */
static const char *
range_of_n(int width)
{
	long long	low = some_n();

	return text("n BETWEEN %lld AND %lld", low, low + random_below(width));
}

/* A condition that takes few of the rows, or none. */
static const char *
condition(const Columns *columns)
{
	const Column *column;

	switch (random_below(6))
	{
		case 0:
			return text("n = %lld", (long long) some_n());
		case 1:
			return text("k = (%lld::bigint * 7919 + 1) %% 1000003",
						(long long) some_n());
		case 2:
			return text("n IN (%lld, %lld, %lld)", (long long) some_n(),
						(long long) some_n(), (long long) some_n());
		case 3:
			return text("k BETWEEN 10 AND %d", 10 + random_below(500));
		case 4:
			column = column_pick(columns, false);
			if (column != NULL && column->type->probe != NULL &&
				strcmp(column->name, "event_id") != 0)
				return type_probe(column->type, column->name, some_n());
			return range_of_n(1000);
		default:
			return range_of_n(200);
	}
}

static void
read_rows(int session)
{
	Table	   *table = table_pick(session);
	Columns		columns;

	if (table == NULL || !table_columns(session, table, &columns))
		return;
	if (chance(70))
		ask(session, COMPARE_SET,
			text("SELECT %s FROM %s WHERE %s%s", select_list(&columns, false),
				 table->name, condition(&columns),
				 chance(20) ? text(" AND %s", condition(&columns)) :
				 chance(10) ? text(" OR %s", condition(&columns)) : ""));
	else
		ask(session, COMPARE_ORDER,
			text("SELECT %s FROM %s WHERE n >= %lld ORDER BY n%s LIMIT %d",
				 select_list(&columns, false), table->name,
				 (long long) some_n(), chance(40) ? " DESC" : "",
				 1 + random_below(50)));
}

static void
copy_out(int session)
{
	Table	   *table = table_pick(session);
	Columns		columns;

	if (table == NULL || !table_columns(session, table, &columns))
		return;
	if (chance(50))
		ask(session, COMPARE_SET, text("COPY %s (n, k) TO STDOUT", table->name));
	else
		ask(session, COMPARE_SET,
			text("COPY (SELECT %s FROM %s WHERE n > %lld ORDER BY n LIMIT 200) "
				 "TO STDOUT (FORMAT csv, FORCE_QUOTE *)",
				 select_list(&columns, true), table->name,
				 (long long) some_n()));
}

static void
read_aggregates(int session)
{
	Table	   *table = table_pick(session);
	Columns		columns;
	const char *where;

	if (table == NULL || !table_columns(session, table, &columns))
		return;
	where = chance(40) ? "true" : condition(&columns);
	switch (random_below(5))
	{
		case 0:
			ask(session, COMPARE_SET,
				text("SELECT count(*) FROM %s WHERE %s", table->name, where));
			break;
		case 1:
			ask(session, COMPARE_SET,
				text("SELECT min(n), max(n), max(k), sum(k), count(DISTINCT k) "
					 "FROM %s WHERE %s", table->name, where));
			break;
		case 2:
			ask(session, COMPARE_SET,
				text("SELECT k %% 7, count(*), sum(n) FROM %s WHERE %s "
					 "GROUP BY 1", table->name, where));
			break;
		case 3:
			ask(session, COMPARE_SET,
				text("SELECT count(*), sum(hashtextextended(ROW(%s)::text, 0)"
					 "::numeric) FROM %s WHERE %s",
					 select_list(&columns, false), table->name, where));
			break;
		case 4:
			ask(session, COMPARE_SET,
				text("SELECT n, k, rank() OVER (ORDER BY k, n) FROM %s "
					 "WHERE %s", table->name, range_of_n(300)));
			break;
	}
}

static void
read_joined(int session)
{
	Table	   *a = table_pick(session);
	Table	   *b = table_pick(session);

	if (a == NULL)
		return;
	switch (random_below(3))
	{
		case 0:
			ask(session, COMPARE_SET,
				text("SELECT a.n, b.n FROM %s a JOIN %s b ON a.k = b.k "
					 "WHERE a.%s AND b.%s", a->name, b->name, range_of_n(100),
					 range_of_n(100)));
			break;
		case 1:
			ask(session, COMPARE_SET,
				text("SELECT a.n, (SELECT max(b.n) FROM %s b WHERE b.n < a.n) "
					 "FROM %s a WHERE %s", b->name, a->name, range_of_n(20)));
			break;
		case 2:
			ask(session, COMPARE_SET,
				text("SELECT a.n, s.n FROM %s a, LATERAL (SELECT n FROM %s b "
					 "WHERE b.n >= a.n ORDER BY n LIMIT 2) s WHERE a.%s",
					 a->name, b->name, range_of_n(20)));
			break;
	}
}

/* Rows by their address, which is each side's own affair. */
static void
read_by_tid(int session)
{
	Table	   *table = table_pick(session);
	const char *name;
	const char *range;
	const char *ends;

	if (table == NULL || table->partitioned)
		return;
	name = table->name;
	range = range_of_n(50);
	switch (random_below(4))
	{
		case 0:
			ask(session, COMPARE_SET,
				text("SELECT n, k FROM %s WHERE ctid = ANY (ARRAY(SELECT ctid "
					 "FROM %s WHERE %s))", name, name, range));
			break;
		case 1:
			ask(session, COMPARE_SET,
				text("SELECT (SELECT count(*) FROM %s WHERE ctid < '(%d,%d)') "
					 "+ (SELECT count(*) FROM %s WHERE ctid >= '(%d,%d)')",
					 name, 1, 7, name, 1, 7));
			break;
		case 2:
			ends = text("FROM (SELECT min(ctid) AS low, max(ctid) AS high "
						"FROM %s WHERE %s) e", name, range);
			ask(session, COMPARE_SET,
				text("SELECT t.n %s, LATERAL (SELECT n FROM %s WHERE ctid "
					 "BETWEEN low AND high) t EXCEPT ALL SELECT t.n %s, LATERAL "
					 "(SELECT * FROM (SELECT n, ctid AS c FROM %s OFFSET 0) u "
					 "WHERE c BETWEEN low AND high) t", ends, name, ends,
					 name));
			break;
		case 3:
			ask(session, COMPARE_SET,
				text("SELECT t.n FROM %s t JOIN %s u ON t.ctid = u.ctid "
					 "WHERE u.%s AND t.n = u.n AND t.tableoid = u.tableoid",
					 name, name, range));
			break;
	}
}

/* Rows that this transaction has written; a sample; partitions alone. */
static void
read_oddly(int session)
{
	Table	   *table = table_pick(session);
	const char *name;

	if (table == NULL)
		return;
	name = table->name;
	switch (random_below(3))
	{
		case 0:
			if (!table->partitioned)
				ask(session, COMPARE_SET,
					text("SELECT n, dense_rank() OVER (ORDER BY "
						 "cmin::text::bigint) FROM %s WHERE xmin = "
						 "pg_current_xact_id_if_assigned()::xid", name));
			break;
		case 1:
			ask(session, COMPARE_SET,
				text("SELECT count(*) FROM (SELECT n FROM %s TABLESAMPLE %s "
					 "(40) REPEATABLE (%d) EXCEPT SELECT n FROM %s) s", name,
					 chance(50) ? "BERNOULLI" : "SYSTEM", random_below(100),
					 name));
			break;
		case 2:
			ask(session, COMPARE_SET,
				text("SELECT count(*), sum(n) FROM %s TABLESAMPLE %s (100)",
					 name, chance(50) ? "BERNOULLI" : "SYSTEM"));
			break;
	}
}

/*
 * KEY SHARE is free on event tables, as rows never change, while on heap it
 * conflicts with FOR UPDATE: so no table meets both.
 */
static void
lock_rows(int session)
{
	static const char *const strengths[] = {"NO KEY UPDATE", "SHARE",
	"UPDATE"};
	static const char *const parent_strengths[] = {"NO KEY UPDATE", "SHARE",
	"KEY SHARE"};
	static const char *const waits[] = {"", " NOWAIT", " SKIP LOCKED"};
	Table	   *table = table_pick(session);
	const char *strength;
	const char *wait = waits[random_below(3)];

	if (table == NULL || table->matview)
		return;
	strength = (table->parent ? parent_strengths : strengths)[random_below(3)];
	if (chance(50))
		ask(session, COMPARE_SET,
			text("SELECT n FROM %s WHERE %s FOR %s%s", table->name,
				 range_of_n(20), strength, wait));
	else
		ask(session, COMPARE_ORDER,
			text("SELECT n FROM %s WHERE n >= %lld ORDER BY n LIMIT %d FOR %s%s",
				 table->name, (long long) some_n(), 1 + random_below(5),
				 strength, wait));
}

/* ----------------------------------------------------------------
 * Cursors
 * ----------------------------------------------------------------
 */

/*
 * The session went back to so many savepoints; -1: its transaction ended;
 * HELD - 1 or less: the session did.
 */
void
forget_cursors(int session, int depth)
{
	for (int i = 0; i < MAX_CURSORS; i++)
		if (cursors[session][i].depth > depth)
			cursors[session][i].name = 0;
}

/* Savepoints above "depth" became one with the transaction around them. */
void
release_cursors(int session, int depth)
{
	for (int i = 0; i < MAX_CURSORS; i++)
		if (cursors[session][i].depth > depth)
			cursors[session][i].depth = depth;
}

static Cursor *
pick_cursor(int session, bool open)
{
	for (int i = 0; i < 10; i++)
	{
		Cursor	   *cursor = &cursors[session][random_below(MAX_CURSORS)];

		if ((cursor->name != 0) == open)
			return cursor;
	}
	return NULL;
}

static void
declare_cursor(int session)
{
	Table	   *table = table_pick(session);
	Cursor	   *cursor = pick_cursor(session, false);
	bool		held = side_status(session) == PQTRANS_IDLE;
	Columns		columns;
	Step	   *step;
	const char *query;

	if (table == NULL || cursor == NULL ||
		!table_columns(session, table, &columns))
		return;
	cursor->name = ++round_state.next_name;
	cursor->ordered = held || chance(50);
	cursor->scroll = chance(60);
	cursor->depth = held ? HELD : session_depth(session);

	query = text("SELECT %s FROM %s WHERE %s", select_list(&columns, false),
				 table->name, cursor->ordered ?
				 text("n >= %lld ORDER BY n", (long long) some_n()) :
				 chance(70) ? "true" : condition(&columns));
	step = step_make(session, cursor->ordered ? COMPARE_SET : COMPARE_DECLARE,
					 text("DECLARE cu%d %s CURSOR %s FOR %s", cursor->name,
						  cursor->scroll ? "SCROLL" : "NO SCROLL",
						  held ? "WITH HOLD" : "", query), NULL, NULL);
	if (!cursor->ordered)
		sprintf(step->cursor, "cu%d", cursor->name);
	if (answer_failed(ask_step(step)))
		cursor->name = 0;
}

static void
fetch_ordered(int session, const Cursor *cursor)
{
	static const char *const moves[] = {"FETCH FIRST", "FETCH LAST",
		"FETCH BACKWARD ALL", "MOVE BACKWARD 3", "FETCH RELATIVE -2",
	"FETCH PRIOR"};
	const char *move;

	if (!cursor->scroll || chance(50))
		move = text("%s FORWARD %d", chance(80) ? "FETCH" : "MOVE",
					1 + random_below(chance(20) ? 1000 : 20));
	else if (chance(70))
		move = moves[random_below(6)];
	else
		move = text("FETCH ABSOLUTE %d", random_below(60) - 20);
	ask(session, COMPARE_ORDER, text("%s FROM cu%d", move, cursor->name));
}

static void
fetch_unordered(int session, const Cursor *cursor)
{
	int			rows = chance(20) ? 1000000 : 1 + random_below(40);
	bool		backward = cursor->scroll && chance(35);
	Step	   *step;

	step = step_make(session, COMPARE_FETCH,
					 text("FETCH %s %d FROM cu%d",
						  backward ? "BACKWARD" : "FORWARD", rows,
						  cursor->name), NULL, NULL);
	sprintf(step->cursor, "cu%d", cursor->name);
	step->distance = backward ? -rows : rows;
	ask_step(step);
}

static void
fetch(int session)
{
	Cursor	   *cursor = pick_cursor(session, true);

	if (cursor == NULL)
		return;
	if (chance(7))
	{
		ask(session, COMPARE_SET, text("CLOSE cu%d", cursor->name));
		cursor->name = 0;
	}
	else if (cursor->ordered)
		fetch_ordered(session, cursor);
	else
		fetch_unordered(session, cursor);
}

/* ----------------------------------------------------------------
 * Checks of what only event tables promise
 * ----------------------------------------------------------------
 */

/* "bad" counts what must not be, in a table that holds rows itself. */
static void
check_none(int session, const char *name, const char *bad)
{
	const char *heap_sql = text("SELECT count(*) * 0 FROM %s", name);

	ask_sides(session, COMPARE_SET, on_store(bad, heap_sql), heap_sql);
}

/* Numbers ascend in the order of writing; positions are these numbers. */
static void
check_numbers(int session, const Table *table, const char *name)
{
	if (!table->reordered && !table->mixed)
		check_none(session, name,
				   text("SELECT count(*) FROM (SELECT n, lag(n) OVER "
						"(ORDER BY ctid) AS before FROM %s "
						"WHERE n IS NOT NULL) s WHERE n <= before", name));
	if (!table->position)
		return;
	check_none(session, name,
			   text("SELECT count(*) FROM %s WHERE position IS NULL OR "
					"ctid <> format('(%%s,%%s)', position >> 8, "
					"(position & 255) + 1)::tid", name));
	check_none(session, name,
			   text("SELECT count(*) - count(DISTINCT event_id) + "
					"count(*) FILTER (WHERE event_id::text !~ "
					"'^.{14}7.{4}[89ab]') FROM %s WHERE NOT given", name));
}

static void
verify(int session, const Table *table, const char *name)
{
	const char *lock = text("LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE",
							name);
	const char *heap_sql;

	/* verify() takes this lock for as long as it works. */
	if (table->matview)
	{
		if (side_status(session) != PQTRANS_IDLE)
			return;
		lock = text("COMMENT ON MATERIALIZED VIEW %s IS NULL", name);
	}
	heap_sql = text("DO $$BEGIN %s; RAISE division_by_zero; "
					"EXCEPTION WHEN division_by_zero THEN NULL; END$$", lock);
	ask_sides(session, COMPARE_SET,
			  on_store(text("SELECT v::text FROM eventstore.verify('%s') v",
							name), heap_sql), heap_sql);
}

static void
check_storage(int session, const Table *table, const char *name)
{
	if (!table->mixed)
		verify(session, table, name);
	if (side_has_amcheck())
		ask(session, COMPARE_SET,
			text("SELECT count(bt_index_check(c.oid, true)::text) "
				 "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
				 "JOIN pg_am a ON a.oid = c.relam AND a.amname = 'btree' "
				 "WHERE i.indrelid = '%s'::regclass AND i.indisvalid", name));
}

/* All promises, in whatever transaction the session is. */
void
check_table(int session, Table *table)
{
	const char *name = text("%s", table->name);
	Columns		columns;

	if (!table_columns(session, table, &columns))
		return;
	for (int i = 0; i < (table->partitioned ? 3 : 1); i++)
	{
		const char *part = table->partitioned ? text("%s_p%d", name, i) : name;

		check_numbers(session, table, part);
		check_storage(session, table, part);
	}
	if (table->position)
		check_none(session, text("%s JOIN %s_seen USING (n)", name, name),
				   text("SELECT count(*) FROM %s t JOIN %s_seen s USING (n) "
						"WHERE (t.position, t.event_id) IS DISTINCT FROM "
						"(s.position, s.event_id)", name, name));
}

/* Every row of the table; in an index's order too, where there is one. */
void
check_whole_table(int session, Table *table)
{
	Columns		columns;

	if (!table_columns(session, table, &columns))
		return;
	ask(session, COMPARE_SET,
		text("SELECT n, md5(ROW(%s)::text) FROM %s",
			 select_list(&columns, true), table->name));
	ask(session, COMPARE_ORDER,
		text("SELECT n, k FROM %s WHERE n > 0 ORDER BY n", table->name));
}

static void
check(int session)
{
	Table	   *table = table_pick(session);

	if (table != NULL)
		check_table(session, table);
}

static void
read_whole_table(int session)
{
	Table	   *table = table_pick(session);

	if (table != NULL)
		check_whole_table(session, table);
}

const Action read_actions[] =
{
	{"read rows", 20, read_rows},
	{"read aggregates", 10, read_aggregates},
	{"read joined", 5, read_joined},
	{"read by tid", 8, read_by_tid},
	{"read oddly", 4, read_oddly},
	{"copy out", 4, copy_out},
	{"lock rows", 10, lock_rows},
	{"declare cursor", 14, declare_cursor},
	{"fetch", 20, fetch},
	{"read whole table", 2, read_whole_table},
	{"check", 4, check},
	{NULL, 0, NULL}
};
