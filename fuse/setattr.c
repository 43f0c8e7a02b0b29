/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/setattr.h"

#include <errno.h>

#include "fuse/attr.h"
#include "fuse/commit.h"
#include "fuse/folders.h"
#include "fuse/inode.h"
#include "fuse/replica.h"
#include "fuse/write.h"

#define SET_MTIME (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)

static struct timespec mtime_of(const struct stat *attr, int to_set)
{
	struct timespec mtime = attr->st_mtim;

	if ((to_set & FUSE_SET_ATTR_MTIME_NOW) != 0)
		(void)clock_gettime(CLOCK_REALTIME, &mtime);
	return mtime;
}

/* Of what is stored: does it ask for another owner, or less than all rights? */
static int check_rights(struct ifs_fs *fs, const struct stat *attr, int to_set,
			mode_t rights)
{
	if ((to_set & FUSE_SET_ATTR_UID) != 0 && attr->st_uid != fs->opts->uid)
		return EPERM;
	if ((to_set & FUSE_SET_ATTR_GID) != 0 && attr->st_gid != fs->opts->gid)
		return EPERM;
	if ((to_set & FUSE_SET_ATTR_MODE) != 0 &&
	    (attr->st_mode & rights) != rights)
		return EPERM;
	return 0;
}

static int set_folder(struct ifs_fs *fs, fuse_ino_t ino,
		      const struct stat *attr, int to_set)
{
	struct timespec mtime = mtime_of(attr, to_set);
	struct sqb_mailbox_id box = { 0 };
	int ret = check_rights(fs, attr, to_set, S_IRWXU);

	if ((to_set & FUSE_SET_ATTR_SIZE) != 0)
		return EISDIR;
	/* The mtime of cur and new says whether there is something new. */
	if (ret != 0 || (to_set & SET_MTIME) == 0 ||
	    ifs_node_kind(ino) == IFS_NODE_LAYOUT)
		return ret;
	if (ifs_node_kind(ino) == IFS_NODE_MAILBOX)
		box = ifs_ino_box(ino);
	ifs_folder_set_mtime(fs, box, &mtime);
	return 0;
}

/* An open file's is committed by close(); truncate(2) has none. */
static int set_size(struct ifs_fs *fs, struct ifs_file *file, uint64_t size)
{
	bool stored = file->draft == NULL;
	int ret;

	if (size == 0 && stored && file->writers == 0)
		return EPERM;
	ret = ifs_write_size(fs, file, size);
	if (ret != 0 || file->writers > 0)
		return ret;
	ret = ifs_commit(fs, file);
	if (ret != 0 && stored)
		ifs_forget_draft(fs, file);
	return ret;
}

/* A message that has been made of it already becomes another. */
static void set_draft_mtime(struct ifs_file *file, const struct timespec *mtime)
{
	if (mtime->tv_sec != file->mtime.tv_sec)
		file->dirty = true;
	file->mtime = *mtime;
	file->mtime_set = true;
}

static int set_file(struct ifs_fs *fs, struct ifs_file *file,
		    const struct stat *attr, int to_set)
{
	struct timespec mtime = mtime_of(attr, to_set);
	int ret = 0;

	if (file->draft == NULL)
		ret = check_rights(fs, attr, to_set, S_IRUSR | S_IWUSR);
	else if ((to_set & FUSE_SET_ATTR_MODE) != 0)
		file->mode = attr->st_mode & 0777;
	if (ret == 0 && (to_set & FUSE_SET_ATTR_SIZE) != 0)
		ret = set_size(fs, file, (uint64_t)attr->st_size);
	if (ret == 0 && (to_set & SET_MTIME) != 0) {
		if (file->draft != NULL)
			set_draft_mtime(file, &mtime);
		else
			ret = ifs_commit_date(fs, file, mtime.tv_sec);
	}
	return ret;
}

static int set_any(struct ifs_fs *fs, fuse_ino_t ino, const struct stat *attr,
		   int to_set)
{
	struct ifs_file *file;
	int ret;

	switch (ifs_node_kind(ino)) {
	case IFS_NODE_ROOT:
	case IFS_NODE_MAILBOX:
	case IFS_NODE_LAYOUT:
		return set_folder(fs, ino, attr, to_set);
	case IFS_NODE_LOCAL:
	case IFS_NODE_MESSAGE:
		break;
	case IFS_NODE_HIDDEN:
		return EPERM;
	}
	ret = ifs_write_find(fs, ino, &file);
	if (ret != 0)
		return ret;
	(void)pthread_mutex_lock(&file->lock);
	ret = set_file(fs, file, attr, to_set);
	(void)pthread_mutex_unlock(&file->lock);
	ifs_file_put(fs->files, &file);
	return ret;
}

void ifs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		 struct fuse_file_info *fi)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	double timeout = ifs_attr_timeout(fs, ino);
	struct stat result;
	int ret;

	(void)fi;
	do
		ret = set_any(fs, ino, attr, to_set);
	while (ifs_replica_fetch(req, ino, &ret));
	if (ret == 0)
		ret = ifs_attr(fs, ino, &result);
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else
		(void)fuse_reply_attr(req, &result, timeout);
}
