/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_MESSAGE_PRIVATE_H
#define SQB_MESSAGE_PRIVATE_H

#include "common/entry.h"
#include "common/keyword-private.h"
#include "common/message.h"

/* For the files of common/ only: message rows. */

/* Bits of message.flags beside SQB_FLAGS_ALL and SQB_FLAG_MORE. */
#define SQB_FLAG_POP3 64

/* What "message" rows are read as; the order of sqb_message_read(). */
#define SQB_MESSAGE_COLUMNS SQB_MESSAGE_COLUMNS_OF("")
#define SQB_MESSAGE_COLUMNS_OF(t) \
	t "uid, " t "flags, " t "keywords, " t "modseq, " t "date, " t \
	  "save_date, " t "vsize, " t "psize, " t "body_id"
#define SQB_MESSAGE_COLUMN_COUNT 9

/*
 * Fill in a message from such a row; its further keywords, if it has any, are
 * read into more.  row_flags_r, may be NULL: all bits of the flags column.
 */
enum sqb_err sqb_message_read(struct sqb_store *st, sqlite3_stmt *q,
			      int64_t box, struct sqb_more *more,
			      struct sqb_message *msg_r,
			      unsigned int *row_flags_r);

/*
 * A walk over the rows that sql selects: SQB_MESSAGE_COLUMNS, with the
 * mailbox as ?1 and a and b as ?2 and ?3.
 */
struct sqb_message_iter *sqb_message_iter_new(struct sqb_store *st,
					      const char *sql,
					      struct sqb_mailbox_id box,
					      uint64_t a, uint64_t b);

/* May a message have this name as a file (entry.c)? */
bool sqb_entry_name_ok(const char *name);

/* What is done beside deleting message rows. */
enum sqb_remove {
	SQB_REMOVE_BODIES = 1 << 0,  /* their bodies have a message less */
	SQB_REMOVE_JOURNAL = 1 << 1, /* and the journal says so */
};

/*
 * Delete the message rows uid_lo..uid_hi with all that hangs on them, and
 * bring the mailbox's counters up to date.
 */
enum sqb_err sqb_rows_remove(struct sqb_store *st, struct sqb_mailbox_id box,
			     uint32_t uid_lo, uint32_t uid_hi,
			     unsigned int what, uint64_t *count_r);

/*
 * References to bodies (body-refs.c).  link(): one message more; SQB_NOTFOUND,
 * without a message: there is no such body any more.  unlink(): one less; the
 * last one leaves it to sqb_purge().
 */
enum sqb_err sqb_body_link(struct sqb_store *st, struct sqb_body_id id);
enum sqb_err sqb_body_unlink(struct sqb_store *st, struct sqb_body_id id);

/* As unlink(), where body_shared is known to be empty. */
enum sqb_err sqb_body_unlink_last(struct sqb_store *st, struct sqb_body_id id);
enum sqb_err sqb_body_any_shared(struct sqb_store *st, bool *any_r);

#endif
