/*-------------------------------------------------------------------------
 *
 * es_sql_table.c
 *	  The event table that a function is called for.
 *
 * IDENTIFICATION
 *	  src/sqlapi/es_sql_table.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/es_compat.h"
#include "sqlapi/es_sql_table.h"
#include "table/es_table.h"

Relation
es_sql_open_table(Oid relid, LOCKMODE lockmode, const char *verb)
{
	char	   *relname = get_rel_name(relid);
	Relation	rel = NULL;

	if (relname != NULL)
	{
		if (!es_may_maintain(relid, GetUserId()))
			aclcheck_error(ACLCHECK_NOT_OWNER,
						   get_relkind_objtype(get_rel_relkind(relid)),
						   relname);
		rel = try_relation_open(relid, lockmode);
	}
	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));

	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot %s partitioned table \"%s\"",
						verb, RelationGetRelationName(rel)),
				 errhint("%c%s each of its partitions.",
						 pg_toupper((unsigned char) verb[0]), verb + 1)));
	if (!es_table_is_ours(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an event table",
						RelationGetRelationName(rel)),
				 errhint("Event tables are made by eventstore.create_store() or with USING eventstore.")));
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot %s temporary tables of other sessions",
						verb)));
	if (!RelationIsPermanent(rel) && RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary or unlogged relations during recovery")));
	return rel;
}
