/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_MAILDIR_NAME_H
#define IFS_MAILDIR_NAME_H

#include <stdbool.h>

#include "fuse/names.h"

/*
 * Names of messages in cur and new (https://cr.yp.to/proto/maildir.html): pure
 * functions, as those of names.h.
 *
 *	<base>:2,<flags>	in cur
 *	<base>			in new, of a message without flags
 *
 * The base is the name of the message in the store, which is that in the plain
 * layout, without its final .eml.  So whatever a program that delivers calls
 * its file is kept, and is a message in a plain mount, too.  Messages that the
 * store has under a name of another kind (one without .eml, or too long, or
 * with a colon or a dot in front) have the generated name for their base.
 *
 * The flags stand for these, in the order of the letters:
 *
 *	D \Draft   F \Flagged   P $Forwarded   R \Answered   S \Seen   T
 *\Deleted
 *
 * Keywords are not in names.  Other letters are passed over, and so is the
 * order, where a program gives a name; a name without ":2," has no flags.
 */
#define IFS_MAILDIR_FORWARDED (SQB_FLAGS_ALL + 1) /* beside enum sqb_flags */
#define IFS_MAILDIR_FLAGS (SQB_FLAGS_ALL | IFS_MAILDIR_FORWARDED)

struct ifs_maildir_name {
	char stored[IFS_NAME_MAX + 1]; /* the name in the store */
	unsigned int flags;            /* IFS_MAILDIR_FLAGS, or-ed */
};

/*
 * Take a name apart.  False: a message cannot be called so, since it begins
 * with a dot or a colon, or is too long.
 */
bool ifs_maildir_name_parse(const char *name,
			    struct ifs_maildir_name *parsed_r);

/* Can a message of this name in the store be shown under it? */
bool ifs_maildir_name_fits(const char *stored);

/* The name to show; stored fits. */
void ifs_maildir_name_format(const char *stored, unsigned int flags,
			     bool in_new, char name_r[IFS_NAME_MAX + 1]);

#endif
