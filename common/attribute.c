/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Attributes of mailboxes and of the account.
 */
#include "common/attribute.h"

#include "common/mailbox-private.h"

#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

static const char sql_get[] = "SELECT value, changed FROM attribute"
			      " WHERE mailbox_id = ?1 AND key = ?2";

enum sqb_err sqb_attribute_get(struct sqb_store *st, struct sqb_mailbox_id id,
			       const char *key, void **value_r, size_t *size_r,
			       int64_t *changed_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_get);
	const void *data;
	enum sqb_err err;
	size_t size;
	char *value;

	sqlite3_bind_int64(q, 1, id.n);
	sqlite3_bind_text(q, 2, key, -1, SQLITE_STATIC);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	data = sqlite3_column_blob(q, 0);
	size = data != NULL ? (size_t)sqlite3_column_bytes(q, 0) : 0;
	value = sqb_xmalloc(size + 1);
	if (size > 0)
		memcpy(value, data, size);
	value[size] = '\0';
	*value_r = value;
	*size_r = size;
	if (changed_r != NULL)
		*changed_r = sqlite3_column_int64(q, 1);
	sqlite3_reset(q);
	return SQB_OK;
}

static enum sqb_err check_key(struct sqb_store *st, const char *key)
{
	const char *s = key;
	size_t len = strnlen(key, SQB_ATTRIBUTE_KEY_MAX + 1);
	uint32_t c;

	if (len > SQB_ATTRIBUTE_KEY_MAX)
		return sqb_fail(st, SQB_LIMIT,
				"the key of an attribute has more than %d "
				"octets",
				SQB_ATTRIBUTE_KEY_MAX);
	while (s != NULL && *s != '\0')
		s = sqb_utf8_next(s, &c);
	if (s == NULL || len == 0)
		return sqb_fail(st, SQB_INVALID,
				"the key of an attribute is %s",
				len == 0 ? "empty" : "not valid UTF-8");
	return SQB_OK;
}

static const char sql_set[] =
	"INSERT INTO attribute (mailbox_id, key, value, changed)"
	" VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE"
	" SET value = excluded.value, changed = excluded.changed"
	" WHERE value != excluded.value OR changed != excluded.changed";
static const char sql_remove[] =
	"DELETE FROM attribute WHERE mailbox_id = ?1 AND key = ?2";

enum sqb_err sqb_attribute_set(struct sqb_store *st, struct sqb_mailbox_id id,
			       const char *key, const void *value, size_t size,
			       int64_t changed)
{
	struct sqb_mailbox_status status;
	enum sqb_err err;
	sqlite3_stmt *q;
	bool inbox;

	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = check_key(st, key)) != SQB_OK)
		return err;
	if (size > SQB_ATTRIBUTE_VALUE_MAX)
		return sqb_fail(st, SQB_LIMIT,
				"the value of attribute \"%s\" has more than "
				"%d octets",
				key, SQB_ATTRIBUTE_VALUE_MAX);
	if (id.n != SQB_ROOT)
		err = sqb_mailbox_need(st, id, &status, &inbox);
	if (err != SQB_OK)
		return err;

	q = sqb_stmt(st, value != NULL ? sql_set : sql_remove);
	sqlite3_bind_int64(q, 1, id.n);
	sqlite3_bind_text(q, 2, key, -1, SQLITE_STATIC);
	if (value != NULL) {
		sqlite3_bind_blob64(q, 3, size > 0 ? value : "", size,
				    SQLITE_STATIC);
		sqlite3_bind_int64(q, 4, changed);
	}
	err = sqb_run(st, q);
	if (err == SQB_OK && sqlite3_changes(sqb_db(st)) > 0)
		err = sqb_txn_touch_tree(st);
	return err;
}

struct sqb_attribute_iter {
	struct sqb_walk walk;
	char *prefix; /* own */
};

static const char sql_walk[] = "SELECT key FROM attribute"
			       " WHERE mailbox_id = ?1 AND key >= ?2"
			       " ORDER BY key";

struct sqb_attribute_iter *sqb_attribute_iter_begin(struct sqb_store *st,
						    struct sqb_mailbox_id id,
						    const char *prefix)
{
	struct sqb_attribute_iter *it = sqb_xcalloc(1, sizeof(*it));
	sqlite3_stmt *q = sqb_walk_begin(&it->walk, st, sql_walk);

	it->prefix = sqb_xstrdup(prefix);
	sqlite3_bind_int64(q, 1, id.n);
	sqlite3_bind_text(q, 2, it->prefix, -1, SQLITE_STATIC);
	return it;
}

bool sqb_attribute_iter_next(struct sqb_attribute_iter *it, const char **key_r)
{
	const char *key = NULL;

	if (sqb_walk_step(&it->walk))
		key = (const char *)sqlite3_column_text(it->walk.q, 0);
	if (key == NULL || strncmp(key, it->prefix, strlen(it->prefix)) != 0) {
		it->walk.done = true;
		return false;
	}
	*key_r = key;
	return true;
}

enum sqb_err sqb_attribute_iter_end(struct sqb_attribute_iter **it_p)
{
	struct sqb_attribute_iter *it = *it_p;

	if (it == NULL)
		return SQB_OK;
	*it_p = NULL;
	free(it->prefix);
	return sqb_walk_free(&it->walk);
}
