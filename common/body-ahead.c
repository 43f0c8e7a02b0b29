/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Bodies read ahead: who opens one message after the other finds the next ones
 * here, packed as they are in the file.
 *
 * Several rows cost one statement, one snapshot and its locks, and no snapshot
 * is held between calls.  Nothing becomes stale that could be told: bodies
 * never change, any other statement forgets what is here, and so does time.
 */
#include "common/body-private.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 16 /* a power of two */
#define OCTETS_MAX 131072
#define AGE_MAX_MS 1000

struct ahead_row {
	uint32_t uid;
	size_t offset; /* of its data in the buffer */
	struct sqb_body_row body;
};

struct sqb_body_ahead {
	int64_t box;       /* 0: nothing was opened lately */
	uint32_t last_uid; /* the last one that was opened there */
	size_t window;     /* so many rows next time */
	int64_t read_ms;
	size_t at, count; /* in rows; at: the next one to be asked for */
	struct ahead_row rows[ROWS_MAX];
	uint8_t *data; /* own */
	size_t size, room;
};

void sqb_body_ahead_drop(struct sqb_store *st)
{
	st->ahead->box = 0;
	st->ahead->at = st->ahead->count = 0;
}

void sqb_body_ahead_free(struct sqb_store *st)
{
	if (st->ahead != NULL)
		free(st->ahead->data);
	free(st->ahead);
	st->ahead = NULL;
}

static void add_row(struct sqb_body_ahead *a, uint32_t uid,
		    const struct sqb_body_row *body)
{
	struct ahead_row *row = &a->rows[a->count++];

	if (a->size + body->size > a->room) {
		a->room = 2 * (a->size + body->size);
		a->data = sqb_xrealloc(a->data, a->room);
	}
	row->uid = uid;
	row->offset = a->size;
	row->body = *body;
	if (body->size > 0)
		memcpy(a->data + a->size, body->data, body->size);
	a->size += body->size;
}

static const char sql_ahead[] =
	"SELECT " SQB_BODY_ROW_COLUMNS ", m.psize, m.uid"
	" FROM message AS m"
	" LEFT JOIN body AS b ON b.id = m.body_id"
	" WHERE m.mailbox_id = ?1 AND m.uid >= ?2 ORDER BY m.uid LIMIT ?3";

/* What is absent or damaged ends it: who asks for that one is told. */
static void read_ahead(struct sqb_store *st, int64_t box, uint32_t uid,
		       size_t window)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_ahead);
	struct sqb_body_ahead *a = st->ahead;
	struct sqb_body_row body = { 0 };
	enum sqb_err err;

	a->size = 0;
	sqlite3_bind_int64(q, 1, box);
	sqlite3_bind_int64(q, 2, uid);
	sqlite3_bind_int64(q, 3, (int64_t)window);
	while (a->size < OCTETS_MAX && sqb_step(st, q, &err)) {
		if (sqlite3_column_type(q, 0) == SQLITE_NULL ||
		    sqb_body_row_read(st, q, &body) != SQB_OK)
			break;
		add_row(a, (uint32_t)sqlite3_column_int64(q, SQB_BODY_ROW_NEXT),
			&body);
	}
	sqlite3_reset(q);
	a->box = box;
	a->window = window < ROWS_MAX ? 2 * window : ROWS_MAX;
	a->read_ms = sqb_now_ms();
}

bool sqb_body_ahead_take(struct sqb_store *st, int64_t box, uint32_t uid,
			 struct sqb_body_row *body_r)
{
	struct sqb_body_ahead *a = st->ahead;
	struct ahead_row *row;

	if (a == NULL || a->box != box)
		return false;
	if (a->at < a->count && sqb_now_ms() - a->read_ms > AGE_MAX_MS)
		sqb_body_ahead_drop(st);
	while (a->at < a->count && a->rows[a->at].uid < uid)
		a->at++;
	if (a->at == a->count && a->box == box && uid == a->last_uid + 1)
		read_ahead(st, box, uid, a->window);
	if (a->at == a->count || a->rows[a->at].uid != uid)
		return false;
	row = &a->rows[a->at++];
	a->last_uid = uid;
	*body_r = row->body;
	body_r->data = a->data + row->offset;
	return true;
}

void sqb_body_ahead_begin(struct sqb_store *st, int64_t box, uint32_t uid)
{
	if (st->ahead == NULL)
		st->ahead = sqb_xcalloc(1, sizeof(*st->ahead));
	st->ahead->box = box;
	st->ahead->last_uid = uid;
	st->ahead->window = 2;
}
