/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_TRANSPORT_H
#define IMAP_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * What makes a wait return from another thread: once (ring), or every wait from
 * now on (stop).  Rings that nobody waited for are heard by the next wait, as
 * one.
 */
struct imap_wake {
	int fd; /* own; readable: it was rung */
	atomic_bool rung, stopped;
};
struct imap_wake *imap_wake_new(void);        /* NULL: errno */
void imap_wake_free(struct imap_wake **wake); /* accepts NULL */
void imap_wake_ring(struct imap_wake *wake);
void imap_wake_stop(struct imap_wake *wake);
/* Was it rung?  Then that is heard: fd is not readable any more, but of one
   that is stopped. */
bool imap_wake_hear(struct imap_wake *wake);

/*
 * Octets to and from a server.  The client knows no more of the network than
 * this, so that a test can stand in its place.
 */
struct imap_transport {
	/* How long a wait for an octet may take, milliseconds; 0: a minute. */
	unsigned int timeout;
	struct imap_wake *wake; /* foreign; NULL: the client has its own */

	/* Octets read, > 0; 0: the server closed; -1: errno, EAGAIN: none yet,
	   ETIMEDOUT never (wait has the deadline). */
	ssize_t (*read)(struct imap_transport *t, void *buf, size_t size);
	/* Octets taken, > 0; -1: errno, EAGAIN: none can be taken now, and the
	   same are given again. */
	ssize_t (*write)(struct imap_transport *t, const void *data,
			 size_t size);
	/* Until it can be read, for_write: or written, or wake_fd can be read
	   (-1: none): 1 ready, 0 the time is over, 2 woken, -1 errno. */
	int (*wait)(struct imap_transport *t, bool for_write, int wake_fd,
		    int milliseconds);
	void (*close)(struct imap_transport *t); /* frees it */
	/* Text for people on the last failure, or NULL. */
	const char *(*why)(struct imap_transport *t);
};

/* What wait() does, for a transport that is a descriptor. */
int imap_wait_fd(int fd, bool for_write, int wake_fd, int milliseconds);

#endif
