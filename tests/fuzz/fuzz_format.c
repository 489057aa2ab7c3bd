/*-------------------------------------------------------------------------
 *
 * fuzz_format.c
 *	  libFuzzer: the checks of pages and tuples.
 *
 * Built and run by hand, with clang and the development files of PostgreSQL:
 *
 *	  P=$(pg_config --includedir-server)
 *	  clang -g -O1 -fno-strict-aliasing -fwrapv \
 *		  -fsanitize=fuzzer,address,undefined -Isrc -I$P \
 *		  tests/fuzz/fuzz_format.c src/format/es_format_check.c -o fuzz_format
 *	  ./fuzz_format -max_len=8300 -max_total_time=600 [FOLDER WITH EXAMPLES]
 *
 * An input is a page, or less than one: the rest is zeros.  Its last bytes, if it
 * is longer, choose the columns that tuples are said to have.
 *
 * For any bytes:
 *
 *	  - no check reads outside the page, or the tuple, that it was given;
 *	  - what is found sound can be walked as readers and writers walk it: line
 *		pointers, units and entries lie within the page, rows and blocks do not
 *		overflow, a writer's blocks are apart;
 *	  - the columns of a tuple that is found sound end within it.
 *
 * IDENTIFICATION
 *	  tests/fuzz/fuzz_format.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"

#include "format/es_format_check.h"
#include "format/es_page.h"

#define require(condition) \
	do { \
		if (!(condition)) \
			__builtin_trap(); \
	} while (0)

#define MAX_COLUMNS		8

/* --- what the server would supply --- */

extern void stop_at_assertion(void) __asm__("ExceptionalCondition");

void
stop_at_assertion(void)
{
	__builtin_trap();
}

void
PageInit(Page page, Size pageSize, Size specialSize)
{
	__builtin_trap();
}

/* --- columns --- */

static TupleDesc
make_columns(const uint8_t *bytes, size_t n)
{
	/* length, alignment */
	static const struct
	{
		int16		len;
		char		align;
	}			types[] = {
		{1, TYPALIGN_CHAR}, {2, TYPALIGN_SHORT}, {4, TYPALIGN_INT},
		{8, TYPALIGN_DOUBLE}, {16, TYPALIGN_CHAR}, {-1, TYPALIGN_INT},
		{-1, TYPALIGN_DOUBLE}, {-2, TYPALIGN_CHAR}, {64, TYPALIGN_CHAR}
	};
	static union
	{
		TupleDescData desc;
		char		room[sizeof(TupleDescData) + MAX_COLUMNS * 256];
	}			columns;

	memset(&columns, 0, sizeof(columns));
	columns.desc.natts = Min(n, MAX_COLUMNS);
	for (int i = 0; i < columns.desc.natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(&columns.desc, i);
		int			type = bytes[i] % lengthof(types);

		att->attlen = types[type].len;
		att->attalign = types[type].align;
		att->attbyval = att->attlen > 0 && att->attlen <= 8;
		att->attnum = i + 1;
	}
	return &columns.desc;
}

/*
 * Where the columns of a sound tuple are, as heap_deform_tuple finds them.
 */
static void
walk_tuple(HeapTupleHeader tuple, uint32 len, TupleDesc desc)
{
	bool		hasnulls = (tuple->t_infomask & HEAP_HASNULL) != 0;
	char	   *data = (char *) tuple + tuple->t_hoff;
	long		off = 0;

	for (int i = 0; i < Min(HeapTupleHeaderGetNatts(tuple), desc->natts); i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (hasnulls && att_isnull(i, tuple->t_bits))
			continue;
		if (att->attlen == -1)
			off = att_align_pointer(off, att->attalign, -1, data + off);
		else
			off = att_align_nominal(off, att->attalign);
		off = att_addlength_pointer(off, att->attlen, data + off);
		require(off >= 0 && tuple->t_hoff + off <= len);
	}
}

/* --- pages --- */

static void
walk_tail(Page page, TupleDesc desc)
{
	int			used = 0;

	for (OffsetNumber off = 1; off <= PageGetMaxOffsetNumber(page); off++)
	{
		ItemId		item = PageGetItemId(page, off);
		HeapTupleHeader tuple;

		if (!ItemIdIsUsed(item))
			continue;
		used++;
		require(ItemIdGetOffset(item) + ItemIdGetLength(item) <= BLCKSZ);
		(void) es_row_check(page, off);
		tuple = (HeapTupleHeader) PageGetItem(page, item);
		if (desc->natts > 0 &&
			es_tuple_check(tuple, ItemIdGetLength(item), desc) == NULL)
		{
			/* a copy that ends where the tuple ends: the sanitizer looks on */
			char	   *copy = malloc(ItemIdGetLength(item));

			memcpy(copy, tuple, ItemIdGetLength(item));
			walk_tuple((HeapTupleHeader) copy, ItemIdGetLength(item), desc);
			free(copy);
		}
	}
	require(used <= ES_MAX_TAIL_ROWS);
}

static void
walk_units(const EsUnit *units, uint32 n)
{
	uint64		end = 0;

	for (uint32 i = 0; i < n; i++)
	{
		require(units[i].first_row >= Max(end, ES_FIRST_ROW));
		end = units[i].first_row + units[i].span;
		require(end <= ES_MAX_ROW + 1);
		require(units[i].start > 0);
		require((uint64) units[i].start + units[i].npages <= MaxBlockNumber);
	}
}

static bool
lies_in(BlockNumber block, EsExtent extent)
{
	return block >= extent.start && block - extent.start < extent.len;
}

static void
walk_meta(Page page)
{
	EsMeta		meta = EsPageGetMeta(page);
	BlockNumber locked[4];
	int			nlocked = 0;

	require(meta->nrecent <= ES_META_RECENT_UNITS);
	require(meta->nfree <= ES_META_FREE_EXTENTS);
	require(meta->height <= ES_DIR_MAX_HEIGHT);
	walk_units(meta->recent, meta->nrecent);

	/* what a writer locks while it holds the metapage */
	if (meta->open.npages > 0)
		locked[nlocked++] = meta->open.current_block;
	if (meta->height > 0)
		locked[nlocked++] = meta->last_leaf;
	if (meta->height > 1)
		locked[nlocked++] = meta->last_inner;
	if (meta->height > 2)
		locked[nlocked++] = meta->root;
	for (int i = 0; i < nlocked; i++)
	{
		require(locked[i] != 0 && locked[i] < meta->alloc_end);
		for (int j = 0; j < i; j++)
			require(locked[i] != locked[j] ||
					(meta->height == 3 && locked[j] == meta->last_leaf));
		require(!lies_in(locked[i], meta->reserve));
		for (uint32 j = 0; j < meta->nfree; j++)
			require(!lies_in(locked[i], meta->free[j]));
	}
}

int			LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	/* of the size of a page, so that the sanitizer sees its end */
	Page		page = aligned_alloc(4096, BLCKSZ);
	size_t		length = Min(size, BLCKSZ);
	TupleDesc	desc = make_columns(bytes + length, size - length);

	/* the special space comes last, but is what most depends on */
	memset(page, 0, BLCKSZ);
	memcpy(page, bytes, length);
	if (es_page_check(page) == NULL)
	{
		if (es_tail_check(page) == NULL)
			walk_tail(page, desc);
		if (es_dir_check(page) == NULL)
		{
			EsDirHeader *dir = EsPageGetDir(page);

			if (EsPageGetSpecial(page)->kind == ES_PAGE_LEAF)
			{
				require(dir->n <= ES_LEAF_UNITS);
				walk_units(EsPageGetUnits(page), dir->n);
			}
			else
				require(dir->n >= 1 && dir->n <= ES_INNER_ENTRIES);
		}
		if (es_meta_check(page) == NULL)
			walk_meta(page);
	}

	/* any bytes as a tuple */
	if (length >= SizeofHeapTupleHeader)
	{
		char	   *tuple = malloc(length);

		memcpy(tuple, bytes, length);
		if (((HeapTupleHeader) tuple)->t_hoff <= length &&
			es_tuple_check((HeapTupleHeader) tuple, length, desc) == NULL)
			walk_tuple((HeapTupleHeader) tuple, length, desc);
		free(tuple);
	}
	free(page);
	return 0;
}
