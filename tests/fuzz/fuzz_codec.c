/*-------------------------------------------------------------------------
 *
 * fuzz_codec.c
 *	  libFuzzer: columns, out of any bytes and of any values.
 *
 * Built and run by hand, with clang and the development files of LZ4 and zstd:
 *
 *	  clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover \
 *		  -Isrc tests/fuzz/fuzz_codec.c src/codec/es_codec_*.c -llz4 -lzstd \
 *		  -o fuzz_codec
 *	  ./fuzz_codec -max_len=4096 -max_total_time=300 [FOLDER WITH EXAMPLES]
 *
 * The first bytes say which of three things must hold for the rest:
 *
 *	  - taken for a stream of any kind it is read without a step beside it, in all
 *		ways, and if it is found sound, without a problem;
 *	  - taken for values it becomes a stream that is sound and gives the same
 *		values, one by one and in vectors;
 *	  - such a stream, with some bytes changed, is read as in the first.
 *
 * IDENTIFICATION
 *	  tests/fuzz/fuzz_codec.c
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/es_codec.h"

#define require(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

#define MAX_ROWS	3000

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the first bytes say. */
typedef struct Choice
{
	uint8_t		what;
	uint8_t		kind;
	uint8_t		flags;
	uint8_t		codec;
	uint16_t	n;
	uint16_t	block;
} Choice;

static const EsColumnKind kinds[] = {
	{1, 1, true}, {2, 2, true}, {4, 4, true}, {8, 8, true},
	{-1, 4, false}, {-1, 8, false}, {-2, 1, false}, {16, 1, false},
	{16, 8, false}, {6, 2, false}, {12, 4, false}, {1, 1, false}
};

static const uint8_t trained[64] = "{\"order\": 1, \"customer\": \"c-1\", \"status\": \"paid\"}";

static volatile uint64_t sink;

static void *
plain_alloc(void *arg, size_t size)
{
	(void) arg;
	return malloc(size > 0 ? size : 1);
}

static void
plain_free(void *arg, void *chunk)
{
	(void) arg;
	free(chunk);
}

static const EsMemory memory = {plain_alloc, plain_free, NULL};

/*
 * A varlena of this fuzzer, in any byte order of the machine's: as PostgreSQL's.
 */
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
	if (at[from] & 0x01)
		len = at[from] >> 1;
	else
	{
		if (end - from < 4)
			return 0;
		memcpy(&header, at + from, 4);
		len = header >> 2;
	}
	if (len == 0 || len > end - from)
		return 0;
	*off = from;
	return len;
}

static bool
ms_of(void *arg, uint32_t row, int64_t *ms)
{
	(void) arg;
	*ms = INT64_C(1700000000000) + row;
	return row != 100;
}

static bool
ms_of_all(void *arg, uint32_t row, int64_t *ms)
{
	*ms = ((const int64_t *) arg)[row];
	return true;
}

/* --- any bytes --- */

static void
read_image(EsColumn *column, const uint8_t *image, uint32_t len)
{
	uint64_t	sum = 0;

	(void) column;
	for (uint32_t i = 0; i < len; i++)
		sum += image[i];
	sink = sum;
}

static void
read_stream(const Choice *choice, EsColumnKind kind, uint32_t n,
			const uint8_t *data, size_t size)
{
	uint8_t    *copy = malloc(size > 0 ? size : 1);
	EsSource	source = {copy, size, NULL, NULL};
	EsColumnContext context = {memory, varlena_step, NULL, 0, NULL, NULL};
	EsColumn   *column;
	uint8_t		isnull[ES_VECTOR_ROWS];
	int64_t		values[ES_VECTOR_ROWS];
	uint32_t	codes[ES_VECTOR_ROWS];
	bool		sound = false;

	memcpy(copy, data, size);
	/* make the number of values right more often than chance does */
	if (size >= 8 && (choice->flags & 0x20))
		memcpy(copy + 4, &n, sizeof(n));
	if (choice->flags & 0x10)
	{
		context.trained = trained;
		context.trained_len = sizeof(trained);
	}
	if (choice->flags & 0x08)
		context.ms_of = ms_of;
	if (es_column_open(&column, kind, n, &source, &context) != NULL)
	{
		free(copy);
		return;
	}
	if (choice->flags & 0x40)
		sound = es_column_check(column) == NULL;
	for (uint32_t v = 0; v * ES_VECTOR_ROWS < n; v++)
	{
		uint32_t	rows = n - v * ES_VECTOR_ROWS;
		bool		nulls;
		bool		any;

		if (rows > ES_VECTOR_ROWS)
			rows = ES_VECTOR_ROWS;
		nulls = es_column_nulls_vector(column, v, isnull, &any) == NULL;
		require(nulls || !sound);
		require(es_column_ints_vector(column, v, values) == NULL ||
				!kind.by_value || !sound);
		if (es_column_codes_vector(column, v, codes) == NULL)
			for (uint32_t i = 0; i < rows; i++)
				require(codes[i] < es_column_nentries(column));
		else
			require(es_column_encoding(column) != ES_ENC_DICTIONARY || !sound);
		for (uint32_t i = rows; i-- > 0;)
		{
			uint32_t	row = v * ES_VECTOR_ROWS + i;
			const uint8_t *image;
			uint32_t	len;
			bool		null;
			int64_t		value;
			const char *problem;

			problem = es_column_is_null(column, row, &null);
			require(problem == NULL || !sound);
			if (problem == NULL && nulls)
				require(null == isnull[i]);
			problem = es_column_int(column, row, &value);
			require(problem == NULL || !kind.by_value || !sound);
			problem = es_column_image(column, row, &image, &len);
			if (problem == NULL)
				read_image(column, image, len);
			else
				require(kind.by_value || !sound || null);
		}
	}
	for (uint32_t code = 0; code < es_column_nentries(column); code += 7)
	{
		const uint8_t *image;
		uint32_t	len;

		if (es_column_entry(column, code, &image, &len) == NULL)
			read_image(column, image, len);
		else
			require(!sound);
	}
	es_column_close(column);
	free(copy);
}

/* --- any values --- */

static uint8_t isnull_in[MAX_ROWS];
static int64_t ints[MAX_ROWS];
static EsImage images[MAX_ROWS];

/*
 * Make the value of a row of the bytes at *data, and move behind what was used.
 */
static void
take_value(EsColumnKind kind, uint32_t row, const uint8_t **data, size_t *left,
		   uint8_t **arena)
{
	uint8_t		control = *left > 0 ? **data : row * 31;
	int			up = 64 - kind.width * 8;
	uint8_t		bytes[256] = {0};
	uint32_t	len;
	int64_t		value;

	if (*left > 0)
	{
		(*data)++;
		(*left)--;
	}
	isnull_in[row] = control >= 0xF0;
	/* some rows are like the one before it, so that there are runs and lines */
	if (kind.by_value && row > 1 && control < 0x80)
	{
		value = control < 0x40 ? ints[row - 1] :
			(int64_t) (2 * (uint64_t) ints[row - 1] - (uint64_t) ints[row - 2] + (control & 7));
		ints[row] = (int64_t) ((uint64_t) value << up) >> up;
		return;
	}
	if (!kind.by_value && row > 0 && control < 0x60)
	{
		images[row] = images[control % row];
		return;
	}
	len = kind.by_value ? 8 : kind.width > 0 ? (uint32_t) kind.width : control % 128;
	if (len > *left)
		len = *left;
	memcpy(bytes, *data, len);
	*data += len;
	*left -= len;
	if (kind.by_value)
	{
		memcpy(&value, bytes, sizeof(value));
		ints[row] = (int64_t) ((uint64_t) value << up) >> up;
		return;
	}
	images[row].data = *arena;
	if (kind.width > 0)
	{
		memcpy(*arena, bytes, kind.width);
		if (kind.width == 16 && (control & 1) == 0)
		{
			(*arena)[6] = 0x70 | ((*arena)[6] & 0x0F);
			(*arena)[8] = 0x80 | ((*arena)[8] & 0x3F);
		}
		images[row].len = kind.width;
	}
	else if (kind.width == -2)
	{
		images[row].len = strlen((char *) bytes) + 1;
		memcpy(*arena, bytes, images[row].len);
	}
	else if (len < 126 && (control & 1))
	{
		(*arena)[0] = (len + 1) << 1 | 0x01;
		memcpy(*arena + 1, bytes, len);
		images[row].len = len + 1;
	}
	else
	{
		uint32_t	header = (len + 4) << 2;

		memcpy(*arena, &header, 4);
		memcpy(*arena + 4, bytes, len);
		images[row].len = len + 4;
	}
	*arena += (images[row].len + 7) & ~7u;
}

/*
 * Change bytes of a stream, and perhaps its length, as the end of the data says.
 */
static void
read_damaged(const Choice *choice, EsColumnKind kind, uint32_t n,
			 uint8_t *stream, size_t len, const uint8_t *data, size_t size)
{
	for (int i = 0; i < 4 && size >= 3; i++, size -= 3)
	{
		uint32_t	at = data[size - 2] | data[size - 3] << 8;

		if (data[size - 1] == 0)
			len = at % len;
		else
			stream[at % len] ^= data[size - 1];
		if (len == 0)
			break;
	}
	read_stream(choice, kind, n, stream, len);
}

static void
round_trip(const Choice *choice, const uint8_t *data, size_t size)
{
	const uint8_t *all = data;
	size_t		all_size = size;
	static uint8_t arena[MAX_ROWS * 144];
	static int64_t ms[MAX_ROWS];
	static int64_t zones[3][(MAX_ROWS + ES_VECTOR_ROWS - 1) / ES_VECTOR_ROWS];
	uint8_t    *free_arena = arena;
	EsColumnInput in = {0};
	EsColumnSummary summary = {0};
	EsBytes		out = {NULL, 0, 0, &memory};
	EsColumnContext context = {memory, varlena_step, NULL, 0, ms_of_all, ms};
	EsSource	source = {0};
	EsColumn   *column;
	uint8_t    *copy;
	int64_t		values[ES_VECTOR_ROWS] = {0};
	uint8_t		isnull[ES_VECTOR_ROWS];
	bool		any;

	in.kind = kinds[choice->kind % (sizeof(kinds) / sizeof(kinds[0]))];
	in.n = choice->n % MAX_ROWS + 1;
	for (uint32_t i = 0; i < in.n; i++)
	{
		take_value(in.kind, i, &data, &size, &free_arena);
		ms[i] = INT64_C(1700000000000) + i * choice->block;
	}
	in.isnull = (choice->flags & 0x01) ? isnull_in : NULL;
	in.ints = ints;
	in.images = images;
	in.dictionary = (choice->flags & 0x02) != 0;
	in.is_uuid = (choice->flags & 0x04) != 0;
	in.ms = (choice->flags & 0x08) ? ms : NULL;
	in.codec = choice->codec % 3;
	in.level = 1 + choice->codec / 3 % 4;
	in.block_bytes = choice->block;
	in.block_rows = choice->block >> 8;
	if (choice->flags & 0x10)
	{
		in.trained = context.trained = trained;
		in.trained_len = context.trained_len = sizeof(trained);
	}
	summary.zone_min = zones[0];
	summary.zone_max = zones[1];
	summary.zone_any = (bool *) zones[2];

	es_column_encode(&out, &in, &summary);
	require(out.len % 8 == 0);
	copy = malloc(out.len);
	memcpy(copy, out.data, out.len);
	free(out.data);
	if (choice->what & 2)
	{
		read_damaged(choice, in.kind, in.n, copy, out.len, all, all_size);
		free(copy);
		return;
	}
	source.bytes = copy;
	source.len = out.len;
	require(es_column_open(&column, in.kind, in.n, &source, &context) == NULL);
	require(es_column_check(column) == NULL);
	require(es_column_encoding(column) == summary.encoding);
	for (uint32_t row = 0; row < in.n; row++)
	{
		uint32_t	v = row / ES_VECTOR_ROWS;
		bool		want_null = in.isnull != NULL && isnull_in[row];
		const uint8_t *image;
		uint32_t	len;
		int64_t		value;
		bool		null;

		if (row % ES_VECTOR_ROWS == 0)
		{
			require(es_column_nulls_vector(column, v, isnull, &any) == NULL);
			if (in.kind.by_value)
				require(es_column_ints_vector(column, v, values) == NULL);
		}
		require(es_column_is_null(column, row, &null) == NULL);
		require(null == want_null && isnull[row % ES_VECTOR_ROWS] == want_null);
		if (null)
			continue;
		if (in.kind.by_value)
		{
			require(es_column_int(column, row, &value) == NULL);
			require(value == ints[row]);
			require(values[row % ES_VECTOR_ROWS] == value);
			require(zones[0][v] <= value && zones[1][v] >= value);
			continue;
		}
		require(es_column_image(column, row, &image, &len) == NULL);
		require(len == images[row].len &&
				memcmp(image, images[row].data, len) == 0);
	}
	es_column_close(column);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Choice		choice;

	if (size < sizeof(choice))
		return 0;
	memcpy(&choice, data, sizeof(choice));
	if (choice.what & 1)
		read_stream(&choice, kinds[choice.kind % (sizeof(kinds) / sizeof(kinds[0]))],
					choice.n % MAX_ROWS + 1, data + sizeof(choice),
					size - sizeof(choice));
	else
		round_trip(&choice, data + sizeof(choice), size - sizeof(choice));
	return 0;
}
