/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "sqbox-compat.h"
#include "sqbox-plugin.h"
#include "sqbox-storage.h"

const char *sqbox_plugin_version = DOVECOT_ABI_VERSION;

void sqbox_plugin_init(struct module *module ATTR_UNUSED)
{
	sqbox_compat_init(&sqbox_storage, &sqbox_mailbox_list);
	mailbox_list_register(&sqbox_mailbox_list);
	mail_storage_class_register(&sqbox_storage);
}

void sqbox_plugin_deinit(void)
{
	mail_storage_class_unregister(&sqbox_storage);
	mailbox_list_unregister(&sqbox_mailbox_list);
}
