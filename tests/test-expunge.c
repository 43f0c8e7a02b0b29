/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Expunge: rows, counters, journal, and what becomes of bodies.
 */
#include "common/changes.h"
#include "common/message.h"
#include "common/txn.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

static struct sqb_store *st;

/* Ten messages with a body each; the even ones are \Seen. */
static void setup(void)
{
	struct sqb_message_new args;
	struct sqb_body_writer *w;
	uint32_t uid;
	int i;

	st = t_store_open();
	t_ok(st, sqb_txn_begin(st));
	for (i = 1; i <= 10; i++) {
		w = t_body(st, "a: b\r\n\r\n", 8);
		memset(&args, 0, sizeof(args));
		args.flags = i % 2 == 0 ? SQB_SEEN : 0;
		t_ok(st, sqb_message_append(st, T_INBOX, w, &args, &uid));
		sqb_body_writer_free(&w);
	}
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_sync(st));
}

static void teardown(void)
{
	t_store_close(&st);
}

static uint64_t expunge(uint32_t lo, uint32_t hi)
{
	uint64_t count = 999;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, T_INBOX, lo, hi, &count));
	t_ok(st, sqb_txn_commit(st));
	return count;
}

static struct sqb_mailbox_status status(void)
{
	struct sqb_mailbox_status s;

	t_ok(st, sqb_mailbox_status(st, T_INBOX, &s));
	return s;
}

/* The whole journal of INBOX as "1:3 5 7:8". */
static void journal_is(const char *want)
{
	struct sqb_vanished_iter *it = sqb_vanished_iter_begin(st, T_INBOX, 0);
	uint32_t lo, hi;
	char got[256];
	size_t len = 0;

	got[0] = '\0';
	while (sqb_vanished_iter_next(it, &lo, &hi)) {
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%u",
					len > 0 ? " " : "", lo);
		if (hi != lo)
			len += (size_t)snprintf(got + len, sizeof(got) - len,
						":%u", hi);
	}
	t_ok(st, sqb_vanished_iter_end(&it));
	ck_assert_str_eq(got, want);
}

static int64_t count(const char *table)
{
	char sql[80];

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	return t_sql_int(st, sql);
}

START_TEST(rows_go_and_counters_follow)
{
	struct sqb_mailbox_status before = status(), after;
	struct sqb_message msg;

	ck_assert_uint_eq(expunge(2, 4), 3);
	t_fails(sqb_message_get(st, T_INBOX, 3, &msg), SQB_NOTFOUND);
	after = status();
	ck_assert_uint_eq(after.messages, 7);
	ck_assert_uint_eq(after.unseen, 4);
	ck_assert_uint_eq(after.vsize, 56);
	ck_assert_uint_eq(after.uidnext, before.uidnext);
	ck_assert_uint_gt(after.highestmodseq, before.highestmodseq);
	ck_assert_uint_eq(expunge(1, UINT32_MAX), 7);
	after = status();
	ck_assert_uint_eq(after.messages, 0);
	ck_assert_uint_eq(after.unseen, 0);
	ck_assert_uint_eq(after.vsize, 0);
}
END_TEST

START_TEST(nothing_to_expunge_costs_no_write)
{
	struct sqb_mailbox_id none = { 99 };
	uint64_t n = 5;

	ck_assert_uint_eq(expunge(11, 20), 0);
	ck_assert_uint_eq(expunge(5, 4), 0);
	t_fails(sqb_message_expunge(st, T_INBOX, 1, 1, NULL), SQB_INTERNAL);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, none, 1, 9, &n));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_uint_eq(n, 0);
	ck_assert(!sqb_sync_pending(st));
	journal_is("");
}
END_TEST

START_TEST(the_journal_has_a_range_for_a_run)
{
	expunge(5, 5);
	expunge(3, 7);
	journal_is("5 3:4 6:7");
	expunge(1, UINT32_MAX);
	journal_is("5 3:4 6:7 1:2 8:10");
}
END_TEST

START_TEST(runs_of_one_transaction_grow_together)
{
	int i;

	t_ok(st, sqb_txn_begin(st));
	for (i = 1; i <= 5; i++)
		t_ok(st, sqb_message_expunge(st, T_INBOX, (uint32_t)i,
					     (uint32_t)i, NULL));
	t_ok(st, sqb_message_expunge(st, T_INBOX, 8, 9, NULL));
	t_ok(st, sqb_message_expunge(st, T_INBOX, 6, 6, NULL));
	t_ok(st, sqb_txn_commit(st));
	journal_is("1:6 8:9");
	/* But not across transactions. */
	expunge(7, 7);
	journal_is("1:6 8:9 7");
}
END_TEST

START_TEST(a_uid_is_not_given_again)
{
	expunge(1, 10);
	ck_assert_uint_eq(t_append_text(st, "a: b\r\n\r\n"), 11);
	expunge(11, 11);
	t_store_reopen(&st);
	ck_assert_uint_eq(t_append_text(st, "a: b\r\n\r\n"), 12);
}
END_TEST

START_TEST(bodies_wait_to_be_freed)
{
	struct sqb_body_reader *r;
	const void *data;
	size_t size;

	t_ok(st, sqb_body_open(st, T_INBOX, 3, &r));
	expunge(1, 10);
	ck_assert_int_eq(count("body"), 10);
	ck_assert_int_eq(count("body_free"), 10);
	t_ok(st, sqb_body_data(r, 0, &data, &size));
	ck_assert_uint_eq(size, 8);
	sqb_body_close(&r);
}
END_TEST

/* Three messages of one body: INBOX 1 and 11, and one in another mailbox. */
static struct sqb_mailbox_id share(void)
{
	struct sqb_mailbox_id box;
	struct sqb_message msg;
	uint32_t uid;

	t_ok(st, sqb_message_get(st, T_INBOX, 1, &msg));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, "box", NULL, &box));
	t_ok(st, sqb_message_copy(st, &msg, T_INBOX, NULL, &uid));
	t_ok(st, sqb_message_copy(st, &msg, box, NULL, &uid));
	t_ok(st, sqb_txn_commit(st));
	return box;
}

START_TEST(a_shared_body_stays_with_its_last_message)
{
	struct sqb_mailbox_id box = share();

	ck_assert_int_eq(t_sql_int(st, "SELECT refs FROM body_shared"), 3);
	expunge(1, 1);
	ck_assert_int_eq(t_sql_int(st, "SELECT refs FROM body_shared"), 2);
	ck_assert_int_eq(count("body_free"), 0);
	expunge(11, 11);
	ck_assert_int_eq(count("body_shared"), 0);
	ck_assert_int_eq(count("body_free"), 0);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, box, 1, 1, NULL));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_eq(count("body_free"), 1);
}
END_TEST

START_TEST(several_messages_of_a_body_may_go_at_once)
{
	struct sqb_mailbox_id box = share();

	expunge(1, 11);
	ck_assert_int_eq(count("body_shared"), 0);
	ck_assert_int_eq(count("body_free"), 9);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_delete(st, box));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_eq(count("body_free"), 10);
}
END_TEST

START_TEST(what_hangs_on_a_message_goes_with_it)
{
	struct sqb_message_new args = { .pop3_uidl = "x" };
	struct sqb_body_writer *w = t_body(st, "a: b\r\n\r\n", 8);
	uint32_t uid, number, i;
	char name[16];

	t_ok(st, sqb_txn_begin(st));
	for (i = 0; i < 64; i++) {
		(void)snprintf(name, sizeof(name), "k%u", i);
		t_ok(st, sqb_keyword_number(st, name, true, &number));
	}
	args.keywords.more = &number;
	args.keywords.more_count = 1;
	for (i = 0; i < 2; i++)
		t_ok(st, sqb_message_append(st, T_INBOX, w, &args, &uid));
	t_ok(st, sqb_txn_commit(st));
	sqb_body_writer_free(&w);
	t_sql(st, "INSERT INTO entry_name (mailbox_id, name, uid)"
		  " VALUES (1, x'61', 11), (1, x'62', 12), (1, x'63', 3)");
	expunge(11, 11);
	ck_assert_int_eq(t_sql_int(st, "SELECT uid FROM keyword_more"), 12);
	ck_assert_int_eq(t_sql_int(st, "SELECT uid FROM pop3"), 12);
	ck_assert_int_eq(count("entry_name"), 2);
	expunge(1, 12);
	ck_assert_int_eq(count("keyword_more"), 0);
	ck_assert_int_eq(count("pop3"), 0);
	ck_assert_int_eq(count("entry_name"), 0);
}
END_TEST

START_TEST(wrong_counters_stop_nobody)
{
	t_sql(st, "UPDATE mailbox SET messages = 2, unseen = 2, vsize = 3"
		  " WHERE id = 1");
	ck_assert_uint_eq(expunge(1, 9), 9);
	ck_assert_uint_eq(status().messages, 0);
	ck_assert_uint_eq(status().unseen, 0);
	ck_assert_uint_eq(status().vsize, 0);
	t_sql(st, "INSERT INTO body_free (body_id, since)"
		  " SELECT body_id, 0 FROM message");
	ck_assert_uint_eq(expunge(10, 10), 1);
}
END_TEST

START_TEST(a_rollback_brings_all_back)
{
	struct sqb_mailbox_status before = status(), after;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, T_INBOX, 1, 10, NULL));
	sqb_txn_rollback(st);
	after = status();
	ck_assert_mem_eq(&after, &before, sizeof(before));
	ck_assert_int_eq(count("body_free"), 0);
	journal_is("");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("expunge");
	TCase *tc = tcase_create("expunge");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, rows_go_and_counters_follow);
	tcase_add_test(tc, nothing_to_expunge_costs_no_write);
	tcase_add_test(tc, the_journal_has_a_range_for_a_run);
	tcase_add_test(tc, runs_of_one_transaction_grow_together);
	tcase_add_test(tc, a_uid_is_not_given_again);
	tcase_add_test(tc, bodies_wait_to_be_freed);
	tcase_add_test(tc, a_shared_body_stays_with_its_last_message);
	tcase_add_test(tc, several_messages_of_a_body_may_go_at_once);
	tcase_add_test(tc, what_hangs_on_a_message_goes_with_it);
	tcase_add_test(tc, wrong_counters_stop_nobody);
	tcase_add_test(tc, a_rollback_brings_all_back);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
