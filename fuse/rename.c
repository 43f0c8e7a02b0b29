/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "sqbox-config.h"

#include "fuse/rename.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/entry.h"
#include "fuse/commit.h"
#include "fuse/draft.h"
#include "fuse/folders.h"
#include "fuse/handle.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/log.h"
#include "fuse/maildir-rename.h"
#include "fuse/maildir.h"
#include "fuse/remove.h"
#include "fuse/rename-private.h"
#include "fuse/resolve.h"

/*
 * The source moves first, so that in Trash its name is free for what it
 * replaces, should it come from there.
 */
static enum sqb_err replace(const struct ifs_rename *r, struct sqb_store *st,
			    uint32_t uid, int64_t date, uint32_t *new_uid,
			    struct ifs_removed *over)
{
	struct sqb_message old;
	enum sqb_err err = ifs_find_message(st, r->new_box, r->new_name, &old);
	bool found = err == SQB_OK;

	if (err != SQB_OK && err != SQB_NOTFOUND)
		return err;
	if (found && (r->flags & RENAME_NOREPLACE) != 0)
		return SQB_EXISTS;
	err = SQB_OK;
	*new_uid = uid;
	if (r->box.n != r->new_box.n)
		err = sqb_message_move(st, r->box, uid, r->new_box, NULL,
				       new_uid);
	else if (found && old.uid == uid)
		return SQB_OK;
	if (err == SQB_OK && found)
		err = ifs_remove_message_to(r->fs, st, r->new_box, old.uid,
					    over);
	if (err == SQB_OK)
		err = ifs_give_name(st, r->new_box, *new_uid, date,
				    r->new_name);
	return err;
}

/* Scratch that had the new name goes, too. */
void ifs_rename_drop_scratch(const struct ifs_rename *r)
{
	struct ifs_file *file =
		ifs_file_named(r->fs->files, r->new_dir, r->new_name);

	if (file != NULL)
		ifs_file_unname(r->fs->files, file);
	ifs_file_put(r->fs->files, &file);
}

void ifs_rename_touch(const struct ifs_rename *r)
{
	ifs_folder_touch(r->fs, r->box);
	if (r->box.n != r->new_box.n)
		ifs_folder_touch(r->fs, r->new_box);
}

static int rename_message(const struct ifs_rename *r)
{
	struct ifs_removed over = { .uid = 0 };
	struct sqb_store *st = ifs_write_begin(r->fs);
	struct sqb_message msg = { .uid = 0 };
	uint32_t new_uid = 0;
	enum sqb_err err = ifs_write_txn(r->fs, st);
	int ret;

	if (err == SQB_OK)
		err = ifs_find_message(st, r->box, r->name, &msg);
	if (err == SQB_OK)
		err = replace(r, st, msg.uid, msg.date, &new_uid, &over);
	ret = ifs_write_finish(r->fs, st, err);
	ifs_write_end(r->fs);
	if (ret != 0)
		return ret;
	ifs_removed_done(r->fs, &over);
	if (r->box.n != r->new_box.n)
		ifs_files_moved(r->fs->files, r->box, msg.uid, r->new_box,
				new_uid);
	ifs_rename_drop_scratch(r);
	ifs_rename_touch(r);
	return 0;
}

/* The name that a message is shown under: given, or NULL and computed. */
static enum sqb_err swap_names(const struct ifs_rename *r, struct sqb_store *st)
{
	struct sqb_message a, b;
	enum sqb_err err = ifs_find_message(st, r->box, r->name, &a);

	if (err == SQB_OK)
		err = ifs_find_message(st, r->box, r->new_name, &b);
	if (err == SQB_OK)
		err = sqb_entry_name_set(st, r->box, a.uid, NULL);
	if (err == SQB_OK)
		err = ifs_give_name(st, r->box, b.uid, b.date, r->name);
	if (err == SQB_OK)
		err = ifs_give_name(st, r->box, a.uid, a.date, r->new_name);
	return err;
}

static int exchange(const struct ifs_rename *r, const struct ifs_entry *from,
		    const struct ifs_entry *to)
{
	struct sqb_store *st;
	enum sqb_err err;
	int ret;

	if (from->kind != IFS_ENTRY_MESSAGE || to->kind != IFS_ENTRY_MESSAGE ||
	    r->box.n != r->new_box.n || r->fs->maildir != NULL)
		return EINVAL;
	st = ifs_write_begin(r->fs);
	err = ifs_write_txn(r->fs, st);
	if (err == SQB_OK)
		err = swap_names(r, st);
	ret = ifs_write_finish(r->fs, st, err);
	ifs_write_end(r->fs);
	if (ret == 0)
		ifs_rename_touch(r);
	return ret;
}

/* A message that had the name which scratch gets now. */
static int remove_replaced(const struct ifs_rename *r)
{
	struct ifs_removed over = { .uid = 0 };
	struct sqb_store *st = ifs_write_begin(r->fs);
	struct sqb_message msg;
	enum sqb_err err = ifs_write_txn(r->fs, st);
	int ret;

	if (err == SQB_OK)
		err = ifs_find_entry(r->fs, st, r->new_dir, r->new_name, &msg);
	if (err == SQB_OK)
		err = ifs_remove_message_to(r->fs, st, r->new_box, msg.uid,
					    &over);
	ret = ifs_write_finish(r->fs, st, err == SQB_NOTFOUND ? SQB_OK : err);
	ifs_write_end(r->fs);
	if (ret == 0)
		ifs_removed_done(r->fs, &over);
	return ret;
}

static int rename_scratch(const struct ifs_rename *r, struct ifs_file *file,
			  const struct ifs_entry *to)
{
	bool over = to != NULL && to->kind == IFS_ENTRY_MESSAGE;
	struct ifs_target target;
	struct sqb_mailbox_id box;
	uint32_t uid;
	bool append;
	int ret = 0;

	(void)pthread_mutex_lock(&file->lock);
	append = ifs_becomes_message(r->fs, r->new_dir, r->new_name, &target) &&
		 file->draft != NULL && ifs_draft_size(file->draft) > 0;
	/* The kernel asks again: close() has made a message of it. */
	if (ifs_file_message(r->fs->files, file, &box, &uid))
		ret = ESTALE;
	else if (append)
		ret = ifs_commit_as(r->fs, file, &target, over ? to->uid : 0);
	else if (over)
		ret = remove_replaced(r);
	if (ret == 0)
		ifs_rename_drop_scratch(r);
	if (ret == 0 && !append &&
	    !ifs_file_rename(r->fs->files, file, r->new_dir, r->new_name))
		ret = EEXIST;
	(void)pthread_mutex_unlock(&file->lock);
	if (ret == 0)
		ifs_rename_touch(r);
	return ret;
}

/* Not while it is being committed, which asks where it is before it begins. */
static int rename_stored(const struct ifs_rename *r, fuse_ino_t ino)
{
	struct ifs_file *file = ifs_file_get(r->fs->files, ino);
	int ret;

	if (file != NULL)
		(void)pthread_mutex_lock(&file->lock);
	ret = r->fs->maildir != NULL ? ifs_maildir_rename(r)
				     : rename_message(r);
	if (file != NULL)
		(void)pthread_mutex_unlock(&file->lock);
	ifs_file_put(r->fs->files, &file);
	return ret;
}

static bool is_folder(const struct ifs_entry *entry)
{
	return entry->kind == IFS_ENTRY_MAILBOX ||
	       entry->kind == IFS_ENTRY_LAYOUT;
}

static int rename_file(const struct ifs_rename *r, const struct ifs_entry *from,
		       const struct ifs_entry *to)
{
	int ret;

	if (to != NULL && is_folder(to))
		return EISDIR;
	if (to != NULL && to->kind == IFS_ENTRY_MESSAGE)
		ifs_handles_keep(r->fs, to->ino);
	if (from->kind == IFS_ENTRY_SCRATCH) {
		ret = ifs_maildir_check_name(r->new_dir, r->new_name);
		return ret != 0 ? ret : rename_scratch(r, from->file, to);
	}
	if (r->fs->maildir != NULL || r->new_box.n != 0)
		return rename_stored(r, from->ino);
	ifs_log(r->fs->log, LOG_NOTICE,
		"%s cannot be moved to the root: a message lies in a folder",
		r->name);
	return EPERM;
}

static int rename_entry(const struct ifs_rename *r,
			const struct ifs_entry *from,
			const struct ifs_entry *to)
{
	if ((r->flags & RENAME_EXCHANGE) != 0)
		return to == NULL ? ENOENT : exchange(r, from, to);
	if (to != NULL && (r->flags & RENAME_NOREPLACE) != 0)
		return EEXIST;
	if (to != NULL && to->ino == from->ino)
		return 0;
	if (!is_folder(from))
		return rename_file(r, from, to);
	if (to != NULL && !is_folder(to))
		return ENOTDIR;
	if (from->kind == IFS_ENTRY_LAYOUT ||
	    (to != NULL && to->kind == IFS_ENTRY_LAYOUT))
		return EBUSY;
	if (ifs_node_kind(r->new_dir) == IFS_NODE_LAYOUT)
		return EPERM;
	return ifs_rename_mailbox(r);
}

static int do_rename(struct ifs_rename *r)
{
	struct ifs_entry from, to;
	int ret, found;

	if ((r->flags & ~(unsigned int)(RENAME_NOREPLACE | RENAME_EXCHANGE)) !=
		    0 ||
	    r->flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return EINVAL;
	if ((ret = ifs_dir_writable(r->fs, r->dir, r->name, &r->box)) != 0 ||
	    (ret = ifs_dir_writable(r->fs, r->new_dir, r->new_name,
				    &r->new_box)) != 0 ||
	    (ret = ifs_resolve(r->fs, r->dir, r->name, &from)) != 0)
		return ret;
	found = ifs_resolve(r->fs, r->new_dir, r->new_name, &to);
	if (found == 0 || found == ENOENT)
		ret = rename_entry(r, &from, found == 0 ? &to : NULL);
	else
		ret = found;
	if (found == 0)
		ifs_entry_release(r->fs, &to);
	ifs_entry_release(r->fs, &from);
	return ret;
}

void ifs_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		fuse_ino_t new_parent, const char *new_name, unsigned int flags)
{
	struct ifs_rename r = {
		.fs = ifs_fs_of(req),
		.dir = parent,
		.new_dir = new_parent,
		.name = name,
		.new_name = new_name,
		.flags = flags,
	};

	(void)fuse_reply_err(req, do_rename(&r));
}
