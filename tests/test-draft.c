/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Drafts: random changes against an array, and the bounds.  SQBOX_TEST_SEED
 * replays a run.
 */
#include "fuse/draft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tests/support.h"

#define IMAGE_MAX (3 * 1024 * 1024)
#define ROUNDS (int)t_rounds(20000)

static struct ifs_draft_space space;
static struct ifs_draft *draft;

static void setup(void)
{
	space.dir = "/tmp";
	space.max = IMAGE_MAX;
	space.used = 0;
	draft = ifs_draft_new(&space);
}

static void teardown(void)
{
	ifs_draft_free(&draft);
	ck_assert_uint_eq(space.used, 0);
}

static char *read_all(size_t *size_r)
{
	char *buf = malloc(IMAGE_MAX);

	ck_assert_ptr_nonnull(buf);
	ck_assert_int_eq(ifs_draft_read(draft, 0, buf, IMAGE_MAX, size_r), 0);
	return buf;
}

static void seed_random(void)
{
	const char *seed = getenv("SQBOX_TEST_SEED");
	unsigned int value = 0;

	if (seed != NULL)
		value = (unsigned int)strtoul(seed, NULL, 10);
	else
		ck_assert_int_eq(getrandom(&value, sizeof(value), 0),
				 sizeof(value));
	printf("test-draft: SQBOX_TEST_SEED=%u\n", value);
	srandom(value);
}

static size_t below(size_t n)
{
	return (size_t)random() % n;
}

/* The image has IMAGE_MAX octets; those past its size are zero. */
static size_t change(char *image, size_t size)
{
	/* Short and near the start, mostly: else all is soon in a file. */
	size_t reach = below(50) == 0 ? IMAGE_MAX : 20000;
	size_t at = below(reach), n = below(reach - at) + 1;
	char buf[20000];

	if (n > sizeof(buf))
		n = sizeof(buf);
	if (below(5) == 0) {
		ck_assert_int_eq(ifs_draft_truncate(draft, at), 0);
		if (at < size)
			memset(image + at, 0, size - at);
		return at;
	}
	memset(buf, (int)below(255) + 1, n);
	ck_assert_int_eq(ifs_draft_write(draft, at, buf, n), 0);
	memcpy(image + at, buf, n);
	return at + n > size ? at + n : size;
}

static void compare(const char *image, size_t size)
{
	size_t at = below(size + 1), want = below(20000), got, left = size - at;
	char buf[20000];

	ck_assert_uint_eq(ifs_draft_size(draft), size);
	ck_assert_uint_eq(space.used, size);
	ck_assert_int_eq(ifs_draft_read(draft, at, buf, want, &got), 0);
	ck_assert_uint_eq(got, want < left ? want : left);
	ck_assert_int_eq(memcmp(buf, image + at, got), 0);
}

START_TEST(random_changes_are_read_back)
{
	char *image = calloc(1, IMAGE_MAX), *all;
	size_t size = 0, got;
	int i;

	ck_assert_ptr_nonnull(image);
	seed_random();
	for (i = 0; i < ROUNDS; i++) {
		if (i % 1000 == 0) {
			ifs_draft_free(&draft);
			draft = ifs_draft_new(&space);
			memset(image, 0, IMAGE_MAX);
			size = 0;
		}
		size = change(image, size);
		compare(image, size);
	}
	all = read_all(&got);
	ck_assert_uint_eq(got, size);
	ck_assert_int_eq(memcmp(all, image, size), 0);
	free(all);
	free(image);
}
END_TEST

START_TEST(what_was_cut_off_does_not_come_back)
{
	size_t got;
	char *all;

	ck_assert_int_eq(ifs_draft_write(draft, 0, "abcdef", 6), 0);
	ck_assert_int_eq(ifs_draft_truncate(draft, 2), 0);
	ck_assert_int_eq(ifs_draft_truncate(draft, 4), 0);
	ck_assert_int_eq(ifs_draft_write(draft, 5, "x", 1), 0);
	all = read_all(&got);
	ck_assert_uint_eq(got, 6);
	ck_assert_int_eq(memcmp(all, "ab\0\0\0x", 6), 0);
	free(all);
}
END_TEST

START_TEST(drafts_share_their_space)
{
	struct ifs_draft *other = ifs_draft_new(&space);

	ck_assert_int_eq(ifs_draft_truncate(other, IMAGE_MAX - 10), 0);
	ck_assert_int_eq(ifs_draft_write(draft, 0, "0123456789", 10), 0);
	ck_assert_int_eq(ifs_draft_write(draft, 10, "x", 1), ENOSPC);
	ck_assert_int_eq(ifs_draft_truncate(draft, 11), ENOSPC);
	ck_assert_uint_eq(ifs_draft_size(draft), 10);
	ck_assert_int_eq(ifs_draft_write(draft, 0, "abc", 3), 0);
	ifs_draft_free(&other);
	ck_assert_int_eq(ifs_draft_write(draft, 10, "x", 1), 0);
}
END_TEST

START_TEST(without_a_place_for_files_small_ones_go_on)
{
	char octet = 'x';

	space.dir = "/nowhere";
	ck_assert_int_eq(ifs_draft_write(draft, 0, &octet, 1), 0);
	ck_assert_int_eq(ifs_draft_write(draft, 1024 * 1024, &octet, 1),
			 ENOENT);
	ck_assert_int_eq(ifs_draft_truncate(draft, 1024 * 1024 + 1), ENOENT);
	ck_assert_uint_eq(ifs_draft_size(draft), 1);
	ck_assert_uint_eq(space.used, 1);
	ck_assert_int_eq(ifs_draft_write(draft, 1024 * 1024 - 1, &octet, 1), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("draft");
	TCase *tc = tcase_create("draft");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, random_changes_are_read_back);
	tcase_add_test(tc, what_was_cut_off_does_not_come_back);
	tcase_add_test(tc, drafts_share_their_space);
	tcase_add_test(tc, without_a_place_for_files_small_ones_go_on);
	suite_add_tcase(s, tc);
	return t_run(s);
}
