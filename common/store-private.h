/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_STORE_PRIVATE_H
#define SQB_STORE_PRIVATE_H

#include "common/store.h"
#include "common/txn.h"

#include <sqlite3.h>

/* For the files of common/ only: what a store is made of. */

#define SQB_SCHEMA_VERSION 1
#define SQB_APPLICATION_ID 0x73716278 /* "sqbx" */

extern const char sqb_schema[]; /* schema.c */

/* Record the failure: format gives the sentence; returns err. */
enum sqb_err sqb_fail(struct sqb_store *st, enum sqb_err err,
		      const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Record what SQLite says of its last failure, mapped from its extended code.
 */
enum sqb_err sqb_fail_sqlite(struct sqb_store *st, const char *what);

/* Record the failure of a system call; errno is mapped (ENOSPC: SQB_FULL). */
enum sqb_err sqb_fail_errno(struct sqb_store *st, const char *what);

/*
 * Statements.  sqb_stmt() returns the statement cached under the address of
 * its text, reset and unbound, or NULL with the failure recorded; SQLite
 * refuses binds on NULL harmlessly and sqb_step()/sqb_run() then return the
 * recorded failure, so a statement needs one check.  A cached statement has
 * one user at a time and must be reset by it; walks make their own with
 * sqb_stmt_new(), and sqlite3_finalize() them.
 */
sqlite3_stmt *sqb_stmt(struct sqb_store *st, const char *sql);
sqlite3_stmt *sqb_stmt_new(struct sqb_store *st, const char *sql);

/*
 * One row: true.  No more rows, or failure: false with *err_r, and the
 * statement is reset.
 */
bool sqb_step(struct sqb_store *st, sqlite3_stmt *q, enum sqb_err *err_r);

/* Run a statement that returns no row; resets it. */
enum sqb_err sqb_run(struct sqb_store *st, sqlite3_stmt *q);

/* SQB_OK inside a write transaction, else SQB_INTERNAL: for the top of writers.
 */
enum sqb_err sqb_need_txn(struct sqb_store *st);

/* The SQLite handle, for sqlite3_changes() and last ids. */
sqlite3 *sqb_db(struct sqb_store *st);

#endif
