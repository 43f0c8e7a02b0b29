/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/maildir-name.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support.h"

/* A name that a program gives; where it is; the name that is shown then. */
static const struct {
	const char *name, *stored;
	unsigned int flags;
	const char *shown;
} names[] = {
	{ "x:2,", "x.eml", 0, "x:2," },
	{ "x", "x.eml", 0, "x:2," },
	{ "x:2,S", "x.eml", SQB_SEEN, "x:2,S" },
	{ "x:2,TSRPFD", "x.eml", IFS_MAILDIR_FLAGS, "x:2,DFPRST" },
	{ "x:2,SSaz~", "x.eml", SQB_SEEN, "x:2,S" },
	{ "x:2,s", "x.eml", 0, "x:2," },
	{ "x:1,S", "x.eml", 0, "x:2," },
	{ "x:2", "x.eml", 0, "x:2," },
	{ "x:", "x.eml", 0, "x:2," },
	{ "x.eml:2,F", "x.eml.eml", SQB_FLAGGED, "x.eml:2,F" },
	{ "1.M2P3.host,S=4,W=5:2,R", "1.M2P3.host,S=4,W=5.eml", SQB_ANSWERED,
	  "1.M2P3.host,S=4,W=5:2,R" },
	{ "\377:2,D", "\377.eml", SQB_DRAFT, "\377:2,D" },
};

START_TEST(names_are_taken_apart_and_put_together)
{
	struct ifs_maildir_name parsed;
	char shown[IFS_NAME_MAX + 1];

	ck_assert(ifs_maildir_name_parse(names[_i].name, &parsed));
	ck_assert_str_eq(parsed.stored, names[_i].stored);
	ck_assert_uint_eq(parsed.flags, names[_i].flags);
	ck_assert(ifs_maildir_name_fits(parsed.stored));
	ifs_maildir_name_format(parsed.stored, parsed.flags, false, shown);
	ck_assert_str_eq(shown, names[_i].shown);
}
END_TEST

START_TEST(names_in_new_have_no_info_without_flags)
{
	char shown[IFS_NAME_MAX + 1];

	ifs_maildir_name_format("x.eml", 0, true, shown);
	ck_assert_str_eq(shown, "x");
	ifs_maildir_name_format("x.eml", IFS_MAILDIR_FORWARDED, true, shown);
	ck_assert_str_eq(shown, "x:2,P");
}
END_TEST

START_TEST(the_longest_base_has_room_for_all)
{
	char name[IFS_NAME_MAX + 1], shown[IFS_NAME_MAX + 1];
	struct ifs_maildir_name parsed;

	memset(name, 'x', 246);
	name[246] = '\0';
	ck_assert(ifs_maildir_name_parse(name, &parsed));
	ifs_maildir_name_format(parsed.stored, IFS_MAILDIR_FLAGS, false, shown);
	ck_assert_uint_eq(strlen(shown), IFS_NAME_MAX);
	name[246] = 'x';
	name[247] = '\0';
	ck_assert(!ifs_maildir_name_parse(name, &parsed));
}
END_TEST

static const char *const no_messages[] = { "", ".", ".x", ".x:2,S", ":2,S" };

START_TEST(others_are_no_messages)
{
	struct ifs_maildir_name parsed;

	ck_assert(!ifs_maildir_name_parse(no_messages[_i], &parsed));
}
END_TEST

static const char *const no_fits[] = { "x", ".eml", ".x.eml", "x:2,S.eml",
				       "x.eml~" };

START_TEST(names_of_the_store_that_cannot_be_shown)
{
	ck_assert(!ifs_maildir_name_fits(no_fits[_i]));
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *s = suite_create("maildir-name");
	TCase *tc = tcase_create("maildir-name");

	tcase_add_loop_test(tc, names_are_taken_apart_and_put_together, 0,
			    COUNT(names));
	tcase_add_test(tc, names_in_new_have_no_info_without_flags);
	tcase_add_test(tc, the_longest_base_has_room_for_all);
	tcase_add_loop_test(tc, others_are_no_messages, 0, COUNT(no_messages));
	tcase_add_loop_test(tc, names_of_the_store_that_cannot_be_shown, 0,
			    COUNT(no_fits));
	suite_add_tcase(s, tc);
	return t_run(s);
}
