/*-------------------------------------------------------------------------
 *
 * es_oracle_side.c
 *	  The two sides: their connections, and one step run on both.
 *
 * But in a storm only one statement runs at a time, so a statement that has to
 * wait for another session would wait for ever: lock_timeout ends it, on both
 * sides.
 *
 * Two answers may differ lawfully in one way.  Serializable isolation may see
 * a conflict where there is none, and the sides differ in what makes it do so
 * (pages of indexes, plans).  Then the session is rolled back on both sides; at
 * COMMIT, where that comes too late, the round ends.
 *
 * Rows of a cursor without an order come as the side likes.  So what is
 * compared is how many rows each FETCH returns, that a row fetched again is the
 * same on the same side, and all rows once the end was reached.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_side.c
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "es_oracle.h"

/* How long a server may take to restart after a crash. */
#define RESTART_SECONDS	180

#define MAX_TRACKED		64

/* A cursor without an order, and the rows that it has shown. */
typedef struct Tracked
{
	int			session;
	char		name[16];
	int			position;		/* 0: before the first row */
	int			nrows;			/* seen so far, from the first on */
	int			room;
	char	  **rows[SIDES];
} Tracked;

const char *const side_name[SIDES] = {"heap", "store"};

static PGconn *control;
static PGconn *sessions[SIDES][MAX_SESSIONS];
static Tracked tracked[MAX_TRACKED];
static int	ntracked;
static bool have_amcheck;
static bool have_stop_points;
static int	nsessions;

static const char *const session_settings =
"SET lock_timeout = " LOCK_TIMEOUT "; "
"SET statement_timeout = " STATEMENT_TIMEOUT "; "
"SET client_min_messages = error; SET synchronize_seqscans = off; "
"SET jit = off; SET timezone = 'UTC'; SET datestyle = 'ISO'; "
"SET extra_float_digits = 1; SET bytea_output = 'hex'";

/*
 * Lets a statement wait at row x, as long as the runner of interruptions holds
 * the lock.
 */
static const char pause_function[] =
"CREATE FUNCTION oracle_%s.pause(i bigint, x bigint) RETURNS bigint "
"LANGUAGE plpgsql IMMUTABLE AS 'BEGIN IF i = x THEN "
"PERFORM pg_advisory_lock_shared(" STOP_LOCK "); "
"PERFORM pg_advisory_unlock_shared(" STOP_LOCK "); END IF; RETURN i; END'";

/*
 * Compacts the event tables that a table is or consists of.  The lock is given
 * back at once, in a subtransaction, as nobody has it on the heap's side; where it
 * cannot be had, or the transaction may not compact, nothing is done.
 */
static const char compact_function[] =
"CREATE FUNCTION oracle_%s.compact_now(t text, n integer) RETURNS void "
"LANGUAGE plpgsql AS 'DECLARE c oid; BEGIN "
"FOR c IN SELECT k.oid FROM pg_class k JOIN pg_am a ON a.oid = k.relam "
"WHERE a.amname = ''eventstore'' AND k.oid IN (SELECT to_regclass(t) "
"UNION SELECT relid FROM pg_partition_tree(to_regclass(t))) LOOP BEGIN "
"PERFORM set_config(''eventstore.batch_rows'', n::text, true); "
"PERFORM eventstore.compact(c); RAISE division_by_zero; "
"EXCEPTION WHEN division_by_zero OR lock_not_available OR undefined_table "
"OR insufficient_privilege OR object_not_in_prerequisite_state "
"OR feature_not_supported THEN NULL; END; END LOOP; END'";

static const char own_types[] =
"CREATE TYPE oracle_%s.mood AS ENUM ('sad', 'ok', 'happy'); "
"CREATE DOMAIN oracle_%s.positive AS bigint CHECK (VALUE > 0); "
"CREATE TYPE oracle_%s.pair AS (a integer, b text)";

static const char *
side_am(int side)
{
	return side == SIDE_HEAP ? "heap" : options.am;
}

static void
ignore_notice(void *arg, const char *message)
{
	(void) arg;
	(void) message;
}

/* Waits for a server that has been there before: it may be restarting. */
static PGconn *
open_connection(void)
{
	static int	tries = 1;
	const char *const keywords[] = {"host", "port", "dbname",
	"application_name", NULL};
	const char *const values[] = {options.host, options.port, options.dbname,
	"es_oracle", NULL};
	PGconn	   *conn = NULL;

	for (int i = 0; i < tries; i++)
	{
		PQfinish(conn);
		conn = PQconnectdbParams(keywords, values, 0);
		if (PQstatus(conn) == CONNECTION_OK)
		{
			tries = RESTART_SECONDS * 10;
			return conn;
		}
		usleep(100 * 1000);
	}
	fprintf(stderr, "es_oracle: %s", PQerrorMessage(conn));
	exit(2);
}

/* For what cannot fail: an error ends the program. */
void
side_must(PGconn *conn, const char *sql)
{
	Answer		answer;

	answer_ask(conn, sql, NULL, &answer);
	if (answer_failed(&answer))
	{
		fprintf(stderr, "es_oracle: %s: %s: %s\n", sql, answer.code,
				answer.message);
		exit(2);
	}
	answer_clear(&answer);
}

/* Make a connection a session of that side. */
void
side_set_up(PGconn *conn, int side)
{
	PQsetNoticeProcessor(conn, ignore_notice, NULL);
	side_must(conn, session_settings);
	side_must(conn, text("SET search_path = oracle_%s, public; "
						 "SET default_table_access_method = %s",
						 side_name[side], side_am(side)));
}

static void
open_session(int side, int session)
{
	PGconn	   *conn = open_connection();

	side_set_up(conn, side);
	sessions[side][session] = conn;
}

/* What psql needs to run a script of one session on the store's side. */
void
side_print_setup(FILE *file)
{
	fprintf(file, "CREATE SCHEMA oracle_store;\n"
			"SET search_path = oracle_store, public;\n"
			"SET default_table_access_method = %s;\n%s;\n"
			"CREATE FUNCTION seven() RETURNS integer LANGUAGE plpgsql VOLATILE "
			"AS 'BEGIN RETURN 7; END';\n", options.am, session_settings);
	fprintf(file, pause_function, "store");
	fputs(";\n", file);
	fprintf(file, compact_function, "store");
	fputs(";\n", file);
	fprintf(file, own_types, "store", "store", "store");
	fputs(";\nCREATE ROLE oracle_user;\n", file);
}

static void
drop_tracked(int i)
{
	for (int side = 0; side < SIDES; side++)
	{
		for (int j = 0; j < tracked[i].nrows; j++)
			free(tracked[i].rows[side][j]);
		free(tracked[i].rows[side]);
	}
	tracked[i] = tracked[--ntracked];
}

/* With session < 0: all. */
static void
drop_tracked_of(int session)
{
	for (int i = ntracked - 1; i >= 0; i--)
		if (session < 0 || tracked[i].session == session)
			drop_tracked(i);
}

static bool
control_has(const char *sql)
{
	Answer		answer;
	bool		found;

	answer_ask(control, sql, NULL, &answer);
	found = answer.nrows > 0;
	answer_clear(&answer);
	return found;
}

static void
open_control(void)
{
	if (control != NULL)
		PQfinish(control);
	control = open_connection();
	side_must(control, session_settings);

	/* It would take locks on one side only, and let statements there fail. */
	side_must(control, "ALTER SYSTEM SET autovacuum = off");
	side_must(control, "SELECT pg_reload_conf()");
	if (strcmp(options.am, "heap") != 0)
		side_must(control, text("CREATE EXTENSION IF NOT EXISTS %s", options.am));

	if (!control_has("SELECT FROM pg_roles WHERE rolname = 'oracle_user'"))
		side_must(control, "CREATE ROLE oracle_user");

	/* A rewrite for SET ACCESS METHOD on the heap's side too. */
	if (!control_has("SELECT FROM pg_am WHERE amname = 'oracle_heap'"))
		side_must(control, "CREATE ACCESS METHOD oracle_heap TYPE TABLE "
			 "HANDLER heap_tableam_handler");
	have_amcheck = control_has("SELECT FROM pg_available_extensions "
							   "WHERE name = 'amcheck'");
	if (have_amcheck)
		side_must(control, "CREATE EXTENSION IF NOT EXISTS amcheck");
	have_stop_points = control_has("SELECT FROM pg_settings "
								   "WHERE name = 'eventstore.stop_point'");
}

static void
roll_back_prepared(void)
{
	Answer		answer;

	answer_ask(control, "SELECT gid FROM pg_prepared_xacts "
			   "WHERE gid LIKE 'oracle%' AND database = current_database()",
			   NULL, &answer);
	for (int i = 0; i < answer.nrows; i++)
		side_must(control, text("ROLLBACK PREPARED '%s'", answer.rows[i]));
	answer_clear(&answer);
}

/*
 * New connections, empty schemas.  What an earlier round, or an earlier run
 * that failed, has left is dropped.
 */
void
side_begin_round(int n)
{
	nsessions = n;
	drop_tracked_of(-1);
	for (int i = 0; i < MAX_SESSIONS; i++)
		for (int side = 0; side < SIDES; side++)
		{
			PQfinish(sessions[side][i]);
			sessions[side][i] = NULL;
		}
	open_control();
	side_must(control, "SELECT pg_terminate_backend(pid, 30000) "
		 "FROM pg_stat_activity WHERE application_name = 'es_oracle' "
		 "AND datname = current_database() AND pid <> pg_backend_pid()");
	roll_back_prepared();

	for (int side = 0; side < SIDES; side++)
	{
		side_must(control, text("DROP SCHEMA IF EXISTS oracle_%s CASCADE",
						   side_name[side]));
		side_must(control, text("CREATE SCHEMA oracle_%s", side_name[side]));
		side_must(control, text("CREATE FUNCTION oracle_%s.seven() RETURNS integer "
						   "LANGUAGE plpgsql VOLATILE "
						   "AS 'BEGIN RETURN 7; END'", side_name[side]));
		side_must(control, text(pause_function, side_name[side]));
		side_must(control, text(compact_function, side_name[side]));
		side_must(control, text(own_types, side_name[side], side_name[side],
								side_name[side]));
		side_must(control, text("GRANT ALL ON SCHEMA oracle_%s TO oracle_user",
								side_name[side]));
		for (int i = 0; i < n; i++)
			open_session(side, i);
	}
	side_must(control, "SET search_path = oracle_heap, public");
}

bool
side_has_amcheck(void)
{
	return have_amcheck;
}

PGTransactionStatusType
side_status(int session)
{
	return PQtransactionStatus(sessions[SIDE_HEAP][session]);
}

bool
side_has_stop_points(void)
{
	return have_stop_points;
}

/* For what is no step of a session. */
PGconn *
side_control(void)
{
	return control;
}

/* Flush all WAL, that of transactions which have not ended included. */
void
side_flush(void)
{
	side_must(control, "SELECT pg_logical_emit_message(true, 'oracle', '')");
}

PGconn *
side_session(int side, int session)
{
	return sessions[side][session];
}

/* What the side is asked. */
const char *
side_sql(int side, const Step *step)
{
	return side == SIDE_HEAP && step->heap_sql != NULL ?
		step->heap_sql : step->sql;
}

/*
 * The output of COPY .. TO STDOUT in the heap's schema, as the input of COPY
 * .. FROM; to be freed.  NULL after an error.
 */
char *
side_copy_out(const char *sql)
{
	PQExpBufferData out;
	Answer		answer;
	char	   *data;

	answer_ask(control, sql, NULL, &answer);
	initPQExpBuffer(&out);
	for (int i = 0; i < answer.nrows; i++)
		appendPQExpBuffer(&out, "%s\n", answer.rows[i]);
	data = answer_failed(&answer) ? NULL : strdup(out.data);
	termPQExpBuffer(&out);
	answer_clear(&answer);
	return data;
}

/* End the session's backends wherever they are, and begin a new session. */
void
side_reopen(int session)
{
	for (int side = 0; side < SIDES; side++)
	{
		side_must(control, text("SELECT pg_terminate_backend(%d, 30000)",
						   PQbackendPID(sessions[side][session])));
		PQfinish(sessions[side][session]);
		open_session(side, session);
	}
	totals.transactions++;
	drop_tracked_of(session);
}

/* All sessions anew, on a server that has restarted or is about to. */
void
side_reopen_all(void)
{
	drop_tracked_of(-1);
	for (int i = 0; i < nsessions; i++)
		for (int side = 0; side < SIDES; side++)
		{
			PQfinish(sessions[side][i]);
			sessions[side][i] = NULL;
		}
	open_control();
	side_must(control, "SET search_path = oracle_heap, public");
	for (int i = 0; i < nsessions; i++)
		for (int side = 0; side < SIDES; side++)
			open_session(side, i);
}

/* ----------------------------------------------------------------
 * Cursors without an order
 * ----------------------------------------------------------------
 */

static int
find_tracked(const Step *step)
{
	for (int i = 0; i < ntracked; i++)
		if (tracked[i].session == step->session &&
			strcmp(tracked[i].name, step->cursor) == 0)
			return i;
	return -1;
}

static void
track(const Step *step)
{
	int			i = find_tracked(step);

	if (i >= 0)
		drop_tracked(i);
	if (ntracked == MAX_TRACKED)
		drop_tracked(0);
	memset(&tracked[ntracked], 0, sizeof(Tracked));
	tracked[ntracked].session = step->session;
	strcpy(tracked[ntracked].name, step->cursor);
	ntracked++;
}

/* Row number "at", from 0, shown again or for the first time. */
static bool
see_row(Tracked *cursor, int at, Answer answers[SIDES], int row)
{
	if (at < 0 || at > cursor->nrows)
		return false;
	if (at < cursor->nrows)
	{
		for (int side = 0; side < SIDES; side++)
			if (strcmp(cursor->rows[side][at], answers[side].rows[row]) != 0)
				return false;
		return true;
	}
	if (cursor->nrows == cursor->room)
	{
		cursor->room = cursor->room ? cursor->room * 2 : 16;
		for (int side = 0; side < SIDES; side++)
			cursor->rows[side] = realloc(cursor->rows[side],
										 cursor->room * sizeof(char *));
	}
	for (int side = 0; side < SIDES; side++)
		cursor->rows[side][at] = strdup(answers[side].rows[row]);
	cursor->nrows++;
	return true;
}

/* All rows of the cursor, once it has reached the end. */
static bool
whole_cursor_agrees(const Tracked *cursor)
{
	size_t		size = cursor->nrows * sizeof(char *);
	char	  **copies[SIDES];
	bool		agree;

	if (cursor->nrows == 0)
		return true;
	for (int side = 0; side < SIDES; side++)
	{
		copies[side] = malloc(size);
		memcpy(copies[side], cursor->rows[side], size);
	}
	agree = rows_agree(copies[0], cursor->nrows, copies[1], cursor->nrows,
					   false);
	for (int side = 0; side < SIDES; side++)
		free(copies[side]);
	return agree;
}

/* Both answers have the same number of rows. */
static bool
follow_fetch(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	int			i = find_tracked(step);
	int			nrows = answers[0].nrows;
	Tracked    *cursor;

	if (i < 0)
		return true;
	cursor = &tracked[i];
	for (int row = 0; row < nrows; row++)
	{
		int			at;

		at = step->distance > 0 ?
			cursor->position + row : cursor->position - 2 - row;
		if (!see_row(cursor, at, answers, row))
		{
			appendPQExpBuffer(why, "row %d of the cursor is not what it was\n",
							  at + 1);
			return false;
		}
	}
	if (step->distance < 0)
		cursor->position = nrows < -step->distance ?
			0 : cursor->position + step->distance;
	else if (nrows == step->distance)
		cursor->position += nrows;
	else
	{
		cursor->position = cursor->nrows + 1;
		if (!whole_cursor_agrees(cursor))
		{
			appendPQExpBufferStr(why, "the cursor's rows differ as a whole\n");
			return false;
		}
	}
	return true;
}

/* ----------------------------------------------------------------
 * Steps
 * ----------------------------------------------------------------
 */

Step *
step_make(int session, Compare compare, const char *sql,
		  const char *heap_sql, const char *data)
{
	Step	   *step = calloc(1, sizeof(Step));

	step->session = session;
	step->compare = compare;
	step->sql = strdup(sql);
	if (heap_sql != NULL && strcmp(heap_sql, sql) != 0)
		step->heap_sql = strdup(heap_sql);
	if (data != NULL)
		step->data = strdup(data);
	return step;
}

void
step_free(Step *step)
{
	free(step->sql);
	free(step->heap_sql);
	free(step->data);
	free(step);
}

static bool
is_conflict(const Answer *answer)
{
	return answer_is(answer, CODE_CONFLICT);
}

/* One side alone found that it cannot be serialized. */
static Verdict
tolerate(const Step *step, const Answer answers[SIDES])
{
	totals.tolerated++;
	if (answers[SIDE_HEAP].status == PQTRANS_IDLE ||
		answers[SIDE_STORE].status == PQTRANS_IDLE)
		return VERDICT_DIVERGED;
	for (int side = 0; side < SIDES; side++)
		side_must(sessions[side][step->session], "ROLLBACK");
	drop_tracked_of(step->session);
	return VERDICT_ROLLED_BACK;
}

/* Run a statement on both sides and compare. */
Verdict
side_run(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	if (step->compare == COMPARE_TERMINATE)
	{
		side_reopen(step->session);
		return VERDICT_SAME;
	}
	for (int side = 0; side < SIDES; side++)
		answer_ask(sessions[side][step->session], side_sql(side, step),
				   step->data, &answers[side]);
	return side_compare(step, answers, why);
}

/* What follows from both answers to a statement. */
Verdict
side_compare(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	totals.statements++;
	if (is_conflict(&answers[SIDE_HEAP]) != is_conflict(&answers[SIDE_STORE]) &&
		!(step->compare == COMPARE_COMMIT && is_conflict(&answers[SIDE_HEAP])))
		return tolerate(step, answers);
	if (!answers_agree(&answers[SIDE_HEAP], &answers[SIDE_STORE],
					   step->compare, step->heap_sql == NULL) ||
		answer_is(&answers[SIDE_STORE], CODE_LOST))
		return VERDICT_DIFFERENT;
	if (answers[SIDE_HEAP].status == PQTRANS_IDLE)
	{
		totals.transactions++;
		drop_tracked_of(step->session);
	}
	if (!answer_failed(&answers[SIDE_HEAP]))
	{
		if (step->compare == COMPARE_DECLARE)
			track(step);
		else if (step->compare == COMPARE_FETCH &&
				 !follow_fetch(step, answers, why))
			return VERDICT_DIFFERENT;
	}
	return VERDICT_SAME;
}
