/*-------------------------------------------------------------------------
 *
 * es_worker_duty.c
 *	  One duty for one table, in a transaction of its own.
 *
 * The worker waits for no lock: what somebody else works on is left for later.
 * It gives way to whoever wants its lock, and it outlives every error.
 *
 * IDENTIFICATION
 *	  src/worker/es_worker_duty.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "commands/dbcommands.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/es_stoppoint.h"
#include "table/es_table.h"
#include "worker/es_worker_internal.h"

/* what is put back after the duty, whether it succeeded or not */
typedef struct Surroundings
{
	bool		changed;
	double		cost_delay;
	int			cost_limit;
	Oid			userid;
	int			sec_context;
	int			guc_nesting;
} Surroundings;

/* what messages name */
typedef struct Subject
{
	const EsWorkerDuty *duty;
	Oid			relid;
	char		schema[NAMEDATALEN];	/* "": the table is not known yet */
	char		table[NAMEDATALEN];
} Subject;

static void
add_context(void *arg)
{
	Subject    *subject = arg;

	if (subject->schema[0] != '\0')
		errcontext("eventstore worker: %s table \"%s.%s\"",
				   subject->duty->name, subject->schema, subject->table);
	else
		errcontext("eventstore worker: %s table with OID %u",
				   subject->duty->name, subject->relid);
}

/*
 * Find the names for messages and pg_stat_activity.
 */
static void
name_subject(Subject *subject, Relation rel)
{
	char	   *schema = get_namespace_name(RelationGetNamespace(rel));

	strlcpy(subject->schema, schema != NULL ? schema : "?", NAMEDATALEN);
	strlcpy(subject->table, RelationGetRelationName(rel), NAMEDATALEN);
}

/*
 * Let those who wait for our locks cancel us, as they would autovacuum, or not.
 */
static void
give_way(bool on)
{
	LWLockAcquire(ProcArrayLock, LW_EXCLUSIVE);
	if (on)
		MyProc->statusFlags |= PROC_IS_AUTOVACUUM;
	else
		MyProc->statusFlags &= ~PROC_IS_AUTOVACUUM;
	ProcGlobal->statusFlags[MyProc->pgxactoff] = MyProc->statusFlags;
	LWLockRelease(ProcArrayLock);
}

/*
 * Functions of the table's types, and whatever else of its owner's may be called,
 * run as in VACUUM: with the owner's privileges and no way to others.
 */
static void
enter_surroundings(Surroundings *around, Relation rel,
				   const EsWorkerDuty *duty)
{
	around->cost_delay = VacuumCostDelay;
	around->cost_limit = VacuumCostLimit;
	GetUserIdAndSecContext(&around->userid, &around->sec_context);
	around->changed = true;

	es_set_vacuum_costs(es_compaction_cost_delay >= 0 ?
						es_compaction_cost_delay : around->cost_delay,
						es_compaction_cost_limit > 0 ?
						es_compaction_cost_limit : around->cost_limit);
	VacuumCostBalance = 0;
	VacuumCostActive = es_compaction_cost_delay != 0 &&
		(es_compaction_cost_delay > 0 || around->cost_delay > 0);

	SetUserIdAndSecContext(rel->rd_rel->relowner,
						   around->sec_context | SECURITY_RESTRICTED_OPERATION);
	around->guc_nesting = NewGUCNestLevel();
	es_restrict_search_path();

	if (duty->gives_way)
		give_way(true);
}

/*
 * After an error the end of the transaction puts the user and the settings back.
 */
static void
leave_surroundings(Surroundings *around, const EsWorkerDuty *duty, bool failed)
{
	if (!around->changed)
		return;
	around->changed = false;

	if (duty->gives_way)
		give_way(false);
	if (!failed)
	{
		AtEOXact_GUC(false, around->guc_nesting);
		SetUserIdAndSecContext(around->userid, around->sec_context);
	}
	VacuumCostActive = false;
	es_set_vacuum_costs(around->cost_delay, around->cost_limit);
}

/*
 * Open a table that may have been dropped, or become something else, since it was
 * listed, without waiting.  NULL: not now; *gone: not later either.
 */
static Relation
open_without_waiting(Oid relid, LOCKMODE lockmode, bool *gone)
{
	Relation	rel;

	*gone = false;
	if (!ConditionalLockRelationOid(relid, lockmode))
		return NULL;
	rel = try_relation_open(relid, NoLock);
	if (rel != NULL && es_table_is_ours(rel) && !RelationUsesLocalBuffers(rel))
		return rel;

	if (rel != NULL)
		relation_close(rel, lockmode);
	else
		UnlockRelationOid(relid, lockmode);
	*gone = true;
	return NULL;
}

static EsDutyOutcome
perform_in_transaction(Subject *subject, Surroundings *around)
{
	const EsWorkerDuty *duty = subject->duty;
	Relation	rel;
	bool		gone;
	bool		due;
	bool		done;
	char		activity[2 * NAMEDATALEN + 64];

	rel = open_without_waiting(subject->relid, AccessShareLock, &gone);
	if (rel == NULL)
		return gone ? ES_DUTY_IDLE : ES_DUTY_LATER;
	name_subject(subject, rel);
	due = duty->is_due(rel);
	relation_close(rel, AccessShareLock);
	if (!due)
		return ES_DUTY_IDLE;

	rel = open_without_waiting(subject->relid, duty->lockmode, &gone);
	if (rel == NULL)
		return gone ? ES_DUTY_IDLE : ES_DUTY_LATER;
	name_subject(subject, rel);
	if (!duty->is_due(rel))
	{
		relation_close(rel, duty->lockmode);
		return ES_DUTY_IDLE;
	}

	snprintf(activity, sizeof(activity), "eventstore: %s %s.%s", duty->name,
			 subject->schema, subject->table);
	pgstat_report_activity(STATE_RUNNING, activity);

	/* what was read of the catalogs holds nobody's VACUUM back */
	InvalidateCatalogSnapshot();

	enter_surroundings(around, rel, duty);
	ES_STOP_POINT("worker-before-duty");
	done = duty->perform(rel);
	leave_surroundings(around, duty, false);

	relation_close(rel, NoLock);
	return done ? ES_DUTY_DONE : ES_DUTY_LATER;
}

/*
 * The transaction has failed.  Somebody who wants the table, or an administrator,
 * cancels the duty without any harm, so the log gets no error.
 */
static EsDutyOutcome
clean_up(MemoryContext context, Surroundings *around, const EsWorkerDuty *duty)
{
	bool		canceled;

	HOLD_INTERRUPTS();
	canceled = geterrcode() == ERRCODE_QUERY_CANCELED;
	if (!canceled)
		EmitErrorReport();
	AbortOutOfAnyTransaction();
	leave_surroundings(around, duty, true);
	MemoryContextSwitchTo(context);
	FlushErrorState();
	if (canceled)
		ereport(es_worker_must_leave() ? DEBUG1 : LOG,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling a task of the eventstore worker")));
	RESUME_INTERRUPTS();
	return canceled ? ES_DUTY_LATER : ES_DUTY_FAILED;
}

EsDutyOutcome
es_worker_perform(const EsWorkerDuty *duty, Oid relid)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorContextCallback callback;
	Subject		subject;
	Surroundings around;
	volatile EsDutyOutcome outcome = ES_DUTY_IDLE;

	memset(&subject, 0, sizeof(subject));
	memset(&around, 0, sizeof(around));
	subject.duty = duty;
	subject.relid = relid;
	callback.callback = add_context;
	callback.arg = &subject;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		outcome = perform_in_transaction(&subject, &around);
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		outcome = clean_up(context, &around, duty);
	}
	PG_END_TRY();

	error_context_stack = callback.previous;
	MemoryContextSwitchTo(context);
	pgstat_report_activity(STATE_IDLE, NULL);
	(void) pgstat_report_stat(false);
	return outcome;
}
