/*-------------------------------------------------------------------------
 *
 * es_worker_internal.h
 *	  What the files of worker/ know of each other.
 *
 * IDENTIFICATION
 *	  src/worker/es_worker_internal.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_WORKER_INTERNAL_H
#define ES_WORKER_INTERNAL_H

#include "postgres.h"

#include "storage/lockdefs.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/es_compat.h"
#include "base/es_config.h"

/* a database without news is visited after so many naptimes */
#define ES_WORKER_IDLE_NAPS		30

/* a table that failed is tried again after so many naptimes, then after twice as many ... */
#define ES_WORKER_FAILED_NAPS	6
#define ES_WORKER_FAILED_DOUBLINGS	6

static inline TimestampTz
es_worker_after_naps(int naps)
{
	return GetCurrentTimestamp() + (int64) naps * es_worker_naptime * 1000;
}

/* --- es_worker_shmem.c: who works where --- */

typedef enum EsWorkerState
{
	ES_WORKER_NONE,				/* the slot is free */
	ES_WORKER_STARTING,			/* the postmaster was asked for a process */
	ES_WORKER_RUNNING,
	ES_WORKER_LEFT				/* the launcher has not read its findings yet */
} EsWorkerState;

/* what a worker found in its database */
typedef enum EsWorkerFindings
{
	ES_FOUND_UNKNOWN,			/* it died before it could look */
	ES_FOUND_NOTHING,			/* there is no event table */
	ES_FOUND_TABLES
} EsWorkerFindings;

typedef struct EsWorkerSlot
{
	EsWorkerState state;
	uint32		generation;		/* moves whenever the slot is given away */
	Oid			dboid;
	int			pid;			/* while RUNNING */
	bool		leave;			/* the worker is asked to leave */
	EsWorkerFindings findings;
	TimestampTz next_visit;		/* the database need not be visited before */
} EsWorkerSlot;

extern void es_worker_request_shmem(void);
extern void es_worker_startup_shmem(void);

/*
 * The launcher's part.  Give a database to a free slot: false if the database is
 * blocked or has a worker, or if none is free.
 */
extern bool es_worker_claim(Oid dboid, int *index, uint32 *generation);

/* Take a slot back from a worker that has not begun. */
extern void es_worker_withdraw(int index, uint32 generation);

/* Copy a slot; one that was LEFT is free afterwards. */
extern void es_worker_collect(int index, EsWorkerSlot *slot);

/* Tell workers whether others wait for their slots. */
extern void es_worker_set_waiting(bool waiting);

/*
 * The worker's part.  Begin: false if it is not wanted any more.  It ends when
 * the process ends, after the process has left the database.
 */
extern bool es_worker_attach(int index, uint32 generation, Oid *dboid);
extern bool es_worker_must_leave(void);
extern bool es_worker_others_wait(void);
extern void es_worker_report(EsWorkerFindings findings, TimestampTz next_visit);

/*
 * Keep workers out of a database until es_worker_unblock(), and ask one that is
 * there to leave.  Returns a number for it.  If too many blocks are in force, -1:
 * the worker is asked, but another may come.
 */
extern int	es_worker_block(Oid dboid);
extern void es_worker_unblock(int block);

/* Wait, but not for ever, until no worker is in the database. */
extern void es_worker_wait_until_gone(Oid dboid);

/* Ask all workers to leave. */
extern void es_worker_send_all_away(void);

/*
 * Tables that failed, of this worker's database.  May it be tried now?  If not,
 * "when" says when.
 */
extern bool es_worker_may_try(Oid relid, TimestampTz *when);
extern void es_worker_note_failure(Oid relid, TimestampTz *when);
extern void es_worker_note_success(Oid relid);

/* --- es_worker_hooks.c --- */

extern void es_worker_install_hook(void);

/* --- es_worker_duty.c: one table --- */

/*
 * Something that a worker does for event tables, one at a time, each in a
 * transaction of its own.
 */
typedef struct EsWorkerDuty
{
	const char *name;			/* as pg_stat_activity shows it */

	/* Is there something to do?  Called under AccessShareLock. */
	bool		(*is_due) (Relation rel);

	/*
	 * Do it, under this lock; cancellable at any point.  false: there was
	 * nothing that could be done now.
	 */
	bool		(*perform) (Relation rel);
	LOCKMODE	lockmode;

	/*
	 * Whoever waits for the lock cancels it, as it would autovacuum.  Only
	 * for what runs no query: CREATE INDEX CONCURRENTLY does not wait for the
	 * snapshots of such a process.
	 */
	bool		gives_way;
} EsWorkerDuty;

typedef enum EsDutyOutcome
{
	ES_DUTY_IDLE,				/* there was nothing to do */
	ES_DUTY_DONE,
	ES_DUTY_LATER,				/* somebody else wants the table, or its rows */
	ES_DUTY_FAILED
} EsDutyOutcome;

extern EsDutyOutcome es_worker_perform(const EsWorkerDuty *duty, Oid relid);

/* --- es_worker_launch.c --- */

/* what the launcher tells the worker that it starts */
typedef struct EsWorkerOrder
{
	int			index;
	uint32		generation;
} EsWorkerOrder;

#endif							/* ES_WORKER_INTERNAL_H */
