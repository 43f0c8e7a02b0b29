/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remove.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/entry.h"
#include "common/subscription.h"
#include "common/txn.h"
#include "fuse/folders.h"
#include "fuse/handle.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/maildir.h"
#include "fuse/resolve.h"

/* SQB_NOTFOUND is an answer. */
static enum sqb_err find_trash(struct sqb_store *st,
			       struct sqb_mailbox_id *trash_r)
{
	static const char *const names[] = { "Trash", "INBOX/Trash" };
	struct sqb_mailbox_status status = { .noselect = false };
	enum sqb_err err = sqb_mailbox_find_use(st, SQB_USE_TRASH, trash_r);
	size_t i;

	for (i = 0; err == SQB_NOTFOUND && i < 2; i++)
		err = sqb_mailbox_find(st, names[i], trash_r);
	if (err == SQB_OK)
		err = sqb_mailbox_status(st, *trash_r, &status);
	return err == SQB_OK && status.noselect ? SQB_NOTFOUND : err;
}

static enum sqb_err is_below(struct sqb_store *st, struct sqb_mailbox_id box,
			     struct sqb_mailbox_id top, bool *below_r)
{
	struct sqb_mailbox_status status;
	enum sqb_err err = SQB_OK;
	unsigned int depth;

	/* The limit ends a cycle, which would be damage. */
	for (depth = 0; depth < SQB_NAME_MAX / 2; depth++) {
		if (box.n == 0 || box.n == top.n)
			break;
		err = sqb_mailbox_status(st, box, &status);
		if (err != SQB_OK)
			break;
		box = status.parent;
	}
	if (err == SQB_OK)
		*below_r = box.n == top.n;
	return err;
}

/* Where does rm put what is in a mailbox?  SQB_NOTFOUND: nowhere. */
static enum sqb_err trash_for(struct ifs_fs *fs, struct sqb_store *st,
			      struct sqb_mailbox_id box,
			      struct sqb_mailbox_id *trash_r)
{
	enum sqb_err err = SQB_NOTFOUND;
	bool below = false;

	if (fs->opts->rm == IFS_RM_TRASH)
		err = find_trash(st, trash_r);
	if (err == SQB_OK)
		err = is_below(st, box, *trash_r, &below);
	return err == SQB_OK && below ? SQB_NOTFOUND : err;
}

static enum sqb_err move_to_trash(struct sqb_store *st,
				  struct ifs_removed *removed)
{
	char *name = NULL;
	enum sqb_err err;

	err = ifs_shown_name(st, removed->box, removed->uid, removed->date,
			     &name);
	if (err == SQB_OK)
		err = sqb_message_move(st, removed->box, removed->uid,
				       removed->trash, NULL,
				       &removed->trash_uid);
	if (err == SQB_OK) {
		err = sqb_entry_name_set(st, removed->trash, removed->trash_uid,
					 name);
		if (err == SQB_EXISTS)
			err = SQB_OK;
	}
	free(name);
	return err;
}

enum sqb_err ifs_remove_message_to(struct ifs_fs *fs, struct sqb_store *st,
				   struct sqb_mailbox_id box, uint32_t uid,
				   struct ifs_removed *removed_r)
{
	struct ifs_removed removed = { .box = box, .uid = uid };
	struct sqb_message msg;
	enum sqb_err err = sqb_message_get(st, box, uid, &msg);

	if (err != SQB_OK)
		return err;
	removed.size = msg.psize;
	removed.date = msg.date;
	err = trash_for(fs, st, box, &removed.trash);
	if (err == SQB_OK) {
		ifs_write_tell(fs);
		err = move_to_trash(st, &removed);
	} else if (err == SQB_NOTFOUND) {
		err = sqb_message_expunge(st, box, uid, uid, NULL);
	}
	if (err == SQB_OK)
		*removed_r = removed;
	return err;
}

enum sqb_err ifs_remove_message(struct ifs_fs *fs, struct sqb_store *st,
				struct sqb_mailbox_id box, uint32_t uid)
{
	struct ifs_removed removed;

	return ifs_remove_message_to(fs, st, box, uid, &removed);
}

void ifs_removed_done(struct ifs_fs *fs, const struct ifs_removed *removed)
{
	if (removed->uid == 0)
		return;
	if (removed->trash_uid != 0) {
		ifs_files_moved(fs->files, removed->box, removed->uid,
				removed->trash, removed->trash_uid);
		ifs_folder_touch(fs, removed->trash);
	} else {
		ifs_files_gone(fs->files, removed->box, removed->uid,
			       removed->size, removed->date);
	}
	ifs_folder_touch(fs, removed->box);
}

/* written_to: by who has it open; it is not to be mail again, in Trash. */
static int unlink_message(struct ifs_fs *fs, fuse_ino_t dir, const char *name,
			  bool written_to)
{
	struct sqb_store *st = ifs_write_begin(fs);
	struct ifs_removed removed = { .uid = 0 };
	struct sqb_message msg;
	enum sqb_err err = ifs_write_txn(fs, st);
	int ret;

	if (err == SQB_OK)
		err = ifs_find_entry(fs, st, dir, name, &msg);
	if (err == SQB_OK)
		err = ifs_remove_message_to(fs, st, ifs_ino_box(dir), msg.uid,
					    &removed);
	ret = ifs_write_finish(fs, st, err);
	ifs_write_end(fs);
	if (ret != 0)
		return ret;
	ifs_removed_done(fs, &removed);
	if (written_to && removed.trash_uid != 0)
		ifs_files_gone(fs->files, removed.trash, removed.trash_uid,
			       removed.size, removed.date);
	return 0;
}

/* Who has it open for reading goes on with what it was. */
static int unlink_file(struct ifs_fs *fs, fuse_ino_t ino, fuse_ino_t dir,
		       const char *name)
{
	struct ifs_file *file;
	int ret;

	ifs_handles_keep(fs, ino);
	file = ifs_file_get(fs->files, ino);
	if (file == NULL)
		return unlink_message(fs, dir, name, false);
	(void)pthread_mutex_lock(&file->lock);
	ret = unlink_message(fs, dir, name, file->writers > 0);
	(void)pthread_mutex_unlock(&file->lock);
	ifs_file_put(fs->files, &file);
	return ret;
}

/* ESTALE, and the kernel asks again: close() has made a message of it. */
static int unlink_scratch(struct ifs_fs *fs, struct ifs_file *file,
			  struct sqb_mailbox_id box)
{
	fuse_ino_t dir;
	char *name;

	(void)pthread_mutex_lock(&file->lock);
	name = ifs_file_place(fs->files, file, &dir);
	if (name != NULL)
		ifs_file_unname(fs->files, file);
	(void)pthread_mutex_unlock(&file->lock);
	if (name == NULL)
		return ESTALE;
	free(name);
	ifs_folder_touch(fs, box);
	return 0;
}

/* What is to be removed, to be released. */
static int find(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		struct sqb_mailbox_id *box_r, struct ifs_entry *entry_r)
{
	int ret = ifs_dir_writable(fs, parent, name, box_r);

	return ret == 0 ? ifs_resolve(fs, parent, name, entry_r) : ret;
}

static int do_unlink(struct ifs_fs *fs, fuse_ino_t parent, const char *name)
{
	struct sqb_mailbox_id box;
	struct ifs_entry entry;
	int ret = find(fs, parent, name, &box, &entry);

	if (ret != 0)
		return ret;
	switch (entry.kind) {
	case IFS_ENTRY_MAILBOX:
	case IFS_ENTRY_LAYOUT:
		ret = EISDIR;
		break;
	case IFS_ENTRY_MESSAGE:
		ret = unlink_file(fs, entry.ino, parent, name);
		break;
	case IFS_ENTRY_SCRATCH:
		ret = unlink_scratch(fs, entry.file, box);
		break;
	}
	ifs_entry_release(fs, &entry);
	return ret;
}

void ifs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)fuse_reply_err(req, do_unlink(ifs_fs_of(req), parent, name));
}

/* Is there scratch in a folder? */
static bool has_scratch(struct ifs_fs *fs, struct sqb_mailbox_id box)
{
	bool found = ifs_files_any(fs->files, ifs_ino_mailbox(box));
	uint32_t dir;

	for (dir = IFS_MAILDIR_CUR;
	     !found && fs->maildir != NULL && dir <= IFS_MAILDIR_TMP; dir++)
		found = ifs_files_any(fs->files, ifs_maildir_ino(box, dir));
	return found;
}

static enum sqb_err delete_mailbox(struct sqb_store *st,
				   struct sqb_mailbox_id box)
{
	char *name;
	enum sqb_err err = sqb_mailbox_name(st, box, &name);

	if (err != SQB_OK)
		return err;
	err = sqb_subscribe(st, name, false, NULL);
	if (err == SQB_OK)
		err = sqb_mailbox_delete(st, box);
	free(name);
	return err;
}

int ifs_remove_mailbox(struct ifs_fs *fs, struct sqb_store *st,
		       struct sqb_mailbox_id box)
{
	struct sqb_mailbox_status status;
	enum sqb_err err = sqb_mailbox_status(st, box, &status);
	bool inbox = false;

	if (err == SQB_OK)
		err = ifs_is_inbox(st, box, &inbox);
	if (err == SQB_OK && inbox)
		return EBUSY;
	if (err == SQB_OK && (status.messages > 0 || status.has_children ||
			      has_scratch(fs, box)))
		return ENOTEMPTY;
	if (err == SQB_OK)
		err = delete_mailbox(st, box);
	return ifs_errno(fs, st, err);
}

static int rmdir_mailbox(struct ifs_fs *fs, struct sqb_mailbox_id parent,
			 const char *name)
{
	struct sqb_store *st = ifs_write_begin(fs);
	struct sqb_mailbox_id box = { 0 };
	enum sqb_err err = ifs_write_txn(fs, st);
	int ret;

	if (err == SQB_OK)
		err = ifs_find_mailbox(fs, st, parent, name, &box);
	ret = ifs_errno(fs, st, err);
	if (ret == 0)
		ret = ifs_remove_mailbox(fs, st, box);
	if (ret == 0)
		ret = ifs_write_finish(fs, st, SQB_OK);
	sqb_txn_rollback(st);
	ifs_write_end(fs);
	if (ret == 0)
		ifs_folder_touch(fs, parent);
	return ret;
}

static int do_rmdir(struct ifs_fs *fs, fuse_ino_t parent, const char *name)
{
	struct sqb_mailbox_id box;
	struct ifs_entry entry;
	int ret = find(fs, parent, name, &box, &entry);

	if (ret != 0)
		return ret;
	switch (entry.kind) {
	case IFS_ENTRY_MAILBOX:
		ret = rmdir_mailbox(fs, box, name);
		break;
	case IFS_ENTRY_LAYOUT:
		ret = ifs_maildir_rmdir(fs, entry.ino);
		break;
	case IFS_ENTRY_MESSAGE:
	case IFS_ENTRY_SCRATCH:
		ret = ENOTDIR;
		break;
	}
	ifs_entry_release(fs, &entry);
	return ret;
}

void ifs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)fuse_reply_err(req, do_rmdir(ifs_fs_of(req), parent, name));
}
