/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_DRAFT_H
#define IFS_DRAFT_H

#include <stddef.h>
#include <stdint.h>

/*
 * The content of a file that is being written: in memory, and past 1 MiB in
 * an unlinked temporary file.  One thread at a time.  Functions that return
 * int return 0 or an errno value.
 */
struct ifs_draft;

/* dir: where the temporary file would be; foreign, outlives the draft. */
struct ifs_draft *ifs_draft_new(const char *dir);
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
