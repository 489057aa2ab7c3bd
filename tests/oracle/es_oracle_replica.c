/*-------------------------------------------------------------------------
 *
 * es_oracle_replica.c
 *	  Looks at what follows the server: tables on the standby, and the changes
 *	  that the slot sends.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_replica.c
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "es_oracle.h"

/* A query for all of a table; NULL: there is none. */
static const char *
whole_table(int session, Table *table)
{
	Columns		columns;

	if (table == NULL || table->owner >= 0 ||
		!table_columns(session, table, &columns))
		return NULL;
	return text("SELECT n, md5(ROW(%s)::text) FROM %s",
				select_list(&columns, true), table->name);
}

/* What both sides' tables hold there, and what verify() says. */
static void
follow_table(int session, Table *table)
{
	const char *name = text("%s", table->name);
	bool		verified = !table->mixed && !table->partitioned &&
		!table->matview;
	const char *query = whole_table(session, table);
	const char *heap_sql;

	if (query == NULL)
		return;
	ask(session, COMPARE_STANDBY, query);
	ask(session, COMPARE_STANDBY,
		text("SELECT n, k FROM %s WHERE n > %lld ORDER BY n LIMIT 100", name,
			 (long long) some_n()));
	if (!verified)
		return;

	/* An unlogged table cannot be read there.  No index is locked. */
	heap_sql = text("DO $$BEGIN LOCK TABLE ONLY %s IN ACCESS SHARE MODE; "
					"IF (SELECT relpersistence = 'u' FROM pg_class "
					"WHERE oid = '%s'::regclass) THEN "
					"RAISE feature_not_supported; END IF; END$$", name, name);
	ask_sides(session, COMPARE_STANDBY,
			  on_store(text("SELECT v::text FROM eventstore.verify('%s') v",
							name), heap_sql), heap_sql);
}

void
follow_tables(int session)
{
	if (options.standby == NULL)
		return;
	for (int i = round_state.ntables - 1; i >= 0; i--)
		if (i < round_state.ntables)
			follow_table(session, &round_state.tables[i]);
}

static void
follow(int session)
{
	Table	   *table = table_pick(session);

	if (options.standby != NULL && table != NULL)
		follow_table(session, table);
}

/* The transaction's query again, or another one's first time. */
static void
hold(int session)
{
	char	   *held = round_state.held;
	const char *query;

	if (options.standby == NULL)
		return;
	if (held[0] == '\0' || chance(15))
	{
		query = whole_table(session, table_pick(session));
		if (query == NULL || strlen(query) >= sizeof(round_state.held))
			return;
		strcpy(held, query);
	}
	ask(session, COMPARE_HOLD, held);
}

/*
 * What the slot has sent since the last look.  MERGE writes rows in any order,
 * in a transaction that may commit much later.
 */
void
compare_changes(int session)
{
	if (options.slot == NULL)
		return;
	ask_with(session, COMPARE_DECODE, "SELECT", NULL,
			 round_state.stormy ? 2 : round_state.unordered ? 1 : 0);
	round_state.stormy = false;
}

const Action replica_actions[] =
{
	{"follow", 3, follow},
	{"hold", 6, hold},
	{"compare changes", 2, compare_changes},
	{NULL, 0, NULL}
};
