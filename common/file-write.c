/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Files on their way into a body.
 *
 * A line end of a file is LF, or CRLF; an LF that has no CR before it gets one.
 * So every LF of the body has a CR before it, and which of these were there is
 * all that there is to remember: the lengths of the runs of line ends of one
 * kind, chunk by chunk.  Any other CR is an octet like all others.
 */
#include "common/file.h"

#include "common/body-private.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* Wire octets that are handed on together. */
struct wire {
	struct sqb_body_writer *w;
	size_t size;
	uint8_t octets[8192];
};

static enum sqb_err flush(struct wire *wire)
{
	enum sqb_err err =
		sqb_body_writer_put(wire->w, wire->octets, wire->size);

	wire->size = 0;
	return err;
}

static enum sqb_err add(struct wire *wire, const uint8_t *data, size_t size)
{
	enum sqb_err err = SQB_OK;
	size_t n;

	while (size > 0 && err == SQB_OK) {
		n = sizeof(wire->octets) - wire->size;
		if (n > size)
			n = size;
		memcpy(wire->octets + wire->size, data, n);
		wire->size += n;
		data += n;
		size -= n;
		if (wire->size == sizeof(wire->octets))
			err = flush(wire);
	}
	return err;
}

/* The run has come to its end: add its length, 7 bits to an octet. */
static void end_run(struct sqb_eol_scan *eol)
{
	uint64_t n = eol->run;

	do {
		eol->runs = sqb_xgrow(eol->runs, eol->size, &eol->alloc, 1);
		eol->runs[eol->size++] =
			(uint8_t)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
		n >>= 7;
	} while (n > 0);
	eol->run = 0;
}

static enum sqb_err end_chunk(struct sqb_body_writer *w)
{
	struct sqb_eol_scan *eol = &w->eol;
	enum sqb_err err;

	if (eol->run > 0)
		end_run(eol);
	err = sqb_body_writer_keep(w, &w->runs, eol->runs, eol->size);
	eol->size = 0;
	eol->crlf = false;
	eol->chunk++;
	return err;
}

/* offset: of the LF in the body. */
static enum sqb_err count_line_end(struct sqb_body_writer *w, uint64_t offset,
				   bool crlf)
{
	struct sqb_eol_scan *eol = &w->eol;
	enum sqb_err err = SQB_OK;

	while (eol->chunk < offset / SQB_BODY_CHUNK && err == SQB_OK)
		err = end_chunk(w);
	if (crlf != eol->crlf)
		end_run(eol);
	eol->crlf = crlf;
	eol->run++;
	if (crlf)
		eol->crlf_count++;
	else
		eol->lf_count++;
	return err;
}

static enum sqb_err add_line_end(struct wire *wire, bool crlf)
{
	static const uint8_t octets[] = { '\r', '\n' };
	struct sqb_body_writer *w = wire->w;
	enum sqb_err err = SQB_OK;

	if (!crlf)
		err = add(wire, octets, 1);
	if (err == SQB_OK)
		err = count_line_end(w, w->vsize + wire->size, crlf);
	return err == SQB_OK ? add(wire, octets + 1, 1) : err;
}

static enum sqb_err add_file(struct sqb_body_writer *w, const uint8_t *data,
			     size_t size)
{
	const uint8_t *p = data, *end = data + size, *lf;
	struct wire wire;
	enum sqb_err err = SQB_OK;
	bool crlf;

	wire.w = w;
	wire.size = 0;
	while (err == SQB_OK && p < end) {
		lf = memchr(p, '\n', (size_t)(end - p));
		err = add(&wire, p, (size_t)((lf != NULL ? lf : end) - p));
		if (err != SQB_OK || lf == NULL)
			break;
		crlf = lf > data ? lf[-1] == '\r' : w->lines.after_cr;
		err = add_line_end(&wire, crlf);
		p = lf + 1;
	}
	return err == SQB_OK ? flush(&wire) : err;
}

enum sqb_err sqb_body_write_file(struct sqb_body_writer *w, const void *data,
				 size_t size)
{
	enum sqb_err err = sqb_body_writer_may_write(w);

	if (err != SQB_OK || size == 0)
		return err;
	if (w->wire)
		return sqb_fail(w->st, SQB_INVALID,
				"octets of a file in a body of wire octets");
	w->file = true;
	w->failed = add_file(w, data, size);
	return w->failed;
}

enum sqb_eol sqb_body_writer_eol(const struct sqb_body_writer *w)
{
	if (w->as_wire)
		return SQB_EOL_CRLF;
	if (w->eol.crlf_count == 0)
		return SQB_EOL_LF;
	return w->eol.lf_count == 0 ? SQB_EOL_CRLF : SQB_EOL_MIXED;
}

enum sqb_err sqb_eol_finish(struct sqb_body_writer *w)
{
	enum sqb_err err = SQB_OK;

	if (sqb_body_writer_eol(w) != SQB_EOL_MIXED) {
		sqb_pieces_free(&w->runs);
		return SQB_OK;
	}
	while (w->runs.count < w->chunks.count && err == SQB_OK)
		err = end_chunk(w);
	return err;
}
