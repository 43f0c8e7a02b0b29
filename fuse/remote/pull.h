/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_PULL_H
#define REM_PULL_H

#include "fuse/remote/sync.h"

/*
 * One mailbox from the server into the store.
 *
 * The commands of several mailboxes may be sent before the first is answered;
 * they are ended in the same order.
 */
struct rem_pull {
	struct rem_box *box;                       /* foreign */
	unsigned int select, fetch, flags, search; /* commands; 0: none */
	bool qresync;
};
void rem_pull_send(struct rem_sync *sync, struct rem_box *box,
		   struct rem_pull *pull_r);
bool rem_pull_end(struct rem_sync *sync, const struct rem_pull *pull);

static inline bool rem_pull_box(struct rem_sync *sync, struct rem_box *box)
{
	struct rem_pull pull;

	rem_pull_send(sync, box, &pull);
	return rem_pull_end(sync, &pull);
}

/* Select it if it is not, without looking for what is new. */
bool rem_select(struct rem_sync *sync, struct rem_box *box);

/* Select INBOX: a mailbox that is selected should not be deleted or renamed. */
bool rem_leave(struct rem_sync *sync);

/*
 * The list of all UIDs of the selected mailbox, sorted.  *ok_r: the server
 * gave one.
 */
bool rem_list_uids(struct rem_sync *sync, struct rem_ranges *uids, bool *ok_r);

/*
 * All over again, for a mailbox whose UIDs mean something else than before
 * (rebuild.c); went_back: it is the same, from an older copy of it.
 */
bool rem_rebuild(struct rem_sync *sync, bool went_back);

#endif
