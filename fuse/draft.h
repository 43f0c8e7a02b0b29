/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_DRAFT_H
#define IFS_DRAFT_H

#include <stddef.h>
#include <stdint.h>

/*
 * The content of a file that is being written: in memory, and past 1 MiB in
 * an unlinked temporary file.  One thread at a time.  Functions that return
 * int return 0 or an errno value, and then have changed nothing.
 */
struct ifs_draft;

/* What all drafts of a mount share. */
struct ifs_draft_space {
	const char *dir;       /* foreign; where temporary files would be */
	uint64_t max;          /* octets of all drafts: more is ENOSPC */
	_Atomic uint64_t used; /* by them now */
};

/* space: foreign, outlives the draft. */
struct ifs_draft *ifs_draft_new(struct ifs_draft_space *space);
/* Accepts NULL; clears the pointer. */
void ifs_draft_free(struct ifs_draft **draft);

uint64_t ifs_draft_size(const struct ifs_draft *draft);

/* *got_r is less than size only at the end. */
int ifs_draft_read(struct ifs_draft *draft, uint64_t offset, void *buf,
		   size_t size, size_t *got_r);
/* What lies between the end and offset is zeroes. */
int ifs_draft_write(struct ifs_draft *draft, uint64_t offset, const void *data,
		    size_t size);
int ifs_draft_truncate(struct ifs_draft *draft, uint64_t size);

#endif
