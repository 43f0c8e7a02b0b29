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

struct sqbox_account_settings;

/*
 * Read and check our settings (sqbox(7)).  Returns 0, or -1 with a sentence
 * for the log.
 */
int sqbox_settings_get(struct mailbox_list *list,
		       struct sqbox_account_settings *set_r,
		       const char **error_r);

/* Refuse settings of Dovecot's that a store cannot be served with; as above. */
int sqbox_list_settings_check(struct mailbox_list *list, const char **error_r);

/* As mailbox_list.v.get_path() with a NULL name: FALSE if there is none. */
bool sqbox_list_get_root_path(struct mailbox_list *list,
			      enum mailbox_list_path_type type,
			      const char **path_r);

/* Does each user have flags of his own here (INDEXPVT)? */
bool sqbox_list_has_private_flags(struct mailbox_list *list);

/* Has the namespace a mailbox that is configured with a special use? */
bool sqbox_namespace_has_special_use(const struct mail_namespace *ns);

/* What is configured for the mailbox, "" if nothing; dies with the t_ frame. */
const char *sqbox_mailbox_configured_use(struct mailbox *box);

/* Is there a dict for METADATA (mail_attribute)? */
bool sqbox_storage_has_attribute_dict(struct mail_storage *storage);

/* Fill in what a version wants in the class structures; called once. */
void sqbox_compat_init(struct mail_storage *storage_class,
		       struct mailbox_list *list_class);

#endif
