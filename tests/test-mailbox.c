/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The folder tree: names, create, delete, rename, update, the walk.
 */
#include "common/attribute.h"
#include "common/changes.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
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

static struct sqb_mailbox_id create(const char *name)
{
	struct sqb_mailbox_id id = { 0 };

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, name, NULL, &id));
	t_ok(st, sqb_txn_commit(st));
	return id;
}

static void remove_box(const char *name)
{
	struct sqb_mailbox_id id;

	t_ok(st, sqb_mailbox_find(st, name, &id));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_delete(st, id));
	t_ok(st, sqb_txn_commit(st));
}

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

static struct sqb_mailbox_status status_of(const char *name)
{
	struct sqb_mailbox_status status;
	struct sqb_mailbox_id id;

	t_ok(st, sqb_mailbox_find(st, name, &id));
	t_ok(st, sqb_mailbox_status(st, id, &status));
	return status;
}

static bool exists(const char *name)
{
	struct sqb_mailbox_id id;
	enum sqb_err err = sqb_mailbox_find(st, name, &id);

	if (err != SQB_NOTFOUND)
		t_ok(st, err);
	return err == SQB_OK;
}

static void has_name(struct sqb_mailbox_id id, const char *want)
{
	char *name;

	t_ok(st, sqb_mailbox_name(st, id, &name));
	ck_assert_str_eq(name, want);
	free(name);
}

/* All full names, a line each. */
static void tree_is(const char *want)
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

static uint64_t tree_modseq(void)
{
	uint64_t modseq;

	t_ok(st, sqb_tree_modseq(st, &modseq));
	return modseq;
}

/* n octets of the same letter, to free(). */
static char *repeat(char c, size_t n)
{
	char *text = sqb_xmalloc(n + 1);

	memset(text, c, n);
	text[n] = '\0';
	return text;
}

/* n levels "a/a/...", to free(). */
static char *deep_name(size_t n)
{
	char *name = repeat('a', 2 * n - 1);
	size_t i;

	for (i = 1; i < 2 * n - 1; i += 2)
		name[i] = '/';
	return name;
}

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

/* A mailbox with a row in every table that can have one of it. */
static struct sqb_mailbox_id full_mailbox(const char *name)
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

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
	return tc;
}

#define COUNT(cases) ((int)(sizeof(cases) / sizeof(*(cases))))

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
	Suite *suite = suite_create("mailbox");

	add_name_tests(suite);
	add_create_tests(suite);
	add_change_tests(suite);
	add_walk_tests(suite);
	return t_run(suite);
}
