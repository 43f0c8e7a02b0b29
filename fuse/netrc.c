/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/netrc.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char blanks[] = " \t\r\n";

/* A word in quotes may hold blanks, and \" and \\. */
static char *quoted_word(char **at)
{
	char *word = *at + 1, *from = word, *to = word;

	for (; *from != '\0' && *from != '"'; from++) {
		if (*from == '\\' && from[1] != '\0')
			from++;
		*to++ = *from;
	}
	*at = *from != '\0' ? from + 1 : from;
	*to = '\0';
	return word;
}

/* NULL: the end. */
static char *next_word(char **at)
{
	char *word;

	*at += strspn(*at, blanks);
	while (**at == '#') { /* to the end of the line */
		*at += strcspn(*at, "\n");
		*at += strspn(*at, blanks);
	}
	if (**at == '\0')
		return NULL;
	if (**at == '"')
		return quoted_word(at);
	word = *at;
	*at += strcspn(*at, blanks);
	if (**at != '\0')
		*(*at)++ = '\0';
	return word;
}

/* What a macdef defines ends with an empty line. */
static void skip_macro(char **at)
{
	char *end = strstr(*at, "\n\n");

	*at = end != NULL ? end + 2 : *at + strlen(*at);
}

/* An entry that has been read so far. */
struct entry {
	bool host_fits, user_fits;
	const char *password;
};

static bool fits(const struct entry *entry)
{
	return entry->host_fits && entry->user_fits && entry->password != NULL;
}

static const struct entry no_entry = { .host_fits = false, .user_fits = true };

/* One word of an entry, with its value; false: the entry is over, and fits. */
static bool take(struct entry *entry, const char *word, const char *host,
		 const char *user, char **at)
{
	bool is_default = strcmp(word, "default") == 0;
	const char *value;

	if (is_default || strcmp(word, "machine") == 0) {
		if (fits(entry))
			return false;
		*entry = no_entry;
		entry->host_fits = is_default;
	}
	value = is_default ? NULL : next_word(at);
	if (value == NULL)
		return true;
	if (strcmp(word, "machine") == 0)
		entry->host_fits = strcasecmp(value, host) == 0;
	else if (strcmp(word, "login") == 0)
		entry->user_fits = strcmp(value, user) == 0;
	else if (strcmp(word, "password") == 0)
		entry->password = value;
	else if (strcmp(word, "macdef") == 0)
		skip_macro(at);
	return true;
}

bool ifs_netrc_find(char *text, const char *host, const char *user,
		    const char **password_r)
{
	struct entry entry = no_entry;
	char *at = text, *word;

	while ((word = next_word(&at)) != NULL) {
		if (!take(&entry, word, host, user, &at))
			break;
	}
	if (!fits(&entry))
		return false;
	*password_r = entry.password;
	return true;
}
