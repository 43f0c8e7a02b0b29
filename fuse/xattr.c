/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/xattr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>

#include "common/mem.h"
#include "fuse/flags.h"
#include "fuse/folder-xattr.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"

#define PREFIX "user.imap."
#define FLAGS "flags"

/* What follows the prefix; NULL: another name. */
static const char *our_name(const char *name)
{
	size_t len = strlen(PREFIX);

	return strncmp(name, PREFIX, len) == 0 ? name + len : NULL;
}

static int other_name(const char *name)
{
	return strncmp(name, "user.", 5) == 0 ? ENODATA : EOPNOTSUPP;
}

static char *date_text(int64_t date)
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr",
					      "May", "Jun", "Jul", "Aug",
					      "Sep", "Oct", "Nov", "Dec" };
	time_t clock = (time_t)date;
	struct tm tm;

	if (gmtime_r(&clock, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	return sqb_xasprintf("%02d-%s-%04d %02d:%02d:%02d +0000", tm.tm_mday,
			     months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
			     tm.tm_min, tm.tm_sec);
}

static char *guid_text(const uint8_t guid[SQB_GUID_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * SQB_GUID_SIZE + 1] = "";
	size_t i;

	for (i = 0; i < SQB_GUID_SIZE; i++) {
		text[2 * i] = digits[guid[i] >> 4];
		text[2 * i + 1] = digits[guid[i] & 15];
	}
	return sqb_xstrdup(text);
}

static enum sqb_err message_guid(struct sqb_store *st,
				 struct sqb_mailbox_id box, uint32_t uid,
				 char **text_r)
{
	struct sqb_body_info info;
	enum sqb_err err = sqb_body_info(st, box, uid, &info);

	if (err == SQB_OK)
		*text_r = guid_text(info.guid);
	return err;
}

static enum sqb_err message_uidvalidity(struct sqb_store *st,
					struct sqb_mailbox_id box,
					char **text_r)
{
	struct sqb_mailbox_status status;
	enum sqb_err err = sqb_mailbox_status(st, box, &status);

	if (err == SQB_OK)
		*text_r = sqb_xasprintf("%" PRIu32, status.uidvalidity);
	return err;
}

/* *text_r stays NULL: there is no such attribute. */
static enum sqb_err message_value(struct sqb_store *st,
				  struct sqb_mailbox_id box, uint32_t uid,
				  const char *name, char **text_r)
{
	struct sqb_message msg;
	enum sqb_err err = sqb_message_get(st, box, uid, &msg);

	if (err != SQB_OK)
		return err;
	if (strcmp(name, FLAGS) == 0)
		return ifs_flags_text(st, box, uid, text_r);
	if (strcmp(name, "guid") == 0)
		return message_guid(st, box, uid, text_r);
	if (strcmp(name, "uidvalidity") == 0)
		return message_uidvalidity(st, box, text_r);
	if (strcmp(name, "uid") == 0)
		*text_r = sqb_xasprintf("%" PRIu32, uid);
	else if (strcmp(name, "modseq") == 0)
		*text_r = sqb_xasprintf("%" PRIu64, msg.modseq);
	else if (strcmp(name, "internaldate") == 0)
		*text_r = date_text(msg.date);
	else if (strcmp(name, "size") == 0)
		*text_r = sqb_xasprintf("%" PRIu64, msg.vsize);
	return SQB_OK;
}

/* Scratch with this number, held; NULL: it is something else. */
static struct ifs_file *get_scratch(struct ifs_fs *fs, fuse_ino_t ino)
{
	struct ifs_file *file = ifs_file_get(fs->files, ino);
	struct sqb_mailbox_id box;
	uint32_t uid;

	if (file != NULL && ifs_file_message(fs->files, file, &box, &uid))
		ifs_file_put(fs->files, &file);
	return file;
}

/* The value, to free(); NULL: there is none. */
static char *scratch_value(struct ifs_file *file, const char *name)
{
	char *text = NULL;

	(void)pthread_mutex_lock(&file->lock);
	if (strcmp(name, FLAGS) == 0 && file->flags != NULL)
		text = sqb_xstrdup(file->flags);
	(void)pthread_mutex_unlock(&file->lock);
	return text;
}

static int stored_value(struct ifs_fs *fs, fuse_ino_t ino, const char *name,
			char **text_r)
{
	bool folder = ifs_node_kind(ino) == IFS_NODE_MAILBOX;
	struct sqb_mailbox_id box = ifs_ino_box(ino);
	struct sqb_store *st;
	uint32_t uid = 0;
	enum sqb_err err;
	int ret;

	if (!folder && !ifs_message_of_ino(fs->files, ino, &box, &uid))
		return ENODATA;
	st = ifs_read_begin(fs);
	err = folder ? ifs_folder_value(st, box, name, text_r)
		     : message_value(st, box, uid, name, text_r);
	ret = ifs_errno(fs, st, err);
	ifs_read_end(fs);
	return ret;
}

/* The value of user.imap.NAME, to free().  0, ENODATA, or as of the store. */
static int get_value(struct ifs_fs *fs, fuse_ino_t ino, const char *name,
		     char **text_r)
{
	struct ifs_file *scratch = get_scratch(fs, ino);
	int ret = 0;

	*text_r = NULL;
	if (scratch != NULL)
		*text_r = scratch_value(scratch, name);
	else
		ret = stored_value(fs, ino, name, text_r);
	ifs_file_put(fs->files, &scratch);
	return ret == 0 && *text_r == NULL ? ENODATA : ret;
}

/* size 0: how large would it be? */
static void reply_value(fuse_req_t req, const char *value, size_t len,
			size_t size)
{
	if (size == 0)
		(void)fuse_reply_xattr(req, len);
	else if (size < len)
		(void)fuse_reply_err(req, ERANGE);
	else
		(void)fuse_reply_buf(req, value, len);
}

void ifs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	const char *ours = our_name(name);
	char *text = NULL;
	int ret = ours != NULL ? get_value(ifs_fs_of(req), ino, ours, &text)
			       : other_name(name);

	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else
		reply_value(req, text, strlen(text), size);
	free(text);
}

void ifs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	static const char *const names[] = { FLAGS, "subscribed",
					     "specialuse" };
	struct ifs_fs *fs = ifs_fs_of(req);
	char list[128], *text, *p = list;
	size_t i;
	int ret = 0;

	for (i = 0; i < 3 && ret == 0; i++) {
		ret = get_value(fs, ino, names[i], &text);
		if (ret == 0) {
			p = stpcpy(stpcpy(p, PREFIX), names[i]) + 1;
			free(text);
		} else if (ret == ENODATA) {
			ret = 0;
		}
	}
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else
		reply_value(req, list, (size_t)(p - list), size);
}

static int set_scratch(struct ifs_fs *fs, struct ifs_file *file,
		       const struct ifs_flag_words *words)
{
	struct sqb_store *st = ifs_read_begin(fs);
	int ret = ifs_errno(fs, st, ifs_flag_words_check(st, words));
	char *text;

	ifs_read_end(fs);
	if (ret != 0)
		return ret;
	(void)pthread_mutex_lock(&file->lock);
	text = ifs_flag_words_merge(file->flags, words);
	free(file->flags);
	file->flags = text;
	(void)pthread_mutex_unlock(&file->lock);
	return 0;
}

static int set_message(struct ifs_fs *fs, fuse_ino_t ino,
		       const struct ifs_flag_words *words)
{
	struct sqb_mailbox_id box;
	struct sqb_store *st;
	enum sqb_err err;
	uint32_t uid;
	int ret;

	if (!ifs_message_of_ino(fs->files, ino, &box, &uid))
		return ENOENT;
	st = ifs_write_begin(fs);
	/* Flags are in the names of files there. */
	if (fs->opts->layout == IFS_LAYOUT_MAILDIR)
		ifs_write_tell(fs);
	err = ifs_write_txn(fs, st);
	if (err == SQB_OK)
		err = ifs_flag_words_apply(st, box, uid, words);
	ret = ifs_write_finish(fs, st, err);
	ifs_write_end(fs);
	return ret;
}

static int set_flags(struct ifs_fs *fs, fuse_ino_t ino, const char *value,
		     size_t size)
{
	struct ifs_flag_words words;
	struct ifs_file *scratch;
	int ret;

	if (!ifs_flag_words_parse(value, size, &words))
		return EINVAL;
	scratch = get_scratch(fs, ino);
	ret = scratch != NULL ? set_scratch(fs, scratch, &words)
			      : set_message(fs, ino, &words);
	ifs_file_put(fs->files, &scratch);
	ifs_flag_words_free(&words);
	return ret;
}

/* Set an attribute of ours; "" is what it is without one. */
static int set_value(struct ifs_fs *fs, fuse_ino_t ino, const char *name,
		     const char *value, size_t size)
{
	switch (ifs_node_kind(ino)) {
	case IFS_NODE_LOCAL:
	case IFS_NODE_MESSAGE:
		return strcmp(name, FLAGS) == 0
			       ? set_flags(fs, ino, value, size)
			       : EPERM;
	case IFS_NODE_MAILBOX:
		return ifs_folder_set(fs, ifs_ino_box(ino), name, value, size);
	case IFS_NODE_ROOT:
	case IFS_NODE_LAYOUT:
	case IFS_NODE_HIDDEN:
		return EPERM;
	}
	return EPERM;
}

/* Do the flags of setxattr(2) ask for something that is not so? */
static int check_existence(struct ifs_fs *fs, fuse_ino_t ino, const char *name,
			   int flags)
{
	char *text = NULL;
	int ret;

	if (flags == 0)
		return 0;
	ret = get_value(fs, ino, name, &text);
	free(text);
	if (ret == 0 && (flags & XATTR_CREATE) != 0)
		return EEXIST;
	if (ret == ENODATA && (flags & XATTR_REPLACE) == 0)
		return 0;
	return ret;
}

void ifs_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		  const char *value, size_t size, int flags)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	const char *ours = our_name(name);
	int ret = EOPNOTSUPP;

	if (fs->opts->readonly)
		ret = EROFS;
	else if (ours != NULL)
		ret = check_existence(fs, ino, ours, flags);
	if (ours != NULL && ret == 0)
		ret = set_value(fs, ino, ours, value, size);
	(void)fuse_reply_err(req, ret);
}

void ifs_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct ifs_fs *fs = ifs_fs_of(req);
	const char *ours = our_name(name);
	char *text = NULL;
	int ret = other_name(name);

	if (fs->opts->readonly)
		ret = EROFS;
	else if (ours != NULL)
		ret = get_value(fs, ino, ours, &text);
	if (ours != NULL && ret == 0)
		ret = set_value(fs, ino, ours, "", 0);
	free(text);
	(void)fuse_reply_err(req, ret);
}

enum sqb_err ifs_kept_flags_apply(struct sqb_store *st, struct ifs_file *file,
				  struct sqb_mailbox_id box, uint32_t uid)
{
	struct ifs_flag_words words;
	enum sqb_err err;

	if (file->flags == NULL ||
	    !ifs_flag_words_parse(file->flags, strlen(file->flags), &words))
		return SQB_OK;
	err = ifs_flag_words_apply(st, box, uid, &words);
	ifs_flag_words_free(&words);
	return err;
}
