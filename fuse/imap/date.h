/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_DATE_H
#define IMAP_DATE_H

#include <stdbool.h>
#include <stdint.h>

/* A date-time (RFC 3501 9), "17-Jul-1996 02:44:25 -0700", in unix seconds. */
bool imap_date_parse(const char *text, int64_t *date_r);

#endif
