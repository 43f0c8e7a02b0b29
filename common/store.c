/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Opening and closing a store.
 */
#include "common/store.h"

#include "common/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 10000
#define COMPRESS_LEVEL 3
#define COMPRESS_LEVEL_MAX 19

/* Of every connection; the reasons: */
static const char pragmas[] =
	/* sqb_sync() makes commits durable, several at once. */
	"PRAGMA synchronous = NORMAL;"
	/* ON, the default of some builds, writes half as much again. */
	"PRAGMA secure_delete = FAST;"
	/* sqb_checkpoint_if_due() does it, after the answer. */
	"PRAGMA wal_autocheckpoint = 0;"
	/* Of a WAL when its checkpoint is due: it grows once, not each time. */
	"PRAGMA journal_size_limit = 17825792;"
	/* Reading a page anew costs less than memory for it: each page of a
	   growing cache is a page fault.  A transaction may hold 8 MiB.  (Of
	   this number SQLite takes the low 8 bits for a second one, on or off:
	   at 2048 nothing would ever be written before the commit.) */
	"PRAGMA cache_size = -1024;" /* sqb_store_set_cache_size() */
	"PRAGMA cache_spill = 2047;"
	/* With mmap, an I/O error would be a SIGBUS. */
	"PRAGMA mmap_size = 0;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA foreign_keys = OFF;"
	"PRAGMA cell_size_check = ON;";

/* What a hostile store.db could use against us, and we do not use. */
static const struct {
	int option, value;
} db_config[] = {
	{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
	{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
	{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
	{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
	{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
	{ SQLITE_DBCONFIG_DQS_DDL, 0 },
	{ SQLITE_DBCONFIG_DQS_DML, 0 },
};

/*
 * Writers queue on store.lock and never meet here; this is for the moments
 * when SQLite itself needs the file alone: recovery, and the last close.
 * Waits are jittered so that two who met do not meet again.
 */
static int wait_while_busy(void *context, int calls)
{
	struct sqb_store *st = context;
	struct timespec pause = { 0, 0 };

	if (calls == 0)
		st->busy_since_ms = sqb_now_ms();
	else if (sqb_now_ms() - st->busy_since_ms >= BUSY_TIMEOUT_MS)
		return 0;
	st->busy_jitter = st->busy_jitter * UINT64_C(6364136223846793005) +
			  UINT64_C(1442695040888963407);
	pause.tv_nsec = 200000 + (long)((st->busy_jitter >> 33) % 800000);
	(void)nanosleep(&pause, NULL);
	return 1;
}

static enum sqb_err configure(struct sqb_store *st)
{
	int persist = 1;
	size_t i;

	(void)sqlite3_extended_result_codes(st->db, 1);
	for (i = 0; i < sizeof(db_config) / sizeof(*db_config); i++) {
		if (sqlite3_db_config(st->db, db_config[i].option,
				      db_config[i].value, NULL) != SQLITE_OK)
			return sqb_fail(
				st, SQB_INTERNAL, "SQLite %s refuses option %d",
				sqlite3_libversion(), db_config[i].option);
	}
	(void)sqlite3_busy_handler(st->db, wait_while_busy, st);
	/* With store.db-wal, store.db-shm stays: without its blocks the store
	   could not even be read once the disk is full. */
	(void)sqlite3_file_control(st->db, "main", SQLITE_FCNTL_PERSIST_WAL,
				   &persist);
	if (sqlite3_exec(st->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return sqb_fail_sqlite(st, pragmas);
	/* After wal_autocheckpoint, which takes the place of a hook. */
	(void)sqlite3_wal_hook(st->db, sqb_wal_hook, st);
	return SQB_OK;
}

static const char sql_wal_mode[] = "PRAGMA journal_mode = WAL";

/* A store that went through other hands may have lost its WAL mode. */
static enum sqb_err need_wal(struct sqb_store *st)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_wal_mode);
	enum sqb_err err;
	bool wal;

	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_INTERNAL;
	wal = strcmp((const char *)sqlite3_column_text(q, 0), "wal") == 0;
	sqlite3_reset(q);
	if (wal)
		return SQB_OK;
	return sqb_fail(st, SQB_NOTOURS,
			"%s cannot be used in WAL mode on this file system",
			st->db_path);
}

static void close_db(struct sqb_store *st)
{
	sqb_stmt_free_all(st);
	(void)sqlite3_close_v2(st->db);
	st->db = NULL;
}

static enum sqb_err open_db(struct sqb_store *st)
{
	int flags =
		(st->readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
		SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
		SQLITE_OPEN_PRIVATECACHE;
	enum sqb_err err;

	if (sqlite3_open_v2(st->db_path, &st->db, flags, NULL) != SQLITE_OK)
		err = sqb_fail_sqlite(st, "open");
	else
		err = configure(st);
	if (err == SQB_OK && !st->readonly)
		err = need_wal(st);
	if (err == SQB_OK)
		err = sqb_migrate(st, sqb_migrations, SQB_SCHEMA_VERSION);
	if (err != SQB_OK)
		close_db(st);
	return err;
}

/* Another process may have made it while we waited for the lock. */
static enum sqb_err create_db(struct sqb_store *st)
{
	enum sqb_err err = sqb_lock(st);

	if (err != SQB_OK)
		return err;
	err = sqb_fs_check_db(st);
	if (err == SQB_NOTFOUND)
		err = sqb_schema_create(st);
	sqb_unlock(st);
	return err;
}

static enum sqb_err open_own_files(struct sqb_store *st)
{
	enum sqb_err err = sqb_fs_open_file(st, "store.lock", &st->lock_fd);

	if (err == SQB_OK)
		err = sqb_fs_open_file(st, "notify", &st->notify_fd);
	return err;
}

static enum sqb_err open_store(struct sqb_store *st, const char *dir,
			       bool create)
{
	enum sqb_err err = sqb_fs_open_dir(st, dir, create);
	bool missing;

	if (err != SQB_OK)
		return err;
	st->db_path = sqb_xasprintf("%s/store.db", st->dir);
	st->notify_path = sqb_xasprintf("%s/notify", st->dir);
	err = sqb_fs_check_db(st);
	missing = err == SQB_NOTFOUND;
	if (missing && !create)
		return sqb_fail(st, err, "there is no store in %s", st->dir);
	if ((err == SQB_OK || missing) && !st->readonly)
		err = open_own_files(st);
	if (err == SQB_OK && missing)
		err = create_db(st);
	if (err != SQB_OK)
		return err;

	err = open_db(st);
	/* On a full disk even reading needs room, for store.db-shm. */
	if (err == SQB_FULL && st->reserve_gone)
		err = open_db(st);
	if (err == SQB_OK && !st->readonly) {
		err = sqb_boot_check(st);
		if (err == SQB_FULL && st->reserve_gone)
			err = sqb_boot_check(st);
		sqb_reserve_check(st);
	}
	return err;
}

struct sqb_store *sqb_store_new(bool readonly)
{
	struct sqb_store *st = sqb_xcalloc(1, sizeof(*st));

	st->dir_fd = -1;
	st->lock_fd = -1;
	st->notify_fd = -1;
	st->pid = getpid();
	st->readonly = readonly;
	st->busy_jitter = (uint64_t)st->pid ^ (uint64_t)sqb_now_ms() << 20;
	st->lock_timeout_secs = SQB_LOCK_TIMEOUT_SECS;
	st->compress_level = COMPRESS_LEVEL;
	return st;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

void sqb_store_free(struct sqb_store *st)
{
	sqb_body_free_buffers(st);
	sqb_keyword_free_cache(st);
	free(st->remote_error);
	free(st->stmts); /* left by a child process only */
	close_fd(st->notify_fd);
	close_fd(st->lock_fd);
	close_fd(st->dir_fd);
	free(st->notify_path);
	free(st->db_path);
	free(st->dir);
	free(st->errmsg);
	free(st);
}

enum sqb_err sqb_store_open(const char *dir, enum sqb_open_flags flags,
			    struct sqb_store **st_r, char **error_r)
{
	bool readonly = (flags & SQB_OPEN_READONLY) != 0;
	bool create = (flags & SQB_OPEN_CREATE) != 0 && !readonly;
	struct sqb_store *st = sqb_store_new(readonly);
	enum sqb_err err = open_store(st, dir, create);

	if (err == SQB_OK) {
		*st_r = st;
		return SQB_OK;
	}
	if (error_r != NULL)
		*error_r = sqb_xstrdup(sqb_store_errmsg(st));
	if (st->db != NULL)
		close_db(st);
	sqb_store_free(st);
	return err;
}

/*
 * Must the WAL stay at the last close?  After a failed sync it must, and who
 * only reads has no business with it.  A small one may: a mail delivered by a
 * process of its own would else pay for three more syncs, and reading it back
 * costs the next open next to nothing.  On a full disk it is the room for the
 * next change, also if another process has given up the ballast.
 */
static bool keeps_wal(struct sqb_store *st)
{
	struct stat info;

	if (st->wal.failed || st->readonly)
		return true;
	if (fstatat(st->dir_fd, "store.db-wal", &info, AT_SYMLINK_NOFOLLOW) ==
		    0 &&
	    info.st_size <= SQB_WAL_KEPT_SIZE)
		return true;
	sqb_reserve_check(st);
	return st->reserve_gone;
}

void sqb_store_close(struct sqb_store **st_p)
{
	struct sqb_store *st = *st_p;

	if (st == NULL)
		return;
	*st_p = NULL;
	/*
	 * In a child of the process that opened it, SQLite would take the
	 * parent's locks for its own: leave its handle alone.
	 */
	if (st->pid == getpid()) {
		sqb_txn_rollback(st);
		if (!st->wal.failed)
			(void)sqb_sync(st);
		if (keeps_wal(st))
			(void)sqlite3_db_config(
				st->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
				NULL);
		close_db(st);
	}
	sqb_store_free(st);
}

const char *sqb_store_errmsg(struct sqb_store *st)
{
	return st->errmsg != NULL ? st->errmsg : sqb_err_name(st->err);
}

const char *sqb_store_dir(struct sqb_store *st)
{
	return st->dir;
}

const char *sqb_store_notify_path(struct sqb_store *st)
{
	return st->notify_path;
}

void sqb_store_set_lock_timeout(struct sqb_store *st, unsigned int secs)
{
	st->lock_timeout_secs = secs;
}

void sqb_store_set_cache_size(struct sqb_store *st, unsigned int kib)
{
	char sql[48];

	(void)snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%u", kib);
	(void)sqlite3_exec(st->db, sql, NULL, NULL, NULL);
}

void sqb_store_set_compress_level(struct sqb_store *st, int level)
{
	if (level < 1)
		level = 1;
	if (level > COMPRESS_LEVEL_MAX)
		level = COMPRESS_LEVEL_MAX;
	st->compress_level = level;
}
