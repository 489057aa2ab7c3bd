/*-------------------------------------------------------------------------
 *
 * es_store_dirchange.c
 *	  Changes of the directory: recent units go to the tree (FLUSH), units go or
 *	  become others (REPLACE), the tree is trimmed.
 *
 * Whoever changes it holds the metapage exclusively, so there is one at a time and
 * no protocol for splits.  The tree grows and shrinks at its right end; anywhere
 * else only the units of one leaf change, which stays responsible for the same
 * rows, unless it has to be split (es_store_split.c).
 *
 * IDENTIFICATION
 *	  src/store/es_store_dirchange.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"

#include "base/es_corrupt.h"
#include "base/es_stoppoint.h"
#include "format/es_format_check.h"
#include "store/es_store_internal.h"

bool
es_directory_is_full(const EsMetaData *meta)
{
	return meta->nrecent + ES_FLUSH_FREE_PLACES > ES_META_RECENT_UNITS;
}

/* ----------------------------------------------------------------
 * FLUSH
 * ----------------------------------------------------------------
 */

/* The pages of one FLUSH, in lock order; buffers[0] is the metapage. */
typedef struct FlushPages
{
	Relation	rel;
	EsMeta		meta;
	Buffer		buffers[8];
	int			nbuffers;
	EsExtent	taken[ES_FLUSH_PAGES];
	int			ntaken;
} FlushPages;

static Page
lock_old(FlushPages *pages, BlockNumber block, uint8 kind)
{
	Buffer		buffer = es_directory_read(pages->rel, block, kind, true,
									   BUFFER_LOCK_EXCLUSIVE);

	pages->buffers[pages->nbuffers++] = buffer;
	return BufferGetPage(buffer);
}

/*
 * Lock a free block for a new directory page.  It is taken from the free space in
 * a copy of the metapage only: see es_directory_flush.
 */
static Page
lock_new(FlushPages *pages, BlockNumber *block)
{
	EsExtent	extent = es_space_choose(pages->meta, InvalidBlockNumber, 1);
	Buffer		buffer;

	es_space_take(pages->meta, extent);
	pages->taken[pages->ntaken++] = extent;
	pages->meta->counters.dir_blocks++;
	*block = extent.start;
	buffer = ReadBufferExtended(pages->rel, MAIN_FORKNUM, extent.start,
								RBM_ZERO_AND_LOCK, NULL);
	pages->buffers[pages->nbuffers++] = buffer;
	return BufferGetPage(buffer);
}

void
es_dir_page_init(Page page, uint8 kind, uint64 low_row)
{
	es_page_init(page, kind, 0, low_row, 0, 0);
	memset(EsPageGetDir(page), 0, sizeof(EsDirHeader));
	EsPageGetDir(page)->high_row = ES_HIGH_ROW_INFINITE;
	es_page_set_lower(page);
}

static void
add_entry(Page page, uint64 low_row, BlockNumber child)
{
	EsInnerEntry *entry = &EsPageGetEntries(page)[EsPageGetDir(page)->n++];

	memset(entry, 0, sizeof(EsInnerEntry));
	entry->low_row = low_row;
	entry->child = child;
	es_page_set_lower(page);
}

static void
add_units(Page page, const EsUnit *units, uint32 n)
{
	EsDirHeader *dir = EsPageGetDir(page);

	memcpy(&EsPageGetUnits(page)[dir->n], units, n * sizeof(EsUnit));
	dir->n += n;
	es_page_set_lower(page);
}

/*
 * What a FLUSH will do, found out before anything changes.
 */
typedef struct FlushPlan
{
	uint32		fit;			/* units that go to the last leaf */
	bool		new_leaf;
	bool		new_inner;		/* beside the last one */
	bool		new_root;
} FlushPlan;

static void
plan_flush(Relation rel, EsMeta meta, uint32 nunits, FlushPlan *plan)
{
	Buffer		buffer;

	memset(plan, 0, sizeof(FlushPlan));
	if (meta->height == 0)
	{
		plan->new_leaf = true;
		return;
	}
	buffer = es_directory_read(rel, meta->last_leaf, ES_PAGE_LEAF, true,
						   BUFFER_LOCK_SHARE);
	plan->fit = Min(nunits,
					ES_LEAF_UNITS - EsPageGetDir(BufferGetPage(buffer))->n);
	UnlockReleaseBuffer(buffer);
	if (plan->fit == nunits)
		return;

	plan->new_leaf = true;
	if (meta->height == 1)
	{
		plan->new_root = true;
		return;
	}
	buffer = es_directory_read(rel, meta->last_inner, ES_PAGE_INNER, true,
						   BUFFER_LOCK_SHARE);
	plan->new_inner =
		EsPageGetDir(BufferGetPage(buffer))->n == ES_INNER_ENTRIES;
	UnlockReleaseBuffer(buffer);
	if (!plan->new_inner)
		return;
	if (meta->height == 2)
	{
		plan->new_root = true;
		return;
	}
	buffer = es_directory_read(rel, meta->root, ES_PAGE_INNER, true,
						   BUFFER_LOCK_SHARE);
	if (EsPageGetDir(BufferGetPage(buffer))->n == ES_INNER_ENTRIES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("directory of relation \"%s\" is full",
						RelationGetRelationName(rel))));
	UnlockReleaseBuffer(buffer);
}

/*
 * All pages are locked, and new blocks read, before the critical section.  New
 * blocks must be chosen before that too, so taking them is done on a copy of the
 * metapage, which then replaces the page's contents.
 */
void
es_directory_flush(Relation rel, Buffer metabuf, uint32 nunits)
{
	EsMetaData *meta = palloc(sizeof(EsMetaData));
	FlushPages	pages;
	FlushPlan	plan;
	Page		root = NULL,
				inner = NULL,
				leaf = NULL,
				new_root = NULL,
				new_inner = NULL,
				new_leaf = NULL;
	BlockNumber old_root;
	BlockNumber new_root_block = 0,
				new_inner_block = 0,
				new_leaf_block = 0;
	uint64		low_row;

	memcpy(meta, EsPageGetMeta(BufferGetPage(metabuf)), sizeof(EsMetaData));
	Assert(nunits > 0 && meta->nrecent >= nunits);
	old_root = meta->root;
	plan_flush(rel, meta, nunits, &plan);

	memset(&pages, 0, sizeof(pages));
	pages.rel = rel;
	pages.meta = meta;
	pages.buffers[pages.nbuffers++] = metabuf;
	if (plan.new_leaf && meta->height == 3 && plan.new_inner)
		root = lock_old(&pages, old_root, ES_PAGE_INNER);
	if (plan.new_leaf && meta->height >= 2)
		inner = lock_old(&pages, meta->last_inner, ES_PAGE_INNER);
	if (meta->height >= 1)
		leaf = lock_old(&pages, meta->last_leaf, ES_PAGE_LEAF);
	if (plan.new_root)
		new_root = lock_new(&pages, &new_root_block);
	if (plan.new_inner)
		new_inner = lock_new(&pages, &new_inner_block);
	if (plan.new_leaf)
		new_leaf = lock_new(&pages, &new_leaf_block);
	XLogEnsureRecordSpace(pages.nbuffers - 1, 0);
	low_row = meta->height == 0 ? 0 :
		(plan.fit < nunits ? meta->recent[plan.fit].first_row : 0);

	START_CRIT_SECTION();
	if (plan.fit > 0)
		add_units(leaf, meta->recent, plan.fit);
	if (plan.new_leaf)
	{
		es_dir_page_init(new_leaf, ES_PAGE_LEAF, low_row);
		add_units(new_leaf, meta->recent + plan.fit, nunits - plan.fit);
		if (leaf != NULL)
			EsPageGetDir(leaf)->high_row = low_row;
		meta->last_leaf = new_leaf_block;
	}
	if (plan.new_inner)
	{
		es_dir_page_init(new_inner, ES_PAGE_INNER, low_row);
		add_entry(new_inner, low_row, new_leaf_block);
		EsPageGetDir(inner)->high_row = low_row;
		meta->last_inner = new_inner_block;
	}
	else if (inner != NULL)
		add_entry(inner, low_row, new_leaf_block);
	if (plan.new_root)
	{
		es_dir_page_init(new_root, ES_PAGE_INNER, 0);
		add_entry(new_root, 0, old_root);
		add_entry(new_root, low_row,
				  plan.new_inner ? new_inner_block : new_leaf_block);
		meta->root = new_root_block;
		meta->height++;
		if (meta->height == 2)
			meta->last_inner = new_root_block;
	}
	else if (root != NULL)
		add_entry(root, low_row, new_inner_block);
	else if (meta->height == 0)
	{
		meta->root = new_leaf_block;
		meta->height = 1;
	}

	meta->nrecent -= nunits;
	memmove(meta->recent, meta->recent + nunits,
			meta->nrecent * sizeof(EsUnit));
	memset(meta->recent + meta->nrecent, 0, nunits * sizeof(EsUnit));
	memcpy(EsPageGetMeta(BufferGetPage(metabuf)), meta, sizeof(EsMetaData));

	for (int i = 0; i < pages.nbuffers; i++)
		MarkBufferDirty(pages.buffers[i]);
	ES_STOP_POINT("flush-before-wal");
	es_log_images(rel, XLOG_ES_FLUSH, nunits, pages.buffers, pages.nbuffers);
	ES_STOP_POINT("flush-after-wal");
	END_CRIT_SECTION();

	for (int i = pages.nbuffers - 1; i > 0; i--)
		UnlockReleaseBuffer(pages.buffers[i]);
	pfree(meta);
}

/* ----------------------------------------------------------------
 * REPLACE: a unit goes
 * ----------------------------------------------------------------
 */

/* Where is the unit in an array?  -1: nowhere. */
static int
find_unit(const EsUnit *units, uint32 n, const EsUnit *unit)
{
	for (uint32 i = 0; i < n; i++)
		if (units[i].unit_id == unit->unit_id &&
			units[i].first_row == unit->first_row)
			return i;
	return -1;
}

bool
es_directory_drop(Relation rel, const EsUnit *unit)
{
	Buffer		buffers[2];
	int			nbuffers = 1;
	EsMeta		meta;
	EsUnit	   *units;
	uint32	   *n;
	int			at;
	EsExtent	extent;

	buffers[0] = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
	if (!BufferIsValid(buffers[0]))
		return false;
	meta = EsPageGetMeta(BufferGetPage(buffers[0]));
	units = meta->recent;
	n = &meta->nrecent;
	if (unit->first_row < es_directory_end(meta) && meta->root != 0)
	{
		BlockNumber failed;

		buffers[1] = es_directory_descend(rel, meta->root, meta->height, unit->first_row,
							 BUFFER_LOCK_EXCLUSIVE, &failed);
		if (!BufferIsValid(buffers[1]))
			es_report_corruption(rel, failed,
								 "The directory page does not hold row " UINT64_FORMAT,
								 unit->first_row);
		nbuffers = 2;
		units = EsPageGetUnits(BufferGetPage(buffers[1]));
		n = &EsPageGetDir(BufferGetPage(buffers[1]))->n;
	}

	at = find_unit(units, *n, unit);
	if (at >= 0)
	{
		START_CRIT_SECTION();
		memmove(&units[at], &units[at + 1], (*n - at - 1) * sizeof(EsUnit));
		(*n)--;
		memset(&units[*n], 0, sizeof(EsUnit));
		if (nbuffers == 2)
			es_page_set_lower(BufferGetPage(buffers[1]));
		meta->counters.rows -= unit->nrows;
		meta->counters.unit_blocks -= unit->npages;
		if (!es_unit_is_settled(unit))
			meta->counters.loose_blocks -= unit->npages;
		meta->counters.holes = Min(meta->counters.holes, meta->counters.rows);
		extent.start = unit->start;
		extent.len = unit->npages;
		es_space_give(meta, extent);
		meta->gen++;
		for (int i = 0; i < nbuffers; i++)
			MarkBufferDirty(buffers[i]);
		ES_STOP_POINT("replace-before-wal");
		es_log_images(rel, XLOG_ES_REPLACE, 1, buffers, nbuffers);
		ES_STOP_POINT("replace-after-wal");
		END_CRIT_SECTION();
	}
	for (int i = nbuffers - 1; i >= 0; i--)
		UnlockReleaseBuffer(buffers[i]);
	return at >= 0;
}

/* ----------------------------------------------------------------
 * REPLACE: units become others
 * ----------------------------------------------------------------
 */

/*
 * Give back the blocks of an old unit that no new one has: a tail unit may be kept
 * in part.
 */
static void
give_rest(EsMeta meta, const EsUnit *old, const EsUnit *new, uint32 nnew)
{
	EsExtent	rest;
	BlockNumber end = old->start + old->npages;

	rest.start = old->start;
	for (uint32 i = 0; i < nnew; i++)
	{
		if (new[i].start < rest.start || new[i].start >= end)
			continue;
		rest.len = new[i].start - rest.start;
		if (rest.len > 0)
			es_space_give(meta, rest);
		rest.start = new[i].start + new[i].npages;
	}
	rest.len = end - rest.start;
	if (rest.len > 0)
		es_space_give(meta, rest);
}

/*
 * What a REPLACE does to the metapage.  Blocks that were pending are in use now.
 */
void
es_replace_in_meta(EsMeta meta, const EsUnit *old, uint32 nold,
				   const EsUnit *new, uint32 nnew)
{
	EsCounters *c = &meta->counters;
	uint64		rows = c->rows;

	for (uint32 i = 0; i < nold; i++)
	{
		c->rows -= old[i].nrows;
		c->unit_blocks -= old[i].npages;
		if (!es_unit_is_settled(&old[i]))
			c->loose_blocks -= old[i].npages;
	}
	for (uint32 i = 0; i < nnew; i++)
	{
		c->rows += new[i].nrows;
		c->unit_blocks += new[i].npages;
		if (!es_unit_is_settled(&new[i]))
			c->loose_blocks += new[i].npages;
	}
	/* rows that are in none of the new units are aborted ones */
	c->holes -= Min(c->holes, rows - c->rows);
	c->holes = Min(c->holes, c->rows);
	for (uint32 i = 0; i < nold; i++)
		give_rest(meta, &old[i], new, nnew);
	memset(meta->pending, 0, sizeof(meta->pending));
	meta->npending = 0;
	meta->gen++;
}

/*
 * One try; *need > 0: the file has to have so many blocks more than *alloc_end
 * first.
 */
static bool
try_to_replace(Relation rel, const EsUnit *old, uint32 nold,
			   const EsUnit *new, uint32 nnew, bool *split,
			   BlockNumber *alloc_end, uint32 *need)
{
	Buffer		buffers[2];
	EsMeta		meta;
	Page		leaf;
	EsUnit	   *units;
	uint32		n;
	int			at;
	BlockNumber failed;
	bool		found;
	bool		replaced = false;

	*split = false;
	*need = 0;
	buffers[0] = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
	if (!BufferIsValid(buffers[0]))
		return false;
	meta = EsPageGetMeta(BufferGetPage(buffers[0]));
	if (meta->root == 0 || old[0].first_row >= es_directory_end(meta))
	{
		UnlockReleaseBuffer(buffers[0]);
		return false;
	}
	buffers[1] = es_directory_descend(rel, meta->root, meta->height, old[0].first_row,
						 BUFFER_LOCK_EXCLUSIVE, &failed);
	if (!BufferIsValid(buffers[1]))
		es_report_corruption(rel, failed,
							 "The directory page does not hold row " UINT64_FORMAT,
							 old[0].first_row);
	leaf = BufferGetPage(buffers[1]);
	units = EsPageGetUnits(leaf);
	n = EsPageGetDir(leaf)->n;

	for (at = 0; at < (int) n && units[at].first_row < old[0].first_row; at++)
		;
	found = at + nold <= n &&
		memcmp(&units[at], old, nold * sizeof(EsUnit)) == 0;
	if (found && n - nold + nnew <= (uint32) ES_LEAF_UNITS)
	{
		START_CRIT_SECTION();
		memmove(&units[at + nnew], &units[at + nold],
				(n - at - nold) * sizeof(EsUnit));
		memcpy(&units[at], new, nnew * sizeof(EsUnit));
		EsPageGetDir(leaf)->n = n - nold + nnew;
		if (nnew < nold)
			memset(&units[n - nold + nnew], 0, (nold - nnew) * sizeof(EsUnit));
		es_page_set_lower(leaf);
		es_replace_in_meta(meta, old, nold, new, nnew);
		MarkBufferDirty(buffers[0]);
		MarkBufferDirty(buffers[1]);
		ES_STOP_POINT("replace-before-wal");
		es_log_images(rel, XLOG_ES_REPLACE, nold, buffers, 2);
		ES_STOP_POINT("replace-after-wal");
		END_CRIT_SECTION();
		replaced = true;
	}
	UnlockReleaseBuffer(buffers[1]);
	if (found && !replaced)
	{
		/* the page above is locked before the leaf, so begin anew there */
		if (es_space_suffices(rel, meta, ES_SPLIT_PAGES))
			replaced = *split = es_directory_split(rel, buffers[0], old, nold,
												   new, nnew);
		else
		{
			*alloc_end = meta->alloc_end;
			*need = ES_SPLIT_PAGES;
		}
	}
	UnlockReleaseBuffer(buffers[0]);
	return replaced;
}

bool
es_directory_replace(Relation rel, const EsUnit *old, uint32 nold,
					 const EsUnit *new, uint32 nnew, bool *split)
{
	for (;;)
	{
		BlockNumber alloc_end;
		uint32		need;
		bool		replaced = try_to_replace(rel, old, nold, new, nnew, split,
											  &alloc_end, &need);

		if (need == 0)
			return replaced;
		es_space_extend(rel, alloc_end, need, NULL);
	}
}

/* ----------------------------------------------------------------
 * Moving a directory page
 * ----------------------------------------------------------------
 */

/*
 * Which entry of an inner page is responsible for a row?
 */
static uint32
find_entry(Page page, uint64 row)
{
	EsInnerEntry *entries = EsPageGetEntries(page);
	uint32		at = 0;

	while (at + 1 < EsPageGetDir(page)->n && entries[at + 1].low_row <= row)
		at++;
	return at;
}

/*
 * The page on this level that is responsible for a row, and its parent, locked
 * exclusively; *parent is invalid of the root.
 */
static Buffer
lock_path(Relation rel, const EsMetaData *meta, uint64 row, uint32 level,
		  Buffer *parent)
{
	Buffer		buffer = es_page_read(rel, meta->root, NULL,
									  BUFFER_LOCK_EXCLUSIVE);

	*parent = InvalidBuffer;
	for (uint32 at = meta->height; at > level; at--)
	{
		Page		page = BufferGetPage(buffer);
		const char *problem = es_dir_check(page);

		if (problem == NULL && EsPageGetSpecial(page)->kind != ES_PAGE_INNER)
			problem = "The directory page is on the wrong level";
		if (problem != NULL)
			es_report_corruption(rel, BufferGetBlockNumber(buffer), "%s",
								 problem);
		if (BufferIsValid(*parent))
			UnlockReleaseBuffer(*parent);
		*parent = buffer;
		buffer = es_page_read(rel, EsPageGetEntries(page)[find_entry(page, row)].child,
							  NULL, BUFFER_LOCK_EXCLUSIVE);
	}
	return buffer;
}

bool
es_directory_move_down(Relation rel, uint64 row, uint32 level)
{
	Buffer		buffers[3];
	int			nbuffers = 1;
	Buffer		old;
	Buffer		parent;
	EsMeta		meta;
	EsExtent	extent;
	BlockNumber block;
	bool		moves;

	buffers[0] = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
	if (!BufferIsValid(buffers[0]))
		return false;
	meta = EsPageGetMeta(BufferGetPage(buffers[0]));
	if (meta->height < level)
	{
		UnlockReleaseBuffer(buffers[0]);
		return false;
	}
	old = lock_path(rel, meta, row, level, &parent);
	block = BufferGetBlockNumber(old);
	if (BufferIsValid(parent))
		buffers[nbuffers++] = parent;
	extent = es_space_choose_whole(meta, 1);
	moves = extent.start < block;
	if (moves)
	{
		buffers[nbuffers++] = ReadBufferExtended(rel, MAIN_FORKNUM, extent.start,
												 RBM_ZERO_AND_LOCK, NULL);
		START_CRIT_SECTION();
		memcpy(BufferGetPage(buffers[nbuffers - 1]), BufferGetPage(old), BLCKSZ);
		es_space_take(meta, extent);
		if (BufferIsValid(parent))
		{
			Page		page = BufferGetPage(parent);

			EsPageGetEntries(page)[find_entry(page, row)].child = extent.start;
		}
		if (meta->root == block)
			meta->root = extent.start;
		if (meta->last_leaf == block)
			meta->last_leaf = extent.start;
		if (meta->last_inner == block)
			meta->last_inner = extent.start;
		extent.start = block;
		es_space_give(meta, extent);
		meta->gen++;
		for (int i = 0; i < nbuffers; i++)
			MarkBufferDirty(buffers[i]);
		ES_STOP_POINT("replace-before-wal");
		es_log_images(rel, XLOG_ES_REPLACE, 0, buffers, nbuffers);
		ES_STOP_POINT("replace-after-wal");
		END_CRIT_SECTION();
	}
	UnlockReleaseBuffer(old);
	for (int i = nbuffers - 1; i >= 0; i--)
		UnlockReleaseBuffer(buffers[i]);
	return moves;
}

/* ----------------------------------------------------------------
 * Trimming the tree
 * ----------------------------------------------------------------
 */

/* The last leaf and the pages that point to it; meta is buffers[0]. */
typedef struct TrimPages
{
	Buffer		buffers[4];
	int			nbuffers;
	Page		inner;			/* NULL: the leaf is the root */
	Page		previous;		/* the leaf before */
} TrimPages;

static Page
lock_for_trim(Relation rel, TrimPages *pages, BlockNumber block, uint8 kind,
			  bool last)
{
	Buffer		buffer = es_directory_read(rel, block, kind, last,
									   BUFFER_LOCK_EXCLUSIVE);

	pages->buffers[pages->nbuffers++] = buffer;
	return BufferGetPage(buffer);
}

static void
free_dir_block(EsMeta meta, BlockNumber block)
{
	EsExtent	extent;

	extent.start = block;
	extent.len = 1;
	es_space_give(meta, extent);
	meta->counters.dir_blocks--;
}

/*
 * Take the last leaf out of the tree; its units become recent ones.
 */
static void
remove_last_leaf(Relation rel, EsMeta meta, Page leaf, TrimPages *pages)
{
	uint32		n = EsPageGetDir(leaf)->n;

	START_CRIT_SECTION();
	memmove(meta->recent + n, meta->recent, meta->nrecent * sizeof(EsUnit));
	memcpy(meta->recent, EsPageGetUnits(leaf), n * sizeof(EsUnit));
	meta->nrecent += n;
	free_dir_block(meta, meta->last_leaf);
	if (pages->inner == NULL)
	{
		meta->root = 0;
		meta->height = 0;
		meta->last_leaf = 0;
	}
	else
	{
		EsDirHeader *dir = EsPageGetDir(pages->inner);

		dir->n--;
		memset(&EsPageGetEntries(pages->inner)[dir->n], 0,
			   sizeof(EsInnerEntry));
		es_page_set_lower(pages->inner);
		EsPageGetDir(pages->previous)->high_row = ES_HIGH_ROW_INFINITE;
		meta->last_leaf = EsPageGetEntries(pages->inner)[dir->n - 1].child;
		if (meta->height == 2 && dir->n == 1)
		{
			/* a root with one child is none */
			free_dir_block(meta, meta->root);
			meta->root = meta->last_leaf;
			meta->height = 1;
			meta->last_inner = 0;
		}
	}
	meta->gen++;
	for (int i = 0; i < pages->nbuffers; i++)
		MarkBufferDirty(pages->buffers[i]);
	ES_STOP_POINT("replace-before-wal");
	es_log_images(rel, XLOG_ES_REPLACE, 0, pages->buffers, pages->nbuffers);
	ES_STOP_POINT("replace-after-wal");
	END_CRIT_SECTION();
}

/*
 * One step of es_directory_trim; false: there is nothing (more) to do.
 */
static bool
trim_last_leaf(Relation rel)
{
	TrimPages	pages;
	EsMeta		meta;
	Buffer		leafbuf;
	bool		trim;
	uint32		n = 0;

	memset(&pages, 0, sizeof(pages));
	pages.buffers[0] = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
	if (!BufferIsValid(pages.buffers[0]))
		return false;
	pages.nbuffers = 1;
	meta = EsPageGetMeta(BufferGetPage(pages.buffers[0]));
	if (meta->root == 0)
	{
		UnlockReleaseBuffer(pages.buffers[0]);
		return false;
	}
	if (meta->height > 1)
	{
		EsInnerEntry *entries;

		pages.inner = lock_for_trim(rel, &pages, meta->last_inner,
									ES_PAGE_INNER, true);
		entries = EsPageGetEntries(pages.inner);
		n = EsPageGetDir(pages.inner)->n;
		if (entries[n - 1].child != meta->last_leaf ||
			(n > 1 && entries[n - 2].child == meta->last_leaf))
			es_report_corruption(rel, meta->last_inner,
								 "The directory page's last child is not the last leaf");
		if (n > 1)
			pages.previous = lock_for_trim(rel, &pages, entries[n - 2].child,
										   ES_PAGE_LEAF, false);
	}
	leafbuf = es_directory_read(rel, meta->last_leaf, ES_PAGE_LEAF, true,
							BUFFER_LOCK_EXCLUSIVE);

	/* an inner page is never left empty */
	trim = EsPageGetDir(BufferGetPage(leafbuf))->n + meta->nrecent <=
		ES_FLUSH_UNITS && (meta->height == 1 || n > 1);
	if (trim)
		remove_last_leaf(rel, meta, BufferGetPage(leafbuf), &pages);
	UnlockReleaseBuffer(leafbuf);
	for (int i = pages.nbuffers - 1; i >= 0; i--)
		UnlockReleaseBuffer(pages.buffers[i]);
	return trim;
}

void
es_directory_trim(Relation rel)
{
	while (trim_last_leaf(rel))
		CHECK_FOR_INTERRUPTS();
}
