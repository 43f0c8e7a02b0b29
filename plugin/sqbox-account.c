/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "ioloop.h"
#include "llist.h"
#include "mkdir-parents.h"
#include "path-util.h"
#include "time-util.h"
#include "sqbox-account.h"
#include "common/mailbox.h"
#include "common/maintain.h"
#include "common/txn.h"

#include <stdlib.h>
#include <sys/stat.h>

/* Flag changes are synced this long after the first of them... */
#define SQBOX_SYNC_DELAY_MSECS 1500
/* ...and a checkpoint is looked at this long after a commit. */
#define SQBOX_CHECKPOINT_DELAY_MSECS 100
/* At the end of a session at most so many transactions free bodies. */
#define SQBOX_PURGE_BATCHES 10

static struct sqbox_account *sqbox_accounts = NULL;

/*
 * Prepare the statements that every session needs, while it is being set up
 * and not while its client waits for the first mailbox.
 */
static void sqbox_account_warm(struct sqb_store *st)
{
	struct sqb_mailbox_status status;
	struct sqb_mailbox_id id;

	if (sqb_mailbox_find(st, "INBOX", &id) == SQB_OK)
		(void)sqb_mailbox_status(st, id, &status);
}

static int sqbox_account_open(const char *path, bool create,
			      const struct sqbox_account_settings *set,
			      struct sqb_store **st_r, const char **error_r)
{
	struct sqb_store *st;
	enum sqb_err err;
	char *error = NULL;
	const char *parent;

	parent = strrchr(path, '/');
	parent = parent == NULL || parent == path ?
			 "/" :
			 t_strdup_until(path, parent);
	if (create && mkdir_parents(parent, 0700) < 0 && errno != EEXIST) {
		*error_r = t_strdup_printf("mkdir(%s) failed: %m", parent);
		return -1;
	}
	err = sqb_store_open(path, create ? SQB_OPEN_CREATE : 0, &st, &error);
	if (err != SQB_OK) {
		*error_r = error != NULL ?
				   t_strdup(error) :
				   t_strdup_printf("%s: no sqbox store there",
						   path);
		free(error);
		return -1;
	}
	sqb_store_set_compress_level(st, (int)set->compress_level);
	sqb_store_set_lock_timeout(st, set->lock_timeout);
	sqbox_account_warm(st);
	*st_r = st;
	return 0;
}

static struct sqbox_account *sqbox_account_find(const char *dir)
{
	struct sqbox_account *account;

	for (account = sqbox_accounts; account != NULL;
	     account = account->next) {
		if (strcmp(sqb_store_dir(account->st), dir) == 0)
			return account;
	}
	return NULL;
}

int sqbox_account_init(const char *path, bool create,
		       const struct sqbox_account_settings *set,
		       struct sqbox_account **account_r, const char **error_r)
{
	struct sqbox_account *account = NULL;
	struct sqb_store *st;
	const char *dir, *error;

	if (t_realpath(path, &dir, &error) == 0)
		account = sqbox_account_find(dir);
	if (account != NULL) {
		account->refcount++;
		*account_r = account;
		return 0;
	}
	if (sqbox_account_open(path, create, set, &st, error_r) < 0)
		return -1;

	account = i_new(struct sqbox_account, 1);
	account->refcount = 1;
	account->st = st;
	DLLIST_PREPEND(&sqbox_accounts, account);
	*account_r = account;
	return 0;
}

void sqbox_account_ref(struct sqbox_account *account)
{
	i_assert(account->refcount > 0);
	account->refcount++;
}

void sqbox_account_unref(struct sqbox_account **_account)
{
	struct sqbox_account *account = *_account;
	bool wanted;

	*_account = NULL;
	if (account == NULL)
		return;
	i_assert(account->refcount > 0);
	if (--account->refcount > 0)
		return;

	/* The client has its last answer: time for what could wait. */
	timeout_remove(&account->to_later);
	if (sqb_sync(account->st) != SQB_OK) {
		i_error("sqbox: %s: %s", sqb_store_dir(account->st),
			sqb_store_errmsg(account->st));
	}
	if (sqb_purge_wanted(account->st, SQB_PURGE_GRACE_SECS, &wanted) ==
		    SQB_OK &&
	    wanted) {
		(void)sqb_purge(account->st, SQB_PURGE_GRACE_SECS,
				SQBOX_PURGE_BATCHES, NULL);
	}
	(void)sqb_checkpoint_if_due(account->st);

	DLLIST_REMOVE(&sqbox_accounts, account);
	sqb_store_close(&account->st);
	i_free(account);
}

/* Milliseconds until the flag changes must be synced; 0: now. */
static unsigned int sqbox_account_sync_wait(struct sqbox_account *account)
{
	struct timeval now;
	int msecs;

	i_gettimeofday(&now);
	msecs = timeval_diff_msecs(&now, &account->unsynced_since);
	/* negative: the clock was set back */
	return msecs < 0 || msecs >= SQBOX_SYNC_DELAY_MSECS ?
		       0 :
		       SQBOX_SYNC_DELAY_MSECS - (unsigned int)msecs;
}

static void
sqbox_account_schedule(struct sqbox_account *account, unsigned int msecs);

static void sqbox_account_later(struct sqbox_account *account)
{
	unsigned int wait = 0;

	timeout_remove(&account->to_later);
	if (sqb_sync_pending(account->st)) {
		wait = sqbox_account_sync_wait(account);
		if (wait > 0) {
			sqbox_account_schedule(account, wait);
		} else if (sqb_sync(account->st) != SQB_OK) {
			/* The next command that writes is told, too. */
			i_error("sqbox: %s: %s", sqb_store_dir(account->st),
				sqb_store_errmsg(account->st));
		}
		if (wait == 0)
			i_zero(&account->unsynced_since);
	}
	if (sqb_checkpoint_if_due(account->st) != SQB_OK) {
		i_warning("sqbox: %s: checkpoint: %s",
			  sqb_store_dir(account->st),
			  sqb_store_errmsg(account->st));
	}
}

/* The root ioloop outlives all of ours; nested ones come and go. */
static void
sqbox_account_schedule(struct sqbox_account *account, unsigned int msecs)
{
	if (account->to_later == NULL) {
		account->to_later =
			timeout_add_to(io_loop_get_root(), msecs,
				       sqbox_account_later, account);
	}
}

enum sqb_err sqbox_account_finish(struct sqbox_account *account, bool durable)
{
	if (!sqb_sync_pending(account->st))
		return SQB_OK;

	if (account->unsynced_since.tv_sec == 0)
		i_gettimeofday(&account->unsynced_since);
	if (durable || sqbox_account_sync_wait(account) == 0) {
		i_zero(&account->unsynced_since);
		sqbox_account_schedule(account, SQBOX_CHECKPOINT_DELAY_MSECS);
		return sqb_sync(account->st);
	}
	sqb_ring(account->st);
	sqbox_account_schedule(account, SQBOX_SYNC_DELAY_MSECS);
	return SQB_OK;
}
