/*-------------------------------------------------------------------------
 *
 * es_codec_internal.h
 *	  The inside of a column's stream; README.md draws all of it.
 *
 * A stream is a head, then parts that begin at multiples of 8.  This header has
 * the structs that stand in streams, and what the files here share: bytes that
 * grow, ranges that are asked for before they are read, and the readers of the
 * parts.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_internal.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_CODEC_INTERNAL_H
#define ES_CODEC_INTERNAL_H

#include <string.h>

#include "codec/es_codec.h"

#define ES_ALIGN8(size)		(((size) + 7) & ~(size_t) 7)

/* Longer ones no server has room for. */
#define ES_MAX_IMAGE		0x3FFFFFFF

/* ----------------------------------------------------------------
 * What stands in a stream
 * ----------------------------------------------------------------
 */

typedef struct EsStreamHead
{
	uint8_t		encoding;		/* EsEncoding */
	uint8_t		flags;
	uint8_t		codec;			/* of blocks that are compressed */
	uint8_t		width;			/* INTS_PLAIN: bytes of a value; else 0 */
	uint32_t	n;				/* values, nulls counted */
} EsStreamHead;

#define ES_STREAM_NULLS		0x01	/* vectors of null flags follow */
#define ES_STREAM_TRAINED	0x02	/* blocks need the trained dictionary */
#define ES_STREAM_RELATIVE	0x04	/* UUID7: to the milliseconds of a column */
#define ES_STREAM_FLAGS		0x07

_Static_assert(sizeof(EsStreamHead) == 8, "on disk");

/* Vectors: this head, base and unit if there is one, descriptors, data. */
typedef struct EsVectorsHead
{
	uint8_t		flags;
	uint8_t		unused[3];
	uint32_t	len;			/* of all of it, a multiple of 8 */
} EsVectorsHead;

#define ES_VECTORS_UNIT		0x01

_Static_assert(sizeof(EsVectorsHead) == 8, "on disk");

typedef enum EsVectorMode
{
	ES_VECTOR_CONSTANT = 0,		/* base */
	ES_VECTOR_FRAME = 1,		/* base + packed */
	ES_VECTOR_LINE = 2,			/* base + (i * slope >> 16) + packed */
	ES_VECTOR_RUNS = 3			/* base + packed, of the run that i is in */
} EsVectorMode;

typedef struct EsVector
{
	int64_t		base;
	uint8_t		mode;			/* EsVectorMode */
	uint8_t		bits;			/* of a packed value */
	uint16_t	nruns;			/* RUNS; else 0 */
	uint32_t	off;			/* of the data, from the vectors' head */
} EsVector;

_Static_assert(sizeof(EsVector) == 16, "on disk");

/* Blocks: this head, an entry for each block, blocks. */
typedef struct EsBlocksHead
{
	uint32_t	nblocks;
	uint32_t	nimages;
	uint32_t	len;			/* of all of it, a multiple of 8 */
	uint32_t	trained;		/* fingerprint of the dictionary; 0: none */
} EsBlocksHead;

_Static_assert(sizeof(EsBlocksHead) == 16, "on disk");

typedef struct EsBlock
{
	uint32_t	off;			/* from the blocks' head */
	uint32_t	len;			/* compressed */
	uint32_t	raw_len;		/* len == raw_len: it is not compressed */
	uint32_t	first;			/* its first image */
} EsBlock;

_Static_assert(sizeof(EsBlock) == 16, "on disk");

/* ----------------------------------------------------------------
 * Bytes: es_codec_bytes.c
 * ----------------------------------------------------------------
 */

/* Make room for "size" more bytes. */
extern void es_bytes_reserve(EsBytes *out, size_t size);

/* Append; "bytes" NULL: zeros.  Returns where they begin. */
extern size_t es_bytes_append(EsBytes *out, const void *bytes, size_t size);

/* Append zeros up to a multiple of 8. */
extern void es_bytes_pad(EsBytes *out);

/*
 * Are the bytes [off, off + len) of the stream there?  Nothing may be read
 * without asking.
 */
static inline bool
es_need(const EsSource *source, size_t off, size_t len)
{
	if (off > source->len || len > source->len - off)
		return false;
	return source->need == NULL || len == 0 ||
		source->need(source->arg, off, len);
}

extern const char *const es_cut_short;	/* the problem if they are not */

static inline uint32_t
es_load32(const uint8_t *at)
{
	uint32_t	value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint64_t
es_load64(const uint8_t *at)
{
	uint64_t	value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* ----------------------------------------------------------------
 * Packing: es_codec_pack.c
 * ----------------------------------------------------------------
 */

/* How many bits has a number? */
static inline int
es_bits(uint64_t value)
{
	return value == 0 ? 0 : 64 - __builtin_clzll(value);
}

/* Bytes of n packed values, a multiple of 8. */
extern size_t es_packed_size(uint32_t n, int bits);

/* Pack n (at most 1024) values that have at most so many bits.  out is zero. */
extern void es_pack(uint8_t *out, const uint64_t *values, uint32_t n, int bits);

/*
 * Unpack into arrays that have room for 1024, which the values beyond n may
 * spoil: of at most 32 bits, and of more.
 */
extern void es_unpack32(const uint8_t *packed, uint32_t n, int bits,
						uint32_t *values);
extern void es_unpack64(const uint8_t *packed, uint32_t n, int bits,
						uint64_t *values);

/* Where value i is: asks for its bytes only.  false: they cannot be had. */
extern bool es_unpack_one(const EsSource *source, size_t off, uint32_t n,
						  int bits, uint32_t i, uint64_t *value);

/* ----------------------------------------------------------------
 * Vectors of integers: es_codec_ints.c, es_codec_vectors.c
 * ----------------------------------------------------------------
 */

typedef struct EsVectors
{
	const EsSource *source;
	size_t		off;			/* of the head */
	uint32_t	len;
	uint32_t	n;
	size_t		descriptors;	/* of the first one, from the head */
	uint64_t	base;
	uint64_t	unit;

	/* a vector that many values were asked of, as a whole */
	const EsMemory *memory;
	int64_t    *recent;			/* its values; NULL: there was none yet */
	uint32_t	recent_v;
	uint32_t	asked_v;		/* the one that was asked last */
	uint32_t	nasked;			/* ... so many times */
} EsVectors;

static inline uint32_t
es_nvectors(uint32_t n)
{
	return (n + ES_VECTOR_ROWS - 1) / ES_VECTOR_ROWS;
}

/* Rows of vector v out of n. */
static inline uint32_t
es_vector_rows(uint32_t n, uint32_t v)
{
	uint32_t	first = v * ES_VECTOR_ROWS;

	return n - first < ES_VECTOR_ROWS ? n - first : ES_VECTOR_ROWS;
}

/* Append n > 0 values as vectors; isnull: NULL, or what may be any value. */
extern void es_vectors_encode(EsBytes *out, const int64_t *values,
							  const uint8_t *isnull, uint32_t n);

extern const char *es_vectors_open(EsVectors *vectors, const EsSource *source,
								   const EsMemory *memory, size_t off,
								   uint32_t n);
extern void es_vectors_close(EsVectors *vectors);

/*
 * One value.  A vector of which several are asked for is read as a whole, and kept
 * until that happens with another one.
 */
extern const char *es_vectors_get(EsVectors *vectors, uint32_t row,
								  int64_t *value);

/* All values of vector v; the arrays have room for 1024. */
extern const char *es_vectors_read(const EsVectors *vectors, uint32_t v,
								   int64_t *values);

/* The same, as long as they are numbers below "limit". */
extern const char *es_vectors_read32(const EsVectors *vectors, uint32_t v,
									 uint32_t limit, uint32_t *values);

/* ----------------------------------------------------------------
 * Compression of one block: es_codec_compress.c
 * ----------------------------------------------------------------
 */

/* What stands in a stream for a trained dictionary; never 0. */
extern uint32_t es_trained_fingerprint(const void *trained, size_t len);

/*
 * Compress "len" bytes into clearly less than that.  Returns how many bytes that
 * are; 0: it does not get smaller.  out has room for len bytes.  trained: NULL or a zstd
 * dictionary, with its fingerprint.
 */
extern size_t es_compress(uint8_t codec, int level, const void *trained,
						  size_t trained_len, uint32_t fingerprint,
						  const uint8_t *raw, size_t len, uint8_t *out);

/* Decompress into exactly raw_len bytes; false: it cannot be done. */
extern bool es_decompress(uint8_t codec, const void *trained,
						  size_t trained_len, uint32_t fingerprint,
						  const uint8_t *bytes, size_t len, uint8_t *out,
						  size_t raw_len);

/* Can so many bytes become that many? */
extern bool es_compressed_possible(uint8_t codec, size_t len, size_t raw_len);

/* ----------------------------------------------------------------
 * Images in a row: es_codec_images.c
 * ----------------------------------------------------------------
 */

/* Where an image begins that is added behind "len" bytes of a block. */
extern size_t es_image_place(EsColumnKind kind, const EsImage *image, size_t len);

/* Bytes from one image of a fixed width to the next. */
static inline size_t
es_image_stride(EsColumnKind kind)
{
	return ((size_t) kind.width + kind.align - 1) & ~(size_t) (kind.align - 1);
}

/*
 * The image that begins at *off or, after padding, behind it; not for fixed
 * widths.  Moves *off to its begin and returns its length; 0: there is none.
 */
extern size_t es_image_step(EsColumnKind kind, EsImageStep step,
							const uint8_t *bytes, size_t *off, size_t end);

/* Order of bytes, the shorter one first if it begins the longer. */
extern int	es_image_compare(const EsImage *a, const EsImage *b);

/* ----------------------------------------------------------------
 * Blocks of images: es_codec_blocks.c
 * ----------------------------------------------------------------
 */

typedef struct EsBlocks
{
	const EsSource *source;
	size_t		off;			/* of the head */
	EsBlocksHead head;
	uint8_t		codec;
} EsBlocks;

/*
 * Append images as blocks, compressed as the column's input says.  Returns
 * whether any was compressed.
 */
extern bool es_blocks_encode(EsBytes *out, const EsColumnInput *in,
							 const EsImage *images, uint32_t n);

/* About how many bytes would that take? */
extern size_t es_blocks_estimate(const EsMemory *memory, const EsColumnInput *in,
								 const EsImage *images, uint32_t n);

extern const char *es_blocks_open(EsBlocks *blocks, const EsColumn *column,
								  size_t off, uint32_t limit);

/* The block that has an image, and the first image of the one behind it. */
extern const char *es_blocks_find(const EsBlocks *blocks, uint32_t image,
								  uint32_t *b);
extern const char *es_blocks_entry(const EsBlocks *blocks, uint32_t b,
								   EsBlock *block, uint32_t *next);

/*
 * The bytes of a block: in the stream if they are not compressed, else in
 * *buffer, which is made larger if need be.
 */
extern const char *es_blocks_fetch(const EsBlocks *blocks, EsColumn *column,
								   const EsBlock *block, uint8_t **buffer,
								   size_t *room, const uint8_t **bytes);

/* Image of a column that is blocks, keeping the last block that was used. */
extern const char *es_blocks_image(EsColumn *column, uint32_t index,
								   const uint8_t **image, uint32_t *len);
extern const char *es_blocks_check(EsColumn *column, const EsBlocks *blocks);

/* ----------------------------------------------------------------
 * A column that is read
 * ----------------------------------------------------------------
 */

struct EsColumn
{
	EsColumnKind kind;
	uint32_t	n;
	EsSource	source;
	EsColumnContext context;
	EsStreamHead head;
	uint32_t	fingerprint;	/* of context.trained, if the stream uses it */

	EsVectors	nulls;			/* ES_STREAM_NULLS */
	size_t		ranks;			/* offset of the numbers of images before each
								 * vector; 0: there are none */
	size_t		values;			/* offset of the values */

	/* nulls of the vector that was used last, and images before each row */
	uint16_t   *rank;			/* NULL: none was; 1024 and the total */
	uint32_t	rank_vector;
	uint32_t	rank_before;

	EsVectors	ints;			/* INTS; codes of DICTIONARY; ms of UUID7 */
	EsVectors	high;			/* UUID7: the upper 10 of 12 random bits */
	EsBlocks	blocks;			/* BLOCKS; entries of DICTIONARY */

	/* BLOCKS: the block that was used last, and an image in it */
	uint8_t    *buffer;
	size_t		buffer_room;
	const uint8_t *block_bytes; /* NULL: none was */
	EsBlock		block;
	uint32_t	block_next;		/* first image of the block behind it */
	uint32_t	walk_image;		/* the image at or behind walk_off */
	size_t		walk_off;

	/*
	 * DICTIONARY: which entries were found, where they are, and the blocks
	 * that they are in
	 */
	uint32_t	nentries;
	uint8_t    *known;			/* bits; NULL: none was asked for */
	EsImage    *entries;
	uint8_t   **entry_blocks;

	uint64_t	uuid[2];		/* UUID7: the last one */
};

/* ----------------------------------------------------------------
 * Dictionaries: es_codec_dictionary.c
 * ----------------------------------------------------------------
 */

/* The different ones among images, in the order of their bytes. */
typedef struct EsDictionary
{
	uint32_t	n;
	EsImage    *entries;
	uint32_t   *codes;			/* of each image */
} EsDictionary;

/*
 * Find out which images are different; give up, and return false, at more than
 * "limit".
 */
extern bool es_dictionary_make(EsDictionary *dictionary, const EsMemory *memory,
							   const EsImage *images, uint32_t n,
							   uint32_t limit);
extern void es_dictionary_free(EsDictionary *dictionary, const EsMemory *memory);

/*
 * Append the values of a column: codes[i] is of the i-th image that is not null.
 * Returns whether any block of entries is compressed.
 */
extern bool es_dictionary_encode(EsBytes *out, const EsColumnInput *in,
								 const EsDictionary *dictionary);

extern const char *es_dictionary_open(EsColumn *column);
extern void es_dictionary_close(EsColumn *column);
extern const char *es_dictionary_image(EsColumn *column, uint32_t row,
									   const uint8_t **image, uint32_t *len);
extern const char *es_dictionary_check(EsColumn *column);

/* ----------------------------------------------------------------
 * UUIDs of version 7: es_codec_uuid.c
 * ----------------------------------------------------------------
 */

/* Are these images all UUIDs of version 7? */
extern bool es_uuid_all_7(const EsImage *images, uint32_t n);

/* Append the values; ms: NULL, or of each image. */
extern void es_uuid_encode(EsBytes *out, const EsImage *images,
						   const int64_t *ms, uint32_t n);

extern const char *es_uuid_open(EsColumn *column);

/* The image of a row, which is number "index" among those that are not null. */
extern const char *es_uuid_image(EsColumn *column, uint32_t row, uint32_t index,
								 const uint8_t **image, uint32_t *len);
extern const char *es_uuid_check(EsColumn *column, uint32_t nimages);

#endif							/* ES_CODEC_INTERNAL_H */
