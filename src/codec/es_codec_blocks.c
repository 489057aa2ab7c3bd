/*-------------------------------------------------------------------------
 *
 * es_codec_blocks.c
 *	  Blocks of consecutive images, each compressed by itself.
 *
 * The entries in front say for each block where it is and which image is its
 * first, so that an image's block is found by bisection, and only this block is
 * read.  Within a block images are found by walking, from the last one that was
 * asked for if that is before.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_blocks.c
 *-------------------------------------------------------------------------
 */
#include "codec/es_codec_internal.h"

#define DEFAULT_BYTES	8192
#define DEFAULT_ROWS	256
#define SAMPLED_BLOCKS	3

static const char *const bad_head = "The head of a column's blocks is out of range";
static const char *const bad_block = "A block of a column is out of range";
static const char *const bad_image = "An image in a block of a column is out of range";
static const char *const not_compressed = "A block of a column cannot be decompressed";

/* ----------------------------------------------------------------
 * Encoding
 * ----------------------------------------------------------------
 */

/* What images are made into before they are compressed. */
typedef struct Raw
{
	uint8_t    *bytes;
	size_t		len;
	size_t		room;
} Raw;

/*
 * How many of the images from "first" on make a block, and how long is it?
 */
static uint32_t
fill_block(const EsColumnInput *in, const EsImage *images, uint32_t first,
		   uint32_t n, size_t *len)
{
	uint32_t	rows = in->block_rows > 0 ? in->block_rows : DEFAULT_ROWS;
	uint32_t	bytes = in->block_bytes > 0 ? in->block_bytes : DEFAULT_BYTES;
	uint32_t	count = 0;

	*len = 0;
	while (first + count < n && count < rows)
	{
		const EsImage *image = &images[first + count];
		size_t		with = es_image_place(in->kind, image, *len) + image->len;

		if (count > 0 && with > bytes)
			break;
		*len = with;
		count++;
	}
	return count;
}

/*
 * Put images behind each other; there is room for them.
 */
static void
lay_out(EsColumnKind kind, const EsImage *images, uint32_t n, uint8_t *bytes)
{
	size_t		len = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		size_t		at = es_image_place(kind, &images[i], len);

		memset(bytes + len, 0, at - len);
		memcpy(bytes + at, images[i].data, images[i].len);
		len = at + images[i].len;
	}
}

/* Make room, on the memory of "out", for a block of so many bytes. */
static void
make_room(const EsMemory *memory, Raw *raw, size_t len)
{
	uint8_t    *old = raw->bytes;

	if (raw->room >= len)
		return;
	raw->bytes = NULL;
	raw->room = 0;
	if (old != NULL)
		memory->free(memory->arg, old);
	raw->bytes = memory->alloc(memory->arg, len);
	raw->room = len;
}

static bool
uses_trained(const EsColumnInput *in)
{
	return in->codec == ES_CODEC_ZSTD && in->trained != NULL &&
		in->trained_len > 0;
}

bool
es_blocks_encode(EsBytes *out, const EsColumnInput *in, const EsImage *images,
				 uint32_t n)
{
	const void *trained = uses_trained(in) ? in->trained : NULL;
	uint32_t	fingerprint = 0;
	size_t		start = out->len;
	size_t		entries;
	EsBlocksHead head = {0};
	Raw			raw = {0};
	size_t		len;
	bool		any = false;

	if (trained != NULL)
		fingerprint = es_trained_fingerprint(trained, in->trained_len);
	for (uint32_t i = 0; i < n; i += fill_block(in, images, i, n, &len))
		head.nblocks++;
	head.nimages = n;
	es_bytes_append(out, &head, sizeof(head));
	entries = es_bytes_append(out, NULL, head.nblocks * sizeof(EsBlock));

	for (uint32_t i = 0, b = 0; i < n; b++)
	{
		EsBlock		block;
		uint32_t	count = fill_block(in, images, i, n, &len);
		size_t		compressed = 0;

		block.first = i;
		block.raw_len = len;
		es_bytes_reserve(out, len + 8);
		if (in->codec != ES_CODEC_NONE)
		{
			make_room(out->memory, &raw, len);
			lay_out(in->kind, images + i, count, raw.bytes);
			compressed = es_compress(in->codec, in->level, trained,
									 in->trained_len, fingerprint, raw.bytes,
									 len, out->data + out->len);
		}
		if (compressed > 0)
		{
			any = true;
			block.len = compressed;
		}
		else
		{
			/* read where it stands, so aligned */
			es_bytes_pad(out);
			lay_out(in->kind, images + i, count, out->data + out->len);
			block.len = len;
		}
		block.off = out->len - start;
		out->len += block.len;
		memcpy(out->data + entries + b * sizeof(block), &block, sizeof(block));
		i += count;
	}
	es_bytes_pad(out);
	if (raw.bytes != NULL)
		out->memory->free(out->memory->arg, raw.bytes);

	head.len = out->len - start;
	head.trained = any ? fingerprint : 0;
	memcpy(out->data + start, &head, sizeof(head));
	return any;
}

size_t
es_blocks_estimate(const EsMemory *memory, const EsColumnInput *in,
				   const EsImage *images, uint32_t n)
{
	const void *trained = uses_trained(in) ? in->trained : NULL;
	uint32_t	fingerprint = 0;
	double		total = 0;
	double		sampled = 0;
	double		compressed = 0;
	uint32_t	nblocks;
	size_t		len;

	for (uint32_t i = 0; i < n; i++)
		total += images[i].len;
	if (trained != NULL)
		fingerprint = es_trained_fingerprint(trained, in->trained_len);
	for (int sample = 0; sample < SAMPLED_BLOCKS; sample++)
	{
		uint32_t	first = (uint64_t) n * sample / SAMPLED_BLOCKS;
		uint32_t	count = fill_block(in, images, first, n, &len);
		uint8_t    *raw = memory->alloc(memory->arg, len);
		uint8_t    *out = memory->alloc(memory->arg, len);
		size_t		result;

		lay_out(in->kind, images + first, count, raw);
		result = es_compress(in->codec, in->level, trained, in->trained_len,
							 fingerprint, raw, len, out);
		memory->free(memory->arg, raw);
		memory->free(memory->arg, out);
		sampled += len;
		compressed += result > 0 ? result : len;
		if (first + count == n)
			break;
	}
	nblocks = total / (in->block_bytes > 0 ? in->block_bytes : DEFAULT_BYTES) + 1;
	return sizeof(EsBlocksHead) + nblocks * sizeof(EsBlock) +
		(size_t) (total * compressed / sampled);
}

/* ----------------------------------------------------------------
 * Decoding
 * ----------------------------------------------------------------
 */

/*
 * "limit": how many images there can be at most.
 */
const char *
es_blocks_open(EsBlocks *blocks, const EsColumn *column, size_t off,
			   uint32_t limit)
{
	const EsSource *source = &column->source;
	EsBlocksHead *head = &blocks->head;

	if (!es_need(source, off, sizeof(*head)))
		return es_cut_short;
	memcpy(head, source->bytes + off, sizeof(*head));
	blocks->source = source;
	blocks->off = off;
	blocks->codec = column->head.codec;
	if (head->len > source->len - off)
		return es_cut_short;
	if (head->nimages > limit || head->nblocks > head->nimages ||
		(head->nblocks == 0) != (head->nimages == 0) || head->len % 8 != 0 ||
		head->len < sizeof(*head) + head->nblocks * sizeof(EsBlock))
		return bad_head;
	if (head->trained != 0 &&
		((column->head.flags & ES_STREAM_TRAINED) == 0 ||
		 head->trained != column->fingerprint))
		return "A column was compressed with another trained dictionary";
	return NULL;
}

/* Read what an entry says, without looking at it. */
static bool
read_entry(const EsBlocks *blocks, uint32_t b, EsBlock *block)
{
	size_t		at = blocks->off + sizeof(EsBlocksHead) + b * sizeof(EsBlock);

	if (!es_need(blocks->source, at, sizeof(*block)))
		return false;
	memcpy(block, blocks->source->bytes + at, sizeof(*block));
	return true;
}

const char *
es_blocks_find(const EsBlocks *blocks, uint32_t image, uint32_t *b)
{
	uint32_t	low = 0;
	uint32_t	high = blocks->head.nblocks;

	if (image >= blocks->head.nimages)
		return bad_image;
	/* the last block that begins at the image or before */
	while (high - low > 1)
	{
		uint32_t	middle = (low + high) / 2;
		EsBlock		block;

		if (!read_entry(blocks, middle, &block))
			return es_cut_short;
		if (block.first <= image)
			low = middle;
		else
			high = middle;
	}
	*b = low;
	return NULL;
}

const char *
es_blocks_entry(const EsBlocks *blocks, uint32_t b, EsBlock *block,
				uint32_t *next)
{
	const EsBlocksHead *head = &blocks->head;
	EsBlock		behind;

	if (!read_entry(blocks, b, block))
		return es_cut_short;
	*next = head->nimages;
	if (b + 1 < head->nblocks)
	{
		if (!read_entry(blocks, b + 1, &behind))
			return es_cut_short;
		*next = behind.first;
	}
	if ((b == 0 && block->first != 0) || block->first >= *next ||
		*next > head->nimages)
		return "The blocks of a column are out of order";
	if (block->off < sizeof(*head) + head->nblocks * sizeof(EsBlock) ||
		block->off > head->len || block->len > head->len - block->off ||
		block->len > block->raw_len || block->raw_len == 0)
		return bad_block;
	if (block->len == block->raw_len)
		return block->off % 8 == 0 ? NULL : bad_block;
	if (block->raw_len > ES_MAX_IMAGE ||
		!es_compressed_possible(blocks->codec, block->len, block->raw_len))
		return bad_block;
	return NULL;
}

const char *
es_blocks_fetch(const EsBlocks *blocks, EsColumn *column, const EsBlock *block,
				uint8_t **buffer, size_t *room, const uint8_t **bytes)
{
	const EsMemory *memory = &column->context.memory;
	size_t		at = blocks->off + block->off;
	bool		trained = blocks->head.trained != 0;

	if (!es_need(blocks->source, at, block->len))
		return es_cut_short;
	if (block->len == block->raw_len)
	{
		*bytes = blocks->source->bytes + at;
		return NULL;
	}
	if (*room < block->raw_len)
	{
		uint8_t    *old = *buffer;

		*buffer = NULL;
		*room = 0;
		if (old != NULL)
			memory->free(memory->arg, old);
		*buffer = memory->alloc(memory->arg, block->raw_len);
		*room = block->raw_len;
	}
	if (!es_decompress(blocks->codec,
					   trained ? column->context.trained : NULL,
					   column->context.trained_len, column->fingerprint,
					   blocks->source->bytes + at, block->len,
					   *buffer, block->raw_len))
		return not_compressed;
	*bytes = *buffer;
	return NULL;
}

const char *
es_blocks_image(EsColumn *column, uint32_t index, const uint8_t **image,
				uint32_t *len)
{
	size_t		off;
	size_t		found;
	const char *problem;

	if (column->block_bytes == NULL || index < column->block.first ||
		index >= column->block_next)
	{
		EsBlock		block;
		uint32_t	b = 0;
		uint32_t	next = 0;
		const uint8_t *bytes = NULL;

		problem = es_blocks_find(&column->blocks, index, &b);
		if (problem == NULL)
			problem = es_blocks_entry(&column->blocks, b, &block, &next);
		if (problem == NULL && (index < block.first || index >= next))
			problem = bad_image;
		column->block_bytes = NULL;
		if (problem == NULL)
			problem = es_blocks_fetch(&column->blocks, column, &block,
									  &column->buffer, &column->buffer_room,
									  &bytes);
		if (problem != NULL)
			return problem;
		column->block_bytes = bytes;
		column->block = block;
		column->block_next = next;
		column->walk_image = block.first;
		column->walk_off = 0;
	}

	if (column->kind.width > 0)
	{
		off = (index - column->block.first) * es_image_stride(column->kind);
		found = column->kind.width;
		if (off + found > column->block.raw_len)
			return bad_image;
	}
	else
	{
		if (index < column->walk_image)
		{
			column->walk_image = column->block.first;
			column->walk_off = 0;
		}
		for (;;)
		{
			off = column->walk_off;
			found = es_image_step(column->kind, column->context.step,
								  column->block_bytes, &off,
								  column->block.raw_len);
			if (found == 0)
				return bad_image;
			if (column->walk_image == index)
				break;
			column->walk_image++;
			column->walk_off = off + found;
		}
	}
	*image = column->block_bytes + off;
	*len = found;
	return NULL;
}

/*
 * Check all blocks and all of their images.
 */
const char *
es_blocks_check(EsColumn *column, const EsBlocks *blocks)
{
	const EsMemory *memory = &column->context.memory;
	uint8_t    *buffer = NULL;
	size_t		room = 0;
	uint64_t	end = sizeof(EsBlocksHead) +
	blocks->head.nblocks * sizeof(EsBlock);
	const char *problem = NULL;

	for (uint32_t b = 0; b < blocks->head.nblocks && problem == NULL; b++)
	{
		EsBlock		block;
		uint32_t	next = 0;
		const uint8_t *bytes = NULL;
		size_t		off = 0;

		problem = es_blocks_entry(blocks, b, &block, &next);
		if (problem == NULL && block.off < end)
			problem = bad_block;
		if (problem == NULL)
			problem = es_blocks_fetch(blocks, column, &block, &buffer, &room,
									  &bytes);
		if (problem != NULL)
			break;
		end = (uint64_t) block.off + block.len;
		for (uint32_t i = block.first; i < next && problem == NULL; i++)
		{
			size_t		found = 0;

			if (column->kind.width > 0)
			{
				off = (i - block.first) * es_image_stride(column->kind);
				if (off + column->kind.width <= block.raw_len)
					found = column->kind.width;
			}
			else
				found = es_image_step(column->kind, column->context.step, bytes,
									  &off, block.raw_len);
			if (found == 0)
				problem = bad_image;
			off += found;
		}
		if (problem == NULL && off != block.raw_len)
			problem = bad_image;
	}
	if (buffer != NULL)
		memory->free(memory->arg, buffer);
	return problem;
}
