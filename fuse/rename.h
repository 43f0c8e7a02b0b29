/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_RENAME_H
#define IFS_RENAME_H

#include "fuse/fs.h"

/*
 * rename(2), each one transaction:
 *
 *	message, in its folder	its file has another name; IMAP sees nothing
 *	message, elsewhere	MOVE; name, flags, dates and node number stay
 *	scratch to *.eml	APPEND, if there is anything in it (commit.h)
 *	scratch, else		it has another name
 *	folder			RENAME, with all below; subscriptions go along
 *
 * What had the new name goes the way of rm; a folder must be empty for that.
 *
 * A message stays one under whatever name, so that nothing is lost when
 * an editor keeps the old version as x.eml~ or x.eml.bak while it writes a new
 * x.eml: the old one is in IMAP beside the new one until the backup is removed,
 * and that goes the way of rm.
 *
 * Messages do not lie in the root: EPERM.  RENAME_NOREPLACE works for all,
 * RENAME_EXCHANGE for two messages of one folder.
 */
void ifs_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		fuse_ino_t new_parent, const char *new_name,
		unsigned int flags);

#endif
