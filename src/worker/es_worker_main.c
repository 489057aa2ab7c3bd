/*-------------------------------------------------------------------------
 *
 * es_worker_main.c
 *	  A worker's life: one database, table by table, until there is nothing
 *	  left to do or somebody wants it to leave.
 *
 * IDENTIFICATION
 *	  src/worker/es_worker_main.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/es_announce.h"
#include "compact/es_compact.h"
#include "table/es_table.h"
#include "worker/es_worker_internal.h"

PGDLLEXPORT void eventstore_worker_main(Datum arg);

/* ----------------------------------------------------------------
 * Duties
 * ----------------------------------------------------------------
 */

static bool
compaction_is_due(Relation rel)
{
	return es_compact_is_due(rel, false);
}

static bool
compact(Relation rel)
{
	EsCompactResult result;

	memset(&result, 0, sizeof(result));
	es_compact_table(rel, false, &result);
	elog(DEBUG1, "compacted table \"%s\": " UINT64_FORMAT " rows in %u batches, "
		 "%u blocks of %u units became %u blocks",
		 RelationGetRelationName(rel), result.rows, result.batches,
		 result.blocks_in, result.units_in, result.blocks_out);
	return result.units_in > 0 || result.batches > 0;
}

static const EsWorkerDuty duties[] = {
	{
		.name = "compact",
		.is_due = compaction_is_due,
		.perform = compact,
		.lockmode = ShareUpdateExclusiveLock,
		.gives_way = true
	}
};

/* ----------------------------------------------------------------
 * The tables of the database
 * ----------------------------------------------------------------
 */

/*
 * The access methods with our handler: one, where the extension is installed, and
 * those that somebody has made with it.
 */
static List *
list_access_methods(void)
{
	Relation	catalog = table_open(AccessMethodRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *oids = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_am	form = (Form_pg_am) GETSTRUCT(tuple);

		if (form->amtype == AMTYPE_TABLE && es_table_am_is_ours(form->oid))
			oids = lappend_oid(oids, form->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return oids;
}

/*
 * The tables with one of them.  Temporary ones belong to other sessions.
 */
static List *
list_tables(List *access_methods, MemoryContext context)
{
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *relids = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
		MemoryContext old;

		if ((form->relkind != RELKIND_RELATION &&
			 form->relkind != RELKIND_MATVIEW) ||
			form->relpersistence == RELPERSISTENCE_TEMP ||
			!list_member_oid(access_methods, form->relam))
			continue;
		old = MemoryContextSwitchTo(context);
		relids = lappend_oid(relids, form->oid);
		MemoryContextSwitchTo(old);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return relids;
}

/*
 * All event tables, in the current memory context.
 */
static List *
list_event_tables(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *access_methods;
	List	   *relids = NIL;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	pgstat_report_activity(STATE_RUNNING, "eventstore: look for event tables");
	access_methods = list_access_methods();
	if (access_methods != NIL)
		relids = list_tables(access_methods, context);
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);

	MemoryContextSwitchTo(context);
	return relids;
}

/* ----------------------------------------------------------------
 * The work
 * ----------------------------------------------------------------
 */

/*
 * While this is set, SIGINT cancels what runs: a duty of a table.  Any other
 * signal came too late for the table before.
 */
static volatile sig_atomic_t cancelable = false;

static void
cancel_duty(SIGNAL_ARGS)
{
	if (cancelable)
		StatementCancelHandler(postgres_signal_arg);
}

/*
 * Before a table: is there a reason to stop?  If not, SIGINT cancels what comes
 * next.  Whoever wants the worker to leave says so in shared memory first, then
 * by the signal; one of the two is seen.
 */
static bool
shall_stop(void)
{
	if (!PostmasterIsAlive())
		proc_exit(1);
	if (ProcDiePending)
		proc_exit(0);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	cancelable = true;
	return !es_worker || es_worker_must_leave();
}

static void
end_cancelable(void)
{
	cancelable = false;
	QueryCancelPending = false;
}

/*
 * One table, all duties.  Returns whether something was done; next_visit becomes
 * earlier if something was left.
 */
static bool
look_after_table(Oid relid, TimestampTz *next_visit)
{
	bool		done = false;
	bool		later = false;
	bool		failed = false;
	TimestampTz when;

	if (!es_worker_may_try(relid, &when))
	{
		*next_visit = Min(*next_visit, when);
		return false;
	}

	for (int i = 0; i < (int) lengthof(duties); i++)
	{
		switch (es_worker_perform(&duties[i], relid))
		{
			case ES_DUTY_IDLE:
				break;
			case ES_DUTY_DONE:
				done = true;
				break;
			case ES_DUTY_LATER:
				later = true;
				break;
			case ES_DUTY_FAILED:
				failed = true;
				break;
		}
	}

	if (failed)
	{
		es_worker_note_failure(relid, &when);
		*next_visit = Min(*next_visit, when);
	}
	else if (later)
		*next_visit = Min(*next_visit, es_worker_after_naps(1));
	else
		es_worker_note_success(relid);
	return done;
}

/*
 * Once over all tables.  Returns whether another time makes sense.
 */
static bool
look_after_database(void)
{
	List	   *relids;
	ListCell   *cell;
	bool		done = false;
	TimestampTz next_visit;

	/* rows that come from now on may be missed: they are news again */
	es_announce_reset(MyDatabaseId);

	relids = list_event_tables();
	if (relids == NIL)
	{
		es_worker_report(ES_FOUND_NOTHING, es_worker_after_naps(ES_WORKER_IDLE_NAPS));
		return false;
	}

	next_visit = es_worker_after_naps(ES_WORKER_IDLE_NAPS);
	es_worker_report(ES_FOUND_TABLES, es_worker_after_naps(1));
	foreach(cell, relids)
	{
		if (shall_stop())
			return false;
		if (look_after_table(lfirst_oid(cell), &next_visit))
			done = true;
		end_cancelable();
	}

	/* in a round that did something, more may have become due */
	if (done)
		next_visit = Min(next_visit, es_worker_after_naps(1));
	es_worker_report(ES_FOUND_TABLES, next_visit);
	return done && !es_worker_others_wait();
}

/*
 * As autovacuum: nothing that somebody has set for sessions may keep the worker
 * from its work, or make it dangerous.
 */
static void
override_settings(void)
{
	SetConfigOption("search_path", "", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("zero_damaged_pages", "false", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("ignore_checksum_failure", "false",
					PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("statement_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
	es_switch_off_transaction_timeout();
	SetConfigOption("lock_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("idle_in_transaction_session_timeout", "0",
					PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed",
					PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "false",
					PGC_SUSET, PGC_S_OVERRIDE);
	if (synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
		SetConfigOption("synchronous_commit", "local",
						PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("application_name", MyBgworkerEntry->bgw_type,
					PGC_USERSET, PGC_S_OVERRIDE);
}

void
eventstore_worker_main(Datum arg)
{
	EsWorkerOrder order;
	Oid			dboid;
	MemoryContext context;
	bool		more;

	pqsignal(SIGINT, cancel_duty);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);

	memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
	if (!es_worker_attach(order.index, order.generation, &dboid))
		proc_exit(0);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(dboid, InvalidOid, 0);
	override_settings();

	context = AllocSetContextCreate(TopMemoryContext, "eventstore worker",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	es_worker_report(ES_FOUND_TABLES, es_worker_after_naps(1));
	do
	{
		bool		stop = shall_stop();

		end_cancelable();
		MemoryContextReset(context);
		more = !stop && look_after_database();
	} while (more);

	proc_exit(0);
}
