/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * RENAME.  A row holds one level and its parent's id, so a mailbox takes its
 * inferiors along when its own row changes.
 *
 * INBOX is the exception (RFC 3501 6.3.5): its row goes to the new name, with
 * id, UIDs and messages as ever, and a new row becomes INBOX and the parent of
 * the inferiors.  Hence INBOX is found by its name, never by an id.
 */
#include "common/mailbox-private.h"

#include <string.h>

/* Octets of the longest path below a mailbox; the limit ends a cycle. */
static const char sql_below[] =
	"WITH RECURSIVE below (id, len) AS ("
	" SELECT ?1, 0"
	" UNION ALL"
	" SELECT m.id, b.len + 1 + length(CAST(m.name AS BLOB))"
	" FROM below b JOIN mailbox m ON m.parent_id = b.id"
	" WHERE b.len <= ?2)"
	" SELECT max(len) FROM below";

static enum sqb_err check_length(struct sqb_store *st, struct sqb_mailbox_id id,
				 const char *new_name)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_below);
	enum sqb_err err;
	int64_t below;

	sqlite3_bind_int64(q, 1, id.n);
	sqlite3_bind_int64(q, 2, SQB_NAME_MAX);
	err = sqb_run_int64(st, q, &below);
	if (err != SQB_OK)
		return err;
	if ((int64_t)strlen(new_name) + below > SQB_NAME_MAX)
		return sqb_fail(st, SQB_INVALID,
				"a mailbox below \"%.100s\" would get a name "
				"of more than %d octets",
				new_name, SQB_NAME_MAX);
	return SQB_OK;
}

/* SQB_OK: the new name is free, and not below the mailbox itself. */
static enum sqb_err check_target(struct sqb_store *st, struct sqb_mailbox_id id,
				 const char *new_name)
{
	struct sqb_level level;
	int64_t at = SQB_ROOT;
	enum sqb_err err;

	sqb_level_first(new_name, &level);
	for (;;) {
		err = sqb_child_find(st, at, &level, &at);
		if (err == SQB_NOTFOUND)
			return SQB_OK;
		if (err != SQB_OK)
			return err;
		if (level.rest == NULL)
			return sqb_fail(st, SQB_EXISTS,
					"there is a mailbox \"%s\" already",
					new_name);
		if (at == id.n)
			return sqb_fail(st, SQB_INVALID,
					"a mailbox cannot go below itself");
		sqb_level_next(&level);
	}
}

static const char sql_move[] =
	"UPDATE mailbox SET parent_id = ?2, name = ?3 WHERE id = ?1";

static enum sqb_err move_row(struct sqb_store *st, struct sqb_mailbox_id id,
			     int64_t parent, const struct sqb_level *level)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_move);

	sqlite3_bind_int64(q, 1, id.n);
	sqlite3_bind_int64(q, 2, parent);
	sqlite3_bind_text(q, 3, level->name, level->len, SQLITE_STATIC);
	return sqb_run(st, q);
}

static const char sql_adopt[] =
	"UPDATE mailbox SET parent_id = ?2 WHERE parent_id = ?1";

static enum sqb_err new_inbox(struct sqb_store *st, struct sqb_mailbox_id old)
{
	static const struct sqb_mailbox_create none;
	struct sqb_level inbox;
	sqlite3_stmt *q;
	enum sqb_err err;
	int64_t id;

	sqb_level_first("INBOX", &inbox);
	err = sqb_mailbox_insert(st, SQB_ROOT, &inbox, &none, &id);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_adopt);
	sqlite3_bind_int64(q, 1, old.n);
	sqlite3_bind_int64(q, 2, id);
	return sqb_run(st, q);
}

enum sqb_err sqb_mailbox_rename(struct sqb_store *st, struct sqb_mailbox_id id,
				const char *new_name)
{
	struct sqb_mailbox_status status;
	struct sqb_level last;
	int64_t parent;
	enum sqb_err err;
	bool inbox;

	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = sqb_mailbox_need(st, id, &status, &inbox)) != SQB_OK ||
	    (err = sqb_name_check(st, new_name)) != SQB_OK ||
	    (err = check_target(st, id, new_name)) != SQB_OK)
		return err;
	if (!inbox && status.has_children)
		err = check_length(st, id, new_name);
	if (err == SQB_OK)
		err = sqb_parents_make(st, new_name, &parent, &last);
	if (err == SQB_OK)
		err = move_row(st, id, parent, &last);
	if (err == SQB_OK && inbox)
		err = new_inbox(st, id);
	if (err == SQB_OK)
		err = sqb_txn_touch_tree(st);
	return err;
}
