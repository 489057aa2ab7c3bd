/*-------------------------------------------------------------------------
 *
 * test_codec.c
 *	  Columns of a batch: values come back as they were, one by one and in
 *	  vectors, out of streams that are as short as they should be; no bytes are
 *	  read that were not asked for; and no bytes whatever make a decoder read or
 *	  write where it may not.  Output is TAP.
 *
 *	  Links: src/codec/es_codec_blocks.c src/codec/es_codec_bytes.c
 *	  Links: src/codec/es_codec_column.c src/codec/es_codec_compress.c
 *	  Links: src/codec/es_codec_dictionary.c src/codec/es_codec_encode.c
 *	  Links: src/codec/es_codec_images.c src/codec/es_codec_ints.c
 *	  Links: src/codec/es_codec_pack.c src/codec/es_codec_uuid.c
 *	  Links: src/codec/es_codec_vectors.c -llz4 -lzstd
 *
 * IDENTIFICATION
 *	  tests/unit/test_codec.c
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zdict.h>

#include "codec/es_codec.h"

#define MAX_ROWS		ES_COLUMN_MAX_ROWS
#define DAMAGES			60		/* of each stream that is damaged */

static int	ntests = 0;
static int	nfailed = 0;

static void
check(bool good, const char *what)
{
	ntests++;
	if (!good)
		nfailed++;
	printf("%s %d - %s\n", good ? "ok" : "not ok", ntests, what);
}

/* Within a test: remember what went wrong first. */
static char trouble[300];

#define expect(condition, ...) \
	do { \
		if (!(condition) && trouble[0] == '\0') \
		{ \
			int			used = snprintf(trouble, sizeof(trouble), "line %d: ", __LINE__); \
 \
			snprintf(trouble + used, sizeof(trouble) - used, __VA_ARGS__); \
		} \
	} while (0)

static void
check_trouble(const char *what)
{
	if (trouble[0] != '\0')
		printf("# %s\n", trouble);
	check(trouble[0] == '\0', what);
	trouble[0] = '\0';
}

/* --- random numbers, the same in every run --- */

static uint64_t random_state = 88172645463325252;

static uint64_t
random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * UINT64_C(2685821657736338717);
}

static uint32_t
below(uint32_t limit)
{
	return (random64() >> 33) % limit;
}

/* --- memory that is counted --- */

static long chunks = 0;

static void *
count_alloc(void *arg, size_t size)
{
	void	   *chunk = malloc(size);

	(void) arg;
	if (chunk == NULL)
		abort();
	chunks++;
	return chunk;
}

static void
count_free(void *arg, void *chunk)
{
	(void) arg;
	chunks--;
	free(chunk);
}

static const EsMemory memory = {count_alloc, count_free, NULL};

/* --- varlenas as PostgreSQL's, of this byte order --- */

static size_t
varlena_step(const uint8_t *at, size_t *off, size_t end, uint8_t align)
{
	uint32_t	header;
	size_t		from = *off;
	size_t		len;

	if (from >= end)
		return 0;
	if (at[from] == 0)
		from = (from + align - 1) & ~(size_t) (align - 1);
	if (from >= end)
		return 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (at[from] == 0x01)
		len = 18;
	else if (at[from] & 0x01)
		len = at[from] >> 1;
	else
	{
		if (end - from < 4)
			return 0;
		memcpy(&header, at + from, 4);
		len = header >> 2;
	}
#else
	if (at[from] == 0x80)
		len = 18;
	else if (at[from] & 0x80)
		len = at[from] & 0x7F;
	else
	{
		if (end - from < 4)
			return 0;
		memcpy(&header, at + from, 4);
		len = header & 0x3FFFFFFF;
	}
#endif
	if (len == 0 || len > end - from)
		return 0;
	*off = from;
	return len;
}

static bool
has_short_header(const uint8_t *varlena)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return varlena[0] & 0x01;
#else
	return varlena[0] & 0x80;
#endif
}

/*
 * Make a varlena of "len" bytes of text; returns its length.
 */
static uint32_t
make_varlena(uint8_t *at, const void *text, uint32_t len, bool short_header)
{
	uint32_t	header = len + 4;

	if (short_header && len < 126)
	{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		at[0] = (len + 1) << 1 | 0x01;
#else
		at[0] = (len + 1) | 0x80;
#endif
		memcpy(at + 1, text, len);
		return len + 1;
	}
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	header <<= 2;
#endif
	memcpy(at, &header, 4);
	memcpy(at + 4, text, len);
	return len + 4;
}

/* --- a source whose bytes are there only once they were asked for --- */

#define MAX_ASKED		1000

typedef struct Lazy
{
	const uint8_t *bytes;		/* the stream */
	uint8_t    *there;			/* what was asked for of it; else 0xA5 */
	size_t		len;
	size_t		asked;			/* how many bytes were, in all calls */
	int			ncalls;
	struct
	{
		size_t		off;
		size_t		len;
	}			calls[MAX_ASKED];
} Lazy;

static bool
lazy_need(void *arg, size_t off, size_t len)
{
	Lazy	   *lazy = arg;

	if (off > lazy->len || len > lazy->len - off)
		abort();				/* the codec must not ask for such */
	if (lazy->ncalls == MAX_ASKED)
		abort();
	lazy->calls[lazy->ncalls].off = off;
	lazy->calls[lazy->ncalls++].len = len;
	memcpy(lazy->there + off, lazy->bytes + off, len);
	lazy->asked += len;
	return true;
}

/* --- a column and its stream --- */

static EsColumnInput in;
static EsColumnSummary summary;
static EsBytes out;
static uint8_t *stream;			/* exactly as long as it is */
static size_t stream_len;
static uint8_t *there;			/* as long, all 0xA5 */

static uint8_t nulls[MAX_ROWS];
static int64_t ints[MAX_ROWS];
static EsImage images[MAX_ROWS];
static int64_t times[MAX_ROWS];
static int64_t zone_min[MAX_ROWS / ES_VECTOR_ROWS];
static int64_t zone_max[MAX_ROWS / ES_VECTOR_ROWS];
static bool zone_any[MAX_ROWS / ES_VECTOR_ROWS];

static bool
is_null(uint32_t row)
{
	return in.isnull != NULL && in.isnull[row];
}

static bool
ms_of(void *arg, uint32_t row, int64_t *ms)
{
	(void) arg;
	*ms = times[row];
	return true;
}

static EsColumnContext
make_context(void)
{
	EsColumnContext context = {0};

	context.memory = memory;
	context.step = varlena_step;
	context.trained = in.trained;
	context.trained_len = in.trained_len;
	context.ms_of = in.ms != NULL ? ms_of : NULL;
	return context;
}

/*
 * Encode, behind 24 bytes that stay.
 */
static void
encode(void)
{
	uint64_t	before[3] = {1, 2, 3};
	long		had;

	free(stream);
	if (out.data != NULL)
		count_free(NULL, out.data);
	memset(&out, 0, sizeof(out));
	had = chunks;
	out.memory = &memory;
	out.data = count_alloc(NULL, 24);
	out.room = out.len = 24;
	memcpy(out.data, before, 24);
	memset(&summary, 0, sizeof(summary));
	summary.zone_min = zone_min;
	summary.zone_max = zone_max;
	summary.zone_any = zone_any;
	es_column_encode(&out, &in, &summary);
	expect(chunks == had + 1, "encoding leaks");
	expect(memcmp(out.data, before, 24) == 0, "the bytes before were changed");
	expect(out.len % 8 == 0, "the length is no multiple of 8");
	stream_len = out.len - 24;
	stream = malloc(stream_len);
	memcpy(stream, out.data + 24, stream_len);
	free(there);
	there = malloc(stream_len);
	memset(there, 0xA5, stream_len);
}

static void
compare_image(uint32_t row, const uint8_t *image, uint32_t len)
{
	expect(len == images[row].len &&
		   memcmp(image, images[row].data, len) == 0,
		   "row %u: another image", row);
	if (in.kind.width != -1 || !has_short_header(image))
		expect((uintptr_t) image % in.kind.align == 0, "row %u: not aligned", row);
}

/*
 * Is one row what it was, and how many bytes were asked for?
 */
static size_t
read_one(uint32_t row)
{
	static Lazy lazy;
	EsSource	source = {there, stream_len, lazy_need, &lazy};
	EsColumnContext context = make_context();
	EsColumn   *column;
	const char *problem;
	const uint8_t *image;
	uint32_t	len;
	int64_t		value;
	bool		null;

	lazy.bytes = stream;
	lazy.there = there;
	lazy.len = stream_len;
	lazy.asked = 0;
	lazy.ncalls = 0;
	problem = es_column_open(&column, in.kind, in.n, &source, &context);
	expect(problem == NULL, "open: %s", problem);
	if (problem == NULL)
	{
		problem = es_column_is_null(column, row, &null);
		expect(problem == NULL, "row %u: %s", row, problem);
		expect(null == is_null(row), "row %u: another null", row);
		if (problem == NULL && !null && in.kind.by_value)
		{
			problem = es_column_int(column, row, &value);
			expect(problem == NULL, "row %u: %s", row, problem);
			expect(value == ints[row], "row %u: another value", row);
		}
		else if (problem == NULL && !null)
		{
			problem = es_column_image(column, row, &image, &len);
			expect(problem == NULL, "row %u: %s", row, problem);
			if (problem == NULL)
				compare_image(row, image, len);
		}
		es_column_close(column);
	}
	for (int i = 0; i < lazy.ncalls; i++)
		memset(there + lazy.calls[i].off, 0xA5, lazy.calls[i].len);
	return lazy.asked;
}

/*
 * Is everything as it was?
 */
static void
read_all(void)
{
	EsSource	source = {stream, stream_len, NULL, NULL};
	EsColumnContext context = make_context();
	EsColumn   *column;
	const char *problem;
	long		had = chunks;

	problem = es_column_open(&column, in.kind, in.n, &source, &context);
	expect(problem == NULL, "open: %s", problem);
	if (problem != NULL)
		return;
	expect(es_column_encoding(column) == summary.encoding, "another encoding");
	expect(es_column_has_nulls(column) == (summary.nnulls > 0), "nulls or not?");
	problem = es_column_check(column);
	expect(problem == NULL, "check: %s", problem);
	for (uint32_t v = 0; v * ES_VECTOR_ROWS < in.n; v++)
	{
		uint8_t		isnull[ES_VECTOR_ROWS];
		int64_t		values[ES_VECTOR_ROWS];
		uint32_t	codes[ES_VECTOR_ROWS];
		const uint8_t *image;
		uint32_t	len;
		bool		any;
		bool		any_found = false;
		int64_t		least = INT64_MAX;
		int64_t		greatest = INT64_MIN;

		problem = es_column_nulls_vector(column, v, isnull, &any);
		expect(problem == NULL, "nulls of vector %u: %s", v, problem);
		if (in.kind.by_value)
		{
			problem = es_column_ints_vector(column, v, values);
			expect(problem == NULL, "vector %u: %s", v, problem);
		}
		if (summary.encoding == ES_ENC_DICTIONARY)
		{
			problem = es_column_codes_vector(column, v, codes);
			expect(problem == NULL, "codes of vector %u: %s", v, problem);
		}
		for (uint32_t i = 0; i < ES_VECTOR_ROWS && v * ES_VECTOR_ROWS + i < in.n; i++)
		{
			uint32_t	row = v * ES_VECTOR_ROWS + i;

			expect(isnull[i] == is_null(row), "row %u: another null", row);
			any_found |= isnull[i];
			if (isnull[i])
				continue;
			if (in.kind.by_value)
			{
				expect(values[i] == ints[row], "row %u: another value", row);
				least = ints[row] < least ? ints[row] : least;
				greatest = ints[row] > greatest ? ints[row] : greatest;
				continue;
			}
			problem = es_column_image(column, row, &image, &len);
			expect(problem == NULL, "row %u: %s", row, problem);
			if (problem != NULL)
				continue;
			compare_image(row, image, len);
			if (summary.encoding != ES_ENC_DICTIONARY)
				continue;
			expect(codes[i] < es_column_nentries(column), "row %u: code", row);
			problem = es_column_entry(column, codes[i], &image, &len);
			expect(problem == NULL, "row %u: %s", row, problem);
			if (problem == NULL)
				compare_image(row, image, len);
		}
		expect(any == any_found, "vector %u: any null?", v);
		if (in.kind.by_value)
		{
			expect(zone_any[v] == (least <= greatest), "zone %u: any?", v);
			expect(!zone_any[v] || (zone_min[v] == least && zone_max[v] == greatest),
				   "zone %u: other bounds", v);
		}
	}
	/* in any order */
	for (int i = 0; i < 30; i++)
	{
		uint32_t	row = below(in.n);
		const uint8_t *image;
		uint32_t	len;
		int64_t		value;

		if (is_null(row))
			continue;
		if (in.kind.by_value)
			expect(es_column_int(column, row, &value) == NULL &&
				   value == ints[row], "row %u: another value", row);
		else if ((problem = es_column_image(column, row, &image, &len)) == NULL)
			compare_image(row, image, len);
		else
			expect(false, "row %u: %s", row, problem);
	}
	es_column_close(column);
	expect(chunks == had, "reading leaks");
}

/* so that compilers do not leave out what reads images */
static volatile uint64_t sink;

/*
 * Read all there is of any bytes; what it is does not matter, except that streams
 * which are found sound have no problem.
 */
static void
read_anything(const uint8_t *bytes, size_t len)
{
	uint8_t    *copy = malloc(len > 0 ? len : 1);
	EsSource	source = {copy, len, NULL, NULL};
	EsColumnContext context = make_context();
	EsColumn   *column;
	const char *problem;
	long		had = chunks;

	memcpy(copy, bytes, len);
	problem = es_column_open(&column, in.kind, in.n, &source, &context);
	if (problem == NULL)
	{
		bool		sound = es_column_check(column) == NULL;
		uint8_t		isnull[ES_VECTOR_ROWS];
		int64_t		values[ES_VECTOR_ROWS];
		uint32_t	codes[ES_VECTOR_ROWS];
		const uint8_t *image;
		uint32_t	image_len;
		uint64_t	sum = 0;
		bool		any;

		for (uint32_t v = 0; v * ES_VECTOR_ROWS < in.n; v++)
		{
			bool		good = es_column_nulls_vector(column, v, isnull, &any) == NULL;

			expect(good || !sound, "sound, but no nulls");
			if (!good)
				continue;
			if (in.kind.by_value)
				expect(es_column_ints_vector(column, v, values) == NULL || !sound,
					   "sound, but no vector");
			if (es_column_encoding(column) == ES_ENC_DICTIONARY)
				expect(es_column_codes_vector(column, v, codes) == NULL || !sound,
					   "sound, but no codes");
			for (uint32_t i = 0; i < ES_VECTOR_ROWS && v * ES_VECTOR_ROWS + i < in.n; i++)
			{
				uint32_t	row = v * ES_VECTOR_ROWS + i;

				if (in.kind.by_value)
					problem = es_column_int(column, row, values);
				else if (isnull[i] && sound)
					continue;
				else
				{
					problem = es_column_image(column, row, &image, &image_len);
					for (uint32_t j = 0; problem == NULL && j < image_len; j++)
						sum += image[j];
				}
				expect(problem == NULL || !sound, "sound, but row %u: %s", row,
					   problem);
			}
		}
		es_column_close(column);
		sink = sum;
	}
	expect(chunks == had, "reading leaks");
	free(copy);
}

/*
 * Cut the stream short, and change bytes of it.
 */
static void
damage(void)
{
	for (int i = 0; i < DAMAGES; i++)
	{
		size_t		at = i < 24 ? (size_t) i : below(stream_len);
		uint8_t		was;

		if (at >= stream_len)
			continue;
		read_anything(stream, at);
		was = stream[at];
		stream[at] = i % 3 == 0 ? was ^ 1 << below(8) : (uint8_t) random64();
		read_anything(stream, stream_len);
		stream[at] = was;
	}
}

/*
 * Encode and read in all ways.  encoding: the one that must be chosen, 0: any.
 * most: bytes that it may take, 0: any number.
 */
static void
try_column(const char *what, int encoding, size_t most)
{
	char		name[200];

	encode();
	expect(encoding == 0 || (int) summary.encoding == encoding,
		   "encoding %d", summary.encoding);
	expect(most == 0 || stream_len <= most, "%zu bytes", stream_len);
	read_all();
	for (int i = 0; i < 20; i++)
		read_one(i == 0 ? 0 : i == 1 ? in.n - 1 : below(in.n));
	snprintf(name, sizeof(name), "%s, %u rows: %zu bytes", what, in.n, stream_len);
	check_trouble(name);
}

static void
start_ints(int width, uint32_t n)
{
	memset(&in, 0, sizeof(in));
	in.kind.width = width;
	in.kind.align = width;
	in.kind.by_value = true;
	in.n = n;
	in.ints = ints;
}

/* --- integers --- */

static const uint32_t sizes[] = {
	1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 511, 1000, 1023, 1024,
	1025, 2048, 3000, 10000, 65536
};

#define NSIZES	(sizeof(sizes) / sizeof(sizes[0]))

#define NPATTERNS 14

static const char *
fill_ints(int pattern, int width, uint32_t n)
{
	uint64_t	mask = width == 8 ? UINT64_MAX : ((uint64_t) 1 << (width * 8)) - 1;
	int			up = 64 - width * 8;
	int			bits = below(width * 8) + 1;
	int64_t		start = (int64_t) random64();
	const char *names[NPATTERNS] = {
		"random", "constant", "some bits", "extremes", "rising", "line with jitter",
		"runs", "multiples", "falling", "two values", "sorted", "one outlier",
		"falling line with jitter", "wide multiples"
	};

	for (uint32_t i = 0; i < n; i++)
	{
		uint64_t	value = 0;

		switch (pattern)
		{
			case 0:
				value = random64();
				break;
			case 1:
				value = start;
				break;
			case 2:
				value = start + (random64() >> (64 - bits));
				break;
			case 3:
				value = below(2) ? (uint64_t) INT64_MIN >> up : (uint64_t) INT64_MAX >> up;
				break;
			case 4:
				value = i;
				break;
			case 5:
				value = start + i * 1000 + below(50);
				break;
			case 6:
				value = i > 0 && below(40) > 0 ? (uint64_t) ints[i - 1] : random64();
				break;
			case 7:
				value = 1000 * (uint64_t) below(100) + 7;
				break;
			case 8:
				value = -(uint64_t) i * 3;
				break;
			case 9:
				value = below(2) ? 0 : start;
				break;
			case 10:
				value = i > 0 ? (uint64_t) ints[i - 1] + below(4) : 0;
				break;
			case 11:
				value = i == n / 2 ? (uint64_t) INT64_MAX : below(3);
				break;
			case 12:
				value = start - (uint64_t) i * 77777 + below(5000);
				break;
			case 13:
				value = (random64() >> 1) / 6000000 * 6000000;
				break;
		}
		ints[i] = (int64_t) ((value & mask) << up) >> up;
	}
	return names[pattern];
}

#define NNULLS 6

static void
fill_nulls(int pattern, uint32_t n)
{
	in.isnull = pattern == 0 ? NULL : nulls;
	for (uint32_t i = 0; i < n; i++)
		nulls[i] = pattern == 1 ? 0 : pattern == 2 ? 1 : pattern == 3 ? below(2) :
			pattern == 4 ? below(100) == 0 : i / 700 % 2 == 0;
}

static void
test_ints(void)
{
	static const int widths[] = {1, 2, 4, 8};
	static const char *const null_names[NNULLS] = {
		"", ", no flag set", ", all null", ", half null", ", few null", ", runs of nulls"
	};

	for (int pattern = 0; pattern < NPATTERNS; pattern++)
		for (int w = 0; w < 4; w++)
		{
			const char *name = "";
			char		what[200];

			for (size_t s = 0; s < NSIZES; s++)
				for (int null = 0; null < NNULLS; null++)
				{
					if (sizes[s] > 3000 && (w != 3 || (null != 0 && null != 3)))
						continue;
					start_ints(widths[w], sizes[s]);
					fill_nulls(null, sizes[s]);
					name = fill_ints(pattern, widths[w], sizes[s]);
					encode();
					read_all();
					for (int i = 0; i < 8; i++)
						read_one(below(in.n));
					if (trouble[0] != '\0')
					{
						printf("# %u rows%s: %s\n", sizes[s], null_names[null], trouble);
						break;
					}
					if (sizes[s] <= 1025 && s % 2 == 0)
						damage();
				}
			snprintf(what, sizeof(what), "integers of %d bytes, %s", widths[w], name);
			check_trouble(what);
		}
}

/* --- images --- */

/* Where images are made; each is aligned as PostgreSQL has them in memory. */
static uint8_t *arena;
static size_t arena_used;

#define ARENA_BYTES		(48 * 1024 * 1024)

static uint8_t *
arena_place(uint32_t len)
{
	uint8_t    *at = arena + arena_used;

	arena_used += (len + 7) & ~7u;
	if (arena_used > ARENA_BYTES)
		abort();
	return at;
}

static void
start_images(int width, int align, uint32_t n, uint8_t codec)
{
	memset(&in, 0, sizeof(in));
	in.kind.width = width;
	in.kind.align = align;
	in.n = n;
	in.images = images;
	in.codec = codec;
	in.level = 3;
	in.block_bytes = codec == ES_CODEC_LZ4 ? 16384 : 8192;
	in.block_rows = 256;
	arena_used = 0;
}

/* Have short varlenas any header, or the short one? */
static bool any_header = false;

/*
 * Make the image of a row of some text, in the kind that "in" has.
 */
static void
set_image(uint32_t row, const char *text, uint32_t len)
{
	uint8_t    *at;

	if (in.kind.width > 0)
	{
		at = arena_place(in.kind.width);
		memset(at, 0, in.kind.width);
		memcpy(at, text, len < (uint32_t) in.kind.width ? len : (uint32_t) in.kind.width);
		images[row].len = in.kind.width;
	}
	else if (in.kind.width == -2)
	{
		at = arena_place(len + 1);
		memcpy(at, text, len);
		at[len] = 0;
		len = strlen((char *) at);
		images[row].len = len + 1;
	}
	else
	{
		at = arena_place(len + 4);
		images[row].len = make_varlena(at, text, len,
									   !any_header || below(8) > 0);
	}
	images[row].data = at;
}

#define NTEXTS 7

static const char *
fill_images(int pattern, uint32_t n)
{
	static const char *const names[NTEXTS] = {
		"random bytes", "json", "one of five", "the same", "one of n / 5",
		"empty or long", "rising"
	};
	static char text[40000];

	for (uint32_t i = 0; i < n; i++)
	{
		int			len = 0;

		switch (pattern)
		{
			case 0:
				len = below(300);
				for (int j = 0; j < len; j++)
					text[j] = (char) random64();
				break;
			case 1:
				len = sprintf(text, "{\"order\": %u, \"customer\": \"c-%u\", \"total\": %u.%02u, "
							  "\"status\": \"%s\"}", i, below(1000), below(500), below(100),
							  below(2) ? "paid" : "open");
				break;
			case 2:
				len = sprintf(text, "order.%c%c", 'a' + below(5), 'z');
				break;
			case 3:
				len = sprintf(text, "always the same");
				break;
			case 4:
				len = sprintf(text, "customer-%u", below(n / 5 + 1));
				break;
			case 5:
				len = below(20) == 0 ? 20000 + below(20000) : 0;
				if (arena_used > ARENA_BYTES / 2)
					len = 0;
				for (int j = 0; j < len; j++)
					text[j] = 'a' + below(3);
				break;
			case 6:
				len = sprintf(text, "%08u and something", i);
				break;
		}
		set_image(i, text, len);
	}
	return names[pattern];
}

static void
test_images(void)
{
	static const struct
	{
		int			width;
		int			align;
	}			kinds[] = {
		{-1, 4}, {-1, 8}, {-2, 1}, {16, 1}, {64, 1}, {16, 8}, {6, 2}, {12, 4}, {3, 1}, {12, 8}
	};
	static const char *const codecs[] = {"none", "LZ4", "zstd"};

	any_header = true;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (int pattern = 0; pattern < NTEXTS; pattern++)
		{
			const char *name = "";
			char		what[200];

			for (size_t s = 0; s < NSIZES; s++)
				for (int null = 0; null < NNULLS; null++)
				{
					uint8_t		codec = (s + null + pattern) % 3;

					if (sizes[s] > 3000 && null != 0 && null != 3)
						continue;
					if (sizes[s] == 65536 && (k != 0 || null != 0))
						continue;
					start_images(kinds[k].width, kinds[k].align, sizes[s], codec);
					in.dictionary = below(6) == 0;
					fill_nulls(null, sizes[s]);
					name = fill_images(pattern, sizes[s]);
					encode();
					read_all();
					for (int i = 0; i < 5; i++)
						read_one(below(in.n));
					if (trouble[0] != '\0')
					{
						printf("# %u rows, nulls %d, codec %s: %s\n", sizes[s], null,
							   codecs[codec], trouble);
						break;
					}
					if (sizes[s] <= 100 && s % 3 == 0)
						damage();
				}
			snprintf(what, sizeof(what), "images of width %d, %s", kinds[k].width, name);
			check_trouble(what);
		}
	any_header = false;
}

/* --- UUIDs --- */

static void
fill_uuids(uint32_t n, int64_t start, bool near)
{
	for (uint32_t i = 0; i < n; i++)
	{
		uint8_t    *at = arena_place(16);
		int64_t		ms;

		times[i] = start + i * 20;
		ms = near ? times[i] + below(3) : start + below(1000000);
		for (int j = 0; j < 16; j++)
			at[j] = (uint8_t) random64();
		for (int j = 0; j < 6; j++)
			at[j] = (uint8_t) (ms >> (40 - 8 * j));
		at[6] = 0x70 | (at[6] & 0x0F);
		at[8] = 0x80 | (at[8] & 0x3F);
		images[i].data = at;
		images[i].len = 16;
	}
}

static void
test_uuids(void)
{
	for (size_t s = 0; s < NSIZES; s++)
		for (int null = 0; null < NNULLS; null++)
		{
			start_images(16, 1, sizes[s], ES_CODEC_ZSTD);
			in.is_uuid = true;
			fill_nulls(null, sizes[s]);
			fill_uuids(sizes[s], INT64_C(1700000000000), true);
			in.ms = s % 3 == 0 ? NULL : times;
			encode();
			read_all();
			for (int i = 0; i < 5; i++)
				read_one(below(in.n));
			if (sizes[s] <= 100)
				damage();
		}
	check_trouble("UUIDs of version 7");

	start_images(16, 1, 10000, ES_CODEC_ZSTD);
	in.is_uuid = true;
	fill_uuids(in.n, INT64_C(1700000000000), true);
	in.ms = times;
	try_column("UUIDs near a column's milliseconds", ES_ENC_UUID7, 10000 * 9.6);
	in.ms = NULL;
	try_column("UUIDs that rise", ES_ENC_UUID7, 10000 * 9.7);
	fill_uuids(in.n, INT64_C(0xFFFFFFF00000), true);
	try_column("UUIDs of a late time", ES_ENC_UUID7, 0);
	arena_used = 0;
	fill_uuids(in.n, INT64_C(1700000000000), false);
	try_column("UUIDs of any time", ES_ENC_UUID7, 10000 * 12);
	in.codec = ES_CODEC_NONE;
	((uint8_t *) images[77].data)[6] ^= 0x30;
	try_column("UUIDs, one of version 4", ES_ENC_FIXED, 0);
	((uint8_t *) images[77].data)[6] ^= 0x30;
	((uint8_t *) images[77].data)[8] ^= 0x40;
	try_column("UUIDs, one of another variant", ES_ENC_FIXED, 0);
}

/* --- what is chosen, and what it takes --- */

static void
test_choice_of_ints(void)
{
	const int64_t start = INT64_C(757382400000000);

	start_ints(8, 10000);
	for (uint32_t i = 0; i < in.n; i++)
		ints[i] = start + i * INT64_C(1000000);
	try_column("a row each second", ES_ENC_INTS, 400);
	for (uint32_t i = 0; i < in.n; i++)
		ints[i] = start + i * INT64_C(1000000) + below(1000);
	try_column("a row each second, 1 ms of jitter", ES_ENC_INTS, 10000 * 1.4);
	for (uint32_t i = 0; i < in.n; i++)
		ints[i] = start + i * INT64_C(1000000) + below(1000) * INT64_C(1000);
	try_column("a row each second, 1 s of jitter in ms", ES_ENC_INTS, 10000 * 1.4);
	for (uint32_t i = 0, at = 0; i < in.n; i++)
		ints[i] = start + INT64_C(1000000) * (at += below(4) == 0);
	try_column("four rows a second, in s", ES_ENC_INTS, 10000 * 0.8);
	for (uint32_t i = 0; i < in.n; i++)
		ints[i] = start + i / 2000 * INT64_C(86400000000);
	try_column("days", ES_ENC_INTS, 300);
	for (uint32_t i = 0; i < in.n; i++)
		ints[i] = start;
	try_column("one time", ES_ENC_INTS, 200);
	for (uint32_t i = 0; i < in.n; i++)
		ints[i] = below(1000);
	try_column("three digits", ES_ENC_INTS, 10000 * 1.3);
	for (uint32_t i = 0; i < in.n; i++)
		ints[i] = (int64_t) random64();
	try_column("random integers of 8 bytes", ES_ENC_INTS_PLAIN, 80008);
	for (uint32_t i = 0; i < in.n; i++)
	{
		double		value = (double) below(1000000) / 7;

		memcpy(&ints[i], &value, sizeof(value));
	}
	try_column("doubles", 0, 80008);

	start_ints(1, 10000);
	for (uint32_t i = 0; i < in.n; i++)
		ints[i] = below(2);
	try_column("booleans", ES_ENC_INTS, 10000 / 8 + 10 * 16 + 50);
	start_ints(4, 1);
	ints[0] = -5;
	try_column("one integer of 4 bytes", ES_ENC_INTS_PLAIN, 16);

	start_ints(8, 10000);
	in.isnull = nulls;
	memset(nulls, 1, sizeof(nulls));
	try_column("nothing but nulls", ES_ENC_NULLS, 8);
	expect(summary.nnulls == 10000 && summary.raw_bytes == 0, "counts");
	for (uint32_t i = 0; i < in.n; i++)
	{
		ints[i] = start + i * INT64_C(1000000);
		nulls[i] = i < 6000;
	}
	try_column("nulls, then a row each second", ES_ENC_INTS, 700);
	expect(summary.nnulls == 6000 && summary.raw_bytes == 32000, "counts");
	for (uint32_t i = 0; i < in.n; i++)
	{
		nulls[i] = below(10) == 0;
		if (nulls[i])
			ints[i] = (int64_t) random64();
	}
	try_column("what stands for a null costs nothing", ES_ENC_INTS, 10000 / 8 + 700);
	memset(nulls, 0, sizeof(nulls));
	for (uint32_t i = 0; i < in.n; i++)
		ints[i] = 7;
	try_column("null flags of which none is set", ES_ENC_INTS, 200);
	check_trouble("the summary of integers");
}

static void
test_choice_of_images(void)
{
	for (uint8_t codec = ES_CODEC_NONE; codec <= ES_CODEC_ZSTD; codec++)
	{
		start_images(-1, 4, 10000, codec);
		fill_images(3, in.n);
		try_column("one text", ES_ENC_CONSTANT, 64);
		expect(summary.ndistinct == 1 && summary.codec == ES_CODEC_NONE, "counts");

		start_images(-1, 4, 10000, codec);
		fill_images(2, in.n);
		try_column("five texts", ES_ENC_DICTIONARY, 10000 * 3 / 8 + 600);
		expect(summary.ndistinct == 5, "counts");

		start_images(-1, 4, 10000, codec);
		fill_images(4, in.n);
		try_column("2000 names", ES_ENC_DICTIONARY, 10000 * 11 / 8 + 2000 * 16);

		start_images(-1, 4, 10000, codec);
		fill_images(1, in.n);
		try_column("json", ES_ENC_BLOCKS, codec == ES_CODEC_NONE ? 0 :
				   codec == ES_CODEC_LZ4 ? 250000 : 130000);
		expect(summary.codec == codec && !summary.uses_trained, "codec %d",
			   summary.codec);
		in.dictionary = true;
		try_column("json, as a dictionary", ES_ENC_DICTIONARY, 0);
		expect(summary.ndistinct == 10000, "counts");

		start_images(-1, 4, 10000, codec);
		fill_images(0, in.n);
		try_column("random bytes", ES_ENC_BLOCKS, 0);
		expect(summary.codec == ES_CODEC_NONE, "random bytes were compressed");
		expect(stream_len < summary.raw_bytes * 1.02, "%zu bytes", stream_len);

		start_images(16, 1, 10000, codec);
		for (uint32_t i = 0; i < in.n; i++)
		{
			uint64_t	word[2] = {random64(), random64()};

			set_image(i, (char *) word, 16);
		}
		try_column("random images of 16 bytes", ES_ENC_FIXED, 160008);
		start_images(16, 8, 10000, codec);
		fill_images(2, in.n);
		try_column("five images of 16 bytes", ES_ENC_DICTIONARY, 10000 * 3 / 8 + 600);
		start_images(-1, 4, 10000, codec);
		for (uint32_t i = 0; i < in.n; i++)
		{
			uint16_t	word = random64() >> 48;

			set_image(i, (char *) &word, 2);
		}
		try_column("varlenas of 3 bytes", ES_ENC_BLOCKS, 10000 * 3 + 1000);
		start_images(-1, 4, 1, codec);
		set_image(0, "x", 1);
		try_column("one row", 0, 32);
		check_trouble("the summary of images");
	}
}

/*
 * Large images have blocks of their own.
 */
static void
test_large_images(void)
{
	const uint32_t len = 12 * 1024 * 1024;
	char	   *text = malloc(len);

	for (uint32_t i = 0; i < len; i++)
		text[i] = 'a' + below(4);
	for (uint8_t codec = ES_CODEC_NONE; codec <= ES_CODEC_ZSTD; codec++)
	{
		start_images(-1, 4, 5, codec);
		set_image(0, "small", 5);
		set_image(1, text, len);
		set_image(2, text + 7, 3000);
		set_image(3, text + 1, len - 1);
		set_image(4, "small too", 9);
		try_column("small and large images", ES_ENC_BLOCKS, 0);
		expect(read_one(0) < 2000, "a large image was read for a small one");
		check_trouble("a small image beside large ones");

		start_images(-1, 4, 2, codec);
		set_image(0, text, len / 4);
		set_image(1, text, len / 4);
		in.isnull = NULL;
		try_column("twice the same large image",
				   codec == ES_CODEC_NONE ? ES_ENC_CONSTANT : ES_ENC_BLOCKS, 0);
	}
	free(text);
}

/* --- trained dictionaries --- */

/* Can the stream be opened, and is it sound? */
static bool
opens(const EsSource *source, const EsColumnContext *context)
{
	EsColumn   *column;
	bool		sound;

	if (es_column_open(&column, in.kind, in.n, source, context) != NULL)
		return false;
	sound = es_column_check(column) == NULL;
	es_column_close(column);
	return sound;
}

static void
test_trained(void)
{
	static char samples[400000];
	static size_t lengths[4000];
	static uint8_t trained[8192];
	static uint8_t other[8192];
	size_t		trained_len;
	size_t		used = 0;
	size_t		without;
	EsSource	source;
	EsColumnContext context;

	for (int i = 0; i < 4000; i++)
	{
		lengths[i] = sprintf(samples + used, "{\"order\": %u, \"customer\": \"c-%u\", "
							 "\"total\": %u.%02u, \"status\": \"%s\"}", i, below(1000),
							 below(500), below(100), below(2) ? "paid" : "open");
		used += lengths[i];
	}
	trained_len = ZDICT_trainFromBuffer(trained, sizeof(trained), samples, lengths, 4000);
	check(!ZDICT_isError(trained_len), "a dictionary is trained");

	start_images(-1, 4, 1000, ES_CODEC_ZSTD);
	fill_images(1, in.n);
	in.block_bytes = 1000;
	encode();
	without = stream_len;
	in.trained = trained;
	in.trained_len = trained_len;
	try_column("json with a trained dictionary", ES_ENC_BLOCKS, without * 9 / 10);
	expect(summary.uses_trained, "it was not used");
	damage();

	/*
	 * the same place, other contents: nothing is remembered by its address
	 * only
	 */
	memcpy(other, trained, trained_len);
	context = make_context();
	source.bytes = stream;
	source.len = stream_len;
	source.need = NULL;
	trained[4] ^= 1;
	expect(!opens(&source, &context), "another dictionary was taken");
	trained[4] ^= 1;
	context.trained = other;
	expect(opens(&source, &context), "the same dictionary was not taken");
	context.trained = NULL;
	expect(!opens(&source, &context), "no dictionary did");

	/* what stands there now is digested anew, for both directions */
	memmove(trained, samples, sizeof(trained));
	encode();
	without = stream_len;
	memcpy(other, trained, sizeof(trained));
	in.trained = other;
	encode();
	expect(stream_len == without, "%zu bytes, not %zu", without, stream_len);
	in.trained = trained;
	read_all();
	in.level = 19;
	encode();
	expect(stream_len < without, "the level was not used");
	in.level = 3;
	check_trouble("a stream is read with its own dictionary only");

	/* more of them than are kept */
	for (int i = 0; i < 40; i++)
	{
		in.trained = samples + below(20) * 997;
		in.trained_len = 2000 + below(3) * 500;
		in.level = 1 + below(2);
		in.n = 50;
		encode();
		read_all();
	}
	check_trouble("many dictionaries by turns");

	in.codec = ES_CODEC_LZ4;
	encode();
	expect(!summary.uses_trained, "LZ4 knows no dictionary");
	read_all();
	check_trouble("LZ4 uses no trained dictionary");
}

/*
 * Images stay where they are for as long as they should.
 */
static void
test_lifetimes(void)
{
	EsSource	source = {NULL, 0, NULL, NULL};
	EsColumnContext context;
	EsColumn   *column;
	const uint8_t *first;
	const uint8_t *image;
	uint32_t	first_len;
	uint32_t	len;

	start_images(-1, 4, 5000, ES_CODEC_ZSTD);
	in.dictionary = true;
	fill_images(6, in.n);
	encode();
	source.bytes = stream;
	source.len = stream_len;
	context = make_context();
	expect(es_column_open(&column, in.kind, in.n, &source, &context) == NULL, "open");
	expect(es_column_image(column, 0, &first, &first_len) == NULL, "row 0");
	for (uint32_t row = 0; row < in.n; row++)
		expect(es_column_image(column, row, &image, &len) == NULL, "row %u", row);
	compare_image(0, first, first_len);
	expect(es_column_image(column, 0, &image, &len) == NULL && image == first,
		   "an entry is read again");
	es_column_close(column);

	in.dictionary = false;
	encode();
	expect(summary.encoding == ES_ENC_BLOCKS, "blocks");
	source.bytes = stream;
	source.len = stream_len;
	expect(es_column_open(&column, in.kind, in.n, &source, &context) == NULL, "open");
	expect(es_column_image(column, 20, &first, &first_len) == NULL, "row 20");
	expect(es_column_image(column, 3, &image, &len) == NULL, "row 3");
	compare_image(20, first, first_len);
	compare_image(3, image, len);
	es_column_close(column);
	check_trouble("images stay: of a dictionary, and of the same block");
}

/* --- what is asked for --- */

static void
test_need(void)
{
	size_t		most = 0;
	size_t		asked;

	/* head; head, base and unit; descriptor; slope; two words */
	start_ints(8, 65536);
	for (uint32_t i = 0; i < in.n; i++)
		ints[i] = i * INT64_C(1000000) + below(1000) * INT64_C(1000);
	encode();
	for (int i = 0; i < 1000; i++)
		most = (asked = read_one(below(in.n))) > most ? asked : most;
	expect(most <= 8 + 8 + 16 + 16 + 8 + 8, "%zu bytes for an integer", most);
	check_trouble("one integer of a line needs 64 bytes");

	/* and as much for the null flag, without base, unit and slope */
	in.isnull = nulls;
	fill_nulls(3, in.n);
	encode();
	for (int i = 0; i < 1000; i++)
		most = (asked = read_one(below(in.n))) > most ? asked : most;
	expect(most <= 64 + 8 + 16 + 4, "%zu bytes for an integer", most);
	check_trouble("one integer and its null flag need 92 bytes");

	most = 0;
	start_ints(8, 65536);
	fill_ints(6, 8, in.n);
	encode();
	for (int i = 0; i < 1000; i++)
		most = (asked = read_one(below(in.n))) > most ? asked : most;
	expect(most <= 8 + 8 + 16 + 8 * 2 + 16, "%zu bytes for an integer", most);
	check_trouble("one integer of a run needs 64 bytes");

	most = 0;
	fill_ints(0, 8, in.n);
	encode();
	for (int i = 0; i < 1000; i++)
		most = (asked = read_one(below(in.n))) > most ? asked : most;
	expect(most <= 8 + 8, "%zu bytes for an integer", most);
	check_trouble("one integer as it is needs 16 bytes");

	/* head, head, entries of a bisection, a block */
	most = 0;
	start_images(-1, 4, 65536, ES_CODEC_NONE);
	fill_images(6, in.n);
	encode();
	for (int i = 0; i < 300; i++)
		most = (asked = read_one(below(in.n))) > most ? asked : most;
	expect(most <= 8 + 16 + 12 * 16 + 8192, "%zu bytes for an image", most);
	check_trouble("one image needs one block");

	/* heads, code, entries of a bisection, a block of entries */
	most = 0;
	start_images(-1, 4, 65536, ES_CODEC_NONE);
	in.dictionary = true;
	fill_images(4, in.n);
	encode();
	for (int i = 0; i < 300; i++)
		most = (asked = read_one(below(in.n))) > most ? asked : most;
	expect(most <= 8 + 8 + 8 + 16 + 8 + 16 + 8 * 16 + 8192, "%zu bytes for an image", most);
	check_trouble("one image of a dictionary needs one block of entries");

	/* three heads, two descriptors and their words, a word */
	most = 0;
	start_images(16, 1, 30000, ES_CODEC_NONE);
	in.is_uuid = true;
	fill_uuids(in.n, INT64_C(1700000000000), true);
	encode();
	for (int i = 0; i < 300; i++)
		most = (asked = read_one(below(in.n))) > most ? asked : most;
	expect(most <= 8 + 8 + 2 * 8 + 16 + 2 * 16 + 8 + 4 * 4 + 8, "%zu bytes for a UUID", most);
	check_trouble("one UUID needs 112 bytes");
}

/*
 * Rows one after the other: a vector is asked for once, not for each of its rows.
 */
static void
test_walk(void)
{
	static Lazy lazy;
	EsSource	source = {NULL, 0, lazy_need, &lazy};
	EsColumnContext context;
	EsColumn   *column;
	int64_t		value;
	long		had;

	start_ints(8, 10000);
	for (uint32_t i = 0; i < in.n; i++)
		ints[i] = below(100000);
	encode();
	had = chunks;
	context = make_context();
	lazy.bytes = stream;
	lazy.there = there;
	lazy.len = stream_len;
	source.bytes = there;
	source.len = stream_len;
	expect(es_column_open(&column, in.kind, in.n, &source, &context) == NULL, "open");
	for (uint32_t row = 0; row < in.n; row++)
		expect(es_column_int(column, row, &value) == NULL && value == ints[row],
			   "row %u: another value", row);
	expect(lazy.asked < stream_len + stream_len / 8, "%zu bytes of %zu", lazy.asked,
		   stream_len);
	for (uint32_t row = in.n; row-- > 0;)
		expect(es_column_int(column, row, &value) == NULL && value == ints[row],
			   "row %u: another value", row);
	es_column_close(column);
	expect(chunks == had, "reading leaks");
	check_trouble("rows one after the other need each vector once");
}

/* A source that has nothing from some offset on. */
static bool
need_below(void *arg, size_t off, size_t len)
{
	return off + len <= *(size_t *) arg;
}

static void
test_need_fails(void)
{
	EsColumn   *column;
	size_t		limit;
	EsSource	source = {NULL, 0, need_below, &limit};
	EsColumnContext context;

	start_images(-1, 4, 3000, ES_CODEC_ZSTD);
	fill_nulls(3, in.n);
	fill_images(1, in.n);
	encode();
	context = make_context();
	source.bytes = stream;
	source.len = stream_len;
	for (limit = 0; limit < stream_len; limit += 1 + limit / 16)
		if (es_column_open(&column, in.kind, in.n, &source, &context) == NULL)
		{
			expect(es_column_check(column) != NULL, "%zu bytes did", limit);
			es_column_close(column);
		}
	check_trouble("what cannot be had is a problem");
}

int
main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	arena = malloc(ARENA_BYTES);
	test_ints();
	test_images();
	test_uuids();
	test_choice_of_ints();
	test_choice_of_images();
	test_large_images();
	test_trained();
	test_lifetimes();
	test_need();
	test_walk();
	test_need_fails();
	printf("1..%d\n", ntests);
	free(arena);
	free(stream);
	free(there);
	if (out.data != NULL)
		count_free(NULL, out.data);
	return nfailed > 0;
}
