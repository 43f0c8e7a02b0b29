/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/mem.h"
#include "fuse/draft.h"
#include "fuse/handle.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"

/*
 * Whether the message is still there is seen by the first read: the kernel is
 * told when one goes, and most files are opened to read what it has cached.
 */
void ifs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	bool writable = (fi->flags & O_ACCMODE) != O_RDONLY;
	struct ifs_file *file;
	struct ifs_handle *handle;

	if (fs->opts->readonly) {
		(void)fuse_reply_err(req, writable ? EROFS : ENOSYS);
		return;
	}
	file = ifs_file_get(fs->files, ino);
	handle = ifs_handle_new(fs, file, writable);
	ifs_file_put(fs->files, &file);
	fi->fh = (uintptr_t)handle;
	/* What is under a number changes through this mount alone. */
	fi->keep_cache = 1;
	fi->noflush = !writable;
	if (fuse_reply_open(req, fi) < 0)
		ifs_handle_free(fs, &handle);
}

void ifs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ifs_handle *handle = ifs_handle_of(fi);

	(void)ino;
	ifs_handle_free(ifs_fs_of(req), &handle);
	(void)fuse_reply_err(req, 0);
}

/* False: it has none, the content is the stored message's. */
static bool read_draft(struct ifs_file *file, uint64_t offset, void *buf,
		       size_t size, size_t *got_r, int *ret_r)
{
	bool draft;

	(void)pthread_mutex_lock(&file->lock);
	draft = file->draft != NULL;
	if (draft)
		*ret_r = ifs_draft_read(file->draft, offset, buf, size, got_r);
	(void)pthread_mutex_unlock(&file->lock);
	return draft;
}

static int read_stored(struct ifs_fs *fs, fuse_ino_t ino,
		       struct sqb_file_reader **reader, uint64_t offset,
		       void *buf, size_t size, size_t *got_r)
{
	struct sqb_mailbox_id box;
	struct sqb_store *st;
	enum sqb_err err = SQB_OK;
	uint32_t uid;
	int ret;

	if (!ifs_message_of_ino(fs->files, ino, &box, &uid))
		return *reader == NULL ? ENOENT : ESTALE;
	st = ifs_read_begin(fs);
	if (*reader == NULL)
		err = sqb_file_open(st, box, uid, reader);
	if (err == SQB_OK)
		err = sqb_file_read(*reader, offset, buf, size, got_r);
	/* It was there when it was opened. */
	ret = err == SQB_NOTFOUND ? ESTALE : ifs_errno(fs, st, err);
	ifs_read_end(fs);
	return ret;
}

static int read_without_handle(struct ifs_fs *fs, fuse_ino_t ino,
			       uint64_t offset, void *buf, size_t size,
			       size_t *got_r)
{
	struct sqb_file_reader *reader = NULL;
	int ret = read_stored(fs, ino, &reader, offset, buf, size, got_r);

	if (reader != NULL) {
		(void)ifs_read_begin(fs);
		sqb_file_close(&reader);
		ifs_read_end(fs);
	}
	return ret;
}

static int read_file(struct ifs_fs *fs, fuse_ino_t ino,
		     struct ifs_handle *handle, uint64_t offset, void *buf,
		     size_t size, size_t *got_r)
{
	struct ifs_file *file;
	bool draft = false;
	int ret = 0;

	/* Somebody else may have begun to write since it was opened. */
	file = ifs_file_get(fs->files, ino);
	if (file != NULL)
		draft = read_draft(file, offset, buf, size, got_r, &ret);
	ifs_file_put(fs->files, &file);
	if (draft)
		return ret;
	if (handle == NULL)
		return read_without_handle(fs, ino, offset, buf, size, got_r);
	(void)pthread_mutex_lock(&handle->lock);
	ret = read_stored(fs, ino, &handle->reader, offset, buf, size, got_r);
	(void)pthread_mutex_unlock(&handle->lock);
	return ret;
}

void ifs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	      struct fuse_file_info *fi)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	char *buf = sqb_xmalloc(size);
	size_t got = 0;
	int ret = read_file(fs, ino, ifs_handle_of(fi), (uint64_t)offset, buf,
			    size, &got);

	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else
		(void)fuse_reply_buf(req, buf, got);
	free(buf);
}
