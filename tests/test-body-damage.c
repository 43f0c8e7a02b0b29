/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Damaged bodies: noticed, and never handed out.
 */
#include "common/body-private.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/fixture-body.h"
#include "tests/support.h"

#include <stdlib.h>

static enum sqb_err read_body(struct sqb_body_id id, size_t *size_r)
{
	size_t room = (size_t)column_of(id, "vsize") + 1;
	struct sqb_body_reader *r;
	char *out = sqb_xmalloc(room);
	enum sqb_err err;

	err = sqb_body_open_id(st, id, &r);
	if (err == SQB_OK) {
		err = read_all(r, out, room, size_r);
		sqb_body_close(&r);
	}
	free(out);
	return err;
}

/*
 * Every octet of the blob of the first chunk, one after the other.  A few bits
 * of a zstd frame mean nothing; but never does anything wrong come out.
 */
static void damage_each_octet(char *data, size_t size, int step)
{
	struct sqb_body_id id = commit_body(sqb_xmemdup(data, size), size);
	int packed = (int)column_of(id, "length(data)"), harmless = 0, i;
	enum sqb_err err;
	size_t got = 0;

	step = packed / (int)t_rounds((unsigned int)(packed / step));
	for (i = 0; i < packed; i += step) {
		t_damage(st, "body", "data", id.n, i);
		err = read_body(id, &got);
		if (err == SQB_OK) {
			same_body(id, data, size);
			harmless++;
		} else {
			ck_assert_int_eq(err, SQB_CORRUPT);
			ck_assert_uint_eq(got, 0);
		}
		t_damage(st, "body", "data", id.n, i);
	}
	ck_assert_int_le(harmless, packed / 50);
	same_body(id, data, size);
	free(data);
}

START_TEST(damage_of_a_packed_body_is_noticed)
{
	damage_each_octet(t_mail(5000, 1), 5000, 1);
}
END_TEST

START_TEST(damage_of_a_raw_body_is_noticed)
{
	damage_each_octet(t_noise(500, 1), 500, 1);
}
END_TEST

START_TEST(damage_of_the_first_chunk_is_noticed)
{
	damage_each_octet(t_mail(400000, 1), 400000, 97);
}
END_TEST

START_TEST(damage_of_a_chunk_leaves_the_others_readable)
{
	struct sqb_body_id id = commit_body(t_mail(400000, 1), 400000);
	struct sqb_body_reader *r;
	const void *part;
	size_t size;

	t_damage(st, "body_chunk", "data",
		 t_sql_int(st, "SELECT rowid FROM body_chunk WHERE n = 2"),
		 5000);
	t_ok(st, sqb_body_open_id(st, id, &r));
	t_ok(st, sqb_body_data(r, 0, &part, &size));
	t_ok(st, sqb_body_data(r, SQB_BODY_CHUNK, &part, &size));
	t_fails(sqb_body_data(r, (uint64_t)2 * SQB_BODY_CHUNK, &part, &size),
		SQB_CORRUPT);
	t_says(st, "other messages");
	t_ok(st, sqb_body_data(r, (uint64_t)3 * SQB_BODY_CHUNK, &part, &size));
	sqb_body_close(&r);
}
END_TEST

START_TEST(a_damaged_first_chunk_does_not_hide_the_rest)
{
	struct sqb_body_id id = commit_body(t_mail(400000, 1), 400000);
	struct sqb_body_reader *r;
	const void *part;
	size_t size;

	t_damage(st, "body", "data", id.n, 100);
	t_ok(st, sqb_body_open_id(st, id, &r));
	t_fails(sqb_body_data(r, 0, &part, &size), SQB_CORRUPT);
	t_ok(st, sqb_body_data(r, SQB_BODY_CHUNK, &part, &size));
	sqb_body_close(&r);
}
END_TEST

/* What else may have happened to the rows of body 1, of four chunks. */
static const struct {
	const char *sql;
	const char *words;
} damage_cases[] = {
	{ "DELETE FROM body_chunk WHERE n = 2", "missing" },
	{ "UPDATE body_chunk SET data = x'' WHERE n = 2", "a chunk" },
	{ "UPDATE body_chunk SET data = (SELECT data FROM body_chunk"
	  " WHERE n = 1) WHERE n = 2",
	  "checksum" },
	{ "UPDATE body_chunk SET data = (SELECT data FROM body) WHERE n = 3",
	  "a chunk" }, /* the last one is shorter */
	{ "UPDATE body SET sum = sum + 1", "checksum" },
	{ "UPDATE body SET vsize = vsize - 1", "a chunk" },
	{ "UPDATE body SET vsize = vsize + 1", "a chunk" },
	{ "UPDATE body SET vsize = vsize + 1000000", "a chunk" },
	{ "UPDATE body SET codec = 0", "codec" },
	{ "UPDATE body SET data = x'28b52ffd'", "a chunk" },
};

START_TEST(rows_that_do_not_fit_are_noticed)
{
	struct sqb_body_id id = commit_body(t_mail(400000, 1), 400000);
	size_t got;

	t_sql(st, damage_cases[_i].sql);
	t_fails(read_body(id, &got), SQB_CORRUPT);
	t_says(st, damage_cases[_i].words);
}
END_TEST

START_TEST(after_a_wrong_sum_nothing_more_is_handed_out)
{
	struct sqb_body_id id = commit_body(t_mail(400000, 1), 400000);
	struct sqb_body_reader *r;
	const void *part;
	size_t size;
	int n;

	t_sql(st, "UPDATE body SET sum = sum + 1");
	t_ok(st, sqb_body_open_id(st, id, &r));
	for (n = 0; n < 3; n++)
		t_ok(st, sqb_body_data(r, (uint64_t)n * SQB_BODY_CHUNK, &part,
				       &size));
	t_fails(sqb_body_data(r, 399999, &part, &size), SQB_CORRUPT);
	t_fails(sqb_body_data(r, 399999, &part, &size), SQB_CORRUPT);
	t_fails(sqb_body_data(r, 0, &part, &size), SQB_CORRUPT);
	sqb_body_close(&r);
}
END_TEST

START_TEST(a_chunk_without_its_checksum_is_damage)
{
	struct sqb_body_id id = commit_body(t_mail(400000, 1), 400000);
	size_t got;

	/* The flag of a frame, and the four octets at its end. */
	t_sql(st,
	      "UPDATE body_chunk SET data ="
	      " CAST(substr(data, 1, 4) || x'A0' || substr(data, 6) AS BLOB)"
	      " WHERE n = 1");
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body_chunk WHERE"
				       " n = 1 AND substr(data, 5, 1) = x'A0'"),
			 1);
	t_sql(st, "UPDATE body_chunk SET data ="
		  " substr(data, 1, length(data) - 4) WHERE n = 1");
	t_fails(read_body(id, &got), SQB_CORRUPT);
}
END_TEST

/* The octet behind the flags of the only frame. */
START_TEST(a_frame_of_another_dictionary_is_damage)
{
	struct sqb_body_id id = commit_body(t_mail(3000, 1), 3000);
	size_t got;

	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body"
				       " WHERE substr(data, 6, 1) = x'02'"),
			 1);
	t_sql(st, "UPDATE body SET data = CAST(substr(data, 1, 5) ||"
		  " x'01' || substr(data, 7) AS BLOB)");
	t_fails(read_body(id, &got), SQB_CORRUPT);
	t_sql(st, "UPDATE body SET data = CAST(substr(data, 1, 5) ||"
		  " x'03' || substr(data, 7) AS BLOB)");
	t_fails(read_body(id, &got), SQB_CORRUPT);
}
END_TEST

START_TEST(a_message_without_its_body_is_damage)
{
	uint32_t uid = t_append_text(st, "\r\n");
	uint32_t other = t_append_text(st, "\r\n");
	struct sqb_body_reader *r;
	struct sqb_body_info info;

	t_sql(st, "DELETE FROM body WHERE id = 1");
	t_fails(sqb_body_open(st, T_INBOX, uid, &r), SQB_CORRUPT);
	t_fails(sqb_body_info(st, T_INBOX, uid, &info), SQB_CORRUPT);
	t_ok(st, sqb_body_open(st, T_INBOX, other, &r));
	sqb_body_close(&r);
}
END_TEST

static void add_damage_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "damage");

	tcase_add_test(tc, damage_of_a_packed_body_is_noticed);
	tcase_add_test(tc, damage_of_a_raw_body_is_noticed);
	tcase_add_test(tc, damage_of_the_first_chunk_is_noticed);
	tcase_add_test(tc, damage_of_a_chunk_leaves_the_others_readable);
	tcase_add_test(tc, a_damaged_first_chunk_does_not_hide_the_rest);
	tcase_add_loop_test(tc, rows_that_do_not_fit_are_noticed, 0,
			    COUNT(damage_cases));
	tcase_add_test(tc, after_a_wrong_sum_nothing_more_is_handed_out);
	tcase_add_test(tc, a_chunk_without_its_checksum_is_damage);
	tcase_add_test(tc, a_frame_of_another_dictionary_is_damage);
	tcase_add_test(tc, a_message_without_its_body_is_damage);
}

int main(void)
{
	Suite *suite = suite_create("body-damage");

	add_damage_tests(suite);
	return t_run(suite);
}
