/*-------------------------------------------------------------------------
 *
 * es_compat.h
 *	  What differs between PostgreSQL 15, 17 and 18, and nothing else.
 *
 * The only file of the tree that looks at PG_VERSION_NUM: everything above it
 * is written once, in the newest spelling that all versions can be given.
 *
 * IDENTIFICATION
 *	  src/base/es_compat.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_COMPAT_H
#define ES_COMPAT_H

#include "postgres.h"

#include "access/heapam.h"
#include "access/rmgr.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogreader.h"
#include "access/xlogutils.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/autovacuum.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/smgr.h"
#include "storage/standby.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* --- slots --- */
#if PG_VERSION_NUM >= 180000
#define ES_COPY_MINIMAL_TUPLE_HAS_EXTRA	1
#else
#define ES_COPY_MINIMAL_TUPLE_HAS_EXTRA	0
#endif

#if PG_VERSION_NUM >= 170000
#define ES_SLOTS_KNOW_CURRENT_XACT	1
#else
#define ES_SLOTS_KNOW_CURRENT_XACT	0
#endif

/* --- descriptors: 18 keeps a compact copy of each attribute --- */

/*
 * Describe an attribute of a template descriptor, with what forming and deforming
 * tuples takes and nothing else.  align: in bytes.  Varlenas are left as they are.
 */
static inline void
es_describe_attribute(TupleDesc desc, int i, int attlen, bool by_value,
					  int align)
{
	Form_pg_attribute att = TupleDescAttr(desc, i);

	MemSet(att, 0, ATTRIBUTE_FIXED_PART_SIZE);
	att->attnum = (AttrNumber) (i + 1);
	att->attlen = (int16) attlen;
	att->attbyval = by_value;
	att->attalign = align == 8 ? TYPALIGN_DOUBLE : align == 4 ? TYPALIGN_INT :
		align == 2 ? TYPALIGN_SHORT : TYPALIGN_CHAR;
	att->attstorage = TYPSTORAGE_PLAIN;
#if PG_VERSION_NUM >= 180000
	populate_compact_attribute(desc, i);
#endif
}

/* alignment of an attribute in bytes */
static inline int
es_attribute_align(Form_pg_attribute att)
{
	return att->attalign == TYPALIGN_DOUBLE ? 8 :
		att->attalign == TYPALIGN_INT ? 4 :
		att->attalign == TYPALIGN_SHORT ? 2 : 1;
}

/* 18 spells it pg_noreturn, in front; both compilers know this one */
#define ES_NORETURN		__attribute__((noreturn))

/* --- files: RelFileNode became RelFileLocator in 16 --- */
#if PG_VERSION_NUM >= 160000
typedef RelFileLocator EsFileLocator;

#define es_rel_locator(rel)			((rel)->rd_locator)
#define es_locator_spc(l)			((l).spcOid)
#define es_locator_db(l)			((l).dbOid)
#define es_locator_number(l)		((l).relNumber)
#else
typedef RelFileNode EsFileLocator;

#define es_rel_locator(rel)			((rel)->rd_node)
#define es_locator_spc(l)			((l).spcNode)
#define es_locator_db(l)			((l).dbNode)
#define es_locator_number(l)		((l).relNode)
#endif

/*
 * Lengthen the main fork until it has at least "target" blocks; new blocks are
 * zero.  Takes and releases the relation extension lock; the caller holds no
 * buffer lock.  strategy: NULL for the usual one.
 */
static inline void
es_extend_relation(Relation rel, BlockNumber target,
				   BufferAccessStrategy strategy)
{
#if PG_VERSION_NUM >= 160000
	ReleaseBuffer(ExtendBufferedRelTo(BMR_REL(rel), MAIN_FORKNUM, strategy,
									  0, target, RBM_NORMAL));
#else
	BlockNumber have;

	LockRelationForExtension(rel, ExclusiveLock);
	have = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);
	while (have < target)
	{
		Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, P_NEW,
												RBM_NORMAL, strategy);

		have = BufferGetBlockNumber(buffer) + 1;
		ReleaseBuffer(buffer);
	}
	UnlockRelationForExtension(rel, ExclusiveLock);
#endif
}

/* --- recovery conflicts --- */
static inline void
es_resolve_conflict(TransactionId horizon, EsFileLocator locator)
{
#if PG_VERSION_NUM >= 160000
	ResolveRecoveryConflictWithSnapshot(horizon, false, locator);
#else
	ResolveRecoveryConflictWithSnapshot(horizon, locator);
#endif
}

static inline void
es_record_locator(XLogReaderState *record, uint8 block_id,
				  EsFileLocator *locator, BlockNumber *block)
{
	XLogRecGetBlockTag(record, block_id, locator, NULL, block);
}

/* --- table access method: signatures of callbacks --- */
#if PG_VERSION_NUM >= 160000
#define es_am_set_new_filelocator	relation_set_new_filelocator
#else
#define es_am_set_new_filelocator	relation_set_new_filenode
#endif

#if PG_VERSION_NUM >= 160000
#define ES_UPDATE_INDEXES			TU_UpdateIndexes
#else
#define ES_UPDATE_INDEXES			bool
#endif

/* 17: ANALYZE hands out its sampled blocks through a read stream */
#if PG_VERSION_NUM >= 170000
#define ES_HAS_READ_STREAM_ANALYZE	1
#else
#define ES_HAS_READ_STREAM_ANALYZE	0
#endif

/* 18: the access method walks a bitmap itself, and prefetches */
#if PG_VERSION_NUM >= 180000
#define ES_HAS_BITMAP_NEXT_BLOCK	0
#else
#define ES_HAS_BITMAP_NEXT_BLOCK	1
#endif

/* --- table access method: what callbacks ask of PostgreSQL --- */

/*
 * Name the relation in the shared state of a parallel scan.
 */
#if PG_VERSION_NUM >= 180000
#define es_parallel_scan_set_relation(pscan, rel) \
	((pscan)->phs_locator = (rel)->rd_locator)
#else
#define es_parallel_scan_set_relation(pscan, rel) \
	((pscan)->phs_relid = RelationGetRelid(rel))
#endif

#if PG_VERSION_NUM >= 160000
#define es_tuplesort_getdatum(state, value, isnull) \
	tuplesort_getdatum(state, true, false, value, isnull, NULL)
#else
#define es_tuplesort_getdatum(state, value, isnull) \
	tuplesort_getdatum(state, true, value, isnull, NULL)
#endif

#if PG_VERSION_NUM >= 180000
#define es_attribute_is_virtual(att) \
	((att)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define es_attribute_is_virtual(att)	(false)
#endif

/*
 * Is an ANALYZE running in this backend that will prefetch the blocks it samples
 * as blocks of the main fork?  Only known while track_activities is on.
 */
static inline bool
es_analyze_prefetches(void)
{
#if PG_VERSION_NUM >= 170000
	return false;
#else
	return MyBEEntry != NULL &&
		MyBEEntry->st_progress_command == PROGRESS_COMMAND_ANALYZE;
#endif
}

/* --- VACUUM --- */
typedef struct EsVacuumCutoffs
{
	TransactionId oldest_xmin;	/* whoever is older is decided for everybody */
	MultiXactId oldest_mxact;
	TransactionId freeze_limit; /* what is older is to be frozen */
	bool		aggressive;		/* ... even where it has to wait */
	bool		failsafe;		/* near wraparound: leave out the rest */
} EsVacuumCutoffs;

static inline void
es_vacuum_get_cutoffs(Relation rel, VacuumParams *params,
					  EsVacuumCutoffs *cutoffs)
{
#if PG_VERSION_NUM >= 160000
	struct VacuumCutoffs pg;

	cutoffs->aggressive = vacuum_get_cutoffs(rel, params, &pg);
	cutoffs->oldest_xmin = pg.OldestXmin;
	cutoffs->oldest_mxact = pg.OldestMxact;
	cutoffs->freeze_limit = pg.FreezeLimit;
	cutoffs->failsafe = vacuum_xid_failsafe_check(&pg);
#else
	MultiXactId multi_cutoff;

	cutoffs->aggressive =
		vacuum_set_xid_limits(rel, params->freeze_min_age,
							  params->freeze_table_age,
							  params->multixact_freeze_min_age,
							  params->multixact_freeze_table_age,
							  &cutoffs->oldest_xmin, &cutoffs->oldest_mxact,
							  &cutoffs->freeze_limit, &multi_cutoff);
	cutoffs->failsafe = vacuum_xid_failsafe_check(rel->rd_rel->relfrozenxid,
												  rel->rd_rel->relminmxid);
#endif
}

static inline void
es_vac_update_relstats(Relation rel, BlockNumber pages, double rows,
					   bool hasindex, TransactionId frozenxid,
					   MultiXactId minmulti, bool *frozenxid_updated,
					   bool *minmulti_updated)
{
#if PG_VERSION_NUM >= 180000
	vac_update_relstats(rel, pages, rows, 0, 0, hasindex, frozenxid, minmulti,
						frozenxid_updated, minmulti_updated, false);
#else
	vac_update_relstats(rel, pages, rows, 0, hasindex, frozenxid, minmulti,
						frozenxid_updated, minmulti_updated, false);
#endif
}

static inline void
es_pgstat_report_vacuum(Relation rel, double live_rows, double dead_rows,
						TimestampTz start)
{
#if PG_VERSION_NUM >= 180000
	pgstat_report_vacuum(RelationGetRelid(rel), rel->rd_rel->relisshared,
						 live_rows, dead_rows, start);
#else
	pgstat_report_vacuum(RelationGetRelid(rel), rel->rd_rel->relisshared,
						 live_rows, dead_rows);
#endif
}

static inline bool
es_is_autovacuum_worker(void)
{
#if PG_VERSION_NUM >= 170000
	return AmAutoVacuumWorkerProcess();
#else
	return IsAutoVacuumWorkerProcess();
#endif
}

static inline void
es_vacuum_delay_point(void)
{
#if PG_VERSION_NUM >= 180000
	vacuum_delay_point(false);
#else
	vacuum_delay_point();
#endif
}

/*
 * What vacuum_delay_point() goes by.  Before 16 these are the settings themselves,
 * so whoever changes them puts them back.
 */
#if PG_VERSION_NUM >= 160000
#define es_set_vacuum_costs(delay, limit) \
	(vacuum_cost_delay = (delay), vacuum_cost_limit = (limit))
#else
#define es_set_vacuum_costs(delay, limit) \
	(VacuumCostDelay = (delay), VacuumCostLimit = (limit))
#endif

/* 16: indexes are told the table that they belong to */
#if PG_VERSION_NUM >= 160000
#define es_index_vacuum_set_table(info, rel)	((info)->heaprel = (rel))
#else
#define es_index_vacuum_set_table(info, rel)	((void) 0)
#endif

/* --- processes --- */
static inline int
es_my_proc_number(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber;
#else
	return MyProc->pgprocno;
#endif
}

/* what pg_stat_activity shows while the process waits; "name" from 17 on */
static inline uint32
es_wait_event(const char *name)
{
#if PG_VERSION_NUM >= 170000
	return WaitEventExtensionNew(name);
#else
	return PG_WAIT_EXTENSION;
#endif
}

/* 17: a transaction as a whole can have a time limit */
static inline void
es_switch_off_transaction_timeout(void)
{
#if PG_VERSION_NUM >= 170000
	SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
#endif
}

/* 17: maintenance does not go by the caller's search path */
static inline void
es_restrict_search_path(void)
{
#if PG_VERSION_NUM >= 170000
	RestrictSearchPath();
#endif
}

/* --- locks --- */
static inline LocalTransactionId
es_my_lxid(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProc->vxid.lxid;
#else
	return MyProc->lxid;
#endif
}

static inline bool
es_lock_held_by_me(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

/*
 * Take a lock if that needs no waiting.  Before 17, the server did not see that
 * whoever already holds a lock for which others wait goes ahead of them.
 */
static inline bool
es_lock_acquire_nowait(const LOCKTAG *tag, LOCKMODE mode, bool held)
{
	bool		taken = LockAcquire(tag, mode, false, true) != LOCKACQUIRE_NOT_AVAIL;

#if PG_VERSION_NUM < 170000
	if (!taken && held)
	{
		int			conflicts;

		pfree(GetLockConflicts(tag, mode, &conflicts));
		if (conflicts == 0)
			taken = LockAcquire(tag, mode, false, false) != LOCKACQUIRE_NOT_AVAIL;
	}
#endif
	return taken;
}

/* --- the reorder buffer of logical decoding --- */
#if PG_VERSION_NUM >= 180000
#define es_reorder_alloc_change(rb)			ReorderBufferAllocChange(rb)
#define es_reorder_alloc_tuple(rb, len)		ReorderBufferAllocTupleBuf(rb, len)
#else
#define es_reorder_alloc_change(rb)			ReorderBufferGetChange(rb)
#define es_reorder_alloc_tuple(rb, len)		ReorderBufferGetTupleBuf(rb, len)
#endif
#if PG_VERSION_NUM >= 170000
#define es_change_tuple(newtuple)			(newtuple)
#else
#define es_change_tuple(newtuple)			(&(newtuple)->tuple)
#endif
#if PG_VERSION_NUM >= 160000
#define es_change_locator(change)			(&(change)->data.tp.rlocator)
#else
#define es_change_locator(change)			(&(change)->data.tp.relnode)
#endif

/* --- privileges --- */
static inline bool
es_owns_relation(Oid relid, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relid, roleid);
#else
	return pg_class_ownercheck(relid, roleid);
#endif
}

static inline bool
es_owns_database(Oid dboid, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, dboid, roleid);
#else
	return pg_database_ownercheck(dboid, roleid);
#endif
}

/* 17: who may run VACUUM may also look after a table otherwise */
static inline bool
es_may_maintain(Oid relid, Oid roleid)
{
#if PG_VERSION_NUM >= 170000
	return pg_class_aclcheck(relid, roleid, ACL_MAINTAIN) == ACLCHECK_OK;
#else
	return es_owns_relation(relid, roleid);
#endif
}

/* --- bitmap scans: 18 leaves prefetching to the access method --- */
#if PG_VERSION_NUM >= 180000
#define ES_BITMAP_SCANS_PREFETCH	false
#define es_stop_bitmap_prefetch(state)	((void) (state))
#else
#define ES_BITMAP_SCANS_PREFETCH	true
#define es_stop_bitmap_prefetch(state)	((state)->prefetch_maximum = 0)
#endif

/* --- 18: a module tells its name and version --- */
#if PG_VERSION_NUM >= 180000
#define ES_MODULE_MAGIC(module, release) \
	PG_MODULE_MAGIC_EXT(.name = module, .version = release)
#else
#define ES_MODULE_MAGIC(module, release)	PG_MODULE_MAGIC
#endif

#if PG_VERSION_NUM < 150000
#error "eventstore needs PostgreSQL 15 or later"
#endif

#endif							/* ES_COMPAT_H */
