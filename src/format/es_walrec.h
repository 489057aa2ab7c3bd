/*-------------------------------------------------------------------------
 *
 * es_walrec.h
 *	  The WAL records of the resource manager "eventstore".
 *
 * Rules for all of them
 *	  * the first byte of the main data is the version of the record;
 *	  * every page that changes is a registered block;
 *	  * everything that replay or logical decoding needs, beyond the pages, is
 *		in the main data, which a full-page image never drops;
 *	  * blocks are numbered in the order in which they are locked.
 *
 * The info codes of all sixteen records are fixed now, since all sixteen of
 * them are taken.  The ones not named below are kept: 0x90 and 0xB0 for what
 * batches may need, 0xD0 for erasure, 0xE0 for the stream index and 0xF0 for
 * dictionaries.  A library that meets one that it
 * does not know stops replay with a hint.
 *
 * Versions of the records
 *	  1	 0.1.0	first
 *
 * IDENTIFICATION
 *	  src/format/es_walrec.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_WALREC_H
#define ES_WALREC_H

#include "postgres.h"

#include "access/htup_details.h"
#include "storage/block.h"

#define ES_WAL_VERSION			1

#define XLOG_ES_META_INIT		0x00	/* block 0 is written */
#define XLOG_ES_NEW_TAIL		0x10	/* the current page moves */
#define XLOG_ES_INSERT			0x20	/* one row */
#define XLOG_ES_MULTI			0x30	/* rows of one page */
#define XLOG_ES_SPEC			0x40	/* end of a speculative insertion */
#define XLOG_ES_FLUSH			0x50	/* recent units go to the directory */
#define XLOG_ES_SETTLE			0x60	/* rows of a page frozen, known aborted */
#define XLOG_ES_TRUNC			0x70	/* free blocks at the end given up */
#define XLOG_ES_META			0x80	/* other changes of the metapage */
#define XLOG_ES_BATCH			0xA0	/* rows as a batch */
#define XLOG_ES_REPLACE			0xC0	/* units replaced in the directory */

#define XLOG_ES_OPMASK			0xF0

/*
 * META_INIT: the first page of a file.
 *
 * Block 0: the metapage, WILL_INIT
 */
typedef struct xl_es_meta_init
{
	uint8		version;
	uint8		unused[7];		/* 0 */
	uint8		hash_key[16];
	uint8		id_key[16];
	uint64		life;
	uint32		locator[3];
	uint32		unused2;		/* 0 */
	uint64		next_row;
} xl_es_meta_init;

#define SizeOfEsMetaInit	sizeof(xl_es_meta_init)

StaticAssertDecl(sizeof(xl_es_meta_init) == 72, "xl_es_meta_init is in WAL");

/*
 * NEW_TAIL: a tail page is added and becomes the current one, or (without
 * ES_NEW_TAIL_PAGE) there is no current page any more.
 *
 * Block 0: the metapage
 * Block 1: the page that was current, with ES_NEW_TAIL_OLD
 * Block 2: the new page, WILL_INIT, with ES_NEW_TAIL_PAGE
 */
#define ES_NEW_TAIL_PAGE		0x01
#define ES_NEW_TAIL_OLD			0x02
#define ES_NEW_TAIL_CLOSE		0x04	/* the open run becomes a closed unit */
#define ES_NEW_TAIL_RUN			0x08	/* the page begins a run */
#define ES_NEW_TAIL_REFILL		0x10	/* reserve is taken from free space; what
										 * was left of it goes back there */

typedef struct xl_es_new_tail
{
	uint8		version;
	uint8		flags;			/* ES_NEW_TAIL_* */
	uint16		unused;			/* 0 */
	uint32		index_in_unit;	/* of the new page */
	uint64		unit_id;		/* of the new page */
	uint64		first_row;		/* of the new page, or next_row without one */
	uint64		end_row;		/* CLOSE: one past the last row of the run */
	uint32		nrows;			/* CLOSE: rows of the run */
	BlockNumber reserve_start;	/* REFILL: the extent taken */
	uint32		reserve_len;
	BlockNumber block;			/* the new page */
} xl_es_new_tail;

#define SizeOfEsNewTail		sizeof(xl_es_new_tail)

StaticAssertDecl(sizeof(xl_es_new_tail) == 48, "xl_es_new_tail is in WAL");

/*
 * A row image: the part of the tuple header that is not the transaction's,
 * then "datalen" bytes from offset SizeofHeapTupleHeader of the tuple on.
 */
typedef struct xl_es_row
{
	uint32		datalen;
	uint16		infomask2;
	uint16		infomask;
	uint8		hoff;
	/* BYTES OF THE TUPLE FOLLOW */
} xl_es_row;

#define SizeOfEsRow			(offsetof(xl_es_row, hoff) + sizeof(uint8))

#define ES_INSERT_LOGICAL		0x01	/* decode it */
#define ES_INSERT_LAST			0x02	/* last record of its statement's rows */
#define ES_INSERT_SPECULATIVE	0x04	/* a SPEC record follows */
#define ES_INSERT_SKIPS			0x08	/* numbers before it get no row */

/*
 * INSERT: a row was added to a tail page.
 *
 * Block 0: the tail page
 * Main data: this struct, then one xl_es_row with its bytes
 *
 * With ES_INSERT_SKIPS, line pointers between the page's last one and "offset"
 * become unused ones: numbers that no row gets.  Else there are none: if replay
 * finds any, the page has lost rows.
 */
typedef struct xl_es_insert
{
	uint8		version;
	uint8		flags;			/* ES_INSERT_* */
	uint16		offset;
} xl_es_insert;

#define SizeOfEsInsert		sizeof(xl_es_insert)

StaticAssertDecl(sizeof(xl_es_insert) == 4, "xl_es_insert is in WAL");

/*
 * MULTI: rows were added to a tail page, at consecutive line pointers.  The first one
 * may skip some, as in INSERT.
 *
 * Block 0: the tail page
 * Main data: this struct, then nrows times xl_es_row with its bytes
 */
typedef struct xl_es_multi
{
	uint8		version;
	uint8		flags;			/* ES_INSERT_* */
	uint16		offset;			/* of the first row */
	uint16		nrows;
	uint16		unused;			/* 0 */
} xl_es_multi;

#define SizeOfEsMulti		sizeof(xl_es_multi)

StaticAssertDecl(sizeof(xl_es_multi) == 8, "xl_es_multi is in WAL");

/*
 * BATCH: rows were added as a load batch.  The open run, if there is one, becomes a
 * closed unit, and no page is current any more.
 *
 * Block 0: the metapage
 * Block 1: the page that was current, with ES_BATCH_OLD
 * Block 2 and following: the pages of the batch, WILL_INIT
 * Main data: this struct, then body_len bytes of the body
 */
#define ES_BATCH_LOGICAL		0x01	/* decode it */
#define ES_BATCH_LAST			0x02	/* last rows of their call */
#define ES_BATCH_OLD			0x04	/* there was an open run */
#define ES_BATCH_FROZEN			0x08	/* visible to all, as COPY FREEZE wants */

/* data pages of one record: it takes 33 blocks, two of which may be others */
#define ES_BATCH_MAX_LOAD_PAGES	28

typedef struct xl_es_batch
{
	uint8		version;
	uint8		flags;			/* ES_BATCH_* */
	uint16		unused;			/* 0 */
	uint32		npages;
	uint64		unit_id;
	uint64		first_row;
	uint64		run_end;		/* OLD: one past the last row of the run */
	uint32		span;
	uint32		nrows;
	BlockNumber start;
	uint32		raw_kb;
	uint32		body_len;
	uint32		unused2;		/* 0 */
	uint8		id_key[16];		/* of the ids made here, for decoding */
} xl_es_batch;

#define SizeOfEsBatch		sizeof(xl_es_batch)

StaticAssertDecl(sizeof(xl_es_batch) == 72, "xl_es_batch is in WAL");

/*
 * SPEC: a speculative insertion was confirmed, or super-deleted.
 *
 * Block 0: the tail page
 */
#define ES_SPEC_CONFIRM			0x01	/* else: abort */

typedef struct xl_es_spec
{
	uint8		version;
	uint8		flags;			/* ES_SPEC_* */
	uint16		offset;
} xl_es_spec;

#define SizeOfEsSpec		sizeof(xl_es_spec)

StaticAssertDecl(sizeof(xl_es_spec) == 4, "xl_es_spec is in WAL");

/*
 * FLUSH, REPLACE, TRUNC, META: all pages are full-page images; replay restores
 * them under locks held together.
 *
 * Block 0: the metapage; further blocks: directory pages
 */
typedef struct xl_es_images
{
	uint8		version;
	uint8		unused[3];		/* 0 */
	uint32		count;			/* FLUSH: units moved; REPLACE: units that went;
								 * TRUNC: the new alloc_end */
} xl_es_images;

#define SizeOfEsImages		sizeof(xl_es_images)

StaticAssertDecl(sizeof(xl_es_images) == 8, "xl_es_images is in WAL");

/*
 * SETTLE: rows of a tail page were frozen or marked aborted; or a load batch was
 * frozen (ES_SETTLE_BATCH, without offsets).
 *
 * Block 0: the tail page, or the first page of the batch
 * Main data: this struct, then nfrozen and naborted offsets (uint16)
 *
 * conflict_xid: newest xmin among the frozen rows.  A standby's snapshot that
 * does not see it yet must not meet the frozen row.
 */
#define ES_SETTLE_PAGE			0x01	/* the page is settled now */
#define ES_SETTLE_BATCH			0x02	/* the rows of the batch are frozen */

typedef struct xl_es_settle
{
	uint8		version;
	uint8		flags;			/* ES_SETTLE_* */
	uint16		nfrozen;
	uint16		naborted;
	uint16		unused;			/* 0 */
	TransactionId conflict_xid;
} xl_es_settle;

#define SizeOfEsSettle		sizeof(xl_es_settle)

StaticAssertDecl(sizeof(xl_es_settle) == 12, "xl_es_settle is in WAL");

#endif							/* ES_WALREC_H */
