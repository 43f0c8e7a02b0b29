/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_TEXT_VIEW_H
#define IFS_TEXT_VIEW_H

#include "fuse/hidden-private.h"
#include "fuse/names.h"
#include "fuse/text-cache.h"

/*
 * .imapfs/text: a file for each message; and the directories of .imapfs/parts
 * down to the messages, which are the same.
 */
#define IFS_TEXT_SUFFIX ".txt"

/*
 * What a message is called in a view; given is the name it was given, NULL for
 * none.  A name that is too long to get the suffix is not used: the computed
 * one is.
 */
void ifs_text_name(enum ifs_view view, struct sqb_mailbox_id box,
		   const struct sqb_message *msg, const char *given,
		   char name_r[IFS_NAME_MAX + 1]);

int ifs_text_lookup(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		    struct fuse_entry_param *param_r);
int ifs_text_attr(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r);

int ifs_text_open(struct ifs_fs *fs, fuse_ino_t ino, struct fuse_file_info *fi);
int ifs_text_read(struct ifs_fs *fs, fuse_ino_t ino,
		  const struct fuse_file_info *fi, uint64_t offset, void *buf,
		  size_t size, size_t *got_r);
void ifs_text_release(struct ifs_fs *fs, struct fuse_file_info *fi);

#endif
