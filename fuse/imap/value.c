/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/response.h"

#include <string.h>
#include <strings.h>

bool imap_value_is(const struct imap_value *v, const char *atom)
{
	/* The text may hold NUL. */
	return v != NULL && v->type == IMAP_ATOM && v->size == strlen(atom) &&
	       strcasecmp(v->text, atom) == 0;
}

static bool number(const struct imap_value *v, uint64_t max, uint64_t *number_r)
{
	uint64_t n = 0, digit;
	size_t i;

	if (v == NULL || v->type != IMAP_ATOM || v->size == 0)
		return false;
	for (i = 0; i < v->size; i++) {
		if (v->text[i] < '0' || v->text[i] > '9')
			return false;
		digit = (uint64_t)(v->text[i] - '0');
		if (n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*number_r = n;
	return true;
}

bool imap_value_number(const struct imap_value *v, uint32_t *number_r)
{
	uint64_t n;

	if (!number(v, UINT32_MAX, &n))
		return false;
	*number_r = (uint32_t)n;
	return true;
}

bool imap_value_number64(const struct imap_value *v, uint64_t *number_r)
{
	return number(v, INT64_MAX, number_r);
}

const char *imap_value_text(const struct imap_value *v)
{
	if (v == NULL || (v->type != IMAP_ATOM && v->type != IMAP_STRING) ||
	    memchr(v->text, '\0', v->size) != NULL)
		return NULL;
	return v->text;
}
