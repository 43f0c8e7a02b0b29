/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_ERROR_H
#define SQBOX_ERROR_H

#include "common/store.h"

struct mail;
struct mailbox;
struct mailbox_list;

/*
 * Turn a failure of the store into the error of a Dovecot object.  What an
 * admin has to know is logged; what a client can act upon is told to it.
 */
void sqbox_mailbox_set_error(struct mailbox *box, enum sqb_err err);
/* A damaged message is logged, and shown as one that is gone. */
void sqbox_mail_set_error(struct mail *mail, enum sqb_err err);
void sqbox_list_set_error(struct mailbox_list *list, struct sqb_store *st,
			  const char *name, enum sqb_err err);

#endif
