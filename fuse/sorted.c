/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/sorted.h"

#include <string.h>

#include "common/mem.h"

void *ifs_sorted_item(const struct ifs_sorted *table, size_t n)
{
	return (char *)table->items + n * table->item_size;
}

static int64_t key_of(const struct ifs_sorted *table, size_t n)
{
	int64_t key;

	memcpy(&key, ifs_sorted_item(table, n), sizeof(key));
	return key;
}

/* Where it is, or would be. */
static size_t place(const struct ifs_sorted *table, int64_t key)
{
	size_t low = 0, high = table->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (key_of(table, middle) < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *ifs_sorted_find(const struct ifs_sorted *table, int64_t key)
{
	size_t n = place(table, key);

	return n < table->count && key_of(table, n) == key
		       ? ifs_sorted_item(table, n)
		       : NULL;
}

void *ifs_sorted_get(struct ifs_sorted *table, int64_t key)
{
	size_t n = place(table, key);
	char *item;

	if (n < table->count && key_of(table, n) == key)
		return ifs_sorted_item(table, n);
	table->items = sqb_xgrow(table->items, table->count, &table->alloc,
				 table->item_size);
	item = ifs_sorted_item(table, n);
	memmove(item + table->item_size, item,
		(table->count - n) * table->item_size);
	table->count++;
	memset(item, 0, table->item_size);
	memcpy(item, &key, sizeof(key));
	return item;
}

void ifs_sorted_drop(struct ifs_sorted *table, int64_t key)
{
	char *item = ifs_sorted_find(table, key), *end;

	if (item == NULL)
		return;
	table->count--;
	end = ifs_sorted_item(table, table->count);
	memmove(item, item + table->item_size, (size_t)(end - item));
}
