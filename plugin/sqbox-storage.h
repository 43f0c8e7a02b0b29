/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_STORAGE_H
#define SQBOX_STORAGE_H

#include "index-storage.h"
#include "mailbox-list-private.h"
#include "sqbox-account.h"
#include "common/message.h"

#define SQBOX_STORAGE_NAME "sqbox"

struct sqbox_storage {
	struct mail_storage storage;
	struct sqbox_account *account;
};

struct sqbox_mailbox_list {
	struct mailbox_list list;
	struct sqbox_account *account;
	const char *temp_prefix;

	/* The last look-up: Dovecot asks for the paths of a mailbox several
	   times while it opens it. */
	char *found_name; /* own; NULL: none */
	struct sqb_mailbox_id found_id;
	struct timeval found_time;

	/* The mailbox that is being deleted; n = 0: a \Noselect one. */
	struct sqb_mailbox_id deleting_id;
};

struct sqbox_mailbox {
	struct mailbox box;
	struct sqbox_storage *storage;

	struct sqb_mailbox_id id; /* n = 0: not looked up yet */
	guid_128_t guid;
	uint32_t hdr_ext_id; /* struct sqbox_index_header */

	struct io *io_notify;
	struct timeout *to_notify;

	/* A commit of this mailbox's transaction waits to be made durable. */
	bool durable_wanted : 1;
	/* The index has been found wrong: compare it with the store. */
	bool resync_wanted : 1;
};

/* Header extension "sqbox" of dovecot.index. */
struct sqbox_index_header {
	/* The store's changes are in the index up to this modseq. */
	uint64_t modseq;
};

#define SQBOX_STORAGE(s) (container_of(s, struct sqbox_storage, storage))
#define SQBOX_MAILBOX(s) (container_of(s, struct sqbox_mailbox, box))
#define SQBOX_LIST(s) (container_of(s, struct sqbox_mailbox_list, list))

extern struct mail_storage sqbox_storage;
extern struct mailbox_list sqbox_mailbox_list;
extern struct mailbox sqbox_mailbox;
extern struct mail_vfuncs sqbox_mail_vfuncs;

static inline struct sqb_store *sqbox_store(struct mailbox *box)
{
	return SQBOX_MAILBOX(box)->storage->account->st;
}

struct mailbox *
sqbox_mailbox_alloc(struct mail_storage *storage, struct mailbox_list *list,
		    const char *vname, enum mailbox_flags flags);

/*
 * A store has an INBOX from the beginning.  Until something was done with it,
 * it is not there for Dovecot, which makes INBOX itself where it wants one;
 * dsync makes one that is like the other side's.
 */
bool sqbox_mailbox_is_unborn(const char *name,
			     const struct sqb_mailbox_status *status);

/* The list's next look-ups of that name shall give that mailbox. */
void sqbox_list_set_found(struct mailbox_list *list, const char *name,
			  struct sqb_mailbox_id id);

/* The directory of Dovecot's files for a mailbox, below root. */
const char *sqbox_mailbox_dir(const char *root, struct sqb_mailbox_id id);

#endif
