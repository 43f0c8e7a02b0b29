/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Several handles of one store in a process: one that writes, and others that
 * read, in threads of their own, while another process writes, too.
 */
#include "common/body.h"
#include "common/check.h"
#include "common/entry.h"
#include "common/file.h"
#include "common/keyword.h"
#include "common/maintain.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir;

static void setup(void)
{
	dir = t_dir();
}

static void teardown(void)
{
	t_dir_remove(dir);
	free(dir);
}

static struct sqb_store *open_reader(void)
{
	struct sqb_store *st = NULL;
	char *error = NULL;
	enum sqb_err err = sqb_store_open(dir, SQB_OPEN_READONLY, &st, &error);

	ck_assert_msg(err == SQB_OK, "%s: %s", sqb_err_name(err), error);
	return st;
}

static uint32_t messages(struct sqb_store *st)
{
	struct sqb_mailbox_status status;

	t_ok(st, sqb_mailbox_status(st, T_INBOX, &status));
	return status.messages;
}

static bool file_size(const char *name, off_t *size_r)
{
	char *path = sqb_xasprintf("%s/%s", dir, name);
	struct stat info;
	bool there = stat(path, &info) == 0;

	free(path);
	*size_r = there ? info.st_size : 0;
	return there;
}

START_TEST(a_reader_sees_each_commit_at_once)
{
	struct sqb_store *st = t_store_open_in(dir), *r1 = open_reader(),
			 *r2 = open_reader();
	const char *name;
	uint32_t n, number;
	char *given;

	for (n = 1; n <= 20; n++) {
		t_append_text(st, "a: b\r\n\r\n");
		ck_assert_uint_eq(messages(r1), n);
		ck_assert_uint_eq(messages(r2), n);
	}
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_keyword_number(st, "new", true, &number));
	t_ok(st, sqb_entry_name_set(st, T_INBOX, 1, "x"));
	t_fails(sqb_entry_name_get(r1, T_INBOX, 1, &given), SQB_NOTFOUND);
	t_ok(st, sqb_txn_commit(st));
	t_ok(r1, sqb_keyword_name(r1, number, &name));
	ck_assert_str_eq(name, "new");
	t_ok(r1, sqb_entry_name_get(r1, T_INBOX, 1, &given));
	free(given);
	sqb_store_close(&r1);
	sqb_store_close(&st);
	sqb_store_close(&r2);
}
END_TEST

static void append_when_told(int fd, const char *peer_dir)
{
	struct sqb_store *st = t_store_open_in(peer_dir);

	t_tell(fd, 'r');
	while (t_hear(fd) == 'a') {
		t_append_text(st, "a: b\r\n\r\n");
		t_tell(fd, 'd');
	}
	sqb_store_close(&st);
}

START_TEST(a_reader_sees_the_commits_of_other_processes_at_once)
{
	struct t_peer peer = t_peer_start(append_when_told, dir);
	struct sqb_store *reader;
	uint32_t n;

	ck_assert_int_eq(t_hear(peer.fd), 'r');
	reader = open_reader();
	for (n = 1; n <= 20; n++) {
		t_tell(peer.fd, 'a');
		ck_assert_int_eq(t_hear(peer.fd), 'd');
		ck_assert_uint_eq(messages(reader), n);
	}
	t_tell(peer.fd, 'e');
	t_peer_end(&peer);
	ck_assert_uint_eq(messages(reader), n - 1);
	sqb_store_close(&reader);
}
END_TEST

START_TEST(a_reader_waits_for_no_writer)
{
	struct sqb_store *st = t_store_open_in(dir), *reader;
	int fd;

	t_append_text(st, "a: b\r\n\r\n");
	fd = t_lock_fd(dir);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	reader = open_reader();
	ck_assert_uint_eq(messages(reader), 1);
	ck_assert_int_eq(reader->lock_fd, -1);
	t_fails(sqb_txn_begin(reader), SQB_READONLY);
	t_ok(reader, sqb_checkpoint_if_due(reader));
	sqb_store_close(&reader);
	ck_assert_int_eq(close(fd), 0);
	sqb_store_close(&st);
}
END_TEST

/* As if somebody had copied store.db alone. */
static void remove_file(const char *name)
{
	char *path = sqb_xasprintf("%s/%s", dir, name);

	ck_assert_int_eq(unlink(path), 0);
	free(path);
}

/* More than stays at the last close of a writer. */
static void fill_wal(struct sqb_store *st)
{
	char *noise = t_noise(512 * 1024, 3);

	t_append(st, T_INBOX, noise, 512 * 1024);
	free(noise);
}

START_TEST(a_reader_that_closes_last_leaves_the_log)
{
	struct sqb_store *st = t_store_open_in(dir), *reader = open_reader();
	off_t before, after, db_before, db_after;

	fill_wal(st);
	sqb_store_close(&st);
	ck_assert(file_size("store.db-wal", &before));
	(void)file_size("store.db", &db_before);
	ck_assert_int_gt(before, 512 * 1024);
	ck_assert_uint_eq(messages(reader), 1);
	sqb_store_close(&reader);
	ck_assert(file_size("store.db-wal", &after));
	(void)file_size("store.db", &db_after);
	ck_assert_int_eq(after, before);
	ck_assert_int_eq(db_after, db_before);
	st = t_store_open_in(dir);
	ck_assert_uint_eq(messages(st), 1);
	sqb_store_close(&st);
	ck_assert(file_size("store.db-wal", &after));
	ck_assert_int_eq(after, 0);
}
END_TEST

START_TEST(a_reader_may_come_when_there_is_no_log)
{
	struct sqb_store *st = t_store_open_in(dir), *reader;
	off_t size;

	fill_wal(st);
	sqb_store_close(&st);
	ck_assert(file_size("store.db-wal", &size));
	ck_assert_int_eq(size, 0);
	remove_file("store.db-wal");
	remove_file("store.db-shm");
	reader = open_reader();
	ck_assert_uint_eq(messages(reader), 1);
	st = t_store_open_in(dir);
	t_append_text(st, "a: b\r\n\r\n");
	ck_assert_uint_eq(messages(reader), 2);
	sqb_store_close(&st);
	ck_assert_uint_eq(messages(reader), 2);
	sqb_store_close(&reader);
}
END_TEST

/* Its close is the last one, it would think, if our locks were lost. */
static void open_and_close_when_told(int fd, const char *peer_dir)
{
	struct sqb_store *st;

	while (t_hear(fd) == 'o') {
		st = t_store_open_in(peer_dir);
		ck_assert_uint_eq(messages(st), 1);
		sqb_store_close(&st);
		t_tell(fd, 'd');
	}
}

START_TEST(readers_that_close_leave_the_locks_of_others)
{
	struct t_peer peer = t_peer_start(open_and_close_when_told, dir);
	struct sqb_store *st = t_store_open_in(dir), *reader;
	off_t before, after;
	int i;

	fill_wal(st);
	ck_assert(file_size("store.db-wal", &before));
	for (i = 0; i < 3; i++) {
		reader = open_reader();
		ck_assert_uint_eq(messages(reader), 1);
		sqb_store_close(&reader);
		t_tell(peer.fd, 'o');
		ck_assert_int_eq(t_hear(peer.fd), 'd');
		ck_assert(file_size("store.db-wal", &after));
		ck_assert_int_eq(after, before);
	}
	t_tell(peer.fd, 'e');
	t_peer_end(&peer);
	t_append_text(st, "a: b\r\n\r\n");
	ck_assert_uint_eq(messages(st), 2);
	sqb_store_close(&st);
}
END_TEST

/*
 * Threads.  They ask libcheck nothing, which is not made for them: the first
 * failure is kept for the test.
 */
#define READERS 3
#define ROUNDS 150

struct worker {
	pthread_t thread;
	char failure[300]; /* "": none */
};
static atomic_bool done;

static bool went_well(struct worker *w, struct sqb_store *st, enum sqb_err err,
		      const char *what)
{
	if (err != SQB_OK && w->failure[0] == '\0')
		(void)snprintf(w->failure, sizeof(w->failure), "%s: %s: %s",
			       what, sqb_err_name(err),
			       st != NULL ? sqb_store_errmsg(st) : "");
	return err == SQB_OK;
}

/* A message, named after its UID, and one less; now and then a checkpoint. */
static enum sqb_err write_round(struct sqb_store *st, unsigned int round)
{
	struct sqb_body_writer *w = sqb_body_begin(st);
	struct sqb_message_new args = { .date = T_DATE, .save_date = T_DATE };
	char text[64], name[32];
	enum sqb_err err;
	uint32_t uid = 0;
	int len = snprintf(text, sizeof(text), "a: %u\n\r\nx\n", round);

	err = sqb_body_write_file(w, text, (size_t)len);
	if (err == SQB_OK)
		err = sqb_body_finish(w, NULL);
	if (err == SQB_OK)
		err = sqb_txn_begin(st);
	if (err == SQB_OK)
		err = sqb_message_append(st, T_INBOX, w, &args, &uid);
	(void)snprintf(name, sizeof(name), "%u.eml", uid);
	if (err == SQB_OK)
		err = sqb_entry_name_set(st, T_INBOX, uid, name);
	if (err == SQB_OK && uid > 20)
		err = sqb_message_expunge(st, T_INBOX, uid - 20, uid - 20,
					  NULL);
	if (err == SQB_OK)
		err = sqb_txn_commit(st);
	sqb_body_writer_free(&w);
	if (err == SQB_OK)
		err = sqb_sync(st);
	if (err == SQB_OK && round % 20 == 0)
		err = sqb_purge(st, 0, 0, NULL);
	if (err == SQB_OK && round % 30 == 0) {
		st->wal.due_pages = 1;
		err = sqb_checkpoint_if_due(st);
	}
	return err;
}

static void *write_in_thread(void *arg)
{
	struct worker *w = arg;
	struct sqb_store *st = NULL;
	unsigned int i;

	if (went_well(w, NULL, sqb_store_open(dir, 0, &st, NULL), "open")) {
		for (i = 0; i < ROUNDS; i++) {
			if (!went_well(w, st, write_round(st, i), "write"))
				break;
		}
	}
	sqb_store_close(&st);
	done = true;
	return NULL;
}

static enum sqb_err read_file(struct sqb_store *st, uint32_t uid)
{
	struct sqb_file_reader *r = NULL;
	enum sqb_err err = sqb_file_open(st, T_INBOX, uid, &r);
	char buf[64];
	size_t got;

	if (err == SQB_OK)
		err = sqb_file_read(r, 0, buf, sizeof(buf), &got);
	if (err == SQB_OK && (got < 8 || memcmp(buf, "a: ", 3) != 0 ||
			      memcmp(buf + got - 5, "\n\r\nx\n", 5) != 0))
		err = SQB_CORRUPT;
	sqb_file_close(&r);
	return err;
}

/* One snapshot: figures, rows and names must fit together. */
static enum sqb_err read_state(struct sqb_store *st, uint64_t *modseq_r)
{
	struct sqb_mailbox_status status;
	struct sqb_entry_iter *it;
	uint32_t count = 0, first = 0;
	struct sqb_message msg;
	enum sqb_err err, end;
	char want[32];
	const char *name;
	bool ok = true;

	err = sqb_mailbox_status(st, T_INBOX, &status);
	it = sqb_entry_iter_begin(st, T_INBOX, 0);
	while (sqb_entry_iter_next(it, &msg, &name)) {
		(void)snprintf(want, sizeof(want), "%u.eml", msg.uid);
		ok = ok && name != NULL && strcmp(name, want) == 0 &&
		     msg.modseq <= status.highestmodseq;
		if (count++ == 0)
			first = msg.uid;
	}
	end = sqb_entry_iter_end(&it);
	if (err == SQB_OK)
		err = end;
	if (err == SQB_OK && first != 0)
		err = read_file(st, first);
	if (err == SQB_OK && (!ok || count != status.messages))
		err = sqb_fail(st, SQB_INTERNAL, "%u messages, not %u", count,
			       status.messages);
	*modseq_r = status.highestmodseq;
	return err;
}

static void *read_in_thread(void *arg)
{
	struct worker *w = arg;
	struct sqb_store *st = NULL;
	uint64_t modseq = 0, before = 0;
	enum sqb_err err;
	unsigned int i;

	while (!done && w->failure[0] == '\0') {
		if (!went_well(
			    w, NULL,
			    sqb_store_open(dir, SQB_OPEN_READONLY, &st, NULL),
			    "open"))
			break;
		sqb_store_set_cache_size(st, 512);
		for (i = 0; i < 40 && w->failure[0] == '\0'; i++) {
			(void)went_well(w, st, sqb_read_begin(st), "begin");
			err = read_state(st, &modseq);
			sqb_read_end(st);
			if (!went_well(w, st, err, "read"))
				break;
			if (modseq < before)
				(void)went_well(w, st, SQB_INTERNAL,
						"modseq went back");
			before = modseq;
		}
		sqb_store_close(&st);
	}
	sqb_store_close(&st);
	return NULL;
}

static void write_in_process(int fd, const char *peer_dir)
{
	struct sqb_store *st = t_store_open_in(peer_dir);
	unsigned int i;

	t_tell(fd, 'r');
	ck_assert_int_eq(t_hear(fd), 'g');
	for (i = 0; i < ROUNDS; i++)
		t_ok(st, write_round(st, i));
	sqb_store_close(&st);
}

START_TEST(threads_read_while_others_write)
{
	struct t_peer peer = t_peer_start(write_in_process, dir);
	struct worker writer = { .failure = "" }, readers[READERS];
	struct sqb_check_step step;
	struct sqb_check *check;
	struct sqb_store *st;
	int i;

	done = false;
	memset(readers, 0, sizeof(readers));
	ck_assert_int_eq(t_hear(peer.fd), 'r');
	t_tell(peer.fd, 'g');
	ck_assert_int_eq(
		pthread_create(&writer.thread, NULL, write_in_thread, &writer),
		0);
	for (i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&readers[i].thread, NULL,
						read_in_thread, &readers[i]),
				 0);
	ck_assert_int_eq(pthread_join(writer.thread, NULL), 0);
	for (i = 0; i < READERS; i++) {
		ck_assert_int_eq(pthread_join(readers[i].thread, NULL), 0);
		ck_assert_msg(readers[i].failure[0] == '\0', "reader %d: %s", i,
			      readers[i].failure);
	}
	ck_assert_msg(writer.failure[0] == '\0', "writer: %s", writer.failure);
	t_peer_end(&peer);
	st = t_store_open_in(dir);
	ck_assert_uint_eq(messages(st), 20);
	check = sqb_check_begin(st);
	while (sqb_check_next(check, &step))
		ck_assert_msg(step.problem == NULL, "%s", step.problem);
	t_ok(st, sqb_check_end(&check, NULL));
	sqb_store_close(&st);
}
END_TEST

START_TEST(a_cache_is_as_large_as_it_is_told_to_be)
{
	struct sqb_store *st = t_store_open_in(dir);

	ck_assert_int_eq(t_sql_int(st, "PRAGMA cache_size"), -1024);
	sqb_store_set_cache_size(st, 512);
	ck_assert_int_eq(t_sql_int(st, "PRAGMA cache_size"), -512);
	sqb_store_close(&st);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("threads");
	TCase *tc = tcase_create("threads");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_reader_sees_each_commit_at_once);
	tcase_add_test(tc,
		       a_reader_sees_the_commits_of_other_processes_at_once);
	tcase_add_test(tc, a_reader_waits_for_no_writer);
	tcase_add_test(tc, a_reader_that_closes_last_leaves_the_log);
	tcase_add_test(tc, a_reader_may_come_when_there_is_no_log);
	tcase_add_test(tc, readers_that_close_leave_the_locks_of_others);
	tcase_add_test(tc, threads_read_while_others_write);
	tcase_add_test(tc, a_cache_is_as_large_as_it_is_told_to_be);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
