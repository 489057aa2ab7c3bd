/*-------------------------------------------------------------------------
 *
 * es_table_bitmap.c
 *	  Bitmap scans: the rows of one TID block after the other.
 *
 * A bitmap names TID blocks, and of each the offsets that the indexes found,
 * or none if it grew too large (lossy): then all 256 are looked at.  The rows
 * of a TID block stand on one or several neighbouring pages, so many of them
 * are read by a walk over that range of numbers, and few are fetched one by
 * one.
 *
 * IDENTIFICATION
 *	  src/table/es_table_bitmap.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/tidbitmap.h"
#include "pgstat.h"
#include "storage/predicate.h"
#include "utils/rel.h"

#include "format/es_page.h"
#include "table/es_table_internal.h"
#include "table/es_table_scan.h"

/*
 * A walk judges all rows of each page it meets, and copies it; a fetch does so
 * with one tuple.  Walk where at least so many rows of a page are wanted.  The
 * value is a guess that measured well.
 */
#define ES_WALK_ROWS_OF_PAGE	4

struct EsBitmapBlock
{
	EsFetch		fetch;
	bool		one_by_one;
	uint64		first_row;		/* of the TID block */
	uint64		high;			/* a walk ends before this row */
	int			next;			/* in offsets */
	int			noffsets;		/* 0: none is left; -1: all rows */
#if !ES_HAS_BITMAP_NEXT_BLOCK
	bool		recheck;
#endif
	OffsetNumber offsets[ES_ROWS_PER_TID_BLOCK];	/* ascending */
};

static bool begin_block(EsScanDesc *scan, BlockNumber block, int noffsets,
						const OffsetNumber *offsets);
static bool is_walk_cheaper(EsScanDesc *scan);
static bool next_row_of_block(EsScanDesc *scan, TupleTableSlot *slot);
static bool fetch_next_row(EsScanDesc *scan, TupleTableSlot *slot);
static bool walk_to_next_row(EsScanDesc *scan, TupleTableSlot *slot);

void
es_table_scan_begin_bitmap(EsScanDesc *scan)
{
	scan->bitmap = (EsBitmapBlock *) palloc0(sizeof(EsBitmapBlock));
	es_fetch_begin(&scan->bitmap->fetch, scan->base.rs_rd);
}

void
es_table_scan_reset_bitmap(EsScanDesc *scan)
{
	scan->bitmap->noffsets = 0;
}

void
es_table_scan_end_bitmap(EsScanDesc *scan)
{
	es_fetch_end(&scan->bitmap->fetch);
	pfree(scan->bitmap);
	scan->bitmap = NULL;
}

#if ES_HAS_BITMAP_NEXT_BLOCK

bool
es_table_scan_bitmap_next_block(TableScanDesc sscan, TBMIterateResult *tbmres)
{
	return begin_block((EsScanDesc *) sscan, tbmres->blockno, tbmres->ntuples,
					   tbmres->offsets);
}

bool
es_table_scan_bitmap_next_tuple(TableScanDesc sscan, TBMIterateResult *tbmres,
								TupleTableSlot *slot)
{
	return next_row_of_block((EsScanDesc *) sscan, slot);
}

#else

bool
es_table_scan_bitmap_next_tuple(TableScanDesc sscan, TupleTableSlot *slot,
								bool *recheck, uint64 *lossy_pages,
								uint64 *exact_pages)
{
	EsScanDesc *scan = (EsScanDesc *) sscan;
	EsBitmapBlock *bitmap = scan->bitmap;

	while (!next_row_of_block(scan, slot))
	{
		TBMIterateResult tbmres;
		OffsetNumber offsets[TBM_MAX_TUPLES_PER_PAGE];
		int			noffsets = -1;

		CHECK_FOR_INTERRUPTS();
		if (!tbm_iterate(&sscan->st.rs_tbmiterator, &tbmres))
			return false;
		if (tbmres.lossy)
			(*lossy_pages)++;
		else
		{
			(*exact_pages)++;
			noffsets = tbm_extract_page_tuple(&tbmres, offsets,
											  lengthof(offsets));
		}
		bitmap->recheck = tbmres.recheck;
		(void) begin_block(scan, tbmres.blockno, noffsets, offsets);
	}
	*recheck = bitmap->recheck;
	return true;
}

#endif

/*
 * Turn to a TID block.  false: none of its rows is within the scan.
 */
static bool
begin_block(EsScanDesc *scan, BlockNumber block, int noffsets,
			const OffsetNumber *offsets)
{
	EsBitmapBlock *bitmap = scan->bitmap;
	uint64		low;
	uint64		high;

	bitmap->first_row = (uint64) block * ES_ROWS_PER_TID_BLOCK;
	bitmap->next = 0;
	bitmap->noffsets = noffsets < 0 ? -1 : 0;
	for (int i = 0; i < noffsets; i++)
	{
		/* no index entry of ours has another */
		if (offsets[i] <= ES_ROWS_PER_TID_BLOCK)
			bitmap->offsets[bitmap->noffsets++] = offsets[i];
	}
	if (bitmap->noffsets == 0)
		return false;

	low = bitmap->first_row;
	high = low + ES_ROWS_PER_TID_BLOCK;
	if (bitmap->noffsets > 0)
	{
		high = low + bitmap->offsets[bitmap->noffsets - 1];
		low += bitmap->offsets[0] - 1;
	}

	/*
	 * The scan began, and found its end, before the indexes were read.  What
	 * was added in between no snapshot of ours sees; but a serializable
	 * transaction has to look at it, to find out that it did not see it.
	 */
	if (high > scan->end && IsolationIsSerializable())
	{
		scan->end = es_store_end_row(scan->base.rs_rd);
		es_table_scan_set_range(scan, ES_FIRST_ROW, scan->end);
	}
	bitmap->high = Min(high, scan->end);
	if (low >= bitmap->high)
	{
		bitmap->noffsets = 0;
		return false;
	}

	bitmap->one_by_one = bitmap->noffsets > 0 && !is_walk_cheaper(scan);

	/* the reader keeps its page where that holds rows of this block too */
	if (!bitmap->one_by_one)
		es_reader_seek(scan->reader, low);
	return true;
}

/*
 * How many pages the block's rows are on is guessed from the page used last.
 *
 * A walk also judges rows that nobody asked for.  In a serializable
 * transaction they would count as read, so it walks only where the bitmap is
 * lossy.
 */
static bool
is_walk_cheaper(EsScanDesc *scan)
{
	EsBitmapBlock *bitmap = scan->bitmap;
	int			rows_of_page = scan->reader->page_nrows;

	if (IsolationIsSerializable())
		return false;
	if (!scan->reader->have_page)
		rows_of_page = bitmap->fetch.page_nrows;
	return bitmap->noffsets * rows_of_page >=
		ES_WALK_ROWS_OF_PAGE * ES_ROWS_PER_TID_BLOCK;
}

static bool
next_row_of_block(EsScanDesc *scan, TupleTableSlot *slot)
{
	EsBitmapBlock *bitmap = scan->bitmap;
	bool		found;

	if (bitmap->noffsets == 0)
		found = false;
	else if (bitmap->one_by_one)
		found = fetch_next_row(scan, slot);
	else
		found = walk_to_next_row(scan, slot);

	if (found)
		pgstat_count_heap_fetch(scan->base.rs_rd);
	else
	{
		bitmap->noffsets = 0;
		ExecClearTuple(slot);
	}
	return found;
}

static bool
fetch_next_row(EsScanDesc *scan, TupleTableSlot *slot)
{
	EsBitmapBlock *bitmap = scan->bitmap;

	while (bitmap->next < bitmap->noffsets)
	{
		uint64		row = bitmap->first_row +
		bitmap->offsets[bitmap->next++] - 1;

		if (row >= scan->end)
			break;
		if (es_table_fetch_into_slot(&bitmap->fetch, row,
									 scan->base.rs_snapshot, slot, NULL))
			return true;
	}
	return false;
}

static bool
walk_to_next_row(EsScanDesc *scan, TupleTableSlot *slot)
{
	EsBitmapBlock *bitmap = scan->bitmap;

	while (scan->reader->position < bitmap->high)
	{
		ItemPointerData tid;

		if (!es_table_scan_step(scan, true, NULL) ||
			scan->reader->row >= bitmap->high)
			return false;
		es_row_to_tid(scan->reader->row, &tid);
		if (bitmap->noffsets > 0)
		{
			OffsetNumber offset = ItemPointerGetOffsetNumber(&tid);

			while (bitmap->next < bitmap->noffsets &&
				   bitmap->offsets[bitmap->next] < offset)
				bitmap->next++;
			if (bitmap->next == bitmap->noffsets)
				return false;
			if (bitmap->offsets[bitmap->next] != offset)
				continue;
		}
		PredicateLockTID(scan->base.rs_rd, &tid, scan->base.rs_snapshot,
						 es_reader_xmin(scan->reader));
		es_table_scan_store(scan, slot);
		return true;
	}
	return false;
}
