/*-------------------------------------------------------------------------
 *
 * es_oracle_upset.c
 *	  Actions that go wrong from outside: cancels, timeouts, sessions that end
 *	  in the middle of a statement, crashes.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_upset.c
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "es_oracle.h"

static bool
is_idle(int session)
{
	return side_status(session) == PQTRANS_IDLE;
}

/*
 * Begin to write rows where the sides may not come equally far: numbers drawn
 * from a sequence are not given back.
 */
static bool
begin_undone_write(int session, Table *table, Write *write, int max_rows)
{
	if (!begin_write_to(session, table, write, max_rows))
		return false;
	for (int i = 0; i < write->columns.n; i++)
		if (write->columns.column[i].numbered)
		{
			values_free(&write->values);
			return false;
		}
	return true;
}

/* ----------------------------------------------------------------
 * Statements that wait at a row: see pause()
 * ----------------------------------------------------------------
 */

static const char *
waiting_insert(int session)
{
	Write		write;
	const char *sql;

	if (!begin_undone_write(session, table_pick(session), &write,
							chance(30) ? 1500 : 100))
		return NULL;
	sql = text("%s %s WHERE pause(i, %lld) > 0%s", insert_into(&write),
			   series(&write),
			   (long long) write.first + random_below(write.nrows),
			   chance(20) ? " ON CONFLICT DO NOTHING" :
			   chance(20) ? " RETURNING n" : "");
	values_free(&write.values);
	return sql;
}

static const char *
waiting_rewrite(int session)
{
	Table	   *table = table_pick(session);

	if (table == NULL || table->matview)
		return NULL;
	return text("ALTER TABLE %s ALTER k TYPE integer USING "
				"(pause(n, %lld) * 0 + k)::integer", table->name,
				(long long) some_n());
}

static const char *
waiting_index(int session)
{
	Table	   *table = table_pick(session);

	if (table == NULL)
		return NULL;
	return text("CREATE INDEX%s x%d ON %s ((pause(n, %lld)))",
				is_idle(session) && !table->partitioned && chance(50) ?
				" CONCURRENTLY" : "", ++round_state.next_name, table->name,
				(long long) some_n());
}

static const char *
waiting_table_as(int session)
{
	Table	   *from = table_pick(session);
	char		from_name[sizeof(from->name)];
	Table	   *table;

	if (from == NULL)
		return NULL;
	strcpy(from_name, from->name);
	if (from->owner >= 0 || (table = table_add(session)) == NULL)
		return NULL;
	return text("CREATE TABLE %s AS SELECT n, k FROM %s "
				"WHERE pause(n, %lld) > 0 ORDER BY n", table->name, from_name,
				(long long) some_n());
}

static const char *
waiting_query(int session)
{
	static const char *const ends[] = {"", " FOR SHARE", " FOR NO KEY UPDATE"};
	Table	   *table = table_pick(session);
	long long	n;

	if (table == NULL || table->matview)
		return NULL;
	/* no LIMIT: a plan might end before it comes to the row */
	n = some_n();
	return text("SELECT n FROM %s WHERE n BETWEEN %lld AND %lld "
				"AND pause(n, %lld) > 0 ORDER BY n%s", table->name, n - 50,
				n + 50, n, ends[random_below(3)]);
}

static const char *
waiting_statement(int session)
{
	switch (random_below(8))
	{
		case 0:
			return waiting_rewrite(session);
		case 1:
			return waiting_index(session);
		case 2:
			return waiting_table_as(session);
		case 3:
			return waiting_query(session);
		default:
			return waiting_insert(session);
	}
}

static void
cancel_statement(int session)
{
	const char *sql = waiting_statement(session);

	if (sql != NULL)
		ask_with(session, COMPARE_CANCEL, sql, NULL,
				 random_below(DELIVERIES));
}

/* Time is measured: this needs a statement that does not end before it. */
static void
cancel_by_timeout(int session)
{
	const char *sql = waiting_insert(session);

	if (sql != NULL)
		ask_with(session, COMPARE_TIMEOUT, sql, NULL, 0);
}

static void
end_in_statement(int session)
{
	const char *sql = waiting_statement(session);

	if (sql != NULL)
		ask_with(session, COMPARE_END, sql, NULL, 0);
}

static void
expire(int session)
{
	ask(session, COMPARE_EXPIRE, is_idle(session) ?
		"SET idle_session_timeout = 1" :
		"SET idle_in_transaction_session_timeout = 1");
}

/* ----------------------------------------------------------------
 * Statements that are cancelled at any time
 * ----------------------------------------------------------------
 */

/* Some of 1 to 30000, small ones as likely as large ones. */
static int
microseconds(void)
{
	return (1 << random_below(14)) * (1 + random_below(100)) / 50 + 1;
}

/* One that a transaction can undo. */
static const char *
undone_statement(int session)
{
	Table	   *table = table_pick(session);
	const char *name;
	const char *sql;
	Write		write;

	if (table == NULL || table->matview)
		return NULL;
	name = table->name;
	switch (random_below(10))
	{
		case 0:
			return text("TRUNCATE %s", name);
		case 1:
			return text("ALTER TABLE %s ALTER k TYPE integer USING k + 0", name);
		case 2:
			return text("REINDEX TABLE %s", name);
		case 3:
			return text("CREATE INDEX ON %s (k, n)", name);
		case 4:
			return text("SELECT count(*), sum(n) FROM %s", name);
		case 5:
			return text("CREATE TABLE anytime AS SELECT * FROM %s", name);
		default:
			if (!begin_undone_write(session, table, &write, 3000))
				return NULL;
			sql = text("%s %s%s", insert_into(&write), series(&write),
					   chance(30) ? " ON CONFLICT DO NOTHING" : "");
			values_free(&write.values);
			return sql;
	}
}

/* One that changes no answer, done or not. */
static const char *
vacuum_statement(int session)
{
	static const char *const forms[] = {"VACUUM", "VACUUM FREEZE",
	"VACUUM FULL", "VACUUM (DISABLE_PAGE_SKIPPING, FREEZE)"};
	Table	   *table = table_pick(session);

	if (chance(30))
		return compact_statement(session);
	return table == NULL ? NULL :
		text("%s %s", forms[random_below(4)], table->name);
}

static void
cancel_anytime(int session)
{
	const char *sql = is_idle(session) ? vacuum_statement(session) :
		undone_statement(session);

	if (sql != NULL)
		ask_with(session, COMPARE_ANYTIME, sql, NULL, microseconds());
}

/* ----------------------------------------------------------------
 * Stop points of the testing build
 * ----------------------------------------------------------------
 */

static void
cancel_at_stop_point(int session)
{
	static const char *const points[] = {"tail-before-lock",
	"advance-before-lock", "lookup-before-tree"};
	const char *point = points[random_below(3)];
	const char *sql;
	Write		write;

	if (!side_has_stop_points())
		return;
	if (is_idle(session) && chance(40))
	{
		static const char *const compact_points[] = {"compact-after-unit",
			"compact-before-publish", "compact-after-publish"};

		if (chance(50))
		{
			sql = compact_statement(session);
			point = PICK(compact_points);
		}
		else
		{
			sql = vacuum_statement(session);
			point = chance(50) ? "vacuum-after-page" : "copy-after-page";
		}
	}
	else
	{
		if (!begin_undone_write(session, table_pick(session), &write, 1500))
			return;
		sql = text("%s %s", insert_into(&write), series(&write));
		values_free(&write.values);
	}
	if (sql != NULL)
		ask_with(session, COMPARE_PAUSE, sql, point,
				 random_below(DELIVERIES));
}

static void
crash_at_stop_point(int session)
{
	static const char *const points[] = {"tail", "tail", "multi", "advance",
	"advance", "flush", "meta", "spec"};
	static const char *const vacuum_points[] = {"settle", "truncate",
	"replace"};
	static const char *const compact_points[] = {"reserve", "batch",
	"replace", "flush"};
	bool		vacuum = is_idle(session) && chance(30);
	const char *point = vacuum ? PICK(vacuum_points) : PICK(points);
	const char *sql;
	char	   *data = NULL;
	Write		write;
	Step	   *step;

	if (vacuum && chance(50))
	{
		sql = compact_statement(session);
		point = PICK(compact_points);
	}
	else if (vacuum)
		sql = vacuum_statement(session);
	else
	{
		if (!begin_undone_write(session, table_pick(session), &write, 1500))
			return;
		sql = text("%s %s%s", insert_into(&write), series(&write),
				   strcmp(point, "spec") == 0 ? " ON CONFLICT DO NOTHING" : "");
		if (strcmp(point, "multi") == 0)
		{
			data = side_copy_out(text("COPY (%s) TO STDOUT", series(&write)));
			sql = data == NULL ? NULL :
				text("COPY %s (%s) FROM STDIN", write.table->name,
					 write.values.columns.data);
		}
		values_free(&write.values);
	}
	if (sql == NULL)
		return;
	step = step_make(session, COMPARE_CRASH, sql, NULL, data);
	strcpy(step->cursor, text("%s-%s-wal", point,
							  chance(50) ? "before" : "after"));
	free(data);
	ask_step(step);
}

/*
 * A crash, in the middle of a statement if there is one that no commit can
 * follow; or the whole server.
 */
void
crash(int session)
{
	const char *sql;

	if (options.restart == NULL)
		return;
	if (side_has_stop_points() && chance(60))
		crash_at_stop_point(session);
	else if (chance(30))
		ask(session, COMPARE_RESTART, "SELECT");
	else
	{
		sql = is_idle(session) ? vacuum_statement(session) :
			undone_statement(session);
		if (sql != NULL)
			ask_with(session, COMPARE_CRASH, sql, NULL, microseconds());
	}
}

const Action upset_actions[] =
{
	{"cancel statement", 5, cancel_statement},
	{"cancel by timeout", 1, cancel_by_timeout},
	{"end in statement", 2, end_in_statement},
	{"cancel anytime", 5, cancel_anytime},
	{"cancel at stop point", 3, cancel_at_stop_point},
	{"expire", 1, expire},
	{"crash", 1, crash},
	{NULL, 0, NULL}
};
