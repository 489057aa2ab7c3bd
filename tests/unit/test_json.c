/*-------------------------------------------------------------------------
 *
 * test_json.c
 *	  The JSON line parser.
 *
 * Links: src/json/es_json_simdjson.cpp -lsimdjson
 *
 * simdjson picks an implementation for the machine; every one that it can run
 * is tested here, in a process of its own.
 *
 * IDENTIFICATION
 *	  tests/unit/test_json.c
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE				/* MAP_ANONYMOUS */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json/es_json.h"

#define lengthof(array) (sizeof(array) / sizeof((array)[0]))

/* exit status of a process whose implementation this machine cannot run */
#define EXIT_SKIP 77

static const char *const names[] = {"entity_id", "payload", "n"};

#define NNAMES ((int) lengthof(names))

/* the answers must not depend on it */
static const size_t windows[] = {1, 64, 1000, ES_JSON_WINDOW};

static int	nfailed;

static void
check(bool good, const char *what, const char *detail)
{
	if (good)
		return;
	nfailed++;
	printf("# failed: %s: %s\n", what, detail);
}

/* --- memory that ends where it may not be read --- */

static char *guarded;
static size_t guarded_size = 1 << 20;

static void
make_guarded(void)
{
	long		page = sysconf(_SC_PAGESIZE);

	guarded = mmap(NULL, guarded_size + page, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guarded == MAP_FAILED ||
		mprotect(guarded + guarded_size, page, PROT_NONE) != 0)
	{
		perror("guarded memory");
		exit(1);
	}
}

/*
 * Copy data to just before the page that may not be read.
 */
static const char *
guard(const char *data, size_t size)
{
	char	   *copy = guarded + guarded_size - size;

	memcpy(copy, data, size);
	return copy;
}

/* --- one line, one answer --- */

static const struct LineCase
{
	const char *line;
	EsJsonStatus status;
	size_t		byte;
	int			field;
}			line_cases[] = {
	{"{}", ES_JSON_OK, 0, -1},
	{" \t{ \"n\" : 1 } \r", ES_JSON_OK, 0, -1},
	{"{\"entity_id\":\"a\",\"payload\":{\"a\":[1,2,{}],\"a\":null},\"n\":-0.5e+3}",
	ES_JSON_OK, 0, -1},
	{"{\"n\":true,\"payload\":[],\"entity_id\":false}", ES_JSON_OK, 0, -1},
	{"{\"payload\":\"\\ud800\"}", ES_JSON_OK, 0, -1},
	{"{\"payload\":\"\\u0000\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", ES_JSON_OK, 0, -1},
	{"{\"payload\":\"\x7f\"}", ES_JSON_OK, 0, -1},
	{"{\"\\u006e\":1}", ES_JSON_OK, 0, -1},
	{"{\"payload\":1e999999,\"n\":123456789012345678901234567890}", ES_JSON_OK, 0, -1},

	/* not an object, or more than one */
	{"[1]", ES_JSON_WANT_OBJECT, 0, -1},
	{"  \"x\"", ES_JSON_WANT_OBJECT, 2, -1},
	{"1", ES_JSON_WANT_OBJECT, 0, -1},
	{"x", ES_JSON_WANT_OBJECT, 0, -1},
	{"\xef\xbb\xbf{}", ES_JSON_WANT_OBJECT, 0, -1},
	{"{}{}", ES_JSON_TRAILING, 2, -1},
	{"{} x", ES_JSON_TRAILING, 3, -1},
	{"{}\r{}", ES_JSON_TRAILING, 3, -1},
	{"{\"n\":1}}", ES_JSON_TRAILING, 7, -1},

	/* half a line */
	{"{", ES_JSON_CUT_SHORT, 1, -1},
	{"{\"n\"", ES_JSON_CUT_SHORT, 4, 2},
	{"{\"n\":", ES_JSON_CUT_SHORT, 5, 2},
	{"{\"n\":1", ES_JSON_CUT_SHORT, 6, -1},
	{"{\"n\":1,", ES_JSON_CUT_SHORT, 7, -1},
	{"{\"payload\":{\"a\":[1", ES_JSON_CUT_SHORT, 18, 1},
	{"{\"payload\":{\"a\":[", ES_JSON_CUT_SHORT, 17, 1},
	{"{\"payload\":\"abc", ES_JSON_OPEN_STRING, 11, -1},
	{"{\"payload\":\"abc\\\"", ES_JSON_OPEN_STRING, 11, -1},
	{"{\"pay", ES_JSON_OPEN_STRING, 1, -1},
	{"{\"n\":tru", ES_JSON_BAD_TOKEN, 5, 2},

	/* what stands where something else should */
	{"{n:1}", ES_JSON_WANT_KEY, 1, -1},
	{"{'n':1}", ES_JSON_WANT_KEY, 1, -1},
	{"{1:1}", ES_JSON_WANT_KEY, 1, -1},
	{"{\"n\":1,}", ES_JSON_WANT_KEY, 7, -1},
	{"{,}", ES_JSON_WANT_KEY, 1, -1},
	{"{\"payload\":{\"a\":1,}}", ES_JSON_WANT_KEY, 18, 1},
	{"{\"n\" 1}", ES_JSON_WANT_COLON, 5, 2},
	{"{\"n\",1}", ES_JSON_WANT_COLON, 4, 2},
	{"{\"payload\":{\"a\"}}", ES_JSON_WANT_COLON, 15, 1},
	{"{\"n\":}", ES_JSON_WANT_VALUE, 5, 2},
	{"{\"n\"::1}", ES_JSON_WANT_VALUE, 5, 2},
	{"{\"payload\":[1,]}", ES_JSON_WANT_VALUE, 14, 1},
	{"{\"payload\":[,]}", ES_JSON_WANT_VALUE, 12, 1},
	{"{\"n\":1 2}", ES_JSON_WANT_COMMA_OR_BRACE, 7, -1},
	{"{\"n\":1]", ES_JSON_WANT_COMMA_OR_BRACE, 6, -1},
	{"{\"n\":\"a\"\"b\"}", ES_JSON_WANT_COMMA_OR_BRACE, 8, -1},
	{"{\"n\":\"a\"b}", ES_JSON_WANT_COMMA_OR_BRACE, 8, -1},
	{"{\"n\":{}1}", ES_JSON_WANT_COMMA_OR_BRACE, 7, -1},
	{"{\"payload\":{\"a\":1]}", ES_JSON_WANT_COMMA_OR_BRACE, 17, 1},
	{"{\"payload\":[1}}", ES_JSON_WANT_COMMA_OR_BRACKET, 13, 1},
	{"{\"payload\":[1:2]}", ES_JSON_WANT_COMMA_OR_BRACKET, 13, 1},
	{"{\"payload\":[[1,2],[3}]", ES_JSON_WANT_COMMA_OR_BRACKET, 20, 1},

	/* scalars */
	{"{\"n\":True}", ES_JSON_BAD_TOKEN, 5, 2},
	{"{\"n\":nul}", ES_JSON_BAD_TOKEN, 5, 2},
	{"{\"n\":nulll}", ES_JSON_BAD_TOKEN, 5, 2},
	{"{\"n\":falsey}", ES_JSON_BAD_TOKEN, 5, 2},
	{"{\"n\":NaN}", ES_JSON_BAD_TOKEN, 5, 2},
	{"{\"n\":+1}", ES_JSON_BAD_TOKEN, 5, 2},
	{"{\"n\":.5}", ES_JSON_BAD_TOKEN, 5, 2},
	{"{\"n\":\x0c" "1}", ES_JSON_BAD_TOKEN, 5, 2},
	{"{\"n\":\x1a" "1}", ES_JSON_BAD_TOKEN, 5, 2},
	{"{\"n\":\x01}", ES_JSON_BAD_TOKEN, 5, 2},
	{"{\"n\":\xc3\xa4}", ES_JSON_BAD_TOKEN, 5, 2},
	{"{\"n\":-}", ES_JSON_BAD_NUMBER, 5, 2},
	{"{\"n\":01}", ES_JSON_BAD_NUMBER, 5, 2},
	{"{\"n\":-01}", ES_JSON_BAD_NUMBER, 5, 2},
	{"{\"n\":1.}", ES_JSON_BAD_NUMBER, 5, 2},
	{"{\"n\":1.e1}", ES_JSON_BAD_NUMBER, 5, 2},
	{"{\"n\":1e}", ES_JSON_BAD_NUMBER, 5, 2},
	{"{\"n\":1e+}", ES_JSON_BAD_NUMBER, 5, 2},
	{"{\"n\":1.5.5}", ES_JSON_BAD_NUMBER, 5, 2},
	{"{\"n\":1x}", ES_JSON_BAD_NUMBER, 5, 2},
	{"{\"n\":0x10}", ES_JSON_BAD_NUMBER, 5, 2},
	{"{\"n\":1\\}", ES_JSON_BAD_NUMBER, 5, 2},
	{"{\"payload\":[1,-]}", ES_JSON_BAD_NUMBER, 14, 1},

	/* strings */
	{"{\"payload\":\"\\x\"}", ES_JSON_BAD_ESCAPE, 12, 1},
	{"{\"payload\":\"a\\u12\"}", ES_JSON_BAD_ESCAPE, 13, 1},
	{"{\"payload\":\"\\u12g4\"}", ES_JSON_BAD_ESCAPE, 12, 1},
	{"{\"payload\":\"\\u00e4\\U00e4\"}", ES_JSON_BAD_ESCAPE, 18, 1},
	{"{\"payload\":{\"\\x\":1}}", ES_JSON_BAD_ESCAPE, 13, 1},
	{"{\"\\x\":1}", ES_JSON_BAD_ESCAPE, 2, -1},
	{"{\"payload\":\"a\rb\"}", ES_JSON_CONTROL_CHARACTER, 13, -1},
	{"{\"payload\":\"a\tb\"}", ES_JSON_CONTROL_CHARACTER, 13, -1},
	{"{\"payload\":[\"\x1f\"]}", ES_JSON_CONTROL_CHARACTER, 13, -1},
	{"{\"payload\":\"\xff\"}", ES_JSON_BAD_UTF8, 12, -1},
	{"{\"payload\":\"\xc3\"}", ES_JSON_BAD_UTF8, 12, -1},
	{"{\"payload\":\"\xc0\x80\"}", ES_JSON_BAD_UTF8, 12, -1},
	{"{\"payload\":\"\xed\xa0\x80\"}", ES_JSON_BAD_UTF8, 12, -1},
	{"{\"payload\":\"\xf4\x90\x80\x80\"}", ES_JSON_BAD_UTF8, 12, -1},
	{"{\"payload\":\"\xf0\x9f\x98", ES_JSON_BAD_UTF8, 12, -1},

	/* fields */
	{"{\"N\":1}", ES_JSON_UNKNOWN_KEY, 1, -1},
	{"{\"\":1}", ES_JSON_UNKNOWN_KEY, 1, -1},
	{"{\"n\":1,\"entity_id2\":1}", ES_JSON_UNKNOWN_KEY, 7, -1},
	{"{\"\\ud800\":1}", ES_JSON_UNKNOWN_KEY, 1, -1},
	{"{\"n\":1,\"n\":1}", ES_JSON_DUPLICATE_KEY, 7, 2},
	{"{\"n\":1,\"payload\":2,\"\\u006E\":null}", ES_JSON_DUPLICATE_KEY, 19, 2},
};

/*
 * Every case is the third of five lines, and it is the last of three without
 * a line end; windows cut this anywhere.
 */
static void
test_lines(void)
{
	for (size_t w = 0; w < lengthof(windows); w++)
	{
		EsJsonParser *parser = es_json_create(windows[w]);

		for (size_t i = 0; i < lengthof(line_cases) * 2; i++)
		{
			const struct LineCase *c = &line_cases[i / 2];
			const bool	last = i % 2;
			EsJsonLine	line;
			EsJsonField fields[NNAMES];
			EsJsonStatus status;
			char		data[1000];
			size_t		size;
			int			before = nfailed;

			size = snprintf(data, sizeof(data), "{\"n\":1}\n\n%s%s", c->line,
							last ? "" : "\r\n{\"n\":2}\r\n\r\n");
			es_json_begin(parser, guard(data, size), size, names, NNAMES);

			status = es_json_next(parser, &line, fields);
			check(status == ES_JSON_OK && line.number == 1 &&
				  fields[2].type == ES_JSON_NUMBER, "the line before", c->line);
			status = es_json_next(parser, &line, fields);
			check(status == c->status, "status", es_json_describe(status));
			check(line.number == 3 && line.offset == 9 &&
				  line.size == strlen(c->line), "line", c->line);
			if (c->status > ES_JSON_END)
				check(line.error.byte == c->byte &&
					  line.error.field == c->field, "position", c->line);
			if (!last)
			{
				status = es_json_next(parser, &line, fields);
				check(status == ES_JSON_OK && line.number == 4 &&
					  fields[2].raw.data[0] == '2', "the line after", c->line);
			}
			check(es_json_next(parser, &line, fields) == ES_JSON_END,
				  "the end", c->line);
			if (nfailed > before)
				printf("# in: %s (window %zu): status %d, byte %zu, field %d\n",
					   c->line, windows[w], (int) status, line.error.byte,
					   line.error.field);
		}
		es_json_destroy(parser);
	}
}

static bool
slice_is(EsJsonSlice slice, const char *text)
{
	return slice.size == strlen(text) &&
		memcmp(slice.data, text, slice.size) == 0;
}

/*
 * Types, slices, depths and escapes of fields.
 */
static void
test_fields(void)
{
	static const char data[] =
	"{ \"payload\" :  { \"a\" : [ [ ] , {} ] }  , \"n\":-1.5e3 ,"
	"\"entity_id\": \"a\\u00e4\" }\n"
	"{\"entity_id\":\"\",\"payload\":\"x\",\"n\":null}\n"
	"{\"payload\":[] ,\"n\":false}\n"
	"{\"bad\":1}";
	EsJsonParser *parser = es_json_create(ES_JSON_WINDOW);
	EsJsonLine	line;
	EsJsonField f[NNAMES];

	es_json_begin(parser, data, strlen(data), names, NNAMES);
	check(es_json_next(parser, &line, f) == ES_JSON_OK, "fields", "line 1");
	check(f[0].type == ES_JSON_STRING && f[0].escaped && f[0].depth == 0 &&
		  slice_is(f[0].raw, "\"a\\u00e4\""), "fields", "string");
	check(f[1].type == ES_JSON_OBJECT && !f[1].escaped && f[1].depth == 3 &&
		  slice_is(f[1].raw, "{ \"a\" : [ [ ] , {} ] }"), "fields", "object");
	check(f[2].type == ES_JSON_NUMBER && slice_is(f[2].raw, "-1.5e3"),
		  "fields", "number");

	check(es_json_next(parser, &line, f) == ES_JSON_OK, "fields", "line 2");
	check(f[0].type == ES_JSON_STRING && !f[0].escaped &&
		  slice_is(f[0].raw, "\"\""), "fields", "empty string");
	check(f[1].type == ES_JSON_STRING && f[1].depth == 0, "fields", "string");
	check(f[2].type == ES_JSON_NULL && slice_is(f[2].raw, "null"),
		  "fields", "null");

	check(es_json_next(parser, &line, f) == ES_JSON_OK, "fields", "line 3");
	check(f[0].type == ES_JSON_ABSENT, "fields", "absent");
	check(f[1].type == ES_JSON_ARRAY && f[1].depth == 1 &&
		  slice_is(f[1].raw, "[]"), "fields", "array");
	check(f[2].type == ES_JSON_BOOLEAN && slice_is(f[2].raw, "false"),
		  "fields", "boolean");

	check(es_json_next(parser, &line, f) == ES_JSON_UNKNOWN_KEY &&
		  slice_is(line.error.key, "bad"), "fields", "unknown key");
	es_json_destroy(parser);
}

struct EscapeCase
{
	const char *content;
	EsJsonStatus status;
	const char *text;
	size_t		error;
};

static void
test_unescape(void)
{
	static const struct EscapeCase cases[] = {
		{"", ES_JSON_OK, "", 0},
		{"plain", ES_JSON_OK, "plain", 0},
		{"\\\"\\\\\\/\\b\\f\\n\\r\\t", ES_JSON_OK, "\"\\/\b\f\n\r\t", 0},
		{"\\u0041\\u00e4\\u20AC", ES_JSON_OK, "A\xc3\xa4\xe2\x82\xac", 0},
		{"x\\ud83d\\ude00y", ES_JSON_OK, "x\xf0\x9f\x98\x80y", 0},
		{"\\udbff\\udfff", ES_JSON_OK, "\xf4\x8f\xbf\xbf", 0},
		{"\xe4\\u00e4", ES_JSON_OK, "\xe4\xc3\xa4", 0},
		{"ab\\u0000", ES_JSON_NUL, NULL, 2},
		{"a\\ud83d", ES_JSON_LONE_SURROGATE, NULL, 1},
		{"a\\ud83dxxxxxx", ES_JSON_LONE_SURROGATE, NULL, 1},
		{"a\\ud83d\\u0041", ES_JSON_LONE_SURROGATE, NULL, 1},
		{"a\\ud83d\\ud83d\\ude00", ES_JSON_LONE_SURROGATE, NULL, 1},
		{"\\ude00", ES_JSON_LONE_SURROGATE, NULL, 0},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		const struct EscapeCase *c = &cases[i];
		char		to[100];
		size_t		size = 0;
		size_t		error = 0;
		EsJsonStatus status;

		status = es_json_unescape(c->content, strlen(c->content), to, &size,
								  &error);
		check(status == c->status, "unescape", c->content);
		if (status != ES_JSON_OK)
			check(error == c->error, "unescape, position", c->content);
		else
			check(size == strlen(c->text) && memcmp(to, c->text, size) == 0,
				  "unescape, text", c->content);
	}
}

/*
 * A million levels, mixed; then the same without the last bracket, and with a
 * wrong one in the middle.
 */
static void
test_depth(void)
{
	const size_t levels = 1000000;
	char	   *data = malloc(levels * 7 + 100);
	char	   *middle = NULL;
	char	   *p = data;
	EsJsonParser *parser = es_json_create(ES_JSON_WINDOW);
	EsJsonLine	line;
	EsJsonField fields[NNAMES];

	p += sprintf(p, "{\"payload\":");
	for (size_t i = 0; i < levels; i++)
		p += sprintf(p, i % 3 ? "[" : "{\"\":");
	p += sprintf(p, "0");
	for (size_t i = levels; i-- > 0;)
	{
		if (i == levels / 2)
			middle = p;
		*p++ = i % 3 ? ']' : '}';
	}
	*p++ = '}';

	es_json_begin(parser, data, p - data, names, NNAMES);
	check(es_json_next(parser, &line, fields) == ES_JSON_OK, "depth", "good");
	check(fields[1].depth == levels, "depth", "levels");
	es_json_begin(parser, data, p - data - 1, names, NNAMES);
	check(es_json_next(parser, &line, fields) == ES_JSON_CUT_SHORT, "depth",
		  "cut");
	*middle ^= ']' ^ '}';
	es_json_begin(parser, data, p - data, names, NNAMES);
	check(es_json_next(parser, &line, fields) >= ES_JSON_WANT_COMMA_OR_BRACE &&
		  (size_t) (middle - data) == line.error.byte, "depth", "wrong bracket");
	es_json_destroy(parser);
	free(data);
}

/* --- random lines against the grammar, written down as it is --- */

static uint64_t random_state = 88172645463325252;

static uint32_t
rnd(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % n;
}

static const char *
skip_space(const char *s)
{
	return s + strspn(s, " \t\r");
}

static const char *
plain_string(const char *s)
{
	if (*s++ != '"')
		return NULL;
	while (*s != '"')
	{
		if ((unsigned char) *s < ' ')
			return NULL;
		if ((unsigned char) *s >= 0x80)
		{
			/* the only such character here */
			if (strncmp(s, "\xc3\xa4", 2) != 0)
				return NULL;
			s += 2;
			continue;
		}
		if (*s++ != '\\')
			continue;
		if (*s == 'u' && strspn(s + 1, "0123456789abcdefABCDEF") >= 4)
			s += 5;
		else if (*s != '\0' && strchr("\"\\/bfnrt", *s))
			s++;
		else
			return NULL;
	}
	return s + 1;
}

static const char *
plain_number(const char *s)
{
	size_t		digits;

	s += *s == '-';
	digits = strspn(s, "0123456789");
	if (digits == 0 || (*s == '0' && digits > 1))
		return NULL;
	s += digits;
	if (*s == '.')
	{
		digits = strspn(s + 1, "0123456789");
		if (digits == 0)
			return NULL;
		s += 1 + digits;
	}
	if (*s == 'e' || *s == 'E')
	{
		s++;
		s += *s == '+' || *s == '-';
		digits = strspn(s, "0123456789");
		if (digits == 0)
			return NULL;
		s += digits;
	}
	return s;
}

/*
 * Behind the JSON value that begins at s, or NULL if there is none.  No part
 * of the parser under test is in here.
 */
static const char *
plain_value(const char *s)
{
	const char	close = *s == '{' ? '}' : ']';

	if (*s == '"')
		return plain_string(s);
	if (strncmp(s, "null", 4) == 0 || strncmp(s, "true", 4) == 0)
		return s + 4;
	if (strncmp(s, "false", 5) == 0)
		return s + 5;
	if (*s != '{' && *s != '[')
		return plain_number(s);

	s = skip_space(s + 1);
	if (*s == close)
		return s + 1;
	for (;;)
	{
		if (close == '}')
		{
			s = plain_string(s);
			if (s == NULL)
				return NULL;
			s = skip_space(s);
			if (*s++ != ':')
				return NULL;
			s = skip_space(s);
		}
		s = plain_value(s);
		if (s == NULL)
			return NULL;
		s = skip_space(s);
		if (*s == close)
			return s + 1;
		if (*s++ != ',')
			return NULL;
		s = skip_space(s);
	}
}

static bool
plain_valid(const char *s)
{
	s = plain_value(skip_space(s));
	return s != NULL && *skip_space(s) == '\0';
}

static char *
random_value(char *to, int depth)
{
	static const char *const scalars[] = {
		"0", "-1", "12.5", "1e9", "-0.0E-07", "true", "false", "null",
		"\"\"", "\"abc\"", "\"\\\"\"", "\"\\\\\"", "\"a\\u00e4\\n\"",
		"\"{[,:]}\"", "\"\\\\\\\"\"", "\"\xc3\xa4\"",
		"\"a longer string, so that blocks of 64 bytes end inside of it\""
	};
	static const char *const spaces[] = {"", "", "", " ", "\t", "  \r "};
	uint32_t	kind = rnd(depth > 0 ? 4 : 2);
	uint32_t	n = rnd(4);

	if (kind < 2)
		return to + sprintf(to, "%s", scalars[rnd(lengthof(scalars))]);
	*to++ = kind == 2 ? '{' : '[';
	for (uint32_t i = 0; i < n; i++)
	{
		to += sprintf(to, "%s%s", i > 0 ? "," : "", spaces[rnd(6)]);
		if (kind == 2)
			to += sprintf(to, "%s%s:%s", scalars[8 + rnd(8)], spaces[rnd(6)],
						  spaces[rnd(6)]);
		to = random_value(to, depth - 1);
		to += sprintf(to, "%s", spaces[rnd(6)]);
	}
	*to++ = kind == 2 ? '}' : ']';
	*to = '\0';
	return to;
}

/*
 * Lines of one random value, half of them spoilt, parsed together: each must be
 * taken exactly if the grammar takes its value, and the value come back as it
 * was written.
 */
static void
test_random(void)
{
	static const char spoil[] = "\"\\{}[],: \t\r0-1.eEtfnu\x01\x0c\x1a\xc3\xa4";
	static char values[40][10000];
	static char data[40 * 10020];
	EsJsonLine	line;
	EsJsonField fields[NNAMES];
	int			nvalid = 0;
	int			nlines = 0;

	for (int round = 0; round < 6000; round++)
	{
		EsJsonParser *parser = es_json_create(windows[round % lengthof(windows)]);
		int			n = 1 + rnd(40);
		char	   *p = data;

		for (int i = 0; i < n; i++)
		{
			char	   *end = random_value(values[i], 4);
			uint32_t	nspoilt = rnd(2) * rnd(4);

			while (nspoilt-- > 0)
				values[i][rnd(end - values[i])] = spoil[rnd(sizeof(spoil) - 1)];
			p += sprintf(p, "{\"payload\":%s}%s", values[i],
						 i < n - 1 || rnd(2) ? "\n" : "");
		}
		es_json_begin(parser, guard(data, p - data), p - data, names, NNAMES);
		for (int i = 0; i < n; i++)
		{
			EsJsonStatus status = es_json_next(parser, &line, fields);
			bool		valid = plain_valid(values[i]);

			nlines++;
			nvalid += valid;
			check(line.number == (uint64_t) i + 1, "random, number", values[i]);
			if ((status == ES_JSON_OK) != valid)
			{
				check(false, "random, verdict", values[i]);
				printf("# window %zu: %s\n", windows[round % lengthof(windows)],
					   es_json_describe(status));
			}
			else if (valid)
			{
				const char *value = skip_space(values[i]);
				const char *end = plain_value(value);

				check(fields[1].raw.size == (size_t) (end - value) &&
					  memcmp(fields[1].raw.data, value, end - value) == 0,
					  "random, value", values[i]);
			}
			if (nfailed > 20)
				exit(1);
		}
		check(es_json_next(parser, &line, fields) == ES_JSON_END,
			  "random", "the end");
		es_json_destroy(parser);
	}
	/* else the test would prove little */
	check(nvalid > nlines / 3 && nvalid < nlines * 9 / 10, "random", "mixture");
}

/*
 * A buffer of nothing, of line ends, of white space.
 */
static void
test_blank(void)
{
	static const char *const blank[] = {"", "\n", " ", "\n\n \t\r\n\r\n  "};
	EsJsonLine	line;
	EsJsonField fields[NNAMES];

	for (size_t w = 0; w < lengthof(windows); w++)
	{
		EsJsonParser *parser = es_json_create(windows[w]);

		for (size_t i = 0; i < lengthof(blank); i++)
		{
			es_json_begin(parser, guard(blank[i], strlen(blank[i])),
						  strlen(blank[i]), names, NNAMES);
			for (int again = 0; again < 2; again++)
				check(es_json_next(parser, &line, fields) == ES_JSON_END,
					  "blank", blank[i]);
		}
		es_json_destroy(parser);
	}
}

static void
skip(int signal_number)
{
	(void) signal_number;
	_exit(EXIT_SKIP);
}

static void
test_all(void)
{
	EsJsonParser *parser = es_json_create(ES_JSON_WINDOW);
	EsJsonLine	line;
	EsJsonField fields[NNAMES];

	es_json_begin(parser, "{}", 2, names, NNAMES);
	if (es_json_next(parser, &line, fields) != ES_JSON_OK)
		_exit(EXIT_SKIP);
	es_json_destroy(parser);

	make_guarded();
	test_blank();
	test_lines();
	test_fields();
	test_unescape();
	test_depth();
	test_random();
	fflush(stdout);
	_exit(nfailed > 0);
}

int
main(void)
{
	/* NULL: the one that simdjson picks */
	static const char *const implementations[] = {
		NULL, "icelake", "haswell", "westmere", "arm64", "ppc64", "fallback"
	};
	int			bad = 0;

	printf("1..%zu\n", lengthof(implementations));
	for (size_t i = 0; i < lengthof(implementations); i++)
	{
		const char *name = implementations[i] ? implementations[i] : "default";
		pid_t		child;
		int			status;

		fflush(stdout);
		child = fork();
		if (child == 0)
		{
			/* forced on a machine that lacks its instructions */
			if (implementations[i])
			{
				setenv("SIMDJSON_FORCE_IMPLEMENTATION", name, 1);
				signal(SIGILL, skip);
			}
			test_all();
		}
		if (child < 0 || waitpid(child, &status, 0) != child)
		{
			perror("fork");
			return 1;
		}

		if (implementations[i] && WIFEXITED(status) &&
			WEXITSTATUS(status) == EXIT_SKIP)
			printf("ok %zu - json lines, %s # SKIP not on this machine\n",
				   i + 1, name);
		else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			printf("ok %zu - json lines, %s\n", i + 1, name);
		else
		{
			bad++;
			printf("not ok %zu - json lines, %s (status %d)\n", i + 1, name,
				   status);
		}
	}
	return bad > 0;
}
