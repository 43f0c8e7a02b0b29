/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The way to the present schema: from nothing, and from older schemas.
 */
#include "common/body-private.h"
#include "common/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * A store is made under another name and gets its own when it is whole and on
 * the disk: store.db is never seen half made.  What a crash leaves of it is
 * removed by the next who tries, under the lock.
 */
#define NEW_DB "store.db.new"

/* A failure or crash loses a file that nobody has seen: no journal, no sync. */
static const char sql_new_file[] =
	"PRAGMA page_size = 4096;"
	"PRAGMA encoding = 'UTF-8';"
	"PRAGMA auto_vacuum = INCREMENTAL;" /* cannot be had later */
	"PRAGMA synchronous = OFF;"
	"PRAGMA journal_mode = MEMORY;"
	"BEGIN";

static const char sql_first_rows[] =
	"INSERT INTO mailbox (id, parent_id, name, guid, noselect,"
	" uidvalidity, highestmodseq, next_id, next_body, next_uidvalidity,"
	" next_modseq, boot_id) VALUES"
	" (0, NULL, '', randomblob(16), 1, 1, 1, 2, 1, ?1 + 1, 2, ?2),"
	" (1, 0, 'INBOX', randomblob(16), 0, ?1, 1, NULL, NULL, NULL,"
	"  NULL, NULL)";

static enum sqb_err exec(struct sqb_store *st, const char *sql)
{
	if (sqlite3_exec(st->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sqb_fail_sqlite(st, sql);
	return SQB_OK;
}

static enum sqb_err insert_first_rows(struct sqb_store *st)
{
	sqlite3_stmt *q = sqb_stmt_new(st, sql_first_rows);
	char boot_id[SQB_BOOT_ID_SIZE];
	int64_t now = (int64_t)time(NULL);
	enum sqb_err err;

	/* UIDVALIDITY begins at the clock, so that it is a new one even if
	   somebody makes a store anew in the same place. */
	if (now < 1 || now > INT64_C(0xfffff000))
		now = 1;
	sqlite3_bind_int64(q, 1, now);
	if (sqb_boot_id(boot_id))
		sqlite3_bind_text(q, 2, boot_id, -1, SQLITE_TRANSIENT);
	err = sqb_run(st, q);
	sqlite3_finalize(q);
	return err;
}

static const char sql_dict[] = "INSERT INTO dict (id, data) VALUES (?1, ?2)";

static enum sqb_err insert_dictionary(struct sqb_store *st, unsigned int id)
{
	sqlite3_stmt *q = sqb_stmt_new(st, sql_dict);
	const char *data;
	size_t size;
	enum sqb_err err;

	data = sqb_dictionary_find(id, &size);
	sqlite3_bind_int(q, 1, (int)id);
	sqlite3_bind_blob(q, 2, data, (int)size, SQLITE_STATIC);
	err = sqb_run(st, q);
	sqlite3_finalize(q);
	return err;
}

static enum sqb_err fill_new_file(struct sqb_store *st)
{
	char marks[128];
	enum sqb_err err;

	(void)snprintf(marks, sizeof(marks),
		       "PRAGMA application_id = %d;"
		       "PRAGMA user_version = %d;"
		       "COMMIT;"
		       "PRAGMA journal_mode = WAL;",
		       SQB_APPLICATION_ID, SQB_SCHEMA_VERSION);
	err = exec(st, sql_new_file);
	if (err == SQB_OK)
		err = exec(st, sqb_schema);
	if (err == SQB_OK)
		err = insert_first_rows(st);
	if (err == SQB_OK)
		err = insert_dictionary(st, 1);
	if (err == SQB_OK)
		err = insert_dictionary(st, 2);
	if (err == SQB_OK)
		err = exec(st, marks);
	return err;
}

static void remove_new_files(struct sqb_store *st)
{
	(void)unlinkat(st->dir_fd, NEW_DB, 0);
	(void)unlinkat(st->dir_fd, NEW_DB "-wal", 0);
	(void)unlinkat(st->dir_fd, NEW_DB "-shm", 0);
	(void)unlinkat(st->dir_fd, NEW_DB "-journal", 0);
}

/* SQLite would make it with the umask's mode; its -wal and -shm follow it. */
static enum sqb_err make_empty_file(struct sqb_store *st)
{
	int fd = openat(st->dir_fd, NEW_DB,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);

	if (fd < 0)
		return sqb_fail_errno(st, "%s/" NEW_DB ": open", st->dir);
	(void)close(fd);
	return SQB_OK;
}

static enum sqb_err build_new_file(struct sqb_store *st)
{
	char *path = sqb_xasprintf("%s/" NEW_DB, st->dir);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE;
	enum sqb_err err;

	if (sqlite3_open_v2(path, &st->db, flags, NULL) != SQLITE_OK) {
		err = sqb_fail_sqlite(st, "open");
	} else {
		(void)sqlite3_extended_result_codes(st->db, 1);
		err = fill_new_file(st);
	}
	if (sqlite3_close(st->db) != SQLITE_OK && err == SQB_OK)
		err = sqb_fail(st, SQB_INTERNAL, "%s: cannot close", path);
	st->db = NULL;
	free(path);
	return err;
}

/* SQLite has closed the file, so we may open it. */
static enum sqb_err publish_new_file(struct sqb_store *st)
{
	enum sqb_err err = sqb_fs_sync(st, st->dir_fd, st->dir, NEW_DB);

	if (err == SQB_OK &&
	    renameat(st->dir_fd, NEW_DB, st->dir_fd, "store.db") < 0)
		err = sqb_fail_errno(st, "%s/" NEW_DB ": rename", st->dir);
	if (err == SQB_OK)
		err = sqb_fs_sync(st, st->dir_fd, st->dir, ".");
	return err;
}

enum sqb_err sqb_schema_create(struct sqb_store *st)
{
	enum sqb_err err;

	remove_new_files(st);
	err = make_empty_file(st);
	if (err == SQB_OK)
		err = build_new_file(st);
	if (err == SQB_OK)
		err = publish_new_file(st);
	if (err != SQB_OK)
		remove_new_files(st);
	return err;
}

static enum sqb_err add_dictionary_2(struct sqb_store *st)
{
	return insert_dictionary(st, 2);
}

/*
 * The steps from schema to schema.  Do not change or reorder what has been
 * released, and let func call nothing that follows the newest schema.
 * A program of the older schema that has the store open meanwhile is stopped by
 * sqb_schema_check().
 */
const struct sqb_migration sqb_migrations[] = {
	{ 2, sqb_schema_2, add_dictionary_2 },
	{ 3, sqb_schema_3, NULL },
	{ 0, NULL, NULL },
};

static const char sql_version[] = "PRAGMA user_version";
static const char sql_application[] = "PRAGMA application_id";

static enum sqb_err read_version(struct sqb_store *st, uint32_t *version_r)
{
	int64_t application, version;
	enum sqb_err err;

	err = sqb_run_int64(st, sqb_stmt(st, sql_application), &application);
	if (err == SQB_OK)
		err = sqb_run_int64(st, sqb_stmt(st, sql_version), &version);
	if (err != SQB_OK)
		return err;
	if (application != SQB_APPLICATION_ID)
		return sqb_fail(st, SQB_NOTOURS,
				"%s is a database of another program "
				"(application_id %lld)",
				st->db_path, (long long)application);
	if (version < 1)
		return sqb_fail(st, SQB_CORRUPT,
				"%s says that its schema has number %lld, "
				"which is damage: restore it from a backup",
				st->db_path, (long long)version);
	*version_r = (uint32_t)version;
	return SQB_OK;
}

static enum sqb_err apply(struct sqb_store *st,
			  const struct sqb_migration *step)
{
	enum sqb_err err = SQB_OK;
	char mark[64];

	(void)snprintf(mark, sizeof(mark), "PRAGMA user_version = %u",
		       step->version);
	if (step->sql != NULL)
		err = exec(st, step->sql);
	if (err == SQB_OK && step->func != NULL)
		err = step->func(st);
	if (err == SQB_OK)
		err = exec(st, mark);
	return err;
}

enum sqb_err sqb_schema_check(struct sqb_store *st)
{
	int64_t version;
	enum sqb_err err;

	err = sqb_run_int64(st, sqb_stmt(st, sql_version), &version);
	if (err == SQB_OK && st->schema != 0 && version != st->schema)
		err = sqb_fail(st, SQB_NEWER,
			       "%s has been brought to schema %lld meanwhile: "
			       "this program must begin anew, and know it",
			       st->db_path, (long long)version);
	return err;
}

/* Another process may have been faster: look again under the lock. */
static enum sqb_err upgrade(struct sqb_store *st,
			    const struct sqb_migration *step)
{
	uint32_t version = 0;
	enum sqb_err err = sqb_txn_begin(st);

	if (err != SQB_OK)
		return err;
	err = read_version(st, &version);
	for (; err == SQB_OK && step->version != 0; step++) {
		if (step->version <= version)
			continue;
		err = apply(st, step);
		sqb_txn_force(st);
	}
	if (err != SQB_OK) {
		sqb_txn_rollback(st);
		return err;
	}
	err = sqb_txn_commit(st);
	return err == SQB_OK ? sqb_sync(st) : err;
}

enum sqb_err sqb_migrate(struct sqb_store *st, const struct sqb_migration *list,
			 uint32_t version)
{
	uint32_t present = 0;
	enum sqb_err err = read_version(st, &present);

	st->schema = 0;
	if (err != SQB_OK)
		return err;
	if (present > version)
		return sqb_fail(st, SQB_NEWER,
				"%s has schema %u, but this program knows only "
				"those up to %u: use a newer one",
				st->db_path, present, version);
	if (present < version && st->readonly)
		return sqb_fail(st, SQB_READONLY,
				"%s has the older schema %u, and cannot be "
				"brought to %u while it is open for reading "
				"only: open it once for writing",
				st->db_path, present, version);
	if (present < version)
		err = upgrade(st, list);
	if (err == SQB_OK)
		st->schema = version;
	return err;
}
