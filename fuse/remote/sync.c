/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * A connection, its handlers, and transactions.
 */
#include "fuse/remote/sync.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/txn.h"
#include "common/utf8.h"
#include "fuse/remote/apply.h"
#include "fuse/remote/bodies.h"
#include "fuse/remote/digest.h"
#include "fuse/remote/listing.h"
#include "fuse/remote/moved.h"

enum sqb_err rem_sync_init(struct rem_sync *sync,
			   const struct rem_options *opts, char **error_r)
{
	memset(sync, 0, sizeof(*sync));
	sync->opts = opts;
	rem_view_clear(&sync->view);
	return sqb_store_open(opts->dir, SQB_OPEN_READONLY, &sync->st, error_r);
}

void rem_sync_deinit(struct rem_sync *sync)
{
	rem_disconnect(sync);
	rem_boxes_free(&sync->boxes);
	rem_view_clear(&sync->view);
	rem_diff_free(&sync->diff);
	rem_moved_forget(sync);
	free(sync->held);
	free(sync->answered);
	free(sync->given_up);
	free(sync->why);
	if (sync->st != NULL)
		sqb_store_close(&sync->st);
}

void rem_note(struct rem_sync *sync, enum rem_level level, const char *format,
	      ...)
{
	char text[1024];
	va_list args;

	if (sync->opts->log == NULL)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sqb_utf8_printable(text); /* the server's words */
	sync->opts->log(sync->opts->ctx, level, text);
}

static bool fail(struct rem_sync *sync, enum rem_failure failure,
		 const char *why)
{
	if (sync->failure != REM_NO_FAILURE)
		return false; /* the first is what counts */
	sync->failure = failure;
	free(sync->why);
	sync->why = sqb_xstrdup(why);
	return false;
}

bool rem_fail_net(struct rem_sync *sync, enum imap_err err)
{
	sync->net = err;
	return fail(sync, REM_NET,
		    sync->client == NULL ? "not connected"
					 : imap_client_why(sync->client));
}

bool rem_fail_stale(struct rem_sync *sync, const struct rem_box *box)
{
	char *why =
		sqb_xasprintf("%s: its UIDs have changed meanwhile", box->path);

	sync->net = IMAP_LOST;
	(void)fail(sync, REM_NET, why);
	free(why);
	return false;
}

bool rem_fail_store(struct rem_sync *sync, struct sqb_store *st,
		    enum sqb_err err)
{
	const char *text = sqb_store_errmsg(st);

	return fail(sync, REM_STORE,
		    text == NULL || text[0] == '\0' ? sqb_err_name(err) : text);
}

struct sqb_store *rem_txn_begin(struct rem_sync *sync)
{
	const struct rem_store *store = &sync->opts->store;
	struct sqb_store *st = store->lock(store->ctx);
	enum sqb_err err = store->begin(store->ctx, st);

	if (err == SQB_OK)
		return st;
	(void)rem_fail_store(sync, st, err);
	store->unlock(store->ctx);
	return NULL;
}

bool rem_txn_end(struct rem_sync *sync, struct sqb_store *st, enum sqb_err err)
{
	const struct rem_store *store = &sync->opts->store;
	char *text = NULL;

	if (err != SQB_OK)
		text = sqb_xstrdup(sqb_store_errmsg(st));
	err = store->finish(store->ctx, st, err);
	if (err != SQB_OK && text == NULL)
		text = sqb_xstrdup(sqb_store_errmsg(st));
	store->unlock(store->ctx);
	if (err != SQB_OK)
		(void)fail(sync, REM_STORE,
			   text[0] == '\0' ? sqb_err_name(err) : text);
	free(text);
	return err == SQB_OK;
}

/* FETCH ends what its part was. */
static void end_parts(struct rem_sync *sync,
		      const struct imap_response *response)
{
	struct imap_fetch fetch;

	if ((sync->digests == NULL && sync->fetch == NULL) ||
	    !imap_fetch_get(response, &fetch) || fetch.part == NULL)
		return;
	if (sync->digests != NULL)
		rem_digests_uid(sync->digests, fetch.uid);
	if (sync->fetch != NULL)
		rem_fetch_uid(sync->fetch, fetch.uid, fetch.part);
}

static void untagged(void *ctx, const struct imap_response *response)
{
	struct rem_sync *sync = ctx;

	if (sync->listing != NULL && rem_listing_take(sync->listing, response))
		return;
	end_parts(sync, response);
	(void)rem_view_take(&sync->view, response);
	/* A batch, between responses: nothing is waited for. */
	if (!sync->view.keep && sync->view.seen_count >= REM_BATCH &&
	    sync->failure == REM_NO_FAILURE)
		(void)rem_apply_seen(sync);
}

static void part_begin(void *ctx, uint32_t seq, const struct imap_value *fetch,
		       const char *section, uint64_t size)
{
	struct rem_sync *sync = ctx;

	(void)seq;
	(void)fetch;
	(void)size;
	if (sync->digests != NULL)
		rem_digests_begin(sync->digests);
	else if (sync->fetch != NULL && section != NULL && section[0] == '\0')
		rem_fetch_begin(sync->fetch);
}

static void part_data(void *ctx, const void *data, size_t size)
{
	struct rem_sync *sync = ctx;

	if (sync->digests != NULL)
		rem_digests_data(sync->digests, data, size);
	else if (sync->fetch != NULL)
		rem_fetch_data(sync->fetch, data, size);
}

static void part_end(void *ctx, bool complete)
{
	struct rem_sync *sync = ctx;

	if (sync->digests != NULL)
		rem_digests_end(sync->digests, complete);
	else if (sync->fetch != NULL)
		rem_fetch_end(sync->fetch, complete);
}

bool rem_connect(struct rem_sync *sync)
{
	const struct rem_connect *connect = &sync->opts->connect;
	struct imap_handler handler = {
		.untagged = untagged,
		.part = { part_begin, part_data, part_end, sync },
		.ctx = sync,
	};
	struct imap_transport *transport;
	enum imap_err err;
	char *why = NULL;

	if (sync->client != NULL)
		return true;
	err = connect->connect(connect->ctx, sync->wake, &transport, &why);
	if (err == IMAP_OK)
		err = imap_client_open(transport, &handler, &sync->client,
				       &why);
	if (err != IMAP_OK) {
		sync->net = err;
		(void)fail(sync, REM_NET, why == NULL ? "no connection" : why);
	}
	free(why);
	return err == IMAP_OK;
}

void rem_disconnect(struct rem_sync *sync)
{
	imap_client_close(&sync->client);
	sync->ahead = 0;
	sync->idled = false;
	rem_view_clear(&sync->view);
	rem_diff_free(&sync->diff);
}

bool rem_wait(struct rem_sync *sync, unsigned int n, enum imap_err *err_r,
	      const struct imap_response **response_r)
{
	enum imap_err err;

	/* Being rung is no reason to leave off, being stopped is. */
	do {
		err = imap_command_wait(sync->client, n, response_r);
		if (err == IMAP_INTERRUPTED)
			sync->rung = true;
	} while (err == IMAP_INTERRUPTED &&
		 (sync->wake == NULL || !sync->wake->stopped));
	if (err != IMAP_OK && err != IMAP_NO && err != IMAP_BAD)
		return rem_fail_net(sync, err);
	*err_r = err;
	return sync->failure == REM_NO_FAILURE;
}
