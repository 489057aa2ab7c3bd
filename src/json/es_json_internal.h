/*-------------------------------------------------------------------------
 *
 * es_json_internal.h
 *	  What may stand inside of a token: numbers, escapes, characters.
 *
 * IDENTIFICATION
 *	  src/json/es_json_internal.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_JSON_INTERNAL_H
#define ES_JSON_INTERNAL_H

#include "json/es_json.h"

static inline bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * The value of four hexadecimal digits, or -1.
 */
static inline int
hex4(const char *s, const char *end)
{
	int			value = 0;

	if (end - s < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int			digit = hex_digit(s[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/*
 * Behind the digits at s.
 */
static inline const char *
skip_digits(const char *s, const char *end)
{
	while (s < end && *s >= '0' && *s <= '9')
		s++;
	return s;
}

/*
 * Does s[0] to s[size - 1] follow the grammar of numbers, all of it?
 */
static inline bool
is_number(const char *s, size_t size)
{
	const char *const end = s + size;
	const char *digits;

	if (s < end && *s == '-')
		s++;
	digits = s;
	s = skip_digits(s, end);
	if (s == digits || (*digits == '0' && s > digits + 1))
		return false;
	if (s < end && *s == '.')
	{
		digits = s + 1;
		s = skip_digits(digits, end);
		if (s == digits)
			return false;
	}
	if (s < end && (*s == 'e' || *s == 'E'))
	{
		s++;
		if (s < end && (*s == '+' || *s == '-'))
			s++;
		digits = s;
		s = skip_digits(digits, end);
		if (s == digits)
			return false;
	}
	return s == end;
}

/*
 * Write a code point in UTF-8; returns the place behind it.
 */
static inline char *
append_utf8(char *to, unsigned code)
{
	if (code < 0x80)
		*to++ = (char) code;
	else if (code < 0x800)
	{
		*to++ = (char) (0xC0 | (code >> 6));
		*to++ = (char) (0x80 | (code & 0x3F));
	}
	else if (code < 0x10000)
	{
		*to++ = (char) (0xE0 | (code >> 12));
		*to++ = (char) (0x80 | ((code >> 6) & 0x3F));
		*to++ = (char) (0x80 | (code & 0x3F));
	}
	else
	{
		*to++ = (char) (0xF0 | (code >> 18));
		*to++ = (char) (0x80 | ((code >> 12) & 0x3F));
		*to++ = (char) (0x80 | ((code >> 6) & 0x3F));
		*to++ = (char) (0x80 | (code & 0x3F));
	}
	return to;
}

/*
 * Length of the UTF-8 character at s, or 0 if there is none: a sequence that is
 * cut off, longer than it need be, for a surrogate or beyond Unicode.
 */
static inline size_t
utf8_size(const char *s, size_t size)
{
	const unsigned char *u = (const unsigned char *) s;
	unsigned char min = 0x80;	/* what the second byte may be */
	unsigned char max = 0xBF;
	size_t		length;

	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xC2 || u[0] > 0xF4)
		return 0;
	length = u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : 4;
	if (length > size)
		return 0;
	if (u[0] == 0xE0)
		min = 0xA0;
	else if (u[0] == 0xED)
		max = 0x9F;
	else if (u[0] == 0xF0)
		min = 0x90;
	else if (u[0] == 0xF4)
		max = 0x8F;
	if (u[1] < min || u[1] > max)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (u[i] < 0x80 || u[i] > 0xBF)
			return 0;
	return length;
}

#endif							/* ES_JSON_INTERNAL_H */
