/*-------------------------------------------------------------------------
 *
 * es_sql_table.h
 *	  The event table that a function is called for.
 *
 * IDENTIFICATION
 *	  src/sqlapi/es_sql_table.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_SQL_TABLE_H
#define ES_SQL_TABLE_H

#include "postgres.h"

#include "storage/lockdefs.h"
#include "utils/rel.h"

/*
 * Open an event table that its owner (from 17 on: whoever may MAINTAIN it) maintains.
 * That is looked at before any lock is waited for or held.  verb: what is to be
 * done, as in "cannot verify".  Errors: 42501, 42P01, 42809, 0A000.
 */
extern Relation es_sql_open_table(Oid relid, LOCKMODE lockmode,
								  const char *verb);

/*
 * Open an event table, AccessShareLock, all of whose rows the caller may read: SELECT
 * on it, and no row-level security that applies.  Errors: the same.
 */
extern Relation es_sql_open_readable_table(Oid relid);

#endif							/* ES_SQL_TABLE_H */
