/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_REMOTE_H
#define REM_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/mailbox.h"
#include "fuse/imap/client.h"

/*
 * Keeps a store in step with an IMAP account, by threads of its own.
 *
 * Two threads, with a connection each: one syncs and then waits for news
 * (IDLE), one fetches bodies, those that somebody waits for first.  Both come
 * back by themselves after any loss of connection.  All functions here may be
 * called by any thread that holds no handle of the store.
 */
struct rem;

/*
 * The writing handle of the store, which others use, too.  lock(): it is this
 * thread's until unlock().  begin() and finish() are sqb_txn_begin(), and
 * sqb_txn_commit() with sqb_sync() if err is SQB_OK, else sqb_txn_rollback();
 * the kernel has to be told of what changes.  None of them is called while
 * anything waits for the network.
 */
struct rem_store {
	struct sqb_store *(*lock)(void *ctx);
	void (*unlock)(void *ctx);
	enum sqb_err (*begin)(void *ctx, struct sqb_store *st);
	enum sqb_err (*finish)(void *ctx, struct sqb_store *st,
			       enum sqb_err err);
	void *ctx;
};

/*
 * Connect and authenticate, as imap_connect() does.  Called by either thread,
 * one connection each; wake is to become the transport's.
 */
struct rem_connect {
	enum imap_err (*connect)(void *ctx, struct imap_wake *wake,
				 struct imap_transport **transport_r,
				 char **why_r);
	void *ctx;
};

/* How the first sync goes on, for people. */
struct rem_progress {
	uint32_t folders, folders_done;
	uint64_t messages, messages_done; /* as far as they are known */
	double rate;                      /* messages a second */
	bool complete;                    /* of all folders: the last call */
};

enum rem_level { REM_NOTE, REM_WARNING };

struct rem_options {
	const char *dir;     /* of the store: for reading handles of our own */
	const char *account; /* URL without password (common/remote.h) */
	struct rem_store store;
	struct rem_connect connect;

	/* Fetch bodies unasked: 0 none, -1 all, else of that many days. */
	int bodies_days;
	bool readonly;          /* nothing is sent that changes the account */
	unsigned int poll_secs; /* look at all folders so often; 0: 300 */
	uint32_t mailboxes_max; /* more are not shown; 0: 100,000 */

	/* Called by our threads; log's text is one line.  Either may be NULL */
	void (*log)(void *ctx, enum rem_level level, const char *text);
	void (*progress)(void *ctx, const struct rem_progress *progress);
	void *ctx;
};

/*
 * The store becomes, or must be, the replica of the account: SQB_EXISTS if it
 * is another's.  Starts the threads; returns before anything is connected.
 * Options are copied.  On failure *error_r is a sentence to free().
 */
enum sqb_err rem_start(const struct rem_options *options, struct rem **rem_r,
		       char **error_r);
/* Ends the threads, within a second; whatever is not told yet stays so. */
void rem_stop(struct rem **rem);

enum rem_result {
	REM_OK = 0,
	REM_WAITING, /* the time is over, it goes on: ask again, or give up */
	REM_OFFLINE, /* there is no connection, and this needs one */
	REM_GONE,    /* the server has no such message (any more) */
	REM_REFUSED, /* the server will not, see rem_status() */
	REM_FAILED,  /* the store failed */
};

/*
 * Fetch a body that is absent, before all that nobody waits for.  Waits up to
 * milliseconds: callers that can be interrupted wait in slices.  Who asks for
 * the messages of a folder in order gets those after them along.
 */
enum rem_result rem_want_body(struct rem *rem, struct sqb_mailbox_id box,
			      uint32_t uid, unsigned int milliseconds);

/*
 * Has the server got what was changed here before this call?  Waits for that
 * up to milliseconds, as rem_want_body().  REM_REFUSED: not all of it.
 *
 * Who waits in slices gives the same *pass each time, at first 0: what is
 * waited for is then what it was in the first slice.  NULL: there is one only.
 */
enum rem_result rem_want_sent(struct rem *rem, uint64_t *pass,
			      unsigned int milliseconds);

/*
 * Look at all folders now.  With milliseconds, wait until they have been
 * looked at, and all that was changed here before has been told; pass as in
 * rem_want_sent().
 */
enum rem_result rem_sync(struct rem *rem, uint64_t *pass,
			 unsigned int milliseconds);

/* What the server refused is tried again, now. */
enum rem_result rem_retry(struct rem *rem);

/* Somebody has changed the store: tell the server soon.  Never waits. */
void rem_changed(struct rem *rem);

/* The network has changed, or we slept: try to connect now.  Never waits. */
void rem_wake(struct rem *rem);

bool rem_online(struct rem *rem);

/*
 * Lines for people: connection, folders, what is still to be told, the last
 * errors, traffic.  To free().
 */
char *rem_status(struct rem *rem);

#endif
