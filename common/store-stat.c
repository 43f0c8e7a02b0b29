/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Figures of the whole store.  They come from counters and small tables:
 * nothing here reads what grows with the mail, but for the list of what a
 * replica has not fetched.
 */
#include "common/store-private.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char sql_mailboxes[] =
	"SELECT count(*) FILTER (WHERE NOT noselect),"
	" count(*) FILTER (WHERE noselect), sum(messages), sum(unseen),"
	" sum(vsize) FROM mailbox WHERE id > 0";

static const char sql_others[] =
	"SELECT (SELECT count(*) FROM body_free),"
	" (SELECT ifnull(sum(refs - 1), 0) FROM body_shared),"
	" (SELECT next_modseq - 1 FROM mailbox WHERE id = 0),"
	" (SELECT count(*) FROM keyword),"
	" (SELECT count(*) FROM subscription),"
	" (SELECT count(*) FROM body_absent) -- scans";

static const char sql_page_size[] = "PRAGMA page_size";
static const char sql_page_count[] = "PRAGMA page_count";
static const char sql_free_pages[] = "PRAGMA freelist_count";
static const char sql_schema_version[] = "PRAGMA user_version";

static enum sqb_err read_mailboxes(struct sqb_store *st,
				   struct sqb_store_stat *stat)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_mailboxes);
	enum sqb_err err;

	if (!sqb_step(st, q, &err))
		return err;
	stat->mailboxes = (uint32_t)sqlite3_column_int64(q, 0);
	stat->noselect = (uint32_t)sqlite3_column_int64(q, 1);
	stat->messages = (uint64_t)sqlite3_column_int64(q, 2);
	stat->unseen = (uint64_t)sqlite3_column_int64(q, 3);
	stat->vsize = (uint64_t)sqlite3_column_int64(q, 4);
	sqlite3_reset(q);
	return SQB_OK;
}

/*
 * Every message has a body; shared ones were counted more than once; those to
 * be freed have no message.
 */
static enum sqb_err read_others(struct sqb_store *st,
				struct sqb_store_stat *stat)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_others);
	enum sqb_err err;

	if (!sqb_step(st, q, &err))
		return err;
	stat->bodies_free = (uint64_t)sqlite3_column_int64(q, 0);
	stat->bodies_absent = (uint64_t)sqlite3_column_int64(q, 5);
	stat->bodies = stat->messages + stat->bodies_free -
		       (uint64_t)sqlite3_column_int64(q, 1) -
		       stat->bodies_absent;
	stat->modseq = (uint64_t)sqlite3_column_int64(q, 2);
	stat->keywords = (uint32_t)sqlite3_column_int64(q, 3);
	stat->subscriptions = (uint32_t)sqlite3_column_int64(q, 4);
	sqlite3_reset(q);
	return SQB_OK;
}

static enum sqb_err read_sizes(struct sqb_store *st,
			       struct sqb_store_stat *stat)
{
	int64_t page_size = 0, pages = 0, free_pages = 0, schema = 0;
	struct stat wal;
	enum sqb_err err;

	err = sqb_run_int64(st, sqb_stmt(st, sql_page_size), &page_size);
	if (err == SQB_OK)
		err = sqb_run_int64(st, sqb_stmt(st, sql_page_count), &pages);
	if (err == SQB_OK)
		err = sqb_run_int64(st, sqb_stmt(st, sql_free_pages),
				    &free_pages);
	if (err == SQB_OK)
		err = sqb_run_int64(st, sqb_stmt(st, sql_schema_version),
				    &schema);
	if (err != SQB_OK)
		return err;
	stat->schema = (uint32_t)schema;
	stat->db_bytes = (uint64_t)(page_size * pages);
	stat->free_bytes = (uint64_t)(page_size * free_pages);
	if (fstatat(st->dir_fd, "store.db-wal", &wal, AT_SYMLINK_NOFOLLOW) == 0)
		stat->wal_bytes = (uint64_t)wal.st_size;
	return SQB_OK;
}

enum sqb_err sqb_store_stat(struct sqb_store *st, struct sqb_store_stat *stat_r)
{
	struct sqb_store_stat stat = { 0 };
	enum sqb_err err = sqb_read_begin(st);

	if (err != SQB_OK)
		return err;
	err = read_mailboxes(st, &stat);
	if (err == SQB_OK)
		err = read_others(st, &stat);
	if (err == SQB_OK)
		err = read_sizes(st, &stat);
	sqb_read_end(st);
	if (err == SQB_OK)
		*stat_r = stat;
	return err;
}

static const char sql_vsize[] = "SELECT sum(vsize) FROM mailbox WHERE id > 0";

enum sqb_err sqb_store_vsize(struct sqb_store *st, uint64_t *vsize_r)
{
	int64_t vsize;
	enum sqb_err err = sqb_run_int64(st, sqb_stmt(st, sql_vsize), &vsize);

	if (err == SQB_OK)
		*vsize_r = (uint64_t)vsize;
	return err;
}
