/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The state of a replica in words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/remote/remote-private.h"

static void put_time(FILE *f, const char *what, time_t t)
{
	struct tm tm;
	char text[40];

	if (t == 0 || gmtime_r(&t, &tm) == NULL)
		return;
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	(void)fprintf(f, "%s: %s\n", what, text);
}

static const char *state_of(const struct rem_box *box)
{
	if (box->error != NULL)
		return "error";
	if (!box->exists || box->noselect)
		return "not kept";
	if (box->highestmodseq > box->row.pushed)
		return "waiting";
	return box->row.uidvalidity == 0 ? "not synced" : "synced";
}

char *rem_folder_lines(const struct rem_sync *sync)
{
	const struct rem_box *box;
	char *text = NULL;
	size_t size = 0, i;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		return NULL;
	for (i = 0; i < sync->boxes.count; i++) {
		box = sync->boxes.list[i];
		(void)fprintf(f, "folder: %s: %s, %" PRIu32 " messages%s%s\n",
			      box->here == NULL ? box->path : box->here,
			      state_of(box), box->messages,
			      box->error == NULL ? "" : ": ",
			      box->error == NULL ? "" : box->error);
	}
	(void)fclose(f);
	return text;
}

static void put_link(FILE *f, const struct rem *rem)
{
	static const char *const names[] = { "connecting", "online",
					     "offline" };

	(void)fprintf(f, "account: %s\nconnection: %s\n", rem->opts.account,
		      names[rem->link]);
	put_time(f, "synced", rem->synced_at);
	put_time(f, "retry", rem->retry_at);
	if (rem->last_error != NULL)
		(void)fprintf(f, "error: %s\n", rem->last_error);
	put_time(f, "error-time", rem->error_at);
}

/* What the mailboxes have to tell: counted by its walks, in one snapshot. */
static void put_queue(FILE *f, struct sqb_store *st)
{
	struct sqb_remote_counts counts;
	uint64_t queue;

	if (rem_queue_length(st, &queue) == SQB_OK)
		(void)fprintf(f, "queue: %" PRIu64 "\n", queue);
	if (sqb_remote_counts(st, &counts) == SQB_OK)
		(void)fprintf(
			f, "refused: %" PRIu64 "\nabsent-bodies: %" PRIu64 "\n",
			counts.refused, counts.absent);
}

char *rem_status(struct rem *rem)
{
	struct sqb_store *st = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		return sqb_xstrdup("");
	/* A handle of its own: the threads' are in use. */
	if (sqb_store_open(rem->opts.dir, SQB_OPEN_READONLY, &st, NULL) !=
	    SQB_OK)
		st = NULL;
	(void)pthread_mutex_lock(&rem->lock);
	put_link(f, rem);
	(void)fprintf(f,
		      "received: %" PRIu64 "\nsent: %" PRIu64
		      "\nround-trips: %" PRIu64 "\n",
		      rem->traffic.received + rem->now.received +
			      rem->fetch_traffic.received +
			      rem->fetch_now.received,
		      rem->traffic.sent + rem->now.sent +
			      rem->fetch_traffic.sent + rem->fetch_now.sent,
		      rem->traffic.waits + rem->now.waits +
			      rem->fetch_traffic.waits + rem->fetch_now.waits);
	if (rem->folders != NULL)
		(void)fputs(rem->folders, f);
	(void)pthread_mutex_unlock(&rem->lock);
	if (st != NULL) {
		put_queue(f, st);
		sqb_store_close(&st);
	}
	(void)fclose(f);
	return text;
}
