/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_SALVAGE_H
#define SQB_SALVAGE_H

#include "common/check.h"

/*
 * The rescue: a new store with all that can still be read of a damaged one.
 *
 * Mailboxes keep their names, ids, UIDs and UIDVALIDITY, messages their flags,
 * dates and octets.  A message whose body is lost or fails its checksum is
 * left out and named.  One that has lost its place comes into "lost+found", a
 * mailbox that has lost its name is called "lost+found-ID", and one that has
 * lost its figures gets a new UIDVALIDITY.  The result is a copy as
 * sqb_backup() makes it: no number is ever given out twice.
 *
 * The damaged store is only read, with its writer lock held.  This process
 * must not have it open.
 *
 * begin() refuses what it can tell to be no store, and makes dest, which must
 * not exist or be empty.  next() does a piece of work, as that of the check;
 * problem is what was damaged.  end() frees and clears the pointer; with any
 * other result than SQB_OK there is no new store, and *error_r, if error_r is
 * not NULL, is a sentence to free().
 */
struct sqb_salvage;
struct sqb_salvage_result {
	uint64_t mailboxes, messages; /* in the new store */
	uint64_t found;               /* of them, in lost+found */
	uint64_t lost;                /* messages left out */
	uint64_t problems;            /* how many next() has told */
};

struct sqb_salvage *sqb_salvage_begin(const char *store, const char *dest);
bool sqb_salvage_next(struct sqb_salvage *s, struct sqb_check_step *step_r);
enum sqb_err sqb_salvage_end(struct sqb_salvage **s,
			     struct sqb_salvage_result *result_r,
			     char **error_r);

#endif
