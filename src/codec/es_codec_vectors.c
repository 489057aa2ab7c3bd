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

static const char *const bad_head = "The head of a column's vectors is out of range";
static const char *const bad_vector = "A vector of a column is out of range";
static const char *const bad_runs = "The runs of a column's vector are out of order";

const char *
es_vectors_open(EsVectors *vectors, const EsSource *source, size_t off,
				uint32_t n)
{
	EsVectorsHead head;

	if (!es_need(source, off, sizeof(head)))
		return es_cut_short;
	memcpy(&head, source->bytes + off, sizeof(head));
	vectors->source = source;
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

const char *
es_vectors_get(const EsVectors *vectors, uint32_t row, int64_t *value)
{
	const EsSource *source = vectors->source;
	EsVector	vector;
	uint32_t	v = row / ES_VECTOR_ROWS;
	uint32_t	i = row % ES_VECTOR_ROWS;
	uint32_t	n = es_vector_rows(vectors->n, v);
	uint64_t	packed = 0;
	size_t		data;
	const char *problem;

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

const char *
es_vectors_read(const EsVectors *vectors, uint32_t v, int64_t *values)
{
	const EsSource *source = vectors->source;
	const uint8_t *bytes;
	EsVector	vector;
	uint32_t	n = es_vector_rows(vectors->n, v);
	uint32_t	npacked = n;
	uint64_t	base;
	uint64_t	unit = vectors->unit;
	int64_t		slope = 0;
	size_t		before = 0;		/* bytes of the data before what is packed */
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
	if (vector.mode == ES_VECTOR_LINE)
		before = sizeof(int64_t);
	else if (vector.mode == ES_VECTOR_RUNS)
	{
		npacked = vector.nruns;
		before = ES_ALIGN8(npacked * sizeof(uint16_t));
	}
	if (!es_need(source, data, before + es_packed_size(npacked, vector.bits)))
		return es_cut_short;
	bytes = source->bytes + data;
	if (vector.mode == ES_VECTOR_LINE)
		slope = (int64_t) es_load64(bytes);

	es_unpack64(bytes + before, npacked, vector.bits, (uint64_t *) values);
	if (slope != 0)
		for (uint32_t i = 0; i < npacked; i++)
			values[i] = (int64_t) ((uint64_t) values[i] + rise(slope, i));
	if (unit != 1)
		for (uint32_t i = 0; i < npacked; i++)
			values[i] = (int64_t) ((uint64_t) values[i] * unit);
	for (uint32_t i = 0; i < npacked; i++)
		values[i] = (int64_t) ((uint64_t) values[i] + base);
	if (vector.mode == ES_VECTOR_RUNS)
		return spread_runs(bytes, npacked, n, values);
	return NULL;
}

const char *
es_vectors_read32(const EsVectors *vectors, uint32_t v, uint32_t limit,
				  uint32_t *values)
{
	int64_t		wide[ES_VECTOR_ROWS];
	uint32_t	n = es_vector_rows(vectors->n, v);
	uint64_t	greatest = 0;
	const char *problem;

	problem = es_vectors_read(vectors, v, wide);
	if (problem != NULL)
		return problem;
	for (uint32_t i = 0; i < n; i++)
	{
		greatest |= (uint64_t) wide[i] >= limit;
		values[i] = (uint32_t) wide[i];
	}
	return greatest == 0 ? NULL : "A code of a column is out of range";
}
