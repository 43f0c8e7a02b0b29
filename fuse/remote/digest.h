/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_DIGEST_H
#define REM_DIGEST_H

#include "fuse/remote/sync.h"

/*
 * Digests of message headers, here and there, to know a message again whose
 * UID is lost.  Line ends do not count.  They tell mails apart, they prove
 * nothing: who makes two alike has them taken for each other, in his account.
 */
struct rem_digest {
	uint32_t uid;
	uint64_t digest;
};
struct rem_digests {
	struct rem_digest *list; /* own */
	size_t count, alloc;
	uint64_t running; /* of what is just coming */
	bool whole;       /* and has come */
};

/* Of messages of the selected mailbox; those that are gone are left out. */
bool rem_digests_fetch(struct rem_sync *sync, const struct rem_ranges *uids,
		       struct rem_digests *digests);
bool rem_digests_find(const struct rem_digests *digests, uint32_t uid,
		      uint64_t *digest_r);
void rem_digests_free(struct rem_digests *digests);

/* Of change->body; change->no_digest if it is not here. */
void rem_digest_here(struct rem_sync *sync, struct rem_change *change);

/* The handlers of what a server sends (pass.c). */
void rem_digests_begin(struct rem_digests *digests);
void rem_digests_data(struct rem_digests *digests, const void *data,
		      size_t size);
void rem_digests_end(struct rem_digests *digests, bool complete);
void rem_digests_uid(struct rem_digests *digests, uint32_t uid);

#endif
