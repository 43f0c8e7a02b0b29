/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_LIST_ITER_H
#define SQBOX_LIST_ITER_H

#include "mailbox-list-private.h"

/*
 * LIST.  The store's walk is in the order that is wanted and knows which
 * mailboxes have children, so no tree of Dovecot's is built: to find a name in
 * one takes as long as it has siblings, and each name would do so for each of
 * its levels.
 */
struct mailbox_list_iterate_context *
sqbox_list_iter_init(struct mailbox_list *list, const char *const *patterns,
		     enum mailbox_list_iter_flags flags);
const struct mailbox_info *
sqbox_list_iter_next(struct mailbox_list_iterate_context *ctx);
int sqbox_list_iter_deinit(struct mailbox_list_iterate_context *ctx);

#endif
