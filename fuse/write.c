/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fuse/commit.h"
#include "fuse/dir.h"
#include "fuse/draft.h"
#include "fuse/handle.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/maildir.h"
#include "fuse/names.h"
#include "fuse/readahead.h"
#include "fuse/replica.h"
#include "fuse/resolve.h"

/* Empty files count, too. */
#define SCRATCH_COUNT_MAX 100000
#define NEW_FILE_TIMEOUT 1.0 /* s */

/* Can there be a new file of this name in the directory? */
static int may_create(struct ifs_fs *fs, fuse_ino_t parent, const char *name)
{
	bool message = ifs_name_is_message(name);
	struct sqb_mailbox_status status;
	struct sqb_store *st;
	enum sqb_err err;
	int ret;

	if (fs->opts->readonly)
		return EROFS;
	if (ifs_files_scratch(fs->files) >= SCRATCH_COUNT_MAX)
		return ENOSPC;
	switch (ifs_node_kind(parent)) {
	case IFS_NODE_ROOT:
		return message || strcmp(name, IFS_HIDDEN) == 0 ? EPERM : 0;
	case IFS_NODE_LAYOUT:
		ret = ifs_maildir_check_name(parent, name);
		if (ret != 0)
			return ret;
		break;
	case IFS_NODE_MAILBOX:
		break;
	case IFS_NODE_LOCAL:
	case IFS_NODE_MESSAGE:
		return ENOTDIR;
	case IFS_NODE_HIDDEN:
		return EPERM;
	}
	st = ifs_read_begin(fs);
	err = sqb_mailbox_status(st, ifs_ino_box(parent), &status);
	ret = ifs_errno(fs, st, err);
	ifs_read_end(fs);
	return ret == 0 && message && status.noselect ? EPERM : ret;
}

/* *file_r is held, with an empty draft. */
static int make_file(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		     mode_t mode, struct ifs_file **file_r)
{
	struct ifs_file *file;
	int ret = may_create(fs, parent, name);

	if (ret != 0)
		return ret;
	file = ifs_file_new(fs->files, parent, name);
	if (file == NULL)
		return EEXIST;
	(void)pthread_mutex_lock(&file->lock);
	file->mode = mode & 0777;
	file->draft = ifs_draft_new(&fs->space);
	(void)pthread_mutex_unlock(&file->lock);
	*file_r = file;
	return 0;
}

static bool is_file(const struct ifs_entry *entry)
{
	switch (entry->kind) {
	case IFS_ENTRY_MESSAGE:
	case IFS_ENTRY_SCRATCH:
		return true;
	case IFS_ENTRY_MAILBOX:
	case IFS_ENTRY_LAYOUT:
		return false;
	}
	return false;
}

/* The file of that name, held, to be written to; a new one if there is none. */
static int find_or_make(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
			mode_t mode, int flags, struct ifs_file **file_r,
			bool *made_r)
{
	struct ifs_entry entry;
	int ret = ifs_resolve(fs, parent, name, &entry);

	*made_r = ret == ENOENT;
	if (*made_r)
		return make_file(fs, parent, name, mode, file_r);
	if (ret != 0)
		return ret;
	/* Another mount or client has made it since the kernel has looked. */
	if ((flags & O_EXCL) != 0)
		ret = EEXIST;
	else if (!is_file(&entry))
		ret = EISDIR;
	else
		ret = ifs_write_find(fs, entry.ino, file_r);
	ifs_entry_release(fs, &entry);
	return ret;
}

/*
 * A new file is known to nobody but the kernel.  Whatever it has sent that
 * changes the size or the times makes it forget all of them, and nothing else
 * happens to an empty file.
 */
static int made_param(struct ifs_fs *fs, const struct ifs_file *file, bool made,
		      struct fuse_entry_param *param_r)
{
	int ret = ifs_entry_param(fs, file->ino, param_r);

	if (made)
		param_r->attr_timeout = NEW_FILE_TIMEOUT;
	if (ret == 0)
		ifs_files_lookup(fs->files, file->ino);
	return ret;
}

void ifs_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		mode_t mode, struct fuse_file_info *fi)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct fuse_entry_param param;
	struct ifs_handle *handle;
	struct ifs_file *file;
	bool made;
	int ret = find_or_make(fs, parent, name, mode, fi->flags, &file, &made);

	if (ret != 0) {
		(void)fuse_reply_err(req, ret);
		return;
	}
	handle = ifs_handle_new(fs, file->ino, file, true);
	if ((fi->flags & O_TRUNC) != 0)
		ret = ifs_write_empty(fs, file);
	if (ret == 0)
		ret = made_param(fs, file, made, &param);
	ifs_file_put(fs->files, &file);
	fi->fh = (uintptr_t)handle;
	fi->keep_cache = 1;
	if (ret != 0) {
		ifs_handle_free(fs, &handle);
		(void)fuse_reply_err(req, ret);
	} else if (fuse_reply_create(req, &param, fi) < 0) {
		ifs_files_forget(fs->files, param.ino, 1);
		ifs_handle_free(fs, &handle);
	}
}

void ifs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       dev_t rdev)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct fuse_entry_param param;
	struct ifs_file *file = NULL;
	int ret = EPERM;
	bool made;

	(void)rdev;
	if (S_ISREG(mode))
		ret = find_or_make(fs, parent, name, mode, O_EXCL, &file,
				   &made);
	if (ret == 0) {
		ret = made_param(fs, file, made, &param);
		ifs_file_put(fs->files, &file);
	}
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else if (fuse_reply_entry(req, &param) < 0)
		ifs_files_forget(fs->files, param.ino, 1);
}

static int find_file(struct ifs_fs *fs, fuse_ino_t ino,
		     struct ifs_file **file_r)
{
	struct sqb_mailbox_id box;
	struct sqb_message msg;
	struct sqb_store *st;
	uint32_t uid;
	int ret;

	*file_r = ifs_file_get(fs->files, ino);
	if (*file_r != NULL)
		return 0;
	if (!ifs_message_of_ino(fs->files, ino, &box, &uid))
		return ENOENT;
	st = ifs_read_begin(fs);
	ret = ifs_errno(fs, st, sqb_message_get(st, box, uid, &msg));
	ifs_read_end(fs);
	if (ret == 0)
		*file_r = ifs_file_of_message(fs->files, box, uid);
	return ret;
}

int ifs_write_find(struct ifs_fs *fs, fuse_ino_t ino, struct ifs_file **file_r)
{
	int ret = find_file(fs, ino, file_r);

	if (ret == 0)
		ret = ifs_readahead_keep_off(fs, ino);
	if (ret != 0)
		ifs_file_put(fs->files, file_r);
	return ret;
}

/* A message is emptied without being read. */
int ifs_write_empty(struct ifs_fs *fs, struct ifs_file *file)
{
	int ret;

	(void)pthread_mutex_lock(&file->lock);
	if (file->draft == NULL) {
		file->draft = ifs_draft_new(&fs->space);
		file->dirty = true;
	}
	ret = ifs_write_size(fs, file, 0);
	(void)pthread_mutex_unlock(&file->lock);
	return ret;
}

/* The draft has changed.  A mapping was written to at some time before. */
static void touch(struct ifs_file *file, bool mapped)
{
	file->dirty = true;
	file->failed = false;
	if (mapped && file->mtime_set)
		return;
	file->mtime_set = false;
	(void)clock_gettime(CLOCK_REALTIME, &file->mtime);
}

int ifs_write_at(struct ifs_fs *fs, struct ifs_file *file, uint64_t offset,
		 const void *buf, size_t size, bool mapped)
{
	int ret;

	if (offset > IFS_MESSAGE_MAX || size > IFS_MESSAGE_MAX - offset)
		return EFBIG;
	ret = ifs_make_draft(fs, file);
	if (ret == 0)
		ret = ifs_draft_write(file->draft, offset, buf, size);
	if (ret == 0 && size > 0)
		touch(file, mapped);
	return ret;
}

int ifs_write_size(struct ifs_fs *fs, struct ifs_file *file, uint64_t size)
{
	int ret;

	if (size > IFS_MESSAGE_MAX)
		return EFBIG;
	ret = ifs_make_draft(fs, file);
	if (ret != 0 || ifs_draft_size(file->draft) == size)
		return ret;
	ret = ifs_draft_truncate(file->draft, size);
	if (ret == 0)
		touch(file, false);
	return ret;
}

void ifs_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
	       off_t offset, struct fuse_file_info *fi)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct ifs_file *file = ifs_handle_of(fi)->file;
	int ret;

	do {
		(void)pthread_mutex_lock(&file->lock);
		ret = ifs_write_at(fs, file, (uint64_t)offset, buf, size,
				   fi->writepage);
		(void)pthread_mutex_unlock(&file->lock);
	} while (ifs_replica_fetch(req, ino, &ret));
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else
		(void)fuse_reply_write(req, size);
}

/* Whoever wrote to it: pages of a mapping come by any handle. */
static void commit_file(fuse_req_t req, fuse_ino_t ino)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct ifs_file *file = ifs_file_get(fs->files, ino);
	bool written = false;
	int ret = 0;

	if (file != NULL) {
		(void)pthread_mutex_lock(&file->lock);
		written = file->dirty;
		ret = ifs_commit(fs, file);
		written = written && !file->dirty;
		(void)pthread_mutex_unlock(&file->lock);
		ifs_file_put(fs->files, &file);
	}
	if (ret == 0 && written)
		ret = ifs_replica_sent(req, ino);
	(void)fuse_reply_err(req, ret);
}

void ifs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	/* The kernel then never asks again. */
	if (ifs_fs_of(req)->opts->readonly)
		(void)fuse_reply_err(req, ENOSYS);
	else
		commit_file(req, ino);
}

void ifs_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
	       struct fuse_file_info *fi)
{
	(void)datasync;
	(void)fi;
	commit_file(req, ino);
}

/* What is listed in a directory was durable before it was there. */
void ifs_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
		  struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	(void)fuse_reply_err(req, 0);
}

static int allocate(struct ifs_fs *fs, struct ifs_file *file, uint64_t end)
{
	int ret;

	(void)pthread_mutex_lock(&file->lock);
	ret = ifs_make_draft(fs, file);
	if (ret == 0 && end > ifs_draft_size(file->draft))
		ret = ifs_write_size(fs, file, end);
	(void)pthread_mutex_unlock(&file->lock);
	return ret;
}

void ifs_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset,
		   off_t length, struct fuse_file_info *fi)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct ifs_file *file = ifs_handle_of(fi)->file;
	uint64_t end = (uint64_t)offset + (uint64_t)length;
	int ret = mode == 0 ? 0 : EOPNOTSUPP;

	if (ret == 0) {
		do
			ret = allocate(fs, file, end);
		while (ifs_replica_fetch(req, ino, &ret));
	}
	(void)fuse_reply_err(req, ret);
}
