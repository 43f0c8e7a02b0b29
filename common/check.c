/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The consistency check.
 *
 * It is made of small works, done one after the other: SQLite's own check, the
 * list of tables, names, the queries of check-sql.c, and every body.  Whatever
 * fails in a work is a problem found, and the next one begins.
 *
 * A damaged file may send SQLite around in circles.  Each query may therefore
 * take a number of steps that a sound file of this size can never need.
 */
#include "common/check.h"

#include "common/body-private.h"
#include "common/check-private.h"
#include "common/keyword-private.h"
#include "common/mailbox-private.h"
#include "common/mem.h"
#include "common/message-private.h"

#include <stdlib.h>
#include <string.h>

enum phase {
	STRUCTURE, /* PRAGMA integrity_check */
	SCHEMA,
	NAMES,
	ACCOUNT,
	MAILBOXES,
	REFERENCES,
	BODIES,
	DONE,
};

static const char *const phase_names[] = {
	"structure", "schema",     "names",  "account",
	"mailboxes", "references", "bodies", "done",
};

/*
 * What a query may take, in units of BUDGET_STEPS steps of SQLite's machine: a
 * page has a few hundred cells at most, and a cell takes some ten steps.
 */
#define BUDGET_STEPS 10000
#define BUDGET_BASE 10000
#define BUDGET_PAGE 5

struct sqb_check {
	struct sqb_store *st;
	enum phase phase;
	bool begun, over; /* the phase */
	uint64_t done, total;

	uint64_t problems;
	char **found; /* own; the last one handed out, and those to come */
	size_t found_count, found_alloc, found_next;

	sqlite3_stmt *q; /* own; rows of it are to come, or NULL */
	size_t next;     /* work of the phase */
	int64_t *boxes;  /* own; ids of the mailboxes */
	size_t box_count;
	int64_t body;          /* id of the last one */
	int64_t skip;          /* how far to jump after a failure */
	int64_t calls, budget; /* of the progress handler */
};

static void found(struct sqb_check *c, char *sentence)
{
	c->found = sqb_xgrow(c->found, c->found_count, &c->found_alloc,
			     sizeof(*c->found));
	c->found[c->found_count++] = sentence;
	c->problems++;
}

/* What the last call on the store says is a problem. */
static void failed(struct sqb_check *c, const char *what)
{
	found(c, sqb_xasprintf("%s: %s", what, sqb_store_errmsg(c->st)));
}

static int spend(void *check)
{
	struct sqb_check *c = check;

	return c->calls++ > c->budget;
}

static const char sql_pages[] = "PRAGMA page_count";

static void set_budget(struct sqb_check *c)
{
	int64_t pages;

	if (sqb_run_int64(c->st, sqb_stmt(c->st, sql_pages), &pages) != SQB_OK)
		pages = 0;
	c->budget = BUDGET_BASE + pages * BUDGET_PAGE;
}

struct sqb_check *sqb_check_begin(struct sqb_store *st)
{
	struct sqb_check *c = sqb_xcalloc(1, sizeof(*c));

	c->st = st;
	set_budget(c);
	sqlite3_progress_handler(sqb_db(st), BUDGET_STEPS, spend, c);
	return c;
}

/* Begin a query whose rows are problems. */
static void begin_query(struct sqb_check *c, const char *sql)
{
	c->calls = 0;
	c->q = sqb_stmt_new(c->st, sql);
	if (c->q == NULL)
		failed(c, "a query cannot be made");
}

/* Its next row, or false at its end. */
static bool next_row(struct sqb_check *c, const char *what)
{
	enum sqb_err err = SQB_OK;

	if (c->q != NULL && sqb_step(c->st, c->q, &err))
		return true;
	if (err != SQB_OK && c->calls > c->budget)
		found(c, sqb_xasprintf("%s: reading them does not come to an "
				       "end",
				       what));
	else if (err != SQB_OK)
		failed(c, what);
	sqlite3_finalize(c->q);
	c->q = NULL;
	return false;
}

static const char *text_of(struct sqb_check *c, int column)
{
	const char *text = (const char *)sqlite3_column_text(c->q, column);

	return text != NULL ? text : "(none)";
}

static const char sql_integrity[] = "PRAGMA integrity_check";

static bool check_structure(struct sqb_check *c)
{
	if (!c->begun) {
		c->total = 1;
		begin_query(c, sql_integrity);
	}
	if (!next_row(c, "the pages of the file"))
		return false;
	if (strcmp(text_of(c, 0), "ok") != 0)
		found(c, sqb_xstrdup(text_of(c, 0)));
	return true;
}

/* An empty store in memory: what there should be. */
static sqlite3 *open_model(void)
{
	const char *sql = sqb_schema;
	sqlite3_stmt *q;
	sqlite3 *db;
	int rc;

	rc = sqlite3_open_v2(":memory:", &db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	while (rc == SQLITE_OK && *sql != '\0') {
		rc = sqlite3_prepare_v2(db, sql, -1, &q, &sql);
		if (rc == SQLITE_OK && q != NULL &&
		    sqlite3_step(q) != SQLITE_DONE)
			rc = SQLITE_ERROR;
		sqlite3_finalize(q);
	}
	if (rc == SQLITE_OK)
		return db;
	(void)sqlite3_close(db);
	return NULL;
}

static const char sql_objects[] =
	"SELECT type, name FROM sqlite_schema"
	" WHERE type != 'table' OR name NOT GLOB 'sqlite_*'";

/* Every object of one schema is asked for in the other. */
static void compare_schema(struct sqb_check *c, sqlite3 *db, sqlite3 *other,
			   const char *trouble)
{
	static const char sql_same[] = "SELECT 1 FROM sqlite_schema"
				       " WHERE type = ?1 AND name = ?2";
	sqlite3_stmt *q = NULL, *same = NULL;

	if (sqlite3_prepare_v2(db, sql_objects, -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(other, sql_same, -1, &same, NULL) != SQLITE_OK)
		found(c, sqb_xstrdup("the schema cannot be read"));
	while (same != NULL && sqlite3_step(q) == SQLITE_ROW) {
		sqlite3_bind_value(same, 1, sqlite3_column_value(q, 0));
		sqlite3_bind_value(same, 2, sqlite3_column_value(q, 1));
		if (sqlite3_step(same) != SQLITE_ROW)
			found(c, sqb_xasprintf("the %s %s %s",
					       sqlite3_column_text(q, 0),
					       sqlite3_column_text(q, 1),
					       trouble));
		sqlite3_reset(same);
	}
	sqlite3_finalize(q);
	sqlite3_finalize(same);
}

static bool check_schema(struct sqb_check *c)
{
	sqlite3 *model = open_model();

	c->total = 1;
	if (model == NULL) {
		found(c, sqb_xstrdup("no memory to compare the schema"));
		return false;
	}
	compare_schema(c, sqb_db(c->st), model, "is unknown");
	compare_schema(c, model, sqb_db(c->st), "is missing");
	(void)sqlite3_close(model);
	return false;
}

static bool level_name_ok(const char *name)
{
	return sqb_level_ok(name, strlen(name));
}

static const struct {
	const char *sql; /* a number and a name */
	bool (*ok)(const char *name);
	const char *what;
} name_checks[] = {
	{ "SELECT id, name FROM mailbox WHERE id > 0", level_name_ok,
	  "mailbox" },
	{ "SELECT 0, name FROM subscription", sqb_name_ok, "subscription" },
	{ "SELECT number, name FROM keyword", sqb_keyword_ok, "keyword" },
	{ "SELECT uid, name FROM entry_name", sqb_entry_name_ok,
	  "the file name of UID" },
};
#define NAME_CHECKS (sizeof(name_checks) / sizeof(*name_checks))

static void check_name(struct sqb_check *c)
{
	const char *name = text_of(c, 1);
	size_t size = (size_t)sqlite3_column_bytes(c->q, 1);

	if (strlen(name) != size || !name_checks[c->next].ok(name))
		found(c,
		      sqb_xasprintf("%s %lld: \"%.300s\" is not a valid name",
				    name_checks[c->next].what,
				    (long long)sqlite3_column_int64(c->q, 0),
				    name));
}

/* Levels that are good alone may still be too much together. */
static void check_full_names(struct sqb_check *c)
{
	struct sqb_mailbox_iter *it = sqb_mailbox_iter_begin(c->st);
	struct sqb_mailbox_info info;

	c->calls = 0;
	while (sqb_mailbox_iter_next(it, &info)) {
		if (strlen(info.name) > SQB_NAME_MAX)
			found(c, sqb_xasprintf("mailbox %lld: its full name "
					       "has %zu octets",
					       (long long)info.status.id.n,
					       strlen(info.name)));
	}
	if (sqb_mailbox_iter_end(&it) != SQB_OK)
		failed(c, "the mailboxes");
}

static bool check_names(struct sqb_check *c)
{
	c->total = NAME_CHECKS + 1;
	if (c->q == NULL && c->next < NAME_CHECKS)
		begin_query(c, name_checks[c->next].sql);
	if (c->q != NULL) {
		if (next_row(c, "the names")) {
			check_name(c);
			return true;
		}
	} else if (c->next == NAME_CHECKS) {
		check_full_names(c);
	}
	c->done = ++c->next;
	return c->next <= NAME_CHECKS;
}

/* One row of the list's next query; false at the end of the list. */
static bool check_list(struct sqb_check *c, const char *const *list,
		       const char *what)
{
	size_t count = 0;

	while (list[count] != NULL)
		count++;
	c->total = count;
	if (c->q == NULL)
		begin_query(c, list[c->next]);
	if (next_row(c, what)) {
		found(c, sqb_xstrdup(text_of(c, 0)));
		return true;
	}
	c->done = ++c->next;
	return c->next < count;
}

static bool check_account(struct sqb_check *c)
{
	return check_list(c, sqb_check_account, "the numbers of the account");
}

static bool check_references(struct sqb_check *c)
{
	return check_list(c, sqb_check_references, "the bodies' references");
}

static const char sql_boxes[] = "SELECT id FROM mailbox WHERE id > 0";

static void list_boxes(struct sqb_check *c)
{
	size_t alloc = 0;

	begin_query(c, sql_boxes);
	while (next_row(c, "the list of mailboxes")) {
		c->boxes = sqb_xgrow(c->boxes, c->box_count, &alloc,
				     sizeof(*c->boxes));
		c->boxes[c->box_count++] = sqlite3_column_int64(c->q, 0);
	}
}

static char *box_name(struct sqb_check *c, int64_t id)
{
	struct sqb_mailbox_id box = { id };
	char *name;

	c->calls = 0;
	if (sqb_mailbox_name(c->st, box, &name) == SQB_OK)
		return name;
	return sqb_xstrdup("?");
}

/* One row of the mailbox's next query. */
static bool check_mailboxes(struct sqb_check *c)
{
	char *name;

	if (!c->begun) {
		list_boxes(c);
		c->total = c->box_count;
	}
	if (c->done == c->box_count)
		return false;
	if (c->q == NULL) {
		begin_query(c, sqb_check_mailbox[c->next]);
		sqlite3_bind_int64(c->q, 1, c->boxes[c->done]);
	}
	if (next_row(c, "the rows of a mailbox")) {
		name = box_name(c, c->boxes[c->done]);
		found(c, sqb_xasprintf("mailbox %lld (%s): %s",
				       (long long)c->boxes[c->done], name,
				       text_of(c, 0)));
		free(name);
		return true;
	}
	if (sqb_check_mailbox[++c->next] == NULL) {
		c->next = 0;
		c->done++;
	}
	return true;
}

/* To be opened by its id as a file, a body is read to its end. */
static void check_body(struct sqb_check *c, int64_t id)
{
	struct sqb_body_id body = { id };
	struct sqb_file_reader *r = NULL;
	enum sqb_err err = sqb_file_open_id(c->st, body, &r);

	/* Freed meanwhile, by a purge, is no problem. */
	if (err != SQB_OK && err != SQB_NOTFOUND)
		found(c, sqb_xasprintf("body %lld: %s", (long long)id,
				       sqb_store_errmsg(c->st)));
	sqb_file_close(&r);
}

static const char sql_last_body[] = "SELECT coalesce(max(id), 0) FROM body";
static const char sql_next_body[] =
	"SELECT id FROM body WHERE id > ?1 ORDER BY id LIMIT 1";

/* Done and total are ids here: counting would read all of the table. */
static void begin_bodies(struct sqb_check *c)
{
	sqlite3_stmt *q = sqb_stmt(c->st, sql_last_body);
	int64_t last;

	c->body = 0;
	if (sqb_run_int64(c->st, q, &last) != SQB_OK)
		failed(c, "the last body");
	else if (last > 0)
		c->total = (uint64_t)last;
}

/*
 * The page where the next id should be cannot be read: look further on, each
 * time twice as far, so that this ends.
 */
static bool skip_bodies(struct sqb_check *c)
{
	if (c->skip == 0) {
		failed(c, "the bodies");
		c->skip = 1;
	}
	if (c->body >= (int64_t)c->total || c->skip > INT64_MAX / 4)
		return false;
	c->body += c->skip;
	c->skip *= 2;
	return true;
}

static bool check_bodies(struct sqb_check *c)
{
	enum sqb_err err;
	sqlite3_stmt *q;
	int64_t id;

	c->calls = 0;
	if (!c->begun)
		begin_bodies(c);
	q = sqb_stmt(c->st, sql_next_body);
	sqlite3_bind_int64(q, 1, c->body);
	err = sqb_run_int64(c->st, q, &id);
	if (err == SQB_NOTFOUND)
		return false;
	if (err != SQB_OK || id <= c->body)
		return skip_bodies(c);
	c->skip = 0;
	c->body = id;
	check_body(c, id);
	if ((uint64_t)id > c->total)
		c->total = (uint64_t)id;
	c->done = (uint64_t)id;
	return true;
}

/* One piece of work; false: the phase is over. */
static bool work(struct sqb_check *c)
{
	switch (c->phase) {
	case STRUCTURE:
		return check_structure(c);
	case SCHEMA:
		return check_schema(c);
	case NAMES:
		return check_names(c);
	case ACCOUNT:
		return check_account(c);
	case MAILBOXES:
		return check_mailboxes(c);
	case REFERENCES:
		return check_references(c);
	case BODIES:
		return check_bodies(c);
	case DONE:
		break;
	}
	return false;
}

static void next_phase(struct sqb_check *c)
{
	c->phase++;
	c->begun = false;
	c->over = false;
	c->next = 0;
	c->done = 0;
	c->total = 0;
}

/* The next problem found, NULL if there is none; it takes the last one back. */
static const char *take_found(struct sqb_check *c)
{
	if (c->found_next > 0)
		free(c->found[c->found_next - 1]);
	if (c->found_next < c->found_count)
		return c->found[c->found_next++];
	c->found_next = 0;
	c->found_count = 0;
	return NULL;
}

bool sqb_check_next(struct sqb_check *c, struct sqb_check_step *step_r)
{
	const char *problem = take_found(c);

	if (problem == NULL && c->over)
		next_phase(c);
	if (problem == NULL && c->phase == DONE)
		return false;
	if (problem == NULL) {
		c->over = !work(c);
		c->begun = true;
		problem = take_found(c);
		if (c->over)
			c->done = c->total;
	}
	step_r->phase = phase_names[c->phase];
	step_r->done = c->done;
	step_r->total = c->total;
	step_r->problem = problem;
	return true;
}

enum sqb_err sqb_check_end(struct sqb_check **c_p, uint64_t *problems_r)
{
	struct sqb_check *c = *c_p;
	size_t i;

	if (c == NULL)
		return SQB_OK;
	*c_p = NULL;
	sqlite3_progress_handler(sqb_db(c->st), 0, NULL, NULL);
	sqlite3_finalize(c->q);
	i = c->found_next > 0 ? c->found_next - 1 : 0;
	for (; i < c->found_count; i++)
		free(c->found[i]);
	free(c->found);
	free(c->boxes);
	if (problems_r != NULL)
		*problems_r = c->problems;
	free(c);
	return SQB_OK;
}
