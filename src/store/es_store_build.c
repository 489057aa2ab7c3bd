/*-------------------------------------------------------------------------
 *
 * es_store_build.c
 *	  Making a batch of rows, in memory.
 *
 * Rows are kept by columns from the beginning: integers in arrays, what is passed
 * by reference as images, copied into one context that is reset with each batch.
 * How a column is encoded is the codec's choice, except for values that the
 * storage knows without any bytes.
 *
 * IDENTIFICATION
 *	  src/store/es_store_build.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#include "codec/es_codec.h"
#include "store/es_store_build.h"
#include "store/es_store_internal.h"

/* row numbers that a batch covers: some holes between its rows, not all there are */
#define MAX_SPAN		(UINT64CONST(1) << 24)

#define UUID_BYTES		16

/* rows that the arrays have room for at first */
#define FIRST_ROOM		1024

typedef struct BuildColumn
{
	EsColumnKind kind;
	bool		absent;			/* dropped, or never stored: always null */
	bool		packable;		/* varlenas may have short headers */
	bool		is_uuid;
	bool		has_zones;
	bool		may_be_position;
	uint32		nnulls;
	uint8	   *isnull;
	int64	   *ints;			/* by value */
	EsImage    *images;			/* else */
} BuildColumn;

struct EsBuilder
{
	EsBuildOptions options;
	MemoryContext context;		/* of the builder */
	MemoryContext values;		/* of images, reset with each batch */
	int			natts;
	BuildColumn *columns;
	uint32		room;
	uint32		nrows;
	uint64		bytes;
	uint64	   *rows;			/* row numbers */
	uint64	   *xids;
	int64	   *ms;				/* of ids that are made, or were */
	uint8		id_key[ES_SIPHASH_KEY_BYTES];
};

static void grow(EsBuilder *builder);

EsBuilder *
es_builder_create(TupleDesc desc, const EsBuildOptions *options,
				  MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "eventstore builder",
												  ALLOCSET_DEFAULT_SIZES);
	EsBuilder  *builder = MemoryContextAllocZero(context, sizeof(EsBuilder));

	builder->options = *options;
	if (options->id_key != NULL)
		memcpy(builder->id_key, options->id_key, sizeof(builder->id_key));
	builder->context = context;
	builder->values = AllocSetContextCreate(context, "eventstore builder values",
											ALLOCSET_DEFAULT_MINSIZE,
											ALLOCSET_DEFAULT_INITSIZE,
											8 * 1024 * 1024);
	builder->natts = desc->natts;
	builder->columns = MemoryContextAllocZero(context, Max(desc->natts, 1) *
											  sizeof(BuildColumn));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		BuildColumn *column = &builder->columns[i];

		column->kind.width = att->attlen;
		column->kind.align = (uint8_t) es_attribute_align(att);
		column->kind.by_value = att->attbyval;
		column->absent = att->attisdropped || es_attribute_is_virtual(att);
		column->packable = att->attlen == -1 &&
			att->attstorage != TYPSTORAGE_PLAIN;
		column->is_uuid = att->atttypid == UUIDOID;
		column->has_zones = att->attbyval && att->atttypid != FLOAT4OID &&
			att->atttypid != FLOAT8OID;
		column->may_be_position = att->atttypid == INT8OID;
	}
	grow(builder);
	return builder;
}

void
es_builder_free(EsBuilder *builder)
{
	MemoryContextDelete(builder->context);
}

bool
es_builder_takes(const EsBuilder *builder, uint64 row, bool beyond)
{
	if (builder->nrows == 0)
		return true;
	if (row - builder->rows[0] >= MAX_SPAN)
		return false;
	if (beyond)
		return builder->nrows < ES_BATCH_MAX_ROWS;
	return builder->nrows < builder->options.max_rows &&
		builder->bytes < builder->options.max_bytes;
}

uint32
es_builder_nrows(const EsBuilder *builder)
{
	return builder->nrows;
}

static void *
grown(EsBuilder *builder, void *array, Size size)
{
	if (array == NULL)
		return MemoryContextAlloc(builder->context, builder->room * size);
	return repalloc_huge(array, builder->room * size);
}

static void
grow(EsBuilder *builder)
{
	builder->room = builder->room == 0 ? FIRST_ROOM :
		Min(2 * builder->room, ES_BATCH_MAX_ROWS);
	builder->rows = grown(builder, builder->rows, sizeof(uint64));
	builder->xids = grown(builder, builder->xids, sizeof(uint64));
	if (builder->options.event_id != 0)
		builder->ms = grown(builder, builder->ms, sizeof(int64));
	for (int i = 0; i < builder->natts; i++)
	{
		BuildColumn *column = &builder->columns[i];

		if (column->absent)
			continue;
		column->isnull = grown(builder, column->isnull, sizeof(uint8));
		if (column->kind.by_value)
			column->ints = grown(builder, column->ints, sizeof(int64));
		else
			column->images = grown(builder, column->images, sizeof(EsImage));
	}
}

/* ----------------------------------------------------------------
 * Rows in
 * ----------------------------------------------------------------
 */

/*
 * Copy a value as it is to stand in memory when it is read.
 */
static void
copy_image(EsBuilder *builder, BuildColumn *column, Datum value,
		   EsImage *image)
{
	MemoryContext old = MemoryContextSwitchTo(builder->values);
	char	   *data = DatumGetPointer(value);
	char	   *copy;
	Size		len;

	if (column->kind.width > 0)
		len = column->kind.width;
	else if (column->kind.width == -2)
		len = strlen(data) + 1;
	else
	{
		if (VARATT_IS_COMPRESSED(data) ||
			(VARATT_IS_EXTERNAL(data) && !VARATT_IS_EXTERNAL_ONDISK(data)))
		{
			/* ours already */
			data = (char *) detoast_attr((struct varlena *) data);
			if (VARSIZE_4B(data) > VARATT_SHORT_MAX || !column->packable)
			{
				image->data = (const uint8_t *) data;
				image->len = VARSIZE_4B(data);
				builder->bytes += image->len;
				MemoryContextSwitchTo(old);
				return;
			}
		}
		if (column->packable && VARATT_CAN_MAKE_SHORT(data))
		{
			len = VARATT_CONVERTED_SHORT_SIZE(data);
			copy = palloc(len);
			SET_VARSIZE_SHORT(copy, len);
			memcpy(copy + 1, VARDATA(data), len - 1);
			image->data = (const uint8_t *) copy;
			image->len = (uint32_t) len;
			builder->bytes += len;
			MemoryContextSwitchTo(old);
			return;
		}
		len = VARSIZE_ANY(data);
	}
	copy = palloc_extended(len, MCXT_ALLOC_HUGE);
	memcpy(copy, data, len);
	image->data = (const uint8_t *) copy;
	image->len = (uint32_t) len;
	builder->bytes += len;
	MemoryContextSwitchTo(old);
}

void
es_builder_add(EsBuilder *builder, uint64 row, uint64 xid,
			   const Datum *values, const bool *isnull, int64 made_ms)
{
	uint32		at = builder->nrows;

	Assert(at < ES_BATCH_MAX_ROWS);
	Assert(at == 0 || row > builder->rows[at - 1]);
	if (at == builder->room)
		grow(builder);
	for (int i = 0; i < builder->natts; i++)
	{
		BuildColumn *column = &builder->columns[i];

		if (column->absent)
			continue;
		column->isnull[at] = isnull[i];
		if (isnull[i])
		{
			column->nnulls++;
			if (column->kind.by_value)
				column->ints[at] = 0;
			else
			{
				column->images[at].data = NULL;
				column->images[at].len = 0;
			}
		}
		else if (column->kind.by_value)
		{
			column->ints[at] = es_datum_to_int(values[i], column->kind.width);
			builder->bytes += column->kind.width;
		}
		else
			copy_image(builder, column, values[i], &column->images[at]);
	}
	builder->rows[at] = row;
	builder->xids[at] = xid;
	if (builder->ms != NULL)
		builder->ms[at] = made_ms;
	builder->nrows++;
}

/* ----------------------------------------------------------------
 * Encoding
 * ----------------------------------------------------------------
 */

/* what goes on while a body is made */
typedef struct Encoding
{
	EsBuilder  *builder;
	EsBytes		out;
	uint32		zones_at;		/* where the next zone map goes */
	uint16		ncolumns;
	int64		zone_min[ES_BATCH_MAX_ROWS / ES_BATCH_VECTOR_ROWS];
	int64		zone_max[ES_BATCH_MAX_ROWS / ES_BATCH_VECTOR_ROWS];
	bool		zone_any[ES_BATCH_MAX_ROWS / ES_BATCH_VECTOR_ROWS];
} Encoding;

static void *
alloc_for_codec(void *arg, size_t size)
{
	return MemoryContextAllocHuge((MemoryContext) arg, Max(size, 1));
}

static void
free_for_codec(void *arg, void *chunk)
{
	pfree(chunk);
}

/*
 * Values that are the row numbers need no bytes.
 */
static bool
is_position(const EsBuilder *builder, int16 attnum, const BuildColumn *column)
{
	if (attnum == builder->options.position)
		return true;
	if (!column->may_be_position || column->nnulls > 0 ||
		builder->options.numbers_to_come)
		return false;
	for (uint32 i = 0; i < builder->nrows; i++)
		if ((uint64) column->ints[i] != builder->rows[i])
			return false;
	return true;
}

/*
 * Are the ids of a column to be made, or were they made here?  Then builder->ms has
 * the milliseconds that they show.
 */
static bool
is_made_id(EsBuilder *builder, int16 attnum, const BuildColumn *column)
{
	if (attnum != builder->options.event_id)
		return false;
	if (builder->options.id_key == NULL)
		return builder->ms[0] >= 0;
	if (column->nnulls > 0)
		return false;
	for (uint32 i = 0; i < builder->nrows; i++)
	{
		const uint8 *id = column->images[i].data;
		uint8		made[16];
		uint64		ms = 0;

		for (int j = 0; j < 6; j++)
			ms = (ms << 8) | id[j];
		es_store_make_id(builder->id_key, builder->rows[i], ms, made);
		if (memcmp(made, id, sizeof(made)) != 0)
			return false;
		builder->ms[i] = (int64) ms;
	}
	return true;
}

/*
 * The milliseconds of the timestamp that ids are near, of each row; NULL: the table
 * has none, or a row has none.  Allocated.
 */
static int64 *
near_ms(const EsBuilder *builder)
{
	const BuildColumn *column;
	int64	   *ms;

	if (builder->options.recorded_at == 0)
		return NULL;
	column = &builder->columns[builder->options.recorded_at - 1];
	if (column->absent || column->nnulls > 0)
		return NULL;
	ms = palloc_extended(builder->nrows * sizeof(int64), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < builder->nrows; i++)
		ms[i] = es_timestamp_ms(column->ints[i]);
	return ms;
}

static EsBatchColumn *
column_entry(Encoding *e, uint16 place)
{
	return &es_batch_columns((EsBatchHeader *) e->out.data)[place];
}

static void
put_zones(Encoding *e, EsBatchColumn *entry)
{
	uint32		nvectors = es_batch_vectors(e->builder->nrows);

	for (uint32 v = 0; v < nvectors; v++)
	{
		EsBatchZone zone;

		zone.min = e->zone_any[v] ? e->zone_min[v] : PG_INT64_MAX;
		zone.max = e->zone_any[v] ? e->zone_max[v] : PG_INT64_MIN;
		memcpy(e->out.data + e->zones_at + v * sizeof(zone), &zone,
			   sizeof(zone));
	}
	entry->zones = e->zones_at;
	e->zones_at += nvectors * sizeof(EsBatchZone);
}

/*
 * Append one column: its entry in the table, its stream.
 */
static void
encode_column(Encoding *e, int16 attnum, const BuildColumn *column)
{
	EsBuilder  *builder = e->builder;
	uint16		place = e->ncolumns++;
	EsBatchColumn entry;
	EsColumnInput input;
	EsColumnSummary summary;
	pg_crc32c	crc;
	int64	   *ms = NULL;
	bool		made;

	memset(&entry, 0, sizeof(entry));
	entry.attnum = attnum;
	entry.attlen = column->kind.width;
	entry.attalign = column->kind.align;
	if (column->kind.by_value)
		entry.flags |= ES_COLUMN_BY_VALUE;
	if (column->absent || column->nnulls == builder->nrows)
	{
		entry.encoding = ES_ENC_NULLS;
		entry.nnulls = builder->nrows;
		entry.flags |= ES_COLUMN_HAS_NULLS;
		*column_entry(e, place) = entry;
		return;
	}
	if (attnum > 0 && is_position(builder, attnum, column))
	{
		entry.encoding = ES_ENC_POSITION;
		entry.raw_bytes = (uint64) builder->nrows * sizeof(uint64);
		*column_entry(e, place) = entry;
		return;
	}

	memset(&input, 0, sizeof(input));
	input.kind = column->kind;
	input.n = builder->nrows;
	input.isnull = column->nnulls > 0 ? column->isnull : NULL;
	input.ints = column->ints;
	input.images = column->images;
	input.is_uuid = column->is_uuid;
	made = column->is_uuid && attnum > 0 &&
		is_made_id(builder, attnum, column);
	if (column->is_uuid)
		ms = near_ms(builder);
	if (made)
	{
		for (uint32 i = 0; ms != NULL && i < builder->nrows; i++)
			builder->ms[i] -= ms[i];
		input.kind.width = sizeof(int64);
		input.kind.align = sizeof(int64);
		input.kind.by_value = true;
		input.ints = builder->ms;
		input.is_uuid = false;
	}
	else
		input.ms = ms;
	input.dictionary = attnum > 0 && !column->kind.by_value &&
		attnum == builder->options.entity_id;
	input.codec = builder->options.codec;
	input.level = builder->options.level;
	input.block_bytes = builder->options.block_bytes;
	input.block_rows = 256;
	memset(&summary, 0, sizeof(summary));
	if (column->has_zones)
	{
		summary.zone_min = e->zone_min;
		summary.zone_max = e->zone_max;
		summary.zone_any = e->zone_any;
	}

	entry.offset = e->out.len;
	es_column_encode(&e->out, &input, &summary);
	entry.len = e->out.len - entry.offset;
	entry.encoding = made ? ES_ENC_MADE_ID : summary.encoding;
	if (ms != NULL && (made || summary.encoding == ES_ENC_UUID7))
		entry.related = builder->options.recorded_at;
	if (ms != NULL)
		pfree(ms);
	entry.codec = summary.codec;
	entry.nnulls = column->nnulls;
	if (column->nnulls > 0)
		entry.flags |= ES_COLUMN_HAS_NULLS;
	entry.ndistinct = summary.ndistinct;
	entry.raw_bytes = made ? (uint64) builder->nrows * UUID_BYTES :
		summary.raw_bytes;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, e->out.data + entry.offset, entry.len);
	FIN_CRC32C(crc);
	entry.crc = crc;
	if (column->has_zones)
		put_zones(e, &entry);
	*column_entry(e, place) = entry;
}

/*
 * A hidden column of numbers.
 */
static void
encode_hidden(Encoding *e, int16 attnum, int64 *values)
{
	BuildColumn column;

	memset(&column, 0, sizeof(column));
	column.kind.width = 8;
	column.kind.align = 8;
	column.kind.by_value = true;
	column.ints = values;
	encode_column(e, attnum, &column);
}

static bool
all_equal(const uint64 *values, uint32 n)
{
	for (uint32 i = 1; i < n; i++)
		if (values[i] != values[0])
			return false;
	return true;
}

static void
make_header(Encoding *e, EsBuiltBatch *built, bool hidden_xids)
{
	EsBuilder  *builder = e->builder;
	EsBatchHeader *header = (EsBatchHeader *) e->out.data;
	pg_crc32c	crc;

	header->magic = ES_BATCH_MAGIC;
	header->version = ES_BATCH_VERSION;
	header->body_len = e->out.len;
	header->span = built->span;
	header->nrows = built->nrows;
	header->natts = builder->natts;
	header->ncolumns = e->ncolumns;
	header->xid = hidden_xids ? 0 : builder->xids[0];
	header->max_xid = built->max_xid;
	header->raw_bytes = builder->bytes;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, header, header->header_len);
	FIN_CRC32C(crc);
	header->header_crc = crc;
}

void
es_builder_finish(EsBuilder *builder, EsBuiltBatch *built)
{
	Encoding   *e = palloc0(sizeof(Encoding));
	EsMemory	memory;
	uint32		nrows = builder->nrows;
	uint32		nvectors = es_batch_vectors(nrows);
	uint32		ncolumns = builder->natts;
	uint32		header_len;
	bool		hidden_xids;
	bool		hidden_offsets;

	Assert(nrows > 0);
	memset(built, 0, sizeof(EsBuiltBatch));
	built->first_row = builder->rows[0];
	built->span = (uint32) (builder->rows[nrows - 1] - builder->rows[0]) + 1;
	built->nrows = nrows;
	built->raw_bytes = builder->bytes;
	for (uint32 i = 0; i < nrows; i++)
		built->max_xid = Max(built->max_xid, builder->xids[i]);
	hidden_xids = !all_equal(builder->xids, nrows);
	hidden_offsets = built->span != nrows;
	ncolumns += hidden_xids + hidden_offsets;

	header_len = sizeof(EsBatchHeader) + ncolumns * sizeof(EsBatchColumn);
	e->zones_at = header_len;
	for (int i = 0; i < builder->natts; i++)
	{
		const BuildColumn *column = &builder->columns[i];

		if (!column->absent && column->has_zones && column->nnulls < nrows &&
			!is_position(builder, i + 1, column))
			header_len += nvectors * sizeof(EsBatchZone);
	}

	e->builder = builder;
	memory.alloc = alloc_for_codec;
	memory.free = free_for_codec;
	memory.arg = CurrentMemoryContext;
	e->out.memory = &memory;
	e->out.room = MAXALIGN(header_len) + Max(builder->bytes / 4, 8192);
	e->out.data = palloc_extended(e->out.room, MCXT_ALLOC_HUGE);
	e->out.len = MAXALIGN(header_len);
	memset(e->out.data, 0, e->out.len);
	((EsBatchHeader *) e->out.data)->header_len = header_len;

	for (int i = 0; i < builder->natts; i++)
	{
		CHECK_FOR_INTERRUPTS();
		encode_column(e, i + 1, &builder->columns[i]);
	}
	if (hidden_offsets)
	{
		uint64		first_row = built->first_row;

		for (uint32 i = 0; i < nrows; i++)
			builder->rows[i] -= first_row;
		encode_hidden(e, ES_BATCH_OFFSETS, (int64 *) builder->rows);
	}
	if (hidden_xids)
		encode_hidden(e, ES_BATCH_XIDS, (int64 *) builder->xids);
	make_header(e, built, hidden_xids);
	built->body = (char *) e->out.data;
	built->body_len = e->out.len;

	pfree(e);
	builder->nrows = 0;
	builder->bytes = 0;
	for (int i = 0; i < builder->natts; i++)
		builder->columns[i].nnulls = 0;
	MemoryContextReset(builder->values);
}
