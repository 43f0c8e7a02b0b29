/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Bodies on their way out: chunk by chunk, each checked before any of it is
 * handed out (I8).
 *
 * A body of one chunk is checked by the sum in its row.  Of several, each
 * has the checksum of its zstd frame; who reads them in order also gets the
 * sum of the whole checked, with the last one.
 */
#include "common/body.h"

#include "common/body-private.h"
#include "common/store-private.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define NO_CHUNK UINT64_MAX

struct sqb_body_reader {
	struct sqb_store *st; /* foreign */
	struct sqb_body_info info;
	enum sqb_codec codec;
	int eol;       /* for file-read.c */
	int64_t psize; /* the same */
	uint64_t sum;
	uint8_t *chunk;      /* own; room for SQB_BODY_CHUNK octets */
	uint64_t loaded;     /* which chunk is there, or NO_CHUNK */
	XXH3_state_t *whole; /* own; NULL if there is one chunk */
	uint64_t summed;     /* so many chunks have gone into it, in order */
	bool bad;            /* the sum of the whole was wrong */
};

static enum sqb_err damaged(struct sqb_store *st, int64_t body,
			    const char *what)
{
	return sqb_fail(st, SQB_CORRUPT,
			"%s: the body %lld is damaged (%s); other messages are "
			"not concerned",
			st->db_path, (long long)body, what);
}

/* The columns id, guid, vsize, hdr_size, from the first one on. */
static enum sqb_err read_info(struct sqb_store *st, sqlite3_stmt *q,
			      struct sqb_body_info *info_r)
{
	int64_t id = sqlite3_column_int64(q, 0);
	int64_t vsize = sqlite3_column_int64(q, 2);
	int64_t hdr_size = sqlite3_column_int64(q, 3);

	if (sqlite3_column_bytes(q, 1) != SQB_GUID_SIZE || vsize < 0 ||
	    hdr_size < 0 || hdr_size > vsize)
		return damaged(st, id, "impossible sizes");
	info_r->id.n = id;
	memcpy(info_r->guid, sqlite3_column_blob(q, 1), SQB_GUID_SIZE);
	info_r->vsize = (uint64_t)vsize;
	info_r->hdr_size = (uint64_t)hdr_size;
	return SQB_OK;
}

/* There is no row of it: is it absent (SQB_OK)? */
static enum sqb_err read_absent(struct sqb_store *st, struct sqb_body_id id,
				struct sqb_body_info *info_r)
{
	int64_t date;
	enum sqb_err err = sqb_absent_get(st, id, info_r, &date);

	return err == SQB_NOTFOUND ? damaged(st, id.n, "a message has lost it")
				   : err;
}

static const char sql_info[] =
	"SELECT b.id, b.guid, b.vsize, b.hdr_size, m.body_id FROM message AS m"
	" LEFT JOIN body AS b ON b.id = m.body_id"
	" WHERE m.mailbox_id = ?1 AND m.uid = ?2";

enum sqb_err sqb_body_info(struct sqb_store *st, struct sqb_mailbox_id box,
			   uint32_t uid, struct sqb_body_info *info_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_info);
	struct sqb_body_id id;
	enum sqb_err err;
	bool lost;

	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, uid);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	id.n = sqlite3_column_int64(q, 4);
	lost = sqlite3_column_type(q, 0) == SQLITE_NULL;
	if (!lost)
		err = read_info(st, q, info_r);
	sqlite3_reset(q);
	return lost ? read_absent(st, id, info_r) : err;
}

/* The sum of a chunk that has just been unpacked. */
static bool sum_is_right(struct sqb_body_reader *r, uint64_t n, size_t size)
{
	if (r->info.vsize <= SQB_BODY_CHUNK)
		return XXH3_64bits(r->chunk, size) == r->sum;
	if (n != r->summed)
		return true;
	if (r->whole == NULL) {
		r->whole = XXH3_createState();
		if (r->whole == NULL)
			abort();
		(void)XXH3_64bits_reset(r->whole);
	}
	(void)XXH3_64bits_update(r->whole, r->chunk, size);
	r->summed++;
	if (sqb_chunk_size(r->info.vsize, n + 1) == 0)
		r->bad = XXH3_64bits_digest(r->whole) != r->sum;
	return !r->bad;
}

/* Never leaves damaged octets behind. */
static enum sqb_err unpack(struct sqb_body_reader *r, uint64_t n,
			   const void *packed, size_t packed_size)
{
	size_t size = sqb_chunk_size(r->info.vsize, n);
	enum sqb_err err;

	r->loaded = NO_CHUNK;
	err = sqb_chunk_unpack(r->st, r->codec, r->info.vsize <= SQB_BODY_CHUNK,
			       packed, packed_size, r->chunk, size);
	if (err == SQB_CORRUPT)
		return damaged(r->st, r->info.id.n, "a chunk");
	if (err != SQB_OK)
		return err;
	if (!sum_is_right(r, n, size))
		return damaged(r->st, r->info.id.n, "the checksum differs");
	r->loaded = n;
	return SQB_OK;
}

static struct sqb_body_reader *new_reader(struct sqb_store *st)
{
	struct sqb_body_reader *r = sqb_xcalloc(1, sizeof(*r));

	r->st = st;
	r->loaded = NO_CHUNK;
	r->chunk = st->spare_chunk;
	st->spare_chunk = NULL;
	if (r->chunk == NULL)
		r->chunk = sqb_xmalloc(SQB_BODY_CHUNK);
	return r;
}

void sqb_body_close(struct sqb_body_reader **r_p)
{
	struct sqb_body_reader *r = *r_p;

	if (r == NULL)
		return;
	*r_p = NULL;
	if (r->st->spare_chunk == NULL)
		r->st->spare_chunk = r->chunk;
	else
		free(r->chunk);
	(void)XXH3_freeState(r->whole);
	free(r);
}

enum sqb_err sqb_body_row_read(struct sqb_store *st, sqlite3_stmt *q,
			       struct sqb_body_row *row_r)
{
	enum sqb_err err = read_info(st, q, &row_r->info);
	int codec = sqlite3_column_int(q, 4);

	if (err != SQB_OK)
		return err;
	if (codec == SQB_CODEC_RAW && row_r->info.vsize <= SQB_BODY_CHUNK)
		row_r->codec = SQB_CODEC_RAW;
	else if (codec == SQB_CODEC_ZSTD)
		row_r->codec = SQB_CODEC_ZSTD;
	else
		return damaged(st, row_r->info.id.n, "unknown codec");
	row_r->sum = (uint64_t)sqlite3_column_int64(q, 5);
	row_r->eol = sqlite3_column_int(q, 7);
	row_r->psize = sqlite3_column_int64(q, 8);
	row_r->data = sqlite3_column_blob(q, 6);
	row_r->size = (size_t)sqlite3_column_bytes(q, 6);
	return SQB_OK;
}

static struct sqb_body_reader *open_row(struct sqb_store *st,
					const struct sqb_body_row *row)
{
	struct sqb_body_reader *r = new_reader(st);

	r->info = row->info;
	r->codec = row->codec;
	r->eol = row->eol;
	r->psize = row->psize;
	r->sum = row->sum;
	/* A damaged chunk shows when it is asked for: others may be whole. */
	(void)unpack(r, 0, row->data, row->size);
	return r;
}

static enum sqb_err open_first_row(struct sqb_store *st, sqlite3_stmt *q,
				   struct sqb_body_reader **r_r)
{
	struct sqb_body_row row = { 0 };
	struct sqb_body_info info;
	struct sqb_body_id id;
	enum sqb_err err;

	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err : SQB_NOTFOUND;
	if (sqlite3_column_type(q, 0) == SQLITE_NULL) {
		id.n = sqlite3_column_int64(q, SQB_BODY_ROW_NEXT);
		sqlite3_reset(q);
		err = read_absent(st, id, &info);
		return err == SQB_OK ? SQB_ABSENT : err;
	}
	err = sqb_body_row_read(st, q, &row);
	if (err == SQB_OK)
		*r_r = open_row(st, &row);
	sqlite3_reset(q);
	return err;
}

static const char sql_open[] =
	"SELECT " SQB_BODY_ROW_COLUMNS ", m.psize, m.body_id FROM message AS m"
	" LEFT JOIN body AS b ON b.id = m.body_id"
	" WHERE m.mailbox_id = ?1 AND m.uid = ?2";

enum sqb_err sqb_body_open(struct sqb_store *st, struct sqb_mailbox_id box,
			   uint32_t uid, struct sqb_body_reader **r_r)
{
	struct sqb_body_row row = { 0 };
	enum sqb_err err;
	sqlite3_stmt *q;

	if (sqb_body_ahead_take(st, box.n, uid, &row)) {
		*r_r = open_row(st, &row);
		return SQB_OK;
	}
	q = sqb_stmt(st, sql_open);
	sqlite3_bind_int64(q, 1, box.n);
	sqlite3_bind_int64(q, 2, uid);
	err = open_first_row(st, q, r_r);
	if (err == SQB_OK)
		sqb_body_ahead_begin(st, box.n, uid);
	return err;
}

static const char sql_open_id[] =
	"SELECT " SQB_BODY_ROW_COLUMNS ", -1 FROM body AS b WHERE b.id = ?1";

enum sqb_err sqb_body_open_id(struct sqb_store *st, struct sqb_body_id id,
			      struct sqb_body_reader **r_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_open_id);
	struct sqb_body_info info;
	enum sqb_err err;
	int64_t date;

	sqlite3_bind_int64(q, 1, id.n);
	err = open_first_row(st, q, r_r);
	if (err == SQB_NOTFOUND)
		err = sqb_absent_get(st, id, &info, &date) == SQB_OK
			      ? SQB_ABSENT
			      : err;
	return err;
}

const struct sqb_body_info *
sqb_body_reader_info(const struct sqb_body_reader *r)
{
	return &r->info;
}

static const char sql_first_chunk[] = "SELECT data FROM body WHERE id = ?1";
static const char sql_chunk[] =
	"SELECT data FROM body_chunk WHERE body_id = ?1 AND n = ?2";
static const char sql_exists[] = "SELECT count(*) FROM body WHERE id = ?1";

void sqb_body_reader_file(const struct sqb_body_reader *r, int *eol_r,
			  int64_t *psize_r)
{
	*eol_r = r->eol;
	*psize_r = r->psize;
}

enum sqb_err sqb_body_reader_damaged(struct sqb_body_reader *r,
				     const char *what)
{
	return damaged(r->st, r->info.id.n, what);
}

enum sqb_err sqb_body_reader_missing(struct sqb_body_reader *r,
				     const char *what)
{
	struct sqb_store *st = r->st;
	sqlite3_stmt *q = sqb_stmt(st, sql_exists);
	enum sqb_err err;
	int64_t count;

	sqlite3_bind_int64(q, 1, r->info.id.n);
	err = sqb_run_int64(st, q, &count);
	if (err != SQB_OK)
		return err;
	if (count > 0)
		return damaged(st, r->info.id.n, what);
	return sqb_fail(st, SQB_NOTFOUND,
			"the body %lld was freed, its message having been "
			"expunged",
			(long long)r->info.id.n);
}

static enum sqb_err load_chunk(struct sqb_body_reader *r, uint64_t n)
{
	struct sqb_store *st = r->st;
	sqlite3_stmt *q = sqb_stmt(st, n == 0 ? sql_first_chunk : sql_chunk);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, r->info.id.n);
	if (n > 0)
		sqlite3_bind_int64(q, 2, (int64_t)n);
	if (!sqb_step(st, q, &err))
		return err != SQB_OK ? err
				     : sqb_body_reader_missing(
					       r, "a chunk is missing");
	err = unpack(r, n, sqlite3_column_blob(q, 0),
		     (size_t)sqlite3_column_bytes(q, 0));
	sqlite3_reset(q);
	return err;
}

enum sqb_err sqb_body_data(struct sqb_body_reader *r, uint64_t offset,
			   const void **data_r, size_t *size_r)
{
	uint64_t n = offset / SQB_BODY_CHUNK;
	size_t within = (size_t)(offset % SQB_BODY_CHUNK);
	enum sqb_err err;

	if (r->bad)
		return damaged(r->st, r->info.id.n, "the checksum differs");
	if (offset >= r->info.vsize) {
		*data_r = "";
		*size_r = 0;
		return SQB_OK;
	}
	if (n != r->loaded) {
		err = load_chunk(r, n);
		if (err != SQB_OK)
			return err;
	}
	*data_r = r->chunk + within;
	*size_r = sqb_chunk_size(r->info.vsize, n) - within;
	return SQB_OK;
}
