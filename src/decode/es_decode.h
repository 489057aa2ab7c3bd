/*-------------------------------------------------------------------------
 *
 * es_decode.h
 *	  Logical decoding of our WAL records.
 *
 * IDENTIFICATION
 *	  src/decode/es_decode.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_DECODE_H
#define ES_DECODE_H

#include "postgres.h"

#include "replication/decode.h"
#include "replication/logical.h"

/*
 * rm_decode: put the rows of a record into the reorder buffer as ordinary
 * INSERTs.  Reads nothing but the record.  An error here would stop the slot for
 * ever, so records of every released version must stay readable.
 */
extern void es_decode(LogicalDecodingContext *ctx, XLogRecordBuffer *buf);

#endif							/* ES_DECODE_H */
