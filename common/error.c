/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Failures: names, sentences, and what errno and SQLite's codes mean to us.
 */
#include "common/error.h"

#include "common/store-private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sqb_err_name(enum sqb_err err)
{
	switch (err) {
	case SQB_OK:
		return "ok";
	case SQB_NOTFOUND:
		return "not found";
	case SQB_EXISTS:
		return "exists already";
	case SQB_INVALID:
		return "invalid";
	case SQB_NOSELECT:
		return "the mailbox holds no messages";
	case SQB_LIMIT:
		return "over a limit";
	case SQB_BUSY:
		return "busy";
	case SQB_FULL:
		return "no space left";
	case SQB_READONLY:
		return "read-only";
	case SQB_DENIED:
		return "access denied";
	case SQB_NOTOURS:
		return "not a store";
	case SQB_NEWER:
		return "a store of a newer version";
	case SQB_ABSENT:
		return "not fetched from the server yet";
	case SQB_CORRUPT:
		return "damaged";
	case SQB_IO:
		return "input/output error";
	case SQB_INTERNAL:
		return "internal error";
	}
	return "unknown error";
}

/* The new text is made before the old one goes: it may quote it. */
static enum sqb_err set_failure(struct sqb_store *st, enum sqb_err err,
				char *text)
{
	free(st->errmsg);
	st->errmsg = text;
	st->err = err;
	return err;
}

static char *format_text(const char *format, va_list args)
	__attribute__((format(printf, 1, 0)));

static char *format_text(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		text = sqb_xstrdup(format);
	return text;
}

enum sqb_err sqb_fail(struct sqb_store *st, enum sqb_err err,
		      const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	return set_failure(st, err, text);
}

/*
 * ENOENT and EEXIST stay SQB_IO: SQB_NOTFOUND and SQB_EXISTS would be taken for
 * an answer about a message or a mailbox.
 */
static enum sqb_err err_of_errno(int code)
{
	switch (code) {
	case ENOSPC:
	case EDQUOT:
		return SQB_FULL;
	case EACCES:
	case EPERM:
	case ELOOP:
		return SQB_DENIED;
	case EROFS:
		return SQB_READONLY;
	case EINVAL:
	case EBADF:
	case EFAULT:
		return SQB_INTERNAL;
	default:
		return SQB_IO;
	}
}

enum sqb_err sqb_fail_errno(struct sqb_store *st, const char *format, ...)
{
	int code = errno;
	va_list args;
	char *what;

	va_start(args, format);
	what = format_text(format, args);
	va_end(args);
	(void)set_failure(st, err_of_errno(code),
			  sqb_xasprintf("%s: %s", what, strerror(code)));
	free(what);
	return st->err;
}

static bool disk_is_full(int code)
{
	return code == ENOSPC || code == EDQUOT;
}

/* code: SQLite's extended one; sys_errno: of its last system call. */
static enum sqb_err err_of_sqlite(int code, int sys_errno)
{
	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
		/* Any other constraint should have been seen to before. */
		return code == SQLITE_CONSTRAINT_UNIQUE ||
				       code == SQLITE_CONSTRAINT_PRIMARYKEY ||
				       code == SQLITE_CONSTRAINT_ROWID
			       ? SQB_EXISTS
			       : SQB_INTERNAL;
	case SQLITE_BUSY:
		/* Only if we began to write with a walk still open. */
		return code == SQLITE_BUSY_SNAPSHOT ? SQB_INTERNAL : SQB_BUSY;
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return SQB_BUSY;
	case SQLITE_FULL:
		return SQB_FULL;
	case SQLITE_IOERR:
		return disk_is_full(sys_errno) ? SQB_FULL : SQB_IO;
	case SQLITE_CANTOPEN:
		return sys_errno != 0 ? err_of_errno(sys_errno) : SQB_IO;
	case SQLITE_READONLY:
		return code == SQLITE_READONLY_DBMOVED ? SQB_IO : SQB_READONLY;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return SQB_DENIED;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return SQB_CORRUPT;
	case SQLITE_TOOBIG:
		return SQB_LIMIT;
	case SQLITE_NOMEM:
		return SQB_IO;
	default:
		return SQB_INTERNAL;
	}
}

static char *sqlite_text(const struct sqb_store *st, enum sqb_err err,
			 const char *what)
{
	int code = sqlite3_extended_errcode(st->db);
	int sys_errno = sqlite3_system_errno(st->db);
	const char *text = sqlite3_errmsg(st->db);
	bool is_io = (code & 0xff) == SQLITE_IOERR ||
		     (code & 0xff) == SQLITE_CANTOPEN;

	if (err == SQB_FULL)
		return sqb_xasprintf("no space left on the disk, or in its "
				     "quota, for %s",
				     st->db_path);
	if (err == SQB_CORRUPT)
		return sqb_xasprintf("%s is damaged (%s): see what \"sqbox "
				     "check\" says of it, then restore it from "
				     "a backup, or save what can be read by "
				     "\"sqbox salvage\"",
				     st->db_path, text);
	if (err == SQB_INTERNAL)
		return sqb_xasprintf("%s: %s (SQLite code %d) in: %s",
				     st->db_path, text, code,
				     what != NULL ? what : "?");
	return sqb_xasprintf("%s: %s%s%s (SQLite code %d)", st->db_path, text,
			     is_io && sys_errno != 0 ? ": " : "",
			     is_io && sys_errno != 0 ? strerror(sys_errno) : "",
			     code);
}

enum sqb_err sqb_fail_sqlite(struct sqb_store *st, const char *what)
{
	enum sqb_err err = err_of_sqlite(sqlite3_extended_errcode(st->db),
					 sqlite3_system_errno(st->db));

	(void)set_failure(st, err, sqlite_text(st, err, what));
	if (st->txn.active && st->txn.lost == SQB_OK &&
	    sqlite3_get_autocommit(st->db))
		st->txn.lost = err;
	if (err == SQB_FULL)
		sqb_reserve_drop(st);
	return err;
}
