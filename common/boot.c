/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The first open after a boot, and the first of a copy.
 *
 * A commit is visible before it is synced.  If the power fails in between, a
 * client may have seen a UID or a modseq that the store knows nothing of any
 * more.  It must not be given to something else (I1), so after a boot the
 * numbers jump by more than can have been given out since the last sync.
 *
 * A copy that sqb_backup() made may be put in the place of a store that went
 * on for long: its numbers jump much further.  And since anything may have
 * changed back with it, every message gets the new modseq, and the journal
 * counts as incomplete up to it: clients compare everything once.
 */
#include "common/store-private.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/*
 * By how much the numbers move on.  A transaction may give out as many UIDs of
 * a mailbox as COPY has found messages; 2^16 of them, once a boot, last for
 * 2^16 boots.
 */
struct jump {
	int64_t modseqs, uids, uidvalidities, mailbox_ids, body_ids;
};
static const struct jump boot_jump = { INT64_C(1) << 20, 1 << 16, 1 << 10,
				       1 << 10, INT64_C(1) << 20 };
static const struct jump copy_jump = { INT64_C(1) << 32, 1 << 20, 1 << 16,
				       1 << 20, INT64_C(1) << 32 };

static const char boot_id_path[] = "/proc/sys/kernel/random/boot_id";

bool sqb_boot_id(char id_r[SQB_BOOT_ID_SIZE])
{
	int fd = open(boot_id_path, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return false;
	size = read(fd, id_r, SQB_BOOT_ID_SIZE - 1);
	(void)close(fd);
	if (size <= 0)
		return false;
	id_r[size] = '\0';
	id_r[strcspn(id_r, "\n")] = '\0';
	return id_r[0] != '\0';
}

static const char sql_boot_id[] = "SELECT boot_id FROM mailbox WHERE id = 0";

/* *same_r: nothing to do; *copy_r: nobody has opened this copy yet. */
static enum sqb_err compare(struct sqb_store *st, const char *boot_id,
			    bool *same_r, bool *copy_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_boot_id);
	const char *stored;
	enum sqb_err err;

	if (!sqb_step(st, q, &err)) {
		if (err != SQB_OK)
			return err;
		return sqb_fail(st, SQB_CORRUPT,
				"%s has lost its row 0: restore it from a "
				"backup",
				st->db_path);
	}
	stored = (const char *)sqlite3_column_text(q, 0);
	*copy_r = stored != NULL && strcmp(stored, SQB_BOOT_ID_COPY) == 0;
	*same_r = boot_id != NULL && stored != NULL &&
		  strcmp(stored, boot_id) == 0;
	sqlite3_reset(q);
	return SQB_OK;
}

/* ?1 NULL: we do not know it; then a copy just stops being one. */
static const char sql_jump_account[] =
	"UPDATE mailbox SET boot_id = ?1, next_modseq = next_modseq + ?2,"
	" next_uidvalidity = min(next_uidvalidity + ?3, 4294967296),"
	" next_id = next_id + ?4, next_body = next_body + ?5 WHERE id = 0";

static const char sql_jump_uidnext[] =
	"UPDATE mailbox SET uidnext = min(uidnext + ?1, 4294967296)"
	" WHERE id > 0 AND NOT noselect";

static enum sqb_err jump(struct sqb_store *st, const char *boot_id,
			 const struct jump *by)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_jump_account);
	enum sqb_err err;

	if (boot_id != NULL)
		sqlite3_bind_text(q, 1, boot_id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, by->modseqs);
	sqlite3_bind_int64(q, 3, by->uidvalidities);
	sqlite3_bind_int64(q, 4, by->mailbox_ids);
	sqlite3_bind_int64(q, 5, by->body_ids);
	err = sqb_run(st, q);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_jump_uidnext);
	sqlite3_bind_int64(q, 1, by->uids);
	return sqb_run(st, q);
}

static const char sql_touch_mailboxes[] =
	"UPDATE mailbox SET highestmodseq = ?1, vanished_floor = ?1";
static const char sql_touch_messages[] =
	"UPDATE message SET modseq = ?1 -- scans";
/* Older than the floor now. */
static const char sql_clear_journal[] = "DELETE FROM expunged";

static enum sqb_err touch_everything(struct sqb_store *st)
{
	uint64_t modseq;
	enum sqb_err err = sqb_txn_modseq(st, &modseq);
	sqlite3_stmt *q;

	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_touch_mailboxes);
	sqlite3_bind_int64(q, 1, (int64_t)modseq);
	err = sqb_run(st, q);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_touch_messages);
	sqlite3_bind_int64(q, 1, (int64_t)modseq);
	err = sqb_run(st, q);
	if (err != SQB_OK)
		return err;
	return sqb_run(st, sqb_stmt(st, sql_clear_journal));
}

static enum sqb_err move_on(struct sqb_store *st, const char *boot_id)
{
	bool same = false, copy = false;
	enum sqb_err err = compare(st, boot_id, &same, &copy);

	if (err != SQB_OK || same)
		return err;
	if (!copy)
		return jump(st, boot_id, &boot_jump);
	err = jump(st, boot_id, &copy_jump);
	return err == SQB_OK ? touch_everything(st) : err;
}

enum sqb_err sqb_boot_check(struct sqb_store *st)
{
	char buffer[SQB_BOOT_ID_SIZE];
	const char *boot_id = sqb_boot_id(buffer) ? buffer : NULL;
	bool same = false, copy = false;
	enum sqb_err err = compare(st, boot_id, &same, &copy);

	if (err != SQB_OK || same || (boot_id == NULL && !copy))
		return err;
	err = sqb_txn_begin(st);
	if (err != SQB_OK)
		return err;
	err = move_on(st, boot_id);
	if (err != SQB_OK) {
		sqb_txn_rollback(st);
		return err;
	}
	err = sqb_txn_commit(st);
	return err == SQB_OK ? sqb_sync(st) : err;
}
