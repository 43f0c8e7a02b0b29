/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_PUSH_H
#define REM_PUSH_H

#include "fuse/remote/sync.h"

/*
 * What was done to messages here, told to the server.  First what is new, in
 * all mailboxes: what was moved is still at its old place then.  After that
 * flags and expunges.
 */
bool rem_push_new(struct rem_sync *sync, struct rem_box *box);
bool rem_push_changes(struct rem_sync *sync, struct rem_box *box);

/* New messages whose octets the server does not have (push-append.c). */
bool rem_push_appends(struct rem_sync *sync, struct rem_box *box,
		      struct rem_change **list, size_t count);

/*
 * The rows of messages that are going to be sent: from now on what arrives may
 * be one of them.
 */
bool rem_push_sending(struct rem_sync *sync, struct rem_box *box,
		      struct rem_change *const *list, size_t count);
/*
 * They were: remote_uid is known; 0: it is not, and is made so where it cannot
 * be true.  Those are held: nothing may go elsewhere until they were seen.
 */
bool rem_push_sent(struct rem_sync *sync, struct rem_box *box,
		   struct rem_change *const *list, size_t count);
/*
 * Was it answered with OK, without a UID?  Who asks has looked for it since, in
 * vain: the answer is given once.
 */
bool rem_push_was_answered(struct rem_sync *sync, const struct rem_box *box,
			   uint32_t uid);
/* They were refused: kept here, and not tried again until asked for. */
bool rem_push_refused(struct rem_sync *sync, struct rem_box *box,
		      struct rem_change *const *list, size_t count,
		      const char *why);

/* Will it be the same another time?  By the code of a NO. */
bool rem_is_temporary(const struct imap_response *response);

/*
 * Flags and keywords of a set that the server keeps in the selected mailbox, in
 * words with spaces between, to free(); *kept_r, may be NULL: the set of them.
 */
char *rem_flags_text(struct rem_sync *sync, const struct rem_flags *set,
		     struct rem_flags *kept_r);

/*
 * Bodies that something here needs, which the server has not taken: what it has
 * of them stays there.  All that it has refused, and one more.
 */
bool rem_hold_refused(struct rem_sync *sync);
void rem_hold_body(struct rem_sync *sync, struct sqb_body_id body);
bool rem_is_held(const struct rem_sync *sync, struct sqb_body_id body);

#endif
