/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_CONNECT_H
#define IMAP_CONNECT_H

#include "fuse/imap/client.h"

/*
 * From an account to a transport that is logged in: names, proxies, TLS and
 * SASL are libcurl's.  Nothing is sent in the clear but STARTTLS and what goes
 * before it, and the server's certificate must be good for its name.  The
 * process ignores SIGPIPE.
 */
struct imap_account {
	const char *host;
	uint16_t port; /* 0: that of the protocol */
	bool starttls; /* imap:// with STARTTLS, not imaps:// */
	const char *user;

	/*
	 * The password, or with oauth the access token, to free(); NULL, and
	 * *why_r to free(): there is none.  Asked for at each connect; what it
	 * returns is wiped.  Itself NULL: certfile says who we are (EXTERNAL).
	 */
	char *(*secret)(void *ctx, char **why_r);
	void *secret_ctx;
	bool oauth;            /* OAUTHBEARER or XOAUTH2 */
	const char *mechanism; /* "CRAM-MD5"; NULL: the best that is offered */

	const char *cafile; /* whom to trust, PEM; NULL: whom the system does */
	const char *certfile;   /* of ours, with its key, PEM; NULL: none */
	unsigned int timeout;   /* milliseconds, of each wait; 0: a minute */
	struct imap_wake *wake; /* foreign, or NULL; stop ends the connect */
};

/*
 * IMAP_LOST, IMAP_TLS, IMAP_AUTH, IMAP_PROTOCOL, IMAP_INTERRUPTED: *why_r is
 * text for people, to free().
 */
enum imap_err imap_connect(const struct imap_account *account,
			   struct imap_transport **transport_r, char **why_r);

#endif
