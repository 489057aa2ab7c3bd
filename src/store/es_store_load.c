/*-------------------------------------------------------------------------
 *
 * es_store_load.c
 *	  Rows in, many at a time: as a batch, in one WAL record.
 *
 * The batch is encoded before anything is locked, since nothing in it depends on
 * the numbers of its rows.  Then, under the metapage's lock, its numbers are
 * drawn, the open run is closed, its pages are written, and it becomes a unit: one
 * critical section and one record, so at no moment is a number taken and its row
 * not there, and a crash leaves the whole batch or nothing.
 *
 * IDENTIFICATION
 *	  src/store/es_store_load.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/memutils.h"

#include "base/es_corrupt.h"
#include "base/es_stoppoint.h"
#include "codec/es_codec.h"
#include "eventstore.h"
#include "format/es_batch.h"
#include "store/es_store_build.h"
#include "store/es_store_internal.h"

/* LZ4 finds more in larger blocks */
#define BLOCK_BYTES		16384

/* raw bytes of one batch: decoding it takes as much memory */
#define MAX_RAW_BYTES	(4 * 1024 * 1024)

typedef struct Load
{
	Relation	rel;
	const EsLoadOptions *options;
	int			flags;			/* ES_PUT_* */
	BufferAccessStrategy strategy;
	MemoryContext context;		/* reset with each batch */
	bool		given;			/* rows have given numbers */
	bool		made;			/* their ids are made here */
} Load;

/*
 * Can these rows be a batch?  They are alike in what the storage supplies, and given
 * numbers ascend and may be chosen.
 */
static bool
are_alike(const EsNewRow *rows, int nrows, int flags)
{
	bool		given = rows[0].given_row != 0;
	bool		made = rows[0].event_id_at != 0;

	if (given && ((flags & ES_PUT_RENUMBER) || !(flags & ES_PUT_MAY_JUMP)))
		return false;
	for (int i = 1; i < nrows; i++)
		if ((rows[i].given_row != 0) != given ||
			(rows[i].event_id_at != 0) != made ||
			(given && rows[i].given_row <= rows[i - 1].given_row))
			return false;
	return true;
}

/*
 * Encode rows, numbered from 1 unless they have numbers.
 */
static void
encode_rows(Load *load, const EsNewRow *rows, int nrows, EsBuiltBatch *built)
{
	TupleDesc	desc = RelationGetDescr(load->rel);
	Datum	   *values = palloc(Max(desc->natts, 1) * sizeof(Datum));
	bool	   *isnull = palloc(Max(desc->natts, 1) * sizeof(bool));
	EsBuildOptions options;
	EsBuilder  *builder;

	memset(&options, 0, sizeof(options));
	options.max_rows = ES_BATCH_MAX_ROWS;
	options.max_bytes = PG_UINT64_MAX;
	options.codec = ES_CODEC_LZ4;
	options.block_bytes = BLOCK_BYTES;
	options.position = load->options->position;
	options.entity_id = load->options->entity_id;
	options.numbers_to_come = !load->given;
	options.recorded_at = load->options->recorded_at;
	if (load->made)
		options.event_id = load->options->event_id;
	builder = es_builder_create(desc, &options, CurrentMemoryContext);
	for (int i = 0; i < nrows; i++)
	{
		heap_deform_tuple(rows[i].tuple, desc, values, isnull);
		es_builder_add(builder, load->given ? rows[i].given_row : (uint64) i + 1,
					   0, values, isnull,
					   load->made ? (int64) rows[i].event_id_ms : -1);
	}
	es_builder_finish(builder, built);
	es_builder_free(builder);
}

/*
 * Fill in the record for the locked metapage and current page, as far as the batch
 * can have its numbers.  Returns the next number.
 */
static uint64
plan_batch(Load *load, const EsMetaData *meta, Buffer oldbuf,
		   const EsBuiltBatch *built, xl_es_batch *xlrec)
{
	uint64		next = meta->next_row;
	EsExtent	extent = es_space_choose_whole(meta, xlrec->npages);

	if (BufferIsValid(oldbuf))
	{
		next = es_page_next_row(BufferGetPage(oldbuf));
		xlrec->flags |= ES_BATCH_OLD;
		xlrec->run_end = next;
	}
	xlrec->first_row = load->given ? built->first_row : next;
	xlrec->unit_id = meta->next_unit_id;
	xlrec->start = extent.start;
	return next;
}

static void
write_batch(Load *load, const xl_es_batch *xlrec, const EsBuiltBatch *built,
			Buffer metabuf, Buffer oldbuf, Buffer *pages)
{
	TransactionId xid = GetCurrentTransactionId();

	START_CRIT_SECTION();
	for (uint32 i = 0; i < xlrec->npages; i++)
	{
		es_apply_batch_page(BufferGetPage(pages[i]), xlrec->unit_id,
							xlrec->first_row, built->body, built->body_len, i);
		if (i == 0)
			es_apply_batch_tuple(BufferGetPage(pages[i]), xid,
								 load->options->cid,
								 (xlrec->flags & ES_BATCH_FROZEN) != 0);
		MarkBufferDirty(pages[i]);
	}
	es_apply_batch_meta(BufferGetPage(metabuf), xlrec);
	MarkBufferDirty(metabuf);
	if (BufferIsValid(oldbuf))
	{
		es_apply_new_tail_old(BufferGetPage(oldbuf));
		MarkBufferDirty(oldbuf);
	}
	ES_STOP_POINT("load-before-wal");
	if (RelationNeedsWAL(load->rel))
	{
		XLogRecPtr	lsn;

		XLogBeginInsert();
		XLogRegisterBuffer(0, metabuf, REGBUF_STANDARD);
		if (BufferIsValid(oldbuf))
			XLogRegisterBuffer(1, oldbuf, REGBUF_STANDARD);
		for (uint32 i = 0; i < xlrec->npages; i++)
			XLogRegisterBuffer(2 + i, pages[i],
							   REGBUF_STANDARD | REGBUF_WILL_INIT);
		XLogRegisterData((char *) xlrec, SizeOfEsBatch);
		XLogRegisterData(built->body, built->body_len);
		XLogSetRecordFlags(XLOG_INCLUDE_ORIGIN);
		lsn = XLogInsert(ES_RMGR_ID, XLOG_ES_BATCH);
		PageSetLSN(BufferGetPage(metabuf), lsn);
		if (BufferIsValid(oldbuf))
			PageSetLSN(BufferGetPage(oldbuf), lsn);
		for (uint32 i = 0; i < xlrec->npages; i++)
			PageSetLSN(BufferGetPage(pages[i]), lsn);
	}
	ES_STOP_POINT("load-after-wal");
	END_CRIT_SECTION();
}

/*
 * Draw numbers and write, once; false: the file has to be made longer first, or
 * the table has no metapage yet.  *first_row: the number drawn.
 */
static bool
try_to_publish(Load *load, const EsBuiltBatch *built, xl_es_batch *xlrec,
			   EsNewRow *rows)
{
	Relation	rel = load->rel;
	Buffer		metabuf = es_meta_lock(rel, BUFFER_LOCK_EXCLUSIVE);
	Buffer		oldbuf = InvalidBuffer;
	Buffer		pages[ES_BATCH_MAX_LOAD_PAGES];
	EsMeta		meta;
	uint64		next;

	if (!BufferIsValid(metabuf))
	{
		es_meta_create(rel);
		return false;
	}
	meta = EsPageGetMeta(BufferGetPage(metabuf));
	if (!es_space_suffices(rel, meta, xlrec->npages + ES_FLUSH_PAGES))
	{
		BlockNumber alloc_end = meta->alloc_end;

		UnlockReleaseBuffer(metabuf);
		es_space_extend(rel, alloc_end, xlrec->npages + ES_FLUSH_PAGES,
						load->strategy);
		return false;
	}
	if (es_directory_is_full(meta))
		es_directory_flush(rel, metabuf, ES_FLUSH_UNITS);
	if (meta->open.npages > 0)
	{
		oldbuf = es_page_read(rel, meta->open.current_block, load->strategy,
							  BUFFER_LOCK_EXCLUSIVE);
		es_check_current(rel, oldbuf, &meta->open);
	}
	next = plan_batch(load, meta, oldbuf, built, xlrec);
	if (xlrec->first_row < next ||
		xlrec->first_row + xlrec->span - 1 > ES_MAX_ROW)
	{
		if (BufferIsValid(oldbuf))
			UnlockReleaseBuffer(oldbuf);
		UnlockReleaseBuffer(metabuf);
		es_report_number(rel, &rows[0], xlrec->first_row < next ? next :
						 ES_MAX_ROW + 1);
	}
	for (uint32 i = 0; i < xlrec->npages; i++)
		pages[i] = ReadBufferExtended(rel, MAIN_FORKNUM, xlrec->start + i,
									  RBM_ZERO_AND_LOCK, load->strategy);
	XLogEnsureRecordSpace(1 + xlrec->npages, 4);

	/* as for single rows: before, and once more when the rows can be found */
	CheckForSerializableConflictIn(rel, NULL, InvalidBlockNumber);
	write_batch(load, xlrec, built, metabuf, oldbuf, pages);

	for (uint32 i = 0; i < xlrec->npages; i++)
		UnlockReleaseBuffer(pages[i]);
	if (BufferIsValid(oldbuf))
		UnlockReleaseBuffer(oldbuf);
	es_meta_remember(rel, meta);
	UnlockReleaseBuffer(metabuf);
	CheckForSerializableConflictIn(rel, NULL, InvalidBlockNumber);
	return true;
}

/*
 * Put rows in as one batch, or, if that would be too large for a record, as two.
 */
static void
load_rows(Load *load, EsNewRow *rows, int nrows, bool last)
{
	EsBuiltBatch built;
	MemoryContext old = MemoryContextSwitchTo(load->context);
	xl_es_batch xlrec;
	uint8		id_key[ES_SIPHASH_KEY_BYTES];
	uint64		bytes = 0;

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < nrows; i++)
		bytes += rows[i].tuple->t_len;
	if (bytes <= MAX_RAW_BYTES || nrows == 1)
		encode_rows(load, rows, nrows, &built);
	MemoryContextSwitchTo(old);
	if (nrows > 1 &&
		(bytes > MAX_RAW_BYTES ||
		 es_batch_pages(built.body_len) > ES_BATCH_MAX_LOAD_PAGES))
	{
		MemoryContextReset(load->context);
		load_rows(load, rows, nrows / 2, false);
		load_rows(load, rows + nrows / 2, nrows - nrows / 2, last);
		return;
	}
	if (es_batch_pages(built.body_len) > ES_BATCH_MAX_LOAD_PAGES)
	{
		/* one row, which was compressed better than it is now */
		MemoryContextReset(load->context);
		es_store_put_rows(load->rel, rows, nrows, load->flags, load->strategy);
		return;
	}

	memset(&xlrec, 0, sizeof(xlrec));
	xlrec.version = ES_WAL_VERSION;
	xlrec.npages = (uint32) es_batch_pages(built.body_len);
	xlrec.span = built.span;
	xlrec.nrows = built.nrows;
	xlrec.raw_kb = (uint32) (built.raw_bytes / 1024);
	xlrec.body_len = (uint32) built.body_len;
	if (load->flags & ES_PUT_LOGICAL)
		xlrec.flags |= ES_BATCH_LOGICAL;
	if (last)
		xlrec.flags |= ES_BATCH_LAST;
	if (load->options->frozen)
		xlrec.flags |= ES_BATCH_FROZEN;
	while (!es_store_id_key(load->rel, id_key))
		es_meta_create(load->rel);
	memcpy(xlrec.id_key, id_key, sizeof(xlrec.id_key));

	while (!try_to_publish(load, &built, &xlrec, rows))
	{
		CHECK_FOR_INTERRUPTS();
		xlrec.flags &= ~ES_BATCH_OLD;
		xlrec.run_end = 0;
	}
	for (int i = 0; i < nrows; i++)
		es_fill_in_row(&rows[i], load->given ? rows[i].given_row :
					   xlrec.first_row + i, id_key);
	MemoryContextReset(load->context);
}

bool
es_store_load_rows(Relation rel, EsNewRow *rows, int nrows, int flags,
				   const EsLoadOptions *options,
				   BufferAccessStrategy strategy)
{
	Load		load;
	Size		bytes = 0;

	for (int i = 0; i < nrows && bytes < ES_LOAD_MIN_BYTES; i++)
		bytes += rows[i].tuple->t_len;
	if (nrows < 2 || bytes < ES_LOAD_MIN_BYTES ||
		RelationGetDescr(rel)->natts == 0 || !are_alike(rows, nrows, flags))
		return false;

	load.rel = rel;
	load.options = options;
	load.flags = flags;
	load.strategy = strategy;
	load.given = rows[0].given_row != 0;
	load.made = rows[0].event_id_at != 0;
	load.context = AllocSetContextCreate(CurrentMemoryContext,
										 "eventstore load",
										 ALLOCSET_DEFAULT_SIZES);
	ES_STOP_POINT("load-before-lock");
	load_rows(&load, rows, nrows, true);
	MemoryContextDelete(load.context);
	return true;
}
