/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_CHECK_H
#define SQB_CHECK_H

#include "common/store.h"

/*
 * The consistency check (the fsck of a store): SQLite's own integrity check,
 * every invariant of the schema, all counters, every body's checksum.  It only
 * reads; others may go on working: it looks at one snapshot per mailbox and
 * at bodies one by one.
 *
 * next() does a piece of work and returns false at the end.  It fills in
 * progress always, and problem where it found one (else NULL).
 */
struct sqb_check_step {
	const char *phase; /* foreign, constant: "structure", "bodies", ... */
	uint64_t done, total; /* within the phase */
	const char
		*problem; /* foreign: one sentence, dies with the next call */
};

struct sqb_check *sqb_check_begin(struct sqb_store *st);
bool sqb_check_next(struct sqb_check *c, struct sqb_check_step *step_r);
/* SQB_OK: ran to the end, whatever it found.  Frees; clears the pointer. */
enum sqb_err sqb_check_end(struct sqb_check **c, uint64_t *problems_r);

#endif
