/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/part.h"

#include <string.h>
#include <strings.h>

static bool starts(const char *text, const char *with)
{
	return strncasecmp(text, with, strlen(with)) == 0;
}

bool imap_part_section(const struct imap_value *name, const char **section_r,
		       size_t *size_r)
{
	static const char header[] = "HEADER", text[] = "TEXT", all[] = "";
	const char *from, *end;

	if (name == NULL || name->type != IMAP_ATOM)
		return false;
	if (starts(name->text, "BODY[") || starts(name->text, "BINARY[")) {
		from = strchr(name->text, '[') + 1;
		end = strrchr(from, ']');
		if (end == NULL)
			return false;
		*section_r = from;
		*size_r = (size_t)(end - from);
		return true;
	}
	if (imap_value_is(name, "RFC822"))
		*section_r = all;
	else if (imap_value_is(name, "RFC822.HEADER"))
		*section_r = header;
	else if (imap_value_is(name, "RFC822.TEXT"))
		*section_r = text;
	else
		return false;
	*size_r = strlen(*section_r);
	return true;
}
