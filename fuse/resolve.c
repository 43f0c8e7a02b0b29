/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/entry.h"
#include "common/mem.h"
#include "fuse/hidden.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/maildir.h"
#include "fuse/names.h"

/* A level whose name was cut is found by trying all. */
static enum sqb_err find_cut(struct ifs_fs *fs, struct sqb_store *st,
			     struct sqb_mailbox_id parent, const char *name,
			     struct sqb_mailbox_id *id_r)
{
	bool maildir = fs->opts->layout == IFS_LAYOUT_MAILDIR;
	struct sqb_mailbox_id first = { 0 };
	struct sqb_child_iter *it = sqb_child_iter_begin(st, parent, first);
	struct sqb_mailbox_info info;
	char encoded[IFS_NAME_MAX + 1];
	bool found = false;
	enum sqb_err err;

	while (!found && sqb_child_iter_next(it, &info)) {
		ifs_level_encode(info.name, maildir, encoded);
		found = strcmp(encoded, name) == 0;
		if (found)
			*id_r = info.status.id;
	}
	err = sqb_child_iter_end(&it);
	if (err != SQB_OK)
		return err;
	return found ? SQB_OK : SQB_NOTFOUND;
}

enum sqb_err ifs_find_mailbox(struct ifs_fs *fs, struct sqb_store *st,
			      struct sqb_mailbox_id parent, const char *name,
			      struct sqb_mailbox_id *id_r)
{
	bool maildir = fs->opts->layout == IFS_LAYOUT_MAILDIR;
	char level[SQB_LEVEL_MAX + 1];
	enum sqb_err err = SQB_NOTFOUND;

	if (ifs_level_decode(name, maildir, level))
		err = sqb_mailbox_child(st, parent, level, id_r);
	if (err == SQB_OK && id_r->n > IFS_BOX_MAX)
		err = SQB_NOTFOUND;
	if (err == SQB_NOTFOUND && ifs_level_is_cut(name))
		err = find_cut(fs, st, parent, name, id_r);
	return err;
}

/* Is it called by the computed name, which the name is? */
static enum sqb_err check_computed(struct sqb_store *st,
				   struct sqb_mailbox_id box, uint32_t uid,
				   const char *name, struct sqb_message *msg_r)
{
	char computed[IFS_NAME_MAX + 1], *given;
	enum sqb_err err = sqb_message_get(st, box, uid, msg_r);

	if (err != SQB_OK)
		return err;
	ifs_name_generate(msg_r->date, box, uid, computed);
	if (strcmp(computed, name) != 0)
		return SQB_NOTFOUND;
	err = sqb_entry_name_get(st, box, uid, &given);
	if (err == SQB_NOTFOUND)
		return SQB_OK;
	if (err != SQB_OK)
		return err;
	free(given);
	return SQB_NOTFOUND;
}

enum sqb_err ifs_find_message(struct sqb_store *st, struct sqb_mailbox_id box,
			      const char *name, struct sqb_message *msg_r)
{
	struct sqb_mailbox_id named_box;
	uint32_t uid;
	enum sqb_err err = sqb_entry_find(st, box, name, &uid);

	if (err == SQB_OK)
		return sqb_message_get(st, box, uid, msg_r);
	if (err != SQB_NOTFOUND)
		return err;
	if (!ifs_name_parse(name, &named_box, &uid) || named_box.n != box.n)
		return SQB_NOTFOUND;
	return check_computed(st, box, uid, name, msg_r);
}

enum sqb_err ifs_find_entry(struct ifs_fs *fs, struct sqb_store *st,
			    fuse_ino_t dir, const char *name,
			    struct sqb_message *msg_r)
{
	enum ifs_node_kind kind = ifs_node_kind(dir);

	if (kind == IFS_NODE_LAYOUT)
		return ifs_maildir_find(fs, st, dir, name, msg_r);
	if (kind != IFS_NODE_MAILBOX || fs->maildir != NULL)
		return SQB_NOTFOUND;
	return ifs_find_message(st, ifs_ino_box(dir), name, msg_r);
}

static enum sqb_err find_stored(struct ifs_fs *fs, struct sqb_store *st,
				fuse_ino_t parent, struct sqb_mailbox_id box,
				const char *name, struct ifs_entry *entry_r)
{
	enum sqb_err err = SQB_NOTFOUND;
	struct sqb_message msg;

	if (fs->maildir != NULL) {
		entry_r->kind = IFS_ENTRY_LAYOUT;
		entry_r->box = box;
		err = ifs_maildir_find_dir(fs, st, parent, name, &entry_r->ino);
	}
	if (err == SQB_NOTFOUND && !ifs_name_is_message(name) &&
	    ifs_node_kind(parent) != IFS_NODE_LAYOUT) {
		entry_r->kind = IFS_ENTRY_MAILBOX;
		err = ifs_find_mailbox(fs, st, box, name, &entry_r->box);
		if (err == SQB_OK)
			entry_r->ino = ifs_ino_mailbox(entry_r->box);
	}
	if (err == SQB_NOTFOUND) {
		entry_r->kind = IFS_ENTRY_MESSAGE;
		err = ifs_find_entry(fs, st, parent, name, &msg);
		if (err == SQB_OK) {
			entry_r->box = box;
			entry_r->uid = msg.uid;
			entry_r->ino =
				ifs_ino_of_message(fs->files, box, msg.uid);
		}
	}
	return err;
}

static int resolve(struct ifs_fs *fs, fuse_ino_t parent,
		   struct sqb_mailbox_id box, const char *name,
		   struct ifs_entry *entry_r)
{
	struct sqb_store *st = ifs_read_begin(fs);
	enum sqb_err err;
	int ret;

	memset(entry_r, 0, sizeof(*entry_r));
	err = find_stored(fs, st, parent, box, name, entry_r);
	ret = ifs_errno(fs, st, err);
	ifs_read_end(fs);
	if (ret != ENOENT)
		return ret;
	entry_r->file = ifs_file_named(fs->files, parent, name);
	if (entry_r->file == NULL)
		return ENOENT;
	entry_r->kind = IFS_ENTRY_SCRATCH;
	entry_r->ino = entry_r->file->ino;
	entry_r->box = box;
	return 0;
}

int ifs_resolve(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		struct ifs_entry *entry_r)
{
	struct sqb_mailbox_id box = { 0 };
	uint64_t moves;
	int ret;

	memset(entry_r, 0, sizeof(*entry_r));
	if (ifs_hidden_name(parent, name))
		return EROFS;
	if (strlen(name) > IFS_NAME_MAX)
		return ENAMETOOLONG;
	if (fs->lost)
		return EIO;
	if (ifs_node_kind(parent) != IFS_NODE_ROOT)
		box = ifs_ino_box(parent);
	do {
		moves = ifs_files_moves(fs->files);
		ret = resolve(fs, parent, box, name, entry_r);
	} while (ifs_files_moves(fs->files) != moves &&
		 (ret == ENOENT ||
		  (ret == 0 && entry_r->kind == IFS_ENTRY_MESSAGE)));
	return ret;
}

void ifs_entry_release(struct ifs_fs *fs, struct ifs_entry *entry)
{
	ifs_file_put(fs->files, &entry->file);
}

int ifs_dir_writable(struct ifs_fs *fs, fuse_ino_t dir, const char *name,
		     struct sqb_mailbox_id *box_r)
{
	if (fs->opts->readonly || ifs_hidden_name(dir, name))
		return EROFS;
	box_r->n = 0;
	switch (ifs_node_kind(dir)) {
	case IFS_NODE_ROOT:
		return 0;
	case IFS_NODE_MAILBOX:
	case IFS_NODE_LAYOUT:
		*box_r = ifs_ino_box(dir);
		return 0;
	case IFS_NODE_LOCAL:
	case IFS_NODE_MESSAGE:
		return ENOTDIR;
	case IFS_NODE_HIDDEN:
		return EPERM;
	}
	return EPERM;
}

enum sqb_err ifs_shown_name(struct sqb_store *st, struct sqb_mailbox_id box,
			    uint32_t uid, int64_t date, char **name_r)
{
	char computed[IFS_NAME_MAX + 1];
	enum sqb_err err = sqb_entry_name_get(st, box, uid, name_r);

	if (err != SQB_NOTFOUND)
		return err;
	ifs_name_generate(date, box, uid, computed);
	*name_r = sqb_xstrdup(computed);
	return SQB_OK;
}

enum sqb_err ifs_give_name(struct sqb_store *st, struct sqb_mailbox_id box,
			   uint32_t uid, int64_t date, const char *name)
{
	char computed[IFS_NAME_MAX + 1];

	ifs_name_generate(date, box, uid, computed);
	return sqb_entry_name_set(st, box, uid,
				  strcmp(name, computed) == 0 ? NULL : name);
}

enum sqb_err ifs_is_inbox(struct sqb_store *st, struct sqb_mailbox_id box,
			  bool *inbox_r)
{
	struct sqb_mailbox_id root = { 0 }, inbox;
	enum sqb_err err = sqb_mailbox_child(st, root, "INBOX", &inbox);

	if (err == SQB_OK || err == SQB_NOTFOUND) {
		*inbox_r = err == SQB_OK && inbox.n == box.n;
		err = SQB_OK;
	}
	return err;
}
