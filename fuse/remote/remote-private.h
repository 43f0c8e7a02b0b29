/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_REMOTE_PRIVATE_H
#define REM_REMOTE_PRIVATE_H

#include <pthread.h>
#include <time.h>

#include "fuse/remote/remote.h"
#include "fuse/remote/sync.h"

/*
 * Two threads and what they share.  The lock is held for no longer than a
 * look: never while anything waits, for the network or the store.
 */
enum rem_link { REM_CONNECTING, REM_UP, REM_DOWN };

/* A body that somebody waits for, or waited. */
struct rem_want {
	struct sqb_mailbox_id box;
	uint32_t uid;
	unsigned int waiting; /* threads */
	bool done;
	enum rem_result result;
	struct rem_want *next; /* own */
};

struct rem {
	struct rem_options opts;                  /* own: also its strings */
	struct rem_sync sync;                     /* the sync thread's */
	struct rem_sync fetch;                    /* the fetch thread's */
	struct imap_wake *sync_wake, *fetch_wake; /* own */
	pthread_t sync_thread, fetch_thread;

	pthread_mutex_t lock;
	pthread_cond_t news;           /* anything below has changed */
	uint64_t wanted, begun, ended; /* passes, by number */
	struct rem_want *wants;        /* own; in the order of coming */
	enum rem_link link;
	unsigned int failures;         /* since the last success */
	unsigned int refused, waiting; /* of the last pass */

	/* For status.c: */
	char *folders;    /* own: lines, of the last pass; NULL: none yet */
	char *last_error; /* own, or NULL */
	time_t error_at, synced_at;
	time_t retry_at;                            /* 0: not waiting */
	struct imap_traffic traffic, fetch_traffic; /* of former connections */
	struct imap_traffic now, fetch_now;         /* of these */

	bool sync_runs, fetch_runs;
	bool stopping;
	bool hurry;   /* connect now, however long it did not work */
	bool changed; /* the store was, by somebody */
	bool retry;   /* what was refused, with the next pass */
	bool absent;  /* there may be bodies to fetch unasked */
};

/* Wait for news until then (CLOCK_MONOTONIC); the lock is held.  false: the
   time is over. */
bool rem_news_wait(struct rem *rem, const struct timespec *until);
struct timespec rem_after(unsigned int milliseconds);

void *rem_sync_main(void *rem);
void *rem_fetch_main(void *rem);

/* The sync thread, after a pass: what rem_status() shows of folders. */
char *rem_folder_lines(const struct rem_sync *sync);
/* Keep the text of a failure for rem_status(). */
void rem_keep_error(struct rem *rem, const char *text);

/* Seconds until the next try after so many failures, with some chance. */
unsigned int rem_back_off(unsigned int failures);

#endif
