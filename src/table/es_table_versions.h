/*-------------------------------------------------------------------------
 *
 * es_table_versions.h
 *	  Callbacks of the table access method that not every version of
 *	  PostgreSQL declares alike, and those that make and rewrite tables.
 *
 * Included by es_table_internal.h only.
 *
 * IDENTIFICATION
 *	  src/table/es_table_versions.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_TABLE_VERSIONS_H
#define ES_TABLE_VERSIONS_H

#include "postgres.h"

#include "access/relscan.h"
#include "access/tableam.h"
#include "commands/vacuum.h"
#include "nodes/tidbitmap.h"

#include "base/es_compat.h"

/* --- es_table_bitmap.c --- */
#if ES_HAS_BITMAP_NEXT_BLOCK
extern bool es_table_scan_bitmap_next_block(TableScanDesc scan,
											TBMIterateResult *tbmres);
extern bool es_table_scan_bitmap_next_tuple(TableScanDesc scan,
											TBMIterateResult *tbmres,
											TupleTableSlot *slot);
#else
extern bool es_table_scan_bitmap_next_tuple(TableScanDesc scan,
											TupleTableSlot *slot,
											bool *recheck,
											uint64 *lossy_pages,
											uint64 *exact_pages);
#endif

/* --- es_table_analyze.c --- */
#if ES_HAS_READ_STREAM_ANALYZE
extern bool es_table_scan_analyze_next_block(TableScanDesc scan,
											 ReadStream *stream);
#else
extern bool es_table_scan_analyze_next_block(TableScanDesc scan,
											 BlockNumber block,
											 BufferAccessStrategy strategy);
#endif
extern bool es_table_scan_analyze_next_tuple(TableScanDesc scan,
											 TransactionId oldest_xmin,
											 double *liverows,
											 double *deadrows,
											 TupleTableSlot *slot);

/* --- es_table_ddl.c --- */
extern void es_table_relation_set_new_filelocator(Relation rel,
												  const EsFileLocator *locator,
												  char persistence,
												  TransactionId *freeze_xid,
												  MultiXactId *min_multi);
extern void es_table_relation_nontransactional_truncate(Relation rel);
extern void es_table_relation_copy_data(Relation rel,
										const EsFileLocator *locator);
extern void es_table_relation_copy_for_cluster(Relation from, Relation to,
											   Relation index, bool use_sort,
											   TransactionId oldest_xmin,
											   TransactionId *xid_cutoff,
											   MultiXactId *multi_cutoff,
											   double *num_tuples,
											   double *tups_vacuumed,
											   double *tups_recently_dead);

/* --- es_table_vacuum.c --- */
extern void es_table_relation_vacuum(Relation rel, VacuumParams *params,
									 BufferAccessStrategy strategy);

#endif							/* ES_TABLE_VERSIONS_H */
