/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * New messages of a mailbox: those that the server has elsewhere are copied or
 * moved there, the others go by APPEND.
 */
#include "fuse/remote/push.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/remote/moved.h"
#include "fuse/remote/pull.h"

/* UIDs of one command: what a server takes as a line is limited. */
#define AT_ONCE 500

struct source {
	struct rem_change *change; /* foreign */
	struct sqb_mailbox_id box;
	uint32_t remote_uid;
	uint32_t uid; /* here, of the row */
	bool move;
};

struct plan {
	struct source *sources; /* own */
	size_t count, alloc;
	struct rem_change **appends; /* own; of foreign ones */
	size_t append_count, append_alloc;
};

static bool txn_row(struct rem_sync *sync, struct rem_box *box,
		    const struct rem_change *change, bool expunge)
{
	struct sqb_store *st = rem_txn_begin(sync);
	enum sqb_err err = SQB_OK;

	if (st == NULL)
		return false;
	if (expunge)
		err = sqb_message_expunge(st, box->row.id, change->uid,
					  change->uid, NULL);
	if (err == SQB_OK)
		err = sqb_remote_message_forget(st, box->row.id, change->uid);
	return rem_txn_end(sync, st, err);
}

/* Is its body here?  What is damaged counts as here, and is refused later. */
static bool is_absent(struct rem_sync *sync, const struct rem_change *change)
{
	struct sqb_body_reader *r;
	const void *data;
	size_t size;
	enum sqb_err err = sqb_body_open_id(sync->st, change->body, &r);

	if (err == SQB_ABSENT)
		return true;
	if (err != SQB_OK)
		return false;
	err = sqb_body_data(r, 0, &data, &size);
	sqb_body_close(&r);
	return err == SQB_ABSENT;
}

/* The server has it nowhere (any more). */
static bool plan_append(struct rem_sync *sync, struct rem_box *box,
			struct rem_change *change, struct plan *plan)
{
	bool there = false;

	if (is_absent(sync, change)) {
		rem_note(sync, REM_NOTE,
			 "%s: a message that was not fetched is gone",
			 box->path);
		return txn_row(sync, box, change, true);
	}
	if (rem_moved_was_lost(sync, change->body) &&
	    !rem_moved_is_there(sync, box, change, &there))
		return false;
	if (there) {
		rem_note(sync, REM_NOTE,
			 "%s: a message was moved elsewhere at the server",
			 box->path);
		return txn_row(sync, box, change, true);
	}
	plan->appends = sqb_xgrow(plan->appends, plan->append_count,
				  &plan->append_alloc, sizeof(*plan->appends));
	plan->appends[plan->append_count++] = change;
	return true;
}

static bool is_source(const struct plan *plan, struct sqb_mailbox_id box,
		      uint32_t remote_uid)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		if (plan->sources[i].box.n == box.n &&
		    plan->sources[i].remote_uid == remote_uid &&
		    plan->sources[i].move)
			return true;
	return false;
}

static bool plan_one(struct rem_sync *sync, struct rem_box *box,
		     struct rem_change *change, struct plan *plan)
{
	struct source source = { .change = change };
	struct sqb_remote_message row;
	struct rem_box *from = NULL;
	bool gone = false;
	enum sqb_err err;

	err = sqb_remote_body_find(sync->st, change->body, &source.box,
				   &source.remote_uid, &gone);
	if (err == SQB_OK)
		from = rem_box_by_id(&sync->boxes, source.box);
	if (err == SQB_OK)
		err = sqb_remote_message_find(sync->st, source.box,
					      source.remote_uid, &row);
	if (err == SQB_OK) {
		source.uid = row.uid;
		rem_flags_free(&change->base);
		change->base = rem_flags_copy(row.flags, &row.keywords);
	}
	if (err == SQB_NOTFOUND || (err == SQB_OK && from == NULL))
		return plan_append(sync, box, change, plan);
	if (err != SQB_OK)
		return rem_fail_store(sync, sync->st, err);
	source.move = gone && from != box && rem_can(sync, IMAP_CAP_MOVE) &&
		      !is_source(plan, source.box, source.remote_uid);
	plan->sources = sqb_xgrow(plan->sources, plan->count, &plan->alloc,
				  sizeof(*plan->sources));
	plan->sources[plan->count++] = source;
	return true;
}

/* Copies before moves, by mailbox, then in the order of UIDs. */
static int by_source(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->move != y->move)
		return x->move ? 1 : -1;
	if (x->box.n != y->box.n)
		return x->box.n < y->box.n ? -1 : 1;
	return (x->remote_uid > y->remote_uid) -
	       (x->remote_uid < y->remote_uid);
}

/* The place of a UID in a list of ranges; false: it is not there. */
static bool place_of(const struct rem_ranges *ranges, uint32_t uid,
		     uint64_t *place_r)
{
	const struct rem_range *r;
	uint64_t place = 0;
	size_t i;

	for (i = 0; i < ranges->count; i++) {
		r = &ranges->list[i];
		if (uid >= r->lo && uid <= r->hi) {
			*place_r = place + (uid - r->lo);
			return true;
		}
		place += (uint64_t)r->hi - r->lo + 1;
	}
	return false;
}

/* And the UID at a place; 0: there are not so many. */
static uint32_t uid_at(const struct rem_ranges *ranges, uint64_t place)
{
	const struct rem_range *r;
	uint64_t size;
	size_t i;

	for (i = 0; i < ranges->count; i++) {
		r = &ranges->list[i];
		size = (uint64_t)r->hi - r->lo + 1;
		if (place < size)
			return r->lo + (uint32_t)place;
		place -= size;
	}
	return 0;
}

/* What COPYUID says became of them: by pairs, in the order told. */
static void take_copyuid(const struct rem_view *view, const struct rem_box *box,
			 struct source *list, size_t count)
{
	uint64_t place;
	size_t i;

	for (i = 0; i < count; i++) {
		list[i].change->remote_uid = 0;
		if (view->copied_validity == box->row.uidvalidity &&
		    place_of(&view->copied_from, list[i].remote_uid, &place))
			list[i].change->remote_uid =
				uid_at(&view->copied_to, place);
	}
}

static bool forget_sources(struct rem_sync *sync, const struct source *list,
			   size_t count)
{
	struct sqb_store *st = rem_txn_begin(sync);
	enum sqb_err err = SQB_OK;
	size_t i;

	if (st == NULL)
		return false;
	for (i = 0; i < count && err == SQB_OK; i++)
		if (list[i].change->remote_uid != 0)
			err = sqb_remote_message_forget(st, list[i].box,
							list[i].uid);
	return rem_txn_end(sync, st, err);
}

static unsigned int send_copy(struct rem_sync *sync, const struct rem_box *box,
			      const struct source *list, size_t count)
{
	struct rem_ranges uids = { 0 };
	char *set;
	size_t i;

	for (i = 0; i < count; i++)
		rem_ranges_add(&uids, list[i].remote_uid, list[i].remote_uid);
	rem_ranges_sort(&uids);
	set = rem_ranges_text(&uids);
	rem_ranges_free(&uids);
	sync->view.copied_from.count = sync->view.copied_to.count = 0;
	imap_command_begin(sync->client);
	imap_command_text(sync->client,
			  list[0].move ? "UID MOVE " : "UID COPY ");
	imap_command_text(sync->client, set);
	imap_command_text(sync->client, " ");
	imap_command_string(sync->client, box->name, strlen(box->name));
	free(set);
	return imap_command_send(sync->client);
}

/* Some of one mailbox, to this one. */
static bool copy_some(struct rem_sync *sync, struct rem_box *box,
		      struct source *list, size_t count)
{
	struct rem_box *from = rem_box_by_id(&sync->boxes, list[0].box);
	struct rem_change **changes = sqb_xcalloc(count, sizeof(*changes));
	const struct imap_response *response = NULL;
	enum imap_err err = IMAP_NO;
	size_t i;
	bool ok;

	for (i = 0; i < count; i++)
		changes[i] = list[i].change;
	ok = rem_select(sync, from) &&
	     rem_push_sending(sync, box, changes, count);
	if (ok && sync->view.box != from) {
		for (i = 0; i < count; i++)
			rem_hold_body(sync, changes[i]->body);
		sync->waiting++;
		free(changes);
		return true;
	}
	if (ok)
		ok = rem_wait(sync, send_copy(sync, box, list, count), &err,
			      &response);
	if (ok && err == IMAP_OK) {
		if (response != NULL && response->code != NULL)
			(void)rem_view_take(&sync->view, response);
		take_copyuid(&sync->view, box, list, count);
		ok = rem_push_sent(sync, box, changes, count);
		if (ok && list[0].move)
			ok = forget_sources(sync, list, count);
	} else if (ok) {
		for (i = 0; i < count; i++)
			rem_hold_body(sync, changes[i]->body);
		if (rem_is_temporary(response))
			sync->waiting++;
		else
			ok = rem_push_refused(sync, box, changes, count,
					      imap_client_why(sync->client));
	}
	free(changes);
	return ok;
}

static bool copy_all(struct rem_sync *sync, struct rem_box *box,
		     struct plan *plan)
{
	size_t i, n;

	if (plan->count > 0)
		qsort(plan->sources, plan->count, sizeof(*plan->sources),
		      by_source);
	for (i = 0; i < plan->count; i += n) {
		n = 1;
		/* The same message twice takes two commands. */
		while (i + n < plan->count && n < AT_ONCE &&
		       plan->sources[i + n].move == plan->sources[i].move &&
		       plan->sources[i + n].box.n == plan->sources[i].box.n &&
		       plan->sources[i + n].remote_uid !=
			       plan->sources[i + n - 1].remote_uid)
			n++;
		if (!copy_some(sync, box, plan->sources + i, n))
			return false;
	}
	return true;
}

/* It was sent, answered with OK, and is not there: not again and again. */
static bool plan_change(struct rem_sync *sync, struct rem_box *box,
			struct rem_change *change, struct plan *plan)
{
	if (change->gone)
		return txn_row(sync, box, change, false);
	if (change->kind == REM_SENDING &&
	    rem_push_was_answered(sync, box, change->uid)) {
		rem_hold_body(sync, change->body);
		return rem_push_refused(sync, box, &change, 1,
					"the server said OK, and does not "
					"have it");
	}
	return plan_one(sync, box, change, plan);
}

static bool make_plan(struct rem_sync *sync, struct rem_box *box,
		      struct rem_diff *diff, struct plan *plan)
{
	struct rem_change *change;
	size_t i;

	for (i = 0; i < diff->count; i++) {
		change = &diff->list[i];
		if (change->kind != REM_NEW && change->kind != REM_SENDING &&
		    change->kind != REM_REFUSED_MESSAGE)
			continue;
		if (!plan_change(sync, box, change, plan))
			return false;
	}
	return true;
}

bool rem_push_new(struct rem_sync *sync, struct rem_box *box)
{
	struct plan plan = { 0 };
	struct rem_diff diff;
	enum sqb_err err = rem_diff_make(sync->st, box, &diff);
	bool ok;

	if (err != SQB_OK)
		return rem_fail_store(sync, sync->st, err);
	ok = make_plan(sync, box, &diff, &plan) && copy_all(sync, box, &plan) &&
	     rem_push_appends(sync, box, plan.appends, plan.append_count);
	free(plan.sources);
	free(plan.appends);
	rem_diff_free(&diff);
	return ok;
}
