/*-------------------------------------------------------------------------
 *
 * es_store_vacuum.c
 *	  VACUUM: freeze rows, mark aborted ones, give back what is empty.
 *
 * Nothing moves, so a page's exclusive content lock is enough; no cleanup lock is
 * taken and nobody's pin is waited for.  A page all of whose rows are frozen or
 * known aborted is flagged as settled and skipped from then on.
 *
 * IDENTIFICATION
 *	  src/store/es_store_vacuum.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/transam.h"
#include "access/xloginsert.h"
#include "catalog/storage.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/smgr.h"
#include "utils/inval.h"

#include "base/es_corrupt.h"
#include "base/es_stoppoint.h"
#include "eventstore.h"
#include "format/es_format_check.h"
#include "store/es_store_internal.h"

/* as heap's: give back at least so many blocks, or this part of the table */
#define TRUNCATE_MINIMUM	1000
#define TRUNCATE_FRACTION	16
/* ... and never the few that the file is lengthened by in advance */
#define TRUNCATE_SLACK		16

typedef struct PageCounts
{
	int			live;
	int			recent;			/* not decided yet */
	int			aborted;
} PageCounts;

static void
note_xid(EsVacuumResult *result, TransactionId xid)
{
	if (TransactionIdIsNormal(xid) &&
		(!TransactionIdIsValid(result->oldest_xid) ||
		 TransactionIdPrecedes(xid, result->oldest_xid)))
		result->oldest_xid = xid;
}

static void
log_settle(Relation rel, Buffer buffer, xl_es_settle *xlrec, uint16 *offsets)
{
	int			noffsets = xlrec->nfrozen + xlrec->naborted;
	XLogRecPtr	lsn;

	if (!RelationNeedsWAL(rel))
		return;
	XLogBeginInsert();
	XLogRegisterBuffer(0, buffer, REGBUF_STANDARD);
	XLogRegisterData((char *) xlrec, SizeOfEsSettle);
	if (noffsets > 0)
		XLogRegisterData((char *) offsets, noffsets * sizeof(uint16));
	lsn = XLogInsert(ES_RMGR_ID, XLOG_ES_SETTLE);
	PageSetLSN(BufferGetPage(buffer), lsn);
}

static void
write_settle(Relation rel, Buffer buffer, xl_es_settle *xlrec,
			 uint16 *frozen, const uint16 *aborted)
{
	Page		page = BufferGetPage(buffer);

	/* one array, as in the record; it has room for all line pointers */
	memcpy(frozen + xlrec->nfrozen, aborted,
		   xlrec->naborted * sizeof(uint16));

	START_CRIT_SECTION();
	es_apply_settle(page, xlrec, frozen);
	MarkBufferDirty(buffer);
	ES_STOP_POINT("settle-before-wal");
	log_settle(rel, buffer, xlrec, frozen);
	ES_STOP_POINT("settle-after-wal");
	END_CRIT_SECTION();
}

/*
 * All rows of the locked page are about to be looked at.
 */
static void
check_pointers(Relation rel, Buffer buffer)
{
	const char *problem = es_tail_check(BufferGetPage(buffer));

	if (problem != NULL)
		es_report_corruption(rel, BufferGetBlockNumber(buffer), "%s", problem);
}

/*
 * Freeze and mark what can be in one locked page.
 */
static void
settle_page(Relation rel, Buffer buffer, TransactionId oldest_xmin,
			TransactionId freeze_limit, EsVacuumResult *result,
			PageCounts *counts)
{
	Page		page = BufferGetPage(buffer);
	EsPageSpecial special = EsPageGetSpecial(page);
	uint16		frozen[ES_MAX_TAIL_ROWS];
	uint16		aborted[ES_MAX_TAIL_ROWS];
	xl_es_settle xlrec;
	int			unsettled = 0;

	check_pointers(rel, buffer);
	memset(&xlrec, 0, sizeof(xlrec));
	xlrec.version = ES_WAL_VERSION;
	memset(counts, 0, sizeof(PageCounts));

	for (OffsetNumber off = 1; off <= PageGetMaxOffsetNumber(page); off++)
	{
		ItemId		item = PageGetItemId(page, off);
		HeapTupleData tuple;
		TransactionId xid;

		if (!ItemIdIsUsed(item))
		{
			counts->aborted++;
			continue;
		}
		tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple.t_len = ItemIdGetLength(item);
		tuple.t_tableOid = RelationGetRelid(rel);
		es_row_to_tid(special->first_row + off - 1, &tuple.t_self);
		xid = HeapTupleHeaderGetRawXmin(tuple.t_data);

		switch (HeapTupleSatisfiesVacuum(&tuple, oldest_xmin, buffer))
		{
			case HEAPTUPLE_LIVE:
				counts->live++;
				if (HeapTupleHeaderXminFrozen(tuple.t_data))
					break;
				if (!TransactionIdIsNormal(xid) ||
					TransactionIdPrecedes(xid, freeze_limit))
				{
					frozen[xlrec.nfrozen++] = off;
					if (TransactionIdIsNormal(xid) &&
						(!TransactionIdIsValid(xlrec.conflict_xid) ||
						 TransactionIdFollows(xid, xlrec.conflict_xid)))
						xlrec.conflict_xid = xid;
					break;
				}
				unsettled++;
				note_xid(result, xid);
				break;
			case HEAPTUPLE_DEAD:
				counts->aborted++;
				if (TransactionIdIsValid(xid))
					aborted[xlrec.naborted++] = off;
				break;
			default:
				counts->recent++;
				unsettled++;
				note_xid(result, xid);
				break;
		}
	}

	if (unsettled == 0 && !(special->flags & ES_PAGE_FLAG_CURRENT) &&
		!(special->flags & ES_PAGE_FLAG_SETTLED))
		xlrec.flags |= ES_SETTLE_PAGE;
	if (xlrec.nfrozen > 0 || xlrec.naborted > 0 || xlrec.flags != 0)
		write_settle(rel, buffer, &xlrec, frozen, aborted);
	result->frozen_rows += xlrec.nfrozen;
}

/*
 * Count the rows of a settled page, which is locked: nobody's state is asked.
 */
static void
count_settled(Relation rel, Buffer buffer, PageCounts *counts)
{
	Page		page = BufferGetPage(buffer);

	check_pointers(rel, buffer);
	memset(counts, 0, sizeof(PageCounts));
	for (OffsetNumber off = 1; off <= PageGetMaxOffsetNumber(page); off++)
	{
		ItemId		item = PageGetItemId(page, off);

		if (ItemIdIsUsed(item) &&
			HeapTupleHeaderXminFrozen((HeapTupleHeader) PageGetItem(page, item)))
			counts->live++;
		else
			counts->aborted++;
	}
}

static bool
vacuum_page(Relation rel, const EsUnitRef *ref, uint32 index,
			TransactionId oldest_xmin, TransactionId freeze_limit,
			BufferAccessStrategy strategy, EsVacuumResult *result,
			PageCounts *counts)
{
	Buffer		buffer;

	buffer = es_tail_read(rel, ref, index, strategy, BUFFER_LOCK_SHARE);
	if (!BufferIsValid(buffer))
		return false;
	if (EsPageGetSpecial(BufferGetPage(buffer))->flags & ES_PAGE_FLAG_SETTLED)
		count_settled(rel, buffer, counts);
	else
	{
		UnlockReleaseBuffer(buffer);
		buffer = es_tail_read(rel, ref, index, strategy,
							  BUFFER_LOCK_EXCLUSIVE);
		if (!BufferIsValid(buffer))
			return false;
		settle_page(rel, buffer, oldest_xmin, freeze_limit, result, counts);
	}
	UnlockReleaseBuffer(buffer);
	return true;
}

/*
 * A load batch: its rows are as one.  Returns the first row after it.
 */
static uint64
vacuum_load_batch(Relation rel, const EsUnitRef *ref,
				  TransactionId oldest_xmin, TransactionId freeze_limit,
				  BufferAccessStrategy strategy, EsVacuumResult *result)
{
	EsBatch    *batch = es_batch_open(rel, ref, strategy,
									  CurrentMemoryContext);
	HeapTupleData tuple;
	Buffer		buffer = InvalidBuffer;
	TransactionId xid;
	xl_es_settle xlrec;
	bool		aborted = false;

	es_vacuum_delay_point();
	if (batch != NULL)
		buffer = es_batch_lock_header(batch, BUFFER_LOCK_EXCLUSIVE, &tuple);
	if (!BufferIsValid(buffer))
		es_report_corruption(rel, ref->unit.start,
							 "The batch is gone, though nobody may take it away");
	xid = HeapTupleHeaderGetRawXmin(tuple.t_data);
	switch (HeapTupleSatisfiesVacuum(&tuple, oldest_xmin, buffer))
	{
		case HEAPTUPLE_LIVE:
			result->live_rows += ref->unit.nrows;
			if (HeapTupleHeaderXminFrozen(tuple.t_data))
				break;
			if (!TransactionIdPrecedes(xid, freeze_limit))
			{
				note_xid(result, xid);
				break;
			}
			memset(&xlrec, 0, sizeof(xlrec));
			xlrec.version = ES_WAL_VERSION;
			xlrec.flags = ES_SETTLE_BATCH;
			xlrec.conflict_xid = xid;
			START_CRIT_SECTION();
			es_apply_settle_batch(BufferGetPage(buffer));
			MarkBufferDirty(buffer);
			ES_STOP_POINT("settle-before-wal");
			log_settle(rel, buffer, &xlrec, NULL);
			ES_STOP_POINT("settle-after-wal");
			END_CRIT_SECTION();
			result->frozen_rows += ref->unit.nrows;
			break;
		case HEAPTUPLE_DEAD:
			aborted = true;
			break;
		default:
			result->recent_rows += ref->unit.nrows;
			note_xid(result, xid);
			break;
	}
	UnlockReleaseBuffer(buffer);
	es_batch_close(batch);
	if (aborted && es_directory_drop(rel, &ref->unit))
		result->dropped_units++;
	return ref->unit.first_row + ref->unit.span;
}

/*
 * Vacuum the pages of one unit.  Returns the first row after it, as far as it was
 * seen, or 0 when the walk is at its end.
 */
static uint64
vacuum_unit(Relation rel, EsUnitRef *ref, uint64 end_row,
			TransactionId oldest_xmin, TransactionId freeze_limit,
			BufferAccessStrategy strategy, EsVacuumResult *result)
{
	uint64		live = 0;
	uint64		recent = 0;
	uint64		aborted = 0;
	bool		complete = true;

	/* the rows of a batch are committed, and their transactions never wrap */
	if (es_unit_is_settled(&ref->unit))
	{
		result->live_rows += ref->unit.nrows;
		return ref->unit.first_row + ref->unit.span;
	}
	if (ref->unit.kind == ES_UNIT_BATCH)
		return vacuum_load_batch(rel, ref, oldest_xmin, freeze_limit, strategy,
								 result);

	for (uint32 i = 0; i < ref->unit.npages; i++)
	{
		PageCounts	counts;

		es_vacuum_delay_point();
		if (!vacuum_page(rel, ref, i, oldest_xmin, freeze_limit, strategy,
						 result, &counts))
		{
			complete = false;
			break;
		}
		live += counts.live;
		recent += counts.recent;
		aborted += counts.aborted;
		ES_STOP_POINT("vacuum-after-page");
	}

	if (complete && live == 0 && recent == 0 && aborted > 0)
	{
		/* an open run of aborted rows only: end it, so that it can go, too */
		if (ref->open)
		{
			uint64		first_row = ref->unit.first_row;

			es_tail_close_run(rel, ref->unit.start + ref->unit.npages - 1);
			if (!es_directory_lookup(rel, first_row, true, ref) ||
				ref->open || ref->unit.first_row != first_row ||
				ref->unit.span != aborted)
				return end_row;
		}
		if (es_directory_drop(rel, &ref->unit))
		{
			result->dropped_units++;
			return ref->unit.first_row + ref->unit.span;
		}
	}
	result->live_rows += live;
	result->recent_rows += recent;
	result->aborted_rows += aborted;
	return ref->open ? 0 : ref->unit.first_row + ref->unit.span;
}

/*
 * Let the metapage know how many rows of closed units are aborted ones, for the
 * planner's sake.
 */
static void
note_holes(Relation rel, uint64 holes)
{
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
	EsMeta		meta;

	if (!BufferIsValid(metabuf))
		return;
	meta = EsPageGetMeta(BufferGetPage(metabuf));
	holes = Min(holes, meta->counters.rows);
	if (meta->counters.holes != holes)
	{
		START_CRIT_SECTION();
		meta->counters.holes = holes;
		MarkBufferDirty(metabuf);
		es_log_images(rel, XLOG_ES_META, 0, &metabuf, 1);
		END_CRIT_SECTION();
	}
	UnlockReleaseBuffer(metabuf);
}

/*
 * The end of what is used, when free blocks at the end and the blocks kept for
 * the next tail pages are given up.
 */
static BlockNumber
end_without_slack(const EsMetaData *meta)
{
	BlockNumber end = meta->alloc_end;
	uint32		nfree = meta->nfree;
	bool		have_reserve = meta->reserve.len > 0;

	for (;;)
	{
		if (nfree > 0 &&
			meta->free[nfree - 1].start + meta->free[nfree - 1].len == end)
			end = meta->free[--nfree].start;
		else if (have_reserve &&
				 meta->reserve.start + meta->reserve.len == end)
		{
			end = meta->reserve.start;
			have_reserve = false;
		}
		else
			return end;
	}
}

static void
cut_metapage(EsMeta meta, BlockNumber end)
{
	while (meta->nfree > 0 && meta->free[meta->nfree - 1].start >= end)
		meta->nfree--;
	if (meta->reserve.len > 0 && meta->reserve.start >= end)
		memset(&meta->reserve, 0, sizeof(EsExtent));
	meta->alloc_end = end;
	meta->gen++;
}

/*
 * Give free blocks at the end of the file back, if they are worth it and if
 * nobody uses the table.  The record comes before the truncation: a crash in
 * between leaves a longer file, nothing else.
 */
static BlockNumber
truncate_file(Relation rel)
{
	BlockNumber size = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
	EsMeta		meta;
	BlockNumber end;
	BlockNumber freeable;

	if (!BufferIsValid(metabuf))
		return 0;
	end = end_without_slack(EsPageGetMeta(BufferGetPage(metabuf)));
	UnlockReleaseBuffer(metabuf);
	if (size <= end)
		return 0;
	freeable = size - end;
	if (freeable < TRUNCATE_SLACK ||
		(freeable < TRUNCATE_MINIMUM && freeable < size / TRUNCATE_FRACTION))
		return 0;
	if (!ConditionalLockRelation(rel, AccessExclusiveLock))
		return 0;

	metabuf = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
	meta = EsPageGetMeta(BufferGetPage(metabuf));
	end = end_without_slack(meta);
	START_CRIT_SECTION();
	cut_metapage(meta, end);
	MarkBufferDirty(metabuf);
	ES_STOP_POINT("truncate-before-wal");
	es_log_images(rel, XLOG_ES_TRUNC, end, &metabuf, 1);
	ES_STOP_POINT("truncate-after-wal");
	END_CRIT_SECTION();
	UnlockReleaseBuffer(metabuf);

	size = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);
	if (size > end)
		RelationTruncate(rel, end);
	CacheInvalidateRelcache(rel);
	es_store_forget(rel);

	/* readers that waited must not see the file before it was cut */
	UnlockRelation(rel, AccessExclusiveLock);
	ES_STOP_POINT("truncate-after-unlock");
	return size > end ? size - end : 0;
}

void
es_store_vacuum(Relation rel, TransactionId oldest_xmin,
				TransactionId freeze_limit, bool truncate,
				BufferAccessStrategy strategy, EsVacuumResult *result)
{
	uint64		end_row = es_store_end_row(rel);
	uint64		row = ES_FIRST_ROW;
	EsUnitRef	ref;
	EsSizes		sizes;

	memset(result, 0, sizeof(EsVacuumResult));
	es_store_drop_pending(rel);
	while (row != 0 && row < end_row &&
		   es_directory_lookup(rel, row, true, &ref))
	{
		CHECK_FOR_INTERRUPTS();
		row = vacuum_unit(rel, &ref, end_row, oldest_xmin, freeze_limit,
						  strategy, result);
	}
	if (result->dropped_units > 0)
		es_directory_trim(rel);
	note_holes(rel, result->aborted_rows);
	(void) es_store_sweep(rel);
	if (truncate)
		result->truncated = truncate_file(rel);
	es_store_sizes(rel, &sizes);
	result->blocks = sizes.blocks;
}
