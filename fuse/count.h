/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_COUNT_H
#define IFS_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * How many requests of each kind the kernel has sent: what a program costs,
 * without a clock.  Named as in the kernel's protocol; .imapfs/status has them.
 */
#define IFS_REQUESTS(X) \
	X(LOOKUP) \
	X(FORGET) \
	X(GETATTR) \
	X(SETATTR) \
	X(OPENDIR) \
	X(READDIR) \
	X(READDIRPLUS) \
	X(OPEN) \
	X(READ) \
	X(RELEASE) \
	X(GETXATTR) \
	X(LISTXATTR) \
	X(CREATE) \
	X(WRITE) \
	X(FLUSH) \
	X(FSYNC) \
	X(UNLINK) \
	X(RENAME) \
	X(COPY_FILE_RANGE)

#define X(name) IFS_REQUEST_##name,
enum ifs_request { IFS_REQUESTS(X) IFS_REQUEST_COUNT };
#undef X

struct ifs_counts {
	atomic_uint_least64_t requests[IFS_REQUEST_COUNT];
};

static inline void ifs_count(struct ifs_counts *counts, enum ifs_request which)
{
	atomic_fetch_add_explicit(&counts->requests[which], 1,
				  memory_order_relaxed);
}

const char *ifs_request_name(enum ifs_request which);

#endif
