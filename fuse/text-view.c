/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/text-view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/entry.h"
#include "fuse/attr.h"
#include "fuse/body-input.h"
#include "fuse/ifs-error.h"
#include "fuse/mime-text.h"
#include "fuse/resolve.h"
#include "fuse/text-store.h"

#define NAME_ROOM (IFS_NAME_MAX - (sizeof(IFS_TEXT_SUFFIX) - 1))

void ifs_text_name(enum ifs_view view, struct sqb_mailbox_id box,
		   const struct sqb_message *msg, const char *given,
		   char name_r[IFS_NAME_MAX + 1])
{
	bool text = view == IFS_VIEW_TEXT;

	if (given == NULL || (text && strlen(given) > NAME_ROOM))
		ifs_name_generate(msg->date, box, msg->uid, name_r);
	else
		(void)snprintf(name_r, IFS_NAME_MAX + 1, "%s", given);
	if (text)
		(void)snprintf(name_r + strlen(name_r),
			       IFS_NAME_MAX + 1 - strlen(name_r),
			       IFS_TEXT_SUFFIX);
}

/* A message whose own name is too long. */
static enum sqb_err find_long(struct sqb_store *st, struct sqb_mailbox_id box,
			      const char *name, struct sqb_message *msg_r)
{
	char computed[IFS_NAME_MAX + 1], *given;
	struct sqb_mailbox_id named;
	uint32_t uid;
	enum sqb_err err;

	if (!ifs_name_parse(name, &named, &uid) || named.n != box.n)
		return SQB_NOTFOUND;
	err = sqb_message_get(st, box, uid, msg_r);
	if (err == SQB_OK)
		err = sqb_entry_name_get(st, box, uid, &given);
	if (err != SQB_OK)
		return err;
	ifs_name_generate(msg_r->date, box, uid, computed);
	if (strlen(given) <= NAME_ROOM || strcmp(computed, name) != 0)
		err = SQB_NOTFOUND;
	free(given);
	return err;
}

static enum sqb_err find_message(struct sqb_store *st, enum ifs_view view,
				 struct sqb_mailbox_id box, const char *name,
				 struct sqb_message *msg_r)
{
	size_t len = strlen(name), suffix = sizeof(IFS_TEXT_SUFFIX) - 1;
	char base[IFS_NAME_MAX + 1];
	enum sqb_err err;

	(void)snprintf(base, sizeof(base), "%s", name);
	if (view == IFS_VIEW_TEXT) {
		if (len <= suffix ||
		    strcmp(name + len - suffix, IFS_TEXT_SUFFIX) != 0)
			return SQB_NOTFOUND;
		base[len - suffix] = '\0';
	}
	if (box.n == 0 || !ifs_name_is_message(base))
		return SQB_NOTFOUND;
	err = ifs_find_message(st, box, base, msg_r);
	if (err == SQB_NOTFOUND && view == IFS_VIEW_TEXT)
		err = find_long(st, box, base, msg_r);
	return err;
}

static int make_text(struct ifs_fs *fs, struct sqb_mailbox_id box, uint32_t uid,
		     char **data_r, size_t *size_r)
{
	struct ifs_body_input body;
	int ret = ifs_body_input_open(&body, fs, box, uid);

	if (ret != 0)
		return ret;
	ret = ifs_mime_text(&body.input, data_r, size_r);
	ifs_body_input_close(&body);
	return ret;
}

/* The text, held; made if need be.  Who calls has none of the handles. */
static int get_text(struct ifs_fs *fs, struct sqb_mailbox_id box, uint32_t uid,
		    struct sqb_body_id body, struct ifs_text **text_r)
{
	struct ifs_texts *texts = fs->hidden->texts;
	bool made;
	char *data;
	size_t size;
	int ret;

	*text_r = ifs_texts_get(texts, body.n);
	if (*text_r != NULL)
		return 0;
	made = !ifs_text_store_get(fs, body, &data, &size);
	if (made) {
		ret = make_text(fs, box, uid, &data, &size);
		if (ret != 0)
			return ret;
	}
	*text_r = ifs_texts_add(texts, body.n, data, size, made);
	ifs_texts_set_size(texts, body.n, 0, size);
	if (made)
		ifs_text_store_add(fs, *text_r);
	return 0;
}

static int text_size(struct ifs_fs *fs, fuse_ino_t ino, struct sqb_body_id body,
		     uint64_t *size_r)
{
	struct ifs_texts *texts = fs->hidden->texts;
	struct ifs_text *text;
	int ret;

	if (ifs_texts_size(texts, body.n, 0, size_r))
		return 0;
	if (ifs_text_store_size(fs, body, size_r)) {
		ifs_texts_set_size(texts, body.n, 0, *size_r);
		return 0;
	}
	ret = get_text(fs, ifs_ino_box(ino), ifs_ino_uid(ino), body, &text);
	if (ret != 0)
		return ret;
	*size_r = text->size;
	ifs_texts_put(texts, &text);
	return 0;
}

static int attr_of_text(struct ifs_fs *fs, fuse_ino_t ino,
			const struct sqb_message *msg, struct stat *attr_r)
{
	struct sqb_message sized = *msg;
	int ret = text_size(fs, ino, msg->body, &sized.psize);

	if (ret != 0)
		return ret;
	ifs_attr_message(fs, ino, &sized, attr_r);
	attr_r->st_mode = S_IFREG | 0400;
	return 0;
}

static int attr_of_message(struct ifs_fs *fs, fuse_ino_t ino,
			   const struct sqb_message *msg, struct stat *attr_r)
{
	if (ifs_ino_view_of(ino) == IFS_VIEW_TEXT)
		return attr_of_text(fs, ino, msg, attr_r);
	ifs_attr_message(fs, ino, msg, attr_r);
	attr_r->st_mode = S_IFDIR | 0500;
	attr_r->st_nlink = 2;
	attr_r->st_size = 0;
	attr_r->st_blocks = 0;
	return 0;
}

static int attr_of_mailbox(struct ifs_fs *fs, fuse_ino_t ino,
			   struct stat *attr_r)
{
	struct sqb_store *st = ifs_read_begin(fs);
	struct sqb_mailbox_info info;
	int ret = ifs_errno(fs, st,
			    sqb_mailbox_info_get(st, ifs_ino_box(ino), &info));

	ifs_read_end(fs);
	if (ret != 0)
		return ret;
	ifs_attr_mailbox(fs, &info, attr_r);
	attr_r->st_ino = ino;
	attr_r->st_mode = S_IFDIR | 0500;
	return 0;
}

int ifs_text_attr(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r)
{
	struct sqb_message msg;
	struct sqb_store *st;
	int ret;

	if (ifs_ino_uid(ino) == 0)
		return attr_of_mailbox(fs, ino, attr_r);
	st = ifs_read_begin(fs);
	ret = ifs_errno(
		fs, st,
		sqb_message_get(st, ifs_ino_box(ino), ifs_ino_uid(ino), &msg));
	ifs_read_end(fs);
	return ret != 0 ? ret : attr_of_message(fs, ino, &msg, attr_r);
}

int ifs_text_lookup(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		    struct fuse_entry_param *param_r)
{
	enum ifs_view view = ifs_ino_view_of(parent);
	struct sqb_mailbox_id box = ifs_ino_box(parent), child = { 0 };
	struct sqb_store *st = ifs_read_begin(fs);
	struct sqb_message msg;
	enum sqb_err err = find_message(st, view, box, name, &msg);
	bool is_message = err == SQB_OK;
	int ret;

	if (err == SQB_NOTFOUND)
		err = ifs_find_mailbox(fs, st, box, name, &child);
	ret = ifs_errno(fs, st, err);
	ifs_read_end(fs);
	if (ret != 0)
		return ret;
	if (is_message) {
		param_r->ino = ifs_ino_view(view, box, msg.uid);
		return attr_of_message(fs, param_r->ino, &msg, &param_r->attr);
	}
	param_r->ino = ifs_ino_view(view, child, 0);
	return attr_of_mailbox(fs, param_r->ino, &param_r->attr);
}

static int get_text_of(struct ifs_fs *fs, fuse_ino_t ino,
		       struct ifs_text **text_r)
{
	struct sqb_store *st = ifs_read_begin(fs);
	struct sqb_message msg;
	enum sqb_err err =
		sqb_message_get(st, ifs_ino_box(ino), ifs_ino_uid(ino), &msg);
	int ret = ifs_errno(fs, st, err);

	ifs_read_end(fs);
	if (ret != 0)
		return ret == ENOENT ? ESTALE : ret;
	return get_text(fs, ifs_ino_box(ino), ifs_ino_uid(ino), msg.body,
			text_r);
}

int ifs_text_open(struct ifs_fs *fs, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ifs_text *text;
	int ret;

	if (ifs_ino_uid(ino) == 0)
		return EISDIR;
	ret = get_text_of(fs, ino, &text);
	if (ret == 0)
		fi->fh = (uintptr_t)text;
	return ret;
}

int ifs_text_read(struct ifs_fs *fs, fuse_ino_t ino,
		  const struct fuse_file_info *fi, uint64_t offset, void *buf,
		  size_t size, size_t *got_r)
{
	struct ifs_text *text = NULL, *opened = NULL;
	int ret = 0;

	if (fi != NULL)
		opened = (struct ifs_text *)(uintptr_t)fi->fh;
	if (opened == NULL)
		ret = get_text_of(fs, ino, &text);
	if (ret != 0)
		return ret;
	if (opened == NULL)
		opened = text;
	if (offset >= opened->size)
		size = 0;
	else if (size > opened->size - offset)
		size = opened->size - (size_t)offset;
	if (size > 0)
		memcpy(buf, opened->data + offset, size);
	*got_r = size;
	ifs_texts_put(fs->hidden->texts, &text);
	return 0;
}

void ifs_text_release(struct ifs_fs *fs, struct fuse_file_info *fi)
{
	struct ifs_text *text = (struct ifs_text *)(uintptr_t)fi->fh;

	ifs_texts_put(fs->hidden->texts, &text);
	fi->fh = 0;
}
