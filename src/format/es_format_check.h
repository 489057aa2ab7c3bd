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
 * Does a tuple's data end within its length, attribute by attribute?  Reads
 * only within "len" bytes.  Same result.
 */
extern const char *es_tuple_check(HeapTupleHeader tuple, uint32 len,
								  TupleDesc desc);

#endif							/* ES_FORMAT_CHECK_H */
