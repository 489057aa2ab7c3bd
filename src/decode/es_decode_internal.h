/*-------------------------------------------------------------------------
 *
 * es_decode_internal.h
 *	  What the files of decode/ ask of each other.
 *
 * IDENTIFICATION
 *	  src/decode/es_decode_internal.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_DECODE_INTERNAL_H
#define ES_DECODE_INTERNAL_H

#include "postgres.h"

#include "replication/decode.h"
#include "replication/logical.h"
#include "replication/reorderbuffer.h"

#include "format/es_walrec.h"

/* A change of the record's table, not filled in yet. */
extern ReorderBufferChange *es_decode_make_change(LogicalDecodingContext *ctx,
												  XLogReaderState *record,
												  enum ReorderBufferChangeType action);

/* Queue the rows of a batch; its body has xlrec's length. */
extern void es_decode_batch_rows(LogicalDecodingContext *ctx,
								 XLogRecordBuffer *buf,
								 const xl_es_batch *xlrec, const char *body);

#endif							/* ES_DECODE_INTERNAL_H */
