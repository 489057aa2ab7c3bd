/*-------------------------------------------------------------------------
 *
 * es_codec_vectors.c
 *	  Vectors of integers: the reader.
 *
 * A value is found with its vector's descriptor and one packed word, or two; in
 * runs, with a bisection before.  What a descriptor says is looked at each time
 * that it is read.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_vectors.c
 *-------------------------------------------------------------------------
 */
#include "codec/es_codec_internal.h"

/* a vector of which so many values were asked for is read as a whole */
#define READ_AFTER	8

static const char *const bad_head = "The head of a column's vectors is out of range";
static const char *const bad_vector = "A vector of a column is out of range";
static const char *const bad_runs = "The runs of a column's vector are out of order";

const char *
es_vectors_open(EsVectors *vectors, const EsSource *source,
				const EsMemory *memory, size_t off, uint32_t n)
{
	EsVectorsHead head;

	if (!es_need(source, off, sizeof(head)))
		return es_cut_short;
	memcpy(&head, source->bytes + off, sizeof(head));
	vectors->source = source;
	vectors->memory = memory;
	vectors->off = off;
	vectors->len = head.len;
	vectors->n = n;
	vectors->descriptors = sizeof(head);
	vectors->base = 0;
	vectors->unit = 1;
	if (head.len > source->len - off)
		return es_cut_short;
	if ((head.flags & ~ES_VECTORS_UNIT) != 0)
		return "A column's vectors have flags that do not exist";
	if (head.flags & ES_VECTORS_UNIT)
	{
		if (!es_need(source, off + sizeof(head), 16))
			return es_cut_short;
		vectors->base = es_load64(source->bytes + off + sizeof(head));
		vectors->unit = es_load64(source->bytes + off + sizeof(head) + 8);
		vectors->descriptors += 16;
	}
	if (head.len % 8 != 0 ||
		head.len < vectors->descriptors + es_nvectors(n) * sizeof(EsVector))
		return bad_head;
	return NULL;
}

/*
 * Read a descriptor.  Its data lie within the vectors, and *data says where in the
 * stream.
 */
static const char *
read_descriptor(const EsVectors *vectors, uint32_t v, EsVector *vector,
				size_t *data)
{
	const EsSource *source = vectors->source;
	size_t		at = vectors->descriptors + v * sizeof(EsVector);
	uint32_t	rows = es_vector_rows(vectors->n, v);
	size_t		size;

	if (!es_need(source, vectors->off + at, sizeof(EsVector)))
		return es_cut_short;
	memcpy(vector, source->bytes + vectors->off + at, sizeof(EsVector));
	*data = vectors->off + vector->off;
	if (vector->bits > 64 ||
		(vector->nruns > 0) != (vector->mode == ES_VECTOR_RUNS))
		return bad_vector;
	switch (vector->mode)
	{
		case ES_VECTOR_CONSTANT:
			return vector->bits == 0 && vector->off == 0 ? NULL : bad_vector;
		case ES_VECTOR_FRAME:
			size = es_packed_size(rows, vector->bits);
			break;
		case ES_VECTOR_LINE:
			size = sizeof(int64_t) + es_packed_size(rows, vector->bits);
			break;
		case ES_VECTOR_RUNS:
			if (vector->nruns > rows)
				return bad_runs;
			size = ES_ALIGN8(vector->nruns * sizeof(uint16_t)) +
				es_packed_size(vector->nruns, vector->bits);
			break;
		default:
			return "A vector of a column is of a mode that does not exist";
	}
	if (vector->off % 8 != 0 ||
		vector->off < vectors->descriptors +
		es_nvectors(vectors->n) * sizeof(EsVector) ||
		vector->off > vectors->len || size > vectors->len - vector->off)
		return bad_vector;
	return NULL;
}

/* How far a line is above its base at row i. */
static inline uint64_t
rise(int64_t slope, uint32_t i)
{
	return (uint64_t) ((int64_t) ((uint64_t) slope * i) >> 16);
}

/*
 * Which run is row i in?
 */
static const char *
find_run(const EsSource *source, size_t data, uint32_t nruns, uint32_t i,
		 uint32_t *run)
{
	uint32_t	low = 0;
	uint32_t	high = nruns;

	/* the first run that ends behind i */
	while (low < high)
	{
		uint32_t	middle = (low + high) / 2;
		uint16_t	end;

		if (!es_need(source, data + middle * sizeof(end), sizeof(end)))
			return es_cut_short;
		memcpy(&end, source->bytes + data + middle * sizeof(end), sizeof(end));
		if (end <= i)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == nruns)
		return bad_runs;
	*run = low;
	return NULL;
}

void
es_vectors_close(EsVectors *vectors)
{
	if (vectors->recent != NULL)
		vectors->memory->free(vectors->memory->arg, vectors->recent);
	vectors->recent = NULL;
}

/*
 * Is it time to read all of the vector?  Whoever has read all of the one before
 * goes on to do so.
 */
static bool
is_walked(EsVectors *vectors, uint32_t v)
{
	if (vectors->asked_v != v)
	{
		vectors->asked_v = v;
		vectors->nasked = 0;
		if (vectors->recent != NULL && v == vectors->recent_v + 1)
			vectors->nasked = READ_AFTER;
	}
	return vectors->nasked++ >= READ_AFTER;
}

const char *
es_vectors_get(EsVectors *vectors, uint32_t row, int64_t *value)
{
	const EsSource *source = vectors->source;
	EsVector	vector;
	uint32_t	v = row / ES_VECTOR_ROWS;
	uint32_t	i = row % ES_VECTOR_ROWS;
	uint32_t	n = es_vector_rows(vectors->n, v);
	uint64_t	packed = 0;
	size_t		data;
	const char *problem;

	if (vectors->recent != NULL && vectors->recent_v == v)
	{
		*value = vectors->recent[i];
		return NULL;
	}
	if (is_walked(vectors, v))
	{
		if (vectors->recent == NULL)
			vectors->recent = vectors->memory->alloc(vectors->memory->arg,
													 ES_VECTOR_ROWS * sizeof(int64_t));
		vectors->recent_v = UINT32_MAX;
		problem = es_vectors_read(vectors, v, vectors->recent);
		if (problem != NULL)
			return problem;
		vectors->recent_v = v;
		*value = vectors->recent[i];
		return NULL;
	}

	problem = read_descriptor(vectors, v, &vector, &data);
	if (problem != NULL)
		return problem;
	switch (vector.mode)
	{
		case ES_VECTOR_LINE:
			if (!es_need(source, data, sizeof(int64_t)))
				return es_cut_short;
			vector.base = (int64_t) ((uint64_t) vector.base +
									 rise((int64_t) es_load64(source->bytes + data), i));
			data += sizeof(int64_t);
			break;
		case ES_VECTOR_RUNS:
			n = vector.nruns;
			problem = find_run(source, data, n, i, &i);
			if (problem != NULL)
				return problem;
			data += ES_ALIGN8(n * sizeof(uint16_t));
			break;
		default:
			break;
	}
	if (!es_unpack_one(source, data, n, vector.bits, i, &packed))
		return es_cut_short;
	*value = (int64_t) (vectors->base +
						vectors->unit * ((uint64_t) vector.base + packed));
	return NULL;
}

/*
 * values[i] is for the run that ends last: give each row its run's.
 */
static const char *
spread_runs(const uint8_t *ends, uint32_t nruns, uint32_t n, int64_t *values)
{
	int64_t		of_run[ES_VECTOR_ROWS];
	uint32_t	i = 0;

	memcpy(of_run, values, nruns * sizeof(int64_t));
	for (uint32_t run = 0; run < nruns; run++)
	{
		uint16_t	end;

		memcpy(&end, ends + run * sizeof(end), sizeof(end));
		if (end <= i || end > n)
			return bad_runs;
		for (; i < end; i++)
			values[i] = of_run[run];
	}
	return i == n ? NULL : bad_runs;
}

/*
 * Where are the packed values of a vector that is not constant, and how many?
 * Asks for all of its data.
 */
static const char *
find_packed(const EsVectors *vectors, const EsVector *vector, uint32_t n,
			size_t data, const uint8_t **packed, uint32_t *npacked)
{
	const EsSource *source = vectors->source;
	size_t		before = 0;

	*npacked = n;
	if (vector->mode == ES_VECTOR_LINE)
		before = sizeof(int64_t);
	else if (vector->mode == ES_VECTOR_RUNS)
	{
		*npacked = vector->nruns;
		before = ES_ALIGN8(*npacked * sizeof(uint16_t));
	}
	if (!es_need(source, data, before + es_packed_size(*npacked, vector->bits)))
		return es_cut_short;
	*packed = source->bytes + data + before;
	return NULL;
}

/*
 * Give each row its value.  The loops are written for compilers to vectorise.
 */
static void
add_frame(int64_t *restrict values, const uint8_t *packed, uint32_t n, int bits,
		  uint64_t base, uint64_t unit)
{
	uint32_t	narrow[ES_VECTOR_ROWS];
	uint32_t	unit32 = (uint32_t) unit;

	if (bits > 32)
	{
		es_unpack64(packed, n, bits, (uint64_t *) values);
		if (unit == 1)
			for (uint32_t i = 0; i < n; i++)
				values[i] = (int64_t) (base + (uint64_t) values[i]);
		else
			for (uint32_t i = 0; i < n; i++)
				values[i] = (int64_t) (base + unit * (uint64_t) values[i]);
		return;
	}
	es_unpack32(packed, n, bits, narrow);
	if (unit == 1)
		for (uint32_t i = 0; i < n; i++)
			values[i] = (int64_t) (base + narrow[i]);
	else if (unit == unit32)
		for (uint32_t i = 0; i < n; i++)
			values[i] = (int64_t) (base + (uint64_t) narrow[i] * unit32);
	else
		for (uint32_t i = 0; i < n; i++)
			values[i] = (int64_t) (base + narrow[i] * unit);
}

static void
add_line(int64_t *restrict values, const uint8_t *packed, uint32_t n, int bits,
		 uint64_t base, uint64_t unit, int64_t slope)
{
	/*
	 * rise(i) is the arithmetic shift of i * slope, which is the logical one
	 * of what is 2^63 more, less 2^47
	 */
	uint64_t	at = (uint64_t) 1 << 63;

	add_frame(values, packed, n, bits, 0, 1);
	base -= unit << 47;
	if (unit == 1)
		for (uint32_t i = 0; i < n; i++, at += (uint64_t) slope)
			values[i] = (int64_t) (base + ((uint64_t) values[i] + (at >> 16)));
	else
		for (uint32_t i = 0; i < n; i++, at += (uint64_t) slope)
			values[i] = (int64_t)
				(base + unit * ((uint64_t) values[i] + (at >> 16)));
}

const char *
es_vectors_read(const EsVectors *vectors, uint32_t v, int64_t *values)
{
	const uint8_t *packed;
	EsVector	vector;
	uint32_t	n = es_vector_rows(vectors->n, v);
	uint32_t	npacked;
	uint64_t	base;
	uint64_t	unit = vectors->unit;
	int64_t		slope;
	size_t		data;
	const char *problem;

	problem = read_descriptor(vectors, v, &vector, &data);
	if (problem != NULL)
		return problem;
	base = vectors->base + unit * (uint64_t) vector.base;
	if (vector.mode == ES_VECTOR_CONSTANT)
	{
		for (uint32_t i = 0; i < n; i++)
			values[i] = (int64_t) base;
		return NULL;
	}
	problem = find_packed(vectors, &vector, n, data, &packed, &npacked);
	if (problem != NULL)
		return problem;
	if (vector.mode == ES_VECTOR_LINE)
	{
		slope = (int64_t) es_load64(vectors->source->bytes + data);
		add_line(values, packed, n, vector.bits, base, unit, slope);
		return NULL;
	}
	add_frame(values, packed, npacked, vector.bits, base, unit);
	if (vector.mode == ES_VECTOR_RUNS)
		return spread_runs(vectors->source->bytes + data, npacked, n, values);
	return NULL;
}

const char *
es_vectors_read32(const EsVectors *vectors, uint32_t v, uint32_t limit,
				  uint32_t *values)
{
	int64_t		wide[ES_VECTOR_ROWS];
	const uint8_t *packed;
	EsVector	vector;
	uint32_t	n = es_vector_rows(vectors->n, v);
	uint32_t	too_large = 0;
	uint32_t	npacked;
	uint32_t	base;
	size_t		data;
	const char *problem;

	problem = read_descriptor(vectors, v, &vector, &data);
	if (problem != NULL)
		return problem;
	if (vector.mode == ES_VECTOR_FRAME && vector.bits <= 32 &&
		vectors->unit == 1 && vectors->base == 0 &&
		vector.base >= 0 && vector.base < limit)
	{
		problem = find_packed(vectors, &vector, n, data, &packed, &npacked);
		if (problem != NULL)
			return problem;
		base = (uint32_t) vector.base;
		es_unpack32(packed, n, vector.bits, values);
		for (uint32_t i = 0; i < n; i++)
			too_large |= values[i] >= limit - base;
		if (base != 0)
			for (uint32_t i = 0; i < n; i++)
				values[i] += base;
	}
	else
	{
		problem = es_vectors_read(vectors, v, wide);
		if (problem != NULL)
			return problem;
		for (uint32_t i = 0; i < n; i++)
		{
			too_large |= (uint64_t) wide[i] >= limit;
			values[i] = (uint32_t) wide[i];
		}
	}
	return too_large == 0 ? NULL : "A code of a column is out of range";
}
