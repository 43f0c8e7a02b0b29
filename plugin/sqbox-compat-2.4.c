/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* What is particular to Dovecot 2.4. */

#include "lib.h"
#include "array.h"
#include "mailbox-attribute.h"
#include "settings.h"
#include "sqbox-compat.h"
#include "sqbox-settings.h"
#include "sqbox-storage.h"

int sqbox_settings_get(struct mailbox_list *list,
		       struct sqbox_account_settings *set_r,
		       const char **error_r)
{
	const struct sqbox_account_settings *set;
	struct event *event;
	int ret;

	event = event_create(list->event);
	settings_event_add_filter_name(event, SQBOX_STORAGE_NAME);
	ret = settings_get(event, &sqbox_setting_parser_info, 0, &set, error_r);
	event_unref(&event);
	if (ret == 0) {
		*set_r = *set;
		set_r->pool = NULL;
		settings_free(set);
	} else if (strstr(*error_r, "has no settings struct") != NULL) {
		/* The settings module is not installed, so there is no way to
		   change our settings. */
		*set_r = sqbox_default_settings;
		ret = 0;
	}
	return ret;
}

int sqbox_list_settings_check(struct mailbox_list *list, const char **error_r)
{
	const struct mail_storage_settings *set = list->mail_set;

	if (strcmp(list->name, SQBOX_STORAGE_NAME) != 0) {
		*error_r = t_strdup_printf(
			"mailbox_list_layout = %s cannot be used with sqbox, "
			"which has its own (remove it; if it is not set, "
			"modules/settings/libsqbox_settings.so is missing)",
			list->name);
		return -1;
	}
	if (!set->mailbox_list_utf8) {
		*error_r = "mailbox_list_utf8 = no cannot be used with sqbox, "
			   "which keeps names in UTF-8 (remove it)";
		return -1;
	}
	if (strcmp(set->mail_index_path, MAIL_INDEX_PATH_MEMORY) == 0) {
		*error_r = "mail_index_path = MEMORY cannot be used with sqbox "
			   "(remove it, or name a directory)";
		return -1;
	}
	return 0;
}

bool sqbox_list_get_root_path(struct mailbox_list *list,
			      enum mailbox_list_path_type type,
			      const char **path_r)
{
	return mailbox_list_default_get_root_path(list, type, path_r);
}

bool sqbox_list_has_private_flags(struct mailbox_list *list)
{
	return *list->mail_set->mail_index_private_path != '\0';
}

bool sqbox_namespace_has_special_use(const struct mail_namespace *ns)
{
	return ns->set->parsed_have_special_use_mailboxes;
}

const char *sqbox_mailbox_configured_use(struct mailbox *box)
{
	if (box->set == NULL || !array_is_created(&box->set->special_use))
		return "";
	return t_array_const_string_join(&box->set->special_use, " ");
}

bool sqbox_storage_has_attribute_dict(struct mail_storage *storage)
{
	const char *error;

	/* Errors, too: Dovecot runs into them, and tells. */
	return mailbox_attribute_dict_is_enabled(storage->user, &error) != 0;
}

void sqbox_compat_init(struct mail_storage *storage_class,
		       struct mailbox_list *list_class)
{
	storage_class->set_info = &sqbox_setting_parser_info;
	list_class->v.get_storage = mailbox_list_default_get_storage;
}
