/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_SUBSCRIPTION_H
#define SQB_SUBSCRIPTION_H

#include "common/mailbox.h"

/*
 * Subscriptions: names, under the rules of mailbox.h, that a user has marked
 * "active".  They outlive their mailbox (RFC 3501 6.3.6) and do not follow a
 * rename.
 */

/* Needs a transaction.  *changed_r, may be NULL: was it different before? */
enum sqb_err sqb_subscribe(struct sqb_store *st, const char *name,
			   bool subscribed, bool *changed_r);

/* Walk all subscribed names in octet order, as mailbox.h's walk. */
struct sqb_subscription_iter *sqb_subscription_iter_begin(struct sqb_store *st);
bool sqb_subscription_iter_next(struct sqb_subscription_iter *it,
				const char **name_r);
enum sqb_err sqb_subscription_iter_end(struct sqb_subscription_iter **it);

#endif
