/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_LISTING_H
#define IFS_LISTING_H

#include "fuse/fs.h"

/*
 * Answer one readdir or readdirplus request of a directory.
 *
 * The offset of an entry says where to go on after it, whatever has come and
 * gone meanwhile: it is the id of a mailbox, the UID of a message or the number
 * of a scratch file, each in a section of its own.  So nothing is kept between
 * two requests, and what stays is listed exactly once.
 */
void ifs_listing_reply(fuse_req_t req, fuse_ino_t dir, size_t size,
		       off_t offset, bool plus);

#endif
