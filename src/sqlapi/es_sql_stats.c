/*-------------------------------------------------------------------------
 *
 * es_sql_stats.c
 *	  store_stats and compaction_progress: what the event tables of the database
 *	  are made of, and what is being done to them.
 *
 * Both show tables that the caller may read, or all of them to members of
 * pg_read_all_stats.
 *
 * IDENTIFICATION
 *	  src/sqlapi/es_sql_stats.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "storage/smgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/es_progress.h"
#include "store/es_store.h"
#include "table/es_table.h"

PG_FUNCTION_INFO_V1(eventstore_store_stats);
PG_FUNCTION_INFO_V1(eventstore_compaction_progress);

static bool
may_see(Oid relid)
{
	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

/* ----------------------------------------------------------------
 * store_stats
 * ----------------------------------------------------------------
 */

static List *
find_tables(void)
{
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0,
										  NULL);
	HeapTuple	tuple;
	List	   *tables = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (OidIsValid(form->relam) &&
			(form->relkind == RELKIND_RELATION ||
			 form->relkind == RELKIND_MATVIEW) &&
			es_table_am_is_ours(form->relam) && may_see(form->oid))
			tables = lappend_oid(tables, form->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return tables;
}

/* sums over the units of a table */
typedef struct StoreSums
{
	int64		batch_rows;
	int64		batches;
	int64		loose_batches;	/* load batches */
	int64		raw_kb;
	int64		batch_blocks;
	int64		tail_blocks;
	uint64		first_loose;	/* first row that is not in a settled batch; 0 */
} StoreSums;

static void
sum_units(Relation rel, StoreSums *sums)
{
	EsUnitRef	ref;
	uint64		row = ES_FIRST_ROW;

	memset(sums, 0, sizeof(StoreSums));
	es_store_refresh(rel);
	while (es_store_next_unit(rel, row, &ref))
	{
		CHECK_FOR_INTERRUPTS();
		if (!ref.open && ref.unit.kind == ES_UNIT_BATCH)
		{
			sums->batches++;
			sums->batch_rows += ref.unit.nrows;
			sums->raw_kb += ref.unit.raw_kb;
			sums->batch_blocks += ref.unit.npages;
			if (!es_unit_is_settled(&ref.unit))
				sums->loose_batches++;
		}
		else
			sums->tail_blocks += ref.unit.npages;
		if (sums->first_loose == 0 &&
			(ref.open || !es_unit_is_settled(&ref.unit)))
			sums->first_loose = ref.unit.first_row;
		if (ref.open)
			break;
		row = ref.unit.first_row + ref.unit.span;
	}
}

/*
 * The first row whose transaction is not decided; 0: there is none.
 */
static uint64
find_undecided(Relation rel, uint64 from)
{
	EsReader   *reader;
	HTSV_Result verdict;
	uint64		row = 0;
	uint64		end = es_store_end_row(rel);

	if (from == 0)
		return 0;
	reader = palloc0(sizeof(EsReader));
	es_reader_begin(reader, rel, ES_JUDGE_VACUUM, NULL, NULL, from, end);
	reader->oldest_xmin = GetOldestNonRemovableTransactionId(rel);
	while (row == 0 && es_reader_step(reader, true, &verdict))
	{
		CHECK_FOR_INTERRUPTS();
		if (verdict != HEAPTUPLE_LIVE && verdict != HEAPTUPLE_DEAD)
			row = reader->row;
		else if (reader->in_batch)
			es_reader_seek(reader, reader->page_first + reader->page_nrows);
	}
	es_reader_end(reader);
	pfree(reader);
	return row;
}

static void
put_table(ReturnSetInfo *rsinfo, Relation rel)
{
	EsSizes		sizes;
	EsSpace		space;
	StoreSums	sums;
	uint64		undecided;
	BlockNumber blocks;
	Datum		values[12];
	bool		nulls[12] = {false};

	es_store_sizes(rel, &sizes);
	es_store_space(rel, &space);
	sum_units(rel, &sums);
	undecided = RecoveryInProgress() ? 0 : find_undecided(rel, sums.first_loose);
	blocks = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);

	values[0] = ObjectIdGetDatum(RelationGetRelid(rel));
	values[1] = Int64GetDatum((int64) sizes.rows);
	values[2] = Int64GetDatum(Max((int64) sizes.rows - sums.batch_rows, 0));
	values[3] = Int64GetDatum(sums.tail_blocks * BLCKSZ);
	values[4] = Int64GetDatum(sums.batches);
	values[5] = Int64GetDatum(sums.loose_batches);
	values[6] = Int64GetDatum(sums.batch_rows);
	values[7] = Int64GetDatum(sums.raw_kb * 1024);
	values[8] = Int64GetDatum(sums.batch_blocks * BLCKSZ);
	values[9] = Int64GetDatum((int64) (space.free_blocks +
									   (blocks > space.end ?
										blocks - space.end : 0)) * BLCKSZ);
	values[10] = Int64GetDatum((int64) blocks * BLCKSZ);
	values[11] = Int64GetDatum((int64) undecided);
	nulls[11] = undecided == 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
eventstore_store_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, find_tables())
	{
		Relation	rel = try_relation_open(lfirst_oid(cell), AccessShareLock);

		if (rel == NULL)
			continue;			/* dropped meanwhile */
		if (es_table_is_ours(rel) && !RELATION_IS_OTHER_TEMP(rel) &&
			(RelationIsPermanent(rel) || !RecoveryInProgress()))
			put_table(rsinfo, rel);
		relation_close(rel, AccessShareLock);
	}
	return (Datum) 0;
}

/* ----------------------------------------------------------------
 * compaction_progress
 * ----------------------------------------------------------------
 */

static const char *
phase_name(uint64 phase)
{
	switch (phase)
	{
		case ES_PHASE_READING:
			return "reading rows";
		case ES_PHASE_WRITING:
			return "writing batches";
		case ES_PHASE_MOVING:
			return "moving batches";
		default:
			return "starting";
	}
}

Datum
eventstore_compaction_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		monitor = has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < ES_PROGRESS_SLOTS; i++)
	{
		EsProgress	p;
		double		seconds;
		Datum		values[9];
		bool		nulls[9] = {false};

		if (!es_progress_read(i, &p))
			continue;
		if (p.dboid != MyDatabaseId ? !monitor : !may_see(p.relid))
			continue;
		seconds = (double) (GetCurrentTimestamp() - p.started) / USECS_PER_SEC;
		values[0] = Int32GetDatum(p.pid);
		values[1] = ObjectIdGetDatum(p.dboid);
		values[2] = ObjectIdGetDatum(p.relid);
		values[3] = CStringGetTextDatum(phase_name(p.counters[ES_PROGRESS_PHASE]));
		values[4] = Int64GetDatum((int64) p.counters[ES_PROGRESS_ROWS_TOTAL]);
		values[5] = Int64GetDatum((int64) p.counters[ES_PROGRESS_ROWS]);
		values[6] = Int64GetDatum((int64) p.counters[ES_PROGRESS_BATCHES]);
		values[7] = TimestampTzGetDatum(p.started);
		values[8] = Float8GetDatum(seconds > 0 ?
								   p.counters[ES_PROGRESS_ROWS] / seconds : 0);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
