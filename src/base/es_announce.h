/*-------------------------------------------------------------------------
 *
 * es_announce.h
 *	  Databases tell the launcher of the background workers that they were
 *	  written to.
 *
 * Whoever writes to an event table calls es_announce().  All but the first after
 * a worker's visit cost a look at one word of shared memory that nobody changes.
 *
 * IDENTIFICATION
 *	  src/base/es_announce.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_ANNOUNCE_H
#define ES_ANNOUNCE_H

#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"

/* databases that there is room for; beyond it, the launcher looks into all */
#define ES_ANNOUNCE_ROOM	1024

/* the word of a database: its OID, and whether it was written to */
#define ES_ANNOUNCE_WORD(dboid, written) \
	(((uint64) (dboid) << 32) | ((written) ? 1 : 0))

/* the word of this backend's database, or one that stands for it */
extern pg_atomic_uint64 *es_announce_mine;

extern void es_announce_write(void);

static inline void
es_announce(void)
{
	if (likely(es_announce_mine != NULL &&
			   pg_atomic_read_u64(es_announce_mine) ==
			   ES_ANNOUNCE_WORD(MyDatabaseId, true)))
		return;
	es_announce_write();
}

/*
 * Shared memory: its size; attach this process, and if "init" is set make it
 * empty.  Without, announcements are heard by nobody.
 */
extern Size es_announce_size(void);
extern void es_announce_attach(void *memory, bool init);

/* --- for the launcher and its workers --- */

/* This process is the launcher: its latch is set from now on. */
extern void es_announce_listen(void);

/* Set the launcher's latch, if there is one. */
extern void es_announce_wake(void);

/* Has a database not found room since the last call? */
extern bool es_announce_overflowed(void);

/*
 * What stands at place "index", from 0 to ES_ANNOUNCE_ROOM - 1: a database or
 * InvalidOid.
 */
extern Oid	es_announce_read(int index, bool *written);

/* From now on, writing to the database is news again. */
extern void es_announce_reset(Oid dboid);

/* Give the place of a database to others, unless it was written to. */
extern void es_announce_forget(Oid dboid);

#endif							/* ES_ANNOUNCE_H */
