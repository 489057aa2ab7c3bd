/*-------------------------------------------------------------------------
 *
 * es_table_refuse.h
 *	  What definitions of event tables are refused, and how roles are found.
 *
 * IDENTIFICATION
 *	  src/table/es_table_refuse.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_TABLE_REFUSE_H
#define ES_TABLE_REFUSE_H

#include "postgres.h"

#include "access/attnum.h"
#include "catalog/pg_attribute.h"

#include "table/es_table.h"

/* --- es_table_role.c --- */

/*
 * Find roles column by column: begin with zeroes, note every column, finish.
 * Dropped columns may be among them.
 */
extern void es_table_note_role(EsRoles *roles, Form_pg_attribute att);
extern void es_table_finish_roles(EsRoles *roles);

/* --- es_table_refuse.c --- */

typedef enum EsColumnChange
{
	ES_COLUMN_ADD,
	ES_COLUMN_ALTER,			/* another name or type, or neither */
	ES_COLUMN_DROP
} EsColumnChange;

/*
 * Error if the definition of an event table has something that an event table
 * cannot have.  For hooks: sees what the running command has changed.  Does
 * nothing if the relation is no event table, and nobody is about to make it one.
 */
extern void es_table_check_definition(Oid relid);

/*
 * Error if a column's change gives or takes a role in an event table that has
 * rows.  Called when a column has been added or altered, and the command counter has
 * not moved since, or when it is about to be dropped; the caller holds
 * AccessExclusiveLock if there is such a change.
 */
extern void es_table_check_column_change(Oid relid, AttrNumber attnum,
										 EsColumnChange change);

#endif							/* ES_TABLE_REFUSE_H */
