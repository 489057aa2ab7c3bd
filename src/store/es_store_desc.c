/*-------------------------------------------------------------------------
 *
 * es_store_desc.c
 *	  WAL records in words: for pg_walinspect, wal_debug, and the context of
 *	  errors in replay.
 *
 * Prints "key: value" in the order of the fields.  Records may come from
 * another version of the library or be damaged, so nothing is read beyond their
 * data: a record too short for its struct is said to be so.
 *
 * IDENTIFICATION
 *	  src/store/es_store_desc.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlogreader.h"
#include "lib/stringinfo.h"

#include "format/es_walrec.h"
#include "store/es_store.h"

typedef struct EsFlagName
{
	uint8		flag;
	const char *name;
} EsFlagName;

static const EsFlagName new_tail_flags[] = {
	{ES_NEW_TAIL_PAGE, "PAGE"},
	{ES_NEW_TAIL_OLD, "OLD"},
	{ES_NEW_TAIL_CLOSE, "CLOSE"},
	{ES_NEW_TAIL_RUN, "RUN"},
	{ES_NEW_TAIL_REFILL, "REFILL"}
};

static const EsFlagName insert_flags[] = {
	{ES_INSERT_LOGICAL, "LOGICAL"},
	{ES_INSERT_LAST, "LAST"},
	{ES_INSERT_SKIPS, "SKIPS"},
	{ES_INSERT_SPECULATIVE, "SPECULATIVE"}
};

static const EsFlagName spec_flags[] = {
	{ES_SPEC_CONFIRM, "CONFIRM"}
};

static const EsFlagName settle_flags[] = {
	{ES_SETTLE_PAGE, "PAGE"},
	{ES_SETTLE_BATCH, "BATCH"}
};

static const EsFlagName batch_flags[] = {
	{ES_BATCH_LOGICAL, "LOGICAL"},
	{ES_BATCH_LAST, "LAST"},
	{ES_BATCH_OLD, "OLD"},
	{ES_BATCH_FROZEN, "FROZEN"}
};

static void
append_flags(StringInfo buf, uint8 flags, const EsFlagName *names, int nnames)
{
	const char *separator = "";

	appendStringInfoString(buf, ", flags: [");
	for (int i = 0; i < nnames; i++)
	{
		if (!(flags & names[i].flag))
			continue;
		appendStringInfo(buf, "%s%s", separator, names[i].name);
		separator = ", ";
		flags &= ~names[i].flag;
	}
	if (flags != 0)
		appendStringInfo(buf, "%s0x%02X", separator, flags);
	appendStringInfoChar(buf, ']');
}

static void
desc_meta_init(StringInfo buf, const char *data)
{
	xl_es_meta_init xlrec;

	/* the keys are secrets of the table */
	memcpy(&xlrec, data, SizeOfEsMetaInit);
	appendStringInfo(buf, ", life: " UINT64_FORMAT
					 ", locator: %u/%u/%u, next_row: " UINT64_FORMAT,
					 xlrec.life, xlrec.locator[0], xlrec.locator[1],
					 xlrec.locator[2], xlrec.next_row);
}

static void
desc_new_tail(StringInfo buf, const char *data)
{
	xl_es_new_tail xlrec;

	memcpy(&xlrec, data, SizeOfEsNewTail);
	append_flags(buf, xlrec.flags, new_tail_flags, lengthof(new_tail_flags));
	appendStringInfo(buf, ", index_in_unit: %u, unit_id: " UINT64_FORMAT
					 ", first_row: " UINT64_FORMAT,
					 xlrec.index_in_unit, xlrec.unit_id, xlrec.first_row);
	if (xlrec.flags & ES_NEW_TAIL_CLOSE)
		appendStringInfo(buf, ", end_row: " UINT64_FORMAT ", nrows: %u",
						 xlrec.end_row, xlrec.nrows);
	if (xlrec.flags & ES_NEW_TAIL_REFILL)
		appendStringInfo(buf, ", reserve_start: %u, reserve_len: %u",
						 xlrec.reserve_start, xlrec.reserve_len);
	if (xlrec.flags & ES_NEW_TAIL_PAGE)
		appendStringInfo(buf, ", block: %u", xlrec.block);
}

/*
 * The sizes of row images, as far as they are there.
 */
static void
append_rows(StringInfo buf, const char *data, Size len, int nrows)
{
	appendStringInfoString(buf, ", datalen: [");
	for (int i = 0; i < nrows; i++)
	{
		xl_es_row	row;

		if (len < SizeOfEsRow)
		{
			appendStringInfo(buf, "%scut short", i > 0 ? ", " : "");
			break;
		}
		memcpy(&row, data, SizeOfEsRow);
		appendStringInfo(buf, "%s%u", i > 0 ? ", " : "", row.datalen);
		data += SizeOfEsRow;
		len -= SizeOfEsRow;
		if (row.datalen > len)
		{
			appendStringInfoString(buf, " cut short");
			break;
		}
		data += row.datalen;
		len -= row.datalen;
	}
	appendStringInfoChar(buf, ']');
}

static void
desc_insert(StringInfo buf, const char *data, Size len)
{
	xl_es_insert xlrec;

	memcpy(&xlrec, data, SizeOfEsInsert);
	append_flags(buf, xlrec.flags, insert_flags, lengthof(insert_flags));
	appendStringInfo(buf, ", offset: %u", xlrec.offset);
	append_rows(buf, data + SizeOfEsInsert, len - SizeOfEsInsert, 1);
}

static void
desc_multi(StringInfo buf, const char *data, Size len)
{
	xl_es_multi xlrec;

	memcpy(&xlrec, data, SizeOfEsMulti);
	append_flags(buf, xlrec.flags, insert_flags, lengthof(insert_flags));
	appendStringInfo(buf, ", offset: %u, nrows: %u", xlrec.offset, xlrec.nrows);
	append_rows(buf, data + SizeOfEsMulti, len - SizeOfEsMulti, xlrec.nrows);
}

static void
desc_batch(StringInfo buf, const char *data)
{
	xl_es_batch xlrec;

	memcpy(&xlrec, data, SizeOfEsBatch);
	append_flags(buf, xlrec.flags, batch_flags, lengthof(batch_flags));
	appendStringInfo(buf, ", unit_id: " UINT64_FORMAT ", first_row: " UINT64_FORMAT
					 ", span: %u, nrows: %u, start: %u, npages: %u, body_len: %u",
					 xlrec.unit_id, xlrec.first_row, xlrec.span, xlrec.nrows,
					 xlrec.start, xlrec.npages, xlrec.body_len);
	if (xlrec.flags & ES_BATCH_OLD)
		appendStringInfo(buf, ", run_end: " UINT64_FORMAT, xlrec.run_end);
}

static void
desc_spec(StringInfo buf, const char *data)
{
	xl_es_spec	xlrec;

	memcpy(&xlrec, data, SizeOfEsSpec);
	append_flags(buf, xlrec.flags, spec_flags, lengthof(spec_flags));
	appendStringInfo(buf, ", offset: %u", xlrec.offset);
}

static void
desc_images(StringInfo buf, const char *data)
{
	xl_es_images xlrec;

	memcpy(&xlrec, data, SizeOfEsImages);
	appendStringInfo(buf, ", count: %u", xlrec.count);
}

/*
 * Print up to n offsets and move past them.
 */
static void
append_offsets(StringInfo buf, const char *name, const char **data, Size *len,
			   int n)
{
	appendStringInfo(buf, ", %s: [", name);
	for (int i = 0; i < n; i++)
	{
		uint16		offset;

		if (*len < sizeof(offset))
		{
			appendStringInfo(buf, "%scut short", i > 0 ? ", " : "");
			break;
		}
		memcpy(&offset, *data, sizeof(offset));
		appendStringInfo(buf, "%s%u", i > 0 ? ", " : "", offset);
		*data += sizeof(offset);
		*len -= sizeof(offset);
	}
	appendStringInfoChar(buf, ']');
}

static void
desc_settle(StringInfo buf, const char *data, Size len)
{
	xl_es_settle xlrec;

	memcpy(&xlrec, data, SizeOfEsSettle);
	append_flags(buf, xlrec.flags, settle_flags, lengthof(settle_flags));
	appendStringInfo(buf, ", nfrozen: %u, naborted: %u, conflict_xid: %u",
					 xlrec.nfrozen, xlrec.naborted, xlrec.conflict_xid);
	data += SizeOfEsSettle;
	len -= SizeOfEsSettle;
	append_offsets(buf, "frozen", &data, &len, xlrec.nfrozen);
	append_offsets(buf, "aborted", &data, &len, xlrec.naborted);
}

/*
 * Bytes that a record has at least; 0: no such record.
 */
static Size
smallest_size(uint8 info)
{
	switch (info & XLOG_ES_OPMASK)
	{
		case XLOG_ES_META_INIT:
			return SizeOfEsMetaInit;
		case XLOG_ES_NEW_TAIL:
			return SizeOfEsNewTail;
		case XLOG_ES_INSERT:
			return SizeOfEsInsert;
		case XLOG_ES_MULTI:
			return SizeOfEsMulti;
		case XLOG_ES_BATCH:
			return SizeOfEsBatch;
		case XLOG_ES_SPEC:
			return SizeOfEsSpec;
		case XLOG_ES_SETTLE:
			return SizeOfEsSettle;
		case XLOG_ES_FLUSH:
		case XLOG_ES_REPLACE:
		case XLOG_ES_TRUNC:
		case XLOG_ES_META:
			return SizeOfEsImages;
		default:
			return 0;
	}
}

void
es_store_desc(StringInfo buf, XLogReaderState *record)
{
	uint8		info = XLogRecGetInfo(record) & XLOG_ES_OPMASK;
	const char *data = XLogRecGetData(record);
	Size		len = XLogRecGetDataLen(record);

	if (len < 1)
	{
		appendStringInfoString(buf, "cut short");
		return;
	}
	appendStringInfo(buf, "version: %u", (uint8) data[0]);
	if ((uint8) data[0] != ES_WAL_VERSION || smallest_size(info) == 0)
		return;
	if (len < smallest_size(info))
	{
		appendStringInfoString(buf, ", cut short");
		return;
	}

	switch (info)
	{
		case XLOG_ES_META_INIT:
			desc_meta_init(buf, data);
			break;
		case XLOG_ES_NEW_TAIL:
			desc_new_tail(buf, data);
			break;
		case XLOG_ES_INSERT:
			desc_insert(buf, data, len);
			break;
		case XLOG_ES_MULTI:
			desc_multi(buf, data, len);
			break;
		case XLOG_ES_BATCH:
			desc_batch(buf, data);
			break;
		case XLOG_ES_SPEC:
			desc_spec(buf, data);
			break;
		case XLOG_ES_SETTLE:
			desc_settle(buf, data, len);
			break;
		case XLOG_ES_FLUSH:
		case XLOG_ES_REPLACE:
		case XLOG_ES_TRUNC:
		case XLOG_ES_META:
			desc_images(buf, data);
			break;
	}
}

const char *
es_store_identify(uint8 info)
{
	switch (info & XLOG_ES_OPMASK)
	{
		case XLOG_ES_META_INIT:
			return "META_INIT";
		case XLOG_ES_NEW_TAIL:
			return "NEW_TAIL";
		case XLOG_ES_INSERT:
			return "INSERT";
		case XLOG_ES_MULTI:
			return "MULTI";
		case XLOG_ES_BATCH:
			return "BATCH";
		case XLOG_ES_SPEC:
			return "SPEC";
		case XLOG_ES_FLUSH:
			return "FLUSH";
		case XLOG_ES_SETTLE:
			return "SETTLE";
		case XLOG_ES_TRUNC:
			return "TRUNC";
		case XLOG_ES_META:
			return "META";
		case XLOG_ES_REPLACE:
			return "REPLACE";
		default:
			return NULL;
	}
}
