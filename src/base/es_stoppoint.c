/*-------------------------------------------------------------------------
 *
 * es_stoppoint.c
 *	  Named points at which a test can crash, fail or stop a backend.
 *
 * IDENTIFICATION
 *	  src/base/es_stoppoint.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <unistd.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"

#include "base/es_compat.h"
#include "base/es_stoppoint.h"

#ifdef EVENTSTORE_TESTING

char	   *es_stop_point = NULL;

void
es_stoppoint_define(void)
{
	DefineCustomStringVariable("eventstore.stop_point",
							   "Stops the session at a named point.",
							   "NAME=crash, NAME=error, NAME=pause or NAME=hang; "
							   "exists in testing builds only.",
							   &es_stop_point,
							   "",
							   PGC_SUSET, GUC_NOT_IN_SAMPLE,
							   NULL, NULL, NULL);
}

/*
 * A stop point was passed while one is armed: act if it is this one.  In a
 * critical section the action must be "crash".
 */
void
es_stoppoint_reach(const char *name)
{
	size_t		length = strlen(name);
	const char *action;

	if (strncmp(es_stop_point, name, length) != 0 ||
		es_stop_point[length] != '=')
		return;
	action = es_stop_point + length + 1;

	if (strcmp(action, "crash") == 0)
	{
		kill(getpid(), SIGKILL);
		pause();
	}
	else if (CritSectionCount > 0)
		return;
	else if (strcmp(action, "error") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("stopped at \"%s\"", name)));
	else if (InterruptHoldoffCount > 0)
		return;					/* nobody could cancel it there */
	else if (strcmp(action, "pause") == 0)
	{
		Datum		key = Int64GetDatum(ES_STOP_LOCK);

		DirectFunctionCall1(pg_advisory_lock_shared_int8, key);
		DirectFunctionCall1(pg_advisory_unlock_shared_int8, key);
	}
	else if (strcmp(action, "hang") == 0)
	{
		for (;;)
		{
			CHECK_FOR_INTERRUPTS();
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, 0,
							 es_wait_event("EventStopPoint"));
			ResetLatch(MyLatch);
		}
	}
}

#endif							/* EVENTSTORE_TESTING */
