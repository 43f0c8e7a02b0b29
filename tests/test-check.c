/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The consistency check: it finds what is wrong, and survives it.
 */
#include "common/attribute.h"
#include "common/check.h"
#include "common/entry.h"
#include "common/maintain.h"
#include "common/message.h"
#include "common/store-private.h"
#include "common/subscription.h"
#include "common/txn.h"
#include "tests/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sqb_store *st;

static void append_mixed(struct sqb_store *store, const char *text, size_t size)
{
	struct sqb_body_writer *w = t_file(store, text, size);
	uint32_t uid;

	t_ok(store, sqb_txn_begin(store));
	t_ok(store, sqb_message_append(store, T_INBOX, w, NULL, &uid));
	t_ok(store, sqb_txn_commit(store));
	sqb_body_writer_free(&w);
}

/*
 * A store that has something everywhere.  INBOX (1): UIDs 1 to 3 and 5, UID 2
 * with a keyword past the mask and a POP3 row; box (2) with child (3): a copy
 * of UID 1.  Body 3 has mixed line ends; body 4 waits to be freed; body 5 has
 * three chunks.
 */
static void fill(struct sqb_store *store)
{
	struct sqb_message_new args = { .pop3_uidl = "x" };
	struct sqb_body_writer *w;
	struct sqb_mailbox_id box;
	uint32_t uid, number, i;
	struct sqb_message msg;
	char name[16], *big;

	t_append(store, T_INBOX, "a: 1\r\n\r\n", 8);
	t_ok(store, sqb_txn_begin(store));
	for (i = 0; i < 65; i++) {
		(void)snprintf(name, sizeof(name), "k%u", i);
		t_ok(store, sqb_keyword_number(store, name, true, &number));
	}
	args.keywords.mask = 3;
	args.keywords.more = &number;
	args.keywords.more_count = 1;
	w = t_body(store, "a: 2\r\n\r\n", 8);
	t_ok(store, sqb_message_append(store, T_INBOX, w, &args, &uid));
	t_ok(store, sqb_mailbox_create(store, "box/child", NULL, &box));
	t_ok(store, sqb_message_get(store, T_INBOX, 1, &msg));
	t_ok(store, sqb_message_copy(store, &msg, box, NULL, &uid));
	t_ok(store, sqb_attribute_set(store, box, "/private/a", "x", 1, 1));
	t_ok(store, sqb_subscribe(store, "box", true, NULL));
	t_ok(store, sqb_txn_commit(store));
	sqb_body_writer_free(&w);
	append_mixed(store, "a: 3\n\r\n", 7);
	t_append(store, T_INBOX, "a: 4\r\n\r\n", 8);
	t_ok(store, sqb_txn_begin(store));
	t_ok(store, sqb_message_expunge(store, T_INBOX, 4, 4, NULL));
	t_ok(store, sqb_txn_commit(store));
	big = t_noise(3 * SQB_BODY_CHUNK, 1);
	t_append(store, T_INBOX, big, 3 * SQB_BODY_CHUNK);
	free(big);
	t_ok(store, sqb_txn_begin(store));
	t_ok(store, sqb_entry_name_set(store, T_INBOX, 1, "x.eml"));
	t_ok(store, sqb_txn_commit(store));
}

static void setup(void)
{
	st = t_store_open();
	fill(st);
}

static void teardown(void)
{
	t_store_close(&st);
}

/* Of a store whose tables may be gone: no questions about its plans. */
static void teardown_damaged(void)
{
	char *dir = sqb_xstrdup(sqb_store_dir(st));

	sqb_store_close(&st);
	t_dir_remove(dir);
	free(dir);
}

/* The problems found, a line each, to free(). */
static char *check(struct sqb_store *store, uint64_t *problems_r)
{
	struct sqb_check *c = sqb_check_begin(store);
	char *all = sqb_xstrdup(""), *longer;
	struct sqb_check_step step;
	uint64_t lines = 0;

	while (sqb_check_next(c, &step)) {
		ck_assert_ptr_nonnull(step.phase);
		ck_assert_uint_le(step.done, step.total);
		if (step.problem == NULL)
			continue;
		lines++;
		longer = sqb_xasprintf("%s%s\n", all, step.problem);
		free(all);
		all = longer;
	}
	t_ok(store, sqb_check_end(&c, problems_r));
	ck_assert_ptr_null(c);
	ck_assert_uint_eq(lines, *problems_r);
	return all;
}

static void is_sound(void)
{
	uint64_t problems;
	char *all = check(st, &problems);

	ck_assert_str_eq(all, "");
	ck_assert_uint_eq(problems, 0);
	free(all);
}

static void finds(const char *words)
{
	uint64_t problems;
	char *all = check(st, &problems);

	ck_assert_msg(strstr(all, words) != NULL, "\"%s\" not in:\n%s", words,
		      all);
	free(all);
}

START_TEST(a_sound_store_has_no_problems)
{
	is_sound();
	t_ok(st, sqb_purge(st, 0, 0, NULL));
	is_sound();
	t_store_reopen(&st);
	is_sound();
}
END_TEST

START_TEST(a_new_store_has_no_problems)
{
	struct sqb_store *fresh = t_store_open();
	uint64_t problems;
	char *all = check(fresh, &problems);

	ck_assert_str_eq(all, "");
	free(all);
	t_store_close(&fresh);
}
END_TEST

START_TEST(the_phases_come_in_order)
{
	struct sqb_check *c = sqb_check_begin(st);
	struct sqb_check_step step;
	char all[256];
	const char *last = "";
	size_t len = 0;

	all[0] = '\0';
	while (sqb_check_next(c, &step)) {
		if (strcmp(step.phase, last) != 0)
			len += (size_t)snprintf(all + len, sizeof(all) - len,
						"%s ", step.phase);
		last = step.phase;
	}
	ck_assert(!sqb_check_next(c, &step));
	t_ok(st, sqb_check_end(&c, NULL));
	ck_assert_str_eq(all, "structure schema names account mailboxes "
			      "references bodies ");
}
END_TEST

START_TEST(a_check_may_be_given_up)
{
	struct sqb_check *c;
	struct sqb_check_step step;
	int steps, i;

	t_sql(st, "UPDATE mailbox SET messages = 99 WHERE id = 1");
	for (steps = 0; steps < 60; steps++) {
		c = sqb_check_begin(st);
		for (i = 0; i < steps; i++)
			(void)sqb_check_next(c, &step);
		t_ok(st, sqb_check_end(&c, NULL));
	}
}
END_TEST

static const struct {
	const char *sql, *words;
} damages[] = {
	/* Counters and numbers. */
	{ "UPDATE mailbox SET messages = 99 WHERE id = 1",
	  "mailbox 1 (INBOX): counts 99 messages" },
	{ "UPDATE mailbox SET unseen = 0 WHERE id = 1", "counts 4 messages" },
	{ "UPDATE mailbox SET vsize = 5 WHERE id = 3",
	  "mailbox 3 (box/child): counts" },
	{ "UPDATE mailbox SET uidnext = 3 WHERE id = 1",
	  "UID 5 is not below UIDNEXT 3" },
	{ "UPDATE message SET modseq = modseq + 9999 WHERE uid = 3",
	  "UID 3 has modseq" },
	{ "UPDATE mailbox SET highestmodseq = 999999999 WHERE id = 3",
	  "mailbox 3: modseq 999999999" },
	{ "UPDATE mailbox SET vanished_floor = 999999999 WHERE id = 3",
	  "journal begins at modseq 999999999" },
	{ "UPDATE mailbox SET next_uidvalidity = 1 WHERE id = 0",
	  "UIDVALIDITY" },
	{ "UPDATE mailbox SET next_id = 3 WHERE id = 0", "mailbox 3: its id" },
	{ "UPDATE mailbox SET next_body = 3 WHERE id = 0", "body 5: its id" },
	{ "UPDATE mailbox SET next_modseq = NULL WHERE id = 0",
	  "lacks one of its numbers" },
	/* The tree. */
	{ "DELETE FROM mailbox WHERE id = 2",
	  "mailbox 3: does not hang in the tree (its parent is 2)" },
	{ "UPDATE mailbox SET parent_id = 3 WHERE id = 2",
	  "mailbox 2: does not hang" },
	{ "UPDATE mailbox SET parent_id = NULL WHERE id = 2",
	  "(its parent is none)" },
	{ "UPDATE mailbox SET name = 'Inbox' WHERE id = 1",
	  "there is no INBOX" },
	{ "UPDATE mailbox SET name = 'inbox' WHERE id = 2",
	  "another spelling of INBOX" },
	{ "UPDATE mailbox SET name = 'a/b' WHERE id = 2",
	  "mailbox 2: \"a/b\" is not a valid name" },
	{ "UPDATE mailbox SET name = '..' WHERE id = 3",
	  "\"..\" is not a valid name" },
	{ "UPDATE subscription SET name = 'x//y'", "subscription 0: \"x//y\"" },
	{ "UPDATE keyword SET name = 'a b' WHERE number = 5",
	  "keyword 5: \"a b\"" },
	{ "UPDATE keyword SET number = 99 WHERE number = 64",
	  "65 keywords have numbers up to 99" },
	{ "DELETE FROM mailbox WHERE id = 0", "no row 0" },
	{ "UPDATE mailbox SET noselect = 1 WHERE id = 3",
	  "is \\Noselect, but has messages" },
	/* What belongs to what. */
	{ "DELETE FROM mailbox WHERE id = 3", "rows in message" },
	{ "DELETE FROM mailbox WHERE id = 3", "rows in attribute" },
	{ "UPDATE attribute SET mailbox_id = 9", "mailbox 9: is gone" },
	{ "UPDATE expunged SET mailbox_id = 0",
	  "the root of the tree has rows in expunged" },
	{ "DELETE FROM message WHERE mailbox_id = 1 AND uid = 2",
	  "UID 2: is gone, but has a row in keyword_more" },
	{ "DELETE FROM message WHERE mailbox_id = 1 AND uid = 2",
	  "UID 2: is gone, but has a row in pop3" },
	{ "UPDATE entry_name SET uid = 77", "UID 77: is gone" },
	{ "UPDATE entry_name SET name = x'612f62'", "is not a valid name" },
	{ "UPDATE entry_name SET name = x'610062'", "is not a valid name" },
	{ "UPDATE message SET flags = 128 WHERE uid = 3",
	  "UID 3: unknown bits in its flags 128" },
	{ "UPDATE message SET keywords = 1 << 63 WHERE uid = 3",
	  "UID 3: bits of no keyword" },
	{ "DELETE FROM keyword WHERE number = 1", "UID 2: bits of no keyword" },
	{ "UPDATE keyword_more SET number = 65", "there is no keyword 65" },
	{ "UPDATE message SET flags = flags | 32 WHERE uid = 3",
	  "UID 3: its flags say that it has rows in keyword_more" },
	{ "UPDATE message SET flags = 0 WHERE uid = 2",
	  "UID 2: its flags say that it has no rows in keyword_more" },
	{ "DELETE FROM pop3", "it has a row in pop3" },
	/* The journal. */
	{ "UPDATE expunged SET uid_hi = 5", "but one is there" },
	{ "UPDATE expunged SET uid_lo = 90, uid_hi = 95", "UIDNEXT is 6" },
	{ "INSERT INTO expunged VALUES (1, 1, 4, 4)",
	  "UID 4 is in the journal more than once" },
	/* Bodies. */
	{ "DELETE FROM body WHERE id = 3", "UID 3: its body 3 is gone" },
	{ "UPDATE message SET vsize = 9 WHERE uid = 3",
	  "UID 3: has 9 octets, but its body 8" },
	{ "UPDATE body_shared SET refs = 3", "body 1: has 2 messages" },
	{ "DELETE FROM body_shared", "body 1: has 2 messages, but counts 1" },
	{ "INSERT INTO body_shared VALUES (3, 2)",
	  "body 3: has 1 messages, but counts 2" },
	{ "INSERT INTO body_shared VALUES (77, 2)",
	  "body 77: has no message, but counts 2" },
	{ "DELETE FROM body_free", "body 4: has no message and does not wait" },
	{ "INSERT INTO body_free VALUES (3, 0)",
	  "body 3: waits to be freed, but has a message" },
	{ "INSERT INTO body_free VALUES (99, 0)",
	  "body 99: waits to be freed, but is gone" },
	{ "DELETE FROM body_chunk WHERE n = 1",
	  "body 5: has 1 chunks up to number 2 instead of 2" },
	{ "UPDATE body_chunk SET n = 7 WHERE n = 2",
	  "has 2 chunks up to number 7" },
	{ "UPDATE body_chunk SET body_id = 66",
	  "body 66: is gone, but has 2 chunks" },
	{ "UPDATE body SET sum = sum + 1 WHERE id = 3", "body 3: " },
	{ "UPDATE body SET data = x'0102' WHERE id = 3", "body 3: " },
	{ "UPDATE body SET data = x'' WHERE id = 3", "body 3: " },
	{ "UPDATE body SET vsize = 9000000000 WHERE id = 3", "body 3: " },
	{ "DELETE FROM body_eol", "line ends of kind 2, with 0 rows" },
	{ "UPDATE body_eol SET n = 1", "with 1 rows up to number 1" },
	{ "UPDATE body_eol SET body_id = 88",
	  "body 88: is gone, but has 1 rows in body_eol" },
	{ "UPDATE body SET eol = 0 WHERE id = 3",
	  "body 3: has line ends of kind 0, with 1 rows" },
	{ "UPDATE body SET eol = 3 WHERE id = 1", "line ends of kind 3" },
	{ "UPDATE body_eol SET runs = x'0102'",
	  "body 3 is damaged (its line ends" },
	{ "UPDATE body_eol SET runs = x'01'",
	  "body 3 is damaged (its line ends" },
	{ "UPDATE message SET psize = 99 WHERE uid = 3",
	  "UID 3: cannot have 99 octets as a file" },
	{ "UPDATE body SET eol = 1 WHERE id = 2",
	  "UID 2: cannot have 6 octets as a file" },
	/* The schema. */
	{ "CREATE TABLE notes (x)", "the table notes is unknown" },
	{ "CREATE INDEX extra ON message (date)",
	  "the index extra is unknown" },
	{ "DROP INDEX body_free_since",
	  "the index body_free_since is missing" },
	{ "DROP TABLE pop3", "the table pop3 is missing" },
	{ "DROP TABLE body", "the table body is missing" },
	{ "DROP TABLE mailbox", "the table mailbox is missing" },
	{ "CREATE TRIGGER t AFTER DELETE ON message BEGIN SELECT 1; END",
	  "the trigger t is unknown" },
};

START_TEST(every_damage_is_found)
{
	t_sql(st, "PRAGMA ignore_check_constraints = ON");
	t_sql(st, damages[_i].sql);
	finds(damages[_i].words);
}
END_TEST

START_TEST(a_mailbox_may_have_its_name_twice)
{
	/* As a damaged index would let it happen. */
	t_sql(st, "ALTER TABLE mailbox RENAME TO old");
	t_sql(st, "CREATE TABLE mailbox AS SELECT * FROM old");
	t_sql(st, "UPDATE mailbox SET name = 'INBOX', parent_id = 0"
		  " WHERE id = 2");
	finds("mailbox 1: 2 mailboxes below 0 have its name");
}
END_TEST

START_TEST(a_rotten_body_is_one_problem)
{
	struct sqb_body_reader *r;
	uint64_t problems;
	char *all;

	t_damage(st, "body", "data", 2, 5);
	all = check(st, &problems);
	ck_assert_uint_eq(problems, 1);
	ck_assert_ptr_nonnull(strstr(all, "body 2: "));
	free(all);
	t_ok(st, sqb_body_open(st, T_INBOX, 1, &r));
	sqb_body_close(&r);
}
END_TEST

START_TEST(a_chunk_may_rot_too)
{
	t_damage(st, "body_chunk", "data", 2, 100000);
	finds("body 5: ");
}
END_TEST

START_TEST(a_name_may_get_too_long)
{
	char *sql = sqb_xasprintf(
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1"
		" FROM n WHERE i < 20)"
		" INSERT INTO mailbox (id, parent_id, name, guid, noselect,"
		"  uidvalidity, highestmodseq)"
		" SELECT i + 100, CASE i WHEN 1 THEN 0 ELSE i + 99 END,"
		"  substr(hex(zeroblob(128)), 1, 255), zeroblob(16), 1, 1, 1"
		" FROM n");

	t_sql(st, sql);
	t_sql(st, "UPDATE mailbox SET next_id = 1000 WHERE id = 0");
	finds("mailbox 117: its full name has 4351 octets");
	free(sql);
}
END_TEST

/* Overwrite pages of the closed store.db with noise. */
static void smash(const char *dir, unsigned int seed)
{
	char *path = sqb_xasprintf("%s/store.db", dir), *noise;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	off_t pages;
	int i;

	ck_assert_int_ge(fd, 0);
	pages = lseek(fd, 0, SEEK_END) / 4096;
	srandom(seed);
	for (i = 0; i < 3; i++) {
		off_t at =
			4096 * (1 + random() % (pages - 1)) + random() % 4000;
		size_t size = 1 + (size_t)(random() % 96);

		noise = t_noise(size, seed + (unsigned int)i);
		ck_assert_int_eq(pwrite(fd, noise, size, at), (ssize_t)size);
		free(noise);
	}
	ck_assert_int_eq(close(fd), 0);
	free(path);
}

/* Whatever it says: it ends, and nothing crashes. */
START_TEST(any_damage_of_the_file_is_survived)
{
	char *dir = sqb_xstrdup(sqb_store_dir(st)), *error = NULL;
	uint64_t problems;

	sqb_store_close(&st);
	smash(dir, (unsigned int)_i);
	if (sqb_store_open(dir, 0, &st, &error) == SQB_OK) {
		free(check(st, &problems));
		sqb_store_close(&st);
	}
	free(error);
	t_dir_remove(dir);
	free(dir);
}
END_TEST

/*
 * Pages that all point to the same next one would be walked 300^9 times.  The
 * store's own tables cannot be made so by SQL; an interior page can.
 */
START_TEST(pages_in_circles_do_not_keep_it_from_ending)
{
	char *dir = sqb_xstrdup(sqb_store_dir(st)), *error = NULL, *path;
	int64_t root, i;
	uint8_t page[4096];
	uint64_t problems;
	char *all;
	int fd;

	t_ok(st, sqb_txn_begin(st));
	for (i = 0; i < 20; i++) {
		char *sql = sqb_xasprintf(
			"INSERT INTO subscription VALUES (hex(zeroblob(%d)))",
			(int)(700 + i));

		t_sql(st, sql);
		free(sql);
	}
	t_ok(st, sqb_txn_commit(st));
	root = t_sql_int(st, "SELECT rootpage FROM sqlite_schema"
			     " WHERE name = 'subscription'");
	sqb_store_close(&st);
	path = sqb_xasprintf("%s/store.db", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(pread(fd, page, sizeof(page), (root - 1) * 4096),
			 4096);
	ck_assert_int_eq(page[0], 2); /* interior page of an index tree */
	/* Its rightmost child shall be itself. */
	page[8] = 0;
	page[9] = 0;
	page[10] = (uint8_t)(root >> 8);
	page[11] = (uint8_t)root;
	ck_assert_int_eq(pwrite(fd, page, sizeof(page), (root - 1) * 4096),
			 4096);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(sqb_store_open(dir, 0, &st, &error), SQB_OK);
	all = check(st, &problems);
	ck_assert_uint_gt(problems, 0);
	free(all);
	sqb_store_close(&st);
	t_dir_remove(dir);
	free(path);
	free(dir);
}
END_TEST

/* Writes of all kinds, until told to end. */
static void write_in_peer(int fd, const char *dir)
{
	struct sqb_store *peer = t_store_open_in(dir);
	struct sqb_flag_change seen = { .add = SQB_SEEN };
	struct sqb_message msg;
	uint32_t uid, copy;

	t_tell(fd, 'r');
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	do {
		uid = t_append(peer, T_INBOX, "a: b\r\n\r\n", 8);
		t_ok(peer, sqb_message_get(peer, T_INBOX, uid, &msg));
		t_ok(peer, sqb_txn_begin(peer));
		t_ok(peer, sqb_message_copy(peer, &msg, T_INBOX, NULL, &copy));
		t_ok(peer, sqb_message_change_flags(peer, T_INBOX, uid, uid,
						    &seen, NULL));
		t_ok(peer, sqb_message_expunge(peer, T_INBOX, uid - 10, uid - 5,
					       NULL));
		t_ok(peer, sqb_txn_commit(peer));
		if (uid % 7 == 0)
			t_ok(peer, sqb_purge(peer, 0, 0, NULL));
		t_ok(peer, sqb_checkpoint_if_due(peer));
	} while (read(fd, &msg, 1) < 0 && errno == EAGAIN);
	sqb_store_close(&peer);
}

START_TEST(others_may_go_on_writing)
{
	char *dir = t_dir();
	struct t_peer peer = t_peer_start(write_in_peer, dir);
	int i;

	ck_assert_int_eq(t_hear(peer.fd), 'r');
	st = t_store_open_in(dir);
	for (i = 0; i < 30; i++)
		is_sound();
	t_tell(peer.fd, 'e');
	t_peer_end(&peer);
	t_store_close(&st);
	free(dir);
}
END_TEST

#define COUNT(cases) ((int)(sizeof(cases) / sizeof(*(cases))))
#define SMASHES 40

static TCase *new_case(Suite *suite, const char *name, void (*end)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, end);
	suite_add_tcase(suite, tc);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("check");
	TCase *tc = new_case(suite, "sound", teardown);

	tcase_add_test(tc, a_sound_store_has_no_problems);
	tcase_add_test(tc, a_new_store_has_no_problems);
	tcase_add_test(tc, the_phases_come_in_order);
	tcase_add_test(tc, a_check_may_be_given_up);

	tc = new_case(suite, "damaged", teardown_damaged);
	tcase_add_loop_test(tc, every_damage_is_found, 0, COUNT(damages));
	tcase_add_test(tc, a_mailbox_may_have_its_name_twice);
	tcase_add_test(tc, a_rotten_body_is_one_problem);
	tcase_add_test(tc, a_chunk_may_rot_too);
	tcase_add_test(tc, a_name_may_get_too_long);

	tc = new_case(suite, "smashed", teardown);
	tcase_add_loop_test(tc, any_damage_of_the_file_is_survived, 0,
			    (int)t_rounds(SMASHES));
	tcase_add_test(tc, pages_in_circles_do_not_keep_it_from_ending);

	tc = tcase_create("processes");
	tcase_add_test(tc, others_may_go_on_writing);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
