/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Names of mailboxes: their rules, and the way between a name and a row.
 */
#include "common/mailbox-private.h"

#include <string.h>
#include <strings.h>

#include "common/utf8.h"

bool sqb_level_ok(const char *name, size_t len)
{
	const char *s = name;
	uint32_t c;

	if (len == 0 || len > SQB_LEVEL_MAX)
		return false;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return false;
	while (s < name + len) {
		s = sqb_utf8_next(s, &c);
		if (s == NULL || c == '/')
			return false;
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
	}
	return s == name + len;
}

bool sqb_name_ok(const char *name)
{
	size_t len;

	if (strnlen(name, SQB_NAME_MAX + 1) > SQB_NAME_MAX)
		return false;
	for (;;) {
		len = strcspn(name, "/");
		if (!sqb_level_ok(name, len))
			return false;
		if (name[len] == '\0')
			return true;
		name += len + 1;
	}
}

enum sqb_err sqb_name_check(struct sqb_store *st, const char *name)
{
	if (sqb_name_ok(name))
		return SQB_OK;
	return sqb_fail(st, SQB_INVALID,
			"\"%.100s\" cannot be the name of a mailbox: a level "
			"is 1 to %d octets of UTF-8 without control characters",
			name, SQB_LEVEL_MAX);
}

static void cut_level(const char *s, struct sqb_level *level)
{
	size_t len = strcspn(s, "/");

	level->name = s;
	level->len = (int)len;
	level->rest = s[len] == '/' ? s + len + 1 : NULL;
}

void sqb_level_first(const char *name, struct sqb_level *level_r)
{
	cut_level(name, level_r);
	if (level_r->len == 5 && strncasecmp(name, "INBOX", 5) == 0)
		level_r->name = "INBOX";
}

void sqb_level_next(struct sqb_level *level)
{
	cut_level(level->rest, level);
}

char *sqb_name_dup(const char *name)
{
	char *copy = sqb_xstrdup(name);
	struct sqb_level first;

	sqb_level_first(name, &first);
	memcpy(copy, first.name, (size_t)first.len);
	return copy;
}

static const char sql_child[] =
	"SELECT id FROM mailbox WHERE parent_id = ?1 AND name = ?2";

enum sqb_err sqb_child_find(struct sqb_store *st, int64_t parent,
			    const struct sqb_level *level, int64_t *id_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_child);

	sqlite3_bind_int64(q, 1, parent);
	sqlite3_bind_text(q, 2, level->name, level->len, SQLITE_STATIC);
	return sqb_run_int64(st, q, id_r);
}

enum sqb_err sqb_mailbox_find(struct sqb_store *st, const char *name,
			      struct sqb_mailbox_id *id_r)
{
	struct sqb_level level;
	int64_t id = SQB_ROOT;
	enum sqb_err err;

	if (!sqb_name_ok(name))
		return SQB_NOTFOUND;
	err = sqb_read_begin(st);
	if (err != SQB_OK)
		return err;
	sqb_level_first(name, &level);
	while ((err = sqb_child_find(st, id, &level, &id)) == SQB_OK &&
	       level.rest != NULL)
		sqb_level_next(&level);
	sqb_read_end(st);
	if (err == SQB_OK)
		id_r->n = id;
	return err;
}

/* One row a level, from the mailbox up; the limit ends a cycle. */
static const char sql_climb[] =
	"WITH RECURSIVE up (parent_id, name) AS ("
	" SELECT parent_id, name FROM mailbox WHERE id = ?1 AND id > 0"
	" UNION ALL"
	" SELECT m.parent_id, m.name FROM up"
	" JOIN mailbox m ON m.id = up.parent_id WHERE m.id > 0"
	" LIMIT 4097)"
	" SELECT name, coalesce(parent_id, -1) FROM up";

enum sqb_err sqb_mailbox_name(struct sqb_store *st, struct sqb_mailbox_id id,
			      char **name_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_climb);
	char buf[SQB_NAME_MAX + 1];
	size_t pos = sizeof(buf), len;
	int64_t parent = id.n;
	const void *level;
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, id.n);
	while (sqb_step(st, q, &err)) {
		level = sqlite3_column_text(q, 0);
		len = (size_t)sqlite3_column_bytes(q, 0);
		parent = sqlite3_column_int64(q, 1);
		if (level == NULL || len + 1 > pos) {
			parent = -1;
			continue;
		}
		buf[--pos] = '/';
		pos -= len;
		memcpy(buf + pos, level, len);
	}
	if (err != SQB_OK)
		return err;
	if (parent == id.n)
		return SQB_NOTFOUND;
	if (parent != SQB_ROOT || pos == sizeof(buf))
		return sqb_fail(st, SQB_CORRUPT,
				"mailbox %lld does not hang in the tree",
				(long long)id.n);
	buf[sizeof(buf) - 1] = '\0';
	*name_r = sqb_xstrdup(buf + pos);
	return SQB_OK;
}
