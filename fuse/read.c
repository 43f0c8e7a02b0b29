/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "common/mem.h"
#include "fuse/draft.h"
#include "fuse/handle.h"
#include "fuse/hidden.h"
#include "fuse/inode.h"
#include "fuse/readahead.h"
#include "fuse/replica.h"
#include "fuse/write.h"

static void open_hidden(fuse_req_t req, struct ifs_fs *fs, fuse_ino_t ino,
			struct fuse_file_info *fi)
{
	int ret;

	do
		ret = ifs_hidden_open(fs, ino, fi);
	while (ifs_replica_fetch(req, ino, &ret));
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else if (fuse_reply_open(req, fi) < 0)
		ifs_hidden_release(fs, ino, fi);
}

/*
 * Whether a message to be read is still there is seen by the first read: the
 * kernel is told when one goes, and most files are opened to read what it has
 * cached.
 */
static int open_file(struct ifs_fs *fs, fuse_ino_t ino, bool writable,
		     struct fuse_file_info *fi, struct ifs_handle **handle_r)
{
	struct ifs_file *file = NULL;
	bool stale = false;
	int ret = 0;

	if (writable)
		ret = ifs_write_find(fs, ino, &file);
	else
		file = ifs_file_get(fs->files, ino);
	if (ret != 0)
		return ret;
	*handle_r = ifs_handle_new(fs, ino, file, writable);
	if ((fi->flags & O_TRUNC) != 0)
		ret = ifs_write_empty(fs, file);
	if (file != NULL) {
		(void)pthread_mutex_lock(&file->lock);
		stale = file->stale;
		file->stale = false;
		(void)pthread_mutex_unlock(&file->lock);
	}
	ifs_file_put(fs->files, &file);
	if (ret != 0)
		ifs_handle_free(fs, handle_r);
	/* What is under a number changes through this mount alone. */
	fi->keep_cache = !stale;
	fi->noflush = !writable;
	return ret;
}

void ifs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	bool writable = (fi->flags & O_ACCMODE) != O_RDONLY ||
			(fi->flags & O_TRUNC) != 0;
	struct ifs_handle *handle = NULL;
	int ret = 0;

	if (ifs_node_kind(ino) == IFS_NODE_HIDDEN && !writable &&
	    !fs->opts->readonly) {
		open_hidden(req, fs, ino, fi);
		return;
	}
	if (fs->opts->readonly || ifs_node_kind(ino) == IFS_NODE_HIDDEN)
		ret = writable ? EROFS : ENOSYS;
	else if ((fi->flags & O_TRUNC) == 0)
		ret = ifs_replica_need(req, ino);
	if (ret == 0)
		ret = open_file(fs, ino, writable, fi, &handle);
	if (ret != 0) {
		(void)fuse_reply_err(req, ret);
		return;
	}
	fi->fh = (uintptr_t)handle;
	if (fuse_reply_open(req, fi) < 0)
		ifs_handle_free(fs, &handle);
}

void ifs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct ifs_handle *handle;

	if (ifs_node_kind(ino) == IFS_NODE_HIDDEN) {
		ifs_hidden_release(fs, ino, fi);
	} else {
		handle = ifs_handle_of(fi);
		ifs_handle_free(fs, &handle);
	}
	(void)fuse_reply_err(req, 0);
}

/* False: it has none, the content is the stored message's. */
static bool read_draft(struct ifs_fs *fs, fuse_ino_t ino, uint64_t offset,
		       void *buf, size_t size, size_t *got_r, int *ret_r)
{
	struct ifs_file *file = ifs_file_get(fs->files, ino);
	bool draft = false;

	if (file == NULL)
		return false;
	(void)pthread_mutex_lock(&file->lock);
	draft = file->draft != NULL;
	if (draft)
		*ret_r = ifs_draft_read(file->draft, offset, buf, size, got_r);
	(void)pthread_mutex_unlock(&file->lock);
	ifs_file_put(fs->files, &file);
	return draft;
}

int ifs_read_at(struct ifs_fs *fs, fuse_ino_t ino, struct ifs_handle *handle,
		uint64_t offset, void *buf, size_t size, size_t *got_r)
{
	struct ifs_handle *own = NULL;
	int ret = 0;

	*got_r = 0;
	/* Somebody else may have begun to write since it was opened. */
	if (read_draft(fs, ino, offset, buf, size, got_r, &ret))
		return ret;
	if (handle == NULL)
		handle = own = ifs_handle_new(fs, ino, NULL, false);
	ret = ifs_handle_read(fs, handle, offset, buf, size, got_r);
	ifs_handle_free(fs, &own);
	return ret;
}

static int read_any(struct ifs_fs *fs, fuse_ino_t ino,
		    struct fuse_file_info *fi, uint64_t offset, void *buf,
		    size_t size, size_t *got_r)
{
	if (ifs_node_kind(ino) == IFS_NODE_HIDDEN)
		return ifs_hidden_read(fs, ino, fi, offset, buf, size, got_r);
	return ifs_read_at(fs, ino, ifs_handle_of(fi), offset, buf, size,
			   got_r);
}

void ifs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	      struct fuse_file_info *fi)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	char *buf = sqb_xmalloc(size);
	size_t got = 0;
	int ret;

	if (offset == 0)
		ifs_readahead_seen(fs, ino);
	do
		ret = read_any(fs, ino, fi, (uint64_t)offset, buf, size, &got);
	while (ifs_replica_fetch(req, ino, &ret));
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else
		(void)fuse_reply_buf(req, buf, got);
	free(buf);
}
