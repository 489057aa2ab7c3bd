/*-------------------------------------------------------------------------
 *
 * fuzz_json.c
 *	  libFuzzer: the JSON line parser against PostgreSQL's own.
 *
 * Built and run by hand, with clang and the development files of PostgreSQL 15:
 *
 *	  P=$(pg_config --includedir-server) L=$(pg_config --pkglibdir)
 *	  F='-g -O1 -fsanitize=fuzzer-no-link,address,undefined -Isrc'
 *	  clang++ $F -std=c++17 -c src/json/es_json_simdjson.cpp -o json.o
 *	  clang $F -Wno-ignored-attributes -DFRONTEND -I$P -c tests/fuzz/fuzz_json.c \
 *		  -o fuzz_json.o
 *	  clang++ -fsanitize=fuzzer,address,undefined fuzz_json.o json.o \
 *		  -lsimdjson $L/libpgcommon.a $L/libpgport.a -o fuzz_json
 *	  ./fuzz_json -max_len=2048 -max_total_time=300 [FOLDER WITH EXAMPLES]
 *
 * Run it again with SIMDJSON_FORCE_IMPLEMENTATION=fallback in the environment.
 *
 * Three things must hold for any bytes:
 *
 *	  - used as a payload they are taken exactly if PostgreSQL's json takes
 *		them, and come back as they were, without white space around them;
 *	  - as lines they give the same answers whatever the window is;
 *	  - what the parser takes for a string can be unescaped or is refused, with
 *		the error inside of it.
 *
 * IDENTIFICATION
 *	  tests/fuzz/fuzz_json.c
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

#include "json/es_json.h"

#define require(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"payload"};
static const char *const many_names[] = {"a", "payload", "entity_id"};

/*
 * Does PostgreSQL's json take these bytes?
 */
static bool
server_takes(const char *json, size_t size)
{
	JsonLexContext *lex;
	JsonParseErrorType result;

	if (pg_encoding_verifymbstr(PG_UTF8, json, size) != (int) size)
		return false;
	lex = makeJsonLexContextCstringLen(unconstify(char *, json), size,
									   PG_UTF8, false);
	result = pg_parse_json(lex, &nullSemAction);
	free(lex);
	return result == JSON_SUCCESS;
}

static void
check_string(const EsJsonField *field)
{
	const char *content = field->raw.data + 1;
	size_t		size = field->raw.size - 2;
	char	   *to = malloc(size + 1);
	size_t		to_size = 0;
	size_t		error = 0;
	EsJsonStatus status;

	require(field->escaped == (memchr(content, '\\', size) != NULL));
	status = es_json_unescape(content, size, to, &to_size, &error);
	if (status == ES_JSON_OK)
		require(to_size <= size &&
				pg_encoding_verifymbstr(PG_UTF8, to, to_size) == (int) to_size);
	else
		require(error < size && content[error] == '\\');
	free(to);
}

/*
 * The bytes as a payload.
 */
static void
check_payload(const char *json, size_t size)
{
	static const char before[] = "{\"payload\":";
	char	   *event = malloc(sizeof(before) + size);
	EsJsonParser *parser = es_json_create(ES_JSON_WINDOW);
	EsJsonLine	line;
	EsJsonField field;
	EsJsonStatus status;

	memcpy(event, before, sizeof(before) - 1);
	memcpy(event + sizeof(before) - 1, json, size);
	/* to PostgreSQL a line end is white space, here it ends the event */
	for (size_t i = 0; i < size; i++)
		if (event[sizeof(before) - 1 + i] == '\n')
			event[sizeof(before) - 1 + i] = ' ';
	json = event + sizeof(before) - 1;
	event[sizeof(before) - 1 + size] = '}';

	es_json_begin(parser, event, sizeof(before) + size, names, 1);
	status = es_json_next(parser, &line, &field);
	require((status == ES_JSON_OK) == server_takes(json, size));
	require(line.number == 1 && line.offset == 0);
	if (status == ES_JSON_OK)
	{
		const char *end = field.raw.data + field.raw.size;

		require(strspn(json, " \t\r") == (size_t) (field.raw.data - json));
		require(strspn(end, " \t\r") == (size_t) (json + size - end));
		if (field.type == ES_JSON_STRING)
			check_string(&field);
	}
	else
	{
		require(line.error.byte <= line.size);
		require(es_json_describe(status)[0] != '\0');
	}
	es_json_destroy(parser);
	free(event);
}

/*
 * The bytes as lines, in one window and in the smallest ones.
 */
static void
check_lines(const char *data, size_t size)
{
	EsJsonParser *one = es_json_create(ES_JSON_WINDOW);
	EsJsonParser *many = es_json_create(1);
	EsJsonStatus status;

	es_json_begin(one, data, size, many_names, lengthof(many_names));
	es_json_begin(many, data, size, many_names, lengthof(many_names));
	do
	{
		EsJsonLine	line1;
		EsJsonLine	line2;
		EsJsonField fields1[lengthof(many_names)];
		EsJsonField fields2[lengthof(many_names)];

		status = es_json_next(one, &line1, fields1);
		require(status == es_json_next(many, &line2, fields2));
		if (status == ES_JSON_END)
			break;
		require(line1.number == line2.number && line1.offset == line2.offset &&
				line1.size == line2.size);
		require(line1.error.byte == line2.error.byte &&
				line1.error.field == line2.error.field);
		for (size_t i = 0; status == ES_JSON_OK && i < lengthof(many_names); i++)
		{
			require(fields1[i].type == fields2[i].type);
			if (fields1[i].type == ES_JSON_ABSENT)
				continue;
			require(fields1[i].raw.data == fields2[i].raw.data &&
					fields1[i].raw.size == fields2[i].raw.size &&
					fields1[i].depth == fields2[i].depth);
			require(fields1[i].raw.data >= data + line1.offset &&
					fields1[i].raw.data + fields1[i].raw.size <=
					data + line1.offset + line1.size);
			if (fields1[i].type == ES_JSON_STRING)
				check_string(&fields1[i]);
		}
	} while (true);
	es_json_destroy(one);
	es_json_destroy(many);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* exactly as many bytes, so that the sanitizer sees the first one behind */
	char	   *copy = malloc(size);

	memcpy(copy, data, size);
	/* text has no NUL */
	for (size_t i = 0; i < size; i++)
		if (copy[i] == '\0')
			copy[i] = ' ';
	check_payload(copy, size);
	check_lines(copy, size);
	free(copy);
	return 0;
}
