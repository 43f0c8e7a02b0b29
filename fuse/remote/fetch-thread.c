/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The thread that fetches bodies: those that somebody waits for, then, if that
 * is wanted, all others, the newest first.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuse/remote/bodies.h"
#include "fuse/remote/remote-private.h"

/* A connection that nobody needs is kept so long. */
#define KEEP_MS 60000
/* Those after one that is asked for in order: so many at most. */
#define AHEAD_MAX 64
#define PAUSE_MS 1000

struct sequence {
	struct sqb_mailbox_id box;
	uint32_t last; /* what was fetched ends here */
	size_t ahead;
};

/* Whoever waits for it has it, or knows why not; the lock is held. */
static void answer(struct rem *rem, struct sqb_mailbox_id box, uint32_t uid,
		   enum rem_result result)
{
	struct rem_want **p = &rem->wants, *want;

	while ((want = *p) != NULL) {
		if (!want->done && want->uid == uid && want->box.n == box.n) {
			want->done = true;
			want->result = result;
			if (want->waiting == 0) {
				*p = want->next;
				free(want);
				continue;
			}
		}
		p = &want->next;
	}
	(void)pthread_cond_broadcast(&rem->news);
}

static void answer_all(struct rem *rem, enum rem_result result)
{
	struct rem_want *want;

	(void)pthread_mutex_lock(&rem->lock);
	do {
		for (want = rem->wants; want != NULL; want = want->next)
			if (!want->done)
				break;
		if (want != NULL)
			answer(rem, want->box, want->uid, result);
	} while (want != NULL);
	(void)pthread_mutex_unlock(&rem->lock);
}

/* How many after it are asked for, too: more and more, in a row. */
static size_t go_on(struct sequence *seq, struct sqb_mailbox_id box,
		    uint32_t uid)
{
	if (seq->box.n == box.n && uid > seq->last &&
	    uid - seq->last <= AHEAD_MAX)
		seq->ahead = seq->ahead == 0 ? 4 : seq->ahead * 4;
	else
		seq->ahead = 0;
	if (seq->ahead > AHEAD_MAX)
		seq->ahead = AHEAD_MAX;
	return seq->ahead;
}

static bool load_boxes(struct rem_sync *sync)
{
	enum sqb_err err = rem_boxes_load(sync->st, &sync->boxes);

	return err == SQB_OK || rem_fail_store(sync, sync->st, err);
}

/* Mailboxes as the sync thread knows them now, if the first try fails. */
static bool fetch(struct rem_sync *sync, struct sqb_mailbox_id from,
		  struct rem_wanted *list, size_t count)
{
	struct rem_box *box = rem_box_by_id(&sync->boxes, from);

	if (box == NULL || box->unsettled) {
		if (!load_boxes(sync))
			return false;
		box = rem_box_by_id(&sync->boxes, from);
	}
	if (!rem_fetch_bodies(sync, from, list, count))
		return false;
	if (box == NULL || sync->view.box == box)
		return true;
	return load_boxes(sync) && rem_fetch_bodies(sync, from, list, count);
}

static bool fetch_wanted(struct rem *rem, struct sqb_mailbox_id box,
			 uint32_t uid, struct sequence *seq)
{
	struct rem_sync *sync = &rem->fetch;
	struct rem_wanted list[AHEAD_MAX + 1];
	struct sqb_mailbox_id from;
	bool found, absent, ok;
	size_t count = 0, i;

	if (!rem_find_body(sync, box, uid, &from, &list[0], &found, &absent))
		return false;
	if (!absent || !found) {
		(void)pthread_mutex_lock(&rem->lock);
		answer(rem, box, uid, absent ? REM_GONE : REM_OK);
		(void)pthread_mutex_unlock(&rem->lock);
		return true;
	}
	if (!rem_connect(sync))
		return false;
	i = go_on(seq, box, uid);
	if (i > 0 && from.n == box.n &&
	    !rem_absent_after(sync, box, uid, i, list + 1, &count))
		return false;
	count++;
	seq->box = box;
	seq->last = list[count - 1].uid;
	ok = fetch(sync, from, list, count);
	(void)pthread_mutex_lock(&rem->lock);
	for (i = 0; i < count; i++) {
		if (list[i].state == REM_GOT)
			answer(rem, list[i].box, list[i].uid, REM_OK);
		else if (ok && list[i].uid == uid &&
			 list[i].state == REM_MISSING)
			answer(rem, list[i].box, list[i].uid, REM_GONE);
	}
	(void)pthread_mutex_unlock(&rem->lock);
	return ok;
}

/* What to do next; the lock is held.  NULL: not for anybody. */
static struct rem_want *first_want(struct rem *rem)
{
	struct rem_want *want = rem->wants;

	while (want != NULL && want->done)
		want = want->next;
	return want;
}

static bool somebody_waits(void *ctx)
{
	struct rem *rem = ctx;
	bool waits;

	(void)pthread_mutex_lock(&rem->lock);
	waits = rem->stopping || first_want(rem) != NULL;
	(void)pthread_mutex_unlock(&rem->lock);
	return waits;
}

/* Some of those that nobody waits for; *more_r: there are others. */
static bool fetch_unasked(struct rem *rem, bool *more_r)
{
	struct rem_sync *sync = &rem->fetch;
	struct rem_wanted list[REM_WANTED_MAX];
	struct sqb_mailbox_id from;
	int days = rem->opts.bodies_days;
	int64_t since = days < 0 ? INT64_MIN
				 : (int64_t)time(NULL) - INT64_C(86400) * days;
	size_t count, i;
	bool ok;

	*more_r = false;
	if (days == 0)
		return true;
	if (!rem_next_absent(sync, since, &from, list, &count))
		return false;
	if (count == 0)
		return true;
	*more_r = true;
	sync->leave_off = somebody_waits;
	sync->leave_off_ctx = rem;
	ok = rem_connect(sync) && fetch(sync, from, list, count);
	sync->leave_off = NULL;
	if (!ok)
		return false;
	for (i = 0; i < count; i++)
		if (list[i].state == REM_MISSING)
			rem_give_up(sync, list[i].box, list[i].uid);
	return true;
}

static void take_traffic(struct rem *rem, bool over)
{
	struct imap_traffic *all = &rem->fetch_traffic;

	if (rem->fetch.client == NULL)
		return;
	rem->fetch_now = imap_client_traffic(rem->fetch.client);
	if (!over)
		return;
	all->received += rem->fetch_now.received;
	all->sent += rem->fetch_now.sent;
	all->waits += rem->fetch_now.waits;
	memset(&rem->fetch_now, 0, sizeof(rem->fetch_now));
}

static void hang_up(struct rem *rem)
{
	(void)pthread_mutex_lock(&rem->lock);
	take_traffic(rem, true);
	(void)pthread_mutex_unlock(&rem->lock);
	rem_disconnect(&rem->fetch);
}

/* Those who wait learn it; the others are tried again later. */
static void failed(struct rem *rem)
{
	struct rem_sync *sync = &rem->fetch;
	struct timespec until = rem_after(PAUSE_MS);

	answer_all(rem, sync->failure == REM_STORE ? REM_FAILED : REM_OFFLINE);
	hang_up(rem);
	(void)pthread_mutex_lock(&rem->lock);
	rem_keep_error(rem, sync->why == NULL ? "?" : sync->why);
	while (!rem->stopping && rem->wants == NULL &&
	       rem_news_wait(rem, &until))
		continue;
	(void)pthread_mutex_unlock(&rem->lock);
	sync->failure = REM_NO_FAILURE;
}

/* Wait for something to do.  false: it is time to stop. */
static bool wait_for_work(struct rem *rem, struct sqb_mailbox_id *box_r,
			  uint32_t *uid_r)
{
	struct timespec until = rem_after(KEEP_MS);
	struct rem_want *want;
	bool kept = true;

	(void)pthread_mutex_lock(&rem->lock);
	take_traffic(rem, false);
	while (!rem->stopping && first_want(rem) == NULL &&
	       !(rem->absent && rem->link == REM_UP)) {
		if (kept && rem->fetch.client != NULL) {
			kept = rem_news_wait(rem, &until);
			continue;
		}
		if (rem->fetch.client != NULL) {
			(void)pthread_mutex_unlock(&rem->lock);
			hang_up(rem);
			(void)pthread_mutex_lock(&rem->lock);
			continue;
		}
		(void)pthread_cond_wait(&rem->news, &rem->lock);
	}
	want = first_want(rem);
	*uid_r = 0;
	if (want != NULL) {
		*box_r = want->box;
		*uid_r = want->uid;
	} else {
		rem->absent = false;
	}
	kept = !rem->stopping;
	(void)pthread_mutex_unlock(&rem->lock);
	return kept;
}

void *rem_fetch_main(void *ctx)
{
	struct rem *rem = ctx;
	struct sequence seq = { 0 };
	struct sqb_mailbox_id box;
	bool more, ok;
	uint32_t uid;

	while (wait_for_work(rem, &box, &uid)) {
		more = false;
		ok = uid != 0 ? fetch_wanted(rem, box, uid, &seq)
			      : fetch_unasked(rem, &more);
		if (!ok)
			failed(rem);
		if (more) {
			(void)pthread_mutex_lock(&rem->lock);
			rem->absent = true;
			(void)pthread_mutex_unlock(&rem->lock);
		}
	}
	answer_all(rem, REM_OFFLINE);
	return NULL;
}
