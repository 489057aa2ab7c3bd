/*-------------------------------------------------------------------------
 *
 * es_stoppoint.h
 *	  Named points at which a test can crash, fail or stop a backend.
 *
 * In a normal build the macro is empty.  With EVENTSTORE_TESTING the setting
 * eventstore.stop_point = 'NAME=ACTION' arms one point for the session; ACTION:
 *
 *	  crash		SIGKILL to the own process, so that the server restarts
 *	  error		an ERROR; never at a point in a critical section
 *	  pause		wait for and release advisory lock ES_STOP_LOCK in share mode;
 *				passed by where a buffer is locked, as the page of an index
 *				is while uniqueness is checked
 *	  hang		wait until the session is cancelled or ended; as "pause", but
 *				nobody else has to be in the database
 *
 * Points named *-before-wal and *-after-wal lie in critical sections, around
 * the insertion of the record: only "crash" is allowed there.
 *
 * IDENTIFICATION
 *	  src/base/es_stoppoint.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_STOPPOINT_H
#define ES_STOPPOINT_H

#ifdef EVENTSTORE_TESTING

/* key of the advisory lock that "pause" waits for */
#define ES_STOP_LOCK	6543210

extern char *es_stop_point;

extern void es_stoppoint_define(void);
extern void es_stoppoint_reach(const char *name);

#define ES_STOP_POINT(name) \
	do { \
		if (es_stop_point != NULL && es_stop_point[0] != '\0') \
			es_stoppoint_reach(name); \
	} while (0)
#else
#define ES_STOP_POINT(name) ((void) 0)
#endif

#endif							/* ES_STOPPOINT_H */
