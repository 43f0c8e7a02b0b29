/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_FLAGS_H
#define IFS_FLAGS_H

#include <stddef.h>

#include "common/message.h"

/*
 * Flags and keywords as text: "\Seen $Forwarded work".
 *
 * Words are separated by white space.  A text whose words all begin with + or -
 * changes just these; any other is the full list.  System flags and keywords
 * are equal in any case.
 */
struct ifs_flag_words {
	char *text;         /* own; the words point into it */
	const char **names; /* own; without their signs */
	bool *removed;      /* own; it was -name */
	size_t count;
	bool full; /* it is the full list */
};

/*
 * Take a text apart, len octets without a NUL.  False: it is no such text, by
 * its signs, an unknown system flag, or \Recent, which nobody can set.  Whether
 * the other words can be keywords is for the store to say.
 */
bool ifs_flag_words_parse(const char *text, size_t len,
			  struct ifs_flag_words *words_r);
void ifs_flag_words_free(struct ifs_flag_words *words);

/* What a full list, or NULL, becomes by the change; to free(). */
char *ifs_flag_words_merge(const char *list,
			   const struct ifs_flag_words *words);

/* Can all of them be set?  SQB_INVALID: one is no flag and no keyword. */
enum sqb_err ifs_flag_words_check(struct sqb_store *st,
				  const struct ifs_flag_words *words);

/*
 * Change a message; needs a transaction.  SQB_NOTFOUND (an answer): no such
 * message.  SQB_INVALID as above.
 */
enum sqb_err ifs_flag_words_apply(struct sqb_store *st,
				  struct sqb_mailbox_id box, uint32_t uid,
				  const struct ifs_flag_words *words);

/* The full list of a message, to free().  The same answer. */
enum sqb_err ifs_flags_text(struct sqb_store *st, struct sqb_mailbox_id box,
			    uint32_t uid, char **text_r);

#endif
