/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remote/bodies.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/remote/pull.h"

/* A transaction takes so many bodies, or packed about so many octets. */
#define TXN_BODIES 32
#define TXN_OCTETS (4 << 20)
/* And a command: who comes in a hurry waits for two. */
#define SOME 256
#define SOME_OCTETS (1 << 20)

struct body {
	uint32_t remote_uid;
	struct sqb_body_writer *writer; /* own */
};

struct rem_fetch {
	struct rem_sync *sync; /* foreign */
	struct sqb_mailbox_id from;
	struct rem_wanted *list; /* foreign; in the order of remote_uid */
	size_t count;
	struct sqb_body_writer *writer; /* own; of what is just coming */
	bool whole;                     /* it has come */
	enum sqb_err err;
	bool stale;          /* the UIDs have got another meaning */
	struct body *bodies; /* own; waiting for a transaction */
	size_t body_count, body_alloc;
	uint64_t octets;
};

/* Writers belong to the writing handle: each use of one is a turn of ours. */
static struct sqb_store *lock(struct rem_fetch *fetch)
{
	const struct rem_store *store = &fetch->sync->opts->store;

	return store->lock(store->ctx);
}

static void unlock(struct rem_fetch *fetch)
{
	const struct rem_store *store = &fetch->sync->opts->store;

	store->unlock(store->ctx);
}

static void drop_writer(struct rem_fetch *fetch)
{
	if (fetch->writer == NULL)
		return;
	(void)lock(fetch);
	sqb_body_writer_free(&fetch->writer);
	unlock(fetch);
}

void rem_fetch_begin(struct rem_fetch *fetch)
{
	struct sqb_store *st;

	drop_writer(fetch);
	st = lock(fetch);
	fetch->writer = sqb_body_begin(st);
	fetch->whole = false;
	fetch->err = SQB_OK;
	unlock(fetch);
}

/* A body that cannot be written is a failure of the store. */
static void check(struct rem_fetch *fetch, struct sqb_store *st,
		  enum sqb_err err)
{
	if (err == SQB_OK)
		return;
	fetch->err = err;
	(void)rem_fail_store(fetch->sync, st, err);
}

void rem_fetch_data(struct rem_fetch *fetch, const void *data, size_t size)
{
	struct sqb_store *st;

	if (fetch->writer == NULL || fetch->err != SQB_OK)
		return;
	st = lock(fetch);
	check(fetch, st, sqb_body_write(fetch->writer, data, size));
	unlock(fetch);
}

void rem_fetch_end(struct rem_fetch *fetch, bool complete)
{
	struct sqb_store *st;

	if (fetch->writer == NULL || fetch->err != SQB_OK || !complete)
		return;
	st = lock(fetch);
	check(fetch, st, sqb_body_finish(fetch->writer, NULL));
	unlock(fetch);
	fetch->whole = fetch->err == SQB_OK;
}

static int by_uid(const void *a, const void *b)
{
	const struct rem_wanted *x = a, *y = b;

	return (x->remote_uid > y->remote_uid) -
	       (x->remote_uid < y->remote_uid);
}

static struct rem_wanted *find(struct rem_fetch *fetch, uint32_t remote_uid)
{
	struct rem_wanted key = { .remote_uid = remote_uid };

	return bsearch(&key, fetch->list, fetch->count, sizeof(key), by_uid);
}

/*
 * Do the UIDs of the selected mailbox mean what the rows say?  Another
 * connection may have seen a new UIDVALIDITY, and changed these; for ours the
 * old one goes on.
 */
static enum sqb_err check_validity(struct rem_fetch *fetch,
				   struct sqb_store *st)
{
	uint32_t now = 0;
	enum sqb_err err =
		sqb_remote_mailbox_uidvalidity(st, fetch->from, &now);

	if (err != SQB_OK && err != SQB_NOTFOUND)
		return err;
	fetch->stale = now != fetch->sync->view.uidvalidity;
	return SQB_OK;
}

/* Is the message still the one of this UID at the server? */
static enum sqb_err is_of(struct rem_fetch *fetch, struct sqb_store *st,
			  const struct rem_wanted *wanted, bool *is_r)
{
	struct sqb_remote_message row;
	struct sqb_message msg;
	enum sqb_err err = sqb_message_get(st, wanted->box, wanted->uid, &msg);

	if (err == SQB_OK)
		err = sqb_remote_message_find(st, fetch->from,
					      wanted->remote_uid, &row);
	*is_r = err == SQB_OK && row.body.n == msg.body.n;
	return err == SQB_NOTFOUND ? SQB_OK : err;
}

static enum sqb_err fill(struct rem_fetch *fetch, struct sqb_store *st,
			 struct body *body)
{
	struct rem_wanted *wanted = find(fetch, body->remote_uid);
	enum sqb_err err;
	bool is;

	err = is_of(fetch, st, wanted, &is);
	if (err != SQB_OK || !is)
		return err;
	err = sqb_message_fill(st, wanted->box, wanted->uid, body->writer);
	if (err != SQB_OK && err != SQB_EXISTS && err != SQB_NOTFOUND)
		return err;
	wanted->state = REM_GOT;
	return SQB_OK;
}

static bool fill_all(struct rem_fetch *fetch)
{
	struct sqb_store *st;
	enum sqb_err err = SQB_OK;
	size_t i;
	bool ok;

	if (fetch->body_count == 0)
		return true;
	st = rem_txn_begin(fetch->sync);
	if (st != NULL)
		err = check_validity(fetch, st);
	for (i = 0; i < fetch->body_count && err == SQB_OK && st != NULL &&
		    !fetch->stale;
	     i++)
		err = fill(fetch, st, &fetch->bodies[i]);
	ok = st != NULL && rem_txn_end(fetch->sync, st, err);
	(void)lock(fetch);
	for (i = 0; i < fetch->body_count; i++)
		sqb_body_writer_free(&fetch->bodies[i].writer);
	unlock(fetch);
	fetch->body_count = 0;
	fetch->octets = 0;
	return ok;
}

void rem_fetch_uid(struct rem_fetch *fetch, uint32_t uid,
		   const struct imap_value *part)
{
	struct rem_wanted *wanted = find(fetch, uid);
	struct body *body;

	if (!fetch->whole || part->type != IMAP_PART || wanted == NULL ||
	    wanted->state == REM_GOT) {
		drop_writer(fetch);
		fetch->whole = false;
		return;
	}
	fetch->bodies = sqb_xgrow(fetch->bodies, fetch->body_count,
				  &fetch->body_alloc, sizeof(*fetch->bodies));
	body = &fetch->bodies[fetch->body_count++];
	body->remote_uid = uid;
	body->writer = fetch->writer;
	fetch->octets += sqb_body_writer_vsize(fetch->writer);
	fetch->writer = NULL;
	fetch->whole = false;
	if (fetch->body_count >= TXN_BODIES || fetch->octets >= TXN_OCTETS)
		(void)fill_all(fetch);
}

/* The next ones to ask for, from the end of the list; 0: none are left. */
static unsigned int send_some(struct rem_fetch *fetch, size_t *end,
			      unsigned int state)
{
	struct imap_client *client = fetch->sync->client;
	struct rem_ranges uids = { 0 };
	struct rem_wanted *wanted;
	uint64_t octets = 0;
	size_t some = 0;
	char *set;

	while (*end > 0 && some < SOME && octets < SOME_OCTETS) {
		wanted = &fetch->list[--*end];
		if (wanted->state != state)
			continue;
		wanted->state = REM_MISSING;
		rem_ranges_add(&uids, wanted->remote_uid, wanted->remote_uid);
		octets += wanted->size;
		some++;
	}
	rem_ranges_sort(&uids);
	set = rem_ranges_text(&uids);
	rem_ranges_free(&uids);
	if (set == NULL)
		return 0;
	imap_command_begin(client);
	imap_command_text(client, "UID FETCH ");
	imap_command_text(client, set);
	imap_command_text(client, " (UID BODY.PEEK[])");
	free(set);
	return imap_command_send(client);
}

static bool may_go_on(struct rem_sync *sync)
{
	return sync->leave_off == NULL || !sync->leave_off(sync->leave_off_ctx);
}

/*
 * All that are in this state.  The next command is on its way while the answer
 * to one is coming, so nobody waits for a round trip.
 */
static bool ask(struct rem_fetch *fetch, unsigned int state)
{
	struct rem_sync *sync = fetch->sync;
	unsigned int now, next;
	size_t end = fetch->count;
	enum imap_err err;
	bool ok = true;

	sync->fetch = fetch;
	now = send_some(fetch, &end, state);
	while (now != 0 && ok) {
		next = may_go_on(sync) && !fetch->stale
			       ? send_some(fetch, &end, state)
			       : 0;
		ok = rem_wait(sync, now, &err, NULL);
		now = next;
	}
	sync->fetch = NULL;
	/* What has come whole is kept, also when the connection was lost. */
	drop_writer(fetch);
	if (sync->failure == REM_STORE)
		return false;
	return fill_all(fetch) && ok;
}

bool rem_fetch_bodies(struct rem_sync *sync, struct sqb_mailbox_id from,
		      struct rem_wanted *list, size_t count)
{
	struct rem_fetch fetch = {
		.sync = sync, .from = from, .list = list, .count = count
	};
	struct rem_box *box = rem_box_by_id(&sync->boxes, from);
	bool ok = true;
	size_t i;

	if (box == NULL || count == 0)
		return true;
	if (!rem_select(sync, box))
		return false;
	if (sync->view.box != box)
		return true;
	qsort(list, count, sizeof(*list), by_uid);
	ok = ask(&fetch, REM_UNASKED);
	if (ok && !fetch.stale)
		ok = ask(&fetch, REM_MISSING);
	for (i = 0; i < fetch.body_count; i++) { /* after a failure only */
		(void)lock(&fetch);
		sqb_body_writer_free(&fetch.bodies[i].writer);
		unlock(&fetch);
	}
	free(fetch.bodies);
	if (ok && fetch.stale) {
		/* What others wait for is asked for again, by a connection
		   that selects it anew. */
		box->unsettled = true;
		return rem_fail_stale(sync, box);
	}
	return ok;
}
