/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The rows of bodies: inserted within the transaction of their first message,
 * deleted some time after the last one is gone.
 */
#include "common/body-private.h"

#include <string.h>

static const char sql_next_body[] =
	"SELECT next_body FROM mailbox WHERE id = 0";
static const char sql_take_body[] =
	"UPDATE mailbox SET next_body = ?1 + 1 WHERE id = 0";

static const char sql_insert_body[] =
	"INSERT INTO body (id, guid, vsize, hdr_size, eol, date, sum, codec,"
	" data) VALUES (?1, ?2, ?3, ?4, ?9, ?5, ?6, ?7, ?8)";

static const char sql_insert_chunk[] =
	"INSERT INTO body_chunk (body_id, n, data) VALUES (?1, ?2, ?3)";

static const char sql_insert_eol[] =
	"INSERT INTO body_eol (body_id, n, runs) VALUES (?1, ?2, ?3)";

/* SQLite would make a NULL of an empty blob without an address. */
static void bind_chunk(sqlite3_stmt *q, int column, const void *data,
		       size_t size)
{
	sqlite3_bind_blob64(q, column, size > 0 ? data : "", size,
			    SQLITE_STATIC);
}

static enum sqb_err insert_body(struct sqb_body_writer *w, int64_t id,
				int64_t date)
{
	struct sqb_store *st = w->st;
	const void *data = NULL;
	size_t size = 0;
	enum sqb_err err =
		sqb_body_writer_piece(w, &w->chunks, 0, &data, &size);
	sqlite3_stmt *q;

	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_insert_body);
	sqlite3_bind_int64(q, 1, id);
	sqlite3_bind_blob(q, 2, w->guid, SQB_GUID_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, (int64_t)w->vsize);
	sqlite3_bind_int64(q, 4, (int64_t)w->lines.hdr_size);
	sqlite3_bind_int64(q, 5, date);
	sqlite3_bind_int64(q, 6, (int64_t)w->sum);
	sqlite3_bind_int(q, 7, (int)w->codec);
	bind_chunk(q, 8, data, size);
	sqlite3_bind_int(q, 9, (int)sqb_body_writer_eol(w));
	err = sqb_run(st, q);
	sqlite3_clear_bindings(q);
	return err;
}

/* A row for each piece from the first one on. */
static enum sqb_err insert_pieces(struct sqb_body_writer *w, const char *sql,
				  const struct sqb_pieces *pieces, size_t first,
				  int64_t id)
{
	struct sqb_store *st = w->st;
	enum sqb_err err = SQB_OK;
	const void *data = NULL;
	size_t i, size = 0;
	sqlite3_stmt *q;

	for (i = first; i < pieces->count && err == SQB_OK; i++) {
		err = sqb_body_writer_piece(w, pieces, i, &data, &size);
		if (err != SQB_OK)
			break;
		q = sqb_stmt(st, sql);
		sqlite3_bind_int64(q, 1, id);
		sqlite3_bind_int64(q, 2, (int64_t)i);
		bind_chunk(q, 3, data, size);
		err = sqb_run(st, q);
		sqlite3_clear_bindings(q);
	}
	return err;
}

static const char sql_is_stored[] =
	"SELECT count(*) FROM body WHERE id = ?1 AND guid = ?2 AND sum = ?3"
	" AND vsize = ?4";

/*
 * Rows of an earlier transaction may never have been committed, and their id
 * may be another body's by now; or they have been freed since.
 */
static enum sqb_err is_stored(struct sqb_body_writer *w, bool *stored_r)
{
	struct sqb_store *st = w->st;
	enum sqb_err err;
	sqlite3_stmt *q;
	int64_t count;

	*stored_r = w->stored_in == st->txn.serial;
	if (*stored_r || w->stored_in == 0)
		return SQB_OK;
	q = sqb_stmt(st, sql_is_stored);
	sqlite3_bind_int64(q, 1, w->id.n);
	sqlite3_bind_blob(q, 2, w->guid, SQB_GUID_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, (int64_t)w->sum);
	sqlite3_bind_int64(q, 4, (int64_t)w->vsize);
	err = sqb_run_int64(st, q, &count);
	*stored_r = err == SQB_OK && count > 0;
	return err;
}

/* In two statements, as everywhere: UPDATE ... RETURNING takes SQLite longer.
 */
enum sqb_err sqb_body_next_id(struct sqb_store *st, struct sqb_body_id *id_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_next_body);
	struct sqb_body_id id = { 0 };
	enum sqb_err err = sqb_run_int64(st, q, &id.n);

	if (err == SQB_NOTFOUND)
		return sqb_fail(st, SQB_CORRUPT, "%s has lost its row 0",
				st->db_path);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_take_body);
	sqlite3_bind_int64(q, 1, id.n);
	err = sqb_run(st, q);
	if (err == SQB_OK)
		*id_r = id;
	return err;
}

static enum sqb_err store_rows(struct sqb_body_writer *w, struct sqb_body_id id,
			       int64_t date)
{
	struct sqb_store *st = w->st;
	enum sqb_err err = insert_body(w, id.n, date);

	if (err == SQB_OK)
		err = insert_pieces(w, sql_insert_chunk, &w->chunks, 1, id.n);
	if (err == SQB_OK && !w->as_wire)
		err = insert_pieces(w, sql_insert_eol, &w->runs, 0, id.n);
	if (err == SQB_OK) {
		w->id = id;
		w->stored_in = st->txn.serial;
	}
	return err;
}

static enum sqb_err check_writer(struct sqb_store *st,
				 struct sqb_body_writer *w)
{
	enum sqb_err err = sqb_need_txn(st);

	if (err == SQB_OK)
		err = sqb_body_writer_need_finished(w);
	if (err == SQB_OK && w->st != st)
		err = sqb_fail(st, SQB_INVALID,
			       "this body was written for another store");
	return err;
}

static enum sqb_err store_new(struct sqb_store *st, struct sqb_body_writer *w,
			      int64_t date)
{
	enum sqb_err err = sqb_reserve_need(st);
	struct sqb_body_id id = { 0 };

	if (err == SQB_OK)
		err = sqb_body_next_id(st, &id);
	return err == SQB_OK ? store_rows(w, id, date) : err;
}

enum sqb_err sqb_body_store_as(struct sqb_store *st, struct sqb_body_writer *w,
			       struct sqb_body_id id,
			       const uint8_t guid[SQB_GUID_SIZE], int64_t date)
{
	enum sqb_err err = check_writer(st, w);

	if (err == SQB_OK)
		err = sqb_reserve_need(st);
	if (err != SQB_OK)
		return err;
	memcpy(w->guid, guid, SQB_GUID_SIZE);
	w->as_wire = true;
	return store_rows(w, id, date);
}

enum sqb_err sqb_body_store(struct sqb_store *st, struct sqb_body_writer *w,
			    int64_t date, struct sqb_body_id *id_r,
			    bool *fresh_r)
{
	enum sqb_err err = check_writer(st, w);
	bool stored;

	if (err == SQB_OK)
		err = is_stored(w, &stored);
	if (err == SQB_OK && !stored)
		err = store_new(st, w, date);
	if (err != SQB_OK)
		return err;
	*id_r = w->id;
	*fresh_r = !stored;
	return SQB_OK;
}

static const char *const sql_free[] = {
	"DELETE FROM body WHERE id = ?1",
	"DELETE FROM body_chunk WHERE body_id = ?1",
	"DELETE FROM body_eol WHERE body_id = ?1",
	"DELETE FROM body_text WHERE body_id = ?1",
	"DELETE FROM body_absent WHERE body_id = ?1",
};

enum sqb_err sqb_body_free(struct sqb_store *st, struct sqb_body_id id)
{
	enum sqb_err err = sqb_need_txn(st);
	sqlite3_stmt *q;
	size_t i;

	for (i = 0; i < sizeof(sql_free) / sizeof(*sql_free); i++) {
		if (err != SQB_OK)
			return err;
		q = sqb_stmt(st, sql_free[i]);
		sqlite3_bind_int64(q, 1, id.n);
		err = sqb_run(st, q);
	}
	return err;
}
