/*-------------------------------------------------------------------------
 *
 * es_store_batch.h
 *	  Reading a batch: single values of single rows, column by column.
 *
 * A batch that was opened is a cache of what was read of it so far: its header,
 * and those parts of its columns that somebody asked for.  It holds no lock and
 * no pin.  The batch may be retired, and its blocks used again, while it is
 * open: then what has not been read yet comes from the batch that has the rows
 * now, without the caller noticing.
 *
 * Rows are named by their index in the batch, from 0.
 *
 * IDENTIFICATION
 *	  src/store/es_store_batch.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_STORE_BATCH_H
#define ES_STORE_BATCH_H

#include "postgres.h"

#include "access/heapam.h"
#include "access/htup.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/tupdesc.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "codec/es_codec.h"
#include "format/es_batch.h"

typedef struct EsUnitRef EsUnitRef;

typedef struct EsBatch EsBatch;

/*
 * Open the batch of a unit that was looked up: reads its header.  NULL: the unit
 * was retired, and its blocks used again; look up once more.  All memory of it is
 * in a context below "parent".  Takes one content lock at a time.
 */
extern EsBatch *es_batch_open(Relation rel, const EsUnitRef *ref,
							  BufferAccessStrategy strategy,
							  MemoryContext parent);
extern void es_batch_close(EsBatch *batch);

/*
 * The same, for who reads rows one after the other: columns are read as a whole, and
 * their checksums are compared.  Where damaged batches are to be skipped, all is
 * checked at once: one that is damaged is reported with a WARNING, and *damaged.  The
 * result is NULL then.  Takes a subtransaction, so no buffer may be locked.
 */
extern EsBatch *es_batch_open_sound(Relation rel, const EsUnitRef *ref,
									BufferAccessStrategy strategy,
									MemoryContext parent, bool *damaged);

/*
 * Open a body that is in memory, of a WAL record: id_key, the key of the ids that
 * were made.  NULL: it is damaged; then *problem.
 */
extern EsBatch *es_batch_open_body(const char *body, uint64 body_len,
								   uint64 first_row, const uint8 *id_key,
								   MemoryContext parent, const char **problem);

/*
 * Is it a load batch?  Then all rows are as one: they are visible, or not, and
 * so on, as HeapTupleSatisfies* say of its header.  false: the batch is gone;
 * look up again.  es_batch_row_is_visible and what follows are for the others.
 */
extern bool es_batch_is_load(const EsBatch *batch);
extern bool es_batch_load_is_visible(EsBatch *batch, Snapshot snapshot,
									 bool *visible);
extern bool es_batch_load_verdict(EsBatch *batch, TransactionId oldest_xmin,
								  HTSV_Result *verdict);
extern bool es_batch_load_for_update(EsBatch *batch, CommandId cid,
									 TM_Result *result);
extern bool es_batch_load_is_dead(EsBatch *batch, bool *dead);

extern uint32 es_batch_nrows(const EsBatch *batch);
extern int	es_batch_natts(const EsBatch *batch);
extern const EsBatchHeader *es_batch_header(const EsBatch *batch);

/* All of its body; NULL: it is gone. */
extern const char *es_batch_body(EsBatch *batch);

/*
 * Was it found that the unit was retired?  Values can still be read.
 */
extern bool es_batch_is_gone(const EsBatch *batch);

/* Is this unit the one that is open? */
extern bool es_batch_is_of(const EsBatch *batch, const EsUnit *unit);

/* The number of a row. */
extern uint64 es_batch_row(EsBatch *batch, uint32 index);

/*
 * The first row of the batch whose number is "row" or above; nrows: none.
 */
extern uint32 es_batch_search(EsBatch *batch, uint64 row);

/* The transaction that inserted it, 64 bits; 0: frozen. */
extern uint64 es_batch_xid(EsBatch *batch, uint32 index);

/* As the system columns xmin and cmin show them. */
extern TransactionId es_batch_xmin(EsBatch *batch, uint32 index);
extern CommandId es_batch_cmin(EsBatch *batch);

/*
 * Does the snapshot see the row?  All are committed, so only snapshots that are
 * older than that do not.
 */
extern bool es_batch_row_is_visible(EsBatch *batch, uint32 index,
									Snapshot snapshot);

/* Does it see all of them, for sure? */
extern bool es_batch_is_visible(EsBatch *batch, Snapshot snapshot);

/*
 * What a serializable transaction has to do about a row that it does not see.
 */
extern void es_batch_conflict_out(EsBatch *batch, uint32 index,
								  Snapshot snapshot);

/*
 * The value of attribute attnum, at most es_batch_natts.  One by reference stays
 * where it is until a value of another row is asked for, or the batch is
 * closed.
 */
extern Datum es_batch_value(EsBatch *batch, AttrNumber attnum, uint32 index,
							bool *isnull);

/*
 * The row as a heap tuple of es_batch_natts attributes, in the current memory
 * context, with t_self, t_tableOid and its transaction.
 */
extern HeapTuple es_batch_tuple(EsBatch *batch, uint32 index);

/*
 * The header of a tuple of a batch's row: committed by this transaction, or
 * frozen if that is so old that its 32 bits may have wrapped around.  next: about
 * the next transaction.
 */
extern void es_batch_stamp_tuple(HeapTuple tuple, uint64 row, uint64 xid,
								 FullTransactionId next);

/*
 * Check all of it: streams, checksums, order of row numbers and transactions.
 * Calls report for each problem.  next_xid: the transaction number that is given
 * out next, 64 bits.
 */
typedef void (*EsBatchReport) (void *arg, const char *rule,
							   const char *problem);

extern void es_batch_verify(EsBatch *batch, uint64 next_xid,
							EsBatchReport report, void *arg);

#endif							/* ES_STORE_BATCH_H */
