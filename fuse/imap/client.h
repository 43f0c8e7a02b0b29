/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_CLIENT_H
#define IMAP_CLIENT_H

#include "fuse/imap/data.h"
#include "fuse/imap/transport.h"

/*
 * A connection to an IMAP server: commands out, responses in.
 *
 * Untagged data goes to one handler, whatever command is running (RFC 3501
 * 5.2).  Commands may be sent before earlier ones are answered.  One thread
 * uses a client at a time; imap_client_interrupt() may come from any.  Every
 * wait ends after the transport's timeout without an octet, and when it is
 * interrupted.
 *
 * After IMAP_LOST and IMAP_PROTOCOL the connection is of no use: all that
 * follows fails likewise.  The handler is also called while a command is being
 * sent; it gives none itself.
 */

enum imap_err {
	IMAP_OK = 0,
	IMAP_NO,          /* the server refused it; an answer */
	IMAP_BAD,         /* the server does not understand it */
	IMAP_LOST,        /* no connection (any more), or the deadline passed */
	IMAP_AUTH,        /* user or password are wrong, or none is offered */
	IMAP_TLS,         /* certificate or host name are wrong, no TLS */
	IMAP_PROTOCOL,    /* what the server sends is not IMAP */
	IMAP_INTERRUPTED, /* imap_client_interrupt(); may be waited for again */
};
/* "lost", for messages. */
const char *imap_err_name(enum imap_err err);

enum imap_capability {
	IMAP_CAP_IMAP4REV1 = 1 << 0,
	IMAP_CAP_IMAP4REV2 = 1 << 1,
	IMAP_CAP_ENABLE = 1 << 2,
	IMAP_CAP_ID = 1 << 3,
	IMAP_CAP_NAMESPACE = 1 << 4,
	IMAP_CAP_LIST_EXTENDED = 1 << 5,
	IMAP_CAP_LIST_STATUS = 1 << 6,
	IMAP_CAP_SPECIAL_USE = 1 << 7,
	IMAP_CAP_CONDSTORE = 1 << 8,
	IMAP_CAP_QRESYNC = 1 << 9,
	IMAP_CAP_ESEARCH = 1 << 10,
	IMAP_CAP_UIDPLUS = 1 << 11,
	IMAP_CAP_MOVE = 1 << 12,
	IMAP_CAP_LITERAL_PLUS = 1 << 13,
	IMAP_CAP_LITERAL_MINUS = 1 << 14,
	IMAP_CAP_MULTIAPPEND = 1 << 15,
	IMAP_CAP_IDLE = 1 << 16,
	IMAP_CAP_NOTIFY = 1 << 17,
	IMAP_CAP_COMPRESS_DEFLATE = 1 << 18,
	IMAP_CAP_OBJECTID = 1 << 19,
	IMAP_CAP_UTF8_ACCEPT = 1 << 20,
	IMAP_CAP_X_GM_EXT_1 = 1 << 21,
};

/* Handlers of untagged data and message parts; those not set are passed by. */
struct imap_handler {
	void (*untagged)(void *ctx, const struct imap_response *response);
	struct imap_sink part; /* its ctx is set apart */
	void *ctx;
};

struct imap_client;

/*
 * A client over an open, authenticated transport, which it takes over.  Asks
 * for CAPABILITY, and sends ID, ENABLE and COMPRESS where they are offered.
 * On failure: *client_r NULL, *why_r text for people, to free().
 */
enum imap_err imap_client_open(struct imap_transport *transport,
			       const struct imap_handler *handler,
			       struct imap_client **client_r, char **why_r);
/* LOGOUT if the connection is good, and close; accepts NULL. */
void imap_client_close(struct imap_client **client);

/* What the server can, of which ENABLE has enabled what needs it. */
bool imap_client_can(const struct imap_client *client,
		     enum imap_capability capability);
/* Names are UTF-8 and not modified UTF-7: UTF8=ACCEPT or IMAP4rev2 is on. */
bool imap_client_utf8(const struct imap_client *client);
/* The last failure in words, with the server's text; never NULL. */
const char *imap_client_why(const struct imap_client *client);

/*
 * Commands.  begin() starts one; the others add to it, with spaces where the
 * caller writes them; send() sends it and returns its number, > 0.  Arguments
 * are sent as atom, quoted or literal as they need.  A literal that the server
 * must allow first (no LITERAL+) makes the call wait for it; if it refuses, the
 * command is over and wait() returns the NO.
 */
void imap_command_begin(struct imap_client *client);
void imap_command_text(struct imap_client *client, const char *text);
void imap_command_format(struct imap_client *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void imap_command_string(struct imap_client *client, const void *data,
			 size_t size);
/* A literal whose octets follow with imap_command_octets(), size in all: with
   more or less of them the connection is given up, and nothing was done. */
void imap_command_literal(struct imap_client *client, uint64_t size);
void imap_command_octets(struct imap_client *client, const void *data,
			 size_t size);
unsigned int imap_command_send(struct imap_client *client);

/*
 * Wait for the answer to command n, handling what comes before it.  Each
 * command sent is waited for once, in any order.
 * IMAP_OK, IMAP_NO, IMAP_BAD: answered.  *response_r, may be NULL: the tagged
 * response; dies with the next call.
 */
enum imap_err imap_command_wait(struct imap_client *client, unsigned int n,
				const struct imap_response **response_r);

/*
 * IDLE (RFC 2177), or NOOP now and then where there is none, until the handler
 * was called, the time is over (milliseconds; 0: only what is there already),
 * or it is interrupted (that is IMAP_OK here, unless it is stopped).  NOTIFY
 * data come, too.  The last that the server tells while it leaves IDLE comes
 * with what is waited for next.
 */
enum imap_err imap_client_idle(struct imap_client *client,
			       unsigned int milliseconds);

/*
 * Make a wait of another thread return; if there is none, the next one.  A
 * command that is being sent is sent to its end; only when the transport's wake
 * is stopped (transport.h), it ends there.
 */
void imap_client_interrupt(struct imap_client *client);

/* Octets in and out, as they were on the wire, and round trips waited for. */
struct imap_traffic {
	uint64_t received, sent, waits;
};
struct imap_traffic imap_client_traffic(const struct imap_client *client);

#endif
