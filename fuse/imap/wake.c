/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/transport.h"

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/mem.h"

struct imap_wake *imap_wake_new(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct imap_wake *wake;

	if (fd < 0)
		return NULL;
	wake = sqb_xcalloc(1, sizeof(*wake));
	wake->fd = fd;
	return wake;
}

void imap_wake_free(struct imap_wake **wake_p)
{
	struct imap_wake *wake = *wake_p;

	if (wake == NULL)
		return;
	*wake_p = NULL;
	(void)close(wake->fd);
	free(wake);
}

void imap_wake_ring(struct imap_wake *wake)
{
	uint64_t one = 1;

	/* It fails only where it was rung 2^64 times, which is as good. */
	(void)!write(wake->fd, &one, sizeof(one));
	atomic_store(&wake->rung, true);
}

void imap_wake_stop(struct imap_wake *wake)
{
	atomic_store(&wake->stopped, true);
	imap_wake_ring(wake);
}

bool imap_wake_hear(struct imap_wake *wake)
{
	uint64_t rung;

	if (!atomic_load(&wake->rung))
		return false;
	if (atomic_load(&wake->stopped))
		return true;
	/* fd is readable before rung is true.  In this order, who rings in
	   between is heard once more. */
	atomic_store(&wake->rung, false);
	(void)!read(wake->fd, &rung, sizeof(rung));
	return true;
}

int imap_wait_fd(int fd, bool for_write, int wake_fd, int milliseconds)
{
	struct pollfd fds[] = {
		{ .fd = fd,
		  .events = (short)(POLLIN | (for_write ? POLLOUT : 0)) },
		{ .fd = wake_fd, .events = POLLIN },
	};
	int r = poll(fds, 2, milliseconds);

	if (r <= 0)
		return r;
	return fds[1].revents != 0 ? 2 : 1;
}
