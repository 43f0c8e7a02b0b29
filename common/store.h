/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_STORE_H
#define SQB_STORE_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A store: one mail account in one directory (store.db, store.lock, notify,
 * reserve, index/).
 *
 * Threads: a store and everything got from it belong to one thread at a time;
 * the caller serialises.  Different stores, of one directory too, are used at
 * the same time without further ado.
 *
 * Processes: any number may have the same store open.  A process may open a
 * directory once for writing (two such handles would wait for each other's
 * writer lock) and any number of times with SQB_OPEN_READONLY, while others
 * write; they may be closed in any order.  It must not carry a handle across
 * fork(), and must not open or close store.db by any other means (closing any
 * descriptor of it drops SQLite's POSIX locks).
 */
struct sqb_store;

enum sqb_open_flags {
	SQB_OPEN_CREATE = 1
			  << 0, /* make directory (0700) and store if missing */
	SQB_OPEN_READONLY = 1 << 1, /* every write answers SQB_READONLY */
};

/* How long a writer waits in the queue before SQB_BUSY. */
#define SQB_LOCK_TIMEOUT_SECS 30

/*
 * Open the store in directory dir.  It must be on a local file system, owned
 * by this process's effective user, and its files must be regular files, not
 * symbolic links.  The first open after a boot, and the first of a copy that
 * sqb_backup() made, moves UIDNEXT and modseq forward so that no number that
 * somebody may have seen is given twice.
 *
 * A read-only handle takes no lock of ours, never checkpoints, and sees every
 * commit, of whatever handle or process, with its next call.  It cannot bring
 * an older schema to the present one (SQB_READONLY): open one for writing
 * first.
 *
 * SQB_NOTFOUND (an answer): there is no store and SQB_OPEN_CREATE is not set.
 * On failure *error_r, if error_r is not NULL, is a sentence to free().
 */
enum sqb_err sqb_store_open(const char *dir, enum sqb_open_flags flags,
			    struct sqb_store **st_r, char **error_r);

/*
 * Close: syncs what is not yet durable, rolls back an open transaction.  All
 * iterators, readers and writers of the store must have been ended before.
 */
void sqb_store_close(struct sqb_store **st);

/* The sentence of the last failure; dies with the next call on the store. */
const char *sqb_store_errmsg(struct sqb_store *st);

/* The directory as an absolute path without symbolic links. */
const char *sqb_store_dir(struct sqb_store *st);

/* The doorbell file: watch it to learn of commits by others (txn.h). */
const char *sqb_store_notify_path(struct sqb_store *st);

/* How long a writer of this handle waits; default SQB_LOCK_TIMEOUT_SECS. */
void sqb_store_set_lock_timeout(struct sqb_store *st, unsigned int secs);

/*
 * Pages of store.db that this handle may keep in memory, in KiB; default 1024.
 * They are kept from one call to the next as long as nobody commits.
 */
void sqb_store_set_cache_size(struct sqb_store *st, unsigned int kib);

/* zstd level for new bodies, 1..19; default 3. */
void sqb_store_set_compress_level(struct sqb_store *st, int level);

/* Figures of the whole store, for sqbox stat. */
struct sqb_store_stat {
	uint32_t schema;
	uint32_t mailboxes, noselect;
	uint64_t messages, unseen;
	uint64_t vsize;         /* sum of RFC822.SIZE of all messages */
	uint64_t bodies;        /* a body shared by copies counts once */
	uint64_t bodies_free;   /* unreferenced, waiting for sqb_purge() */
	uint64_t bodies_absent; /* of a replica; they are not in bodies */
	uint64_t modseq;        /* the highest given out */
	uint64_t db_bytes, wal_bytes, free_bytes; /* free: inside store.db */
	uint32_t keywords, subscriptions;
};
enum sqb_err sqb_store_stat(struct sqb_store *st,
			    struct sqb_store_stat *stat_r);

/* Of these, vsize alone: what a quota counts, as Dovecot's "count" does. */
enum sqb_err sqb_store_vsize(struct sqb_store *st, uint64_t *vsize_r);

/*
 * Is the disk so full that the store gives up its ballast?  Then whatever else
 * of the account's can be made again should go.
 */
bool sqb_store_is_full(struct sqb_store *st);

#endif
