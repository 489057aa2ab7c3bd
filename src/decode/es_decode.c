/*-------------------------------------------------------------------------
 *
 * es_decode.c
 *	  Logical decoding of our WAL records.
 *
 * A row image in WAL is a heap tuple in the table's row type, so a row is decoded
 * by copying it.  Values out of line were logged by heap before it, under the same
 * transaction, and core puts them back in.  Outcomes of transactions and
 * savepoints, TRUNCATE and the order of commits are core's business, too.
 *
 * IDENTIFICATION
 *	  src/decode/es_decode.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlogreader.h"
#include "replication/decode.h"
#include "replication/logical.h"
#include "replication/reorderbuffer.h"
#include "replication/snapbuild.h"

#include "base/es_compat.h"
#include "decode/es_decode.h"
#include "format/es_walrec.h"

/*
 * A change of the record's table, not filled in yet.
 */
static ReorderBufferChange *
make_change(LogicalDecodingContext *ctx, XLogReaderState *record,
			enum ReorderBufferChangeType action)
{
	ReorderBufferChange *change = es_reorder_alloc_change(ctx->reorder);

	change->action = action;
	change->origin_id = XLogRecGetOrigin(record);
	es_record_locator(record, 0, es_change_locator(change), NULL);
	return change;
}

/*
 * Is the record about a table of this slot's database, from an origin that it
 * wants?
 */
static bool
is_wanted(LogicalDecodingContext *ctx, XLogReaderState *record)
{
	EsFileLocator locator;

	es_record_locator(record, 0, &locator, NULL);
	if (es_locator_db(locator) != ctx->slot->data.database)
		return false;
	return ctx->callbacks.filter_by_origin_cb == NULL ||
		!filter_by_origin_cb_wrapper(ctx, XLogRecGetOrigin(record));
}

/*
 * Queue the row whose image is at data; returns what follows the image.
 */
static const char *
queue_row(LogicalDecodingContext *ctx, XLogRecordBuffer *buf, const char *data,
		  bool speculative, bool last)
{
	XLogReaderState *record = buf->record;
	ReorderBufferChange *change;
	HeapTuple	tuple;
	HeapTupleHeader header;
	xl_es_row	image;

	memcpy(&image, data, SizeOfEsRow);
	data += SizeOfEsRow;
	change = make_change(ctx, record,
						 speculative ?
						 REORDER_BUFFER_CHANGE_INTERNAL_SPEC_INSERT :
						 REORDER_BUFFER_CHANGE_INSERT);

	change->data.tp.newtuple = es_reorder_alloc_tuple(ctx->reorder,
													  image.datalen);
	tuple = es_change_tuple(change->data.tp.newtuple);
	tuple->t_len = image.datalen + SizeofHeapTupleHeader;
	ItemPointerSetInvalid(&tuple->t_self);
	tuple->t_tableOid = InvalidOid;
	header = tuple->t_data;
	memset(header, 0, SizeofHeapTupleHeader);
	memcpy((char *) header + SizeofHeapTupleHeader, data, image.datalen);
	header->t_infomask2 = image.infomask2;
	header->t_infomask = image.infomask;
	header->t_hoff = image.hoff;

	/* chunks of all rows of a statement come before its first row */
	change->data.tp.clear_toast_afterwards = last;
	ReorderBufferQueueChange(ctx->reorder, XLogRecGetXid(record), buf->origptr,
							 change, false);
	return data + image.datalen;
}

static void
decode_insert(LogicalDecodingContext *ctx, XLogRecordBuffer *buf)
{
	const char *data = XLogRecGetData(buf->record);
	xl_es_insert xlrec;

	memcpy(&xlrec, data, SizeOfEsInsert);
	if ((xlrec.flags & ES_INSERT_LOGICAL) && is_wanted(ctx, buf->record))
		(void) queue_row(ctx, buf, data + SizeOfEsInsert,
						 (xlrec.flags & ES_INSERT_SPECULATIVE) != 0,
						 (xlrec.flags & ES_INSERT_LAST) != 0);
}

static void
decode_multi(LogicalDecodingContext *ctx, XLogRecordBuffer *buf)
{
	const char *data = XLogRecGetData(buf->record);
	xl_es_multi xlrec;

	memcpy(&xlrec, data, SizeOfEsMulti);
	if (!(xlrec.flags & ES_INSERT_LOGICAL) || !is_wanted(ctx, buf->record))
		return;
	data += SizeOfEsMulti;
	for (int i = 0; i < xlrec.nrows; i++)
		data = queue_row(ctx, buf, data, false,
						 (xlrec.flags & ES_INSERT_LAST) != 0 &&
						 i + 1 == xlrec.nrows);
}

static void
decode_spec(LogicalDecodingContext *ctx, XLogRecordBuffer *buf)
{
	ReorderBufferChange *change;
	xl_es_spec	xlrec;

	memcpy(&xlrec, XLogRecGetData(buf->record), SizeOfEsSpec);
	if (!is_wanted(ctx, buf->record))
		return;
	change = make_change(ctx, buf->record,
						 xlrec.flags & ES_SPEC_CONFIRM ?
						 REORDER_BUFFER_CHANGE_INTERNAL_SPEC_CONFIRM :
						 REORDER_BUFFER_CHANGE_INTERNAL_SPEC_ABORT);
	change->data.tp.clear_toast_afterwards = true;
	ReorderBufferQueueChange(ctx->reorder, XLogRecGetXid(buf->record),
							 buf->origptr, change, false);
}

void
es_decode(LogicalDecodingContext *ctx, XLogRecordBuffer *buf)
{
	TransactionId xid = XLogRecGetXid(buf->record);
	uint8		info = XLogRecGetInfo(buf->record) & XLOG_ES_OPMASK;

	ReorderBufferProcessXid(ctx->reorder, xid, buf->origptr);
	if (SnapBuildCurrentState(ctx->snapshot_builder) < SNAPBUILD_FULL_SNAPSHOT)
		return;
	if (info != XLOG_ES_INSERT && info != XLOG_ES_MULTI && info != XLOG_ES_SPEC)
		return;

	/* also gives the transaction its first snapshot, so it is asked first */
	if (!SnapBuildProcessChange(ctx->snapshot_builder, xid, buf->origptr) ||
		ctx->fast_forward)
		return;

	switch (info)
	{
		case XLOG_ES_INSERT:
			decode_insert(ctx, buf);
			break;
		case XLOG_ES_MULTI:
			decode_multi(ctx, buf);
			break;
		case XLOG_ES_SPEC:
			decode_spec(ctx, buf);
			break;
	}
}
