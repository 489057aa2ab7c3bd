/*-------------------------------------------------------------------------
 *
 * es_table_hooks.c
 *	  Where the server is asked to let us look: at statements when they start,
 *	  at plans while they are made, at definitions when they change.
 *
 * Each hook calls the one that was there before, and costs next to nothing for
 * statements that have nothing to do with event tables.
 *
 * IDENTIFICATION
 *	  src/table/es_table_hooks.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/plancat.h"
#include "storage/smgr.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "table/es_table_internal.h"
#include "table/es_table_refuse.h"

static ExecutorStart_hook_type prev_ExecutorStart = NULL;
static ProcessUtility_hook_type prev_ProcessUtility = NULL;
static object_access_hook_type prev_object_access = NULL;
static get_relation_info_hook_type prev_get_relation_info = NULL;

/*
 * Does a relation that is only known by its OID belong to us?  false if it does
 * not exist (any more).
 */
static bool
relid_is_ours(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	Oid			amoid = InvalidOid;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (form->relkind == RELKIND_RELATION || form->relkind == RELKIND_MATVIEW)
		amoid = form->relam;
	ReleaseSysCache(tuple);
	return es_table_am_is_ours(amoid);
}

/* ----------------------------------------------------------------
 * Statements that change rows
 * ----------------------------------------------------------------
 */

/*
 * Remembers which partitioned tables have only event tables as partitions, until
 * any relation changes: INSERT opens partitions only when a row goes there, so
 * they must be looked for in the catalogs.
 */
typedef struct PartitionMemo
{
	Oid			relid;			/* key */
	Oid			partition;		/* the first one; InvalidOid: not all are ours */
} PartitionMemo;

static HTAB *partition_memo = NULL;
static bool partition_memo_valid = false;

static void
forget_partitions(Datum arg, Oid relid)
{
	partition_memo_valid = false;
}

static void
reset_partition_memo(void)
{
	HASHCTL		ctl;

	if (partition_memo != NULL)
		hash_destroy(partition_memo);
	partition_memo = NULL;

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(PartitionMemo);
	ctl.hcxt = CacheMemoryContext;
	partition_memo = hash_create("eventstore partitions", 16, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	partition_memo_valid = true;
}

/*
 * The first of the tables that hold the rows of a partitioned one, if all of
 * them are event tables; else InvalidOid.
 */
static Oid
find_event_partition(Oid relid)
{
	List	   *relids = find_all_inheritors(relid, NoLock, NULL);
	ListCell   *lc;
	Oid			first = InvalidOid;

	foreach(lc, relids)
	{
		Oid			partition = lfirst_oid(lc);

		if (get_rel_relkind(partition) == RELKIND_PARTITIONED_TABLE)
			continue;
		if (!relid_is_ours(partition))
		{
			first = InvalidOid;
			break;
		}
		if (!OidIsValid(first))
			first = partition;
	}
	list_free(relids);
	return first;
}

static Oid
event_partition(Oid relid)
{
	PartitionMemo *memo;
	Oid			partition;

	if (!partition_memo_valid)
		reset_partition_memo();
	memo = hash_search(partition_memo, &relid, HASH_FIND, NULL);
	if (memo != NULL)
		return memo->partition;

	partition = find_event_partition(relid);

	/* unless the catalogs changed under our eyes */
	if (partition_memo_valid)
	{
		memo = hash_search(partition_memo, &relid, HASH_ENTER, NULL);
		memo->partition = partition;
	}
	return partition;
}

/*
 * What the statement does to rows of its result relations, as a verb for the
 * message; NULL: it changes none.
 */
static const char *
changing_operation(ModifyTableState *mtstate)
{
	ModifyTable *plan = (ModifyTable *) mtstate->ps.plan;
	ListCell   *lc;

	switch (mtstate->operation)
	{
		case CMD_UPDATE:
			return "update";
		case CMD_DELETE:
			return "delete from";
		case CMD_INSERT:
			if (plan->onConflictAction == ONCONFLICT_UPDATE)
				return "insert with ON CONFLICT DO UPDATE into";
			break;
		case CMD_MERGE:
			/* the actions are the same for every result relation */
			foreach(lc, (List *) linitial(plan->mergeActionLists))
			{
				CmdType		command = lfirst_node(MergeAction, lc)->commandType;

				if (command == CMD_UPDATE)
					return "merge with UPDATE into";
				if (command == CMD_DELETE)
					return "merge with DELETE into";
			}
			break;
		default:
			break;
	}
	return NULL;
}

static void
refuse_changes(ModifyTableState *mtstate)
{
	const char *operation = changing_operation(mtstate);

	if (operation == NULL)
		return;

	for (int i = 0; i < mtstate->mt_nrels; i++)
	{
		Relation	rel = mtstate->resultRelInfo[i].ri_RelationDesc;
		Oid			partition;

		if (es_table_is_ours(rel))
			es_table_refuse_change(rel, operation);

		/*
		 * Other commands than INSERT have opened the partitions they need.
		 * INSERT does not know yet where its rows go: if only some partitions
		 * are event tables, the row that meets one decides.
		 */
		if (mtstate->operation != CMD_INSERT ||
			rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
			continue;
		partition = event_partition(RelationGetRelid(rel));
		if (OidIsValid(partition))
			es_table_refuse_change(table_open(partition, AccessShareLock),
								   operation);
	}
}

/*
 * Look for the node that modifies tables, if another module has put one of its
 * own above it.
 */
static bool
refuse_changes_walker(PlanState *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, ModifyTableState))
	{
		refuse_changes((ModifyTableState *) node);
		return true;
	}
	return planstate_tree_walker(node, refuse_changes_walker, context);
}

/*
 * Before the first row, the first trigger and the first side effect of the
 * statement, which may be one that a foreign key runs.
 */
static void
refuse_statement(QueryDesc *queryDesc)
{
	ListCell   *lc;

	if (queryDesc->operation != CMD_SELECT)
		(void) refuse_changes_walker(queryDesc->planstate, NULL);

	/* those in WITH */
	foreach(lc, queryDesc->estate->es_auxmodifytables)
		refuse_changes(lfirst_node(ModifyTableState, lc));
}

/* ----------------------------------------------------------------
 * Bitmap scans prefetch places, and TIDs of ours are names
 * ----------------------------------------------------------------
 */

static bool
stop_prefetch_walker(PlanState *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, BitmapHeapScanState) &&
		es_table_is_ours(((ScanState *) node)->ss_currentRelation))
		es_stop_bitmap_prefetch((BitmapHeapScanState *) node);
	return planstate_tree_walker(node, stop_prefetch_walker, context);
}

/*
 * Up to version 17 the executor prefetches the blocks of the bitmap's TIDs,
 * which fails if there is no such file segment.  So no bitmap scan of ours may do
 * it.  All processes of a parallel scan must come to the same decision, or a
 * worker attaches to a shared iterator that nobody made: this runs in workers
 * too, and depends on the plan only.
 */
static void
stop_prefetch(QueryDesc *queryDesc)
{
	EState	   *estate = queryDesc->estate;
	bool		found = false;
	ListCell   *lc;

	for (Index i = 0; i < estate->es_range_table_size && !found; i++)
		found = estate->es_relations[i] != NULL &&
			es_table_is_ours(estate->es_relations[i]);
	if (!found)
		return;

	(void) stop_prefetch_walker(queryDesc->planstate, NULL);

	/* a worker's fragment of the plan need not lead to all of these */
	foreach(lc, estate->es_subplanstates)
		(void) stop_prefetch_walker((PlanState *) lfirst(lc), NULL);
}

static void
executor_start(QueryDesc *queryDesc, int eflags)
{
	if (prev_ExecutorStart)
		prev_ExecutorStart(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);

	refuse_statement(queryDesc);
	if (ES_BITMAP_SCANS_PREFETCH)
		stop_prefetch(queryDesc);
}

/*
 * Can a part of this query be run again for a row that somebody has updated
 * meanwhile?
 */
static bool
rechecks_rows_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if ((query->commandType != CMD_SELECT &&
			 query->commandType != CMD_INSERT) || query->rowMarks != NIL)
			return true;
		return query_tree_walker(query, rechecks_rows_walker, context, 0);
	}
	return expression_tree_walker(node, rechecks_rows_walker, context);
}

/*
 * Whether a TID of the table names a block beyond the file's last segment, or
 * may soon: a plan may be kept until the next ANALYZE.
 */
static bool
tids_pass_file(Relation rel)
{
	BlockNumber blocks = smgrnblocks(RelationGetSmgr(rel), MAIN_FORKNUM);
	uint64		segments = Max(1, (blocks + RELSEG_SIZE - 1) / RELSEG_SIZE);

	return es_table_tid_blocks(rel) > segments * RELSEG_SIZE / 2;
}

/*
 * The executor node for a recheck (EvalPlanQual) starts copies of plan nodes
 * past ExecutorStart, where prefetching cannot be stopped.  So tables that it
 * would fail on get no bitmap scan in statements that can come to it.
 */
static void
relation_info(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel)
{
	Relation	relation;
	ListCell   *lc;
	bool		prone = false;

	if (prev_get_relation_info)
		prev_get_relation_info(root, relid, inhparent, rel);

	if (!ES_BITMAP_SCANS_PREFETCH || rel->indexlist == NIL)
		return;

	relation = table_open(relid, NoLock);
	if (es_table_is_ours(relation))
	{
		for (; root != NULL && !prone; root = root->parent_root)
			prone = rechecks_rows_walker((Node *) root->parse, NULL);
		prone = prone && tids_pass_file(relation);
	}
	table_close(relation, NoLock);
	if (!prone)
		return;

	foreach(lc, rel->indexlist)
		lfirst_node(IndexOptInfo, lc)->amhasgetbitmap = false;
}

/* ----------------------------------------------------------------
 * Definitions and commands
 * ----------------------------------------------------------------
 */

/*
 * The table of a constraint that has just been made; InvalidOid: it belongs to a
 * domain.
 */
static Oid
table_of_constraint(Oid conid)
{
	Relation	catalog = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	Oid			relid = InvalidOid;

	ScanKeyInit(&key, Anum_pg_constraint_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(conid));
	scan = systable_beginscan(catalog, ConstraintOidIndexId, true,
							  SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		relid = ((Form_pg_constraint) GETSTRUCT(tuple))->conrelid;
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return relid;
}

/*
 * A table has got another parent or partitioned table above it, and with it all
 * of its own partitions.
 */
static void
check_inheritors(Oid relid)
{
	List	   *relids;
	ListCell   *lc;

	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
	{
		es_table_check_definition(relid);
		return;
	}

	relids = find_all_inheritors(relid, NoLock, NULL);
	foreach(lc, relids)
		es_table_check_definition(lfirst_oid(lc));
	list_free(relids);
}

static void
object_created(Oid classId, Oid objectId, int subId)
{
	if (classId == RelationRelationId)
	{
		if (subId > 0)
			es_table_check_column_change(objectId, subId, ES_COLUMN_ADD);
		es_table_check_definition(objectId);
	}
	else if (classId == AttrDefaultRelationId)
	{
		/* objectId is the table's here */
		es_table_check_definition(objectId);
	}
	else if (classId == ConstraintRelationId)
	{
		Oid			relid = table_of_constraint(objectId);

		if (OidIsValid(relid))
			es_table_check_definition(relid);
	}
}

static void
object_altered(Oid classId, Oid objectId, int subId)
{
	if (classId == RelationRelationId)
	{
		if (subId > 0)
		{
			es_table_check_column_change(objectId, subId, ES_COLUMN_ALTER);

			/* its partitions were altered before, and compared with its old name */
			check_inheritors(objectId);
		}
		else
			es_table_check_definition(objectId);
	}
	else if (classId == InheritsRelationId)
		check_inheritors(objectId);
}

/*
 * A table that is dropped takes its columns with it without telling about each,
 * so what is told here is DROP COLUMN.
 */
static void
object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId,
			  void *arg)
{
	if (prev_object_access)
		prev_object_access(access, classId, objectId, subId, arg);

	switch (access)
	{
		case OAT_POST_CREATE:
			object_created(classId, objectId, subId);
			break;
		case OAT_POST_ALTER:
			object_altered(classId, objectId, subId);
			break;
		case OAT_DROP:
			if (classId == RelationRelationId && subId > 0)
				es_table_check_column_change(objectId, subId, ES_COLUMN_DROP);
			break;
		default:
			break;
	}
}

/*
 * A concurrent refresh is a DELETE and an INSERT.  The DELETE would be refused
 * anyway, but after the query was run, and for rows that nobody asked to delete.
 */
static void
refuse_concurrent_refresh(RefreshMatViewStmt *stmt)
{
	Oid			relid;

	if (!stmt->concurrent)
		return;
	relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (!OidIsValid(relid) || !relid_is_ours(relid))
		return;

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot refresh materialized view \"%s\" concurrently",
					stmt->relation->relname),
			 errdetail("It uses the access method \"eventstore\", and a concurrent refresh deletes rows."),
			 errhint("Leave out CONCURRENTLY.")));
}

static void
process_utility(PlannedStmt *pstmt, const char *queryString,
				bool readOnlyTree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *queryEnv,
				DestReceiver *dest, QueryCompletion *qc)
{
	if (IsA(pstmt->utilityStmt, RefreshMatViewStmt))
		refuse_concurrent_refresh((RefreshMatViewStmt *) pstmt->utilityStmt);

	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context, params,
							queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

/*
 * Install the hooks.  Called once, from _PG_init.
 */
void
es_table_install_hooks(void)
{
	prev_ExecutorStart = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	prev_object_access = object_access_hook;
	object_access_hook = object_access;
	prev_get_relation_info = get_relation_info_hook;
	get_relation_info_hook = relation_info;

	CacheRegisterRelcacheCallback(forget_partitions, (Datum) 0);
}
