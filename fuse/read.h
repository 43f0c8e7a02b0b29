/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_READ_H
#define IFS_READ_H

#include "fuse/fs.h"

/* Opening and reading files. */
void ifs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ifs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	      struct fuse_file_info *fi);
void ifs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/*
 * As pread() of a file; handle NULL: it is not open.  0; ESTALE: the message is
 * gone; or another errno value.
 */
struct ifs_handle;
int ifs_read_at(struct ifs_fs *fs, fuse_ino_t ino, struct ifs_handle *handle,
		uint64_t offset, void *buf, size_t size, size_t *got_r);

#endif
