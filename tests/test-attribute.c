/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Attributes of mailboxes and of the account.
 */
#include "common/attribute.h"
#include "common/store-private.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T_ACCOUNT ((struct sqb_mailbox_id){ 0 })

static struct sqb_store *st;

static void setup(void)
{
	st = t_store_open();
}

static void teardown(void)
{
	t_store_close(&st);
}

static enum sqb_err set(struct sqb_mailbox_id id, const char *key,
			const char *value)
{
	enum sqb_err err;

	t_ok(st, sqb_txn_begin(st));
	err = sqb_attribute_set(st, id, key, value,
				value != NULL ? strlen(value) : 0, T_DATE);
	if (err == SQB_OK)
		t_ok(st, sqb_txn_commit(st));
	else
		sqb_txn_rollback(st);
	return err;
}

static void value_is(struct sqb_mailbox_id id, const char *key,
		     const char *want)
{
	int64_t changed = 0;
	void *value;
	size_t size;

	t_ok(st, sqb_attribute_get(st, id, key, &value, &size, &changed));
	ck_assert_uint_eq(size, strlen(want));
	ck_assert_str_eq(value, want);
	ck_assert_int_eq(changed, T_DATE);
	free(value);
}

static enum sqb_err get(struct sqb_mailbox_id id, const char *key)
{
	void *value;
	size_t size;

	return sqb_attribute_get(st, id, key, &value, &size, NULL);
}

static void keys_are(struct sqb_mailbox_id id, const char *prefix,
		     const char *want)
{
	struct sqb_attribute_iter *it =
		sqb_attribute_iter_begin(st, id, prefix);
	const char *key;
	char got[1024];
	size_t len = 0;

	got[0] = '\0';
	while (sqb_attribute_iter_next(it, &key))
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s\n",
					key);
	ck_assert(!sqb_attribute_iter_next(it, &key));
	t_ok(st, sqb_attribute_iter_end(&it));
	ck_assert_ptr_null(it);
	ck_assert_str_eq(got, want);
}

START_TEST(what_is_set_is_got)
{
	t_fails(get(T_INBOX, "/shared/a"), SQB_NOTFOUND);
	t_ok(st, set(T_INBOX, "/shared/a", "one"));
	value_is(T_INBOX, "/shared/a", "one");
	t_ok(st, set(T_INBOX, "/shared/a", ""));
	value_is(T_INBOX, "/shared/a", "");
	t_ok(st, set(T_INBOX, "/shared/a", NULL));
	t_fails(get(T_INBOX, "/shared/a"), SQB_NOTFOUND);
}
END_TEST

START_TEST(the_account_has_its_own)
{
	t_ok(st, set(T_ACCOUNT, "/private/a", "account"));
	t_fails(get(T_INBOX, "/private/a"), SQB_NOTFOUND);
	value_is(T_ACCOUNT, "/private/a", "account");
}
END_TEST

START_TEST(a_value_may_have_any_octets)
{
	static const char octets[] = "a\0b\xff\0";
	int64_t changed;
	void *value;
	size_t size;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st,
	     sqb_attribute_set(st, T_INBOX, "k", octets, sizeof(octets), -5));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_attribute_get(st, T_INBOX, "k", &value, &size, &changed));
	ck_assert_uint_eq(size, sizeof(octets));
	ck_assert_mem_eq(value, octets, size);
	ck_assert_int_eq(changed, -5);
	free(value);
}
END_TEST

START_TEST(sizes_have_limits)
{
	char *text = t_noise(SQB_ATTRIBUTE_VALUE_MAX + 1, 1);
	char key[SQB_ATTRIBUTE_KEY_MAX + 2];

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_attribute_set(st, T_INBOX, "k", text,
				  SQB_ATTRIBUTE_VALUE_MAX + 1, 0),
		SQB_LIMIT);
	t_ok(st, sqb_attribute_set(st, T_INBOX, "k", text,
				   SQB_ATTRIBUTE_VALUE_MAX, 0));
	t_fails(sqb_attribute_set(st, T_INBOX, key, "x", 1, 0), SQB_LIMIT);
	t_ok(st, sqb_attribute_set(st, T_INBOX, key + 1, "x", 1, 0));
	t_fails(sqb_attribute_set(st, T_INBOX, "", "x", 1, 0), SQB_INVALID);
	t_fails(sqb_attribute_set(st, T_INBOX, "\xc3", "x", 1, 0), SQB_INVALID);
	t_ok(st, sqb_txn_commit(st));
	free(text);
}
END_TEST

START_TEST(the_mailbox_must_be_there)
{
	struct sqb_mailbox_id none = { 99 };

	t_fails(set(none, "k", "x"), SQB_NOTFOUND);
	t_fails(get(none, "k"), SQB_NOTFOUND);
	t_fails(sqb_attribute_set(st, T_INBOX, "k", "x", 1, 0), SQB_INTERNAL);
	keys_are(none, "", "");
}
END_TEST

START_TEST(keys_are_walked_by_prefix)
{
	static const char *const keys[] = { "/b/2",       "/a",   "/b",
					    "/b/10",      "/B/1", "/b0",
					    "/b/\xc3\xa9" };
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		t_ok(st, set(T_INBOX, keys[i], "x"));
	t_ok(st, set(T_ACCOUNT, "/b/account", "x"));
	keys_are(T_INBOX, "", "/B/1\n/a\n/b\n/b/10\n/b/2\n/b/\xc3\xa9\n/b0\n");
	keys_are(T_INBOX, "/b/", "/b/10\n/b/2\n/b/\xc3\xa9\n");
	keys_are(T_INBOX, "/b/\xc3\xa9", "/b/\xc3\xa9\n");
	keys_are(T_INBOX, "/c", "");
}
END_TEST

START_TEST(a_change_has_a_modseq_and_no_change_costs_nothing)
{
	uint64_t before, after;

	t_ok(st, sqb_tree_modseq(st, &before));
	t_ok(st, set(T_INBOX, "k", "x"));
	t_ok(st, sqb_tree_modseq(st, &after));
	ck_assert_uint_gt(after, before);
	t_ok(st, sqb_sync(st));
	t_ok(st, set(T_INBOX, "k", "x"));
	t_ok(st, set(T_INBOX, "none", NULL));
	ck_assert(!sqb_sync_pending(st));
	t_ok(st, set(T_INBOX, "k", NULL));
	t_ok(st, sqb_tree_modseq(st, &before));
	ck_assert_uint_gt(before, after);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("attribute");
	TCase *tc = tcase_create("attribute");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_set_is_got);
	tcase_add_test(tc, the_account_has_its_own);
	tcase_add_test(tc, a_value_may_have_any_octets);
	tcase_add_test(tc, sizes_have_limits);
	tcase_add_test(tc, the_mailbox_must_be_there);
	tcase_add_test(tc, keys_are_walked_by_prefix);
	tcase_add_test(tc, a_change_has_a_modseq_and_no_change_costs_nothing);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
