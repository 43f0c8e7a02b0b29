/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Bodies read as files.
 *
 * A chunk of the body is turned into what it is in the file, and read from
 * there.  A CR at its end waits for the next one, which says whether it belongs
 * to a line end.  Where in the file a chunk begins is known, and remembered,
 * when the one before it has been turned.
 *
 * A body of one chunk is turned when it is opened, and its reader then needs
 * the store no more.
 */
#include "common/file.h"

#include "common/body-private.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#define NO_CHUNK UINT64_MAX

static const char other_size[] = "a message says that it has another size";

struct place {
	uint64_t offset; /* in the file */
	bool after_cr;   /* a CR has waited for this chunk */
};

struct sqb_file_reader {
	struct sqb_store *st;         /* foreign */
	struct sqb_body_reader *body; /* own; NULL: all is in octets */
	enum sqb_eol eol;
	bool size_known;
	uint64_t size;
	uint64_t vsize, chunk_count;

	uint8_t *octets; /* own; a chunk as it is in the file */
	size_t octet_count;
	uint64_t loaded; /* which one, or NO_CHUNK */

	struct place *places; /* own; of chunks 0 to known, the end included */
	size_t known, place_alloc;
};

/* A chunk on its way into the file's form. */
struct turn {
	enum sqb_eol eol;
	uint8_t *out;
	bool cr;                   /* one waits */
	const uint8_t *runs, *end; /* still to come */
	uint64_t run;              /* so many line ends of this kind */
	bool crlf;                 /* this kind */
	bool bad;                  /* the runs do not fit the lines */
};

static void next_run(struct turn *t)
{
	unsigned int shift = 0;

	t->crlf = !t->crlf;
	while (t->runs < t->end) {
		t->run |= (uint64_t)(*t->runs & 0x7f) << shift;
		shift += 7;
		if ((*t->runs++ & 0x80) == 0)
			return;
		if (shift > 28)
			break;
	}
	t->bad = true;
}

/* Is the CR of this line end one of the file? */
static bool keeps_cr(struct turn *t)
{
	if (t->eol != SQB_EOL_MIXED)
		return t->eol == SQB_EOL_CRLF;
	while (t->run == 0 && !t->bad)
		next_run(t);
	t->run--;
	return t->crlf;
}

/* Octets without LF; a CR at their end waits. */
static void turn_text(struct turn *t, const uint8_t *text, size_t size)
{
	if (size == 0)
		return;
	if (t->cr)
		*t->out++ = '\r';
	t->cr = text[size - 1] == '\r';
	if (t->cr)
		size--;
	memcpy(t->out, text, size);
	t->out += size;
}

static void turn_chunk(struct turn *t, const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size, *lf;

	while ((lf = memchr(data, '\n', (size_t)(end - data))) != NULL) {
		turn_text(t, data, (size_t)(lf - data));
		if (t->cr && keeps_cr(t))
			*t->out++ = '\r';
		t->cr = false;
		*t->out++ = '\n';
		data = lf + 1;
		if (t->bad)
			return;
	}
	turn_text(t, data, (size_t)(end - data));
}

static const char sql_runs[] =
	"SELECT runs FROM body_eol WHERE body_id = ?1 AND n = ?2";

static enum sqb_err turn_mixed(struct sqb_file_reader *r, uint64_t n,
			       struct turn *t, const uint8_t *data, size_t size)
{
	static const char differ[] = "its line ends differ from body_eol";
	sqlite3_stmt *q = sqb_stmt(r->st, sql_runs);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, sqb_body_reader_info(r->body)->id.n);
	sqlite3_bind_int64(q, 2, (int64_t)n);
	if (!sqb_step(r->st, q, &err))
		return err != SQB_OK ? err
				     : sqb_body_reader_missing(r->body, differ);
	t->runs = sqlite3_column_blob(q, 0);
	t->end = t->runs;
	if (t->runs != NULL)
		t->end += sqlite3_column_bytes(q, 0);
	t->crlf = true; /* the first one is of the other kind */
	turn_chunk(t, data, size);
	sqlite3_reset(q);
	if (t->bad || t->run > 0 || t->runs < t->end)
		return sqb_body_reader_damaged(r->body, differ);
	return SQB_OK;
}

/* Chunk n has been turned: the next one begins at its end. */
static enum sqb_err note_end(struct sqb_file_reader *r, uint64_t n,
			     const struct turn *t)
{
	struct place end = { r->places[n].offset + r->octet_count, t->cr };

	if (n == r->known) {
		r->places = sqb_xgrow(r->places, r->known + 1, &r->place_alloc,
				      sizeof(*r->places));
		r->places[++r->known] = end;
	}
	if (n + 1 < r->chunk_count)
		return SQB_OK;
	if (r->size_known && r->size != end.offset)
		return sqb_body_reader_damaged(r->body, other_size);
	r->size = end.offset;
	r->size_known = true;
	return SQB_OK;
}

/* Where chunk n begins must be known. */
static enum sqb_err load(struct sqb_file_reader *r, uint64_t n)
{
	struct turn t = { .eol = r->eol, .out = r->octets };
	const void *data;
	enum sqb_err err;
	size_t size;

	r->loaded = NO_CHUNK;
	err = sqb_body_data(r->body, n * SQB_BODY_CHUNK, &data, &size);
	if (err != SQB_OK)
		return err;
	t.cr = r->places[n].after_cr;
	if (r->eol == SQB_EOL_MIXED)
		err = turn_mixed(r, n, &t, data, size);
	else
		turn_chunk(&t, data, size);
	if (err != SQB_OK)
		return err;
	if (t.cr && n + 1 == r->chunk_count) {
		*t.out++ = '\r';
		t.cr = false;
	}
	r->octet_count = (size_t)(t.out - r->octets);
	err = note_end(r, n, &t);
	if (err == SQB_OK)
		r->loaded = n;
	return err;
}

/* The last chunk known to begin at or before this offset. */
static uint64_t chunk_at(const struct sqb_file_reader *r, uint64_t offset)
{
	size_t lo = 0, hi = r->known, mid;

	while (lo < hi) {
		mid = hi - (hi - lo) / 2;
		if (r->places[mid].offset <= offset)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

/* Load the chunk that has the octet at this offset, which is in the file. */
static enum sqb_err seek(struct sqb_file_reader *r, uint64_t offset)
{
	uint64_t n = chunk_at(r, offset);
	enum sqb_err err = SQB_OK;

	if (n < r->known)
		return n == r->loaded ? SQB_OK : load(r, n);
	while (err == SQB_OK && r->places[r->known].offset <= offset) {
		if (r->known == r->chunk_count)
			return sqb_body_reader_damaged(r->body, other_size);
		err = load(r, r->known);
	}
	return err;
}

static enum sqb_err pass_over_all(struct sqb_file_reader *r)
{
	enum sqb_err err = SQB_OK;

	while (r->known < r->chunk_count && err == SQB_OK)
		err = load(r, r->known);
	return err;
}

/* What the rows say of it. */
static enum sqb_err take_rows(struct sqb_file_reader *r)
{
	int64_t psize;
	int eol;

	sqb_body_reader_file(r->body, &eol, &psize);
	if (eol != SQB_EOL_LF && eol != SQB_EOL_CRLF && eol != SQB_EOL_MIXED)
		return sqb_body_reader_damaged(r->body,
					       "line ends of no known kind");
	r->eol = (enum sqb_eol)eol;
	r->vsize = sqb_body_reader_info(r->body)->vsize;
	r->chunk_count = r->vsize / SQB_BODY_CHUNK +
			 (r->vsize % SQB_BODY_CHUNK > 0 ? 1 : 0);
	r->size_known = psize >= 0;
	r->size = r->size_known ? (uint64_t)psize : 0;
	if (r->size > r->vsize)
		return sqb_body_reader_damaged(r->body, other_size);
	return SQB_OK;
}

static enum sqb_err begin(struct sqb_file_reader *r)
{
	enum sqb_err err = take_rows(r);

	if (err != SQB_OK)
		return err;
	r->places = sqb_xgrow(NULL, 0, &r->place_alloc, sizeof(*r->places));
	memset(r->places, 0, sizeof(*r->places));
	r->octets = sqb_xmalloc(sqb_chunk_size(r->vsize, 0) + 1);
	if (r->chunk_count <= 1 || !r->size_known)
		err = pass_over_all(r);
	if (err == SQB_OK && r->chunk_count <= 1)
		sqb_body_close(&r->body);
	return err;
}

static enum sqb_err open_body(struct sqb_store *st,
			      struct sqb_body_reader *body,
			      struct sqb_file_reader **r_r)
{
	struct sqb_file_reader *r = sqb_xcalloc(1, sizeof(*r));
	enum sqb_err err;

	r->st = st;
	r->body = body;
	r->loaded = NO_CHUNK;
	err = begin(r);
	if (err == SQB_OK)
		*r_r = r;
	else
		sqb_file_close(&r);
	return err;
}

enum sqb_err sqb_file_open(struct sqb_store *st, struct sqb_mailbox_id box,
			   uint32_t uid, struct sqb_file_reader **r_r)
{
	struct sqb_body_reader *body = NULL;
	enum sqb_err err = sqb_body_open(st, box, uid, &body);

	return err == SQB_OK ? open_body(st, body, r_r) : err;
}

enum sqb_err sqb_file_open_id(struct sqb_store *st, struct sqb_body_id id,
			      struct sqb_file_reader **r_r)
{
	struct sqb_body_reader *body = NULL;
	enum sqb_err err = sqb_body_open_id(st, id, &body);

	return err == SQB_OK ? open_body(st, body, r_r) : err;
}

uint64_t sqb_file_size(const struct sqb_file_reader *r)
{
	return r->size;
}

enum sqb_err sqb_file_read(struct sqb_file_reader *r, uint64_t offset,
			   void *buf, size_t size, size_t *got_r)
{
	uint64_t left = offset < r->size ? r->size - offset : 0;
	size_t n, within, done = 0;
	uint8_t *out = buf;
	enum sqb_err err;

	if (size > left)
		size = (size_t)left;
	while (done < size) {
		err = r->body != NULL ? seek(r, offset) : SQB_OK;
		if (err != SQB_OK)
			return err;
		within = (size_t)(offset - r->places[r->loaded].offset);
		n = r->octet_count - within;
		if (n > size - done)
			n = size - done;
		memcpy(out + done, r->octets + within, n);
		done += n;
		offset += n;
	}
	/* Had the last chunk not been passed, there would be more. */
	if (size > 0 && size == left && r->known < r->chunk_count)
		return sqb_body_reader_damaged(r->body, other_size);
	*got_r = done;
	return SQB_OK;
}

void sqb_file_close(struct sqb_file_reader **r_p)
{
	struct sqb_file_reader *r = *r_p;

	if (r == NULL)
		return;
	*r_p = NULL;
	sqb_body_close(&r->body);
	free(r->octets);
	free(r->places);
	free(r);
}
