/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * What Dovecot 2.4 must know of our settings.  This is in the plugin, and also
 * a module of its own, which doveconf and the config process load from
 * modules/settings: they refuse settings of which they do not know.
 */

#include "lib.h"
#include "settings-parser.h"
#include "sqbox-settings.h"

#define SQBOX_SETTING(type, name) \
	SETTING_DEFINE_STRUCT_##type("sqbox_" #name, name, \
				     struct sqbox_account_settings)

static bool sqbox_settings_check_func(void *_set, pool_t pool ATTR_UNUSED,
				      const char **error_r)
{
	const struct sqbox_account_settings *set = _set;

	return sqbox_settings_check(set, error_r);
}

static const struct setting_define sqbox_setting_defines[] = {
	{ .type = SET_FILTER_NAME, .key = "sqbox" },
	SQBOX_SETTING(UINT, compress_level),
	SQBOX_SETTING(TIME, lock_timeout),

	SETTING_DEFINE_LIST_END
};

/* Where mail_driver = sqbox, these are the defaults of Dovecot's settings. */
static const struct setting_keyvalue sqbox_default_settings_keyvalue[] = {
	{ "sqbox/mailbox_list_layout", "sqbox" },
	/* names are kept in UTF-8 */
	{ "sqbox/mailbox_list_utf8", "yes" },
	/* the store can keep a mailbox that holds nothing but others */
	{ "sqbox/mailbox_list_drop_noselect", "no" },
	{ NULL, NULL }
};

const struct setting_parser_info sqbox_setting_parser_info = {
	.name = "sqbox",

	.defines = sqbox_setting_defines,
	.defaults = &sqbox_default_settings,
	.default_settings = sqbox_default_settings_keyvalue,

	.struct_size = sizeof(struct sqbox_account_settings),
	.pool_offset1 = 1 + offsetof(struct sqbox_account_settings, pool),
	.check_func = sqbox_settings_check_func,
};

/* Looked up by these names, in libsqbox_settings.so only. */
extern const char *sqbox_settings_version;
extern const struct setting_parser_info *sqbox_settings_set_infos[];

const char *sqbox_settings_version = DOVECOT_ABI_VERSION;
const struct setting_parser_info *sqbox_settings_set_infos[] = {
	&sqbox_setting_parser_info, NULL
};
