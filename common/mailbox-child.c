/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Mailboxes as a file system asks for them: by parent and level, by id, by use.
 */
#include "common/mailbox-private.h"

#include <stdlib.h>
#include <string.h>

bool sqb_mailbox_level_ok(const char *level)
{
	return sqb_level_ok(level, strnlen(level, SQB_LEVEL_MAX + 1));
}

enum sqb_err sqb_mailbox_child(struct sqb_store *st,
			       struct sqb_mailbox_id parent, const char *level,
			       struct sqb_mailbox_id *id_r)
{
	size_t len = strnlen(level, SQB_LEVEL_MAX + 1);
	struct sqb_level child = { level, (int)len, NULL };

	if (!sqb_level_ok(level, len))
		return SQB_NOTFOUND;
	return sqb_child_find(st, parent.n, &child, &id_r->n);
}

static const char sql_use[] = "SELECT id FROM mailbox WHERE id > 0"
			      " AND special_use & ?1 != 0 ORDER BY id LIMIT 1";

enum sqb_err sqb_mailbox_find_use(struct sqb_store *st,
				  enum sqb_special_use use,
				  struct sqb_mailbox_id *id_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_use);

	sqlite3_bind_int(q, 1, (int)use);
	return sqb_run_int64(st, q, &id_r->n);
}

struct sqb_child_iter {
	struct sqb_walk walk;
};

#define SELECT_CHILD \
	"SELECT " SQB_STATUS_COLUMNS ", m.name," \
	" (SELECT count(*) FROM mailbox c WHERE c.parent_id = m.id)," \
	" (SELECT max(s.save_date, 1) FROM message s" \
	"  WHERE s.mailbox_id = m.id ORDER BY s.uid DESC LIMIT 1)"

static void fill_info(sqlite3_stmt *q, struct sqb_mailbox_info *info)
{
	int column = SQB_STATUS_COLUMN_COUNT + 1;

	sqb_status_fill(q, &info->status);
	info->children = (uint32_t)sqlite3_column_int64(q, column);
	info->status.has_children = info->children > 0;
	info->last_saved = sqlite3_column_int64(q, column + 1);
}

static const char sql_info[] = SELECT_CHILD " FROM mailbox m WHERE m.id = ?1";

enum sqb_err sqb_mailbox_info_get(struct sqb_store *st,
				  struct sqb_mailbox_id id,
				  struct sqb_mailbox_info *info_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_info);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, id.n);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	fill_info(q, info_r);
	info_r->name = NULL;
	sqlite3_reset(q);
	return SQB_OK;
}

static const char sql_children[] =
	SELECT_CHILD " FROM mailbox m INDEXED BY mailbox_parent"
		     " WHERE m.parent_id = ?1 AND m.id > ?2 ORDER BY m.id";
/* An index would be written at every change of anything. */
static const char sql_changed[] =
	SELECT_CHILD " FROM mailbox m WHERE m.id > ?1"
		     " AND m.highestmodseq > ?2 ORDER BY m.id";

static struct sqb_child_iter *new_iter(struct sqb_store *st, const char *sql,
				       int64_t a, int64_t b)
{
	struct sqb_child_iter *it = sqb_xcalloc(1, sizeof(*it));
	sqlite3_stmt *q = sqb_walk_begin(&it->walk, st, sql);

	sqlite3_bind_int64(q, 1, a);
	sqlite3_bind_int64(q, 2, b);
	return it;
}

struct sqb_child_iter *sqb_child_iter_begin(struct sqb_store *st,
					    struct sqb_mailbox_id parent,
					    struct sqb_mailbox_id after)
{
	return new_iter(st, sql_children, parent.n, after.n);
}

struct sqb_child_iter *sqb_changed_mailbox_iter_begin(struct sqb_store *st,
						      uint64_t since)
{
	return new_iter(st, sql_changed, SQB_ROOT,
			since > INT64_MAX ? INT64_MAX : (int64_t)since);
}

bool sqb_child_iter_next(struct sqb_child_iter *it,
			 struct sqb_mailbox_info *info_r)
{
	sqlite3_stmt *q = it->walk.q;
	const char *name = NULL;
	size_t len = 0;

	/* A name that nobody could ask for is damage: left out. */
	while (name == NULL || !sqb_level_ok(name, len)) {
		if (!sqb_walk_step(&it->walk))
			return false;
		name = (const char *)sqlite3_column_text(
			q, SQB_STATUS_COLUMN_COUNT);
		len = (size_t)sqlite3_column_bytes(q, SQB_STATUS_COLUMN_COUNT);
	}
	fill_info(q, info_r);
	info_r->name = name;
	return true;
}

enum sqb_err sqb_child_iter_end(struct sqb_child_iter **it_p)
{
	struct sqb_child_iter *it = *it_p;

	*it_p = NULL;
	return sqb_walk_free(it != NULL ? &it->walk : NULL);
}
