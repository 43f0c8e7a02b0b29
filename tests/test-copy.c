/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Messages: copy and move, and what is shared.
 */
#include "common/maintain.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/fixture-message.h"
#include "tests/support.h"

#include <stdlib.h>
#include <string.h>

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

static int64_t refs(void)
{
	return t_sql_int(st, "SELECT coalesce(max(refs), 0) FROM body_shared");
}

static int64_t count_free(void)
{
	return t_sql_int(st, "SELECT count(*) FROM body_free");
}

static uint64_t count_refs(struct sqb_body_id body)
{
	uint64_t refs = UINT64_MAX;

	t_ok(st, sqb_body_refs(st, body, &refs));
	return refs;
}

START_TEST(one_writer_many_messages_one_body)
{
	append(T_INBOX, NULL);
	ck_assert_int_eq(refs(), 0);
	ck_assert_uint_eq(count_refs(get(T_INBOX, 1).body), 1);
	append(other, NULL);
	ck_assert_int_eq(refs(), 2);
	append(T_INBOX, NULL);
	ck_assert_int_eq(refs(), 3);
	ck_assert_uint_eq(count_refs(get(T_INBOX, 1).body), 3);
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
	Suite *suite = suite_create("copy");

	add_copy_tests(suite);
	return t_run(suite);
}
