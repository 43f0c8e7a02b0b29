/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_RENAME_PRIVATE_H
#define IFS_RENAME_PRIVATE_H

#include "fuse/fs.h"

/* One request of rename(2); all foreign. */
struct ifs_rename {
	struct ifs_fs *fs;
	fuse_ino_t dir, new_dir;
	struct sqb_mailbox_id box, new_box; /* the same; n = 0: the root */
	const char *name, *new_name;
	unsigned int flags; /* RENAME_NOREPLACE, RENAME_EXCHANGE */
};

/* The folders have other entries now. */
void ifs_rename_touch(const struct ifs_rename *r);
/* Scratch that had the new name goes, too. */
void ifs_rename_drop_scratch(const struct ifs_rename *r);

/* The source is a folder; what has the new name, if anything, is one, too. */
int ifs_rename_mailbox(const struct ifs_rename *r);

#endif
