/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Mailboxes by parent and level, by id, by use; and what of them has changed.
 */
#include "common/attribute.h"
#include "common/entry.h"
#include "common/store-private.h"
#include "common/subscription.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sqb_store *st;
static const struct sqb_mailbox_id top;

static struct sqb_mailbox_id create(const char *name)
{
	struct sqb_mailbox_id id;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, name, NULL, &id));
	t_ok(st, sqb_txn_commit(st));
	return id;
}

static struct sqb_mailbox_id find(const char *name)
{
	struct sqb_mailbox_id id;

	t_ok(st, sqb_mailbox_find(st, name, &id));
	return id;
}

/* INBOX 1, z 2, z/b 3, a 4, z/a 5, z/a/x 6. */
static void setup(void)
{
	static const char *const names[] = { "z/b", "a", "z/a/x" };
	size_t i;

	st = t_store_open();
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)create(names[i]);
}

static void teardown(void)
{
	t_store_close(&st);
}

static void child_is(struct sqb_mailbox_id parent, const char *level,
		     const char *want)
{
	struct sqb_mailbox_id id;

	if (want == NULL) {
		t_fails(sqb_mailbox_child(st, parent, level, &id),
			SQB_NOTFOUND);
		return;
	}
	t_ok(st, sqb_mailbox_child(st, parent, level, &id));
	ck_assert_int_eq(id.n, find(want).n);
}

START_TEST(a_child_is_found_by_its_level)
{
	child_is(top, "z", "z");
	child_is(top, "INBOX", "INBOX");
	child_is(find("z"), "a", "z/a");
	child_is(find("z/a"), "x", "z/a/x");
	child_is(find("z"), "x", NULL);
	child_is(top, "b", NULL);
	child_is(top, "inbox", NULL);
	child_is(top, "z/b", NULL);
	child_is(top, "", NULL);
	child_is(top, ".", NULL);
	child_is(top, "..", NULL);
	child_is(top, "\xff", NULL);
	child_is((struct sqb_mailbox_id){ 77 }, "a", NULL);
}
END_TEST

/* "a:4+ b:5": levels and ids, + with children. */
static void walk_says(struct sqb_child_iter *it, const char *want)
{
	struct sqb_mailbox_info info;
	char text[256] = "";
	size_t len = 0;

	while (sqb_child_iter_next(it, &info))
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s%s:%lld%s", len > 0 ? " " : "",
					info.name, (long long)info.status.id.n,
					info.status.has_children ? "+" : "");
	t_ok(st, sqb_child_iter_end(&it));
	ck_assert_str_eq(text, want);
}

static void children_are(struct sqb_mailbox_id parent, int64_t after,
			 const char *want)
{
	struct sqb_mailbox_id id = { after };

	walk_says(sqb_child_iter_begin(st, parent, id), want);
}

START_TEST(children_come_by_id_after_any_id)
{
	children_are(top, 0, "INBOX:1 z:2+ a:4");
	children_are(top, 1, "z:2+ a:4");
	children_are(top, 3, "a:4");
	children_are(top, 4, "");
	children_are(find("z"), 0, "b:3 a:5+");
	children_are(find("a"), 0, "");
	children_are((struct sqb_mailbox_id){ 77 }, 0, "");
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_delete(st, find("z/b")));
	t_ok(st, sqb_mailbox_rename(st, find("a"), "z/c"));
	t_ok(st, sqb_txn_commit(st));
	children_are(find("z"), 3, "c:4 a:5+");
}
END_TEST

START_TEST(a_child_has_the_status_of_its_mailbox)
{
	struct sqb_mailbox_status want;
	struct sqb_mailbox_info info;
	struct sqb_child_iter *it;

	t_append_text(st, "a: b\r\n\r\n");
	t_ok(st, sqb_mailbox_status(st, T_INBOX, &want));
	it = sqb_child_iter_begin(st, top, top);
	ck_assert(sqb_child_iter_next(it, &info));
	ck_assert_uint_eq(info.status.messages, 1);
	ck_assert_uint_eq(info.status.highestmodseq, want.highestmodseq);
	ck_assert_uint_eq(info.status.uidvalidity, want.uidvalidity);
	ck_assert_int_eq(info.status.parent.n, 0);
	t_ok(st, sqb_child_iter_end(&it));
}
END_TEST

START_TEST(how_many_children_and_when_the_last_message_came)
{
	static const struct sqb_message_new args = { .save_date = 1700000000 };
	struct sqb_mailbox_info info;
	struct sqb_message msg;
	uint32_t uid;

	t_ok(st, sqb_mailbox_info_get(st, top, &info));
	ck_assert_uint_eq(info.children, 3);
	ck_assert_int_eq(info.last_saved, 0);
	t_ok(st, sqb_mailbox_info_get(st, find("z"), &info));
	ck_assert_int_eq(info.status.id.n, find("z").n);
	ck_assert_uint_eq(info.children, 2);
	ck_assert(info.status.has_children);
	t_append_text(st, "a: b\r\n\r\n");
	t_ok(st, sqb_message_get(st, T_INBOX, 1, &msg));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_copy(st, &msg, find("a"), &args, &uid));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_mailbox_info_get(st, find("a"), &info));
	ck_assert_uint_eq(info.children, 0);
	ck_assert_int_eq(info.last_saved, 1700000000);
	ck_assert_int_eq(
		sqb_mailbox_info_get(st, (struct sqb_mailbox_id){ 77 }, &info),
		SQB_NOTFOUND);
}
END_TEST

START_TEST(names_that_cannot_be_are_left_out)
{
	t_sql(st, "UPDATE mailbox SET name = '..' WHERE id = 2");
	t_sql(st, "UPDATE mailbox SET name = 'a/b' WHERE id = 4");
	children_are(top, 0, "INBOX:1");
}
END_TEST

static void use(const char *name, unsigned int uses)
{
	struct sqb_mailbox_update update = { .set_special_use = true,
					     .special_use = uses };

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_update(st, find(name), &update));
	t_ok(st, sqb_txn_commit(st));
}

START_TEST(a_use_is_found_at_the_oldest_mailbox)
{
	struct sqb_mailbox_id id;

	t_fails(sqb_mailbox_find_use(st, SQB_USE_TRASH, &id), SQB_NOTFOUND);
	use("z/a", SQB_USE_TRASH | SQB_USE_JUNK);
	use("a", SQB_USE_TRASH);
	t_ok(st, sqb_mailbox_find_use(st, SQB_USE_TRASH, &id));
	ck_assert_int_eq(id.n, find("a").n);
	t_ok(st, sqb_mailbox_find_use(st, SQB_USE_JUNK, &id));
	ck_assert_int_eq(id.n, find("z/a").n);
	t_fails(sqb_mailbox_find_use(st, SQB_USE_SENT, &id), SQB_NOTFOUND);
}
END_TEST

static uint64_t highest_in_store(void)
{
	struct sqb_store_stat stat;

	t_ok(st, sqb_store_stat(st, &stat));
	return stat.modseq;
}

START_TEST(changed_mailboxes_are_walked_by_id)
{
	uint64_t since = highest_in_store();

	walk_says(sqb_changed_mailbox_iter_begin(st, since), "");
	walk_says(sqb_changed_mailbox_iter_begin(st, UINT64_MAX), "");
	walk_says(sqb_changed_mailbox_iter_begin(st, 0),
		  "INBOX:1 z:2+ b:3 a:4 a:5+ x:6");
	t_append_text(st, "a: b\r\n\r\n");
	(void)create("z/a/y");
	walk_says(sqb_changed_mailbox_iter_begin(st, since), "INBOX:1 y:7");
}
END_TEST

/* What a mount must notice, by tree modseq or the mailbox's own. */
static void do_create(void)
{
	struct sqb_mailbox_id id;

	t_ok(st, sqb_mailbox_create(st, "new/one", NULL, &id));
}
static void do_create_noselect(void)
{
	struct sqb_mailbox_id id;

	t_ok(st, sqb_mailbox_create(st, "z", NULL, &id));
}
static void do_rename(void)
{
	t_ok(st, sqb_mailbox_rename(st, find("a"), "a2"));
}
static void do_rename_inbox(void)
{
	t_ok(st, sqb_mailbox_rename(st, T_INBOX, "a2"));
}
static void do_delete(void)
{
	t_ok(st, sqb_mailbox_delete(st, find("a")));
}
static void do_delete_parent(void)
{
	t_ok(st, sqb_mailbox_delete(st, find("z/a")));
}
static void do_subscribe(void)
{
	t_ok(st, sqb_subscribe(st, "a", true, NULL));
}
static void do_use(void)
{
	struct sqb_mailbox_update update = { .set_special_use = true,
					     .special_use = SQB_USE_SENT };

	t_ok(st, sqb_mailbox_update(st, find("a"), &update));
}
static void do_attribute(void)
{
	t_ok(st, sqb_attribute_set(st, find("a"), "/private/x", "y", 1, 1));
}
static void do_name(void)
{
	t_ok(st, sqb_entry_name_set(st, T_INBOX, 1, "x"));
}
static void do_flags(void)
{
	struct sqb_flag_change seen = { .add = SQB_SEEN };

	t_ok(st, sqb_message_change_flags(st, T_INBOX, 1, 1, &seen, NULL));
}
static void do_expunge(void)
{
	t_ok(st, sqb_message_expunge(st, T_INBOX, 1, 1, NULL));
}

static const struct {
	void (*change)(void);
	bool tree;
	const char *mailboxes; /* changed */
} changes[] = {
	{ do_create, true, "new:7+ one:8" },
	{ do_create_noselect, true, "z:2+" },
	{ do_rename, true, "" },
	{ do_rename_inbox, true, "INBOX:7" },
	{ do_delete, true, "" },
	{ do_delete_parent, true, "a:5+" },
	{ do_subscribe, true, "" },
	{ do_use, true, "a:4" },
	{ do_attribute, true, "" },
	{ do_name, false, "INBOX:1" },
	{ do_flags, false, "INBOX:1" },
	{ do_expunge, false, "INBOX:1" },
};

START_TEST(a_change_shows_in_the_tree_or_in_its_mailbox)
{
	uint64_t since, tree, before;

	t_append_text(st, "a: b\r\n\r\n");
	/* As setup() leaves it, z/a has been made as a parent only. */
	if (changes[_i].change == do_delete_parent)
		(void)create("z/a");
	since = highest_in_store();
	t_ok(st, sqb_tree_modseq(st, &before));
	t_ok(st, sqb_txn_begin(st));
	changes[_i].change();
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_tree_modseq(st, &tree));
	ck_assert_int_eq(tree > since, changes[_i].tree);
	walk_says(sqb_changed_mailbox_iter_begin(st, since),
		  changes[_i].mailboxes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mailbox-child");
	TCase *tc = tcase_create("children");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_child_is_found_by_its_level);
	tcase_add_test(tc, children_come_by_id_after_any_id);
	tcase_add_test(tc, a_child_has_the_status_of_its_mailbox);
	tcase_add_test(tc, how_many_children_and_when_the_last_message_came);
	tcase_add_test(tc, names_that_cannot_be_are_left_out);
	tcase_add_test(tc, a_use_is_found_at_the_oldest_mailbox);
	tcase_add_test(tc, changed_mailboxes_are_walked_by_id);
	tcase_add_loop_test(tc, a_change_shows_in_the_tree_or_in_its_mailbox, 0,
			    sizeof(changes) / sizeof(*changes));
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
