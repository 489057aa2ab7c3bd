/*-------------------------------------------------------------------------
 *
 * es_table_slot.c
 *	  The slot of event tables.
 *
 * As long as the row is a heap tuple, PostgreSQL's own functions for such slots do
 * the work: the slot begins with theirs.  A row of a batch becomes a heap tuple
 * when somebody needs one.
 *
 * IDENTIFICATION
 *	  src/table/es_table_slot.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "executor/tuptable.h"
#include "utils/expandeddatum.h"

#include "table/es_table_slot.h"

static void
es_slot_init(TupleTableSlot *slot)
{
	TTSOpsHeapTuple.init(slot);
	((EsSlot *) slot)->batch = NULL;
}

static void
es_slot_release(TupleTableSlot *slot)
{
	TTSOpsHeapTuple.release(slot);
}

static void
es_slot_clear(TupleTableSlot *slot)
{
	((EsSlot *) slot)->batch = NULL;
	TTSOpsHeapTuple.clear(slot);
}

/*
 * Left to right, from the first attribute that is not there yet.  Those that the
 * batch does not have are left to the caller, as missing ones of a heap tuple.
 */
static void
es_slot_getsomeattrs(TupleTableSlot *slot, int natts)
{
	EsSlot	   *es = (EsSlot *) slot;
	int			have;

	if (es->batch == NULL)
	{
		TTSOpsHeapTuple.getsomeattrs(slot, natts);
		return;
	}
	have = Min(natts, es_batch_natts(es->batch));
	for (int i = slot->tts_nvalid; i < have; i++)
		slot->tts_values[i] = es_batch_value(es->batch, i + 1, es->index,
											 &slot->tts_isnull[i]);
	slot->tts_nvalid = Max(slot->tts_nvalid, have);
}

/*
 * System columns but tableoid and ctid, which are the slot's.
 */
static Datum
es_slot_getsysattr(TupleTableSlot *slot, int attnum, bool *isnull)
{
	EsSlot	   *es = (EsSlot *) slot;

	if (es->batch == NULL)
		return TTSOpsHeapTuple.getsysattr(slot, attnum, isnull);

	*isnull = false;
	switch (attnum)
	{
		case MinTransactionIdAttributeNumber:
			return TransactionIdGetDatum(es_batch_xmin(es->batch, es->index));
		case MaxTransactionIdAttributeNumber:
			return TransactionIdGetDatum(InvalidTransactionId);
		case MinCommandIdAttributeNumber:
		case MaxCommandIdAttributeNumber:
			return CommandIdGetDatum(es_batch_cmin(es->batch));
		default:
			elog(ERROR, "invalid attnum: %d", attnum);
			return (Datum) 0;	/* keep compilers quiet */
	}
}

/*
 * Turn a row of a batch into a tuple of the slot's own.  Values that were read
 * before point into the batch, so they are read again.
 */
static void
become_tuple(TupleTableSlot *slot)
{
	EsSlot	   *es = (EsSlot *) slot;
	MemoryContext old = MemoryContextSwitchTo(slot->tts_mcxt);
	HeapTuple	tuple = es_batch_tuple(es->batch, es->index);

	MemoryContextSwitchTo(old);
	es->batch = NULL;
	es->heap.tuple = tuple;
	es->heap.off = 0;
	slot->tts_nvalid = 0;
	slot->tts_flags |= TTS_FLAG_SHOULDFREE;
}

static void
es_slot_materialize(TupleTableSlot *slot)
{
	if (((EsSlot *) slot)->batch != NULL)
		become_tuple(slot);
	else
		TTSOpsHeapTuple.materialize(slot);
}

static void
es_slot_copyslot(TupleTableSlot *to, TupleTableSlot *from)
{
	MemoryContext old = MemoryContextSwitchTo(to->tts_mcxt);
	HeapTuple	tuple = ExecCopySlotHeapTuple(from);

	MemoryContextSwitchTo(old);
	es_slot_store_tuple(to, tuple, true);
}

static HeapTuple
es_slot_get_heap_tuple(TupleTableSlot *slot)
{
	if (((EsSlot *) slot)->batch != NULL)
		become_tuple(slot);
	return TTSOpsHeapTuple.get_heap_tuple(slot);
}

static HeapTuple
es_slot_copy_heap_tuple(TupleTableSlot *slot)
{
	EsSlot	   *es = (EsSlot *) slot;

	if (es->batch != NULL)
		return es_batch_tuple(es->batch, es->index);
	return TTSOpsHeapTuple.copy_heap_tuple(slot);
}

static MinimalTuple
#if ES_COPY_MINIMAL_TUPLE_HAS_EXTRA
es_slot_copy_minimal_tuple(TupleTableSlot *slot, Size extra)
#else
es_slot_copy_minimal_tuple(TupleTableSlot *slot)
#endif
{
	if (((EsSlot *) slot)->batch != NULL)
	{
		slot_getallattrs(slot);
#if ES_COPY_MINIMAL_TUPLE_HAS_EXTRA
		return heap_form_minimal_tuple(slot->tts_tupleDescriptor,
									   slot->tts_values, slot->tts_isnull,
									   extra);
#else
		return heap_form_minimal_tuple(slot->tts_tupleDescriptor,
									   slot->tts_values, slot->tts_isnull);
#endif
	}
#if ES_COPY_MINIMAL_TUPLE_HAS_EXTRA
	return TTSOpsHeapTuple.copy_minimal_tuple(slot, extra);
#else
	return TTSOpsHeapTuple.copy_minimal_tuple(slot);
#endif
}

#if ES_SLOTS_KNOW_CURRENT_XACT
/*
 * Asked for rows that an UPDATE has changed, which no event is.
 */
static bool
es_slot_is_current_xact_tuple(TupleTableSlot *slot)
{
	if (((EsSlot *) slot)->batch != NULL)
		return false;
	return TTSOpsHeapTuple.is_current_xact_tuple(slot);
}
#endif

const TupleTableSlotOps es_slot_ops = {
	.base_slot_size = sizeof(EsSlot),
	.init = es_slot_init,
	.release = es_slot_release,
	.clear = es_slot_clear,
	.getsomeattrs = es_slot_getsomeattrs,
	.getsysattr = es_slot_getsysattr,
#if ES_SLOTS_KNOW_CURRENT_XACT
	.is_current_xact_tuple = es_slot_is_current_xact_tuple,
#endif
	.materialize = es_slot_materialize,
	.copyslot = es_slot_copyslot,
	.get_heap_tuple = es_slot_get_heap_tuple,
	.get_minimal_tuple = NULL,
	.copy_heap_tuple = es_slot_copy_heap_tuple,
	.copy_minimal_tuple = es_slot_copy_minimal_tuple
};

void
es_slot_store_tuple(TupleTableSlot *slot, HeapTuple tuple, bool should_free)
{
	ItemPointerData tid = tuple->t_self;
	Oid			table = tuple->t_tableOid;
	EsSlot	   *es = (EsSlot *) slot;

	if (likely(TTS_IS_ES(slot)))
	{
		es_slot_clear(slot);
		es->heap.tuple = tuple;
		es->heap.off = 0;
		slot->tts_nvalid = 0;
		slot->tts_flags &= ~(TTS_FLAG_EMPTY | TTS_FLAG_SHOULDFREE);
		if (should_free)
			slot->tts_flags |= TTS_FLAG_SHOULDFREE;
	}
	else
		ExecForceStoreHeapTuple(tuple, slot, should_free);
	slot->tts_tid = tid;
	slot->tts_tableOid = table;
}

void
es_slot_store_batch_row(TupleTableSlot *slot, EsBatch *batch, uint32 index,
						Oid table)
{
	EsSlot	   *es = (EsSlot *) slot;
	MemoryContext old;
	HeapTuple	tuple;

	if (likely(TTS_IS_ES(slot)))
	{
		es_slot_clear(slot);
		es->batch = batch;
		es->index = index;
		slot->tts_nvalid = 0;
		slot->tts_flags &= ~(TTS_FLAG_EMPTY | TTS_FLAG_SHOULDFREE);
		es_row_to_tid(es_batch_row(batch, index), &slot->tts_tid);
		slot->tts_tableOid = table;
		return;
	}
	old = MemoryContextSwitchTo(slot->tts_mcxt);
	tuple = es_batch_tuple(batch, index);
	MemoryContextSwitchTo(old);
	es_slot_store_tuple(slot, tuple, true);
}
