/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"

#define REST_MAX 16 /* octets of a character that has been cut */
#define NOT_A_CHARACTER 0xfffd

struct ifs_charset {
	iconv_t cd; /* own; (iconv_t)-1: as it is */
	char rest[REST_MAX];
	size_t rest_size;
};

/* What mail says, and what it means. */
static const struct {
	const char *name, *meant;
} aliases[] = {
	{ "iso-8859-1", "windows-1252" },
	{ "latin1", "windows-1252" },
	{ "iso-8859-9", "windows-1254" },
	{ "iso-8859-8-i", "iso-8859-8" },
	{ "gb2312", "gb18030" },
	{ "gbk", "gb18030" },
	{ "ks_c_5601-1987", "cp949" },
	{ "euc-kr", "cp949" },
	{ "iso-2022-jp", "iso-2022-jp-3" },
	{ "shift_jis", "cp932" },
	{ "x-sjis", "cp932" },
	{ "x-mac-roman", "macintosh" },
	{ "unicode-1-1-utf-7", "utf-7" },
};

/* Text of these is looked at octet by octet. */
static const char *const plain[] = { "",      "us-ascii", "ascii",
				     "utf-8", "utf8",     "unknown-8bit" };

/* Only a name, no path and no option of iconv_open(3). */
static bool is_name(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789-_.:+")] == '\0';
}

static iconv_t open_converter(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcasecmp(name, plain[i]) == 0)
			return (iconv_t)-1;
	}
	if (!is_name(name))
		return (iconv_t)-1;
	for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (strcasecmp(name, aliases[i].name) == 0)
			return iconv_open("UTF-8", aliases[i].meant);
	}
	return iconv_open("UTF-8", name);
}

struct ifs_charset *ifs_charset_new(const char *name)
{
	struct ifs_charset *charset = sqb_xcalloc(1, sizeof(*charset));

	charset->cd = open_converter(name);
	return charset;
}

void ifs_charset_free(struct ifs_charset **charset_p)
{
	struct ifs_charset *charset = *charset_p;

	if (charset == NULL)
		return;
	*charset_p = NULL;
	if (charset->cd != (iconv_t)-1)
		(void)iconv_close(charset->cd);
	free(charset);
}

/* Returns how many octets at the end are the beginning of a character. */
static size_t convert(struct ifs_charset *charset, char *data, size_t size,
		      struct ifs_text_out *out)
{
	char buf[4096], *to;
	size_t room, ret;

	while (size > 0 && !out->full) {
		to = buf;
		room = sizeof(buf);
		ret = iconv(charset->cd, &data, &size, &to, &room);
		ifs_text_out_put(out, buf, sizeof(buf) - room);
		if (ret != (size_t)-1 || errno == E2BIG)
			continue;
		if (errno == EINVAL && size < REST_MAX)
			return size;
		ifs_text_out_char(out, NOT_A_CHARACTER);
		data++;
		size--;
	}
	return 0;
}

/* Complete what was cut, octet by octet. */
static void complete(struct ifs_charset *charset, const char **data,
		     size_t *size, struct ifs_text_out *out)
{
	char rest[REST_MAX];
	size_t left;

	while (charset->rest_size > 0 && *size > 0) {
		charset->rest[charset->rest_size++] = *(*data)++;
		(*size)--;
		memcpy(rest, charset->rest, charset->rest_size);
		left = convert(charset, rest, charset->rest_size, out);
		memmove(charset->rest,
			charset->rest + charset->rest_size - left, left);
		charset->rest_size = left;
	}
}

void ifs_charset_put(struct ifs_charset *charset, const char *data, size_t size,
		     struct ifs_text_out *out)
{
	char *copy;
	size_t left;

	if (charset->cd == (iconv_t)-1) {
		ifs_text_out_put(out, data, size);
		return;
	}
	complete(charset, &data, &size, out);
	if (size == 0)
		return;
	/* iconv(3) reads only, but does not say so. */
	copy = sqb_xmemdup(data, size);
	left = convert(charset, copy, size, out);
	memcpy(charset->rest, copy + size - left, left);
	charset->rest_size = left;
	free(copy);
}

void ifs_charset_end(struct ifs_charset *charset, struct ifs_text_out *out)
{
	char buf[64], *to = buf;
	size_t room = sizeof(buf);

	if (charset->cd == (iconv_t)-1) {
		ifs_text_out_flush(out);
		return;
	}
	if (charset->rest_size > 0)
		ifs_text_out_char(out, NOT_A_CHARACTER);
	charset->rest_size = 0;
	/* Some keep a character to see whether it is one with the next. */
	if (iconv(charset->cd, NULL, NULL, &to, &room) != (size_t)-1)
		ifs_text_out_put(out, buf, sizeof(buf) - room);
}
