/*-------------------------------------------------------------------------
 *
 * es_oracle_storm.c
 *	  Storms: all sessions work at once, on one or two tables, and wait for each
 *	  other; afterwards the tables are compared.
 *
 * What is left in the end must not depend on who was first:
 *
 *	  * Each session writes rows with numbers of its own, and knows which of its
 *		transactions commit.  k is NULL, so that nothing collides by chance.
 *	  * Rows that several sessions write are the same rows, in tables where n is
 *		unique: so the others wait, and write what a transaction has rolled back,
 *		and of each row one is left if any transaction that writes it commits.
 *	  * Row locks are taken on rows that were there before, in their order.
 *	  * One session maintains the tables meanwhile.
 *
 * A transaction works on one table, and takes row locks or writes shared rows,
 * not both, so nobody waits in a circle.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_storm.c
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "es_oracle.h"

#define STORM_TABLES	2
#define SHARED_ROWS		60
#define RACES			20

typedef struct Storm
{
	Table	   *tables[STORM_TABLES];
	Write		shared[STORM_TABLES];	/* the rows that all write */
	bool		unique[STORM_TABLES];	/* n is, by an index */
	int			ntables;
	int64_t		first;			/* numbers from here on are of the storm */
	bool		on_conflict;	/* how shared rows are written */
} Storm;

/* The number of rows that one statement of a session writes at most. */
static const int sizes[] = {1, 5, 40, 40, 400, 1500};

static long long
at_most(long long a, long long b)
{
	return a < b ? a : b;
}

/* Rows that depend on nothing that the storm changes. */
static bool
begin_calm_write(const Storm *storm, Table *table, Write *write, int max_rows)
{
	if (!begin_write_to(0, table, write, max_rows))
		return false;
	write->values.k = 0;
	write->values.referenced = at_most(write->values.referenced,
									   storm->first - 1);
	if (write->values.s > 20000)
		write->values.s = 20000;
	return true;
}

static bool
is_unique(const Table *table)
{
	return ask(0, COMPARE_SET,
			   text("SELECT FROM pg_index i JOIN pg_attribute a "
					"ON attrelid = indrelid AND attnum = indkey[0] "
					"WHERE indrelid = to_regclass('%s') AND attname = 'n' "
					"AND indisunique AND indisvalid AND indimmediate "
					"AND indnkeyatts = 1 AND indpred IS NULL",
					table->name))->nrows > 0;
}

static bool
add_table(Storm *storm, Table *table)
{
	Columns		columns;

	if (table == NULL || table->owner >= 0 || table->matview ||
		(storm->ntables > 0 && storm->tables[0] == table) ||
		!table_columns(0, table, &columns))
		return false;
	for (int i = 0; i < columns.n; i++)
		if (columns.column[i].numbered)
			return false;
	if (!is_unique(table) && chance(60))
		ask(0, COMPARE_SET, text("CREATE UNIQUE INDEX x%d ON %s (n)",
								 ++round_state.next_name, table->name));
	storm->unique[storm->ntables] = is_unique(table);
	storm->tables[storm->ntables++] = table;
	return true;
}

/* Statements of one transaction that write rows of the session's own. */
static void
write_own(const Storm *storm, int session, Table *table)
{
	Write		write;
	const char *sql;
	const char *from;
	char	   *data;

	if (!begin_calm_write(storm, table, &write, sizes[random_below(6)]))
		return;
	sql = insert_into(&write);
	from = series(&write);
	switch (random_below(5))
	{
		case 0:
			data = side_copy_out(text("COPY (%s) TO STDOUT", from));
			if (data != NULL)
				ask_later(session, COMPARE_SET,
						  text("COPY %s (%s) FROM STDIN", table->name,
							   write.values.columns.data), data);
			free(data);
			break;
		case 1:
			ask_later(session, COMPARE_SET,
					  text("DO $$DECLARE i bigint; BEGIN FOR i IN %lld .. %lld "
						   "LOOP BEGIN %s VALUES (%s); IF i %% 3 = 0 THEN RAISE "
						   "division_by_zero; END IF; EXCEPTION WHEN "
						   "division_by_zero THEN NULL; END; END LOOP; END$$",
						   (long long) write.first,
						   (long long) at_most(write.first + write.nrows - 1,
											   write.first + 50), sql,
						   values_row(&write.values, "i::bigint")), NULL);
			break;
		case 2:
			ask_later(session, COMPARE_SET,
					  text("%s %s WHERE 1 / (i - %lld) > -2", sql, from,
						   (long long) write.first +
						   random_below(2 * write.nrows)), NULL);
			break;
		default:
			ask_later(session, COMPARE_SET,
					  text("%s %s%s", sql, from,
						   chance(30) ? " RETURNING n" : ""), NULL);
	}
	if (chance(30))
		ask_later(session, COMPARE_SET,
				  text("SELECT count(*), sum(n) FROM %s WHERE n BETWEEN %lld "
					   "AND %lld", table->name, (long long) write.first,
					   (long long) write.first + write.nrows - 1), NULL);
	values_free(&write.values);
}

static void
own_transaction(const Storm *storm, int session, Table *table)
{
	int			statements = 1 + random_below(3);

	if (chance(30))
	{
		write_own(storm, session, table);
		return;
	}
	ask_later(session, COMPARE_SET, chance(70) ? "BEGIN" :
			  "BEGIN ISOLATION LEVEL REPEATABLE READ", NULL);
	for (int i = 0; i < statements; i++)
	{
		bool		savepoint = chance(40);

		if (savepoint)
			ask_later(session, COMPARE_SET, "SAVEPOINT s", NULL);
		write_own(storm, session, table);
		if (savepoint)
			ask_later(session, COMPARE_SET, chance(60) ?
					  "ROLLBACK TO SAVEPOINT s" : "RELEASE SAVEPOINT s", NULL);
	}
	ask_later(session, COMPARE_SET, chance(70) ? "COMMIT" : "ROLLBACK", NULL);
}

static void
shared_transaction(const Storm *storm, int session, int table)
{
	const Write *write = &storm->shared[table];
	int			low = random_below(write->nrows);
	int			high = low + random_below(write->nrows - low);
	bool		block = chance(50);
	const char *sql;

	if (!storm->on_conflict)
	{
		sql = text("%s SELECT %s FROM generate_series(%lld::bigint, %lld) i",
				   insert_into(write), values_row(&write->values, "i"),
				   (long long) write->first + low,
				   (long long) write->first + low);
		if (!block)
		{
			ask_later(session, COMPARE_ONCE, sql, NULL);
			return;
		}
		ask_later(session, COMPARE_SET, "BEGIN", NULL);
		ask_later(session, COMPARE_STATE,
				  text("DO $$BEGIN %s; EXCEPTION WHEN unique_violation "
					   "THEN NULL; END$$", sql), NULL);
		ask_later(session, COMPARE_SET, chance(50) ? "COMMIT" : "ROLLBACK",
				  NULL);
		return;
	}
	if (block)
		ask_later(session, COMPARE_SET, "BEGIN", NULL);
	ask_later(session, COMPARE_STATE,
			  text("%s SELECT %s FROM generate_series(%lld::bigint, %lld) i "
				   "ON CONFLICT DO NOTHING", insert_into(write),
				   values_row(&write->values, "i"),
				   (long long) write->first + low,
				   (long long) write->first + high), NULL);
	if (block && chance(50))
		write_own(storm, session, storm->tables[table]);
	if (block)
		ask_later(session, COMPARE_SET, chance(60) ? "COMMIT" : "ROLLBACK",
				  NULL);
}

/*
 * Every session writes the same rows, one at a time, at about the same time: some
 * find out only when the row is there that they have to take it back.
 */
static void
race(const Storm *storm, int session, int table)
{
	const Write *write = &storm->shared[table];

	for (int i = 0; i < write->nrows && i < RACES; i++)
		ask_later(session, COMPARE_STATE,
				  text("%s SELECT %s FROM generate_series(%lld::bigint, %lld) i "
					   "ON CONFLICT DO NOTHING", insert_into(write),
					   values_row(&write->values, "i"),
					   (long long) write->first + i,
					   (long long) write->first + i), NULL);
}

static void
locking_transaction(const Storm *storm, int session, const Table *table)
{
	static const char *const strengths[] = {"NO KEY UPDATE", "SHARE", "UPDATE"};
	long long	low = 1 + random_below(storm->first);

	ask_later(session, COMPARE_SET, "BEGIN", NULL);
	ask_later(session, COMPARE_SET,
			  text("SELECT n FROM %s WHERE n BETWEEN %lld AND %lld "
				   "ORDER BY n FOR %s", table->name, low,
				   at_most(low + random_below(15), storm->first - 1),
				   strengths[random_below(table->parent ? 2 : 3)]), NULL);
	if (chance(30))
		ask_later(session, COMPARE_SET, "SELECT pg_sleep(0.002)", NULL);
	ask_later(session, COMPARE_SET, chance(50) ? "COMMIT" : "ROLLBACK", NULL);
}

static void
read_calm_rows(const Storm *storm, int session, const Table *table)
{
	ask_later(session, COMPARE_SET,
			  text(chance(50) ? "SELECT count(*), sum(n), sum(k) FROM %s "
				   "WHERE n < %lld" :
				   "SELECT n, k FROM %s WHERE n < %lld ORDER BY n DESC "
				   "LIMIT 20", table->name, (long long) storm->first), NULL);
}

static void
maintain(int session, const Table *table)
{
	const char *name = table->name;
	const char *sql;

	if (chance(30))
	{
		ask_later(session, COMPARE_SET,
				  text("SELECT compact_now('%s', %d)", name,
					   chance(50) ? 100 : 10000), NULL);
		return;
	}
	switch (random_below(table->parent ? 6 : 8))
	{
		case 0:
			sql = text("CREATE INDEX CONCURRENTLY x%d ON %s (n, k)",
					   ++round_state.next_name, name);
			if (table->partitioned)
				sql = "CHECKPOINT";
			break;
		case 1:
			/* of all partitions at once, it may deadlock with their writers */
			sql = table->partitioned ? "CHECKPOINT" :
				text("REINDEX TABLE CONCURRENTLY %s", name);
			break;
		case 2:
			sql = text("ANALYZE %s", name);
			break;
		case 3:
			sql = "CHECKPOINT";
			break;
		case 4:
			sql = text("VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) %s", name);
			break;
		case 6:
			sql = text("VACUUM FULL %s", name);
			break;
		case 7:
			/* rewrites the table, and leaves the shape of its rows alone */
			sql = text("ALTER TABLE %s ALTER k TYPE integer USING k + 0", name);
			break;
		default:
			sql = text("VACUUM %s", name);
	}
	ask_later(session, COMPARE_SET, sql, NULL);
}

static void
plan_session(const Storm *storm, int session)
{
	int			transactions = 3 + random_below(6);

	ask_later(session, COMPARE_SET, "SET lock_timeout = 0", NULL);
	if (storm->on_conflict && storm->unique[0])
		race(storm, session, 0);
	for (int i = 0; i < transactions; i++)
	{
		int			at = random_below(storm->ntables);
		Table	   *table = storm->tables[at];

		if (session == 0)
			maintain(session, table);
		switch (random_below(10))
		{
			case 0:
			case 1:
			case 2:
				if (storm->unique[at])
				{
					shared_transaction(storm, session, at);
					break;
				}
				/* FALLTHROUGH */
			case 3:
			case 4:
				locking_transaction(storm, session, table);
				break;
			case 5:
				read_calm_rows(storm, session, table);
				break;
			default:
				own_transaction(storm, session, table);
		}
	}
	ask_later(session, COMPARE_SET, "SET lock_timeout = " LOCK_TIMEOUT, NULL);
}

/* No session is in a transaction, and none is prepared. */
void
storm(void)
{
	Storm		storm = {0};

	for (int i = 0; i < 10 && storm.ntables < STORM_TABLES; i++)
		add_table(&storm, table_pick(0));
	if (storm.ntables == 0 || options.sessions < 2)
		return;
	compare_changes(0);
	storm.first = round_state.next_n;
	storm.on_conflict = chance(60);
	for (int i = 0; i < storm.ntables; i++)
		if (!begin_calm_write(&storm, storm.tables[i], &storm.shared[i],
							  SHARED_ROWS))
			return;
	for (int i = 0; i < options.sessions; i++)
		plan_session(&storm, i);
	ask(0, COMPARE_JOIN, "SELECT");
	round_state.stormy = true;
	for (int i = 0; i < storm.ntables; i++)
	{
		values_free(&storm.shared[i].values);
		storm.tables[i]->reordered = true;
		check_whole_table(0, storm.tables[i]);
	}
	for (int i = 0; i < storm.ntables; i++)
		check_table(0, storm.tables[i]);
	compare_changes(0);
}
