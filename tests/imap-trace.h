/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_IMAP_TRACE_H
#define TEST_IMAP_TRACE_H

#include <stddef.h>

/*
 * All that a parser makes of the octets, as text to free().  They are fed in
 * pieces: the first of so many, the others of step octets.
 *
 * A response is a line:
 *	TAG|*|+ [STATUS] [#NUMBER] [NAME] [[CODE VALUE ...]] [VALUE ...]
 *['TEXT'] A value is an atom, "a string", NIL, (a list) or <octets of a part>.
 *What goes to the sink is a line of its own, before its response: part SEQ
 *[SECTION] of SIZE of (FETCH ...): OCTETS end|cut A failure is the last line:
 *"! why".
 */
char *t_imap_trace(const void *data, size_t size, size_t first, size_t step);

#endif
