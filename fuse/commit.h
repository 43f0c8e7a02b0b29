/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_COMMIT_H
#define IFS_COMMIT_H

#include "fuse/files.h"
#include "fuse/names.h"

/*
 * What was written becomes a message.
 *
 * Who calls has the lock of the file, and no other.  All is done in one
 * transaction and is durable when these return 0; else nothing has changed, and
 * the result is the errno value for close(), fsync() or rename().
 *
 * Before the transaction the body is compressed by the writing handle, which is
 * given to others between one piece of 128 KiB and the next.
 */

/*
 * What a file of this name in this directory becomes when it is written; in the
 * Maildir layout that is said by the directory, and the name has flags.
 */
struct ifs_target {
	struct sqb_mailbox_id box;
	char name[IFS_NAME_MAX + 1]; /* in the store */
	bool maildir;
	unsigned int flags; /* of the Maildir layout (maildir-name.h) */
	bool in_new;
};

/* False: it is scratch. */
bool ifs_becomes_message(struct ifs_fs *fs, fuse_ino_t dir, const char *name,
			 struct ifs_target *target_r);

/*
 * The file has a draft from here on, filled with its message.  ESTALE: that is
 * gone.
 */
int ifs_make_draft(struct ifs_fs *fs, struct ifs_file *file);

/*
 * The draft of a file that is a message takes that one's place: a new UID, the
 * same name, flags, keywords and date; the old one goes the way of rm, unless
 * it was made by this very draft before.  ESTALE: it is gone.  The draft of
 * scratch that lies where it becomes a message is appended under its name;
 * elsewhere it stays scratch.  INTERNALDATE is what utimens(2) has set
 * since the last write, else the old one's, else now.  Nothing to do for an
 * empty file, or one that is not dirty: 0.
 */
int ifs_commit(struct ifs_fs *fs, struct ifs_file *file);

/*
 * Scratch becomes a message by rename or link: append it to the mailbox under
 * this name, with its mtime as INTERNALDATE.  over, UID 0 for none, is the
 * message that had the name; it goes the way of rm, and its flags, keywords
 * and, unless utimens(2) has set another, its date go to the new one.  An empty
 * file stays what it is: 0.
 */
int ifs_commit_as(struct ifs_fs *fs, struct ifs_file *file,
		  const struct ifs_target *target, uint32_t over);

/*
 * A message that was stored is given another date, which IMAP knows no way to
 * do: a new UID for the same body, as in ifs_commit(), and the old one is
 * expunged.  This is for programs that set the time of a file when they have
 * closed it, so it is done to files that this mount has made less than
 * IFS_YOUNG_SECS ago.  EPERM: this is another, and its date is not this one.
 */
#define IFS_YOUNG_SECS 60
int ifs_commit_date(struct ifs_fs *fs, struct ifs_file *file, int64_t date);

/*
 * The whole of a stored message is copied to scratch that becomes a message and
 * has nothing in it: COPY, with flags and INTERNALDATE.
 */
int ifs_commit_copy(struct ifs_fs *fs, struct ifs_file *file,
		    struct sqb_mailbox_id src_box, uint32_t src_uid);

/* The draft of a message is given up: its content is the store's again. */
void ifs_forget_draft(struct ifs_fs *fs, struct ifs_file *file);

/* Does the file lie where, and is it called so that, it becomes a message? */
bool ifs_may_commit(struct ifs_fs *fs, struct ifs_file *file);

/*
 * An open handle that may have written is gone; who calls does not have the
 * lock.  The last one takes the draft of a message along.  Only what came from
 * a mapping that outlived the last close() is still committed; what a commit
 * has failed for, and was told so, is lost with a line in the log.
 */
void ifs_writer_gone(struct ifs_fs *fs, struct ifs_file *file);

#endif
