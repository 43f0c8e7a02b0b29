/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "common/utf8.h"

const char *sqb_utf8_next(const char *s, uint32_t *char_r)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s;
	unsigned int more, i;
	uint32_t c = *p++;

	if (c < 0x80) {
		more = 0;
	} else if (c >= 0xc2 && c < 0xe0) {
		more = 1;
		c &= 0x1f;
	} else if (c >= 0xe0 && c < 0xf0) {
		more = 2;
		c &= 0x0f;
	} else if (c >= 0xf0 && c < 0xf5) {
		more = 3;
		c &= 0x07;
	} else {
		return NULL;
	}
	for (i = 0; i < more; i++, p++) {
		if ((*p & 0xc0) != 0x80)
			return NULL;
		c = c << 6 | (*p & 0x3fU);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return NULL;
	*char_r = c;
	return (const char *)p;
}

size_t sqb_utf8_put(uint32_t c, char out[4])
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t size = 4, i;

	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800)
		size = 2;
	else if (c < 0x10000)
		size = 3;
	for (i = size - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[size] | c);
	return size;
}

void sqb_utf8_printable(char *text)
{
	const char *next;
	uint32_t c;

	while (*text != '\0') {
		next = sqb_utf8_next(text, &c);
		if (next == NULL || c < 0x20 || (c >= 0x7f && c < 0xa0))
			*text++ = '?';
		else
			text += next - text;
	}
}
