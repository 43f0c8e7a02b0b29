/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The journal: what has changed, and what is gone, since a modseq.
 */
#include "common/changes.h"
#include "common/txn.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sqb_store *st;

/* Ten messages, each of a transaction of its own. */
static void setup(void)
{
	int i;

	st = t_store_open();
	for (i = 0; i < 10; i++)
		t_append_text(st, "a: b\r\n\r\n");
}

static void teardown(void)
{
	t_store_close(&st);
}

static void flag(struct sqb_store *store, uint32_t lo, uint32_t hi)
{
	struct sqb_flag_change change = { .add = SQB_FLAGGED };

	t_ok(store, sqb_txn_begin(store));
	t_ok(store,
	     sqb_message_change_flags(store, T_INBOX, lo, hi, &change, NULL));
	t_ok(store, sqb_txn_commit(store));
}

static void expunge(uint32_t lo, uint32_t hi)
{
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, T_INBOX, lo, hi, NULL));
	t_ok(st, sqb_txn_commit(st));
}

static uint64_t now(void)
{
	struct sqb_mailbox_status status;

	t_ok(st, sqb_mailbox_status(st, T_INBOX, &status));
	return status.highestmodseq;
}

static uint64_t modseq_of(uint32_t uid)
{
	struct sqb_message msg;

	t_ok(st, sqb_message_get(st, T_INBOX, uid, &msg));
	return msg.modseq;
}

static void changed_is(uint64_t since, const char *want)
{
	struct sqb_message_iter *it =
		sqb_changed_iter_begin(st, T_INBOX, since);
	struct sqb_message msg;
	char got[256];
	size_t len = 0;

	got[0] = '\0';
	while (sqb_message_iter_next(it, &msg))
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%u",
					len > 0 ? " " : "", msg.uid);
	t_ok(st, sqb_message_iter_end(&it));
	ck_assert_str_eq(got, want);
}

static void vanished_is(uint64_t since, const char *want)
{
	struct sqb_vanished_iter *it =
		sqb_vanished_iter_begin(st, T_INBOX, since);
	uint32_t lo, hi;
	char got[256];
	size_t len = 0;

	got[0] = '\0';
	while (sqb_vanished_iter_next(it, &lo, &hi))
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%u:%u",
					len > 0 ? " " : "", lo, hi);
	ck_assert(!sqb_vanished_iter_next(it, &lo, &hi));
	t_ok(st, sqb_vanished_iter_end(&it));
	ck_assert_ptr_null(it);
	ck_assert_str_eq(got, want);
}

START_TEST(new_messages_are_changes)
{
	changed_is(0, "1 2 3 4 5 6 7 8 9 10");
	changed_is(modseq_of(7), "8 9 10");
	changed_is(now(), "");
	changed_is(UINT64_MAX, "");
}
END_TEST

START_TEST(changed_ones_come_in_uid_order)
{
	uint64_t since = now();

	flag(st, 8, 8);
	flag(st, 2, 3);
	changed_is(since, "2 3 8");
	changed_is(since + SQB_MODSEQ_STEP, "2 3");
	/* Flagged again: no change. */
	since = now();
	flag(st, 2, 2);
	changed_is(since, "");
}
END_TEST

START_TEST(expunged_ones_are_in_the_ranges)
{
	uint64_t since = now();

	vanished_is(0, "");
	expunge(5, 6);
	expunge(2, 2);
	changed_is(since, "");
	vanished_is(since, "5:6 2:2");
	vanished_is(since + SQB_MODSEQ_STEP, "2:2");
	vanished_is(now(), "");
	vanished_is(UINT64_MAX, "");
}
END_TEST

START_TEST(uids_that_cannot_be_are_left_out)
{
	uint64_t since = now();

	expunge(5, 6);
	t_sql(st, "PRAGMA ignore_check_constraints = ON");
	t_sql(st, "INSERT INTO expunged SELECT 1, modseq, r.column1, r.column2"
		  " FROM expunged, (VALUES (0, 0), (-5, -1), (9, 8),"
		  " (1, 1 << 33)) r");
	vanished_is(since, "5:6");
	flag(st, 1, 4);
	t_sql(st, "UPDATE message SET uid = 0 WHERE uid = 1");
	t_sql(st, "UPDATE message SET uid = -7 WHERE uid = 2");
	t_sql(st, "UPDATE message SET uid = 1 << 32 WHERE uid = 3");
	changed_is(since, "4");
}
END_TEST

START_TEST(a_message_that_came_and_went_is_gone)
{
	uint64_t since = now();

	t_append_text(st, "a: b\r\n\r\n");
	expunge(11, 11);
	changed_is(since, "");
	vanished_is(since, "11:11");
}
END_TEST

static enum sqb_err vanished_error(struct sqb_mailbox_id box, uint64_t since)
{
	struct sqb_vanished_iter *it = sqb_vanished_iter_begin(st, box, since);
	uint32_t lo, hi;

	ck_assert(!sqb_vanished_iter_next(it, &lo, &hi));
	ck_assert(!sqb_vanished_iter_next(it, &lo, &hi));
	return sqb_vanished_iter_end(&it);
}

START_TEST(before_its_floor_the_journal_does_not_answer)
{
	struct sqb_mailbox_id none = { 99 }, root = { 0 };

	expunge(1, 1);
	t_sql(st, "UPDATE mailbox SET vanished_floor = 8 WHERE id = 1");
	t_fails(vanished_error(T_INBOX, 7), SQB_INVALID);
	t_says(st, "modseq 8");
	vanished_is(8, "1:1");
	t_fails(vanished_error(none, 0), SQB_NOTFOUND);
	t_fails(vanished_error(root, 0), SQB_NOTFOUND);
}
END_TEST

START_TEST(keywords_come_with_changes)
{
	struct sqb_flag_change change = { .add = SQB_SEEN };
	struct sqb_message_iter *it;
	struct sqb_message msg;
	uint64_t since = now();
	uint32_t number, i;
	char name[16];

	t_ok(st, sqb_txn_begin(st));
	for (i = 0; i < 65; i++) {
		(void)snprintf(name, sizeof(name), "k%u", i);
		t_ok(st, sqb_keyword_number(st, name, true, &number));
	}
	change.add_keywords.more = &number;
	change.add_keywords.more_count = 1;
	t_ok(st, sqb_message_change_flags(st, T_INBOX, 4, 4, &change, NULL));
	t_ok(st, sqb_txn_commit(st));
	it = sqb_changed_iter_begin(st, T_INBOX, since);
	ck_assert(sqb_message_iter_next(it, &msg));
	ck_assert_uint_eq(msg.uid, 4);
	ck_assert_uint_eq(msg.keywords.more_count, 1);
	ck_assert_uint_eq(msg.keywords.more[0], 64);
	t_ok(st, sqb_message_iter_end(&it));
}
END_TEST

/* Flags message 3 when told to. */
static void flag_in_peer(int fd, const char *dir)
{
	struct sqb_store *peer = t_store_open_in(dir);

	while (t_hear(fd) == 'f') {
		flag(peer, 3, 3);
		t_tell(fd, 'd');
	}
	sqb_store_close(&peer);
}

START_TEST(a_snapshot_does_not_see_what_comes_after_it)
{
	char *dir = t_dir();
	struct t_peer peer = t_peer_start(flag_in_peer, dir);
	uint64_t since;
	int i;

	st = t_store_open_in(dir);
	for (i = 0; i < 3; i++)
		t_append_text(st, "a: b\r\n\r\n");
	since = now();
	t_ok(st, sqb_read_begin(st));
	changed_is(since, "");
	t_tell(peer.fd, 'f');
	ck_assert_int_eq(t_hear(peer.fd), 'd');
	changed_is(since, "");
	ck_assert_uint_eq(now(), since);
	sqb_read_end(st);
	changed_is(since, "3");
	ck_assert_uint_gt(now(), since);
	t_tell(peer.fd, 'e');
	t_peer_end(&peer);
	t_store_close(&st);
	free(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("changes");
	TCase *tc = tcase_create("changes");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, new_messages_are_changes);
	tcase_add_test(tc, changed_ones_come_in_uid_order);
	tcase_add_test(tc, expunged_ones_are_in_the_ranges);
	tcase_add_test(tc, uids_that_cannot_be_are_left_out);
	tcase_add_test(tc, a_message_that_came_and_went_is_gone);
	tcase_add_test(tc, before_its_floor_the_journal_does_not_answer);
	tcase_add_test(tc, keywords_come_with_changes);
	suite_add_tcase(suite, tc);

	tc = tcase_create("processes");
	tcase_add_test(tc, a_snapshot_does_not_see_what_comes_after_it);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
