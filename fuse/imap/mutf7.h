/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_MUTF7_H
#define IMAP_MUTF7_H

#include <stddef.h>

/*
 * Modified UTF-7 (RFC 3501 5.1.3).  There is one way to write a text; what is
 * written in another is not read.
 */
#define IMAP_MUTF7_FACTOR 5 /* octets that one of UTF-8 takes at most */

/* UTF-8, which is valid, in modified UTF-7; returns its octets. */
size_t imap_mutf7_encode(const char *utf8, size_t size, char *out);

/*
 * Read one "&...-", not "&-", at the front of the text as UTF-8.  Returns how
 * many octets of the text it is; 0: it is none.  out has 2 * size octets.
 */
size_t imap_mutf7_decode(const char *text, size_t size, char *out,
			 size_t *out_size_r);

#endif
