/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_CLIENT_PRIVATE_H
#define IMAP_CLIENT_PRIVATE_H

#include <stdint.h>

#include "fuse/imap/client.h"

/* Times are of the monotonic clock, in milliseconds. */
#define IMAP_TIMEOUT (60 * 1000)
/* An answer may take this many timeouts, and a millisecond for each octet: a
   server that keeps us with an octet now and then is not waited for. */
#define IMAP_PATIENCE 10
/* Larger literals are asked for first, even where they need not be: who has no
   room for a message says so before it is sent. */
#define IMAP_LITERAL_UNASKED (1 << 20)
#define IMAP_INPUT_SIZE (64 * 1024)

/* A tagged response that outlives the parser's. */
struct imap_answer;
struct imap_answer *imap_answer_copy(const struct imap_response *response);
const struct imap_response *imap_answer_response(const struct imap_answer *a);

/* A command that was sent and has not been waited for. */
struct imap_pending {
	unsigned int n;
	bool forgotten;             /* and will not be */
	struct imap_answer *answer; /* own; NULL: it has not come */
};

struct imap_client {
	struct imap_transport *transport; /* own */
	struct imap_parser *parser;       /* own */
	struct imap_handler handler;
	struct imap_wake *wake;     /* foreign: the transport's, or own_wake */
	struct imap_wake *own_wake; /* own, or NULL */

	enum imap_err err;    /* not IMAP_OK: the connection is of no use */
	unsigned int timeout; /* how long a wait for an octet may take */
	char *why;            /* own; never NULL */

	uint64_t offered, enabled; /* enum imap_capability, or-ed */

	/* Octets that came and were not looked at: in[in_at .. in_end). */
	char *in; /* own */
	size_t in_at, in_end;
	/* Octets to be sent: out[0 .. out_size). */
	char *out; /* own */
	size_t out_size;
	uint64_t literal_left; /* octets of the literal that is being sent */

	struct imap_pending *pending; /* own */
	size_t pending_count, pending_alloc;
	struct imap_answer *answer; /* own: what wait() returned last */
	unsigned int last;          /* number of the command begun last */
	unsigned int waited_upto;   /* up to here, round trips were counted */

	uint64_t news; /* responses so far that tell something */
	int64_t last_sent;
	unsigned int poll_every, renew_every; /* of IDLE */

	bool woken;      /* heard, and no wait has returned it */
	bool leaving;    /* LOGOUT was sent */
	bool skip;       /* the command being sent is over already */
	bool wants;      /* "+" is expected */
	bool granted;    /* and has come */
	bool no_idle;    /* it is offered and refused */
	bool compressed; /* the transport counts octets */
	struct imap_traffic traffic;
};

int64_t imap_now(void);

/* Record a failure, the first one for good; returns err. */
enum imap_err imap_fail(struct imap_client *client, enum imap_err err,
			const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Replace what why() says. */
void imap_say(struct imap_client *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The command is under way; its answer can be waited for. */
void imap_expect(struct imap_client *client, unsigned int n);
struct imap_pending *imap_find(struct imap_client *client, unsigned int n);
/* Nobody is going to wait for it. */
void imap_forget(struct imap_client *client, unsigned int n);

/* Send all of out; octets that come meanwhile are handled. */
void imap_flush(struct imap_client *client);
/* Handle the next response that came; false: there is none, or a failure. */
bool imap_handle_one(struct imap_client *client);
/* Take octets that are there; false: there are none, or a failure. */
bool imap_receive(struct imap_client *client);
/*
 * Until octets can be had (for_write: or sent), it is woken, or that time has
 * come: false only for the last, or when the client has failed.
 */
bool imap_block(struct imap_client *client, bool for_write, int64_t until);
/*
 * Until the answer to n has come, or, may_grant, a "+".  IMAP_INTERRUPTED only
 * where may_interrupt.
 */
enum imap_err imap_await(struct imap_client *client, unsigned int n,
			 bool may_grant, bool may_interrupt);

/* As imap_command_wait(), and a ring does not end it. */
enum imap_err imap_finish(struct imap_client *client, unsigned int n);

/* "* CAPABILITY", "* ENABLED", "[CAPABILITY ...]". */
void imap_note_capabilities(struct imap_client *client,
			    const struct imap_value *names);
void imap_note_enabled(struct imap_client *client,
		       const struct imap_value *names);

#endif
