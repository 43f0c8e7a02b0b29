/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_BODIES_H
#define REM_BODIES_H

#include "fuse/remote/sync.h"

/*
 * Bodies from the server into the store: many by one command, and put into the
 * store several at a time.
 */
struct rem_wanted {
	struct sqb_mailbox_id box; /* the message here whose body it is */
	uint32_t uid;
	uint32_t remote_uid; /* in the mailbox that it is fetched from */
	uint64_t size;       /* as far as it is known */
	enum { REM_UNASKED, REM_MISSING, REM_GOT } state;
};

/* So many are fetched in a row, and of about so many octets. */
#define REM_WANTED_MAX 1024
#define REM_WANTED_OCTETS (8 << 20)

/*
 * Fetch them from a mailbox of the account, the last of the list first.  What
 * the server does not send it is asked for once more, then it stays
 * REM_MISSING.  Leaves off when sync->leave_off says so; what was asked for
 * until then comes, the rest stays REM_UNASKED.
 */
bool rem_fetch_bodies(struct rem_sync *sync, struct sqb_mailbox_id from,
		      struct rem_wanted *list, size_t count);

/*
 * Where the server has the body of a message here.  *found_r false: nowhere,
 * or it is not absent any more: *absent_r.
 */
bool rem_find_body(struct rem_sync *sync, struct sqb_mailbox_id box,
		   uint32_t uid, struct sqb_mailbox_id *from_r,
		   struct rem_wanted *wanted_r, bool *found_r, bool *absent_r);

/*
 * The next ones that are absent, newest first, of one mailbox, not older than
 * the time since (0: all).  And those of a mailbox after a UID, in its order.
 * A list has room for REM_WANTED_MAX; the second, for max.
 */
bool rem_next_absent(struct rem_sync *sync, int64_t since,
		     struct sqb_mailbox_id *from_r, struct rem_wanted *list,
		     size_t *count_r);
bool rem_absent_after(struct rem_sync *sync, struct sqb_mailbox_id box,
		      uint32_t after, size_t max, struct rem_wanted *list,
		      size_t *count_r);

/* Fetch all that are wanted unasked: for a pass without threads. */
bool rem_fetch_absent(struct rem_sync *sync, int64_t since);

/* What the server does not send is not asked for again by this connection. */
void rem_give_up(struct rem_sync *sync, struct sqb_mailbox_id box,
		 uint32_t uid);
bool rem_is_given_up(const struct rem_sync *sync, struct sqb_mailbox_id box,
		     uint32_t uid);

/* Handlers of what the server sends (sync.c). */
void rem_fetch_begin(struct rem_fetch *fetch);
void rem_fetch_data(struct rem_fetch *fetch, const void *data, size_t size);
void rem_fetch_end(struct rem_fetch *fetch, bool complete);
void rem_fetch_uid(struct rem_fetch *fetch, uint32_t uid,
		   const struct imap_value *part);

#endif
