/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "istream-private.h"
#include "sqbox-istream.h"

struct sqbox_istream {
	struct istream_private istream;

	struct sqb_store *st;
	struct sqb_body_reader *reader; /* own; NULL: */
	struct sqb_body_writer *writer; /* foreign */
	uint64_t vsize;
};

static void sqbox_istream_close(struct iostream_private *stream,
				bool close_parent ATTR_UNUSED)
{
	struct sqbox_istream *sstream =
		container_of(stream, struct sqbox_istream, istream.iostream);

	if (sstream->reader != NULL)
		sqb_body_close(&sstream->reader);
}

static enum sqb_err
sqbox_istream_data(struct sqbox_istream *sstream, uint64_t offset,
		   const void **data_r, size_t *size_r)
{
	if (sstream->writer != NULL) {
		return sqb_body_writer_data(sstream->writer, offset, data_r,
					    size_r);
	}
	return sqb_body_data(sstream->reader, offset, data_r, size_r);
}

static ssize_t sqbox_istream_read(struct istream_private *stream)
{
	struct sqbox_istream *sstream =
		container_of(stream, struct sqbox_istream, istream);
	uint64_t offset;
	const void *data;
	size_t size, avail;
	enum sqb_err err;

	if (sstream->reader == NULL && sstream->writer == NULL) {
		stream->istream.stream_errno = EBADF;
		return -1;
	}
	offset = stream->istream.v_offset + (stream->pos - stream->skip);
	err = sqbox_istream_data(sstream, offset, &data, &size);
	if (err != SQB_OK) {
		io_stream_set_error(&stream->iostream, "%s",
				    err == SQB_NOTFOUND ?
					    "message was expunged" :
					    sqb_store_errmsg(sstream->st));
		stream->istream.stream_errno =
			err == SQB_NOTFOUND ? ENOENT : EIO;
		return -1;
	}
	if (size == 0) {
		stream->istream.eof = TRUE;
		return -1;
	}
	if (!i_stream_try_alloc(stream, 1, &avail))
		return -2;
	/* A chunk is larger than what a reader usually wants at a time. */
	if (avail < size)
		(void)i_stream_try_alloc(stream, size, &avail);
	if (size > avail)
		size = avail;
	memcpy(stream->w_buffer + stream->pos, data, size);
	stream->pos += size;
	return (ssize_t)size;
}

static void sqbox_istream_seek(struct istream_private *stream, uoff_t v_offset,
			       bool mark ATTR_UNUSED)
{
	stream->istream.v_offset = v_offset;
	stream->skip = stream->pos = 0;
}

static int
sqbox_istream_stat(struct istream_private *stream, bool exact ATTR_UNUSED)
{
	struct sqbox_istream *sstream =
		container_of(stream, struct sqbox_istream, istream);

	stream->statbuf.st_size = (off_t)sstream->vsize;
	return 0;
}

static struct istream *sqbox_istream_init(struct sqbox_istream *sstream)
{
	sstream->istream.iostream.close = sqbox_istream_close;
	sstream->istream.max_buffer_size = IO_BLOCK_SIZE;
	sstream->istream.read = sqbox_istream_read;
	sstream->istream.seek = sqbox_istream_seek;
	sstream->istream.stat = sqbox_istream_stat;
	sstream->istream.istream.readable_fd = FALSE;
	sstream->istream.istream.blocking = TRUE;
	sstream->istream.istream.seekable = TRUE;
	return i_stream_create(&sstream->istream, NULL, -1, 0);
}

/* Nearly all bodies are one chunk: no copy, no reading in steps. */
static void sqbox_istream_free_reader(void *context)
{
	struct sqb_body_reader *reader = context;

	sqb_body_close(&reader);
}

struct istream *
sqbox_istream_create(struct sqb_store *st, struct sqb_body_reader **_reader)
{
	struct sqb_body_reader *reader = *_reader;
	uint64_t vsize = sqb_body_reader_info(reader)->vsize;
	struct sqbox_istream *sstream;
	struct istream *input;
	const void *data;
	size_t size;

	*_reader = NULL;
	if (vsize <= SQB_BODY_CHUNK &&
	    sqb_body_data(reader, 0, &data, &size) == SQB_OK) {
		input = i_stream_create_from_data(data, size);
		i_stream_add_destroy_callback(input, sqbox_istream_free_reader,
					      (void *)reader);
		return input;
	}

	sstream = i_new(struct sqbox_istream, 1);
	sstream->st = st;
	sstream->reader = reader;
	sstream->vsize = vsize;
	return sqbox_istream_init(sstream);
}

struct istream *sqbox_istream_create_writer(struct sqb_store *st,
					    struct sqb_body_writer *writer)
{
	struct sqbox_istream *sstream;

	sstream = i_new(struct sqbox_istream, 1);
	sstream->st = st;
	sstream->writer = writer;
	sstream->vsize = sqb_body_writer_vsize(writer);
	return sqbox_istream_init(sstream);
}
