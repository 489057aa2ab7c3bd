/*-------------------------------------------------------------------------
 *
 * es_codec_dictionary.c
 *	  Images that repeat: the different ones once, and a code for each row.
 *
 * Codes are vectors of integers, one for each row (what stands for a null is any
 * code that there is).  Entries are blocks, in the order of their bytes.  Who
 * reads an image reads its block of entries; these blocks are kept until the
 * column is closed, as scans come back to them.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_dictionary.c
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <time.h>

#include "codec/es_codec_internal.h"

/* The values of a dictionary's column: this, codes, entries. */
typedef struct DictionaryHead
{
	uint32_t	nentries;
	uint32_t	unused;
} DictionaryHead;

static const char *const bad_entry = "An entry of a column's dictionary is out of range";

/* ----------------------------------------------------------------
 * Encoding
 * ----------------------------------------------------------------
 */

/* An entry while they are counted and sorted. */
typedef struct Seen
{
	EsImage		image;
	uint64_t	hash;
	uint32_t	number;			/* in the order of appearance */
} Seen;

/*
 * Hash an image, with a seed of the process, so that nobody can choose values that
 * collide.
 */
static uint64_t
hash_image(const EsImage *image)
{
	static uint64_t seed = 0;
	const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
	const uint8_t *at = image->data;
	size_t		left = image->len;
	uint64_t	hash;
	uint64_t	word;

	if (seed == 0)
		seed = ((uint64_t) time(NULL) * factor) ^ (uintptr_t) &seed ^
			((uint64_t) (uintptr_t) &left << 20) ^ 1;
	hash = seed ^ image->len;
	for (; left >= 8; left -= 8, at += 8)
	{
		hash = (hash ^ es_load64(at)) * factor;
		hash ^= hash >> 32 ^ seed >> 7;
	}
	word = 0;
	memcpy(&word, at, left);
	hash = (hash ^ word) * factor;
	hash ^= hash >> 29;
	hash *= UINT64_C(0xBF58476D1CE4E5B9);
	return hash ^ hash >> 32;
}

static int
compare_seen(const void *a, const void *b)
{
	return es_image_compare(&((const Seen *) a)->image,
							&((const Seen *) b)->image);
}

/*
 * Number the different images in the order of appearance.  Returns how many there
 * are, "limit" + 1 if they are more.
 */
static uint32_t
count_different(Seen *seen, uint32_t *slots, uint32_t mask, uint32_t *codes,
				const EsImage *images, uint32_t n, uint32_t limit)
{
	uint32_t	nseen = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		uint64_t	hash = hash_image(&images[i]);
		uint32_t	slot = hash & mask;

		/* a slot has the number of an entry, plus 1 */
		for (;; slot = (slot + 1) & mask)
		{
			const Seen *have;

			if (slots[slot] == 0)
				break;
			have = &seen[slots[slot] - 1];
			if (have->hash == hash && have->image.len == images[i].len &&
				memcmp(have->image.data, images[i].data, images[i].len) == 0)
				break;
		}
		if (slots[slot] == 0)
		{
			if (nseen == limit)
				return limit + 1;
			seen[nseen].image = images[i];
			seen[nseen].hash = hash;
			seen[nseen].number = nseen;
			slots[slot] = ++nseen;
		}
		codes[i] = slots[slot] - 1;
	}
	return nseen;
}

bool
es_dictionary_make(EsDictionary *dictionary, const EsMemory *memory,
				   const EsImage *images, uint32_t n, uint32_t limit)
{
	uint32_t	nslots = 16;
	uint32_t	nseen;
	Seen	   *seen;
	uint32_t   *slots;

	memset(dictionary, 0, sizeof(*dictionary));
	if (limit > n)
		limit = n;
	while (nslots < limit * 2)
		nslots *= 2;
	seen = memory->alloc(memory->arg, (limit + 1) * sizeof(Seen));
	slots = memory->alloc(memory->arg, nslots * sizeof(uint32_t));
	dictionary->codes = memory->alloc(memory->arg, n * sizeof(uint32_t));
	memset(slots, 0, nslots * sizeof(uint32_t));
	nseen = count_different(seen, slots, nslots - 1, dictionary->codes, images,
							n, limit);
	if (nseen <= limit)
	{
		/* slots become the place of each number in the order of bytes */
		qsort(seen, nseen, sizeof(Seen), compare_seen);
		dictionary->n = nseen;
		dictionary->entries = memory->alloc(memory->arg,
											nseen * sizeof(EsImage));
		for (uint32_t code = 0; code < nseen; code++)
		{
			dictionary->entries[code] = seen[code].image;
			slots[seen[code].number] = code;
		}
		for (uint32_t i = 0; i < n; i++)
			dictionary->codes[i] = slots[dictionary->codes[i]];
	}
	memory->free(memory->arg, slots);
	memory->free(memory->arg, seen);
	if (nseen > limit)
		es_dictionary_free(dictionary, memory);
	return nseen <= limit;
}

void
es_dictionary_free(EsDictionary *dictionary, const EsMemory *memory)
{
	if (dictionary->codes != NULL)
		memory->free(memory->arg, dictionary->codes);
	if (dictionary->entries != NULL)
		memory->free(memory->arg, dictionary->entries);
	memset(dictionary, 0, sizeof(*dictionary));
}

bool
es_dictionary_encode(EsBytes *out, const EsColumnInput *in,
					 const EsDictionary *dictionary)
{
	const EsMemory *memory = out->memory;
	DictionaryHead head = {0};
	int64_t    *codes;
	uint32_t	next = 0;

	head.nentries = dictionary->n;
	es_bytes_append(out, &head, sizeof(head));
	codes = memory->alloc(memory->arg, in->n * sizeof(int64_t));
	for (uint32_t row = 0; row < in->n; row++)
	{
		/* for a null the code before it, or in front of all the first one */
		if (in->isnull == NULL || !in->isnull[row])
			codes[row] = dictionary->codes[next++];
		else
			codes[row] = dictionary->codes[next > 0 ? next - 1 : 0];
	}
	es_vectors_encode(out, codes, NULL, in->n);
	memory->free(memory->arg, codes);
	return es_blocks_encode(out, in, dictionary->entries, dictionary->n);
}

/* ----------------------------------------------------------------
 * Decoding
 * ----------------------------------------------------------------
 */

const char *
es_dictionary_open(EsColumn *column)
{
	const EsSource *source = &column->source;
	DictionaryHead head;
	const char *problem;

	if (!es_need(source, column->values, sizeof(head)))
		return es_cut_short;
	memcpy(&head, source->bytes + column->values, sizeof(head));
	problem = es_vectors_open(&column->ints, source, &column->context.memory,
							  column->values + sizeof(head), column->n);
	if (problem == NULL)
		problem = es_blocks_open(&column->blocks, column,
								 column->values + sizeof(head) + column->ints.len,
								 column->n);
	if (problem != NULL)
		return problem;
	column->nentries = head.nentries;
	if (head.nentries == 0 || head.nentries != column->blocks.head.nimages)
		return "The dictionary of a column has another number of entries";
	return NULL;
}

void
es_dictionary_close(EsColumn *column)
{
	const EsMemory *memory = &column->context.memory;

	if (column->entry_blocks != NULL)
	{
		for (uint32_t b = 0; b < column->blocks.head.nblocks; b++)
			if (column->entry_blocks[b] != NULL)
				memory->free(memory->arg, column->entry_blocks[b]);
		memory->free(memory->arg, column->entry_blocks);
	}
	if (column->entries != NULL)
		memory->free(memory->arg, column->entries);
	if (column->known != NULL)
		memory->free(memory->arg, column->known);
}

/*
 * Make what remembers entries.
 */
static void
start_entries(EsColumn *column)
{
	const EsMemory *memory = &column->context.memory;
	size_t		nblocks = column->blocks.head.nblocks;
	size_t		nbits = ES_ALIGN8(column->nentries);

	column->entry_blocks = memory->alloc(memory->arg,
										 nblocks * sizeof(uint8_t *));
	memset(column->entry_blocks, 0, nblocks * sizeof(uint8_t *));
	column->entries = memory->alloc(memory->arg,
									column->nentries * sizeof(EsImage));
	column->known = memory->alloc(memory->arg, nbits / 8);
	memset(column->known, 0, nbits / 8);
}

/*
 * Read the block that has an entry, and find all entries in it.
 */
static const char *
read_entries(EsColumn *column, uint32_t code)
{
	const EsBlocks *blocks = &column->blocks;
	const uint8_t *bytes = NULL;
	size_t		room = 0;
	size_t		off = 0;
	EsBlock		block;
	uint32_t	b = 0;
	uint32_t	next = 0;
	const char *problem;

	problem = es_blocks_find(blocks, code, &b);
	if (problem == NULL)
		problem = es_blocks_entry(blocks, b, &block, &next);
	if (problem == NULL && (code < block.first || code >= next))
		problem = bad_entry;
	/* a block that was read before, and had a problem */
	if (problem == NULL && column->entry_blocks[b] != NULL)
		problem = bad_entry;
	if (problem == NULL)
		problem = es_blocks_fetch(blocks, column, &block,
								  &column->entry_blocks[b], &room, &bytes);
	if (problem != NULL)
		return problem;
	for (uint32_t i = block.first; i < next; i++)
	{
		size_t		found;

		if (column->kind.width > 0)
		{
			off = (i - block.first) * es_image_stride(column->kind);
			found = off + column->kind.width <= block.raw_len ?
				(size_t) column->kind.width : 0;
		}
		else
			found = es_image_step(column->kind, column->context.step, bytes,
								  &off, block.raw_len);
		if (found == 0)
			return bad_entry;
		column->entries[i].data = bytes + off;
		column->entries[i].len = found;
		column->known[i / 8] |= 1 << i % 8;
		off += found;
	}
	return NULL;
}

uint32_t
es_column_nentries(const EsColumn *column)
{
	return column->nentries;
}

const char *
es_column_entry(EsColumn *column, uint32_t code, const uint8_t **image,
				uint32_t *len)
{
	const char *problem;

	if (code >= column->nentries)
		return "A code of a column is out of range";
	if (column->known == NULL)
		start_entries(column);
	if ((column->known[code / 8] & 1 << code % 8) == 0)
	{
		problem = read_entries(column, code);
		if (problem != NULL)
			return problem;
	}
	*image = column->entries[code].data;
	*len = column->entries[code].len;
	return NULL;
}

const char *
es_column_codes_vector(EsColumn *column, uint32_t v, uint32_t *codes)
{
	if (column->head.encoding != ES_ENC_DICTIONARY)
		return "A column has no dictionary";
	return es_vectors_read32(&column->ints, v, column->nentries, codes);
}

const char *
es_dictionary_image(EsColumn *column, uint32_t row, const uint8_t **image,
					uint32_t *len)
{
	int64_t		code;
	const char *problem;

	problem = es_vectors_get(&column->ints, row, &code);
	if (problem != NULL)
		return problem;
	if ((uint64_t) code >= column->nentries)
		return "A code of a column is out of range";
	return es_column_entry(column, (uint32_t) code, image, len);
}

/*
 * Check codes and entries, and that these are in order.
 */
const char *
es_dictionary_check(EsColumn *column)
{
	uint32_t	codes[ES_VECTOR_ROWS];
	EsImage		entry;
	EsImage		last = {0};
	const char *problem;

	problem = es_blocks_check(column, &column->blocks);
	for (uint32_t v = 0; v < es_nvectors(column->n) && problem == NULL; v++)
		problem = es_column_codes_vector(column, v, codes);
	for (uint32_t code = 0; code < column->nentries && problem == NULL; code++)
	{
		problem = es_column_entry(column, code, &entry.data, &entry.len);
		if (problem == NULL && code > 0 && es_image_compare(&last, &entry) >= 0)
			problem = "The entries of a column's dictionary are out of order";
		last = entry;
	}
	return problem;
}
