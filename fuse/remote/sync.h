/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_SYNC_H
#define REM_SYNC_H

#include "common/remote.h"
#include "fuse/imap/client.h"
#include "fuse/remote/boxes.h"
#include "fuse/remote/diff.h"
#include "fuse/remote/remote.h"
#include "fuse/remote/view.h"

/*
 * One connection and what it does, without threads: rem_pass() brings the
 * store and the account in step once, rem_fetch() brings bodies.
 *
 * Functions that return bool stop with false at the first failure, which is
 * then in sync->failure.  What a server refuses is no failure.  Nothing is
 * left to do after one but to throw the connection away: what was committed
 * is right, the rest is found again by the next pass.
 */
enum rem_failure {
	REM_NO_FAILURE,
	REM_NET,   /* sync->net says which */
	REM_STORE, /* the store's */
};

struct rem_sync {
	const struct rem_options *opts; /* foreign */
	struct sqb_store *st;           /* own; a reading handle */
	struct imap_client *client;     /* own; NULL: there is none */
	struct rem_boxes boxes;         /* own; as the store has them */
	struct rem_view view;           /* own; the selected mailbox */
	struct rem_diff diff;           /* own; what it has to tell */
	struct rem_orphans *orphans;    /* own; see moved.c */
	struct sqb_body_id *held;       /* own; see push.h */
	size_t held_count, held_alloc;
	struct rem_answered *answered; /* own; see push.h */
	size_t answered_count, answered_alloc;
	struct rem_listing *listing;   /* foreign: where LIST data go */
	struct rem_fetch *fetch;       /* foreign: where bodies go */
	struct rem_digests *digests;   /* foreign: where headers go */
	struct rem_given_up *given_up; /* own; see bodies.h */
	size_t given_up_count, given_up_alloc;
	bool (*leave_off)(void *ctx); /* see bodies.h; NULL: never */
	void *leave_off_ctx;
	bool examine;           /* only reads: SELECT is not needed */
	struct imap_wake *wake; /* foreign; NULL: none */
	bool rung;              /* while it waited for an answer */
	bool idled; /* a mailbox is selected that STATUS may be old of */

	enum rem_failure failure;
	enum imap_err net;
	char *why; /* own: text of the last failure, or NULL */

	/* Of the last pass: */
	unsigned int pulled, pushed_all; /* changes */
	unsigned int refused;            /* by the server */
	/* Of its last round: */
	uint64_t modseq; /* of the store, when it began */
	unsigned int pushed;
	unsigned int waiting; /* could not be told, without refusal */
	unsigned int ahead;   /* pulls sent and not ended */
	bool doubted; /* this pass was made because INBOX was not the same */
	bool again;   /* one more round is needed */
	struct sqb_mailbox_id told; /* what there was news of; 0: none */
	struct rem_progress progress;
	double first_at; /* seconds: when the first sync began */
};

/* Opens the reading handle.  On failure *error_r is to free(). */
enum sqb_err rem_sync_init(struct rem_sync *sync,
			   const struct rem_options *opts, char **error_r);
void rem_sync_deinit(struct rem_sync *sync);

/* Connect if there is no connection. */
bool rem_connect(struct rem_sync *sync);
/* Forget it: after a failure, or to leave with LOGOUT. */
void rem_disconnect(struct rem_sync *sync);

/* The one pass of the sync: all folders, both ways, until nothing is new. */
bool rem_pass(struct rem_sync *sync);

/* What was refused is tried by the next pass; in a transaction. */
enum sqb_err rem_retry_rows(struct sqb_store *st);

/* Record failures, and return false. */
bool rem_fail_net(struct rem_sync *sync, enum imap_err err);
/* What is selected has another UIDVALIDITY by now: another connection saw it.
 */
bool rem_fail_stale(struct rem_sync *sync, const struct rem_box *box);
bool rem_fail_store(struct rem_sync *sync, struct sqb_store *st,
		    enum sqb_err err);

/*
 * The writing handle with a transaction begun, NULL on failure; and its end:
 * commits if err is SQB_OK.
 */
struct sqb_store *rem_txn_begin(struct rem_sync *sync);
bool rem_txn_end(struct rem_sync *sync, struct sqb_store *st, enum sqb_err err);

/*
 * Wait for a command.  true: it was answered, *err_r is IMAP_OK, IMAP_NO or
 * IMAP_BAD, and what came before is in the store.
 */
bool rem_wait(struct rem_sync *sync, unsigned int n, enum imap_err *err_r,
	      const struct imap_response **response_r);

void rem_note(struct rem_sync *sync, enum rem_level level, const char *format,
	      ...) __attribute__((format(printf, 3, 4)));

static inline bool rem_can(const struct rem_sync *sync,
			   enum imap_capability capability)
{
	return imap_client_can(sync->client, capability);
}

#endif
