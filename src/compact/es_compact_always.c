/*-------------------------------------------------------------------------
 *
 * es_compact_always.c
 *	  For tests: compact every event table of the database before every
 *	  statement, so that what a test does it does to batches.
 *
 * Only in a build for tests.
 *
 * IDENTIFICATION
 *	  src/compact/es_compact_always.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/es_compat.h"
#include "compact/es_compact.h"

#ifdef EVENTSTORE_TESTING

static bool compact_always = false;
static bool compacting = false;
static int	depth = 0;
static ExecutorStart_hook_type next_executor_start = NULL;
static ProcessUtility_hook_type next_process_utility = NULL;

static List *
find_event_tables(void)
{
	Oid			am = get_table_am_oid("eventstore", true);
	List	   *tables = NIL;
	Relation	pg_class;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!OidIsValid(am))
		return NIL;
	pg_class = table_open(RelationRelationId, AccessShareLock);
	scan = systable_beginscan(pg_class, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relam == am && form->relkind != RELKIND_PARTITIONED_TABLE)
			tables = lappend_oid(tables, form->oid);
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	return tables;
}

static void
compact_one(Oid relid)
{
	EsCompactResult result;
	Relation	rel;

	if (!ConditionalLockRelationOid(relid, ShareUpdateExclusiveLock))
		return;
	rel = try_relation_open(relid, NoLock);
	if (rel != NULL)
	{
		if (!RELATION_IS_OTHER_TEMP(rel) && es_compact_is_possible(rel) &&
			es_compact_is_due(rel, true))
			es_compact_table(rel, true, &result);
		relation_close(rel, NoLock);
	}
	UnlockRelationOid(relid, ShareUpdateExclusiveLock);
}

static void
compact_all(void)
{
	MemoryContext context;
	MemoryContext old;
	ListCell   *cell;
	int			flags = MyXactFlags;

	if (!compact_always || compacting || depth > 0 || RecoveryInProgress() ||
		!IsTransactionState() || IsAbortedTransactionBlockState() ||
		IsParallelWorker() || IsInParallelMode() ||
		!OidIsValid(MyDatabaseId))
		return;
	compacting = true;
	context = AllocSetContextCreate(CurrentMemoryContext, "compact always",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	PG_TRY();
	{
		foreach(cell, find_event_tables())
			compact_one(lfirst_oid(cell));
	}
	PG_FINALLY();
	{
		compacting = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);

	/* a temporary table that only we opened does not keep it from PREPARE */
	MyXactFlags = flags;
}

static void
executor_start(QueryDesc *query, int eflags)
{
	compact_all();
	if (next_executor_start != NULL)
		next_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
}

static void
process_utility(PlannedStmt *statement, const char *text, bool read_only,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *dest,
				QueryCompletion *completion)
{
	/* what ends or sets a transaction must be the first to look at it */
	if (context == PROCESS_UTILITY_TOPLEVEL &&
		!IsA(statement->utilityStmt, TransactionStmt) &&
		!IsA(statement->utilityStmt, VariableSetStmt) &&
		!IsA(statement->utilityStmt, LockStmt))
		compact_all();

	depth++;
	PG_TRY();
	{
		if (next_process_utility != NULL)
			next_process_utility(statement, text, read_only, context, params,
								 environment, dest, completion);
		else
			standard_ProcessUtility(statement, text, read_only, context,
									params, environment, dest, completion);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
}

void
es_compact_install_always(void)
{
	DefineCustomBoolVariable("eventstore.compact_always",
							 "Compacts all event tables before every "
							 "statement.",
							 NULL,
							 &compact_always,
							 false,
							 PGC_SUSET, GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}

#endif
