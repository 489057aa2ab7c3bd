/*-------------------------------------------------------------------------
 *
 * es_store_batch.c
 *	  Reading a batch.
 *
 * The body is assembled in memory page by page, only those pages that are asked
 * for.  Each is checked to be the page that the directory said; if it is another
 * one, META.gen tells a retired unit from damage.  Rows of a batch never change
 * and keep their numbers, so when the unit is gone the rest is read from the
 * batch that has the row now (the heir).
 *
 * IDENTIFICATION
 *	  src/store/es_store_batch.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/subtrans.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/es_corrupt.h"
#include "format/es_format_check.h"
#include "store/es_store_batch.h"
#include "store/es_store_internal.h"

struct EsBatch
{
	Relation	rel;
	EsUnitRef	at;
	BufferAccessStrategy strategy;
	MemoryContext context;

	EsBatchHeader *header;		/* the body begins with it */
	EsBatchColumn *table;
	char	   *body;
	bool	   *have;			/* by page of the body: it is there */
	bool		gone;			/* the unit was retired, and not all read */

	EsColumn  **columns;		/* by place in the table; NULL: not open */
	int			offsets;		/* places of hidden columns; -1: none */
	int			xids;
	TupleDesc	desc;			/* of es_batch_tuple; NULL: not needed yet */
	Datum	   *values;
	bool	   *isnull;

	FullTransactionId next_xid; /* when it was opened */
	EsBatch    *heir;			/* has rows that are needed of a retired one */
};

/* what a column's source is asked with */
typedef struct ColumnArg
{
	EsBatch    *batch;
	uint64		offset;
} ColumnArg;

/* ----------------------------------------------------------------
 * The body
 * ----------------------------------------------------------------
 */

static void
report_damage(EsBatch *batch, const char *problem)
{
	es_report_corruption(batch->rel, batch->at.unit.start, "%s", problem);
}

/*
 * How many bytes of the body are on this page of it?
 */
static uint32
bytes_of_page(uint64 body_len, uint32 index)
{
	uint64		begin = (uint64) index * ES_BATCH_PAGE_BYTES;

	return (uint32) Min(body_len - begin, ES_BATCH_PAGE_BYTES);
}

/*
 * Read and share-lock page "index" of a batch.  InvalidBuffer: it is another page
 * now.
 */
static Buffer
read_page(Relation rel, const EsUnitRef *ref, uint32 index,
		  BufferAccessStrategy strategy)
{
	BlockNumber block = ref->unit.start + index;
	Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block,
											RBM_NORMAL, strategy);
	Page		page = BufferGetPage(buffer);
	const char *problem;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	problem = es_page_check(page);
	if (problem == NULL)
	{
		EsPageSpecial special = EsPageGetSpecial(page);

		if (special->kind != ES_PAGE_BATCH ||
			special->unit_id != ref->unit.unit_id ||
			special->index_in_unit != index ||
			special->first_row != ref->unit.first_row)
			problem = "The page is not the one that the directory says";
	}
	if (problem == NULL)
		return buffer;

	UnlockReleaseBuffer(buffer);
	if (!es_directory_moved(rel, ref->gen))
		es_report_corruption(rel, block, "%s", problem);
	return InvalidBuffer;
}

/*
 * Make bytes of the body readable.  false: the batch is gone.
 */
static bool
need_body(EsBatch *batch, uint64 offset, uint64 len)
{
	uint32		first;
	uint32		last;

	Assert(len > 0 && offset + len <= batch->header->body_len);
	first = offset / ES_BATCH_PAGE_BYTES;
	last = (offset + len - 1) / ES_BATCH_PAGE_BYTES;
	for (uint32 i = first; i <= last; i++)
	{
		uint32		bytes = bytes_of_page(batch->header->body_len, i);
		Buffer		buffer;
		Page		page;

		if (batch->have[i])
			continue;
		if (batch->gone)
			return false;
		CHECK_FOR_INTERRUPTS();
		buffer = read_page(batch->rel, &batch->at, i, batch->strategy);
		if (!BufferIsValid(buffer))
		{
			batch->gone = true;
			return false;
		}
		page = BufferGetPage(buffer);
		if (((PageHeader) page)->pd_lower !=
			MAXALIGN(SizeOfPageHeaderData) + bytes)
			es_report_corruption(batch->rel, batch->at.unit.start + i,
								 "The page does not have the bytes of the batch that it should have");
		memcpy(batch->body + (uint64) i * ES_BATCH_PAGE_BYTES,
			   PageGetContents(page), bytes);
		UnlockReleaseBuffer(buffer);
		batch->have[i] = true;
	}
	return true;
}

/*
 * The header, from the first page on: how long it is stands in its first bytes.
 */
static bool
read_header(EsBatch *batch)
{
	Buffer		buffer = read_page(batch->rel, &batch->at, 0, batch->strategy);
	Page		page;
	uint32		bytes;
	EsBatchHeader header;
	const char *problem;

	if (!BufferIsValid(buffer))
		return false;
	page = BufferGetPage(buffer);
	bytes = ((PageHeader) page)->pd_lower - MAXALIGN(SizeOfPageHeaderData);
	if (bytes < sizeof(header) || bytes > ES_BATCH_PAGE_BYTES)
		es_report_corruption(batch->rel, batch->at.unit.start,
							 "The page has no header of a batch");
	memcpy(&header, PageGetContents(page), sizeof(header));
	problem = es_batch_check_header(&header);
	if (problem == NULL &&
		(header.span != batch->at.unit.span ||
		 header.nrows != batch->at.unit.nrows ||
		 header.max_xid != batch->at.unit.max_xid ||
		 es_batch_pages(header.body_len) != batch->at.unit.npages))
		problem = "The batch is not as large as the directory says";
	if (problem == NULL && bytes != bytes_of_page(header.body_len, 0))
		problem = "The page does not have the bytes of the batch that it should have";
	if (problem != NULL)
		report_damage(batch, problem);

	batch->body = MemoryContextAllocHuge(batch->context, header.body_len);
	batch->have = MemoryContextAllocZero(batch->context,
										 batch->at.unit.npages * sizeof(bool));
	memcpy(batch->body, PageGetContents(page), bytes);
	UnlockReleaseBuffer(buffer);
	batch->have[0] = true;
	batch->header = (EsBatchHeader *) batch->body;

	if (!need_body(batch, 0, header.header_len))
		return false;
	problem = es_batch_check_columns(batch->header);
	if (problem != NULL)
		report_damage(batch, problem);
	batch->table = es_batch_columns(batch->header);
	return true;
}

EsBatch *
es_batch_open(Relation rel, const EsUnitRef *ref,
			  BufferAccessStrategy strategy, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "eventstore batch",
												  ALLOCSET_SMALL_SIZES);
	EsBatch    *batch = MemoryContextAllocZero(context, sizeof(EsBatch));

	Assert(ref->unit.kind == ES_UNIT_BATCH);
	batch->rel = rel;
	batch->at = *ref;
	batch->strategy = strategy;
	batch->context = context;
	batch->next_xid = ReadNextFullTransactionId();
	if (!read_header(batch))
	{
		MemoryContextDelete(context);
		return NULL;
	}
	batch->columns = MemoryContextAllocZero(context,
											batch->header->ncolumns *
											sizeof(EsColumn *));
	batch->offsets = batch->xids = -1;
	for (int i = batch->header->natts; i < batch->header->ncolumns; i++)
	{
		if (batch->table[i].attnum == ES_BATCH_OFFSETS)
			batch->offsets = i;
		else
			batch->xids = i;
	}

	/* what the rest goes by is read at once */
	if (batch->offsets >= 0 &&
		!need_body(batch, batch->table[batch->offsets].offset,
				   batch->table[batch->offsets].len))
	{
		MemoryContextDelete(context);
		return NULL;
	}
	return batch;
}

void
es_batch_close(EsBatch *batch)
{
	MemoryContextDelete(batch->context);
}

/* ----------------------------------------------------------------
 * Columns
 * ----------------------------------------------------------------
 */

static void *
alloc_in_batch(void *arg, size_t size)
{
	return MemoryContextAllocHuge((MemoryContext) arg, Max(size, 1));
}

static void
free_in_batch(void *arg, void *chunk)
{
	pfree(chunk);
}

static bool
need_of_column(void *arg, size_t offset, size_t len)
{
	ColumnArg  *column = (ColumnArg *) arg;

	return len == 0 ||
		need_body(column->batch, column->offset + offset, len);
}

/*
 * Steps over a varlena in a block of images: where does it begin, how long is it?
 */
size_t
es_varlena_step(const uint8_t *at, size_t *off, size_t end, uint8_t align)
{
	const char *p;
	size_t		room;
	size_t		size;

	if (*off >= end)
		return 0;
	if (at[*off] == 0)
		*off = (*off + align - 1) & ~((size_t) align - 1);
	if (*off >= end)
		return 0;
	p = (const char *) at + *off;
	room = end - *off;
	size = es_varlena_size(p, room);
	return size <= room ? size : 0;
}

/*
 * The column at a place of the table, opened.  NULL: the batch is gone.
 */
static EsColumn *
open_column(EsBatch *batch, int place)
{
	const EsBatchColumn *entry = &batch->table[place];
	EsColumnKind kind;
	EsSource	source;
	EsColumnContext context;
	ColumnArg  *arg;
	const char *problem;

	if (batch->columns[place] != NULL)
		return batch->columns[place];

	arg = MemoryContextAlloc(batch->context, sizeof(ColumnArg));
	arg->batch = batch;
	arg->offset = entry->offset;
	kind.width = entry->attlen;
	kind.align = entry->attalign;
	kind.by_value = (entry->flags & ES_COLUMN_BY_VALUE) != 0;
	source.bytes = (const uint8_t *) batch->body + entry->offset;
	source.len = entry->len;
	source.need = need_of_column;
	source.arg = arg;
	memset(&context, 0, sizeof(context));
	context.memory.alloc = alloc_in_batch;
	context.memory.free = free_in_batch;
	context.memory.arg = batch->context;
	context.step = es_varlena_step;
	problem = es_column_open(&batch->columns[place], kind,
							 batch->header->nrows, &source, &context);
	if (problem != NULL)
	{
		batch->columns[place] = NULL;
		if (!batch->gone)
			report_damage(batch, problem);
	}
	return batch->columns[place];
}

/*
 * The batch that has row "index" of a retired batch now, and its index there.
 */
static EsBatch *
find_heir(EsBatch *batch, uint32 *index)
{
	uint64		row = es_batch_row(batch, *index);

	for (;;)
	{
		EsBatch    *heir = batch->heir;
		EsUnitRef	ref;

		if (heir != NULL && !heir->gone)
		{
			*index = es_batch_search(heir, row);
			if (*index < heir->header->nrows &&
				es_batch_row(heir, *index) == row)
				return heir;
		}

		/*
		 * Values that were read from an earlier heir stay where they are,
		 * since that is freed with the batch only.
		 */
		es_store_refresh(batch->rel);
		if (!es_directory_lookup(batch->rel, row, true, &ref) ||
			ref.unit.first_row > row || ref.unit.kind != ES_UNIT_BATCH)
			report_damage(batch, "A batch is gone, and no other has its rows");
		batch->heir = es_batch_open(batch->rel, &ref, batch->strategy,
									batch->context);
	}
}

/*
 * A hidden column's value.  false: the batch is gone.
 */
static bool
hidden_value(EsBatch *batch, int place, uint32 index, int64 *value)
{
	EsColumn   *column = open_column(batch, place);
	int64_t		number = 0;
	const char *problem;

	if (column == NULL)
		return false;
	problem = es_column_int(column, index, &number);
	if (problem != NULL)
	{
		if (batch->gone)
			return false;
		report_damage(batch, problem);
	}
	*value = number;
	return true;
}

/* ----------------------------------------------------------------
 * Rows
 * ----------------------------------------------------------------
 */

uint32
es_batch_nrows(const EsBatch *batch)
{
	return batch->header->nrows;
}

int
es_batch_natts(const EsBatch *batch)
{
	return batch->header->natts;
}

const EsBatchHeader *
es_batch_header(const EsBatch *batch)
{
	return batch->header;
}

bool
es_batch_is_of(const EsBatch *batch, const EsUnit *unit)
{
	return batch->at.unit.unit_id == unit->unit_id &&
		batch->at.unit.first_row == unit->first_row;
}

uint64
es_batch_row(EsBatch *batch, uint32 index)
{
	int64		offset = index;

	/* these are read when the batch is opened */
	if (batch->offsets >= 0 &&
		!hidden_value(batch, batch->offsets, index, &offset))
		elog(ERROR, "row numbers of a batch are not in memory");
	return batch->at.unit.first_row + offset;
}

uint32
es_batch_search(EsBatch *batch, uint64 row)
{
	uint32		nrows = batch->header->nrows;
	uint32		low = 0;
	uint32		high = nrows;

	if (row <= batch->at.unit.first_row)
		return 0;
	if (batch->offsets < 0)
		return (uint32) Min(row - batch->at.unit.first_row, nrows);
	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (es_batch_row(batch, middle) < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64
es_batch_xid(EsBatch *batch, uint32 index)
{
	int64		xid;

	while (batch->xids >= 0)
	{
		if (hidden_value(batch, batch->xids, index, &xid))
			return (uint64) xid;
		batch = find_heir(batch, &index);
	}
	return batch->header->xid;
}

/*
 * A transaction number of a snapshot or tuple in 64 bits, by what the next one
 * was: a snapshot's are at most 2^31 older.
 */
uint64
es_full_xid(FullTransactionId next, TransactionId xid)
{
	uint64		full;

	if (!TransactionIdIsNormal(xid))
		return 0;
	full = (U64FromFullTransactionId(next) & ~UINT64CONST(0xffffffff)) | xid;
	if (xid > XidFromFullTransactionId(next))
		full -= UINT64CONST(1) << 32;
	return full;
}

/*
 * The snapshot's xmin in 64 bits.  It may be younger than the batch is open.
 */
static uint64
full_xmin(EsBatch *batch, Snapshot snapshot)
{
	if (TransactionIdFollows(snapshot->xmin,
							 XidFromFullTransactionId(batch->next_xid)))
		batch->next_xid = ReadNextFullTransactionId();
	return es_full_xid(batch->next_xid, snapshot->xmin);
}

bool
es_batch_is_visible(EsBatch *batch, Snapshot snapshot)
{
	return snapshot->snapshot_type != SNAPSHOT_MVCC ||
		batch->header->max_xid < full_xmin(batch, snapshot);
}

bool
es_batch_row_is_visible(EsBatch *batch, uint32 index, Snapshot snapshot)
{
	uint64		xid;

	if (snapshot->snapshot_type == SNAPSHOT_DIRTY)
	{
		/* nobody has to be waited for */
		snapshot->xmin = snapshot->xmax = InvalidTransactionId;
		snapshot->speculativeToken = 0;
	}
	if (es_batch_is_visible(batch, snapshot))
		return true;
	xid = es_batch_xid(batch, index);
	return xid < full_xmin(batch, snapshot) ||
		!XidInMVCCSnapshot((TransactionId) xid, snapshot);
}

void
es_batch_conflict_out(EsBatch *batch, uint32 index, Snapshot snapshot)
{
	TransactionId xid;

	if (!CheckForSerializableConflictOutNeeded(batch->rel, snapshot))
		return;
	xid = (TransactionId) es_batch_xid(batch, index);
	if (!TransactionIdIsNormal(xid) ||
		TransactionIdPrecedes(xid, TransactionXmin))
		return;
	xid = SubTransGetTopmostTransaction(xid);
	if (TransactionIdPrecedes(xid, TransactionXmin) ||
		TransactionIdIsCurrentTransactionId(xid))
		return;
	CheckForSerializableConflictOut(batch->rel, xid, snapshot);
}

/*
 * A value, if it can be had.  false: the batch is gone.
 */
static bool
try_value(EsBatch *batch, int place, uint32 index, Datum *value, bool *isnull)
{
	const EsBatchColumn *entry = &batch->table[place];
	EsColumn   *column;
	const char *problem = NULL;
	int64_t		number;
	const uint8_t *image;
	uint32_t	len;

	*isnull = false;
	switch (entry->encoding)
	{
		case ES_ENC_NULLS:
			*isnull = true;
			*value = (Datum) 0;
			return true;
		case ES_ENC_POSITION:
			*value = Int64GetDatum(es_batch_row(batch, index));
			return true;
		default:
			break;
	}

	column = open_column(batch, place);
	if (column == NULL)
		return false;
	if (entry->flags & ES_COLUMN_HAS_NULLS)
	{
		problem = es_column_is_null(column, index, isnull);
		if (problem == NULL && *isnull)
		{
			*value = (Datum) 0;
			return true;
		}
	}
	if (problem == NULL && (entry->flags & ES_COLUMN_BY_VALUE))
	{
		problem = es_column_int(column, index, &number);
		if (problem == NULL)
			*value = es_int_to_datum(number, entry->attlen);
	}
	else if (problem == NULL)
	{
		problem = es_column_image(column, index, &image, &len);
		if (problem == NULL)
			*value = PointerGetDatum(image);
	}
	if (problem != NULL)
	{
		if (batch->gone)
			return false;
		report_damage(batch, problem);
	}
	return true;
}

Datum
es_batch_value(EsBatch *batch, AttrNumber attnum, uint32 index, bool *isnull)
{
	Datum		value;

	Assert(attnum >= 1 && attnum <= batch->header->natts);
	Assert(index < batch->header->nrows);
	while (!try_value(batch, attnum - 1, index, &value, isnull))
		batch = find_heir(batch, &index);
	return value;
}

void
es_batch_stamp_tuple(HeapTuple tuple, uint64 row, uint64 xid)
{
	HeapTupleHeader header = tuple->t_data;

	es_row_to_tid(row, &tuple->t_self);
	header->t_ctid = tuple->t_self;
	header->t_infomask &= ~HEAP_XACT_MASK;
	header->t_infomask |= HEAP_XMAX_INVALID;
	HeapTupleHeaderSetCmin(header, FirstCommandId);
	HeapTupleHeaderSetXmax(header, InvalidTransactionId);
	if (xid == 0)
	{
		HeapTupleHeaderSetXmin(header, FrozenTransactionId);
		HeapTupleHeaderSetXminFrozen(header);
	}
	else
	{
		HeapTupleHeaderSetXmin(header, (TransactionId) xid);
		header->t_infomask |= HEAP_XMIN_COMMITTED;
	}
}

/*
 * A descriptor with nothing but what forming a tuple takes.
 */
static TupleDesc
make_descriptor(EsBatch *batch)
{
	TupleDesc	desc = CreateTemplateTupleDesc(batch->header->natts);

	for (int i = 0; i < batch->header->natts; i++)
		es_describe_attribute(desc, i, batch->table[i].attlen,
							  (batch->table[i].flags & ES_COLUMN_BY_VALUE) != 0,
							  batch->table[i].attalign);
	return desc;
}

HeapTuple
es_batch_tuple(EsBatch *batch, uint32 index)
{
	int			natts = batch->header->natts;
	HeapTuple	tuple;

	if (batch->desc == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->context);

		batch->values = palloc(Max(natts, 1) * sizeof(Datum));
		batch->isnull = palloc(Max(natts, 1) * sizeof(bool));
		batch->desc = make_descriptor(batch);
		MemoryContextSwitchTo(old);
	}
	for (int i = 0; i < natts; i++)
		batch->values[i] = es_batch_value(batch, i + 1, index,
										  &batch->isnull[i]);
	tuple = heap_form_tuple(batch->desc, batch->values, batch->isnull);
	tuple->t_tableOid = RelationGetRelid(batch->rel);
	es_batch_stamp_tuple(tuple, es_batch_row(batch, index),
						 es_batch_xid(batch, index));
	return tuple;
}

/* ----------------------------------------------------------------
 * Verify
 * ----------------------------------------------------------------
 */

void
es_batch_verify(EsBatch *batch, uint64 next_xid, EsBatchReport report,
				void *arg)
{
	const EsBatchHeader *header = batch->header;
	int64		before = -1;

	for (int i = 0; i < header->ncolumns; i++)
	{
		const EsBatchColumn *entry = &batch->table[i];
		EsColumn   *column;
		const char *problem;
		pg_crc32c	crc;
		char		message[128];

		CHECK_FOR_INTERRUPTS();
		if (entry->len == 0)
			continue;
		if (!need_body(batch, entry->offset, entry->len))
			return;
		INIT_CRC32C(crc);
		COMP_CRC32C(crc, batch->body + entry->offset, entry->len);
		FIN_CRC32C(crc);
		if (crc != entry->crc)
		{
			snprintf(message, sizeof(message),
					 "Column %d has a wrong checksum", entry->attnum);
			report(arg, "batch checksum", message);
			continue;
		}
		column = open_column(batch, i);
		problem = column == NULL ? NULL : es_column_check(column);
		if (problem == NULL &&
			column != NULL && es_column_encoding(column) != entry->encoding)
			problem = "The stream has another encoding than the header says";
		if (problem != NULL)
		{
			snprintf(message, sizeof(message), "Column %d: %s",
					 entry->attnum, problem);
			report(arg, "batch column", message);
		}
	}

	for (uint32 i = 0; i < header->nrows; i++)
	{
		int64		offset = (int64) (es_batch_row(batch, i) -
									  batch->at.unit.first_row);
		uint64		xid = es_batch_xid(batch, i);

		if (offset <= before || offset >= header->span)
		{
			report(arg, "batch rows", "The batch's row numbers are out of order");
			return;
		}
		before = offset;
		if (xid > header->max_xid || xid >= next_xid)
		{
			report(arg, "batch rows", "A row's transaction has not begun yet");
			return;
		}
	}
	if (before + 1 != header->span)
		report(arg, "batch rows", "The batch does not end with its last row");
}
