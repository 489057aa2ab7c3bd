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
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "utils/snapmgr.h"

#include "base/es_config.h"
#include "base/es_corrupt.h"
#include "format/es_format_check.h"
#include "store/es_store_batch_internal.h"

/* ----------------------------------------------------------------
 * The body
 * ----------------------------------------------------------------
 */

void
es_batch_report(EsBatch *batch, const char *problem)
{
	if (batch->rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a batch in WAL is damaged"),
				 errdetail("%s.", problem)));
	es_report_corruption(batch->rel, batch->at.unit.start, "%s", problem);
}

/*
 * Read and lock page "index" of a batch.  InvalidBuffer: it is another page
 * now.
 */
Buffer
es_batch_read_page(Relation rel, const EsUnitRef *ref, uint32 index,
		  BufferAccessStrategy strategy, int mode)
{
	BlockNumber block = ref->unit.start + index;
	Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block,
											RBM_NORMAL, strategy);
	Page		page = BufferGetPage(buffer);
	const char *problem;

	LockBuffer(buffer, mode);
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
bool
es_batch_need(EsBatch *batch, uint64 offset, uint64 len)
{
	uint32		first;
	uint32		last;

	Assert(len > 0 && offset + len <= batch->header->body_len);
	if (batch->have == NULL)
		return true;
	first = es_batch_page_of(offset);
	last = es_batch_page_of(offset + len - 1);
	for (uint32 i = first; i <= last; i++)
	{
		uint32		bytes = es_batch_page_len(batch->header->body_len, i);
		Buffer		buffer;
		Page		page;

		if (batch->have[i])
			continue;
		if (batch->gone)
			return false;
		CHECK_FOR_INTERRUPTS();
		buffer = es_batch_read_page(batch->rel, &batch->at, i, batch->strategy,
						   BUFFER_LOCK_SHARE);
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
		memcpy(batch->body + es_batch_page_begin(i), PageGetContents(page),
			   bytes);
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
	Buffer		buffer = es_batch_read_page(batch->rel, &batch->at, 0, batch->strategy,
								   BUFFER_LOCK_SHARE);
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
	if (problem == NULL && bytes != es_batch_page_len(header.body_len, 0))
		problem = "The page does not have the bytes of the batch that it should have";
	if (problem == NULL && es_batch_has_tuple(page) != es_batch_is_load(batch))
		problem = "The page has a tuple header where there should be none, or none";
	if (problem != NULL)
		es_batch_report(batch, problem);
	if (es_batch_is_load(batch))
		memcpy(batch->load, es_batch_tuple_header(page), sizeof(batch->load));

	batch->body = MemoryContextAllocHuge(batch->context, header.body_len);
	batch->have = MemoryContextAllocZero(batch->context,
										 batch->at.unit.npages * sizeof(bool));
	memcpy(batch->body, PageGetContents(page), bytes);
	UnlockReleaseBuffer(buffer);
	batch->have[0] = true;
	batch->header = (EsBatchHeader *) batch->body;

	if (!es_batch_need(batch, 0, header.header_len))
		return false;
	problem = es_batch_check_columns(batch->header);
	if (problem != NULL)
		es_batch_report(batch, problem);
	return true;
}

/*
 * The header is there: what the rest goes by.
 */
static void
prepare(EsBatch *batch)
{
	batch->table = es_batch_columns(batch->header);
	batch->columns = MemoryContextAllocZero(batch->context,
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
	prepare(batch);

	/* what the rest goes by is read at once */
	if (batch->offsets >= 0 &&
		!es_batch_need(batch, batch->table[batch->offsets].offset,
				   batch->table[batch->offsets].len))
	{
		MemoryContextDelete(context);
		return NULL;
	}
	return batch;
}

EsBatch *
es_batch_open_body(const char *body, uint64 body_len, uint64 first_row,
				   const uint8 *id_key, MemoryContext parent,
				   const char **problem)
{
	MemoryContext context = AllocSetContextCreate(parent, "eventstore batch",
												  ALLOCSET_SMALL_SIZES);
	EsBatch    *batch = MemoryContextAllocZero(context, sizeof(EsBatch));

	batch->context = context;
	batch->at.unit.first_row = first_row;
	batch->at.unit.flags = ES_UNIT_FLAG_LOAD;
	batch->body = MemoryContextAllocHuge(context, Max(body_len,
													  sizeof(EsBatchHeader)));
	memcpy(batch->body, body, body_len);
	batch->header = (EsBatchHeader *) batch->body;
	memcpy(batch->id_key_copy, id_key, ES_SIPHASH_KEY_BYTES);
	batch->id_key = batch->id_key_copy;
	*problem = body_len < sizeof(EsBatchHeader) ?
		"The batch has no header" : es_batch_check_header(batch->header);
	if (*problem == NULL && batch->header->body_len != body_len)
		*problem = "The batch's length is out of range";
	if (*problem == NULL)
		*problem = es_batch_check_columns(batch->header);
	if (*problem != NULL)
	{
		MemoryContextDelete(context);
		return NULL;
	}
	prepare(batch);
	return batch;
}

const char *
es_batch_body(EsBatch *batch)
{
	return es_batch_need(batch, 0, batch->header->body_len) ?
		batch->body : NULL;
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
		es_batch_need(column->batch, column->offset + offset, len);
}

/*
 * Milliseconds of a timestamp, as an id shows them.
 */
int64
es_timestamp_ms(int64 timestamp)
{
	const int64 unix_epoch = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) *
		USECS_PER_DAY;
	int64		us;

	/* infinity too; whoever reads it back gets the same */
	us = (int64) ((uint64) timestamp + (uint64) unix_epoch);
	return us >= 0 ? us / 1000 : (us - 999) / 1000;
}

/*
 * What milliseconds of a row are relative to.
 */
bool
es_batch_related_ms(void *arg, uint32_t row, int64_t *ms)
{
	ColumnArg  *column = (ColumnArg *) arg;
	EsBatch    *batch = column->batch;
	EsColumn   *related;
	int64_t		value;

	if (batch->table[column->related - 1].encoding == ES_ENC_NULLS)
		value = 0;
	else
	{
		related = es_batch_column(batch, column->related - 1);
		if (related == NULL || es_column_int(related, row, &value) != NULL)
			return false;
	}
	*ms = es_timestamp_ms(value);
	return true;
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
 * Read a column as a whole, and compare its checksum: who reads rows one after the
 * other needs all of it, and must not take damage for values.  false: the batch is
 * gone.
 */
static bool
check_stream(EsBatch *batch, int place)
{
	const EsBatchColumn *entry = &batch->table[place];
	pg_crc32c	crc;

	if (!es_batch_need(batch, entry->offset, entry->len))
		return false;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, batch->body + entry->offset, entry->len);
	FIN_CRC32C(crc);
	if (crc != entry->crc)
		es_report_corruption(batch->rel, batch->at.unit.start,
							 "Column %d of the batch has a wrong checksum",
							 entry->attnum);
	return true;
}

/*
 * The column at a place of the table, opened.  NULL: the batch is gone.
 */
EsColumn *
es_batch_column(EsBatch *batch, int place)
{
	const EsBatchColumn *entry = &batch->table[place];
	EsColumnKind kind;
	EsSource	source;
	EsColumnContext context;
	ColumnArg  *arg;
	const char *problem;

	if (batch->columns[place] != NULL)
		return batch->columns[place];
	if (batch->walked && !check_stream(batch, place))
		return NULL;

	arg = MemoryContextAlloc(batch->context, sizeof(ColumnArg));
	arg->batch = batch;
	arg->offset = entry->offset;
	kind.width = entry->attlen;
	kind.align = entry->attalign;
	kind.by_value = (entry->flags & ES_COLUMN_BY_VALUE) != 0;
	if (entry->encoding == ES_ENC_MADE_ID)
	{
		kind.width = kind.align = sizeof(int64);
		kind.by_value = true;
	}
	source.bytes = (const uint8_t *) batch->body + entry->offset;
	source.len = entry->len;
	source.need = need_of_column;
	source.arg = arg;
	memset(&context, 0, sizeof(context));
	context.memory.alloc = alloc_in_batch;
	context.memory.free = free_in_batch;
	context.memory.arg = batch->context;
	context.step = es_varlena_step;
	if (entry->related != 0)
	{
		context.ms_of = es_batch_related_ms;
		context.ms_arg = arg;
		arg->related = entry->related;
	}
	problem = es_column_open(&batch->columns[place], kind,
							 batch->header->nrows, &source, &context);
	if (problem != NULL)
	{
		batch->columns[place] = NULL;
		if (!batch->gone)
			es_batch_report(batch, problem);
	}
	return batch->columns[place];
}

/*
 * The batch that has row "index" of a retired batch now, and its index there.
 */
EsBatch *
es_batch_heir(EsBatch *batch, uint32 *index)
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
			es_batch_report(batch, "A batch is gone, and no other has its rows");
		batch->heir = es_batch_open(batch->rel, &ref, batch->strategy,
									batch->context);
		if (batch->heir != NULL)
			batch->heir->walked = batch->walked;
	}
}

/*
 * A hidden column's value.  false: the batch is gone.
 */
bool
es_batch_hidden(EsBatch *batch, int place, uint32 index, int64 *value)
{
	EsColumn   *column = es_batch_column(batch, place);
	int64_t		number = 0;
	const char *problem;

	if (column == NULL)
		return false;
	problem = es_column_int(column, index, &number);
	if (problem != NULL)
	{
		if (batch->gone)
			return false;
		es_batch_report(batch, problem);
	}
	*value = number;
	return true;
}

/* ----------------------------------------------------------------
 * Skipping what is damaged
 * ----------------------------------------------------------------
 */

/* the first problem of a batch */
static void
keep_problem(void *arg, const char *rule, const char *problem)
{
	char	  **first = (char **) arg;

	if (*first == NULL)
		*first = pstrdup(problem);
}

static void
warn_of_damage(Relation rel, const EsUnit *unit, const char *problem)
{
	ereport(WARNING,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("skipping a damaged batch of relation \"%s\"",
					RelationGetRelationName(rel)),
			 errdetail("Block %u, rows " UINT64_FORMAT " to " UINT64_FORMAT ": %s.",
					   unit->start, unit->first_row,
					   unit->first_row + unit->span - 1, problem)));
}

EsBatch *
es_batch_open_sound(Relation rel, const EsUnitRef *ref,
					BufferAccessStrategy strategy, MemoryContext parent,
					bool *damaged)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	EsBatch    *volatile batch = NULL;
	char	   *volatile problem = NULL;

	*damaged = false;

	/* workers of a parallel query cannot catch errors */
	if (!es_skip_damaged_batches || IsInParallelMode())
	{
		batch = es_batch_open(rel, ref, strategy, parent);
		if (batch != NULL)
			batch->walked = true;
		return batch;
	}

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		char	   *found = NULL;

		batch = es_batch_open(rel, ref, strategy, parent);
		if (batch != NULL)
			es_batch_verify(batch,
							U64FromFullTransactionId(ReadNextFullTransactionId()),
							keep_problem, &found);
		problem = found;
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (error->sqlerrcode != ERRCODE_DATA_CORRUPTED &&
			error->sqlerrcode != ERRCODE_IO_ERROR)
			ReThrowError(error);
		problem = error->detail != NULL ? error->detail : error->message;

		/* those of ours end with a period, which the message has */
		if (strlen(problem) > 0 && problem[strlen(problem) - 1] == '.')
			problem[strlen(problem) - 1] = '\0';
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (problem == NULL)
		return batch;
	warn_of_damage(rel, &ref->unit, problem);
	*damaged = true;
	if (batch != NULL)
		es_batch_close(batch);
	return NULL;
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
		if (!es_batch_need(batch, entry->offset, entry->len))
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
		column = es_batch_column(batch, i);
		problem = column == NULL ? NULL : es_column_check(column);
		if (problem == NULL && column != NULL &&
			(entry->encoding == ES_ENC_MADE_ID ?
			 es_column_encoding(column) != ES_ENC_INTS &&
			 es_column_encoding(column) != ES_ENC_INTS_PLAIN :
			 es_column_encoding(column) != entry->encoding))
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
		if ((!es_batch_is_load(batch) && xid > header->max_xid) ||
			xid >= next_xid)
		{
			report(arg, "batch rows", "A row's transaction has not begun yet");
			return;
		}
	}
	if (before + 1 != header->span)
		report(arg, "batch rows", "The batch does not end with its last row");
}
