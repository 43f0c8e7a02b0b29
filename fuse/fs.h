/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_FS_H
#define IFS_FS_H

#include "fuse/count.h"
#include "fuse/draft.h"
#include "fuse/fuse.h"
#include "fuse/options.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "common/mailbox.h"

/*
 * One mount: what all requests share.
 *
 * Requests are answered by several threads.  Locks, in the order in which they
 * may be taken:
 *
 *	file->lock		the content of one file (files.h); one at a time
 *	handle->lock		the reader of an open file (handle.h)
 *	the writing handle	ifs_write_begin()
 *	the reading handle	ifs_read_begin()
 *	the lock of a table	inside files.c, folders.c, log.c and so on:
 *				held for no longer than a look-up
 *
 * The kernel is told of changes (inval.c) by a thread that holds none of them,
 * never by a request: its notification may wait for that request's answer.
 */
struct ifs_files;
struct ifs_folders;
struct ifs_log;
struct ifs_inval;
struct ifs_readahead;
struct ifs_ready;
struct ifs_handle;
struct ifs_hidden;
struct ifs_maildir_state;
struct ifs_replica;
struct ifs_hangup;

struct ifs_fs {
	const struct ifs_options *opts;  /* foreign: outlives the mount */
	struct fuse_session *session;    /* foreign */
	struct ifs_ready *ready;         /* foreign: who waits for the mount */
	struct ifs_files *files;         /* own */
	struct ifs_folders *folders;     /* own */
	struct ifs_log *log;             /* own */
	struct ifs_inval *inval;         /* own; NULL: not running */
	struct ifs_readahead *readahead; /* own; NULL: not running */
	struct ifs_hidden *hidden;       /* own; .imapfs */
	struct ifs_maildir_state *maildir; /* own; NULL: another layout */
	struct ifs_replica *replica;       /* own; NULL: a local store */
	struct ifs_hangup *hangup;         /* own; NULL: not running */
	struct timespec mounted;           /* when; the clock of the wall */
	struct ifs_draft_space space;      /* of all that is being written */
	struct ifs_counts counts;          /* of requests */

	pthread_mutex_t handles_lock;
	struct ifs_handle *handles; /* foreign: all that are open (handle.c) */

	pthread_mutex_t read_lock, write_lock;
	pthread_cond_t write_turn;
	uint64_t write_queued, write_served; /* tickets: a queue, by coming */
	struct sqb_store *read_st;           /* own */
	struct sqb_store *write_st; /* own; NULL in a read-only mount of a
				       local store */
	bool write_tell; /* ifs_write_tell() was called; of the write_lock */
	bool write_busy; /* others kept the store from the last one; the same */

	char *db_path; /* own */
	dev_t db_dev;  /* which file that was */
	ino_t db_ino;
	atomic_bool lost; /* it is another one now, or none */
};

/* How long a request waits for other writers, ours and those of others. */
#define IFS_WRITE_TIMEOUT_SECS 30
/* Octets of a message: RFC822.SIZE has 32 bits. */
#define IFS_MESSAGE_MAX UINT32_MAX
/* Octets of files that are no mail (yet). */
#define IFS_SCRATCH_MAX (UINT64_C(1) << 30)

/*
 * Open the store.  On failure *error_r is a sentence to free(), the result
 * an exit code of sysexits.h; else 0.
 */
int ifs_fs_init(struct ifs_fs *fs, const struct ifs_options *opts,
		char **error_r);
void ifs_fs_deinit(struct ifs_fs *fs);

static inline struct ifs_fs *ifs_fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/*
 * The two handles of the store.  Each is one thread's from begin to end: keep
 * it short, and take the writing one only to write.  The reading one is never
 * kept from anybody by a writer that queues for the store.  The writing one is
 * given out in the order of asking; who has waited long for it, or comes after
 * one who has waited for the store in vain, waits no longer than a second for
 * the store.
 */
struct sqb_store *ifs_read_begin(struct ifs_fs *fs);
void ifs_read_end(struct ifs_fs *fs);
struct sqb_store *ifs_write_begin(struct ifs_fs *fs);
void ifs_write_end(struct ifs_fs *fs);
/* The writing handle if it is free, else NULL. */
struct sqb_store *ifs_write_try(struct ifs_fs *fs);

/*
 * Is the store still where it was?  When it was moved, removed or replaced,
 * what we have open is not what others see: from then on fs->lost is set, and
 * nothing is found or written.
 */
bool ifs_fs_has_store(struct ifs_fs *fs);

/* A write transaction of the writing handle, begun, as sqb_txn_begin() does. */
enum sqb_err ifs_write_txn(struct ifs_fs *fs, struct sqb_store *st);

/*
 * And ended: made durable if err is SQB_OK, else rolled back.  What it changed
 * is not told to our own kernel, which knows, but for ifs_write_tell().
 */
enum sqb_err ifs_write_commit(struct ifs_fs *fs, struct sqb_store *st,
			      enum sqb_err err);
/* The same of a request.  Returns an errno value, 0 if all is well. */
int ifs_write_finish(struct ifs_fs *fs, struct sqb_store *st, enum sqb_err err);

/*
 * The transaction changes what the kernel did not ask for, too: tell it of all,
 * as if another had done it.
 */
void ifs_write_tell(struct ifs_fs *fs);

#endif
