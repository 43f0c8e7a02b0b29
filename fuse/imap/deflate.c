/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/deflate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/mem.h"

#define CHUNK (32 * 1024)
/* Raw deflate, the window of RFC 1951. */
#define RAW_WINDOW (-15)
#define MEMORY 8

struct deflate {
	struct imap_transport base;
	struct imap_transport *below; /* own */
	struct imap_traffic *traffic; /* foreign: the client's */
	const char *why;
	z_stream inflate, deflate;
	unsigned char
		*in;   /* compressed octets that were read, inflate.next_in */
	bool has_more; /* it may be that inflate has output without input */
	unsigned char *out; /* own; to be written: out[out_at .. out_end) */
	size_t out_at, out_end;
	size_t held; /* octets of which out is the rest, not yet taken */
};

static struct deflate *from(struct imap_transport *t)
{
	return (struct deflate *)t;
}

static ssize_t broken(struct deflate *d, const char *why)
{
	d->why = why;
	errno = EPROTO;
	return -1;
}

/* Octets below; as read(). */
static ssize_t fill(struct deflate *d)
{
	ssize_t n = d->below->read(d->below, d->in, CHUNK);

	if (n > 0) {
		d->traffic->received += (uint64_t)n;
		d->inflate.next_in = d->in;
		d->inflate.avail_in = (uInt)n;
	}
	return n;
}

static ssize_t deflate_read(struct imap_transport *t, void *buf, size_t size)
{
	struct deflate *d = from(t);
	ssize_t n;
	int r;

	for (;;) {
		if (d->inflate.avail_in == 0 && !d->has_more) {
			n = fill(d);
			if (n <= 0)
				return n;
		}
		d->inflate.next_out = buf;
		d->inflate.avail_out = size > CHUNK ? CHUNK : (uInt)size;
		n = (ssize_t)d->inflate.avail_out;
		r = inflate(&d->inflate, Z_SYNC_FLUSH);
		if (r == Z_STREAM_END)
			return broken(d, "the compressed stream ends");
		if (r != Z_OK && r != Z_BUF_ERROR)
			return broken(d, "the compressed stream is broken");
		d->has_more = d->inflate.avail_out == 0;
		n -= (ssize_t)d->inflate.avail_out;
		if (n > 0)
			return n;
	}
}

/* Write what is compressed; true: all of it.  Else errno. */
static bool drain(struct deflate *d)
{
	while (d->out_at < d->out_end) {
		ssize_t n = d->below->write(d->below, d->out + d->out_at,
					    d->out_end - d->out_at);

		if (n < 0)
			return false;
		d->out_at += (size_t)n;
		d->traffic->sent += (uint64_t)n;
	}
	return true;
}

static bool compress_chunk(struct deflate *d, const void *data, size_t size)
{
	d->deflate.next_in = (unsigned char *)(uintptr_t)data;
	d->deflate.avail_in = (uInt)size;
	d->deflate.next_out = d->out;
	d->deflate.avail_out = 2 * CHUNK;
	if (deflate(&d->deflate, Z_SYNC_FLUSH) != Z_OK ||
	    d->deflate.avail_in != 0 || d->deflate.avail_out == 0)
		return false;
	d->out_at = 0;
	d->out_end = 2 * CHUNK - d->deflate.avail_out;
	return true;
}

/* Octets are taken when all that became of them is written; after EAGAIN, they
   come again and are not compressed once more. */
static ssize_t deflate_write(struct imap_transport *t, const void *data,
			     size_t size)
{
	struct deflate *d = from(t);
	size_t taken;

	if (d->held == 0) {
		taken = size > CHUNK ? CHUNK : size;
		if (!compress_chunk(d, data, taken))
			return broken(d, "cannot compress");
		d->held = taken;
	}
	if (!drain(d))
		return -1;
	taken = d->held;
	d->held = 0;
	return (ssize_t)taken;
}

static int deflate_wait(struct imap_transport *t, bool for_write, int wake_fd,
			int milliseconds)
{
	struct deflate *d = from(t);

	return d->below->wait(d->below, for_write, wake_fd, milliseconds);
}

static const char *deflate_why(struct imap_transport *t)
{
	struct deflate *d = from(t);

	return d->why != NULL ? d->why : d->below->why(d->below);
}

static void deflate_close(struct imap_transport *t)
{
	struct deflate *d = from(t);

	d->below->close(d->below);
	(void)inflateEnd(&d->inflate);
	(void)deflateEnd(&d->deflate);
	free(d->in);
	free(d->out);
	free(d);
}

struct imap_transport *imap_deflate_new(struct imap_transport *below,
					const void *early, size_t early_size,
					struct imap_traffic *traffic)
{
	struct deflate *d = sqb_xcalloc(1, sizeof(*d));
	size_t in_size = early_size > CHUNK ? early_size : CHUNK;

	d->base = (struct imap_transport){
		.timeout = below->timeout,
		.wake = below->wake,
		.read = deflate_read,
		.write = deflate_write,
		.wait = deflate_wait,
		.close = deflate_close,
		.why = deflate_why,
	};
	d->below = below;
	d->traffic = traffic;
	d->in = sqb_xmalloc(in_size);
	d->out = sqb_xmalloc(2 * CHUNK);
	if (early_size > 0)
		memcpy(d->in, early, early_size);
	d->inflate.next_in = d->in;
	d->inflate.avail_in = (uInt)early_size;
	/* These fail only where memory is out. */
	if (inflateInit2(&d->inflate, RAW_WINDOW) != Z_OK ||
	    deflateInit2(&d->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
			 RAW_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	return &d->base;
}
