/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Transactions: begin, commit, the modseq, snapshots for readers.
 */
#include "common/txn.h"

#include "common/store-private.h"

#include <string.h>
#include <unistd.h>

/* A modseq has 63 bits (RFC 7162); this leaves room to count on. */
#define MODSEQ_MIN_MAX (UINT64_C(1) << 62)

/*
 * Always IMMEDIATE: a reader that turns writer would be told "busy" at once if
 * anybody had committed since its first read.
 */
static const char sql_begin[] = "BEGIN IMMEDIATE";
static const char sql_begin_read[] = "BEGIN DEFERRED";
static const char sql_commit[] = "COMMIT";
static const char sql_rollback[] = "ROLLBACK";

static enum sqb_err may_begin(struct sqb_store *st)
{
	if (st->pid != getpid())
		return sqb_fail(st, SQB_INTERNAL,
				"%s was opened by process %ld, of which this "
				"one is a child",
				st->dir, (long)st->pid);
	if (st->txn.active)
		return sqb_fail(st, SQB_INTERNAL,
				"a transaction inside a transaction");
	if (st->read_depth > 0)
		return sqb_fail(st, SQB_INTERNAL,
				"a transaction inside a reader's snapshot");
	/* It would be refused whenever somebody else has committed since. */
	if (sqlite3_txn_state(st->db, "main") != SQLITE_TXN_NONE)
		return sqb_fail(st, SQB_INTERNAL,
				"a transaction while a walk is open");
	if (st->wal.failed)
		return sqb_fail(st, SQB_READONLY,
				"%s: a sync has failed, so nothing more is "
				"written until it is opened again; look at "
				"the disk",
				st->db_path);
	if (st->readonly)
		return sqb_fail(st, SQB_READONLY, "%s is open for reading only",
				st->dir);
	return SQB_OK;
}

enum sqb_err sqb_txn_begin(struct sqb_store *st)
{
	enum sqb_err err = may_begin(st);
	uint64_t serial = st->txn.serial + 1;

	if (err == SQB_OK)
		err = sqb_lock(st);
	if (err != SQB_OK)
		return err;
	sqb_reserve_watch(st);
	err = sqb_run(st, sqb_stmt(st, sql_begin));
	if (err != SQB_OK) {
		sqb_unlock(st);
		return err;
	}
	memset(&st->txn, 0, sizeof(st->txn));
	st->txn.active = true;
	st->txn.serial = serial;
	st->txn.changes = sqlite3_total_changes64(st->db);
	err = sqb_schema_check(st);
	if (err != SQB_OK)
		sqb_txn_rollback(st);
	return err;
}

/* The transaction is over in SQLite; let the next writer in. */
static void finish(struct sqb_store *st)
{
	uint64_t serial = st->txn.serial;

	memset(&st->txn, 0, sizeof(st->txn));
	st->txn.serial = serial;
	sqb_unlock(st);
}

void sqb_txn_rollback(struct sqb_store *st)
{
	sqlite3_stmt *q;

	if (!st->txn.active)
		return;
	/* Not sqb_run(): the error message of before is to stay. */
	if (!sqlite3_get_autocommit(st->db)) {
		q = sqb_stmt(st, sql_rollback);
		(void)sqlite3_step(q);
		sqlite3_reset(q);
	}
	finish(st);
}

static bool changed_anything(const struct sqb_store *st)
{
	return st->txn.forced ||
	       sqlite3_total_changes64(st->db) != st->txn.changes;
}

enum sqb_err sqb_txn_commit(struct sqb_store *st)
{
	enum sqb_err err = sqb_need_txn(st);

	if (err != SQB_OK || !changed_anything(st)) {
		sqb_txn_rollback(st);
		return err;
	}
	sqb_wal_make_room(st);
	err = sqb_run(st, sqb_stmt(st, sql_commit));
	if (err != SQB_OK) {
		sqb_txn_rollback(st);
		return err;
	}
	sqb_wal_committed(st);
	finish(st);
	return SQB_OK;
}

bool sqb_txn_active(struct sqb_store *st)
{
	return st->txn.active;
}

enum sqb_err sqb_need_txn(struct sqb_store *st)
{
	if (!st->txn.active)
		return sqb_fail(st, SQB_INTERNAL, "no transaction");
	if (sqlite3_get_autocommit(st->db))
		return sqb_fail(st,
				st->txn.lost != SQB_OK ? st->txn.lost
						       : SQB_INTERNAL,
				"SQLite has undone the transaction; the last "
				"failure was: %s",
				sqb_store_errmsg(st));
	return SQB_OK;
}

void sqb_txn_force(struct sqb_store *st)
{
	st->txn.forced = true;
}

static const char sql_modseq[] =
	"SELECT max(next_modseq + ?2 - 1, ?1) FROM mailbox WHERE id = 0";
static const char sql_take_modseq[] =
	"UPDATE mailbox SET next_modseq = ?1 + 1 WHERE id = 0";

enum sqb_err sqb_txn_modseq(struct sqb_store *st, uint64_t *modseq_r)
{
	enum sqb_err err = sqb_need_txn(st);
	sqlite3_stmt *q;
	int64_t modseq;

	if (err != SQB_OK)
		return err;
	if (st->txn.modseq == 0) {
		q = sqb_stmt(st, sql_modseq);
		sqlite3_bind_int64(q, 1, (int64_t)st->txn.min_modseq);
		sqlite3_bind_int64(q, 2, SQB_MODSEQ_STEP);
		err = sqb_run_int64(st, q, &modseq);
		if (err == SQB_NOTFOUND)
			return sqb_fail(st, SQB_CORRUPT,
					"%s has lost its row 0", st->db_path);
		if (err != SQB_OK)
			return err;
		/* UPDATE ... RETURNING takes SQLite longer. */
		q = sqb_stmt(st, sql_take_modseq);
		sqlite3_bind_int64(q, 1, modseq);
		err = sqb_run(st, q);
		if (err != SQB_OK)
			return err;
		st->txn.modseq = (uint64_t)modseq;
	}
	*modseq_r = st->txn.modseq;
	return SQB_OK;
}

enum sqb_err sqb_txn_raise_modseq(struct sqb_store *st, uint64_t min)
{
	enum sqb_err err = sqb_need_txn(st);

	if (err != SQB_OK)
		return err;
	if (min > MODSEQ_MIN_MAX)
		return sqb_fail(st, SQB_LIMIT,
				"modseq %llu is beyond the limit",
				(unsigned long long)min);
	if (st->txn.modseq != 0 && min > st->txn.modseq)
		return sqb_fail(st, SQB_INVALID,
				"this transaction has modseq %llu already",
				(unsigned long long)st->txn.modseq);
	if (min > st->txn.min_modseq)
		st->txn.min_modseq = min;
	return SQB_OK;
}

static const char sql_touch_tree[] =
	"UPDATE mailbox SET highestmodseq = ?1 WHERE id = 0";

enum sqb_err sqb_txn_touch_tree(struct sqb_store *st)
{
	enum sqb_err err;
	sqlite3_stmt *q;
	uint64_t modseq = 0;

	if (st->txn.tree_touched)
		return SQB_OK;
	err = sqb_txn_modseq(st, &modseq);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_touch_tree);
	sqlite3_bind_int64(q, 1, (int64_t)modseq);
	err = sqb_run(st, q);
	st->txn.tree_touched = err == SQB_OK;
	return err;
}

enum sqb_err sqb_read_begin(struct sqb_store *st)
{
	enum sqb_err err = SQB_OK;

	if (st->read_depth == 0 && !st->txn.active) {
		err = sqb_run(st, sqb_stmt(st, sql_begin_read));
		st->read_began = err == SQB_OK;
	}
	if (err == SQB_OK)
		st->read_depth++;
	return err;
}

void sqb_read_end(struct sqb_store *st)
{
	sqlite3_stmt *q;

	if (st->read_depth == 0 || --st->read_depth > 0 || !st->read_began)
		return;
	st->read_began = false;
	if (sqlite3_get_autocommit(st->db))
		return;
	q = sqb_stmt(st, sql_commit);
	(void)sqlite3_step(q);
	sqlite3_reset(q);
}
