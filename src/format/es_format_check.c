/*-------------------------------------------------------------------------
 *
 * es_format_check.c
 *	  Is this page what it should be?
 *
 * Everything here takes any bytes and reads only within the page or tuple it
 * was given.
 *
 * IDENTIFICATION
 *	  src/format/es_format_check.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"

#include "base/es_compat.h"
#include "format/es_batch.h"
#include "format/es_format_check.h"
#include "format/es_page.h"

void
es_page_init(Page page, uint8 kind, uint64 unit_id, uint64 first_row,
			 uint32 index_in_unit, uint8 flags)
{
	EsPageSpecial special;

	PageInit(page, BLCKSZ, sizeof(EsPageSpecialData));
	special = EsPageGetSpecial(page);
	special->unit_id = unit_id;
	special->first_row = first_row;
	special->index_in_unit = index_in_unit;
	special->kind = kind;
	special->flags = flags;
	special->magic = ES_PAGE_MAGIC;
	if (kind != ES_PAGE_TAIL && kind != ES_PAGE_BATCH)
		es_page_set_lower(page);
}

/*
 * Let pd_lower end the contents of a metapage or directory page, so that a
 * full-page image leaves out what is not in use.
 */
void
es_page_set_lower(Page page)
{
	size_t		used = 0;

	switch (EsPageGetSpecial(page)->kind)
	{
		case ES_PAGE_META:
			used = sizeof(EsMetaData);
			break;
		case ES_PAGE_LEAF:
			used = sizeof(EsDirHeader) +
				EsPageGetDir(page)->n * sizeof(EsUnit);
			break;
		case ES_PAGE_INNER:
			used = sizeof(EsDirHeader) +
				EsPageGetDir(page)->n * sizeof(EsInnerEntry);
			break;
		default:
			Assert(false);
	}
	((PageHeader) page)->pd_lower = PageGetContents(page) + used - (char *) page;
}

const char *
es_page_check(Page page)
{
	PageHeader	header = (PageHeader) page;
	EsPageSpecial special;

	if (PageIsNew(page))
		return "The page was never written";
	if (header->pd_special != BLCKSZ - sizeof(EsPageSpecialData) ||
		PageGetPageSize(page) != BLCKSZ)
		return "The page header is not an event table's";
	special = (EsPageSpecial) ((char *) page + header->pd_special);
	if (special->magic != ES_PAGE_MAGIC)
		return "The page has a wrong magic number";
	if (header->pd_lower < SizeOfPageHeaderData ||
		header->pd_lower > header->pd_upper ||
		header->pd_upper > header->pd_special)
		return "The page header's bounds are out of order";
	if (special->kind < ES_PAGE_META || special->kind > ES_PAGE_BATCH)
		return "The page is of a kind that does not exist";
	if ((special->flags & ~ES_PAGE_FLAGS_KNOWN) != 0)
		return "The page has flags that do not exist";
	return NULL;
}

static const char *
check_unit(const EsUnit *unit)
{
	if (unit->kind != ES_UNIT_TAIL && unit->kind != ES_UNIT_BATCH)
		return "A unit is of a kind that does not exist";
	if (unit->npages < 1 ||
		(unit->kind == ES_UNIT_TAIL &&
		 unit->first_page + unit->npages > ES_RUN_MAX_PAGES))
		return "A unit's number of pages is out of range";
	if ((unit->flags & ~ES_UNIT_FLAGS_KNOWN) != 0 ||
		(unit->kind == ES_UNIT_TAIL && unit->flags != 0))
		return "A unit has flags that do not exist";
	if (unit->kind == ES_UNIT_BATCH && unit->nrows > ES_BATCH_MAX_ROWS)
		return "A unit's number of rows is out of range";
	if (unit->span < 1 || unit->nrows < 1 || unit->nrows > unit->span ||
		unit->first_row < ES_FIRST_ROW ||
		unit->first_row > ES_MAX_ROW ||
		unit->first_row + unit->span > ES_MAX_ROW + 1)
		return "A unit's rows are out of range";
	if (unit->start == 0 || unit->start > MaxBlockNumber - unit->npages)
		return "A unit's blocks are out of range";
	return NULL;
}

static const char *
check_units(const EsUnit *units, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
	{
		const char *problem = check_unit(&units[i]);

		if (problem != NULL)
			return problem;
		if (i > 0 &&
			units[i - 1].first_row + units[i - 1].span > units[i].first_row)
			return "Units are out of order";
	}
	return NULL;
}

/*
 * The directory's pages that a writer locks, the metapage being locked.  Which are
 * the same page follows from the height, and none may be one that it takes.
 */
static const char *
check_directory(EsMeta meta)
{
	static const char *const problem = "The metapage's directory is out of range";
	BlockNumber blocks[3];

	blocks[0] = meta->last_leaf;
	blocks[1] = meta->last_inner;
	blocks[2] = meta->root;
	if (meta->height > ES_DIR_MAX_HEIGHT ||
		(blocks[0] != 0) != (meta->height >= 1) ||
		(blocks[1] != 0) != (meta->height >= 2) ||
		(blocks[2] != 0) != (meta->height >= 1) ||
		(meta->height >= 1 && (blocks[0] == blocks[2]) != (meta->height == 1)) ||
		(meta->height >= 2 && (blocks[1] == blocks[2]) != (meta->height == 2)) ||
		(meta->height >= 2 && blocks[0] == blocks[1]))
		return problem;

	for (int i = 0; i < 3 && meta->height > 0; i++)
	{
		if (blocks[i] >= meta->alloc_end ||
			(blocks[i] >= meta->reserve.start &&
			 blocks[i] - meta->reserve.start < meta->reserve.len) ||
			(blocks[i] >= meta->open.start &&
			 blocks[i] - meta->open.start < meta->open.npages))
			return problem;
		for (uint32 j = 0; j < meta->nfree; j++)
			if (blocks[i] >= meta->free[j].start &&
				blocks[i] - meta->free[j].start < meta->free[j].len)
				return problem;
	}
	return NULL;
}

/*
 * Blocks that compaction fills are given back if it does not finish: they must be
 * nobody else's.
 */
static const char *
check_pending(EsMeta meta)
{
	for (uint32 i = 0; i < meta->npending; i++)
	{
		EsExtent	p = meta->pending[i];
		uint64		pending_end = (uint64) p.start + p.len;

		if (p.start == 0 || p.len == 0 || pending_end > meta->alloc_end)
			return "The metapage's pending extents are out of range";
		for (uint32 j = 0; j < meta->nfree; j++)
			if (p.start < (uint64) meta->free[j].start + meta->free[j].len &&
				meta->free[j].start < pending_end)
				return "The metapage's pending extents are free";
	}
	return NULL;
}

/*
 * Blocks that may be taken: within the file's used part, apart from each other and
 * from the open run.  A writer locks what it takes while it holds the metapage
 * and the current page, so these must not be among them.
 */
static const char *
check_space(EsMeta meta)
{
	uint64		reserve_end = (uint64) meta->reserve.start + meta->reserve.len;
	uint64		open_end = (uint64) meta->open.start + meta->open.npages;
	uint64		end = 1;

	if (meta->reserve.len > 0 &&
		(meta->reserve.start == 0 || reserve_end > meta->alloc_end ||
		 (meta->open.npages > 0 && meta->reserve.start < open_end &&
		  reserve_end > meta->open.start)))
		return "The metapage's reserve is out of range";
	for (uint32 i = 0; i < meta->nfree; i++)
	{
		uint64		free_end = (uint64) meta->free[i].start + meta->free[i].len;

		if (meta->free[i].len == 0 || meta->free[i].start < end ||
			free_end > meta->alloc_end)
			return "The metapage's free extents are out of order";
		if ((meta->open.npages > 0 && meta->free[i].start < open_end &&
			 free_end > meta->open.start) ||
			(meta->reserve.len > 0 && meta->free[i].start < reserve_end &&
			 free_end > meta->reserve.start))
			return "The metapage's free extents are in use";
		end = free_end;
	}
	return check_pending(meta);
}

const char *
es_meta_check(Page page)
{
	EsMeta		meta = EsPageGetMeta(page);
	const EsUnit *last;

	if (EsPageGetSpecial(page)->kind != ES_PAGE_META)
		return "Block 0 is not a metapage";
	if (meta->magic != ES_META_MAGIC)
		return "The metapage has a wrong magic number";
	if (meta->format < ES_FORMAT_VERSION_MIN ||
		meta->format > ES_FORMAT_VERSION)
		return "The metapage has a format version that this library does not know";
	if (meta->nrecent > ES_META_RECENT_UNITS)
		return "The metapage's number of units is out of range";
	if (meta->nfree > ES_META_FREE_EXTENTS)
		return "The metapage's number of free extents is out of range";
	if (meta->npending > ES_META_PENDING_EXTENTS)
		return "The metapage's number of pending extents is out of range";
	if (meta->open.npages > ES_RUN_MAX_PAGES ||
		(meta->open.npages > 0 &&
		 (meta->open.start == 0 ||
		  meta->open.current_block != meta->open.start + meta->open.npages - 1 ||
		  meta->open.current_block >= meta->alloc_end ||
		  meta->open.first_row < ES_FIRST_ROW ||
		  meta->open.first_row > ES_MAX_ROW)))
		return "The metapage's open run is out of range";
	if (meta->open.npages == 0 &&
		(meta->open.first_row != 0 || meta->open.unit_id != 0 ||
		 meta->open.start != 0 || meta->open.current_block != 0))
		return "The metapage's open run has no pages";
	if (meta->open.npages == 0 &&
		(meta->next_row < ES_FIRST_ROW || meta->next_row > ES_MAX_ROW + 1))
		return "The metapage's next row number is out of range";
	if (meta->nrecent > 0)
	{
		last = &meta->recent[meta->nrecent - 1];
		if (last->first_row + last->span >
			(meta->open.npages > 0 ? meta->open.first_row : meta->next_row))
			return "The metapage's units reach beyond the open run";
	}
	if (check_space(meta) != NULL)
		return check_space(meta);
	if (check_directory(meta) != NULL)
		return check_directory(meta);
	return check_units(meta->recent, meta->nrecent);
}

const char *
es_dir_check(Page page)
{
	EsPageSpecial special = EsPageGetSpecial(page);
	EsDirHeader *dir = EsPageGetDir(page);

	if (special->kind == ES_PAGE_LEAF)
	{
		EsUnit	   *units = EsPageGetUnits(page);

		if (dir->n > ES_LEAF_UNITS)
			return "The directory page's number of entries is out of range";
		if (dir->n > 0 &&
			(units[0].first_row < special->first_row ||
			 units[dir->n - 1].first_row >= dir->high_row))
			return "The directory page's units lie outside its bounds";
		return check_units(units, dir->n);
	}
	if (special->kind == ES_PAGE_INNER)
	{
		EsInnerEntry *entries = EsPageGetEntries(page);

		if (dir->n < 1 || dir->n > ES_INNER_ENTRIES)
			return "The directory page's number of entries is out of range";
		for (uint32 i = 0; i < dir->n; i++)
			if (entries[i].child == 0 ||
				(i > 0 && entries[i].low_row <= entries[i - 1].low_row))
				return "The directory page's entries are out of order";
		if (entries[0].low_row != special->first_row)
			return "The directory page's entries lie outside its bounds";
		return NULL;
	}
	return "The page is not a directory page";
}

/*
 * Tuples are added in the order of their line pointers, each before the last one,
 * and stay: so they fill the page from its end to pd_upper, and a line pointer
 * that was lost leaves a gap.
 */
const char *
es_tail_check(Page page)
{
	PageHeader	header = (PageHeader) page;
	uint32		begin = header->pd_special; /* of the tuple seen last */
	int			nitems;

	if (EsPageGetSpecial(page)->kind != ES_PAGE_TAIL)
		return "The page is not a tail page";
	if ((header->pd_lower - SizeOfPageHeaderData) % sizeof(ItemIdData) != 0)
		return "The page header's bounds are out of order";
	nitems = PageGetMaxOffsetNumber(page);
	for (OffsetNumber off = 1; off <= nitems; off++)
	{
		ItemId		item = PageGetItemId(page, off);
		HeapTupleHeader tuple;

		if (!ItemIdIsUsed(item))
			continue;
		if (!ItemIdIsNormal(item))
			return "A line pointer is neither used nor free";
		if (!es_item_is_sound(page, item))
			return "A line pointer points outside the tuples";
		if (ItemIdGetOffset(item) + MAXALIGN(ItemIdGetLength(item)) > begin)
			return "Two tuples overlap";
		if (ItemIdGetOffset(item) + MAXALIGN(ItemIdGetLength(item)) < begin)
			return "There is a gap between two tuples";
		begin = ItemIdGetOffset(item);
		tuple = (HeapTupleHeader) PageGetItem(page, item);
		if (tuple->t_hoff < SizeofHeapTupleHeader ||
			tuple->t_hoff != MAXALIGN(tuple->t_hoff) ||
			tuple->t_hoff > ItemIdGetLength(item))
			return "A tuple's header length is out of range";
	}
	if (begin != header->pd_upper)
		return "A tuple has no line pointer";
	return NULL;
}

const char *
es_row_check(Page page, OffsetNumber offset)
{
	EsPageSpecial special = EsPageGetSpecial(page);
	HeapTupleHeader tuple;

	tuple = (HeapTupleHeader) PageGetItem(page, PageGetItemId(page, offset));
	if (!es_tuple_has_row(tuple, special->first_row + offset - 1))
		return "A row is marked with another number than its own";
	if (!es_tuple_is_untouched(tuple))
		return "A row has marks of an update, a deletion or a lock";
	if ((special->flags & ES_PAGE_FLAG_SETTLED) && !es_tuple_is_settled(tuple))
		return "A row of a settled page is neither frozen nor taken back";
	return NULL;
}

size_t
es_varlena_size(const char *p, size_t room)
{
	if (room < 1)
		return 0;
	if (VARATT_IS_1B_E(p))
	{
		if (room < VARHDRSZ_EXTERNAL || VARTAG_1B_E(p) != VARTAG_ONDISK)
			return 0;
		return VARSIZE_EXTERNAL(p);
	}
	if (VARATT_IS_1B(p))
		return VARSIZE_1B(p);
	if (room < VARHDRSZ)
		return 0;
	if (VARSIZE_4B(p) < VARHDRSZ ||
		(VARATT_IS_4B_C(p) && VARSIZE_4B(p) < VARHDRSZ_COMPRESSED))
		return 0;
	return VARSIZE_4B(p);
}

const char *
es_tuple_check(HeapTupleHeader tuple, uint32 len, TupleDesc desc)
{
	bool		hasnulls = (tuple->t_infomask & HEAP_HASNULL) != 0;
	int			natts = HeapTupleHeaderGetNatts(tuple);
	const char *data = (const char *) tuple + tuple->t_hoff;
	size_t		room = len - tuple->t_hoff;
	size_t		off = 0;

	if (natts > desc->natts)
		return "A tuple has more columns than its table";
	if (tuple->t_hoff <
		MAXALIGN(SizeofHeapTupleHeader + (hasnulls ? BITMAPLEN(natts) : 0)))
		return "A tuple's header is shorter than its null bitmap";

	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		size_t		size;

		if (hasnulls && att_isnull(i, tuple->t_bits))
			continue;
		if (att->attlen == -1)
		{
			if (off >= room)
				return "A column reaches beyond its tuple";
			off = att_align_pointer(off, att->attalign, -1, data + off);
		}
		else
			off = att_align_nominal(off, att->attalign);
		if (off > room)
			return "A column reaches beyond its tuple";

		if (att->attlen > 0)
			size = att->attlen;
		else if (att->attlen == -1)
			size = es_varlena_size(data + off, room - off);
		else
			size = strnlen(data + off, room - off) + 1;
		if (size > room - off || (size == 0 && att->attlen == -1))
			return "A column reaches beyond its tuple";
		off += size;
	}
	return NULL;
}
