/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Passes of a replica's sync with a server that follows a script: refusals, and
 * lies.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/txn.h"
#include "fuse/remote/bodies.h"
#include "fuse/remote/pull.h"
#include "fuse/remote/sync.h"
#include "tests/fake-imap.h"
#include "tests/support.h"

static const char mail[] = "Subject: x\r\n\r\nbody\r\n"; /* 20 octets */

#define RICH \
	"ENABLE QRESYNC CONDSTORE UIDPLUS MOVE ESEARCH LIST-EXTENDED " \
	"LIST-STATUS LITERAL+"

static struct sqb_store *st;
static struct rem_options opts;
static struct rem_sync sync;
static struct fake_imap *fake;
static struct fake_options fake_options;

static struct sqb_store *lock_store(void *ctx)
{
	return ctx;
}

static void unlock_store(void *ctx)
{
	(void)ctx;
}

static enum sqb_err begin(void *ctx, struct sqb_store *store)
{
	(void)ctx;
	return sqb_txn_begin(store);
}

static enum sqb_err finish(void *ctx, struct sqb_store *store, enum sqb_err err)
{
	(void)ctx;
	if (err == SQB_OK)
		return sqb_txn_commit(store);
	sqb_txn_rollback(store);
	return err;
}

static enum imap_err connect_fake(void *ctx, struct imap_wake *wake,
				  struct imap_transport **transport_r,
				  char **why_r)
{
	(void)ctx;
	(void)wake;
	(void)why_r;
	*transport_r = fake_transport(fake);
	return IMAP_OK;
}

static void setup(void)
{
	char *error = NULL;

	st = t_store_open();
	opts = (struct rem_options){
		.dir = sqb_store_dir(st),
		.account = "imap://a@b",
		.store = { lock_store, unlock_store, begin, finish, st },
		.connect = { connect_fake, NULL },
	};
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_remote_account_set(st, opts.account));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_eq(rem_sync_init(&sync, &opts, &error), SQB_OK);
}

static void teardown(void)
{
	rem_sync_deinit(&sync);
	t_store_close(&st);
}

/* One connection and its pass. */
static bool pass(fake_script *script)
{
	bool ok;

	fake = fake_start(script, NULL, &fake_options);
	ok = rem_pass(&sync);
	rem_disconnect(&sync);
	(void)fake_end(&fake);
	return ok;
}

static void flags(uint32_t uid, unsigned int add, const char *keyword)
{
	struct sqb_flag_change change = { .add = add };
	uint32_t n;

	t_ok(st, sqb_txn_begin(st));
	if (keyword != NULL) {
		t_ok(st, sqb_keyword_number(st, keyword, true, &n));
		change.add_keywords.mask = UINT64_C(1) << n;
	}
	t_ok(st,
	     sqb_message_change_flags(st, T_INBOX, uid, uid, &change, NULL));
	t_ok(st, sqb_txn_commit(st));
}

static uint32_t append(void)
{
	struct sqb_body_writer *w = t_body(st, mail, strlen(mail));
	struct sqb_message_new args = { .date = T_DATE };
	uint32_t uid = 0;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_append(st, T_INBOX, w, &args, &uid));
	t_ok(st, sqb_txn_commit(st));
	sqb_body_writer_free(&w);
	return uid;
}

static uint32_t messages(void)
{
	struct sqb_mailbox_status status;

	t_ok(st, sqb_mailbox_status(st, T_INBOX, &status));
	return status.messages;
}

static bool has_keyword(uint32_t uid, const char *name)
{
	struct sqb_message msg;
	uint32_t n;

	t_ok(st, sqb_message_get(st, T_INBOX, uid, &msg));
	t_ok(st, sqb_keyword_number(st, name, false, &n));
	return (msg.keywords.mask >> n & 1) != 0;
}

/* What is said of INBOX; status as in STATUS. */
static void list(struct fake_imap *f, const char *status)
{
	char *text = sqb_xasprintf("* LIST () \"/\" INBOX\r\n"
				   "* STATUS INBOX (%s)\r\n"
				   "%%1 OK\r\n",
				   status);

	fake_expect(f, "%1 LIST *");
	fake_say(f, text);
	free(text);
}

static void select_inbox(struct fake_imap *f, const char *select,
			 const char *fetch)
{
	fake_expect(f, "%1 SELECT INBOX *");
	fake_expect(f, "%2 UID FETCH *");
	fake_say(f, select);
	fake_say(f, "%1 OK\r\n");
	fake_say(f, fetch);
	fake_say(f, "%2 OK\r\n");
}

static void bye(struct fake_imap *f)
{
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "* BYE\r\n%1 OK\r\n");
}

#define STATUS_1 "MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7 HIGHESTMODSEQ 10"
#define SELECT_1 \
	"* 1 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 2]\r\n" \
	"* OK [HIGHESTMODSEQ 10]\r\n"
#define FLAGS_FEW "* OK [PERMANENTFLAGS (\\Seen \\Flagged)]\r\n"
#define FLAGS_ANY "* OK [PERMANENTFLAGS (\\Seen \\*)]\r\n"
#define FETCH_1 \
	"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 20 INTERNALDATE " \
	"\"01-Mar-2024 12:00:01 +0000\")\r\n"

static void first(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	list(f, STATUS_1);
	select_inbox(f, SELECT_1 FLAGS_FEW, FETCH_1);
	bye(f);
}

static void nothing(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	list(f, STATUS_1);
	bye(f);
}

/* \Seen is kept there, the keyword is not, and nothing more is said of it. */
static void store_seen(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	list(f, STATUS_1);
	fake_expect(f, "%1 SELECT INBOX (CONDSTORE)");
	fake_say(f, SELECT_1 FLAGS_FEW "%1 OK\r\n");
	fake_expect(f, "%1 UID STORE 1 +FLAGS (\\Seen)");
	fake_say(f, "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n%1 OK\r\n");
	list(f, STATUS_1);
	bye(f);
}

START_TEST(a_keyword_that_the_server_does_not_keep_stays_here)
{
	ck_assert(pass(first));
	flags(1, SQB_SEEN, "mine");
	ck_assert(pass(store_seen));
	ck_assert(has_keyword(1, "mine"));
	ck_assert(pass(nothing));
	ck_assert(has_keyword(1, "mine"));
}
END_TEST

/* Any keyword is welcome, and then it is not there. */
static void store_lost(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	list(f, STATUS_1);
	fake_expect(f, "%1 SELECT INBOX (CONDSTORE)");
	fake_say(f, SELECT_1 FLAGS_ANY "%1 OK\r\n");
	fake_expect(f, "%1 UID STORE 1 +FLAGS (mine)");
	fake_say(f, "* 1 FETCH (UID 1 FLAGS ())\r\n%1 OK\r\n");
	list(f, STATUS_1);
	bye(f);
}

START_TEST(a_keyword_that_the_server_forgets_stays_here)
{
	ck_assert(pass(first));
	flags(1, 0, "mine");
	ck_assert(pass(store_lost));
	ck_assert(has_keyword(1, "mine"));
	ck_assert(pass(nothing));
	ck_assert(has_keyword(1, "mine"));
}
END_TEST

/* All is gone, says VANISHED; not so, says the list of UIDs. */
static void vanish(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	list(f, "MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7 HIGHESTMODSEQ 11");
	select_inbox(f,
		     SELECT_1 "* OK [HIGHESTMODSEQ 11]\r\n"
			      "* VANISHED (EARLIER) 1:5\r\n",
		     "");
	fake_expect(f, "%1 UID SEARCH RETURN (ALL) ALL");
	fake_say(f, "* ESEARCH (TAG \"x\") UID\r\n%1 OK\r\n");
	fake_expect(f, "%1 UID SEARCH RETURN (ALL) ALL");
	fake_say(f, "* ESEARCH (TAG \"x\") UID ALL 1\r\n%1 OK\r\n");
	bye(f);
}

START_TEST(all_are_gone_only_if_it_is_said_twice)
{
	ck_assert(pass(first));
	ck_assert(pass(vanish));
	ck_assert_uint_eq(messages(), 1);
}
END_TEST

/* What nobody asked for, and what cannot be. */
static void lie(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	fake_expect(f, "%1 LIST *");
	fake_say(f, "* VANISHED 1:4294967295\r\n* 9 EXPUNGE\r\n"
		    "* LIST () \"/\" INBOX\r\n"
		    "* LIST () \"/\" \"..\"\r\n"
		    "* LIST () \"/\" \"../../etc\"\r\n"
		    "* LIST () \"/\" {3}\r\na\nb\r\n"
		    "* LIST () \"/\" INBOX\r\n"
		    "* LIST () \"/\" \"\"\r\n"
		    "* STATUS nowhere (UIDVALIDITY 3)\r\n"
		    "* STATUS INBOX (UIDVALIDITY 0 UIDNEXT 0)\r\n"
		    "* 1 FETCH (FLAGS (\\Seen))\r\n"
		    "%1 OK\r\n");
	fake_expect(f, "%1 SELECT INBOX *");
	fake_expect(f, "%2 UID FETCH *");
	fake_say(f, SELECT_1 "%1 OK\r\n"
			     "* 1 FETCH (FLAGS (\\Seen) RFC822.SIZE 20)\r\n"
			     "* 1 FETCH (UID 0 FLAGS () RFC822.SIZE 20)\r\n");
	fake_say(f, FETCH_1 FETCH_1);
	fake_say(f, "* 3 FETCH (UID 9 FLAGS (a b \\* \\Odd) "
		    "RFC822.SIZE 99999999999999)\r\n"
		    "* 2 FETCH (UID 5 FLAGS ())\r\n"
		    "* SEARCH 1 2 3\r\n* FLAGS ()\r\n"
		    "%2 OK\r\n");
	fake_say(f, "* BYE\r\n");
}

START_TEST(lies_do_no_harm)
{
	struct sqb_mailbox_id id;
	struct sqb_message msg;

	ck_assert(!pass(lie));
	ck_assert_uint_eq(messages(), 2);
	t_ok(st, sqb_message_get(st, T_INBOX, 1, &msg));
	ck_assert_uint_eq(msg.flags, 0);
	t_fails(sqb_mailbox_find(st, "..", &id), SQB_NOTFOUND);
	t_fails(sqb_mailbox_find(st, "nowhere", &id), SQB_NOTFOUND);
}
END_TEST

/* The server's state is older: UID 1 is there, 2 is not any more. */
static void restored(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	list(f, STATUS_1);
	select_inbox(f, SELECT_1 FLAGS_ANY, "");
	fake_expect(f, "%1 UID FETCH 1:* *");
	fake_say(f, FETCH_1 "%1 OK\r\n");
	/* As large and as old as what we sent: is it that? */
	fake_expect(f, "%1 UID FETCH 1 (UID BODY.PEEK[HEADER])");
	fake_say(f, "* 1 FETCH (UID 1 BODY[HEADER] {14}\r\nSubject: y\r\n\r\n)"
		    "\r\n%1 OK\r\n");
	fake_expect(f, "%1 APPEND INBOX () *");
	fake_hear_octets(f, strlen(mail));
	fake_expect(f, "");
	fake_say(f, "%1 OK [APPENDUID 7 2]\r\n");
	list(f, "MESSAGES 2 UIDNEXT 3 UIDVALIDITY 7 HIGHESTMODSEQ 11");
	select_inbox(f,
		     "* 2 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n"
		     "* OK [UIDNEXT 3]\r\n* OK [HIGHESTMODSEQ 11]\r\n",
		     "* 2 FETCH (UID 2 FLAGS () RFC822.SIZE 20)\r\n");
	bye(f);
}

static void sent_before(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	list(f, STATUS_1);
	fake_expect(f, "%1 SELECT INBOX (CONDSTORE)");
	fake_say(f, SELECT_1 FLAGS_ANY "%1 OK\r\n");
	fake_expect(f, "%1 APPEND INBOX () *");
	fake_hear_octets(f, strlen(mail));
	fake_expect(f, "");
	fake_say(f, "%1 OK [APPENDUID 7 2]\r\n");
	list(f, "MESSAGES 2 UIDNEXT 3 UIDVALIDITY 7 HIGHESTMODSEQ 11");
	select_inbox(f,
		     "* 2 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n"
		     "* OK [UIDNEXT 3]\r\n* OK [HIGHESTMODSEQ 11]\r\n",
		     "* 2 FETCH (UID 2 FLAGS () RFC822.SIZE 20)\r\n");
	bye(f);
}

START_TEST(what_a_restored_server_has_lost_is_sent_again)
{
	ck_assert(pass(first));
	(void)append();
	ck_assert(pass(sent_before));
	ck_assert(pass(restored));
	ck_assert_uint_eq(messages(), 2);
}
END_TEST

/* Expunged by another before we have seen it: nobody says that it is gone. */
static void sent_and_gone(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	list(f, STATUS_1);
	fake_expect(f, "%1 SELECT INBOX (CONDSTORE)");
	fake_say(f, SELECT_1 FLAGS_ANY "%1 OK\r\n");
	fake_expect(f, "%1 APPEND INBOX () *");
	fake_hear_octets(f, strlen(mail));
	fake_expect(f, "");
	fake_say(f, "%1 OK [APPENDUID 7 2]\r\n");
	list(f, "MESSAGES 1 UIDNEXT 3 UIDVALIDITY 7 HIGHESTMODSEQ 12");
	select_inbox(f,
		     "* 1 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n"
		     "* OK [UIDNEXT 3]\r\n* OK [HIGHESTMODSEQ 12]\r\n",
		     "");
	bye(f);
}

START_TEST(what_was_expunged_before_it_was_seen_goes)
{
	ck_assert(pass(first));
	(void)append();
	ck_assert(pass(sent_and_gone));
	ck_assert_uint_eq(messages(), 1);
}
END_TEST

static void refuse(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	list(f, STATUS_1);
	fake_expect(f, "%1 SELECT INBOX (CONDSTORE)");
	fake_say(f, SELECT_1 FLAGS_ANY "%1 OK\r\n");
	fake_expect(f, "%1 APPEND INBOX () *");
	fake_hear_octets(f, strlen(mail));
	fake_expect(f, "");
	fake_say(f, "%1 NO [OVERQUOTA] full\r\n");
	bye(f);
}

START_TEST(what_is_refused_stays_and_says_why)
{
	struct sqb_remote_message row;
	uint32_t uid;

	ck_assert(pass(first));
	uid = append();
	ck_assert(pass(refuse));
	ck_assert_uint_eq(sync.refused, 1);
	t_ok(st, sqb_remote_message_get(st, T_INBOX, uid, &row));
	ck_assert_int_eq(row.state, SQB_REMOTE_REFUSED);
	ck_assert_ptr_nonnull(strstr(row.error, "full"));
	ck_assert(pass(nothing));
	ck_assert_uint_eq(messages(), 2);
}
END_TEST

static void end_early(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	fake_expect(f, "%1 LIST *");
	fake_say(f, "* LIST () \"/\" other\r\n* BYE tired\r\n");
}

START_TEST(half_a_list_is_none)
{
	struct sqb_mailbox_id id;

	ck_assert(pass(first));
	ck_assert(!pass(end_early));
	ck_assert_int_eq(sync.failure, REM_NET);
	ck_assert_ptr_nonnull(strstr(sync.why, "tired"));
	t_fails(sqb_mailbox_find(st, "other", &id), SQB_NOTFOUND);
	ck_assert_uint_eq(messages(), 1);
}
END_TEST

/* The message that had this UID when INBOX was selected. */
#define FETCH_OTHER(uid) \
	"* 1 FETCH (UID " uid \
	" BODY[] {20}\r\nSubject: y\r\n\r\nBODY\r\n)\r\n" \
	"%1 OK\r\n"

static void fetch_other(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	fake_expect(f, "%1 SELECT INBOX *");
	fake_say(f, SELECT_1 FLAGS_ANY "%1 OK\r\n");
	fake_expect(f, "%1 UID FETCH 5 (UID BODY.PEEK[])");
	fake_say(f, FETCH_OTHER("5"));
	bye(f);
}

static void fetch_other_twice(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, RICH);
	fake_expect(f, "%1 SELECT INBOX *");
	fake_say(f, SELECT_1 FLAGS_ANY "%1 OK\r\n");
	for (int i = 0; i < 2; i++) {
		fake_expect(f, "%1 UID FETCH 1 (UID BODY.PEEK[])");
		fake_say(f, FETCH_OTHER("1"));
	}
	bye(f);
}

/* Another connection has found a UIDVALIDITY, and what UIDs mean there. */
static void rebuild(const struct rem_box *box, uint32_t uidvalidity)
{
	struct sqb_remote_mailbox row = box->row;
	struct sqb_remote_message msg;

	row.uidvalidity = uidvalidity;
	t_ok(st, sqb_remote_message_get(st, T_INBOX, 1, &msg));
	msg.remote_uid = 5;
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_remote_mailbox_set(st, &row));
	t_ok(st, sqb_remote_message_set(st, T_INBOX, &msg));
	t_ok(st, sqb_txn_commit(st));
}

/* By what is read first: the UIDs, or what they mean now. */
START_TEST(a_body_of_another_uidvalidity_is_not_taken)
{
	struct rem_wanted wanted[REM_WANTED_MAX];
	struct sqb_mailbox_id from;
	struct sqb_body_reader *r;
	struct rem_box *box;
	size_t count;

	ck_assert(pass(first));
	fake = fake_start(_i == 0 ? fetch_other : fetch_other_twice, NULL,
			  &fake_options);
	ck_assert(rem_connect(&sync));
	t_ok(sync.st, rem_boxes_load(sync.st, &sync.boxes));
	box = rem_box_by_id(&sync.boxes, T_INBOX);
	ck_assert(rem_select(&sync, box));
	if (_i == 0)
		rebuild(box, 8);
	ck_assert(rem_next_absent(&sync, INT64_MIN, &from, wanted, &count));
	ck_assert_uint_eq(count, 1);
	if (_i == 1)
		rebuild(box, 7);
	ck_assert(rem_fetch_bodies(&sync, from, wanted, count) == (_i == 1));
	ck_assert_int_eq(sync.failure, _i == 1 ? REM_NO_FAILURE : REM_NET);
	t_fails(sqb_body_open(st, T_INBOX, 1, &r), SQB_ABSENT);
	rem_disconnect(&sync);
	(void)fake_end(&fake);
}
END_TEST

/* Octets that are said in the first pass, and more. */
#define CUT_END 1200

/* The first pass, cut after so many octets that were said; then a good one. */
START_TEST(cut_anywhere_it_goes_on)
{
	size_t cut, step = CUT_END / t_rounds(30);

	for (cut = 1; cut < CUT_END; cut += step) {
		setup();
		fake_options = (struct fake_options){ .cut_said = cut + 1 };
		(void)pass(first);
		fake_options = (struct fake_options){ 0 };
		fake = NULL;
		if (messages() == 0 || sync.boxes.count == 0 ||
		    sync.boxes.list[0]->row.highestmodseq == 0)
			ck_assert(pass(first));
		ck_assert_uint_eq(messages(), 1);
		teardown();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("remote-pass");
	TCase *tc = tcase_create("scripts"), *cut = tcase_create("cut");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_keyword_that_the_server_does_not_keep_stays_here);
	tcase_add_test(tc, a_keyword_that_the_server_forgets_stays_here);
	tcase_add_test(tc, all_are_gone_only_if_it_is_said_twice);
	tcase_add_test(tc, lies_do_no_harm);
	tcase_add_test(tc, what_a_restored_server_has_lost_is_sent_again);
	tcase_add_test(tc, what_was_expunged_before_it_was_seen_goes);
	tcase_add_test(tc, what_is_refused_stays_and_says_why);
	tcase_add_test(tc, half_a_list_is_none);
	tcase_add_loop_test(tc, a_body_of_another_uidvalidity_is_not_taken, 0,
			    2);
	suite_add_tcase(suite, tc);
	tcase_add_test(cut, cut_anywhere_it_goes_on);
	suite_add_tcase(suite, cut);
	return t_run(suite);
}
