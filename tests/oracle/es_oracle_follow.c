/*-------------------------------------------------------------------------
 *
 * es_oracle_follow.c
 *	  What follows the server: a standby, on which both sides' tables are read,
 *	  and a logical slot, whose changes of both sides are compared.
 *
 * The standby is asked after it has replayed all that the server had written.
 * One transaction stays open there, in REPEATABLE READ, with a query: as long as
 * replay does not end it, for it needs what the transaction uses, the answer has
 * to stay what it was, whatever VACUUM and others do meanwhile.  Each side is
 * compared with itself, since replay may end one transaction alone.
 *
 * The slot's changes are those of test_decoding, transaction by transaction,
 * without the values that the storage supplies.  After a crash the slot may send
 * again what it has sent: transactions up to the last one seen are left out.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_follow.c
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "es_oracle.h"

/* How long the standby may take to replay. */
#define REPLAY_SECONDS	120

/* A query that meets a conflict with replay is asked again, so often. */
#define TRIES			20

static PGconn *standby[SIDES];

static struct
{
	PGconn	   *conn[SIDES];	/* NULL: no transaction is open */
	char	   *sql;
	Answer		first[SIDES];
}			held;

/* The end of the last transaction that the slot has sent. */
static unsigned long long decoded_to;

/* ----------------------------------------------------------------
 * The standby
 * ----------------------------------------------------------------
 */

static PGconn *
open_standby(int side)
{
	PGconn	   *conn = PQconnectdb(options.standby);

	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "es_oracle: standby: %s", PQerrorMessage(conn));
		exit(2);
	}
	side_set_up(conn, side);
	return conn;
}

/* A query's first value; valid as text() is. */
static const char *
ask_value(PGconn *conn, const char *sql)
{
	Answer		answer;
	const char *value;

	answer_ask(conn, sql, NULL, &answer);
	if (answer_failed(&answer) || answer.nrows == 0)
	{
		fprintf(stderr, "es_oracle: %s: %s\n", sql, answer.message);
		exit(2);
	}
	value = text("%s", answer.rows[0]);
	answer_clear(&answer);
	return value;
}

/*
 * Wait until the standby has replayed what the server has written so far, ends of
 * transactions included.  false: it does not.
 */
static bool
wait_for_replay(PQExpBuffer why)
{
	char		query[128];

	side_flush();
	/* outlives text(), which ask_value() uses each time */
	snprintf(query, sizeof(query),
			 "SELECT pg_last_wal_replay_lsn() >= '%s'::pg_lsn",
			 ask_value(side_control(), "SELECT pg_current_wal_flush_lsn()"));
	for (int i = 0; i < REPLAY_SECONDS * 500; i++)
	{
		if (ask_value(standby[SIDE_HEAP], query)[0] == 't')
			return true;
		usleep(2000);
	}
	appendPQExpBufferStr(why, "the standby does not replay\n");
	return false;
}

static bool
is_conflict_with_replay(const Answer *answer)
{
	return answer_is(answer, CODE_CONFLICT) || answer_is(answer, "40P01") ||
		answer_is(answer, CODE_LOST);
}

static void
ask_standby(int side, const char *sql, Answer *answer)
{
	for (int i = 0; i < TRIES; i++)
	{
		answer_clear(answer);
		answer_ask(standby[side], sql, NULL, answer);
		if (!is_conflict_with_replay(answer))
			return;
		totals.conflicts++;
		PQfinish(standby[side]);
		standby[side] = open_standby(side);
	}
}

static void
release(int side)
{
	PQfinish(held.conn[side]);
	held.conn[side] = NULL;
	answer_clear(&held.first[side]);
}

/* Open the transaction, on both sides or none. */
static Verdict
hold(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	free(held.sql);
	held.sql = strdup(step->sql);
	for (int side = 0; side < SIDES; side++)
	{
		release(side);
		held.conn[side] = open_standby(side);
		side_must(held.conn[side], "BEGIN ISOLATION LEVEL REPEATABLE READ");
		answer_ask(held.conn[side], step->sql, NULL, &answers[side]);
	}
	if (is_conflict_with_replay(&answers[SIDE_HEAP]) ||
		is_conflict_with_replay(&answers[SIDE_STORE]))
	{
		totals.conflicts++;
		for (int side = 0; side < SIDES; side++)
			release(side);
		return VERDICT_SAME;
	}
	if (!answers_agree(&answers[SIDE_HEAP], &answers[SIDE_STORE], COMPARE_SET,
					   true))
	{
		appendPQExpBufferStr(why, "on the standby\n");
		return VERDICT_DIFFERENT;
	}
	for (int side = 0; side < SIDES; side++)
	{
		if (answer_failed(&answers[side]))
			release(side);
		else
			answer_ask(held.conn[side], step->sql, NULL, &held.first[side]);
	}
	return VERDICT_SAME;
}

static Verdict
run_hold(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	if (held.sql == NULL || strcmp(held.sql, step->sql) != 0 ||
		(held.conn[SIDE_HEAP] == NULL && held.conn[SIDE_STORE] == NULL))
		return hold(step, answers, why);
	for (int side = 0; side < SIDES; side++)
	{
		Answer		both[SIDES];

		if (held.conn[side] == NULL)
			continue;
		answer_ask(held.conn[side], step->sql, NULL, &answers[side]);
		totals.followed++;
		if (is_conflict_with_replay(&answers[side]))
		{
			totals.conflicts++;
			release(side);
			continue;
		}
		both[SIDE_HEAP] = held.first[side];
		both[SIDE_STORE] = answers[side];
		if (answers_agree(&both[0], &both[1], COMPARE_SET, true))
			continue;
		appendPQExpBuffer(why, "a snapshot on the standby has changed, on the "
						  "side of %s; first it was what is said of heap:\n",
						  side_name[side]);
		answers[SIDE_STORE] = answers[side];
		answers[SIDE_HEAP] = held.first[side];
		return VERDICT_DIFFERENT;
	}
	return VERDICT_SAME;
}

static Verdict
run_standby(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	for (int side = 0; side < SIDES; side++)
		ask_standby(side, side_sql(side, step), &answers[side]);
	totals.followed++;
	if (answers_agree(&answers[SIDE_HEAP], &answers[SIDE_STORE], COMPARE_SET,
					  step->heap_sql == NULL))
		return VERDICT_SAME;
	appendPQExpBufferStr(why, "on the standby\n");
	return VERDICT_DIFFERENT;
}

/* ----------------------------------------------------------------
 * The slot
 * ----------------------------------------------------------------
 */

static unsigned long long
parse_lsn(const char *lsn)
{
	unsigned int high;
	unsigned int low;

	if (sscanf(lsn, "%X/%X", &high, &low) != 2)
		return 0;
	return (unsigned long long) high << 32 | low;
}

/* The end of a column's value as test_decoding prints it. */
static const char *
skip_value(const char *p)
{
	if (*p == 'B')
		p++;
	if (*p != '\'')
		return p + strcspn(p, " ");
	for (p++; *p != '\0'; p++)
		if (*p == '\'' && *++p != '\'')
			break;
	return p;
}

/*
 * The columns of an INSERT as both sides have them: no position, no id that the
 * storage made, no schema of a type.
 */
static void
append_columns(PQExpBuffer out, const char *p, const char *schema, bool seen)
{
	const char *id = NULL;
	size_t		id_length = 0;
	bool		given = false;

	while (*p != '\0')
	{
		const char *value = strstr(p, "]:");
		const char *end;

		if (value == NULL)
		{
			appendPQExpBufferStr(out, p);
			return;
		}
		end = skip_value(value + 2);
		if (strncmp(p, "event_id[", 9) == 0)
		{
			id = p;
			id_length = end - p;
		}
		else if (strncmp(p, "\"position\"[", 11) != 0)
		{
			const char *type = strstr(p, schema);
			const char *rest = p;

			appendPQExpBufferChar(out, ' ');
			if (type != NULL && type < value)
			{
				appendBinaryPQExpBuffer(out, p, type - p);
				rest = type + strlen(schema);
			}
			appendBinaryPQExpBuffer(out, rest, end - rest);
			given |= strncmp(p, "given[boolean]:true", 19) == 0;
		}
		p = *end == ' ' ? end + 1 : end;
	}
	if (id != NULL && given && !seen)
		appendPQExpBuffer(out, " %.*s", (int) id_length, id);
}

/* A change without its side's name; to be freed. */
static char *
plain_change(const char *change, const char *schema)
{
	PQExpBufferData out;
	const char *columns = strstr(change, ": INSERT: ");
	const char *p = change;
	const char *found;
	bool		seen;
	char	   *result;

	initPQExpBuffer(&out);
	while ((found = strstr(p, schema)) != NULL &&
		   (columns == NULL || found < columns))
	{
		appendBinaryPQExpBuffer(&out, p, found - p);
		p = found + strlen(schema);
	}
	if (columns == NULL)
		appendPQExpBufferStr(&out, p);
	else
	{
		seen = columns - p > 5 && strncmp(columns - 5, "_seen", 5) == 0;
		appendBinaryPQExpBuffer(&out, p, columns - p + 9);
		append_columns(&out, columns + 10, schema, seen);
	}
	result = strdup(out.data);
	termPQExpBuffer(&out);
	return result;
}

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static void
add_line(Answer *answer, char *line)
{
	if (answer->nrows == answer->room)
	{
		answer->room = answer->room ? answer->room * 2 : 64;
		answer->rows = realloc(answer->rows, answer->room * sizeof(char *));
	}
	answer->rows[answer->nrows++] = line;
}

/*
 * Sort what the slot sent, "BEGIN" to "COMMIT" of each transaction, into the two
 * sides.  A transaction that touches no table of ours vanishes.
 */
static void
split_changes(const Answer *sent, int looseness, Answer answers[SIDES])
{
	int			begun[SIDES] = {0, 0};

	for (int i = 0; i < sent->nrows; i++)
	{
		const char *tab = strchr(sent->rows[i], '\t');
		const char *change = tab + 1;

		if (strcmp(change, "BEGIN") == 0)
			for (int side = 0; side < SIDES; side++)
				begun[side] = answers[side].nrows;
		else if (strcmp(change, "COMMIT") != 0)
		{
			for (int side = 0; side < SIDES; side++)
			{
				const char *schema = text("oracle_%s.", side_name[side]);

				if (strncmp(change, "table ", 6) == 0 &&
					strncmp(change + 6, schema, strlen(schema)) == 0)
					add_line(&answers[side], plain_change(change, schema));
			}
		}
		else
		{
			bool		old = parse_lsn(sent->rows[i]) <= decoded_to;

			if (!old)
				decoded_to = parse_lsn(sent->rows[i]);
			for (int side = 0; side < SIDES; side++)
			{
				Answer	   *answer = &answers[side];
				int			n = answer->nrows - begun[side];

				if (n == 0)
					continue;
				if (old)
					while (answer->nrows > begun[side])
						free(answer->rows[--answer->nrows]);
				else if (looseness == 1)
					qsort(answer->rows + begun[side], n, sizeof(char *),
						  compare_lines);
				if (!old && looseness < 2)
					add_line(answer, strdup("COMMIT"));
			}
		}
	}
}

/*
 * What the slot has sent since the last time.  "distance": 0, everything in
 * order; 1, the changes of a transaction in any order; 2, all of them.
 */
static Verdict
run_decode(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	Answer		sent;

	answer_ask(side_control(),
			   text("SELECT lsn, data FROM pg_logical_slot_get_changes('%s', "
					"NULL, NULL, 'include-xids', '0', 'skip-empty-xacts', "
					"'1')", options.slot), NULL, &sent);
	if (answer_failed(&sent))
	{
		appendPQExpBuffer(why, "the slot: %s %s\n", sent.code, sent.message);
		answer_clear(&sent);
		return VERDICT_DIFFERENT;
	}
	for (int side = 0; side < SIDES; side++)
		strcpy(answers[side].code, "00000");
	split_changes(&sent, step->distance, answers);
	answer_clear(&sent);
	totals.decoded += answers[SIDE_STORE].nrows;
	if (rows_agree(answers[SIDE_HEAP].rows, answers[SIDE_HEAP].nrows,
				   answers[SIDE_STORE].rows, answers[SIDE_STORE].nrows,
				   step->distance < 2))
		return VERDICT_SAME;
	appendPQExpBufferStr(why, "in the changes that the slot sent\n");
	return VERDICT_DIFFERENT;
}

/* ----------------------------------------------------------------
 * Steps
 * ----------------------------------------------------------------
 */

/* After the server's side of the round has begun. */
void
follow_begin_round(void)
{
	for (int side = 0; side < SIDES; side++)
	{
		if (options.standby == NULL)
			break;
		release(side);
		PQfinish(standby[side]);
		standby[side] = open_standby(side);
	}
	if (options.slot == NULL)
		return;
	side_must(side_control(),
			  text("SELECT pg_create_logical_replication_slot('%s', "
				   "'test_decoding') WHERE NOT EXISTS (SELECT FROM "
				   "pg_replication_slots WHERE slot_name = '%s')", options.slot,
				   options.slot));
	side_must(side_control(),
			  text("SELECT pg_replication_slot_advance('%s', "
				   "pg_current_wal_flush_lsn())", options.slot));
	decoded_to = parse_lsn(ask_value(side_control(),
									 "SELECT pg_current_wal_flush_lsn()"));
}

/* Steps for what is not there are left out. */
Verdict
follow_run(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	if (step->compare == COMPARE_DECODE)
		return options.slot == NULL ? VERDICT_SAME :
			run_decode(step, answers, why);
	if (options.standby == NULL)
		return VERDICT_SAME;
	if (!wait_for_replay(why))
		return VERDICT_DIFFERENT;
	return step->compare == COMPARE_HOLD ? run_hold(step, answers, why) :
		run_standby(step, answers, why);
}
