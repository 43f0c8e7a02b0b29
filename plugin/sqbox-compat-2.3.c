/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* What is particular to Dovecot 2.3. */

#include "lib.h"
#include "mail-user.h"
#include "sqbox-compat.h"
#include "sqbox-storage.h"

const char *sqbox_setting_get_str(struct mail_user *user, const char *name)
{
	return mail_user_plugin_getenv(user, name);
}

bool sqbox_list_get_root_path(struct mailbox_list *list,
			      enum mailbox_list_path_type type,
			      const char **path_r)
{
	return mailbox_list_set_get_root_path(&list->set, type, path_r);
}

bool sqbox_list_index_is_in_memory(struct mailbox_list *list)
{
	return list->set.index_dir != NULL && *list->set.index_dir == '\0';
}

bool sqbox_list_has_private_flags(struct mailbox_list *list)
{
	return list->set.index_pvt_dir != NULL;
}

static void
sqbox_storage_get_list_settings(const struct mail_namespace *ns ATTR_UNUSED,
				struct mailbox_list_settings *set)
{
	if (set->layout == NULL)
		set->layout = SQBOX_STORAGE_NAME;
	if (set->subscription_fname == NULL)
		set->subscription_fname = "subscriptions";
	/* Names are kept in UTF-8. */
	set->utf8 = TRUE;
}

void sqbox_compat_init(struct mail_storage *storage_class,
		       struct mailbox_list *list_class ATTR_UNUSED)
{
	storage_class->v.get_list_settings = sqbox_storage_get_list_settings;
}
