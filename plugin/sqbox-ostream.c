/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "ostream-private.h"
#include "sqbox-ostream.h"

struct sqbox_ostream {
	struct ostream_private ostream;

	struct sqb_store *st;
	struct sqb_body_writer *writer; /* foreign */
};

static ssize_t
sqbox_ostream_sendv(struct ostream_private *stream,
		    const struct const_iovec *iov, unsigned int iov_count)
{
	struct sqbox_ostream *sstream =
		container_of(stream, struct sqbox_ostream, ostream);
	enum sqb_err err;
	ssize_t sum = 0;
	unsigned int i;

	for (i = 0; i < iov_count; i++) {
		err = sqb_body_write(sstream->writer, iov[i].iov_base,
				     iov[i].iov_len);
		if (err != SQB_OK) {
			io_stream_set_error(&stream->iostream, "%s",
					    sqb_store_errmsg(sstream->st));
			/* Dovecot says "no space" by itself then */
			stream->ostream.stream_errno =
				err == SQB_FULL ? ENOSPC : EIO;
			return -1;
		}
		sum += (ssize_t)iov[i].iov_len;
	}
	stream->ostream.offset += (uoff_t)sum;
	return sum;
}

struct ostream *
sqbox_ostream_create(struct sqb_store *st, struct sqb_body_writer *writer)
{
	struct sqbox_ostream *sstream;

	sstream = i_new(struct sqbox_ostream, 1);
	sstream->st = st;
	sstream->writer = writer;
	sstream->ostream.sendv = sqbox_ostream_sendv;
	return o_stream_create(&sstream->ostream, NULL, -1);
}
