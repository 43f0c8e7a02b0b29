/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_CHANGES_H
#define SQB_CHANGES_H

#include "common/message.h"

/*
 * The journal: what became of a mailbox since a modseq.
 *
 * New and changed messages are found by their row's modseq; expunged ones by
 * ranges of UIDs kept for the purpose.  The ranges are complete for modseqs
 * from the mailbox's vanished_floor on; who knows only an older state compares
 * the whole list of UIDs instead.  Use sqb_read_begin() around both walks and
 * the mailbox's status.
 */

/* Messages with modseq > since, in UID order; as the walk of message.h. */
struct sqb_message_iter *sqb_changed_iter_begin(struct sqb_store *st,
						struct sqb_mailbox_id box,
						uint64_t since);

/*
 * UIDs expunged with modseq > since, as ranges, ascending within a modseq; a
 * UID is in one range only.  SQB_INVALID from end(): since < vanished_floor.
 */
struct sqb_vanished_iter *sqb_vanished_iter_begin(struct sqb_store *st,
						  struct sqb_mailbox_id box,
						  uint64_t since);
bool sqb_vanished_iter_next(struct sqb_vanished_iter *it, uint32_t *uid_lo_r,
			    uint32_t *uid_hi_r);
enum sqb_err sqb_vanished_iter_end(struct sqb_vanished_iter **it);

#endif
