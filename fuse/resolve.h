/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_RESOLVE_H
#define IFS_RESOLVE_H

#include "fuse/files.h"

/* What is called so in a directory. */
enum ifs_entry_kind {
	IFS_ENTRY_MAILBOX,
	IFS_ENTRY_MESSAGE,
	IFS_ENTRY_SCRATCH,
	IFS_ENTRY_LAYOUT, /* cur, new or tmp (maildir.h) */
};

struct ifs_entry {
	enum ifs_entry_kind kind;
	fuse_ino_t ino;            /* by which the kernel knows it */
	struct sqb_mailbox_id box; /* the mailbox, or the message's; of scratch
				      the mailbox it lies in */
	uint32_t uid;              /* of a message, else 0 */
	struct ifs_file *file;     /* held; of scratch; else NULL */
};

/*
 * Find a name in the directory parent (the root, a mailbox, or one of its cur,
 * new and tmp).  Returns 0,
 * ENOENT (nothing is called so), EROFS (it is .imapfs, or below that), or
 * another errno value.
 *
 * What ends in .eml is a message or scratch.  Of other names mailboxes come
 * first, then messages that a program has renamed (rename.h), then scratch.
 */
int ifs_resolve(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		struct ifs_entry *entry_r);
void ifs_entry_release(struct ifs_fs *fs, struct ifs_entry *entry);

/*
 * May a program make, remove or rename something of this name in a directory?
 * 0, and the mailbox that it is, n = 0 for the root; EROFS, also for .imapfs;
 * EPERM: what is in there is made by the mount.
 */
int ifs_dir_writable(struct ifs_fs *fs, fuse_ino_t dir, const char *name,
		     struct sqb_mailbox_id *box_r);

/* The same, with the reading or writing handle at hand. */
enum sqb_err ifs_find_mailbox(struct ifs_fs *fs, struct sqb_store *st,
			      struct sqb_mailbox_id parent, const char *name,
			      struct sqb_mailbox_id *id_r);
enum sqb_err ifs_find_message(struct sqb_store *st, struct sqb_mailbox_id box,
			      const char *name, struct sqb_message *msg_r);

/* The same in a directory, by the rules of the layout. */
enum sqb_err ifs_find_entry(struct ifs_fs *fs, struct sqb_store *st,
			    fuse_ino_t dir, const char *name,
			    struct sqb_message *msg_r);

/*
 * The name that a message has in the plain layout, to free(): the given one, or
 * what is computed of its date.  To give it one; the computed one takes away
 * what it was given before.  SQB_EXISTS: another message has it.
 */
enum sqb_err ifs_shown_name(struct sqb_store *st, struct sqb_mailbox_id box,
			    uint32_t uid, int64_t date, char **name_r);
enum sqb_err ifs_give_name(struct sqb_store *st, struct sqb_mailbox_id box,
			   uint32_t uid, int64_t date, const char *name);

enum sqb_err ifs_is_inbox(struct sqb_store *st, struct sqb_mailbox_id box,
			  bool *inbox_r);

#endif
