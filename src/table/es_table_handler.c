/*-------------------------------------------------------------------------
 *
 * es_table_handler.c
 *	  The table access method: its callbacks in one place, and those that
 *	  only answer a question.
 *
 * IDENTIFICATION
 *	  src/table/es_table_handler.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/tupmacs.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "optimizer/plancat.h"
#include "storage/smgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "format/es_page.h"
#include "table/es_table_internal.h"
#include "table/es_table_scan.h"

/*
 * What a row takes in a tail page beside its data, and what there is for rows
 */
#define ES_OVERHEAD_BYTES_PER_ROW \
	(MAXALIGN(SizeofHeapTupleHeader) + sizeof(ItemIdData))
#define ES_USABLE_BYTES_PER_PAGE \
	(BLCKSZ - SizeOfPageHeaderData - sizeof(EsPageSpecialData))

/* PostgreSQL's guess of how large a table will be that is not yet (plancat) */
#define ES_PAGES_OF_NEW_TABLE	10

PG_FUNCTION_INFO_V1(eventstore_table_handler);

/* ----------------------------------------------------------------
 * Slots
 * ----------------------------------------------------------------
 */

/*
 * Rows leave the storage as heap tuples that no buffer holds, or as rows of
 * batches whose columns are decoded one by one.
 */
static const TupleTableSlotOps *
slot_callbacks(Relation rel)
{
	return &es_slot_ops;
}

/* ----------------------------------------------------------------
 * Sizes
 * ----------------------------------------------------------------
 */

BlockNumber
es_table_tid_blocks(Relation rel)
{
	return es_table_tid_blocks_below(es_store_end_row(rel));
}

static bool
has_brin_index(Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *cell;
	bool		found = false;

	foreach(cell, indexes)
	{
		Oid			index = lfirst_oid(cell);
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(index));

		/* no tuple: it is being dropped, and no scan can use it any more */
		if (!HeapTupleIsValid(tuple))
			continue;
		if (((Form_pg_class) GETSTRUCT(tuple))->relam == BRIN_AM_OID)
			found = true;
		ReleaseSysCache(tuple);
	}
	list_free(indexes);
	return found;
}

/*
 * BRIN believes that the table ends at the size it is told, and calls what the
 * table's TIDs name blocks.  So a table with such an index has its size in TID
 * blocks, or scans by that index would miss rows.  Any other has the size of
 * its file.
 *
 * ANALYZE of 15 and 16 prefetches what it samples as blocks of the file, and
 * fails if a number is beyond the last segment that there is.  While it runs,
 * the size of a table with so many rows is that of its file;
 * es_table_analyze.c takes the blocks it samples by the same rule.
 */
bool
es_table_counts_tid_blocks(Relation rel)
{
	if (!has_brin_index(rel))
		return false;
	if (es_analyze_prefetches())
	{
		uint64		blocks = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);
		uint64		segments = (blocks + RELSEG_SIZE - 1) / RELSEG_SIZE;

		return es_table_tid_blocks(rel) <= segments * RELSEG_SIZE;
	}
	return true;
}

static uint64
relation_size(Relation rel, ForkNumber fork)
{
	uint64		blocks = 0;

	if (fork == MAIN_FORKNUM && es_table_counts_tid_blocks(rel))
		blocks = es_table_tid_blocks(rel);
	else if (fork != InvalidForkNumber)
		blocks = smgrnblocks(RelationGetSmgr(rel), fork);
	else
	{
		for (int i = 0; i <= MAX_FORKNUM; i++)
		{
			if (smgrexists(RelationGetSmgr(rel), i))
				blocks += smgrnblocks(RelationGetSmgr(rel), i);
		}
	}
	return blocks * BLCKSZ;
}

/*
 * Rows that a scan will find, of the "rows" that are stored.  The storage counts
 * exactly, but rows of aborted transactions too, until VACUUM has seen them.
 * ANALYZE knows better: take its count for the part of the file that it saw, and
 * the storage's for what was added since.
 */
static double
expected_rows(Relation rel, const EsSizes *sizes)
{
	double		rows = (double) sizes->rows;
	double		analyzed = rel->rd_rel->reltuples;
	BlockNumber seen = (BlockNumber) rel->rd_rel->relpages;
	BlockNumber now = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);

	/* with TID blocks in relpages, the two cannot be compared */
	if (analyzed < 0 || seen == 0 || sizes->blocks == 0 ||
		es_table_counts_tid_blocks(rel))
		return rows;


	/* a file that became shorter was compacted, and aborted rows are gone */
	if (now < seen)
		return rows;
	if (now == seen)
		return Min(rows, analyzed);
	return Min(rows, analyzed + (now - seen) * (rows / sizes->blocks));
}

/*
 * What the planner is to expect.
 *
 * As for heap, a table that was never vacuumed or analyzed and is still small
 * counts as one of 10 pages, full of rows as wide as its columns let expect: a
 * plan may be kept while the table fills.  Batches may hold more rows than that.
 */
static void
relation_estimate_size(Relation rel, int32 *attr_widths, BlockNumber *pages,
					   double *tuples, double *allvisfrac)
{
	EsSizes		sizes;

	es_store_sizes(rel, &sizes);
	*pages = sizes.blocks;
	*tuples = expected_rows(rel, &sizes);
	*allvisfrac = 0;			/* there is no visibility map */

	if (sizes.blocks < ES_PAGES_OF_NEW_TABLE && rel->rd_rel->reltuples < 0 &&
		!rel->rd_rel->relhassubclass)
	{
		int32		width = get_rel_data_width(rel, attr_widths) +
		ES_OVERHEAD_BYTES_PER_ROW;

		*pages = ES_PAGES_OF_NEW_TABLE;
		*tuples = Max(*tuples, (double) (ES_USABLE_BYTES_PER_PAGE / width) *
					  ES_PAGES_OF_NEW_TABLE);
	}
}

/* ----------------------------------------------------------------
 * TOAST
 * ----------------------------------------------------------------
 */

/*
 * A TOAST table is needed if there are columns that can be toasted and a row
 * may become longer than heap's threshold: as for heap, so that a table can go
 * from one access method to the other.
 */
static bool
relation_needs_toast_table(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int32		length = 0;
	bool		unlimited = false;
	bool		toastable = false;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || es_attribute_is_virtual(att))
			continue;
		length = att_align_nominal(length, att->attalign);
		if (att->attlen > 0)
			length += att->attlen;
		else
		{
			int32		max = type_maximum_size(att->atttypid,
												att->atttypmod);

			if (max < 0)
				unlimited = true;
			else
				length += max;
			if (att->attstorage != TYPSTORAGE_PLAIN)
				toastable = true;
		}
	}
	if (!toastable)
		return false;
	if (unlimited)
		return true;
	return MAXALIGN(SizeofHeapTupleHeader + BITMAPLEN(desc->natts)) +
		MAXALIGN(length) > TOAST_TUPLE_THRESHOLD;
}

static Oid
relation_toast_am(Relation rel)
{
	return HEAP_TABLE_AM_OID;
}

/* ----------------------------------------------------------------
 * The access method
 * ----------------------------------------------------------------
 */

static const TableAmRoutine routine = {
	.type = T_TableAmRoutine,

	.slot_callbacks = slot_callbacks,

	.scan_begin = es_table_scan_begin,
	.scan_end = es_table_scan_end,
	.scan_rescan = es_table_scan_rescan,
	.scan_getnextslot = es_table_scan_getnextslot,
	.scan_set_tidrange = es_table_scan_set_tidrange,
	.scan_getnextslot_tidrange = es_table_scan_getnextslot_tidrange,

	.parallelscan_estimate = es_table_parallelscan_estimate,
	.parallelscan_initialize = es_table_parallelscan_initialize,
	.parallelscan_reinitialize = es_table_parallelscan_reinitialize,

	.index_fetch_begin = es_table_index_fetch_begin,
	.index_fetch_reset = es_table_index_fetch_reset,
	.index_fetch_end = es_table_index_fetch_end,
	.index_fetch_tuple = es_table_index_fetch_tuple,

	.tuple_fetch_row_version = es_table_tuple_fetch_row_version,
	.tuple_tid_valid = es_table_tuple_tid_valid,
	.tuple_get_latest_tid = es_table_tuple_get_latest_tid,
	.tuple_satisfies_snapshot = es_table_tuple_satisfies_snapshot,
	.index_delete_tuples = es_table_index_delete_tuples,

	.tuple_insert = es_table_tuple_insert,
	.tuple_insert_speculative = es_table_tuple_insert_speculative,
	.tuple_complete_speculative = es_table_tuple_complete_speculative,
	.multi_insert = es_table_multi_insert,
	.tuple_delete = es_table_tuple_delete,
	.tuple_update = es_table_tuple_update,
	.tuple_lock = es_table_tuple_lock,
	.finish_bulk_insert = es_table_finish_bulk_insert,

	.es_am_set_new_filelocator = es_table_relation_set_new_filelocator,
	.relation_nontransactional_truncate =
	es_table_relation_nontransactional_truncate,
	.relation_copy_data = es_table_relation_copy_data,
	.relation_copy_for_cluster = es_table_relation_copy_for_cluster,
	.relation_vacuum = es_table_relation_vacuum,
	.scan_analyze_next_block = es_table_scan_analyze_next_block,
	.scan_analyze_next_tuple = es_table_scan_analyze_next_tuple,
	.index_build_range_scan = es_table_index_build_range_scan,
	.index_validate_scan = es_table_index_validate_scan,

	.relation_size = relation_size,
	.relation_needs_toast_table = relation_needs_toast_table,
	.relation_toast_am = relation_toast_am,
	.relation_fetch_toast_slice = heap_fetch_toast_slice,
	.relation_estimate_size = relation_estimate_size,

#if ES_HAS_BITMAP_NEXT_BLOCK
	.scan_bitmap_next_block = es_table_scan_bitmap_next_block,
#endif
	.scan_bitmap_next_tuple = es_table_scan_bitmap_next_tuple,
	.scan_sample_next_block = es_table_scan_sample_next_block,
	.scan_sample_next_tuple = es_table_scan_sample_next_tuple
};

const TableAmRoutine *
es_table_routine(void)
{
	return &routine;
}

Datum
eventstore_table_handler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&routine);
}
