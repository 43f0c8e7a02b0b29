/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Listing .imapfs and what is below it: names, kinds and numbers only.  What
 * the kernel wants to know of a file besides, it asks for by lookup.
 */
#include "sqbox-config.h"

#include "fuse/hidden-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/ifs-error.h"
#include "fuse/names.h"
#include "fuse/replica.h"
#ifdef HAVE_GMIME
#include "common/entry.h"
#include "fuse/parts-view.h"
#include "fuse/text-view.h"
#endif

/* Offsets: a section, and the id, UID or index of what was listed last. */
enum section {
	SECTION_DOTS,
	SECTION_MAILBOXES,
	SECTION_OTHERS, /* messages, parts, or what is fixed */
};
#define SECTION_SHIFT 60

struct list {
	fuse_req_t req;
	struct ifs_fs *fs;
	fuse_ino_t dir;
	bool plus;
	bool full;
	enum section section; /* of the offset we go on from */
	uint64_t after;
	char *buf; /* own */
	size_t size, used;
};

/* False: there is no more room. */
static bool add(struct list *l, enum section section, uint64_t where,
		const char *name, mode_t type, fuse_ino_t ino)
{
	off_t next = (off_t)((uint64_t)section << SECTION_SHIFT | where);
	size_t room = l->size - l->used, need;
	struct fuse_entry_param param;

	/* Without a number in it the kernel takes just the name. */
	memset(&param, 0, sizeof(param));
	param.attr.st_mode = type;
	param.attr.st_ino = ino;
	if (l->plus)
		need = fuse_add_direntry_plus(l->req, l->buf + l->used, room,
					      name, &param, next);
	else
		need = fuse_add_direntry(l->req, l->buf + l->used, room, name,
					 &param.attr, next);
	l->full = need > room;
	if (!l->full)
		l->used += need;
	return !l->full;
}

static void add_dots(struct list *l)
{
	if (l->section != SECTION_DOTS)
		return;
	if (l->after < 1 && !add(l, SECTION_DOTS, 1, ".", S_IFDIR, l->dir))
		return;
	if (l->after < 2)
		(void)add(l, SECTION_DOTS, 2, "..", S_IFDIR, l->dir);
}

/* Where to go on in a section; false: it has been passed. */
static bool go_on(const struct list *l, enum section section, uint64_t *after_r)
{
	*after_r = l->section == section ? l->after : 0;
	return !l->full && l->section <= section;
}

static void add_fixed(struct list *l)
{
	const struct ifs_hidden_fixed *fixed;
	uint64_t i;

	if (!go_on(l, SECTION_OTHERS, &i))
		return;
	for (; (fixed = ifs_hidden_fixed(i)) != NULL; i++) {
		if (!add(l, SECTION_OTHERS, i + 1, fixed->name, fixed->type,
			 ifs_hidden_ino(fixed->view, fixed->uid)))
			return;
	}
}

#ifdef HAVE_GMIME
static enum sqb_err add_mailboxes(struct list *l, struct sqb_store *st)
{
	bool maildir = l->fs->opts->layout == IFS_LAYOUT_MAILDIR;
	char name[IFS_NAME_MAX + 1];
	struct sqb_mailbox_info info;
	struct sqb_child_iter *it;
	struct sqb_mailbox_id last;
	uint64_t after;

	if (!go_on(l, SECTION_MAILBOXES, &after))
		return SQB_OK;
	last.n = (int64_t)after;
	it = sqb_child_iter_begin(st, ifs_ino_box(l->dir), last);
	while (!l->full && sqb_child_iter_next(it, &info)) {
		if (info.status.id.n > IFS_BOX_MAX)
			continue;
		ifs_level_encode(info.name, maildir, name);
		(void)add(l, SECTION_MAILBOXES, (uint64_t)info.status.id.n,
			  name, S_IFDIR,
			  ifs_ino_view(ifs_ino_view_of(l->dir), info.status.id,
				       0));
	}
	return sqb_child_iter_end(&it);
}

static enum sqb_err add_messages(struct list *l, struct sqb_store *st)
{
	enum ifs_view view = ifs_ino_view_of(l->dir);
	struct sqb_mailbox_id box = ifs_ino_box(l->dir);
	char name[IFS_NAME_MAX + 1];
	struct sqb_entry_iter *it;
	struct sqb_message msg;
	const char *given;
	uint64_t after;

	if (box.n == 0 || !go_on(l, SECTION_OTHERS, &after))
		return SQB_OK;
	it = sqb_entry_iter_begin(st, box, (uint32_t)after);
	while (!l->full && sqb_entry_iter_next(it, &msg, &given)) {
		ifs_text_name(view, box, &msg, given, name);
		(void)add(l, SECTION_OTHERS, msg.uid, name,
			  view == IFS_VIEW_TEXT ? S_IFREG : S_IFDIR,
			  ifs_ino_view(view, box, msg.uid));
	}
	return sqb_entry_iter_end(&it);
}

static int add_stored(struct list *l)
{
	struct sqb_store *st = ifs_read_begin(l->fs);
	enum sqb_err err = add_mailboxes(l, st);
	int ret;

	if (err == SQB_OK)
		err = add_messages(l, st);
	ret = ifs_errno(l->fs, st, err);
	ifs_read_end(l->fs);
	return ret;
}

static int add_parts(struct list *l)
{
	char name[IFS_NAME_MAX + 1];
	uint32_t part;
	uint64_t after;
	int ret = 0;

	if (!go_on(l, SECTION_OTHERS, &after))
		return 0;
	part = (uint32_t)after;
	while (ret == 0) {
		ret = ifs_parts_next(l->fs, ifs_ino_box(l->dir),
				     ifs_ino_uid(l->dir), &part, name);
		if (ret == 0 && !add(l, SECTION_OTHERS, part, name, S_IFREG,
				     ifs_hidden_ino(IFS_VIEW_OTHER, part)))
			return 0;
	}
	return ret == ENOENT ? 0 : ret;
}
#endif

static int add_all(struct list *l)
{
	add_dots(l);
	switch (ifs_ino_view_of(l->dir)) {
	case IFS_VIEW_FIXED:
		add_fixed(l);
		return 0;
#ifdef HAVE_GMIME
	case IFS_VIEW_TEXT:
		return add_stored(l);
	case IFS_VIEW_PARTS:
		return ifs_ino_uid(l->dir) == 0 ? add_stored(l) : add_parts(l);
#else
	case IFS_VIEW_TEXT:
	case IFS_VIEW_PARTS:
		return ENOENT;
#endif
	case IFS_VIEW_OTHER:
		return ENOTDIR;
	}
	return ENOENT;
}

void ifs_hidden_list(fuse_req_t req, fuse_ino_t dir, size_t size, off_t offset,
		     bool plus)
{
	struct list l = { .req = req,
			  .fs = ifs_fs_of(req),
			  .dir = dir,
			  .plus = plus,
			  .size = size };
	int ret;

	l.section = (enum section)((uint64_t)offset >> SECTION_SHIFT);
	l.after = (uint64_t)offset & ((UINT64_C(1) << SECTION_SHIFT) - 1);
	l.buf = sqb_xmalloc(size);
	do
		ret = add_all(&l);
	while (ifs_replica_fetch(req, dir, &ret));
	if (ret != 0 && l.used == 0)
		(void)fuse_reply_err(req, ret);
	else
		(void)fuse_reply_buf(req, l.buf, l.used);
	free(l.buf);
}
