/*-------------------------------------------------------------------------
 *
 * es_sql_compact.c
 *	  compact(): compaction of one event table by hand.
 *
 * IDENTIFICATION
 *	  src/sqlapi/es_sql_compact.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/rel.h"

#include "compact/es_compact.h"
#include "sqlapi/es_sql_table.h"

PG_FUNCTION_INFO_V1(eventstore_compact);

/*
 * compact(store regclass, OUT compacted bigint, OUT batches bigint,
 *		   OUT bytes_before bigint, OUT bytes_after bigint)
 *
 * What it did stays, whatever becomes of the caller's transaction: rows are where
 * they are for everybody.  The lock is kept to the end of the transaction.
 */
Datum
eventstore_compact(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Relation	rel;
	EsCompactResult result;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot compact event tables during recovery"),
				 errhint("Compact them on the primary server; the standby follows.")));
	rel = es_sql_open_table(relid, ShareUpdateExclusiveLock, "compact");
	es_compact_table(rel, true, &result);
	relation_close(rel, NoLock);

	values[0] = Int64GetDatum((int64) result.rows);
	values[1] = Int64GetDatum((int64) result.batches);
	values[2] = Int64GetDatum((int64) result.blocks_in * BLCKSZ);
	values[3] = Int64GetDatum((int64) result.blocks_out * BLCKSZ);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
