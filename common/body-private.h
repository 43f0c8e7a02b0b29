/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_BODY_PRIVATE_H
#define SQB_BODY_PRIVATE_H

#include "common/file.h"
#include "common/store-private.h"

#include <sys/types.h>

/* For the files of common/ only: bodies and their rows. */

/* body.codec */
enum sqb_codec {
	SQB_CODEC_RAW = 0,  /* a body of one chunk that does not shrink */
	SQB_CODEC_ZSTD = 1, /* frames that name their dictionary */
};

/*
 * Dictionary 2, in which 1 begins after the tables (dictionary.c).  A frame
 * that names none has 1.
 */
#define SQB_DICTIONARIES 2
extern const char sqb_dictionary[];
extern const size_t sqb_dictionary_size;
const char *sqb_dictionary_find(unsigned int id, size_t *size_r);

/* body.eol: the line ends of the file that a body was written as. */
enum sqb_eol {
	SQB_EOL_LF = 0, /* and all that came as wire octets */
	SQB_EOL_CRLF = 1,
	SQB_EOL_MIXED = 2, /* body_eol has them */
};

/* What a writer has ready for the store: a chunk, or the runs of one. */
struct sqb_piece {
	void *data;   /* own; NULL: it is in the file */
	off_t offset; /* there */
	size_t size;
};
struct sqb_pieces {
	struct sqb_piece *list; /* own */
	size_t count, alloc;
};

/*
 * Line ends are counted, and the header's end is found, while data passes by:
 * the header ends with the first line that is nothing but CRLF.
 */
struct sqb_line_scan {
	uint64_t crlf_count;
	uint64_t line_start; /* of the line that has not ended yet */
	uint64_t hdr_size;   /* 0: the empty line has not come yet */
	bool after_cr;       /* the last octet was a CR */
};

/* Line ends of a file on its way in, as body_eol has them (file-write.c). */
struct sqb_eol_scan {
	uint64_t lf_count, crlf_count;
	uint64_t chunk; /* the one whose runs are here */
	uint8_t *runs;  /* own; those that have ended */
	size_t size, alloc;
	uint64_t run; /* length of the last one */
	bool crlf;    /* its kind */
};

/* Between sqb_body_begin() and sqb_body_writer_free() (body-write.c). */
struct sqb_body_writer {
	struct sqb_store *st; /* foreign */
	enum sqb_err failed;  /* an earlier call has failed with it */
	bool finished;
	bool wire, file; /* how octets have come */
	bool as_wire;    /* as a file it shall look as on the wire */
	uint8_t guid[SQB_GUID_SIZE];
	uint64_t vsize;
	struct sqb_line_scan lines;
	struct sqb_eol_scan eol; /* of a file */

	uint8_t *chunk; /* own; what is not packed yet */
	size_t chunk_size, chunk_room;
	struct XXH3_state_s *whole; /* own; NULL while there is one chunk */
	uint64_t sum;               /* once finished */

	enum sqb_codec codec;
	struct sqb_pieces chunks;
	struct sqb_pieces runs; /* for body_eol: by chunk; empty: not mixed */
	size_t in_memory;
	int fd; /* own; -1: all is in memory */
	off_t file_size;

	uint8_t *view; /* own; unpacked, for sqb_body_writer_data() */
	size_t viewed; /* which chunk is there */

	struct sqb_body_id id; /* as stored by transaction stored_in */
	uint64_t stored_in;    /* 0: by none yet */
};

/* SQB_OK if it is finished, else SQB_INVALID. */
enum sqb_err sqb_body_writer_need_finished(struct sqb_body_writer *w);

/*
 * Piece n of a writer, 0 <= n < count; dies with the next call on writer or
 * store.
 */
enum sqb_err sqb_body_writer_piece(struct sqb_body_writer *w,
				   const struct sqb_pieces *pieces, size_t n,
				   const void **data_r, size_t *size_r);

/*
 * For file-write.c.  may_write(): SQB_OK, or why no more can be written.
 * put(): add wire octets.  keep(): add a piece.
 */
enum sqb_err sqb_body_writer_may_write(struct sqb_body_writer *w);
enum sqb_err sqb_body_writer_put(struct sqb_body_writer *w, const void *data,
				 size_t size);
enum sqb_err sqb_body_writer_keep(struct sqb_body_writer *w,
				  struct sqb_pieces *pieces, const void *data,
				  size_t size);
void sqb_pieces_free(struct sqb_pieces *pieces);

/* All octets have come: complete w->runs. */
enum sqb_err sqb_eol_finish(struct sqb_body_writer *w);
enum sqb_eol sqb_body_writer_eol(const struct sqb_body_writer *w);

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

/* An id for a body that is new; needs a transaction. */
enum sqb_err sqb_body_next_id(struct sqb_store *st, struct sqb_body_id *id_r);

/*
 * Write the rows of a body under an id that has none yet, so that it looks as a
 * file as on the wire; guid becomes the writer's.
 */
enum sqb_err sqb_body_store_as(struct sqb_store *st, struct sqb_body_writer *w,
			       struct sqb_body_id id,
			       const uint8_t guid[SQB_GUID_SIZE], int64_t date);

/*
 * Absent bodies (absent.c).  add() needs a transaction.  get(): SQB_NOTFOUND
 * (an answer): it is not absent.
 */
enum sqb_err sqb_absent_add(struct sqb_store *st, uint64_t vsize, int64_t date,
			    struct sqb_body_id *id_r);
enum sqb_err sqb_absent_get(struct sqb_store *st, struct sqb_body_id id,
			    struct sqb_body_info *info_r, int64_t *date_r);

/*
 * What opening a body takes of its row: these columns, then message.psize or
 * -1, then what else the statement wants.
 */
#define SQB_BODY_ROW_COLUMNS \
	"b.id, b.guid, b.vsize, b.hdr_size, b.codec, b.sum, b.data, b.eol"
#define SQB_BODY_ROW_NEXT 9

struct sqb_body_row {
	struct sqb_body_info info;
	enum sqb_codec codec;
	int eol;
	int64_t psize;
	uint64_t sum;
	const void *data; /* the first chunk, packed */
	size_t size;
};

/* Of a row that is there.  data is q's, and dies with its next step. */
enum sqb_err sqb_body_row_read(struct sqb_store *st, sqlite3_stmt *q,
			       struct sqb_body_row *row_r);

/*
 * Reading ahead (body-ahead.c).  sqb_body_ahead_begin(): a message was opened,
 * and the next one may follow.  sqb_body_ahead_take(): is a message's row at
 * hand, or the next one in order?  Its data dies with the next call.
 */
void sqb_body_ahead_begin(struct sqb_store *st, int64_t box, uint32_t uid);
bool sqb_body_ahead_take(struct sqb_store *st, int64_t box, uint32_t uid,
			 struct sqb_body_row *body_r);
void sqb_body_ahead_free(struct sqb_store *st);

/* Delete a body's rows; needs a transaction.  Not there: no error. */
enum sqb_err sqb_body_free(struct sqb_store *st, struct sqb_body_id id);

/*
 * For file-read.c: body.eol as it is there, and message.psize, -1 if the body
 * was opened by its id.
 */
void sqb_body_reader_file(const struct sqb_body_reader *r, int *eol_r,
			  int64_t *psize_r);
/* SQB_CORRUPT, or SQB_NOTFOUND if the body was freed and what is missing. */
enum sqb_err sqb_body_reader_damaged(struct sqb_body_reader *r,
				     const char *what);
enum sqb_err sqb_body_reader_missing(struct sqb_body_reader *r,
				     const char *what);

/* Octets of chunk n of a body of vsize octets; 0 behind the end. */
size_t sqb_chunk_size(uint64_t vsize, uint64_t n);

/*
 * One chunk, packed as a zstd frame: into *packed_r, which is the store's and
 * dies with the next call on it.  only: it is all of its body, so that the sum
 * in the body's row tells of damage.  Else the frame has a checksum.
 */
enum sqb_err sqb_chunk_pack(struct sqb_store *st, const void *data, size_t size,
			    bool only, const void **packed_r,
			    size_t *packed_size_r);

/*
 * Unpack a chunk that must have size octets (at most SQB_BODY_CHUNK) into out,
 * which has room for them.  only: the caller looks at the sum.
 * SQB_CORRUPT, without a message: it is damaged.
 */
enum sqb_err sqb_chunk_unpack(struct sqb_store *st, enum sqb_codec codec,
			      bool only, const void *packed, size_t packed_size,
			      void *out, size_t size);

/* Room for one packed chunk, the store's; dies with the next call on it. */
void *sqb_chunk_buffer(struct sqb_store *st, size_t *size_r);

#endif
