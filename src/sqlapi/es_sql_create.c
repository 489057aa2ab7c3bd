/*-------------------------------------------------------------------------
 *
 * es_sql_create.c
 *	  create_store(): a table with the canonical columns.
 *
 * IDENTIFICATION
 *	  src/sqlapi/es_sql_create.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/comment.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "tcop/dest.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

/*
 * The canonical columns, in their order.  No default is volatile, so that COPY
 * may insert many rows at a time; payload and metadata are last, because columns
 * are read from left to right.  Everything is qualified: what the caller's
 * search_path finds first is nobody's business.
 */
typedef struct CanonicalColumn
{
	const char *name;
	const char *type;			/* NULL: the payload's, which may be chosen */
	const char *defaultval;		/* NULL: none */
	const char *comment;
} CanonicalColumn;

static const CanonicalColumn canonical_columns[] = {
	{
		"position", "pg_catalog.int8", "0",
		"Number of the event in this store, in the order of arrival; 0 becomes the next one."
	},
	{
		"entity_id", "pg_catalog.text", NULL,
		"What the event is about: events of one entity are a stream."
	},
	{
		"version", "pg_catalog.int8", "0",
		"Number of the event in its stream; 0: none given."
	},
	{
		"event_id", "pg_catalog.uuid", "'00000000-0000-0000-0000-000000000000'::pg_catalog.uuid",
		"Identity of the event; the nil UUID becomes a new UUID of version 7."
	},
	{
		"event_type", "pg_catalog.text", NULL,
		"What happened."
	},
	{
		"recorded_at", "pg_catalog.timestamptz", "pg_catalog.now()",
		"When the event was recorded."
	},
	{
		"payload", NULL, "'{}'",
		"What the event says."
	},
	{
		"metadata", "pg_catalog.json", "'{}'::pg_catalog.json",
		"What is known about the event: who, why, from where."
	}
};

#define NUM_COLUMNS		((int) lengthof(canonical_columns))

/*
 * The schema and name of the new table, read as regclass reads names, and chosen
 * as CREATE TABLE chooses: errors if the caller may not create tables there.
 */
static RangeVar *
resolve_name(text *name, Oid *schema)
{
	RangeVar   *rv = makeRangeVarFromNameList(textToQualifiedNameList(name));

	*schema = RangeVarGetAndCheckCreationNamespace(rv, NoLock, NULL);
	return rv;
}

/*
 * Run a utility command as the caller, with everything that belongs to it:
 * privileges, event triggers, refusal in read-only transactions.
 */
static void
run_utility(const char *command)
{
	List	   *parsetrees = raw_parser(command, RAW_PARSE_DEFAULT);
	PlannedStmt *statement = makeNode(PlannedStmt);

	statement->commandType = CMD_UTILITY;
	statement->utilityStmt = linitial_node(RawStmt, parsetrees)->stmt;
	statement->stmt_location = -1;

	ProcessUtility(statement, command, false, PROCESS_UTILITY_QUERY,
				   NULL, NULL, None_Receiver, NULL);
	CommandCounterIncrement();
}

static char *
create_table_command(const char *table, const char *payload_type)
{
	StringInfoData command;

	initStringInfo(&command);
	appendStringInfo(&command, "CREATE TABLE %s (", table);
	for (int i = 0; i < NUM_COLUMNS; i++)
	{
		const CanonicalColumn *column = &canonical_columns[i];

		appendStringInfo(&command, "%s%s %s NOT NULL", i > 0 ? ", " : "",
						 quote_identifier(column->name),
						 column->type ? column->type : payload_type);
		if (column->defaultval != NULL)
			appendStringInfo(&command, " DEFAULT %s", column->defaultval);
		if (column->type == NULL)
			appendStringInfo(&command, "::%s", payload_type);
	}
	appendStringInfoString(&command, ") USING eventstore");
	return command.data;
}

PG_FUNCTION_INFO_V1(eventstore_create_store);

/*
 * create_store(name text, payload text) returns regclass
 */
Datum
eventstore_create_store(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	char	   *payload = text_to_cstring(PG_GETARG_TEXT_PP(1));
	const char *payload_type;
	RangeVar   *rv;
	Oid			schema;
	Oid			relid;

	if (strcmp(payload, "json") == 0)
		payload_type = "pg_catalog.json";
	else if (strcmp(payload, "jsonb") == 0)
		payload_type = "pg_catalog.jsonb";
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid type of payload: \"%s\"", payload),
				 errhint("The payload can be \"json\" or \"jsonb\".")));

	rv = resolve_name(name, &schema);
	run_utility(create_table_command(quote_qualified_identifier(get_namespace_name(schema),
																rv->relname),
									 payload_type));

	relid = get_relname_relid(rv->relname, schema);
	if (!OidIsValid(relid))
		elog(ERROR, "could not find table \"%s\" just created", rv->relname);
	for (int i = 0; i < NUM_COLUMNS; i++)
		CreateComments(relid, RelationRelationId, i + 1,
					   canonical_columns[i].comment);

	PG_RETURN_OID(relid);
}
