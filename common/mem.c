/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Memory for small objects, and the clock.
 *
 * A process that cannot get a few kilobytes cannot do anything sensible any
 * more: it ends, and the store is as the last commit left it.  What is as
 * large as a message goes in chunks.
 */
#include "common/store-private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *check(void *p)
{
	static const char text[] = "sqbox: out of memory\n";

	if (p == NULL) {
		ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

		(void)ignored;
		abort();
	}
	return p;
}

void *sqb_xmalloc(size_t size)
{
	return check(malloc(size > 0 ? size : 1));
}

void *sqb_xcalloc(size_t count, size_t size)
{
	return check(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *sqb_xrealloc(void *p, size_t size)
{
	return check(realloc(p, size > 0 ? size : 1));
}

void *sqb_xmemdup(const void *data, size_t size)
{
	void *p = sqb_xmalloc(size);

	if (size > 0)
		memcpy(p, data, size);
	return p;
}

char *sqb_xstrdup(const char *text)
{
	return sqb_xmemdup(text, strlen(text) + 1);
}

char *sqb_xasprintf(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return check(text);
}

int64_t sqb_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
