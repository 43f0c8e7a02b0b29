/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/hangup.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "fuse/replica-private.h"

/* Seconds until it looks whether the machine has slept, and for how long. */
#define LOOK_SECS 10
#define SLEPT_SECS 5

struct ifs_hangup {
	struct ifs_fs *fs; /* foreign */
	pthread_t thread;
	int stop_fd, signal_fd, network_fd; /* own; the last may be -1 */
	time_t asleep; /* all the time that the machine has slept so far */
};

/* The clocks differ in that. */
static time_t time_asleep(void)
{
	struct timespec all, awake;

	(void)clock_gettime(CLOCK_BOOTTIME, &all);
	(void)clock_gettime(CLOCK_MONOTONIC, &awake);
	return all.tv_sec - awake.tv_sec;
}

static bool has_slept(struct ifs_hangup *hangup)
{
	time_t before = hangup->asleep;

	hangup->asleep = time_asleep();
	return hangup->asleep - before >= SLEPT_SECS;
}

/* All that was sent; false: nothing.  What it was does not matter. */
static bool drain(int fd)
{
	char buf[8192];
	bool any = false;

	while (fd >= 0 && (read(fd, buf, sizeof(buf)) > 0 || errno == ENOBUFS))
		any = true;
	return any;
}

static void *run(void *arg)
{
	struct ifs_hangup *hangup = arg;
	struct rem *rem = hangup->fs->replica->rem;
	struct pollfd fds[] = {
		{ .fd = hangup->stop_fd, .events = POLLIN },
		{ .fd = hangup->signal_fd, .events = POLLIN },
		{ .fd = hangup->network_fd, .events = POLLIN },
	};
	bool asked, moved;

	while (poll(fds, 3, LOOK_SECS * 1000) >= 0 && fds[0].revents == 0) {
		asked = drain(hangup->signal_fd);
		moved = drain(hangup->network_fd);
		if (has_slept(hangup) || moved || asked)
			rem_wake(rem);
		if (asked)
			(void)rem_sync(rem, NULL, 0);
	}
	return NULL;
}

/* An address or a route more, or less. */
static int open_network(void)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE |
			     RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_ROUTE);

	if (fd >= 0 &&
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static void free_hangup(struct ifs_hangup *hangup)
{
	if (hangup->stop_fd >= 0)
		(void)close(hangup->stop_fd);
	if (hangup->signal_fd >= 0)
		(void)close(hangup->signal_fd);
	if (hangup->network_fd >= 0)
		(void)close(hangup->network_fd);
	free(hangup);
}

/* The threads that this one starts after it leave SIGHUP to us, too. */
void ifs_hangup_start(struct ifs_fs *fs)
{
	struct ifs_hangup *hangup;
	sigset_t hup, all, before;
	bool started;

	if (fs->replica == NULL)
		return;
	hangup = sqb_xcalloc(1, sizeof(*hangup));
	hangup->fs = fs;
	hangup->asleep = time_asleep();
	(void)sigemptyset(&hup);
	(void)sigaddset(&hup, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &hup, NULL);
	hangup->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	hangup->signal_fd = signalfd(-1, &hup, SFD_CLOEXEC | SFD_NONBLOCK);
	hangup->network_fd = open_network();
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	started = hangup->stop_fd >= 0 && hangup->signal_fd >= 0 &&
		  pthread_create(&hangup->thread, NULL, run, hangup) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		fs->hangup = hangup;
	else
		free_hangup(hangup);
}

void ifs_hangup_stop(struct ifs_fs *fs)
{
	struct ifs_hangup *hangup = fs->hangup;

	if (hangup == NULL)
		return;
	(void)eventfd_write(hangup->stop_fd, 1);
	(void)pthread_join(hangup->thread, NULL);
	fs->hangup = NULL;
	free_hangup(hangup);
}
