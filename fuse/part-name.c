/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/part-name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/text-out.h"

#define NAME_LIMIT 4096  /* octets of a mail's name that are looked at */
#define EXTENSION_MAX 16 /* longer ones are part of the name */
#define NUMBER_MAX 128   /* of a file; deeper ones lose their beginning */

static const struct {
	const char *type, *extension;
} extensions[] = {
	{ "application/gzip", ".gz" },
	{ "application/json", ".json" },
	{ "application/msword", ".doc" },
	{ "application/ms-tnef", ".dat" },
	{ "application/pdf", ".pdf" },
	{ "application/pgp-keys", ".asc" },
	{ "application/pgp-signature", ".asc" },
	{ "application/pkcs7-mime", ".p7m" },
	{ "application/pkcs7-signature", ".p7s" },
	{ "application/rtf", ".rtf" },
	{ "application/vnd.ms-excel", ".xls" },
	{ "application/xml", ".xml" },
	{ "application/zip", ".zip" },
	{ "audio/mpeg", ".mp3" },
	{ "audio/x-wav", ".wav" },
	{ "image/bmp", ".bmp" },
	{ "image/gif", ".gif" },
	{ "image/jpeg", ".jpg" },
	{ "image/png", ".png" },
	{ "image/svg+xml", ".svg" },
	{ "image/tiff", ".tif" },
	{ "image/webp", ".webp" },
	{ "message/rfc822", ".eml" },
	{ "text/calendar", ".ics" },
	{ "text/csv", ".csv" },
	{ "text/html", ".html" },
	{ "text/plain", ".txt" },
	{ "text/vcard", ".vcf" },
	{ "text/x-vcard", ".vcf" },
	{ "text/xml", ".xml" },
	{ "video/mp4", ".mp4" },
};

static const char *extension_of(const char *type)
{
	size_t i;

	for (i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		if (strcmp(type, extensions[i].type) == 0)
			return extensions[i].extension;
	}
	return strncmp(type, "text/", 5) == 0 ? ".txt" : ".bin";
}

/* In UTF-8: U+061C, U+200B-F, U+2028-E, U+2060-F, U+FEFF and tags. */
static size_t invisible(const unsigned char *s)
{
	if (s[0] == 0xd8 && s[1] == 0x9c)
		return 2;
	if (s[0] == 0xe2 && s[1] == 0x80 &&
	    ((s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae)))
		return 3;
	if (s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa0 && s[2] <= 0xaf)
		return 3;
	if (s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf)
		return 3;
	if (s[0] == 0xf3 && s[1] == 0xa0)
		return 4;
	return 0;
}

/* Without what is invisible, and with one blank for a line end or TAB. */
static void drop_invisible(char *text)
{
	char *to = text;
	size_t skip;

	while (*text != '\0') {
		skip = invisible((const unsigned char *)text);
		if (skip > 0) {
			text += skip;
			continue;
		}
		*to++ = *text == '\n' || *text == '\t' ? ' ' : *text;
		text++;
	}
	*to = '\0';
}

static char *base_name(char *name)
{
	char *p;

	for (p = name; *p != '\0'; p++) {
		if ((*p == '/' || *p == '\\') && p[1] != '\0')
			name = p + 1;
	}
	return name + strspn(name, " .-/\\~");
}

/* Cut to room octets, before the extension. */
static void cut(char *name, size_t room)
{
	size_t len = strlen(name), keep;
	const char *dot = strrchr(name, '.');
	char extension[EXTENSION_MAX + 1] = "";

	if (len <= room)
		return;
	if (dot != NULL && strlen(dot) <= EXTENSION_MAX)
		(void)snprintf(extension, sizeof(extension), "%s", dot);
	keep = room - strlen(extension);
	while (keep > 0 && (name[keep] & 0xc0) == 0x80)
		keep--;
	memcpy(name + keep, extension, strlen(extension) + 1);
}

/* What is harmless of a name; empty: nothing. */
static void clean(const char *name, char *name_r, size_t room)
{
	struct ifs_text_out out;
	size_t len = strlen(name);
	char *text, *p;

	ifs_text_out_init(&out, NAME_LIMIT * 4);
	ifs_text_out_put(&out, name, len < NAME_LIMIT ? len : NAME_LIMIT);
	ifs_text_out_flush(&out);
	text = sqb_xmalloc(out.size + 1);
	if (out.size > 0)
		memcpy(text, out.data, out.size);
	text[out.size] = '\0';
	ifs_text_out_deinit(&out);
	drop_invisible(text);
	p = base_name(text);
	len = strlen(p);
	while (len > 0 &&
	       (p[len - 1] == ' ' || p[len - 1] == '/' || p[len - 1] == '\\'))
		p[--len] = '\0';
	cut(p, room - 1);
	(void)snprintf(name_r, room, "%s", p);
	free(text);
}

void ifs_part_name(const struct ifs_mime_tree *tree, uint32_t part,
		   char name_r[IFS_NAME_MAX + 1])
{
	const struct ifs_mime_part *p = &tree->parts[part];
	char number[IFS_MIME_NUMBER_MAX], name[IFS_NAME_MAX + 1] = "";
	const char *from = number;
	size_t len;

	ifs_mime_number(tree, part, number);
	len = strlen(number);
	if (len > NUMBER_MAX)
		from += len - NUMBER_MAX;
	len = strlen(from);
	if (p->name != NULL)
		clean(p->name, name, IFS_NAME_MAX - len);
	if (name[0] != '\0')
		(void)snprintf(name_r, IFS_NAME_MAX + 1, "%s-%s", from, name);
	else
		(void)snprintf(name_r, IFS_NAME_MAX + 1, "%s%s", from,
			       extension_of(p->type));
}
