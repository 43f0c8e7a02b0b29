/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_HANDLE_H
#define IFS_HANDLE_H

#include "fuse/files.h"

/*
 * An open file: what fi->fh points to.
 *
 * It reads the draft of its file if that has one, else the stored body.  In a
 * read-only mount the kernel opens nothing, and reads come without a handle.
 */
struct sqb_file_reader;

struct ifs_handle {
	struct ifs_file *file; /* held; NULL: a message that is only read */
	pthread_mutex_t lock;  /* of the reader */
	struct sqb_file_reader *reader; /* own; NULL before the first read */
	bool writable;
};

struct ifs_handle *ifs_handle_new(struct ifs_fs *fs, struct ifs_file *file,
				  bool writable);
/* Accepts NULL; clears the pointer. */
void ifs_handle_free(struct ifs_fs *fs, struct ifs_handle **handle);

static inline struct ifs_handle *ifs_handle_of(const struct fuse_file_info *fi)
{
	return fi == NULL ? NULL : (struct ifs_handle *)(uintptr_t)fi->fh;
}

#endif
