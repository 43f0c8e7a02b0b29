/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "mail-user.h"
#include "sqbox-compat.h"
#include "sqbox-settings.h"

static int sqbox_setting_get_uint(struct mail_user *user, const char *name,
				  unsigned int min, unsigned int max,
				  unsigned int default_value,
				  unsigned int *value_r, const char **error_r)
{
	const char *str = sqbox_setting_get_str(user, name);

	if (str == NULL || *str == '\0') {
		*value_r = default_value;
		return 0;
	}
	if (str_to_uint(str, value_r) < 0 || *value_r < min || *value_r > max) {
		*error_r = t_strdup_printf(
			"%s = %s: must be a number from %u to %u "
			"(leave it out for %u)",
			name, str, min, max, default_value);
		return -1;
	}
	return 0;
}

int sqbox_settings_get(struct mail_user *user,
		       struct sqbox_account_settings *set_r,
		       const char **error_r)
{
	if (sqbox_setting_get_uint(user, "sqbox_compress_level", 1, 19, 3,
				   &set_r->compress_level, error_r) < 0)
		return -1;
	return sqbox_setting_get_uint(user, "sqbox_lock_timeout", 1, 3600,
				      SQB_LOCK_TIMEOUT_SECS,
				      &set_r->lock_timeout, error_r);
}
