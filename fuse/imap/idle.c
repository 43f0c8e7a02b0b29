/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Waiting for what the server tells unasked.
 */
#include <time.h>

#include "fuse/imap/client-private.h"

/* One sleep; after each it is looked whether the machine was asleep. */
#define SLICE (60 * 1000)
/* So many reads without a look at anything else. */
#define FLOOD 64
/* So long asleep, the connection may be gone without a word. */
#define SUSPENDED (30 * 1000)

/* Milliseconds that this machine was suspended, since it was booted. */
static int64_t suspended(void)
{
	struct timespec all;

	(void)clock_gettime(CLOCK_BOOTTIME, &all);
	return (int64_t)all.tv_sec * 1000 + all.tv_nsec / 1000000 - imap_now();
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Handle what is there, of a flood a part; true: something was told. */
static bool take_news(struct imap_client *client, uint64_t before)
{
	int reads = 0;

	do
		while (imap_handle_one(client))
			;
	while (++reads < FLOOD && imap_receive(client));
	return client->news != before;
}

/*
 * Until something was told, or it is woken, or that time, or the machine was
 * suspended: then it is time to say something.
 */
static void listen_until(struct imap_client *client, uint64_t before,
			 int64_t until)
{
	int64_t asleep = suspended();

	while (!take_news(client, before) && client->err == IMAP_OK &&
	       !client->woken && imap_now() < until &&
	       suspended() - asleep < SUSPENDED)
		(void)imap_block(client, false,
				 earlier(until, imap_now() + SLICE));
}

static bool is_over(const struct imap_client *client, uint64_t before,
		    int64_t until)
{
	return client->err != IMAP_OK || client->news != before ||
	       client->woken || imap_now() >= until;
}

/* One IDLE, from its "+" to DONE. */
static void idle_once(struct imap_client *client, uint64_t before,
		      int64_t until)
{
	unsigned int n;

	imap_command_begin(client);
	imap_command_text(client, "IDLE");
	client->wants = true;
	client->granted = false;
	n = imap_command_send(client);
	(void)imap_await(client, n, true, false);
	client->wants = false;
	if (client->err != IMAP_OK)
		return;
	if (!client->granted) {
		/* Refused, whatever it said it could. */
		client->no_idle = true;
		(void)imap_finish(client, n);
	} else {
		listen_until(client, before,
			     earlier(until, imap_now() + client->renew_every));
		/* What is said next need not wait for the answer. */
		imap_command_text(client, "DONE");
		(void)imap_command_send(client);
		imap_forget(client, n);
	}
}

static void poll_once(struct imap_client *client, uint64_t before,
		      int64_t until)
{
	unsigned int n;
	int64_t next = client->last_sent + client->poll_every;

	listen_until(client, before, earlier(until, next));
	if (is_over(client, before, until))
		return;
	imap_command_begin(client);
	imap_command_text(client, "NOOP");
	n = imap_command_send(client);
	(void)imap_finish(client, n);
}

enum imap_err imap_client_idle(struct imap_client *client,
			       unsigned int milliseconds)
{
	uint64_t before = client->news;
	int64_t until = imap_now() + milliseconds;

	(void)take_news(client, before);
	while (!is_over(client, before, until)) {
		if (imap_client_can(client, IMAP_CAP_IDLE))
			idle_once(client, before, until);
		else
			poll_once(client, before, until);
	}
	client->woken = false;
	return client->err;
}
