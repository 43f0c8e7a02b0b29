/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Names given to messages as files.
 */
#include "common/changes.h"
#include "common/entry.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sqb_store *st;

static void setup(void)
{
	uint32_t i;

	st = t_store_open();
	for (i = 1; i <= 5; i++)
		ck_assert_uint_eq(t_append_text(st, "a: b\r\n\r\n"), i);
}

static void teardown(void)
{
	t_store_close(&st);
}

static enum sqb_err set_name(uint32_t uid, const char *name)
{
	enum sqb_err err;

	t_ok(st, sqb_txn_begin(st));
	err = sqb_entry_name_set(st, T_INBOX, uid, name);
	t_ok(st, sqb_txn_commit(st));
	return err;
}

static void has_name(struct sqb_mailbox_id box, uint32_t uid, const char *name)
{
	char *got = NULL;
	uint32_t found;

	if (name == NULL) {
		t_fails(sqb_entry_name_get(st, box, uid, &got), SQB_NOTFOUND);
		return;
	}
	t_ok(st, sqb_entry_name_get(st, box, uid, &got));
	ck_assert_str_eq(got, name);
	free(got);
	t_ok(st, sqb_entry_find(st, box, name, &found));
	ck_assert_uint_eq(found, uid);
}

static uint64_t highest(void)
{
	struct sqb_mailbox_status status;

	t_ok(st, sqb_mailbox_status(st, T_INBOX, &status));
	return status.highestmodseq;
}

START_TEST(a_name_is_given_changed_and_taken_back)
{
	uint32_t uid;

	has_name(T_INBOX, 2, NULL);
	t_ok(st, set_name(2, "two.eml"));
	has_name(T_INBOX, 2, "two.eml");
	t_ok(st, set_name(2, "deux.eml"));
	has_name(T_INBOX, 2, "deux.eml");
	t_fails(sqb_entry_find(st, T_INBOX, "two.eml", &uid), SQB_NOTFOUND);
	t_ok(st, set_name(2, NULL));
	has_name(T_INBOX, 2, NULL);
	t_fails(sqb_entry_find(st, T_INBOX, "deux.eml", &uid), SQB_NOTFOUND);
}
END_TEST

START_TEST(a_name_has_one_message_of_a_mailbox)
{
	struct sqb_message msg;
	struct sqb_mailbox_id box;
	uint32_t uid;

	t_ok(st, set_name(2, "x"));
	t_fails(set_name(3, "x"), SQB_EXISTS);
	t_says(st, "UID 2");
	has_name(T_INBOX, 3, NULL);
	t_ok(st, set_name(3, "X")); /* another name */
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, "box", NULL, &box));
	t_ok(st, sqb_message_get(st, T_INBOX, 2, &msg));
	t_ok(st, sqb_message_copy(st, &msg, box, NULL, &uid));
	t_ok(st, sqb_entry_name_set(st, box, uid, "x"));
	t_ok(st, sqb_txn_commit(st));
	has_name(box, uid, "x");
}
END_TEST

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
static const struct {
	const char *name;
	enum sqb_err want;
} name_cases[] = {
	{ "a", SQB_OK },
	{ " ", SQB_OK },
	{ "...", SQB_OK },
	{ ".hidden", SQB_OK },
	{ "a\nb\x7f", SQB_OK },
	{ "\xc3\xa9.eml", SQB_OK },
	{ "\xe9.eml", SQB_OK }, /* Latin-1 */
	{ "\xff\xfe\x80", SQB_OK },
	{ "1", SQB_OK },
	{ A63 A63 A63 A63 "aaa", SQB_OK },
	{ A63 A63 A63 A63 "aaaa", SQB_INVALID },
	{ "", SQB_INVALID },
	{ ".", SQB_INVALID },
	{ "..", SQB_INVALID },
	{ "a/b", SQB_INVALID },
	{ "/", SQB_INVALID },
};

START_TEST(a_name_is_any_octets_but_two)
{
	const char *name = name_cases[_i].name;

	t_fails(set_name(1, name), name_cases[_i].want);
	t_store_reopen(&st);
	has_name(T_INBOX, 1, name_cases[_i].want == SQB_OK ? name : NULL);
}
END_TEST

START_TEST(a_new_name_is_a_change_of_the_message)
{
	struct sqb_message_iter *it;
	struct sqb_message msg;
	uint64_t before = highest();

	t_ok(st, set_name(2, "x"));
	ck_assert_uint_gt(highest(), before);
	it = sqb_changed_iter_begin(st, T_INBOX, before);
	ck_assert(sqb_message_iter_next(it, &msg));
	ck_assert_uint_eq(msg.uid, 2);
	ck_assert_uint_eq(msg.modseq, highest());
	ck_assert(!sqb_message_iter_next(it, &msg));
	t_ok(st, sqb_message_iter_end(&it));
	before = highest();
	t_ok(st, set_name(2, NULL));
	ck_assert_uint_gt(highest(), before);
}
END_TEST

START_TEST(the_name_it_has_is_no_change)
{
	uint64_t before;

	t_ok(st, set_name(2, "x"));
	before = highest();
	t_ok(st, sqb_sync(st));
	t_ok(st, set_name(2, "x"));
	t_ok(st, set_name(3, NULL));
	t_fails(set_name(3, "x"), SQB_EXISTS);
	t_fails(set_name(3, "/"), SQB_INVALID);
	ck_assert_uint_eq(highest(), before);
	ck_assert(!sqb_sync_pending(st));
}
END_TEST

START_TEST(a_message_that_is_not_there_gets_none)
{
	t_fails(set_name(6, "x"), SQB_NOTFOUND);
	t_fails(set_name(6, NULL), SQB_NOTFOUND);
	t_fails(sqb_entry_name_set(st, T_INBOX, 1, "x"), SQB_INTERNAL);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM entry_name"), 0);
}
END_TEST

START_TEST(a_name_goes_with_its_message)
{
	struct sqb_mailbox_id box;
	uint32_t uid;

	t_ok(st, set_name(1, "one"));
	t_ok(st, set_name(2, "two"));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, "box", NULL, &box));
	t_ok(st, sqb_message_expunge(st, T_INBOX, 1, 1, NULL));
	t_ok(st, sqb_message_move(st, T_INBOX, 2, box, NULL, &uid));
	t_ok(st, sqb_txn_commit(st));
	t_fails(sqb_entry_find(st, T_INBOX, "one", &uid), SQB_NOTFOUND);
	t_fails(sqb_entry_find(st, T_INBOX, "two", &uid), SQB_NOTFOUND);
	has_name(box, 1, NULL);
	t_ok(st, set_name(3, "two")); /* free again */
}
END_TEST

START_TEST(a_name_goes_with_its_mailbox)
{
	struct sqb_mailbox_id box, inbox;
	uint32_t uid;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, "box", NULL, &box));
	t_ok(st, sqb_message_move(st, T_INBOX, 2, box, NULL, &uid));
	t_ok(st, sqb_entry_name_set(st, box, uid, "x"));
	t_ok(st, sqb_mailbox_delete(st, box));
	t_ok(st, sqb_entry_name_set(st, T_INBOX, 1, "one"));
	t_ok(st, sqb_mailbox_rename(st, T_INBOX, "old"));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM entry_name"), 1);
	has_name(T_INBOX, 1, "one"); /* its id went to the new name */
	t_ok(st, sqb_mailbox_find(st, "INBOX", &inbox));
	t_fails(sqb_entry_find(st, inbox, "one", &uid), SQB_NOTFOUND);
}
END_TEST

START_TEST(a_rollback_takes_the_name_back)
{
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_entry_name_set(st, T_INBOX, 1, "x"));
	sqb_txn_rollback(st);
	has_name(T_INBOX, 1, NULL);
}
END_TEST

/* "1:one 3 ...": what a walk says. */
static void walk_says(uint32_t after, const char *want)
{
	struct sqb_entry_iter *it = sqb_entry_iter_begin(st, T_INBOX, after);
	char text[256] = "";
	struct sqb_message msg;
	const char *name;
	size_t len = 0;

	while (sqb_entry_iter_next(it, &msg, &name)) {
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s%u%s%s", len > 0 ? " " : "", msg.uid,
					name != NULL ? ":" : "",
					name != NULL ? name : "");
		ck_assert_uint_eq(msg.vsize, 8);
	}
	t_ok(st, sqb_entry_iter_end(&it));
	ck_assert_str_eq(text, want);
}

START_TEST(a_walk_begins_after_any_uid)
{
	walk_says(0, "1 2 3 4 5");
	t_ok(st, set_name(2, "b"));
	t_ok(st, set_name(5, "a"));
	walk_says(0, "1 2:b 3 4 5:a");
	walk_says(1, "2:b 3 4 5:a");
	walk_says(2, "3 4 5:a");
	walk_says(4, "5:a");
	walk_says(5, "");
	walk_says(UINT32_MAX - 1, "");
	walk_says(UINT32_MAX, "");
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, T_INBOX, 2, 3, NULL));
	t_ok(st, sqb_txn_commit(st));
	walk_says(1, "4 5:a");
	walk_says(2, "4 5:a");
}
END_TEST

START_TEST(a_walk_sees_one_state)
{
	struct sqb_store *other = NULL;
	struct sqb_entry_iter *it;
	struct sqb_message msg;
	const char *name;
	uint32_t count = 1;

	t_fails(sqb_store_open(sqb_store_dir(st), SQB_OPEN_READONLY, &other,
			       NULL),
		SQB_OK);
	it = sqb_entry_iter_begin(other, T_INBOX, 0);
	ck_assert(sqb_entry_iter_next(it, &msg, &name));
	t_ok(st, set_name(4, "later"));
	t_append_text(st, "a: b\r\n\r\n");
	while (sqb_entry_iter_next(it, &msg, &name)) {
		ck_assert_ptr_null(name);
		count++;
	}
	t_ok(other, sqb_entry_iter_end(&it));
	ck_assert_uint_eq(count, 5);
	sqb_store_close(&other);
}
END_TEST

START_TEST(names_that_cannot_be_are_left_out)
{
	t_sql(st, "INSERT INTO entry_name (mailbox_id, uid, name) VALUES"
		  " (1, 2, x'2e2e'), (1, 3, x'612f62'), (1, 4, x'6f6b'),"
		  " (1, 77, x'78')");
	walk_says(0, "1 2 3 4:ok 5");
	has_name(T_INBOX, 2, NULL);
	t_ok(st, set_name(2, "good"));
	has_name(T_INBOX, 2, "good");
}
END_TEST

START_TEST(large_sequences_of_names_are_walked_in_order)
{
	struct sqb_entry_iter *it;
	struct sqb_message msg;
	const char *name;
	char want[16];
	uint32_t uid, seen = 0;

	for (uid = 6; uid <= 300; uid++)
		t_append_text(st, "a: b\r\n\r\n");
	t_ok(st, sqb_txn_begin(st));
	for (uid = 1; uid <= 300; uid += 3) {
		(void)snprintf(want, sizeof(want), "%u", 1000 - uid);
		t_ok(st, sqb_entry_name_set(st, T_INBOX, uid, want));
	}
	t_ok(st, sqb_txn_commit(st));
	it = sqb_entry_iter_begin(st, T_INBOX, 0);
	while (sqb_entry_iter_next(it, &msg, &name)) {
		ck_assert_uint_eq(msg.uid, ++seen);
		(void)snprintf(want, sizeof(want), "%u", 1000 - msg.uid);
		if (msg.uid % 3 == 1)
			ck_assert_str_eq(name, want);
		else
			ck_assert_ptr_null(name);
	}
	t_ok(st, sqb_entry_iter_end(&it));
	ck_assert_uint_eq(seen, 300);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("entry");
	TCase *tc = tcase_create("entry");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_name_is_given_changed_and_taken_back);
	tcase_add_test(tc, a_name_has_one_message_of_a_mailbox);
	tcase_add_loop_test(tc, a_name_is_any_octets_but_two, 0,
			    sizeof(name_cases) / sizeof(*name_cases));
	tcase_add_test(tc, a_new_name_is_a_change_of_the_message);
	tcase_add_test(tc, the_name_it_has_is_no_change);
	tcase_add_test(tc, a_message_that_is_not_there_gets_none);
	tcase_add_test(tc, a_name_goes_with_its_message);
	tcase_add_test(tc, a_name_goes_with_its_mailbox);
	tcase_add_test(tc, a_rollback_takes_the_name_back);
	tcase_add_test(tc, a_walk_begins_after_any_uid);
	tcase_add_test(tc, a_walk_sees_one_state);
	tcase_add_test(tc, names_that_cannot_be_are_left_out);
	tcase_add_test(tc, large_sequences_of_names_are_walked_in_order);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
