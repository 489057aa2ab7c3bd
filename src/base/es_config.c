/*-------------------------------------------------------------------------
 *
 * es_config.c
 *	  The settings of the extension: variable, default, range and text.
 *
 * IDENTIFICATION
 *	  src/base/es_config.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "base/es_config.h"
#include "base/es_stoppoint.h"

int			es_run_pages = 128;
int			es_batch_rows = 10000;
int			es_batch_size = 16 * 1024;
bool		es_skip_damaged_batches = false;
int			es_max_workers = 2;
bool		es_worker = true;
int			es_worker_naptime = 10000;
double		es_compaction_cost_delay = 2;
int			es_compaction_cost_limit = -1;

void
es_config_define(void)
{
	DefineCustomIntVariable("eventstore.run_pages",
							"Longest run of consecutive tail pages.",
							"A developer's setting: small values make large "
							"directories with little data.",
							&es_run_pages,
							128, 1, 128,
							PGC_SUSET, GUC_NOT_IN_SAMPLE | GUC_UNIT_BLOCKS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("eventstore.batch_rows",
							"Most rows of a batch.",
							NULL,
							&es_batch_rows,
							10000, 100, 65536,
							PGC_SUSET, 0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("eventstore.batch_size",
							"Most bytes of values of a batch, before they are "
							"compressed.",
							"A batch ends with the row that reaches it.",
							&es_batch_size,
							16 * 1024, 1024, 1024 * 1024,
							PGC_SUSET, GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("eventstore.max_workers",
							"Most background workers at a time.",
							"Each looks after the event tables of one database. "
							"0: nothing runs in the background.",
							&es_max_workers,
							2, 0, 64,
							PGC_POSTMASTER, 0,
							NULL, NULL, NULL);

	DefineCustomBoolVariable("eventstore.worker",
							 "Whether background workers run.",
							 NULL,
							 &es_worker,
							 true,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("eventstore.worker_naptime",
							"Time until a worker visits a database that was "
							"written to.",
							"One to which nothing was written is visited after "
							"30 times as long.",
							&es_worker_naptime,
							10000, 1, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomRealVariable("eventstore.compaction_cost_delay",
							 "Cost delay of background compaction.",
							 "-1: that of vacuum_cost_delay.",
							 &es_compaction_cost_delay,
							 2, -1, 100,
							 PGC_SIGHUP, GUC_UNIT_MS,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("eventstore.compaction_cost_limit",
							"Cost of background compaction before it naps.",
							"-1: that of vacuum_cost_limit.",
							&es_compaction_cost_limit,
							-1, -1, 10000,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);

	DefineCustomBoolVariable("eventstore.skip_damaged_batches",
							 "Skips damaged batches with a warning.",
							 "So that the rest of a table can be saved: every "
							 "batch that a scan meets is checked, and its rows "
							 "are missing if it is damaged.",
							 &es_skip_damaged_batches,
							 false,
							 PGC_SUSET, GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);

#ifdef EVENTSTORE_TESTING
	es_stoppoint_define();
#endif

	MarkGUCPrefixReserved("eventstore");
}
