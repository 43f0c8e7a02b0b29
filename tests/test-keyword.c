/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Keywords: atoms, numbers, and names that a rollback takes back.
 */
#include "common/keyword.h"
#include "common/txn.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sqb_store *st;

static void setup(void)
{
	st = t_store_open();
}

static void teardown(void)
{
	t_store_close(&st);
}

static uint32_t make(const char *name)
{
	uint32_t number = UINT32_MAX;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_keyword_number(st, name, true, &number));
	t_ok(st, sqb_txn_commit(st));
	return number;
}

static void name_is(uint32_t number, const char *want)
{
	const char *name = NULL;

	t_ok(st, sqb_keyword_name(st, number, &name));
	ck_assert_str_eq(name, want);
}

static enum sqb_err name_of(uint32_t number)
{
	const char *name;

	return sqb_keyword_name(st, number, &name);
}

START_TEST(numbers_are_dense_and_last)
{
	uint32_t number;

	ck_assert_uint_eq(make("$Junk"), 0);
	ck_assert_uint_eq(make("work"), 1);
	ck_assert_uint_eq(make("$Junk"), 0);
	name_is(0, "$Junk");
	name_is(1, "work");
	t_fails(name_of(2), SQB_NOTFOUND);
	t_fails(name_of(UINT32_MAX), SQB_NOTFOUND);
	t_store_reopen(&st);
	t_ok(st, sqb_keyword_number(st, "work", false, &number));
	ck_assert_uint_eq(number, 1);
	name_is(1, "work");
	ck_assert_uint_eq(make("more"), 2);
}
END_TEST

START_TEST(case_does_not_matter_and_is_kept)
{
	uint32_t number;

	ck_assert_uint_eq(make("$MDNSent"), 0);
	ck_assert_uint_eq(make("$mdnsent"), 0);
	t_ok(st, sqb_keyword_number(st, "$MDNSENT", false, &number));
	ck_assert_uint_eq(number, 0);
	name_is(0, "$MDNSent");
}
END_TEST

START_TEST(unknown_is_an_answer)
{
	uint32_t number = 7;

	t_fails(sqb_keyword_number(st, "none", false, &number), SQB_NOTFOUND);
	ck_assert_uint_eq(number, 7);
	t_fails(sqb_keyword_number(st, "none", true, &number), SQB_INTERNAL);
	t_says(st, "no transaction");
}
END_TEST

static const struct {
	const char *name;
	bool ok;
} atom_cases[] = {
	{ "a", true },         { "$Forwarded", true },
	{ "a.b/c-d_e", true }, { "!#&'+,:;<=>?@[^`|}~", true },
	{ "1", true },         { "", false },
	{ "a b", false },      { "a\tb", false },
	{ "a\x7f", false },    { "a(b", false },
	{ "a)b", false },      { "a{b", false },
	{ "a%", false },       { "*", false },
	{ "a\"", false },      { "\\Seen", false },
	{ "a]", false },       { "\xc3\xa9", false },
	{ "\x01", false },
};

START_TEST(only_atoms_are_keywords)
{
	uint32_t number;

	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_keyword_number(st, atom_cases[_i].name, true, &number),
		atom_cases[_i].ok ? SQB_OK : SQB_INVALID);
	t_ok(st, sqb_txn_commit(st));
}
END_TEST

START_TEST(an_atom_has_255_octets_at_most)
{
	char name[SQB_KEYWORD_MAX + 2];
	uint32_t number;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	t_fails(sqb_keyword_number(st, name, false, &number), SQB_INVALID);
	make(name + 1);
}
END_TEST

START_TEST(a_damaged_name_is_none)
{
	const char *name;

	t_sql(st, "INSERT INTO keyword VALUES (0, ''), (1, 'ok'),"
		  " (2, 'a' || char(13, 10) || '* BYE')");
	t_fails(sqb_keyword_name(st, 0, &name), SQB_NOTFOUND);
	t_fails(sqb_keyword_name(st, 2, &name), SQB_NOTFOUND);
	name_is(1, "ok");
}
END_TEST

START_TEST(a_rollback_takes_a_keyword_back)
{
	const char *name;
	uint32_t number;

	make("kept");
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_keyword_number(st, "lost", true, &number));
	t_ok(st, sqb_keyword_name(st, number, &name));
	ck_assert_str_eq(name, "lost");
	sqb_txn_rollback(st);
	t_fails(name_of(number), SQB_NOTFOUND);
	t_fails(sqb_keyword_number(st, "lost", false, &number), SQB_NOTFOUND);
	/* The number goes to another one; a name handed out stays readable. */
	ck_assert_uint_eq(make("other"), number);
	name_is(number, "other");
	ck_assert_str_eq(name, "lost");
}
END_TEST

START_TEST(a_rollback_is_noticed_by_the_next_transaction)
{
	uint32_t number, other;
	const char *name, *again;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_keyword_number(st, "lost", true, &number));
	name_is(number, "lost");
	sqb_txn_rollback(st);
	t_ok(st, sqb_txn_begin(st));
	t_fails(name_of(number), SQB_NOTFOUND);
	t_ok(st, sqb_keyword_number(st, "other", true, &other));
	ck_assert_uint_eq(other, number);
	name_is(number, "other");
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_keyword_name(st, number, &name));
	ck_assert_str_eq(name, "other");
	t_ok(st, sqb_keyword_name(st, number, &again));
	ck_assert_ptr_eq(again, name);
}
END_TEST

START_TEST(there_is_no_limit_to_their_count)
{
	const char *first, *again;
	uint32_t number, i;
	char name[16];

	make("first");
	t_ok(st, sqb_keyword_name(st, 0, &first));
	t_ok(st, sqb_txn_begin(st));
	for (i = 1; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "k%u", i);
		t_ok(st, sqb_keyword_number(st, name, true, &number));
		ck_assert_uint_eq(number, i);
		name_is(number, name);
	}
	t_ok(st, sqb_txn_commit(st));
	name_is(4999, "k4999");
	t_ok(st, sqb_keyword_name(st, 0, &again));
	ck_assert_ptr_eq(again, first);
}
END_TEST

/* Commands of the test: make a keyword, end. */
static void make_in_peer(int fd, const char *dir)
{
	struct sqb_store *peer = t_store_open_in(dir);
	uint32_t number;

	while (t_hear(fd) == 'm') {
		t_ok(peer, sqb_txn_begin(peer));
		t_ok(peer, sqb_keyword_number(peer, "peers", true, &number));
		t_ok(peer, sqb_txn_commit(peer));
		t_tell(fd, 'd');
	}
	sqb_store_close(&peer);
}

START_TEST(another_process_may_add_one)
{
	struct t_peer peer;
	uint32_t number;
	char *dir = t_dir();

	peer = t_peer_start(make_in_peer, dir);
	st = t_store_open_in(dir);
	make("ours");
	name_is(0, "ours");
	t_tell(peer.fd, 'm');
	ck_assert_int_eq(t_hear(peer.fd), 'd');
	name_is(1, "peers");
	t_ok(st, sqb_keyword_number(st, "PEERS", false, &number));
	ck_assert_uint_eq(number, 1);
	t_tell(peer.fd, 'e');
	t_peer_end(&peer);
	t_store_close(&st);
	free(dir);
}
END_TEST

#define COUNT(cases) ((int)(sizeof(cases) / sizeof(*(cases))))

int main(void)
{
	Suite *suite = suite_create("keyword");
	TCase *tc = tcase_create("keyword");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, numbers_are_dense_and_last);
	tcase_add_test(tc, case_does_not_matter_and_is_kept);
	tcase_add_test(tc, unknown_is_an_answer);
	tcase_add_loop_test(tc, only_atoms_are_keywords, 0, COUNT(atom_cases));
	tcase_add_test(tc, an_atom_has_255_octets_at_most);
	tcase_add_test(tc, a_damaged_name_is_none);
	tcase_add_test(tc, a_rollback_takes_a_keyword_back);
	tcase_add_test(tc, a_rollback_is_noticed_by_the_next_transaction);
	tcase_add_test(tc, there_is_no_limit_to_their_count);
	suite_add_tcase(suite, tc);

	tc = tcase_create("processes");
	tcase_add_test(tc, another_process_may_add_one);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
