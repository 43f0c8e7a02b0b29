/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/folder-xattr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/special-use.h"
#include "common/subscription.h"
#include "fuse/ifs-error.h"

#define VALUE_MAX 256

static enum sqb_err is_subscribed(struct sqb_store *st,
				  struct sqb_mailbox_id box, bool *subscribed_r)
{
	struct sqb_subscription_iter *it;
	const char *name;
	bool found = false;
	enum sqb_err err;
	char *full;

	err = sqb_mailbox_name(st, box, &full);
	if (err != SQB_OK)
		return err;
	it = sqb_subscription_iter_begin(st);
	while (!found && sqb_subscription_iter_next(it, &name))
		found = strcmp(name, full) == 0;
	err = sqb_subscription_iter_end(&it);
	free(full);
	if (err == SQB_OK)
		*subscribed_r = found;
	return err;
}

enum sqb_err ifs_folder_value(struct sqb_store *st, struct sqb_mailbox_id box,
			      const char *name, char **text_r)
{
	struct sqb_mailbox_status status;
	bool subscribed = false;
	enum sqb_err err = sqb_mailbox_status(st, box, &status);

	if (err == SQB_OK && strcmp(name, "subscribed") == 0) {
		err = is_subscribed(st, box, &subscribed);
		if (err == SQB_OK)
			*text_r = sqb_xstrdup(subscribed ? "1" : "0");
		return err;
	}
	if (err != SQB_OK)
		return err;
	if (strcmp(name, "specialuse") == 0)
		*text_r = sqb_uses_text(status.special_use);
	else if (strcmp(name, "unseen") == 0)
		*text_r = sqb_xasprintf("%" PRIu32, status.unseen);
	else if (strcmp(name, "messages") == 0)
		*text_r = sqb_xasprintf("%" PRIu32, status.messages);
	else if (strcmp(name, "uidnext") == 0)
		*text_r = sqb_xasprintf("%" PRIu32, status.uidnext);
	else if (strcmp(name, "uidvalidity") == 0)
		*text_r = sqb_xasprintf("%" PRIu32, status.uidvalidity);
	return SQB_OK;
}

static enum sqb_err update_uses(struct sqb_store *st, struct sqb_mailbox_id box,
				unsigned int set)
{
	struct sqb_mailbox_update update = { .set_special_use = true,
					     .special_use = set };

	return sqb_mailbox_update(st, box, &update);
}

/* Clients take the first mailbox they find, and so does rm. */
static enum sqb_err take_use(struct sqb_store *st, enum sqb_special_use use)
{
	struct sqb_mailbox_status status;
	struct sqb_mailbox_id other;
	enum sqb_err err;

	while ((err = sqb_mailbox_find_use(st, use, &other)) == SQB_OK &&
	       (err = sqb_mailbox_status(st, other, &status)) == SQB_OK) {
		err = update_uses(st, other, status.special_use & ~use);
		if (err != SQB_OK)
			break;
	}
	return err == SQB_NOTFOUND ? SQB_OK : err;
}

static enum sqb_err set_uses(struct sqb_store *st, struct sqb_mailbox_id box,
			     unsigned int set)
{
	struct sqb_mailbox_status status;
	enum sqb_err err = sqb_mailbox_status(st, box, &status);
	unsigned int use;

	for (use = 1; use <= set && err == SQB_OK; use <<= 1) {
		if ((set & ~status.special_use & use) != 0)
			err = take_use(st, (enum sqb_special_use)use);
	}
	return err == SQB_OK ? update_uses(st, box, set) : err;
}

static enum sqb_err set_subscribed(struct sqb_store *st,
				   struct sqb_mailbox_id box, bool subscribed)
{
	char *full;
	enum sqb_err err = sqb_mailbox_name(st, box, &full);

	if (err != SQB_OK)
		return err;
	err = sqb_subscribe(st, full, subscribed, NULL);
	free(full);
	return err;
}

static bool parse_bool(char *text, bool *value_r)
{
	text[strcspn(text, "\r\n")] = '\0';
	*value_r = strcmp(text, "1") == 0;
	return *value_r || strcmp(text, "0") == 0 || text[0] == '\0';
}

int ifs_folder_set(struct ifs_fs *fs, struct sqb_mailbox_id box,
		   const char *name, const char *value, size_t size)
{
	bool is_use = strcmp(name, "specialuse") == 0, subscribed = false;
	char text[VALUE_MAX + 1] = "";
	unsigned int set = 0;
	struct sqb_store *st;
	enum sqb_err err;
	int ret;

	if (!is_use && strcmp(name, "subscribed") != 0)
		return EPERM;
	if (size > VALUE_MAX || memchr(value, '\0', size) != NULL)
		return EINVAL;
	memcpy(text, value, size);
	if (is_use ? !sqb_uses_parse(text, &set)
		   : !parse_bool(text, &subscribed))
		return EINVAL;
	st = ifs_write_begin(fs);
	err = ifs_write_txn(fs, st);
	if (err == SQB_OK)
		err = is_use ? set_uses(st, box, set)
			     : set_subscribed(st, box, subscribed);
	ret = ifs_write_finish(fs, st, err);
	ifs_write_end(fs);
	return ret;
}
