/*-------------------------------------------------------------------------
 *
 * es_store_sweep.c
 *	  Free blocks that the metapage's list has forgotten.
 *
 * The list has room for 200 extents; what does not fit is forgotten.  Such blocks
 * lie below alloc_end and belong to nobody, and nobody can take them, so they can
 * be found at leisure: whatever is taken meanwhile comes from the list, from the
 * reserve or from behind alloc_end, as these were when the search began.
 *
 * IDENTIFICATION
 *	  src/store/es_store_sweep.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "base/es_stoppoint.h"
#include "store/es_store_internal.h"

typedef struct Sweep
{
	Relation	rel;
	BlockNumber end;			/* alloc_end when it began */
	uint8	   *used;			/* one bit a block */
} Sweep;

static void
use(Sweep *s, BlockNumber start, uint32 len)
{
	for (BlockNumber block = start; block < start + len && block < s->end; block++)
		s->used[block / BITS_PER_BYTE] |= 1 << (block % BITS_PER_BYTE);
}

static bool
is_used(const Sweep *s, BlockNumber block)
{
	return (s->used[block / BITS_PER_BYTE] & (1 << (block % BITS_PER_BYTE))) != 0;
}

/*
 * Does the metapage know of all its blocks?
 */
static bool
is_complete(const EsMetaData *meta)
{
	uint64		known = 1;

	known += meta->counters.unit_blocks;
	known += meta->counters.dir_blocks;
	known += meta->counters.run_blocks;
	known += meta->open.npages;
	known += meta->reserve.len;
	for (uint32 i = 0; i < meta->nfree; i++)
		known += meta->free[i].len;
	for (uint32 i = 0; i < meta->npending; i++)
		known += meta->pending[i].len;
	return known >= meta->alloc_end;
}

/*
 * The directory pages from a block down, and the units in them.
 */
static void
use_directory(Sweep *s, BlockNumber block)
{
	Page		page = palloc(BLCKSZ);
	Buffer		buffer;

	CHECK_FOR_INTERRUPTS();
	use(s, block, 1);
	buffer = es_page_read(s->rel, block, NULL, BUFFER_LOCK_SHARE);
	memcpy(page, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	if (EsPageGetSpecial(page)->kind == ES_PAGE_LEAF)
		for (uint32 i = 0; i < EsPageGetDir(page)->n; i++)
			use(s, EsPageGetUnits(page)[i].start,
				EsPageGetUnits(page)[i].npages);
	else
		for (uint32 i = 0; i < EsPageGetDir(page)->n; i++)
			use_directory(s, EsPageGetEntries(page)[i].child);
	pfree(page);
}

/*
 * Give what was found back, as far as the list has room for it.
 */
static BlockNumber
give_back(Sweep *s)
{
	Buffer		metabuf = es_meta_lock(s->rel, BUFFER_LOCK_EXCLUSIVE);
	EsMeta		meta = EsPageGetMeta(BufferGetPage(metabuf));
	BlockNumber given = 0;

	START_CRIT_SECTION();
	for (BlockNumber block = 1; block < s->end;)
	{
		EsExtent	extent;

		extent.start = block;
		while (block < s->end && !is_used(s, block))
			block++;
		extent.len = block - extent.start;
		if (extent.len > 0)
			es_space_give(meta, extent);
		else
			block++;
		given += extent.len;
	}
	meta->gen++;
	MarkBufferDirty(metabuf);
	es_log_images(s->rel, XLOG_ES_META, 0, &metabuf, 1);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(metabuf);
	return given;
}

BlockNumber
es_store_sweep(Relation rel)
{
	EsMetaData *meta = palloc(sizeof(EsMetaData));
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
	BlockNumber given = 0;
	Sweep		s;

	if (!BufferIsValid(metabuf))
		return 0;
	memcpy(meta, EsPageGetMeta(BufferGetPage(metabuf)), sizeof(EsMetaData));
	UnlockReleaseBuffer(metabuf);
	if (!is_complete(meta))
	{
		s.rel = rel;
		s.end = meta->alloc_end;
		s.used = palloc_extended(s.end / BITS_PER_BYTE + 1,
								 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		use(&s, ES_META_BLOCK, 1);
		use(&s, meta->open.start, meta->open.npages);
		use(&s, meta->reserve.start, meta->reserve.len);
		for (uint32 i = 0; i < meta->nfree; i++)
			use(&s, meta->free[i].start, meta->free[i].len);
		for (uint32 i = 0; i < meta->npending; i++)
			use(&s, meta->pending[i].start, meta->pending[i].len);
		for (uint32 i = 0; i < meta->nrecent; i++)
			use(&s, meta->recent[i].start, meta->recent[i].npages);
		if (meta->root != 0)
			use_directory(&s, meta->root);
		given = give_back(&s);
		pfree(s.used);
	}
	pfree(meta);
	return given;
}
