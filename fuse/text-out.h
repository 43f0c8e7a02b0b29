/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_TEXT_OUT_H
#define IFS_TEXT_OUT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A text that is being made: it grows up to a limit, and is UTF-8 whatever is
 * put into it.  Octets that are not are taken for windows-1252, which is what
 * most undeclared 8-bit mail is in.  Control characters other than TAB and LF
 * are left out, so that grep sees a text and a terminal obeys nothing.
 */
struct ifs_text_out {
	char *data; /* own */
	size_t size, alloc, limit;
	bool full; /* something was left out for the limit */

	/* A character that has not come to its end. */
	unsigned char part[4];
	unsigned int part_size;
};

void ifs_text_out_init(struct ifs_text_out *out, size_t limit);
void ifs_text_out_deinit(struct ifs_text_out *out);

void ifs_text_out_put(struct ifs_text_out *out, const char *data, size_t size);
void ifs_text_out_string(struct ifs_text_out *out, const char *text);
/* A character by its number; one that is none becomes U+FFFD. */
void ifs_text_out_char(struct ifs_text_out *out, unsigned long c);
/* Nothing follows that belongs to the octets before. */
void ifs_text_out_flush(struct ifs_text_out *out);
/* Go on at the beginning of a line. */
void ifs_text_out_newline(struct ifs_text_out *out);

#endif
