/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_MAILBOX_NAME_H
#define IMAP_MAILBOX_NAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What a server calls a mailbox, and the path it has in a store (see
 * common/mailbox.h).
 *
 * The server's delimiter is '/' in a path, and modified UTF-7 (or UTF-8, with
 * utf8) is UTF-8.  What a path must not have, and octets that are no modified
 * UTF-7 or not the one way to write a name in it, are "%XX": this octet, as the
 * server has it.  A '%' is "%25" where it would be read as such.  No two names
 * have the same path, but for INBOX as the first level, which is the same in
 * any case.
 *
 * delimiter 0: the server has no levels.  Results are to free(); NULL: there is
 * none, *why_r is a static text for people, of what is wrong with the name.
 */
char *imap_name_to_path(const char *name, size_t size, char delimiter,
			bool utf8, const char **why_r);
/*
 * The octets that the server is to have for a path, those that have this path.
 * There is a NUL behind them; in a name that a broken server has, there may be
 * some before.
 */
char *imap_path_to_name(const char *path, char delimiter, bool utf8,
			size_t *size_r, const char **why_r);

#endif
