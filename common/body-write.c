/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Bodies on their way in: packed as they come, before any lock is taken.
 * body-store.c makes rows of them.
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

struct sqb_body_writer *sqb_body_begin(struct sqb_store *st)
{
	struct sqb_body_writer *w = sqb_xcalloc(1, sizeof(*w));

	w->st = st;
	w->fd = -1;
	return w;
}

void sqb_pieces_free(struct sqb_pieces *pieces)
{
	size_t i;

	for (i = 0; i < pieces->count; i++)
		free(pieces->list[i].data);
	free(pieces->list);
	memset(pieces, 0, sizeof(*pieces));
}

void sqb_body_writer_free(struct sqb_body_writer **w_p)
{
	struct sqb_body_writer *w = *w_p;

	if (w == NULL)
		return;
	*w_p = NULL;
	sqb_pieces_free(&w->chunks);
	sqb_pieces_free(&w->runs);
	free(w->eol.runs);
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
	if (w->as_wire)
		return w->vsize;
	return w->vsize - (w->file ? w->eol.lf_count : w->lines.crlf_count);
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

enum sqb_err sqb_body_writer_keep(struct sqb_body_writer *w,
				  struct sqb_pieces *pieces, const void *data,
				  size_t size)
{
	struct sqb_piece piece = { NULL, w->file_size, size };
	enum sqb_err err;

	if (w->in_memory + size <= MEMORY_MAX) {
		piece.data = sqb_xmemdup(data, size);
		w->in_memory += size;
	} else {
		err = spill(w, data, size);
		if (err != SQB_OK)
			return err;
	}
	if (pieces->count == pieces->alloc) {
		pieces->alloc = pieces->alloc > 0 ? 2 * pieces->alloc : 1;
		pieces->list = sqb_xrealloc(
			pieces->list, pieces->alloc * sizeof(*pieces->list));
	}
	pieces->list[pieces->count++] = piece;
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
	err = sqb_chunk_pack(w->st, w->chunk, w->chunk_size, false, &packed,
			     &size);
	if (err == SQB_OK)
		err = sqb_body_writer_keep(w, &w->chunks, packed, size);
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
		err = sqb_chunk_pack(w->st, w->chunk, w->chunk_size, true,
				     &packed, &size);
		if (err != SQB_OK)
			return err;
	}
	if (size >= w->chunk_size) {
		w->codec = SQB_CODEC_RAW;
		packed = w->chunk;
		size = w->chunk_size;
	}
	return sqb_body_writer_keep(w, &w->chunks, packed, size);
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
static void scan_lines(struct sqb_line_scan *s, uint64_t offset,
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

enum sqb_err sqb_body_writer_may_write(struct sqb_body_writer *w)
{
	if (w->finished)
		return sqb_fail(w->st, SQB_INVALID,
				"this body has been finished before");
	if (w->failed != SQB_OK)
		return sqb_fail(w->st, w->failed,
				"writing this body has failed before");
	return SQB_OK;
}

enum sqb_err sqb_body_writer_put(struct sqb_body_writer *w, const void *data,
				 size_t size)
{
	if (size == 0)
		return SQB_OK;
	w->failed = take(w, data, size);
	if (w->failed != SQB_OK)
		return w->failed;
	scan_lines(&w->lines, w->vsize, data, size);
	w->vsize += size;
	return SQB_OK;
}

enum sqb_err sqb_body_write(struct sqb_body_writer *w, const void *data,
			    size_t size)
{
	enum sqb_err err = sqb_body_writer_may_write(w);

	if (err != SQB_OK || size == 0)
		return err;
	if (w->file)
		return sqb_fail(w->st, SQB_INVALID,
				"wire octets in a body that is written as a "
				"file");
	w->wire = true;
	return sqb_body_writer_put(w, data, size);
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
	enum sqb_err err = sqb_body_writer_may_write(w);

	if (err != SQB_OK)
		return err;
	err = choose_guid(w, guid);
	if (err == SQB_OK) {
		if (w->chunks.count == 0) {
			err = pack_single(w);
		} else {
			err = pack_chunk(w);
			w->sum = XXH3_64bits_digest(w->whole);
		}
	}
	if (err == SQB_OK)
		err = sqb_eol_finish(w);
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

enum sqb_err sqb_body_writer_need_finished(struct sqb_body_writer *w)
{
	if (w->finished)
		return SQB_OK;
	return sqb_fail(w->st, SQB_INVALID, "this body is not finished");
}

enum sqb_err sqb_body_writer_piece(struct sqb_body_writer *w,
				   const struct sqb_pieces *pieces, size_t n,
				   const void **data_r, size_t *size_r)
{
	const struct sqb_piece *c = &pieces->list[n];
	size_t room, done = 0;
	uint8_t *buffer;
	ssize_t got;

	*size_r = c->size;
	if (c->data != NULL) {
		*data_r = c->data;
		return SQB_OK;
	}
	buffer = sqb_chunk_buffer(w->st, &room);
	while (done < c->size) {
		got = pread(w->fd, buffer + done, c->size - done,
			    c->offset + (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sqb_fail_errno(w->st, "%s: temporary file",
					      w->st->dir);
		if (got == 0)
			return sqb_fail(w->st, SQB_IO,
					"%s: a temporary file has shrunk",
					w->st->dir);
		done += (size_t)got;
	}
	*data_r = buffer;
	return SQB_OK;
}

static enum sqb_err view_chunk(struct sqb_body_writer *w, size_t n)
{
	const void *packed = NULL;
	size_t size = 0;
	enum sqb_err err =
		sqb_body_writer_piece(w, &w->chunks, n, &packed, &size);

	if (err != SQB_OK)
		return err;
	free(w->view);
	w->view = sqb_xmalloc(sqb_chunk_size(w->vsize, n));
	err = sqb_chunk_unpack(w->st, w->codec, w->chunks.count == 1, packed,
			       size, w->view, sqb_chunk_size(w->vsize, n));
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
	enum sqb_err err = sqb_body_writer_need_finished(w);
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
