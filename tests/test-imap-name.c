/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Names of a server's mailboxes and their paths: tables, and properties of
 * random names.  SQBOX_TEST_SEED replays a run.
 */
#include "fuse/imap/mailbox-name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "common/mailbox.h"
#include "tests/support.h"

#define ROUNDS t_rounds(100000)

static unsigned short state[3];

static size_t below(size_t n)
{
	return (size_t)nrand48(state) % n;
}

static void setup(void)
{
	const char *seed = getenv("SQBOX_TEST_SEED");
	uint32_t fresh = 0;

	if (seed != NULL)
		fresh = (uint32_t)strtoul(seed, NULL, 10);
	else
		ck_assert_int_eq(getrandom(&fresh, sizeof(fresh), 0),
				 (ssize_t)sizeof(fresh));
	printf("test-imap-name: SQBOX_TEST_SEED=%u\n", fresh);
	(void)fflush(stdout);
	state[0] = (unsigned short)fresh;
	state[1] = (unsigned short)(fresh >> 16);
}

/* A name and its path, each of which gives the other. */
static const struct {
	const char *name, *path;
	char delimiter;
	bool utf8;
} pairs[] = {
	{ "INBOX", "INBOX", '/', false },
	{ "INBOX.Sent", "INBOX/Sent", '.', false },
	{ "a/b/c", "a/b/c", '/', false },
	{ "a.b/c", "a.b/c", '/', false },
	{ "a.b/c", "a/b%2Fc", '.', false },
	{ "a/b", "a%2Fb", '\0', false },
	{ "a\\b", "a/b", '\\', false },
	{ "Entw&APw-rfe", "Entw\xc3\xbcrfe", '/', false },
	{ "Entw\xc3\xbcrfe", "Entw\xc3\xbcrfe", '/', true },
	{ "Entw\xc3\xbcrfe", "Entw%C3%BCrfe", '/', false },
	{ "Entw\xfcrfe", "Entw%FCrfe", '/', false },
	{ "Entw\xfcrfe", "Entw%FCrfe", '/', true },
	{ "Entw&APw-rfe", "Entw&APw-rfe", '/', true },
	{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
	  "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/"
	  "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
	  '/', false },
	{ "&2D3cAA-", "\xf0\x9f\x90\x80", '/', false },
	{ "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-",
	  "\xd0\x9e\xd1\x82\xd0\xbf\xd1\x80\xd0\xb0\xd0\xb2\xd0\xbb"
	  "\xd0\xb5\xd0\xbd\xd0\xbd\xd1\x8b\xd0\xb5",
	  '|', false },
	{ "[Gmail]/All Mail", "[Gmail]/All Mail", '/', false },
	{ "R&-D", "R&D", '/', false },
	{ "&-&-", "&&", '/', false },
	{ "&APw-&-", "\xc3\xbc&", '/', false },
	{ "R&D", "R%26D", '/', false },
	{ "R&D", "R&D", '/', true },
	{ "a&", "a%26", '/', false },
	/* Other ways to write &APw-, a and &- */
	{ "&APx-", "%26APx-", '/', false },
	{ "&APwA-", "%26APwA-", '/', false },
	{ "&AGE-", "%26AGE-", '/', false },
	{ "&ACY-", "%26ACY-", '/', false },
	{ "&APw-&APw-", "\xc3\xbc%26APw-", '/', false },
	/* Half a surrogate, a control, and no end */
	{ "&2D0-", "%262D0-", '/', false },
	{ "&3AA-", "%263AA-", '/', false },
	{ "&2D0A,A-", "%262D0A,A-", '/', false },
	{ "&AAE-", "%26AAE-", '/', false },
	{ "&AIU-", "%26AIU-", '/', false },
	{ "&APw", "%26APw", '/', false },
	{ "\xc2\x85", "%C2%85", '/', true },
	{ "\xed\xa0\x80", "%ED%A0%80", '/', true },
	{ "a\tb\x7f", "a%09b%7F", '/', false },
	{ ".", "%2E", '/', false },
	{ "..", "%2E.", '/', false },
	{ "...", "...", '/', false },
	{ "a/../b", "a/%2E./b", '/', true },
	{ "100%", "100%", '/', false },
	{ "50%20off", "50%20off", '/', false },
	{ "%2F", "%252F", '/', false },
	{ "%2f", "%2f", '/', false },
	{ "%26", "%2526", '/', false },
	{ "%26", "%26", '/', true },
	{ "%%2E", "%%252E", '/', false },
	/* A delimiter with nothing on one side */
	{ "/", "%2F", '/', false },
	{ "//", "%2F%2F", '/', false },
	{ "/a", "%2Fa", '/', false },
	{ "a/", "a%2F", '/', false },
	{ "a//b", "a/%2Fb", '/', false },
	{ "a///b", "a/%2F/b", '/', false },
	{ "a//", "a/%2F", '/', false },
	{ ".a..b.", "%2Ea/%2Eb%2E", '.', false },
	{ "..", "%2E%2E", '.', false },
};

START_TEST(names_and_paths)
{
	const char *why = NULL;
	size_t size = 0;
	char *text;

	text = imap_name_to_path(pairs[_i].name, strlen(pairs[_i].name),
				 pairs[_i].delimiter, pairs[_i].utf8, &why);
	ck_assert_msg(text != NULL, "%s: %s", pairs[_i].name, why);
	ck_assert_str_eq(text, pairs[_i].path);
	free(text);
	text = imap_path_to_name(pairs[_i].path, pairs[_i].delimiter,
				 pairs[_i].utf8, &size, &why);
	ck_assert_msg(text != NULL, "%s: %s", pairs[_i].path, why);
	ck_assert_str_eq(text, pairs[_i].name);
	ck_assert_uint_eq(size, strlen(pairs[_i].name));
	free(text);
}
END_TEST

static const struct {
	const char *name, *path;
} inboxes[] = {
	{ "inbox", "INBOX" },           { "Inbox", "INBOX" },
	{ "Inbox/Sent", "INBOX/Sent" }, { "inboxes", "inboxes" },
	{ "a/inbox", "a/inbox" },
};

START_TEST(the_first_level_INBOX_is_in_capitals)
{
	const char *why = NULL;
	size_t size;
	char *text;

	text = imap_name_to_path(inboxes[_i].name, strlen(inboxes[_i].name),
				 '/', false, &why);
	ck_assert_str_eq(text, inboxes[_i].path);
	free(text);
	text = imap_path_to_name(inboxes[_i].name, '/', false, &size, &why);
	ck_assert_str_eq(text, inboxes[_i].path);
	free(text);
}
END_TEST

static const struct {
	const char *path;
	char delimiter;
	bool utf8;
	const char *why;
} no_names[] = {
	{ "a/b", '\0', false, "no levels" },
	{ "a.b", '.', false, "separates" },
	{ "\xc3\xbc%C3%BC", '/', true, "another name" },
	{ "a%2Fb", '/', false, "another name" },
	{ "%2Ea", '/', false, "another name" },
	{ "%26-", '/', false, "another name" },
	{ "%49nbox%2Fx", '/', false, "another name" },
	{ "", '/', false, "another name" },
	{ "a//b", '/', false, "another name" },
	{ "/a", '/', false, "another name" },
	{ "a\x01", '/', false, "another name" },
	{ "a\xff", '/', false, "another name" },
	{ "\xc3", '/', false, "another name" },
};

START_TEST(paths_of_no_name)
{
	const char *why = "";
	size_t size = 0;

	ck_assert_ptr_null(imap_path_to_name(no_names[_i].path,
					     no_names[_i].delimiter,
					     no_names[_i].utf8, &size, &why));
	ck_assert_msg(strstr(why, no_names[_i].why) != NULL, "%s", why);
}
END_TEST

/* So many characters c, in a row. */
static char *row(char c, size_t count)
{
	char *text = calloc(1, count + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, c, count);
	return text;
}

START_TEST(a_name_that_is_too_long_has_no_path)
{
	char *level = row('a', SQB_LEVEL_MAX + 1), *deep = row('/', 100000);
	const char *why = NULL;
	char *path;
	size_t i;

	ck_assert_ptr_null(
		imap_name_to_path(level, SQB_LEVEL_MAX + 1, '/', false, &why));
	ck_assert_ptr_nonnull(strstr(why, "255"));
	path = imap_name_to_path(level, SQB_LEVEL_MAX, '/', false, &why);
	ck_assert_ptr_nonnull(path);
	free(path);
	for (i = 0; i < 100000; i += 2)
		deep[i] = 'a';
	path = imap_name_to_path(deep, SQB_NAME_MAX - 1, '/', false, &why);
	ck_assert_ptr_nonnull(path);
	free(path);
	ck_assert_ptr_null(
		imap_name_to_path(deep, SQB_NAME_MAX + 1, '/', false, &why));
	ck_assert_ptr_nonnull(strstr(why, "4096"));
	ck_assert_ptr_null(imap_name_to_path(deep, 100000, '/', false, &why));
	ck_assert_ptr_null(imap_name_to_path("", 0, '/', false, &why));
	ck_assert_ptr_nonnull(strstr(why, "empty"));
	free(level);
	free(deep);
}
END_TEST

START_TEST(a_NUL_in_a_name_comes_back)
{
	const char *why = NULL;
	size_t size = 0;
	char *path, *name;

	path = imap_name_to_path("a\0b", 3, '/', false, &why);
	ck_assert_str_eq(path, "a%00b");
	name = imap_path_to_name(path, '/', false, &size, &why);
	ck_assert_uint_eq(size, 3);
	ck_assert_mem_eq(name, "a\0b", 4);
	free(name);
	free(path);
}
END_TEST

/* Any octets, much of it what the rules are about. */
static size_t random_name(char *name, size_t max)
{
	static const char *const pieces[] = {
		".",     "/",    "%",     "&",        "-",        "&-",
		"&APw-", "AGE-", "&AGE-", "&2D3cAA-", "%2E",      "%26",
		"%25",   "2F",   "INBOX", "inbox",    "\xc3\xbc", "\xc2\x85",
	};
	size_t count = sizeof(pieces) / sizeof(pieces[0]);
	size_t want = below(12) + 1, size = 0, piece, len;

	while (size < want) {
		piece = below(count + 2);
		if (piece >= count) {
			name[size++] = (char)below(256);
			continue;
		}
		len = strlen(pieces[piece]);
		if (size + len > max)
			break;
		memcpy(name + size, pieces[piece], len);
		size += len;
	}
	return size;
}

static bool same_name(const char *a, const char *b, size_t size, char delimiter)
{
	size_t first = 0;

	if (size >= 5 && strncasecmp(a, "INBOX", 5) == 0 &&
	    (size == 5 || (size > 6 && a[5] == delimiter)))
		first = 5;
	return memcmp(a + first, b + first, size - first) == 0;
}

static void levels_are_ok(char *path)
{
	char *level, *next = path;

	ck_assert_uint_le(strlen(path), SQB_NAME_MAX);
	while ((level = strsep(&next, "/")) != NULL)
		ck_assert_msg(sqb_mailbox_level_ok(level), "%s", level);
}

START_TEST(a_name_comes_back_from_its_path)
{
	static const char delimiters[] = { '/', '.', '\0', '\\', '&',
					   '%', '-', '2',  'A',  (char)0xbc };
	char name[64], *path, *back, delimiter;
	const char *why = NULL;
	size_t size, back_size = 0;
	unsigned int i;
	bool utf8;

	for (i = 0; i < ROUNDS; i++) {
		delimiter = delimiters[below(sizeof(delimiters))];
		utf8 = below(2) == 0;
		size = random_name(name, sizeof(name) - 1);
		path = imap_name_to_path(name, size, delimiter, utf8, &why);
		ck_assert_ptr_nonnull(path);
		back = imap_path_to_name(path, delimiter, utf8, &back_size,
					 &why);
		ck_assert_msg(back != NULL, "%s: %s", path, why);
		ck_assert_uint_eq(back_size, size);
		ck_assert_msg(same_name(name, back, size, delimiter), "%s",
			      path);
		levels_are_ok(path);
		free(path);
		free(back);
	}
}
END_TEST

/* From the other side: a path has a name that has this path, or none. */
START_TEST(a_path_comes_back_from_its_name)
{
	char path[64], *name, *back;
	const char *why = NULL;
	unsigned int i, found = 0;
	size_t size;
	bool utf8;

	for (i = 0; i < ROUNDS; i++) {
		utf8 = below(2) == 0;
		path[random_name(path, sizeof(path) - 1)] = '\0';
		name = imap_path_to_name(path, '.', utf8, &size, &why);
		if (name == NULL)
			continue;
		back = imap_name_to_path(name, size, '.', utf8, &why);
		ck_assert_ptr_nonnull(back);
		ck_assert_uint_eq(strlen(back), strlen(path));
		ck_assert_msg(same_name(back, path, strlen(path), '/'),
			      "%s, not %s", back, path);
		found++;
		free(name);
		free(back);
	}
	ck_assert_uint_gt(found, 0);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *s = suite_create("imap-name");
	TCase *tc = tcase_create("imap-name");

	tcase_add_unchecked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, names_and_paths, 0, COUNT(pairs));
	tcase_add_loop_test(tc, the_first_level_INBOX_is_in_capitals, 0,
			    COUNT(inboxes));
	tcase_add_loop_test(tc, paths_of_no_name, 0, COUNT(no_names));
	tcase_add_test(tc, a_name_that_is_too_long_has_no_path);
	tcase_add_test(tc, a_NUL_in_a_name_comes_back);
	tcase_add_test(tc, a_name_comes_back_from_its_path);
	tcase_add_test(tc, a_path_comes_back_from_its_name);
	suite_add_tcase(s, tc);
	return t_run(s);
}
