/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_REMOTE_H
#define SQB_REMOTE_H

#include "common/message.h"

/*
 * What a store that is the replica of an account elsewhere knows of that
 * account.
 *
 * Beside the row of a mailbox or message stands how the server knows it, and
 * its base: the state that both sides last agreed on.  What differs from its
 * base was changed here and is still to be told to the server, by whichever
 * process it was changed: the difference is the queue.  So a remote row stays
 * when its mailbox or message goes: what is then left is an expunge to be told.
 *
 * RENAME of INBOX gives its id, and so its remote row, to the new name, and the
 * new INBOX has none: as with any mailbox, the difference is that name, and the
 * server's RENAME of INBOX does the same to its messages (RFC 9051 6.3.6).  A
 * mailbox with children that was deleted stays as \Noselect, and one of that
 * name that is made anew has the same id: either way its messages are gone.
 *
 * What changes something needs a write transaction (txn.h).  Of itself it
 * raises no modseq: a base is no change of the mailbox.
 */

/*
 * The account, as a URL without a password: "imaps://user@host:port".  A store
 * is the replica of one account for ever.
 * get: *url_r to free(); SQB_NOTFOUND (an answer): it is no replica.
 * set: SQB_EXISTS: it is that of another account, or holds mail of its own.
 */
enum sqb_err sqb_remote_account_get(struct sqb_store *st, char **url_r);
enum sqb_err sqb_remote_account_set(struct sqb_store *st, const char *url);

struct sqb_remote_mailbox {
	struct sqb_mailbox_id id; /* here; there may be none of it any more */
	const char *name;         /* as in the server's LIST, octet by octet */
	const char *path;         /* base: its name here (mailbox.h) */
	const char *mailboxid;    /* RFC 8474; "": the server has none */
	bool subscribed;          /* base */
	uint32_t uidvalidity;     /* 0: nothing was pulled yet, or (after a */
				  /* rescue) all is to be matched anew */
	uint32_t uidnext;         /* UIDs below it were pulled; 0: none */
	uint64_t highestmodseq;   /* changes up to it were pulled; 0: none */
	uint64_t pushed;          /* modseq here up to which all was told */
};

/*
 * Walk the remote mailboxes in the order of their ids, as in mailbox.h; the
 * strings die with the next call.
 */
struct sqb_remote_mailbox_iter *
sqb_remote_mailbox_iter_begin(struct sqb_store *st);
bool sqb_remote_mailbox_iter_next(struct sqb_remote_mailbox_iter *it,
				  struct sqb_remote_mailbox *box_r);
enum sqb_err sqb_remote_mailbox_iter_end(struct sqb_remote_mailbox_iter **it);

/* Of one of them.  SQB_NOTFOUND is an answer. */
enum sqb_err sqb_remote_mailbox_uidvalidity(struct sqb_store *st,
					    struct sqb_mailbox_id id,
					    uint32_t *uidvalidity_r);

/* Insert or replace the row of box->id. */
enum sqb_err sqb_remote_mailbox_set(struct sqb_store *st,
				    const struct sqb_remote_mailbox *box);
/* Forget it with the rows of its messages; the mailbox itself stays. */
enum sqb_err sqb_remote_mailbox_forget(struct sqb_store *st,
				       struct sqb_mailbox_id id);

enum sqb_remote_state {
	SQB_REMOTE_SYNCED,  /* remote_uid is known */
	SQB_REMOTE_SENDING, /* an APPEND may have arrived; remote_uid is the */
			    /* server's UIDNEXT before it: it is no lower */
	SQB_REMOTE_REFUSED, /* an APPEND was refused (error); not tried again */
			    /* until sqb_remote_retry() */
};

struct sqb_remote_message {
	uint32_t uid; /* here; there may be no such message any more */
	uint32_t remote_uid;
	enum sqb_remote_state state;
	unsigned int flags;           /* base: enum sqb_flags, or-ed */
	struct sqb_keywords keywords; /* base; more dies with the next call */
	struct sqb_body_id body;      /* what the message had or has */
	const char *error; /* REFUSED: the server's words, else NULL; dies */
			   /* with the next call */
};

/* By the UID here, and (SYNCED ones) there.  SQB_NOTFOUND is an answer. */
enum sqb_err sqb_remote_message_get(struct sqb_store *st,
				    struct sqb_mailbox_id box, uint32_t uid,
				    struct sqb_remote_message *msg_r);
enum sqb_err sqb_remote_message_find(struct sqb_store *st,
				     struct sqb_mailbox_id box,
				     uint32_t remote_uid,
				     struct sqb_remote_message *msg_r);

/* Insert or replace.  SQB_EXISTS: another has this remote_uid. */
enum sqb_err sqb_remote_message_set(struct sqb_store *st,
				    struct sqb_mailbox_id box,
				    const struct sqb_remote_message *msg);
/* Not there: no error. */
enum sqb_err sqb_remote_message_forget(struct sqb_store *st,
				       struct sqb_mailbox_id box, uint32_t uid);

/*
 * Walk the remote rows of a mailbox with UIDs here of uid_lo..uid_hi, in the
 * order of these; its SYNCED ones in the order of the server's UIDs; or those
 * of another state in the order of UIDs here.  error and more die with the next
 * call on the walk.
 */
struct sqb_remote_message_iter *
sqb_remote_message_iter_begin(struct sqb_store *st, struct sqb_mailbox_id box,
			      uint32_t uid_lo, uint32_t uid_hi);
struct sqb_remote_message_iter *
sqb_remote_message_iter_begin_remote(struct sqb_store *st,
				     struct sqb_mailbox_id box);
struct sqb_remote_message_iter *
sqb_remote_message_iter_begin_state(struct sqb_store *st,
				    struct sqb_mailbox_id box,
				    enum sqb_remote_state state);
bool sqb_remote_message_iter_next(struct sqb_remote_message_iter *it,
				  struct sqb_remote_message *msg_r);
enum sqb_err sqb_remote_message_iter_end(struct sqb_remote_message_iter **it);

/*
 * The difference: what is still to be told of a mailbox, O(changes).  Use
 * sqb_read_begin() around both walks and sqb_last_modseq(), which is what
 * pushed will be.
 *
 * changed: messages with modseq > since, in the order of UIDs, that have no
 * remote row (remote_r->uid 0), a SENDING one, or flags or keywords other than
 * their base.  A REFUSED one is not there.  Who forgets a row for its message
 * to be told again sets pushed back, too. gone: remote rows of any state whose
 * message was expunged with modseq > since (all whose message is gone if the
 * journal does not go back so far, or there is no such mailbox any more), in
 * the order of UIDs here.
 */
struct sqb_remote_changed_iter *
sqb_remote_changed_iter_begin(struct sqb_store *st, struct sqb_mailbox_id box,
			      uint64_t since);
bool sqb_remote_changed_iter_next(struct sqb_remote_changed_iter *it,
				  struct sqb_message *msg_r,
				  struct sqb_remote_message *remote_r);
enum sqb_err sqb_remote_changed_iter_end(struct sqb_remote_changed_iter **it);
struct sqb_remote_message_iter *
sqb_remote_gone_iter_begin(struct sqb_store *st, struct sqb_mailbox_id box,
			   uint64_t since);

/*
 * Where the server has this body: a SYNCED row of any mailbox, one whose
 * message is gone here first (gone_r: then it can be moved, else copied).
 * SQB_NOTFOUND is an answer.
 */
enum sqb_err sqb_remote_body_find(struct sqb_store *st, struct sqb_body_id body,
				  struct sqb_mailbox_id *box_r,
				  uint32_t *remote_uid_r, bool *gone_r);

/*
 * All REFUSED rows are forgotten, so that they are tried again: pushed is set
 * back for the walks above to find their messages.
 */
enum sqb_err sqb_remote_retry(struct sqb_store *st);

/* Figures for people. */
struct sqb_remote_counts {
	uint64_t absent;  /* bodies that were not fetched */
	uint64_t refused; /* messages */
};
enum sqb_err sqb_remote_counts(struct sqb_store *st,
			       struct sqb_remote_counts *counts_r);

/*
 * A message whose body is still at the server.  It has the size that the
 * server tells, and looks as a file as on the wire (CRLF).  Reading it is
 * SQB_ABSENT (an answer) until it is filled; sqb_body_info() knows no hdr_size
 * of it (0).  As sqb_message_append() else; SQB_LIMIT also: a size over
 * SQB_ABSENT_SIZE_MAX, so that no server can make the counters overflow.
 */
#define SQB_ABSENT_SIZE_MAX (UINT64_C(1) << 40)
enum sqb_err sqb_message_append_absent(struct sqb_store *st,
				       struct sqb_mailbox_id box,
				       uint64_t vsize,
				       const struct sqb_message_new *args,
				       uint32_t *uid_r);

/*
 * Fill an absent body from a finished writer, for all messages that share it.
 * If the server told a wrong size, the messages' sizes are mended, which is a
 * change of them.  SQB_EXISTS (an answer): it is not absent (any more).
 * SQB_NOTFOUND (an answer): no such message (any more).
 */
enum sqb_err sqb_message_fill(struct sqb_store *st, struct sqb_mailbox_id box,
			      uint32_t uid, struct sqb_body_writer *w);

/* Is any body absent? */
enum sqb_err sqb_absent_any(struct sqb_store *st, bool *any_r);

/*
 * Walk absent bodies that the server has, those with the latest date first, by
 * one of their messages: mailbox, UID here and there, size, INTERNALDATE.
 */
struct sqb_absent {
	struct sqb_mailbox_id box;
	uint32_t uid, remote_uid;
	uint64_t vsize;
	int64_t date;
};
struct sqb_absent_iter *sqb_absent_iter_begin(struct sqb_store *st);
bool sqb_absent_iter_next(struct sqb_absent_iter *it,
			  struct sqb_absent *absent_r);
enum sqb_err sqb_absent_iter_end(struct sqb_absent_iter **it);

#endif
