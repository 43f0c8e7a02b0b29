/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Transactions: the lock and its queue, modseqs, snapshots.
 */
#include "common/message.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *dir;
static struct sqb_store *st;

static void setup(void)
{
	dir = t_dir();
}

static void setup_open(void)
{
	setup();
	st = t_store_open_in(dir);
}

static void teardown(void)
{
	t_store_close(&st);
	t_dir_remove(dir);
	free(dir);
}

static int64_t next_modseq(void)
{
	return t_sql_int(st, "SELECT next_modseq FROM mailbox WHERE id = 0");
}

START_TEST(transactions_do_not_nest)
{
	t_ok(st, sqb_txn_begin(st));
	ck_assert(sqb_txn_active(st));
	t_fails(sqb_txn_begin(st), SQB_INTERNAL);
	ck_assert(sqb_txn_active(st));
	t_change(st);
	t_ok(st, sqb_txn_commit(st));
	ck_assert(!sqb_txn_active(st));
}
END_TEST

START_TEST(a_snapshot_does_not_become_a_transaction)
{
	t_ok(st, sqb_read_begin(st));
	t_fails(sqb_txn_begin(st), SQB_INTERNAL);
	sqb_read_end(st);
	t_commit(st);
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
	t_commit(st);
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
	t_change(st);
	(void)sqb_fail(st, SQB_INVALID, "the reason");
	sqb_txn_rollback(st);
	t_says(st, "the reason");
	ck_assert(!sqb_txn_active(st));
	ck_assert(!sqb_sync_pending(st));
	ck_assert_int_eq(next_modseq(), before);
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
	ck_assert_uint_eq(c, a + SQB_MODSEQ_STEP);
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
	ck_assert_uint_eq(modseq, 1000 + SQB_MODSEQ_STEP);
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

static double seconds(void)
{
	return (double)sqb_now_ms() / 1000;
}

START_TEST(a_writer_waits_no_longer_than_its_timeout)
{
	int fd = t_lock_fd(dir);
	double start = seconds(), took;

	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	sqb_store_set_lock_timeout(st, 1);
	t_fails(sqb_txn_begin(st), SQB_BUSY);
	took = seconds() - start;
	ck_assert(took > 0.9 && took < SQB_LOCK_TIMEOUT_SECS);
	t_says(st, "1 seconds");
	sqb_store_set_lock_timeout(st, 0);
	t_fails(sqb_txn_begin(st), SQB_BUSY);
	t_says(st, "0 seconds");
	(void)close(fd);
	t_commit(st);
}
END_TEST

static void not_ours(int sig)
{
	(void)sig;
}

START_TEST(a_writer_waits_also_if_the_signal_is_taken)
{
	struct sigaction act, old;
	int fd = t_lock_fd(dir);
	double start = seconds();

	memset(&act, 0, sizeof(act));
	act.sa_handler = not_ours;
	ck_assert_int_eq(sigaction(SIGRTMAX - 2, &act, &old), 0);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	sqb_store_set_lock_timeout(st, 1);
	t_fails(sqb_txn_begin(st), SQB_BUSY);
	ck_assert(seconds() - start > 0.9);
	(void)close(fd);
	t_commit(st);
	ck_assert_int_eq(sigaction(SIGRTMAX - 2, &old, &act), 0);
	ck_assert_ptr_eq(act.sa_handler, not_ours);
}
END_TEST

START_TEST(waiting_leaves_the_signal_mask_alone)
{
	int fd = t_lock_fd(dir);
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
	t_commit(st);
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
	t_tell(fd, (char)(modseq / SQB_MODSEQ_STEP));
	sqb_store_close(&mine);
}

/* Wait until so many are waiting for the file's lock. */
static void wait_for_queue(int fd, int want)
{
	char *line = NULL, inode[32];
	int tries, waiting = -1;
	struct stat info;
	size_t size = 0;
	FILE *locks;

	ck_assert_int_eq(fstat(fd, &info), 0);
	(void)snprintf(inode, sizeof(inode), ":%llu ",
		       (unsigned long long)info.st_ino);
	for (tries = 0; tries < 20000 && waiting != want; tries++) {
		(void)usleep(5000);
		locks = fopen("/proc/locks", "re");
		ck_assert_ptr_nonnull(locks);
		waiting = 0;
		while (getline(&line, &size, locks) >= 0) {
			if (strstr(line, " -> FLOCK") != NULL &&
			    strstr(line, inode) != NULL)
				waiting++;
		}
		(void)fclose(locks);
	}
	free(line);
	ck_assert_int_eq(waiting, want);
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
	first = (char)((next_modseq() - 1) / SQB_MODSEQ_STEP + 1);
	fd = t_lock_fd(dir);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	for (i = 0; i < 5; i++) {
		t_tell(peers[i].fd, 'g');
		wait_for_queue(fd, i + 1);
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
	t_commit(st);
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
	ck_assert_int_eq(next_modseq(), before + SQB_MODSEQ_STEP);
	sqb_read_end(st); /* one too many: no effect */
	t_tell(peer.fd, 'q');
	t_peer_end(&peer);
}
END_TEST

START_TEST(reading_inside_a_transaction_does_not_end_it)
{
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_read_begin(st));
	t_change(st);
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
	t_commit(st);
	t_ok(st, sqb_data_version(st, &b));
	ck_assert_uint_ne(a, b);
	let_commit(&peer);
	t_ok(st, sqb_data_version(st, &a));
	ck_assert_uint_ne(a, b);
	t_tell(peer.fd, 'q');
	t_peer_end(&peer);
}
END_TEST

static TCase *new_case(Suite *suite, const char *name, bool open)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, open ? setup_open : setup, teardown);
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
	tcase_add_test(tc, what_sqlite_does_not_count_can_be_committed);
	tcase_add_test(tc, a_transaction_has_one_modseq);
	tcase_add_test(tc, a_modseq_can_be_raised_before_it_is_taken);
	tcase_add_test(tc, a_raise_alone_changes_nothing);
	tcase_add_test(tc, touching_the_tree_moves_its_modseq);
	tcase_add_test(tc, reading_inside_a_transaction_does_not_end_it);
	tcase_add_test(tc,
		       a_child_process_cannot_write_with_the_parents_handle);
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
}

int main(void)
{
	Suite *suite = suite_create("txn");

	add_txn_tests(suite);
	add_lock_tests(suite);
	add_peer_tests(suite);
	return t_run(suite);
}
