/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_INVAL_H
#define IFS_INVAL_H

#include "fuse/fs.h"

/*
 * Changes by others, told to the kernel: a thread waits for the doorbell of
 * the store (inotify), reads the journal from where it was, and invalidates
 * what the kernel has cached of it.  It also does what can wait: checkpoints,
 * and freeing the bodies of expunged messages.
 */

/* From here on the kernel may cache for long.  0, or an errno value. */
int ifs_inval_start(struct ifs_fs *fs);
void ifs_inval_stop(struct ifs_fs *fs);

/*
 * Wait until the kernel was told of all that is in the store by now, but no
 * longer than a second.
 */
void ifs_inval_settle(struct ifs_fs *fs);

/* The transaction with this modseq is ours: the kernel knows what it did. */
void ifs_inval_own(struct ifs_fs *fs, uint64_t modseq);

/* How long the kernel may keep attributes, in seconds. */
double ifs_inval_timeout(struct ifs_fs *fs);

/*
 * How long it may keep the name of a mailbox that was found with this handle.
 * What is renamed before its name has been seen in here would not be told.
 */
double ifs_inval_folder_timeout(struct ifs_fs *fs, struct sqb_store *st);

/*
 * How long it may keep another name: that of the message with this UID, of
 * something else (uid 0, found), or of nothing.  A generated name is the
 * message's as long as that is there, and is never told when it comes.  Given
 * names are told when they come, but not when others change them.
 */
double ifs_inval_name_timeout(struct ifs_fs *fs, fuse_ino_t parent,
			      const char *name, bool found, uint32_t uid);

#endif
