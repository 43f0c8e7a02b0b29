/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * From the rows that were left to a store in which everything fits: what
 * sqb_check() verifies.
 */
#include "common/salvage-private.h"

#include "common/keyword-private.h"
#include "common/mailbox-private.h"
#include "common/mem.h"
#include "common/message-private.h"

#include <stdlib.h>
#include <string.h>

/* More keywords than this beyond those that have names are damage. */
#define LOST_KEYWORDS_MAX 1000

static enum sqb_err run_all(struct sqb_store *st, const char *const *list)
{
	enum sqb_err err = SQB_OK;

	for (; *list != NULL && err == SQB_OK; list++)
		err = sqb_run(st, sqb_stmt(st, *list));
	return err;
}

/*
 * Row 0: what it hands out is beyond all that was handed out.  UIDVALIDITY
 * began at the clock and has grown by one a mailbox: nobody makes a million
 * more of them than seconds pass.
 */
static const char sql_account[] =
	"INSERT OR IGNORE INTO mailbox (id, parent_id, name, guid, noselect,"
	" uidvalidity, highestmodseq)"
	" VALUES (0, NULL, '', randomblob(16), 1, 1, 1)";
static const char sql_root[] =
	"UPDATE mailbox SET parent_id = NULL, name = '', noselect = 1"
	" WHERE id = 0";
static const char sql_no_box[] = "DELETE FROM message WHERE mailbox_id = 0";
static const char sql_numbers[] =
	"UPDATE mailbox SET"
	" next_id = max(coalesce(next_id, 1),"
	"  (SELECT max(id, coalesce(parent_id, 0)) FROM mailbox"
	"   ORDER BY 1 DESC LIMIT 1) + 1,"
	"  (SELECT coalesce(max(mailbox_id), 0) FROM message) + 1,"
	"  (SELECT coalesce(max(id), 0) FROM temp.name) + 1),"
	" next_body = max(coalesce(next_body, 1),"
	"  (SELECT coalesce(max(id), 0) FROM body) + 1,"
	"  (SELECT coalesce(max(body_id), 0) FROM body_absent) + 1),"
	" next_modseq = max(coalesce(next_modseq, 1),"
	"  (SELECT max(highestmodseq) FROM mailbox) + 1,"
	"  (SELECT coalesce(max(modseq), 0) FROM message) + 1),"
	" next_uidvalidity = min(4294967296,"
	"  max(coalesce(next_uidvalidity, unixepoch() + 1048576),"
	"   (SELECT max(uidvalidity) FROM mailbox) + 1)) WHERE id = 0";

/*
 * Mailboxes whose rows are lost: named by the index, or unknown but for what
 * refers to them.  Their UIDs stay, under a new UIDVALIDITY.
 */
#define NEW_MAILBOX(id, parent_id, name) \
	"INSERT OR IGNORE INTO mailbox (id, parent_id, name, guid, noselect," \
	" uidvalidity, highestmodseq)" \
	" SELECT " id ", " parent_id ", " name ", randomblob(16), 0," \
	" min(a.next_uidvalidity + row_number() OVER (ORDER BY r.id) - 1," \
	"  4294967295), 1"
static const char sql_named[] = NEW_MAILBOX(
	"r.id", "coalesce(r.parent_id, 0)",
	"r.name") " FROM temp.name r JOIN mailbox a ON a.id = 0"
		  " WHERE r.id > 0 AND r.id NOT IN (SELECT id FROM mailbox)";
static const char sql_inbox_itself[] = NEW_MAILBOX(
	"r.id", "0",
	"'INBOX'") " FROM (SELECT 1 AS id) r JOIN mailbox a ON a.id = 0"
		   " WHERE r.id NOT IN (SELECT id FROM mailbox)";
#define SQL_REFERRED(name) \
	NEW_MAILBOX("r.id", "0", name) \
	" FROM (SELECT mailbox_id AS id FROM message" \
	"  UNION SELECT parent_id FROM mailbox WHERE id > 0" \
	"   AND parent_id IS NOT NULL) r JOIN mailbox a ON a.id = 0" \
	" WHERE r.id NOT IN (SELECT id FROM mailbox)"
static const char sql_referred[] =
	SQL_REFERRED("printf('lost+found-%d', r.id)");
/* That name was taken. */
static const char sql_referred_again[] = SQL_REFERRED(
	"printf('lost+found-%d-%s', r.id, lower(hex(randomblob(8))))");
static const char sql_detached[] =
	"WITH RECURSIVE tree (id) AS (SELECT 0 UNION SELECT m.id"
	" FROM tree t JOIN mailbox m ON m.parent_id = t.id)"
	" UPDATE mailbox SET parent_id = 0,"
	" name = printf('lost+found-%d-%s', id, lower(hex(randomblob(8))))"
	" WHERE id NOT IN (SELECT id FROM tree)";
static const char sql_need_inbox[] = NEW_MAILBOX(
	"r.id", "0",
	"'INBOX'") " FROM (SELECT next_id AS id FROM mailbox WHERE id = 0) r"
		   " JOIN mailbox a ON a.id = 0";

static const char *const mend_tree[] = {
	sql_account,  sql_root,    sql_no_box,         sql_numbers,
	sql_named,    sql_numbers, sql_inbox_itself,   sql_numbers,
	sql_referred, sql_numbers, sql_referred_again, sql_numbers,
	sql_detached, NULL,
};
static const char *const mend_inbox[] = { sql_need_inbox, sql_numbers, NULL };

/* Names that break a rule, and what becomes of their rows. */
struct naming {
	const char *list; /* rowid or NULL, name, 1 at the top level */
	bool (*ok)(const char *name, bool top);
	const char *mend; /* ?1 the row id, ?2 the name */
};

static bool level_fits(const char *name, bool top)
{
	return sqb_level_ok(name, strlen(name)) &&
	       (!top || strcasecmp(name, "INBOX") != 0 ||
		strcmp(name, "INBOX") == 0);
}

static bool path_fits(const char *name, bool top)
{
	(void)top;
	return sqb_name_ok(name);
}

static bool keyword_fits(const char *name, bool top)
{
	(void)top;
	return sqb_keyword_ok(name);
}

static bool entry_fits(const char *name, bool top)
{
	(void)top;
	return sqb_entry_name_ok(name);
}

static const struct naming mailbox_names = {
	"SELECT id, name, parent_id = 0 FROM mailbox WHERE id > 0",
	level_fits,
	"UPDATE mailbox SET"
	" name = printf('lost+found-%d-%s', id, lower(hex(randomblob(8))))"
	" WHERE id = ?1",
};
static const struct naming subscription_names = {
	"SELECT 0, name, 0 FROM subscription",
	path_fits,
	"DELETE FROM subscription WHERE name = ?2",
};
static const struct naming keyword_names = {
	"SELECT number, name, 0 FROM keyword",
	keyword_fits,
	"UPDATE keyword SET"
	" name = printf('lost-%d-%s', number, lower(hex(randomblob(8))))"
	" WHERE number = ?1",
};

static const struct naming entry_names = {
	"SELECT uid, CAST(name AS TEXT), 0 FROM entry_name",
	entry_fits,
	"DELETE FROM entry_name WHERE name = CAST(?2 AS BLOB)",
};

static bool name_fits(const struct naming *n, sqlite3_stmt *q)
{
	const char *name = (const char *)sqlite3_column_text(q, 1);

	return name != NULL &&
	       strlen(name) == (size_t)sqlite3_column_bytes(q, 1) &&
	       n->ok(name, sqlite3_column_int(q, 2) != 0);
}

/* The first that breaks the rule; *q's row until it is reset. */
static bool find_bad_name(struct sqb_store *st, const struct naming *n,
			  sqlite3_stmt *q, enum sqb_err *err_r)
{
	while (sqb_step(st, q, err_r)) {
		if (!name_fits(n, q))
			return true;
	}
	return false;
}

static enum sqb_err mend_names(struct sqb_store *st, const struct naming *n)
{
	sqlite3_stmt *q = sqb_stmt(st, n->list);
	sqlite3_stmt *mend = sqb_stmt(st, n->mend);
	enum sqb_err err = SQB_OK;

	while (err == SQB_OK && find_bad_name(st, n, q, &err)) {
		sqlite3_bind_value(mend, 1, sqlite3_column_value(q, 0));
		sqlite3_bind_value(mend, 2, sqlite3_column_value(q, 1));
		sqlite3_reset(q);
		err = sqb_run(st, mend);
	}
	return err;
}

enum sqb_err sqb_mend_tree(struct sqb_store *st)
{
	enum sqb_err err = run_all(st, mend_tree);

	if (err == SQB_OK)
		err = mend_names(st, &mailbox_names);
	if (err == SQB_OK)
		err = run_all(st, mend_inbox);
	return err;
}

static const char sql_keyword_far[] = "DELETE FROM keyword WHERE number >"
				      " (SELECT count(*) FROM keyword) + ?1";
static const char sql_more_far[] =
	"DELETE FROM keyword_more WHERE number >"
	" (SELECT coalesce(max(number), 0) FROM keyword) + ?1";
static const char sql_masks[] = "SELECT DISTINCT keywords FROM message";
static const char sql_mask_sign[] =
	"UPDATE message SET keywords = keywords & 9223372036854775807"
	" WHERE keywords < 0";
static const char sql_keyword_last[] =
	"SELECT max(coalesce((SELECT max(number) FROM keyword), -1),"
	" coalesce((SELECT max(number) FROM keyword_more), -1))";
static const char sql_keyword_lost[] =
	"INSERT OR IGNORE INTO keyword (number, name) SELECT ?1,"
	" CASE WHEN EXISTS (SELECT 1 FROM keyword"
	"  WHERE name = printf('lost-%d', ?1))"
	" THEN printf('lost-%d-%s', ?1, lower(hex(randomblob(8))))"
	" ELSE printf('lost-%d', ?1) END"
	" WHERE ?1 NOT IN (SELECT number FROM keyword)";

/* The highest number that messages have; -1: none. */
static enum sqb_err last_keyword(struct sqb_store *st, int64_t *last_r)
{
	uint64_t all = 0;
	enum sqb_err err;
	sqlite3_stmt *q;
	int64_t last;

	err = sqb_run(st, sqb_stmt(st, sql_mask_sign));
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_masks);
	while (sqb_step(st, q, &err))
		all |= (uint64_t)sqlite3_column_int64(q, 0);
	if (err == SQB_OK)
		err = sqb_run_int64(st, sqb_stmt(st, sql_keyword_last), &last);
	if (err != SQB_OK)
		return err;
	for (*last_r = -1; all != 0; all >>= 1)
		++*last_r;
	if (last > *last_r)
		*last_r = last;
	return SQB_OK;
}

/* Numbers without a name get one: other messages may tell what it was. */
static enum sqb_err mend_keywords(struct sqb_store *st)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_keyword_far);
	enum sqb_err err;
	int64_t n, last = -1;

	sqlite3_bind_int64(q, 1, LOST_KEYWORDS_MAX);
	err = sqb_run(st, q);
	if (err == SQB_OK) {
		q = sqb_stmt(st, sql_more_far);
		sqlite3_bind_int64(q, 1, LOST_KEYWORDS_MAX);
		err = sqb_run(st, q);
	}
	if (err == SQB_OK)
		err = mend_names(st, &keyword_names);
	if (err == SQB_OK)
		err = last_keyword(st, &last);
	for (n = 0; n <= last && err == SQB_OK; n++) {
		q = sqb_stmt(st, sql_keyword_lost);
		sqlite3_bind_int64(q, 1, n);
		err = sqb_run(st, q);
	}
	return err;
}

/* What nothing refers to any more, or more often than there is room for. */
static const char sql_attributes[] =
	"DELETE FROM attribute WHERE mailbox_id NOT IN (SELECT id FROM mailbox)";
static const char sql_chunks[] =
	"DELETE FROM body_chunk AS c WHERE NOT EXISTS (SELECT 1 FROM body b"
	" WHERE b.id = c.body_id AND c.n <= max(b.vsize - 1, 0) / 131072)";
static const char sql_waiting[] =
	"DELETE FROM body_free WHERE body_id IN (SELECT body_id FROM message)";
static const char sql_freed[] =
	"DELETE FROM body WHERE id IN (SELECT body_id FROM body_free)";
static const char sql_no_free[] = "DELETE FROM body_free";

static const char sql_eol[] =
	"UPDATE body SET eol = 0 WHERE eol NOT IN (0, 1, 2)";

/* Without its account a replica is none: what was fetched is mail as any. */
#define WITHOUT_ACCOUNT(table) \
	"DELETE FROM " table " WHERE NOT EXISTS (SELECT 1 FROM remote_account)"
static const char sql_no_absent[] = WITHOUT_ACCOUNT("body_absent");
static const char sql_no_boxes[] = WITHOUT_ACCOUNT("remote_mailbox");
static const char sql_absent[] =
	"DELETE FROM body_absent WHERE body_id IN (SELECT id FROM body)"
	" OR body_id NOT IN (SELECT body_id FROM message)";
static const char sql_remote_boxes[] =
	"DELETE FROM remote_mailbox WHERE mailbox_id NOT IN"
	" (SELECT id FROM mailbox WHERE id > 0) OR mailbox_id NOT IN"
	" (SELECT min(mailbox_id) FROM remote_mailbox GROUP BY name)";
static const char sql_remote_homeless[] =
	"DELETE FROM remote_message"
	" WHERE mailbox_id NOT IN (SELECT mailbox_id FROM remote_mailbox)";

static const char *const mend_rows[] = {
	sql_eol,      sql_attributes,   sql_waiting,         sql_freed,
	sql_no_free,  sql_chunks,       sql_absent,          sql_no_absent,
	sql_no_boxes, sql_remote_boxes, sql_remote_homeless, NULL,
};

enum sqb_err sqb_mend_rows(struct sqb_store *st)
{
	enum sqb_err err = run_all(st, mend_rows);

	if (err == SQB_OK)
		err = mend_names(st, &subscription_names);
	if (err == SQB_OK)
		err = mend_names(st, &entry_names);
	if (err == SQB_OK)
		err = mend_keywords(st);
	return err;
}

#define WITHOUT_MESSAGE(table) \
	"DELETE FROM " table " AS t WHERE NOT EXISTS (SELECT 1 FROM message g" \
	" WHERE g.mailbox_id = t.mailbox_id AND g.uid = t.uid)"
static const char sql_more[] = WITHOUT_MESSAGE("keyword_more");
static const char sql_pop3[] = WITHOUT_MESSAGE("pop3");
static const char sql_entries[] = WITHOUT_MESSAGE("entry_name");

/* 32 is SQB_FLAG_MORE, 64 SQB_FLAG_POP3. */
static const char sql_row_flags[] =
	"WITH good (box, uid, flags) AS (SELECT mailbox_id, uid, (flags & 31)"
	"  + 32 * EXISTS (SELECT 1 FROM keyword_more k WHERE"
	"   k.mailbox_id = g.mailbox_id AND k.uid = g.uid)"
	"  + 64 * EXISTS (SELECT 1 FROM pop3 p WHERE"
	"   p.mailbox_id = g.mailbox_id AND p.uid = g.uid)"
	"  FROM message g)"
	" UPDATE message AS m SET flags = r.flags FROM good r"
	" WHERE r.box = m.mailbox_id AND r.uid = m.uid AND r.flags != m.flags";
/* Who has lost the list of its mixed line ends has CRLF everywhere. */
#define LOST_EOL \
	"(SELECT b.id FROM body b WHERE b.eol = 2 AND (SELECT count(*)" \
	" FROM body_eol e WHERE e.body_id = b.id" \
	" AND e.n <= max(b.vsize - 1, 0) / 131072)" \
	" != max(b.vsize - 1, 0) / 131072 + 1)"
static const char sql_eol_lost[] =
	"UPDATE body SET eol = 1 WHERE id IN " LOST_EOL;
static const char sql_eol_rows[] =
	"DELETE FROM body_eol AS e WHERE NOT EXISTS (SELECT 1 FROM body b"
	" WHERE b.id = e.body_id AND b.eol = 2"
	" AND e.n <= max(b.vsize - 1, 0) / 131072)";
static const char sql_psize[] =
	"UPDATE message AS m SET psize = b.vsize FROM body b"
	" WHERE b.id = m.body_id AND (m.psize > b.vsize"
	"  OR (b.eol = 1 AND m.psize != b.vsize))";
static const char sql_absent_psize[] =
	"UPDATE message AS m SET psize = a.vsize FROM body_absent a"
	" WHERE a.body_id = m.body_id AND m.psize != a.vsize";
static const char sql_absent_left[] =
	"DELETE FROM body_absent"
	" WHERE body_id NOT IN (SELECT body_id FROM message)";

/*
 * What the server knows of messages that are gone would be told to it as
 * expunges, and a loss must never become one there.  So the next pull begins
 * anew; and it matches all messages anew where some are not known any more,
 * which would else be sent a second time.
 */
static const char sql_remote_gone[] =
	"DELETE FROM remote_message AS r WHERE NOT EXISTS (SELECT 1"
	" FROM message g WHERE g.mailbox_id = r.mailbox_id AND g.uid = r.uid"
	" AND g.body_id = r.body_id)";
static const char sql_remote_more[] =
	"DELETE FROM remote_keyword_more AS k"
	" WHERE number NOT IN (SELECT number FROM keyword)"
	" OR NOT EXISTS (SELECT 1 FROM remote_message r"
	"  WHERE r.mailbox_id = k.mailbox_id AND r.uid = k.uid)";
static const char sql_remote_flags[] =
	"UPDATE remote_message AS r SET flags = (flags & 31)"
	" + 32 * EXISTS (SELECT 1 FROM remote_keyword_more k"
	"  WHERE k.mailbox_id = r.mailbox_id AND k.uid = r.uid),"
	" keywords = keywords & (SELECT coalesce(sum(1 << number), 0)"
	"  FROM keyword WHERE number < 63)";
static const char sql_remote_anew[] =
	"UPDATE remote_mailbox AS b SET uidnext = 0, highestmodseq = 0,"
	" pushed = 0, uidvalidity = iif(EXISTS (SELECT 1 FROM message g"
	"  WHERE g.mailbox_id = b.mailbox_id AND NOT EXISTS"
	"   (SELECT 1 FROM remote_message r WHERE r.mailbox_id = g.mailbox_id"
	"    AND r.uid = g.uid AND r.state = 0)), 0, uidvalidity)";
static const char sql_no_shared[] = "DELETE FROM body_shared";
static const char sql_shared[] =
	"INSERT INTO body_shared (body_id, refs) SELECT body_id, count(*)"
	" FROM message GROUP BY body_id HAVING count(*) > 1";
static const char sql_counters[] =
	"UPDATE mailbox AS m SET"
	" messages = (SELECT count(*) FROM message WHERE mailbox_id = m.id),"
	" unseen = (SELECT count(*) FROM message WHERE mailbox_id = m.id"
	"  AND flags & 1 = 0),"
	" vsize = (SELECT coalesce(sum(vsize), 0) FROM message"
	"  WHERE mailbox_id = m.id),"
	" uidnext = max(uidnext, (SELECT coalesce(max(uid), 0) FROM message"
	"  WHERE mailbox_id = m.id) + 1),"
	" highestmodseq = max(highestmodseq, 1,"
	"  (SELECT coalesce(max(modseq), 1) FROM message"
	"   WHERE mailbox_id = m.id)),"
	" noselect = noselect AND NOT EXISTS (SELECT 1 FROM message"
	"  WHERE mailbox_id = m.id)"
	" WHERE id > 0";
static const char sql_recent[] =
	"UPDATE mailbox SET first_recent = min(first_recent, uidnext),"
	" vanished_floor = highestmodseq WHERE id > 0";
static const char sql_copy[] =
	"UPDATE mailbox SET boot_id = '" SQB_BOOT_ID_COPY "' WHERE id = 0";

static const char *const mend_finish[] = {
	sql_more,        sql_pop3,         sql_entries,     sql_row_flags,
	sql_eol_lost,    sql_eol_rows,     sql_psize,       sql_absent_psize,
	sql_absent_left, sql_no_shared,    sql_shared,      sql_remote_gone,
	sql_remote_more, sql_remote_flags, sql_remote_anew, sql_counters,
	sql_recent,      sql_numbers,      sql_copy,        NULL,
};

enum sqb_err sqb_mend_finish(struct sqb_store *st)
{
	return run_all(st, mend_finish);
}

enum sqb_err sqb_mend_lost_found(struct sqb_store *st, int64_t *id_r)
{
	enum sqb_err err = SQB_EXISTS;
	struct sqb_mailbox_id box;
	unsigned int n;
	char *name;

	for (n = 1; err == SQB_EXISTS; n++) {
		name = n == 1 ? sqb_xstrdup("lost+found")
			      : sqb_xasprintf("lost+found-%u", n);
		err = sqb_mailbox_create(st, name, NULL, &box);
		free(name);
	}
	if (err == SQB_OK)
		*id_r = box.n;
	return err;
}
