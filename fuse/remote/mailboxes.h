/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_MAILBOXES_H
#define REM_MAILBOXES_H

#include "fuse/remote/listing.h"

/*
 * The tree of mailboxes, subscriptions and special uses, both ways.  The
 * server's names win.
 */

/*
 * What the listing has that is new, renamed or gone.  Loads sync->boxes, whose
 * ->listed then point into the listing.
 */
bool rem_mailboxes_pull(struct rem_sync *sync, struct rem_listing *listing);

/* Tell what was made and renamed here, and subscribed (mailboxes-push.c). */
bool rem_mailboxes_push(struct rem_sync *sync, struct rem_listing *listing);

/* Tell what was deleted here: after all that was moved out of it. */
bool rem_mailboxes_delete(struct rem_sync *sync);

#endif
