/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "tests/support.h"

#include "common/file.h"
#include "common/message.h"
#include "common/store-private.h"

#include <ctype.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Check's own is 4 seconds, which a busy disk can take. */
__attribute__((constructor)) static void set_timeout(void)
{
	(void)setenv("CK_DEFAULT_TIMEOUT", "300", 0);
}

unsigned int t_rounds(unsigned int wanted)
{
	const char *part = getenv("SQB_ROUNDS_PART");
	unsigned long n = part != NULL ? strtoul(part, NULL, 10) : 1;

	return n > 1 && wanted > n ? wanted / (unsigned int)n : wanted;
}

int t_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void t_says(struct sqb_store *st, const char *words)
{
	const char *sentence = sqb_store_errmsg(st);

	ck_assert_msg(strstr(sentence, words) != NULL,
		      "\"%s\" does not say \"%s\"", sentence, words);
}

char *t_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path, *dir;

	path = sqb_xasprintf("%s/sqbox-test.XXXXXX",
			     tmp != NULL ? tmp : "/tmp");
	dir = mkdtemp(path);
	ck_assert_msg(dir != NULL, "mkdtemp(%s)", path);
	return dir;
}

static int remove_one(const char *path, const struct stat *info, int type,
		      struct FTW *place)
{
	(void)info;
	(void)type;
	(void)place;
	return remove(path);
}

void t_dir_remove(const char *dir)
{
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct sqb_store *t_store_open_in(const char *dir)
{
	struct sqb_store *st = NULL;
	char *error = NULL;
	enum sqb_err err;

	err = sqb_store_open(dir, SQB_OPEN_CREATE, &st, &error);
	ck_assert_msg(err == SQB_OK, "%s: %s", sqb_err_name(err), error);
	return st;
}

struct sqb_store *t_store_open(void)
{
	char *dir = t_dir();
	struct sqb_store *st = t_store_open_in(dir);

	free(dir);
	return st;
}

void t_store_reopen(struct sqb_store **st)
{
	char *dir = sqb_xstrdup(sqb_store_dir(*st));

	t_check_plans(*st);
	sqb_store_close(st);
	*st = t_store_open_in(dir);
	free(dir);
}

void t_store_close(struct sqb_store **st)
{
	char *dir;

	if (*st == NULL)
		return;
	dir = sqb_xstrdup(sqb_store_dir(*st));
	t_check_plans(*st);
	sqb_store_close(st);
	t_dir_remove(dir);
	free(dir);
}

void t_change(struct sqb_store *st)
{
	uint64_t modseq;

	t_ok(st, sqb_txn_modseq(st, &modseq));
}

void t_commit(struct sqb_store *st)
{
	t_ok(st, sqb_txn_begin(st));
	t_change(st);
	t_ok(st, sqb_txn_commit(st));
}

int t_lock_fd(const char *dir)
{
	char *path = sqb_xasprintf("%s/store.lock", dir);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	free(path);
	return fd;
}

static const char *const large_tables[] = {
	"message",      "body",           "body_chunk",          "expunged",
	"keyword_more", "pop3",           "entry_name",          "body_eol",
	"body_text",    "remote_message", "remote_keyword_more", "body_absent",
};

static size_t word_length(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return n;
}

/* Is the word at p the table, and the one after it (or after AS) the alias? */
static bool is_alias_here(const char *p, const char *table, const char *alias)
{
	size_t len = word_length(p);

	if (len != strlen(table) || strncmp(p, table, len) != 0)
		return false;
	p += len;
	p += strspn(p, " \n");
	if (strncmp(p, "AS ", 3) == 0)
		p += 3;
	len = word_length(p);
	return len == strlen(alias) && strncmp(p, alias, len) == 0;
}

static bool is_alias(const char *sql, const char *table, const char *alias)
{
	while (*sql != '\0') {
		size_t len = word_length(sql);

		if (len > 0 && is_alias_here(sql, table, alias))
			return true;
		sql += len > 0 ? len : 1;
	}
	return false;
}

/* detail: "SCAN m USING INDEX message_modseq", say. */
static bool scans_large_table(const char *sql, const char *detail)
{
	char name[64];
	size_t i, len;

	if (strncmp(detail, "SCAN ", 5) != 0)
		return false;
	detail += 5;
	len = word_length(detail);
	if (len == 0 || len >= sizeof(name))
		return false;
	memcpy(name, detail, len);
	name[len] = '\0';
	for (i = 0; i < sizeof(large_tables) / sizeof(*large_tables); i++) {
		if (strcmp(name, large_tables[i]) == 0 ||
		    is_alias(sql, large_tables[i], name))
			return true;
	}
	return false;
}

static void check_plan(struct sqb_store *st, const char *sql)
{
	char *explain = sqb_xasprintf("EXPLAIN QUERY PLAN %s", sql);
	sqlite3_stmt *plan = sqb_stmt_new(st, explain);
	enum sqb_err err;

	while (sqb_step(st, plan, &err)) {
		const char *detail = (const char *)sqlite3_column_text(plan, 3);

		ck_assert_msg(!scans_large_table(sql, detail), "%s: %s", detail,
			      sql);
	}
	t_ok(st, err);
	sqlite3_finalize(plan);
	free(explain);
}

void t_check_plans(struct sqb_store *st)
{
	sqlite3_stmt *q = NULL;

	while ((q = sqlite3_next_stmt(sqb_db(st), q)) != NULL) {
		if (strstr(sqlite3_sql(q), "-- scans") == NULL)
			check_plan(st, sqlite3_sql(q));
	}
}

void t_sql(struct sqb_store *st, const char *sql)
{
	sqlite3_stmt *q = sqb_stmt_new(st, sql);

	t_ok(st, sqb_run(st, q));
	sqlite3_finalize(q);
}

int64_t t_sql_int(struct sqb_store *st, const char *sql)
{
	sqlite3_stmt *q = sqb_stmt_new(st, sql);
	int64_t value = 0;

	t_ok(st, sqb_run_int64(st, q, &value));
	sqlite3_finalize(q);
	return value;
}

void t_damage(struct sqb_store *st, const char *table, const char *column,
	      int64_t rowid, int offset)
{
	sqlite3_blob *blob;
	uint8_t octet;

	ck_assert_int_eq(sqlite3_blob_open(sqb_db(st), "main", table, column,
					   rowid, 1, &blob),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_blob_read(blob, &octet, 1, offset), SQLITE_OK);
	octet ^= 0x10;
	ck_assert_int_eq(sqlite3_blob_write(blob, &octet, 1, offset),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_blob_close(blob), SQLITE_OK);
}

static unsigned int next_random(unsigned int *state)
{
	*state = *state * 1103515245U + 12345U;
	return *state >> 16;
}

char *t_mail(size_t size, unsigned int seed)
{
	static const char *const words[] = {
		"mail",  "store", "letter",  "the",    "of",
		"order", "under", "Subject", "to",     "number",
		"and",   "is",    "account", "folder", "42",
	};
	size_t room = size + 64, used;
	char *text = sqb_xmalloc(room);

	used = (size_t)snprintf(
		text, room, "From: a@example.org\r\nSubject: %u\r\n\r\n", seed);
	while (used < size) {
		unsigned int r = next_random(&seed);

		used += (size_t)snprintf(
			text + used, room - used, "%s%s",
			words[r % (sizeof(words) / sizeof(*words))],
			r % 11 == 0 ? "\r\n" : " ");
	}
	text[size] = '\0';
	return text;
}

char *t_noise(size_t size, unsigned int seed)
{
	char *text = sqb_xmalloc(size + 1);
	size_t i;

	for (i = 0; i < size; i++)
		text[i] = (char)next_random(&seed);
	text[size] = '\0';
	return text;
}

struct sqb_body_writer *t_body(struct sqb_store *st, const void *data,
			       size_t size)
{
	struct sqb_body_writer *w = sqb_body_begin(st);

	t_ok(st, sqb_body_write(w, data, size));
	t_ok(st, sqb_body_finish(w, NULL));
	return w;
}

struct sqb_body_writer *t_file(struct sqb_store *st, const void *data,
			       size_t size)
{
	struct sqb_body_writer *w = sqb_body_begin(st);

	t_ok(st, sqb_body_write_file(w, data, size));
	t_ok(st, sqb_body_finish(w, NULL));
	return w;
}

uint32_t t_append(struct sqb_store *st, struct sqb_mailbox_id box,
		  const void *data, size_t size)
{
	struct sqb_message_new args = { .date = T_DATE, .save_date = T_DATE };
	struct sqb_body_writer *w = t_body(st, data, size);
	uint32_t uid = 0;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_append(st, box, w, &args, &uid));
	t_ok(st, sqb_txn_commit(st));
	sqb_body_writer_free(&w);
	return uid;
}

uint32_t t_append_text(struct sqb_store *st, const char *text)
{
	return t_append(st, T_INBOX, text, strlen(text));
}

struct t_peer t_peer_start(void (*job)(int fd, const char *dir),
			   const char *dir)
{
	struct t_peer peer;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	(void)fflush(NULL);
	peer.pid = fork();
	ck_assert_int_ge(peer.pid, 0);
	if (peer.pid == 0) {
		(void)close(fds[0]);
		job(fds[1], dir);
		_exit(0);
	}
	(void)close(fds[1]);
	peer.fd = fds[0];
	return peer;
}

void t_peer_end(struct t_peer *peer)
{
	int status;

	(void)close(peer->fd);
	ck_assert_int_eq(waitpid(peer->pid, &status, 0), peer->pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "a peer has failed (wait status %d)", status);
}

void t_tell(int fd, char octet)
{
	ck_assert_int_eq(write(fd, &octet, 1), 1);
}

char t_hear(int fd)
{
	char octet = '\0';

	ck_assert_msg(read(fd, &octet, 1) == 1, "the other side has gone");
	return octet;
}
