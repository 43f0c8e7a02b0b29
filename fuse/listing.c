/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/entry.h"
#include "common/mem.h"
#include "fuse/attr.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/inval.h"
#include "fuse/maildir.h"
#include "fuse/names.h"

/* Offsets: a section, and where in it. */
enum section {
	SECTION_DOTS,
	SECTION_MAILBOXES,
	SECTION_MESSAGES,
	SECTION_SCRATCH,
};
#define SECTION_SHIFT 60
#define AFTER_DOT 1
#define AFTER_DOTS 2

struct listing {
	fuse_req_t req;
	struct ifs_fs *fs;
	fuse_ino_t dir;
	bool plus;
	double timeout, name_timeout;
	char *buf; /* own */
	size_t size, used;
};

static off_t offset_of(enum section section, uint64_t where)
{
	return (off_t)((uint64_t)section << SECTION_SHIFT | where);
}

static uint64_t where_of(off_t offset)
{
	return (uint64_t)offset & ((UINT64_C(1) << SECTION_SHIFT) - 1);
}

static enum section section_of(off_t offset)
{
	return (enum section)((uint64_t)offset >> SECTION_SHIFT);
}

/* False: there is no more room.  Not known: the kernel has to look it up. */
static bool add(struct listing *l, const char *name, const struct stat *attr,
		bool known, off_t next)
{
	struct fuse_entry_param param;
	size_t room = l->size - l->used, need;

	if (l->plus) {
		memset(&param, 0, sizeof(param));
		param.ino = known ? attr->st_ino : 0;
		param.attr = *attr;
		param.attr_timeout = l->timeout;
		param.entry_timeout = l->name_timeout;
		need = fuse_add_direntry_plus(l->req, l->buf + l->used, room,
					      name, &param, next);
	} else {
		need = fuse_add_direntry(l->req, l->buf + l->used, room, name,
					 attr, next);
	}
	if (need > room)
		return false;
	l->used += need;
	return true;
}

/* As add(), for what the kernel then has looked up. */
static bool add_known(struct listing *l, const char *name,
		      const struct stat *attr, off_t next)
{
	if (!add(l, name, attr, true, next))
		return false;
	if (l->plus)
		ifs_files_lookup(l->fs->files, attr->st_ino);
	return true;
}

/* The kernel takes "." and ".." for what it knows anyway. */
static bool add_dots(struct listing *l, uint64_t where)
{
	struct stat attr;

	memset(&attr, 0, sizeof(attr));
	attr.st_mode = S_IFDIR;
	attr.st_ino = l->dir;
	if (where < AFTER_DOT &&
	    !add(l, ".", &attr, false, offset_of(SECTION_DOTS, AFTER_DOT)))
		return false;
	return where >= AFTER_DOTS ||
	       add(l, "..", &attr, false, offset_of(SECTION_DOTS, AFTER_DOTS));
}

/* cur, new and tmp; their offsets go on from those of the dots. */
static bool add_layout(struct listing *l, uint64_t where)
{
	struct sqb_mailbox_id box = ifs_ino_box(l->dir);
	struct stat attr;
	const char *name;
	uint32_t dir;

	if (l->fs->maildir == NULL || ifs_node_kind(l->dir) != IFS_NODE_MAILBOX)
		return true;
	for (dir = IFS_MAILDIR_CUR; dir <= IFS_MAILDIR_TMP; dir++) {
		name = ifs_maildir_dir_name(dir);
		if (where >= AFTER_DOTS + dir ||
		    ifs_maildir_is_hidden(l->req, l->dir, name) ||
		    ifs_maildir_attr(l->fs, ifs_maildir_ino(box, dir), &attr) !=
			    0)
			continue;
		if (!add(l, name, &attr, false,
			 offset_of(SECTION_DOTS, AFTER_DOTS + dir)))
			return false;
	}
	return true;
}

static enum sqb_err add_mailboxes(struct listing *l, struct sqb_store *st,
				  struct sqb_mailbox_id box, uint64_t after,
				  bool *room)
{
	struct sqb_mailbox_id last = { (int64_t)after };
	struct sqb_child_iter *it = sqb_child_iter_begin(st, box, last);
	bool maildir = l->fs->opts->layout == IFS_LAYOUT_MAILDIR;
	char name[IFS_NAME_MAX + 1];
	struct sqb_mailbox_info info;
	struct stat attr;

	l->name_timeout = ifs_inval_folder_timeout(l->fs, st);
	while (*room && sqb_child_iter_next(it, &info)) {
		if (info.status.id.n > IFS_BOX_MAX)
			continue;
		ifs_level_encode(info.name, maildir, name);
		ifs_attr_mailbox(l->fs, &info, &attr);
		*room = add_known(l, name, &attr,
				  offset_of(SECTION_MAILBOXES,
					    (uint64_t)info.status.id.n));
	}
	l->name_timeout = l->timeout;
	return sqb_child_iter_end(&it);
}

/* view: in the Maildir layout; else NULL. */
static enum sqb_err add_messages(struct listing *l, struct sqb_store *st,
				 struct sqb_mailbox_id box,
				 const struct ifs_maildir_view *view,
				 uint64_t after, bool *room)
{
	uint64_t moves = ifs_files_moves(l->fs->files);
	struct sqb_entry_iter *it =
		sqb_entry_iter_begin(st, box, (uint32_t)after);
	char computed[IFS_NAME_MAX + 1];
	struct sqb_message msg;
	const char *name;
	struct stat attr;
	off_t next;

	while (*room && sqb_entry_iter_next(it, &msg, &name)) {
		l->name_timeout = l->timeout;
		if (view != NULL) {
			if (!ifs_maildir_view_name(view, &msg, name, computed))
				continue;
			name = computed;
			l->name_timeout = ifs_inval_name_timeout(
				l->fs, l->dir, name, true, msg.uid);
		} else if (name == NULL) {
			ifs_name_generate(msg.date, box, msg.uid, computed);
			name = computed;
		} else {
			l->name_timeout = ifs_inval_name_timeout(
				l->fs, l->dir, name, true, msg.uid);
		}
		ifs_attr_message(l->fs,
				 ifs_ino_of_message(l->fs->files, box, msg.uid),
				 &msg, &attr);
		next = offset_of(SECTION_MESSAGES, msg.uid);
		/* It may have a draft, or be replaced by one just now. */
		*room = ifs_file_in_use(l->fs->files, attr.st_ino) ||
					ifs_files_moves(l->fs->files) != moves
				? add(l, name, &attr, false, next)
				: add_known(l, name, &attr, next);
	}
	l->name_timeout = l->timeout;
	return sqb_entry_iter_end(&it);
}

/* Number and kind alone: its lock may be had by who waits to commit it. */
static void add_scratch(struct listing *l, uint64_t after)
{
	struct ifs_files *files = l->fs->files;
	struct stat attr = { .st_mode = S_IFREG, .st_ino = after };
	struct ifs_file *file;
	bool room = true;
	char *name;

	while (room &&
	       (file = ifs_file_next(files, l->dir, attr.st_ino)) != NULL) {
		attr.st_ino = file->ino;
		name = ifs_file_name(files, file, l->dir);
		if (name != NULL)
			room = add(l, name, &attr, false,
				   offset_of(SECTION_SCRATCH, file->ino));
		free(name);
		ifs_file_put(files, &file);
	}
}

static enum sqb_err add_maildir(struct listing *l, struct sqb_store *st,
				uint64_t after, bool *room)
{
	struct ifs_maildir_view view;
	enum sqb_err err = ifs_maildir_view(l->fs, st, l->dir, &view);

	if (err != SQB_OK || view.dir == IFS_MAILDIR_TMP)
		return err;
	if (after + 1 < view.first_uid)
		after = view.first_uid - 1;
	return add_messages(l, st, view.box, &view, after, room);
}

static enum sqb_err add_stored(struct listing *l, off_t offset, bool *room)
{
	enum section section = section_of(offset);
	uint64_t after = where_of(offset);
	struct sqb_mailbox_id box = { 0 };
	struct sqb_store *st = ifs_read_begin(l->fs);
	enum sqb_err err = SQB_OK;

	if (ifs_node_kind(l->dir) == IFS_NODE_MAILBOX)
		box = ifs_ino_box(l->dir);
	if (ifs_node_kind(l->dir) == IFS_NODE_LAYOUT)
		err = add_maildir(
			l, st, section == SECTION_MESSAGES ? after : 0, room);
	else if (section <= SECTION_MAILBOXES)
		err = add_mailboxes(l, st, box,
				    section == SECTION_MAILBOXES ? after : 0,
				    room);
	if (err == SQB_OK && *room && box.n != 0 && l->fs->maildir == NULL &&
	    section <= SECTION_MESSAGES)
		err = add_messages(l, st, box, NULL,
				   section == SECTION_MESSAGES ? after : 0,
				   room);
	if (err != SQB_OK)
		(void)ifs_errno(l->fs, st, err);
	ifs_read_end(l->fs);
	return err;
}

void ifs_listing_reply(fuse_req_t req, fuse_ino_t dir, size_t size,
		       off_t offset, bool plus)
{
	struct listing l = { .req = req,
			     .fs = ifs_fs_of(req),
			     .dir = dir,
			     .plus = plus,
			     .size = size };
	enum section section = section_of(offset);
	bool room = true;
	enum sqb_err err = SQB_OK;

	l.timeout = ifs_inval_timeout(l.fs);
	l.name_timeout = l.timeout;
	l.buf = sqb_xmalloc(size);
	if (section == SECTION_DOTS)
		room = add_dots(&l, where_of(offset)) &&
		       add_layout(&l, where_of(offset));
	if (room && section <= SECTION_MESSAGES)
		err = add_stored(&l, offset, &room);
	if (room && err == SQB_OK)
		add_scratch(&l,
			    section == SECTION_SCRATCH ? where_of(offset) : 0);
	/* What was added is known to the kernel only if it gets it. */
	if (err != SQB_OK && l.used == 0)
		(void)fuse_reply_err(req, EIO);
	else
		(void)fuse_reply_buf(req, l.buf, l.used);
	free(l.buf);
}
