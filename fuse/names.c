/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CUT_HASH_LEN 17 /* "~" and 16 digits */
#define CHARACTER_MAX 4 /* octets, in UTF-8 */

bool ifs_name_is_message(const char *name)
{
	size_t len = strlen(name);
	size_t suffix = strlen(IFS_SUFFIX);

	return len > suffix && strcmp(name + len - suffix, IFS_SUFFIX) == 0;
}

/* A number in so many digits at least; returns where it ends. */
static char *put_number(char *at, uint64_t number, int width)
{
	char digits[20]; /* the last one first */
	int count = 0;

	while (number > 0 || count < width) {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	}
	while (count > 0)
		*at++ = digits[--count];
	return at;
}

/* Not by snprintf(): that took most of the time of a listing. */
void ifs_name_generate(int64_t date, struct sqb_mailbox_id box, uint32_t uid,
		       char name_r[IFS_NAME_MAX + 1])
{
	time_t clock = (time_t)date;
	char *at = name_r;
	struct tm tm;
	int year;

	/* Years that do not have four digits would not sort. */
	if (gmtime_r(&clock, &tm) == NULL || tm.tm_year < -1900 ||
	    tm.tm_year > 9999 - 1900)
		memset(&tm, 0, sizeof(tm));
	year = tm.tm_year + 1900;
	at = put_number(at, (uint64_t)year, 4);
	at = put_number(at, (uint64_t)tm.tm_mon + 1, 2);
	at = put_number(at, (uint64_t)tm.tm_mday, 2);
	*at++ = 'T';
	at = put_number(at, (uint64_t)tm.tm_hour, 2);
	at = put_number(at, (uint64_t)tm.tm_min, 2);
	at = put_number(at, (uint64_t)tm.tm_sec, 2);
	*at++ = '-';
	at = put_number(at, (uint64_t)box.n, 1);
	*at++ = '.';
	at = put_number(at, uid, 1);
	memcpy(at, IFS_SUFFIX, sizeof(IFS_SUFFIX));
}

/* A decimal number without sign or leading zero, up to the character end. */
static bool parse_number(const char **p, char end, uint64_t max,
			 uint64_t *number_r)
{
	uint64_t number = 0;
	const char *s = *p;

	if (*s < '1' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (number > (max - (uint64_t)(*s - '0')) / 10)
			return false;
		number = number * 10 + (uint64_t)(*s - '0');
	}
	if (*s != end)
		return false;
	*p = s + 1;
	*number_r = number;
	return true;
}

bool ifs_name_parse(const char *name, struct sqb_mailbox_id *box_r,
		    uint32_t *uid_r)
{
	const char *p = strchr(name, '-');
	uint64_t box, uid;

	if (p == NULL || p - name != (ptrdiff_t)strlen("20240301T120001"))
		return false;
	p++;
	if (!parse_number(&p, '.', INT64_MAX, &box) ||
	    !parse_number(&p, '.', UINT32_MAX, &uid) ||
	    strcmp(p - 1, IFS_SUFFIX) != 0)
		return false;
	box_r->n = (int64_t)box;
	*uid_r = (uint32_t)uid;
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static bool is_escape(const char *s)
{
	return s[0] == '%' && hex_value(s[1]) >= 0 && hex_value(s[2]) >= 0;
}

static bool is_reserved(const char *level, bool maildir)
{
	if (strcmp(level, IFS_HIDDEN) == 0)
		return true;
	return maildir &&
	       (strcmp(level, "cur") == 0 || strcmp(level, "new") == 0 ||
		strcmp(level, "tmp") == 0);
}

static bool must_escape(const char *level, const char *at, bool maildir)
{
	if (is_escape(at))
		return true;
	if (at == level && is_reserved(level, maildir))
		return true;
	return *at == '.' && strcmp(at, IFS_SUFFIX) == 0;
}

/* FNV-1a, 64 bits: nothing but a name depends on it. */
static uint64_t hash(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	return h;
}

static char *put_escape(char *to, char c)
{
	static const char digits[] = "0123456789ABCDEF";

	*to++ = '%';
	*to++ = digits[(unsigned char)c >> 4];
	*to++ = digits[(unsigned char)c & 15];
	return to;
}

/* At least len octets of the name stay, but for part of a character. */
static void cut(char *name, size_t len, const char *level)
{
	size_t least = len - (CHARACTER_MAX - 1);

	while (len > least && (name[len] & 0xc0) == 0x80)
		len--;
	(void)snprintf(name + len, CUT_HASH_LEN + 1, "~%016" PRIx64,
		       hash(level));
}

void ifs_level_encode(const char *level, bool maildir,
		      char name_r[IFS_NAME_MAX + 1])
{
	char name[3 * SQB_LEVEL_MAX + 1], *end = name, *tilde;
	const char *p;

	for (p = level; *p != '\0'; p++) {
		if (must_escape(level, p, maildir))
			end = put_escape(end, *p);
		else
			*end++ = *p;
	}
	*end = '\0';
	if (end - name <= IFS_NAME_MAX && ifs_level_is_cut(name)) {
		tilde = end - CUT_HASH_LEN;
		memmove(tilde + 3, tilde + 1, CUT_HASH_LEN);
		(void)put_escape(tilde, '~');
		end += 2;
	}
	if (end - name > IFS_NAME_MAX)
		cut(name, IFS_NAME_MAX - CUT_HASH_LEN, level);
	(void)snprintf(name_r, IFS_NAME_MAX + 1, "%s", name);
}

bool ifs_level_is_cut(const char *name)
{
	size_t len = strlen(name);

	return len > IFS_NAME_MAX - CHARACTER_MAX &&
	       name[len - CUT_HASH_LEN] == '~' &&
	       strspn(name + len - CUT_HASH_LEN + 1, "0123456789abcdef") ==
		       CUT_HASH_LEN - 1;
}

bool ifs_level_decode(const char *name, bool maildir,
		      char level_r[SQB_LEVEL_MAX + 1])
{
	char level[SQB_LEVEL_MAX + 1], again[IFS_NAME_MAX + 1];
	size_t len = 0;
	const char *p = name;

	while (*p != '\0') {
		if (len == SQB_LEVEL_MAX)
			return false;
		if (is_escape(p)) {
			level[len++] =
				(char)(hex_value(p[1]) << 4 | hex_value(p[2]));
			p += 3;
		} else {
			level[len++] = *p++;
		}
	}
	level[len] = '\0';
	/* There is one way to write a level, so that no two names are it. */
	ifs_level_encode(level, maildir, again);
	if (strcmp(again, name) != 0)
		return false;
	(void)snprintf(level_r, SQB_LEVEL_MAX + 1, "%s", level);
	return true;
}
