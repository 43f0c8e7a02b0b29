/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * make-store DIR COUNT [COPIES]: add COUNT messages to INBOX of the store in
 * DIR, every tenth of them with a body of several chunks, and copy the last one
 * to Archive/2024, or so many times to Many.  A store is made if there is none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/message.h"
#include "common/subscription.h"
#include "common/txn.h"

static void ok(struct sqb_store *st, enum sqb_err err)
{
	if (err == SQB_OK)
		return;
	fprintf(stderr, "make-store: %s\n", sqb_store_errmsg(st));
	exit(1);
}

static struct sqb_mailbox_id need_mailbox(struct sqb_store *st,
					  const char *name)
{
	struct sqb_mailbox_id id;
	enum sqb_err err = sqb_mailbox_find(st, name, &id);

	if (err != SQB_NOTFOUND) {
		ok(st, err);
		return id;
	}
	ok(st, sqb_txn_begin(st));
	ok(st, sqb_mailbox_create(st, name, NULL, &id));
	ok(st, sqb_subscribe(st, name, true, NULL));
	ok(st, sqb_txn_commit(st));
	return id;
}

/* Octets that do not compress, in lines: a large body has several chunks. */
static void write_noise(struct sqb_store *st, struct sqb_body_writer *w,
			size_t size)
{
	static const char digits[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char line[78];
	size_t i;

	for (; size >= sizeof(line); size -= sizeof(line)) {
		for (i = 0; i < sizeof(line) - 2; i++)
			line[i] =
				digits[(size_t)random() % (sizeof(digits) - 1)];
		line[sizeof(line) - 2] = '\r';
		line[sizeof(line) - 1] = '\n';
		ok(st, sqb_body_write(w, line, sizeof(line)));
	}
}

static struct sqb_body_writer *make_body(struct sqb_store *st, unsigned int n)
{
	struct sqb_body_writer *w = sqb_body_begin(st);
	char text[128];
	int len = snprintf(text, sizeof(text),
			   "From: a@example.org\r\nSubject: message %u\r\n"
			   "\r\nThis is message %u.\r\n",
			   n, n);

	ok(st, sqb_body_write(w, text, (size_t)len));
	write_noise(st, w, n % 10 == 0 ? 3 * SQB_BODY_CHUNK : 500);
	ok(st, sqb_body_finish(w, NULL));
	return w;
}

static uint32_t append(struct sqb_store *st, struct sqb_mailbox_id box,
		       unsigned int n)
{
	struct sqb_body_writer *w = make_body(st, n);
	struct sqb_message_new args = {
		.flags = n % 2 == 0 ? SQB_SEEN : 0,
		.date = time(NULL),
		.save_date = time(NULL),
	};
	uint32_t uid = 0;
	uint32_t keyword;

	ok(st, sqb_txn_begin(st));
	ok(st, sqb_keyword_number(st, "$Forwarded", true, &keyword));
	args.keywords.mask = n % 3 == 0 ? (uint64_t)1 << keyword : 0;
	ok(st, sqb_message_append(st, box, w, &args, &uid));
	ok(st, sqb_txn_commit(st));
	ok(st, sqb_sync(st));
	sqb_body_writer_free(&w);
	return uid;
}

static void copy(struct sqb_store *st, struct sqb_mailbox_id box, uint32_t uid,
		 struct sqb_mailbox_id dst)
{
	struct sqb_message_new args = { .date = time(NULL),
					.save_date = time(NULL) };
	struct sqb_message msg;

	ok(st, sqb_txn_begin(st));
	ok(st, sqb_message_get(st, box, uid, &msg));
	ok(st, sqb_message_copy(st, &msg, dst, &args, &uid));
	ok(st, sqb_txn_commit(st));
	ok(st, sqb_sync(st));
}

/* In few transactions: a million take some seconds. */
static void copy_many(struct sqb_store *st, struct sqb_mailbox_id box,
		      uint32_t uid, struct sqb_mailbox_id dst,
		      unsigned long copies)
{
	struct sqb_message_new args = { .save_date = time(NULL) };
	struct sqb_message msg;
	unsigned long n;

	ok(st, sqb_message_get(st, box, uid, &msg));
	for (n = 0; n < copies; n++) {
		if (n % 100000 == 0)
			ok(st, sqb_txn_begin(st));
		args.date = msg.date + (time_t)n;
		ok(st, sqb_message_copy(st, &msg, dst, &args, &uid));
		if (n % 100000 == 99999 || n + 1 == copies) {
			ok(st, sqb_txn_commit(st));
			ok(st, sqb_sync(st));
			ok(st, sqb_checkpoint_if_due(st));
		}
	}
}

int main(int argc, char **argv)
{
	struct sqb_mailbox_id inbox;
	struct sqb_store *st;
	char *error = NULL;
	uint32_t uid = 0;
	unsigned long n, count;

	if (argc != 3 && argc != 4) {
		fputs("usage: make-store DIR COUNT [COPIES]\n", stderr);
		return 64;
	}
	count = strtoul(argv[2], NULL, 10);
	if (sqb_store_open(argv[1], SQB_OPEN_CREATE, &st, &error) != SQB_OK) {
		fprintf(stderr, "make-store: %s\n", error);
		free(error);
		return 1;
	}
	inbox = need_mailbox(st, "INBOX");
	for (n = 1; n <= count; n++)
		uid = append(st, inbox, (unsigned int)n);
	if (uid != 0 && argc == 4)
		copy_many(st, inbox, uid, need_mailbox(st, "Many"),
			  strtoul(argv[3], NULL, 10));
	else if (uid != 0)
		copy(st, inbox, uid, need_mailbox(st, "Archive/2024"));
	sqb_store_close(&st);
	return 0;
}
