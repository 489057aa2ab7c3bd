/*-------------------------------------------------------------------------
 *
 * es_ingest.c
 *	  eventstore.ingest(): lines of JSON in, rows of an event table out.
 *
 * The rows go in by ordinary INSERT statements that run as the caller, so
 * privileges, row-level security, defaults, constraints and triggers are not
 * this code's business.  All or nothing is not either: an error ends the
 * statement.
 *
 * The table stays open and locked for the whole call.  So its columns cannot
 * change between two batches, not even by a trigger of its own.
 *
 * IDENTIFICATION
 *	  src/ingest/es_ingest.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "ingest/es_ingest_internal.h"
#include "table/es_table.h"

PG_FUNCTION_INFO_V1(eventstore_ingest);

static Relation open_table(Oid relid);
static void load(EsIngest *in, text *data);
static const char *hide_other_encoding(const char *data, Size size);
static void destroy_parser(void *arg);
static void add_context(void *arg);
static Datum make_result(FunctionCallInfo fcinfo, const EsIngest *in);

/*
 * SQL: ingest(store regclass, data text, OUT stored bigint,
 *			   OUT first_position bigint, OUT last_position bigint)
 */
Datum
eventstore_ingest(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	text	   *data = PG_GETARG_TEXT_PP(1);
	EsIngest	in = {0};
	ErrorContextCallback context;

	in.rel = open_table(relid);
	in.relname = RelationGetRelationName(in.rel);
	in.cxt = AllocSetContextCreate(CurrentMemoryContext, "eventstore ingest",
								   ALLOCSET_DEFAULT_SIZES);
	in.value_cxt = AllocSetContextCreate(in.cxt, "eventstore ingest values",
										 ALLOCSET_DEFAULT_SIZES);

	context.callback = add_context;
	context.arg = &in;
	context.previous = error_context_stack;
	error_context_stack = &context;

	SPI_connect();
	MemoryContextSwitchTo(in.cxt);
	load(&in, data);
	SPI_finish();

	error_context_stack = context.previous;
	MemoryContextDelete(in.cxt);
	relation_close(in.rel, NoLock);

	return make_result(fcinfo, &in);
}

/*
 * Open the table for the rest of the transaction, as INSERT would.
 */
static Relation
open_table(Oid relid)
{
	Relation	rel = try_relation_open(relid, RowExclusiveLock);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));

	/*
	 * The INSERTs check what they need.  But data without lines makes none,
	 * and nobody may hold a lock on any table just by asking for it.
	 */
	if (pg_class_aclcheck(relid, GetUserId(), ACL_INSERT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relid, GetUserId(), ACL_INSERT,
								  ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV,
					   get_relkind_objtype(rel->rd_rel->relkind),
					   RelationGetRelationName(rel));

	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE &&
		!es_table_is_ours(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an event table",
						RelationGetRelationName(rel)),
				 errhint("Make one with eventstore.create_store(), or with CREATE TABLE ... USING eventstore.")));
	return rel;
}

/*
 * All lines of the data, to the last.
 */
static void
load(EsIngest *in, text *data)
{
	const Size	size = VARSIZE_ANY_EXHDR(data);
	static const char *names[ES_INGEST_NFIELDS];
	MemoryContextCallback *destroy;
	uint32		fields;

	es_ingest_find_columns(in);
	for (int i = 0; i < ES_INGEST_NFIELDS; i++)
		names[i] = in->columns[i].field;

	in->data = VARDATA_ANY(data);
	in->parsed = in->data;
	if (GetDatabaseEncoding() != PG_UTF8)
		in->parsed = hide_other_encoding(in->data, size);

	destroy = palloc(sizeof(MemoryContextCallback));
	in->parser = es_json_create(ES_JSON_WINDOW);
	if (in->parser == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	destroy->func = destroy_parser;
	destroy->arg = in->parser;
	MemoryContextRegisterResetCallback(in->cxt, destroy);

	es_json_begin(in->parser, in->parsed, size, names, ES_INGEST_NFIELDS);
	while (es_ingest_next_line(in, &fields))
	{
		CHECK_FOR_INTERRUPTS();
		es_ingest_add_line(in, fields);
	}
	es_ingest_flush(in);
}

/*
 * Copy data that is not UTF-8 so that the parser, which knows nothing else,
 * can find its way: every byte of a character beyond ASCII becomes DEL, which
 * strings may have and nothing else.  No encoding that a server can have uses
 * bytes of ASCII for anything but ASCII.  The values are taken from the
 * original, at the same places.
 */
static const char *
hide_other_encoding(const char *data, Size size)
{
	char	   *copy = MemoryContextAllocHuge(CurrentMemoryContext, size + 1);

	for (Size i = 0; i < size; i++)
		copy[i] = IS_HIGHBIT_SET(data[i]) ? '\x7f' : data[i];
	return copy;
}

static void
destroy_parser(void *arg)
{
	es_json_destroy((EsJsonParser *) arg);
}

/*
 * Error context: where in the data an error comes from that does not say so
 * itself, because it comes from a data type or from an INSERT.
 */
static void
add_context(void *arg)
{
	const EsIngest *in = (const EsIngest *) arg;

	switch (in->doing)
	{
		case ES_INGEST_PARSING:
			break;
		case ES_INGEST_CONVERTING:
			errcontext("ingest into \"%s\", line %llu, byte %llu, field \"%s\"",
					   in->relname,
					   (unsigned long long) in->line.number,
					   (unsigned long long) (in->fields[in->field].raw.data -
											 in->parsed - in->line.offset + 1),
					   in->columns[in->field].field);
			break;
		case ES_INGEST_INSERTING:
			if (in->first_line == in->last_line)
				errcontext("ingest into \"%s\", line %llu", in->relname,
						   (unsigned long long) in->first_line);
			else
				errcontext("ingest into \"%s\", lines %llu to %llu",
						   in->relname,
						   (unsigned long long) in->first_line,
						   (unsigned long long) in->last_line);
			break;
	}
}

static Datum
make_result(FunctionCallInfo fcinfo, const EsIngest *in)
{
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	values[0] = Int64GetDatum((int64) in->stored);
	values[1] = Int64GetDatum((int64) in->first_row);
	values[2] = Int64GetDatum((int64) in->last_row);
	nulls[1] = nulls[2] = in->first_row == 0;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values,
											 nulls));
}
