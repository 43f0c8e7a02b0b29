/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The account that a store is a replica of, and its mailboxes.
 */
#include "common/remote.h"

#include "common/store-private.h"

#include <stdlib.h>
#include <string.h>

static const char sql_account[] = "SELECT url FROM remote_account";

enum sqb_err sqb_remote_account_get(struct sqb_store *st, char **url_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_account);
	enum sqb_err err;

	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	*url_r = sqb_xstrdup((const char *)sqlite3_column_text(q, 0));
	sqlite3_reset(q);
	return SQB_OK;
}

static const char sql_messages[] =
	"SELECT coalesce(sum(messages), 0) FROM mailbox";
static const char sql_account_set[] =
	"INSERT INTO remote_account (id, url) VALUES (1, ?1)";

static enum sqb_err become_replica(struct sqb_store *st, const char *url)
{
	enum sqb_err err;
	sqlite3_stmt *q;
	int64_t messages;

	err = sqb_run_int64(st, sqb_stmt(st, sql_messages), &messages);
	if (err == SQB_OK && messages != 0)
		err = sqb_fail(st, SQB_EXISTS,
			       "%s holds mail of its own, and so cannot become "
			       "the replica of %s: give another directory",
			       st->dir, url);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_account_set);
	sqlite3_bind_text(q, 1, url, -1, SQLITE_STATIC);
	return sqb_run(st, q);
}

enum sqb_err sqb_remote_account_set(struct sqb_store *st, const char *url)
{
	enum sqb_err err = sqb_need_txn(st);
	char *present = NULL;

	if (err == SQB_OK)
		err = sqb_remote_account_get(st, &present);
	if (err == SQB_NOTFOUND)
		return become_replica(st, url);
	if (err == SQB_OK && strcmp(present, url) != 0)
		err = sqb_fail(st, SQB_EXISTS,
			       "%s is the replica of %s, and so cannot be that "
			       "of %s: give another directory",
			       st->dir, present, url);
	free(present);
	return err;
}

struct sqb_remote_mailbox_iter {
	struct sqb_walk walk;
};

static const char sql_walk[] =
	"SELECT mailbox_id, name, path, mailboxid, subscribed, uidvalidity,"
	" uidnext, highestmodseq, pushed FROM remote_mailbox"
	" ORDER BY mailbox_id";

struct sqb_remote_mailbox_iter *
sqb_remote_mailbox_iter_begin(struct sqb_store *st)
{
	struct sqb_remote_mailbox_iter *it = sqb_xcalloc(1, sizeof(*it));

	(void)sqb_walk_begin(&it->walk, st, sql_walk);
	return it;
}

bool sqb_remote_mailbox_iter_next(struct sqb_remote_mailbox_iter *it,
				  struct sqb_remote_mailbox *box_r)
{
	sqlite3_stmt *q = it->walk.q;

	if (!sqb_walk_step(&it->walk))
		return false;
	/* Of a blob, too, SQLite makes a string that ends with NUL. */
	*box_r = (struct sqb_remote_mailbox){
		.id.n = sqlite3_column_int64(q, 0),
		.name = (const char *)sqlite3_column_text(q, 1),
		.path = (const char *)sqlite3_column_text(q, 2),
		.mailboxid = (const char *)sqlite3_column_text(q, 3),
		.subscribed = sqlite3_column_int(q, 4) != 0,
		.uidvalidity = (uint32_t)sqlite3_column_int64(q, 5),
		.uidnext = (uint32_t)sqlite3_column_int64(q, 6),
		.highestmodseq = (uint64_t)sqlite3_column_int64(q, 7),
		.pushed = (uint64_t)sqlite3_column_int64(q, 8),
	};
	if (box_r->mailboxid == NULL)
		box_r->mailboxid = "";
	return true;
}

enum sqb_err sqb_remote_mailbox_iter_end(struct sqb_remote_mailbox_iter **it_p)
{
	struct sqb_remote_mailbox_iter *it = *it_p;

	*it_p = NULL;
	return sqb_walk_free(it != NULL ? &it->walk : NULL);
}

static const char sql_uidvalidity[] =
	"SELECT uidvalidity FROM remote_mailbox WHERE mailbox_id = ?1";

enum sqb_err sqb_remote_mailbox_uidvalidity(struct sqb_store *st,
					    struct sqb_mailbox_id id,
					    uint32_t *uidvalidity_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_uidvalidity);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, id.n);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	*uidvalidity_r = (uint32_t)sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	return SQB_OK;
}

static const char sql_set[] =
	"INSERT INTO remote_mailbox (mailbox_id, name, path, mailboxid,"
	" subscribed, uidvalidity, uidnext, highestmodseq, pushed)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
	" ON CONFLICT DO UPDATE SET name = excluded.name, path = excluded.path,"
	" mailboxid = excluded.mailboxid, subscribed = excluded.subscribed,"
	" uidvalidity = excluded.uidvalidity, uidnext = excluded.uidnext,"
	" highestmodseq = excluded.highestmodseq, pushed = excluded.pushed";

enum sqb_err sqb_remote_mailbox_set(struct sqb_store *st,
				    const struct sqb_remote_mailbox *box)
{
	enum sqb_err err = sqb_need_txn(st);
	sqlite3_stmt *q;

	if (err != SQB_OK)
		return err;
	if (box->name[0] == '\0' || box->path[0] == '\0' ||
	    box->highestmodseq > INT64_MAX || box->pushed > INT64_MAX)
		return sqb_fail(st, SQB_INVALID,
				"a remote mailbox without a name, or with a "
				"modseq of 64 bits");
	q = sqb_stmt(st, sql_set);
	sqlite3_bind_int64(q, 1, box->id.n);
	sqlite3_bind_blob(q, 2, box->name, (int)strlen(box->name),
			  SQLITE_STATIC);
	sqlite3_bind_text(q, 3, box->path, -1, SQLITE_STATIC);
	sqlite3_bind_blob(q, 4, box->mailboxid, (int)strlen(box->mailboxid),
			  SQLITE_STATIC);
	sqlite3_bind_int(q, 5, box->subscribed);
	sqlite3_bind_int64(q, 6, box->uidvalidity);
	sqlite3_bind_int64(q, 7, box->uidnext);
	sqlite3_bind_int64(q, 8, (int64_t)box->highestmodseq);
	sqlite3_bind_int64(q, 9, (int64_t)box->pushed);
	err = sqb_run(st, q);
	sqlite3_clear_bindings(q);
	return err;
}

static const char *const sql_forget[] = {
	"DELETE FROM remote_mailbox WHERE mailbox_id = ?1",
	"DELETE FROM remote_message WHERE mailbox_id = ?1",
	"DELETE FROM remote_keyword_more WHERE mailbox_id = ?1",
};

enum sqb_err sqb_remote_mailbox_forget(struct sqb_store *st,
				       struct sqb_mailbox_id id)
{
	enum sqb_err err = sqb_need_txn(st);
	sqlite3_stmt *q;
	size_t i;

	for (i = 0; i < sizeof(sql_forget) / sizeof(*sql_forget); i++) {
		if (err != SQB_OK)
			return err;
		q = sqb_stmt(st, sql_forget[i]);
		sqlite3_bind_int64(q, 1, id.n);
		err = sqb_run(st, q);
	}
	return err;
}

/* What is forgotten shall be found again, as what is new. */
static const char sql_retry_find[] =
	"UPDATE remote_mailbox AS b SET pushed = min(pushed, coalesce("
	" (SELECT min(m.modseq) - 1 FROM remote_message r"
	"  JOIN message m ON m.mailbox_id = r.mailbox_id AND m.uid = r.uid"
	"  WHERE r.state != 0 AND r.state = 2 AND r.mailbox_id = b.mailbox_id),"
	" pushed))";
static const char sql_retry_keywords[] =
	"DELETE FROM remote_keyword_more WHERE (mailbox_id, uid) IN (SELECT"
	" mailbox_id, uid FROM remote_message WHERE state != 0 AND state = 2)";
static const char sql_retry_messages[] =
	"DELETE FROM remote_message WHERE state != 0 AND state = 2";
static const char *const sql_retry[] = {
	sql_retry_find,
	sql_retry_keywords,
	sql_retry_messages,
};

enum sqb_err sqb_remote_retry(struct sqb_store *st)
{
	enum sqb_err err = sqb_need_txn(st);
	size_t i;

	for (i = 0; i < sizeof(sql_retry) / sizeof(*sql_retry); i++) {
		if (err == SQB_OK)
			err = sqb_run(st, sqb_stmt(st, sql_retry[i]));
	}
	return err;
}

static const char sql_counts[] = "SELECT (SELECT count(*) FROM body_absent),"
				 " (SELECT count(*) FROM remote_message"
				 "  WHERE state != 0 AND state = 2) -- scans";

enum sqb_err sqb_remote_counts(struct sqb_store *st,
			       struct sqb_remote_counts *counts_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_counts);
	enum sqb_err err;

	if (!sqb_step(st, q, &err))
		return err;
	counts_r->absent = (uint64_t)sqlite3_column_int64(q, 0);
	counts_r->refused = (uint64_t)sqlite3_column_int64(q, 1);
	sqlite3_reset(q);
	return SQB_OK;
}
