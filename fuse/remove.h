/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_REMOVE_H
#define IFS_REMOVE_H

#include "fuse/files.h"

/*
 * unlink and rmdir.
 *
 * A message goes the way of rm: into the mailbox with special-use \Trash, else
 * the one called Trash (at the top, or below INBOX), where it keeps its file
 * name unless that is taken.  If there is none, or it is in there or below, or
 * with -o rm=expunge, it is expunged.
 *
 * A folder is deleted when nothing is in it, and is then subscribed no more.
 * INBOX stays.
 */
void ifs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ifs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);

/*
 * The way of rm, inside a transaction of the writing handle.  The kernel is
 * told of what comes into Trash as of a change by others.
 * SQB_NOTFOUND (an answer): the message is gone already.
 */
enum sqb_err ifs_remove_message(struct ifs_fs *fs, struct sqb_store *st,
				struct sqb_mailbox_id box, uint32_t uid);

/* The same, and where it went; for ifs_removed_done(). */
struct ifs_removed {
	struct sqb_mailbox_id box, trash;
	uint32_t uid;       /* 0: nothing was removed */
	uint32_t trash_uid; /* 0: it was expunged */
	uint64_t size;      /* as a file */
	int64_t date;
};
enum sqb_err ifs_remove_message_to(struct ifs_fs *fs, struct sqb_store *st,
				   struct sqb_mailbox_id box, uint32_t uid,
				   struct ifs_removed *removed_r);

/* After the commit: who has the file open goes on with it. */
void ifs_removed_done(struct ifs_fs *fs, const struct ifs_removed *removed);

/*
 * Delete a folder, inside a transaction of the writing handle.  0, or an errno
 * value: ENOTEMPTY, EBUSY for INBOX.
 */
int ifs_remove_mailbox(struct ifs_fs *fs, struct sqb_store *st,
		       struct sqb_mailbox_id box);

#endif
