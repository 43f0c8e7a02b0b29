/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * From the trees of a damaged file into the tables of a new store.
 *
 * A tree is walked from its root.  The children of a page are those it names
 * and those that the pointer map gives it, so a smashed page costs its own
 * rows only.  Where the two disagree the map is believed at first, and what is
 * then left over is looked at again at the end, with suspicion.  No page is
 * taken twice, so the walk ends whatever the file says.
 */
#include "common/salvage-private.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* Ids and counters are below this; a damaged one shall not use them all up. */
#define NUMBER_MAX (INT64_C(1) << 56)

/*
 * What is taken over.  columns has a letter for each: k the rowid, n a number
 * that is never negative, i any integer, t text, b blob, x either; a capital
 * may be NULL.  Later columns that a newer schema may have are left out.
 */
struct source {
	const char *name; /* in sqlite_schema */
	bool index;       /* or without rowids, which is stored alike */
	int since;        /* the schema that it came with */
	const char *columns;
	const char *insert; /* ?1.. are the columns */
};

static const struct source sources[] = {
	{ "sqlite_schema", false, 1, "TTTnT",
	  "INSERT OR IGNORE INTO temp.root (name, page) VALUES (?2, ?4)" },
	{ "sqlite_autoindex_mailbox_1", true, 1, "Ntn",
	  "INSERT OR IGNORE INTO temp.name (parent_id, name, id)"
	  " VALUES (?1, ?2, ?3)" },
	{ "mailbox", false, 1, "kNtbnnnnnnnnnnNNNNT",
	  "INSERT OR IGNORE INTO mailbox VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
	  " ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)" },
	{ "subscription", true, 1, "t",
	  "INSERT OR IGNORE INTO subscription VALUES (?1)" },
	{ "attribute", true, 1, "ntbi",
	  "INSERT OR IGNORE INTO attribute VALUES (?1, ?2, ?3, ?4)" },
	{ "keyword", false, 1, "kt",
	  "INSERT OR IGNORE INTO keyword VALUES (?1, ?2)" },
	{ "message", true, 1, "nnnniniinn",
	  "INSERT OR IGNORE INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
	  " ?8, ?9, ?10)" },
	{ "keyword_more", true, 1, "nnn",
	  "INSERT OR IGNORE INTO keyword_more VALUES (?1, ?2, ?3)" },
	{ "pop3", true, 1, "nnTn",
	  "INSERT OR IGNORE INTO pop3 VALUES (?1, ?2, ?3, ?4)" },
	{ "entry_name", true, 1, "nxn", /* text in schema 1 */
	  "INSERT OR IGNORE INTO entry_name"
	  " VALUES (?1, CAST(?2 AS BLOB), ?3)" },
	{ "body", false, 1, "kbnnniinb",
	  "INSERT OR IGNORE INTO body VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
	  " ?9)" },
	{ "body_chunk", false, 1, "nnb",
	  "INSERT OR IGNORE INTO body_chunk VALUES (?1, ?2, ?3)" },
	{ "body_eol", true, 2, "nnb",
	  "INSERT OR IGNORE INTO body_eol VALUES (?1, ?2, ?3)" },
	{ "body_free", false, 1, "ki",
	  "INSERT OR IGNORE INTO body_free VALUES (?1, ?2)" },
	{ "body_absent", false, 3, "kbni",
	  "INSERT OR IGNORE INTO body_absent VALUES (?1, ?2, ?3, ?4)" },
	{ "remote_account", false, 3, "kt",
	  "INSERT OR IGNORE INTO remote_account VALUES (?1, ?2)" },
	{ "remote_mailbox", false, 3, "kbtbnnnin",
	  "INSERT OR IGNORE INTO remote_mailbox VALUES (?1, ?2, ?3, ?4, ?5,"
	  " ?6, ?7, ?8, ?9)" },
	{ "remote_message", true, 3, "nnnnninB",
	  "INSERT OR IGNORE INTO remote_message VALUES (?1, ?2, ?3, ?4, ?5,"
	  " ?6, ?7, ?8)" },
	{ "remote_keyword_more", true, 3, "nnn",
	  "INSERT OR IGNORE INTO remote_keyword_more VALUES (?1, ?2, ?3)" },
};
#define SOURCES (sizeof(sources) / sizeof(*sources))

/* By what the rows of a tree are ordered: the rowid, or two numbers. */
struct key {
	int64_t a, b;
};
static const struct key key_min = { -1, -1 };
static const struct key key_max = { INT64_MAX, INT64_MAX };

struct visit {
	uint32_t page;
	enum {
		SURE,     /* the map says that it belongs here, or nothing */
		UNPROVEN, /* it may be a page of another tree */
		SUSPECT,  /* its rows are not in order; children are done */
	} kind;
	struct key low, high; /* its rows should be between them */
};
struct visits {
	struct visit *list; /* own */
	size_t count, alloc;
};

struct sqb_trees {
	struct sqb_pages *pages; /* foreign */
	struct sqb_store *st;    /* foreign */
	const struct source *source;
	size_t next;              /* the source after it */
	struct visits todo, late; /* of this tree, the next one last */
	bool *taken;              /* own; by page */
	uint32_t done;
	uint64_t rows;
	struct sqb_row row;
	struct sqb_tree_page page;
};

static void push(struct visits *to, const struct visit *from, uint32_t page)
{
	to->list =
		sqb_xgrow(to->list, to->count, &to->alloc, sizeof(*to->list));
	to->list[to->count] = *from;
	to->list[to->count++].page = page;
}

static int key_cmp(const struct key *x, const struct key *y)
{
	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return x->b < y->b ? -1 : x->b > y->b;
}

static bool column_fits(char want, const struct sqb_value *v)
{
	switch (want) {
	case 'k':
		return v->type == SQLITE_NULL;
	case 'i':
		return v->type == SQLITE_INTEGER;
	case 'n':
		return v->type == SQLITE_INTEGER && v->number >= 0 &&
		       v->number < NUMBER_MAX;
	case 'N':
		return v->type == SQLITE_NULL || column_fits('n', v);
	case 't':
		return v->type == SQLITE_TEXT;
	case 'T':
		return v->type == SQLITE_NULL || v->type == SQLITE_TEXT;
	case 'b':
		return v->type == SQLITE_BLOB;
	case 'B':
		return v->type == SQLITE_NULL || v->type == SQLITE_BLOB;
	case 'x':
		return v->type == SQLITE_TEXT || v->type == SQLITE_BLOB;
	}
	return false;
}

static bool row_fits(const struct source *source, const struct sqb_row *row)
{
	size_t i, count = strlen(source->columns);

	if (row->count < count || row->rowid < 0 || row->rowid >= NUMBER_MAX)
		return false;
	for (i = 0; i < count; i++) {
		if (!column_fits(source->columns[i], &row->values[i]))
			return false;
	}
	return true;
}

static void bind(sqlite3_stmt *q, int n, char want, const struct sqb_row *row)
{
	const struct sqb_value *v = &row->values[n - 1];

	if (want == 'k')
		sqlite3_bind_int64(q, n, row->rowid);
	else if (v->type == SQLITE_INTEGER)
		sqlite3_bind_int64(q, n, v->number);
	else if (v->type == SQLITE_TEXT)
		sqlite3_bind_text(q, n, (const char *)v->data, (int)v->size,
				  SQLITE_STATIC);
	else if (v->type == SQLITE_BLOB)
		sqlite3_bind_blob(q, n, v->data, (int)v->size, SQLITE_STATIC);
}

/* *good_r false: the new store's constraints do not take it. */
static enum sqb_err insert_row(struct sqb_trees *t, bool *good_r)
{
	sqlite3_stmt *q = sqb_stmt(t->st, t->source->insert);
	const char *columns = t->source->columns;
	enum sqb_err err;
	int n;

	for (n = 1; columns[n - 1] != '\0'; n++)
		bind(q, n, columns[n - 1], &t->row);
	err = sqb_run(t->st, q);
	*good_r = err == SQB_OK && sqlite3_changes(sqb_db(t->st)) > 0;
	t->rows += *good_r && t->next > 1 ? 1 : 0;
	return err;
}

static bool read_row(struct sqb_trees *t, unsigned int n)
{
	return sqb_row_read(t->pages, &t->page, n, &t->row) &&
	       row_fits(t->source, &t->row);
}

static char *loss(const struct sqb_trees *t, unsigned int rows)
{
	if (rows == 0)
		return sqb_xasprintf("page %u, of \"%s\", is damaged",
				     t->page.number, t->source->name);
	return sqb_xasprintf("page %u, of \"%s\": %u row%s damaged",
			     t->page.number, t->source->name, rows,
			     rows == 1 ? " is" : "s are");
}

static enum sqb_err take_rows(struct sqb_trees *t, char **loss_r)
{
	unsigned int n, bad = 0;
	enum sqb_err err;
	bool good;

	if (!t->page.leaf && !t->page.index)
		return SQB_OK;
	for (n = 0; n < t->page.cells; n++) {
		good = read_row(t, n);
		if (good) {
			err = insert_row(t, &good);
			if (err != SQB_OK)
				return err;
		}
		bad += good ? 0 : 1;
	}
	if (bad > 0)
		*loss_r = loss(t, bad);
	return SQB_OK;
}

static bool has_keys(const struct source *source)
{
	return !source->index || strncmp(source->columns, "nn", 2) == 0;
}

static bool read_key(struct sqb_trees *t, unsigned int n, struct key *key_r)
{
	key_r->b = 0;
	if (!t->page.index)
		return sqb_tree_page_rowid(&t->page, n, &key_r->a);
	if (!read_row(t, n))
		return false;
	key_r->a = t->row.values[0].number;
	key_r->b = t->row.values[1].number;
	return true;
}

/* Do the keys of the page ascend, within its bounds? */
static bool in_order(struct sqb_trees *t, const struct visit *v)
{
	struct key last = v->low, key;
	unsigned int n;

	for (n = 0; has_keys(t->source) && n < t->page.cells; n++) {
		if (!read_key(t, n, &key) || key_cmp(&key, &last) < 0 ||
		    key_cmp(&key, &v->high) > 0)
			return false;
		last = key;
	}
	return true;
}

/* A child that the page names: now, later, or not at all. */
static void push_named(struct sqb_trees *t, struct visit *v, uint32_t child)
{
	const struct sqb_pages *p = t->pages;

	if (child < 2 || child > p->count || t->taken[child] ||
	    p->use[child] == SQB_PAGE_FREE)
		return;
	v->kind = SURE;
	if (p->use[child] == 0 || (p->use[child] == SQB_PAGE_TREE &&
				   p->parent[child] == t->page.number)) {
		push(&t->todo, v, child);
		return;
	}
	v->kind = UNPROVEN;
	push(&t->late, v, child);
}

/* From the right to the left: the last one pushed is the next one. */
static void push_children(struct sqb_trees *t, const struct visit *v,
			  bool parsed, bool ordered)
{
	uint32_t child = t->pages->first_child[t->page.number];
	struct visit inherited = *v, bounded = *v;
	unsigned int n;

	inherited.kind = SURE;
	for (; child != 0; child = t->pages->next_child[child])
		push(&t->todo, &inherited, child);
	if (!parsed || t->page.leaf)
		return;
	for (n = t->page.cells + 1; n > 0; n--) {
		bounded.low = v->low;
		if (ordered && n > 1 && has_keys(t->source))
			(void)read_key(t, n - 2, &bounded.low);
		push_named(t, &bounded, sqb_tree_page_child(&t->page, n - 1));
		bounded.high = bounded.low;
		if (!ordered)
			bounded.high = v->high;
	}
}

/* It must prove that it is no page of another tree. */
static bool proven(struct sqb_trees *t, bool parsed)
{
	return parsed && t->page.cells > 0 &&
	       ((!t->page.leaf && !t->page.index) || read_row(t, 0));
}

static enum sqb_err take_page(struct sqb_trees *t, const struct visit *v,
			      char **loss_r)
{
	struct visit again = *v;
	bool parsed, ordered;
	enum sqb_err err;

	if (v->page > t->pages->count ||
	    (v->kind != SUSPECT && t->taken[v->page]))
		return SQB_OK;
	t->page.number = v->page;
	err = sqb_page_read(t->pages, v->page, t->page.data);
	if (err != SQB_OK && err != SQB_CORRUPT)
		return err;
	parsed = err == SQB_OK &&
		 sqb_tree_page_parse(&t->page, t->source->index);
	if (v->kind == SUSPECT)
		return take_rows(t, loss_r);
	if (v->kind == UNPROVEN && !proven(t, parsed))
		return SQB_OK;
	t->taken[v->page] = true;
	t->done++;
	ordered = parsed && in_order(t, v);
	push_children(t, v, parsed, ordered);
	if (ordered)
		return take_rows(t, loss_r);
	again.kind = SUSPECT;
	if (parsed)
		push(&t->late, &again, v->page);
	else
		*loss_r = loss(t, 0);
	return SQB_OK;
}

static const char sql_root[] = "SELECT page FROM temp.root WHERE name = ?1";
static const char sql_usual_root[] =
	"SELECT rootpage FROM main.sqlite_schema WHERE name = ?1";

/*
 * The root of the next tree.  Where the schema is damaged it is the one that
 * every store has there: they are all made by the same commands.
 */
static enum sqb_err next_source(struct sqb_trees *t)
{
	struct visit v = { 0, SURE, key_min, key_max };
	enum sqb_err err = SQB_NOTFOUND;
	int64_t root = 1;
	sqlite3_stmt *q;

	t->source = &sources[t->next++];
	if (t->next > 1) {
		q = sqb_stmt(t->st, sql_root);
		sqlite3_bind_text(q, 1, t->source->name, -1, SQLITE_STATIC);
		err = sqb_run_int64(t->st, q, &root);
		if (err == SQB_NOTFOUND && t->pages->schema != 0 &&
		    t->pages->schema < t->source->since)
			return SQB_OK;
		if (err == SQB_NOTFOUND) {
			q = sqb_stmt(t->st, sql_usual_root);
			sqlite3_bind_text(q, 1, t->source->name, -1,
					  SQLITE_STATIC);
			err = sqb_run_int64(t->st, q, &root);
		}
		if (err != SQB_OK)
			return err;
	}
	if (root >= 1 && root <= t->pages->count)
		push(&t->todo, &v, (uint32_t)root);
	return SQB_OK;
}

static const char sql_temp_root[] =
	"CREATE TEMP TABLE root (name TEXT PRIMARY KEY, page INTEGER)";
static const char sql_temp_name[] =
	"CREATE TEMP TABLE name (id INTEGER PRIMARY KEY, parent_id INTEGER,"
	" name TEXT NOT NULL)";
static const char sql_no_mailboxes[] = "DELETE FROM mailbox";

static enum sqb_err prepare(struct sqb_trees *t)
{
	enum sqb_err err = sqb_run(t->st, sqb_stmt(t->st, sql_temp_root));

	if (err == SQB_OK)
		err = sqb_run(t->st, sqb_stmt(t->st, sql_temp_name));
	if (err == SQB_OK)
		err = sqb_run(t->st, sqb_stmt(t->st, sql_no_mailboxes));
	return err;
}

struct sqb_trees *sqb_trees_begin(struct sqb_pages *p, struct sqb_store *st)
{
	struct sqb_trees *t = sqb_xcalloc(1, sizeof(*t));

	t->pages = p;
	t->st = st;
	t->taken = sqb_xcalloc((size_t)p->count + 1, sizeof(*t->taken));
	return t;
}

bool sqb_trees_next(struct sqb_trees *t, char **loss_r, enum sqb_err *err_r)
{
	struct visits *visits;
	struct visit v;

	*loss_r = NULL;
	*err_r = t->next == 0 ? prepare(t) : SQB_OK;
	while (*err_r == SQB_OK && t->todo.count + t->late.count == 0) {
		if (t->next == SOURCES)
			return false;
		*err_r = next_source(t);
	}
	if (*err_r != SQB_OK)
		return false;
	visits = t->todo.count > 0 ? &t->todo : &t->late;
	v = visits->list[--visits->count];
	*err_r = take_page(t, &v, loss_r);
	return *err_r == SQB_OK;
}

uint32_t sqb_trees_done(const struct sqb_trees *t)
{
	return t->done;
}

uint64_t sqb_trees_rows(const struct sqb_trees *t)
{
	return t->rows;
}

void sqb_trees_end(struct sqb_trees **t_p)
{
	struct sqb_trees *t = *t_p;

	if (t == NULL)
		return;
	*t_p = NULL;
	free(t->todo.list);
	free(t->late.list);
	free(t->taken);
	free(t->row.data);
	free(t);
}
