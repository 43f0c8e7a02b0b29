/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/commit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/file.h"
#include "common/mem.h"
#include "common/txn.h"
#include "fuse/draft.h"
#include "fuse/folders.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/log.h"
#include "fuse/maildir.h"
#include "fuse/names.h"
#include "fuse/remove.h"
#include "fuse/resolve.h"
#include "fuse/xattr.h"

#define PIECE SQB_BODY_CHUNK

/* A message that is to be, and whose place it takes. */
struct commit {
	struct sqb_mailbox_id box;
	const struct ifs_target *as; /* foreign; NULL: as the old one */
	uint32_t old;                /* the message that gives way; 0: none */
	bool made;        /* which this draft has made: no Trash for it */
	int64_t date;     /* 0: now */
	bool date_is_set; /* else it is only for want of another's */
	bool shares;      /* it has the body of the one it is a copy of */
	struct sqb_mailbox_id copy_box;
	uint32_t copy_uid; /* of a copy that gives nothing way */

	/* Of the new one: */
	struct sqb_message_new args;
	uint32_t uid;
	struct ifs_maildir_place place; /* in the Maildir layout */
};

static time_t clock_seconds(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return now.tv_sec;
}

/* The writing handle is in other hands between the pieces. */
static int fill_body(struct ifs_fs *fs, struct ifs_file *file,
		     struct sqb_body_writer *w)
{
	char *buf = sqb_xmalloc(PIECE);
	struct sqb_store *st;
	uint64_t offset = 0;
	size_t got = 1;
	int ret = 0;

	while (ret == 0 && got > 0) {
		ret = ifs_draft_read(file->draft, offset, buf, PIECE, &got);
		if (ret != 0 || got == 0)
			break;
		offset += got;
		st = ifs_write_begin(fs);
		ret = ifs_errno(fs, st, sqb_body_write_file(w, buf, got));
		ifs_write_end(fs);
	}
	free(buf);
	return ret;
}

static void free_body(struct ifs_fs *fs, struct sqb_body_writer **w)
{
	(void)ifs_write_begin(fs);
	sqb_body_writer_free(w);
	ifs_write_end(fs);
}

static int make_body(struct ifs_fs *fs, struct ifs_file *file,
		     struct sqb_body_writer **w_r)
{
	struct sqb_store *st = ifs_write_begin(fs);
	struct sqb_body_writer *w = sqb_body_begin(st);
	int ret;

	ifs_write_end(fs);
	ret = fill_body(fs, file, w);
	if (ret == 0) {
		st = ifs_write_begin(fs);
		ret = ifs_errno(fs, st, sqb_body_finish(w, NULL));
		ifs_write_end(fs);
	}
	if (ret == 0 && sqb_body_writer_vsize(w) > IFS_MESSAGE_MAX)
		ret = EFBIG;
	if (ret == 0)
		*w_r = w;
	else
		free_body(fs, &w);
	return ret;
}

/* Flags, keywords and date.  *more_r: own, to free(). */
static enum sqb_err inherit(struct sqb_store *st, struct commit *c,
			    struct sqb_message *from_r, uint32_t **more_r)
{
	struct sqb_mailbox_id box = c->old != 0 ? c->box : c->copy_box;
	uint32_t uid = c->old != 0 ? c->old : c->copy_uid;
	enum sqb_err err = sqb_message_get(st, box, uid, from_r);
	struct sqb_keywords *keywords = &from_r->keywords;

	if (err != SQB_OK)
		return err;
	if (keywords->more_count > 0) {
		*more_r = sqb_xmemdup(keywords->more,
				      keywords->more_count * sizeof(**more_r));
		keywords->more = *more_r;
	}
	c->args.flags = from_r->flags;
	c->args.keywords = *keywords;
	if (!c->date_is_set)
		c->args.date = from_r->date;
	return SQB_OK;
}

static enum sqb_err remove_old(struct ifs_fs *fs, struct sqb_store *st,
			       const struct commit *c)
{
	if (!c->made)
		return ifs_remove_message(fs, st, c->box, c->old);
	return sqb_message_expunge(st, c->box, c->old, c->old, NULL);
}

/* In the Maildir layout another message may have it, with other flags. */
static enum sqb_err set_name(struct sqb_store *st, const struct commit *c,
			     const char *name)
{
	enum sqb_err err =
		ifs_give_name(st, c->box, c->uid, c->args.date, name);

	return err == SQB_EXISTS && c->as != NULL && c->as->maildir ? SQB_OK
								    : err;
}

/* In the Maildir layout: as its name says, or as the one that it replaces. */
static enum sqb_err set_place(struct ifs_fs *fs, struct sqb_store *st,
			      struct commit *c)
{
	if (fs->maildir == NULL)
		return SQB_OK;
	if (c->as != NULL) {
		c->place.flags = c->as->flags;
		c->place.in_new = c->as->in_new;
	}
	return ifs_maildir_apply(fs, st, c->box, c->uid, &c->place);
}

/* SQB_NOTFOUND: the old one, or the mailbox, is gone. */
static enum sqb_err exchange(struct ifs_fs *fs, struct sqb_store *st,
			     struct commit *c, struct sqb_body_writer *w)
{
	bool inherits = c->old != 0 || c->shares;
	struct sqb_message from = { .uid = 0 };
	uint32_t *more = NULL;
	char *name = NULL;
	enum sqb_err err = SQB_OK;

	c->args.date = c->date != 0 ? c->date : clock_seconds(CLOCK_REALTIME);
	if (inherits)
		err = inherit(st, c, &from, &more);
	if (err == SQB_OK && c->as == NULL)
		err = ifs_shown_name(st, c->box, c->old, from.date, &name);
	if (err == SQB_OK && c->as == NULL && fs->maildir != NULL)
		err = ifs_maildir_place_of(fs, st, c->box, &from, &c->place);
	if (err == SQB_OK)
		err = c->shares ? sqb_message_copy(st, &from, c->box, &c->args,
						   &c->uid)
				: sqb_message_append(st, c->box, w, &c->args,
						     &c->uid);
	if (err == SQB_OK && c->old != 0)
		err = remove_old(fs, st, c);
	if (err == SQB_OK)
		err = set_name(st, c, name != NULL ? name : c->as->name);
	free(name);
	free(more);
	return err;
}

/* It is committed: what the file is from now on. */
static void settle(struct ifs_fs *fs, struct ifs_file *file,
		   const struct commit *c)
{
	ifs_file_set_message(fs->files, file, c->box, c->uid);
	ifs_folder_touch(fs, c->box);
	if (fs->maildir != NULL)
		ifs_maildir_put(fs, c->box, c->uid, &c->place);
	file->dirty = false;
	file->failed = false;
	free(file->flags);
	file->flags = NULL;
	file->made = c->uid;
	file->made_at = clock_seconds(CLOCK_MONOTONIC);
	file->mtime.tv_sec = (time_t)c->args.date;
	file->mtime.tv_nsec = 0;
	if (file->writers == 0) {
		ifs_draft_free(&file->draft);
		file->made = 0;
	}
}

/* 0 where nobody asks. */
static enum sqb_err count_mail(struct ifs_fs *fs, struct sqb_store *st,
			       uint64_t *octets_r)
{
	*octets_r = 0;
	return fs->opts->quota != 0 ? sqb_store_vsize(st, octets_r) : SQB_OK;
}

/* What does not make the mail more goes beyond a quota, too. */
static int finish(struct ifs_fs *fs, struct sqb_store *st, enum sqb_err err,
		  uint64_t before)
{
	uint64_t after = 0;

	if (err == SQB_OK)
		err = count_mail(fs, st, &after);
	if (err == SQB_OK && after > before && after > fs->opts->quota) {
		sqb_txn_rollback(st);
		return EDQUOT;
	}
	return ifs_write_finish(fs, st, err);
}

static int transact(struct ifs_fs *fs, struct ifs_file *file, struct commit *c,
		    struct sqb_body_writer *w)
{
	struct sqb_store *st = ifs_write_begin(fs);
	enum sqb_err err = ifs_write_txn(fs, st);
	uint64_t before = 0;
	int ret;

	if (err == SQB_OK) {
		err = count_mail(fs, st, &before);
		if (err == SQB_OK)
			err = exchange(fs, st, c, w);
		if (err == SQB_OK)
			err = ifs_kept_flags_apply(st, file, c->box, c->uid);
		if (err == SQB_OK)
			err = set_place(fs, st, c);
		if (err == SQB_OK)
			ifs_file_coming(fs->files, file, c->box, c->uid);
		ret = finish(fs, st, err, before);
		/* The file was there a moment ago. */
		if (err == SQB_NOTFOUND)
			ret = ESTALE;
	} else {
		ret = ifs_errno(fs, st, err);
	}
	if (ret == 0)
		settle(fs, file, c);
	else
		ifs_file_coming(fs->files, file, c->box, 0);
	ifs_write_end(fs);
	return ret;
}

static int commit(struct ifs_fs *fs, struct ifs_file *file, struct commit *c)
{
	struct sqb_body_writer *w;
	int ret = make_body(fs, file, &w);

	if (ret == 0) {
		c->made = c->old != 0 && c->old == file->made;
		ret = transact(fs, file, c, w);
		free_body(fs, &w);
	}
	file->failed = ret != 0;
	return ret;
}

bool ifs_becomes_message(struct ifs_fs *fs, fuse_ino_t dir, const char *name,
			 struct ifs_target *target_r)
{
	struct ifs_maildir_name parsed;

	target_r->box = ifs_ino_box(dir);
	target_r->maildir = fs->maildir != NULL;
	if (target_r->maildir) {
		if (ifs_node_kind(dir) != IFS_NODE_LAYOUT ||
		    ifs_maildir_dir(dir) == IFS_MAILDIR_TMP ||
		    !ifs_maildir_name_parse(name, &parsed))
			return false;
		target_r->flags = parsed.flags;
		target_r->in_new = ifs_maildir_dir(dir) == IFS_MAILDIR_NEW;
		name = parsed.stored;
	} else if (ifs_node_kind(dir) != IFS_NODE_MAILBOX ||
		   !ifs_name_is_message(name)) {
		return false;
	}
	(void)snprintf(target_r->name, sizeof(target_r->name), "%s", name);
	return true;
}

static bool find_target(struct ifs_fs *fs, struct ifs_file *file,
			struct ifs_target *target_r)
{
	fuse_ino_t dir;
	char *name = ifs_file_place(fs->files, file, &dir);
	bool is_message =
		name != NULL && ifs_becomes_message(fs, dir, name, target_r);

	free(name);
	return is_message;
}

bool ifs_may_commit(struct ifs_fs *fs, struct ifs_file *file)
{
	struct ifs_target target;

	return find_target(fs, file, &target);
}

int ifs_commit(struct ifs_fs *fs, struct ifs_file *file)
{
	struct ifs_target target;
	struct commit c;

	if (!file->dirty || ifs_draft_size(file->draft) == 0)
		return 0;
	memset(&c, 0, sizeof(c));
	c.date = file->mtime_set ? file->mtime.tv_sec : 0;
	c.date_is_set = file->mtime_set;
	if (!ifs_file_message(fs->files, file, &c.box, &c.old)) {
		if (!find_target(fs, file, &target))
			return 0;
		c.box = target.box;
		c.as = &target;
	}
	return commit(fs, file, &c);
}

int ifs_commit_as(struct ifs_fs *fs, struct ifs_file *file,
		  const struct ifs_target *target, uint32_t over)
{
	struct commit c;

	if (file->draft == NULL || ifs_draft_size(file->draft) == 0)
		return 0;
	memset(&c, 0, sizeof(c));
	c.box = target->box;
	c.as = target;
	c.old = over;
	c.date = file->mtime.tv_sec;
	c.date_is_set = file->mtime_set;
	return commit(fs, file, &c);
}

static int get_message(struct ifs_fs *fs, struct ifs_file *file,
		       struct sqb_mailbox_id *box_r, struct sqb_message *msg_r)
{
	struct sqb_store *st;
	enum sqb_err err;
	uint32_t uid;
	int ret;

	if (!ifs_file_message(fs->files, file, box_r, &uid))
		return ESTALE;
	st = ifs_read_begin(fs);
	err = sqb_message_get(st, *box_r, uid, msg_r);
	ret = err == SQB_NOTFOUND ? ESTALE : ifs_errno(fs, st, err);
	ifs_read_end(fs);
	return ret;
}

int ifs_commit_date(struct ifs_fs *fs, struct ifs_file *file, int64_t date)
{
	time_t age = clock_seconds(CLOCK_MONOTONIC) - file->made_at;
	struct sqb_message msg;
	struct commit c;
	int ret;

	memset(&c, 0, sizeof(c));
	ret = get_message(fs, file, &c.box, &msg);
	if (ret != 0 || msg.date == date)
		return ret;
	if (file->made_at == 0 || age >= IFS_YOUNG_SECS)
		return EPERM;
	c.old = msg.uid;
	c.made = true;
	c.date = date;
	c.date_is_set = true;
	c.shares = true;
	return transact(fs, file, &c, NULL);
}

int ifs_commit_copy(struct ifs_fs *fs, struct ifs_file *file,
		    struct sqb_mailbox_id src_box, uint32_t src_uid)
{
	struct ifs_target target;
	struct commit c;
	int ret;

	if (!find_target(fs, file, &target))
		return ESTALE;
	memset(&c, 0, sizeof(c));
	c.shares = true;
	c.copy_box = src_box;
	c.copy_uid = src_uid;
	c.box = target.box;
	c.as = &target;
	ret = transact(fs, file, &c, NULL);
	if (ret == 0)
		ifs_draft_free(&file->draft);
	return ret;
}

static int fill_draft(struct ifs_fs *fs, struct sqb_mailbox_id box,
		      uint32_t uid, struct ifs_draft *draft)
{
	struct sqb_file_reader *reader = NULL;
	struct sqb_store *st = ifs_read_begin(fs);
	enum sqb_err err = sqb_file_open(st, box, uid, &reader);
	char *buf = sqb_xmalloc(PIECE);
	uint64_t offset = 0;
	size_t got = 1;
	int ret = 0;

	while (err == SQB_OK && ret == 0 && got > 0) {
		err = sqb_file_read(reader, offset, buf, PIECE, &got);
		if (err != SQB_OK)
			break;
		ifs_read_end(fs);
		ret = ifs_draft_write(draft, offset, buf, got);
		offset += got;
		st = ifs_read_begin(fs);
	}
	if (err != SQB_OK)
		ret = err == SQB_NOTFOUND ? ESTALE : ifs_errno(fs, st, err);
	sqb_file_close(&reader);
	ifs_read_end(fs);
	free(buf);
	return ret;
}

int ifs_make_draft(struct ifs_fs *fs, struct ifs_file *file)
{
	struct sqb_mailbox_id box;
	struct ifs_draft *draft;
	uint32_t uid;
	int ret;

	if (file->draft != NULL)
		return 0;
	if (!ifs_file_message(fs->files, file, &box, &uid))
		return ESTALE;
	draft = ifs_draft_new(&fs->space);
	ret = fill_draft(fs, box, uid, draft);
	if (ret != 0) {
		ifs_draft_free(&draft);
		return ret;
	}
	file->draft = draft;
	file->dirty = false;
	file->failed = false;
	file->mtime_set = false;
	return 0;
}

void ifs_forget_draft(struct ifs_fs *fs, struct ifs_file *file)
{
	struct sqb_mailbox_id box;
	uint32_t uid;

	if (!ifs_file_message(fs->files, file, &box, &uid))
		return;
	file->stale = file->stale || file->dirty;
	if (file->failed)
		ifs_log(fs->log, LOG_ERR,
			"what was written to message %u of mailbox %lld could "
			"not be stored, and its writers have closed it; it is "
			"as it was",
			uid, (long long)box.n);
	ifs_draft_free(&file->draft);
	file->dirty = false;
	file->failed = false;
	file->mtime_set = false;
	file->made = 0;
}

void ifs_writer_gone(struct ifs_fs *fs, struct ifs_file *file)
{
	(void)pthread_mutex_lock(&file->lock);
	if (--file->writers == 0) {
		if (file->dirty && !file->failed)
			(void)ifs_commit(fs, file);
		ifs_forget_draft(fs, file);
	}
	(void)pthread_mutex_unlock(&file->lock);
}
