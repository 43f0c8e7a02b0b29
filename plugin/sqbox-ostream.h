/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_OSTREAM_H
#define SQBOX_OSTREAM_H

#include "common/body.h"

struct ostream;

/* A stream into a body that is being written; the writer must outlive it. */
struct ostream *
sqbox_ostream_create(struct sqb_store *st, struct sqb_body_writer *writer);

#endif
