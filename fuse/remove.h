/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_REMOVE_H
#define IFS_REMOVE_H

#include "fuse/files.h"

/* unlink and rmdir. */
void ifs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ifs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);

/*
 * The way of rm, inside a transaction of the writing handle: the message moves
 * to the mailbox with special-use \Trash, else the one called Trash; if there
 * is none, or it is in there (or below), or with -o rm=expunge, it is expunged.
 * SQB_NOTFOUND (an answer): it is gone already.
 */
enum sqb_err ifs_remove_message(struct ifs_fs *fs, struct sqb_store *st,
				struct sqb_mailbox_id box, uint32_t uid);

#endif
