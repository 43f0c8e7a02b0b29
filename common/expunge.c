/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Expunge.
 *
 * One pass over the rows counts them, writes the journal and lets go of the
 * bodies; then they are deleted at once.  A journal row is a range of UIDs all
 * of which existed: what was expunged before has its own row already.
 */
#include "common/message-private.h"

/* What the pass has found. */
struct removal {
	struct sqb_mailbox_id box;
	unsigned int what; /* enum sqb_remove, or-ed */
	uint64_t modseq;
	bool any_shared;    /* does any body have several messages? */
	uint32_t lo, hi;    /* the current range; lo 0: none yet */
	bool journaled;     /* a range of this pass has been written */
	unsigned int flags; /* or-ed flags column of all rows */
	int64_t count, unseen, vsize;
};

/* The range of an earlier expunge of this transaction may end just before. */
static const char sql_extend[] =
	"UPDATE expunged SET uid_hi = ?4 WHERE mailbox_id = ?1 AND modseq = ?2"
	" AND uid_hi = ?3 - 1 AND uid_lo = (SELECT max(uid_lo) FROM expunged"
	" WHERE mailbox_id = ?1 AND modseq = ?2 AND uid_lo < ?3)";
static const char sql_journal[] =
	"INSERT INTO expunged (mailbox_id, modseq, uid_lo, uid_hi)"
	" VALUES (?1, ?2, ?3, ?4)";

static enum sqb_err run_journal(struct sqb_store *st, const char *sql,
				const struct removal *r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql);

	sqlite3_bind_int64(q, 1, r->box.n);
	sqlite3_bind_int64(q, 2, (int64_t)r->modseq);
	sqlite3_bind_int64(q, 3, r->lo);
	sqlite3_bind_int64(q, 4, r->hi);
	return sqb_run(st, q);
}

static enum sqb_err end_range(struct sqb_store *st, struct removal *r)
{
	enum sqb_err err;

	if (r->lo == 0 || (r->what & SQB_REMOVE_JOURNAL) == 0)
		return SQB_OK;
	if (!r->journaled) {
		r->journaled = true;
		err = run_journal(st, sql_extend, r);
		if (err != SQB_OK || sqlite3_changes(sqb_db(st)) > 0)
			return err;
	}
	return run_journal(st, sql_journal, r);
}

/* Before the first row: what costs a write when there is none. */
static enum sqb_err begin_removal(struct sqb_store *st, struct removal *r)
{
	enum sqb_err err = sqb_txn_modseq(st, &r->modseq);

	if (err == SQB_OK && (r->what & SQB_REMOVE_BODIES) != 0)
		err = sqb_body_any_shared(st, &r->any_shared);
	return err;
}

static const char sql_rows[] = "SELECT uid, body_id, flags, vsize FROM message"
			       " WHERE mailbox_id = ?1"
			       " AND uid BETWEEN ?2 AND ?3 ORDER BY uid";

static enum sqb_err remove_row(struct sqb_store *st, struct removal *r,
			       sqlite3_stmt *q)
{
	uint32_t uid = (uint32_t)sqlite3_column_int64(q, 0);
	struct sqb_body_id body = { sqlite3_column_int64(q, 1) };
	unsigned int flags = (unsigned int)sqlite3_column_int64(q, 2);
	enum sqb_err err = SQB_OK;

	if (r->count == 0)
		err = begin_removal(st, r);
	if (err == SQB_OK && r->lo != 0 && uid != r->hi + 1) {
		err = end_range(st, r);
		r->lo = 0;
	}
	if (r->lo == 0)
		r->lo = uid;
	r->hi = uid;
	r->count++;
	r->flags |= flags;
	r->unseen += (flags & SQB_SEEN) == 0;
	r->vsize += sqlite3_column_int64(q, 3);
	if (err == SQB_OK && (r->what & SQB_REMOVE_BODIES) != 0)
		err = r->any_shared ? sqb_body_unlink(st, body)
				    : sqb_body_unlink_last(st, body);
	return err;
}

static const char sql_delete[] = "DELETE FROM message WHERE mailbox_id = ?1"
				 " AND uid BETWEEN ?2 AND ?3";
static const char sql_delete_names[] =
	"DELETE FROM entry_name WHERE mailbox_id = ?1"
	" AND uid BETWEEN ?2 AND ?3";
static const char sql_delete_pop3[] = "DELETE FROM pop3 WHERE mailbox_id = ?1"
				      " AND uid BETWEEN ?2 AND ?3";

static enum sqb_err delete_range(struct sqb_store *st, const char *sql,
				 const struct removal *r, uint32_t uid_lo,
				 uint32_t uid_hi)
{
	sqlite3_stmt *q = sqb_stmt(st, sql);

	sqlite3_bind_int64(q, 1, r->box.n);
	sqlite3_bind_int64(q, 2, uid_lo);
	sqlite3_bind_int64(q, 3, uid_hi);
	return sqb_run(st, q);
}

/* Counters that are wrong must not keep anybody from expunging. */
static const char sql_count[] =
	"UPDATE mailbox SET messages = max(messages - ?2, 0),"
	" unseen = min(max(unseen - ?3, 0), max(messages - ?2, 0)),"
	" vsize = max(vsize - ?4, 0), highestmodseq = ?5 WHERE id = ?1";

static enum sqb_err count_down(struct sqb_store *st, const struct removal *r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_count);

	sqlite3_bind_int64(q, 1, r->box.n);
	sqlite3_bind_int64(q, 2, r->count);
	sqlite3_bind_int64(q, 3, r->unseen);
	sqlite3_bind_int64(q, 4, r->vsize);
	sqlite3_bind_int64(q, 5, (int64_t)r->modseq);
	return sqb_run(st, q);
}

static enum sqb_err walk_rows(struct sqb_store *st, struct removal *r,
			      uint32_t uid_lo, uint32_t uid_hi)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_rows);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, r->box.n);
	sqlite3_bind_int64(q, 2, uid_lo);
	sqlite3_bind_int64(q, 3, uid_hi);
	while (sqb_step(st, q, &err)) {
		err = remove_row(st, r, q);
		if (err != SQB_OK) {
			sqlite3_reset(q);
			return err;
		}
	}
	return err == SQB_OK ? end_range(st, r) : err;
}

enum sqb_err sqb_rows_remove(struct sqb_store *st, struct sqb_mailbox_id box,
			     uint32_t uid_lo, uint32_t uid_hi,
			     unsigned int what, uint64_t *count_r)
{
	struct removal r = { .box = box, .what = what };
	enum sqb_err err;

	err = walk_rows(st, &r, uid_lo, uid_hi);
	if (err == SQB_OK && r.count > 0) {
		err = delete_range(st, sql_delete, &r, uid_lo, uid_hi);
		if (err == SQB_OK)
			err = delete_range(st, sql_delete_names, &r, uid_lo,
					   uid_hi);
		if (err == SQB_OK && (r.flags & SQB_FLAG_POP3) != 0)
			err = delete_range(st, sql_delete_pop3, &r, uid_lo,
					   uid_hi);
		if (err == SQB_OK && (r.flags & SQB_FLAG_MORE) != 0)
			err = sqb_more_delete(st, SQB_KEYWORD_MORE, box.n,
					      uid_lo, uid_hi);
		if (err == SQB_OK)
			err = count_down(st, &r);
	}
	if (err == SQB_OK)
		*count_r = (uint64_t)r.count;
	return err;
}

enum sqb_err sqb_message_expunge(struct sqb_store *st,
				 struct sqb_mailbox_id box, uint32_t uid_lo,
				 uint32_t uid_hi, uint64_t *expunged_r)
{
	enum sqb_err err = sqb_need_txn(st);
	uint64_t count;

	if (err == SQB_OK)
		err = sqb_rows_remove(st, box, uid_lo, uid_hi,
				      SQB_REMOVE_BODIES | SQB_REMOVE_JOURNAL,
				      &count);
	if (err == SQB_OK && expunged_r != NULL)
		*expunged_r = count;
	return err;
}
