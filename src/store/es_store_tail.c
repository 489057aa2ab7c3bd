/*-------------------------------------------------------------------------
 *
 * es_store_tail.c
 *	  Rows in: numbers are drawn and rows written, at the end of the tail.
 *
 * One page of a table is the current one: rows are added there and nowhere else,
 * in number order.  A row's number is drawn and the row can be found in one
 * critical section and one WAL record, under that page's exclusive lock: at no
 * moment is a number taken and its row not there.
 *
 * When the page is full, ADVANCE makes another page the current one, under the
 * metapage's lock.  The metapage comes before tail pages in the lock order, so
 * whoever finds the page full lets go of it, takes the metapage, and looks again.
 *
 * IDENTIFICATION
 *	  src/store/es_store_tail.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/lsyscache.h"

#include "base/es_config.h"
#include "base/es_corrupt.h"
#include "base/es_stoppoint.h"
#include "eventstore.h"
#include "format/es_format_check.h"
#include "store/es_store_internal.h"

/* A given number at most this far ahead leaves unused line pointers, no page. */
#define MAX_SKIPPED_POINTERS	64

/* ----------------------------------------------------------------
 * The current page
 * ----------------------------------------------------------------
 */

/*
 * Are rows added to this page, as the end of the run?  If the page numbered its
 * rows otherwise, new ones would get numbers that others have.
 */
static bool
is_current(Buffer buffer, const EsOpenRun *open)
{
	EsPageSpecial special = EsPageGetSpecial(BufferGetPage(buffer));

	return special->kind == ES_PAGE_TAIL &&
		(special->flags & ES_PAGE_FLAG_CURRENT) != 0 &&
		special->unit_id == open->unit_id &&
		special->index_in_unit == open->npages - 1 &&
		special->first_row >= open->first_row &&
		special->first_row - open->first_row <=
		(uint64) special->index_in_unit * MaxOffsetNumber;
}

void
es_check_current(Relation rel, Buffer buffer, const EsOpenRun *open)
{
	if (!is_current(buffer, open))
		es_report_corruption(rel, BufferGetBlockNumber(buffer),
							 "The metapage says that rows are added here, the page does not");
}

/*
 * The same with the metapage locked, so that the current page cannot move: for a
 * block that was not the current page and may have become it since.
 */
static Buffer
lock_current_page_firmly(Relation rel, BlockNumber *seen,
						 BufferAccessStrategy strategy)
{
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
	Buffer		buffer = InvalidBuffer;
	EsMeta		meta = EsPageGetMeta(BufferGetPage(metabuf));

	*seen = InvalidBlockNumber;
	if (meta->open.npages > 0)
	{
		*seen = meta->open.current_block;
		buffer = es_page_read(rel, *seen, strategy, BUFFER_LOCK_EXCLUSIVE);
		es_check_current(rel, buffer, &meta->open);
	}
	es_meta_remember(rel, meta);
	UnlockReleaseBuffer(metabuf);
	return buffer;
}

/*
 * Lock the current page exclusively.  InvalidBuffer: there is none, or the table
 * is empty.  *seen: its block.
 *
 * What is remembered may be of a run that is gone since: then its block is free, and
 * holds anything, or is something else.
 */
static Buffer
lock_current_page(Relation rel, BlockNumber *seen,
				  BufferAccessStrategy strategy)
{
	BlockNumber refused = InvalidBlockNumber;

	for (;;)
	{
		EsRelationCache *cache = es_store_cache(rel);
		EsOpenRun	open;
		EsUnitRef	ref;
		Buffer		buffer;

		if (!cache->have_meta || !BlockNumberIsValid(cache->current_block))
		{
			Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);

			*seen = InvalidBlockNumber;
			if (!BufferIsValid(metabuf))
				return InvalidBuffer;
			es_meta_remember(rel, EsPageGetMeta(BufferGetPage(metabuf)));
			UnlockReleaseBuffer(metabuf);
			cache = es_store_cache(rel);
			if (!BlockNumberIsValid(cache->current_block))
				return InvalidBuffer;
			if (cache->current_block == refused)
				return lock_current_page_firmly(rel, seen, strategy);
		}

		*seen = cache->current_block;
		open = cache->open;
		es_set_open_ref(&ref, &open, cache->gen);
		buffer = es_tail_read(rel, &ref, open.npages - 1, strategy,
							  BUFFER_LOCK_EXCLUSIVE);
		if (BufferIsValid(buffer))
		{
			if (is_current(buffer, &open))
				return buffer;
			UnlockReleaseBuffer(buffer);
		}
		refused = *seen;
		es_store_cache(rel)->current_block = InvalidBlockNumber;
	}
}

static void
log_new_tail(const xl_es_new_tail *xlrec, Buffer metabuf, Buffer oldbuf,
			 Buffer newbuf)
{
	XLogRecPtr	lsn;

	XLogBeginInsert();
	XLogRegisterBuffer(0, metabuf, REGBUF_STANDARD);
	if (BufferIsValid(oldbuf))
		XLogRegisterBuffer(1, oldbuf, REGBUF_STANDARD);
	if (BufferIsValid(newbuf))
		XLogRegisterBuffer(2, newbuf, REGBUF_STANDARD | REGBUF_WILL_INIT);
	XLogRegisterData((char *) xlrec, SizeOfEsNewTail);
	lsn = XLogInsert(ES_RMGR_ID, XLOG_ES_NEW_TAIL);

	PageSetLSN(BufferGetPage(metabuf), lsn);
	if (BufferIsValid(oldbuf))
		PageSetLSN(BufferGetPage(oldbuf), lsn);
	if (BufferIsValid(newbuf))
		PageSetLSN(BufferGetPage(newbuf), lsn);
}

/*
 * Do NEW_TAIL to locked pages.
 */
static void
write_new_tail(Relation rel, const xl_es_new_tail *xlrec, Buffer metabuf,
			   Buffer oldbuf, Buffer newbuf)
{
	START_CRIT_SECTION();
	es_apply_new_tail_meta(BufferGetPage(metabuf), xlrec);
	MarkBufferDirty(metabuf);
	if (BufferIsValid(oldbuf))
	{
		es_apply_new_tail_old(BufferGetPage(oldbuf));
		MarkBufferDirty(oldbuf);
	}
	if (BufferIsValid(newbuf))
	{
		es_apply_new_tail_page(BufferGetPage(newbuf), xlrec);
		MarkBufferDirty(newbuf);
	}
	ES_STOP_POINT("advance-before-wal");
	if (RelationNeedsWAL(rel))
		log_new_tail(xlrec, metabuf, oldbuf, newbuf);
	ES_STOP_POINT("advance-after-wal");
	END_CRIT_SECTION();
}

/*
 * Blocks to keep ready for the next tail pages: an eighth of what there is, so
 * that large tables have contiguous runs and small ones no slack.
 */
static uint32
reserve_size(const EsMetaData *meta)
{
	uint64		pages = (uint64) meta->counters.unit_blocks + meta->open.npages;

	return (uint32) Min(Max(pages / 8, 1), 64);
}

/*
 * Decide where the next page goes: continue the run or begin another one.
 */
static void
plan_new_page(EsMeta meta, uint64 next_row, uint64 first_row, uint32 nrows,
			  xl_es_new_tail *xlrec)
{
	BlockNumber run_end = meta->open.start + meta->open.npages;
	EsExtent	reserve = meta->reserve;

	xlrec->version = ES_WAL_VERSION;
	xlrec->flags = ES_NEW_TAIL_PAGE;
	xlrec->first_row = first_row;
	if (reserve.len == 0)
	{
		reserve = es_space_choose(meta, meta->open.npages > 0 ?
								  run_end : InvalidBlockNumber,
								  reserve_size(meta));
		xlrec->flags |= ES_NEW_TAIL_REFILL;
		xlrec->reserve_start = reserve.start;
		xlrec->reserve_len = reserve.len;
	}
	xlrec->block = reserve.start;

	if (meta->open.npages > 0)
		xlrec->flags |= ES_NEW_TAIL_OLD;
	if (meta->open.npages > 0 && first_row == next_row &&
		meta->open.npages < (uint32) es_run_pages && reserve.start == run_end)
	{
		xlrec->unit_id = meta->open.unit_id;
		xlrec->index_in_unit = meta->open.npages;
		return;
	}
	if (meta->open.npages > 0)
	{
		xlrec->flags |= ES_NEW_TAIL_CLOSE;
		xlrec->end_row = next_row;
		xlrec->nrows = nrows;
	}
	xlrec->flags |= ES_NEW_TAIL_RUN;
	xlrec->unit_id = meta->next_unit_id;
	xlrec->index_in_unit = 0;
}

/*
 * ADVANCE: make another page the current one, unless "seen" (Invalid: none) has
 * stopped to be it.  given_row: the number that the new page begins with; 0: the next
 * one.  keep: return the new page locked; else, or if nothing was done,
 * InvalidBuffer.  strategy: as in es_store_put_rows.
 */
static Buffer
advance(Relation rel, BlockNumber seen, uint64 given_row, bool keep,
		BufferAccessStrategy strategy)
{
	for (;;)
	{
		Buffer		metabuf;
		Buffer		oldbuf = InvalidBuffer;
		Buffer		newbuf;
		EsMeta		meta;
		uint64		next_row;
		uint64		run_first;
		uint32		need;
		BlockNumber alloc_end;
		xl_es_new_tail xlrec;

		CHECK_FOR_INTERRUPTS();
		ES_STOP_POINT("advance-before-lock");

		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
		if (!BufferIsValid(metabuf))
		{
			es_meta_create(rel);
			continue;
		}
		meta = EsPageGetMeta(BufferGetPage(metabuf));
		alloc_end = meta->alloc_end;
		need = (meta->reserve.len == 0 ? reserve_size(meta) : 0) +
			(es_directory_is_full(meta) ? ES_FLUSH_PAGES : 0);
		UnlockReleaseBuffer(metabuf);
		es_space_extend(rel, alloc_end, need, strategy);

		metabuf = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
		if (!BufferIsValid(metabuf))
			continue;
		meta = EsPageGetMeta(BufferGetPage(metabuf));
		if (seen != (meta->open.npages > 0 ?
					 meta->open.current_block : InvalidBlockNumber))
		{
			es_meta_remember(rel, meta);
			UnlockReleaseBuffer(metabuf);
			return InvalidBuffer;
		}

		need = (meta->reserve.len == 0 ? reserve_size(meta) : 0) +
			(es_directory_is_full(meta) ? ES_FLUSH_PAGES : 0);
		if (!es_space_suffices(rel, meta, need))
		{
			UnlockReleaseBuffer(metabuf);
			continue;
		}
		if (es_directory_is_full(meta))
			es_directory_flush(rel, metabuf, ES_FLUSH_UNITS);

		next_row = meta->next_row;
		run_first = next_row;
		if (meta->open.npages > 0)
		{
			oldbuf = es_page_read(rel, seen, strategy, BUFFER_LOCK_EXCLUSIVE);
			es_check_current(rel, oldbuf, &meta->open);
			next_row = es_page_next_row(BufferGetPage(oldbuf));
			run_first = meta->open.first_row;
		}
		if (given_row != 0 && given_row < next_row)
		{
			/* others were quicker: the caller finds out what that means */
			if (BufferIsValid(oldbuf))
				UnlockReleaseBuffer(oldbuf);
			es_meta_remember(rel, meta);
			UnlockReleaseBuffer(metabuf);
			return InvalidBuffer;
		}

		if (next_row > ES_MAX_ROW)
		{
			if (BufferIsValid(oldbuf))
				UnlockReleaseBuffer(oldbuf);
			UnlockReleaseBuffer(metabuf);
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("relation \"%s\" cannot have more than " UINT64_FORMAT " positions",
							es_store_table_name(rel), ES_MAX_ROW)));
		}

		memset(&xlrec, 0, sizeof(xlrec));
		plan_new_page(meta, next_row, given_row != 0 ? given_row : next_row,
					  (uint32) (next_row - run_first), &xlrec);
		newbuf = ReadBufferExtended(rel, MAIN_FORKNUM, xlrec.block,
									RBM_ZERO_AND_LOCK, strategy);
		write_new_tail(rel, &xlrec, metabuf, oldbuf, newbuf);

		if (BufferIsValid(oldbuf))
			UnlockReleaseBuffer(oldbuf);
		es_meta_remember(rel, meta);
		UnlockReleaseBuffer(metabuf);
		if (keep)
			return newbuf;
		UnlockReleaseBuffer(newbuf);
		return InvalidBuffer;
	}
}

Buffer
es_tail_new_page(Relation rel, uint64 row)
{
	for (;;)
	{
		BlockNumber seen;
		Buffer		buffer = lock_current_page(rel, &seen, NULL);

		if (BufferIsValid(buffer))
			UnlockReleaseBuffer(buffer);
		buffer = advance(rel, seen, row, true, NULL);
		if (BufferIsValid(buffer))
			return buffer;
	}
}

void
es_tail_close_run(Relation rel, BlockNumber block)
{
	for (;;)
	{
		Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
		Buffer		oldbuf;
		EsMeta		meta;
		BlockNumber alloc_end;
		xl_es_new_tail xlrec;

		if (!BufferIsValid(metabuf))
			return;
		alloc_end = EsPageGetMeta(BufferGetPage(metabuf))->alloc_end;
		UnlockReleaseBuffer(metabuf);
		es_space_extend(rel, alloc_end, ES_FLUSH_PAGES, NULL);

		metabuf = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
		meta = EsPageGetMeta(BufferGetPage(metabuf));
		if (meta->open.npages == 0 || meta->open.current_block != block)
		{
			UnlockReleaseBuffer(metabuf);
			return;
		}
		if (es_directory_is_full(meta))
		{
			if (!es_space_suffices(rel, meta, ES_FLUSH_PAGES))
			{
				UnlockReleaseBuffer(metabuf);
				continue;
			}
			es_directory_flush(rel, metabuf, ES_FLUSH_UNITS);
		}

		oldbuf = es_page_read(rel, block, NULL, BUFFER_LOCK_EXCLUSIVE);
		es_check_current(rel, oldbuf, &meta->open);
		memset(&xlrec, 0, sizeof(xlrec));
		xlrec.version = ES_WAL_VERSION;
		xlrec.flags = ES_NEW_TAIL_OLD | ES_NEW_TAIL_CLOSE;
		xlrec.end_row = es_page_next_row(BufferGetPage(oldbuf));
		xlrec.first_row = xlrec.end_row;
		xlrec.nrows = (uint32) (xlrec.end_row - meta->open.first_row);
		write_new_tail(rel, &xlrec, metabuf, oldbuf, InvalidBuffer);
		UnlockReleaseBuffer(oldbuf);
		es_meta_remember(rel, meta);
		UnlockReleaseBuffer(metabuf);
		return;
	}
}

/* ----------------------------------------------------------------
 * Adding rows
 * ----------------------------------------------------------------
 */

void
es_store_make_id(const uint8 key[ES_SIPHASH_KEY_BYTES], uint64 row, uint64 ms,
				 uint8 id[16])
{
	uint64		hash[2];

	es_siphash128(&row, sizeof(row), key, hash);
	for (int i = 0; i < 6; i++)
		id[i] = (uint8) (ms >> (40 - 8 * i));
	for (int i = 0; i < 2; i++)
		id[6 + i] = (uint8) (hash[0] >> (8 * i));
	for (int i = 0; i < 8; i++)
		id[8 + i] = (uint8) (hash[1] >> (8 * i));
	id[6] = (id[6] & 0x0f) | 0x70;	/* version 7 */
	id[8] = (id[8] & 0x3f) | 0x80;	/* variant of RFC 9562 */
}

/*
 * Write the values that depend on the row number into the tuple.
 */
void
es_fill_in_row(EsNewRow *row, uint64 number, const uint8 *id_key)
{
	char	   *data = (char *) row->tuple->t_data;

	row->row = number;
	if (row->position_at != 0)
		memcpy(data + row->position_at, &number, sizeof(number));
	if (row->event_id_at != 0)
		es_store_make_id(id_key, number, row->event_id_ms,
						 (uint8 *) data + row->event_id_at);
	es_row_to_tid(number, &row->tuple->t_self);
	row->tuple->t_data->t_ctid = row->tuple->t_self;
}

/*
 * Which number does a row get, if the next one is "next"?  0: none.
 */
static uint64
choose_number(const EsNewRow *row, uint64 next, int flags)
{
	uint64		number = next;

	if (row->given_row > next)
	{
		if (!(flags & ES_PUT_MAY_JUMP))
			return 0;
		number = row->given_row;
	}
	else if (row->given_row != 0 && row->given_row < next &&
			 !(flags & ES_PUT_RENUMBER))
		return 0;
	return number <= ES_MAX_ROW ? number : 0;
}

const char *
es_store_table_name(Relation rel)
{
	const char *name = NULL;

	if (OidIsValid(rel->rd_rel->relrewrite))
		name = get_rel_name(rel->rd_rel->relrewrite);
	return name != NULL ? name : RelationGetRelationName(rel);
}

/*
 * Say why a row cannot have the number that it was given.
 */
void
es_report_number(Relation rel, const EsNewRow *row, uint64 next)
{
	const char *name = es_store_table_name(rel);

	if (row->given_row > next && next <= ES_MAX_ROW)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of relation \"%s\" to choose a position",
						name),
				 errdetail("Position " UINT64_FORMAT " was given, the next one is "
						   UINT64_FORMAT ".", row->given_row, next),
				 errhint("Leave the column out, and the next position is assigned.")));
	if (row->given_row != 0 && row->given_row < next)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("position " UINT64_FORMAT " of relation \"%s\" has already passed",
						row->given_row, name),
				 errdetail("The next position is " UINT64_FORMAT ".", next),
				 errhint("Insert rows in the order of their positions, or leave the column out.")));
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("relation \"%s\" cannot have more than " UINT64_FORMAT " positions",
					name, ES_MAX_ROW)));
}

/*
 * How many of the rows go to this page, at consecutive line pointers from *offset
 * on?  Gives them their numbers.  0: the first one needs another page.  -1: it
 * cannot have the number that it was given.
 */
static int
place_rows(Relation rel, Page page, EsNewRow *rows, int nrows, int flags,
		   OffsetNumber *offset)
{
	uint64		first_row = EsPageGetSpecial(page)->first_row;
	uint64		next = es_page_next_row(page);
	Size		room = es_tail_room(page);
	const uint8 *id_key = es_store_cache(rel)->id_key;
	int			placed = 0;

	while (placed < nrows)
	{
		EsNewRow   *row = &rows[placed];
		uint64		number = choose_number(row, next, flags);
		Size		need = MAXALIGN(row->tuple->t_len) + sizeof(ItemIdData);

		/* the rows before it go in first; then it is found again */
		if (number == 0)
			return placed > 0 ? placed : -1;
		if (number != next)
		{
			if (placed > 0 || number - next > MAX_SKIPPED_POINTERS)
				break;
			need += (number - next) * sizeof(ItemIdData);
		}
		if (need > room)
			break;
		room -= need;
		if (placed == 0)
			*offset = (OffsetNumber) (number - first_row + 1);
		es_fill_in_row(row, number, id_key);
		next = number + 1;
		placed++;
	}
	return placed;
}

static void
set_row_image(xl_es_row *image, HeapTuple tuple)
{
	image->datalen = tuple->t_len - SizeofHeapTupleHeader;
	image->infomask2 = tuple->t_data->t_infomask2;
	image->infomask = tuple->t_data->t_infomask;
	image->hoff = tuple->t_data->t_hoff;
}

static XLogRecPtr
log_insert(Buffer buffer, const EsNewRow *row, OffsetNumber offset,
		   uint8 flags)
{
	xl_es_insert xlrec;
	xl_es_row	image;

	xlrec.version = ES_WAL_VERSION;
	xlrec.flags = flags;
	xlrec.offset = offset;
	set_row_image(&image, row->tuple);

	XLogBeginInsert();
	XLogRegisterBuffer(0, buffer, REGBUF_STANDARD);
	XLogRegisterData((char *) &xlrec, SizeOfEsInsert);
	XLogRegisterData((char *) &image, SizeOfEsRow);
	XLogRegisterData((char *) row->tuple->t_data + SizeofHeapTupleHeader,
					 image.datalen);
	XLogSetRecordFlags(XLOG_INCLUDE_ORIGIN);
	return XLogInsert(ES_RMGR_ID, XLOG_ES_INSERT);
}

/*
 * "scratch" holds a page: row images are smaller than the tuples with their line
 * pointers.
 */
static XLogRecPtr
log_multi(Buffer buffer, const EsNewRow *rows, int nrows, OffsetNumber offset,
		  uint8 flags, char *scratch)
{
	xl_es_multi xlrec;
	char	   *p = scratch;

	memset(&xlrec, 0, sizeof(xlrec));
	xlrec.version = ES_WAL_VERSION;
	xlrec.flags = flags;
	xlrec.offset = offset;
	xlrec.nrows = nrows;
	for (int i = 0; i < nrows; i++)
	{
		xl_es_row	image;

		set_row_image(&image, rows[i].tuple);
		memcpy(p, &image, SizeOfEsRow);
		p += SizeOfEsRow;
		memcpy(p, (char *) rows[i].tuple->t_data + SizeofHeapTupleHeader,
			   image.datalen);
		p += image.datalen;
	}
	Assert(p - scratch <= BLCKSZ);

	XLogBeginInsert();
	XLogRegisterBuffer(0, buffer, REGBUF_STANDARD);
	XLogRegisterData((char *) &xlrec, SizeOfEsMulti);
	XLogRegisterData(scratch, p - scratch);
	XLogSetRecordFlags(XLOG_INCLUDE_ORIGIN);
	return XLogInsert(ES_RMGR_ID, XLOG_ES_MULTI);
}

/*
 * Write placed rows into the current page, which is locked.
 */
static void
write_rows(Relation rel, Buffer buffer, EsNewRow *rows, int nrows,
		   OffsetNumber offset, uint8 flags, uint32 token)
{
	Page		page = BufferGetPage(buffer);
	PGAlignedBlock scratch;

	/*
	 * A serializable reader of the whole table took its lock before it read how
	 * far the table goes; so it is found here, or it sees this row's page.
	 */
	CheckForSerializableConflictIn(rel, NULL, InvalidBlockNumber);

	START_CRIT_SECTION();
	for (int i = 0; i < nrows; i++)
	{
		HeapTupleHeader header = rows[i].tuple->t_data;

		if (token != 0)
			HeapTupleHeaderSetSpeculativeToken(header, token);
		if (!es_apply_row(page, offset + i, header, rows[i].tuple->t_len))
			elog(PANIC, "could not add a row to a tail page that has room");
		if (token != 0)
			header->t_ctid = rows[i].tuple->t_self;
	}
	MarkBufferDirty(buffer);

	if (nrows == 1)
		ES_STOP_POINT("tail-before-wal");
	else
		ES_STOP_POINT("multi-before-wal");
	if (RelationNeedsWAL(rel))
	{
		XLogRecPtr	lsn;

		if (nrows == 1)
			lsn = log_insert(buffer, rows, offset, flags);
		else
			lsn = log_multi(buffer, rows, nrows, offset, flags, scratch.data);
		PageSetLSN(page, lsn);
	}
	if (nrows == 1)
		ES_STOP_POINT("tail-after-wal");
	else
		ES_STOP_POINT("multi-after-wal");
	END_CRIT_SECTION();
}

static void
put_rows(Relation rel, EsNewRow *rows, int nrows, int flags, uint32 token,
		 BufferAccessStrategy strategy)
{
	int			done = 0;

	Assert(TransactionIdIsValid(GetCurrentTransactionIdIfAny()));
	for (int i = 0; i < nrows; i++)
		if (rows[i].tuple->t_len > ES_MAX_TAIL_TUPLE)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("row is too big: size %zu, maximum size %zu",
							(Size) rows[i].tuple->t_len,
							(Size) ES_MAX_TAIL_TUPLE)));

	ES_STOP_POINT("tail-before-lock");
	while (done < nrows)
	{
		BlockNumber seen;
		Buffer		buffer;
		OffsetNumber offset = InvalidOffsetNumber;
		int			placed;
		uint8		record_flags = 0;
		uint64		jump = 0;

		CHECK_FOR_INTERRUPTS();
		buffer = lock_current_page(rel, &seen, strategy);
		if (!BufferIsValid(buffer))
		{
			(void) advance(rel, seen, 0, false, strategy);
			continue;
		}

		placed = place_rows(rel, BufferGetPage(buffer), rows + done,
							nrows - done, flags, &offset);
		if (placed <= 0)
		{
			uint64		next = es_page_next_row(BufferGetPage(buffer));

			if (placed < 0)
			{
				UnlockReleaseBuffer(buffer);
				es_report_number(rel, &rows[done], next);
			}

			if (rows[done].given_row > next)
				jump = rows[done].given_row;
			UnlockReleaseBuffer(buffer);
			(void) advance(rel, seen, jump, false, strategy);
			continue;
		}

		if (flags & ES_PUT_LOGICAL)
			record_flags |= ES_INSERT_LOGICAL;
		if (done + placed == nrows)
			record_flags |= ES_INSERT_LAST;
		if (token != 0)
			record_flags |= ES_INSERT_SPECULATIVE;
		if (offset > PageGetMaxOffsetNumber(BufferGetPage(buffer)) + 1)
			record_flags |= ES_INSERT_SKIPS;
		write_rows(rel, buffer, rows + done, placed, offset, record_flags,
				   token);
		UnlockReleaseBuffer(buffer);
		done += placed;
	}
}

void
es_store_put_rows(Relation rel, EsNewRow *rows, int nrows, int flags,
				  BufferAccessStrategy strategy)
{
	put_rows(rel, rows, nrows, flags, 0, strategy);
}

void
es_store_put_speculative(Relation rel, EsNewRow *row, int flags, uint32 token)
{
	put_rows(rel, row, 1, flags, token, NULL);
}

void
es_store_finish_speculative(Relation rel, uint64 row, bool confirm)
{
	EsFetch		fetch;
	Buffer		buffer;
	Page		page;
	ItemId		item;
	xl_es_spec	xlrec;

	es_fetch_begin(&fetch, rel);
	buffer = es_fetch_lock_page(&fetch, row, BUFFER_LOCK_EXCLUSIVE);
	if (!BufferIsValid(buffer))
		elog(ERROR, "speculative row " UINT64_FORMAT " is gone", row);
	Assert(fetch.batch == NULL);
	page = BufferGetPage(buffer);
	item = PageGetItemId(page, row - EsPageGetSpecial(page)->first_row + 1);
	if (!ItemIdIsNormal(item) || !es_item_is_sound(page, item))
		es_report_corruption(rel, BufferGetBlockNumber(buffer),
							 "The line pointer of row " UINT64_FORMAT
							 " points outside the tuples", row);

	xlrec.version = ES_WAL_VERSION;
	xlrec.flags = confirm ? ES_SPEC_CONFIRM : 0;
	xlrec.offset = row - EsPageGetSpecial(page)->first_row + 1;

	START_CRIT_SECTION();
	es_apply_spec(page, &xlrec);
	MarkBufferDirty(buffer);
	ES_STOP_POINT("spec-before-wal");
	if (RelationNeedsWAL(rel))
	{
		XLogRecPtr	lsn;

		XLogBeginInsert();
		XLogRegisterBuffer(0, buffer, REGBUF_STANDARD);
		XLogRegisterData((char *) &xlrec, SizeOfEsSpec);
		XLogSetRecordFlags(XLOG_INCLUDE_ORIGIN);
		lsn = XLogInsert(ES_RMGR_ID, XLOG_ES_SPEC);
		PageSetLSN(page, lsn);
	}
	ES_STOP_POINT("spec-after-wal");
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}
