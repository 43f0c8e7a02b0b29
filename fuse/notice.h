/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_NOTICE_H
#define IFS_NOTICE_H

#include "fuse/fs.h"

/*
 * What the kernel is to be told: gathered while the store is read, sent when
 * no handle and no lock is held, since the kernel may wait for the answer to a
 * request of its own before it takes a notice.
 */
struct ifs_notices;

struct ifs_notices *ifs_notices_new(void);
/* Accepts NULL; clears the pointer. */
void ifs_notices_free(struct ifs_notices **notices);

/* Something is called so now, or is not any more, or is something else. */
void ifs_notice_name(struct ifs_notices *notices, fuse_ino_t parent,
		     const char *name);

/* The directory with this name is gone. */
void ifs_notice_rmdir(struct ifs_notices *notices, fuse_ino_t parent,
		      fuse_ino_t dir, const char *name);

/*
 * A folder has other entries: its mtime moves.  After this one nobody finds
 * what had gone before; so notices of messages come after that of their folder.
 */
void ifs_notice_folder(struct ifs_notices *notices, struct sqb_mailbox_id box);

/* The messages with UIDs uid_lo..uid_hi (inclusive) are gone. */
void ifs_notice_gone(struct ifs_notices *notices, struct sqb_mailbox_id box,
		     uint32_t uid_lo, uint32_t uid_hi);

/* The attributes of a message are others. */
void ifs_notice_attributes(struct ifs_notices *notices,
			   struct sqb_mailbox_id box, uint32_t uid);

/* Send them, in the order in which they were added; none are left. */
void ifs_notices_send(struct ifs_notices *notices, struct ifs_fs *fs);

#endif
