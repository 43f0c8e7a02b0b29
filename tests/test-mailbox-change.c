/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Mailboxes: rename, update, and the walk over the tree.
 */
#include "common/attribute.h"
#include "common/changes.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/fixture-mailbox.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum sqb_err rename_to(const char *name, const char *new_name)
{
	struct sqb_mailbox_id id;
	enum sqb_err err;

	t_ok(st, sqb_mailbox_find(st, name, &id));
	t_ok(st, sqb_txn_begin(st));
	err = sqb_mailbox_rename(st, id, new_name);
	if (err == SQB_OK)
		t_ok(st, sqb_txn_commit(st));
	else
		sqb_txn_rollback(st);
	return err;
}

static uint64_t tree_modseq(void)
{
	uint64_t modseq;

	t_ok(st, sqb_tree_modseq(st, &modseq));
	return modseq;
}

START_TEST(rename_takes_the_inferiors_along)
{
	struct sqb_mailbox_status before, after;

	create("a");
	create("a/b/c");
	t_append(st, status_of("a/b/c").id, "x: y\r\n\r\n", 8);
	before = status_of("a/b/c");
	t_ok(st, rename_to("a", "x/y"));
	tree_is("INBOX\nx (no)\nx/y\nx/y/b (no)\nx/y/b/c\n");
	after = status_of("x/y/b/c");
	ck_assert_mem_eq(&after, &before, sizeof(after));
	t_ok(st, rename_to("x/y/b", "b"));
	tree_is("INBOX\nb (no)\nb/c\nx (no)\nx/y\n");
	has_name(before.id, "b/c");
}
END_TEST

static const struct {
	const char *name, *new_name;
	enum sqb_err want;
} rename_cases[] = {
	{ "a", "a", SQB_EXISTS },
	{ "a", "b", SQB_EXISTS },
	{ "a", "INBOX", SQB_EXISTS },
	{ "a", "inbox", SQB_EXISTS },
	{ "b", "a/c", SQB_EXISTS },
	{ "INBOX", "inbox", SQB_EXISTS },
	{ "a", "a/b", SQB_INVALID },
	{ "a", "a/c/d", SQB_INVALID },
	{ "a", "a/c/d/e", SQB_INVALID },
	{ "a", "x//y", SQB_INVALID },
	{ "a", "", SQB_INVALID },
	{ "INBOX", "INBOX/b", SQB_INVALID },
	{ "a", "A", SQB_OK },
	{ "a", "b/a", SQB_OK },
	{ "a/c", "c", SQB_OK },
	{ "a", "INBOX/x", SQB_OK },
	{ "a", "aa/b", SQB_OK },
};

START_TEST(rename_keeps_the_rules)
{
	int64_t rows;

	create("a/c");
	create("b");
	rows = t_sql_int(st, "SELECT count(*) FROM mailbox");
	t_fails(rename_to(rename_cases[_i].name, rename_cases[_i].new_name),
		rename_cases[_i].want);
	if (rename_cases[_i].want != SQB_OK)
		ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM mailbox"),
				 rows);
	else
		ck_assert(!exists(rename_cases[_i].name));
}
END_TEST

START_TEST(rename_makes_no_name_too_long)
{
	char *name = deep_name(2000);
	struct sqb_mailbox_id id, top;
	char *longer;

	id = create(name);
	t_ok(st, sqb_mailbox_find(st, "a", &top));
	longer = repeat('x', 255);
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_mailbox_rename(st, top, longer), SQB_INVALID);
	longer[4096 - 3998] = '\0';
	t_ok(st, sqb_mailbox_rename(st, top, longer));
	t_ok(st, sqb_txn_commit(st));
	free(longer);
	t_ok(st, sqb_mailbox_name(st, id, &longer));
	ck_assert_uint_eq(strlen(longer), SQB_NAME_MAX);
	free(longer);
	free(name);
}
END_TEST

START_TEST(rename_of_inbox_moves_its_messages_only)
{
	struct sqb_mailbox_status before, moved, inbox;

	create("INBOX/child");
	t_append_text(st, "a: b\r\n\r\n");
	before = status_of("INBOX");
	t_ok(st, rename_to("INBOX", "old/mail"));
	tree_is("INBOX\nINBOX/child\nold (no)\nold/mail\n");
	moved = status_of("old/mail");
	ck_assert_uint_eq(moved.uidvalidity, before.uidvalidity);
	ck_assert_uint_eq(moved.uidnext, before.uidnext);
	ck_assert_uint_eq(moved.messages, 1);
	inbox = status_of("INBOX");
	ck_assert_uint_eq(inbox.messages, 0);
	ck_assert_uint_gt(inbox.uidvalidity, before.uidvalidity);
	ck_assert_uint_eq(inbox.uidnext, 1);
	/* And it is INBOX in every way. */
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_mailbox_delete(st, inbox.id), SQB_INVALID);
	t_ok(st, sqb_mailbox_delete(st, moved.id));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, rename_to("INBOX", "again"));
	tree_is("INBOX\nINBOX/child\nagain\nold (no)\n");
}
END_TEST

START_TEST(update_changes_properties)
{
	static const uint8_t guid[SQB_GUID_SIZE] = "fedcba987654321";
	struct sqb_mailbox_update update = {
		.guid = guid,
		.uidvalidity = 4100000000,
		.min_uidnext = 50,
		.first_recent = 40,
		.min_modseq = 5000000,
		.set_special_use = true,
		.special_use = SQB_USE_JUNK | SQB_USE_IMPORTANT,
	};
	struct sqb_mailbox_status status;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_update(st, T_INBOX, &update));
	t_ok(st, sqb_txn_commit(st));
	status = status_of("INBOX");
	ck_assert_mem_eq(status.guid, guid, SQB_GUID_SIZE);
	ck_assert_uint_eq(status.uidvalidity, 4100000000);
	ck_assert_uint_eq(status.uidnext, 50);
	ck_assert_uint_eq(status.first_recent, 40);
	ck_assert_uint_ge(status.highestmodseq, 5000000);
	ck_assert_uint_eq(status.special_use, SQB_USE_JUNK | SQB_USE_IMPORTANT);
	create("b");
	ck_assert_uint_eq(status_of("b").uidvalidity, 4100000001);

	/* Numbers do not shrink, and what is so already costs nothing. */
	t_ok(st, sqb_sync(st));
	update.min_uidnext = 3;
	update.first_recent = 3;
	update.min_modseq = 3;
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_update(st, T_INBOX, &update));
	t_ok(st, sqb_txn_commit(st));
	ck_assert(!sqb_sync_pending(st));
	ck_assert_uint_eq(status_of("INBOX").uidnext, 50);
	ck_assert_uint_eq(status_of("INBOX").first_recent, 40);
}
END_TEST

START_TEST(recent_has_no_modseq)
{
	struct sqb_mailbox_update update = { .first_recent = 9 };
	uint64_t modseq = status_of("INBOX").highestmodseq;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_update(st, T_INBOX, &update));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_uint_eq(status_of("INBOX").first_recent, 9);
	ck_assert_uint_eq(status_of("INBOX").highestmodseq, modseq);
}
END_TEST

START_TEST(the_tree_has_a_modseq_of_its_own)
{
	uint64_t before = tree_modseq();

	create("a");
	ck_assert_uint_gt(tree_modseq(), before);
	before = tree_modseq();
	t_ok(st, rename_to("a", "b"));
	ck_assert_uint_gt(tree_modseq(), before);
	before = tree_modseq();
	t_append_text(st, "a: b\r\n\r\n");
	ck_assert_uint_eq(tree_modseq(), before);
	remove_box("b");
	ck_assert_uint_gt(tree_modseq(), before);
}
END_TEST

START_TEST(the_walk_is_in_tree_order)
{
	static const char *const names[] = { "b",        "a/z", "a/b/c", "a b",
					     "a",        "a-b", "Z",     "a/B",
					     "\xc3\xa9", "aa" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		create(names[i]);
	tree_is("INBOX\nZ\na\na/B\na/b (no)\na/b/c\na/z\na b\na-b\naa\nb\n"
		"\xc3\xa9\n");
}
END_TEST

START_TEST(the_walk_sees_the_tree_of_its_begin)
{
	struct sqb_mailbox_iter *it;
	struct sqb_mailbox_info info;
	unsigned int count = 0;

	create("a");
	it = sqb_mailbox_iter_begin(st);
	remove_box("a");
	create("b/c");
	while (sqb_mailbox_iter_next(it, &info))
		count++;
	ck_assert(!sqb_mailbox_iter_next(it, &info));
	t_ok(st, sqb_mailbox_iter_end(&it));
	ck_assert_ptr_null(it);
	ck_assert_uint_eq(count, 2);
}
END_TEST

START_TEST(the_walk_knows_every_status)
{
	struct sqb_mailbox_iter *it;
	struct sqb_mailbox_status status;
	struct sqb_mailbox_info info;

	full_mailbox("a/b");
	it = sqb_mailbox_iter_begin(st);
	while (sqb_mailbox_iter_next(it, &info)) {
		status = status_of(info.name);
		ck_assert_mem_eq(&info.status, &status, sizeof(status));
	}
	t_ok(st, sqb_mailbox_iter_end(&it));
}
END_TEST

START_TEST(a_tree_may_have_2048_levels)
{
	char *name = deep_name(2048);
	struct sqb_mailbox_id id = create(name), top;
	struct sqb_mailbox_iter *it = sqb_mailbox_iter_begin(st);
	struct sqb_mailbox_info info;
	unsigned int count = 0;
	size_t len = 0;

	while (sqb_mailbox_iter_next(it, &info)) {
		count++;
		len = strlen(info.name);
	}
	t_ok(st, sqb_mailbox_iter_end(&it));
	ck_assert_uint_eq(count, 2049);
	ck_assert_uint_eq(len, 2 * 2048 - 1);
	has_name(id, name);
	t_ok(st, sqb_mailbox_find(st, "a", &top));
	t_ok(st, rename_to("a", "b"));
	name[0] = 'b';
	has_name(id, name);
	free(name);
}
END_TEST

START_TEST(many_mailboxes_are_no_trouble)
{
	struct sqb_mailbox_iter *it;
	struct sqb_mailbox_info info;
	struct sqb_mailbox_id id;
	unsigned int count = 0, i;
	char name[32];

	t_ok(st, sqb_txn_begin(st));
	for (i = 0; i < 10000; i++) {
		(void)snprintf(name, sizeof(name), "%u/%u/%u", i % 7, i % 100,
			       i);
		t_ok(st, sqb_mailbox_create(st, name, NULL, &id));
	}
	t_ok(st, sqb_txn_commit(st));
	it = sqb_mailbox_iter_begin(st);
	while (sqb_mailbox_iter_next(it, &info))
		count++;
	t_ok(st, sqb_mailbox_iter_end(&it));
	ck_assert_uint_eq(count, 1 + 7 + 700 + 10000);
}
END_TEST

START_TEST(a_damaged_tree_is_survived)
{
	struct sqb_mailbox_id a = create("a"), b = create("a/b"),
			      c = create("c");
	char *name;

	t_sql(st, "UPDATE mailbox SET parent_id = 3 WHERE name = 'a'");
	ck_assert_int_eq(b.n, 3);
	t_sql(st, "UPDATE mailbox SET parent_id = 999 WHERE name = 'c'");
	tree_is("INBOX\n");
	t_fails(sqb_mailbox_name(st, a, &name), SQB_CORRUPT);
	t_fails(sqb_mailbox_name(st, c, &name), SQB_CORRUPT);
	ck_assert(!exists("a/b"));
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_mailbox_rename(st, a, "x"), SQB_INVALID);
	t_ok(st, sqb_mailbox_rename(st, c, "found"));
	t_ok(st, sqb_txn_commit(st));
	tree_is("INBOX\nfound\n");
}
END_TEST

static const char *const damaged_names[] = {
	"CAST(x'41ff42' AS TEXT)",
	"'a' || char(13, 10) || 'b'",
	"'a' || char(0) || 'b'",
	"'a/b'",
	"'..'",
	"CAST(zeroblob(300) AS TEXT)",
};
START_TEST(the_walk_leaves_damaged_names_out)
{
	char *sql;

	create("a");
	create("a/b");
	create("c");
	t_sql(st, "PRAGMA ignore_check_constraints = ON");
	ck_assert_int_gt(asprintf(&sql,
				  "UPDATE mailbox SET name = %s"
				  " WHERE name = 'a'",
				  damaged_names[_i]),
			 0);
	t_sql(st, sql);
	free(sql);
	tree_is("INBOX\nc\n");
}
END_TEST

static void add_change_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "rename and update");

	tcase_add_test(tc, rename_takes_the_inferiors_along);
	tcase_add_loop_test(tc, rename_keeps_the_rules, 0, COUNT(rename_cases));
	tcase_add_test(tc, rename_makes_no_name_too_long);
	tcase_add_test(tc, rename_of_inbox_moves_its_messages_only);
	tcase_add_test(tc, update_changes_properties);
	tcase_add_test(tc, recent_has_no_modseq);
	tcase_add_test(tc, the_tree_has_a_modseq_of_its_own);
}

static void add_walk_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "walk");

	tcase_add_test(tc, the_walk_is_in_tree_order);
	tcase_add_test(tc, the_walk_sees_the_tree_of_its_begin);
	tcase_add_test(tc, the_walk_knows_every_status);
	tcase_add_test(tc, a_tree_may_have_2048_levels);
	tcase_add_test(tc, many_mailboxes_are_no_trouble);
	tcase_add_test(tc, a_damaged_tree_is_survived);
	tcase_add_loop_test(
		tc, the_walk_leaves_damaged_names_out, 0,
		(int)(sizeof(damaged_names) / sizeof(damaged_names[0])));
}

int main(void)
{
	Suite *suite = suite_create("mailbox-change");

	add_change_tests(suite);
	add_walk_tests(suite);
	return t_run(suite);
}
