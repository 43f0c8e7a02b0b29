/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * remote-sync OPTION ... STORE: sync a replica once, without threads, for
 * tests.
 *
 *	--port=N --user=NAME --password=FILE	of a server on 127.0.0.1
 *	--bodies	fetch all bodies, too
 *	--only-bodies	and nothing else
 *	--retry		what was refused is tried again
 *	--readonly	change nothing at the server
 *	--trace		show what is sent, on standard error
 *	--cut-commit=N	die after the Nth transaction
 *	--cut-line=N	die after the Nth line sent
 *
 * It prints what was done, one figure a line.  Exit 0: well; 1: it failed,
 * with the reason; 3: it died where it was told to.
 */
#include "sqbox-config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/txn.h"
#include "fuse/remote/bodies.h"
#include "fuse/remote/sync.h"
#include "tests/plain-imap.h"

static struct sqb_store *writing;
static struct plain_imap plain;
static unsigned int cut_commit, commits;

static struct sqb_store *lock_store(void *ctx)
{
	(void)ctx;
	return writing;
}

static void unlock_store(void *ctx)
{
	(void)ctx;
}

static enum sqb_err begin(void *ctx, struct sqb_store *st)
{
	(void)ctx;
	return sqb_txn_begin(st);
}

static enum sqb_err finish(void *ctx, struct sqb_store *st, enum sqb_err err)
{
	(void)ctx;
	if (err != SQB_OK) {
		sqb_txn_rollback(st);
		return err;
	}
	err = sqb_txn_commit(st);
	if (err == SQB_OK && ++commits == cut_commit)
		_exit(PLAIN_DIED);
	return err == SQB_OK ? sqb_sync(st) : err;
}

static void log_line(void *ctx, enum rem_level level, const char *text)
{
	(void)ctx;
	(void)printf("%s: %s\n", level == REM_WARNING ? "warning" : "note",
		     text);
}

static int die(const char *what, const char *why)
{
	(void)printf("failed: %s: %s\n", what, why == NULL ? "?" : why);
	return 1;
}

static void print_figures(const struct rem_sync *sync)
{
	struct imap_traffic traffic = { 0 };

	if (sync->client != NULL)
		traffic = imap_client_traffic(sync->client);
	(void)printf("pulled: %u\n", sync->pulled);
	(void)printf("pushed: %u\n", sync->pushed_all);
	(void)printf("refused: %u\n", sync->refused);
	(void)printf("waiting: %u\n", sync->waiting);
	(void)printf("commits: %u\n", commits);
	(void)printf("received: %" PRIu64 "\n", traffic.received);
	(void)printf("sent: %" PRIu64 "\n", traffic.sent);
	(void)printf("waits: %" PRIu64 "\n", traffic.waits);
}

static enum sqb_err prepare(const struct rem_options *opts, bool retry)
{
	enum sqb_err err = sqb_txn_begin(writing);

	if (err != SQB_OK)
		return err;
	err = sqb_remote_account_set(writing, opts->account);
	if (err == SQB_OK && retry)
		err = rem_retry_rows(writing);
	if (err == SQB_OK)
		return sqb_txn_commit(writing);
	sqb_txn_rollback(writing);
	return err;
}

static int run(const struct rem_options *opts, bool pass, bool bodies)
{
	struct rem_sync sync;
	char *why = NULL;
	int ret = 0;

	if (rem_sync_init(&sync, opts, &why) != SQB_OK) {
		ret = die("open", why);
		free(why);
		return ret;
	}
	if (pass && !rem_pass(&sync))
		ret = die("pass", sync.why);
	if (ret == 0 && bodies &&
	    (!rem_connect(&sync) ||
	     rem_boxes_load(sync.st, &sync.boxes) != SQB_OK ||
	     !rem_fetch_absent(&sync, 0)))
		ret = die("bodies", sync.why);
	if (ret == 0)
		print_figures(&sync);
	rem_sync_deinit(&sync);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "user", required_argument, NULL, 'u' },
		{ "password", required_argument, NULL, 'w' },
		{ "bodies", no_argument, NULL, 'b' },
		{ "only-bodies", no_argument, NULL, 'B' },
		{ "retry", no_argument, NULL, 'r' },
		{ "readonly", no_argument, NULL, 'R' },
		{ "trace", no_argument, NULL, 't' },
		{ "cut-commit", required_argument, NULL, 'c' },
		{ "cut-line", required_argument, NULL, 'l' },
		{ 0 },
	};
	struct rem_options opts = {
		.store = { lock_store, unlock_store, begin, finish, NULL },
		.connect = { plain_connect, &plain },
		.log = log_line,
	};
	bool pass = true, bodies = false, retry = false;
	char *error = NULL, *account;
	enum sqb_err err;
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'p':
			plain.port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'u':
			plain.user = optarg;
			break;
		case 'w':
			plain.password_file = optarg;
			break;
		case 'B':
			pass = false;
			bodies = true;
			break;
		case 'b':
			bodies = true;
			break;
		case 'r':
			retry = true;
			break;
		case 'R':
			opts.readonly = true;
			break;
		case 't':
			plain.trace = true;
			break;
		case 'c':
			cut_commit = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'l':
			plain.cut_line =
				(unsigned int)strtoul(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	}
	if (optind + 1 != argc || plain.user == NULL ||
	    plain.password_file == NULL)
		return 2;
	opts.dir = argv[optind];
	account = sqb_xasprintf("imap://%s@127.0.0.1", plain.user);
	opts.account = account;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	err = sqb_store_open(opts.dir, SQB_OPEN_CREATE, &writing, &error);
	if (err != SQB_OK) {
		free(account);
		return die("open", error);
	}
	err = prepare(&opts, retry);
	ret = err == SQB_OK ? run(&opts, pass, bodies)
			    : die("account", sqb_store_errmsg(writing));
	sqb_store_close(&writing);
	free(account);
	return ret;
}
