/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Stores of every schema there was still open, with all that is in them.
 */
#include "common/check.h"
#include "common/entry.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int version; /* of the schema */
static char *dir;
static struct sqb_store *st;

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	ck_assert_msg(file != NULL, "%s", path);
	ck_assert(getdelim(&text, &size, '\0', file) > 0);
	(void)fclose(file);
	return text;
}

static void make_store(int of_version)
{
	const char *src = getenv("SQBOX_SRCDIR");
	char *sql_path = sqb_xasprintf("%s/tests/data/schema-v%d.sql",
				       src != NULL ? src : ".", of_version);
	char *sql = read_text(sql_path), *path, *error = NULL;
	sqlite3 *db;

	version = of_version;
	dir = t_dir();
	path = sqb_xasprintf("%s/store.db", dir);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_exec(db, sql, NULL, NULL, &error);
	ck_assert_msg(error == NULL, "%s: %s", sql_path, error);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	ck_assert_int_eq(chmod(path, 0600), 0);
	free(sql_path);
	free(sql);
	free(path);
}

static void setup_1(void)
{
	make_store(1);
}

static void setup_2(void)
{
	make_store(2);
}

static void teardown(void)
{
	t_store_close(&st);
	free(dir);
}

static void is_sound(void)
{
	struct sqb_check *check = sqb_check_begin(st);
	struct sqb_check_step step;

	while (sqb_check_next(check, &step))
		ck_assert_msg(step.problem == NULL, "%s", step.problem);
	t_ok(st, sqb_check_end(&check, NULL));
}

START_TEST(an_older_store_opens_with_all_that_it_has)
{
	struct sqb_mailbox_id archive;
	struct sqb_message msg;
	struct sqb_body_info info;
	uint32_t uid;

	st = t_store_open_in(dir);
	ck_assert_int_eq(t_sql_int(st, "PRAGMA user_version"),
			 SQB_SCHEMA_VERSION);
	is_sound();
	t_ok(st, sqb_message_get(st, T_INBOX, 2, &msg));
	ck_assert_uint_eq(msg.flags, SQB_SEEN);
	t_ok(st, sqb_mailbox_find(st, "Archive/2024", &archive));
	t_ok(st, sqb_body_info(st, archive, 1, &info));
	ck_assert_int_eq(info.id.n, msg.body.n);
	if (version > 1)
		return;
	t_ok(st, sqb_entry_find(st, T_INBOX, "given.eml", &uid));
	ck_assert_uint_eq(uid, 1);
}
END_TEST

START_TEST(it_is_then_like_a_new_one)
{
	struct sqb_store *fresh = t_store_open();
	char *path = sqb_xasprintf("ATTACH '%s/store.db' AS fresh",
				   sqb_store_dir(fresh));

	st = t_store_open_in(dir);
	/* Comments apart, which the fixture does not have. */
	t_sql(st, path);
	ck_assert_int_eq(
		t_sql_int(st, "SELECT count(*) FROM (SELECT m.name, p.cid,"
			      " p.name, p.type, p.\"notnull\", p.pk"
			      " FROM main.sqlite_schema m,"
			      "  pragma_table_info(m.name, 'main') p"
			      " EXCEPT SELECT m.name, p.cid, p.name, p.type,"
			      " p.\"notnull\", p.pk FROM fresh.sqlite_schema m,"
			      "  pragma_table_info(m.name, 'fresh') p)"),
		0);
	ck_assert_int_eq(t_sql_int(st,
				   "SELECT count(*) FROM fresh.sqlite_schema f"
				   " LEFT JOIN main.sqlite_schema m"
				   " USING (type, name, tbl_name)"
				   " WHERE m.name IS NULL"),
			 0);
	t_sql(st, "DETACH fresh");
	free(path);
	t_append_text(st, "a: b\r\n\r\n");
	is_sound();
	t_store_close(&fresh);
}
END_TEST

START_TEST(it_is_not_brought_up_by_who_only_reads)
{
	char *words = sqb_xasprintf("older schema %d", version);
	char *error = NULL;

	ck_assert_int_eq(sqb_store_open(dir, SQB_OPEN_READONLY, &st, &error),
			 SQB_READONLY);
	ck_assert_ptr_nonnull(strstr(error, words));
	free(words);
	free(error);
	t_dir_remove(dir);
}
END_TEST

static void add_case(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_older_store_opens_with_all_that_it_has);
	tcase_add_test(tc, it_is_then_like_a_new_one);
	tcase_add_test(tc, it_is_not_brought_up_by_who_only_reads);
	suite_add_tcase(suite, tc);
}

int main(void)
{
	Suite *suite = suite_create("migrate");

	add_case(suite, "schema 1", setup_1);
	add_case(suite, "schema 2", setup_2);
	return t_run(suite);
}
