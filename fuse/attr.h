/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_ATTR_H
#define IFS_ATTR_H

#include <sys/stat.h>

#include "fuse/files.h"

/*
 * The one place that fills in what stat(2) shows.
 *
 * A message: mtime is INTERNALDATE, the size is that of the file, ctime when it
 * came into its folder.  A folder: mtime is the last arrival or expunge since
 * the mount, before that when its newest message came into it; nlink is 2 and a
 * child each.  All belongs to whom the options say.
 */
void ifs_attr_message(struct ifs_fs *fs, fuse_ino_t ino,
		      const struct sqb_message *msg, struct stat *attr_r);

/* Of a mailbox as sqb_mailbox_info_get() or a walk of children shows it. */
void ifs_attr_mailbox(struct ifs_fs *fs, const struct sqb_mailbox_info *info,
		      struct stat *attr_r);

/* Of what is made up (.imapfs): all times are that of the mount. */
void ifs_attr_made(struct ifs_fs *fs, fuse_ino_t ino, mode_t mode,
		   uint64_t size, struct stat *attr_r);

/* Of a file with a draft; who calls has its lock. */
void ifs_attr_draft(struct ifs_fs *fs, const struct ifs_file *file,
		    struct stat *attr_r);

/*
 * Of whatever has this number.  0; ENOENT: it is not there any more; or another
 * errno value.
 */
int ifs_attr(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r);

/*
 * How long the kernel may keep the attributes of a file, in seconds: not at all
 * while it has a draft, which becomes a message at any time; nor those of cur
 * and new, whose mtime moves with every flag.
 */
double ifs_attr_timeout(struct ifs_fs *fs, fuse_ino_t ino);

#endif
