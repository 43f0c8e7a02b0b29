/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_UTF8_H
#define SQB_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * The character at s, and where the next one begins; NULL if it is not valid
 * UTF-8.  The NUL is a character of its own.
 */
const char *sqb_utf8_next(const char *s, uint32_t *char_r);

/* A character in UTF-8: 1 to 4 octets, whose number it returns. */
size_t sqb_utf8_put(uint32_t c, char out[4]);

/*
 * Words of others, for a terminal or a log: octets of control characters, and
 * those that are not UTF-8, become '?'.
 */
void sqb_utf8_printable(char *text);

#endif
