/*-------------------------------------------------------------------------
 *
 * es_progress.h
 *	  What a long operation on a table tells of its progress, in shared memory.
 *
 * IDENTIFICATION
 *	  src/base/es_progress.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_PROGRESS_H
#define ES_PROGRESS_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* operations at a time that are shown; of further ones nothing is */
#define ES_PROGRESS_SLOTS	64

typedef enum EsProgressPhase
{
	ES_PHASE_READING = 1,
	ES_PHASE_WRITING,
	ES_PHASE_MOVING
} EsProgressPhase;

typedef enum EsProgressCounter
{
	ES_PROGRESS_PHASE,			/* EsProgressPhase */
	ES_PROGRESS_ROWS_TOTAL,		/* about how many there are to be read */
	ES_PROGRESS_ROWS,			/* read */
	ES_PROGRESS_BATCHES,		/* published */
	ES_PROGRESS_COUNTERS
} EsProgressCounter;

/* a copy of what an operation told */
typedef struct EsProgress
{
	int			pid;
	Oid			dboid;
	Oid			relid;
	TimestampTz started;
	uint64		counters[ES_PROGRESS_COUNTERS];
} EsProgress;

/* Ask for shared memory.  Called once, from _PG_init. */
extern void es_progress_install(void);

/*
 * Begin and end an operation of this process; one at a time.  end may be called
 * without begin.  A process that exits ends it.
 */
extern void es_progress_begin(Oid relid);
extern void es_progress_end(void);

extern void es_progress_set(EsProgressCounter counter, uint64 value);

/* Copy a slot, 0 .. ES_PROGRESS_SLOTS - 1; false: it is free. */
extern bool es_progress_read(int slot, EsProgress *progress);

#endif							/* ES_PROGRESS_H */
