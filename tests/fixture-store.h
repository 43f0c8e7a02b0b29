/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_FIXTURE_STORE_H
#define TEST_FIXTURE_STORE_H

#include "common/message.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* What the tests of opening a store share. */

static char *dir;
static struct sqb_store *st;

static inline void setup(void)
{
	dir = t_dir();
}

static inline void teardown(void)
{
	t_store_close(&st);
	t_dir_remove(dir);
	free(dir);
}

/* A store with one message, closed again. */
static inline void make_store(void)
{
	struct sqb_store *made = t_store_open_in(dir);

	(void)t_append(made, T_INBOX, "A: b\r\n\r\nc\r\n", 11);
	sqb_store_close(&made);
}

/* Opening fails with that code, and a sentence with the words in it. */
static inline void refused(const char *where, int flags, enum sqb_err want,
			   const char *words)
{
	struct sqb_store *none = NULL;
	char *error = NULL;
	enum sqb_err err;

	err = sqb_store_open(where, (enum sqb_open_flags)flags, &none, &error);
	ck_assert_ptr_null(none);
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(err == want && strstr(error, words) != NULL,
		      "%s (%s), not %s (%s)", sqb_err_name(err), error,
		      sqb_err_name(want), words);
	free(error);
}

/* uidnext of INBOX, and row 0's next_modseq. */
static inline int64_t uidnext(void)
{
	return t_sql_int(st, "SELECT uidnext FROM mailbox WHERE id = 1");
}

static inline int64_t next_modseq(void)
{
	return t_sql_int(st, "SELECT next_modseq FROM mailbox WHERE id = 0");
}

static inline TCase *new_case(Suite *suite, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return tc;
}

#endif
