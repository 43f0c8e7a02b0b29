/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_ACCOUNT_H
#define IFS_ACCOUNT_H

#include <stdbool.h>

/*
 * A remote account, as the command line names it:
 *
 *	imaps://user@host[:port]	TLS from the first octet
 *	imap://user@host[:port]		STARTTLS, without which nothing is said
 *
 * In user %XX is an octet, "%40" an @; an @ may also be written as it is.
 * A password is not for a URL, where everybody can see it.
 */
struct ifs_account {
	bool tls;          /* imaps */
	char *user, *host; /* own; decoded, in lower case */
	unsigned int port;
	char *url; /* own; the one way to write it: "imaps://user@host:port" */
};

/* Is this the URL of an account, right or wrong, and no directory? */
bool ifs_account_is_url(const char *source);

/* false: *error_r is a sentence with the fix, to free(). */
bool ifs_account_parse(const char *url, struct ifs_account *account_r,
		       char **error_r);
void ifs_account_free(struct ifs_account *account);

/*
 * Where its replica is if nothing else was said, to free(): the directory
 * imapfs/user@host of $XDG_DATA_HOME, or of ~/.local/share.
 * NULL: there is no home directory.
 */
char *ifs_account_replica(const struct ifs_account *account);

/* $HOME, or that of the user's passwd(5) entry; to free(), or NULL. */
char *ifs_account_home(void);

#endif
