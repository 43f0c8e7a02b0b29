/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_BODY_H
#define SQB_BODY_H

#include "common/mailbox.h"

#include <stddef.h>

/*
 * Bodies: the octets of messages, streamed in and out.
 *
 * A body is stored as IMAP sends it, every line ending in CRLF: the caller of
 * sqb_body_write() has seen to that.  It is cut into chunks of SQB_BODY_CHUNK
 * octets, each a zstd frame of its own, so that any part can be read without
 * the rest and nothing needs memory of the message's size.  Copies of a
 * message share its body, which never changes (invariant I3).
 */
#define SQB_BODY_CHUNK 131072

struct sqb_body_id {
	int64_t n; /* valid in its store until 60 s after the last expunge */
};

/*
 * Writing needs no lock and no transaction: data is compressed into memory,
 * and past 4 MiB into an unlinked file in the store's directory (SQB_FULL,
 * SQB_IO).  guid NULL: a new random one.
 */
struct sqb_body_writer;
struct sqb_body_writer *sqb_body_begin(struct sqb_store *st);
enum sqb_err sqb_body_write(struct sqb_body_writer *w, const void *data,
			    size_t size);
enum sqb_err sqb_body_finish(struct sqb_body_writer *w,
			     const uint8_t guid[SQB_GUID_SIZE]);
/* Octets so far; after finish, RFC822.SIZE. */
uint64_t sqb_body_writer_vsize(const struct sqb_body_writer *w);
/*
 * Read back what a finished writer holds, as sqb_body_data() does of a stored
 * body.
 */
enum sqb_err sqb_body_writer_data(struct sqb_body_writer *w, uint64_t offset,
				  const void **data_r, size_t *size_r);
/* Free, whether or not it was appended; accepts NULL. */
void sqb_body_writer_free(struct sqb_body_writer **w);

struct sqb_body_info {
	struct sqb_body_id id;
	uint8_t guid[SQB_GUID_SIZE];
	uint64_t vsize;    /* RFC822.SIZE */
	uint64_t hdr_size; /* octets up to and with the empty line; */
			   /* 0 while the body is absent */
};

/* SQB_NOTFOUND (an answer): no such message (any more). */
enum sqb_err sqb_body_info(struct sqb_store *st, struct sqb_mailbox_id box,
			   uint32_t uid, struct sqb_body_info *info_r);

/* How many messages share a body there is; 0: the last one was expunged. */
enum sqb_err sqb_body_refs(struct sqb_store *st, struct sqb_body_id id,
			   uint64_t *refs_r);

/*
 * Open the body of a message for reading.  The reader stays good after an
 * expunge for 60 seconds.  It holds no transaction between calls.
 * SQB_NOTFOUND (an answer): no such message (any more).
 * SQB_ABSENT (an answer): it is still at the server (remote.h).
 * SQB_CORRUPT: the row is damaged; other messages are not concerned.
 */
struct sqb_body_reader;
enum sqb_err sqb_body_open(struct sqb_store *st, struct sqb_mailbox_id box,
			   uint32_t uid, struct sqb_body_reader **r_r);
enum sqb_err sqb_body_open_id(struct sqb_store *st, struct sqb_body_id id,
			      struct sqb_body_reader **r_r);
const struct sqb_body_info *
sqb_body_reader_info(const struct sqb_body_reader *r);

/*
 * The octets from offset to the end of its chunk; size 0 at the end of the
 * body.  The pointer dies with the next call on the reader.
 * SQB_CORRUPT: this part is damaged, and nothing of it is handed out (I8).
 * SQB_NOTFOUND: freed since, 60 s after its last message was expunged.
 */
enum sqb_err sqb_body_data(struct sqb_body_reader *r, uint64_t offset,
			   const void **data_r, size_t *size_r);
void sqb_body_close(struct sqb_body_reader **r);

#endif
