/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Chunks of bodies, packed and unpacked.
 *
 * Every chunk is one zstd frame with its checksum.  Contexts and buffers are
 * kept in the store: making them costs more than packing a small mail.
 */
#include "common/body-private.h"
#include "common/store-private.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define FRAME_FLAGS 4 /* offset of the descriptor, RFC 8878 3.1.1.1.1 */
#define FRAME_HAS_CHECKSUM 0x04

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

/* It keeps the dictionary in the form that this level needs. */
static ZSTD_CCtx *new_cctx(int level)
{
	ZSTD_CCtx *cctx = ZSTD_createCCtx();

	if (cctx == NULL)
		return NULL;
	(void)ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, level);
	(void)ZSTD_CCtx_setParameter(cctx, ZSTD_c_checksumFlag, 1);
	(void)ZSTD_CCtx_loadDictionary(cctx, sqb_dictionary,
				       sqb_dictionary_size);
	return cctx;
}

static ZSTD_DCtx *new_dctx(void)
{
	ZSTD_DCtx *dctx = ZSTD_createDCtx();

	if (dctx != NULL)
		(void)ZSTD_DCtx_loadDictionary(dctx, sqb_dictionary,
					       sqb_dictionary_size);
	return dctx;
}

enum sqb_err sqb_chunk_pack(struct sqb_store *st, const void *data, size_t size,
			    const void **packed_r, size_t *packed_size_r)
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
	packed_size = ZSTD_compress2(st->cctx, packed, room, data, size);
	if (ZSTD_isError(packed_size))
		return sqb_fail(st, SQB_INTERNAL, "zstd: %s",
				ZSTD_getErrorName(packed_size));
	*packed_r = packed;
	*packed_size_r = packed_size;
	return SQB_OK;
}

/*
 * One frame, all of it, and with a checksum: damage may have cleared the bit
 * that says there is one.
 */
static bool is_our_frame(const void *packed, size_t size)
{
	const uint8_t *octets = packed;

	return size > FRAME_FLAGS &&
	       (octets[FRAME_FLAGS] & FRAME_HAS_CHECKSUM) != 0 &&
	       ZSTD_findFrameCompressedSize(packed, size) == size;
}

enum sqb_err sqb_chunk_unpack(struct sqb_store *st, enum sqb_codec codec,
			      const void *packed, size_t packed_size, void *out,
			      size_t size)
{
	if (codec == SQB_CODEC_RAW) {
		if (packed_size != size)
			return SQB_CORRUPT;
		if (size > 0)
			memcpy(out, packed, size);
		return SQB_OK;
	}
	if (!is_our_frame(packed, packed_size))
		return SQB_CORRUPT;
	if (st->dctx == NULL)
		st->dctx = new_dctx();
	if (st->dctx == NULL)
		return sqb_fail(st, SQB_IO, "zstd: out of memory");
	if (ZSTD_decompressDCtx(st->dctx, out, size, packed, packed_size) !=
	    size)
		return SQB_CORRUPT;
	return SQB_OK;
}

void sqb_body_free_buffers(struct sqb_store *st)
{
	(void)ZSTD_freeCCtx(st->cctx);
	(void)ZSTD_freeDCtx(st->dctx);
	free(st->packed);
	free(st->spare_chunk);
}
