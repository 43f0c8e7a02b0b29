/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remote/apply.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/remote/digest.h"
#include "fuse/remote/moved.h"

/* Words that the account may have in all: a server can invent any number. */
#define KEYWORDS_ALL_MAX 20000

static enum sqb_err keyword_number(struct sqb_store *st, const char *name,
				   uint32_t *number_r)
{
	enum sqb_err err = sqb_keyword_number(st, name, false, number_r);
	const char *last;

	if (err != SQB_NOTFOUND)
		return err;
	err = sqb_keyword_name(st, KEYWORDS_ALL_MAX - 1, &last);
	if (err == SQB_NOTFOUND)
		return sqb_keyword_number(st, name, true, number_r);
	return err == SQB_OK ? SQB_INVALID : err;
}

enum sqb_err rem_seen_flags(struct sqb_store *st, const struct rem_seen *seen,
			    struct rem_flags *set_r)
{
	struct rem_flags set = { .flags = seen->flags };
	char *names, *name, *rest;
	enum sqb_err err = SQB_OK;
	uint32_t n;

	if (seen->keywords != NULL) {
		names = sqb_xstrdup(seen->keywords);
		for (name = strtok_r(names, " ", &rest);
		     name != NULL && err == SQB_OK;
		     name = strtok_r(NULL, " ", &rest)) {
			err = keyword_number(st, name, &n);
			if (err == SQB_OK)
				rem_keyword_add(&set, n);
			if (err == SQB_INVALID)
				err = SQB_OK; /* no atom, or one too many */
		}
		free(names);
	}
	if (err == SQB_OK)
		*set_r = set;
	else
		rem_flags_free(&set);
	return err;
}

enum sqb_err rem_append_seen(struct sqb_store *st, const struct rem_box *box,
			     const struct rem_seen *seen)
{
	struct sqb_remote_message row = { .remote_uid = seen->uid,
					  .state = SQB_REMOTE_SYNCED };
	struct sqb_message_new args = { .date = seen->date };
	struct sqb_message msg;
	struct rem_flags set;
	enum sqb_err err = rem_seen_flags(st, seen, &set);

	if (err != SQB_OK)
		return err;
	args.flags = row.flags = set.flags;
	args.keywords = row.keywords = set.keywords;
	err = sqb_message_append_absent(st, box->row.id, seen->size, &args,
					&row.uid);
	if (err == SQB_OK)
		err = sqb_message_get(st, box->row.id, row.uid, &msg);
	if (err == SQB_OK) {
		row.body = msg.body;
		err = sqb_remote_message_set(st, box->row.id, &row);
	}
	rem_flags_free(&set);
	return err;
}

/*
 * A message that is gone here keeps its base: it may have been moved, and
 * then what became of its flags here goes along (moved.c).
 */
enum sqb_err rem_merge_seen(struct sqb_store *st, const struct rem_box *box,
			    const struct rem_seen *seen,
			    const struct sqb_remote_message *found)
{
	struct sqb_remote_message row = *found;
	struct rem_flags base = rem_flags_copy(row.flags, &row.keywords), now;
	struct sqb_message msg;
	struct sqb_flag_change change;
	struct rem_delta delta;
	enum sqb_err err = rem_seen_flags(st, seen, &now);

	if (err != SQB_OK) {
		rem_flags_free(&base);
		return err;
	}
	delta = rem_delta(&base, &now);
	if (!rem_delta_empty(&delta)) {
		err = sqb_message_get(st, box->row.id, row.uid, &msg);
		if (err == SQB_OK) {
			change = rem_delta_change(&delta);
			err = sqb_message_change_flags(st, box->row.id, row.uid,
						       row.uid, &change, NULL);
			row.flags = now.flags;
			row.keywords = now.keywords;
			row.error = NULL;
			if (err == SQB_OK)
				err = sqb_remote_message_set(st, box->row.id,
							     &row);
		}
	}
	rem_delta_free(&delta);
	rem_flags_free(&base);
	rem_flags_free(&now);
	return err == SQB_NOTFOUND ? SQB_OK : err;
}

enum sqb_err rem_box_step(struct sqb_store *st, struct rem_box *box,
			  bool *in_step_r)
{
	struct sqb_mailbox_status status;
	enum sqb_err err = sqb_mailbox_status(st, box->row.id, &status);

	if (err == SQB_OK)
		*in_step_r = status.highestmodseq <= box->row.pushed;
	return err;
}

enum sqb_err rem_box_stepped(struct sqb_store *st, struct rem_box *box,
			     bool in_step)
{
	struct sqb_mailbox_status status;
	enum sqb_err err = sqb_mailbox_status(st, box->row.id, &status);

	if (err != SQB_OK)
		return err;
	box->highestmodseq = status.highestmodseq;
	box->messages = status.messages;
	if (in_step && status.highestmodseq > box->row.pushed) {
		box->row.pushed = status.highestmodseq;
		err = rem_box_save(st, box);
	}
	return err;
}

/* May it be one of those that we sent? */
static bool is_held(const struct rem_sync *sync, const struct rem_seen *seen)
{
	const struct rem_change *change;
	size_t i;

	for (i = 0; i < sync->diff.count; i++) {
		change = &sync->diff.list[i];
		if (change->kind == REM_SENDING &&
		    seen->uid >= change->remote_uid &&
		    (seen->size == change->size || change->gone))
			return true;
	}
	return false;
}

static void hold(struct rem_view *view, struct rem_seen *seen)
{
	view->held = sqb_xgrow(view->held, view->held_count, &view->held_alloc,
			       sizeof(*view->held));
	view->held[view->held_count++] = *seen;
	seen->keywords = NULL; /* it is theirs now */
}

static enum sqb_err apply_one(struct rem_sync *sync, struct sqb_store *st,
			      struct rem_seen *seen)
{
	struct rem_box *box = sync->view.box;
	struct sqb_remote_message row;
	enum sqb_err err =
		sqb_remote_message_find(st, box->row.id, seen->uid, &row);

	if (err == SQB_OK)
		return seen->has_flags ? rem_merge_seen(st, box, seen, &row)
				       : SQB_OK;
	if (err != SQB_NOTFOUND || !seen->has_size)
		return err == SQB_NOTFOUND ? SQB_OK : err;
	if (is_held(sync, seen)) {
		hold(&sync->view, seen);
		return SQB_OK;
	}
	err = rem_append_seen(st, box, seen);
	if (err == SQB_OK) {
		rem_moved_arrived(sync, box, seen);
		sync->pulled++;
		sync->progress.messages_done++;
	}
	return err;
}

bool rem_apply_seen(struct rem_sync *sync)
{
	struct rem_view *view = &sync->view;
	struct sqb_store *st;
	enum sqb_err err;
	bool in_step = false;
	size_t i;

	if (view->seen_count == 0)
		return true;
	st = rem_txn_begin(sync);
	if (st == NULL)
		return false;
	err = rem_box_step(st, view->box, &in_step);
	for (i = 0; i < view->seen_count && err == SQB_OK; i++)
		err = apply_one(sync, st, &view->seen[i]);
	if (err == SQB_OK)
		err = rem_box_stepped(st, view->box, in_step);
	rem_view_drop_seen(view);
	return rem_txn_end(sync, st, err);
}

/* The rows of messages that are gone there, in a list. */
struct vanished {
	struct sqb_remote_message *list; /* without keywords and error */
	size_t count, alloc;
};

static enum sqb_err find_vanished(struct sqb_store *st, struct rem_box *box,
				  const struct rem_ranges *sorted,
				  struct vanished *vanished)
{
	struct sqb_remote_message_iter *it =
		sqb_remote_message_iter_begin_remote(st, box->row.id);
	struct sqb_remote_message row;

	while (sqb_remote_message_iter_next(it, &row)) {
		if (row.state != SQB_REMOTE_SYNCED ||
		    !rem_ranges_have(sorted, row.remote_uid))
			continue;
		vanished->list =
			sqb_xgrow(vanished->list, vanished->count,
				  &vanished->alloc, sizeof(*vanished->list));
		vanished->list[vanished->count++] = row;
	}
	return sqb_remote_message_iter_end(&it);
}

static enum sqb_err vanish(struct rem_sync *sync, struct sqb_store *st,
			   const struct sqb_remote_message *row)
{
	struct rem_box *box = sync->view.box;
	uint64_t count = 0;
	enum sqb_err err = sqb_message_expunge(st, box->row.id, row->uid,
					       row->uid, &count);

	if (err == SQB_OK && count == 0)
		rem_moved_lost(sync, row->body);
	if (err == SQB_OK)
		err = sqb_remote_message_forget(st, box->row.id, row->uid);
	sync->pulled++;
	return err;
}

bool rem_apply_vanished(struct rem_sync *sync, const struct rem_ranges *sorted)
{
	struct rem_box *box = sync->view.box;
	struct vanished vanished = { 0 };
	struct sqb_store *st;
	bool in_step = false;
	enum sqb_err err;
	size_t i;

	if (sorted->count == 0)
		return true;
	st = rem_txn_begin(sync);
	if (st == NULL)
		return false;
	err = rem_box_step(st, box, &in_step);
	if (err == SQB_OK)
		err = find_vanished(st, box, sorted, &vanished);
	for (i = 0; i < vanished.count && err == SQB_OK; i++)
		err = vanish(sync, st, &vanished.list[i]);
	if (err == SQB_OK)
		err = rem_box_stepped(st, box, in_step);
	free(vanished.list);
	return rem_txn_end(sync, st, err);
}

/* The message that we sent, under the UID that it got. */
static enum sqb_err settle(struct rem_sync *sync, struct sqb_store *st,
			   struct rem_change *change,
			   const struct rem_seen *seen)
{
	struct sqb_mailbox_id box = sync->view.box->row.id;
	struct sqb_remote_message row;
	enum sqb_err err = sqb_remote_message_get(st, box, change->uid, &row);

	if (err == SQB_NOTFOUND || row.state != SQB_REMOTE_SENDING)
		return rem_append_seen(st, sync->view.box, seen);
	if (err != SQB_OK)
		return err;
	row.state = SQB_REMOTE_SYNCED;
	row.remote_uid = seen->uid;
	err = sqb_remote_message_set(st, box, &row);
	if (err == SQB_OK)
		err = sqb_remote_message_get(st, box, change->uid, &row);
	if (err == SQB_OK && seen->has_flags)
		err = rem_merge_seen(st, sync->view.box, seen, &row);
	change->kind = REM_FLAGS;
	return err;
}

/* Without a header to tell it by, it must be the only one like this. */
static bool is_only_one(const struct rem_sync *sync,
			const struct rem_seen *seen)
{
	const struct rem_view *view = &sync->view;
	const struct rem_change *change;
	size_t i, here = 0, there = 0;

	for (i = 0; i < view->held_count; i++)
		there += view->held[i].size == seen->size &&
			 view->held[i].date == seen->date;
	for (i = 0; i < sync->diff.count; i++) {
		change = &sync->diff.list[i];
		here += change->kind == REM_SENDING && !change->has_digest &&
			change->size == seen->size &&
			change->date == seen->date;
	}
	return here == 1 && there == 1;
}

/* What we sent is told by size, and by the header as far as we have it. */
static struct rem_change *sent_as(struct rem_sync *sync,
				  const struct rem_seen *seen,
				  const struct rem_digests *digests)
{
	struct rem_change *change;
	uint64_t digest;
	size_t i;

	for (i = 0; i < sync->diff.count; i++) {
		change = &sync->diff.list[i];
		if (change->kind != REM_SENDING ||
		    seen->uid < change->remote_uid)
			continue;
		if (change->gone ? !change->has_digest
				 : seen->size != change->size)
			continue;
		if (change->has_digest &&
		    (!rem_digests_find(digests, seen->uid, &digest) ||
		     digest != change->digest))
			continue;
		if (!change->has_digest &&
		    (change->date != seen->date || !is_only_one(sync, seen)))
			continue;
		return change;
	}
	return NULL;
}

static enum sqb_err take_held(struct rem_sync *sync, struct sqb_store *st,
			      const struct rem_seen *seen,
			      const struct rem_digests *digests)
{
	struct rem_box *box = sync->view.box;
	struct sqb_remote_message row;
	struct rem_change *change;
	enum sqb_err err =
		sqb_remote_message_find(st, box->row.id, seen->uid, &row);

	if (err != SQB_NOTFOUND)
		return err; /* it was told twice */
	change = sent_as(sync, seen, digests);
	return change != NULL ? settle(sync, st, change, seen)
			      : rem_append_seen(st, box, seen);
}

static bool digest_both(struct rem_sync *sync, struct rem_digests *digests)
{
	struct rem_view *view = &sync->view;
	struct rem_ranges uids = { 0 };
	size_t i;
	bool ok;

	for (i = 0; i < sync->diff.count; i++)
		if (sync->diff.list[i].kind == REM_SENDING)
			rem_digest_here(sync, &sync->diff.list[i]);
	for (i = 0; i < view->held_count; i++)
		rem_ranges_add(&uids, view->held[i].uid, view->held[i].uid);
	ok = rem_digests_fetch(sync, &uids, digests);
	rem_ranges_free(&uids);
	return ok;
}

bool rem_apply_held(struct rem_sync *sync)
{
	struct rem_view *view = &sync->view;
	struct rem_digests digests = { 0 };
	struct sqb_store *st;
	bool in_step = false;
	enum sqb_err err;
	size_t i;

	if (view->held_count == 0)
		return true;
	if (!digest_both(sync, &digests)) {
		rem_digests_free(&digests);
		return false;
	}
	st = rem_txn_begin(sync);
	if (st == NULL) {
		rem_digests_free(&digests);
		return false;
	}
	err = rem_box_step(st, view->box, &in_step);
	for (i = 0; i < view->held_count && err == SQB_OK; i++) {
		err = take_held(sync, st, &view->held[i], &digests);
	}
	if (err == SQB_OK)
		err = rem_box_stepped(st, view->box, in_step);
	for (i = 0; i < view->held_count; i++)
		free(view->held[i].keywords);
	view->held_count = 0;
	rem_digests_free(&digests);
	return rem_txn_end(sync, st, err);
}

bool rem_apply_end(struct rem_sync *sync)
{
	struct rem_view *view = &sync->view;
	struct rem_box *box = view->box;
	uint32_t uidnext = view->uidnext;
	struct sqb_store *st;

	if (view->last_uid >= uidnext && view->last_uid != UINT32_MAX)
		uidnext = view->last_uid + 1;
	if (uidnext < box->row.uidnext)
		uidnext = box->row.uidnext;
	if (box->row.uidvalidity == view->uidvalidity &&
	    box->row.uidnext == uidnext &&
	    box->row.highestmodseq == view->highestmodseq)
		return true;
	st = rem_txn_begin(sync);
	if (st == NULL)
		return false;
	box->row.uidvalidity = view->uidvalidity;
	box->row.uidnext = uidnext;
	box->row.highestmodseq = view->highestmodseq;
	return rem_txn_end(sync, st, rem_box_save(st, box));
}
