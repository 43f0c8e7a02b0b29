/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Purge and backup.
 */
#include "common/changes.h"
#include "common/check.h"
#include "common/maintain.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct sqb_store *st;
static char *place; /* a directory for copies */

static void setup(void)
{
	st = t_store_open();
	place = t_dir();
}

static void teardown(void)
{
	t_store_close(&st);
	t_dir_remove(place);
	free(place);
}

static char *copy_dir(void)
{
	return sqb_xasprintf("%s/copy", place);
}

static void append(unsigned int count, size_t size)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		char *text = t_noise(size, i);

		t_append(st, T_INBOX, text, size);
		free(text);
	}
}

static void expunge(uint32_t lo, uint32_t hi)
{
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, T_INBOX, lo, hi, NULL));
	t_ok(st, sqb_txn_commit(st));
}

static uint64_t purge(unsigned int grace_secs, unsigned int max_batches)
{
	uint64_t freed = 999;

	t_ok(st, sqb_purge(st, grace_secs, max_batches, &freed));
	return freed;
}

static bool wanted(unsigned int grace_secs)
{
	bool yes;

	t_ok(st, sqb_purge_wanted(st, grace_secs, &yes));
	return yes;
}

static void is_sound(struct sqb_store *store)
{
	struct sqb_check *check = sqb_check_begin(store);
	struct sqb_check_step step;
	uint64_t problems;

	while (sqb_check_next(check, &step))
		ck_assert_msg(step.problem == NULL, "%s", step.problem);
	t_ok(store, sqb_check_end(&check, &problems));
	ck_assert_uint_eq(problems, 0);
}

START_TEST(bodies_are_freed_after_the_grace_time)
{
	append(3, 300);
	ck_assert(!wanted(0));
	ck_assert_uint_eq(purge(0, 0), 0);
	expunge(1, 2);
	ck_assert(wanted(0));
	ck_assert(!wanted(SQB_PURGE_GRACE_SECS));
	ck_assert_uint_eq(purge(SQB_PURGE_GRACE_SECS, 0), 0);
	t_sql(st, "UPDATE body_free SET since = since - 61 WHERE body_id ="
		  " (SELECT min(body_id) FROM body_free)");
	ck_assert_uint_eq(purge(SQB_PURGE_GRACE_SECS, 0), 1);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body"), 2);
	ck_assert_uint_eq(purge(0, 0), 1);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body"), 1);
	is_sound(st);
}
END_TEST

START_TEST(chunks_go_with_their_body)
{
	append(1, 3 * SQB_BODY_CHUNK);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body_chunk"), 2);
	expunge(1, 1);
	ck_assert_uint_eq(purge(0, 0), 1);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body_chunk"), 0);
	ck_assert(!sqb_sync_pending(st));
}
END_TEST

START_TEST(batches_have_a_hundred_bodies)
{
	append(250, 100);
	expunge(1, 250);
	ck_assert_uint_eq(purge(0, 1), 100);
	ck_assert_uint_eq(purge(0, 1), 100);
	ck_assert(wanted(0));
	ck_assert_uint_eq(purge(0, 0), 50);
	ck_assert(!wanted(0));
}
END_TEST

START_TEST(a_clock_that_was_wrong_delays_nothing_for_ever)
{
	append(2, 100);
	expunge(1, 2);
	t_sql(st,
	      "UPDATE body_free SET since = since + 3600 WHERE body_id = 1");
	ck_assert_uint_eq(purge(0, 0), 1);
	t_sql(st, "UPDATE body_free SET since = since + 900000");
	ck_assert(wanted(SQB_PURGE_GRACE_SECS));
	ck_assert_uint_eq(purge(SQB_PURGE_GRACE_SECS, 0), 1);
}
END_TEST

START_TEST(a_file_that_is_mostly_free_shrinks)
{
	int64_t before, after;

	append(60, 100000);
	t_append_text(st, "a: b\r\n\r\n");
	before = t_sql_int(st, "PRAGMA page_count");
	expunge(1, 10);
	purge(0, 0);
	/* A sixth is no reason. */
	ck_assert_int_ge(t_sql_int(st, "PRAGMA page_count"), before - 100);
	expunge(1, 60);
	purge(0, 0);
	after = t_sql_int(st, "PRAGMA page_count");
	ck_assert_int_lt(after, before / 10);
	ck_assert_int_le(t_sql_int(st, "PRAGMA freelist_count"), after / 16);
	is_sound(st);
}
END_TEST

/* Every second one of 24,000 messages, in some transactions. */
static void make_long_journal(void)
{
	struct sqb_body_writer *w = t_body(st, "a: b\r\n\r\n", 8);
	uint32_t uid, i, txn;

	t_ok(st, sqb_txn_begin(st));
	for (i = 0; i < 24000; i++)
		t_ok(st, sqb_message_append(st, T_INBOX, w, NULL, &uid));
	t_ok(st, sqb_txn_commit(st));
	for (txn = 0; txn < 12; txn++) {
		t_ok(st, sqb_txn_begin(st));
		for (i = txn * 2000 + 1; i <= (txn + 1) * 2000; i += 2)
			t_ok(st, sqb_message_expunge(st, T_INBOX, i, i, NULL));
		t_ok(st, sqb_txn_commit(st));
	}
	sqb_body_writer_free(&w);
}

static uint64_t vanished_since(uint64_t since, enum sqb_err want)
{
	struct sqb_vanished_iter *it =
		sqb_vanished_iter_begin(st, T_INBOX, since);
	uint32_t lo, hi;
	uint64_t count = 0;

	while (sqb_vanished_iter_next(it, &lo, &hi))
		count += hi - lo + 1;
	t_fails(sqb_vanished_iter_end(&it), want);
	return count;
}

START_TEST(a_long_journal_is_cut_at_its_old_end)
{
	struct sqb_mailbox_status before, status;

	make_long_journal();
	t_ok(st, sqb_mailbox_status(st, T_INBOX, &before));
	ck_assert_uint_eq(vanished_since(0, SQB_OK), 12000);
	purge(0, 0);
	t_ok(st, sqb_mailbox_status(st, T_INBOX, &status));
	ck_assert_uint_gt(status.vanished_floor, 0);
	ck_assert_uint_eq(status.highestmodseq, before.highestmodseq);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM expunged"), 10000);
	ck_assert_uint_eq(vanished_since(status.vanished_floor, SQB_OK), 10000);
	vanished_since(status.vanished_floor - 1, SQB_INVALID);
	purge(0, 0);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM expunged"), 10000);
	is_sound(st);
}
END_TEST

START_TEST(purge_makes_its_own_transactions)
{
	append(1, 100);
	expunge(1, 1);
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_purge(st, 0, 0, NULL), SQB_INTERNAL);
	sqb_txn_rollback(st);
}
END_TEST

static mode_t mode_of(const char *path)
{
	struct stat info;

	ck_assert_int_eq(stat(path, &info), 0);
	return info.st_mode & 07777;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

START_TEST(a_backup_is_a_store_with_all_that_was_there)
{
	char *dir = copy_dir(), *db = sqb_xasprintf("%s/store.db", dir);
	struct sqb_mailbox_status before, after;
	struct sqb_store *copy;
	struct sqb_message msg;

	append(5, 200000);
	expunge(2, 2);
	t_ok(st, sqb_mailbox_status(st, T_INBOX, &before));
	t_ok(st, sqb_backup(st, dir));
	ck_assert_uint_eq(mode_of(dir), 0700);
	ck_assert_uint_eq(mode_of(db), 0600);
	copy = t_store_open_in(dir);
	is_sound(copy);
	t_ok(copy, sqb_mailbox_status(copy, T_INBOX, &after));
	ck_assert_uint_eq(after.messages, before.messages);
	ck_assert_uint_eq(after.uidvalidity, before.uidvalidity);
	t_ok(copy, sqb_message_get(copy, T_INBOX, 5, &msg));
	ck_assert_uint_eq(msg.vsize, 200000);
	/* No number that the store may give out now is given by its copy. */
	ck_assert_uint_gt(after.uidnext, before.uidnext + 1000);
	ck_assert_uint_gt(after.highestmodseq, before.highestmodseq + 1000000);
	t_store_close(&copy);
	/* The store itself goes on as before. */
	t_ok(st, sqb_mailbox_status(st, T_INBOX, &after));
	ck_assert_mem_eq(&after, &before, sizeof(after));
	append(1, 10);
	free(db);
	free(dir);
}
END_TEST

START_TEST(a_backup_does_not_go_where_something_is)
{
	char *file = sqb_xasprintf("%s/x", place), *dir = copy_dir();
	char *none = sqb_xasprintf("%s/a/b", place);
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(close(fd), 0);
	t_fails(sqb_backup(st, place), SQB_EXISTS);
	t_says(st, place);
	ck_assert(exists(file));
	t_fails(sqb_backup(st, file), SQB_IO);
	t_fails(sqb_backup(st, none), SQB_IO);
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_backup(st, dir), SQB_INTERNAL);
	sqb_txn_rollback(st);
	ck_assert(!exists(dir));

	/* An empty directory will do, and is made private. */
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	t_ok(st, sqb_backup(st, dir));
	ck_assert_uint_eq(mode_of(dir), 0700);
	free(none);
	free(file);
	free(dir);
}
END_TEST

/* Overwrite a page in the middle of store.db. */
static void smash(const char *dir)
{
	char *path = sqb_xasprintf("%s/store.db", dir), page[4096];
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	memset(page, 0xa5, sizeof(page));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, page, sizeof(page), 3 * 4096), 4096);
	ck_assert_int_eq(close(fd), 0);
	free(path);
}

START_TEST(a_damaged_store_gives_no_backup)
{
	char *dir = sqb_xstrdup(sqb_store_dir(st)), *copy = copy_dir();

	append(20, 5000);
	t_check_plans(st);
	sqb_store_close(&st);
	smash(dir);
	st = t_store_open_in(dir);
	t_fails(sqb_backup(st, copy), SQB_CORRUPT);
	ck_assert(!exists(copy));
	free(copy);
	free(dir);
}
END_TEST

/* Appends all the time, after the first command, until the second. */
static void append_in_peer(int fd, const char *dir)
{
	struct sqb_store *peer;
	int flags;
	char octet;

	(void)t_hear(fd);
	peer = t_store_open_in(dir);
	flags = fcntl(fd, F_GETFL);
	ck_assert_int_eq(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	do {
		t_append(peer, T_INBOX, "a: b\r\n\r\n", 8);
		t_ok(peer, sqb_checkpoint_if_due(peer));
	} while (read(fd, &octet, 1) < 0 && errno == EAGAIN);
	sqb_store_close(&peer);
}

START_TEST(a_backup_ends_although_others_write)
{
	char *dir = t_dir(), *copy;
	struct t_peer peer = t_peer_start(append_in_peer, dir);
	struct sqb_store *copied;
	int i;

	place = t_dir();
	st = t_store_open_in(dir);
	append(50, 300000);
	t_tell(peer.fd, 'g');
	for (i = 0; i < 5; i++) {
		copy = sqb_xasprintf("%s/%d", place, i);
		t_ok(st, sqb_backup(st, copy));
		copied = t_store_open_in(copy);
		is_sound(copied);
		t_store_close(&copied);
		free(copy);
	}
	t_tell(peer.fd, 'e');
	t_peer_end(&peer);
	is_sound(st);
	free(dir);
	teardown();
}
END_TEST

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tc = tcase_create(name);

	suite_add_tcase(suite, tc);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("maintain");
	TCase *tc = new_case(suite, "purge");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, bodies_are_freed_after_the_grace_time);
	tcase_add_test(tc, chunks_go_with_their_body);
	tcase_add_test(tc, batches_have_a_hundred_bodies);
	tcase_add_test(tc, a_clock_that_was_wrong_delays_nothing_for_ever);
	tcase_add_test(tc, a_file_that_is_mostly_free_shrinks);
	tcase_add_test(tc, a_long_journal_is_cut_at_its_old_end);
	tcase_add_test(tc, purge_makes_its_own_transactions);

	tc = new_case(suite, "backup");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_backup_is_a_store_with_all_that_was_there);
	tcase_add_test(tc, a_backup_does_not_go_where_something_is);
	tcase_add_test(tc, a_damaged_store_gives_no_backup);

	tc = new_case(suite, "processes");
	tcase_add_test(tc, a_backup_ends_although_others_write);
	return t_run(suite);
}
