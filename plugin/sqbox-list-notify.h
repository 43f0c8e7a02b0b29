/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_LIST_NOTIFY_H
#define SQBOX_LIST_NOTIFY_H

#include "mailbox-list-private.h"

/*
 * NOTIFY (RFC 5465) for mailboxes that are not selected: the tree with its
 * counters is remembered, and compared with the store's when the doorbell has
 * rung.  These are the notify_* of mailbox_list_vfuncs.
 */
int sqbox_list_notify_init(struct mailbox_list *list,
			   enum mailbox_list_notify_event mask,
			   struct mailbox_list_notify **notify_r);
void sqbox_list_notify_deinit(struct mailbox_list_notify *notify);
int sqbox_list_notify_next(struct mailbox_list_notify *notify,
			   const struct mailbox_list_notify_rec **rec_r);
void sqbox_list_notify_wait(struct mailbox_list_notify *notify,
			    void (*callback)(void *context), void *context);
void sqbox_list_notify_flush(struct mailbox_list_notify *notify);

#endif
