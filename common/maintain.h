/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_MAINTAIN_H
#define SQB_MAINTAIN_H

#include "common/mailbox.h"

/*
 * What is done beside the daily work: freeing, hot copies.  Each call makes
 * short transactions of its own and must not be inside one.
 */

/* Bodies stay this long after their last message was expunged. */
#define SQB_PURGE_GRACE_SECS 60

/*
 * Free bodies that no message has had for grace_secs, at most max_batches
 * transactions of 100 (0: all); then, when a quarter of store.db is free, or
 * anything and the disk is full, give pages back to the file system in short
 * steps, and cut the oldest part off the journals that are over 10000 ranges.
 * *freed_r, may be NULL: bodies.
 */
enum sqb_err sqb_purge(struct sqb_store *st, unsigned int grace_secs,
		       unsigned int max_batches, uint64_t *freed_r);

/* Is there a body to free?  Cheap. */
enum sqb_err sqb_purge_wanted(struct sqb_store *st, unsigned int grace_secs,
			      bool *wanted_r);

/*
 * Copy the live store into the directory dest, which must not exist or be
 * empty: a consistent snapshot, while others go on writing.  The copy knows
 * that it is one: its first open moves UIDNEXT and modseqs far forward, so a
 * restored store never gives a number out twice (I1).
 */
enum sqb_err sqb_backup(struct sqb_store *st, const char *dest);

#endif
