/*-------------------------------------------------------------------------
 *
 * es_worker_hooks.c
 *	  Statements on a database that cannot go on while somebody is in it:
 *	  workers leave it before, and keep out until the transaction has ended.
 *
 * Until then because the statement's locks on the database last as long.
 *
 * IDENTIFICATION
 *	  src/worker/es_worker_hooks.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "worker/es_worker_internal.h"

/* a block of this backend's transaction */
typedef struct DatabaseBlock
{
	int			number;
	SubTransactionId subid;
} DatabaseBlock;

static ProcessUtility_hook_type prev_ProcessUtility = NULL;

static List *blocks = NIL;		/* in TopMemoryContext */

/* ----------------------------------------------------------------
 * The end of the transaction
 * ----------------------------------------------------------------
 */

static void
transaction_ended(XactEvent event, void *arg)
{
	ListCell   *cell;

	if (blocks == NIL)
		return;
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			break;
		default:
			return;
	}
	foreach(cell, blocks)
		es_worker_unblock(((DatabaseBlock *) lfirst(cell))->number);
	list_free_deep(blocks);
	blocks = NIL;
}

static void
subtransaction_ended(SubXactEvent event, SubTransactionId subid,
					 SubTransactionId parent, void *arg)
{
	ListCell   *cell;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	foreach(cell, blocks)
	{
		DatabaseBlock *block = lfirst(cell);

		if (block->subid != subid)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			block->subid = parent;
		else
		{
			es_worker_unblock(block->number);
			blocks = foreach_delete_current(blocks, cell);
			pfree(block);
		}
	}
}

/*
 * Keep workers out of the database from now on, and wait until none is there.
 */
static void
keep_workers_out(Oid dboid)
{
	static bool registered = false;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	DatabaseBlock *block = palloc(sizeof(DatabaseBlock));

	if (!registered)
	{
		RegisterXactCallback(transaction_ended, NULL);
		RegisterSubXactCallback(subtransaction_ended, NULL);
		registered = true;
	}
	block->number = -1;
	block->subid = GetCurrentSubTransactionId();
	blocks = lappend(blocks, block);
	MemoryContextSwitchTo(old);

	/* nothing between this and the list can fail */
	block->number = es_worker_block(dboid);
	es_worker_wait_until_gone(dboid);
}

/* ----------------------------------------------------------------
 * Which database a statement is about
 * ----------------------------------------------------------------
 */

/*
 * Of its owner's statements only: others will be refused, and disturb nobody
 * before.
 */
static Oid
owned_database(const char *name)
{
	Oid			dboid = get_database_oid(name, true);

	if (OidIsValid(dboid) && !es_owns_database(dboid, GetUserId()))
		return InvalidOid;
	return dboid;
}

static bool
may_create_databases(void)
{
	HeapTuple	tuple;
	bool		result;

	if (superuser())
		return true;
	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_authid) GETSTRUCT(tuple))->rolcreatedb;
	ReleaseSysCache(tuple);
	return result;
}

static DefElem *
find_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0)
			return option;
	}
	return NULL;
}

static bool
is_template(Oid dboid)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(dboid));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_database) GETSTRUCT(tuple))->datistemplate;
	ReleaseSysCache(tuple);
	return result;
}

static Oid
template_of(CreatedbStmt *stmt)
{
	DefElem    *option = find_option(stmt->options, "template");
	const char *name = "template1";
	Oid			dboid;

	if (!may_create_databases())
		return InvalidOid;
	if (option != NULL && option->arg != NULL)
		name = defGetString(option);
	dboid = get_database_oid(name, true);
	if (OidIsValid(dboid) && !is_template(dboid) &&
		!es_owns_database(dboid, GetUserId()))
		return InvalidOid;
	return dboid;
}

/*
 * The database that nobody may be in while the statement runs; InvalidOid: the
 * statement is of another kind.
 */
static Oid
database_of(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_DropdbStmt:
			return owned_database(castNode(DropdbStmt, stmt)->dbname);
		case T_CreatedbStmt:
			return template_of(castNode(CreatedbStmt, stmt));
		case T_RenameStmt:
			{
				RenameStmt *rename = castNode(RenameStmt, stmt);

				if (rename->renameType == OBJECT_DATABASE)
					return owned_database(rename->subname);
				break;
			}
		case T_AlterDatabaseStmt:
			{
				AlterDatabaseStmt *alter = castNode(AlterDatabaseStmt, stmt);

				if (find_option(alter->options, "tablespace") != NULL)
					return owned_database(alter->dbname);
				break;
			}
		default:
			break;
	}
	return InvalidOid;
}

static void
process_utility(PlannedStmt *pstmt, const char *queryString,
				bool readOnlyTree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *queryEnv,
				DestReceiver *dest, QueryCompletion *qc)
{
	Oid			dboid = database_of(pstmt->utilityStmt);

	if (OidIsValid(dboid))
		keep_workers_out(dboid);

	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context, params,
							queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

void
es_worker_install_hook(void)
{
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
