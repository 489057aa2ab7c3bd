/*-------------------------------------------------------------------------
 *
 * test_decode.c
 *	  Logical decoding of records: sound ones become the changes that they
 *	  describe, others are an error, and no bytes whatever make it read where it
 *	  may not.  Output is TAP.
 *
 *	  Links: src/decode/es_decode.c
 *
 * IDENTIFICATION
 *	  tests/unit/test_decode.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <setjmp.h>

#include "access/htup_details.h"
#include "access/xlogreader.h"
#include "replication/decode.h"
#include "replication/logical.h"
#include "replication/reorderbuffer.h"
#include "replication/slot.h"
#include "replication/snapbuild.h"

#include "base/es_compat.h"
#include "decode/es_decode.h"
#include "decode/es_decode_internal.h"
#include "format/es_walrec.h"

/* libc's will do; PostgreSQL's would have to be linked */
#undef printf
#undef fprintf

#define RANDOM_RECORDS	200000
#define MAX_CHANGES		10
#define DATABASE		5
#define XID				1000
#define ORIGIN			7

/* --- what the server would supply --- */

static ReorderBufferChange *changes[MAX_CHANGES];
static int	nchanges = 0;
static SnapBuildState state = SNAPBUILD_CONSISTENT;
static bool wants_origin = true;
static Oid	database = DATABASE;
static int	sqlstate = 0;
static sigjmp_buf on_error;

/*
 * Batches are decoded by the storage, which takes a server: es_decode_batch.c.
 */
static int	nbatches = 0;

void
es_decode_batch_rows(LogicalDecodingContext *ctx, XLogRecordBuffer *buf,
					 const xl_es_batch *xlrec, const char *body)
{
	nbatches++;
}

/* under the name of the function that a failed Assert calls */
extern void stop_at_assertion(void) __asm__("ExceptionalCondition");

void
stop_at_assertion(void)
{
	fprintf(stderr, "an assertion failed\n");
	abort();
}

bool
errstart(int elevel, const char *domain)
{
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return true;
}

int
errcode(int code)
{
	sqlstate = code;
	return 0;
}

int
errmsg(const char *text,...)
{
	return 0;
}

int
errhint(const char *text,...)
{
	return 0;
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	siglongjmp(on_error, 1);
}

void
XLogRecGetBlockTag(XLogReaderState *record, uint8 block_id,
				   EsFileLocator *locator, ForkNumber *fork, BlockNumber *block)
{
	es_locator_spc(*locator) = 1663;
	es_locator_db(*locator) = database;
	es_locator_number(*locator) = 16384;
}

ReorderBufferChange *
es_reorder_alloc_change(ReorderBuffer *rb)
{
	return calloc(1, sizeof(ReorderBufferChange));
}

typeof(((ReorderBufferChange *) NULL)->data.tp.newtuple)
es_reorder_alloc_tuple(ReorderBuffer *rb, Size len)
{
	typeof(((ReorderBufferChange *) NULL)->data.tp.newtuple) tuple;

	tuple = calloc(1, sizeof(*tuple));
	es_change_tuple(tuple)->t_data = malloc(SizeofHeapTupleHeader + len);
	return tuple;
}

void
ReorderBufferQueueChange(ReorderBuffer *rb, TransactionId xid, XLogRecPtr lsn,
						 ReorderBufferChange *change, bool toast_insert)
{
	if (xid != XID || toast_insert || nchanges == MAX_CHANGES)
		abort();
	changes[nchanges++] = change;
}

void
ReorderBufferProcessXid(ReorderBuffer *rb, TransactionId xid, XLogRecPtr lsn)
{
	if (xid != XID)
		abort();
}

SnapBuildState
SnapBuildCurrentState(SnapBuild *builder)
{
	return state;
}

bool
SnapBuildProcessChange(SnapBuild *builder, TransactionId xid, XLogRecPtr lsn)
{
	return true;
}

bool
filter_by_origin_cb_wrapper(LogicalDecodingContext *ctx, RepOriginId origin)
{
	if (origin != ORIGIN)
		abort();
	return !wants_origin;
}

/* only its address is used */
static bool
has_filter(struct LogicalDecodingContext *ctx, RepOriginId origin)
{
	return false;
}

/* --- tests --- */

static int	ntests = 0;
static int	nfailed = 0;

static void
check(bool good, const char *what)
{
	ntests++;
	if (!good)
		nfailed++;
	printf("%s %d - %s\n", good ? "ok" : "not ok", ntests, what);
}

static void
forget_changes(void)
{
	for (int i = 0; i < nchanges; i++)
	{
		if (changes[i]->data.tp.newtuple != NULL)
		{
			free(es_change_tuple(changes[i]->data.tp.newtuple)->t_data);
			free(changes[i]->data.tp.newtuple);
		}
		free(changes[i]);
	}
	nchanges = 0;
}

/*
 * Decode a record with such main data, which are copied to a place that is
 * exactly as large.  Returns the SQLSTATE of the error; 0: none.
 */
static int
decode(uint8 info, const char *data, uint32 len, bool fast_forward)
{
	LogicalDecodingContext ctx;
	ReplicationSlot *slot = calloc(1, sizeof(ReplicationSlot));
	XLogReaderState *reader = calloc(1, sizeof(XLogReaderState));
	DecodedXLogRecord *record = calloc(1, sizeof(DecodedXLogRecord));
	XLogRecordBuffer buf;

	forget_changes();
	memset(&ctx, 0, sizeof(ctx));
	slot->data.database = DATABASE;
	ctx.slot = slot;
	ctx.fast_forward = fast_forward;
	ctx.callbacks.filter_by_origin_cb = has_filter;
	record->header.xl_info = info;
	record->header.xl_xid = XID;
	record->record_origin = ORIGIN;
	record->main_data = malloc(len);
	record->main_data_len = len;
	memcpy(record->main_data, data, len);
	reader->record = record;
	buf.origptr = 0x1000;
	buf.endptr = 0x2000;
	buf.record = reader;

	sqlstate = 0;
	if (sigsetjmp(on_error, 0) == 0)
		es_decode(&ctx, &buf);
	free(record->main_data);
	free(record);
	free(reader);
	free(slot);
	return sqlstate;
}

/*
 * Add a row image to a record that is "len" long: n bytes, each of them n.
 */
static uint32
add_row(char *data, uint32 len, int n)
{
	xl_es_row	image;

	image.datalen = n;
	image.infomask2 = 0x0100 + n;
	image.infomask = 0x0200 + n;
	image.hoff = 24;
	memcpy(data + len, &image, SizeOfEsRow);
	memset(data + len + SizeOfEsRow, n, n);
	return len + SizeOfEsRow + n;
}

static uint32
make_insert(char *data, uint8 flags)
{
	xl_es_insert xlrec = {ES_WAL_VERSION, flags, 1};

	memcpy(data, &xlrec, SizeOfEsInsert);
	return add_row(data, SizeOfEsInsert, 40);
}

static uint32
make_multi(char *data, uint8 flags)
{
	xl_es_multi xlrec = {ES_WAL_VERSION, flags, 1, 3, 0};
	uint32		len = SizeOfEsMulti;

	memcpy(data, &xlrec, SizeOfEsMulti);
	for (int n = 40; n < 43; n++)
		len = add_row(data, len, n);
	return len;
}

/* Is change i the insertion of the row that add_row made of n? */
static bool
is_row(int i, int action, int n, bool last)
{
	ReorderBufferChange *change = changes[i];
	HeapTuple	tuple;
	const char *bytes;

	if (i >= nchanges || (int) change->action != action ||
		change->origin_id != ORIGIN ||
		change->data.tp.clear_toast_afterwards != last ||
		es_locator_number(*es_change_locator(change)) != 16384)
		return false;
	tuple = es_change_tuple(change->data.tp.newtuple);
	bytes = (char *) tuple->t_data + SizeofHeapTupleHeader;
	for (int at = 0; at < n; at++)
		if (bytes[at] != n)
			return false;
	return tuple->t_len == SizeofHeapTupleHeader + n &&
		tuple->t_data->t_infomask2 == 0x0100 + n &&
		tuple->t_data->t_infomask == 0x0200 + n &&
		tuple->t_data->t_hoff == 24 &&
		!ItemPointerIsValid(&tuple->t_self) && tuple->t_tableOid == InvalidOid;
}

/*
 * A batch is handed on when it is to be decoded, wanted, and as long as it says.
 */
static void
test_batches(void)
{
	xl_es_batch xlrec;
	char		data[SizeOfEsBatch + 10];

	memset(&xlrec, 0, sizeof(xlrec));
	memset(data, 0, sizeof(data));
	xlrec.version = ES_WAL_VERSION;
	xlrec.flags = ES_BATCH_LOGICAL;
	xlrec.body_len = 10;
	memcpy(data, &xlrec, SizeOfEsBatch);
	check(decode(XLOG_ES_BATCH, data, sizeof(data), false) == 0 &&
		  nbatches == 1, "BATCH");
	check(decode(XLOG_ES_BATCH, data, sizeof(data) - 1, false) ==
		  ERRCODE_DATA_CORRUPTED && nbatches == 1, "BATCH that is cut short");
	check(decode(XLOG_ES_BATCH, data, sizeof(data), true) == 0 &&
		  nbatches == 1, "BATCH that is passed over");
	wants_origin = false;
	check(decode(XLOG_ES_BATCH, data, sizeof(data), false) == 0 &&
		  nbatches == 1, "BATCH of an origin that is not wanted");
	wants_origin = true;
	xlrec.flags = 0;
	memcpy(data, &xlrec, SizeOfEsBatch);
	check(decode(XLOG_ES_BATCH, data, sizeof(data), false) == 0 &&
		  nbatches == 1, "BATCH that is not to be decoded");
}

static void
test_sound_records(void)
{
	const uint8 logical = ES_INSERT_LOGICAL;
	char		data[1000];
	uint32		len;
	xl_es_spec	spec = {ES_WAL_VERSION, 0, 1};

	len = make_insert(data, logical | ES_INSERT_LAST);
	check(decode(XLOG_ES_INSERT, data, len, false) == 0 && nchanges == 1 &&
		  is_row(0, REORDER_BUFFER_CHANGE_INSERT, 40, true), "INSERT");
	len = make_insert(data, logical);
	check(decode(XLOG_ES_INSERT, data, len, false) == 0 && nchanges == 1 &&
		  is_row(0, REORDER_BUFFER_CHANGE_INSERT, 40, false),
		  "INSERT of a row that is not the last");
	len = make_insert(data, logical | ES_INSERT_LAST | ES_INSERT_SPECULATIVE);
	check(decode(XLOG_ES_INSERT, data, len, false) == 0 && nchanges == 1 &&
		  is_row(0, REORDER_BUFFER_CHANGE_INTERNAL_SPEC_INSERT, 40, true),
		  "speculative INSERT");
	len = make_multi(data, logical | ES_INSERT_LAST);
	check(decode(XLOG_ES_MULTI, data, len, false) == 0 && nchanges == 3 &&
		  is_row(0, REORDER_BUFFER_CHANGE_INSERT, 40, false) &&
		  is_row(1, REORDER_BUFFER_CHANGE_INSERT, 41, false) &&
		  is_row(2, REORDER_BUFFER_CHANGE_INSERT, 42, true), "MULTI");
	len = make_multi(data, logical);
	check(decode(XLOG_ES_MULTI, data, len, false) == 0 && nchanges == 3 &&
		  is_row(2, REORDER_BUFFER_CHANGE_INSERT, 42, false),
		  "MULTI that is not the last");
	check(decode(XLOG_ES_SPEC, (char *) &spec, SizeOfEsSpec, false) == 0 &&
		  nchanges == 1 &&
		  changes[0]->action == REORDER_BUFFER_CHANGE_INTERNAL_SPEC_ABORT,
		  "SPEC that takes back");
	spec.flags = ES_SPEC_CONFIRM;
	check(decode(XLOG_ES_SPEC, (char *) &spec, SizeOfEsSpec, false) == 0 &&
		  nchanges == 1 &&
		  changes[0]->action == REORDER_BUFFER_CHANGE_INTERNAL_SPEC_CONFIRM,
		  "SPEC that confirms");

	len = make_insert(data, ES_INSERT_LAST);
	check(decode(XLOG_ES_INSERT, data, len, false) == 0 && nchanges == 0,
		  "INSERT that was not written to be decoded");
	len = make_multi(data, ES_INSERT_LAST);
	check(decode(XLOG_ES_MULTI, data, len, false) == 0 && nchanges == 0,
		  "MULTI that was not written to be decoded");

	memset(data, 0, sizeof(data));
	data[0] = ES_WAL_VERSION;
	check(decode(XLOG_ES_META_INIT, data, 72, false) == 0 && nchanges == 0 &&
		  decode(XLOG_ES_NEW_TAIL, data, 48, false) == 0 && nchanges == 0 &&
		  decode(XLOG_ES_FLUSH, data, 8, false) == 0 && nchanges == 0 &&
		  decode(XLOG_ES_SETTLE, data, 12, false) == 0 && nchanges == 0 &&
		  decode(XLOG_ES_TRUNC, data, 8, false) == 0 && nchanges == 0 &&
		  decode(XLOG_ES_META, data, 8, false) == 0 && nchanges == 0 &&
		  decode(XLOG_ES_REPLACE, data, 8, false) == 0 && nchanges == 0,
		  "all other records have no changes");
}

static void
test_unwanted_records(void)
{
	char		data[1000];
	uint32		len = make_insert(data, ES_INSERT_LAST);

	check(decode(XLOG_ES_INSERT, data, len, false) == 0 && nchanges == 0,
		  "a row that is not to be decoded");
	len = make_multi(data, ES_INSERT_LAST);
	check(decode(XLOG_ES_MULTI, data, len, false) == 0 && nchanges == 0,
		  "rows that are not to be decoded");
	len = make_multi(data, ES_INSERT_LOGICAL | ES_INSERT_LAST);
	database = DATABASE + 1;
	check(decode(XLOG_ES_MULTI, data, len, false) == 0 && nchanges == 0,
		  "rows of another database");
	database = DATABASE;
	wants_origin = false;
	check(decode(XLOG_ES_MULTI, data, len, false) == 0 && nchanges == 0,
		  "rows of an origin that is not wanted");
	wants_origin = true;
	state = SNAPBUILD_BUILDING_SNAPSHOT;
	check(decode(XLOG_ES_MULTI, data, len, false) == 0 && nchanges == 0,
		  "rows before there is a snapshot");
	state = SNAPBUILD_CONSISTENT;
	check(decode(XLOG_ES_MULTI, data, len, true) == 0 && nchanges == 0,
		  "rows that are passed over");
}

/*
 * Each record cut off anywhere is an error, and so is a byte too many.
 */
static void
test_lengths(uint8 info, char *data, uint32 len, const char *what)
{
	bool		good = true;

	for (uint32 shorter = 0; shorter < len; shorter++)
		if (decode(info, data, shorter, false) != ERRCODE_DATA_CORRUPTED)
			good = false;
	if (decode(info, data, len + 1, false) != ERRCODE_DATA_CORRUPTED)
		good = false;
	check(good && decode(info, data, len, false) == 0, what);
}

static void
test_damaged_records(void)
{
	char		data[1000];
	char		image[1000];
	uint32		len;
	bool		good = true;
	xl_es_spec	spec = {ES_WAL_VERSION, ES_SPEC_CONFIRM, 1};

	memset(data, 0, sizeof(data));
	len = make_insert(data, ES_INSERT_LOGICAL);
	test_lengths(XLOG_ES_INSERT, data, len, "every length of INSERT");
	len = make_multi(data, ES_INSERT_LOGICAL);
	test_lengths(XLOG_ES_MULTI, data, len, "every length of MULTI");
	memcpy(data, &spec, SizeOfEsSpec);
	test_lengths(XLOG_ES_SPEC, data, SizeOfEsSpec, "every length of SPEC");

	len = make_insert(data, ES_INSERT_LOGICAL);
	for (int hoff = 0; hoff < 256; hoff++)
	{
		data[SizeOfEsInsert + offsetof(xl_es_row, hoff)] = (char) hoff;
		if ((decode(XLOG_ES_INSERT, data, len, false) == 0) !=
			(hoff >= (int) SizeofHeapTupleHeader &&
			 hoff <= (int) SizeofHeapTupleHeader + 40))
			good = false;
	}
	check(good, "the data of a row begin within it");

	len = make_multi(data, ES_INSERT_LOGICAL);
	srandom(1);
	for (int i = 0; i < RANDOM_RECORDS; i++)
	{
		memcpy(image, data, len);
		for (int n = random() % 4; n >= 0; n--)
			image[1 + random() % (len - 1)] = (char) random();
		/* as many rows as are looked at here */
		image[offsetof(xl_es_multi, nrows)] = random() % MAX_CHANGES;
		image[offsetof(xl_es_multi, nrows) + 1] = 0;
		(void) decode(XLOG_ES_MULTI, image, len, false);
	}
	check(true, "random bytes");
}

static void
test_later_records(void)
{
	char		data[1000];
	uint32		len = make_insert(data, ES_INSERT_LOGICAL);
	bool		good = true;

	data[0] = ES_WAL_VERSION + 1;
	check(decode(XLOG_ES_INSERT, data, len, false) ==
		  ERRCODE_FEATURE_NOT_SUPPORTED && nchanges == 0,
		  "a record of a later version");
	check(decode(XLOG_ES_META, data, len, false) ==
		  ERRCODE_FEATURE_NOT_SUPPORTED,
		  "a record of a later version without rows of today");
	check(decode(XLOG_ES_INSERT, data, len, true) == 0,
		  "a record of a later version that is passed over");

	data[0] = ES_WAL_VERSION;
	for (int info = 0x90; info <= 0xF0; info += 0x10)
		if (info != XLOG_ES_REPLACE && info != XLOG_ES_BATCH &&
			(decode(info, data, len, false) != ERRCODE_FEATURE_NOT_SUPPORTED ||
			 decode(info, data, len, true) != 0))
			good = false;
	check(good, "a record that is not known");
}

int
main(void)
{
	test_sound_records();
	test_batches();
	test_unwanted_records();
	test_damaged_records();
	test_later_records();
	forget_changes();
	printf("1..%d\n", ntests);
	return nfailed == 0 ? 0 : 1;
}
