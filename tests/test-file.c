/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Messages as files: every octet comes back, at any offset, or an error does.
 */
#include "common/body-private.h"
#include "common/file.h"
#include "common/maintain.h"
#include "common/message.h"
#include "tests/support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHUNK SQB_BODY_CHUNK

static struct sqb_store *st;

static void setup(void)
{
	st = t_store_open();
}

static void teardown(void)
{
	t_store_close(&st);
}

/* The file, handed over in pieces of at most this size. */
static struct sqb_body_writer *write_file(const char *data, size_t size,
					  size_t piece)
{
	struct sqb_body_writer *w = sqb_body_begin(st);
	size_t done, n;

	for (done = 0; done < size; done += n) {
		n = size - done < piece ? size - done : piece;
		t_ok(st, sqb_body_write_file(w, data + done, n));
	}
	t_ok(st, sqb_body_finish(w, NULL));
	return w;
}

static uint32_t append(struct sqb_body_writer *w)
{
	uint32_t uid;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_append(st, T_INBOX, w, NULL, &uid));
	t_ok(st, sqb_txn_commit(st));
	return uid;
}

static uint32_t append_file(const char *data, size_t size, size_t piece)
{
	struct sqb_body_writer *w = write_file(data, size, piece);
	uint32_t uid = append(w);

	ck_assert_uint_eq(sqb_body_writer_psize(w), size);
	sqb_body_writer_free(&w);
	return uid;
}

/* What IMAP is to see of a file; *size_r its size.  To free(). */
static char *wire_of(const char *data, size_t size, size_t *size_r)
{
	char *wire = sqb_xmalloc(2 * size + 1);
	size_t i, n = 0;

	for (i = 0; i < size; i++) {
		if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
			wire[n++] = '\r';
		wire[n++] = data[i];
	}
	*size_r = n;
	return wire;
}

static int eol_of(const char *data, size_t size)
{
	bool lf = false, crlf = false;
	size_t i;

	for (i = 0; i < size; i++) {
		if (data[i] == '\n' && i > 0 && data[i - 1] == '\r')
			crlf = true;
		else if (data[i] == '\n')
			lf = true;
	}
	return crlf ? (lf ? SQB_EOL_MIXED : SQB_EOL_CRLF) : SQB_EOL_LF;
}

static void same_octets(const char *got, const char *want, size_t size)
{
	size_t i;

	if (memcmp(got, want, size) == 0)
		return;
	for (i = 0; i < size; i++)
		ck_assert_msg(got[i] == want[i],
			      "octet %zu of %zu is 0x%02x, not 0x%02x", i, size,
			      (unsigned char)got[i], (unsigned char)want[i]);
}

static void wire_is(uint32_t uid, const char *want, size_t want_size)
{
	struct sqb_body_reader *r;
	uint64_t offset = 0;
	const void *data;
	size_t size;

	t_ok(st, sqb_body_open(st, T_INBOX, uid, &r));
	ck_assert_uint_eq(sqb_body_reader_info(r)->vsize, want_size);
	for (;; offset += size) {
		t_ok(st, sqb_body_data(r, offset, &data, &size));
		if (size == 0)
			break;
		same_octets(data, want + offset, size);
	}
	ck_assert_uint_eq(offset, want_size);
	sqb_body_close(&r);
}

static void file_is(uint32_t uid, const char *want, size_t want_size,
		    size_t step)
{
	char *buf = sqb_xmalloc(step);
	struct sqb_file_reader *r;
	uint64_t offset = 0;
	size_t got;

	t_ok(st, sqb_file_open(st, T_INBOX, uid, &r));
	ck_assert_uint_eq(sqb_file_size(r), want_size);
	do {
		t_ok(st, sqb_file_read(r, offset, buf, step, &got));
		ck_assert_uint_eq(got, want_size - offset < step
					       ? want_size - offset
					       : step);
		same_octets(buf, want + offset, got);
		offset += got;
	} while (got > 0);
	sqb_file_close(&r);
	free(buf);
}

static void psize_is(uint32_t uid, uint64_t want)
{
	struct sqb_message msg;

	t_ok(st, sqb_message_get(st, T_INBOX, uid, &msg));
	ck_assert_uint_eq(msg.psize, want);
}

/* All that must hold of a file, written in pieces of this size. */
static void comes_back(const char *data, size_t size, size_t piece)
{
	uint32_t uid = append_file(data, size, piece);
	size_t wire_size;
	char *wire = wire_of(data, size, &wire_size);

	psize_is(uid, size);
	wire_is(uid, wire, wire_size);
	file_is(uid, data, size, 100000);
	file_is(uid, data, size, size < 200 ? 1 : 4096);
	ck_assert_int_eq(t_sql_int(st, "SELECT eol FROM body"
				       " ORDER BY id DESC LIMIT 1"),
			 eol_of(data, size));
	free(wire);
}

static const char *const files[] = {
	"",
	"a",
	"\n",
	"\r",
	"\r\n",
	"a: b\n\ntext\n",
	"a: b\r\n\r\ntext\r\n",
	"a: b\r\n\ntext\n",
	"a: b\n\r\ntext\r\n",
	"a: b\n\ntext",
	"a: b\r\n\r\ntext",
	"a\r",
	"a\rb\rc\n",
	"a\r\r\nb\n",
	"a\r\r\nb\r\n",
	"\r\r\r\n\r\r",
	"\n\r\n\r\n\n\n",
	"\r\n\n\r\r\n\n\r",
	"\n\n\n\r",
	"\r\n\r\n\r\r",
};

START_TEST(a_file_reads_back_as_it_was)
{
	size_t size = strlen(files[_i]), piece;

	for (piece = 1; piece <= 4; piece++)
		comes_back(files[_i], size, piece);
	comes_back(files[_i], size, 1000);
}
END_TEST

/* The same, with their octets on all sides of the end of a chunk. */
START_TEST(a_file_may_be_cut_anywhere_into_chunks)
{
	size_t size = strlen(files[_i]), shift;
	char *data = sqb_xmalloc(CHUNK + 2 * size + 1);

	for (shift = 0; shift <= size + 1; shift++) {
		memset(data, 'x', CHUNK);
		memcpy(data, files[_i], size);
		memcpy(data + CHUNK - shift, files[_i], size);
		memcpy(data + CHUNK - shift + size, files[_i], size);
		comes_back(data, CHUNK - shift + 2 * size, CHUNK - 1);
	}
	free(data);
}
END_TEST

START_TEST(octets_of_any_value_come_back)
{
	char *noise = t_noise(3 * CHUNK + 77, 5), all[256];
	size_t i;

	for (i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	comes_back(all, sizeof(all), 7);
	comes_back(noise, 3 * CHUNK + 77, 4000);
	memset(noise, 0, 3 * CHUNK);
	comes_back(noise, 3 * CHUNK, 65536);
	free(noise);
}
END_TEST

static uint64_t random_state;

static uint32_t rnd(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 32) %
	       n;
}

/* Where lines are short there are many; kinds: of line ends, or-ed. */
static char *random_file(size_t size, uint32_t line, uint32_t kinds)
{
	char *data = sqb_xmalloc(size + 3);
	size_t i = 0;

	while (i < size) {
		switch (rnd(line)) {
		case 0:
			if ((kinds & 1) != 0)
				data[i++] = '\n';
			break;
		case 1:
			if ((kinds & 2) != 0) {
				data[i++] = '\r';
				data[i++] = '\n';
			}
			break;
		case 2:
			if ((kinds & 4) != 0)
				data[i++] = '\r';
			break;
		default:
			data[i++] = (char)('a' + rnd(3));
		}
	}
	return data;
}

static void read_at_random(uint32_t uid, const char *data, size_t size)
{
	char *buf = sqb_xmalloc(2 * CHUNK);
	size_t at, want, got, left;
	struct sqb_file_reader *r;
	struct sqb_message msg;
	uint32_t i;

	t_ok(st, sqb_message_get(st, T_INBOX, uid, &msg));
	t_ok(st, rnd(2) == 0 ? sqb_file_open(st, T_INBOX, uid, &r)
			     : sqb_file_open_id(st, msg.body, &r));
	ck_assert_uint_eq(sqb_file_size(r), size);
	for (i = 0; i < 30; i++) {
		at = rnd((uint32_t)size + 10);
		want = rnd(i % 3 == 0 ? 2 * CHUNK : 200);
		left = at < size ? size - at : 0;
		t_ok(st, sqb_file_read(r, at, buf, want, &got));
		ck_assert_uint_eq(got, want < left ? want : left);
		same_octets(buf, data + at, got);
	}
	t_ok(st, sqb_file_read(r, UINT64_MAX, buf, 5, &got));
	ck_assert_uint_eq(got, 0);
	sqb_file_close(&r);
	free(buf);
}

START_TEST(random_files_come_back_at_random_offsets)
{
	const char *seed = getenv("SQB_SEED");
	struct timespec now;
	uint32_t round, uid;
	size_t size;
	char *data;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	random_state =
		seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)now.tv_nsec;
	printf("SQB_SEED=%" PRIu64 "\n", random_state);
	(void)fflush(stdout);
	random_state = random_state * 2 + 1;
	for (round = 0; round < t_rounds(60); round++) {
		size = rnd(round % 4 == 0 ? 4 * CHUNK : 3000);
		data = random_file(size, 4 + rnd(round % 2 == 0 ? 4 : 80),
				   1 + rnd(7));
		uid = append_file(data, size, 1 + rnd(20000));
		read_at_random(uid, data, size);
		free(data);
	}
}
END_TEST

START_TEST(runs_past_what_memory_takes_go_to_a_file)
{
	size_t lines = 5000000, i, size = 0;
	char *data = sqb_xmalloc(2 * lines);
	struct sqb_body_writer *w;
	uint32_t uid;

	for (i = 0; i < lines; i++) {
		if (i % 2 == 0)
			data[size++] = '\r';
		data[size++] = '\n';
	}
	w = write_file(data, size, 65536);
	ck_assert_int_ge(w->fd, 0);
	uid = append(w);
	sqb_body_writer_free(&w);
	file_is(uid, data, size, 100000);
	free(data);
}
END_TEST

static const struct {
	const char *wire, *file;
} wires[] = {
	{ "a: b\r\n\r\ntext\r\n", "a: b\n\ntext\n" },
	{ "a: b\r\n\r\ntext", "a: b\n\ntext" },
	{ "a\r\r\nb\rc\r", "a\r\nb\rc\r" },
	{ "a\nb\r\n", "a\nb\n" }, /* who wrote this broke the rules */
	{ "", "" },
};

START_TEST(wire_octets_have_line_feeds_as_a_file)
{
	uint32_t uid = t_append_text(st, wires[_i].wire);

	psize_is(uid, strlen(wires[_i].file));
	file_is(uid, wires[_i].file, strlen(wires[_i].file), 3);
}
END_TEST

START_TEST(wire_octets_and_those_of_a_file_do_not_mix)
{
	struct sqb_body_writer *w = sqb_body_begin(st);

	t_ok(st, sqb_body_write_file(w, "", 0)); /* says nothing */
	t_ok(st, sqb_body_write(w, "a\r\n", 3));
	t_fails(sqb_body_write_file(w, "b\n", 2), SQB_INVALID);
	sqb_body_writer_free(&w);
	w = sqb_body_begin(st);
	t_ok(st, sqb_body_write_file(w, "a\n", 2));
	t_fails(sqb_body_write(w, "b\r\n", 3), SQB_INVALID);
	t_ok(st, sqb_body_write_file(w, "b\n", 2)); /* no harm done */
	t_ok(st, sqb_body_finish(w, NULL));
	t_fails(sqb_body_write_file(w, "c\n", 2), SQB_INVALID);
	file_is(append(w), "a\nb\n", 4, 10);
	sqb_body_writer_free(&w);
}
END_TEST

START_TEST(a_header_ends_where_it_does_on_the_wire)
{
	uint32_t uid = append_file("a: b\nc: d\r\n\nx\n", 14, 1);
	struct sqb_body_info info;

	t_ok(st, sqb_body_info(st, T_INBOX, uid, &info));
	ck_assert_uint_eq(info.hdr_size, 14);
	ck_assert_uint_eq(info.vsize, 17);
}
END_TEST

START_TEST(what_is_not_there_is_not_found)
{
	struct sqb_body_id body = { 77 };
	struct sqb_file_reader *r;

	t_fails(sqb_file_open(st, T_INBOX, 1, &r), SQB_NOTFOUND);
	t_fails(sqb_file_open_id(st, body, &r), SQB_NOTFOUND);
	r = NULL;
	sqb_file_close(&r);
}
END_TEST

/* Statements that have begun, by a word that is in them. */
static const char *counted_word;
static unsigned int counted;

static int count_statement(unsigned int type, void *context, void *q, void *x)
{
	(void)type;
	(void)context;
	(void)x;
	counted += strstr(sqlite3_sql(q), counted_word) != NULL;
	return 0;
}

static void count_statements(const char *word)
{
	counted_word = word;
	counted = 0;
	(void)sqlite3_trace_v2(sqb_db(st), SQLITE_TRACE_STMT, count_statement,
			       NULL);
}

START_TEST(a_small_file_costs_one_query)
{
	uint32_t uid = append_file("a: b\n\nc\n", 8, 8);

	count_statements("");
	file_is(uid, "a: b\n\nc\n", 8, 1);
	ck_assert_uint_eq(counted, 1);
	file_is(uid, "a: b\n\nc\n", 8, 100);
	ck_assert_uint_eq(counted, 2);
}
END_TEST

START_TEST(each_chunk_is_read_once_and_a_known_one_at_once)
{
	size_t size = 20 * CHUNK, got, i;
	char *data = t_mail(size, 1), buf[4096];
	struct sqb_file_reader *r;
	uint32_t uid;

	for (i = 0; i < size; i++) /* line ends stay as many */
		data[i] = data[i] == '\r' ? ' ' : data[i];
	uid = append_file(data, size, size);
	t_ok(st, sqb_file_open(st, T_INBOX, uid, &r));
	count_statements("FROM body_chunk");
	for (i = 0; i < size; i += got)
		t_ok(st, sqb_file_read(r, i, buf, sizeof(buf), &got));
	ck_assert_uint_ge(counted, 19);
	ck_assert_uint_le(counted, 21);
	for (i = 0; i < 50; i++) {
		counted = 0;
		t_ok(st, sqb_file_read(r, i * 7919 * 31 % (size - 100), buf,
				       100, &got));
		ck_assert_uint_le(counted, 2);
		same_octets(buf, data + i * 7919 * 31 % (size - 100), got);
	}
	sqb_file_close(&r);
	/* From the end: all of it once, then each, and again at its end. */
	t_ok(st, sqb_file_open(st, T_INBOX, uid, &r));
	counted = 0;
	for (i = size; i >= sizeof(buf); i -= sizeof(buf))
		t_ok(st,
		     sqb_file_read(r, i - sizeof(buf), buf, sizeof(buf), &got));
	ck_assert_uint_le(counted, 80);
	sqb_file_close(&r);
	free(data);
}
END_TEST

START_TEST(damage_of_a_small_file_is_not_handed_out)
{
	uint32_t uid = append_file("a: b\n\nc\n", 8, 8);
	uint32_t other = append_file("a: b\n\nd\n", 8, 8);
	struct sqb_file_reader *r;

	t_damage(st, "body", "data", 1, 2);
	t_fails(sqb_file_open(st, T_INBOX, uid, &r), SQB_CORRUPT);
	t_says(st, "body 1 is damaged");
	file_is(other, "a: b\n\nd\n", 8, 8);
}
END_TEST

START_TEST(damage_of_a_chunk_ends_what_can_be_read)
{
	size_t size = 4 * CHUNK, got;
	char *data = t_mail(size, 1), buf[64];
	uint32_t uid = append_file(data, size, size);
	struct sqb_file_reader *r;
	struct sqb_message msg;

	t_damage(st, "body_chunk", "data", 2, 100); /* chunk 2 */
	t_ok(st, sqb_file_open(st, T_INBOX, uid, &r));
	t_ok(st, sqb_file_read(r, 2 * CHUNK - 100, buf, 64, &got));
	same_octets(buf, data + 2 * CHUNK - 100, 64);
	t_fails(sqb_file_read(r, 2 * CHUNK - 32, buf, 64, &got), SQB_CORRUPT);
	t_fails(sqb_file_read(r, 2 * CHUNK, buf, 64, &got), SQB_CORRUPT);
	t_fails(sqb_file_read(r, 3 * CHUNK + 9, buf, 64, &got), SQB_CORRUPT);
	t_ok(st, sqb_file_read(r, 5, buf, 64, &got));
	same_octets(buf, data + 5, 64);
	sqb_file_close(&r);
	t_ok(st, sqb_message_get(st, T_INBOX, uid, &msg));
	t_fails(sqb_file_open_id(st, msg.body, &r), SQB_CORRUPT);
	free(data);
}
END_TEST

static const char *const bad_rows[] = {
	"DELETE FROM body_eol",
	"UPDATE body_eol SET runs = x''",
	"UPDATE body_eol SET runs = x'01'",
	"UPDATE body_eol SET runs = x'010101'",
	"UPDATE body_eol SET runs = x'0201'",
	"UPDATE body_eol SET runs = x'01028080808080808001'",
	"UPDATE body_eol SET runs = x'ffffffffffffffff'",
	"UPDATE body_eol SET runs = x'0080'",
	"UPDATE body SET eol = 3",
	"UPDATE body SET eol = 1",
	"UPDATE body SET eol = 0",
	"UPDATE message SET psize = psize + 1",
	"UPDATE message SET psize = psize - 1",
	"UPDATE message SET psize = 1000",
};

START_TEST(rows_that_contradict_are_damage)
{
	uint32_t uid = append_file("a: b\nc\r\n\r\n", 10, 10);
	struct sqb_file_reader *r;

	file_is(uid, "a: b\nc\r\n\r\n", 10, 10);
	t_sql(st, bad_rows[_i]);
	t_fails(sqb_file_open(st, T_INBOX, uid, &r), SQB_CORRUPT);
	wire_is(uid, "a: b\r\nc\r\n\r\n", 11); /* is not concerned */
}
END_TEST

static const int size_errors[] = { -2 * CHUNK, -CHUNK, -5, -1, 1, 5, 100 };

START_TEST(a_size_that_is_wrong_is_noticed_at_the_end)
{
	size_t size = 4 * CHUNK, got = 1;
	char *data = t_mail(size, 1), buf[4096], sql[80];
	uint32_t uid = t_append(st, T_INBOX, data, size);
	struct sqb_file_reader *r;
	enum sqb_err err = SQB_OK;
	uint64_t offset = 0;

	(void)snprintf(sql, sizeof(sql),
		       "UPDATE message SET psize = psize + %d",
		       size_errors[_i]);
	t_sql(st, sql);
	t_ok(st, sqb_file_open(st, T_INBOX, uid, &r));
	for (; err == SQB_OK && got > 0; offset += got)
		err = sqb_file_read(r, offset, buf, sizeof(buf), &got);
	ck_assert_int_eq(err, SQB_CORRUPT);
	sqb_file_close(&r);
	free(data);
}
END_TEST

static void expunge(uint32_t uid)
{
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, T_INBOX, uid, uid, NULL));
	t_ok(st, sqb_txn_commit(st));
}

START_TEST(an_expunged_file_is_there_until_it_is_freed)
{
	size_t size = 3 * CHUNK, got;
	char *data = t_mail(size, 1), buf[100];
	uint32_t large = append_file(data, size, size);
	uint32_t small = append_file("a\r\nb\n", 5, 5);
	struct sqb_file_reader *r1, *r2;

	t_ok(st, sqb_file_open(st, T_INBOX, large, &r1));
	t_ok(st, sqb_file_open(st, T_INBOX, small, &r2));
	expunge(large);
	expunge(small);
	t_ok(st, sqb_purge(st, 60, 0, NULL));
	t_ok(st, sqb_file_read(r1, 2 * CHUNK, buf, 100, &got));
	same_octets(buf, data + 2 * CHUNK, 100);
	t_ok(st, sqb_purge(st, 0, 0, NULL));
	ck_assert_int_eq(t_sql_int(st, "SELECT count(*) FROM body_eol"), 0);
	t_fails(sqb_file_read(r1, 10, buf, 100, &got), SQB_NOTFOUND);
	t_ok(st, sqb_file_read(r2, 1, buf, 100, &got));
	ck_assert_uint_eq(got, 4);
	same_octets(buf, "\r\nb\n", 4);
	sqb_file_close(&r1);
	sqb_file_close(&r2);
	free(data);
}
END_TEST

START_TEST(a_copy_looks_like_its_original)
{
	uint32_t uid = append_file("a\r\nb\n", 5, 5), copy;
	struct sqb_message msg;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_get(st, T_INBOX, uid, &msg));
	t_ok(st, sqb_message_copy(st, &msg, T_INBOX, NULL, &copy));
	t_ok(st, sqb_txn_commit(st));
	expunge(uid);
	t_ok(st, sqb_purge(st, 0, 0, NULL));
	file_is(copy, "a\r\nb\n", 5, 5);
}
END_TEST

START_TEST(a_backup_has_line_ends_and_names)
{
	uint32_t uid = append_file("a\r\nb\n", 5, 5);
	char *dir = t_dir(), *copy = sqb_xasprintf("%s/copy", dir);

	t_ok(st, sqb_backup(st, copy));
	t_store_close(&st);
	st = t_store_open_in(copy);
	file_is(uid, "a\r\nb\n", 5, 5);
	t_store_close(&st);
	t_dir_remove(dir);
	free(copy);
	free(dir);
}
END_TEST

#define COUNT(cases) ((int)(sizeof(cases) / sizeof(*(cases))))

int main(void)
{
	Suite *suite = suite_create("file");
	TCase *tc = tcase_create("file");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_file_reads_back_as_it_was, 0, COUNT(files));
	tcase_add_loop_test(tc, a_file_may_be_cut_anywhere_into_chunks, 0,
			    COUNT(files));
	tcase_add_test(tc, octets_of_any_value_come_back);
	tcase_add_test(tc, random_files_come_back_at_random_offsets);
	tcase_add_test(tc, runs_past_what_memory_takes_go_to_a_file);
	tcase_add_loop_test(tc, wire_octets_have_line_feeds_as_a_file, 0,
			    COUNT(wires));
	tcase_add_test(tc, wire_octets_and_those_of_a_file_do_not_mix);
	tcase_add_test(tc, a_header_ends_where_it_does_on_the_wire);
	tcase_add_test(tc, what_is_not_there_is_not_found);
	tcase_add_test(tc, a_small_file_costs_one_query);
	tcase_add_test(tc, each_chunk_is_read_once_and_a_known_one_at_once);
	tcase_add_test(tc, damage_of_a_small_file_is_not_handed_out);
	tcase_add_test(tc, damage_of_a_chunk_ends_what_can_be_read);
	tcase_add_loop_test(tc, rows_that_contradict_are_damage, 0,
			    COUNT(bad_rows));
	tcase_add_loop_test(tc, a_size_that_is_wrong_is_noticed_at_the_end, 0,
			    COUNT(size_errors));
	tcase_add_test(tc, an_expunged_file_is_there_until_it_is_freed);
	tcase_add_test(tc, a_copy_looks_like_its_original);
	tcase_add_test(tc, a_backup_has_line_ends_and_names);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
