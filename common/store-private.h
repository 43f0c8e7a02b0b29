/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_STORE_PRIVATE_H
#define SQB_STORE_PRIVATE_H

#include "common/mem.h"
#include "common/store.h"
#include "common/txn.h"

#include <sqlite3.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* For the files of common/ only: what a store is made of. */

#define SQB_SCHEMA_VERSION 3
#define SQB_APPLICATION_ID 0x73716278 /* "sqbx" */

/* boot_id of a store made by sqb_backup() and not opened since. */
#define SQB_BOOT_ID_COPY "copy"

/* All of it, and the steps to 2 and 3 from the one before (schema.c). */
extern const char sqb_schema[], sqb_schema_2[], sqb_schema_3[];

/* A write transaction; all but serial is zero outside (txn.c). */
struct sqb_txn {
	uint64_t serial;     /* of this transaction, or of the last one */
	bool active;         /* between begin and commit or rollback */
	bool forced;         /* commit although no row was changed */
	bool tree_touched;   /* row 0's highestmodseq is set */
	enum sqb_err lost;   /* why SQLite has rolled it back, else SQB_OK */
	uint64_t modseq;     /* 0: not taken yet */
	uint64_t min_modseq; /* it shall be at least this */
	int64_t changes;     /* sqlite3_total_changes64() at begin */
};

/* What happened to the WAL (sync.c). */
struct sqb_wal {
	bool pending;             /* a commit is not synced yet */
	bool ring_due;            /* a commit has not been announced yet */
	bool failed;              /* a sync failed: read-only from here on */
	int pages;                /* in the WAL, at our last commit */
	int due_pages;            /* a checkpoint is due from here on */
	struct timespec db_mtime; /* of store.db when it became due */
};

/* One owner per group; the file in brackets. */
struct sqb_store {
	/* The place (store.c, store-fs.c). */
	char *dir;         /* own; absolute, without symbolic links */
	char *db_path;     /* own */
	char *notify_path; /* own */
	int dir_fd;        /* own */
	int lock_fd;       /* own; -1 if read-only */
	int notify_fd;     /* own; -1 if read-only */
	pid_t pid;         /* the process that opened it */
	bool readonly;     /* opened so */

	/* The last failure (error.c). */
	enum sqb_err err;
	char *errmsg; /* own; NULL before the first */

	/* SQLite and its statements (store.c, stmt.c). */
	sqlite3 *db;     /* own */
	uint32_t schema; /* that we work with; 0 while it is migrated */
	struct sqb_stmt_slot *stmts; /* own; a hash by address of text */
	unsigned int stmt_slots;     /* a power of two, or 0 */
	unsigned int stmt_count;
	int64_t busy_since_ms; /* when the busy handler began */
	uint64_t busy_jitter;  /* state of its little random generator */

	/* Writing (txn.c, lock.c, sync.c, reserve.c). */
	unsigned int lock_timeout_secs;
	struct sqb_txn txn;
	struct sqb_wal wal;
	uint32_t commits;        /* of this handle, for sqb_data_version() */
	unsigned int read_depth; /* nested sqb_read_begin() */
	bool read_began;         /* they began the transaction that is open */
	bool reserve_gone;

	/* Bodies (body-codec.c, body-read.c, body-ahead.c). */
	int compress_level;
	int cctx_level;                 /* of cctx */
	struct ZSTD_CCtx_s *cctx;       /* own; NULL before the first use */
	struct ZSTD_DCtx_s *dctx;       /* own; the same */
	struct ZSTD_DDict_s *ddicts[2]; /* own; dictionaries 1 and 2 */
	void *packed;                   /* own; one packed chunk, or NULL */
	void *spare_chunk;              /* own; for the next reader, or NULL */

	struct sqb_body_ahead *ahead; /* own; NULL before the first use */

	/* Keywords (keyword.c). */
	struct sqb_keyword_cache *keywords; /* own; NULL before the first use */

	/* Replicas (remote-message.c). */
	char *remote_error; /* own; what was handed out last, or NULL */
};

/* A handle that is not open yet, and the end of one that is not any more. */
struct sqb_store *sqb_store_new(bool readonly);
void sqb_store_free(struct sqb_store *st);

/* Record the failure: format gives the sentence; returns err. */
enum sqb_err sqb_fail(struct sqb_store *st, enum sqb_err err,
		      const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Record what SQLite says of its last failure, mapped from its extended code.
 * what: the SQL text, or what was being done; may be NULL.
 */
enum sqb_err sqb_fail_sqlite(struct sqb_store *st, const char *what);

/*
 * Record the failure of a system call: format says what was tried, the text of
 * errno is put behind it.  ENOSPC is SQB_FULL, and so on; never SQB_NOTFOUND
 * or SQB_EXISTS, which are answers.
 */
enum sqb_err sqb_fail_errno(struct sqb_store *st, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

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

/* Run a statement, passing over the rows it may return; resets it. */
enum sqb_err sqb_run(struct sqb_store *st, sqlite3_stmt *q);

/* Run a statement of one row and one integer; no row: SQB_NOTFOUND.  Resets. */
enum sqb_err sqb_run_int64(struct sqb_store *st, sqlite3_stmt *q,
			   int64_t *value_r);

/*
 * Rows over several calls, with a statement of their own.  A walk is the first
 * member of an iterator, which sqb_xcalloc() has made and sqb_walk_free()
 * frees; sqb_walk_begin() gives the statement, for its parameters.  When there
 * are no more rows, or after a failure, a walk is done.
 */
struct sqb_walk {
	struct sqb_store *st; /* foreign */
	sqlite3_stmt *q;      /* own */
	enum sqb_err err;     /* the failure that has ended it */
	bool done;
};
sqlite3_stmt *sqb_walk_begin(struct sqb_walk *w, struct sqb_store *st,
			     const char *sql);
bool sqb_walk_step(struct sqb_walk *w);
/* w may be NULL; returns err. */
enum sqb_err sqb_walk_free(struct sqb_walk *w);

/* Finalize all cached statements. */
void sqb_stmt_free_all(struct sqb_store *st);

/* SQB_OK inside a write transaction, else SQB_INTERNAL: for the top of writers.
 */
enum sqb_err sqb_need_txn(struct sqb_store *st);

/*
 * Give row 0 the modseq of this transaction: the tree, a subscription or an
 * attribute has changed.
 */
enum sqb_err sqb_txn_touch_tree(struct sqb_store *st);

/*
 * This transaction changes what SQLite does not count as rows (CREATE, PRAGMA
 * incremental_vacuum): it must be committed all the same.
 */
void sqb_txn_force(struct sqb_store *st);

/* The SQLite handle, for sqlite3_changes() and last ids. */
sqlite3 *sqb_db(struct sqb_store *st);

/* Milliseconds of the monotonic clock. */
int64_t sqb_now_ms(void);

/*
 * The place (store-fs.c).  sqb_fs_open_dir() fills in dir and dir_fd, making
 * the directory if create is set, and refuses what store.h refuses.
 * sqb_fs_open_file() opens a file of the store that is not SQLite's, making it
 * if need be.  sqb_fs_check_db() looks at SQLite's files without opening them;
 * SQB_NOTFOUND is an answer.
 */
enum sqb_err sqb_fs_open_dir(struct sqb_store *st, const char *dir,
			     bool create);
enum sqb_err sqb_fs_open_file(struct sqb_store *st, const char *name,
			      int *fd_r);
enum sqb_err sqb_fs_check_db(struct sqb_store *st);

/*
 * Make a file of directory dir durable, or the directory itself ("."), or the
 * one above ("..").  Not for a file that SQLite has open.
 */
enum sqb_err sqb_fs_sync(struct sqb_store *st, int dir_fd, const char *dir,
			 const char *name);

/*
 * The file system whose statfs() gives magic cannot hold a store: its name,
 * else NULL.  mount_type: as in /proc/self/mountinfo ("fuse.sshfs"), needed
 * for FUSE only; NULL if unknown.
 */
const char *sqb_fs_refused(uint64_t magic, const char *mount_type);

/* The mount_type of the device of a file (stat.st_dev); false: unknown. */
#define SQB_MOUNT_TYPE_SIZE 64
bool sqb_fs_mount_type(dev_t dev, char type_r[SQB_MOUNT_TYPE_SIZE]);

/* The writer lock (lock.c).  SQB_BUSY: not within the timeout. */
enum sqb_err sqb_lock(struct sqb_store *st);
void sqb_unlock(struct sqb_store *st);

/*
 * The format of the files, sqlite.org/fileformat2.html: pages as migrate.c
 * makes them, and what is before the first frame of a WAL and each page there.
 */
#define SQB_PAGE_SIZE 4096
#define SQB_WAL_HEADER 32
#define SQB_FRAME_HEADER 24

/* So much of the WAL may stay at the last close (store.c). */
#define SQB_WAL_KEPT_SIZE (256 * 1024)
/* Before a commit, within the transaction: it shall find room in the WAL. */
void sqb_wal_make_room(struct sqb_store *st);
/* Note a commit, and free what sync.c keeps. */
void sqb_wal_committed(struct sqb_store *st);
/*
 * The lock is held and the disk full: the next transaction shall begin at the
 * start of the WAL, in blocks that it has.
 */
void sqb_checkpoint_for_room(struct sqb_store *st);
/* sqlite3_wal_hook(). */
int sqb_wal_hook(void *store, sqlite3 *db, const char *name, int pages);

/*
 * The schema (migrate.c).  sqb_schema_create() makes store.db with an INBOX;
 * the lock must be held.  sqb_migrate() refuses what is not a store or is of a
 * newer schema, and applies the steps that are missing, in one transaction.
 * The list of steps ends with version 0; never reorder or change a released
 * one.  sqb_schema_check(), in each transaction: has another program brought
 * it to a newer schema (SQB_NEWER)?
 */
struct sqb_migration {
	uint32_t version; /* of the schema after this step */
	const char *sql;  /* may be NULL */
	enum sqb_err (*func)(struct sqb_store *st); /* after sql; may be NULL */
};
extern const struct sqb_migration sqb_migrations[];
enum sqb_err sqb_schema_create(struct sqb_store *st);
enum sqb_err sqb_migrate(struct sqb_store *st, const struct sqb_migration *list,
			 uint32_t version);
enum sqb_err sqb_schema_check(struct sqb_store *st);

/*
 * The first open after a boot, and of a copy (boot.c): move the numbers on.
 * sqb_boot_id() is false where the kernel does not tell.
 */
#define SQB_BOOT_ID_SIZE 64
bool sqb_boot_id(char id_r[SQB_BOOT_ID_SIZE]);
enum sqb_err sqb_boot_check(struct sqb_store *st);

/*
 * The ballast (reserve.c).  sqb_reserve_check(), at open, makes it where it is
 * missing and there is room.  sqb_reserve_drop(): the disk is full.
 * sqb_reserve_watch(), before each transaction: is it about to be?  If it is
 * and the ballast has gone, the WAL is checkpointed.
 * sqb_reserve_need(): before the store grows; SQB_FULL as long as the ballast
 * cannot be had back, so that what it made room for is left to expunges.
 */
#define SQB_RESERVE_SIZE (512 * 1024)
void sqb_reserve_check(struct sqb_store *st);
void sqb_reserve_drop(struct sqb_store *st);
void sqb_reserve_watch(struct sqb_store *st);
enum sqb_err sqb_reserve_need(struct sqb_store *st);
/* Is the disk far from full? */
bool sqb_reserve_is_idle(struct sqb_store *st);

/* Free what the bodies' files keep in the store. */
void sqb_body_free_buffers(struct sqb_store *st);

/* Another statement is run: forget the bodies that were read ahead. */
void sqb_body_ahead_drop(struct sqb_store *st);

/* Free what keyword.c keeps in the store. */
void sqb_keyword_free_cache(struct sqb_store *st);

#endif
