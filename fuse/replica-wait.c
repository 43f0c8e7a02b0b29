/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Requests that wait for the server.
 */
#include <errno.h>

#include "common/remote.h"
#include "fuse/files.h"
#include "fuse/hidden-private.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/inval.h"
#include "fuse/replica-private.h"

#define SLICE \
	100 /* milliseconds until it looks whether it may go on waiting \
	     */
/* A large message takes its time: octets a second that are slow, but good. */
#define SLOW 65536

struct wait {
	fuse_req_t req;
	struct ifs_fs *fs;
	time_t end;
};

static time_t now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* 0, or EBUSY: enough of them wait. */
static int begin(struct wait *wait, fuse_req_t req, uint64_t octets)
{
	wait->req = req;
	wait->fs = ifs_fs_of(req);
	wait->end = now() + (time_t)wait->fs->opts->remote.timeout +
		    (time_t)(octets / SLOW);
	if (atomic_fetch_add(&wait->fs->replica->waiting, 1) <
	    IFS_REPLICA_WAITING_MAX)
		return 0;
	atomic_fetch_sub(&wait->fs->replica->waiting, 1);
	return EBUSY;
}

static void end(struct wait *wait)
{
	atomic_fetch_sub(&wait->fs->replica->waiting, 1);
}

/* After each slice: EAGAIN to wait on, or what to answer. */
static int outcome(const struct wait *wait, enum rem_result result)
{
	switch (result) {
	case REM_OK:
		return 0;
	case REM_WAITING:
		if (fuse_req_interrupted(wait->req) ||
		    fuse_session_exited(wait->fs->session))
			return EINTR;
		return now() < wait->end ? EAGAIN : ETIMEDOUT;
	case REM_OFFLINE:
		return EHOSTDOWN;
	case REM_GONE:
		return ESTALE;
	case REM_REFUSED:
		return EREMOTEIO;
	case REM_FAILED:
		return EIO;
	}
	return EIO;
}

/* Which message this is made of. */
static bool find_message(struct ifs_fs *fs, fuse_ino_t ino,
			 struct sqb_mailbox_id *box_r, uint32_t *uid_r)
{
	struct ifs_hidden_node *node;

	if (ifs_node_kind(ino) != IFS_NODE_HIDDEN)
		return ifs_message_of_ino(fs->files, ino, box_r, uid_r);
	if (ifs_ino_view_of(ino) != IFS_VIEW_OTHER) {
		*box_r = ifs_ino_box(ino);
		*uid_r = ifs_ino_uid(ino);
		return *uid_r != 0 && ifs_ino_view_of(ino) != IFS_VIEW_FIXED;
	}
	node = ifs_hidden_node_get(fs->hidden->nodes, ino);
	if (node == NULL)
		return false;
	*box_r = node->box;
	*uid_r = node->uid;
	ifs_hidden_node_put(fs->hidden->nodes, &node);
	return *uid_r != 0;
}

/* 0: it is gone. */
static uint64_t size_of(struct ifs_fs *fs, struct sqb_mailbox_id box,
			uint32_t uid)
{
	struct sqb_store *st = ifs_read_begin(fs);
	struct sqb_message msg;
	uint64_t size = 0;

	if (sqb_message_get(st, box, uid, &msg) == SQB_OK)
		size = msg.psize;
	ifs_read_end(fs);
	return size;
}

static int wait_for_body(const struct wait *wait, struct sqb_mailbox_id box,
			 uint32_t uid)
{
	int ret;

	do
		ret = outcome(wait, rem_want_body(wait->fs->replica->rem, box,
						  uid, SLICE));
	while (ret == EAGAIN);
	return ret;
}

static int want(fuse_req_t req, struct sqb_mailbox_id box, uint32_t uid)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	uint64_t size = size_of(fs, box, uid);
	struct wait wait;
	int ret = begin(&wait, req, size);

	if (ret != 0)
		return ret;
	ret = wait_for_body(&wait, box, uid);
	/* The connection that it was asked for on was an old one, and dead. */
	if (ret == EHOSTDOWN && rem_online(fs->replica->rem))
		ret = wait_for_body(&wait, box, uid);
	end(&wait);
	/* Servers there are that tell a wrong size. */
	if (ret == 0 && size_of(fs, box, uid) != size)
		ifs_inval_settle(fs);
	return ret;
}

/*
 * Only the engine makes bodies absent: while it has changed nothing, what was
 * known of all of them is so still.  Nothing is known in its transactions.
 */
static bool all_are_here(struct ifs_replica *replica)
{
	uint64_t now = atomic_load(&replica->changes);
	uint64_t known = atomic_load(&replica->known);
	struct sqb_store *st;
	bool any = true;

	if (now % 2 != 0)
		return false;
	if (known / 2 == now)
		return known % 2 != 0;
	st = ifs_read_begin(replica->fs);
	if (sqb_absent_any(st, &any) != SQB_OK)
		any = true;
	ifs_read_end(replica->fs);
	atomic_store(&replica->known, 2 * now + (any ? 0 : 1));
	return !any;
}

/* Only an absent one has no header. */
static bool is_absent(struct ifs_fs *fs, struct sqb_mailbox_id box,
		      uint32_t uid)
{
	struct sqb_body_info info;
	struct sqb_store *st;
	bool absent;

	if (all_are_here(fs->replica))
		return false;
	st = ifs_read_begin(fs);
	absent = sqb_body_info(st, box, uid, &info) == SQB_OK &&
		 info.hdr_size == 0;
	ifs_read_end(fs);
	return absent;
}

int ifs_replica_need(fuse_req_t req, fuse_ino_t ino)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct sqb_mailbox_id box;
	uint32_t uid;

	if (fs->replica == NULL || !find_message(fs, ino, &box, &uid) ||
	    !is_absent(fs, box, uid))
		return 0;
	return want(req, box, uid);
}

unsigned int ifs_replica_waiting(struct ifs_fs *fs)
{
	return atomic_load(&fs->replica->waiting);
}

bool ifs_replica_fetch(fuse_req_t req, fuse_ino_t ino, int *ret)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct sqb_mailbox_id box;
	uint32_t uid;

	if (*ret != EHOSTDOWN || fs->replica == NULL ||
	    !find_message(fs, ino, &box, &uid))
		return false;
	*ret = want(req, box, uid);
	return *ret == 0;
}

/* That something was refused may be told of another message. */
static bool is_refused(struct ifs_fs *fs, struct sqb_mailbox_id box,
		       uint32_t uid)
{
	struct sqb_store *st = ifs_read_begin(fs);
	struct sqb_remote_message msg;
	bool refused = sqb_remote_message_get(st, box, uid, &msg) == SQB_OK &&
		       msg.state == SQB_REMOTE_REFUSED;

	ifs_read_end(fs);
	return refused;
}

int ifs_replica_sent(fuse_req_t req, fuse_ino_t ino)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct sqb_mailbox_id box;
	uint64_t pass = 0;
	struct wait wait;
	uint32_t uid;
	int ret;

	if (fs->replica == NULL || !fs->opts->remote.sync)
		return 0;
	ret = begin(&wait, req, 0);
	if (ret != 0)
		return ret;
	do
		ret = outcome(&wait,
			      rem_want_sent(fs->replica->rem, &pass, SLICE));
	while (ret == EAGAIN);
	end(&wait);
	if ((ret == 0 || ret == EREMOTEIO) &&
	    ifs_message_of_ino(fs->files, ino, &box, &uid))
		ret = is_refused(fs, box, uid) ? EREMOTEIO : 0;
	return ret;
}

/* Also what was refused long ago is not at the server. */
static int find_refused(struct ifs_fs *fs)
{
	struct sqb_store *st = ifs_read_begin(fs);
	struct sqb_remote_counts counts = { 0 };
	int ret = ifs_errno(fs, st, sqb_remote_counts(st, &counts));

	ifs_read_end(fs);
	return ret == 0 && counts.refused > 0 ? EREMOTEIO : ret;
}

static int wait_for_sync(fuse_req_t req)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct rem *rem = fs->replica->rem;
	uint64_t pass = 0;
	struct wait wait;
	int ret = begin(&wait, req, 0);

	if (ret != 0)
		return ret;
	do
		ret = outcome(&wait, rem_want_sent(rem, &pass, SLICE));
	while (ret == EAGAIN);
	end(&wait);
	/* Who waited for it is to see what has come. */
	ifs_inval_settle(fs);
	if (ret == 0)
		ret = find_refused(fs);
	return ret == ETIMEDOUT ? EAGAIN : ret;
}

static int control(fuse_req_t req, unsigned int command)
{
	struct rem *rem = ifs_fs_of(req)->replica->rem;

	if (command == IFS_SYNC_WAIT)
		return wait_for_sync(req);
	if (command == IFS_SYNC_RETRY)
		return rem_retry(rem) == REM_FAILED ? EIO : 0;
	rem_wake(rem);
	return rem_sync(rem, NULL, 0) == REM_OFFLINE ? EHOSTDOWN : 0;
}

void ifs_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int command, void *arg,
	       struct fuse_file_info *fi, unsigned int flags, const void *in,
	       size_t in_size, size_t out_size)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	int ret = ENOTTY;

	(void)arg;
	(void)fi;
	(void)flags;
	(void)in;
	(void)in_size;
	(void)out_size;
	if (ifs_hidden_is_status(fs, ino) &&
	    (command == IFS_SYNC || command == IFS_SYNC_WAIT ||
	     command == IFS_SYNC_RETRY))
		ret = fs->replica != NULL ? control(req, command) : EOPNOTSUPP;
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else
		(void)fuse_reply_ioctl(req, 0, NULL, 0);
}
