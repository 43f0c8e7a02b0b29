/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* For Dovecot 2.4 this is also in the settings module: it needs lib only. */

#include "lib.h"
#include "sqbox-settings.h"

const struct sqbox_account_settings sqbox_default_settings = {
	.compress_level = 3,
	.lock_timeout = SQB_LOCK_TIMEOUT_SECS,
};

static bool
sqbox_setting_check(const char *name, unsigned int value, unsigned int max,
		    unsigned int default_value, const char **error_r)
{
	if (value >= 1 && value <= max)
		return TRUE;
	*error_r = t_strdup_printf(
		"%s = %u: must be a number from 1 to %u (leave it out for %u)",
		name, value, max, default_value);
	return FALSE;
}

bool sqbox_settings_check(const struct sqbox_account_settings *set,
			  const char **error_r)
{
	return sqbox_setting_check("sqbox_compress_level", set->compress_level,
				   19, sqbox_default_settings.compress_level,
				   error_r) &&
	       sqbox_setting_check("sqbox_lock_timeout", set->lock_timeout,
				   3600, sqbox_default_settings.lock_timeout,
				   error_r);
}
