/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "sqbox-config.h"

#include "fuse/maildir-rename.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuse/commit.h"
#include "fuse/draft.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/maildir.h"
#include "fuse/remove.h"
#include "fuse/resolve.h"

/* A message on its way. */
struct move {
	const struct ifs_rename *r; /* foreign */
	struct ifs_target target;
	struct ifs_maildir_place place;
	uint32_t uid, new_uid;
	struct ifs_removed over;
};

static int find_target(const struct ifs_rename *r, struct ifs_target *target_r)
{
	if (ifs_becomes_message(r->fs, r->new_dir, r->new_name, target_r))
		return 0;
	if (ifs_node_kind(r->new_dir) != IFS_NODE_LAYOUT ||
	    ifs_maildir_dir(r->new_dir) == IFS_MAILDIR_TMP)
		return EPERM;
	return r->new_name[0] == '.'
		       ? EINVAL
		       : ifs_maildir_check_name(r->new_dir, r->new_name);
}

/* With the same base it keeps the name that it has in the store. */
static bool keeps_name(const struct move *m)
{
	struct ifs_maildir_name old;

	return m->r->box.n == m->r->new_box.n &&
	       ifs_maildir_name_parse(m->r->name, &old) &&
	       strcmp(old.stored, m->target.name) == 0;
}

static enum sqb_err set_name(const struct move *m, struct sqb_store *st)
{
	struct sqb_mailbox_id box = m->r->new_box;
	struct sqb_message msg;
	enum sqb_err err;

	if (keeps_name(m))
		return SQB_OK;
	err = sqb_message_get(st, box, m->new_uid, &msg);
	if (err != SQB_OK)
		return err;
	err = ifs_give_name(st, box, m->new_uid, msg.date, m->target.name);
	return err == SQB_EXISTS ? SQB_OK : err;
}

/* The source moves first, as in rename.c. */
static enum sqb_err move(struct move *m, struct sqb_store *st)
{
	const struct ifs_rename *r = m->r;
	struct sqb_message old;
	enum sqb_err err =
		ifs_find_entry(r->fs, st, r->new_dir, r->new_name, &old);
	bool found = err == SQB_OK;
	uint32_t old_uid = found ? old.uid : 0;

	if (err != SQB_OK && err != SQB_NOTFOUND)
		return err;
	m->new_uid = m->uid;
	err = SQB_OK;
	if (r->box.n != r->new_box.n)
		err = sqb_message_move(st, r->box, m->uid, r->new_box, NULL,
				       &m->new_uid);
	if (err == SQB_OK && found && old_uid != m->new_uid)
		err = ifs_remove_message_to(r->fs, st, r->new_box, old_uid,
					    &m->over);
	if (err == SQB_OK)
		err = set_name(m, st);
	if (err == SQB_OK)
		err = ifs_maildir_apply(r->fs, st, r->new_box, m->new_uid,
					&m->place);
	return err;
}

int ifs_maildir_rename(const struct ifs_rename *r)
{
	struct move m = { .r = r };
	struct sqb_message msg;
	struct sqb_store *st;
	enum sqb_err err;
	int ret = find_target(r, &m.target);

	if (ret != 0)
		return ret;
	m.place.flags = m.target.flags;
	m.place.in_new = m.target.in_new;
	st = ifs_write_begin(r->fs);
	err = ifs_write_txn(r->fs, st);
	if (err == SQB_OK)
		err = ifs_find_entry(r->fs, st, r->dir, r->name, &msg);
	if (err == SQB_OK) {
		m.uid = msg.uid;
		err = move(&m, st);
	}
	ret = ifs_write_finish(r->fs, st, err);
	if (ret == 0)
		ifs_maildir_put(r->fs, r->new_box, m.new_uid, &m.place);
	ifs_write_end(r->fs);
	if (ret != 0)
		return ret;
	ifs_removed_done(r->fs, &m.over);
	if (r->box.n != r->new_box.n)
		ifs_files_moved(r->fs->files, r->box, m.uid, r->new_box,
				m.new_uid);
	ifs_rename_drop_scratch(r);
	ifs_rename_touch(r);
	return 0;
}

static int append(struct ifs_fs *fs, struct ifs_file *file,
		  const struct ifs_target *target)
{
	fuse_ino_t old_dir;
	char *old_name = ifs_file_place(fs->files, file, &old_dir);
	int ret = EPERM;

	if (old_name != NULL && file->draft != NULL &&
	    ifs_draft_size(file->draft) > 0)
		ret = ifs_commit_as(fs, file, target, 0);
	/* It has both names: programs compare what stat(2) says of them. */
	if (ret == 0)
		(void)ifs_file_rename(fs->files, file, old_dir, old_name);
	free(old_name);
	return ret;
}

int ifs_maildir_link(struct ifs_fs *fs, fuse_ino_t ino, fuse_ino_t dir,
		     const char *name)
{
	struct ifs_target target;
	struct ifs_entry entry;
	struct ifs_file *file;
	int ret = ifs_resolve(fs, dir, name, &entry);

	if (ret == 0)
		ifs_entry_release(fs, &entry);
	if (ret != ENOENT)
		return ret == 0 ? EEXIST : ret;
	if (!ifs_becomes_message(fs, dir, name, &target))
		return EPERM;
	file = ifs_file_get(fs->files, ino);
	if (file == NULL)
		return EPERM;
	(void)pthread_mutex_lock(&file->lock);
	ret = append(fs, file, &target);
	(void)pthread_mutex_unlock(&file->lock);
	ifs_file_put(fs->files, &file);
	return ret;
}
