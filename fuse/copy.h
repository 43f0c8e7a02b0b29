/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_COPY_H
#define IFS_COPY_H

#include "fuse/fs.h"

/*
 * copy_file_range(2), which cp(1) uses within a mount.  The whole of a message
 * into a new *.eml is IMAP's COPY: the body is shared, flags and INTERNALDATE
 * are the same.  All else is copied as data, some MiB at a time.
 */
void ifs_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			 struct fuse_file_info *fi_in, fuse_ino_t ino_out,
			 off_t off_out, struct fuse_file_info *fi_out,
			 size_t len, int flags);

#endif
