/*-------------------------------------------------------------------------
 *
 * es_table_analyze.c
 *	  ANALYZE: the rows of sampled blocks.
 *
 * ANALYZE draws block numbers below the size that relation_size tells it.  As
 * a rule these are blocks of the file: a sampled page tells its own rows, and
 * a page that no unit owns has none, which is what it counts for in the
 * average.  Where that size is in TID blocks (es_table_counts_tid_blocks) the
 * block is a range of row numbers instead.
 *
 * IDENTIFICATION
 *	  src/table/es_table_analyze.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "storage/smgr.h"
#include "utils/rel.h"

#include "format/es_page.h"
#include "table/es_table_internal.h"
#include "table/es_table_scan.h"

static void aim_at_block(EsScanDesc *scan, BlockNumber block);
static bool count_row(HeapTuple tuple, HTSV_Result verdict, double *liverows,
					  double *deadrows);

#if ES_HAS_READ_STREAM_ANALYZE

bool
es_table_scan_analyze_next_block(TableScanDesc sscan, ReadStream *stream)
{
	EsScanDesc *scan = (EsScanDesc *) sscan;
	BufferAccessStrategy strategy;
	BlockNumber block;

	/*
	 * Ask for the number, not for the buffer: it may be no block of the file.
	 */
	block = read_stream_next_block(stream, &strategy);
	if (block == InvalidBlockNumber)
		return false;
	scan->reader->strategy = strategy;
	aim_at_block(scan, block);
	return true;
}

#else

bool
es_table_scan_analyze_next_block(TableScanDesc sscan, BlockNumber block,
								 BufferAccessStrategy strategy)
{
	EsScanDesc *scan = (EsScanDesc *) sscan;

	scan->reader->strategy = strategy;
	aim_at_block(scan, block);
	return true;
}

#endif

/*
 * Make the rows of a sampled block the ones to come.
 */
static void
aim_at_block(EsScanDesc *scan, BlockNumber block)
{
	Relation	rel = scan->base.rs_rd;

	if (scan->by_tid_block)
	{
		uint64		low = (uint64) block * ES_ROWS_PER_TID_BLOCK;
		uint64		high = Min(low + ES_ROWS_PER_TID_BLOCK, scan->end);
		BufferAccessStrategy strategy = scan->reader->strategy;

		es_table_scan_set_range(scan, Min(low, high), high);
		scan->reader->strategy = strategy;
		scan->has_rows = true;
	}
	else

		/*
		 * The size is read again, since it is not the one that ANALYZE goes
		 * by where that changed its unit in between
		 * (es_table_counts_tid_blocks).
		 */
		scan->has_rows =
			block < smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM) &&
			es_reader_aim_at_block(scan->reader, block);
}

bool
es_table_scan_analyze_next_tuple(TableScanDesc sscan,
								 TransactionId oldest_xmin,
								 double *liverows, double *deadrows,
								 TupleTableSlot *slot)
{
	EsScanDesc *scan = (EsScanDesc *) sscan;
	HTSV_Result verdict;
	HeapTuple	tuple;

	/* nobody was judged yet: the page is read with the first row */
	scan->oldest_xmin = oldest_xmin;
	scan->reader->oldest_xmin = oldest_xmin;

	while (scan->has_rows &&
		   (tuple = es_table_scan_next_row(scan, true, &verdict)) != NULL)
	{
		if (count_row(tuple, verdict, liverows, deadrows))
		{
			es_table_scan_store(scan, slot);
			return true;
		}
	}
	scan->has_rows = false;
	ExecClearTuple(slot);
	return false;
}

/*
 * Count a row as live or dead; true: it is to be sampled.
 *
 * As in heap, an open transaction has not happened yet, unless it is our own:
 * that will report its rows to the statistics when it ends.
 */
static bool
count_row(HeapTuple tuple, HTSV_Result verdict, double *liverows,
		  double *deadrows)
{
	HeapTupleHeader header = tuple->t_data;
	TransactionId xid;
	bool		live = false;

	switch (verdict)
	{
		case HEAPTUPLE_LIVE:
			live = true;
			break;
		case HEAPTUPLE_DEAD:

			/* VACUUM has settled it, and can do no more about it */
			if (!TransactionIdIsValid(HeapTupleHeaderGetRawXmin(header)))
				return false;
			break;
		case HEAPTUPLE_RECENTLY_DEAD:
			break;
		case HEAPTUPLE_INSERT_IN_PROGRESS:
			xid = HeapTupleHeaderGetXmin(header);
			if (!TransactionIdIsCurrentTransactionId(xid))
				return false;
			live = true;
			break;
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			xid = HeapTupleHeaderGetUpdateXid(header);
			live = !TransactionIdIsCurrentTransactionId(xid);
			break;
	}
	if (live)
		*liverows += 1;
	else
		*deadrows += 1;
	return live;
}
