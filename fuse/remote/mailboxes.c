/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The server's tree of mailboxes into the store.
 */
#include "fuse/remote/mailboxes.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/subscription.h"
#include "common/txn.h"

#define LOST_AND_FOUND "lost+found/"

static bool same_id(const struct rem_box *box, const struct rem_listed *listed)
{
	return box->mailboxid != NULL && box->mailboxid[0] != '\0' &&
	       listed->mailboxid != NULL &&
	       strcmp(box->mailboxid, listed->mailboxid) == 0;
}

/* Without ids, a mailbox is known again by numbers that are hardly chance. */
static bool same_numbers(const struct rem_box *box,
			 const struct rem_listed *listed)
{
	return listed->has_status && listed->mailboxid == NULL &&
	       box->row.uidvalidity != 0 && box->row.uidnext > 1 &&
	       box->row.uidvalidity == listed->uidvalidity &&
	       box->row.uidnext == listed->uidnext &&
	       (listed->highestmodseq == 0 ||
		listed->highestmodseq >= box->row.highestmodseq);
}

static struct rem_listed *renamed_to(struct rem_sync *sync,
				     struct rem_listing *listing,
				     const struct rem_box *box)
{
	struct rem_listed *found = NULL;
	size_t i, alike = 0;

	for (i = 0; i < listing->count; i++) {
		if (listing->list[i].taken)
			continue;
		if (same_id(box, &listing->list[i]))
			return &listing->list[i];
		if (same_numbers(box, &listing->list[i])) {
			found = &listing->list[i];
			alike++;
		}
	}
	for (i = 0; i < sync->boxes.count && found != NULL; i++)
		if (sync->boxes.list[i]->listed == NULL &&
		    sync->boxes.list[i] != box &&
		    same_numbers(sync->boxes.list[i], found))
			alike++;
	return alike == 1 ? found : NULL;
}

/* Which of them are which. */
static void match(struct rem_sync *sync, struct rem_listing *listing)
{
	struct rem_listed *listed;
	struct rem_box *box;
	size_t i;

	for (i = 0; i < sync->boxes.count; i++) {
		box = sync->boxes.list[i];
		listed = rem_listing_find(listing, box->name);
		if (listed == NULL || listed->taken)
			continue;
		if (box->mailboxid != NULL && box->mailboxid[0] != '\0' &&
		    listed->mailboxid != NULL && !same_id(box, listed))
			continue; /* another one took this name */
		box->listed = listed;
		listed->taken = true;
	}
	for (i = 0; i < sync->boxes.count; i++) {
		box = sync->boxes.list[i];
		if (box->listed != NULL)
			continue;
		listed = renamed_to(sync, listing, box);
		if (listed == NULL)
			continue;
		box->listed = listed;
		listed->taken = true;
	}
}

/* A mailbox of ours is where one of the server's has to be. */
static enum sqb_err make_room(struct rem_sync *sync, struct sqb_store *st,
			      const char *path)
{
	struct sqb_mailbox_id id;
	enum sqb_err err = sqb_mailbox_find(st, path, &id);
	char *other;

	if (err != SQB_OK || rem_box_by_id(&sync->boxes, id) != NULL)
		return err == SQB_OK ? SQB_EXISTS : err;
	other = sqb_xasprintf("%s~", path);
	err = sqb_mailbox_rename(st, id, other);
	free(other);
	return err;
}

static enum sqb_err rename_here(struct rem_sync *sync, struct sqb_store *st,
				struct rem_box *box)
{
	const struct rem_listed *listed = box->listed;
	enum sqb_err err =
		rem_box_look(st, box); /* its parent may have moved */

	if (err == SQB_OK && box->exists &&
	    strcmp(box->here, listed->path) != 0) {
		err = sqb_mailbox_rename(st, box->row.id, listed->path);
		if (err == SQB_EXISTS) {
			err = make_room(sync, st, listed->path);
			if (err == SQB_OK)
				err = sqb_mailbox_rename(st, box->row.id,
							 listed->path);
		}
	}
	if (err == SQB_OK) {
		rem_note(sync, REM_NOTE, "%s is now %s", box->path,
			 listed->path);
		rem_box_set_name(box, listed->name, listed->path);
		err = rem_box_save(st, box);
	}
	if (err == SQB_EXISTS || err == SQB_INVALID) {
		box->unsettled = true; /* two names were exchanged */
		err = SQB_OK;
	}
	return err;
}

/* What was never told to the server goes to where it is not lost. */
static enum sqb_err rescue(struct rem_sync *sync, struct sqb_store *st,
			   const struct rem_box *box)
{
	struct sqb_message_iter *it =
		sqb_message_iter_begin(st, box->row.id, 1, UINT32_MAX);
	struct sqb_remote_message row;
	struct sqb_mailbox_id to;
	struct sqb_message msg;
	uint32_t *uids = NULL, uid;
	size_t count = 0, alloc = 0, i;
	enum sqb_err err = SQB_OK, end;
	char *path;

	while (err == SQB_OK && sqb_message_iter_next(it, &msg)) {
		err = sqb_remote_message_get(st, box->row.id, msg.uid, &row);
		if (err != SQB_OK && err != SQB_NOTFOUND)
			break;
		if (err == SQB_OK && row.state == SQB_REMOTE_SYNCED)
			continue;
		uids = sqb_xgrow(uids, count, &alloc, sizeof(*uids));
		uids[count++] = msg.uid;
		err = SQB_OK;
	}
	end = sqb_message_iter_end(&it);
	if (err == SQB_OK)
		err = end;
	path = sqb_xasprintf(LOST_AND_FOUND "%s", box->here);
	if (err == SQB_OK && count > 0) {
		rem_note(sync, REM_WARNING,
			 "%s was deleted at the server: what it had not got "
			 "yet is in %s",
			 box->here, path);
		err = sqb_mailbox_find(st, path, &to);
		if (err == SQB_NOTFOUND)
			err = sqb_mailbox_create(st, path, NULL, &to);
	}
	for (i = 0; i < count && err == SQB_OK; i++)
		err = sqb_message_move(st, box->row.id, uids[i], to, NULL,
				       &uid);
	free(path);
	free(uids);
	return err;
}

static enum sqb_err gone(struct rem_sync *sync, struct sqb_store *st,
			 struct rem_box *box)
{
	enum sqb_err err = SQB_OK;

	if (box->exists && strcmp(box->here, "INBOX") != 0) {
		if (!box->noselect)
			err = rescue(sync, st, box);
		if (err == SQB_OK)
			err = sqb_mailbox_delete(st, box->row.id);
		if (err == SQB_INVALID)
			err = SQB_OK; /* \Noselect, with children */
	}
	if (err == SQB_OK)
		err = sqb_remote_mailbox_forget(st, box->row.id);
	if (err == SQB_OK)
		sync->pulled++;
	return err;
}

enum fate { SAME, RENAMED, GONE, REVIVED };

/* What became of it at the server; whole: what is not listed is gone. */
static enum fate fate_of(struct rem_box *box, bool whole)
{
	const struct rem_listed *listed = box->listed;
	bool was_there = box->row.uidvalidity != 0;

	if (listed == NULL)
		return whole ? GONE : SAME;
	if (box->exists && (listed->flags & IMAP_LIST_NOSELECT) != 0 &&
	    !box->noselect && was_there)
		return GONE; /* it was deleted, and has children */
	if (box->exists && (listed->flags & IMAP_LIST_NOSELECT) == 0 &&
	    box->noselect && !was_there)
		return REVIVED;
	return strcmp(listed->name, box->name) == 0 ? SAME : RENAMED;
}

static enum sqb_err take_fate(struct rem_sync *sync, struct sqb_store *st,
			      struct rem_box *box, enum fate fate)
{
	struct sqb_mailbox_id id;
	enum sqb_err err = SQB_OK;

	switch (fate) {
	case SAME:
		break;
	case RENAMED:
		return rename_here(sync, st, box);
	case GONE:
		if (box->listed != NULL)
			box->listed->taken = false; /* by another row, then */
		err = gone(sync, st, box);
		rem_boxes_remove(&sync->boxes, box);
		break;
	case REVIVED:
		err = sqb_mailbox_create(st, box->here, NULL, &id);
		if (err == SQB_OK)
			err = rem_box_look(st, box);
		break;
	}
	return err;
}

/* A list without INBOX, which no account can lose, is not all. */
static bool is_whole(struct rem_sync *sync)
{
	const struct rem_box *inbox = rem_box_by_path(&sync->boxes, "INBOX");
	bool whole = inbox == NULL || inbox->listed != NULL;

	if (!whole)
		rem_note(sync, REM_WARNING,
			 "the server's list of folders has no INBOX: what is "
			 "not in it is kept");
	return whole;
}

/* What the server has done to those that we know. */
static bool take_old(struct rem_sync *sync)
{
	struct sqb_store *st = NULL;
	enum sqb_err err = SQB_OK;
	bool whole = is_whole(sync);
	enum fate fate;
	size_t i = 0;

	while (i < sync->boxes.count && err == SQB_OK) {
		fate = fate_of(sync->boxes.list[i], whole);
		if (fate != SAME && st == NULL)
			st = rem_txn_begin(sync);
		if (fate != SAME && st == NULL)
			return false;
		if (fate != SAME)
			err = take_fate(sync, st, sync->boxes.list[i], fate);
		if (fate != GONE)
			i++;
	}
	return st == NULL || rem_txn_end(sync, st, err);
}

static unsigned int uses_of(const struct rem_listed *listed)
{
	return (listed->flags / IMAP_LIST_ALL) & 0xff;
}

static enum sqb_err make_here(struct sqb_store *st, struct rem_box *box,
			      const struct rem_listed *listed)
{
	struct sqb_mailbox_create args = {
		.noselect = (listed->flags & IMAP_LIST_NOSELECT) != 0
	};
	struct sqb_mailbox_update update = { .set_special_use = true,
					     .special_use = uses_of(listed) };
	struct sqb_mailbox_status status;
	enum sqb_err err = sqb_mailbox_find(st, listed->path, &box->row.id);
	bool made = err == SQB_NOTFOUND;

	if (made)
		err = sqb_mailbox_create(st, listed->path, &args, &box->row.id);
	if (err == SQB_OK && update.special_use != 0)
		err = sqb_mailbox_update(st, box->row.id, &update);
	if (err == SQB_OK)
		err = sqb_mailbox_status(st, box->row.id, &status);
	if (err == SQB_OK && status.noselect && !args.noselect)
		err = sqb_mailbox_create(st, listed->path, &args, &box->row.id);
	if (err == SQB_OK && box->row.subscribed)
		err = sqb_subscribe(st, listed->path, true, NULL);
	if (err == SQB_OK && made)
		err = sqb_mailbox_status(st, box->row.id, &status);
	if (err == SQB_OK && made)
		box->row.pushed = status.highestmodseq;
	return err;
}

/* Is it to be where another of the server's is?  Known ones are in order. */
static enum sqb_err is_second(struct rem_sync *sync, struct sqb_store *st,
			      size_t known, const struct rem_listed *listed,
			      bool *second_r)
{
	const struct rem_boxes old = { .list = sync->boxes.list,
				       .count = known };
	struct sqb_mailbox_id id;
	enum sqb_err err = sqb_mailbox_find(st, listed->path, &id);

	*second_r = listed->twin ||
		    (err == SQB_OK && rem_box_by_id(&old, id) != NULL);
	if (*second_r)
		rem_note(sync, REM_WARNING,
			 "%s: two folders of the server have this name here, "
			 "one is not shown",
			 listed->path);
	return err == SQB_NOTFOUND ? SQB_OK : err;
}

/* Mailboxes that we do not know.  One of the same name here is the same. */
static bool take_new(struct rem_sync *sync, struct rem_listing *listing)
{
	struct sqb_store *st = NULL;
	enum sqb_err err = SQB_OK;
	struct rem_listed *listed;
	struct rem_box *box;
	size_t known = sync->boxes.count, i;
	bool second;

	for (i = 0; i < listing->count && err == SQB_OK; i++) {
		listed = &listing->list[i];
		if (listed->taken)
			continue;
		if (st == NULL)
			st = rem_txn_begin(sync);
		if (st == NULL)
			return false;
		err = is_second(sync, st, known, listed, &second);
		if (err != SQB_OK || second)
			continue;
		listed->taken = true;
		box = rem_boxes_add(&sync->boxes);
		rem_box_set_name(box, listed->name, listed->path);
		box->listed = listed;
		box->row.subscribed =
			(listed->flags & IMAP_LIST_SUBSCRIBED) != 0;
		err = make_here(st, box, listed);
		if (err == SQB_OK && listed->mailboxid != NULL)
			box->mailboxid = sqb_xstrdup(listed->mailboxid);
		if (err == SQB_OK)
			err = rem_box_save(st, box);
		if (err == SQB_OK)
			err = rem_box_look(st, box);
		box->subscribed = box->row.subscribed;
		sync->pulled++;
	}
	return st == NULL || rem_txn_end(sync, st, err);
}

/* Subscription and ids of those that we know. */
static enum sqb_err refresh(struct sqb_store *st, struct rem_box *box)
{
	const struct rem_listed *listed = box->listed;
	bool there = (listed->flags & IMAP_LIST_SUBSCRIBED) != 0;
	struct sqb_mailbox_update update = { .set_special_use = true,
					     .special_use = uses_of(listed) };
	enum sqb_err err = SQB_OK;

	if (box->exists && there != box->row.subscribed &&
	    box->subscribed == box->row.subscribed) {
		err = sqb_subscribe(st, box->here, there, NULL);
		box->subscribed = there;
	}
	box->row.subscribed = there;
	if (listed->mailboxid != NULL) {
		free(box->mailboxid);
		box->mailboxid = sqb_xstrdup(listed->mailboxid);
	}
	if (err == SQB_OK && box->exists && box->special_use != uses_of(listed))
		err = sqb_mailbox_update(st, box->row.id, &update);
	box->special_use = uses_of(listed);
	return err == SQB_OK ? rem_box_save(st, box) : err;
}

static bool needs_refresh(const struct rem_sync *sync,
			  const struct rem_box *box)
{
	const struct rem_listed *listed = box->listed;

	if (((listed->flags & IMAP_LIST_SUBSCRIBED) != 0) !=
	    box->row.subscribed)
		return true;
	if (rem_can(sync, IMAP_CAP_SPECIAL_USE) && box->exists &&
	    box->special_use != uses_of(listed))
		return true;
	return listed->mailboxid != NULL &&
	       (box->mailboxid == NULL ||
		strcmp(box->mailboxid, listed->mailboxid) != 0);
}

static bool refresh_all(struct rem_sync *sync)
{
	struct sqb_store *st = NULL;
	enum sqb_err err = SQB_OK;
	struct rem_box *box;
	size_t i;

	for (i = 0; i < sync->boxes.count && err == SQB_OK; i++) {
		box = sync->boxes.list[i];
		if (box->listed == NULL || !needs_refresh(sync, box))
			continue;
		if (st == NULL)
			st = rem_txn_begin(sync);
		if (st == NULL)
			return false;
		err = refresh(st, box);
	}
	return st == NULL || rem_txn_end(sync, st, err);
}

bool rem_mailboxes_pull(struct rem_sync *sync, struct rem_listing *listing)
{
	enum sqb_err err = rem_boxes_load(sync->st, &sync->boxes);

	if (err != SQB_OK)
		return rem_fail_store(sync, sync->st, err);
	match(sync, listing);
	if (!take_old(sync) || !take_new(sync, listing) || !refresh_all(sync))
		return false;
	rem_boxes_sort(&sync->boxes);
	return true;
}
