/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/maildir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/entry.h"
#include "fuse/attr.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"

#define FORWARDED "$Forwarded"

static const char *const dir_names[] = {
	[IFS_MAILDIR_CUR] = "cur",
	[IFS_MAILDIR_NEW] = "new",
	[IFS_MAILDIR_TMP] = "tmp",
};

fuse_ino_t ifs_maildir_ino(struct sqb_mailbox_id box, uint32_t dir)
{
	return ifs_ino_view(IFS_VIEW_FIXED, box, dir);
}

uint32_t ifs_maildir_dir(fuse_ino_t ino)
{
	return ifs_ino_uid(ino);
}

const char *ifs_maildir_dir_name(uint32_t dir)
{
	return dir_names[dir];
}

uint32_t ifs_maildir_dir_named(const char *name)
{
	uint32_t dir;

	for (dir = IFS_MAILDIR_CUR; dir <= IFS_MAILDIR_TMP; dir++) {
		if (strcmp(name, dir_names[dir]) == 0)
			return dir;
	}
	return 0;
}

enum sqb_err ifs_maildir_find_dir(struct ifs_fs *fs, struct sqb_store *st,
				  fuse_ino_t parent, const char *name,
				  fuse_ino_t *ino_r)
{
	uint32_t dir = ifs_maildir_dir_named(name);
	struct sqb_mailbox_status status;
	enum sqb_err err;

	if (fs->maildir == NULL || dir == 0 ||
	    ifs_node_kind(parent) != IFS_NODE_MAILBOX)
		return SQB_NOTFOUND;
	err = sqb_mailbox_status(st, ifs_ino_box(parent), &status);
	if (err == SQB_OK && status.noselect)
		err = SQB_NOTFOUND;
	if (err == SQB_OK)
		*ino_r = ifs_maildir_ino(status.id, dir);
	return err;
}

int ifs_maildir_attr(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r)
{
	struct sqb_store *st = ifs_read_begin(fs);
	struct sqb_mailbox_status status;
	enum sqb_err err = sqb_mailbox_status(st, ifs_ino_box(ino), &status);
	int ret;

	if (err == SQB_OK && status.noselect)
		err = SQB_NOTFOUND;
	ret = ifs_errno(fs, st, err);
	ifs_read_end(fs);
	if (ret != 0)
		return ret;
	ifs_attr_made(fs, ino, S_IFDIR | (0777 & ~fs->opts->umask), 0, attr_r);
	ifs_maildir_mtime(fs, &status, &attr_r->st_mtim);
	attr_r->st_ctim = attr_r->st_mtim;
	return 0;
}

int ifs_maildir_check_name(fuse_ino_t dir, const char *name)
{
	struct ifs_maildir_name parsed;

	if (ifs_node_kind(dir) != IFS_NODE_LAYOUT ||
	    ifs_maildir_dir(dir) == IFS_MAILDIR_TMP || name[0] == '.' ||
	    ifs_maildir_name_parse(name, &parsed))
		return 0;
	return name[0] == ':' ? EINVAL : ENAMETOOLONG;
}

bool ifs_maildir_is_hidden(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	uint32_t dir = ifs_maildir_dir_named(name);

	return fs->maildir != NULL && dir != 0 &&
	       ifs_node_kind(parent) == IFS_NODE_MAILBOX &&
	       ifs_maildir_is_missing(fs, ifs_ino_box(parent), dir,
				      fuse_req_ctx(req)->pid);
}

int ifs_maildir_mkdir(fuse_req_t req, fuse_ino_t ino)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	struct sqb_mailbox_id box = ifs_ino_box(ino);
	uint32_t dir = ifs_maildir_dir(ino);

	if (!ifs_maildir_is_missing(fs, box, dir, fuse_req_ctx(req)->pid))
		return EEXIST;
	ifs_maildir_made_dir(fs, box, dir);
	return 0;
}

static bool has_messages(struct ifs_fs *fs, struct sqb_store *st,
			 fuse_ino_t dir, enum sqb_err *err_r)
{
	char shown[IFS_NAME_MAX + 1];
	struct ifs_maildir_view view;
	struct sqb_entry_iter *it;
	struct sqb_message msg;
	const char *name;
	bool found = false;

	*err_r = ifs_maildir_view(fs, st, dir, &view);
	if (*err_r != SQB_OK)
		return false;
	it = sqb_entry_iter_begin(st, view.box, view.first_uid - 1);
	while (!found && sqb_entry_iter_next(it, &msg, &name))
		found = ifs_maildir_view_name(&view, &msg, name, shown);
	*err_r = sqb_entry_iter_end(&it);
	return found;
}

/*
 * Nothing is done, so that whoever removes a folder with all in it comes to the
 * folder itself.
 */
int ifs_maildir_rmdir(struct ifs_fs *fs, fuse_ino_t ino)
{
	struct sqb_store *st;
	enum sqb_err err;
	bool found;
	int ret;

	if (ifs_files_any(fs->files, ino))
		return ENOTEMPTY;
	st = ifs_read_begin(fs);
	found = has_messages(fs, st, ino, &err);
	ret = ifs_errno(fs, st, err);
	ifs_read_end(fs);
	return ret == 0 && found ? ENOTEMPTY : ret;
}

enum sqb_err ifs_maildir_view(struct ifs_fs *fs, struct sqb_store *st,
			      fuse_ino_t dir, struct ifs_maildir_view *view_r)
{
	struct ifs_maildir_view view = { .fs = fs,
					 .box = ifs_ino_box(dir),
					 .dir = ifs_maildir_dir(dir),
					 .first_uid = 1 };
	struct sqb_mailbox_status status;
	enum sqb_err err = sqb_mailbox_status(st, view.box, &status);

	if (err != SQB_OK)
		return err;
	view.first_recent = status.first_recent;
	if (view.dir == IFS_MAILDIR_NEW)
		view.first_uid = ifs_maildir_first_new(fs, view.box,
						       status.first_recent);
	err = sqb_keyword_number(st, FORWARDED, false, &view.forwarded);
	if (err != SQB_OK && err != SQB_NOTFOUND)
		return err;
	view.has_forwarded = err == SQB_OK;
	*view_r = view;
	return SQB_OK;
}

static bool has_keyword(const struct sqb_keywords *keywords, uint32_t number)
{
	uint32_t i;

	if (number < SQB_KEYWORD_BITS)
		return (keywords->mask >> number & 1) != 0;
	for (i = 0; i < keywords->more_count; i++) {
		if (keywords->more[i] == number)
			return true;
	}
	return false;
}

static unsigned int flags_of(const struct ifs_maildir_view *view,
			     const struct sqb_message *msg)
{
	unsigned int flags = msg->flags & SQB_FLAGS_ALL;

	if (view->has_forwarded && has_keyword(&msg->keywords, view->forwarded))
		flags |= IFS_MAILDIR_FORWARDED;
	return flags;
}

static bool is_in(const struct ifs_maildir_view *view,
		  const struct sqb_message *msg, unsigned int flags)
{
	if (view->dir == IFS_MAILDIR_TMP)
		return false;
	return ifs_maildir_in_new(view->fs, view->box, msg->uid, flags,
				  view->first_recent) ==
	       (view->dir == IFS_MAILDIR_NEW);
}

bool ifs_maildir_view_name(const struct ifs_maildir_view *view,
			   const struct sqb_message *msg, const char *given,
			   char name_r[IFS_NAME_MAX + 1])
{
	char computed[IFS_NAME_MAX + 1];
	unsigned int flags = flags_of(view, msg);

	if (!is_in(view, msg, flags))
		return false;
	if (given == NULL || !ifs_maildir_name_fits(given)) {
		ifs_name_generate(msg->date, view->box, msg->uid, computed);
		given = computed;
	}
	ifs_maildir_name_format(given, flags, view->dir == IFS_MAILDIR_NEW,
				name_r);
	return true;
}

/* A message that is shown under the generated name, whether it has it or not.
 */
static enum sqb_err find_generated(struct sqb_store *st,
				   struct sqb_mailbox_id box,
				   const char *stored,
				   struct sqb_message *msg_r)
{
	char computed[IFS_NAME_MAX + 1], *given;
	struct sqb_mailbox_id named_box;
	enum sqb_err err;
	uint32_t uid;
	bool fits;

	if (!ifs_name_parse(stored, &named_box, &uid) || named_box.n != box.n)
		return SQB_NOTFOUND;
	err = sqb_entry_name_get(st, box, uid, &given);
	if (err == SQB_OK) {
		fits = ifs_maildir_name_fits(given);
		free(given);
		if (fits)
			return SQB_NOTFOUND;
	} else if (err != SQB_NOTFOUND) {
		return err;
	}
	err = sqb_message_get(st, box, uid, msg_r);
	if (err != SQB_OK)
		return err;
	ifs_name_generate(msg_r->date, box, uid, computed);
	return strcmp(computed, stored) == 0 ? SQB_OK : SQB_NOTFOUND;
}

enum sqb_err ifs_maildir_find(struct ifs_fs *fs, struct sqb_store *st,
			      fuse_ino_t dir, const char *name,
			      struct sqb_message *msg_r)
{
	struct ifs_maildir_name parsed;
	struct ifs_maildir_view view;
	enum sqb_err err;
	uint32_t uid;

	if (!ifs_maildir_name_parse(name, &parsed))
		return SQB_NOTFOUND;
	err = ifs_maildir_view(fs, st, dir, &view);
	if (err != SQB_OK)
		return err;
	err = sqb_entry_find(st, view.box, parsed.stored, &uid);
	if (err == SQB_OK)
		err = sqb_message_get(st, view.box, uid, msg_r);
	else if (err == SQB_NOTFOUND)
		err = find_generated(st, view.box, parsed.stored, msg_r);
	if (err != SQB_OK)
		return err;
	return flags_of(&view, msg_r) == parsed.flags &&
			       is_in(&view, msg_r, parsed.flags)
		       ? SQB_OK
		       : SQB_NOTFOUND;
}

static enum sqb_err set_flags(struct sqb_store *st, struct sqb_mailbox_id box,
			      uint32_t uid, unsigned int flags)
{
	struct sqb_flag_change change = { .add = flags & SQB_FLAGS_ALL,
					  .remove = SQB_FLAGS_ALL };
	bool forwarded = (flags & IFS_MAILDIR_FORWARDED) != 0;
	struct sqb_keywords keywords = { .mask = 0 };
	uint32_t number;
	enum sqb_err err =
		sqb_keyword_number(st, FORWARDED, forwarded, &number);

	if (err == SQB_OK && number < SQB_KEYWORD_BITS) {
		keywords.mask = UINT64_C(1) << number;
	} else if (err == SQB_OK) {
		keywords.more = &number;
		keywords.more_count = 1;
	} else if (err != SQB_NOTFOUND) {
		return err;
	}
	if (forwarded)
		change.add_keywords = keywords;
	else
		change.remove_keywords = keywords;
	return sqb_message_change_flags(st, box, uid, uid, &change, NULL);
}

/* All messages from the watermark up to the first one that is in new. */
static enum sqb_err raise_watermark(struct sqb_store *st,
				    struct ifs_maildir_view *view, uint32_t uid)
{
	struct sqb_mailbox_update update = { .first_recent = 0 };
	struct sqb_message_iter *it;
	struct sqb_message msg;
	bool in_cur = true;
	enum sqb_err err;

	it = sqb_message_iter_begin(st, view->box, view->first_recent,
				    UINT32_MAX);
	while (in_cur && sqb_message_iter_next(it, &msg)) {
		in_cur = msg.uid < UINT32_MAX &&
			 (msg.uid == uid ||
			  !ifs_maildir_in_new(view->fs, view->box, msg.uid,
					      flags_of(view, &msg),
					      view->first_recent));
		if (in_cur)
			update.first_recent = msg.uid + 1;
	}
	err = sqb_message_iter_end(&it);
	if (err != SQB_OK || update.first_recent == 0)
		return err;
	view->first_recent = update.first_recent;
	return sqb_mailbox_update(st, view->box, &update);
}

enum sqb_err ifs_maildir_apply(struct ifs_fs *fs, struct sqb_store *st,
			       struct sqb_mailbox_id box, uint32_t uid,
			       struct ifs_maildir_place *place)
{
	fuse_ino_t cur = ifs_maildir_ino(box, IFS_MAILDIR_CUR);
	struct ifs_maildir_view view;
	enum sqb_err err = set_flags(st, box, uid, place->flags);

	if (err == SQB_OK)
		err = ifs_maildir_view(fs, st, cur, &view);
	if (err == SQB_OK && !place->in_new && uid >= view.first_recent)
		err = raise_watermark(st, &view, uid);
	if (err == SQB_OK)
		place->first_recent = view.first_recent;
	return err;
}

enum sqb_err ifs_maildir_place_of(struct ifs_fs *fs, struct sqb_store *st,
				  struct sqb_mailbox_id box,
				  const struct sqb_message *msg,
				  struct ifs_maildir_place *place_r)
{
	fuse_ino_t cur = ifs_maildir_ino(box, IFS_MAILDIR_CUR);
	struct ifs_maildir_view view;
	enum sqb_err err = ifs_maildir_view(fs, st, cur, &view);

	if (err != SQB_OK)
		return err;
	place_r->flags = flags_of(&view, msg);
	place_r->in_new = ifs_maildir_in_new(fs, box, msg->uid, place_r->flags,
					     view.first_recent);
	place_r->first_recent = view.first_recent;
	return SQB_OK;
}
