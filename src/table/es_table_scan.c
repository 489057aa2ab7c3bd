/*-------------------------------------------------------------------------
 *
 * es_table_scan.c
 *	  Walking a table: sequential, parallel, TID range and sample scans.
 *
 * A scan walks row numbers from 1 to an end that is fixed when it begins.  It
 * holds no lock and no pin between two rows: the reader below copies a page at
 * a time, and the slot points into that copy until the next row is asked for.
 *
 * Order at the begin of every scan: its snapshot exists; the predicate lock of
 * a serializable transaction is taken; then the end is read.  A row that is
 * added before the end was read is within the scan, and judged by the
 * snapshot; one that is added later meets the predicate lock.
 *
 * IDENTIFICATION
 *	  src/table/es_table_scan.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/skey.h"
#include "access/tableam.h"
#include "access/tsmapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "storage/smgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "format/es_page.h"
#include "table/es_table_internal.h"
#include "table/es_table_scan.h"

/*
 * A claim of a parallel scan is this part of the rows that are left: large at
 * first, small in the end, so that participants finish at about the same time.
 */
#define ES_CLAIM_PART		128
#define ES_CLAIM_MIN_ROWS	2048
#define ES_CLAIM_MAX_ROWS	(1024 * ES_ROWS_PER_TID_BLOCK)

/*
 * An index is built over claims of at least this many rows, and multiples of
 * it: 128 TID blocks, the range that BRIN summarises by default.  Participants
 * that share a range would each summarise their part of it.
 */
#define ES_CLAIM_BUILD_ROWS	(128 * ES_ROWS_PER_TID_BLOCK)

static void choose_strategy(EsScanDesc *scan);
static void find_end(EsScanDesc *scan);
static void begin_walk(EsScanDesc *scan, ScanKeyData *key);
static bool claim_rows(EsScanDesc *scan);
static void turn_around(EsScanDesc *scan, bool forward);
static bool keys_match(EsScanDesc *scan, HeapTuple tuple);
static bool find_sampled_row(EsScanDesc *scan, uint64 row);

/* ----------------------------------------------------------------
 * Begin, rescan, end
 * ----------------------------------------------------------------
 */

TableScanDesc
es_table_scan_begin(Relation rel, Snapshot snapshot, int nkeys,
					ScanKeyData *key, ParallelTableScanDesc pscan,
					uint32 flags)
{
	EsScanDesc *scan;

	/*
	 * The caller has the relation open.  This makes sure that the relcache
	 * entry stays while the scan points to it.
	 */
	RelationIncrementReferenceCount(rel);

	scan = (EsScanDesc *) palloc0(sizeof(EsScanDesc));
	scan->base.rs_rd = rel;
	scan->base.rs_snapshot = snapshot;
	scan->base.rs_nkeys = nkeys;
	scan->base.rs_flags = flags;
	scan->base.rs_parallel = pscan;
	if (nkeys > 0)
		scan->base.rs_key = (ScanKey) palloc(sizeof(ScanKeyData) * nkeys);

	scan->judge = (flags & SO_TYPE_ANALYZE) ?
		ES_JUDGE_VACUUM : ES_JUDGE_SNAPSHOT;
	if (!(flags & SO_TYPE_TIDSCAN))
		scan->reader = (EsReader *) palloc0(sizeof(EsReader));
	if (flags & SO_TYPE_ANALYZE)
		scan->by_tid_block = es_table_counts_tid_blocks(rel);
	if (flags & SO_TYPE_BITMAPSCAN)
		es_table_scan_begin_bitmap(scan);

	/*
	 * Scans that look at rows without an index protect what they did not find
	 * by a lock on the whole table.  A bitmap scan has locked pages of its
	 * indexes, and locks the rows that it returns.
	 */
	if (flags & (SO_TYPE_SEQSCAN | SO_TYPE_SAMPLESCAN | SO_TYPE_TIDRANGESCAN))
	{
		Assert(snapshot);
		PredicateLockRelation(rel, snapshot);
	}

	begin_walk(scan, key);
	return (TableScanDesc) scan;
}

void
es_table_scan_rescan(TableScanDesc sscan, ScanKeyData *key, bool set_params,
					 bool allow_strat, bool allow_sync, bool allow_pagemode)
{
	EsScanDesc *scan = (EsScanDesc *) sscan;

	/* whether to synchronise scans or to go by pages is no choice here */
	if (set_params)
	{
		if (allow_strat)
			scan->base.rs_flags |= SO_ALLOW_STRAT;
		else
			scan->base.rs_flags &= ~SO_ALLOW_STRAT;
	}
	if (scan->bitmap != NULL)
		es_table_scan_reset_bitmap(scan);
	begin_walk(scan, key);
}

void
es_table_scan_end(TableScanDesc sscan)
{
	EsScanDesc *scan = (EsScanDesc *) sscan;

	RelationDecrementReferenceCount(scan->base.rs_rd);

	if (scan->base.rs_key)
		pfree(scan->base.rs_key);
	if (scan->strategy != NULL)
		FreeAccessStrategy(scan->strategy);
	if (scan->reader != NULL)
	{
		es_reader_end(scan->reader);
		pfree(scan->reader);
	}
	if (scan->bitmap != NULL)
		es_table_scan_end_bitmap(scan);
	if (scan->base.rs_flags & SO_TEMP_SNAPSHOT)
		UnregisterSnapshot(scan->base.rs_snapshot);
	pfree(scan);
}

/*
 * What begin and rescan have in common.  The predicate lock is held.
 */
static void
begin_walk(EsScanDesc *scan, ScanKeyData *key)
{
	if (key != NULL && scan->base.rs_nkeys > 0)
		memcpy(scan->base.rs_key, key,
			   scan->base.rs_nkeys * sizeof(ScanKeyData));

	find_end(scan);
	choose_strategy(scan);
	scan->sample_block = InvalidBlockNumber;
	scan->gap_low = scan->gap_high = 0;
	scan->has_rows = false;
	if (scan->reader != NULL)
	{
		/* a participant of a parallel scan has to claim rows first */
		if (scan->base.rs_parallel != NULL)
			es_table_scan_set_range(scan, scan->end, scan->end);
		else
			es_table_scan_set_range(scan, ES_FIRST_ROW, scan->end);
	}

	/* as for heap, only sequential scans are counted */
	if (scan->base.rs_flags & SO_TYPE_SEQSCAN)
		pgstat_count_heap_scan(scan->base.rs_rd);
}

/*
 * Fix the end of the scan.  Called in every process, for it also makes the
 * cached units of this one valid for the snapshot; participants of a parallel
 * scan then agree on the end that the first of them found.
 */
static void
find_end(EsScanDesc *scan)
{
	EsParallelScanDesc *pscan = (EsParallelScanDesc *) scan->base.rs_parallel;

	scan->end = es_store_end_row(scan->base.rs_rd);
	if (pscan != NULL)
	{
		uint64		end = 0;

		/* 0 is the end of no scan, not even of an empty table */
		if (!pg_atomic_compare_exchange_u64(&pscan->end, &end, scan->end))
			scan->end = end;
	}
}

/*
 * Read a table that is large relative to shared buffers through a ring of
 * them.
 */
static void
choose_strategy(EsScanDesc *scan)
{
	Relation	rel = scan->base.rs_rd;

	if ((scan->base.rs_flags & SO_ALLOW_STRAT) != 0 &&
		!RelationUsesLocalBuffers(rel) &&
		smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM) >
		(BlockNumber) NBuffers / 4)
	{
		if (scan->strategy == NULL)
			scan->strategy = GetAccessStrategy(BAS_BULKREAD);
	}
	else if (scan->strategy != NULL)
	{
		FreeAccessStrategy(scan->strategy);
		scan->strategy = NULL;
	}
}

/* ----------------------------------------------------------------
 * Walking
 * ----------------------------------------------------------------
 */

void
es_table_scan_set_range(EsScanDesc *scan, uint64 low, uint64 high)
{
	es_reader_begin(scan->reader, scan->base.rs_rd, scan->judge,
					scan->base.rs_snapshot, scan->strategy, low, high);
	scan->reader->oldest_xmin = scan->oldest_xmin;
	scan->forward = true;
	scan->on_row = false;
}

bool
es_table_scan_step(EsScanDesc *scan, bool forward, HTSV_Result *verdict)
{
	if (unlikely(forward != scan->forward))
		turn_around(scan, forward);

	while (!es_reader_step(scan->reader, forward, verdict))
	{
		if (scan->base.rs_parallel == NULL || !claim_rows(scan))
		{
			scan->on_row = false;
			return false;
		}
	}
	scan->on_row = true;
	return true;
}

HeapTuple
es_table_scan_next_row(EsScanDesc *scan, bool forward, HTSV_Result *verdict)
{
	return es_table_scan_step(scan, forward, verdict) ?
		es_reader_tuple(scan->reader) : NULL;
}

void
es_table_scan_store(EsScanDesc *scan, TupleTableSlot *slot)
{
	EsReader   *reader = scan->reader;

	if (reader->in_batch)
		es_slot_store_batch_row(slot, reader->batch, reader->batch_index,
								RelationGetRelid(scan->base.rs_rd));
	else
		es_slot_store_tuple(slot, &reader->tuple, false);
}

/*
 * The reader stands between rows; a scan that turns around goes back from the
 * row that it returned last.
 */
static void
turn_around(EsScanDesc *scan, bool forward)
{
	EsReader   *reader = scan->reader;

	Assert(scan->base.rs_parallel == NULL);
	if (scan->on_row)
	{
		uint64		row = reader->row;

		es_reader_seek(reader, forward ? row + 1 : row);
	}
	else
		es_reader_seek(reader, forward ? reader->low : reader->high);
	scan->forward = forward;
}

/*
 * Claim the next range of a parallel scan; false: nothing is left.
 */
static bool
claim_rows(EsScanDesc *scan)
{
	EsParallelScanDesc *pscan = (EsParallelScanDesc *) scan->base.rs_parallel;
	uint64		unit = ES_ROWS_PER_TID_BLOCK;
	uint64		least = ES_CLAIM_MIN_ROWS;
	uint64		low = pg_atomic_read_u64(&pscan->next);
	uint64		high;

	if (scan->base.rs_snapshot == SnapshotAny)
		least = unit = ES_CLAIM_BUILD_ROWS;

	do
	{
		uint64		rows;

		if (low >= scan->end)
			return false;
		rows = (scan->end - low) / ES_CLAIM_PART;
		rows = Max(least, Min(rows, ES_CLAIM_MAX_ROWS));
		high = Min((low + rows) / unit * unit, scan->end);
	} while (!pg_atomic_compare_exchange_u64(&pscan->next, &low, high));

	es_table_scan_set_range(scan, low, high);
	return true;
}

/* ----------------------------------------------------------------
 * Sequential scans
 * ----------------------------------------------------------------
 */

bool
es_table_scan_getnextslot(TableScanDesc sscan, ScanDirection direction,
						  TupleTableSlot *slot)
{
	EsScanDesc *scan = (EsScanDesc *) sscan;
	bool		forward = !ScanDirectionIsBackward(direction);

	do
	{
		if (!es_table_scan_step(scan, forward, NULL))
		{
			ExecClearTuple(slot);
			return false;
		}
	} while (unlikely(scan->base.rs_nkeys > 0) &&
			 !keys_match(scan, es_reader_tuple(scan->reader)));

	pgstat_count_heap_getnext(scan->base.rs_rd);
	es_table_scan_store(scan, slot);
	return true;
}

/*
 * The executor evaluates conditions itself; keys come from callers in C.
 */
static bool
keys_match(EsScanDesc *scan, HeapTuple tuple)
{
	for (int i = 0; i < scan->base.rs_nkeys; i++)
	{
		ScanKey		key = &scan->base.rs_key[i];
		bool		isnull;
		Datum		value;

		if (key->sk_flags & SK_ISNULL)
			return false;
		value = heap_getattr(tuple, key->sk_attno,
							 RelationGetDescr(scan->base.rs_rd), &isnull);
		if (isnull ||
			!DatumGetBool(FunctionCall2Coll(&key->sk_func, key->sk_collation,
											value, key->sk_argument)))
			return false;
	}
	return true;
}

/* ----------------------------------------------------------------
 * TID range scans
 * ----------------------------------------------------------------
 */

void
es_table_scan_set_tidrange(TableScanDesc sscan, ItemPointer mintid,
						   ItemPointer maxtid)
{
	EsScanDesc *scan = (EsScanDesc *) sscan;
	uint64		low;
	uint64		high;

	/*
	 * Both bounds are inclusive, and neither needs to be a TID that a row can
	 * have.
	 */
	low = (uint64) ItemPointerGetBlockNumberNoCheck(mintid) *
		ES_ROWS_PER_TID_BLOCK +
		Min(Max(ItemPointerGetOffsetNumberNoCheck(mintid), 1),
			ES_ROWS_PER_TID_BLOCK + 1) - 1;
	high = (uint64) ItemPointerGetBlockNumberNoCheck(maxtid) *
		ES_ROWS_PER_TID_BLOCK +
		Min(ItemPointerGetOffsetNumberNoCheck(maxtid), ES_ROWS_PER_TID_BLOCK);

	low = Max(low, ES_FIRST_ROW);
	high = Min(high, scan->end);
	es_table_scan_set_range(scan, Min(low, high), high);
}

bool
es_table_scan_getnextslot_tidrange(TableScanDesc sscan,
								   ScanDirection direction,
								   TupleTableSlot *slot)
{
	/* the range is the reader's */
	return es_table_scan_getnextslot(sscan, direction, slot);
}

/* ----------------------------------------------------------------
 * Parallel scans
 * ----------------------------------------------------------------
 */

Size
es_table_parallelscan_estimate(Relation rel)
{
	return sizeof(EsParallelScanDesc);
}

Size
es_table_parallelscan_initialize(Relation rel, ParallelTableScanDesc pscan)
{
	EsParallelScanDesc *shared = (EsParallelScanDesc *) pscan;

	es_parallel_scan_set_relation(pscan, rel);
	pscan->phs_syncscan = false;
	pg_atomic_init_u64(&shared->next, ES_FIRST_ROW);
	pg_atomic_init_u64(&shared->end, 0);
	return sizeof(EsParallelScanDesc);
}

void
es_table_parallelscan_reinitialize(Relation rel, ParallelTableScanDesc pscan)
{
	EsParallelScanDesc *shared = (EsParallelScanDesc *) pscan;

	/* the same snapshot, hence the same end */
	pg_atomic_write_u64(&shared->next, ES_FIRST_ROW);
}

/* ----------------------------------------------------------------
 * Sample scans
 * ----------------------------------------------------------------
 */

bool
es_table_scan_sample_next_block(TableScanDesc sscan, SampleScanState *state)
{
	EsScanDesc *scan = (EsScanDesc *) sscan;
	TsmRoutine *tsm = state->tsmroutine;
	BlockNumber nblocks = es_table_tid_blocks_below(scan->end);

	if (nblocks == 0)
		return false;
	if (tsm->NextSampleBlock)
		scan->sample_block = tsm->NextSampleBlock(state, nblocks);
	else if (scan->sample_block == InvalidBlockNumber)
		scan->sample_block = 0;
	else
	{
		uint64		first;

		/* a long gap has no rows to choose from */
		scan->sample_block++;
		first = (uint64) scan->sample_block * ES_ROWS_PER_TID_BLOCK;
		if (first >= scan->gap_low && first < scan->gap_high)
			scan->sample_block = es_table_tid_block(scan->gap_high);
		if (scan->sample_block >= nblocks)
			scan->sample_block = InvalidBlockNumber;
	}
	return scan->sample_block != InvalidBlockNumber;
}

bool
es_table_scan_sample_next_tuple(TableScanDesc sscan, SampleScanState *state,
								TupleTableSlot *slot)
{
	EsScanDesc *scan = (EsScanDesc *) sscan;
	TsmRoutine *tsm = state->tsmroutine;
	uint64		first = (uint64) scan->sample_block * ES_ROWS_PER_TID_BLOCK;
	OffsetNumber maxoffset = (OffsetNumber)
	Min(scan->end - first, ES_ROWS_PER_TID_BLOCK);

	for (;;)
	{
		OffsetNumber offset;

		CHECK_FOR_INTERRUPTS();

		/*
		 * Which rows are chosen depends on their TIDs alone, so a REPEATABLE
		 * sample of a table stays the same wherever its rows are moved.
		 */
		offset = tsm->NextSampleTuple(state, scan->sample_block, maxoffset);
		if (!OffsetNumberIsValid(offset))
		{
			ExecClearTuple(slot);
			return false;
		}
		if (find_sampled_row(scan, first + offset - 1))
		{
			pgstat_count_heap_getnext(scan->base.rs_rd);
			es_table_scan_store(scan, slot);
			return true;
		}
	}
}

/*
 * Bring the reader to row "row"; false: the snapshot does not see it.  Rows
 * mostly come in ascending order: then the reader goes on within its page, and
 * jumps over pages of which no row is wanted.
 */
static bool
find_sampled_row(EsScanDesc *scan, uint64 row)
{
	EsReader   *reader = scan->reader;
	uint64		at = 0;

	/* block 0 begins with a TID that no row has */
	if (row < ES_FIRST_ROW)
		return false;

	if (row >= scan->gap_low && row < scan->gap_high)
		return false;
	if (scan->on_row)
		at = reader->row;
	if (at == row)
		return true;
	if (at > row || !reader->have_page ||
		row >= reader->page_first + reader->page_nrows)
	{
		es_reader_seek(reader, row);
		at = 0;
	}
	while (at < row)
	{
		at = es_table_scan_step(scan, true, NULL) ? reader->row : scan->end;
	}
	if (at == row)
		return true;
	scan->gap_low = row;
	scan->gap_high = at;
	return false;
}
