/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/fs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/mem.h"
#include "common/txn.h"
#include "fuse/files.h"
#include "fuse/folders.h"
#include "fuse/hidden.h"
#include "fuse/ifs-error.h"
#include "fuse/inval.h"
#include "fuse/log.h"
#include "fuse/maildir-state.h"
#include "fuse/replica.h"

#define READ_CACHE_KIB 4096
#define WRITE_CACHE_KIB 2048

static int exit_code(enum sqb_err err)
{
	switch (err) {
	case SQB_OK:
		return EX_OK;
	case SQB_NOTFOUND:
		return EX_NOINPUT;
	case SQB_DENIED:
	case SQB_READONLY:
		return EX_NOPERM;
	case SQB_BUSY:
	case SQB_ABSENT:
		return EX_TEMPFAIL;
	case SQB_FULL:
	case SQB_IO:
		return EX_IOERR;
	case SQB_EXISTS:
	case SQB_INVALID:
	case SQB_NOSELECT:
	case SQB_LIMIT:
	case SQB_NOTOURS:
	case SQB_NEWER:
	case SQB_CORRUPT:
		return EX_DATAERR;
	case SQB_INTERNAL:
		return EX_SOFTWARE;
	}
	return EX_SOFTWARE;
}

static enum sqb_err open_stores(struct ifs_fs *fs, char **error_r)
{
	const char *dir = fs->opts->source;
	bool remote = ifs_options_are_remote(fs->opts);
	enum sqb_err err = SQB_OK;
	struct stat info;

	/* First the writing one: it does what the first open must do. */
	if (remote || !fs->opts->readonly)
		err = sqb_store_open(dir, remote ? SQB_OPEN_CREATE : 0,
				     &fs->write_st, error_r);
	if (err == SQB_OK)
		err = sqb_store_open(dir, SQB_OPEN_READONLY, &fs->read_st,
				     error_r);
	if (err == SQB_NOTFOUND && *error_r == NULL)
		*error_r = sqb_xasprintf("%s: there is no store", dir);
	if (err != SQB_OK)
		return err;
	fs->db_path = sqb_xasprintf("%s/store.db", sqb_store_dir(fs->read_st));
	if (stat(fs->db_path, &info) < 0)
		return SQB_IO;
	fs->db_dev = info.st_dev;
	fs->db_ino = info.st_ino;
	sqb_store_set_cache_size(fs->read_st, READ_CACHE_KIB);
	if (fs->write_st != NULL)
		sqb_store_set_cache_size(fs->write_st, WRITE_CACHE_KIB);
	return SQB_OK;
}

int ifs_fs_init(struct ifs_fs *fs, const struct ifs_options *opts,
		char **error_r)
{
	enum sqb_err err;

	*error_r = NULL;
	fs->opts = opts;
	(void)clock_gettime(CLOCK_REALTIME, &fs->mounted);
	(void)pthread_mutex_init(&fs->read_lock, NULL);
	(void)pthread_mutex_init(&fs->write_lock, NULL);
	(void)pthread_mutex_init(&fs->handles_lock, NULL);
	(void)pthread_cond_init(&fs->write_turn, NULL);
	fs->space.dir = opts->source;
	fs->space.max = IFS_SCRATCH_MAX;
	fs->log = ifs_log_new();
	fs->files = ifs_files_new();
	fs->folders = ifs_folders_new();
	fs->hidden = ifs_hidden_new();
	if (opts->layout == IFS_LAYOUT_MAILDIR)
		fs->maildir = ifs_maildir_state_new();
	err = open_stores(fs, error_r);
	if (err != SQB_OK)
		ifs_fs_deinit(fs);
	return exit_code(err);
}

void ifs_fs_deinit(struct ifs_fs *fs)
{
	ifs_files_free(&fs->files);
	ifs_folders_free(&fs->folders);
	ifs_hidden_free(&fs->hidden);
	ifs_maildir_state_free(&fs->maildir);
	sqb_store_close(&fs->read_st);
	sqb_store_close(&fs->write_st);
	free(fs->db_path);
	ifs_log_free(&fs->log);
	(void)pthread_mutex_destroy(&fs->read_lock);
	(void)pthread_mutex_destroy(&fs->write_lock);
	(void)pthread_mutex_destroy(&fs->handles_lock);
	(void)pthread_cond_destroy(&fs->write_turn);
}

struct sqb_store *ifs_read_begin(struct ifs_fs *fs)
{
	(void)pthread_mutex_lock(&fs->read_lock);
	return fs->read_st;
}

void ifs_read_end(struct ifs_fs *fs)
{
	(void)pthread_mutex_unlock(&fs->read_lock);
}

static time_t seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

struct sqb_store *ifs_write_begin(struct ifs_fs *fs)
{
	time_t waited, begun = seconds();
	uint64_t ticket;

	(void)pthread_mutex_lock(&fs->write_lock);
	ticket = fs->write_queued++;
	while (ticket != fs->write_served)
		(void)pthread_cond_wait(&fs->write_turn, &fs->write_lock);
	(void)pthread_mutex_unlock(&fs->write_lock);
	waited = seconds() - begun;
	sqb_store_set_lock_timeout(
		fs->write_st,
		waited < IFS_WRITE_TIMEOUT_SECS && !fs->write_busy
			? (unsigned int)(IFS_WRITE_TIMEOUT_SECS - waited)
			: 1);
	fs->write_tell = false;
	return fs->write_st;
}

void ifs_write_end(struct ifs_fs *fs)
{
	(void)pthread_mutex_lock(&fs->write_lock);
	fs->write_served++;
	(void)pthread_cond_broadcast(&fs->write_turn);
	(void)pthread_mutex_unlock(&fs->write_lock);
}

void ifs_write_tell(struct ifs_fs *fs)
{
	fs->write_tell = true;
}

struct sqb_store *ifs_write_try(struct ifs_fs *fs)
{
	struct sqb_store *st = NULL;

	(void)pthread_mutex_lock(&fs->write_lock);
	if (fs->write_queued == fs->write_served) {
		fs->write_queued++;
		st = fs->write_st;
	}
	(void)pthread_mutex_unlock(&fs->write_lock);
	if (st != NULL)
		sqb_store_set_lock_timeout(st, 1);
	return st;
}

bool ifs_fs_has_store(struct ifs_fs *fs)
{
	struct stat info;

	if (stat(fs->db_path, &info) < 0 || info.st_dev != fs->db_dev ||
	    info.st_ino != fs->db_ino)
		fs->lost = true;
	return !fs->lost;
}

enum sqb_err ifs_write_txn(struct ifs_fs *fs, struct sqb_store *st)
{
	enum sqb_err err = sqb_txn_begin(st);

	fs->write_busy = err == SQB_BUSY;
	return err;
}

enum sqb_err ifs_write_commit(struct ifs_fs *fs, struct sqb_store *st,
			      enum sqb_err err)
{
	bool lost = !ifs_fs_has_store(fs);
	uint64_t modseq;

	if (err == SQB_OK)
		err = sqb_txn_modseq(st, &modseq);
	if (err == SQB_OK && !lost)
		err = sqb_txn_commit(st);
	else
		sqb_txn_rollback(st);
	if (lost)
		return SQB_IO;
	/*
	 * Not before the commit: one that fails leaves its modseq to others.
	 * To be told of our own change does no harm.
	 */
	if (err == SQB_OK && !fs->write_tell)
		ifs_inval_own(fs, modseq);
	return err == SQB_OK ? sqb_sync(st) : err;
}

int ifs_write_finish(struct ifs_fs *fs, struct sqb_store *st, enum sqb_err err)
{
	err = ifs_write_commit(fs, st, err);
	if (fs->lost)
		return EIO;
	if (err == SQB_OK)
		ifs_replica_changed(fs);
	return ifs_errno(fs, st, err);
}
