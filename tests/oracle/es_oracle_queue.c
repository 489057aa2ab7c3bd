/*-------------------------------------------------------------------------
 *
 * es_oracle_queue.c
 *	  Statements of all sessions at once: steps that are queued run when the
 *	  step "join" comes, each session's in their order, all sessions of both
 *	  sides at the same time.  They wait for each other as long as they like.
 *
 * What is compared is each session's answers, so the steps have to be such that
 * these do not depend on who is first; for those that do there are
 * COMPARE_STATE and COMPARE_ONCE.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_queue.c
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "es_oracle.h"

/* Longer than statement_timeout: everything hangs. */
#define STORM_SECONDS	150

typedef struct Queue
{
	const Step **steps;
	Answer	   *answers[SIDES];
	int			nsteps;
	int			room;
	int			at[SIDES];		/* the step that runs */
} Queue;

static Queue queues[MAX_SESSIONS];

void
queue_clear(void)
{
	for (int i = 0; i < MAX_SESSIONS; i++)
	{
		Queue	   *queue = &queues[i];

		for (int side = 0; side < SIDES; side++)
		{
			for (int j = 0; j < queue->nsteps; j++)
				answer_clear(&queue->answers[side][j]);
			queue->at[side] = 0;
		}
		queue->nsteps = 0;
	}
}

/* The step has to live until the queue has run. */
void
queue_add(const Step *step)
{
	Queue	   *queue = &queues[step->session];

	if (queue->nsteps == queue->room)
	{
		queue->room = queue->room ? queue->room * 2 : 64;
		queue->steps = realloc(queue->steps, queue->room * sizeof(Step *));
		for (int side = 0; side < SIDES; side++)
			queue->answers[side] = realloc(queue->answers[side],
										   queue->room * sizeof(Answer));
	}
	for (int side = 0; side < SIDES; side++)
		memset(&queue->answers[side][queue->nsteps], 0, sizeof(Answer));
	queue->steps[queue->nsteps++] = step;
}

/* Send the session's next step, and those after it that cannot be sent. */
static void
send_next(int side, int session)
{
	Queue	   *queue = &queues[session];

	while (queue->at[side] < queue->nsteps &&
		   !answer_send(side_session(side, session),
						side_sql(side, queue->steps[queue->at[side]]),
						&queue->answers[side][queue->at[side]]))
		queue->at[side]++;
}

/* Take what has come for a session, as far as that needs no waiting. */
static void
take_answers(int side, int session)
{
	Queue	   *queue = &queues[session];
	PGconn	   *conn = side_session(side, session);

	while (queue->at[side] < queue->nsteps && answer_is_ready(conn, 0))
		if (!answer_take(conn, queue->steps[queue->at[side]]->data,
						 &queue->answers[side][queue->at[side]]))
		{
			queue->at[side]++;
			send_next(side, session);
		}
}

/* Run all queues to their ends.  false: nothing has moved for a long time. */
static bool
run_all(void)
{
	for (int i = 0; i < MAX_SESSIONS; i++)
		for (int side = 0; side < SIDES; side++)
			if (queues[i].nsteps > 0)
				send_next(side, i);
	for (;;)
	{
		struct pollfd fds[SIDES * MAX_SESSIONS];
		int			n = 0;

		for (int i = 0; i < MAX_SESSIONS; i++)
			for (int side = 0; side < SIDES; side++)
			{
				take_answers(side, i);
				if (queues[i].at[side] == queues[i].nsteps)
					continue;
				fds[n].fd = PQsocket(side_session(side, i));
				fds[n++].events = POLLIN;
			}
		if (n == 0)
			return true;
		if (poll(fds, n, STORM_SECONDS * 1000) == 0)
			return false;
	}
}

/* The answers of the two sides, step by step; those that differ are returned. */
static Verdict
compare_all(Answer answers[SIDES], PQExpBuffer why)
{
	for (int i = 0; i < MAX_SESSIONS; i++)
		for (int j = 0; j < queues[i].nsteps; j++)
		{
			const Step *step = queues[i].steps[j];
			Answer		both[SIDES];

			for (int side = 0; side < SIDES; side++)
				both[side] = queues[i].answers[side][j];
			if (side_compare(step, both, why) == VERDICT_SAME)
				continue;
			appendPQExpBuffer(why, "session %d, queued: %s\n", i, step->sql);
			for (int side = 0; side < SIDES; side++)
			{
				answers[side] = both[side];
				memset(&queues[i].answers[side][j], 0, sizeof(Answer));
			}
			return VERDICT_DIFFERENT;
		}
	return VERDICT_SAME;
}

Verdict
queue_run(Answer answers[SIDES], PQExpBuffer why)
{
	Verdict		verdict = VERDICT_DIFFERENT;

	if (run_all())
		verdict = compare_all(answers, why);
	else
		appendPQExpBufferStr(why, "all sessions wait\n");
	totals.storms++;
	queue_clear();
	return verdict;
}
