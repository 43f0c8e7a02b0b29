/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_DIR_H
#define IFS_DIR_H

#include "fuse/fs.h"

/*
 * Finding and listing; and the answer to whatever ends with an entry that the
 * kernel has to know (lookup, create, mkdir).
 */
void ifs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ifs_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups);
void ifs_forget_multi(fuse_req_t req, size_t count,
		      struct fuse_forget_data *forgets);
void ifs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ifs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ifs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		 struct fuse_file_info *fi);
void ifs_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		     struct fuse_file_info *fi);
void ifs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ifs_statfs(fuse_req_t req, fuse_ino_t ino);

/* What the kernel is told of the file with this number; 0, or errno. */
int ifs_entry_param(struct ifs_fs *fs, fuse_ino_t ino,
		    struct fuse_entry_param *param_r);

#endif
