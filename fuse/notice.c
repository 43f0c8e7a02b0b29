/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/notice.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/files.h"
#include "fuse/folders.h"
#include "fuse/handle.h"
#include "fuse/inode.h"
#include "fuse/names.h"

enum kind {
	NOTICE_NAME,
	NOTICE_RMDIR,
	NOTICE_FOLDER,
	NOTICE_GONE,
	NOTICE_ATTRIBUTES,
};

struct notice {
	enum kind kind;
	fuse_ino_t parent, ino;    /* of names */
	size_t name;               /* offset in names */
	struct sqb_mailbox_id box; /* of folders and messages */
	uint32_t uid_lo, uid_hi;
};

struct ifs_notices {
	struct notice *list; /* own */
	size_t count, alloc;
	char *names; /* own: each with its NUL */
	size_t names_size, names_alloc;
};

struct ifs_notices *ifs_notices_new(void)
{
	return sqb_xcalloc(1, sizeof(struct ifs_notices));
}

void ifs_notices_free(struct ifs_notices **notices_p)
{
	struct ifs_notices *notices = *notices_p;

	if (notices == NULL)
		return;
	*notices_p = NULL;
	free(notices->list);
	free(notices->names);
	free(notices);
}

static struct notice *add(struct ifs_notices *notices, enum kind kind)
{
	struct notice *notice;

	notices->list = sqb_xgrow(notices->list, notices->count,
				  &notices->alloc, sizeof(*notices->list));
	notice = &notices->list[notices->count++];
	memset(notice, 0, sizeof(*notice));
	notice->kind = kind;
	return notice;
}

static size_t add_name(struct ifs_notices *notices, const char *name)
{
	size_t offset = notices->names_size, size = strlen(name) + 1;

	while (offset + size > notices->names_alloc)
		notices->names = sqb_xgrow(notices->names, notices->names_alloc,
					   &notices->names_alloc, 1);
	memcpy(notices->names + offset, name, size);
	notices->names_size += size;
	return offset;
}

void ifs_notice_name(struct ifs_notices *notices, fuse_ino_t parent,
		     const char *name)
{
	struct notice *notice = add(notices, NOTICE_NAME);

	notice->parent = parent;
	notice->name = add_name(notices, name);
}

void ifs_notice_rmdir(struct ifs_notices *notices, fuse_ino_t parent,
		      fuse_ino_t dir, const char *name)
{
	struct notice *notice = add(notices, NOTICE_RMDIR);

	notice->parent = parent;
	notice->ino = dir;
	notice->name = add_name(notices, name);
}

void ifs_notice_folder(struct ifs_notices *notices, struct sqb_mailbox_id box)
{
	add(notices, NOTICE_FOLDER)->box = box;
}

void ifs_notice_gone(struct ifs_notices *notices, struct sqb_mailbox_id box,
		     uint32_t uid_lo, uint32_t uid_hi)
{
	struct notice *notice = add(notices, NOTICE_GONE);

	notice->box = box;
	notice->uid_lo = uid_lo;
	notice->uid_hi = uid_hi;
}

void ifs_notice_attributes(struct ifs_notices *notices,
			   struct sqb_mailbox_id box, uint32_t uid)
{
	struct notice *notice = add(notices, NOTICE_ATTRIBUTES);

	notice->box = box;
	notice->uid_lo = uid;
}

/*
 * To invalidate a name the kernel waits for those who are looking something up
 * in the directory, be there such a name or not.  Without that, what they found
 * in the store before the change could come into the cache after our notice.
 * A listing that is too old is noticed by the mtime of the directory.
 */
static void send_folder(struct ifs_fs *fs, struct sqb_mailbox_id box)
{
	fuse_ino_t dir = ifs_ino_mailbox(box);

	ifs_folder_touch(fs, box);
	(void)fuse_lowlevel_notify_inval_entry(fs->session, dir, ".", 1);
	(void)fuse_lowlevel_notify_inval_inode(fs->session, dir, 0, 0);
}

/*
 * Who has a message open goes on with it, and is told its attributes; so its
 * name has to be told, which is known as the date is.
 */
static void send_gone_open(struct ifs_fs *fs, const struct notice *notice)
{
	char name[IFS_NAME_MAX + 1];
	struct sqb_mailbox_id box;
	fuse_ino_t ino = 0;
	int64_t date;
	uint32_t uid;

	while ((ino = ifs_handles_next(fs, ino, notice->box, notice->uid_lo,
				       notice->uid_hi)) != 0) {
		ifs_handles_keep(fs, ino);
		if (!ifs_handles_date(fs, ino, &date) ||
		    !ifs_message_of_ino(fs->files, ino, &box, &uid))
			continue;
		ifs_name_generate(date, box, uid, name);
		(void)fuse_lowlevel_notify_inval_entry(
			fs->session, ifs_ino_mailbox(box), name, strlen(name));
	}
}

static void send_gone(struct ifs_fs *fs, const struct notice *notice)
{
	uint64_t uid; /* wider, so that it ends */
	fuse_ino_t ino;

	send_gone_open(fs, notice);
	for (uid = notice->uid_lo;
	     uid <= notice->uid_hi && !fuse_session_exited(fs->session);
	     uid++) {
		ino = ifs_ino_of_message(fs->files, notice->box, (uint32_t)uid);
		(void)fuse_lowlevel_notify_inval_inode(fs->session, ino, -1, 0);
	}
}

/* A notice of what the kernel does not know fails, which is well. */
static void send_one(struct ifs_fs *fs, const struct notice *notice,
		     const char *name)
{
	switch (notice->kind) {
	case NOTICE_NAME:
		(void)fuse_lowlevel_notify_inval_entry(
			fs->session, notice->parent, name, strlen(name));
		break;
	case NOTICE_RMDIR:
		(void)fuse_lowlevel_notify_delete(fs->session, notice->parent,
						  notice->ino, name,
						  strlen(name));
		break;
	case NOTICE_FOLDER:
		send_folder(fs, notice->box);
		break;
	case NOTICE_GONE:
		send_gone(fs, notice);
		break;
	case NOTICE_ATTRIBUTES:
		/* An offset below 0 leaves the content alone. */
		(void)fuse_lowlevel_notify_inval_inode(
			fs->session,
			ifs_ino_of_message(fs->files, notice->box,
					   notice->uid_lo),
			-1, 0);
		break;
	}
}

void ifs_notices_send(struct ifs_notices *notices, struct ifs_fs *fs)
{
	size_t i;

	for (i = 0; i < notices->count; i++)
		send_one(fs, &notices->list[i],
			 notices->names + notices->list[i].name);
	notices->count = 0;
	notices->names_size = 0;
}
