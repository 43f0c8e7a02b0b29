/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_SORTED_H
#define IFS_SORTED_H

#include <stddef.h>
#include <stdint.h>

/*
 * A small table in the order of a key, which is an int64_t and the first member
 * of each item.  { .item_size = sizeof(struct ...) } is an empty one.  Items
 * are found by halves, and move when another comes or goes.
 */
struct ifs_sorted {
	size_t item_size;
	size_t count, alloc;
	void *items; /* own */
};

void *ifs_sorted_item(const struct ifs_sorted *table, size_t n);
/* NULL: there is none. */
void *ifs_sorted_find(const struct ifs_sorted *table, int64_t key);
/* A new one is all zero but for its key. */
void *ifs_sorted_get(struct ifs_sorted *table, int64_t key);
void ifs_sorted_drop(struct ifs_sorted *table, int64_t key);

#endif
