/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The start, the end, and what others ask of the threads.
 */
#include "fuse/remote/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/txn.h"
#include "fuse/remote/remote-private.h"

struct timespec rem_after(unsigned int milliseconds)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += milliseconds / 1000;
	t.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

bool rem_news_wait(struct rem *rem, const struct timespec *until)
{
	return pthread_cond_timedwait(&rem->news, &rem->lock, until) !=
	       ETIMEDOUT;
}

static void free_rem(struct rem *rem)
{
	rem_sync_deinit(&rem->sync);
	rem_sync_deinit(&rem->fetch);
	imap_wake_free(&rem->sync_wake);
	imap_wake_free(&rem->fetch_wake);
	(void)pthread_mutex_destroy(&rem->lock);
	(void)pthread_cond_destroy(&rem->news);
	free((char *)(uintptr_t)rem->opts.dir);
	free((char *)(uintptr_t)rem->opts.account);
	free(rem->folders);
	free(rem->last_error);
	free(rem);
}

static enum sqb_err take_account(struct rem *rem, char **error_r)
{
	const struct rem_store *store = &rem->opts.store;
	struct sqb_store *st = store->lock(store->ctx);
	enum sqb_err err = store->begin(store->ctx, st);

	if (err == SQB_OK) {
		err = sqb_remote_account_set(st, rem->opts.account);
		if (err != SQB_OK)
			*error_r = sqb_xstrdup(sqb_store_errmsg(st));
		err = store->finish(store->ctx, st, err);
	}
	if (err != SQB_OK && *error_r == NULL)
		*error_r = sqb_xstrdup(sqb_store_errmsg(st));
	store->unlock(store->ctx);
	return err;
}

static enum sqb_err start_threads(struct rem *rem, char **error_r)
{
	rem->sync_runs = pthread_create(&rem->sync_thread, NULL, rem_sync_main,
					rem) == 0;
	if (rem->sync_runs)
		rem->fetch_runs = pthread_create(&rem->fetch_thread, NULL,
						 rem_fetch_main, rem) == 0;
	if (rem->fetch_runs)
		return SQB_OK;
	*error_r = sqb_xstrdup("the system gives no thread");
	return SQB_IO;
}

enum sqb_err rem_start(const struct rem_options *options, struct rem **rem_r,
		       char **error_r)
{
	struct rem *rem = sqb_xcalloc(1, sizeof(*rem));
	pthread_condattr_t attr;
	char *error = NULL;
	enum sqb_err err;

	rem->opts = *options;
	rem->opts.dir = sqb_xstrdup(options->dir);
	rem->opts.account = sqb_xstrdup(options->account);
	if (rem->opts.poll_secs == 0)
		rem->opts.poll_secs = 300;
	(void)pthread_mutex_init(&rem->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&rem->news, &attr);
	(void)pthread_condattr_destroy(&attr);
	rem->sync_wake = imap_wake_new();
	rem->fetch_wake = imap_wake_new();
	rem->wanted = 1;
	err = rem->sync_wake == NULL || rem->fetch_wake == NULL
		      ? SQB_IO
		      : take_account(rem, &error);
	if (err == SQB_OK)
		err = rem_sync_init(&rem->sync, &rem->opts, &error);
	if (err == SQB_OK)
		err = rem_sync_init(&rem->fetch, &rem->opts, &error);
	rem->sync.wake = rem->sync_wake;
	rem->fetch.wake = rem->fetch_wake;
	rem->fetch.examine = true;
	if (err == SQB_OK)
		err = start_threads(rem, &error);
	if (err != SQB_OK) {
		rem_stop(&rem);
		*error_r =
			error == NULL ? sqb_xstrdup(sqb_err_name(err)) : error;
		return err;
	}
	*rem_r = rem;
	return SQB_OK;
}

void rem_stop(struct rem **rem_p)
{
	struct rem *rem = *rem_p;

	if (rem == NULL)
		return;
	*rem_p = NULL;
	(void)pthread_mutex_lock(&rem->lock);
	rem->stopping = true;
	(void)pthread_cond_broadcast(&rem->news);
	(void)pthread_mutex_unlock(&rem->lock);
	if (rem->sync_wake != NULL)
		imap_wake_stop(rem->sync_wake);
	if (rem->fetch_wake != NULL)
		imap_wake_stop(rem->fetch_wake);
	if (rem->sync_runs)
		(void)pthread_join(rem->sync_thread, NULL);
	if (rem->fetch_runs)
		(void)pthread_join(rem->fetch_thread, NULL);
	free_rem(rem);
}

bool rem_online(struct rem *rem)
{
	bool online;

	(void)pthread_mutex_lock(&rem->lock);
	online = rem->link == REM_UP;
	(void)pthread_mutex_unlock(&rem->lock);
	return online;
}

/* The lock is held. */
static void ring(struct rem *rem)
{
	(void)pthread_cond_broadcast(&rem->news);
	imap_wake_ring(rem->sync_wake);
}

void rem_changed(struct rem *rem)
{
	(void)pthread_mutex_lock(&rem->lock);
	rem->changed = true;
	ring(rem);
	(void)pthread_mutex_unlock(&rem->lock);
}

void rem_wake(struct rem *rem)
{
	(void)pthread_mutex_lock(&rem->lock);
	rem->hurry = true;
	rem->wanted = rem->begun + 1;
	ring(rem);
	(void)pthread_mutex_unlock(&rem->lock);
}

/* A pass that begins after the first call with it; the lock is held. */
static enum rem_result wait_for_pass(struct rem *rem, uint64_t *pass,
				     unsigned int milliseconds)
{
	struct timespec until = rem_after(milliseconds);
	unsigned int failures = rem->failures;
	uint64_t number = pass != NULL ? *pass : 0;
	bool in_time = milliseconds > 0;

	if (number == 0) {
		number = rem->begun + 1;
		rem->wanted = number;
		rem->hurry = true;
		ring(rem);
	}
	if (pass != NULL)
		*pass = number;
	while (!rem->stopping && in_time && rem->ended < number) {
		if (rem->failures > failures)
			return REM_OFFLINE;
		in_time = rem_news_wait(rem, &until);
	}
	if (rem->ended >= number)
		return REM_OK;
	return rem->link == REM_DOWN || rem->stopping ? REM_OFFLINE
						      : REM_WAITING;
}

enum rem_result rem_sync(struct rem *rem, uint64_t *pass,
			 unsigned int milliseconds)
{
	enum rem_result result;

	(void)pthread_mutex_lock(&rem->lock);
	result = wait_for_pass(rem, pass, milliseconds);
	(void)pthread_mutex_unlock(&rem->lock);
	return milliseconds == 0 && result == REM_WAITING ? REM_OK : result;
}

enum rem_result rem_want_sent(struct rem *rem, uint64_t *pass,
			      unsigned int milliseconds)
{
	struct timespec until = rem_after(milliseconds);
	enum rem_result result;

	(void)pthread_mutex_lock(&rem->lock);
	result = wait_for_pass(rem, pass, milliseconds);
	if (result == REM_OK && rem->refused > 0)
		result = REM_REFUSED;
	else if (result == REM_OK && rem->waiting > 0) {
		/* Another pass may do it; not at once. */
		while (!rem->stopping && rem_news_wait(rem, &until))
			continue;
		if (pass != NULL)
			*pass = 0;
		result = REM_WAITING;
	}
	(void)pthread_mutex_unlock(&rem->lock);
	return result;
}

enum rem_result rem_retry(struct rem *rem)
{
	(void)pthread_mutex_lock(&rem->lock);
	rem->retry = true;
	(void)pthread_mutex_unlock(&rem->lock);
	return rem_sync(rem, NULL, 0);
}

static struct rem_want *find_want(struct rem *rem, struct sqb_mailbox_id box,
				  uint32_t uid)
{
	struct rem_want **end = &rem->wants, *want;

	for (; *end != NULL; end = &(*end)->next)
		if (!(*end)->done && (*end)->uid == uid &&
		    (*end)->box.n == box.n)
			return *end;
	want = sqb_xcalloc(1, sizeof(*want));
	want->box = box;
	want->uid = uid;
	*end = want;
	return want;
}

static void drop_want(struct rem *rem, struct rem_want *want)
{
	struct rem_want **p = &rem->wants;

	if (!want->done || want->waiting > 0)
		return;
	while (*p != want)
		p = &(*p)->next;
	*p = want->next;
	free(want);
}

enum rem_result rem_want_body(struct rem *rem, struct sqb_mailbox_id box,
			      uint32_t uid, unsigned int milliseconds)
{
	struct timespec until = rem_after(milliseconds);
	enum rem_result result = REM_WAITING;
	struct rem_want *want;
	bool in_time = true;

	(void)pthread_mutex_lock(&rem->lock);
	if (rem->link == REM_DOWN || rem->stopping) {
		(void)pthread_mutex_unlock(&rem->lock);
		return REM_OFFLINE;
	}
	want = find_want(rem, box, uid);
	want->waiting++;
	(void)pthread_cond_broadcast(&rem->news);
	while (!want->done && in_time && !rem->stopping)
		in_time = rem_news_wait(rem, &until);
	want->waiting--;
	if (want->done)
		result = want->result;
	else if (rem->link == REM_DOWN || rem->stopping)
		result = REM_OFFLINE;
	drop_want(rem, want);
	(void)pthread_mutex_unlock(&rem->lock);
	return result;
}
