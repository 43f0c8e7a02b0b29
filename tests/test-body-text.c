/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* Decoded texts, kept with their bodies. */
#include "common/body-text.h"
#include "common/maintain.h"
#include "common/message.h"
#include "common/txn.h"
#include "tests/support.h"

#include <stdlib.h>
#include <string.h>

#define MAKER 7

static struct sqb_store *st;
static struct sqb_body_id body;

static void setup(void)
{
	struct sqb_message_new args = { .date = T_DATE };
	struct sqb_body_writer *w;
	struct sqb_message msg;
	uint32_t uid;

	st = t_store_open();
	w = sqb_body_begin(st);
	t_ok(st, sqb_body_write(w, "\r\nx\r\n", 5));
	t_ok(st, sqb_body_finish(w, NULL));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_append(st, T_INBOX, w, &args, &uid));
	t_ok(st, sqb_txn_commit(st));
	sqb_body_writer_free(&w);
	t_ok(st, sqb_message_get(st, T_INBOX, uid, &msg));
	body = msg.body;
}

static void teardown(void)
{
	t_store_close(&st);
}

static enum sqb_err put(const char *text, size_t size)
{
	struct sqb_body_text *packed;
	enum sqb_err err;

	t_ok(st, sqb_body_text_pack(st, body, MAKER, text, size, &packed));
	t_ok(st, sqb_txn_begin(st));
	err = sqb_body_text_put(st, packed);
	t_ok(st, sqb_txn_commit(st));
	sqb_body_text_free(&packed);
	return err;
}

static void text_is(const char *want)
{
	uint64_t stored;
	size_t size;
	char *text;

	t_ok(st, sqb_body_text_size(st, body, MAKER, &stored));
	ck_assert_uint_eq(stored, strlen(want));
	t_ok(st, sqb_body_text_get(st, body, MAKER, &text, &size));
	ck_assert_uint_eq(size, strlen(want));
	ck_assert_mem_eq(text, want, size);
	free(text);
}

static void there_is_none(unsigned int maker)
{
	uint64_t stored;
	size_t size;
	char *text;

	t_fails(sqb_body_text_size(st, body, maker, &stored), SQB_NOTFOUND);
	t_fails(sqb_body_text_get(st, body, maker, &text, &size), SQB_NOTFOUND);
}

START_TEST(is_kept)
{
	there_is_none(MAKER);
	t_ok(st, put("first", 5));
	text_is("first");
	t_store_reopen(&st);
	text_is("first");
	t_ok(st, put("", 0));
	text_is("");
	there_is_none(MAKER + 1);
}
END_TEST

START_TEST(of_a_large_one_the_size_is_kept)
{
	char *large = calloc(1, SQB_BODY_CHUNK + 1);
	uint64_t stored;
	size_t size;

	t_ok(st, put(large, SQB_BODY_CHUNK + 1));
	free(large);
	t_ok(st, sqb_body_text_size(st, body, MAKER, &stored));
	ck_assert_uint_eq(stored, SQB_BODY_CHUNK + 1);
	t_fails(sqb_body_text_get(st, body, MAKER, &large, &size),
		SQB_NOTFOUND);
}
END_TEST

START_TEST(goes_with_its_body)
{
	uint64_t freed;

	t_ok(st, put("x", 1));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, T_INBOX, 1, 1, NULL));
	t_ok(st, sqb_txn_commit(st));
	text_is("x");
	t_ok(st, sqb_purge(st, 0, 0, &freed));
	ck_assert_uint_eq(freed, 1);
	there_is_none(MAKER);
	t_fails(put("late", 4), SQB_NOTFOUND);
	there_is_none(MAKER);
}
END_TEST

START_TEST(says_nothing_of_mail)
{
	struct sqb_mailbox_status before, after;

	t_ok(st, sqb_mailbox_status(st, T_INBOX, &before));
	t_ok(st, put("x", 1));
	t_ok(st, sqb_mailbox_status(st, T_INBOX, &after));
	ck_assert_uint_eq(before.highestmodseq, after.highestmodseq);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("body-text");
	TCase *tc = tcase_create("body-text");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, is_kept);
	tcase_add_test(tc, of_a_large_one_the_size_is_kept);
	tcase_add_test(tc, goes_with_its_body);
	tcase_add_test(tc, says_nothing_of_mail);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
