/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_WRITE_H
#define IFS_WRITE_H

#include "fuse/files.h"

/*
 * Making and writing files.
 *
 * What is written goes to the draft of the file, whoever writes.  fsync() and
 * each close() of a file that was written to since then make a message of it
 * (commit.h), and carry the error if that cannot be done; the draft then stays
 * as long as the file is open, so that the program can try again.  A file that
 * is no message yet stays scratch, with all that was written.
 */
void ifs_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		mode_t mode, struct fuse_file_info *fi);
void ifs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       dev_t rdev);
void ifs_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
	       off_t offset, struct fuse_file_info *fi);
void ifs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ifs_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
	       struct fuse_file_info *fi);
void ifs_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
		  struct fuse_file_info *fi);
void ifs_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset,
		   off_t length, struct fuse_file_info *fi);

/* The file that is to be written to, held.  0, or an errno value. */
int ifs_write_find(struct ifs_fs *fs, fuse_ino_t ino, struct ifs_file **file_r);

/* O_TRUNC, by a writer of the file: others that go leave it empty. */
int ifs_write_empty(struct ifs_fs *fs, struct ifs_file *file);

/* Write to the draft, or set its size; as from a mapping or by a call. */
int ifs_write_at(struct ifs_fs *fs, struct ifs_file *file, uint64_t offset,
		 const void *buf, size_t size, bool mapped);
int ifs_write_size(struct ifs_fs *fs, struct ifs_file *file, uint64_t size);

#endif
