/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remote/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/remote/apply.h"
#include "fuse/remote/pull.h"

#define AT_ONCE 500

bool rem_is_temporary(const struct imap_response *response)
{
	static const char *const codes[] = { "UNAVAILABLE", "INUSE",
					     "SERVERBUG", "EXPUNGEISSUED" };
	size_t i;

	if (response == NULL || response->code == NULL)
		return false;
	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (strcmp(response->code, codes[i]) == 0)
			return true;
	return false;
}

void rem_hold_body(struct rem_sync *sync, struct sqb_body_id body)
{
	sync->held = sqb_xgrow(sync->held, sync->held_count, &sync->held_alloc,
			       sizeof(body));
	sync->held[sync->held_count++] = body;
}

static bool hold_refused_of(struct rem_sync *sync, struct rem_box *box)
{
	struct sqb_remote_message_iter *it =
		sqb_remote_message_iter_begin_state(sync->st, box->row.id,
						    SQB_REMOTE_REFUSED);
	struct sqb_remote_message row;
	enum sqb_err err;

	while (sqb_remote_message_iter_next(it, &row))
		rem_hold_body(sync, row.body);
	err = sqb_remote_message_iter_end(&it);
	return err == SQB_OK || rem_fail_store(sync, sync->st, err);
}

bool rem_hold_refused(struct rem_sync *sync)
{
	struct sqb_remote_counts counts;
	enum sqb_err err = sqb_remote_counts(sync->st, &counts);
	bool ok = true;
	size_t i;

	if (err != SQB_OK)
		return rem_fail_store(sync, sync->st, err);
	for (i = 0; i < sync->boxes.count && ok && counts.refused > 0; i++)
		ok = hold_refused_of(sync, sync->boxes.list[i]);
	return ok;
}

bool rem_is_held(const struct rem_sync *sync, struct sqb_body_id body)
{
	size_t i;

	for (i = 0; i < sync->held_count; i++)
		if (sync->held[i].n == body.n)
			return true;
	return false;
}

static void row_of(const struct rem_change *change,
		   struct sqb_remote_message *row)
{
	memset(row, 0, sizeof(*row));
	row->uid = change->uid;
	row->remote_uid = change->remote_uid;
	row->flags = change->base.flags;
	row->keywords = change->base.keywords;
	row->body = change->body;
}

static bool set_rows(struct rem_sync *sync, struct rem_box *box,
		     struct rem_change *const *list, size_t count,
		     enum sqb_remote_state state, const char *error)
{
	struct sqb_store *st = rem_txn_begin(sync);
	struct sqb_remote_message row;
	enum sqb_err err = SQB_OK;
	size_t i;

	if (st == NULL)
		return false;
	for (i = 0; i < count && err == SQB_OK; i++) {
		row_of(list[i], &row);
		row.state = state;
		row.error = error;
		if (state == SQB_REMOTE_SENDING)
			row.remote_uid =
				box->row.uidnext == 0 ? 1 : box->row.uidnext;
		else if (state == SQB_REMOTE_SYNCED && row.remote_uid == 0)
			continue; /* it stays SENDING until it is seen */
		err = sqb_remote_message_set(st, box->row.id, &row);
	}
	return rem_txn_end(sync, st, err);
}

bool rem_push_sending(struct rem_sync *sync, struct rem_box *box,
		      struct rem_change *const *list, size_t count)
{
	return set_rows(sync, box, list, count, SQB_REMOTE_SENDING, NULL);
}

struct rem_answered {
	struct sqb_mailbox_id box;
	uint32_t uid;
};

static void note_answered(struct rem_sync *sync, const struct rem_box *box,
			  const struct rem_change *change)
{
	sync->answered =
		sqb_xgrow(sync->answered, sync->answered_count,
			  &sync->answered_alloc, sizeof(*sync->answered));
	sync->answered[sync->answered_count++] =
		(struct rem_answered){ box->row.id, change->uid };
	rem_hold_body(sync, change->body);
}

bool rem_push_was_answered(struct rem_sync *sync, const struct rem_box *box,
			   uint32_t uid)
{
	struct rem_answered *list = sync->answered;
	size_t i;

	for (i = 0; i < sync->answered_count; i++) {
		if (list[i].box.n != box->row.id.n || list[i].uid != uid)
			continue;
		list[i] = list[--sync->answered_count];
		return true;
	}
	return false;
}

bool rem_push_sent(struct rem_sync *sync, struct rem_box *box,
		   struct rem_change *const *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		/* What has just come has no UID that was there before. */
		if (list[i]->remote_uid < box->row.uidnext)
			list[i]->remote_uid = 0;
		if (list[i]->remote_uid == 0)
			note_answered(sync, box, list[i]);
	}
	sync->pushed += (unsigned int)count;
	box->none_above = false;
	return set_rows(sync, box, list, count, SQB_REMOTE_SYNCED, NULL);
}

bool rem_push_refused(struct rem_sync *sync, struct rem_box *box,
		      struct rem_change *const *list, size_t count,
		      const char *why)
{
	size_t i;

	rem_note(sync, REM_WARNING, "%s: %zu not taken by the server: %s",
		 box->path, count, why);
	rem_box_set_error(box, why);
	for (i = 0; i < count; i++)
		list[i]->remote_uid = 0;
	sync->refused += (unsigned int)count;
	return set_rows(sync, box, list, count, SQB_REMOTE_REFUSED, why);
}

static void put_keyword(struct rem_sync *sync, FILE *f, uint32_t number,
			struct rem_flags *kept)
{
	const char *name;

	if (sqb_keyword_name(sync->st, number, &name) != SQB_OK ||
	    !rem_view_keeps(&sync->view, name))
		return;
	(void)fprintf(f, "%s ", name);
	if (kept != NULL)
		rem_keyword_add(kept, number);
}

char *rem_flags_text(struct rem_sync *sync, const struct rem_flags *set,
		     struct rem_flags *kept)
{
	static const struct {
		unsigned int flag;
		const char *name;
	} names[] = { { SQB_SEEN, "\\Seen" },
		      { SQB_ANSWERED, "\\Answered" },
		      { SQB_FLAGGED, "\\Flagged" },
		      { SQB_DELETED, "\\Deleted" },
		      { SQB_DRAFT, "\\Draft" } };
	unsigned int flags = set->flags & sync->view.permanent;
	char *text = NULL;
	size_t size = 0, i;
	uint32_t n;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		abort();
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if ((flags & names[i].flag) != 0)
			(void)fprintf(f, "%s ", names[i].name);
	if (kept != NULL)
		kept->flags |= flags;
	for (n = 0; n < SQB_KEYWORD_BITS; n++)
		if ((set->keywords.mask & UINT64_C(1) << n) != 0)
			put_keyword(sync, f, n, kept);
	for (n = 0; n < set->keywords.more_count; n++)
		put_keyword(sync, f, set->keywords.more[n], kept);
	(void)fclose(f);
	if (size > 0)
		text[size - 1] = '\0'; /* the last space */
	return text;
}

/* One STORE: what to do, and to which. */
struct store {
	char *what; /* own: "+FLAGS (\Seen)" */
	uint32_t remote_uid;
	unsigned int command;
	struct rem_change *change; /* foreign */
};
struct stores {
	struct store *list; /* own */
	size_t count, alloc;
};

static void stores_free(struct stores *stores)
{
	size_t i;

	for (i = 0; i < stores->count; i++)
		free(stores->list[i].what);
	free(stores->list);
	memset(stores, 0, sizeof(*stores));
}

static void add_store(struct rem_sync *sync, struct stores *stores,
		      struct rem_change *change, char sign,
		      const struct rem_flags *set, struct rem_flags *told)
{
	char *text = rem_flags_text(sync, set, told);
	struct store *store;

	if (text[0] != '\0') {
		stores->list = sqb_xgrow(stores->list, stores->count,
					 &stores->alloc, sizeof(*stores->list));
		store = &stores->list[stores->count++];
		memset(store, 0, sizeof(*store));
		store->what = sqb_xasprintf("%cFLAGS (%s)", sign, text);
		store->remote_uid = change->remote_uid;
		store->change = change;
	}
	free(text);
}

/* change->now becomes what the base will be, when all is told. */
static void plan_store(struct rem_sync *sync, struct stores *stores,
		       struct rem_change *change)
{
	struct rem_delta delta = rem_delta(&change->base, &change->now);
	struct rem_flags added = { 0 }, removed = { 0 }, sum, rest;

	add_store(sync, stores, change, '+', &delta.add, &added);
	add_store(sync, stores, change, '-', &delta.remove, &removed);
	sum = rem_flags_plus(&change->base, &added);
	rest = rem_flags_minus(&sum, &removed);
	rem_flags_free(&change->now);
	change->now = rest;
	rem_flags_free(&sum);
	rem_flags_free(&added);
	rem_flags_free(&removed);
	rem_delta_free(&delta);
}

static int by_what(const void *a, const void *b)
{
	const struct store *x = a, *y = b;
	int diff = strcmp(x->what, y->what);

	if (diff != 0)
		return diff;
	return (x->remote_uid > y->remote_uid) -
	       (x->remote_uid < y->remote_uid);
}

static unsigned int uid_command(struct rem_sync *sync, const char *verb,
				const struct rem_ranges *uids, const char *rest)
{
	char *set = rem_ranges_text(uids);

	imap_command_begin(sync->client);
	imap_command_text(sync->client, verb);
	imap_command_text(sync->client, set);
	imap_command_text(sync->client, rest);
	free(set);
	return imap_command_send(sync->client);
}

static void send_stores(struct rem_sync *sync, struct stores *stores)
{
	struct rem_ranges uids = { 0 };
	struct store *list = stores->list;
	unsigned int command;
	size_t i, n;
	char *rest;

	for (i = 0; i < stores->count; i += n) {
		uids.count = 0;
		for (n = 0; i + n < stores->count && n < AT_ONCE &&
			    strcmp(list[i].what, list[i + n].what) == 0;
		     n++)
			rem_ranges_add(&uids, list[i + n].remote_uid,
				       list[i + n].remote_uid);
		rest = sqb_xasprintf(" %s", list[i].what);
		command = uid_command(sync, "UID STORE ", &uids, rest);
		free(rest);
		list[i].command = command;
	}
	rem_ranges_free(&uids);
}

/* Those that the server did not tell of are as we told. */
static bool told(struct rem_sync *sync, struct rem_box *box,
		 const struct rem_diff *diff)
{
	struct sqb_store *st = rem_txn_begin(sync);
	struct sqb_remote_message row;
	const struct rem_change *change;
	enum sqb_err err = SQB_OK;
	size_t i;

	if (st == NULL)
		return false;
	for (i = 0; i < diff->count && err == SQB_OK; i++) {
		change = &diff->list[i];
		if (change->kind != REM_FLAGS ||
		    rem_ranges_have(&sync->view.found, change->remote_uid))
			continue;
		err = sqb_remote_message_get(st, box->row.id, change->uid,
					     &row);
		if (err == SQB_OK && row.remote_uid == change->remote_uid) {
			row.flags = change->now.flags;
			row.keywords = change->now.keywords;
			err = sqb_remote_message_set(st, box->row.id, &row);
		}
		if (err == SQB_NOTFOUND)
			err = SQB_OK;
	}
	return rem_txn_end(sync, st, err);
}

static bool push_flags(struct rem_sync *sync, struct rem_box *box,
		       struct rem_diff *diff)
{
	struct rem_view *view = &sync->view;
	struct stores stores = { 0 };
	enum imap_err err;
	bool ok = true, refused = false;
	size_t i;

	for (i = 0; i < diff->count; i++)
		if (diff->list[i].kind == REM_FLAGS)
			plan_store(sync, &stores, &diff->list[i]);
	if (stores.count == 0)
		return true;
	qsort(stores.list, stores.count, sizeof(*stores.list), by_what);
	view->found.count = 0;
	view->listing = true;
	send_stores(sync, &stores);
	for (i = 0; i < stores.count && ok; i++) {
		if (stores.list[i].command == 0)
			continue;
		ok = rem_wait(sync, stores.list[i].command, &err, NULL);
		if (ok && err != IMAP_OK) {
			rem_box_set_error(box, imap_client_why(sync->client));
			refused = true;
		}
	}
	view->listing = false;
	if (ok)
		ok = rem_apply_seen(sync);
	rem_ranges_sort(&view->found);
	if (ok && !refused) {
		sync->pushed += (unsigned int)stores.count;
		ok = told(sync, box, diff);
	}
	if (ok && refused) {
		rem_note(sync, REM_WARNING, "%s: flags not taken: %s",
			 box->path, box->error);
		sync->refused++;
	}
	stores_free(&stores);
	return ok;
}

static bool forget_rows(struct rem_sync *sync, struct rem_box *box,
			const struct rem_diff *diff, bool all)
{
	struct sqb_store *st = rem_txn_begin(sync);
	enum sqb_err err = SQB_OK;
	size_t i;

	if (st == NULL)
		return false;
	for (i = 0; i < diff->count && err == SQB_OK; i++)
		if (diff->list[i].kind == REM_EXPUNGED &&
		    (all || !rem_is_held(sync, diff->list[i].body)))
			err = sqb_remote_message_forget(st, box->row.id,
							diff->list[i].uid);
	return rem_txn_end(sync, st, err);
}

/* Without UIDPLUS: is all that is \Deleted ours? */
static bool only_ours(struct rem_sync *sync, const struct rem_ranges *uids,
		      bool *ours_r)
{
	struct rem_view *view = &sync->view;
	enum imap_err err;
	uint64_t uid;
	size_t i;

	view->found.count = 0;
	imap_command_begin(sync->client);
	imap_command_text(sync->client, "UID SEARCH DELETED");
	if (!rem_wait(sync, imap_command_send(sync->client), &err, NULL))
		return false;
	*ours_r = err == IMAP_OK && !view->search_broken;
	for (i = 0; i < view->found.count && *ours_r; i++)
		for (uid = view->found.list[i].lo;
		     uid <= view->found.list[i].hi && *ours_r; uid++)
			*ours_r = rem_ranges_have(uids, (uint32_t)uid);
	return true;
}

static bool expunge_some(struct rem_sync *sync, struct rem_box *box,
			 const struct rem_ranges *uids, bool *done_r)
{
	bool uidplus = rem_can(sync, IMAP_CAP_UIDPLUS);
	enum imap_err err, err2 = IMAP_OK;
	unsigned int store, expunge = 0;
	bool ours = false;

	store = uid_command(sync, "UID STORE ", uids,
			    " +FLAGS.SILENT (\\Deleted)");
	if (uidplus)
		expunge = uid_command(sync, "UID EXPUNGE ", uids, "");
	if (!rem_wait(sync, store, &err, NULL))
		return false;
	if (uidplus && !rem_wait(sync, expunge, &err2, NULL))
		return false;
	if (!uidplus && err == IMAP_OK) {
		if (!only_ours(sync, uids, &ours))
			return false;
		if (ours) {
			imap_command_begin(sync->client);
			imap_command_text(sync->client, "EXPUNGE");
			if (!rem_wait(sync, imap_command_send(sync->client),
				      &err2, NULL))
				return false;
		}
	}
	*done_r = err == IMAP_OK && err2 == IMAP_OK && (uidplus || ours);
	if (err != IMAP_OK || err2 != IMAP_OK) {
		rem_box_set_error(box, imap_client_why(sync->client));
		rem_note(sync, REM_WARNING, "%s: not expunged: %s", box->path,
			 box->error);
		sync->refused++;
	}
	return true;
}

static bool push_expunges(struct rem_sync *sync, struct rem_box *box,
			  const struct rem_diff *diff, bool *held_r)
{
	struct rem_ranges uids = { 0 };
	bool done = false, ok;
	size_t i;

	for (i = 0; i < diff->count; i++) {
		if (diff->list[i].kind != REM_EXPUNGED)
			continue;
		if (rem_is_held(sync, diff->list[i].body))
			*held_r = true;
		else
			rem_ranges_add(&uids, diff->list[i].remote_uid,
				       diff->list[i].remote_uid);
	}
	if (uids.count == 0)
		return true;
	rem_ranges_sort(&uids);
	ok = expunge_some(sync, box, &uids, &done);
	if (ok && done) {
		sync->pushed += (unsigned int)rem_ranges_size(&uids);
		ok = forget_rows(sync, box, diff, false);
	}
	rem_ranges_free(&uids);
	return ok;
}

static bool set_pushed(struct rem_sync *sync, struct rem_box *box,
		       uint64_t modseq)
{
	struct sqb_store *st;

	if (box->row.pushed >= modseq)
		return true;
	st = rem_txn_begin(sync);
	if (st == NULL)
		return false;
	box->row.pushed = modseq;
	return rem_txn_end(sync, st, rem_box_save(st, box));
}

bool rem_push_changes(struct rem_sync *sync, struct rem_box *box)
{
	unsigned int waiting = sync->waiting;
	bool held = false, work = false, ok = true;
	struct rem_diff diff;
	enum sqb_err err = rem_diff_make(sync->st, box, &diff);
	size_t i;

	if (err != SQB_OK)
		return rem_fail_store(sync, sync->st, err);
	for (i = 0; i < diff.count; i++) {
		if (diff.list[i].kind == REM_FLAGS ||
		    diff.list[i].kind == REM_EXPUNGED)
			work = true;
		if (diff.list[i].kind == REM_NEW ||
		    diff.list[i].kind == REM_SENDING)
			held = true;
	}
	if (work) {
		ok = rem_select(sync, box);
		if (ok && sync->view.box != box)
			sync->waiting++;
		else if (ok)
			ok = push_flags(sync, box, &diff) &&
			     push_expunges(sync, box, &diff, &held);
	}
	if (ok && !held && sync->waiting == waiting)
		ok = set_pushed(sync, box, diff.modseq);
	rem_diff_free(&diff);
	return ok;
}
