/*-------------------------------------------------------------------------
 *
 * es_oracle_step.c
 *	  One step, of whatever kind, handed to the file that knows how.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_step.c
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "es_oracle.h"

void
step_begin_round(int sessions)
{
	queue_clear();
	side_begin_round(sessions);
	follow_begin_round();
}

/*
 * Run a step.  The answers are the caller's to clear; "why" gets what they do
 * not show themselves.
 */
Verdict
step_run(const Step *step, Answer answers[SIDES], PQExpBuffer why)
{
	memset(answers, 0, SIDES * sizeof(Answer));
	if (step->queued)
	{
		queue_add(step);
		return VERDICT_SAME;
	}
	switch (step->compare)
	{
		case COMPARE_CANCEL:
		case COMPARE_TIMEOUT:
		case COMPARE_END:
		case COMPARE_EXPIRE:
		case COMPARE_ANYTIME:
		case COMPARE_PAUSE:
		case COMPARE_CRASH:
		case COMPARE_RESTART:
			return interrupt_run(step, answers, why);
		case COMPARE_JOIN:
			return queue_run(answers, why);
		case COMPARE_STANDBY:
		case COMPARE_HOLD:
		case COMPARE_DECODE:
			return follow_run(step, answers, why);
		default:
			return side_run(step, answers, why);
	}
}
