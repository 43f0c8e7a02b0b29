/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Prepared statements, cached under the address of their text.
 *
 * Every text is one static array, so its address is its name: no numbers to
 * keep, no strings to compare.  The hash has open addressing and is never more
 * than three quarters full; statements leave it only when the store closes.
 */
#include "common/store-private.h"

#include <stdlib.h>

#define SLOTS_MIN 64

struct sqb_stmt_slot {
	const char *sql; /* foreign, static; NULL: free */
	sqlite3_stmt *q; /* own */
};

static unsigned int slot_of(const char *sql, unsigned int slots)
{
	uint64_t h = (uint64_t)(uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned int)(h >> 32) & (slots - 1);
}

/* The slot of a text, or the free one where it belongs. */
static struct sqb_stmt_slot *find(struct sqb_stmt_slot *table,
				  unsigned int slots, const char *sql)
{
	unsigned int i = slot_of(sql, slots);

	while (table[i].sql != NULL && table[i].sql != sql)
		i = (i + 1) & (slots - 1);
	return &table[i];
}

static void grow(struct sqb_store *st)
{
	unsigned int slots =
		st->stmt_slots > 0 ? 2 * st->stmt_slots : SLOTS_MIN;
	struct sqb_stmt_slot *table = sqb_xcalloc(slots, sizeof(*table));
	unsigned int i;

	for (i = 0; i < st->stmt_slots; i++) {
		if (st->stmts[i].sql != NULL)
			*find(table, slots, st->stmts[i].sql) = st->stmts[i];
	}
	free(st->stmts);
	st->stmts = table;
	st->stmt_slots = slots;
}

static sqlite3_stmt *prepare(struct sqb_store *st, const char *sql,
			     unsigned int flags)
{
	sqlite3_stmt *q;

	if (sqlite3_prepare_v3(st->db, sql, -1, flags, &q, NULL) != SQLITE_OK) {
		(void)sqb_fail_sqlite(st, sql);
		return NULL;
	}
	return q;
}

sqlite3_stmt *sqb_stmt(struct sqb_store *st, const char *sql)
{
	struct sqb_stmt_slot *slot;

	if (st->ahead != NULL)
		sqb_body_ahead_drop(st);
	if (4 * (st->stmt_count + 1) > 3 * st->stmt_slots)
		grow(st);
	slot = find(st->stmts, st->stmt_slots, sql);
	if (slot->sql != NULL) {
		sqlite3_reset(slot->q);
		sqlite3_clear_bindings(slot->q);
		return slot->q;
	}
	slot->q = prepare(st, sql, SQLITE_PREPARE_PERSISTENT);
	if (slot->q == NULL)
		return NULL;
	slot->sql = sql;
	st->stmt_count++;
	return slot->q;
}

sqlite3_stmt *sqb_stmt_new(struct sqb_store *st, const char *sql)
{
	if (st->ahead != NULL)
		sqb_body_ahead_drop(st);
	return prepare(st, sql, 0);
}

bool sqb_step(struct sqb_store *st, sqlite3_stmt *q, enum sqb_err *err_r)
{
	int rc;

	if (q == NULL) {
		*err_r = st->err;
		return false;
	}
	*err_r = SQB_OK;
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		*err_r = sqb_fail_sqlite(st, sqlite3_sql(q));
	sqlite3_reset(q);
	return false;
}

enum sqb_err sqb_run(struct sqb_store *st, sqlite3_stmt *q)
{
	enum sqb_err err;

	while (sqb_step(st, q, &err))
		;
	return err;
}

enum sqb_err sqb_run_int64(struct sqb_store *st, sqlite3_stmt *q,
			   int64_t *value_r)
{
	enum sqb_err err;

	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	*value_r = sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	return SQB_OK;
}

sqlite3_stmt *sqb_walk_begin(struct sqb_walk *w, struct sqb_store *st,
			     const char *sql)
{
	w->st = st;
	w->q = sqb_stmt_new(st, sql);
	w->done = w->q == NULL;
	w->err = w->done ? st->err : SQB_OK;
	return w->q;
}

bool sqb_walk_step(struct sqb_walk *w)
{
	if (!w->done)
		w->done = !sqb_step(w->st, w->q, &w->err);
	return !w->done;
}

enum sqb_err sqb_walk_free(struct sqb_walk *w)
{
	enum sqb_err err = SQB_OK;

	if (w != NULL) {
		err = w->err;
		sqlite3_finalize(w->q);
	}
	free(w);
	return err;
}

void sqb_stmt_free_all(struct sqb_store *st)
{
	unsigned int i;

	for (i = 0; i < st->stmt_slots; i++)
		sqlite3_finalize(st->stmts[i].q);
	free(st->stmts);
	st->stmts = NULL;
	st->stmt_slots = 0;
	st->stmt_count = 0;
}

sqlite3 *sqb_db(struct sqb_store *st)
{
	return st->db;
}
