/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_SETTINGS_H
#define SQBOX_SETTINGS_H

#include "sqbox-account.h"

extern const struct sqbox_account_settings sqbox_default_settings;

/*
 * Are all our settings (sqbox(7)) within their limits?  If not, returns FALSE
 * with a sentence that names the setting, its value and the fix.
 */
bool sqbox_settings_check(const struct sqbox_account_settings *set,
			  const char **error_r);

/* Of Dovecot 2.4 only. */
extern const struct setting_parser_info sqbox_setting_parser_info;

#endif
