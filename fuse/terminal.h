/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_TERMINAL_H
#define IFS_TERMINAL_H

#include <stddef.h>

/*
 * Ask the person at the controlling terminal for a line, which is not shown as
 * it is typed.  0; ENOTTY: there is no terminal; ECANCELED: no answer, or an
 * empty one.  A signal that comes meanwhile acts once the terminal is as it
 * was.
 */
int ifs_terminal_ask(const char *question, char *line, size_t size);

#endif
