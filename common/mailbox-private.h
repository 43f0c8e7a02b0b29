/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_MAILBOX_PRIVATE_H
#define SQB_MAILBOX_PRIVATE_H

#include "common/mailbox.h"
#include "common/store-private.h"

/* The root of the tree, whose row is also that of the account. */
#define SQB_ROOT 0

/* A name cut into its levels, from the left. */
struct sqb_level {
	const char *name; /* foreign: in the path, or "INBOX" */
	int len;          /* octets */
	const char *rest; /* foreign: what follows; NULL at the last level */
};

/* One level, or a whole name, by the rules of mailbox.h. */
bool sqb_level_ok(const char *name, size_t len);
bool sqb_name_ok(const char *name);

/* SQB_INVALID with a sentence, or SQB_OK. */
enum sqb_err sqb_name_check(struct sqb_store *st, const char *name);

/* Of a name that is ok: its first level; the one after. */
void sqb_level_first(const char *name, struct sqb_level *level_r);
void sqb_level_next(struct sqb_level *level);

/* A copy with INBOX in capitals. */
char *sqb_name_dup(const char *name);

/* SQB_NOTFOUND is an answer. */
enum sqb_err sqb_child_find(struct sqb_store *st, int64_t parent,
			    const struct sqb_level *level, int64_t *id_r);

/*
 * Walk to the last level of a name that is ok, making \Noselect mailboxes of
 * what is missing on the way.
 */
enum sqb_err sqb_parents_make(struct sqb_store *st, const char *name,
			      int64_t *parent_r, struct sqb_level *last_r);

/* Insert a mailbox row.  SQB_EXISTS: the name is taken. */
enum sqb_err sqb_mailbox_insert(struct sqb_store *st, int64_t parent,
				const struct sqb_level *level,
				const struct sqb_mailbox_create *args,
				int64_t *id_r);

/* The status of a mailbox that must exist, and is its name INBOX? */
enum sqb_err sqb_mailbox_need(struct sqb_store *st, struct sqb_mailbox_id id,
			      struct sqb_mailbox_status *status_r,
			      bool *inbox_r);

/* Columns of "mailbox m" and how they become a status, has_children apart. */
#define SQB_STATUS_COLUMNS \
	"m.id, m.parent_id, m.guid, m.noselect, m.uidvalidity, m.uidnext," \
	" m.first_recent, m.highestmodseq, m.vanished_floor, m.messages," \
	" m.unseen, m.vsize, m.special_use"
#define SQB_STATUS_COLUMN_COUNT 13
void sqb_status_fill(sqlite3_stmt *q, struct sqb_mailbox_status *status);

#endif
