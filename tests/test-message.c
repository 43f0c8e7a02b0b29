/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Messages: append, get, walk.
 */
#include "common/maintain.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/fixture-message.h"
#include "tests/support.h"

#include <string.h>
#include <time.h>

static enum sqb_err try_append(struct sqb_mailbox_id box,
			       const struct sqb_message_new *args)
{
	uint32_t uid = 0;
	enum sqb_err err;

	t_ok(st, sqb_txn_begin(st));
	err = sqb_message_append(st, box, writer, args, &uid);
	sqb_txn_rollback(st);
	return err;
}

START_TEST(uids_ascend_and_counters_follow)
{
	struct sqb_message_new seen = { .flags = SQB_SEEN };
	struct sqb_mailbox_status before = status_of(T_INBOX), after;

	ck_assert_uint_eq(append(T_INBOX, NULL), 1);
	ck_assert_uint_eq(append(T_INBOX, &seen), 2);
	ck_assert_uint_eq(append(T_INBOX, NULL), 3);
	after = status_of(T_INBOX);
	ck_assert_uint_eq(after.uidnext, 4);
	ck_assert_uint_eq(after.messages, 3);
	ck_assert_uint_eq(after.unseen, 2);
	ck_assert_uint_eq(after.vsize, 3 * strlen(mail));
	ck_assert_uint_gt(after.highestmodseq, before.highestmodseq);
	ck_assert_uint_eq(after.uidvalidity, before.uidvalidity);
}
END_TEST

START_TEST(a_message_is_as_it_was_appended)
{
	static const uint32_t more[] = { 63, 69 };
	struct sqb_message_new args = {
		.flags = SQB_FLAGGED | SQB_DRAFT,
		.keywords = { .mask = UINT64_C(1) << 62 | 5,
			      .more = more,
			      .more_count = 2 },
		.date = -1000,
		.save_date = 2000,
	};
	struct sqb_message msg;

	make_keywords();
	append(T_INBOX, &args);
	msg = get(T_INBOX, 1);
	ck_assert_uint_eq(msg.uid, 1);
	ck_assert_uint_eq(msg.flags, SQB_FLAGGED | SQB_DRAFT);
	ck_assert_uint_eq(msg.keywords.mask, UINT64_C(1) << 62 | 5);
	ck_assert_uint_eq(msg.keywords.more_count, 2);
	ck_assert_mem_eq(msg.keywords.more, more, sizeof(more));
	ck_assert_int_eq(msg.date, -1000);
	ck_assert_int_eq(msg.save_date, 2000);
	ck_assert_uint_eq(msg.vsize, 20);
	ck_assert_uint_eq(msg.psize, 17);
	ck_assert_uint_eq(msg.modseq, status_of(T_INBOX).highestmodseq);
	t_fails(sqb_message_get(st, T_INBOX, 2, &msg), SQB_NOTFOUND);
	t_fails(sqb_message_get(st, other, 1, &msg), SQB_NOTFOUND);
}
END_TEST

START_TEST(dates_default_to_now)
{
	int64_t before = time(NULL);
	struct sqb_message msg;

	append(T_INBOX, NULL);
	msg = get(T_INBOX, 1);
	ck_assert_int_ge(msg.save_date, before);
	ck_assert_int_le(msg.save_date, time(NULL));
	ck_assert_int_eq(msg.date, msg.save_date);
	ck_assert_uint_eq(msg.flags, 0);
	ck_assert_ptr_null(msg.keywords.more);
}
END_TEST

START_TEST(a_date_is_one_of_the_calendar)
{
	struct sqb_message_new args = { .date = INT64_MAX,
					.save_date = INT64_MIN };
	struct sqb_message msg;
	time_t date;
	struct tm tm;

	append(T_INBOX, &args);
	msg = get(T_INBOX, 1);
	date = msg.date;
	ck_assert_ptr_nonnull(gmtime_r(&date, &tm));
	ck_assert_int_eq(tm.tm_year + 1900, 9999);
	date = msg.save_date;
	ck_assert_ptr_nonnull(gmtime_r(&date, &tm));
	ck_assert_int_eq(tm.tm_year + 1900, 1);
}
END_TEST

START_TEST(a_uid_may_be_given)
{
	struct sqb_message_new args = { .uid = 10 };

	append(T_INBOX, NULL);
	ck_assert_uint_eq(append(T_INBOX, &args), 10);
	ck_assert_uint_eq(append(T_INBOX, NULL), 11);
	t_fails(try_append(T_INBOX, &args), SQB_INVALID);
	t_says(st, "UIDNEXT 12");
	args.uid = 5;
	t_fails(try_append(T_INBOX, &args), SQB_INVALID);
}
END_TEST

START_TEST(the_last_uid_ends_a_mailbox)
{
	struct sqb_message_new args = { .uid = UINT32_MAX };

	ck_assert_uint_eq(append(T_INBOX, &args), UINT32_MAX);
	ck_assert_uint_eq(status_of(T_INBOX).uidnext, 0);
	t_fails(try_append(T_INBOX, NULL), SQB_LIMIT);
	t_fails(try_append(T_INBOX, &args), SQB_LIMIT);
	ck_assert_uint_eq(get(T_INBOX, UINT32_MAX).uid, UINT32_MAX);
	ck_assert_uint_eq(append(other, NULL), 1);
}
END_TEST

START_TEST(bad_arguments_change_nothing)
{
	static const uint32_t in_disorder[] = { 65, 64 }, too_low[] = { 3 };
	struct sqb_mailbox_id none = { 99 }, root = { 0 }, noselect;
	struct sqb_message_new args = { .flags = 0x20 };
	struct sqb_mailbox_status before, after;
	uint32_t uid;

	make_keywords();
	before = status_of(T_INBOX);
	t_ok(st, sqb_mailbox_find(st, "box", &noselect));
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_message_append(st, T_INBOX, writer, &args, &uid),
		SQB_INVALID);
	memset(&args, 0, sizeof(args));
	t_fails(sqb_message_append(st, none, writer, &args, &uid),
		SQB_NOTFOUND);
	t_fails(sqb_message_append(st, root, writer, &args, &uid),
		SQB_NOTFOUND);
	t_fails(sqb_message_append(st, noselect, writer, &args, &uid),
		SQB_NOSELECT);
	args.keywords.more_count = 2;
	args.keywords.more = in_disorder;
	t_fails(sqb_message_append(st, T_INBOX, writer, &args, &uid),
		SQB_INVALID);
	args.keywords.more_count = 1;
	args.keywords.more = too_low;
	t_fails(sqb_message_append(st, T_INBOX, writer, &args, &uid),
		SQB_INVALID);
	t_ok(st, sqb_txn_commit(st));
	after = status_of(T_INBOX);
	ck_assert_mem_eq(&after, &before, sizeof(before));
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body"), 0);
	t_fails(sqb_message_append(st, T_INBOX, writer, NULL, &uid),
		SQB_INTERNAL);
}
END_TEST

START_TEST(keywords_must_exist)
{
	static const uint32_t unknown[] = { 70 };
	struct sqb_message_new args = { .keywords.mask = 1 };

	t_fails(try_append(T_INBOX, &args), SQB_INVALID);
	make_keywords();
	append(T_INBOX, &args);
	args.keywords.mask = UINT64_C(1) << 63;
	t_fails(try_append(T_INBOX, &args), SQB_INVALID);
	args.keywords.mask = 0;
	args.keywords.more = unknown;
	args.keywords.more_count = 1;
	t_fails(try_append(T_INBOX, &args), SQB_INVALID);
	t_says(st, "70");
}
END_TEST

START_TEST(a_modseq_may_be_asked_for)
{
	struct sqb_message_new args = { .min_modseq = 1000000 };
	uint32_t uid;

	append(T_INBOX, &args);
	ck_assert_uint_eq(get(T_INBOX, 1).modseq, 1000000);
	append(T_INBOX, &args);
	ck_assert_uint_eq(get(T_INBOX, 2).modseq, 1000000 + SQB_MODSEQ_STEP);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_append(st, T_INBOX, writer, NULL, &uid));
	args.min_modseq = 2000000;
	t_fails(sqb_message_append(st, T_INBOX, writer, &args, &uid),
		SQB_INVALID);
	sqb_txn_rollback(st);
}
END_TEST

START_TEST(a_walk_is_in_uid_order)
{
	static const uint32_t uids[] = { 2, 5, 6, 9, 4000000000 };
	struct sqb_message_new args;
	struct sqb_message_iter *it;
	struct sqb_message msg;
	size_t i;

	for (i = 0; i < 5; i++) {
		memset(&args, 0, sizeof(args));
		args.uid = uids[i];
		append(T_INBOX, &args);
	}
	it = sqb_message_iter_begin(st, T_INBOX, 1, UINT32_MAX);
	for (i = 0; i < 5; i++) {
		ck_assert(sqb_message_iter_next(it, &msg));
		ck_assert_uint_eq(msg.uid, uids[i]);
	}
	ck_assert(!sqb_message_iter_next(it, &msg));
	ck_assert(!sqb_message_iter_next(it, &msg));
	t_ok(st, sqb_message_iter_end(&it));
	ck_assert_ptr_null(it);

	it = sqb_message_iter_begin(st, T_INBOX, 5, 8);
	ck_assert(sqb_message_iter_next(it, &msg));
	ck_assert_uint_eq(msg.uid, 5);
	ck_assert(sqb_message_iter_next(it, &msg));
	ck_assert_uint_eq(msg.uid, 6);
	ck_assert(!sqb_message_iter_next(it, &msg));
	t_ok(st, sqb_message_iter_end(&it));
}
END_TEST

START_TEST(walks_do_not_disturb_each_other)
{
	static const uint32_t more[] = { 64 };
	struct sqb_message_new args = { .keywords = { .more = more,
						      .more_count = 1 } };
	struct sqb_message_iter *a, *b;
	struct sqb_message msg_a, msg_b;

	make_keywords();
	append(T_INBOX, &args);
	append(T_INBOX, NULL);
	a = sqb_message_iter_begin(st, T_INBOX, 1, UINT32_MAX);
	ck_assert(sqb_message_iter_next(a, &msg_a));
	b = sqb_message_iter_begin(st, T_INBOX, 1, UINT32_MAX);
	ck_assert(sqb_message_iter_next(b, &msg_b));
	ck_assert(sqb_message_iter_next(b, &msg_b));
	ck_assert_uint_eq(msg_b.uid, 2);
	ck_assert_uint_eq(msg_b.keywords.more_count, 0);
	ck_assert_uint_eq(get(T_INBOX, 1).keywords.more[0], 64);
	ck_assert_uint_eq(msg_a.keywords.more[0], 64);
	ck_assert(sqb_message_iter_next(a, &msg_a));
	ck_assert_uint_eq(msg_a.uid, 2);
	t_ok(st, sqb_message_iter_end(&a));
	t_ok(st, sqb_message_iter_end(&b));
}
END_TEST

START_TEST(pop3_identities_are_kept)
{
	struct sqb_message_new args = { .pop3_order = 3 };
	uint32_t order = 9;
	char *uidl;

	append(T_INBOX, NULL);
	append(T_INBOX, &args);
	t_ok(st, sqb_message_pop3(st, T_INBOX, 1, &uidl, &order));
	ck_assert_ptr_null(uidl);
	ck_assert_uint_eq(order, 0);
	t_ok(st, sqb_message_pop3(st, T_INBOX, 2, &uidl, &order));
	ck_assert_ptr_null(uidl);
	ck_assert_uint_eq(order, 3);
	t_fails(sqb_message_pop3(st, T_INBOX, 3, &uidl, &order), SQB_NOTFOUND);
}
END_TEST

static void add_append_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "append and read");

	tcase_add_test(tc, uids_ascend_and_counters_follow);
	tcase_add_test(tc, a_message_is_as_it_was_appended);
	tcase_add_test(tc, dates_default_to_now);
	tcase_add_test(tc, a_date_is_one_of_the_calendar);
	tcase_add_test(tc, a_uid_may_be_given);
	tcase_add_test(tc, the_last_uid_ends_a_mailbox);
	tcase_add_test(tc, bad_arguments_change_nothing);
	tcase_add_test(tc, keywords_must_exist);
	tcase_add_test(tc, a_modseq_may_be_asked_for);
	tcase_add_test(tc, a_walk_is_in_uid_order);
	tcase_add_test(tc, walks_do_not_disturb_each_other);
	tcase_add_test(tc, pop3_identities_are_kept);
}

int main(void)
{
	Suite *suite = suite_create("message");

	add_append_tests(suite);
	return t_run(suite);
}
