/*-------------------------------------------------------------------------
 *
 * es_store.h
 *	  What the floors above may ask of the storage.
 *
 * Rows go in with numbers (EsNewRow), and come out by number: one after the
 * other (EsReader) or one alone (EsFetch).  Nothing here knows of slots,
 * executors or columns, except where values that the storage makes are written
 * into a tuple at an offset that the caller gives.
 *
 * Locks: a function takes and releases buffer locks itself and returns with
 * none, and with no pin.  The caller holds a lock on the relation that the
 * function names.  Every function may ereport(ERROR), ERRCODE_DATA_CORRUPTED for
 * damaged pages included, and then nothing has changed.
 *
 * IDENTIFICATION
 *	  src/store/es_store.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_STORE_H
#define ES_STORE_H

#include "postgres.h"

#include "access/htup_details.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "base/es_compat.h"
#include "base/es_siphash.h"
#include "format/es_page.h"
#include "store/es_store_batch.h"

/* ----------------------------------------------------------------
 * The relation cache
 * ----------------------------------------------------------------
 */

#define ES_CACHED_UNITS			64
#define ES_UPPER_CACHE_BYTES	128

/*
 * Kept in rd_amcache, so gone with every relcache invalidation: any function
 * that may take a lock or open a relation may free it.  Only ever a cache.
 */
typedef struct EsRelationCache
{
	BlockNumber file_blocks;	/* the file has as many, or more */
	bool		have_meta;		/* the fields below hold */
	bool		upper_valid;	/* so does "upper" */
	BlockNumber current_block;	/* where rows are added, as last seen */
	EsOpenRun	open;			/* the run that ends with it */
	uint64		gen;			/* META.gen when units were cached */
	uint8		id_key[ES_SIPHASH_KEY_BYTES];
	char		upper[ES_UPPER_CACHE_BYTES];	/* belongs to the floor above */
	EsUnit		units[ES_CACHED_UNITS]; /* span 0: free */
} EsRelationCache;

/* The cache of a relation, made at need.  Valid until the next lock. */
extern EsRelationCache *es_store_cache(Relation rel);

/* Forget it, after the file was truncated in place. */
extern void es_store_forget(Relation rel);

/* ----------------------------------------------------------------
 * Bounds and sizes
 * ----------------------------------------------------------------
 */

/*
 * The next row number: rows that are visible to a snapshot taken before the
 * call are below it.  Also makes cached units valid for such a snapshot, so it
 * is called at the begin of every scan, once the snapshot exists.
 */
extern uint64 es_store_end_row(Relation rel);

/*
 * Only make cached units valid: for what fetches single rows, of whose numbers it
 * knows that they exist.
 */
extern void es_store_refresh(Relation rel);

typedef struct EsSizes
{
	uint64		rows;			/* stored and not known to be aborted */
	BlockNumber blocks;			/* in units, open run included */
} EsSizes;

/* Exact but for rows of aborted transactions that VACUUM has not seen. */
extern void es_store_sizes(Relation rel, EsSizes *sizes);

/* Has any row number ever been drawn?  For DDL: the caller excludes writers. */
extern bool es_store_has_rows(Relation rel);

/* ----------------------------------------------------------------
 * Rows in
 * ----------------------------------------------------------------
 */

/*
 * One row to add.  The tuple's header is complete but for t_ctid.  The caller
 * owns it; the storage writes the values it makes into it.
 */
typedef struct EsNewRow
{
	HeapTuple	tuple;
	uint32		position_at;	/* offset from t_data of the 8 bytes that get
								 * the row number; 0: none */
	uint32		event_id_at;	/* offset of the 16 bytes that get an id made
								 * here; 0: none */
	uint64		event_id_ms;	/* Unix milliseconds that the id shows */
	uint64		given_row;		/* number asked for; 0: the next one */
	uint64		row;			/* out: the number drawn */
} EsNewRow;

/* tuples above this are toasted before they are put in */
#define ES_TOAST_THRESHOLD		4096

/*
 * The tuple as it can be put in, with its header: large values are in the TOAST
 * table, none are another table's.  "tuple" itself if it can be put in as it is;
 * else a new one, and "tuple" is still the caller's to free.  Still larger than
 * ES_MAX_TAIL_TUPLE if no more of it can be moved out.  options: HEAP_INSERT_*, for
 * the values' rows.  The caller holds RowExclusiveLock and no buffer lock.
 */
extern HeapTuple es_store_toast(Relation rel, HeapTuple tuple, int options);

#define ES_PUT_LOGICAL		0x01	/* rows are to be decoded */
#define ES_PUT_MAY_JUMP		0x02	/* a given number may be above the next */
#define ES_PUT_RENUMBER		0x04	/* a given number below the next is not an
									 * error: the row gets the next one */

/*
 * Add rows, in order.  The caller holds RowExclusiveLock, has an XID, has
 * toasted what is larger than ES_MAX_TAIL_TUPLE.  strategy: which buffers new
 * pages use, NULL for any; many rows want a ring, as in a heap, or they push out
 * what others read.
 *
 * Errors: 54000 a row too large or no number left; 23505 a given number below
 * the next one; 42501 one above it without ES_PUT_MAY_JUMP.  An error leaves rows
 * added so far as rows of a transaction that aborts.
 */
extern void es_store_put_rows(Relation rel, EsNewRow *rows, int nrows,
							  int flags, BufferAccessStrategy strategy);

/*
 * Add rows, in order, as a batch, or as few as are needed: as es_store_put_rows,
 * but false if they are better put in one by one; then nothing was done.  The
 * same errors.
 */
typedef struct EsLoadOptions
{
	AttrNumber	position;		/* columns with a meaning; 0: none */
	AttrNumber	entity_id;		/* of a table with streams */
	AttrNumber	event_id;
	AttrNumber	recorded_at;
	CommandId	cid;
	bool		frozen;			/* visible to all at once (COPY FREEZE) */
} EsLoadOptions;

/* fewer bytes of tuples than this go to the tail */
#define ES_LOAD_MIN_BYTES	16384

extern bool es_store_load_rows(Relation rel, EsNewRow *rows, int nrows,
							   int flags, const EsLoadOptions *options,
							   BufferAccessStrategy strategy);

/*
 * Add one row speculatively: as es_store_put_rows, but others see it as
 * "token" until es_store_finish_speculative confirms or withdraws it.
 */
extern void es_store_put_speculative(Relation rel, EsNewRow *row, int flags,
									 uint32 token);
extern void es_store_finish_speculative(Relation rel, uint64 row, bool confirm);

/*
 * The id for a row, as written by es_store_put_rows: UUID version 7.
 */
extern void es_store_make_id(const uint8 key[ES_SIPHASH_KEY_BYTES],
							 uint64 row, uint64 ms, uint8 id[16]);

/*
 * The name that users know a table by: of one that is being rewritten, not its
 * transient copy's.  Looks into the catalogs, so no page may be locked.
 */
extern const char *es_store_table_name(Relation rel);

/* The table's key for ids; false: no row was ever stored, hence no id. */
extern bool es_store_id_key(Relation rel, uint8 key[ES_SIPHASH_KEY_BYTES]);

/*
 * Copy all rows that are not aborted, with their numbers and transaction data,
 * into an empty table that nobody else sees (VACUUM FULL, CLUSTER).  Caller
 * holds AccessExclusiveLock on both.  Rows older than freeze_limit are frozen.
 */
typedef struct EsCopyCounts
{
	double		rows;
	double		aborted;
} EsCopyCounts;

extern void es_store_copy(Relation from, Relation to,
						  TransactionId oldest_xmin,
						  TransactionId freeze_limit, EsCopyCounts *counts);

/*
 * Let numbers in a copy of a table, which nobody else sees, go on where the
 * table's do.
 */
extern void es_store_keep_next_row(Relation to, uint64 next_row);

/* ----------------------------------------------------------------
 * Rows out
 * ----------------------------------------------------------------
 */

struct EsUnitRef
{
	EsUnit		unit;			/* of an open run: as far as it was seen */
	bool		open;
	uint64		gen;			/* META.gen when it was looked up */
};

typedef enum EsJudge
{
	ES_JUDGE_SNAPSHOT,			/* offer the rows that the snapshot sees */
	ES_JUDGE_VACUUM				/* offer all, with their HTSV_Result */
} EsJudge;

/*
 * A walk over rows by number, one piece of the table after the other: a tail
 * page, which is copied out, or a batch.  No lock or pin is held between calls.
 * What a row's values point to is valid until the next call.
 *
 * Lies in palloc'd, zeroed memory of the caller; 17 kB.  Ended by es_reader_end.
 */
typedef struct EsReader
{
	Relation	rel;
	EsJudge		judge;
	Snapshot	snapshot;		/* ES_JUDGE_SNAPSHOT */
	TransactionId oldest_xmin;	/* ES_JUDGE_VACUUM */
	BufferAccessStrategy strategy;
	uint64		low;			/* no row below */
	uint64		high;			/* no row from here on */

	uint64		position;		/* forward: next to look at; backward: one
								 * past the next to look at */
	bool		have_unit;
	EsUnitRef	at;				/* the unit of the piece */
	bool		have_page;		/* there is a piece */
	bool		in_batch;		/* it is "batch", not a tail page */
	uint64		page_first;		/* its first row */
	int			page_nrows;		/* numbers that it covers */
	int			noffered;
	int			next_offered;	/* forward only */

	/* a tail page */
	BlockNumber block;
	uint32		index;			/* in the unit */
	uint16		offered[ES_MAX_TAIL_ROWS];	/* offsets, ascending */
	uint8		verdict[ES_MAX_TAIL_ROWS];	/* HTSV_Result; by offered */

	/* a batch: kept when the walk leaves it, since it may come back */
	EsBatch    *batch;
	uint32		first_index;	/* offered are this one and those after it */
	uint32	   *picked;			/* ... unless these are */
	HTSV_Result batch_verdict;	/* of all its rows */

	/* the row that was returned last */
	uint64		row;
	uint32		batch_index;	/* in_batch */
	HeapTuple	formed;			/* in_batch: it as a tuple; NULL: not yet */
	HeapTupleData tuple;		/* else */
	PGAlignedBlock copy;
} EsReader;

/*
 * Begin a walk over [low, high); position it at its begin.  The caller keeps a
 * relation lock, AccessShareLock at least, and has called es_store_end_row since
 * the snapshot was taken; high is at most what that returned.
 */
extern void es_reader_begin(EsReader *reader, Relation rel, EsJudge judge,
							Snapshot snapshot, BufferAccessStrategy strategy,
							uint64 low, uint64 high);

/* Go to a position in [low, high]: forward begins with that row. */
extern void es_reader_seek(EsReader *reader, uint64 position);

/*
 * Go to the next row offered, in either direction; false: there is none.
 * *verdict (may be NULL): its HTSV_Result.
 */
extern bool es_reader_step(EsReader *reader, bool forward,
						   HTSV_Result *verdict);

/* The row that was gone to, as a tuple with t_self and t_tableOid. */
extern HeapTuple es_reader_tuple(EsReader *reader);

/* Both in one; NULL: there is none. */
static inline HeapTuple
es_reader_next(EsReader *reader, bool forward, HTSV_Result *verdict)
{
	return es_reader_step(reader, forward, verdict) ?
		es_reader_tuple(reader) : NULL;
}

/* Its transaction, 64 bits; 0: frozen.  And as xmin shows it. */
extern uint64 es_reader_xid(EsReader *reader);
extern TransactionId es_reader_xmin(EsReader *reader);

/*
 * Is there a row on the page, or in the batch, at hand whose transaction is not
 * decided yet?  For ES_JUDGE_VACUUM.
 */
extern bool es_reader_page_is_open(const EsReader *reader);

extern void es_reader_end(EsReader *reader);

/*
 * What the sampled block "block" holds: makes the rows of a live tail page, or a
 * page's share of its batch, the reader's bounds.  false: the block holds no rows.
 */
extern bool es_reader_aim_at_block(EsReader *reader, BlockNumber block);

/*
 * Reads single rows by number; remembers where it was.
 */
typedef struct EsFetch
{
	Relation	rel;
	MemoryContext context;		/* of what is remembered */
	bool		have_unit;
	EsUnitRef	at;
	BlockNumber block;			/* page used last; InvalidBlockNumber */
	uint32		index;
	uint64		page_first;		/* rows of the page or batch used last */
	int			page_nrows;
	EsBatch    *batch;			/* used last; NULL: none */
} EsFetch;

/* What is remembered is in the current memory context. */
extern void es_fetch_begin(EsFetch *fetch, Relation rel);
extern void es_fetch_end(EsFetch *fetch);

/*
 * Fetch row "row" as the snapshot sees it.  Returns a palloc'd copy, or NULL if
 * there is no such row or it is not visible; then *dead (may be NULL) tells whether
 * that is so for everybody, for ever.  Dirty snapshots are filled in.
 *
 * May be called under an index page's lock: takes one buffer content lock of the
 * table at a time, and no other lock.
 */
extern HeapTuple es_fetch_row(EsFetch *fetch, uint64 row, Snapshot snapshot,
							  bool *dead);

/*
 * The same, but a row of a batch is not copied: the result is NULL then, and
 * *index its index in fetch->batch, which ES_NOT_IN_BATCH is not.
 */
#define ES_NOT_IN_BATCH		PG_UINT32_MAX

extern HeapTuple es_fetch_row_lazily(EsFetch *fetch, uint64 row,
									 Snapshot snapshot, bool *dead,
									 uint32 *index);

/*
 * The state of row "row" for a locker (HeapTupleSatisfiesUpdate with cid): a
 * copy in *tuple, NULL if there is no such row.
 */
extern TM_Result es_fetch_for_lock(EsFetch *fetch, uint64 row, CommandId cid,
								   HeapTuple *tuple);

/* Is the row absent or aborted, so that no snapshot will ever see it? */
extern bool es_fetch_is_dead(EsFetch *fetch, uint64 row);

/* ----------------------------------------------------------------
 * Maintenance
 * ----------------------------------------------------------------
 */

typedef struct EsVacuumResult
{
	uint64		live_rows;
	uint64		recent_rows;	/* of transactions not decided yet */
	uint64		aborted_rows;
	uint64		frozen_rows;	/* frozen by this run */
	uint32		dropped_units;	/* units of aborted rows only */
	BlockNumber blocks;			/* in units afterwards */
	BlockNumber truncated;		/* blocks given back */
	TransactionId oldest_xid;	/* oldest unfrozen one left; Invalid: none */
} EsVacuumResult;

/*
 * Freeze rows older than freeze_limit and mark aborted ones, in all pages that
 * are not settled; drop units of aborted rows only; give free blocks at the end of
 * the file back if "truncate" and nobody is in the way.  The caller holds
 * ShareUpdateExclusiveLock.
 */
extern void es_store_vacuum(Relation rel, TransactionId oldest_xmin,
							TransactionId freeze_limit, bool truncate,
							BufferAccessStrategy strategy,
							EsVacuumResult *result);

/*
 * Compaction (compact/), in this order.  The caller holds
 * ShareUpdateExclusiveLock throughout.
 *
 * Begin: what an earlier one left unfinished is given back; all closed units go to
 * the tree; close_run: so does the open run.
 */
extern void es_store_begin_compaction(Relation rel, bool close_run);

/*
 * The unit that holds row "row", or the first one behind it; the open run is the
 * last.  false: there is none.  What it says is only as good as the cache: see
 * es_store_refresh.
 */
extern bool es_store_next_unit(Relation rel, uint64 row, EsUnitRef *ref);

/* What there is to compact, as the metapage has it. */
typedef struct EsTailSize
{
	BlockNumber closed_blocks;	/* of closed units but settled batches */
	BlockNumber open_blocks;	/* of the open run */
	uint32		recent_units;	/* not in the tree yet */
	uint64		recent_rows;	/* of those, settled batches left out */
} EsTailSize;

extern void es_store_tail_size(Relation rel, EsTailSize *size);

/*
 * The units of a leaf of the tree, which are replaced together: see
 * es_directory_leaf.
 */
extern bool es_store_leaf_units(Relation rel, uint64 row, EsUnit *units,
								uint32 *nunits, uint64 *next_row);

/*
 * Take room for batches: npages is given, start and unit_id are set.  At most
 * ES_META_PENDING_EXTENTS.
 */
extern void es_store_reserve(Relation rel, EsUnit *units, uint32 nunits);

/* Write and log a batch's pages. */
extern void es_store_write_batch(Relation rel, const EsUnit *unit,
								 const char *body, uint64 body_len,
								 BufferAccessStrategy strategy);

/*
 * Publish: replace consecutive units of one leaf by others, of which the batches
 * are those that room was taken for.  Rows that are in none of them are aborted.
 * *split: the leaf was split, so units that were read from it have to be read
 * again.  false: that is not possible, and the room was given back.
 */
extern bool es_store_replace(Relation rel, const EsUnit *old, uint32 nold,
							 const EsUnit *new, uint32 nnew, bool *split);

/*
 * Free blocks, and the least number of blocks that the table could do with.
 */
typedef struct EsSpace
{
	BlockNumber free_blocks;	/* below "end", and the reserve */
	BlockNumber end;			/* blocks from here on are free */
} EsSpace;

extern void es_store_space(Relation rel, EsSpace *space);

/*
 * Is there free room for so many blocks, all of it before this one?
 */
extern bool es_store_has_room_before(Relation rel, uint32 npages,
									 BlockNumber block);

/*
 * Move pages of the directory that lie at or behind a block to free ones before
 * them.
 */
extern void es_store_move_directory(Relation rel, BlockNumber block);

/*
 * Copy a settled batch as it is into room that was taken for "to", which becomes
 * what "from" is there.  false: it is gone.
 */
extern bool es_store_copy_batch(Relation rel, const EsUnit *from, EsUnit *to,
								BufferAccessStrategy strategy);

/* Give back what is left of a compaction that did not finish. */
extern void es_store_drop_pending(Relation rel);

/*
 * Check every invariant of a table; call report for each broken one (row, block
 * 0 or InvalidBlockNumber when it is about neither).  The caller holds
 * ShareUpdateExclusiveLock.
 */
typedef void (*EsVerifyReport) (void *arg, BlockNumber block, uint64 row,
								const char *rule, const char *problem);

extern void es_store_verify(Relation rel, EsVerifyReport report, void *arg);

/* ----------------------------------------------------------------
 * WAL
 * ----------------------------------------------------------------
 */
extern void es_store_redo(XLogReaderState *record);
extern void es_store_mask(char *page, BlockNumber block);
extern void es_store_desc(StringInfo buf, XLogReaderState *record);
extern const char *es_store_identify(uint8 info);

#endif							/* ES_STORE_H */
