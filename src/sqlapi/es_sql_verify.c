/*-------------------------------------------------------------------------
 *
 * es_sql_verify.c
 *	  verify(): every broken invariant of an event table, as a row.
 *
 * The storage checks its own pages.  Here is what only shows when rows are read
 * as rows: that the position column is the row's number, and that large values
 * can be read.
 *
 * IDENTIFICATION
 *	  src/sqlapi/es_sql_verify.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/relation.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "base/es_compat.h"
#include "store/es_store.h"
#include "table/es_table.h"

typedef struct VerifyState
{
	Tuplestorestate *tupstore;
	TupleDesc	tupdesc;
	uint64		nproblems;
} VerifyState;

/*
 * One row of the result.  Also the callback of es_store_verify.
 */
static void
report_problem(void *arg, BlockNumber block, uint64 row, const char *rule,
			   const char *problem)
{
	VerifyState *state = (VerifyState *) arg;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	values[0] = Int64GetDatum((int64) block);
	nulls[0] = (block == InvalidBlockNumber);
	values[1] = Int64GetDatum((int64) row);
	nulls[1] = (row == 0);
	values[2] = CStringGetTextDatum(rule);
	values[3] = CStringGetTextDatum(problem);
	tuplestore_putvalues(state->tupstore, state->tupdesc, values, nulls);

	pfree(DatumGetPointer(values[2]));
	pfree(DatumGetPointer(values[3]));
	state->nproblems++;
}

/*
 * Open a table to be verified: the caller must be allowed to, before any lock is
 * waited for or held.
 */
static Relation
open_store(Oid relid, LOCKMODE lockmode)
{
	char	   *relname = get_rel_name(relid);
	Relation	rel = NULL;

	if (relname != NULL)
	{
		if (!es_may_maintain(relid, GetUserId()))
			aclcheck_error(ACLCHECK_NOT_OWNER,
						   get_relkind_objtype(get_rel_relkind(relid)),
						   relname);
		rel = try_relation_open(relid, lockmode);
	}
	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));

	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot verify partitioned table \"%s\"",
						RelationGetRelationName(rel)),
				 errhint("Verify each of its partitions.")));
	if (!es_table_is_ours(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an event table",
						RelationGetRelationName(rel)),
				 errhint("Event tables are made by eventstore.create_store() or with USING eventstore.")));
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot verify temporary tables of other sessions")));
	if (!RelationIsPermanent(rel) && RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary or unlogged relations during recovery")));
	return rel;
}

/*
 * Read a value that is stored apart from its row.  Returns NULL, or the message
 * of the error if it is damaged; other errors, a cancel say, go on.
 *
 * The error is caught in a subtransaction of its own, which gives back what the
 * failed read held.
 */
static char *
try_detoast(struct varlena *value)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	ResourceOwner oldowner = CurrentResourceOwner;
	char	   *volatile problem = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(oldcontext);
	PG_TRY();
	{
		struct varlena *read = detoast_attr(value);

		if (read != value)
			pfree(read);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(oldcontext);
		CurrentResourceOwner = oldowner;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(oldcontext);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(oldcontext);
		CurrentResourceOwner = oldowner;

		/* whoever catches this one ends the subtransaction that is his own */
		if (edata->sqlerrcode != ERRCODE_DATA_CORRUPTED &&
			edata->sqlerrcode != ERRCODE_INDEX_CORRUPTED &&
			edata->sqlerrcode != ERRCODE_INTERNAL_ERROR)
			ReThrowError(edata);
		problem = pstrdup(edata->message);
		FreeErrorData(edata);
	}
	PG_END_TRY();
	return problem;
}

/*
 * The position column holds the row's number.
 */
static void
verify_position(VerifyState *state, TupleTableSlot *slot, AttrNumber attnum)
{
	uint64		row = es_tid_to_row(&slot->tts_tid);
	bool		isnull;
	Datum		value = slot_getattr(slot, attnum, &isnull);

	if (isnull)
		report_problem(state, InvalidBlockNumber, row, "position",
					   "the position is NULL");
	else if ((uint64) DatumGetInt64(value) != row)
		report_problem(state, InvalidBlockNumber, row, "position",
					   psprintf("the position is " INT64_FORMAT,
								DatumGetInt64(value)));
}

/*
 * Values that are stored apart from the row can be read, and values that are
 * compressed can be unpacked.
 */
static void
verify_values(VerifyState *state, TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;

	slot_getallattrs(slot);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		struct varlena *value;
		char	   *problem;

		if (att->attisdropped || att->attlen != -1 || slot->tts_isnull[i])
			continue;
		value = (struct varlena *) DatumGetPointer(slot->tts_values[i]);
		if (!VARATT_IS_EXTERNAL_ONDISK(value) && !VARATT_IS_COMPRESSED(value))
			continue;
		problem = try_detoast(value);
		if (problem != NULL)
			report_problem(state, InvalidBlockNumber,
						   es_tid_to_row(&slot->tts_tid), "large value",
						   psprintf("column \"%s\" cannot be read: %s",
									NameStr(att->attname), problem));
	}
}

/*
 * All rows that are visible now.  The pages are sound, or this would end at the
 * first that is not.
 */
static void
verify_rows(VerifyState *state, Relation rel)
{
	AttrNumber	position = es_table_roles(rel).position;
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	MemoryContext perrow = AllocSetContextCreate(CurrentMemoryContext,
												 "eventstore verify",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(perrow);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (position != 0)
			verify_position(state, slot, position);
		verify_values(state, slot);
		MemoryContextReset(perrow);
	}

	MemoryContextSwitchTo(oldcontext);
	MemoryContextDelete(perrow);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
}

PG_FUNCTION_INFO_V1(eventstore_verify);

/*
 * verify(store regclass) returns table (block bigint, row_number bigint,
 * rule text, problem text)
 */
Datum
eventstore_verify(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	VerifyState state;
	LOCKMODE	lockmode;
	Relation	rel;

	/* a standby cannot take more, and has nobody to keep out */
	lockmode = RecoveryInProgress() ?
		AccessShareLock : ShareUpdateExclusiveLock;
	rel = open_store(PG_GETARG_OID(0), lockmode);

	InitMaterializedSRF(fcinfo, 0);
	state.tupstore = rsinfo->setResult;
	state.tupdesc = rsinfo->setDesc;
	state.nproblems = 0;

	es_store_verify(rel, report_problem, &state);
	if (state.nproblems == 0)
		verify_rows(&state, rel);

	relation_close(rel, lockmode);
	return (Datum) 0;
}
