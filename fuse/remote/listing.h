/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_LISTING_H
#define REM_LISTING_H

#include "fuse/remote/sync.h"

/*
 * The server's list of mailboxes, with their STATUS where it gives that along.
 */
struct rem_listing {
	struct rem_listed *list; /* own */
	size_t count, alloc;
	size_t status_next; /* where the next STATUS is looked for first */
	char delimiter;     /* 0: not told, or flat */
	bool utf8;          /* names are UTF-8 */
	bool lsub;          /* LIST data are of LSUB */
	uint32_t max, dropped;
	bool broken_names; /* there are some that cannot be shown */
};

/* Ask.  INBOX may be selected by commands that were sent before. */
struct rem_listing_commands {
	unsigned int noop, list, lsub;
};
void rem_listing_send(struct rem_sync *sync,
		      struct rem_listing_commands *commands_r);
bool rem_listing_end(struct rem_sync *sync,
		     const struct rem_listing_commands *commands,
		     struct rem_listing *listing, bool *ok_r);
void rem_listing_free(struct rem_listing *listing);

/* By name, as the server has it. */
struct rem_listed *rem_listing_find(struct rem_listing *listing,
				    const char *name);

/* The handler of what the server sends; false: it is none of this. */
bool rem_listing_take(struct rem_listing *listing,
		      const struct imap_response *response);

#endif
