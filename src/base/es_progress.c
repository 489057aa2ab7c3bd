/*-------------------------------------------------------------------------
 *
 * es_progress.c
 *	  What a long operation on a table tells of its progress.
 *
 * A slot belongs to the process whose number it has.  Others only read it, and may
 * read values of two moments: it is for people to look at.
 *
 * IDENTIFICATION
 *	  src/base/es_progress.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "base/es_progress.h"

typedef struct Slot
{
	pg_atomic_uint32 pid;		/* 0: free */
	Oid			dboid;
	Oid			relid;
	TimestampTz started;
	pg_atomic_uint64 counters[ES_PROGRESS_COUNTERS];
} Slot;

static Slot *slots = NULL;
static Slot *mine = NULL;
static bool exit_hook_set = false;
static shmem_request_hook_type next_shmem_request = NULL;
static shmem_startup_hook_type next_shmem_startup = NULL;

static void
request(void)
{
	if (next_shmem_request != NULL)
		next_shmem_request();
	RequestAddinShmemSpace(ES_PROGRESS_SLOTS * sizeof(Slot));
}

static void
startup(void)
{
	bool		found;

	if (next_shmem_startup != NULL)
		next_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	slots = ShmemInitStruct("eventstore progress",
							ES_PROGRESS_SLOTS * sizeof(Slot), &found);
	if (!found)
	{
		for (int i = 0; i < ES_PROGRESS_SLOTS; i++)
		{
			pg_atomic_init_u32(&slots[i].pid, 0);
			for (int c = 0; c < ES_PROGRESS_COUNTERS; c++)
				pg_atomic_init_u64(&slots[i].counters[c], 0);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

void
es_progress_install(void)
{
	next_shmem_request = shmem_request_hook;
	shmem_request_hook = request;
	next_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

static void
end_at_exit(int code, Datum arg)
{
	es_progress_end();
}

void
es_progress_begin(Oid relid)
{
	if (slots == NULL || mine != NULL)
		return;
	if (!exit_hook_set)
	{
		before_shmem_exit(end_at_exit, (Datum) 0);
		exit_hook_set = true;
	}
	for (int i = 0; i < ES_PROGRESS_SLOTS; i++)
	{
		uint32		nobody = 0;

		if (!pg_atomic_compare_exchange_u32(&slots[i].pid, &nobody,
											(uint32) MyProcPid))
			continue;
		mine = &slots[i];
		mine->dboid = MyDatabaseId;
		mine->relid = relid;
		mine->started = GetCurrentTimestamp();
		for (int c = 0; c < ES_PROGRESS_COUNTERS; c++)
			pg_atomic_write_u64(&mine->counters[c], 0);
		return;
	}
}

void
es_progress_end(void)
{
	if (mine != NULL)
		pg_atomic_write_u32(&mine->pid, 0);
	mine = NULL;
}

void
es_progress_set(EsProgressCounter counter, uint64 value)
{
	if (mine != NULL)
		pg_atomic_write_u64(&mine->counters[counter], value);
}

bool
es_progress_read(int slot, EsProgress *progress)
{
	Slot	   *s = &slots[slot];

	progress->pid = (int) pg_atomic_read_u32(&s->pid);
	if (progress->pid == 0)
		return false;
	progress->dboid = s->dboid;
	progress->relid = s->relid;
	progress->started = s->started;
	for (int c = 0; c < ES_PROGRESS_COUNTERS; c++)
		progress->counters[c] = pg_atomic_read_u64(&s->counters[c]);
	return true;
}
