/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_INDEX_H
#define SQBOX_INDEX_H

#include "sqbox-import.h"
#include "sqbox-storage.h"
#include "common/txn.h"

/*
 * The store's modseq is at least this far ahead of the index's: more than the
 * records that one sync can add to the log, so that it stays ahead.
 */
#define SQBOX_MODSEQ_GAP 1024

/*
 * What is imported up to a modseq of the store ends at that much above it in
 * every index, however many records that took: so an older copy of the index
 * catches up to where a newer one was, and counts on from there.  The store's
 * next modseq is above that.
 */
#define SQBOX_MODSEQ_ROOM (SQB_MODSEQ_STEP / 2)

/*
 * Open the mailbox's index.  If it was lost, cannot be read, belongs to another
 * mailbox, is from later than the store, or had to be repaired, it is built
 * anew from the store, so that HIGHESTMODSEQ goes on above all that was given
 * out, and QRESYNC clients are told of all expunges.  Returns 0 or -1.
 */
int sqbox_index_open_box(struct mailbox *box,
			 const struct sqb_mailbox_status *status);

/* Our header extension; all zero if there is none. */
void sqbox_index_get_header(struct sqbox_mailbox *mbox,
			    struct mail_index_view *view,
			    struct sqbox_index_header *hdr_r);

/* UIDVALIDITY, UIDNEXT, first recent UID and our header, where they differ. */
void sqbox_index_update_header(const struct sqbox_import *import,
			       const struct sqb_mailbox_status *status,
			       uint64_t modseq);

/* Before a sync of the index is committed: when is its log to be folded in? */
void sqbox_index_limit_log(struct sqbox_mailbox *mbox, uint32_t messages);

#endif
