/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_COMPAT_H
#define SQBOX_COMPAT_H

#include "mail-storage-private.h"
#include "mailbox-list-private.h"

/*
 * All that differs between the versions of Dovecot: this header, and
 * sqbox-compat-2.3.c or sqbox-compat-2.4.c, of which configure picks one.
 * DOVECOT_PREREQ appears nowhere else.
 */

/* Our setting of that name, or NULL; lives as long as the user. */
const char *sqbox_setting_get_str(struct mail_user *user, const char *name);

/* As mailbox_list.v.get_path() with a NULL name: FALSE if there is none. */
bool sqbox_list_get_root_path(struct mailbox_list *list,
			      enum mailbox_list_path_type type,
			      const char **path_r);

/* Is Dovecot told to keep its index files in memory? */
bool sqbox_list_index_is_in_memory(struct mailbox_list *list);

/* Does each user have flags of his own here (INDEXPVT)? */
bool sqbox_list_has_private_flags(struct mailbox_list *list);

/* Fill in what a version wants in the class structures; called once. */
void sqbox_compat_init(struct mail_storage *storage_class,
		       struct mailbox_list *list_class);

#endif
