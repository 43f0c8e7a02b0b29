/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Changes of flags and keywords.
 */
#include "common/message.h"
#include "common/txn.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

static struct sqb_store *st;

/* Ten messages; the even ones are \Seen; keywords 0 to 69. */
static void setup(void)
{
	struct sqb_body_writer *w;
	struct sqb_message_new args;
	uint32_t uid, number;
	char name[16];
	int i;

	st = t_store_open();
	w = t_body(st, "a: b\r\n\r\n", 8);
	t_ok(st, sqb_txn_begin(st));
	for (i = 0; i < 70; i++) {
		(void)snprintf(name, sizeof(name), "k%d", i);
		t_ok(st, sqb_keyword_number(st, name, true, &number));
	}
	for (i = 1; i <= 10; i++) {
		memset(&args, 0, sizeof(args));
		args.flags = i % 2 == 0 ? SQB_SEEN : 0;
		t_ok(st, sqb_message_append(st, T_INBOX, w, &args, &uid));
	}
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_sync(st));
	sqb_body_writer_free(&w);
}

static void teardown(void)
{
	t_store_close(&st);
}

static uint64_t change(uint32_t lo, uint32_t hi,
		       const struct sqb_flag_change *c)
{
	uint64_t changed = 999;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_change_flags(st, T_INBOX, lo, hi, c, &changed));
	t_ok(st, sqb_txn_commit(st));
	return changed;
}

static uint64_t set_flags(uint32_t lo, uint32_t hi, unsigned int add,
			  unsigned int remove)
{
	struct sqb_flag_change c = { .add = add, .remove = remove };

	return change(lo, hi, &c);
}

static struct sqb_message get(uint32_t uid)
{
	struct sqb_message msg;

	t_ok(st, sqb_message_get(st, T_INBOX, uid, &msg));
	return msg;
}

static struct sqb_mailbox_status status(void)
{
	struct sqb_mailbox_status s;

	t_ok(st, sqb_mailbox_status(st, T_INBOX, &s));
	return s;
}

/* The keywords past the mask of a message, as "63 65". */
static void more_is(uint32_t uid, const char *want)
{
	struct sqb_message msg = get(uid);
	char got[256];
	size_t len = 0;
	uint32_t i;

	got[0] = '\0';
	for (i = 0; i < msg.keywords.more_count; i++)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%u",
					i > 0 ? " " : "", msg.keywords.more[i]);
	ck_assert_str_eq(got, want);
}

static int64_t row_flags(uint32_t uid)
{
	char sql[80];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT flags FROM message WHERE mailbox_id = 1"
		       " AND uid = %u",
		       uid);
	return t_sql_int(st, sql);
}

START_TEST(flags_are_added_and_removed)
{
	ck_assert_uint_eq(set_flags(1, 1, SQB_FLAGGED | SQB_DRAFT, 0), 1);
	ck_assert_uint_eq(get(1).flags, SQB_FLAGGED | SQB_DRAFT);
	ck_assert_uint_eq(set_flags(1, 1, SQB_ANSWERED, SQB_DRAFT), 1);
	ck_assert_uint_eq(get(1).flags, SQB_FLAGGED | SQB_ANSWERED);
	ck_assert_uint_eq(set_flags(1, 1, 0, SQB_FLAGS_ALL), 1);
	ck_assert_uint_eq(get(1).flags, 0);
	ck_assert_uint_eq(get(2).flags, SQB_SEEN);
}
END_TEST

START_TEST(add_wins_over_remove)
{
	struct sqb_flag_change c = {
		.add = SQB_DELETED,
		.remove = SQB_FLAGS_ALL,
		.add_keywords.mask = 3,
		.remove_keywords.mask = 6,
	};

	set_flags(2, 2, 0, 0);
	change(2, 2, &c);
	ck_assert_uint_eq(get(2).flags, SQB_DELETED);
	ck_assert_uint_eq(get(2).keywords.mask, 3);
}
END_TEST

START_TEST(what_is_so_already_keeps_its_modseq)
{
	uint64_t before = status().highestmodseq;

	ck_assert_uint_eq(set_flags(1, 10, SQB_SEEN, 0), 5);
	ck_assert_uint_gt(status().highestmodseq, before);
	ck_assert_uint_eq(get(2).modseq, before);
	ck_assert_uint_eq(get(3).modseq, status().highestmodseq);
}
END_TEST

START_TEST(no_change_costs_no_write)
{
	static const uint32_t more[] = { 64 };
	struct sqb_flag_change c = {
		.remove_keywords = { .mask = 7, .more = more, .more_count = 1 },
	};
	struct sqb_mailbox_status before = status(), after;

	ck_assert_uint_eq(set_flags(2, 2, SQB_SEEN, SQB_DRAFT), 0);
	ck_assert_uint_eq(set_flags(1, 10, 0, 0), 0);
	ck_assert_uint_eq(set_flags(11, UINT32_MAX, SQB_SEEN, 0), 0);
	ck_assert_uint_eq(set_flags(5, 4, SQB_DRAFT, 0), 0);
	ck_assert_uint_eq(change(1, 10, &c), 0);
	ck_assert(!sqb_sync_pending(st));
	after = status();
	ck_assert_mem_eq(&after, &before, sizeof(before));
}
END_TEST

START_TEST(unseen_follows)
{
	ck_assert_uint_eq(status().unseen, 5);
	set_flags(1, 4, SQB_SEEN, 0);
	ck_assert_uint_eq(status().unseen, 3);
	set_flags(1, UINT32_MAX, 0, SQB_SEEN);
	ck_assert_uint_eq(status().unseen, 10);
	set_flags(1, UINT32_MAX, SQB_FLAGGED, 0);
	ck_assert_uint_eq(status().unseen, 10);
	set_flags(3, 3, SQB_SEEN, SQB_SEEN);
	ck_assert_uint_eq(status().unseen, 9);
}
END_TEST

START_TEST(keywords_of_the_mask)
{
	struct sqb_flag_change c = { .add_keywords.mask = UINT64_C(1) << 62 };

	ck_assert_uint_eq(change(3, 5, &c), 3);
	ck_assert_uint_eq(get(4).keywords.mask, UINT64_C(1) << 62);
	ck_assert_uint_eq(get(6).keywords.mask, 0);
	c.remove_keywords.mask = UINT64_MAX;
	c.add_keywords.mask = 1;
	ck_assert_uint_eq(change(4, 6, &c), 3);
	ck_assert_uint_eq(get(4).keywords.mask, 1);
	ck_assert_uint_eq(get(3).keywords.mask, UINT64_C(1) << 62);
}
END_TEST

START_TEST(keywords_past_the_mask)
{
	static const uint32_t a[] = { 63, 65, 69 }, b[] = { 64, 65 };
	struct sqb_flag_change c = {
		.add_keywords = { .more = a, .more_count = 3 },
	};

	ck_assert_uint_eq(change(2, 4, &c), 3);
	more_is(2, "63 65 69");
	more_is(1, "");
	ck_assert_int_eq(row_flags(2), 32 | SQB_SEEN);
	ck_assert_uint_eq(get(2).flags, SQB_SEEN);
	ck_assert_uint_eq(change(1, 10, &c), 7);
	ck_assert_uint_eq(change(1, 10, &c), 0);

	/* Both at once; add wins. */
	c.add_keywords.more = b;
	c.add_keywords.more_count = 2;
	c.remove_keywords.more = a;
	c.remove_keywords.more_count = 3;
	ck_assert_uint_eq(change(4, 4, &c), 1);
	more_is(4, "64 65");
	more_is(5, "63 65 69");
	ck_assert_uint_eq(change(4, 4, &c), 0);
}
END_TEST

START_TEST(the_last_of_them_takes_the_bit_away)
{
	static const uint32_t a[] = { 63, 64 }, b[] = { 64 };
	struct sqb_flag_change add = {
		.add_keywords = { .more = a, .more_count = 2 },
	}, remove = {
		.remove_keywords = { .more = b, .more_count = 1 },
	};

	change(1, 2, &add);
	ck_assert_uint_eq(change(1, 1, &remove), 1);
	more_is(1, "63");
	ck_assert_int_eq(row_flags(1), 32);
	remove.remove_keywords.more = a;
	remove.remove_keywords.more_count = 2;
	ck_assert_uint_eq(change(1, 10, &remove), 2);
	more_is(1, "");
	ck_assert_int_eq(row_flags(1), 0);
	ck_assert_int_eq(row_flags(2), SQB_SEEN);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM keyword_more"), 0);
}
END_TEST

START_TEST(a_message_counts_once_whatever_changes)
{
	static const uint32_t a[] = { 63 };
	struct sqb_flag_change one = {
		.add_keywords = { .more = a, .more_count = 1 },
	}, all = {
		.add = SQB_SEEN,
		.add_keywords = { .mask = 1, .more = a, .more_count = 1 },
	};

	change(2, 3, &one);
	/* 1: all three; 2: the mask; 3: \Seen and the mask; the rest: all. */
	ck_assert_uint_eq(change(1, 10, &all), 10);
	ck_assert_uint_eq(change(1, 10, &all), 0);
	ck_assert_uint_eq(status().unseen, 0);
}
END_TEST

START_TEST(several_changes_of_one_transaction)
{
	struct sqb_flag_change flag = { .add = SQB_FLAGGED },
			       unflag = { .remove = SQB_FLAGGED };
	uint64_t changed, modseq;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_change_flags(st, T_INBOX, 1, 5, &flag, &changed));
	ck_assert_uint_eq(changed, 5);
	t_ok(st, sqb_message_change_flags(st, T_INBOX, 3, 8, &flag, NULL));
	t_ok(st,
	     sqb_message_change_flags(st, T_INBOX, 4, 4, &unflag, &changed));
	ck_assert_uint_eq(changed, 1);
	t_ok(st, sqb_txn_modseq(st, &modseq));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_uint_eq(get(4).flags, SQB_SEEN);
	ck_assert_uint_eq(get(8).flags, SQB_SEEN | SQB_FLAGGED);
	ck_assert_uint_eq(get(8).modseq, modseq);
	ck_assert_uint_lt(get(9).modseq, modseq);
}
END_TEST

START_TEST(bad_arguments_change_nothing)
{
	static const uint32_t unknown[] = { 70 };
	struct sqb_flag_change c = { .add = 32 };
	struct sqb_mailbox_id none = { 99 };
	uint64_t changed = 5;

	t_fails(sqb_message_change_flags(st, T_INBOX, 1, 1, &c, NULL),
		SQB_INTERNAL);
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_message_change_flags(st, T_INBOX, 1, 1, &c, NULL),
		SQB_INVALID);
	c.add = 0;
	c.remove = 64;
	t_fails(sqb_message_change_flags(st, T_INBOX, 1, 1, &c, NULL),
		SQB_INVALID);
	c.remove = 0;
	c.add_keywords.more = unknown;
	c.add_keywords.more_count = 1;
	t_fails(sqb_message_change_flags(st, T_INBOX, 1, 1, &c, NULL),
		SQB_INVALID);
	/* To remove what nobody has is no fault. */
	memset(&c, 0, sizeof(c));
	c.remove_keywords.more = unknown;
	c.remove_keywords.more_count = 1;
	t_ok(st, sqb_message_change_flags(st, T_INBOX, 1, 1, &c, NULL));
	c.add = SQB_SEEN;
	t_ok(st, sqb_message_change_flags(st, none, 1, 9, &c, &changed));
	ck_assert_uint_eq(changed, 0);
	t_ok(st, sqb_txn_commit(st));
	ck_assert(!sqb_sync_pending(st));
}
END_TEST

START_TEST(a_wrong_counter_stops_nobody)
{
	t_sql(st, "UPDATE mailbox SET unseen = 0 WHERE id = 1");
	set_flags(1, 10, SQB_SEEN, 0);
	ck_assert_uint_eq(status().unseen, 0);
	t_sql(st, "UPDATE mailbox SET unseen = 10 WHERE id = 1");
	set_flags(1, 10, 0, SQB_SEEN);
	ck_assert_uint_eq(status().unseen, 10);
}
END_TEST

START_TEST(a_pop3_row_stays)
{
	struct sqb_message_new args = { .pop3_uidl = "x" };
	struct sqb_body_writer *w = t_body(st, "a: b\r\n\r\n", 8);
	uint32_t uid;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_append(st, T_INBOX, w, &args, &uid));
	t_ok(st, sqb_txn_commit(st));
	set_flags(uid, uid, SQB_SEEN, SQB_FLAGS_ALL);
	ck_assert_int_eq(row_flags(uid), 64 | SQB_SEEN);
	sqb_body_writer_free(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flags");
	TCase *tc = tcase_create("flags");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, flags_are_added_and_removed);
	tcase_add_test(tc, add_wins_over_remove);
	tcase_add_test(tc, what_is_so_already_keeps_its_modseq);
	tcase_add_test(tc, no_change_costs_no_write);
	tcase_add_test(tc, unseen_follows);
	tcase_add_test(tc, keywords_of_the_mask);
	tcase_add_test(tc, keywords_past_the_mask);
	tcase_add_test(tc, the_last_of_them_takes_the_bit_away);
	tcase_add_test(tc, a_message_counts_once_whatever_changes);
	tcase_add_test(tc, several_changes_of_one_transaction);
	tcase_add_test(tc, bad_arguments_change_nothing);
	tcase_add_test(tc, a_wrong_counter_stops_nobody);
	tcase_add_test(tc, a_pop3_row_stays);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
