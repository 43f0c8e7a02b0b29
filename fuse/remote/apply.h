/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_APPLY_H
#define REM_APPLY_H

#include "fuse/remote/sync.h"

/*
 * What the view has collected, into the store.  Each is one short transaction.
 * If all that the mailbox has was told before one, then it is so after it.
 */

/* So many messages at a time are put into the store. */
#define REM_BATCH 1000

/*
 * New messages and flags.  A new one that may be what we sent is kept aside:
 * view->held.
 */
bool rem_apply_seen(struct rem_sync *sync);

/* Messages that the server has no more, by its UIDs. */
bool rem_apply_vanished(struct rem_sync *sync, const struct rem_ranges *sorted);

/* Which of the held are what we sent; the others are new. */
bool rem_apply_held(struct rem_sync *sync);

/* All up to what SELECT told was pulled. */
bool rem_apply_end(struct rem_sync *sync);

/* The set that a seen message's flags are; makes keywords. */
enum sqb_err rem_seen_flags(struct sqb_store *st, const struct rem_seen *seen,
			    struct rem_flags *set_r);

/* Put one new message into the store. */
enum sqb_err rem_append_seen(struct sqb_store *st, const struct rem_box *box,
			     const struct rem_seen *seen);

/* Merge the server's flags into a message that is known. */
enum sqb_err rem_merge_seen(struct sqb_store *st, const struct rem_box *box,
			    const struct rem_seen *seen,
			    const struct sqb_remote_message *row);

/* Around what is changed in a transaction, for row.pushed. */
enum sqb_err rem_box_step(struct sqb_store *st, struct rem_box *box,
			  bool *in_step_r);
enum sqb_err rem_box_stepped(struct sqb_store *st, struct rem_box *box,
			     bool in_step);

#endif
