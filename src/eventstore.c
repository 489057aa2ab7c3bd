/*-------------------------------------------------------------------------
 *
 * eventstore.c
 *	  What happens when the server loads the library.
 *
 * IDENTIFICATION
 *	  src/eventstore.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog_internal.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "base/es_compat.h"
#include "base/es_config.h"
#include "base/es_progress.h"
#include "compact/es_compact.h"
#include "decode/es_decode.h"
#include "eventstore.h"
#include "store/es_store.h"
#include "table/es_table.h"
#include "worker/es_worker.h"

ES_MODULE_MAGIC("eventstore", ES_VERSION);

void		_PG_init(void);

static RmgrData resource_manager = {
	.rm_name = ES_RMGR_NAME,
	.rm_redo = es_store_redo,
	.rm_desc = es_store_desc,
	.rm_identify = es_store_identify,
	.rm_mask = es_store_mask,
	.rm_decode = es_decode
};

/*
 * The server can learn of a resource manager only while it starts, and must know
 * it before it replays the first record.
 */
void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("eventstore must be loaded when the server starts"),
				 errhint("Put \"shared_preload_libraries = 'eventstore'\" into postgresql.conf, beside other libraries if there are any, and restart the server.")));

#ifdef EVENTSTORE_TESTING
	es_compact_install_always();
#endif
	es_config_define();
	es_progress_install();
	RegisterCustomRmgr(ES_RMGR_ID, &resource_manager);
	es_table_install_hooks();
	es_worker_install();
}
