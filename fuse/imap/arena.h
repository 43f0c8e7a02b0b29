/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_ARENA_H
#define IMAP_ARENA_H

#include <stddef.h>

/* Memory for what is forgotten all at once: the values of one response. */
struct imap_chunk;
struct imap_arena {
	struct imap_chunk *last; /* own */
	size_t left;             /* octets free in the last */
};

/* Never NULL; for pointers and what needs no more alignment than they. */
void *imap_arena_alloc(struct imap_arena *arena, size_t size);
/* A copy, with a NUL behind it. */
char *imap_arena_text(struct imap_arena *arena, const char *text, size_t size);
/* Forget all; a chunk may stay for the next use. */
void imap_arena_reset(struct imap_arena *arena);
void imap_arena_free(struct imap_arena *arena);

#endif
