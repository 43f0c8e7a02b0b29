/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Commands, from text and octets to what is sent.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/imap/client-private.h"

/* What is gathered before it is sent. */
#define OUT_SIZE (64 * 1024)
/* A quoted string is no longer than this: servers limit their lines. */
#define QUOTED_MAX 1000
#define LITERAL_MINUS_MAX 4096

static void add(struct imap_client *client, const void *data, size_t size)
{
	const char *octets = data;

	while (size > 0 && client->err == IMAP_OK && !client->skip) {
		size_t n = OUT_SIZE - client->out_size;

		if (n > size)
			n = size;
		memcpy(client->out + client->out_size, octets, n);
		client->out_size += n;
		octets += n;
		size -= n;
		if (client->out_size == OUT_SIZE)
			imap_flush(client);
	}
}

static void add_text(struct imap_client *client, const char *text)
{
	add(client, text, strlen(text));
}

/* What is in a literal must not be taken for commands, nor commands for it. */
static void end_literal(struct imap_client *client)
{
	if (client->literal_left > 0 && !client->skip)
		(void)imap_fail(client, IMAP_PROTOCOL,
				"a literal is shorter than it should be");
	client->literal_left = 0;
}

void imap_command_begin(struct imap_client *client)
{
	char tag[16];

	if (client->out == NULL)
		client->out = sqb_xmalloc(OUT_SIZE);
	client->skip = false;
	client->literal_left = 0;
	(void)imap_expect(client, ++client->last);
	(void)snprintf(tag, sizeof(tag), "i%u ", client->last);
	add_text(client, tag);
}

void imap_command_text(struct imap_client *client, const char *text)
{
	end_literal(client);
	/* What others wrote goes through imap_command_string(). */
	if (strpbrk(text, "\r\n") != NULL)
		(void)imap_fail(client, IMAP_PROTOCOL,
				"a line break in a command");
	add_text(client, text);
}

void imap_command_format(struct imap_client *client, const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		abort();
	imap_command_text(client, text);
	free(text);
}

static bool is_plain_atom(const char *text, size_t size)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-_./@$+=";

	return size > 0 && size < 100 &&
	       !(size == 3 && strncasecmp(text, "NIL", 3) == 0) &&
	       strspn(text, safe) >= size;
}

/* 8-bit octets may be quoted where UTF-8 is; names are UTF-8 there. */
static bool is_quotable(const char *text, size_t size, bool utf8)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\0' || c == '\r' || c == '\n' || (c >= 128 && !utf8))
			return false;
	}
	return size <= QUOTED_MAX;
}

static void add_quoted(struct imap_client *client, const char *text,
		       size_t size)
{
	add(client, "\"", 1);
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '"' || text[i] == '\\')
			add(client, "\\", 1);
		add(client, &text[i], 1);
	}
	add(client, "\"", 1);
}

void imap_command_string(struct imap_client *client, const void *data,
			 size_t size)
{
	/* A copy with a NUL at its end; these are small. */
	char *text = sqb_xmalloc(size + 1);

	end_literal(client);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (is_plain_atom(text, size)) {
		add(client, text, size);
	} else if (is_quotable(text, size, imap_client_utf8(client))) {
		add_quoted(client, text, size);
	} else {
		imap_command_literal(client, size);
		imap_command_octets(client, text, size);
	}
	free(text);
}

static bool may_send_unasked(const struct imap_client *client, uint64_t size)
{
	if (imap_client_can(client, IMAP_CAP_LITERAL_PLUS))
		return size <= IMAP_LITERAL_UNASKED;
	return imap_client_can(client, IMAP_CAP_LITERAL_MINUS) &&
	       size <= LITERAL_MINUS_MAX;
}

void imap_command_literal(struct imap_client *client, uint64_t size)
{
	bool unasked = may_send_unasked(client, size);
	char head[32];

	end_literal(client);
	if (client->skip)
		return;
	client->literal_left = size;
	(void)snprintf(head, sizeof(head), "{%ju%s}\r\n", (uintmax_t)size,
		       unasked ? "+" : "");
	client->wants = !unasked;
	client->granted = false;
	add_text(client, head);
	if (unasked)
		return;
	imap_flush(client);
	/* A round trip of its own. */
	client->waited_upto = client->last - 1;
	(void)imap_await(client, client->last, true, false);
	client->waited_upto = client->last - 1;
	client->wants = false;
	client->skip = !client->granted;
}

void imap_command_octets(struct imap_client *client, const void *data,
			 size_t size)
{
	if (size > client->literal_left && !client->skip) {
		(void)imap_fail(client, IMAP_PROTOCOL,
				"a literal is longer than it should be");
		return;
	}
	client->literal_left -= client->skip ? 0 : size;
	add(client, data, size);
}

unsigned int imap_command_send(struct imap_client *client)
{
	end_literal(client);
	add(client, "\r\n", 2);
	imap_flush(client);
	return client->last;
}

static enum imap_err answer_err(const struct imap_response *response)
{
	switch (response->status) {
	case IMAP_STATUS_NO:
		return IMAP_NO;
	case IMAP_STATUS_BAD:
		return IMAP_BAD;
	case IMAP_STATUS_NONE:
	case IMAP_STATUS_OK:
	case IMAP_STATUS_PREAUTH:
	case IMAP_STATUS_BYE:
		break;
	}
	return IMAP_OK;
}

enum imap_err imap_command_wait(struct imap_client *client, unsigned int n,
				const struct imap_response **response_r)
{
	struct imap_pending *p;
	const struct imap_response *response;
	enum imap_err err = imap_await(client, n, false, true);

	if (err != IMAP_OK)
		return err;
	p = imap_find(client, n);
	if (p == NULL)
		return imap_fail(client, IMAP_PROTOCOL,
				 "command %u was not sent", n);
	free(client->answer);
	client->answer = p->answer;
	*p = client->pending[--client->pending_count];
	response = imap_answer_response(client->answer);
	err = answer_err(response);
	if (err != IMAP_OK)
		imap_say(client, "the server %s: %.300s",
			 err == IMAP_NO ? "refused" : "did not understand",
			 response->text);
	if (response_r != NULL)
		*response_r = response;
	return err;
}

enum imap_err imap_finish(struct imap_client *client, unsigned int n)
{
	enum imap_err err = imap_await(client, n, false, false);

	return err != IMAP_OK ? err : imap_command_wait(client, n, NULL);
}
