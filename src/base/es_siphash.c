/*-------------------------------------------------------------------------
 *
 * es_siphash.c
 *	  SipHash-2-4 with 128 bits of output.
 *
 * IDENTIFICATION
 *	  src/base/es_siphash.c
 *-------------------------------------------------------------------------
 */
#include "c.h"

#include "base/es_siphash.h"

typedef struct SipState
{
	uint64		v0,
				v1,
				v2,
				v3;
} SipState;

static inline uint64
rotate_left(uint64 word, int bits)
{
	return (word << bits) | (word >> (64 - bits));
}

static inline uint64
read_le64(const uint8 *p)
{
	uint64		word = 0;

	for (int i = 7; i >= 0; i--)
		word = (word << 8) | p[i];
	return word;
}

static inline void
sip_round(SipState *s)
{
	s->v0 += s->v1;
	s->v1 = rotate_left(s->v1, 13) ^ s->v0;
	s->v0 = rotate_left(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate_left(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate_left(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate_left(s->v1, 17) ^ s->v2;
	s->v2 = rotate_left(s->v2, 32);
}

static inline void
compress_word(SipState *s, uint64 word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

void
es_siphash128(const void *data, size_t length,
			  const uint8 key[ES_SIPHASH_KEY_BYTES], uint64 out[2])
{
	const uint8 *p = data;
	const uint8 *words_end = p + (length & ~(size_t) 7);
	uint64		k0 = read_le64(key);
	uint64		k1 = read_le64(key + 8);
	uint64		last = (uint64) length << 56;
	SipState	s;

	s.v0 = k0 ^ UINT64CONST(0x736f6d6570736575);
	s.v1 = k1 ^ UINT64CONST(0x646f72616e646f6d) ^ 0xee;
	s.v2 = k0 ^ UINT64CONST(0x6c7967656e657261);
	s.v3 = k1 ^ UINT64CONST(0x7465646279746573);

	for (; p < words_end; p += 8)
		compress_word(&s, read_le64(p));
	for (size_t i = 0; i < (length & 7); i++)
		last |= (uint64) p[i] << (8 * i);
	compress_word(&s, last);

	s.v2 ^= 0xee;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	out[0] = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;

	s.v1 ^= 0xdd;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	out[1] = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
