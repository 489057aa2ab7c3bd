/*-------------------------------------------------------------------------
 *
 * es_store_verify.c
 *	  Walks a table and reports every rule that it breaks.
 *
 * The rules and their names are listed in README.md, "What verify looks at".
 *
 * Rows are added meanwhile.  So the metapage is copied once, at one moment
 * together with the current page, and the walk goes only as far as that copy
 * says: units that were recent then, or in the tree before them.  Directory
 * pages can only have grown at their right end since; what begins at or after
 * "bound" is passed over.  Everything is looked at in copies, so nothing is
 * locked while a problem is reported.
 *
 * VACUUM is shut out by the caller's lock, but on a standby its records are
 * replayed meanwhile.  Where it takes a unit away, the metapage's gen moves, and
 * what does not fit together any more is no damage: see table_changed().
 *
 * A block that cannot be read raises an error deep inside the server.  It is
 * read in a subtransaction, so that the walk can report it and go on.
 *
 * IDENTIFICATION
 *	  src/store/es_store_verify.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "storage/smgr.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "format/es_format_check.h"
#include "store/es_store_internal.h"
#include "store/es_store_verify_internal.h"

static bool table_changed(EsVerify *v);
static bool copy_metapage(EsVerify *v);
static bool copy_never_written(EsVerify *v, Page page);
static bool use_blocks(EsVerify *v, BlockNumber start, uint32 len,
					   BlockNumber listed_in, const char *what);
static void check_directory(EsVerify *v, BlockNumber block, uint32 level,
							uint64 low, uint64 high);
static void check_unit(EsVerify *v, const EsUnit *unit, BlockNumber listed_in);
static void check_batch(EsVerify *v, const EsUnit *unit);
static void check_open_run(EsVerify *v);
static void check_run(EsVerify *v, const EsUnit *unit, bool open);
static void check_free_space(EsVerify *v);
static void check_counters(EsVerify *v);
static bool check_tail_page(EsVerify *v, Page page, BlockNumber block,
							const EsUnit *unit, uint32 index, bool current);

void
es_store_verify(Relation rel, EsVerifyReport report, void *arg)
{
	EsVerify   *v = palloc0(sizeof(EsVerify));

	v->rel = rel;
	v->report = report;
	v->arg = arg;
	v->strategy = GetAccessStrategy(BAS_BULKREAD);
	v->values = palloc(rel->rd_att->natts * sizeof(Datum));
	v->isnull = palloc(rel->rd_att->natts * sizeof(bool));

	v->nblocks = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);
	if (v->nblocks > 0 && copy_metapage(v))
	{
		EsMeta		meta = &v->meta;

		/* the file only grows, so all that the copy speaks of is below this */
		v->nused = v->nblocks = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);
		if (meta->alloc_end > (uint64) v->nblocks + ES_MAX_MISSING_BLOCKS)
			es_verify_complain(v, ES_META_BLOCK, 0, "space",
					 "Free space begins at block %u, far beyond the file's end", meta->alloc_end);
		v->used = palloc_extended(v->nused / BITS_PER_BYTE + 1,
								  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		v->bound = es_directory_end(meta);
		v->end_row = ES_FIRST_ROW;

		use_blocks(v, ES_META_BLOCK, 1, ES_META_BLOCK, "the metapage");
		if (meta->root != 0)
			check_directory(v, meta->root, meta->height, 0,
							ES_HIGH_ROW_INFINITE);
		for (uint32 i = 0; i < meta->nrecent; i++)
			check_unit(v, &meta->recent[i], ES_META_BLOCK);
		check_open_run(v);
		check_free_space(v);
		check_counters(v);
		pfree(v->used);
	}

	FreeAccessStrategy(v->strategy);
	pfree(v->values);
	pfree(v->isnull);
	pfree(v);
}

void
es_verify_complain(EsVerify *v, BlockNumber block, uint64 row, const char *rule,
		 const char *problem,...)
{
	char		message[512];
	va_list		args;

	va_start(args, problem);
	vsnprintf(message, sizeof(message), problem, args);
	va_end(args);
	v->report(v->arg, block, row, rule, message);
}

/* ----------------------------------------------------------------
 * Reading
 * ----------------------------------------------------------------
 */

/* Does an error mean that what is stored is damaged, or not to be had? */
static bool
is_damage(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_DATA_CORRUPTED ||
		sqlerrcode == ERRCODE_IO_ERROR ||
		sqlerrcode == ERRCODE_UNDEFINED_FILE;
}

/*
 * Do what reads the table, in a subtransaction.  Returns the error that says that
 * something is damaged, if there was one.
 */
static ErrorData *
try_to_read(EsVerify *v, void (*work) (EsVerify *v, void *arg), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(v, arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	if (error != NULL && !is_damage(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

/* what read_block is asked with */
typedef struct CopyArg
{
	BlockNumber block;
	Page		copy;
} CopyArg;

static void
read_block(EsVerify *v, void *arg)
{
	CopyArg    *what = (CopyArg *) arg;
	Buffer		buffer = ReadBufferExtended(v->rel, MAIN_FORKNUM, what->block,
											RBM_NORMAL, v->strategy);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(what->copy, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
}

/*
 * Copy a block.  false: it cannot be read, which was reported.
 */
bool
es_verify_copy_block(EsVerify *v, BlockNumber block, Page copy)
{
	CopyArg		arg;
	ErrorData  *error;

	CHECK_FOR_INTERRUPTS();
	if (block >= v->nblocks)
		v->nblocks = smgrnblocks(RelationGetSmgr(v->rel), MAIN_FORKNUM);
	if (block >= v->nblocks)
	{
		es_verify_complain(v, block, 0, "page read",
				 "The file ends at block %u", v->nblocks);
		return false;
	}

	arg.block = block;
	arg.copy = copy;
	error = try_to_read(v, read_block, &arg);
	if (error == NULL)
		return true;
	es_verify_complain(v, block, 0, "page read", "%s", error->message);
	FreeErrorData(error);
	return false;
}

/*
 * Did a unit go away, or did blocks at the end, since the metapage was copied?
 * Asked before a problem is reported that could come from that.
 */
static bool
table_changed(EsVerify *v)
{
	return es_verify_copy_block(v, ES_META_BLOCK, v->again.data) &&
		EsPageGetMeta(v->again.data)->gen != v->meta.gen;
}

/*
 * Copy the metapage and the current page as they are at one moment: the
 * metapage once more after the page, until it names the same page both times.
 * (A block can be current again in another life only, with another unit_id.)
 * false: there is nothing to go by, or to look at.
 */
static bool
copy_metapage(EsVerify *v)
{
	Page		page = v->page.data;
	bool		first = true;

	for (;;)
	{
		const char *problem;

		if (!es_verify_copy_block(v, ES_META_BLOCK, page))
			return false;
		if (PageIsNew(page))
		{
			if (!copy_never_written(v, page))
				return false;
			continue;
		}
		problem = es_page_check(page);
		if (problem == NULL)
			problem = es_meta_check(page);
		if (problem != NULL)
		{
			es_verify_complain(v, ES_META_BLOCK, 0, "metapage", "%s", problem);
			return false;
		}
		if (!first &&
			memcmp(&EsPageGetMeta(page)->open, &v->meta.open,
				   sizeof(EsOpenRun)) == 0)
		{
			v->meta = *EsPageGetMeta(page);
			return true;
		}

		first = false;
		v->meta = *EsPageGetMeta(page);
		if (v->meta.open.npages == 0)
			return true;
		v->have_current = es_verify_copy_block(v, v->meta.open.current_block,
									 v->current.data);
		if (!v->have_current)
			return true;
	}
}

/*
 * Block 0 was never written, so the table is empty: is it?  Returns true if a
 * metapage was made meanwhile.
 */
static bool
copy_never_written(EsVerify *v, Page page)
{
	for (BlockNumber block = 1; block < v->nblocks; block++)
	{
		if (!es_verify_copy_block(v, block, page) || PageIsNew(page))
			continue;
		if (es_verify_copy_block(v, ES_META_BLOCK, page) && !PageIsNew(page))
			return true;
		es_verify_complain(v, ES_META_BLOCK, 0, "metapage",
				 "Block 0 was never written, but block %u was", block);
		break;
	}
	return false;
}

/* ----------------------------------------------------------------
 * Blocks
 * ----------------------------------------------------------------
 */

/*
 * Note that blocks are in use.  false: one is already, or there is no such
 * block; that was reported.
 */
static bool
use_blocks(EsVerify *v, BlockNumber start, uint32 len, BlockNumber listed_in,
		   const char *what)
{
	BlockNumber twice = InvalidBlockNumber;

	if ((uint64) start + len > v->meta.alloc_end)
	{
		es_verify_complain(v, listed_in, 0, "space",
				 "Blocks %u to %u, listed as %s, lie beyond block %u, where free space begins",
				 start, start + len - 1, what, v->meta.alloc_end);
		return false;
	}
	for (BlockNumber block = start; block < start + len; block++)
	{
		uint8		bit = 1 << (block % BITS_PER_BYTE);

		if (block >= v->nused)
			break;
		if (v->used[block / BITS_PER_BYTE] & bit)
			twice = block;
		v->used[block / BITS_PER_BYTE] |= bit;
	}
	if (twice != InvalidBlockNumber)
		es_verify_complain(v, listed_in, 0, "space",
				 "Block %u, listed as %s, is in use already", twice, what);
	return twice == InvalidBlockNumber;
}

/*
 * Free extents and the reserve.  They may reach beyond the end of the file: a
 * crash can shorten it to what was written, and a standby's is only as long.
 */
static void
check_free_space(EsVerify *v)
{
	const EsMetaData *meta = &v->meta;
	uint64		end = 1;

	for (uint32 i = 0; i < meta->nfree; i++)
	{
		const EsExtent *f = &meta->free[i];

		if (f->len == 0 || f->start < end)
			es_verify_complain(v, ES_META_BLOCK, 0, "free space",
					 "Free extent %u (block %u, length %u) is empty or out of order",
					 i, f->start, f->len);
		end = Max(end, (uint64) f->start + f->len);
		(void) use_blocks(v, f->start, f->len, ES_META_BLOCK, "free");

		if (meta->reserve.len > 0 &&
			meta->reserve.start < (uint64) f->start + f->len &&
			f->start < (uint64) meta->reserve.start + meta->reserve.len)
			es_verify_complain(v, ES_META_BLOCK, 0, "free space",
					 "The reserve (block %u, length %u) overlaps free extent %u",
					 meta->reserve.start, meta->reserve.len, i);
	}
	if (meta->reserve.len > 0)
		(void) use_blocks(v, meta->reserve.start, meta->reserve.len,
						  ES_META_BLOCK, "reserved");
	for (uint32 i = 0; i < meta->npending; i++)
		(void) use_blocks(v, meta->pending[i].start, meta->pending[i].len,
						  ES_META_BLOCK, "pending");
}

/*
 * The counters against what was found, if everything was.
 */
static void
check_counters(EsVerify *v)
{
	const EsMetaData *meta = &v->meta;
	const EsCounters *c = &meta->counters;

	if (c->holes > c->rows)
		es_verify_complain(v, ES_META_BLOCK, 0, "counters",
				 "Of " UINT64_FORMAT " rows " UINT64_FORMAT " are counted as aborted",
				 c->rows, c->holes);
	if (v->incomplete ||
		(v->rows == c->rows && v->unit_blocks == c->unit_blocks &&
		 v->loose_blocks == c->loose_blocks &&
		 v->dir_blocks == c->dir_blocks && v->last_leaf == meta->last_leaf &&
		 v->last_inner == meta->last_inner) ||
		table_changed(v))
		return;

	if (v->rows != c->rows)
		es_verify_complain(v, ES_META_BLOCK, 0, "counters",
				 "Closed units have " UINT64_FORMAT " rows, " UINT64_FORMAT " are counted",
				 v->rows, c->rows);
	if (v->unit_blocks != c->unit_blocks)
		es_verify_complain(v, ES_META_BLOCK, 0, "counters",
				 "Closed units have " UINT64_FORMAT " blocks, %u are counted",
				 v->unit_blocks, c->unit_blocks);
	if (v->loose_blocks != c->loose_blocks)
		es_verify_complain(v, ES_META_BLOCK, 0, "counters",
						   "Units that are no settled batches have " UINT64_FORMAT " blocks, %u are counted",
						   v->loose_blocks, c->loose_blocks);
	if (v->dir_blocks != c->dir_blocks)
		es_verify_complain(v, ES_META_BLOCK, 0, "counters",
				 "The directory has " UINT64_FORMAT " pages, %u are counted",
				 v->dir_blocks, c->dir_blocks);
	if (v->last_leaf != meta->last_leaf)
		es_verify_complain(v, ES_META_BLOCK, 0, "directory",
				 "The last leaf is block %u, not %u",
				 v->last_leaf, meta->last_leaf);
	if (v->last_inner != meta->last_inner)
		es_verify_complain(v, ES_META_BLOCK, 0, "directory",
				 "The last of the lowest inner pages is block %u, not %u",
				 v->last_inner, meta->last_inner);
}

/* ----------------------------------------------------------------
 * The directory
 * ----------------------------------------------------------------
 */

/*
 * A directory page by itself and against what its parent says of it.  high may
 * have become smaller: the rightmost page of a level ends where one that was
 * added since begins, and that is never below the bound.
 */
static const char *
directory_problem(EsVerify *v, Page page, uint32 level, uint64 low, uint64 high)
{
	const char *problem = es_page_check(page);

	if (problem != NULL)
		return problem;
	problem = es_dir_check(page);
	if (problem != NULL)
		return problem;
	if ((EsPageGetSpecial(page)->kind == ES_PAGE_LEAF) != (level == 1))
		return "The directory page is on the wrong level";
	if (EsPageGetSpecial(page)->first_row != low)
		return "The directory page does not begin where its parent says";
	if (EsPageGetDir(page)->high_row != high &&
		(EsPageGetDir(page)->high_row > high ||
		 EsPageGetDir(page)->high_row < v->bound))
		return "The directory page does not end where its parent says";
	return NULL;
}

/*
 * A directory page and all below it, leaves being level 1.  low and high are the
 * bounds that its parent gives it; those of the root are 0 and infinite.
 */
static void
check_directory(EsVerify *v, BlockNumber block, uint32 level,
				uint64 low, uint64 high)
{
	Page		page;
	const char *problem;

	/* a page that is met twice could lead in circles */
	if (!use_blocks(v, block, 1, ES_META_BLOCK, "a directory page"))
	{
		v->incomplete = true;
		return;
	}

	page = palloc(BLCKSZ);
	if (!es_verify_copy_block(v, block, page))
		v->incomplete = true;
	else if ((problem = directory_problem(v, page, level, low, high)) != NULL)
	{
		v->incomplete = true;
		if (!table_changed(v))
			es_verify_complain(v, block, 0, "directory", "%s", problem);
	}
	else if (level == 1)
	{
		v->dir_blocks++;
		v->last_leaf = block;
		for (uint32 i = 0; i < EsPageGetDir(page)->n; i++)
			if (EsPageGetUnits(page)[i].first_row < v->bound)
				check_unit(v, &EsPageGetUnits(page)[i], block);
	}
	else
	{
		const EsInnerEntry *entries = EsPageGetEntries(page);
		uint32		n = EsPageGetDir(page)->n;

		v->dir_blocks++;
		if (level == 2)
			v->last_inner = block;
		for (uint32 i = 0; i < n && entries[i].low_row < v->bound; i++)
			check_directory(v, entries[i].child, level - 1, entries[i].low_row,
							i + 1 < n ? entries[i + 1].low_row : high);
	}
	pfree(page);
}

static void
check_unit(EsVerify *v, const EsUnit *unit, BlockNumber listed_in)
{
	char		what[64];

	if (unit->first_row < v->end_row)
		es_verify_complain(v, listed_in, unit->first_row, "unit order",
				 "Unit " UINT64_FORMAT " begins at row " UINT64_FORMAT
				 ", the one before it ends at row " UINT64_FORMAT,
				 unit->unit_id, unit->first_row, v->end_row);
	v->end_row = Max(v->end_row, unit->first_row + unit->span);
	if (unit->unit_id == 0 || unit->unit_id >= v->meta.next_unit_id)
		es_verify_complain(v, listed_in, unit->first_row, "unit id",
				 "Unit " UINT64_FORMAT " was never made: the next one is "
				 UINT64_FORMAT,
				 unit->unit_id, v->meta.next_unit_id);
	v->rows += unit->nrows;
	v->unit_blocks += unit->npages;
	if (!es_unit_is_settled(unit))
		v->loose_blocks += unit->npages;

	snprintf(what, sizeof(what), "unit " UINT64_FORMAT, unit->unit_id);
	(void) use_blocks(v, unit->start, unit->npages, listed_in, what);
	if (unit->kind == ES_UNIT_BATCH)
		check_batch(v, unit);
	else
		check_run(v, unit, false);
}

/* ----------------------------------------------------------------
 * Batches
 * ----------------------------------------------------------------
 */

/* problems of a batch, before they are reported */
typedef struct BatchProblems
{
	EsVerify   *v;
	const EsUnit *unit;
	MemoryContext context;
	List	   *rules;
	List	   *texts;
} BatchProblems;

static void
note_problem(void *arg, const char *rule, const char *problem)
{
	BatchProblems *problems = (BatchProblems *) arg;
	MemoryContext old = MemoryContextSwitchTo(problems->context);

	problems->rules = lappend(problems->rules, pstrdup(rule));
	problems->texts = lappend(problems->texts, pstrdup(problem));
	MemoryContextSwitchTo(old);
}

static void
read_batch(EsVerify *v, void *arg)
{
	BatchProblems *problems = (BatchProblems *) arg;
	EsUnitRef	ref;
	EsBatch    *batch;

	memset(&ref, 0, sizeof(ref));
	ref.unit = *problems->unit;
	ref.gen = v->meta.gen;
	batch = es_batch_open(v->rel, &ref, v->strategy, CurrentMemoryContext);
	if (batch == NULL)
		return;
	es_batch_verify(batch,
					U64FromFullTransactionId(ReadNextFullTransactionId()),
					note_problem, problems);
	es_batch_close(batch);
}

/*
 * A batch, to the last byte.
 */
static void
check_batch(EsVerify *v, const EsUnit *unit)
{
	BatchProblems problems;
	ErrorData  *error;
	ListCell   *rule;
	ListCell   *text;

	memset(&problems, 0, sizeof(problems));
	problems.v = v;
	problems.unit = unit;
	problems.context = CurrentMemoryContext;
	error = try_to_read(v, read_batch, &problems);
	if ((error != NULL || problems.rules != NIL) && table_changed(v))
		return;
	forboth(rule, problems.rules, text, problems.texts)
		es_verify_complain(v, unit->start, unit->first_row,
				 (const char *) lfirst(rule), "%s", (char *) lfirst(text));
	if (error != NULL)
	{
		es_verify_complain(v, unit->start, unit->first_row, "batch", "%s",
				 error->detail != NULL ? error->detail : error->message);
		FreeErrorData(error);
	}
}

/* ----------------------------------------------------------------
 * Runs of tail pages
 * ----------------------------------------------------------------
 */

static void
check_open_run(EsVerify *v)
{
	const EsOpenRun *open = &v->meta.open;
	EsUnit		unit;

	if (v->end_row > (open->npages > 0 ? open->first_row : v->meta.next_row))
		es_verify_complain(v, ES_META_BLOCK, v->end_row, "unit order",
				 "The last unit ends at row " UINT64_FORMAT
				 ", beyond where new rows begin", v->end_row);
	if (open->npages == 0)
		return;

	if (open->unit_id == 0 || open->unit_id >= v->meta.next_unit_id)
		es_verify_complain(v, ES_META_BLOCK, open->first_row, "unit id",
				 "The open run is unit " UINT64_FORMAT
				 ", which was never made: the next one is " UINT64_FORMAT,
				 open->unit_id, v->meta.next_unit_id);
	memset(&unit, 0, sizeof(unit));
	unit.first_row = open->first_row;
	unit.unit_id = open->unit_id;
	unit.start = open->start;
	unit.npages = open->npages;
	(void) use_blocks(v, unit.start, unit.npages, ES_META_BLOCK,
					  "the open run");
	check_run(v, &unit, true);
}

/*
 * The pages of a run: each by itself, and their rows following one another.
 */
static void
check_run(EsVerify *v, const EsUnit *unit, bool open)
{
	uint64		next_row = unit->first_row;

	for (uint32 i = 0; i < unit->npages; i++)
	{
		BlockNumber block = unit->start + i;
		bool		current = open && i == unit->npages - 1;
		Page		page = current ? v->current.data : v->page.data;
		uint64		first_row;

		if (current ? !v->have_current : !es_verify_copy_block(v, block, page))
		{
			next_row = 0;
			continue;
		}
		if (!check_tail_page(v, page, block, unit, i, current))
		{
			if (table_changed(v))
				return;
			next_row = 0;
			continue;
		}

		first_row = EsPageGetSpecial(page)->first_row;
		if (next_row != 0 && first_row != next_row)
			es_verify_complain(v, block, first_row, "page rows",
					 "The page begins at row " UINT64_FORMAT
					 ", not at row " UINT64_FORMAT, first_row, next_row);
		next_row = es_page_next_row(page);
		es_verify_rows(v, page, block);
	}

	if (!open && next_row != 0 && next_row != unit->first_row + unit->span)
		es_verify_complain(v, unit->start + unit->npages - 1, next_row, "page rows",
				 "The last page of unit " UINT64_FORMAT " ends at row "
				 UINT64_FORMAT ", the unit at row " UINT64_FORMAT,
				 unit->unit_id, next_row, unit->first_row + unit->span);
}

/*
 * Is this the page of a run that it should be?  false: it is not a tail page
 * whose rows could be looked at.  That was reported, unless the unit is gone.
 */
static bool
check_tail_page(EsVerify *v, Page page, BlockNumber block, const EsUnit *unit,
				uint32 index, bool current)
{
	EsPageSpecial special;
	const char *problem = es_page_check(page);

	if (problem != NULL)
	{
		if (!table_changed(v))
			es_verify_complain(v, block, 0, "page header", "%s", problem);
		return false;
	}
	special = EsPageGetSpecial(page);
	if (special->kind != ES_PAGE_TAIL || special->unit_id != unit->unit_id ||
		special->index_in_unit != unit->first_page + index)
	{
		if (!table_changed(v))
			es_verify_complain(v, block, 0, "page identity",
					 "Expected page %u of unit " UINT64_FORMAT
					 ", found kind %u, page %u of unit " UINT64_FORMAT,
					 index, unit->unit_id, special->kind,
					 special->index_in_unit, special->unit_id);
		return false;
	}
	problem = es_tail_check(page);
	if (problem != NULL)
	{
		es_verify_complain(v, block, 0, "line pointers", "%s", problem);
		return false;
	}

	if (current && !(special->flags & ES_PAGE_FLAG_CURRENT))
		es_verify_complain(v, block, 0, "current page",
				 "Rows are to be added to the page, but it is not marked so");
	if (!current && (special->flags & ES_PAGE_FLAG_CURRENT))
		es_verify_complain(v, block, 0, "current page",
				 "The page is marked as the one that rows are added to");
	if ((special->flags & ES_PAGE_FLAG_SETTLED) &&
		(special->flags & ES_PAGE_FLAG_CURRENT))
		es_verify_complain(v, block, 0, "settled page",
				 "Rows are added to a page that is marked as settled");
	return true;
}
