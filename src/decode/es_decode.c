/*-------------------------------------------------------------------------
 *
 * es_decode.c
 *	  Logical decoding of our WAL records.
 *
 * A row image in WAL is a heap tuple in the table's row type, so a row is decoded
 * by copying it; those of a batch, which is in its record as a whole, are decoded
 * by their columns first.  Values out of line were logged by heap before it, under the same
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
#include "decode/es_decode_internal.h"
#include "format/es_walrec.h"

/* what is left to read of a record's main data */
typedef struct RecordData
{
	XLogRecPtr	lsn;
	const char *at;
	const char *end;
} RecordData;

/*
 * Rows are lost without a word if a record is taken for less than it is.
 */
static void
check_version(uint8 version)
{
	if (version > ES_WAL_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("eventstore WAL record has version %u, this library knows %u",
						version, ES_WAL_VERSION),
				 errhint("Install on this server at least the version of eventstore that has written the record.")));
}

static void
report_length(XLogRecPtr lsn)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("eventstore WAL record at %X/%X does not have the length that it should have",
					LSN_FORMAT_ARGS(lsn))));
}

/*
 * Step over "size" bytes.
 */
static const char *
take_bytes(RecordData *data, Size size)
{
	const char *bytes = data->at;

	if ((Size) (data->end - data->at) < size)
		report_length(data->lsn);
	data->at += size;
	return bytes;
}

ReorderBufferChange *
es_decode_make_change(LogicalDecodingContext *ctx, XLogReaderState *record,
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
 * Queue the row whose image comes next.
 */
static void
queue_row(LogicalDecodingContext *ctx, XLogRecordBuffer *buf, RecordData *data,
		  bool speculative, bool last)
{
	XLogReaderState *record = buf->record;
	ReorderBufferChange *change;
	HeapTuple	tuple;
	HeapTupleHeader header;
	xl_es_row	image;
	const char *bytes;

	memcpy(&image, take_bytes(data, SizeOfEsRow), SizeOfEsRow);
	bytes = take_bytes(data, image.datalen);
	if (image.hoff < SizeofHeapTupleHeader ||
		image.hoff > image.datalen + SizeofHeapTupleHeader)
		report_length(data->lsn);
	change = es_decode_make_change(ctx, record,
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
	memcpy((char *) header + SizeofHeapTupleHeader, bytes, image.datalen);
	header->t_infomask2 = image.infomask2;
	header->t_infomask = image.infomask;
	header->t_hoff = image.hoff;

	/* chunks of all rows of a statement come before its first row */
	change->data.tp.clear_toast_afterwards = last;
	ReorderBufferQueueChange(ctx->reorder, XLogRecGetXid(record), buf->origptr,
							 change, false);
}

static void
decode_insert(LogicalDecodingContext *ctx, XLogRecordBuffer *buf,
			  RecordData *data)
{
	xl_es_insert xlrec;

	memcpy(&xlrec, take_bytes(data, SizeOfEsInsert), SizeOfEsInsert);
	if (!(xlrec.flags & ES_INSERT_LOGICAL) || !is_wanted(ctx, buf->record))
		return;
	queue_row(ctx, buf, data, (xlrec.flags & ES_INSERT_SPECULATIVE) != 0,
			  (xlrec.flags & ES_INSERT_LAST) != 0);
	if (data->at != data->end)
		report_length(data->lsn);
}

static void
decode_multi(LogicalDecodingContext *ctx, XLogRecordBuffer *buf,
			 RecordData *data)
{
	xl_es_multi xlrec;

	memcpy(&xlrec, take_bytes(data, SizeOfEsMulti), SizeOfEsMulti);
	if (!(xlrec.flags & ES_INSERT_LOGICAL) || !is_wanted(ctx, buf->record))
		return;
	for (int i = 0; i < xlrec.nrows; i++)
		queue_row(ctx, buf, data, false,
				  (xlrec.flags & ES_INSERT_LAST) != 0 &&
				  i + 1 == xlrec.nrows);
	if (data->at != data->end)
		report_length(data->lsn);
}

static void
decode_batch(LogicalDecodingContext *ctx, XLogRecordBuffer *buf,
			 RecordData *data)
{
	xl_es_batch xlrec;
	const char *body;

	memcpy(&xlrec, take_bytes(data, SizeOfEsBatch), SizeOfEsBatch);
	if (!(xlrec.flags & ES_BATCH_LOGICAL) || !is_wanted(ctx, buf->record))
		return;
	body = take_bytes(data, xlrec.body_len);
	if (data->at != data->end)
		report_length(data->lsn);
	es_decode_batch_rows(ctx, buf, &xlrec, body);
}

static void
decode_spec(LogicalDecodingContext *ctx, XLogRecordBuffer *buf,
			RecordData *data)
{
	ReorderBufferChange *change;
	xl_es_spec	xlrec;

	memcpy(&xlrec, take_bytes(data, SizeOfEsSpec), SizeOfEsSpec);
	if (data->at != data->end)
		report_length(data->lsn);
	if (!is_wanted(ctx, buf->record))
		return;
	change = es_decode_make_change(ctx, buf->record,
						 xlrec.flags & ES_SPEC_CONFIRM ?
						 REORDER_BUFFER_CHANGE_INTERNAL_SPEC_CONFIRM :
						 REORDER_BUFFER_CHANGE_INTERNAL_SPEC_ABORT);
	change->data.tp.clear_toast_afterwards = true;
	ReorderBufferQueueChange(ctx->reorder, XLogRecGetXid(buf->record),
							 buf->origptr, change, false);
}

/*
 * Queue the changes of a record; most records have none.
 */
static void
decode_record(LogicalDecodingContext *ctx, XLogRecordBuffer *buf, uint8 info)
{
	RecordData	data;

	data.lsn = buf->origptr;
	data.at = XLogRecGetData(buf->record);
	data.end = data.at + XLogRecGetDataLen(buf->record);
	if (data.at == data.end)
		report_length(data.lsn);
	check_version(*(const uint8 *) data.at);

	switch (info)
	{
		case XLOG_ES_INSERT:
			decode_insert(ctx, buf, &data);
			break;
		case XLOG_ES_MULTI:
			decode_multi(ctx, buf, &data);
			break;
		case XLOG_ES_BATCH:
			decode_batch(ctx, buf, &data);
			break;
		case XLOG_ES_SPEC:
			decode_spec(ctx, buf, &data);
			break;
		case XLOG_ES_META_INIT:
		case XLOG_ES_NEW_TAIL:
		case XLOG_ES_FLUSH:
		case XLOG_ES_SETTLE:
		case XLOG_ES_TRUNC:
		case XLOG_ES_META:
		case XLOG_ES_REPLACE:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("eventstore WAL record of type 0x%02X is not known to this library",
							info),
					 errhint("Install on this server at least the version of eventstore that has written the record.")));
	}
}

void
es_decode(LogicalDecodingContext *ctx, XLogRecordBuffer *buf)
{
	TransactionId xid = XLogRecGetXid(buf->record);
	uint8		info = XLogRecGetInfo(buf->record) & XLOG_ES_OPMASK;

	ReorderBufferProcessXid(ctx->reorder, xid, buf->origptr);
	if (SnapBuildCurrentState(ctx->snapshot_builder) < SNAPBUILD_FULL_SNAPSHOT)
		return;

	/* also gives the transaction its first snapshot, so it is asked first */
	if ((info == XLOG_ES_INSERT || info == XLOG_ES_MULTI ||
		 info == XLOG_ES_BATCH || info == XLOG_ES_SPEC) &&
		!SnapBuildProcessChange(ctx->snapshot_builder, xid, buf->origptr))
		return;

	/* what cannot be decoded can still be passed over, by advancing the slot */
	if (!ctx->fast_forward)
		decode_record(ctx, buf, info);
}
