/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * After a commit: syncs, the doorbell, checkpoints; and a disk that fails or
 * is full.
 *
 * The system calls that SQLite and the store make for the disk come by here:
 * they are counted, and made to fail.
 */
#include "common/body-private.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *dir;
static struct sqb_store *st;

static struct {
	unsigned int fdatasyncs, fsyncs;
	int fail_fdatasync;  /* errno, 0: works */
	bool limited;        /* the disk has an end: */
	int64_t bytes_left;  /* so much can still be appended to files */
	bool ballast_counts; /* and its size more once "reserve" is gone */
} disk;

int fdatasync(int fd)
{
	disk.fdatasyncs++;
	if (disk.fail_fdatasync != 0) {
		errno = disk.fail_fdatasync;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	disk.fsyncs++;
	return (int)syscall(SYS_fsync, fd);
}

static bool exists(const char *name)
{
	char *path = sqb_xasprintf("%s/%s", dir, name);
	struct stat info;
	bool yes = lstat(path, &info) == 0;

	free(path);
	return yes;
}

static int64_t room(void)
{
	bool given_up = disk.ballast_counts && !exists("reserve");

	return disk.bytes_left + (given_up ? SQB_RESERVE_SIZE : 0);
}

static ssize_t limited_pwrite(int fd, const void *data, size_t size,
			      off64_t offset)
{
	int64_t more;
	struct stat info;

	if (disk.limited && fstat(fd, &info) == 0) {
		more = offset + (int64_t)size - info.st_size;
		if (more > 0 && more > room()) {
			errno = ENOSPC;
			return -1;
		}
		if (more > 0)
			disk.bytes_left -= more;
	}
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	return limited_pwrite(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
	return limited_pwrite(fd, data, size, offset);
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
	if (disk.limited && disk.bytes_left < size)
		return ENOSPC;
	if (disk.limited)
		disk.bytes_left -= size;
	return syscall(SYS_fallocate, fd, 0, offset, size) == 0 ? 0 : errno;
}

static void setup(void)
{
	memset(&disk, 0, sizeof(disk));
	dir = t_dir();
}

static void setup_open(void)
{
	setup();
	st = t_store_open_in(dir);
}

static void teardown(void)
{
	disk.limited = false;
	disk.fail_fdatasync = 0;
	t_store_close(&st);
	t_dir_remove(dir);
	free(dir);
}

static int64_t next_modseq(void)
{
	return t_sql_int(st, "SELECT next_modseq FROM mailbox WHERE id = 0");
}

static struct timespec notify_time(void)
{
	struct stat info;

	ck_assert_int_eq(stat(sqb_store_notify_path(st), &info), 0);
	return info.st_mtim;
}

/* Let the clock of the file system move, then put the doorbell's time back. */
static void arm_bell(void)
{
	static const struct timespec long_ago[2] = { { 1, 0 }, { 1, 0 } };

	ck_assert_int_eq(
		utimensat(AT_FDCWD, sqb_store_notify_path(st), long_ago, 0), 0);
}

static bool bell_rang(void)
{
	return notify_time().tv_sec != 1;
}

START_TEST(a_commit_without_change_costs_nothing)
{
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_txn_commit(st));
	ck_assert(!sqb_sync_pending(st));
	arm_bell();
	t_ok(st, sqb_sync(st));
	sqb_ring(st);
	ck_assert(!bell_rang());
}
END_TEST

START_TEST(a_sync_is_one_fdatasync_for_all_commits_before)
{
	t_commit(st); /* the first one makes the WAL */
	t_ok(st, sqb_sync(st));
	memset(&disk, 0, sizeof(disk));
	t_commit(st);
	t_commit(st);
	ck_assert_uint_eq(disk.fdatasyncs, 0);
	ck_assert(sqb_sync_pending(st));
	t_ok(st, sqb_sync(st));
	ck_assert(!sqb_sync_pending(st));
	ck_assert_uint_eq(disk.fdatasyncs, 1);
	t_ok(st, sqb_sync(st));
	ck_assert_uint_eq(disk.fdatasyncs, 1);
	ck_assert_uint_eq(disk.fsyncs, 0);
}
END_TEST

START_TEST(the_bell_rings_once_and_after_the_sync)
{
	arm_bell();
	t_commit(st);
	ck_assert(!bell_rang());
	t_ok(st, sqb_sync(st));
	ck_assert(bell_rang());

	arm_bell();
	t_commit(st);
	sqb_ring(st);
	ck_assert(bell_rang());
	ck_assert(sqb_sync_pending(st));
	arm_bell();
	t_ok(st, sqb_sync(st));
	ck_assert(!bell_rang());
}
END_TEST

START_TEST(closing_makes_durable_what_is_not)
{
	struct stat info;
	char *bell = sqb_xstrdup(sqb_store_notify_path(st));

	t_commit(st);
	t_ok(st, sqb_sync(st));
	t_commit(st);
	arm_bell();
	sqb_store_close(&st);
	ck_assert_int_eq(stat(bell, &info), 0);
	ck_assert_int_ne(info.st_mtim.tv_sec, 1);

	st = t_store_open_in(dir);
	arm_bell();
	sqb_store_close(&st);
	ck_assert_int_eq(stat(bell, &info), 0);
	ck_assert_int_eq(info.st_mtim.tv_sec, 1);
	free(bell);
}
END_TEST

START_TEST(closing_undoes_an_open_transaction)
{
	int64_t before = next_modseq();

	t_ok(st, sqb_txn_begin(st));
	t_change(st);
	t_store_reopen(&st);
	ck_assert_int_eq(next_modseq(), before);
}
END_TEST

START_TEST(after_a_failed_sync_nothing_more_is_written)
{
	int64_t committed;

	t_commit(st);
	t_ok(st, sqb_sync(st));
	t_commit(st);
	committed = next_modseq();
	disk.fail_fdatasync = EIO;
	t_fails(sqb_sync(st), SQB_IO);
	disk.fail_fdatasync = 0;
	ck_assert(sqb_sync_pending(st));
	t_fails(sqb_sync(st), SQB_READONLY);
	t_fails(sqb_txn_begin(st), SQB_READONLY);
	t_says(st, "sync has failed");
	ck_assert_int_eq(next_modseq(), committed);
	t_store_reopen(&st);
	t_commit(st);
	t_ok(st, sqb_sync(st));
}
END_TEST

static off_t size_of(const char *name)
{
	char *path = sqb_xasprintf("%s/%s", dir, name);
	struct stat info;

	ck_assert_int_eq(stat(path, &info), 0);
	free(path);
	return info.st_size;
}

static void append_noise(size_t size)
{
	static unsigned int seed;
	char *noise = t_noise(size, ++seed);

	(void)t_append(st, T_INBOX, noise, size);
	free(noise);
}

START_TEST(the_log_is_moved_into_the_store_when_it_is_long)
{
	off_t before = size_of("store.db");
	int i;

	append_noise(1024 * 1024);
	t_ok(st, sqb_checkpoint_if_due(st));
	ck_assert_int_eq(size_of("store.db"), before);
	for (i = 0; i < 100; i++) {
		append_noise(1024 * 1024);
		t_ok(st, sqb_checkpoint_if_due(st));
	}
	ck_assert_int_gt(size_of("store.db"), 80 * 1024 * 1024);
	ck_assert_int_lt(size_of("store.db-wal"), 20 * 1024 * 1024);
}
END_TEST

/* Where a file grows, its sync waits for the file system's journal, too. */
START_TEST(few_commits_make_the_log_longer)
{
	off_t size = size_of("store.db-wal"), now;
	unsigned int i, grown = 0;

	for (i = 0; i < 1000; i++) {
		append_noise(8000);
		t_ok(st, sqb_sync(st));
		t_ok(st, sqb_checkpoint_if_due(st));
		now = size_of("store.db-wal");
		grown += now != size;
		size = now;
	}
	ck_assert_uint_lt(grown, 60);
	ck_assert_int_le(size, 17825792);
	t_store_reopen(&st);
	ck_assert_int_eq((int)t_sql_int(st, "SELECT count(*) FROM message"),
			 1000);
}
END_TEST

START_TEST(a_log_that_is_not_known_to_be_long_stays_short)
{
	append_noise(8000);
	ck_assert_int_lt(size_of("store.db-wal"), 100 * 1024);
	append_noise(60 * 1024);
	append_noise(8000);
	append_noise(8000);
	ck_assert_int_eq(size_of("store.db-wal"), SQB_WAL_KEPT_SIZE);
}
END_TEST

static void read_when_told(int fd, const char *where)
{
	struct sqb_store *mine = t_store_open_in(where);
	struct sqb_mailbox_status status;

	t_ok(mine, sqb_read_begin(mine));
	t_ok(mine, sqb_mailbox_status(mine, T_INBOX, &status));
	t_tell(fd, 'r');
	(void)t_hear(fd);
	sqb_read_end(mine);
	sqb_store_close(&mine);
}

START_TEST(a_reader_does_not_cause_a_checkpoint_at_every_commit)
{
	struct t_peer peer = t_peer_start(read_when_told, dir);
	unsigned int i, syncs;

	ck_assert_int_eq(t_hear(peer.fd), 'r');
	st = t_store_open_in(dir);
	for (i = 0; i < 20; i++)
		append_noise(1024 * 1024);
	t_ok(st, sqb_checkpoint_if_due(st));
	syncs = disk.fdatasyncs + disk.fsyncs;
	for (i = 0; i < 50; i++) {
		t_commit(st);
		t_ok(st, sqb_checkpoint_if_due(st));
	}
	ck_assert_uint_eq(disk.fdatasyncs + disk.fsyncs, syncs);
	t_tell(peer.fd, 'g');
	t_peer_end(&peer);
}
END_TEST

static void let_checkpoint(struct t_peer *peer)
{
	t_tell(peer->fd, 'c');
	ck_assert_int_eq(t_hear(peer->fd), 'c');
}

static void checkpoint_when_told(int fd, const char *where)
{
	struct sqb_store *mine = t_store_open_in(where);
	char *noise = t_noise(10000, 99);

	while (t_hear(fd) != 'q') {
		(void)t_append(mine, T_INBOX, noise, 10000);
		t_ok(mine, sqb_checkpoint_if_due(mine));
		t_tell(fd, 'c');
	}
	free(noise);
	sqb_store_close(&mine);
}

START_TEST(of_two_who_find_a_long_log_one_moves_it)
{
	struct t_peer peer = t_peer_start(checkpoint_when_told, dir);
	unsigned int syncs;
	int i;

	st = t_store_open_in(dir);
	for (i = 0; i < 18; i++)
		append_noise(1024 * 1024);
	let_checkpoint(&peer); /* the log is long now, and the peer moves it */
	syncs = disk.fdatasyncs + disk.fsyncs;
	t_ok(st, sqb_checkpoint_if_due(st));
	ck_assert_uint_eq(disk.fdatasyncs + disk.fsyncs, syncs);
	t_tell(peer.fd, 'q');
	t_peer_end(&peer);
}
END_TEST

START_TEST(the_ballast_is_really_there)
{
	char *path = sqb_xasprintf("%s/reserve", dir);
	struct stat info;

	ck_assert_int_eq(stat(path, &info), 0);
	ck_assert_int_ge(info.st_size, SQB_RESERVE_SIZE);
	ck_assert_int_ge(info.st_blocks * 512, SQB_RESERVE_SIZE);
	free(path);
}
END_TEST

static void fill_disk(int64_t bytes_left)
{
	disk.limited = true;
	disk.ballast_counts = true;
	disk.bytes_left = bytes_left;
}

static enum sqb_err try_append(size_t size)
{
	struct sqb_message_new args = { .date = T_DATE, .save_date = T_DATE };
	char *noise = t_noise(size, 5);
	struct sqb_body_writer *w = t_body(st, noise, size);
	enum sqb_err err;
	uint32_t uid;

	free(noise);
	t_ok(st, sqb_txn_begin(st));
	err = sqb_message_append(st, T_INBOX, w, &args, &uid);
	if (err == SQB_OK)
		err = sqb_txn_commit(st);
	else
		sqb_txn_rollback(st);
	sqb_body_writer_free(&w);
	return err;
}

START_TEST(on_a_full_disk_mail_is_refused_but_expunge_works)
{
	struct sqb_mailbox_status before, after;
	uint64_t count;

	append_noise(50000);
	t_ok(st, sqb_mailbox_status(st, T_INBOX, &before));
	fill_disk(20000);
	t_fails(try_append(100000), SQB_FULL);
	t_says(st, "no space left");
	ck_assert(!sqb_txn_active(st));
	ck_assert(!exists("reserve"));
	t_ok(st, sqb_mailbox_status(st, T_INBOX, &after));
	ck_assert_uint_eq(after.messages, before.messages);
	ck_assert_uint_eq(after.uidnext, before.uidnext);

	t_fails(try_append(10), SQB_FULL); /* the ballast is not for mail */
	t_says(st, "no new mail");
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, T_INBOX, 1, 1, &count));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_sync(st));
	ck_assert_uint_eq(count, 1);

	disk.bytes_left = 100 * 1024 * 1024; /* somebody has made room */
	t_ok(st, try_append(100000));
	ck_assert(exists("reserve"));
}
END_TEST

START_TEST(a_failed_commit_lets_the_next_writer_in)
{
	int fd = t_lock_fd(dir);

	append_noise(50000);
	fill_disk(1000);
	disk.ballast_counts = false;
	t_ok(st, sqb_txn_begin(st));
	t_sql(st, "UPDATE mailbox SET vsize = 5 WHERE id = 1");
	t_change(st);
	t_fails(sqb_txn_commit(st), SQB_FULL);
	ck_assert(!sqb_txn_active(st));
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	(void)close(fd);
	disk.limited = false;
	ck_assert_int_eq(t_sql_int(st, "SELECT vsize FROM mailbox"
				       " WHERE id = 1"),
			 50000);
	t_commit(st);
}
END_TEST

/* More than the cache holds, so that SQLite writes before the commit. */
START_TEST(a_transaction_that_sqlite_gave_up_cannot_be_committed)
{
	enum sqb_err err = SQB_OK;
	int i;

	t_sql(st, "PRAGMA cache_size = -1024");
	fill_disk(2 * 1024 * 1024);
	disk.ballast_counts = false;
	t_ok(st, sqb_txn_begin(st));
	for (i = 0; i < 64 && err == SQB_OK; i++) {
		char *noise = t_noise(200000, 7);
		struct sqb_body_writer *w = t_body(st, noise, 200000);
		struct sqb_body_id id;
		bool fresh;

		free(noise);
		err = sqb_body_store(st, w, T_DATE, &id, &fresh);
		sqb_body_writer_free(&w);
	}
	ck_assert_int_eq(err, SQB_FULL);
	if (sqb_need_txn(st) != SQB_OK)
		t_fails(sqb_txn_commit(st), SQB_FULL);
	else
		sqb_txn_rollback(st);
	ck_assert(!sqb_txn_active(st));
	disk.limited = false;
	t_commit(st);
}
END_TEST

START_TEST(a_full_disk_does_not_stop_a_store_from_opening)
{
	append_noise(50000);
	sqb_store_close(&st);
	fill_disk(1000);
	st = t_store_open_in(dir);
	ck_assert(!exists("reserve"));
	ck_assert_int_eq(t_sql_int(st, "SELECT messages FROM mailbox"
				       " WHERE id = 1"),
			 1);
}
END_TEST

START_TEST(without_the_ballast_the_log_stays_at_the_last_close)
{
	char *path = sqb_xasprintf("%s/reserve", dir);

	append_noise(1024 * 1024);
	sqb_store_close(&st);
	ck_assert_int_eq(size_of("store.db-wal"), 0);
	st = t_store_open_in(dir);
	append_noise(1024 * 1024);
	/* Another process has given it up, and it cannot come back. */
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	sqb_store_close(&st);
	ck_assert_int_gt(size_of("store.db-wal"), 1024 * 1024);
	free(path);
}
END_TEST

static TCase *new_case(Suite *suite, const char *name, bool open)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, open ? setup_open : setup, teardown);
	suite_add_tcase(suite, tc);
	return tc;
}

static void add_sync_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "sync", true);

	tcase_add_test(tc, a_commit_without_change_costs_nothing);
	tcase_add_test(tc, a_sync_is_one_fdatasync_for_all_commits_before);
	tcase_add_test(tc, the_bell_rings_once_and_after_the_sync);
	tcase_add_test(tc, closing_makes_durable_what_is_not);
	tcase_add_test(tc, closing_undoes_an_open_transaction);
	tcase_add_test(tc, after_a_failed_sync_nothing_more_is_written);
	tcase_add_test(tc, the_log_is_moved_into_the_store_when_it_is_long);
	tcase_add_test(tc, few_commits_make_the_log_longer);
	tcase_add_test(tc, a_log_that_is_not_known_to_be_long_stays_short);
}

static void add_peer_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "peers", false);

	tcase_add_test(tc,
		       a_reader_does_not_cause_a_checkpoint_at_every_commit);
	tcase_add_test(tc, of_two_who_find_a_long_log_one_moves_it);
}

static void add_disk_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "full disk", true);

	tcase_add_test(tc, the_ballast_is_really_there);
	tcase_add_test(tc, on_a_full_disk_mail_is_refused_but_expunge_works);
	tcase_add_test(tc, a_failed_commit_lets_the_next_writer_in);
	tcase_add_test(tc,
		       a_transaction_that_sqlite_gave_up_cannot_be_committed);
	tcase_add_test(tc, a_full_disk_does_not_stop_a_store_from_opening);
	tcase_add_test(tc, without_the_ballast_the_log_stays_at_the_last_close);
}

int main(void)
{
	Suite *suite = suite_create("sync");

	add_sync_tests(suite);
	add_peer_tests(suite);
	add_disk_tests(suite);
	return t_run(suite);
}
