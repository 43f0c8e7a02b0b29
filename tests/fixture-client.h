/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_FIXTURE_CLIENT_H
#define TEST_FIXTURE_CLIENT_H

#include "fuse/imap/client-private.h"
#include "tests/fake-imap.h"
#include "tests/support.h"

#include <stdlib.h>
#include <string.h>

/* What the tests of the IMAP client share: a server that follows a script. */

/* What the handler was told */
static struct {
	unsigned int untagged, parts, complete;
	uint32_t exists;
	uint64_t octets;
} told;

static inline void on_untagged(void *ctx, const struct imap_response *response)
{
	(void)ctx;
	told.untagged++;
	if (response->has_number && strcmp(response->name, "EXISTS") == 0)
		told.exists = response->number;
}

static inline void on_begin(void *ctx, uint32_t seq,
			    const struct imap_value *fetch, const char *section,
			    uint64_t size)
{
	(void)ctx, (void)seq, (void)fetch, (void)section, (void)size;
	told.parts++;
}

static inline void on_data(void *ctx, const void *data, size_t size)
{
	(void)ctx, (void)data;
	told.octets += size;
}

static inline void on_end(void *ctx, bool complete)
{
	(void)ctx;
	told.complete += complete;
}

static const struct imap_handler handler = {
	.untagged = on_untagged,
	.part = { .begin = on_begin, .data = on_data, .end = on_end },
};

static struct fake_imap *server;
static struct imap_client *client;
static struct imap_wake *wake;

static inline void setup(void)
{
	memset(&told, 0, sizeof(told));
	wake = imap_wake_new();
}

static inline void teardown(void)
{
	imap_client_close(&client);
	if (server != NULL)
		(void)fake_end(&server);
	imap_wake_free(&wake);
}

static inline enum imap_err start_with(fake_script *script, void *ctx,
				       struct fake_options options)
{
	char *why = NULL;
	enum imap_err err;

	options.wake = wake;
	server = fake_start(script, ctx, &options);
	err = imap_client_open(fake_transport(server), &handler, &client, &why);
	ck_assert(err == IMAP_OK || (client == NULL && why[0] != '\0'));
	free(why);
	return err;
}

static inline void start(fake_script *script, void *ctx)
{
	ck_assert_int_eq(start_with(script, ctx, (struct fake_options){ 0 }),
			 IMAP_OK);
}

static inline unsigned int command(const char *text)
{
	imap_command_begin(client);
	imap_command_text(client, text);
	return imap_command_send(client);
}

static inline enum imap_err do_command(const char *text)
{
	return imap_command_wait(client, command(text), NULL);
}

static inline void says(const char *words)
{
	ck_assert_msg(strstr(imap_client_why(client), words) != NULL,
		      "\"%s\" does not say \"%s\"", imap_client_why(client),
		      words);
}

static inline void fails(enum imap_err err, enum imap_err want,
			 const char *words)
{
	ck_assert_str_eq(imap_err_name(err), imap_err_name(want));
	says(words);
}

static inline enum imap_err append(size_t size)
{
	char *octets = t_noise(size + 1, 1);
	unsigned int n;

	imap_command_begin(client);
	imap_command_text(client, "APPEND x ");
	imap_command_literal(client, size);
	imap_command_octets(client, octets, size / 2);
	imap_command_octets(client, octets + size / 2, size - size / 2);
	n = imap_command_send(client);
	free(octets);
	return imap_command_wait(client, n, NULL);
}

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

#endif
