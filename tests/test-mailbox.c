/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The folder tree: names, create, delete.
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

static const struct {
	const char *name;
	enum sqb_err want;
} name_cases[] = {
	{ "a", SQB_OK },
	{ "a/b/c", SQB_OK },
	{ " ", SQB_OK },
	{ "a b", SQB_OK },
	{ "...", SQB_OK },
	{ ".a", SQB_OK },
	{ "a.", SQB_OK },
	{ "%*\\\"~&", SQB_OK },
	{ "\xc3\xa9t\xc3\xa9", SQB_OK },
	{ "\xf0\x9f\x93\xac", SQB_OK },
	{ "\xc2\xa0", SQB_OK },
	{ "\xef\xbf\xbf", SQB_OK },
	{ "\xf4\x8f\xbf\xbf", SQB_OK },
	{ "inbox/a", SQB_OK },
	{ "INBOXES", SQB_OK },
	{ "a/inbox", SQB_OK },
	{ "", SQB_INVALID },
	{ "/", SQB_INVALID },
	{ "/a", SQB_INVALID },
	{ "a/", SQB_INVALID },
	{ "a//b", SQB_INVALID },
	{ ".", SQB_INVALID },
	{ "..", SQB_INVALID },
	{ "a/..", SQB_INVALID },
	{ "a/./b", SQB_INVALID },
	{ "a\tb", SQB_INVALID },
	{ "a\nb", SQB_INVALID },
	{ "\x7f", SQB_INVALID },
	{ "\xc2\x80", SQB_INVALID },     /* U+0080 */
	{ "\xc2\x9f", SQB_INVALID },     /* U+009F */
	{ "\x80", SQB_INVALID },         /* no first octet */
	{ "\xc3", SQB_INVALID },         /* cut off */
	{ "\xc3/a", SQB_INVALID },       /* cut off by the end of its level */
	{ "\xe2\x82", SQB_INVALID },     /* cut off */
	{ "\xc0\xaf", SQB_INVALID },     /* '/', overlong */
	{ "\xe0\x80\xaf", SQB_INVALID }, /* the same */
	{ "\xf0\x80\x80\xaf", SQB_INVALID }, /* the same */
	{ "\xed\xa0\x80", SQB_INVALID },     /* a surrogate */
	{ "\xf4\x90\x80\x80", SQB_INVALID }, /* past U+10FFFF */
	{ "\xff", SQB_INVALID },
};

START_TEST(names_keep_the_rules)
{
	struct sqb_mailbox_id id;

	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_mailbox_create(st, name_cases[_i].name, NULL, &id),
		name_cases[_i].want);
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_eq(exists(name_cases[_i].name),
			 name_cases[_i].want == SQB_OK);
}
END_TEST

START_TEST(a_level_has_255_octets_at_most)
{
	char *name = repeat('x', 256);
	struct sqb_mailbox_id id;

	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_mailbox_create(st, name, NULL, &id), SQB_INVALID);
	t_ok(st, sqb_mailbox_create(st, name + 1, NULL, &id));
	t_ok(st, sqb_txn_commit(st));
	free(name);
}
END_TEST

START_TEST(a_name_has_4096_octets_at_most)
{
	char *name = deep_name(2048), *longer = sqb_xasprintf("%saa", name);
	struct sqb_mailbox_id id, found;

	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_mailbox_create(st, longer, NULL, &id), SQB_INVALID);
	longer[strlen(longer) - 1] = '\0';
	t_ok(st, sqb_mailbox_create(st, longer, NULL, &id));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_uint_eq(strlen(longer), SQB_NAME_MAX);
	t_ok(st, sqb_mailbox_find(st, longer, &found));
	ck_assert_int_eq(found.n, id.n);
	has_name(id, longer);
	free(name);
	free(longer);
}
END_TEST

START_TEST(there_is_an_inbox_from_the_beginning)
{
	struct sqb_mailbox_status status = status_of("INBOX");

	ck_assert_int_eq(status.id.n, 1);
	ck_assert_int_eq(status.parent.n, 0);
	ck_assert(!status.noselect);
	ck_assert_uint_ne(status.uidvalidity, 0);
	ck_assert_uint_eq(status.uidnext, 1);
	ck_assert_uint_eq(status.messages, 0);
	ck_assert_uint_ge(status.highestmodseq, 1);
	tree_is("INBOX\n");
}
END_TEST

START_TEST(inbox_is_the_same_in_any_case)
{
	struct sqb_mailbox_id id, found;

	ck_assert_int_eq(status_of("iNbOx").id.n, 1);
	id = create("inbox/Child");
	t_ok(st, sqb_mailbox_find(st, "InBox/Child", &found));
	ck_assert_int_eq(found.n, id.n);
	ck_assert(!exists("INBOX/child"));
	has_name(id, "INBOX/Child");
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_mailbox_create(st, "Inbox", NULL, &id), SQB_EXISTS);
	sqb_txn_rollback(st);
	/* On other levels it is a name like any other. */
	id = create("a/inbox");
	has_name(id, "a/inbox");
	ck_assert(!exists("a/INBOX"));
}
END_TEST

START_TEST(writers_need_a_transaction)
{
	struct sqb_mailbox_update update = { .first_recent = 2 };
	struct sqb_mailbox_id id;

	t_fails(sqb_mailbox_create(st, "a", NULL, &id), SQB_INTERNAL);
	t_fails(sqb_mailbox_delete(st, T_INBOX), SQB_INTERNAL);
	t_fails(sqb_mailbox_rename(st, T_INBOX, "b"), SQB_INTERNAL);
	t_fails(sqb_mailbox_update(st, T_INBOX, &update), SQB_INTERNAL);
}
END_TEST

START_TEST(missing_parents_are_made_noselect)
{
	create("a/b/c");
	tree_is("INBOX\na (no)\na/b (no)\na/b/c\n");
	ck_assert(status_of("a").has_children);
	ck_assert(!status_of("a/b/c").has_children);
	ck_assert_int_eq(status_of("a/b").parent.n, status_of("a").id.n);
}
END_TEST

START_TEST(create_twice_is_exists_and_changes_nothing)
{
	struct sqb_mailbox_create noselect = { .noselect = true };
	struct sqb_mailbox_id id;

	create("a/b");
	sqb_sync(st);
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_mailbox_create(st, "a/b", NULL, &id), SQB_EXISTS);
	t_says(st, "a/b");
	t_fails(sqb_mailbox_create(st, "a", &noselect, &id), SQB_EXISTS);
	t_ok(st, sqb_txn_commit(st));
	ck_assert(!sqb_sync_pending(st));
}
END_TEST

START_TEST(a_noselect_mailbox_becomes_an_ordinary_one)
{
	struct sqb_mailbox_status before, after;

	create("a/b");
	before = status_of("a");
	create("a");
	after = status_of("a");
	ck_assert_int_eq(after.id.n, before.id.n);
	ck_assert(!after.noselect);
	ck_assert_uint_gt(after.uidvalidity, status_of("a/b").uidvalidity);
	ck_assert_uint_gt(after.highestmodseq, before.highestmodseq);
	ck_assert_mem_ne(after.guid, before.guid, SQB_GUID_SIZE);
}
END_TEST

START_TEST(create_takes_what_the_caller_wants)
{
	static const uint8_t guid[SQB_GUID_SIZE] = "0123456789abcde";
	struct sqb_mailbox_create args = {
		.guid = guid,
		.uidvalidity = 4000000000,
		.min_uidnext = 77,
		.min_first_recent = 55,
		.min_modseq = 123456,
	};
	struct sqb_mailbox_status status;
	struct sqb_mailbox_id id;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, "a", &args, &id));
	t_ok(st, sqb_txn_commit(st));
	status = status_of("a");
	ck_assert_mem_eq(status.guid, guid, SQB_GUID_SIZE);
	ck_assert_uint_eq(status.uidvalidity, 4000000000);
	ck_assert_uint_eq(status.uidnext, 77);
	ck_assert_uint_eq(status.first_recent, 55);
	ck_assert_uint_ge(status.highestmodseq, 123456);
	create("b");
	ck_assert_uint_eq(status_of("b").uidvalidity, 4000000001);
}
END_TEST

START_TEST(uidvalidity_runs_out_with_a_limit)
{
	struct sqb_mailbox_create args = { .uidvalidity = UINT32_MAX };
	struct sqb_mailbox_id id;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, "a", &args, &id));
	t_fails(sqb_mailbox_create(st, "b", NULL, &id), SQB_LIMIT);
	sqb_txn_rollback(st);
}
END_TEST

START_TEST(made_again_a_mailbox_is_another_one)
{
	struct sqb_mailbox_status first, second;

	create("a");
	first = status_of("a");
	remove_box("a");
	ck_assert(!exists("a"));
	create("a");
	second = status_of("a");
	ck_assert_int_gt(second.id.n, first.id.n);
	ck_assert_uint_gt(second.uidvalidity, first.uidvalidity);
}
END_TEST

START_TEST(a_rolled_back_create_gives_its_numbers_back)
{
	struct sqb_mailbox_id id, again;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, "a", NULL, &id));
	sqb_txn_rollback(st);
	ck_assert(!exists("a"));
	again = create("b");
	ck_assert_int_eq(again.n, id.n);
}
END_TEST

static const char *const tables_of_a_mailbox[] = {
	"SELECT count(*) FROM message",     "SELECT count(*) FROM keyword_more",
	"SELECT count(*) FROM pop3",        "SELECT count(*) FROM entry_name",
	"SELECT count(*) FROM expunged",    "SELECT count(*) FROM attribute",
	"SELECT count(*) FROM body_shared",
};

START_TEST(delete_leaves_nothing_behind)
{
	size_t i;

	full_mailbox("a");
	for (i = 0; i < sizeof(tables_of_a_mailbox) / sizeof(char *); i++)
		ck_assert_int_gt(t_sql_int(st, tables_of_a_mailbox[i]), 0);
	remove_box("a");
	for (i = 0; i < sizeof(tables_of_a_mailbox) / sizeof(char *); i++)
		ck_assert_int_eq(t_sql_int(st, tables_of_a_mailbox[i]), 0);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body_free"), 1);
}
END_TEST

START_TEST(a_mailbox_with_children_stays_as_noselect)
{
	struct sqb_mailbox_update update = { .set_special_use = true,
					     .special_use = SQB_USE_SENT };
	struct sqb_mailbox_id id = full_mailbox("a");
	struct sqb_mailbox_status before, after;
	uint32_t uid;

	create("a/b");
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_update(st, id, &update));
	t_ok(st, sqb_txn_commit(st));
	before = status_of("a");
	remove_box("a");
	after = status_of("a");
	ck_assert(after.noselect);
	ck_assert_uint_eq(after.messages, 0);
	ck_assert_uint_eq(after.unseen, 0);
	ck_assert_uint_eq(after.vsize, 0);
	ck_assert_uint_eq(after.special_use, 0);
	ck_assert_uint_gt(after.highestmodseq, before.highestmodseq);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM attribute"), 0);

	/* Made again, its UIDs go on: no (id, UID) means two messages. */
	create("a");
	ck_assert_uint_eq(status_of("a").uidnext, before.uidnext);
	uid = t_append(st, id, "x: y\r\n\r\n", 8);
	ck_assert_uint_eq(uid, before.uidnext);
}
END_TEST

START_TEST(some_mailboxes_cannot_be_deleted)
{
	struct sqb_mailbox_id none = { 99 };

	create("a/b");
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_mailbox_delete(st, T_INBOX), SQB_INVALID);
	t_says(st, "INBOX");
	t_fails(sqb_mailbox_delete(st, status_of("a").id), SQB_INVALID);
	t_says(st, "children");
	t_fails(sqb_mailbox_delete(st, none), SQB_NOTFOUND);
	t_fails(sqb_mailbox_delete(st, (struct sqb_mailbox_id){ 0 }),
		SQB_NOTFOUND);
	t_ok(st, sqb_txn_commit(st));
	remove_box("a/b");
	remove_box("a");
	tree_is("INBOX\n");
}
END_TEST

static void add_name_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "names");

	tcase_add_loop_test(tc, names_keep_the_rules, 0, COUNT(name_cases));
	tcase_add_test(tc, a_level_has_255_octets_at_most);
	tcase_add_test(tc, a_name_has_4096_octets_at_most);
	tcase_add_test(tc, there_is_an_inbox_from_the_beginning);
	tcase_add_test(tc, inbox_is_the_same_in_any_case);
	tcase_add_test(tc, writers_need_a_transaction);
}

static void add_create_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "create and delete");

	tcase_add_test(tc, missing_parents_are_made_noselect);
	tcase_add_test(tc, create_twice_is_exists_and_changes_nothing);
	tcase_add_test(tc, a_noselect_mailbox_becomes_an_ordinary_one);
	tcase_add_test(tc, create_takes_what_the_caller_wants);
	tcase_add_test(tc, uidvalidity_runs_out_with_a_limit);
	tcase_add_test(tc, made_again_a_mailbox_is_another_one);
	tcase_add_test(tc, a_rolled_back_create_gives_its_numbers_back);
	tcase_add_test(tc, delete_leaves_nothing_behind);
	tcase_add_test(tc, a_mailbox_with_children_stays_as_noselect);
	tcase_add_test(tc, some_mailboxes_cannot_be_deleted);
}

int main(void)
{
	Suite *suite = suite_create("mailbox");

	add_name_tests(suite);
	add_create_tests(suite);
	return t_run(suite);
}
