/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/date.h"

#include <string.h>
#include <strings.h>
#include <time.h>

/* A number of min to max digits. */
static bool digits(const char **at, int min, int max, int *number_r)
{
	int i, n = 0;

	for (i = 0; i < max && **at >= '0' && **at <= '9'; i++)
		n = n * 10 + (*(*at)++ - '0');
	*number_r = n;
	return i >= min;
}

static bool octet(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

static bool month(const char **at, int *month_r)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int i;

	for (i = 0; i < 12; i++) {
		if (strncasecmp(*at, names + (size_t)(3 * i), 3) == 0) {
			*at += 3;
			*month_r = i;
			return true;
		}
	}
	return false;
}

/* Minutes that the clock is ahead of UTC. */
static bool zone(const char **at, int *minutes_r)
{
	bool is_behind = **at == '-';
	int hours, minutes;

	if (!is_behind && **at != '+')
		return false;
	++*at;
	if (!digits(at, 2, 2, &hours) || !digits(at, 2, 2, &minutes) ||
	    minutes > 59)
		return false;
	minutes += 60 * hours;
	*minutes_r = is_behind ? -minutes : minutes;
	return true;
}

bool imap_date_parse(const char *text, int64_t *date_r)
{
	struct tm tm = { 0 };
	int day, minutes, second;
	const char *at = text;

	if (*at == ' ')
		at++;
	if (!digits(&at, 1, 2, &day) || !octet(&at, '-') ||
	    !month(&at, &tm.tm_mon) || !octet(&at, '-') ||
	    !digits(&at, 4, 4, &tm.tm_year) || !octet(&at, ' ') ||
	    !digits(&at, 2, 2, &tm.tm_hour) || !octet(&at, ':') ||
	    !digits(&at, 2, 2, &tm.tm_min) || !octet(&at, ':') ||
	    !digits(&at, 2, 2, &second) || !octet(&at, ' ') ||
	    !zone(&at, &minutes) || *at != '\0')
		return false;
	if (day < 1 || tm.tm_hour > 23 || tm.tm_min > 59 || second > 60)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mday = day;
	*date_r = (int64_t)timegm(&tm) + second - INT64_C(60) * minutes;
	/* A day that the month does not have has become one of the next. */
	return tm.tm_mday == day;
}
