/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_TXN_H
#define SQB_TXN_H

#include "common/store.h"

/*
 * Write transactions and durability.
 *
 * The order of a write, everywhere:
 *
 *	prepare bodies (receive, compress)	no lock
 *	sqb_txn_begin()				queue on store.lock, BEGIN
 *	change rows				short: no I/O but SQLite's
 *	sqb_txn_commit()			COMMIT, unlock
 *	sqb_sync()				sync the WAL, ring the doorbell
 *	answer the client
 *	sqb_checkpoint_if_due()
 *
 * Writers of all processes queue in the order of their coming (flock on
 * store.lock).  The sync is outside the lock, so those of several writers
 * overlap (group commit).  A commit is visible to others, and survives the
 * death of the process, from sqb_txn_commit() on; it survives power loss from
 * sqb_sync() on.  Flag changes may be answered without sqb_sync(); the caller
 * then calls it within two seconds.
 */

/*
 * Start a write transaction; transactions do not nest, and no walk or snapshot
 * of this handle may be open that was begun before.
 * SQB_BUSY: others held the lock for the whole timeout.
 */
enum sqb_err sqb_txn_begin(struct sqb_store *st);

/*
 * Commit and unlock.  On failure all is rolled back.  When nothing was changed
 * it costs no write, and leaves nothing to sync.
 */
enum sqb_err sqb_txn_commit(struct sqb_store *st);

/* Undo; no effect outside a transaction.  Keeps the error message. */
void sqb_txn_rollback(struct sqb_store *st);

bool sqb_txn_active(struct sqb_store *st);

/*
 * The modseq of this transaction: all its changes carry the same one, larger
 * than any given out before by this store (invariant I4), by this at least.
 * What is between two of them is for a view of the store that counts on, step
 * by step, from the modseq that it has taken over (dovecot.index).
 */
#define SQB_MODSEQ_STEP 128

enum sqb_err sqb_txn_modseq(struct sqb_store *st, uint64_t *modseq_r);

/*
 * Make the modseq of this transaction at least min.  Before the first change,
 * else SQB_INVALID if it is too late to matter.
 */
enum sqb_err sqb_txn_raise_modseq(struct sqb_store *st, uint64_t min);

/*
 * Make all commits of this handle durable: one fdatasync() of the WAL, none
 * if nothing is pending; then one byte into the doorbell file.  After a
 * failure the handle is read-only: nothing that was not synced may be
 * acknowledged, and a later success would prove nothing.
 */
enum sqb_err sqb_sync(struct sqb_store *st);

/* Is there a commit of this handle that sqb_sync() has not made durable? */
bool sqb_sync_pending(struct sqb_store *st);

/* Ring the doorbell for a commit whose sync may wait (flag changes). */
void sqb_ring(struct sqb_store *st);

/*
 * Several reads as one snapshot.  May nest, may be inside a transaction.
 * Keep it short: a reader stops the WAL from being reused.
 */
enum sqb_err sqb_read_begin(struct sqb_store *st);
void sqb_read_end(struct sqb_store *st);

/*
 * Move the WAL into store.db when it has grown past its limit (4000 pages).
 * Call it after the answer.  Its failure loses nothing.
 */
enum sqb_err sqb_checkpoint_if_due(struct sqb_store *st);

/* A number that moves with every commit of any process, for cheap polling. */
enum sqb_err sqb_data_version(struct sqb_store *st, uint32_t *version_r);

#endif
