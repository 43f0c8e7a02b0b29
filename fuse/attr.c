/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/attr.h"

#include <errno.h>
#include <string.h>

#include "fuse/draft.h"
#include "fuse/folders.h"
#include "fuse/hidden.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/inval.h"
#include "fuse/maildir.h"

#define BLOCK_SIZE 4096

static void fill(struct ifs_fs *fs, fuse_ino_t ino, mode_t mode,
		 struct stat *attr)
{
	memset(attr, 0, sizeof(*attr));
	attr->st_ino = ino;
	attr->st_mode = mode;
	attr->st_nlink = 1;
	attr->st_uid = fs->opts->uid;
	attr->st_gid = fs->opts->gid;
	attr->st_blksize = BLOCK_SIZE;
}

static void fill_size(struct stat *attr, uint64_t size)
{
	attr->st_size = (off_t)size;
	attr->st_blocks = (blkcnt_t)((size + 511) / 512);
}

void ifs_attr_message(struct ifs_fs *fs, fuse_ino_t ino,
		      const struct sqb_message *msg, struct stat *attr_r)
{
	fill(fs, ino, S_IFREG | (0666 & ~fs->opts->umask), attr_r);
	fill_size(attr_r, msg->psize);
	attr_r->st_mtim.tv_sec = (time_t)msg->date;
	attr_r->st_atim.tv_sec = (time_t)msg->date;
	attr_r->st_ctim.tv_sec = (time_t)msg->save_date;
}

void ifs_attr_mailbox(struct ifs_fs *fs, const struct sqb_mailbox_info *info,
		      struct stat *attr_r)
{
	struct sqb_mailbox_id box = info->status.id;

	fill(fs, ifs_ino_mailbox(box), S_IFDIR | (0777 & ~fs->opts->umask),
	     attr_r);
	attr_r->st_nlink = 2 + (nlink_t)info->children;
	if (!ifs_folder_mtime(fs, box, &attr_r->st_mtim)) {
		attr_r->st_mtim = fs->mounted;
		if (info->last_saved > 0) {
			attr_r->st_mtim.tv_sec = (time_t)info->last_saved;
			attr_r->st_mtim.tv_nsec = 0;
		}
	}
	attr_r->st_ctim = attr_r->st_mtim;
	attr_r->st_atim = attr_r->st_mtim;
}

void ifs_attr_made(struct ifs_fs *fs, fuse_ino_t ino, mode_t mode,
		   uint64_t size, struct stat *attr_r)
{
	fill(fs, ino, mode, attr_r);
	fill_size(attr_r, size);
	if (S_ISDIR(mode))
		attr_r->st_nlink = 2;
	attr_r->st_mtim = fs->mounted;
	attr_r->st_ctim = fs->mounted;
	attr_r->st_atim = fs->mounted;
}

void ifs_attr_draft(struct ifs_fs *fs, const struct ifs_file *file,
		    struct stat *attr_r)
{
	struct timespec mtime = file->mtime;
	uint64_t size;
	int64_t date;
	bool gone = ifs_file_gone(fs->files, file, &size, &date);

	fill(fs, file->ino, S_IFREG | file->mode, attr_r);
	if (gone)
		attr_r->st_nlink = 0;
	if (file->draft != NULL) {
		size = ifs_draft_size(file->draft);
	} else if (gone) {
		mtime.tv_sec = (time_t)date;
		mtime.tv_nsec = 0;
	}
	fill_size(attr_r, size);
	attr_r->st_mtim = mtime;
	attr_r->st_atim = mtime;
	attr_r->st_ctim = mtime;
}

static int attr_of_message(struct ifs_fs *fs, fuse_ino_t ino,
			   struct stat *attr_r)
{
	struct sqb_mailbox_id box;
	struct sqb_message msg;
	struct sqb_store *st;
	enum sqb_err err;
	uint32_t uid;
	int ret;

	if (!ifs_message_of_ino(fs->files, ino, &box, &uid))
		return ENOENT;
	st = ifs_read_begin(fs);
	err = sqb_message_get(st, box, uid, &msg);
	if (err == SQB_OK)
		ifs_attr_message(fs, ino, &msg, attr_r);
	ret = ifs_errno(fs, st, err);
	ifs_read_end(fs);
	return ret;
}

static int attr_of_file(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r)
{
	struct ifs_file *file = ifs_file_get(fs->files, ino);
	struct sqb_mailbox_id box;
	uint32_t uid;
	bool draft;

	if (file == NULL)
		return attr_of_message(fs, ino, attr_r);
	(void)pthread_mutex_lock(&file->lock);
	draft = file->draft != NULL ||
		!ifs_file_message(fs->files, file, &box, &uid);
	if (draft)
		ifs_attr_draft(fs, file, attr_r);
	(void)pthread_mutex_unlock(&file->lock);
	ifs_file_put(fs->files, &file);
	return draft ? 0 : attr_of_message(fs, ino, attr_r);
}

static int attr_of_mailbox(struct ifs_fs *fs, struct sqb_mailbox_id box,
			   struct stat *attr_r)
{
	struct sqb_store *st = ifs_read_begin(fs);
	struct sqb_mailbox_info info;
	enum sqb_err err = sqb_mailbox_info_get(st, box, &info);
	int ret = ifs_errno(fs, st, err);

	ifs_read_end(fs);
	if (ret == 0)
		ifs_attr_mailbox(fs, &info, attr_r);
	return ret;
}

int ifs_attr(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r)
{
	if (fs->lost && ifs_node_kind(ino) != IFS_NODE_HIDDEN)
		return EIO;
	switch (ifs_node_kind(ino)) {
	case IFS_NODE_ROOT:
	case IFS_NODE_MAILBOX:
		return attr_of_mailbox(fs, ifs_ino_box(ino), attr_r);
	case IFS_NODE_LOCAL:
	case IFS_NODE_MESSAGE:
		return attr_of_file(fs, ino, attr_r);
	case IFS_NODE_HIDDEN:
		return ifs_hidden_attr(fs, ino, attr_r);
	case IFS_NODE_LAYOUT:
		return ifs_maildir_attr(fs, ino, attr_r);
	}
	return ENOENT;
}

double ifs_attr_timeout(struct ifs_fs *fs, fuse_ino_t ino)
{
	enum ifs_node_kind kind = ifs_node_kind(ino);
	struct sqb_mailbox_id box;
	uint32_t uid;

	if ((kind == IFS_NODE_LOCAL || kind == IFS_NODE_MESSAGE) &&
	    (ifs_file_in_use(fs->files, ino) ||
	     !ifs_message_of_ino(fs->files, ino, &box, &uid)))
		return 0.0;
	if (kind == IFS_NODE_LAYOUT)
		return 0.0;
	return kind == IFS_NODE_HIDDEN ? IFS_HIDDEN_TIMEOUT
				       : ifs_inval_timeout(fs);
}
