/*-------------------------------------------------------------------------
 *
 * es_ingest_insert.c
 *	  Rows become INSERT statements, a batch at a time.
 *
 * A batch is a tuplestore that the statement sees as a relation, as triggers
 * see their transition tables:
 *
 *	  INSERT INTO schema.store (entity_id, payload)
 *	  SELECT entity_id, payload FROM batch
 *
 * Nothing is read but the batch, by a scan that returns rows in the order in
 * which they were put in and cannot be made parallel, and nothing sorts them:
 * positions follow the order of the lines.  The name of a batch hides tables of
 * the same name, whatever search_path says, and needs no privilege.
 *
 * Lines with different fields need different statements, or a field that is
 * absent would not get its column's default.  Each kind is prepared once a call.
 *
 * IDENTIFICATION
 *	  src/ingest/es_ingest_insert.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "ingest/es_ingest_internal.h"
#include "table/es_table.h"

/*
 * A batch is inserted when it has so many rows or bytes of lines: enough that
 * starting a statement costs nothing beside them, few enough to stay in memory
 * and near in the cache.
 */
#define ES_INGEST_BATCH_ROWS	1000
#define ES_INGEST_BATCH_BYTES	(1024 * 1024)

static EsIngestStatement *get_statement(EsIngest *in, uint32 fields);
static char *make_query(EsIngest *in, const EsIngestStatement *statement);
static void insert_rows(EsIngest *in);

void
es_ingest_add_line(EsIngest *in, uint32 fields)
{
	EsIngestStatement *statement = in->statement;
	Datum		values[ES_INGEST_NFIELDS];
	bool		nulls[ES_INGEST_NFIELDS];
	MemoryContext old;

	if (statement == NULL || statement->fields != fields)
	{
		es_ingest_flush(in);
		in->first_line = in->line.number;
		in->last_line = in->line.number;
		in->doing = ES_INGEST_INSERTING;
		statement = get_statement(in, fields);
		in->statement = statement;
		in->doing = ES_INGEST_PARSING;
	}

	old = MemoryContextSwitchTo(in->value_cxt);
	for (int i = 0; i < statement->ncolumns; i++)
		values[i] = es_ingest_get_value(in, statement->column[i], &nulls[i]);
	MemoryContextSwitchTo(old);

	if (in->rows == NULL)
	{
		in->rows = tuplestore_begin_heap(false, false, work_mem);
		in->first_line = in->line.number;
	}
	tuplestore_putvalues(in->rows, statement->desc, values, nulls);
	MemoryContextReset(in->value_cxt);
	in->last_line = in->line.number;
	in->nrows++;
	in->nbytes += in->line.size;

	if (in->nrows >= ES_INGEST_BATCH_ROWS ||
		in->nbytes >= ES_INGEST_BATCH_BYTES)
		es_ingest_flush(in);
}

void
es_ingest_flush(EsIngest *in)
{
	if (in->rows == NULL)
		return;
	in->doing = ES_INGEST_INSERTING;
	insert_rows(in);
	in->doing = ES_INGEST_PARSING;

	tuplestore_end(in->rows);
	in->rows = NULL;
	in->nrows = 0;
	in->nbytes = 0;
}

/*
 * The statement for lines with these fields; made, if there is none yet.
 */
static EsIngestStatement *
get_statement(EsIngest *in, uint32 fields)
{
	EsIngestStatement *statement;
	ListCell   *lc;

	foreach(lc, in->statements)
	{
		statement = (EsIngestStatement *) lfirst(lc);
		if (statement->fields == fields)
			return statement;
	}

	statement = palloc0(sizeof(EsIngestStatement));
	statement->fields = fields;
	for (int i = 0; i < ES_INGEST_NFIELDS; i++)
		if (fields & (1U << i))
			statement->column[statement->ncolumns++] = i;

	statement->desc = CreateTemplateTupleDesc(statement->ncolumns);
	for (int i = 0; i < statement->ncolumns; i++)
	{
		const EsIngestColumn *column = &in->columns[statement->column[i]];

		TupleDescInitEntry(statement->desc, i + 1, column->name, column->type,
						   column->typmod, 0);
	}

	statement->batch.md.name = psprintf("eventstore_batch_%x", fields);
	statement->batch.md.reliddesc = InvalidOid;
	statement->batch.md.tupdesc = statement->desc;
	statement->batch.md.enrtype = ENR_NAMED_TUPLESTORE;
	statement->batch.md.enrtuples = ES_INGEST_BATCH_ROWS;
	if (SPI_register_relation(&statement->batch) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register batch");
	statement->plan = SPI_prepare(make_query(in, statement), 0, NULL);
	if (statement->plan == NULL)
		elog(ERROR, "could not prepare insert: %s",
			 SPI_result_code_string(SPI_result));

	in->statements = lappend(in->statements, statement);
	return statement;
}

static char *
make_query(EsIngest *in, const EsIngestStatement *statement)
{
	StringInfoData columns;

	initStringInfo(&columns);
	for (int i = 0; i < statement->ncolumns; i++)
		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(in->columns[statement->column[i]].name));

	/* an empty list of columns has no parentheses */
	return psprintf(statement->ncolumns > 0 ?
					"INSERT INTO %s (%s) SELECT %s FROM %s" :
					"INSERT INTO %s%s SELECT %s FROM %s",
					quote_qualified_identifier(get_namespace_name(RelationGetNamespace(in->rel)),
											   in->relname),
					columns.data, columns.data, statement->batch.md.name);
}

/*
 * Run the statement over the rows that wait.
 */
static void
insert_rows(EsIngest *in)
{
	EsInsertWatch watch = {0};
	EsInsertWatch *previous;
	volatile int result;

	in->statement->batch.reldata = in->rows;
	watch.relid = RelationGetRelid(in->rel);

	previous = es_table_watch_inserts(&watch);
	PG_TRY();
	{
		result = SPI_execute_plan(in->statement->plan, NULL, NULL, false, 0);
	}
	PG_FINALLY();
	{
		es_table_watch_inserts(previous);
	}
	PG_END_TRY();

	/* a rule may have made something else of it */
	if (result == SPI_OK_INSERT)
		in->stored += SPI_processed;
	else if (result < 0)
		elog(ERROR, "could not insert: %s", SPI_result_code_string(result));

	if (watch.nrows > 0)
	{
		if (in->first_row == 0)
			in->first_row = watch.first_row;
		in->last_row = watch.last_row;
	}
}
