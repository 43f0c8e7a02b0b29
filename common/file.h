/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_FILE_H
#define SQB_FILE_H

#include "common/body.h"

/*
 * Messages as files.
 *
 * A body is wire octets, every line ending in CRLF.  As a file it looks as it
 * did when it was written: a line end is LF, or CRLF where it was so.  What
 * came by sqb_body_write() has LF for every CRLF.  What came by
 * sqb_body_write_file() reads back octet by octet, whatever it was.
 */

/*
 * Add octets of a file as they are to a body (body.h); they may be cut
 * anywhere.  SQB_INVALID: octets came by sqb_body_write() before; the other way
 * round, too.
 */
enum sqb_err sqb_body_write_file(struct sqb_body_writer *w, const void *data,
				 size_t size);

/* The size as a file so far; after finish, what message.psize will be. */
uint64_t sqb_body_writer_psize(const struct sqb_body_writer *w);

/*
 * Open a message, or a body, as a file.  The reader holds no transaction
 * between calls.
 *
 * A body lives for 60 s after its last message was expunged, and so long can
 * the reader be read.  Who keeps files open for longer copies what is left of
 * them before that.  A reader of no more than SQB_BODY_CHUNK octets has all of
 * them already and stays good for ever.
 *
 * SQB_NOTFOUND (an answer): no such message, or body (any more).
 * SQB_ABSENT (an answer): it is still at the server (remote.h).
 * SQB_CORRUPT: it is damaged; other messages are not concerned.
 */
struct sqb_file_reader;
enum sqb_err sqb_file_open(struct sqb_store *st, struct sqb_mailbox_id box,
			   uint32_t uid, struct sqb_file_reader **r_r);
/* A large body is read to its end once, to learn its size. */
enum sqb_err sqb_file_open_id(struct sqb_store *st, struct sqb_body_id id,
			      struct sqb_file_reader **r_r);

uint64_t sqb_file_size(const struct sqb_file_reader *r);

/*
 * Read as pread() does: fewer octets than asked for, or none, at the end of the
 * file only.  Where an offset lies is known once what is before it has been
 * passed: the first jump ahead costs as much as reading up to there, later ones
 * one chunk.
 * SQB_CORRUPT: this part, or one before it, is damaged, and nothing is handed
 * out (I8).  SQB_NOTFOUND: the body was freed.
 */
enum sqb_err sqb_file_read(struct sqb_file_reader *r, uint64_t offset,
			   void *buf, size_t size, size_t *got_r);
void sqb_file_close(struct sqb_file_reader **r);

#endif
