/*-------------------------------------------------------------------------
 *
 * es_ingest_parse.c
 *	  The fields of a line become values of columns.
 *
 * A string is what COPY would find in a column's place: the type's own input
 * function reads it, with the column's length or precision.  So every type of
 * column works that can be written as a string, domains and their constraints
 * included; a column of numbers takes a JSON number as well.  payload and
 * metadata are JSON whatever they are, and go to json, jsonb or text.
 *
 * Every error about what a line says is raised here, and says where.
 *
 * IDENTIFICATION
 *	  src/ingest/es_ingest_parse.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/es_compat.h"
#include "ingest/es_ingest_internal.h"

/*
 * JSON that is nested deeper goes through the type's input function, too,
 * which may refuse what its stack has no room for (our parser has no such
 * limit); the smallest max_stack_depth has room for this much.
 */
#define ES_INGEST_SAFE_DEPTH	64

/* As much of a field's name as an error shows, in bytes. */
#define ES_INGEST_SHOWN_NAME	64

static const struct
{
	const char *field;
	const char *column;
	bool		any_value;
}			known_fields[ES_INGEST_NFIELDS] = {
	[ES_INGEST_ENTITY_ID] = {"entity_id", "entity_id", false},
	[ES_INGEST_EVENT_TYPE] = {"event_type", "event_type", false},
	[ES_INGEST_TIMESTAMP] = {"timestamp", "recorded_at", false},
	[ES_INGEST_RECORDED_AT] = {"recorded_at", "recorded_at", false},
	[ES_INGEST_PAYLOAD] = {"payload", "payload", true},
	[ES_INGEST_METADATA] = {"metadata", "metadata", true},
	[ES_INGEST_EVENT_ID] = {"event_id", "event_id", false},
};

static void find_column(EsIngestColumn *column, TupleDesc desc);
static void check_fields(EsIngest *in, uint32 fields);
static ES_NORETURN void report_line(EsIngest *in, EsJsonStatus status);
static ES_NORETURN void report_field(EsIngest *in, int field, int sqlstate,
									 const char *message, const char *detail);
static Datum read_string(EsIngest *in, int field);
static char *decode_string(EsIngest *in, int field, const char *content,
						   Size *size);
static Datum call_input(EsIngest *in, int field, char *value);

/*
 * Where in the data a slice that the parser found is.
 */
static inline const char *
original(const EsIngest *in, const char *parsed)
{
	return in->data + (parsed - in->parsed);
}

void
es_ingest_find_columns(EsIngest *in)
{
	for (int i = 0; i < ES_INGEST_NFIELDS; i++)
	{
		EsIngestColumn *column = &in->columns[i];

		column->field = known_fields[i].field;
		column->name = known_fields[i].column;
		column->any_value = known_fields[i].any_value;
		find_column(column, RelationGetDescr(in->rel));
	}
}

static void
find_column(EsIngestColumn *column, TupleDesc desc)
{
	Form_pg_attribute attr = NULL;
	Oid			base;
	Oid			function;
	char		category;
	bool		preferred;

	column->how = ES_INGEST_NO_COLUMN;
	for (int i = 0; i < desc->natts && attr == NULL; i++)
	{
		attr = TupleDescAttr(desc, i);
		if (attr->attisdropped || strcmp(NameStr(attr->attname), column->name) != 0)
			attr = NULL;
	}
	if (attr == NULL)
		return;

	column->type = attr->atttypid;
	column->typmod = attr->atttypmod;
	base = getBaseType(column->type);
	get_type_category_preferred(base, &category, &preferred);
	column->numeric = category == TYPCATEGORY_NUMERIC;
	getTypeInputInfo(column->type, &function, &column->typioparam);
	fmgr_info(function, &column->input);

	if (column->any_value && base != JSONOID && base != JSONBOID &&
		base != TEXTOID && base != VARCHAROID)
		column->how = ES_INGEST_NOT_JSON;
	else if (column->type == TEXTOID ||
			 (column->type == VARCHAROID && column->typmod < 0))
		column->how = ES_INGEST_AS_TEXT;
	else if (column->type == JSONOID && column->any_value)
		column->how = ES_INGEST_AS_JSON;
	else
		column->how = ES_INGEST_BY_INPUT;
}

bool
es_ingest_next_line(EsIngest *in, uint32 *fields)
{
	EsJsonStatus status = es_json_next(in->parser, &in->line, in->fields);

	if (status == ES_JSON_END)
		return false;
	if (status != ES_JSON_OK)
		report_line(in, status);

	*fields = 0;
	for (int i = 0; i < ES_INGEST_NFIELDS; i++)
		if (in->fields[i].type != ES_JSON_ABSENT)
			*fields |= 1U << i;
	check_fields(in, *fields);
	return true;
}

/*
 * Does the table have columns for these fields, one for each?
 */
static void
check_fields(EsIngest *in, uint32 fields)
{
	/* mostly they are those of the line before */
	if (in->statement != NULL && in->statement->fields == fields)
		return;

	for (int i = 0; i < ES_INGEST_NFIELDS; i++)
	{
		const EsIngestColumn *column = &in->columns[i];

		if (!(fields & (1U << i)))
			continue;
		if (column->how == ES_INGEST_NO_COLUMN)
			report_field(in, i, ERRCODE_UNDEFINED_COLUMN,
						 psprintf("table \"%s\" has no column for field \"%s\"",
								  in->relname, column->field),
						 psprintf("It would be stored in a column \"%s\".",
								  column->name));
		if (column->how == ES_INGEST_NOT_JSON)
			report_field(in, i, ERRCODE_DATATYPE_MISMATCH,
						 psprintf("column \"%s\" of table \"%s\" does not take JSON",
								  column->name, in->relname),
						 psprintf("Its type is %s, not json, jsonb or text.",
								  format_type_be(column->type)));
	}
	if ((fields & (1U << ES_INGEST_TIMESTAMP)) &&
		(fields & (1U << ES_INGEST_RECORDED_AT)))
		report_field(in, ES_INGEST_RECORDED_AT, ERRCODE_INVALID_PARAMETER_VALUE,
					 "fields \"timestamp\" and \"recorded_at\" exclude each other",
					 "Both are stored in column \"recorded_at\".");
}

/*
 * Raise an error for a line that the parser refuses.
 */
static void
report_line(EsIngest *in, EsJsonStatus status)
{
	const EsJsonError *error = &in->line.error;
	const char *key;
	int			key_size;

	switch (status)
	{
		case ES_JSON_NO_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory")));
			break;
		case ES_JSON_LINE_TOO_LONG:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("event is too large"),
					 errdetail("Line %llu: %s",
							   (unsigned long long) in->line.number,
							   es_json_describe(status))));
			break;
		case ES_JSON_UNKNOWN_KEY:
			key = original(in, error->key.data);
			key_size = Min(error->key.size, INT_MAX);
			key_size = pg_mbcliplen(key, key_size, ES_INGEST_SHOWN_NAME);
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("events have no field \"%.*s\"", key_size, key),
					 errdetail("Line %llu, byte %llu: %s",
							   (unsigned long long) in->line.number,
							   (unsigned long long) error->byte + 1,
							   es_json_describe(status)),
					 errhint("The fields are entity_id, event_type, timestamp or recorded_at, payload, metadata and event_id.")));
			break;
		case ES_JSON_DUPLICATE_KEY:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("field \"%s\" is given twice",
							in->columns[error->field].field),
					 errdetail("Line %llu, byte %llu: %s",
							   (unsigned long long) in->line.number,
							   (unsigned long long) error->byte + 1,
							   es_json_describe(status))));
			break;
		default:
			ereport(ERROR,
					(errcode(status == ES_JSON_BAD_UTF8 ?
							 ERRCODE_CHARACTER_NOT_IN_REPERTOIRE :
							 ERRCODE_INVALID_TEXT_REPRESENTATION),
					 status == ES_JSON_WANT_OBJECT ?
					 errmsg("event is not a JSON object") :
					 errmsg("event is not valid JSON"),
					 errdetail("Line %llu, byte %llu: %s",
							   (unsigned long long) in->line.number,
							   (unsigned long long) error->byte + 1,
							   es_json_describe(status))));
	}
}

/*
 * Raise an error about a field's value.
 */
static void
report_field(EsIngest *in, int field, int sqlstate, const char *message,
			 const char *detail)
{
	const char *value = in->fields[field].raw.data;

	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg_internal("%s", message),
			 errdetail("Line %llu, byte %llu: %s",
					   (unsigned long long) in->line.number,
					   (unsigned long long) (value - in->parsed -
											 in->line.offset + 1),
					   detail)));
}

Datum
es_ingest_get_value(EsIngest *in, int field, bool *isnull)
{
	static const char *const type_names[] = {
		[ES_JSON_BOOLEAN] = "a boolean",
		[ES_JSON_NUMBER] = "a number",
		[ES_JSON_ARRAY] = "an array",
		[ES_JSON_OBJECT] = "an object",
	};
	const EsIngestColumn *column = &in->columns[field];
	const EsJsonField *value = &in->fields[field];
	const char *raw = original(in, value->raw.data);
	Size		size = value->raw.size;

	*isnull = false;
	if (column->any_value)
	{
		if (column->how == ES_INGEST_AS_TEXT ||
			(column->how == ES_INGEST_AS_JSON &&
			 value->depth <= ES_INGEST_SAFE_DEPTH))
			return PointerGetDatum(cstring_to_text_with_len(raw, size));
		return call_input(in, field, pnstrdup(raw, size));
	}

	switch (value->type)
	{
		case ES_JSON_NULL:
			*isnull = true;
			/* the input function of a domain may object */
			return call_input(in, field, NULL);
		case ES_JSON_STRING:
			return read_string(in, field);
		case ES_JSON_NUMBER:
			if (column->numeric)
				return call_input(in, field, pnstrdup(raw, size));
			break;
		default:
			break;
	}
	report_field(in, field, ERRCODE_INVALID_PARAMETER_VALUE,
				 psprintf(column->numeric ?
						  "field \"%s\" must be a number or a string" :
						  "field \"%s\" must be a string", column->field),
				 psprintf("It is %s.", type_names[value->type]));
}

static Datum
read_string(EsIngest *in, int field)
{
	const EsJsonField *value = &in->fields[field];
	const char *content = original(in, value->raw.data) + 1;
	Size		size = value->raw.size - 2;

	if (value->escaped)
		content = decode_string(in, field, content, &size);
	if (in->columns[field].how == ES_INGEST_AS_TEXT)
		return PointerGetDatum(cstring_to_text_with_len(content, size));
	return call_input(in, field, pnstrdup(content, size));
}

/*
 * Replace the escapes in a string.
 */
static char *
decode_string(EsIngest *in, int field, const char *content, Size *size)
{
	const int	encoding = GetDatabaseEncoding();
	char	   *result = palloc(*size + 1);
	Size		result_size;
	Size		error;
	EsJsonStatus status;

	status = es_json_unescape(content, *size, result, &result_size, &error);
	if (status != ES_JSON_OK)
	{
		/* let the position be the escape's; the value ends here anyway */
		in->fields[field].raw.data += 1 + error;
		report_field(in, field, status == ES_JSON_NUL ?
					 ERRCODE_UNTRANSLATABLE_CHARACTER :
					 ERRCODE_INVALID_TEXT_REPRESENTATION,
					 psprintf("field \"%s\" cannot be converted to text",
							  in->columns[field].field),
					 es_json_describe(status));
	}

	/*
	 * What was escaped is UTF-8 now.  If the rest is not, let all of it be
	 * while the escapes are replaced.  Nothing is converted where the
	 * encoding is SQL_ASCII, which is any.
	 */
	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII)
	{
		char	   *utf8;

		in->doing = ES_INGEST_CONVERTING;
		in->field = field;
		utf8 = pg_server_to_any(content, *size, PG_UTF8);
		Assert(utf8 != content);
		(void) es_json_unescape(utf8, strlen(utf8), utf8, &result_size, &error);
		utf8[result_size] = '\0';
		result = pg_any_to_server(utf8, result_size, PG_UTF8);
		result_size = strlen(result);
		in->doing = ES_INGEST_PARSING;
	}
	*size = result_size;
	return result;
}

/*
 * Let the column's type read a value; NULL is null.
 */
static Datum
call_input(EsIngest *in, int field, char *value)
{
	EsIngestColumn *column = &in->columns[field];
	Datum		result;

	in->doing = ES_INGEST_CONVERTING;
	in->field = field;
	result = InputFunctionCall(&column->input, value, column->typioparam,
							   column->typmod);
	in->doing = ES_INGEST_PARSING;
	return result;
}
