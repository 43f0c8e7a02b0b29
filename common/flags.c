/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Changing flags and keywords: one UPDATE for a whole range of messages, which
 * leaves out those that need no change.
 *
 * Keywords past the mask take more: their rows in keyword_more are looked at
 * message by message, inside the same statements; the numbers are handed to
 * SQLite as JSON lists.
 */
#include "common/message-private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A change in the form that the statements take. */
struct change {
	struct sqb_mailbox_id box;
	uint32_t uid_lo, uid_hi;
	unsigned int add, remove; /* of the flags column; disjoint */
	uint64_t add_mask, remove_mask;
	char *add_more, *remove_more; /* own; JSON; both NULL: none */
	bool adds_more, removes_more;
};

#define IN_RANGE " WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3"
#define NEEDS_MASK \
	"((flags & ~?5) | ?4 != flags OR (keywords & ~?7) | ?6 != keywords"
#define NEEDS_MORE \
	" OR EXISTS (SELECT 1 FROM json_each(?9) j WHERE NOT EXISTS" \
	"  (SELECT 1 FROM keyword_more k" \
	"   WHERE k.mailbox_id = message.mailbox_id" \
	"   AND k.uid = message.uid AND k.number = j.value))" \
	" OR EXISTS (SELECT 1 FROM keyword_more k" \
	"   WHERE k.mailbox_id = message.mailbox_id" \
	"   AND k.uid = message.uid" \
	"   AND k.number IN (SELECT value FROM json_each(?10)))"
#define SET \
	"UPDATE message SET flags = (flags & ~?5) | ?4," \
	" keywords = (keywords & ~?7) | ?6, modseq = ?8"

static const char sql_any[] =
	"SELECT 1 FROM message" IN_RANGE " AND " NEEDS_MASK ") LIMIT 1";
static const char sql_any_more[] = "SELECT 1 FROM message" IN_RANGE
				   " AND " NEEDS_MASK NEEDS_MORE ") LIMIT 1";
static const char sql_update[] = SET IN_RANGE " AND " NEEDS_MASK ")";
static const char sql_update_more[] =
	SET IN_RANGE " AND " NEEDS_MASK NEEDS_MORE ")";

static sqlite3_stmt *bind_change(struct sqb_store *st, const char *sql,
				 const struct change *c, uint64_t modseq)
{
	sqlite3_stmt *q = sqb_stmt(st, sql);

	sqlite3_bind_int64(q, 1, c->box.n);
	sqlite3_bind_int64(q, 2, c->uid_lo);
	sqlite3_bind_int64(q, 3, c->uid_hi);
	sqlite3_bind_int64(q, 4, c->add);
	sqlite3_bind_int64(q, 5, c->remove);
	sqlite3_bind_int64(q, 6, (int64_t)c->add_mask);
	sqlite3_bind_int64(q, 7, (int64_t)c->remove_mask);
	if (sql == sql_update || sql == sql_update_more)
		sqlite3_bind_int64(q, 8, (int64_t)modseq);
	if (sql == sql_any_more || sql == sql_update_more) {
		sqlite3_bind_text(q, 9, c->add_more, -1, SQLITE_STATIC);
		sqlite3_bind_text(q, 10, c->remove_more, -1, SQLITE_STATIC);
	}
	return q;
}

/* A modseq is taken, and so something written, only if a row will change. */
static enum sqb_err any_change(struct sqb_store *st, const struct change *c,
			       bool *any_r)
{
	const char *sql = c->add_more != NULL ? sql_any_more : sql_any;
	enum sqb_err err;
	int64_t one;

	err = sqb_run_int64(st, bind_change(st, sql, c, 0), &one);
	*any_r = err == SQB_OK;
	return err == SQB_NOTFOUND ? SQB_OK : err;
}

static sqlite3_stmt *bind_range(struct sqb_store *st, const char *sql,
				const struct change *c)
{
	sqlite3_stmt *q = sqb_stmt(st, sql);

	sqlite3_bind_int64(q, 1, c->box.n);
	sqlite3_bind_int64(q, 2, c->uid_lo);
	sqlite3_bind_int64(q, 3, c->uid_hi);
	return q;
}

static const char sql_insert_more[] =
	"INSERT INTO keyword_more (mailbox_id, uid, number)"
	" SELECT m.mailbox_id, m.uid, j.value"
	" FROM message m CROSS JOIN json_each(?4) j"
	" WHERE m.mailbox_id = ?1 AND m.uid BETWEEN ?2 AND ?3"
	" ON CONFLICT DO NOTHING";
static const char sql_delete_more[] =
	"DELETE FROM keyword_more" IN_RANGE
	" AND number IN (SELECT value FROM json_each(?4))";
static const char sql_none_left[] =
	"UPDATE message SET flags = flags & ~32" IN_RANGE
	" AND flags & 32 != 0 AND NOT EXISTS (SELECT 1 FROM keyword_more k"
	"  WHERE k.mailbox_id = message.mailbox_id AND k.uid = message.uid)";

/* The rows have their flags and modseq: now keyword_more. */
static enum sqb_err change_more(struct sqb_store *st, const struct change *c)
{
	enum sqb_err err = SQB_OK;
	sqlite3_stmt *q;

	if (c->adds_more) {
		q = bind_range(st, sql_insert_more, c);
		sqlite3_bind_text(q, 4, c->add_more, -1, SQLITE_STATIC);
		err = sqb_run(st, q);
	}
	if (err == SQB_OK && c->removes_more) {
		q = bind_range(st, sql_delete_more, c);
		sqlite3_bind_text(q, 4, c->remove_more, -1, SQLITE_STATIC);
		err = sqb_run(st, q);
		if (err == SQB_OK)
			err = sqb_run(st, bind_range(st, sql_none_left, c));
	}
	return err;
}

static const char sql_count[] =
	"SELECT count(*) FROM message" IN_RANGE " AND flags & 1 = ?4";

/* By how much "unseen" grows: the rows whose \Seen will really change. */
static enum sqb_err unseen_delta(struct sqb_store *st, const struct change *c,
				 int64_t *delta_r)
{
	bool add = (c->add & SQB_SEEN) != 0;
	sqlite3_stmt *q;
	enum sqb_err err;
	int64_t count;

	*delta_r = 0;
	if (!add && (c->remove & SQB_SEEN) == 0)
		return SQB_OK;
	q = bind_range(st, sql_count, c);
	sqlite3_bind_int(q, 4, !add);
	err = sqb_run_int64(st, q, &count);
	if (err == SQB_OK)
		*delta_r = add ? -count : count;
	return err;
}

/* A counter that is wrong must not keep anybody from reading his mail. */
static const char sql_mailbox[] =
	"UPDATE mailbox SET highestmodseq = ?2,"
	" unseen = min(max(unseen + ?3, 0), messages) WHERE id = ?1";

static enum sqb_err apply(struct sqb_store *st, const struct change *c,
			  uint64_t *changed_r)
{
	const char *sql = c->add_more != NULL ? sql_update_more : sql_update;
	enum sqb_err err;
	sqlite3_stmt *q;
	uint64_t modseq;
	int64_t delta;

	if ((err = sqb_txn_modseq(st, &modseq)) != SQB_OK ||
	    (err = unseen_delta(st, c, &delta)) != SQB_OK ||
	    (err = sqb_run(st, bind_change(st, sql, c, modseq))) != SQB_OK)
		return err;
	*changed_r = (uint64_t)sqlite3_changes64(sqb_db(st));
	if (c->add_more != NULL)
		err = change_more(st, c);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_mailbox);
	sqlite3_bind_int64(q, 1, c->box.n);
	sqlite3_bind_int64(q, 2, (int64_t)modseq);
	sqlite3_bind_int64(q, 3, delta);
	return sqb_run(st, q);
}

/* The list as JSON, without what is in the other one (which may be NULL). */
static char *json_list(const struct sqb_keywords *k,
		       const struct sqb_keywords *without, bool *any_r)
{
	size_t size = (size_t)k->more_count * 11 + 3, len = 1;
	char *text = sqb_xmalloc(size);
	uint32_t i, j = 0;

	text[0] = '[';
	for (i = 0; i < k->more_count; i++) {
		while (without != NULL && j < without->more_count &&
		       without->more[j] < k->more[i])
			j++;
		if (without != NULL && j < without->more_count &&
		    without->more[j] == k->more[i])
			continue;
		len += (size_t)snprintf(text + len, size - len, "%s%" PRIu32,
					len == 1 ? "" : ",", k->more[i]);
	}
	*any_r = len > 1;
	text[len] = ']';
	text[len + 1] = '\0';
	return text;
}

static void prepare_change(const struct sqb_flag_change *change,
			   struct change *c)
{
	const struct sqb_keywords *add = &change->add_keywords;
	const struct sqb_keywords *remove = &change->remove_keywords;

	c->add = change->add;
	c->remove = change->remove & SQB_FLAGS_ALL & ~change->add;
	c->add_mask = add->mask;
	c->remove_mask = remove->mask & ~add->mask;
	if (add->more_count == 0 && remove->more_count == 0)
		return;
	c->add_more = json_list(add, NULL, &c->adds_more);
	c->remove_more = json_list(remove, add, &c->removes_more);
	if (c->adds_more)
		c->add |= SQB_FLAG_MORE;
}

enum sqb_err sqb_message_change_flags(struct sqb_store *st,
				      struct sqb_mailbox_id box,
				      uint32_t uid_lo, uint32_t uid_hi,
				      const struct sqb_flag_change *change,
				      uint64_t *changed_r)
{
	struct change c = { .box = box, .uid_lo = uid_lo, .uid_hi = uid_hi };
	uint64_t changed = 0;
	enum sqb_err err;
	bool any;

	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = sqb_keywords_check(st, &change->add_keywords)) != SQB_OK)
		return err;
	if (((change->add | change->remove) & ~(unsigned int)SQB_FLAGS_ALL) !=
	    0)
		return sqb_fail(st, SQB_INVALID, "unknown flags 0x%x",
				change->add | change->remove);
	prepare_change(change, &c);
	err = any_change(st, &c, &any);
	if (err == SQB_OK && any)
		err = apply(st, &c, &changed);
	free(c.add_more);
	free(c.remove_more);
	if (err == SQB_OK && changed_r != NULL)
		*changed_r = changed;
	return err;
}
