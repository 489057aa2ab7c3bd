/*-------------------------------------------------------------------------
 *
 * es_table_index.c
 *	  Rows by TID: for index scans, TID scans, and whoever kept a TID.
 *
 * A TID is a row number in disguise.  Numbers are never used again and rows
 * never change, so a TID means one row for ever: no chains are followed, and
 * an entry of an index that points to an aborted or absent row points to
 * nothing for ever.
 *
 * index_fetch_tuple and index_delete_tuples are called with a page of the
 * index locked.  They take one content lock of the table at a time, and nobody
 * who holds one of those waits for an index.
 *
 * IDENTIFICATION
 *	  src/table/es_table_index.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "storage/predicate.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "format/es_page.h"
#include "table/es_table_internal.h"
#include "table/es_table_scan.h"

/*
 * After so many fetches in a row from one page it is copied, and the next rows
 * come from the copy.  Events are often read in about the order in which they
 * were added, so that a page serves many fetches; but a copy, for which all
 * its rows are judged, is not worth it for a few.  The value is a guess that
 * measured well.
 */
#define ES_COPY_AFTER_FETCHES	4

typedef struct EsIndexFetch
{
	IndexFetchTableData base;
	EsFetch		fetch;
	int			nsame;			/* fetches in a row from fetch's page */
	EsReader   *reader;			/* its copy; NULL: never needed yet */
	CommandId	curcid;			/* of the snapshot that judged the copy */
} EsIndexFetch;

static bool fetch_from_copy(EsIndexFetch *fetch, uint64 row,
							Snapshot snapshot, TupleTableSlot *slot);
static void copy_page(EsIndexFetch *fetch, Snapshot snapshot);

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
	es_store_refresh(rel);
	return &data->base;
}

void
es_table_index_fetch_reset(IndexFetchTableData *data)
{
	/* no lock and no pin is held between two fetches */
}

void
es_table_index_fetch_end(IndexFetchTableData *data)
{
	EsIndexFetch *fetch = (EsIndexFetch *) data;

	if (fetch->reader != NULL)
	{
		es_reader_end(fetch->reader);
		pfree(fetch->reader);
	}
	es_fetch_end(&fetch->fetch);
	pfree(fetch);
}

bool
es_table_index_fetch_tuple(IndexFetchTableData *data, ItemPointer tid,
						   Snapshot snapshot, TupleTableSlot *slot,
						   bool *call_again, bool *all_dead)
{
	EsIndexFetch *fetch = (EsIndexFetch *) data;
	uint64		row = es_tid_to_row(tid);

	*call_again = false;		/* one row to a TID */
	if (fetch_from_copy(fetch, row, snapshot, slot))
	{
		if (all_dead != NULL)
			*all_dead = false;
		return true;
	}
	if (!es_table_fetch_into_slot(&fetch->fetch, row, snapshot, slot, all_dead))
		return false;

	/*
	 * The check of a deferred constraint looks into the slot when it has ended
	 * the fetch, which has the batch.  Nobody else asks with this snapshot.
	 */
	if (snapshot->snapshot_type == SNAPSHOT_SELF)
		ExecMaterializeSlot(slot);
	return true;
}

/*
 * Fetch a row from the copy of a page, making that when it is time to.  false:
 * the row has to be fetched alone; also one that the copy does not offer, for
 * it may be dead to everybody.
 *
 * What a snapshot of the usual kind sees it sees for ever, so a copy stays
 * right while the scan lasts.  A serializable transaction only looks at rows
 * that it fetches, lest those beside them count as read.
 */
static bool
fetch_from_copy(EsIndexFetch *fetch, uint64 row, Snapshot snapshot,
				TupleTableSlot *slot)
{
	EsFetch    *last = &fetch->fetch;
	EsReader   *reader;

	if (!BlockNumberIsValid(last->block) || row < last->page_first ||
		row >= last->page_first + last->page_nrows)
	{
		fetch->nsame = 0;
		return false;
	}
	if (++fetch->nsame < ES_COPY_AFTER_FETCHES || !IsMVCCSnapshot(snapshot) ||
		IsolationIsSerializable())
		return false;

	reader = fetch->reader;
	if (reader == NULL || !reader->have_page || reader->snapshot != snapshot ||
		fetch->curcid != snapshot->curcid ||
		reader->low != last->page_first || row >= reader->high)
	{
		copy_page(fetch, snapshot);
		reader = fetch->reader;
	}
	if (reader->position != row)
		es_reader_seek(reader, row);
	if (!es_reader_step(reader, true, NULL) || reader->row != row)
	{
		fetch->nsame = 0;
		return false;
	}
	es_slot_store_tuple(slot, es_reader_tuple(reader), false);
	return true;
}

/*
 * Let the reader stand for the page that was used last; it is read with the
 * first row that is asked for.
 */
static void
copy_page(EsIndexFetch *fetch, Snapshot snapshot)
{
	EsFetch    *last = &fetch->fetch;

	if (fetch->reader == NULL)
		fetch->reader = (EsReader *)
			MemoryContextAllocZero(GetMemoryChunkContext(fetch),
								   sizeof(EsReader));
	es_reader_begin(fetch->reader, last->rel, ES_JUDGE_SNAPSHOT, snapshot,
					NULL, last->page_first,
					last->page_first + last->page_nrows);
	fetch->curcid = snapshot->curcid;
}

bool
es_table_fetch_into_slot(EsFetch *fetch, uint64 row, Snapshot snapshot,
						 TupleTableSlot *slot, bool *dead)
{
	MemoryContext old;
	HeapTuple	tuple;

	uint32		index;

	/* the slot is to own the copy */
	old = MemoryContextSwitchTo(slot->tts_mcxt);
	tuple = es_fetch_row_lazily(fetch, row, snapshot, dead, &index);
	MemoryContextSwitchTo(old);
	if (tuple == NULL && index == ES_NOT_IN_BATCH)
		return false;

	if (tuple == NULL)
	{
		ItemPointerData tid;
		uint64		xid = es_batch_xid(fetch->batch, index);

		es_row_to_tid(row, &tid);
		PredicateLockTID(fetch->rel, &tid, snapshot,
						 xid == 0 ? FrozenTransactionId : (TransactionId) xid);
		es_slot_store_batch_row(slot, fetch->batch, index,
								RelationGetRelid(fetch->rel));
		return true;
	}
	PredicateLockTID(fetch->rel, &tuple->t_self, snapshot,
					 HeapTupleHeaderGetXmin(tuple->t_data));
	es_slot_store_tuple(slot, tuple, true);
	return true;
}

/*
 * Which of an index page's entries may go?
 *
 * Those of rows that are aborted or absent: no snapshot will ever see them,
 * here or on a standby, so there is no horizon to tell.  Bottom-up deletion
 * looks for versions of the same row that updates left behind, of which there
 * are none.
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
	es_fetch_end(&fetch);
	return InvalidTransactionId;
}

/* ----------------------------------------------------------------
 * Single rows
 * ----------------------------------------------------------------
 */

/*
 * The TID comes from a scan that has begun in this statement, from a row that
 * this transaction added, or from table_beginscan_tid: so cached units are
 * valid, and need not be checked for every row.
 */
bool
es_table_tuple_fetch_row_version(Relation rel, ItemPointer tid,
								 Snapshot snapshot, TupleTableSlot *slot)
{
	EsFetch		fetch;
	bool		found;

	es_fetch_begin(&fetch, rel);
	found = es_table_fetch_into_slot(&fetch, es_tid_to_row(tid), snapshot,
									 slot, NULL);
	if (found)
		ExecMaterializeSlot(slot);
	es_fetch_end(&fetch);
	return found;
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
	tuple = es_fetch_row(&fetch, es_tid_to_row(&slot->tts_tid), snapshot,
						 NULL);
	es_fetch_end(&fetch);
	if (tuple == NULL)
		return false;
	heap_freetuple(tuple);
	return true;
}
