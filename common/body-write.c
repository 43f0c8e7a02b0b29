/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Bodies on their way in: packed as they come, before any lock is taken, and
 * put into rows within the transaction of their message.
 */
#include "common/body.h"

#include "common/body-private.h"
#include "common/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>

/* Packed octets of one body that stay in memory; the rest goes to a file. */
#define MEMORY_MAX (4 * 1024 * 1024)
#define CHUNK_ROOM_MIN 8192

struct packed_chunk {
	void *data;   /* own; NULL: it is in the file */
	off_t offset; /* there */
	size_t size;
};

/*
 * Line ends are counted, and the header's end is found, while data passes by:
 * the header ends with the first line that is nothing but CRLF.
 */
struct line_scan {
	uint64_t crlf_count;
	uint64_t line_start; /* of the line that has not ended yet */
	uint64_t hdr_size;   /* 0: the empty line has not come yet */
	bool after_cr;       /* the last octet was a CR */
};

struct sqb_body_writer {
	struct sqb_store *st; /* foreign */
	enum sqb_err failed;  /* an earlier call has failed with it */
	bool finished;
	uint8_t guid[SQB_GUID_SIZE];
	uint64_t vsize;
	struct line_scan lines;

	uint8_t *chunk; /* own; what is not packed yet */
	size_t chunk_size, chunk_room;
	XXH3_state_t *whole; /* own; NULL as long as there is one chunk */
	uint64_t sum;        /* once finished */

	enum sqb_codec codec;
	struct packed_chunk *chunks; /* own */
	size_t chunk_count, chunk_alloc;
	size_t in_memory;
	int fd; /* own; -1: all is in memory */
	off_t file_size;

	uint8_t *view; /* own; for sqb_body_writer_data() */
	size_t viewed; /* which chunk is there */

	struct sqb_body_id id; /* as stored by transaction stored_in */
	uint64_t stored_in;    /* 0: by none yet */
};

struct sqb_body_writer *sqb_body_begin(struct sqb_store *st)
{
	struct sqb_body_writer *w = sqb_xcalloc(1, sizeof(*w));

	w->st = st;
	w->fd = -1;
	return w;
}

void sqb_body_writer_free(struct sqb_body_writer **w_p)
{
	struct sqb_body_writer *w = *w_p;
	size_t i;

	if (w == NULL)
		return;
	*w_p = NULL;
	for (i = 0; i < w->chunk_count; i++)
		free(w->chunks[i].data);
	free(w->chunks);
	free(w->chunk);
	free(w->view);
	(void)XXH3_freeState(w->whole);
	if (w->fd >= 0)
		(void)close(w->fd);
	free(w);
}

uint64_t sqb_body_writer_vsize(const struct sqb_body_writer *w)
{
	return w->vsize;
}

uint64_t sqb_body_writer_psize(const struct sqb_body_writer *w)
{
	return w->vsize - w->lines.crlf_count;
}

/* A file that goes with its descriptor, also when the process dies. */
static enum sqb_err open_temp_file(struct sqb_body_writer *w)
{
	struct sqb_store *st = w->st;
	char *path;

	w->fd = openat(st->dir_fd, ".", O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC,
		       0600);
	if (w->fd >= 0)
		return SQB_OK;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return sqb_fail_errno(st, "%s: temporary file", st->dir);
	path = sqb_xasprintf("%s/body.XXXXXX", st->dir);
	w->fd = mkostemp(path, O_CLOEXEC);
	if (w->fd >= 0)
		(void)unlink(path);
	free(path);
	if (w->fd < 0)
		return sqb_fail_errno(st, "%s: temporary file", st->dir);
	return SQB_OK;
}

static enum sqb_err spill(struct sqb_body_writer *w, const void *data,
			  size_t size)
{
	const uint8_t *octets = data;
	size_t done = 0;
	enum sqb_err err;
	ssize_t n;

	if (w->fd < 0) {
		err = open_temp_file(w);
		if (err != SQB_OK)
			return err;
	}
	while (done < size) {
		n = pwrite(w->fd, octets + done, size - done,
			   w->file_size + (off_t)done);
		if (n < 0 && errno != EINTR)
			return sqb_fail_errno(w->st, "%s: temporary file",
					      w->st->dir);
		if (n > 0)
			done += (size_t)n;
	}
	w->file_size += (off_t)size;
	return SQB_OK;
}

static enum sqb_err keep(struct sqb_body_writer *w, const void *packed,
			 size_t size)
{
	struct packed_chunk c = { NULL, w->file_size, size };
	enum sqb_err err;

	if (w->in_memory + size <= MEMORY_MAX) {
		c.data = sqb_xmemdup(packed, size);
		w->in_memory += size;
	} else {
		err = spill(w, packed, size);
		if (err != SQB_OK)
			return err;
	}
	if (w->chunk_count == w->chunk_alloc) {
		w->chunk_alloc = w->chunk_alloc > 0 ? 2 * w->chunk_alloc : 1;
		w->chunks = sqb_xrealloc(w->chunks,
					 w->chunk_alloc * sizeof(*w->chunks));
	}
	w->chunks[w->chunk_count++] = c;
	return SQB_OK;
}

static void sum_chunk(struct sqb_body_writer *w)
{
	if (w->whole == NULL) {
		w->whole = XXH3_createState();
		if (w->whole == NULL)
			abort();
		(void)XXH3_64bits_reset(w->whole);
	}
	(void)XXH3_64bits_update(w->whole, w->chunk, w->chunk_size);
}

/* One of several chunks. */
static enum sqb_err pack_chunk(struct sqb_body_writer *w)
{
	const void *packed;
	size_t size;
	enum sqb_err err;

	sum_chunk(w);
	err = sqb_chunk_pack(w->st, w->chunk, w->chunk_size, &packed, &size);
	if (err == SQB_OK)
		err = keep(w, packed, size);
	w->codec = SQB_CODEC_ZSTD;
	w->chunk_size = 0;
	return err;
}

/* The only chunk: raw where packing gains nothing. */
static enum sqb_err pack_single(struct sqb_body_writer *w)
{
	const void *packed = w->chunk;
	size_t size = w->chunk_size;
	enum sqb_err err;

	w->sum = XXH3_64bits(w->chunk, w->chunk_size);
	w->codec = SQB_CODEC_ZSTD;
	if (size > 0) {
		err = sqb_chunk_pack(w->st, w->chunk, w->chunk_size, &packed,
				     &size);
		if (err != SQB_OK)
			return err;
	}
	if (size >= w->chunk_size) {
		w->codec = SQB_CODEC_RAW;
		packed = w->chunk;
		size = w->chunk_size;
	}
	return keep(w, packed, size);
}

static void make_room(struct sqb_body_writer *w, size_t size)
{
	if (size <= w->chunk_room)
		return;
	if (w->chunk_room == 0)
		w->chunk_room = CHUNK_ROOM_MIN;
	while (w->chunk_room < size)
		w->chunk_room *= 2;
	w->chunk = sqb_xrealloc(w->chunk, w->chunk_room);
}

/* A full chunk is packed when more comes: the last one is packed by finish. */
static enum sqb_err take(struct sqb_body_writer *w, const uint8_t *data,
			 size_t size)
{
	enum sqb_err err;
	size_t n;

	while (size > 0) {
		if (w->chunk_size == SQB_BODY_CHUNK) {
			err = pack_chunk(w);
			if (err != SQB_OK)
				return err;
		}
		n = SQB_BODY_CHUNK - w->chunk_size;
		if (n > size)
			n = size;
		make_room(w, w->chunk_size + n);
		memcpy(w->chunk + w->chunk_size, data, n);
		w->chunk_size += n;
		data += n;
		size -= n;
	}
	return SQB_OK;
}

/* offset: of data within the body. */
static void scan_lines(struct line_scan *s, uint64_t offset,
		       const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size, *p = data, *lf;
	uint64_t after;
	bool cr;

	while (p < end && (lf = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		cr = lf > data ? lf[-1] == '\r' : s->after_cr;
		p = lf + 1;
		if (!cr)
			continue;
		after = offset + (uint64_t)(p - data);
		if (s->hdr_size == 0 && after == s->line_start + 2)
			s->hdr_size = after;
		s->line_start = after;
		s->crlf_count++;
	}
	s->after_cr = end[-1] == '\r';
}

static enum sqb_err may_write(struct sqb_body_writer *w)
{
	if (w->finished)
		return sqb_fail(w->st, SQB_INVALID,
				"this body has been finished before");
	if (w->failed != SQB_OK)
		return sqb_fail(w->st, w->failed,
				"writing this body has failed before");
	return SQB_OK;
}

enum sqb_err sqb_body_write(struct sqb_body_writer *w, const void *data,
			    size_t size)
{
	enum sqb_err err = may_write(w);

	if (err != SQB_OK || size == 0)
		return err;
	w->failed = take(w, data, size);
	if (w->failed != SQB_OK)
		return w->failed;
	scan_lines(&w->lines, w->vsize, data, size);
	w->vsize += size;
	return SQB_OK;
}

static enum sqb_err choose_guid(struct sqb_body_writer *w,
				const uint8_t guid[SQB_GUID_SIZE])
{
	if (guid != NULL)
		memcpy(w->guid, guid, SQB_GUID_SIZE);
	else if (getrandom(w->guid, SQB_GUID_SIZE, 0) != SQB_GUID_SIZE)
		return sqb_fail_errno(w->st, "getrandom");
	return SQB_OK;
}

enum sqb_err sqb_body_finish(struct sqb_body_writer *w,
			     const uint8_t guid[SQB_GUID_SIZE])
{
	enum sqb_err err = may_write(w);

	if (err != SQB_OK)
		return err;
	err = choose_guid(w, guid);
	if (err == SQB_OK) {
		if (w->chunk_count == 0) {
			err = pack_single(w);
		} else {
			err = pack_chunk(w);
			w->sum = XXH3_64bits_digest(w->whole);
		}
	}
	w->failed = err;
	w->finished = err == SQB_OK;
	if (w->lines.hdr_size == 0) /* all header */
		w->lines.hdr_size = w->vsize;
	free(w->chunk);
	w->chunk = NULL;
	(void)XXH3_freeState(w->whole);
	w->whole = NULL;
	return err;
}

static enum sqb_err need_finished(struct sqb_body_writer *w)
{
	if (w->finished)
		return SQB_OK;
	return sqb_fail(w->st, SQB_INVALID, "this body is not finished");
}

/* A packed chunk; from the file it comes into the store's buffer. */
static enum sqb_err packed_data(struct sqb_body_writer *w,
				const struct packed_chunk *c,
				const void **data_r)
{
	size_t room, done = 0;
	uint8_t *buffer;
	ssize_t n;

	if (c->data != NULL) {
		*data_r = c->data;
		return SQB_OK;
	}
	buffer = sqb_chunk_buffer(w->st, &room);
	while (done < c->size) {
		n = pread(w->fd, buffer + done, c->size - done,
			  c->offset + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sqb_fail_errno(w->st, "%s: temporary file",
					      w->st->dir);
		if (n == 0)
			return sqb_fail(w->st, SQB_IO,
					"%s: a temporary file has shrunk",
					w->st->dir);
		done += (size_t)n;
	}
	*data_r = buffer;
	return SQB_OK;
}

static enum sqb_err view_chunk(struct sqb_body_writer *w, size_t n)
{
	const struct packed_chunk *c = &w->chunks[n];
	const void *packed;
	enum sqb_err err = packed_data(w, c, &packed);

	if (err != SQB_OK)
		return err;
	free(w->view);
	w->view = sqb_xmalloc(sqb_chunk_size(w->vsize, n));
	err = sqb_chunk_unpack(w->st, w->codec, packed, c->size, w->view,
			       sqb_chunk_size(w->vsize, n));
	if (err == SQB_OK) {
		w->viewed = n;
		return SQB_OK;
	}
	free(w->view);
	w->view = NULL;
	if (err == SQB_CORRUPT)
		return sqb_fail(w->st, SQB_IO,
				"%s: a temporary file has changed", w->st->dir);
	return err;
}

enum sqb_err sqb_body_writer_data(struct sqb_body_writer *w, uint64_t offset,
				  const void **data_r, size_t *size_r)
{
	enum sqb_err err = need_finished(w);
	size_t n, within;

	if (err != SQB_OK)
		return err;
	if (offset >= w->vsize) {
		*data_r = "";
		*size_r = 0;
		return SQB_OK;
	}
	n = (size_t)(offset / SQB_BODY_CHUNK);
	within = (size_t)(offset % SQB_BODY_CHUNK);
	if (w->view == NULL || w->viewed != n) {
		err = view_chunk(w, n);
		if (err != SQB_OK)
			return err;
	}
	*data_r = w->view + within;
	*size_r = sqb_chunk_size(w->vsize, n) - within;
	return SQB_OK;
}

static const char sql_next_body[] =
	"UPDATE mailbox SET next_body = next_body + 1 WHERE id = 0"
	" RETURNING next_body - 1";

static const char sql_insert_body[] =
	"INSERT INTO body (id, guid, vsize, hdr_size, eol, date, sum, codec,"
	" data) VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8)";

static const char sql_insert_chunk[] =
	"INSERT INTO body_chunk (body_id, n, data) VALUES (?1, ?2, ?3)";

/* SQLite would make a NULL of an empty blob without an address. */
static void bind_chunk(sqlite3_stmt *q, int column, const void *data,
		       size_t size)
{
	sqlite3_bind_blob64(q, column, size > 0 ? data : "", size,
			    SQLITE_STATIC);
}

static enum sqb_err insert_body(struct sqb_body_writer *w, int64_t id,
				int64_t date)
{
	struct sqb_store *st = w->st;
	const void *data;
	enum sqb_err err = packed_data(w, &w->chunks[0], &data);
	sqlite3_stmt *q;

	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_insert_body);
	sqlite3_bind_int64(q, 1, id);
	sqlite3_bind_blob(q, 2, w->guid, SQB_GUID_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, (int64_t)w->vsize);
	sqlite3_bind_int64(q, 4, (int64_t)w->lines.hdr_size);
	sqlite3_bind_int64(q, 5, date);
	sqlite3_bind_int64(q, 6, (int64_t)w->sum);
	sqlite3_bind_int(q, 7, (int)w->codec);
	bind_chunk(q, 8, data, w->chunks[0].size);
	err = sqb_run(st, q);
	sqlite3_clear_bindings(q);
	return err;
}

static enum sqb_err insert_chunks(struct sqb_body_writer *w, int64_t id)
{
	struct sqb_store *st = w->st;
	enum sqb_err err = SQB_OK;
	const void *data;
	sqlite3_stmt *q;
	size_t i;

	for (i = 1; i < w->chunk_count && err == SQB_OK; i++) {
		err = packed_data(w, &w->chunks[i], &data);
		if (err != SQB_OK)
			break;
		q = sqb_stmt(st, sql_insert_chunk);
		sqlite3_bind_int64(q, 1, id);
		sqlite3_bind_int64(q, 2, (int64_t)i);
		bind_chunk(q, 3, data, w->chunks[i].size);
		err = sqb_run(st, q);
		sqlite3_clear_bindings(q);
	}
	return err;
}

static const char sql_is_stored[] =
	"SELECT count(*) FROM body WHERE id = ?1 AND guid = ?2 AND sum = ?3"
	" AND vsize = ?4";

/*
 * Rows of an earlier transaction may never have been committed, and their id
 * may be another body's by now; or they have been freed since.
 */
static enum sqb_err is_stored(struct sqb_body_writer *w, bool *stored_r)
{
	struct sqb_store *st = w->st;
	enum sqb_err err;
	sqlite3_stmt *q;
	int64_t count;

	*stored_r = w->stored_in == st->txn.serial;
	if (*stored_r || w->stored_in == 0)
		return SQB_OK;
	q = sqb_stmt(st, sql_is_stored);
	sqlite3_bind_int64(q, 1, w->id.n);
	sqlite3_bind_blob(q, 2, w->guid, SQB_GUID_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, (int64_t)w->sum);
	sqlite3_bind_int64(q, 4, (int64_t)w->vsize);
	err = sqb_run_int64(st, q, &count);
	*stored_r = err == SQB_OK && count > 0;
	return err;
}

static enum sqb_err store_rows(struct sqb_body_writer *w, int64_t date)
{
	struct sqb_store *st = w->st;
	enum sqb_err err = sqb_reserve_need(st);
	int64_t id;

	if (err != SQB_OK)
		return err;
	err = sqb_run_int64(st, sqb_stmt(st, sql_next_body), &id);
	if (err == SQB_NOTFOUND)
		return sqb_fail(st, SQB_CORRUPT, "%s has lost its row 0",
				st->db_path);
	if (err == SQB_OK)
		err = insert_body(w, id, date);
	if (err == SQB_OK)
		err = insert_chunks(w, id);
	if (err == SQB_OK) {
		w->id.n = id;
		w->stored_in = st->txn.serial;
	}
	return err;
}

enum sqb_err sqb_body_store(struct sqb_store *st, struct sqb_body_writer *w,
			    int64_t date, struct sqb_body_id *id_r,
			    bool *fresh_r)
{
	enum sqb_err err = sqb_need_txn(st);
	bool stored;

	if (err == SQB_OK)
		err = need_finished(w);
	if (err == SQB_OK && w->st != st)
		err = sqb_fail(st, SQB_INVALID,
			       "this body was written for another store");
	if (err == SQB_OK)
		err = is_stored(w, &stored);
	if (err == SQB_OK && !stored)
		err = store_rows(w, date);
	if (err != SQB_OK)
		return err;
	*id_r = w->id;
	*fresh_r = !stored;
	return SQB_OK;
}

static const char sql_free_body[] = "DELETE FROM body WHERE id = ?1";
static const char sql_free_chunks[] =
	"DELETE FROM body_chunk WHERE body_id = ?1";

enum sqb_err sqb_body_free(struct sqb_store *st, struct sqb_body_id id)
{
	enum sqb_err err = sqb_need_txn(st);
	sqlite3_stmt *q;

	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_free_body);
	sqlite3_bind_int64(q, 1, id.n);
	err = sqb_run(st, q);
	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_free_chunks);
	sqlite3_bind_int64(q, 1, id.n);
	return sqb_run(st, q);
}
