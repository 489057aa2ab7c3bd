/*-------------------------------------------------------------------------
 *
 * es_codec_bytes.c
 *	  Bytes that grow.
 *
 * IDENTIFICATION
 *	  src/codec/es_codec_bytes.c
 *-------------------------------------------------------------------------
 */
#include "codec/es_codec_internal.h"

#define FIRST_ROOM	8192

const char *const es_cut_short = "The column is cut short";

void
es_bytes_reserve(EsBytes *out, size_t size)
{
	size_t		room = out->room > 0 ? out->room : FIRST_ROOM;
	uint8_t    *data;

	if (out->room - out->len >= size && out->data != NULL)
		return;
	while (room - out->len < size)
		room += room / 2;
	room = ES_ALIGN8(room);
	data = out->memory->alloc(out->memory->arg, room);
	if (out->data != NULL)
	{
		memcpy(data, out->data, out->len);
		out->memory->free(out->memory->arg, out->data);
	}
	out->data = data;
	out->room = room;
}

size_t
es_bytes_append(EsBytes *out, const void *bytes, size_t size)
{
	size_t		at = out->len;

	es_bytes_reserve(out, size);
	if (bytes != NULL)
		memcpy(out->data + at, bytes, size);
	else
		memset(out->data + at, 0, size);
	out->len += size;
	return at;
}

void
es_bytes_pad(EsBytes *out)
{
	es_bytes_append(out, NULL, ES_ALIGN8(out->len) - out->len);
}
