/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Reading message rows.  Bodies are not touched.
 */
#include "common/message-private.h"

#include <stdlib.h>
#include <string.h>

/* No calendar has the years before and after; gmtime() would fail on some. */
#define DATE_MIN INT64_C(-62135510400) /* 0001-01-02 */
#define DATE_MAX INT64_C(253402214400) /* 9999-12-31 */

static int64_t clamp_date(int64_t date)
{
	return date < DATE_MIN ? DATE_MIN : date > DATE_MAX ? DATE_MAX : date;
}

enum sqb_err sqb_message_read(struct sqb_store *st, sqlite3_stmt *q,
			      int64_t box, struct sqb_more *more,
			      struct sqb_message *msg_r,
			      unsigned int *row_flags_r)
{
	unsigned int flags = (unsigned int)sqlite3_column_int64(q, 1);
	struct sqb_message msg = {
		.uid = (uint32_t)sqlite3_column_int64(q, 0),
		.flags = flags & SQB_FLAGS_ALL,
		.keywords.mask = (uint64_t)sqlite3_column_int64(q, 2),
		.modseq = (uint64_t)sqlite3_column_int64(q, 3),
		.date = clamp_date(sqlite3_column_int64(q, 4)),
		.save_date = clamp_date(sqlite3_column_int64(q, 5)),
		.vsize = (uint64_t)sqlite3_column_int64(q, 6),
		.psize = (uint64_t)sqlite3_column_int64(q, 7),
		.body.n = sqlite3_column_int64(q, 8),
	};
	enum sqb_err err;

	if ((flags & SQB_FLAG_MORE) != 0) {
		err = sqb_more_read(st, SQB_KEYWORD_MORE, box, msg.uid, more);
		if (err != SQB_OK)
			return err;
		msg.keywords.more_count = (uint32_t)more->count;
		msg.keywords.more = more->count > 0 ? more->numbers : NULL;
	}
	*msg_r = msg;
	if (row_flags_r != NULL)
		*row_flags_r = flags;
	return SQB_OK;
}

static const char sql_get[] = "SELECT " SQB_MESSAGE_COLUMNS " FROM message"
			      " WHERE mailbox_id = ?1 AND uid = ?2";

enum sqb_err sqb_message_get(struct sqb_store *st, struct sqb_mailbox_id box,
			     uint32_t uid, struct sqb_message *msg_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_get);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, uid);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	err = sqb_message_read(st, q, box.n, sqb_more_buffer(st), msg_r, NULL);
	sqlite3_reset(q);
	return err;
}

static const char sql_count[] = "SELECT count(*) FROM message"
				" WHERE mailbox_id = ?1"
				" AND uid BETWEEN ?2 AND ?3";

enum sqb_err sqb_message_count(struct sqb_store *st, struct sqb_mailbox_id box,
			       uint32_t uid_lo, uint32_t uid_hi,
			       uint32_t *count_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_count);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, uid_lo);
	sqlite3_bind_int64(q, 3, uid_hi);
	if (!sqb_step(st, q, &err))
		return err;
	*count_r = (uint32_t)sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	return SQB_OK;
}

struct sqb_message_iter {
	struct sqb_walk walk;
	struct sqb_mailbox_id box;
	struct sqb_more more; /* own */
};

struct sqb_message_iter *sqb_message_iter_new(struct sqb_store *st,
					      const char *sql,
					      struct sqb_mailbox_id box,
					      uint64_t a, uint64_t b)
{
	struct sqb_message_iter *it = sqb_xcalloc(1, sizeof(*it));
	sqlite3_stmt *q = sqb_walk_begin(&it->walk, st, sql);

	it->box = box;
	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, (int64_t)a);
	if (sqlite3_bind_parameter_count(q) > 2)
		sqlite3_bind_int64(q, 3, (int64_t)b);
	return it;
}

static const char sql_walk[] = "SELECT " SQB_MESSAGE_COLUMNS " FROM message"
			       " WHERE mailbox_id = ?1"
			       " AND uid BETWEEN ?2 AND ?3 ORDER BY uid";

struct sqb_message_iter *sqb_message_iter_begin(struct sqb_store *st,
						struct sqb_mailbox_id box,
						uint32_t uid_lo,
						uint32_t uid_hi)
{
	return sqb_message_iter_new(st, sql_walk, box, uid_lo, uid_hi);
}

bool sqb_message_iter_next(struct sqb_message_iter *it,
			   struct sqb_message *msg_r)
{
	struct sqb_walk *w = &it->walk;

	if (!sqb_walk_step(w))
		return false;
	w->err = sqb_message_read(w->st, w->q, it->box.n, &it->more, msg_r,
				  NULL);
	w->done = w->err != SQB_OK;
	return !w->done;
}

enum sqb_err sqb_message_iter_end(struct sqb_message_iter **it_p)
{
	struct sqb_message_iter *it = *it_p;

	if (it == NULL)
		return SQB_OK;
	*it_p = NULL;
	free(it->more.numbers);
	return sqb_walk_free(&it->walk);
}

static const char sql_pop3[] =
	"SELECT p.uidl, p.place FROM message m"
	" LEFT JOIN pop3 p ON p.mailbox_id = m.mailbox_id AND p.uid = m.uid"
	" WHERE m.mailbox_id = ?1 AND m.uid = ?2";

enum sqb_err sqb_message_pop3(struct sqb_store *st, struct sqb_mailbox_id box,
			      uint32_t uid, char **uidl_r, uint32_t *order_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_pop3);
	const char *uidl;
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, uid);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	uidl = (const char *)sqlite3_column_text(q, 0);
	*uidl_r = uidl != NULL ? sqb_xstrdup(uidl) : NULL;
	*order_r = (uint32_t)sqlite3_column_int64(q, 1);
	sqlite3_reset(q);
	return SQB_OK;
}
