/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_VIEW_H
#define REM_VIEW_H

#include "fuse/imap/data.h"
#include "fuse/remote/boxes.h"
#include "fuse/remote/merge.h"

/*
 * What the server tells of the mailbox that is selected, whatever command is
 * running: collected here, in memory of limited size, and put into the store
 * in batches (apply.h).
 */

/* One message, as far as it was told. */
struct rem_seen {
	uint32_t uid;
	bool has_flags, has_size, has_date;
	unsigned int flags; /* enum sqb_flags */
	char *keywords;     /* own: names with a space after each; NULL: none */
	uint64_t size;
	int64_t date;
};

struct rem_range {
	uint32_t lo, hi;
};
struct rem_ranges {
	struct rem_range *list; /* own */
	size_t count, alloc;
};
void rem_ranges_add(struct rem_ranges *ranges, uint32_t lo, uint32_t hi);
void rem_ranges_sort(struct rem_ranges *ranges); /* and join */
bool rem_ranges_have(const struct rem_ranges *sorted, uint32_t uid);
uint64_t rem_ranges_size(const struct rem_ranges *ranges);
void rem_ranges_free(struct rem_ranges *ranges);
/* "1:3,7", to free(); NULL if empty. */
char *rem_ranges_text(const struct rem_ranges *ranges);

struct rem_view {
	struct rem_box *box;           /* foreign; NULL: none is selected */
	uint32_t uidvalidity, uidnext; /* 0: not told */
	uint64_t highestmodseq;        /* 0: not told, or NOMODSEQ */
	bool readonly;
	bool any_keyword; /* PERMANENTFLAGS has \*, or was not told */
	bool has_permanent;
	unsigned int permanent;   /* enum sqb_flags that it keeps */
	char *permanent_keywords; /* own: as rem_seen's, or NULL */

	struct rem_seen *seen; /* own */
	size_t seen_count, seen_alloc;
	struct rem_seen *held; /* own: may be what we sent (apply.h) */
	size_t held_count, held_alloc;
	struct rem_ranges vanished;
	struct rem_ranges found; /* by SEARCH, or all FETCHed if listing */
	struct rem_ranges copied_from, copied_to; /* COPYUID, in its order */
	uint32_t copied_validity;
	uint32_t exists; /* messages, as far as it was told */
	bool search_broken;
	bool expunged;     /* EXPUNGE, by a number we do not map */
	bool arrived;      /* a message we know too little of */
	bool listing;      /* the UIDs FETCHed are the mailbox's list */
	bool keep;         /* do not apply seen in batches: rebuild.c */
	bool ignore;       /* FETCHes are answers to what is of no use now */
	uint32_t last_uid; /* the highest that was told with its size */
};

void rem_view_clear(struct rem_view *view);
/* Drop what was seen, keep the rest. */
void rem_view_drop_seen(struct rem_view *view);
/* false: not of the selected mailbox. */
bool rem_view_take(struct rem_view *view, const struct imap_response *response);
/* Something that is not in the store yet? */
bool rem_view_has_told(const struct rem_view *view);
/* Does the server keep this keyword?  Names are compared in any case. */
bool rem_view_keeps(const struct rem_view *view, const char *keyword);

#endif
