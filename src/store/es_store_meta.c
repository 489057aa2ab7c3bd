/*-------------------------------------------------------------------------
 *
 * es_store_meta.c
 *	  The metapage: making it, reading it, and what is remembered of it.
 *
 * A table has no metapage until its first row: a file without blocks, or whose
 * first block is zero (a crash between the extension of the file and META_INIT),
 * is an empty table.
 *
 * IDENTIFICATION
 *	  src/store/es_store_meta.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "base/es_corrupt.h"
#include "base/es_stoppoint.h"
#include "eventstore.h"
#include "format/es_format_check.h"
#include "store/es_store_internal.h"

EsRelationCache *
es_store_cache(Relation rel)
{
	if (rel->rd_amcache == NULL)
	{
		EsRelationCache *cache;

		cache = MemoryContextAllocZero(CacheMemoryContext,
									   sizeof(EsRelationCache));
		cache->current_block = InvalidBlockNumber;
		rel->rd_amcache = cache;
	}
	else if (RelationGetTargetBlock(rel) == InvalidBlockNumber)
	{
		EsRelationCache *cache = (EsRelationCache *) rel->rd_amcache;

		/* the file may have been truncated: see es_meta_remember */
		cache->have_meta = false;
		cache->file_blocks = 0;
		cache->current_block = InvalidBlockNumber;
	}
	return (EsRelationCache *) rel->rd_amcache;
}

void
es_store_forget(Relation rel)
{
	if (rel->rd_amcache != NULL)
	{
		pfree(rel->rd_amcache);
		rel->rd_amcache = NULL;
	}
}

/*
 * Block 0 was seen as it is before META_INIT.  The block behind it is written
 * later than that, by the first NEW_TAIL or BATCH: if it is not as new, the
 * metapage was lost, and the table must not begin again at row 1.
 */
static void
check_never_written(Relation rel)
{
	Buffer		buffer;
	bool		written;

	if (smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM) <= ES_META_BLOCK + 1)
		return;
	buffer = ReadBuffer(rel, ES_META_BLOCK + 1);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	written = !PageIsNew(BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);
	if (!written)
		return;

	/* or else it was made meanwhile */
	buffer = ReadBuffer(rel, ES_META_BLOCK);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (PageIsNew(BufferGetPage(buffer)))
		es_report_corruption(rel, ES_META_BLOCK,
							 "The metapage was never written, but block %u was",
							 ES_META_BLOCK + 1);
	UnlockReleaseBuffer(buffer);
}

Buffer
es_meta_lock(Relation rel, int mode)
{
	Buffer		buffer;
	Page		page;
	const char *problem;

	if (!es_store_cache(rel)->have_meta &&
		smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM) == 0)
		return InvalidBuffer;

	buffer = ReadBuffer(rel, ES_META_BLOCK);
	LockBuffer(buffer, mode);
	page = BufferGetPage(buffer);
	if (PageIsNew(page))
	{
		UnlockReleaseBuffer(buffer);
		check_never_written(rel);
		return InvalidBuffer;
	}

	/* all writing goes by it, so it is checked each time */
	problem = es_page_check(page);
	if (problem == NULL)
		problem = es_meta_check(page);
	if (problem != NULL)
		es_report_corruption(rel, ES_META_BLOCK, "%s", problem);
	return buffer;
}

void
es_meta_remember(Relation rel, EsMeta meta)
{
	EsRelationCache *cache = es_store_cache(rel);

	/*
	 * A truncation resets this in all processes, at once and whether VACUUM
	 * then commits or not, unlike a relcache invalidation.
	 */
	RelationSetTargetBlock(rel, ES_META_BLOCK);
	if (!cache->have_meta || cache->gen != meta->gen)
	{
		memset(cache->units, 0, sizeof(cache->units));
		cache->gen = meta->gen;
		memcpy(cache->id_key, meta->id_key, sizeof(cache->id_key));
		cache->have_meta = true;
	}
	cache->current_block = meta->open.npages > 0 ?
		meta->open.current_block : InvalidBlockNumber;
	cache->open = meta->open;
}

static void
random_bytes(void *to, size_t len)
{
	if (!pg_strong_random(to, len))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
}

static void
log_meta_init(Buffer buffer, const xl_es_meta_init *xlrec)
{
	XLogRecPtr	lsn;

	XLogBeginInsert();
	XLogRegisterBuffer(0, buffer, REGBUF_WILL_INIT | REGBUF_STANDARD);
	XLogRegisterData((char *) xlrec, SizeOfEsMetaInit);
	lsn = XLogInsert(ES_RMGR_ID, XLOG_ES_META_INIT);
	PageSetLSN(BufferGetPage(buffer), lsn);
}

static void
create_meta(Relation rel, xl_es_meta_init *xlrec)
{
	EsFileLocator locator = es_rel_locator(rel);
	Buffer		buffer;
	Page		page;

	xlrec->version = ES_WAL_VERSION;
	xlrec->locator[0] = es_locator_spc(locator);
	xlrec->locator[1] = es_locator_db(locator);
	xlrec->locator[2] = es_locator_number(locator);

	es_extend_relation(rel, ES_META_BLOCK + 1, NULL);
	buffer = ReadBuffer(rel, ES_META_BLOCK);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(buffer);

	/* the content lock decides between two first writers */
	if (PageIsNew(page))
	{
		START_CRIT_SECTION();
		es_apply_meta_init(page, xlrec);
		MarkBufferDirty(buffer);
		ES_STOP_POINT("meta-before-wal");
		if (RelationNeedsWAL(rel))
			log_meta_init(buffer, xlrec);
		ES_STOP_POINT("meta-after-wal");
		END_CRIT_SECTION();
	}
	UnlockReleaseBuffer(buffer);
}

void
es_meta_create(Relation rel)
{
	xl_es_meta_init xlrec;

	memset(&xlrec, 0, sizeof(xlrec));
	random_bytes(xlrec.hash_key, sizeof(xlrec.hash_key));
	random_bytes(xlrec.id_key, sizeof(xlrec.id_key));
	random_bytes(&xlrec.life, sizeof(xlrec.life));
	xlrec.next_row = ES_FIRST_ROW;
	create_meta(rel, &xlrec);
}

void
es_meta_create_copy(Relation rel, const EsMetaData *model)
{
	xl_es_meta_init xlrec;

	memset(&xlrec, 0, sizeof(xlrec));
	memcpy(xlrec.hash_key, model->hash_key, sizeof(xlrec.hash_key));
	memcpy(xlrec.id_key, model->id_key, sizeof(xlrec.id_key));
	random_bytes(&xlrec.life, sizeof(xlrec.life));
	xlrec.next_row = model->next_row;
	create_meta(rel, &xlrec);
}

void
es_store_refresh(Relation rel)
{
	Buffer		buffer = es_meta_lock(rel, BUFFER_LOCK_SHARE);

	if (!BufferIsValid(buffer))
		return;
	es_meta_remember(rel, EsPageGetMeta(BufferGetPage(buffer)));
	UnlockReleaseBuffer(buffer);
}

/*
 * The next row number, with the open run and the counters that the metapage had
 * then; zeros for an empty table.
 *
 * The metapage is let go before the current page is locked.  The page may stop to
 * be the current one in between; then rows on later pages were added after the
 * metapage was read, hence after the caller's snapshot was taken.
 */
static uint64
read_end(Relation rel, EsOpenRun *open, EsCounters *counters)
{
	memset(open, 0, sizeof(EsOpenRun));
	memset(counters, 0, sizeof(EsCounters));
	for (;;)
	{
		Buffer		buffer = es_meta_lock(rel, BUFFER_LOCK_SHARE);
		EsMeta		meta;
		EsUnitRef	ref;
		uint64		row;

		if (!BufferIsValid(buffer))
			return ES_FIRST_ROW;
		meta = EsPageGetMeta(BufferGetPage(buffer));
		es_meta_remember(rel, meta);
		*open = meta->open;
		*counters = meta->counters;
		row = meta->next_row;
		es_set_open_ref(&ref, &meta->open, meta->gen);
		UnlockReleaseBuffer(buffer);

		if (ref.unit.npages == 0)
			return row;
		buffer = es_tail_read(rel, &ref, ref.unit.npages - 1, NULL,
							  BUFFER_LOCK_SHARE);
		if (BufferIsValid(buffer))
		{
			Page		page = BufferGetPage(buffer);
			bool		current = (EsPageGetSpecial(page)->flags &
								   ES_PAGE_FLAG_CURRENT) != 0;

			row = es_page_next_row(page);
			UnlockReleaseBuffer(buffer);
			if (!current && !es_open_run_moved(rel, &ref))
				es_report_corruption(rel, ref.unit.start + ref.unit.npages - 1,
									 "The metapage says that rows are added here, the page does not");
			return row;
		}
	}
}

uint64
es_store_end_row(Relation rel)
{
	EsOpenRun	open;
	EsCounters	counters;

	return read_end(rel, &open, &counters);
}

void
es_store_sizes(Relation rel, EsSizes *sizes)
{
	EsOpenRun	open;
	EsCounters	counters;
	uint64		end_row = read_end(rel, &open, &counters);

	sizes->rows = counters.rows;
	if (open.npages > 0)
		sizes->rows += end_row - open.first_row;
	sizes->rows -= Min(sizes->rows, counters.holes);
	sizes->blocks = counters.unit_blocks + open.npages;
}

bool
es_store_has_rows(Relation rel)
{
	return es_store_end_row(rel) > ES_FIRST_ROW;
}

bool
es_store_id_key(Relation rel, uint8 key[ES_SIPHASH_KEY_BYTES])
{
	if (!es_store_cache(rel)->have_meta)
	{
		Buffer		buffer = es_meta_lock(rel, BUFFER_LOCK_SHARE);

		if (!BufferIsValid(buffer))
			return false;
		es_meta_remember(rel, EsPageGetMeta(BufferGetPage(buffer)));
		UnlockReleaseBuffer(buffer);
	}
	memcpy(key, es_store_cache(rel)->id_key, ES_SIPHASH_KEY_BYTES);
	return true;
}

void
es_log_images(Relation rel, uint8 info, uint32 count,
			  const Buffer *buffers, int nbuffers)
{
	xl_es_images xlrec;
	XLogRecPtr	lsn;

	if (!RelationNeedsWAL(rel))
		return;
	memset(&xlrec, 0, sizeof(xlrec));
	xlrec.version = ES_WAL_VERSION;
	xlrec.count = count;

	XLogBeginInsert();
	for (int i = 0; i < nbuffers; i++)
		XLogRegisterBuffer(i, buffers[i],
						   REGBUF_FORCE_IMAGE | REGBUF_STANDARD);
	XLogRegisterData((char *) &xlrec, SizeOfEsImages);
	lsn = XLogInsert(ES_RMGR_ID, info);
	for (int i = 0; i < nbuffers; i++)
		PageSetLSN(BufferGetPage(buffers[i]), lsn);
}
