/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * What a replica knows of its account, and what differs from it.
 */
#include "tests/fixture-remote.h"

static void replica_setup(void)
{
	setup();
	be_replica();
}

START_TEST(a_store_is_the_replica_of_one_account)
{
	char *url;

	t_fails(sqb_remote_account_get(st, &url), SQB_NOTFOUND);
	be_replica();
	t_ok(st, sqb_remote_account_get(st, &url));
	ck_assert_str_eq(url, ACCOUNT);
	free(url);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_remote_account_set(st, ACCOUNT));
	t_fails(sqb_remote_account_set(st, "imap://else"), SQB_EXISTS);
	t_says(st, "is the replica of " ACCOUNT);
	sqb_txn_rollback(st);
}
END_TEST

START_TEST(a_store_with_mail_of_its_own_is_none)
{
	(void)append(T_INBOX, NULL);
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_remote_account_set(st, ACCOUNT), SQB_EXISTS);
	t_says(st, "holds mail of its own");
	sqb_txn_rollback(st);
}
END_TEST

START_TEST(mailboxes_are_walked_as_they_were_set)
{
	struct sqb_remote_mailbox want = {
		.id = other,
		.name = "a\xff&-/\"\n",
		.path = "box/other",
		.mailboxid = "M1",
		.subscribed = true,
		.uidvalidity = UINT32_MAX,
		.uidnext = UINT32_MAX,
		.highestmodseq = INT64_MAX,
		.pushed = 7,
	};
	struct sqb_remote_mailbox_iter *it;
	struct sqb_remote_mailbox got;

	set_mailbox(other, "before");
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_remote_mailbox_set(st, &want));
	t_ok(st, sqb_txn_commit(st));
	it = sqb_remote_mailbox_iter_begin(st);
	ck_assert(sqb_remote_mailbox_iter_next(it, &got));
	ck_assert_str_eq(got.name, "INBOX");
	ck_assert_str_eq(got.mailboxid, "");
	ck_assert(sqb_remote_mailbox_iter_next(it, &got));
	ck_assert_int_eq(got.id.n, other.n);
	ck_assert_str_eq(got.name, want.name);
	ck_assert_str_eq(got.path, want.path);
	ck_assert_str_eq(got.mailboxid, want.mailboxid);
	ck_assert(got.subscribed);
	ck_assert_uint_eq(got.uidvalidity, want.uidvalidity);
	ck_assert_uint_eq(got.uidnext, want.uidnext);
	ck_assert_uint_eq(got.highestmodseq, want.highestmodseq);
	ck_assert_uint_eq(got.pushed, 7);
	ck_assert(!sqb_remote_mailbox_iter_next(it, &got));
	t_ok(st, sqb_remote_mailbox_iter_end(&it));
	is_sound();
}
END_TEST

START_TEST(a_mailbox_is_forgotten_with_its_messages)
{
	uint32_t more = 69;
	struct sqb_remote_message r;

	make_keywords();
	set_mailbox(other, "other");
	r = base(append(other, NULL), 5);
	r.body = get(other, 1).body;
	r.keywords.more = &more;
	r.keywords.more_count = 1;
	set_base(other, &r);
	is_sound();
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_remote_mailbox_forget(st, other));
	t_ok(st, sqb_txn_commit(st));
	t_fails(sqb_remote_message_get(st, other, 1, &r), SQB_NOTFOUND);
	is_sound();
}
END_TEST

START_TEST(messages_are_found_by_either_uid)
{
	uint32_t more[] = { 63, 69 };
	struct sqb_remote_message want = base(append(T_INBOX, NULL), 77), got;

	make_keywords();
	want.flags = SQB_SEEN | SQB_DRAFT;
	want.keywords.mask = 5;
	want.keywords.more = more;
	want.keywords.more_count = 2;
	set_base(T_INBOX, &want);
	t_ok(st, sqb_remote_message_get(st, T_INBOX, 1, &got));
	ck_assert_uint_eq(got.remote_uid, 77);
	ck_assert_int_eq(got.state, SQB_REMOTE_SYNCED);
	ck_assert_uint_eq(got.flags, want.flags);
	ck_assert_uint_eq(got.keywords.mask, 5);
	ck_assert_uint_eq(got.keywords.more_count, 2);
	ck_assert_uint_eq(got.keywords.more[1], 69);
	ck_assert_int_eq(got.body.n, want.body.n);
	ck_assert_ptr_null(got.error);
	t_ok(st, sqb_remote_message_find(st, T_INBOX, 77, &got));
	ck_assert_uint_eq(got.uid, 1);
	t_fails(sqb_remote_message_find(st, T_INBOX, 78, &got), SQB_NOTFOUND);
	t_fails(sqb_remote_message_find(st, other, 77, &got), SQB_NOTFOUND);
	is_sound();

	want.keywords.more_count = 0;
	set_base(T_INBOX, &want);
	t_ok(st, sqb_remote_message_get(st, T_INBOX, 1, &got));
	ck_assert_uint_eq(got.keywords.more_count, 0);
	is_sound();
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_remote_message_forget(st, T_INBOX, 1));
	t_ok(st, sqb_remote_message_forget(st, T_INBOX, 1));
	t_ok(st, sqb_txn_commit(st));
	t_fails(sqb_remote_message_get(st, T_INBOX, 1, &got), SQB_NOTFOUND);
}
END_TEST

START_TEST(two_messages_are_not_one_at_the_server)
{
	struct sqb_remote_message a = base(append(T_INBOX, NULL), 7),
				  b = base(append(T_INBOX, NULL), 7), got;

	set_base(T_INBOX, &a);
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_remote_message_set(st, T_INBOX, &b), SQB_EXISTS);
	t_says(st, "the server's UID 7");
	b.state = SQB_REMOTE_SENDING; /* only a lower bound */
	t_ok(st, sqb_remote_message_set(st, T_INBOX, &b));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_remote_message_find(st, T_INBOX, 7, &got));
	ck_assert_uint_eq(got.uid, 1);
	is_sound();
}
END_TEST

static const struct sqb_remote_message bad_messages[] = {
	{ .uid = 0, .remote_uid = 1 },
	{ .uid = 1, .remote_uid = 0 },
	{ .uid = 1, .remote_uid = 1, .flags = 32 },
	{ .uid = 1, .remote_uid = 1, .keywords.mask = 1 },
	{ .uid = 1, .remote_uid = 1, .state = SQB_REMOTE_REFUSED + 1 },
};

START_TEST(messages_that_cannot_be_are_refused)
{
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_remote_message_set(st, T_INBOX, &bad_messages[_i]),
		SQB_INVALID);
	sqb_txn_rollback(st);
}
END_TEST

/* The UIDs here that a walk has, as "1 2 3"; it is ended. */
static void walk_is(struct sqb_remote_message_iter *it, const char *want)
{
	struct sqb_remote_message r;
	char got[256] = "";
	size_t len = 0;

	while (sqb_remote_message_iter_next(it, &r))
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%u",
					len > 0 ? " " : "", r.uid);
	t_ok(st, sqb_remote_message_iter_end(&it));
	ck_assert_str_eq(got, want);
}

/* UIDs 1 to 5; at the server 50, 40, 30, 1 is SENDING, 4 REFUSED. */
static void five_messages(void)
{
	struct sqb_remote_message r;
	uint32_t uid;

	for (uid = 1; uid <= 5; uid++) {
		r = base(append(T_INBOX, NULL), 10 * (6 - uid));
		if (uid == 1)
			r.state = SQB_REMOTE_SENDING;
		if (uid == 4) {
			r.state = SQB_REMOTE_REFUSED;
			r.error = "[OVERQUOTA] no \xff room";
		}
		set_base(T_INBOX, &r);
	}
}

START_TEST(walks_have_their_order)
{
	five_messages();
	walk_is(sqb_remote_message_iter_begin(st, T_INBOX, 2, 4), "2 3 4");
	walk_is(sqb_remote_message_iter_begin(st, T_INBOX, 1, UINT32_MAX),
		"1 2 3 4 5");
	walk_is(sqb_remote_message_iter_begin_remote(st, T_INBOX), "5 3 2");
	walk_is(sqb_remote_message_iter_begin_state(st, T_INBOX,
						    SQB_REMOTE_SENDING),
		"1");
	walk_is(sqb_remote_message_iter_begin_state(st, other,
						    SQB_REMOTE_SENDING),
		"");
	is_sound();
}
END_TEST

static uint64_t last_modseq(void)
{
	uint64_t modseq;

	t_ok(st, sqb_last_modseq(st, &modseq));
	return modseq;
}

/* "1+" is new, "1*" has other flags, "1?" is SENDING; of a walk from since. */
static void changed_is(uint64_t since, const char *want)
{
	struct sqb_remote_changed_iter *it =
		sqb_remote_changed_iter_begin(st, T_INBOX, since);
	struct sqb_remote_message r;
	struct sqb_message msg;
	char got[256] = "";
	size_t len = 0;

	while (sqb_remote_changed_iter_next(it, &msg, &r)) {
		ck_assert(r.uid == 0 || r.uid == msg.uid);
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%u%s",
					len > 0 ? " " : "", msg.uid,
					r.uid == 0                      ? "+"
					: r.state == SQB_REMOTE_SENDING ? "?"
									: "*");
	}
	t_ok(st, sqb_remote_changed_iter_end(&it));
	ck_assert_str_eq(got, want);
}

static void change(uint32_t uid, unsigned int add,
		   const struct sqb_keywords *keywords)
{
	struct sqb_flag_change change = { .add = add };

	if (keywords != NULL)
		change.add_keywords = *keywords;
	t_ok(st, sqb_txn_begin(st));
	t_ok(st,
	     sqb_message_change_flags(st, T_INBOX, uid, uid, &change, NULL));
	t_ok(st, sqb_txn_commit(st));
}

START_TEST(what_differs_is_found)
{
	uint32_t more[] = { 65, 66 };
	struct sqb_keywords keywords = { .mask = 2 };
	struct sqb_remote_message r;
	uint64_t since;

	make_keywords();
	five_messages();
	changed_is(0, "1?");
	since = last_modseq();
	changed_is(since, "");
	change(2, SQB_SEEN, NULL);
	change(3, 0, &keywords);
	change(4, SQB_SEEN, NULL); /* refused */
	(void)append(T_INBOX, NULL);
	changed_is(since, "2* 3* 6+");
	changed_is(0, "1? 2* 3* 6+");
	changed_is(last_modseq(), "");

	/* The other way round, and keywords past the mask. */
	r = base(5, 10);
	r.flags = SQB_FLAGGED;
	r.keywords.more = more;
	r.keywords.more_count = 1;
	set_base(T_INBOX, &r);
	changed_is(0, "1? 2* 3* 5* 6+");
	change(5, SQB_FLAGGED, NULL);
	changed_is(0, "1? 2* 3* 5* 6+");
	change(5, 0, &r.keywords);
	changed_is(0, "1? 2* 3* 6+");
	r.keywords.more = more + 1;
	set_base(T_INBOX, &r);
	changed_is(0, "1? 2* 3* 5* 6+");
	r.keywords.more = more;
	r.keywords.more_count = 2;
	set_base(T_INBOX, &r);
	changed_is(0, "1? 2* 3* 5* 6+");
	is_sound();
}
END_TEST

static void gone_is(struct sqb_mailbox_id box, uint64_t since, const char *want)
{
	walk_is(sqb_remote_gone_iter_begin(st, box, since), want);
}

START_TEST(what_is_gone_is_found)
{
	uint64_t since;

	five_messages();
	gone_is(T_INBOX, 0, "");
	expunge(T_INBOX, 4);
	since = last_modseq();
	(void)append(T_INBOX, NULL);
	expunge(T_INBOX, 6); /* the server never knew */
	expunge(T_INBOX, 2);
	expunge(T_INBOX, 1);
	gone_is(T_INBOX, 0, "1 2 4");
	gone_is(T_INBOX, since, "1 2");
	gone_is(T_INBOX, last_modseq(), "");
	gone_is(T_INBOX, UINT64_MAX, "");

	/* Without a journal all are compared. */
	t_sql(st, "DELETE FROM expunged");
	t_sql(st, "UPDATE mailbox SET vanished_floor = highestmodseq"
		  " WHERE id = 1");
	gone_is(T_INBOX, since, "1 2 4");
	gone_is(T_INBOX, last_modseq(), "");
	is_sound();
}
END_TEST

START_TEST(a_deleted_mailbox_leaves_what_the_server_has)
{
	struct sqb_remote_message r;
	struct sqb_mailbox_id id;
	uint32_t uid;

	set_mailbox(other, "box/other");
	for (uid = 1; uid <= 2; uid++) {
		r = base(append(other, NULL), uid);
		r.body = get(other, uid).body;
		set_base(other, &r);
	}
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_delete(st, other));
	t_ok(st, sqb_txn_commit(st));
	gone_is(other, 0, "1 2");
	gone_is(other, last_modseq(), "1 2");
	is_sound();

	/* One that stays as \Noselect and comes back, too. */
	set_mailbox(T_INBOX, "x");
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_create(st, "a", NULL, &id));
	t_ok(st, sqb_mailbox_create(st, "a/b", NULL, &other));
	t_ok(st, sqb_txn_commit(st));
	set_mailbox(id, "a");
	(void)append(id, NULL);
	r.uid = 1;
	r.body = get(id, 1).body;
	set_base(id, &r);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_delete(st, id));
	t_ok(st, sqb_mailbox_create(st, "a", NULL, &other));
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_eq(other.n, id.n);
	(void)append(id, NULL);
	gone_is(id, 1, "1");
	is_sound();
}
END_TEST

START_TEST(inbox_renamed_takes_its_rows_along)
{
	struct sqb_remote_message r = base(append(T_INBOX, NULL), 9);
	struct sqb_mailbox_id id;

	set_base(T_INBOX, &r);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_mailbox_rename(st, T_INBOX, "old"));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_mailbox_find(st, "old", &id));
	t_ok(st, sqb_remote_message_find(st, id, 9, &r));
	gone_is(id, 0, "");
	t_ok(st, sqb_mailbox_find(st, "INBOX", &id));
	t_fails(sqb_remote_message_find(st, id, 9, &r), SQB_NOTFOUND);
	is_sound();
}
END_TEST

START_TEST(a_body_is_found_where_it_can_be_moved_from)
{
	struct sqb_remote_message r = base(append(T_INBOX, NULL), 9);
	struct sqb_body_id body = r.body, none = { 1000 };
	struct sqb_mailbox_id box;
	uint32_t uid;
	bool gone;

	t_fails(sqb_remote_body_find(st, body, &box, &uid, &gone),
		SQB_NOTFOUND);
	set_mailbox(other, "other");
	set_base(T_INBOX, &r);
	t_ok(st, sqb_remote_body_find(st, body, &box, &uid, &gone));
	ck_assert_int_eq(box.n, 1);
	ck_assert_uint_eq(uid, 9);
	ck_assert(!gone);
	r.uid = append(other, NULL);
	r.remote_uid = 33;
	set_base(other, &r);
	expunge(other, r.uid);
	t_ok(st, sqb_remote_body_find(st, body, &box, &uid, &gone));
	ck_assert_int_eq(box.n, other.n);
	ck_assert_uint_eq(uid, 33);
	ck_assert(gone);
	t_fails(sqb_remote_body_find(st, none, &box, &uid, &gone),
		SQB_NOTFOUND);
	is_sound();
}
END_TEST

START_TEST(what_was_refused_is_tried_again)
{
	struct sqb_remote_message r;
	struct sqb_remote_mailbox box = {
		.id = T_INBOX, .name = "INBOX", .path = "INBOX", .mailboxid = ""
	};
	struct sqb_remote_mailbox_iter *it;
	struct sqb_remote_counts counts;

	five_messages();
	box.pushed = last_modseq();
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_remote_mailbox_set(st, &box));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_remote_message_get(st, T_INBOX, 4, &r));
	ck_assert_str_eq(r.error, "[OVERQUOTA] no \xff room");
	t_ok(st, sqb_remote_counts(st, &counts));
	ck_assert_uint_eq(counts.refused, 1);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_remote_retry(st));
	t_ok(st, sqb_txn_commit(st));
	it = sqb_remote_mailbox_iter_begin(st);
	ck_assert(sqb_remote_mailbox_iter_next(it, &box));
	changed_is(box.pushed, "4+");
	t_ok(st, sqb_remote_mailbox_iter_end(&it));
	t_ok(st, sqb_remote_counts(st, &counts));
	ck_assert_uint_eq(counts.refused, 0);
	is_sound();
}
END_TEST

static const struct {
	const char *sql, *words;
} damages[] = {
	{ "DELETE FROM remote_mailbox", "none in remote_mailbox" },
	{ "DELETE FROM remote_account", "is the replica of no account" },
	{ "UPDATE remote_mailbox SET mailbox_id = 1000", "remote_mailbox" },
	{ "INSERT INTO remote_mailbox SELECT 2, name, path, mailboxid,"
	  " subscribed, uidvalidity, uidnext, highestmodseq, pushed"
	  " FROM remote_mailbox",
	  "2 mailboxes have its name at the server" },
	{ "UPDATE remote_message SET uid = 1000 WHERE uid = 2",
	  "is not below UIDNEXT" },
	{ "UPDATE remote_message SET body_id = 1000 WHERE uid = 2",
	  "but in remote_message 1000" },
	{ "UPDATE remote_message SET flags = 32 WHERE uid = 2",
	  "has rows in remote_keyword_more" },
	{ "UPDATE remote_message SET flags = 64 WHERE uid = 2",
	  "no such keywords or flags" },
	{ "UPDATE remote_message SET keywords = 1 WHERE uid = 2",
	  "no such keywords or flags" },
	{ "INSERT INTO remote_keyword_more VALUES (1, 100, 63)",
	  "is not in remote_message" },
};

START_TEST(the_check_finds_what_does_not_fit)
{
	five_messages();
	is_sound();
	t_sql(st, damages[_i].sql);
	finds(damages[_i].words);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(*(table))))

int main(void)
{
	Suite *suite = suite_create("remote");
	TCase *tc = new_case(suite, "account");

	tcase_add_test(tc, a_store_is_the_replica_of_one_account);
	tcase_add_test(tc, a_store_with_mail_of_its_own_is_none);
	tc = tcase_create("replica");
	tcase_add_checked_fixture(tc, replica_setup, teardown);
	tcase_add_test(tc, mailboxes_are_walked_as_they_were_set);
	tcase_add_test(tc, a_mailbox_is_forgotten_with_its_messages);
	tcase_add_test(tc, messages_are_found_by_either_uid);
	tcase_add_test(tc, two_messages_are_not_one_at_the_server);
	tcase_add_loop_test(tc, messages_that_cannot_be_are_refused, 0,
			    COUNT(bad_messages));
	tcase_add_test(tc, walks_have_their_order);
	tcase_add_test(tc, what_differs_is_found);
	tcase_add_test(tc, what_is_gone_is_found);
	tcase_add_test(tc, a_deleted_mailbox_leaves_what_the_server_has);
	tcase_add_test(tc, inbox_renamed_takes_its_rows_along);
	tcase_add_test(tc, a_body_is_found_where_it_can_be_moved_from);
	tcase_add_test(tc, what_was_refused_is_tried_again);
	tcase_add_loop_test(tc, the_check_finds_what_does_not_fit, 0,
			    COUNT(damages));
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
