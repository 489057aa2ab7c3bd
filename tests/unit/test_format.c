/*-------------------------------------------------------------------------
 *
 * test_format.c
 *	  Pages and tuples: sound ones pass, each damage is named, and no bytes
 *	  whatever make a check read where it may not.  Output is TAP.
 *
 *	  Links: src/format/es_format_check.c
 *
 * IDENTIFICATION
 *	  tests/unit/test_format.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "storage/bufpage.h"

#include "format/es_format_check.h"
#include "format/es_page.h"
#include "format/es_walrec.h"

/* libc's will do; PostgreSQL's would have to be linked */
#undef printf
#undef fprintf

#define RANDOM_PAGES	200000
#define RANDOM_TUPLES	400000

/* --- what the server would supply --- */

/* under the name of the function that a failed Assert calls */
extern void stop_at_assertion(void) __asm__("ExceptionalCondition");

void
stop_at_assertion(void)
{
	fprintf(stderr, "an assertion failed\n");
	abort();
}

void
PageInit(Page page, Size pageSize, Size specialSize)
{
	PageHeader	header = (PageHeader) page;

	memset(page, 0, pageSize);
	header->pd_lower = SizeOfPageHeaderData;
	header->pd_upper = pageSize - MAXALIGN(specialSize);
	header->pd_special = header->pd_upper;
	PageSetPageSizeAndVersion(page, pageSize, PG_PAGE_LAYOUT_VERSION);
}

/* --- tests --- */

static int	ntests = 0;
static int	nfailed = 0;

static void
check(bool good, const char *what)
{
	ntests++;
	if (!good)
		nfailed++;
	printf("%s %d - %s\n", good ? "ok" : "not ok", ntests, what);
}

/* A check's answer: NULL is sound. */
static void
expect(const char *problem, const char *expected, const char *what)
{
	bool		good = problem == expected;

	if (problem != NULL && expected != NULL)
		good = strcmp(problem, expected) == 0;
	check(good, what);
	if (!good)
		printf("# said \"%s\", not \"%s\"\n",
			   problem == NULL ? "sound" : problem,
			   expected == NULL ? "sound" : expected);
}

/* The same numbers in every run (xorshift64*, S. Vigna). */
static uint64 random_state = UINT64CONST(88172645463325252);

static uint32
next_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32) ((random_state * UINT64CONST(2685821657736338717)) >> 32);
}

/* --- row numbers --- */

static void
test_rows(void)
{
	static const uint64 rows[] = {1, 2, 255, 256, 257, 511, 512, 1000000,
	UINT64CONST(1) << 32, ES_MAX_ROW - 1, ES_MAX_ROW};
	ItemPointerData tid;
	bool		back = true;

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		es_row_to_tid(rows[i], &tid);
		back = back && es_tid_to_row(&tid) == rows[i] &&
			ItemPointerIsValid(&tid);
	}
	check(back, "a row number becomes a valid TID and comes back");

	es_row_to_tid(1, &tid);
	check(ItemPointerGetBlockNumber(&tid) == 0 &&
		  ItemPointerGetOffsetNumber(&tid) == 2, "row 1 is (0,2)");
	es_row_to_tid(255, &tid);
	check(ItemPointerGetBlockNumber(&tid) == 0 &&
		  ItemPointerGetOffsetNumber(&tid) == 256, "row 255 is (0,256)");
	es_row_to_tid(256, &tid);
	check(ItemPointerGetBlockNumber(&tid) == 1 &&
		  ItemPointerGetOffsetNumber(&tid) == 1, "row 256 is (1,1)");
	es_row_to_tid(ES_MAX_ROW, &tid);
	check(ItemPointerGetBlockNumber(&tid) == MaxBlockNumber &&
		  ItemPointerGetOffsetNumber(&tid) == 256,
		  "the last row is (4294967294,256)");

	ItemPointerSet(&tid, 0, 0);
	check(es_tid_to_row(&tid) == 0, "offset 0 is no row");
	ItemPointerSet(&tid, 5, 257);
	check(es_tid_to_row(&tid) == 0, "offset 257 is no row");
	ItemPointerSet(&tid, 0, 1);
	check(es_tid_to_row(&tid) == 0, "(0,1) is no row");
}

/* --- what must never change --- */

static void
test_layout(void)
{
	check(sizeof(EsPageSpecialData) == 24 && sizeof(EsUnit) == 64 &&
		  sizeof(EsOpenRun) == 32 && sizeof(EsExtent) == 8 &&
		  sizeof(EsCounters) == 32 && sizeof(EsDirHeader) == 16 &&
		  sizeof(EsInnerEntry) == 16, "sizes of what pages are made of");
	check(offsetof(EsMetaData, hash_key) == 8 &&
		  offsetof(EsMetaData, id_key) == 24 &&
		  offsetof(EsMetaData, life) == 40 &&
		  offsetof(EsMetaData, gen) == 64 &&
		  offsetof(EsMetaData, next_row) == 80 &&
		  offsetof(EsMetaData, open) == 88 &&
		  offsetof(EsMetaData, reserve) == 120 &&
		  offsetof(EsMetaData, alloc_end) == 128 &&
		  offsetof(EsMetaData, counters) == 152 &&
		  offsetof(EsMetaData, free) == 184 &&
		  offsetof(EsMetaData, stream) == 1784 &&
		  offsetof(EsMetaData, dict) == 3336 &&
		  offsetof(EsMetaData, nrecent) == 4112 &&
		  offsetof(EsMetaData, recent) == 4120 &&
		  offsetof(EsMetaData, pending) == 7968 &&
		  sizeof(EsMetaData) == 8096, "the metapage is as drawn");
	check(offsetof(EsUnit, start) == 16 && offsetof(EsUnit, span) == 24 &&
		  offsetof(EsUnit, kind) == 32 &&
		  offsetof(EsUnit, first_page) == 34 &&
		  offsetof(EsUnit, raw_kb) == 36 && offsetof(EsUnit, max_xid) == 40,
		  "a unit is as drawn");
	check(SizeOfEsMetaInit == 72 && SizeOfEsNewTail == 48 &&
		  SizeOfEsRow == 9 && SizeOfEsInsert == 4 && SizeOfEsMulti == 8 &&
		  SizeOfEsSpec == 4 && SizeOfEsImages == 8 && SizeOfEsSettle == 12,
		  "sizes of the records");
	check(ES_MAX_TAIL_TUPLE == 8128, "the largest tuple has 8128 bytes");
	check(ES_LEAF_UNITS == 127 && ES_INNER_ENTRIES == 508,
		  "entries of directory pages");
}

/* --- page headers --- */

static void
init_tail(Page page)
{
	es_page_init(page, ES_PAGE_TAIL, 7, 1000, 3, ES_PAGE_FLAG_CURRENT);
}

static void
test_headers(void)
{
	PGAlignedBlock block;
	Page		page = block.data;
	PageHeader	header = (PageHeader) page;

	memset(page, 0, BLCKSZ);
	expect(es_page_check(page), "The page was never written", "a zero page");
	init_tail(page);
	expect(es_page_check(page), NULL, "a new tail page");
	check(EsPageGetSpecial(page)->unit_id == 7 &&
		  EsPageGetSpecial(page)->first_row == 1000 &&
		  EsPageGetSpecial(page)->index_in_unit == 3 &&
		  EsPageGetSpecial(page)->kind == ES_PAGE_TAIL &&
		  EsPageGetSpecial(page)->flags == ES_PAGE_FLAG_CURRENT,
		  "a new page says what it is");

	header->pd_special -= 8;
	expect(es_page_check(page), "The page header is not an event table's",
		   "special space of another size");
	init_tail(page);
	header->pd_pagesize_version = 4096 | PG_PAGE_LAYOUT_VERSION;
	expect(es_page_check(page), "The page header is not an event table's",
		   "another page size");
	init_tail(page);
	EsPageGetSpecial(page)->magic++;
	expect(es_page_check(page), "The page has a wrong magic number",
		   "another access method's magic");
	init_tail(page);
	header->pd_lower = SizeOfPageHeaderData - 4;
	expect(es_page_check(page),
		   "The page header's bounds are out of order", "pd_lower too low");
	init_tail(page);
	header->pd_lower = header->pd_upper + 4;
	expect(es_page_check(page),
		   "The page header's bounds are out of order", "pd_lower too high");
	init_tail(page);
	header->pd_upper = header->pd_special + 8;
	expect(es_page_check(page),
		   "The page header's bounds are out of order", "pd_upper too high");
	init_tail(page);
	EsPageGetSpecial(page)->kind = 0;
	expect(es_page_check(page),
		   "The page is of a kind that does not exist", "kind 0");
	init_tail(page);
	EsPageGetSpecial(page)->kind = 8;
	expect(es_page_check(page),
		   "The page is of a kind that does not exist", "kind 8");
	init_tail(page);
	EsPageGetSpecial(page)->flags |= 0x40;
	expect(es_page_check(page), "The page has flags that do not exist",
		   "an unknown flag");
}

/* --- the metapage --- */

static void
set_unit(EsUnit *unit, uint64 first_row, uint32 span, BlockNumber start,
		 uint32 npages)
{
	memset(unit, 0, sizeof(EsUnit));
	unit->first_row = first_row;
	unit->unit_id = first_row;
	unit->start = start;
	unit->npages = npages;
	unit->span = span;
	unit->nrows = span;
	unit->kind = ES_UNIT_TAIL;
}

/* A table of three closed units, the rows 1 to 600, and an open run. */
static EsMeta
init_meta(Page page)
{
	EsMeta		meta;

	es_page_init(page, ES_PAGE_META, 0, 0, 0, 0);
	meta = EsPageGetMeta(page);
	memset(meta, 0, sizeof(EsMetaData));
	meta->magic = ES_META_MAGIC;
	meta->format = ES_FORMAT_VERSION;
	meta->next_unit_id = 5;
	meta->alloc_end = 100;
	meta->nrecent = 3;
	set_unit(&meta->recent[0], 1, 100, 1, 10);
	set_unit(&meta->recent[1], 101, 200, 11, 20);
	set_unit(&meta->recent[2], 401, 200, 31, 20);
	meta->open.first_row = 601;
	meta->open.unit_id = 4;
	meta->open.start = 51;
	meta->open.npages = 2;
	meta->open.current_block = 52;
	return meta;
}

static void
test_meta(void)
{
	static const char *const bad_open = "The metapage's open run is out of range";
	static const char *const bad_dir = "The metapage's directory is out of range";
	PGAlignedBlock block;
	Page		page = block.data;
	EsMeta		meta = init_meta(page);

	expect(es_page_check(page), NULL, "a metapage, its header");
	expect(es_meta_check(page), NULL, "a metapage");
	check(((PageHeader) page)->pd_lower ==
		  PageGetContents(page) - (char *) page + sizeof(EsMetaData),
		  "its contents end at pd_lower");

	EsPageGetSpecial(page)->kind = ES_PAGE_TAIL;
	expect(es_meta_check(page), "Block 0 is not a metapage", "a tail page");
	meta = init_meta(page);
	meta->magic = 0;
	expect(es_meta_check(page), "The metapage has a wrong magic number",
		   "no magic");
	meta = init_meta(page);
	meta->format = ES_FORMAT_VERSION + 1;
	expect(es_meta_check(page),
		   "The metapage has a format version that this library does not know",
		   "a later format");
	meta = init_meta(page);
	meta->nrecent = ES_META_RECENT_UNITS + 1;
	expect(es_meta_check(page),
		   "The metapage's number of units is out of range", "61 recent units");
	meta = init_meta(page);
	meta->nfree = ES_META_FREE_EXTENTS + 1;
	expect(es_meta_check(page),
		   "The metapage's number of free extents is out of range",
		   "201 free extents");
	meta = init_meta(page);
	meta->height = 1;
	expect(es_meta_check(page), bad_dir, "a height without a root");
	meta->root = 60;
	expect(es_meta_check(page), bad_dir, "a root without a last leaf");
	meta->last_leaf = 60;
	expect(es_meta_check(page), NULL, "a root that is the last leaf");
	meta->height = 2;
	expect(es_meta_check(page), bad_dir, "no inner page");
	meta->last_inner = 60;
	expect(es_meta_check(page), bad_dir, "an inner page that is the last leaf");
	meta->last_leaf = 61;
	expect(es_meta_check(page), NULL, "a root that is the last inner page");
	meta->height = 3;
	expect(es_meta_check(page), bad_dir, "two levels in one page");
	meta->last_inner = 62;
	expect(es_meta_check(page), NULL, "a height of 3");
	meta->height = ES_DIR_MAX_HEIGHT + 1;
	expect(es_meta_check(page), bad_dir, "four levels");
	meta->height = 3;
	meta->alloc_end = 62;
	expect(es_meta_check(page), bad_dir, "an inner page in free space");
	meta->alloc_end = 100;
	meta->last_leaf = meta->open.current_block;
	expect(es_meta_check(page), bad_dir, "a last leaf that is the current page");
	meta->last_leaf = 61;
	meta->reserve.start = 60;
	meta->reserve.len = 1;
	expect(es_meta_check(page), bad_dir, "a root that is reserved");
	meta->reserve.start = 70;
	meta->nfree = 1;
	meta->free[0].start = 58;
	meta->free[0].len = 4;
	expect(es_meta_check(page), bad_dir, "a last leaf that is free");

	meta = init_meta(page);
	meta->open.npages = ES_RUN_MAX_PAGES + 1;
	expect(es_meta_check(page), bad_open, "a run of 129 pages");
	meta = init_meta(page);
	meta->open.current_block = 51;
	expect(es_meta_check(page), bad_open, "the current page is not the last");
	meta = init_meta(page);
	meta->alloc_end = 52;
	expect(es_meta_check(page), bad_open, "a run in free space");
	meta = init_meta(page);
	meta->open.first_row = 0;
	expect(es_meta_check(page), bad_open, "a run from row 0 on");
	meta = init_meta(page);
	meta->open.npages = 0;
	meta->next_row = 601;
	expect(es_meta_check(page), "The metapage's open run has no pages",
		   "what is left of a run");
	meta = init_meta(page);
	meta->open.first_row = 600;
	expect(es_meta_check(page),
		   "The metapage's units reach beyond the open run",
		   "a run within a unit");
	meta = init_meta(page);
	memset(&meta->open, 0, sizeof(EsOpenRun));
	expect(es_meta_check(page),
		   "The metapage's next row number is out of range",
		   "neither a run nor a next row");
	meta->next_row = 600;
	expect(es_meta_check(page),
		   "The metapage's units reach beyond the open run",
		   "a next row within a unit");
	meta->next_row = 601;
	expect(es_meta_check(page), NULL, "no open run");
	meta->next_row = ES_MAX_ROW + 1;
	expect(es_meta_check(page), NULL, "all numbers used up");
	meta->next_row = ES_MAX_ROW + 2;
	expect(es_meta_check(page),
		   "The metapage's next row number is out of range",
		   "more than all numbers used up");
}

static void
test_units(void)
{
	static const char *const bad_rows = "A unit's rows are out of range";
	static const char *const bad_blocks = "A unit's blocks are out of range";
	static const char *const bad_pages = "A unit's number of pages is out of range";
	PGAlignedBlock block;
	Page		page = block.data;
	EsMeta		meta = init_meta(page);

	meta->recent[0].kind = 9;
	expect(es_meta_check(page), "A unit is of a kind that does not exist",
		   "a unit of kind 9");
	meta = init_meta(page);
	meta->recent[0].npages = 0;
	expect(es_meta_check(page), bad_pages, "a unit without pages");
	meta->recent[0].npages = ES_RUN_MAX_PAGES + 1;
	expect(es_meta_check(page), bad_pages, "a unit of 129 pages");
	meta = init_meta(page);
	meta->recent[0].span = 0;
	expect(es_meta_check(page), bad_rows, "a unit without rows");
	meta = init_meta(page);
	meta->recent[0].nrows = 101;
	expect(es_meta_check(page), bad_rows, "more rows than numbers");
	meta = init_meta(page);
	meta->recent[0].first_row = 0;
	expect(es_meta_check(page), bad_rows, "a unit from row 0 on");
	meta = init_meta(page);
	meta->recent[2].first_row = PG_UINT64_MAX - 1;
	expect(es_meta_check(page), bad_rows, "a unit beyond all numbers");
	meta = init_meta(page);
	meta->recent[0].start = 0;
	expect(es_meta_check(page), bad_blocks, "a unit in block 0");
	meta->recent[0].start = MaxBlockNumber - 5;
	expect(es_meta_check(page), bad_blocks, "a unit beyond the last block");
	meta = init_meta(page);
	meta->recent[1].first_row = 100;
	expect(es_meta_check(page), "Units are out of order", "units overlap");
	meta = init_meta(page);
	meta->recent[1] = meta->recent[0];
	expect(es_meta_check(page), "Units are out of order", "a unit twice");
}

/* --- directory pages --- */

static EsDirHeader *
init_dir(Page page, uint8 kind)
{
	EsDirHeader *dir;

	es_page_init(page, kind, 0, 100, 0, 0);
	dir = EsPageGetDir(page);
	memset(dir, 0, sizeof(EsDirHeader));
	dir->high_row = 1000;
	dir->n = 3;
	if (kind == ES_PAGE_LEAF)
	{
		EsUnit	   *units = EsPageGetUnits(page);

		set_unit(&units[0], 100, 50, 1, 10);
		set_unit(&units[1], 200, 300, 11, 20);
		set_unit(&units[2], 500, 500, 31, 20);
	}
	else
	{
		EsInnerEntry *entries = EsPageGetEntries(page);

		memset(entries, 0, 3 * sizeof(EsInnerEntry));
		for (int i = 0; i < 3; i++)
		{
			entries[i].low_row = 100 + 300 * i;
			entries[i].child = 5 + i;
		}
	}
	es_page_set_lower(page);
	return dir;
}

static void
test_directory(void)
{
	static const char *const bad_number = "The directory page's number of entries is out of range";
	static const char *const bad_bounds = "The directory page's units lie outside its bounds";
	static const char *const bad_order = "The directory page's entries are out of order";
	PGAlignedBlock block;
	Page		page = block.data;
	EsDirHeader *dir = init_dir(page, ES_PAGE_LEAF);

	expect(es_page_check(page), NULL, "a leaf, its header");
	expect(es_dir_check(page), NULL, "a leaf");
	dir->n = ES_LEAF_UNITS + 1;
	expect(es_dir_check(page), bad_number, "a leaf with too many units");
	dir->n = 0;
	expect(es_dir_check(page), NULL, "a leaf without units");
	dir = init_dir(page, ES_PAGE_LEAF);
	EsPageGetSpecial(page)->first_row = 101;
	expect(es_dir_check(page), bad_bounds, "a unit before the leaf");
	dir = init_dir(page, ES_PAGE_LEAF);
	dir->high_row = 500;
	expect(es_dir_check(page), bad_bounds, "a unit after the leaf");
	dir = init_dir(page, ES_PAGE_LEAF);
	EsPageGetUnits(page)[0].span = 101;
	expect(es_dir_check(page), "Units are out of order",
		   "units of a leaf overlap");

	dir = init_dir(page, ES_PAGE_INNER);
	expect(es_page_check(page), NULL, "an inner page, its header");
	expect(es_dir_check(page), NULL, "an inner page");
	dir->n = 0;
	expect(es_dir_check(page), bad_number, "an inner page without entries");
	dir->n = ES_INNER_ENTRIES + 1;
	expect(es_dir_check(page), bad_number, "an inner page with too many");
	init_dir(page, ES_PAGE_INNER);
	EsPageGetEntries(page)[1].child = 0;
	expect(es_dir_check(page), bad_order, "an entry for block 0");
	init_dir(page, ES_PAGE_INNER);
	EsPageGetEntries(page)[2].low_row = 400;
	expect(es_dir_check(page), bad_order, "two entries for one row");
	init_dir(page, ES_PAGE_INNER);
	EsPageGetSpecial(page)->first_row = 99;
	expect(es_dir_check(page),
		   "The directory page's entries lie outside its bounds",
		   "the first entry is not the low key");
	init_tail(page);
	expect(es_dir_check(page), "The page is not a directory page",
		   "a tail page");
}

/* --- tuples --- */

typedef struct Column
{
	int16		len;
	char		align;
} Column;

/* bigint, text, uuid, boolean, cstring, jsonb, integer */
static const Column columns[] = {
	{8, TYPALIGN_DOUBLE}, {-1, TYPALIGN_INT}, {16, TYPALIGN_CHAR},
	{1, TYPALIGN_CHAR}, {-2, TYPALIGN_CHAR}, {-1, TYPALIGN_INT},
	{4, TYPALIGN_INT}
};

#define NCOLUMNS ((int) lengthof(columns))

static TupleDesc
make_desc(void)
{
	struct TupleDescData size_of;
	TupleDesc	desc;

	memset(&size_of, 0, sizeof(size_of));
	size_of.natts = NCOLUMNS;
	desc = calloc(1, TupleDescSize(&size_of));
	desc->natts = NCOLUMNS;
	for (int i = 0; i < NCOLUMNS; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		att->attnum = i + 1;
		att->attlen = columns[i].len;
		att->attalign = columns[i].align;
	}
	return desc;
}

/*
 * A row (8 bytes, 'abc' with a short header, 16 bytes, true, 'xy', a long
 * value of 10 bytes, 4 bytes) in memory of its own size.
 */
static HeapTupleHeader
make_tuple(uint32 *len)
{
	char		data[128];
	size_t		off = 0;
	HeapTupleHeader tuple;

	memset(data, 0, sizeof(data));
	memset(data, 0x11, 8);
	off = 8;
	SET_VARSIZE_SHORT(data + off, 4);
	memcpy(data + off + 1, "abc", 3);
	off += 4;
	memset(data + off, 0x22, 16);
	off += 16;
	data[off++] = 1;
	memcpy(data + off, "xy", 3);
	off += 3;
	off = TYPEALIGN(4, off);
	SET_VARSIZE(data + off, VARHDRSZ + 10);
	memset(data + off + VARHDRSZ, 0x33, 10);
	off += VARHDRSZ + 10;
	off = TYPEALIGN(4, off) + 4;

	*len = MAXALIGN(SizeofHeapTupleHeader) + off;
	tuple = calloc(1, *len);
	tuple->t_hoff = MAXALIGN(SizeofHeapTupleHeader);
	HeapTupleHeaderSetNatts(tuple, NCOLUMNS);
	tuple->t_infomask = HEAP_XMAX_INVALID | HEAP_HASVARWIDTH;
	memcpy((char *) tuple + tuple->t_hoff, data, off);
	return tuple;
}

/* Offsets of the columns in that row, from t_hoff on. */
#define AT_TEXT		8
#define AT_CSTRING	29
#define AT_JSONB	32
#define AT_INT		48

static void
test_tuples(TupleDesc desc)
{
	static const char *const beyond = "A column reaches beyond its tuple";
	uint32		len;
	HeapTupleHeader tuple = make_tuple(&len);
	char	   *data = (char *) tuple + tuple->t_hoff;

	check(len == (uint32) tuple->t_hoff + AT_INT + 4, "the row that is tested");
	expect(es_tuple_check(tuple, len, desc), NULL, "a row");
	expect(es_tuple_check(tuple, len - 1, desc), beyond,
		   "a row without its last byte");
	HeapTupleHeaderSetNatts(tuple, 3);
	expect(es_tuple_check(tuple, len, desc), NULL, "a row with fewer columns");
	HeapTupleHeaderSetNatts(tuple, NCOLUMNS + 1);
	expect(es_tuple_check(tuple, len, desc),
		   "A tuple has more columns than its table",
		   "a row with more columns");
	HeapTupleHeaderSetNatts(tuple, NCOLUMNS);

	SET_VARSIZE_SHORT(data + AT_TEXT, 100);
	expect(es_tuple_check(tuple, len, desc), beyond,
		   "a short value that is too long");
	SET_VARSIZE_SHORT(data + AT_TEXT, 4);
	SET_VARSIZE(data + AT_JSONB, 0x3FFFFFFF);
	expect(es_tuple_check(tuple, len, desc), beyond,
		   "a value that is too long");
	SET_VARSIZE(data + AT_JSONB, 3);
	expect(es_tuple_check(tuple, len, desc), beyond,
		   "a value shorter than its header");
	SET_VARSIZE_COMPRESSED(data + AT_JSONB, 7);
	expect(es_tuple_check(tuple, len, desc), beyond,
		   "a compressed value shorter than its header");
	SET_VARSIZE(data + AT_JSONB, VARHDRSZ + 10);
	memset(data + AT_CSTRING, 'x', len - tuple->t_hoff - AT_CSTRING);
	expect(es_tuple_check(tuple, len, desc), beyond,
		   "a string without its end");
	free(tuple);

	tuple = make_tuple(&len);
	data = (char *) tuple + tuple->t_hoff;
	SET_VARTAG_1B_E(data + AT_TEXT, VARTAG_INDIRECT);
	expect(es_tuple_check(tuple, len, desc), beyond,
		   "a pointer into memory");
	SET_VARTAG_1B_E(data + AT_TEXT, VARTAG_ONDISK);
	HeapTupleHeaderSetNatts(tuple, 2);
	expect(es_tuple_check(tuple, len, desc), NULL, "a pointer to toast");
	expect(es_tuple_check(tuple, tuple->t_hoff + AT_TEXT + 17, desc), beyond,
		   "a pointer to toast that is cut short");
	free(tuple);

	tuple = make_tuple(&len);
	tuple->t_infomask |= HEAP_HASNULL;
	tuple->t_bits[0] = 0;
	expect(es_tuple_check(tuple, len, desc), NULL, "a row of nulls");
	expect(es_tuple_check(tuple, tuple->t_hoff, desc), NULL,
		   "a row of nulls, which needs no bytes");
	tuple->t_bits[0] = 1;
	expect(es_tuple_check(tuple, tuple->t_hoff, desc), beyond,
		   "a value without bytes");
	HeapTupleHeaderSetNatts(tuple, NCOLUMNS);
	tuple->t_hoff = 0;
	expect(es_tuple_check(tuple, len, desc),
		   "A tuple's header is shorter than its null bitmap",
		   "a header without room for its null bitmap");
	free(tuple);
}

/* --- tail pages --- */

static void
add_tuple(Page page, HeapTupleHeader tuple, uint32 len)
{
	PageHeader	header = (PageHeader) page;

	header->pd_upper -= MAXALIGN(len);
	header->pd_lower += sizeof(ItemIdData);
	ItemIdSetNormal(PageGetItemId(page, PageGetMaxOffsetNumber(page)),
					header->pd_upper, len);
	memcpy((char *) page + header->pd_upper, tuple, len);
}

static void
fill_tail(Page page)
{
	uint32		len;
	HeapTupleHeader tuple = make_tuple(&len);

	init_tail(page);
	for (int i = 0; i < 20; i++)
		add_tuple(page, tuple, len);
	free(tuple);
}

static void
test_tail(void)
{
	static const char *const outside = "A line pointer points outside the tuples";
	PGAlignedBlock block;
	Page		page = block.data;
	PageHeader	header = (PageHeader) page;
	ItemId		item;

	fill_tail(page);
	expect(es_page_check(page), NULL, "a tail page with rows, its header");
	expect(es_tail_check(page), NULL, "a tail page with rows");
	header->pd_lower += sizeof(ItemIdData);
	ItemIdSetUnused(PageGetItemId(page, 21));
	expect(es_tail_check(page), NULL, "a number without a row");
	header->pd_lower -= 2 * sizeof(ItemIdData);
	expect(es_tail_check(page), "A tuple has no line pointer",
		   "the last line pointer is lost");

	fill_tail(page);
	item = PageGetItemId(page, 5);
	ItemIdSetUnused(item);
	expect(es_tail_check(page), "There is a gap between two tuples",
		   "a line pointer is lost");
	ItemIdSetDead(item);
	expect(es_tail_check(page), "A line pointer is neither used nor free",
		   "a dead line pointer");
	ItemIdSetNormal(item, header->pd_upper - 8, 64);
	expect(es_tail_check(page), outside, "a tuple in the hole");
	ItemIdSetNormal(item, header->pd_upper + 4, 64);
	expect(es_tail_check(page), outside, "a tuple that is not aligned");
	ItemIdSetNormal(item, header->pd_special - 32, 40);
	expect(es_tail_check(page), outside, "a tuple in the special space");
	ItemIdSetNormal(item, header->pd_upper, 16);
	expect(es_tail_check(page), outside, "a tuple of 16 bytes");

	/* readers have room for as many as fit, so no two may share a place */
	fill_tail(page);
	item = PageGetItemId(page, 1);
	header->pd_lower = SizeOfPageHeaderData +
		(ES_MAX_TAIL_ROWS + 1) * sizeof(ItemIdData);
	for (OffsetNumber off = 2; off <= ES_MAX_TAIL_ROWS + 1; off++)
		*PageGetItemId(page, off) = *item;
	expect(es_tail_check(page), "Two tuples overlap",
		   "more rows than a page can hold");

	fill_tail(page);
	item = PageGetItemId(page, 5);
	((HeapTupleHeader) PageGetItem(page, item))->t_hoff = 16;
	expect(es_tail_check(page), "A tuple's header length is out of range",
		   "a header of 16 bytes");
	((HeapTupleHeader) PageGetItem(page, item))->t_hoff = 27;
	expect(es_tail_check(page), "A tuple's header length is out of range",
		   "a header that is not aligned");
	((HeapTupleHeader) PageGetItem(page, item))->t_hoff = 128;
	expect(es_tail_check(page), "A tuple's header length is out of range",
		   "a header longer than its tuple");
	header->pd_lower += 2;
	expect(es_tail_check(page), "The page header's bounds are out of order",
		   "half a line pointer");
	init_dir(page, ES_PAGE_LEAF);
	expect(es_tail_check(page), "The page is not a tail page", "a leaf");
}

/* What a row's header says, at line pointer 5 of a page that begins with row 1000. */
static void
test_row(void)
{
	PGAlignedBlock block;
	Page		page = block.data;
	EsPageSpecial special;
	HeapTupleHeader tuple;

	fill_tail(page);
	special = EsPageGetSpecial(page);
	tuple = (HeapTupleHeader) PageGetItem(page, PageGetItemId(page, 5));
	es_row_to_tid(1004, &tuple->t_ctid);
	HeapTupleHeaderSetXmin(tuple, 700);
	expect(es_row_check(page, 5), NULL, "a row");

	es_row_to_tid(1005, &tuple->t_ctid);
	expect(es_row_check(page, 5),
		   "A row is marked with another number than its own",
		   "the number of the next row");
	HeapTupleHeaderSetSpeculativeToken(tuple, 1005);
	expect(es_row_check(page, 5), NULL, "a token");
	es_row_to_tid(1004, &tuple->t_ctid);

	HeapTupleHeaderSetXmax(tuple, 701);
	expect(es_row_check(page, 5),
		   "A row has marks of an update, a deletion or a lock", "an xmax");
	HeapTupleHeaderSetXmax(tuple, InvalidTransactionId);
	tuple->t_infomask &= ~HEAP_XMAX_INVALID;
	expect(es_row_check(page, 5),
		   "A row has marks of an update, a deletion or a lock",
		   "an xmax that is not marked invalid");
	tuple->t_infomask |= HEAP_XMAX_INVALID | HEAP_XMIN_COMMITTED;
	tuple->t_infomask2 |= HEAP_HOT_UPDATED;
	expect(es_row_check(page, 5),
		   "A row has marks of an update, a deletion or a lock",
		   "a flag of an update");
	tuple->t_infomask2 &= ~HEAP_HOT_UPDATED;
	expect(es_row_check(page, 5), NULL, "a committed row");

	special->flags = ES_PAGE_FLAG_SETTLED;
	expect(es_row_check(page, 5),
		   "A row of a settled page is neither frozen nor taken back",
		   "a row that is not frozen");
	HeapTupleHeaderSetXminFrozen(tuple);
	expect(es_row_check(page, 5), NULL, "a frozen row");
	tuple->t_infomask &= ~HEAP_XMIN_FROZEN;
	HeapTupleHeaderSetXmin(tuple, InvalidTransactionId);
	expect(es_row_check(page, 5), NULL, "a row that was taken back");
}

/* --- any bytes --- */

/* All checks, in the order in which a reader of the page calls them. */
static bool
check_any_page(Page page, TupleDesc desc)
{
	if (es_page_check(page) != NULL)
		return false;
	switch (EsPageGetSpecial(page)->kind)
	{
		case ES_PAGE_META:
			return es_meta_check(page) == NULL;
		case ES_PAGE_LEAF:
		case ES_PAGE_INNER:
			return es_dir_check(page) == NULL;
		default:
			if (es_tail_check(page) != NULL)
				return false;
			for (OffsetNumber off = 1; off <= PageGetMaxOffsetNumber(page); off++)
			{
				ItemId		item = PageGetItemId(page, off);

				if (!ItemIdIsUsed(item))
					continue;
				(void) es_row_check(page, off);
				if (es_tuple_check((HeapTupleHeader) PageGetItem(page, item),
								   ItemIdGetLength(item), desc) != NULL)
					return false;
			}
			return true;
	}
}

/*
 * Sound pages with a few bytes changed.  Memory ends with the page, so that a
 * sanitizer sees a read beyond it.
 */
static void
test_random_pages(TupleDesc desc)
{
	PGAlignedBlock models[4];
	char	   *page = malloc(BLCKSZ);
	int			sound = 0;

	init_meta(models[0].data);
	init_dir(models[1].data, ES_PAGE_LEAF);
	init_dir(models[2].data, ES_PAGE_INNER);
	fill_tail(models[3].data);
	for (int i = 0; i < RANDOM_PAGES; i++)
	{
		Page		model = models[next_random() % 4].data;
		PageHeader	header = (PageHeader) model;
		int			nchanges = 1 + next_random() % 8;

		memcpy(page, model, BLCKSZ);
		for (int j = 0; j < nchanges; j++)
		{
			uint32		at = next_random();

			/* where there is something: header, contents, tuples, special */
			switch (next_random() % 4)
			{
				case 0:
					at %= SizeOfPageHeaderData;
					break;
				case 1:
					at %= header->pd_lower;
					break;
				case 2:
					at = header->pd_upper + at % (BLCKSZ - header->pd_upper);
					break;
				default:
					at = header->pd_special + at % (BLCKSZ - header->pd_special);
			}
			page[at] = (char) next_random();
		}
		if (check_any_page(page, desc))
			sound++;
	}
	check(sound > 0 && sound < RANDOM_PAGES,
		  "changed pages are judged, and nothing else is read");

	for (int i = 0; i < RANDOM_PAGES / 20; i++)
	{
		for (int j = 0; j < BLCKSZ; j += 4)
		{
			uint32		word = next_random();

			memcpy(page + j, &word, 4);
		}
		(void) check_any_page(page, desc);
	}
	check(true, "random pages are judged");
	free(page);
}

/*
 * Tuples with bytes changed or of random bytes, in memory of their own length.
 */
static void
test_random_tuples(TupleDesc desc)
{
	uint32		model_len;
	HeapTupleHeader model = make_tuple(&model_len);
	int			sound = 0;

	for (int i = 0; i < RANDOM_TUPLES; i++)
	{
		uint32		spare = model_len - model->t_hoff;
		uint32		len = model_len;
		int			nchanges = next_random() % 12;
		char	   *bytes;
		HeapTupleHeader tuple;

		if (next_random() % 2 == 0)
			len -= next_random() % (spare + 1);
		bytes = malloc(len);
		tuple = (HeapTupleHeader) bytes;
		memcpy(bytes, model, len);
		for (int j = 0; j < nchanges && len > model->t_hoff; j++)
			bytes[model->t_hoff + next_random() % (len - model->t_hoff)] =
				(char) (next_random() % 4 == 0 ? 1 : next_random());
		if (next_random() % 4 == 0)
		{
			tuple->t_infomask |= HEAP_HASNULL;
			tuple->t_bits[0] = (bits8) next_random();
		}
		HeapTupleHeaderSetNatts(tuple, next_random() % (NCOLUMNS + 2));
		if (es_tuple_check(tuple, len, desc) == NULL)
			sound++;
		free(bytes);
	}
	check(sound > 0 && sound < RANDOM_TUPLES,
		  "changed tuples are judged, and nothing else is read");
	free(model);
}

int
main(void)
{
	TupleDesc	desc = make_desc();

	test_rows();
	test_layout();
	test_headers();
	test_meta();
	test_units();
	test_directory();
	test_tuples(desc);
	test_tail();
	test_row();
	test_random_pages(desc);
	test_random_tuples(desc);
	free(desc);
	printf("1..%d\n", ntests);
	return nfailed == 0 ? 0 : 1;
}
