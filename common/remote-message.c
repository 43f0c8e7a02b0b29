/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Messages as the server knows them, and what differs.
 */
#include "common/remote.h"

#include "common/message-private.h"

#include <stdlib.h>
#include <string.h>

/* What rows of remote_message are read as: the order of read_row(). */
#define COLUMNS(t) \
	t "uid, " t "remote_uid, " t "state, " t "flags, " t "keywords, " t \
	  "body_id, " t "error"

/* From a column on; its further keywords, if it has any, go into more. */
static enum sqb_err read_row(struct sqb_store *st, sqlite3_stmt *q, int column,
			     int64_t box, struct sqb_more *more,
			     struct sqb_remote_message *msg_r)
{
	unsigned int flags = (unsigned int)sqlite3_column_int64(q, column + 3);
	struct sqb_remote_message msg = {
		.uid = (uint32_t)sqlite3_column_int64(q, column),
		.remote_uid = (uint32_t)sqlite3_column_int64(q, column + 1),
		.state = (enum sqb_remote_state)sqlite3_column_int(q,
								   column + 2),
		.flags = flags & SQB_FLAGS_ALL,
		.keywords.mask = (uint64_t)sqlite3_column_int64(q, column + 4),
		.body.n = sqlite3_column_int64(q, column + 5),
		/* Of a blob, too, SQLite makes a string. */
		.error = (const char *)sqlite3_column_text(q, column + 6),
	};
	enum sqb_err err;

	if ((flags & SQB_FLAG_MORE) != 0) {
		err = sqb_more_read(st, SQB_REMOTE_KEYWORD_MORE, box, msg.uid,
				    more);
		if (err != SQB_OK)
			return err;
		msg.keywords.more_count = (uint32_t)more->count;
		msg.keywords.more = more->count > 0 ? more->numbers : NULL;
	}
	*msg_r = msg;
	return SQB_OK;
}

/* The one row of a cached statement; error then belongs to the store. */
static enum sqb_err get(struct sqb_store *st, const char *sql,
			struct sqb_mailbox_id box, uint32_t uid,
			struct sqb_remote_message *msg_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, uid);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	err = read_row(st, q, 0, box.n, sqb_more_buffer(st), msg_r);
	if (err == SQB_OK && msg_r->error != NULL) {
		free(st->remote_error);
		st->remote_error = sqb_xstrdup(msg_r->error);
		msg_r->error = st->remote_error;
	}
	sqlite3_reset(q);
	return err;
}

static const char sql_get[] =
	"SELECT " COLUMNS("") " FROM remote_message"
			      " WHERE mailbox_id = ?1 AND uid = ?2";

enum sqb_err sqb_remote_message_get(struct sqb_store *st,
				    struct sqb_mailbox_id box, uint32_t uid,
				    struct sqb_remote_message *msg_r)
{
	return get(st, sql_get, box, uid, msg_r);
}

static const char sql_find[] = "SELECT " COLUMNS(
	"") " FROM remote_message INDEXED BY remote_message_uid"
	    " WHERE mailbox_id = ?1 AND remote_uid = ?2"
	    " AND state = 0";

enum sqb_err sqb_remote_message_find(struct sqb_store *st,
				     struct sqb_mailbox_id box,
				     uint32_t remote_uid,
				     struct sqb_remote_message *msg_r)
{
	return get(st, sql_find, box, remote_uid, msg_r);
}

static enum sqb_err check_message(struct sqb_store *st,
				  const struct sqb_remote_message *msg)
{
	if (msg->uid == 0 || msg->state > SQB_REMOTE_REFUSED ||
	    (msg->state == SQB_REMOTE_SYNCED && msg->remote_uid == 0) ||
	    (msg->flags & ~(unsigned int)SQB_FLAGS_ALL) != 0)
		return sqb_fail(st, SQB_INVALID,
				"a remote message with UID %u, UID %u there, "
				"state %d and flags 0x%x",
				msg->uid, msg->remote_uid, (int)msg->state,
				msg->flags);
	return sqb_keywords_check(st, &msg->keywords);
}

static const char sql_set[] =
	"INSERT INTO remote_message (mailbox_id, uid, remote_uid, state, flags,"
	" keywords, body_id, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
	" ON CONFLICT (mailbox_id, uid) DO UPDATE SET"
	" remote_uid = excluded.remote_uid, state = excluded.state,"
	" flags = excluded.flags, keywords = excluded.keywords,"
	" body_id = excluded.body_id, error = excluded.error";

static enum sqb_err set_row(struct sqb_store *st, struct sqb_mailbox_id box,
			    const struct sqb_remote_message *msg)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_set);
	unsigned int flags = msg->flags;
	enum sqb_err err;

	if (msg->keywords.more_count > 0)
		flags |= SQB_FLAG_MORE;
	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, msg->uid);
	sqlite3_bind_int64(q, 3, msg->remote_uid);
	sqlite3_bind_int(q, 4, (int)msg->state);
	sqlite3_bind_int64(q, 5, flags);
	sqlite3_bind_int64(q, 6, (int64_t)msg->keywords.mask);
	sqlite3_bind_int64(q, 7, msg->body.n);
	if (msg->state == SQB_REMOTE_REFUSED && msg->error != NULL)
		sqlite3_bind_blob(q, 8, msg->error, (int)strlen(msg->error),
				  SQLITE_STATIC);
	err = sqb_run(st, q);
	sqlite3_clear_bindings(q);
	if (err == SQB_EXISTS)
		err = sqb_fail(st, err,
			       "mailbox %lld: two messages would be the "
			       "server's UID %u",
			       (long long)box.n, msg->remote_uid);
	return err;
}

enum sqb_err sqb_remote_message_set(struct sqb_store *st,
				    struct sqb_mailbox_id box,
				    const struct sqb_remote_message *msg)
{
	enum sqb_err err;

	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = check_message(st, msg)) != SQB_OK ||
	    (err = set_row(st, box, msg)) != SQB_OK ||
	    (err = sqb_more_delete(st, SQB_REMOTE_KEYWORD_MORE, box.n, msg->uid,
				   msg->uid)) != SQB_OK)
		return err;
	return sqb_more_insert(st, SQB_REMOTE_KEYWORD_MORE, box.n, msg->uid,
			       &msg->keywords);
}

static const char sql_forget[] =
	"DELETE FROM remote_message WHERE mailbox_id = ?1 AND uid = ?2";

enum sqb_err sqb_remote_message_forget(struct sqb_store *st,
				       struct sqb_mailbox_id box, uint32_t uid)
{
	enum sqb_err err = sqb_need_txn(st);
	sqlite3_stmt *q;

	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_forget);
	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, uid);
	err = sqb_run(st, q);
	return err == SQB_OK ? sqb_more_delete(st, SQB_REMOTE_KEYWORD_MORE,
					       box.n, uid, uid)
			     : err;
}

struct sqb_remote_message_iter {
	struct sqb_walk walk;
	struct sqb_mailbox_id box;
	struct sqb_more more; /* own */
};

/* The mailbox is ?1, and a and b are ?2 and ?3. */
static struct sqb_remote_message_iter *iter_new(struct sqb_store *st,
						const char *sql,
						struct sqb_mailbox_id box,
						uint64_t a, uint64_t b)
{
	struct sqb_remote_message_iter *it = sqb_xcalloc(1, sizeof(*it));
	sqlite3_stmt *q = sqb_walk_begin(&it->walk, st, sql);
	int count = sqlite3_bind_parameter_count(q);

	it->box = box;
	sqlite3_bind_int64(q, 1, box.n);
	if (count > 1)
		sqlite3_bind_int64(q, 2, (int64_t)a);
	if (count > 2)
		sqlite3_bind_int64(q, 3, (int64_t)b);
	return it;
}

static const char sql_walk[] =
	"SELECT " COLUMNS("") " FROM remote_message WHERE mailbox_id = ?1"
			      " AND uid BETWEEN ?2 AND ?3 ORDER BY uid";

struct sqb_remote_message_iter *
sqb_remote_message_iter_begin(struct sqb_store *st, struct sqb_mailbox_id box,
			      uint32_t uid_lo, uint32_t uid_hi)
{
	return iter_new(st, sql_walk, box, uid_lo, uid_hi);
}

static const char sql_walk_remote[] = "SELECT " COLUMNS(
	"") " FROM remote_message INDEXED BY remote_message_uid"
	    " WHERE mailbox_id = ?1 AND state = 0"
	    " ORDER BY remote_uid";

struct sqb_remote_message_iter *
sqb_remote_message_iter_begin_remote(struct sqb_store *st,
				     struct sqb_mailbox_id box)
{
	return iter_new(st, sql_walk_remote, box, 0, 0);
}

static const char sql_walk_unsettled[] =
	"SELECT " COLUMNS("") " FROM remote_message"
			      " INDEXED BY remote_message_state"
			      " WHERE state != 0 AND state = ?2"
			      " AND mailbox_id = ?1 ORDER BY uid";

struct sqb_remote_message_iter *
sqb_remote_message_iter_begin_state(struct sqb_store *st,
				    struct sqb_mailbox_id box,
				    enum sqb_remote_state state)
{
	return iter_new(st, sql_walk_unsettled, box, state, 0);
}

/*
 * By the journal if it goes back so far, else by comparing all; the floor is
 * looked at first, so that one of the two costs nothing.
 */
#define FLOOR \
	"(SELECT coalesce((SELECT vanished_floor FROM mailbox WHERE id = ?1)," \
	"  9223372036854775807) AS floor LIMIT 1) f"
#define NO_MESSAGE \
	" AND NOT EXISTS (SELECT 1 FROM message m" \
	" WHERE m.mailbox_id = ?1 AND m.uid = r.uid)"
static const char sql_gone[] = "SELECT " COLUMNS(
	"r.") " FROM " FLOOR " CROSS JOIN expunged e"
	      " CROSS JOIN remote_message r ON r.mailbox_id = ?1"
	      "  AND r.uid BETWEEN e.uid_lo AND e.uid_hi"
	      " WHERE f.floor <= ?2 AND e.mailbox_id = ?1 AND e.modseq > ?2" NO_MESSAGE
	      " UNION ALL SELECT " COLUMNS(
		      "r.") " FROM " FLOOR
			    " CROSS JOIN remote_message r WHERE f.floor > ?2"
			    " AND r.mailbox_id = ?1" NO_MESSAGE " ORDER BY 1";

struct sqb_remote_message_iter *
sqb_remote_gone_iter_begin(struct sqb_store *st, struct sqb_mailbox_id box,
			   uint64_t since)
{
	if (since > INT64_MAX)
		since = INT64_MAX;
	return iter_new(st, sql_gone, box, since, 0);
}

bool sqb_remote_message_iter_next(struct sqb_remote_message_iter *it,
				  struct sqb_remote_message *msg_r)
{
	struct sqb_walk *w = &it->walk;

	if (!sqb_walk_step(w))
		return false;
	w->err = read_row(w->st, w->q, 0, it->box.n, &it->more, msg_r);
	w->done = w->err != SQB_OK;
	return !w->done;
}

enum sqb_err sqb_remote_message_iter_end(struct sqb_remote_message_iter **it_p)
{
	struct sqb_remote_message_iter *it = *it_p;

	if (it == NULL)
		return SQB_OK;
	*it_p = NULL;
	free(it->more.numbers);
	return sqb_walk_free(&it->walk);
}

struct sqb_remote_changed_iter {
	struct sqb_walk walk;
	struct sqb_mailbox_id box;
	struct sqb_more more, base_more; /* own */
};

/*
 * Who has keywords past the mask is looked at by same_more().  The hint is the
 * one of changes.c.
 */
#define CHANGED(hint) \
	"SELECT " SQB_MESSAGE_COLUMNS_OF("m.") ", " COLUMNS( \
		"r.") " FROM message m" hint " LEFT JOIN remote_message r" \
		      "  ON r.mailbox_id = m.mailbox_id AND r.uid = m.uid" \
		      " WHERE m.mailbox_id = ?1 AND m.modseq > ?2" \
		      " AND m.uid BETWEEN 1 AND 4294967295" \
		      " AND (r.uid IS NULL OR r.state = 1 OR (r.state = 0" \
		      "  AND ((m.flags & 31) != (r.flags & 31) OR m.keywords != r.keywords" \
		      "   OR ((m.flags | r.flags) & 32) != 0)))" \
		      " ORDER BY m.uid"
static const char sql_changed[] = CHANGED(" INDEXED BY message_modseq");
static const char sql_changed_all[] = CHANGED("");

struct sqb_remote_changed_iter *
sqb_remote_changed_iter_begin(struct sqb_store *st, struct sqb_mailbox_id box,
			      uint64_t since)
{
	struct sqb_remote_changed_iter *it = sqb_xcalloc(1, sizeof(*it));
	sqlite3_stmt *q = sqb_walk_begin(
		&it->walk, st, since == 0 ? sql_changed_all : sql_changed);

	if (since > INT64_MAX)
		since = INT64_MAX;
	it->box = box;
	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, (int64_t)since);
	return it;
}

static bool same_keywords(const struct sqb_keywords *a,
			  const struct sqb_keywords *b)
{
	return a->mask == b->mask && a->more_count == b->more_count &&
	       (a->more_count == 0 ||
		memcmp(a->more, b->more, a->more_count * sizeof(*a->more)) ==
			0);
}

static enum sqb_err read_both(struct sqb_remote_changed_iter *it,
			      struct sqb_message *msg_r,
			      struct sqb_remote_message *remote_r)
{
	struct sqb_walk *w = &it->walk;
	enum sqb_err err = sqb_message_read(w->st, w->q, it->box.n, &it->more,
					    msg_r, NULL);

	if (err == SQB_OK)
		err = read_row(w->st, w->q, SQB_MESSAGE_COLUMN_COUNT, it->box.n,
			       &it->base_more, remote_r);
	return err;
}

bool sqb_remote_changed_iter_next(struct sqb_remote_changed_iter *it,
				  struct sqb_message *msg_r,
				  struct sqb_remote_message *remote_r)
{
	struct sqb_walk *w = &it->walk;

	while (sqb_walk_step(w)) {
		w->err = read_both(it, msg_r, remote_r);
		w->done = w->err != SQB_OK;
		if (!w->done &&
		    (remote_r->uid == 0 ||
		     remote_r->state != SQB_REMOTE_SYNCED ||
		     msg_r->flags != remote_r->flags ||
		     !same_keywords(&msg_r->keywords, &remote_r->keywords)))
			return true;
	}
	return false;
}

enum sqb_err sqb_remote_changed_iter_end(struct sqb_remote_changed_iter **it_p)
{
	struct sqb_remote_changed_iter *it = *it_p;

	if (it == NULL)
		return SQB_OK;
	*it_p = NULL;
	free(it->more.numbers);
	free(it->base_more.numbers);
	return sqb_walk_free(&it->walk);
}

static const char sql_body_find[] =
	"SELECT r.mailbox_id, r.remote_uid, m.uid IS NULL AS gone"
	" FROM remote_message r INDEXED BY remote_message_body"
	" LEFT JOIN message m ON m.mailbox_id = r.mailbox_id AND m.uid = r.uid"
	" WHERE r.body_id = ?1 AND r.state = 0 ORDER BY gone DESC LIMIT 1";

enum sqb_err sqb_remote_body_find(struct sqb_store *st, struct sqb_body_id body,
				  struct sqb_mailbox_id *box_r,
				  uint32_t *remote_uid_r, bool *gone_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_body_find);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, body.n);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	box_r->n = sqlite3_column_int64(q, 0);
	*remote_uid_r = (uint32_t)sqlite3_column_int64(q, 1);
	*gone_r = sqlite3_column_int(q, 2) != 0;
	sqlite3_reset(q);
	return SQB_OK;
}
