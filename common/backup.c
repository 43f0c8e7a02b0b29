/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The hot copy.
 *
 * One read transaction lasts for all of it: the copy is a snapshot, writers go
 * on, and SQLite never has to begin again because somebody wrote.  The price
 * is a WAL that grows meanwhile by what they write.
 *
 * The file gets its name last, when it has been checked and is on the disk: a
 * directory with a store.db in it is a good copy.
 */
#include "common/maintain.h"

#include "common/store-private.h"

#include <dirent.h>
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
	char *dir;   /* own; absolute, without symbolic links */
	char *path;  /* own; of the temporary file */
	int dir_fd;  /* own; -1 */
	bool made;   /* the directory did not exist before */
	sqlite3 *db; /* own; the copy */
};

/* ".", ".." and nothing else. */
static enum sqb_err need_empty(struct copy *c)
{
	int fd = openat(c->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	unsigned int count = 0;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return sqb_fail_errno(c->st, "reading %s", c->dir);
	}
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	if (count <= 2)
		return SQB_OK;
	return sqb_fail(c->st, SQB_EXISTS,
			"%s is not empty: give the name of a new directory",
			c->dir);
}

static enum sqb_err open_dir(struct copy *c, const char *dest)
{
	c->made = mkdir(dest, 0700) == 0;
	if (!c->made && errno != EEXIST)
		return sqb_fail_errno(c->st, "making %s", dest);
	c->dir = realpath(dest, NULL);
	if (c->dir == NULL)
		return sqb_fail_errno(c->st, "%s", dest);
	c->path = sqb_xasprintf("%s/%s", c->dir, TEMP_NAME);
	c->dir_fd =
		open(c->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->dir_fd < 0)
		return sqb_fail_errno(c->st, "opening %s", c->dir);
	if (c->made)
		return SQB_OK;
	if (fchmod(c->dir_fd, 0700) < 0)
		return sqb_fail_errno(c->st, "making %s private", c->dir);
	return need_empty(c);
}

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
	int fd = openat(c->dir_fd, TEMP_NAME,
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

static enum sqb_err sync_path(struct copy *c, const char *path, int flags)
{
	int fd = open(path, flags | O_RDONLY | O_CLOEXEC);
	enum sqb_err err = SQB_OK;

	if (fd < 0)
		return sqb_fail_errno(c->st, "opening %s", path);
	if (fsync(fd) < 0)
		err = sqb_fail_errno(c->st, "syncing %s", path);
	(void)close(fd);
	return err;
}

static enum sqb_err sync_parent(struct copy *c)
{
	char *parent = sqb_xasprintf("%s/..", c->dir);
	enum sqb_err err = sync_path(c, parent, O_DIRECTORY);

	free(parent);
	return err;
}

/* Closed, so that nothing of it is left in a WAL; then its name. */
static enum sqb_err publish(struct copy *c)
{
	enum sqb_err err;

	if (sqlite3_close(c->db) != SQLITE_OK)
		return copy_failed(c);
	c->db = NULL;
	err = sync_path(c, c->path, O_NOFOLLOW);
	if (err == SQB_OK &&
	    renameat(c->dir_fd, TEMP_NAME, c->dir_fd, "store.db") < 0)
		err = sqb_fail_errno(c->st, "naming %s/store.db", c->dir);
	if (err == SQB_OK)
		err = sync_path(c, c->dir, O_DIRECTORY);
	if (err == SQB_OK)
		err = sync_parent(c);
	return err;
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
		(void)unlinkat(c->dir_fd, names[i], 0);
	if (c->made)
		(void)rmdir(c->dir);
}

enum sqb_err sqb_backup(struct sqb_store *st, const char *dest)
{
	struct copy c = { .st = st, .dir_fd = -1 };
	bool ours = false;
	enum sqb_err err;

	if (st->txn.active)
		return sqb_fail(st, SQB_INTERNAL,
				"a backup inside a transaction");
	err = open_dir(&c, dest);
	if (err == SQB_OK) {
		ours = true;
		err = open_copy(&c);
	}
	if (err == SQB_OK)
		err = fill_copy(&c);
	if (err == SQB_OK)
		err = publish(&c);
	if (err != SQB_OK && ours)
		withdraw(&c);
	if (c.dir_fd >= 0)
		(void)close(c.dir_fd);
	free(c.path);
	free(c.dir);
	return err;
}
