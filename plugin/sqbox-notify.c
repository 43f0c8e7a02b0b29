/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "ioloop.h"
#include "sqbox-notify.h"
#include "sqbox-storage.h"

/* Rings within this time are answered by one look. */
#define SQBOX_NOTIFY_DELAY_MSECS 5

static void sqbox_notify_call(struct sqbox_mailbox *mbox)
{
	timeout_remove(&mbox->to_notify);
	if (mbox->box.notify_callback != NULL)
		mbox->box.notify_callback(&mbox->box, mbox->box.notify_context);
}

static void sqbox_notify_rung(struct sqbox_mailbox *mbox)
{
	if (mbox->to_notify == NULL) {
		mbox->to_notify = timeout_add_short(SQBOX_NOTIFY_DELAY_MSECS,
						    sqbox_notify_call, mbox);
	}
}

void sqbox_notify_remove(struct mailbox *box)
{
	struct sqbox_mailbox *mbox = SQBOX_MAILBOX(box);

	io_remove(&mbox->io_notify);
	timeout_remove(&mbox->to_notify);
}

void sqbox_notify_changes(struct mailbox *box)
{
	struct sqbox_mailbox *mbox = SQBOX_MAILBOX(box);
	const char *path = sqb_store_notify_path(sqbox_store(box));

	if (box->notify_callback == NULL) {
		sqbox_notify_remove(box);
		mailbox_watch_remove_all(box);
		return;
	}
	mailbox_watch_add(box, path);
	if (mbox->io_notify == NULL &&
	    io_add_notify(path, sqbox_notify_rung, mbox, &mbox->io_notify) !=
		    IO_NOTIFY_ADDED)
		mbox->io_notify = NULL; /* Dovecot's polling is left */
}
