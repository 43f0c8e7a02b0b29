/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * remote-live PORT USER PASSWORD-FILE DAYS STORE: a replica that is kept in
 * step by its threads, for tests.  It obeys lines on standard input, words
 * separated by tabs, and answers each with one line:
 *
 *	body BOX UID MS, sync MS, sent MS, retry	ok, waiting, offline,
 *... bodies BOX LO HI MS	the same, of that many at a time, each by a
 *thread changed, wake		ok status			lines, then ok
 *
 * DAYS is which bodies are fetched unasked, as in remote.h.
 */
#include "sqbox-config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/txn.h"
#include "fuse/remote/remote.h"
#include "tests/plain-imap.h"

#define WORDS 6
#define THREADS_MAX 64

static struct sqb_store *writing, *reading;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static struct sqb_store *lock_store(void *ctx)
{
	(void)ctx;
	(void)pthread_mutex_lock(&turn);
	return writing;
}

static void unlock_store(void *ctx)
{
	(void)ctx;
	(void)pthread_mutex_unlock(&turn);
}

static enum sqb_err begin(void *ctx, struct sqb_store *st)
{
	(void)ctx;
	return sqb_txn_begin(st);
}

static enum sqb_err finish(void *ctx, struct sqb_store *st, enum sqb_err err)
{
	(void)ctx;
	if (err == SQB_OK)
		err = sqb_txn_commit(st);
	else
		sqb_txn_rollback(st);
	return err == SQB_OK ? sqb_sync(st) : err;
}

static const char *name_of(enum rem_result result)
{
	switch (result) {
	case REM_OK:
		return "ok";
	case REM_WAITING:
		return "waiting";
	case REM_OFFLINE:
		return "offline";
	case REM_GONE:
		return "gone";
	case REM_REFUSED:
		return "refused";
	case REM_FAILED:
		return "failed";
	}
	return "?";
}

static unsigned int number(const char *word)
{
	return word == NULL ? 0 : (unsigned int)strtoul(word, NULL, 10);
}

struct reader {
	pthread_t thread;
	struct rem *rem;
	struct sqb_mailbox_id box;
	uint32_t uid;
	unsigned int milliseconds;
	enum rem_result result;
};

static void *read_one(void *ctx)
{
	struct reader *r = ctx;

	r->result = rem_want_body(r->rem, r->box, r->uid, r->milliseconds);
	return NULL;
}

/* Each by a thread of its own; the worst of the results. */
static enum rem_result bodies(struct rem *rem, struct sqb_mailbox_id box,
			      uint32_t lo, uint32_t hi, unsigned int ms)
{
	struct reader readers[THREADS_MAX];
	enum rem_result result = REM_OK;
	uint32_t i, count = hi - lo + 1;

	if (count > THREADS_MAX)
		return REM_FAILED;
	for (i = 0; i < count; i++) {
		readers[i] = (struct reader){ .rem = rem,
					      .box = box,
					      .uid = lo + i,
					      .milliseconds = ms };
		if (pthread_create(&readers[i].thread, NULL, read_one,
				   &readers[i]) != 0)
			abort();
	}
	for (i = 0; i < count; i++) {
		(void)pthread_join(readers[i].thread, NULL);
		if (readers[i].result > result)
			result = readers[i].result;
	}
	return result;
}

static enum rem_result obey(struct rem *rem, char **words)
{
	struct sqb_mailbox_id box;
	char *text;

	if (strcmp(words[0], "status") == 0) {
		text = rem_status(rem);
		(void)fputs(text, stdout);
		free(text);
		return REM_OK;
	}
	if (strcmp(words[0], "changed") == 0)
		rem_changed(rem);
	else if (strcmp(words[0], "wake") == 0)
		rem_wake(rem);
	else if (strcmp(words[0], "sync") == 0)
		return rem_sync(rem, NULL, number(words[1]));
	else if (strcmp(words[0], "sent") == 0)
		return rem_want_sent(rem, NULL, number(words[1]));
	else if (strcmp(words[0], "retry") == 0)
		return rem_retry(rem);
	else if (sqb_mailbox_find(reading, words[1], &box) != SQB_OK)
		return REM_FAILED;
	else if (strcmp(words[0], "bodies") == 0)
		return bodies(rem, box, number(words[2]), number(words[3]),
			      number(words[4]));
	else
		return rem_want_body(rem, box, number(words[2]),
				     number(words[3]));
	return REM_OK;
}

static void serve(struct rem *rem)
{
	char line[512], *words[WORDS + 1], *rest;
	size_t n;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		memset(words, 0, sizeof(words));
		words[0] = strtok_r(line, "\t", &rest);
		for (n = 1; n < WORDS && words[n - 1] != NULL; n++)
			words[n] = strtok_r(NULL, "\t", &rest);
		if (words[0] != NULL)
			(void)printf("%s\n", name_of(obey(rem, words)));
	}
}

int main(int argc, char **argv)
{
	struct plain_imap plain = { 0 };
	struct rem_options opts = {
		.store = { lock_store, unlock_store, begin, finish, NULL },
		.connect = { plain_connect, &plain },
	};
	char *error = NULL, *account;
	struct rem *rem;

	if (argc != 6)
		return 2;
	plain.port = (uint16_t)number(argv[1]);
	plain.user = argv[2];
	plain.password_file = argv[3];
	opts.bodies_days = (int)strtol(argv[4], NULL, 10);
	opts.dir = argv[5];
	account = sqb_xasprintf("imap://%s@127.0.0.1", plain.user);
	opts.account = account;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (sqb_store_open(opts.dir, SQB_OPEN_CREATE, &writing, &error) ==
		    SQB_OK &&
	    sqb_store_open(opts.dir, SQB_OPEN_READONLY, &reading, &error) ==
		    SQB_OK &&
	    rem_start(&opts, &rem, &error) == SQB_OK) {
		serve(rem);
		rem_stop(&rem);
	}
	if (error != NULL)
		(void)fprintf(stderr, "remote-live: %s\n", error);
	free(account);
	if (reading != NULL)
		sqb_store_close(&reading);
	if (writing != NULL)
		sqb_store_close(&writing);
	return error == NULL ? 0 : 1;
}
