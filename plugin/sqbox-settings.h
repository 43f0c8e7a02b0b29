/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_SETTINGS_H
#define SQBOX_SETTINGS_H

#include "sqbox-account.h"

struct mail_namespace;

/*
 * Read and check our settings (sqbox(7)).  Returns 0, or -1 with a sentence
 * that names the setting, its value and the fix.
 */
int sqbox_settings_get(struct mail_user *user,
		       struct sqbox_account_settings *set_r,
		       const char **error_r);

#endif
