/*-------------------------------------------------------------------------
 *
 * es_batch.h
 *	  The inside of a batch: up to 65,536 rows, by columns.
 *
 * A batch is one string of bytes, its body, cut into the pages of its extent.  They
 * stand from the end of the page header to pd_lower; all pages but the last are
 * full.  The first page has 24 bytes less of them, which are kept for a heap
 * tuple's header at the end of the page.
 *
 *	  +--------------+--------------+------------+-----+------------+
 *	  | EsBatchHeader | column table | zone maps | stream | stream ... |
 *	  +--------------+--------------+------------+-----+------------+
 *	  0             64                          header_len, rounded up to 8
 *
 * Nothing in the body depends on the number of the batch's first row, which is in
 * the special space of its pages and in the directory.  What is inside a stream
 * is its codec's (codec/README.md).
 *
 * Rows
 *	  The batch covers the row numbers [first_row, first_row + span) and has nrows
 *	  rows of them.  If that is fewer, the hidden column ES_BATCH_OFFSETS has each
 *	  row's number less first_row, ascending.
 *
 * Transactions
 *	  The rows of a settled batch are known to be committed; each has the 64-bit
 *	  number of the transaction that inserted it, or 0 when it is older than all
 *	  snapshots (frozen).  That of all rows is "xid", unless there is a hidden
 *	  column ES_BATCH_XIDS.
 *
 *	  A load batch (unit flag ES_UNIT_FLAG_LOAD) is of one transaction, whose outcome
 *	  is to be found out: for that its first page has the header of a heap tuple
 *	  behind pd_upper, with xmin, cmin, t_ctid = TID of the first row, which
 *	  PostgreSQL's code judges as it would judge a row.
 *
 * Columns
 *	  Attributes 1 to natts in order, then the hidden ones.  A column with encoding
 *	  ES_ENC_NULLS or ES_ENC_POSITION has no stream (len 0).  That of one with
 *	  ES_ENC_MADE_ID, ids that the storage made of the row's number and some
 *	  milliseconds, is of these: integers.  Milliseconds, there and in
 *	  ES_ENC_UUID7, may be relative to those of a timestamp, the attribute
 *	  "related".  An attribute that the table got later is not in the batch.
 *
 * Zone maps
 *	  Of a column of integers, for each 1024 rows: least and greatest value as
 *	  signed 64-bit integers; least > greatest: all are null.
 *
 * Versions of batches (header, field "version")
 *	  1	 0.1.0	first
 *
 * IDENTIFICATION
 *	  src/format/es_batch.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_BATCH_H
#define ES_BATCH_H

#include "postgres.h"

#include "storage/bufpage.h"

#include "format/es_page.h"

#define ES_BATCH_MAGIC			0x48435442	/* "BTCH" */
#define ES_BATCH_VERSION		1

#define ES_BATCH_MAX_ROWS		65536
#define ES_BATCH_VECTOR_ROWS	1024

#define ES_BATCH_PAGE_BYTES \
	(BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - sizeof(EsPageSpecialData))
#define ES_BATCH_TUPLE_BYTES	MAXALIGN(SizeofHeapTupleHeader)
#define ES_BATCH_FIRST_BYTES	(ES_BATCH_PAGE_BYTES - ES_BATCH_TUPLE_BYTES)

/* largest body: its columns' offsets and its pages stay far below any limit */
#define ES_BATCH_MAX_BYTES		(UINT64CONST(1) << 40)

/*
 *	  OFFSET  SIZE  FIELD
 *	     0      4   magic
 *	     4      2   version
 *	     6      2   flags         0
 *	     8      4   header_len    header, column table, zone maps
 *	    12      4   header_crc    CRC-32C of these, with this field 0
 *	    16      8   body_len
 *	    24      4   span          row numbers covered
 *	    28      4   nrows
 *	    32      2   natts         attributes in the column table
 *	    34      2   ncolumns      all columns in it
 *	    36      4   unused        0
 *	    40      8   xid           of all rows
 *	    48      8   max_xid       the newest of all rows
 *	    56      8   raw_bytes     of all values, as they stand in memory
 */
typedef struct EsBatchHeader
{
	uint32		magic;
	uint16		version;
	uint16		flags;
	uint32		header_len;
	uint32		header_crc;
	uint64		body_len;
	uint32		span;
	uint32		nrows;
	uint16		natts;
	uint16		ncolumns;
	uint32		unused;
	uint64		xid;
	uint64		max_xid;
	uint64		raw_bytes;
} EsBatchHeader;

StaticAssertDecl(sizeof(EsBatchHeader) == 64, "EsBatchHeader is on disk");
StaticAssertDecl(offsetof(EsBatchHeader, xid) == 40, "EsBatchHeader is on disk");

/* hidden columns */
#define ES_BATCH_OFFSETS		(-1)	/* row number less first_row */
#define ES_BATCH_XIDS			(-2)	/* transaction */

#define ES_COLUMN_BY_VALUE		0x01
#define ES_COLUMN_HAS_NULLS		0x02
#define ES_COLUMN_USES_TRAINED	0x04	/* dictionary dict_id */
#define ES_COLUMN_FLAGS_KNOWN	0x07

/*
 *	  OFFSET  SIZE  FIELD
 *	     0      2   attnum        from 1; or a hidden column
 *	     2      2   attlen        as in pg_attribute
 *	     4      1   attalign      in bytes
 *	     5      1   flags         ES_COLUMN_*
 *	     6      1   encoding      EsEncoding, as in the stream's first byte
 *	     7      1   codec         of its blocks, ES_CODEC_*
 *	     8      4   dict_id       trained dictionary; 0: none
 *	    12      4   nnulls
 *	    16      4   ndistinct     0: not counted
 *	    20      4   crc           CRC-32C of the stream
 *	    24      8   offset        of the stream in the body, a multiple of 8
 *	    32      8   len           of the stream
 *	    40      8   raw_bytes     of its values
 *	    48      4   zones         offset of its zone map in the body; 0: none
 *	    52      2   related       attribute that milliseconds are relative to; 0
 *	    54     10   unused        0
 */
typedef struct EsBatchColumn
{
	int16		attnum;
	int16		attlen;
	uint8		attalign;
	uint8		flags;
	uint8		encoding;
	uint8		codec;
	uint32		dict_id;
	uint32		nnulls;
	uint32		ndistinct;
	uint32		crc;
	uint64		offset;
	uint64		len;
	uint64		raw_bytes;
	uint32		zones;
	int16		related;
	uint16		unused;
	uint32		unused2[2];
} EsBatchColumn;

StaticAssertDecl(sizeof(EsBatchColumn) == 64, "EsBatchColumn is on disk");
StaticAssertDecl(offsetof(EsBatchColumn, zones) == 48, "EsBatchColumn is on disk");

typedef struct EsBatchZone
{
	int64		min;
	int64		max;
} EsBatchZone;

static inline uint32
es_batch_vectors(uint32 nrows)
{
	return (nrows + ES_BATCH_VECTOR_ROWS - 1) / ES_BATCH_VECTOR_ROWS;
}

/* pages of a body */
static inline uint64
es_batch_pages(uint64 body_len)
{
	return (body_len + ES_BATCH_TUPLE_BYTES + ES_BATCH_PAGE_BYTES - 1) /
		ES_BATCH_PAGE_BYTES;
}

/* where in the body a page of it begins, and which page has a byte of it */
static inline uint64
es_batch_page_begin(uint32 index)
{
	return index == 0 ? 0 :
		(uint64) index * ES_BATCH_PAGE_BYTES - ES_BATCH_TUPLE_BYTES;
}

static inline uint32
es_batch_page_of(uint64 offset)
{
	return (uint32) ((offset + ES_BATCH_TUPLE_BYTES) / ES_BATCH_PAGE_BYTES);
}

/* how many bytes of the body are on a page of it */
static inline uint32
es_batch_page_len(uint64 body_len, uint32 index)
{
	uint64		begin = es_batch_page_begin(index);

	return (uint32) (Min(body_len, es_batch_page_begin(index + 1)) - begin);
}

/* the first page of a load batch: its tuple header */
static inline HeapTupleHeader
es_batch_tuple_header(Page page)
{
	return (HeapTupleHeader)
		((char *) page + BLCKSZ - sizeof(EsPageSpecialData) -
		 ES_BATCH_TUPLE_BYTES);
}

/* Is it the first page of a load batch? */
static inline bool
es_batch_has_tuple(Page page)
{
	return EsPageGetSpecial(page)->index_in_unit == 0 &&
		((PageHeader) page)->pd_upper ==
		BLCKSZ - sizeof(EsPageSpecialData) - ES_BATCH_TUPLE_BYTES;
}

/*
 * Is this the header of a batch, as far as its first 64 bytes say?  And the whole
 * of it, header_len bytes, being in memory: column table, zone maps and CRC?
 * NULL: sound; else what is wrong, a constant text without a period.
 */
extern const char *es_batch_check_header(const EsBatchHeader *header);
extern const char *es_batch_check_columns(const EsBatchHeader *header);

static inline EsBatchColumn *
es_batch_columns(const EsBatchHeader *header)
{
	return (EsBatchColumn *) (header + 1);
}

#endif							/* ES_BATCH_H */
