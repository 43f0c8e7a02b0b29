/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_REPLICA_PRIVATE_H
#define IFS_REPLICA_PRIVATE_H

#include "fuse/remote/remote.h"
#include "fuse/replica.h"
#include "fuse/secret.h"

/* For replica*.c only. */
struct ifs_replica {
	struct ifs_fs *fs;   /* foreign */
	struct rem *rem;     /* own */
	atomic_bool quiet;   /* its faults are told otherwise */
	atomic_uint waiting; /* requests that have a thread and wait */
	/* Transactions that the engine has begun and ended: odd while it has
	   one.  And twice that number, when it was last asked whether bodies
	   are absent, and one more if none was. */
	atomic_uint_least64_t changes, known;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t answered;
	char *secret; /* own; NULL: it was wrong, or is too old */
	time_t taken; /* when, of CLOCK_MONOTONIC */
	bool tried;   /* to log in, and this came of it: */
	enum imap_err login;
	char *why; /* own */
};

/* As in fuse/remote/remote.h; ctx is the replica. */
enum imap_err ifs_replica_connect(void *ctx, struct imap_wake *wake,
				  struct imap_transport **transport_r,
				  char **why_r);

#endif
