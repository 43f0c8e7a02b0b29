/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_HANGUP_H
#define IFS_HANGUP_H

#include "fuse/fs.h"

/*
 * What wakes the engine of a mounted account: SIGHUP, which asks for a sync;
 * another network; and that the machine has slept.  The mount of a local store
 * has none of it: there SIGHUP ends the mount.
 */

/* Before the threads that answer requests; where it fails there is none. */
void ifs_hangup_start(struct ifs_fs *fs);
void ifs_hangup_stop(struct ifs_fs *fs);

#endif
