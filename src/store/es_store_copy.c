/*-------------------------------------------------------------------------
 *
 * es_store_copy.c
 *	  VACUUM FULL and CLUSTER: all rows into a new file, with their numbers.
 *
 * Row numbers are kept, and so are the holes between them; aborted rows vanish.
 * The new file belongs to this transaction alone, so its pages are filled without
 * a record per row and logged as a whole when they are full.
 *
 * IDENTIFICATION
 *	  src/store/es_store_copy.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/transam.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "base/es_stoppoint.h"
#include "format/es_format_check.h"
#include "store/es_store_internal.h"

/* a gap between rows as long as this begins a new page */
#define COPY_MAX_GAP	64

typedef struct CopyState
{
	Relation	from;
	Relation	to;
	TransactionId freeze_limit;
	BlockNumber block;			/* being filled; Invalid: none */
	Datum	   *values;
	bool	   *nulls;
} CopyState;

/*
 * Log the page that was filled.
 */
static void
finish_page(CopyState *state)
{
	Buffer		buffer;

	if (!BlockNumberIsValid(state->block))
		return;
	if (RelationNeedsWAL(state->to))
	{
		buffer = es_page_read(state->to, state->block, NULL,
							  BUFFER_LOCK_EXCLUSIVE);
		START_CRIT_SECTION();
		MarkBufferDirty(buffer);
		(void) log_newpage_buffer(buffer, true);
		END_CRIT_SECTION();
		UnlockReleaseBuffer(buffer);
	}
	state->block = InvalidBlockNumber;
	ES_STOP_POINT("copy-after-page");
}

/*
 * Add the tuple as row "row"; false: the page has no room for it, or the gap
 * before it is too long.
 */
static bool
add_to_page(CopyState *state, uint64 row, HeapTuple tuple)
{
	Buffer		buffer;
	Page		page;
	bool		added = false;

	if (!BlockNumberIsValid(state->block))
		return false;
	buffer = es_page_read(state->to, state->block, NULL,
						  BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(buffer);
	if (row - es_page_next_row(page) <= COPY_MAX_GAP ||
		PageGetMaxOffsetNumber(page) == 0)
	{
		OffsetNumber offset = row - EsPageGetSpecial(page)->first_row + 1;

		/* unlogged until the page is full: see finish_page */
		if (row - EsPageGetSpecial(page)->first_row < ES_MAX_TAIL_ROWS)
			added = es_apply_row(page, offset, tuple->t_data, tuple->t_len);
		if (added)
			MarkBufferDirty(buffer);
	}
	UnlockReleaseBuffer(buffer);
	return added;
}

/*
 * The tuple as it will stand in the new file: dropped columns are null, large
 * values are in the new file's TOAST table, the transaction's data are kept.
 */
static HeapTuple
rebuild_tuple(CopyState *state, HeapTuple old, uint64 row, bool live)
{
	TupleDesc	desc = RelationGetDescr(state->to);
	HeapTuple	tuple;
	HeapTupleHeader header;
	const char *problem;

	problem = es_tuple_check(old->t_data, old->t_len,
							 RelationGetDescr(state->from));
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("row " UINT64_FORMAT " of relation \"%s\" is damaged",
						row, RelationGetRelationName(state->from)),
				 errdetail("%s.", problem),
				 errhint("Run eventstore.verify() to list all damage.")));

	/* the old descriptor knows the defaults of columns added later */
	heap_deform_tuple(old, RelationGetDescr(state->from), state->values,
					  state->nulls);
	for (int i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->attisdropped)
			state->nulls[i] = true;
	tuple = heap_form_tuple(desc, state->values, state->nulls);

	tuple = es_store_toast(state->to, tuple,
						   HEAP_INSERT_SKIP_FSM | HEAP_INSERT_NO_LOGICAL);
	if (tuple->t_len > ES_MAX_TAIL_TUPLE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too big: size %zu, maximum size %zu",
						(Size) tuple->t_len, (Size) ES_MAX_TAIL_TUPLE)));

	header = tuple->t_data;
	memcpy(&header->t_choice.t_heap, &old->t_data->t_choice.t_heap,
		   sizeof(HeapTupleFields));
	header->t_infomask &= ~HEAP_XACT_MASK;
	header->t_infomask |= old->t_data->t_infomask & HEAP_XACT_MASK;
	if (live && !HeapTupleHeaderXminFrozen(header) &&
		TransactionIdPrecedes(HeapTupleHeaderGetRawXmin(header),
							  state->freeze_limit))
		HeapTupleHeaderSetXminFrozen(header);
	es_row_to_tid(row, &tuple->t_self);
	header->t_ctid = tuple->t_self;
	return tuple;
}

static void
copy_row(CopyState *state, HeapTuple old, uint64 row, bool live)
{
	HeapTuple	tuple = rebuild_tuple(state, old, row, live);

	if (!add_to_page(state, row, tuple))
	{
		Buffer		buffer;

		finish_page(state);
		buffer = es_tail_new_page(state->to, row);
		state->block = BufferGetBlockNumber(buffer);
		UnlockReleaseBuffer(buffer);
		if (!add_to_page(state, row, tuple))
			elog(ERROR, "could not copy row " UINT64_FORMAT, row);
	}
}

/*
 * Make the new file's metapage after the old one's: keys, next row number.
 */
static void
copy_metapage(Relation from, Relation to)
{
	EsMetaData *meta = palloc(sizeof(EsMetaData));
	Buffer		metabuf = es_meta_lock(from, BUFFER_LOCK_SHARE);

	memcpy(meta, EsPageGetMeta(BufferGetPage(metabuf)), sizeof(EsMetaData));
	UnlockReleaseBuffer(metabuf);
	meta->next_row = ES_FIRST_ROW;
	es_meta_create_copy(to, meta);
	pfree(meta);
}

/*
 * Rows at the end may be missing in the new file, but their numbers must not be
 * drawn again.
 */
void
es_store_keep_next_row(Relation to, uint64 next_row)
{
	Buffer		metabuf;
	EsMeta		meta;
	BlockNumber current = InvalidBlockNumber;

	if (es_store_end_row(to) >= next_row)
		return;
	es_meta_create(to);
	metabuf = es_meta_lock(to, BUFFER_LOCK_SHARE);
	meta = EsPageGetMeta(BufferGetPage(metabuf));
	if (meta->open.npages > 0)
		current = meta->open.current_block;
	UnlockReleaseBuffer(metabuf);
	if (BlockNumberIsValid(current))
		es_tail_close_run(to, current);

	metabuf = es_meta_lock(to, BUFFER_LOCK_EXCLUSIVE);
	meta = EsPageGetMeta(BufferGetPage(metabuf));
	START_CRIT_SECTION();
	meta->next_row = next_row;
	MarkBufferDirty(metabuf);
	es_log_images(to, XLOG_ES_META, 0, &metabuf, 1);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(metabuf);
}

void
es_store_copy(Relation from, Relation to, TransactionId oldest_xmin,
			  TransactionId freeze_limit, EsCopyCounts *counts)
{
	uint64		end_row = es_store_end_row(from);
	EsReader   *reader;
	CopyState	state;
	MemoryContext row_context;
	MemoryContext old_context;
	HeapTuple	tuple;
	HTSV_Result verdict;

	memset(counts, 0, sizeof(EsCopyCounts));
	if (end_row == ES_FIRST_ROW)
		return;

	state.from = from;
	state.to = to;
	state.freeze_limit = freeze_limit;
	state.block = InvalidBlockNumber;
	state.values = palloc(RelationGetDescr(to)->natts * sizeof(Datum));
	state.nulls = palloc(RelationGetDescr(to)->natts * sizeof(bool));
	copy_metapage(from, to);

	reader = palloc0(sizeof(EsReader));
	es_reader_begin(reader, from, ES_JUDGE_VACUUM, NULL,
					GetAccessStrategy(BAS_BULKREAD), ES_FIRST_ROW, end_row);
	reader->oldest_xmin = oldest_xmin;
	row_context = AllocSetContextCreate(CurrentMemoryContext,
										"eventstore copy",
										ALLOCSET_DEFAULT_SIZES);
	while ((tuple = es_reader_next(reader, true, &verdict)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (verdict == HEAPTUPLE_DEAD)
		{
			counts->aborted++;
			continue;
		}
		counts->rows++;
		old_context = MemoryContextSwitchTo(row_context);
		copy_row(&state, tuple, es_tid_to_row(&tuple->t_self),
				 verdict == HEAPTUPLE_LIVE);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(row_context);
	}
	finish_page(&state);
	es_store_keep_next_row(to, end_row);

	MemoryContextDelete(row_context);
	FreeAccessStrategy(reader->strategy);
	es_reader_end(reader);
	pfree(reader);
}
