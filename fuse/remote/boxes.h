/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_BOXES_H
#define REM_BOXES_H

#include "common/remote.h"
#include "fuse/imap/data.h"

/*
 * The mailboxes of the account in memory: the rows of common/remote.h, what
 * the server's LIST and STATUS said last, and how they are here.
 */
struct rem_listed {
	char *name, *path;  /* own; there, here */
	unsigned int flags; /* enum imap_list_flags, or-ed */
	bool has_status;
	uint32_t messages, uidnext, uidvalidity;
	uint64_t highestmodseq;
	char *mailboxid; /* own; NULL: not told */
	bool taken;      /* a row has it */
	bool twin;       /* another has the same path */
};

struct rem_box {
	struct sqb_remote_mailbox row; /* its strings are those below */
	char *name, *path, *mailboxid; /* own */
	struct rem_listed *listed;     /* foreign; NULL: not there */

	/* here */
	bool exists, noselect;
	bool subscribed;
	char *here; /* own: its path; NULL: it does not exist */
	uint64_t highestmodseq;
	uint32_t messages;
	unsigned int special_use;

	bool made;       /* at the server, in this round */
	bool pulled;     /* in this pass */
	bool unsettled;  /* pull it again: something was not clear */
	bool none_above; /* no row is of a UID that was not pulled */
	bool alone;      /* and then nothing else at the time */
	char *error;     /* own: what went wrong last, or NULL */
};

struct rem_boxes {
	struct rem_box **list; /* own; in the order of their ids */
	size_t count, alloc;
};

void rem_boxes_free(struct rem_boxes *boxes);
/* Load the rows, and how the mailboxes are here.  Errors are kept. */
enum sqb_err rem_boxes_load(struct sqb_store *st, struct rem_boxes *boxes);
/* The same for one of them: its figures here. */
enum sqb_err rem_box_look(struct sqb_store *st, struct rem_box *box);

/* And again, which of them are subscribed here. */
enum sqb_err rem_boxes_look_subscribed(struct sqb_store *st,
				       struct rem_boxes *boxes);

struct rem_box *rem_boxes_add(struct rem_boxes *boxes);
void rem_boxes_remove(struct rem_boxes *boxes, struct rem_box *box);
/* In the order of their ids again, after some were added. */
void rem_boxes_sort(struct rem_boxes *boxes);
struct rem_box *rem_box_by_id(const struct rem_boxes *boxes,
			      struct sqb_mailbox_id id);
struct rem_box *rem_box_by_path(const struct rem_boxes *boxes,
				const char *path);

void rem_box_set_name(struct rem_box *box, const char *name, const char *path);
void rem_box_set_error(struct rem_box *box, const char *text);
/* Write the row. */
enum sqb_err rem_box_save(struct sqb_store *st, struct rem_box *box);

#endif
