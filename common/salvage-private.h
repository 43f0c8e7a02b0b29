/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_SALVAGE_PRIVATE_H
#define SQB_SALVAGE_PRIVATE_H

#include "common/store-private.h"

#include <stddef.h>

/*
 * For the files of common/ only: store.db read without SQLite, which stops at
 * the first thing that is not as it should be.  The format is that of
 * sqlite.org/fileformat2.html; auto-vacuum is that which migrate.c gives every
 * store.
 */
static inline uint32_t sqb_big32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/*
 * store.db with the good part of its WAL laid over it (salvage-file.c).
 *
 * The pointer map, which an auto-vacuum file has, says of each page what it is
 * and where it hangs.  So it finds the children of a page that is smashed.
 */
enum sqb_page_use { /* as in the pointer map; 0: unknown */
		    SQB_PAGE_ROOT = 1,
		    SQB_PAGE_FREE,
		    SQB_PAGE_OVERFLOW_FIRST,
		    SQB_PAGE_OVERFLOW,
		    SQB_PAGE_TREE,
};
struct sqb_pages {
	struct sqb_store *log; /* foreign: takes failures */
	int db_fd, wal_fd;     /* own; -1: not there */
	int schema;            /* 0: unknown (salvage.c) */
	uint32_t count;        /* pages are 1..count */
	uint32_t *frame;       /* own; frame of the WAL it is in, or 0 */
	uint8_t *use;          /* own; enum sqb_page_use */
	uint32_t *parent;      /* own; as the pointer map has it */
	uint32_t *first_child; /* own; of a page, by the pointer map, or 0 */
	uint32_t *next_child;  /* own; its next sibling, or 0 */
};

/* Only for reading; SQB_NOTFOUND: there is no store.db. */
enum sqb_err sqb_pages_open(struct sqb_pages *p, int dir_fd, const char *dir);
void sqb_pages_close(struct sqb_pages *p);

/* SQB_CORRUPT, without a message: there is no such page.  SQB_IO. */
enum sqb_err sqb_page_read(struct sqb_pages *p, uint32_t n,
			   uint8_t page_r[SQB_PAGE_SIZE]);

/*
 * Pages of trees and the rows in them (salvage-row.c).  A tree is that of a
 * table with rowids, or an index, which is also what a table without rowids
 * is.  The latter has rows in its inner pages, too.
 */
struct sqb_tree_page {
	uint32_t number;
	bool index;
	bool leaf;
	unsigned int cells;
	unsigned int first; /* offset of the header: 100 in page 1 */
	uint8_t data[SQB_PAGE_SIZE];
};

/* false: this is no page of such a tree. */
bool sqb_tree_page_parse(struct sqb_tree_page *page, bool index);

/* Child number n, 0 <= n <= cells; 0: that pointer is damaged. */
uint32_t sqb_tree_page_child(const struct sqb_tree_page *page, unsigned int n);

/* The rowid of row or, in an inner page, key n; false: it is damaged. */
bool sqb_tree_page_rowid(const struct sqb_tree_page *page, unsigned int n,
			 int64_t *rowid_r);

#define SQB_COLUMNS_MAX 32
#define SQB_ROW_SIZE_MAX (512 * 1024)

struct sqb_value {
	int type; /* SQLITE_INTEGER, _TEXT, _BLOB, _FLOAT (no value), _NULL */
	int64_t number;
	const uint8_t *data; /* foreign: in the row */
	size_t size;
};
struct sqb_row {
	int64_t rowid; /* 0 in an index */
	unsigned int count;
	struct sqb_value values[SQB_COLUMNS_MAX];
	uint8_t *data; /* own; kept for the next row */
	size_t alloc;
};

/* Row n of a page, 0 <= n < cells; false: it is damaged. */
bool sqb_row_read(struct sqb_pages *p, const struct sqb_tree_page *page,
		  unsigned int n, struct sqb_row *row);

/*
 * All trees of the file, page by page, their rows into the tables of st, a new
 * store (salvage-table.c).  Rows that are there already, or would break a
 * constraint, are left out.  Names from the index of the mailboxes go into the
 * table temp.name (id, parent_id, name).
 */
struct sqb_trees;
struct sqb_trees *sqb_trees_begin(struct sqb_pages *p, struct sqb_store *st);
/*
 * One page; needs a transaction of st.  false: that was the last one, or
 * *err_r.  *loss_r: what is damaged, to free(), or NULL.
 */
bool sqb_trees_next(struct sqb_trees *t, char **loss_r, enum sqb_err *err_r);
uint32_t sqb_trees_done(const struct sqb_trees *t); /* pages */
uint64_t sqb_trees_rows(const struct sqb_trees *t); /* of what a store has */
void sqb_trees_end(struct sqb_trees **t);

/*
 * Make a store again of what rows there are (salvage-mend.c); each call in a
 * transaction of st.  tree(): mailboxes have names and places.  rows(): what
 * hangs on mailboxes and messages does, numbers are below the next ones.  Both
 * before bodies are looked at; finish() after: references and counters.
 */
enum sqb_err sqb_mend_tree(struct sqb_store *st);
enum sqb_err sqb_mend_rows(struct sqb_store *st);
enum sqb_err sqb_mend_finish(struct sqb_store *st);

/* The mailbox for what has none; made when it is first asked for. */
enum sqb_err sqb_mend_lost_found(struct sqb_store *st, int64_t *id_r);

#endif
