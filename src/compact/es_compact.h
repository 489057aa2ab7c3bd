/*-------------------------------------------------------------------------
 *
 * es_compact.h
 *	  Compaction: decided rows of the tail, and small batches, become full
 *	  batches.
 *
 * IDENTIFICATION
 *	  src/compact/es_compact.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_COMPACT_H
#define ES_COMPACT_H

#include "postgres.h"

#include "utils/rel.h"

typedef struct EsCompactResult
{
	uint64		rows;			/* that are in new batches */
	uint32		units_in;		/* units that were replaced */
	uint32		batches;		/* new ones among those in their place */
	BlockNumber blocks_in;		/* that were replaced */
	BlockNumber blocks_out;		/* of the batches */
} EsCompactResult;

/*
 * Is there enough to compact in a table for a worker to begin?  all: anything at all.  The
 * caller holds AccessShareLock, at least.  Reads the metapage.
 */
extern bool es_compact_is_due(Relation rel, bool all);

/*
 * May this transaction compact the table?  Not if it has an AccessExclusiveLock.
 */
extern bool es_compact_is_possible(Relation rel);

/*
 * Compact a table.  all: the open run too.  The caller holds
 * ShareUpdateExclusiveLock; a transaction, and no snapshot is needed.
 * Cancellable at any point: what was published stays, the rest is as it was.
 * Cost-based delay is the caller's (VacuumCostActive): the loop calls
 * vacuum_delay_point.
 */
extern void es_compact_table(Relation rel, bool all, EsCompactResult *result);

#ifdef EVENTSTORE_TESTING
/* eventstore.compact_always: see es_compact_always.c.  Called from _PG_init. */
extern void es_compact_install_always(void);
#endif

#endif							/* ES_COMPACT_H */
