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

/*
 * Define all settings.  Called once, from _PG_init.
 */
extern void es_config_define(void);

#endif							/* ES_CONFIG_H */
