/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "common/special-use.h"

#include "common/mem.h"

#include <string.h>
#include <strings.h>

#define SPACE " \t\r\n"
#define TEXT_MAX 256

static const struct {
	const char *name;
	enum sqb_special_use use;
} uses[] = {
	{ "\\All", SQB_USE_ALL },       { "\\Archive", SQB_USE_ARCHIVE },
	{ "\\Drafts", SQB_USE_DRAFTS }, { "\\Flagged", SQB_USE_FLAGGED },
	{ "\\Junk", SQB_USE_JUNK },     { "\\Sent", SQB_USE_SENT },
	{ "\\Trash", SQB_USE_TRASH },   { "\\Important", SQB_USE_IMPORTANT },
};
#define USE_COUNT (sizeof(uses) / sizeof(uses[0]))

char *sqb_uses_text(unsigned int set)
{
	char text[TEXT_MAX] = "", *p = text;
	size_t i;

	for (i = 0; i < USE_COUNT; i++) {
		if ((set & uses[i].use) == 0)
			continue;
		if (p != text)
			*p++ = ' ';
		p = stpcpy(p, uses[i].name);
	}
	return p == text ? NULL : sqb_xstrdup(text);
}

static unsigned int use_of(const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < USE_COUNT; i++) {
		if (strlen(uses[i].name) == len &&
		    strncasecmp(uses[i].name, word, len) == 0)
			return uses[i].use;
	}
	return 0;
}

bool sqb_uses_parse(const char *text, unsigned int *set_r)
{
	unsigned int set = 0, use;
	size_t len;

	for (text += strspn(text, SPACE); *text != '\0';
	     text += strspn(text, SPACE)) {
		len = strcspn(text, SPACE);
		use = use_of(text, len);
		if (use == 0)
			return false;
		set |= use;
		text += len;
	}
	*set_r = set;
	return true;
}
