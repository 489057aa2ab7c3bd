/*-------------------------------------------------------------------------
 *
 * es_table_vacuum.c
 *	  VACUUM: what the storage does, indexes, and what is reported.
 *
 * Nothing has to be removed for space to be used again: numbers are never used
 * twice, so entries of indexes that point to aborted rows are harmless for
 * ever. VACUUM is here to advance relfrozenxid and relminmxid, on empty tables
 * too; to give back what aborted transactions left; and to let indexes tidy up
 * (GIN's pending lists, BRIN's new ranges).
 *
 * IDENTIFICATION
 *	  src/table/es_table_vacuum.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/multixact.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "commands/dbcommands.h"
#include "commands/progress.h"
#include "commands/vacuum.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/smgr.h"
#include "utils/lsyscache.h"
#include "utils/pg_rusage.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "format/es_page.h"
#include "table/es_table_internal.h"

/*
 * One VACUUM of one table.
 */
typedef struct EsVacuum
{
	Relation	rel;
	char	   *name;			/* database.schema.table */
	VacuumParams *params;
	BufferAccessStrategy strategy;
	EsVacuumCutoffs cutoffs;
	EsVacuumResult result;
	BlockNumber file_blocks;	/* afterwards */
	int			nindexes;
	TransactionId frozenxid;	/* new relfrozenxid */
	bool		frozenxid_updated;
	bool		minmulti_updated;
	TimestampTz start;
	PGRUsage	usage;
} EsVacuum;

static void begin_vacuum(EsVacuum *vacuum);
static void clean_up_indexes(EsVacuum *vacuum);
static void clean_up_index(EsVacuum *vacuum, Relation index);
static bool entry_is_dead(ItemPointer tid, void *arg);
static void update_statistics(EsVacuum *vacuum);
static void report_vacuum(EsVacuum *vacuum);

void
es_table_relation_vacuum(Relation rel, VacuumParams *params,
						 BufferAccessStrategy strategy)
{
	EsVacuum	vacuum = {0};

	vacuum.rel = rel;
	vacuum.params = params;
	vacuum.strategy = strategy;
	begin_vacuum(&vacuum);

	es_store_vacuum(rel, vacuum.cutoffs.oldest_xmin,
					vacuum.cutoffs.freeze_limit,
					params->truncate != VACOPTVALUE_DISABLED &&
					!vacuum.cutoffs.failsafe,
					strategy, &vacuum.result);
	vacuum.file_blocks = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);
	pgstat_progress_update_param(PROGRESS_VACUUM_HEAP_BLKS_SCANNED,
								 vacuum.file_blocks);

	clean_up_indexes(&vacuum);
	update_statistics(&vacuum);
	pgstat_progress_end_command();
	report_vacuum(&vacuum);
}

/*
 * Find out what is to be frozen, and announce the work.
 */
static void
begin_vacuum(EsVacuum *vacuum)
{
	Relation	rel = vacuum->rel;

	pg_rusage_init(&vacuum->usage);
	vacuum->start = GetCurrentTimestamp();
	pgstat_progress_start_command(PROGRESS_COMMAND_VACUUM,
								  RelationGetRelid(rel));
	pgstat_progress_update_param(PROGRESS_VACUUM_PHASE,
								 PROGRESS_VACUUM_PHASE_SCAN_HEAP);
	pgstat_progress_update_param(PROGRESS_VACUUM_TOTAL_HEAP_BLKS,
								 smgrnblocks(RelationGetSmgr(rel),
											 MAIN_FORKNUM));

	/*
	 * Before the storage looks at any row: rows that are added from now on
	 * belong to transactions that are not older than oldest_xmin.
	 */
	es_vacuum_get_cutoffs(rel, vacuum->params, &vacuum->cutoffs);

	/* a copy: the relcache entry may be rebuilt before the report */
	vacuum->name = psprintf("%s.%s.%s", get_database_name(MyDatabaseId),
							get_namespace_name(RelationGetNamespace(rel)),
							RelationGetRelationName(rel));
	if (vacuum->params->options & VACOPT_VERBOSE)
		ereport(INFO,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 vacuum->cutoffs.aggressive ?
				 errmsg("aggressively vacuuming \"%s\"", vacuum->name) :
				 errmsg("vacuuming \"%s\"", vacuum->name)));

	if (vacuum->cutoffs.failsafe)
	{
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("bypassing nonessential maintenance of table \"%s\" as a failsafe",
						vacuum->name),
				 errdetail("The table's relfrozenxid or relminmxid is too far in the past.")));

		/* stop applying cost limits */
		VacuumCostActive = false;
		VacuumCostBalance = 0;
	}
}

/* ----------------------------------------------------------------
 * Indexes
 * ----------------------------------------------------------------
 */

static void
clean_up_indexes(EsVacuum *vacuum)
{
	Relation   *indexes;

	/* also counts them, for pg_class.relhasindex */
	vac_open_indexes(vacuum->rel, RowExclusiveLock, &vacuum->nindexes,
					 &indexes);
	if (vacuum->params->index_cleanup != VACOPTVALUE_DISABLED &&
		!vacuum->cutoffs.failsafe)
	{
		pgstat_progress_update_param(PROGRESS_VACUUM_PHASE,
									 PROGRESS_VACUUM_PHASE_INDEX_CLEANUP);
		for (int i = 0; i < vacuum->nindexes; i++)
			clean_up_index(vacuum, indexes[i]);
	}
	vac_close_indexes(vacuum->nindexes, indexes, NoLock);
}

/*
 * Entries of aborted rows are only removed when INDEX_CLEANUP ON asks for it:
 * they take space, but are found out one by one when a scan meets them.
 */
static void
clean_up_index(EsVacuum *vacuum, Relation index)
{
	IndexVacuumInfo info = {0};
	IndexBulkDeleteResult *stats = NULL;
	EsFetch		fetch;

	info.index = index;
	es_index_vacuum_set_table(&info, vacuum->rel);
	info.message_level = DEBUG2;
	info.num_heap_tuples = (double) vacuum->result.live_rows +
		(double) vacuum->result.recent_rows;
	info.strategy = vacuum->strategy;

	if (vacuum->params->index_cleanup == VACOPTVALUE_ENABLED)
	{
		es_fetch_begin(&fetch, vacuum->rel);
		stats = index_bulk_delete(&info, stats, entry_is_dead, &fetch);
		es_fetch_end(&fetch);
	}
	stats = index_vacuum_cleanup(&info, stats);

	if (stats != NULL && !stats->estimated_count)
		es_vac_update_relstats(index, stats->num_pages,
							   stats->num_index_tuples, false,
							   InvalidTransactionId, InvalidMultiXactId,
							   NULL, NULL);
	if (stats != NULL)
		pfree(stats);
}

/*
 * An IndexBulkDeleteCallback.  A page of the index is locked.
 */
static bool
entry_is_dead(ItemPointer tid, void *arg)
{
	return es_fetch_is_dead((EsFetch *) arg, es_tid_to_row(tid));
}

/* ----------------------------------------------------------------
 * What is reported
 * ----------------------------------------------------------------
 */

/*
 * Whatever the storage left unfrozen bounds relfrozenxid; it is not older than
 * freeze_limit.  Multixacts there are none.
 */
static void
update_statistics(EsVacuum *vacuum)
{
	EsVacuumResult *result = &vacuum->result;

	pgstat_progress_update_param(PROGRESS_VACUUM_PHASE,
								 PROGRESS_VACUUM_PHASE_FINAL_CLEANUP);

	vacuum->frozenxid = vacuum->cutoffs.oldest_xmin;
	if (TransactionIdIsNormal(result->oldest_xid) &&
		TransactionIdPrecedes(result->oldest_xid, vacuum->frozenxid))
		vacuum->frozenxid = result->oldest_xid;

	/* neither is set back by this */
	es_vac_update_relstats(vacuum->rel, vacuum->file_blocks,
						   (double) result->live_rows, vacuum->nindexes > 0,
						   vacuum->frozenxid, vacuum->cutoffs.oldest_mxact,
						   &vacuum->frozenxid_updated,
						   &vacuum->minmulti_updated);

	/*
	 * Aborted rows that stay are not reported as dead: another VACUUM could
	 * do no more about them, and autovacuum would come again and again.
	 */
	es_pgstat_report_vacuum(vacuum->rel, (double) result->live_rows, 0,
							vacuum->start);
}

/*
 * VACUUM VERBOSE, and log_autovacuum_min_duration.
 */
static void
report_vacuum(EsVacuum *vacuum)
{
	EsVacuumResult *result = &vacuum->result;
	bool		verbose = (vacuum->params->options & VACOPT_VERBOSE) != 0;
	int			log_min = vacuum->params->log_min_duration;
	StringInfoData text;

	if (!verbose &&
		!(es_is_autovacuum_worker() && log_min >= 0 &&
		  (log_min == 0 ||
		   TimestampDifferenceExceeds(vacuum->start, GetCurrentTimestamp(),
									  log_min))))
		return;

	initStringInfo(&text);
	appendStringInfo(&text,
					 "pages: %u removed, %u remain, %u of them hold rows\n",
					 result->truncated, vacuum->file_blocks, result->blocks);
	appendStringInfo(&text,
					 "rows: " UINT64_FORMAT " live, " UINT64_FORMAT
					 " not decided yet, " UINT64_FORMAT " aborted, "
					 UINT64_FORMAT " frozen now\n",
					 result->live_rows, result->recent_rows,
					 result->aborted_rows, result->frozen_rows);
	appendStringInfo(&text, "cutoff: %u\n", vacuum->cutoffs.oldest_xmin);
	if (vacuum->frozenxid_updated)
		appendStringInfo(&text, "new relfrozenxid: %u\n", vacuum->frozenxid);
	if (vacuum->minmulti_updated)
		appendStringInfo(&text, "new relminmxid: %u\n",
						 vacuum->cutoffs.oldest_mxact);
	appendStringInfo(&text, "system usage: %s",
					 pg_rusage_show(&vacuum->usage));

	ereport(verbose ? INFO : LOG,
			(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
			 verbose ?
			 errmsg("finished vacuuming \"%s\"", vacuum->name) :
			 errmsg("automatic vacuum of table \"%s\"", vacuum->name),
			 errdetail_internal("%s", text.data)));
	pfree(text.data);
}
