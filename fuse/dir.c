/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/dir.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "fuse/attr.h"
#include "fuse/handle.h"
#include "fuse/hidden.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/inval.h"
#include "fuse/listing.h"
#include "fuse/maildir.h"
#include "fuse/replica.h"
#include "fuse/resolve.h"

int ifs_entry_param(struct ifs_fs *fs, fuse_ino_t ino,
		    struct fuse_entry_param *param_r)
{
	memset(param_r, 0, sizeof(*param_r));
	param_r->ino = ino;
	param_r->attr_timeout = ifs_attr_timeout(fs, ino);
	/* Who has a name for it knows better. */
	param_r->entry_timeout = 1.0;
	if (ifs_node_kind(ino) == IFS_NODE_MAILBOX) {
		param_r->entry_timeout =
			ifs_inval_folder_timeout(fs, ifs_read_begin(fs));
		ifs_read_end(fs);
	}
	return ifs_attr(fs, ino, &param_r->attr);
}

/* Remembered as well: what is not there is asked for again and again. */
static void reply_negative(fuse_req_t req, struct ifs_fs *fs, fuse_ino_t parent,
			   const char *name)
{
	struct fuse_entry_param param;

	memset(&param, 0, sizeof(param));
	param.entry_timeout =
		ifs_node_kind(parent) == IFS_NODE_HIDDEN
			? ifs_attr_timeout(fs, parent)
			: ifs_inval_name_timeout(fs, parent, name, false, 0);
	(void)fuse_reply_entry(req, &param);
}

static int lookup(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		  struct fuse_entry_param *param_r)
{
	struct ifs_entry entry;
	int ret = ifs_resolve(fs, parent, name, &entry);

	if (ret == 0) {
		ret = ifs_entry_param(fs, entry.ino, param_r);
		if (entry.kind != IFS_ENTRY_MAILBOX)
			param_r->entry_timeout = ifs_inval_name_timeout(
				fs, parent, name, true, entry.uid);
		if (ret == 0)
			ifs_files_lookup(fs->files, entry.ino);
		ifs_entry_release(fs, &entry);
	}
	return ret;
}

static void forget(struct ifs_fs *fs, fuse_ino_t ino, uint64_t lookups)
{
	if (ifs_node_kind(ino) == IFS_NODE_HIDDEN)
		ifs_hidden_forget(fs, ino, lookups);
	else
		ifs_files_forget(fs->files, ino, lookups);
}

/* What is found by a name is told, too, where it lacks its message. */
static int lookup_hidden(fuse_req_t req, fuse_ino_t parent, const char *name,
			 struct fuse_entry_param *param_r)
{
	int ret;

	do
		ret = ifs_hidden_lookup(ifs_fs_of(req), parent, name, param_r);
	while (ifs_replica_fetch(req, param_r->ino != 0 ? param_r->ino : parent,
				 &ret));
	return ret;
}

void ifs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct fuse_entry_param param;
	int ret;

	if (ifs_hidden_name(parent, name))
		ret = lookup_hidden(req, parent, name, &param);
	else if (ifs_maildir_is_hidden(req, parent, name))
		ret = ENOENT;
	else
		ret = lookup(fs, parent, name, &param);
	if (ret == ENOENT)
		reply_negative(req, fs, parent, name);
	else if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else if (fuse_reply_entry(req, &param) < 0)
		forget(fs, param.ino, 1);
}

void ifs_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	forget(ifs_fs_of(req), ino, lookups);
	fuse_reply_none(req);
}

void ifs_forget_multi(fuse_req_t req, size_t count,
		      struct fuse_forget_data *forgets)
{
	size_t i;

	for (i = 0; i < count; i++)
		forget(ifs_fs_of(req), forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

void ifs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	double timeout = ifs_attr_timeout(fs, ino);
	struct stat attr;
	int ret;

	(void)fi;
	do
		ret = ifs_attr(fs, ino, &attr);
	while (ifs_replica_fetch(req, ino, &ret));
	if (ret == ENOENT)
		ret = ifs_handles_attr(fs, ino, &attr);
	/* The kernel then asks for the name that led it here. */
	if (ret == ENOENT && ifs_node_kind(ino) != IFS_NODE_MAILBOX)
		ret = ESTALE;
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else
		(void)fuse_reply_attr(req, &attr, timeout);
}

void ifs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ifs_fs *fs = ifs_fs_of(req);

	if (fs->opts->readonly && fs->maildir == NULL) {
		/* The kernel then does without; and keeps what it has read. */
		(void)fuse_reply_err(req, ENOSYS);
		return;
	}
	fi->cache_readdir =
		ifs_node_kind(ino) != IFS_NODE_HIDDEN && fs->maildir == NULL;
	fi->keep_cache = fi->cache_readdir;
	(void)fuse_reply_open(req, fi);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		 bool plus)
{
	if (ifs_node_kind(ino) == IFS_NODE_HIDDEN)
		ifs_hidden_list(req, ino, size, offset, plus);
	else
		ifs_listing_reply(req, ino, size, offset, plus);
}

void ifs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		 struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, offset, false);
}

void ifs_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		     struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, offset, true);
}

void ifs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	(void)fuse_reply_err(req, 0);
}

/* As if the quota were a disk of its own, on the one that there is. */
static int apply_quota(struct ifs_fs *fs, struct statvfs *info)
{
	uint64_t used = 0, quota = fs->opts->quota, left;
	struct sqb_store *st = ifs_read_begin(fs);
	int ret = ifs_errno(fs, st, sqb_store_vsize(st, &used));

	ifs_read_end(fs);
	left = used < quota ? (quota - used) / info->f_frsize : 0;
	info->f_blocks = quota / info->f_frsize;
	if (left < info->f_bfree)
		info->f_bfree = left;
	if (left < info->f_bavail)
		info->f_bavail = left;
	return ret;
}

/* The disk that the store is on. */
void ifs_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct statvfs info;
	int ret = 0;

	(void)ino;
	if (statvfs(fs->opts->source, &info) < 0)
		ret = errno;
	else if (fs->opts->quota != 0)
		ret = apply_quota(fs, &info);
	info.f_namemax = 255;
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else
		(void)fuse_reply_statfs(req, &info);
}
