/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_KEYWORD_PRIVATE_H
#define SQB_KEYWORD_PRIVATE_H

#include "common/keyword.h"
#include "common/store-private.h"

#include <stddef.h>

/* Bit of message.flags: the message has rows in keyword_more. */
#define SQB_FLAG_MORE 32

/* Keyword numbers from SQB_KEYWORD_BITS on, in a buffer that grows. */
struct sqb_more {
	uint32_t *numbers; /* own */
	size_t count, alloc;
};

/* Is it an atom of at most SQB_KEYWORD_MAX octets? */
bool sqb_keyword_ok(const char *name);

/* Does every keyword of the set exist, and is the set well formed? */
enum sqb_err sqb_keywords_check(struct sqb_store *st,
				const struct sqb_keywords *keywords);

/*
 * Read, add or remove what a message, or its base (remote.h), has of them; by
 * mailbox id and UID.
 */
enum sqb_more_table {
	SQB_KEYWORD_MORE,
	SQB_REMOTE_KEYWORD_MORE,
};
enum sqb_err sqb_more_read(struct sqb_store *st, enum sqb_more_table table,
			   int64_t box, uint32_t uid, struct sqb_more *more);
enum sqb_err sqb_more_insert(struct sqb_store *st, enum sqb_more_table table,
			     int64_t box, uint32_t uid,
			     const struct sqb_keywords *keywords);
enum sqb_err sqb_more_delete(struct sqb_store *st, enum sqb_more_table table,
			     int64_t box, uint32_t uid_lo, uint32_t uid_hi);

/* The store's own buffer, for what sqb_message_get() hands out. */
struct sqb_more *sqb_more_buffer(struct sqb_store *st);

#endif
