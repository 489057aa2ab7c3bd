/*-------------------------------------------------------------------------
 *
 * es_corrupt.h
 *	  The one shape of a corruption error.
 *
 * IDENTIFICATION
 *	  src/base/es_corrupt.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_CORRUPT_H
#define ES_CORRUPT_H

#include "postgres.h"

#include "storage/block.h"
#include "utils/rel.h"

#include "base/es_compat.h"

/*
 * Report that a block of a table is damaged: ERRCODE_DATA_CORRUPTED, naming
 * relation and block; "problem" is what is wrong, without a period.  Releases
 * nothing: locks and pins go with the error.
 */
extern void es_report_corruption(Relation rel, BlockNumber block,
								 const char *problem,...)
			ES_NORETURN pg_attribute_printf(3, 4);

#endif							/* ES_CORRUPT_H */
