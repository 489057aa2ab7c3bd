/*-------------------------------------------------------------------------
 *
 * es_table_slot.h
 *	  The slot of event tables: a heap tuple, or a row of a batch of which a
 *	  column is decoded when it is asked for.
 *
 * IDENTIFICATION
 *	  src/table/es_table_slot.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_TABLE_SLOT_H
#define ES_TABLE_SLOT_H

#include "postgres.h"

#include "executor/tuptable.h"

#include "store/es_store.h"

/*
 * heap.tuple is NULL while the row is one of a batch; then nothing was copied, and
 * the slot is valid as long as whoever stored it (a scan, an index fetch) stays
 * where it is, as a slot is that points into a buffer.
 */
typedef struct EsSlot
{
	HeapTupleTableSlot heap;
	EsBatch    *batch;			/* NULL: heap.tuple, or values alone */
	uint32		index;			/* of the row in it */
} EsSlot;

extern const TupleTableSlotOps es_slot_ops;

#define TTS_IS_ES(slot)		((slot)->tts_ops == &es_slot_ops)

/*
 * Does the slot keep a heap tuple of its own, once it is materialised?  Then what is
 * written into that tuple is in the slot.
 */
#define TTS_KEEPS_TUPLE(slot)	(TTS_IS_ES(slot) || TTS_IS_HEAPTUPLE(slot))

/*
 * Store a tuple in a slot of any kind.  Unless should_free, the slot is valid
 * as long as the tuple's bytes are.
 */
extern void es_slot_store_tuple(TupleTableSlot *slot, HeapTuple tuple,
								bool should_free);

/*
 * Store a row of a batch: valid until another row of the same batch is asked for.
 * In a slot of another kind it becomes a tuple.
 */
extern void es_slot_store_batch_row(TupleTableSlot *slot, EsBatch *batch,
									uint32 index, Oid table);

#endif							/* ES_TABLE_SLOT_H */
