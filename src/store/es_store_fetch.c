/*-------------------------------------------------------------------------
 *
 * es_store_fetch.c
 *	  Rows out: single ones, by number.
 *
 * What was used last is remembered: the tail page's place, or the batch with what
 * was read of it.  Rows never change and keep their numbers, so a batch that was
 * opened answers for its rows for ever.
 *
 * IDENTIFICATION
 *	  src/store/es_store_fetch.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"

#include "base/es_corrupt.h"
#include "format/es_format_check.h"
#include "store/es_store_internal.h"

void
es_fetch_begin(EsFetch *fetch, Relation rel)
{
	memset(fetch, 0, sizeof(EsFetch));
	fetch->rel = rel;
	fetch->context = CurrentMemoryContext;
	fetch->block = InvalidBlockNumber;
}

void
es_fetch_end(EsFetch *fetch)
{
	if (fetch->batch != NULL)
		es_batch_close(fetch->batch);
	fetch->batch = NULL;
}

/*
 * Where a row is.
 */
typedef enum Place
{
	PLACE_NONE,					/* nobody has that number */
	PLACE_PAGE,					/* on the tail page that was locked */
	PLACE_BATCH					/* in fetch->batch */
} Place;

/*
 * Open the batch of the unit at hand, unless it is open.  false: it is gone.
 */
static bool
open_batch(EsFetch *fetch)
{
	EsUnit	   *unit = &fetch->at.unit;

	if (fetch->batch != NULL && es_batch_is_of(fetch->batch, unit))
		return true;
	es_fetch_end(fetch);
	fetch->batch = es_batch_open(fetch->rel, &fetch->at, NULL, fetch->context);
	if (fetch->batch == NULL)
		return false;
	fetch->page_first = unit->first_row;
	fetch->page_nrows = unit->span;
	return true;
}

/*
 * Find a row; PLACE_PAGE: its page is locked, *buffer.
 */
static Place
locate_row(EsFetch *fetch, uint64 row, int mode, Buffer *buffer)
{
	*buffer = InvalidBuffer;
	if (row < ES_FIRST_ROW || row > ES_MAX_ROW)
		return PLACE_NONE;
	for (;;)
	{
		Page		page;
		uint32		index;

		CHECK_FOR_INTERRUPTS();

		/* the batch or page that was used last; one that is gone is not */
		if (fetch->batch != NULL && es_batch_is_gone(fetch->batch))
			es_fetch_end(fetch);
		if (fetch->batch != NULL && row >= fetch->page_first &&
			row < fetch->page_first + fetch->page_nrows)
			return PLACE_BATCH;
		if (fetch->have_unit && BlockNumberIsValid(fetch->block) &&
			row >= fetch->page_first &&
			row < fetch->page_first + fetch->page_nrows)
		{
			*buffer = es_tail_read(fetch->rel, &fetch->at, fetch->index, NULL,
								   mode);
			if (BufferIsValid(*buffer))
				return PLACE_PAGE;
		}

		fetch->block = InvalidBlockNumber;
		fetch->have_unit = es_directory_lookup(fetch->rel, row, true,
											   &fetch->at);
		if (!fetch->have_unit || row < fetch->at.unit.first_row)
			return PLACE_NONE;
		if (fetch->at.unit.kind == ES_UNIT_BATCH)
		{
			if (open_batch(fetch))
				return PLACE_BATCH;
			continue;
		}

		/* of a page and a batch only one is remembered */
		es_fetch_end(fetch);
		*buffer = es_tail_find(fetch->rel, &fetch->at, row, NULL, mode, &index);
		if (!BufferIsValid(*buffer))
			continue;

		page = BufferGetPage(*buffer);
		fetch->block = fetch->at.unit.start + index;
		fetch->index = index;
		fetch->page_first = EsPageGetSpecial(page)->first_row;
		fetch->page_nrows = PageGetMaxOffsetNumber(page);
		if (row >= fetch->page_first + fetch->page_nrows)
		{
			/* beyond the end of the open run */
			UnlockReleaseBuffer(*buffer);
			*buffer = InvalidBuffer;
			return PLACE_NONE;
		}
		return PLACE_PAGE;
	}
}

Buffer
es_fetch_lock_page(EsFetch *fetch, uint64 row, int mode)
{
	Buffer		buffer;

	if (locate_row(fetch, row, mode, &buffer) != PLACE_PAGE)
		return InvalidBuffer;
	return buffer;
}

/*
 * The row's index in the batch; false: nobody has that number.
 */
static bool
index_in_batch(EsFetch *fetch, uint64 row, uint32 *index)
{
	*index = es_batch_search(fetch->batch, row);
	return *index < es_batch_nrows(fetch->batch) &&
		es_batch_row(fetch->batch, *index) == row;
}

/*
 * Point "tuple" at row "row" of its locked page; false: nobody has that number.
 */
static bool
point_at_row(EsFetch *fetch, Buffer buffer, uint64 row, HeapTuple tuple)
{
	Page		page = BufferGetPage(buffer);
	ItemId		item;

	item = PageGetItemId(page, row - EsPageGetSpecial(page)->first_row + 1);
	if (!ItemIdIsUsed(item))
		return false;
	if (!es_item_is_sound(page, item))
		es_report_corruption(fetch->rel, BufferGetBlockNumber(buffer),
							 "The line pointer of row " UINT64_FORMAT
							 " points outside the tuples", row);
	tuple->t_data = (HeapTupleHeader) PageGetItem(page, item);
	tuple->t_len = ItemIdGetLength(item);
	tuple->t_tableOid = RelationGetRelid(fetch->rel);
	es_row_to_tid(row, &tuple->t_self);
	return true;
}

/*
 * A row that no page holds: has its number been drawn?  Then nobody will ever
 * have it.
 */
static bool
has_passed(Relation rel, uint64 row)
{
	return row >= ES_FIRST_ROW && row < es_store_end_row(rel);
}

HeapTuple
es_fetch_row(EsFetch *fetch, uint64 row, Snapshot snapshot, bool *dead)
{
	uint32		index;
	HeapTuple	tuple = es_fetch_row_lazily(fetch, row, snapshot, dead,
											&index);

	if (index != ES_NOT_IN_BATCH)
		tuple = es_batch_tuple(fetch->batch, index);
	return tuple;
}

HeapTuple
es_fetch_row_lazily(EsFetch *fetch, uint64 row, Snapshot snapshot, bool *dead,
					uint32 *index)
{
	Buffer		buffer;
	HeapTupleData tuple;
	HeapTuple	result = NULL;
	bool		visible;
	uint32		at;

again:
	*index = ES_NOT_IN_BATCH;
	if (dead != NULL)
		*dead = false;
	switch (locate_row(fetch, row, BUFFER_LOCK_SHARE, &buffer))
	{
		case PLACE_NONE:
			if (dead != NULL)
				*dead = has_passed(fetch->rel, row);
			return NULL;
		case PLACE_BATCH:
			if (!index_in_batch(fetch, row, &at))
			{
				if (dead != NULL)
					*dead = true;
				return NULL;
			}
			if (es_batch_is_load(fetch->batch))
			{
				if (!es_batch_load_is_visible(fetch->batch, snapshot, &visible))
					goto again;
				if (visible)
					*index = at;
				else if (dead != NULL &&
						 !es_batch_load_is_dead(fetch->batch, dead))
					goto again;
				return NULL;
			}
			if (es_batch_row_is_visible(fetch->batch, at, snapshot))
				*index = at;
			else
				es_batch_conflict_out(fetch->batch, at, snapshot);
			return NULL;
		case PLACE_PAGE:
			break;
	}

	if (!point_at_row(fetch, buffer, row, &tuple))
	{
		UnlockReleaseBuffer(buffer);
		if (dead != NULL)
			*dead = true;
		return NULL;
	}

	visible = HeapTupleSatisfiesVisibility(&tuple, snapshot, buffer);
	HeapCheckForSerializableConflictOut(visible, fetch->rel, &tuple, buffer,
										snapshot);
	if (visible)
		result = heap_copytuple(&tuple);
	else if (dead != NULL)
		*dead = HeapTupleIsSurelyDead(&tuple, GlobalVisTestFor(fetch->rel));
	UnlockReleaseBuffer(buffer);
	return result;
}

TM_Result
es_fetch_for_lock(EsFetch *fetch, uint64 row, CommandId cid, HeapTuple *tuple)
{
	Buffer		buffer;
	HeapTupleData found;
	TM_Result	result = TM_Invisible;
	uint32		index;

again:
	*tuple = NULL;
	switch (locate_row(fetch, row, BUFFER_LOCK_SHARE, &buffer))
	{
		case PLACE_NONE:
			return TM_Invisible;
		case PLACE_BATCH:
			if (!index_in_batch(fetch, row, &index))
				return TM_Invisible;
			result = TM_Ok;
			if (es_batch_is_load(fetch->batch) &&
				!es_batch_load_for_update(fetch->batch, cid, &result))
				goto again;
			*tuple = es_batch_tuple(fetch->batch, index);
			return result;
		case PLACE_PAGE:
			break;
	}
	if (point_at_row(fetch, buffer, row, &found))
	{
		result = HeapTupleSatisfiesUpdate(&found, cid, buffer);
		*tuple = heap_copytuple(&found);
	}
	UnlockReleaseBuffer(buffer);
	return result;
}

bool
es_fetch_is_dead(EsFetch *fetch, uint64 row)
{
	Buffer		buffer;
	HeapTupleData tuple;
	bool		dead = false;
	uint32		index;

again:
	switch (locate_row(fetch, row, BUFFER_LOCK_SHARE, &buffer))
	{
		case PLACE_NONE:
			return has_passed(fetch->rel, row);
		case PLACE_BATCH:
			if (!index_in_batch(fetch, row, &index))
				return true;
			if (es_batch_is_load(fetch->batch) &&
				!es_batch_load_is_dead(fetch->batch, &dead))
				goto again;
			return dead;
		case PLACE_PAGE:
			break;
	}
	if (point_at_row(fetch, buffer, row, &tuple))
		dead = HeapTupleIsSurelyDead(&tuple, GlobalVisTestFor(fetch->rel));
	else
		dead = true;
	UnlockReleaseBuffer(buffer);
	return dead;
}
