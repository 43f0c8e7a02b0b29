/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * One pass: rounds of looking at all mailboxes, until nothing is new.
 */
#include <string.h>
#include <time.h>

#include "fuse/remote/mailboxes.h"
#include "fuse/remote/moved.h"
#include "fuse/remote/pull.h"
#include "fuse/remote/push.h"
#include "fuse/remote/sync.h"

/* What is told makes news, which the next round hears; but not for ever. */
#define ROUNDS_MAX 6
/* Mailboxes whose commands are sent before the first is answered. */
#define AHEAD 4

static bool is_selectable(const struct rem_box *box)
{
	if (!box->exists || box->noselect)
		return false;
	return box->made || (box->listed != NULL &&
			     (box->listed->flags & IMAP_LIST_NOSELECT) == 0);
}

/* Is what the server has the same as it was? */
static bool is_same(const struct rem_box *box)
{
	const struct rem_listed *listed = box->listed;
	const struct sqb_remote_mailbox *row = &box->row;

	return !box->made && listed != NULL && listed->has_status &&
	       listed->highestmodseq != 0 &&
	       listed->highestmodseq == row->highestmodseq &&
	       listed->uidvalidity == row->uidvalidity &&
	       listed->uidnext == row->uidnext;
}

/*
 * STATUS of the mailbox that is selected may be of before (RFC 9051 6.3.11).
 * What is new there is told with NOOP.
 */
static void note_told(struct rem_sync *sync)
{
	struct rem_view *view = &sync->view;

	sync->told.n = 0;
	if (view->box != NULL && rem_view_has_told(view))
		sync->told = view->box->row.id;
	view->box = NULL; /* mailboxes may go */
}

static bool is_unchanged(const struct rem_sync *sync, const struct rem_box *box)
{
	return is_same(box) && box->row.id.n != sync->told.n;
}

static void count_work(struct rem_sync *sync)
{
	struct rem_progress *progress = &sync->progress;
	const struct rem_box *box;
	size_t i;

	progress->folders = (uint32_t)sync->boxes.count;
	progress->folders_done = 0;
	progress->messages = 0;
	for (i = 0; i < sync->boxes.count; i++) {
		box = sync->boxes.list[i];
		if (box->listed != NULL)
			progress->messages += box->listed->messages;
	}
}

static void tell_progress(struct rem_sync *sync, bool complete)
{
	struct rem_progress *progress = &sync->progress;
	struct timespec now;
	double at;

	if (sync->opts->progress == NULL)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	at = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	if (sync->first_at == 0)
		sync->first_at = at;
	if (at > sync->first_at)
		progress->rate =
			(double)progress->messages_done / (at - sync->first_at);
	progress->complete = complete;
	sync->opts->progress(sync->opts->ctx, progress);
}

static bool pull_end(struct rem_sync *sync, const struct rem_pull *pull)
{
	if (!rem_pull_end(sync, pull))
		return false;
	if (pull->box->unsettled)
		sync->again = true;
	sync->progress.folders_done++;
	tell_progress(sync, false);
	return true;
}

/* Those that have changed; INBOX first, since it is what is looked at first. */
static bool pull_all(struct rem_sync *sync)
{
	struct rem_pull pulls[AHEAD];
	size_t sent = 0, ended = 0, turn, i;
	struct rem_box *box;

	for (turn = 0; turn < 2; turn++) {
		for (i = 0; i < sync->boxes.count; i++) {
			box = sync->boxes.list[i];
			if ((strcmp(box->path, "INBOX") == 0) != (turn == 0) ||
			    !is_selectable(box) || is_unchanged(sync, box))
				continue;
			if (sent - ended == AHEAD &&
			    !pull_end(sync, &pulls[ended++ % AHEAD]))
				return false;
			rem_pull_send(sync, box, &pulls[sent++ % AHEAD]);
		}
		for (; ended < sent; ended++)
			if (!pull_end(sync, &pulls[ended % AHEAD]))
				return false;
	}
	for (i = 0; i < sync->boxes.count; i++)
		if (sync->boxes.list[i]->alone &&
		    !rem_pull_box(sync, sync->boxes.list[i]))
			return false;
	return true;
}

static bool has_news(const struct rem_box *box)
{
	return is_selectable(box) && box->highestmodseq > box->row.pushed &&
	       (box->pulled || is_same(box));
}

static bool push_all(struct rem_sync *sync)
{
	size_t i;

	if (!rem_hold_refused(sync))
		return false;
	for (i = 0; i < sync->boxes.count; i++)
		if (has_news(sync->boxes.list[i]) &&
		    !rem_push_new(sync, sync->boxes.list[i]))
			return false;
	for (i = 0; i < sync->boxes.count; i++)
		if (has_news(sync->boxes.list[i]) &&
		    !rem_push_changes(sync, sync->boxes.list[i]))
			return false;
	return true;
}

/* Half of the mailboxes are not lost by one answer. */
static bool list(struct rem_sync *sync, struct rem_listing *listing, bool *ok_r)
{
	struct rem_listing_commands commands;
	size_t before = sync->boxes.count, i;

	for (i = 0; i < 2; i++) {
		rem_listing_send(sync, &commands);
		if (!rem_listing_end(sync, &commands, listing, ok_r))
			return false;
		if (!*ok_r || listing->count * 2 >= before)
			break;
		if (i == 0)
			rem_listing_free(listing);
	}
	return true;
}

static void forget_round(struct rem_sync *sync)
{
	sync->again = false;
	sync->pushed = sync->waiting = 0;
	sync->held_count = 0;
	rem_moved_forget(sync);
}

static bool round_trip(struct rem_sync *sync)
{
	struct rem_listing listing = { 0 };
	bool good = false, ok;
	size_t i;

	forget_round(sync);
	if (sqb_last_modseq(sync->st, &sync->modseq) != SQB_OK)
		sync->modseq = 0;
	ok = list(sync, &listing, &good);
	note_told(sync);
	if (ok && !good)
		rem_note(sync, REM_WARNING, "LIST: %s",
			 imap_client_why(sync->client));
	if (ok && good) {
		ok = rem_mailboxes_pull(sync, &listing);
		if (ok && !sync->opts->readonly)
			ok = rem_mailboxes_push(sync, &listing);
		count_work(sync);
		ok = ok && pull_all(sync);
		if (ok && !sync->opts->readonly)
			ok = push_all(sync) &&
			     (sync->waiting > 0 || rem_mailboxes_delete(sync));
	}
	for (i = 0; i < sync->boxes.count; i++)
		sync->boxes.list[i]->listed = NULL; /* it dies here */
	rem_listing_free(&listing);
	return ok;
}

bool rem_pass(struct rem_sync *sync)
{
	unsigned int rounds;

	sync->failure = REM_NO_FAILURE;
	sync->pulled = sync->pushed_all = sync->refused = 0;
	if (!rem_connect(sync))
		return false;
	for (rounds = 0; rounds < ROUNDS_MAX; rounds++) {
		if (!round_trip(sync)) {
			rem_disconnect(sync);
			return false;
		}
		sync->pushed_all += sync->pushed;
		if (sync->pushed == 0 && !sync->again)
			break;
	}
	tell_progress(sync, true);
	return true;
}

/* They are found again when all is looked at, not only what has changed. */
enum sqb_err rem_retry_rows(struct sqb_store *st)
{
	struct rem_boxes boxes = { 0 };
	enum sqb_err err = rem_boxes_load(st, &boxes);
	size_t i;

	if (err == SQB_OK)
		err = sqb_remote_retry(st);
	for (i = 0; i < boxes.count && err == SQB_OK; i++) {
		boxes.list[i]->row.pushed = 0;
		err = rem_box_save(st, boxes.list[i]);
	}
	rem_boxes_free(&boxes);
	return err;
}
