/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_KEYWORD_H
#define SQB_KEYWORD_H

#include "common/store.h"

/*
 * Keywords: the user-defined flags of the account (RFC 3501 2.3.2).
 *
 * A keyword is an IMAP atom of 1 to 255 octets (no control, space, non-ASCII,
 * or any of ( ) { % * " \ ] ), equal in any case and kept as first written.
 * It has a number for the life of the store.  The first 63 are bits of a
 * mask in the message row; a message with later ones has rows of its own for
 * them, so there is no limit to their count.
 */
#define SQB_KEYWORD_MAX 255
#define SQB_KEYWORD_BITS 63

/*
 * Set of keywords: mask for the numbers 0..62, a list for the rest.  more is
 * ascending, without repeats.
 */
struct sqb_keywords {
	uint64_t mask;
	const uint32_t *more; /* foreign; NULL when more_count is 0 */
	uint32_t more_count;
};

/*
 * The number of a keyword.  A new one is made if create is set (needs a
 * transaction).  SQB_NOTFOUND is an answer.  SQB_INVALID: not an atom.
 */
enum sqb_err sqb_keyword_number(struct sqb_store *st, const char *name,
				bool create, uint32_t *number_r);

/* Its name; foreign, lives as long as the store.  SQB_NOTFOUND is an answer. */
enum sqb_err sqb_keyword_name(struct sqb_store *st, uint32_t number,
			      const char **name_r);

#endif
