/*-------------------------------------------------------------------------
 *
 * es_store_batch_internal.h
 *	  A batch that is open, and what the files that read it ask of each other.
 *
 * IDENTIFICATION
 *	  src/store/es_store_batch_internal.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_STORE_BATCH_INTERNAL_H
#define ES_STORE_BATCH_INTERNAL_H

#include "postgres.h"

#include "access/transam.h"

#include "format/es_batch.h"
#include "store/es_store_batch.h"
#include "store/es_store_internal.h"

struct EsBatch
{
	Relation	rel;
	EsUnitRef	at;
	BufferAccessStrategy strategy;
	MemoryContext context;

	EsBatchHeader *header;		/* the body begins with it */
	EsBatchColumn *table;
	char	   *body;
	bool	   *have;			/* by page of the body: it is there */
	bool		gone;			/* the unit was retired, and not all read */
	bool		walked;			/* columns are read as a whole, and checked */

	EsColumn  **columns;		/* by place in the table; NULL: not open */
	int			offsets;		/* places of hidden columns; -1: none */
	int			xids;
	TupleDesc	desc;			/* of es_batch_tuple; NULL: not needed yet */
	Datum	   *values;
	bool	   *isnull;

	FullTransactionId next_xid; /* when it was opened */
	uint64		load[ES_BATCH_TUPLE_BYTES / sizeof(uint64)];	/* LOAD_HEADER */
	const uint8 *id_key;		/* of ids made here; NULL: the table's */
	uint8		id_key_copy[ES_SIPHASH_KEY_BYTES];
	uint8		made_id[16];	/* the one that was made last */
	EsBatch    *heir;			/* has rows that are needed of a retired one */
};

/* of a load batch: its tuple header, as last seen */
#define LOAD_HEADER(batch)	((HeapTupleHeader) (batch)->load)

/* what a column's source is asked with */
typedef struct ColumnArg
{
	EsBatch    *batch;
	uint64		offset;
	AttrNumber	related;
} ColumnArg;

extern void es_batch_report(EsBatch *batch, const char *problem);

/*
 * Read and lock page "index" of a batch.  InvalidBuffer: it is another page now.
 */
extern Buffer es_batch_read_page(Relation rel, const EsUnitRef *ref,
								 uint32 index, BufferAccessStrategy strategy,
								 int mode);

/* Make bytes of the body readable.  false: the batch is gone. */
extern bool es_batch_need(EsBatch *batch, uint64 offset, uint64 len);

/* The column at a place of the table, opened.  NULL: the batch is gone. */
extern EsColumn *es_batch_column(EsBatch *batch, int place);

/* What milliseconds of a row are relative to: arg is a ColumnArg. */
extern bool es_batch_related_ms(void *arg, uint32_t row, int64_t *ms);

/* The batch that has row *index of a retired batch now, and its index there. */
extern EsBatch *es_batch_heir(EsBatch *batch, uint32 *index);

/* A hidden column's value.  false: the batch is gone. */
extern bool es_batch_hidden(EsBatch *batch, int place, uint32 index,
							int64 *value);

#endif							/* ES_STORE_BATCH_INTERNAL_H */
