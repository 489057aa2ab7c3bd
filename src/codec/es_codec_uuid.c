/*-------------------------------------------------------------------------
 *
 * es_codec_uuid.c
 *	  UUIDs of version 7: milliseconds, and 74 random bits.
 *
 *	  byte 0          6        8          16
 *		   +----------+--------+-----------+
 *		   | ms, 48   | 7 | 12 | 10b | 62  |	bits; 7 and 10b are the same in all
 *		   +----------+--------+-----------+
 *
 * The milliseconds are vectors, of what they are or of the difference to another
 * column's.  The upper 10 of the 12 bits are vectors too, as some generators count
 * there.  The other 64 bits stand as they are.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_uuid.c
 *-------------------------------------------------------------------------
 */
#include "codec/es_codec_internal.h"

#define UUID_BYTES	16
#define MAX_MS		(((int64_t) 1 << 48) - 1)

/* The values of such a column: this, words, milliseconds, upper bits. */
typedef struct UuidHead
{
	uint32_t	nimages;
	uint32_t	unused;
} UuidHead;

static const char *const bad_ms = "The milliseconds of a UUID are out of range";

static uint64_t
load_big_endian(const uint8_t *at)
{
	uint64_t	value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

static void
store_big_endian(uint8_t *at, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		at[i] = (uint8_t) value;
}

bool
es_uuid_all_7(const EsImage *images, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (images[i].len != UUID_BYTES || images[i].data[6] >> 4 != 7 ||
			images[i].data[8] >> 6 != 2)
			return false;
	return true;
}

void
es_uuid_encode(EsBytes *out, const EsImage *images, const int64_t *ms,
			   uint32_t n)
{
	const EsMemory *memory = out->memory;
	int64_t    *numbers = memory->alloc(memory->arg, n * sizeof(int64_t));
	UuidHead	head = {0};
	size_t		at;

	head.nimages = n;
	es_bytes_append(out, &head, sizeof(head));
	at = es_bytes_append(out, NULL, n * sizeof(uint64_t));
	for (uint32_t i = 0; i < n; i++)
	{
		uint64_t	first = load_big_endian(images[i].data);
		uint64_t	second = load_big_endian(images[i].data + 8);
		uint64_t	word = second << 2 >> 2 | first << 62;

		memcpy(out->data + at + i * sizeof(word), &word, sizeof(word));
		numbers[i] = (int64_t) ((first >> 16) -
								(ms != NULL ? (uint64_t) ms[i] : 0));
	}
	es_vectors_encode(out, numbers, NULL, n);
	for (uint32_t i = 0; i < n; i++)
		numbers[i] = load_big_endian(images[i].data) >> 2 & 0x3FF;
	es_vectors_encode(out, numbers, NULL, n);
	memory->free(memory->arg, numbers);
}

const char *
es_uuid_open(EsColumn *column)
{
	const EsSource *source = &column->source;
	size_t		off = column->values + sizeof(UuidHead);
	UuidHead	head;
	const char *problem;

	if (!es_need(source, column->values, sizeof(head)))
		return es_cut_short;
	memcpy(&head, source->bytes + column->values, sizeof(head));
	if (head.nimages == 0 || head.nimages > column->n)
		return "A column has another number of images";
	if ((column->head.flags & ES_STREAM_RELATIVE) &&
		column->context.ms_of == NULL)
		return "The milliseconds that a column is relative to are not there";
	off += (size_t) head.nimages * sizeof(uint64_t);
	problem = es_vectors_open(&column->ints, source, &column->context.memory,
							  off, head.nimages);
	if (problem == NULL)
		problem = es_vectors_open(&column->high, source,
								  &column->context.memory,
								  off + column->ints.len, head.nimages);
	return problem;
}

const char *
es_uuid_image(EsColumn *column, uint32_t row, uint32_t index,
			  const uint8_t **image, uint32_t *len)
{
	const EsSource *source = &column->source;
	size_t		at = column->values + sizeof(UuidHead) +
	index * sizeof(uint64_t);
	uint8_t    *uuid = (uint8_t *) column->uuid;
	int64_t		ms;
	int64_t		high;
	int64_t		other = 0;
	uint64_t	word;
	const char *problem;

	if (index >= column->ints.n)
		return "An image of a column is out of range";
	problem = es_vectors_get(&column->ints, index, &ms);
	if (problem == NULL)
		problem = es_vectors_get(&column->high, index, &high);
	if (problem != NULL)
		return problem;
	if (!es_need(source, at, sizeof(word)))
		return es_cut_short;
	word = es_load64(source->bytes + at);
	if ((column->head.flags & ES_STREAM_RELATIVE) &&
		!column->context.ms_of(column->context.ms_arg, row, &other))
		return "The milliseconds of a row cannot be had";
	ms = (int64_t) ((uint64_t) ms + (uint64_t) other);
	if (ms < 0 || ms > MAX_MS || high < 0 || high > 0x3FF)
		return bad_ms;
	store_big_endian(uuid, (uint64_t) ms << 16 | 0x7000 |
					 (uint64_t) high << 2 | word >> 62);
	store_big_endian(uuid + 8, (uint64_t) 2 << 62 | (word << 2 >> 2));
	*image = uuid;
	*len = UUID_BYTES;
	return NULL;
}

const char *
es_uuid_check(EsColumn *column, uint32_t nimages)
{
	if (column->ints.n != nimages)
		return "A column has another number of images";
	for (uint32_t row = 0; row < column->n; row++)
	{
		const uint8_t *image;
		uint32_t	len;
		bool		isnull;
		const char *problem;

		problem = es_column_is_null(column, row, &isnull);
		if (problem == NULL && !isnull)
			problem = es_column_image(column, row, &image, &len);
		if (problem != NULL)
			return problem;
	}
	return NULL;
}
