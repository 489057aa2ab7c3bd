/*-------------------------------------------------------------------------
 *
 * es_table_ddl.c
 *	  Files of event tables: made, emptied, moved, and rewritten.
 *
 * A new table is a file without blocks; the first writer makes its metapage.
 * So CREATE TABLE and TRUNCATE write no page, and the init fork of an unlogged
 * table is empty.  No page names its file, so files can be copied as they are.
 *
 * IDENTIFICATION
 *	  src/table/es_table_ddl.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/multixact.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/storage.h"
#include "catalog/storage_xlog.h"
#include "commands/progress.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "table/es_table_internal.h"

void
es_table_relation_set_new_filelocator(Relation rel,
									  const EsFileLocator *locator,
									  char persistence,
									  TransactionId *freeze_xid,
									  MultiXactId *min_multi)
{
	SMgrRelation srel;

	/*
	 * No transaction that is older than RecentXmin is still running, so none
	 * can put rows into the table.  Rows are never marked with multixacts,
	 * but relminmxid has to be there to be advanced, or autovacuum would come
	 * for it for ever.
	 */
	*freeze_xid = RecentXmin;
	*min_multi = GetOldestMultiXactId();

	srel = RelationCreateStorage(*locator, persistence, true);

	/*
	 * The init fork replaces the main fork after a crash.  It is made outside
	 * shared buffers, so a checkpoint that began before would not make it
	 * durable: sync it here.
	 */
	if (persistence == RELPERSISTENCE_UNLOGGED)
	{
		smgrcreate(srel, INIT_FORKNUM, false);
		log_smgrcreate(locator, INIT_FORKNUM);
		smgrimmedsync(srel, INIT_FORKNUM);
	}
	smgrclose(srel);
}

void
es_table_relation_nontransactional_truncate(Relation rel)
{
	RelationTruncate(rel, 0);
	es_store_forget(rel);
}

void
es_table_relation_copy_data(Relation rel, const EsFileLocator *locator)
{
	SMgrRelation to = smgropen(*locator, rel->rd_backend);

	/*
	 * The file is copied past shared buffers.  The caller's lock keeps
	 * everybody else from dirtying more of them.
	 */
	FlushRelationBuffers(rel);

	/* a number that is in use already is found out here */
	RelationCreateStorage(*locator, rel->rd_rel->relpersistence, true);
	RelationCopyStorage(RelationGetSmgr(rel), to, MAIN_FORKNUM,
						rel->rd_rel->relpersistence);

	for (ForkNumber fork = MAIN_FORKNUM + 1; fork <= MAX_FORKNUM; fork++)
	{
		if (!smgrexists(RelationGetSmgr(rel), fork))
			continue;
		smgrcreate(to, fork, false);
		if (RelationIsPermanent(rel) ||
			(rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED &&
			 fork == INIT_FORKNUM))
			log_smgrcreate(locator, fork);
		RelationCopyStorage(RelationGetSmgr(rel), to, fork,
							rel->rd_rel->relpersistence);
	}

	RelationDropStorage(rel);
	smgrclose(to);
}

/*
 * VACUUM FULL and CLUSTER.  The order of events is that of their numbers,
 * which are their identity too: CLUSTER compacts the table and makes its
 * indexes anew, but does not order it.
 */
void
es_table_relation_copy_for_cluster(Relation from, Relation to, Relation index,
								   bool use_sort, TransactionId oldest_xmin,
								   TransactionId *xid_cutoff,
								   MultiXactId *multi_cutoff,
								   double *num_tuples, double *tups_vacuumed,
								   double *tups_recently_dead)
{
	EsCopyCounts counts = {0};
	EsSizes		sizes;

	if (index != NULL)
		ereport(NOTICE,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 errmsg("ignoring the order of index \"%s\"",
						RelationGetRelationName(index)),
				 errdetail("Events keep the order of their row numbers.")));

	es_store_sizes(from, &sizes);
	pgstat_progress_update_param(PROGRESS_CLUSTER_PHASE,
								 PROGRESS_CLUSTER_PHASE_SEQ_SCAN_HEAP);
	pgstat_progress_update_param(PROGRESS_CLUSTER_TOTAL_HEAP_BLKS,
								 sizes.blocks);

	/*
	 * The caller makes *xid_cutoff the new relfrozenxid: rows older than that
	 * are frozen.  Of rows that are newer the transaction is kept.
	 */
	es_store_copy(from, to, oldest_xmin, *xid_cutoff, &counts);

	pgstat_progress_update_param(PROGRESS_CLUSTER_HEAP_BLKS_SCANNED,
								 sizes.blocks);
	*num_tuples += counts.rows;
	*tups_vacuumed += counts.aborted;
}
