/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Sets of UIDs as ranges.
 */
#include "fuse/remote/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void rem_ranges_add(struct rem_ranges *ranges, uint32_t lo, uint32_t hi)
{
	struct rem_range *last;

	if (lo > hi) {
		uint32_t swap = lo;

		lo = hi;
		hi = swap;
	}
	if (ranges->count > 0) {
		last = &ranges->list[ranges->count - 1];
		if (last->hi != UINT32_MAX && lo == last->hi + 1) {
			last->hi = hi;
			return;
		}
	}
	ranges->list = sqb_xgrow(ranges->list, ranges->count, &ranges->alloc,
				 sizeof(*ranges->list));
	ranges->list[ranges->count++] = (struct rem_range){ lo, hi };
}

static int compare(const void *a, const void *b)
{
	const struct rem_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

void rem_ranges_sort(struct rem_ranges *ranges)
{
	struct rem_range *list = ranges->list;
	size_t i, n = 0;

	if (ranges->count == 0)
		return;
	qsort(list, ranges->count, sizeof(*list), compare);
	for (i = 1; i < ranges->count; i++) {
		if (list[n].hi == UINT32_MAX || list[i].lo <= list[n].hi + 1) {
			if (list[i].hi > list[n].hi)
				list[n].hi = list[i].hi;
		} else {
			list[++n] = list[i];
		}
	}
	ranges->count = n + 1;
}

bool rem_ranges_have(const struct rem_ranges *sorted, uint32_t uid)
{
	size_t lo = 0, hi = sorted->count, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (uid > sorted->list[mid].hi)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < sorted->count && sorted->list[lo].lo <= uid;
}

uint64_t rem_ranges_size(const struct rem_ranges *ranges)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < ranges->count; i++)
		size += (uint64_t)ranges->list[i].hi - ranges->list[i].lo + 1;
	return size;
}

void rem_ranges_free(struct rem_ranges *ranges)
{
	free(ranges->list);
	memset(ranges, 0, sizeof(*ranges));
}

char *rem_ranges_text(const struct rem_ranges *ranges)
{
	const struct rem_range *r;
	char *text = NULL;
	size_t size = 0, i;
	FILE *f;

	if (ranges->count == 0)
		return NULL;
	f = open_memstream(&text, &size);
	if (f == NULL)
		return NULL;
	for (i = 0; i < ranges->count; i++) {
		r = &ranges->list[i];
		(void)fprintf(f, "%s%" PRIu32, i > 0 ? "," : "", r->lo);
		if (r->hi > r->lo)
			(void)fprintf(f, ":%" PRIu32, r->hi);
	}
	(void)fclose(f);
	return text;
}
