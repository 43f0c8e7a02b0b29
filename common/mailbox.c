/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Mailbox rows: status, create, update, delete.
 *
 * Row 0 hands out ids and UIDVALIDITYs, in the transaction that uses them, so
 * a rolled-back one leaves no gap and a committed one is never repeated.
 */
#include "common/mailbox-private.h"

#include "common/message-private.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

void sqb_status_fill(sqlite3_stmt *q, struct sqb_mailbox_status *status)
{
	const void *guid = sqlite3_column_blob(q, 2);

	memset(status, 0, sizeof(*status));
	status->id.n = sqlite3_column_int64(q, 0);
	status->parent.n = sqlite3_column_int64(q, 1);
	if (guid != NULL && sqlite3_column_bytes(q, 2) == SQB_GUID_SIZE)
		memcpy(status->guid, guid, SQB_GUID_SIZE);
	status->noselect = sqlite3_column_int(q, 3) != 0;
	status->uidvalidity = (uint32_t)sqlite3_column_int64(q, 4);
	status->uidnext = (uint32_t)sqlite3_column_int64(q, 5);
	status->first_recent = (uint32_t)sqlite3_column_int64(q, 6);
	status->highestmodseq = (uint64_t)sqlite3_column_int64(q, 7);
	status->vanished_floor = (uint64_t)sqlite3_column_int64(q, 8);
	status->messages = (uint32_t)sqlite3_column_int64(q, 9);
	status->unseen = (uint32_t)sqlite3_column_int64(q, 10);
	status->vsize = (uint64_t)sqlite3_column_int64(q, 11);
	status->special_use = (unsigned int)sqlite3_column_int64(q, 12);
}

static const char sql_status[] =
	"SELECT " SQB_STATUS_COLUMNS ","
	" EXISTS (SELECT 1 FROM mailbox c WHERE c.parent_id = m.id),"
	" m.parent_id = 0 AND m.name = 'INBOX'"
	" FROM mailbox m WHERE m.id = ?1 AND m.id > 0";

static enum sqb_err status_get(struct sqb_store *st, struct sqb_mailbox_id id,
			       struct sqb_mailbox_status *status_r,
			       bool *inbox_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_status);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, id.n);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	sqb_status_fill(q, status_r);
	status_r->has_children =
		sqlite3_column_int(q, SQB_STATUS_COLUMN_COUNT) != 0;
	*inbox_r = sqlite3_column_int(q, SQB_STATUS_COLUMN_COUNT + 1) != 0;
	sqlite3_reset(q);
	return SQB_OK;
}

enum sqb_err sqb_mailbox_status(struct sqb_store *st, struct sqb_mailbox_id id,
				struct sqb_mailbox_status *status_r)
{
	bool inbox;

	return status_get(st, id, status_r, &inbox);
}

enum sqb_err sqb_mailbox_need(struct sqb_store *st, struct sqb_mailbox_id id,
			      struct sqb_mailbox_status *status_r,
			      bool *inbox_r)
{
	enum sqb_err err = status_get(st, id, status_r, inbox_r);

	if (err == SQB_NOTFOUND)
		return sqb_fail(st, err, "there is no mailbox with the id %lld",
				(long long)id.n);
	return err;
}

static const char sql_tree_modseq[] =
	"SELECT highestmodseq FROM mailbox WHERE id = 0";
static const char sql_last_modseq[] =
	"SELECT next_modseq - 1 FROM mailbox WHERE id = 0";

/* A number out of row 0; limit: what it means that there is no row. */
static enum sqb_err account_number(struct sqb_store *st, const char *sql,
				   enum sqb_err limit, const char *text,
				   int64_t *value_r)
{
	enum sqb_err err = sqb_run_int64(st, sqb_stmt(st, sql), value_r);

	return err == SQB_NOTFOUND ? sqb_fail(st, limit, "%s", text) : err;
}

static const char no_account[] = "the account's own row is missing";

static enum sqb_err account_modseq(struct sqb_store *st, const char *sql,
				   uint64_t *modseq_r)
{
	int64_t modseq;
	enum sqb_err err =
		account_number(st, sql, SQB_CORRUPT, no_account, &modseq);

	if (err == SQB_OK)
		*modseq_r = (uint64_t)modseq;
	return err;
}

enum sqb_err sqb_tree_modseq(struct sqb_store *st, uint64_t *modseq_r)
{
	return account_modseq(st, sql_tree_modseq, modseq_r);
}

enum sqb_err sqb_last_modseq(struct sqb_store *st, uint64_t *modseq_r)
{
	return account_modseq(st, sql_last_modseq, modseq_r);
}

static const char sql_next_uidvalidity[] =
	"UPDATE mailbox SET next_uidvalidity = next_uidvalidity + 1"
	" WHERE id = 0 AND next_uidvalidity <= 4294967295"
	" RETURNING next_uidvalidity - 1";
static const char sql_raise_uidvalidity[] =
	"UPDATE mailbox SET next_uidvalidity = ?1 + 1"
	" WHERE id = 0 AND next_uidvalidity <= ?1";

/* Take the next UIDVALIDITY, or the one wanted and the counter past it. */
static enum sqb_err take_uidvalidity(struct sqb_store *st, uint32_t wanted,
				     uint32_t *uidvalidity_r)
{
	sqlite3_stmt *q;
	enum sqb_err err;
	int64_t next;

	if (wanted != 0) {
		*uidvalidity_r = wanted;
		q = sqb_stmt(st, sql_raise_uidvalidity);
		sqlite3_bind_int64(q, 1, wanted);
		return sqb_run(st, q);
	}
	err = account_number(st, sql_next_uidvalidity, SQB_LIMIT,
			     "the last UIDVALIDITY of this store is used",
			     &next);
	if (err == SQB_OK)
		*uidvalidity_r = (uint32_t)next;
	return err;
}

static const char sql_next_id[] =
	"UPDATE mailbox SET next_id = next_id + 1 WHERE id = 0"
	" RETURNING next_id - 1";

/* The guid wanted, or a new one put into buf. */
static enum sqb_err choose_guid(struct sqb_store *st, const uint8_t *wanted,
				uint8_t buf[SQB_GUID_SIZE],
				const uint8_t **guid_r)
{
	*guid_r = wanted != NULL ? wanted : buf;
	if (wanted != NULL)
		return SQB_OK;
	while (getrandom(buf, SQB_GUID_SIZE, 0) != SQB_GUID_SIZE) {
		if (errno != EINTR)
			return sqb_fail_errno(st, "getrandom");
	}
	return SQB_OK;
}

/* What a mailbox gets when it is made, or made selectable again. */
struct fresh {
	uint8_t buf[SQB_GUID_SIZE];
	const uint8_t *guid;
	uint32_t uidvalidity;
	uint64_t modseq;
};

static enum sqb_err fresh_get(struct sqb_store *st,
			      const struct sqb_mailbox_create *args,
			      struct fresh *f)
{
	enum sqb_err err;

	err = sqb_txn_modseq(st, &f->modseq);
	if (err == SQB_OK)
		err = choose_guid(st, args->guid, f->buf, &f->guid);
	if (err == SQB_OK)
		err = take_uidvalidity(st, args->uidvalidity, &f->uidvalidity);
	return err;
}

static const char sql_insert[] =
	"INSERT INTO mailbox (id, parent_id, name, guid, noselect,"
	" uidvalidity, uidnext, first_recent, highestmodseq)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, max(?7, 1), max(?8, 1), ?9)";

enum sqb_err sqb_mailbox_insert(struct sqb_store *st, int64_t parent,
				const struct sqb_level *level,
				const struct sqb_mailbox_create *args,
				int64_t *id_r)
{
	sqlite3_stmt *q;
	struct fresh f;
	enum sqb_err err;
	int64_t id;

	err = fresh_get(st, args, &f);
	if (err == SQB_OK)
		err = account_number(st, sql_next_id, SQB_CORRUPT, no_account,
				     &id);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_insert);
	sqlite3_bind_int64(q, 1, id);
	sqlite3_bind_int64(q, 2, parent);
	sqlite3_bind_text(q, 3, level->name, level->len, SQLITE_STATIC);
	sqlite3_bind_blob(q, 4, f.guid, SQB_GUID_SIZE, SQLITE_STATIC);
	sqlite3_bind_int(q, 5, args->noselect);
	sqlite3_bind_int64(q, 6, f.uidvalidity);
	sqlite3_bind_int64(q, 7, args->min_uidnext);
	sqlite3_bind_int64(q, 8, args->min_first_recent);
	sqlite3_bind_int64(q, 9, (int64_t)f.modseq);
	err = sqb_run(st, q);
	if (err == SQB_OK)
		*id_r = id;
	return err;
}

enum sqb_err sqb_parents_make(struct sqb_store *st, const char *name,
			      int64_t *parent_r, struct sqb_level *last_r)
{
	static const struct sqb_mailbox_create noselect = { .noselect = true };
	int64_t id = SQB_ROOT;
	enum sqb_err err;

	sqb_level_first(name, last_r);
	while (last_r->rest != NULL) {
		err = sqb_child_find(st, id, last_r, &id);
		if (err == SQB_NOTFOUND)
			err = sqb_mailbox_insert(st, id, last_r, &noselect,
						 &id);
		if (err != SQB_OK)
			return err;
		sqb_level_next(last_r);
	}
	*parent_r = id;
	return SQB_OK;
}

/* UIDNEXT stays: with it, (mailbox id, UID) never means two messages. */
static const char sql_promote[] =
	"UPDATE mailbox SET noselect = 0, guid = ?2, uidvalidity = ?3,"
	" uidnext = max(uidnext, ?4), first_recent = max(first_recent, ?5),"
	" highestmodseq = ?6 WHERE id = ?1";

/* Make a \Noselect mailbox an ordinary one. */
static enum sqb_err promote(struct sqb_store *st, int64_t id,
			    const struct sqb_mailbox_create *args)
{
	sqlite3_stmt *q;
	struct fresh f;
	enum sqb_err err;

	err = fresh_get(st, args, &f);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_promote);
	sqlite3_bind_int64(q, 1, id);
	sqlite3_bind_blob(q, 2, f.guid, SQB_GUID_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, f.uidvalidity);
	sqlite3_bind_int64(q, 4, args->min_uidnext);
	sqlite3_bind_int64(q, 5, args->min_first_recent);
	sqlite3_bind_int64(q, 6, (int64_t)f.modseq);
	return sqb_run(st, q);
}

enum sqb_err sqb_mailbox_create(struct sqb_store *st, const char *name,
				const struct sqb_mailbox_create *args,
				struct sqb_mailbox_id *id_r)
{
	static const struct sqb_mailbox_create none;
	struct sqb_mailbox_status status;
	struct sqb_mailbox_id id;
	struct sqb_level last;
	int64_t parent;
	enum sqb_err err;
	bool found;

	if (args == NULL)
		args = &none;
	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = sqb_name_check(st, name)) != SQB_OK)
		return err;

	err = sqb_mailbox_find(st, name, &id);
	found = err == SQB_OK;
	if (found)
		err = sqb_mailbox_status(st, id, &status);
	else if (err == SQB_NOTFOUND)
		err = SQB_OK;
	if (err != SQB_OK)
		return err;
	if (found && (!status.noselect || args->noselect))
		return sqb_fail(st, SQB_EXISTS,
				"there is a mailbox \"%s\" already", name);

	if (args->min_modseq != 0)
		err = sqb_txn_raise_modseq(st, args->min_modseq);
	if (err == SQB_OK && found) {
		err = promote(st, id.n, args);
	} else if (err == SQB_OK) {
		err = sqb_parents_make(st, name, &parent, &last);
		if (err == SQB_OK)
			err = sqb_mailbox_insert(st, parent, &last, args,
						 &id.n);
	}
	if (err == SQB_OK)
		err = sqb_txn_touch_tree(st);
	if (err == SQB_OK)
		*id_r = id;
	return err;
}

static const char sql_update[] =
	"UPDATE mailbox SET guid = coalesce(?2, guid), uidvalidity = ?3,"
	" uidnext = max(uidnext, ?4), first_recent = max(first_recent, ?5),"
	" special_use = ?6, highestmodseq = ?7 WHERE id = ?1";

static enum sqb_err update_row(struct sqb_store *st,
			       const struct sqb_mailbox_status *old,
			       const struct sqb_mailbox_update *update,
			       uint32_t uidvalidity, uint64_t modseq)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_update);

	sqlite3_bind_int64(q, 1, old->id.n);
	if (update->guid != NULL)
		sqlite3_bind_blob(q, 2, update->guid, SQB_GUID_SIZE,
				  SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, uidvalidity);
	sqlite3_bind_int64(q, 4, update->min_uidnext);
	sqlite3_bind_int64(q, 5, update->first_recent);
	sqlite3_bind_int64(q, 6,
			   update->set_special_use ? update->special_use
						   : old->special_use);
	sqlite3_bind_int64(q, 7, (int64_t)modseq);
	return sqb_run(st, q);
}

/*
 * \Recent has no modseq (RFC 7162): a session that takes it over must not make
 * every client look for changes.
 */
enum sqb_err sqb_mailbox_update(struct sqb_store *st, struct sqb_mailbox_id id,
				const struct sqb_mailbox_update *update)
{
	struct sqb_mailbox_status old = { .id = id };
	uint32_t uidvalidity;
	bool inbox, tree, own;
	uint64_t modseq;
	enum sqb_err err;

	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = sqb_mailbox_need(st, id, &old, &inbox)) != SQB_OK)
		return err;
	uidvalidity = update->uidvalidity != 0 ? update->uidvalidity
					       : old.uidvalidity;
	tree = uidvalidity != old.uidvalidity ||
	       (update->guid != NULL &&
		memcmp(update->guid, old.guid, SQB_GUID_SIZE) != 0) ||
	       (update->set_special_use &&
		update->special_use != old.special_use);
	own = tree || update->min_modseq > old.highestmodseq ||
	      (old.uidnext != 0 && update->min_uidnext > old.uidnext);
	if (!own && update->first_recent <= old.first_recent)
		return SQB_OK;

	if (update->min_modseq > old.highestmodseq)
		err = sqb_txn_raise_modseq(st, update->min_modseq);
	modseq = old.highestmodseq;
	if (err == SQB_OK && own)
		err = sqb_txn_modseq(st, &modseq);
	if (err == SQB_OK && uidvalidity != old.uidvalidity)
		err = take_uidvalidity(st, uidvalidity, &uidvalidity);
	if (err == SQB_OK)
		err = update_row(st, &old, update, uidvalidity, modseq);
	if (err == SQB_OK && tree)
		err = sqb_txn_touch_tree(st);
	return err;
}

static const char sql_delete_attributes[] =
	"DELETE FROM attribute WHERE mailbox_id = ?1";
static const char sql_delete_journal[] =
	"DELETE FROM expunged WHERE mailbox_id = ?1";
static const char sql_delete[] = "DELETE FROM mailbox WHERE id = ?1";
static const char sql_demote[] =
	"UPDATE mailbox SET noselect = 1, special_use = 0, vanished_floor = ?2,"
	" highestmodseq = ?2 WHERE id = ?1";

static enum sqb_err run_on(struct sqb_store *st, const char *sql,
			   struct sqb_mailbox_id id, uint64_t modseq)
{
	sqlite3_stmt *q = sqb_stmt(st, sql);

	sqlite3_bind_int64(q, 1, id.n);
	if (sqlite3_bind_parameter_count(q) > 1)
		sqlite3_bind_int64(q, 2, (int64_t)modseq);
	return sqb_run(st, q);
}

enum sqb_err sqb_mailbox_delete(struct sqb_store *st, struct sqb_mailbox_id id)
{
	struct sqb_mailbox_status status = { .id = id };
	uint64_t modseq, count;
	enum sqb_err err;
	bool inbox = false;

	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = sqb_mailbox_need(st, id, &status, &inbox)) != SQB_OK)
		return err;
	if (inbox)
		return sqb_fail(st, SQB_INVALID, "INBOX cannot be deleted");
	if (status.noselect && status.has_children)
		return sqb_fail(st, SQB_INVALID,
				"the mailbox has children and cannot be "
				"deleted before them");

	err = sqb_txn_modseq(st, &modseq);
	if (err == SQB_OK)
		err = sqb_rows_remove(st, id, 1, UINT32_MAX, SQB_REMOVE_BODIES,
				      &count);
	if (err == SQB_OK)
		err = run_on(st, sql_delete_attributes, id, modseq);
	if (err == SQB_OK)
		err = run_on(st, sql_delete_journal, id, modseq);
	if (err == SQB_OK)
		err = run_on(st, status.has_children ? sql_demote : sql_delete,
			     id, modseq);
	if (err == SQB_OK)
		err = sqb_txn_touch_tree(st);
	return err;
}
