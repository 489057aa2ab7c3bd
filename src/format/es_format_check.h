/*-------------------------------------------------------------------------
 *
 * es_format_check.h
 *	  Is this page what it should be?  Used by readers, writers and verify.
 *
 * IDENTIFICATION
 *	  src/format/es_format_check.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_FORMAT_CHECK_H
#define ES_FORMAT_CHECK_H

#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "storage/bufpage.h"

#include "format/es_page.h"

/*
 * Header and special space of a page of any kind.  NULL: sound; else what is
 * wrong, a constant text without a period.  Cheap: called at every page read.
 */
extern const char *es_page_check(Page page);

/*
 * The contents of a metapage, directory page or tail page that es_page_check
 * found sound.  Same result.  For tail pages: line pointers and tuple headers.
 */
extern const char *es_meta_check(Page page);
extern const char *es_dir_check(Page page);
extern const char *es_tail_check(Page page);

/*
 * Does a line pointer that is in use point to a place where a tuple can be?
 * Asked for every row that is read, so that a page which was damaged without
 * anybody noticing leads nobody out of it.
 */
static inline bool
es_item_is_sound(Page page, ItemId item)
{
	uint32		offset = ItemIdGetOffset(item);
	uint32		length = ItemIdGetLength(item);

	return offset >= ((PageHeader) page)->pd_upper &&
		offset == MAXALIGN(offset) &&
		length >= MAXALIGN(SizeofHeapTupleHeader) &&
		offset + length <= ((PageHeader) page)->pd_special;
}

/*
 * Is the tuple marked as row "row"?  One with a token is not marked yet.
 */
static inline bool
es_tuple_has_row(HeapTupleHeader tuple, uint64 row)
{
	return HeapTupleHeaderIsSpeculative(tuple) ||
		es_tid_to_row(&tuple->t_ctid) == row;
}

/*
 * Rows are never updated, deleted or locked by a mark on them.
 */
static inline bool
es_tuple_is_untouched(HeapTupleHeader tuple)
{
	return !TransactionIdIsValid(HeapTupleHeaderGetRawXmax(tuple)) &&
		(tuple->t_infomask & HEAP_XACT_MASK & ~HEAP_XMIN_FROZEN) ==
		HEAP_XMAX_INVALID &&
		(tuple->t_infomask2 & ~HEAP_NATTS_MASK) == 0;
}

/*
 * Is the row frozen, or taken back for good?
 */
static inline bool
es_tuple_is_settled(HeapTupleHeader tuple)
{
	return HeapTupleHeaderXminFrozen(tuple) ||
		!TransactionIdIsValid(HeapTupleHeaderGetRawXmin(tuple));
}

/*
 * What the header of a row says of it, whatever became of its transaction, and its
 * line pointer being sound.  Same result.
 */
extern const char *es_row_check(Page page, OffsetNumber offset);

/*
 * How long is the varlena at p, if its header can be read within "room" bytes? 0: it
 * cannot be right.  The result may be larger than "room".
 */
extern size_t es_varlena_size(const char *p, size_t room);

/*
 * Does a tuple's data end within its length, attribute by attribute?  Reads
 * only within "len" bytes.  Same result.
 */
extern const char *es_tuple_check(HeapTupleHeader tuple, uint32 len,
								  TupleDesc desc);

#endif							/* ES_FORMAT_CHECK_H */
