/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_MAILDIR_RENAME_H
#define IFS_MAILDIR_RENAME_H

#include "fuse/rename-private.h"

/*
 * The source is a message.  0, or an errno value: EPERM, where no message can
 * be (tmp, or beside cur, new and tmp); EINVAL, one cannot be called so;
 * ENAMETOOLONG.
 *
 * If another message of the folder has the same base, and other flags, this one
 * keeps its base; from another folder it gets the generated one.
 */
int ifs_maildir_rename(const struct ifs_rename *r);

/*
 * link(2) of scratch to cur or new: APPEND.  It can be found under its old
 * name, too, until that is unlinked, which is all that can be done with that.
 * 0, or an errno value: EPERM, it is a message, or would not become one.
 */
int ifs_maildir_link(struct ifs_fs *fs, fuse_ino_t ino, fuse_ino_t dir,
		     const char *name);

#endif
