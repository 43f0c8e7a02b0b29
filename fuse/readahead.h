/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_READAHEAD_H
#define IFS_READAHEAD_H

#include "fuse/fs.h"

/*
 * Folder read-ahead: when the messages of a mailbox are read one after the
 * other, a thread puts the next ones into the kernel's cache before they are
 * asked for.  One of each batch is left out: that it is asked for says that
 * the reader is still there, and brings the next batch.
 *
 * Only what the store alone has is put there: no file of files.h.
 */

/* Where it cannot be started there is none. */
void ifs_readahead_start(struct ifs_fs *fs);
void ifs_readahead_stop(struct ifs_fs *fs);

/* The kernel has asked for the beginning of this file. */
void ifs_readahead_seen(struct ifs_fs *fs, fuse_ino_t ino);

/*
 * The content of a file may change from here on.  It is in files.h already, so
 * that nothing more will be put into the cache; this waits until nothing is
 * being put there.  Who calls holds no lock.  0; EBUSY: it takes too long.
 */
int ifs_readahead_keep_off(struct ifs_fs *fs, fuse_ino_t ino);

#endif
