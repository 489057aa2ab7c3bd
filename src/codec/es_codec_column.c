/*-------------------------------------------------------------------------
 *
 * es_codec_column.c
 *	  Opening a column's stream, and its values, one or a vector of them.
 *
 * Images of columns with nulls are numbered without the nulls.  The number of a
 * row's image is the number of images before its vector, which stands in the
 * stream, and of those before it in its vector, which are counted when a vector
 * is first used and kept until another one is.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_column.c
 *-------------------------------------------------------------------------
 */
#include "codec/es_codec_internal.h"

static const char *const not_this_kind = "A column's encoding is not for values of its kind";
static const char *const is_null_here = "An image of a column is asked for where it is null";

/* Are the values that have an image numbered without the nulls? */
static bool
has_ranks(const EsStreamHead *head)
{
	return (head->flags & ES_STREAM_NULLS) != 0 &&
		(head->encoding == ES_ENC_FIXED || head->encoding == ES_ENC_BLOCKS ||
		 head->encoding == ES_ENC_UUID7);
}

static const char *
check_head(const EsStreamHead *head, EsColumnKind kind, uint32_t n)
{
	if (n < 1 || n > ES_COLUMN_MAX_ROWS || head->n != n)
		return "A column has another number of values";
	if ((head->flags & ~ES_STREAM_FLAGS) != 0)
		return "A column has flags that do not exist";
	if (head->codec > ES_CODEC_ZSTD)
		return "A column has a codec that does not exist";
	switch (head->encoding)
	{
		case ES_ENC_NULLS:
			return (head->flags & ES_STREAM_NULLS) == 0 ? NULL :
				"A column has flags that are not for its encoding";
		case ES_ENC_INTS:
			return kind.by_value ? NULL : not_this_kind;
		case ES_ENC_INTS_PLAIN:
			return kind.by_value && head->width == kind.width ? NULL :
				not_this_kind;
		case ES_ENC_FIXED:
			return !kind.by_value && kind.width > 0 ? NULL : not_this_kind;
		case ES_ENC_UUID7:
			return !kind.by_value && kind.width == 16 ? NULL : not_this_kind;
		case ES_ENC_CONSTANT:
		case ES_ENC_DICTIONARY:
		case ES_ENC_BLOCKS:
			return !kind.by_value ? NULL : not_this_kind;
		default:
			return "A column has an encoding that does not exist";
	}
}

static bool
is_kind(EsColumnKind kind)
{
	bool		power = kind.align == 1 || kind.align == 2 ||
	kind.align == 4 || kind.align == 8;

	if (kind.by_value)
		return kind.width == 1 || kind.width == 2 || kind.width == 4 ||
			kind.width == 8;
	return power && (kind.width > 0 || kind.width == -1 || kind.width == -2);
}

/*
 * Read the heads of the parts.
 */
static const char *
open_parts(EsColumn *column)
{
	EsStreamHead *head = &column->head;
	const EsSource *source = &column->source;
	const char *problem;

	if (!es_need(source, 0, sizeof(*head)))
		return es_cut_short;
	memcpy(head, source->bytes, sizeof(*head));
	problem = check_head(head, column->kind, column->n);
	if (problem != NULL)
		return problem;
	if (head->flags & ES_STREAM_TRAINED)
	{
		if (column->context.trained == NULL)
			return "A column needs a trained dictionary that is not there";
		column->fingerprint =
			es_trained_fingerprint(column->context.trained,
								   column->context.trained_len);
	}
	column->values = sizeof(*head);
	if (head->flags & ES_STREAM_NULLS)
	{
		problem = es_vectors_open(&column->nulls, source,
								  &column->context.memory, column->values,
								  column->n);
		if (problem != NULL)
			return problem;
		column->values += column->nulls.len;
		if (has_ranks(head))
		{
			column->ranks = column->values;
			column->values +=
				ES_ALIGN8(es_nvectors(column->n) * sizeof(uint32_t));
		}
	}
	switch (head->encoding)
	{
		case ES_ENC_INTS:
			return es_vectors_open(&column->ints, source,
								   &column->context.memory, column->values,
								   column->n);
		case ES_ENC_DICTIONARY:
			return es_dictionary_open(column);
		case ES_ENC_BLOCKS:
			return es_blocks_open(&column->blocks, column, column->values,
								  column->n);
		case ES_ENC_UUID7:
			return es_uuid_open(column);
		default:
			return NULL;
	}
}

const char *
es_column_open(EsColumn **column, EsColumnKind kind, uint32_t n,
			   const EsSource *source, const EsColumnContext *context)
{
	EsColumn   *made;
	const char *problem;

	*column = NULL;
	if (!is_kind(kind))
		return not_this_kind;
	made = context->memory.alloc(context->memory.arg, sizeof(EsColumn));
	memset(made, 0, sizeof(EsColumn));
	made->kind = kind;
	made->n = n;
	made->source = *source;
	made->context = *context;
	problem = open_parts(made);
	if (problem != NULL)
	{
		es_column_close(made);
		return problem;
	}
	*column = made;
	return NULL;
}

void
es_column_close(EsColumn *column)
{
	const EsMemory memory = column->context.memory;

	es_dictionary_close(column);
	es_vectors_close(&column->nulls);
	es_vectors_close(&column->ints);
	es_vectors_close(&column->high);
	if (column->rank != NULL)
		memory.free(memory.arg, column->rank);
	if (column->buffer != NULL)
		memory.free(memory.arg, column->buffer);
	memory.free(memory.arg, column);
}

EsEncoding
es_column_encoding(const EsColumn *column)
{
	return (EsEncoding) column->head.encoding;
}

bool
es_column_has_nulls(const EsColumn *column)
{
	return column->head.encoding == ES_ENC_NULLS ||
		(column->head.flags & ES_STREAM_NULLS) != 0;
}

/* --- nulls --- */

const char *
es_column_is_null(EsColumn *column, uint32_t row, bool *isnull)
{
	int64_t		flag = 0;
	const char *problem;

	if (column->head.flags & ES_STREAM_NULLS)
	{
		problem = es_vectors_get(&column->nulls, row, &flag);
		if (problem != NULL)
			return problem;
		if (flag != 0 && flag != 1)
			return "A null flag of a column is neither 0 nor 1";
	}
	*isnull = flag != 0 || column->head.encoding == ES_ENC_NULLS;
	return NULL;
}

const char *
es_column_nulls_vector(EsColumn *column, uint32_t v, uint8_t *isnull,
					   bool *any)
{
	uint32_t	n = es_vector_rows(column->n, v);
	uint32_t	flags[ES_VECTOR_ROWS];
	uint32_t	or = 0;
	const char *problem;

	if ((column->head.flags & ES_STREAM_NULLS) == 0)
	{
		*any = column->head.encoding == ES_ENC_NULLS;
		memset(isnull, *any, n);
		return NULL;
	}
	problem = es_vectors_read32(&column->nulls, v, 2, flags);
	if (problem != NULL)
		return problem;
	for (uint32_t i = 0; i < n; i++)
	{
		or |= flags[i];
		isnull[i] = flags[i];
	}
	*any = or != 0;
	return NULL;
}

/*
 * Count the images of a vector, and keep the counts.
 */
static const char *
count_vector(EsColumn *column, uint32_t v)
{
	const EsMemory *memory = &column->context.memory;
	size_t		at = column->ranks + v * sizeof(uint32_t);
	uint32_t	n = es_vector_rows(column->n, v);
	uint8_t		isnull[ES_VECTOR_ROWS];
	uint16_t	count = 0;
	bool		any;
	const char *problem;

	if (!es_need(&column->source, at, sizeof(uint32_t)))
		return es_cut_short;
	problem = es_column_nulls_vector(column, v, isnull, &any);
	if (problem != NULL)
		return problem;
	if (column->rank == NULL)
		column->rank = memory->alloc(memory->arg,
									 (ES_VECTOR_ROWS + 1) * sizeof(uint16_t));
	column->rank_vector = v;
	column->rank_before = es_load32(column->source.bytes + at);
	for (uint32_t i = 0; i < n; i++)
	{
		column->rank[i] = count;
		count += !isnull[i];
	}
	column->rank[n] = count;
	return NULL;
}

/*
 * Which image is a row's?
 */
static const char *
find_image(EsColumn *column, uint32_t row, uint32_t *index)
{
	uint32_t	v = row / ES_VECTOR_ROWS;
	uint32_t	i = row % ES_VECTOR_ROWS;
	const char *problem;

	*index = row;
	if (column->ranks == 0)
		return NULL;
	if (column->rank == NULL || column->rank_vector != v)
	{
		problem = count_vector(column, v);
		if (problem != NULL)
			return problem;
	}
	if (column->rank[i] == column->rank[i + 1])
		return is_null_here;
	if (column->rank_before > v * ES_VECTOR_ROWS)
		return "The nulls of a column are miscounted";
	*index = column->rank_before + column->rank[i];
	return NULL;
}

/* --- integers --- */

static inline int64_t
load_int(const uint8_t *at, int width)
{
	switch (width)
	{
		case 1:
			return (int8_t) *at;
		case 2:
			{
				int16_t		value;

				memcpy(&value, at, sizeof(value));
				return value;
			}
		case 4:
			return (int32_t) es_load32(at);
		default:
			return (int64_t) es_load64(at);
	}
}

const char *
es_column_int(EsColumn *column, uint32_t row, int64_t *value)
{
	uint8_t		width = column->head.width;
	size_t		at = column->values + (size_t) row * width;

	switch (column->head.encoding)
	{
		case ES_ENC_INTS:
			return es_vectors_get(&column->ints, row, value);
		case ES_ENC_INTS_PLAIN:
			if (!es_need(&column->source, at, width))
				return es_cut_short;
			*value = load_int(column->source.bytes + at, width);
			return NULL;
		case ES_ENC_NULLS:
			*value = 0;
			return NULL;
		default:
			return not_this_kind;
	}
}

const char *
es_column_ints_vector(EsColumn *column, uint32_t v, int64_t *values)
{
	uint32_t	n = es_vector_rows(column->n, v);
	uint8_t		width = column->head.width;
	size_t		off = column->values + (size_t) v * ES_VECTOR_ROWS * width;
	const uint8_t *at = column->source.bytes + off;

	switch (column->head.encoding)
	{
		case ES_ENC_INTS:
			return es_vectors_read(&column->ints, v, values);
		case ES_ENC_INTS_PLAIN:
			if (!es_need(&column->source, off, (size_t) n * width))
				return es_cut_short;
			switch (width)
			{
				case 1:
					for (uint32_t i = 0; i < n; i++)
						values[i] = load_int(at + i, 1);
					break;
				case 2:
					for (uint32_t i = 0; i < n; i++)
						values[i] = load_int(at + i * 2, 2);
					break;
				case 4:
					for (uint32_t i = 0; i < n; i++)
						values[i] = load_int(at + i * 4, 4);
					break;
				default:
					memcpy(values, at, n * sizeof(int64_t));
			}
			return NULL;
		case ES_ENC_NULLS:
			memset(values, 0, n * sizeof(int64_t));
			return NULL;
		default:
			return not_this_kind;
	}
}

/* --- images --- */

static const char *
constant_image(EsColumn *column, const uint8_t **image, uint32_t *len)
{
	const EsSource *source = &column->source;
	size_t		at = column->values;

	if (!es_need(source, at, 8))
		return es_cut_short;
	*len = es_load32(source->bytes + at);
	if (*len == 0 || *len > ES_MAX_IMAGE ||
		(column->kind.width > 0 && *len != (uint32_t) column->kind.width))
		return "The image of a column is out of range";
	if (!es_need(source, at + 8, *len))
		return es_cut_short;
	*image = source->bytes + at + 8;
	return NULL;
}

static const char *
fixed_image(EsColumn *column, uint32_t index, const uint8_t **image,
			uint32_t *len)
{
	size_t		at = column->values + index * es_image_stride(column->kind);

	*len = column->kind.width;
	if (!es_need(&column->source, at, *len))
		return es_cut_short;
	*image = column->source.bytes + at;
	return NULL;
}

const char *
es_column_image(EsColumn *column, uint32_t row, const uint8_t **image,
				uint32_t *len)
{
	uint32_t	index;
	const char *problem;

	problem = find_image(column, row, &index);
	if (problem != NULL)
		return problem;
	switch (column->head.encoding)
	{
		case ES_ENC_CONSTANT:
			return constant_image(column, image, len);
		case ES_ENC_FIXED:
			return fixed_image(column, index, image, len);
		case ES_ENC_BLOCKS:
			return es_blocks_image(column, index, image, len);
		case ES_ENC_DICTIONARY:
			return es_dictionary_image(column, row, image, len);
		case ES_ENC_UUID7:
			return es_uuid_image(column, row, index, image, len);
		case ES_ENC_NULLS:
			return is_null_here;
		default:
			return not_this_kind;
	}
}

/* --- everything --- */

/*
 * Check the null flags and the numbers of images before each vector; *nimages:
 * how many there are.
 */
static const char *
check_nulls(EsColumn *column, uint32_t *nimages)
{
	uint8_t		isnull[ES_VECTOR_ROWS];
	bool		any;
	const char *problem;

	*nimages = 0;
	if (column->head.encoding == ES_ENC_NULLS)
		return NULL;
	for (uint32_t v = 0; v < es_nvectors(column->n); v++)
	{
		uint32_t	n = es_vector_rows(column->n, v);
		size_t		at = column->ranks + v * sizeof(uint32_t);

		problem = es_column_nulls_vector(column, v, isnull, &any);
		if (problem != NULL)
			return problem;
		if (column->ranks != 0)
		{
			if (!es_need(&column->source, at, sizeof(uint32_t)))
				return es_cut_short;
			if (es_load32(column->source.bytes + at) != *nimages)
				return "The nulls of a column are miscounted";
		}
		for (uint32_t i = 0; i < n; i++)
			*nimages += !isnull[i];
	}
	if (*nimages == 0)
		return "A column has nothing but nulls";
	return NULL;
}

static const char *
check_ints(EsColumn *column)
{
	int			bits = column->kind.width * 8 - 1;
	int64_t		values[ES_VECTOR_ROWS];
	uint8_t		isnull[ES_VECTOR_ROWS];
	bool		any;
	const char *problem;

	for (uint32_t v = 0; v < es_nvectors(column->n); v++)
	{
		problem = es_column_ints_vector(column, v, values);
		if (problem == NULL)
			problem = es_column_nulls_vector(column, v, isnull, &any);
		if (problem != NULL)
			return problem;
		for (uint32_t i = 0; i < es_vector_rows(column->n, v); i++)
			if (!isnull[i] && values[i] >> bits != 0 && values[i] >> bits != -1)
				return "A value of a column is too large for its type";
	}
	return NULL;
}

static const char *
check_constant(EsColumn *column)
{
	const uint8_t *image;
	uint32_t	len;
	size_t		off = 0;
	const char *problem = constant_image(column, &image, &len);

	if (problem == NULL && column->kind.width < 0 &&
		(es_image_step(column->kind, column->context.step, image, &off,
					   len) != len || off != 0))
		problem = "The image of a column is out of range";
	return problem;
}

const char *
es_column_check(EsColumn *column)
{
	uint32_t	nimages;
	const uint8_t *image;
	uint32_t	len;
	const char *problem;

	problem = check_nulls(column, &nimages);
	if (problem != NULL)
		return problem;
	switch (column->head.encoding)
	{
		case ES_ENC_INTS:
		case ES_ENC_INTS_PLAIN:
			return check_ints(column);
		case ES_ENC_CONSTANT:
			return check_constant(column);
		case ES_ENC_FIXED:
			return fixed_image(column, nimages - 1, &image, &len);
		case ES_ENC_BLOCKS:
			if (column->blocks.head.nimages != nimages)
				return "A column has another number of images";
			return es_blocks_check(column, &column->blocks);
		case ES_ENC_DICTIONARY:
			return es_dictionary_check(column);
		case ES_ENC_UUID7:
			return es_uuid_check(column, nimages);
		default:
			return NULL;
	}
}
