/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * imap-probe HOST PORT USER [OPTION ...]: the IMAP client at a command line.
 *
 * Options: starttls, oauth, mechanism=NAME, cafile=FILE, certfile=FILE (then no
 * password is sent), timeout=MILLISECONDS.  SIGINT stops the client.  The first
 *line of stdin is the password, each further one a command: IMAP, or
 *
 *	append MAILBOX SIZE	so many octets
 *	idle MILLISECONDS
 *	traffic, memory		octets on the wire; KiB, at most
 *
 * Each command ends with a line "= ok", or "= no: why".  Exits 0 when it could
 * connect.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/mem.h"
#include "fuse/imap/connect.h"

#define CHUNK (64 * 1024)

static char *password;         /* own */
static struct imap_wake *wake; /* own */
static uint64_t part_size;
static uint32_t part_sum;

static const struct {
	const char *name;
	enum imap_capability capability;
} capabilities[] = {
	{ "COMPRESS", IMAP_CAP_COMPRESS_DEFLATE },
	{ "CONDSTORE", IMAP_CAP_CONDSTORE },
	{ "IDLE", IMAP_CAP_IDLE },
	{ "LITERAL+", IMAP_CAP_LITERAL_PLUS },
	{ "NOTIFY", IMAP_CAP_NOTIFY },
	{ "QRESYNC", IMAP_CAP_QRESYNC },
};

static void on_untagged(void *ctx, const struct imap_response *response)
{
	(void)ctx;
	printf("*");
	if (response->has_number)
		printf(" %u", response->number);
	printf(" %s\n", response->name != NULL ? response->name : "status");
}

static void on_begin(void *ctx, uint32_t seq, const struct imap_value *fetch,
		     const char *section, uint64_t size)
{
	(void)ctx, (void)seq, (void)fetch, (void)section, (void)size;
	part_size = part_sum = 0;
}

/* The sum of octets: what was lost or changed shows. */
static void on_data(void *ctx, const void *data, size_t size)
{
	const unsigned char *octets = data;

	(void)ctx;
	part_size += size;
	for (size_t i = 0; i < size; i++)
		part_sum += octets[i];
}

static void on_end(void *ctx, bool complete)
{
	(void)ctx;
	printf("part %s %ju %u\n", complete ? "whole" : "cut",
	       (uintmax_t)part_size, part_sum);
}

static const struct imap_handler handler = {
	.untagged = on_untagged,
	.part = { .begin = on_begin, .data = on_data, .end = on_end },
};

static char *give_password(void *ctx, char **why_r)
{
	(void)ctx, (void)why_r;
	return sqb_xstrdup(password);
}

static void set_option(struct imap_account *account, char *option)
{
	char *value = strchr(option, '=');

	if (value != NULL)
		*value++ = '\0';
	if (strcmp(option, "starttls") == 0)
		account->starttls = true;
	else if (strcmp(option, "oauth") == 0)
		account->oauth = true;
	else if (value != NULL && strcmp(option, "mechanism") == 0)
		account->mechanism = value;
	else if (value != NULL && strcmp(option, "cafile") == 0)
		account->cafile = value;
	else if (value != NULL && strcmp(option, "certfile") == 0)
		account->certfile = value, account->secret = NULL;
	else if (value != NULL && strcmp(option, "timeout") == 0)
		account->timeout = (unsigned int)strtoul(value, NULL, 10);
	else
		exit(64);
}

static char *read_line(void)
{
	char *line = NULL;
	size_t alloc = 0;

	if (getline(&line, &alloc, stdin) < 0) {
		free(line);
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void *wait_for_interrupt(void *set)
{
	int number;

	if (sigwait(set, &number) == 0)
		imap_wake_stop(wake);
	return NULL;
}

static void stop_by_interrupt(void)
{
	static sigset_t set; /* outlives the thread */
	pthread_t thread;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 ||
	    pthread_create(&thread, NULL, wait_for_interrupt, &set) != 0)
		abort();
	(void)pthread_detach(thread);
}

static enum imap_err append(struct imap_client *client, const char *args)
{
	size_t name = strcspn(args, " ");
	uint64_t size = strtoull(args + name, NULL, 10);
	char *chunk = sqb_xmalloc(CHUNK);
	unsigned int n;

	/* Lines that compress, and are lines. */
	for (size_t i = 0; i < CHUNK; i++)
		chunk[i] =
			"the quick brown fox jumps over a dog lazily..\r\n"[i %
									    47];
	imap_command_begin(client);
	imap_command_text(client, "APPEND ");
	imap_command_string(client, args, name);
	imap_command_text(client, " ");
	imap_command_literal(client, size);
	for (uint64_t left = size, part; left > 0; left -= part) {
		part = left > CHUNK ? CHUNK : left;
		imap_command_octets(client, chunk, part);
	}
	n = imap_command_send(client);
	free(chunk);
	return imap_command_wait(client, n, NULL);
}

static enum imap_err run(struct imap_client *client, const char *line)
{
	struct imap_traffic traffic;
	struct rusage usage;

	if (strncmp(line, "append ", 7) == 0)
		return append(client, line + 7);
	if (strncmp(line, "idle ", 5) == 0)
		return imap_client_idle(
			client, (unsigned int)strtoul(line + 5, NULL, 10));
	if (strcmp(line, "traffic") == 0) {
		traffic = imap_client_traffic(client);
		printf("received %ju sent %ju waits %ju\n",
		       (uintmax_t)traffic.received, (uintmax_t)traffic.sent,
		       (uintmax_t)traffic.waits);
		return IMAP_OK;
	}
	if (strcmp(line, "memory") == 0) {
		(void)getrusage(RUSAGE_SELF, &usage);
		printf("memory %ld\n", usage.ru_maxrss);
		return IMAP_OK;
	}
	imap_command_begin(client);
	imap_command_text(client, line);
	return imap_command_wait(client, imap_command_send(client), NULL);
}

static void answer(enum imap_err err, const char *why)
{
	if (err == IMAP_OK)
		printf("= ok\n");
	else
		printf("= %s: %s\n", imap_err_name(err), why);
	(void)fflush(stdout);
}

static void serve(struct imap_client *client)
{
	char *line;

	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]);
	     i++)
		if (imap_client_can(client, capabilities[i].capability))
			printf("can %s\n", capabilities[i].name);
	answer(IMAP_OK, "");
	while ((line = read_line()) != NULL) {
		enum imap_err err = run(client, line);

		answer(err, imap_client_why(client));
		free(line);
	}
}

int main(int argc, char *argv[])
{
	struct imap_account account = { .secret = give_password };
	struct imap_transport *transport;
	struct imap_client *client = NULL;
	char *why = NULL;
	enum imap_err err;

	if (argc < 4)
		return 64;
	(void)signal(SIGPIPE, SIG_IGN);
	account.host = argv[1];
	account.port = (uint16_t)strtoul(argv[2], NULL, 10);
	account.user = argv[3];
	account.wake = wake = imap_wake_new();
	for (int i = 4; i < argc; i++)
		set_option(&account, argv[i]);
	password = read_line();
	if (password == NULL || wake == NULL)
		return 64;
	stop_by_interrupt();
	err = imap_connect(&account, &transport, &why);
	if (err == IMAP_OK)
		err = imap_client_open(transport, &handler, &client, &why);
	if (err == IMAP_OK)
		serve(client);
	else
		answer(err, why);
	imap_client_close(&client);
	imap_wake_free(&wake);
	free(why);
	free(password);
	return err == IMAP_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
