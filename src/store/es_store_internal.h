/*-------------------------------------------------------------------------
 *
 * es_store_internal.h
 *	  What the files of store/ ask of each other.
 *
 * Lock order of a table's buffers (README.md, rule L1): metapage, inner pages,
 * leaves from left to right, tail pages from left to right, newly allocated
 * pages.  A reader holds one at a time.
 *
 * IDENTIFICATION
 *	  src/store/es_store_internal.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_STORE_INTERNAL_H
#define ES_STORE_INTERNAL_H

#include "postgres.h"

#include "format/es_page.h"
#include "format/es_walrec.h"
#include "store/es_store.h"
#include "store/es_store_batch.h"
#include "access/transam.h"

#define ES_META_BLOCK	((BlockNumber) 0)

/* recent units are flushed when fewer places than this are free */
#define ES_FLUSH_FREE_PLACES	2
/* ... the oldest of them, so that leaves are filled and lookups stay cheap */
#define ES_FLUSH_UNITS			48
/* far more blocks than are ever taken, and not written, before a crash */
#define ES_MAX_MISSING_BLOCKS	4096
/* pages that a FLUSH may allocate: a leaf, an inner page, a root */
#define ES_FLUSH_PAGES			3

/* --- es_store_meta.c --- */

/*
 * Lock the metapage; the caller unlocks and releases it.  InvalidBuffer: the
 * table is empty and has none.  The page was checked.
 */
extern Buffer es_meta_lock(Relation rel, int mode);

/* Make the metapage unless there is one; returns with no lock. */
extern void es_meta_create(Relation rel);

/*
 * Make the metapage of a copy: keys and next row number of another table.  Caller
 * is the only user of "rel".
 */
extern void es_meta_create_copy(Relation rel, const EsMetaData *model);

/* Remember what the locked metapage says in the relation's cache. */
extern void es_meta_remember(Relation rel, EsMeta meta);

/*
 * Log one of the records whose pages are all full-page images, and set the
 * pages' LSNs.  In a critical section; buffers are locked and dirty.
 */
extern void es_log_images(Relation rel, uint8 info, uint32 count,
						  const Buffer *buffers, int nbuffers);

/* --- es_store_space.c --- */

/*
 * Lengthen the file so that "need" blocks and a little more fit.  strategy: as in
 * es_store_put_rows.
 */
extern void es_space_extend(Relation rel, BlockNumber alloc_end, uint32 need,
							BufferAccessStrategy strategy);

/* Does the file have "need" blocks from alloc_end on? */
extern bool es_space_suffices(Relation rel, EsMeta meta, uint32 need);

/*
 * Choose up to len consecutive free blocks, at "near" if they are free; do not
 * take them yet.
 */
extern EsExtent es_space_choose(const EsMetaData *meta, BlockNumber near,
								uint32 len);

/* The same, len blocks in one piece. */
extern EsExtent es_space_choose_whole(const EsMetaData *meta, uint32 len);
extern void es_space_take(EsMeta meta, EsExtent extent);
extern void es_space_give(EsMeta meta, EsExtent extent);

/* --- es_store_sweep.c --- */

/*
 * Find free blocks that the list has forgotten; returns how many.  The caller holds
 * ShareUpdateExclusiveLock.
 */
extern BlockNumber es_store_sweep(Relation rel);

/* --- es_store_directory.c: looking up --- */

/*
 * Go down to the leaf that is responsible for a row; returns it locked, or
 * InvalidBuffer if a page is not (any more) what its parent said: *failed.
 */
extern Buffer es_directory_descend(Relation rel, BlockNumber root,
								   uint32 height, uint64 row, int mode,
								   BlockNumber *failed);

/*
 * Read and lock a directory page, the metapage being locked exclusively.  last: it is
 * the rightmost page of its level.
 */
extern Buffer es_directory_read(Relation rel, BlockNumber block, uint8 kind,
								bool last, int mode);

/*
 * The unit that holds row "row", or else the first one after it (forward) or the
 * last one before it (!forward).  false: there is none.
 */
extern bool es_directory_lookup(Relation rel, uint64 row, bool forward,
								EsUnitRef *ref);

/*
 * Where the tree ends by this metapage: units that it gets later begin at or after
 * this row, unless gen moves.
 */
static inline uint64
es_directory_end(const EsMetaData *meta)
{
	if (meta->nrecent > 0)
		return meta->recent[0].first_row;
	return meta->open.npages > 0 ? meta->open.first_row : meta->next_row;
}

/*
 * The open run as a unit, as far as it went when the metapage had this gen.
 */
static inline void
es_set_open_ref(EsUnitRef *ref, const EsOpenRun *open, uint64 gen)
{
	memset(ref, 0, sizeof(EsUnitRef));
	ref->unit.first_row = open->first_row;
	ref->unit.unit_id = open->unit_id;
	ref->unit.start = open->start;
	ref->unit.npages = open->npages;
	ref->unit.kind = ES_UNIT_TAIL;
	ref->open = true;
	ref->gen = gen;
}

/*
 * Copy the units of the leaf that is responsible for a row; room for
 * ES_LEAF_UNITS.  *next_row: where the next leaf begins; infinite: it is the last.
 * false: there is no tree.
 */
extern bool es_directory_leaf(Relation rel, uint64 row, EsUnit *units,
							  uint32 *nunits, uint64 *next_row);

/* --- es_store_dirchange.c: changing it --- */

/* Does a FLUSH come before another unit can be closed? */
extern bool es_directory_is_full(const EsMetaData *meta);

/*
 * Move the oldest nunits recent units into the tree.  The metapage is locked
 * exclusively, and the file has room for ES_FLUSH_PAGES.
 */
extern void es_directory_flush(Relation rel, Buffer metabuf, uint32 nunits);

/*
 * Replace consecutive units of one leaf by others that cover the same rows; what
 * blocks the old ones have and the new ones do not become free.  Rows that are in
 * none of the new ones are aborted.  *split: the leaf was split, so that units that
 * were in one may be in two.  false: the directory has no room for so many, or not
 * these units any more.
 */
extern bool es_directory_replace(Relation rel, const EsUnit *old, uint32 nold,
								 const EsUnit *new, uint32 nnew, bool *split);

/* What a REPLACE does to the metapage. */
extern void es_replace_in_meta(EsMeta meta, const EsUnit *old, uint32 nold,
							   const EsUnit *new, uint32 nnew);
extern void es_dir_page_init(Page page, uint8 kind, uint64 low_row);

/*
 * Move a page of the tree, the one that is responsible for a row on a level (leaves
 * are level 1), to a free block before it.  false: there is none.
 */
extern bool es_directory_move_down(Relation rel, uint64 row, uint32 level);

/*
 * Drop one closed unit without a living row: its blocks become free.  Returns
 * false if the unit is not there any more.
 */
extern bool es_directory_drop(Relation rel, const EsUnit *unit);

/*
 * Take leaves at the end of the tree out of it as long as their units find room in
 * the metapage, so that they do not keep the file from being truncated.  For
 * VACUUM, when it dropped units.
 */
extern void es_directory_trim(Relation rel);

/* --- es_store_split.c --- */

/* blocks that a split may take: leaves for all that a group can become, a root */
#define ES_SPLIT_PAGES			14

/*
 * The same for units that are there, when there are too many for their leaf: it is
 * split.  The metapage is locked exclusively, nothing else, and the file has room
 * for ES_SPLIT_PAGES.  false: the page above the leaf is full.
 */
extern bool es_directory_split(Relation rel, Buffer metabuf,
							   const EsUnit *old, uint32 nold,
							   const EsUnit *new, uint32 nnew);

/* --- es_store_tail.c --- */

/*
 * The metapage is locked: is this locked page the current one that it speaks of?
 * Reports that as damage, if not.
 */
extern void es_check_current(Relation rel, Buffer buffer,
							 const EsOpenRun *open);

/*
 * Close the open run, if its current page is still "block": no page is current
 * any more.  For VACUUM.
 */
extern void es_tail_close_run(Relation rel, BlockNumber block);

/*
 * Write the values that depend on the row's number into its tuple.
 */
extern void es_fill_in_row(EsNewRow *row, uint64 number, const uint8 *id_key);

/* Say why a row cannot have the number that it was given. */
extern void es_report_number(Relation rel, const EsNewRow *row, uint64 next);

/*
 * Make room for rows from number "row" on in a table that nobody else uses:
 * returns the new current page, locked exclusively.  0: the next number.
 */
extern Buffer es_tail_new_page(Relation rel, uint64 row);

/* --- es_store_batch.c --- */

/* An EsImageStep. */
extern size_t es_varlena_step(const uint8_t *at, size_t *off, size_t end,
							  uint8_t align);

/*
 * Unix milliseconds of a timestamp, rounded down; of any 64 bits.
 */
extern int64 es_timestamp_ms(int64 timestamp);

/*
 * A transaction number in 64 bits, by what the next one is; 0 of one that is not
 * normal.  It is at most 2^31 older.
 */
extern uint64 es_full_xid(FullTransactionId next, TransactionId xid);

/*
 * Values passed by value as the codecs have them, and back.
 */
static inline Datum
es_int_to_datum(int64 value, int attlen)
{
	switch (attlen)
	{
		case 1:
			return CharGetDatum((char) value);
		case 2:
			return Int16GetDatum((int16) value);
		case 4:
			return Int32GetDatum((int32) value);
		default:
			return Int64GetDatum(value);
	}
}

static inline int64
es_datum_to_int(Datum value, int attlen)
{
	switch (attlen)
	{
		case 1:
			return (int8) DatumGetChar(value);
		case 2:
			return DatumGetInt16(value);
		case 4:
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}

/*
 * Judging the rows of a load batch: its tuple header, in its first page, which is
 * returned locked.  InvalidBuffer: the batch is gone.
 */
extern Buffer es_batch_lock_header(EsBatch *batch, int mode, HeapTuple tuple);

/* --- es_store_read.c --- */

/*
 * Has the directory changed since "gen", so that what was looked up may be gone?
 * Takes the metapage's lock.
 */
extern bool es_directory_moved(Relation rel, uint64 gen);

/*
 * Read and lock a block as page "index" of a unit.  InvalidBuffer: it is another
 * page now (it was retired, and used again).  Tuples of a page that had to be
 * read from disk are checked.
 */
extern Buffer es_tail_read(Relation rel, const EsUnitRef *ref, uint32 index,
						   BufferAccessStrategy strategy, int mode);

/*
 * Find the page of a tail unit that row "row" is on and return it locked; *index: its
 * place.  The row lies in the unit; if pages were added to an open run since it was
 * looked up, or the unit was retired, InvalidBuffer: look up again.
 */
extern Buffer es_tail_find(Relation rel, const EsUnitRef *ref, uint64 row,
						   BufferAccessStrategy strategy, int mode,
						   uint32 *index);

/* Has the open run got more pages, or been closed, since it was looked up? */
extern bool es_open_run_moved(Relation rel, const EsUnitRef *ref);

/*
 * Did the row's transaction abort?  Asked about rows that look damaged: they may
 * have columns of an ALTER TABLE that was rolled back with them.
 */
extern bool es_row_is_aborted(HeapTupleHeader tuple);

/* Read and lock any block; checks page header, and tuples read from disk. */
extern Buffer es_page_read(Relation rel, BlockNumber block,
						   BufferAccessStrategy strategy, int mode);

/* --- es_store_fetch.c --- */

/*
 * Lock the tail page that row "row" is on.  InvalidBuffer: none holds it.
 */
extern Buffer es_fetch_lock_page(EsFetch *fetch, uint64 row, int mode);

/* --- es_store_apply.c: what records do to pages --- */

extern void es_apply_meta_init(Page page, const xl_es_meta_init *xlrec);
extern void es_apply_new_tail_meta(Page page, const xl_es_new_tail *xlrec);
extern void es_apply_batch_meta(Page page, const xl_es_batch *xlrec);
extern void es_apply_batch_page(Page page, uint64 unit_id, uint64 first_row,
								const char *body, uint64 body_len,
								uint32 index);
extern void es_apply_batch_tuple(Page page, TransactionId xid, CommandId cid,
								 bool frozen);
extern void es_apply_settle_batch(Page page);
extern void es_apply_new_tail_old(Page page);
extern void es_apply_new_tail_page(Page page, const xl_es_new_tail *xlrec);

/*
 * Add a tuple at line pointer "offset"; ones skipped become unused.  false: it
 * does not fit (which callers in critical sections have excluded).
 */
extern bool es_apply_row(Page page, OffsetNumber offset,
						 HeapTupleHeader tuple, uint32 len);
extern void es_apply_spec(Page page, const xl_es_spec *xlrec);
extern void es_apply_settle(Page page, const xl_es_settle *xlrec,
							const uint16 *offsets);

/* Room for tuples and line pointers. */
extern Size es_tail_room(Page page);

static inline uint64
es_page_next_row(Page page)
{
	return EsPageGetSpecial(page)->first_row + PageGetMaxOffsetNumber(page);
}

#endif							/* ES_STORE_INTERNAL_H */
