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
#include "utils/rls.h"

#include "base/es_compat.h"
#include "sqlapi/es_sql_table.h"
#include "table/es_table.h"

/*
 * Is it an event table, and one that can be reached?
 */
static void
check_kind(Relation rel, const char *verb)
{
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
}

static void
report_no_table(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation with OID %u does not exist", relid)));
}

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
		report_no_table(relid);
	check_kind(rel, verb);
	return rel;
}

Relation
es_sql_open_readable_table(Oid relid)
{
	char	   *relname = get_rel_name(relid);
	Relation	rel = NULL;

	if (relname != NULL)
	{
		AclResult	result = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);

		if (result != ACLCHECK_OK)
			aclcheck_error(result,
						   get_relkind_objtype(get_rel_relkind(relid)),
						   relname);
		rel = try_relation_open(relid, AccessShareLock);
	}
	if (rel == NULL)
		report_no_table(relid);
	check_kind(rel, "describe");
	if (check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s",
						RelationGetRelationName(rel)),
				 errdetail("Row-level security hides rows of it, which this function would show.")));
	return rel;
}
