/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The first open of an older schema, after a boot, and of a copy.
 */
#include "common/message.h"
#include "common/store-private.h"
#include "tests/fixture-store.h"
#include "tests/support.h"

#include <stdio.h>
#include <sys/sysmacros.h>

/* From the present schema on. */
#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)
#define NEXT (SQB_SCHEMA_VERSION + 1)
static const struct sqb_migration two_more[] = {
	{ NEXT, "CREATE TABLE two (n INTEGER) STRICT;", NULL },
	{ NEXT + 1,
	  "CREATE TABLE three (n INTEGER) STRICT; INSERT INTO two"
	  " VALUES (3);",
	  NULL },
	{ 0, NULL, NULL },
};

static enum sqb_err fail_step(struct sqb_store *store)
{
	return sqb_fail(store, SQB_IO, "a step is broken");
}

static const struct sqb_migration a_broken_one[] = {
	{ NEXT, "CREATE TABLE two (n INTEGER) STRICT;", NULL },
	{ NEXT + 1, "CREATE TABLE three (n INTEGER) STRICT;", NULL },
	{ NEXT + 2, NULL, fail_step },
	{ 0, NULL, NULL },
};

START_TEST(an_older_schema_is_brought_up_step_by_step)
{
	char words[32];

	st = t_store_open_in(dir);
	t_ok(st, sqb_migrate(st, two_more, NEXT + 1));
	ck_assert(!sqb_sync_pending(st));
	ck_assert_int_eq(t_sql_int(st, "PRAGMA user_version"), NEXT + 1);
	ck_assert_int_eq(t_sql_int(st, "SELECT n FROM two"), 3);
	t_ok(st, sqb_migrate(st, two_more, NEXT + 1)); /* nothing to do */
	t_fails(sqb_migrate(st, two_more, NEXT), SQB_NEWER);
	sqb_store_close(&st);
	(void)snprintf(words, sizeof(words), "schema %d", NEXT + 1);
	refused(dir, 0, SQB_NEWER, words);
}
END_TEST

START_TEST(a_broken_step_undoes_the_whole_upgrade)
{
	st = t_store_open_in(dir);
	t_fails(sqb_migrate(st, a_broken_one, NEXT + 2), SQB_IO);
	t_says(st, "a step is broken");
	ck_assert(!sqb_txn_active(st));
	t_store_reopen(&st);
	ck_assert_int_eq(t_sql_int(st, "PRAGMA user_version"),
			 SQB_SCHEMA_VERSION);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM sqlite_schema"
				       " WHERE name = 'two'"),
			 0);
}
END_TEST

START_TEST(an_older_schema_cannot_be_upgraded_read_only)
{
	make_store();
	t_fails(sqb_store_open(dir, SQB_OPEN_READONLY, &st, NULL), SQB_OK);
	t_fails(sqb_migrate(st, two_more, NEXT + 1), SQB_READONLY);
	t_says(st, "older schema");
}
END_TEST

START_TEST(who_has_the_store_open_does_not_write_into_a_newer_schema)
{
	st = t_store_open_in(dir);
	t_commit(st);
	t_sql(st, "PRAGMA user_version = 99");
	t_fails(sqb_txn_begin(st), SQB_NEWER);
	t_says(st, "schema 99");
	ck_assert(!sqb_txn_active(st));
	t_sql(st, "PRAGMA user_version = " STRING(SQB_SCHEMA_VERSION));
	t_commit(st);
}
END_TEST

static int64_t next_of(const char *column)
{
	char sql[80];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT next_%s FROM mailbox WHERE id = 0", column);
	return t_sql_int(st, sql);
}

/* I2: nor what a mailbox was told that the power took away again. */
START_TEST(the_first_open_after_a_boot_or_of_a_copy_moves_ids_on)
{
	static const char *const columns[] = { "id", "body", "uidvalidity" };
	static const char *const boots[] = { "earlier", "copy" };
	int64_t before[3];
	size_t i, j;

	make_store();
	st = t_store_open_in(dir);
	for (j = 0; j < 2; j++) {
		t_sql(st, j == 0 ? "UPDATE mailbox SET boot_id = 'earlier'"
				   " WHERE id = 0"
				 : "UPDATE mailbox SET boot_id = 'copy'"
				   " WHERE id = 0");
		for (i = 0; i < 3; i++)
			before[i] = next_of(columns[i]);
		t_store_reopen(&st);
		for (i = 0; i < 3; i++)
			ck_assert_msg(next_of(columns[i]) >= before[i] + 16,
				      "%s, %s", boots[j], columns[i]);
	}
}
END_TEST

START_TEST(the_same_boot_leaves_the_numbers_alone)
{
	int64_t modseq, uid;

	make_store();
	st = t_store_open_in(dir);
	modseq = next_modseq();
	uid = uidnext();
	t_store_reopen(&st);
	ck_assert_int_eq(next_modseq(), modseq);
	ck_assert_int_eq(uidnext(), uid);
	ck_assert_int_eq(uid, 2);
}
END_TEST

START_TEST(the_first_open_after_a_boot_moves_the_numbers_on)
{
	struct sqb_message message;
	int64_t modseq;

	make_store();
	st = t_store_open_in(dir);
	t_sql(st, "UPDATE mailbox SET boot_id = 'earlier' WHERE id = 0");
	modseq = next_modseq();
	sqb_store_close(&st);

	t_fails(sqb_store_open(dir, SQB_OPEN_READONLY, &st, NULL), SQB_OK);
	ck_assert_int_eq(next_modseq(), modseq);
	sqb_store_close(&st);

	st = t_store_open_in(dir);
	ck_assert_int_eq(next_modseq(), modseq + (1 << 20));
	ck_assert_int_eq(uidnext(), 2 + (1 << 16));
	ck_assert(!sqb_sync_pending(st));
	t_ok(st, sqb_message_get(st, T_INBOX, 1, &message));
	ck_assert_uint_lt(message.modseq, (uint64_t)modseq);
	t_store_reopen(&st);
	ck_assert_int_eq(uidnext(), 2 + (1 << 16));
}
END_TEST

START_TEST(a_boot_does_not_move_uidnext_past_its_end)
{
	st = t_store_open_in(dir);
	t_sql(st, "UPDATE mailbox SET boot_id = 'earlier' WHERE id = 0");
	t_sql(st, "UPDATE mailbox SET uidnext = 4294967290 WHERE id = 1");
	t_store_reopen(&st);
	ck_assert_int_eq(uidnext(), INT64_C(4294967296));
}
END_TEST

START_TEST(the_first_open_of_a_copy_moves_everything_far_on)
{
	struct sqb_mailbox_status status;
	struct sqb_message message;
	int64_t modseq;

	make_store();
	st = t_store_open_in(dir);
	t_sql(st, "UPDATE mailbox SET boot_id = 'copy' WHERE id = 0");
	t_sql(st, "INSERT INTO expunged VALUES (1, 2, 7, 8)");
	modseq = next_modseq();
	t_store_reopen(&st);

	t_ok(st, sqb_mailbox_status(st, T_INBOX, &status));
	t_ok(st, sqb_message_get(st, T_INBOX, 1, &message));
	ck_assert_uint_eq(status.uidnext, 2 + (1 << 20));
	ck_assert_uint_ge(status.highestmodseq,
			  (uint64_t)modseq + (UINT64_C(1) << 32));
	ck_assert_uint_eq(message.modseq, status.highestmodseq);
	ck_assert_uint_eq(status.vanished_floor, status.highestmodseq);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM expunged"), 0);
	ck_assert(!sqb_sync_pending(st));

	modseq = next_modseq();
	t_store_reopen(&st);
	ck_assert_int_eq(next_modseq(), modseq);
}
END_TEST

static void add_schema_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "schema");

	tcase_add_test(tc, an_older_schema_is_brought_up_step_by_step);
	tcase_add_test(tc, a_broken_step_undoes_the_whole_upgrade);
	tcase_add_test(tc, an_older_schema_cannot_be_upgraded_read_only);
	tcase_add_test(
		tc, who_has_the_store_open_does_not_write_into_a_newer_schema);
	tcase_add_test(tc, the_same_boot_leaves_the_numbers_alone);
	tcase_add_test(tc,
		       the_first_open_after_a_boot_or_of_a_copy_moves_ids_on);
	tcase_add_test(tc, the_first_open_after_a_boot_moves_the_numbers_on);
	tcase_add_test(tc, a_boot_does_not_move_uidnext_past_its_end);
	tcase_add_test(tc, the_first_open_of_a_copy_moves_everything_far_on);
}

int main(void)
{
	Suite *suite = suite_create("boot");

	add_schema_tests(suite);
	return t_run(suite);
}
