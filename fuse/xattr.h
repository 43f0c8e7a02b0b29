/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_XATTR_H
#define IFS_XATTR_H

#include "fuse/files.h"

/*
 * Extended attributes: what IMAP has of a message or mailbox beside its name
 * and octets.
 *
 *	message	user.imap.flags		the full list (flags.h); settable, also
 *					"+\Seen -work"; removed: no flags
 *		user.imap.uid .uidvalidity .guid .modseq .internaldate .size
 *	folder	user.imap.subscribed	1 or 0; settable
 *		user.imap.specialuse	"\Trash"; settable.  No other mailbox
 *					has this use any more then.
 *		user.imap.unseen .messages .uidnext .uidvalidity
 *	scratch	user.imap.flags		kept, for the message that it becomes
 *
 * Only those that can be set are listed, so that rsync -X and tar --xattrs copy
 * what they can restore.  Those of system and security are not answered at all,
 * and without the store: ls -l asks for them for each file.
 */
void ifs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		  size_t size);
void ifs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void ifs_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		  const char *value, size_t size, int flags);
void ifs_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

/*
 * In the transaction that makes a message of scratch: it gets the flags kept
 * with the file, if any.  Who calls has the lock of the file.
 */
enum sqb_err ifs_kept_flags_apply(struct sqb_store *st, struct ifs_file *file,
				  struct sqb_mailbox_id box, uint32_t uid);

#endif
