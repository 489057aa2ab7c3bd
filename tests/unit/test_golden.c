/*-------------------------------------------------------------------------
 *
 * test_golden.c
 *	  Pages that a server wrote, kept for ever, are read back: the checks find
 *	  them sound, and each field has its value at its documented offset.  Output
 *	  is TAP.
 *
 * What stands here is written out on purpose, and not taken from the headers:
 * offsets and sizes are those of src/format/README.md and the drawings in
 * es_page.h.  A test that fails says that the format changed.  Then the answer
 * is a new version of the format, beside this one; not other numbers here.
 *
 *	  Links: src/format/es_format_check.c
 *
 * IDENTIFICATION
 *	  tests/unit/test_golden.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "storage/bufpage.h"
#include "storage/checksum_impl.h"

#include "format/es_format_check.h"
#include "format/es_page.h"

/* libc's will do; PostgreSQL's would have to be linked */
#undef printf
#undef fprintf
#undef snprintf

/* where the contents of a page begin, the units or entries of a directory
 * page, and the special space */
#define CONTENTS		24
#define ENTRIES			40
#define SPECIAL			8168

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
	fprintf(stderr, "no page is made here\n");
	abort();
}

/* --- tests --- */

static int	ntests = 0;
static int	nfailed = 0;

static void
check(bool good, const char *page, const char *what)
{
	ntests++;
	if (!good)
		nfailed++;
	printf("%s %d - %s: %s\n", good ? "ok" : "not ok", ntests, page, what);
}

/* A check's answer: NULL is sound. */
static void
check_sound(const char *problem, const char *page, const char *what)
{
	check(problem == NULL, page, what);
	if (problem != NULL)
		printf("# said \"%s\"\n", problem);
}

/*
 * A field: where it is documented to stand, what is there, and where the struct
 * has it.
 */
typedef struct Field
{
	const char *name;
	size_t		at;
	size_t		size;
	uint64		value;
	size_t		struct_at;
	size_t		struct_size;
} Field;

#define FIELD(type, name, at, size, value) \
	{#name, at, size, value, offsetof(type, name), sizeof(((type *) 0)->name)}

static void
check_fields(const char *page_name, Page page, size_t base,
			 const Field *fields, int nfields)
{
	for (int i = 0; i < nfields; i++)
	{
		const Field *f = &fields[i];
		uint64		found = 0;
		bool		good;

		/* the files were made on a little-endian machine */
		memcpy(&found, (char *) page + base + f->at, f->size);
		good = found == f->value && f->struct_at == f->at &&
			f->struct_size == f->size;
		check(good, page_name, f->name);
		if (!good)
			printf("# at %zu + %zu, %zu bytes: %llu, expected %llu; the struct has it at %zu, %zu bytes\n",
				   base, f->at, f->size, (unsigned long long) found,
				   (unsigned long long) f->value, f->struct_at,
				   f->struct_size);
	}
}

/* Bytes, written as hexadecimal digits. */
static bool
bytes_are(Page page, size_t at, const char *digits)
{
	size_t		n = strlen(digits) / 2;

	for (size_t i = 0; i < n; i++)
	{
		unsigned int byte;

		if (sscanf(digits + 2 * i, "%2x", &byte) != 1 ||
			(uint8) ((char *) page)[at + i] != byte)
			return false;
	}
	return true;
}

static bool
is_zero(Page page, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (((char *) page)[i] != 0)
			return false;
	return true;
}

/* --- reading --- */

/*
 * Lines of an offset and 32 bytes, all hexadecimal; what is not there is zero,
 * and # begins a comment.  Then the page is as the server wrote it if its
 * checksum says so.
 */
static void
read_page(const char *name, BlockNumber block, PGAlignedBlock *page)
{
	char		path[64];
	char		line[256];
	bool		good = true;
	FILE	   *file;

	snprintf(path, sizeof(path), "tests/golden/v1/%s.hex", name);
	memset(page, 0, sizeof(*page));
	file = fopen(path, "r");
	if (file == NULL)
	{
		fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	while (good && fgets(line, sizeof(line), file) != NULL)
	{
		unsigned int at;
		int			digits;

		if (line[0] == '#')
			continue;
		good = sscanf(line, "%4x %n", &at, &digits) == 1 &&
			at % 32 == 0 && at < BLCKSZ && strlen(line) == (size_t) digits + 65;
		for (int i = 0; good && i < 32; i++)
		{
			unsigned int byte;

			good = sscanf(line + digits + 2 * i, "%2x", &byte) == 1;
			page->data[at + i] = (char) byte;
		}
	}
	fclose(file);
	if (!good)
	{
		fprintf(stderr, "%s is not a dump of a page\n", path);
		exit(1);
	}
	check(pg_checksum_page(page->data, block) ==
		  ((PageHeader) page->data)->pd_checksum, name,
		  "the page is what was written");
}

/*
 * What all kinds have: PostgreSQL's page header, whose bounds are exact, and
 * the special space.
 */
static void
check_frame(const char *name, Page page, uint64 lower, uint64 upper,
			uint64 unit_id, uint64 first_row, uint64 kind, uint64 flags)
{
	const Field header[] = {
		FIELD(PageHeaderData, pd_flags, 10, 2, 0),
		FIELD(PageHeaderData, pd_lower, 12, 2, lower),
		FIELD(PageHeaderData, pd_upper, 14, 2, upper),
		FIELD(PageHeaderData, pd_special, 16, 2, SPECIAL),
		FIELD(PageHeaderData, pd_pagesize_version, 18, 2, 8196),
		FIELD(PageHeaderData, pd_prune_xid, 20, 4, 0)
	};
	const Field special[] = {
		FIELD(EsPageSpecialData, unit_id, 0, 8, unit_id),
		FIELD(EsPageSpecialData, first_row, 8, 8, first_row),
		FIELD(EsPageSpecialData, index_in_unit, 16, 4, 0),
		FIELD(EsPageSpecialData, kind, 20, 1, kind),
		FIELD(EsPageSpecialData, flags, 21, 1, flags),
		FIELD(EsPageSpecialData, magic, 22, 2, 0xE5B1)
	};

	check_sound(es_page_check(page), name, "es_page_check finds it sound");
	check_fields(name, page, 0, header, lengthof(header));
	check_fields(name, page, SPECIAL, special, lengthof(special));
	check(is_zero(page, lower, upper), name, "nothing stands in its hole");
}

static void
check_unit(const char *name, Page page, size_t base, uint64 first_row,
		   uint64 unit_id, uint64 start, uint64 npages, uint64 span)
{
	const Field unit[] = {
		FIELD(EsUnit, first_row, 0, 8, first_row),
		FIELD(EsUnit, unit_id, 8, 8, unit_id),
		FIELD(EsUnit, start, 16, 4, start),
		FIELD(EsUnit, npages, 20, 4, npages),
		FIELD(EsUnit, span, 24, 4, span),
		FIELD(EsUnit, nrows, 28, 4, span),
		FIELD(EsUnit, kind, 32, 1, 1),
		FIELD(EsUnit, flags, 33, 1, 0),
		FIELD(EsUnit, max_xid, 40, 8, 0),
		FIELD(EsUnit, min_ts, 48, 8, 0),
		FIELD(EsUnit, max_ts, 56, 8, 0)
	};

	check_fields(name, page, base, unit, lengthof(unit));
	check(is_zero(page, base + 34, base + 40), name,
		  "the unused bytes of a unit are 0");
}

/* --- the pages --- */

static void
test_meta(void)
{
	static const char *const name = "metapage";
	const Field meta[] = {
		FIELD(EsMetaData, magic, 0, 4, 0x45565354),
		FIELD(EsMetaData, format, 4, 4, 1),
		FIELD(EsMetaData, life, 40, 8, UINT64CONST(0xf547fe1d8304e93c)),
		FIELD(EsMetaData, locator[0], 48, 4, 1663),
		FIELD(EsMetaData, locator[1], 52, 4, 5),
		FIELD(EsMetaData, locator[2], 56, 4, 16391),
		FIELD(EsMetaData, flags, 60, 4, 0),
		FIELD(EsMetaData, gen, 64, 8, 18),
		FIELD(EsMetaData, next_unit_id, 72, 8, 234),
		FIELD(EsMetaData, next_row, 80, 8, 230001),
		FIELD(EsMetaData, open.first_row, 88, 8, 231000),
		FIELD(EsMetaData, open.unit_id, 96, 8, 233),
		FIELD(EsMetaData, open.start, 104, 4, 66),
		FIELD(EsMetaData, open.npages, 108, 4, 1),
		FIELD(EsMetaData, open.current_block, 112, 4, 66),
		FIELD(EsMetaData, open.unused, 116, 4, 0),
		FIELD(EsMetaData, reserve.start, 120, 4, 67),
		FIELD(EsMetaData, reserve.len, 124, 4, 9),
		FIELD(EsMetaData, alloc_end, 128, 4, 238),
		FIELD(EsMetaData, root, 132, 4, 164),
		FIELD(EsMetaData, height, 136, 4, 2),
		FIELD(EsMetaData, last_leaf, 140, 4, 165),
		FIELD(EsMetaData, last_inner, 144, 4, 164),
		FIELD(EsMetaData, nfree, 148, 4, 2),
		FIELD(EsMetaData, counters.rows, 152, 8, 230),
		FIELD(EsMetaData, counters.holes, 160, 8, 7),
		FIELD(EsMetaData, counters.unit_blocks, 168, 4, 217),
		FIELD(EsMetaData, counters.dir_blocks, 172, 4, 3),
		FIELD(EsMetaData, counters.run_blocks, 176, 4, 0),
		FIELD(EsMetaData, counters.loose_blocks, 180, 4, 217),
		FIELD(EsMetaData, free[0].start, 184, 4, 126),
		FIELD(EsMetaData, free[0].len, 188, 4, 4),
		FIELD(EsMetaData, free[1].start, 192, 4, 228),
		FIELD(EsMetaData, free[1].len, 196, 4, 3),
		FIELD(EsMetaData, nrecent, 4112, 4, 37),
		FIELD(EsMetaData, unused, 4116, 4, 0)
	};
	PGAlignedBlock page;

	read_page("meta", 0, &page);
	check_frame(name, page.data, CONTENTS + 8096, SPECIAL, 0, 0, 1, 0);
	check_sound(es_meta_check(page.data), name,
				"es_meta_check finds it sound");
	check_fields(name, page.data, CONTENTS, meta, lengthof(meta));

	check(offsetof(EsMetaData, hash_key) == 8 &&
		  bytes_are(page.data, CONTENTS + 8,
					"47ba6565ccd1a0260fb7a4e06feeca58"), name, "hash_key");
	check(offsetof(EsMetaData, id_key) == 24 &&
		  bytes_are(page.data, CONTENTS + 24,
					"0d4d3cfa2769d9c1d570502e171830a3"), name, "id_key");
	check(offsetof(EsMetaData, free) == 184 &&
		  sizeof(((EsMetaData *) 0)->free) == 1600, name,
		  "there is room for 200 free extents");
	check(offsetof(EsMetaData, stream) == 1784 &&
		  offsetof(EsMetaData, dict) == 3336 &&
		  is_zero(page.data, CONTENTS + 1784, CONTENTS + 4112), name,
		  "what is kept for stream heads and dictionaries is 0");

	check(offsetof(EsMetaData, recent) == 4120 &&
		  offsetof(EsMetaData, npending) == 4120 + 60 * 64, name,
		  "there is room for 60 recent units");
	check_unit(name, page.data, CONTENTS + 4120, 191000, 193, 198, 1, 1);
	check_unit(name, page.data, CONTENTS + 4120 + 36 * 64, 230000, 232, 237,
			   1, 1);
	check(is_zero(page.data, CONTENTS + 4120 + 37 * 64, CONTENTS + 8096), name,
		  "nothing stands behind the last recent unit");
}

/*
 * A row: its line pointer, the header of its tuple, its data.  xmin is the
 * transaction that inserted it; infomask says what became of it.
 */
static void
check_row(const char *name, Page page, int offset, uint64 row, uint32 at,
		  uint32 length, uint64 xmin, uint64 natts, uint64 infomask,
		  const char *data)
{
	const Field tuple[] = {
		FIELD(HeapTupleHeaderData, t_choice.t_heap.t_xmin, 0, 4, xmin),
		FIELD(HeapTupleHeaderData, t_choice.t_heap.t_xmax, 4, 4, 0),
		FIELD(HeapTupleHeaderData, t_choice.t_heap.t_field3, 8, 4, 0),
		FIELD(HeapTupleHeaderData, t_ctid.ip_blkid.bi_hi, 12, 2, row >> 24),
		FIELD(HeapTupleHeaderData, t_ctid.ip_blkid.bi_lo, 14, 2,
			  (row >> 8) & 0xffff),
		FIELD(HeapTupleHeaderData, t_ctid.ip_posid, 16, 2, (row & 255) + 1),
		FIELD(HeapTupleHeaderData, t_infomask2, 18, 2, natts),
		FIELD(HeapTupleHeaderData, t_infomask, 20, 2, infomask),
		FIELD(HeapTupleHeaderData, t_hoff, 22, 1, 24)
	};
	uint32		pointer;
	char		what[80];

	memcpy(&pointer, (char *) page + CONTENTS + (offset - 1) * 4, 4);
	snprintf(what, sizeof(what), "row %u stands at line pointer %d",
			 (unsigned int) row, offset);
	check(pointer == (at | 1U << 15 | length << 17) &&
		  EsPageGetSpecial(page)->first_row + offset - 1 == row, name, what);
	check_fields(name, page, at, tuple, lengthof(tuple));
	snprintf(what, sizeof(what), "the data of row %u", (unsigned int) row);
	check(24 + strlen(data) / 2 == length && bytes_are(page, at + 24, data),
		  name, what);
}

/*
 * The columns: position bigint, entity_id text, n int, note text.  The bits of
 * infomask are PostgreSQL's: 0x0001 has NULLs, 0x0002 has columns of variable
 * length, 0x0100 xmin committed, 0x0200 xmin invalid, both: frozen, 0x0800 xmax
 * invalid.
 */
static void
test_tail(void)
{
	static const char *const name = "tail page";
	PGAlignedBlock page;

	read_page("tail", 1, &page);
	check_frame(name, page.data, CONTENTS + 10 * 4, 7984, 1, 1, 2, 0x02);
	check_sound(es_tail_check(page.data), name,
				"es_tail_check finds it sound");
	check_row(name, page.data, 1, 1, 8112, 50, 726, 4, 0x0b02,
			  "0100000000000000" "116f726465722d31" "07000000" "0d6669727374");
	check_row(name, page.data, 2, 2, 8072, 40, 727, 4, 0x0b03,
			  "0200000000000000" "116f726465722d32");
	check(bytes_are(page.data, 8072 + 23, "03"), name,
		  "row 2 has its first two columns");
	check_row(name, page.data, 3, 3, 8032, 39, 0, 4, 0x0a03,
			  "0300000000000000" "0f756e646f6e65");
	check(is_zero(page.data, CONTENTS + 3 * 4, CONTENTS + 9 * 4), name,
		  "line pointers 4 to 9 are unused: numbers that no row has");
	check_row(name, page.data, 10, 10, 7984, 44, 729, 4, 0x0b03,
			  "0a00000000000000" "116f726465722d33" "ffffffff");
}

static void
test_tail_current(void)
{
	static const char *const name = "current tail page";
	PGAlignedBlock page;

	read_page("tail_current", 66, &page);
	check_frame(name, page.data, CONTENTS + 2 * 4, 8072, 233, 231000, 2, 0x01);
	check_sound(es_tail_check(page.data), name,
				"es_tail_check finds it sound");
	check_row(name, page.data, 1, 231000, 8120, 44, 739, 4, 0x0903,
			  "5886030000000000" "116f726465722d31" "08000000");
	check_row(name, page.data, 2, 231001, 8072, 44, 740, 4, 0x0903,
			  "5986030000000000" "116f726465722d34" "01000000");
}

static void
test_leaf(void)
{
	static const char *const name = "leaf";
	const Field dir[] = {
		FIELD(EsDirHeader, high_row, 0, 8, 126000),
		FIELD(EsDirHeader, n, 8, 4, 113),
		FIELD(EsDirHeader, unused, 12, 4, 0)
	};
	PGAlignedBlock page;

	read_page("leaf", 65, &page);
	check_frame(name, page.data, ENTRIES + 113 * 64, SPECIAL, 0, 0, 3, 0);
	check_sound(es_dir_check(page.data), name, "es_dir_check finds it sound");
	check_fields(name, page.data, CONTENTS, dir, lengthof(dir));
	check(ES_LEAF_UNITS == 127, name, "there is room for 127 units");
	check_unit(name, page.data, ENTRIES, 1, 1, 1, 1, 10);
	check_unit(name, page.data, ENTRIES + 64, 1000, 2, 2, 3, 6);
	check_unit(name, page.data, ENTRIES + 2 * 64, 1006, 3, 5, 1, 2);
	check_unit(name, page.data, ENTRIES + 61 * 64, 60000, 62, 64, 1, 1);
	check_unit(name, page.data, ENTRIES + 62 * 64, 71000, 73, 76, 1, 1);
	check_unit(name, page.data, ENTRIES + 112 * 64, 125000, 127, 130, 1, 1);
}

static void
test_inner(void)
{
	static const char *const name = "inner page";
	const Field dir[] = {
		FIELD(EsDirHeader, high_row, 0, 8, UINT64CONST(0xffffffffffffffff)),
		FIELD(EsDirHeader, n, 8, 4, 2),
		FIELD(EsDirHeader, unused, 12, 4, 0)
	};
	const Field first[] = {
		FIELD(EsInnerEntry, low_row, 0, 8, 0),
		FIELD(EsInnerEntry, child, 8, 4, 65),
		FIELD(EsInnerEntry, unused, 12, 4, 0)
	};
	const Field second[] = {
		FIELD(EsInnerEntry, low_row, 0, 8, 126000),
		FIELD(EsInnerEntry, child, 8, 4, 165),
		FIELD(EsInnerEntry, unused, 12, 4, 0)
	};
	PGAlignedBlock page;

	read_page("inner", 164, &page);
	check_frame(name, page.data, ENTRIES + 2 * 16, SPECIAL, 0, 0, 4, 0);
	check_sound(es_dir_check(page.data), name, "es_dir_check finds it sound");
	check_fields(name, page.data, CONTENTS, dir, lengthof(dir));
	check(ES_INNER_ENTRIES == 508, name, "there is room for 508 entries");
	check_fields(name, page.data, ENTRIES, first, lengthof(first));
	check_fields(name, page.data, ENTRIES + 16, second, lengthof(second));
}

int
main(void)
{
#ifdef WORDS_BIGENDIAN
	printf("1..0 # SKIP the pages are a little-endian machine's\n");
	return 0;
#endif
	test_meta();
	test_tail();
	test_tail_current();
	test_leaf();
	test_inner();
	printf("1..%d\n", ntests);
	return nfailed > 0;
}
