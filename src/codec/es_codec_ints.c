/*-------------------------------------------------------------------------
 *
 * es_codec_ints.c
 *	  Integers to vectors: the encoder and its cost model.
 *
 * The values of all vectors are divided by the greatest number that divides the
 * differences between them, if that saves anything.  Then each vector of 1024 is
 * written in the mode that takes the fewest bytes.
 *
 * All arithmetic is modulo 2^64: no value and no difference is too large.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_ints.c
 *-------------------------------------------------------------------------
 */
#include "codec/es_codec_internal.h"

/* Slopes are kept below this, so that 1023 times a slope is no overflow. */
#define MAX_SLOPE	((int64_t) 1 << 53)

/* A number to divide by, and what makes exact division a multiplication. */
typedef struct Divisor
{
	uint64_t	number;
	int			shift;			/* number == odd << shift */
	uint64_t	inverse;		/* of odd, modulo 2^64 */
	uint64_t	limit;			/* greatest multiple of odd, divided by it */
} Divisor;

/* What may be written of a vector, and what it takes. */
typedef struct Plan
{
	EsVectorMode mode;
	size_t		size;
	uint64_t	base;
	int			bits;
	int64_t		slope;
	uint32_t	nruns;
} Plan;

static void
divide_by(Divisor *divisor, uint64_t number)
{
	uint64_t	odd;
	uint64_t	inverse;

	divisor->number = number;
	divisor->shift = __builtin_ctzll(number);
	odd = number >> divisor->shift;
	/* right modulo 8; each step doubles the bits that are */
	inverse = odd;
	for (int i = 0; i < 5; i++)
		inverse *= 2 - odd * inverse;
	divisor->inverse = inverse;
	divisor->limit = UINT64_MAX / odd;
}

static inline bool
divides(const Divisor *divisor, uint64_t value)
{
	return (value & (((uint64_t) 1 << divisor->shift) - 1)) == 0 &&
		(value >> divisor->shift) * divisor->inverse <= divisor->limit;
}

/* value / number, if that leaves no rest */
static inline uint64_t
quotient(const Divisor *divisor, uint64_t value)
{
	return (value >> divisor->shift) * divisor->inverse;
}

static uint64_t
common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0)
	{
		uint64_t	rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * The least value, and the greatest number that divides what the others are above
 * it; 1: none that is worth its place.
 */
static void
find_unit(const int64_t *values, const uint8_t *isnull, uint32_t n,
		  int64_t *least, Divisor *unit)
{
	bool		any = false;
	uint32_t	i;

	*least = 0;
	for (i = 0; i < n; i++)
		if ((isnull == NULL || !isnull[i]) && (!any || values[i] < *least))
		{
			*least = values[i];
			any = true;
		}

	unit->number = 0;
	for (i = 0; i < n && unit->number != 1; i++)
	{
		uint64_t	above = (uint64_t) values[i] - (uint64_t) *least;

		if (above == 0 || (isnull != NULL && isnull[i]) ||
			(unit->number != 0 && divides(unit, above)))
			continue;
		divide_by(unit, common_divisor(above, unit->number));
	}

	/* base and unit take 16 bytes */
	if (unit->number == 0 ||
		(uint64_t) (es_bits(unit->number) - 1) * n <= 16 * 8)
		divide_by(unit, 1);
}

/* --- modes: each writes a plan, if it is better than the one there is --- */

static void
plan_frame(Plan *plan, const int64_t *values, uint32_t n)
{
	int64_t		least = values[0];
	int64_t		greatest = values[0];

	for (uint32_t i = 1; i < n; i++)
	{
		least = values[i] < least ? values[i] : least;
		greatest = values[i] > greatest ? values[i] : greatest;
	}
	plan->base = least;
	plan->bits = es_bits((uint64_t) greatest - (uint64_t) least);
	plan->mode = plan->bits == 0 ? ES_VECTOR_CONSTANT : ES_VECTOR_FRAME;
	plan->size = es_packed_size(n, plan->bits);
	plan->slope = 0;
	plan->nruns = 0;
}

static void
plan_runs(Plan *plan, const int64_t *values, uint32_t n)
{
	uint32_t	nruns = 1;
	size_t		size;

	for (uint32_t i = 1; i < n; i++)
		nruns += values[i] != values[i - 1];
	size = ES_ALIGN8(nruns * sizeof(uint16_t)) +
		es_packed_size(nruns, plan->bits);
	if (size < plan->size)
	{
		plan->mode = ES_VECTOR_RUNS;
		plan->size = size;
		plan->nruns = nruns;
	}
}

static void
consider_slope(Plan *plan, const int64_t *values, const uint8_t *isnull,
			   uint32_t n, double slope)
{
	int64_t		fixed;
	int64_t		least = INT64_MAX;
	int64_t		greatest = INT64_MIN;
	size_t		size;
	int			bits;

	slope *= 65536;
	if (!(slope < MAX_SLOPE && slope > -MAX_SLOPE))
		return;
	fixed = (int64_t) slope;
	for (uint32_t i = 0; i < n; i++)
	{
		/* neither the range nor the line reaches 2^62: this fits */
		int64_t		error = values[i] - values[0] - ((i * fixed) >> 16);

		if (isnull != NULL && isnull[i])
			continue;
		least = error < least ? error : least;
		greatest = error > greatest ? error : greatest;
	}
	if (least > greatest)
		return;
	bits = es_bits((uint64_t) greatest - (uint64_t) least);
	size = sizeof(int64_t) + es_packed_size(n, bits);
	if (size < plan->size)
	{
		plan->mode = ES_VECTOR_LINE;
		plan->size = size;
		plan->base = (uint64_t) values[0] + (uint64_t) least;
		plan->bits = bits;
		plan->slope = fixed;
		plan->nruns = 0;
	}
}

/*
 * Lines of which the errors have the least squares, and through the ends.
 */
static void
plan_line(Plan *plan, const int64_t *values, const uint8_t *isnull, uint32_t n)
{
	double		sum_i = 0,
				sum_ii = 0,
				sum_d = 0,
				sum_id = 0,
				count = 0,
				below;

	if (n < 3 || plan->bits > 60 || plan->size <= sizeof(int64_t))
		return;
	for (uint32_t i = 0; i < n; i++)
	{
		double		d = (double) (values[i] - values[0]);

		if (isnull != NULL && isnull[i])
			continue;
		count++;
		sum_i += i;
		sum_ii += (double) i * i;
		sum_d += d;
		sum_id += i * d;
	}
	below = count * sum_ii - sum_i * sum_i;
	if (below > 0)
		consider_slope(plan, values, isnull, n,
					   (count * sum_id - sum_i * sum_d) / below);
	consider_slope(plan, values, isnull, n,
				   (double) (values[n - 1] - values[0]) / (n - 1));
}

/* --- writing --- */

static void
write_frame(uint8_t *at, const Plan *plan, const int64_t *values, uint32_t n)
{
	uint64_t	above[ES_VECTOR_ROWS];

	for (uint32_t i = 0; i < n; i++)
		above[i] = (uint64_t) values[i] - plan->base;
	es_pack(at, above, n, plan->bits);
}

static void
write_line(uint8_t *at, const Plan *plan, const int64_t *values,
		   const uint8_t *isnull, uint32_t n)
{
	uint64_t	above[ES_VECTOR_ROWS];

	memcpy(at, &plan->slope, sizeof(int64_t));
	for (uint32_t i = 0; i < n; i++)
		above[i] = isnull != NULL && isnull[i] ? 0 :
			(uint64_t) values[i] - plan->base -
			(uint64_t) ((i * plan->slope) >> 16);
	es_pack(at + sizeof(int64_t), above, n, plan->bits);
}

static void
write_runs(uint8_t *at, const Plan *plan, const int64_t *values, uint32_t n)
{
	uint64_t	above[ES_VECTOR_ROWS];
	uint32_t	nruns = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		uint16_t	end = i + 1;

		if (i + 1 < n && values[i + 1] == values[i])
			continue;
		memcpy(at + nruns * sizeof(end), &end, sizeof(end));
		above[nruns++] = (uint64_t) values[i] - plan->base;
	}
	es_pack(at + ES_ALIGN8(nruns * sizeof(uint16_t)), above, nruns, plan->bits);
}

/*
 * Append the data of a vector and write its descriptor.  isnull: NULL if there is
 * no null in it.
 */
static void
encode_vector(EsBytes *out, size_t head, size_t descriptor,
			  const int64_t *values, const uint8_t *isnull, uint32_t n)
{
	Plan		plan;
	EsVector	vector;
	size_t		at;

	plan_frame(&plan, values, n);
	if (plan.mode != ES_VECTOR_CONSTANT)
	{
		plan_runs(&plan, values, n);
		plan_line(&plan, values, isnull, n);
	}

	at = es_bytes_append(out, NULL, plan.size);
	switch (plan.mode)
	{
		case ES_VECTOR_CONSTANT:
			break;
		case ES_VECTOR_FRAME:
			write_frame(out->data + at, &plan, values, n);
			break;
		case ES_VECTOR_LINE:
			write_line(out->data + at, &plan, values, isnull, n);
			break;
		case ES_VECTOR_RUNS:
			write_runs(out->data + at, &plan, values, n);
			break;
	}
	vector.base = (int64_t) plan.base;
	vector.mode = plan.mode;
	vector.bits = plan.bits;
	vector.nruns = plan.nruns;
	vector.off = plan.mode == ES_VECTOR_CONSTANT ? 0 : at - head;
	memcpy(out->data + descriptor, &vector, sizeof(vector));
}

/*
 * Put the last value before it in each null's place, or in front of all values
 * the first one.  Returns whether there is any null.
 */
static bool
fill_nulls(int64_t *values, const uint8_t *isnull, uint32_t n)
{
	uint32_t	first = 0;
	bool		any = false;

	while (first < n && isnull[first])
		first++;
	for (uint32_t i = 0; i < n; i++)
		if (isnull[i])
		{
			any = true;
			values[i] = i > 0 ? values[i - 1] : first < n ? values[first] : 0;
		}
	return any;
}

void
es_vectors_encode(EsBytes *out, const int64_t *values, const uint8_t *isnull,
				  uint32_t n)
{
	EsVectorsHead head = {0};
	Divisor		unit;
	int64_t		least;
	size_t		start = out->len;
	size_t		descriptors;

	find_unit(values, isnull, n, &least, &unit);
	es_bytes_append(out, &head, sizeof(head));
	if (unit.number > 1)
	{
		head.flags = ES_VECTORS_UNIT;
		es_bytes_append(out, &least, sizeof(least));
		es_bytes_append(out, &unit.number, sizeof(unit.number));
	}
	descriptors = es_bytes_append(out, NULL,
								  es_nvectors(n) * sizeof(EsVector));
	for (uint32_t v = 0; v < es_nvectors(n); v++)
	{
		uint32_t	first = v * ES_VECTOR_ROWS;
		uint32_t	rows = es_vector_rows(n, v);
		const uint8_t *nulls = isnull != NULL ? isnull + first : NULL;
		int64_t		numbers[ES_VECTOR_ROWS];

		memcpy(numbers, values + first, rows * sizeof(int64_t));
		if (nulls != NULL && !fill_nulls(numbers, nulls, rows))
			nulls = NULL;
		if (unit.number > 1)
			for (uint32_t i = 0; i < rows; i++)
				numbers[i] = (int64_t)
					quotient(&unit, (uint64_t) numbers[i] - (uint64_t) least);
		encode_vector(out, start, descriptors + v * sizeof(EsVector),
					  numbers, nulls, rows);
	}
	head.len = out->len - start;
	memcpy(out->data + start, &head, sizeof(head));
}
