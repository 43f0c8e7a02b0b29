/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_INODE_H
#define IFS_INODE_H

#include "fuse/fuse.h"

#include "common/message.h"

/*
 * Node numbers: what the kernel, tar and rsync know a file by.
 *
 *	1			the root of the mount
 *	2 .. 2^32-1		a file of this mount that was not a message
 *				when it was made (files.h)
 *	id << 32		the mailbox with this id
 *	id << 32 | UID		the message
 *	2^63 | ...		made up: a view, then id and UID as above
 *
 * Numbers of mailboxes and messages are computed, stay the same over mounts,
 * and are never used for something else.  A file that was made, replaced or
 * moved through this mount keeps the number it had as long as the kernel
 * remembers it: files.h knows those.
 */
#define IFS_BOX_MAX ((INT64_C(1) << 29) - 1) /* ids above have no number */

enum ifs_node_kind {
	IFS_NODE_ROOT,
	IFS_NODE_LOCAL,
	IFS_NODE_MAILBOX,
	IFS_NODE_MESSAGE,
	IFS_NODE_LAYOUT, /* cur, new or tmp of a mailbox */
	IFS_NODE_HIDDEN, /* .imapfs and all below */
};

/* Views: what a number that is made up shows of a mailbox or message. */
enum ifs_view {
	IFS_VIEW_FIXED, /* of id 0: .imapfs and what is in it; of others:
			   their cur, new and tmp, in place of the UID */
	IFS_VIEW_TEXT,  /* .imapfs/text */
	IFS_VIEW_PARTS, /* .imapfs/parts */
	IFS_VIEW_OTHER, /* from a table of who made it */
};

enum ifs_node_kind ifs_node_kind(fuse_ino_t ino);

/* The number of a mailbox; of the root for id 0. */
fuse_ino_t ifs_ino_mailbox(struct sqb_mailbox_id box);
/* The computed number of a message. */
fuse_ino_t ifs_ino_message(struct sqb_mailbox_id box, uint32_t uid);

/* The mailbox in a number, n = 0 for the root; the UID in it; and the view. */
struct sqb_mailbox_id ifs_ino_box(fuse_ino_t ino);
uint32_t ifs_ino_uid(fuse_ino_t ino);

fuse_ino_t ifs_ino_view(enum ifs_view view, struct sqb_mailbox_id box,
			uint32_t uid);
enum ifs_view ifs_ino_view_of(fuse_ino_t ino);

#endif
