/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Messages whose body is still at the server.
 */
#include "tests/fixture-remote.h"

#define SIZE 20 /* of the fixture's mail */

static void replica_setup(void)
{
	setup();
	be_replica();
}

/* The message reads as the fixture's mail, as on the wire. */
static void reads(struct sqb_mailbox_id box, uint32_t uid)
{
	struct sqb_file_reader *r = NULL;
	char text[100];
	size_t size;

	t_ok(st, sqb_file_open(st, box, uid, &r));
	ck_assert_uint_eq(sqb_file_size(r), SIZE);
	t_ok(st, sqb_file_read(r, 0, text, sizeof(text), &size));
	ck_assert_uint_eq(size, SIZE);
	ck_assert_int_eq(memcmp(text, mail, SIZE), 0);
	sqb_file_close(&r);
}

static void is_absent(struct sqb_mailbox_id box, uint32_t uid)
{
	struct sqb_message msg = get(box, uid);
	struct sqb_body_reader *body = NULL;
	struct sqb_file_reader *file = NULL;

	t_fails(sqb_body_open(st, box, uid, &body), SQB_ABSENT);
	t_fails(sqb_body_open_id(st, msg.body, &body), SQB_ABSENT);
	t_fails(sqb_file_open(st, box, uid, &file), SQB_ABSENT);
	t_fails(sqb_file_open_id(st, msg.body, &file), SQB_ABSENT);
}

START_TEST(all_but_its_body_is_there)
{
	uint32_t uid = append_absent(T_INBOX, SIZE, T_DATE);
	struct sqb_message msg = get(T_INBOX, uid);
	struct sqb_body_info info;

	ck_assert_uint_eq(msg.vsize, SIZE);
	ck_assert_uint_eq(msg.psize, SIZE);
	ck_assert_int_eq(msg.date, T_DATE);
	ck_assert_uint_eq(status_of(T_INBOX).vsize, SIZE);
	t_ok(st, sqb_body_info(st, T_INBOX, uid, &info));
	ck_assert_int_eq(info.id.n, msg.body.n);
	ck_assert_uint_eq(info.vsize, SIZE);
	ck_assert_uint_eq(info.hdr_size, 0);
	is_absent(T_INBOX, uid);
	is_sound();
}
END_TEST

START_TEST(filled_it_is_as_any_other)
{
	uint32_t uid = append_absent(T_INBOX, SIZE, T_DATE);
	struct sqb_message before = get(T_INBOX, uid), after;
	struct sqb_body_info absent, info;

	t_ok(st, sqb_body_info(st, T_INBOX, uid, &absent));
	t_ok(st, fill_with(uid, writer));
	after = get(T_INBOX, uid);
	t_ok(st, sqb_body_info(st, T_INBOX, uid, &info));
	ck_assert_int_eq(after.body.n, before.body.n);
	ck_assert_int_eq(memcmp(info.guid, absent.guid, SQB_GUID_SIZE), 0);
	ck_assert_uint_eq(info.hdr_size, 14);
	ck_assert_uint_eq(after.modseq, before.modseq);
	reads(T_INBOX, uid);
	is_sound();
	t_fails(fill_with(uid, writer), SQB_EXISTS);
	t_fails(fill_with(uid + 1, writer), SQB_NOTFOUND);
}
END_TEST

START_TEST(a_fill_that_is_rolled_back_can_be_repeated)
{
	uint32_t uid = append_absent(T_INBOX, SIZE, T_DATE);

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_fill(st, T_INBOX, uid, writer));
	sqb_txn_rollback(st);
	is_absent(T_INBOX, uid);
	t_ok(st, fill_with(uid, writer));
	reads(T_INBOX, uid);
	is_sound();
}
END_TEST

START_TEST(what_was_fetched_can_be_appended_elsewhere)
{
	uint32_t uid = append_absent(T_INBOX, SIZE, T_DATE), copy;

	t_ok(st, fill_with(uid, writer));
	copy = append(other, NULL);
	ck_assert_int_eq(get(other, copy).body.n, get(T_INBOX, uid).body.n);
	is_sound();
}
END_TEST

static const struct {
	size_t size;
} sizes[] = { { 1 }, { SQB_BODY_CHUNK }, { 3 * SQB_BODY_CHUNK + 7 } };

START_TEST(it_may_have_any_size)
{
	size_t size = sizes[_i].size, got, done = 0;
	char *text = t_mail(size, 1), *out = sqb_xmalloc(size + 1);
	uint32_t uid = append_absent(T_INBOX, size, T_DATE);
	struct sqb_body_writer *w = t_body(st, text, size);
	struct sqb_file_reader *r;

	t_ok(st, fill_with(uid, w));
	t_ok(st, sqb_file_open(st, T_INBOX, uid, &r));
	do {
		t_ok(st,
		     sqb_file_read(r, done, out + done, size + 1 - done, &got));
		done += got;
	} while (got > 0);
	ck_assert_uint_eq(done, size);
	ck_assert_int_eq(memcmp(out, text, size), 0);
	is_sound();
	sqb_file_close(&r);
	sqb_body_writer_free(&w);
	free(text);
	free(out);
}
END_TEST

START_TEST(the_server_may_have_lied_about_its_size)
{
	uint32_t uid = append_absent(T_INBOX, 5000, T_DATE);
	struct sqb_message before = get(T_INBOX, uid), after;

	t_ok(st, fill_with(uid, writer));
	after = get(T_INBOX, uid);
	ck_assert_uint_eq(after.vsize, SIZE);
	ck_assert_uint_eq(after.psize, SIZE);
	ck_assert_uint_gt(after.modseq, before.modseq);
	ck_assert_uint_eq(status_of(T_INBOX).vsize, SIZE);
	ck_assert_uint_eq(status_of(T_INBOX).highestmodseq, after.modseq);
	reads(T_INBOX, uid);
	is_sound();
}
END_TEST

START_TEST(copies_share_it)
{
	uint32_t uid = append_absent(T_INBOX, 5000, T_DATE), copy, moved;
	struct sqb_message msg = get(T_INBOX, uid);

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_copy(st, &msg, other, NULL, &copy));
	t_ok(st, sqb_message_copy(st, &msg, other, NULL, &moved));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_move(st, other, moved, T_INBOX, NULL, &moved));
	t_ok(st, sqb_txn_commit(st));
	is_absent(other, copy);
	is_absent(T_INBOX, moved);
	is_sound();
	t_ok(st, fill_with(moved, writer));
	reads(T_INBOX, uid);
	reads(T_INBOX, moved);
	reads(other, copy);
	ck_assert_uint_eq(status_of(other).vsize, SIZE);
	ck_assert_int_eq(get(other, copy).body.n, msg.body.n);
	is_sound();
}
END_TEST

START_TEST(it_is_freed_as_any_other)
{
	uint32_t uid = append_absent(T_INBOX, SIZE, T_DATE);
	struct sqb_message msg = get(T_INBOX, uid);
	uint64_t freed;

	expunge(T_INBOX, uid);
	is_sound();
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_copy(st, &msg, other, NULL, &uid));
	t_ok(st, sqb_txn_commit(st));
	is_absent(other, uid);
	expunge(other, uid);
	t_ok(st, sqb_purge(st, 0, 0, &freed));
	ck_assert_uint_eq(freed, 1);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body_absent"), 0);
	is_sound();
}
END_TEST

START_TEST(its_neighbours_are_read_ahead)
{
	uint32_t uids[5];
	size_t i;

	for (i = 0; i < 5; i++)
		uids[i] = i == 2 ? append_absent(T_INBOX, SIZE, T_DATE)
				 : append(T_INBOX, NULL);
	for (i = 0; i < 5; i++) {
		struct sqb_body_reader *r = NULL;
		enum sqb_err err = sqb_body_open(st, T_INBOX, uids[i], &r);

		t_fails(err, i == 2 ? SQB_ABSENT : SQB_OK);
		sqb_body_close(&r);
	}
}
END_TEST

START_TEST(a_size_that_cannot_be_is_refused)
{
	uint32_t uid;

	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_message_append_absent(st, T_INBOX, SQB_ABSENT_SIZE_MAX + 1,
					  NULL, &uid),
		SQB_LIMIT);
	t_fails(sqb_message_append_absent(st, T_INBOX, UINT64_MAX, NULL, &uid),
		SQB_LIMIT);
	sqb_txn_rollback(st);
}
END_TEST

START_TEST(a_lost_body_is_not_taken_for_an_absent_one)
{
	uint32_t uid = append(T_INBOX, NULL);
	struct sqb_body_reader *r = NULL;

	t_sql(st, "DELETE FROM body");
	t_fails(sqb_body_open(st, T_INBOX, uid, &r), SQB_CORRUPT);
	t_fails(fill_with(uid, writer), SQB_EXISTS);
}
END_TEST

START_TEST(they_are_walked_by_date_the_latest_first)
{
	static const int64_t dates[] = { 5, 9, 7, 7, 1 };
	static const uint32_t want[] = { 2, 4, 3, 5 };
	struct sqb_remote_message r;
	struct sqb_absent_iter *it;
	struct sqb_absent absent;
	size_t i, n = 0;

	for (i = 0; i < 5; i++) {
		uint32_t uid = append_absent(T_INBOX, SIZE + i, dates[i]);

		r = base(uid, 100 + uid);
		if (i != 0) /* the server has not UID 1 */
			set_base(T_INBOX, &r);
	}
	/* Another that shares a body comes only once. */
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_move(st, T_INBOX, 2, T_INBOX, NULL, &r.uid));
	r = base(r.uid, 99);
	t_ok(st, sqb_remote_message_set(st, T_INBOX, &r));
	t_ok(st, sqb_txn_commit(st));
	it = sqb_absent_iter_begin(st);
	while (sqb_absent_iter_next(it, &absent)) {
		ck_assert_uint_lt(n, 4);
		ck_assert_uint_eq(absent.uid, n == 0 ? r.uid : want[n]);
		ck_assert_uint_eq(absent.remote_uid,
				  n == 0 ? 99 : want[n] + 100);
		ck_assert_int_eq(absent.date, dates[want[n] - 1]);
		ck_assert_uint_eq(absent.vsize, SIZE + want[n] - 1);
		n++;
	}
	t_ok(st, sqb_absent_iter_end(&it));
	ck_assert_uint_eq(n, 4);
}
END_TEST

START_TEST(a_store_that_is_no_replica_must_have_none)
{
	(void)append_absent(T_INBOX, SIZE, T_DATE);
	t_sql(st, "DELETE FROM remote_account");
	finds("is the replica of no account, but has rows in");
}
END_TEST

START_TEST(a_backup_has_them_too)
{
	char *dest = t_dir(), *copy = sqb_xasprintf("%s/copy", dest);
	uint32_t uid = append_absent(T_INBOX, SIZE, T_DATE);
	struct sqb_body_reader *r = NULL;
	struct sqb_store *other_st;
	char *url;

	t_ok(st, sqb_backup(st, copy));
	other_st = t_store_open_in(copy);
	t_fails(sqb_body_open(other_st, T_INBOX, uid, &r), SQB_ABSENT);
	t_ok(other_st, sqb_remote_account_get(other_st, &url));
	ck_assert_str_eq(url, ACCOUNT);
	free(url);
	sqb_store_close(&other_st);
	t_dir_remove(dest);
	free(copy);
	free(dest);
}
END_TEST

START_TEST(figures_tell_of_them)
{
	struct sqb_store_stat stat;
	struct sqb_remote_counts counts;

	(void)append(T_INBOX, NULL);
	(void)append_absent(T_INBOX, SIZE, T_DATE);
	t_ok(st, sqb_store_stat(st, &stat));
	ck_assert_uint_eq(stat.bodies, 1);
	ck_assert_uint_eq(stat.bodies_absent, 1);
	t_ok(st, sqb_remote_counts(st, &counts));
	ck_assert_uint_eq(counts.absent, 1);
	ck_assert_uint_eq(counts.refused, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("absent");
	TCase *tc = tcase_create("absent");

	tcase_add_checked_fixture(tc, replica_setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, all_but_its_body_is_there);
	tcase_add_test(tc, filled_it_is_as_any_other);
	tcase_add_test(tc, a_fill_that_is_rolled_back_can_be_repeated);
	tcase_add_test(tc, what_was_fetched_can_be_appended_elsewhere);
	tcase_add_loop_test(tc, it_may_have_any_size, 0,
			    (int)(sizeof(sizes) / sizeof(*sizes)));
	tcase_add_test(tc, the_server_may_have_lied_about_its_size);
	tcase_add_test(tc, copies_share_it);
	tcase_add_test(tc, it_is_freed_as_any_other);
	tcase_add_test(tc, its_neighbours_are_read_ahead);
	tcase_add_test(tc, a_size_that_cannot_be_is_refused);
	tcase_add_test(tc, a_lost_body_is_not_taken_for_an_absent_one);
	tcase_add_test(tc, they_are_walked_by_date_the_latest_first);
	tcase_add_test(tc, a_store_that_is_no_replica_must_have_none);
	tcase_add_test(tc, a_backup_has_them_too);
	tcase_add_test(tc, figures_tell_of_them);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
