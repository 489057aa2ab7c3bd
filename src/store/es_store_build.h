/*-------------------------------------------------------------------------
 *
 * es_store_build.h
 *	  Making a batch: rows go in, a body comes out.
 *
 * IDENTIFICATION
 *	  src/store/es_store_build.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_STORE_BUILD_H
#define ES_STORE_BUILD_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "utils/rel.h"

#include "format/es_batch.h"

/*
 * How a batch is to be made.
 */
typedef struct EsBuildOptions
{
	uint32		max_rows;		/* at most ES_BATCH_MAX_ROWS */
	uint64		max_bytes;		/* of values; one row may be larger */
	uint8		codec;			/* of blocks, ES_CODEC_* */
	int			level;			/* of zstd */
	uint32		block_bytes;

	bool		numbers_to_come;	/* the rows get others than they are added
									 * with, in the same order and distances */

	/* columns with a meaning; 0: none */
	AttrNumber	entity_id;		/* of a table with streams: a dictionary always */
	AttrNumber	position;		/* known to be the row number */
	AttrNumber	event_id;		/* may be ids that the storage made */
	AttrNumber	recorded_at;	/* what their milliseconds are near */

	/* of ids that were made: a key to find them out by; NULL: see es_builder_add */
	const uint8 *id_key;
} EsBuildOptions;

/* An encoded batch, before it has a place. */
typedef struct EsBuiltBatch
{
	char	   *body;			/* palloc'd */
	uint64		body_len;
	uint64		first_row;
	uint32		span;
	uint32		nrows;
	uint64		max_xid;
	uint64		raw_bytes;
} EsBuiltBatch;

typedef struct EsBuilder EsBuilder;

/*
 * A builder for rows of "desc".  All of its memory is in a context below
 * "parent".
 */
extern EsBuilder *es_builder_create(TupleDesc desc,
									const EsBuildOptions *options,
									MemoryContext parent);
extern void es_builder_free(EsBuilder *builder);

/*
 * Is there room for this row?  There always is for a first one.  beyond: up to the
 * largest batch there can be, whatever the options say.
 */
extern bool es_builder_takes(const EsBuilder *builder, uint64 row,
							 bool beyond);
extern uint32 es_builder_nrows(const EsBuilder *builder);

/*
 * Add a row, whose number is above that of the last one.  xid: its transaction, 64
 * bits, 0 if frozen.  Values are copied; what is compressed in line is
 * decompressed, what is out of line stays so.
 *
 * made_ms: the storage will make the id of this row, of its number, which is not
 * known yet, and these milliseconds; -1: it has one.  All rows of a batch have to
 * be alike in this.
 */
extern void es_builder_add(EsBuilder *builder, uint64 row, uint64 xid,
						   const Datum *values, const bool *isnull,
						   int64 made_ms);

/*
 * Encode the rows; the body is in the current memory context.  The builder is empty
 * afterwards.
 */
extern void es_builder_finish(EsBuilder *builder, EsBuiltBatch *built);

#endif							/* ES_STORE_BUILD_H */
