/*-------------------------------------------------------------------------
 *
 * es_config.h
 *	  The settings of the extension.
 *
 * IDENTIFICATION
 *	  src/base/es_config.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_CONFIG_H
#define ES_CONFIG_H

/* longest run of tail pages, in blocks; at most ES_RUN_MAX_PAGES */
extern int	es_run_pages;

/* most rows of a batch, and most kilobytes of values */
extern int	es_batch_rows;
extern int	es_batch_size;

/* scans skip damaged batches, with a warning */
extern bool es_skip_damaged_batches;

/* workers at a time, of all databases; 0: there is no launcher either */
extern int	es_max_workers;

/* may workers run? */
extern bool es_worker;

/* milliseconds until a database that was written to is visited */
extern int	es_worker_naptime;

/* as vacuum_cost_delay and vacuum_cost_limit; -1: those */
extern double es_compaction_cost_delay;
extern int	es_compaction_cost_limit;

/*
 * Define all settings.  Called once, from _PG_init.
 */
extern void es_config_define(void);

#endif							/* ES_CONFIG_H */
