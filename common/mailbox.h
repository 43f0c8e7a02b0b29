/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_MAILBOX_H
#define SQB_MAILBOX_H

#include "common/store.h"

/*
 * Mailboxes: the folder tree of one store.
 *
 * A name is the full path, UTF-8, '/' between levels, none at its ends.  A
 * level is 1 to 255 octets of valid UTF-8, not "." or "..", without control
 * characters (U+0000-U+001F, U+007F-U+009F); a name is at most 4096 octets.
 * The first level INBOX is the same name in any case (RFC 3501 5.1) and is
 * kept in capitals.  Names are otherwise compared octet by octet.  How IMAP or
 * the kernel spells a name, and which separator it uses, is the caller's
 * business.
 *
 * A mailbox may hold messages and children.  A \Noselect one holds children
 * only; the missing parents of a new mailbox are made so.
 *
 * Functions that change anything need a write transaction (txn.h).  Strings
 * passed in are copied.
 */
struct sqb_mailbox_id { /* a row id that cannot be taken for another */
	int64_t n;      /* 1.. ; never reused; stays over rename */
};

#define SQB_GUID_SIZE 16
#define SQB_NAME_MAX 4096
#define SQB_LEVEL_MAX 255

/* Special-use attributes (RFC 6154). */
enum sqb_special_use {
	SQB_USE_ALL = 1 << 0,
	SQB_USE_ARCHIVE = 1 << 1,
	SQB_USE_DRAFTS = 1 << 2,
	SQB_USE_FLAGGED = 1 << 3,
	SQB_USE_JUNK = 1 << 4,
	SQB_USE_SENT = 1 << 5,
	SQB_USE_TRASH = 1 << 6,
	SQB_USE_IMPORTANT = 1 << 7, /* RFC 8457 */
};

struct sqb_mailbox_status {
	struct sqb_mailbox_id id;
	struct sqb_mailbox_id parent; /* n = 0: top level */
	uint8_t guid[SQB_GUID_SIZE];
	bool noselect;
	bool has_children;
	uint32_t uidvalidity;    /* never 0 */
	uint32_t uidnext;        /* >= 1; 0 after UID 2^32-1 was given out */
	uint32_t first_recent;   /* messages from this UID on are \Recent */
	uint64_t highestmodseq;  /* >= 1 */
	uint64_t vanished_floor; /* see changes.h */
	uint32_t messages, unseen;
	uint64_t vsize;           /* sum of RFC822.SIZE */
	unsigned int special_use; /* enum sqb_special_use, or-ed */
};

/* SQB_NOTFOUND is an answer.  Finds \Noselect mailboxes too. */
enum sqb_err sqb_mailbox_find(struct sqb_store *st, const char *name,
			      struct sqb_mailbox_id *id_r);

/* All figures of one mailbox, from one row.  SQB_NOTFOUND is an answer. */
enum sqb_err sqb_mailbox_status(struct sqb_store *st, struct sqb_mailbox_id id,
				struct sqb_mailbox_status *status_r);

/* Its full name, to free().  SQB_NOTFOUND is an answer. */
enum sqb_err sqb_mailbox_name(struct sqb_store *st, struct sqb_mailbox_id id,
			      char **name_r);

/* What a caller may ask of a new mailbox; zero or NULL: the store chooses. */
struct sqb_mailbox_create {
	const uint8_t *guid;  /* SQB_GUID_SIZE octets */
	uint32_t uidvalidity; /* raises the store's counter past it */
	uint32_t min_uidnext;
	uint32_t min_first_recent;
	uint64_t min_modseq;
	bool noselect;
};

/*
 * Create a mailbox and its missing parents.  A \Noselect one of that name
 * becomes an ordinary one (with a new UIDVALIDITY).
 * SQB_EXISTS: the name is taken.  SQB_INVALID: it breaks the name rules.
 * UIDVALIDITY comes from one counter of the store that only grows (I2).
 */
enum sqb_err sqb_mailbox_create(struct sqb_store *st, const char *name,
				const struct sqb_mailbox_create *args,
				struct sqb_mailbox_id *id_r);

/*
 * Delete a mailbox with its messages, names and attributes.  One with children
 * stays as \Noselect.  A \Noselect one with children: SQB_INVALID.  INBOX:
 * SQB_INVALID.  Subscriptions stay.
 */
enum sqb_err sqb_mailbox_delete(struct sqb_store *st, struct sqb_mailbox_id id);

/*
 * Rename with all inferiors; ids, UIDs and UIDVALIDITY stay.  Missing parents
 * are made.  SQB_EXISTS: the new name is taken.  SQB_INVALID: it breaks the
 * name rules or lies below the mailbox itself.
 * INBOX (RFC 3501 6.3.5): its messages go to the new name, under their UIDs
 * and UIDVALIDITY (so its id goes there, too: find INBOX by its name); a new
 * empty INBOX takes its place and keeps its inferiors.
 */
enum sqb_err sqb_mailbox_rename(struct sqb_store *st, struct sqb_mailbox_id id,
				const char *new_name);

/* Change properties (dsync does); members as in create, plus: */
struct sqb_mailbox_update {
	const uint8_t *guid;
	uint32_t uidvalidity; /* new one: a client must forget all UIDs */
	uint32_t min_uidnext;
	uint32_t first_recent; /* 0 = keep; may only grow; has no modseq */
	uint64_t min_modseq;
	bool set_special_use;
	unsigned int special_use;
};
enum sqb_err sqb_mailbox_update(struct sqb_store *st, struct sqb_mailbox_id id,
				const struct sqb_mailbox_update *update);

struct sqb_mailbox_info {
	struct sqb_mailbox_status status;
	const char *name; /* foreign: full path, dies with the next call */

	/* By level only, else 0: */
	uint32_t children;
	int64_t last_saved; /* save date of the newest message; 0: none */
};

/*
 * Walk all mailboxes, a parent before its children, siblings in octet order.
 * The walk sees the tree as it was at begin.  next() returns false at the end
 * and on failure; end() tells which, frees the walk and clears the pointer.
 */
struct sqb_mailbox_iter *sqb_mailbox_iter_begin(struct sqb_store *st);
bool sqb_mailbox_iter_next(struct sqb_mailbox_iter *it,
			   struct sqb_mailbox_info *info_r);
enum sqb_err sqb_mailbox_iter_end(struct sqb_mailbox_iter **it);

/* Can a level of a name be called so? */
bool sqb_mailbox_level_ok(const char *level);

/*
 * By level, as a file system asks.  parent.n = 0: top level.  Names are
 * compared octet by octet: INBOX is found by this spelling only.
 * SQB_NOTFOUND is an answer.
 */
enum sqb_err sqb_mailbox_child(struct sqb_store *st,
			       struct sqb_mailbox_id parent, const char *level,
			       struct sqb_mailbox_id *id_r);

/*
 * What the walk of children says of one mailbox, or of the root for id 0;
 * info_r->name is NULL.  SQB_NOTFOUND is an answer.
 */
enum sqb_err sqb_mailbox_info_get(struct sqb_store *st,
				  struct sqb_mailbox_id id,
				  struct sqb_mailbox_info *info_r);

/*
 * Walk the children of a mailbox with ids above after.n, in the order of their
 * ids.  info_r->name is the child's own level, not the full path.
 */
struct sqb_child_iter *sqb_child_iter_begin(struct sqb_store *st,
					    struct sqb_mailbox_id parent,
					    struct sqb_mailbox_id after);
bool sqb_child_iter_next(struct sqb_child_iter *it,
			 struct sqb_mailbox_info *info_r);
enum sqb_err sqb_child_iter_end(struct sqb_child_iter **it);

/*
 * Mailboxes with highestmodseq > since, wherever they are, in the order of
 * their ids: the same walk.  Those with other messages, flags or file names,
 * and new ones.  Of what was renamed, moved or deleted the tree's modseq tells,
 * not this.
 */
struct sqb_child_iter *sqb_changed_mailbox_iter_begin(struct sqb_store *st,
						      uint64_t since);

/* Of the mailboxes with this use, the oldest.  SQB_NOTFOUND is an answer. */
enum sqb_err sqb_mailbox_find_use(struct sqb_store *st,
				  enum sqb_special_use use,
				  struct sqb_mailbox_id *id_r);

/*
 * The modseq of the last change of tree (create, rename, delete, special-use),
 * subscriptions or attributes.
 */
enum sqb_err sqb_tree_modseq(struct sqb_store *st, uint64_t *modseq_r);

/* The highest modseq that was given out: if it is the same, nothing is new. */
enum sqb_err sqb_last_modseq(struct sqb_store *st, uint64_t *modseq_r);

#endif
