/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * What comes after a commit: the sync of the WAL, the doorbell, checkpoints.
 *
 * A commit writes to the WAL without a sync (synchronous=NORMAL).  The sync
 * is made here, outside the writer lock, so that those of several writers
 * overlap and the disk does them as one.
 */
#include "common/store-private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECKPOINT_PAGES 4000
/* A reader pins the WAL: how far it may grow between two attempts. */
#define CHECKPOINT_AGAIN_PAGES 1000

/* Room in the WAL: what the commit of a mail may take, and how much is made. */
#define ROOM_WANTED (64 * 1024)
#define ROOM_MADE (512 * 1024)
#define ROOM_PIECE (64 * 1024) /* SQLite takes less than 128 KiB at once */

/* SQLite writes store.db in checkpoints only: this tells one from the next. */
static struct timespec db_mtime(struct sqb_store *st)
{
	struct timespec none = { 0, 0 };
	struct stat info;

	if (fstatat(st->dir_fd, "store.db", &info, AT_SYMLINK_NOFOLLOW) < 0)
		return none;
	return info.st_mtim;
}

static int checkpoint_limit(const struct sqb_store *st)
{
	return st->wal.due_pages > 0 ? st->wal.due_pages : CHECKPOINT_PAGES;
}

/* Runs inside our COMMIT, under the writer lock. */
int sqb_wal_hook(void *store, sqlite3 *db, const char *name, int pages)
{
	struct sqb_store *st = store;

	(void)db;
	(void)name;
	if (pages < st->wal.pages)
		st->wal.due_pages = CHECKPOINT_PAGES; /* a new WAL */
	st->wal.pages = pages;
	if (pages >= checkpoint_limit(st))
		st->wal.db_mtime = db_mtime(st);
	return SQLITE_OK;
}

void sqb_wal_committed(struct sqb_store *st)
{
	st->wal.pending = true;
	st->wal.ring_due = true;
	st->commits++;
}

bool sqb_sync_pending(struct sqb_store *st)
{
	return st->wal.pending;
}

/* NULL: it is not open. */
static sqlite3_file *wal_file(struct sqb_store *st)
{
	sqlite3_file *wal = NULL;
	int rc = sqlite3_file_control(st->db, "main",
				      SQLITE_FCNTL_JOURNAL_POINTER, &wal);

	return rc == SQLITE_OK && wal != NULL && wal->pMethods != NULL ? wal
								       : NULL;
}

/* Where the WAL ends that our last commit has left. */
static sqlite3_int64 wal_end(const struct sqb_store *st)
{
	return SQB_WAL_HEADER + (sqlite3_int64)st->wal.pages *
					(SQB_FRAME_HEADER + SQB_PAGE_SIZE);
}

/*
 * A short WAL may be all that this process writes; one that is long begins
 * anew soon.
 */
static bool wants_room(struct sqb_store *st, sqlite3_file *wal,
		       sqlite3_int64 *size_r)
{
	return wal_end(st) >= ROOM_WANTED &&
	       st->wal.pages < checkpoint_limit(st) &&
	       wal->pMethods->xFileSize(wal, size_r) == SQLITE_OK &&
	       *size_r < wal_end(st) + ROOM_WANTED && sqb_reserve_is_idle(st);
}

/*
 * The sync of a file that keeps its length is one write to the disk; of one
 * that grows it is several, for the file system's journal.  So let it grow now
 * and then, by more than is needed.  To SQLite, zeros are no frames.
 */
void sqb_wal_make_room(struct sqb_store *st)
{
	sqlite3_file *wal = wal_file(st);
	sqlite3_int64 size, end, piece;
	char *zeros;
	int rc = SQLITE_OK;

	if (wal == NULL || !wants_room(st, wal, &size))
		return;
	end = size < SQB_WAL_KEPT_SIZE ? SQB_WAL_KEPT_SIZE : size + ROOM_MADE;
	zeros = sqb_xcalloc(1, ROOM_PIECE);
	for (; rc == SQLITE_OK && size < end; size += piece) {
		piece = end - size < ROOM_PIECE ? end - size : ROOM_PIECE;
		rc = wal->pMethods->xWrite(wal, zeros, (int)piece, size);
	}
	free(zeros);
}

static enum sqb_err sync_wal(struct sqb_store *st)
{
	sqlite3_file *wal = wal_file(st);
	int rc;

	if (wal == NULL)
		return sqb_fail(st, SQB_INTERNAL, "%s-wal is not open",
				st->db_path);
	rc = wal->pMethods->xSync(wal,
				  SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
	if (rc != SQLITE_OK)
		return sqb_fail(st, SQB_IO,
				"%s-wal: the disk has failed to take what was "
				"written (SQLite code %d)",
				st->db_path, rc);
	return SQB_OK;
}

enum sqb_err sqb_sync(struct sqb_store *st)
{
	enum sqb_err err;

	if (!st->wal.pending)
		return SQB_OK;
	if (st->wal.failed)
		return sqb_fail(st, SQB_READONLY,
				"%s: an earlier sync has failed, and the "
				"kernel reports that only once",
				st->db_path);
	err = sync_wal(st);
	if (err != SQB_OK) {
		st->wal.failed = true;
		return err;
	}
	st->wal.pending = false;
	sqb_ring(st);
	return SQB_OK;
}

/* Written in place, so that watches on the file stay; its time moves. */
void sqb_ring(struct sqb_store *st)
{
	ssize_t ignored;

	if (!st->wal.ring_due || st->notify_fd < 0)
		return;
	ignored = pwrite(st->notify_fd, "\n", 1, 0);
	(void)ignored;
	st->wal.ring_due = false;
}

/* The lock is held.  Others' reading and writing does not stop it. */
static enum sqb_err checkpoint(struct sqb_store *st)
{
	int pages = 0, done = 0;
	int rc = sqlite3_wal_checkpoint_v2(
		st->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);

	/* Also if it has failed: do not try again at every commit. */
	st->wal.due_pages = st->wal.pages + CHECKPOINT_AGAIN_PAGES;
	if (rc == SQLITE_OK || rc == SQLITE_BUSY)
		return SQB_OK;
	return sqb_fail_sqlite(st, "checkpoint");
}

enum sqb_err sqb_checkpoint_if_due(struct sqb_store *st)
{
	struct timespec mtime;
	enum sqb_err err;

	if (st->wal.pages < checkpoint_limit(st) || st->wal.failed ||
	    st->txn.active || st->read_depth > 0)
		return SQB_OK;
	err = sqb_lock(st);
	if (err != SQB_OK)
		return err;
	mtime = db_mtime(st);
	if (mtime.tv_sec == st->wal.db_mtime.tv_sec &&
	    mtime.tv_nsec == st->wal.db_mtime.tv_nsec)
		err = checkpoint(st);
	else /* Somebody else has done it since our commit. */
		st->wal.due_pages = st->wal.pages + CHECKPOINT_AGAIN_PAGES;
	sqb_unlock(st);
	return err;
}

void sqb_checkpoint_for_room(struct sqb_store *st)
{
	if (!st->wal.failed && st->read_depth == 0)
		(void)checkpoint(st);
}

static const char sql_data_version[] = "PRAGMA data_version";

enum sqb_err sqb_data_version(struct sqb_store *st, uint32_t *version_r)
{
	int64_t others;
	enum sqb_err err;

	err = sqb_run_int64(st, sqb_stmt(st, sql_data_version), &others);
	if (err != SQB_OK)
		return err;
	/* SQLite's does not count our own commits.  Neither ever shrinks. */
	*version_r = (uint32_t)others + st->commits;
	return SQB_OK;
}
