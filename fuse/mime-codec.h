/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_MIME_CODEC_H
#define IFS_MIME_CODEC_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The encodings of MIME; the only user of GMime.
 *
 * Everything that comes in is hostile, and is taken for what it most likely
 * means: nothing here fails.  Sizes are bounded by the callers, and time is
 * linear in them.
 */
void ifs_mime_init(void);

#define IFS_MIME_TYPE_MAX 80 /* octets of "type/subtype" */
#define IFS_MIME_BOUNDARY_MAX \
	70 /* RFC 2046; and some more of it is compared \
	    */
#define IFS_MIME_CHARSET_MAX 40

/* Content-Type: in small letters; empty where there is none. */
struct ifs_mime_type {
	char type[IFS_MIME_TYPE_MAX + 1];
	char charset[IFS_MIME_CHARSET_MAX + 1];
	char *boundary; /* own; NULL: none */
	char *name;     /* own; UTF-8 as far as known; NULL: none */
};

/* What is there and no type is text/plain. */
void ifs_mime_type_parse(const char *value, struct ifs_mime_type *type_r);
void ifs_mime_type_free(struct ifs_mime_type *type);

/* Content-Disposition; *name_r, NULL if there is none, is to free(). */
void ifs_mime_disposition_parse(const char *value, bool *attachment_r,
				char **name_r);

enum ifs_mime_encoding {
	IFS_MIME_IDENTITY, /* 7bit, 8bit, binary, and what nobody knows */
	IFS_MIME_BASE64,
	IFS_MIME_QUOTED_PRINTABLE,
};
enum ifs_mime_encoding ifs_mime_encoding_parse(const char *value);

/* The value of a header, RFC 2047 words decoded; to free(). */
char *ifs_mime_header_decode(const char *value);

/* Decode a body, in pieces cut anywhere. */
struct ifs_mime_decoder {
	enum ifs_mime_encoding encoding;
	int state;
	unsigned int save;
};
void ifs_mime_decoder_init(struct ifs_mime_decoder *decoder,
			   enum ifs_mime_encoding encoding);
/* out has room for size + IFS_MIME_DECODE_SLACK octets. */
#define IFS_MIME_DECODE_SLACK 16
size_t ifs_mime_decode(struct ifs_mime_decoder *decoder, const char *data,
		       size_t size, char *out);
/* What is still in it at the end, where base64 lacks its last "=". */
size_t ifs_mime_decode_end(struct ifs_mime_decoder *decoder, char *out);

#endif
