/*-------------------------------------------------------------------------
 *
 * es_store_apply.c
 *	  What each WAL record does to each of its pages.
 *
 * The normal path and replay call the same functions, so that they cannot
 * differ.  They run in critical sections or in replay: nothing is allocated,
 * nothing fails, nothing is read but the page and the record.
 *
 * IDENTIFICATION
 *	  src/store/es_store_apply.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"

#include "format/es_batch.h"
#include "store/es_store_internal.h"

void
es_apply_meta_init(Page page, const xl_es_meta_init *xlrec)
{
	EsMeta		meta;

	es_page_init(page, ES_PAGE_META, 0, 0, 0, 0);
	meta = EsPageGetMeta(page);
	memset(meta, 0, sizeof(EsMetaData));
	meta->magic = ES_META_MAGIC;
	meta->format = ES_FORMAT_VERSION;
	memcpy(meta->hash_key, xlrec->hash_key, sizeof(meta->hash_key));
	memcpy(meta->id_key, xlrec->id_key, sizeof(meta->id_key));
	meta->life = xlrec->life;
	memcpy(meta->locator, xlrec->locator, sizeof(meta->locator));
	meta->next_unit_id = 1;
	meta->next_row = xlrec->next_row;
	meta->alloc_end = ES_META_BLOCK + 1;
}

/*
 * Another unit, the newest.
 */
static EsUnit *
add_recent(EsMeta meta)
{
	EsUnit	   *unit = &meta->recent[meta->nrecent++];

	Assert(meta->nrecent <= ES_META_RECENT_UNITS);
	memset(unit, 0, sizeof(EsUnit));
	return unit;
}

/*
 * The open run becomes a closed unit.
 */
static void
close_run(EsMeta meta, uint64 end_row, uint32 nrows)
{
	EsOpenRun  *open = &meta->open;
	EsUnit	   *unit;

	if (nrows == 0)
	{
		EsExtent	extent;

		/* a run without rows leaves no unit; its blocks may be used again */
		extent.start = open->start;
		extent.len = open->npages;
		es_space_give(meta, extent);
		meta->gen++;
		memset(open, 0, sizeof(EsOpenRun));
		return;
	}
	unit = add_recent(meta);
	unit->first_row = open->first_row;
	unit->unit_id = open->unit_id;
	unit->start = open->start;
	unit->npages = open->npages;
	unit->span = (uint32) (end_row - open->first_row);
	unit->nrows = nrows;
	unit->kind = ES_UNIT_TAIL;
	meta->counters.rows += unit->nrows;
	meta->counters.unit_blocks += unit->npages;
	meta->counters.loose_blocks += unit->npages;
	memset(open, 0, sizeof(EsOpenRun));
}

/*
 * The metapage's part of NEW_TAIL: take blocks, close the run, begin another or
 * lengthen the one there is.
 */
void
es_apply_new_tail_meta(Page page, const xl_es_new_tail *xlrec)
{
	EsMeta		meta = EsPageGetMeta(page);
	EsOpenRun  *open = &meta->open;

	/*
	 * What was chosen is the beginning of an extent that was free then: take it
	 * before anything else becomes free and is joined with it.
	 */
	if (xlrec->flags & ES_NEW_TAIL_REFILL)
	{
		EsExtent	old = meta->reserve;

		meta->reserve.start = xlrec->reserve_start;
		meta->reserve.len = xlrec->reserve_len;
		es_space_take(meta, meta->reserve);
		if (old.len > 0)
			es_space_give(meta, old);
	}

	if (xlrec->flags & ES_NEW_TAIL_CLOSE)
		close_run(meta, xlrec->end_row, xlrec->nrows);

	if (!(xlrec->flags & ES_NEW_TAIL_PAGE))
	{
		meta->next_row = xlrec->first_row;
		return;
	}

	if (xlrec->flags & ES_NEW_TAIL_RUN)
	{
		open->first_row = xlrec->first_row;
		open->unit_id = xlrec->unit_id;
		open->start = xlrec->block;
		open->npages = 0;
		meta->next_unit_id = xlrec->unit_id + 1;
	}
	open->current_block = xlrec->block;
	open->npages++;
	meta->reserve.start++;
	meta->reserve.len--;
	if (meta->reserve.len == 0)
		meta->reserve.start = 0;
}

/*
 * The metapage's part of BATCH: what was chosen is taken before the run, which may
 * be without rows, gives anything back.
 */
void
es_apply_batch_meta(Page page, const xl_es_batch *xlrec)
{
	EsMeta		meta = EsPageGetMeta(page);
	EsUnit	   *unit;
	EsExtent	extent;

	extent.start = xlrec->start;
	extent.len = xlrec->npages;
	es_space_take(meta, extent);
	if (xlrec->flags & ES_BATCH_OLD)
		close_run(meta, xlrec->run_end,
				  (uint32) (xlrec->run_end - meta->open.first_row));

	unit = add_recent(meta);
	unit->first_row = xlrec->first_row;
	unit->unit_id = xlrec->unit_id;
	unit->start = xlrec->start;
	unit->npages = xlrec->npages;
	unit->span = xlrec->span;
	unit->nrows = xlrec->nrows;
	unit->kind = ES_UNIT_BATCH;
	unit->flags = ES_UNIT_FLAG_LOAD;
	unit->raw_kb = xlrec->raw_kb;
	meta->counters.rows += unit->nrows;
	meta->counters.unit_blocks += unit->npages;
	meta->counters.loose_blocks += unit->npages;
	meta->next_unit_id = xlrec->unit_id + 1;
	meta->next_row = xlrec->first_row + xlrec->span;
}

/*
 * A page of a batch.
 */
void
es_apply_batch_page(Page page, uint64 unit_id, uint64 first_row,
					const char *body, uint64 body_len, uint32 index)
{
	uint32		bytes = es_batch_page_len(body_len, index);

	es_page_init(page, ES_PAGE_BATCH, unit_id, first_row, index, 0);
	memcpy(PageGetContents(page), body + es_batch_page_begin(index), bytes);
	((PageHeader) page)->pd_lower = MAXALIGN(SizeOfPageHeaderData) + bytes;
}

/*
 * The header that the rows of a load batch are judged by.
 */
void
es_apply_batch_tuple(Page page, TransactionId xid, CommandId cid, bool frozen)
{
	HeapTupleHeader header = es_batch_tuple_header(page);

	((PageHeader) page)->pd_upper -= ES_BATCH_TUPLE_BYTES;
	memset(header, 0, ES_BATCH_TUPLE_BYTES);
	HeapTupleHeaderSetXmin(header, xid);
	HeapTupleHeaderSetCmin(header, cid);
	header->t_infomask = HEAP_XMAX_INVALID;
	if (frozen)
		HeapTupleHeaderSetXminFrozen(header);
	header->t_hoff = ES_BATCH_TUPLE_BYTES;
	es_row_to_tid(EsPageGetSpecial(page)->first_row, &header->t_ctid);
}

void
es_apply_settle_batch(Page page)
{
	HeapTupleHeaderSetXminFrozen(es_batch_tuple_header(page));
}

void
es_apply_new_tail_old(Page page)
{
	EsPageGetSpecial(page)->flags &= ~ES_PAGE_FLAG_CURRENT;
}

void
es_apply_new_tail_page(Page page, const xl_es_new_tail *xlrec)
{
	es_page_init(page, ES_PAGE_TAIL, xlrec->unit_id, xlrec->first_row,
				 xlrec->index_in_unit, ES_PAGE_FLAG_CURRENT);
}

Size
es_tail_room(Page page)
{
	return ((PageHeader) page)->pd_upper - ((PageHeader) page)->pd_lower;
}

bool
es_apply_row(Page page, OffsetNumber offset, HeapTupleHeader tuple, uint32 len)
{
	PageHeader	header = (PageHeader) page;
	OffsetNumber skipped = PageGetMaxOffsetNumber(page) + 1;

	if (offset < skipped ||
		MAXALIGN(len) + (offset - skipped + 1) * sizeof(ItemIdData) >
		es_tail_room(page))
		return false;

	for (; skipped < offset; skipped++)
		ItemIdSetUnused(PageGetItemId(page, skipped));
	header->pd_lower = SizeOfPageHeaderData + offset * sizeof(ItemIdData);
	header->pd_upper -= MAXALIGN(len);
	ItemIdSetNormal(PageGetItemId(page, offset), header->pd_upper, len);
	memcpy((char *) page + header->pd_upper, tuple, len);
	return true;
}

/*
 * Confirm a speculative row: t_ctid becomes its TID.  Or withdraw it: nobody
 * will ever see it, and its number is a hole.
 */
void
es_apply_spec(Page page, const xl_es_spec *xlrec)
{
	ItemId		item = PageGetItemId(page, xlrec->offset);
	HeapTupleHeader tuple = (HeapTupleHeader) PageGetItem(page, item);

	es_row_to_tid(EsPageGetSpecial(page)->first_row + xlrec->offset - 1,
				  &tuple->t_ctid);
	if (!(xlrec->flags & ES_SPEC_CONFIRM))
	{
		HeapTupleHeaderSetXmin(tuple, InvalidTransactionId);
		tuple->t_infomask &= ~HEAP_XMIN_FROZEN;
		tuple->t_infomask |= HEAP_XMIN_INVALID;
	}
}

/*
 * Freeze rows, and mark aborted ones so that nobody asks for their transaction
 * again: besides the hint, which alone would not be durable, xmin is cleared.
 */
void
es_apply_settle(Page page, const xl_es_settle *xlrec, const uint16 *offsets)
{
	for (int i = 0; i < xlrec->nfrozen + xlrec->naborted; i++)
	{
		ItemId		item = PageGetItemId(page, offsets[i]);
		HeapTupleHeader tuple = (HeapTupleHeader) PageGetItem(page, item);

		if (i < xlrec->nfrozen)
			HeapTupleHeaderSetXminFrozen(tuple);
		else
		{
			HeapTupleHeaderSetXmin(tuple, InvalidTransactionId);
			tuple->t_infomask &= ~HEAP_XMIN_FROZEN;
			tuple->t_infomask |= HEAP_XMIN_INVALID;
			es_row_to_tid(EsPageGetSpecial(page)->first_row + offsets[i] - 1,
						  &tuple->t_ctid);
		}
	}
	if (xlrec->flags & ES_SETTLE_PAGE)
		EsPageGetSpecial(page)->flags |= ES_PAGE_FLAG_SETTLED;
}
