/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_CONTROL_H
#define IFS_CONTROL_H

#include <stdbool.h>

/*
 * The commands for a mount that is there: imapfs status, imapfs sync.  They
 * speak to it by its file .imapfs/status, as whoever may open that.
 */

/* Is it one of them, and no SOURCE? */
bool ifs_control_is(int argc, char *argv[]);

/* Returns an exit code of sysexits.h; stderr has said why. */
int ifs_control(int argc, char *argv[]);

#endif
