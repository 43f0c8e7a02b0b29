/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Transactions: the lock and its queue, modseqs, syncs, the doorbell,
 * checkpoints, snapshots, and a disk that fails or is full.
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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *dir;
static struct sqb_store *st;

static struct {
	unsigned int fdatasyncs, fsyncs;
	int fail_fdatasync;  /* errno, 0: works */
	bool limited;        /* the disk has an end: */
	int64_t bytes_left;  /* so much can still be appended to files */
	bool ballast_counts; /* and 1 MiB more once "reserve" is gone */
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

	return disk.bytes_left + (given_up ? 1024 * 1024 : 0);
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

/* A change of one row. */
static void change(void)
{
	uint64_t modseq;

	t_ok(st, sqb_txn_modseq(st, &modseq));
}

static void commit_one(void)
{
	t_ok(st, sqb_txn_begin(st));
	change();
	t_ok(st, sqb_txn_commit(st));
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

START_TEST(transactions_do_not_nest)
{
	t_ok(st, sqb_txn_begin(st));
	ck_assert(sqb_txn_active(st));
	t_fails(sqb_txn_begin(st), SQB_INTERNAL);
	ck_assert(sqb_txn_active(st));
	change();
	t_ok(st, sqb_txn_commit(st));
	ck_assert(!sqb_txn_active(st));
}
END_TEST

START_TEST(a_snapshot_does_not_become_a_transaction)
{
	t_ok(st, sqb_read_begin(st));
	t_fails(sqb_txn_begin(st), SQB_INTERNAL);
	sqb_read_end(st);
	commit_one();
}
END_TEST

START_TEST(a_walk_that_is_open_is_no_time_to_write)
{
	struct sqb_message_iter *walk;
	struct sqb_message message;

	(void)t_append_text(st, "\r\n");
	walk = sqb_message_iter_begin(st, T_INBOX, 1, UINT32_MAX);
	ck_assert(sqb_message_iter_next(walk, &message));
	t_fails(sqb_txn_begin(st), SQB_INTERNAL);
	t_says(st, "walk");
	t_ok(st, sqb_message_iter_end(&walk));
	commit_one();
}
END_TEST

START_TEST(without_a_transaction_nothing_is_written)
{
	uint64_t modseq;

	t_fails(sqb_txn_modseq(st, &modseq), SQB_INTERNAL);
	t_fails(sqb_txn_raise_modseq(st, 5), SQB_INTERNAL);
	t_fails(sqb_txn_touch_tree(st), SQB_INTERNAL);
	t_fails(sqb_txn_commit(st), SQB_INTERNAL);
	sqb_txn_rollback(st); /* no effect */
}
END_TEST

START_TEST(a_rollback_undoes_and_keeps_the_message)
{
	int64_t before = next_modseq();

	t_ok(st, sqb_txn_begin(st));
	change();
	(void)sqb_fail(st, SQB_INVALID, "the reason");
	sqb_txn_rollback(st);
	t_says(st, "the reason");
	ck_assert(!sqb_txn_active(st));
	ck_assert(!sqb_sync_pending(st));
	ck_assert_int_eq(next_modseq(), before);
}
END_TEST

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

START_TEST(what_sqlite_does_not_count_can_be_committed)
{
	t_ok(st, sqb_txn_begin(st));
	t_sql(st, "PRAGMA user_version = 1");
	t_sql(st, "CREATE TABLE extra (n INTEGER) STRICT");
	sqb_txn_force(st);
	t_ok(st, sqb_txn_commit(st));
	ck_assert(sqb_sync_pending(st));
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM extra"), 0);
}
END_TEST

START_TEST(a_transaction_has_one_modseq)
{
	uint64_t a, b, c;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_txn_modseq(st, &a));
	t_ok(st, sqb_txn_modseq(st, &b));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_txn_modseq(st, &c));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_uint_eq(a, b);
	ck_assert_uint_eq(c, a + 1);
}
END_TEST

START_TEST(a_modseq_can_be_raised_before_it_is_taken)
{
	uint64_t modseq;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_txn_raise_modseq(st, 1000));
	t_ok(st, sqb_txn_raise_modseq(st, 7));
	t_ok(st, sqb_txn_modseq(st, &modseq));
	ck_assert_uint_eq(modseq, 1000);
	t_ok(st, sqb_txn_raise_modseq(st, 1000));
	t_fails(sqb_txn_raise_modseq(st, 1001), SQB_INVALID);
	t_ok(st, sqb_txn_commit(st));

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_txn_raise_modseq(st, 3));
	t_ok(st, sqb_txn_modseq(st, &modseq));
	ck_assert_uint_eq(modseq, 1001);
	t_fails(sqb_txn_raise_modseq(st, UINT64_MAX), SQB_LIMIT);
	sqb_txn_rollback(st);
}
END_TEST

START_TEST(a_raise_alone_changes_nothing)
{
	int64_t before = next_modseq();

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_txn_raise_modseq(st, 1000));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_eq(next_modseq(), before);
}
END_TEST

START_TEST(touching_the_tree_moves_its_modseq)
{
	uint64_t modseq, tree;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_txn_touch_tree(st));
	t_ok(st, sqb_txn_touch_tree(st));
	t_ok(st, sqb_txn_modseq(st, &modseq));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_tree_modseq(st, &tree));
	ck_assert_uint_eq(tree, modseq);
}
END_TEST

START_TEST(a_sync_is_one_fdatasync_for_all_commits_before)
{
	commit_one(); /* the first one makes the WAL */
	t_ok(st, sqb_sync(st));
	memset(&disk, 0, sizeof(disk));
	commit_one();
	commit_one();
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
	commit_one();
	ck_assert(!bell_rang());
	t_ok(st, sqb_sync(st));
	ck_assert(bell_rang());

	arm_bell();
	commit_one();
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

	commit_one();
	t_ok(st, sqb_sync(st));
	commit_one();
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
	change();
	t_store_reopen(&st);
	ck_assert_int_eq(next_modseq(), before);
}
END_TEST

START_TEST(after_a_failed_sync_nothing_more_is_written)
{
	int64_t committed;

	commit_one();
	t_ok(st, sqb_sync(st));
	commit_one();
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
	commit_one();
	t_ok(st, sqb_sync(st));
}
END_TEST

static int lock_fd(void)
{
	char *path = sqb_xasprintf("%s/store.lock", dir);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	free(path);
	return fd;
}

static double seconds(void)
{
	return (double)sqb_now_ms() / 1000;
}

START_TEST(a_writer_waits_no_longer_than_its_timeout)
{
	int fd = lock_fd();
	double start, took;

	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	sqb_store_set_lock_timeout(st, 1);
	start = seconds();
	t_fails(sqb_txn_begin(st), SQB_BUSY);
	took = seconds() - start;
	ck_assert(took > 0.9 && took < 3);
	t_says(st, "1 seconds");
	sqb_store_set_lock_timeout(st, 0);
	start = seconds();
	t_fails(sqb_txn_begin(st), SQB_BUSY);
	ck_assert(seconds() - start < 0.5);
	(void)close(fd);
	commit_one();
}
END_TEST

static void not_ours(int sig)
{
	(void)sig;
}

START_TEST(a_writer_waits_also_if_the_signal_is_taken)
{
	struct sigaction act, old;
	int fd = lock_fd();
	double start = seconds();

	memset(&act, 0, sizeof(act));
	act.sa_handler = not_ours;
	ck_assert_int_eq(sigaction(SIGRTMAX - 2, &act, &old), 0);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	sqb_store_set_lock_timeout(st, 1);
	t_fails(sqb_txn_begin(st), SQB_BUSY);
	ck_assert(seconds() - start > 0.9);
	(void)close(fd);
	commit_one();
	ck_assert_int_eq(sigaction(SIGRTMAX - 2, &old, &act), 0);
	ck_assert_ptr_eq(act.sa_handler, not_ours);
}
END_TEST

START_TEST(waiting_leaves_the_signal_mask_alone)
{
	int fd = lock_fd();
	sigset_t before, after;
	int sig;

	ck_assert_int_eq(sigemptyset(&before), 0);
	ck_assert_int_eq(sigaddset(&before, SIGRTMAX - 2), 0);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, &before, NULL), 0);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	sqb_store_set_lock_timeout(st, 1);
	t_fails(sqb_txn_begin(st), SQB_BUSY);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, NULL, &after), 0);
	for (sig = 1; sig < SIGRTMIN; sig++)
		ck_assert_int_eq(sigismember(&after, sig), 0);
	ck_assert_int_eq(sigismember(&after, SIGRTMAX - 2), 1);
	ck_assert_int_eq(sigprocmask(SIG_UNBLOCK, &before, NULL), 0);
	(void)close(fd);
}
END_TEST

/* Hold the lock until told to let go, and then some. */
static void hold_lock(int fd, const char *where)
{
	struct sqb_store *mine = t_store_open_in(where);

	t_ok(mine, sqb_txn_begin(mine));
	t_tell(fd, 'h');
	(void)t_hear(fd);
	(void)usleep(200000);
	sqb_txn_rollback(mine);
	sqb_store_close(&mine);
}

START_TEST(a_writer_gets_the_lock_when_it_is_free)
{
	struct t_peer peer = t_peer_start(hold_lock, dir);
	double start;

	ck_assert_int_eq(t_hear(peer.fd), 'h');
	st = t_store_open_in(dir);
	start = seconds();
	t_tell(peer.fd, 'g');
	commit_one();
	ck_assert(seconds() - start > 0.15);
	t_peer_end(&peer);
}
END_TEST

/* Commit, as soon as the lock is free, and leave a mark of the order. */
static void queue_up(int fd, const char *where)
{
	struct sqb_store *mine = t_store_open_in(where);
	uint64_t modseq;

	t_tell(fd, 'r');
	(void)t_hear(fd);
	t_ok(mine, sqb_txn_begin(mine));
	t_ok(mine, sqb_txn_modseq(mine, &modseq));
	t_ok(mine, sqb_txn_commit(mine));
	t_tell(fd, (char)modseq);
	sqb_store_close(&mine);
}

START_TEST(writers_are_served_in_the_order_of_their_coming)
{
	struct t_peer peers[5];
	char first;
	int i, fd;

	for (i = 0; i < 5; i++)
		peers[i] = t_peer_start(queue_up, dir);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(t_hear(peers[i].fd), 'r');
	st = t_store_open_in(dir);
	first = (char)next_modseq();
	fd = lock_fd();
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	for (i = 0; i < 5; i++) {
		t_tell(peers[i].fd, 'g');
		(void)usleep(100000);
	}
	(void)close(fd);
	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(t_hear(peers[i].fd), first + i);
		t_peer_end(&peers[i]);
	}
}
END_TEST

START_TEST(a_child_process_cannot_write_with_the_parents_handle)
{
	static struct sqlite3 *left_alone; /* for who looks for leaks */
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		enum sqb_err err = sqb_txn_begin(st);

		left_alone = sqb_db(st);

		sqb_store_close(&st);
		_exit(err == SQB_INTERNAL && left_alone != NULL ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	commit_one();
	t_ok(st, sqb_sync(st));
}
END_TEST

static void commit_when_told(int fd, const char *where)
{
	struct sqb_store *mine = t_store_open_in(where);
	uint64_t modseq;

	while (t_hear(fd) != 'q') {
		t_ok(mine, sqb_txn_begin(mine));
		t_ok(mine, sqb_txn_modseq(mine, &modseq));
		t_ok(mine, sqb_txn_commit(mine));
		t_tell(fd, 'c');
	}
	sqb_store_close(&mine);
}

static void let_commit(struct t_peer *peer)
{
	t_tell(peer->fd, 'c');
	ck_assert_int_eq(t_hear(peer->fd), 'c');
}

START_TEST(a_snapshot_does_not_see_what_comes_later)
{
	struct t_peer peer = t_peer_start(commit_when_told, dir);
	int64_t before;

	st = t_store_open_in(dir);
	t_ok(st, sqb_read_begin(st));
	before = next_modseq();
	t_ok(st, sqb_read_begin(st));
	let_commit(&peer);
	sqb_read_end(st);
	ck_assert_int_eq(next_modseq(), before);
	sqb_read_end(st);
	ck_assert_int_eq(next_modseq(), before + 1);
	sqb_read_end(st); /* one too many: no effect */
	t_tell(peer.fd, 'q');
	t_peer_end(&peer);
}
END_TEST

START_TEST(reading_inside_a_transaction_does_not_end_it)
{
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_read_begin(st));
	change();
	sqb_read_end(st);
	ck_assert(sqb_txn_active(st));
	t_ok(st, sqb_txn_commit(st));
}
END_TEST

START_TEST(the_data_version_moves_with_everybodys_commits)
{
	struct t_peer peer = t_peer_start(commit_when_told, dir);
	uint32_t a, b;

	st = t_store_open_in(dir);
	t_ok(st, sqb_data_version(st, &a));
	t_ok(st, sqb_data_version(st, &b));
	ck_assert_uint_eq(a, b);
	commit_one();
	t_ok(st, sqb_data_version(st, &b));
	ck_assert_uint_ne(a, b);
	let_commit(&peer);
	t_ok(st, sqb_data_version(st, &a));
	ck_assert_uint_ne(a, b);
	t_tell(peer.fd, 'q');
	t_peer_end(&peer);
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
		commit_one();
		t_ok(st, sqb_checkpoint_if_due(st));
	}
	ck_assert_uint_eq(disk.fdatasyncs + disk.fsyncs, syncs);
	t_tell(peer.fd, 'g');
	t_peer_end(&peer);
}
END_TEST

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
	let_commit(&peer); /* the log is long now, and the peer moves it */
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
	ck_assert_int_ge(info.st_size, 1024 * 1024);
	ck_assert_int_ge(info.st_blocks * 512, 1024 * 1024);
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
	int fd = lock_fd();

	append_noise(50000);
	fill_disk(1000);
	disk.ballast_counts = false;
	t_ok(st, sqb_txn_begin(st));
	t_sql(st, "UPDATE mailbox SET vsize = 5 WHERE id = 1");
	change();
	t_fails(sqb_txn_commit(st), SQB_FULL);
	ck_assert(!sqb_txn_active(st));
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	(void)close(fd);
	disk.limited = false;
	ck_assert_int_eq(t_sql_int(st, "SELECT vsize FROM mailbox"
				       " WHERE id = 1"),
			 50000);
	commit_one();
}
END_TEST

/* More than the cache holds, so that SQLite writes before the commit. */
START_TEST(a_transaction_that_sqlite_gave_up_cannot_be_committed)
{
	enum sqb_err err = SQB_OK;
	int i;

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
	commit_one();
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

static TCase *new_case(Suite *suite, const char *name, bool open)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, open ? setup_open : setup, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return tc;
}

static void add_txn_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "transactions", true);

	tcase_add_test(tc, transactions_do_not_nest);
	tcase_add_test(tc, a_snapshot_does_not_become_a_transaction);
	tcase_add_test(tc, a_walk_that_is_open_is_no_time_to_write);
	tcase_add_test(tc, without_a_transaction_nothing_is_written);
	tcase_add_test(tc, a_rollback_undoes_and_keeps_the_message);
	tcase_add_test(tc, a_commit_without_change_costs_nothing);
	tcase_add_test(tc, what_sqlite_does_not_count_can_be_committed);
	tcase_add_test(tc, a_transaction_has_one_modseq);
	tcase_add_test(tc, a_modseq_can_be_raised_before_it_is_taken);
	tcase_add_test(tc, a_raise_alone_changes_nothing);
	tcase_add_test(tc, touching_the_tree_moves_its_modseq);
	tcase_add_test(tc, reading_inside_a_transaction_does_not_end_it);
	tcase_add_test(tc,
		       a_child_process_cannot_write_with_the_parents_handle);
}

static void add_sync_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "sync", true);

	tcase_add_test(tc, a_sync_is_one_fdatasync_for_all_commits_before);
	tcase_add_test(tc, the_bell_rings_once_and_after_the_sync);
	tcase_add_test(tc, closing_makes_durable_what_is_not);
	tcase_add_test(tc, closing_undoes_an_open_transaction);
	tcase_add_test(tc, after_a_failed_sync_nothing_more_is_written);
	tcase_add_test(tc, the_log_is_moved_into_the_store_when_it_is_long);
}

static void add_lock_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "lock", true);

	tcase_add_test(tc, a_writer_waits_no_longer_than_its_timeout);
	tcase_add_test(tc, a_writer_waits_also_if_the_signal_is_taken);
	tcase_add_test(tc, waiting_leaves_the_signal_mask_alone);
}

static void add_peer_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "peers", false);

	tcase_add_test(tc, a_writer_gets_the_lock_when_it_is_free);
	tcase_add_test(tc, writers_are_served_in_the_order_of_their_coming);
	tcase_add_test(tc, a_snapshot_does_not_see_what_comes_later);
	tcase_add_test(tc, the_data_version_moves_with_everybodys_commits);
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
}

int main(void)
{
	Suite *suite = suite_create("txn");

	add_txn_tests(suite);
	add_sync_tests(suite);
	add_lock_tests(suite);
	add_peer_tests(suite);
	add_disk_tests(suite);
	return t_run(suite);
}
