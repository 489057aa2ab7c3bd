/*-------------------------------------------------------------------------
 *
 * es_codec_images.c
 *	  Images that stand one behind the other, as attributes do in a tuple.
 *
 * Each begins at a multiple of its alignment, behind bytes that are 0, except a
 * varlena with a header of 1 byte, which begins where the last image ended.  The
 * first byte of such a header is never 0, so what is found at an unaligned place
 * tells the two apart.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_images.c
 *-------------------------------------------------------------------------
 */
#include "codec/es_codec_internal.h"

/*
 * Has this varlena a header of 1 byte?  The lowest or the highest bit says so,
 * depending on the byte order.
 */
static inline bool
has_short_header(const uint8_t *varlena)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (*varlena & 0x01) != 0;
#else
	return (*varlena & 0x80) != 0;
#endif
}

size_t
es_image_place(EsColumnKind kind, const EsImage *image, size_t len)
{
	if (kind.width == -1 && has_short_header(image->data))
		return len;
	return (len + kind.align - 1) & ~(size_t) (kind.align - 1);
}

size_t
es_image_step(EsColumnKind kind, EsImageStep step, const uint8_t *bytes,
			  size_t *off, size_t end)
{
	size_t		from = *off;
	size_t		len;

	if (kind.width == -2)
	{
		const uint8_t *last;

		from = (from + kind.align - 1) & ~(size_t) (kind.align - 1);
		if (from >= end)
			return 0;
		last = memchr(bytes + from, 0, end - from);
		if (last == NULL)
			return 0;
		*off = from;
		return last - (bytes + from) + 1;
	}
	if (step == NULL || from >= end)
		return 0;
	len = step(bytes, off, end, kind.align);
	if (*off < from || *off >= end || len > end - *off)
		return 0;
	return len;
}

int
es_image_compare(const EsImage *a, const EsImage *b)
{
	uint32_t	len = a->len < b->len ? a->len : b->len;
	int			order = memcmp(a->data, b->data, len);

	if (order != 0)
		return order;
	return a->len < b->len ? -1 : a->len > b->len;
}
