/*-------------------------------------------------------------------------
 *
 * es_batch_check.c
 *	  Is this the header of a batch?
 *
 * Everything here takes any bytes and reads only within what it was given.
 *
 * IDENTIFICATION
 *	  src/format/es_batch_check.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "port/pg_crc32c.h"

#include "codec/es_codec.h"
#include "format/es_batch.h"

const char *
es_batch_check_header(const EsBatchHeader *header)
{
	if (header->magic != ES_BATCH_MAGIC)
		return "The batch has a wrong magic number";
	if (header->version < 1 || header->version > ES_BATCH_VERSION)
		return "The batch has a version that this library does not know";
	if (header->flags != 0)
		return "The batch has flags that do not exist";
	if (header->nrows < 1 || header->nrows > ES_BATCH_MAX_ROWS ||
		header->nrows > header->span)
		return "The batch's number of rows is out of range";
	if (header->natts > MaxHeapAttributeNumber ||
		header->ncolumns < header->natts ||
		header->ncolumns > header->natts + 2)
		return "The batch's number of columns is out of range";
	if (header->header_len <
		sizeof(EsBatchHeader) + header->ncolumns * sizeof(EsBatchColumn) ||
		header->header_len >
		sizeof(EsBatchHeader) + header->ncolumns *
		(sizeof(EsBatchColumn) +
		 es_batch_vectors(header->nrows) * sizeof(EsBatchZone)))
		return "The batch's header length is out of range";
	if (header->body_len < header->header_len ||
		header->body_len > ES_BATCH_MAX_BYTES)
		return "The batch's length is out of range";
	if (header->xid > header->max_xid)
		return "The batch's transactions are out of order";
	return NULL;
}

/*
 * CRC of a header as it is stored.
 */
static uint32
header_crc(const EsBatchHeader *header)
{
	EsBatchHeader copy = *header;
	pg_crc32c	crc;

	copy.header_crc = 0;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, &copy, sizeof(copy));
	COMP_CRC32C(crc, (const char *) header + sizeof(copy),
				header->header_len - sizeof(copy));
	FIN_CRC32C(crc);
	return crc;
}

/*
 * Which column has to stand at this place of the table, if it is a hidden one?
 */
static bool
hidden_in_place(const EsBatchHeader *header, uint32 i)
{
	const EsBatchColumn *columns = es_batch_columns(header);

	if (columns[i].attnum == ES_BATCH_OFFSETS)
		return i == header->natts && header->nrows < header->span;
	if (columns[i].attnum == ES_BATCH_XIDS)
		return i + 1 == header->ncolumns;
	return false;
}

static const char *
check_column(const EsBatchHeader *header, const EsBatchColumn *column)
{
	bool		by_value = (column->flags & ES_COLUMN_BY_VALUE) != 0;
	uint64		begin = MAXALIGN(header->header_len);

	if ((column->flags & ~ES_COLUMN_FLAGS_KNOWN) != 0)
		return "A column of the batch has flags that do not exist";
	if (column->attlen < -2 || column->attlen == 0 ||
		(column->attalign != 1 && column->attalign != 2 &&
		 column->attalign != 4 && column->attalign != 8))
		return "A column of the batch has no possible length or alignment";
	if (by_value &&
		column->attlen != 1 && column->attlen != 2 &&
		column->attlen != 4 && column->attlen != 8)
		return "A column of the batch has values of no possible length";
	if (column->nnulls > header->nrows)
		return "A column of the batch has too many nulls";
	if (column->encoding < ES_ENC_NULLS || column->encoding > ES_ENC_MADE_ID)
		return "A column of the batch has an encoding that does not exist";
	if (column->related < 0 || column->related > header->natts)
		return "A column of the batch is relative to one that is not there";
	if (column->encoding == ES_ENC_NULLS ||
		column->encoding == ES_ENC_POSITION)
	{
		if (column->len != 0)
			return "A column of the batch has bytes that it does not need";
	}
	else if (column->len == 0 || column->offset < begin ||
			 column->offset != MAXALIGN(column->offset) ||
			 column->offset > header->body_len ||
			 column->len > header->body_len - column->offset)
		return "A column of the batch lies outside it";
	if (column->encoding == ES_ENC_NULLS && column->nnulls != header->nrows)
		return "A column of the batch has values that are not there";
	if ((column->encoding == ES_ENC_POSITION && column->attlen != 8) ||
		(column->encoding == ES_ENC_MADE_ID && column->attlen != 16))
		return "A column of the batch has an encoding of other values";
	if (column->zones != 0 &&
		(!by_value || column->zones != MAXALIGN(column->zones) ||
		 column->zones < sizeof(EsBatchHeader) +
		 header->ncolumns * sizeof(EsBatchColumn) ||
		 column->zones > header->header_len ||
		 es_batch_vectors(header->nrows) * sizeof(EsBatchZone) >
		 header->header_len - column->zones))
		return "A column's zone map lies outside the batch's header";
	return NULL;
}

const char *
es_batch_check_columns(const EsBatchHeader *header)
{
	const EsBatchColumn *columns = es_batch_columns(header);
	bool		have_offsets = false;

	if (header_crc(header) != header->header_crc)
		return "The batch's header has a wrong checksum";
	for (uint32 i = 0; i < header->ncolumns; i++)
	{
		const char *problem = check_column(header, &columns[i]);

		if (problem != NULL)
			return problem;
		if (i < header->natts)
		{
			if (columns[i].attnum != (int) i + 1)
				return "The batch's columns are out of order";
			continue;
		}
		if (!hidden_in_place(header, i))
			return "The batch's columns are out of order";
		if ((columns[i].flags & ES_COLUMN_BY_VALUE) == 0 ||
			columns[i].nnulls > 0)
			return "A hidden column of the batch is not made of numbers";
		if (columns[i].attnum == ES_BATCH_OFFSETS)
			have_offsets = true;
	}
	if (have_offsets != (header->nrows < header->span))
		return "The batch's row numbers are not as many as its rows";
	return NULL;
}
