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

#endif
