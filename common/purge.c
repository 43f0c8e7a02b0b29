/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Purge: free bodies, give pages back, cut journals.  All in transactions
 * short enough that no writer waits long.
 */
#include "common/maintain.h"

#include "common/body-private.h"
#include "common/mem.h"

#include <stdlib.h>
#include <time.h>

/* Of one transaction: bodies, and about how many octets of them. */
#define BATCH_BODIES 100
#define BATCH_OCTETS (INT64_C(32) << 20)

#define JOURNAL_RANGES 10000
#define JOURNAL_STEP 5000

/* A time so far in the future means that the clock was wrong. */
#define CLOCK_SLACK_SECS 86400

static const char sql_due[] =
	"SELECT f.body_id, coalesce(b.vsize, 0) FROM body_free f"
	" LEFT JOIN body b ON b.id = f.body_id"
	" WHERE f.since <= ?1 OR f.since > ?2 LIMIT ?3";

static sqlite3_stmt *bind_due(struct sqb_store *st, unsigned int grace_secs,
			      int limit)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_due);
	int64_t now = time(NULL);

	sqlite3_bind_int64(q, 1, now - grace_secs);
	sqlite3_bind_int64(q, 2, now + CLOCK_SLACK_SECS);
	sqlite3_bind_int(q, 3, limit);
	return q;
}

enum sqb_err sqb_purge_wanted(struct sqb_store *st, unsigned int grace_secs,
			      bool *wanted_r)
{
	enum sqb_err err;
	int64_t id;

	err = sqb_run_int64(st, bind_due(st, grace_secs, 1), &id);
	if (err != SQB_OK && err != SQB_NOTFOUND)
		return err;
	*wanted_r = err == SQB_OK;
	return SQB_OK;
}

static const char sql_freed[] = "DELETE FROM body_free WHERE body_id = ?1";

static enum sqb_err free_body(struct sqb_store *st, struct sqb_body_id id)
{
	enum sqb_err err = sqb_body_free(st, id);
	sqlite3_stmt *q;

	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_freed);
	sqlite3_bind_int64(q, 1, id.n);
	return sqb_run(st, q);
}

/* The work of one transaction. */
static enum sqb_err free_batch(struct sqb_store *st, unsigned int grace_secs,
			       unsigned int *count_r)
{
	struct sqb_body_id ids[BATCH_BODIES];
	unsigned int count = 0, i;
	int64_t octets = 0;
	sqlite3_stmt *q;
	enum sqb_err err;

	q = bind_due(st, grace_secs, BATCH_BODIES);
	while (sqb_step(st, q, &err)) {
		ids[count++].n = sqlite3_column_int64(q, 0);
		octets += sqlite3_column_int64(q, 1);
		if (count == BATCH_BODIES || octets > BATCH_OCTETS) {
			sqlite3_reset(q);
			break;
		}
	}
	for (i = 0; i < count && err == SQB_OK; i++)
		err = free_body(st, ids[i]);
	*count_r = count;
	return err;
}

/* Commit, and after it what a writer does. */
static enum sqb_err end_batch(struct sqb_store *st, enum sqb_err err)
{
	if (err == SQB_OK)
		err = sqb_txn_commit(st);
	else
		sqb_txn_rollback(st);
	if (err == SQB_OK)
		err = sqb_checkpoint_if_due(st);
	return err;
}

static enum sqb_err free_bodies(struct sqb_store *st, unsigned int grace_secs,
				unsigned int max_batches, uint64_t *freed)
{
	unsigned int batches, count;
	enum sqb_err err;
	bool wanted;

	for (batches = 0; max_batches == 0 || batches < max_batches;
	     batches++) {
		err = sqb_purge_wanted(st, grace_secs, &wanted);
		if (err != SQB_OK || !wanted)
			return err;
		err = sqb_txn_begin(st);
		if (err != SQB_OK)
			return err;
		err = end_batch(st, free_batch(st, grace_secs, &count));
		if (err != SQB_OK)
			return err;
		*freed += count;
	}
	return SQB_OK;
}

static const char sql_pages[] = "PRAGMA page_count";
static const char sql_free_pages[] = "PRAGMA freelist_count";

static enum sqb_err page_counts(struct sqb_store *st, int64_t *pages_r,
				int64_t *free_r)
{
	enum sqb_err err;

	err = sqb_run_int64(st, sqb_stmt(st, sql_pages), pages_r);
	if (err == SQB_OK)
		err = sqb_run_int64(st, sqb_stmt(st, sql_free_pages), free_r);
	return err;
}

static const char sql_vacuum[] = "PRAGMA incremental_vacuum(256)";
/* A page that moves takes two or three along into the WAL. */
static const char sql_vacuum_full[] = "PRAGMA incremental_vacuum(32)";

/*
 * From a quarter of the file down to a sixteenth: some free pages are good to
 * have, and who shrinks a file to the last page will soon grow it again.  On a
 * full disk all of them, which are the room that there is for new mail.
 */
static enum sqb_err give_pages_back(struct sqb_store *st)
{
	int64_t pages, free_pages, before = INT64_MAX;
	bool full = st->reserve_gone;
	const char *sql;
	enum sqb_err err;

	err = page_counts(st, &pages, &free_pages);
	if (err != SQB_OK || free_pages <= (full ? 0 : pages / 4))
		return err;
	while (err == SQB_OK && free_pages > (full ? 0 : pages / 16) &&
	       free_pages < before) {
		before = free_pages;
		err = sqb_txn_begin(st);
		if (err != SQB_OK)
			return err;
		sqb_txn_force(st);
		sql = st->reserve_gone ? sql_vacuum_full : sql_vacuum;
		err = end_batch(st, sqb_run(st, sqb_stmt(st, sql)));
		if (err == SQB_OK)
			err = page_counts(st, &pages, &free_pages);
	}
	return err;
}

static const char sql_long[] = "SELECT mailbox_id FROM expunged"
			       " GROUP BY mailbox_id HAVING count(*) > ?1"
			       " -- scans";

static enum sqb_err long_journals(struct sqb_store *st, int64_t **boxes_r,
				  size_t *count_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_long);
	size_t alloc = 0;
	enum sqb_err err;

	*boxes_r = NULL;
	*count_r = 0;
	sqlite3_bind_int64(q, 1, JOURNAL_RANGES);
	while (sqb_step(st, q, &err)) {
		*boxes_r = sqb_xgrow(*boxes_r, *count_r, &alloc,
				     sizeof(**boxes_r));
		(*boxes_r)[(*count_r)++] = sqlite3_column_int64(q, 0);
	}
	return err;
}

static const char sql_nth_newest[] =
	"SELECT modseq FROM expunged WHERE mailbox_id = ?1"
	" ORDER BY modseq DESC LIMIT 1 OFFSET ?2";
static const char sql_nth_oldest[] =
	"SELECT modseq FROM expunged WHERE mailbox_id = ?1"
	" ORDER BY modseq LIMIT 1 OFFSET ?2";
static const char sql_cut[] =
	"DELETE FROM expunged WHERE mailbox_id = ?1 AND modseq <= ?2";
static const char sql_floor[] =
	"UPDATE mailbox SET vanished_floor = max(vanished_floor, ?2)"
	" WHERE id = ?1";

static sqlite3_stmt *bind_two(struct sqb_store *st, const char *sql,
			      int64_t box, int64_t n)
{
	sqlite3_stmt *q = sqb_stmt(st, sql);

	sqlite3_bind_int64(q, 1, box);
	sqlite3_bind_int64(q, 2, n);
	return q;
}

/* Cut one step off the old end.  SQB_NOTFOUND: it is short enough. */
static enum sqb_err cut_step(struct sqb_store *st, int64_t box)
{
	int64_t end, step_end;
	enum sqb_err err;

	err = sqb_run_int64(
		st, bind_two(st, sql_nth_newest, box, JOURNAL_RANGES), &end);
	if (err == SQB_OK)
		err = sqb_run_int64(
			st, bind_two(st, sql_nth_oldest, box, JOURNAL_STEP - 1),
			&step_end);
	if (err != SQB_OK)
		return err;
	if (end > step_end)
		end = step_end;
	err = sqb_run(st, bind_two(st, sql_cut, box, end));
	if (err == SQB_OK)
		err = sqb_run(st, bind_two(st, sql_floor, box, end));
	return err;
}

static enum sqb_err cut_journal(struct sqb_store *st, int64_t box)
{
	enum sqb_err err;
	bool done;

	do {
		err = sqb_txn_begin(st);
		if (err != SQB_OK)
			return err;
		err = cut_step(st, box);
		done = err == SQB_NOTFOUND;
		err = end_batch(st, done ? SQB_OK : err);
	} while (err == SQB_OK && !done);
	return err;
}

static enum sqb_err cut_journals(struct sqb_store *st)
{
	size_t count, i;
	int64_t *boxes;
	enum sqb_err err;

	err = long_journals(st, &boxes, &count);
	for (i = 0; i < count && err == SQB_OK; i++)
		err = cut_journal(st, boxes[i]);
	free(boxes);
	return err;
}

/* store.db gets shorter by a checkpoint; then the ballast may come back. */
static enum sqb_err make_room(struct sqb_store *st)
{
	enum sqb_err err = sqb_lock(st);

	if (err != SQB_OK)
		return err;
	sqb_checkpoint_for_room(st);
	sqb_unlock(st);
	sqb_reserve_check(st);
	return SQB_OK;
}

enum sqb_err sqb_purge(struct sqb_store *st, unsigned int grace_secs,
		       unsigned int max_batches, uint64_t *freed_r)
{
	uint64_t freed = 0;
	enum sqb_err err;

	err = free_bodies(st, grace_secs, max_batches, &freed);
	if (err == SQB_OK)
		err = cut_journals(st);
	if (err == SQB_OK)
		err = give_pages_back(st);
	if (err == SQB_OK)
		err = sqb_sync(st);
	if (err == SQB_OK && st->reserve_gone)
		err = make_room(st);
	if (err == SQB_OK && freed_r != NULL)
		*freed_r = freed;
	return err;
}
