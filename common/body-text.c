/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "common/body-text.h"

#include <stdlib.h>

#include "common/body-private.h"
#include "common/store-private.h"

static const char sql_size[] = "SELECT size FROM body_text"
			       " WHERE body_id = ?1 AND maker = ?2";

enum sqb_err sqb_body_text_size(struct sqb_store *st, struct sqb_body_id id,
				unsigned int maker, uint64_t *size_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_size);
	int64_t size;
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, id.n);
	sqlite3_bind_int64(q, 2, maker);
	err = sqb_run_int64(st, q, &size);
	if (err == SQB_OK)
		*size_r = (uint64_t)size;
	return err;
}

static const char sql_get[] = "SELECT size, data FROM body_text"
			      " WHERE body_id = ?1 AND maker = ?2"
			      " AND length(data) > 0";

static enum sqb_err unpack(struct sqb_store *st, sqlite3_stmt *q, char **data_r,
			   size_t *size_r)
{
	int64_t size = sqlite3_column_int64(q, 0);
	const void *packed = sqlite3_column_blob(q, 1);
	size_t packed_size = (size_t)sqlite3_column_bytes(q, 1);
	enum sqb_err err = SQB_CORRUPT;
	char *data;

	if (size < 0 || size > SQB_BODY_CHUNK)
		return SQB_NOTFOUND;
	data = sqb_xmalloc((size_t)size + 1);
	if (packed != NULL)
		err = sqb_chunk_unpack(st, SQB_CODEC_ZSTD, false, packed,
				       packed_size, data, (size_t)size);
	if (err != SQB_OK) {
		free(data);
		return err == SQB_CORRUPT ? SQB_NOTFOUND : err;
	}
	*data_r = data;
	*size_r = (size_t)size;
	return SQB_OK;
}

enum sqb_err sqb_body_text_get(struct sqb_store *st, struct sqb_body_id id,
			       unsigned int maker, char **data_r,
			       size_t *size_r)
{
	sqlite3_stmt *q = sqb_stmt(st, sql_get);
	enum sqb_err err;

	sqlite3_bind_int64(q, 1, id.n);
	sqlite3_bind_int64(q, 2, maker);
	if (!sqb_step(st, q, &err))
		return err == SQB_OK ? SQB_NOTFOUND : err;
	err = unpack(st, q, data_r, size_r);
	sqlite3_reset(q);
	return err;
}

struct sqb_body_text {
	struct sqb_body_id id;
	unsigned int maker;
	size_t size, packed_size;
	void *packed; /* own */
};

enum sqb_err sqb_body_text_pack(struct sqb_store *st, struct sqb_body_id id,
				unsigned int maker, const void *data,
				size_t size, struct sqb_body_text **text_r)
{
	struct sqb_body_text *text;
	const void *packed = "";
	size_t packed_size = 0;
	enum sqb_err err = SQB_OK;

	if (size <= SQB_BODY_CHUNK)
		err = sqb_chunk_pack(st, data, size, false, &packed,
				     &packed_size);
	if (err != SQB_OK)
		return err;
	text = sqb_xcalloc(1, sizeof(*text));
	text->id = id;
	text->maker = maker;
	text->size = size;
	text->packed = sqb_xmemdup(packed, packed_size);
	text->packed_size = packed_size;
	*text_r = text;
	return SQB_OK;
}

void sqb_body_text_free(struct sqb_body_text **text_p)
{
	struct sqb_body_text *text = *text_p;

	if (text == NULL)
		return;
	*text_p = NULL;
	free(text->packed);
	free(text);
}

static const char sql_put[] =
	"INSERT OR REPLACE INTO body_text (body_id, maker, size, data)"
	" SELECT ?1, ?2, ?3, ?4 FROM body WHERE id = ?1 RETURNING 1";

enum sqb_err sqb_body_text_put(struct sqb_store *st,
			       const struct sqb_body_text *text)
{
	enum sqb_err err = sqb_need_txn(st);
	sqlite3_stmt *q;
	int64_t one;

	if (err != SQB_OK)
		return err;
	q = sqb_stmt(st, sql_put);
	sqlite3_bind_int64(q, 1, text->id.n);
	sqlite3_bind_int64(q, 2, text->maker);
	sqlite3_bind_int64(q, 3, (int64_t)text->size);
	sqlite3_bind_blob(q, 4, text->packed, (int)text->packed_size,
			  SQLITE_STATIC);
	return sqb_run_int64(st, q, &one);
}
