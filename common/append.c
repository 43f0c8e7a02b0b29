/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * New message rows: append, copy, move.
 *
 * The mailbox's row gives the UID and is updated in the same statement.  What
 * can be refused is refused before anything is changed.
 */
#include "common/message-private.h"

#include "common/body-private.h"
#include "common/remote.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A row to be written. */
struct row {
	struct sqb_mailbox_id box;
	const struct sqb_message_new *args;
	struct sqb_body_id body;
	uint64_t vsize, psize;
	uint64_t modseq;
	uint32_t uid;
};

static bool has_pop3(const struct sqb_message_new *args)
{
	return args->pop3_uidl != NULL || args->pop3_order != 0;
}

static enum sqb_err check_args(struct sqb_store *st,
			       const struct sqb_message_new *args)
{
	if ((args->flags & ~(unsigned int)SQB_FLAGS_ALL) != 0)
		return sqb_fail(st, SQB_INVALID, "unknown flags 0x%x",
				args->flags);
	return sqb_keywords_check(st, &args->keywords);
}

static enum sqb_err get_modseq(struct sqb_store *st, uint64_t min,
			       uint64_t *modseq_r)
{
	enum sqb_err err = SQB_OK;

	if (min != 0)
		err = sqb_txn_raise_modseq(st, min);
	if (err == SQB_OK)
		err = sqb_txn_modseq(st, modseq_r);
	return err;
}

static const char sql_uidnext[] =
	"SELECT noselect, uidnext FROM mailbox WHERE id = ?1 AND id > 0";

/* The UID that the row will have. */
static enum sqb_err choose_uid(struct sqb_store *st, struct row *row)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_uidnext);
	int64_t uidnext, wanted = row->args->uid;
	enum sqb_err err;
	bool noselect;

	sqlite3_bind_int64(q, 1, row->box.n);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK
			       ? err
			       : sqb_fail(
					 st, SQB_NOTFOUND,
					 "there is no mailbox with the id %lld",
					 (long long)row->box.n);
	noselect = sqlite3_column_int(q, 0) != 0;
	uidnext = sqlite3_column_int64(q, 1);
	sqlite3_reset(q);
	if (noselect)
		return sqb_fail(st, SQB_NOSELECT,
				"the mailbox holds no messages, only other "
				"mailboxes");
	if (uidnext > UINT32_MAX)
		return sqb_fail(st, SQB_LIMIT,
				"the last UID of this mailbox is used");
	if (wanted != 0 && wanted < uidnext)
		return sqb_fail(st, SQB_INVALID, "UID %u is below UIDNEXT %u",
				row->args->uid, (uint32_t)uidnext);
	row->uid = (uint32_t)(wanted != 0 ? wanted : uidnext);
	return SQB_OK;
}

static const char sql_take_uid[] =
	"UPDATE mailbox SET uidnext = ?2 + 1, messages = messages + 1,"
	" unseen = unseen + ?3, vsize = vsize + ?4, highestmodseq = ?5"
	" WHERE id = ?1";

/* In two statements: UPDATE ... RETURNING takes SQLite longer. */
static enum sqb_err take_uid(struct sqb_store *st, struct row *row)
{
	enum sqb_err err = choose_uid(st, row);
	sqlite3_stmt *q;

	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_take_uid);
	sqlite3_bind_int64(q, 1, row->box.n);
	sqlite3_bind_int64(q, 2, row->uid);
	sqlite3_bind_int(q, 3, (row->args->flags & SQB_SEEN) == 0);
	sqlite3_bind_int64(q, 4, (int64_t)row->vsize);
	sqlite3_bind_int64(q, 5, (int64_t)row->modseq);
	return sqb_run(st, q);
}

static const char sql_insert[] =
	"INSERT INTO message (mailbox_id, uid, body_id, flags, keywords,"
	" modseq, date, save_date, psize, vsize)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

static enum sqb_err insert_message(struct sqb_store *st, const struct row *row)
{
	const struct sqb_message_new *args = row->args;
	sqlite3_stmt *q = sqb_stmt(st, sql_insert);
	unsigned int flags = args->flags;

	if (args->keywords.more_count > 0)
		flags |= SQB_FLAG_MORE;
	if (has_pop3(args))
		flags |= SQB_FLAG_POP3;
	sqlite3_bind_int64(q, 1, row->box.n);
	sqlite3_bind_int64(q, 2, row->uid);
	sqlite3_bind_int64(q, 3, row->body.n);
	sqlite3_bind_int64(q, 4, flags);
	sqlite3_bind_int64(q, 5, (int64_t)args->keywords.mask);
	sqlite3_bind_int64(q, 6, (int64_t)row->modseq);
	sqlite3_bind_int64(q, 7, args->date);
	sqlite3_bind_int64(q, 8, args->save_date);
	sqlite3_bind_int64(q, 9, (int64_t)row->psize);
	sqlite3_bind_int64(q, 10, (int64_t)row->vsize);
	return sqb_run(st, q);
}

static const char sql_insert_pop3[] =
	"INSERT INTO pop3 (mailbox_id, uid, uidl, place)"
	" VALUES (?1, ?2, ?3, ?4)";

static enum sqb_err insert_pop3(struct sqb_store *st, const struct row *row)
{
	sqlite3_stmt *q;

	if (!has_pop3(row->args))
		return SQB_OK;
	q = sqb_stmt(st, sql_insert_pop3);
	sqlite3_bind_int64(q, 1, row->box.n);
	sqlite3_bind_int64(q, 2, row->uid);
	sqlite3_bind_text(q, 3, row->args->pop3_uidl, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 4, row->args->pop3_order);
	return sqb_run(st, q);
}

/* The UID is taken: write the row and all that hangs on it. */
static enum sqb_err insert_row(struct sqb_store *st, const struct row *row)
{
	enum sqb_err err = insert_message(st, row);

	if (err == SQB_OK)
		err = sqb_more_insert(st, SQB_KEYWORD_MORE, row->box.n,
				      row->uid, &row->args->keywords);
	if (err == SQB_OK)
		err = insert_pop3(st, row);
	return err;
}

/* The arguments with what the store chooses put in. */
static struct sqb_message_new complete(const struct sqb_message_new *args,
				       int64_t date)
{
	struct sqb_message_new full;

	memset(&full, 0, sizeof(full));
	if (args != NULL)
		full = *args;
	if (full.save_date == 0)
		full.save_date = time(NULL);
	if (full.date == 0)
		full.date = date != 0 ? date : full.save_date;
	return full;
}

/* Once a transaction: it looks at the disk. */
static enum sqb_err need_room(struct sqb_store *st)
{
	return st->txn.modseq == 0 ? sqb_reserve_need(st) : SQB_OK;
}

enum sqb_err sqb_message_append_absent(struct sqb_store *st,
				       struct sqb_mailbox_id box,
				       uint64_t vsize,
				       const struct sqb_message_new *args,
				       uint32_t *uid_r)
{
	struct sqb_message_new full = complete(args, 0);
	struct row row = {
		.box = box,
		.args = &full,
		.vsize = vsize,
		.psize = vsize, /* as a file it has CRLF */
	};
	enum sqb_err err;

	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = need_room(st)) != SQB_OK ||
	    (err = check_args(st, &full)) != SQB_OK)
		return err;
	if (vsize > SQB_ABSENT_SIZE_MAX)
		return sqb_fail(st, SQB_LIMIT,
				"a message of %llu octets cannot be",
				(unsigned long long)vsize);
	if ((err = get_modseq(st, full.min_modseq, &row.modseq)) != SQB_OK ||
	    (err = take_uid(st, &row)) != SQB_OK)
		return err;
	err = sqb_absent_add(st, vsize, full.date, &row.body);
	if (err == SQB_OK)
		err = insert_row(st, &row);
	if (err == SQB_OK)
		*uid_r = row.uid;
	return err;
}

enum sqb_err sqb_message_append(struct sqb_store *st, struct sqb_mailbox_id box,
				struct sqb_body_writer *w,
				const struct sqb_message_new *args,
				uint32_t *uid_r)
{
	struct sqb_message_new full = complete(args, 0);
	struct row row = { .box = box, .args = &full };
	enum sqb_err err;
	bool fresh;

	row.vsize = sqb_body_writer_vsize(w);
	row.psize = sqb_body_writer_psize(w);
	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = check_args(st, &full)) != SQB_OK ||
	    (err = get_modseq(st, full.min_modseq, &row.modseq)) != SQB_OK ||
	    (err = take_uid(st, &row)) != SQB_OK)
		return err;
	err = sqb_body_store(st, w, full.date, &row.body, &fresh);
	if (err == SQB_OK && !fresh)
		err = sqb_body_link(st, row.body);
	if (err == SQB_OK)
		err = insert_row(st, &row);
	if (err == SQB_OK)
		*uid_r = row.uid;
	return err;
}

enum sqb_err sqb_message_copy(struct sqb_store *st,
			      const struct sqb_message *src,
			      struct sqb_mailbox_id dst,
			      const struct sqb_message_new *args,
			      uint32_t *uid_r)
{
	struct sqb_message_new full = complete(args, src->date);
	struct row row = {
		.box = dst,
		.args = &full,
		.body = src->body,
		.vsize = src->vsize,
		.psize = src->psize,
	};
	enum sqb_err err;

	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = need_room(st)) != SQB_OK ||
	    (err = check_args(st, &full)) != SQB_OK ||
	    (err = get_modseq(st, full.min_modseq, &row.modseq)) != SQB_OK)
		return err;
	err = sqb_body_link(st, row.body);
	if (err == SQB_NOTFOUND)
		return sqb_fail(st, err,
				"the message to be copied has been expunged");
	if (err != SQB_OK)
		return err;
	err = take_uid(st, &row);
	if (err != SQB_OK) {
		(void)sqb_body_unlink(st, row.body);
		return err;
	}
	err = insert_row(st, &row);
	if (err == SQB_OK)
		*uid_r = row.uid;
	return err;
}

/* A message that moves, with what it takes along. */
struct moving {
	struct sqb_message msg;
	unsigned int row_flags;
	struct sqb_more more; /* own */
	char *uidl;           /* own, may be NULL */
	uint32_t pop3_order;
};

static const char sql_source[] = "SELECT " SQB_MESSAGE_COLUMNS " FROM message"
				 " WHERE mailbox_id = ?1 AND uid = ?2";

static enum sqb_err read_moving(struct sqb_store *st, struct sqb_mailbox_id box,
				uint32_t uid, struct moving *m)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_source);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, uid);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	err = sqb_message_read(st, q, box.n, &m->more, &m->msg, &m->row_flags);
	sqlite3_reset(q);
	if (err == SQB_OK && (m->row_flags & SQB_FLAG_POP3) != 0)
		err = sqb_message_pop3(st, box, uid, &m->uidl, &m->pop3_order);
	return err;
}

static enum sqb_err move_row(struct sqb_store *st, struct sqb_mailbox_id src,
			     const struct moving *m, struct row *row)
{
	uint64_t removed;
	enum sqb_err err;

	if ((err = check_args(st, row->args)) != SQB_OK ||
	    (err = get_modseq(st, row->args->min_modseq, &row->modseq)) !=
		    SQB_OK ||
	    (err = take_uid(st, row)) != SQB_OK ||
	    (err = insert_row(st, row)) != SQB_OK)
		return err;
	/* The body has as many messages as before. */
	return sqb_rows_remove(st, src, m->msg.uid, m->msg.uid,
			       SQB_REMOVE_JOURNAL, &removed);
}

enum sqb_err sqb_message_move(struct sqb_store *st, struct sqb_mailbox_id src,
			      uint32_t src_uid, struct sqb_mailbox_id dst,
			      const struct sqb_message_new *args,
			      uint32_t *uid_r)
{
	struct sqb_message_new full;
	struct moving m;
	struct row row;
	enum sqb_err err;

	memset(&m, 0, sizeof(m));
	err = sqb_need_txn(st);
	if (err == SQB_OK)
		err = read_moving(st, src, src_uid, &m);
	if (err == SQB_OK) {
		full = complete(args, m.msg.date);
		if (args == NULL) {
			full.flags = m.msg.flags;
			full.keywords = m.msg.keywords;
		}
		if (!has_pop3(&full)) {
			full.pop3_uidl = m.uidl;
			full.pop3_order = m.pop3_order;
		}
		row = (struct row){
			.box = dst,
			.args = &full,
			.body = m.msg.body,
			.vsize = m.msg.vsize,
			.psize = m.msg.psize,
		};
		err = move_row(st, src, &m, &row);
	}
	if (err == SQB_OK)
		*uid_r = row.uid;
	free(m.more.numbers);
	free(m.uidl);
	return err;
}
