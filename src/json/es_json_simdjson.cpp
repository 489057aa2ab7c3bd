/*-------------------------------------------------------------------------
 *
 * es_json_simdjson.cpp
 *	  JSON lines with simdjson: the only C++ file.
 *
 * simdjson works in two stages.  The first, where its speed comes from, runs
 * over the bytes with the widest vectors of the machine, checks UTF-8 and
 * writes down where every token begins: brackets, colons, commas, and the first
 * byte of strings and scalars.  The second builds something from these
 * positions; there are several, and none is what is needed here: they go
 * through one document a call, refuse numbers that do not fit 64 bits and
 * nesting beyond a limit, and the lazy one does not look at what it is not
 * asked for.  So this file uses the first stage, over a window of many lines
 * at once, and walks the tokens itself.  Its interface is in simdjson's
 * namespace "internal", but has been the same from version 3.0 to 4.6.
 *
 * What the walk relies on, all of it checked by tests/unit/test_json.c for
 * every implementation that the machine can run:
 *
 *	  - between the last byte of a token and the first byte of the next one
 *		there is nothing but white space, so a token ends where white space
 *		before its successor begins;
 *	  - where the first stage reports no error, no string goes over the end of
 *		a line: LF is a control character, which strings may not have.  (The
 *		implementation without vectors lets one pass behind a backslash; then
 *		the string token does not end in a quote within its line.)
 *
 * If there is an error anywhere in a window it is done again line by line.  The
 * first stage does not say where its errors are; then the line is searched byte
 * by byte.
 *
 * IDENTIFICATION
 *	  src/json/es_json_simdjson.cpp
 *-------------------------------------------------------------------------
 */
#include <cstring>
#include <memory>
#include <new>

#include <simdjson.h>

#include "json/es_json_internal.h"

using Stage1 = simdjson::internal::dom_parser_implementation;

/* Readable bytes that simdjson wants behind what it parses. */
static constexpr size_t PADDING = simdjson::SIMDJSON_PADDING;

struct EsJsonParser
{
	/* memory, for windows up to "capacity" bytes */
	std::unique_ptr<Stage1> stage1;
	std::unique_ptr<char[]> padded;	/* a copy of the last window */
	size_t		padded_size = 0;
	std::unique_ptr<uint64_t[]> levels;	/* a bit an open bracket: is it '{'? */
	size_t		capacity = 0;
	size_t		window = 0;		/* bytes to look at in one go */

	/* what es_json_begin was given */
	const char *data = nullptr;
	size_t		size = 0;
	const char *const *names = nullptr;
	size_t		name_size[ES_JSON_MAX_NAMES] = {};
	int			nnames = 0;

	/* where es_json_next is */
	size_t		next = 0;		/* first byte of the next line */
	uint64_t	number = 0;		/* of the line before it */
	size_t		window_start = 0;
	size_t		window_end = 0;
	size_t		single_until = 0;	/* up to here a line is a window */
	const uint32_t *token = nullptr;	/* next token, relative to the window */
};

namespace
{

/*
 * The walk over the tokens of one line.  All positions count from the window.
 */
class Walk
{
public:
	Walk(const EsJsonParser &parser, size_t start, size_t end)
		: token(parser.token), parser(parser),
		  bytes(parser.data + parser.window_start),
		  start((uint32_t) start), end((uint32_t) end),
		  backslash(memchr(bytes + start, '\\', end - start) != nullptr)
	{
	}

	EsJsonStatus object(EsJsonField *fields);

	const uint32_t *token;		/* the next one */

	/* where and why the walk stopped, if it did */
	EsJsonStatus status = ES_JSON_OK;
	EsJsonError error = {0, -1, {nullptr, 0}};

private:
	bool		fail(EsJsonStatus why, size_t position);
	bool		fail_here(EsJsonStatus why);
	char		peek() const;
	bool		expect(char c, EsJsonStatus otherwise);
	uint32_t	token_last() const;
	bool		string();
	bool		scalar();
	bool		value(EsJsonField &field);
	bool		nested(uint32_t &depth);
	int			key();
	int			find(const char *name, size_t size) const;

	const EsJsonParser &parser;
	const char *const bytes;
	const uint32_t start;
	const uint32_t end;
	const bool	backslash;		/* is there one in the line at all? */
	uint32_t	last = 0;		/* last byte of the token gone over */
	int			guess = 0;		/* lines mostly have their fields in order */
};

bool
Walk::fail(EsJsonStatus why, size_t position)
{
	status = why;
	error.byte = position - start;
	return false;
}

/*
 * Fail at the next token, or because there is none.
 */
bool
Walk::fail_here(EsJsonStatus why)
{
	return *token < end ? fail(why, *token) : fail(ES_JSON_CUT_SHORT, end);
}

/*
 * First byte of the token, or NUL at the end of the line (and for a NUL, which
 * no token begins with either).
 */
inline char
Walk::peek() const
{
	return *token < end ? bytes[*token] : '\0';
}

/*
 * Go over a token of one character.
 */
inline bool
Walk::expect(char c, EsJsonStatus otherwise)
{
	if (peek() != c)
		return fail_here(otherwise);
	token++;
	return true;
}

/*
 * Last byte of the token, which is in the line.
 */
inline uint32_t
Walk::token_last() const
{
	uint32_t	e = (token[1] < end ? token[1] : end) - 1;

	while (is_space(bytes[e]))
		e--;
	return e;
}

/*
 * Check a string and go over it.
 */
inline bool
Walk::string()
{
	const uint32_t first = *token;

	last = token_last();
	if (last == first || bytes[last] != '"')
		return fail(ES_JSON_OPEN_STRING, first);
	if (backslash)
	{
		const char *s = bytes + first + 1;
		const char *const close = bytes + last;

		while (s < close &&
			   (s = (const char *) memchr(s, '\\', close - s)) != nullptr)
		{
			size_t		skip = 2;

			if (s[1] == 'u' && hex4(s + 2, close) >= 0)
				skip = 6;
			else if (s[1] == '\0' || strchr("\"\\/bfnrt", s[1]) == nullptr)
				return fail(ES_JSON_BAD_ESCAPE, s - bytes);
			s += skip;
		}
	}
	token++;
	return true;
}

/*
 * Check what is neither bracket nor string and go over it.
 */
inline bool
Walk::scalar()
{
	const char *s;
	size_t		size;

	if (*token >= end)
		return fail(ES_JSON_CUT_SHORT, end);
	s = bytes + *token;
	last = token_last();
	size = last + 1 - *token;
	switch (*s)
	{
		case 't':
			if (size != 4 || memcmp(s, "true", 4) != 0)
				return fail(ES_JSON_BAD_TOKEN, *token);
			break;
		case 'f':
			if (size != 5 || memcmp(s, "false", 5) != 0)
				return fail(ES_JSON_BAD_TOKEN, *token);
			break;
		case 'n':
			if (size != 4 || memcmp(s, "null", 4) != 0)
				return fail(ES_JSON_BAD_TOKEN, *token);
			break;
		case '-':
		case '0':
		case '1':
		case '2':
		case '3':
		case '4':
		case '5':
		case '6':
		case '7':
		case '8':
		case '9':
			if (!is_number(s, size))
				return fail(ES_JSON_BAD_NUMBER, *token);
			break;
		case '}':
		case ']':
		case ',':
		case ':':
			return fail(ES_JSON_WANT_VALUE, *token);
		default:
			return fail(ES_JSON_BAD_TOKEN, *token);
	}
	token++;
	return true;
}

/*
 * Check an array or object and go over it.  The open brackets are bits, not
 * calls: the depth is limited by the line alone.
 */
bool
Walk::nested(uint32_t &depth)
{
	uint64_t   *const levels = parser.levels.get();
	uint32_t	level = 0;

value:
	switch (peek())
	{
		case '{':
			levels[level / 64] |= UINT64_C(1) << (level % 64);
			level++;
			token++;
			if (peek() == '}')
				goto close;
			goto member;
		case '[':
			levels[level / 64] &= ~(UINT64_C(1) << (level % 64));
			level++;
			token++;
			if (peek() == ']')
				goto close;
			goto value;
		case '"':
			if (!string())
				return false;
			break;
		default:
			if (!scalar())
				return false;
			break;
	}

next:
	if ((levels[(level - 1) / 64] >> ((level - 1) % 64)) & 1)
	{
		if (peek() == '}')
			goto close;
		if (!expect(',', ES_JSON_WANT_COMMA_OR_BRACE))
			return false;
		goto member;
	}
	if (peek() == ']')
		goto close;
	if (!expect(',', ES_JSON_WANT_COMMA_OR_BRACKET))
		return false;
	goto value;

member:
	if (peek() != '"')
		return fail_here(ES_JSON_WANT_KEY);
	if (!string() || !expect(':', ES_JSON_WANT_COLON))
		return false;
	goto value;

close:
	if (level > depth)
		depth = level;
	last = *token++;
	level--;
	if (level > 0)
		goto next;
	return true;
}

/*
 * Check the value of a field, go over it and say what it is.
 */
bool
Walk::value(EsJsonField &field)
{
	const uint32_t first = *token;
	uint32_t	depth = 0;
	EsJsonType	type;

	switch (peek())
	{
		case '{':
			type = ES_JSON_OBJECT;
			break;
		case '[':
			type = ES_JSON_ARRAY;
			break;
		case '"':
			type = ES_JSON_STRING;
			break;
		case 't':
		case 'f':
			type = ES_JSON_BOOLEAN;
			break;
		case 'n':
			type = ES_JSON_NULL;
			break;
		default:
			type = ES_JSON_NUMBER;
			break;
	}
	if (type >= ES_JSON_ARRAY ? !nested(depth) :
		type == ES_JSON_STRING ? !string() : !scalar())
		return false;

	field.type = type;
	field.depth = depth;
	field.raw.data = bytes + first;
	field.raw.size = last + 1 - first;
	field.escaped = type == ES_JSON_STRING && backslash &&
		memchr(field.raw.data, '\\', field.raw.size) != nullptr;
	return true;
}

/*
 * Index of the name, or -1.
 */
inline int
Walk::find(const char *name, size_t size) const
{
	for (int i = 0; i < parser.nnames; i++)
	{
		int			n = guess + i;

		if (n >= parser.nnames)
			n -= parser.nnames;
		if (parser.name_size[n] == size &&
			memcmp(parser.names[n], name, size) == 0)
			return n;
	}
	return -1;
}

/*
 * Check a key of the line's object and go over it.  Returns the index of its
 * name, or -1 after a failure.
 */
int
Walk::key()
{
	const uint32_t first = *token;
	const char *name = bytes + first + 1;
	size_t		size;
	char		plain[ES_JSON_MAX_NAME * 6];	/* an escape has six bytes */
	int			found = -1;

	if (peek() != '"')
	{
		fail_here(ES_JSON_WANT_KEY);
		return -1;
	}
	if (!string())
		return -1;
	size = last - first - 1;

	if (!backslash || memchr(name, '\\', size) == nullptr)
		found = find(name, size);
	else if (size <= sizeof(plain))
	{
		size_t		plain_size;
		size_t		at;

		if (es_json_unescape(name, size, plain, &plain_size, &at) == ES_JSON_OK)
			found = find(plain, plain_size);
	}
	if (found < 0)
	{
		fail(ES_JSON_UNKNOWN_KEY, first);
		error.key = {name, size};
	}
	return found;
}

/*
 * Take the line's object apart.
 */
EsJsonStatus
Walk::object(EsJsonField *fields)
{
	for (int i = 0; i < parser.nnames; i++)
		fields[i].type = ES_JSON_ABSENT;

	if (!expect('{', ES_JSON_WANT_OBJECT))
		return status;
	if (peek() != '}')
	{
		for (;;)
		{
			const uint32_t first = *token;
			const int	n = key();

			if (n < 0)
				return status;
			error.field = n;
			if (fields[n].type != ES_JSON_ABSENT)
			{
				fail(ES_JSON_DUPLICATE_KEY, first);
				return status;
			}
			if (!expect(':', ES_JSON_WANT_COLON) || !value(fields[n]))
				return status;
			error.field = -1;
			guess = n + 1 < parser.nnames ? n + 1 : 0;

			if (peek() == '}')
				break;
			if (!expect(',', ES_JSON_WANT_COMMA_OR_BRACE))
				return status;
		}
	}
	token++;
	if (*token < end)
		fail(ES_JSON_TRAILING, *token);
	return status;
}

/*
 * Find what the first stage has against a line.
 */
EsJsonStatus
search_line(const char *line, size_t size, size_t *byte)
{
	bool		inside = false;
	size_t		quote = 0;
	size_t		step;

	for (size_t i = 0; i < size; i += step)
	{
		const char	c = line[i];

		step = utf8_size(line + i, size - i);
		*byte = i;
		if (step == 0)
			return ES_JSON_BAD_UTF8;
		if (inside && (unsigned char) c < 0x20)
			return ES_JSON_CONTROL_CHARACTER;
		if (!inside && c == '\\')
			return ES_JSON_BAD_TOKEN;
		if (c == '"')
		{
			inside = !inside;
			quote = i;
		}
		else if (c == '\\' && i + 1 < size &&
				 (line[i + 1] == '"' || line[i + 1] == '\\'))
			step = 2;
	}
	*byte = inside ? quote : size;
	return inside ? ES_JSON_OPEN_STRING : ES_JSON_BAD_TOKEN;
}

/*
 * Have memory for windows of "size" bytes, and at once for the full ones that
 * will follow, if the data is that large.
 */
EsJsonStatus
reserve(EsJsonParser &parser, size_t size)
{
	size_t		capacity = parser.size < parser.window ? parser.size : parser.window;

	if (size > simdjson::SIMDJSON_MAXSIZE_BYTES - PADDING)
		return ES_JSON_LINE_TOO_LONG;
	if (size <= parser.capacity)
		return ES_JSON_OK;
	if (capacity < size)
		capacity = size;

	parser.capacity = 0;
	parser.levels.reset(new (std::nothrow) uint64_t[capacity / 64 + 1]);
	if (!parser.levels)
		return ES_JSON_NO_MEMORY;
	if (parser.stage1)
	{
		if (parser.stage1->set_capacity(capacity) != simdjson::SUCCESS)
			return ES_JSON_NO_MEMORY;
	}
	else if (simdjson::get_active_implementation()->
			 create_dom_parser_implementation(capacity, 1, parser.stage1) !=
			 simdjson::SUCCESS)
		return ES_JSON_NO_MEMORY;
	parser.capacity = capacity;
	return ES_JSON_OK;
}

/*
 * Run the first stage over the bytes up to window_end.  simdjson may read a
 * little further, so what is at the end of the buffer is copied.
 */
EsJsonStatus
index_window(EsJsonParser &parser, simdjson::error_code *problem)
{
	const size_t size = parser.window_end - parser.window_start;
	const char *bytes = parser.data + parser.window_start;
	EsJsonStatus status = reserve(parser, size);

	if (status != ES_JSON_OK)
		return status;
	if (parser.size - parser.window_end < PADDING)
	{
		if (parser.padded_size < size + PADDING)
		{
			parser.padded_size = 0;
			parser.padded.reset(new (std::nothrow) char[size + PADDING]);
			if (!parser.padded)
				return ES_JSON_NO_MEMORY;
			parser.padded_size = size + PADDING;
		}
		memcpy(parser.padded.get(), bytes, size);
		memset(parser.padded.get() + size, ' ', PADDING);
		bytes = parser.padded.get();
	}

	*problem = parser.stage1->stage1((const uint8_t *) bytes, size,
									 simdjson::stage1_mode::regular);
	if (*problem == simdjson::EMPTY)
	{
		parser.stage1->n_structural_indexes = 0;
		*problem = simdjson::SUCCESS;
	}
	if (*problem == simdjson::SUCCESS)
	{
		uint32_t   *tokens = parser.stage1->structural_indexes.get();

		/* a last one that is behind every line; there is room for it */
		tokens[parser.stage1->n_structural_indexes] = (uint32_t) size;
		parser.token = tokens;
	}
	return ES_JSON_OK;
}

/*
 * Behind the LF of the line that "from" is in, or the end of the buffer.
 */
size_t
behind_line(const EsJsonParser &parser, size_t from)
{
	const void *lf = memchr(parser.data + from, '\n', parser.size - from);

	return lf == nullptr ? parser.size : (const char *) lf - parser.data + 1;
}

/*
 * Begin a window at the next line: as many whole lines as fit, or a single one.
 * *problem is simdjson's opinion of a single line; more than one are without
 * errors.
 */
EsJsonStatus
next_window(EsJsonParser &parser, simdjson::error_code *problem)
{
	const size_t start = parser.next;
	EsJsonStatus status;

	parser.window_start = start;
	if (start >= parser.single_until)
	{
		size_t		end = start + parser.window;

		if (parser.size - start <= parser.window)
			end = parser.size;
		else
		{
			const void *lf = memrchr(parser.data + start, '\n', parser.window);

			end = lf == nullptr ? behind_line(parser, end)
				: (const char *) lf - parser.data + 1;
		}
		parser.window_end = end;
		status = index_window(parser, problem);
		if (status != ES_JSON_OK || *problem == simdjson::SUCCESS)
			return status;
		parser.single_until = end;
	}

	parser.window_end = behind_line(parser, start);
	return index_window(parser, problem);
}

/*
 * Take the line from start to end, both in the window, apart.
 */
EsJsonStatus
parse_line(EsJsonParser &parser, size_t start, size_t end, EsJsonLine *line,
		   EsJsonField *fields)
{
	Walk		walk(parser, start - parser.window_start,
					 end - parser.window_start);
	EsJsonStatus status = walk.object(fields);

	parser.token = walk.token;
	line->error = walk.error;
	return status;
}

EsJsonStatus
next_line(EsJsonParser &parser, EsJsonLine *line, EsJsonField *fields)
{
	simdjson::error_code problem = simdjson::SUCCESS;

	while (parser.next < parser.size)
	{
		const size_t start = parser.next;
		size_t		end;
		const void *lf;
		EsJsonStatus status;

		if (start >= parser.window_end)
		{
			status = next_window(parser, &problem);
			if (status != ES_JSON_OK)
			{
				parser.window_end = start;
				*line = {parser.number + 1, start, 0, {0, -1, {nullptr, 0}}};
				return status;
			}
		}

		lf = memchr(parser.data + start, '\n', parser.window_end - start);
		end = lf == nullptr ? parser.window_end : (const char *) lf - parser.data;
		parser.next = lf == nullptr ? end : end + 1;
		if (lf != nullptr && end > start && parser.data[end - 1] == '\r')
			end--;
		line->number = ++parser.number;
		line->offset = start;
		line->size = end - start;
		line->error = {0, -1, {nullptr, 0}};

		if (problem != simdjson::SUCCESS)
			return search_line(parser.data + start, end - start,
							   &line->error.byte);
		if (*parser.token >= end - parser.window_start)
			continue;
		status = parse_line(parser, start, end, line, fields);
		if (status == ES_JSON_OK ||
			(start == parser.window_start && parser.next == parser.window_end))
			return status;

		/*
		 * An error is reported of a line in a window of its own, so that it does
		 * not depend on the lines around, nor they on it.
		 */
		parser.single_until = parser.window_end;
		parser.window_end = start;
		parser.next = start;
		parser.number--;
	}
	return ES_JSON_END;
}

}								/* namespace */

EsJsonParser *
es_json_create(size_t window)
{
	EsJsonParser *parser = new (std::nothrow) EsJsonParser;

	if (parser != nullptr)
		parser->window = window > 0 ? window : 1;
	return parser;
}

void
es_json_destroy(EsJsonParser *parser)
{
	delete parser;
}

void
es_json_begin(EsJsonParser *parser, const char *data, size_t size,
			  const char *const *names, int nnames)
{
	parser->data = data;
	parser->size = size;
	parser->names = names;
	parser->nnames = nnames < ES_JSON_MAX_NAMES ? nnames : ES_JSON_MAX_NAMES;
	for (int i = 0; i < parser->nnames; i++)
		parser->name_size[i] = strlen(names[i]);
	parser->next = 0;
	parser->number = 0;
	parser->window_start = 0;
	parser->window_end = 0;
	parser->single_until = 0;
}

EsJsonStatus
es_json_next(EsJsonParser *parser, EsJsonLine *line, EsJsonField *fields)
{
	/* simdjson does not throw here; but a C caller could not survive if it did */
	try
	{
		return next_line(*parser, line, fields);
	}
	catch (...)
	{
		return ES_JSON_NO_MEMORY;
	}
}

EsJsonStatus
es_json_unescape(const char *content, size_t size, char *to, size_t *to_size,
				 size_t *error)
{
	const char *s = content;
	const char *const end = content + size;
	char	   *const first = to;

	while (s < end)
	{
		int			code;
		int			low;

		if (*s != '\\')
		{
			*to++ = *s++;
			continue;
		}
		*error = s - content;
		switch (s[1])
		{
			case 'b':
				*to++ = '\b';
				break;
			case 'f':
				*to++ = '\f';
				break;
			case 'n':
				*to++ = '\n';
				break;
			case 'r':
				*to++ = '\r';
				break;
			case 't':
				*to++ = '\t';
				break;
			case 'u':
				code = hex4(s + 2, end);
				if (code == 0)
					return ES_JSON_NUL;
				if (code >= 0xDC00 && code <= 0xDFFF)
					return ES_JSON_LONE_SURROGATE;
				if (code >= 0xD800 && code <= 0xDBFF)
				{
					if (end - s < 12 || s[6] != '\\' || s[7] != 'u')
						return ES_JSON_LONE_SURROGATE;
					low = hex4(s + 8, end);
					if (low < 0xDC00 || low > 0xDFFF)
						return ES_JSON_LONE_SURROGATE;
					code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
					s += 6;
				}
				to = append_utf8(to, code);
				s += 4;
				break;
			default:			/* a quote, a slash or a backslash */
				*to++ = s[1];
				break;
		}
		s += 2;
	}
	*to_size = to - first;
	return ES_JSON_OK;
}

const char *
es_json_describe(EsJsonStatus status)
{
	switch (status)
	{
		case ES_JSON_OK:
			return "There is no error.";
		case ES_JSON_END:
			return "There are no more lines.";
		case ES_JSON_NO_MEMORY:
			return "There is not enough memory.";
		case ES_JSON_LINE_TOO_LONG:
			return "The line is longer than 4 GB.";
		case ES_JSON_BAD_UTF8:
			return "This is not UTF-8.";
		case ES_JSON_CONTROL_CHARACTER:
			return "A control character in a string must be escaped.";
		case ES_JSON_OPEN_STRING:
			return "This string is not closed in the line.";
		case ES_JSON_CUT_SHORT:
			return "The line ends before the object does.";
		case ES_JSON_BAD_TOKEN:
			return "This is no JSON value.";
		case ES_JSON_BAD_NUMBER:
			return "This is no JSON number.";
		case ES_JSON_BAD_ESCAPE:
			return "This escape sequence is not one of JSON's.";
		case ES_JSON_WANT_KEY:
			return "A key in double quotes is expected here.";
		case ES_JSON_WANT_COLON:
			return "A colon is expected here.";
		case ES_JSON_WANT_VALUE:
			return "A value is expected here.";
		case ES_JSON_WANT_COMMA_OR_BRACE:
			return "A comma or a closing brace is expected here.";
		case ES_JSON_WANT_COMMA_OR_BRACKET:
			return "A comma or a closing bracket is expected here.";
		case ES_JSON_TRAILING:
			return "The line goes on behind its object.";
		case ES_JSON_WANT_OBJECT:
			return "A JSON object is expected here.";
		case ES_JSON_UNKNOWN_KEY:
			return "There is no field of this name.";
		case ES_JSON_DUPLICATE_KEY:
			return "The field is given twice.";
		case ES_JSON_LONE_SURROGATE:
			return "This escape is half of a surrogate pair.";
		case ES_JSON_NUL:
			return "The escape \\u0000 stands for no character of text.";
	}
	return "The status is not known.";
}
