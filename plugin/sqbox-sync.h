/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_SYNC_H
#define SQBOX_SYNC_H

#include "sqbox-import.h"
#include "sqbox-storage.h"

/*
 * Keeping dovecot.index and the store in step.
 *
 * The store is the truth.  dovecot.index is what IMAP sees, a cache of it,
 * and its transaction log is where a session first writes the flag changes
 * and expunges of its client.  One sync takes both ways at once:
 *
 *	lock the index log	(vsize lock before it, if there are expunges)
 *	lock the store		write transaction, or a snapshot if we only read
 *	pending records of the log  -> store, as deltas
 *	journal of the store	-> index, since the modseq in our header
 *	COMMIT of the store, unlock it
 *	commit of the index, unlock it
 *	sync the WAL, if the client is to be told that something is durable
 *
 * A crash between the commits is mended by the next sync: the log's records
 * are applied again (deltas are idempotent), the journal is read again.
 *
 * Modseqs: what IMAP is told comes from the index's own counter.  The store's
 * is kept ahead of it, so that an index that is built anew continues above
 * everything that a client may have seen.
 */

enum sqbox_sync_flags {
	/* Sync though nothing seems to have changed: a save wants the locks,
	   and the write transaction stays open for it. */
	SQBOX_SYNC_FLAG_SAVE = 0x01,
	/* Compare the whole index with the store (doveadm force-resync). */
	SQBOX_SYNC_FLAG_MERGE = 0x02,
	/* The index has counted beyond the store, which is to be ahead of it
	   before any client is told. */
	SQBOX_SYNC_FLAG_RAISE = 0x04,
};

struct sqbox_sync_context {
	struct sqbox_mailbox *mbox;
	struct sqb_store *st;
	enum sqbox_sync_flags flags;

	struct mail_index_sync_ctx *index_sync_ctx;
	struct mail_index_view *view;
	struct mail_index_transaction *trans;

	/* What a session has written to the index log. */
	ARRAY(struct mail_index_sync_rec) recs;
	ARRAY_TYPE(uint32_t) expunged_uids;

	/* The mailbox in the store: at the transaction's begin, then at its
	   commit. */
	struct sqb_mailbox_status status;
	struct sqbox_import import;
	/* The store is in the index up to here. */
	uint64_t modseq;
	bool writing; /* else it is only a snapshot */
	bool store_open;
	/* The import needs modseqs in the index, which has none yet. */
	bool want_modseqs;
};

/*
 * SAVE: the index and the store are locked, the index knows all that the store
 * has, and the caller appends to both.  Returns 0, or -1 with the error set.
 */
int sqbox_sync_begin(struct sqbox_mailbox *mbox, enum sqbox_sync_flags flags,
		     struct sqbox_sync_context **ctx_r);
/* Commit the store's transaction; on failure only a rollback is left to do. */
int sqbox_sync_commit_store(struct sqbox_sync_context *ctx);
/* Commit the index; the context is freed. */
int sqbox_sync_commit_index(struct sqbox_sync_context **ctx);
/* Undo what is not committed yet; the context is freed. */
void sqbox_sync_rollback(struct sqbox_sync_context **ctx);

/* The mailbox_vfuncs.sync_init. */
struct mailbox_sync_context *
sqbox_storage_sync_init(struct mailbox *box, enum mailbox_sync_flags flags);

/* UIDNEXT as a number that also holds "all are used". */
static inline uint64_t sqbox_uidnext(const struct sqb_mailbox_status *status)
{
	return status->uidnext == 0 ? 1ULL << 32 : status->uidnext;
}

/* The whole of it: begin, and both commits.  Returns 0 or -1. */
int sqbox_sync(struct sqbox_mailbox *mbox, enum sqbox_sync_flags flags);

/* Apply the index log's records to the store (sqbox-apply.c). */
enum sqb_err sqbox_sync_apply_recs(struct sqbox_sync_context *ctx);

#endif
