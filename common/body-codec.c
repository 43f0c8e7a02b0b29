/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Chunks of bodies, packed and unpacked.
 *
 * Every chunk is one zstd frame.  Contexts and buffers are kept in the store:
 * making them costs more than packing a small mail.
 */
#include "common/body-private.h"
#include "common/store-private.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define FRAME_FLAGS 4 /* offset of the descriptor, RFC 8878 3.1.1.1.1 */
#define FRAME_HAS_CHECKSUM 0x04

/* sqb_dictionary begins with so many octets that dictionary 1 has not. */
#define DICTIONARY_TABLES 154

/*
 * Up to this level every part of the search that costs more than it saves is
 * left out: a mail is short.  Short matches save one octet in a hundred, and
 * take a fifth of the time to unpack; a second table (dfast) saves one in a
 * thousand for two fifths of the time to pack.  A table of 16384 entries, which
 * the processor's cache holds, is cleared for each mail.  Who wants a higher
 * level wants every octet.
 */
#define FAST_LEVEL_MAX 3
#define FAST_MIN_MATCH 6
#define FAST_HASH_LOG 14

size_t sqb_chunk_size(uint64_t vsize, uint64_t n)
{
	uint64_t start = n * SQB_BODY_CHUNK;

	if (start >= vsize)
		return 0;
	return vsize - start < SQB_BODY_CHUNK ? (size_t)(vsize - start)
					      : SQB_BODY_CHUNK;
}

void *sqb_chunk_buffer(struct sqb_store *st, size_t *size_r)
{
	size_t size = ZSTD_compressBound(SQB_BODY_CHUNK);

	if (st->packed == NULL)
		st->packed = sqb_xmalloc(size);
	*size_r = size;
	return st->packed;
}

const char *sqb_dictionary_find(unsigned int id, size_t *size_r)
{
	size_t tables = id == 1 ? DICTIONARY_TABLES : 0;

	*size_r = sqb_dictionary_size - tables;
	return sqb_dictionary + tables;
}

/* It keeps the dictionary in the form that this level needs. */
static ZSTD_CCtx *new_cctx(int level)
{
	ZSTD_CCtx *cctx = ZSTD_createCCtx();

	if (cctx == NULL)
		return NULL;
	(void)ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, level);
	if (level <= FAST_LEVEL_MAX) {
		(void)ZSTD_CCtx_setParameter(cctx, ZSTD_c_strategy, ZSTD_fast);
		(void)ZSTD_CCtx_setParameter(cctx, ZSTD_c_minMatch,
					     FAST_MIN_MATCH);
		(void)ZSTD_CCtx_setParameter(cctx, ZSTD_c_hashLog,
					     FAST_HASH_LOG);
	}
	(void)ZSTD_CCtx_loadDictionary(cctx, sqb_dictionary,
				       sqb_dictionary_size);
	return cctx;
}

static const ZSTD_DDict *find_ddict(struct sqb_store *st, unsigned int id)
{
	const char *data;
	size_t size;

	if (st->ddicts[id - 1] == NULL) {
		data = sqb_dictionary_find(id, &size);
		st->ddicts[id - 1] = ZSTD_createDDict(data, size);
	}
	return st->ddicts[id - 1];
}

enum sqb_err sqb_chunk_pack(struct sqb_store *st, const void *data, size_t size,
			    bool only, const void **packed_r,
			    size_t *packed_size_r)
{
	size_t room, packed_size;
	void *packed = sqb_chunk_buffer(st, &room);

	if (st->cctx == NULL || st->cctx_level != st->compress_level) {
		(void)ZSTD_freeCCtx(st->cctx);
		st->cctx = new_cctx(st->compress_level);
		st->cctx_level = st->compress_level;
	}
	if (st->cctx == NULL)
		return sqb_fail(st, SQB_IO, "zstd: out of memory");
	(void)ZSTD_CCtx_setParameter(st->cctx, ZSTD_c_checksumFlag, !only);
	packed_size = ZSTD_compress2(st->cctx, packed, room, data, size);
	if (ZSTD_isError(packed_size))
		return sqb_fail(st, SQB_INTERNAL, "zstd: %s",
				ZSTD_getErrorName(packed_size));
	*packed_r = packed;
	*packed_size_r = packed_size;
	return SQB_OK;
}

/*
 * One frame, all of it, of a dictionary there is; and with a checksum, unless
 * it needs none: damage may have cleared the bit that says there is one.
 */
static bool is_our_frame(const void *packed, size_t size, bool only,
			 unsigned int *dictionary_r)
{
	const uint8_t *octets = packed;

	if (size <= FRAME_FLAGS ||
	    (!only && (octets[FRAME_FLAGS] & FRAME_HAS_CHECKSUM) == 0) ||
	    ZSTD_findFrameCompressedSize(packed, size) != size)
		return false;
	*dictionary_r = ZSTD_getDictID_fromFrame(packed, size);
	if (*dictionary_r == 0)
		*dictionary_r = 1;
	return *dictionary_r <= SQB_DICTIONARIES;
}

static enum sqb_err unpack_raw(const void *packed, size_t packed_size,
			       void *out, size_t size)
{
	if (packed_size != size)
		return SQB_CORRUPT;
	if (size > 0)
		memcpy(out, packed, size);
	return SQB_OK;
}

enum sqb_err sqb_chunk_unpack(struct sqb_store *st, enum sqb_codec codec,
			      bool only, const void *packed, size_t packed_size,
			      void *out, size_t size)
{
	const ZSTD_DDict *ddict;
	unsigned int dictionary;

	if (codec == SQB_CODEC_RAW)
		return unpack_raw(packed, packed_size, out, size);
	if (!is_our_frame(packed, packed_size, only, &dictionary))
		return SQB_CORRUPT;
	if (st->dctx == NULL)
		st->dctx = ZSTD_createDCtx();
	ddict = find_ddict(st, dictionary);
	if (st->dctx == NULL || ddict == NULL)
		return sqb_fail(st, SQB_IO, "zstd: out of memory");
	if (ZSTD_decompress_usingDDict(st->dctx, out, size, packed, packed_size,
				       ddict) != size)
		return SQB_CORRUPT;
	return SQB_OK;
}

void sqb_body_free_buffers(struct sqb_store *st)
{
	size_t i;

	(void)ZSTD_freeCCtx(st->cctx);
	(void)ZSTD_freeDCtx(st->dctx);
	for (i = 0; i < SQB_DICTIONARIES; i++)
		(void)ZSTD_freeDDict(st->ddicts[i]);
	free(st->packed);
	free(st->spare_chunk);
	sqb_body_ahead_free(st);
}
