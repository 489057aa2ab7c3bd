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
 * INSERTs.  Reads nothing but the record, and of that nothing beyond its end.  An
 * error here stops the slot until it is advanced beyond the record, so records of
 * every released version must stay readable; one that this library does not know
 * is an error, since it may have rows.
 */
extern void es_decode(LogicalDecodingContext *ctx, XLogRecordBuffer *buf);

#endif							/* ES_DECODE_H */
