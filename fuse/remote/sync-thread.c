/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The thread that syncs: a pass, then IDLE until there is a reason for another.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "fuse/remote/pull.h"
#include "fuse/remote/remote-private.h"

#define BACK_OFF_MAX 300
/* A refused login is not repeated so soon: servers lock accounts. */
#define AUTH_FAILURES 6

unsigned int rem_back_off(unsigned int failures)
{
	unsigned int secs = failures > 9 ? BACK_OFF_MAX : 1U << failures >> 1;
	unsigned char chance = 128;

	if (secs > BACK_OFF_MAX)
		secs = BACK_OFF_MAX;
	(void)getrandom(&chance, 1, GRND_NONBLOCK);
	/* By up to a quarter longer: not all clients at once. */
	return (secs == 0 ? 1 : secs) + secs * chance / 1024;
}

void rem_keep_error(struct rem *rem, const char *text)
{
	char *copy = sqb_xstrdup(text);

	sqb_utf8_printable(copy);
	free(rem->last_error);
	rem->last_error = copy;
	rem->error_at = time(NULL);
}

static struct imap_traffic sum(struct imap_traffic a, struct imap_traffic b)
{
	return (struct imap_traffic){ a.received + b.received, a.sent + b.sent,
				      a.waits + b.waits };
}

static void take_traffic(struct rem *rem)
{
	if (rem->sync.client != NULL)
		rem->now = imap_client_traffic(rem->sync.client);
}

/* The connection is over: its traffic is of the past. */
static void hang_up(struct rem *rem)
{
	(void)pthread_mutex_lock(&rem->lock);
	take_traffic(rem);
	rem->traffic = sum(rem->traffic, rem->now);
	memset(&rem->now, 0, sizeof(rem->now));
	(void)pthread_mutex_unlock(&rem->lock);
	rem_disconnect(&rem->sync);
}

/* Under the lock: what a pass has come to. */
static void note_success(struct rem *rem, char *folders)
{
	free(rem->folders);
	rem->folders = folders;
	rem->link = REM_UP;
	rem->failures = 0;
	rem->refused = rem->sync.refused;
	rem->waiting = rem->sync.waiting;
	rem->synced_at = time(NULL);
	rem->absent = true;
	rem->ended = rem->begun;
}

static void note_failure(struct rem *rem)
{
	const struct rem_sync *sync = &rem->sync;

	if (sync->failure == REM_NET) {
		rem->link = REM_DOWN;
		if ((sync->net == IMAP_AUTH || sync->net == IMAP_TLS) &&
		    rem->failures < AUTH_FAILURES)
			rem->failures = AUTH_FAILURES;
	}
	rem->failures++;
	rem_keep_error(rem, sync->why == NULL ? "?" : sync->why);
}

/*
 * By this thread, between two passes: during one it would write rows as they
 * were before.  After a failure it is for the next pass.
 */
static void retry_refused(struct rem *rem)
{
	const struct rem_store *store = &rem->opts.store;
	struct sqb_store *st;
	enum sqb_err err;
	bool retry;

	(void)pthread_mutex_lock(&rem->lock);
	retry = rem->retry;
	rem->retry = false;
	(void)pthread_mutex_unlock(&rem->lock);
	if (!retry)
		return;
	st = store->lock(store->ctx);
	err = store->begin(store->ctx, st);
	if (err == SQB_OK)
		err = store->finish(store->ctx, st, rem_retry_rows(st));
	store->unlock(store->ctx);
	(void)pthread_mutex_lock(&rem->lock);
	rem->retry = rem->retry || err != SQB_OK;
	(void)pthread_mutex_unlock(&rem->lock);
}

static bool one_pass(struct rem *rem)
{
	struct rem_sync *sync = &rem->sync;
	char *folders = NULL;
	bool ok, first;

	(void)pthread_mutex_lock(&rem->lock);
	rem->begun++;
	rem->hurry = rem->changed = false;
	if (rem->link == REM_DOWN)
		rem->link = REM_CONNECTING;
	first = rem->failures == 0;
	(void)pthread_mutex_unlock(&rem->lock);
	sync->rung = false;
	retry_refused(rem);
	ok = rem_pass(sync);
	if (ok)
		folders = rem_folder_lines(sync);
	else if (first)
		rem_note(sync, REM_WARNING, "%s",
			 sync->why == NULL ? "?" : sync->why);
	(void)pthread_mutex_lock(&rem->lock);
	take_traffic(rem);
	if (ok)
		note_success(rem, folders);
	else
		note_failure(rem);
	(void)pthread_cond_broadcast(&rem->news);
	(void)pthread_mutex_unlock(&rem->lock);
	if (!ok)
		hang_up(rem);
	return ok;
}

/* The highest modseq of the store, 0 if it cannot be read. */
static uint64_t last_modseq(struct rem *rem)
{
	uint64_t modseq = 0;

	return sqb_last_modseq(rem->sync.st, &modseq) == SQB_OK ? modseq : 0;
}

/* Is there a reason for a pass?  *changed_r: only that somebody wrote. */
static bool has_reason(struct rem *rem, bool *changed_r)
{
	bool wanted;

	(void)pthread_mutex_lock(&rem->lock);
	wanted = rem->stopping || rem->wanted > rem->begun;
	*changed_r = rem->changed;
	rem->changed = false;
	(void)pthread_mutex_unlock(&rem->lock);
	return wanted;
}

/*
 * Select INBOX, to be told of it.  Has it changed since the pass?  Where there
 * are no modseqs, that is seen by what has arrived only.
 */
static bool look_at_inbox(struct rem_sync *sync)
{
	struct rem_box *box = rem_box_by_path(&sync->boxes, "INBOX");
	const struct rem_view *view = &sync->view;

	if (box == NULL || !rem_select(sync, box) || view->box != box)
		return false;
	sync->view.keep = true;
	return view->highestmodseq != box->row.highestmodseq ||
	       (view->uidnext != 0 && view->uidnext != box->row.uidnext);
}

/* Until there is a reason for a pass; false: the connection is lost. */
static bool idle(struct rem *rem)
{
	struct rem_sync *sync = &rem->sync;
	struct timespec until = rem_after(rem->opts.poll_secs * 1000), now;
	bool changed = false, wanted = false, first = true;
	enum imap_err err = IMAP_OK;
	int64_t left;

	sync->idled = true;
	/* Once: a server may never agree with itself. */
	sync->doubted = !sync->doubted && look_at_inbox(sync);
	if (sync->doubted)
		return true;
	(void)look_at_inbox(sync);
	while (sync->failure == REM_NO_FAILURE) {
		wanted = has_reason(rem, &changed);
		/* Also what was written while the pass was looking. */
		if (wanted || rem_view_has_told(&sync->view) ||
		    ((changed || first) && last_modseq(rem) != sync->modseq))
			return true;
		first = false;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		left = (until.tv_sec - now.tv_sec) * 1000 +
		       (until.tv_nsec - now.tv_nsec) / 1000000;
		if (left <= 0)
			return true;
		err = imap_client_idle(sync->client, (unsigned int)left);
		if (err != IMAP_OK && err != IMAP_INTERRUPTED)
			return rem_fail_net(sync, err);
	}
	return false;
}

/* After a failure: a while, or until somebody is in a hurry. */
static void pause_a_while(struct rem *rem)
{
	struct timespec until;
	unsigned int secs;

	(void)pthread_mutex_lock(&rem->lock);
	secs = rem_back_off(rem->failures);
	until = rem_after(secs * 1000);
	rem->retry_at = time(NULL) + (time_t)secs;
	while (!rem->stopping && !rem->hurry && rem_news_wait(rem, &until))
		continue;
	rem->retry_at = 0;
	(void)pthread_mutex_unlock(&rem->lock);
}

static bool is_stopping(struct rem *rem)
{
	bool stopping;

	(void)pthread_mutex_lock(&rem->lock);
	stopping = rem->stopping;
	(void)pthread_mutex_unlock(&rem->lock);
	return stopping;
}

void *rem_sync_main(void *ctx)
{
	struct rem *rem = ctx;

	while (!is_stopping(rem)) {
		if (!one_pass(rem)) {
			pause_a_while(rem);
			continue;
		}
		if (!idle(rem) && !is_stopping(rem)) {
			/* A connection that was good is tried again at once. */
			hang_up(rem);
		}
	}
	return NULL;
}
