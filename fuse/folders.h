/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_FOLDERS_H
#define IFS_FOLDERS_H

#include "fuse/fs.h"

/*
 * When something last came into a folder or went out of it: its mtime.  The
 * store does not keep this.  For a folder that nothing has happened to since
 * the mount it is the save date of its newest message.
 */
struct ifs_folders;

struct ifs_folders *ifs_folders_new(void);
void ifs_folders_free(struct ifs_folders **folders);

/* Now. */
void ifs_folder_touch(struct ifs_fs *fs, struct sqb_mailbox_id box);

/* By utimens(2), until something happens. */
void ifs_folder_set_mtime(struct ifs_fs *fs, struct sqb_mailbox_id box,
			  const struct timespec *mtime);

/* False: nothing has happened since the mount. */
bool ifs_folder_mtime(struct ifs_fs *fs, struct sqb_mailbox_id box,
		      struct timespec *mtime_r);

#endif
