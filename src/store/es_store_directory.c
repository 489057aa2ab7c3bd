/*-------------------------------------------------------------------------
 *
 * es_store_directory.c
 *	  The directory: which unit holds which row.  Looking up.
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

Buffer
es_directory_read(Relation rel, BlockNumber block, uint8 kind, bool last, int mode)
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

Buffer
es_directory_descend(Relation rel, BlockNumber root, uint32 height,
					 uint64 row, int mode, BlockNumber *failed)
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
	buffer = es_directory_descend(rel, root, height, *row, BUFFER_LOCK_SHARE, &failed);
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
es_directory_leaf(Relation rel, uint64 row, EsUnit *units, uint32 *nunits,
				  uint64 *next_row)
{
	for (;;)
	{
		Buffer		buffer = es_meta_lock(rel, BUFFER_LOCK_SHARE);
		BlockNumber failed;
		BlockNumber root;
		uint32		height;
		uint64		gen;
		Page		leaf;

		if (!BufferIsValid(buffer))
			return false;
		root = EsPageGetMeta(BufferGetPage(buffer))->root;
		height = EsPageGetMeta(BufferGetPage(buffer))->height;
		gen = EsPageGetMeta(BufferGetPage(buffer))->gen;
		UnlockReleaseBuffer(buffer);
		if (root == 0)
			return false;
		buffer = es_directory_descend(rel, root, height, row, BUFFER_LOCK_SHARE, &failed);
		if (!BufferIsValid(buffer))
		{
			if (gen_of_meta(rel) == gen)
				es_report_corruption(rel, failed,
									 "The directory page does not hold row " UINT64_FORMAT
									 ", or is damaged", row);
			continue;
		}
		leaf = BufferGetPage(buffer);
		*nunits = EsPageGetDir(leaf)->n;
		*next_row = EsPageGetDir(leaf)->high_row;
		memcpy(units, EsPageGetUnits(leaf), *nunits * sizeof(EsUnit));
		UnlockReleaseBuffer(buffer);
		return true;
	}
}
