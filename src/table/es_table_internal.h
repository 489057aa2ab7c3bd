/*-------------------------------------------------------------------------
 *
 * es_table_internal.h
 *	  The callbacks of the table access method, by file.
 *
 * IDENTIFICATION
 *	  src/table/es_table_internal.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_TABLE_INTERNAL_H
#define ES_TABLE_INTERNAL_H

#include "postgres.h"

#include "access/relscan.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"

#include "base/es_compat.h"
#include "store/es_store.h"
#include "table/es_table.h"

/* --- es_table_handler.c --- */
extern const TableAmRoutine *es_table_routine(void);

/*
 * Number of TID blocks (256 rows each) that the rows of a table span, at least
 * 1 unless it is empty.
 */
extern BlockNumber es_table_tid_blocks(Relation rel);

/* --- es_table_modify.c --- */
extern void es_table_tuple_insert(Relation rel, TupleTableSlot *slot,
								  CommandId cid, int options,
								  BulkInsertState bistate);
extern void es_table_tuple_insert_speculative(Relation rel,
											  TupleTableSlot *slot,
											  CommandId cid, int options,
											  BulkInsertState bistate,
											  uint32 token);
extern void es_table_tuple_complete_speculative(Relation rel,
												TupleTableSlot *slot,
												uint32 token, bool succeeded);
extern void es_table_multi_insert(Relation rel, TupleTableSlot **slots,
								  int nslots, CommandId cid, int options,
								  BulkInsertState bistate);
extern TM_Result es_table_tuple_delete(Relation rel, ItemPointer tid,
									   CommandId cid, Snapshot snapshot,
									   Snapshot crosscheck, bool wait,
									   TM_FailureData *tmfd,
									   bool changing_part);
extern TM_Result es_table_tuple_update(Relation rel, ItemPointer otid,
									   TupleTableSlot *slot, CommandId cid,
									   Snapshot snapshot, Snapshot crosscheck,
									   bool wait, TM_FailureData *tmfd,
									   LockTupleMode *lockmode,
									   ES_UPDATE_INDEXES *update_indexes);
extern void es_table_finish_bulk_insert(Relation rel, int options);

/*
 * The error of a refused operation ("UPDATE", "DELETE", ...) on an event table.
 */
extern void es_table_refuse_change(Relation rel, const char *operation)
			ES_NORETURN;

/* --- es_table_lock.c --- */
extern TM_Result es_table_tuple_lock(Relation rel, ItemPointer tid,
									 Snapshot snapshot, TupleTableSlot *slot,
									 CommandId cid, LockTupleMode mode,
									 LockWaitPolicy wait_policy, uint8 flags,
									 TM_FailureData *tmfd);

/* --- es_table_scan.c --- */
extern TableScanDesc es_table_scan_begin(Relation rel, Snapshot snapshot,
										 int nkeys, ScanKeyData *key,
										 ParallelTableScanDesc pscan,
										 uint32 flags);
extern void es_table_scan_end(TableScanDesc scan);
extern void es_table_scan_rescan(TableScanDesc scan, ScanKeyData *key,
								 bool set_params, bool allow_strat,
								 bool allow_sync, bool allow_pagemode);
extern bool es_table_scan_getnextslot(TableScanDesc scan,
									  ScanDirection direction,
									  TupleTableSlot *slot);
extern void es_table_scan_set_tidrange(TableScanDesc scan, ItemPointer mintid,
									   ItemPointer maxtid);
extern bool es_table_scan_getnextslot_tidrange(TableScanDesc scan,
											   ScanDirection direction,
											   TupleTableSlot *slot);
extern Size es_table_parallelscan_estimate(Relation rel);
extern Size es_table_parallelscan_initialize(Relation rel,
											 ParallelTableScanDesc pscan);
extern void es_table_parallelscan_reinitialize(Relation rel,
											   ParallelTableScanDesc pscan);
extern bool es_table_scan_sample_next_block(TableScanDesc scan,
											SampleScanState *state);
extern bool es_table_scan_sample_next_tuple(TableScanDesc scan,
											SampleScanState *state,
											TupleTableSlot *slot);

/* --- es_table_index.c --- */
extern IndexFetchTableData *es_table_index_fetch_begin(Relation rel);
extern void es_table_index_fetch_reset(IndexFetchTableData *data);
extern void es_table_index_fetch_end(IndexFetchTableData *data);
extern bool es_table_index_fetch_tuple(IndexFetchTableData *data,
									   ItemPointer tid, Snapshot snapshot,
									   TupleTableSlot *slot, bool *call_again,
									   bool *all_dead);
extern bool es_table_tuple_fetch_row_version(Relation rel, ItemPointer tid,
											 Snapshot snapshot,
											 TupleTableSlot *slot);
extern bool es_table_tuple_tid_valid(TableScanDesc scan, ItemPointer tid);
extern void es_table_tuple_get_latest_tid(TableScanDesc scan, ItemPointer tid);
extern bool es_table_tuple_satisfies_snapshot(Relation rel,
											  TupleTableSlot *slot,
											  Snapshot snapshot);
extern TransactionId es_table_index_delete_tuples(Relation rel,
												  TM_IndexDeleteOp *op);

/* --- es_table_build.c --- */
extern double es_table_index_build_range_scan(Relation rel, Relation index,
											  IndexInfo *info,
											  bool allow_sync, bool anyvisible,
											  bool progress,
											  BlockNumber start_block,
											  BlockNumber nblocks,
											  IndexBuildCallback callback,
											  void *callback_state,
											  TableScanDesc scan);
extern void es_table_index_validate_scan(Relation rel, Relation index,
										 IndexInfo *info, Snapshot snapshot,
										 ValidateIndexState *state);

/* --- es_table_analyze.c, es_table_ddl.c: declared where versions differ --- */
#include "table/es_table_versions.h"

#endif							/* ES_TABLE_INTERNAL_H */
