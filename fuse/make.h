/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_MAKE_H
#define IFS_MAKE_H

#include "fuse/fs.h"

/*
 * mkdir makes a mailbox, and subscribes to it: many clients show no others, and
 * who makes a folder wants to see it.  There are no links, but that of the
 * Maildir layout from tmp to where mail is delivered.
 */
void ifs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
	       mode_t mode);
void ifs_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		 const char *name);
void ifs_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
	      const char *name);

/*
 * The full name, to free(), of a mailbox that is to be called so.  0, or an
 * errno value: ENOENT (no such parent); EEXIST (another spelling of INBOX);
 * EINVAL (*.eml, %XX where none is needed, control characters); EILSEQ (not
 * UTF-8); ENAMETOOLONG.
 */
int ifs_mailbox_name(struct ifs_fs *fs, struct sqb_store *st,
		     struct sqb_mailbox_id parent, const char *name,
		     char **full_r);

#endif
