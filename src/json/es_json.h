/*-------------------------------------------------------------------------
 *
 * es_json.h
 *	  JSON lines: take the fields of one object a line out of a buffer.
 *
 * A parser is given a whole buffer of lines and hands out one line after the
 * other: the fields that the caller named, as slices of the buffer.  Nothing
 * is copied and, once a parser has seen its longest line, nothing allocated.
 *
 *	  parser = es_json_create(ES_JSON_WINDOW);
 *	  es_json_begin(parser, data, size, names, nnames);
 *	  while ((status = es_json_next(parser, &line, fields)) == ES_JSON_OK)
 *		  ... fields[i] is the value of names[i] ...
 *	  if (status != ES_JSON_END)
 *		  ... line.error says what, where and in which field ...
 *	  es_json_destroy(parser);
 *
 * Lines end with LF, with CR LF, or with the buffer.  Lines of nothing but
 * white space are counted and passed over.  Any other line has to be one JSON
 * object, whose members are among the names and given once each.
 *
 * What is valid JSON: exactly what PostgreSQL's type json takes.  So a \u
 * escape needs four hexadecimal digits but no partner, numbers have no limits,
 * inner objects may repeat a key.  The whole line is checked, also inside of
 * values that nobody looks into.  In one thing it is more generous: values
 * are nested as deeply as memory lasts, where PostgreSQL's parser, which
 * recurses, gives up before its stack does; see EsJsonField.depth.
 *
 * Nothing here knows PostgreSQL: it does not palloc, does not ereport (which
 * would jump over C++ frames), and no exception leaves it.
 *
 * IDENTIFICATION
 *	  src/json/es_json.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_JSON_H
#define ES_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* C and C++ know these functions by the same names. */
#ifdef __cplusplus
#define ES_JSON_EXTERN	extern "C"
#else
#define ES_JSON_EXTERN	extern
#endif

/*
 * How many bytes of the buffer to look at in one go, unless a line is longer.
 * Large enough that starting a pass costs nothing, small enough that lines and
 * their index are still in the second-level cache when they are taken apart.
 */
#define ES_JSON_WINDOW		(128 * 1024)

/* Most names that es_json_begin takes, and the longest of them in bytes. */
#define ES_JSON_MAX_NAMES	32
#define ES_JSON_MAX_NAME	64

typedef struct EsJsonParser EsJsonParser;

typedef enum EsJsonStatus
{
	ES_JSON_OK = 0,
	ES_JSON_END,				/* there are no more lines */

	/* The parser cannot go on. */
	ES_JSON_NO_MEMORY,
	ES_JSON_LINE_TOO_LONG,		/* 4 GB */

	/* The line is no JSON. */
	ES_JSON_BAD_UTF8,
	ES_JSON_CONTROL_CHARACTER,	/* in a string */
	ES_JSON_OPEN_STRING,		/* the line ends within a string */
	ES_JSON_CUT_SHORT,			/* the line ends within the object */
	ES_JSON_BAD_TOKEN,			/* neither a bracket nor a value */
	ES_JSON_BAD_NUMBER,
	ES_JSON_BAD_ESCAPE,			/* in a string */
	ES_JSON_WANT_KEY,
	ES_JSON_WANT_COLON,
	ES_JSON_WANT_VALUE,
	ES_JSON_WANT_COMMA_OR_BRACE,
	ES_JSON_WANT_COMMA_OR_BRACKET,
	ES_JSON_TRAILING,			/* something follows the object */

	/* The line is JSON, but not what was asked for. */
	ES_JSON_WANT_OBJECT,
	ES_JSON_UNKNOWN_KEY,
	ES_JSON_DUPLICATE_KEY,

	/* A string has no text; of es_json_unescape alone. */
	ES_JSON_LONE_SURROGATE,
	ES_JSON_NUL
} EsJsonStatus;

typedef enum EsJsonType
{
	ES_JSON_ABSENT = 0,			/* the line does not have this field */
	ES_JSON_NULL,
	ES_JSON_BOOLEAN,
	ES_JSON_NUMBER,
	ES_JSON_STRING,
	ES_JSON_ARRAY,
	ES_JSON_OBJECT
} EsJsonType;

/* Bytes of the caller's buffer; no terminating NUL. */
typedef struct EsJsonSlice
{
	const char *data;
	size_t		size;
} EsJsonSlice;

typedef struct EsJsonField
{
	EsJsonType	type;
	bool		escaped;		/* a string with a backslash in it */
	uint32_t	depth;			/* levels of arrays and objects in the value */
	EsJsonSlice raw;			/* the value as it is written: with quotes,
								 * without white space around it */
} EsJsonField;

typedef struct EsJsonError
{
	size_t		byte;			/* of the line, from 0 */
	int			field;			/* index of the name, or -1: not in one */
	EsJsonSlice key;			/* ES_JSON_UNKNOWN_KEY: as it is written,
								 * without quotes */
} EsJsonError;

typedef struct EsJsonLine
{
	uint64_t	number;			/* from 1 */
	size_t		offset;			/* of its first byte in the buffer */
	size_t		size;			/* without its LF or CR LF */
	EsJsonError error;			/* set where the status is an error */
} EsJsonLine;

/*
 * Make a parser that looks at about "window" bytes at once; the window changes
 * the speed, never an answer.  NULL if there is no memory.
 */
ES_JSON_EXTERN EsJsonParser *es_json_create(size_t window);

/*
 * Free a parser.  NULL is allowed.
 */
ES_JSON_EXTERN void es_json_destroy(EsJsonParser *parser);

/*
 * Begin with the first line of "data", asking for the fields called "names".
 * Both have to stay as they are until the last call of es_json_next.  Nothing
 * outside of data[0] to data[size - 1] is read.
 */
ES_JSON_EXTERN void es_json_begin(EsJsonParser *parser,
								  const char *data, size_t size,
								  const char *const *names, int nnames);

/*
 * Take the next line apart.  ES_JSON_OK fills fields[0] to fields[nnames - 1]
 * and "line"; an error fills "line" alone.  After an error in the line the
 * next call goes on with the line after it.
 */
ES_JSON_EXTERN EsJsonStatus es_json_next(EsJsonParser *parser,
										 EsJsonLine *line,
										 EsJsonField *fields);

/*
 * Replace the escapes in what stands between the quotes of a string that
 * es_json_next found: "content" may be written over itself, the result is never
 * longer.  The rest of it can be in any encoding that keeps ASCII bytes for
 * ASCII; what escapes stand for becomes UTF-8.
 *
 * *error is the byte of the content that ES_JSON_LONE_SURROGATE or ES_JSON_NUL
 * are about.
 */
ES_JSON_EXTERN EsJsonStatus es_json_unescape(const char *content, size_t size,
											 char *to, size_t *to_size,
											 size_t *error);

/*
 * What a status means, as a sentence that can follow "line, byte: ".
 */
ES_JSON_EXTERN const char *es_json_describe(EsJsonStatus status);

#endif							/* ES_JSON_H */
