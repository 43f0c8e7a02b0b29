/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_FIXTURE_MAILBOX_H
#define TEST_FIXTURE_MAILBOX_H

#include "common/attribute.h"
#include "common/changes.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the tests of mailboxes share. */

static struct sqb_store *st;

static inline void setup(void)
{
	st = t_store_open();
}

static inline void teardown(void)
{
	t_store_close(&st);
}

static inline struct sqb_mailbox_id create(const char *name)
{
	struct sqb_mailbox_id id = { 0 };

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, name, NULL, &id));
	t_ok(st, sqb_txn_commit(st));
	return id;
}

static inline void remove_box(const char *name)
{
	struct sqb_mailbox_id id;

	t_ok(st, sqb_mailbox_find(st, name, &id));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_delete(st, id));
	t_ok(st, sqb_txn_commit(st));
}

static inline struct sqb_mailbox_status status_of(const char *name)
{
	struct sqb_mailbox_status status;
	struct sqb_mailbox_id id;

	t_ok(st, sqb_mailbox_find(st, name, &id));
	t_ok(st, sqb_mailbox_status(st, id, &status));
	return status;
}

static inline bool exists(const char *name)
{
	struct sqb_mailbox_id id;
	enum sqb_err err = sqb_mailbox_find(st, name, &id);

	if (err != SQB_NOTFOUND)
		t_ok(st, err);
	return err == SQB_OK;
}

static inline void has_name(struct sqb_mailbox_id id, const char *want)
{
	char *name;

	t_ok(st, sqb_mailbox_name(st, id, &name));
	ck_assert_str_eq(name, want);
	free(name);
}

/* All full names, a line each. */
static inline void tree_is(const char *want)
{
	struct sqb_mailbox_iter *it = sqb_mailbox_iter_begin(st);
	struct sqb_mailbox_info info;
	char got[4096];
	size_t len = 0;

	got[0] = '\0';
	while (sqb_mailbox_iter_next(it, &info))
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s\n",
					info.name,
					info.status.noselect ? " (no)" : "");
	t_ok(st, sqb_mailbox_iter_end(&it));
	ck_assert_str_eq(got, want);
}

/* n octets of the same letter, to free(). */
static inline char *repeat(char c, size_t n)
{
	char *text = sqb_xmalloc(n + 1);

	memset(text, c, n);
	text[n] = '\0';
	return text;
}

/* n levels "a/a/...", to free(). */
static inline char *deep_name(size_t n)
{
	char *name = repeat('a', 2 * n - 1);
	size_t i;

	for (i = 1; i < 2 * n - 1; i += 2)
		name[i] = '/';
	return name;
}

/* A mailbox with a row in every table that can have one of it. */
static inline struct sqb_mailbox_id full_mailbox(const char *name)
{
	struct sqb_mailbox_id id = create(name);
	struct sqb_message_new args = { .pop3_uidl = "x", .date = T_DATE };
	struct sqb_body_writer *w = t_body(st, "a: b\r\n\r\n", 8);
	char keyword[16];
	uint32_t uid, more = 0;
	int i;

	t_ok(st, sqb_txn_begin(st));
	for (i = 0; i < 64; i++) {
		(void)snprintf(keyword, sizeof(keyword), "k%d", i);
		t_ok(st, sqb_keyword_number(st, keyword, true, &more));
	}
	args.keywords.more = &more;
	args.keywords.more_count = 1;
	t_ok(st, sqb_message_append(st, id, w, &args, &uid));
	t_ok(st, sqb_message_append(st, id, w, &args, &uid));
	t_ok(st, sqb_message_append(st, id, w, &args, &uid));
	t_ok(st, sqb_attribute_set(st, id, "/private/comment", "x", 1, 1));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, id, 1, 1, NULL));
	t_ok(st, sqb_txn_commit(st));
	t_sql(st, "INSERT INTO entry_name (mailbox_id, name, uid)"
		  " SELECT mailbox_id, x'78', uid FROM message LIMIT 1");
	sqb_body_writer_free(&w);
	return id;
}

static inline TCase *new_case(Suite *suite, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
	return tc;
}

#define COUNT(cases) ((int)(sizeof(cases) / sizeof(*(cases))))

#endif
