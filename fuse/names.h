/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_NAMES_H
#define IFS_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/message.h"

/*
 * The names of files and folders: pure functions, no store and no mount.
 *
 * A message whose name nobody has given is called
 *
 *	20240301T120001-3.1234.eml
 *
 * INTERNALDATE in UTC, then the mailbox id and the UID where the entry is.
 * Neither number is ever used again, so the name is unique in the account.
 *
 * A level of a mailbox name is shown as it is, but for what a file cannot be
 * called or what means something else in the mount; that is written %XX:
 *
 *	%	if two hexadecimal digits follow
 *	the first character of .imapfs, and in the Maildir layout of cur, new
 *	and tmp
 *	the dot of a final .eml
 *	the ~ of what looks as if it was cut
 *
 * A level that would then be longer than a file name may be is cut, and gets
 * "~" and 16 hexadecimal digits of a hash at its end: it can be compared with
 * the names of mailboxes, but not turned back into one.
 */
#define IFS_NAME_MAX 255  /* octets, of a file */
#define IFS_SUFFIX ".eml" /* only such files are messages */
#define IFS_HIDDEN ".imapfs"

/* Does the name of a file say that it is a message? */
bool ifs_name_is_message(const char *name);

/* The generated name. */
void ifs_name_generate(int64_t date, struct sqb_mailbox_id box, uint32_t uid,
		       char name_r[IFS_NAME_MAX + 1]);

/*
 * Where a generated name says that its message is.  The date in it is not
 * looked at: compare with what ifs_name_generate() makes of the message.
 */
bool ifs_name_parse(const char *name, struct sqb_mailbox_id *box_r,
		    uint32_t *uid_r);

/* A level of a mailbox name as the name of a directory. */
void ifs_level_encode(const char *level, bool maildir,
		      char name_r[IFS_NAME_MAX + 1]);

/*
 * And back.  False: no level is shown under this name, be it that it was cut
 * (ifs_level_is_cut()) or that it is written in another way.
 */
bool ifs_level_decode(const char *name, bool maildir,
		      char level_r[SQB_LEVEL_MAX + 1]);
bool ifs_level_is_cut(const char *name);

#endif
