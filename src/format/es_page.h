/*-------------------------------------------------------------------------
 *
 * es_page.h
 *	  The pages of an event table's main fork.
 *
 * All pages are BLCKSZ bytes with PostgreSQL's page header, exact pd_lower and
 * pd_upper, and 24 bytes of special space:
 *
 *	  +--------+---------------------------+-----------+--------+---------+
 *	  | header | line pointers or contents |   hole    | tuples | special |
 *	  +--------+---------------------------+-----------+--------+---------+
 *	  0        24                      pd_lower    pd_upper    8168      8192
 *
 *	  Special space (EsPageSpecialData)
 *	  OFFSET  SIZE  FIELD          MEANING
 *	     0      8   unit_id        unit the page was initialised for; 0: none
 *	     8      8   first_row      tail: its first row; batch: the unit's;
 *								   directory: its low key
 *	    16      4   index_in_unit  tail: place in the run, batch: in the batch,
 *								   from 0; else 0
 *	    20      1   kind           ES_PAGE_*
 *	    21      1   flags          ES_PAGE_FLAG_*; unknown bits are an error
 *	    22      2   magic          ES_PAGE_MAGIC
 *
 *	  Block 0 is the metapage, if there is a block 0: a file without blocks,
 *	  or whose block 0 is zero, is an empty table.  Blocks from alloc_end on
 *	  are free, whatever the file's size.
 *
 * A row has a number, n = 1, 2, 3 ...; its TID is block n >> 8, offset
 * (n & 255) + 1: a name, not a place.  In a tail page row n stands at line
 * pointer n - first_row + 1.  A line pointer that is LP_UNUSED is a number that
 * no row has.  Line pointers are never removed or used again.
 *
 * Integers are in the byte order of the machine, as everywhere in
 * PostgreSQL's relation files.
 *
 * Versions of the format (metapage, field "format")
 *	  1	 0.1.0	first
 *
 * Kinds 6 and 7 are for runs of stream heads and dictionaries, which this version
 * does not write.  What the pages of a batch hold is in es_batch.h.
 *
 * IDENTIFICATION
 *	  src/format/es_page.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_PAGE_H
#define ES_PAGE_H

#include "postgres.h"

#include "access/htup_details.h"
#include "storage/block.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"

#define ES_FORMAT_VERSION		1
#define ES_FORMAT_VERSION_MIN	1

#define ES_PAGE_MAGIC			0xE5B1
#define ES_META_MAGIC			0x45565354	/* "EVST" */

#define ES_PAGE_META			1	/* block 0 */
#define ES_PAGE_TAIL			2	/* rows as heap tuples */
#define ES_PAGE_LEAF			3	/* directory: units */
#define ES_PAGE_INNER			4	/* directory: pages below */
#define ES_PAGE_BATCH			5	/* part of a batch */

#define ES_PAGE_FLAG_CURRENT	0x01	/* tail: the page that rows are added to */
#define ES_PAGE_FLAG_SETTLED	0x02	/* tail: each row is frozen or known
										 * aborted, none will be added */
#define ES_PAGE_FLAG_SUSPECT	0x80	/* who read the page from disk found it
										 * damaged: check it at every read; goes
										 * to disk and into WAL only with what
										 * else makes the page go there */
#define ES_PAGE_FLAGS_KNOWN		0x83

typedef struct EsPageSpecialData
{
	uint64		unit_id;
	uint64		first_row;
	uint32		index_in_unit;
	uint8		kind;
	uint8		flags;
	uint16		magic;
} EsPageSpecialData;

typedef EsPageSpecialData *EsPageSpecial;

StaticAssertDecl(sizeof(EsPageSpecialData) == 24, "EsPageSpecialData is on disk");
StaticAssertDecl(offsetof(EsPageSpecialData, kind) == 20, "EsPageSpecialData is on disk");

#define EsPageGetSpecial(page)	((EsPageSpecial) PageGetSpecialPointer(page))

/* --- row numbers and TIDs --- */

#define ES_ROWS_PER_TID_BLOCK	256
#define ES_FIRST_ROW			UINT64CONST(1)

/* the last number that a TID can name */
#define ES_MAX_ROW \
	(((uint64) MaxBlockNumber << 8) + (ES_ROWS_PER_TID_BLOCK - 1))

static inline void
es_row_to_tid(uint64 row, ItemPointer tid)
{
	ItemPointerSet(tid, (BlockNumber) (row >> 8),
				   (OffsetNumber) ((row & (ES_ROWS_PER_TID_BLOCK - 1)) + 1));
}

/* 0, which no row has, for an offset that is out of range */
static inline uint64
es_tid_to_row(ItemPointer tid)
{
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(tid);

	if (offset < 1 || offset > ES_ROWS_PER_TID_BLOCK)
		return 0;
	return ((uint64) ItemPointerGetBlockNumberNoCheck(tid) << 8) + offset - 1;
}

/* --- tail pages --- */

#define ES_MAX_TAIL_ROWS \
	((int) ((BLCKSZ - SizeOfPageHeaderData - sizeof(EsPageSpecialData)) / \
			(MAXALIGN(SizeofHeapTupleHeader) + sizeof(ItemIdData))))

/*
 * Largest tuple of a tail page.  8 bytes less than what fits: rows of tables
 * with streams will carry the number of their stream's previous row.
 */
#define ES_MAX_TAIL_TUPLE \
	(MAXALIGN_DOWN(BLCKSZ - SizeOfPageHeaderData - \
				   sizeof(EsPageSpecialData) - sizeof(ItemIdData)) - \
	 sizeof(uint64))

/* --- units: what the directory maps row numbers to --- */

#define ES_UNIT_TAIL			1	/* consecutive tail pages of a run */
#define ES_UNIT_BATCH			2	/* a batch */

#define ES_UNIT_FLAG_LOAD		0x01	/* batch: of one transaction, whose outcome
										 * is to be found out */
#define ES_UNIT_FLAGS_KNOWN		0x01

/*
 * A closed unit: it covers the rows [first_row, first_row + span) and never
 * gets another one.
 *
 *	  OFFSET  SIZE  FIELD      MEANING
 *	     0      8   first_row
 *	     8      8   unit_id    never reused within a file
 *	    16      4   start      first block
 *	    20      4   npages
 *	    24      4   span       row numbers covered
 *	    28      4   nrows      rows among them; tail units: == span
 *	    32      1   kind       ES_UNIT_*
 *	    33      1   flags      ES_UNIT_FLAG_*; unknown bits are an error
 *	    34      2   first_page tail: index_in_unit of its first page, which is
 *							   not 0 in what is left of a run; else 0
 *	    36      4   raw_kb     batch: kilobytes of its values; else 0
 *	    40      8   max_xid    batch: newest transaction of its rows, 64 bits; 0:
 *							   all are frozen.  0 in tail units
 *	    48      8   min_ts     0
 *	    56      8   max_ts     0
 */
typedef struct EsUnit
{
	uint64		first_row;
	uint64		unit_id;
	BlockNumber start;
	uint32		npages;
	uint32		span;
	uint32		nrows;
	uint8		kind;
	uint8		flags;
	uint16		first_page;
	uint32		raw_kb;
	uint64		max_xid;
	int64		min_ts;
	int64		max_ts;
} EsUnit;

StaticAssertDecl(sizeof(EsUnit) == 64, "EsUnit is on disk");
StaticAssertDecl(offsetof(EsUnit, kind) == 32, "EsUnit is on disk");

#define ES_RUN_MAX_PAGES		128

/* Is it a batch whose rows are all known to be committed? */
static inline bool
es_unit_is_settled(const EsUnit *unit)
{
	return unit->kind == ES_UNIT_BATCH &&
		(unit->flags & ES_UNIT_FLAG_LOAD) == 0;
}

/* --- metapage --- */

typedef struct EsExtent
{
	BlockNumber start;
	uint32		len;
} EsExtent;

/*
 * The open run: the tail pages that end with the current page.  npages == 0:
 * there is none, and the next row number is EsMeta.next_row.
 */
typedef struct EsOpenRun
{
	uint64		first_row;
	uint64		unit_id;
	BlockNumber start;
	uint32		npages;
	BlockNumber current_block;	/* == start + npages - 1 */
	uint32		unused;
} EsOpenRun;

StaticAssertDecl(sizeof(EsOpenRun) == 32, "EsOpenRun is on disk");

#define ES_META_FREE_EXTENTS	200
#define ES_META_RECENT_UNITS	60
#define ES_META_PENDING_EXTENTS	16
#define ES_META_STREAM_BYTES	1552	/* covered_to, runs of stream heads */
#define ES_META_DICT_BYTES		776 /* trained dictionaries */

typedef struct EsCounters
{
	uint64		rows;			/* sum of nrows of closed units */
	uint64		holes;			/* rows of them that VACUUM found aborted */
	uint32		unit_blocks;	/* sum of npages of closed units */
	uint32		dir_blocks;		/* directory pages */
	uint32		run_blocks;		/* 0: no runs of stream heads yet */
	uint32		loose_blocks;	/* sum of npages of closed units that are no
								 * settled batches */
} EsCounters;

/*
 * Contents of the metapage, from PageGetContents on.
 *
 *	  OFFSET  SIZE  FIELD
 *	     0      4   magic
 *	     4      4   format
 *	     8     16   hash_key      random at META_INIT
 *	    24     16   id_key        random at META_INIT; key of the ids made here
 *	    40      8   life          random at META_INIT
 *	    48     12   locator       tablespace, database, file number when made
 *	    60      4   flags         0
 *	    64      8   gen           bumped when rows or blocks leave a place
 *	    72      8   next_unit_id
 *	    80      8   next_row      valid while there is no open run
 *	    88     32   open
 *	   120      8   reserve       blocks for the next tail pages
 *	   128      4   alloc_end     blocks from here on are free
 *	   132      4   root          0: no directory pages
 *	   136      4   height        0: none; 1: the root is a leaf
 *	   140      4   last_leaf
 *	   144      4   last_inner    rightmost of the lowest inner pages
 *	   148      4   nfree
 *	   152     32   counters
 *	   184   1600   free          sorted by start, coalesced; a cache
 *	  1784   1552   stream        0
 *	  3336    776   dict          0
 *	  4112      4   nrecent
 *	  4116      4   unused        0
 *	  4120   3840   recent        newest closed units, ascending
 *	  7960      4   npending
 *	  7964      4   unused2       0
 *	  7968    128   pending       blocks that compaction is filling
 */
typedef struct EsMetaData
{
	uint32		magic;
	uint32		format;
	uint8		hash_key[16];
	uint8		id_key[16];
	uint64		life;
	uint32		locator[3];
	uint32		flags;
	uint64		gen;
	uint64		next_unit_id;
	uint64		next_row;
	EsOpenRun	open;
	EsExtent	reserve;
	BlockNumber alloc_end;
	BlockNumber root;
	uint32		height;
	BlockNumber last_leaf;
	BlockNumber last_inner;
	uint32		nfree;
	EsCounters	counters;
	EsExtent	free[ES_META_FREE_EXTENTS];
	uint8		stream[ES_META_STREAM_BYTES];
	uint8		dict[ES_META_DICT_BYTES];
	uint32		nrecent;
	uint32		unused;
	EsUnit		recent[ES_META_RECENT_UNITS];
	uint32		npending;
	uint32		unused2;
	EsExtent	pending[ES_META_PENDING_EXTENTS];
} EsMetaData;

typedef EsMetaData *EsMeta;

StaticAssertDecl(offsetof(EsMetaData, open) == 88, "EsMetaData is on disk");
StaticAssertDecl(offsetof(EsMetaData, counters) == 152, "EsMetaData is on disk");
StaticAssertDecl(offsetof(EsMetaData, free) == 184, "EsMetaData is on disk");
StaticAssertDecl(offsetof(EsMetaData, recent) == 4120, "EsMetaData is on disk");
StaticAssertDecl(offsetof(EsMetaData, pending) == 7968, "EsMetaData is on disk");
StaticAssertDecl(sizeof(EsMetaData) <= BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - sizeof(EsPageSpecialData),
				 "EsMetaData must fit a page");

#define EsPageGetMeta(page)		((EsMeta) PageGetContents(page))

/* --- directory pages --- */

#define ES_HIGH_ROW_INFINITE	PG_UINT64_MAX

/* a leaf, an inner page above it, and one above those: 127 * 508 * 508 units */
#define ES_DIR_MAX_HEIGHT		3

/* both kinds begin with this; low key: the special space's first_row */
typedef struct EsDirHeader
{
	uint64		high_row;		/* rows of this page are below it */
	uint32		n;				/* entries in use */
	uint32		unused;			/* 0 */
} EsDirHeader;

typedef struct EsInnerEntry
{
	uint64		low_row;		/* first row the child is responsible for */
	BlockNumber child;
	uint32		unused;			/* 0 */
} EsInnerEntry;

#define ES_DIR_SPACE \
	(BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - sizeof(EsPageSpecialData) - \
	 sizeof(EsDirHeader))
#define ES_LEAF_UNITS			((int) (ES_DIR_SPACE / sizeof(EsUnit)))
#define ES_INNER_ENTRIES		((int) (ES_DIR_SPACE / sizeof(EsInnerEntry)))

#define EsPageGetDir(page)		((EsDirHeader *) PageGetContents(page))
#define EsPageGetUnits(page) \
	((EsUnit *) (PageGetContents(page) + sizeof(EsDirHeader)))
#define EsPageGetEntries(page) \
	((EsInnerEntry *) (PageGetContents(page) + sizeof(EsDirHeader)))

StaticAssertDecl(sizeof(EsDirHeader) == 16, "EsDirHeader is on disk");
StaticAssertDecl(sizeof(EsInnerEntry) == 16, "EsInnerEntry is on disk");

/*
 * Initialise a page of any kind; pd_lower of the fixed kinds is set by
 * es_page_set_lower after their contents changed.
 */
extern void es_page_init(Page page, uint8 kind, uint64 unit_id,
						 uint64 first_row, uint32 index_in_unit, uint8 flags);
extern void es_page_set_lower(Page page);

#endif							/* ES_PAGE_H */
