/*-------------------------------------------------------------------------
 *
 * es_table_build.c
 *	  Index builds: the rows of a table, or of a range of it, for a new
 *	  index; and those that a concurrent build has missed.
 *
 * Which rows are indexed, which count as alive, when another transaction is
 * waited for and what is counted are heap's rules
 * (heapam_index_build_range_scan).  Rows have one version, so nothing here
 * ever follows a chain.
 *
 * Ranges come, and progress goes, in TID blocks.
 *
 * IDENTIFICATION
 *	  src/table/es_table_build.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "format/es_page.h"
#include "table/es_table_internal.h"
#include "table/es_table_scan.h"

/*
 * What turns rows into index entries.
 */
typedef struct EsEntryMaker
{
	Relation	rel;
	Relation	index;
	IndexInfo  *info;
	EState	   *estate;
	ExprContext *econtext;
	ExprState  *predicate;
	TupleTableSlot *slot;
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];
} EsEntryMaker;

typedef enum EsRowFate
{
	ES_ROW_SKIP,
	ES_ROW_INDEX,
	ES_ROW_LOOK_AGAIN			/* whoever had to decide it has done so */
} EsRowFate;

/*
 * A walk of index_build_range_scan: how it was asked for, and what it counts.
 */
typedef struct EsBuildWalk
{
	EsScanDesc *scan;
	Snapshot	own_snapshot;	/* NULL: the scan's is not ours */
	bool		anyvisible;
	bool		unique;			/* uniqueness or exclusion is checked */
	bool		progress;
	BlockNumber first_block;
	BlockNumber nblocks;
	BlockNumber last_reported;
	double		rows;
} EsBuildWalk;

static void begin_entries(EsEntryMaker *maker, Relation rel, Relation index,
						  IndexInfo *info);
static bool make_entry(EsEntryMaker *maker, HeapTuple tuple);
static void end_entries(EsEntryMaker *maker);
static void begin_scan(EsBuildWalk *walk, Relation rel, bool concurrent,
					   TableScanDesc sscan);
static void limit_walk(EsBuildWalk *walk, BlockNumber start,
					   BlockNumber nblocks);
static void report_block(EsBuildWalk *walk, BlockNumber block);
static EsRowFate judge_row(EsBuildWalk *walk, HeapTuple tuple,
						   HTSV_Result verdict, bool *alive);
static EsRowFate judge_inserted_row(EsBuildWalk *walk, HeapTuple tuple);
static EsRowFate judge_deleted_row(EsBuildWalk *walk, HeapTuple tuple);
static void wait_for(EsBuildWalk *walk, HeapTuple tuple, TransactionId xid);
static bool index_has(ValidateIndexState *state, ItemPointer tid,
					  ItemPointer cursor, bool *have_cursor, bool *at_end);

/* ----------------------------------------------------------------
 * Entries
 * ----------------------------------------------------------------
 */

static void
begin_entries(EsEntryMaker *maker, Relation rel, Relation index,
			  IndexInfo *info)
{
	maker->rel = rel;
	maker->index = index;
	maker->info = info;

	/* expressions and the predicate of a partial index are evaluated here */
	maker->estate = CreateExecutorState();
	maker->econtext = GetPerTupleExprContext(maker->estate);
	maker->slot = table_slot_create(rel, NULL);
	maker->econtext->ecxt_scantuple = maker->slot;
	maker->predicate = ExecPrepareQual(info->ii_Predicate, maker->estate);
}

/*
 * The columns of a row's entry, in maker->values and isnull; they point into
 * the tuple.  false: the partial index has none.
 */
static bool
make_entry(EsEntryMaker *maker, HeapTuple tuple)
{
	MemoryContextReset(maker->econtext->ecxt_per_tuple_memory);
	es_slot_store_tuple(maker->slot, tuple, false);
	if (maker->predicate != NULL &&
		!ExecQual(maker->predicate, maker->econtext))
		return false;
	FormIndexDatum(maker->info, maker->slot, maker->estate, maker->values,
				   maker->isnull);
	return true;
}

static void
end_entries(EsEntryMaker *maker)
{
	ExecDropSingleTupleTableSlot(maker->slot);
	FreeExecutorState(maker->estate);

	/* these may have pointed into the estate */
	maker->info->ii_ExpressionsState = NIL;
	maker->info->ii_PredicateState = NULL;
}

/* ----------------------------------------------------------------
 * Building
 * ----------------------------------------------------------------
 */

double
es_table_index_build_range_scan(Relation rel, Relation index, IndexInfo *info,
								bool allow_sync, bool anyvisible,
								bool progress, BlockNumber start_block,
								BlockNumber nblocks,
								IndexBuildCallback callback,
								void *callback_state, TableScanDesc sscan)
{
	EsEntryMaker maker;
	EsBuildWalk walk = {0};
	HeapTuple	tuple;
	HTSV_Result verdict;

	walk.anyvisible = anyvisible;
	walk.progress = progress;
	walk.unique = info->ii_Unique || info->ii_ExclusionOps != NULL;
	Assert(!(anyvisible && walk.unique));
	begin_entries(&maker, rel, index, info);

	begin_scan(&walk, rel, info->ii_Concurrent, sscan);
	limit_walk(&walk, start_block, nblocks);

	while ((tuple = es_table_scan_next_row(walk.scan, true, &verdict)) != NULL)
	{
		bool		alive = true;

		CHECK_FOR_INTERRUPTS();
		report_block(&walk, ItemPointerGetBlockNumber(&tuple->t_self));
		if (walk.scan->judge != ES_JUDGE_VACUUM)
			walk.rows += 1;
		else if (judge_row(&walk, tuple, verdict, &alive) != ES_ROW_INDEX)
			continue;
		if (make_entry(&maker, tuple))
			callback(index, &tuple->t_self, maker.values, maker.isnull, alive,
					 callback_state);
	}

	report_block(&walk, walk.first_block + walk.nblocks);
	table_endscan((TableScanDesc) walk.scan);
	if (walk.own_snapshot != NULL)
		UnregisterSnapshot(walk.own_snapshot);
	end_entries(&maker);
	return walk.rows;
}

/*
 * Begin the scan, unless a parallel build was given one.
 *
 * A plain build has to index rows that only old snapshots see, so it looks at
 * all of them and decides itself; a concurrent one indexes what a snapshot
 * sees.  The scan of a parallel build was begun by the same rule.
 */
static void
begin_scan(EsBuildWalk *walk, Relation rel, bool concurrent,
		   TableScanDesc sscan)
{
	TransactionId oldest_xmin = InvalidTransactionId;

	if (!concurrent)
		oldest_xmin = GetOldestNonRemovableTransactionId(rel);
	if (sscan == NULL)
	{
		if (concurrent)
			walk->own_snapshot = RegisterSnapshot(GetTransactionSnapshot());
		sscan = table_beginscan_strat(rel, concurrent ?
									  walk->own_snapshot : SnapshotAny,
									  0, NULL, true, false);
	}
	Assert(concurrent ? IsMVCCSnapshot(sscan->rs_snapshot) :
		   sscan->rs_snapshot == SnapshotAny);
	Assert(!walk->anyvisible || !concurrent);

	walk->scan = (EsScanDesc *) sscan;
	if (!concurrent)
	{
		walk->scan->judge = ES_JUDGE_VACUUM;
		walk->scan->oldest_xmin = oldest_xmin;
	}
}

/*
 * Keep the walk to a range of TID blocks, and tell how many there are to come.
 */
static void
limit_walk(EsBuildWalk *walk, BlockNumber start, BlockNumber nblocks)
{
	EsScanDesc *scan = walk->scan;
	BlockNumber all = es_table_tid_blocks_below(scan->end);
	uint64		low = (uint64) start * ES_ROWS_PER_TID_BLOCK;
	uint64		high = scan->end;

	if (nblocks != InvalidBlockNumber)
		high = Min(high, low + (uint64) nblocks * ES_ROWS_PER_TID_BLOCK);
	walk->first_block = start;
	walk->nblocks = Min(nblocks, all > start ? all - start : 0);
	walk->last_reported = InvalidBlockNumber;

	/* participants of a parallel scan claim their ranges, which start at 0 */
	if (scan->base.rs_parallel != NULL)
		Assert(start == 0 && nblocks == InvalidBlockNumber);
	else
		es_table_scan_set_range(scan, Min(low, high), high);

	if (walk->progress)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL,
									 walk->nblocks);
}

static void
report_block(EsBuildWalk *walk, BlockNumber block)
{
	if (!walk->progress || block == walk->last_reported)
		return;
	walk->last_reported = block;
	pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE,
								 block - walk->first_block);
}

/*
 * Is a row to be indexed, and is it alive, that is, to be checked for
 * uniqueness? Counts it as ANALYZE does, else the two would set very different
 * reltuples.
 */
static EsRowFate
judge_row(EsBuildWalk *walk, HeapTuple tuple, HTSV_Result verdict, bool *alive)
{
	switch (verdict)
	{
		case HEAPTUPLE_DEAD:
			return ES_ROW_SKIP;
		case HEAPTUPLE_LIVE:
			walk->rows += 1;
			*alive = true;
			return ES_ROW_INDEX;
		case HEAPTUPLE_RECENTLY_DEAD:
			/* older transactions may use the index, and see the row */
			*alive = false;
			return ES_ROW_INDEX;
		case HEAPTUPLE_INSERT_IN_PROGRESS:
			*alive = true;
			return judge_inserted_row(walk, tuple);
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			*alive = false;
			return judge_deleted_row(walk, tuple);
	}
	elog(ERROR, "unexpected HeapTupleSatisfiesVacuum result");
	return ES_ROW_SKIP;			/* keep compiler quiet */
}

/*
 * A row of an open transaction is indexed, for if the build commits, so may
 * that have.  The caller's ShareLock keeps other writers out; so it is our
 * own, unless a range is summarised ("anyvisible"), or something released a
 * lock too early.
 */
static EsRowFate
judge_inserted_row(EsBuildWalk *walk, HeapTuple tuple)
{
	TransactionId xmin = HeapTupleHeaderGetXmin(tuple->t_data);

	if (walk->anyvisible || TransactionIdIsCurrentTransactionId(xmin))
	{
		walk->rows += 1;
		return ES_ROW_INDEX;
	}

	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("concurrent insert in progress within table \"%s\"",
					RelationGetRelationName(walk->scan->base.rs_rd))));

	/* indexing it could lead to an error of uniqueness that there is not */
	if (walk->unique)
	{
		wait_for(walk, tuple, xmin);
		return ES_ROW_LOOK_AGAIN;
	}
	return ES_ROW_INDEX;
}

static EsRowFate
judge_deleted_row(EsBuildWalk *walk, HeapTuple tuple)
{
	TransactionId xmax = HeapTupleHeaderGetUpdateXid(tuple->t_data);

	if (walk->anyvisible)
	{
		walk->rows += 1;
		return ES_ROW_INDEX;
	}
	if (TransactionIdIsCurrentTransactionId(xmax))
		return ES_ROW_INDEX;

	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("concurrent delete in progress within table \"%s\"",
					RelationGetRelationName(walk->scan->base.rs_rd))));

	/* taking it for dead could miss an error of uniqueness */
	if (walk->unique)
	{
		wait_for(walk, tuple, xmax);
		return ES_ROW_LOOK_AGAIN;
	}
	walk->rows += 1;
	return ES_ROW_INDEX;
}

/*
 * Wait until a transaction is decided, and go back so that the walk meets the
 * row again, judged anew.
 */
static void
wait_for(EsBuildWalk *walk, HeapTuple tuple, TransactionId xid)
{
	uint64		row = es_tid_to_row(&tuple->t_self);
	uint64		high = walk->scan->reader->high;

	XactLockTableWait(xid, walk->scan->base.rs_rd, &tuple->t_self,
					  XLTW_InsertIndexUnique);
	CHECK_FOR_INTERRUPTS();
	es_table_scan_set_range(walk->scan, row, high);
}

/* ----------------------------------------------------------------
 * Completing a concurrent build
 * ----------------------------------------------------------------
 */

/*
 * Insert entries for the rows that the snapshot sees and the index lacks, by
 * merging the rows with the sorted TIDs of its entries.  Both ascend.
 */
void
es_table_index_validate_scan(Relation rel, Relation index, IndexInfo *info,
							 Snapshot snapshot, ValidateIndexState *state)
{
	EsEntryMaker maker;
	TableScanDesc sscan;
	EsScanDesc *scan;
	HeapTuple	tuple;
	BlockNumber last_reported = InvalidBlockNumber;
	ItemPointerData cursor;
	bool		have_cursor = false;
	bool		at_end = false;

	begin_entries(&maker, rel, index, info);
	sscan = table_beginscan_strat(rel, snapshot, 0, NULL, true, false);
	scan = (EsScanDesc *) sscan;
	pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL,
								 es_table_tid_blocks_below(scan->end));

	while ((tuple = es_table_scan_next_row(scan, true, NULL)) != NULL)
	{
		BlockNumber block = ItemPointerGetBlockNumber(&tuple->t_self);

		CHECK_FOR_INTERRUPTS();
		state->htups += 1;
		if (block != last_reported)
		{
			pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, block);
			last_reported = block;
		}
		if (index_has(state, &tuple->t_self, &cursor, &have_cursor, &at_end) ||
			!make_entry(&maker, tuple))
			continue;
		index_insert(index, maker.values, maker.isnull, &tuple->t_self, rel,
					 info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
					 false, info);
		state->tups_inserted += 1;
	}

	table_endscan(sscan);
	end_entries(&maker);
}

/*
 * Advance *cursor to the first entry of the index at or after a TID; is it
 * there?
 */
static bool
index_has(ValidateIndexState *state, ItemPointer tid, ItemPointer cursor,
		  bool *have_cursor, bool *at_end)
{
	while (!*at_end &&
		   (!*have_cursor || ItemPointerCompare(cursor, tid) < 0))
	{
		Datum		value;
		bool		isnull;

		if (!es_tuplesort_getdatum(state->tuplesort, &value, &isnull))
		{
			*at_end = true;
			break;
		}
		Assert(!isnull);
		itemptr_decode(cursor, DatumGetInt64(value));
		*have_cursor = true;
#ifndef USE_FLOAT8_BYVAL
		pfree(DatumGetPointer(value));
#endif
	}
	return !*at_end && ItemPointerEquals(cursor, tid);
}
