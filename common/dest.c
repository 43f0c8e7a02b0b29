/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Where backup and salvage write to.
 */
#include "common/dest-private.h"

#include "common/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ".", ".." and nothing else. */
static enum sqb_err need_empty(struct sqb_dest *d)
{
	int fd = openat(d->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	unsigned int count = 0;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return sqb_fail_errno(d->log, "reading %s", d->dir);
	}
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	if (count <= 2)
		return SQB_OK;
	return sqb_fail(d->log, SQB_EXISTS,
			"%s is not empty: give the name of a new directory",
			d->dir);
}

static enum sqb_err open_dir(struct sqb_dest *d, const char *path)
{
	d->made = mkdir(path, 0700) == 0;
	if (!d->made && errno != EEXIST)
		return sqb_fail_errno(d->log, "making %s", path);
	d->dir = realpath(path, NULL);
	if (d->dir == NULL)
		return sqb_fail_errno(d->log, "%s", path);
	d->dir_fd =
		open(d->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->dir_fd < 0)
		return sqb_fail_errno(d->log, "opening %s", d->dir);
	if (d->made)
		return SQB_OK;
	if (fchmod(d->dir_fd, 0700) < 0)
		return sqb_fail_errno(d->log, "making %s private", d->dir);
	return need_empty(d);
}

enum sqb_err sqb_dest_open(struct sqb_dest *d, struct sqb_store *log,
			   const char *path)
{
	enum sqb_err err;

	d->log = log;
	d->dir = NULL;
	d->dir_fd = -1;
	err = open_dir(d, path);
	if (err != SQB_OK)
		sqb_dest_close(d, false);
	return err;
}

enum sqb_err sqb_dest_publish(struct sqb_dest *d, const char *file)
{
	enum sqb_err err = sqb_fs_sync(d->log, d->dir_fd, d->dir, file);

	if (err == SQB_OK &&
	    renameat(d->dir_fd, file, d->dir_fd, "store.db") < 0)
		err = sqb_fail_errno(d->log, "naming %s/store.db", d->dir);
	if (err == SQB_OK)
		err = sqb_fs_sync(d->log, d->dir_fd, d->dir, ".");
	if (err == SQB_OK)
		err = sqb_fs_sync(d->log, d->dir_fd, d->dir, "..");
	return err;
}

void sqb_dest_close(struct sqb_dest *d, bool keep)
{
	if (d->dir_fd >= 0)
		(void)close(d->dir_fd);
	if (!keep && d->made && d->dir != NULL)
		(void)rmdir(d->dir);
	free(d->dir);
	d->dir = NULL;
	d->dir_fd = -1;
}
