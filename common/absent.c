/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Bodies that are still at the server: a row of body_absent instead of one of
 * body, under the id that the body will keep.  Messages share it, copies are
 * made of it and sqb_purge() frees it as any other.
 */
#include "common/remote.h"

#include "common/body-private.h"
#include "common/message-private.h"

#include <stdlib.h>
#include <string.h>

static const char sql_add[] =
	"INSERT INTO body_absent (body_id, guid, vsize, date)"
	" VALUES (?1, randomblob(16), ?2, ?3)";

enum sqb_err sqb_absent_add(struct sqb_store *st, uint64_t vsize, int64_t date,
			    struct sqb_body_id *id_r)
{
	enum sqb_err err = sqb_body_next_id(st, id_r);
	sqlite3_stmt *q;

	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_add);
	sqlite3_bind_int64(q, 1, id_r->n);
	sqlite3_bind_int64(q, 2, (int64_t)vsize);
	sqlite3_bind_int64(q, 3, date);
	return sqb_run(st, q);
}

static const char sql_get[] =
	"SELECT guid, vsize, date FROM body_absent WHERE body_id = ?1"
	" AND length(guid) = 16 AND vsize >= 0";

enum sqb_err sqb_absent_get(struct sqb_store *st, struct sqb_body_id id,
			    struct sqb_body_info *info_r, int64_t *date_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_get);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, id.n);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	memset(info_r, 0, sizeof(*info_r));
	info_r->id = id;
	memcpy(info_r->guid, sqlite3_column_blob(q, 0), SQB_GUID_SIZE);
	info_r->vsize = (uint64_t)sqlite3_column_int64(q, 1);
	*date_r = sqlite3_column_int64(q, 2);
	sqlite3_reset(q);
	return SQB_OK;
}

static const char sql_any[] = "SELECT EXISTS (SELECT 1 FROM body_absent)";

enum sqb_err sqb_absent_any(struct sqb_store *st, bool *any_r)
{
	int64_t any;
	enum sqb_err err = sqb_run_int64(st, sqb_stmt(st, sql_any), &any);

	if (err == SQB_OK)
		*any_r = any != 0;
	return err;
}

/* A message whose size was wrong, and its mailbox's counters. */
static const char sql_resize[] =
	"UPDATE message SET vsize = ?3, psize = ?3, modseq = ?4"
	" WHERE mailbox_id = ?1 AND uid = ?2";
static const char sql_recount[] =
	"UPDATE mailbox SET vsize = max(vsize + ?2, 0), highestmodseq = ?3"
	" WHERE id = ?1";

static enum sqb_err resize(struct sqb_store *st, struct sqb_mailbox_id box,
			   uint32_t uid, uint64_t before, uint64_t vsize)
{
	uint64_t modseq;
	enum sqb_err err = sqb_txn_modseq(st, &modseq);
	sqlite3_stmt *q;

	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_resize);
	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, uid);
	sqlite3_bind_int64(q, 3, (int64_t)vsize);
	sqlite3_bind_int64(q, 4, (int64_t)modseq);
	err = sqb_run(st, q);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_recount);
	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, (int64_t)vsize - (int64_t)before);
	sqlite3_bind_int64(q, 3, (int64_t)modseq);
	return sqb_run(st, q);
}

static const char sql_is_shared[] =
	"SELECT count(*) FROM body_shared WHERE body_id = ?1";

/* No index leads from a body to its messages: servers rarely lie. */
static const char sql_sharing[] =
	"SELECT mailbox_id, uid, vsize FROM message WHERE body_id = ?1"
	" -- scans";

static enum sqb_err resize_sharing(struct sqb_store *st, struct sqb_body_id id,
				   uint64_t vsize)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_sharing);
	struct {
		struct sqb_mailbox_id box;
		uint32_t uid;
		uint64_t vsize;
	} *list = NULL;
	size_t count = 0, alloc = 0, i;
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, id.n);
	while (sqb_step(st, q, &err)) {
		list = sqb_xgrow(list, count, &alloc, sizeof(*list));
		list[count].box.n = sqlite3_column_int64(q, 0);
		list[count].uid = (uint32_t)sqlite3_column_int64(q, 1);
		list[count++].vsize = (uint64_t)sqlite3_column_int64(q, 2);
	}
	for (i = 0; i < count && err == SQB_OK; i++)
		err = resize(st, list[i].box, list[i].uid, list[i].vsize,
			     vsize);
	free(list);
	return err;
}

static enum sqb_err mend_size(struct sqb_store *st, struct sqb_mailbox_id box,
			      const struct sqb_message *msg, uint64_t vsize)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_is_shared);
	enum sqb_err err;
	int64_t shared;

	sqlite3_bind_int64(q, 1, msg->body.n);
	err = sqb_run_int64(st, q, &shared);
	if (err != SQB_OK)
		return err;
	if (shared > 0)
		return resize_sharing(st, msg->body, vsize);
	return resize(st, box, msg->uid, msg->vsize, vsize);
}

static const char sql_remove[] = "DELETE FROM body_absent WHERE body_id = ?1";

enum sqb_err sqb_message_fill(struct sqb_store *st, struct sqb_mailbox_id box,
			      uint32_t uid, struct sqb_body_writer *w)
{
	uint64_t vsize = sqb_body_writer_vsize(w);
	struct sqb_body_info info;
	struct sqb_message msg;
	enum sqb_err err;
	sqlite3_stmt *q;
	int64_t date;

	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = sqb_message_get(st, box, uid, &msg)) != SQB_OK)
		return err;
	err = sqb_absent_get(st, msg.body, &info, &date);
	if (err != SQB_OK)
		return err == SQB_NOTFOUND ? SQB_EXISTS : err;
	err = sqb_body_store_as(st, w, msg.body, info.guid, date);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_remove);
	sqlite3_bind_int64(q, 1, msg.body.n);
	err = sqb_run(st, q);
	if (err == SQB_OK && vsize != info.vsize)
		err = mend_size(st, box, &msg, vsize);
	return err;
}

struct sqb_absent_iter {
	struct sqb_walk walk;
	int64_t body; /* the last one */
};

/* Several messages may share a body: they come one after the other. */
static const char sql_walk[] =
	"SELECT a.body_id, r.mailbox_id, r.uid, r.remote_uid, a.vsize, a.date"
	" FROM body_absent a INDEXED BY body_absent_date"
	" CROSS JOIN remote_message r INDEXED BY remote_message_body"
	"  ON r.body_id = a.body_id AND r.state = 0"
	" CROSS JOIN message m ON m.mailbox_id = r.mailbox_id AND m.uid = r.uid"
	" WHERE a.date >= ?1 ORDER BY a.date DESC, a.body_id DESC";

struct sqb_absent_iter *sqb_absent_iter_begin(struct sqb_store *st)
{
	struct sqb_absent_iter *it = sqb_xcalloc(1, sizeof(*it));
	sqlite3_stmt *q = sqb_walk_begin(&it->walk, st, sql_walk);

	sqlite3_bind_int64(q, 1, INT64_MIN);
	return it;
}

bool sqb_absent_iter_next(struct sqb_absent_iter *it,
			  struct sqb_absent *absent_r)
{
	sqlite3_stmt *q = it->walk.q;
	int64_t body;

	do {
		if (!sqb_walk_step(&it->walk))
			return false;
		body = sqlite3_column_int64(q, 0);
	} while (body == it->body);
	it->body = body;
	absent_r->box.n = sqlite3_column_int64(q, 1);
	absent_r->uid = (uint32_t)sqlite3_column_int64(q, 2);
	absent_r->remote_uid = (uint32_t)sqlite3_column_int64(q, 3);
	absent_r->vsize = (uint64_t)sqlite3_column_int64(q, 4);
	absent_r->date = sqlite3_column_int64(q, 5);
	return true;
}

enum sqb_err sqb_absent_iter_end(struct sqb_absent_iter **it_p)
{
	struct sqb_absent_iter *it = *it_p;

	*it_p = NULL;
	return sqb_walk_free(it != NULL ? &it->walk : NULL);
}
