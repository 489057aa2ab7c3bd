/*-------------------------------------------------------------------------
 *
 * es_store_read.c
 *	  Rows out: pages that are read, and walks by number.
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
#include "utils/memutils.h"

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
bool
es_directory_moved(Relation rel, uint64 gen)
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
		special->index_in_unit != ref->unit.first_page + index)
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
	if (!es_directory_moved(rel, ref->gen))
		es_report_corruption(rel, block, "%s", problem);
	return InvalidBuffer;
}

/*
 * Pages hold about equally many rows, so guess by the rows that are left, and halve
 * when guesses do not help.
 */
Buffer
es_tail_find(Relation rel, const EsUnitRef *ref, uint64 row,
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
		!es_directory_moved(rel, ref->gen))
		es_report_corruption(rel, ref->unit.start,
							 "No page of the unit that begins here holds row " UINT64_FORMAT,
							 row);
	return InvalidBuffer;
}

/* ----------------------------------------------------------------
 * EsReader
 * ----------------------------------------------------------------
 */

static void
close_batch(EsReader *reader)
{
	if (reader->formed != NULL)
		heap_freetuple(reader->formed);
	reader->formed = NULL;
	if (reader->picked != NULL)
		pfree(reader->picked);
	reader->picked = NULL;
	if (reader->batch != NULL)
		es_batch_close(reader->batch);
	reader->batch = NULL;
}

void
es_reader_begin(EsReader *reader, Relation rel, EsJudge judge,
				Snapshot snapshot, BufferAccessStrategy strategy,
				uint64 low, uint64 high)
{
	/* a batch that is open reads through the strategy, which may be gone */
	if (reader->batch != NULL && reader->strategy != strategy)
		close_batch(reader);
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
es_reader_end(EsReader *reader)
{
	close_batch(reader);
	reader->have_page = false;
}

/*
 * Index in the batch of the row that is offered as "at".
 */
static inline uint32
index_offered(EsReader *reader, int at)
{
	return reader->picked != NULL ? reader->picked[at] :
		reader->first_index + at;
}

/* Number of the row that is offered as "at". */
static inline uint64
row_offered(EsReader *reader, int at)
{
	if (reader->in_batch)
		return es_batch_row(reader->batch, index_offered(reader, at));
	return reader->page_first + reader->offered[at] - 1;
}

void
es_reader_seek(EsReader *reader, uint64 position)
{
	int			low = 0;
	int			high = reader->noffered;

	reader->position = Min(Max(position, reader->low), reader->high);
	if (!reader->have_page)
		return;
	if (reader->position < reader->page_first ||
		reader->position > reader->page_first + reader->page_nrows)
	{
		reader->have_page = false;
		return;
	}

	/* the first row offered that is not below the position */
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (row_offered(reader, middle) < reader->position)
			low = middle + 1;
		else
			high = middle;
	}
	reader->next_offered = low;
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

	reader->in_batch = false;
	reader->block = BufferGetBlockNumber(buffer);
	reader->page_first = EsPageGetSpecial(page)->first_row;
	reader->page_nrows = PageGetMaxOffsetNumber(page);
	reader->index = reader->block - reader->at.unit.start;
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
 * Open the batch of the unit at hand, unless it is open, and decide which of its
 * rows are offered.  false: it is gone.
 */
static bool
take_batch(EsReader *reader)
{
	EsUnit	   *unit = &reader->at.unit;
	EsBatch    *batch;
	uint32		end;
	bool		visible = true;
	bool		damaged;

	if (reader->batch == NULL || !es_batch_is_of(reader->batch, unit))
	{
		close_batch(reader);
		reader->batch = es_batch_open_sound(reader->rel, &reader->at,
											reader->strategy,
											GetMemoryChunkContext(reader),
											&damaged);
		if (damaged)
		{
			reader->in_batch = true;
			reader->page_first = unit->first_row;
			reader->page_nrows = unit->span;
			reader->noffered = reader->next_offered = 0;
			reader->batch_verdict = HEAPTUPLE_LIVE;
			reader->have_page = true;
			return true;
		}
		if (reader->batch == NULL)
			return false;
	}
	if (reader->picked != NULL)
		pfree(reader->picked);
	reader->picked = NULL;

	batch = reader->batch;
	reader->batch_verdict = HEAPTUPLE_LIVE;
	if (es_batch_is_load(batch))
	{
		if (!(reader->judge == ES_JUDGE_SNAPSHOT ?
			  es_batch_load_is_visible(batch, reader->snapshot, &visible) :
			  es_batch_load_verdict(batch, reader->oldest_xmin,
									&reader->batch_verdict)))
		{
			close_batch(reader);
			return false;
		}
	}
	reader->in_batch = true;
	reader->page_first = unit->first_row;
	reader->page_nrows = unit->span;
	reader->next_offered = 0;
	reader->first_index = es_batch_search(batch, reader->low);
	end = es_batch_search(batch, reader->high);
	reader->noffered = visible ? end - reader->first_index : 0;
	if (reader->judge == ES_JUDGE_SNAPSHOT && !es_batch_is_load(batch) &&
		!es_batch_is_visible(batch, reader->snapshot))
	{
		int			n = 0;

		reader->picked = (uint32 *)
			MemoryContextAlloc(GetMemoryChunkContext(reader),
							   Max(reader->noffered, 1) * sizeof(uint32));
		for (uint32 i = reader->first_index; i < end; i++)
		{
			if (es_batch_row_is_visible(batch, i, reader->snapshot))
				reader->picked[n++] = i;
			else
				es_batch_conflict_out(batch, i, reader->snapshot);
		}
		reader->noffered = n;
	}
	reader->have_page = true;
	return true;
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

	if (!reader->have_unit || !reader->have_page || reader->in_batch)
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
			if (unit->kind == ES_UNIT_BATCH)
			{
				if (take_batch(reader))
					return true;
				continue;
			}
			buffer = es_tail_find(reader->rel, &reader->at, row, reader->strategy,
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

bool
es_reader_step(EsReader *reader, bool forward, HTSV_Result *verdict)
{
	int			at;

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
				return false;
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
				return false;
			}
			es_reader_seek(reader, Min(reader->position,
									   reader->page_first + reader->page_nrows));
		}
	}

	reader->row = row_offered(reader, at);
	reader->position = forward ? reader->row + 1 : reader->row;
	if (reader->in_batch)
	{
		reader->batch_index = index_offered(reader, at);
		if (reader->formed != NULL)
			heap_freetuple(reader->formed);
		reader->formed = NULL;
		if (verdict != NULL)
			*verdict = reader->batch_verdict;
	}
	else
	{
		ItemId		item = PageGetItemId(reader->copy.data,
										 reader->offered[at]);

		reader->tuple.t_data =
			(HeapTupleHeader) PageGetItem(reader->copy.data, item);
		reader->tuple.t_len = ItemIdGetLength(item);
		reader->tuple.t_tableOid = RelationGetRelid(reader->rel);
		es_row_to_tid(reader->row, &reader->tuple.t_self);
		if (verdict != NULL)
			*verdict = reader->verdict[at];
	}
	return true;
}

HeapTuple
es_reader_tuple(EsReader *reader)
{
	if (!reader->in_batch)
		return &reader->tuple;
	if (reader->formed == NULL)
	{
		MemoryContext old =
			MemoryContextSwitchTo(GetMemoryChunkContext(reader));

		reader->formed = es_batch_tuple(reader->batch, reader->batch_index);
		MemoryContextSwitchTo(old);
	}
	return reader->formed;
}

uint64
es_reader_xid(EsReader *reader)
{
	HeapTupleHeader header = reader->tuple.t_data;

	if (reader->in_batch)
		return es_batch_xid(reader->batch, reader->batch_index);
	if (HeapTupleHeaderXminFrozen(header))
		return 0;
	return es_full_xid(ReadNextFullTransactionId(),
					   HeapTupleHeaderGetRawXmin(header));
}

TransactionId
es_reader_xmin(EsReader *reader)
{
	uint64		xid;

	if (!reader->in_batch)
		return HeapTupleHeaderGetXmin(reader->tuple.t_data);
	xid = es_batch_xid(reader->batch, reader->batch_index);
	return xid == 0 ? FrozenTransactionId : (TransactionId) xid;
}

bool
es_reader_page_is_open(const EsReader *reader)
{
	if (reader->in_batch)
		return reader->batch_verdict != HEAPTUPLE_LIVE &&
			reader->batch_verdict != HEAPTUPLE_DEAD;
	for (int i = 0; i < reader->noffered; i++)
		if (reader->verdict[i] != HEAPTUPLE_LIVE &&
			reader->verdict[i] != HEAPTUPLE_DEAD)
			return true;
	return false;
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
	uint32		index = 0;
	bool		in_batch = false;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (es_page_check(page) == NULL)
	{
		special = EsPageGetSpecial(page);
		in_batch = special->kind == ES_PAGE_BATCH;
		if (special->kind == ES_PAGE_TAIL || in_batch)
		{
			first_row = special->first_row;
			end_row = in_batch ? first_row + 1 : es_page_next_row(page);
			unit_id = special->unit_id;
			index = special->index_in_unit;
		}
	}
	UnlockReleaseBuffer(buffer);

	/* a page that no unit owns is free, or retired */
	if (end_row == first_row ||
		!es_directory_lookup(reader->rel, first_row, true, &ref) ||
		ref.unit.unit_id != unit_id)
		return false;
	if (in_batch)
	{
		/* its share of the batch's row numbers */
		if (ref.unit.kind != ES_UNIT_BATCH || index >= ref.unit.npages)
			return false;
		end_row = first_row +
			(uint64) ref.unit.span * (index + 1) / ref.unit.npages;
		first_row += (uint64) ref.unit.span * index / ref.unit.npages;
		if (end_row == first_row)
			return false;
	}
	reader->low = first_row;
	reader->high = end_row;
	es_reader_seek(reader, first_row);
	return true;
}
