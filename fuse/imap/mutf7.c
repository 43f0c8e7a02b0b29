/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/mutf7.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/utf8.h"

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* Characters that stand for themselves, but for &. */
static bool is_direct(uint32_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

/* Bits on their way between UTF-16 and base64. */
struct bits {
	uint32_t value;
	unsigned int count;
};

static char *put_unit(struct bits *bits, uint32_t unit, char *out)
{
	bits->value = bits->value << 16 | unit;
	bits->count += 16;
	while (bits->count >= 6) {
		bits->count -= 6;
		*out++ = digits[bits->value >> bits->count & 63];
	}
	return out;
}

static char *put_character(struct bits *bits, uint32_t c, char *out)
{
	if (c >= 0x10000) {
		c -= 0x10000;
		out = put_unit(bits, 0xd800 | c >> 10, out);
		c = 0xdc00 | (c & 0x3ff);
	}
	return put_unit(bits, c, out);
}

static char *put_shift_end(struct bits *bits, char *out)
{
	if (bits->count > 0)
		*out++ = digits[bits->value << (6 - bits->count) & 63];
	*out++ = '-';
	*bits = (struct bits){ 0 };
	return out;
}

size_t imap_mutf7_encode(const char *utf8, size_t size, char *out)
{
	const char *s = utf8, *end = utf8 + size;
	struct bits bits = { 0 };
	bool shifted = false;
	char *at = out;
	uint32_t c;

	while (s < end && (s = sqb_utf8_next(s, &c)) != NULL) {
		if (is_direct(c) && shifted)
			at = put_shift_end(&bits, at);
		else if (!is_direct(c) && !shifted)
			*at++ = '&';
		shifted = !is_direct(c);
		if (shifted)
			at = put_character(&bits, c, at);
		else
			*at++ = (char)c;
		if (c == '&')
			*at++ = '-';
	}
	if (shifted)
		at = put_shift_end(&bits, at);
	return (size_t)(at - out);
}

/* Of base64, to UTF-16; what is left over must be zeroes, and not a digit. */
static bool get_unit(const char **at, const char *end, struct bits *bits,
		     uint32_t *unit_r)
{
	const char *digit;

	while (bits->count < 16) {
		if (*at == end || **at == '\0')
			return false;
		digit = strchr(digits, **at);
		if (digit == NULL)
			return false;
		++*at;
		bits->value = bits->value << 6 | (uint32_t)(digit - digits);
		bits->count += 6;
	}
	bits->count -= 16;
	*unit_r = bits->value >> bits->count & 0xffff;
	return true;
}

static bool get_character(const char **at, const char *end, struct bits *bits,
			  uint32_t *c_r)
{
	uint32_t low;

	if (!get_unit(at, end, bits, c_r))
		return false;
	if (*c_r < 0xd800 || *c_r >= 0xe000)
		return !is_direct(*c_r);
	if (*c_r >= 0xdc00 || !get_unit(at, end, bits, &low) || low < 0xdc00 ||
	    low >= 0xe000)
		return false;
	*c_r = 0x10000 + ((*c_r - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

size_t imap_mutf7_decode(const char *text, size_t size, char *out,
			 size_t *out_size_r)
{
	const char *at = text + 1, *end = text + size;
	struct bits bits = { 0 };
	char *to = out;
	uint32_t c;

	if (size < 2 || text[0] != '&' || text[1] == '-')
		return 0;
	/* Fewer than six bits of zeroes may stand before the end. */
	while (!(at < end && *at == '-')) {
		if (!get_character(&at, end, &bits, &c))
			return 0;
		to += sqb_utf8_put(c, to);
	}
	if ((bits.value & ((1U << bits.count) - 1)) != 0)
		return 0;
	*out_size_r = (size_t)(to - out);
	return (size_t)(at + 1 - text);
}
