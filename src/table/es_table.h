/*-------------------------------------------------------------------------
 *
 * es_table.h
 *	  The table access method, as the floors above and the roof see it.
 *
 * IDENTIFICATION
 *	  src/table/es_table.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_TABLE_H
#define ES_TABLE_H

#include "postgres.h"

#include "utils/rel.h"

/* Does the relation's storage belong to us?  (A partitioned table has none.) */
extern bool es_table_is_ours(Relation rel);

/* Does a table access method have our handler?  By catalog. */
extern bool es_table_am_is_ours(Oid amoid);

/*
 * Columns with a meaning, by number; 0: the table has none such.  position,
 * version and event_id are 0 without entity_id.
 */
typedef struct EsRoles
{
	AttrNumber	entity_id;
	AttrNumber	version;
	AttrNumber	position;
	AttrNumber	event_id;
	AttrNumber	recorded_at;
} EsRoles;

/* Found by name and type; cached with the relation.  Returned by value. */
extern EsRoles es_table_roles(Relation rel);

/*
 * Records the row numbers that this backend draws in one table.
 */
typedef struct EsInsertWatch
{
	Oid			relid;
	uint64		nrows;
	uint64		first_row;		/* 0: none yet */
	uint64		last_row;
} EsInsertWatch;

/*
 * Start to record, or stop (NULL).  Returns the watch that was active before, which
 * the caller puts back, after an error too.
 */
extern EsInsertWatch *es_table_watch_inserts(EsInsertWatch *watch);

/*
 * Install the hooks that refuse what event tables do not do: at DDL time for
 * definitions, at the start of the executor for UPDATE and DELETE.  Called once, from
 * _PG_init.
 */
extern void es_table_install_hooks(void);

#endif							/* ES_TABLE_H */
