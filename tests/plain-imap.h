/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_PLAIN_IMAP_H
#define TEST_PLAIN_IMAP_H

#include "fuse/imap/transport.h"
#include "fuse/remote/remote.h"

/*
 * A connection without TLS to a server on 127.0.0.1, no better than tests need:
 * connect and login wait for ever.
 */
struct plain_imap {
	uint16_t port;
	const char *user, *password_file;
	bool trace; /* show what is said, on standard error */
	/* Exit with PLAIN_DIED after so many lines that were sent; 0: never. */
	unsigned int cut_line;
	unsigned int lines; /* so far */
};
#define PLAIN_DIED 3

/* As rem_connect's; ctx is a struct plain_imap, which outlives it. */
enum imap_err plain_connect(void *ctx, struct imap_wake *wake,
			    struct imap_transport **transport_r, char **why_r);

#endif
