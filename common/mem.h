/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_MEM_H
#define SQB_MEM_H

#include <stddef.h>

/* Small objects: never NULL, out of memory ends the process. */
void *sqb_xmalloc(size_t size);
void *sqb_xcalloc(size_t count, size_t size);
void *sqb_xrealloc(void *p, size_t size);
void *sqb_xmemdup(const void *data, size_t size);
char *sqb_xstrdup(const char *text);
char *sqb_xasprintf(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

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
