/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/mime-codec.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

#include "common/mem.h"

static void init_once(void)
{
	g_mime_init();
}

void ifs_mime_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, init_once);
}

static void copy_lower(char *out, size_t room, const char *text)
{
	size_t i;

	for (i = 0; i < room - 1 && text[i] != '\0'; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	out[i] = '\0';
}

static char *copy_or_null(const char *text)
{
	return text == NULL || text[0] == '\0' ? NULL : sqb_xstrdup(text);
}

/* Names are often RFC 2047 words although they must not be. */
static char *decode_name(const char *name)
{
	if (name == NULL || name[0] == '\0')
		return NULL;
	return ifs_mime_header_decode(name);
}

void ifs_mime_type_parse(const char *value, struct ifs_mime_type *type_r)
{
	GMimeContentType *parsed = g_mime_content_type_parse(NULL, value);
	char type[IFS_MIME_TYPE_MAX + 1];
	const char *charset;

	(void)snprintf(type, sizeof(type), "%s/%s",
		       g_mime_content_type_get_media_type(parsed),
		       g_mime_content_type_get_media_subtype(parsed));
	copy_lower(type_r->type, sizeof(type_r->type), type);
	charset = g_mime_content_type_get_parameter(parsed, "charset");
	copy_lower(type_r->charset, sizeof(type_r->charset),
		   charset == NULL ? "" : charset);
	type_r->boundary = copy_or_null(
		g_mime_content_type_get_parameter(parsed, "boundary"));
	type_r->name =
		decode_name(g_mime_content_type_get_parameter(parsed, "name"));
	g_object_unref(parsed);
}

void ifs_mime_type_free(struct ifs_mime_type *type)
{
	free(type->boundary);
	free(type->name);
	type->boundary = NULL;
	type->name = NULL;
}

void ifs_mime_disposition_parse(const char *value, bool *attachment_r,
				char **name_r)
{
	GMimeContentDisposition *parsed =
		g_mime_content_disposition_parse(NULL, value);

	*attachment_r = g_mime_content_disposition_is_attachment(parsed);
	*name_r = decode_name(
		g_mime_content_disposition_get_parameter(parsed, "filename"));
	g_object_unref(parsed);
}

enum ifs_mime_encoding ifs_mime_encoding_parse(const char *value)
{
	switch (g_mime_content_encoding_from_string(value)) {
	case GMIME_CONTENT_ENCODING_BASE64:
		return IFS_MIME_BASE64;
	case GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE:
		return IFS_MIME_QUOTED_PRINTABLE;
	case GMIME_CONTENT_ENCODING_DEFAULT:
	case GMIME_CONTENT_ENCODING_7BIT:
	case GMIME_CONTENT_ENCODING_8BIT:
	case GMIME_CONTENT_ENCODING_BINARY:
	case GMIME_CONTENT_ENCODING_UUENCODE:
		break;
	}
	return IFS_MIME_IDENTITY;
}

char *ifs_mime_header_decode(const char *value)
{
	char *decoded = g_mime_utils_header_decode_text(NULL, value);
	char *text = sqb_xstrdup(decoded == NULL ? value : decoded);

	g_free(decoded);
	return text;
}

void ifs_mime_decoder_init(struct ifs_mime_decoder *decoder,
			   enum ifs_mime_encoding encoding)
{
	memset(decoder, 0, sizeof(*decoder));
	decoder->encoding = encoding;
}

size_t ifs_mime_decode(struct ifs_mime_decoder *decoder, const char *data,
		       size_t size, char *out)
{
	const unsigned char *in = (const unsigned char *)data;

	switch (decoder->encoding) {
	case IFS_MIME_BASE64:
		return g_mime_encoding_base64_decode_step(
			in, size, (unsigned char *)out, &decoder->state,
			&decoder->save);
	case IFS_MIME_QUOTED_PRINTABLE:
		return g_mime_encoding_quoted_decode_step(
			in, size, (unsigned char *)out, &decoder->state,
			&decoder->save);
	case IFS_MIME_IDENTITY:
		break;
	}
	memcpy(out, data, size);
	return size;
}

size_t ifs_mime_decode_end(struct ifs_mime_decoder *decoder, char *out)
{
	unsigned int have = (unsigned int)abs(decoder->state);

	/* One character more is not an octet. */
	if (decoder->encoding != IFS_MIME_BASE64 || have < 2 || have > 3)
		return 0;
	have = (unsigned int)ifs_mime_decode(decoder, "==", 4 - have, out);
	decoder->state = 0;
	return have;
}
