/*-------------------------------------------------------------------------
 *
 * es_codec_compress.c
 *	  LZ4 and zstd, for one block.
 *
 * zstd's contexts and the trained dictionaries that were used last are kept in
 * static memory, for the life of the process: they cost more than a block.  So
 * nothing here may run in two threads at once.  They are the libraries' own
 * memory, and nothing of the caller's is called while one is in use.
 *
 * Frames of zstd are written without magic number, size, checksum and number of
 * the dictionary, which is 12 to 16 bytes less: all of that stands elsewhere.
 * (A library that knows no such frames would read them with the magic number
 * put in front.)
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_compress.c
 *-------------------------------------------------------------------------
 */
#define ZSTD_STATIC_LINKING_ONLY	/* for ZSTD_f_zstd1_magicless */

#include <lz4.h>
#include <zstd.h>

#include "codec/es_codec_internal.h"

#define KEPT_DICTIONARIES	8
#define FINGERPRINT_HEAD	64	/* bytes */
#define FINGERPRINT_WORDS	16

/* A block is compressed if that saves one byte in so many. */
#define MIN_SAVED			32

/* A trained dictionary, digested; one of the two is NULL. */
typedef struct Digested
{
	const void *trained;
	size_t		trained_len;
	uint32_t	fingerprint;
	int			level;
	ZSTD_CDict *to_compress;
	ZSTD_DDict *to_decompress;
	uint64_t	used;			/* when */
} Digested;

static ZSTD_CCtx *compressor = NULL;
static ZSTD_DCtx *decompressor = NULL;
static Digested kept[KEPT_DICTIONARIES];
static uint64_t clock_of_use = 0;

static uint64_t
mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

/*
 * Of the length, of the head, where zstd has a number that it makes from the
 * contents, and of some words of the rest: it is computed for each column that is
 * read, and a dictionary is seldom in the cache.
 */
uint32_t
es_trained_fingerprint(const void *trained, size_t len)
{
	const uint8_t *bytes = trained;
	uint64_t	hash = mix(0, len);
	uint32_t	result;

	for (size_t at = 0; at < len && at < FINGERPRINT_HEAD; at++)
		hash = mix(hash, bytes[at]);
	if (len > FINGERPRINT_HEAD + 8)
		for (size_t i = 1; i <= FINGERPRINT_WORDS; i++)
			hash = mix(hash, es_load64(bytes + FINGERPRINT_HEAD +
									   (len - FINGERPRINT_HEAD - 8) * i /
									   FINGERPRINT_WORDS));
	result = (uint32_t) (hash >> 32);
	return result != 0 ? result : 1;
}

/*
 * The digested dictionary, for compression at a level, or decompression.  NULL:
 * there is no memory for it.
 */
static Digested *
digest(const void *trained, size_t len, uint32_t fingerprint, bool compress,
	   int level)
{
	Digested   *oldest = &kept[0];

	for (int i = 0; i < KEPT_DICTIONARIES; i++)
	{
		Digested   *have = &kept[i];

		if (have->trained == trained && have->trained_len == len &&
			have->fingerprint == fingerprint &&
			(compress ? have->to_compress != NULL && have->level == level :
			 have->to_decompress != NULL))
		{
			have->used = ++clock_of_use;
			return have;
		}
		if (have->used < oldest->used)
			oldest = have;
	}

	ZSTD_freeCDict(oldest->to_compress);
	ZSTD_freeDDict(oldest->to_decompress);
	memset(oldest, 0, sizeof(*oldest));
	if (compress)
		oldest->to_compress = ZSTD_createCDict(trained, len, level);
	else
		oldest->to_decompress = ZSTD_createDDict(trained, len);
	if (oldest->to_compress == NULL && oldest->to_decompress == NULL)
		return NULL;
	oldest->trained = trained;
	oldest->trained_len = len;
	oldest->fingerprint = fingerprint;
	oldest->level = level;
	oldest->used = ++clock_of_use;
	return oldest;
}

static bool
start_compressor(void)
{
	if (compressor == NULL)
	{
		ZSTD_CCtx  *made = ZSTD_createCCtx();

		if (made == NULL)
			return false;
		if (ZSTD_isError(ZSTD_CCtx_setParameter(made, ZSTD_c_contentSizeFlag, 0)) ||
			ZSTD_isError(ZSTD_CCtx_setParameter(made, ZSTD_c_checksumFlag, 0)) ||
			ZSTD_isError(ZSTD_CCtx_setParameter(made, ZSTD_c_dictIDFlag, 0)) ||
			ZSTD_isError(ZSTD_CCtx_setParameter(made, ZSTD_c_format,
												ZSTD_f_zstd1_magicless)))
		{
			ZSTD_freeCCtx(made);
			return false;
		}
		compressor = made;
	}
	return true;
}

static size_t
compress_zstd(int level, const void *trained, size_t trained_len,
			  uint32_t fingerprint, const uint8_t *raw, size_t len,
			  uint8_t *out, size_t most)
{
	const ZSTD_CDict *dictionary = NULL;
	size_t		result;

	if (!start_compressor())
		return 0;

	/*
	 * what did not get smaller has left a session open, which takes no
	 * changes
	 */
	ZSTD_CCtx_reset(compressor, ZSTD_reset_session_only);
	if (trained != NULL)
	{
		Digested   *have = digest(trained, trained_len, fingerprint, true, level);

		if (have == NULL)
			return 0;
		dictionary = have->to_compress;
	}
	if (ZSTD_isError(ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel,
											level)) ||
		ZSTD_isError(ZSTD_CCtx_refCDict(compressor, dictionary)))
		return 0;
	result = ZSTD_compress2(compressor, out, most, raw, len);
	if (ZSTD_isError(result))
		return 0;
	return result;
}

size_t
es_compress(uint8_t codec, int level, const void *trained, size_t trained_len,
			uint32_t fingerprint, const uint8_t *raw, size_t len, uint8_t *out)
{
	size_t		most = len - len / MIN_SAVED - 1;
	int			result;

	if (len < 2)
		return 0;
	switch (codec)
	{
		case ES_CODEC_LZ4:
			result = LZ4_compress_default((const char *) raw, (char *) out,
										  (int) len, (int) most);
			return result > 0 ? result : 0;
		case ES_CODEC_ZSTD:
			return compress_zstd(level, trained, trained_len, fingerprint, raw,
								 len, out, most);
		default:
			return 0;
	}
}

static bool
decompress_zstd(const void *trained, size_t trained_len, uint32_t fingerprint,
				const uint8_t *bytes, size_t len, uint8_t *out, size_t raw_len)
{
	const ZSTD_DDict *dictionary = NULL;

	if (decompressor == NULL)
	{
		ZSTD_DCtx  *made = ZSTD_createDCtx();

		if (made == NULL)
			return false;
		if (ZSTD_isError(ZSTD_DCtx_setParameter(made, ZSTD_d_format,
												ZSTD_f_zstd1_magicless)))
		{
			ZSTD_freeDCtx(made);
			return false;
		}
		decompressor = made;
	}
	if (trained != NULL)
	{
		Digested   *have = digest(trained, trained_len, fingerprint, false, 0);

		if (have == NULL)
			return false;
		dictionary = have->to_decompress;
	}
	ZSTD_DCtx_reset(decompressor, ZSTD_reset_session_only);
	return !ZSTD_isError(ZSTD_DCtx_refDDict(decompressor, dictionary)) &&
		ZSTD_decompressDCtx(decompressor, out, raw_len, bytes, len) == raw_len;
}

bool
es_decompress(uint8_t codec, const void *trained, size_t trained_len,
			  uint32_t fingerprint, const uint8_t *bytes, size_t len,
			  uint8_t *out, size_t raw_len)
{
	switch (codec)
	{
		case ES_CODEC_LZ4:
			return LZ4_decompress_safe((const char *) bytes, (char *) out,
									   (int) len, (int) raw_len) == (int) raw_len;
		case ES_CODEC_ZSTD:
			return decompress_zstd(trained, trained_len, fingerprint, bytes, len,
								   out, raw_len);
		default:
			return false;
	}
}

/*
 * LZ4: a byte makes at most 255.  zstd: a block of 4 bytes, or 3 and a share of a
 * table, makes at most 128 kB.
 */
bool
es_compressed_possible(uint8_t codec, size_t len, size_t raw_len)
{
	switch (codec)
	{
		case ES_CODEC_LZ4:
			return raw_len / 256 <= len;
		case ES_CODEC_ZSTD:
			return raw_len / (128 * 1024) <= len / 4;
		default:
			return false;
	}
}
