/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_FIXTURE_MESSAGE_H
#define TEST_FIXTURE_MESSAGE_H

#include "common/maintain.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

/* What the tests of messages share. */

static const char mail[] =
	"Subject: x\r\n\r\nbody\r\n"; /* 20 octets, 3 lines */

static struct sqb_store *st;
static struct sqb_body_writer *writer; /* of the mail above */
static struct sqb_mailbox_id other;

static inline void setup(void)
{
	st = t_store_open();
	writer = t_body(st, mail, strlen(mail));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, "box/other", NULL, &other));
	t_ok(st, sqb_txn_commit(st));
}

static inline void teardown(void)
{
	sqb_body_writer_free(&writer);
	t_store_close(&st);
}

static inline uint32_t append(struct sqb_mailbox_id box,
			      const struct sqb_message_new *args)
{
	uint32_t uid = 0;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_append(st, box, writer, args, &uid));
	t_ok(st, sqb_txn_commit(st));
	return uid;
}

static inline struct sqb_message get(struct sqb_mailbox_id box, uint32_t uid)
{
	struct sqb_message msg;

	t_ok(st, sqb_message_get(st, box, uid, &msg));
	return msg;
}

static inline struct sqb_mailbox_status status_of(struct sqb_mailbox_id box)
{
	struct sqb_mailbox_status status;

	t_ok(st, sqb_mailbox_status(st, box, &status));
	return status;
}

/* Numbers 0 to 69, made once. */
static inline void make_keywords(void)
{
	uint32_t number;
	char name[16];
	int i;

	t_ok(st, sqb_txn_begin(st));
	for (i = 0; i < 70; i++) {
		(void)snprintf(name, sizeof(name), "k%d", i);
		t_ok(st, sqb_keyword_number(st, name, true, &number));
	}
	t_ok(st, sqb_txn_commit(st));
}

static inline TCase *new_case(Suite *suite, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	suite_add_tcase(suite, tc);
	return tc;
}

#endif
