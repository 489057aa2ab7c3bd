/*-------------------------------------------------------------------------
 *
 * es_store_compact.c
 *	  What compaction asks of the storage: room for batches, their pages, and
 *	  units that become others.
 *
 * One process at a time compacts a table (ShareUpdateExclusiveLock).  Blocks that
 * it fills are pending in the metapage until the record that publishes them; so
 * a crash, an error or a cancelled statement leaves them there, and whoever
 * compacts or vacuums next gives them back.
 *
 * The pages of a batch are logged as whole pages, as for a new index: nothing
 * points to them, and the record that does comes later.
 *
 * IDENTIFICATION
 *	  src/store/es_store_compact.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "catalog/pg_control.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"

#include "base/es_corrupt.h"
#include "base/es_stoppoint.h"
#include "format/es_batch.h"
#include "store/es_store_internal.h"

/* pages that are written, and logged together */
#define WRITE_PAGES		32

void
es_store_drop_pending(Relation rel)
{
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
	EsMeta		meta;

	if (!BufferIsValid(metabuf))
		return;
	meta = EsPageGetMeta(BufferGetPage(metabuf));
	if (meta->npending > 0)
	{
		START_CRIT_SECTION();
		for (uint32 i = 0; i < meta->npending; i++)
			es_space_give(meta, meta->pending[i]);
		memset(meta->pending, 0, sizeof(meta->pending));
		meta->npending = 0;
		meta->gen++;
		MarkBufferDirty(metabuf);
		es_log_images(rel, XLOG_ES_META, 0, &metabuf, 1);
		END_CRIT_SECTION();
	}
	UnlockReleaseBuffer(metabuf);
}

/*
 * Move all recent units into the tree, where compaction finds them and where
 * they stay.
 */
static void
flush_all(Relation rel)
{
	for (;;)
	{
		Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
		BlockNumber alloc_end;
		EsMeta		meta;
		bool		enough;

		if (!BufferIsValid(metabuf))
			return;
		alloc_end = EsPageGetMeta(BufferGetPage(metabuf))->alloc_end;
		UnlockReleaseBuffer(metabuf);
		es_space_extend(rel, alloc_end, ES_FLUSH_PAGES, NULL);

		metabuf = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
		meta = EsPageGetMeta(BufferGetPage(metabuf));
		enough = meta->nrecent == 0 ||
			es_space_suffices(rel, meta, ES_FLUSH_PAGES);
		if (enough && meta->nrecent > 0)
			es_directory_flush(rel, metabuf, meta->nrecent);
		UnlockReleaseBuffer(metabuf);
		if (enough)
			return;
	}
}

void
es_store_begin_compaction(Relation rel, bool close_run)
{
	Buffer		metabuf;
	EsOpenRun	open;

	es_store_drop_pending(rel);
	if (close_run)
	{
		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
		if (!BufferIsValid(metabuf))
			return;
		open = EsPageGetMeta(BufferGetPage(metabuf))->open;
		UnlockReleaseBuffer(metabuf);
		if (open.npages > 0)
			es_tail_close_run(rel, open.current_block);
	}
	flush_all(rel);
	es_store_refresh(rel);
}

void
es_store_tail_size(Relation rel, EsTailSize *size)
{
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
	EsMeta		meta;

	memset(size, 0, sizeof(EsTailSize));
	if (!BufferIsValid(metabuf))
		return;
	meta = EsPageGetMeta(BufferGetPage(metabuf));
	size->closed_blocks = meta->counters.loose_blocks;
	size->open_blocks = meta->open.npages;
	for (uint32 i = 0; i < meta->nrecent; i++)
	{
		size->recent_units++;
		if (!es_unit_is_settled(&meta->recent[i]))
			size->recent_rows += meta->recent[i].nrows;
	}
	UnlockReleaseBuffer(metabuf);
}

bool
es_store_next_unit(Relation rel, uint64 row, EsUnitRef *ref)
{
	return es_directory_lookup(rel, row, true, ref);
}

bool
es_store_leaf_units(Relation rel, uint64 row, EsUnit *units, uint32 *nunits,
					uint64 *next_row)
{
	return es_directory_leaf(rel, row, units, nunits, next_row);
}

/*
 * Take room for the units, on a copy of the metapage.
 */
static void
choose_room(EsMeta meta, EsUnit *units, uint32 nunits)
{
	for (uint32 i = 0; i < nunits; i++)
	{
		EsExtent	extent = es_space_choose_whole(meta, units[i].npages);

		es_space_take(meta, extent);
		meta->pending[meta->npending++] = extent;
		units[i].start = extent.start;
		units[i].unit_id = meta->next_unit_id++;
	}
}

void
es_store_reserve(Relation rel, EsUnit *units, uint32 nunits)
{
	EsMetaData *copy = palloc(sizeof(EsMetaData));

	Assert(nunits <= ES_META_PENDING_EXTENTS);
	for (;;)
	{
		Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
		EsMeta		meta;
		BlockNumber alloc_end;

		/* how much longer must the file be, if at all? */
		memcpy(copy, EsPageGetMeta(BufferGetPage(metabuf)), sizeof(EsMetaData));
		UnlockReleaseBuffer(metabuf);
		alloc_end = copy->alloc_end;
		choose_room(copy, units, nunits);
		es_space_extend(rel, alloc_end, copy->alloc_end - alloc_end, NULL);

		metabuf = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
		meta = EsPageGetMeta(BufferGetPage(metabuf));
		Assert(meta->npending == 0);
		memcpy(copy, meta, sizeof(EsMetaData));
		choose_room(copy, units, nunits);
		if (!es_space_suffices(rel, meta, copy->alloc_end - meta->alloc_end))
		{
			UnlockReleaseBuffer(metabuf);
			continue;
		}
		START_CRIT_SECTION();
		memcpy(meta, copy, sizeof(EsMetaData));
		MarkBufferDirty(metabuf);
		ES_STOP_POINT("reserve-before-wal");
		es_log_images(rel, XLOG_ES_META, 0, &metabuf, 1);
		ES_STOP_POINT("reserve-after-wal");
		END_CRIT_SECTION();
		UnlockReleaseBuffer(metabuf);
		break;
	}
	pfree(copy);
}

/*
 * Write pages [first, end) of a batch, and log them before anybody could write
 * them to disk: a page that was torn there, and that no record mends, would stay
 * damaged as long as its block is not used, and backups and checks of checksums
 * stumble over it.
 */
static void
write_pages(Relation rel, const EsUnit *unit, const char *body,
			uint64 body_len, uint32 first, uint32 end,
			BufferAccessStrategy strategy)
{
	Buffer		buffers[WRITE_PAGES];
	uint32		n = end - first;

	for (uint32 i = 0; i < n; i++)
		buffers[i] = ReadBufferExtended(rel, MAIN_FORKNUM,
										unit->start + first + i,
										RBM_ZERO_AND_LOCK, strategy);
	XLogEnsureRecordSpace(n - 1, 0);

	START_CRIT_SECTION();
	for (uint32 i = 0; i < n; i++)
	{
		es_apply_batch_page(BufferGetPage(buffers[i]), unit->unit_id,
							unit->first_row, body, body_len, first + i);
		MarkBufferDirty(buffers[i]);
	}
	ES_STOP_POINT("batch-before-wal");
	if (RelationNeedsWAL(rel))
	{
		XLogRecPtr	lsn;

		XLogBeginInsert();
		for (uint32 i = 0; i < n; i++)
			XLogRegisterBuffer(i, buffers[i],
							   REGBUF_FORCE_IMAGE | REGBUF_STANDARD);
		lsn = XLogInsert(RM_XLOG_ID, XLOG_FPI);
		for (uint32 i = 0; i < n; i++)
			PageSetLSN(BufferGetPage(buffers[i]), lsn);
	}
	ES_STOP_POINT("batch-after-wal");
	END_CRIT_SECTION();
	for (uint32 i = 0; i < n; i++)
		UnlockReleaseBuffer(buffers[i]);
}

void
es_store_write_batch(Relation rel, const EsUnit *unit, const char *body,
					 uint64 body_len, BufferAccessStrategy strategy)
{
	/* others want buffers, too */
	uint32		pages = Max(1, Min(WRITE_PAGES, NBuffers / 8));

	Assert(unit->npages == es_batch_pages(body_len));
	for (uint32 first = 0; first < unit->npages; first += pages)
	{
		es_vacuum_delay_point();
		write_pages(rel, unit, body, body_len, first,
					Min(first + pages, unit->npages), strategy);
	}
}

void
es_store_space(Relation rel, EsSpace *space)
{
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
	EsMeta		meta;

	memset(space, 0, sizeof(EsSpace));
	if (!BufferIsValid(metabuf))
		return;
	meta = EsPageGetMeta(BufferGetPage(metabuf));
	space->end = meta->alloc_end;
	space->free_blocks = meta->reserve.len;
	for (uint32 i = 0; i < meta->nfree; i++)
		space->free_blocks += meta->free[i].len;
	UnlockReleaseBuffer(metabuf);
}

bool
es_store_has_room_before(Relation rel, uint32 npages, BlockNumber block)
{
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_SHARE);
	EsExtent	extent;

	if (!BufferIsValid(metabuf))
		return false;
	extent = es_space_choose_whole(EsPageGetMeta(BufferGetPage(metabuf)),
								   npages);
	UnlockReleaseBuffer(metabuf);
	return extent.start < block;
}

/*
 * The page of the tree that is responsible for a row on a level: its block and where
 * the next one of the level begins.  false: there is none.
 */
static bool
find_dir_page(Relation rel, uint64 row, uint32 level, BlockNumber *block,
			  uint64 *next_row)
{
	Buffer		buffer = es_meta_lock(rel, BUFFER_LOCK_SHARE);
	uint32		height;

	if (!BufferIsValid(buffer))
		return false;
	height = EsPageGetMeta(BufferGetPage(buffer))->height;
	*block = EsPageGetMeta(BufferGetPage(buffer))->root;
	UnlockReleaseBuffer(buffer);
	if (height < level)
		return false;
	for (;; height--)
	{
		Page		page;
		EsInnerEntry *entries;
		uint32		at = 0;

		/* nobody moves pages of the tree but who holds the table's lock */
		buffer = es_page_read(rel, *block, NULL, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		*next_row = EsPageGetDir(page)->high_row;
		if (height == level || EsPageGetSpecial(page)->kind != ES_PAGE_INNER)
		{
			UnlockReleaseBuffer(buffer);
			return true;
		}
		entries = EsPageGetEntries(page);
		while (at + 1 < EsPageGetDir(page)->n && entries[at + 1].low_row <= row)
			at++;
		*block = entries[at].child;
		UnlockReleaseBuffer(buffer);
	}
}

void
es_store_move_directory(Relation rel, BlockNumber block)
{
	for (uint32 level = 1; level <= ES_DIR_MAX_HEIGHT; level++)
	{
		uint64		row = ES_FIRST_ROW;

		while (row != ES_HIGH_ROW_INFINITE)
		{
			BlockNumber at;
			uint64		next_row;

			CHECK_FOR_INTERRUPTS();
			if (!find_dir_page(rel, row, level, &at, &next_row))
				return;
			if (at >= block)
				(void) es_directory_move_down(rel, row, level);
			row = next_row;
		}
	}
}

bool
es_store_copy_batch(Relation rel, const EsUnit *from, EsUnit *to,
					BufferAccessStrategy strategy)
{
	EsUnitRef	ref;
	EsBatch    *batch;
	const char *body;
	BlockNumber start = to->start;
	uint64		unit_id = to->unit_id;

	memset(&ref, 0, sizeof(ref));
	ref.unit = *from;
	ref.gen = es_store_cache(rel)->gen;
	batch = es_batch_open(rel, &ref, strategy, CurrentMemoryContext);
	if (batch == NULL)
		return false;
	body = es_batch_body(batch);
	if (body != NULL)
	{
		*to = *from;
		to->start = start;
		to->unit_id = unit_id;
		es_store_write_batch(rel, to, body, es_batch_header(batch)->body_len,
							 strategy);
	}
	es_batch_close(batch);
	return body != NULL;
}

bool
es_store_replace(Relation rel, const EsUnit *old, uint32 nold,
				 const EsUnit *new, uint32 nnew, bool *split)
{
	bool		replaced = es_directory_replace(rel, old, nold, new, nnew,
												split);

	if (!replaced)
		es_store_drop_pending(rel);
	es_store_refresh(rel);
	return replaced;
}
