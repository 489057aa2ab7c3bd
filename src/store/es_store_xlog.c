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
#include "store/es_store_internal.h"

static void
finish_page(Buffer buffer, XLogRecPtr lsn)
{
	PageSetLSN(BufferGetPage(buffer), lsn);
	MarkBufferDirty(buffer);
}

static void
redo_meta_init(XLogReaderState *record)
{
	Buffer		buffer = XLogInitBufferForRedo(record, 0);

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
		es_apply_new_tail_meta(BufferGetPage(metabuf), &xlrec);
		finish_page(metabuf, record->EndRecPtr);
	}
	if ((xlrec.flags & ES_NEW_TAIL_OLD) &&
		XLogReadBufferForRedo(record, 1, &oldbuf) == BLK_NEEDS_REDO)
	{
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
	xl_es_row	image;

	memcpy(&image, *data, SizeOfEsRow);
	*data += SizeOfEsRow;
	if (image.datalen > ES_MAX_TAIL_TUPLE - SizeofHeapTupleHeader)
		elog(PANIC, "eventstore: row image of %u bytes is too long",
			 image.datalen);

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
		elog(PANIC, "eventstore: could not add row at offset %u", offset);
}

static void
redo_insert(XLogReaderState *record)
{
	const char *data = XLogRecGetData(record);
	xl_es_insert xlrec;
	Buffer		buffer;

	memcpy(&xlrec, data, SizeOfEsInsert);
	data += SizeOfEsInsert;
	if (XLogReadBufferForRedo(record, 0, &buffer) == BLK_NEEDS_REDO)
	{
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

	memcpy(&xlrec, data, SizeOfEsMulti);
	data += SizeOfEsMulti;
	if (XLogReadBufferForRedo(record, 0, &buffer) == BLK_NEEDS_REDO)
	{
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

	memcpy(&xlrec, XLogRecGetData(record), SizeOfEsSpec);
	if (XLogReadBufferForRedo(record, 0, &buffer) == BLK_NEEDS_REDO)
	{
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

	memcpy(&xlrec, data, SizeOfEsSettle);
	memcpy(offsets, data + SizeOfEsSettle,
		   (xlrec.nfrozen + xlrec.naborted) * sizeof(uint16));

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
		es_apply_settle(BufferGetPage(buffer), &xlrec, offsets);
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
	uint8		version = *(uint8 *) XLogRecGetData(record);

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

	if (!ItemIdIsNormal(item))
		return;
	tuple = (HeapTupleHeader) PageGetItem(page, item);
	if (!HeapTupleHeaderXminFrozen(tuple))
		tuple->t_infomask &= ~HEAP_XACT_MASK;
	else
		tuple->t_infomask &= ~(HEAP_XMAX_INVALID | HEAP_XMAX_COMMITTED);
	tuple->t_choice.t_heap.t_field3.t_cid = MASK_MARKER;
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
	EsPageGetSpecial(page)->flags &= ~ES_PAGE_FLAG_SUSPECT;
	if (EsPageGetSpecial(page)->kind == ES_PAGE_TAIL)
		for (OffsetNumber off = 1; off <= PageGetMaxOffsetNumber(page); off++)
			mask_row(page, off);
}
