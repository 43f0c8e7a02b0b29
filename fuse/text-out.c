/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/text-out.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"

#define FIRST_ALLOC 4096

/* windows-1252, 0x80 to 0x9f; 0: not a character. */
static const unsigned short high_controls[32] = {
	0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
	0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

void ifs_text_out_init(struct ifs_text_out *out, size_t limit)
{
	memset(out, 0, sizeof(*out));
	out->limit = limit;
}

void ifs_text_out_deinit(struct ifs_text_out *out)
{
	free(out->data);
	out->data = NULL;
}

static void append(struct ifs_text_out *out, const unsigned char *data,
		   size_t size)
{
	if (out->full || size > out->limit - out->size) {
		out->full = true;
		return;
	}
	while (out->alloc < out->size + size) {
		out->alloc = out->alloc == 0 ? FIRST_ALLOC : out->alloc * 2;
		out->data = sqb_xrealloc(out->data, out->alloc);
	}
	memcpy(out->data + out->size, data, size);
	out->size += size;
}

/* U+0080 to U+009F are controls, too, and C2 80 to C2 9F in UTF-8. */
static bool is_control(unsigned long c)
{
	return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0);
}

static void put_char(struct ifs_text_out *out, unsigned long c)
{
	char utf8[4];

	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	if (!is_control(c))
		append(out, (const unsigned char *)utf8,
		       sqb_utf8_put((uint32_t)c, utf8));
}

void ifs_text_out_char(struct ifs_text_out *out, unsigned long c)
{
	ifs_text_out_flush(out);
	put_char(out, c);
}

/* An octet that is not UTF-8 where it stands. */
static void put_octet(struct ifs_text_out *out, unsigned char c)
{
	if (c >= 0x80 && c < 0xa0)
		put_char(out, high_controls[c - 0x80]);
	else
		put_char(out, c);
}

void ifs_text_out_flush(struct ifs_text_out *out)
{
	unsigned int i;

	for (i = 0; i < out->part_size; i++)
		put_octet(out, out->part[i]);
	out->part_size = 0;
}

/* Octets that a character has whose first one is c; 0: none begins so. */
static unsigned int length_of(unsigned char c)
{
	if (c >= 0xc2 && c < 0xe0)
		return 2;
	if (c >= 0xe0 && c < 0xf0)
		return 3;
	if (c >= 0xf0 && c < 0xf5)
		return 4;
	return 0;
}

static unsigned long decode(const unsigned char *part, unsigned int size)
{
	unsigned long c = part[0] & (0x7fU >> size);
	unsigned int i;

	for (i = 1; i < size; i++)
		c = c << 6 | (part[i] & 0x3f);
	return c;
}

static bool is_shortest(unsigned long c, unsigned int size)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	return c >= least[size] && c <= 0x10ffff && (c < 0xd800 || c >= 0xe000);
}

static void put_high(struct ifs_text_out *out, unsigned char c)
{
	unsigned int size;
	unsigned long decoded;

	if (out->part_size > 0 && (c & 0xc0) != 0x80)
		ifs_text_out_flush(out);
	if (out->part_size == 0 && length_of(c) == 0) {
		put_octet(out, c);
		return;
	}
	out->part[out->part_size++] = c;
	size = length_of(out->part[0]);
	if (out->part_size < size)
		return;
	decoded = decode(out->part, size);
	if (is_shortest(decoded, size)) {
		out->part_size = 0;
		put_char(out, decoded);
	} else {
		ifs_text_out_flush(out);
	}
}

void ifs_text_out_put(struct ifs_text_out *out, const char *data, size_t size)
{
	const unsigned char *p = (const unsigned char *)data, *end = p + size;
	const unsigned char *from;

	while (p < end && !out->full) {
		from = p;
		while (p < end && ((*p >= 0x20 && *p < 0x7f) || *p == '\n'))
			p++;
		if (p > from) {
			ifs_text_out_flush(out);
			append(out, from, (size_t)(p - from));
		} else if (*p >= 0x80) {
			put_high(out, *p++);
		} else {
			ifs_text_out_char(out, *p++);
		}
	}
}

void ifs_text_out_string(struct ifs_text_out *out, const char *text)
{
	ifs_text_out_put(out, text, strlen(text));
}

void ifs_text_out_newline(struct ifs_text_out *out)
{
	ifs_text_out_flush(out);
	if (out->size > 0 && out->data[out->size - 1] != '\n')
		append(out, (const unsigned char *)"\n", 1);
}
