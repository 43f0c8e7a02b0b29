/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The hot copy.
 *
 * One read transaction lasts for all of it: the copy is a snapshot, writers go
 * on, and SQLite never has to begin again because somebody wrote.  The price
 * is a WAL that grows meanwhile by what they write.
 *
 * The file gets its name last, when it has been checked and is on the disk.
 */
#include "common/maintain.h"

#include "common/dest-private.h"
#include "common/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_NAME "store.db.part"
#define STEP_PAGES 1024

struct copy {
	struct sqb_store *st;
	struct sqb_dest dest;
	char *path;  /* own; of the temporary file */
	sqlite3 *db; /* own; the copy */
};

/* The last failure of SQLite at the copy. */
static enum sqb_err copy_failed(struct copy *c)
{
	int code = sqlite3_extended_errcode(c->db);
	int sys_errno = sqlite3_system_errno(c->db);
	enum sqb_err err = SQB_IO;

	if ((code & 0xff) == SQLITE_FULL || sys_errno == ENOSPC ||
	    sys_errno == EDQUOT)
		err = SQB_FULL;
	else if ((code & 0xff) == SQLITE_CORRUPT ||
		 (code & 0xff) == SQLITE_NOTADB)
		err = SQB_CORRUPT;
	return sqb_fail(c->st, err, "copying to %s: %s (SQLite code %d)",
			c->path, sqlite3_errmsg(c->db), code);
}

static enum sqb_err open_copy(struct copy *c)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE;
	int fd = openat(c->dest.dir_fd, TEMP_NAME,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);

	if (fd < 0)
		return sqb_fail_errno(c->st, "making %s", c->path);
	(void)close(fd);
	if (sqlite3_open_v2(c->path, &c->db, flags, NULL) != SQLITE_OK)
		return copy_failed(c);
	(void)sqlite3_extended_result_codes(c->db, 1);
	return SQB_OK;
}

/* Run a statement; its first row must be this text, if one is given. */
static enum sqb_err run(struct copy *c, const char *sql, const char *want)
{
	enum sqb_err err = SQB_OK;
	const char *text;
	sqlite3_stmt *q;
	int rc;

	if (sqlite3_prepare_v2(c->db, sql, -1, &q, NULL) != SQLITE_OK)
		return copy_failed(c);
	rc = sqlite3_step(q);
	text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0)
				: NULL;
	if (rc == SQLITE_ROW && want != NULL &&
	    (text == NULL || strcmp(text, want) != 0))
		err = sqb_fail(c->st, SQB_CORRUPT,
			       "the copy %s is not good (%s: %s)", c->path, sql,
			       text != NULL ? text : "NULL");
	else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		err = copy_failed(c);
	sqlite3_finalize(q);
	return err;
}

static enum sqb_err copy_pages(struct copy *c)
{
	sqlite3_backup *backup;
	uint64_t modseq;
	enum sqb_err err;
	int rc;

	/* The first read makes the snapshot. */
	err = sqb_tree_modseq(c->st, &modseq);
	if (err != SQB_OK)
		return err;
	backup = sqlite3_backup_init(c->db, "main", c->st->db, "main");
	if (backup == NULL)
		return copy_failed(c);
	do {
		rc = sqlite3_backup_step(backup, STEP_PAGES);
	} while (rc == SQLITE_OK);
	rc = sqlite3_backup_finish(backup);
	return rc == SQLITE_OK ? SQB_OK : copy_failed(c);
}

static const char sql_mark[] =
	"UPDATE mailbox SET boot_id = '" SQB_BOOT_ID_COPY "' WHERE id = 0";

static enum sqb_err fill_copy(struct copy *c)
{
	enum sqb_err err;

	/* All is synced at once, at the end. */
	err = run(c, "PRAGMA synchronous = OFF", NULL);
	if (err == SQB_OK)
		err = sqb_read_begin(c->st);
	if (err != SQB_OK)
		return err;
	err = copy_pages(c);
	sqb_read_end(c->st);
	if (err == SQB_OK)
		err = run(c, sql_mark, NULL);
	if (err == SQB_OK)
		err = run(c, "PRAGMA quick_check", "ok");
	if (err == SQB_OK)
		err = run(c, "PRAGMA journal_mode = WAL", "wal");
	if (err == SQB_OK)
		err = run(c, "PRAGMA wal_checkpoint(TRUNCATE)", "0");
	return err;
}

/* Closed, so that nothing of it is left in a WAL; then its name. */
static enum sqb_err publish(struct copy *c)
{
	if (sqlite3_close(c->db) != SQLITE_OK)
		return copy_failed(c);
	c->db = NULL;
	return sqb_dest_publish(&c->dest, TEMP_NAME);
}

/* Leave nothing behind that was not there before. */
static void withdraw(struct copy *c)
{
	static const char *const names[] = { TEMP_NAME, TEMP_NAME "-wal",
					     TEMP_NAME "-shm",
					     TEMP_NAME "-journal" };
	size_t i;

	if (c->db != NULL)
		(void)sqlite3_close_v2(c->db);
	c->db = NULL;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)unlinkat(c->dest.dir_fd, names[i], 0);
}

enum sqb_err sqb_backup(struct sqb_store *st, const char *dest)
{
	struct copy c = { .st = st };
	enum sqb_err err;

	if (st->txn.active)
		return sqb_fail(st, SQB_INTERNAL,
				"a backup inside a transaction");
	err = sqb_dest_open(&c.dest, st, dest);
	if (err != SQB_OK)
		return err;
	c.path = sqb_xasprintf("%s/%s", c.dest.dir, TEMP_NAME);
	err = open_copy(&c);
	if (err == SQB_OK)
		err = fill_copy(&c);
	if (err == SQB_OK)
		err = publish(&c);
	if (err != SQB_OK)
		withdraw(&c);
	sqb_dest_close(&c.dest, err == SQB_OK);
	free(c.path);
	return err;
}
