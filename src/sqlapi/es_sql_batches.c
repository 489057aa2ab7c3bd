/*-------------------------------------------------------------------------
 *
 * es_sql_batches.c
 *	  batches() and column_stats(): what the batches of a table are made of.
 *
 * Both show bounds and sizes of values, so they are for who may read all of the
 * table.
 *
 * IDENTIFICATION
 *	  src/sqlapi/es_sql_batches.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "codec/es_codec.h"
#include "sqlapi/es_sql_table.h"
#include "store/es_store.h"

PG_FUNCTION_INFO_V1(eventstore_batches);
PG_FUNCTION_INFO_V1(eventstore_column_stats);

/*
 * The next batch at or behind row *row, opened; *row goes behind it.  NULL: there is
 * none.
 */
static EsBatch *
next_batch(Relation rel, uint64 *row, EsUnitRef *ref)
{
	while (es_store_next_unit(rel, *row, ref))
	{
		CHECK_FOR_INTERRUPTS();
		if (ref->open)
			return NULL;
		if (ref->unit.kind == ES_UNIT_BATCH)
		{
			EsBatch    *batch = es_batch_open(rel, ref, NULL,
											  CurrentMemoryContext);

			if (batch == NULL)
			{
				/* it was retired meanwhile: see what took its place */
				es_store_refresh(rel);
				continue;
			}
			*row = ref->unit.first_row + ref->unit.span;
			return batch;
		}
		*row = ref->unit.first_row + ref->unit.span;
	}
	return NULL;
}

/*
 * batches(store regclass): a row for each batch.
 */
Datum
eventstore_batches(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Relation	rel;
	EsUnitRef	ref;
	EsBatch    *batch;
	uint64		row = ES_FIRST_ROW;

	InitMaterializedSRF(fcinfo, 0);
	rel = es_sql_open_readable_table(PG_GETARG_OID(0));
	es_store_refresh(rel);
	while ((batch = next_batch(rel, &row, &ref)) != NULL)
	{
		const EsBatchHeader *header = es_batch_header(batch);
		Datum		values[8];
		bool		nulls[8] = {false, false, false, false, false, false, false, false};

		values[0] = Int64GetDatum((int64) ref.unit.first_row);
		values[1] = Int64GetDatum((int64) (ref.unit.first_row +
										   ref.unit.span - 1));
		values[2] = Int64GetDatum((int64) header->nrows);
		values[3] = Int64GetDatum((int64) ref.unit.start);
		values[4] = Int64GetDatum((int64) ref.unit.npages);
		values[5] = Int64GetDatum((int64) header->raw_bytes);
		values[6] = Int64GetDatum((int64) ref.unit.npages * BLCKSZ);
		values[7] = Int64GetDatum((int64) header->max_xid);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
		es_batch_close(batch);
	}
	relation_close(rel, AccessShareLock);
	return (Datum) 0;
}

static const char *
encoding_name(uint8 encoding)
{
	switch (encoding)
	{
		case ES_ENC_NULLS:
			return "nulls";
		case ES_ENC_INTS:
			return "packed";
		case ES_ENC_INTS_PLAIN:
			return "plain";
		case ES_ENC_CONSTANT:
			return "constant";
		case ES_ENC_FIXED:
			return "fixed";
		case ES_ENC_DICTIONARY:
			return "dictionary";
		case ES_ENC_BLOCKS:
			return "blocks";
		case ES_ENC_UUID7:
			return "uuid7";
		case ES_ENC_POSITION:
			return "position";
		case ES_ENC_MADE_ID:
			return "made id";
		default:
			return "unknown";
	}
}

/* sums over the batches of a table, for one column and encoding */
typedef struct ColumnSums
{
	int16		attnum;
	uint8		encoding;
	uint8		codec;
	int64		batches;
	int64		rows;
	int64		nulls;
	int64		raw_bytes;
	int64		stored_bytes;
} ColumnSums;

typedef struct Sums
{
	ColumnSums *sums;
	int			n;
	int			room;
} Sums;

/* what is no column: headers with zone maps, and what pages have around */
#define HEADERS		(-1000)
#define PAGES		(-1001)

static ColumnSums *
find_sums(Sums *sums, int16 attnum, uint8 encoding, uint8 codec)
{
	ColumnSums *s;

	for (int i = 0; i < sums->n; i++)
	{
		s = &sums->sums[i];
		if (s->attnum == attnum && s->encoding == encoding &&
			s->codec == codec)
			return s;
	}
	if (sums->n == sums->room)
	{
		sums->room = Max(2 * sums->room, 32);
		if (sums->sums == NULL)
			sums->sums = palloc(sums->room * sizeof(ColumnSums));
		else
			sums->sums = repalloc(sums->sums, sums->room * sizeof(ColumnSums));
	}
	s = &sums->sums[sums->n++];
	memset(s, 0, sizeof(ColumnSums));
	s->attnum = attnum;
	s->encoding = encoding;
	s->codec = codec;
	return s;
}

static void
sum_batch(Sums *sums, EsBatch *batch, const EsUnit *unit)
{
	const EsBatchHeader *header = es_batch_header(batch);
	const EsBatchColumn *columns = es_batch_columns(header);
	ColumnSums *s;

	for (int i = 0; i < header->ncolumns; i++)
	{
		s = find_sums(sums, columns[i].attnum, columns[i].encoding,
					  columns[i].codec);
		s->batches++;
		s->rows += header->nrows;
		s->nulls += columns[i].nnulls;
		s->raw_bytes += columns[i].raw_bytes;
		s->stored_bytes += columns[i].len;
	}
	s = find_sums(sums, HEADERS, 0, 0);
	s->batches++;
	s->rows += header->nrows;
	s->stored_bytes += header->header_len;
	s = find_sums(sums, PAGES, 0, 0);
	s->batches++;
	s->rows += header->nrows;
	s->stored_bytes += (int64) unit->npages * BLCKSZ - header->body_len;
}

static int
compare_sums(const void *a, const void *b)
{
	const ColumnSums *sa = (const ColumnSums *) a;
	const ColumnSums *sb = (const ColumnSums *) b;

	/* attributes in their order, then what is hidden */
	if ((sa->attnum > 0) != (sb->attnum > 0))
		return sa->attnum > 0 ? -1 : 1;
	if (sa->attnum != sb->attnum)
		return (sa->attnum > 0) == (sa->attnum < sb->attnum) ? -1 : 1;
	return (int) sa->encoding - (int) sb->encoding;
}

static const char *
column_name(Relation rel, int16 attnum)
{
	switch (attnum)
	{
		case ES_BATCH_OFFSETS:
			return "(row numbers)";
		case ES_BATCH_XIDS:
			return "(transactions)";
		case HEADERS:
			return "(headers)";
		case PAGES:
			return "(pages)";
		default:
			break;
	}
	/* a rolled back ALTER TABLE may have had more columns */
	if (attnum > RelationGetDescr(rel)->natts ||
		TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attisdropped)
		return "(dropped)";
	return NameStr(TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attname);
}

/*
 * column_stats(store regclass): a row for each column and encoding.
 */
Datum
eventstore_column_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Relation	rel;
	EsUnitRef	ref;
	EsBatch    *batch;
	Sums		sums = {NULL, 0, 0};
	uint64		row = ES_FIRST_ROW;

	InitMaterializedSRF(fcinfo, 0);
	rel = es_sql_open_readable_table(PG_GETARG_OID(0));
	es_store_refresh(rel);
	while ((batch = next_batch(rel, &row, &ref)) != NULL)
	{
		sum_batch(&sums, batch, &ref.unit);
		es_batch_close(batch);
	}
	if (sums.n > 0)
		qsort(sums.sums, sums.n, sizeof(ColumnSums), compare_sums);
	for (int i = 0; i < sums.n; i++)
	{
		ColumnSums *s = &sums.sums[i];
		Datum		values[8];
		bool		nulls[8] = {false, false, false, false, false, false, false, false};

		values[0] = CStringGetTextDatum(column_name(rel, s->attnum));
		values[1] = CStringGetTextDatum(encoding_name(s->encoding));
		nulls[1] = s->encoding == 0;
		values[2] = CStringGetTextDatum(s->codec == ES_CODEC_ZSTD ? "zstd" :
										"lz4");
		nulls[2] = s->codec == ES_CODEC_NONE;
		values[3] = Int64GetDatum(s->batches);
		values[4] = Int64GetDatum(s->rows);
		values[5] = Int64GetDatum(s->nulls);
		values[6] = Int64GetDatum(s->raw_bytes);
		values[7] = Int64GetDatum(s->stored_bytes);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
	relation_close(rel, AccessShareLock);
	return (Datum) 0;
}
