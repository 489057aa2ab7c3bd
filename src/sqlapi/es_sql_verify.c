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
#include "sqlapi/es_sql_table.h"
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
	rel = es_sql_open_table(PG_GETARG_OID(0), lockmode, "verify");

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
