/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_PLUGIN_H
#define SQBOX_PLUGIN_H

struct module;

extern const char *sqbox_plugin_version;

void sqbox_plugin_init(struct module *module);
void sqbox_plugin_deinit(void);

#endif
