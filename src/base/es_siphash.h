/*-------------------------------------------------------------------------
 *
 * es_siphash.h
 *	  SipHash-2-4 with 128 bits of output.
 *
 * A keyed hash that cannot be predicted without the key (J.-P. Aumasson and
 * D. J. Bernstein, "SipHash: a fast short-input PRF", 2012).  Its values reach
 * the disk, so it is frozen; tests/unit checks it against the authors' vectors.
 *
 * IDENTIFICATION
 *	  src/base/es_siphash.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_SIPHASH_H
#define ES_SIPHASH_H

#include "c.h"

#define ES_SIPHASH_KEY_BYTES	16

/*
 * Hash "length" bytes at "data" under "key" into the two halves of out, which
 * are the little-endian halves of the authors' 16 output bytes.
 */
extern void es_siphash128(const void *data, size_t length,
						  const uint8 key[ES_SIPHASH_KEY_BYTES],
						  uint64 out[2]);

#endif							/* ES_SIPHASH_H */
