/*-------------------------------------------------------------------------
 *
 * es_store_split.c
 *	  A leaf of the directory that has no room for what its units become is
 *	  split.
 *
 * Whoever does it holds the metapage exclusively, so nobody else changes the
 * directory, and the new leaves are entered in the page above in the same record.
 * META.gen moves with it, so a reader that was on its way to the leaf looks up
 * again.
 *
 * IDENTIFICATION
 *	  src/store/es_store_split.c
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

/* leaves are filled to this, so that the next group finds room */
#define SPLIT_FILL		((uint32) ES_LEAF_UNITS * 3 / 4)

typedef struct Split
{
	Relation	rel;
	EsMetaData *meta;			/* a copy, which becomes the metapage's contents */
	EsUnit	   *units;			/* of all leaves afterwards */
	uint32		nunits;
	uint32		nleaves;
	Page		inner;			/* above the leaves */
	uint32		place;			/* of the old leaf in it */
	bool		new_root;		/* it is new */
	Page		leaves[ES_SPLIT_PAGES];
	BlockNumber blocks[ES_SPLIT_PAGES];
	Buffer		buffers[ES_SPLIT_PAGES + 2];	/* metapage, inner page, leaves:
												 * lock order */
	int			nbuffers;
} Split;

/*
 * Index of the last entry whose low key is not above the row.
 */
static uint32
find_entry(Page inner, uint64 row)
{
	EsInnerEntry *entries = EsPageGetEntries(inner);
	uint32		low = 0;
	uint32		high = EsPageGetDir(inner)->n;

	while (high - low > 1)
	{
		uint32		middle = low + (high - low) / 2;

		if (entries[middle].low_row <= row)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/*
 * Lock the leaf that is responsible for a row, and the page above it if there is
 * one.
 */
static void
lock_path(Split *split, uint64 row)
{
	EsMeta		meta = split->meta;
	BlockNumber block = meta->root;
	bool		last = true;
	Buffer		buffer;

	for (uint32 level = meta->height; level > 1; level--)
	{
		buffer = es_directory_read(split->rel, block, ES_PAGE_INNER, last,
								   level == 2 ? BUFFER_LOCK_EXCLUSIVE :
								   BUFFER_LOCK_SHARE);
		split->inner = BufferGetPage(buffer);
		split->place = find_entry(split->inner, row);
		last = last &&
			split->place == EsPageGetDir(split->inner)->n - 1;
		block = EsPageGetEntries(split->inner)[split->place].child;
		if (level == 2)
			split->buffers[split->nbuffers++] = buffer;
		else
			UnlockReleaseBuffer(buffer);
	}
	buffer = es_directory_read(split->rel, block, ES_PAGE_LEAF, last,
							   BUFFER_LOCK_EXCLUSIVE);
	split->blocks[0] = block;
	split->leaves[0] = BufferGetPage(buffer);
	split->buffers[split->nbuffers++] = buffer;
}

/*
 * Lock a free block for a new page; it is taken on the copy of the metapage.
 */
static Page
lock_new(Split *split, BlockNumber *block)
{
	EsExtent	extent = es_space_choose(split->meta, InvalidBlockNumber, 1);
	Buffer		buffer;

	es_space_take(split->meta, extent);
	split->meta->counters.dir_blocks++;
	*block = extent.start;
	buffer = ReadBufferExtended(split->rel, MAIN_FORKNUM, extent.start,
								RBM_ZERO_AND_LOCK, NULL);
	split->buffers[split->nbuffers++] = buffer;
	return BufferGetPage(buffer);
}

static void
set_units(Page leaf, const EsUnit *units, uint32 n)
{
	EsDirHeader *dir = EsPageGetDir(leaf);

	if (n < dir->n)
		memset(EsPageGetUnits(leaf) + n, 0, (dir->n - n) * sizeof(EsUnit));
	memcpy(EsPageGetUnits(leaf), units, n * sizeof(EsUnit));
	dir->n = n;
	es_page_set_lower(leaf);
}

/*
 * Spread the units over the leaves, in order; the last one ends where the old leaf
 * did.
 */
static void
fill_leaves(Split *split)
{
	uint64		high_row = EsPageGetDir(split->leaves[0])->high_row;
	uint32		part = split->nunits / split->nleaves;
	uint32		rest = split->nunits % split->nleaves;
	const EsUnit *units = split->units;

	for (uint32 i = 0; i < split->nleaves; i++)
	{
		uint32		n = part + (i < rest ? 1 : 0);

		if (i > 0)
		{
			es_dir_page_init(split->leaves[i], ES_PAGE_LEAF,
							 units[0].first_row);
			EsPageGetDir(split->leaves[i - 1])->high_row = units[0].first_row;
		}
		set_units(split->leaves[i], units, n);
		units += n;
	}
	EsPageGetDir(split->leaves[split->nleaves - 1])->high_row = high_row;
	if (high_row == ES_HIGH_ROW_INFINITE)
		split->meta->last_leaf = split->blocks[split->nleaves - 1];
}

/*
 * Enter the new leaves in the page above, behind the old one.
 */
static void
enter_leaves(Split *split, BlockNumber root)
{
	EsDirHeader *dir;
	EsInnerEntry *entries;
	uint32		added = split->nleaves - 1;

	if (split->new_root)
	{
		es_dir_page_init(split->inner, ES_PAGE_INNER, 0);
		dir = EsPageGetDir(split->inner);
		memset(EsPageGetEntries(split->inner), 0, sizeof(EsInnerEntry));
		EsPageGetEntries(split->inner)[0].child = split->blocks[0];
		dir->n = 1;
		split->place = 0;
		split->meta->root = root;
		split->meta->last_inner = root;
		split->meta->height = 2;
	}
	dir = EsPageGetDir(split->inner);
	entries = EsPageGetEntries(split->inner) + split->place + 1;
	memmove(entries + added, entries,
			(dir->n - split->place - 1) * sizeof(EsInnerEntry));
	memset(entries, 0, added * sizeof(EsInnerEntry));
	for (uint32 i = 0; i < added; i++)
	{
		entries[i].low_row = EsPageGetSpecial(split->leaves[i + 1])->first_row;
		entries[i].child = split->blocks[i + 1];
	}
	dir->n += added;
	es_page_set_lower(split->inner);
}

static void
unlock_all(Split *split)
{
	/* but the metapage, which is the caller's */
	for (int i = split->nbuffers - 1; i > 0; i--)
		UnlockReleaseBuffer(split->buffers[i]);
	pfree(split->meta);
	pfree(split->units);
}

bool
es_directory_split(Relation rel, Buffer metabuf, const EsUnit *old,
				   uint32 nold, const EsUnit *new, uint32 nnew)
{
	Split		split;
	Page		leaf;
	uint32		n;
	uint32		at = 0;
	BlockNumber root = InvalidBlockNumber;

	memset(&split, 0, sizeof(split));
	split.rel = rel;
	split.meta = palloc(sizeof(EsMetaData));
	memcpy(split.meta, EsPageGetMeta(BufferGetPage(metabuf)),
		   sizeof(EsMetaData));
	split.buffers[split.nbuffers++] = metabuf;
	lock_path(&split, old[0].first_row);

	/* the caller has seen that the old units are there */
	leaf = split.leaves[0];
	n = EsPageGetDir(leaf)->n;
	while (at < n && EsPageGetUnits(leaf)[at].first_row < old[0].first_row)
		at++;
	Assert(at + nold <= n);
	split.nunits = n - nold + nnew;
	split.units = palloc(split.nunits * sizeof(EsUnit));
	memcpy(split.units, EsPageGetUnits(leaf), at * sizeof(EsUnit));
	memcpy(split.units + at, new, nnew * sizeof(EsUnit));
	memcpy(split.units + at + nnew, EsPageGetUnits(leaf) + at + nold,
		   (n - at - nold) * sizeof(EsUnit));
	split.nleaves = (split.nunits + SPLIT_FILL - 1) / SPLIT_FILL;
	split.new_root = split.inner == NULL;
	Assert(split.nleaves > 1);
	if (split.nleaves > ES_SPLIT_PAGES - 1 ||
		(!split.new_root &&
		 EsPageGetDir(split.inner)->n + split.nleaves - 1 >
		 (uint32) ES_INNER_ENTRIES))
	{
		unlock_all(&split);
		return false;
	}
	for (uint32 i = 1; i < split.nleaves; i++)
		split.leaves[i] = lock_new(&split, &split.blocks[i]);
	if (split.new_root)
		split.inner = lock_new(&split, &root);
	XLogEnsureRecordSpace(split.nbuffers - 1, 0);

	START_CRIT_SECTION();
	fill_leaves(&split);
	enter_leaves(&split, root);
	es_replace_in_meta(split.meta, old, nold, new, nnew);
	memcpy(EsPageGetMeta(BufferGetPage(metabuf)), split.meta,
		   sizeof(EsMetaData));
	for (int i = 0; i < split.nbuffers; i++)
		MarkBufferDirty(split.buffers[i]);
	ES_STOP_POINT("split-before-wal");
	es_log_images(rel, XLOG_ES_REPLACE, nold, split.buffers, split.nbuffers);
	ES_STOP_POINT("split-after-wal");
	END_CRIT_SECTION();
	unlock_all(&split);
	return true;
}
