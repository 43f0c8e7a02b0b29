/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* What is particular to Dovecot 2.3. */

#include "lib.h"
#include "mail-user.h"
#include "sqbox-compat.h"
#include "sqbox-settings.h"
#include "sqbox-storage.h"

int sqbox_settings_get(struct mailbox_list *list,
		       struct sqbox_account_settings *set_r,
		       const char **error_r)
{
	const struct sqbox_setting *setting;
	const char *str;
	unsigned int i;

	*set_r = sqbox_default_settings;
	for (i = 0; i < SQBOX_SETTINGS_COUNT; i++) {
		setting = &sqbox_settings[i];
		str = mail_user_plugin_getenv(list->ns->user, setting->name);
		if (str == NULL || *str == '\0')
			continue;
		if (str_to_uint(str, PTR_OFFSET(set_r, setting->offset)) < 0) {
			*error_r = sqbox_setting_error(setting, str);
			return -1;
		}
	}
	return sqbox_settings_check(set_r, error_r) ? 0 : -1;
}

int sqbox_list_settings_check(struct mailbox_list *list, const char **error_r)
{
	if (strcmp(list->name, SQBOX_STORAGE_NAME) != 0) {
		*error_r = t_strdup_printf(
			"mail_location: LAYOUT=%s cannot be used with sqbox, "
			"which has its own (remove it)",
			list->name);
		return -1;
	}
	if (list->set.index_dir != NULL && *list->set.index_dir == '\0') {
		*error_r = "mail_location: INDEX=MEMORY cannot be used with "
			   "sqbox (remove it, or name a directory)";
		return -1;
	}
	if (*list->set.mailbox_dir_name != '\0' ||
	    *list->set.maildir_name != '\0') {
		*error_r = "mail_location: MAILBOXDIR and DIRNAME cannot be "
			   "used with sqbox, where mailboxes are no "
			   "directories (give the namespace a store of its "
			   "own, such as sqbox:~/expunged)";
		return -1;
	}
	return 0;
}

bool sqbox_list_get_root_path(struct mailbox_list *list,
			      enum mailbox_list_path_type type,
			      const char **path_r)
{
	return mailbox_list_set_get_root_path(&list->set, type, path_r);
}

bool sqbox_list_has_private_flags(struct mailbox_list *list)
{
	return list->set.index_pvt_dir != NULL;
}

bool sqbox_namespace_has_special_use(const struct mail_namespace *ns)
{
	return ns->special_use_mailboxes;
}

const char *sqbox_mailbox_configured_use(struct mailbox *box)
{
	if (box->set == NULL || box->set->special_use == NULL)
		return "";
	return box->set->special_use;
}

bool sqbox_storage_has_attribute_dict(struct mail_storage *storage)
{
	return *storage->set->mail_attribute_dict != '\0';
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
