/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_FOLDER_XATTR_H
#define IFS_FOLDER_XATTR_H

#include "fuse/fs.h"

/* The attributes of folders; see xattr.h.  Names are without the prefix. */

/* *text_r, to free(), stays as it is where there is no such attribute. */
enum sqb_err ifs_folder_value(struct sqb_store *st, struct sqb_mailbox_id box,
			      const char *name, char **text_r);

/* 0, or an errno value: EPERM (cannot be set), EINVAL (not to this). */
int ifs_folder_set(struct ifs_fs *fs, struct sqb_mailbox_id box,
		   const char *name, const char *value, size_t size);

#endif
