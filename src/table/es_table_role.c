/*-------------------------------------------------------------------------
 *
 * es_table_role.c
 *	  Which tables are ours, and which of their columns have a meaning.
 *
 * A role is a name and a type, and nothing about it is on disk: a table that
 * pg_dump writes out has the same roles when it is read in again.
 *
 * IDENTIFICATION
 *	  src/table/es_table_role.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "utils/syscache.h"

#include "table/es_table_internal.h"
#include "table/es_table_refuse.h"

StaticAssertDecl(sizeof(EsRoles) <= ES_UPPER_CACHE_BYTES,
				 "EsRoles must fit the relation cache");

/*
 * Does the relation's storage belong to us?
 */
bool
es_table_is_ours(Relation rel)
{
	return rel->rd_tableam != NULL && rel->rd_tableam == es_table_routine();
}

/*
 * The same by the access method's OID, when the relation cannot be opened or
 * does not have the access method yet.
 */
bool
es_table_am_is_ours(Oid amoid)
{
	HeapTuple	tuple;
	Form_pg_am	form;
	Oid			handler = InvalidOid;

	if (!OidIsValid(amoid) || amoid == HEAP_TABLE_AM_OID)
		return false;

	tuple = SearchSysCache1(AMOID, ObjectIdGetDatum(amoid));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_am) GETSTRUCT(tuple);
	if (form->amtype == AMTYPE_TABLE)
		handler = form->amhandler;
	ReleaseSysCache(tuple);

	return OidIsValid(handler) &&
		GetTableAmRoutine(handler) == es_table_routine();
}

/*
 * Take one column into account.  A generated column that is not stored has no
 * role: the storage has nothing to give it, or to find in it.
 */
void
es_table_note_role(EsRoles *roles, Form_pg_attribute att)
{
	const char *name = NameStr(att->attname);

	if (att->attisdropped || att->attnum <= 0)
		return;
	if (att->attgenerated != '\0' &&
		att->attgenerated != ATTRIBUTE_GENERATED_STORED)
		return;

	switch (att->atttypid)
	{
		case INT8OID:
			if (strcmp(name, "position") == 0)
				roles->position = att->attnum;
			else if (strcmp(name, "version") == 0)
				roles->version = att->attnum;
			else if (strcmp(name, "entity_id") == 0)
				roles->entity_id = att->attnum;
			break;
		case UUIDOID:
			if (strcmp(name, "event_id") == 0)
				roles->event_id = att->attnum;
			else if (strcmp(name, "entity_id") == 0)
				roles->entity_id = att->attnum;
			break;
		case TEXTOID:
		case VARCHAROID:
			if (strcmp(name, "entity_id") == 0)
				roles->entity_id = att->attnum;
			break;
		case TIMESTAMPTZOID:
			if (strcmp(name, "recorded_at") == 0)
				roles->recorded_at = att->attnum;
			break;
		default:
			break;
	}
}

/*
 * All columns were noted.  Without streams, a position, version or event_id
 * means what the table's maker says, not what the storage does.
 */
void
es_table_finish_roles(EsRoles *roles)
{
	if (roles->entity_id == 0)
	{
		roles->position = 0;
		roles->version = 0;
		roles->event_id = 0;
	}
}

static EsRoles
find_roles(TupleDesc desc)
{
	EsRoles		roles;

	memset(&roles, 0, sizeof(roles));
	for (int i = 0; i < desc->natts; i++)
		es_table_note_role(&roles, TupleDescAttr(desc, i));
	es_table_finish_roles(&roles);
	return roles;
}

/*
 * The roles of a relation's columns.  A partitioned table has roles too, though
 * nothing of it is stored, but no cache of ours.
 */
EsRoles
es_table_roles(Relation rel)
{
	EsRelationCache *cache;
	EsRoles		roles;

	if (!es_table_is_ours(rel))
		return find_roles(RelationGetDescr(rel));

	cache = es_store_cache(rel);
	if (!cache->upper_valid)
	{
		roles = find_roles(RelationGetDescr(rel));
		memcpy(cache->upper, &roles, sizeof(roles));
		cache->upper_valid = true;
	}
	else
		memcpy(&roles, cache->upper, sizeof(roles));
	return roles;
}
