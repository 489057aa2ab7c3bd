/*-------------------------------------------------------------------------
 *
 * es_store_batch_rows.c
 *	  The rows of a batch: who sees them, and their values.
 *
 * IDENTIFICATION
 *	  src/store/es_store_batch_rows.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/subtrans.h"
#include "access/transam.h"
#include "access/xact.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"

#include "base/es_corrupt.h"
#include "store/es_store_batch_internal.h"

/*
 * No snapshot is older than this: the server gives out no transaction numbers in
 * the last three million before they would wrap around.
 */
#define OLD_XID_AGE		((UINT64CONST(1) << 31) - UINT64CONST(2000000))

/* ----------------------------------------------------------------
 * Load batches
 * ----------------------------------------------------------------
 */

bool
es_batch_is_load(const EsBatch *batch)
{
	return (batch->at.unit.flags & ES_UNIT_FLAG_LOAD) != 0;
}

Buffer
es_batch_lock_header(EsBatch *batch, int mode, HeapTuple tuple)
{
	Buffer		buffer;

	if (batch->gone)
		return InvalidBuffer;
	buffer = es_batch_read_page(batch->rel, &batch->at, 0, batch->strategy, mode);
	if (!BufferIsValid(buffer))
	{
		batch->gone = true;
		return InvalidBuffer;
	}
	if (!es_batch_has_tuple(BufferGetPage(buffer)))
		es_report_corruption(batch->rel, batch->at.unit.start,
							 "The page has no tuple header");
	tuple->t_data = es_batch_tuple_header(BufferGetPage(buffer));
	tuple->t_len = ES_BATCH_TUPLE_BYTES;
	tuple->t_tableOid = RelationGetRelid(batch->rel);
	es_row_to_tid(batch->at.unit.first_row, &tuple->t_self);
	return buffer;
}

/* Remember what became of the header, and let it go. */
static void
unlock_header(EsBatch *batch, Buffer buffer, HeapTuple tuple)
{
	memcpy(batch->load, tuple->t_data, sizeof(batch->load));
	UnlockReleaseBuffer(buffer);
}

bool
es_batch_load_is_visible(EsBatch *batch, Snapshot snapshot, bool *visible)
{
	HeapTupleData tuple;
	Buffer		buffer;

	/* mostly it is of a transaction that is known to be over */
	if (snapshot->snapshot_type == SNAPSHOT_MVCC &&
		(LOAD_HEADER(batch)->t_infomask & HEAP_XMIN_COMMITTED) &&
		(HeapTupleHeaderXminFrozen(LOAD_HEADER(batch)) ||
		 TransactionIdPrecedes(HeapTupleHeaderGetRawXmin(LOAD_HEADER(batch)),
							   snapshot->xmin)))
	{
		*visible = true;
		return true;
	}
	buffer = es_batch_lock_header(batch, BUFFER_LOCK_SHARE, &tuple);
	if (!BufferIsValid(buffer))
		return false;
	*visible = HeapTupleSatisfiesVisibility(&tuple, snapshot, buffer);
	HeapCheckForSerializableConflictOut(*visible, batch->rel, &tuple, buffer,
										snapshot);
	unlock_header(batch, buffer, &tuple);
	return true;
}

bool
es_batch_load_verdict(EsBatch *batch, TransactionId oldest_xmin,
					  HTSV_Result *verdict)
{
	HeapTupleData tuple;
	Buffer		buffer;

	buffer = es_batch_lock_header(batch, BUFFER_LOCK_SHARE, &tuple);
	if (!BufferIsValid(buffer))
		return false;
	*verdict = HeapTupleSatisfiesVacuum(&tuple, oldest_xmin, buffer);
	unlock_header(batch, buffer, &tuple);
	return true;
}

bool
es_batch_load_for_update(EsBatch *batch, CommandId cid, TM_Result *result)
{
	HeapTupleData tuple;
	Buffer		buffer;

	buffer = es_batch_lock_header(batch, BUFFER_LOCK_SHARE, &tuple);
	if (!BufferIsValid(buffer))
		return false;
	*result = HeapTupleSatisfiesUpdate(&tuple, cid, buffer);
	unlock_header(batch, buffer, &tuple);
	return true;
}

bool
es_batch_load_is_dead(EsBatch *batch, bool *dead)
{
	HeapTupleData tuple;
	Buffer		buffer;

	buffer = es_batch_lock_header(batch, BUFFER_LOCK_SHARE, &tuple);
	if (!BufferIsValid(buffer))
		return false;
	*dead = HeapTupleIsSurelyDead(&tuple, GlobalVisTestFor(batch->rel));
	unlock_header(batch, buffer, &tuple);
	return true;
}

/* ----------------------------------------------------------------
 * Rows
 * ----------------------------------------------------------------
 */

uint32
es_batch_nrows(const EsBatch *batch)
{
	return batch->header->nrows;
}

int
es_batch_natts(const EsBatch *batch)
{
	return batch->header->natts;
}

const EsBatchHeader *
es_batch_header(const EsBatch *batch)
{
	return batch->header;
}

bool
es_batch_is_gone(const EsBatch *batch)
{
	return batch->gone;
}

bool
es_batch_is_of(const EsBatch *batch, const EsUnit *unit)
{
	return batch->at.unit.unit_id == unit->unit_id &&
		batch->at.unit.first_row == unit->first_row;
}

uint64
es_batch_row(EsBatch *batch, uint32 index)
{
	int64		offset = index;

	/* these are read when the batch is opened */
	if (batch->offsets >= 0 &&
		!es_batch_hidden(batch, batch->offsets, index, &offset))
		elog(ERROR, "row numbers of a batch are not in memory");
	return batch->at.unit.first_row + offset;
}

uint32
es_batch_search(EsBatch *batch, uint64 row)
{
	uint32		nrows = batch->header->nrows;
	uint32		low = 0;
	uint32		high = nrows;

	if (row <= batch->at.unit.first_row)
		return 0;
	if (batch->offsets < 0)
		return (uint32) Min(row - batch->at.unit.first_row, nrows);
	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (es_batch_row(batch, middle) < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64
es_batch_xid(EsBatch *batch, uint32 index)
{
	int64		xid;

	if (es_batch_is_load(batch))
	{
		TransactionId xmin = HeapTupleHeaderGetRawXmin(LOAD_HEADER(batch));

		if (batch->rel == NULL || HeapTupleHeaderXminFrozen(LOAD_HEADER(batch)))
			return 0;
		if (TransactionIdFollows(xmin,
								 XidFromFullTransactionId(batch->next_xid)))
			batch->next_xid = ReadNextFullTransactionId();
		return es_full_xid(batch->next_xid, xmin);
	}
	while (batch->xids >= 0)
	{
		if (es_batch_hidden(batch, batch->xids, index, &xid))
			return (uint64) xid;
		batch = es_batch_heir(batch, &index);
	}
	return batch->header->xid;
}

/*
 * A transaction number of a snapshot or tuple in 64 bits, by what the next one
 * was: a snapshot's are at most 2^31 older.
 */
uint64
es_full_xid(FullTransactionId next, TransactionId xid)
{
	uint64		full;

	if (!TransactionIdIsNormal(xid))
		return 0;
	full = (U64FromFullTransactionId(next) & ~UINT64CONST(0xffffffff)) | xid;
	if (xid > XidFromFullTransactionId(next))
		full -= UINT64CONST(1) << 32;
	return full;
}

TransactionId
es_batch_xmin(EsBatch *batch, uint32 index)
{
	uint64		xid;

	/* heap shows it of a frozen row too */
	if (es_batch_is_load(batch))
		return HeapTupleHeaderGetRawXmin(LOAD_HEADER(batch));
	xid = es_batch_xid(batch, index);
	return xid == 0 ? FrozenTransactionId : (TransactionId) xid;
}

CommandId
es_batch_cmin(EsBatch *batch)
{
	return es_batch_is_load(batch) ?
		HeapTupleHeaderGetRawCommandId(LOAD_HEADER(batch)) : FirstCommandId;
}

/*
 * The snapshot's xmin in 64 bits.  It may be younger than the batch is open.
 */
static uint64
full_xmin(EsBatch *batch, Snapshot snapshot)
{
	if (TransactionIdFollows(snapshot->xmin,
							 XidFromFullTransactionId(batch->next_xid)))
		batch->next_xid = ReadNextFullTransactionId();
	return es_full_xid(batch->next_xid, snapshot->xmin);
}

bool
es_batch_is_visible(EsBatch *batch, Snapshot snapshot)
{
	return snapshot->snapshot_type != SNAPSHOT_MVCC ||
		batch->header->max_xid < full_xmin(batch, snapshot);
}

bool
es_batch_row_is_visible(EsBatch *batch, uint32 index, Snapshot snapshot)
{
	uint64		xid;

	if (snapshot->snapshot_type == SNAPSHOT_DIRTY)
	{
		/* nobody has to be waited for */
		snapshot->xmin = snapshot->xmax = InvalidTransactionId;
		snapshot->speculativeToken = 0;
	}
	if (es_batch_is_visible(batch, snapshot))
		return true;
	xid = es_batch_xid(batch, index);
	return xid < full_xmin(batch, snapshot) ||
		!XidInMVCCSnapshot((TransactionId) xid, snapshot);
}

void
es_batch_conflict_out(EsBatch *batch, uint32 index, Snapshot snapshot)
{
	TransactionId xid;

	if (!CheckForSerializableConflictOutNeeded(batch->rel, snapshot))
		return;
	xid = (TransactionId) es_batch_xid(batch, index);
	if (!TransactionIdIsNormal(xid) ||
		TransactionIdPrecedes(xid, TransactionXmin))
		return;
	xid = SubTransGetTopmostTransaction(xid);
	if (TransactionIdPrecedes(xid, TransactionXmin) ||
		TransactionIdIsCurrentTransactionId(xid))
		return;
	CheckForSerializableConflictOut(batch->rel, xid, snapshot);
}

/*
 * Make an id again, as it was made.  false: the batch is gone.
 */
static bool
make_id(EsBatch *batch, EsColumn *column, const EsBatchColumn *entry,
		uint32 index, Datum *value)
{
	int64_t		ms;
	int64_t		other = 0;
	ColumnArg	arg;
	const char *problem = es_column_int(column, index, &ms);

	arg.batch = batch;
	arg.related = entry->related;
	if (problem == NULL && entry->related != 0 &&
		!es_batch_related_ms(&arg, index, &other))
		problem = "The milliseconds of a row cannot be had";
	if (problem != NULL)
	{
		if (batch->gone)
			return false;
		es_batch_report(batch, problem);
	}
	if (batch->id_key == NULL)
	{
		if (!es_store_id_key(batch->rel, batch->id_key_copy))
			es_batch_report(batch, "The table has no key for ids");
		batch->id_key = batch->id_key_copy;
	}
	es_store_make_id(batch->id_key, es_batch_row(batch, index),
					 (uint64) ms + (uint64) other, batch->made_id);
	*value = PointerGetDatum(batch->made_id);
	return true;
}

/*
 * A value, if it can be had.  false: the batch is gone.
 */
static bool
try_value(EsBatch *batch, int place, uint32 index, Datum *value, bool *isnull)
{
	const EsBatchColumn *entry = &batch->table[place];
	EsColumn   *column;
	const char *problem = NULL;
	int64_t		number;
	const uint8_t *image;
	uint32_t	len;

	*isnull = false;
	switch (entry->encoding)
	{
		case ES_ENC_NULLS:
			*isnull = true;
			*value = (Datum) 0;
			return true;
		case ES_ENC_POSITION:
			*value = Int64GetDatum(es_batch_row(batch, index));
			return true;
		default:
			break;
	}

	column = es_batch_column(batch, place);
	if (column == NULL)
		return false;
	if (entry->encoding == ES_ENC_MADE_ID)
		return make_id(batch, column, entry, index, value);
	if (entry->flags & ES_COLUMN_HAS_NULLS)
	{
		problem = es_column_is_null(column, index, isnull);
		if (problem == NULL && *isnull)
		{
			*value = (Datum) 0;
			return true;
		}
	}
	if (problem == NULL && (entry->flags & ES_COLUMN_BY_VALUE))
	{
		problem = es_column_int(column, index, &number);
		if (problem == NULL)
			*value = es_int_to_datum(number, entry->attlen);
	}
	else if (problem == NULL)
	{
		problem = es_column_image(column, index, &image, &len);
		if (problem == NULL)
			*value = PointerGetDatum(image);
	}
	if (problem != NULL)
	{
		if (batch->gone)
			return false;
		es_batch_report(batch, problem);
	}
	return true;
}

Datum
es_batch_value(EsBatch *batch, AttrNumber attnum, uint32 index, bool *isnull)
{
	Datum		value = (Datum) 0;

	Assert(attnum >= 1 && attnum <= batch->header->natts);
	Assert(index < batch->header->nrows);
	while (!try_value(batch, attnum - 1, index, &value, isnull))
		batch = es_batch_heir(batch, &index);
	return value;
}

void
es_batch_stamp_tuple(HeapTuple tuple, uint64 row, uint64 xid,
					 FullTransactionId next)
{
	HeapTupleHeader header = tuple->t_data;

	es_row_to_tid(row, &tuple->t_self);
	header->t_ctid = tuple->t_self;
	header->t_infomask &= ~HEAP_XACT_MASK;
	header->t_infomask |= HEAP_XMAX_INVALID;
	HeapTupleHeaderSetCmin(header, FirstCommandId);
	HeapTupleHeaderSetXmax(header, InvalidTransactionId);
	HeapTupleHeaderSetXmin(header, xid == 0 ? FrozenTransactionId :
						   (TransactionId) xid);

	/* the 32 bits of a header say nothing about one as old as that */
	if (xid == 0 || xid + OLD_XID_AGE < U64FromFullTransactionId(next))
		HeapTupleHeaderSetXminFrozen(header);
	else
		header->t_infomask |= HEAP_XMIN_COMMITTED;
}

/*
 * A descriptor with nothing but what forming a tuple takes.
 */
static TupleDesc
make_descriptor(EsBatch *batch)
{
	TupleDesc	desc = CreateTemplateTupleDesc(batch->header->natts);

	for (int i = 0; i < batch->header->natts; i++)
		es_describe_attribute(desc, i, batch->table[i].attlen,
							  (batch->table[i].flags & ES_COLUMN_BY_VALUE) != 0,
							  batch->table[i].attalign);
	return desc;
}

HeapTuple
es_batch_tuple(EsBatch *batch, uint32 index)
{
	int			natts = batch->header->natts;
	HeapTuple	tuple;

	if (batch->desc == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->context);

		batch->values = palloc(Max(natts, 1) * sizeof(Datum));
		batch->isnull = palloc(Max(natts, 1) * sizeof(bool));
		batch->desc = make_descriptor(batch);
		MemoryContextSwitchTo(old);
	}
	for (int i = 0; i < natts; i++)
		batch->values[i] = es_batch_value(batch, i + 1, index,
										  &batch->isnull[i]);
	tuple = heap_form_tuple(batch->desc, batch->values, batch->isnull);
	tuple->t_tableOid = batch->rel != NULL ?
		RelationGetRelid(batch->rel) : InvalidOid;
	es_batch_stamp_tuple(tuple, es_batch_row(batch, index),
						 es_batch_xid(batch, index), batch->next_xid);
	if (es_batch_is_load(batch))
	{
		/* its header is that of all rows */
		memcpy(&tuple->t_data->t_choice.t_heap,
			   &LOAD_HEADER(batch)->t_choice.t_heap, sizeof(HeapTupleFields));
		tuple->t_data->t_infomask &= ~HEAP_XACT_MASK;
		tuple->t_data->t_infomask |= LOAD_HEADER(batch)->t_infomask &
			HEAP_XACT_MASK;
	}
	return tuple;
}
