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

#include "utils/guc.h"

#include "base/es_config.h"
#include "base/es_stoppoint.h"

int			es_run_pages = 128;
int			es_batch_rows = 10000;
int			es_batch_size = 16 * 1024;

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

#ifdef EVENTSTORE_TESTING
	es_stoppoint_define();
#endif

	MarkGUCPrefixReserved("eventstore");
}
