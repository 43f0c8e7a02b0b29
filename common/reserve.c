/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The ballast: on a full disk SQLite cannot even delete, since that, too, is
 * written to the WAL first.  A file is kept for that day.  It goes when the
 * disk is almost full, or a quota says that it is, and comes back when there
 * is room for it and as much again; until then the store takes no new bodies.
 */
#include "common/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ALMOST_FULL (512 * 1024)
#define FAR_FROM_FULL (16 * 1024 * 1024)

/* Unknown: as if there were room; the disk will say if there is not. */
static uint64_t free_bytes(struct sqb_store *st)
{
	struct statfs fs;

	if (fstatfs(st->dir_fd, &fs) < 0)
		return UINT64_MAX;
	return (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
}

static bool is_whole(struct sqb_store *st)
{
	struct stat info;

	return fstatat(st->dir_fd, "reserve", &info, AT_SYMLINK_NOFOLLOW) ==
		       0 &&
	       S_ISREG(info.st_mode) && info.st_size >= SQB_RESERVE_SIZE;
}

static bool make(struct sqb_store *st)
{
	bool ok;
	int fd;

	if (free_bytes(st) < 2 * SQB_RESERVE_SIZE)
		return false;
	fd = openat(st->dir_fd, "reserve",
		    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return false;
	ok = posix_fallocate(fd, 0, SQB_RESERVE_SIZE) == 0;
	(void)close(fd);
	if (!ok) /* A quota, say: leave nothing half made. */
		(void)unlinkat(st->dir_fd, "reserve", 0);
	return ok;
}

void sqb_reserve_check(struct sqb_store *st)
{
	st->reserve_gone = !is_whole(st) && !make(st);
}

/*
 * What the ballast has made room for is the WAL's, before others take it.  It
 * goes behind the end: what is there may be mail, for which store.db cannot
 * grow any more.
 */
static void give_to_wal(struct sqb_store *st)
{
	int fd = openat(st->dir_fd, "store.db-wal",
			O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat info;

	if (fd < 0)
		return;
	if (fstat(fd, &info) == 0)
		(void)fallocate(fd, FALLOC_FL_KEEP_SIZE, info.st_size,
				SQB_RESERVE_SIZE);
	(void)close(fd);
}

/* A new WAL has nothing of the ballast yet. */
static bool wal_is_small(struct sqb_store *st)
{
	struct stat info;

	return fstatat(st->dir_fd, "store.db-wal", &info,
		       AT_SYMLINK_NOFOLLOW) == 0 &&
	       (uint64_t)info.st_blocks * 512 < SQB_RESERVE_SIZE;
}

void sqb_reserve_drop(struct sqb_store *st)
{
	if (st->readonly)
		return;
	if (unlinkat(st->dir_fd, "reserve", 0) == 0)
		give_to_wal(st);
	st->reserve_gone = true;
}

bool sqb_store_is_full(struct sqb_store *st)
{
	return free_bytes(st) < ALMOST_FULL;
}

bool sqb_reserve_is_idle(struct sqb_store *st)
{
	return !st->reserve_gone && free_bytes(st) >= FAR_FROM_FULL;
}

void sqb_reserve_watch(struct sqb_store *st)
{
	if (!sqb_store_is_full(st))
		return;
	if (st->reserve_gone) {
		sqb_checkpoint_for_room(st);
		if (wal_is_small(st))
			give_to_wal(st);
	} else {
		sqb_reserve_drop(st);
	}
}

enum sqb_err sqb_reserve_need(struct sqb_store *st)
{
	/* Another process may have given it up, or got it back. */
	sqb_reserve_check(st);
	if (!st->reserve_gone)
		return SQB_OK;
	return sqb_fail(st, SQB_FULL,
			"the disk, or its quota, is full: %s takes no new "
			"mail until there is room",
			st->dir);
}
