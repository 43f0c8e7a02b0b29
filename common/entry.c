/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Names given to messages as files.
 *
 * Few messages have one, so the walk is two: over the messages, and beside it
 * over the names in the same order.
 */
#include "common/entry.h"

#include "common/message-private.h"

#include <stdlib.h>
#include <string.h>

bool sqb_entry_name_ok(const char *name)
{
	size_t len = strnlen(name, SQB_ENTRY_NAME_MAX + 1);

	return len > 0 && len <= SQB_ENTRY_NAME_MAX &&
	       strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

/* NULL: none, or one that nobody could have given. */
static const char *name_in(sqlite3_stmt *q, int column)
{
	const char *name = (const char *)sqlite3_column_text(q, column);

	return name != NULL && sqb_entry_name_ok(name) ? name : NULL;
}

static const char sql_find[] =
	"SELECT uid FROM entry_name WHERE mailbox_id = ?1 AND name = ?2";

enum sqb_err sqb_entry_find(struct sqb_store *st, struct sqb_mailbox_id box,
			    const char *name, uint32_t *uid_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_find);
	enum sqb_err err;
	int64_t uid;

	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_blob64(q, 2, name, strlen(name), SQLITE_STATIC);
	err = sqb_run_int64(st, q, &uid);
	if (err == SQB_OK)
		*uid_r = (uint32_t)uid;
	return err;
}

static const char sql_get[] =
	"SELECT e.name, m.modseq FROM message m LEFT JOIN entry_name e"
	" ON e.mailbox_id = m.mailbox_id AND e.uid = m.uid"
	" WHERE m.mailbox_id = ?1 AND m.uid = ?2";

/* *name_r NULL: the computed one.  SQB_NOTFOUND: no such message. */
static enum sqb_err get_name(struct sqb_store *st, struct sqb_mailbox_id box,
			     uint32_t uid, char **name_r, uint64_t *modseq_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_get);
	const char *name;
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, uid);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	name = name_in(q, 0);
	*name_r = name != NULL ? sqb_xstrdup(name) : NULL;
	*modseq_r = (uint64_t)sqlite3_column_int64(q, 1);
	sqlite3_reset(q);
	return SQB_OK;
}

enum sqb_err sqb_entry_name_get(struct sqb_store *st, struct sqb_mailbox_id box,
				uint32_t uid, char **name_r)
{
	char *name = NULL;
	uint64_t modseq;
	enum sqb_err err = get_name(st, box, uid, &name, &modseq);

	if (err == SQB_OK && name == NULL)
		err = SQB_NOTFOUND;
	if (err == SQB_OK)
		*name_r = name;
	return err;
}

/* SQB_OK: the name is a good one, and free. */
static enum sqb_err check_name(struct sqb_store *st, struct sqb_mailbox_id box,
			       const char *name)
{
	enum sqb_err err;
	uint32_t uid;

	if (!sqb_entry_name_ok(name))
		return sqb_fail(st, SQB_INVALID,
				"\"%.300s\" cannot be the name of a file: that "
				"is 1 to %d octets, without '/'",
				name, SQB_ENTRY_NAME_MAX);
	err = sqb_entry_find(st, box, name, &uid);
	if (err == SQB_OK)
		return sqb_fail(st, SQB_EXISTS,
				"UID %u has the name \"%s\" already", uid,
				name);
	return err == SQB_NOTFOUND ? SQB_OK : err;
}

static const char sql_delete[] =
	"DELETE FROM entry_name WHERE mailbox_id = ?1 AND uid = ?2";
/* In place of the name that it has, even one that nobody could have given. */
static const char sql_insert[] =
	"INSERT OR REPLACE INTO entry_name (mailbox_id, uid, name) VALUES (?1, ?2, ?3)";
static const char sql_touch[] = "UPDATE message SET modseq = ?3"
				" WHERE mailbox_id = ?1 AND uid = ?2";
static const char sql_touch_mailbox[] =
	"UPDATE mailbox SET highestmodseq = ?3 WHERE id = ?1";

static sqlite3_stmt *bind_message(struct sqb_store *st, const char *sql,
				  struct sqb_mailbox_id box, uint32_t uid)
{
	sqlite3_stmt *q = sqb_stmt(st, sql);

	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, uid);
	return q;
}

static enum sqb_err touch(struct sqb_store *st, struct sqb_mailbox_id box,
			  uint32_t uid, uint64_t modseq)
{
	static const char *const sql[] = { sql_touch, sql_touch_mailbox };
	enum sqb_err err = SQB_OK;
	sqlite3_stmt *q;
	size_t i;

	for (i = 0; i < 2 && err == SQB_OK; i++) {
		q = bind_message(st, sql[i], box, uid);
		sqlite3_bind_int64(q, 3, (int64_t)modseq);
		err = sqb_run(st, q);
	}
	return err;
}

static enum sqb_err replace(struct sqb_store *st, struct sqb_mailbox_id box,
			    uint32_t uid, const char *name)
{
	sqlite3_stmt *q = bind_message(
		st, name != NULL ? sql_insert : sql_delete, box, uid);

	if (name != NULL)
		sqlite3_bind_blob64(q, 3, name, strlen(name), SQLITE_STATIC);
	return sqb_run(st, q);
}

enum sqb_err sqb_entry_name_set(struct sqb_store *st, struct sqb_mailbox_id box,
				uint32_t uid, const char *name)
{
	uint64_t modseq = 0, changed = 0;
	char *old = NULL;
	enum sqb_err err;
	bool same;

	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = get_name(st, box, uid, &old, &changed)) != SQB_OK)
		return err;
	same = name == NULL || old == NULL ? name == old
					   : strcmp(name, old) == 0;
	free(old);
	if (same)
		return SQB_OK;
	if (name != NULL)
		err = check_name(st, box, name);
	if (err == SQB_OK)
		err = replace(st, box, uid, name);
	if (err == SQB_OK)
		err = sqb_txn_modseq(st, &modseq);
	/* This transaction may have changed or made the message before. */
	if (err == SQB_OK && changed != modseq)
		err = touch(st, box, uid, modseq);
	return err;
}

struct sqb_entry_iter {
	struct sqb_store *st;
	struct sqb_message_iter *messages; /* own */
	sqlite3_stmt *names;               /* own; NULL before the first row */
	enum sqb_err err;                  /* of the names */
	struct sqb_mailbox_id box;
	int64_t uid; /* of the name that names stands at */
};

struct sqb_entry_iter *sqb_entry_iter_begin(struct sqb_store *st,
					    struct sqb_mailbox_id box,
					    uint32_t after_uid)
{
	struct sqb_entry_iter *it = sqb_xcalloc(1, sizeof(*it));
	bool last = after_uid == UINT32_MAX;

	it->st = st;
	it->box = box;
	it->messages = sqb_message_iter_begin(st, box,
					      last ? after_uid : after_uid + 1,
					      last ? 0 : UINT32_MAX);
	return it;
}

static const char sql_names[] = "SELECT uid, name FROM entry_name"
				" WHERE mailbox_id = ?1 AND uid >= ?2"
				" ORDER BY uid";

/*
 * Let names stand at the first one that is not before uid.  It begins when the
 * walk of the messages has its first row, and so sees the same snapshot.
 */
static void advance(struct sqb_entry_iter *it, uint32_t uid)
{
	if (it->names == NULL) {
		it->names = sqb_stmt_new(it->st, sql_names);
		sqlite3_bind_int64(it->names, 1, it->box.n);
		sqlite3_bind_int64(it->names, 2, uid);
	}
	while (it->uid < uid) {
		if (sqb_step(it->st, it->names, &it->err))
			it->uid = sqlite3_column_int64(it->names, 0);
		else
			it->uid = INT64_MAX;
	}
}

bool sqb_entry_iter_next(struct sqb_entry_iter *it, struct sqb_message *msg_r,
			 const char **name_r)
{
	struct sqb_message msg;

	if (it->err != SQB_OK || !sqb_message_iter_next(it->messages, &msg))
		return false;
	advance(it, msg.uid);
	if (it->err != SQB_OK)
		return false;
	*msg_r = msg;
	*name_r = it->uid == msg.uid ? name_in(it->names, 1) : NULL;
	return true;
}

enum sqb_err sqb_entry_iter_end(struct sqb_entry_iter **it_p)
{
	struct sqb_entry_iter *it = *it_p;
	enum sqb_err err;

	if (it == NULL)
		return SQB_OK;
	*it_p = NULL;
	err = sqb_message_iter_end(&it->messages);
	if (it->err != SQB_OK)
		err = it->err;
	sqlite3_finalize(it->names);
	free(it);
	return err;
}
