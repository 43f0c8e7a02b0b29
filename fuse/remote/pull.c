/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remote/pull.h"

#include <inttypes.h>
#include <string.h>

#include "fuse/remote/apply.h"

static void select_command(struct rem_sync *sync, const struct rem_pull *pull)
{
	struct rem_box *box = pull->box;

	imap_command_begin(sync->client);
	imap_command_text(sync->client, sync->opts->readonly || sync->examine
						? "EXAMINE "
						: "SELECT ");
	imap_command_string(sync->client, box->name, strlen(box->name));
	if (pull->qresync)
		imap_command_format(
			sync->client, " (QRESYNC (%" PRIu32 " %" PRIu64 "))",
			box->row.uidvalidity, box->row.highestmodseq);
	else if (rem_can(sync, IMAP_CAP_CONDSTORE))
		imap_command_text(sync->client, " (CONDSTORE)");
}

static unsigned int search_all(struct rem_sync *sync)
{
	imap_command_begin(sync->client);
	imap_command_text(sync->client, rem_can(sync, IMAP_CAP_ESEARCH)
						? "UID SEARCH RETURN (ALL) ALL"
						: "UID SEARCH ALL");
	return imap_command_send(sync->client);
}

/* Flags of what is known, and what of it is still there. */
static void send_flags(struct rem_sync *sync, struct rem_pull *pull)
{
	const struct sqb_remote_mailbox *row = &pull->box->row;

	if (row->uidnext <= 1)
		return;
	imap_command_begin(sync->client);
	if (row->highestmodseq > 0 && rem_can(sync, IMAP_CAP_CONDSTORE)) {
		imap_command_format(sync->client,
				    "UID FETCH 1:%" PRIu32
				    " (UID FLAGS) (CHANGEDSINCE %" PRIu64 ")",
				    row->uidnext - 1, row->highestmodseq);
		pull->flags = imap_command_send(sync->client);
		pull->search = search_all(sync);
		return;
	}
	imap_command_format(sync->client, "UID FETCH 1:%" PRIu32 " (UID FLAGS)",
			    row->uidnext - 1);
	pull->flags = imap_command_send(sync->client);
}

void rem_pull_send(struct rem_sync *sync, struct rem_box *box,
		   struct rem_pull *pull)
{
	uint32_t from = box->row.uidnext == 0 ? 1 : box->row.uidnext;

	*pull = (struct rem_pull){ .box = box };
	sync->ahead++;
	pull->qresync = rem_can(sync, IMAP_CAP_QRESYNC) &&
			box->row.uidvalidity != 0 &&
			box->row.highestmodseq != 0;
	select_command(sync, pull);
	pull->select = imap_command_send(sync->client);
	if (!pull->qresync)
		send_flags(sync, pull);
	imap_command_begin(sync->client);
	imap_command_format(sync->client,
			    "UID FETCH %" PRIu32
			    ":* (UID FLAGS INTERNALDATE RFC822.SIZE)",
			    from);
	pull->fetch = imap_command_send(sync->client);
}

bool rem_list_uids(struct rem_sync *sync, struct rem_ranges *uids, bool *ok_r)
{
	struct rem_view *view = &sync->view;
	enum imap_err err;

	view->found.count = 0;
	view->search_broken = false;
	if (!rem_wait(sync, search_all(sync), &err, NULL))
		return false;
	rem_ranges_free(uids);
	*uids = view->found;
	view->found = (struct rem_ranges){ 0 };
	rem_ranges_sort(uids);
	*ok_r = err == IMAP_OK && !view->search_broken;
	return true;
}

/* The UIDs of our rows, from that on, that are not in the list. */
static bool find_missing(struct rem_sync *sync, const struct rem_ranges *sorted,
			 uint32_t from, struct rem_ranges *missing)
{
	struct sqb_remote_message_iter *it =
		sqb_remote_message_iter_begin_remote(sync->st,
						     sync->view.box->row.id);
	struct sqb_remote_message row;
	enum sqb_err err;

	while (sqb_remote_message_iter_next(it, &row))
		if (row.state == SQB_REMOTE_SYNCED && row.remote_uid >= from &&
		    !rem_ranges_have(sorted, row.remote_uid))
			rem_ranges_add(missing, row.remote_uid, row.remote_uid);
	err = sqb_remote_message_iter_end(&it);
	return err == SQB_OK || rem_fail_store(sync, sync->st, err);
}

/* How many of our rows are among them; of how many. */
static bool count_rows(struct rem_sync *sync, const struct rem_ranges *sorted,
		       uint64_t *among_r, uint64_t *all_r)
{
	struct sqb_remote_message_iter *it =
		sqb_remote_message_iter_begin_remote(sync->st,
						     sync->view.box->row.id);
	struct sqb_remote_message row;
	enum sqb_err err;

	*among_r = *all_r = 0;
	while (sqb_remote_message_iter_next(it, &row)) {
		if (row.state != SQB_REMOTE_SYNCED)
			continue;
		++*all_r;
		*among_r += rem_ranges_have(sorted, row.remote_uid);
	}
	err = sqb_remote_message_iter_end(&it);
	return err == SQB_OK || rem_fail_store(sync, sync->st, err);
}

/*
 * Only what two lists of the server leave out is gone.  *sure_r: it gave them,
 * and the last has as many as it says there are.
 */
static bool believe(struct rem_sync *sync, struct rem_ranges *vanished,
		    bool *sure_r)
{
	struct rem_ranges uids = { 0 }, gone = { 0 };
	bool good = false, ok = true;
	unsigned int i;

	for (i = 0; i < 2 && ok; i++) {
		ok = rem_list_uids(sync, &uids, &good);
		gone.count = 0;
		if (ok && good)
			ok = find_missing(sync, &uids, 1, &gone);
		rem_ranges_sort(&gone);
		if (rem_ranges_size(&gone) < rem_ranges_size(vanished) ||
		    i == 0) {
			rem_ranges_free(vanished);
			*vanished = gone;
			gone = (struct rem_ranges){ 0 };
		}
	}
	*sure_r = ok && good && rem_ranges_size(&uids) >= sync->view.exists;
	rem_ranges_free(&gone);
	rem_ranges_free(&uids);
	return ok;
}

/*
 * May more commands be sent?  Not while those of another mailbox are on their
 * way, which select it: then this one is pulled once more, after them.
 */
static bool is_alone(const struct rem_sync *sync, struct rem_box *box)
{
	if (sync->ahead > 0)
		box->alone = true;
	return sync->ahead == 0;
}

/* *sure_r false: the server contradicts itself, and nothing was done. */
static bool take_vanished(struct rem_sync *sync, const struct rem_pull *pull,
			  bool listed, bool *sure_r)
{
	struct rem_view *view = &sync->view;
	struct rem_ranges vanished = view->vanished;
	uint64_t among, all;
	bool ok = true, doubt = false;

	*sure_r = true;
	view->vanished = (struct rem_ranges){ 0 };
	/* What we sent since the last pull may be gone before we saw it. */
	if ((listed && !view->search_broken) || !pull->box->none_above) {
		rem_ranges_sort(&view->found);
		doubt = pull->search != 0 &&
			rem_ranges_size(&view->found) < view->exists;
		ok = find_missing(sync, &view->found,
				  listed ? 1 : pull->box->row.uidnext,
				  &vanished);
	}
	rem_ranges_sort(&vanished);
	if (ok && vanished.count > 0)
		ok = count_rows(sync, &vanished, &among, &all);
	if (ok && vanished.count > 0 && (doubt || among * 2 > all)) {
		if (!is_alone(sync, pull->box)) {
			rem_ranges_free(&vanished);
			return true;
		}
		rem_note(sync, REM_NOTE,
			 "%s: %" PRIu64 " of %" PRIu64
			 " messages are gone: asking again",
			 pull->box->path, among, all);
		ok = believe(sync, &vanished, sure_r);
	}
	if (ok && *sure_r)
		ok = rem_apply_vanished(sync, &vanished);
	rem_ranges_free(&vanished);
	return ok;
}

/* Commands that are of no use any more. */
static bool drain(struct rem_sync *sync, const struct rem_pull *pull)
{
	enum imap_err err;

	sync->view.ignore = true;
	return (pull->flags == 0 || rem_wait(sync, pull->flags, &err, NULL)) &&
	       (pull->search == 0 ||
		rem_wait(sync, pull->search, &err, NULL)) &&
	       rem_wait(sync, pull->fetch, &err, NULL);
}

static void look_at(struct rem_sync *sync, struct rem_box *box)
{
	rem_view_clear(&sync->view);
	rem_diff_free(&sync->diff);
	sync->view.box = box;
	sync->view.keep = true;
}

bool rem_select(struct rem_sync *sync, struct rem_box *box)
{
	struct rem_pull pull = { .box = box };
	enum imap_err err;

	if (sync->view.box == box)
		return true;
	look_at(sync, box);
	sync->view.ignore = true;
	select_command(sync, &pull);
	if (!rem_wait(sync, imap_command_send(sync->client), &err, NULL))
		return false;
	if (err != IMAP_OK || sync->view.uidvalidity != box->row.uidvalidity) {
		box->unsettled = true;
		sync->view.box = NULL;
	}
	rem_view_drop_seen(&sync->view);
	sync->view.ignore = sync->view.keep = false;
	sync->view.arrived = sync->view.expunged = false; /* of SELECT */
	return true;
}

bool rem_leave(struct rem_sync *sync)
{
	struct rem_box *inbox = rem_box_by_path(&sync->boxes, "INBOX");

	return inbox == NULL || rem_select(sync, inbox);
}

static bool diff_first(struct rem_sync *sync, struct rem_box *box)
{
	enum sqb_err err = rem_box_look(sync->st, box);

	if (err == SQB_OK && box->highestmodseq > box->row.pushed)
		err = rem_diff_make(sync->st, box, &sync->diff);
	return err == SQB_OK || rem_fail_store(sync, sync->st, err);
}

/* What of the rest was answered, into the store. */
static bool take_rest(struct rem_sync *sync, const struct rem_pull *pull)
{
	struct rem_view *view = &sync->view;
	enum imap_err flags = IMAP_OK, search = IMAP_OK, fetch;
	bool listed = pull->flags != 0, sure;

	view->keep = false;
	if (!rem_apply_seen(sync))
		return false;
	view->listing = true; /* in addition to what SEARCH says */
	if (listed && !rem_wait(sync, pull->flags, &flags, NULL))
		return false;
	if (pull->search != 0 && !rem_wait(sync, pull->search, &search, NULL))
		return false;
	if (!rem_wait(sync, pull->fetch, &fetch, NULL) || !rem_apply_seen(sync))
		return false;
	if (view->held_count > 0 && !is_alone(sync, pull->box))
		return true;
	if (!rem_apply_held(sync) ||
	    !take_vanished(sync, pull,
			   listed && flags == IMAP_OK && search == IMAP_OK,
			   &sure))
		return false;
	if (pull->box->alone)
		return true;
	if (view->expunged)
		pull->box->unsettled = true;
	if (!sure)
		pull->box->unsettled = true;
	if (!sure)
		rem_box_set_error(pull->box, "the server's list of messages "
					     "is not all that it has");
	else if (flags != IMAP_OK || search != IMAP_OK || fetch != IMAP_OK)
		rem_box_set_error(pull->box, "the server did not tell what is "
					     "in it");
	/* What it has not told it is asked for again. */
	if (pull->box->error != NULL)
		return true;
	pull->box->pulled = true;
	pull->box->none_above = true;
	return rem_apply_end(sync);
}

bool rem_pull_end(struct rem_sync *sync, const struct rem_pull *pull)
{
	struct rem_view *view = &sync->view;
	struct rem_box *box = pull->box;
	const struct sqb_remote_mailbox *row = &box->row;
	enum imap_err err;

	sync->ahead--;
	box->alone = false;
	look_at(sync, box);
	if (!diff_first(sync, box) || !rem_wait(sync, pull->select, &err, NULL))
		return false;
	if (err != IMAP_OK) {
		rem_box_set_error(box, imap_client_why(sync->client));
		if (!drain(sync, pull))
			return false;
		view->box = NULL;
		return true;
	}
	rem_box_set_error(box, NULL);
	view->arrived = view->expunged = false; /* of SELECT */
	if (row->uidvalidity != 0 && view->uidvalidity != row->uidvalidity) {
		rem_note(sync, REM_WARNING,
			 "%s: UIDVALIDITY was %" PRIu32 ", is %" PRIu32,
			 box->path, row->uidvalidity, view->uidvalidity);
		return drain(sync, pull) &&
		       (!is_alone(sync, box) || rem_rebuild(sync, false));
	}
	if ((view->uidnext != 0 && view->uidnext < row->uidnext) ||
	    (view->highestmodseq != 0 &&
	     view->highestmodseq < row->highestmodseq)) {
		rem_note(sync, REM_WARNING,
			 "%s: the server's is an older state than ours",
			 box->path);
		return drain(sync, pull) &&
		       (!is_alone(sync, box) || rem_rebuild(sync, true));
	}
	return take_rest(sync, pull);
}
