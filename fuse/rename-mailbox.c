/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/rename-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/subscription.h"
#include "common/txn.h"
#include "fuse/folders.h"
#include "fuse/ifs-error.h"
#include "fuse/make.h"
#include "fuse/remove.h"
#include "fuse/resolve.h"

/* What follows the mailbox in the name of one below, or ""; NULL: neither. */
static const char *below(const char *name, const char *top)
{
	size_t len = strlen(top);

	if (strncmp(name, top, len) != 0 ||
	    (name[len] != '/' && name[len] != '\0'))
		return NULL;
	return name + len;
}

/* The names subscribed to that are this mailbox or below. */
static enum sqb_err list_subscribed(struct sqb_store *st, const char *top,
				    char ***list_r, size_t *count_r)
{
	struct sqb_subscription_iter *it = sqb_subscription_iter_begin(st);
	size_t count = 0, alloc = 0;
	char **list = NULL;
	const char *name;

	while (sqb_subscription_iter_next(it, &name)) {
		if (below(name, top) == NULL)
			continue;
		list = sqb_xgrow(list, count, &alloc, sizeof(*list));
		list[count++] = sqb_xstrdup(name);
	}
	*list_r = list;
	*count_r = count;
	return sqb_subscription_iter_end(&it);
}

/* As mail clients do, for whom a folder that is not subscribed to is gone. */
static enum sqb_err move_subscriptions(struct sqb_store *st, const char *from,
				       const char *to)
{
	size_t i, count;
	char **list, *name;
	enum sqb_err err = list_subscribed(st, from, &list, &count);

	for (i = 0; i < count; i++) {
		if (err == SQB_OK)
			err = sqb_subscribe(st, list[i], false, NULL);
		if (err == SQB_OK) {
			name = sqb_xasprintf("%s%s", to, below(list[i], from));
			err = sqb_subscribe(st, name, true, NULL);
			free(name);
		}
		free(list[i]);
	}
	free(list);
	return err;
}

static int move_mailbox(const struct ifs_rename *r, struct sqb_store *st,
			struct sqb_mailbox_id box, const char *new_full)
{
	char *full;
	enum sqb_err err = sqb_mailbox_name(st, box, &full);

	if (err != SQB_OK)
		return ifs_errno(r->fs, st, err);
	if (below(new_full, full) != NULL) {
		free(full);
		return EINVAL;
	}
	err = sqb_mailbox_rename(st, box, new_full);
	if (err == SQB_OK)
		err = move_subscriptions(st, full, new_full);
	free(full);
	/* Of a name that is good in itself: one below gets too long. */
	return err == SQB_INVALID ? ENAMETOOLONG : ifs_errno(r->fs, st, err);
}

/* Inside the transaction, where all is looked up anew. */
static int rename_in(const struct ifs_rename *r, struct sqb_store *st)
{
	struct sqb_mailbox_id box, over;
	char *new_full = NULL;
	bool inbox;
	enum sqb_err err;
	int ret;

	if ((err = ifs_find_mailbox(r->fs, st, r->box, r->name, &box)) !=
		    SQB_OK ||
	    (err = ifs_is_inbox(st, box, &inbox)) != SQB_OK)
		return ifs_errno(r->fs, st, err);
	if (inbox)
		return EBUSY;
	err = ifs_find_mailbox(r->fs, st, r->new_box, r->new_name, &over);
	ret = ifs_errno(r->fs, st, err);
	if (ret == 0)
		ret = ifs_remove_mailbox(r->fs, st, over);
	if (ret == 0 || ret == ENOENT)
		ret = ifs_mailbox_name(r->fs, st, r->new_box, r->new_name,
				       &new_full);
	if (ret == 0)
		ret = move_mailbox(r, st, box, new_full);
	free(new_full);
	return ret;
}

int ifs_rename_mailbox(const struct ifs_rename *r)
{
	struct sqb_store *st = ifs_write_begin(r->fs);
	int ret = ifs_errno(r->fs, st, ifs_write_txn(r->fs, st));

	if (ret == 0)
		ret = rename_in(r, st);
	if (ret == 0)
		ret = ifs_write_finish(r->fs, st, SQB_OK);
	sqb_txn_rollback(st);
	ifs_write_end(r->fs);
	if (ret != 0)
		return ret;
	ifs_folder_touch(r->fs, r->box);
	ifs_folder_touch(r->fs, r->new_box);
	return 0;
}
