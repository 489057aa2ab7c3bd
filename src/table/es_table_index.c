/*-------------------------------------------------------------------------
 *
 * es_table_index.c
 *	  Rows by TID: for index scans, TID scans, and whoever kept a TID.
 *
 * A TID is a row number in disguise.  Numbers are never used again and rows never
 * change, so a TID means one row for ever: no chains are followed, and an entry of
 * an index that points to an aborted or absent row points to nothing for ever.
 *
 * index_fetch_tuple and index_delete_tuples are called with a page of the index
 * locked.  They take one content lock of the table at a time, and nobody who holds
 * one of those waits for an index.
 *
 * IDENTIFICATION
 *	  src/table/es_table_index.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "storage/predicate.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "format/es_page.h"
#include "table/es_table_internal.h"
#include "table/es_table_scan.h"

typedef struct EsIndexFetch
{
	IndexFetchTableData base;
	EsFetch		fetch;
} EsIndexFetch;

/* ----------------------------------------------------------------
 * Index scans
 * ----------------------------------------------------------------
 */

IndexFetchTableData *
es_table_index_fetch_begin(Relation rel)
{
	EsIndexFetch *data = (EsIndexFetch *) palloc0(sizeof(EsIndexFetch));

	data->base.rel = rel;
	es_fetch_begin(&data->fetch, rel);

	/* the snapshot exists: make cached units valid for it */
	(void) es_store_end_row(rel);
	return &data->base;
}

void
es_table_index_fetch_reset(IndexFetchTableData *data)
{
	/* holds no resources between two fetches */
}

void
es_table_index_fetch_end(IndexFetchTableData *data)
{
	pfree(data);
}

bool
es_table_index_fetch_tuple(IndexFetchTableData *data, ItemPointer tid,
						   Snapshot snapshot, TupleTableSlot *slot,
						   bool *call_again, bool *all_dead)
{
	EsIndexFetch *fetch = (EsIndexFetch *) data;

	*call_again = false;		/* one row to a TID */
	return es_table_fetch_into_slot(&fetch->fetch, es_tid_to_row(tid),
									snapshot, slot, all_dead);
}

bool
es_table_fetch_into_slot(EsFetch *fetch, uint64 row, Snapshot snapshot,
						 TupleTableSlot *slot, bool *dead)
{
	MemoryContext old;
	HeapTuple	tuple;

	/* the slot is to own the copy */
	old = MemoryContextSwitchTo(slot->tts_mcxt);
	tuple = es_fetch_row(fetch, row, snapshot, dead);
	MemoryContextSwitchTo(old);
	if (tuple == NULL)
		return false;

	PredicateLockTID(fetch->rel, &tuple->t_self, snapshot,
					 HeapTupleHeaderGetXmin(tuple->t_data));
	es_table_store_tuple(tuple, slot, true);
	return true;
}

/*
 * Which of an index page's entries may go?
 *
 * Those of rows that are aborted or absent: no snapshot will ever see them, here or
 * on a standby, so there is no horizon to tell.  Bottom-up deletion looks for
 * versions of the same row that updates left behind, of which there are none.
 */
TransactionId
es_table_index_delete_tuples(Relation rel, TM_IndexDeleteOp *op)
{
	EsFetch		fetch;

	if (op->bottomup)
	{
		op->ndeltids = 0;
		return InvalidTransactionId;
	}

	es_fetch_begin(&fetch, rel);
	for (int i = 0; i < op->ndeltids; i++)
	{
		TM_IndexDelete *entry = &op->deltids[i];
		TM_IndexStatus *status = &op->status[entry->id];

		if (!status->knowndeletable)
			status->knowndeletable =
				es_fetch_is_dead(&fetch, es_tid_to_row(&entry->tid));
	}
	return InvalidTransactionId;
}

/* ----------------------------------------------------------------
 * Single rows
 * ----------------------------------------------------------------
 */

/*
 * The TID comes from a scan that has begun in this statement, from a row that this
 * transaction added, or from table_beginscan_tid: so cached units are valid, and
 * need not be checked for every row.
 */
bool
es_table_tuple_fetch_row_version(Relation rel, ItemPointer tid,
								 Snapshot snapshot, TupleTableSlot *slot)
{
	EsFetch		fetch;

	es_fetch_begin(&fetch, rel);
	return es_table_fetch_into_slot(&fetch, es_tid_to_row(tid), snapshot, slot,
									NULL);
}

bool
es_table_tuple_tid_valid(TableScanDesc sscan, ItemPointer tid)
{
	EsScanDesc *scan = (EsScanDesc *) sscan;
	uint64		row = ItemPointerIsValid(tid) ? es_tid_to_row(tid) : 0;

	return row >= ES_FIRST_ROW && row < scan->end;
}

/*
 * Rows have one version: the TID that was asked for is the latest, if there is
 * one that the snapshot sees.
 */
void
es_table_tuple_get_latest_tid(TableScanDesc sscan, ItemPointer tid)
{
}

bool
es_table_tuple_satisfies_snapshot(Relation rel, TupleTableSlot *slot,
								  Snapshot snapshot)
{
	EsFetch		fetch;
	HeapTuple	tuple;

	es_fetch_begin(&fetch, rel);
	tuple = es_fetch_row(&fetch, es_tid_to_row(&slot->tts_tid), snapshot, NULL);
	if (tuple == NULL)
		return false;
	heap_freetuple(tuple);
	return true;
}
