/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * A connection, from its first command to its last, and what the server can.
 */
#include "fuse/imap/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/imap/client-private.h"
#include "fuse/imap/deflate.h"
#include "sqbox-config.h"

/* IDLE is given anew before the server may end it, after 30 minutes (RFC 2177);
   many a router forgets a connection earlier. */
#define RENEW_EVERY (14 * 60 * 1000)
#define POLL_EVERY (60 * 1000)
/* How long the end may take. */
#define LOGOUT_TIMEOUT 2000

static const struct {
	const char *name;
	enum imap_capability capability;
} capabilities[] = {
	{ "IMAP4rev1", IMAP_CAP_IMAP4REV1 },
	{ "IMAP4rev2", IMAP_CAP_IMAP4REV2 },
	{ "ENABLE", IMAP_CAP_ENABLE },
	{ "ID", IMAP_CAP_ID },
	{ "NAMESPACE", IMAP_CAP_NAMESPACE },
	{ "LIST-EXTENDED", IMAP_CAP_LIST_EXTENDED },
	{ "LIST-STATUS", IMAP_CAP_LIST_STATUS },
	{ "SPECIAL-USE", IMAP_CAP_SPECIAL_USE },
	{ "CONDSTORE", IMAP_CAP_CONDSTORE },
	{ "QRESYNC", IMAP_CAP_QRESYNC },
	{ "ESEARCH", IMAP_CAP_ESEARCH },
	{ "UIDPLUS", IMAP_CAP_UIDPLUS },
	{ "MOVE", IMAP_CAP_MOVE },
	{ "LITERAL+", IMAP_CAP_LITERAL_PLUS },
	{ "LITERAL-", IMAP_CAP_LITERAL_MINUS },
	{ "MULTIAPPEND", IMAP_CAP_MULTIAPPEND },
	{ "IDLE", IMAP_CAP_IDLE },
	{ "NOTIFY", IMAP_CAP_NOTIFY },
	{ "COMPRESS=DEFLATE", IMAP_CAP_COMPRESS_DEFLATE },
	{ "OBJECTID", IMAP_CAP_OBJECTID },
	{ "UTF8=ACCEPT", IMAP_CAP_UTF8_ACCEPT },
	{ "UTF8=ONLY", IMAP_CAP_UTF8_ACCEPT },
	{ "X-GM-EXT-1", IMAP_CAP_X_GM_EXT_1 },
};

/* What is part of IMAP4rev2 (RFC 9051, appendix E). */
#define PARTS_OF_REV2 \
	(IMAP_CAP_ENABLE | IMAP_CAP_NAMESPACE | IMAP_CAP_LIST_EXTENDED | \
	 IMAP_CAP_LIST_STATUS | IMAP_CAP_ESEARCH | IMAP_CAP_UIDPLUS | \
	 IMAP_CAP_MOVE | IMAP_CAP_LITERAL_MINUS | IMAP_CAP_IDLE)
/* What is off until ENABLE turns it on. */
#define NEED_ENABLE (IMAP_CAP_QRESYNC | IMAP_CAP_UTF8_ACCEPT)

const char *imap_err_name(enum imap_err err)
{
	switch (err) {
	case IMAP_OK:
		return "ok";
	case IMAP_NO:
		return "no";
	case IMAP_BAD:
		return "bad";
	case IMAP_LOST:
		return "lost";
	case IMAP_AUTH:
		return "auth";
	case IMAP_TLS:
		return "tls";
	case IMAP_PROTOCOL:
		return "protocol";
	case IMAP_INTERRUPTED:
		return "interrupted";
	}
	return "?";
}

static uint64_t named(const struct imap_value *names)
{
	uint64_t found = 0;

	for (; names != NULL; names = names->next)
		for (size_t i = 0;
		     i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
			if (imap_value_is(names, capabilities[i].name))
				found |= (uint64_t)capabilities[i].capability;
	return found;
}

void imap_note_capabilities(struct imap_client *client,
			    const struct imap_value *names)
{
	client->offered = named(names);
}

void imap_note_enabled(struct imap_client *client,
		       const struct imap_value *names)
{
	client->enabled |= named(names);
}

/* IMAP4rev2 is what is spoken. */
static bool is_rev2(const struct imap_client *client)
{
	return (client->enabled & IMAP_CAP_IMAP4REV2) != 0 ||
	       (client->offered & (IMAP_CAP_IMAP4REV1 | IMAP_CAP_IMAP4REV2)) ==
		       IMAP_CAP_IMAP4REV2;
}

bool imap_client_can(const struct imap_client *client,
		     enum imap_capability capability)
{
	uint64_t can = client->offered;

	if ((can & IMAP_CAP_QRESYNC) != 0)
		can |= IMAP_CAP_CONDSTORE;
	if (is_rev2(client))
		can |= PARTS_OF_REV2;
	else
		can &= ~(uint64_t)IMAP_CAP_IMAP4REV2;
	if (client->no_idle)
		can &= ~(uint64_t)IMAP_CAP_IDLE;
	can &= ~(uint64_t)NEED_ENABLE | client->enabled;
	return (can & (uint64_t)capability) != 0;
}

bool imap_client_utf8(const struct imap_client *client)
{
	return is_rev2(client) || (client->enabled & IMAP_CAP_UTF8_ACCEPT) != 0;
}

const char *imap_client_why(const struct imap_client *client)
{
	return client->why;
}

void imap_client_interrupt(struct imap_client *client)
{
	imap_wake_ring(client->wake);
}

struct imap_traffic imap_client_traffic(const struct imap_client *client)
{
	return client->traffic;
}

/* The beginning */

static bool offers(const struct imap_client *client,
		   enum imap_capability capability)
{
	return (client->offered & (uint64_t)capability) != 0;
}

static unsigned int send_line(struct imap_client *client, const char *line)
{
	imap_command_begin(client);
	imap_command_text(client, line);
	return imap_command_send(client);
}

static void ask_capabilities(struct imap_client *client)
{
	/* It may be that it came before; then this is what is true now. */
	enum imap_err err =
		imap_finish(client, send_line(client, "CAPABILITY"));

	if (err == IMAP_NO || err == IMAP_BAD)
		(void)imap_fail(client, IMAP_PROTOCOL, "CAPABILITY: %s",
				imap_client_why(client));
	if (err == IMAP_OK && !offers(client, IMAP_CAP_IMAP4REV1) &&
	    !offers(client, IMAP_CAP_IMAP4REV2))
		(void)imap_fail(client, IMAP_PROTOCOL,
				"the server offers no IMAP4rev1");
}

static unsigned int send_enable(struct imap_client *client)
{
	imap_command_begin(client);
	imap_command_text(client, "ENABLE");
	if (offers(client, IMAP_CAP_IMAP4REV2))
		imap_command_text(client, " IMAP4rev2");
	if (offers(client, IMAP_CAP_QRESYNC))
		imap_command_text(client, " QRESYNC");
	else if (offers(client, IMAP_CAP_CONDSTORE))
		imap_command_text(client, " CONDSTORE");
	if (offers(client, IMAP_CAP_UTF8_ACCEPT))
		imap_command_text(client, " UTF8=ACCEPT");
	return imap_command_send(client);
}

static bool has_to_enable(const struct imap_client *client)
{
	return offers(client, IMAP_CAP_ENABLE) &&
	       (offers(client, IMAP_CAP_IMAP4REV2) ||
		offers(client, IMAP_CAP_QRESYNC) ||
		offers(client, IMAP_CAP_CONDSTORE) ||
		offers(client, IMAP_CAP_UTF8_ACCEPT));
}

/* From the octet behind the OK on, both sides compress. */
static void compress(struct imap_client *client)
{
	client->transport = imap_deflate_new(
		client->transport, client->in + client->in_at,
		client->in_end - client->in_at, &client->traffic);
	client->compressed = true;
	client->in_at = client->in_end = 0;
}

/* In one round trip.  It may be that one is refused: then it is not used. */
static void ask_for_all(struct imap_client *client)
{
	unsigned int id = 0, enable = 0, deflate = 0;

	if (offers(client, IMAP_CAP_ID))
		id = send_line(client, "ID (\"name\" \"imapfs\" \"version\" "
				       "\"" PACKAGE_VERSION "\")");
	if (has_to_enable(client))
		enable = send_enable(client);
	if (offers(client, IMAP_CAP_COMPRESS_DEFLATE))
		deflate = send_line(client, "COMPRESS DEFLATE");
	if (id != 0)
		(void)imap_finish(client, id);
	if (enable != 0)
		(void)imap_finish(client, enable);
	if (deflate != 0 && imap_finish(client, deflate) == IMAP_OK)
		compress(client);
}

static void client_free(struct imap_client *client)
{
	client->transport->close(client->transport);
	imap_parser_free(&client->parser);
	imap_wake_free(&client->own_wake);
	for (size_t i = 0; i < client->pending_count; i++)
		free(client->pending[i].answer);
	free(client->pending);
	free(client->answer);
	free(client->in);
	free(client->out);
	free(client->why);
	free(client);
}

enum imap_err imap_client_open(struct imap_transport *transport,
			       const struct imap_handler *handler,
			       struct imap_client **client_r, char **why_r)
{
	struct imap_client *client = sqb_xcalloc(1, sizeof(*client));
	enum imap_err err;

	client->transport = transport;
	client->handler = *handler;
	client->parser = imap_parser_new(&client->handler.part);
	client->timeout =
		transport->timeout != 0 ? transport->timeout : IMAP_TIMEOUT;
	client->why = sqb_xstrdup("");
	client->in = sqb_xmalloc(IMAP_INPUT_SIZE);
	client->renew_every = RENEW_EVERY;
	client->poll_every = POLL_EVERY;
	client->wake = transport->wake;
	if (client->wake == NULL)
		client->wake = client->own_wake = imap_wake_new();
	if (client->wake == NULL) {
		(void)imap_fail(client, IMAP_LOST, "eventfd: %s",
				strerror(errno));
	} else {
		ask_capabilities(client);
		if (client->err == IMAP_OK)
			ask_for_all(client);
	}
	err = client->err;
	if (err == IMAP_OK) {
		*client_r = client;
		return err;
	}
	*client_r = NULL;
	*why_r = sqb_xstrdup(client->why);
	client_free(client);
	return err;
}

void imap_client_close(struct imap_client **client_p)
{
	struct imap_client *client = *client_p;

	if (client == NULL)
		return;
	*client_p = NULL;
	if (client->err == IMAP_OK) {
		client->leaving = true;
		if (client->timeout > LOGOUT_TIMEOUT)
			client->timeout = LOGOUT_TIMEOUT;
		(void)imap_finish(client, send_line(client, "LOGOUT"));
	}
	client_free(client);
}
