/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_HANDLE_H
#define IFS_HANDLE_H

#include <sys/stat.h>

#include "fuse/files.h"

/*
 * An open file: what fi->fh points to.
 *
 * It reads the draft of its file if that has one, else the stored body.  In a
 * read-only mount the kernel opens nothing, and reads come without a handle.
 */
struct sqb_file_reader;

struct ifs_handle {
	fuse_ino_t ino;
	struct ifs_file *file; /* held; NULL: a message that is only read */
	bool writable;
	unsigned int refs;              /* of handles_lock, as is: */
	struct ifs_handle *prev, *next; /* foreign: all that are open */

	pthread_mutex_t lock;           /* of what follows */
	struct sqb_file_reader *reader; /* own; NULL before the first read */
	struct sqb_mailbox_id box;      /* which message it reads */
	uint32_t uid;
	int64_t date;           /* of that message */
	struct ifs_draft *kept; /* own; its copy, when that had to go */
};

/* A writable one counts as a writer of its file (files.h). */
struct ifs_handle *ifs_handle_new(struct ifs_fs *fs, fuse_ino_t ino,
				  struct ifs_file *file, bool writable);
/* Accepts NULL; clears the pointer. */
void ifs_handle_free(struct ifs_fs *fs, struct ifs_handle **handle);

/*
 * Read what the handle has open, as sqb_file_read() does.  Not for files with a
 * draft.  0; ESTALE: the message is gone; or another errno value.
 */
int ifs_handle_read(struct ifs_fs *fs, struct ifs_handle *handle,
		    uint64_t offset, void *buf, size_t size, size_t *got_r);

/*
 * A message is about to go, or has gone less than 60 s ago: who has it open
 * goes on with its content.  Before it goes this works for all of them; after
 * that for those that have read some of it.  Who calls holds no lock.
 */
void ifs_handles_keep(struct ifs_fs *fs, fuse_ino_t ino);

/*
 * The least number above after of an open file whose message is one of
 * uid_lo..uid_hi (inclusive); 0: there is no other.
 */
fuse_ino_t ifs_handles_next(struct ifs_fs *fs, fuse_ino_t after,
			    struct sqb_mailbox_id box, uint32_t uid_lo,
			    uint32_t uid_hi);

/* INTERNALDATE, gone or not.  False: nobody has read from it yet. */
bool ifs_handles_date(struct ifs_fs *fs, fuse_ino_t ino, int64_t *date_r);

/*
 * What stat(2) shows of a message that is gone and was kept.  ENOENT: nobody
 * has it open.
 */
int ifs_handles_attr(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r);

/* How many there are, for .imapfs/status. */
unsigned int ifs_handles_count(struct ifs_fs *fs);

static inline struct ifs_handle *ifs_handle_of(const struct fuse_file_info *fi)
{
	return fi == NULL ? NULL : (struct ifs_handle *)(uintptr_t)fi->fh;
}

#endif
