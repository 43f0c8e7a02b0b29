/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_ISTREAM_H
#define SQBOX_ISTREAM_H

#include "common/body.h"

struct istream;

/*
 * A seekable stream of a body's octets; it owns the reader, and holds one
 * chunk in memory.  Damage is a stream error (EIO) whose text names the body;
 * a body freed meanwhile is ENOENT.
 */
struct istream *
sqbox_istream_create(struct sqb_store *st, struct sqb_body_reader **reader);

/* The same of what a finished writer holds; the writer must outlive it. */
struct istream *sqbox_istream_create_writer(struct sqb_store *st,
					    struct sqb_body_writer *writer);

#endif
