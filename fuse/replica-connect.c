/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The account as the command line describes it, to the client.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/imap/connect.h"
#include "fuse/replica-private.h"

/* A token lives for an hour, often; one that was just given is good. */
#define TOKEN_SECS 60

static time_t now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* As at the start, but that nobody is asked. */
static void renew(struct ifs_replica *replica, char **why_r)
{
	const struct ifs_remote_options *remote = &replica->fs->opts->remote;
	struct ifs_secret_source from = { .user = remote->account.user,
					  .host = remote->account.host,
					  .passcmd = remote->passcmd,
					  .netrc = remote->netrc };
	char *secret = NULL;

	(void)ifs_secret_get(&from, &secret, why_r);
	(void)pthread_mutex_lock(&replica->lock);
	ifs_secret_free(&replica->secret);
	replica->secret = secret;
	replica->taken = now();
	(void)pthread_mutex_unlock(&replica->lock);
}

static char *get_secret(void *ctx, char **why_r)
{
	struct ifs_replica *replica = ctx;
	char *secret = NULL;
	bool old;

	(void)pthread_mutex_lock(&replica->lock);
	if (replica->taken == 0)
		replica->taken = now();
	old = replica->secret == NULL || (replica->fs->opts->remote.oauth &&
					  now() - replica->taken > TOKEN_SECS);
	(void)pthread_mutex_unlock(&replica->lock);
	if (old)
		renew(replica, why_r);
	(void)pthread_mutex_lock(&replica->lock);
	if (replica->secret != NULL)
		secret = sqb_xstrdup(replica->secret);
	(void)pthread_mutex_unlock(&replica->lock);
	return secret;
}

/* The first result is what the start waits for; a wrong password is none. */
static void note(struct ifs_replica *replica, enum imap_err err,
		 const char *why)
{
	(void)pthread_mutex_lock(&replica->lock);
	if (err == IMAP_AUTH)
		ifs_secret_free(&replica->secret);
	if (!replica->tried) {
		replica->tried = true;
		replica->login = err;
		replica->why = why != NULL ? sqb_xstrdup(why) : NULL;
		(void)pthread_cond_signal(&replica->answered);
	}
	(void)pthread_mutex_unlock(&replica->lock);
}

enum imap_err ifs_replica_connect(void *ctx, struct imap_wake *wake,
				  struct imap_transport **transport_r,
				  char **why_r)
{
	struct ifs_replica *replica = ctx;
	const struct ifs_remote_options *remote = &replica->fs->opts->remote;
	struct imap_account account = {
		.host = remote->account.host,
		.port = (uint16_t)remote->account.port,
		.starttls = !remote->account.tls,
		.user = remote->account.user,
		.secret = get_secret,
		.secret_ctx = replica,
		.oauth = remote->oauth,
		.cafile = remote->cafile,
		.timeout = remote->timeout * 1000,
		.wake = wake,
	};
	enum imap_err err = imap_connect(&account, transport_r, why_r);

	note(replica, err, err == IMAP_OK ? NULL : *why_r);
	return err;
}
