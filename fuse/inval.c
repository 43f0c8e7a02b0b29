/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/inval.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <syslog.h>
#include <unistd.h>

#include "common/maintain.h"
#include "common/mem.h"
#include "common/txn.h"
#include "fuse/changes.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/log.h"
#include "fuse/maildir.h"
#include "fuse/names.h"

#define LONG_SECS 86400.0 /* the kernel is told of changes */
#define SHORT_SECS 1.0    /* it has to ask */
#define TICK_MSECS 1000
#define QUIET_TICKS 5 /* without a ring, before anything is tidied up */

struct ifs_inval {
	struct ifs_fs *fs;           /* foreign */
	struct ifs_changes *changes; /* own */
	pthread_t thread;
	int stop_fd, watch_fd; /* own */
	uint32_t version;      /* of the data, when it was looked at */
	unsigned int quiet;    /* ticks */
	bool failing;          /* it is in the log */

	pthread_mutex_t lock; /* of these: */
	pthread_cond_t told_more;
	uint64_t begun, told; /* looks at the store */
};

enum wake { WAKE_STOP, WAKE_RING, WAKE_TICK };

static enum wake wait_for(struct ifs_inval *inval, int timeout)
{
	char events[4096]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	struct pollfd fds[2] = {
		{ .fd = inval->stop_fd, .events = POLLIN },
		{ .fd = inval->watch_fd, .events = POLLIN },
	};

	if (poll(fds, 2, timeout) < 0 || (fds[0].revents | fds[1].revents) == 0)
		return WAKE_TICK;
	if (fds[0].revents != 0)
		return WAKE_STOP;
	while (read(inval->watch_fd, events, sizeof(events)) > 0)
		;
	return WAKE_RING;
}

/* Has anybody committed since the last time?  If in doubt, yes. */
static bool has_changed(struct ifs_inval *inval)
{
	uint32_t version = inval->version;
	struct sqb_store *st = ifs_changes_store(inval->changes);

	if (sqb_data_version(st, &version) == SQB_OK &&
	    version == inval->version && !inval->failing)
		return false;
	inval->version = version;
	return true;
}

/* Whatever is wrong with the store is so at every tick: log it once. */
static void look(struct ifs_inval *inval)
{
	struct sqb_store *st = ifs_changes_store(inval->changes);
	enum sqb_err err;

	if (!has_changed(inval))
		return;
	err = ifs_changes_tell(inval->changes);
	if (err != SQB_OK && !inval->failing)
		ifs_log(inval->fs->log, LOG_ERR,
			"what others have changed cannot be read: %s",
			sqb_store_errmsg(st));
	inval->failing = err != SQB_OK;
}

static void tell(struct ifs_inval *inval)
{
	(void)pthread_mutex_lock(&inval->lock);
	inval->begun++;
	(void)pthread_mutex_unlock(&inval->lock);
	look(inval);
	(void)pthread_mutex_lock(&inval->lock);
	inval->told = inval->begun;
	(void)pthread_cond_broadcast(&inval->told_more);
	(void)pthread_mutex_unlock(&inval->lock);
}

void ifs_inval_settle(struct ifs_fs *fs)
{
	struct ifs_inval *inval = fs->inval;
	struct timespec end;
	uint64_t until;
	int ret = 0;

	if (inval == NULL)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec++;
	(void)pthread_mutex_lock(&inval->lock);
	until = inval->begun + 1;
	while (inval->told < until && ret == 0)
		ret = pthread_cond_timedwait(&inval->told_more, &inval->lock,
					     &end);
	(void)pthread_mutex_unlock(&inval->lock);
}

/* Our own commits have made the WAL grow; never waits for a writer of ours. */
static void checkpoint(struct ifs_fs *fs)
{
	struct sqb_store *st = ifs_write_try(fs);

	if (st == NULL)
		return;
	(void)ifs_errno(fs, st, sqb_checkpoint_if_due(st));
	ifs_write_end(fs);
}

/* One batch; false: there is nothing to free. */
static bool purge(struct ifs_inval *inval)
{
	struct ifs_fs *fs = inval->fs;
	struct sqb_store *st;
	bool wanted;

	if (sqb_purge_wanted(ifs_changes_store(inval->changes),
			     SQB_PURGE_GRACE_SECS, &wanted) != SQB_OK ||
	    !wanted)
		return false;
	st = ifs_write_try(fs);
	if (st == NULL)
		return false;
	(void)ifs_errno(fs, st, sqb_purge(st, SQB_PURGE_GRACE_SECS, 1, NULL));
	ifs_write_end(fs);
	return true;
}

static void tidy_up(struct ifs_inval *inval, enum wake wake)
{
	if (inval->fs->write_st == NULL)
		return;
	checkpoint(inval->fs);
	inval->quiet = wake == WAKE_TICK ? inval->quiet + 1 : 0;
	if (inval->quiet >= QUIET_TICKS && !purge(inval))
		inval->quiet = 0;
}

/* Files that were open stay so, but nothing is found or written any more. */
static void lose_store(struct ifs_inval *inval)
{
	ifs_log(inval->fs->log, LOG_ERR,
		"%s is not the store any more that was mounted: it was moved, "
		"removed or replaced; every access fails until it is mounted "
		"again",
		inval->fs->opts->source);
	ifs_changes_tell_all(inval->changes);
	while (wait_for(inval, -1) != WAKE_STOP)
		;
}

static void *run(void *arg)
{
	struct ifs_inval *inval = arg;
	enum wake wake;

	while ((wake = wait_for(inval, TICK_MSECS)) != WAKE_STOP) {
		if (!ifs_fs_has_store(inval->fs)) {
			lose_store(inval);
			break;
		}
		tell(inval);
		tidy_up(inval, wake);
	}
	return NULL;
}

/* The doorbell, and whether the store goes away. */
static int watch(struct ifs_inval *inval)
{
	struct sqb_store *st = ifs_changes_store(inval->changes);
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return errno;
	inval->watch_fd = fd;
	if (inotify_add_watch(fd, sqb_store_notify_path(st),
			      IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF) < 0 ||
	    inotify_add_watch(fd, sqb_store_dir(st),
			      IN_DELETE | IN_MOVE | IN_DELETE_SELF |
				      IN_MOVE_SELF | IN_ONLYDIR) < 0)
		return errno;
	return 0;
}

/* Signals are for the threads that answer requests. */
static int start_thread(struct ifs_inval *inval)
{
	sigset_t all, before;
	int ret;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&inval->thread, NULL, run, inval);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

static void free_inval(struct ifs_inval *inval)
{
	ifs_changes_free(&inval->changes);
	(void)pthread_mutex_destroy(&inval->lock);
	(void)pthread_cond_destroy(&inval->told_more);
	if (inval->watch_fd >= 0)
		(void)close(inval->watch_fd);
	if (inval->stop_fd >= 0)
		(void)close(inval->stop_fd);
	free(inval);
}

static int prepare(struct ifs_inval *inval)
{
	char *error = NULL;
	int ret = 0;

	inval->watch_fd = -1;
	inval->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (inval->stop_fd < 0)
		return errno;
	/* What was committed before the watch is there is read by this. */
	if (ifs_changes_new(inval->fs, &inval->changes, &error) != SQB_OK) {
		ifs_log(inval->fs->log, LOG_ERR, "%s",
			error != NULL ? error : "there is no store");
		ret = EIO;
	}
	free(error);
	return ret == 0 ? watch(inval) : ret;
}

int ifs_inval_start(struct ifs_fs *fs)
{
	struct ifs_inval *inval = sqb_xcalloc(1, sizeof(*inval));
	int ret;

	inval->fs = fs;
	(void)pthread_mutex_init(&inval->lock, NULL);
	(void)pthread_cond_init(&inval->told_more, NULL);
	ret = prepare(inval);
	if (ret == 0)
		ret = start_thread(inval);
	if (ret == 0)
		fs->inval = inval;
	else
		free_inval(inval);
	return ret;
}

void ifs_inval_stop(struct ifs_fs *fs)
{
	struct ifs_inval *inval = fs->inval;

	if (inval == NULL)
		return;
	(void)eventfd_write(inval->stop_fd, 1);
	(void)pthread_join(inval->thread, NULL);
	fs->inval = NULL;
	free_inval(inval);
}

void ifs_inval_own(struct ifs_fs *fs, uint64_t modseq)
{
	if (fs->inval != NULL)
		ifs_changes_own(fs->inval->changes, modseq);
}

double ifs_inval_timeout(struct ifs_fs *fs)
{
	return fs->inval != NULL ? LONG_SECS : SHORT_SECS;
}

double ifs_inval_folder_timeout(struct ifs_fs *fs, struct sqb_store *st)
{
	return fs->inval != NULL &&
			       ifs_changes_tree_is_told(fs->inval->changes, st)
		       ? LONG_SECS
		       : SHORT_SECS;
}

double ifs_inval_name_timeout(struct ifs_fs *fs, fuse_ino_t parent,
			      const char *name, bool found, uint32_t uid)
{
	struct sqb_mailbox_id named_box;
	uint32_t named_uid;
	bool generated;

	/* Flags are in the names, and nobody is told of those. */
	if (ifs_node_kind(parent) == IFS_NODE_LAYOUT)
		return found ? SHORT_SECS : 0;
	if (fs->inval == NULL)
		return SHORT_SECS;
	if (fs->maildir != NULL && ifs_maildir_dir_named(name) != 0)
		return found && !ifs_maildir_is_missing(
					fs, ifs_ino_box(parent),
					ifs_maildir_dir_named(name),
					IFS_MAILDIR_ANYBODY)
			       ? SHORT_SECS
			       : 0;
	if (!ifs_name_is_message(name))
		return LONG_SECS;
	generated = ifs_name_parse(name, &named_box, &named_uid) &&
		    ifs_ino_mailbox(named_box) == parent;
	if (!found)
		return generated ? 0 : LONG_SECS;
	return uid == 0 || (generated && named_uid == uid) ? LONG_SECS
							   : SHORT_SECS;
}
