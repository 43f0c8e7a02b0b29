/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Bodies: what is written comes back octet by octet, or not at all.
 */
#include "common/body-private.h"
#include "common/message.h"
#include "common/store-private.h"
#include "tests/fixture-body.h"
#include "tests/support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *text;
	uint64_t hdr_size, psize;
} line_cases[] = {
	{ "", 0, 0 },
	{ "\r\n", 2, 1 },
	{ "\r\nbody\r\n", 2, 6 },
	{ "A: b\r\n\r\n", 8, 6 },
	{ "A: b\r\n\r\nbody\r\n", 8, 11 },
	{ "A: b\r\n\r\nno end", 8, 12 },
	{ "A: b\r\nC: d\r\n", 12, 10 }, /* all header */
	{ "A: b\r\n", 6, 5 },
	{ "A: b", 4, 4 },
	{ "A: b\r\n\r\n\r\n\r\n", 8, 8 },
	{ "A: b\r\n \r\n\r\nbody", 11, 12 }, /* a line of one space */
	{ "\r", 1, 1 },
	{ "\n", 1, 1 },
	{ "\r\r\n", 3, 2 },
	{ "A\r\r\n\r\nb", 6, 5 },
	{ "A: b\n\nbody\r\n", 12, 11 }, /* LF alone ends no line */
};

START_TEST(sizes_follow_from_the_line_ends)
{
	const char *text = line_cases[_i].text;
	size_t size = strlen(text), step, i;

	/* However the text is cut into pieces. */
	for (step = 1; step <= size + 1; step++) {
		struct sqb_body_writer *w = sqb_body_begin(st);
		struct sqb_body_id id;

		for (i = 0; i < size; i += step)
			t_ok(st,
			     sqb_body_write(w, text + i,
					    size - i < step ? size - i : step));
		t_ok(st, sqb_body_finish(w, NULL));
		ck_assert_uint_eq(sqb_body_writer_vsize(w), size);
		ck_assert_uint_eq(sqb_body_writer_psize(w),
				  line_cases[_i].psize);
		t_ok(st, sqb_txn_begin(st));
		id = store_body(w, true);
		t_ok(st, sqb_txn_commit(st));
		ck_assert_int_eq(column_of(id, "hdr_size"),
				 (int64_t)line_cases[_i].hdr_size);
		same_body(id, text, size);
		sqb_body_writer_free(&w);
	}
}
END_TEST

static const struct {
	size_t size;
	bool noise;
	int codec;
} size_cases[] = {
	{ 0, false, SQB_CODEC_RAW },
	{ 1, false, SQB_CODEC_RAW },
	{ 60, false, SQB_CODEC_ZSTD }, /* known to the dictionary */
	{ 1, true, SQB_CODEC_RAW },
	{ 3000, false, SQB_CODEC_ZSTD },
	{ 3000, true, SQB_CODEC_RAW },
	{ SQB_BODY_CHUNK - 1, false, SQB_CODEC_ZSTD },
	{ SQB_BODY_CHUNK, false, SQB_CODEC_ZSTD },
	{ SQB_BODY_CHUNK, true, SQB_CODEC_RAW },
	{ SQB_BODY_CHUNK + 1, false, SQB_CODEC_ZSTD },
	{ SQB_BODY_CHUNK + 1, true, SQB_CODEC_ZSTD },
	{ 3 * SQB_BODY_CHUNK, true, SQB_CODEC_ZSTD },
	{ 1000000, false, SQB_CODEC_ZSTD },
	{ 9000000, true, SQB_CODEC_ZSTD }, /* more than stays in memory */
};

static char *case_data(int i)
{
	return size_cases[i].noise ? t_noise(size_cases[i].size, 3)
				   : t_mail(size_cases[i].size, 3);
}

START_TEST(what_is_written_comes_back)
{
	size_t size = size_cases[_i].size;
	char *data = case_data(_i);
	struct sqb_body_writer *w = t_body(st, data, size);
	struct sqb_body_id id;
	const void *part;
	size_t at, n;

	for (at = 0; at < size; at += 77777) {
		t_ok(st, sqb_body_writer_data(w, at, &part, &n));
		ck_assert_uint_gt(n, 0);
		ck_assert_int_eq(memcmp(part, data + at, n), 0);
	}
	t_ok(st, sqb_body_writer_data(w, size, &part, &n));
	ck_assert_uint_eq(n, 0);

	t_ok(st, sqb_txn_begin(st));
	id = store_body(w, true);
	t_ok(st, sqb_txn_commit(st));
	sqb_body_writer_free(&w);
	t_store_reopen(&st);
	ck_assert_int_eq(column_of(id, "codec"), size_cases[_i].codec);
	same_body(id, data, size);
	free(data);
}
END_TEST

START_TEST(any_part_can_be_read_in_any_order)
{
	size_t size = 5 * SQB_BODY_CHUNK + 1000, n;
	char *data = t_mail(size, 8);
	struct sqb_body_id id = commit_body(sqb_xmemdup(data, size), size);
	struct sqb_body_reader *r;
	unsigned int i, seed = 1;
	const void *part;

	t_ok(st, sqb_body_open_id(st, id, &r));
	for (i = 0; i < 200; i++) {
		size_t at = (seed = seed * 1103515245U + 12345U) % size;

		t_ok(st, sqb_body_data(r, at, &part, &n));
		ck_assert_uint_eq(n, sqb_chunk_size(size, at / SQB_BODY_CHUNK) -
					     at % SQB_BODY_CHUNK);
		ck_assert_int_eq(memcmp(part, data + at, n), 0);
	}
	t_ok(st, sqb_body_data(r, size, &part, &n));
	ck_assert_uint_eq(n, 0);
	t_ok(st, sqb_body_data(r, UINT64_MAX, &part, &n));
	ck_assert_uint_eq(n, 0);
	sqb_body_close(&r);
	free(data);
}
END_TEST

START_TEST(a_message_has_its_body)
{
	struct sqb_body_reader *r;
	struct sqb_body_info info;
	const void *data;
	uint32_t uid;
	size_t size;

	uid = t_append_text(st, "A: b\r\n\r\nbody\r\n");
	t_ok(st, sqb_body_info(st, T_INBOX, uid, &info));
	ck_assert_uint_eq(info.vsize, 14);
	ck_assert_uint_eq(info.hdr_size, 8);
	t_ok(st, sqb_body_open(st, T_INBOX, uid, &r));
	ck_assert_int_eq(sqb_body_reader_info(r)->id.n, info.id.n);
	ck_assert_mem_eq(sqb_body_reader_info(r)->guid, info.guid,
			 SQB_GUID_SIZE);
	t_ok(st, sqb_body_data(r, 8, &data, &size));
	ck_assert_uint_eq(size, 6);
	ck_assert_mem_eq(data, "body\r\n", 6);
	sqb_body_close(&r);
	ck_assert_ptr_null(r);
	sqb_body_close(&r);
}
END_TEST

/* More than are read ahead at a time, with gaps. */
START_TEST(one_after_the_other_each_has_its_own)
{
	struct sqb_body_reader *r;
	char text[32];
	uint32_t uid;
	const void *data;
	size_t size;

	for (uid = 1; uid <= 100; uid++) {
		(void)snprintf(text, sizeof(text), "A: %u\r\n\r\n", uid);
		ck_assert_uint_eq(t_append_text(st, text), uid);
	}
	t_sql(st, "DELETE FROM message WHERE uid IN (7, 8, 30, 31, 32)");
	t_sql(st, "DELETE FROM body WHERE id = 50");
	for (uid = 1; uid <= 100; uid++) {
		if (uid == 50) {
			t_fails(sqb_body_open(st, T_INBOX, uid, &r),
				SQB_CORRUPT);
			continue;
		}
		if (uid == 7 || uid == 8 || (uid >= 30 && uid <= 32)) {
			t_fails(sqb_body_open(st, T_INBOX, uid, &r),
				SQB_NOTFOUND);
			continue;
		}
		(void)snprintf(text, sizeof(text), "A: %u\r\n\r\n", uid);
		t_ok(st, sqb_body_open(st, T_INBOX, uid, &r));
		t_ok(st, sqb_body_data(r, 0, &data, &size));
		ck_assert_uint_eq(size, strlen(text));
		ck_assert_mem_eq(data, text, size);
		sqb_body_close(&r);
	}
}
END_TEST

START_TEST(what_was_read_ahead_is_forgotten_with_the_next_statement)
{
	struct sqb_body_reader *r;
	struct sqb_body_info info;
	uint32_t uid;

	for (uid = 1; uid <= 9; uid++)
		(void)t_append_text(st, "\r\n");
	for (uid = 1; uid <= 4; uid++) {
		t_ok(st, sqb_body_open(st, T_INBOX, uid, &r));
		sqb_body_close(&r);
	}
	t_sql(st, "DELETE FROM message WHERE uid = 5");
	t_ok(st, sqb_body_info(st, T_INBOX, 6, &info));
	t_fails(sqb_body_open(st, T_INBOX, 5, &r), SQB_NOTFOUND);
}
END_TEST

START_TEST(reading_on_leaves_no_snapshot_open)
{
	struct sqb_body_reader *r;
	uint32_t uid;

	for (uid = 1; uid <= 9; uid++)
		(void)t_append_text(st, "\r\n");
	for (uid = 1; uid <= 4; uid++) {
		t_ok(st, sqb_body_open(st, T_INBOX, uid, &r));
		sqb_body_close(&r);
		ck_assert_int_eq(sqlite3_txn_state(sqb_db(st), "main"),
				 SQLITE_TXN_NONE);
	}
}
END_TEST

START_TEST(no_message_is_an_answer)
{
	struct sqb_mailbox_id nowhere = { 77 };
	struct sqb_body_id nobody = { 77 };
	struct sqb_body_reader *r;
	struct sqb_body_info info;

	(void)t_append_text(st, "\r\n");
	t_fails(sqb_body_info(st, T_INBOX, 2, &info), SQB_NOTFOUND);
	t_fails(sqb_body_open(st, T_INBOX, 2, &r), SQB_NOTFOUND);
	t_fails(sqb_body_open(st, nowhere, 1, &r), SQB_NOTFOUND);
	t_fails(sqb_body_open_id(st, nobody, &r), SQB_NOTFOUND);
}
END_TEST

START_TEST(several_may_be_read_and_written_at_once)
{
	struct sqb_body_writer *a = sqb_body_begin(st), *b = sqb_body_begin(st);
	char *one = t_mail(300000, 1), *two = t_mail(300000, 2);
	struct sqb_body_reader *ra, *rb;
	struct sqb_body_id ia, ib;
	const void *part;
	size_t i, n;

	for (i = 0; i < 300000; i += 10000) {
		t_ok(st, sqb_body_write(a, one + i, 10000));
		t_ok(st, sqb_body_write(b, two + i, 10000));
	}
	t_ok(st, sqb_body_finish(a, NULL));
	t_ok(st, sqb_body_finish(b, NULL));
	t_ok(st, sqb_txn_begin(st));
	ia = store_body(a, true);
	ib = store_body(b, true);
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_ne(ia.n, ib.n);
	t_ok(st, sqb_body_open_id(st, ia, &ra));
	t_ok(st, sqb_body_open_id(st, ib, &rb));
	for (i = 0; i < 300000; i += 50000) {
		t_ok(st, sqb_body_data(ra, i, &part, &n));
		ck_assert_mem_eq(part, one + i, n);
		t_ok(st, sqb_body_data(rb, i, &part, &n));
		ck_assert_mem_eq(part, two + i, n);
	}
	sqb_body_close(&ra);
	sqb_body_close(&rb);
	sqb_body_writer_free(&a);
	sqb_body_writer_free(&b);
	free(one);
	free(two);
}
END_TEST

START_TEST(a_guid_is_kept_or_made)
{
	static const uint8_t wanted[SQB_GUID_SIZE] = "0123456789abcde";
	struct sqb_body_writer *a = sqb_body_begin(st);
	struct sqb_body_writer *b = t_body(st, "\r\n", 2);
	struct sqb_body_writer *c = t_body(st, "\r\n", 2);
	struct sqb_body_reader *r;
	uint8_t made[SQB_GUID_SIZE];

	t_ok(st, sqb_body_finish(a, wanted));
	t_ok(st, sqb_txn_begin(st));
	(void)store_body(a, true);
	(void)store_body(b, true);
	(void)store_body(c, true);
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_body_open_id(st, (struct sqb_body_id){ 1 }, &r));
	ck_assert_mem_eq(sqb_body_reader_info(r)->guid, wanted, SQB_GUID_SIZE);
	sqb_body_close(&r);
	t_ok(st, sqb_body_open_id(st, (struct sqb_body_id){ 2 }, &r));
	memcpy(made, sqb_body_reader_info(r)->guid, SQB_GUID_SIZE);
	sqb_body_close(&r);
	t_ok(st, sqb_body_open_id(st, (struct sqb_body_id){ 3 }, &r));
	ck_assert_mem_ne(sqb_body_reader_info(r)->guid, made, SQB_GUID_SIZE);
	sqb_body_close(&r);
	sqb_body_writer_free(&a);
	sqb_body_writer_free(&b);
	sqb_body_writer_free(&c);
}
END_TEST

START_TEST(a_writer_is_finished_once_and_before_it_is_stored)
{
	struct sqb_body_writer *w = sqb_body_begin(st);
	struct sqb_body_id id;
	const void *data;
	size_t size;
	bool fresh;

	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_body_store(st, w, T_DATE, &id, &fresh), SQB_INVALID);
	sqb_txn_rollback(st);
	t_fails(sqb_body_writer_data(w, 0, &data, &size), SQB_INVALID);
	t_ok(st, sqb_body_finish(w, NULL));
	t_fails(sqb_body_finish(w, NULL), SQB_INVALID);
	t_fails(sqb_body_write(w, "x", 1), SQB_INVALID);
	t_fails(sqb_body_store(st, w, T_DATE, &id, &fresh), SQB_INTERNAL);
	sqb_body_writer_free(&w);
	ck_assert_ptr_null(w);
	sqb_body_writer_free(&w);
}
END_TEST

START_TEST(a_body_of_another_store_is_refused)
{
	struct sqb_store *other = t_store_open();
	struct sqb_body_writer *w = t_body(other, "\r\n", 2);
	struct sqb_body_id id;
	bool fresh;

	t_ok(st, sqb_txn_begin(st));
	t_fails(sqb_body_store(st, w, T_DATE, &id, &fresh), SQB_INVALID);
	sqb_txn_rollback(st);
	sqb_body_writer_free(&w);
	t_store_close(&other);
}
END_TEST

START_TEST(a_body_is_stored_once)
{
	char *data = t_mail(400000, 4);
	struct sqb_body_writer *w = t_body(st, data, 400000);
	struct sqb_body_id id;

	t_ok(st, sqb_txn_begin(st));
	id = store_body(w, true);
	ck_assert_int_eq(store_body(w, false).n, id.n);
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_txn_begin(st));
	ck_assert_int_eq(store_body(w, false).n, id.n);
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body"), 1);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body_chunk"), 3);
	sqb_body_writer_free(&w);
	free(data);
}
END_TEST

START_TEST(a_body_whose_transaction_was_undone_is_stored_again)
{
	char *data = t_mail(400000, 4);
	struct sqb_body_writer *w = t_body(st, data, 400000);
	struct sqb_body_writer *other = t_body(st, "\r\n", 2);
	struct sqb_body_id id;

	t_ok(st, sqb_txn_begin(st));
	(void)store_body(w, true);
	sqb_txn_rollback(st);
	t_ok(st, sqb_txn_begin(st));
	(void)store_body(other, true); /* has its id now */
	id = store_body(w, true);
	t_ok(st, sqb_txn_commit(st));
	same_body(id, data, 400000);
	sqb_body_writer_free(&w);
	sqb_body_writer_free(&other);
	free(data);
}
END_TEST

START_TEST(a_body_that_was_freed_is_stored_again)
{
	struct sqb_body_writer *w = t_body(st, "\r\n", 2);
	struct sqb_body_id id, again;

	t_ok(st, sqb_txn_begin(st));
	id = store_body(w, true);
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_body_free(st, id));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_txn_begin(st));
	again = store_body(w, true);
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_ne(again.n, id.n);
	sqb_body_writer_free(&w);
}
END_TEST

START_TEST(freeing_removes_all_chunks)
{
	struct sqb_body_id id = commit_body(t_mail(400000, 4), 400000);

	t_fails(sqb_body_free(st, id), SQB_INTERNAL);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_body_free(st, id));
	t_ok(st, sqb_body_free(st, id)); /* gone already: no error */
	t_ok(st, sqb_txn_commit(st));
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body"), 0);
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body_chunk"), 0);
}
END_TEST

START_TEST(a_reader_outlives_the_message_but_not_the_body)
{
	char *data = t_mail(400000, 4);
	uint32_t uid = t_append(st, T_INBOX, data, 400000);
	struct sqb_body_reader *r;
	const void *part;
	size_t size;

	t_ok(st, sqb_body_open(st, T_INBOX, uid, &r));
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, T_INBOX, uid, uid, NULL));
	t_ok(st, sqb_txn_commit(st));
	t_ok(st, sqb_body_data(r, 300000, &part, &size));
	ck_assert_mem_eq(part, data + 300000, size);
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_body_free(st, sqb_body_reader_info(r)->id));
	t_ok(st, sqb_txn_commit(st));
	t_fails(sqb_body_data(r, 0, &part, &size), SQB_NOTFOUND);
	t_fails(sqb_body_data(r, 200000, &part, &size), SQB_NOTFOUND);
	sqb_body_close(&r);
	free(data);
}
END_TEST

static unsigned int files_in_store(void)
{
	DIR *files = opendir(sqb_store_dir(st));
	unsigned int count = 0;

	ck_assert_ptr_nonnull(files);
	while (readdir(files) != NULL)
		count++;
	(void)closedir(files);
	return count;
}

START_TEST(a_large_body_leaves_no_file_behind)
{
	unsigned int before = files_in_store();
	char *noise = t_noise(9000000, 1);
	struct sqb_body_writer *w = t_body(st, noise, 9000000);

	ck_assert_uint_eq(files_in_store(), before);
	sqb_body_writer_free(&w);
	free(noise);
}
END_TEST

START_TEST(the_level_can_be_chosen)
{
	int64_t sizes[2];
	int i;

	for (i = 0; i < 2; i++) {
		struct sqb_body_id id;

		sqb_store_set_compress_level(st, i == 0 ? -5 : 1000);
		id = commit_body(t_mail(100000, 1), 100000);
		sizes[i] = column_of(id, "length(data)");
	}
	ck_assert_int_lt(sizes[1], sizes[0]);
}
END_TEST

static void add_stream_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "streams");

	tcase_add_loop_test(tc, sizes_follow_from_the_line_ends, 0,
			    COUNT(line_cases));
	tcase_add_loop_test(tc, what_is_written_comes_back, 0,
			    COUNT(size_cases));
	tcase_add_test(tc, any_part_can_be_read_in_any_order);
	tcase_add_test(tc, a_message_has_its_body);
	tcase_add_test(tc, one_after_the_other_each_has_its_own);
	tcase_add_test(
		tc, what_was_read_ahead_is_forgotten_with_the_next_statement);
	tcase_add_test(tc, reading_on_leaves_no_snapshot_open);
	tcase_add_test(tc, no_message_is_an_answer);
	tcase_add_test(tc, several_may_be_read_and_written_at_once);
	tcase_add_test(tc, a_guid_is_kept_or_made);
	tcase_add_test(tc, a_writer_is_finished_once_and_before_it_is_stored);
	tcase_add_test(tc, a_large_body_leaves_no_file_behind);
	tcase_add_test(tc, the_level_can_be_chosen);
}

static void add_row_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "rows");

	tcase_add_test(tc, a_body_of_another_store_is_refused);
	tcase_add_test(tc, a_body_is_stored_once);
	tcase_add_test(tc, a_body_whose_transaction_was_undone_is_stored_again);
	tcase_add_test(tc, a_body_that_was_freed_is_stored_again);
	tcase_add_test(tc, freeing_removes_all_chunks);
	tcase_add_test(tc, a_reader_outlives_the_message_but_not_the_body);
}

int main(void)
{
	Suite *suite = suite_create("body");

	add_stream_tests(suite);
	add_row_tests(suite);
	return t_run(suite);
}
