/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_MESSAGE_H
#define SQB_MESSAGE_H

#include "common/body.h"
#include "common/keyword.h"

/*
 * Messages: what a mailbox holds, by UID.
 *
 * UIDs are given out inside the transaction, ascending, and never again (I1).
 * Everything here that changes something needs a write transaction (txn.h),
 * raises the mailbox's modseq, and keeps its counters and the journal.
 * Outside a transaction reads see the newest commit; within sqb_read_begin()
 * one snapshot.  A writer that answers with a code its comment names has
 * changed nothing; after any other failure, roll the transaction back.
 */

/* System flags (RFC 3501 2.3.2); \Recent is mailbox.h's first_recent. */
enum sqb_flags {
	SQB_SEEN = 1 << 0,
	SQB_ANSWERED = 1 << 1,
	SQB_FLAGGED = 1 << 2,
	SQB_DELETED = 1 << 3,
	SQB_DRAFT = 1 << 4,
};
#define SQB_FLAGS_ALL 0x1f

struct sqb_message {
	uint32_t uid;
	unsigned int flags;           /* enum sqb_flags, or-ed */
	struct sqb_keywords keywords; /* more: dies with the next call */
	uint64_t modseq;
	int64_t date;      /* INTERNALDATE, seconds since 1970 UTC */
	int64_t save_date; /* when it came into this mailbox (RFC 8514) */
	uint64_t vsize;    /* RFC822.SIZE */
	uint64_t psize;    /* size as a file (file.h) */
	struct sqb_body_id body;
};

/* SQB_NOTFOUND is an answer. */
enum sqb_err sqb_message_get(struct sqb_store *st, struct sqb_mailbox_id box,
			     uint32_t uid, struct sqb_message *msg_r);

/* How many messages have a UID of uid_lo..uid_hi (inclusive). */
enum sqb_err sqb_message_count(struct sqb_store *st, struct sqb_mailbox_id box,
			       uint32_t uid_lo, uint32_t uid_hi,
			       uint32_t *count_r);

/*
 * Walk messages uid_lo..uid_hi (inclusive) in UID order, as in mailbox.h.
 * What the same handle changes meanwhile may or may not be seen: bound a walk
 * that copies into its own mailbox.
 */
struct sqb_message_iter *sqb_message_iter_begin(struct sqb_store *st,
						struct sqb_mailbox_id box,
						uint32_t uid_lo,
						uint32_t uid_hi);
bool sqb_message_iter_next(struct sqb_message_iter *it,
			   struct sqb_message *msg_r);
enum sqb_err sqb_message_iter_end(struct sqb_message_iter **it);

/* The row of a new message; what is left zero the store chooses. */
struct sqb_message_new {
	uint32_t uid; /* 0: next one; else must be >= UIDNEXT */
	unsigned int flags;
	struct sqb_keywords keywords;
	uint64_t min_modseq; /* as sqb_txn_raise_modseq(); 0: none */
	int64_t date;
	int64_t save_date;
	const char *pop3_uidl; /* kept from another server; NULL: none */
	uint32_t pop3_order;   /* 0: none */
};

/*
 * Append a message.  The writer must be finished; appended a second time, to
 * whatever mailbox of the store, its body is shared.
 * SQB_NOTFOUND: no such mailbox.  SQB_NOSELECT.  SQB_INVALID: uid is below
 * UIDNEXT.  SQB_LIMIT: the last UID of this mailbox is used.
 */
enum sqb_err sqb_message_append(struct sqb_store *st, struct sqb_mailbox_id box,
				struct sqb_body_writer *w,
				const struct sqb_message_new *args,
				uint32_t *uid_r);

/*
 * Append a copy that shares the body of src (of any mailbox of this store;
 * only body, vsize and psize are used, and date if args has none).
 * SQB_NOTFOUND: body freed since, or no such mailbox.  SQB_NOSELECT.
 */
enum sqb_err sqb_message_copy(struct sqb_store *st,
			      const struct sqb_message *src,
			      struct sqb_mailbox_id dst,
			      const struct sqb_message_new *args,
			      uint32_t *uid_r);

/*
 * Move: copy, and expunge the source, in the one transaction (RFC 6851).
 * args NULL: flags, keywords and date stay; a POP3 identity stays if args has
 * none.  SQB_NOTFOUND (an answer): src_uid has been expunged meanwhile.
 */
enum sqb_err sqb_message_move(struct sqb_store *st, struct sqb_mailbox_id src,
			      uint32_t src_uid, struct sqb_mailbox_id dst,
			      const struct sqb_message_new *args,
			      uint32_t *uid_r);

/* A change of flags, as a delta so that nobody's other change is lost. */
struct sqb_flag_change {
	unsigned int add, remove; /* enum sqb_flags; add wins */
	struct sqb_keywords add_keywords, remove_keywords;
};

/*
 * Apply a change to all messages uid_lo..uid_hi that there are.  Those that
 * have it already keep their modseq.  *changed_r, may be NULL: how many moved.
 */
enum sqb_err sqb_message_change_flags(struct sqb_store *st,
				      struct sqb_mailbox_id box,
				      uint32_t uid_lo, uint32_t uid_hi,
				      const struct sqb_flag_change *change,
				      uint64_t *changed_r);

/*
 * Expunge uid_lo..uid_hi, whatever their flags.  Missing ones are no error.
 * *expunged_r, may be NULL: how many there were.
 */
enum sqb_err sqb_message_expunge(struct sqb_store *st,
				 struct sqb_mailbox_id box, uint32_t uid_lo,
				 uint32_t uid_hi, uint64_t *expunged_r);

/*
 * The POP3 identity kept from another server: *uidl_r NULL if none, else to
 * free(); *order_r 0 if none.  SQB_NOTFOUND (an answer): no such message.
 */
enum sqb_err sqb_message_pop3(struct sqb_store *st, struct sqb_mailbox_id box,
			      uint32_t uid, char **uidl_r, uint32_t *order_r);

#endif
