/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Messages: append, get, walk, copy, move.
 */
#include "common/maintain.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char mail[] =
	"Subject: x\r\n\r\nbody\r\n"; /* 20 octets, 3 lines */

static struct sqb_store *st;
static struct sqb_body_writer *writer; /* of the mail above */
static struct sqb_mailbox_id other;

static void setup(void)
{
	st = t_store_open();
	writer = t_body(st, mail, strlen(mail));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, "box/other", NULL, &other));
	t_ok(st, sqb_txn_commit(st));
}

static void teardown(void)
{
	sqb_body_writer_free(&writer);
	t_store_close(&st);
}

static uint32_t append(struct sqb_mailbox_id box,
		       const struct sqb_message_new *args)
{
	uint32_t uid = 0;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_append(st, box, writer, args, &uid));
	t_ok(st, sqb_txn_commit(st));
	return uid;
}

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

static struct sqb_message get(struct sqb_mailbox_id box, uint32_t uid)
{
	struct sqb_message msg;

	t_ok(st, sqb_message_get(st, box, uid, &msg));
	return msg;
}

static struct sqb_mailbox_status status_of(struct sqb_mailbox_id box)
{
	struct sqb_mailbox_status status;

	t_ok(st, sqb_mailbox_status(st, box, &status));
	return status;
}

static uint32_t copy(const struct sqb_message *src, struct sqb_mailbox_id dst,
		     const struct sqb_message_new *args)
{
	uint32_t uid = 0;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_copy(st, src, dst, args, &uid));
	t_ok(st, sqb_txn_commit(st));
	return uid;
}

static uint32_t move(struct sqb_mailbox_id src, uint32_t uid,
		     struct sqb_mailbox_id dst,
		     const struct sqb_message_new *args)
{
	uint32_t new_uid = 0;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_move(st, src, uid, dst, args, &new_uid));
	t_ok(st, sqb_txn_commit(st));
	return new_uid;
}

/* Numbers 0 to 69, made once. */
static void make_keywords(void)
{
	uint32_t number;
	char name[16];
	int i;

	t_ok(st, sqb_txn_begin(st));
	for (i = 0; i < 70; i++) {
		(void)snprintf(name, sizeof(name), "k%d", i);
		t_ok(st, sqb_keyword_number(st, name, true, &number));
	}
	t_ok(st, sqb_txn_commit(st));
}

static int64_t refs(void)
{
	return t_sql_int(st, "SELECT coalesce(max(refs), 0) FROM body_shared");
}

static int64_t count_free(void)
{
	return t_sql_int(st, "SELECT count(*) FROM body_free");
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
	ck_assert_uint_eq(get(T_INBOX, 2).modseq, 1000001);
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

START_TEST(one_writer_many_messages_one_body)
{
	append(T_INBOX, NULL);
	ck_assert_int_eq(refs(), 0);
	append(other, NULL);
	ck_assert_int_eq(refs(), 2);
	append(T_INBOX, NULL);
	ck_assert_int_eq(refs(), 3);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body"), 1);
	ck_assert_int_eq(get(other, 1).body.n, get(T_INBOX, 2).body.n);
}
END_TEST

START_TEST(a_copy_shares_the_body_and_has_its_own_row)
{
	struct sqb_message_new args = { .flags = SQB_FLAGGED, .date = T_DATE };
	struct sqb_message src, dst;

	append(T_INBOX, &args);
	src = get(T_INBOX, 1);
	args.flags = SQB_SEEN;
	args.date = 0;
	args.save_date = 77;
	ck_assert_uint_eq(copy(&src, other, &args), 1);
	dst = get(other, 1);
	ck_assert_int_eq(dst.body.n, src.body.n);
	ck_assert_uint_eq(dst.vsize, src.vsize);
	ck_assert_uint_eq(dst.psize, src.psize);
	ck_assert_int_eq(dst.date, T_DATE);
	ck_assert_int_eq(dst.save_date, 77);
	ck_assert_uint_eq(dst.flags, SQB_SEEN);
	ck_assert_uint_gt(dst.modseq, src.modseq);
	ck_assert_int_eq(refs(), 2);
	ck_assert_uint_eq(status_of(other).messages, 1);
	ck_assert_uint_eq(status_of(other).unseen, 0);
	args.date = 99;
	copy(&src, other, &args);
	ck_assert_int_eq(get(other, 2).date, 99);
	ck_assert_int_eq(refs(), 3);
}
END_TEST

START_TEST(a_copy_may_be_in_the_same_mailbox)
{
	struct sqb_message src;

	append(T_INBOX, NULL);
	src = get(T_INBOX, 1);
	ck_assert_uint_eq(copy(&src, T_INBOX, NULL), 2);
	ck_assert_uint_eq(status_of(T_INBOX).messages, 2);
	ck_assert_int_eq(refs(), 2);
}
END_TEST

START_TEST(a_copy_takes_an_expunged_body_back)
{
	struct sqb_message src;

	append(T_INBOX, NULL);
	src = get(T_INBOX, 1);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, T_INBOX, 1, 1, NULL));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_eq(count_free(), 1);
	copy(&src, other, NULL);
	ck_assert_int_eq(count_free(), 0);
	ck_assert_int_eq(refs(), 0);
	copy(&src, other, NULL);
	ck_assert_int_eq(refs(), 2);
}
END_TEST

START_TEST(a_copy_of_a_freed_body_is_not_found)
{
	struct sqb_mailbox_status before, after;
	struct sqb_message src;
	uint32_t uid = 0;

	append(T_INBOX, NULL);
	src = get(T_INBOX, 1);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, T_INBOX, 1, 1, NULL));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_purge(st, 0, 0, NULL));
	before = status_of(other);
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_message_copy(st, &src, other, NULL, &uid), SQB_NOTFOUND);
	t_ok(st, sqb_txn_commit(st));
	after = status_of(other);
	ck_assert_mem_eq(&after, &before, sizeof(before));
	/* The writer still has the octets. */
	append(other, NULL);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body"), 1);
}
END_TEST

START_TEST(a_refused_copy_gives_the_body_back)
{
	struct sqb_mailbox_id none = { 99 }, noselect;
	struct sqb_message src;
	uint32_t uid;

	t_ok(st, sqb_mailbox_find(st, "box", &noselect));
	append(T_INBOX, NULL);
	src = get(T_INBOX, 1);
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_message_copy(st, &src, none, NULL, &uid), SQB_NOTFOUND);
	t_fails(sqb_message_copy(st, &src, noselect, NULL, &uid), SQB_NOSELECT);
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_eq(refs(), 0);
	ck_assert_int_eq(count_free(), 0);
}
END_TEST

START_TEST(a_move_takes_everything_along)
{
	static const uint32_t more[] = { 66, 67 };
	struct sqb_message_new args = {
		.flags = SQB_SEEN | SQB_ANSWERED,
		.keywords = { .mask = 2, .more = more, .more_count = 2 },
		.date = T_DATE,
		.save_date = 5,
		.pop3_uidl = "uidl-1",
		.pop3_order = 7,
	};
	struct sqb_message src, dst;
	uint32_t order;
	char *uidl;

	make_keywords();
	append(T_INBOX, &args);
	src = get(T_INBOX, 1);
	ck_assert_uint_eq(move(T_INBOX, 1, other, NULL), 1);
	dst = get(other, 1);
	ck_assert_int_eq(dst.body.n, src.body.n);
	ck_assert_uint_eq(dst.flags, SQB_SEEN | SQB_ANSWERED);
	ck_assert_uint_eq(dst.keywords.mask, 2);
	ck_assert_uint_eq(dst.keywords.more_count, 2);
	ck_assert_mem_eq(dst.keywords.more, more, sizeof(more));
	ck_assert_int_eq(dst.date, T_DATE);
	ck_assert_int_gt(dst.save_date, 5);
	t_ok(st, sqb_message_pop3(st, other, 1, &uidl, &order));
	ck_assert_str_eq(uidl, "uidl-1");
	ck_assert_uint_eq(order, 7);
	free(uidl);
	t_fails(sqb_message_get(st, T_INBOX, 1, &src), SQB_NOTFOUND);
	t_fails(sqb_message_pop3(st, T_INBOX, 1, &uidl, &order), SQB_NOTFOUND);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM keyword_more"), 2);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM pop3"), 1);
	ck_assert_int_eq(refs(), 0);
	ck_assert_int_eq(count_free(), 0);
	ck_assert_uint_eq(status_of(T_INBOX).messages, 0);
	ck_assert_uint_eq(status_of(T_INBOX).vsize, 0);
	ck_assert_uint_eq(status_of(T_INBOX).highestmodseq, dst.modseq);
	ck_assert_int_eq(t_sql_int(st, "SELECT uid_lo FROM expunged"), 1);
}
END_TEST

START_TEST(a_move_may_change_flags)
{
	struct sqb_message_new args = { .flags = SQB_SEEN, .date = T_DATE };

	append(T_INBOX, &args);
	args.flags = SQB_DELETED;
	args.date = 0;
	args.save_date = 8;
	move(T_INBOX, 1, other, &args);
	ck_assert_uint_eq(get(other, 1).flags, SQB_DELETED);
	ck_assert_int_eq(get(other, 1).date, T_DATE);
	ck_assert_int_eq(get(other, 1).save_date, 8);
	ck_assert_uint_eq(status_of(other).unseen, 1);
}
END_TEST

START_TEST(a_move_within_its_mailbox_gives_a_new_uid)
{
	append(T_INBOX, NULL);
	append(T_INBOX, NULL);
	ck_assert_uint_eq(move(T_INBOX, 1, T_INBOX, NULL), 3);
	ck_assert_uint_eq(status_of(T_INBOX).messages, 2);
	ck_assert_uint_eq(status_of(T_INBOX).unseen, 2);
	ck_assert_uint_eq(status_of(T_INBOX).vsize, 2 * strlen(mail));
}
END_TEST

START_TEST(a_refused_move_does_nothing)
{
	struct sqb_mailbox_id none = { 99 }, noselect;
	struct sqb_mailbox_status before, after;
	uint32_t uid;

	t_ok(st, sqb_mailbox_find(st, "box", &noselect));
	append(T_INBOX, NULL);
	before = status_of(T_INBOX);
	t_ok(st, sqb_sync(st));
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_message_move(st, T_INBOX, 2, other, NULL, &uid),
		SQB_NOTFOUND);
	t_ok(st, sqb_txn_commit(st));
	ck_assert(!sqb_sync_pending(st));
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_message_move(st, T_INBOX, 1, none, NULL, &uid),
		SQB_NOTFOUND);
	t_fails(sqb_message_move(st, T_INBOX, 1, noselect, NULL, &uid),
		SQB_NOSELECT);
	t_ok(st, sqb_txn_commit(st));
	after = status_of(T_INBOX);
	ck_assert_mem_eq(&after, &before, sizeof(before));
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

START_TEST(one_transaction_has_one_modseq)
{
	struct sqb_message msg;
	uint32_t uid;
	uint64_t modseq;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_append(st, T_INBOX, writer, NULL, &uid));
	t_ok(st, sqb_message_get(st, T_INBOX, uid, &msg));
	t_ok(st, sqb_message_copy(st, &msg, other, NULL, &uid));
	t_ok(st, sqb_message_move(st, other, uid, T_INBOX, NULL, &uid));
	t_ok(st, sqb_txn_modseq(st, &modseq));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_uint_eq(get(T_INBOX, 1).modseq, modseq);
	ck_assert_uint_eq(get(T_INBOX, 2).modseq, modseq);
	ck_assert_uint_eq(status_of(T_INBOX).highestmodseq, modseq);
	ck_assert_uint_eq(status_of(other).highestmodseq, modseq);
}
END_TEST

START_TEST(a_rollback_undoes_it_all)
{
	struct sqb_mailbox_status before, after;
	struct sqb_message msg;
	uint32_t uid;

	append(T_INBOX, NULL);
	before = status_of(T_INBOX);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_append(st, T_INBOX, writer, NULL, &uid));
	t_ok(st, sqb_message_get(st, T_INBOX, uid, &msg));
	t_ok(st, sqb_message_copy(st, &msg, other, NULL, &uid));
	t_ok(st, sqb_message_move(st, T_INBOX, 1, other, NULL, &uid));
	sqb_txn_rollback(st);
	after = status_of(T_INBOX);
	ck_assert_mem_eq(&after, &before, sizeof(before));
	ck_assert_uint_eq(status_of(other).uidnext, 1);
	ck_assert_int_eq(refs(), 0);
	ck_assert_uint_eq(get(T_INBOX, 1).uid, 1);
}
END_TEST

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	suite_add_tcase(suite, tc);
	return tc;
}

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

static void add_copy_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "copy and move");

	tcase_add_test(tc, one_writer_many_messages_one_body);
	tcase_add_test(tc, a_copy_shares_the_body_and_has_its_own_row);
	tcase_add_test(tc, a_copy_may_be_in_the_same_mailbox);
	tcase_add_test(tc, a_copy_takes_an_expunged_body_back);
	tcase_add_test(tc, a_copy_of_a_freed_body_is_not_found);
	tcase_add_test(tc, a_refused_copy_gives_the_body_back);
	tcase_add_test(tc, a_move_takes_everything_along);
	tcase_add_test(tc, a_move_may_change_flags);
	tcase_add_test(tc, a_move_within_its_mailbox_gives_a_new_uid);
	tcase_add_test(tc, a_refused_move_does_nothing);
	tcase_add_test(tc, one_transaction_has_one_modseq);
	tcase_add_test(tc, a_rollback_undoes_it_all);
}

int main(void)
{
	Suite *suite = suite_create("message");

	add_append_tests(suite);
	add_copy_tests(suite);
	return t_run(suite);
}
