/*-------------------------------------------------------------------------
 *
 * es_codec_pack.c
 *	  Numbers of 1 to 64 bits, packed vertically.
 *
 * Values of up to 32 bits stand in 32 lanes of 32-bit words, value i in lane
 * i mod 32 at place i / 32; wider ones in 16 lanes of 64-bit words.  A lane's
 * places follow each other without gaps from the lowest bit up; the words of a
 * row (the lanes' words of the same number) stand together, 128 bytes.  So every
 * place of all lanes is shifted by the same number of bits, values come out in
 * order, and a loop over the lanes is what vector units do.
 *
 * Fewer values than lanes have one row, of which only the words that they use
 * are stored.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_pack.c
 *-------------------------------------------------------------------------
 */
#include "codec/es_codec_internal.h"

#define LANES32		32
#define LANES64		16

/* Words of a stream, whatever they were written as. */
typedef uint32_t Word32 __attribute__((may_alias));
typedef uint64_t Word64 __attribute__((may_alias));

size_t
es_packed_size(uint32_t n, int bits)
{
	size_t		word = bits <= 32 ? 4 : 8;
	uint32_t	lanes = bits <= 32 ? LANES32 : LANES64;
	uint32_t	places = (n + lanes - 1) / lanes;

	if (bits == 0)
		return 0;
	if (n < lanes)
		return ES_ALIGN8(n * word);
	return (places * bits + word * 8 - 1) / (word * 8) * lanes * word;
}

/* The loops over lanes have constant bounds, so that compilers vectorise them. */

static void
pack32(Word32 *out, const uint64_t *values, uint32_t n, int bits)
{
	for (uint32_t bit = 0, i = 0; i < n; bit += bits, i += LANES32)
	{
		Word32	   *restrict row = out + bit / 32 * LANES32;
		uint32_t	shift = bit % 32;
		uint32_t	place[LANES32] = {0};

		for (uint32_t lane = 0; lane < LANES32 && i + lane < n; lane++)
			place[lane] = (uint32_t) values[i + lane];
		if (n < LANES32)
		{
			memcpy(row, place, n * sizeof(Word32));
			return;
		}
		for (int lane = 0; lane < LANES32; lane++)
			row[lane] |= place[lane] << shift;
		if (shift + bits > 32)
			for (int lane = 0; lane < LANES32; lane++)
				row[LANES32 + lane] = place[lane] >> (32 - shift);
	}
}

static void
pack64(Word64 *out, const uint64_t *values, uint32_t n, int bits)
{
	for (uint32_t bit = 0, i = 0; i < n; bit += bits, i += LANES64)
	{
		Word64	   *restrict row = out + bit / 64 * LANES64;
		uint32_t	shift = bit % 64;
		uint64_t	place[LANES64] = {0};

		for (uint32_t lane = 0; lane < LANES64 && i + lane < n; lane++)
			place[lane] = values[i + lane];
		if (n < LANES64)
		{
			memcpy(row, place, n * sizeof(Word64));
			return;
		}
		for (int lane = 0; lane < LANES64; lane++)
			row[lane] |= place[lane] << shift;
		if (shift + bits > 64)
			for (int lane = 0; lane < LANES64; lane++)
				row[LANES64 + lane] = place[lane] >> (64 - shift);
	}
}

void
es_pack(uint8_t *out, const uint64_t *values, uint32_t n, int bits)
{
	if (bits == 0)
		return;
	if (bits <= 32)
		pack32((Word32 *) out, values, n, bits);
	else
		pack64((Word64 *) out, values, n, bits);
}

void
es_unpack32(const uint8_t *packed, uint32_t n, int bits, uint32_t *values)
{
	const Word32 *words = (const Word32 *) packed;
	const uint32_t mask = bits == 32 ? UINT32_MAX : ((uint32_t) 1 << bits) - 1;

	if (bits == 0)
	{
		memset(values, 0, n * sizeof(uint32_t));
		return;
	}
	if (n < LANES32)
	{
		for (uint32_t i = 0; i < n; i++)
			values[i] = words[i] & mask;
		return;
	}
	for (uint32_t bit = 0, i = 0; i < n; bit += bits, i += LANES32)
	{
		const Word32 *restrict row = words + bit / 32 * LANES32;
		uint32_t   *restrict out = values + i;
		uint32_t	shift = bit % 32;

		if (shift + bits <= 32)
		{
			for (int lane = 0; lane < LANES32; lane++)
				out[lane] = (row[lane] >> shift) & mask;
		}
		else
		{
			const Word32 *restrict next = row + LANES32;
			uint32_t	left = 32 - shift;

			for (int lane = 0; lane < LANES32; lane++)
				out[lane] = ((row[lane] >> shift) | (next[lane] << left)) & mask;
		}
	}
}

void
es_unpack64(const uint8_t *packed, uint32_t n, int bits, uint64_t *values)
{
	const Word64 *words = (const Word64 *) packed;
	const uint64_t mask = bits == 64 ? UINT64_MAX : ((uint64_t) 1 << bits) - 1;

	if (n < LANES64)
	{
		for (uint32_t i = 0; i < n; i++)
			values[i] = words[i] & mask;
		return;
	}
	for (uint32_t bit = 0, i = 0; i < n; bit += bits, i += LANES64)
	{
		const Word64 *restrict row = words + bit / 64 * LANES64;
		uint64_t   *restrict out = values + i;
		uint32_t	shift = bit % 64;

		if (shift + bits <= 64)
		{
			for (int lane = 0; lane < LANES64; lane++)
				out[lane] = (row[lane] >> shift) & mask;
		}
		else
		{
			const Word64 *restrict next = row + LANES64;
			uint32_t	left = 64 - shift;

			for (int lane = 0; lane < LANES64; lane++)
				out[lane] = ((row[lane] >> shift) | (next[lane] << left)) & mask;
		}
	}
}

bool
es_unpack_one(const EsSource *source, size_t off, uint32_t n, int bits,
			  uint32_t i, uint64_t *value)
{
	size_t		word = bits <= 32 ? 4 : 8;
	uint32_t	lanes = bits <= 32 ? LANES32 : LANES64;
	uint32_t	bit = i / lanes * bits;
	uint32_t	shift = bit % (word * 8);
	bool		two = shift + bits > word * 8;
	uint64_t	low,
				high = 0;

	*value = 0;
	if (bits == 0)
		return true;
	if (i >= n)
		return false;
	off += (bit / (word * 8) * lanes + i % lanes) * word;
	if (!es_need(source, off, word) ||
		(two && !es_need(source, off + lanes * word, word)))
		return false;
	if (word == 4)
	{
		low = es_load32(source->bytes + off);
		if (two)
			high = es_load32(source->bytes + off + lanes * word);
		low |= high << 32;
		*value = low >> shift;
	}
	else
	{
		low = es_load64(source->bytes + off);
		*value = low >> shift;
		if (two)
			*value |= es_load64(source->bytes + off + lanes * word) << (64 - shift);
	}
	if (bits < 64)
		*value &= ((uint64_t) 1 << bits) - 1;
	return true;
}
