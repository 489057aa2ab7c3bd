/*-------------------------------------------------------------------------
 *
 * es_ingest_internal.h
 *	  What the files of ingest share.
 *
 *	  es_ingest.c			the SQL function: lines in, one row of counts out
 *	  es_ingest_parse.c		a line's fields become values of columns
 *	  es_ingest_insert.c	rows become INSERT statements
 *
 * IDENTIFICATION
 *	  src/ingest/es_ingest_internal.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_INGEST_INTERNAL_H
#define ES_INGEST_INTERNAL_H

#include "postgres.h"

#include "executor/spi.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "json/es_json.h"

/*
 * The fields of an event, in the order in which lines mostly have them.
 */
enum
{
	ES_INGEST_ENTITY_ID = 0,
	ES_INGEST_EVENT_TYPE,
	ES_INGEST_TIMESTAMP,
	ES_INGEST_RECORDED_AT,
	ES_INGEST_PAYLOAD,
	ES_INGEST_METADATA,
	ES_INGEST_EVENT_ID
};

#define ES_INGEST_NFIELDS	(ES_INGEST_EVENT_ID + 1)

/*
 * How a value gets into its column.
 */
typedef enum EsIngestHow
{
	ES_INGEST_NO_COLUMN,		/* the table has none of this name */
	ES_INGEST_NOT_JSON,			/* payload or metadata of a type that does not
								 * take JSON */
	ES_INGEST_AS_TEXT,			/* the bytes are the value of a text type */
	ES_INGEST_AS_JSON,			/* the same, type json */
	ES_INGEST_BY_INPUT			/* the type's input function reads it */
} EsIngestHow;

/*
 * A field and its column.  timestamp and recorded_at share one.
 */
typedef struct EsIngestColumn
{
	const char *field;			/* name in the lines */
	const char *name;			/* name in the table */
	bool		any_value;		/* takes any JSON value, not a string */
	bool		numeric;		/* its type is one of numbers */
	EsIngestHow how;
	Oid			type;
	int32		typmod;
	FmgrInfo	input;
	Oid			typioparam;
} EsIngestColumn;

/*
 * The INSERT for lines that have the same fields.
 */
typedef struct EsIngestStatement
{
	uint32		fields;			/* a bit a field */
	int			ncolumns;
	int			column[ES_INGEST_NFIELDS];	/* index into columns */
	TupleDesc	desc;			/* of the rows in the batch */
	EphemeralNamedRelationData batch;	/* the statement's source of rows */
	SPIPlanPtr	plan;
} EsIngestStatement;

/*
 * What an error context line is to say.
 */
typedef enum EsIngestDoing
{
	ES_INGEST_PARSING,			/* nothing: our own errors say where */
	ES_INGEST_CONVERTING,		/* line, byte and field */
	ES_INGEST_INSERTING			/* lines of the batch */
} EsIngestDoing;

/*
 * One call of ingest().
 */
typedef struct EsIngest
{
	Relation	rel;
	const char *relname;
	EsIngestColumn columns[ES_INGEST_NFIELDS];
	MemoryContext cxt;			/* lives as long as the call */
	MemoryContext value_cxt;	/* values of one line; reset with each */

	/* the data, and what the parser is given, which may be a copy */
	const char *data;
	const char *parsed;
	EsJsonParser *parser;

	/* the line at hand */
	EsJsonLine	line;
	EsJsonField fields[ES_INGEST_NFIELDS];

	/* rows that wait for their INSERT */
	List	   *statements;		/* of EsIngestStatement */
	EsIngestStatement *statement;	/* for the rows that wait */
	Tuplestorestate *rows;		/* NULL if there are none */
	int			nrows;
	Size		nbytes;
	uint64		first_line;
	uint64		last_line;

	/* for the error context */
	EsIngestDoing doing;
	int			field;

	/* the result */
	uint64		stored;
	uint64		first_row;		/* 0: none */
	uint64		last_row;
} EsIngest;

/*
 * Find the columns of the table; the lines decide later which are used.
 */
extern void es_ingest_find_columns(EsIngest *in);

/*
 * Take the next line apart into in->line and in->fields.  Returns the fields
 * that it has, a bit each, or false at the end.  Raises an error for a line that
 * is no event.
 */
extern bool es_ingest_next_line(EsIngest *in, uint32 *fields);

/*
 * Convert a field of the line at hand to its column's type.  The result lives in
 * the current memory context.
 */
extern Datum es_ingest_get_value(EsIngest *in, int field, bool *isnull);

/*
 * Add the line at hand, which has these fields, to the rows that wait.  Inserts
 * those that wait already, if they are enough or have other fields.
 */
extern void es_ingest_add_line(EsIngest *in, uint32 fields);

/*
 * Insert the rows that wait, if there are any.
 */
extern void es_ingest_flush(EsIngest *in);

#endif							/* ES_INGEST_INTERNAL_H */
