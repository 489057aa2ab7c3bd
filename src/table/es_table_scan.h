/*-------------------------------------------------------------------------
 *
 * es_table_scan.h
 *	  The scan descriptor, shared by the kinds of scans.
 *
 * IDENTIFICATION
 *	  src/table/es_table_scan.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_TABLE_SCAN_H
#define ES_TABLE_SCAN_H

#include "postgres.h"

#include "access/relscan.h"
#include "executor/tuptable.h"
#include "port/atomics.h"

#include "store/es_store.h"
#include "table/es_table_slot.h"

/*
 * Shared state of a parallel scan.  Participants claim ranges of row numbers,
 * not places: what moves rows between two claims changes nothing.
 */
typedef struct EsParallelScanDesc
{
	ParallelTableScanDescData base;
	pg_atomic_uint64 next;		/* rows below are claimed */
	pg_atomic_uint64 end;		/* end of the scan; 0: nobody began yet */
} EsParallelScanDesc;

/* rows of one TID block that a bitmap scan returns; es_table_bitmap.c */
typedef struct EsBitmapBlock EsBitmapBlock;

typedef struct EsScanDesc
{
	TableScanDescData base;

	/*
	 * Row numbers from here on are none of the scan's business, whatever the
	 * snapshot: else INSERT ... SELECT from the same table would never end.
	 * Found when the scan begins, and again by a rescan.
	 */
	uint64		end;

	BufferAccessStrategy strategy;
	EsJudge		judge;
	TransactionId oldest_xmin;	/* ES_JUDGE_VACUUM */
	EsReader   *reader;			/* NULL: rows are only fetched by TID */
	bool		forward;		/* direction of the last step */
	bool		on_row;			/* it returned reader->row */

	EsBitmapBlock *bitmap;		/* bitmap scans */
	uint64		gap_low;		/* sample scans: rows that are known not to be */
	uint64		gap_high;		/* ... visible: [gap_low, gap_high) */
	BlockNumber sample_block;	/* sample scans; Invalid: none yet */
	bool		by_tid_block;	/* ANALYZE: blocks are TID blocks */
	bool		has_rows;		/* ANALYZE: the block has rows */
} EsScanDesc;

/* --- es_table_scan.c --- */

/*
 * (Re)start the scan's reader before row "low"; it ends before row "high".
 * What was decided about rows is decided anew.
 */
extern void es_table_scan_set_range(EsScanDesc *scan, uint64 low, uint64 high);

/*
 * The next row in a direction, claiming ranges if the scan is parallel; NULL
 * at the end.  A step in the other direction begins at the row that was
 * returned last, or at the end that was passed.  The tuple is valid until the
 * next step.
 */
extern HeapTuple es_table_scan_next_row(EsScanDesc *scan, bool forward,
										HTSV_Result *verdict);

/* The same without the tuple; false at the end. */
extern bool es_table_scan_step(EsScanDesc *scan, bool forward,
							   HTSV_Result *verdict);

/* Store the row that was gone to in a slot, valid until the next step. */
extern void es_table_scan_store(EsScanDesc *scan, TupleTableSlot *slot);

/* --- es_table_bitmap.c --- */
extern void es_table_scan_begin_bitmap(EsScanDesc *scan);
extern void es_table_scan_reset_bitmap(EsScanDesc *scan);
extern void es_table_scan_end_bitmap(EsScanDesc *scan);

/* --- es_table_index.c --- */

/*
 * Fetch row "row" into a slot, with the predicate lock that a serializable
 * transaction needs.  false: not visible; then the slot is left as it was, and
 * *dead (may be NULL) tells whether nobody will ever see it.
 */
extern bool es_table_fetch_into_slot(EsFetch *fetch, uint64 row,
									 Snapshot snapshot, TupleTableSlot *slot,
									 bool *dead);

/* --- es_table_handler.c --- */

/*
 * Is the size that PostgreSQL is told of this table in TID blocks, rather than
 * in blocks of its file?
 */
extern bool es_table_counts_tid_blocks(Relation rel);

/*
 * Number of TID blocks that rows below "end" span.
 */
static inline BlockNumber
es_table_tid_blocks_below(uint64 end)
{
	if (end <= ES_FIRST_ROW)
		return 0;
	return (BlockNumber) ((end - 1) / ES_ROWS_PER_TID_BLOCK) + 1;
}

static inline BlockNumber
es_table_tid_block(uint64 row)
{
	return (BlockNumber) (row / ES_ROWS_PER_TID_BLOCK);
}

#endif							/* ES_TABLE_SCAN_H */
