/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * How many messages a body has.
 *
 * One, mostly, and then no row says so.  More: body_shared has the number.
 * None: body_free has the time of the last expunge, and sqb_purge() frees the
 * body some time after it, so that who is reading it can finish; until then a
 * copy may still take it back.
 */
#include "common/message-private.h"

#include <time.h>

static enum sqb_err run_on(struct sqb_store *st, const char *sql,
			   struct sqb_body_id id, int *changes_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, id.n);
	err = sqb_run(st, q);
	*changes_r = err == SQB_OK ? sqlite3_changes(sqb_db(st)) : 0;
	return err;
}

static const char sql_share[] =
	"INSERT INTO body_shared (body_id, refs)"
	" SELECT ?1, 2 WHERE (EXISTS (SELECT 1 FROM body WHERE id = ?1)"
	"  OR EXISTS (SELECT 1 FROM body_absent WHERE body_id = ?1))"
	" AND NOT EXISTS (SELECT 1 FROM body_free WHERE body_id = ?1)"
	" ON CONFLICT DO UPDATE SET refs = refs + 1";
static const char sql_take_back[] = "DELETE FROM body_free WHERE body_id = ?1";

enum sqb_err sqb_body_link(struct sqb_store *st, struct sqb_body_id id)
{
	enum sqb_err err;
	int changes;

	err = run_on(st, sql_share, id, &changes);
	if (err == SQB_OK && changes == 0) {
		err = run_on(st, sql_take_back, id, &changes);
		if (err == SQB_OK && changes == 0)
			err = SQB_NOTFOUND;
	}
	return err;
}

static const char sql_less[] = "UPDATE body_shared SET refs = refs - 1"
			       " WHERE body_id = ?1 AND refs > 2";
static const char sql_unshare[] = "DELETE FROM body_shared WHERE body_id = ?1";

enum sqb_err sqb_body_unlink(struct sqb_store *st, struct sqb_body_id id)
{
	enum sqb_err err;
	int changes;

	err = run_on(st, sql_less, id, &changes);
	if (err != SQB_OK || changes > 0)
		return err;
	err = run_on(st, sql_unshare, id, &changes);
	if (err != SQB_OK || changes > 0)
		return err;
	return sqb_body_unlink_last(st, id);
}

/* In a damaged store a body may be there already. */
static const char sql_free[] = "INSERT INTO body_free (body_id, since)"
			       " VALUES (?1, ?2) ON CONFLICT DO NOTHING";

enum sqb_err sqb_body_unlink_last(struct sqb_store *st, struct sqb_body_id id)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_free);

	sqlite3_bind_int64(q, 1, id.n);
	sqlite3_bind_int64(q, 2, time(NULL));
	return sqb_run(st, q);
}

static const char sql_count[] =
	"SELECT coalesce((SELECT refs FROM body_shared WHERE body_id = ?1),"
	" NOT EXISTS (SELECT 1 FROM body_free WHERE body_id = ?1))";

enum sqb_err sqb_body_refs(struct sqb_store *st, struct sqb_body_id id,
			   uint64_t *refs_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_count);
	enum sqb_err err;
	int64_t refs;

	sqlite3_bind_int64(q, 1, id.n);
	err = sqb_run_int64(st, q, &refs);
	if (err == SQB_OK)
		*refs_r = (uint64_t)refs;
	return err;
}

static const char sql_any[] = "SELECT EXISTS (SELECT 1 FROM body_shared)";

enum sqb_err sqb_body_any_shared(struct sqb_store *st, bool *any_r)
{
	enum sqb_err err;
	int64_t any;

	err = sqb_run_int64(st, sqb_stmt(st, sql_any), &any);
	if (err == SQB_OK)
		*any_r = any != 0;
	return err;
}
