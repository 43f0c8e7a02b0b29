/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/make.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/subscription.h"
#include "common/txn.h"
#include "fuse/dir.h"
#include "fuse/folders.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/maildir-rename.h"
#include "fuse/maildir.h"
#include "fuse/names.h"
#include "fuse/resolve.h"

static int check_level(const char *level)
{
	const char *s;

	if (sqb_mailbox_level_ok(level))
		return 0;
	for (s = level; *s != '\0'; s++) {
		if ((*s & 0x80) != 0)
			return EILSEQ;
	}
	return EINVAL;
}

int ifs_mailbox_name(struct ifs_fs *fs, struct sqb_store *st,
		     struct sqb_mailbox_id parent, const char *name,
		     char **full_r)
{
	bool maildir = fs->opts->layout == IFS_LAYOUT_MAILDIR;
	char level[SQB_LEVEL_MAX + 1], *above, *full;
	enum sqb_err err;
	int ret;

	if (strlen(name) > IFS_NAME_MAX)
		return ENAMETOOLONG;
	if (!ifs_level_decode(name, maildir, level))
		return EINVAL;
	if ((ret = check_level(level)) != 0)
		return ret;
	if (parent.n == 0) {
		if (strcasecmp(level, "INBOX") == 0 &&
		    strcmp(level, "INBOX") != 0)
			return EEXIST;
		*full_r = sqb_xstrdup(level);
		return 0;
	}
	err = sqb_mailbox_name(st, parent, &above);
	if (err != SQB_OK)
		return ifs_errno(fs, st, err);
	full = sqb_xasprintf("%s/%s", above, level);
	free(above);
	if (strlen(full) > SQB_NAME_MAX) {
		free(full);
		return ENAMETOOLONG;
	}
	*full_r = full;
	return 0;
}

static int create_mailbox(struct ifs_fs *fs, struct sqb_mailbox_id parent,
			  const char *name, struct sqb_mailbox_id *box_r)
{
	struct sqb_store *st = ifs_write_begin(fs);
	char *full = NULL;
	int ret = ifs_errno(fs, st, ifs_write_txn(fs, st));
	enum sqb_err err;

	if (ret == 0)
		ret = ifs_mailbox_name(fs, st, parent, name, &full);
	if (ret == 0) {
		err = sqb_mailbox_create(st, full, NULL, box_r);
		if (err == SQB_OK)
			err = sqb_subscribe(st, full, true, NULL);
		ret = ifs_write_finish(fs, st, err);
	}
	sqb_txn_rollback(st);
	ifs_write_end(fs);
	free(full);
	return ret;
}

static int do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		    struct fuse_entry_param *param_r)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct sqb_mailbox_id above, box;
	struct ifs_entry entry;
	int ret = ifs_dir_writable(fs, parent, name, &above);

	if (ret == 0 && ifs_node_kind(parent) == IFS_NODE_LAYOUT)
		ret = EPERM;
	if (ret == 0)
		ret = ifs_resolve(fs, parent, name, &entry);
	if (ret == 0) {
		ifs_entry_release(fs, &entry);
		ret = entry.kind == IFS_ENTRY_LAYOUT
			      ? ifs_maildir_mkdir(req, entry.ino)
			      : EEXIST;
		return ret == 0 ? ifs_entry_param(fs, entry.ino, param_r) : ret;
	}
	if (ret == ENOENT)
		ret = create_mailbox(fs, above, name, &box);
	if (ret != 0)
		return ret;
	if (fs->maildir != NULL)
		ifs_maildir_made(fs, box, fuse_req_ctx(req)->pid);
	ifs_folder_touch(fs, above);
	ifs_folder_touch(fs, box);
	return ifs_entry_param(fs, ifs_ino_mailbox(box), param_r);
}

void ifs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fuse_entry_param param;
	int ret = do_mkdir(req, parent, name, &param);

	(void)mode;
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else
		(void)fuse_reply_entry(req, &param);
}

static int refuse(fuse_req_t req)
{
	return ifs_fs_of(req)->opts->readonly ? EROFS : EPERM;
}

void ifs_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		 const char *name)
{
	(void)target;
	(void)parent;
	(void)name;
	(void)fuse_reply_err(req, refuse(req));
}

void ifs_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
	      const char *name)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct fuse_entry_param param;
	int ret = refuse(req);

	if (fs->maildir != NULL && !fs->opts->readonly)
		ret = ifs_maildir_link(fs, ino, parent, name);
	if (ret == 0) {
		ret = ifs_entry_param(fs, ino, &param);
		if (ret == 0)
			ifs_files_lookup(fs->files, ino);
	}
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else if (fuse_reply_entry(req, &param) < 0)
		ifs_files_forget(fs->files, ino, 1);
}
