/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_IMPORT_H
#define SQBOX_IMPORT_H

#include "seq-range-array.h"
#include "sqbox-storage.h"

/* The last UID that an index can hold; Dovecot has uses for those above. */
#define SQBOX_LAST_UID (UINT32_MAX - 2)

/*
 * From the store into the index: messages, flags, keywords and expunges.
 * The caller holds the index's sync lock and a snapshot of the store, and
 * commits the index transaction.
 */
struct sqbox_import {
	struct sqbox_mailbox *mbox;
	struct mail_index_view *view;         /* foreign */
	struct mail_index_transaction *trans; /* foreign */
	/* The store's changes are in the index up to here, and are to be
	   brought there up to here; later ones are from the index. */
	uint64_t since, highestmodseq;
	/* Give each message the modseq of its row: for a new index. */
	bool set_modseqs;
	uint64_t min_modseq; /* and this at least */

	/* The UID that comes next in the index, and that came next in it. */
	uint64_t next_uid;
	uint32_t first_new_uid;
	/* Gone, and never in the index: import_changes() and import_all(). */
	ARRAY_TYPE(seq_range) unknown;
	/* The index transaction has expunges. */
	bool expunges;
	/* The index has lost a UID that it cannot take back: reset it. */
	bool must_reset;
	/* The index transaction begins with a reset. */
	bool reset;
};

void sqbox_import_init(struct sqbox_import *import, struct sqbox_mailbox *mbox,
		       struct mail_index_view *view,
		       struct mail_index_transaction *trans);

/*
 * What the journal has since that modseq.  Returns 0 or -1.
 *
 * The index may be an older copy of itself, so a client may have been told of
 * messages and flags by a newer one.  Messages that are gone are expunged in
 * the log, at once, though the index has never had them; those that are as
 * they were get a new modseq.  QRESYNC is answered from both.
 */
int sqbox_import_changes(struct sqbox_import *import);

/* Everything, compared message by message. */
int sqbox_import_all(struct sqbox_import *import);

/* Everything, into an index that forgets what it has had. */
int sqbox_import_reset(struct sqbox_import *import);

#endif
