/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_HIDDEN_H
#define IFS_HIDDEN_H

#include <sys/stat.h>

#include "fuse/fs.h"

/*
 * .imapfs: a directory of the root that is not listed, but found by its name.
 *
 *	.imapfs/status		figures of this mount, a "key value" line each
 *	.imapfs/text/		the tree of mailboxes again; in place of each
 *				NAME.eml there is NAME.eml.txt, its text in
 *				UTF-8 (mime-text.h)
 *	.imapfs/parts/		the same with a directory NAME.eml, and in that
 *				the attachments, decoded (parts-view.h)
 *
 * All of it is read-only.  Sizes are exact, so a message is decoded when the
 * kernel asks for what a listing does not tell: a listing has names only, and
 * decodes nothing.  The kernel keeps names and attributes for a second.
 *
 * Functions that return int return 0 or an errno value.
 */
#define IFS_HIDDEN_TIMEOUT 1.0

struct ifs_hidden;
struct ifs_hidden *ifs_hidden_new(void);
/* Accepts NULL; clears the pointer. */
void ifs_hidden_free(struct ifs_hidden **hidden);

/* Is this name, in the directory parent, the hidden directory or below it? */
bool ifs_hidden_name(fuse_ino_t parent, const char *name);

/* What the kernel is to know of it; counts as looked up once. */
int ifs_hidden_lookup(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		      struct fuse_entry_param *param_r);
void ifs_hidden_forget(struct ifs_fs *fs, fuse_ino_t ino, uint64_t lookups);
int ifs_hidden_attr(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r);

/* Is it .imapfs/status? */
bool ifs_hidden_is_status(struct ifs_fs *fs, fuse_ino_t ino);

/* Answer a readdir or readdirplus request. */
void ifs_hidden_list(fuse_req_t req, fuse_ino_t dir, size_t size, off_t offset,
		     bool plus);

/*
 * fi->fh is NULL, or what keeps the text of a message whatever becomes of that.
 * fi is NULL where the mount is read-only: the kernel then opens nothing.
 */
int ifs_hidden_open(struct ifs_fs *fs, fuse_ino_t ino,
		    struct fuse_file_info *fi);
int ifs_hidden_read(struct ifs_fs *fs, fuse_ino_t ino,
		    const struct fuse_file_info *fi, uint64_t offset, void *buf,
		    size_t size, size_t *got_r);
void ifs_hidden_release(struct ifs_fs *fs, fuse_ino_t ino,
			struct fuse_file_info *fi);

#endif
