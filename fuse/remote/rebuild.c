/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * A mailbox whose UIDs mean something else than before: after a change of
 * UIDVALIDITY, or because the server was restored from a copy.  Messages are
 * known again by size, date, and what is here of their header; so they keep
 * their bodies and names, and nothing is fetched twice.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/remote/apply.h"
#include "fuse/remote/digest.h"
#include "fuse/remote/pull.h"

struct local {
	struct rem_change change; /* uid, size, date, body; base of the row */
	uint32_t remote_uid;      /* of the row */
	bool sending;             /* the server may have it, or not */
	struct rem_seen *seen;    /* foreign: what it is there */
};

struct rebuild {
	struct rem_sync *sync; /* foreign */
	struct local *locals;  /* own; those that the server had */
	size_t count, alloc;
	bool *taken; /* own: of the view's seen messages */
	struct rem_digests digests;
	bool went_back;
};

static void rebuild_free(struct rebuild *r)
{
	size_t i;

	for (i = 0; i < r->count; i++)
		rem_flags_free(&r->locals[i].change.base);
	free(r->locals);
	free(r->taken);
	rem_digests_free(&r->digests);
}

static enum sqb_err load(struct rebuild *r)
{
	struct sqb_store *st = r->sync->st;
	struct sqb_mailbox_id box = r->sync->view.box->row.id;
	struct sqb_message_iter *it =
		sqb_message_iter_begin(st, box, 1, UINT32_MAX);
	struct sqb_remote_message row;
	struct sqb_message msg;
	struct local *local;
	enum sqb_err err = SQB_OK, end;

	while (err == SQB_OK && sqb_message_iter_next(it, &msg)) {
		err = sqb_remote_message_get(st, box, msg.uid, &row);
		if (err == SQB_OK && row.state != SQB_REMOTE_REFUSED) {
			r->locals = sqb_xgrow(r->locals, r->count, &r->alloc,
					      sizeof(*r->locals));
			local = &r->locals[r->count++];
			memset(local, 0, sizeof(*local));
			local->change.uid = msg.uid;
			local->change.size = msg.vsize;
			local->change.date = msg.date;
			local->change.body = msg.body;
			local->change.base =
				rem_flags_copy(row.flags, &row.keywords);
			local->remote_uid = row.remote_uid;
			local->sending = row.state == SQB_REMOTE_SENDING;
		}
		if (err == SQB_NOTFOUND)
			err = SQB_OK;
	}
	end = sqb_message_iter_end(&it);
	return err == SQB_OK ? end : err;
}

static int by_uid(const void *a, const void *b)
{
	const struct rem_seen *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return (int)y->has_size - (int)x->has_size;
}

/* Each UID once; those without a size are news of flags, told again later. */
static void drop_doubles(struct rem_view *view)
{
	struct rem_seen *list = view->seen;
	size_t i, n = 0;

	if (view->seen_count > 0)
		qsort(list, view->seen_count, sizeof(*list), by_uid);
	for (i = 0; i < view->seen_count; i++) {
		if (list[i].has_size &&
		    (n == 0 || list[n - 1].uid != list[i].uid))
			list[n++] = list[i];
		else
			free(list[i].keywords);
	}
	view->seen_count = n;
}

/*
 * All that the server has, twice if it is much less than there was.  *good_r:
 * it gave that, and it is as many as it says there are.
 */
static bool fetch_all(struct rebuild *r, bool *good_r)
{
	struct rem_sync *sync = r->sync;
	struct rem_view *view = &sync->view;
	enum imap_err err;
	unsigned int i;

	view->keep = true;
	view->ignore = false;
	for (i = 0; i < 2; i++) {
		rem_view_drop_seen(view);
		imap_command_begin(sync->client);
		imap_command_text(sync->client,
				  "UID FETCH 1:* (UID FLAGS INTERNALDATE "
				  "RFC822.SIZE)");
		if (!rem_wait(sync, imap_command_send(sync->client), &err,
			      NULL))
			return false;
		drop_doubles(view);
		*good_r = err == IMAP_OK && view->seen_count >= view->exists;
		if (*good_r && view->seen_count * 2 >= r->count)
			break;
	}
	return true;
}

static int by_size(const void *a, const void *b)
{
	const struct local *x = a, *y = b;

	if (x->change.size != y->change.size)
		return x->change.size < y->change.size ? -1 : 1;
	if (x->change.date != y->change.date)
		return x->change.date < y->change.date ? -1 : 1;
	return (x->change.uid > y->change.uid) -
	       (x->change.uid < y->change.uid);
}

/* The first of those with this size and date; count: none. */
static size_t first_like(const struct rebuild *r, const struct rem_seen *seen)
{
	struct local key = { .change = { .size = seen->size,
					 .date = seen->date } };
	size_t lo = 0, hi = r->count, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (by_size(&r->locals[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_like(const struct rebuild *r, size_t i,
		    const struct rem_seen *seen)
{
	return i < r->count && r->locals[i].change.size == seen->size &&
	       r->locals[i].change.date == seen->date;
}

/* Headers of those whose like has its own here. */
static bool fetch_digests(struct rebuild *r)
{
	struct rem_view *view = &r->sync->view;
	struct rem_ranges uids = { 0 };
	size_t i, k;
	bool ok;

	for (k = 0; k < view->seen_count; k++) {
		for (i = first_like(r, &view->seen[k]);
		     is_like(r, i, &view->seen[k]); i++) {
			rem_digest_here(r->sync, &r->locals[i].change);
			if (!r->locals[i].change.has_digest)
				continue;
			rem_ranges_add(&uids, view->seen[k].uid,
				       view->seen[k].uid);
			break;
		}
	}
	rem_ranges_sort(&uids);
	ok = rem_digests_fetch(r->sync, &uids, &r->digests);
	rem_ranges_free(&uids);
	return ok;
}

static bool is_same(const struct rebuild *r, const struct local *local,
		    const struct rem_seen *seen)
{
	uint64_t digest;

	if (local->seen != NULL)
		return false;
	if (!local->change.has_digest)
		return true;
	return rem_digests_find(&r->digests, seen->uid, &digest) &&
	       digest == local->change.digest;
}

/* Those under their old UID first, then each with the first that is alike. */
static void match(struct rebuild *r)
{
	struct rem_view *view = &r->sync->view;
	struct rem_seen *seen;
	unsigned int turn;
	size_t i, k;

	for (turn = r->went_back ? 0 : 1; turn < 2; turn++) {
		for (k = 0; k < view->seen_count; k++) {
			seen = &view->seen[k];
			for (i = first_like(r, seen);
			     !r->taken[k] && is_like(r, i, seen); i++) {
				if (turn == 0 &&
				    (r->locals[i].sending ||
				     r->locals[i].remote_uid != seen->uid))
					continue;
				if (!is_same(r, &r->locals[i], seen))
					continue;
				r->locals[i].seen = seen;
				r->taken[k] = true;
			}
		}
	}
}

/* What the server has lost, but not by anybody's will, is new to it. */
static bool is_kept(const struct rebuild *r, const struct local *local)
{
	return local->sending || (r->went_back && local->change.has_digest);
}

/* What the server has lost goes there again, if it is here. */
static void look_for_kept(struct rebuild *r)
{
	size_t i;

	for (i = 0; i < r->count && r->went_back; i++)
		if (r->locals[i].seen == NULL)
			rem_digest_here(r->sync, &r->locals[i].change);
}

static enum sqb_err put_local(struct rebuild *r, struct sqb_store *st,
			      const struct local *local)
{
	struct rem_box *box = r->sync->view.box;
	struct sqb_remote_message row = { .uid = local->change.uid };
	enum sqb_err err;

	if (local->seen == NULL)
		return is_kept(r, local)
			       ? SQB_OK
			       : sqb_message_expunge(st, box->row.id, row.uid,
						     row.uid, NULL);
	row.remote_uid = local->seen->uid;
	row.state = SQB_REMOTE_SYNCED;
	row.flags = local->change.base.flags;
	row.keywords = local->change.base.keywords;
	row.body = local->change.body;
	err = sqb_remote_message_set(st, box->row.id, &row);
	return err == SQB_OK ? rem_merge_seen(st, box, local->seen, &row) : err;
}

/*
 * The rows of what was known go first: their UIDs mean others now.  With them
 * goes what was still to be expunged: that comes back, which loses nothing.
 */
static enum sqb_err forget_rows(struct sqb_store *st, struct sqb_mailbox_id box)
{
	struct sqb_remote_message_iter *it =
		sqb_remote_message_iter_begin(st, box, 1, UINT32_MAX);
	struct sqb_remote_message row;
	uint32_t *uids = NULL;
	size_t count = 0, alloc = 0, i;
	enum sqb_err err;

	while (sqb_remote_message_iter_next(it, &row)) {
		if (row.state == SQB_REMOTE_REFUSED)
			continue;
		uids = sqb_xgrow(uids, count, &alloc, sizeof(*uids));
		uids[count++] = row.uid;
	}
	err = sqb_remote_message_iter_end(&it);
	for (i = 0; i < count && err == SQB_OK; i++)
		err = sqb_remote_message_forget(st, box, uids[i]);
	free(uids);
	return err;
}

/* In one transaction: half of it would be two meanings of a UID. */
static bool put_all(struct rebuild *r)
{
	struct rem_sync *sync = r->sync;
	struct rem_view *view = &sync->view;
	struct rem_box *box = view->box;
	struct sqb_store *st = rem_txn_begin(sync);
	enum sqb_err err;
	size_t i;

	if (st == NULL)
		return false;
	err = forget_rows(st, box->row.id);
	for (i = 0; i < r->count && err == SQB_OK; i++)
		err = put_local(r, st, &r->locals[i]);
	for (i = 0; i < view->seen_count && err == SQB_OK; i++)
		if (!r->taken[i])
			err = rem_append_seen(st, box, &view->seen[i]);
	if (err == SQB_OK) {
		box->row.uidvalidity = view->uidvalidity;
		box->row.uidnext = view->last_uid;
		if (view->last_uid < UINT32_MAX)
			box->row.uidnext++;
		if (view->uidnext > view->last_uid)
			box->row.uidnext = view->uidnext;
		box->row.highestmodseq = view->highestmodseq;
		box->row.pushed = 0;
		err = rem_box_save(st, box);
	}
	return rem_txn_end(sync, st, err);
}

bool rem_rebuild(struct rem_sync *sync, bool went_back)
{
	struct rem_view *view = &sync->view;
	struct rebuild r = { .sync = sync, .went_back = went_back };
	enum sqb_err err = load(&r);
	bool ok, good = false;

	view->last_uid = 0;
	if (err != SQB_OK)
		(void)rem_fail_store(sync, sync->st, err);
	ok = err == SQB_OK && fetch_all(&r, &good);
	if (ok && !good) {
		rem_box_set_error(view->box, "its UIDs have changed, and the "
					     "server did not tell what is in "
					     "it");
		rem_note(sync, REM_WARNING, "%s: %s", view->box->path,
			 view->box->error);
		rem_view_drop_seen(view);
		view->keep = false;
		view->box = NULL;
		rebuild_free(&r);
		return true;
	}
	if (ok && r.count > 0)
		qsort(r.locals, r.count, sizeof(*r.locals), by_size);
	r.taken = sqb_xcalloc(view->seen_count + 1, sizeof(*r.taken));
	ok = ok && fetch_digests(&r);
	if (ok) {
		match(&r);
		look_for_kept(&r);
		ok = put_all(&r);
	}
	if (ok)
		ok = rem_box_look(sync->st, view->box) == SQB_OK;
	rem_view_drop_seen(view);
	view->keep = false;
	view->box->pulled = ok;
	sync->again = true;
	rebuild_free(&r);
	return ok;
}
