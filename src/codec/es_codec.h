/*-------------------------------------------------------------------------
 *
 * es_codec.h
 *	  Columns of a batch: arrays of values to bytes, and back.
 *
 * A column is n values of one kind: integers (whatever PostgreSQL passes by
 * value, sign-extended to 64 bits), or images (whatever it passes by reference:
 * the bytes as they stand in memory, a varlena's header included).  Its encoded
 * form is one string of bytes, the stream, which says how it is encoded and
 * depends on nothing but the values, n, and, where it says so, a trained
 * dictionary or the milliseconds of another column.
 *
 * Nothing here knows of a server.  Encoding takes memory from the caller's
 * allocator; decoding too, for the column, a block and its images.  zstd's contexts
 * are static, so nothing here may run in two threads at once.
 *
 * Decoders take any bytes: they read only within the stream, write only within
 * what they were given, and return a problem (a text without period, as
 * es_format_check's) for bytes that no encoder writes and that they cannot make
 * sense of.
 *
 * A stream need not be in memory as a whole: before a decoder touches bytes it
 * asks for them (EsSource.need).  Reading one value of a large column so asks
 * for the head, one vector or one block.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_CODEC_H
#define ES_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_VECTOR_ROWS		1024	/* rows of a vector; of a zone map's entry */
#define ES_COLUMN_MAX_ROWS	65536	/* rows of a column */

/*
 * Encodings of a column, the first byte of its stream.  On disk: never
 * renumbered.  0 is none.  Those marked "store" are no streams of this codec:
 * the storage knows the values without any bytes.
 */
typedef enum EsEncoding
{
	ES_ENC_NULLS = 1,			/* every value is null */
	ES_ENC_INTS = 2,			/* integers: packed vectors */
	ES_ENC_INTS_PLAIN = 3,		/* integers: as they are, 1, 2, 4 or 8 bytes */
	ES_ENC_CONSTANT = 4,		/* images: all the same */
	ES_ENC_FIXED = 5,			/* images of one width, as they are */
	ES_ENC_DICTIONARY = 6,		/* images: entries, and packed codes */
	ES_ENC_BLOCKS = 7,			/* images: compressed blocks */
	ES_ENC_UUID7 = 8,			/* images of 16 bytes: UUIDs of version 7 */
	ES_ENC_POSITION = 9,		/* store: the row number */
	ES_ENC_MADE_ID = 10,		/* store: ids that the storage made */
	ES_ENC_VERSION = 11,		/* reserved: versions, by the rank of an entry */
	ES_ENC_SHREDDED = 12		/* reserved: json by its shapes */
} EsEncoding;

/* Codecs of blocks.  On disk. */
#define ES_CODEC_NONE		0	/* as they are */
#define ES_CODEC_LZ4		1
#define ES_CODEC_ZSTD		2

/* Memory: alloc never returns NULL (it may not return at all). */
typedef struct EsMemory
{
	void	   *(*alloc) (void *arg, size_t size);
	void		(*free) (void *arg, void *chunk);
	void	   *arg;
} EsMemory;

/* Bytes that grow.  data lies at a multiple of 8, and belongs to the caller. */
typedef struct EsBytes
{
	uint8_t    *data;
	size_t		len;
	size_t		room;
	const EsMemory *memory;
} EsBytes;

/* What kind of values a column has: pg_attribute's, without a type. */
typedef struct EsColumnKind
{
	int16_t		width;			/* bytes; -1: varlena; -2: ends with a 0 byte */
	uint8_t		align;			/* 1, 2, 4 or 8: alignment of an image */
	bool		by_value;		/* integers; width is 1, 2, 4 or 8 */
} EsColumnKind;

typedef struct EsImage
{
	const uint8_t *data;
	uint32_t	len;
} EsImage;

/*
 * How long is the image that begins at or (after zero bytes of padding) behind
 * at + off?  Returns its length and moves *off to its first byte; 0: there is
 * none that ends before "end".  For varlenas only, whose headers are the
 * server's.
 */
typedef size_t (*EsImageStep) (const uint8_t *at, size_t *off, size_t end,
							   uint8_t align);

/* ----------------------------------------------------------------
 * Encoding
 * ----------------------------------------------------------------
 */

typedef struct EsColumnInput
{
	EsColumnKind kind;
	uint32_t	n;				/* 1 .. ES_COLUMN_MAX_ROWS */
	const uint8_t *isnull;		/* n of them, 0 or 1; NULL: none is null */
	const int64_t *ints;		/* by_value; what stands for a null is ignored */
	const EsImage *images;		/* else; the same */

	/* the cost model's bounds */
	bool		dictionary;		/* a dictionary whatever it costs */
	bool		is_uuid;		/* images are UUIDs */
	const int64_t *ms;			/* is_uuid: what version 7's milliseconds are
								 * likely to be near; n of them, or NULL */
	uint8_t		codec;			/* of blocks: ES_CODEC_* */
	int			level;			/* of zstd */
	uint32_t	block_bytes;	/* a block is full with so many (8192, 16384) */
	uint32_t	block_rows;		/* ... or so many images (256) */
	const void *trained;		/* zstd dictionary; NULL: none */
	size_t		trained_len;
} EsColumnInput;

/* What was found out on the way.  zone_min, zone_max: by_value only. */
typedef struct EsColumnSummary
{
	EsEncoding	encoding;
	uint8_t		codec;			/* of blocks, ES_CODEC_NONE if there are none */
	bool		uses_trained;	/* reading it needs the trained dictionary */
	uint32_t	nnulls;
	uint32_t	ndistinct;		/* 0: not counted */
	uint64_t	raw_bytes;		/* of the values, nulls not counted */
	int64_t    *zone_min;		/* in: NULL, or room for one per vector; out: */
	int64_t    *zone_max;		/* ... bounds of the values that are not null; */
	bool	   *zone_any;		/* ... false: all of the vector are null */
} EsColumnSummary;

/*
 * Append the column's stream to "out", whose len must be a multiple of 8 (and is
 * one afterwards).  An image has at most 1 GB less 1, all of them less than 4 GB.
 */
extern void es_column_encode(EsBytes *out, const EsColumnInput *in,
							 EsColumnSummary *summary);

/* ----------------------------------------------------------------
 * Decoding
 * ----------------------------------------------------------------
 */

/* A stream, at a multiple of 8. */
typedef struct EsSource
{
	const uint8_t *bytes;
	size_t		len;

	/* make [off, off + len) readable; false: they cannot be had */
	bool		(*need) (void *arg, size_t off, size_t len);	/* or NULL */
	void	   *arg;
} EsSource;

typedef struct EsColumn EsColumn;

/*
 * Open a stream of n values for reading.  Allocates *column (close it); on a
 * problem nothing is allocated.  step: for varlenas.  trained: for streams that
 * use one.
 *
 * ms_of: for ES_ENC_UUID7 with milliseconds of another column: that column's at a
 * row.
 */
typedef struct EsColumnContext
{
	EsMemory	memory;
	EsImageStep step;
	const void *trained;
	size_t		trained_len;
	bool		(*ms_of) (void *arg, uint32_t row, int64_t *ms);
	void	   *ms_arg;
} EsColumnContext;

extern const char *es_column_open(EsColumn **column, EsColumnKind kind,
								  uint32_t n, const EsSource *source,
								  const EsColumnContext *context);
extern void es_column_close(EsColumn *column);

extern EsEncoding es_column_encoding(const EsColumn *column);

/* Is any value null?  From the head of the stream. */
extern bool es_column_has_nulls(const EsColumn *column);

/* One value; row < n. */
extern const char *es_column_is_null(EsColumn *column, uint32_t row,
									 bool *isnull);
extern const char *es_column_int(EsColumn *column, uint32_t row,
								 int64_t *value);

/*
 * An image, at an address aligned as its kind says.  It stays where it is until
 * the next call for a row of another block (ES_ENC_BLOCKS) or any other row
 * (ES_ENC_UUID7), or until the column is closed.  Not for nulls.
 */
extern const char *es_column_image(EsColumn *column, uint32_t row,
								   const uint8_t **image, uint32_t *len);

/*
 * All values of vector v: rows [v * 1024, min(n, v * 1024 + 1024)).  What stands
 * for nulls is any value.  The arrays have room for 1024.
 */
extern const char *es_column_nulls_vector(EsColumn *column, uint32_t v,
										  uint8_t *isnull, bool *any);
extern const char *es_column_ints_vector(EsColumn *column, uint32_t v,
										 int64_t *values);

/* ES_ENC_DICTIONARY: codes of a vector, the number of entries, an entry. */
extern const char *es_column_codes_vector(EsColumn *column, uint32_t v,
										  uint32_t *codes);
extern uint32_t es_column_nentries(const EsColumn *column);
extern const char *es_column_entry(EsColumn *column, uint32_t code,
								   const uint8_t **image, uint32_t *len);

/*
 * Check a whole stream: every vector, every block, every code.  Streams that pass
 * give no problem later.
 */
extern const char *es_column_check(EsColumn *column);

#endif							/* ES_CODEC_H */
