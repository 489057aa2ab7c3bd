/*-------------------------------------------------------------------------
 *
 * es_table_refuse.c
 *	  What the definition of an event table cannot have.
 *
 * The storage gives the columns with the roles position, version and event_id
 * their values when a row is stored.  What the executor computes before that
 * would see 0 or the nil UUID: CHECK constraints, stored generated columns, the
 * choice of a partition.  And rows never change, nor does the meaning of a
 * column that rows have: so no foreign key actions, and no column that gets or
 * loses a role once there are rows.
 *
 * The functions here are called by object_access_hook, in the middle of the
 * command that makes the change.  So they read the catalogs under SnapshotSelf,
 * which sees what the command has written, and not through the caches, which
 * do not until the command counter moves.  They look at the whole definition each
 * time, because a forbidden pair can come about from either side: the constraint
 * first or the column's name first, on the table or on its parent, as a heap
 * table that is then given our access method.
 *
 * IDENTIFICATION
 *	  src/table/es_table_refuse.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/snapmgr.h"

#include "table/es_table_internal.h"
#include "table/es_table_refuse.h"

/*
 * The definition of a table, as the running command has left it so far.
 */
typedef struct Definition
{
	Oid			relid;
	NameData	relname;
	Oid			relam;
	Oid			relrewrite;
	bool		catalog_table;	/* has the option user_catalog_table */
	List	   *columns;		/* of Form_pg_attribute, dropped ones left out */
	EsRoles		roles;
} Definition;

/*
 * Begin to read the rows of a catalog that belong to one object, with what the
 * running command has written.
 */
static SysScanDesc
begin_scan(Relation catalog, Oid indexid, AttrNumber attnum, Oid oid)
{
	ScanKeyData key;

	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(oid));
	return systable_beginscan(catalog, indexid, true, SnapshotSelf, 1, &key);
}

/* ----------------------------------------------------------------
 * Reading a definition
 * ----------------------------------------------------------------
 */

/*
 * Does a table have the option user_catalog_table?  (One that has it cannot be
 * rewritten, so it cannot become an event table.)
 */
static bool
is_catalog_table(Relation catalog, HeapTuple tuple)
{
	bytea	   *options = extractRelOptions(tuple, RelationGetDescr(catalog),
											NULL);

	return options != NULL && ((StdRdOptions *) options)->user_catalog_table;
}

/*
 * Read the pg_class row.  false: there is none, or it is of something that
 * cannot be an event table.
 */
static bool
read_class(Oid relid, Definition *def)
{
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = begin_scan(catalog, ClassOidIndexId,
								  Anum_pg_class_oid, relid);
	HeapTuple	tuple = systable_getnext(scan);
	bool		found = false;

	memset(def, 0, sizeof(*def));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relkind == RELKIND_RELATION ||
			form->relkind == RELKIND_MATVIEW)
		{
			def->relid = relid;
			def->relname = form->relname;
			def->relam = form->relam;
			def->relrewrite = form->relrewrite;
			if (es_table_am_is_ours(form->relam))
				def->catalog_table = is_catalog_table(catalog, tuple);
			found = true;
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/*
 * Read the columns and find the roles, as if column "without" (0: none) were not
 * there.
 */
static void
read_columns(Definition *def, AttrNumber without)
{
	Relation	catalog = table_open(AttributeRelationId, AccessShareLock);
	SysScanDesc scan = begin_scan(catalog, AttributeRelidNumIndexId,
								  Anum_pg_attribute_attrelid, def->relid);
	HeapTuple	tuple;

	def->columns = NIL;
	memset(&def->roles, 0, sizeof(def->roles));
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute column = (Form_pg_attribute) GETSTRUCT(tuple);

		if (column->attnum <= 0 || column->attisdropped ||
			column->attnum == without)
			continue;
		column = (Form_pg_attribute) palloc(ATTRIBUTE_FIXED_PART_SIZE);
		memcpy(column, GETSTRUCT(tuple), ATTRIBUTE_FIXED_PART_SIZE);
		def->columns = lappend(def->columns, column);
		es_table_note_role(&def->roles, column);
	}
	es_table_finish_roles(&def->roles);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/*
 * Does the storage give this column its value?
 */
static bool
is_supplied(const Definition *def, AttrNumber attnum)
{
	return attnum != 0 &&
		(attnum == def->roles.position ||
		 attnum == def->roles.version ||
		 attnum == def->roles.event_id);
}

static bool
has_supplied(const Definition *def)
{
	return def->roles.position != 0 || def->roles.version != 0 ||
		def->roles.event_id != 0;
}

/*
 * The default or generation expression of a column; NULL: it has none.
 */
static Node *
read_default(const Definition *def, AttrNumber attnum)
{
	Relation	catalog = table_open(AttrDefaultRelationId, AccessShareLock);
	SysScanDesc scan = begin_scan(catalog, AttrDefaultIndexId,
								  Anum_pg_attrdef_adrelid, def->relid);
	HeapTuple	tuple;
	Node	   *expr = NULL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attrdef form = (Form_pg_attrdef) GETSTRUCT(tuple);
		bool		isnull;
		Datum		value;

		if (form->adnum != attnum)
			continue;
		value = heap_getattr(tuple, Anum_pg_attrdef_adbin,
							 RelationGetDescr(catalog), &isnull);
		if (!isnull)
			expr = (Node *) stringToNode(TextDatumGetCString(value));
		break;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return expr;
}

/*
 * The columns that an expression reads, as pull_varattnos numbers them.  A
 * virtual generated column stands for those that its own expression reads, and
 * these are never generated themselves.
 */
static Bitmapset *
columns_read(const Definition *def, Node *expr)
{
	Bitmapset  *attnums = NULL;
	ListCell   *lc;

	pull_varattnos(expr, 1, &attnums);
	foreach(lc, def->columns)
	{
		Form_pg_attribute column = (Form_pg_attribute) lfirst(lc);

		if (column->attgenerated != '\0' &&
			column->attgenerated != ATTRIBUTE_GENERATED_STORED &&
			bms_is_member(column->attnum - FirstLowInvalidHeapAttributeNumber,
						  attnums))
			pull_varattnos(read_default(def, column->attnum), 1, &attnums);
	}
	return attnums;
}

/*
 * The first column of which both holds: the storage gives it its value, and the
 * expression reads it.  NULL: there is none.  A reference to the whole row reads
 * every column.
 */
static Form_pg_attribute
supplied_column_used(const Definition *def, Node *expr)
{
	Bitmapset  *attnums = columns_read(def, expr);
	ListCell   *lc;

	foreach(lc, def->columns)
	{
		Form_pg_attribute column = (Form_pg_attribute) lfirst(lc);

		if (is_supplied(def, column->attnum) &&
			(bms_is_member(column->attnum - FirstLowInvalidHeapAttributeNumber,
						   attnums) ||
			 bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attnums)))
			return column;
	}
	return NULL;
}

/*
 * The partitioned table that a table is a partition of; InvalidOid: of none.
 */
static Oid
partitioned_parent(Oid relid)
{
	Relation	catalog = table_open(InheritsRelationId, AccessShareLock);
	SysScanDesc scan = begin_scan(catalog, InheritsRelidSeqnoIndexId,
								  Anum_pg_inherits_inhrelid, relid);
	HeapTuple	tuple;
	Oid			parent = InvalidOid;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			inhparent = ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent;

		if (get_rel_relkind(inhparent) == RELKIND_PARTITIONED_TABLE)
		{
			parent = inhparent;
			break;
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return parent;
}

/* ----------------------------------------------------------------
 * What is refused
 * ----------------------------------------------------------------
 */

static void
check_check_constraint(const Definition *def, Form_pg_constraint form,
					   Node *expr)
{
	Form_pg_attribute column = supplied_column_used(def, expr);

	if (column != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("check constraint \"%s\" of event table \"%s\" cannot use column \"%s\"",
						NameStr(form->conname), NameStr(def->relname),
						NameStr(column->attname)),
				 errdetail("The storage gives the column its value after constraints are checked.")));
}

static void
check_foreign_key(const Definition *def, Form_pg_constraint form)
{
	char		on_update = form->confupdtype;
	char		on_delete = form->confdeltype;

	if ((on_update == FKCONSTR_ACTION_NOACTION ||
		 on_update == FKCONSTR_ACTION_RESTRICT) &&
		(on_delete == FKCONSTR_ACTION_NOACTION ||
		 on_delete == FKCONSTR_ACTION_RESTRICT))
		return;

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("foreign key constraint \"%s\" of event table \"%s\" cannot change rows",
					NameStr(form->conname), NameStr(def->relname)),
			 errdetail("Rows of event tables never change, so CASCADE, SET NULL and SET DEFAULT are not possible."),
			 errhint("Use NO ACTION or RESTRICT.")));
}

static void
check_constraints(const Definition *def)
{
	Relation	catalog = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan = begin_scan(catalog, ConstraintRelidTypidNameIndexId,
								  Anum_pg_constraint_conrelid, def->relid);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
		bool		isnull;
		Datum		value;

		if (form->contype == CONSTRAINT_FOREIGN)
			check_foreign_key(def, form);
		else if (form->contype == CONSTRAINT_CHECK && has_supplied(def))
		{
			value = heap_getattr(tuple, Anum_pg_constraint_conbin,
								 RelationGetDescr(catalog), &isnull);
			if (!isnull)
				check_check_constraint(def, form,
									   stringToNode(TextDatumGetCString(value)));
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/*
 * Numbers from another source come in another order than rows are stored, as
 * soon as two sessions insert, and each such row would be an error.
 */
static void
check_source_of_numbers(const Definition *def, Form_pg_attribute column)
{
	if (!column->attidentity && !column->attgenerated &&
		!contain_volatile_functions(read_default(def, column->attnum)))
		return;

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("column \"%s\" of event table \"%s\" cannot be an identity column, generated, or have a volatile default",
					NameStr(column->attname), NameStr(def->relname)),
			 errdetail("The storage numbers the events, in the order in which they are stored."),
			 errhint("Use DEFAULT 0, which stands for the next number.")));
}

static void
check_columns(const Definition *def)
{
	ListCell   *lc;

	foreach(lc, def->columns)
	{
		Form_pg_attribute column = (Form_pg_attribute) lfirst(lc);
		Form_pg_attribute used;

		if (column->attnum == def->roles.position ||
			column->attnum == def->roles.version)
			check_source_of_numbers(def, column);
		if (column->attgenerated != ATTRIBUTE_GENERATED_STORED)
			continue;
		used = supplied_column_used(def, read_default(def, column->attnum));
		if (used != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("generated column \"%s\" of event table \"%s\" cannot use column \"%s\"",
							NameStr(column->attname), NameStr(def->relname),
							NameStr(used->attname)),
					 errdetail("The storage gives the column its value after generated columns are computed."),
					 errhint("Compute it in a view, or index the expression.")));
	}
}

/*
 * The name of a table's column, as the running command has left it.
 */
static NameData
column_name(Oid relid, AttrNumber attnum)
{
	Relation	catalog = table_open(AttributeRelationId, AccessShareLock);
	SysScanDesc scan = begin_scan(catalog, AttributeRelidNumIndexId,
								  Anum_pg_attribute_attrelid, relid);
	HeapTuple	tuple;
	NameData	name = {{0}};

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute column = (Form_pg_attribute) GETSTRUCT(tuple);

		if (column->attnum == attnum)
			name = column->attname;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return name;
}

/*
 * One partitioned table above the event table: columns of its key, by their
 * names, since numbers differ between parent and partition.
 */
static void
check_partition_key(const Definition *def, Relation parent)
{
	PartitionKey key = RelationGetPartitionKey(parent);
	Bitmapset  *attnums = NULL;
	int			member = -1;

	for (int i = 0; i < key->partnatts; i++)
	{
		if (key->partattrs[i] != 0)
			attnums = bms_add_member(attnums, key->partattrs[i] -
									 FirstLowInvalidHeapAttributeNumber);
	}
	pull_varattnos((Node *) key->partexprs, 1, &attnums);

	while ((member = bms_next_member(attnums, member)) >= 0)
	{
		AttrNumber	attnum = member + FirstLowInvalidHeapAttributeNumber;
		NameData	name = column_name(RelationGetRelid(parent), attnum);
		ListCell   *lc;

		foreach(lc, def->columns)
		{
			Form_pg_attribute column = (Form_pg_attribute) lfirst(lc);

			if (is_supplied(def, column->attnum) &&
				(attnum == 0 ||
				 strcmp(NameStr(column->attname), NameStr(name)) == 0))
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("event table \"%s\" cannot be a partition by column \"%s\" of table \"%s\"",
								NameStr(def->relname), NameStr(column->attname),
								RelationGetRelationName(parent)),
						 errdetail("The storage gives the column its value after the partition is chosen.")));
		}
	}
}

static void
check_partition_keys(const Definition *def)
{
	Oid			parent = partitioned_parent(def->relid);

	while (OidIsValid(parent))
	{
		/*
		 * The command has locked the parent, if it is about the parent; a
		 * lock on it from below is what the server takes for a partition's
		 * constraint, too.
		 */
		Relation	rel = table_open(parent, AccessShareLock);

		check_partition_key(def, rel);
		table_close(rel, NoLock);
		parent = partitioned_parent(parent);
	}
}

/*
 * Everything that is looked at.  The relation is an event table, or is to become
 * one.
 */
static void
check_all(Definition *def)
{
	if (def->catalog_table)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("event table \"%s\" cannot have the option \"user_catalog_table\"",
						NameStr(def->relname)),
				 errdetail("Logical decoding cannot look into the past of event tables.")));

	read_columns(def, 0);
	check_constraints(def);
	if (has_supplied(def))
	{
		check_columns(def);
		check_partition_keys(def);
	}
	list_free_deep(def->columns);
}

/*
 * Error if the definition of an event table has something that an event table
 * cannot have.
 *
 * A table that is rewritten gets a transient twin with the access method that
 * it will have: the moment at which SET ACCESS METHOD can be told.  The twin has
 * no constraints, so the original's are looked at.
 */
void
es_table_check_definition(Oid relid)
{
	Definition	def;

	if (!read_class(relid, &def) || !es_table_am_is_ours(def.relam))
		return;
	if (OidIsValid(def.relrewrite) && !read_class(def.relrewrite, &def))
		return;
	check_all(&def);
}

/* ----------------------------------------------------------------
 * Columns that change
 * ----------------------------------------------------------------
 */

/*
 * The role that one of two sets has and the other has not, or has elsewhere;
 * NULL: they are the same.  A role's name is its column's.
 */
static const char *
role_that_differs(const EsRoles *a, const EsRoles *b)
{
	if (a->entity_id != b->entity_id)
		return "entity_id";
	if (a->position != b->position)
		return "position";
	if (a->version != b->version)
		return "version";
	if (a->event_id != b->event_id)
		return "event_id";
	if (a->recorded_at != b->recorded_at)
		return "recorded_at";
	return NULL;
}

/*
 * The roles before and after a change of one column.
 *
 * The catalogs show a column that has been added or altered as it is now, and a
 * column that is to be dropped as it was.  What an altered one was before, the
 * relation's descriptor still tells.
 */
static const char *
role_that_changes(Definition *def, AttrNumber attnum, EsColumnChange change)
{
	EsRoles		other;

	if (change == ES_COLUMN_ALTER)
	{
		Relation	rel = table_open(def->relid, NoLock);

		other = es_table_roles(rel);
		table_close(rel, NoLock);
	}
	else
	{
		read_columns(def, attnum);
		other = def->roles;
	}
	read_columns(def, 0);
	return role_that_differs(&other, &def->roles);
}

/*
 * Error if a column's change gives or takes a role in an event table that has
 * rows: their values of the column were stored with or without the meaning.
 */
void
es_table_check_column_change(Oid relid, AttrNumber attnum,
							 EsColumnChange change)
{
	Definition	def;
	Relation	rel;
	const char *role;
	bool		has_rows;

	if (!read_class(relid, &def) || !es_table_am_is_ours(def.relam))
		return;
	role = role_that_changes(&def, attnum, change);
	if (role == NULL)
		return;

	rel = table_open(relid, NoLock);
	has_rows = es_store_has_rows(rel);
	table_close(rel, NoLock);
	if (!has_rows)
		return;

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 change == ES_COLUMN_ADD ?
			 errmsg("cannot add column \"%s\" to event table \"%s\"",
					role, NameStr(def.relname)) :
			 change == ES_COLUMN_DROP ?
			 errmsg("cannot drop column \"%s\" of event table \"%s\"",
					role, NameStr(def.relname)) :
			 errmsg("cannot change the name or type of column \"%s\" of event table \"%s\"",
					get_attname(relid, attnum, false), NameStr(def.relname)),
			 errdetail("Column \"%s\" has a meaning for the storage by its name and type, and the table has rows.",
					   role),
			 errhint("Copy the rows into a new table with the columns wanted.")));
}
