/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The URL of a remote account, and where its replica is.
 */
#include "fuse/account.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support.h"

static const struct {
	const char *url;
	int tls;
	unsigned int port;
	const char *user, *host, *canonical;
} good[] = {
	{ "imaps://alice@mail.example.org", 1, 993, "alice", "mail.example.org",
	  "imaps://alice@mail.example.org:993" },
	{ "imap://alice@mail.example.org/", 0, 143, "alice", "mail.example.org",
	  "imap://alice@mail.example.org:143" },
	{ "IMAPS://alice@Mail.Example.ORG:1993", 1, 1993, "alice",
	  "mail.example.org", "imaps://alice@mail.example.org:1993" },
	{ "imaps://a%40b.org@h", 1, 993, "a@b.org", "h",
	  "imaps://a%40b.org@h:993" },
	{ "imaps://a@b.org@h", 1, 993, "a@b.org", "h",
	  "imaps://a%40b.org@h:993" },
	{ "imaps://a%3Ab%2fc%25@h", 1, 993, "a:b/c%", "h",
	  "imaps://a%3Ab%2Fc%25@h:993" },
	{ "imaps://\xc3\xa4@h", 1, 993, "\xc3\xa4", "h",
	  "imaps://%C3%A4@h:993" },
	{ "imaps://a@[::1]", 1, 993, "a", "[::1]", "imaps://a@[::1]:993" },
	{ "imaps://a@[::1]:1", 1, 1, "a", "[::1]", "imaps://a@[::1]:1" },
	{ "imaps://a@127.0.0.1:65535", 1, 65535, "a", "127.0.0.1",
	  "imaps://a@127.0.0.1:65535" },
};

START_TEST(urls_are_taken_apart)
{
	struct ifs_account account;
	char *error = NULL;

	ck_assert(ifs_account_is_url(good[_i].url));
	ck_assert_msg(ifs_account_parse(good[_i].url, &account, &error), "%s",
		      error);
	ck_assert_int_eq(account.tls, good[_i].tls);
	ck_assert_str_eq(account.user, good[_i].user);
	ck_assert_str_eq(account.host, good[_i].host);
	ck_assert_uint_eq(account.port, good[_i].port);
	ck_assert_str_eq(account.url, good[_i].canonical);
	ifs_account_free(&account);
	/* The canonical one is the same account. */
	ck_assert(ifs_account_parse(good[_i].canonical, &account, &error));
	ck_assert_str_eq(account.url, good[_i].canonical);
	ifs_account_free(&account);
}
END_TEST

static const struct {
	const char *url, *says;
} bad[] = {
	{ "imaps://alice:sesame@h", "password" },
	{ "imaps://alice:@h", "password" },
	{ "imaps://h", "USER@HOST" },
	{ "imaps://@h", "USER@HOST" },
	{ "imaps://h/a@b", "USER@HOST" },
	{ "imaps://", "USER@HOST" },
	{ "imaps://a@", "no host" },
	{ "imaps://a@:993", "no host" },
	{ "imaps://a@h o", "no host" },
	{ "imaps://a@-h", "no host" },
	{ "imaps://a@[]", "no host" },
	{ "imaps://a@[::1", "no host" },
	{ "imaps://a@::1:993", "no host" },
	{ "imaps://a@h:0", "port" },
	{ "imaps://a@h:65536", "port" },
	{ "imaps://a@h:", "port" },
	{ "imaps://a@h:1x", "port" },
	{ "imaps://a@h:-1", "port" },
	{ "imaps://a@h/INBOX", "whole account" },
	{ "imaps://a@h?x", "whole account" },
	{ "imaps://a@h#x", "whole account" },
	{ "imaps://a%@h", "%25" },
	{ "imaps://a%4@h", "%25" },
	{ "imaps://a%4g@h", "%25" },
	{ "imaps://a%00@h", "%25" },
	{ "imaps://a%0d%0a@h", "%25" },
	{ "imaps://a\n@h", "%25" },
};

START_TEST(what_is_wrong_with_a_url_is_said)
{
	struct ifs_account account;
	char *error = NULL;

	ck_assert(ifs_account_is_url(bad[_i].url));
	ck_assert(!ifs_account_parse(bad[_i].url, &account, &error));
	ck_assert_msg(strstr(error, bad[_i].says) != NULL, "%s: %s",
		      bad[_i].url, error);
	ck_assert_msg(strstr(error, "sesame") == NULL, "%s", error);
	free(error);
}
END_TEST

START_TEST(a_directory_is_no_url)
{
	ck_assert(!ifs_account_is_url("/home/alice/mail"));
	ck_assert(!ifs_account_is_url("imaps:/x"));
	ck_assert(!ifs_account_is_url("http://a@h"));
}
END_TEST

static const struct {
	const char *url, *data, *path;
} replicas[] = {
	{ "imaps://alice@h", "/data", "/data/imapfs/alice@h" },
	{ "imap://alice@h", "/data", "/data/imapfs/alice@h" },
	{ "imaps://alice@h:1993", "/data", "/data/imapfs/alice@h:1993" },
	{ "imaps://a%40b%2F..@h", "/data", "/data/imapfs/a@b%2F..@h" },
	{ "imaps://alice@h", "relative",
	  "/home/x/.local/share/imapfs/alice@h" },
	{ "imaps://alice@h", NULL, "/home/x/.local/share/imapfs/alice@h" },
};

START_TEST(each_account_has_its_replica)
{
	struct ifs_account account;
	char *error = NULL, *path;

	if (replicas[_i].data != NULL)
		(void)setenv("XDG_DATA_HOME", replicas[_i].data, 1);
	else
		(void)unsetenv("XDG_DATA_HOME");
	(void)setenv("HOME", "/home/x", 1);
	ck_assert(ifs_account_parse(replicas[_i].url, &account, &error));
	path = ifs_account_replica(&account);
	ck_assert_str_eq(path, replicas[_i].path);
	free(path);
	ifs_account_free(&account);
}
END_TEST

#define LOOP(tcase, test, rows) \
	tcase_add_loop_test(tcase, test, 0, sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *suite = suite_create("account");
	TCase *tcase = tcase_create("account");

	LOOP(tcase, urls_are_taken_apart, good);
	LOOP(tcase, what_is_wrong_with_a_url_is_said, bad);
	tcase_add_test(tcase, a_directory_is_no_url);
	LOOP(tcase, each_account_has_its_replica, replicas);
	suite_add_tcase(suite, tcase);
	return t_run(suite);
}
