/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/maildir-name.h"

#include <stdio.h>
#include <string.h>

#define INFO ":2,"

/* Ascending. */
static const struct {
	char letter;
	unsigned int flag;
} letters[] = {
	{ 'D', SQB_DRAFT },
	{ 'F', SQB_FLAGGED },
	{ 'P', IFS_MAILDIR_FORWARDED },
	{ 'R', SQB_ANSWERED },
	{ 'S', SQB_SEEN },
	{ 'T', SQB_DELETED },
};
#define LETTER_COUNT (sizeof(letters) / sizeof(letters[0]))
/* So that it can be shown with all flags. */
#define BASE_MAX (IFS_NAME_MAX - strlen(INFO) - LETTER_COUNT)

static unsigned int parse_flags(const char *info)
{
	unsigned int flags = 0;
	size_t i;

	if (strncmp(info, INFO, strlen(INFO)) != 0)
		return 0;
	for (i = 0; i < LETTER_COUNT; i++) {
		if (strchr(info + strlen(INFO), letters[i].letter) != NULL)
			flags |= letters[i].flag;
	}
	return flags;
}

bool ifs_maildir_name_parse(const char *name, struct ifs_maildir_name *parsed_r)
{
	size_t len = strcspn(name, ":");

	if (len == 0 || len > BASE_MAX || name[0] == '.')
		return false;
	(void)snprintf(parsed_r->stored, sizeof(parsed_r->stored),
		       "%.*s" IFS_SUFFIX, (int)len, name);
	parsed_r->flags = parse_flags(name + len);
	return true;
}

bool ifs_maildir_name_fits(const char *stored)
{
	return ifs_name_is_message(stored) && stored[0] != '.' &&
	       strchr(stored, ':') == NULL &&
	       strlen(stored) - strlen(IFS_SUFFIX) <= BASE_MAX;
}

void ifs_maildir_name_format(const char *stored, unsigned int flags,
			     bool in_new, char name_r[IFS_NAME_MAX + 1])
{
	size_t i, len = strlen(stored) - strlen(IFS_SUFFIX);

	memcpy(name_r, stored, len);
	if (!in_new || flags != 0) {
		memcpy(name_r + len, INFO, strlen(INFO));
		len += strlen(INFO);
	}
	for (i = 0; i < LETTER_COUNT; i++) {
		if ((flags & letters[i].flag) != 0)
			name_r[len++] = letters[i].letter;
	}
	name_r[len] = '\0';
}
