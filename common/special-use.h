/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_SPECIAL_USE_H
#define SQB_SPECIAL_USE_H

#include "common/mailbox.h"

/*
 * Sets of enum sqb_special_use in words: "\Archive \Sent", in any case and
 * order (RFC 6154, RFC 8457).
 */

/* To free(); NULL if the set is empty. */
char *sqb_uses_text(unsigned int set);

/* false: a word that is no special use. */
bool sqb_uses_parse(const char *text, unsigned int *set_r);

#endif
