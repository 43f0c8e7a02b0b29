/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_PURGE_H
#define SQBOX_PURGE_H

struct mail_storage;

/*
 * doveadm purge: free the bodies of expunged messages, and remove the index
 * directories of mailboxes that are no more.
 */
int sqbox_storage_purge(struct mail_storage *storage);

#endif
