/*-------------------------------------------------------------------------
 *
 * es_store_verify_internal.h
 *	  What the files of verify ask of each other.
 *
 * IDENTIFICATION
 *	  src/store/es_store_verify_internal.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_STORE_VERIFY_INTERNAL_H
#define ES_STORE_VERIFY_INTERNAL_H

#include "postgres.h"

#include "storage/bufmgr.h"

#include "store/es_store_internal.h"

typedef enum EsXidStatus
{
	XID_RUNNING,
	XID_COMMITTED,
	XID_ABORTED
} EsXidStatus;

typedef struct EsVerify
{
	Relation	rel;
	EsVerifyReport report;
	void	   *arg;
	BufferAccessStrategy strategy;

	/* one moment of the table */
	EsMetaData	meta;
	bool		have_current;	/* "current" holds the current page */
	PGAlignedBlock current;
	uint64		bound;			/* units from this row on are not in the tree */

	/* what was found so far */
	BlockNumber nblocks;		/* length of the file, as last seen */
	BlockNumber nused;			/* bits of "used": its length at the begin */
	uint8	   *used;			/* one bit a block */
	uint64		end_row;		/* where the unit seen last ends */
	uint64		rows;
	uint64		unit_blocks;
	uint64		loose_blocks;
	uint64		dir_blocks;
	BlockNumber last_leaf;
	BlockNumber last_inner;
	bool		incomplete;		/* part of the directory was not seen */

	/* for rows */
	TransactionId next_xid;
	TransactionId known_xid;	/* decided, with this status */
	EsXidStatus known_status;
	Datum	   *values;
	bool	   *isnull;

	PGAlignedBlock page;		/* the tail page at hand */
	PGAlignedBlock again;		/* to look at something once more */
	char		message[256];	/* of a problem */
} EsVerify;

/*
 * Report a problem.
 */
extern void es_verify_complain(EsVerify *v, BlockNumber block, uint64 row,
							   const char *rule, const char *problem,...)
			pg_attribute_printf(5, 6);

/* Copy a block.  false: it cannot be read, which was reported. */
extern bool es_verify_copy_block(EsVerify *v, BlockNumber block, Page copy);

/* The rows of a tail page that is sound otherwise. */
extern void es_verify_rows(EsVerify *v, Page page, BlockNumber block);

#endif							/* ES_STORE_VERIFY_INTERNAL_H */
