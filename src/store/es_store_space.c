/*-------------------------------------------------------------------------
 *
 * es_store_space.c
 *	  Blocks: which are free, taking and giving them, lengthening the file.
 *
 * Blocks from alloc_end on are free whatever the size of the file.  Free blocks
 * below it are listed in the metapage, sorted and coalesced.  The list is
 * bounded: what does not fit is forgotten (the smallest extent first) and only costs
 * space.
 *
 * es_space_take and es_space_give change a metapage and are called by what
 * applies WAL records, in critical sections and in replay.
 *
 * IDENTIFICATION
 *	  src/store/es_store_space.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/smgr.h"

#include "base/es_corrupt.h"
#include "store/es_store_internal.h"

/*
 * The length of the file, or one that it has at least if that is enough: the file
 * gets no shorter while somebody may write to the table, and the kernel is asked
 * for each new page otherwise.
 */
static BlockNumber
file_blocks(Relation rel, uint64 enough)
{
	EsRelationCache *cache = es_store_cache(rel);

	if (cache->file_blocks < enough)
		cache->file_blocks = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);
	return cache->file_blocks;
}

void
es_space_extend(Relation rel, BlockNumber alloc_end, uint32 need,
				BufferAccessStrategy strategy)
{
	uint64		target = (uint64) alloc_end + need;
	BlockNumber have;

	/*
	 * Lengthening a file is not in WAL: after promotion or a crash it may be
	 * shorter than alloc_end, so look even if nothing is needed.
	 */
	have = file_blocks(rel, target);
	if (have >= target)
		return;
	if (alloc_end > (uint64) have + ES_MAX_MISSING_BLOCKS)
		es_report_corruption(rel, ES_META_BLOCK,
							 "The metapage says that %u blocks are used, the file has %u",
							 alloc_end, have);
	target += Min(8, alloc_end / 8);
	if (target > MaxBlockNumber)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cannot extend relation \"%s\" beyond %u blocks",
						RelationGetRelationName(rel), MaxBlockNumber)));
	es_extend_relation(rel, (BlockNumber) target, strategy);
}

bool
es_space_suffices(Relation rel, EsMeta meta, uint32 need)
{
	uint64		target = (uint64) meta->alloc_end + need;

	return file_blocks(rel, target) >= target;
}

EsExtent
es_space_choose(const EsMetaData *meta, BlockNumber near, uint32 len)
{
	EsExtent	best = {0, 0};

	for (uint32 i = 0; i < meta->nfree; i++)
	{
		if (meta->free[i].start == near)
		{
			best = meta->free[i];
			break;
		}
		if (meta->free[i].len > best.len)
			best = meta->free[i];
	}
	if (best.len == 0)
	{
		best.start = meta->alloc_end;
		best.len = len;
	}
	best.len = Min(best.len, len);
	return best;
}

EsExtent
es_space_choose_whole(const EsMetaData *meta, uint32 len)
{
	EsExtent	extent;

	/* the first that is large enough: so the end of the file becomes free */
	extent.start = meta->alloc_end;
	extent.len = len;
	for (uint32 i = 0; i < meta->nfree; i++)
	{
		if (meta->free[i].len >= len)
		{
			extent.start = meta->free[i].start;
			break;
		}
	}
	return extent;
}

void
es_space_take(EsMeta meta, EsExtent extent)
{
	if (extent.start >= meta->alloc_end)
	{
		meta->alloc_end = extent.start + extent.len;
		return;
	}

	/* what was chosen is the beginning of a free extent */
	for (uint32 i = 0; i < meta->nfree; i++)
	{
		EsExtent   *f = &meta->free[i];

		if (f->start != extent.start)
			continue;
		f->start += extent.len;
		f->len -= extent.len;
		if (f->len == 0)
		{
			memmove(f, f + 1, (meta->nfree - i - 1) * sizeof(EsExtent));
			meta->nfree--;
		}
		return;
	}
	elog(PANIC, "eventstore: blocks from %u on are not free", extent.start);
}

static void
remove_free(EsMeta meta, uint32 i)
{
	memmove(&meta->free[i], &meta->free[i + 1],
			(meta->nfree - i - 1) * sizeof(EsExtent));
	meta->nfree--;
}

void
es_space_give(EsMeta meta, EsExtent extent)
{
	uint32		at = 0;

	while (at < meta->nfree && meta->free[at].start < extent.start)
		at++;

	/* join with the one before, with the one after, or both */
	if (at > 0 &&
		meta->free[at - 1].start + meta->free[at - 1].len == extent.start)
	{
		meta->free[at - 1].len += extent.len;
		if (at < meta->nfree &&
			meta->free[at].start == extent.start + extent.len)
		{
			meta->free[at - 1].len += meta->free[at].len;
			remove_free(meta, at);
		}
		return;
	}
	if (at < meta->nfree && meta->free[at].start == extent.start + extent.len)
	{
		meta->free[at].start = extent.start;
		meta->free[at].len += extent.len;
		return;
	}

	if (meta->nfree == ES_META_FREE_EXTENTS)
	{
		uint32		smallest = 0;

		for (uint32 i = 1; i < meta->nfree; i++)
			if (meta->free[i].len < meta->free[smallest].len)
				smallest = i;
		if (meta->free[smallest].len >= extent.len)
			return;
		remove_free(meta, smallest);
		if (smallest < at)
			at--;
	}
	memmove(&meta->free[at + 1], &meta->free[at],
			(meta->nfree - at) * sizeof(EsExtent));
	meta->free[at] = extent;
	meta->nfree++;
}
