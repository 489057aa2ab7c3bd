/*-------------------------------------------------------------------------
 *
 * es_table_lock.c
 *	  Row locks.
 *
 * Rows never change, so a row lock protects nothing but what users agree on: that
 * two of them do not process the same event.  Nothing is written for it.  Row locks
 * are heavyweight locks, in the modes that heap uses for the same strengths, kept
 * to the end of the transaction: they conflict as on heap, are seen by the deadlock
 * detector, go with a rolled back savepoint, survive PREPARE.
 *
 * They are locks on objects: class = the table, object = the row number.  Catalogs
 * have other OIDs than tables, so nobody else's object is meant.  PostgreSQL's tuple
 * and page locks would not do: core expects them to be held for moments only, and
 * says so where assertions are on.
 *
 * FOR KEY SHARE takes none: a key cannot change.
 *
 * The lock table is finite.  Before its first row lock in a table, a transaction
 * takes a lock on row 0, which no table has: RowShareLock to share rows,
 * RowExclusiveLock for the stronger strengths.  Every 1000 row locks it tries to take
 * ShareLock there, if it only shares, else ExclusiveLock.  Once it has that one,
 * nobody else can lock rows of the table in a way that conflicts, and it needs no
 * further locks.  It never waits for it: two transactions
 * with disjoint rows would wait for each other.
 *
 * IDENTIFICATION
 *	  src/table/es_table_lock.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "table/es_table_internal.h"
#include "table/es_table_slot.h"

/* the row whose lock stands for all rows of the table */
#define ALL_ROWS				0
/* row locks of one table between attempts to lock all rows */
#define LOCKS_PER_ATTEMPT		1000

/* row locks taken in this transaction, by table; an estimate is enough */
typedef struct LockCount
{
	Oid			relid;
	uint32		count;
} LockCount;

static HTAB *lock_counts = NULL;
static LocalTransactionId lock_counts_lxid = InvalidLocalTransactionId;

static uint32
count_lock(Oid relid)
{
	LocalTransactionId lxid = es_my_lxid();
	LockCount  *entry;
	bool		found;

	if (lock_counts == NULL || lock_counts_lxid != lxid)
	{
		HASHCTL		info;

		/* the table of an earlier transaction went with its memory */
		info.keysize = sizeof(Oid);
		info.entrysize = sizeof(LockCount);
		info.hcxt = TopTransactionContext;
		lock_counts = hash_create("eventstore row locks", 16, &info,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		lock_counts_lxid = lxid;
	}
	entry = hash_search(lock_counts, &relid, HASH_ENTER, &found);
	if (!found)
		entry->count = 0;
	return ++entry->count;
}

static LOCKMODE
lock_mode(LockTupleMode mode)
{
	switch (mode)
	{
		case LockTupleShare:
			return RowShareLock;
		case LockTupleNoKeyExclusive:
			return ExclusiveLock;
		case LockTupleExclusive:
			return AccessExclusiveLock;
		default:
			return NoLock;
	}
}

/*
 * Report a row that NOWAIT does not wait for, as heap does.
 */
static void
report_locked(Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("could not obtain lock on row in relation \"%s\"",
					RelationGetRelationName(rel))));
}

static void
set_lock_tag(LOCKTAG *tag, Relation rel, uint64 row)
{
	StaticAssertStmt(ES_MAX_ROW < UINT64CONST(1) << 48,
					 "row numbers must fit a lock tag");
	SET_LOCKTAG_OBJECT(*tag,
					   rel->rd_lockInfo.lockRelId.dbId,
					   rel->rd_lockInfo.lockRelId.relId,
					   (uint32) row,
					   (uint16) (row >> 32));
}

/*
 * Do we hold a lock on the row, in this mode or a stronger one?  It was taken in
 * this subtransaction or one around it, so it stays as long as one taken now.
 */
static bool
row_lock_held(const LOCKTAG *one_row, LOCKMODE mode)
{
	return (mode <= RowShareLock && es_lock_held_by_me(one_row, RowShareLock)) ||
		(mode <= ExclusiveLock && es_lock_held_by_me(one_row, ExclusiveLock)) ||
		es_lock_held_by_me(one_row, AccessExclusiveLock);
}

/*
 * Take the lock on the row; false: it is held by others and we do not wait.
 */
static bool
acquire(Relation rel, uint64 row, LOCKMODE mode, LockWaitPolicy wait_policy)
{
	bool		dont_wait = wait_policy != LockWaitBlock;
	bool		share = mode == RowShareLock;
	LOCKMODE	intent = share ? RowShareLock : RowExclusiveLock;
	LOCKTAG		all_rows;
	LOCKTAG		one_row;

	set_lock_tag(&all_rows, rel, ALL_ROWS);
	if (es_lock_held_by_me(&all_rows, ExclusiveLock) ||
		(share && es_lock_held_by_me(&all_rows, ShareLock)))
		return true;
	if (!es_lock_held_by_me(&all_rows, intent) &&
		LockAcquire(&all_rows, intent, false, dont_wait) ==
		LOCKACQUIRE_NOT_AVAIL)
		return false;

	set_lock_tag(&one_row, rel, row);
	if (row_lock_held(&one_row, mode))
		return true;
	if (!dont_wait)
		(void) LockAcquire(&one_row, mode, false, false);
	else if (!es_lock_acquire_nowait(&one_row, mode,
									 row_lock_held(&one_row, RowShareLock)))
		return false;

	if (count_lock(RelationGetRelid(rel)) % LOCKS_PER_ATTEMPT == 0)
		(void) LockAcquire(&all_rows,
						   es_lock_held_by_me(&all_rows, RowExclusiveLock) ?
						   ExclusiveLock : ShareLock, false, true);
	return true;
}

TM_Result
es_table_tuple_lock(Relation rel, ItemPointer tid, Snapshot snapshot,
					TupleTableSlot *slot, CommandId cid, LockTupleMode mode,
					LockWaitPolicy wait_policy, uint8 flags,
					TM_FailureData *tmfd)
{
	EsFetch		fetch;
	HeapTuple	tuple;
	TM_Result	result;
	MemoryContext old_context;
	LOCKMODE	lockmode = lock_mode(mode);

	tmfd->traversed = false;
	es_fetch_begin(&fetch, rel);
	old_context = MemoryContextSwitchTo(slot->tts_mcxt);
	result = es_fetch_for_lock(&fetch, es_tid_to_row(tid), cid, &tuple);
	MemoryContextSwitchTo(old_context);
	es_fetch_end(&fetch);
	if (tuple == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("attempted to lock a row that does not exist")));
	if (result != TM_Ok)
	{
		heap_freetuple(tuple);
		return result;
	}

	if (lockmode != NoLock &&
		!acquire(rel, es_tid_to_row(tid), lockmode, wait_policy))
	{
		heap_freetuple(tuple);
		if (wait_policy == LockWaitError)
			report_locked(rel);
		return TM_WouldBlock;
	}

	/* nothing can have happened to the row while we waited */
	es_slot_store_tuple(slot, tuple, true);
	return TM_Ok;
}
