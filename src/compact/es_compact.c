/*-------------------------------------------------------------------------
 *
 * es_compact.c
 *	  Compaction: decided rows of the tail, and small batches, become full
 *	  batches.
 *
 * Units are taken leaf by leaf of the directory, in groups of neighbours.  Their
 * rows are read, encoded to new batches beside them, and then one record replaces
 * the group by its successors.  Nothing that a reader could see changes with it:
 * rows keep their numbers, their transactions and their values.  Whoever reads
 * the old pages meanwhile goes on to do so, or notices and looks up again.
 *
 * Only decided rows move.  A tail page with a row of a transaction that is still
 * open stays where it is, between two batches: no snapshot and no transaction is
 * waited for.  Rows of aborted transactions are left out.
 *
 * IDENTIFICATION
 *	  src/compact/es_compact.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/memutils.h"

#include "base/es_config.h"
#include "base/es_progress.h"
#include "base/es_stoppoint.h"
#include "codec/es_codec.h"
#include "compact/es_compact.h"
#include "store/es_store.h"
#include "store/es_store_build.h"
#include "table/es_table.h"

/* batches that are published together: bounds memory, and what a cancel loses */
#define GROUP_BATCHES	12
#define GROUP_BYTES		(UINT64CONST(64) * 1024 * 1024)

/* a worker begins at so many blocks of closed runs, whatever their rows */
#define DUE_BLOCKS		(4 * ES_RUN_MAX_PAGES)

/* raw bytes of a block of values: see codec/README.md */
#define BLOCK_BYTES		8192
#define ZSTD_LEVEL		3

/* a page's rows may fill some more before it is looked at again */
#define MAX_BUILT		ES_META_PENDING_EXTENTS

/* pieces that a group can become: the batches, and tail pages that stay */
#define MAX_PIECES		1024

typedef struct Compaction
{
	Relation	rel;
	bool		all;
	TransactionId oldest_xmin;
	BufferAccessStrategy read_ring;
	BufferAccessStrategy write_ring;
	EsReader   *reader;
	EsBuilder  *builder;
	Datum	   *values;
	bool	   *isnull;
	MemoryContext row_context;	/* reset with each row */
	MemoryContext group_context;	/* reset with each group */
	EsCompactResult *result;

	/* the group at hand */
	const EsUnit *old;
	uint32		nold;
	EsUnit		pieces[MAX_PIECES]; /* what becomes of it, in order */
	uint32		npieces;
	EsBuiltBatch built[MAX_BUILT];
	uint32		piece_of[MAX_BUILT];	/* which piece each of them is */
	uint32		nbuilt;
	uint64		built_bytes;
	uint64		rows;
	bool		cut_short;		/* there are more rows in the group */
	bool		split;			/* publishing it split the leaf */

	uint64		rows_read;		/* of the table so far */
} Compaction;

/* ----------------------------------------------------------------
 * One group of units
 * ----------------------------------------------------------------
 */

/*
 * Encode the rows that are in the builder as the next piece.
 */
static void
finish_batch(Compaction *c)
{
	MemoryContext old_context;
	EsBuiltBatch *built = &c->built[c->nbuilt];
	EsUnit	   *piece = &c->pieces[c->npieces];

	if (es_builder_nrows(c->builder) == 0)
		return;
	if (c->nbuilt == MAX_BUILT || c->npieces == MAX_PIECES)
		elog(ERROR, "compaction has made more batches than it can publish together");
	old_context = MemoryContextSwitchTo(c->group_context);
	es_builder_finish(c->builder, built);
	MemoryContextSwitchTo(old_context);

	memset(piece, 0, sizeof(EsUnit));
	piece->kind = ES_UNIT_BATCH;
	piece->first_row = built->first_row;
	piece->span = built->span;
	piece->nrows = built->nrows;
	piece->npages = (uint32) es_batch_pages(built->body_len);
	piece->max_xid = built->max_xid;
	piece->raw_kb = (uint32) Min(built->raw_bytes / 1024, PG_UINT32_MAX);
	c->piece_of[c->nbuilt++] = c->npieces++;
	c->built_bytes += built->body_len;
	c->rows += built->nrows;
}

/*
 * The tail page at hand stays: alone, or with the one before it.
 */
static void
keep_page(Compaction *c)
{
	EsReader   *reader = c->reader;
	EsUnit	   *piece;

	finish_batch(c);
	piece = c->npieces > 0 ? &c->pieces[c->npieces - 1] : NULL;
	if (piece != NULL && piece->kind == ES_UNIT_TAIL &&
		piece->unit_id == reader->at.unit.unit_id &&
		piece->start + piece->npages == reader->block &&
		piece->first_row + piece->span == reader->page_first)
	{
		piece->npages++;
		piece->span += reader->page_nrows;
		piece->nrows = piece->span;
		return;
	}
	piece = &c->pieces[c->npieces++];
	memset(piece, 0, sizeof(EsUnit));
	piece->kind = ES_UNIT_TAIL;
	piece->unit_id = reader->at.unit.unit_id;
	piece->first_row = reader->page_first;
	piece->start = reader->block;
	piece->npages = 1;
	piece->first_page = (uint16) (reader->at.unit.first_page + reader->index);
	piece->span = piece->nrows = reader->page_nrows;
}

/*
 * The load batch at hand stays.
 */
static void
keep_batch(Compaction *c)
{
	finish_batch(c);
	c->pieces[c->npieces++] = c->reader->at.unit;
}

/*
 * A batch that is read goes into the group as a whole, and so do the rows of a page.
 * When the group has its batches, what is left of them goes into one that may be
 * larger than others; the largest there can be takes a whole batch, so that two
 * more are enough.
 */
static void
add_row(Compaction *c, HeapTuple tuple)
{
	MemoryContext old_context = MemoryContextSwitchTo(c->row_context);

	if (!es_builder_takes(c->builder, c->reader->row,
						  c->nbuilt >= GROUP_BATCHES))
		finish_batch(c);
	heap_deform_tuple(tuple, RelationGetDescr(c->rel), c->values, c->isnull);
	if (++c->rows_read % 1024 == 0)
		es_progress_set(ES_PROGRESS_ROWS, c->rows_read);
	es_builder_add(c->builder, c->reader->row, es_reader_xid(c->reader),
				   c->values, c->isnull, -1);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(c->row_context);
}

/*
 * Is there no room for what one more unit could become?  A tail unit becomes, at
 * worst, a batch and a page that stays for every two of its pages.
 */
static bool
group_is_full(const Compaction *c, const EsUnit *unit)
{
	return c->nbuilt >= GROUP_BATCHES || c->built_bytes >= GROUP_BYTES ||
		(c->npieces > 0 && c->npieces + unit->npages + 2 > MAX_PIECES);
}

/*
 * Read the rows of one unit into the group.
 */
static void
add_unit(Compaction *c, const EsUnit *unit)
{
	EsReader   *reader = c->reader;
	HeapTuple	tuple;
	HTSV_Result verdict;
	BlockNumber block = InvalidBlockNumber;
	bool		keep = false;
	bool		begun = false;

	es_reader_begin(reader, c->rel, ES_JUDGE_VACUUM, NULL, c->read_ring,
					unit->first_row, unit->first_row + unit->span);
	reader->oldest_xmin = c->oldest_xmin;
	while (es_reader_step(reader, true, &verdict))
	{
		if (reader->in_batch && !begun)
		{
			begun = true;
			if (es_reader_page_is_open(reader))
			{
				keep_batch(c);
				break;
			}
		}
		if (!reader->in_batch && reader->block != block)
		{
			es_vacuum_delay_point();
			block = reader->block;
			keep = es_reader_page_is_open(reader);
			if (!keep && c->nbuilt >= GROUP_BATCHES)
				keep = c->cut_short = true;
			if (keep)
				keep_page(c);
		}
		if (keep && !reader->in_batch)
			continue;
		if (verdict == HEAPTUPLE_DEAD)
			continue;
		CHECK_FOR_INTERRUPTS();
		tuple = es_reader_tuple(reader);
		add_row(c, tuple);
	}
	ES_STOP_POINT("compact-after-unit");
}

/*
 * Write what was encoded, and let it take the group's place.  false: the
 * directory has no room for it.
 */
static bool
publish_group(Compaction *c)
{
	EsUnit		units[MAX_BUILT];
	bool		published;

	finish_batch(c);
	es_progress_set(ES_PROGRESS_PHASE, ES_PHASE_WRITING);
	if (c->nbuilt > 0)
	{
		for (uint32 i = 0; i < c->nbuilt; i++)
			units[i] = c->pieces[c->piece_of[i]];
		es_store_reserve(c->rel, units, c->nbuilt);
		for (uint32 i = 0; i < c->nbuilt; i++)
		{
			c->pieces[c->piece_of[i]] = units[i];
			es_store_write_batch(c->rel, &units[i], c->built[i].body,
								 c->built[i].body_len, c->write_ring);
		}
	}
	ES_STOP_POINT("compact-before-publish");
	if (c->npieces == c->nold &&
		memcmp(c->pieces, c->old, c->nold * sizeof(EsUnit)) == 0)
		return true;			/* all of them stay */
	published = es_store_replace(c->rel, c->old, c->nold, c->pieces,
								 c->npieces, &c->split);
	if (published)
	{
		EsCompactResult *r = c->result;

		r->rows += c->rows;
		r->units_in += c->nold;
		r->batches += c->nbuilt;
		for (uint32 i = 0; i < c->nold; i++)
			r->blocks_in += c->old[i].npages;

		/* what stays was not compacted: all pieces but those built */
		for (uint32 i = 0; i < c->npieces; i++)
			r->blocks_in -= c->pieces[i].npages;
		for (uint32 i = 0; i < c->nbuilt; i++)
		{
			r->blocks_in += units[i].npages;
			r->blocks_out += units[i].npages;
		}
		es_progress_set(ES_PROGRESS_BATCHES, r->batches);
	}
	es_progress_set(ES_PROGRESS_PHASE, ES_PHASE_READING);
	ES_STOP_POINT("compact-after-publish");
	return published;
}

static void
begin_group(Compaction *c, const EsUnit *old)
{
	MemoryContextReset(c->group_context);
	c->old = old;
	c->nold = 0;
	c->npieces = 0;
	c->nbuilt = 0;
	c->built_bytes = 0;
	c->rows = 0;
	c->cut_short = false;
	c->split = false;
}

/*
 * Will there be fewer batches?  If not, nothing is won.
 */
static bool
is_worth_it(const EsUnit *units, uint32 n)
{
	uint64		rows = 0;
	uint64		kb = 0;

	for (uint32 i = 0; i < n; i++)
	{
		if (!es_unit_is_settled(&units[i]))
			return true;
		rows += units[i].nrows;
		kb += units[i].raw_kb;
	}
	return n > 1 && rows / es_batch_rows + 1 < n && kb / es_batch_size + 1 < n;
}

/* ----------------------------------------------------------------
 * One leaf
 * ----------------------------------------------------------------
 */

/*
 * Can the unit become something better?
 */
static bool
is_candidate(const EsUnit *unit)
{
	return !es_unit_is_settled(unit) ||
		(unit->nrows < (uint32) es_batch_rows / 2 &&
		 unit->raw_kb < (uint32) es_batch_size / 2);
}

/*
 * Compact the units of a leaf.  true: look at them again.
 */
static bool
compact_leaf(Compaction *c, const EsUnit *units, uint32 nunits)
{
	uint32		i = 0;
	bool		again = false;

	while (i < nunits)
	{
		uint32		n = 0;

		while (i + n < nunits && is_candidate(&units[i + n]))
			n++;
		if (n == 0)
		{
			i++;
			continue;
		}
		if (!is_worth_it(&units[i], n))
		{
			i += n;
			continue;
		}
		begin_group(c, &units[i]);
		do
		{
			add_unit(c, &units[i++]);
			c->nold++;
		} while (--n > 0 && !group_is_full(c, &units[i]));

		/* what found no room would not find any the next time */
		if (publish_group(c))
			again |= c->cut_short;
		if (c->split)
			return true;
	}
	return again;
}

/* ----------------------------------------------------------------
 * The end of the file
 * ----------------------------------------------------------------
 */

/* so much of the file has to be free before batches are moved for it */
#define MOVE_FRACTION	8

typedef struct Batches
{
	EsUnit	   *units;
	uint32		n;
	uint32		room;
} Batches;

static int
compare_starts(const void *a, const void *b)
{
	BlockNumber sa = ((const EsUnit *) a)->start;
	BlockNumber sb = ((const EsUnit *) b)->start;

	return sa < sb ? 1 : sa > sb ? -1 : 0;
}

/*
 * The settled batches from a block on, the last one of the file first.
 */
static void
find_batches(Relation rel, BlockNumber from, Batches *batches)
{
	EsUnit	   *units = palloc(ES_LEAF_UNITS * sizeof(EsUnit));
	uint32		nunits;
	uint64		row = ES_FIRST_ROW;

	while (row != ES_HIGH_ROW_INFINITE &&
		   es_store_leaf_units(rel, row, units, &nunits, &row))
	{
		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < nunits; i++)
		{
			if (!es_unit_is_settled(&units[i]) || units[i].start < from)
				continue;
			if (batches->n == batches->room)
			{
				batches->room = Max(2 * batches->room, 64);
				batches->units = batches->units == NULL ?
					palloc(batches->room * sizeof(EsUnit)) :
					repalloc_huge(batches->units,
								  batches->room * sizeof(EsUnit));
			}
			batches->units[batches->n++] = units[i];
		}
	}
	if (batches->n > 0)
		qsort(batches->units, batches->n, sizeof(EsUnit), compare_starts);
	pfree(units);
}

/*
 * Move batches from the end of the file into free room before them, so that VACUUM
 * can give the end back.  What a compaction replaces becomes free in the middle.
 */
static void
move_batches(Compaction *c)
{
	EsSpace		space;
	Batches		batches = {NULL, 0, 0};

	es_store_space(c->rel, &space);
	if (space.free_blocks < space.end / MOVE_FRACTION)
		return;
	es_progress_set(ES_PROGRESS_PHASE, ES_PHASE_MOVING);
	es_store_move_directory(c->rel, space.end - space.free_blocks);
	find_batches(c->rel, space.end - space.free_blocks, &batches);
	for (uint32 i = 0; i < batches.n; i++)
	{
		EsUnit	   *from = &batches.units[i];
		EsUnit		to = *from;

		es_vacuum_delay_point();
		if (!es_store_has_room_before(c->rel, from->npages, from->start))
			break;
		es_store_reserve(c->rel, &to, 1);
		if (to.start > from->start ||
			!es_store_copy_batch(c->rel, from, &to, c->write_ring))
		{
			es_store_drop_pending(c->rel);
			break;
		}
		if (!es_store_replace(c->rel, from, 1, &to, 1, &c->split))
			break;
	}
	if (batches.units != NULL)
		pfree(batches.units);
}

/* ----------------------------------------------------------------
 * A table
 * ----------------------------------------------------------------
 */

/*
 * Batches stay, whatever becomes of this transaction, and they are made as the
 * table is defined now.  So it must not be defined by this transaction: its
 * columns could vanish from it, or come back to it.  Whoever changed the
 * columns of a table has it locked.
 */
bool
es_compact_is_possible(Relation rel)
{
	return !CheckRelationLockedByMe(rel, AccessExclusiveLock, false);
}

bool
es_compact_is_due(Relation rel, bool all)
{
	EsTailSize	size;

	es_store_tail_size(rel, &size);
	if (all)
		return size.closed_blocks > 0 || size.open_blocks > 0 ||
			size.recent_units > 0;
	return size.recent_rows >= (uint64) es_batch_rows ||
		size.closed_blocks >= DUE_BLOCKS;
}

/*
 * Leaf by leaf, from the first row on.
 */
static void
compact_all_leaves(Compaction *c)
{
	EsUnit	   *units = palloc(ES_LEAF_UNITS * sizeof(EsUnit));
	uint32		nunits;
	uint64		row = ES_FIRST_ROW;
	uint64		next_row;

	es_store_begin_compaction(c->rel, c->all);
	while (row != ES_HIGH_ROW_INFINITE &&
		   es_store_leaf_units(c->rel, row, units, &nunits, &next_row))
	{
		CHECK_FOR_INTERRUPTS();
		if (!compact_leaf(c, units, nunits))
			row = next_row;
	}
	pfree(units);
}

void
es_compact_table(Relation rel, bool all, EsCompactResult *result)
{
	Compaction *c = palloc0(sizeof(Compaction));
	EsBuildOptions options;
	EsSizes		sizes;
	EsRoles		roles;
	uint8		id_key[ES_SIPHASH_KEY_BYTES];

	if (es_skip_damaged_batches)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot compact while damaged batches are skipped"),
				 errdetail("Their rows would be lost for ever."),
				 errhint("Set \"eventstore.skip_damaged_batches\" to off.")));
	if (!es_compact_is_possible(rel))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot compact table \"%s\" in a transaction that has locked it exclusively",
						RelationGetRelationName(rel)),
				 errdetail("Batches stay when the transaction is rolled back, but its changes of the table's definition do not."),
				 errhint("Compact the table in a transaction of its own.")));
	memset(result, 0, sizeof(EsCompactResult));
	memset(&options, 0, sizeof(options));
	options.max_rows = es_batch_rows;
	options.max_bytes = (uint64) es_batch_size * 1024;
	options.codec = ES_CODEC_ZSTD;
	options.level = ZSTD_LEVEL;
	options.block_bytes = BLOCK_BYTES;
	roles = es_table_roles(rel);
	options.recorded_at = roles.recorded_at;
	if (roles.version != 0)
		options.entity_id = roles.entity_id;
	if (roles.event_id != 0 && es_store_id_key(rel, id_key))
	{
		options.event_id = roles.event_id;
		options.id_key = id_key;
	}

	c->rel = rel;
	c->all = all;
	c->result = result;
	c->oldest_xmin = GetOldestNonRemovableTransactionId(rel);
	c->read_ring = GetAccessStrategy(BAS_BULKREAD);
	c->write_ring = GetAccessStrategy(BAS_BULKWRITE);
	c->reader = palloc0(sizeof(EsReader));
	c->builder = es_builder_create(RelationGetDescr(rel), &options,
								   CurrentMemoryContext);
	c->values = palloc(Max(RelationGetDescr(rel)->natts, 1) * sizeof(Datum));
	c->isnull = palloc(Max(RelationGetDescr(rel)->natts, 1) * sizeof(bool));
	c->row_context = AllocSetContextCreate(CurrentMemoryContext,
										   "eventstore compaction row",
										   ALLOCSET_DEFAULT_SIZES);
	c->group_context = AllocSetContextCreate(CurrentMemoryContext,
											 "eventstore compaction group",
											 ALLOCSET_DEFAULT_SIZES);

	es_store_sizes(rel, &sizes);
	es_progress_begin(RelationGetRelid(rel));
	PG_TRY();
	{
		es_progress_set(ES_PROGRESS_ROWS_TOTAL, sizes.rows);
		es_progress_set(ES_PROGRESS_PHASE, ES_PHASE_READING);
		compact_all_leaves(c);
		move_batches(c);
	}
	PG_FINALLY();
	{
		es_progress_end();
	}
	PG_END_TRY();

	es_reader_end(c->reader);
	pfree(c->reader);
	es_builder_free(c->builder);
	MemoryContextDelete(c->row_context);
	MemoryContextDelete(c->group_context);
	FreeAccessStrategy(c->read_ring);
	FreeAccessStrategy(c->write_ring);
	pfree(c);
}
