/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* For Dovecot 2.4 this is also in the settings module: it needs lib only. */

#include "lib.h"
#include "sqbox-settings.h"

const struct sqbox_account_settings sqbox_default_settings = {
	.compress_level = 3,
	.lock_timeout = SQB_LOCK_TIMEOUT_SECS,
};

const struct sqbox_setting sqbox_settings[SQBOX_SETTINGS_COUNT] = {
	{
		.name = "sqbox_compress_level",
		.offset =
			offsetof(struct sqbox_account_settings, compress_level),
		.max = 19,
	},
	{
		.name = "sqbox_lock_timeout",
		.offset = offsetof(struct sqbox_account_settings, lock_timeout),
		.max = 3600,
	},
};

const char *
sqbox_setting_error(const struct sqbox_setting *setting, const char *value)
{
	const unsigned int *default_value =
		CONST_PTR_OFFSET(&sqbox_default_settings, setting->offset);

	return t_strdup_printf(
		"%s = %s: must be a number from 1 to %u (leave it out for %u)",
		setting->name, value, setting->max, *default_value);
}

bool sqbox_settings_check(const struct sqbox_account_settings *set,
			  const char **error_r)
{
	const unsigned int *value;
	unsigned int i;

	for (i = 0; i < SQBOX_SETTINGS_COUNT; i++) {
		value = CONST_PTR_OFFSET(set, sqbox_settings[i].offset);
		if (*value < 1 || *value > sqbox_settings[i].max) {
			*error_r = sqbox_setting_error(&sqbox_settings[i],
						       dec2str(*value));
			return FALSE;
		}
	}
	return TRUE;
}
