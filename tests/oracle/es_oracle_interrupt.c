/*-------------------------------------------------------------------------
 *
 * es_oracle_interrupt.c
 *	  Statements that are cancelled, ended or killed on the way, so that what is
 *	  left of them can be compared.
 *
 * Both sides must lose the same.  That is so by one of these rules:
 *
 *	  * The statement waits at a row of its own choice, in pause(), and is
 *		interrupted there, on both sides.
 *	  * It is interrupted at any time, but leaves nothing behind: it runs in a
 *		savepoint that is rolled back whether or not it was done, or it is a
 *		command that changes no answer, as VACUUM and compaction.
 *	  * The store's side goes first and may come to a stop point.  If it does,
 *		and is cancelled, the heap's side is cancelled after the statement.
 *	  * It takes the server with it.  Then both sides lose all transactions
 *		that had not ended; the store's side goes first, in a transaction that
 *		cannot end by itself.  WAL is flushed before, or what sequences lose
 *		would be different.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_interrupt.c
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "es_oracle.h"

/* Longer than anything takes to end. */
#define END_SECONDS		180

/*
 * Has the backend stopped, to wait for a lock?  Not if it waits for a transaction
 * that ends by itself, such as the one of this query.
 */
static bool
is_waiting(PGconn *conn)
{
	Answer		answer;
	bool		waiting;

	answer_ask(side_control(),
			   text("SELECT FROM pg_stat_activity, "
					"LATERAL pg_blocking_pids(pid) AS blockers "
					"WHERE pid = %d AND wait_event_type = 'Lock' "
					"AND (wait_event <> 'virtualxid' OR 0 = ANY (blockers) OR "
					"EXISTS (SELECT FROM pg_stat_activity b "
					"WHERE b.pid = ANY (blockers) "
					"AND b.state LIKE 'idle in transaction%%'))",
					PQbackendPID(conn)), NULL, &answer);
	waiting = answer.nrows > 0;
	answer_clear(&answer);
	return waiting;
}

/* true: it waits; false: it is done, without having waited. */
static bool
comes_to_wait(PGconn *conn)
{
	while (!answer_is_ready(conn, 1))
		if (is_waiting(conn))
			return true;
	return false;
}

static void
cancel(PGconn *conn, Delivery delivery)
{
	if (delivery == BY_CLIENT)
	{
		PGcancel   *handle = PQgetCancel(conn);
		char		error[256];

		PQcancel(handle, error, sizeof(error));
		PQfreeCancel(handle);
	}
	else if (delivery == BY_FUNCTION)
		side_must(side_control(), text("SELECT pg_cancel_backend(%d)",
									   PQbackendPID(conn)));
	/* timeouts come by themselves */
}

static void
set_timeouts(PGconn *conn, Delivery delivery)
{
	if (delivery != BY_LOCK_TIMEOUT)
		side_must(conn, "SET lock_timeout = 0");
	if (delivery == BY_STATEMENT_TIMEOUT)
		side_must(conn, "SET statement_timeout = 100");
}

/* In a transaction that failed, rolling back does it. */
static void
reset_settings(PGconn *conn)
{
	if (PQtransactionStatus(conn) != PQTRANS_INERROR)
		side_must(conn, "SET lock_timeout = " LOCK_TIMEOUT "; "
				  "SET statement_timeout = " STATEMENT_TIMEOUT);
}

/* Ask; interrupt it where it waits, if it does. */
static void
ask_and_cancel(PGconn *conn, const char *sql, const char *data,
			   Delivery delivery, Answer *answer)
{
	set_timeouts(conn, delivery);
	if (answer_send(conn, sql, answer))
	{
		if (delivery <= BY_CLIENT && comes_to_wait(conn))
			cancel(conn, delivery);
		answer_collect(conn, data, answer);
	}
	if (answer_is(answer, CODE_CANCELED))
		totals.interrupted++;
	reset_settings(conn);
}

static void
hold_stop_lock(bool hold)
{
	side_must(side_control(), hold ? "SELECT pg_advisory_lock(" STOP_LOCK ")" :
			  "SELECT pg_advisory_unlock(" STOP_LOCK ")");
}

static Verdict
run_cancel(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	hold_stop_lock(true);
	for (int side = 0; side < SIDES; side++)
		ask_and_cancel(side_session(side, step->session), side_sql(side, step),
					   step->data, step->distance, &answers[side]);
	hold_stop_lock(false);
	return side_compare(step, answers, why);
}

/* Under load the timeout may come before anything else that ends it. */
static Verdict
run_timeout(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	hold_stop_lock(true);
	for (int side = 0; side < SIDES; side++)
		ask_and_cancel(side_session(side, step->session), side_sql(side, step),
					   step->data, BY_STATEMENT_TIMEOUT, &answers[side]);
	hold_stop_lock(false);
	if (answer_failed(&answers[SIDE_HEAP]) &&
		answer_failed(&answers[SIDE_STORE]) &&
		answers[SIDE_HEAP].status == answers[SIDE_STORE].status &&
		!answer_is(&answers[SIDE_STORE], CODE_LOST))
		return VERDICT_SAME;
	return side_compare(step, answers, why);
}

/* The backend is ended where it waits, or after it is done. */
static Verdict
run_end(const Step *step, Answer answers[SIDES])
{
	hold_stop_lock(true);
	for (int side = 0; side < SIDES; side++)
	{
		PGconn	   *conn = side_session(side, step->session);

		side_must(conn, "SET lock_timeout = 0");
		if (!answer_send(conn, side_sql(side, step), &answers[side]))
			continue;
		if (comes_to_wait(conn))
			side_must(side_control(),
					  text("SELECT pg_terminate_backend(%d)",
						   PQbackendPID(conn)));
		answer_collect(conn, step->data, &answers[side]);
		totals.interrupted++;
	}
	hold_stop_lock(false);
	side_reopen(step->session);
	return VERDICT_SAME;
}

/* Wait until the server has closed the connection.  false: it does not. */
static bool
is_closed(PGconn *conn)
{
	struct pollfd fd;

	for (int i = 0; i < END_SECONDS * 10; i++)
	{
		fd.fd = PQsocket(conn);
		fd.events = POLLIN;
		if (fd.fd < 0 || PQstatus(conn) == CONNECTION_BAD)
			return true;
		if (poll(&fd, 1, 100) > 0 && !PQconsumeInput(conn))
			return true;
	}
	return false;
}

/* The statement sets a timeout, after which the idle session ends. */
static Verdict
run_expire(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	for (int side = 0; side < SIDES; side++)
	{
		PGconn	   *conn = side_session(side, step->session);

		answer_ask(conn, side_sql(side, step), NULL, &answers[side]);
		if (answer_failed(&answers[side]) || !is_closed(conn))
		{
			appendPQExpBuffer(why, "the %s's session did not end\n",
							  side_name[side]);
			return VERDICT_DIFFERENT;
		}
		totals.interrupted++;
	}
	side_reopen(step->session);
	return VERDICT_SAME;
}

/*
 * Cancelled after a time, wherever it is then, and undone in any case.  What
 * both answer is compared if both were quicker.
 */
static Verdict
run_anytime(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	bool		block;
	bool		compared = true;

	block = side_status(step->session) == PQTRANS_INTRANS;
	for (int side = 0; side < SIDES; side++)
	{
		PGconn	   *conn = side_session(side, step->session);

		if (block)
			side_must(conn, "SAVEPOINT anytime");
		if (answer_send(conn, side_sql(side, step), &answers[side]))
		{
			PQflush(conn);
			usleep(step->distance);
			cancel(conn, BY_CLIENT);
			answer_collect(conn, step->data, &answers[side]);
		}
		if (answer_is(&answers[side], CODE_LOST))
			return VERDICT_DIFFERENT;
		if (answer_is(&answers[side], CODE_CANCELED))
		{
			totals.interrupted++;
			compared = false;
		}
		if (block)
			side_must(conn, "ROLLBACK TO anytime; RELEASE anytime");
	}
	if (!compared)
		return VERDICT_SAME;
	return side_compare(step, answers, why);
}

/* In a transaction that failed, rolling back does it. */
static void
set_stop_point(PGconn *conn, const char *name, const char *action)
{
	if (strcmp(options.am, "heap") == 0 || !side_has_stop_points() ||
		PQtransactionStatus(conn) == PQTRANS_INERROR)
		return;
	side_must(conn, action ?
			  text("SET eventstore.stop_point = '%s=%s'", name, action) :
			  "SET eventstore.stop_point = ''");
}

/* Does it change no answer, done or not? */
static bool
is_maintenance(const Step *step)
{
	return strncmp(step->sql, "VACUUM", 6) == 0 ||
		strncmp(step->sql, "SELECT compact_now(", 19) == 0;
}

static Verdict
run_pause(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	Answer	   *heap = &answers[SIDE_HEAP];
	Answer	   *store = &answers[SIDE_STORE];
	PGconn	   *conn = side_session(SIDE_STORE, step->session);
	bool		cancelled;

	hold_stop_lock(true);
	set_stop_point(conn, step->cursor, "pause");
	ask_and_cancel(conn, side_sql(SIDE_STORE, step), step->data,
				   step->distance, store);
	set_stop_point(conn, NULL, NULL);
	cancelled = answer_is(store, CODE_CANCELED) ||
		answer_is(store, CODE_NO_LOCK);

	conn = side_session(SIDE_HEAP, step->session);
	if (cancelled && !is_maintenance(step))
		ask_and_cancel(conn, text("%s; SELECT pg_advisory_lock_shared("
								  STOP_LOCK ")", side_sql(SIDE_HEAP, step)),
					   step->data, step->distance, heap);
	else
		answer_ask(conn, side_sql(SIDE_HEAP, step), step->data, heap);
	hold_stop_lock(false);

	/* It may have come to an error before it came to the lock. */
	if (cancelled && (is_maintenance(step) ||
					  (answer_failed(heap) && heap->status == store->status)))
		return VERDICT_SAME;
	return side_compare(step, answers, why);
}

/* ----------------------------------------------------------------
 * Crashes
 * ----------------------------------------------------------------
 */

/* The server has crashed, or is about to, as soon as it notices. */
static Verdict
follow_crash(void)
{
	if (!is_closed(side_control()))
	{
		fprintf(stderr, "es_oracle: the server did not restart\n");
		exit(2);
	}
	totals.crashes++;
	side_reopen_all();
	return VERDICT_CRASHED;
}

static Verdict
run_crash(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	Answer	   *store = &answers[SIDE_STORE];
	PGconn	   *conn = side_session(SIDE_STORE, step->session);
	int			pid = PQbackendPID(conn);

	if (options.restart == NULL)
		return side_run(step, answers, why);
	side_flush();
	if (step->cursor[0] != '\0')
		set_stop_point(conn, step->cursor, "crash");
	if (answer_send(conn, side_sql(SIDE_STORE, step), store))
	{
		PQflush(conn);
		if (step->distance > 0)
		{
			usleep(step->distance);
			kill(pid, SIGKILL);
		}
		answer_collect(conn, step->data, store);
	}
	if (step->distance > 0 || PQstatus(conn) == CONNECTION_BAD)
		return follow_crash();
	set_stop_point(conn, NULL, NULL);
	answer_ask(side_session(SIDE_HEAP, step->session),
			   side_sql(SIDE_HEAP, step), step->data, &answers[SIDE_HEAP]);
	return side_compare(step, answers, why);
}

static Verdict
run_restart(void)
{
	if (options.restart == NULL)
		return VERDICT_SAME;
	side_flush();
	if (system(options.restart) != 0)
	{
		fprintf(stderr, "es_oracle: failed: %s\n", options.restart);
		exit(2);
	}
	return follow_crash();
}

Verdict
interrupt_run(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	switch (step->compare)
	{
		case COMPARE_CANCEL:
			return run_cancel(step, answers, why);
		case COMPARE_TIMEOUT:
			return run_timeout(step, answers, why);
		case COMPARE_END:
			return run_end(step, answers);
		case COMPARE_EXPIRE:
			return run_expire(step, answers, why);
		case COMPARE_ANYTIME:
			return run_anytime(step, answers, why);
		case COMPARE_PAUSE:
			return run_pause(step, answers, why);
		case COMPARE_CRASH:
			return run_crash(step, answers, why);
		default:
			return run_restart();
	}
}
