/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_COMMIT_H
#define IFS_COMMIT_H

#include "fuse/files.h"

/*
 * What was written becomes a message.
 *
 * Who calls has the lock of the file.  All is done in one transaction and is
 * durable when these return 0; else nothing has changed, and the result is the
 * errno value for close(), fsync() or rename().
 */

/*
 * The draft of a file that is a message takes that one's place: a new UID, the
 * same name, flags, keywords and dates; the old one goes the way of rm, unless
 * it was made by this very draft before.  The draft of scratch that is called
 * *.eml and lies in a mailbox is appended under its name; elsewhere it stays
 * scratch.  Nothing to do for an empty file, or one that is not dirty: 0.
 */
int ifs_commit(struct ifs_fs *fs, struct ifs_file *file);

/*
 * Scratch is called *.eml now, by rename: append it to the mailbox under this
 * name.  over, UID 0 for none, is the message that had the name; it goes the
 * way of rm, and its flags and keywords go to the new one.
 */
int ifs_commit_as(struct ifs_fs *fs, struct ifs_file *file,
		  struct sqb_mailbox_id box, const char *name, uint32_t over);

#endif
