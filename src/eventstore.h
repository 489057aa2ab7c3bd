/*-------------------------------------------------------------------------
 *
 * eventstore.h
 *	  What the whole extension goes by.
 *
 * IDENTIFICATION
 *	  src/eventstore.h
 *-------------------------------------------------------------------------
 */
#ifndef EVENTSTORE_H
#define EVENTSTORE_H

#define ES_VERSION "0.1.0"

/*
 * Number of the WAL resource manager.  128 is PostgreSQL's number for
 * experiments (RM_EXPERIMENTAL_ID): before a release one must be reserved at
 * https://wiki.postgresql.org/wiki/CustomWALResourceManagers, and from then on it
 * never changes, since WAL that names it may be kept for years.
 */
#define ES_RMGR_ID		128
#define ES_RMGR_NAME	"eventstore"

#endif							/* EVENTSTORE_H */
