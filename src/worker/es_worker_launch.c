/*-------------------------------------------------------------------------
 *
 * es_worker_launch.c
 *	  The launcher: which database is visited when.
 *
 * After its start it sends a worker into every database that allows connections;
 * later it knows those with event tables, and those that announce themselves.
 * Each has a time of its next visit; the one that has waited longest comes first.
 *
 * IDENTIFICATION
 *	  src/worker/es_worker_launch.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/es_announce.h"
#include "worker/es_worker.h"
#include "worker/es_worker_internal.h"

/* the same complaint is not logged again before */
#define ES_COMPLAINT_SECONDS	3600

/* how long the launcher sleeps at most */
#define ES_LAUNCHER_SLEEP_MS	3600000

PGDLLEXPORT void eventstore_launcher_main(Datum arg);

/* a database that is visited */
typedef struct Database
{
	Oid			dboid;			/* key */
	TimestampTz next_visit;
	bool		running;		/* a worker is there, or is on its way */
	bool		doubtful;		/* the last worker found no event table */
} Database;

/* who was asked to work in a slot, by this launcher */
typedef struct Start
{
	Oid			dboid;			/* InvalidOid: nobody */
	uint32		generation;
	BackgroundWorkerHandle *handle;
} Start;

static HTAB *databases = NULL;
static Start *starts = NULL;
static TimestampTz last_complaint = 0;

static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

/* ----------------------------------------------------------------
 * What it knows
 * ----------------------------------------------------------------
 */

static void
make_memory(void)
{
	HASHCTL		ctl;

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(Database);
	ctl.hcxt = TopMemoryContext;
	databases = hash_create("eventstore databases", 64, &ctl,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	starts = MemoryContextAllocZero(TopMemoryContext,
									es_max_workers * sizeof(Start));
}

/*
 * The database is to be visited at that time, or earlier.
 */
static Database *
visit_by(Oid dboid, TimestampTz when)
{
	bool		found;
	Database   *database = hash_search(databases, &dboid, HASH_ENTER, &found);

	if (!found)
	{
		database->next_visit = when;
		database->running = false;
		database->doubtful = false;
	}
	database->next_visit = Min(database->next_visit, when);
	return database;
}

/*
 * The database is to be visited at that time, not earlier.
 */
static Database *
visit_at(Oid dboid, TimestampTz when)
{
	Database   *database = visit_by(dboid, when);

	database->next_visit = when;
	return database;
}

static void
forget(Oid dboid)
{
	hash_search(databases, &dboid, HASH_REMOVE, NULL);
	es_announce_forget(dboid);
}

/*
 * A worker has left.  What it did not see may have been there, not committed yet:
 * so a database that announced itself is forgotten at the second time.
 */
static void
take_findings(EsWorkerSlot *slot)
{
	Database   *database;
	bool		known;

	(void) hash_search(databases, &slot->dboid, HASH_FIND, &known);
	switch (slot->findings)
	{
		case ES_FOUND_TABLES:
			database = visit_at(slot->dboid, slot->next_visit);
			database->doubtful = false;
			break;
		case ES_FOUND_NOTHING:
			if (!known)
				break;
			database = visit_at(slot->dboid, slot->next_visit);
			if (database->doubtful)
				forget(slot->dboid);
			else
				database->doubtful = true;
			break;
		case ES_FOUND_UNKNOWN:
			(void) visit_at(slot->dboid, es_worker_after_naps(ES_WORKER_IDLE_NAPS));
			break;
	}
}

/*
 * Whose process has ended, or will never be?
 */
static void
look_at_slot(int index)
{
	EsWorkerSlot slot;
	Start	   *start = &starts[index];
	pid_t		pid;

	es_worker_collect(index, &slot);

	/* a statement on the database took the slot back before the process came */
	if (OidIsValid(start->dboid) && slot.generation != start->generation)
	{
		(void) visit_at(start->dboid, es_worker_after_naps(1));
		start->dboid = InvalidOid;
	}

	switch (slot.state)
	{
		case ES_WORKER_NONE:
			break;
		case ES_WORKER_STARTING:
			if (!OidIsValid(start->dboid))
			{
				/* the launcher before this one has started it */
				es_worker_withdraw(index, slot.generation);
				(void) visit_by(slot.dboid, es_worker_after_naps(1));
			}
			else if (GetBackgroundWorkerPid(start->handle, &pid) == BGWH_STOPPED)
			{
				es_worker_withdraw(index, slot.generation);
				(void) visit_at(slot.dboid, es_worker_after_naps(1));
				start->dboid = InvalidOid;
			}
			else
				visit_by(slot.dboid, DT_NOEND)->running = true;
			break;
		case ES_WORKER_RUNNING:
			visit_by(slot.dboid, DT_NOEND)->running = true;
			break;
		case ES_WORKER_LEFT:
			take_findings(&slot);
			start->dboid = InvalidOid;
			break;
	}

	if (!OidIsValid(start->dboid) && start->handle != NULL)
	{
		pfree(start->handle);
		start->handle = NULL;
	}
}

static void
look_at_slots(void)
{
	HASH_SEQ_STATUS scan;
	Database   *database;

	hash_seq_init(&scan, databases);
	while ((database = hash_seq_search(&scan)) != NULL)
		database->running = false;
	for (int i = 0; i < es_max_workers; i++)
		look_at_slot(i);
}

static void
read_announcements(void)
{
	for (int i = 0; i < ES_ANNOUNCE_ROOM; i++)
	{
		bool		written;
		Oid			dboid = es_announce_read(i, &written);

		if (OidIsValid(dboid) && written)
			visit_by(dboid, es_worker_after_naps(1))->doubtful = false;
	}
}

/* ----------------------------------------------------------------
 * pg_database
 * ----------------------------------------------------------------
 */

/*
 * The databases that can be worked in, in the current memory context.
 */
static List *
list_databases(void)
{
	MemoryContext context = CurrentMemoryContext;
	Relation	catalog;
	TableScanDesc scan;
	HeapTuple	tuple;
	List	   *dboids = NIL;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	catalog = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(catalog, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;

		/* a limit below -1: DROP DATABASE was interrupted */
		if (!form->datallowconn || form->datconnlimit < -1 ||
			strcmp(NameStr(form->datname), "template0") == 0)
			continue;
		old = MemoryContextSwitchTo(context);
		dboids = lappend_oid(dboids, form->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(catalog, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return dboids;
}

/*
 * Has somebody locked the database, so that a worker would wait outside, perhaps
 * for long?
 */
static bool
is_locked(Oid dboid)
{
	MemoryContext context = CurrentMemoryContext;
	LOCKTAG		tag;
	bool		locked;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, dboid, 0);
	StartTransactionCommand();
	locked = !es_lock_acquire_nowait(&tag, RowExclusiveLock, false);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return locked;
}

static void
visit_all_now(void)
{
	List	   *dboids = list_databases();
	ListCell   *cell;

	foreach(cell, dboids)
	{
		Oid			dboid = lfirst_oid(cell);
		bool		known;

		(void) hash_search(databases, &dboid, HASH_FIND, &known);

		/* nothing was announced: one look is enough */
		if (!known)
			visit_by(dboid, GetCurrentTimestamp())->doubtful = true;
		else
			(void) visit_by(dboid, GetCurrentTimestamp());
	}
	list_free(dboids);
}

/* ----------------------------------------------------------------
 * Starting workers
 * ----------------------------------------------------------------
 */

/*
 * Ask the postmaster for a process.  false: max_worker_processes are in use.
 */
static bool
start_worker(int index, uint32 generation, Oid dboid)
{
	BackgroundWorker worker;
	EsWorkerOrder order;
	MemoryContext old;
	bool		registered;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "eventstore");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name), "eventstore_worker_main");
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "eventstore worker for database %u", dboid);
	snprintf(worker.bgw_type, sizeof(worker.bgw_type), "eventstore worker");

	memset(&order, 0, sizeof(order));
	order.index = index;
	order.generation = generation;
	StaticAssertStmt(sizeof(order) <= BGW_EXTRALEN,
					 "EsWorkerOrder must fit bgw_extra");
	memcpy(worker.bgw_extra, &order, sizeof(order));

	old = MemoryContextSwitchTo(TopMemoryContext);
	registered = RegisterDynamicBackgroundWorker(&worker, &starts[index].handle);
	MemoryContextSwitchTo(old);
	return registered;
}

static void
complain_about_slots(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (last_complaint != 0 &&
		!TimestampDifferenceExceeds(last_complaint, now, ES_COMPLAINT_SECONDS * 1000))
		return;
	last_complaint = now;
	ereport(LOG,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("no background worker process is free for an eventstore worker"),
			 errdetail("Event tables are compacted later."),
			 errhint("You may need to increase max_worker_processes.")));
}

static int
compare_next_visit(const ListCell *a, const ListCell *b)
{
	TimestampTz left = ((Database *) lfirst(a))->next_visit;
	TimestampTz right = ((Database *) lfirst(b))->next_visit;

	return left < right ? -1 : left > right;
}

/*
 * Databases whose time has come, those that have waited longest first.  *earliest
 * becomes the time of the next one.
 */
static List *
list_due(TimestampTz *earliest)
{
	HASH_SEQ_STATUS scan;
	Database   *database;
	List	   *due = NIL;
	TimestampTz now = GetCurrentTimestamp();

	hash_seq_init(&scan, databases);
	while ((database = hash_seq_search(&scan)) != NULL)
	{
		if (database->running)
			continue;
		if (database->next_visit <= now)
			due = lappend(due, database);
		else
			*earliest = Min(*earliest, database->next_visit);
	}
	list_sort(due, compare_next_visit);
	return due;
}

static int
count_free_slots(void)
{
	HASH_SEQ_STATUS scan;
	Database   *database;
	int			running = 0;

	hash_seq_init(&scan, databases);
	while ((database = hash_seq_search(&scan)) != NULL)
		if (database->running)
			running++;
	return es_max_workers - running;
}

/*
 * Start what can be started.  Returns when to look again, if nothing happens.
 */
static TimestampTz
start_due(void)
{
	TimestampTz earliest = DT_NOEND;
	List	   *due = list_due(&earliest);
	List	   *dboids = NIL;
	ListCell   *cell;
	int			free_slots = count_free_slots();
	bool		waiting = false;

	if (due != NIL && free_slots > 0)
		dboids = list_databases();
	foreach(cell, due)
	{
		Database   *database = lfirst(cell);
		int			index;
		uint32		generation;

		if (free_slots == 0)
		{
			waiting = true;
			break;
		}
		if (!list_member_oid(dboids, database->dboid))
		{
			/* dropped, or closed: who is still in it announces it again */
			es_announce_reset(database->dboid);
			forget(database->dboid);
			continue;
		}
		if (is_locked(database->dboid) ||
			!es_worker_claim(database->dboid, &index, &generation))
		{
			database->next_visit = es_worker_after_naps(1);
			earliest = Min(earliest, database->next_visit);
			continue;
		}
		if (!start_worker(index, generation, database->dboid))
		{
			es_worker_withdraw(index, generation);
			complain_about_slots();
			earliest = Min(earliest, es_worker_after_naps(1));
			break;
		}
		starts[index].dboid = database->dboid;
		starts[index].generation = generation;
		database->running = true;
		free_slots--;
	}
	es_worker_set_waiting(waiting);
	list_free(due);
	list_free(dboids);
	return earliest;
}

/* ----------------------------------------------------------------
 * The process
 * ----------------------------------------------------------------
 */

/*
 * A shorter naptime counts at once.
 */
static void
reload_settings(void)
{
	HASH_SEQ_STATUS scan;
	Database   *database;
	TimestampTz latest;

	ProcessConfigFile(PGC_SIGHUP);
	latest = es_worker_after_naps(ES_WORKER_IDLE_NAPS);
	hash_seq_init(&scan, databases);
	while ((database = hash_seq_search(&scan)) != NULL)
		database->next_visit = Min(database->next_visit, latest);
}

static void
sleep_until(TimestampTz when, uint32 wait_event)
{
	long		ms = ES_LAUNCHER_SLEEP_MS;

	if (when != DT_NOEND)
		ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), when);
	(void) WaitLatch(MyLatch,
					 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Min(ms, ES_LAUNCHER_SLEEP_MS), wait_event);
	ResetLatch(MyLatch);
}

void
eventstore_launcher_main(Datum arg)
{
	MemoryContext context;
	uint32		wait_event;
	bool		look_everywhere = true;

	pqsignal(SIGINT, SIG_IGN);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	SetConfigOption("application_name", MyBgworkerEntry->bgw_type,
					PGC_USERSET, PGC_S_OVERRIDE);

	make_memory();
	context = AllocSetContextCreate(TopMemoryContext, "eventstore launcher",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	wait_event = es_wait_event("EventLauncherMain");
	es_announce_listen();

	for (;;)
	{
		TimestampTz next = DT_NOEND;

		if (ProcDiePending)
			proc_exit(1);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			reload_settings();
		}

		look_at_slots();
		read_announcements();
		if (es_announce_overflowed())
			look_everywhere = true;
		if (es_worker)
		{
			if (look_everywhere)
				visit_all_now();
			look_everywhere = false;
			next = start_due();
		}
		else
			es_worker_send_all_away();

		MemoryContextReset(context);
		sleep_until(next, wait_event);
	}
}

/* ----------------------------------------------------------------
 * The start of the server
 * ----------------------------------------------------------------
 */

static void
request_shmem(void)
{
	if (prev_shmem_request)
		prev_shmem_request();
	es_worker_request_shmem();
}

static void
startup_shmem(void)
{
	if (prev_shmem_startup)
		prev_shmem_startup();
	es_worker_startup_shmem();
}

/*
 * Not on a standby: the postmaster starts the launcher when recovery has ended.
 * It starts it again after an error.
 */
static void
register_launcher(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 5;
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "eventstore");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name), "eventstore_launcher_main");
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "eventstore launcher");
	snprintf(worker.bgw_type, sizeof(worker.bgw_type), "eventstore launcher");
	RegisterBackgroundWorker(&worker);
}

void
es_worker_install(void)
{
	if (es_max_workers == 0 || IsBinaryUpgrade)
		return;

	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = request_shmem;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
	es_worker_install_hook();
	register_launcher();
}
