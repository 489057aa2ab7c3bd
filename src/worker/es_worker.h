/*-------------------------------------------------------------------------
 *
 * es_worker.h
 *	  Background work, as the roof sees it.
 *
 * IDENTIFICATION
 *	  src/worker/es_worker.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_WORKER_H
#define ES_WORKER_H

/*
 * Register the launcher, ask for shared memory and install the hook, unless the
 * settings or pg_upgrade say that nothing runs in the background.  Called once,
 * from _PG_init, after the settings are defined.
 */
extern void es_worker_install(void);

#endif							/* ES_WORKER_H */
