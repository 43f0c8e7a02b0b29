/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Reading the journal.
 */
#include "common/changes.h"

#include "common/message-private.h"

#include <stdlib.h>

/* Without the hint SQLite would rather read all rows than sort a few. */
static const char sql_changed[] =
	"SELECT " SQB_MESSAGE_COLUMNS " FROM message INDEXED BY message_modseq"
	" WHERE mailbox_id = ?1 AND modseq > ?2"
	" AND uid BETWEEN 1 AND 4294967295 ORDER BY uid";

struct sqb_message_iter *sqb_changed_iter_begin(struct sqb_store *st,
						struct sqb_mailbox_id box,
						uint64_t since)
{
	if (since == 0)
		return sqb_message_iter_begin(st, box, 1, UINT32_MAX);
	if (since > INT64_MAX)
		since = INT64_MAX;
	return sqb_message_iter_new(st, sql_changed, box, since, 0);
}

struct sqb_vanished_iter {
	struct sqb_walk walk;
	struct sqb_mailbox_id box;
	uint64_t since;
	bool begun;
};

/*
 * The floor and the ranges from one snapshot; one row without ranges at least.
 * Ranges that cannot be are damage: left out.
 */
static const char sql_vanished[] =
	"SELECT m.vanished_floor, e.uid_lo, e.uid_hi FROM mailbox m"
	" LEFT JOIN expunged e ON e.mailbox_id = m.id AND e.modseq > ?2"
	" AND e.uid_lo >= 1 AND e.uid_hi BETWEEN e.uid_lo AND 4294967295"
	" WHERE m.id = ?1 AND m.id > 0 ORDER BY e.modseq, e.uid_lo";

struct sqb_vanished_iter *sqb_vanished_iter_begin(struct sqb_store *st,
						  struct sqb_mailbox_id box,
						  uint64_t since)
{
	struct sqb_vanished_iter *it = sqb_xcalloc(1, sizeof(*it));
	sqlite3_stmt *q = sqb_walk_begin(&it->walk, st, sql_vanished);

	it->box = box;
	it->since = since > INT64_MAX ? INT64_MAX : since;
	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, (int64_t)it->since);
	return it;
}

/* At the first row: is the question answerable? */
static enum sqb_err check_floor(struct sqb_vanished_iter *it)
{
	uint64_t floor = (uint64_t)sqlite3_column_int64(it->walk.q, 0);

	it->begun = true;
	if (it->since >= floor)
		return SQB_OK;
	return sqb_fail(it->walk.st, SQB_INVALID,
			"the journal of mailbox %lld begins at modseq %llu, "
			"after %llu",
			(long long)it->box.n, (unsigned long long)floor,
			(unsigned long long)it->since);
}

bool sqb_vanished_iter_next(struct sqb_vanished_iter *it, uint32_t *uid_lo_r,
			    uint32_t *uid_hi_r)
{
	struct sqb_walk *w = &it->walk;

	if (w->done)
		return false;
	(void)sqb_walk_step(w);
	if (!w->done && !it->begun) {
		w->err = check_floor(it);
		w->done = w->err != SQB_OK ||
			  sqlite3_column_type(w->q, 1) == SQLITE_NULL;
	} else if (w->done && !it->begun && w->err == SQB_OK) {
		w->err = sqb_fail(w->st, SQB_NOTFOUND,
				  "there is no mailbox with the id %lld",
				  (long long)it->box.n);
	}
	if (w->done)
		return false;
	*uid_lo_r = (uint32_t)sqlite3_column_int64(w->q, 1);
	*uid_hi_r = (uint32_t)sqlite3_column_int64(w->q, 2);
	return true;
}

enum sqb_err sqb_vanished_iter_end(struct sqb_vanished_iter **it_p)
{
	struct sqb_vanished_iter *it = *it_p;

	*it_p = NULL;
	return sqb_walk_free(it != NULL ? &it->walk : NULL);
}
