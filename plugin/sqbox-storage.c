/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "mail-index-private.h"
#include "sqbox-compat.h"
#include "sqbox-purge.h"
#include "sqbox-storage.h"

static struct event_category event_category_sqbox = {
	.name = "sqbox",
	.parent = &event_category_storage,
};

static struct mail_storage *sqbox_storage_alloc(void)
{
	struct sqbox_storage *storage;
	pool_t pool;

	pool = pool_alloconly_create("sqbox storage", 1024);
	storage = p_new(pool, struct sqbox_storage, 1);
	storage->storage = sqbox_storage;
	storage->storage.pool = pool;
	return &storage->storage;
}

/*
 * The first event of a category tells the statistics of it.  Let that be now,
 * and not while a client waits for its first mailbox.
 */
static void sqbox_storage_announce_index(void)
{
	struct event *event = event_create(NULL);

	event_add_category(event, &event_category_mail_index);
	event_unref(&event);
}

static int sqbox_storage_create(struct mail_storage *_storage,
				struct mail_namespace *ns, const char **error_r)
{
	struct sqbox_storage *storage = SQBOX_STORAGE(_storage);

	/* The list has been made before us, and has opened the store, if it is
	   ours. */
	if (sqbox_list_settings_check(ns->list, error_r) < 0)
		return -1;
	storage->account = SQBOX_LIST(ns->list)->account;
	sqbox_account_ref(storage->account);
	sqbox_storage_announce_index();
	_storage->unique_root_dir =
		p_strdup(_storage->pool, sqb_store_dir(storage->account->st));
	return 0;
}

static void sqbox_storage_destroy(struct mail_storage *_storage)
{
	struct sqbox_storage *storage = SQBOX_STORAGE(_storage);

	sqbox_account_unref(&storage->account);
	index_storage_destroy(_storage);
}

struct mail_storage sqbox_storage = {
	.name = SQBOX_STORAGE_NAME,
	.class_flags = MAIL_STORAGE_CLASS_FLAG_UNIQUE_ROOT |
		MAIL_STORAGE_CLASS_FLAG_HAVE_MAIL_GUIDS |
		MAIL_STORAGE_CLASS_FLAG_HAVE_MAIL_SAVE_GUIDS |
		MAIL_STORAGE_CLASS_FLAG_HAVE_MAIL_GUID128,
	.event_category = &event_category_sqbox,

	/* sqbox_compat_init() adds what is particular to a version. */
	.v = {
		.alloc = sqbox_storage_alloc,
		.create = sqbox_storage_create,
		.destroy = sqbox_storage_destroy,
		.mailbox_alloc = sqbox_mailbox_alloc,
		.purge = sqbox_storage_purge,
	},
};
