/*-------------------------------------------------------------------------
 *
 * es_decode_batch.c
 *	  Logical decoding of batches: columns become rows again.
 *
 * One row after the other is made and handed over, so memory is bounded by the
 * batch and by what core keeps of a transaction.
 *
 * IDENTIFICATION
 *	  src/decode/es_decode_batch.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlogreader.h"
#include "utils/memutils.h"

#include "base/es_compat.h"
#include "decode/es_decode_internal.h"
#include "store/es_store_batch.h"

void
es_decode_batch_rows(LogicalDecodingContext *ctx, XLogRecordBuffer *buf,
					 const xl_es_batch *xlrec, const char *body)
{
	const char *problem;
	EsBatch    *batch;
	MemoryContext row_context;

	batch = es_batch_open_body(body, xlrec->body_len, xlrec->first_row,
							   xlrec->id_key, CurrentMemoryContext, &problem);
	if (batch == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("eventstore WAL record at %X/%X has a damaged batch",
						LSN_FORMAT_ARGS(buf->origptr)),
				 errdetail("%s.", problem)));

	row_context = AllocSetContextCreate(CurrentMemoryContext,
										"eventstore decoding",
										ALLOCSET_DEFAULT_SIZES);
	for (uint32 i = 0; i < es_batch_nrows(batch); i++)
	{
		MemoryContext old = MemoryContextSwitchTo(row_context);
		HeapTuple	row = es_batch_tuple(batch, i);
		ReorderBufferChange *change;
		HeapTuple	tuple;

		MemoryContextSwitchTo(old);
		change = es_decode_make_change(ctx, buf->record, REORDER_BUFFER_CHANGE_INSERT);
		change->data.tp.newtuple =
			es_reorder_alloc_tuple(ctx->reorder,
								   row->t_len - SizeofHeapTupleHeader);
		tuple = es_change_tuple(change->data.tp.newtuple);
		tuple->t_len = row->t_len;
		ItemPointerSetInvalid(&tuple->t_self);
		tuple->t_tableOid = InvalidOid;
		memcpy(tuple->t_data, row->t_data, row->t_len);
		memset(&tuple->t_data->t_choice, 0, sizeof(tuple->t_data->t_choice));
		change->data.tp.clear_toast_afterwards =
			(xlrec->flags & ES_BATCH_LAST) != 0 &&
			i + 1 == es_batch_nrows(batch);
		ReorderBufferQueueChange(ctx->reorder, XLogRecGetXid(buf->record),
								 buf->origptr, change, false);
		MemoryContextReset(row_context);
	}
	MemoryContextDelete(row_context);
	es_batch_close(batch);
}
