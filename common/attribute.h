/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_ATTRIBUTE_H
#define SQB_ATTRIBUTE_H

#include "common/mailbox.h"

#include <stddef.h>

/*
 * Attributes: named values of a mailbox, or of the whole store (id 0), as
 * METADATA (RFC 5464) has them.  A key is 1 to 1024 octets of UTF-8 and is
 * compared octet by octet (a caller with case-insensitive entry names folds
 * them first); a value is at most 64 KiB of any octets.
 */
#define SQB_ATTRIBUTE_KEY_MAX 1024
#define SQB_ATTRIBUTE_VALUE_MAX 65536

/* SQB_NOTFOUND is an answer.  The value, with a NUL after it, is to free(). */
enum sqb_err
sqb_attribute_get(struct sqb_store *st, struct sqb_mailbox_id id,
		  const char *key, void **value_r, size_t *size_r,
		  int64_t *changed_r /* unix seconds, may be NULL */);

/* value NULL removes.  Needs a transaction. */
enum sqb_err sqb_attribute_set(struct sqb_store *st, struct sqb_mailbox_id id,
			       const char *key, const void *value, size_t size,
			       int64_t changed);

/* Walk the keys that begin with prefix, in octet order. */
struct sqb_attribute_iter *sqb_attribute_iter_begin(struct sqb_store *st,
						    struct sqb_mailbox_id id,
						    const char *prefix);
bool sqb_attribute_iter_next(struct sqb_attribute_iter *it, const char **key_r);
enum sqb_err sqb_attribute_iter_end(struct sqb_attribute_iter **it);

#endif
