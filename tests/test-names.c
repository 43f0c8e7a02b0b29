/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The names of files and folders: tables, and properties of random names.
 * SQBOX_TEST_SEED replays a run.
 */
#include "fuse/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tests/support.h"

#define ROUNDS t_rounds(200000)

static uint64_t state;

/* splitmix64 */
static uint64_t next_random(void)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static size_t below(size_t n)
{
	return (size_t)(next_random() % n);
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
	printf("test-names: SQBOX_TEST_SEED=%u\n", fresh);
	(void)fflush(stdout);
	state = fresh;
}

/* Any octets but NUL and '/', much of it what the rules are about. */
static void random_level(char *level, size_t max)
{
	static const char *const pieces[] = {
		".",           "%",        ".eml", "%2E", "%41",
		"%2",          ".imapfs",  "cur",  "new", "tmp",
		"~",           "\xd0\xb6", "\xff", "\n",  "0123456789abcdef",
		"\xe2\x80\xae"
	};
	size_t want = below(8) == 0 ? max : below(24) + 1, len = 0, piece;
	const char *s;
	char c[2] = "";

	level[0] = '\0';
	while (len < want) {
		piece = below(2 * sizeof(pieces) / sizeof(pieces[0]));
		c[0] = (char)(below(255) + 1);
		s = piece < sizeof(pieces) / sizeof(pieces[0]) ? pieces[piece]
							       : c;
		if (strcmp(s, "/") == 0 || len + strlen(s) > max)
			s = "a";
		memcpy(level + len, s, strlen(s) + 1);
		len += strlen(s);
	}
}

static bool has_slash_or_dots(const char *name)
{
	return strchr(name, '/') != NULL || name[0] == '\0';
}

START_TEST(a_level_comes_back_from_its_name)
{
	char level[SQB_LEVEL_MAX + 1], back[SQB_LEVEL_MAX + 1];
	char name[IFS_NAME_MAX + 1];
	unsigned int i, cut = 0;
	bool maildir;

	for (i = 0; i < ROUNDS; i++) {
		maildir = (i & 1) != 0;
		random_level(level, SQB_LEVEL_MAX);
		ifs_level_encode(level, maildir, name);
		ck_assert_uint_le(strlen(name), IFS_NAME_MAX);
		ck_assert(!has_slash_or_dots(name));
		ck_assert(!ifs_name_is_message(name));
		ck_assert_str_ne(name, IFS_HIDDEN);
		if (ifs_level_decode(name, maildir, back)) {
			ck_assert_str_eq(back, level);
		} else {
			ck_assert(ifs_level_is_cut(name));
			cut++;
		}
	}
	ck_assert_uint_gt(cut, 0);
}
END_TEST

/* From the other side: any name is of one level at most, and that of it. */
START_TEST(a_name_is_that_of_its_level)
{
	char name[IFS_NAME_MAX + 1], again[IFS_NAME_MAX + 1];
	char level[SQB_LEVEL_MAX + 1];
	unsigned int i, found = 0;
	bool maildir;

	for (i = 0; i < ROUNDS; i++) {
		maildir = (i & 1) != 0;
		random_level(name, IFS_NAME_MAX);
		if (!ifs_level_decode(name, maildir, level))
			continue;
		ifs_level_encode(level, maildir, again);
		ck_assert_str_eq(again, name);
		found++;
	}
	ck_assert_uint_gt(found, 0);
}
END_TEST

/* Two that differ in one place only get names that differ, cut or not. */
START_TEST(levels_that_differ_have_names_that_differ)
{
	char level[SQB_LEVEL_MAX + 1], other[SQB_LEVEL_MAX + 1];
	char name1[IFS_NAME_MAX + 1], name2[IFS_NAME_MAX + 1];
	unsigned int i;
	size_t at;

	for (i = 0; i < ROUNDS; i++) {
		random_level(level, SQB_LEVEL_MAX);
		memcpy(other, level, sizeof(other));
		at = below(strlen(level));
		other[at] = other[at] == 'b' ? 'c' : 'b';
		ifs_level_encode(level, false, name1);
		ifs_level_encode(other, false, name2);
		ck_assert_str_ne(name1, name2);
	}
}
END_TEST

static const struct {
	const char *level, *name;
	bool maildir;
} levels[] = {
	{ "INBOX", "INBOX", false },
	{ "a b", "a b", false },
	{ "100%", "100%", false },
	{ "%", "%", false },
	{ "%4", "%4", false },
	{ "%4g", "%4g", false },
	{ "%41", "%2541", false },
	{ "%25", "%2525", false },
	{ "%%41", "%%2541", false },
	{ "x.eml", "x%2Eeml", false },
	{ ".eml", "%2Eeml", false },
	{ "x.eml.eml", "x.eml%2Eeml", false },
	{ "x.eml ", "x.eml ", false },
	{ "x.EML", "x.EML", false },
	{ ".imapfs", "%2Eimapfs", false },
	{ ".imapfs2", ".imapfs2", false },
	{ "cur", "cur", false },
	{ "cur", "%63ur", true },
	{ "new", "%6Eew", true },
	{ "tmp", "%74mp", true },
	{ "curious", "curious", true },
	{ "~0123456789abcdef", "~0123456789abcdef", false },
};

START_TEST(how_levels_are_written)
{
	char name[IFS_NAME_MAX + 1], level[SQB_LEVEL_MAX + 1];

	ifs_level_encode(levels[_i].level, levels[_i].maildir, name);
	ck_assert_str_eq(name, levels[_i].name);
	ck_assert(ifs_level_decode(name, levels[_i].maildir, level));
	ck_assert_str_eq(level, levels[_i].level);
}
END_TEST

static const char *const no_levels[] = { "x.eml", ".imapfs", "%41", "%2e",
					 "%00",   "a%2f",    "a%2F" };

START_TEST(names_of_no_level)
{
	char level[SQB_LEVEL_MAX + 1];

	ck_assert(!ifs_level_decode(no_levels[_i], false, level));
}
END_TEST

START_TEST(a_long_name_is_cut_between_characters)
{
	char level[SQB_LEVEL_MAX + 1] = "", name[IFS_NAME_MAX + 1];
	size_t i;

	for (i = 0; i < 125; i++)
		memcpy(level + 2 * i, "\xd0\xb6", 3);
	memcpy(level + 250, ".eml", 5);
	ifs_level_encode(level, false, name);
	ck_assert(ifs_level_is_cut(name));
	ck_assert_int_eq(strspn(name, "\xd0\xb6") % 2, 0);
	ck_assert_uint_gt(strspn(name, "\xd0\xb6"), 230);
}
END_TEST

static const struct {
	int64_t date, box;
	uint32_t uid;
	const char *name;
} messages[] = {
	{ 1709294401, 3, 1234, "20240301T120001-3.1234.eml" },
	{ 0, 1, 1, "19700101T000000-1.1.eml" },
	{ -1, 1, 1, "19691231T235959-1.1.eml" },
	{ INT64_C(253402300799), 1, UINT32_MAX,
	  "99991231T235959-1.4294967295.eml" },
	{ INT64_MAX, INT64_MAX, 1,
	  "19000100T000000-9223372036854775807.1.eml" },
	{ INT64_MIN, 1, 1, "19000100T000000-1.1.eml" },
};

START_TEST(a_generated_name_tells_where_the_message_is)
{
	struct sqb_mailbox_id box = { messages[_i].box };
	char name[IFS_NAME_MAX + 1];
	uint32_t uid = 0;

	ifs_name_generate(messages[_i].date, box, messages[_i].uid, name);
	ck_assert_str_eq(name, messages[_i].name);
	ck_assert(ifs_name_is_message(name));
	box.n = 0;
	ck_assert(ifs_name_parse(name, &box, &uid));
	ck_assert_int_eq(box.n, messages[_i].box);
	ck_assert_uint_eq(uid, messages[_i].uid);
}
END_TEST

static const char *const not_generated[] = {
	"",
	".eml",
	"x.eml",
	"20240301T120001.eml",
	"20240301T120001-3.eml",
	"20240301T120001-3..eml",
	"20240301T120001-.3.eml",
	"20240301T120001-03.1.eml",
	"20240301T120001-3.01.eml",
	"20240301T120001-0.1.eml",
	"20240301T120001-3.0.eml",
	"20240301T120001-+3.1.eml",
	"20240301T120001- 3.1.eml",
	"20240301T120001--3.1.eml",
	"20240301T120001-3.4294967296.eml",
	"20240301T120001-9223372036854775808.1.eml",
	"20240301T120001-18446744073709551617.1.eml",
	"20240301T12000-3.1.eml",
	"20240301T1200011-3.1.eml",
	"20240301T120001-3.1.eml~",
	"20240301T120001-3.1.EML",
	"20240301T120001-3.1",
};

START_TEST(names_that_are_not_generated)
{
	struct sqb_mailbox_id box;
	uint32_t uid;

	ck_assert(!ifs_name_parse(not_generated[_i], &box, &uid));
}
END_TEST

/* A generated name with an octet or two changed, or any octets. */
START_TEST(parsing_takes_any_octets)
{
	char name[IFS_NAME_MAX + 1], again[IFS_NAME_MAX + 1];
	struct sqb_mailbox_id box;
	unsigned int i, parsed = 0;
	uint32_t uid;

	for (i = 0; i < ROUNDS; i++) {
		random_level(name, IFS_NAME_MAX);
		if (below(2) == 0) {
			box.n = (int64_t)(next_random() >> below(63)) &
				INT64_MAX;
			ifs_name_generate((int64_t)below(1U << 31), box,
					  (uint32_t)next_random(), name);
			name[below(strlen(name))] = (char)('0' + below(12));
		}
		if (!ifs_name_parse(name, &box, &uid))
			continue;
		parsed++;
		ifs_name_generate(0, box, uid, again);
		ck_assert_str_eq(strchr(again, '-'), strchr(name, '-'));
	}
	ck_assert_uint_gt(parsed, 0);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *s = suite_create("names");
	TCase *tc = tcase_create("names");

	tcase_add_unchecked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_level_comes_back_from_its_name);
	tcase_add_test(tc, a_name_is_that_of_its_level);
	tcase_add_test(tc, levels_that_differ_have_names_that_differ);
	tcase_add_loop_test(tc, how_levels_are_written, 0, COUNT(levels));
	tcase_add_loop_test(tc, names_of_no_level, 0, COUNT(no_levels));
	tcase_add_test(tc, a_long_name_is_cut_between_characters);
	tcase_add_loop_test(tc, a_generated_name_tells_where_the_message_is, 0,
			    COUNT(messages));
	tcase_add_loop_test(tc, names_that_are_not_generated, 0,
			    COUNT(not_generated));
	tcase_add_test(tc, parsing_takes_any_octets);
	suite_add_tcase(s, tc);
	return t_run(s);
}
