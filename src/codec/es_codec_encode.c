/*-------------------------------------------------------------------------
 *
 * es_codec_encode.c
 *	  A column to its stream: which encoding is the cheapest?
 *
 * What costs little to make is made and measured (integers, dictionaries, UUIDs);
 * what blocks would take is estimated from a few of them.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_encode.c
 *-------------------------------------------------------------------------
 */
#include "codec/es_codec_internal.h"

/* A dictionary is tried if at most one value in so many is different. */
#define MIN_REPEATS		4

/* The longest image that is stored as it is if it is the only one there is. */
#define MAX_CONSTANT	2048

/* A dictionary that makes one byte of so many is not compared with blocks. */
#define MIN_RATIO		16

/* What is compressed or packed must save one byte in so many. */
#define MIN_SAVED		16

/* The values that are not null. */
typedef struct Live
{
	const EsImage *images;
	const int64_t *ms;
	uint32_t	n;
	EsImage    *own_images;		/* NULL: they are the input's */
	int64_t    *own_ms;
} Live;

static uint32_t
count_nulls(const EsColumnInput *in)
{
	uint32_t	nnulls = 0;

	if (in->isnull != NULL)
		for (uint32_t i = 0; i < in->n; i++)
			nnulls += in->isnull[i];
	return nnulls;
}

static void
find_zones(const EsColumnInput *in, EsColumnSummary *summary)
{
	for (uint32_t v = 0; v < es_nvectors(in->n); v++)
	{
		int64_t		least = INT64_MAX;
		int64_t		greatest = INT64_MIN;
		bool		any = false;

		for (uint32_t i = v * ES_VECTOR_ROWS;
			 i < v * ES_VECTOR_ROWS + es_vector_rows(in->n, v); i++)
		{
			if (in->isnull != NULL && in->isnull[i])
				continue;
			any = true;
			least = in->ints[i] < least ? in->ints[i] : least;
			greatest = in->ints[i] > greatest ? in->ints[i] : greatest;
		}
		summary->zone_min[v] = any ? least : 0;
		summary->zone_max[v] = any ? greatest : 0;
		if (summary->zone_any != NULL)
			summary->zone_any[v] = any;
	}
}

/*
 * Append null flags.
 */
static void
encode_nulls(EsBytes *out, const EsColumnInput *in)
{
	const EsMemory *memory = out->memory;
	int64_t    *flags = memory->alloc(memory->arg, in->n * sizeof(int64_t));

	for (uint32_t i = 0; i < in->n; i++)
		flags[i] = in->isnull[i];
	es_vectors_encode(out, flags, NULL, in->n);
	memory->free(memory->arg, flags);
}

/*
 * Append how many images there are before each vector.
 */
static void
encode_ranks(EsBytes *out, const EsColumnInput *in)
{
	uint32_t	count = 0;

	if (in->isnull == NULL)
		return;
	for (uint32_t i = 0; i < in->n; i++)
	{
		if (i % ES_VECTOR_ROWS == 0)
			es_bytes_append(out, &count, sizeof(count));
		count += !in->isnull[i];
	}
	es_bytes_pad(out);
}

/* --- integers --- */

static void
encode_plain(EsBytes *out, const EsColumnInput *in)
{
	size_t		width = in->kind.width;
	size_t		start = es_bytes_append(out, NULL, in->n * width);
	uint8_t    *at = out->data + start;

	for (uint32_t i = 0; i < in->n; i++, at += width)
	{
		int64_t		value = in->isnull != NULL && in->isnull[i] ? 0 : in->ints[i];
		int8_t		value1 = (int8_t) value;
		int16_t		value2 = (int16_t) value;
		int32_t		value4 = (int32_t) value;

		switch (width)
		{
			case 1:
				memcpy(at, &value1, 1);
				break;
			case 2:
				memcpy(at, &value2, 2);
				break;
			case 4:
				memcpy(at, &value4, 4);
				break;
			default:
				memcpy(at, &value, 8);
		}
	}
	es_bytes_pad(out);
}

static EsEncoding
encode_ints(EsBytes *out, const EsColumnInput *in)
{
	size_t		start = out->len;
	size_t		plain = (size_t) in->n * in->kind.width;

	es_vectors_encode(out, in->ints, in->isnull, in->n);
	if (out->len - start <= plain - plain / MIN_SAVED)
		return ES_ENC_INTS;
	out->len = start;
	encode_plain(out, in);
	return ES_ENC_INTS_PLAIN;
}

/* --- images --- */

/*
 * Images and milliseconds without those of nulls.
 */
static void
find_live(Live *live, const EsMemory *memory, const EsColumnInput *in,
		  uint32_t nnulls)
{
	uint32_t	n = 0;

	memset(live, 0, sizeof(*live));
	live->n = in->n - nnulls;
	live->images = in->images;
	live->ms = in->ms;
	if (nnulls == 0)
		return;
	live->own_images = memory->alloc(memory->arg, live->n * sizeof(EsImage));
	if (in->ms != NULL)
		live->own_ms = memory->alloc(memory->arg, live->n * sizeof(int64_t));
	for (uint32_t i = 0; i < in->n; i++)
	{
		if (in->isnull[i])
			continue;
		live->own_images[n] = in->images[i];
		if (in->ms != NULL)
			live->own_ms[n] = in->ms[i];
		n++;
	}
	live->images = live->own_images;
	live->ms = live->own_ms;
}

static bool
all_equal(const EsImage *images, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (images[i].len != images[0].len ||
			memcmp(images[i].data, images[0].data, images[0].len) != 0)
			return false;
	return true;
}

static void
encode_constant(EsBytes *out, const EsImage *image)
{
	uint32_t	head[2] = {image->len, 0};

	es_bytes_append(out, head, sizeof(head));
	es_bytes_append(out, image->data, image->len);
	es_bytes_pad(out);
}

static void
encode_fixed(EsBytes *out, EsColumnKind kind, const Live *live)
{
	size_t		stride = es_image_stride(kind);
	size_t		at = es_bytes_append(out, NULL, live->n * stride);

	for (uint32_t i = 0; i < live->n; i++)
		memcpy(out->data + at + i * stride, live->images[i].data, kind.width);
	es_bytes_pad(out);
}

/*
 * Append UUIDs, relative to other milliseconds or not, whatever is shorter.
 */
static void
encode_uuid(EsBytes *out, const Live *live, EsStreamHead *head)
{
	size_t		start = out->len;
	size_t		absolute;

	es_uuid_encode(out, live->images, NULL, live->n);
	if (live->ms == NULL)
		return;
	absolute = out->len - start;
	out->len = start;
	es_uuid_encode(out, live->images, live->ms, live->n);
	if (out->len - start < absolute)
	{
		head->flags |= ES_STREAM_RELATIVE;
		return;
	}
	out->len = start;
	es_uuid_encode(out, live->images, NULL, live->n);
}

/*
 * What takes the least of all but dictionaries and constants; *size, if it is not
 * NULL: about how much that is.
 */
static EsEncoding
cheapest(const EsMemory *memory, const EsColumnInput *in, const Live *live,
		 size_t *size)
{
	size_t		fixed;
	size_t		unwanted;

	if (in->kind.width < 0 && size == NULL)
		return ES_ENC_BLOCKS;
	if (size == NULL)
		size = &unwanted;
	if (in->kind.width > 0)
	{
		fixed = live->n * es_image_stride(in->kind);
		*size = fixed;
		if (in->kind.width == 16 && in->is_uuid &&
			es_uuid_all_7(live->images, live->n))
		{
			*size = live->n * (size_t) 10;
			return ES_ENC_UUID7;
		}
		if (in->codec == ES_CODEC_NONE)
			return ES_ENC_FIXED;
		*size = es_blocks_estimate(memory, in, live->images, live->n);
		if (*size <= fixed - fixed / MIN_SAVED)
			return ES_ENC_BLOCKS;
		*size = fixed;
		return ES_ENC_FIXED;
	}
	*size = es_blocks_estimate(memory, in, live->images, live->n);
	return ES_ENC_BLOCKS;
}

/*
 * Append images in the cheapest encoding, the numbers of images before each
 * vector in front of them if it needs them.  Says in "head" what it was.
 */
static bool
encode_images(EsBytes *out, const EsColumnInput *in, const Live *live,
			  EsStreamHead *head, EsColumnSummary *summary)
{
	const EsMemory *memory = out->memory;
	EsDictionary dictionary;
	EsEncoding	other;
	size_t		size;
	size_t		start = out->len;
	bool		any = false;

	if (!in->dictionary && all_equal(live->images, live->n) &&
		(live->images[0].len <= MAX_CONSTANT || in->codec == ES_CODEC_NONE))
	{
		summary->ndistinct = 1;
		head->encoding = ES_ENC_CONSTANT;
		encode_constant(out, &live->images[0]);
		return false;
	}
	if (es_dictionary_make(&dictionary, memory, live->images, live->n,
						   in->dictionary ? live->n : live->n / MIN_REPEATS))
	{
		summary->ndistinct = dictionary.n;
		head->encoding = ES_ENC_DICTIONARY;
		any = es_dictionary_encode(out, in, &dictionary);
		es_dictionary_free(&dictionary, memory);
		/* a dictionary is easier to read and to search than blocks */
		if (in->dictionary || out->len - start <= summary->raw_bytes / MIN_RATIO)
			return any;
		other = cheapest(memory, in, live, &size);
		if (out->len - start <= size + size / MIN_SAVED)
			return any;
		out->len = start;
		any = false;
	}
	else
		other = cheapest(memory, in, live, NULL);

	head->encoding = other;
	encode_ranks(out, in);
	switch (other)
	{
		case ES_ENC_UUID7:
			start = out->len;
			encode_uuid(out, live, head);
			if (out->len - start < live->n * es_image_stride(in->kind))
				break;
			/* they are too few, or their times are all over the place */
			out->len = start;
			head->encoding = ES_ENC_FIXED;
			head->flags &= ~ES_STREAM_RELATIVE;
			encode_fixed(out, in->kind, live);
			break;
		case ES_ENC_FIXED:
			encode_fixed(out, in->kind, live);
			break;
		default:
			any = es_blocks_encode(out, in, live->images, live->n);
	}
	return any;
}

void
es_column_encode(EsBytes *out, const EsColumnInput *in,
				 EsColumnSummary *summary)
{
	const EsMemory *memory = out->memory;
	EsColumnInput input = *in;
	EsStreamHead head = {0};
	size_t		start = out->len;
	Live		live;

	summary->nnulls = count_nulls(in);
	summary->ndistinct = 0;
	summary->raw_bytes = 0;
	summary->codec = ES_CODEC_NONE;
	summary->uses_trained = false;
	if (in->kind.by_value && summary->zone_min != NULL)
		find_zones(in, summary);
	if (summary->nnulls == 0)
		input.isnull = NULL;

	head.n = in->n;
	es_bytes_append(out, &head, sizeof(head));
	if (summary->nnulls == in->n)
		head.encoding = ES_ENC_NULLS;
	else if (summary->nnulls > 0)
	{
		head.flags |= ES_STREAM_NULLS;
		encode_nulls(out, &input);
	}

	if (head.encoding == ES_ENC_NULLS)
		;
	else if (in->kind.by_value)
	{
		head.encoding = encode_ints(out, &input);
		if (head.encoding == ES_ENC_INTS_PLAIN)
			head.width = in->kind.width;
		summary->raw_bytes = (uint64_t) (in->n - summary->nnulls) *
			in->kind.width;
	}
	else
	{
		find_live(&live, memory, &input, summary->nnulls);
		for (uint32_t i = 0; i < live.n; i++)
			summary->raw_bytes += live.images[i].len;
		if (encode_images(out, &input, &live, &head, summary))
		{
			head.codec = in->codec;
			summary->codec = in->codec;
			if (in->codec == ES_CODEC_ZSTD && in->trained != NULL &&
				in->trained_len > 0)
			{
				head.flags |= ES_STREAM_TRAINED;
				summary->uses_trained = true;
			}
		}
		if (live.own_images != NULL)
			memory->free(memory->arg, live.own_images);
		if (live.own_ms != NULL)
			memory->free(memory->arg, live.own_ms);
	}
	summary->encoding = (EsEncoding) head.encoding;
	memcpy(out->data + start, &head, sizeof(head));
}
