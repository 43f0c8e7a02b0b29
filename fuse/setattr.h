/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_SETATTR_H
#define IFS_SETATTR_H

#include "fuse/fs.h"

/*
 * truncate, chmod, chown and utimens.
 *
 * Of a file that is being written, or is scratch, all can be set; owners are
 * taken and forgotten.  mtime becomes the INTERNALDATE of the message, if it is
 * not written to after that.
 *
 * Of a stored message:
 *
 *	size	the change is a message at once (commit.h), unless the file is
 *		open for writing, whose close() then makes it one; EPERM for an
 *		empty one
 *	mtime	INTERNALDATE never changes under a UID (RFC 3501 2.3.3), so
 *		another one is EPERM; but many programs set the times of a file
 *		when they have closed it (rsync --inplace, scp -p, Python), so a
 *		file that was made just now becomes a new message with that date
 *	mode	only the owner has rights: what is said of group and others is
 *		passed over in silence, as tar and rsync say it of all files,
 *		and nobody gets in by it; EPERM if the owner would lose rights
 *	owner	EPERM for another
 *	atime	is passed over
 *
 * The same goes for folders, but that mtime can be set, until there is a change
 * or the mount ends.
 */
void ifs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		 struct fuse_file_info *fi);

#endif
