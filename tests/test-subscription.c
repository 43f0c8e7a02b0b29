/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Subscriptions.
 */
#include "common/subscription.h"
#include "common/txn.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

static struct sqb_store *st;

static void setup(void)
{
	st = t_store_open();
}

static void teardown(void)
{
	t_store_close(&st);
}

static bool subscribe(const char *name, bool subscribed)
{
	bool changed;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_subscribe(st, name, subscribed, &changed));
	t_ok(st, sqb_txn_commit(st));
	return changed;
}

static void list_is(const char *want)
{
	struct sqb_subscription_iter *it = sqb_subscription_iter_begin(st);
	const char *name;
	char got[1024];
	size_t len = 0;

	got[0] = '\0';
	while (sqb_subscription_iter_next(it, &name))
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s\n",
					name);
	ck_assert(!sqb_subscription_iter_next(it, &name));
	t_ok(st, sqb_subscription_iter_end(&it));
	ck_assert_ptr_null(it);
	ck_assert_str_eq(got, want);
}

static uint64_t tree_modseq(void)
{
	uint64_t modseq;

	t_ok(st, sqb_tree_modseq(st, &modseq));
	return modseq;
}

START_TEST(names_are_listed_in_octet_order)
{
	list_is("");
	subscribe("b", true);
	subscribe("a/c", true);
	subscribe("a", true);
	subscribe("\xc3\xa9", true);
	subscribe("Z", true);
	list_is("Z\na\na/c\nb\n\xc3\xa9\n");
	subscribe("a", false);
	list_is("Z\na/c\nb\n\xc3\xa9\n");
}
END_TEST

START_TEST(inbox_is_the_same_in_any_case)
{
	ck_assert(subscribe("inbox", true));
	ck_assert(!subscribe("InBox", true));
	subscribe("inbox/a", true);
	list_is("INBOX\nINBOX/a\n");
	ck_assert(subscribe("iNBOX", false));
	list_is("INBOX/a\n");
}
END_TEST

START_TEST(a_change_is_told_and_has_a_modseq)
{
	uint64_t before = tree_modseq();

	ck_assert(subscribe("a", true));
	ck_assert_uint_gt(tree_modseq(), before);
	before = tree_modseq();
	ck_assert(subscribe("a", false));
	ck_assert_uint_gt(tree_modseq(), before);
}
END_TEST

START_TEST(no_change_costs_no_write)
{
	subscribe("a", true);
	t_ok(st, sqb_sync(st));
	ck_assert(!subscribe("a", true));
	ck_assert(!subscribe("b", false));
	ck_assert(!sqb_sync_pending(st));
}
END_TEST

START_TEST(it_outlives_its_mailbox_and_does_not_follow_it)
{
	struct sqb_mailbox_id id;

	subscribe("a", true);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, "a", NULL, &id));
	t_ok(st, sqb_mailbox_rename(st, id, "b"));
	t_ok(st, sqb_mailbox_delete(st, id));
	t_ok(st, sqb_txn_commit(st));
	list_is("a\n");
}
END_TEST

START_TEST(names_keep_the_rules_of_mailboxes)
{
	t_fails(sqb_subscribe(st, "a", true, NULL), SQB_INTERNAL);
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_subscribe(st, "", true, NULL), SQB_INVALID);
	t_fails(sqb_subscribe(st, "a/", true, NULL), SQB_INVALID);
	t_fails(sqb_subscribe(st, "\xff", false, NULL), SQB_INVALID);
	t_ok(st, sqb_subscribe(st, "a", true, NULL));
	t_ok(st, sqb_txn_commit(st));
	list_is("a\n");
}
END_TEST

START_TEST(damaged_names_are_left_out)
{
	t_sql(st, "INSERT INTO subscription VALUES"
		  " (''), ('/'), (CAST(x'41ff42' AS TEXT)), ('ok'),"
		  " ('a' || char(13, 10) || 'b'), ('zz//')");
	list_is("ok\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("subscription");
	TCase *tc = tcase_create("subscription");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, names_are_listed_in_octet_order);
	tcase_add_test(tc, inbox_is_the_same_in_any_case);
	tcase_add_test(tc, a_change_is_told_and_has_a_modseq);
	tcase_add_test(tc, no_change_costs_no_write);
	tcase_add_test(tc, it_outlives_its_mailbox_and_does_not_follow_it);
	tcase_add_test(tc, names_keep_the_rules_of_mailboxes);
	tcase_add_test(tc, damaged_names_are_left_out);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
