/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_ACCOUNT_H
#define SQBOX_ACCOUNT_H

#include "common/store.h"

struct mail_user;

/*
 * An account: the one handle that this process has on a store, shared by all
 * lists and storages with the same root directory (a store must not be opened
 * twice in a process, see common/store.h), with the work that is due after
 * the answer: syncing flag changes, checkpoints, freeing of bodies.
 */
struct sqbox_account {
	struct sqbox_account *prev, *next;
	int refcount;

	struct sqb_store *st; /* own */

	/* Large bodies that were read to their end without damage, the last of
	   them; a client that fetches one in parts need not wait each time. */
	int64_t sound_bodies[16];
	unsigned int sound_bodies_next;

	struct timeout *to_later;
	struct timeval unsynced_since; /* zero: nothing is waiting */
};

struct sqbox_account_settings {
	struct pool *pool;           /* for Dovecot 2.4 */
	unsigned int compress_level; /* sqbox_compress_level */
	unsigned int lock_timeout;   /* sqbox_lock_timeout, seconds */
};

/*
 * Open, or share, the store in directory path; create it if create is set.
 * Returns 0, or -1 with a sentence for the log.
 */
int sqbox_account_init(const char *path, bool create,
		       const struct sqbox_account_settings *set,
		       struct sqbox_account **account_r, const char **error_r);
void sqbox_account_ref(struct sqbox_account *account);
void sqbox_account_unref(struct sqbox_account **account);

/*
 * To be called after each commit, when no index lock is held any more and
 * before the client is answered.  durable: wait until the commits of this
 * process are on the disk.  Otherwise (flag changes) they are shown to others
 * at once and are on the disk within two seconds.
 */
enum sqb_err sqbox_account_finish(struct sqbox_account *account, bool durable);

#endif
