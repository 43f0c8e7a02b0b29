/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The rescue, step by step: the rows of all pages that can be read go into a
 * new store, which is mended until everything in it fits; bodies that fail
 * their checksum go out again, with their messages; bodies without a message
 * get one.
 *
 * The new store is made in a directory of its own inside of dest, and its file
 * takes its place when it is whole.
 */
#include "common/salvage.h"

#include "common/body-private.h"
#include "common/dest-private.h"
#include "common/mem.h"
#include "common/salvage-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PART "salvage.part"
#define BATCH_PAGES 256

#define VERSION_OFFSET 60 /* of user_version, in page 1 */
#define APPLICATION_OFFSET 68

enum phase {
	PAGES,
	MEND,
	BODIES,
	LOSSES,
	FINISH,
	DONE,
};

static const char *const phase_names[] = {
	"pages", "mending", "bodies", "losses", "finish", "done",
};

struct sqb_salvage {
	enum sqb_err err;
	struct sqb_store *log; /* own; the damaged store, and failures */
	struct sqb_pages pages;
	struct sqb_dest dest;
	struct sqb_store *st; /* own; the new one, or NULL */
	enum phase phase;
	uint64_t done, total;    /* of the phase */
	char *problem;           /* own; the last one told */
	struct sqb_trees *trees; /* own; while in PAGES */
	unsigned int batch;      /* pages since the last commit */
	int64_t body;            /* the last one looked at */
	sqlite3_stmt *losses;    /* own; while in LOSSES */
	struct sqb_salvage_result result;
};

/* A failure at the new store is one of the rescue. */
static enum sqb_err log_failure(struct sqb_salvage *s, enum sqb_err err)
{
	if (err == SQB_OK)
		return SQB_OK;
	return sqb_fail(s->log, err, "%s", sqb_store_errmsg(s->st));
}

static enum sqb_err run(struct sqb_salvage *s, const char *sql)
{
	return sqb_run(s->st, sqb_stmt(s->st, sql));
}

/* The damaged store: its directory, and its lock if that is still there. */
static enum sqb_err open_source(struct sqb_salvage *s, const char *store)
{
	struct sqb_store *log = s->log;

	log->dir = realpath(store, NULL);
	if (log->dir == NULL && errno == ENOENT)
		return sqb_fail(log, SQB_NOTFOUND, "there is no directory %s",
				store);
	if (log->dir != NULL)
		log->dir_fd = open(log->dir, O_RDONLY | O_DIRECTORY |
						     O_NOFOLLOW | O_CLOEXEC);
	if (log->dir_fd < 0)
		return sqb_fail_errno(log, "%s", store);
	log->lock_fd = openat(log->dir_fd, "store.lock",
			      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (log->lock_fd >= 0)
		return sqb_lock(log);
	if (errno == ENOENT)
		return SQB_OK;
	return sqb_fail_errno(log, "%s/store.lock: open", log->dir);
}

/* A newer schema may have what would be forgotten here. */
static enum sqb_err check_version(struct sqb_salvage *s)
{
	uint8_t page[SQB_PAGE_SIZE];
	enum sqb_err err = sqb_page_read(&s->pages, 1, page);
	int version;

	if (err != SQB_OK)
		return err == SQB_CORRUPT ? SQB_OK : err;
	version = (int)sqb_big32(page + VERSION_OFFSET);
	if (sqb_big32(page + APPLICATION_OFFSET) != SQB_APPLICATION_ID)
		return SQB_OK;
	s->pages.schema = version;
	if (version <= SQB_SCHEMA_VERSION)
		return SQB_OK;
	return sqb_fail(s->log, SQB_NEWER,
			"%s has schema %d, but this program knows only those "
			"up to %d: use a newer one",
			s->log->dir, version, SQB_SCHEMA_VERSION);
}

static enum sqb_err check_dest(struct sqb_salvage *s)
{
	size_t len = strlen(s->log->dir);

	if (strncmp(s->dest.dir, s->log->dir, len) != 0 ||
	    (s->dest.dir[len] != '/' && s->dest.dir[len] != '\0'))
		return SQB_OK;
	return sqb_fail(s->log, SQB_INVALID,
			"%s is inside of the damaged store: give another place",
			s->dest.dir);
}

static const char sql_no_sync[] = "PRAGMA synchronous = OFF";
static const char sql_temp_bad[] =
	"CREATE TEMP TABLE bad (body_id INTEGER PRIMARY KEY, why TEXT)";
static const char sql_temp_orphan[] =
	"CREATE TEMP TABLE orphan (body_id INTEGER PRIMARY KEY, psize INTEGER)";
static const char sql_temp_lost[] =
	"CREATE TEMP TABLE lost (mailbox_id INTEGER, uid INTEGER, why TEXT)";

static enum sqb_err make_store(struct sqb_salvage *s)
{
	char *dir = sqb_xasprintf("%s/" PART, s->dest.dir);
	char *error = NULL;
	enum sqb_err err;

	err = sqb_store_open(dir, SQB_OPEN_CREATE, &s->st, &error);
	free(dir);
	if (err != SQB_OK) {
		(void)sqb_fail(s->log, err, "%s", error);
		free(error);
		return err;
	}
	err = run(s, sql_no_sync);
	if (err == SQB_OK)
		err = run(s, sql_temp_bad);
	if (err == SQB_OK)
		err = run(s, sql_temp_orphan);
	if (err == SQB_OK)
		err = run(s, sql_temp_lost);
	return log_failure(s, err);
}

struct sqb_salvage *sqb_salvage_begin(const char *store, const char *dest)
{
	struct sqb_salvage *s = sqb_xcalloc(1, sizeof(*s));

	s->log = sqb_store_new(true);
	s->pages.log = s->log;
	s->pages.db_fd = s->pages.wal_fd = -1;
	s->dest.dir_fd = -1;
	s->err = open_source(s, store);
	if (s->err == SQB_OK)
		s->err = sqb_pages_open(&s->pages, s->log->dir_fd, s->log->dir);
	if (s->err == SQB_OK)
		s->err = check_version(s);
	if (s->err == SQB_OK)
		s->err = sqb_dest_open(&s->dest, s->log, dest);
	if (s->err == SQB_OK)
		s->err = check_dest(s);
	if (s->err == SQB_OK)
		s->err = make_store(s);
	if (s->err == SQB_OK)
		s->trees = sqb_trees_begin(&s->pages, s->st);
	return s;
}

/* The transaction goes on, or ends in one way or the other. */
static enum sqb_err end_txn(struct sqb_salvage *s, enum sqb_err err)
{
	if (err == SQB_OK)
		err = sqb_txn_commit(s->st);
	else
		sqb_txn_rollback(s->st);
	if (err == SQB_OK)
		err = sqb_checkpoint_if_due(s->st);
	return err;
}

static enum sqb_err end_pages(struct sqb_salvage *s)
{
	uint64_t rows = sqb_trees_rows(s->trees);

	sqb_trees_end(&s->trees);
	if (rows > 0)
		return SQB_OK;
	return sqb_fail(s->st, SQB_NOTOURS,
			"%s/store.db has nothing in it that could be a part of "
			"a store",
			s->log->dir);
}

static enum sqb_err do_pages(struct sqb_salvage *s, bool *more_r)
{
	enum sqb_err err = SQB_OK;

	if (s->batch == 0)
		err = sqb_txn_begin(s->st);
	if (err == SQB_OK)
		*more_r = sqb_trees_next(s->trees, &s->problem, &err);
	s->done = sqb_trees_done(s->trees);
	s->total = s->pages.count;
	if (err == SQB_OK && *more_r && ++s->batch < BATCH_PAGES)
		return SQB_OK;
	s->batch = 0;
	err = end_txn(s, err);
	if (err == SQB_OK && !*more_r)
		err = end_pages(s);
	return err;
}

static const char sql_orphans[] =
	"INSERT INTO temp.orphan (body_id, psize) SELECT id, vsize FROM body"
	" WHERE id NOT IN (SELECT g.body_id FROM message g"
	"  JOIN body b ON b.id = g.body_id WHERE b.vsize = g.vsize)";

/* The mount shows them with CRLF: no need to count the others. */
static const char sql_orphan_eol[] =
	"UPDATE body SET eol = 1 WHERE eol = 2"
	" AND id IN (SELECT body_id FROM temp.orphan)";

static enum sqb_err do_mend(struct sqb_salvage *s)
{
	enum sqb_err err = sqb_txn_begin(s->st);

	if (err == SQB_OK)
		err = sqb_mend_tree(s->st);
	if (err == SQB_OK)
		err = sqb_mend_rows(s->st);
	if (err == SQB_OK)
		err = run(s, sql_orphans);
	if (err == SQB_OK)
		err = run(s, sql_orphan_eol);
	return end_txn(s, err);
}

/* Read a body to its end; *lines_r: how many end in CRLF. */
static enum sqb_err verify(struct sqb_salvage *s, int64_t id, uint64_t *lines_r)
{
	struct sqb_body_id body = { id };
	struct sqb_body_reader *r = NULL;
	uint64_t offset = 0;
	const void *data = "";
	size_t i, size = 1;
	char last = 0;
	enum sqb_err err = sqb_body_open_id(s->st, body, &r);

	*lines_r = 0;
	while (err == SQB_OK && size > 0) {
		err = sqb_body_data(r, offset, &data, &size);
		for (i = 0; err == SQB_OK && i < size; i++) {
			*lines_r +=
				last == '\r' && ((const char *)data)[i] == '\n';
			last = ((const char *)data)[i];
		}
		offset += size;
	}
	sqb_body_close(&r);
	return err;
}

static const char sql_bad[] =
	"INSERT INTO temp.bad (body_id, why) SELECT id, CASE WHEN"
	" (SELECT count(*) FROM body_chunk c WHERE c.body_id = b.id) <"
	" max(vsize - 1, 0) / 131072 THEN 'a part of its body is lost'"
	" ELSE 'the checksum of its body is wrong' END"
	" FROM body b WHERE id = ?1";
static const char sql_bad_orphan[] =
	"DELETE FROM temp.orphan WHERE body_id = ?1";
static const char sql_psize[] =
	"UPDATE temp.orphan SET psize = psize - ?2 WHERE body_id = ?1"
	" AND (SELECT eol FROM body WHERE id = ?1) = 0";

static enum sqb_err check_body(struct sqb_salvage *s, int64_t id)
{
	uint64_t lines;
	enum sqb_err err = verify(s, id, &lines);
	sqlite3_stmt *q;

	if (err == SQB_OK) {
		q = sqb_stmt(s->st, sql_psize);
		sqlite3_bind_int64(q, 1, id);
		sqlite3_bind_int64(q, 2, (int64_t)lines);
		return sqb_run(s->st, q);
	}
	if (err != SQB_CORRUPT)
		return err;
	q = sqb_stmt(s->st, sql_bad);
	sqlite3_bind_int64(q, 1, id);
	err = sqb_run(s->st, q);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(s->st, sql_bad_orphan);
	sqlite3_bind_int64(q, 1, id);
	return sqb_run(s->st, q);
}

static const char sql_last_body[] = "SELECT coalesce(max(id), 0) FROM body";
static const char sql_next_body[] =
	"SELECT id FROM body WHERE id > ?1 ORDER BY id LIMIT 1";

static enum sqb_err do_bodies(struct sqb_salvage *s, bool *more_r)
{
	enum sqb_err err = SQB_OK;
	int64_t last = 0;
	sqlite3_stmt *q;

	if (s->body == 0) {
		err = sqb_run_int64(s->st, sqb_stmt(s->st, sql_last_body),
				    &last);
		s->total = (uint64_t)last;
	}
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(s->st, sql_next_body);
	sqlite3_bind_int64(q, 1, s->body);
	err = sqb_run_int64(s->st, q, &s->body);
	*more_r = err == SQB_OK;
	if (err != SQB_OK)
		return err == SQB_NOTFOUND ? SQB_OK : err;
	s->done = (uint64_t)s->body;
	return check_body(s, s->body);
}

static const char sql_lost[] =
	"INSERT INTO temp.lost (mailbox_id, uid, why)"
	" SELECT g.mailbox_id, g.uid, CASE"
	" WHEN bad.why IS NOT NULL THEN bad.why"
	" WHEN b.id IS NULL AND a.body_id IS NOT NULL AND a.vsize = g.vsize"
	"  THEN 'its body is at the server, but not known as what'"
	" WHEN b.id IS NULL AND a.body_id IS NULL THEN 'its body is lost'"
	" ELSE 'its row tells of another size than its body has' END"
	" FROM message g LEFT JOIN temp.bad ON bad.body_id = g.body_id"
	" LEFT JOIN body b ON b.id = g.body_id"
	" LEFT JOIN body_absent a ON a.body_id = g.body_id"
	" WHERE bad.why IS NOT NULL"
	" OR g.vsize IS NOT coalesce(b.vsize, a.vsize)"
	" OR (b.id IS NULL AND NOT EXISTS (SELECT 1 FROM remote_message r"
	"  WHERE r.body_id = g.body_id AND r.state = 0))";
static const char sql_losses[] =
	"SELECT mailbox_id, uid, why FROM temp.lost"
	" UNION ALL SELECT NULL, b.body_id, b.why FROM temp.bad b"
	" WHERE b.body_id NOT IN (SELECT body_id FROM message)";
static const char sql_lose_messages[] =
	"DELETE FROM message WHERE (mailbox_id, uid) IN"
	" (SELECT mailbox_id, uid FROM temp.lost)";
static const char sql_lose_bodies[] =
	"DELETE FROM body WHERE id IN (SELECT body_id FROM temp.bad)";
static const char sql_lose_chunks[] =
	"DELETE FROM body_chunk WHERE body_id NOT IN (SELECT id FROM body)";
static const char sql_found[] =
	"INSERT INTO message (mailbox_id, uid, body_id, flags, keywords,"
	" modseq, date, save_date, psize, vsize) SELECT ?1,"
	" row_number() OVER (ORDER BY b.id), b.id, 0, 0, 1, b.date,"
	" unixepoch(), max(o.psize, 0), b.vsize"
	" FROM temp.orphan o JOIN body b ON b.id = o.body_id";
static const char sql_any_orphan[] = "SELECT count(*) FROM temp.orphan";

/* Bodies that no message has: their own date is all that is known. */
static enum sqb_err find_places(struct sqb_salvage *s)
{
	sqlite3_stmt *q = sqb_stmt(s->st, sql_any_orphan);
	int64_t count = 0, box = 0;
	enum sqb_err err = sqb_run_int64(s->st, q, &count);

	s->result.found = (uint64_t)count;
	if (err == SQB_OK && count > 0) {
		err = sqb_mend_lost_found(s->st, &box);
		q = sqb_stmt(s->st, sql_found);
		sqlite3_bind_int64(q, 1, box);
		if (err == SQB_OK)
			err = sqb_run(s->st, q);
	}
	return err;
}

static enum sqb_err end_losses(struct sqb_salvage *s)
{
	enum sqb_err err = run(s, sql_lose_messages);

	if (err == SQB_OK)
		err = run(s, sql_lose_bodies);
	if (err == SQB_OK)
		err = run(s, sql_lose_chunks);
	if (err == SQB_OK)
		err = find_places(s);
	return end_txn(s, err);
}

static char *loss(struct sqb_salvage *s)
{
	struct sqb_mailbox_id box = { sqlite3_column_int64(s->losses, 0) };
	const unsigned char *why = sqlite3_column_text(s->losses, 2);
	long long number = sqlite3_column_int64(s->losses, 1);
	char *name, *sentence;

	if (sqlite3_column_type(s->losses, 0) == SQLITE_NULL)
		return sqb_xasprintf("body %lld, of no message: %s", number,
				     why);
	if (sqb_mailbox_name(s->st, box, &name) != SQB_OK)
		name = sqb_xasprintf("mailbox %lld", (long long)box.n);
	sentence = sqb_xasprintf("%s: UID %lld: %s", name, number, why);
	free(name);
	s->result.lost++;
	return sentence;
}

/* Each message that is left out is told, then all go at once. */
static enum sqb_err do_losses(struct sqb_salvage *s, bool *more_r)
{
	enum sqb_err err = SQB_OK;

	if (s->losses == NULL) {
		err = sqb_txn_begin(s->st);
		if (err != SQB_OK)
			return err;
		err = run(s, sql_lost);
		if (err == SQB_OK)
			s->losses = sqb_stmt_new(s->st, sql_losses);
	}
	*more_r = err == SQB_OK && sqb_step(s->st, s->losses, &err);
	if (*more_r) {
		s->problem = loss(s);
		return SQB_OK;
	}
	sqlite3_finalize(s->losses);
	s->losses = NULL;
	return err == SQB_OK ? end_losses(s) : end_txn(s, err);
}

static const char sql_mailboxes[] =
	"SELECT count(*) FROM mailbox WHERE id > 0 AND NOT noselect";
static const char sql_messages[] =
	"SELECT coalesce(sum(messages), 0) FROM mailbox";
static const char sql_truncate[] = "PRAGMA wal_checkpoint(TRUNCATE)";

static enum sqb_err count_result(struct sqb_salvage *s)
{
	int64_t mailboxes = 0, messages = 0, busy = 0;
	enum sqb_err err;

	err = sqb_run_int64(s->st, sqb_stmt(s->st, sql_mailboxes), &mailboxes);
	if (err == SQB_OK)
		err = sqb_run_int64(s->st, sqb_stmt(s->st, sql_messages),
				    &messages);
	if (err == SQB_OK)
		err = sqb_run_int64(s->st, sqb_stmt(s->st, sql_truncate),
				    &busy);
	if (err == SQB_OK && busy != 0)
		err = sqb_fail(s->st, SQB_BUSY, "%s is in use",
			       sqb_store_dir(s->st));
	s->result.mailboxes = (uint64_t)mailboxes;
	s->result.messages = (uint64_t)messages;
	return err;
}

static enum sqb_err do_finish(struct sqb_salvage *s)
{
	enum sqb_err err = sqb_txn_begin(s->st);

	if (err == SQB_OK)
		err = sqb_mend_finish(s->st);
	err = end_txn(s, err);
	if (err == SQB_OK)
		err = count_result(s);
	if (err != SQB_OK)
		return err;
	sqb_store_close(&s->st);
	return sqb_dest_publish(&s->dest, PART "/store.db");
}

/* One piece of work; *more_r false: the phase is over. */
static enum sqb_err work(struct sqb_salvage *s, bool *more_r)
{
	switch (s->phase) {
	case PAGES:
		return do_pages(s, more_r);
	case MEND:
		return do_mend(s);
	case BODIES:
		return do_bodies(s, more_r);
	case LOSSES:
		return do_losses(s, more_r);
	case FINISH:
		return do_finish(s);
	case DONE:
		break;
	}
	return SQB_OK;
}

bool sqb_salvage_next(struct sqb_salvage *s, struct sqb_check_step *step_r)
{
	bool more = false;

	free(s->problem);
	s->problem = NULL;
	if (s->err != SQB_OK || s->phase == DONE)
		return false;
	s->err = work(s, &more);
	if (s->err != SQB_OK) {
		if (s->st != NULL)
			(void)log_failure(s, s->err);
		return false;
	}
	s->result.problems += s->problem != NULL ? 1 : 0;
	step_r->phase = phase_names[s->phase];
	step_r->done = s->done;
	step_r->total = s->total;
	step_r->problem = s->problem;
	if (!more) {
		s->phase++;
		s->done = s->total = 0;
	}
	return true;
}

/* What the new store leaves in its first place. */
static void remove_part(struct sqb_salvage *s)
{
	static const char *const names[] = {
		"store.db",   "store.db-wal", "store.db-shm",
		"store.lock", "notify",       "reserve",
	};
	char *path;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		path = sqb_xasprintf(PART "/%s", names[i]);
		(void)unlinkat(s->dest.dir_fd, path, 0);
		free(path);
	}
	(void)unlinkat(s->dest.dir_fd, PART, AT_REMOVEDIR);
}

enum sqb_err sqb_salvage_end(struct sqb_salvage **s_p,
			     struct sqb_salvage_result *result_r,
			     char **error_r)
{
	struct sqb_salvage *s = *s_p;
	enum sqb_err err;

	if (s == NULL)
		return SQB_OK;
	*s_p = NULL;
	if (s->err == SQB_OK && s->phase != DONE)
		s->err = sqb_fail(s->log, SQB_INTERNAL,
				  "the rescue was given up");
	err = s->err;
	if (err == SQB_OK && result_r != NULL)
		*result_r = s->result;
	if (err != SQB_OK && error_r != NULL)
		*error_r = sqb_xstrdup(sqb_store_errmsg(s->log));
	sqb_trees_end(&s->trees);
	sqlite3_finalize(s->losses);
	sqb_store_close(&s->st);
	if (s->dest.dir_fd >= 0) {
		remove_part(s);
		sqb_dest_close(&s->dest, err == SQB_OK);
	}
	sqb_pages_close(&s->pages);
	sqb_store_free(s->log);
	free(s->problem);
	free(s);
	return err;
}
