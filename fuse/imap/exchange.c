/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Octets and responses, and the waits for them.  All waits of a client are
 * here, so all have a deadline and can be woken.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "fuse/imap/client-private.h"

int64_t imap_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void __attribute__((format(printf, 2, 0)))
say(struct imap_client *client, const char *format, va_list args)
{
	char text[512];

	(void)vsnprintf(text, sizeof(text), format, args);
	sqb_utf8_printable(text);
	free(client->why);
	client->why = sqb_xstrdup(text);
}

void imap_say(struct imap_client *client, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(client, format, args);
	va_end(args);
}

enum imap_err imap_fail(struct imap_client *client, enum imap_err err,
			const char *format, ...)
{
	va_list args;

	if (client->err != IMAP_OK)
		return client->err;
	client->err = err;
	va_start(args, format);
	say(client, format, args);
	va_end(args);
	imap_parser_cut(client->parser);
	return err;
}

static void fail_transport(struct imap_client *client, int error)
{
	const char *why = client->transport->why(client->transport);

	(void)imap_fail(client, IMAP_LOST, "the connection is lost: %s",
			why != NULL ? why : strerror(error));
}

/* Commands under way */

void imap_expect(struct imap_client *client, unsigned int n)
{
	client->pending =
		sqb_xgrow(client->pending, client->pending_count,
			  &client->pending_alloc, sizeof(*client->pending));
	client->pending[client->pending_count++] =
		(struct imap_pending){ .n = n };
}

struct imap_pending *imap_find(struct imap_client *client, unsigned int n)
{
	for (size_t i = 0; i < client->pending_count; i++)
		if (client->pending[i].n == n)
			return &client->pending[i];
	return NULL;
}

static void drop(struct imap_client *client, struct imap_pending *p)
{
	*p = client->pending[--client->pending_count];
}

void imap_forget(struct imap_client *client, unsigned int n)
{
	struct imap_pending *p = imap_find(client, n);

	if (p != NULL && p->answer == NULL) {
		p->forgotten = true;
	} else if (p != NULL) {
		free(p->answer);
		drop(client, p);
	}
}

/* Responses */

static unsigned int tag_number(const char *tag)
{
	char *end;
	unsigned long n;

	if (tag[0] != 'i' || tag[1] < '1' || tag[1] > '9')
		return 0;
	n = strtoul(tag + 1, &end, 10);
	return *end == '\0' && n <= INT32_MAX ? (unsigned int)n : 0;
}

static void note_codes(struct imap_client *client,
		       const struct imap_response *response)
{
	if (response->code != NULL && strcmp(response->code, "CAPABILITY") == 0)
		imap_note_capabilities(client, response->code_args);
}

static void handle_tagged(struct imap_client *client,
			  const struct imap_response *response)
{
	struct imap_pending *p = imap_find(client, tag_number(response->tag));

	if (p == NULL || p->answer != NULL ||
	    (response->status != IMAP_STATUS_OK &&
	     response->status != IMAP_STATUS_NO &&
	     response->status != IMAP_STATUS_BAD)) {
		(void)imap_fail(
			client, IMAP_PROTOCOL,
			"the server answers what it was not asked: %.40s",
			response->tag);
		return;
	}
	note_codes(client, response);
	if (p->forgotten)
		drop(client, p);
	else
		p->answer = imap_answer_copy(response);
}

static void handle_continuation(struct imap_client *client)
{
	if (!client->wants || client->granted)
		(void)imap_fail(
			client, IMAP_PROTOCOL,
			"the server asks for more where nothing is to come");
	client->granted = true;
}

static void handle_untagged(struct imap_client *client,
			    const struct imap_response *response)
{
	bool told =
		response->status == IMAP_STATUS_NONE || response->code != NULL;

	note_codes(client, response);
	if (response->name != NULL && strcmp(response->name, "CAPABILITY") == 0)
		imap_note_capabilities(client, response->args);
	else if (response->name != NULL &&
		 strcmp(response->name, "ENABLED") == 0)
		imap_note_enabled(client, response->args);
	else if (told)
		client->news++;
	if (client->handler.untagged != NULL)
		client->handler.untagged(client->handler.ctx, response);
	if (response->status == IMAP_STATUS_BYE && !client->leaving)
		(void)imap_fail(client, IMAP_LOST,
				"the server ended the connection: %.200s",
				response->text);
}

bool imap_handle_one(struct imap_client *client)
{
	const struct imap_response *response;
	size_t used = 0;
	int r;

	if (client->err != IMAP_OK || client->in_at == client->in_end)
		return false;
	r = imap_parser_feed(client->parser, client->in + client->in_at,
			     client->in_end - client->in_at, &used, &response);
	client->in_at += used;
	if (r < 0) {
		(void)imap_fail(client, IMAP_PROTOCOL,
				"the server does not speak IMAP: %s",
				imap_parser_error(client->parser));
		return false;
	}
	if (r == 0)
		return false; /* it took all */
	switch (response->kind) {
	case IMAP_TAGGED:
		handle_tagged(client, response);
		break;
	case IMAP_CONTINUATION:
		handle_continuation(client);
		break;
	case IMAP_UNTAGGED:
		handle_untagged(client, response);
		break;
	}
	return client->err == IMAP_OK;
}

bool imap_receive(struct imap_client *client)
{
	ssize_t n;

	if (client->err != IMAP_OK)
		return false;
	n = client->transport->read(client->transport, client->in,
				    IMAP_INPUT_SIZE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0) {
		fail_transport(client, errno);
		return false;
	}
	if (n == 0) {
		(void)imap_fail(client, IMAP_LOST,
				"the server closed the connection");
		return false;
	}
	client->in_at = 0;
	client->in_end = (size_t)n;
	if (!client->compressed)
		client->traffic.received += (uint64_t)n;
	return true;
}

/* Waits */

/* Hear what was rung; false: the client is stopped, or has failed. */
static bool may_go_on(struct imap_client *client)
{
	if (imap_wake_hear(client->wake))
		client->woken = true;
	if (atomic_load(&client->wake->stopped))
		(void)imap_fail(client, IMAP_INTERRUPTED, "interrupted");
	return client->err == IMAP_OK;
}

bool imap_block(struct imap_client *client, bool for_write, int64_t until)
{
	int64_t left = until - imap_now();
	bool was_woken = client->woken;
	int r;

	if (!may_go_on(client))
		return false;
	if (client->woken != was_woken)
		return true;
	if (left < 0)
		left = 0;
	r = client->transport->wait(client->transport, for_write,
				    client->wake->fd,
				    left > INT32_MAX ? INT32_MAX : (int)left);
	if (r < 0 && errno != EINTR)
		fail_transport(client, errno);
	return may_go_on(client) && (r != 0 || imap_now() < until);
}

static void fail_timeout(struct imap_client *client)
{
	(void)imap_fail(client, IMAP_LOST,
			"timed out: the server is silent for %u seconds",
			client->timeout / 1000);
}

void imap_flush(struct imap_client *client)
{
	struct imap_transport *t = client->transport;
	int64_t until = imap_now() + client->timeout;
	size_t at = 0;
	ssize_t n;

	while (at < client->out_size && may_go_on(client)) {
		n = t->write(t, client->out + at, client->out_size - at);
		if (n >= 0) {
			at += (size_t)n;
			if (!client->compressed)
				client->traffic.sent += (uint64_t)n;
			until = imap_now() + client->timeout;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR) {
			fail_transport(client, errno);
			break;
		}
		/* It may be that the server reads only when we do. */
		while (imap_handle_one(client))
			;
		if (imap_receive(client))
			until = imap_now() + client->timeout;
		else if (!imap_block(client, true, until))
			fail_timeout(client);
	}
	client->out_size = 0;
	client->last_sent = imap_now();
}

static bool has_come(struct imap_client *client, unsigned int n, bool may_grant)
{
	const struct imap_pending *p = imap_find(client, n);

	return (may_grant && client->granted) || p == NULL || p->answer != NULL;
}

static void count_round_trip(struct imap_client *client, unsigned int n)
{
	if (n <= client->waited_upto)
		return;
	client->waited_upto = client->last;
	client->traffic.waits++;
}

enum imap_err imap_await(struct imap_client *client, unsigned int n,
			 bool may_grant, bool may_interrupt)
{
	uint64_t received = client->traffic.received;
	int64_t start = imap_now();
	int64_t until = start + client->timeout;
	int64_t patience = (int64_t)client->timeout * IMAP_PATIENCE;

	while (client->err == IMAP_OK && !has_come(client, n, may_grant)) {
		if (imap_handle_one(client))
			continue;
		if (!may_go_on(client))
			break;
		count_round_trip(client, n);
		if (may_interrupt && client->woken) {
			client->woken = false;
			imap_say(client, "interrupted");
			return IMAP_INTERRUPTED;
		}
		if (imap_receive(client)) {
			until = imap_now() + client->timeout;
			continue;
		}
		if (imap_now() - start >
		    patience + (int64_t)(client->traffic.received - received))
			(void)imap_fail(client, IMAP_LOST,
					"timed out: the server is too slow");
		else if (!imap_block(client, false, until))
			fail_timeout(client);
	}
	return client->err;
}
