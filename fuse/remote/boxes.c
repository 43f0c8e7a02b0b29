/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remote/boxes.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/subscription.h"
#include "common/txn.h"

static void box_free(struct rem_box *box)
{
	free(box->name);
	free(box->path);
	free(box->mailboxid);
	free(box->here);
	free(box->error);
	free(box);
}

void rem_boxes_free(struct rem_boxes *boxes)
{
	size_t i;

	for (i = 0; i < boxes->count; i++)
		box_free(boxes->list[i]);
	free(boxes->list);
	memset(boxes, 0, sizeof(*boxes));
}

struct rem_box *rem_boxes_add(struct rem_boxes *boxes)
{
	struct rem_box *box = sqb_xcalloc(1, sizeof(*box));

	boxes->list = sqb_xgrow(boxes->list, boxes->count, &boxes->alloc,
				sizeof(*boxes->list));
	boxes->list[boxes->count++] = box;
	return box;
}

void rem_boxes_remove(struct rem_boxes *boxes, struct rem_box *box)
{
	size_t i;

	for (i = 0; i < boxes->count; i++)
		if (boxes->list[i] == box)
			break;
	if (i == boxes->count)
		return;
	memmove(boxes->list + i, boxes->list + i + 1,
		(boxes->count - i - 1) * sizeof(*boxes->list));
	boxes->count--;
	box_free(box);
}

static int by_id(const void *a, const void *b)
{
	const struct rem_box *x = *(struct rem_box *const *)a;
	const struct rem_box *y = *(struct rem_box *const *)b;

	return (x->row.id.n > y->row.id.n) - (x->row.id.n < y->row.id.n);
}

void rem_boxes_sort(struct rem_boxes *boxes)
{
	if (boxes->count > 0)
		qsort(boxes->list, boxes->count, sizeof(*boxes->list), by_id);
}

struct rem_box *rem_box_by_id(const struct rem_boxes *boxes,
			      struct sqb_mailbox_id id)
{
	struct rem_box key = { .row.id = id }, *key_p = &key, **found = NULL;

	if (boxes->count > 0)
		found = bsearch(&key_p, boxes->list, boxes->count,
				sizeof(*boxes->list), by_id);
	return found == NULL ? NULL : *found;
}

struct rem_box *rem_box_by_path(const struct rem_boxes *boxes, const char *path)
{
	size_t i;

	for (i = 0; i < boxes->count; i++)
		if (strcmp(boxes->list[i]->path, path) == 0)
			return boxes->list[i];
	return NULL;
}

static void set_string(char **text, const char *value)
{
	char *copy = value == NULL ? NULL : sqb_xstrdup(value);

	free(*text);
	*text = copy;
}

void rem_box_set_name(struct rem_box *box, const char *name, const char *path)
{
	set_string(&box->name, name);
	set_string(&box->path, path);
}

void rem_box_set_error(struct rem_box *box, const char *text)
{
	set_string(&box->error, text);
}

enum sqb_err rem_box_save(struct sqb_store *st, struct rem_box *box)
{
	box->row.name = box->name;
	box->row.path = box->path;
	box->row.mailboxid = box->mailboxid == NULL ? "" : box->mailboxid;
	return sqb_remote_mailbox_set(st, &box->row);
}

static void take_status(struct rem_box *box,
			const struct sqb_mailbox_status *status)
{
	box->exists = true;
	box->noselect = status->noselect;
	box->highestmodseq = status->highestmodseq;
	box->messages = status->messages;
	box->special_use = status->special_use;
}

enum sqb_err rem_box_look(struct sqb_store *st, struct rem_box *box)
{
	struct sqb_mailbox_status status;
	enum sqb_err err = sqb_mailbox_status(st, box->row.id, &status);
	char *here;

	box->exists = false;
	if (err == SQB_OK) {
		take_status(box, &status);
		err = sqb_mailbox_name(st, box->row.id, &here);
		if (err == SQB_OK) {
			free(box->here);
			box->here = here;
		}
	}
	if (!box->exists)
		set_string(&box->here, NULL);
	return err == SQB_NOTFOUND ? SQB_OK : err;
}

static enum sqb_err load_rows(struct sqb_store *st, struct rem_boxes *boxes)
{
	struct sqb_remote_mailbox_iter *it = sqb_remote_mailbox_iter_begin(st);
	struct sqb_remote_mailbox row;
	struct rem_box *box;
	size_t i = 0;

	while (sqb_remote_mailbox_iter_next(it, &row)) {
		while (i < boxes->count && boxes->list[i]->row.id.n < row.id.n)
			i++;
		if (i < boxes->count && boxes->list[i]->row.id.n == row.id.n)
			box = boxes->list[i];
		else
			box = rem_boxes_add(boxes);
		box->row = row;
		rem_box_set_name(box, row.name, row.path);
		set_string(&box->mailboxid, row.mailboxid);
		box->row.name = box->name;
		box->row.path = box->path;
		box->row.mailboxid = box->mailboxid;
	}
	return sqb_remote_mailbox_iter_end(&it);
}

static enum sqb_err look_at_all(struct sqb_store *st, struct rem_boxes *boxes)
{
	struct sqb_mailbox_iter *it = sqb_mailbox_iter_begin(st);
	struct sqb_mailbox_info info;
	struct rem_box *box;

	while (sqb_mailbox_iter_next(it, &info)) {
		box = rem_box_by_id(boxes, info.status.id);
		if (box == NULL)
			continue;
		take_status(box, &info.status);
		set_string(&box->here, info.name);
	}
	return sqb_mailbox_iter_end(&it);
}

static int by_here(const void *a, const void *b)
{
	const struct rem_box *x = *(struct rem_box *const *)a;
	const struct rem_box *y = *(struct rem_box *const *)b;

	return strcmp(x->here == NULL ? x->path : x->here,
		      y->here == NULL ? y->path : y->here);
}

/* Both lists in the order of names. */
enum sqb_err rem_boxes_look_subscribed(struct sqb_store *st,
				       struct rem_boxes *boxes)
{
	struct sqb_subscription_iter *it = sqb_subscription_iter_begin(st);
	const char *name, *path;
	size_t i = 0;
	int diff;

	qsort(boxes->list, boxes->count, sizeof(*boxes->list), by_here);
	while (sqb_subscription_iter_next(it, &name)) {
		for (diff = -1; i < boxes->count && diff < 0; i += diff < 0) {
			path = boxes->list[i]->here;
			if (path == NULL)
				path = boxes->list[i]->path;
			diff = strcmp(path, name);
			if (diff == 0)
				boxes->list[i]->subscribed = true;
		}
	}
	rem_boxes_sort(boxes);
	return sqb_subscription_iter_end(&it);
}

enum sqb_err rem_boxes_load(struct sqb_store *st, struct rem_boxes *boxes)
{
	struct rem_box *box;
	enum sqb_err err;
	size_t i;

	for (i = 0; i < boxes->count; i++) {
		box = boxes->list[i];
		box->exists = box->subscribed = false;
		box->pulled = box->unsettled = box->made = false;
		box->listed = NULL;
		set_string(&box->here, NULL);
	}
	err = sqb_read_begin(st);
	if (err != SQB_OK)
		return err;
	err = load_rows(st, boxes);
	if (err == SQB_OK && boxes->count > 0) {
		rem_boxes_sort(boxes);
		err = look_at_all(st, boxes);
		if (err == SQB_OK)
			err = rem_boxes_look_subscribed(st, boxes);
	}
	sqb_read_end(st);
	return err;
}
