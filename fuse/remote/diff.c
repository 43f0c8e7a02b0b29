/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remote/diff.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/remote.h"
#include "common/txn.h"

void rem_diff_free(struct rem_diff *diff)
{
	size_t i;

	for (i = 0; i < diff->count; i++) {
		rem_flags_free(&diff->list[i].base);
		rem_flags_free(&diff->list[i].now);
	}
	free(diff->list);
	memset(diff, 0, sizeof(*diff));
}

static struct rem_change *add(struct rem_diff *diff, enum rem_kind kind,
			      uint32_t uid)
{
	struct rem_change *change;

	diff->list = sqb_xgrow(diff->list, diff->count, &diff->alloc,
			       sizeof(*diff->list));
	change = &diff->list[diff->count++];
	memset(change, 0, sizeof(*change));
	change->kind = kind;
	change->uid = uid;
	return change;
}

static void take_row(struct rem_change *change,
		     const struct sqb_remote_message *row)
{
	change->remote_uid = row->remote_uid;
	change->base = rem_flags_copy(row->flags, &row->keywords);
	if (row->state == SQB_REMOTE_SENDING)
		change->kind = REM_SENDING;
	if (row->state == SQB_REMOTE_REFUSED)
		change->kind = REM_REFUSED_MESSAGE;
}

static enum sqb_err find_changed(struct sqb_store *st,
				 const struct rem_box *box,
				 struct rem_diff *diff)
{
	struct sqb_remote_changed_iter *it =
		sqb_remote_changed_iter_begin(st, box->row.id, box->row.pushed);
	struct sqb_remote_message row;
	struct rem_change *change;
	struct sqb_message msg;

	while (sqb_remote_changed_iter_next(it, &msg, &row)) {
		change = add(diff, row.uid == 0 ? REM_NEW : REM_FLAGS, msg.uid);
		change->body = msg.body;
		change->size = msg.vsize;
		change->date = msg.date;
		change->now = rem_flags_copy(msg.flags, &msg.keywords);
		if (row.uid != 0)
			take_row(change, &row);
	}
	return sqb_remote_changed_iter_end(&it);
}

static enum sqb_err find_gone(struct sqb_store *st, const struct rem_box *box,
			      struct rem_diff *diff)
{
	struct sqb_remote_message_iter *it =
		sqb_remote_gone_iter_begin(st, box->row.id, box->row.pushed);
	struct sqb_remote_message row;
	struct rem_change *change;

	while (sqb_remote_message_iter_next(it, &row)) {
		change = add(diff, REM_EXPUNGED, row.uid);
		change->body = row.body;
		change->gone = true;
		take_row(change, &row);
	}
	return sqb_remote_message_iter_end(&it);
}

static int by_kind(const void *a, const void *b)
{
	const struct rem_change *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->uid > y->uid) - (x->uid < y->uid);
}

enum sqb_err rem_diff_make(struct sqb_store *st, const struct rem_box *box,
			   struct rem_diff *diff)
{
	struct sqb_mailbox_status status;
	enum sqb_err err = sqb_read_begin(st);

	memset(diff, 0, sizeof(*diff));
	if (err != SQB_OK)
		return err;
	err = sqb_mailbox_status(st, box->row.id, &status);
	if (err == SQB_OK) {
		diff->modseq = status.highestmodseq;
		err = find_changed(st, box, diff);
	}
	if (err == SQB_OK)
		err = find_gone(st, box, diff);
	sqb_read_end(st);
	if (err == SQB_OK && diff->count > 0)
		qsort(diff->list, diff->count, sizeof(*diff->list), by_kind);
	return err == SQB_NOTFOUND ? SQB_OK : err;
}

static uint64_t count_tree(const struct rem_box *box)
{
	if (!box->exists)
		return 1; /* to be deleted */
	return (box->here != NULL && strcmp(box->here, box->path) != 0) +
	       (uint64_t)(box->subscribed != box->row.subscribed);
}

enum sqb_err rem_queue_length(struct sqb_store *st, uint64_t *length_r)
{
	struct rem_boxes boxes = { 0 };
	struct rem_diff diff;
	uint64_t length = 0;
	enum sqb_err err = rem_boxes_load(st, &boxes);
	size_t i, k;

	for (i = 0; i < boxes.count && err == SQB_OK; i++) {
		length += count_tree(boxes.list[i]);
		if (!boxes.list[i]->exists ||
		    boxes.list[i]->highestmodseq <= boxes.list[i]->row.pushed)
			continue;
		err = rem_diff_make(st, boxes.list[i], &diff);
		for (k = 0; k < diff.count; k++)
			length += diff.list[k].kind != REM_REFUSED_MESSAGE;
		rem_diff_free(&diff);
	}
	rem_boxes_free(&boxes);
	if (err == SQB_OK)
		*length_r = length;
	return err;
}
