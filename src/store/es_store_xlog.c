/*-------------------------------------------------------------------------
 *
 * es_store_xlog.c
 *	  Replay of WAL records, and masking of pages for consistency checks.
 *
 * All pages that a record changes and that readers can reach change under locks
 * held together, taken in the order of the normal path, so that a reader on a
 * standby sees what a reader on the primary could see.  Pages that nothing
 * points to yet are written and let go first.
 *
 * IDENTIFICATION
 *	  src/store/es_store_xlog.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/bufmask.h"
#include "access/heapam_xlog.h"
#include "access/xlogutils.h"
#include "storage/bufmgr.h"
#include "storage/standby.h"

#include "eventstore.h"
#include "format/es_batch.h"
#include "format/es_format_check.h"
#include "store/es_store_internal.h"

/* ----------------------------------------------------------------
 * What replay does not believe
 *
 * A record comes from a server that found its pages sound, and the pages are as
 * they were there; unless a disk or a copy has spoiled one of them.  Then replay
 * ends with the place, rather than write where the record says.
 * ----------------------------------------------------------------
 */

static void
report_record(XLogReaderState *record, const char *problem)
{
	ereport(PANIC,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("eventstore WAL record at %X/%X cannot be replayed",
					LSN_FORMAT_ARGS(record->ReadRecPtr)),
			 errdetail("%s.", problem)));
}

/*
 * A page of the record, of the kind that it has to be.
 */
static void
check_page(XLogReaderState *record, uint8 block_id, Page page, uint8 kind)
{
	const char *problem = es_page_check(page);
	EsFileLocator locator;
	BlockNumber block;

	if (problem == NULL && EsPageGetSpecial(page)->kind != kind)
		problem = "The page is of another kind";
	if (problem == NULL && kind == ES_PAGE_META)
		problem = es_meta_check(page);
	if (problem == NULL)
		return;

	es_record_locator(record, block_id, &locator, &block);
	ereport(PANIC,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("block %u of relation %u/%u/%u is damaged",
					block, es_locator_spc(locator), es_locator_db(locator),
					es_locator_number(locator)),
			 errdetail("%s.", problem),
			 errcontext("replay of the eventstore WAL record at %X/%X",
						LSN_FORMAT_ARGS(record->ReadRecPtr))));
}

static void
check_row_offset(XLogReaderState *record, Page page, OffsetNumber offset)
{
	if (offset < FirstOffsetNumber || offset > PageGetMaxOffsetNumber(page) ||
		!ItemIdIsNormal(PageGetItemId(page, offset)) ||
		!es_item_is_sound(page, PageGetItemId(page, offset)))
		report_record(record, "It changes a row that is not there");
}

/*
 * The metapage and the page that was current, as NEW_TAIL must have found them.  If a
 * write of one of them got lost, it is as it was earlier.
 */
static void
check_new_tail(XLogReaderState *record, EsMeta meta,
			   const xl_es_new_tail *xlrec)
{
	EsFileLocator locator;
	BlockNumber old = InvalidBlockNumber;

	if (xlrec->flags & ES_NEW_TAIL_OLD)
		es_record_locator(record, 1, &locator, &old);
	if (old != (meta->open.npages > 0 ?
				meta->open.current_block : InvalidBlockNumber))
		report_record(record, "It follows another page than the metapage says");
	if ((xlrec->flags & ES_NEW_TAIL_CLOSE) && xlrec->nrows > 0 &&
		meta->nrecent == ES_META_RECENT_UNITS)
		report_record(record, "It adds a unit where there is no room for one");
	if ((xlrec->flags & ES_NEW_TAIL_PAGE) &&
		((xlrec->flags & ES_NEW_TAIL_RUN) ?
		 xlrec->unit_id != meta->next_unit_id :
		 xlrec->unit_id != meta->open.unit_id ||
		 xlrec->index_in_unit != meta->open.npages))
		report_record(record, "It adds a page to another run than the metapage says");
}

static void
check_old_page(XLogReaderState *record, Page page, const xl_es_new_tail *xlrec)
{
	if ((EsPageGetSpecial(page)->flags & ES_PAGE_FLAG_CURRENT) == 0)
		report_record(record, "Rows are not added to the page that it closes");
	if (es_page_next_row(page) != ((xlrec->flags & ES_NEW_TAIL_CLOSE) ?
								   xlrec->end_row : xlrec->first_row))
		report_record(record, "The page that it closes ends with another row");
}

/*
 * A row goes behind the page's last one; "skips": numbers between have no row.
 */
static void
check_new_offset(XLogReaderState *record, Page page, OffsetNumber offset,
				 bool skips)
{
	OffsetNumber next = PageGetMaxOffsetNumber(page) + 1;

	if (skips ? offset <= next : offset != next)
		report_record(record, "The page has other rows than it had");
}

/*
 * Main data at least this long.
 */
static void
check_length(XLogReaderState *record, Size length)
{
	if (XLogRecGetDataLen(record) < length)
		report_record(record, "It is too short");
}

static void
finish_page(Buffer buffer, XLogRecPtr lsn)
{
	PageSetLSN(BufferGetPage(buffer), lsn);
	MarkBufferDirty(buffer);
}

static void
redo_meta_init(XLogReaderState *record)
{
	Buffer		buffer;

	check_length(record, SizeOfEsMetaInit);
	buffer = XLogInitBufferForRedo(record, 0);
	es_apply_meta_init(BufferGetPage(buffer),
					   (xl_es_meta_init *) XLogRecGetData(record));
	finish_page(buffer, record->EndRecPtr);
	UnlockReleaseBuffer(buffer);
}

static void
redo_new_tail(XLogReaderState *record)
{
	xl_es_new_tail xlrec;
	Buffer		metabuf;
	Buffer		oldbuf = InvalidBuffer;
	Buffer		newbuf;

	check_length(record, SizeOfEsNewTail);
	memcpy(&xlrec, XLogRecGetData(record), SizeOfEsNewTail);

	/* nothing points to the new page yet */
	if (xlrec.flags & ES_NEW_TAIL_PAGE)
	{
		newbuf = XLogInitBufferForRedo(record, 2);
		es_apply_new_tail_page(BufferGetPage(newbuf), &xlrec);
		finish_page(newbuf, record->EndRecPtr);
		UnlockReleaseBuffer(newbuf);
	}

	if (XLogReadBufferForRedo(record, 0, &metabuf) == BLK_NEEDS_REDO)
	{
		check_page(record, 0, BufferGetPage(metabuf), ES_PAGE_META);
		check_new_tail(record, EsPageGetMeta(BufferGetPage(metabuf)), &xlrec);
		es_apply_new_tail_meta(BufferGetPage(metabuf), &xlrec);
		check_page(record, 0, BufferGetPage(metabuf), ES_PAGE_META);
		finish_page(metabuf, record->EndRecPtr);
	}
	if ((xlrec.flags & ES_NEW_TAIL_OLD) &&
		XLogReadBufferForRedo(record, 1, &oldbuf) == BLK_NEEDS_REDO)
	{
		check_page(record, 1, BufferGetPage(oldbuf), ES_PAGE_TAIL);
		check_old_page(record, BufferGetPage(oldbuf), &xlrec);
		es_apply_new_tail_old(BufferGetPage(oldbuf));
		finish_page(oldbuf, record->EndRecPtr);
	}
	if (BufferIsValid(oldbuf))
		UnlockReleaseBuffer(oldbuf);
	if (BufferIsValid(metabuf))
		UnlockReleaseBuffer(metabuf);
}

static void
check_batch(XLogReaderState *record, EsMeta meta, const xl_es_batch *xlrec)
{
	EsFileLocator locator;
	BlockNumber old = InvalidBlockNumber;

	if (xlrec->flags & ES_BATCH_OLD)
		es_record_locator(record, 1, &locator, &old);
	if (old != (meta->open.npages > 0 ?
				meta->open.current_block : InvalidBlockNumber))
		report_record(record, "It follows another page than the metapage says");
	if (meta->nrecent + ES_FLUSH_FREE_PLACES > ES_META_RECENT_UNITS)
		report_record(record, "It adds a unit where there is no room for one");
	if (xlrec->unit_id != meta->next_unit_id)
		report_record(record, "It adds another unit than the metapage says");
	if (xlrec->first_row < ((xlrec->flags & ES_BATCH_OLD) ?
							xlrec->run_end : meta->next_row))
		report_record(record, "It adds rows that were there");
}

static void
redo_batch(XLogReaderState *record)
{
	xl_es_batch xlrec;
	const char *body = XLogRecGetData(record) + SizeOfEsBatch;
	Buffer		metabuf;
	Buffer		oldbuf = InvalidBuffer;

	check_length(record, SizeOfEsBatch);
	memcpy(&xlrec, XLogRecGetData(record), SizeOfEsBatch);
	if (XLogRecGetDataLen(record) != SizeOfEsBatch + xlrec.body_len ||
		xlrec.npages != es_batch_pages(xlrec.body_len) ||
		xlrec.npages > ES_BATCH_MAX_LOAD_PAGES)
		report_record(record, "It does not have the length that it should have");

	/* nothing points to the pages yet */
	for (uint32 i = 0; i < xlrec.npages; i++)
	{
		Buffer		buffer = XLogInitBufferForRedo(record, 2 + i);

		es_apply_batch_page(BufferGetPage(buffer), xlrec.unit_id,
							xlrec.first_row, body, xlrec.body_len, i);
		if (i == 0)
			es_apply_batch_tuple(BufferGetPage(buffer), XLogRecGetXid(record),
								 FirstCommandId,
								 (xlrec.flags & ES_BATCH_FROZEN) != 0);
		finish_page(buffer, record->EndRecPtr);
		UnlockReleaseBuffer(buffer);
	}

	if (XLogReadBufferForRedo(record, 0, &metabuf) == BLK_NEEDS_REDO)
	{
		check_page(record, 0, BufferGetPage(metabuf), ES_PAGE_META);
		check_batch(record, EsPageGetMeta(BufferGetPage(metabuf)), &xlrec);
		es_apply_batch_meta(BufferGetPage(metabuf), &xlrec);
		check_page(record, 0, BufferGetPage(metabuf), ES_PAGE_META);
		finish_page(metabuf, record->EndRecPtr);
	}
	if ((xlrec.flags & ES_BATCH_OLD) &&
		XLogReadBufferForRedo(record, 1, &oldbuf) == BLK_NEEDS_REDO)
	{
		check_page(record, 1, BufferGetPage(oldbuf), ES_PAGE_TAIL);
		if ((EsPageGetSpecial(BufferGetPage(oldbuf))->flags &
			 ES_PAGE_FLAG_CURRENT) == 0)
			report_record(record, "Rows are not added to the page that it closes");
		if (es_page_next_row(BufferGetPage(oldbuf)) != xlrec.run_end)
			report_record(record, "The page that it closes ends with another row");
		es_apply_new_tail_old(BufferGetPage(oldbuf));
		finish_page(oldbuf, record->EndRecPtr);
	}
	if (BufferIsValid(oldbuf))
		UnlockReleaseBuffer(oldbuf);
	if (BufferIsValid(metabuf))
		UnlockReleaseBuffer(metabuf);
}

/*
 * Rebuild a tuple from its image at *data, add it to the page, and step over the
 * image.
 */
static void
redo_row(XLogReaderState *record, Page page, OffsetNumber offset,
		 const char **data)
{
	union
	{
		HeapTupleHeaderData header;
		PGAlignedBlock block;
	}			tuple;
	HeapTupleHeader header = &tuple.header;
	const char *end = XLogRecGetData(record) + XLogRecGetDataLen(record);
	xl_es_row	image;

	if (end - *data < (ptrdiff_t) SizeOfEsRow)
		report_record(record, "It is too short");
	memcpy(&image, *data, SizeOfEsRow);
	*data += SizeOfEsRow;
	if (image.datalen > ES_MAX_TAIL_TUPLE - SizeofHeapTupleHeader ||
		image.datalen > end - *data)
		report_record(record, "A row is too long");
	if (image.hoff < SizeofHeapTupleHeader ||
		image.hoff > image.datalen + SizeofHeapTupleHeader)
		report_record(record, "A row's header length is out of range");

	memset(header, 0, SizeofHeapTupleHeader);
	memcpy((char *) header + SizeofHeapTupleHeader, *data, image.datalen);
	*data += image.datalen;
	header->t_infomask2 = image.infomask2;
	header->t_infomask = image.infomask;
	header->t_hoff = image.hoff;
	HeapTupleHeaderSetXmin(header, XLogRecGetXid(record));
	HeapTupleHeaderSetCmin(header, FirstCommandId);
	es_row_to_tid(EsPageGetSpecial(page)->first_row + offset - 1,
				  &header->t_ctid);
	if (!es_apply_row(page, offset, header,
					  image.datalen + SizeofHeapTupleHeader))
		report_record(record, "A row does not fit its page");
}

static void
redo_insert(XLogReaderState *record)
{
	const char *data = XLogRecGetData(record);
	xl_es_insert xlrec;
	Buffer		buffer;

	check_length(record, SizeOfEsInsert);
	memcpy(&xlrec, data, SizeOfEsInsert);
	data += SizeOfEsInsert;
	if (XLogReadBufferForRedo(record, 0, &buffer) == BLK_NEEDS_REDO)
	{
		check_page(record, 0, BufferGetPage(buffer), ES_PAGE_TAIL);
		check_new_offset(record, BufferGetPage(buffer), xlrec.offset,
						 (xlrec.flags & ES_INSERT_SKIPS) != 0);
		redo_row(record, BufferGetPage(buffer), xlrec.offset, &data);
		finish_page(buffer, record->EndRecPtr);
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
}

static void
redo_multi(XLogReaderState *record)
{
	const char *data = XLogRecGetData(record);
	xl_es_multi xlrec;
	Buffer		buffer;

	check_length(record, SizeOfEsMulti);
	memcpy(&xlrec, data, SizeOfEsMulti);
	data += SizeOfEsMulti;
	if (XLogReadBufferForRedo(record, 0, &buffer) == BLK_NEEDS_REDO)
	{
		check_page(record, 0, BufferGetPage(buffer), ES_PAGE_TAIL);
		check_new_offset(record, BufferGetPage(buffer), xlrec.offset,
						 (xlrec.flags & ES_INSERT_SKIPS) != 0);
		for (int i = 0; i < xlrec.nrows; i++)
			redo_row(record, BufferGetPage(buffer), xlrec.offset + i, &data);
		finish_page(buffer, record->EndRecPtr);
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
}

static void
redo_spec(XLogReaderState *record)
{
	xl_es_spec	xlrec;
	Buffer		buffer;

	check_length(record, SizeOfEsSpec);
	memcpy(&xlrec, XLogRecGetData(record), SizeOfEsSpec);
	if (XLogReadBufferForRedo(record, 0, &buffer) == BLK_NEEDS_REDO)
	{
		check_page(record, 0, BufferGetPage(buffer), ES_PAGE_TAIL);
		check_row_offset(record, BufferGetPage(buffer), xlrec.offset);
		es_apply_spec(BufferGetPage(buffer), &xlrec);
		finish_page(buffer, record->EndRecPtr);
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
}

static void
redo_settle(XLogReaderState *record)
{
	const char *data = XLogRecGetData(record);
	uint16		offsets[ES_MAX_TAIL_ROWS];
	xl_es_settle xlrec;
	Buffer		buffer;
	int			noffsets;

	check_length(record, SizeOfEsSettle);
	memcpy(&xlrec, data, SizeOfEsSettle);
	noffsets = xlrec.nfrozen + xlrec.naborted;
	if (noffsets > ES_MAX_TAIL_ROWS)
		report_record(record, "It has more rows than fit a page");
	check_length(record, SizeOfEsSettle + noffsets * sizeof(uint16));
	memcpy(offsets, data + SizeOfEsSettle, noffsets * sizeof(uint16));

	/*
	 * A frozen row is visible to everybody: snapshots that must not see it
	 * have to go first.
	 */
	if (InHotStandby && TransactionIdIsValid(xlrec.conflict_xid))
	{
		EsFileLocator locator;

		es_record_locator(record, 0, &locator, NULL);
		es_resolve_conflict(xlrec.conflict_xid, locator);
	}

	if (XLogReadBufferForRedo(record, 0, &buffer) == BLK_NEEDS_REDO)
	{
		if (xlrec.flags & ES_SETTLE_BATCH)
		{
			check_page(record, 0, BufferGetPage(buffer), ES_PAGE_BATCH);
			if (!es_batch_has_tuple(BufferGetPage(buffer)))
				report_record(record, "It changes a row that is not there");
			es_apply_settle_batch(BufferGetPage(buffer));
		}
		else
		{
			check_page(record, 0, BufferGetPage(buffer), ES_PAGE_TAIL);
			for (int i = 0; i < noffsets; i++)
				check_row_offset(record, BufferGetPage(buffer), offsets[i]);
			es_apply_settle(BufferGetPage(buffer), &xlrec, offsets);
		}
		finish_page(buffer, record->EndRecPtr);
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
}

/*
 * Records whose pages are all full-page images: restore them, in the order in
 * which they were locked, and let them go together.
 */
static void
redo_images(XLogReaderState *record)
{
	Buffer		buffers[XLR_MAX_BLOCK_ID + 1];
	int			nbuffers = XLogRecMaxBlockId(record) + 1;

	for (int i = 0; i < nbuffers; i++)
		if (XLogReadBufferForRedo(record, i, &buffers[i]) != BLK_RESTORED)
			elog(ERROR, "eventstore: record without an image of its block %d",
				 i);
	for (int i = nbuffers - 1; i >= 0; i--)
		UnlockReleaseBuffer(buffers[i]);
}

void
es_store_redo(XLogReaderState *record)
{
	uint8		info = XLogRecGetInfo(record) & XLOG_ES_OPMASK;
	uint8		version;

	check_length(record, sizeof(uint8));
	version = *(uint8 *) XLogRecGetData(record);
	if (version > ES_WAL_VERSION)
		ereport(PANIC,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("eventstore WAL record has version %u, this library knows %u",
						version, ES_WAL_VERSION),
				 errhint("Install on this server at least the version of eventstore that the primary server runs.")));

	switch (info)
	{
		case XLOG_ES_META_INIT:
			redo_meta_init(record);
			break;
		case XLOG_ES_NEW_TAIL:
			redo_new_tail(record);
			break;
		case XLOG_ES_INSERT:
			redo_insert(record);
			break;
		case XLOG_ES_MULTI:
			redo_multi(record);
			break;
		case XLOG_ES_SPEC:
			redo_spec(record);
			break;
		case XLOG_ES_BATCH:
			redo_batch(record);
			break;
		case XLOG_ES_SETTLE:
			redo_settle(record);
			break;
		case XLOG_ES_FLUSH:
		case XLOG_ES_REPLACE:
		case XLOG_ES_TRUNC:
		case XLOG_ES_META:
			redo_images(record);
			break;
		default:
			ereport(PANIC,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("eventstore WAL record of type 0x%02X is not known to this library",
							info),
					 errhint("Install on this server at least the version of eventstore that the primary server runs.")));
	}
}

static void
mask_header(HeapTupleHeader tuple)
{
	if (!HeapTupleHeaderXminFrozen(tuple))
		tuple->t_infomask &= ~HEAP_XACT_MASK;
	else
		tuple->t_infomask &= ~(HEAP_XMAX_INVALID | HEAP_XMAX_COMMITTED);
	tuple->t_choice.t_heap.t_field3.t_cid = MASK_MARKER;
}

/*
 * Blank what may differ between a page of the primary and a replayed one: hint
 * bits, command ids, and speculative tokens, which replay does not know.
 */
static void
mask_row(Page page, OffsetNumber offset)
{
	ItemId		item = PageGetItemId(page, offset);
	HeapTupleHeader tuple;
	Size		length;

	if (!ItemIdIsNormal(item) || !es_item_is_sound(page, item))
		return;
	tuple = (HeapTupleHeader) PageGetItem(page, item);
	mask_header(tuple);
	if (HeapTupleHeaderIsSpeculative(tuple))
		es_row_to_tid(EsPageGetSpecial(page)->first_row + offset - 1,
					  &tuple->t_ctid);

	length = ItemIdGetLength(item);
	if (MAXALIGN(length) > length)
		memset((char *) tuple + length, MASK_MARKER,
			   MAXALIGN(length) - length);
}

void
es_store_mask(char *page, BlockNumber block)
{
	mask_page_lsn_and_checksum(page);
	mask_page_hint_bits(page);
	mask_unused_space(page);
	if (es_page_check(page) != NULL)
		return;
	EsPageGetSpecial(page)->flags &= ~ES_PAGE_FLAG_SUSPECT;
	if (EsPageGetSpecial(page)->kind == ES_PAGE_BATCH &&
		es_batch_has_tuple(page))
		mask_header(es_batch_tuple_header(page));
	if (EsPageGetSpecial(page)->kind == ES_PAGE_TAIL)
		for (OffsetNumber off = 1; off <= PageGetMaxOffsetNumber(page); off++)
			mask_row(page, off);
}
