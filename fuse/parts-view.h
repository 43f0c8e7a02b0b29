/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_PARTS_VIEW_H
#define IFS_PARTS_VIEW_H

#include "fuse/hidden-private.h"
#include "fuse/names.h"

/*
 * .imapfs/parts: the attachments of a message as files, in a directory of the
 * message's name.  They are decoded as they are read; nothing of the size of an
 * attachment is kept in memory.
 */
struct ifs_parts;
struct ifs_parts *ifs_parts_new(void);
/* Accepts NULL; clears the pointer. */
void ifs_parts_free(struct ifs_parts **parts);

/*
 * The first part that is a file at or after *part, which then is the index
 * behind it.  ENOENT: there is none, or no such message any more.
 */
int ifs_parts_next(struct ifs_fs *fs, struct sqb_mailbox_id box, uint32_t uid,
		   uint32_t *part, char name_r[IFS_NAME_MAX + 1]);

int ifs_parts_lookup(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		     struct fuse_entry_param *param_r);
int ifs_parts_read(struct ifs_fs *fs, const struct ifs_hidden_node *node,
		   uint64_t offset, void *buf, size_t size, size_t *got_r);

#endif
