/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_BODY_PRIVATE_H
#define SQB_BODY_PRIVATE_H

#include "common/body.h"

/* For the files of common/ only: bodies and their rows. */

/* body.codec */
enum sqb_codec {
	SQB_CODEC_RAW = 0, /* a body of one chunk that does not shrink */
	SQB_CODEC_ZSTD = 1,
};

/*
 * The body's row id for a message that is being appended; needs a transaction.
 * Writes its rows the first time (*fresh_r true), and again if the transaction
 * that wrote them was rolled back or they have been freed since.  Else hands
 * the same id out again: the caller counts the references.
 * SQB_INVALID: the writer is not finished.  SQB_FULL.
 */
enum sqb_err sqb_body_store(struct sqb_store *st, struct sqb_body_writer *w,
			    int64_t date, struct sqb_body_id *id_r,
			    bool *fresh_r);

/* Of a finished writer: octets of the file with LF line ends. */
uint64_t sqb_body_writer_psize(const struct sqb_body_writer *w);

/* Delete a body's rows; needs a transaction.  Not there: no error. */
enum sqb_err sqb_body_free(struct sqb_store *st, struct sqb_body_id id);

/* Octets of chunk n of a body of vsize octets; 0 behind the end. */
size_t sqb_chunk_size(uint64_t vsize, uint64_t n);

/*
 * One chunk, packed as a zstd frame with its checksum: into *packed_r, which
 * is the store's and dies with the next call on it.
 */
enum sqb_err sqb_chunk_pack(struct sqb_store *st, const void *data, size_t size,
			    const void **packed_r, size_t *packed_size_r);

/*
 * Unpack a chunk that must have size octets (at most SQB_BODY_CHUNK) into out,
 * which has room for them.  SQB_CORRUPT, without a message: it is damaged.
 */
enum sqb_err sqb_chunk_unpack(struct sqb_store *st, enum sqb_codec codec,
			      const void *packed, size_t packed_size, void *out,
			      size_t size);

/* Room for one packed chunk, the store's; dies with the next call on it. */
void *sqb_chunk_buffer(struct sqb_store *st, size_t *size_r);

#endif
