/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_ATTRIBUTE_H
#define SQBOX_ATTRIBUTE_H

#include "index-storage.h"

/*
 * METADATA in the store, so that it is in the account's one file.  Where
 * mail_attribute_dict names another place, that is used as with other formats.
 */
int sqbox_attribute_set(struct mailbox_transaction_context *t,
			enum mail_attribute_type type_flags, const char *key,
			const struct mail_attribute_value *value);
int sqbox_attribute_get(struct mailbox *box,
			enum mail_attribute_type type_flags, const char *key,
			struct mail_attribute_value *value_r);
struct mailbox_attribute_iter *
sqbox_attribute_iter_init(struct mailbox *box,
			  enum mail_attribute_type type_flags,
			  const char *prefix);
const char *sqbox_attribute_iter_next(struct mailbox_attribute_iter *iter);
int sqbox_attribute_iter_deinit(struct mailbox_attribute_iter *iter);

#endif
