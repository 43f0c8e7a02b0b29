/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_SETTINGS_H
#define SQBOX_SETTINGS_H

#include "sqbox-account.h"

#define SQBOX_SETTINGS_COUNT 2

/* One of our settings (sqbox(7)), a number of 1 to max. */
struct sqbox_setting {
	const char *name;
	size_t offset; /* of its unsigned int in sqbox_account_settings */
	unsigned int max;
};

extern const struct sqbox_setting sqbox_settings[SQBOX_SETTINGS_COUNT];
extern const struct sqbox_account_settings sqbox_default_settings;

/* A sentence that names the setting, the value that is wrong, and the fix. */
const char *
sqbox_setting_error(const struct sqbox_setting *setting, const char *value);

/* Are all settings within their limits?  If not, returns FALSE and that. */
bool sqbox_settings_check(const struct sqbox_account_settings *set,
			  const char **error_r);

/* Of Dovecot 2.4 only. */
extern const struct setting_parser_info sqbox_setting_parser_info;

#endif
