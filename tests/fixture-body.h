/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_FIXTURE_BODY_H
#define TEST_FIXTURE_BODY_H

#include "common/body-private.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the tests of bodies share. */

static struct sqb_store *st;

static inline void setup(void)
{
	st = t_store_open();
}

static inline void teardown(void)
{
	t_store_close(&st);
}

/* Store a finished writer's body, without a message. */
static inline struct sqb_body_id store_body(struct sqb_body_writer *w,
					    bool want_fresh)
{
	struct sqb_body_id id = { 0 };
	bool fresh = !want_fresh;

	t_ok(st, sqb_body_store(st, w, T_DATE, &id, &fresh));
	ck_assert_int_eq(fresh, want_fresh);
	ck_assert_int_ge(id.n, 1);
	return id;
}

/* A body of its own transaction; data is freed. */
static inline struct sqb_body_id commit_body(char *data, size_t size)
{
	struct sqb_body_writer *w = t_body(st, data, size);
	struct sqb_body_id id;

	t_ok(st, sqb_txn_begin(st));
	id = store_body(w, true);
	t_ok(st, sqb_txn_commit(st));
	sqb_body_writer_free(&w);
	free(data);
	return id;
}

static inline int64_t column_of(struct sqb_body_id id, const char *column)
{
	char *sql = sqb_xasprintf("SELECT %s FROM body WHERE id = %lld", column,
				  (long long)id.n);
	int64_t value = t_sql_int(st, sql);

	free(sql);
	return value;
}

/* All of a body, in order; the first failure ends it. */
static inline enum sqb_err read_all(struct sqb_body_reader *r, char *out,
				    size_t room, size_t *size_r)
{
	const void *data;
	enum sqb_err err;
	size_t size;

	*size_r = 0;
	while ((err = sqb_body_data(r, *size_r, &data, &size)) == SQB_OK &&
	       size > 0) {
		ck_assert_uint_le(size, SQB_BODY_CHUNK);
		ck_assert_uint_le(*size_r + size, room);
		memcpy(out + *size_r, data, size);
		*size_r += size;
	}
	return err;
}

static inline void same_body(struct sqb_body_id id, const char *data,
			     size_t size)
{
	struct sqb_body_reader *r;
	char *out = sqb_xmalloc(size + 1);
	size_t got;

	t_ok(st, sqb_body_open_id(st, id, &r));
	ck_assert_uint_eq(sqb_body_reader_info(r)->vsize, size);
	t_ok(st, read_all(r, out, size, &got));
	ck_assert_uint_eq(got, size);
	ck_assert_int_eq(memcmp(out, data, size), 0);
	sqb_body_close(&r);
	free(out);
}

#define COUNT(table) ((int)(sizeof(table) / sizeof(*(table))))

static inline TCase *new_case(Suite *suite, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return tc;
}

#endif
