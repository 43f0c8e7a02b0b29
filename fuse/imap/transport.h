/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_TRANSPORT_H
#define IMAP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Octets to and from a server.  The client knows no more of the network than
 * this, so that a test can stand in its place.
 */
struct imap_transport {
	/* Octets read, > 0; 0: the server closed; -1: errno, EAGAIN: none yet,
	   ETIMEDOUT never (wait has the deadline). */
	ssize_t (*read)(struct imap_transport *t, void *buf, size_t size);
	/* Octets taken, > 0; -1: errno, EAGAIN: none can be taken now. */
	ssize_t (*write)(struct imap_transport *t, const void *data,
			 size_t size);
	/* Until it can be read (or written), or wake_fd can be read (-1: none):
	   1 ready, 0 the time is over, 2 woken, -1 errno. */
	int (*wait)(struct imap_transport *t, bool for_write, int wake_fd,
		    int milliseconds);
	void (*close)(struct imap_transport *t); /* frees it */
	/* Text for people on the last failure, or NULL. */
	const char *(*why)(struct imap_transport *t);
};

#endif
