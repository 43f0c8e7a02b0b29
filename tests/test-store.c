/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Opening a store: making it, refusing what is none; its statements.
 */
#include "common/message.h"
#include "common/store-private.h"
#include "tests/fixture-store.h"
#include "tests/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char *path_of(const char *name)
{
	return sqb_xasprintf("%s/%s", dir, name);
}

static bool exists(const char *name)
{
	char *path = path_of(name);
	struct stat info;
	bool yes = lstat(path, &info) == 0;

	free(path);
	return yes;
}

static void write_file(const char *name, const char *text)
{
	char *path = path_of(name);
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	free(path);
}

static void cut_file(const char *name, off_t size)
{
	char *path = path_of(name);

	ck_assert_int_eq(truncate(path, size), 0);
	free(path);
}

static mode_t mode_of(const char *name)
{
	char *path = path_of(name);
	struct stat info;

	ck_assert_int_eq(stat(path, &info), 0);
	free(path);
	return info.st_mode & 07777;
}

START_TEST(a_new_store_has_private_files_and_an_inbox)
{
	static const char *const files[] = { "store.db",     "store.db-wal",
					     "store.db-shm", "store.lock",
					     "notify",       "reserve" };
	char *sub = path_of("new"), *above = dir;
	struct sqb_mailbox_status status;
	size_t i;

	(void)umask(0);
	st = t_store_open_in(sub);
	dir = sub;
	ck_assert_uint_eq(mode_of("."), 0700);
	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		ck_assert_msg(mode_of(files[i]) == 0600, "%s", files[i]);
	ck_assert(!exists("store.db.new"));
	dir = above;
	free(sub);

	t_ok(st, sqb_mailbox_status(st, T_INBOX, &status));
	ck_assert_int_eq(status.parent.n, 0);
	ck_assert_uint_eq(status.uidnext, 1);
	ck_assert_uint_eq(status.highestmodseq, 1);
	ck_assert_uint_ge(status.uidvalidity, (uint32_t)time(NULL) - 60);
}
END_TEST

START_TEST(the_numbers_of_a_new_store_have_room_above)
{
	st = t_store_open_in(dir);
	ck_assert_int_eq(t_sql_int(st, "SELECT next_uidvalidity -"
				       " (SELECT uidvalidity FROM mailbox"
				       "  WHERE id = 1)"
				       " FROM mailbox WHERE id = 0"),
			 1);
	ck_assert_int_eq(t_sql_int(st, "SELECT next_modseq FROM mailbox"
				       " WHERE id = 0"),
			 2);
	ck_assert_int_eq(t_sql_int(st, "SELECT next_id FROM mailbox"
				       " WHERE id = 0"),
			 2);
}
END_TEST

START_TEST(without_create_a_missing_store_is_not_made)
{
	char *sub = path_of("none");

	refused(dir, 0, SQB_NOTFOUND, "no store");
	refused(sub, 0, SQB_NOTFOUND, "no directory");
	refused(dir, SQB_OPEN_READONLY | SQB_OPEN_CREATE, SQB_NOTFOUND,
		"no store");
	ck_assert(!exists("store.lock") && !exists("notify"));
	ck_assert(!exists("none"));
	free(sub);
}
END_TEST

START_TEST(only_the_last_directory_is_made)
{
	char *sub = path_of("a/b");

	refused(sub, SQB_OPEN_CREATE, SQB_IO, "No such file");
	ck_assert(!exists("a"));
	free(sub);
}
END_TEST

START_TEST(the_directory_may_be_reached_by_a_link)
{
	char *link = path_of("link"), *sub = path_of("real");
	char *real;

	ck_assert_int_eq(symlink("real", link), 0);
	ck_assert_int_eq(mkdir(sub, 0700), 0);
	st = t_store_open_in(link);
	real = realpath(sub, NULL);
	ck_assert_str_eq(sqb_store_dir(st), real);
	ck_assert_int_eq(strncmp(sqb_store_notify_path(st), real, strlen(real)),
			 0);
	free(real);
	free(sub);
	free(link);
}
END_TEST

START_TEST(what_a_crash_left_of_a_new_store_is_cleared)
{
	write_file("store.db.new", "half");
	write_file("store.db.new-wal", "of it");
	st = t_store_open_in(dir);
	ck_assert(!exists("store.db.new") && !exists("store.db.new-wal"));
}
END_TEST

static void open_at_once(int fd, const char *where)
{
	struct sqb_store *mine;

	(void)t_hear(fd);
	mine = t_store_open_in(where);
	(void)t_append(mine, T_INBOX, "\r\n", 2);
	sqb_store_close(&mine);
}

START_TEST(many_may_create_it_at_the_same_time)
{
	struct t_peer peers[8];
	struct sqb_mailbox_status status;
	size_t i;

	for (i = 0; i < 8; i++)
		peers[i] = t_peer_start(open_at_once, dir);
	for (i = 0; i < 8; i++)
		t_tell(peers[i].fd, 'g');
	for (i = 0; i < 8; i++)
		t_peer_end(&peers[i]);
	st = t_store_open_in(dir);
	t_ok(st, sqb_mailbox_status(st, T_INBOX, &status));
	ck_assert_uint_eq(status.messages, 8);
}
END_TEST

static const struct {
	off_t size;
	const char *words;
} cut_cases[] = {
	{ 0, "empty" },
	{ 1, "cut short" },
	{ 100, "cut short" },
	{ 4095, "cut short" },
	{ 4096, "damaged" },
	{ 3 * 4096, "damaged" },
	{ 5 * 4096 + 700, "damaged" },
};

START_TEST(a_truncated_store_is_damage)
{
	make_store();
	cut_file("store.db", cut_cases[_i].size);
	refused(dir, SQB_OPEN_CREATE, SQB_CORRUPT, cut_cases[_i].words);
	refused(dir, 0, SQB_CORRUPT, "backup");
	refused(dir, SQB_OPEN_READONLY, SQB_CORRUPT, cut_cases[_i].words);
}
END_TEST

START_TEST(what_is_no_database_is_damage)
{
	char *text = t_noise(20000, 1);
	char *path = path_of("store.db");
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(write(fd, text, 20000), 20000);
	(void)close(fd);
	refused(dir, SQB_OPEN_CREATE, SQB_CORRUPT, "not a database");
	free(path);
	free(text);
}
END_TEST

START_TEST(a_log_without_its_store_is_damage)
{
	write_file("store.db-wal", "something");
	refused(dir, SQB_OPEN_CREATE, SQB_CORRUPT, "store.db-wal");
	ck_assert(!exists("store.db"));
}
END_TEST

START_TEST(a_store_without_its_row_0_is_damage)
{
	st = t_store_open_in(dir);
	t_sql(st, "DELETE FROM mailbox WHERE id = 0");
	sqb_store_close(&st);
	refused(dir, 0, SQB_CORRUPT, "row 0");
}
END_TEST

static const struct {
	const char *sql;
	enum sqb_err want;
	const char *words;
} foreign_cases[] = {
	{ "PRAGMA application_id = 7", SQB_NOTOURS, "another program" },
	{ "PRAGMA application_id = 0", SQB_NOTOURS, "another program" },
	{ "PRAGMA user_version = 1000", SQB_NEWER, "newer" },
	{ "PRAGMA user_version = 0", SQB_CORRUPT, "number 0" },
	{ "PRAGMA user_version = -1", SQB_CORRUPT, "number -1" },
};

START_TEST(other_databases_and_newer_schemas_are_refused)
{
	st = t_store_open_in(dir);
	t_sql(st, foreign_cases[_i].sql);
	sqb_store_close(&st);
	refused(dir, SQB_OPEN_CREATE, foreign_cases[_i].want,
		foreign_cases[_i].words);
	refused(dir, SQB_OPEN_READONLY, foreign_cases[_i].want,
		foreign_cases[_i].words);
}
END_TEST

static const char *const link_cases[] = { "store.db", "store.db-wal",
					  "store.db-shm", "store.lock",
					  "notify" };

START_TEST(files_that_are_links_are_refused)
{
	const char *name = link_cases[_i];
	char *path = path_of(name);

	make_store();
	write_file("target", "keep");
	(void)unlink(path);
	ck_assert_int_eq(symlink("target", path), 0);
	refused(dir, SQB_OPEN_CREATE, SQB_DENIED, name);
	free(path);
}
END_TEST

START_TEST(files_that_are_fifos_are_refused)
{
	const char *name = link_cases[_i];
	char *path = path_of(name);

	make_store();
	(void)unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	refused(dir, SQB_OPEN_CREATE, SQB_DENIED, "not a regular file");
	free(path);
}
END_TEST

START_TEST(a_reserve_that_is_a_link_is_not_followed)
{
	char *path = path_of("reserve");
	struct stat info;
	char *target;

	make_store();
	write_file("target", "keep");
	(void)unlink(path);
	ck_assert_int_eq(symlink("target", path), 0);
	st = t_store_open_in(dir);
	target = path_of("target");
	ck_assert_int_eq(stat(target, &info), 0);
	ck_assert_int_eq(info.st_size, 4);
	free(target);
	free(path);
}
END_TEST

START_TEST(a_directory_that_everybody_may_write_is_refused)
{
	ck_assert_int_eq(chmod(dir, 0777), 0);
	refused(dir, SQB_OPEN_CREATE, SQB_DENIED, "chmod 700");
	ck_assert_int_eq(chmod(dir, 0770), 0);
	st = t_store_open_in(dir);
}
END_TEST

START_TEST(files_of_another_user_are_refused)
{
	char *path = path_of("store.db");

	if (geteuid() != 0) {
		free(path);
		return; /* only root can give files away */
	}
	make_store();
	ck_assert_int_eq(chown(path, 12345, 12345), 0);
	refused(dir, 0, SQB_DENIED, "belongs to user 12345");
	ck_assert_int_eq(chown(path, 0, 0), 0);
	ck_assert_int_eq(chown(dir, 12345, 12345), 0);
	refused(dir, 0, SQB_DENIED, "belongs to user 12345");
	free(path);
}
END_TEST

static const struct {
	uint64_t magic;
	const char *mount_type;
	const char *want;
} fs_cases[] = {
	{ 0xef53, NULL, NULL },     /* ext4 */
	{ 0x9123683e, NULL, NULL }, /* btrfs */
	{ 0x01021994, NULL, NULL }, /* tmpfs */
	{ 0x794c7630, NULL, NULL }, /* overlayfs */
	{ 0x6969, NULL, "NFS" },
	{ 0xfe534d42, NULL, "SMB" },
	{ 0xff534d42, NULL, "SMB" },
	{ 0x01021997, NULL, "9p" },
	{ 0x00c36400, "ceph", "Ceph" },
	{ 0x65735546, "fuse.sshfs", "fuse.sshfs" },
	{ 0x65735546, "fuse.imapfs", "fuse.imapfs" },
	{ 0x65735546, "fuse", "fuse" },
	{ 0x65735546, NULL, "FUSE" },
	{ 0x65735546, "fuseblk", NULL },
	{ 0x65735546, "fuse.fuse-overlayfs", NULL },
	{ 0x65735546, "virtiofs", NULL },
};

START_TEST(network_file_systems_are_refused)
{
	const char *got =
		sqb_fs_refused(fs_cases[_i].magic, fs_cases[_i].mount_type);

	if (fs_cases[_i].want == NULL)
		ck_assert_ptr_null(got);
	else
		ck_assert_str_eq(got, fs_cases[_i].want);
}
END_TEST

START_TEST(the_kind_of_a_mount_is_found)
{
	char type[SQB_MOUNT_TYPE_SIZE];
	struct stat info;

	ck_assert_int_eq(stat("/proc/self", &info), 0);
	ck_assert(sqb_fs_mount_type(info.st_dev, type));
	ck_assert_str_eq(type, "proc");
	ck_assert(!sqb_fs_mount_type(makedev(4095, 4095), type));
}
END_TEST

START_TEST(a_read_only_store_reads_and_does_not_write)
{
	struct sqb_mailbox_status status;
	char *path;

	make_store();
	path = path_of("notify");
	ck_assert_int_eq(unlink(path), 0);
	free(path);
	t_fails(sqb_store_open(dir, SQB_OPEN_READONLY, &st, NULL), SQB_OK);
	t_ok(st, sqb_mailbox_status(st, T_INBOX, &status));
	ck_assert_uint_eq(status.messages, 1);
	t_fails(sqb_txn_begin(st), SQB_READONLY);
	t_says(st, "reading only");
	t_ok(st, sqb_sync(st));
	t_ok(st, sqb_checkpoint_if_due(st));
	ck_assert(!exists("notify"));
}
END_TEST

START_TEST(a_store_out_of_wal_mode_is_put_back)
{
	make_store();
	st = t_store_open_in(dir);
	t_sql(st, "PRAGMA journal_mode = DELETE");
	t_store_reopen(&st);
	(void)t_append_text(st, "\r\n");
	ck_assert(exists("store.db-wal"));
}
END_TEST

static const struct {
	const char *sql;
	int64_t want;
} setting_cases[] = {
	{ "PRAGMA synchronous", 1 },
	{ "PRAGMA secure_delete", 2 },
	{ "PRAGMA wal_autocheckpoint", 0 },
	{ "PRAGMA journal_size_limit", 17825792 },
	{ "PRAGMA temp_store", 2 },
	{ "PRAGMA foreign_keys", 0 },
	{ "PRAGMA cell_size_check", 1 },
	{ "PRAGMA trusted_schema", 0 },
	{ "PRAGMA auto_vacuum", 2 },
	{ "PRAGMA page_size", 4096 },
};

START_TEST(a_connection_has_the_settings_we_measured)
{
	st = t_store_open_in(dir);
	ck_assert_msg(t_sql_int(st, setting_cases[_i].sql) ==
			      setting_cases[_i].want,
		      "%s", setting_cases[_i].sql);
}
END_TEST

START_TEST(a_hostile_schema_cannot_run_anything)
{
	st = t_store_open_in(dir);
	t_sql(st, "CREATE TRIGGER evil AFTER INSERT ON subscription BEGIN"
		  " DELETE FROM mailbox; END");
	t_sql(st, "INSERT INTO subscription VALUES ('x')");
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM mailbox"), 2);
}
END_TEST

START_TEST(stat_counts_what_there_is)
{
	struct sqb_store_stat stat;

	st = t_store_open_in(dir);
	(void)t_append_text(st, "A: b\r\n\r\nc\r\n");
	(void)t_append_text(st, "\r\n");
	t_sql(st, "INSERT INTO body_shared VALUES (1, 3)");
	t_sql(st, "INSERT INTO body_free VALUES (9, 0)");
	t_sql(st, "INSERT INTO subscription VALUES ('INBOX')");
	t_ok(st, sqb_store_stat(st, &stat));
	ck_assert_uint_eq(stat.schema, SQB_SCHEMA_VERSION);
	ck_assert_uint_eq(stat.mailboxes, 1);
	ck_assert_uint_eq(stat.noselect, 0);
	ck_assert_uint_eq(stat.messages, 2);
	ck_assert_uint_eq(stat.unseen, 2);
	ck_assert_uint_eq(stat.vsize, 13);
	ck_assert_uint_eq(stat.bodies, 1); /* 2 - (3 - 1) + 1 */
	ck_assert_uint_eq(stat.bodies_free, 1);
	ck_assert_int_eq((int64_t)stat.modseq, next_modseq() - 1);
	ck_assert_uint_ge(stat.db_bytes, 20 * 4096);
	ck_assert_uint_gt(stat.wal_bytes, 0);
	ck_assert_uint_eq(stat.subscriptions, 1);
}
END_TEST

START_TEST(a_statement_is_prepared_once_for_its_text)
{
	static char texts[300][32];
	const void *q[300];
	int i;

	st = t_store_open_in(dir);
	for (i = 0; i < 300; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "SELECT %d", i);
		q[i] = sqb_stmt(st, texts[i]);
		ck_assert_ptr_nonnull(q[i]);
	}
	for (i = 0; i < 300; i++) {
		int64_t n = -1;

		ck_assert_ptr_eq(sqb_stmt(st, texts[i]), q[i]);
		t_ok(st, sqb_run_int64(st, sqb_stmt(st, texts[i]), &n));
		ck_assert_int_eq(n, i);
	}
}
END_TEST

START_TEST(broken_sql_is_reported_where_it_is_run)
{
	static const char sql_broken[] = "SELECT nothing FROM nowhere";
	int64_t n;

	st = t_store_open_in(dir);
	t_fails(sqb_run(st, sqb_stmt(st, sql_broken)), SQB_INTERNAL);
	t_says(st, "nowhere");
	t_fails(sqb_run_int64(st, sqb_stmt(st, sql_broken), &n), SQB_INTERNAL);
}
END_TEST

START_TEST(only_a_taken_key_is_exists)
{
	static const char sql_again[] =
		"INSERT INTO subscription VALUES ('a'), ('a')";
	static const char sql_check[] =
		"UPDATE mailbox SET messages = -1 WHERE id = 1";

	st = t_store_open_in(dir);
	t_fails(sqb_run(st, sqb_stmt(st, sql_again)), SQB_EXISTS);
	t_fails(sqb_run(st, sqb_stmt(st, sql_check)), SQB_INTERNAL);
}
END_TEST

START_TEST(every_code_has_a_name)
{
	ck_assert_str_ne(sqb_err_name((enum sqb_err)_i), "unknown error");
	ck_assert_str_eq(sqb_err_name((enum sqb_err)99), "unknown error");
}
END_TEST

START_TEST(closing_nothing_is_allowed)
{
	struct sqb_store *none = NULL;

	sqb_store_close(&none);
	ck_assert_ptr_null(none);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(*(table))))

static void add_open_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "open");

	tcase_add_test(tc, a_new_store_has_private_files_and_an_inbox);
	tcase_add_test(tc, the_numbers_of_a_new_store_have_room_above);
	tcase_add_test(tc, without_create_a_missing_store_is_not_made);
	tcase_add_test(tc, only_the_last_directory_is_made);
	tcase_add_test(tc, the_directory_may_be_reached_by_a_link);
	tcase_add_test(tc, what_a_crash_left_of_a_new_store_is_cleared);
	tcase_add_test(tc, many_may_create_it_at_the_same_time);
	tcase_add_test(tc, a_read_only_store_reads_and_does_not_write);
	tcase_add_test(tc, a_store_out_of_wal_mode_is_put_back);
	tcase_add_loop_test(tc, a_connection_has_the_settings_we_measured, 0,
			    COUNT(setting_cases));
	tcase_add_test(tc, stat_counts_what_there_is);
	tcase_add_test(tc, closing_nothing_is_allowed);
}

static void add_refusal_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "refuse");

	tcase_add_loop_test(tc, a_truncated_store_is_damage, 0,
			    COUNT(cut_cases));
	tcase_add_test(tc, what_is_no_database_is_damage);
	tcase_add_test(tc, a_log_without_its_store_is_damage);
	tcase_add_test(tc, a_store_without_its_row_0_is_damage);
	tcase_add_loop_test(tc, other_databases_and_newer_schemas_are_refused,
			    0, COUNT(foreign_cases));
	tcase_add_loop_test(tc, files_that_are_links_are_refused, 0,
			    COUNT(link_cases));
	tcase_add_loop_test(tc, files_that_are_fifos_are_refused, 0,
			    COUNT(link_cases));
	tcase_add_test(tc, a_reserve_that_is_a_link_is_not_followed);
	tcase_add_test(tc, a_directory_that_everybody_may_write_is_refused);
	tcase_add_test(tc, files_of_another_user_are_refused);
	tcase_add_loop_test(tc, network_file_systems_are_refused, 0,
			    COUNT(fs_cases));
	tcase_add_test(tc, the_kind_of_a_mount_is_found);
	tcase_add_test(tc, a_hostile_schema_cannot_run_anything);
}

static void add_statement_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "statements");

	tcase_add_test(tc, a_statement_is_prepared_once_for_its_text);
	tcase_add_test(tc, broken_sql_is_reported_where_it_is_run);
	tcase_add_test(tc, only_a_taken_key_is_exists);
	tcase_add_loop_test(tc, every_code_has_a_name, SQB_OK,
			    SQB_INTERNAL + 1);
}

int main(void)
{
	Suite *suite = suite_create("store");

	add_open_tests(suite);
	add_refusal_tests(suite);
	add_statement_tests(suite);
	return t_run(suite);
}
