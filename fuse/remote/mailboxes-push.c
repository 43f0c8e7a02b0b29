/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * What was done to the tree here, told to the server.
 */
#include "fuse/remote/mailboxes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/txn.h"
#include "fuse/imap/mailbox-name.h"
#include "fuse/remote/pull.h"
#include "fuse/remote/push.h"

/* verb name [name2]; *err_r as in rem_wait(). */
static bool command(struct rem_sync *sync, const char *verb, const char *name,
		    const char *name2, enum imap_err *err_r,
		    const struct imap_response **response_r)
{
	unsigned int n;

	imap_command_begin(sync->client);
	imap_command_text(sync->client, verb);
	imap_command_string(sync->client, name, strlen(name));
	if (name2 != NULL) {
		imap_command_text(sync->client, " ");
		imap_command_string(sync->client, name2, strlen(name2));
	}
	n = imap_command_send(sync->client);
	return rem_wait(sync, n, err_r, response_r);
}

static bool save(struct rem_sync *sync, struct rem_box *box)
{
	struct sqb_store *st = rem_txn_begin(sync);

	return st != NULL && rem_txn_end(sync, st, rem_box_save(st, box));
}

static char *server_name(struct rem_sync *sync,
			 const struct rem_listing *listing, const char *path)
{
	const char *why;
	size_t size;
	char *name = imap_path_to_name(path, listing->delimiter, listing->utf8,
				       &size, &why);

	if (name == NULL)
		rem_note(sync, REM_WARNING, "%s cannot be at the server: %s",
			 path, why);
	return name;
}

/* Mailboxes here that have no row, parents first; INBOX is there already. */
struct unknown {
	struct sqb_mailbox_id id;
	char *path; /* own */
};
struct unknowns {
	struct unknown *list; /* own */
	size_t count, alloc;
};

static bool find_unknown(struct rem_sync *sync, struct unknowns *unknowns)
{
	struct sqb_mailbox_iter *it = sqb_mailbox_iter_begin(sync->st);
	struct sqb_mailbox_info info;
	enum sqb_err err;

	while (sqb_mailbox_iter_next(it, &info)) {
		if (info.status.noselect || strcmp(info.name, "INBOX") == 0 ||
		    rem_box_by_id(&sync->boxes, info.status.id) != NULL)
			continue;
		unknowns->list =
			sqb_xgrow(unknowns->list, unknowns->count,
				  &unknowns->alloc, sizeof(*unknowns->list));
		unknowns->list[unknowns->count++] =
			(struct unknown){ info.status.id,
					  sqb_xstrdup(info.name) };
	}
	err = sqb_mailbox_iter_end(&it);
	return err == SQB_OK || rem_fail_store(sync, sync->st, err);
}

static bool add_box(struct rem_sync *sync, const struct unknown *unknown,
		    const char *name)
{
	struct rem_box *box = rem_boxes_add(&sync->boxes);
	struct sqb_store *st = rem_txn_begin(sync);
	enum sqb_err err;

	box->row.id = unknown->id;
	rem_box_set_name(box, name, unknown->path);
	if (st == NULL)
		return false;
	err = rem_box_save(st, box);
	if (err == SQB_OK)
		err = rem_box_look(st, box);
	box->made = true;
	sync->pushed++;
	return rem_txn_end(sync, st, err);
}

static bool already_exists(const struct imap_response *response)
{
	return response != NULL && response->code != NULL &&
	       strcmp(response->code, "ALREADYEXISTS") == 0;
}

static bool create(struct rem_sync *sync, struct rem_listing *listing,
		   const struct unknown *unknown)
{
	const struct imap_response *response = NULL;
	char *name = server_name(sync, listing, unknown->path);
	enum imap_err err;
	bool ok;

	if (name == NULL) {
		sync->refused++;
		return true;
	}
	ok = command(sync, "CREATE ", name, NULL, &err, &response);
	if (ok && (err == IMAP_OK || already_exists(response))) {
		ok = add_box(sync, unknown, name);
	} else if (ok) {
		rem_note(sync, REM_WARNING, "%s: not made at the server: %s",
			 unknown->path, imap_client_why(sync->client));
		sync->refused++;
	}
	free(name);
	return ok;
}

/* There it only has children, here it was made. */
static bool revive(struct rem_sync *sync, struct rem_box *box)
{
	enum imap_err err;

	if (!command(sync, "CREATE ", box->name, NULL, &err, NULL))
		return false;
	box->made = err == IMAP_OK;
	sync->pushed += box->made;
	sync->refused += !box->made;
	if (!box->made)
		rem_box_set_error(box, imap_client_why(sync->client));
	return true;
}

static bool revive_all(struct rem_sync *sync)
{
	struct rem_box *box;
	size_t i;

	for (i = 0; i < sync->boxes.count; i++) {
		box = sync->boxes.list[i];
		if (box->exists && !box->noselect && box->listed != NULL &&
		    (box->listed->flags & IMAP_LIST_NOSELECT) != 0 &&
		    !revive(sync, box))
			return false;
	}
	return true;
}

static bool create_all(struct rem_sync *sync, struct rem_listing *listing)
{
	struct unknowns unknowns = { 0 };
	bool ok = find_unknown(sync, &unknowns);
	size_t i;

	for (i = 0; i < unknowns.count && ok; i++)
		ok = create(sync, listing, &unknowns.list[i]);
	for (i = 0; i < unknowns.count; i++)
		free(unknowns.list[i].path);
	free(unknowns.list);
	rem_boxes_sort(&sync->boxes);
	return ok;
}

/* What a rename of from to to makes of a name below it; NULL: nothing. */
static char *below(const char *name, const char *from, const char *to,
		   char delimiter)
{
	size_t len = strlen(from);

	if (strncmp(name, from, len) != 0 || delimiter == '\0' ||
	    name[len] != delimiter)
		return NULL;
	return sqb_xasprintf("%s%s", to, name + len);
}

/*
 * The inferiors go along: there, as here.  Not those of INBOX: its messages are
 * what moves, and an INBOX without a row stays (RFC 9051 6.3.6).
 */
static bool renamed(struct rem_sync *sync, struct rem_box *box,
		    const char *name, const char *path, char delimiter)
{
	char *old_name = sqb_xstrdup(box->name);
	char *old_path = sqb_xstrdup(box->path);
	bool inbox = strcmp(old_path, "INBOX") == 0;
	struct sqb_store *st = rem_txn_begin(sync);
	char *below_name, *below_path;
	enum sqb_err err;
	size_t i;

	rem_box_set_name(box, name, path);
	if (inbox) { /* whose id it has now, the next LIST says */
		free(box->mailboxid);
		box->mailboxid = NULL;
		sync->view.box = NULL;
	}
	err = st == NULL ? SQB_INTERNAL : rem_box_save(st, box);
	for (i = 0; i < sync->boxes.count && err == SQB_OK && !inbox; i++) {
		struct rem_box *child = sync->boxes.list[i];

		below_name = below(child->name, old_name, name, delimiter);
		below_path = below(child->path, old_path, path, '/');
		if (below_name != NULL && below_path != NULL) {
			rem_box_set_name(child, below_name, below_path);
			err = rem_box_save(st, child);
		}
		free(below_name);
		free(below_path);
	}
	free(old_name);
	free(old_path);
	return st != NULL && rem_txn_end(sync, st, err);
}

/* Can its new name only be free when it has left its own, or another has? */
static bool is_in_the_way(struct rem_sync *sync, const struct rem_box *box)
{
	size_t len = strlen(box->path);

	return rem_box_by_path(&sync->boxes, box->here) != NULL ||
	       (strncmp(box->here, box->path, len) == 0 &&
		box->here[len] == '/');
}

/* To where nothing is: the next round takes it from there. */
static char *aside(const struct rem_box *box)
{
	return sqb_xasprintf("%s~%" PRId64, box->path, box->row.id.n);
}

static bool rename_one(struct rem_sync *sync, struct rem_listing *listing,
		       struct rem_box *box)
{
	bool away = is_in_the_way(sync, box);
	char *path = away ? aside(box) : sqb_xstrdup(box->here);
	char *name = server_name(sync, listing, path);
	enum imap_err err = IMAP_NO;
	bool ok = true;

	if (name != NULL)
		ok = command(sync, "RENAME ", box->name, name, &err, NULL);
	if (ok && err == IMAP_OK) {
		sync->pushed++;
		ok = renamed(sync, box, name, path, listing->delimiter);
	} else if (ok) {
		rem_box_set_error(box, name == NULL
					       ? "its name cannot be there"
					       : imap_client_why(sync->client));
		rem_note(sync, REM_WARNING, "%s: not renamed to %s: %s",
			 box->path, path, box->error);
		sync->refused++;
	}
	free(path);
	free(name);
	return ok;
}

/* Parents first, so that their inferiors go along. */
static int by_path(const void *a, const void *b)
{
	const struct rem_box *x = *(struct rem_box *const *)a;
	const struct rem_box *y = *(struct rem_box *const *)b;

	return strcmp(x->path, y->path);
}

static bool rename_all(struct rem_sync *sync, struct rem_listing *listing)
{
	struct rem_box **list, *box;
	size_t i, count = 0;
	bool ok = true;

	list = sqb_xcalloc(sync->boxes.count + 1, sizeof(*list));
	for (i = 0; i < sync->boxes.count; i++) {
		box = sync->boxes.list[i];
		if (box->exists && box->listed != NULL &&
		    strcmp(box->here, box->path) != 0)
			list[count++] = box;
	}
	if (count > 0)
		qsort(list, count, sizeof(*list), by_path);
	if (count > 0)
		ok = rem_leave(sync);
	for (i = 0; i < count && ok; i++) {
		box = list[i];
		if (strcmp(box->here, box->path) == 0)
			continue; /* it went along */
		ok = rename_one(sync, listing, box);
	}
	free(list);
	return ok;
}

static bool subscribe_all(struct rem_sync *sync)
{
	struct rem_box *box;
	enum imap_err err;
	size_t i;

	for (i = 0; i < sync->boxes.count; i++) {
		box = sync->boxes.list[i];
		if (!box->exists || box->subscribed == box->row.subscribed)
			continue;
		if (!command(sync,
			     box->subscribed ? "SUBSCRIBE " : "UNSUBSCRIBE ",
			     box->name, NULL, &err, NULL))
			return false;
		if (err != IMAP_OK) {
			rem_box_set_error(box, imap_client_why(sync->client));
			sync->refused++;
			continue;
		}
		sync->pushed++;
		box->row.subscribed = box->subscribed;
		if (!save(sync, box))
			return false;
	}
	return true;
}

bool rem_mailboxes_push(struct rem_sync *sync, struct rem_listing *listing)
{
	enum sqb_err err;

	if (!rename_all(sync, listing) || !revive_all(sync) ||
	    !create_all(sync, listing))
		return false;
	/* How those that were made here are subscribed. */
	if (sync->pushed > 0) {
		err = rem_boxes_look_subscribed(sync->st, &sync->boxes);
		if (err != SQB_OK)
			return rem_fail_store(sync, sync->st, err);
	}
	return subscribe_all(sync);
}

/* Nothing has come into it that was not seen here. */
static bool is_known(struct rem_sync *sync, struct rem_box *box, bool *known_r,
		     bool *there_r)
{
	struct rem_listed listed = { .name = box->name };
	struct rem_listing listing = { .list = &listed, .count = 1 };
	enum imap_err err;
	unsigned int n;
	bool ok;

	imap_command_begin(sync->client);
	imap_command_text(sync->client, "STATUS ");
	imap_command_string(sync->client, box->name, strlen(box->name));
	imap_command_text(sync->client, " (MESSAGES UIDNEXT UIDVALIDITY)");
	n = imap_command_send(sync->client);
	sync->listing = &listing;
	ok = rem_wait(sync, n, &err, NULL);
	sync->listing = NULL;
	free(listed.mailboxid);
	*there_r = err == IMAP_OK;
	*known_r = listed.has_status &&
		   (listed.messages == 0 ||
		    (listed.uidvalidity == box->row.uidvalidity &&
		     listed.uidnext <= box->row.uidnext));
	return ok;
}

/* Is there something in it that only it has, and that is needed elsewhere? */
static bool holds(struct rem_sync *sync, const struct rem_box *box,
		  bool *holds_r)
{
	struct sqb_remote_message_iter *it;
	struct sqb_remote_message row;
	enum sqb_err err;

	*holds_r = false;
	if (sync->held_count == 0)
		return true;
	it = sqb_remote_message_iter_begin_remote(sync->st, box->row.id);
	while (!*holds_r && sqb_remote_message_iter_next(it, &row))
		*holds_r = rem_is_held(sync, row.body);
	err = sqb_remote_message_iter_end(&it);
	return err == SQB_OK || rem_fail_store(sync, sync->st, err);
}

static bool delete_one(struct rem_sync *sync, struct rem_box *box)
{
	bool selectable = (box->listed->flags & IMAP_LIST_NOSELECT) == 0;
	bool known = true, there = true;
	enum imap_err err = IMAP_NO;
	struct sqb_store *st;

	if (selectable && !is_known(sync, box, &known, &there))
		return false;
	if (there && known &&
	    !command(sync, "DELETE ", box->name, NULL, &err, NULL))
		return false;
	if (there && err != IMAP_OK)
		rem_note(sync, REM_WARNING, "%s: not deleted at the server: %s",
			 box->path,
			 known ? imap_client_why(sync->client)
			       : "there is new mail in it");
	sync->pushed++;
	sync->again = true;
	st = rem_txn_begin(sync);
	if (st == NULL)
		return false;
	return rem_txn_end(sync, st,
			   sqb_remote_mailbox_forget(st, box->row.id));
}

/* Inferiors first. */
static int deepest_first(const void *a, const void *b)
{
	return by_path(b, a);
}

bool rem_mailboxes_delete(struct rem_sync *sync)
{
	struct rem_box **list, *box;
	size_t i, count = 0;
	bool ok = true;

	list = sqb_xcalloc(sync->boxes.count + 1, sizeof(*list));
	for (i = 0; i < sync->boxes.count; i++) {
		box = sync->boxes.list[i];
		if (box->listed == NULL || strcasecmp(box->path, "INBOX") == 0)
			continue;
		if (!box->exists ||
		    (box->noselect && box->row.uidvalidity != 0 &&
		     (box->listed->flags & IMAP_LIST_NOSELECT) == 0))
			list[count++] = box;
	}
	if (count > 0)
		qsort(list, count, sizeof(*list), deepest_first);
	if (count > 0)
		ok = rem_leave(sync);
	for (i = 0; i < count && ok; i++) {
		bool kept;

		ok = holds(sync, list[i], &kept);
		if (!ok || kept)
			continue;
		ok = delete_one(sync, list[i]);
		if (ok)
			rem_boxes_remove(&sync->boxes, list[i]);
	}
	free(list);
	return ok;
}
