/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_DATA_H
#define IMAP_DATA_H

#include "fuse/imap/response.h"

/*
 * What the untagged responses that we know say.  All pointers are foreign: they
 * die with the response.  false: the response is not one of this kind, or is
 * broken; the output is then undefined.  A number that is out of its range, or
 * 0 where 0 is none, counts as not told.
 */

/* "* n FETCH (...)", RFC 3501 7.4.2, RFC 7162, RFC 8474. */
struct imap_fetch {
	uint32_t seq;
	uint32_t uid; /* 0: it was not told */
	bool has_flags;
	const struct imap_value *flags; /* first of the list, or NULL */
	uint64_t modseq;                /* 0: not told */
	bool has_size;
	uint64_t size; /* RFC822.SIZE */
	bool has_date;
	int64_t date;        /* INTERNALDATE, unix seconds */
	const char *emailid; /* or Gmail's X-GM-MSGID; NULL: not told */
	const struct imap_value *part; /* of type PART; NULL: none, or NIL */
};
bool imap_fetch_get(const struct imap_response *response,
		    struct imap_fetch *fetch_r);
/* The same of the LIST that a struct imap_sink is given; seq is 0. */
bool imap_fetch_items(const struct imap_value *list,
		      struct imap_fetch *fetch_r);

/* "* LIST", "* LSUB" (RFC 3501 7.2.2, RFC 5258, RFC 6154). */
enum imap_list_flags {
	IMAP_LIST_NOSELECT = 1 << 0,
	IMAP_LIST_NONEXISTENT = 1 << 1, /* with NOSELECT */
	IMAP_LIST_NOINFERIORS = 1 << 2,
	IMAP_LIST_SUBSCRIBED = 1 << 3,
	/* special-use, in the order of common/mailbox.h's bits */
	IMAP_LIST_ALL = 1 << 8,
	IMAP_LIST_ARCHIVE = 1 << 9,
	IMAP_LIST_DRAFTS = 1 << 10,
	IMAP_LIST_FLAGGED = 1 << 11,
	IMAP_LIST_JUNK = 1 << 12,
	IMAP_LIST_SENT = 1 << 13,
	IMAP_LIST_TRASH = 1 << 14,
	IMAP_LIST_IMPORTANT = 1 << 15,
};
struct imap_list {
	unsigned int flags;   /* enum imap_list_flags, or-ed */
	char delimiter;       /* 0: flat */
	const char *name;     /* octets as sent */
	size_t name_size;     /* may hold NUL, if the server is broken */
	const char *old_name; /* OLDNAME (RFC 5465), or NULL */
};
bool imap_list_get(const struct imap_response *response,
		   struct imap_list *list_r);

/* "* STATUS name (...)" (RFC 3501 7.2.4, RFC 7162, RFC 8474). */
struct imap_status_data {
	const char *name;
	size_t name_size;
	bool has_messages, has_unseen;
	uint32_t messages, unseen;
	uint32_t uidnext, uidvalidity; /* 0: not told */
	uint64_t highestmodseq;        /* 0: not told */
	const char *mailboxid;         /* NULL: not told */
};
bool imap_status_get(const struct imap_response *response,
		     struct imap_status_data *status_r);

/*
 * Sets of UIDs, in the order sent, lo <= hi: "* VANISHED (EARLIER) 1:5,7", "*
 * ESEARCH
 * ... ALL 1:5", "* SEARCH 1 2", "[COPYUID v from to]", "[APPENDUID v u]",
 * "[MODIFIED set]".  next() returns false at the end and when it is broken:
 * then *broken is true.
 */
struct imap_uidset {
	const char *text;              /* a set; or */
	const struct imap_value *list; /* numbers */
	bool broken;
};
bool imap_uidset_next(struct imap_uidset *set, uint32_t *lo_r, uint32_t *hi_r);
bool imap_vanished_get(const struct imap_response *response, bool *earlier_r,
		       struct imap_uidset *set_r);
bool imap_search_get(const struct imap_response *response,
		     struct imap_uidset *set_r);

/* "[COPYUID uidvalidity from to]" (RFC 4315), of OK or of "* OK". */
bool imap_copyuid_get(const struct imap_response *response,
		      uint32_t *uidvalidity_r, struct imap_uidset *from_r,
		      struct imap_uidset *to_r);
bool imap_appenduid_get(const struct imap_response *response,
			uint32_t *uidvalidity_r, uint32_t *uid_r);
/* "[MODIFIED set]" (RFC 7162). */
bool imap_modified_get(const struct imap_response *response,
		       struct imap_uidset *set_r);

#endif
