/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_NETRC_H
#define IFS_NETRC_H

#include <stdbool.h>

/*
 * The password for a user of a host in the text of a netrc file, which is
 * taken to pieces: *password_r points into it.  An entry without a login is
 * for all users, a default for all hosts.  false: there is none.
 */
bool ifs_netrc_find(char *text, const char *host, const char *user,
		    const char **password_r);

#endif
