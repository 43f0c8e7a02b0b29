/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_DIFF_H
#define REM_DIFF_H

#include "fuse/remote/boxes.h"
#include "fuse/remote/merge.h"

/*
 * What a mailbox has that was not told to the server: the difference between
 * its messages and their remote rows, found by the journal.
 */
enum rem_kind {
	REM_NEW,             /* a message without a row */
	REM_SENDING,         /* an APPEND or MOVE of it may have arrived */
	REM_REFUSED_MESSAGE, /* a row of one that was expunged then */
	REM_FLAGS,           /* its flags differ from their base */
	REM_EXPUNGED,        /* a row without its message */
};

struct rem_change {
	enum rem_kind kind;
	uint32_t uid, remote_uid;
	struct sqb_body_id body;
	uint64_t size;
	int64_t date;
	bool gone; /* SENDING: there is no message any more */
	bool has_digest, no_digest;
	uint64_t digest; /* of its header (digest.h) */
	struct rem_flags base, now;
};

struct rem_diff {
	struct rem_change *list; /* own; by kind, then UID */
	size_t count, alloc;
	uint64_t modseq; /* of the mailbox, when this was so */
};

/* An empty one, and SQB_OK, if the mailbox is not there. */
enum sqb_err rem_diff_make(struct sqb_store *st, const struct rem_box *box,
			   struct rem_diff *diff_r);
void rem_diff_free(struct rem_diff *diff);

/* How many such differences there are in all, what was refused apart. */
enum sqb_err rem_queue_length(struct sqb_store *st, uint64_t *length_r);

#endif
