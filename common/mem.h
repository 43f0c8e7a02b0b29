/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_MEM_H
#define SQB_MEM_H

#include "common/store-private.h"

/*
 * Growing arrays: p, of *alloc elements of size octets, with room for one more
 * than count.
 */
static inline void *sqb_xgrow(void *p, size_t count, size_t *alloc, size_t size)
{
	if (count < *alloc)
		return p;
	*alloc = *alloc == 0 ? 16 : *alloc * 2;
	return sqb_xrealloc(p, *alloc * size);
}

#endif
