/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/mailbox-name.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mailbox.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "fuse/imap/mutf7.h"

#define ESCAPE_SIZE 3 /* "%2F" */

static const char hex[] = "0123456789ABCDEF";
static const char why_long[] = "it is longer than 4096 octets";

/* How the server writes names. */
struct style {
	char delimiter;
	bool utf8;
};

/* A path that is being made. */
struct path {
	char *text; /* own: SQB_NAME_MAX octets and a NUL */
	size_t size;
	bool is_long; /* too long: what was put last is not in it */
};

static void put(struct path *path, const char *data, size_t size)
{
	if (size > SQB_NAME_MAX - path->size) {
		path->is_long = true;
		return;
	}
	memcpy(path->text + path->size, data, size);
	path->size += size;
}

static void put_escape(struct path *path, char c)
{
	const char escape[] = { '%', hex[(unsigned char)c >> 4],
				hex[(unsigned char)c & 15] };

	put(path, escape, sizeof(escape));
}

static bool can_be_escaped(const struct style *style, char c)
{
	unsigned char octet = (unsigned char)c;

	if (octet < 0x20 || octet >= 0x7f)
		return true;
	if (style->delimiter != '\0' && c == style->delimiter)
		return true;
	return c == '%' || c == '/' || c == '.' || (c == '&' && !style->utf8);
}

/* Would this be read as an escape?  *octet_r: of what. */
static bool is_escape(const struct style *style, const char *s, const char *end,
		      char *octet_r)
{
	const char *high, *low;

	if (end - s < ESCAPE_SIZE || s[0] != '%' || s[1] == '\0' ||
	    s[2] == '\0')
		return false;
	high = strchr(hex, s[1]);
	low = strchr(hex, s[2]);
	if (high == NULL || low == NULL)
		return false;
	*octet_r = (char)((high - hex) << 4 | (low - hex));
	return can_be_escaped(style, *octet_r);
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* "&...-" that says nothing a path must not have.  Returns its octets, or 0. */
static size_t put_shifted(struct path *path, const char *s, const char *end)
{
	char *utf8 = sqb_xmalloc(2 * (size_t)(end - s) + 1);
	size_t size = 0, used;
	const char *p;
	uint32_t c;

	used = imap_mutf7_decode(s, (size_t)(end - s), utf8, &size);
	utf8[size] = '\0';
	p = utf8;
	while (p < utf8 + size) {
		p = sqb_utf8_next(p, &c);
		if (is_control(c))
			used = 0;
	}
	if (used > 0)
		put(path, utf8, size);
	free(utf8);
	return used;
}

/* One character that stands for itself.  Returns its octets, or 0. */
static size_t put_plain(const struct style *style, struct path *path,
			const char *s, const char *end)
{
	const char *next;
	uint32_t c;
	char octet;

	if (style->delimiter != '\0' && *s == style->delimiter)
		return 0;
	if (*s == '/' || is_escape(style, s, end, &octet))
		return 0;
	next = sqb_utf8_next(s, &c);
	if (next == NULL || next > end || is_control(c))
		return 0;
	if (c > 0x7f && !style->utf8)
		return 0;
	put(path, s, (size_t)(next - s));
	return (size_t)(next - s);
}

static bool is_dots(const char *s, size_t size)
{
	return size > 0 && size <= 2 && s[0] == '.' && s[size - 1] == '.';
}

static void put_level(const struct style *style, struct path *path,
		      const char *level, size_t size)
{
	const char *s = level, *end = level + size;
	bool after_shifted = false;
	size_t used;

	if (is_dots(level, size))
		put_escape(path, *s++);
	while (s < end) {
		used = 0;
		if (*s != '&' || style->utf8) {
			used = put_plain(style, path, s, end);
			after_shifted = false;
		} else if (end - s >= 2 && s[1] == '-') {
			put(path, "&", 1);
			used = 2;
			after_shifted = false;
		} else if (!after_shifted) {
			/* Two in a row would be written as one. */
			used = put_shifted(path, s, end);
			after_shifted = used > 0;
		}
		if (used == 0) {
			put_escape(path, *s);
			after_shifted = false;
			used = 1;
		}
		s += used;
	}
}

/*
 * Where the level at from ends.  A delimiter that has nothing on one side is
 * not between levels.
 */
static size_t level_end(const struct style *style, const char *name,
			size_t from, size_t size)
{
	size_t at;

	for (at = from + 1; at + 1 < size; at++) {
		if (name[at] == style->delimiter && style->delimiter != '\0')
			return at;
	}
	return size;
}

static bool is_inbox(const char *level, size_t size)
{
	return size == 5 && strncasecmp(level, "INBOX", size) == 0;
}

static const char *put_levels(const struct style *style, struct path *path,
			      const char *name, size_t size)
{
	size_t from = 0, to, start;

	while (from < size) {
		to = level_end(style, name, from, size);
		if (from > 0)
			put(path, "/", 1);
		start = path->size;
		if (from == 0 && is_inbox(name, to))
			put(path, "INBOX", to);
		else
			put_level(style, path, name + from, to - from);
		if (path->is_long)
			return why_long;
		if (path->size - start > SQB_LEVEL_MAX)
			return "a level of it is longer than 255 octets";
		from = to + 1;
	}
	path->text[path->size] = '\0';
	return NULL;
}

char *imap_name_to_path(const char *name, size_t size, char delimiter,
			bool utf8, const char **why_r)
{
	const struct style style = { delimiter, utf8 };
	struct path path = { 0 };
	const char *why;
	char *copy;

	if (size == 0 || size > (size_t)IMAP_MUTF7_FACTOR * SQB_NAME_MAX) {
		*why_r = size == 0 ? "it is empty" : why_long;
		return NULL;
	}
	path.text = sqb_xmalloc(SQB_NAME_MAX + 1);
	/* With a NUL, which ends a character that is cut off. */
	copy = sqb_xmalloc(size + 1);
	memcpy(copy, name, size);
	copy[size] = '\0';
	why = put_levels(&style, &path, copy, size);
	free(copy);
	if (why == NULL)
		return path.text;
	free(path.text);
	*why_r = why;
	return NULL;
}

/* The end of what has no escapes in it. */
static const char *run_end(const struct style *style, const char *s,
			   const char *end)
{
	char octet;

	while (s < end && !is_escape(style, s, end, &octet))
		s++;
	return s;
}

static char *write_level(const struct style *style, const char *s,
			 const char *end, char *to)
{
	const char *run;
	size_t size;

	while (s < end) {
		run = run_end(style, s, end);
		size = (size_t)(run - s);
		if (style->utf8) {
			memcpy(to, s, size);
			to += size;
		} else {
			to += imap_mutf7_encode(s, size, to);
		}
		s = run;
		if (s < end && is_escape(style, s, end, to)) {
			to++;
			s += ESCAPE_SIZE;
		}
	}
	return to;
}

/* Does the name that was written for a path have that path? */
static bool comes_back(const struct style *style, const char *name, size_t size,
		       const char *path)
{
	const char *why;
	char *again = imap_name_to_path(name, size, style->delimiter,
					style->utf8, &why);
	size_t first = strcspn(path, "/");
	bool same = again != NULL && strcmp(again, path) == 0;

	if (again != NULL && is_inbox(path, first))
		same = strcmp(again + first, path + first) == 0;
	free(again);
	return same;
}

static const char *why_not(const struct style *style, const char *path)
{
	char delimiter = style->delimiter;

	if (delimiter == '\0' && strchr(path, '/') != NULL)
		return "the server's mailboxes have no levels";
	if (delimiter != '\0' && delimiter != '/' &&
	    strchr(path, delimiter) != NULL)
		return "what separates levels on the server is part of it";
	return "it would have another name when it comes back";
}

char *imap_path_to_name(const char *path, char delimiter, bool utf8,
			size_t *size_r, const char **why_r)
{
	const struct style style = { delimiter, utf8 };
	char *name = sqb_xmalloc(IMAP_MUTF7_FACTOR * strlen(path) + 1);
	char *to = name;
	const char *s = path;
	size_t len;

	for (;;) {
		len = strcspn(s, "/");
		if (s == path && is_inbox(s, len)) {
			memcpy(to, "INBOX", len);
			to += len;
		} else {
			to = write_level(&style, s, s + len, to);
		}
		if (s[len] == '\0')
			break;
		*to++ = delimiter;
		s += len + 1;
	}
	*to = '\0';
	*size_r = (size_t)(to - name);
	if (comes_back(&style, name, *size_r, path))
		return name;
	free(name);
	*why_r = why_not(&style, path);
	return NULL;
}
