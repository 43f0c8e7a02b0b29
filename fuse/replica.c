/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/replica.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>

#include "common/mem.h"
#include "common/remote.h"
#include "common/txn.h"
#include "fuse/log.h"
#include "fuse/ready.h"
#include "fuse/replica-private.h"

/* The handle of the store, for the engine. */

static struct sqb_store *lock_store(void *ctx)
{
	struct ifs_replica *replica = ctx;

	return ifs_write_begin(replica->fs);
}

static void unlock_store(void *ctx)
{
	struct ifs_replica *replica = ctx;

	ifs_write_end(replica->fs);
}

static enum sqb_err begin(void *ctx, struct sqb_store *st)
{
	struct ifs_replica *replica = ctx;
	enum sqb_err err = ifs_write_txn(replica->fs, st);

	if (err == SQB_OK)
		atomic_fetch_add(&replica->changes, 1);
	return err;
}

static enum sqb_err finish(void *ctx, struct sqb_store *st, enum sqb_err err)
{
	struct ifs_replica *replica = ctx;

	ifs_write_tell(replica->fs);
	err = ifs_write_commit(replica->fs, st, err);
	atomic_fetch_add(&replica->changes, 1);
	return err;
}

/* What it has to say */

static void log_line(void *ctx, enum rem_level level, const char *text)
{
	struct ifs_replica *replica = ctx;

	/* That the first login has failed is said by who started us. */
	if (replica->quiet)
		return;
	ifs_log(replica->fs->log, level == REM_WARNING ? LOG_WARNING : LOG_INFO,
		"%s", text);
}

static void show_progress(void *ctx, const struct rem_progress *progress)
{
	struct ifs_replica *replica = ctx;
	uint64_t left = progress->messages - progress->messages_done;
	char text[200], rest[40] = "";

	if (progress->messages_done > progress->messages)
		left = 0;
	if (progress->rate >= 1)
		(void)snprintf(rest, sizeof(rest), ", %.0f a second, %.0f s",
			       progress->rate, (double)left / progress->rate);
	if (progress->complete)
		(void)snprintf(text, sizeof(text),
			       "%" PRIu32 " folders, %" PRIu64 " messages",
			       progress->folders, progress->messages_done);
	else
		(void)snprintf(
			text, sizeof(text),
			"first sync: %" PRIu32 " of %" PRIu32
			" folders, %" PRIu64 " of %" PRIu64 " messages%s",
			progress->folders_done, progress->folders,
			progress->messages_done, progress->messages, rest);
	ifs_ready_progress(replica->fs->ready, text, progress->complete);
}

/* Was anything ever pulled? */
static enum sqb_err is_new(struct sqb_store *st, bool *new_r)
{
	struct sqb_remote_mailbox_iter *it = sqb_remote_mailbox_iter_begin(st);
	struct sqb_remote_mailbox box;

	*new_r = !sqb_remote_mailbox_iter_next(it, &box);
	return sqb_remote_mailbox_iter_end(&it);
}

static int start_engine(struct ifs_replica *replica, char **error_r)
{
	struct ifs_fs *fs = replica->fs;
	struct rem_options options = {
		.dir = fs->opts->source,
		.account = fs->opts->remote.account.url,
		.store = { lock_store, unlock_store, begin, finish, replica },
		.connect = { ifs_replica_connect, replica },
		.bodies_days = fs->opts->remote.bodies_days,
		.readonly = fs->opts->readonly,
		.log = log_line,
		.progress = show_progress,
		.ctx = replica,
	};
	sigset_t all, before;
	enum sqb_err err;

	/* Signals are for the threads of the session. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	err = rem_start(&options, &replica->rem, error_r);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err == SQB_OK)
		return 0;
	return err == SQB_EXISTS ? EX_CONFIG : EX_DATAERR;
}

/* The exit code for how the first login went. */
static int login_code(enum imap_err err)
{
	switch (err) {
	case IMAP_OK:
		return EX_OK;
	case IMAP_AUTH:
		return EX_NOPERM;
	case IMAP_NO:
	case IMAP_BAD:
	case IMAP_PROTOCOL:
		return EX_PROTOCOL;
	case IMAP_LOST:
	case IMAP_TLS:
	case IMAP_INTERRUPTED:
		return EX_UNAVAILABLE;
	}
	return EX_SOFTWARE;
}

/* libcurl has its own deadlines; this is in case that it has none. */
#define LOGIN_TIMEOUTS 4

static int wait_for_login(struct ifs_replica *replica, char **error_r)
{
	const struct ifs_remote_options *remote = &replica->fs->opts->remote;
	struct timespec end;
	int ret = 0, code;

	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += (time_t)remote->timeout * LOGIN_TIMEOUTS;
	(void)pthread_mutex_lock(&replica->lock);
	while (!replica->tried && ret == 0)
		ret = pthread_cond_timedwait(&replica->answered, &replica->lock,
					     &end);
	code = replica->tried ? login_code(replica->login) : EX_UNAVAILABLE;
	if (code != 0)
		*error_r = sqb_xasprintf("%s: %s", remote->account.url,
					 replica->why != NULL ? replica->why
							      : "no answer");
	(void)pthread_mutex_unlock(&replica->lock);
	return code;
}

static int start(struct ifs_replica *replica, char **error_r)
{
	struct ifs_fs *fs = replica->fs;
	struct sqb_store *st = ifs_write_begin(fs);
	bool is_first = false;
	enum sqb_err err = is_new(st, &is_first);
	int ret = 0;

	if (err != SQB_OK) {
		*error_r = sqb_xstrdup(sqb_store_errmsg(st));
		ret = EX_DATAERR;
	}
	ifs_write_end(fs);
	replica->quiet = is_first;
	if (ret == 0)
		ret = start_engine(replica, error_r);
	if (ret == 0 && is_first)
		ret = wait_for_login(replica, error_r);
	replica->quiet = ret != 0;
	if (ret == 0 && is_first)
		ifs_ready_watch(fs->ready);
	if (ret == 0 && fs->opts->remote.retry)
		(void)rem_retry(replica->rem);
	return ret;
}

int ifs_replica_start(struct ifs_fs *fs, const char *secret, char **error_r)
{
	struct ifs_replica *replica = sqb_xcalloc(1, sizeof(*replica));
	int ret;

	atomic_init(&replica->known, UINT64_MAX); /* nothing */
	replica->fs = fs;
	(void)pthread_mutex_init(&replica->lock, NULL);
	(void)pthread_cond_init(&replica->answered, NULL);
	replica->secret = ifs_secret_copy(secret);
	fs->replica = replica;
	*error_r = NULL;
	ret = start(replica, error_r);
	if (ret != 0)
		ifs_replica_stop(fs);
	return ret;
}

void ifs_replica_stop(struct ifs_fs *fs)
{
	struct ifs_replica *replica = fs->replica;

	if (replica == NULL)
		return;
	rem_stop(&replica->rem);
	fs->replica = NULL;
	ifs_secret_free(&replica->secret);
	free(replica->why);
	(void)pthread_mutex_destroy(&replica->lock);
	(void)pthread_cond_destroy(&replica->answered);
	free(replica);
}

void ifs_replica_changed(struct ifs_fs *fs)
{
	if (fs->replica != NULL)
		rem_changed(fs->replica->rem);
}

char *ifs_replica_status(struct ifs_fs *fs)
{
	return fs->replica != NULL ? rem_status(fs->replica->rem) : NULL;
}
