/*-------------------------------------------------------------------------
 *
 * es_store_directory.c
 *	  The directory: which unit holds which row.
 *
 * The newest closed units stand in the metapage, older ones in a tree that grows
 * to the right: leaves hold units, inner pages the low keys of the pages below.
 * There is one writer at a time, whoever holds the metapage exclusively, so there
 * is no protocol for splits: a new rightmost page is entered on the way up in the
 * same record.
 *
 * A reader goes down with one page locked at a time.  What it meets may have
 * changed since it read the metapage, but only by growing: rows below the
 * metapage's first recent unit stay where they were, unless META.gen moves.
 *
 * IDENTIFICATION
 *	  src/store/es_store_directory.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"

#include "base/es_corrupt.h"
#include "base/es_stoppoint.h"
#include "format/es_format_check.h"
#include "store/es_store_internal.h"

typedef enum Found
{
	FOUND,						/* *ref is the answer */
	FOUND_NOT,					/* there is none */
	FOUND_BELOW					/* look in the tree; if it has none, *ref is the
								 * answer, if it is one */
} Found;

static inline EsUnit *
cached_unit(EsRelationCache *cache, uint64 row)
{
	return &cache->units[(row >> 12) % ES_CACHED_UNITS];
}

static inline bool
unit_holds(const EsUnit *unit, uint64 row)
{
	return row >= unit->first_row && row - unit->first_row < unit->span;
}

static void
set_ref(EsUnitRef *ref, const EsUnit *unit, uint64 gen)
{
	ref->unit = *unit;
	ref->open = false;
	ref->gen = gen;
}

/*
 * A damaged entry may name blocks that the file does not have, by far: say so,
 * rather than that a file is missing.
 */
static void
check_in_file(Relation rel, const EsUnitRef *ref)
{
	BlockNumber nblocks = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);

	if ((uint64) ref->unit.start + ref->unit.npages > nblocks)
		es_report_corruption(rel, ref->unit.start,
							 "The directory names it, the file has %u blocks",
							 nblocks);
}

/*
 * Of ascending units: index of the first one that ends after the row (forward),
 * or of the last one that begins at or before it; -1 if there is none.
 */
static int
search_units(const EsUnit *units, int n, uint64 row, bool forward)
{
	int			low = 0;
	int			high = n;

	/* the number of units that begin at or before the row */
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (units[middle].first_row <= row)
			low = middle + 1;
		else
			high = middle;
	}
	if (!forward)
		return low - 1;
	if (low > 0 && unit_holds(&units[low - 1], row))
		return low - 1;
	return low < n ? low : -1;
}

/*
 * Look a row up in the locked metapage.
 */
static Found
search_meta(EsMeta meta, uint64 row, bool forward, EsUnitRef *ref)
{
	bool		have_open = meta->open.npages > 0;
	bool		after_tree;
	int			at;

	if (have_open && row >= meta->open.first_row)
	{
		es_set_open_ref(ref, &meta->open, meta->gen);
		return FOUND;
	}

	after_tree = meta->nrecent > 0 && row >= meta->recent[0].first_row;
	if (after_tree || meta->root == 0)
	{
		at = search_units(meta->recent, meta->nrecent, row, forward);
		if (at >= 0)
			set_ref(ref, &meta->recent[at], meta->gen);
		else if (forward && have_open)
			es_set_open_ref(ref, &meta->open, meta->gen);
		else
			return FOUND_NOT;
		return FOUND;
	}

	/* what follows the tree, should the row lie behind its last unit */
	memset(ref, 0, sizeof(EsUnitRef));
	if (meta->nrecent > 0)
		set_ref(ref, &meta->recent[0], meta->gen);
	else if (have_open)
		es_set_open_ref(ref, &meta->open, meta->gen);
	return FOUND_BELOW;
}

/*
 * Read and lock a directory page, the metapage being locked exclusively.  last: it is
 * the rightmost page of its level.
 */
static Buffer
read_dir_page(Relation rel, BlockNumber block, uint8 kind, bool last, int mode)
{
	Buffer		buffer = es_page_read(rel, block, NULL, mode);
	Page		page = BufferGetPage(buffer);
	const char *problem = es_dir_check(page);

	if (problem == NULL && EsPageGetSpecial(page)->kind != kind)
		problem = "The directory page is on the wrong level";
	if (problem == NULL &&
		(EsPageGetDir(page)->high_row == ES_HIGH_ROW_INFINITE) != last)
		problem = "The directory page does not end where it should";
	if (problem != NULL)
		es_report_corruption(rel, block, "%s", problem);
	return buffer;
}

/*
 * Go down to the leaf that is responsible for a row; returns it locked, or
 * InvalidBuffer if a page is not (any more) what its parent said.
 */
static Buffer
descend(Relation rel, BlockNumber root, uint32 height, uint64 row, int mode,
		BlockNumber *failed)
{
	BlockNumber block = root;
	BlockNumber nblocks = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);

	for (uint32 level = height; level > 0; level--)
	{
		Buffer		buffer;
		Page		page;
		EsPageSpecial special;
		EsInnerEntry *entries;
		uint32		low = 0;
		uint32		high;

		*failed = block;
		if (block >= nblocks)
			return InvalidBuffer;
		buffer = ReadBuffer(rel, block);
		LockBuffer(buffer, level == 1 ? mode : BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		if (es_page_check(page) != NULL)
		{
			UnlockReleaseBuffer(buffer);
			return InvalidBuffer;
		}
		special = EsPageGetSpecial(page);
		if (special->kind != (level == 1 ? ES_PAGE_LEAF : ES_PAGE_INNER) ||
			es_dir_check(page) != NULL ||
			row < special->first_row || row >= EsPageGetDir(page)->high_row)
		{
			UnlockReleaseBuffer(buffer);
			return InvalidBuffer;
		}
		if (level == 1)
			return buffer;

		/* the last child whose low key is not above the row */
		entries = EsPageGetEntries(page);
		high = EsPageGetDir(page)->n;
		while (high - low > 1)
		{
			uint32		middle = low + (high - low) / 2;

			if (entries[middle].low_row <= row)
				low = middle;
			else
				high = middle;
		}
		block = entries[low].child;
		UnlockReleaseBuffer(buffer);
	}
	return InvalidBuffer;
}

/*
 * META.gen as it is now; 0: there is no metapage.
 */
static uint64
gen_of_meta(Relation rel)
{
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
	uint64		gen = 0;

	if (BufferIsValid(metabuf))
	{
		gen = EsPageGetMeta(BufferGetPage(metabuf))->gen;
		UnlockReleaseBuffer(metabuf);
	}
	return gen;
}

/*
 * Look a row up in the tree.  When its leaf has no answer, *row becomes a row of
 * the next leaf to ask (in the direction of the search) and FOUND_BELOW is
 * returned; FOUND_NOT: the tree has none.
 */
static Found
search_tree(Relation rel, BlockNumber root, uint32 height, uint64 gen,
			uint64 *row, bool forward, EsUnitRef *ref, bool *stale)
{
	BlockNumber failed = root;
	Buffer		buffer;
	Page		page;
	int			at;
	Found		found;

	*stale = false;
	buffer = descend(rel, root, height, *row, BUFFER_LOCK_SHARE, &failed);
	if (!BufferIsValid(buffer))
	{
		if (gen_of_meta(rel) == gen)
			es_report_corruption(rel, failed,
								 "The directory page does not hold row " UINT64_FORMAT
								 ", or is damaged", *row);
		*stale = true;
		return FOUND_BELOW;
	}

	page = BufferGetPage(buffer);
	at = search_units(EsPageGetUnits(page), EsPageGetDir(page)->n, *row,
					  forward);
	if (at >= 0)
	{
		set_ref(ref, &EsPageGetUnits(page)[at], gen);
		check_in_file(rel, ref);
		found = FOUND;
	}
	else if (forward && EsPageGetDir(page)->high_row != ES_HIGH_ROW_INFINITE)
	{
		*row = EsPageGetDir(page)->high_row;
		found = FOUND_BELOW;
	}
	else if (!forward && EsPageGetSpecial(page)->first_row > ES_FIRST_ROW)
	{
		*row = EsPageGetSpecial(page)->first_row - 1;
		found = FOUND_BELOW;
	}
	else
		found = FOUND_NOT;
	UnlockReleaseBuffer(buffer);
	return found;
}

bool
es_directory_lookup(Relation rel, uint64 row, bool forward, EsUnitRef *ref)
{
	EsRelationCache *cache = es_store_cache(rel);

	if (cache->have_meta && unit_holds(cached_unit(cache, row), row))
	{
		set_ref(ref, cached_unit(cache, row), cache->gen);
		return true;
	}

	for (;;)
	{
		Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
		EsMeta		meta;
		BlockNumber root;
		uint32		height;
		uint64		gen;
		Found		found;
		bool		stale = false;
		EsUnitRef	after;
		bool		in_tree;
		uint64		tree_end;
		uint64		at;

		if (!BufferIsValid(metabuf))
			return false;
		meta = EsPageGetMeta(BufferGetPage(metabuf));
		es_meta_remember(rel, meta);
		found = search_meta(meta, row, forward, ref);
		if (found == FOUND)
			check_in_file(rel, ref);
		root = meta->root;
		height = meta->height;
		gen = meta->gen;
		tree_end = es_directory_end(meta);
		UnlockReleaseBuffer(metabuf);

		if (found == FOUND_BELOW)
			ES_STOP_POINT("lookup-before-tree");
		after = *ref;
		in_tree = found == FOUND_BELOW;
		at = forward ? row : Min(row, tree_end - 1);
		while (found == FOUND_BELOW && !stale)
		{
			CHECK_FOR_INTERRUPTS();

			/* the tree may have grown since; what is new in it comes later */
			if (at >= tree_end)
				found = FOUND_NOT;
			else
				found = search_tree(rel, root, height, gen, &at, forward, ref,
									&stale);
		}
		if (stale)
			continue;

		/*
		 * That the tree does not have the row is only true if none of its
		 * leaves went to the metapage meanwhile.
		 */
		if (in_tree && !(found == FOUND && unit_holds(&ref->unit, row)) &&
			gen_of_meta(rel) != gen)
			continue;
		if (in_tree && found == FOUND_NOT && forward &&
			after.unit.unit_id != 0)
		{
			*ref = after;
			found = FOUND;
		}
		if (found == FOUND_NOT)
			return false;
		if (found == FOUND)
		{
			cache = es_store_cache(rel);
			if (!ref->open && cache->have_meta && cache->gen == ref->gen)
				*cached_unit(cache, row) = ref->unit;
			return true;
		}
	}
}

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
	Buffer		buffer = read_dir_page(pages->rel, block, kind, true,
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

static void
init_dir_page(Page page, uint8 kind, uint64 low_row)
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
plan_flush(Relation rel, EsMeta meta, FlushPlan *plan)
{
	Buffer		buffer;

	memset(plan, 0, sizeof(FlushPlan));
	if (meta->height == 0)
	{
		plan->new_leaf = true;
		return;
	}
	buffer = read_dir_page(rel, meta->last_leaf, ES_PAGE_LEAF, true,
						   BUFFER_LOCK_SHARE);
	plan->fit = Min(ES_FLUSH_UNITS,
					ES_LEAF_UNITS - EsPageGetDir(BufferGetPage(buffer))->n);
	UnlockReleaseBuffer(buffer);
	if (plan->fit == ES_FLUSH_UNITS)
		return;

	plan->new_leaf = true;
	if (meta->height == 1)
	{
		plan->new_root = true;
		return;
	}
	buffer = read_dir_page(rel, meta->last_inner, ES_PAGE_INNER, true,
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
	buffer = read_dir_page(rel, meta->root, ES_PAGE_INNER, true,
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
es_directory_flush(Relation rel, Buffer metabuf)
{
	EsMetaData *meta = palloc(sizeof(EsMetaData));
	const uint32 nunits = ES_FLUSH_UNITS;
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
	Assert(meta->nrecent >= nunits);
	old_root = meta->root;
	plan_flush(rel, meta, &plan);

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
		init_dir_page(new_leaf, ES_PAGE_LEAF, low_row);
		add_units(new_leaf, meta->recent + plan.fit, nunits - plan.fit);
		if (leaf != NULL)
			EsPageGetDir(leaf)->high_row = low_row;
		meta->last_leaf = new_leaf_block;
	}
	if (plan.new_inner)
	{
		init_dir_page(new_inner, ES_PAGE_INNER, low_row);
		add_entry(new_inner, low_row, new_leaf_block);
		EsPageGetDir(inner)->high_row = low_row;
		meta->last_inner = new_inner_block;
	}
	else if (inner != NULL)
		add_entry(inner, low_row, new_leaf_block);
	if (plan.new_root)
	{
		init_dir_page(new_root, ES_PAGE_INNER, 0);
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
		if (units[i].unit_id == unit->unit_id)
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

		buffers[1] = descend(rel, meta->root, meta->height, unit->first_row,
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
	Buffer		buffer = read_dir_page(rel, block, kind, last,
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
	leafbuf = read_dir_page(rel, meta->last_leaf, ES_PAGE_LEAF, true,
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
