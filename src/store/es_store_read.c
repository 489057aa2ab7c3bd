/*-------------------------------------------------------------------------
 *
 * es_store_read.c
 *	  Rows out: walking them by number, and fetching single ones.
 *
 * No lock and no pin outlives a call: a tail page is copied out under its share
 * lock, after it was decided there which rows are visible.  So pages can be used
 * again without waiting for readers, here and in replay on a standby.
 *
 * A unit that was looked up may be retired, and its blocks used again, before its
 * pages are read.  Every page says which unit it belongs to; if it is another
 * one, META.gen tells a retired unit from damage.
 *
 * IDENTIFICATION
 *	  src/store/es_store_read.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "storage/procarray.h"

#include "base/es_corrupt.h"
#include "format/es_format_check.h"
#include "store/es_store_internal.h"

/* ----------------------------------------------------------------
 * Pages
 * ----------------------------------------------------------------
 */

static int64
blocks_read(void)
{
	return pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read;
}

bool
es_row_is_aborted(HeapTupleHeader tuple)
{
	TransactionId xid = HeapTupleHeaderGetRawXmin(tuple);

	if (HeapTupleHeaderXminCommitted(tuple))
		return false;
	if (HeapTupleHeaderXminInvalid(tuple) || !TransactionIdIsNormal(xid))
		return true;
	return !TransactionIdIsCurrentTransactionId(xid) &&
		!TransactionIdIsInProgress(xid) && !TransactionIdDidCommit(xid);
}

/*
 * Line pointers and tuples of a page that came from disk.  A page that is in
 * shared buffers already was checked by whoever read it.
 *
 * While ALTER TABLE rewrites a table, the relation's descriptor is the new one
 * already and the tuples are of the old one, so they cannot be checked.  Whoever
 * holds AccessExclusiveLock may be in the middle of that.
 */
static void
check_tail_page(Relation rel, BlockNumber block, Page page)
{
	const char *problem = es_tail_check(page);
	bool		check_tuples = !CheckRelationLockedByMe(rel,
														AccessExclusiveLock,
														true);

	for (OffsetNumber off = 1;
		 problem == NULL && off <= PageGetMaxOffsetNumber(page); off++)
	{
		ItemId		item = PageGetItemId(page, off);
		HeapTupleHeader tuple;

		if (!ItemIdIsUsed(item))
			continue;
		problem = es_row_check(page, off);
		if (problem != NULL || !check_tuples)
			continue;
		tuple = (HeapTupleHeader) PageGetItem(page, item);
		problem = es_tuple_check(tuple, ItemIdGetLength(item),
								 RelationGetDescr(rel));
		if (problem != NULL && es_row_is_aborted(tuple))
			problem = NULL;
	}
	if (problem != NULL)
	{
		/*
		 * The buffer stays in memory, where the next reader would not look so
		 * closely.  So leave a mark for it, as hint bits are left, without
		 * dirtying the page.
		 */
		EsPageGetSpecial(page)->flags |= ES_PAGE_FLAG_SUSPECT;
		es_report_corruption(rel, block, "%s", problem);
	}
}

Buffer
es_page_read(Relation rel, BlockNumber block, BufferAccessStrategy strategy,
			 int mode)
{
	int64		reads = blocks_read();
	Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block,
											RBM_NORMAL, strategy);
	Page		page = BufferGetPage(buffer);
	const char *problem;

	LockBuffer(buffer, mode);
	problem = es_page_check(page);
	if (problem != NULL)
		es_report_corruption(rel, block, "%s", problem);
	if (EsPageGetSpecial(page)->kind == ES_PAGE_TAIL &&
		(blocks_read() != reads ||
		 (EsPageGetSpecial(page)->flags & ES_PAGE_FLAG_SUSPECT)))
		check_tail_page(rel, block, page);
	return buffer;
}

/*
 * Has the directory changed since "gen", so that what was looked up may be
 * gone?
 */
static bool
directory_moved(Relation rel, uint64 gen)
{
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
	bool		moved;

	if (!BufferIsValid(metabuf))
		return true;
	es_meta_remember(rel, EsPageGetMeta(BufferGetPage(metabuf)));
	moved = EsPageGetMeta(BufferGetPage(metabuf))->gen != gen;
	UnlockReleaseBuffer(metabuf);
	return moved;
}

bool
es_open_run_moved(Relation rel, const EsUnitRef *ref)
{
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
	EsMeta		meta;
	bool		moved;

	if (!BufferIsValid(metabuf))
		return true;
	meta = EsPageGetMeta(BufferGetPage(metabuf));
	es_meta_remember(rel, meta);
	moved = meta->gen != ref->gen ||
		meta->open.unit_id != ref->unit.unit_id ||
		meta->open.npages != ref->unit.npages;
	UnlockReleaseBuffer(metabuf);
	return moved;
}

/*
 * Is the page what the directory says of the page at this place of a unit?
 *
 * Its rows lie in the unit, which begins with its first page and, when it is closed,
 * ends with its last one.  A page that is still as it was earlier, because a
 * write got lost, is found so, or by its neighbours' rows.
 */
static const char *
check_place(Page page, const EsUnitRef *ref, uint32 index)
{
	EsPageSpecial special = EsPageGetSpecial(page);
	uint64		begin = ref->unit.first_row;
	uint64		end = begin + ref->unit.span;
	bool		last = index == ref->unit.npages - 1;

	if (special->kind != ES_PAGE_TAIL ||
		special->unit_id != ref->unit.unit_id ||
		special->index_in_unit != index)
		return "The page is not the one that the directory says";
	if (index == 0 ? special->first_row != begin : special->first_row < begin)
		return "The page does not begin where the directory says";
	if (!ref->open && (last ? es_page_next_row(page) != end :
					   es_page_next_row(page) > end))
		return "The page does not end where the directory says";
	if ((special->flags & ES_PAGE_FLAG_CURRENT) && !(ref->open && last))
		return "The page is marked as the one that rows are added to";
	return NULL;
}

Buffer
es_tail_read(Relation rel, const EsUnitRef *ref, uint32 index,
			 BufferAccessStrategy strategy, int mode)
{
	BlockNumber block = ref->unit.start + index;
	int64		reads = blocks_read();
	Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block,
											RBM_NORMAL, strategy);
	Page		page = BufferGetPage(buffer);
	const char *problem;

	LockBuffer(buffer, mode);
	problem = es_page_check(page);
	if (problem == NULL)
		problem = check_place(page, ref, index);
	if (problem == NULL)
	{
		if (blocks_read() != reads ||
			(EsPageGetSpecial(page)->flags & ES_PAGE_FLAG_SUSPECT))
			check_tail_page(rel, block, page);
		return buffer;
	}

	UnlockReleaseBuffer(buffer);
	if (!directory_moved(rel, ref->gen))
		es_report_corruption(rel, block, "%s", problem);
	return InvalidBuffer;
}

/*
 * Find the page of a unit that row "row" is on and return it locked; *index: its
 * place.  The row lies in the unit; if pages were added to an open run since it was
 * looked up, or the unit was retired, InvalidBuffer: look up again.
 *
 * Pages hold about equally many rows, so guess by the rows that are left, and halve
 * when guesses do not help.
 */
static Buffer
find_page(Relation rel, const EsUnitRef *ref, uint64 row,
		  BufferAccessStrategy strategy, int mode, uint32 *index)
{
	uint32		low = 0;
	uint32		high = ref->unit.npages - 1;
	uint64		low_row = ref->unit.first_row;
	uint64		high_row = ref->unit.first_row + ref->unit.span;

	for (int probes = 0; low <= high; probes++)
	{
		uint32		at;
		Buffer		buffer;
		Page		page;
		uint64		first_row;

		if (ref->open && probes == 0)
			at = high;			/* where new rows are */
		else if (probes < 4 && high_row > low_row && row >= low_row)
			at = low + (uint32) Min((row - low_row) * (high - low + 1) /
									(high_row - low_row), high - low);
		else
			at = low + (high - low) / 2;

		buffer = es_tail_read(rel, ref, at, strategy, mode);
		if (!BufferIsValid(buffer))
			return InvalidBuffer;
		page = BufferGetPage(buffer);
		first_row = EsPageGetSpecial(page)->first_row;
		*index = at;
		if (row >= first_row && row < es_page_next_row(page))
			return buffer;

		if (row < first_row)
		{
			high_row = first_row;
			UnlockReleaseBuffer(buffer);
			if (at == low)
				break;
			high = at - 1;
		}
		else
		{
			low_row = es_page_next_row(page);

			/* the end of an open run, as far as it goes now */
			if (ref->open && at == ref->unit.npages - 1 &&
				(EsPageGetSpecial(page)->flags & ES_PAGE_FLAG_CURRENT))
				return buffer;
			UnlockReleaseBuffer(buffer);
			low = at + 1;
		}
	}

	if (ref->open ? !es_open_run_moved(rel, ref) :
		!directory_moved(rel, ref->gen))
		es_report_corruption(rel, ref->unit.start,
							 "No page of the unit that begins here holds row " UINT64_FORMAT,
							 row);
	return InvalidBuffer;
}

/* ----------------------------------------------------------------
 * EsReader
 * ----------------------------------------------------------------
 */

void
es_reader_begin(EsReader *reader, Relation rel, EsJudge judge,
				Snapshot snapshot, BufferAccessStrategy strategy,
				uint64 low, uint64 high)
{
	reader->rel = rel;
	reader->judge = judge;
	reader->snapshot = snapshot;
	reader->strategy = strategy;
	reader->low = Max(low, ES_FIRST_ROW);
	reader->high = Max(high, reader->low);
	reader->have_unit = false;
	reader->have_page = false;
	reader->position = reader->low;
}

void
es_reader_seek(EsReader *reader, uint64 position)
{
	reader->position = Min(Max(position, reader->low), reader->high);
	if (!reader->have_page)
		return;
	if (reader->position < reader->page_first ||
		reader->position > reader->page_first + reader->page_nrows)
	{
		reader->have_page = false;
		return;
	}
	for (reader->next_offered = 0;
		 reader->next_offered < reader->noffered &&
		 reader->page_first + reader->offered[reader->next_offered] - 1 <
		 reader->position;
		 reader->next_offered++)
		;
}

/*
 * Can the snapshot see the row for sure, without asking?  Most rows of a scan
 * are of long committed transactions, with hint bits.
 */
static inline bool
surely_visible(HeapTupleHeader tuple, Snapshot snapshot)
{
	if ((tuple->t_infomask & (HEAP_XMIN_COMMITTED | HEAP_XMAX_INVALID)) !=
		(HEAP_XMIN_COMMITTED | HEAP_XMAX_INVALID))
		return false;
	return HeapTupleHeaderXminFrozen(tuple) ||
		TransactionIdPrecedes(HeapTupleHeaderGetRawXmin(tuple),
							  snapshot->xmin);
}

/*
 * Decide which rows of the locked page are offered, and copy it.
 */
static void
take_page(EsReader *reader, Buffer buffer)
{
	Page		page = BufferGetPage(buffer);
	bool		mvcc = reader->judge == ES_JUDGE_SNAPSHOT &&
		IsMVCCSnapshot(reader->snapshot);
	bool		serializable = mvcc &&
		CheckForSerializableConflictOutNeeded(reader->rel, reader->snapshot);
	HeapTupleData tuple;
	int			first;
	int			last;

	reader->block = BufferGetBlockNumber(buffer);
	reader->page_first = EsPageGetSpecial(page)->first_row;
	reader->page_nrows = PageGetMaxOffsetNumber(page);
	reader->index = EsPageGetSpecial(page)->index_in_unit;
	reader->noffered = 0;
	reader->next_offered = 0;
	first = 1;
	if (reader->low > reader->page_first)
		first = (int) (reader->low - reader->page_first) + 1;
	last = reader->page_nrows;
	if (reader->high < reader->page_first + reader->page_nrows)
		last = (int) (reader->high - reader->page_first);

	tuple.t_tableOid = RelationGetRelid(reader->rel);
	for (int off = first; off <= last; off++)
	{
		ItemId		item = PageGetItemId(page, off);
		bool		offer;

		if (!ItemIdIsUsed(item))
			continue;
		if (!es_item_is_sound(page, item) ||
			reader->noffered == ES_MAX_TAIL_ROWS)
			es_report_corruption(reader->rel, reader->block,
								 "Line pointer %d points outside the tuples",
								 off);
		tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
		if (mvcc && !serializable &&
			surely_visible(tuple.t_data, reader->snapshot))
		{
			reader->offered[reader->noffered++] = off;
			continue;
		}

		tuple.t_len = ItemIdGetLength(item);
		es_row_to_tid(reader->page_first + off - 1, &tuple.t_self);
		if (reader->judge == ES_JUDGE_VACUUM)
		{
			reader->verdict[reader->noffered] =
				HeapTupleSatisfiesVacuum(&tuple, reader->oldest_xmin, buffer);
			offer = true;
		}
		else
		{
			offer = HeapTupleSatisfiesVisibility(&tuple, reader->snapshot,
												 buffer);
			if (serializable)
				HeapCheckForSerializableConflictOut(offer, reader->rel, &tuple,
													buffer, reader->snapshot);
		}
		if (offer)
			reader->offered[reader->noffered++] = off;
	}

	memcpy(reader->copy.data, page, BLCKSZ);
	reader->have_page = true;
}

/*
 * The next page of the same run, if the walk just goes on to it; else
 * InvalidBuffer.  The pages of a run have all numbers between its first and its
 * last row.
 */
static Buffer
read_neighbour(EsReader *reader, uint64 row, bool forward)
{
	uint32		index;
	Buffer		buffer;
	Page		page;

	if (!reader->have_unit || !reader->have_page)
		return InvalidBuffer;
	if (forward)
	{
		if (row != reader->page_first + reader->page_nrows ||
			reader->index + 1 >= reader->at.unit.npages)
			return InvalidBuffer;
		index = reader->index + 1;
	}
	else
	{
		if (row != reader->page_first - 1 || reader->index == 0)
			return InvalidBuffer;
		index = reader->index - 1;
	}
	buffer = es_tail_read(reader->rel, &reader->at, index, reader->strategy,
						  BUFFER_LOCK_SHARE);
	if (!BufferIsValid(buffer))
		return InvalidBuffer;
	page = BufferGetPage(buffer);
	if ((forward ? EsPageGetSpecial(page)->first_row :
		 es_page_next_row(page) - 1) != row)
		es_report_corruption(reader->rel, BufferGetBlockNumber(buffer),
							 "Rows " UINT64_FORMAT " to " UINT64_FORMAT
							 " are here, and row " UINT64_FORMAT " is missing",
							 EsPageGetSpecial(page)->first_row,
							 es_page_next_row(page) - 1, row);
	return buffer;
}

/*
 * Load the page that row "row" is on, or else the nearest one in the direction
 * of the walk.  false: there is none within the bounds.
 */
static bool
load_page(EsReader *reader, uint64 row, bool forward)
{
	for (;;)
	{
		Buffer		buffer;
		uint32		index;
		EsUnit	   *unit = &reader->at.unit;

		CHECK_FOR_INTERRUPTS();
		buffer = read_neighbour(reader, row, forward);
		reader->have_page = false;
		if (!BufferIsValid(buffer))
		{
			reader->have_unit = es_directory_lookup(reader->rel, row, forward,
													&reader->at);
			if (!reader->have_unit)
				return false;
			if (row < unit->first_row)
				row = unit->first_row;
			else if (!reader->at.open && row - unit->first_row >= unit->span)
				row = unit->first_row + unit->span - 1;
			if (row >= reader->high || row < reader->low)
				return false;
			buffer = find_page(reader->rel, &reader->at, row, reader->strategy,
							   BUFFER_LOCK_SHARE, &index);
			if (!BufferIsValid(buffer))
				continue;
		}
		take_page(reader, buffer);
		UnlockReleaseBuffer(buffer);

		/*
		 * Go on behind a page without rows.  One is left where whoever began it
		 * failed before the first row; it may have another one behind it.
		 */
		if (reader->page_nrows > 0)
			return true;
		if (forward && reader->at.open &&
			reader->index + 1 >= reader->at.unit.npages)
			return false;
		if (!forward)
		{
			if (reader->page_first <= reader->low)
				return false;
			row = reader->page_first - 1;
		}
	}
}

HeapTuple
es_reader_next(EsReader *reader, bool forward, HTSV_Result *verdict)
{
	ItemId		item;
	int			at;
	uint64		row;

	for (;;)
	{
		if (reader->have_page)
		{
			if (forward && reader->next_offered < reader->noffered)
			{
				at = reader->next_offered++;
				break;
			}
			if (!forward && reader->next_offered > 0)
			{
				at = --reader->next_offered;
				break;
			}
			reader->position = forward ?
				reader->page_first + reader->page_nrows : reader->page_first;
		}

		if (forward)
		{
			if (reader->position >= reader->high ||
				!load_page(reader, reader->position, true))
			{
				reader->position = reader->high;
				reader->have_page = false;
				return NULL;
			}
			es_reader_seek(reader, Max(reader->position, reader->page_first));
		}
		else
		{
			if (reader->position <= reader->low ||
				!load_page(reader, reader->position - 1, false))
			{
				reader->position = reader->low;
				reader->have_page = false;
				return NULL;
			}
			es_reader_seek(reader, Min(reader->position,
									   reader->page_first + reader->page_nrows));
		}
	}

	row = reader->page_first + reader->offered[at] - 1;
	reader->position = forward ? row + 1 : row;
	item = PageGetItemId(reader->copy.data, reader->offered[at]);
	reader->tuple.t_data =
		(HeapTupleHeader) PageGetItem(reader->copy.data, item);
	reader->tuple.t_len = ItemIdGetLength(item);
	reader->tuple.t_tableOid = RelationGetRelid(reader->rel);
	es_row_to_tid(row, &reader->tuple.t_self);
	if (verdict != NULL)
		*verdict = reader->verdict[at];
	return &reader->tuple;
}

bool
es_reader_aim_at_block(EsReader *reader, BlockNumber block)
{
	Buffer		buffer = ReadBufferExtended(reader->rel, MAIN_FORKNUM, block,
											RBM_NORMAL, reader->strategy);
	Page		page = BufferGetPage(buffer);
	EsPageSpecial special;
	EsUnitRef	ref;
	uint64		first_row = 0;
	uint64		end_row = 0;
	uint64		unit_id = 0;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (es_page_check(page) == NULL)
	{
		special = EsPageGetSpecial(page);
		if (special->kind == ES_PAGE_TAIL)
		{
			first_row = special->first_row;
			end_row = es_page_next_row(page);
			unit_id = special->unit_id;
		}
	}
	UnlockReleaseBuffer(buffer);

	/* a page that no unit owns is free, or retired */
	if (end_row == first_row ||
		!es_directory_lookup(reader->rel, first_row, true, &ref) ||
		ref.unit.unit_id != unit_id)
		return false;
	reader->low = first_row;
	reader->high = end_row;
	es_reader_seek(reader, first_row);
	return true;
}

/* ----------------------------------------------------------------
 * EsFetch
 * ----------------------------------------------------------------
 */

void
es_fetch_begin(EsFetch *fetch, Relation rel)
{
	memset(fetch, 0, sizeof(EsFetch));
	fetch->rel = rel;
	fetch->block = InvalidBlockNumber;
}

Buffer
es_fetch_lock_page(EsFetch *fetch, uint64 row, int mode)
{
	for (;;)
	{
		Buffer		buffer;
		Page		page;
		uint32		index;

		CHECK_FOR_INTERRUPTS();

		/* the page that was used last */
		if (fetch->have_unit && BlockNumberIsValid(fetch->block) &&
			row >= fetch->page_first &&
			row < fetch->page_first + fetch->page_nrows)
		{
			buffer = es_tail_read(fetch->rel, &fetch->at, fetch->index, NULL,
								  mode);
			if (BufferIsValid(buffer))
				return buffer;
		}

		fetch->block = InvalidBlockNumber;
		fetch->have_unit = es_directory_lookup(fetch->rel, row, true,
											   &fetch->at);
		if (!fetch->have_unit || row < fetch->at.unit.first_row)
			return InvalidBuffer;
		buffer = find_page(fetch->rel, &fetch->at, row, NULL, mode, &index);
		if (!BufferIsValid(buffer))
			continue;

		page = BufferGetPage(buffer);
		fetch->block = fetch->at.unit.start + index;
		fetch->index = index;
		fetch->page_first = EsPageGetSpecial(page)->first_row;
		fetch->page_nrows = PageGetMaxOffsetNumber(page);
		if (row >= fetch->page_first + fetch->page_nrows)
		{
			/* beyond the end of the open run */
			UnlockReleaseBuffer(buffer);
			return InvalidBuffer;
		}
		return buffer;
	}
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
	Buffer		buffer = InvalidBuffer;
	HeapTupleData tuple;
	HeapTuple	result = NULL;
	bool		visible;

	if (dead != NULL)
		*dead = false;
	if (row >= ES_FIRST_ROW && row <= ES_MAX_ROW)
		buffer = es_fetch_lock_page(fetch, row, BUFFER_LOCK_SHARE);
	if (!BufferIsValid(buffer))
	{
		if (dead != NULL)
			*dead = has_passed(fetch->rel, row);
		return NULL;
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
	Buffer		buffer = InvalidBuffer;
	HeapTupleData found;
	TM_Result	result = TM_Invisible;

	*tuple = NULL;
	if (row >= ES_FIRST_ROW && row <= ES_MAX_ROW)
		buffer = es_fetch_lock_page(fetch, row, BUFFER_LOCK_SHARE);
	if (!BufferIsValid(buffer))
		return TM_Invisible;
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
	Buffer		buffer = InvalidBuffer;
	HeapTupleData tuple;
	bool		dead = false;

	if (row >= ES_FIRST_ROW && row <= ES_MAX_ROW)
		buffer = es_fetch_lock_page(fetch, row, BUFFER_LOCK_SHARE);
	if (!BufferIsValid(buffer))
		return has_passed(fetch->rel, row);
	if (point_at_row(fetch, buffer, row, &tuple))
		dead = HeapTupleIsSurelyDead(&tuple, GlobalVisTestFor(fetch->rel));
	else
		dead = true;
	UnlockReleaseBuffer(buffer);
	return dead;
}
