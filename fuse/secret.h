/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_SECRET_H
#define IFS_SECRET_H

#include <stdbool.h>

/*
 * The password of an account, or the token that stands for it.
 *
 * It is taken from the first of these that has it:
 *
 *	the command passcmd		the first line that it prints
 *	systemd				the credential imapfs.HOST
 *	netrc, or ~/.netrc		as curl(1) and ftp(1) read it
 *	a terminal			the person is asked
 *
 * and never from arguments, the environment or a URL, which others can see.
 * What was read is kept in memory that is not swapped out or dumped, if that
 * can be had, and wiped when it is freed.
 */
#define IFS_SECRET_MAX 16383 /* octets */

struct ifs_secret_source {
	const char *user, *host; /* foreign, as is: */
	const char *passcmd;     /* a command of sh(1); NULL: none */
	const char *netrc;       /* NULL: ~/.netrc, if there is one */
	bool may_ask;            /* there may be a person at a terminal */
};

/*
 * 0: *secret_r for ifs_secret_free().  Else an exit code of sysexits.h, and
 * *error_r is a sentence to free() that names the fix.
 */
int ifs_secret_get(const struct ifs_secret_source *from, char **secret_r,
		   char **error_r);
/* Wiped and freed; accepts NULL, clears the pointer. */
void ifs_secret_free(char **secret);

/* One more of it, for ifs_secret_free(). */
char *ifs_secret_copy(const char *secret);

#endif
