/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_FAKE_IMAP_H
#define TEST_FAKE_IMAP_H

#include <stddef.h>

#include "fuse/imap/transport.h"

/*
 * A server that follows a script: a function, in a thread of its own, which
 * says what it is told to, and knows each line that it will hear.  After a cut,
 * or a line that it did not expect, all its calls do nothing and return false.
 */
struct fake_imap;

struct fake_options {
	unsigned int timeout; /* of the transport */
	size_t piece;         /* octets that one read or write takes, 0: any */
	/* The connection is cut when so many octets were said, or heard: n + 1;
	   0: never. */
	size_t cut_said, cut_heard;
	struct imap_wake *wake; /* foreign; of the transport */
};

typedef void fake_script(struct fake_imap *f, void *ctx);

struct fake_imap *fake_start(fake_script *script, void *ctx,
			     const struct fake_options *options);
/* The other end, once. */
struct imap_transport *fake_transport(struct fake_imap *f);
/* Wait for the end of the script; fails the test if a line was not expected. */
struct fake_counts {
	size_t said, heard; /* octets */
};
struct fake_counts fake_end(struct fake_imap **f);

/* For the script.
 *
 * "%1" ... "%9": in what is expected a tag, which is kept under that number; in
 * what is said the tag kept.  "*" at the end of what is expected: anything.
 */
bool fake_expect(struct fake_imap *f, const char *line);
bool fake_say(struct fake_imap *f, const char *text);
/* Octets as they are, any octets heard, and until the client closes. */
bool fake_say_octets(struct fake_imap *f, const void *data, size_t size);
bool fake_hear_octets(struct fake_imap *f, size_t size);
void fake_hear_end(struct fake_imap *f);
/* Both sides compress from here on. */
void fake_compress(struct fake_imap *f);
/* Close the connection. */
void fake_hang_up(struct fake_imap *f);

/* What most scripts begin with: the server offers these capabilities, and
   answers what imap_client_open() asks then: no ID, no COMPRESS. */
void fake_open(struct fake_imap *f, const char *capabilities);

#endif
