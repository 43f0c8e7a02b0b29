/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Keywords.  Their names are kept in memory by number: numbers are dense, only
 * grow, and none is ever removed, so what was read once stays true.  Names
 * read inside a write transaction may still be rolled back with it; they count
 * for that transaction only and are read again after it.
 */
#include "common/keyword-private.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

struct sqb_keyword_cache {
	char **names; /* own, by number */
	size_t alloc;
	size_t count;    /* known */
	size_t sure;     /* of them committed */
	uint64_t serial; /* of the transaction that the rest was read in */

	char **gone; /* own: replaced names that somebody may still hold */
	size_t gone_count, gone_alloc;

	struct sqb_more more; /* own */
};

static struct sqb_keyword_cache *cache_of(struct sqb_store *st)
{
	if (st->keywords == NULL)
		st->keywords = sqb_xcalloc(1, sizeof(*st->keywords));
	return st->keywords;
}

void sqb_keyword_free_cache(struct sqb_store *st)
{
	struct sqb_keyword_cache *kc = st->keywords;
	size_t i;

	if (kc == NULL)
		return;
	st->keywords = NULL;
	for (i = 0; i < kc->alloc; i++)
		free(kc->names[i]);
	for (i = 0; i < kc->gone_count; i++)
		free(kc->gone[i]);
	free(kc->names);
	free(kc->gone);
	free(kc->more.numbers);
	free(kc);
}

struct sqb_more *sqb_more_buffer(struct sqb_store *st)
{
	return &cache_of(st)->more;
}

bool sqb_keyword_ok(const char *name)
{
	size_t len = strnlen(name, SQB_KEYWORD_MAX + 1), i;

	if (len == 0 || len > SQB_KEYWORD_MAX)
		return false;
	for (i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] >= 0x7f ||
		    strchr("(){%*\"\\]", name[i]) != NULL)
			return false;
	}
	return true;
}

static const char sql_find[] = "SELECT number FROM keyword WHERE name = ?1";
static const char sql_insert[] =
	"INSERT INTO keyword (number, name)"
	" SELECT coalesce(max(number) + 1, 0), ?1 FROM keyword"
	" RETURNING number";

static enum sqb_err number_by(struct sqb_store *st, const char *sql,
			      const char *name, uint32_t *number_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql);
	enum sqb_err err;
	int64_t number;

	sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
	err = sqb_run_int64(st, q, &number);
	if (err == SQB_OK)
		*number_r = (uint32_t)number;
	return err;
}

enum sqb_err sqb_keyword_number(struct sqb_store *st, const char *name,
				bool create, uint32_t *number_r)
{
	enum sqb_err err;

	if (!sqb_keyword_ok(name))
		return sqb_fail(st, SQB_INVALID,
				"\"%.100s\" cannot be a keyword: it is not an "
				"atom of 1 to %d octets",
				name, SQB_KEYWORD_MAX);
	err = number_by(st, sql_find, name, number_r);
	if (err != SQB_NOTFOUND || !create)
		return err;
	err = sqb_need_txn(st);
	if (err == SQB_OK)
		err = number_by(st, sql_insert, name, number_r);
	return err;
}

static void remember(struct sqb_keyword_cache *kc, const char *name)
{
	size_t old_alloc = kc->alloc;
	char **slot;

	kc->names =
		sqb_xgrow(kc->names, kc->count, &kc->alloc, sizeof(*kc->names));
	if (kc->alloc > old_alloc)
		memset(kc->names + old_alloc, 0,
		       (kc->alloc - old_alloc) * sizeof(*kc->names));
	slot = &kc->names[kc->count++];
	if (*slot != NULL && strcmp(*slot, name) == 0)
		return;
	if (*slot != NULL) {
		kc->gone = sqb_xgrow(kc->gone, kc->gone_count, &kc->gone_alloc,
				     sizeof(*kc->gone));
		kc->gone[kc->gone_count++] = *slot;
	}
	*slot = sqb_xstrdup(name);
}

static const char sql_names[] =
	"SELECT number, name FROM keyword WHERE number >= ?1 ORDER BY number";

/* Read what has come since; a gap, which no sound store has, ends it. */
static enum sqb_err read_names(struct sqb_store *st,
			       struct sqb_keyword_cache *kc)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_names);
	const char *name;
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, (int64_t)kc->count);
	while (sqb_step(st, q, &err)) {
		name = (const char *)sqlite3_column_text(q, 1);
		if (name == NULL ||
		    sqlite3_column_int64(q, 0) != (int64_t)kc->count) {
			sqlite3_reset(q);
			break;
		}
		remember(kc, name);
	}
	if (st->txn.active)
		kc->serial = st->txn.serial;
	else
		kc->sure = kc->count;
	return err;
}

/* Make sure that kc->count is past the number, if there is such a keyword. */
static enum sqb_err know(struct sqb_store *st, uint32_t number,
			 struct sqb_keyword_cache **kc_r)
{
	struct sqb_keyword_cache *kc = cache_of(st);

	*kc_r = kc;
	if (kc->count > kc->sure &&
	    (!st->txn.active || st->txn.serial != kc->serial))
		kc->count = kc->sure;
	return number < kc->count ? SQB_OK : read_names(st, kc);
}

enum sqb_err sqb_keyword_name(struct sqb_store *st, uint32_t number,
			      const char **name_r)
{
	struct sqb_keyword_cache *kc;
	enum sqb_err err = know(st, number, &kc);

	if (err != SQB_OK)
		return err;
	/* A name that breaks the rules is damage, and would break IMAP. */
	if (number >= kc->count || !sqb_keyword_ok(kc->names[number]))
		return SQB_NOTFOUND;
	*name_r = kc->names[number];
	return SQB_OK;
}

enum sqb_err sqb_keywords_check(struct sqb_store *st,
				const struct sqb_keywords *keywords)
{
	struct sqb_keyword_cache *kc;
	uint32_t i, highest = 0;
	enum sqb_err err;

	if (keywords->mask == 0 && keywords->more_count == 0)
		return SQB_OK;
	if (keywords->mask >> SQB_KEYWORD_BITS != 0)
		return sqb_fail(st, SQB_INVALID, "bit %d of a keyword mask",
				SQB_KEYWORD_BITS);
	if (keywords->mask != 0)
		highest = 63 - (uint32_t)__builtin_clzll(keywords->mask);
	for (i = 0; i < keywords->more_count; i++) {
		if (keywords->more[i] < SQB_KEYWORD_BITS ||
		    (i > 0 && keywords->more[i] <= highest))
			return sqb_fail(st, SQB_INVALID,
					"a list of keywords is not in order");
		highest = keywords->more[i];
	}
	err = know(st, highest, &kc);
	if (err != SQB_OK)
		return err;
	if (highest >= kc->count)
		return sqb_fail(st, SQB_INVALID,
				"there is no keyword with the number %u",
				highest);
	return SQB_OK;
}

#define SQL_MORE(table) \
	"SELECT number FROM " table " WHERE mailbox_id = ?1 AND uid = ?2" \
	" ORDER BY number"
static const char *const sql_more[] = {
	[SQB_KEYWORD_MORE] = SQL_MORE("keyword_more"),
	[SQB_REMOTE_KEYWORD_MORE] = SQL_MORE("remote_keyword_more"),
};

enum sqb_err sqb_more_read(struct sqb_store *st, enum sqb_more_table table,
			   int64_t box, uint32_t uid, struct sqb_more *more)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_more[table]);
	enum sqb_err err;

	more->count = 0;
	sqlite3_bind_int64(q, 1, box);
	sqlite3_bind_int64(q, 2, uid);
	while (sqb_step(st, q, &err)) {
		more->numbers = sqb_xgrow(more->numbers, more->count,
					  &more->alloc, sizeof(*more->numbers));
		more->numbers[more->count++] =
			(uint32_t)sqlite3_column_int64(q, 0);
	}
	return err;
}

#define SQL_MORE_INSERT(table) \
	"INSERT INTO " table " (mailbox_id, uid, number) VALUES (?1, ?2, ?3)"
static const char *const sql_more_insert[] = {
	[SQB_KEYWORD_MORE] = SQL_MORE_INSERT("keyword_more"),
	[SQB_REMOTE_KEYWORD_MORE] = SQL_MORE_INSERT("remote_keyword_more"),
};

enum sqb_err sqb_more_insert(struct sqb_store *st, enum sqb_more_table table,
			     int64_t box, uint32_t uid,
			     const struct sqb_keywords *keywords)
{
	enum sqb_err err = SQB_OK;
	sqlite3_stmt *q;
	uint32_t i;

	for (i = 0; i < keywords->more_count && err == SQB_OK; i++) {
		q = sqb_stmt(st, sql_more_insert[table]);
		sqlite3_bind_int64(q, 1, box);
		sqlite3_bind_int64(q, 2, uid);
		sqlite3_bind_int64(q, 3, keywords->more[i]);
		err = sqb_run(st, q);
	}
	return err;
}

#define SQL_MORE_DELETE(table) \
	"DELETE FROM " table " WHERE mailbox_id = ?1" \
	" AND uid BETWEEN ?2 AND ?3"
static const char *const sql_more_delete[] = {
	[SQB_KEYWORD_MORE] = SQL_MORE_DELETE("keyword_more"),
	[SQB_REMOTE_KEYWORD_MORE] = SQL_MORE_DELETE("remote_keyword_more"),
};

enum sqb_err sqb_more_delete(struct sqb_store *st, enum sqb_more_table table,
			     int64_t box, uint32_t uid_lo, uint32_t uid_hi)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_more_delete[table]);

	sqlite3_bind_int64(q, 1, box);
	sqlite3_bind_int64(q, 2, uid_lo);
	sqlite3_bind_int64(q, 3, uid_hi);
	return sqb_run(st, q);
}
