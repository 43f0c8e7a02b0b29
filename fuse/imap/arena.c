/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define CHUNK_SIZE 8192

struct imap_chunk {
	struct imap_chunk *before; /* own */
	size_t size;
	alignas(void *) char data[];
};

void *imap_arena_alloc(struct imap_arena *arena, size_t size)
{
	struct imap_chunk *chunk = arena->last;
	size_t room = CHUNK_SIZE;

	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (chunk == NULL || size > arena->left) {
		if (size > room)
			room = size;
		chunk = sqb_xmalloc(sizeof(*chunk) + room);
		chunk->before = arena->last;
		chunk->size = room;
		arena->last = chunk;
		arena->left = room;
	}
	arena->left -= size;
	return chunk->data + (chunk->size - arena->left - size);
}

char *imap_arena_text(struct imap_arena *arena, const char *text, size_t size)
{
	char *copy = imap_arena_alloc(arena, size + 1);

	memcpy(copy, text, size);
	copy[size] = '\0';
	return copy;
}

void imap_arena_reset(struct imap_arena *arena)
{
	struct imap_chunk *chunk = arena->last, *before;

	if (chunk == NULL)
		return;
	for (; chunk->before != NULL; chunk = before) {
		before = chunk->before;
		free(chunk);
	}
	if (chunk->size == CHUNK_SIZE) {
		arena->left = chunk->size;
	} else {
		free(chunk);
		chunk = NULL;
	}
	arena->last = chunk;
}

void imap_arena_free(struct imap_arena *arena)
{
	struct imap_chunk *chunk, *before;

	for (chunk = arena->last; chunk != NULL; chunk = before) {
		before = chunk->before;
		free(chunk);
	}
	arena->last = NULL;
}
