/*-------------------------------------------------------------------------
 *
 * es_worker_shmem.c
 *	  Shared memory of the background workers: who works where, which
 *	  databases are blocked, which tables failed.
 *
 * One LWLock, EventWorker, protects all of it.  It is held for some instructions
 * and nothing else is taken or waited for under it.
 *
 * A slot goes from NONE to STARTING (launcher), RUNNING (worker), LEFT (worker,
 * when it is no longer in the database) and back to NONE (launcher).  From
 * STARTING it may go to NONE at once; a process that comes too late for it sees
 * that the generation has moved.
 *
 * IDENTIFICATION
 *	  src/worker/es_worker_shmem.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "base/es_announce.h"
#include "worker/es_worker_internal.h"

/* statements on databases at a time that can keep workers out */
#define ES_WORKER_BLOCKS	64

/* tables that failed, of all databases; if there are more, some are tried too early */
#define ES_WORKER_FAILURES	128

/* how long a statement waits for a worker to leave, in all, and at a time */
#define ES_WORKER_LEAVE_MS	30000
#define ES_WORKER_LOOK_MS	100

#define ES_WORKER_TRANCHE	"EventWorker"

typedef struct Failure
{
	Oid			dboid;			/* InvalidOid: free */
	Oid			relid;
	int			times;			/* in a row */
	TimestampTz next_try;
} Failure;

typedef struct WorkerShared
{
	bool		others_wait;	/* the launcher has no slot for a database */
	ConditionVariable left;		/* a worker has left */
	Oid			blocks[ES_WORKER_BLOCKS];	/* InvalidOid: free */
	Failure		failures[ES_WORKER_FAILURES];
	EsWorkerSlot slots[FLEXIBLE_ARRAY_MEMBER];	/* es_max_workers */
} WorkerShared;

static WorkerShared *shared = NULL;
static LWLock *lock = NULL;

/* this process's, if it is a worker */
static EsWorkerSlot *my_slot = NULL;
static EsWorkerFindings my_findings = ES_FOUND_UNKNOWN;
static TimestampTz my_next_visit = 0;

/* ----------------------------------------------------------------
 * The memory
 * ----------------------------------------------------------------
 */

static Size
shared_size(void)
{
	return add_size(offsetof(WorkerShared, slots),
					mul_size(es_max_workers, sizeof(EsWorkerSlot)));
}

void
es_worker_request_shmem(void)
{
	RequestAddinShmemSpace(add_size(MAXALIGN(shared_size()),
									MAXALIGN(es_announce_size())));
	RequestNamedLWLockTranche(ES_WORKER_TRANCHE, 1);
}

/*
 * In the postmaster when it starts, again after a crash, and in a single-user
 * server.
 */
void
es_worker_startup_shmem(void)
{
	void	   *board;
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("eventstore workers", shared_size(), &found);
	if (!found)
	{
		memset(shared, 0, shared_size());
		ConditionVariableInit(&shared->left);
	}
	board = ShmemInitStruct("eventstore announcements", es_announce_size(),
							&found);
	es_announce_attach(board, !found);
	LWLockRelease(AddinShmemInitLock);

	lock = &GetNamedLWLockTranche(ES_WORKER_TRANCHE)->lock;
}

/* ----------------------------------------------------------------
 * The launcher
 * ----------------------------------------------------------------
 */

static bool
is_blocked(Oid dboid)
{
	for (int i = 0; i < ES_WORKER_BLOCKS; i++)
		if (shared->blocks[i] == dboid)
			return true;
	return false;
}

bool
es_worker_claim(Oid dboid, int *index, uint32 *generation)
{
	int			chosen = -1;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = es_max_workers - 1; i >= 0; i--)
	{
		EsWorkerSlot *slot = &shared->slots[i];

		if (slot->state == ES_WORKER_NONE)
			chosen = i;
		else if (slot->dboid == dboid)
		{
			chosen = -1;
			break;
		}
	}
	if (chosen >= 0 && is_blocked(dboid))
		chosen = -1;
	if (chosen >= 0)
	{
		EsWorkerSlot *slot = &shared->slots[chosen];

		slot->state = ES_WORKER_STARTING;
		slot->generation++;
		slot->dboid = dboid;
		slot->pid = 0;
		slot->leave = false;
		slot->findings = ES_FOUND_UNKNOWN;
		slot->next_visit = 0;
		*index = chosen;
		*generation = slot->generation;
	}
	LWLockRelease(lock);
	return chosen >= 0;
}

/*
 * The caller holds the lock.
 */
static void
free_starting_slot(EsWorkerSlot *slot)
{
	Assert(slot->state == ES_WORKER_STARTING);
	slot->state = ES_WORKER_NONE;
	slot->generation++;
	slot->dboid = InvalidOid;
}

void
es_worker_withdraw(int index, uint32 generation)
{
	EsWorkerSlot *slot = &shared->slots[index];

	LWLockAcquire(lock, LW_EXCLUSIVE);
	if (slot->state == ES_WORKER_STARTING && slot->generation == generation)
		free_starting_slot(slot);
	LWLockRelease(lock);
}

void
es_worker_collect(int index, EsWorkerSlot *slot)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	*slot = shared->slots[index];
	if (slot->state == ES_WORKER_LEFT)
	{
		shared->slots[index].state = ES_WORKER_NONE;
		shared->slots[index].dboid = InvalidOid;
	}
	LWLockRelease(lock);
}

void
es_worker_set_waiting(bool waiting)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	shared->others_wait = waiting;
	LWLockRelease(lock);
}

/* ----------------------------------------------------------------
 * The worker
 * ----------------------------------------------------------------
 */

/*
 * The process has been taken out of the array of processes, where its database
 * stood, when this runs.
 */
static void
leave(int code, Datum arg)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	my_slot->state = ES_WORKER_LEFT;
	my_slot->pid = 0;
	my_slot->findings = my_findings;
	my_slot->next_visit = my_next_visit;
	LWLockRelease(lock);

	ConditionVariableBroadcast(&shared->left);
	es_announce_wake();
}

bool
es_worker_attach(int index, uint32 generation, Oid *dboid)
{
	EsWorkerSlot *slot;
	bool		wanted;

	if (shared == NULL || index < 0 || index >= es_max_workers)
		return false;
	slot = &shared->slots[index];

	LWLockAcquire(lock, LW_EXCLUSIVE);
	wanted = slot->state == ES_WORKER_STARTING &&
		slot->generation == generation;
	if (wanted)
	{
		slot->state = ES_WORKER_RUNNING;
		slot->pid = MyProcPid;
		*dboid = slot->dboid;
		my_slot = slot;
	}
	LWLockRelease(lock);

	/* before the process enters the database, so that it runs after it left */
	if (wanted)
		on_shmem_exit(leave, 0);
	return wanted;
}

bool
es_worker_must_leave(void)
{
	bool		result;

	LWLockAcquire(lock, LW_SHARED);
	result = my_slot->leave;
	LWLockRelease(lock);
	return result;
}

bool
es_worker_others_wait(void)
{
	bool		result;

	LWLockAcquire(lock, LW_SHARED);
	result = shared->others_wait;
	LWLockRelease(lock);
	return result;
}

/*
 * What the launcher is told when the worker has left.
 */
void
es_worker_report(EsWorkerFindings findings, TimestampTz next_visit)
{
	my_findings = findings;
	my_next_visit = next_visit;
}

/* ----------------------------------------------------------------
 * Keeping workers out
 * ----------------------------------------------------------------
 */

/*
 * Ask workers to leave: those of one database, or all (InvalidOid).  The caller
 * holds the lock; so a process that has a slot exists.
 *
 * The worker may be anywhere when the signal arrives.  It looks at "leave" after
 * it has forgotten earlier signals, so it sees one of the two.
 */
static void
send_away(Oid dboid)
{
	for (int i = 0; i < es_max_workers; i++)
	{
		EsWorkerSlot *slot = &shared->slots[i];

		if (OidIsValid(dboid) && slot->dboid != dboid)
			continue;
		if (slot->state == ES_WORKER_STARTING)
			free_starting_slot(slot);
		else if (slot->state == ES_WORKER_RUNNING && !slot->leave)
		{
			slot->leave = true;
			(void) kill(slot->pid, SIGINT);
		}
	}
}

void
es_worker_send_all_away(void)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	send_away(InvalidOid);
	LWLockRelease(lock);
}

int
es_worker_block(Oid dboid)
{
	int			block = -1;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < ES_WORKER_BLOCKS && block < 0; i++)
		if (!OidIsValid(shared->blocks[i]))
			block = i;
	if (block >= 0)
		shared->blocks[block] = dboid;
	send_away(dboid);
	LWLockRelease(lock);
	return block;
}

void
es_worker_unblock(int block)
{
	if (block < 0)
		return;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	shared->blocks[block] = InvalidOid;
	LWLockRelease(lock);
	es_announce_wake();
}

static bool
is_running(Oid dboid)
{
	bool		result = false;

	LWLockAcquire(lock, LW_SHARED);
	for (int i = 0; i < es_max_workers; i++)
		if (shared->slots[i].state == ES_WORKER_RUNNING &&
			shared->slots[i].dboid == dboid)
			result = true;
	LWLockRelease(lock);
	return result;
}

void
es_worker_wait_until_gone(Oid dboid)
{
	TimestampTz end = GetCurrentTimestamp() + ES_WORKER_LEAVE_MS * INT64CONST(1000);
	uint32		wait_event = es_wait_event("EventWorkerLeave");

	ConditionVariablePrepareToSleep(&shared->left);
	while (is_running(dboid) && GetCurrentTimestamp() < end)
		(void) ConditionVariableTimedSleep(&shared->left, ES_WORKER_LOOK_MS,
										   wait_event);
	ConditionVariableCancelSleep();
}

/* ----------------------------------------------------------------
 * Tables that failed
 * ----------------------------------------------------------------
 */

/*
 * The caller holds the lock.
 */
static Failure *
find_failure(Oid relid)
{
	for (int i = 0; i < ES_WORKER_FAILURES; i++)
		if (shared->failures[i].dboid == MyDatabaseId &&
			shared->failures[i].relid == relid)
			return &shared->failures[i];
	return NULL;
}

bool
es_worker_may_try(Oid relid, TimestampTz *when)
{
	Failure    *failure;
	bool		result = true;

	LWLockAcquire(lock, LW_SHARED);
	failure = find_failure(relid);
	if (failure != NULL && failure->next_try > GetCurrentTimestamp())
	{
		*when = failure->next_try;
		result = false;
	}
	LWLockRelease(lock);
	return result;
}

void
es_worker_note_failure(Oid relid, TimestampTz *when)
{
	Failure    *failure;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	failure = find_failure(relid);
	if (failure == NULL)
	{
		/* a free place, or the one that matters least */
		failure = &shared->failures[0];
		for (int i = 0; i < ES_WORKER_FAILURES; i++)
		{
			Failure    *other = &shared->failures[i];

			if (OidIsValid(failure->dboid) &&
				(!OidIsValid(other->dboid) ||
				 other->next_try < failure->next_try))
				failure = other;
		}
		failure->dboid = MyDatabaseId;
		failure->relid = relid;
		failure->times = 0;
	}
	failure->next_try =
		es_worker_after_naps(ES_WORKER_FAILED_NAPS << failure->times);
	if (failure->times < ES_WORKER_FAILED_DOUBLINGS)
		failure->times++;
	*when = failure->next_try;
	LWLockRelease(lock);
}

void
es_worker_note_success(Oid relid)
{
	Failure    *failure;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	failure = find_failure(relid);
	if (failure != NULL)
		failure->dboid = InvalidOid;
	LWLockRelease(lock);
}
