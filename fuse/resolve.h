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
 * Find a name in the directory parent (the root or a mailbox).  Returns 0,
 * ENOENT (nothing is called so), EROFS (it is .imapfs, or below that), or
 * another errno value.
 */
int ifs_resolve(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		struct ifs_entry *entry_r);
void ifs_entry_release(struct ifs_fs *fs, struct ifs_entry *entry);

/* The same, with the reading or writing handle at hand. */
enum sqb_err ifs_find_mailbox(struct ifs_fs *fs, struct sqb_store *st,
			      struct sqb_mailbox_id parent, const char *name,
			      struct sqb_mailbox_id *id_r);
enum sqb_err ifs_find_message(struct sqb_store *st, struct sqb_mailbox_id box,
			      const char *name, struct sqb_message *msg_r);

#endif
