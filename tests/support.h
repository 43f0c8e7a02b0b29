/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include "common/body.h"
#include "common/mailbox.h"
#include "common/store.h"

#include <check.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * What the unit tests share.  Everything here ends the test if it fails.
 *
 * A store must not cross a fork(): open it in a checked fixture or in the test
 * itself, and start peers before.
 */

#define T_INBOX ((struct sqb_mailbox_id){ 1 })
/* A date for messages that need one. */
#define T_DATE INT64_C(1709294401)

/* Run the suite; for main() to return. */
int t_run(Suite *suite);

/*
 * How many rounds to make of that many: all, or one of SQB_ROUNDS_PART where
 * everything takes so much longer.
 */
unsigned int t_rounds(unsigned int wanted);

/* The call succeeds, or the test fails with the store's sentence. */
#define t_ok(st, call) \
	do { \
		enum sqb_err t_err = (call); \
		ck_assert_msg(t_err == SQB_OK, "%s: %s: %s", #call, \
			      sqb_err_name(t_err), sqb_store_errmsg(st)); \
	} while (0)

/* The call fails with that code. */
#define t_fails(call, want) \
	do { \
		enum sqb_err t_err = (call), t_want = (want); \
		ck_assert_msg(t_err == t_want, "%s: %s, not %s", #call, \
			      sqb_err_name(t_err), sqb_err_name(t_want)); \
	} while (0)

/* The store's last sentence has the words in it. */
void t_says(struct sqb_store *st, const char *words);

/* A new directory, to free(), and its end with all that is in it. */
char *t_dir(void);
void t_dir_remove(const char *dir);

/* A new store in a new directory, in the one given, and once more. */
struct sqb_store *t_store_open(void);
struct sqb_store *t_store_open_in(const char *dir);
void t_store_reopen(struct sqb_store **st);

/*
 * Check that no statement of this store reads a large table from end to end
 * (see t_check_plans()), close it and remove its directory.  Accepts NULL.
 */
void t_store_close(struct sqb_store **st);

/*
 * Fails the test if SQLite would scan one of the tables that grow with the
 * mail, in any statement there is.  One that is meant to says so in its text:
 * "-- scans".
 */
void t_check_plans(struct sqb_store *st);

/* A change of one row within a transaction, and a transaction of such a one. */
void t_change(struct sqb_store *st);
void t_commit(struct sqb_store *st);

/* store.lock, to flock() and close(). */
int t_lock_fd(const char *dir);

/* SQL behind the model's back; of the first row the first column. */
void t_sql(struct sqb_store *st, const char *sql);
int64_t t_sql_int(struct sqb_store *st, const char *sql);

/* Damage one octet of a blob. */
void t_damage(struct sqb_store *st, const char *table, const char *column,
	      int64_t rowid, int offset);

/*
 * Texts of any size, to free(): a mail with a short header and lines that
 * compress, and octets that do not.  The same seed gives the same octets.
 */
char *t_mail(size_t size, unsigned int seed);
char *t_noise(size_t size, unsigned int seed);

/* A finished writer (of wire octets, of a file), and a message appended in a
 * transaction of its own. */
struct sqb_body_writer *t_body(struct sqb_store *st, const void *data,
			       size_t size);
struct sqb_body_writer *t_file(struct sqb_store *st, const void *data,
			       size_t size);
uint32_t t_append(struct sqb_store *st, struct sqb_mailbox_id box,
		  const void *data, size_t size);
uint32_t t_append_text(struct sqb_store *st, const char *text);

/*
 * A second process, started before this one opens its store.  job(fd, dir)
 * runs in it and speaks with the test by octets on fd; it may use ck_assert.
 * end() waits for it, and fails if it has failed.
 */
struct t_peer {
	pid_t pid;
	int fd; /* own */
};
struct t_peer t_peer_start(void (*job)(int fd, const char *dir),
			   const char *dir);
void t_peer_end(struct t_peer *peer);
void t_tell(int fd, char octet);
char t_hear(int fd);

#endif
